/* ring: see ring.h. */
#include "chain/ring.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* The same memory behind a descriptor that cannot be written through. */
static int reopen_read_only(int fd)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

void *shared_map(const char *name, size_t bytes, int read_only_there, int *ret_fd)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), ro;
    void *map = MAP_FAILED;

    *ret_fd = -1;
    if (fd < 0)
        return NULL;
    if (!ftruncate(fd, (off_t)bytes))
        map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    /* The size is sealed so that a worker cannot make the host fault by cutting it. */
    if (map == MAP_FAILED || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
        goto failed;
    if (!read_only_there) {
        *ret_fd = fd;
        return map;
    }
    ro = reopen_read_only(fd);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) && ro < 0) /* kernels before 5.1 rely on the reopening */
        goto failed;
    *ret_fd = ro < 0 ? fd : ro;
    if (ro >= 0)
        close(fd);
    return map;
failed:
    if (map != MAP_FAILED)
        munmap(map, bytes);
    close(fd);
    return NULL;
}

int page_ring_init(struct ring *r, size_t bytes)
{
    *r = (struct ring){ .fd = -1, .bytes = bytes };
    r->map = shared_map("trommel-pages", bytes, 1, &r->fd);
    return r->map ? 0 : ERR_IO;
}

void page_ring_release(struct ring *r)
{
    if (!r || !r->map)
        return;
    munmap(r->map, r->bytes);
    close(r->fd);
    r->map = NULL;
}

int page_ring_take(struct ring *r, size_t n, uint32_t *ret_off)
{
    size_t at = 0;
    unsigned i = 0;

    if (n > r->bytes || r->n_places == sizeof r->places / sizeof r->places[0])
        return ERR_FULL;
    n = (n + 63) & ~(size_t)63;
    while (i < r->n_places && r->places[i].off - at < n) {
        at = r->places[i].off + r->places[i].n;
        i++;
    }
    if (i == r->n_places && r->bytes - at < n)
        return ERR_FULL;
    memmove(&r->places[i + 1], &r->places[i], (r->n_places - i) * sizeof r->places[0]);
    r->places[i] = (struct ring_place){ (uint32_t)at, (uint32_t)n };
    r->n_places++;
    *ret_off = (uint32_t)at;
    return 0;
}

void page_ring_give(struct ring *r, uint32_t off)
{
    for (unsigned i = 0; i < r->n_places; i++) {
        if (r->places[i].off != off)
            continue;
        r->n_places--;
        memmove(&r->places[i], &r->places[i + 1], (r->n_places - i) * sizeof r->places[0]);
        return;
    }
}
