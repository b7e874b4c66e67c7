/* guess: the encoding of a page that does not say (charset.h).
 *
 * In order: UTF-16 by its zero bytes; UTF-8 by being valid (or nearly); ISO-2022-JP by its escapes; Latin
 * text in a multi-byte encoding (guess_sparse.c); then the East Asian encodings, each judged by what its bytes would mean: every character of the sample gets
 * a weight (kana, the standard's block of common characters, the most frequent ones, rare blocks,
 * impossible sequences), and the mean decides.  What is none of these is left to uchardet, which is
 * given the text between tags that has other bytes than ASCII; without an answer it is windows-1252. */
#include <string.h>
#include <uchardet/uchardet.h>

#include "parse/charset.h"
#include "parse/guess_tables.h"
#include "parse/sniff.h"

enum {
    UNITS_MAX = 24 * 1024,    /* characters judged */
    SAMPLE_BYTES = 32 * 1024, /* given to uchardet */
    SCAN_BYTES = 2 * 1024 * 1024,
    HIGH_LEAST = 6,           /* bytes other than ASCII, for a guess to be worth more than the default */
};

/* ---- weights ----------------------------------------------------------------------------------- */

/* Of one character, in hundredths. */
enum {
    W_INVALID = -300,
    W_ALIEN = -120, /* private or unassigned there */
    W_RARE = -40,
    W_SECOND = 20,  /* the standard's second level */
    W_MARK = 60,    /* punctuation, full-width letters */
    W_FIRST = 80,   /* the first level: common characters */
    W_KANA = 100,
    W_HANGUL = 95,
    W_FREQUENT = 150,
};

enum kind { K_OTHER, K_KANA, K_HANGUL, K_LOW }; /* K_LOW: a trail byte below 0x80 */

struct unit {
    unsigned n; /* bytes */
    int weight;
    enum kind kind;
};

