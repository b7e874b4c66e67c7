/* blame: a worker has died, or must: whose page does it cost, and what comes next; see slot.h.
 *
 * The page at the front was being worked on, but what killed the process may have been done by a page before
 * it, or by somebody outside: it is tried once more, as the first of a fresh process, and is quarantined if
 * that dies too, with a record made here: stage, reason, signal, and the calls it was in (crash.h).  Not
 * tried again: a page over its time, which would take as long once more, and one that brings a fresh process
 * to its limit of memory or against the sandbox. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/crash.h"
#include "chain/generation.h"
#include "chain/run.h"
#include "chain/sandbox.h"

enum {
    DEATHS_AT_IT = 2,     /* of workers that had begun with a page */
    DEATHS_BEFORE_IT = 3, /* of those that say they had not */
};
enum { NULL_PAGES = 64 * 1024 }; /* what lies there was reached through NULL */
enum { DIE_WAIT_MS = 200, BACKOFF_FIRST_MS = 10, BACKOFF_MAX_MS = 10000, FAILURES_MAX = 8 };

/* ---- what happened ---- */

/* End of file came: does the process end by itself? */
static int ends_itself(const struct slot_proc *s)
{
    struct pollfd p = { .fd = s->child.pidfd, .events = POLLIN };

    return s->child.pidfd < 0 || poll(&p, 1, DIE_WAIT_MS) == 1;
}

/* What it left in the memory of its crumb; of a process that ended by itself. */
static void trace_read(const struct slot_proc *s, int signal, struct crash_trace *ret)
{
    const struct chain_config *c = &s->gen->config;
    const char *paths[LIMIT_STAGES + 1];
    size_t n = 0;

    while (n < c->n_items && n < LIMIT_STAGES) {
        paths[n] = c->items[n].path;
        n++;
    }
    paths[n] = s->pool->worker_path;
    crash_read((const volatile char *)s->crumb + PROTO_CRASH_AT, signal, paths, n + 1, n, ret);
}

/* Did it die for want of memory?  Either memory was refused to it just before it gave up or used the NULL that it
 * got; or it had used it up: of what it may have it began with some, and a quarter is room for what it asked
 * for last. */
static int was_full(const struct slot_proc *s, const struct child_end *end, const struct death *d)
{
    uint64_t most = s->pool->opt.worker_bytes, base = d->note->base_bytes < most ? d->note->base_bytes : 0;
    const struct crash_trace *t = d->trace;

    if (t->error == ENOMEM && (end->signal == SIGABRT || (end->signal == SIGSEGV && t->address < NULL_PAGES)))
        return 1;
    return end->signal && most && end->peak_bytes >= (most - base) / 4 * 3;
}

static void say_how(const struct slot_proc *s, const struct child_end *end, int by_itself, struct death *d)
{
    uint64_t most = s->pool->opt.worker_bytes;
    int signal = end->signal, is_placed = d->trace->at < d->trace->n;

    d->reason = signal == SIGSYS && by_itself ? "sandbox" : "crash";
    if (!end->known)
        snprintf(d->message, sizeof d->message,
                 "the worker died (somebody else reaped it, so how is not known)");
    else if (!by_itself)
        snprintf(d->message, sizeof d->message, "the worker closed its connection");
    else if (signal == SIGSYS)
        sandbox_tell(d->note, d->message, sizeof d->message);
    else if (signal == SIGKILL)
        snprintf(d->message, sizeof d->message,
                 "the worker was killed from outside (by the kernel for want of memory?)");
    else if (signal)
        snprintf(d->message, sizeof d->message, "the worker died of signal %d (%s)%s%s", signal,
                 strsignal(signal), is_placed ? " in " : "", is_placed ? d->trace->lines[d->trace->at] : "");
    else
        snprintf(d->message, sizeof d->message, "the worker exited with status %d", end->status);
    if (signal == SIGXCPU && by_itself)
        d->reason = "timeout";
    else if (signal != SIGSYS && by_itself && (signal == SIGKILL || was_full(s, end, d))) {
        size_t n = strlen(d->message);
        d->reason = "out_of_memory";
        snprintf(d->message + n, sizeof d->message - n, "; %sit had used %llu MiB of its %llu (--worker-memory)",
                 signal == SIGKILL ? "" : "memory was refused to it: ",
                 (unsigned long long)(end->peak_bytes >> 20), (unsigned long long)(most >> 20));
    }
}

