/* file: records in a folder of segments, each exactly once.
 *
 * put() copies into a batch; a full batch, or one that has waited for linger_ms, is written by a thread of
 * the sink's own (compression, write, sync), then acknowledged.  The segment being written is called
 * NAME.open and gets its final name when it is closed or rotated, so what has its final name never changes.
 * A batch that could not be written leaves nothing behind: the host puts its records again.
 *
 * Exactly once: ids are remembered from put() to committed(), over crashes too (recover.c).  Safe against
 * kill -9 always, against power loss with sync=batch.  Format: pipeline/deliver/segment.h.
 * Left out: retention, more than one writer (the folder is locked). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/sink.h>
#include <unistd.h>

#include "deliver/segment.h"
#include "plugin/sink/file/file.h"
#include "plugin/sink/slot.h"

#define POLL_MS 20
#define CHECKPOINT_NS 1000000000u
#define BATCHES_WAITING 4 /* so many batches may fill up while one is written */

enum {
    OPT_ROTATE_BYTES,
    OPT_ROTATE_SECONDS,
    OPT_COMPRESS,
    OPT_LEVEL,
    OPT_SYNC,
    OPT_BATCH_BYTES,
    OPT_LINGER_MS
};
static const trommel_opt opts[] = {
    [OPT_ROTATE_BYTES] = { "rotate_bytes", TROMMEL_T_I64, 0, "1073741824",
                           "A segment of this size is closed; 0: never.", NULL, 0, 1e15, "bytes" },
    [OPT_ROTATE_SECONDS] = { "rotate_seconds", TROMMEL_T_I64, 0, "3600",
                             "A segment of this age is closed; 0: never.", NULL, 0, 1e9, "seconds" },
    [OPT_COMPRESS] = { "compress", TROMMEL_T_STR, 0, "none", "How segments are compressed.", "none|zstd", 0,
                       0, NULL },
    [OPT_LEVEL] = { "level", TROMMEL_T_I64, 0, "3", "Level of zstd.", NULL, 1, 19, NULL },
    [OPT_SYNC] = { "sync", TROMMEL_T_STR, 0, "batch",
                   "batch: acknowledged when it is on the disk; none: when it is written.", "none|batch", 0,
                   0, NULL },
    [OPT_BATCH_BYTES] = { "batch_bytes", TROMMEL_T_I64, 0, "1048576",
                          "A batch of this size is written at once.", NULL, 1, 67108864, "bytes" },
    [OPT_LINGER_MS] = { "linger_ms", TROMMEL_T_I64, 0, "50", "How long a batch waits for more.", NULL, 0,
                        60000, "ms" },
};

struct batch {
    unsigned char *p;
    uint8_t (*ids)[ID_BYTES];
    size_t n, cap, n_ids, cap_ids;
    uint64_t since_ns;
};

struct file {
    const trommel_sink_host *host;
    trommel_sink_ctx *ctx;
    char *dir;
    int dir_fd, lock_fd;
    uint64_t rotate_bytes, rotate_ns, batch_bytes, linger_ns;
    struct held held;
    struct batch filling;
    struct place mark; /* end of what is written */
    int flushing, checkpoint_due;
    uint64_t checkpoint_ns;
    struct slot slot;
    /* the thread's while it is busy */
    struct batch writing;
    struct writer writer;
    int finish;
    struct fault write_fault, finish_fault;
};

static void say(void *arg, int level, const char *msg)
{
    struct file *f = arg;

    f->host->log(f->ctx, (uint32_t)level, msg, strlen(msg));
}

static int32_t refuse(struct file *f, const char *msg)
{
    f->host->fail(f->ctx, msg, strlen(msg));
    return TROMMEL_E_FAIL;
}

static void ack(struct file *f, const uint8_t *id, int32_t how, const char *msg)
{
    f->host->ack(f->ctx, id, how, msg, msg ? strlen(msg) : 0);
}

/* ---- in the thread ------------------------------------------------------------------------------ */

static void write_batch(void *arg)
{
    struct file *f = arg;

    f->write_fault.code = f->finish_fault.code = 0;
    if (f->writing.n && writer_write(&f->writer, f->writing.p, f->writing.n, &f->write_fault))
        return;
    if (f->finish || (f->rotate_bytes && f->writer.end >= f->rotate_bytes))
        writer_finish(&f->writer, &f->finish_fault);
}

/* ---- batches ------------------------------------------------------------------------------------ */

static void *more(void *p, size_t *cap, size_t need, size_t size)
{
    size_t n = *cap ? *cap : 64;

    while (n < need)
        n *= 2;
    p = realloc(p, n * size);
    if (p)
        *cap = n;
    return p;
}

