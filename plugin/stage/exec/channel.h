/* channel: the pipes to a program: one frame there, one back, within a time.
 *
 * A frame is four bytes of length, big end first, and that many bytes.  Both pipes are served at once, so
 * that neither side can wait for the other for ever. */
#ifndef TROMMEL_STAGE_EXEC_CHANNEL_H
#define TROMMEL_STAGE_EXEC_CHANNEL_H
#include "plugin/stage/exec/exec.h"

struct channel {
    int in, out;
    unsigned char *data; /* what came and was not handled */
    size_t len, cap;
    size_t taken; /* of data: the frame given out last */
};

enum channel_end {
    CHANNEL_OK,
    CHANNEL_GONE_BEFORE, /* nobody reads: not a byte of the frame was taken */
    CHANNEL_GONE,        /* its end of file, before a whole answer */
    CHANNEL_LATE,
    CHANNEL_STOPPED,  /* stop() said so */
    CHANNEL_TOO_LONG, /* the answer's length is over EXEC_ANSWER_MAX: channel_head shows it */
    CHANNEL_NOMEM
};

struct channel_wait {
    const trommel_host *host;
    trommel_ctx *ctx;
    trommel_page *page; /* NULL: outside process() */
    uint32_t ms;
};

/* Writes a frame of the n bytes and waits for one.  *ret lies in the channel until the next call. */
enum channel_end channel_exchange(struct channel *c, const void *p, size_t n, const struct channel_wait *w,
                                  trommel_str *ret);
/* The first bytes that came and were not handled, at most 4 of length and some: for a message. */
trommel_str channel_head(const struct channel *c);
/* Ends its standard input and waits up to ms for the end of its output. */
void channel_close(struct channel *c, uint32_t ms);
#endif
