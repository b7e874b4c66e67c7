/* warc: see warc.h.
 *
 * The loop waits for the feed's thread, the library, the followed folder and signals, all in one poll.  A
 * page's bytes go from the thread's buffer to the worker's memory without a copy between; its record is
 * handed out when the sink has it, and then noted in the journal, before the sink may forget its id. */
#include "command/replay/warc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "command/chain_list.h"
#include "command/replay/diff.h"
#include "command/replay/feed.h"
#include "command/replay/files.h"
#include "command/replay/tell.h"

enum {
    BEAT_MS = 100,
    QUEUE_PAGES = 2, /* waiting at the library, by reference: half of what the feed holds */
    REFUSED_LISTED = 20,
};

struct run {
    const struct replay_warc_args *args;
    struct replay_journal *journal;
    struct replay_feed *feed;
    struct replay_follow *follow;
    struct replay_diff *diff;
    struct replay_tell tell;
    trommel *pipeline;
    struct replay_file **files;
    size_t n_files;
    struct trip *trips;
    struct feed_item *held; /* it waits for room */
    char *name;             /* of the job */
    char *records;          /* JOB/records; NULL: there is no job, nothing is written down */
    const char *out;        /* the sink; NULL: none */
    int signals;
    int is_stopping;
    uint64_t stop_ms;
    struct err failed; /* ends it */
};

/* A page on its way. */
struct trip {
    struct trip *prev, *next; /* all of them */
    struct run *run;
    struct replay_file *file;
    struct feed_item *item; /* until its bytes are not needed any longer */
    struct warc_place place;
    uint64_t key;
};

static int fail(struct run *r, int code, const char *text)
{
    return r->failed.code ? r->failed.code : err_set(&r->failed, code, "%s", text);
}

/* ---- files ---- */

static uint64_t file_size(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : UINT64_MAX;
}

/* The same archive, on its way already? */
static struct replay_file *file_under_way(const struct run *r, const struct journal_file *j)
{
    for (size_t i = 0; i < r->n_files; i++)
        if (r->files[i]->journal == j && !(r->files[i]->is_read && !r->files[i]->pending))
            return r->files[i];
    return NULL;
}

static int file_add(void *arg, const char *path, struct err *err)
{
    struct run *r = arg;
    int is_stdin = !strcmp(path, "-"), fd = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    struct replay_file *f, *was;

    if (fd < 0 && !is_stdin)
        return err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
    struct journal_file *j = replay_journal_file(r->journal, fd, err);
    if (fd >= 0)
        close(fd);
    if (!j)
        return err->code;
    if ((was = file_under_way(r, j))) {
        was->again = was->size != file_size(path);
        return 0;
    }
    f = calloc(1, sizeof *f);
    r->files = realloc(r->files, (r->n_files + 1) * sizeof(struct replay_file *));
    if (!f || !r->files || !(f->path = strdup(path)))
        abort();
    f->name = is_stdin ? "standard input" : f->path;
    f->journal = j;
    f->known = *j;
    f->size = is_stdin ? UINT64_MAX : file_size(path);
    r->files[r->n_files++] = f;
    r->tell.n_files++;
    if (f->size == UINT64_MAX)
        r->tell.bytes_total = UINT64_MAX;
    else if (r->tell.bytes_total != UINT64_MAX)
        r->tell.bytes_total += f->size;
    replay_feed_add(r->feed, f);
    return 0;
}

/* All its pages are done. */
static void file_done(struct run *r, struct replay_file *f)
{
    struct err err = { 0 };
    int is_pipe = f->size == UINT64_MAX;

    if (!f->is_bad && !is_pipe && !f->journal->is_ended &&
        replay_journal_end(r->journal, f->journal, &err) < 0)
        fail(r, err.code, err.text);
    if (f->again && file_add(r, f->path, &err) < 0)
        log_warn("%s", err.text);
}

/* ---- pages ---- */

static struct trip *trip_new(struct run *r, struct feed_item *item)
{
    struct trip *t = malloc(sizeof *t);