static int is_frequent(const uint16_t *list, size_t n, unsigned code)
{
    size_t low = 0;

    while (n) {
        size_t half = n / 2;
        if (list[low + half] < code) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return list[low] == code; /* lists end with a code above all */
}

#define FREQUENT(list, code) is_frequent(list, sizeof list / sizeof *list - 1, code)

static int in(unsigned c, unsigned low, unsigned high)
{
    return c >= low && c <= high;
}

/* A row of JIS X 0208. */
static struct unit jis_row(unsigned row, unsigned n)
{
    if (row == 4)
        return (struct unit){ n, W_KANA, K_KANA };
    if (row == 5)
        return (struct unit){ n, W_KANA - 10, K_KANA };
    int w = row <= 3 ? W_MARK : row <= 8 ? 0 : row == 13 ? W_SECOND : in(row, 16, 47) ? W_FIRST
                                           : in(row, 48, 84)                          ? W_SECOND
                                           : in(row, 89, 92) || row >= 115            ? W_RARE
                                                                                      : W_ALIEN;
    return (struct unit){ n, w, K_OTHER };
}

static struct unit unit_sjis(const unsigned char *p, size_t n)
{
    unsigned a = p[0], b = n > 1 ? p[1] : 0;

    if (in(a, 0xa1, 0xdf))
        return (struct unit){ 1, W_RARE, K_OTHER }; /* half-width kana */
    if (!in(a, 0x81, 0x9f) && !in(a, 0xe0, 0xfc))
        return (struct unit){ 1, W_INVALID, K_OTHER };
    if (!in(b, 0x40, 0x7e) && !in(b, 0x80, 0xfc))
        return (struct unit){ 1, W_INVALID, K_OTHER };
    unsigned row = (a - (a < 0xa0 ? 0x81 : 0xc1)) * 2 + (b >= 0x9f ? 2 : 1);
    return in(a, 0xf0, 0xf9) ? (struct unit){ 2, W_ALIEN, K_OTHER } : jis_row(row, 2);
}

static struct unit unit_eucjp(const unsigned char *p, size_t n)
{
    unsigned a = p[0], b = n > 1 ? p[1] : 0;

    if (a == 0x8e)
        return in(b, 0xa1, 0xdf) ? (struct unit){ 2, W_RARE, K_OTHER }
                                 : (struct unit){ 1, W_INVALID, K_OTHER };
    if (a == 0x8f)
        return n > 2 && in(b, 0xa1, 0xfe) && in(p[2], 0xa1, 0xfe) ? (struct unit){ 3, W_RARE, K_OTHER }
                                                                  : (struct unit){ 1, W_INVALID, K_OTHER };
    if (!in(a, 0xa1, 0xfe) || !in(b, 0xa1, 0xfe))
        return (struct unit){ 1, W_INVALID, K_OTHER };
    return jis_row(a - 0xa0, 2);
}

static struct unit unit_gb(const unsigned char *p, size_t n)
{
    unsigned a = p[0], b = n > 1 ? p[1] : 0;

    if (in(b, 0x30, 0x39) && a >= 0x81 && a != 0xff)
        return n > 3 && in(p[2], 0x81, 0xfe) && in(p[3], 0x30, 0x39) ? (struct unit){ 4, W_RARE, K_OTHER }
                                                                     : (struct unit){ 1, W_INVALID, K_OTHER };
    if (!in(a, 0x81, 0xfe) || !in(b, 0x40, 0xfe) || b == 0x7f)
        return (struct unit){ 1, W_INVALID, K_OTHER };
    if (b < 0xa1) /* GBK's additions; traditional characters are among them */
        return (struct unit){ 2, in(a, 0xa1, 0xa7) ? W_ALIEN : W_RARE, b < 0x80 ? K_LOW : K_OTHER };
    if (a < 0xa1)
        return (struct unit){ 2, W_RARE, K_OTHER };
    if (in(a, 0xa4, 0xa5))
        return (struct unit){ 2, W_SECOND, K_KANA };
    if (a <= 0xa3)
        return (struct unit){ 2, W_MARK, K_OTHER };
    if (in(a, 0xa6, 0xa9))
        return (struct unit){ 2, 0, K_OTHER };
    if (in(a, 0xaa, 0xaf) || a >= 0xf8)
        return (struct unit){ 2, W_ALIEN, K_OTHER };
    int w = FREQUENT(frequent_gb, a << 8 | b) ? W_FREQUENT : a <= 0xd7 ? W_FIRST : W_SECOND;
    return (struct unit){ 2, w, K_OTHER };
}

static struct unit unit_big5(const unsigned char *p, size_t n)
{
    unsigned a = p[0], b = n > 1 ? p[1] : 0;

    if (!in(a, 0x81, 0xfe) || (!in(b, 0x40, 0x7e) && !in(b, 0xa1, 0xfe)))
        return (struct unit){ 1, W_INVALID, K_OTHER };
    enum kind low = b < 0x80 ? K_LOW : K_OTHER;
    if (in(a, 0xa1, 0xa3))
        return (struct unit){ 2, W_MARK, low };
    if (in(a, 0xa4, 0xc6) && (a << 8 | b) <= 0xc67e)
        return (struct unit){ 2, FREQUENT(frequent_big5, a << 8 | b) ? W_FREQUENT : W_FIRST, low };
    if (in(a, 0xc9, 0xf9) && (a << 8 | b) <= 0xf9d5)
        return (struct unit){ 2, W_SECOND, low };
    return (struct unit){ 2, W_RARE, low };
}

static struct unit unit_euckr(const unsigned char *p, size_t n)
{
    unsigned a = p[0], b = n > 1 ? p[1] : 0;

    if (!in(a, 0x81, 0xfe) || (!in(b, 0x41, 0x5a) && !in(b, 0x61, 0x7a) && !in(b, 0x81, 0xfe)))
        return (struct unit){ 1, W_INVALID, K_OTHER };
    if (a < 0xa1 || b < 0xa1) /* the rarer syllables, up to a lead of 0xc6 */
        return (struct unit){ 2, a <= 0xc6 ? W_RARE : W_INVALID, a <= 0xc6 ? K_HANGUL : K_OTHER };
    if (in(a, 0xb0, 0xc8))
        return (struct unit){ 2, FREQUENT(frequent_kr, a << 8 | b) ? W_FREQUENT : W_HANGUL, K_HANGUL };
    if (a <= 0xa3)
        return (struct unit){ 2, W_MARK, K_OTHER };
    if (in(a, 0xca, 0xfd))
        return (struct unit){ 2, W_RARE, K_OTHER };
    return (struct unit){ 2, a <= 0xac ? 0 : W_ALIEN, K_OTHER };
}

/* ---- judging ----------------------------------------------------------------------------------- */

struct tally {
    uint32_t units, invalid, joined, kana, hangul, low, frequent, narrow;
    int64_t weight;
};

static void tally_make(struct unit (*unit)(const unsigned char *, size_t), const unsigned char *p, size_t n,
                       struct tally *t)
{
    size_t last = SIZE_MAX; /* where the unit before ended */

    *t = (struct tally){ 0 };
    for (size_t i = 0; i < n && t->units < UNITS_MAX;) {
        if (p[i] < 0x80) {
            i++;
            continue;
        }
        struct unit u = unit(p + i, n - i);
        t->units++;
        t->weight += u.weight;
        t->invalid += u.weight == W_INVALID;
        t->joined += i == last;
        t->kana += u.kind == K_KANA;
        t->hangul += u.kind == K_HANGUL;
        t->low += u.kind == K_LOW;
        t->frequent += u.weight == W_FREQUENT;
        t->narrow += u.n == 2 && in(p[i], 0xc0, 0xdf) && in(p[i + 1], 0xc0, 0xdf);
        i += u.n;
        last = i;
    }
}

/* The mean weight, less what does not fit the language. */
static int tally_score(lxb_encoding_t e, const struct tally *t)
{
    if (t->units == 0)
        return W_INVALID;
    int n = (int)t->units, score = (int)(t->weight / n);
    int kana = (int)t->kana * 100 / n, hangul = (int)t->hangul * 100 / n, low = (int)t->low * 100 / n;
    int frequent = (int)t->frequent * 100 / n, narrow = (int)t->narrow * 100 / n;

    if (t->invalid * 20 > t->units + 20)
        return W_INVALID;
    /* East Asian text comes in runs; an accented letter stands alone. */
    if (t->joined * 100 / t->units < 35 && frequent + kana < 40)
        score -= 100;
    if ((e == LXB_ENCODING_SHIFT_JIS || e == LXB_ENCODING_EUC_JP) && kana < 8)
        score -= 40;
    if ((e == LXB_ENCODING_GB18030 || e == LXB_ENCODING_BIG5) && kana > 12)
        score -= 60;
    if (e == LXB_ENCODING_EUC_KR && hangul < 70)
        score -= 60;
    if (e == LXB_ENCODING_BIG5 && low < 12)
        score -= 40;
    if ((e == LXB_ENCODING_GB18030 || e == LXB_ENCODING_BIG5) && n >= 24 && frequent < 20)
        score -= 50;
    /* Lower case KOI8 has 32 bytes only, which happen to lead common characters. */
    if (e == LXB_ENCODING_GB18030 && narrow > 75)
        score -= 60;
    return score;
}

static lxb_encoding_t guess_east(trommel_str body)
{
    static const struct {
        lxb_encoding_t encoding;
        struct unit (*unit)(const unsigned char *, size_t);
    } all[] = { { LXB_ENCODING_SHIFT_JIS, unit_sjis },
                { LXB_ENCODING_EUC_JP, unit_eucjp },
                { LXB_ENCODING_GB18030, unit_gb },
                { LXB_ENCODING_BIG5, unit_big5 },
                { LXB_ENCODING_EUC_KR, unit_euckr } };
    lxb_encoding_t best = LXB_ENCODING_UNDEFINED;
    int best_score = 45; /* less is no East Asian text */

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct tally t;
        tally_make(all[i].unit, (const unsigned char *)body.p, body.n, &t);
        int score = tally_score(all[i].encoding, &t);
        if (score > best_score && t.units >= 2) {
            best = all[i].encoding;
            best_score = score;
        }
    }
    return best;
}

