/* dead: the dead letters of a job through the chain again; see replay.h.  Opens what it takes, runs
 * the loop, closes in reverse; what becomes of a letter is page.c's.
 *
 * The letters are read as there is room for them in the pool.  The frontier's lock keeps a crawl of the same
 * job out meanwhile. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/swap.h"
#include "command/replay/inner.h"

enum {
    BEAT_MS = 100,
    REDRAW_MS = 250,
    CLOSE_MS = 2000, /* for the sinks to make safe what they have taken */
};

void replay_stop(struct replay *r, int has_failed, const char *fmt, ...)
{
    va_list ap;

    if (r->is_stopping && (r->has_failed || !has_failed))
        return;
    va_start(ap, fmt);
    vsnprintf(r->stop_reason, sizeof r->stop_reason, fmt, ap);
    va_end(ap);
    r->has_failed = has_failed;
    if (!r->is_stopping)
        r->stop_ms = uv_now(&r->loop);
    r->is_stopping = 1;
}

/* ---- the loop ---- */

static void line_clear(void *arg)
{
    struct replay *r = arg;

    if (r->is_drawn && write(STDERR_FILENO, "\r\033[K", 4) == 4)
        r->is_drawn = 0;
}

static void progress(struct replay *r)
{
    uint64_t now = uv_now(&r->loop);

    if (!r->shows_progress || now - r->drawn_ms < REDRAW_MS)
        return;
    r->drawn_ms = now;
    r->is_drawn = dprintf(STDERR_FILENO, "\r%llu of %llu letters  %llu well  %llu fail again\033[K",
                          (unsigned long long)r->counts.run, (unsigned long long)r->total,
                          (unsigned long long)r->counts.well, (unsigned long long)r->counts.stay) > 0;
}

static void sinks_watch(struct replay *r)
{
    const char *trouble = r->out ? deliver_trouble(r->out) : NULL;

    if (!trouble && r->dead)
        trouble = deliver_trouble(r->dead);
    if (!trouble)
        r->trouble_ms = 0;
    else if (!r->trouble_ms)
        r->trouble_ms = uv_now(&r->loop);
    else if ((double)(uv_now(&r->loop) - r->trouble_ms) >= r->args->job.sink_patience_s * 1000)
        replay_stop(r, 1, "%s", trouble);
}

static void on_beat(uv_timer_t *h)
{
    sinks_watch(h->data);
    progress(h->data);
}

static void on_pool(uv_poll_t *h, int status, int events)
{
    struct replay *r = h->data;
    struct err err = { 0 };

    if (pool_dispatch(r->pool, 0, &err) < 0 && err.code)
        replay_stop(r, 1, "%s", err.text);
}

/* Before the loop waits: everything that has happened so far may have made room. */
static void on_prepare(uv_prepare_t *h)
{
    struct replay *r = h->data;

    replay_feed(r);
    replay_commit(r);
    if (r->is_stopping) {
        double over = (double)(uv_now(&r->loop) - r->stop_ms);
        if (r->has_failed || !r->n_pages || over >= r->args->job.grace_s * 1000)
            uv_stop(&r->loop);
    } else if (r->is_read && !r->n_pages) {
        uv_stop(&r->loop);
    }
}

static void on_signal(uv_signal_t *h, int signum)
{
    replay_stop(h->data, 0, "stopped by %s", signum == SIGINT ? "an interrupt" : "a termination signal");
}

static void loop_handles(struct replay *r)
{
    static const int signals[] = { SIGINT, SIGTERM };

    uv_poll_init(&r->loop, &r->pool_poll, pool_fd(r->pool));
    uv_poll_start(&r->pool_poll, UV_READABLE, on_pool);
    uv_timer_init(&r->loop, &r->beat);
    uv_timer_start(&r->beat, on_beat, BEAT_MS, BEAT_MS);
    uv_prepare_init(&r->loop, &r->prepare);
    uv_prepare_start(&r->prepare, on_prepare);
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&r->loop, &r->signals[i]);
        uv_signal_start(&r->signals[i], on_signal, signals[i]);
        r->signals[i].data = r;
    }
    r->pool_poll.data = r->beat.data = r->prepare.data = r;
}

/* ---- opening and closing ---- */