/* ---- the page ---- */

/* A record for a page whose worker has died: the head from the host's own copy, and `error`. */
static int record_make(const struct slot_proc *s, const struct flight *f, const char *stage,
                       const struct death *d, int signal, struct buf *ret)
{
    const char *calls[CRASH_FRAMES];
    struct record_error e = { .stage = { stage, strlen(stage) },
                              .reason = { d->reason, strlen(d->reason) },
                              .message = { d->message, strlen(d->message) },
                              .signal = signal,
                              .backtrace = calls,
                              .n_backtrace = d->trace ? d->trace->n : 0 };
    struct pool_page page;
    uint32_t n_fields = 0;

    for (size_t i = 0; i < e.n_backtrace; i++)
        calls[i] = d->trace->lines[i];
    slot_page(s, f, &page);
    page.head.outcome = OUTCOME_QUARANTINED;
    page.head.reason = e.reason;
    record_begin(ret, &page.head, &n_fields);
    compose_chain(ret, s->gen->id, s->gen->hash, 0);
    mp_array(ret, 0);
    n_fields++;
    record_put_error(ret, &e, &n_fields);
    record_end(ret, n_fields);
    return ret->err;
}

void slot_quarantine(struct slot_proc *s, const char *stage, const struct death *d, int signal)
{
    struct buf record = BUF_INIT(LIMIT_RECORD_BYTES);
    struct pool_result res = {
        .outcome = OUTCOME_QUARANTINED,
        .reason = { d->reason, strlen(d->reason) },
        .stage = { stage, strlen(stage) },
        .generation = s->gen->id,
    };

    record_make(s, &s->flights[0], stage, d, signal, &record);
    res.record = (trommel_str){ (const char *)record.data, record.len };
    slot_result(s, &res);
    buf_release(&record);
}

/* Does it speak of this page?  The worker may have written anything there. */
static int crumb_is_of(const struct slot_proc *s, const struct crumb *c, const struct flight *f)
{
    return c->seq == f->seq && c->generation == s->gen->id;
}

/* Is the page at the front to blame?  Otherwise it is tried again. */
static int is_guilty(struct slot_proc *s, const struct death *d, const struct crumb *c, uint64_t served,
                     int signal)
{
    struct flight *f = &s->flights[0];

    if (!strcmp(d->reason, "timeout"))
        return 1;
    f->deaths++;
    if (!crumb_is_of(s, c, f) || c->phase < CRUMB_PARSE || d->not_begun)
        return f->deaths >= DEATHS_BEFORE_IT;
    if (!strcmp(d->reason, "out_of_memory") && signal != SIGKILL && !served)
        return 1; /* at its own limit: SIGKILL may be anybody's */
    if (!strcmp(d->reason, "sandbox") && !served)
        return 1;
    return f->deaths >= DEATHS_AT_IT;
}

/* ---- what comes next ---- */

static void restart_plan(struct slot_proc *s)
{
    uint64_t wait = 0;

    if (s->failures) {
        unsigned shift = s->failures - 1 < 10 ? s->failures - 1 : 10;
        wait = (uint64_t)BACKOFF_FIRST_MS << shift;
    }
    s->restart_ms = clock_mono_ms() + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
}

/* All are down again and again: the generation has an end. */
static void judge_generation(struct generation *g, const struct death *d)
{
    if (g->broken.code)
        return;
    for (unsigned i = 0; i < g->n_slots; i++)
        if (g->slots[i]->state != SLOT_DOWN || g->slots[i]->failures < FAILURES_MAX)
            return;
    err_set(&g->broken, ERR_CRASHED, "no worker can be kept alive: %s", d->message);
}

