/* postings: see postings.h. */
#include "index/postings.h"

#include <stdlib.h>

#include "base/err.h"

static uint32_t key_of(uint64_t hash, unsigned width)
{
    /* sampled hashes are small numbers: mix before taking the high bits */
    return (uint32_t)((hash + width) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static size_t mask_of(const struct postings *p)
{
    return ((size_t)1 << p->bits) - 1;
}

static size_t home(const struct postings *p, uint32_t key)
{
    return key >> (32 - p->bits);
}

static void insert(struct postings *p, struct posting one)
{
    size_t i = home(p, one.key);

    while (p->slots[i].page)
        i = (i + 1) & mask_of(p);
    p->slots[i] = one;
    p->n++;
}

static int grow(struct postings *p)
{
    struct postings bigger = { .bits = p->bits ? p->bits + 1 : 12 };

    if (bigger.bits > 31)
        return ERR_LIMIT;
    bigger.slots = calloc((size_t)1 << bigger.bits, sizeof *bigger.slots);
    if (!bigger.slots)
        return ERR_NOMEM;
    for (size_t i = 0; p->slots && i <= mask_of(p); i++)
        if (p->slots[i].page)
            insert(&bigger, p->slots[i]);
    free(p->slots);
    *p = bigger;
    return 0;
}

static unsigned count(const struct postings *p, uint32_t key, uint32_t *pages)
{
    unsigned n = 0;

    if (!p->n)
        return 0;
    for (size_t i = home(p, key); p->slots[i].page && n < POSTINGS_HOT; i = (i + 1) & mask_of(p))
        if (p->slots[i].key == key) {
            if (pages)
                pages[n] = p->slots[i].page - 1;
            n++;
        }
    return n;
}

int postings_add(struct postings *p, uint64_t hash, unsigned width, uint32_t page)
{
    uint32_t key = key_of(hash, width);

    if (!p->slots || p->n >= mask_of(p) / 10 * 7) {
        int rc = grow(p);
        if (rc < 0)
            return rc;
    }
    if (count(p, key, NULL) < POSTINGS_HOT)
        insert(p, (struct posting){ key, page + 1 });
    return 0;
}

/* Closes the gap at i: moves back what would no longer be found. */
static void close_gap(struct postings *p, size_t gap)
{
    size_t mask = mask_of(p), i = gap;

    for (;;) {
        p->slots[gap] = (struct posting){ 0 };
        size_t at;
        do {
            i = (i + 1) & mask;
            if (!p->slots[i].page)
                return;
            at = home(p, p->slots[i].key);
        } while (((i - at) & mask) < ((i - gap) & mask));
        p->slots[gap] = p->slots[i];
        gap = i;
    }
}

void postings_remove(struct postings *p, uint64_t hash, unsigned width, uint32_t page)
{
    uint32_t key = key_of(hash, width);

    if (!p->n)
        return;
    for (size_t i = home(p, key); p->slots[i].page; i = (i + 1) & mask_of(p))
        if (p->slots[i].key == key && p->slots[i].page == page + 1) {
            close_gap(p, i);
            p->n--;
            return;
        }
}

unsigned postings_get(const struct postings *p, uint64_t hash, unsigned width, uint32_t pages[POSTINGS_HOT])
{
    unsigned n = count(p, key_of(hash, width), pages);

    return n < POSTINGS_HOT ? n : 0;
}

void postings_release(struct postings *p)
{
    free(p->slots);
    *p = (struct postings){ 0 };
}
