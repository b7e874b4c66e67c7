/* text: one pass over UTF-8 that counts what tells prose from furniture.
 *
 * Words are runs of letters, digits and _ (as \w has it); scripts written without spaces count half a word
 * a character beside it.  Counts go on over several pieces of one text, so that a word split by inline
 * markup stays one.  Nothing depends on the language.  Bad bytes part words. */
#ifndef TROMMEL_SDK_TEXT_H
#define TROMMEL_SDK_TEXT_H
#include "dom.h"

enum { /* what a character is */
    TEXT_OTHER, TEXT_SPACE, TEXT_LOWER, TEXT_UPPER, TEXT_DIGIT, TEXT_END, TEXT_COMMA, TEXT_SEP, TEXT_COLON,
    TEXT_MONEY, TEXT_HIGH, TEXT_ALONE, /* a character of a script without spaces */
};

static const uint8_t text_class[256] = {
    ['\t'] = TEXT_SPACE, ['\n'] = TEXT_SPACE, ['\f'] = TEXT_SPACE, ['\r'] = TEXT_SPACE, [' '] = TEXT_SPACE,
    [0] = TEXT_SPACE, ['a' ... 'z'] = TEXT_LOWER, ['_'] = TEXT_LOWER, ['A' ... 'Z'] = TEXT_UPPER,
    ['0' ... '9'] = TEXT_DIGIT, ['.'] = TEXT_END, ['!'] = TEXT_END, ['?'] = TEXT_END, [','] = TEXT_COMMA,
    ['|'] = TEXT_SEP, ['/'] = TEXT_SEP, ['>'] = TEXT_SEP, [':'] = TEXT_COLON, ['$'] = TEXT_MONEY,
    [0x80 ... 0xff] = TEXT_HIGH,
};

/* The character at p (n > 0 bytes left) and its length; U+FFFD of one byte where it is none. */
SDK_INLINE uint32_t text_char(const unsigned char *p, size_t n, unsigned *ret_n)
{
    unsigned len = p[0] < 0x80 ? 1 : p[0] < 0xc2 || p[0] > 0xf4 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = len == 1 ? p[0] : len ? p[0] & (0x7fu >> len) : 0;

    *ret_n = 1;
    if (!len || len > n)
        return 0xfffd;
    for (unsigned i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0xfffd;
        c = c << 6 | (p[i] & 0x3f);
    }
    *ret_n = len;
    return c;
}

/* Class of a character above ASCII; letters are TEXT_HIGH. */
SDK_INLINE unsigned text_class_high(uint32_t c)
{
    if (c < 0xc0)
        return c == 0xa0 || c == 0x85 ? TEXT_SPACE : c == 0xa3 || c == 0xa5 ? TEXT_MONEY
             : c == 0xb7 || c == 0xbb ? TEXT_SEP : c == 0xaa || c == 0xb5 || c == 0xba ? TEXT_HIGH
                 : TEXT_OTHER;
    if (c < 0x2000)
        return (c >= 0xe00 && c < 0xf00) || (c >= 0x1000 && c < 0x10a0) || (c >= 0x1780 && c < 0x1800)
                   ? TEXT_ALONE : c == 0xd7 || c == 0xf7 ? TEXT_OTHER : TEXT_HIGH;
    if (c < 0x2c00)
        return c <= 0x200b || c == 0x2028 || c == 0x2029 || c == 0x202f ? TEXT_SPACE
             : (c >= 0x20a0 && c < 0x20d0) ? TEXT_MONEY : c == 0x2022 || c == 0x203a || c == 0x2192 ? TEXT_SEP
             : c == 0x2026 ? TEXT_END : (c >= 0x2100 && c < 0x2190) || (c >= 0x2070 && c < 0x20a0) ? TEXT_HIGH
             : TEXT_OTHER;
    if (c >= 0x3000 && c < 0x3040)
        return c == 0x3000 ? TEXT_SPACE : c == 0x3001 ? TEXT_COMMA : c == 0x3002 ? TEXT_END : TEXT_OTHER;
    if ((c >= 0x3040 && c < 0xa000) || (c >= 0xf900 && c < 0xfb00) || (c >= 0x20000 && c < 0x40000))
        return c == 0x30fb ? TEXT_SEP : TEXT_ALONE;
    if (c >= 0xff00 && c < 0xff66)
        return c == 0xff01 || c == 0xff1f ? TEXT_END : c == 0xff0c ? TEXT_COMMA : c == 0xff1a ? TEXT_COLON
             : c == 0xff5c ? TEXT_SEP : (c >= 0xff10 && c < 0xff1a) || (c >= 0xff21 && c < 0xff3b)
             || (c >= 0xff41 && c < 0xff5b) ? TEXT_HIGH : TEXT_OTHER;
    if (c == 0xfeff)
        return TEXT_SPACE;
    return (c >= 0xe000 && c < 0xf900) || (c >= 0xfe30 && c < 0xfe50) || c == 0xfffd
                   || (c >= 0x1f000 && c < 0x20000) ? TEXT_OTHER : TEXT_HIGH;
}

