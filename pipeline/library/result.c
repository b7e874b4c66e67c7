/* result: what becomes of a page once its worker has spoken; see inner.h.  The lock is held.
 *
 * One pipeline is one scope of dedupe: pages are claimed in the order in which their results are taken, and
 * committed when the sink has acknowledged, or at once where there is none.  A stage that asks for a retry
 * gets none here: the caller has the page and may submit it again. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "library/inner.h"
#include "record/record.h"

enum { LOOK_AGAIN_MS = 100 };

/* ---- dedupe ---- */

/* A log that cannot be written is no reason to lose the records at hand, but to stop soon. */
void dedupe_write(struct trommel *t)
{
    t->unsynced = 0;
    int rc = dedupe_sync(t->dedupe);
    if (rc < 0 && !t->failed.code)
        err_set(&t->failed, rc, "%s: cannot write the dedupe log (%s); free space there", t->dedupe_log,
                err_text(rc));
}

static void dedupe_done(struct trommel *t, struct ticket *k)
{
    if (!k->is_claimed)
        return;
    k->is_claimed = 0;
    dedupe_commit(t->dedupe, k->head.id);
    if (t->dedupe_log && ++t->unsynced >= DEDUPE_SYNC_EVERY)
        dedupe_write(t);
}

/* Settles the record's `dedupe`; a malformed sketch is a worker's: the record goes without. */
static void dedupe_ask(struct trommel *t, struct ticket *k)
{
    trommel_str sketch = { (char *)k->record.data + k->sketch_at, k->record.len - k->sketch_at };
    struct buf settled = BUF_INIT(k->record.max);
    struct dedupe_verdict verdict;

    k->record.len = k->sketch_at;
    if (k->outcome != OUTCOME_OK || !sketch.n || dedupe_claim(t->dedupe, k->head.id, sketch, &verdict) < 0)
        return;
    k->is_claimed = 1;
    names_put(&t->names, k->head.id, k->head.id_text);
    buf_add(&settled, k->record.data, k->record.len);
    if (names_settle(&t->names, &settled, &verdict, sketch) == 0 && !settled.err) {
        buf_release(&k->record);
        k->record = settled;
    } else {
        buf_release(&settled);
    }
}

/* ---- from a finished page to its caller ---- */

static void ticket_done(struct trommel *t, struct ticket *k)
{
    ticket_move(t, k, TICKET_DONE);
    list_push(&t->done, k);
    t->came++;
}

static void ready_turn(struct trommel *t)
{
    while (t->to_ready && t->to_ready->state == TICKET_READY) {
        struct ticket *k = t->to_ready;
        t->to_ready = k->next;
        ticket_done(t, k);
    }
}

/* Nothing is missing. */
static void ticket_ready(struct trommel *t, struct ticket *k)
{
    if (!t->opt.ordered) {
        ticket_done(t, k);
        return;
    }
    ticket_move(t, k, TICKET_READY);
    ready_turn(t);
}

static trommel_str host_of(trommel_str url)
{
    struct url_parts parts;

    return url_split(url, &parts) == 0 ? parts.host : (trommel_str){ 0 };
}

static void record_replace(struct trommel *t, struct ticket *k, enum outcome outcome, const char *reason,
                           const char *message)
{
    trommel_str why = { reason, strlen(reason) };
    struct record_error e = { .stage = { "sink", 4 },
                              .reason = why,
                              .message = { message, strlen(message) } };
    struct record_head h = k->head;
    uint32_t n = 0;

    h.outcome = k->outcome = outcome;
    h.reason = why;
    buf_clear(&k->record);
    record_begin(&k->record, &h, &n);
    if (outcome == OUTCOME_QUARANTINED)
        record_put_error(&k->record, &e, &n);
    record_end(&k->record, n);
    k->sketch_at = k->record.len;
    ticket_count(t, k);
}

static void sink_refused(struct trommel *t, struct ticket *k, const char *message)
{
    if (k->is_claimed)
        dedupe_release(t->dedupe, k->head.id);
    k->is_claimed = 0;
    record_replace(t, k, OUTCOME_QUARANTINED, "sink_refused", message);
}