static int batch_room(struct batch *b, size_t n)
{
    void *p;

    if (b->n + n > b->cap) {
        if (!(p = more(b->p, &b->cap, b->n + n, 1)))
            return -1;
        b->p = p;
    }
    if (b->n_ids == b->cap_ids) {
        if (!(p = more(b->ids, &b->cap_ids, b->n_ids + 1, ID_BYTES)))
            return -1;
        b->ids = p;
    }
    return 0;
}

static int batch_add(struct file *f, const trommel_record *r)
{
    struct batch *b = &f->filling;
    struct held_entry *e;

    if (batch_room(b, r->data.n + SEGMENT_TRAILER) < 0 || !(e = held_add(&f->held, r->id)))
        return -1;
    e->owed = 1;
    if (!b->n_ids)
        b->since_ns = f->host->now_ns(f->ctx);
    memcpy(b->p + b->n, r->data.p, r->data.n);
    segment_trailer(r->data.p, r->data.n, r->id, b->p + b->n + r->data.n);
    b->n += r->data.n + SEGMENT_TRAILER;
    memcpy(b->ids[b->n_ids++], r->id, ID_BYTES);
    return 0;
}

static void batch_start(struct file *f, int finish)
{
    struct batch b = f->writing;

    f->writing = f->filling;
    f->filling = b;
    f->filling.n = f->filling.n_ids = 0;
    f->finish = finish;
    f->flushing = 0;
    slot_submit(&f->slot);
}

static void batch_taken(struct file *f)
{
    for (size_t i = 0; i < f->writing.n_ids; i++) {
        struct held_entry *e = held_find(&f->held, f->writing.ids[i]);
        for (; e && e->owed; e->owed--)
            ack(f, e->id, TROMMEL_ACK_DONE, NULL);
    }
}

static void batch_given_back(struct file *f)
{
    for (size_t i = 0; i < f->writing.n_ids; i++) {
        const uint8_t *id = f->writing.ids[i];
        struct held_entry *e = held_find(&f->held, id);
        for (; e && e->owed; e->owed--)
            ack(f, id, TROMMEL_ACK_AGAIN, f->write_fault.text);
        held_remove(&f->held, id);
    }
}

/* Takes back what the thread has done. */
static void batch_settle(struct file *f)
{
    if (!slot_done(&f->slot))
        return;
    if (f->write_fault.code)
        batch_given_back(f);
    else
        batch_taken(f);
    if (f->finish_fault.code)
        say(f, 0, f->finish_fault.text);
    f->writing.n = f->writing.n_ids = 0;
    f->mark = (struct place){ f->writer.number, f->writer.end };
    f->checkpoint_due = 1;
}

static int segment_is_old(struct file *f, uint64_t now)
{
    return f->rotate_ns && f->writer.fd >= 0 && f->writer.end && now - f->writer.since_ns >= f->rotate_ns;
}

static void advance(struct file *f)
{
    uint64_t now = f->host->now_ns(f->ctx);
    const struct batch *b = &f->filling;

    batch_settle(f);
    if (!slot_idle(&f->slot))
        return;
    if (b->n_ids && (f->flushing || b->n >= f->batch_bytes || now - b->since_ns >= f->linger_ns))
        batch_start(f, segment_is_old(f, now));
    else if (segment_is_old(f, now))
        batch_start(f, 1);
}

/* Its cost is 16 bytes an id: rarer when there are many. */
static void checkpoint(struct file *f, int now)
{
    uint64_t t = f->host->now_ns(f->ctx);

    if (!f->checkpoint_due || (!now && t - f->checkpoint_ns < CHECKPOINT_NS + f->held.n * 10000))
        return;
    f->checkpoint_ns = t;
    if (checkpoint_write(f->dir_fd, &f->mark, &f->held) == 0)
        f->checkpoint_due = 0;
}

/* ---- the sink's functions ------------------------------------------------------------------------ */

static int32_t put(void *self, const trommel_record *recs, uint32_t n)
{
    struct file *f = self;
    uint32_t i = 0;

    for (; i < n; i++) {
        struct held_entry *e = held_find(&f->held, recs[i].id);
        if (e && e->owed)
            e->owed++;
        else if (e)
            ack(f, recs[i].id, TROMMEL_ACK_DONE, NULL);
        else if (recs[i].data.n > SEGMENT_RECORD_MAX)
            ack(f, recs[i].id, TROMMEL_ACK_REFUSED, "the record is over 17 MiB, the maximum of a segment");
        else if (f->filling.n >= f->batch_bytes * BATCHES_WAITING)
            break;
        else if (batch_add(f, &recs[i]) < 0)
            return i ? (int32_t)i
                     : refuse(f, "out of memory for a batch of records; lower batch_bytes or --budget");
    }
    if (f->filling.n >= f->batch_bytes)
        advance(f);
    return (int32_t)i;
}