    if (!t)
        abort();
    *t = (struct trip){ NULL, r->trips, r, item->file, item, item->record.place, item->key };
    if (r->trips)
        r->trips->prev = t;
    r->trips = t;
    return t;
}

static void trip_free(struct trip *t)
{
    *(t->prev ? &t->prev->next : &t->run->trips) = t->next;
    if (t->next)
        t->next->prev = t->prev;
    free(t);
}

static void page_release(void *user)
{
    struct trip *t = user;

    replay_feed_give(t->run->feed, t->item);
    t->item = NULL;
}

static void on_record(void *arg, void *user, const trommel_result *res)
{
    struct run *r = arg;
    struct trip *t = user;
    struct replay_file *f = t->file;
    struct err err = { 0 };
    int rc = 0;

    r->tell.outcomes[res->outcome]++;
    replay_tell_page(&r->tell, f->name, t->place.offset, res);
    if (r->diff)
        rc = replay_diff_record(r->diff, res->record, &err);
    rc = rc ? rc : replay_journal_done(r->journal, f->journal, &t->place, t->key, &err);
    if (rc < 0)
        fail(r, rc, err.text);
    if (--f->pending == 0 && f->is_read)
        file_done(r, f);
    trip_free(t);
}

static void on_log(void *arg, int level, const char *line)
{
    log_line(level, "%s", line);
}

static trommel_input input_of(const struct feed_item *item)
{
    const struct http_message *m = &item->http;

    return (trommel_input){
        .struct_size = sizeof(trommel_input),
        .status = (uint16_t)m->status,
        .url = item->record.head.url,
        .content_type = m->content_type,
        .content_encoding = m->content_encoding,
        .headers = item->failed ? (trommel_str){ 0 } : m->headers,
        .body = item->failed ? (trommel_str){ 0 } : m->body,
        .fetched_ms = item->record.head.date_ms,
        .fetch = { (const char *)item->fetch.data, item->fetch.len },
        .made_of = { (const char *)item->made_of.data, item->made_of.len },
        .failed = { item->failed, item->failed ? strlen(item->failed) : 0 },
    };
}

/* What the library does not take is named; the next one is tried. */
static void page_refused(struct run *r, struct feed_item *item, const char *why)
{
    if (r->tell.n_refused++ < REFUSED_LISTED)
        log_warn("%s: offset %llu: %s", item->file->name, (unsigned long long)item->record.place.offset, why);
    replay_feed_give(r->feed, item);
}

/* 1: handed over (or passed over); 0: there is no room. */
static int page_submit(struct run *r, struct feed_item *item)
{
    trommel_error te = { .struct_size = sizeof te };
    trommel_input in = input_of(item);
    struct replay_file *f = item->file;
    struct trip *t = trip_new(r, item);
    int is_other = item->is_other;
    int rc = trommel_submit_ref(r->pipeline, &in, t, page_release, &te);
    if (rc == 0) {
        if (is_other)
            f->journal->records = 0;
        f->pending++;
        return 1;
    }
    trip_free(t);
    if (rc == TROMMEL_FULL)
        return 0;
    if (rc == ERR_INVALID || rc == ERR_UNSUPPORTED || rc == ERR_LIMIT)
        page_refused(r, item, te.text);
    else
        fail(r, rc, te.text);
    return 1;
}

/* Pages to the library as long as there is room and there are any.  1: something was done. */
static int pages_take(struct run *r)
{
    int did = 0;

    while (!r->failed.code) {
        struct feed_item *item = r->held ? r->held : replay_feed_take(r->feed);
        r->held = NULL;
        if (!item)
            break;
        if (item->is_end) {
            item->file->is_read = 1;
            if (!item->file->pending)
                file_done(r, item->file);
            replay_feed_give(r->feed, item);
        } else if (!page_submit(r, item)) {
            r->held = item;
            break;
        }
        did = 1;
    }
    return did;
}

/* ---- the loop ---- */

