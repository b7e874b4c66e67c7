/* utf8: is it valid (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF)?  And its characters. */
#ifndef TROMMEL_BASE_UTF8_H
#define TROMMEL_BASE_UTF8_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Length of the longest valid prefix of p. */
size_t utf8_valid_prefix(const unsigned char *p, size_t n);
/* Bytes at p (which do not begin a valid sequence, n > 0) that become one U+FFFD: the longest beginning of
 * a sequence that could have been valid, at least 1 (Unicode 3.9, "maximal subpart"). */
size_t utf8_bad(const unsigned char *p, size_t n);
/* The character at p (n > 0), U+FFFD for what is not valid; gives its bytes. */
size_t utf8_read(const unsigned char *p, size_t n, uint32_t *ret);

/* Length of the run of ASCII that p begins with. */
static inline size_t utf8_ascii(const unsigned char *p, size_t n)
{
    uint64_t w[4];
    size_t i = 0;

    for (; n - i >= 32; i += 32) {
        memcpy(w, p + i, 32);
        if ((w[0] | w[1] | w[2] | w[3]) & 0x8080808080808080u)
            break;
    }
    for (; n - i >= 8; i += 8) {
        memcpy(w, p + i, 8);
        if (w[0] & 0x8080808080808080u)
            break;
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

/* utf8_valid_prefix, with the keys and short ASCII strings that records are full of done in place. */
static inline size_t utf8_valid(const void *text, size_t n)
{
    const unsigned char *p = text;
    size_t i = utf8_ascii(p, n);

    return i == n ? n : i + utf8_valid_prefix(p + i, n - i);
}
#endif
