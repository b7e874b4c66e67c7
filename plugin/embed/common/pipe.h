/* pipe: the pipeline inside a crawler's plugin: libtrommel, a thread that dispatches, the log of what was
 * acknowledged, counts.
 *
 * The crawler's threads hand pages in and wait until a worker has room for the page: then its body is copied
 * once, from the crawler's memory to the worker's, and that is all that holds the crawler up.  A page is done
 * when its record is acknowledged by the sink. */
#ifndef TROMMEL_EMBED_PIPE_H
#define TROMMEL_EMBED_PIPE_H
#include <trommel/trommel.h>

#include "settings.h"

/* Prints a line (without its end) where the crawler prints its own.  Any thread. */
typedef void pipe_say(int is_error, const char *text);

/* 0, or -1 with *why saying what and the mend; `why` is static. */
int pipe_open(const struct settings *s, pipe_say *say, const char **why);
/* Hands a page in, and waits until its body is not needed any more.  The record's id is made from the URL;
 * that of an answer without a page from URL and reason, as a crawler may ask again and get the page.  Any
 * thread.  0, or -1: there will be no record (it was said why). */
int pipe_put(trommel_input *in);
/* A page that could not even be handed in, and why. */
void pipe_lost(const char *url, const char *why);
/* Says it, the first time that anything is said this way. */
void pipe_warn_once(const char *text);
/* Waits until all is acknowledged, ends the workers, says what there was.  Does nothing when nothing is open.
 */
void pipe_close(void);
#endif
