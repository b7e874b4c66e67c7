/* words: see words.h. */
#include "record/words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/utf8.h"

enum kind { KIND_SPACE, KIND_LETTER, KIND_DIGIT, KIND_SINGLE, KIND_JOINS_LETTERS, KIND_JOINS_DIGITS };

/* ---- characters ---- */

struct range {
    uint32_t from, to;
    enum kind kind;
};
/* Beyond ASCII, in order; what is not here is a letter. */
static const struct range ranges[] = {
    { 0x85, 0x85, KIND_SPACE },
    { 0xa0, 0xa0, KIND_SPACE },
    { 0xa1, 0xa1, KIND_SINGLE },
    { 0xa7, 0xa7, KIND_SINGLE },
    { 0xab, 0xab, KIND_SINGLE },
    { 0xb6, 0xb7, KIND_SINGLE },
    { 0xbb, 0xbb, KIND_SINGLE },
    { 0xbf, 0xbf, KIND_SINGLE },
    { 0x589, 0x58a, KIND_SINGLE },
    { 0x60c, 0x60c, KIND_SINGLE },
    { 0x61b, 0x61f, KIND_SINGLE },
    { 0x6d4, 0x6d4, KIND_SINGLE },
    { 0x964, 0x965, KIND_SINGLE },
    { 0x1680, 0x1680, KIND_SPACE },
    { 0x2000, 0x200a, KIND_SPACE },
    { 0x2010, 0x2018, KIND_SINGLE },
    { 0x2019, 0x2019, KIND_JOINS_LETTERS },
    { 0x201a, 0x2027, KIND_SINGLE },
    { 0x2028, 0x2029, KIND_SPACE },
    { 0x202f, 0x202f, KIND_SPACE },
    { 0x2030, 0x205e, KIND_SINGLE },
    { 0x205f, 0x205f, KIND_SPACE },
    { 0x2e00, 0x2e5d, KIND_SINGLE },
    { 0x2e80, 0x2fff, KIND_SINGLE },
    { 0x3000, 0x3000, KIND_SPACE },
    { 0x3001, 0x3098, KIND_SINGLE },
    { 0x309b, 0x312f, KIND_SINGLE },
    { 0x31a0, 0x9fff, KIND_SINGLE },
    { 0xf900, 0xfaff, KIND_SINGLE },
    { 0xfe30, 0xfe6f, KIND_SINGLE },
    { 0xff01, 0xff0f, KIND_SINGLE },
    { 0xff1a, 0xff20, KIND_SINGLE },
    { 0xff3b, 0xff40, KIND_SINGLE },
    { 0xff5b, 0xff9d, KIND_SINGLE },
    { 0x1b000, 0x1b2ff, KIND_SINGLE },
    { 0x20000, 0x3ffff, KIND_SINGLE },
};

static const unsigned char ascii_kinds[128] = {
    [0 ... 8] = KIND_LETTER,     ['\t' ... '\r'] = KIND_SPACE, [14 ... 31] = KIND_LETTER,
    [' '] = KIND_SPACE,          ['!' ... '&'] = KIND_SINGLE,  ['\''] = KIND_JOINS_LETTERS,
    ['(' ... '+'] = KIND_SINGLE, [','] = KIND_JOINS_DIGITS,    ['-'] = KIND_SINGLE,
    ['.'] = KIND_JOINS_DIGITS,   ['/'] = KIND_SINGLE,          ['0' ... '9'] = KIND_DIGIT,
    [':' ... '@'] = KIND_SINGLE, ['A' ... 'Z'] = KIND_LETTER,  ['[' ... '^'] = KIND_SINGLE,
    ['_'] = KIND_LETTER,         ['`'] = KIND_SINGLE,          ['a' ... 'z'] = KIND_LETTER,
    ['{' ... '~'] = KIND_SINGLE, [127] = KIND_LETTER,
};

/* Of a character beyond ASCII. */
static enum kind wide_kind(uint32_t c)
{
    size_t low = 0, high = sizeof ranges / sizeof ranges[0];

    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > ranges[mid].to)
            low = mid + 1;
        else
            high = mid;
    }
    return low < sizeof ranges / sizeof ranges[0] && c >= ranges[low].from ? ranges[low].kind : KIND_LETTER;
}

/* The character at `at`, which must be within the text. */
static size_t char_at(trommel_str s, size_t at, uint32_t *ret_c, enum kind *ret_kind)
{
    unsigned char first = (unsigned char)s.p[at];

    if (first < 0x80) {
        *ret_c = first;
        *ret_kind = (enum kind)ascii_kinds[first];
        return 1;
    }
    size_t n = utf8_read((const unsigned char *)s.p + at, s.n - at, ret_c);
    *ret_kind = wide_kind(*ret_c);
    return n;
}

/* ---- the book ---- */

struct seen {
    const char *p;
    uint32_t n, hash;
};
struct words_book {
    struct seen *seen; /* by number */
    uint32_t n, cap;
    uint32_t *slots; /* number + 1; 0: free */
    uint32_t n_slots;
    uint64_t seed;
};

static void *grown(void *p, size_t n, size_t size)
{
    p = reallocarray(p, n, size);
    if (!p)
        abort();
    return p;
}

