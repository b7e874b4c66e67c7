/* frame: frames from a descriptor: four bytes of length, big end first, then so many bytes.
 *
 * Never waits: each time the caller found the descriptor readable, one read(2) is made, and no other.  The
 * bulk of a frame is read to where it stays.  A frame over the limit is skipped by its length, so that the
 * next one is found; a length that no frame can have means that both sides no longer agree on where frames
 * begin. */
#ifndef TROMMEL_COMMAND_STREAM_FRAME_H
#define TROMMEL_COMMAND_STREAM_FRAME_H
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

#define STREAM_FRAME_BYTES (16u * MIB) /* of one page: a body over its limit is still named with its id */
#define STREAM_LOST_BYTES  (64u * MIB) /* a longer one is no length: text begins with larger numbers */
#define STREAM_HEAD_BYTES  (8u * KIB)  /* kept of a frame that is skipped: its id may be there */

struct stream_frame {
    uint64_t number;     /* from 1 */
    uint32_t length;     /* as it says */
    unsigned char *data; /* malloc'd, the caller's to free; NULL: none came */
    size_t n;            /* less than length if it was skipped or cut off */
};

struct stream_reader {
    int fd;
    int readable; /* set by the caller: one read may be made */
    uint64_t number;
    unsigned char head[4], *chunk;
    unsigned head_n;
    struct stream_frame frame; /* the one that comes in */
    size_t want, skip;         /* of it: bytes to keep, and to pass over behind them */
    size_t chunk_at, chunk_n;
    int ended;
};

void stream_reader_init(struct stream_reader *r, int fd);
void stream_reader_release(struct stream_reader *r);
/* The next frame.  0: *ret is whole; ERR_AGAIN: not yet, wait until the descriptor is readable; ERR_CLOSED:
 * the input has ended between two frames.  With *ret as far as it is known and a message that names the
 * frame: ERR_LIMIT: it was skipped, go on; ERR_CORRUPT: the input ended within it; ERR_INVALID: no length,
 * the rest cannot be read.  ERR_IO, ERR_NOMEM: with a message alone. */
int stream_reader_next(struct stream_reader *r, struct stream_frame *ret, struct err *err);
#endif
