/* text: see text.h. */
#include "command/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* One character at s: its bytes (at least 1) and width; -1: not to be printed. */
static size_t char_read(const char *s, size_t n, int *ret_width)
{
    mbstate_t state = { 0 };
    wchar_t c;
    size_t k = mbrtowc(&c, s, n, &state);

    if (k == 0 || k > n) { /* NUL, invalid or cut */
        *ret_width = -1;
        return 1;
    }
    *ret_width = wcwidth(c);
    if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
        c == 0xfeff)
        *ret_width = -1;
    return k;
}

unsigned text_width(const char *s)
{
    size_t n = strlen(s);
    unsigned w = 0;
    int one;

    while (n) {
        size_t k = char_read(s, n, &one);
        w += one > 0 ? (unsigned)one : 0;
        s += k;
        n -= k;
    }
    return w;
}

char *text_clean(trommel_str s)
{
    char *out = malloc(TEXT_BYTES + 1), *o = out;
    int space = 0, width;

    if (!out)
        return NULL;
    while (s.n && o < out + TEXT_BYTES - MB_LEN_MAX - 1) {
        size_t k = char_read(s.p, s.n, &width);
        if (width < 0 || (k == 1 && *s.p == ' ')) {
            space = o > out;
        } else {
            if (space)
                *o++ = ' ';
            space = 0;
            memcpy(o, s.p, k);
            o += k;
        }
        s.p += k;
        s.n -= k;
    }
    *o = '\0';
    return out;
}

void text_print(FILE *f, const char *s, unsigned width, int last)
{
    unsigned left = width, full = text_width(s);
    size_t n = strlen(s);
    int one;

    if (full > width)
        left--; /* for the ellipsis */
    while (n) {
        size_t k = char_read(s, n, &one);
        if (one > 0 && (unsigned)one > left)
            break;
        left -= one > 0 ? (unsigned)one : 0;
        fwrite(s, 1, k, f);
        s += k;
        n -= k;
    }
    if (full > width)
        fputs("…", f);
    if (!last)
        fprintf(f, "%*s", (int)(left + TEXT_GAP), "");
}
