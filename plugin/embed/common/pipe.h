/* pipe: the pipeline inside a crawler's plugin: libtrommel, a thread that dispatches, the log of what was
 * acknowledged, counts.
 *
 * The crawler's threads hand pages in at once; one that finds no room waits until there is some, which is all
 * that holds the crawler up.  A page is done when its record is acknowledged by the sink. */
#ifndef TROMMEL_EMBED_PIPE_H
#define TROMMEL_EMBED_PIPE_H
#include <trommel/trommel.h>

#include "settings.h"

/* Prints a line (without its end) where the crawler prints its own.  Any thread. */
typedef void pipe_say(int is_error, const char *text);

/* 0, or -1 with *why saying what and the mend; `why` is static. */
int pipe_open(const struct settings *s, pipe_say *say, const char **why);
/* Hands a page in, waiting for room.  The record's id is made from the URL; that of an answer without a page
 * from URL and reason, as a crawler may ask again and get the page.  Any thread.  0, or -1: there will be no
 * record (it was said why). */
int pipe_put(trommel_input *in);
/* A page that could not even be handed in, and why. */
void pipe_lost(const char *url, const char *why);
/* Says it, the first time that anything is said this way. */
void pipe_warn_once(const char *text);
/* Waits until all is acknowledged, ends the workers, says what there was.  Does nothing when nothing is open.
 */
void pipe_close(void);
#endif
