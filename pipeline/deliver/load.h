/* load: from SINK on the command line to a sink's table with its options; internal to deliver/.
 *
 *     DIR                       the file sink, DIR as it stands
 *     SCHEME:TARGET[?KEY=VALUE[&KEY=VALUE]...]     also SCHEME://TARGET; %XX in values
 *     PATH.so:TARGET[?...]      a sink of one's own; PATH with a slash */
#ifndef TROMMEL_DELIVER_LOAD_H
#define TROMMEL_DELIVER_LOAD_H
#include <trommel/sink.h>

#include "base/err.h"

struct sink {
    const trommel_sink *table; /* never unloaded */
    char *name;                /* as the user wrote it, without options: for messages */
    char *target;
    char *query;               /* option texts point into it */
    trommel_val *values;       /* one an option row */
    unsigned char *has;        /* … and whether it has a value */
};
/* sink_dir: where to look; NULL: beside the library or program, then PREFIX/lib/trommel/sink.  The file is
 * judged by its ELF note before any of its code runs; messages name what is wrong and the mend. */
int sink_load(const char *text, const char *sink_dir, struct sink *ret, struct err *err);
void sink_release(struct sink *s); /* NULL-safe; the code stays loaded */
#endif
