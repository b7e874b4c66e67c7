/* dispatch: who may turn, waiting, and handing out; see inner.h and trommel.h.
 *
 * One thread at a time has the role of dispatcher.  It waits and calls back without the lock, so that others
 * may submit meanwhile.  A thread in trommel_submit_wait takes the role when nobody has it (a helper), and
 * gives it up to whoever asks for it by a call of its own. */
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "library/inner.h"

/* ---- time ---- */

uint64_t time_until(int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : timeout_ms ? clock_mono_ms() + (uint64_t)timeout_ms : 0;
}

int time_left(uint64_t until_ms)
{
    uint64_t now;

    if (!until_ms || until_ms == UINT64_MAX)
        return until_ms ? -1 : 0;
    now = clock_mono_ms();
    return until_ms <= now ? 0 : until_ms - now > INT_MAX ? INT_MAX : (int)(until_ms - now);
}

/* ---- the role ---- */

int is_dispatcher(const struct trommel *t)
{
    return t->role != ROLE_NONE && pthread_equal(t->dispatcher, pthread_self());
}

int turned_wait(struct trommel *t, uint64_t until_ms)
{
    struct timespec at = { (time_t)(until_ms / 1000), (long)(until_ms % 1000) * 1000000 };
    int rc;

    t->waiters++;
    log_thread_to(t->log_was); /* the lock is given up meanwhile */
    rc = until_ms == UINT64_MAX ? pthread_cond_wait(&t->turned, &t->mutex)
                                : pthread_cond_timedwait(&t->turned, &t->mutex, &at);
    t->log_was = log_thread_to((struct log_target){ say, t });
    t->waiters--;
    return rc;
}

int role_take(struct trommel *t, enum role role)
{
    t->wanted++;
    while (t->role == ROLE_HELPER && !is_dispatcher(t)) {
        bell_ring(t);
        turned_wait(t, UINT64_MAX);
    }
    t->wanted--;
    if (t->role != ROLE_NONE)
        return ERR_BUSY;
    t->role = role;
    t->dispatcher = pthread_self();
    bell_still(t);
    return 0;
}

void role_leave(struct trommel *t)
{
    t->role = ROLE_NONE;
    if (t->done.n)
        bell_ring(t);
    if (t->waiters)
        pthread_cond_broadcast(&t->turned);
}

/* ---- handing out ---- */

static trommel_result result_of(const struct ticket *k)
{
    static const uint32_t outcomes[OUTCOME_COUNT] = {
        [OUTCOME_OK] = TROMMEL_OUT_OK,
        [OUTCOME_UNCHANGED] = TROMMEL_OUT_OK,
        [OUTCOME_NO_CONTENT] = TROMMEL_OUT_NO_CONTENT,
        [OUTCOME_DROPPED] = TROMMEL_OUT_DROPPED,
        [OUTCOME_FAILED] = TROMMEL_OUT_FAILED,
        [OUTCOME_QUARANTINED] = TROMMEL_OUT_QUARANTINED,
    };

    return (trommel_result){ .struct_size = sizeof(trommel_result),
                             .outcome = outcomes[k->outcome],
                             .record = { (const char *)k->record.data, k->record.len },
                             .id = k->head.id_text,
                             .cpu_us = k->cpu_us,
                             .url = k->head.url,
                             .user = k->user,
                             .generation = k->generation };
}

static struct ticket *done_take(struct trommel *t)
{
    struct ticket *k = list_pop(&t->done);

    if (!k)
        return NULL;
    ticket_move(t, k, TICKET_GIVEN);
    tickets_take(t, k);
    return k;
}

static void given_end(struct trommel *t, struct ticket *k)
{
    if (!is_forked(t))
        commit_note(t, k);
    ticket_free(k);
}

/* A helper leaves the rest to whoever asks for the role. */
static int gives_way(const struct trommel *t)
{
    return t->role == ROLE_HELPER && t->wanted;
}

/* All that lies ready, but in the hands of trommel_next. */
static void hand_out(struct trommel *t)
{
    struct ticket *k;

    said_give(t);
    released_give(t);
    changed_give(t);
    while (t->opt.on_record && !is_forked(t) && !gives_way(t) && (k = done_take(t))) {
        trommel_result r = result_of(k);
        t->in_hand = k;
        unlock(t);
        t->opt.on_record(t->opt.arg, k->user, &r);
        lock(t);
        t->in_hand = NULL;
        given_end(t, k);
    }
}

/* Until something happens, or another wants the role. */
static void fd_wait(struct trommel *t, int left_ms)
{
    struct pollfd p = { .fd = t->epfd, .events = POLLIN };

    unlock(t);
    poll(&p, 1, left_ms);
    lock(t);
    bell_still(t);
}

