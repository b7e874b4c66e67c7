/* heap, ring, table: the three containers of the frontier, all intrusive (the node lies in the element).
 *
 * heap: smallest `at` first, O(log n).  ring: first in, first out, O(1).  table: chained hash that grows.
 * Single-threaded.  Memory for slots aborts when it is out: their number is bounded by the elements. */
#ifndef TROMMEL_FRONTIER_HEAP_H
#define TROMMEL_FRONTIER_HEAP_H
#include <stddef.h>
#include <stdint.h>

#define CONTAINER(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

struct heap_node {
    uint64_t at;
    size_t pos; /* 1 + index in the heap; 0: in none */
};
struct heap {
    struct heap_node **v;
    size_t n, cap;
};
void heap_push(struct heap *h, struct heap_node *node, uint64_t at);
void heap_remove(struct heap *h, struct heap_node *node); /* nothing if it is in none */
void heap_release(struct heap *h);
static inline struct heap_node *heap_top(const struct heap *h)
{
    return h->n ? h->v[0] : NULL;
}

struct ring_node {
    struct ring_node *prev, *next; /* NULL: in none */
};
void ring_init(struct ring_node *ring);
void ring_push(struct ring_node *ring, struct ring_node *node); /* at the end; nothing if it is in one */
void ring_remove(struct ring_node *node);
static inline struct ring_node *ring_first(const struct ring_node *ring)
{
    return ring->next == ring ? NULL : ring->next;
}

struct table_node {
    struct table_node *next;
    uint64_t hash;
};
struct table {
    struct table_node **slots;
    size_t n, n_slots; /* a power of two, or 0 */
};
void table_put(struct table *t, struct table_node *node, uint64_t hash);
void table_remove(struct table *t, struct table_node *node);
/* The chain where `hash` would be; follow ->next and compare ->hash. */
struct table_node *table_chain(const struct table *t, uint64_t hash);
void table_release(struct table *t);

/* Small memory of our own: aborts when there is none. */
void *must_alloc(size_t n);
void *must_resize(void *p, size_t n);
#endif
