/* head: one header field out of an answer's head. */
#ifndef TROMMEL_EMBED_HEAD_H
#define TROMMEL_EMBED_HEAD_H
#include <trommel/stage.h> /* trommel_str */

/* The value of the first field of that name in lines of "Name: value", trimmed; empty if there is none. Names
 * are compared without case.  Borrows from the head. */
trommel_str head_value(trommel_str head, const char *name);
#endif
