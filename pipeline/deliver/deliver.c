/* deliver: see deliver.h.
 *
 * A record is in one of two lists: `queue` (to be put, in order) or `given` (with the sink).  What the sink
 * acknowledges, from inside whatever call, goes to `acked` first and is told to the owner only when that call
 * has returned, so the owner may put more from its callback.  Calls into the sink come from timers and the
 * descriptor only (loop.c, or deliver_turn), never from deliver_put: the owner is never called back from
 * inside its own call.
 *
 * Trouble (an error of put, or TROMMEL_ACK_AGAIN) starts a wait of 100 ms that doubles to 5 s; it ends with
 * the first record that is acknowledged as safe. */
#include "deliver/deliver.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "deliver/inner.h"

#define BATCH            64
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS  5000
#define FULL_MS          20 /* the sink took nothing and said nothing: ask again */

/* ---- lists and the table of ids ----------------------------------------------------------------- */

static void list_push(struct list *l, struct entry *e)
{
    e->prev = l->last;
    e->next = NULL;
    *(l->last ? &l->last->next : &l->first) = e;
    l->last = e;
    l->n++;
}

static void list_cut(struct list *l, struct entry *e)
{
    *(e->prev ? &e->prev->next : &l->first) = e->next;
    *(e->next ? &e->next->prev : &l->last) = e->prev;
    l->n--;
}

/* All of `from` to the front of l. */
static void list_prepend(struct list *l, struct list *from)
{
    if (!from->n)
        return;
    from->last->next = l->first;
    *(l->first ? &l->first->prev : &l->last) = from->last;
    l->first = from->first;
    l->n += from->n;
    *from = (struct list){ 0 };
}

static struct entry **bucket_of(struct deliver *d, const uint8_t *id)
{
    uint64_t h;

