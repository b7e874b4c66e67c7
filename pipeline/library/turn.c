/* turn: everything that is due, done once; see inner.h.  The lock is held; nothing waits. */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "library/inner.h"

/* ---- time ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* An earlier time that is armed already stays: it costs one turn for nothing. */
void timer_plan(struct trommel *t)
{
    int wait_ms = t->deliver ? deliver_wait_ms(t->deliver) : -1;
    uint64_t at = t->deadline_ms;

    if (wait_ms >= 0)
        at = sooner(at, clock_mono_ms() + (uint64_t)wait_ms);
    if (t->trouble_ms && !t->failed.code)
        at = sooner(at, t->trouble_ms + t->opt.sink_patience_ms);
    wait_ms = changes_wait_ms(t);
    if (wait_ms >= 0)
        at = sooner(at, clock_mono_ms() + (uint64_t)wait_ms);
    if (!at || (t->timer_ms && t->timer_ms <= at))
        return;
    struct itimerspec when = { .it_value = { (time_t)(at / 1000), (long)(at % 1000) * 1000000 + 1 } };
    t->timer_ms = at;
    timerfd_settime(t->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void timer_still(struct trommel *t, uint64_t now_ms)
{
    uint64_t n;

    if (!t->timer_ms || now_ms < t->timer_ms)
        return;
    if (read(t->timer, &n, sizeof n) < 0 && errno == EAGAIN && now_ms == t->timer_ms)
        return; /* within this millisecond */
    t->timer_ms = 0;
}

/* ---- the sink ---- */

void commit_tell(struct trommel *t)
{
    if (t->n_committed)
        deliver_committed(t->deliver, (const uint8_t(*)[RECORD_ID_BYTES])t->committed, t->n_committed);
    t->n_committed = 0;
}

void commit_note(struct trommel *t, const struct ticket *k)
{
    if (!k->is_acked)
        return;
    memcpy(t->committed[t->n_committed++], k->head.id, RECORD_ID_BYTES);
    if (t->n_committed == COMMITTED_MOST)
        commit_tell(t);
}

static void trouble_watch(struct trommel *t, uint64_t now_ms)
{
    const char *what = deliver_trouble(t->deliver);

    if (!what || t->failed.code) {
        t->trouble_ms = 0;
        return;
    }
    if (!t->trouble_ms)
        t->trouble_ms = now_ms;
    if (now_ms - t->trouble_ms >= t->opt.sink_patience_ms)
        err_set(&t->failed, ERR_IO, "the sink is in trouble since %llu s, and %zu records wait for it: %s",
                (unsigned long long)(now_ms - t->trouble_ms) / 1000, deliver_pending(t->deliver), what);
}

/* ---- all of it ---- */

static void workers_turn(struct trommel *t)
{
    struct err err = { 0 };
    int rc = pool_dispatch(t->pool, 0, &err);

    if (rc < 0 && rc != ERR_AGAIN && !t->failed.code) {
        t->failed = err;
        t->failed.code = rc;
    }
}

void turn(struct trommel *t)
{
    uint64_t now = clock_mono_ms();

    timer_still(t, now);
    workers_turn(t);
    changes_turn(t);
    deadlines_watch(t, now);
    queue_feed(t);
    if (t->deliver) {
        commit_tell(t);
        deliver_turn(t->deliver);
        trouble_watch(t, now);
    }
    timer_plan(t);
    if (t->waiters)
        pthread_cond_broadcast(&t->turned);
}
