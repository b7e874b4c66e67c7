/* words_diff: see words_diff.h.
 *
 * What both texts have is put into two arrays of numbers (struct half), and these are compared box by box:
 * what a box begins and ends with alike is the same; what is left is split where the shortest ways from
 * both of its corners meet.  The smaller part is done by recursion, the larger by going on, so the depth is
 * the logarithm.  Of a way only the furthest points on each diagonal (x - y) are kept. */
#include "record/words_diff.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The words of one text that the other has too. */
struct half {
    uint32_t *numbers, *places; /* places: in the list of all words */
    int32_t n;
    unsigned char *is_changed; /* of all words */
};
struct box {
    int32_t x0, x1, y0, y1;
};
/* The furthest points from one corner: at[k + WORDS_DIFF_COST + 1] is x on the diagonal mid + k. */
struct front {
    int32_t mid, low, high; /* diagonals that are in use */
    int32_t at[2 * WORDS_DIFF_COST + 3];
};
struct search {
    struct half old, new;
    struct front ahead, back;
    uint64_t steps;
    int is_coarse;
};
struct point {
    int32_t x, y;
};

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- where to split ---- */

static int32_t *front_at(struct front *f, int32_t diagonal)
{
    return &f->at[diagonal - f->mid + WORDS_DIFF_COST + 1];
}

static void front_init(struct front *f, int32_t x, int32_t y)
{
    f->mid = f->low = f->high = x - y;
    *front_at(f, f->mid) = x;
}

/* One edit more: the diagonals beside those in use, within the box; `none` is a point that no way reaches. */
static void front_widen(struct front *f, const struct box *b, int32_t none)
{
    if (f->low > b->x0 - b->y1)
        *front_at(f, --f->low - 1) = none;
    else
        f->low++;
    if (f->high < b->x1 - b->y0)
        *front_at(f, ++f->high + 1) = none;
    else
        f->high--;
}

static int front_has(const struct front *f, int32_t diagonal)
{
    return diagonal >= f->low && diagonal <= f->high;
}

/* Goes one edit further from the upper corner.  1 if it meets the other front there. */
static int ahead_step(struct search *s, const struct box *b, int may_meet, struct point *ret)
{
    const uint32_t *xs = s->old.numbers, *ys = s->new.numbers;
    struct front *f = &s->ahead;

    front_widen(f, b, -1);
    for (int32_t d = f->high; d >= f->low; d -= 2) {
        int32_t under = *front_at(f, d - 1), over = *front_at(f, d + 1);
        int32_t x = under < over ? over : under + 1, from = x;
        while (x < b->x1 && x - d < b->y1 && xs[x] == ys[x - d])
            x++;
        s->steps += (uint64_t)(x - from) + 1;
        *front_at(f, d) = x;
        if (may_meet && front_has(&s->back, d) && *front_at(&s->back, d) <= x) {
            *ret = (struct point){ x, x - d };
            return 1;
        }
    }
    return 0;
}

/* The same from the lower corner. */
static int back_step(struct search *s, const struct box *b, int may_meet, struct point *ret)
{
    const uint32_t *xs = s->old.numbers, *ys = s->new.numbers;
    struct front *f = &s->back;

    front_widen(f, b, INT32_MAX);
    for (int32_t d = f->high; d >= f->low; d -= 2) {
        int32_t under = *front_at(f, d - 1), over = *front_at(f, d + 1);
        int32_t x = under < over ? under : over - 1, from = x;
        while (x > b->x0 && x - d > b->y0 && xs[x - 1] == ys[x - d - 1])
            x--;
        s->steps += (uint64_t)(from - x) + 1;
        *front_at(f, d) = x;
        if (may_meet && front_has(&s->ahead, d) && x <= *front_at(&s->ahead, d)) {
            *ret = (struct point){ x, x - d };
            return 1;
        }
    }
    return 0;
}

/* Of the ways from the upper corner the point that is furthest: it takes WORDS_DIFF_COST edits at most to get
 * there, and as many words lie behind it at least. */
static struct point furthest(struct search *s, const struct box *b)
{
    struct point best = { b->x0, b->y0 };

    for (int32_t d = s->ahead.high; d >= s->ahead.low; d -= 2) {
        int32_t x = *front_at(&s->ahead, d);
        x = x > b->x1 ? b->x1 : x;
        x = x - d > b->y1 ? b->y1 + d : x;
        if ((int64_t)x + (x - d) > (int64_t)best.x + best.y)
            best = (struct point){ x, x - d };
    }
    return best;
}

