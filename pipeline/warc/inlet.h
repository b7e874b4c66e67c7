/* inlet: the bytes of an archive as they lie in a file or come from a pipe, through one large buffer.
 *
 * What was read and not yet taken lies in one piece and may grow up to INLET_HELD_MOST, so that a reader can
 * look far ahead and change its mind.  Every byte has its offset in the file, for messages.  A descriptor
 * that can seek can be gone back in; from a pipe, what is behind `hold` is kept for that.  One thread. */
#ifndef TROMMEL_WARC_INLET_H
#define TROMMEL_WARC_INLET_H
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

#define INLET_HELD_MOST (20u * MIB)

struct inlet {
    int fd;               /* borrowed */
    int stop_fd;          /* -1, or: a pipe is at its end as soon as this is readable */
    int can_seek, is_end; /* is_end: nothing comes behind what is held */
    int io_errno;         /* reading failed; what was there before is still given */
    uint64_t size;        /* of a regular file; else UINT64_MAX */
    uint64_t offset;      /* of the byte at `at` */
    uint64_t hold;        /* a pipe's bytes from here on are kept if there is room */
    unsigned char *buf;
    size_t at, len, cap;
};

/* Reads fd from where it stands; a pipe's first byte has offset 0.  stop_fd: borrowed. */
int inlet_init(struct inlet *s, int fd, int stop_fd);
void inlet_release(struct inlet *s); /* NULL-safe; the descriptor stays open */
/* Makes n bytes (at most INLET_HELD_MOST) be there, if there are as many; returns how many there are, which
 * may be more.  Pointers from inlet_at are dead then. */
size_t inlet_need(struct inlet *s, size_t n);
static inline const unsigned char *inlet_at(const struct inlet *s)
{
    return s->buf + s->at;
}
static inline size_t inlet_left(const struct inlet *s)
{
    return s->len - s->at;
}
/* Takes n bytes, which are there. */
static inline void inlet_take(struct inlet *s, size_t n)
{
    s->at += n;
    s->offset += n;
}
/* To an offset of the file: within what is held, or by seeking.  ERR_UNSUPPORTED: a pipe, and it is gone. */
int inlet_seek(struct inlet *s, uint64_t offset);
/* Up to n bytes from an offset on, without moving; 0 if they are not held and it cannot seek. */
size_t inlet_peek(struct inlet *s, uint64_t offset, void *ret, size_t n);
/* The first byte that can be gone back to. */
uint64_t inlet_first(const struct inlet *s);
#endif
