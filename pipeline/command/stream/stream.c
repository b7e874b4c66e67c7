/* stream: see stream.h.
 *
 * One thread, one poll(2) over the input, the output, the pipeline and the signals; nothing else waits.  A
 * page is taken, from the first byte of its frame on, only while there is room: at the workers, in
 * TAKEN_BYTES of pages and in WAITING_BYTES of answers.  So whoever does not read, or is slower than we,
 * stops the writer through the pipe, and nothing grows.  Every frame that came has one answer, whatever it
 * held. */
#include "command/stream/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <trommel/trommel.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "command/stream/answer.h"
#include "command/stream/frame.h"
#include "command/stream/out.h"
#include "command/stream/page.h"
#include "record/record.h"

enum {
    TAKEN_BYTES = 64 * 1024 * 1024,  /* of pages that the pipeline still borrows */
    WAITING_BYTES = 4 * 1024 * 1024, /* of answers that nobody has read */
    LISTED_MOST = 10,                /* bad frames that are told on standard error */
    QUEUE = 2,               /* pages beyond those with the workers: more of them only grow cold in memory */
    PIPE_BYTES = 256 * 1024, /* of the input's pipe: a page in one or two reads, not in four */
};

struct stream {
    const struct extract_args *args;
    trommel *pipeline;
    struct stream_reader in;
    struct stream_out out;
    struct stream_page page;
    struct stream_frame frame; /* whole, waiting for room */
    struct stream_slot *slot;  /* its answer's place */
    size_t lent;               /* bytes of pages that the pipeline borrows */
    int full;                  /* the pipeline said so; until it was dispatched */
    int waiting;               /* told: answers wait for their reader */
    int ended;                 /* no more is read */
    int gone;                  /* nobody reads answers; what was taken still goes to the sink */
    int status;                /* 3: ended by an error */
    struct buf answer, shortened;
    uint64_t outcomes[TROMMEL_OUT_QUARANTINED + 1], bad_frames, answers, started_ms;
    struct err err;
};

/* ---- signals: the first lets what was taken finish, the second ends at once ---- */

static volatile sig_atomic_t signals;
static int signal_fd = -1;

static void on_signal(int signum)
{
    uint64_t one = 1;

    signals++;
    if (write(signal_fd, &one, sizeof one) < 0)
        return; /* it counts already more than can be */
}

static int signals_open(struct err *err)
{
    static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

    signal_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (signal_fd < 0)
        return err_set(err, ERR_IO, "no descriptor is free for signals: allow more open files (ulimit -n)");
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write */
    for (unsigned i = 0; i < sizeof stops / sizeof *stops; i++)
        sigaction(stops[i], &a, NULL);
    return 0;
}

static void signals_see(struct stream *s)
{
    uint64_t n;

    if (read(signal_fd, &n, sizeof n) < 0 || s->ended)
        return;
    s->ended = 1;
    log_info("stopping: %zu pages that were taken finish, no more are read; again to stop at once",
             trommel_pending(s->pipeline) + (s->frame.data != NULL));
}

/* ---- answers ---- */

static void answer_put(struct stream *s, struct stream_slot *slot, trommel_str record)
{
    s->answers++;
    if (s->args->out) { /* the sink has it */
        answer_short(&s->shortened, record);
        record = (trommel_str){ (const char *)s->shortened.data, s->shortened.len };
    }
    stream_out_fill(&s->out, slot, record.p, record.n);
}

static void bad_tell(struct stream *s, const char *message)
{
    if (++s->bad_frames <= LISTED_MOST)
        log_error("%s", message);
    else if (s->bad_frames == LISTED_MOST + 1)
        log_error("more bad frames: each has its answer, and is told here no more");
}

