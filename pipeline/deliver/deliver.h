/* deliver: records to their sink, in batches, until each is acknowledged.
 *
 * Loads the sink through sink.h like any other.  Keeps records that the sink would not take (full, broken)
 * and puts them again; says so once, and again when it recovers.  One thread at a time, on a libuv loop or
 * without one. */
#ifndef TROMMEL_DELIVER_DELIVER_H
#define TROMMEL_DELIVER_DELIVER_H
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "record/record.h"

struct deliver;
struct deliver_options {
    const char *sink;     /* SINK of the command line: DIR, file:DIR, kafka://…, stdout:, null: */
    const char *sink_dir; /* where sinks lie; NULL: found beside the program */
    /* One call for every record given in, in any order.  how: TROMMEL_ACK_DONE or TROMMEL_ACK_REFUSED. */
    void (*on_ack)(void *arg, void *user, int how, const char *message);
    void *arg;
};
int deliver_open(uv_loop_t *loop, const struct deliver_options *opt, struct deliver **ret, struct err *err);
/* The same without a loop: the owner calls deliver_turn when deliver_fd is readable (-1: there is none), and
 * when deliver_wait_ms are over (-1: nothing is waited for by the clock); acknowledgements come from within.
 */
int deliver_open_alone(const struct deliver_options *opt, struct deliver **ret, struct err *err);
int deliver_fd(const struct deliver *d);
int deliver_wait_ms(const struct deliver *d);
void deliver_turn(struct deliver *d);
/* Takes the bytes of *record (empties the buffer).  key: the host; copied. */
int deliver_put(struct deliver *d, const uint8_t id[RECORD_ID_BYTES], struct buf *record, trommel_str key,
                void *user);
/* The frontier has these written down. */
void deliver_committed(struct deliver *d, const uint8_t (*ids)[RECORD_ID_BYTES], uint32_t n);
/* Records taken and not acknowledged. */
size_t deliver_pending(const struct deliver *d);
/* NULL, or what is wrong with the sink at the moment ("disk full …"). */
const char *deliver_trouble(const struct deliver *d);
void deliver_flush(struct deliver *d);
/* This process is a child of the one that opened it: frees what is deliver's own, without a call of the sink,
 * whose threads are not here and whose files are the parent's; what the sink itself has stays.  Without a
 * loop only. */
void deliver_leave(struct deliver *d);
/* Closes; unacknowledged records are forgotten (their URLs are still queued).  done_fn when all handles are
 * closed; without a loop that is before it returns. */
void deliver_close(struct deliver *d, uint32_t grace_ms, void (*done_fn)(void *arg), void *arg);
#endif
