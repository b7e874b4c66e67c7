/* stdout: records on standard output, one JSON record a line, or as msgpack.
 *
 * The reader may be slow or gone, so writing (and making JSON) is the work of a thread of the sink's own,
 * one batch at a time; a record is acknowledged when its last byte is written.  Where standard output is a
 * file, a batch that does not fit is cut off again; a pipe whose reader is gone stays broken. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <trommel/sink.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "plugin/sink/slot.h"
#include "record/record.h"

#define BATCH_BYTES (1u * MIB) /* of records; two batches at the most are held */
#define BATCH_MAX   (2u * LIMIT_RECORD_BYTES)
#define OUT_MAX     (512u * MIB) /* JSON of one batch: bytes may grow to \u0000 each */
#define POLL_MS     50

enum { OPT_FORMAT };
static const trommel_opt opts[] = {
    [OPT_FORMAT] = { "format", TROMMEL_T_STR, 0, "json",
                     "json: one record a line; msgpack: one behind the other.", "json|msgpack", 0, 0, NULL },
};

struct item {
    uint8_t id[16];
    size_t n;
    int refused;
};
struct batch {
    struct buf data;
    struct item *items;
    size_t n, cap;
};
struct out {
    const trommel_sink_host *host;
    trommel_sink_ctx *ctx;
    int fd, json;
    struct batch filling;
    struct slot slot;
    /* the thread's while it is busy */
    struct batch writing;
    struct buf text;
    int quit; /* set from the loop: give up on a reader that does not read */
    int code; /* errno of the batch */
};

/* ---- in the thread ------------------------------------------------------------------------------ */

static void text_make(struct out *o)
{
    const unsigned char *p = o->writing.data.data;

    buf_clear(&o->text);
    for (size_t i = 0; i < o->writing.n; i++) {
        struct item *it = &o->writing.items[i];
        size_t had = o->text.len;

        if (o->json && (record_json(p, it->n, &o->text) < 0 || o->text.err)) {
            o->text.len = had;
            o->text.err = 0;
            it->refused = 1;
        } else if (o->json) {
            buf_add_byte(&o->text, '\n');
        } else {
            buf_add(&o->text, p, it->n);
        }
        p += it->n;
    }
}

static int out_wait(struct out *o)
{
    struct pollfd p = { .fd = o->fd, .events = POLLOUT };

    while (!__atomic_load_n(&o->quit, __ATOMIC_RELAXED))
        if (poll(&p, 1, 100) != 0)
            return 0;
    return EAGAIN;
}

