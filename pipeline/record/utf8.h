/* utf8: is it valid (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF)?  */
#ifndef TROMMEL_RECORD_UTF8_H
#define TROMMEL_RECORD_UTF8_H
#include <stddef.h>

/* Length of the longest valid prefix of p. */
size_t utf8_valid_prefix(const unsigned char *p, size_t n);
/* Bytes at p (which do not begin a valid sequence, n > 0) that become one U+FFFD: the longest beginning of
 * a sequence that could have been valid, at least 1 (Unicode 3.9, "maximal subpart"). */
size_t utf8_bad(const unsigned char *p, size_t n);
#endif