    memcpy(&h, id, sizeof h);
    return &d->buckets[(h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (d->n_buckets - 1)];
}

static int table_grow(struct deliver *d)
{
    size_t n = d->n_buckets ? d->n_buckets * 2 : 256, old_n = d->n_buckets;
    struct entry **old = d->buckets, **new = calloc(n, sizeof *new);

    if (!new)
        return ERR_NOMEM;
    d->buckets = new;
    d->n_buckets = n;
    for (size_t i = 0; i < old_n; i++) {
        for (struct entry *e = old[i], *next; e; e = next) {
            next = e->bucket;
            struct entry **b = bucket_of(d, e->id);
            e->bucket = *b;
            *b = e;
        }
    }
    free(old);
    return 0;
}

static void table_remove(struct deliver *d, struct entry *e)
{
    struct entry **b = bucket_of(d, e->id);

    while (*b != e)
        b = &(*b)->bucket;
    *b = e->bucket;
    d->n_entries--;
}

static void entry_free(struct entry *e)
{
    if (!e)
        return;
    free(e->data);
    free(e->key);
    free(e->message);
    free(e);
}

/* ---- trouble ------------------------------------------------------------------------------------ */

static void copy_text(char *to, const char *p, size_t n)
{
    n = p ? (n < TROUBLE_BYTES - 1 ? n : TROUBLE_BYTES - 1) : 0;
    if (n)
        memcpy(to, p, n);
    to[n] = '\0';
}

static void trouble_begin(struct deliver *d, const char *what)
{
    int first = !d->trouble[0];

    snprintf(d->trouble, sizeof d->trouble, "%s", what && what[0] ? what : "the sink does not take records");
    d->backoff_ms = d->backoff_ms ? d->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (d->backoff_ms > BACKOFF_LAST_MS)
        d->backoff_ms = BACKOFF_LAST_MS;
    if (first && !d->closing)
        log_warn("%s; %zu records wait", d->trouble, d->n_entries);
}

static void trouble_end(struct deliver *d)
{
    if (d->trouble[0] && !d->closing)
        log_info("%s: takes records again", d->sink.name);
    d->trouble[0] = '\0';
    d->backoff_ms = 0;
}

/* ---- what the sink may call --------------------------------------------------------------------- */

static struct deliver *of(trommel_sink_ctx *ctx)
{
    return (struct deliver *)ctx;
}

static void host_log(trommel_sink_ctx *ctx, uint32_t level, const char *msg, size_t n)
{
    log_line(level > LOG_TRACE ? LOG_TRACE : (int)level, "%.*s", (int)(n < 1500 ? n : 1500), msg);
}

static void host_fail(trommel_sink_ctx *ctx, const char *msg, size_t n)
{
    copy_text(of(ctx)->fail, msg, n);
}

static void host_ack(trommel_sink_ctx *ctx, const uint8_t id[16], int32_t how, const char *msg, size_t n)
{
    struct deliver *d = of(ctx);
    struct entry *e = d->n_buckets ? *bucket_of(d, id) : NULL;

    while (e && (memcmp(e->id, id, RECORD_ID_BYTES) || e->state != GIVEN))
        e = e->bucket;
    if (!e) {
        log_debug("%s: acknowledged a record that it does not have", d->sink.name);
        return;
    }
    e->state = ACKED;
    e->how = how;
    e->message = msg && n ? strndup(msg, n < TROUBLE_BYTES ? n : TROUBLE_BYTES) : NULL;
    list_cut(&d->given, e);
    list_push(&d->acked, e);
}

static uint64_t host_now_ns(trommel_sink_ctx *ctx)
{
    return clock_mono_ns();
}

static int32_t host_opt(trommel_sink_ctx *ctx, uint32_t opt, trommel_val *ret)
{
    struct sink *s = &of(ctx)->sink;

    if (opt >= s->table->n_opts)
        return TROMMEL_E_INVALID;
    if (!s->has[opt])
        return TROMMEL_E_ABSENT;
    *ret = s->values[opt];
    return TROMMEL_OK;
}

static const char *host_target(trommel_sink_ctx *ctx)
{
    return of(ctx)->sink.target;
}

static const trommel_sink_host host = {
    .struct_size = sizeof host,
    .abi_minor = TROMMEL_SINK_ABI_MINOR,
    .log = host_log,
    .fail = host_fail,
    .ack = host_ack,
    .now_ns = host_now_ns,
    .opt = host_opt,
    .target = host_target,
};

/* ---- putting and settling ----------------------------------------------------------------------- */

static void pump_in(struct deliver *d, unsigned ms)
{
    if (d->closing)
        return;
    d->pump_ms = clock_mono_ms() + ms;
    if (d->drive)
        d->drive->pump_in(d, ms);
}

/* The sink says of one record how it went. */
static void settle_one(struct deliver *d, struct entry *e)
{
    if (e->how == TROMMEL_ACK_AGAIN) {
        if (!d->again.n)
            trouble_begin(d, e->message);
        free(e->message);
        e->message = NULL;
        e->state = QUEUED;
        list_push(&d->again, e);
        return;
    }
    if (e->how == TROMMEL_ACK_DONE)
        trouble_end(d);
    table_remove(d, e);
    d->opt.on_ack(d->opt.arg, e->user, e->how == TROMMEL_ACK_DONE ? TROMMEL_ACK_DONE : TROMMEL_ACK_REFUSED,
                  e->message ? e->message : "");
    entry_free(e);
}

/* After every call of the sink: hands out what it acknowledged. */
static void settle(struct deliver *d)
{
    int freed = 0;

    if (d->calling)
        return;
    while (d->acked.first) {
        struct entry *e = d->acked.first;
        list_cut(&d->acked, e);
        freed |= e->how != TROMMEL_ACK_AGAIN;
        settle_one(d, e);
    }
    if (d->again.n) {
        list_prepend(&d->queue, &d->again);
        pump_in(d, d->backoff_ms ? d->backoff_ms : BACKOFF_FIRST_MS);
    } else if (freed && d->queue.n && !d->trouble[0]) {
        pump_in(d, 0);
    }
}

static int32_t sink_put(struct deliver *d, struct entry **batch, uint32_t n)
{
    trommel_record recs[BATCH] = { 0 };

    for (uint32_t i = 0; i < n; i++) {
        struct entry *e = batch[i];
        recs[i] = (trommel_record){ .struct_size = sizeof *recs,
                                    .data = { (char *)e->data, e->n },
                                    .key = { e->key, e->key_n } };
        memcpy(recs[i].id, e->id, RECORD_ID_BYTES);
        list_cut(&d->queue, e);
        list_push(&d->given, e);
        e->state = GIVEN;
    }
    d->fail[0] = '\0';
    d->calling = 1;
    int32_t took = d->sink.table->put(d->self, recs, n);
    d->calling = 0;
    return took;
}

/* What the sink did not take goes back to the front of the queue, in order. */
static void give_back(struct deliver *d, struct entry **batch, uint32_t from, uint32_t n)
{
    struct list back = { 0 };

    for (uint32_t i = from; i < n; i++) {
        if (batch[i]->state != GIVEN)
            continue;
        list_cut(&d->given, batch[i]);
        batch[i]->state = QUEUED;
        list_push(&back, batch[i]);
    }
    list_prepend(&d->queue, &back);
}

/* One batch; returns how many the sink took. */
static uint32_t pump_once(struct deliver *d)
{
    struct entry *batch[BATCH], *e = d->queue.first;
    uint32_t n = 0;

    for (; e && n < BATCH; e = e->next)
        batch[n++] = e;
    int32_t took = sink_put(d, batch, n);
    give_back(d, batch, took > 0 ? (uint32_t)took : 0, n);
    if (took < 0) {
        trouble_begin(d, d->fail);
        pump_in(d, d->backoff_ms);
    } else if ((uint32_t)took < n) {
        pump_in(d, FULL_MS);
    }
    return took > 0 && (uint32_t)took == n ? n : 0;
}

void deliver_pump(struct deliver *d)
{
    int again = 1;

    d->pump_ms = 0;
    /* In trouble one batch is tried; what becomes of it decides.  Else all, bounded a turn of the loop. */
    for (int turn = 0; again && turn < 16 && d->queue.n && !d->closing; turn++) {
        again = pump_once(d) > 0;
        settle(d);
        again = again && !d->trouble[0];
    }
    if (again && d->queue.n)
        pump_in(d, 0);
}

void deliver_poll(struct deliver *d)
{
    if (d->closing || !d->sink.table->poll)
        return;
    d->calling = 1;
    d->sink.table->poll(d->self);
    d->calling = 0;
    settle(d);
}

/* ---- the life of it ----------------------------------------------------------------------------- */

static void deliver_free(struct deliver *d)
{
    sink_release(&d->sink);
    free(d->buckets);
    free(d);
}

static int sink_open(struct deliver *d, struct err *err)
{
    int32_t rc;

    d->calling = 1;
    rc = d->sink.table->open(&host, (trommel_sink_ctx *)d, &d->self);
    d->calling = 0;
    if (rc == TROMMEL_OK)
        return 0;
    if (d->fail[0])
        return err_set(err, ERR_IO, "%s", d->fail);
    return err_set(err, ERR_IO, "%s: the sink cannot be opened, and does not say why", d->sink.name);
}

static void tick_plan(struct deliver *d)
{
    const trommel_sink *t = d->sink.table;

    d->tick_ms = t->poll && t->poll_ms ? clock_mono_ms() + t->poll_ms : 0;
}

int deliver_open_alone(const struct deliver_options *opt, struct deliver **ret, struct err *err)
{
    struct deliver *d = calloc(1, sizeof *d);
    int rc;

    *ret = NULL;
    if (!d || table_grow(d) < 0) {
        free(d);
        return err_set(err, ERR_NOMEM, "%s: out of memory", opt->sink);
    }
    d->opt = *opt;
    rc = sink_load(opt->sink, opt->sink_dir, &d->sink, err);
    if (rc == 0)
        rc = sink_open(d, err);
    if (rc < 0) {
        deliver_free(d);
        return rc;
    }
    d->fd = d->sink.table->fd ? d->sink.table->fd(d->self) : -1;
    tick_plan(d);
    *ret = d;
    return 0;
}

int deliver_put(struct deliver *d, const uint8_t id[RECORD_ID_BYTES], struct buf *record, trommel_str key,
                void *user)
{
    if (d->closing)
        return ERR_CLOSED;
    if (record->err)
        return record->err;
    struct entry *e = calloc(1, sizeof *e);
    if (!e || (d->n_entries >= d->n_buckets && table_grow(d) < 0) ||
        (key.n && !(e->key = strndup(key.p, key.n)))) {
        entry_free(e);
        return ERR_NOMEM;
    }
    e->key_n = e->key ? strlen(e->key) : 0;
    memcpy(e->id, id, RECORD_ID_BYTES);
    e->user = user;
    e->data = record->data;
    e->n = record->len;
    record->data = NULL; /* taken */
    buf_release(record);
    struct entry **b = bucket_of(d, id);
    e->bucket = *b;
    *b = e;
    d->n_entries++;
    list_push(&d->queue, e);
    if (!d->pump_ms && (!d->trouble[0] || !d->given.n))
        pump_in(d, d->backoff_ms);
    return 0;
}

void deliver_committed(struct deliver *d, const uint8_t (*ids)[RECORD_ID_BYTES], uint32_t n)
{
    if (n && !d->closing && d->sink.table->committed)
        d->sink.table->committed(d->self, ids, n);
}

size_t deliver_pending(const struct deliver *d)
{
    return d->n_entries;
}

const char *deliver_trouble(const struct deliver *d)
{
    return d->trouble[0] ? d->trouble : NULL;
}

void deliver_flush(struct deliver *d)
{
    if (d->closing || d->calling)
        return;
    if (d->queue.n && !d->trouble[0])
        deliver_pump(d);
    if (!d->sink.table->flush)
        return;
    d->fail[0] = '\0';
    d->calling = 1;
    int32_t rc = d->sink.table->flush(d->self);
    d->calling = 0;
    if (rc < 0) {
        trouble_begin(d, d->fail);
        pump_in(d, d->backoff_ms);
    }
    settle(d);
}

static void forget(struct list *l)
{
    while (l->first) {
        struct entry *e = l->first;
        list_cut(l, e);
        entry_free(e);
    }
}

void deliver_close(struct deliver *d, uint32_t grace_ms, void (*done_fn)(void *arg), void *arg)
{
    if (grace_ms && d->queue.n && !d->trouble[0])
        deliver_pump(d);
    d->closing = 1;
    d->done_fn = done_fn;
    d->done_arg = arg;
    if (d->drive)
        d->drive->unwatch(d);
    d->calling = 1;
    d->sink.table->close(d->self, grace_ms);
    d->calling = 0;
    settle(d);
    forget(&d->queue);
    forget(&d->given);
    if (d->drive)
        d->drive->close(d);
    else
        deliver_end(d);
}

void deliver_leave(struct deliver *d)
{
    forget(&d->queue);
    forget(&d->given);
    forget(&d->acked);
    deliver_free(d);
}

void deliver_end(struct deliver *d)
{
    void (*done_fn)(void *) = d->done_fn;
    void *arg = d->done_arg;

    deliver_free(d);
    if (done_fn)
        done_fn(arg);
}

/* ---- without a loop ----------------------------------------------------------------------------- */

int deliver_fd(const struct deliver *d)
{
    return d->fd;
}

int deliver_wait_ms(const struct deliver *d)
{
    uint64_t now = clock_mono_ms(), at = d->pump_ms;

    if (d->tick_ms && (!at || d->tick_ms < at) && d->n_entries)
        at = d->tick_ms;
    return !at ? -1 : at > now ? (int)(at - now) : 0;
}

void deliver_turn(struct deliver *d)
{
    struct pollfd p = { .fd = d->fd, .events = POLLIN };
    uint64_t now = clock_mono_ms();
    int ticks = d->tick_ms && now >= d->tick_ms;

    if (d->pump_ms && now >= d->pump_ms)
        deliver_pump(d);
    if (ticks || (d->fd >= 0 && poll(&p, 1, 0) > 0))
        deliver_poll(d);
    if (ticks)
        tick_plan(d);
}
