/* frame: see frame.h. */
#include "command/stream/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

enum { HEAD = 4, CHUNK_BYTES = 8 * 1024 };

void stream_reader_init(struct stream_reader *r, int fd)
{
    *r = (struct stream_reader){ .fd = fd, .chunk = malloc(CHUNK_BYTES) };
    if (!r->chunk)
        abort();
}

void stream_reader_release(struct stream_reader *r)
{
    free(r->frame.data);
    free(r->chunk);
    *r = (struct stream_reader){ .fd = -1 };
}

static size_t less(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The length is known. */
static int frame_begin(struct stream_reader *r, struct err *err)
{
    uint32_t length =
        (uint32_t)r->head[0] << 24 | (uint32_t)r->head[1] << 16 | (uint32_t)r->head[2] << 8 | r->head[3];

    r->frame = (struct stream_frame){ .number = ++r->number, .length = length };
    if (length > STREAM_LOST_BYTES)
        return err_set(
            err, ERR_INVALID,
            "frame %llu: begins with the bytes %02x %02x %02x %02x, which as a length are over %u: "
            "a frame is four bytes of length, big end first, then one msgpack map",
            (unsigned long long)r->number, r->head[0], r->head[1], r->head[2], r->head[3], STREAM_LOST_BYTES);
    r->want = length > STREAM_FRAME_BYTES ? STREAM_HEAD_BYTES : length;
    r->skip = length - r->want;
    r->frame.data = malloc(r->want ? r->want : 1);
    if (!r->frame.data)
        return err_set(err, ERR_NOMEM, "frame %llu: no memory for its %u bytes",
                       (unsigned long long)r->number, length);
    return 0;
}

/* Moves what came in along with an earlier frame to where it belongs. */
static int chunk_use(struct stream_reader *r, struct err *err)
{
    while (r->chunk_at < r->chunk_n) {
        const unsigned char *from = r->chunk + r->chunk_at;
        size_t left = r->chunk_n - r->chunk_at, n;
        if (r->head_n < HEAD) {
            r->head[r->head_n++] = *from;
            n = 1;
        } else if (r->frame.n < r->want) {
            n = less(left, r->want - r->frame.n);
            memcpy(r->frame.data + r->frame.n, from, n);
            r->frame.n += n;
        } else {
            n = less(left, r->skip);
            r->skip -= n;
        }
        r->chunk_at += n;
        if (r->head_n == HEAD && !r->frame.data) {
            int rc = frame_begin(r, err);
            if (rc < 0)
                return rc;
        }
        if (r->frame.data && r->frame.n == r->want && !r->skip)
            break;
    }
    return 0;
}

/* One read(2): the rest of the frame to its place, what follows to the chunk, which is empty. */
static int fill(struct stream_reader *r, struct err *err)
{
    size_t rest = r->frame.data ? r->want - r->frame.n : 0;
    struct iovec at[2] = { { rest ? r->frame.data + r->frame.n : NULL, rest }, { r->chunk, CHUNK_BYTES } };

    r->readable = 0;
    r->chunk_at = r->chunk_n = 0;
    ssize_t n = readv(r->fd, at, 2);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n < 0)
        return err_set(err, ERR_IO, "standard input: cannot be read behind frame %llu: %s",
                       (unsigned long long)r->number, strerror(errno));
    r->ended = n == 0;
    size_t direct = less((size_t)n, rest);
    r->frame.n += direct;
    r->chunk_n = (size_t)n - direct;
    return 0;
}

static void give(struct stream_reader *r, struct stream_frame *ret)
{
    *ret = r->frame;
    r->frame = (struct stream_frame){ 0 };
    r->head_n = 0;
    r->want = r->skip = 0;
}

static int end(struct stream_reader *r, struct stream_frame *ret, struct err *err)
{
    if (!r->head_n)
        return ERR_CLOSED;
    if (r->head_n < HEAD) {
        *ret = (struct stream_frame){ .number = r->number + 1 };
        return err_set(err, ERR_CORRUPT, "frame %llu: the input ends within its length, after %u of 4 bytes",
                       (unsigned long long)ret->number, r->head_n);
    }
    size_t came = r->frame.length - (r->want - r->frame.n) - r->skip;
    give(r, ret);
    return err_set(err, ERR_CORRUPT, "frame %llu: the input ends after %zu of its %u bytes",
                   (unsigned long long)ret->number, came, ret->length);
}

int stream_reader_next(struct stream_reader *r, struct stream_frame *ret, struct err *err)
{
    *ret = (struct stream_frame){ 0 };
    for (;;) {
        int rc = chunk_use(r, err);
        if (rc < 0) {
            give(r, ret);
            return rc;
        }
        if (r->frame.data && r->frame.n == r->want && !r->skip)
            break;
        if (r->ended)
            return end(r, ret, err);
        if (!r->readable)
            return ERR_AGAIN;
        rc = fill(r, err);
        if (rc < 0)
            return rc;
    }
    give(r, ret);
    if (ret->n == ret->length)
        return 0;
    return err_set(err, ERR_LIMIT, "frame %llu: its %u bytes are over the limit of %u and were passed over",
                   (unsigned long long)ret->number, ret->length, STREAM_FRAME_BYTES);
}
