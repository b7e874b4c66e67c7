/* out: answers to a descriptor, as frames, one for each frame that came in.
 *
 * Never waits: what cannot be written now is kept; the caller bounds it by taking no more pages while `bytes`
 * is high.  In order of finish, or with `ordered` in the order in which slots were opened.  The descriptor
 * is not made non-blocking for those who share it: a pipe is opened once more, a socket asked per call. */
#ifndef TROMMEL_COMMAND_STREAM_OUT_H
#define TROMMEL_COMMAND_STREAM_OUT_H
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The place of an answer. */
struct stream_slot {
    struct stream_slot *prev, *next; /* in its list */
    unsigned char *answer;           /* its frame; NULL: not there yet */
    size_t n;
    /* the caller's: a page that is lent to the pipeline, its bytes, and where they are counted meanwhile */
    unsigned char *page;
    size_t page_n, *lent;
};

struct stream_out {
    int fd;
    int ordered;
    int is_socket;
    size_t write_max; /* for one write */
    struct stream_list {
        struct stream_slot *first, *last;
    } queue, open; /* to be written next, in this order; without `ordered`: slots that have no answer yet */
    size_t at;     /* of the first of the queue: bytes written */
    size_t bytes;  /* of answers that wait */
    struct err failed; /* the first error of writing, which sticks; ERR_CLOSED: whoever read it has gone */
};

void stream_out_init(struct stream_out *o, int fd, int ordered);
/* Frees everything, also what was not written and slots without an answer. */
void stream_out_release(struct stream_out *o);
struct stream_slot *stream_out_open(struct stream_out *o);
/* Gives the slot its answer (copied), once. */
void stream_out_fill(struct stream_out *o, struct stream_slot *slot, const void *p, size_t n);
int stream_out_ready(const struct stream_out *o); /* is there something to write? */
/* Writes what can be written without waiting, and frees its slots.  0, or o->failed. */
int stream_out_write(struct stream_out *o);
/* Nobody reads any more: answers that wait, and those to come, are thrown away. */
void stream_out_give_up(struct stream_out *o);
#endif