/* The frame at hand gives no record: its answer says why. */
static void frame_fail(struct stream *s, uint64_t number, const char *reason, const struct err *why)
{
    char message[1100];
    const char *text = why->text;

    if (strncmp(text, "frame ", 6) != 0) {
        snprintf(message, sizeof message, "frame %llu: %s", (unsigned long long)number, text);
        text = message;
    }
    bad_tell(s, text);
    answer_error(&s->answer, &s->page, number, reason, text);
    answer_put(s, s->slot, (trommel_str){ (const char *)s->answer.data, s->answer.len });
    s->slot = NULL;
    free(s->frame.data);
    s->frame = (struct stream_frame){ 0 };
}

static void quarantined_tell(const trommel_result *r)
{
    trommel_str stage = record_get_str(r->record.p, r->record.n, "error.stage");
    trommel_str reason = record_get_str(r->record.p, r->record.n, "error.reason");
    trommel_str url = record_get_str(r->record.p, r->record.n, "url");

    log_error("%.*s: quarantined: %.*s%s%.*s", (int)url.n, url.p ? url.p : "", (int)stage.n,
              stage.p ? stage.p : "", stage.n ? ": " : "", (int)reason.n, reason.p ? reason.p : "");
}

static void on_record(void *arg, void *user, const trommel_result *r)
{
    struct stream *s = arg;

    s->outcomes[r->outcome]++;
    if (r->outcome == TROMMEL_OUT_QUARANTINED)
        quarantined_tell(r);
    answer_put(s, user, r->record);
}

static void on_log(void *arg, int level, const char *line)
{
    log_line(level, "%s", line);
}

/* ---- pages ---- */

static void page_release(void *user)
{
    struct stream_slot *slot = user;

    *slot->lent -= slot->page_n;
    free(slot->page);
    slot->page = NULL;
}

/* Lends the frame at hand to the pipeline.  An error: it is still ours. */
static int page_lend(struct stream *s, trommel_error *te)
{
    struct stream_slot *slot = s->slot;

    slot->page = s->frame.data;
    slot->page_n = s->frame.n;
    slot->lent = &s->lent;
    s->lent += slot->page_n;
    int rc = trommel_submit_ref(s->pipeline, &s->page.input, slot, page_release, te);
    if (rc < 0) {
        s->lent -= slot->page_n;
        slot->page = NULL;
        return rc;
    }
    s->frame = (struct stream_frame){ 0 };
    s->slot = NULL;
    return 0;
}

/* Hands the frame at hand over.  0: it is off our hands; TROMMEL_FULL: not yet; else what ends the run. */
static int page_submit(struct stream *s)
{
    trommel_error te = { .struct_size = sizeof te };
    struct err why = { 0 };

    if (stream_page_read(&s->page, s->frame.data, s->frame.n, 1) < 0) {
        frame_fail(s, s->frame.number, s->page.reason, &s->page.why);
        return 0;
    }
    int rc = page_lend(s, &te);
    if (rc == 0 || rc == TROMMEL_FULL)
        return rc;
    if (rc != ERR_INVALID && rc != ERR_UNSUPPORTED && rc != ERR_LIMIT)
        return err_set(&s->err, rc, "%s", te.text);
    err_set(&why, rc, "%s", te.text);
    frame_fail(s, s->frame.number, rc == ERR_LIMIT ? "too_large" : "invalid_input", &why);
    return 0;
}

/* What is no whole frame: answered; where the next one begins is known only behind one that was skipped. */
static void frame_lost(struct stream *s, int rc, const struct err *why)
{
    static const struct {
        int rc;
        const char *reason;
    } reasons[] = { { ERR_LIMIT, "too_large" }, { ERR_CORRUPT, "cut_off" }, { ERR_INVALID, "framing_lost" } };
    const char *reason = "bad_frame";

    for (unsigned i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].rc == rc)
            reason = reasons[i].reason;
    stream_page_read(&s->page, s->frame.data, s->frame.n, 0);
    s->slot = stream_out_open(&s->out);
    frame_fail(s, s->frame.number, reason, why);
    if (rc != ERR_LIMIT) {
        s->ended = 1;
        s->status = 3;
    }
}

