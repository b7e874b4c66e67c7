/* headers: the headers of a page, however the host has them: as lines, and looked up in lines. */
#ifndef TROMMEL_COMMAND_STREAM_HEADERS_H
#define TROMMEL_COMMAND_STREAM_HEADERS_H
#include <trommel/stage.h>

#include "base/buf.h"
#include "base/err.h"

/* The msgpack value from p to end as "Name: value\r\n" lines, appended: a map of names to a value or an array
 * of them, or an array of [name, value].  A value is text, bytes, a whole number, or nil (left out).  Names
 * that begin with a colon (HTTP/2's own) are left out; line breaks and NULs of values become spaces.  0, or
 * ERR_INVALID or ERR_LIMIT with the header, what was wrong and the mend. */
int headers_lines(const unsigned char *p, const unsigned char *end, struct buf *lines, struct err *err);
/* The value of the last header of that name that has one, in lines; borrowed from them. */
trommel_str headers_last(trommel_str lines, const char *name);
/* Of all of that name, joined by ", " in their order: where there are several, made in scratch. */
trommel_str headers_joined(trommel_str lines, const char *name, struct buf *scratch);
#endif
