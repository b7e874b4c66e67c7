/* rank: see rank.h.  A heap with the least of those kept on top. */
#include "command/diff/rank.h"

#include <stdlib.h>

struct diff_rank {
    struct diff_changed *heap;
    uint32_t n, cap, max;
};

struct diff_rank *diff_rank_new(uint32_t max)
{
    struct diff_rank *r = calloc(1, sizeof *r);

    if (!r)
        abort();
    r->max = max;
    return r;
}

void diff_rank_free(struct diff_rank *r)
{
    if (!r)
        return;
    free(r->heap);
    free(r);
}

/* Does a stand before b in the list? */
static int is_before(const struct diff_changed *a, const struct diff_changed *b)
{
    return a->magnitude != b->magnitude ? a->magnitude > b->magnitude : a->order < b->order;
}

int diff_rank_wants(const struct diff_rank *r, double magnitude)
{
    return !r->max || r->n < r->max || magnitude > r->heap[0].magnitude;
}

static void swap(struct diff_rank *r, uint32_t i, uint32_t j)
{
    struct diff_changed c = r->heap[i];

    r->heap[i] = r->heap[j];
    r->heap[j] = c;
}

static void sift_up(struct diff_rank *r, uint32_t i)
{
    for (; i && is_before(&r->heap[(i - 1) / 2], &r->heap[i]); i = (i - 1) / 2)
        swap(r, i, (i - 1) / 2);
}

static void sift_down(struct diff_rank *r)
{
    for (uint32_t i = 0, last;; i = last) {
        last = i;
        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < r->n; child++)
            if (is_before(&r->heap[last], &r->heap[child]))
                last = child;
        if (last == i)
            return;
        swap(r, i, last);
    }
}

void diff_rank_add(struct diff_rank *r, const struct diff_changed *c)
{
    if (r->max && r->n == r->max) {
        if (!is_before(c, &r->heap[0]))
            return;
        r->heap[0] = *c;
        sift_down(r);
        return;
    }
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 64;
        r->heap = reallocarray(r->heap, r->cap, sizeof *r->heap);
        if (!r->heap)
            abort();
    }
    r->heap[r->n] = *c;
    sift_up(r, r->n++);
}

static int compare(const void *a, const void *b)
{
    return is_before(a, b) ? -1 : is_before(b, a);
}

void diff_rank_sort(struct diff_rank *r)
{
    if (r->n)
        qsort(r->heap, r->n, sizeof *r->heap, compare);
}

const struct diff_changed *diff_rank_list(const struct diff_rank *r, uint32_t *ret_n)
{
    *ret_n = r->n;
    return r->heap;
}