/* Reads a frame to s->frame.  0, or ERR_AGAIN: there is none to be had now. */
static int frame_take(struct stream *s)
{
    struct err why = { 0 };
    int rc = stream_reader_next(&s->in, &s->frame, &why);

    if (rc == 0)
        s->slot = stream_out_open(&s->out);
    else if (rc == ERR_CLOSED)
        s->ended = 1;
    else if (rc == ERR_IO || rc == ERR_NOMEM)
        return err_set(&s->err, rc, "%s", why.text);
    else if (rc != ERR_AGAIN)
        frame_lost(s, rc, &why);
    return rc == ERR_AGAIN || rc == ERR_CLOSED ? ERR_AGAIN : 0;
}

static int has_room(struct stream *s)
{
    int waiting = s->out.bytes >= WAITING_BYTES;

    if (waiting && !s->waiting)
        log_debug("%zu bytes of answers wait to be read: until then no more pages are taken", s->out.bytes);
    s->waiting = waiting;
    return !waiting && !s->full && s->lent < TAKEN_BYTES;
}

/* Takes what has come, while there is room.  0, or what ends the run. */
static int pages_take(struct stream *s)
{
    int rc = 0;

    while (rc == 0 && has_room(s)) {
        if (!s->frame.data && !s->ended)
            rc = frame_take(s);
        if (rc == 0 && !s->frame.data && s->ended)
            break;
        if (rc == 0 && s->frame.data)
            rc = page_submit(s);
        s->full = rc == TROMMEL_FULL;
    }
    return rc == ERR_AGAIN || rc == TROMMEL_FULL ? 0 : rc;
}

/* ---- the loop ---- */

static int is_done(const struct stream *s)
{
    return s->ended && !s->frame.data && !trommel_pending(s->pipeline) && !stream_out_ready(&s->out);
}

enum { AT_IN, AT_OUT, AT_PIPELINE, AT_SIGNALS, AT_END };

static void wait_for(struct stream *s, struct pollfd at[AT_END])
{
    int wants = !s->ended && !s->frame.data && has_room(s);

    at[AT_IN] = (struct pollfd){ .fd = wants ? s->in.fd : -1, .events = POLLIN };
    at[AT_OUT] =
        (struct pollfd){ .fd = s->gone ? -1 : s->out.fd, .events = stream_out_ready(&s->out) ? POLLOUT : 0 };
    at[AT_PIPELINE] = (struct pollfd){ .fd = trommel_fd(s->pipeline), .events = POLLIN };
    at[AT_SIGNALS] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
    if (poll(at, AT_END, -1) < 0)
        for (int i = 0; i < AT_END; i++)
            at[i].revents = 0;
}

static int dispatch(struct stream *s)
{
    trommel_error te = { .struct_size = sizeof te };
    int rc = trommel_dispatch(s->pipeline, 0, &te);

    s->full = 0;
    return rc < 0 && rc != TROMMEL_AGAIN ? err_set(&s->err, rc, "%s", te.text) : 0;
}

/* Where a sink has the records, those of the pages that were taken still go there. */
static int reader_gone(struct stream *s, const struct err *why)
{
    if (!s->args->out)
        return err_set(&s->err, why->code, "%s", why->text);
    log_error("%s; %zu pages that were taken still go to %s", why->text, trommel_pending(s->pipeline),
              s->args->out);
    s->ended = s->gone = 1;
    s->status = 3;
    return 0;
}

static int out_write(struct stream *s, int revents)
{
    struct err gone = { 0 };

    if (s->gone) {
        stream_out_give_up(&s->out);
        return 0;
    }
    if (stream_out_write(&s->out) < 0)
        return reader_gone(s, &s->out.failed);
    if (revents & (POLLERR | POLLHUP)) {
        err_set(&gone, ERR_CLOSED, "standard output: whoever read it has gone");
        return reader_gone(s, &gone);
    }
    return 0;
}