static int is_folder(const char *dir, const char *name)
{
    char path[4200];
    struct stat st;

    snprintf(path, sizeof path, "%.4000s/%s", dir, name);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int frontier_start(struct replay *r, const char *path, struct err *err)
{
    const struct job_options *o = &r->args->job;
    struct frontier_options opt = {
        .scope = o->scope, .depth_max = o->depth, .per_host = o->per_host, .user_agent = o->user_agent
    };

    return frontier_open(path, &opt, &r->frontier, err);
}

static int sinks_start(struct replay *r, const char *records, const char *dead, const char *log,
                       struct err *err)
{
    struct deliver_options to_out = { .sink = r->args->job.out ? r->args->job.out : records,
                                      .on_ack = replay_on_ack,
                                      .arg = r };
    struct deliver_options to_dead = { .sink = dead, .on_ack = replay_on_dead_ack, .arg = r };
    int rc;

    if (r->args->is_dry)
        return 0;
    if ((rc = deliver_open(&r->loop, &to_out, &r->out, err)) < 0 ||
        (rc = deliver_open(&r->loop, &to_dead, &r->dead, err)) < 0)
        return rc;
    return dedupe_open(log, &r->dedupe, err);
}

static void worker_log(void *arg, int level, const char *line)
{
    log_line(level, "%s", line);
}

/* The chain is the one that the crawl would go on with. */
static int pool_start(struct replay *r, struct chain_config *chain, struct err *err)
{
    const struct job_options *o = &r->args->job;
    struct pool_options opt = { .workers = o->workers,
                                .page_ms = o->page_ms,
                                .stage_ms = o->stage_ms,
                                .worker_bytes = o->worker_bytes,
                                .flags = o->network_stages ? POOL_GEN_NETWORK : 0,
                                .on_result = replay_on_result,
                                .arg = r,
                                .on_log = worker_log };
    struct swap_start *start;
    int rc = swap_resume(o->dir, NULL, chain, &opt, &start, err);

    rc = rc ? rc : pool_open(&opt, chain, &r->pool, err);
    swap_start_free(start);
    return rc;
}

/* The frontier first: its lock says that the job is not running.  The letters behind their sink, which mends
 * what a crash has left of them. */
static int replay_open(struct replay *r, struct chain_config *chain, struct err *err)
{
    const char *dir = r->args->job.dir;
    char frontier[4200], records[4200], dead[4200], log[4200];
    int rc;

    if (!is_folder(dir, "frontier"))
        return err_set(err, ERR_USAGE, "%s: is no job's folder (it has no frontier); name one with --job",
                       dir);
    if (!is_folder(dir, "dead-letters"))
        return err_set(err, ERR_USAGE, "%s: has no dead letters; name the folder of another job with --job",
                       dir);
    snprintf(frontier, sizeof frontier, "%.4000s/frontier", dir);
    snprintf(records, sizeof records, "%.4000s/records", dir);
    snprintf(dead, sizeof dead, "%.4000s/dead-letters", dir);
    snprintf(log, sizeof log, "%.4000s/dedupe.log", dir);
    if ((rc = frontier_start(r, frontier, err)) < 0 || (rc = sinks_start(r, records, dead, log, err)) < 0 ||
        (rc = letters_open(dead, &r->letters, err)) < 0)
        return rc;
    r->total = letters_pages(r->letters);
    r->segments = segments_open(dead);
    if (!r->segments)
        return err_set(err, ERR_IO, "%s: cannot be read (%s)", dead, strerror(errno));
    return pool_start(r, chain, err);
}

static void on_closed(void *arg)
{
    (*(unsigned *)arg)--;
}

static void close_any(uv_handle_t *h, void *arg)
{
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* What the sinks acknowledge while they close is settled all the same; what is left runs again next time. */
static void sinks_stop(struct replay *r)
{
    struct deliver *const both[] = { r->out, r->dead };
    uint32_t grace_ms = r->has_failed ? 0 : CLOSE_MS;
    unsigned open = 0;

    replay_commit(r);
    r->out = r->dead = NULL;
    for (int i = 0; i < 2; i++)
        if (both[i]) {
            open++;
            deliver_close(both[i], grace_ms, on_closed, &open);
        }
    while (open && uv_run(&r->loop, UV_RUN_ONCE))
        ;
    replay_commit(r); /* of the index: what was acknowledged while they closed */
}

static void replay_close(struct replay *r)
{
    pool_close(r->pool);
    sinks_stop(r);
    replay_abandon(r);
    segments_close(r->segments);
    letters_close(r->letters);
    dedupe_close(r->dedupe);
    frontier_close(r->frontier);
    uv_walk(&r->loop, close_any, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    uv_loop_close(&r->loop);
}

static void summary(const struct replay *r)
{
    const struct counts *c = &r->counts;
    uint64_t stay = c->stay + c->without_page;
    const char *dir = r->args->job.dir;

    if (c->listed > REPLAY_LISTED)
        log_warn("and %llu more; `trommel cat --dead %s` has a record of each",
                 (unsigned long long)(c->listed - REPLAY_LISTED), dir);
    log_info("%llu letters run in %.1f s: %llu %s, %llu stay", (unsigned long long)c->run,
             (double)(clock_mono_ms() - r->started_ms) / 1000.0, (unsigned long long)c->well,
             r->args->is_dry ? "would come out well" : "came out well and are settled",
             (unsigned long long)stay);
    if (c->left)
        log_info("%llu letters are of pages that the crawl has still to do, or has done since; they were "
                 "left to it",
                 (unsigned long long)c->left);
    if (!r->args->is_dry && c->well)
        log_info("records: %s%s", r->args->job.out ? r->args->job.out : dir,
                 r->args->job.out ? "" : "/records");
    if (r->is_stopping && !r->has_failed)
        log_info("%s; the same command goes on where it was", r->stop_reason);
}

int replay_dead(const struct replay_args *args, struct chain_config *chain, struct err *err)
{
    struct replay *r = calloc(1, sizeof *r);
    int status = 3;

    if (!r || uv_loop_init(&r->loop) < 0)
        abort();
    r->args = args;
    r->started_ms = clock_mono_ms();
    r->shows_progress = isatty(STDERR_FILENO) && !args->job.no_progress;
    signal(SIGPIPE, SIG_IGN); /* a consumer that went away is an error of write, not the end */
    int rc = replay_open(r, chain, err);
    if (rc == 0) {
        log_above(line_clear, r);
        loop_handles(r);
        uv_run(&r->loop, UV_RUN_DEFAULT);
    }
    replay_close(r);
    if (rc == 0) {
        line_clear(r);
        log_above(NULL, NULL);
        summary(r);
        if (r->has_failed)
            err_set(err, ERR_FAIL, "%s", r->stop_reason);
        status =
            r->has_failed ? 3 : r->counts.stay || r->counts.without_page || r->is_damaged || r->is_stopping;
    } else if (rc == ERR_USAGE || rc == ERR_INVALID || rc == ERR_UNSUPPORTED) {
        status = 2;
    }
    free(r);
    return status;
}
