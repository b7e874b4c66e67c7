/* ring: memory that the host writes and one worker can only read.  Internal to chain/.
 *
 * A sealed memfd: the host's mapping is the only writable one there can ever be, and its size cannot be
 * changed.  Places are taken first-fit from the bottom, so that memory in use stays what the pages on their
 * way need, not what the ring could hold. */
#ifndef TROMMEL_CHAIN_RING_H
#define TROMMEL_CHAIN_RING_H
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct ring_place {
    uint32_t off, n;
};
struct ring {
    int fd; /* opened for reading only: what the worker gets */
    unsigned char *map;
    size_t bytes;
    struct ring_place places[LIMIT_WORKER_QUEUE + LIMIT_WORKER_GUESTS]; /* by offset */
    unsigned n_places;
};

int page_ring_init(struct ring *r, size_t bytes);
void page_ring_release(struct ring *r); /* NULL-safe, and after a failed init */
/* 0 with *ret, or ERR_FULL. */
int page_ring_take(struct ring *r, size_t n, uint32_t *ret_off);
void page_ring_give(struct ring *r, uint32_t off);

/* A memfd of fixed size, mapped for writing in this process as well; the worker gets *ret_fd. */
void *shared_map(const char *name, size_t bytes, int read_only_there, int *ret_fd);
#endif