static int loop(struct stream *s)
{
    struct pollfd at[AT_END];
    int rc = 0;

    while (rc == 0 && !is_done(s)) {
        wait_for(s, at);
        if (at[AT_SIGNALS].revents)
            signals_see(s);
        if (signals > 1)
            return err_set(&s->err, ERR_CLOSED, "stopped at once: %zu pages that were taken have no answer",
                           trommel_pending(s->pipeline) + (s->frame.data != NULL));
        s->in.readable = at[AT_IN].revents != 0;
        if (at[AT_PIPELINE].revents)
            rc = dispatch(s);
        if (rc == 0)
            rc = out_write(s, at[AT_OUT].revents);
        if (rc == 0)
            rc = pages_take(s); /* last: it sees what room there is */
    }
    return rc;
}

/* ---- begin and end ---- */

/* Wakes us, and whoever writes, less often.  What is no pipe, or may not be larger, stays as it is. */
static void pipe_widen(int fd)
{
    int bytes = fcntl(fd, F_GETPIPE_SZ);

    if (bytes > 0 && bytes < PIPE_BYTES)
        fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
}

static int pipeline_open(struct stream *s)
{
    trommel_options opt = extract_options(s->args);
    trommel_error te = { .struct_size = sizeof te };

    opt.on_record = on_record;
    opt.on_log = on_log;
    opt.arg = s;
    opt.ordered = s->args->ordered != 0;
    opt.out = s->args->out;
    opt.queue = QUEUE;
    int rc = trommel_open(&opt, &s->pipeline, &te);
    return rc < 0 ? err_set(&s->err, rc, "%s", te.text) : 0;
}

static void summary(const struct stream *s)
{
    const uint64_t *n = s->outcomes;
    double secs = (double)(clock_mono_ms() - s->started_ms) / 1000.0;

    log_info(
        "%llu answers in %.1f s (%.1f/s): %llu ok, %llu without content, %llu dropped, %llu failed, %llu "
        "quarantined, %llu bad frames",
        (unsigned long long)s->answers, secs, secs > 0 ? (double)s->answers / secs : 0,
        (unsigned long long)n[TROMMEL_OUT_OK], (unsigned long long)n[TROMMEL_OUT_NO_CONTENT],
        (unsigned long long)n[TROMMEL_OUT_DROPPED], (unsigned long long)n[TROMMEL_OUT_FAILED],
        (unsigned long long)n[TROMMEL_OUT_QUARANTINED], (unsigned long long)s->bad_frames);
}

static int status_of(struct stream *s, int rc)
{
    if (rc < 0) {
        log_error("%s", s->err.text);
        return extract_is_usage(rc) && !s->started_ms ? 2 : 3;
    }
    summary(s);
    if (s->status)
        return s->status;
    return s->bad_frames || s->outcomes[TROMMEL_OUT_FAILED] || s->outcomes[TROMMEL_OUT_QUARANTINED] ? 1 : 0;
}

int stream_run(const struct extract_args *args)
{
    struct stream s = { .args = args, .out.fd = -1 };

    stream_reader_init(&s.in, STDIN_FILENO);
    pipe_widen(STDIN_FILENO);
    stream_page_init(&s.page);
    buf_init(&s.answer, 64 * KIB);
    buf_init(&s.shortened, LIMIT_RECORD_BYTES);
    int rc = extract_stdout_check(&s.err);
    if (rc == 0)
        rc = signals_open(&s.err);
    if (rc == 0)
        rc = pipeline_open(&s);
    if (rc == 0) {
        s.started_ms = clock_mono_ms();
        stream_out_init(&s.out, STDOUT_FILENO, args->ordered);
        rc = loop(&s);
    }
    int status = status_of(&s, rc);
    trommel_close(s.pipeline);
    stream_out_release(&s.out);
    stream_reader_release(&s.in);
    stream_page_release(&s.page);
    buf_release(&s.answer);
    buf_release(&s.shortened);
    free(s.frame.data);
    return status;
}
