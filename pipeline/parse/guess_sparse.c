/* guess_sparse: multi-byte encodings in text that is mostly ASCII (charset.h).
 *
 * An English page saved as GB18030 has no Chinese in it, only quotes, dashes, nbsp and an accented letter
 * here and there.  What gives it away is that each of its few sequences means something in that encoding
 * (a curly quote beside a letter) and nothing in a single-byte one ("don¡¯t").  So every character is
 * weighed by how likely it stands alone in Latin text, in each multi-byte encoding and in windows-1252,
 * and the better mean wins, if it is clearly better.  Text with more than a few East Asian characters is
 * not for this: guess.c judges it by their frequency. */
#include "parse/charset.h"

enum { UNITS_MAX = 4096, MEAN_LEAST = 30, MEAN_AHEAD = 40, EAST_MOST = 30 };

/* In tenths of what a curly quote is worth. */
enum {
    W_QUOTE = 100,
    W_LETTER = 80,
    W_SIGN = 40,
    W_WIDE = 20,
    W_JOINED = -60, /* single-byte: a sign beside another */
    W_ALONE = -100, /* an East Asian character between Latin letters */
    W_UNUSED = -150,
    W_INVALID = -300,
};

static int within(lxb_codepoint_t c, lxb_codepoint_t low, lxb_codepoint_t high)
{
    return c >= low && c <= high;
}

static int is_east(lxb_codepoint_t c)
{
    return within(c, 0x2e80, 0x2fdf) || within(c, 0x3040, 0x33ff) || within(c, 0x3400, 0x9fff) ||
           within(c, 0xac00, 0xd7a3) || within(c, 0xf900, 0xfaff) || within(c, 0x20000, 0x3ffff);
}

static int is_letter(lxb_codepoint_t c)
{
    return (within(c, 0xc0, 0x24f) && c != 0xd7 && c != 0xf7) || within(c, 0x370, 0x52f) ||
           within(c, 0x1e00, 0x1eff);
}

static int weight(lxb_codepoint_t c)
{
    switch (c) {
    case 0xa0: case 0xa9: case 0xae: case 0xb7: case 0x2013: case 0x2014: case 0x2015: case 0x2018: case 0x2019:
    case 0x201c: case 0x201d: case 0x2022: case 0x2026: case 0x20ac: case 0x2122:
        return W_QUOTE;
    }
    if (is_letter(c))
        return W_LETTER;
    if (is_east(c))
        return W_ALONE;
    if (within(c, 0xa1, 0xbf) || c == 0xd7 || c == 0xf7 || within(c, 0x2000, 0x209f) || within(c, 0x2100, 0x23ff) ||
        within(c, 0x2460, 0x2bff) || within(c, 0x1f000, 0x1faff) || c == 0xfe0f)
        return W_SIGN;
    if (within(c, 0x3000, 0x303f) || within(c, 0xff00, 0xffee) || within(c, 0x2b0, 0x36f))
        return W_WIDE;
    return W_UNUSED;
}

struct sparse {
    int64_t weight;
    int units, east;
};

static int mean(const struct sparse *s)
{
    return s->units ? (int)(s->weight / s->units) : W_INVALID;
}

/* The characters that begin with a byte other than ASCII, as `e` has them. */
static void judge_multi(lxb_encoding_t e, const lxb_char_t *p, size_t n, struct sparse *s)
{
    const lxb_encoding_data_t *data = lxb_encoding_data(e);
    int was_east = 0; /* the character right before */

    *s = (struct sparse){ 0 };
    for (size_t i = 0; i < n && s->units < UNITS_MAX;) {
        if (p[i] < 0x80) {
            was_east = 0;
            i++;
            continue;
        }
        lxb_encoding_decode_t ctx;
        const lxb_char_t *at = p + i, *end = n - i > 4 ? at + 4 : p + n;
        lxb_encoding_decode_init_single(&ctx, data);
        lxb_codepoint_t c = data->decode_single(&ctx, &at, end);
        s->units++;
        if (c > LXB_ENCODING_MAX_CODEPOINT) {
            s->weight += W_INVALID;
            was_east = 0;
            i++;
            continue;
        }
        int four = at - p == (ptrdiff_t)i + 4, east = is_east(c) && !four;
        s->east += east;
        if (four) /* byte, digit, byte, digit: whatever it is, nothing else looks like it */
            s->weight += weight(c) > W_LETTER ? weight(c) : W_LETTER;
        else
            s->weight += east && was_east ? -W_ALONE + W_LETTER : weight(c); /* two in a row: a word */
        was_east = east;
        i = (size_t)(at - p) > i ? (size_t)(at - p) : i + 1;
    }
}

/* GB18030 with four bytes. */
static int is_four(const lxb_char_t *p, size_t n)
{
    return n >= 4 && p[0] >= 0x81 && within(p[1], '0', '9') && p[2] >= 0x81 && within(p[3], '0', '9');
}

static void judge_single(const lxb_char_t *p, size_t n, struct sparse *s)
{
    const lxb_encoding_data_t *data = lxb_encoding_data(LXB_ENCODING_WINDOWS_1252);

    *s = (struct sparse){ 0 };
    for (size_t i = 0; i < n && s->units < 2 * UNITS_MAX; i++) {
        if (p[i] < 0x80)
            continue;
        lxb_encoding_decode_t ctx;
        const lxb_char_t *at = p + i;
        int joined = (i > 0 && p[i - 1] >= 0x80) || (i + 1 < n && p[i + 1] >= 0x80);
        lxb_encoding_decode_init_single(&ctx, data);
        lxb_codepoint_t c = data->decode_single(&ctx, &at, at + 1);
        s->units++;
        if (c < 0xa0 || is_four(p + i, n - i) || (i > 1 && is_four(p + i - 2, n - i + 2)))
            s->weight += W_UNUSED;
        else if (joined)
            s->weight += is_letter(c) ? W_JOINED / 2 : W_JOINED;
        else
            s->weight += weight(c);
    }
}

lxb_encoding_t charset_guess_sparse(trommel_str body)
{
    static const lxb_encoding_t all[] = { LXB_ENCODING_GB18030, LXB_ENCODING_EUC_JP, LXB_ENCODING_SHIFT_JIS,
                                          LXB_ENCODING_BIG5, LXB_ENCODING_EUC_KR };
    const lxb_char_t *p = (const lxb_char_t *)body.p;
    lxb_encoding_t best = LXB_ENCODING_UNDEFINED;
    struct sparse single, s;
    int best_mean;

    judge_single(p, body.n, &single);
    best_mean = mean(&single) + MEAN_AHEAD > MEAN_LEAST ? mean(&single) + MEAN_AHEAD : MEAN_LEAST;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        judge_multi(all[i], p, body.n, &s);
        if (mean(&s) > best_mean && s.east * 100 <= s.units * EAST_MOST) {
            best = all[i];
            best_mean = mean(&s);
        }
    }
    return best;
}
