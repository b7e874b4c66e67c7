/* submit: handing pages over, the queue of those that wait for a worker, and room; see trommel.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "library/inner.h"

/* ---- room ---- */

static int is_kept_full(const struct trommel *t)
{
    return t->kept >= KEPT_MOST || t->kept_bytes >= KEPT_BYTES_MOST;
}

/* While pages wait, new ones wait behind them. */
static size_t room(const struct trommel *t)
{
    if (is_kept_full(t) || t->queue_bytes >= QUEUE_BYTES_MOST)
        return 0;
    return t->opt.queue - t->queue.n + (t->queue.n ? 0 : pool_room(t->pool));
}

static int full_say(const struct trommel *t, struct err *err)
{
    size_t waiting = t->queue.n;

    if (is_kept_full(t))
        return err_set(
            err, ERR_FULL,
            "full: %zu pages are finished, and their records (%zu KiB) %s: come again when a dispatch "
            "has handed some out",
            t->kept, t->kept_bytes / KIB,
            t->deliver       ? "wait for the sink"
            : t->opt.ordered ? "wait for one before them"
                             : "have not been taken");
    return err_set(
        err, ERR_FULL,
        "full: %zu pages are on their way (%zu with workers, %zu waiting): come again when a dispatch "
        "has handed out a record",
        t->pending, t->in_workers, waiting);
}

size_t trommel_room(const trommel *from)
{
    struct trommel *t = (struct trommel *)(uintptr_t)from;

    if (is_forked(t))
        return 0;
    lock(t);
    size_t n = room(t);
    unlock(t);
    return n;
}

size_t trommel_pending(const trommel *from)
{
    struct trommel *t = (struct trommel *)(uintptr_t)from;

    if (is_forked(t))
        return 0;
    lock(t);
    size_t n = t->pending;
    unlock(t);
    return n;
}

/* ---- the queue ---- */

static int queue_add(struct trommel *t, struct ticket *k, const struct pool_page *page)
{
    if (t->queue.n >= t->opt.queue)
        return ERR_FULL;
    k->waiting = waiting_new(t, page, k->release != NULL);
    if (!k->waiting)
        return ERR_NOMEM;
    t->queue_bytes += k->waiting->n;
    list_push(&t->queue, k);
    ticket_move(t, k, TICKET_QUEUED);
    return 0;
}

void queue_feed(struct trommel *t)
{
    struct ticket *k;

    while ((k = t->queue.first)) {
        int rc = pool_submit(t->pool, &k->waiting->page, k);
        if (rc == ERR_FULL)
            return;
        list_pop(&t->queue);
        t->queue_bytes -= k->waiting->n;
        ticket_release(t, k);
        if (rc < 0) /* all that can be wrong with a page was asked before */
            ticket_fail(t, k, OUTCOME_FAILED, "pool", err_text(rc));
        else
            ticket_move(t, k, TICKET_RUNNING);
    }
}

/* ---- submitting ---- */

static void deadline_set(struct trommel *t, struct ticket *k, uint32_t deadline_ms)
{
    if (!deadline_ms)
        return;
    k->deadline_ms = clock_mono_ms() + deadline_ms;
    if (!t->deadline_ms || k->deadline_ms < t->deadline_ms)
        t->deadline_ms = k->deadline_ms;
    timer_plan(t);
}

/* To a worker, or behind those that wait for one. */
static int ticket_start(struct trommel *t, struct ticket *k, const struct pool_page *page, struct err *err)
{
    int rc = t->queue.n ? ERR_FULL : pool_submit(t->pool, page, k);

    if (rc == ERR_FULL)
        rc = queue_add(t, k, page);
    else if (rc == 0)
        ticket_move(t, k, TICKET_RUNNING);
    return rc == ERR_FULL ? full_say(t, err) : rc;
}

/* One page, with the lock held.  *ret_waits: its body by reference is still needed. */
static int submit(struct trommel *t, const trommel_input *in, void *user, void (*release)(void *),
                  int *ret_waits, struct err *err)
{
    struct pool_page page;
    struct ticket *k = NULL;
    int rc = t->failed.code ? err_set(err, t->failed.code, "%s", t->failed.text)
             : room(t)      ? input_page(t, in, &page, err)
                            : full_say(t, err);

    if (rc == 0 && !(k = ticket_new(&page, user)))
        rc = ERR_NOMEM;
    if (rc == 0 && !in->failed.n) {
        k->release = release;
        rc = ticket_start(t, k, &page, err);
    }
    if (rc == 0 && t->swap && !in->failed.n)
        swap_page_seen(t->swap, &page);
    arena_clear(&t->arena, 64 * KIB);
    if (rc < 0) {
        ticket_free(k);
        return rc;
    }
    tickets_add(t, k);
    *ret_waits = 0;
    if (in->failed.n) {
        char reason[FAILED_REASON_MOST + 1];
        snprintf(reason, sizeof reason, "%.*s", (int)in->failed.n, in->failed.p);
        ticket_fail(t, k, OUTCOME_FAILED, reason, "");
        bell_ring(t); /* whoever dispatches waits for something else */
        return 0;
    }
    deadline_set(t, k, in->deadline_ms);
    *ret_waits = k->state == TICKET_QUEUED;
    if (!*ret_waits)
        k->release = NULL;
    return 0;
}

static int submit_any(struct trommel *t, const trommel_input *input, void *user, void (*release)(void *),
                      trommel_error *error)
{
    struct err err = { 0 };
    trommel_input in;
    int waits = 0, rc = struct_in("input", &in, sizeof in, offsetof(trommel_input, id), input, &err);

    if (is_forked(t))
        return forked_say(error);
    if (rc == 0) {
        lock(t);
        rc = submit(t, &in, user, release, &waits, &err);
        unlock(t);
    }
    if (rc == 0 && release && !waits)
        release(user);
    return rc < 0 ? error_out(error, &err, rc) : 0;
}

int trommel_submit(trommel *t, const trommel_input *input, void *user, trommel_error *error)
{
    return submit_any(t, input, user, NULL, error);
}

int trommel_submit_ref(trommel *t, const trommel_input *input, void *user, void (*release)(void *user),
                       trommel_error *error)
{
    return submit_any(t, input, user, release, error);
}

/* ---- waiting for room ---- */

/* Lets something come about: by waiting for who dispatches, or by doing it. */
static int room_wait(struct trommel *t, uint64_t until_ms, struct err *err)
{
    int rc = 0;

    if (t->role != ROLE_NONE || t->wanted) {
        turned_wait(t, until_ms);
        return 0;
    }
    role_take(t, ROLE_HELPER);
    rc = dispatch(t, time_left(until_ms), err);
    role_leave(t);
    return rc == ERR_AGAIN || rc > 0 ? 0 : rc;
}

int trommel_submit_wait(trommel *t, const trommel_input *input, void *user, int timeout_ms,
                        trommel_error *error)
{
    uint64_t until = time_until(timeout_ms);
    struct err err = { 0 };
    trommel_input in;
    int waits, rc = struct_in("input", &in, sizeof in, offsetof(trommel_input, id), input, &err);

    if (is_forked(t))
        return forked_say(error);
    if (rc < 0)
        return error_out(error, &err, rc);
    lock(t);
    while ((rc = submit(t, &in, user, NULL, &waits, &err)) == ERR_FULL && time_left(until) &&
           !is_dispatcher(t)) {
        struct err why = { 0 };
        if ((rc = room_wait(t, until, &why)) < 0) {
            err = why;
            break;
        }
    }
    unlock(t);
    return rc < 0 ? error_out(error, &err, rc) : 0;
}
