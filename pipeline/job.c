/* job: see job.h.  Opens the parts in the order of a page's way, runs the loop, closes in reverse.
 *
 * Ending is a crash plus courtesy: no URL is taken any more, what is under way may finish within the
 * grace, and whatever has not is still queued in the frontier. */
#include "job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "chain/swap.h"
#include "job_archive.h"
#include "job_change.h"
#include "job_control.h"
#include "job_shadow.h"
#include "parse/url.h"
#include "visit.h"

enum {
    BEAT_MS = 100,
    CLOSE_MS = 2000, /* for a sink to make safe what it has taken */
};

/* ---- counters ---- */

void job_count_reason(struct job *j, const char *text, size_t n)
{
    struct job_counts *c = &j->counts;
    struct job_reason *row = NULL;

    if (n >= JOB_REASON_BYTES)
        n = JOB_REASON_BYTES - 1;
    for (unsigned i = 0; i < c->n_reasons && !row; i++)
        if (strlen(c->reasons[i].text) == n && !memcmp(c->reasons[i].text, text, n))
            row = &c->reasons[i];
    if (!row && c->n_reasons < JOB_REASONS) {
        row = &c->reasons[c->n_reasons++];
        if (c->n_reasons == JOB_REASONS)
            snprintf(row->text, sizeof row->text, "other");
        else
            memcpy(row->text, text, n);
    }
    if (!row)
        row = &c->reasons[JOB_REASONS - 1];
    row->n++;
}

void job_failure(struct job *j, trommel_str url, const char *reason, size_t n)
{
    uint64_t i = j->n_failures++;

    if (i >= JOB_FAILURES)
        return;
    j->failures[i].url = strndup(url.p, url.n);
    snprintf(j->failures[i].reason, JOB_REASON_BYTES, "%.*s", (int)n, n ? reason : "");
}

void job_stop(struct job *j, int failed, const char *fmt, ...)
{
    va_list ap;

    if (j->stopping && (j->failed || !failed))
        return;
    va_start(ap, fmt);
    vsnprintf(j->stop_reason, sizeof j->stop_reason, fmt, ap);
    va_end(ap);
    j->failed = failed;
    if (!j->stopping)
        j->stop_ms = uv_now(&j->loop);
    j->stopping = 1;
}

/* ---- the folder ---- */

static int folder_make(const char *path, struct err *err)
{
    struct stat st;

    if (mkdir(path, 0777) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        return err_set(err, ERR_USAGE, "%s: is a file, not a job's folder; name another with --job", path);
    }
    return err_set(err, ERR_IO, "%s: cannot make the job's folder: %s; name another with --job", path,
                   strerror(errno));
}

static char *path_in(const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        abort();
    return path;
}

static uint64_t job_hash(const struct job *j)
{
    char *real = realpath(j->dir, NULL);
    const char *name = j->opt.name;

    if (!name && real)
        name = strrchr(real, '/') ? strrchr(real, '/') + 1 : real;
    uint64_t hash = XXH3_64bits(name ? name : "", name ? strlen(name) : 0);
    free(real);
    return hash;
}

/* ---- opening ---- */

