/* arena: memory that dies together, with a cap on its total.
 *
 * Chunks are kept by arena_clear, so that page after page costs no malloc.  A refused allocation gives
 * NULL and does not stick.  Single-threaded. */
#ifndef TROMMEL_BASE_ARENA_H
#define TROMMEL_BASE_ARENA_H
#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *first, *current;
    size_t used, max; /* bytes given out since the last clear, and their cap */
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_release(struct arena *a); /* NULL-safe */
/* Everything given out is dead.  Keeps up to keep_bytes of chunks, gives the rest back. */
void arena_clear(struct arena *a, size_t keep_bytes);
/* align: a power of two up to 64, or 0 for what malloc gives.  n = 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n, size_t align);
/* A NUL-terminated copy of n bytes; NULL over the cap. */
char *arena_strndup(struct arena *a, const char *p, size_t n);
#endif
