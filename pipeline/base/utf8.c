/* utf8: see utf8.h.  ASCII a few words at a time, else by the table of well-formed byte sequences
 * (Unicode, table 3-7). */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Continuation bytes that must follow `lead`, and the range of the first; 0: no lead byte. */
static unsigned lead_judge(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead >= 0xe0 && lead <= 0xef) {
        *low = lead == 0xe0 ? 0xa0 : 0x80;
        *high = lead == 0xed ? 0x9f : 0xbf;
        return 2;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *low = lead == 0xf0 ? 0x90 : 0x80;
        *high = lead == 0xf4 ? 0x8f : 0xbf;
        return 3;
    }
    return 0;
}

/* Bytes of the sequence at p that are as they must be; *whole: it is complete. */
static size_t sequence(const unsigned char *p, size_t n, int *whole)
{
    unsigned char low, high;
    unsigned more = lead_judge(p[0], &low, &high);
    size_t i = 1;

    *whole = p[0] < 0x80;
    if (!more)
        return 1;
    for (; i <= more && i < n && p[i] >= low && p[i] <= high; i++) {
        low = 0x80;
        high = 0xbf;
    }
    *whole = i == more + 1;
    return i;
}

size_t utf8_valid_prefix(const unsigned char *p, size_t n)
{
    size_t i = 0;
    int whole;

    while (i < n) {
        if (p[i] < 0x80) {
            i += utf8_ascii(p + i, n - i);
            continue;
        }
        size_t len = sequence(p + i, n - i, &whole);
        if (!whole)
            return i;
        i += len;
    }
    return n;
}

size_t utf8_bad(const unsigned char *p, size_t n)
{
    int whole;

    return sequence(p, n, &whole);
}

size_t utf8_read(const unsigned char *p, size_t n, uint32_t *ret)
{
    static const unsigned char bits[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 }; /* of the lead, by length */
    int whole;
    size_t len = sequence(p, n, &whole);

    *ret = whole ? p[0] & bits[len] : 0xfffd;
    for (size_t i = 1; whole && i < len; i++)
        *ret = *ret << 6 | (p[i] & 0x3f);
    return len;
}