/* A transfer is a descriptor, and so is a connection that is kept. */
static void files_raise(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void worker_log(void *arg, int level, const char *line)
{
    log_line(level, "%s", line);
}

static int frontier_start(struct job *j, struct err *err)
{
    struct frontier_options opt = {
        .scope = j->opt.scope,
        .depth_max = j->opt.depth,
        .pages_max = j->opt.max_pages,
        .delay_ms = (uint32_t)(j->opt.delay_s * 1000),
        .per_host = j->opt.per_host,
        .user_agent = j->opt.user_agent,
        .ignore_robots = j->opt.ignore_robots,
        .job = job_hash(j),
    };
    char *dir = path_in(j->dir, "frontier");
    int rc = frontier_open(dir, &opt, &j->frontier, err);

    free(dir);
    if (rc == 0)
        frontier_on_refused(j->frontier, visit_on_refused, j);
    return rc;
}

static int seed_line(struct job *j, char *line, const char *file, unsigned long nr, unsigned *bad)
{
    struct err err = { 0 };

    line[strcspn(line, "\r\n")] = 0;
    while (*line == ' ' || *line == '\t')
        line++;
    if (!*line || *line == '#')
        return 0;
    int rc = frontier_seed(j->frontier, line, &err);
    if (rc == ERR_INVALID || rc == ERR_UNSUPPORTED || rc == ERR_LIMIT) {
        if ((*bad)++ < 20)
            log_warn("%s:%lu: %s", file, nr, err.text);
        return 0;
    }
    return rc;
}

static int seeds_from_file(struct job *j, struct err *err)
{
    const char *path = j->opt.seed_file;
    FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
    char line[LIMIT_URL_BYTES + 64];
    unsigned long nr = 0;
    unsigned bad = 0;
    int rc = 0;

    if (!f)
        return err_set(err, ERR_USAGE, "%s: cannot read the seeds: %s; name a file with one URL a line", path,
                       strerror(errno));
    while (rc == 0 && fgets(line, sizeof line, f)) {
        nr++;
        if (!strchr(line, '\n') && !feof(f)) {
            log_warn("%s:%lu: line is longer than a URL may be (%u bytes); it is skipped", path, nr,
                     LIMIT_URL_BYTES);
            for (int c = fgetc(f); c != EOF && c != '\n'; c = fgetc(f))
                ;
            bad++;
            continue;
        }
        rc = seed_line(j, line, path, nr, &bad);
    }
    if (f != stdin)
        fclose(f);
    if (bad)
        log_warn("%s: %u lines are no URLs and were skipped", path, bad);
    return rc < 0 ? err_set(err, rc, "%s: cannot add the seeds to %s/frontier: %s", path, j->dir, err_text(rc)) : 0;
}

static int seeds_add(struct job *j, struct err *err)
{
    for (size_t i = 0; i < j->opt.n_seeds; i++) {
        int rc = frontier_seed(j->frontier, j->opt.seeds[i], err);
        if (rc < 0)
            return rc;
    }
    if (j->opt.seed_file) {
        int rc = seeds_from_file(j, err);
        if (rc < 0)
            return rc;
    }
    struct frontier_counts c = frontier_counts(j->frontier);
    if (c.known == 0)
        return err_set(err, ERR_USAGE, "%s: nothing to crawl: no seed is a URL that can be crawled", j->dir);
    return 0;
}

static int fetch_start_up(struct job *j, struct err *err)
{
    struct fetch_options opt = {
        .user_agent = j->opt.user_agent,
        .allow_private = j->opt.allow_private,
        .connect_ms = j->opt.connect_ms,
        .total_ms = j->opt.timeout_ms,
        .slow_bytes = 1024,
        .slow_ms = j->opt.timeout_ms,
        .body_bytes = j->opt.body_bytes,
        .header_bytes = LIMIT_HEADER_BYTES,
        .connections = j->opt.connections,
        .insecure = j->opt.insecure,
        .as_received = j->archive != NULL,
    };
    uint64_t whole = j->archive ? FETCH_RECEIVED_BYTES(j->opt.body_bytes) : j->opt.body_bytes;

    j->budget = budget_new(j->opt.budget_bytes, whole);
    if (!j->budget)
        return err_set(err, ERR_NOMEM, "budget: out of memory");
    opt.budget = j->budget;
    return fetch_new(&j->loop, &opt, &j->fetch, err);
}

static int pool_start(struct job *j, struct chain_config *chain, struct err *err)
{
    struct pool_options opt = {
        .workers = j->opt.workers,
        .page_ms = j->opt.page_ms,
        .stage_ms = j->opt.stage_ms,
        .worker_bytes = j->opt.worker_bytes,
        .flags = j->opt.network_stages ? POOL_GEN_NETWORK : 0,
        .on_result = visit_on_result,
        .arg = j,
        .on_log = worker_log,
        .on_generation = job_change_on_generation,
    };
    struct swap_start *start = NULL;
    int rc = swap_resume(j->dir, NULL, chain, &opt, &start, err);

    rc = rc < 0 ? rc : pool_open(&opt, chain, &j->pool, err);
    rc = rc < 0 ? rc : job_change_open(j, &start, err);
    swap_start_free(start); /* if nobody has taken it */
    return rc;
}

static int sinks_open(struct job *j, struct err *err)
{
    struct deliver_options out = { .sink = j->out, .on_ack = visit_on_ack, .arg = j };
    struct deliver_options dead = { .on_ack = visit_on_dead_ack, .arg = j };
    int rc = deliver_open(&j->loop, &out, &j->deliver, err);

    if (rc < 0)
        return rc;
    char *dir = path_in(j->dir, "dead-letters");
    dead.sink = dir;
    rc = deliver_open(&j->loop, &dead, &j->dead, err);
    free(dir);
    if (rc < 0)
        return rc;
    char *log = path_in(j->dir, "dedupe.log");
    rc = dedupe_open(log, &j->dedupe, err);
    free(log);
    return rc;
}

/* Without a seed there must be something to go on with; else not even the folder is made. */
static int start_check(const struct job *j, struct err *err)
{
    char *frontier = path_in(j->opt.dir, "frontier");
    int none = !j->opt.n_seeds && !j->opt.seed_file && access(frontier, F_OK) < 0;

    free(frontier);
    return none ? err_set(err, ERR_USAGE, "%s: nothing to crawl: name a seed URL (trommel crawl http://…)",
                          j->opt.dir)
                : 0;
}

static int job_open(struct job *j, struct chain_config *chain, struct err *err)
{
    int rc = start_check(j, err);

    if (rc < 0 || (rc = folder_make(j->opt.dir, err)) < 0)
        return rc;
    j->dir = strdup(j->opt.dir);
    j->out = j->opt.out ? strdup(j->opt.out) : path_in(j->dir, "records");
    j->urls = url_parser_new();
    if (!j->urls)
        return err_set(err, ERR_NOMEM, "URL parser: out of memory");
    if ((rc = frontier_start(j, err)) < 0 || (rc = seeds_add(j, err)) < 0 || (rc = sinks_open(j, err)) < 0 ||
        (rc = job_archive_open(j, err)) < 0 ||
        (rc = pool_start(j, chain, err)) < 0 || (rc = fetch_start_up(j, err)) < 0)
        return rc;
    return job_control_open(j, err);
}

/* ---- the loop ---- */

static void on_pool(uv_poll_t *h, int status, int events)
{
    struct job *j = h->data;
    struct err err = { 0 };

    if (pool_dispatch(j->pool, 0, &err) < 0 && err.code)
        job_stop(j, 1, "%s", err.text);
    job_control_turn(j);
}

/* The sink has been in trouble for longer than the operator wants to wait. */
static void sink_watch(struct job *j)
{
    const char *trouble = deliver_trouble(j->deliver);
    uint64_t now = uv_now(&j->loop);

    if (!trouble)
        trouble = deliver_trouble(j->dead);
    if (!trouble) {
        j->sink_warned_ms = 0;
        return;
    }
    if (!j->sink_warned_ms)
        j->sink_warned_ms = now;
    if ((double)(now - j->sink_warned_ms) >= j->opt.sink_patience_s * 1000)
        job_stop(j, 1, "%s", trouble);
}

static int job_idle(const struct job *j)
{
    return j->n_visits == 0 && deliver_pending(j->deliver) == 0 && deliver_pending(j->dead) == 0;
}

/* Before the loop waits: everything that has happened so far may have made room. */
static void job_turn(struct job *j)
{
    visit_pump(j);
    visit_commit(j);
    if (j->stopping) {
        double over = (double)(uv_now(&j->loop) - j->stop_ms);
        if (j->failed || job_idle(j) || over >= j->opt.grace_s * 1000)
            uv_stop(&j->loop);
    } else if (j->exhausted && job_idle(j)) {
        j->finished = 1;
        uv_stop(&j->loop);
    }
}

static void on_prepare(uv_prepare_t *h)
{
    job_turn(h->data);
}

static void on_wake(uv_timer_t *h)
{
    /* the prepare handle that follows does the work */
}

void job_wake_in(struct job *j, uint64_t ms)
{
    uv_timer_start(&j->wake, on_wake, ms ? ms : 1, 0);
}

static void on_beat(uv_timer_t *h)
{
    struct job *j = ((uv_handle_t *)h)->loop->data;

    sink_watch(j);
    job_control_turn(j);
    progress_beat(j->progress);
}

static void on_signal(uv_signal_t *h, int signum)
{
    struct job *j = h->data;

    if (j->signal) { /* the second one: at once */
        j->opt.grace_s = 0;
        return;
    }
    j->signal = signum;
    job_stop(j, 0, "stopped by %s", signum == SIGINT ? "an interrupt" : "a termination signal");
    log_info("stopping: what is under way may finish within %.0f s; again to stop at once", j->opt.grace_s);
}

static void loop_handles(struct job *j)
{
    uv_poll_init(&j->loop, &j->pool_poll, pool_fd(j->pool));
    j->pool_poll.data = j;
    uv_poll_start(&j->pool_poll, UV_READABLE, on_pool);
    uv_timer_init(&j->loop, &j->wake);
    uv_timer_init(&j->loop, &j->beat);
    uv_timer_start(&j->beat, on_beat, BEAT_MS, BEAT_MS);
    uv_prepare_init(&j->loop, &j->prepare);
    j->prepare.data = j;
    uv_prepare_start(&j->prepare, on_prepare);
    uv_signal_init(&j->loop, &j->sig_int);
    uv_signal_init(&j->loop, &j->sig_term);
    uv_signal_init(&j->loop, &j->sig_hup);
    j->sig_int.data = j->sig_term.data = j->sig_hup.data = j;
    uv_signal_start(&j->sig_int, on_signal, SIGINT);
    uv_signal_start(&j->sig_term, on_signal, SIGTERM);
    uv_signal_start(&j->sig_hup, on_signal, SIGHUP);
}

/* The job's own handles are quiet from here on; the parts' may still be closing. */
static void loop_handles_stop(struct job *j)
{
    job_control_quiet(j);
    uv_poll_stop(&j->pool_poll);
    uv_timer_stop(&j->wake);
    uv_timer_stop(&j->beat);
    uv_prepare_stop(&j->prepare);
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

static void loop_until(struct job *j, const unsigned *open)
{
    while (*open && uv_run(&j->loop, UV_RUN_ONCE))
        ;
}

/* Ends all that is under way: transfers are aborted, the sinks may still acknowledge, and what is left is
 * unfinished.  From here on the counters stand. */
static void parts_stop(struct job *j)
{
    unsigned open = 0;
    uint32_t grace_ms = j->failed ? 0 : CLOSE_MS;

    if (j->fetch) {
        open++;
        fetch_close(j->fetch, on_closed, &open);
    }
    j->fetch = NULL;
    job_archive_close(j);
    if (j->dedupe)
        visit_commit(j);
    if (j->deliver) {
        open++;
        deliver_close(j->deliver, grace_ms, on_closed, &open);
    }
    j->deliver = NULL;
    if (j->dead) {
        open++;
        deliver_close(j->dead, grace_ms, on_closed, &open);
    }
    j->dead = NULL;
    loop_until(j, &open);
    visit_abandon(j);
    if (j->dedupe)
        visit_commit(j); /* what was acknowledged while the sinks closed */
}

static void job_close(struct job *j)
{
    parts_stop(j);
    job_change_close(j);
    pool_close(j->pool);
    job_shadow_close(j);
    budget_free(j->budget);
    dedupe_close(j->dedupe);
    frontier_close(j->frontier);
    url_parser_free(j->urls);
    job_control_close(j);
    uv_walk(&j->loop, close_any, NULL);
    uv_run(&j->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&j->loop);
    assert(rc == 0);
    (void)rc;
    job_archive_free(j);
    free(j->dir);
    free(j->out);
    for (size_t i = 0; i < JOB_FAILURES; i++)
        free(j->failures[i].url);
}

static int job_status(const struct job *j)
{
    if (j->failed)
        return 3;
    return j->n_failures || !j->finished ? 1 : 0;
}

int job_run(const struct job_options *opt, struct chain_config *chain, struct err *err)
{
    struct job *j = calloc(1, sizeof *j);
    int status = 3;

    if (!j || uv_loop_init(&j->loop) < 0)
        abort();
    j->opt = *opt;
    j->started_ms = clock_mono_ms();
    signal(SIGPIPE, SIG_IGN); /* a consumer that went away is an error of write, not the end */
    signal(SIGXFSZ, SIG_IGN); /* and so is a limit of the size of files */
    files_raise();
    int rc = job_open(j, chain, err);
    if (rc == 0) {
        j->loop.data = j;
        j->progress = progress_new(j);
        job_control_turn(j);
        loop_handles(j);
        visit_pump(j); /* the first round must not wait for an event */
        if (j->exhausted && job_idle(j))
            j->finished = 1;
        else
            uv_run(&j->loop, UV_RUN_DEFAULT);
        loop_handles_stop(j);
        parts_stop(j);
        progress_end(j->progress);
        char *path = path_in(j->dir, "summary.json");
        summary_write(j, path);
        free(path);
        summary_print(j);
        if (j->failed)
            err_set(err, ERR_FAIL, "%s", j->stop_reason);
        status = job_status(j);
    } else {
        status = rc == ERR_USAGE || rc == ERR_INVALID || rc == ERR_UNSUPPORTED ? 2 : 3;
    }
    job_close(j);
    free(j);
    return status;
}
