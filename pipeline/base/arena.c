/* arena: see arena.h.  Chunks double from 64 KiB to 4 MiB; a larger request gets a chunk of its own. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST = 64 * 1024, CHUNK_MOST = 4 * 1024 * 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t cap, len;
    max_align_t data[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
    *a = (struct arena){ .max = max_bytes };
}

void arena_release(struct arena *a)
{
    if (!a)
        return;
    for (struct arena_chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    arena_init(a, a->max);
}

void arena_clear(struct arena *a, size_t keep_bytes)
{
    size_t kept = 0;

    for (struct arena_chunk **at = &a->first; *at;) {
        struct arena_chunk *c = *at;
        if (kept + c->cap > keep_bytes && kept) {
            *at = c->next;
            free(c);
            continue;
        }
        kept += c->cap;
        c->len = 0;
        at = &c->next;
    }
    a->current = a->first;
    a->used = 0;
}

static void *chunk_take(struct arena_chunk *c, size_t n, size_t align)
{
    uintptr_t base = (uintptr_t)c->data;
    uintptr_t at = (base + c->len + align - 1) & ~(uintptr_t)(align - 1);

    if (at - base > c->cap || n > c->cap - (at - base))
        return NULL;
    c->len = at - base + n;
    return (void *)at;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t n)
{
    size_t cap = a->current ? a->current->cap * 2 : CHUNK_FIRST;

    if (cap > CHUNK_MOST)
        cap = CHUNK_MOST;
    if (cap < n + 64)
        cap = n + 64;
    struct arena_chunk *c = malloc(sizeof *c + cap);
    if (!c)
        return NULL;
    *c = (struct arena_chunk){ .cap = cap };
    if (a->current) {
        c->next = a->current->next;
        a->current->next = c;
    } else {
        a->first = c;
    }
    a->current = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t align)
{
    if (align == 0)
        align = _Alignof(max_align_t);
    if (n > a->max || a->used > a->max - n)
        return NULL;
    if (!a->current)
        a->current = a->first;
    void *p = a->current ? chunk_take(a->current, n, align) : NULL;
    while (!p && a->current && a->current->next) {
        a->current = a->current->next;
        p = chunk_take(a->current, n, align);
    }
    if (!p) {
        struct arena_chunk *c = chunk_new(a, n);
        if (!c)
            return NULL;
        p = chunk_take(c, n, align);
    }
    a->used += n;
    return p;
}

char *arena_strndup(struct arena *a, const char *p, size_t n)
{
    char *s = n < SIZE_MAX ? arena_alloc(a, n + 1, 1) : NULL;

    if (!s)
        return NULL;
    if (n)
        memcpy(s, p, n);
    s[n] = 0;
    return s;
}