static struct point box_split(struct search *s, const struct box *b)
{
    int is_odd = ((b->x1 - b->x0) - (b->y1 - b->y0)) & 1;
    struct point p;

    front_init(&s->ahead, b->x0, b->y0);
    front_init(&s->back, b->x1, b->y1);
    for (int cost = 0; cost < WORDS_DIFF_COST; cost++)
        if (ahead_step(s, b, is_odd, &p) || back_step(s, b, !is_odd, &p))
            return p;
    return furthest(s, b);
}

/* ---- boxes ---- */

static void box_trim(struct search *s, struct box *b)
{
    const uint32_t *xs = s->old.numbers, *ys = s->new.numbers;
    int32_t before = b->x0 + b->x1;

    while (b->x0 < b->x1 && b->y0 < b->y1 && xs[b->x0] == ys[b->y0]) {
        b->x0++;
        b->y0++;
    }
    while (b->x0 < b->x1 && b->y0 < b->y1 && xs[b->x1 - 1] == ys[b->y1 - 1]) {
        b->x1--;
        b->y1--;
    }
    s->steps += (uint64_t)labs((long)b->x0 + b->x1 - before) + 1;
}

static void box_replace(struct search *s, const struct box *b)
{
    for (int32_t x = b->x0; x < b->x1; x++)
        s->old.is_changed[s->old.places[x]] = 1;
    for (int32_t y = b->y0; y < b->y1; y++)
        s->new.is_changed[s->new.places[y]] = 1;
}

static int64_t box_size(const struct box *b)
{
    return (int64_t)(b->x1 - b->x0) + (b->y1 - b->y0);
}

static void box_compare(struct search *s, struct box b)
{
    for (;;) {
        box_trim(s, &b);
        if (b.x0 == b.x1 || b.y0 == b.y1 || s->steps > WORDS_DIFF_STEPS) {
            s->is_coarse |= b.x0 != b.x1 && b.y0 != b.y1;
            box_replace(s, &b);
            return;
        }
        struct point p = box_split(s, &b);
        struct box one = { b.x0, p.x, b.y0, p.y }, two = { p.x, b.x1, p.y, b.y1 };
        if (!box_size(&one) || !box_size(&two)) { /* cannot be; but no end would be worse than a coarse one */
            box_replace(s, &b);
            return;
        }
        int is_first_smaller = box_size(&one) < box_size(&two);
        box_compare(s, is_first_smaller ? one : two);
        b = is_first_smaller ? two : one;
    }
}

/* ---- words in, edit out ---- */

/* Marks what the other text has not, keeps the rest. */
static void half_init(struct half *h, const struct words *w, const unsigned char *is_there,
                      unsigned char *is_changed)
{
    h->numbers = need(malloc((w->n + (size_t)1) * sizeof *h->numbers));
    h->places = need(malloc((w->n + (size_t)1) * sizeof *h->places));
    h->n = 0;
    h->is_changed = is_changed;
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t number = w->list[i].number;
        is_changed[i] = !is_there[number];
        if (is_changed[i])
            continue;
        h->numbers[h->n] = number;
        h->places[h->n++] = i;
    }
}

static unsigned char *numbers_there(const struct words *w, uint32_t count)
{
    unsigned char *is_there = need(calloc(count, 1));

    for (uint32_t i = 0; i < w->n; i++)
        is_there[w->list[i].number] = 1;
    return is_there;
}

static void compare(struct words_diff *d)
{
    uint32_t count = words_book_count(d->book);
    unsigned char *in_old = numbers_there(&d->old_words, count),
                  *in_new = numbers_there(&d->new_words, count);
    struct search *s = need(calloc(1, sizeof *s));

    half_init(&s->old, &d->old_words, in_new, d->is_gone);
    half_init(&s->new, &d->new_words, in_old, d->is_new);
    free(in_old);
    free(in_new);
    box_compare(s, (struct box){ 0, s->old.n, 0, s->new.n });
    d->steps = s->steps;
    d->is_coarse = s->is_coarse;
    free(s->old.numbers);
    free(s->old.places);
    free(s->new.numbers);
    free(s->new.places);
    free(s);
}

