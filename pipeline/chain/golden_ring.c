/* golden_ring: copies of the crawl's last pages; see golden.h.
 *
 * One block of memory a page, all its strings in it.  The oldest make room. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "chain/golden.h"

struct kept {
    struct pool_page page; /* its strings lie behind it */
    size_t bytes;
    char strings[];
};

struct golden_ring {
    struct kept *pages[GOLDEN_RING_PAGES]; /* from `first` on, around */
    size_t first, n, bytes;
    uint64_t seen; /* since it was full */
    int is_full, is_held;
};

struct golden_ring *golden_ring_new(void)
{
    return calloc(1, sizeof(struct golden_ring));
}

static void drop_oldest(struct golden_ring *r)
{
    struct kept *k = r->pages[r->first];

    r->bytes -= k->bytes;
    r->first = (r->first + 1) % GOLDEN_RING_PAGES;
    r->n--;
    free(k);
}

void golden_ring_free(struct golden_ring *r)
{
    while (r && r->n)
        drop_oldest(r);
    free(r);
}

enum { STRINGS = 11 };

static void strings_of(struct pool_page *p, trommel_str *ret[STRINGS])
{
    trommel_str *all[STRINGS] = {
        &p->head.id_text,      &p->head.url,    &p->head.final_url, &p->head.content_type,
        &p->head.charset,      &p->head.reason, &p->head.fetch,     &p->content_type,
        &p->content_encoding,  &p->headers,     &p->body,
    };

    memcpy(ret, all, sizeof all);
}

static size_t bytes_of(const struct pool_page *page)
{
    struct pool_page copy = *page;
    trommel_str *strings[STRINGS];
    size_t n = sizeof(struct kept);

    strings_of(&copy, strings);
    for (int i = 0; i < STRINGS; i++)
        n += strings[i]->n;
    return n;
}

static struct kept *keep(const struct pool_page *page, size_t bytes)
{
    struct kept *k = malloc(bytes);
    trommel_str *strings[STRINGS];
    char *at;

    if (!k)
        return NULL;
    k->page = *page;
    k->bytes = bytes;
    at = k->strings;
    strings_of(&k->page, strings);
    for (int i = 0; i < STRINGS; i++) {
        if (strings[i]->n)
            memcpy(at, strings[i]->p, strings[i]->n);
        strings[i]->p = at;
        at += strings[i]->n;
    }
    return k;
}

void golden_ring_see(struct golden_ring *r, const struct pool_page *page)
{
    size_t bytes = bytes_of(page);
    struct kept *k;

    if (r->is_held || bytes > GOLDEN_PAGE_BYTES || (r->is_full && ++r->seen % GOLDEN_EVERY))
        return;
    k = keep(page, bytes);
    if (!k)
        return;
    while (r->n == GOLDEN_RING_PAGES || r->bytes + bytes > GOLDEN_RING_BYTES)
        drop_oldest(r);
    r->pages[(r->first + r->n++) % GOLDEN_RING_PAGES] = k;
    r->bytes += bytes;
    r->is_full |= r->n == GOLDEN_RING_PAGES || r->bytes > GOLDEN_RING_BYTES - GOLDEN_PAGE_BYTES;
}

size_t golden_ring_count(const struct golden_ring *r)
{
    return r->n;
}

void golden_ring_page(const struct golden_ring *r, size_t i, struct pool_page *ret)
{
    assert(i < r->n);
    *ret = r->pages[(r->first + i) % GOLDEN_RING_PAGES]->page;
}

void golden_ring_hold(struct golden_ring *r, int held)
{
    r->is_held = held;
}