void on_ack(void *arg, void *user, int how, const char *message)
{
    struct trommel *t = arg;
    struct ticket *k = user;

    if (how == TROMMEL_ACK_REFUSED)
        sink_refused(t, k, message);
    else
        dedupe_done(t, k);
    if (t->is_closing)
        return;
    k->is_acked = how != TROMMEL_ACK_REFUSED;
    ticket_ready(t, k);
}

/* Its turn has come: to the sink, or to the caller. */
static void ticket_deliver(struct trommel *t, struct ticket *k)
{
    struct buf copy = BUF_INIT(k->record.max);

    dedupe_ask(t, k);
    ticket_count(t, k);
    if (!t->deliver || k->outcome == OUTCOME_DROPPED) {
        dedupe_done(t, k);
        ticket_ready(t, k);
        return;
    }
    ticket_move(t, k, TICKET_SINKING);
    buf_add(&copy, k->record.data, k->record.len);
    int rc = deliver_put(t->deliver, k->head.id, &copy, host_of(k->head.url), k);
    buf_release(&copy);
    if (rc < 0)
        on_ack(t, k, TROMMEL_ACK_REFUSED, err_text(rc));
}

static void finished_turn(struct trommel *t)
{
    while (t->to_deliver && t->to_deliver->state == TICKET_FINISHED) {
        struct ticket *k = t->to_deliver;
        t->to_deliver = k->next;
        ticket_deliver(t, k);
    }
}

/* Its record and sketch are there. */
static void ticket_finished(struct trommel *t, struct ticket *k)
{
    ticket_move(t, k, TICKET_FINISHED);
    if (t->opt.ordered)
        finished_turn(t);
    else
        ticket_deliver(t, k);
}

void ticket_fail(struct trommel *t, struct ticket *k, enum outcome outcome, const char *reason,
                 const char *message)
{
    record_replace(t, k, outcome, reason, message);
    ticket_finished(t, k);
}

/* ---- what comes from workers ---- */

static void late_drop(struct trommel *t, struct ticket *k)
{
    *(k->prev ? &k->prev->next : &t->late) = k->next;
    if (k->next)
        k->next->prev = k->prev;
    ticket_free(k);
}

void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct trommel *t = arg;
    struct ticket *k = user;

    if (k->state == TICKET_LATE) {
        late_drop(t, k);
        return;
    }
    k->outcome = r->outcome;
    k->cpu_us = r->cpu_us;
    k->generation = r->generation;
    k->sketch_at = r->record.n;
    if (!buf_room(&k->record, r->record.n + r->sketch.n)) {
        ticket_fail(t, k, OUTCOME_FAILED, "memory", "out of memory");
        return;
    }
    buf_add(&k->record, r->record.p, r->record.n);
    buf_add(&k->record, r->sketch.p, r->sketch.n);
    ticket_finished(t, k);
}

/* ---- deadlines ---- */

/* 0: out of memory, it stays as it is. */
static int ticket_late(struct trommel *t, struct ticket *k)
{
    if (k->state == TICKET_QUEUED) {
        list_take(&t->queue, k);
        t->queue_bytes -= k->waiting->n;
        ticket_release(t, k);
    } else if (!(k = ticket_part(t, k))) {
        return 0;
    }
    ticket_fail(t, k, OUTCOME_FAILED, "deadline", "");
    return 1;
}

void deadlines_watch(struct trommel *t, uint64_t now_ms)
{
    uint64_t first = 0, at;

    if (!t->deadline_ms || now_ms < t->deadline_ms)
        return;
    for (struct ticket *k = t->first, *next; k; k = next) {
        next = k->next;
        if (!k->deadline_ms || (k->state != TICKET_QUEUED && k->state != TICKET_RUNNING))
            continue;
        at = k->deadline_ms;
        if (at <= now_ms)
            at = ticket_late(t, k) ? 0 : now_ms + LOOK_AGAIN_MS;
        if (at && (!first || at < first))
            first = at;
    }
    t->deadline_ms = first;
}
