/* guarded: bytes that end right before a page that cannot be read; one byte too far crashes. */
#ifndef TROMMEL_TESTS_GUARDED_H
#define TROMMEL_TESTS_GUARDED_H
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guarded {
    char *map, *p;
    size_t size;
};

static inline struct guarded guarded_new(const void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (n + page - 1) / page * page;
    struct guarded g = { .size = body + page };

    g.map = mmap(NULL, g.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED || mprotect(g.map + body, page, PROT_NONE) != 0)
        abort();
    g.p = g.map + body - n;
    if (n)
        memcpy(g.p, p, n);
    return g;
}

static inline void guarded_free(struct guarded *g)
{
    munmap(g->map, g->size);
}
#endif
