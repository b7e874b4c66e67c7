/* view: see view.h. */
#include "command/diff/view.h"

#include "base/utf8.h"

enum { PIECE_MAX = 4000 };

struct view {
    const struct words_diff *d;
    size_t left; /* bytes that may still be shown */
    view_fn *fn;
    void *arg;
    int is_ended;
};

trommel_str view_cut(trommel_str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max && ((unsigned char)s.p[max] & 0xc0) == 0x80)
        max--;
    return (trommel_str){ s.p, max };
}

static void give(struct view *v, enum view_kind kind, trommel_str text, uint32_t words)
{
    struct view_piece p = { kind, text, words };

    if (!v->is_ended && (text.n || words))
        v->is_ended = v->fn(v->arg, &p) != 0;
}

static void give_gap(struct view *v, uint32_t words)
{
    if (words)
        give(v, VIEW_GAP, (trommel_str){ "", 0 }, words);
}

static trommel_str bytes_of(const struct words *w, uint32_t from, uint32_t to)
{
    size_t at = words_offset(w, from);

    return (trommel_str){ w->text.p ? w->text.p + at : "", words_offset(w, to) - at };
}

/* Words from … to of one list; what is too much becomes a gap. */
static void give_words(struct view *v, enum view_kind kind, const struct words *w, uint32_t from, uint32_t to)
{
    size_t max = v->left < PIECE_MAX ? v->left : PIECE_MAX;
    uint32_t low = from, high = to; /* how many fit */

    while (low < high) {
        uint32_t mid = low + (high - low + 1) / 2;
        if (bytes_of(w, from, mid).n <= max)
            low = mid;
        else
            high = mid - 1;
    }
    trommel_str s = bytes_of(w, from, low);
    if (low == from && from < to && max > 100) { /* one giant word: its beginning */
        s = view_cut(bytes_of(w, from, from + 1), max);
        low++;
    }
    v->left -= s.n;
    if (s.n)
        give(v, kind, s, low - from);
    give_gap(v, to - low);
}

static void give_same(struct view *v, const struct words_op *op, uint32_t context, int is_first, int is_last)
{
    const struct words *w = &v->d->new_words;
    uint32_t n = op->new_to - op->new_from;
    uint32_t before = is_first ? 0 : context, behind = is_last ? 0 : context;

    if (n <= before + behind + 2 && n <= 2 * context + 2) {
        give_words(v, VIEW_SAME, w, op->new_from, op->new_to);
        return;
    }
    give_words(v, VIEW_SAME, w, op->new_from, op->new_from + before);
    give_gap(v, n - before - behind);
    give_words(v, VIEW_SAME, w, op->new_to - behind, op->new_to);
}

void diff_view(const struct words_diff *d, uint32_t context, size_t bytes_max, view_fn *fn, void *arg)
{
    struct view v = { .d = d, .left = bytes_max, .fn = fn, .arg = arg };
    uint32_t i = 0;

    for (; i < d->n_ops && v.left && !v.is_ended; i++) {
        const struct words_op *op = &d->ops[i];
        if (op->kind == WORDS_SAME)
            give_same(&v, op, context, i == 0, i + 1 == d->n_ops);
        else if (op->kind == WORDS_GONE)
            give_words(&v, VIEW_GONE, &d->old_words, op->old_from, op->old_to);
        else
            give_words(&v, VIEW_COME, &d->new_words, op->new_from, op->new_to);
    }
    if (i < d->n_ops)
        give_gap(&v, d->old_words.n - d->ops[i].old_from + (d->new_words.n - d->ops[i].new_from));
}