/* ---- the rest ---------------------------------------------------------------------------------- */

/* UTF-8 with a few bytes broken, or cut off in a character. */
static int is_mostly_utf8(trommel_str b)
{
    size_t good = 0, bad = 0;

    for (size_t at = 0; at < b.n && bad * 50 <= good + 50;) {
        size_t n = utf8_valid(b.p + at, b.n - at);
        for (size_t i = at; i < at + n; i++)
            good += (unsigned char)b.p[i] >= 0xc0;
        at += n;
        if (at >= b.n)
            break;
        size_t left = b.n - at;
        if (left < 4 && (unsigned char)b.p[at] >= 0xc2 && utf8_valid(b.p, at) == at) {
            size_t k = 1;
            while (k < left && ((unsigned char)b.p[at + k] & 0xc0) == 0x80)
                k++;
            if (k == left) /* the last character, cut */
                return 1;
        }
        bad++;
        at++;
    }
    return good >= 8 && bad * 50 <= good;
}

static int has_jis_escape(trommel_str b)
{
    return memmem(b.p, b.n, "\x1b$B", 3) || memmem(b.p, b.n, "\x1b$@", 3);
}

/* Russian, Ukrainian, Bulgarian and Serbian text is mostly ten letters; each encoding has them elsewhere. */
static lxb_encoding_t guess_cyrillic(const unsigned char *p, size_t n)
{
    static const struct {
        lxb_encoding_t encoding;
        unsigned char common[11]; /* о е а и н т с р в л */
        unsigned char low_from, low_to, more_from, more_to; /* small letters */
        unsigned char high_from, high_to;                   /* capitals */
    } all[] = {
        { LXB_ENCODING_WINDOWS_1251, "\xee\xe5\xe0\xe8\xed\xf2\xf1\xf0\xe2\xeb",
          0xe0, 0xff, 0xb3, 0xbf, 0xc0, 0xdf },
        { LXB_ENCODING_KOI8_R, "\xcf\xc5\xc1\xc9\xce\xd4\xd3\xd2\xd7\xcc",
          0xc0, 0xdf, 0xa3, 0xa7, 0xe0, 0xff },
        { LXB_ENCODING_ISO_8859_5, "\xde\xd5\xd0\xd8\xdd\xe2\xe1\xe0\xd2\xdb",
          0xd0, 0xef, 0xf1, 0xff, 0xb0, 0xcf },
        { LXB_ENCODING_IBM866, "\xae\xa5\xa0\xa8\xad\xe2\xe1\xe0\xa2\xab",
          0xa0, 0xaf, 0xe0, 0xef, 0x80, 0x9f },
    };
    lxb_encoding_t best = LXB_ENCODING_UNDEFINED;
    size_t best_share = 50; /* of all letters, in hundredths */

    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        size_t letters = 0, common = 0, odd = 0, latin = 0;
        int small = 0;
        for (size_t i = 0; i < n; i++) {
            unsigned c = p[i];
            int low = in(c, all[k].low_from, all[k].low_to) || in(c, all[k].more_from, all[k].more_to);
            int high = in(c, all[k].high_from, all[k].high_to);
            letters += c >= 0x80;
            latin += c >= 0x80 && i && in(p[i - 1] | 0x20, 'a', 'z');
            latin += c >= 0x80 && i + 1 < n && in(p[i + 1] | 0x20, 'a', 'z');
            common += low && memchr(all[k].common, (int)c, 10) != NULL;
            odd += c >= 0x80 && !low && !high;
            odd += high && small; /* a capital within a word */
            small = low;
        }
        if (letters >= 12 && odd * 8 <= letters && latin * 8 <= letters &&
            common * 100 / letters > best_share) {
            best_share = common * 100 / letters;
            best = all[k].encoding;
        }
    }
    return best;
}