struct words_book *words_book_new(void)
{
    struct words_book *b = calloc(1, sizeof *b);

    if (!b)
        abort();
    if (getrandom(&b->seed, sizeof b->seed, 0) < 0)
        b->seed = (uintptr_t)b;
    words_book_clear(b);
    return b;
}

void words_book_free(struct words_book *b)
{
    if (!b)
        return;
    free(b->seen);
    free(b->slots);
    free(b);
}

uint32_t words_book_count(const struct words_book *b)
{
    return b->n;
}

static void slot_put(struct words_book *b, uint32_t number)
{
    uint32_t at = b->seen[number].hash & (b->n_slots - 1);

    while (b->slots[at])
        at = (at + 1) & (b->n_slots - 1);
    b->slots[at] = number + 1;
}

static void book_grow(struct words_book *b)
{
    b->cap = b->cap ? 2 * b->cap : 512;
    b->seen = grown(b->seen, b->cap, sizeof *b->seen);
    free(b->slots);
    b->n_slots = 2 * b->cap;
    b->slots = calloc(b->n_slots, sizeof *b->slots);
    if (!b->slots)
        abort();
    for (uint32_t i = 1; i < b->n; i++)
        slot_put(b, i);
}

void words_book_clear(struct words_book *b)
{
    enum { KEPT = 1 << 16 };

    if (b->cap > KEPT) { /* a giant is not paid for by every text that follows */
        free(b->seen);
        free(b->slots);
        b->seen = NULL;
        b->slots = NULL;
        b->cap = b->n_slots = 0;
    }
    if (b->n_slots)
        memset(b->slots, 0, b->n_slots * sizeof *b->slots);
    b->n = 1; /* WORD_BREAK is in no slot */
}

static uint32_t book_number(struct words_book *b, const char *p, uint32_t n)
{
    uint32_t hash = (uint32_t)XXH3_64bits_withSeed(p, n, b->seed);

    if (b->n >= b->cap)
        book_grow(b);
    for (uint32_t at = hash & (b->n_slots - 1); b->slots[at]; at = (at + 1) & (b->n_slots - 1)) {
        const struct seen *s = &b->seen[b->slots[at] - 1];
        if (s->hash == hash && s->n == n && !memcmp(s->p, p, n))
            return b->slots[at] - 1;
    }
    b->seen[b->n] = (struct seen){ p, n, hash };
    slot_put(b, b->n);
    return b->n++;
}

/* ---- cutting ---- */

static void word_add(struct words *w, uint32_t number, size_t at, size_t end)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 1024;
        w->list = grown(w->list, w->cap, sizeof *w->list);
    }
    w->list[w->n++] = (struct word){ number, (uint32_t)at, (uint32_t)(end - at) };
}

/* Behind white space; *ret_lines counts the line ends in it. */
static size_t space_end(trommel_str s, size_t at, unsigned *ret_lines)
{
    enum kind kind;
    uint32_t c;

    *ret_lines = 0;
    while (at < s.n) {
        size_t n = char_at(s, at, &c, &kind);
        if (kind != KIND_SPACE)
            break;
        *ret_lines += c == '\n';
        at += n;
    }
    return at;
}

/* Does what lies between two characters of a word join them? */
static int joins(enum kind before, enum kind between, trommel_str s, size_t behind)
{
    enum kind kind;
    uint32_t c;

    if (behind >= s.n || (between != KIND_JOINS_LETTERS && between != KIND_JOINS_DIGITS))
        return 0;
    char_at(s, behind, &c, &kind);
    return between == KIND_JOINS_LETTERS ? before == KIND_LETTER && kind == KIND_LETTER
                                         : before == KIND_DIGIT && kind == KIND_DIGIT;
}

/* Behind the word that begins at `at`. */
static size_t word_end(trommel_str s, size_t at)
{
    enum kind kind, last;
    uint32_t c;

    at += char_at(s, at, &c, &last);
    if (last != KIND_LETTER && last != KIND_DIGIT)
        return at;
    while (at < s.n) {
        size_t n = char_at(s, at, &c, &kind);
        if (kind != KIND_LETTER && kind != KIND_DIGIT && !joins(last, kind, s, at + n))
            break;
        last = kind;
        at += n;
    }
    return at;
}

void words_cut(struct words *w, trommel_str text, struct words_book *b)
{
    unsigned lines;

    w->text = text;
    w->n = 0;
    for (size_t at = 0; at < text.n;) {
        size_t from = at;
        at = space_end(text, at, &lines);
        if (lines > 1 && from > 0 && at < text.n)
            word_add(w, WORD_BREAK, from, at);
        if (at == text.n)
            break;
        size_t end = w->n < WORDS_MAX ? word_end(text, at) : text.n;
        word_add(w, book_number(b, text.p + at, (uint32_t)(end - at)), at, end);
        at = end;
    }
}

void words_release(struct words *w)
{
    free(w->list);
    *w = (struct words){ .list = NULL };
}

size_t words_offset(const struct words *w, uint32_t index)
{
    return index >= w->n ? w->text.n : index ? w->list[index].at : 0;
}