static void stop(struct run *r, int signum)
{
    if (r->is_stopping++) /* once more: at once; what is under way is done the next time */
        r->stop_ms = 0;
    else
        r->stop_ms = clock_mono_ms() + (uint64_t)(r->args->job->grace_s * 1000);
    log_debug("stopped by signal %d", signum);
    replay_feed_stop(r->feed);
}

static void signals_read(struct run *r)
{
    struct signalfd_siginfo s;

    while (read(r->signals, &s, sizeof s) == sizeof s)
        stop(r, (int)s.ssi_signo);
}

static void dispatch(struct run *r)
{
    trommel_error te = { .struct_size = sizeof te };
    int rc = trommel_dispatch(r->pipeline, 0, &te);

    if (rc < 0 && rc != TROMMEL_AGAIN)
        fail(r, rc, te.text);
}

static void follow_read(struct run *r)
{
    struct err err = { 0 };

    if (r->follow && replay_follow_read(r->follow, file_add, r, &err) < 0)
        log_warn("%s", err.text);
}

static int is_over(struct run *r)
{
    if (r->failed.code)
        return 1;
    if (r->is_stopping)
        return !trommel_pending(r->pipeline) || clock_mono_ms() >= r->stop_ms;
    return !r->held && replay_feed_is_done(r->feed) && !trommel_pending(r->pipeline);
}

static void loop(struct run *r)
{
    while (!is_over(r)) {
        struct pollfd fds[] = { { .fd = r->signals, .events = POLLIN },
                                { .fd = trommel_fd(r->pipeline), .events = POLLIN },
                                { .fd = r->held || r->is_stopping ? -1 : replay_feed_fd(r->feed),
                                  .events = POLLIN },
                                { .fd = r->follow ? replay_follow_fd(r->follow) : -1, .events = POLLIN } };
        int did = r->is_stopping ? 0 : pages_take(r);
        dispatch(r);
        replay_feed_tell(r->feed);
        replay_tell_progress(&r->tell, r->feed);
        if (!did)
            poll(fds, 4, BEAT_MS);
        if (fds[0].revents)
            signals_read(r);
        if (fds[3].revents && !r->is_stopping)
            follow_read(r);
    }
}

/* ---- opening and closing ---- */

static int job_open(struct run *r, struct err *err)
{
    const struct job_options *o = r->args->job;
    char real[PATH_MAX];

    if (r->args->diff && !o->out) { /* comparing changes nothing, and can be done again and again */
        r->name = strdup(o->name ? o->name : "comparison");
        if (!r->name)
            abort();
        return replay_journal_open(NULL, &r->journal, err);
    }
    if (mkdir(o->dir, 0777) && errno != EEXIST)
        return err_set(err, ERR_IO, "%s: cannot make the job's folder: %s; name another with --job", o->dir,
                       strerror(errno));
    if (!realpath(o->dir, real))
        return err_set(err, ERR_IO, "%s: %s; name another folder with --job", o->dir, strerror(errno));
    const char *slash = strrchr(real, '/');
    r->name = strdup(o->name ? o->name : slash ? slash + 1 : real);
    if (!r->name || asprintf(&r->records, "%s/records", o->dir) < 0)
        abort();
    r->out = o->out ? o->out : r->records;
    return replay_journal_open(o->dir, &r->journal, err);
}

static int pipeline_open(struct run *r, struct err *err)
{
    const struct replay_warc_args *a = r->args;
    const struct job_options *o = a->job;
    struct chain_list list;
    char log[4200];
    trommel_error te = { .struct_size = sizeof te };
    trommel_options opt = { .struct_size = sizeof opt,
                            .workers = o->workers,
                            .config = a->config,
                            .set = a->sets,
                            .n_set = a->n_sets,
                            .page_timeout_ms = o->page_ms,
                            .stage_timeout_ms = o->stage_ms,
                            .worker_bytes = o->worker_bytes,
                            .dedupe_log = r->records ? log : NULL,
                            .on_record = on_record,
                            .on_log = on_log,
                            .arg = r,
                            .ordered = 1,
                            .network_stages = o->network_stages != 0,
                            .out = r->out,
                            .sink_patience_ms = (uint32_t)(o->sink_patience_s * 1000),
                            .queue = QUEUE_PAGES };

    snprintf(log, sizeof log, "%.4000s/dedupe.log", o->dir);
    int rc = a->chain ? chain_list_read(&list, a->chain, err) : 0;
    if (rc == 0 && a->chain)
        chain_list_set(&list, &opt);
    if (rc == 0 && (rc = trommel_open(&opt, &r->pipeline, &te)) < 0)
        err_set(err, rc, "%s", te.text);
    return rc;
}