static void op_add(struct words_diff *d, struct words_op op)
{
    if (op.old_from == op.old_to && op.new_from == op.new_to)
        return;
    if (d->n_ops == d->ops_cap) {
        d->ops_cap = d->ops_cap ? 2 * d->ops_cap : 64;
        d->ops = need(reallocarray(d->ops, d->ops_cap, sizeof *d->ops));
    }
    d->ops[d->n_ops++] = op;
}

/* The marks as a row of ops. */
static void ops_make(struct words_diff *d)
{
    uint32_t x = 0, y = 0, n = d->old_words.n, m = d->new_words.n;

    d->n_ops = 0;
    while (x < n || y < m) {
        uint32_t x0 = x, y0 = y;
        while (x < n && d->is_gone[x])
            x++;
        op_add(d, (struct words_op){ WORDS_GONE, x0, x, y, y });
        while (y < m && d->is_new[y])
            y++;
        op_add(d, (struct words_op){ WORDS_COME, x, x, y0, y });
        x0 = x;
        y0 = y;
        while (x < n && y < m && !d->is_gone[x] && !d->is_new[y]) {
            x++;
            y++;
        }
        op_add(d, (struct words_op){ WORDS_SAME, x0, x, y0, y });
    }
}

static uint64_t words_count(const struct words *w, uint32_t from, uint32_t to)
{
    uint64_t n = 0;

    for (uint32_t i = from; i < to; i++)
        n += w->list[i].number != WORD_BREAK;
    return n;
}

void words_diff(struct words_diff *d, trommel_str old_text, trommel_str new_text)
{
    if (!d->book)
        d->book = words_book_new();
    words_book_clear(d->book);
    words_cut(&d->old_words, old_text, d->book);
    words_cut(&d->new_words, new_text, d->book);
    d->is_gone = need(realloc(d->is_gone, d->old_words.n + (size_t)1));
    d->is_new = need(realloc(d->is_new, d->new_words.n + (size_t)1));
    compare(d);
    ops_make(d);
    d->same = d->gone = d->come = 0;
    for (uint32_t i = 0; i < d->n_ops; i++) {
        const struct words_op *op = &d->ops[i];
        uint64_t n = op->kind == WORDS_GONE ? words_count(&d->old_words, op->old_from, op->old_to)
                                            : words_count(&d->new_words, op->new_from, op->new_to);
        *(op->kind == WORDS_GONE ? &d->gone : op->kind == WORDS_COME ? &d->come : &d->same) += n;
    }
}

/* Words that changed in the row of ops that begins at i and goes on in the direction given. */
static uint32_t change_length(const struct words_diff *d, uint32_t i, int step)
{
    uint32_t n = 0;

    for (; i < d->n_ops && d->ops[i].kind != WORDS_SAME; i += (uint32_t)step)
        n += d->ops[i].old_to - d->ops[i].old_from + d->ops[i].new_to - d->ops[i].new_from;
    return n;
}

void words_diff_tidy(struct words_diff *d)
{
    enum { SHORT = 2, TIMES = 4 };

    for (uint32_t i = 1; i + 1 < d->n_ops; i++) {
        const struct words_op *op = &d->ops[i];
        uint32_t n = op->new_to - op->new_from;
        if (op->kind != WORDS_SAME || n > SHORT ||
            change_length(d, i - 1, -1) + change_length(d, i + 1, 1) < TIMES * n)
            continue;
        memset(d->is_gone + op->old_from, 1, n);
        memset(d->is_new + op->new_from, 1, n);
    }
    ops_make(d);
}

double words_diff_share(const struct words_diff *d)
{
    uint64_t changed = d->gone + d->come, all = changed + 2 * d->same;

    return all ? (double)changed / (double)all : 0;
}

trommel_str words_diff_text(const struct words_diff *d, const struct words_op *op)
{
    const struct words *w = op->kind == WORDS_GONE ? &d->old_words : &d->new_words;
    size_t from = words_offset(w, op->kind == WORDS_GONE ? op->old_from : op->new_from);
    size_t to = words_offset(w, op->kind == WORDS_GONE ? op->old_to : op->new_to);

    return (trommel_str){ w->text.p ? w->text.p + from : "", to - from };
}

void words_diff_release(struct words_diff *d)
{
    words_release(&d->old_words);
    words_release(&d->new_words);
    words_book_free(d->book);
    free(d->ops);
    free(d->is_gone);
    free(d->is_new);
    *d = (struct words_diff){ .ops = NULL };
}
