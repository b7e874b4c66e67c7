/* index: see index.h.
 *
 * The entries are sorted by hash, time and order.  `next` of an entry leads to the first one from there on
 * that is not taken (by steps that get longer with use, as in a disjoint set), so that a million captures of
 * one URL are no trouble.  A hash is believed only when the record says the same. */
#include "command/diff/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/clock.h"
#include "record/record.h"

enum { TRIES = 64 /* records read in search of the right one among equal hashes */, HEX_MAX = 128 };

struct entry {
    uint64_t hash, when;
    struct place at;
    uint32_t order, next;
};
struct diff_index {
    struct diff_store *store;
    struct entry *all;
    uint32_t n, cap;
    uint64_t seed, hops;
};

/* What a record is matched by. */
struct key {
    char kind; /* 'u' URL, 'i' id, 0: nothing */
    trommel_str text;
    char hex[HEX_MAX];
};

static void key_of(trommel_str record, struct key *k)
{
    struct mp_value id;

    *k = (struct key){ 'u', record_get_str(record.p, record.n, "url"), "" };
    if (k->text.n)
        return;
    k->kind = 0;
    if (record_get(record.p, record.n, "id", &id) < 0 || (id.type != MP_STR && id.type != MP_BIN) || !id.len)
        return;
    k->kind = 'i';
    k->text = (trommel_str){ (const char *)id.p, id.len };
    if (id.type == MP_BIN && id.len < HEX_MAX / 2) { /* as JSON has it */
        for (size_t i = 0; i < id.len; i++)
            snprintf(k->hex + 2 * i, 3, "%02x", id.p[i]);
        k->text = (trommel_str){ k->hex, 2 * id.len };
    }
}

static int key_equal(const struct key *a, const struct key *b)
{
    return a->kind == b->kind && a->text.n == b->text.n && !memcmp(a->text.p, b->text.p, a->text.n);
}

static uint64_t key_hash(const struct diff_index *ix, const struct key *k)
{
    return XXH3_64bits_withSeed(k->text.p, k->text.n, ix->seed + (unsigned char)k->kind);
}

/* When it was fetched, as a number that grows with time; 0: it does not say. */
static uint64_t when_of(trommel_str record)
{
    trommel_str s = record_get_str(record.p, record.n, "fetched_at");
    int64_t ms;

    return s.n && clock_rfc3339_parse(s.p, s.n, &ms) == 0 ? (uint64_t)ms ^ 1ull << 63 : 0;
}

struct diff_index *diff_index_new(struct diff_store *store)
{
    struct diff_index *ix = calloc(1, sizeof *ix);

    if (!ix)
        abort();
    ix->store = store;
    if (getrandom(&ix->seed, sizeof ix->seed, 0) < 0)
        ix->seed = (uintptr_t)ix;
    return ix;
}

void diff_index_free(struct diff_index *ix)
{
    if (!ix)
        return;
    free(ix->all);
    free(ix);
}

static int entries_grow(struct diff_index *ix, struct err *err)
{
    uint32_t cap = ix->cap ? 2 * ix->cap : 1024;
    struct entry *all = cap > DIFF_INDEX_MAX ? NULL : reallocarray(ix->all, cap, sizeof *all);

    if (!all)
        return err_set(
            err, cap > DIFF_INDEX_MAX ? ERR_LIMIT : ERR_NOMEM,
            "old: an index of more than %u records of %zu bytes: %s; compare a part of them at a time", ix->n,
            sizeof *all, cap > DIFF_INDEX_MAX ? "over the limit" : "out of memory");
    ix->all = all;
    ix->cap = cap;
    return 0;
}

int diff_index_add(struct diff_index *ix, trommel_str record, const struct place *at, struct err *err)
{
    struct key key;
    int rc = ix->n < ix->cap ? 0 : entries_grow(ix, err);

    if (rc < 0)
        return rc;
    key_of(record, &key);
    ix->all[ix->n] = (struct entry){ key_hash(ix, &key), when_of(record), *at, ix->n, 0 };
    ix->n++;
    return 0;
}

static int order_compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int entry_compare(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    int rc = order_compare(a->hash, b->hash);

    rc = rc ? rc : order_compare(a->when, b->when);
    return rc ? rc : order_compare(a->order, b->order);
}

static int entry_compare_order(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;

    return order_compare(a->order, b->order);
}

void diff_index_seal(struct diff_index *ix)
{
    if (ix->n)
        qsort(ix->all, ix->n, sizeof *ix->all, entry_compare);
    for (uint32_t i = 0; i < ix->n; i++)
        ix->all[i].next = i;
}

/* ---- taking ---- */

/* The first entry that is not before (hash, when). */
static uint32_t lower_bound(const struct diff_index *ix, uint64_t hash, uint64_t when)
{
    uint32_t low = 0, high = ix->n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const struct entry *e = &ix->all[mid];
        if (e->hash < hash || (e->hash == hash && e->when < when))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The first one from i on that is left; n: none. */
static uint32_t free_from(struct diff_index *ix, uint32_t i)
{
    while (i < ix->n && ix->all[i].next != i) {
        uint32_t *next = &ix->all[i].next;
        if (*next < ix->n)
            *next = ix->all[*next].next;
        i = *next;
        ix->hops++;
    }
    return i;
}

/* Among those with the hash (and the time, if it is not 0). */
static int take_among(struct diff_index *ix, const struct key *key, uint64_t hash, uint64_t when,
                      struct buf *into, struct place *ret, struct err *err)
{
    uint32_t i = free_from(ix, lower_bound(ix, hash, when));

    for (int tries = 0; tries < TRIES && i < ix->n; tries++, i = free_from(ix, i + 1)) {
        struct entry *e = &ix->all[i];
        struct key other;
        if (e->hash != hash || (when && e->when != when))
            return 0;
        int rc = diff_store_get(ix->store, &e->at, into, err);
        if (rc == 0)
            key_of((trommel_str){ (const char *)into->data, into->len }, &other);
        if (rc == 0 && !key_equal(key, &other))
            continue;
        e->next = i + 1;
        *ret = e->at;
        return rc < 0 ? rc : 1;
    }
    return 0;
}

int diff_index_take(struct diff_index *ix, trommel_str record, struct buf *into, struct place *ret,
                    struct err *err)
{
    uint64_t when = when_of(record), hash;
    struct key key;

    key_of(record, &key);
    if (!key.kind)
        return 0;
    hash = key_hash(ix, &key);
    int rc = when ? take_among(ix, &key, hash, when, into, ret, err) : 0;
    return rc ? rc : take_among(ix, &key, hash, 0, into, ret, err);
}

uint64_t diff_index_hops(const struct diff_index *ix)
{
    return ix->hops;
}

uint64_t diff_index_left(struct diff_index *ix, struct place *ret, uint32_t max, uint32_t *ret_n)
{
    uint64_t left = 0;

    for (uint32_t i = 0; i < ix->n; i++) /* the ones left to the front: their places are no longer needed */
        if (ix->all[i].next == i)
            ix->all[left++] = ix->all[i];
    ix->n = 0;
    if (left)
        qsort(ix->all, left, sizeof *ix->all, entry_compare_order);
    *ret_n = 0;
    for (uint64_t i = 0; i < left && *ret_n < max; i++)
        ret[(*ret_n)++] = ix->all[i].at;
    return left;
}