/* The pieces of text between tags that have other bytes than ASCII, parted by spaces. */
static size_t sample_make(trommel_str b, int is_html, unsigned char out[SAMPLE_BYTES])
{
    size_t n = 0, end = b.n < SCAN_BYTES ? b.n : SCAN_BYTES;

    for (size_t at = 0; at < end && n < SAMPLE_BYTES - 1;) {
        size_t from = at, high = 0;
        for (; at < end && !(is_html && (b.p[at] == '<' || b.p[at] == '>')) && at - from < 4096; at++)
            high += (unsigned char)b.p[at] >= 0x80;
        size_t len = at - from < SAMPLE_BYTES - 1 - n ? at - from : SAMPLE_BYTES - 1 - n;
        if (high) {
            memcpy(out + n, b.p + from, len);
            n += len;
            out[n++] = ' ';
        }
        at += at == from || (at < end && is_html && (b.p[at] == '<' || b.p[at] == '>'));
    }
    return n;
}

static size_t high_bytes(const unsigned char *p, size_t n)
{
    size_t high = 0;

    for (size_t i = 0; i < n; i++)
        high += p[i] >= 0x80;
    return high;
}

/* Relatives that differ in a few letters are told apart by the bytes that only one of them uses. */
static lxb_encoding_t relative_pick(lxb_encoding_t e, const unsigned char *p, size_t n)
{
    size_t controls = 0, euro = 0; /* 0x80 to 0x9f: letters and quotes in Microsoft's sets only */

    for (size_t i = 0; i < n; i++) {
        controls += in(p[i], 0x80, 0x9f);
        euro += p[i] == 0xa4;
    }
    switch (e) {
    case LXB_ENCODING_ISO_8859_2: case LXB_ENCODING_WINDOWS_1250:
        return controls ? LXB_ENCODING_WINDOWS_1250 : LXB_ENCODING_ISO_8859_2;
    case LXB_ENCODING_ISO_8859_7: case LXB_ENCODING_WINDOWS_1253:
        return controls ? LXB_ENCODING_WINDOWS_1253 : LXB_ENCODING_ISO_8859_7;
    case LXB_ENCODING_ISO_8859_8:
        return LXB_ENCODING_WINDOWS_1255;
    case LXB_ENCODING_ISO_8859_15:
        return euro && !controls ? e : LXB_ENCODING_WINDOWS_1252;
    case LXB_ENCODING_ISO_8859_3: case LXB_ENCODING_ISO_8859_4: case LXB_ENCODING_ISO_8859_10:
    case LXB_ENCODING_ISO_8859_14: case LXB_ENCODING_ISO_8859_16: case LXB_ENCODING_WINDOWS_1258:
        return LXB_ENCODING_WINDOWS_1252; /* far rarer than the guess is wrong */
    default:
        return e;
    }
}