int dispatch(struct trommel *t, int timeout_ms, struct err *err)
{
    uint64_t until = time_until(timeout_ms);
    size_t before = t->came;

    if (t->opt.on_record)
        before -= t->done.n; /* those that a helper left */
    for (;;) {
        turn(t);
        size_t came = t->came - before;
        hand_out(t);
        if (is_forked(t)) /* in a callback; it came back here in the child */
            return ERR_FORKED;
        if (came)
            return came > INT_MAX ? INT_MAX : (int)came;
        if (t->failed.code)
            return err_set(err, t->failed.code, "%s", t->failed.text);
        int left = time_left(until);
        if (!left || gives_way(t) || (left < 0 && !t->pending && !t->n_changing && t->role == ROLE_OWNER))
            return ERR_AGAIN;
        fd_wait(t, left);
    }
}

/* A call for one thread at a time.  Between these two it has lock and role; an error: it has neither. */
static int owner_begin(struct trommel *t, trommel_error *error)
{
    struct err none = { 0 };

    if (is_forked(t))
        return forked_say(error);
    lock(t);
    int rc = role_take(t, ROLE_OWNER);
    if (rc == 0)
        return 0;
    unlock(t);
    return error_out(error, &none, rc);
}

static int owner_end(struct trommel *t, int rc, const struct err *err, trommel_error *error)
{
    role_leave(t);
    unlock(t);
    return rc < 0 ? error_out(error, err, rc) : rc;
}

int trommel_dispatch(trommel *t, int timeout_ms, trommel_error *error)
{
    struct err err = { 0 };
    int rc = owner_begin(t, error);

    return rc < 0 ? rc : owner_end(t, dispatch(t, timeout_ms, &err), &err, error);
}

/* ---- one after the other ---- */

static void current_end(struct trommel *t)
{
    if (t->current)
        given_end(t, t->current);
    t->current = NULL;
}

static int next(struct trommel *t, int timeout_ms, trommel_result *ret, struct err *err)
{
    uint64_t until = time_until(timeout_ms);

    current_end(t);
    for (;;) {
        turn(t);
        hand_out(t);
        if (is_forked(t))
            return ERR_FORKED;
        if ((t->current = done_take(t))) {
            *ret = result_of(t->current);
            return 1;
        }
        if (t->failed.code)
            return err_set(err, t->failed.code, "%s", t->failed.text);
        int left = time_left(until);
        if (!t->pending || !left)
            return t->pending ? ERR_AGAIN : 0;
        fd_wait(t, left);
    }
}

static int result_check(const struct trommel *t, const trommel_result *ret, struct err *err)
{
    if (ret->struct_size < offsetof(trommel_result, cpu_us))
        return err_set(err, ERR_INVALID, "result: struct_size is %u; set it to sizeof(trommel_result)",
                       ret->struct_size);
    if (t->opt.on_record)
        return err_set(err, ERR_USAGE, "trommel_next: records are given to on_record; open without it");
    return 0;
}

int trommel_next(trommel *t, int timeout_ms, trommel_result *ret, trommel_error *error)
{
    uint32_t size = ret->struct_size;
    struct err err = { 0 };
    trommel_result r;
    int rc = result_check(t, ret, &err);

    if (rc < 0 && !is_forked(t))
        return error_out(error, &err, rc);
    rc = owner_begin(t, error);
    if (rc < 0)
        return rc;
    rc = owner_end(t, next(t, timeout_ms, &r, &err), &err, error);
    if (rc > 0) {
        memcpy(ret, &r, size < sizeof r ? size : sizeof r);
        ret->struct_size = size;
    }
    return rc;
}

/* ---- all of it ---- */

static size_t unfinished(const struct trommel *t)
{
    return t->opt.on_record ? t->pending : t->pending - t->done.n;
}

static int flush(struct trommel *t, int timeout_ms, struct err *err)
{
    uint64_t until = time_until(timeout_ms);

    while (unfinished(t)) {
        int left = time_left(until);
        if (t->deliver && !t->in_workers && !t->queue.n)
            deliver_flush(t->deliver);
        int rc = dispatch(t, left, err);
        if (rc < 0 && rc != ERR_AGAIN)
            return rc;
        if (rc == ERR_AGAIN && !left)
            return ERR_AGAIN;
    }
    if (t->dedupe_log && t->unsynced)
        dedupe_write(t);
    return t->failed.code ? err_set(err, t->failed.code, "%s", t->failed.text) : 0;
}

int trommel_flush(trommel *t, int timeout_ms, trommel_error *error)
{
    struct err err = { 0 };
    int rc = owner_begin(t, error);

    if (rc < 0)
        return rc;
    current_end(t);
    return owner_end(t, flush(t, timeout_ms, &err), &err, error);
}

int trommel_fd(const trommel *t)
{
    return is_forked(t) ? -1 : t->epfd;
}