/* A worker that died while its chain was loaded: that is no page's fault. */
static void load_failed(struct slot_proc *s, const struct death *d, const struct crumb *c)
{
    struct generation *g = s->gen;
    const char *path = c->index < g->config.n_items ? g->config.items[c->index].path : "?";
    char who[STAGE_NAME_BYTES + 16] = "";
    struct err why = { 0 };

    s->failures++;
    if (g->broken.code)
        return;
    if (c->phase == CRUMB_CONFIGURE)
        snprintf(who, sizeof who, "stage `%.64s`: ", d->note->stage);
    if (!strcmp(d->reason, "refused") || !strcmp(d->reason, "start"))
        err_set(&why, ERR_REFUSED, "%s", d->message);
    else if (!strcmp(d->reason, "sandbox"))
        err_set(&why, ERR_REFUSED, "%s: %swhile it was being %s, %s", path, who,
                c->phase == CRUMB_CONFIGURE ? "configured" : "loaded", d->message);
    else if (d->is_lost)
        err_set(&why, ERR_REFUSED, "stage `%s` cannot be configured: %s",
                c->index < g->config.n_items ? g->config.items[c->index].ref : "exec", d->message);
    else if (c->phase == CRUMB_LOAD || c->phase == CRUMB_CONFIGURE)
        err_set(&why, ERR_REFUSED, "%s: %s%s while it was being %s: mend the stage or take it out", path, who,
                d->message, c->phase == CRUMB_LOAD ? "loaded" : "configured");
    else
        err_set(&why, ERR_CRASHED, "the worker program %s does not start: %s", g->pool->worker_path,
                d->message);
    chain_config_names(&g->config, why.text, sizeof why.text);
    if (g->state == POOL_GEN_STARTING)
        g->broken = why;
    else
        pool_say(g->pool, LOG_ERROR, "worker %u: %s", s->index, why.text);
}

/* The pages of a slot that cannot start go to those that work. */
static void pages_move(struct slot_proc *s)
{
    for (unsigned i = 0; i < s->gen->n_slots && s->n_flights; i++) {
        struct slot_proc *to = s->gen->slots[i];
        while (to != s && to->state == SLOT_READY && s->n_flights && !slot_move(s, to))
            ;
        if (to->state == SLOT_READY)
            slot_feed(to);
    }
}

/* The worker died at its oldest page, or was ended for it. */
static void page_judge(struct slot_proc *s, const struct death *d, const struct crumb *c, uint64_t served,
                       int signal)
{
    const struct flight *f = &s->flights[0];
    struct generation *g = s->gen;
    const char *stage = crumb_is_of(s, c, f) ? crumb_stage(g, c) : "worker";
    /* what a generation dies of that is not live any more is for the one that is */
    uint32_t behind = g->behind || g == s->pool->live ? g->behind : s->pool->live->id;

    pool_say(s->pool, LOG_DEBUG, "worker %u: %s (stage %s)", s->index, d->message, stage);
    if (!f->guest_fn) {
        g->crashes++;
        snprintf(g->crash_stage, sizeof g->crash_stage, "%.64s", stage);
    }
    if (!is_guilty(s, d, c, served, signal))
        return;
    if (!f->guest_fn && behind && !f->has_fallen && !orphan_make(s, behind))
        g->fallbacks++;
    else
        slot_quarantine(s, stage, d, signal);
}

/* Before the log is read: what they say last comes in time. */
static void programs_end(struct slot_proc *s, struct death *d)
{
    size_t n = strlen(d->message);

    s->pool->dead_cpu_us += exec_end(&s->programs);
    if (d->died)
        exec_how(&s->programs, d->program, d->message + n, sizeof d->message - n);
}

void slot_died(struct slot_proc *s, struct death *d)
{
    struct crumb c = slot_crumb(s);
    enum slot_state was = s->state;
    uint64_t served = s->served;
    int by_itself = !d->reason && ends_itself(s), was_fatal = s->says_fatal;
    struct crash_trace trace = { 0 };
    struct sandbox_note note;
    struct child_end end;

    programs_end(s, d);
    slot_read_log(s);
    end = slot_end(s);
    trace_read(s, by_itself ? end.signal : 0, &trace);
    sandbox_note_read((const volatile char *)s->crumb + PROTO_NOTE_AT, &note);
    d->trace = &trace;
    d->note = &note;
    slot_state_set(s, SLOT_DOWN);
    if (!d->reason)
        say_how(s, &end, by_itself, d);
    if (was == SLOT_STARTING)
        load_failed(s, d, &c);
    else if (!was_fatal && !served && (!s->n_flights || !crumb_is_of(s, &c, &s->flights[0])))
        s->failures++;
    s->n_sent = 0;
    restart_plan(s);
    if (was == SLOT_READY && s->n_flights && !was_fatal)
        page_judge(s, d, &c, served, by_itself ? end.signal : 0);
    if (s->failures > 1)
        pages_move(s);
    judge_generation(s->gen, d);
    d->trace = NULL; /* they end here */
    d->note = NULL;
}