static lxb_encoding_t guess_other(trommel_str body, int is_html)
{
    unsigned char sample[SAMPLE_BYTES];
    size_t n = sample_make(body, is_html, sample);
    lxb_encoding_t e = LXB_ENCODING_UNDEFINED, cyrillic = guess_cyrillic(sample, n);
    uchardet_t u = high_bytes(sample, n) >= HIGH_LEAST ? uchardet_new() : NULL;

    if (u && uchardet_handle_data(u, (const char *)sample, n) == 0) {
        uchardet_data_end(u);
        const char *name = uchardet_get_charset(u);
        e = charset_label((trommel_str){ name, strlen(name) });
    }
    if (u)
        uchardet_delete(u);
    /* uchardet misses short Cyrillic text, and knows Hebrew, which resembles it, well. */
    if (cyrillic != LXB_ENCODING_UNDEFINED && e != LXB_ENCODING_WINDOWS_1255 && e != LXB_ENCODING_ISO_8859_8)
        return cyrillic;
    switch (e) {
    case LXB_ENCODING_UTF_8:
    case LXB_ENCODING_UTF_16BE:
    case LXB_ENCODING_UTF_16LE:
    case LXB_ENCODING_SHIFT_JIS:
    case LXB_ENCODING_EUC_JP: case LXB_ENCODING_EUC_KR: case LXB_ENCODING_GB18030: case LXB_ENCODING_GBK:
    case LXB_ENCODING_BIG5: case LXB_ENCODING_ISO_2022_JP: case LXB_ENCODING_REPLACEMENT:
        return LXB_ENCODING_UNDEFINED; /* judged above, and it was none */
    default:
        return relative_pick(e, sample, n);
    }
}

lxb_encoding_t charset_guess(trommel_str body, int is_html, int *ret_default)
{
    int order = sniff_utf16(body);

    if (order)
        return order > 0 ? LXB_ENCODING_UTF_16BE : LXB_ENCODING_UTF_16LE;
    if (utf8_valid(body.p, body.n) == body.n)
        return has_jis_escape(body) ? LXB_ENCODING_ISO_2022_JP : LXB_ENCODING_UTF_8;
    if (is_mostly_utf8(body))
        return LXB_ENCODING_UTF_8;
    lxb_encoding_t e = charset_guess_sparse(body);
    if (e == LXB_ENCODING_UNDEFINED)
        e = guess_east(body);
    if (e == LXB_ENCODING_UNDEFINED)
        e = guess_other(body, is_html);
    *ret_default = e == LXB_ENCODING_UNDEFINED;
    return *ret_default ? LXB_ENCODING_WINDOWS_1252 : e;
}
