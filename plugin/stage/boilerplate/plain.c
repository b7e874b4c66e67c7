/* plain: see plain.h.
 *
 * A line is strong prose when it is long and ends like a sentence.  The text runs from the first strong
 * line to the last, and on over whole sentences beside them.  What lies before (path, headline, byline) and
 * behind (lists of other titles) goes.  Inside it goes what was a teaser: a single bullet without an end of
 * sentence, or a long run of short lines.  Texts broken at a column, texts with little prose and texts
 * with hardly anything around the prose are kept whole. */
#include "plain.h"

enum { LINE_SHORT, LINE_SENTENCE, LINE_STRONG, LINE_BULLET };

#define STRONG_WORDS     12
#define SENTENCE_WORDS   4
#define INTRO_WORDS      3  /* "It comes with:" */
#define SHORT_RUN_MAX    12 /* short lines in a row inside the text that may still be text */

struct line {
    uint8_t kind, ends; /* ends: 0 no end, 1 like a sentence, 2 with a colon */
    uint8_t lower;      /* begins with a small letter */
    uint32_t words;
};

/* How a line ends; closing quotes and brackets are looked behind. */
static uint8_t line_end(const char *s, size_t n)
{
    static const char *const closers[] = { "\"", "'", ")", "]", "*", "_", "\xe2\x80\x9d", "\xe2\x80\x99",
                                           "\xc2\xbb", "\xe3\x80\x8d", "\xe3\x80\x8f", "\xef\xbc\x89" };
    static const char *const ends[] = { ".", "!", "?", "\xe2\x80\xa6", "\xe3\x80\x82", "\xef\xbc\x81",
                                        "\xef\xbc\x9f", "\xe0\xa5\xa4", "\xd8\x9f" };

    for (int again = 1; again;) {
        again = 0;
        while (n && (unsigned char)s[n - 1] <= ' ')
            n--;
        for (unsigned i = 0; i < sizeof closers / sizeof closers[0]; i++) {
            size_t len = strlen(closers[i]);
            if (n > len && !memcmp(s + n - len, closers[i], len)) {
                n -= len;
                again = 1;
            }
        }
    }
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (n >= strlen(ends[i]) && !memcmp(s + n - strlen(ends[i]), ends[i], strlen(ends[i])))
            return 1;
    return (n && s[n - 1] == ':') || (n >= 3 && !memcmp(s + n - 3, "\xef\xbc\x9a", 3)) ? 2 : 0;
}

