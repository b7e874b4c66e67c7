/* held: a hash set of ids, open addressing, deletion by shifting back. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdlib.h>
#include <string.h>

#include "plugin/sink/file/file.h"

static size_t home(const struct held *h, const uint8_t *id)
{
    return XXH3_64bits(id, ID_BYTES) & (h->cap - 1);
}

static size_t seek(const struct held *h, const uint8_t *id)
{
    size_t i = home(h, id);

    while (h->slots[i].used && memcmp(h->slots[i].id, id, ID_BYTES))
        i = (i + 1) & (h->cap - 1);
    return i;
}

struct held_entry *held_find(const struct held *h, const uint8_t *id)
{
    if (!h->n)
        return NULL;
    struct held_entry *e = &h->slots[seek(h, id)];
    return e->used ? e : NULL;
}

static int grow(struct held *h)
{
    struct held bigger = { .cap = h->cap ? h->cap * 2 : 1024, .n = h->n, .seq = h->seq };

    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < h->cap; i++)
        if (h->slots[i].used)
            bigger.slots[seek(&bigger, h->slots[i].id)] = h->slots[i];
    free(h->slots);
    *h = bigger;
    return 0;
}

struct held_entry *held_add(struct held *h, const uint8_t *id)
{
    if (h->n + 1 > h->cap / 4 * 3 && grow(h) < 0)
        return NULL;
    struct held_entry *e = &h->slots[seek(h, id)];
    if (e->used)
        return e;
    *e = (struct held_entry){ .seq = ++h->seq, .used = 1 };
    memcpy(e->id, id, ID_BYTES);
    h->n++;
    return e;
}

void held_remove(struct held *h, const uint8_t *id)
{
    if (!held_find(h, id))
        return;
    size_t mask = h->cap - 1, gap = seek(h, id), i = gap;
    for (;;) {
        h->slots[gap].used = 0;
        size_t at;
        do {
            i = (i + 1) & mask;
            if (!h->slots[i].used) {
                h->n--;
                return;
            }
            at = home(h, h->slots[i].id);
            /* stays where it is as long as its home lies behind the gap */
        } while (((i - at) & mask) < ((i - gap) & mask));
        h->slots[gap] = h->slots[i];
        gap = i;
    }
}

void held_release(struct held *h)
{
    free(h->slots);
    *h = (struct held){ 0 };
}