static void committed(void *self, const uint8_t (*ids)[16], uint32_t n)
{
    struct file *f = self;

    for (uint32_t i = 0; i < n; i++) {
        struct held_entry *e = held_find(&f->held, ids[i]);
        if (e && !e->owed)
            held_remove(&f->held, ids[i]);
    }
    f->checkpoint_due = 1;
}

static int32_t flush(void *self)
{
    struct file *f = self;

    f->flushing = f->filling.n_ids > 0;
    advance(f);
    return TROMMEL_OK;
}

static int fd(void *self)
{
    return ((struct file *)self)->slot.fd;
}

static void poll_sink(void *self)
{
    struct file *f = self;

    advance(f);
    checkpoint(f, 0);
}

static void file_free(struct file *f)
{
    slot_stop(&f->slot);
    writer_release(&f->writer);
    held_release(&f->held);
    free(f->filling.p);
    free(f->filling.ids);
    free(f->writing.p);
    free(f->writing.ids);
    if (f->dir_fd >= 0)
        close(f->dir_fd);
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    free(f->dir);
    free(f);
}

static void close_sink(void *self, uint32_t grace_ms)
{
    struct file *f = self;
    uint64_t now = f->host->now_ns(f->ctx), until = now + grace_ms * UINT64_C(1000000);
    uint32_t wait_ms = grace_ms > 1000 ? grace_ms : 1000; /* a local write takes no longer */

    if (slot_wait(&f->slot, wait_ms) < 0)
        goto stuck;
    batch_settle(f);
    now = f->host->now_ns(f->ctx);
    batch_start(f, 1);
    if (slot_wait(&f->slot, now < until ? (uint32_t)((until - now) / 1000000) + 1000 : 1000) < 0)
        goto stuck;
    batch_settle(f);
    f->checkpoint_due = 1;
    checkpoint(f, 1);
    file_free(f);
    return;
stuck: /* the disk hangs: memory that the thread uses must stay; the next start recovers as from a crash */
    say(f, 1, "the disk does not answer; what was not written will be put again by the next run");
}

/* ---- opening ------------------------------------------------------------------------------------- */

static uint64_t number(struct file *f, uint32_t opt)
{
    trommel_val v;

    return f->host->opt(f->ctx, opt, &v) == TROMMEL_OK && v.u.i > 0 ? (uint64_t)v.u.i : 0;
}

static int chosen(struct file *f, uint32_t opt, const char *what)
{
    trommel_val v;

    return f->host->opt(f->ctx, opt, &v) == TROMMEL_OK && v.n == strlen(what) && !memcmp(v.u.p, what, v.n);
}

static void options(struct file *f)
{
    f->rotate_bytes = number(f, OPT_ROTATE_BYTES);
    f->rotate_ns = number(f, OPT_ROTATE_SECONDS) * 1000000000u;
    f->batch_bytes = number(f, OPT_BATCH_BYTES);
    f->linger_ns = number(f, OPT_LINGER_MS) * 1000000u;
    f->writer.zstd = chosen(f, OPT_COMPRESS, "zstd");
    f->writer.level = (int)number(f, OPT_LEVEL);
    f->writer.sync = chosen(f, OPT_SYNC, "batch");
}

static int32_t open_sink(const trommel_sink_host *host, trommel_sink_ctx *ctx, void **ret_self)
{
    struct file *f = calloc(1, sizeof *f);
    struct fault fault = { 0 };
    const char *target = host->target(ctx);

    if (!f)
        return TROMMEL_E_FAIL;
    f->host = host;
    f->ctx = ctx;
    f->dir_fd = f->lock_fd = f->writer.fd = -1;
    f->dir = strdup(target ? target : "");
    if (!f->dir || !f->dir[0]) {
        fault_set(&fault, EINVAL, "file: no folder is named; write file:DIR");
        goto failed;
    }
    options(f);
    if (folder_open(f->dir, &f->dir_fd, &f->lock_fd, &fault))
        goto failed;
    f->writer.dir = f->dir;
    f->writer.dir_fd = f->dir_fd;
    if (recover(&f->writer, &f->held, &(struct recovery){ say, f }, &fault))
        goto failed;
    f->mark = (struct place){ f->writer.number, f->writer.end };
    f->checkpoint_due = 1;
    int rc = slot_start(&f->slot, write_batch, f);
    if (rc) {
        fault_set(&fault, rc, "%s: cannot start a thread (%s)", f->dir, strerror(rc));
        goto failed;
    }
    *ret_self = f;
    return TROMMEL_OK;
failed:
    refuse(f, fault.text);
    file_free(f);
    return TROMMEL_E_FAIL;
}

TROMMEL_SINK = {
    TROMMEL_SINK_HEAD,
    .id = "file",
    .version = "1.0.0",
    .summary =
        "Segments of msgpack in a folder, each record with its checksum; rotated, compressed if asked for.",
    .license = "MIT",
    .schemes = "file",
    .guarantee = TROMMEL_EXACTLY_ONCE,
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