/* A small set of word hashes: answers may be wrongly yes. */
struct text_set {
    uint64_t bits[32];
    uint32_t n;
};

SDK_INLINE int text_set_has(const struct text_set *s, uint64_t h)
{
    return s->bits[h >> 59] >> (h >> 53 & 63) & 1;
}

struct text_stats {
    uint32_t words, alone;     /* words; characters of scripts without spaces, which are in no word */
    uint32_t chars;            /* with white space collapsed */
    uint32_t letters, upper, digits, sents, commas, seps, high;
    uint32_t in_title, in_desc;
    uint64_t hash;             /* of the words in lower case (ASCII) */
    uint8_t first, last;       /* TEXT_* of the first and last character that is no space */
    uint8_t price, date, at, url;
    /* where the next piece goes on */
    uint8_t in_word, space, all_digits, joined, date_run;
    uint32_t word_n, value;
    uint64_t word;
};

/* Words as they are counted everywhere: a text's size for the decoder. */
SDK_INLINE uint32_t text_size(const struct text_stats *t)
{
    return t->words + (t->alone + 1) / 2;
}

SDK_INLINE void text_word_end(struct text_stats *t, const struct text_set *title, const struct text_set *desc)
{
    uint64_t h = sdk_mix(t->word ^ t->word_n);

    t->words++;
    t->hash = (t->hash ^ h) * 0x9E3779B97F4A7C15u;
    t->hash ^= t->hash >> 31;
    if (title && text_set_has(title, h))
        t->in_title++;
    if (desc && text_set_has(desc, h))
        t->in_desc++;
    if (t->all_digits && t->word_n <= 4) {
        t->date_run = t->joined ? t->date_run + (t->date_run < 9) : 1;
        if ((t->word_n == 4 && t->value >= 1900 && t->value < 2100) || t->date_run >= 3)
            t->date = 1;
    } else {
        t->date_run = 0;
    }
    t->in_word = t->joined = 0;
}

SDK_INLINE void text_word_char(struct text_stats *t, uint32_t c, int digit)
{
    if (!t->in_word) {
        t->in_word = 1;
        t->word = t->word_n = t->value = 0;
        t->all_digits = 1;
        t->chars += t->space && t->chars;
        t->space = 0;
    }
    t->word = (t->word << 7 ^ t->word >> 49) + c;
    t->word_n++;
    if (!digit)
        t->all_digits = 0;
    else if (t->word_n <= 4)
        t->value = t->value * 10 + (c - '0');
}