static int out_write(struct out *o, const unsigned char *p, size_t n)
{
    while (n) {
        int rc = out_wait(o);
        if (rc)
            return rc;
        /* behind poll() a pipe takes this much without blocking */
        ssize_t k = write(o->fd, p, n < 4096 ? n : 4096);
        if (k < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (k < 0)
            return errno;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

static void write_batch(void *arg)
{
    struct out *o = arg;
    struct stat st;
    off_t start = fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode) ? lseek(o->fd, 0, SEEK_CUR) : -1;

    text_make(o);
    o->code = o->text.err ? ENOMEM : out_write(o, o->text.data, o->text.len);
    if (o->code && start >= 0 && ftruncate(o->fd, start) == 0)
        lseek(o->fd, start, SEEK_SET);
}

/* ---- in the loop -------------------------------------------------------------------------------- */

static void settle(struct out *o)
{
    char msg[300];

    if (!slot_done(&o->slot))
        return;
    const char *mend = o->code == EPIPE ? "the reader is gone; start it again" : "see to where it goes";
    snprintf(msg, sizeof msg, "standard output: cannot write (%s); %s", strerror(o->code), mend);
    for (size_t i = 0; i < o->writing.n; i++) {
        const struct item *it = &o->writing.items[i];
        if (o->code)
            o->host->ack(o->ctx, it->id, TROMMEL_ACK_AGAIN, msg, strlen(msg));
        else if (it->refused)
            o->host->ack(o->ctx, it->id, TROMMEL_ACK_REFUSED, "is no record that JSON can say", 30);
        else
            o->host->ack(o->ctx, it->id, TROMMEL_ACK_DONE, NULL, 0);
    }
    o->writing.n = 0;
    buf_clear(&o->writing.data);
}

static void advance(struct out *o)
{
    struct batch b;

    settle(o);
    if (!o->filling.n || !slot_idle(&o->slot))
        return;
    b = o->writing;
    o->writing = o->filling;
    o->filling = b;
    slot_submit(&o->slot);
}

static int batch_add(struct batch *b, const trommel_record *r)
{
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        void *p = realloc(b->items, cap * sizeof *b->items);
        if (!p)
            return -1;
        b->items = p;
        b->cap = cap;
    }
    if (buf_add(&b->data, r->data.p, r->data.n) < 0) {
        b->data.err = 0;
        return -1;
    }
    struct item *it = &b->items[b->n++];
    memcpy(it->id, r->id, 16);
    it->n = r->data.n;
    it->refused = 0;
    return 0;
}

static int32_t put(void *self, const trommel_record *recs, uint32_t n)
{
    struct out *o = self;
    uint32_t i = 0;

    for (; i < n && o->filling.data.len < BATCH_BYTES; i++) {
        if (recs[i].data.n > LIMIT_RECORD_BYTES)
            o->host->ack(o->ctx, recs[i].id, TROMMEL_ACK_REFUSED, "the record is over the maximum", 30);
        else if (batch_add(&o->filling, &recs[i]) < 0)
            break;
    }
    advance(o);
    return (int32_t)i;
}

static void committed(void *self, const uint8_t (*ids)[16], uint32_t n)
{
}

static int32_t flush(void *self)
{
    advance(self);
    return TROMMEL_OK;
}

static int fd(void *self)
{
    return ((struct out *)self)->slot.fd;
}

static void poll_sink(void *self)
{
    advance(self);
}

static void out_free(struct out *o)
{
    slot_stop(&o->slot);
    buf_release(&o->filling.data);
    buf_release(&o->writing.data);
    buf_release(&o->text);
    free(o->filling.items);
    free(o->writing.items);
    if (o->fd >= 0)
        close(o->fd);
    free(o);
}

static void close_sink(void *self, uint32_t grace_ms)
{
    struct out *o = self;

    for (int i = 0; i < 2; i++) { /* what is being written, then what is waiting */
        if (slot_wait(&o->slot, grace_ms) < 0)
            break;
        advance(o);
    }
    if (slot_wait(&o->slot, grace_ms) < 0) {
        __atomic_store_n(&o->quit, 1, __ATOMIC_RELAXED);
        if (slot_wait(&o->slot, 2000) < 0)
            return; /* stuck in write(): its memory stays */
    }
    settle(o);
    out_free(o);
}

static int32_t open_sink(const trommel_sink_host *host, trommel_sink_ctx *ctx, void **ret_self)
{
    struct out *o = calloc(1, sizeof *o);
    trommel_val v;

    if (!o)
        return TROMMEL_E_FAIL;
    o->host = host;
    o->ctx = ctx;
    buf_init(&o->filling.data, BATCH_MAX);
    buf_init(&o->writing.data, BATCH_MAX);
    buf_init(&o->text, OUT_MAX);
    o->json = host->opt(ctx, OPT_FORMAT, &v) != TROMMEL_OK || v.n != 7;
    o->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int rc = o->fd < 0 ? errno : slot_start(&o->slot, write_batch, o);
    if (rc) {
        char msg[200];
        int n = snprintf(msg, sizeof msg, "standard output: %s; it must be open", strerror(rc));
        host->fail(ctx, msg, (size_t)n);
        out_free(o);
        return TROMMEL_E_FAIL;
    }
    *ret_self = o;
    return TROMMEL_OK;
}

TROMMEL_SINK = {
    TROMMEL_SINK_HEAD,
    .id = "stdout",
    .version = "1.0.0",
    .summary = "One JSON record a line on standard output.",
    .license = "MIT",
    .schemes = "stdout",
    .guarantee = TROMMEL_AT_LEAST_ONCE,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .open = open_sink,
    .put = put,
    .committed = committed,
    .flush = flush,
    .fd = fd,
    .poll = poll_sink,
    .poll_ms = POLL_MS,
    .close = close_sink,
};