static void signals_open(struct run *r)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write, told with its name */
    r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signals < 0)
        abort();
}

static int run_open(struct run *r, struct err *err)
{
    const struct replay_warc_args *a = r->args;
    int rc = job_open(r, err);

    if (rc == 0 && a->diff)
        rc = replay_diff_open(a->diff, "the replay", a->diff_args, &r->diff, err);
    if (rc < 0)
        return rc;
    r->feed = replay_feed_new(r->name);
    rc = replay_files_list(a->files, a->n_files, file_add, r, err);
    if (rc == 0 && a->follow) {
        rc = replay_follow_open(a->follow, &r->follow, err);
        rc = rc ? rc : replay_follow_read(r->follow, file_add, r, err);
    }
    rc = rc ? rc : pipeline_open(r, err);
    if (rc == 0 && !a->follow)
        replay_feed_close(r->feed);
    return rc;
}

static void run_close(struct run *r)
{
    trommel_close(r->pipeline); /* what it had by reference is given back to the feed */
    while (r->trips)
        trip_free(r->trips);
    replay_feed_free(r->feed);
    replay_follow_close(r->follow);
    replay_diff_free(r->diff);
    replay_journal_close(r->journal);
    for (size_t i = 0; i < r->n_files; i++) {
        free(r->files[i]->path);
        free(r->files[i]);
    }
    free(r->files);
    free(r->name);
    free(r->records);
    if (r->signals >= 0)
        close(r->signals);
}

static int status_of(struct run *r, struct err *err)
{
    uint64_t counts[FEED_COUNTS];
    int status, is_whole, is_intact;

    replay_feed_counts(r->feed, counts);
    is_intact = !counts[FEED_DAMAGES] && !counts[FEED_BAD_FILES];
    is_whole = is_intact && !r->is_stopping;
    if (r->is_stopping && r->records)
        log_info("stopped; the same command goes on where it was");
    if (r->diff) {
        status = replay_diff_end(r->diff, is_whole && !counts[FEED_AGAIN], err);
        return is_intact ? status : 3;
    }
    status = !is_whole || r->tell.n_refused || r->tell.outcomes[TROMMEL_OUT_FAILED] ||
             r->tell.outcomes[TROMMEL_OUT_QUARANTINED];
    return status;
}

static int is_usage(int rc)
{
    return rc == ERR_USAGE || rc == ERR_INVALID || rc == ERR_UNSUPPORTED || rc == ERR_REFUSED;
}

int replay_warc(const struct replay_warc_args *args, struct err *err)
{
    struct run r = { .args = args, .signals = -1 };
    trommel_error te = { .struct_size = sizeof te };
    int status = 3, rc;

    signals_open(&r); /* before there are threads */
    rc = run_open(&r, err);
    if (rc < 0) {
        run_close(&r);
        return is_usage(rc) ? 2 : 3;
    }
    replay_tell_begin(&r.tell, isatty(STDERR_FILENO) && !args->job->no_progress);
    loop(&r);
    if (!r.failed.code && !trommel_pending(r.pipeline) && trommel_flush(r.pipeline, -1, &te) < 0)
        fail(&r, ERR_IO, te.text);
    replay_tell_end(&r.tell);
    replay_feed_tell(r.feed);
    if (r.failed.code) {
        *err = r.failed;
    } else {
        replay_tell_summary(&r.tell, r.feed, r.out);
        status = status_of(&r, err);
    }
    run_close(&r);
    return status;
}