/* What is no word character: cls and, where it matters, c. */
SDK_INLINE void text_other(struct text_stats *t, unsigned cls, uint32_t c)
{
    if (cls == TEXT_SPACE) {
        t->sents += t->last == TEXT_END && !t->space;
        t->space = 1;
        return;
    }
    t->chars += t->space && t->chars;
    t->space = 0;
    t->commas += cls == TEXT_COMMA;
    t->seps += cls == TEXT_SEP;
    t->at |= c == '@';
    t->url |= c == '/' && t->last == TEXT_SEP;
    /* full stops of scripts without spaces end a sentence without one */
    t->sents += cls == TEXT_END && c >= 0x3000;
}

SDK_INLINE void text_stats_add(struct text_stats *t, const char *s, size_t n, const struct text_set *title,
                               const struct text_set *desc)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + n;

    while (p < end) {
        uint32_t c = *p;
        unsigned cls = text_class[c], len = 1;
        if (cls == TEXT_LOWER) { /* most of all text */
            const unsigned char *from = p;
            text_word_char(t, c, 0);
            uint64_t word = t->word;
            while (++p < end && text_class[*p] == TEXT_LOWER)
                word = (word << 7 ^ word >> 49) + *p;
            t->word = word;
            t->word_n += (uint32_t)(p - from) - 1;
            t->letters += (uint32_t)(p - from);
            t->chars += (uint32_t)(p - from);
            if (!t->first)
                t->first = TEXT_LOWER + 1;
            t->last = TEXT_LOWER;
            continue;
        }
        if (cls == TEXT_HIGH) {
            c = text_char(p, (size_t)(end - p), &len);
            cls = text_class_high(c);
            t->high++;
        }
        p += len;
        if (cls == TEXT_UPPER || cls == TEXT_HIGH) {
            text_word_char(t, cls == TEXT_UPPER ? c + 32 : c, 0);
            t->letters++;
            t->upper += cls == TEXT_UPPER;
        } else if (cls == TEXT_DIGIT) {
            t->price |= t->last == TEXT_MONEY;
            text_word_char(t, c, 1);
            t->digits++;
        } else {
            int was_digits = t->in_word && t->all_digits;
            if (t->in_word)
                text_word_end(t, title, desc);
            t->joined = was_digits && (c == '-' || c == '/' || c == '.');
            text_other(t, cls, c);
            if (cls == TEXT_ALONE) {
                t->alone++;
                t->hash = (t->hash ^ c) * 0x9E3779B97F4A7C15u;
            }
            t->price |= cls == TEXT_MONEY && t->last == TEXT_DIGIT;
        }
        if (cls == TEXT_SPACE)
            continue;
        t->chars++;
        if (!t->first)
            t->first = (uint8_t)(cls + 1);
        t->last = (uint8_t)cls;
    }
}

/* The text is over: the word and sentence at its end count. */
SDK_INLINE void text_stats_end(struct text_stats *t, const struct text_set *title,
                               const struct text_set *desc)
{
    if (t->in_word)
        text_word_end(t, title, desc);
    t->sents += t->last == TEXT_END && !t->space;
    t->space = 1;
}

/* Adds the words of a text to a set. */
SDK_INLINE void text_set_add(struct text_set *set, const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + (n < 4096 ? n : 4096);
    struct text_stats t = { 0 };

    while (p <= end) {
        unsigned len = 1, cls = TEXT_SPACE;
        uint32_t c = ' ';
        if (p < end) {
            c = text_char(p, (size_t)(end - p), &len);
            cls = c < 0x80 ? text_class[c] : text_class_high(c);
        }
        p += len;
        if (cls == TEXT_LOWER || cls == TEXT_UPPER || cls == TEXT_HIGH || cls == TEXT_DIGIT) {
            text_word_char(&t, cls == TEXT_UPPER ? c + 32 : c, cls == TEXT_DIGIT);
        } else if (t.in_word) {
            uint64_t h = sdk_mix(t.word ^ t.word_n);
            set->n += !text_set_has(set, h);
            set->bits[h >> 59] |= 1ull << (h >> 53 & 63);
            t.in_word = 0;
        }
    }
}
#endif
