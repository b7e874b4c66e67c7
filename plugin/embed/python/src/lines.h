/* lines: what the library and the stages say, kept until Python asks for it.
 *
 * Added by any thread, with or without the GIL; past LINES_MAX what is new is thrown away. */
#ifndef TROMMEL_PYTHON_LINES_H
#define TROMMEL_PYTHON_LINES_H
#include "python.h"

#include <pthread.h>

struct lines {
    pthread_mutex_t lock;
    struct line *first, **last;
    unsigned n;
};
void lines_init(struct lines *l);
void lines_release(struct lines *l);
void lines_add(struct lines *l, int level, const char *text);
PyObject *lines_take(struct lines *l); /* all of them, [(level, text), ...]; a new reference; needs the GIL */
#endif