/* "- ", "* ", "+ ", "• ", "· ", "– " */
static int is_bullet(const char *s, size_t n)
{
    static const char *const marks[] = { "- ", "* ", "+ ", "\xe2\x80\xa2", "\xc2\xb7 ", "\xe2\x80\x93 " };

    while (n && (unsigned char)*s <= ' ')
        s++, n--;
    for (unsigned i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (n > strlen(marks[i]) && !memcmp(s, marks[i], strlen(marks[i])))
            return 1;
    return 0;
}

static struct line line_read(const struct page *pg, const struct block *b)
{
    const trommel_node *x = TROMMEL_NODE(pg->dom, b->first);
    const char *s = pg->dom->strs + x->text;
    size_t at = 0;
    struct line l = { .words = b->size, .ends = line_end(s, x->text_n) };

    while (at < x->text_n && (unsigned char)s[at] <= ' ')
        at++;
    l.lower = at < x->text_n && s[at] >= 'a' && s[at] <= 'z';
    if (is_bullet(s, x->text_n))
        l.kind = LINE_BULLET;
    else if (b->size >= STRONG_WORDS && (l.ends || b->t.sents >= 2))
        l.kind = LINE_STRONG;
    else if (b->size >= SENTENCE_WORDS && l.ends)
        l.kind = LINE_SENTENCE;
    return l;
}

/* Runs of bullets that are whole sentences are prose. */
static void bullets_judge(struct line *l, uint32_t n)
{
    for (uint32_t i = 0; i < n;) {
        uint32_t from = i, ends = 0;
        if (l[i].kind != LINE_BULLET) {
            i++;
            continue;
        }
        for (; i < n && l[i].kind == LINE_BULLET; i++)
            ends += l[i].ends == 1;
        if (i - from < 2 || ends * 10 < (i - from) * 6)
            continue;
        for (uint32_t k = from; k < i; k++)
            l[k].kind = l[k].words >= STRONG_WORDS ? LINE_STRONG : LINE_SENTENCE;
    }
}

/* Do lines break in the midst of sentences? */
static int is_wrapped(const struct line *l, uint32_t n)
{
    uint32_t open = 0, goes_on = 0;

    for (uint32_t i = 0; i + 1 < n; i++) {
        if (l[i].ends || l[i].words < 5)
            continue;
        open++;
        goes_on += l[i + 1].lower;
    }
    return open >= 3 && goes_on * 10 >= open * 3;
}

/* Inside the text: a run of one kind from `from`; returns its end and whether it stays. */
static uint32_t run_judge(const struct line *l, uint32_t from, uint32_t to, int *ret_keep)
{
    uint32_t i = from;
    int bullets = l[from].kind == LINE_BULLET;

    while (i < to && l[i].kind == l[from].kind)
        i++;
    if (bullets)
        *ret_keep = i - from > 1 || l[from].ends || (from && l[from - 1].ends == 2);
    else
        *ret_keep = i - from < SHORT_RUN_MAX;
    return i;
}

static void core_keep(const struct line *l, uint32_t from, uint32_t to, uint8_t *keep)
{
    for (uint32_t i = from; i < to;) {
        if (l[i].kind == LINE_STRONG || l[i].kind == LINE_SENTENCE) {
            keep[i++] = 1;
            continue;
        }
        int stays;
        uint32_t end = run_judge(l, i, to, &stays);
        memset(keep + i, stays, end - i);
        i = end;
    }
}

/* The text's first line and the one past its last; 0 if there is no prose. */
static int core_find(const struct line *l, uint32_t n, uint32_t *ret_from, uint32_t *ret_to)
{
    uint32_t from = 0, to = n;

    while (from < n && l[from].kind != LINE_STRONG)
        from++;
    if (from == n)
        return 0;
    while (l[to - 1].kind != LINE_STRONG)
        to--;
    while (from && l[from - 1].kind == LINE_SENTENCE)
        from--;
    while (to < n && l[to].kind == LINE_SENTENCE)
        to++;
    if (to + 1 < n && l[to].ends == 2 && l[to].words >= INTRO_WORDS && l[to + 1].kind == LINE_BULLET)
        to++;
    if (l[to - 1].ends == 2) /* "…:" and a list */
        while (to < n && l[to].kind == LINE_BULLET)
            to++;
    *ret_from = from;
    *ret_to = to;
    return 1;
}

/* Is there next to nothing around the core: a title, a signature? */
static int is_bare(const struct page *pg, const struct line *l, uint32_t from, uint32_t to)
{
    uint32_t words = 0, lines = pg->n_blocks - (to - from);

    for (uint32_t i = 0; i < pg->n_blocks; i++)
        if (i < from || i >= to) {
            if (l[i].kind == LINE_BULLET || pg->blocks[i].t.date || pg->blocks[i].t.seps)
                return 0;
            words += l[i].words;
        }
    return lines <= 4 && words * 20 <= pg->words_total;
}

float plain_keep(const struct page *pg, uint8_t *keep, int *ret_wrapped)
{
    uint32_t n = pg->n_blocks, from, to, words = 0;
    struct line *l = page_alloc(pg, n, sizeof *l);

    memset(keep, 1, n);
    *ret_wrapped = 0;
    if (!l || !n)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        l[i] = line_read(pg, &pg->blocks[i]);
    *ret_wrapped = is_wrapped(l, n);
    if (*ret_wrapped)
        return 0.7f;
    bullets_judge(l, n);
    if (!core_find(l, n, &from, &to))
        return 0.4f;
    for (uint32_t i = from; i < to; i++)
        words += l[i].kind == LINE_STRONG || l[i].kind == LINE_SENTENCE ? l[i].words : 0;
    if ((uint64_t)words * 10 < (uint64_t)pg->words_total * 3)
        return 0.4f;
    if (is_bare(pg, l, from, to))
        return 0.9f;
    memset(keep, 0, n);
    core_keep(l, from, to, keep);
    return 0.8f;
}
