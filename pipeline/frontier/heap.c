/* heap, ring, table: see heap.h. */
#include "frontier/heap.h"

#include <stdlib.h>

void *must_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    if (!p)
        abort();
    return p;
}

void *must_resize(void *p, size_t n)
{
    p = realloc(p, n ? n : 1);
    if (!p)
        abort();
    return p;
}

/* ---- heap ---- */

static void heap_set(struct heap *h, size_t i, struct heap_node *node)
{
    h->v[i] = node;
    node->pos = i + 1;
}

static void heap_up(struct heap *h, size_t i, struct heap_node *node)
{
    for (; i > 0 && h->v[(i - 1) / 2]->at > node->at; i = (i - 1) / 2)
        heap_set(h, i, h->v[(i - 1) / 2]);
    heap_set(h, i, node);
}

static void heap_down(struct heap *h, size_t i, struct heap_node *node)
{
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && h->v[child + 1]->at < h->v[child]->at)
            child++;
        if (h->v[child]->at >= node->at)
            break;
        heap_set(h, i, h->v[child]);
    }
    heap_set(h, i, node);
}

void heap_push(struct heap *h, struct heap_node *node, uint64_t at)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 4;
        h->v = must_resize(h->v, h->cap * sizeof(struct heap_node *));
    }
    node->at = at;
    heap_up(h, h->n++, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t i = node->pos;

    if (!i)
        return;
    i--;
    struct heap_node *last = h->v[--h->n];
    node->pos = 0;
    if (last == node)
        return;
    if (i > 0 && h->v[(i - 1) / 2]->at > last->at)
        heap_up(h, i, last);
    else
        heap_down(h, i, last);
}

void heap_release(struct heap *h)
{
    free(h->v);
    *h = (struct heap){ 0 };
}

/* ---- ring ---- */

void ring_init(struct ring_node *ring)
{
    ring->prev = ring->next = ring;
}

void ring_push(struct ring_node *ring, struct ring_node *node)
{
    if (node->next)
        return;
    node->prev = ring->prev;
    node->next = ring;
    ring->prev->next = node;
    ring->prev = node;
}

void ring_remove(struct ring_node *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

/* ---- table ---- */

static void table_grow(struct table *t)
{
    size_t n_slots = t->n_slots ? t->n_slots * 2 : 64;
    struct table_node **slots = must_alloc(n_slots * sizeof *slots);

    for (size_t i = 0; i < t->n_slots; i++) {
        for (struct table_node *node = t->slots[i], *next; node; node = next) {
            next = node->next;
            node->next = slots[node->hash & (n_slots - 1)];
            slots[node->hash & (n_slots - 1)] = node;
        }
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n_slots;
}

void table_put(struct table *t, struct table_node *node, uint64_t hash)
{
    if (t->n >= t->n_slots)
        table_grow(t);
    node->hash = hash;
    node->next = t->slots[hash & (t->n_slots - 1)];
    t->slots[hash & (t->n_slots - 1)] = node;
    t->n++;
}

void table_remove(struct table *t, struct table_node *node)
{
    if (!t->n_slots)
        return;
    struct table_node **at = &t->slots[node->hash & (t->n_slots - 1)];
    while (*at && *at != node)
        at = &(*at)->next;
    if (*at) {
        *at = node->next;
        t->n--;
    }
}

struct table_node *table_chain(const struct table *t, uint64_t hash)
{
    return t->n_slots ? t->slots[hash & (t->n_slots - 1)] : NULL;
}

void table_release(struct table *t)
{
    free(t->slots);
    *t = (struct table){ 0 };
}
