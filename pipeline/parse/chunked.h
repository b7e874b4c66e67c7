/* chunked: HTTP's chunked transfer coding (RFC 9112 7.1) taken off, piece by piece.
 *
 * Takes what clients take: any line end with LF, extensions and trailers, which are dropped.  Nothing is
 * allocated; extensions and trailers are bounded, and chunks are only as long as what comes.  The first error
 * sticks. */
#ifndef TROMMEL_PARSE_CHUNKED_H
#define TROMMEL_PARSE_CHUNKED_H
#include <stddef.h>
#include <stdint.h>

enum {
    CHUNKED_LINE_BYTES = 16 * 1024,     /* a chunk's size with its extensions */
    CHUNKED_TRAILER_BYTES = 256 * 1024, /* all trailers together */
};
enum chunked_state {
    CHUNKED_SIZE, /* before or in the digits */
    CHUNKED_EXT,  /* behind them, up to LF */
    CHUNKED_DATA,
    CHUNKED_AFTER,   /* the line end behind the data */
    CHUNKED_TRAILER, /* lines up to an empty one */
    CHUNKED_DONE,
    CHUNKED_FAILED,
};
struct chunked {
    enum chunked_state state;
    uint64_t left;       /* of the chunk; its size while it is read */
    uint32_t line_bytes; /* of the size line, or of the trailers, so far */
    int any;             /* a digit was seen; in trailers: the line is not empty */
    int err;
};

void chunked_init(struct chunked *c);
/* Reads n bytes at p and writes the payload among them to out, which may be p itself, or NULL: counted only.
 * *ret_n: payload bytes.  Returns how many bytes were read: n, or fewer when the coding ended among them
 * (chunked_done); ERR_INVALID: no chunked coding; ERR_LIMIT: over a limit; then *ret_n still counts what was
 * written before. */
long chunked_read(struct chunked *c, const void *p, size_t n, void *out, size_t *ret_n);
static inline int chunked_done(const struct chunked *c)
{
    return c->state == CHUNKED_DONE;
}
#endif
