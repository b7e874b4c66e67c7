/* extract: pages that are at hand (files, standard input, single URLs, a manifest of many) through the chain.
 *
 * Built on libtrommel.  Pages are read one at a time and handed to the workers as there is room; records
 * are written in the order in which the pages were named.  Every page named gives one record: one that
 * could not be read gives one with outcome `failed` and its reason.  Records go to standard output (or
 * --out) and nothing else does; messages go to standard error. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xxhash.h>

#include <trommel/trommel.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "command/command.h"
#include "command/extract_args.h"
#include "command/manifest.h"
#include "command/source.h"
#include "command/stream/stream.h"
#include "command/window.h"
#include "record/record.h"
#include "base/utf8.h"

/* ---- the run ---- */

enum { REDRAW_MS = 250, WAIT_MS = 250 };

struct extract {
    const struct extract_args *args;
    trommel *pipeline;
    struct manifest *manifest;
    struct web *web;
    struct source source;
    struct window window;
    FILE *out;
    uint64_t outcomes[TROMMEL_OUT_QUARANTINED + 1];
    uint64_t lost_lines; /* manifest lines without an id: no record can name them */
    int progress, drawn; /* shows it; it stands on the terminal */
    uint64_t started_ms, drawn_ms;
    struct err err;
};

/* A page as it was named. */
struct page {
    const char *name; /* for messages */
    const char *id, *path, *url, *content_type;
};

static trommel_str str_of(const char *s)
{
    return (trommel_str){ s, s ? strlen(s) : 0 };
}

static uint64_t pages_done(const struct extract *x)
{
    uint64_t n = 0;

    for (unsigned i = 0; i <= TROMMEL_OUT_QUARANTINED; i++)
        n += x->outcomes[i];
    return n;
}

static void line_clear(void *arg)
{
    struct extract *x = arg;

    if (x->drawn && write(STDERR_FILENO, "\r\033[K", 4) == 4)
        x->drawn = 0;
}

static void progress_beat(struct extract *x)
{
    uint64_t now = clock_mono_ms(), n = pages_done(x);
    char text[200], share[24] = "";
    struct winsize ws = { 0 };

    if (!x->progress || now - x->drawn_ms < REDRAW_MS)
        return;
    x->drawn_ms = now;
    double s = (double)(now - x->started_ms) / 1000.0;
    double part = x->manifest ? manifest_share(x->manifest) : -1;
    if (part >= 0)
        snprintf(share, sizeof share, "  %.0f %% read", part * 100);
    int cols = ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 20 ? ws.ws_col : 80;
    int len = snprintf(
        text, sizeof text, "%llu pages  %.1f pages/s%s  %llu failed", (unsigned long long)n,
        s > 0 ? (double)n / s : 0, share,
        (unsigned long long)(x->outcomes[TROMMEL_OUT_FAILED] + x->outcomes[TROMMEL_OUT_QUARANTINED]));
    x->drawn = dprintf(STDERR_FILENO, "\r%.*s\033[K", len < cols ? len : cols - 1, text) > 0;
}

/* Why the chain had no page, for people; the reasons are parse.h's. */
static const char *reason_words(trommel_str reason)
{
    static const struct {
        const char *reason, *words;
    } table[] = {
        { "bad_encoding", "its content encoding is damaged" },
        { "too_large", "is over the limit of bytes for one page once it is decoded" },
        { "decode_ratio", "decodes to far more than its own size, as a bomb does" },
        { "unknown_encoding", "its content encoding is not known here" },
        { "too_complex", "has more nodes or memory than one page may" },
        { "empty_body", "is empty" },
        { "unsupported_type", "is neither HTML nor plain text" },
        { "no_text", "has no text that is content" },
    };

    for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].reason) == reason.n && !memcmp(table[i].reason, reason.p, reason.n))
            return table[i].words;
    return "";
}

static void quarantined_tell(const char *name, const trommel_str record)
{
    trommel_str stage = record_get_str(record.p, record.n, "error.stage");
    trommel_str reason = record_get_str(record.p, record.n, "error.reason");
    trommel_str message = record_get_str(record.p, record.n, "error.message");

    log_error("%s: quarantined: %s%.*s%s%.*s%s%.*s", name, stage.n ? "stage " : "", (int)stage.n,
              stage.p ? stage.p : "", stage.n ? ": " : "", (int)reason.n, reason.p ? reason.p : "",
              message.n ? ": " : "", (int)message.n, message.p ? message.p : "");
}

static void outcome_tell(const struct extract *x, const char *name, const trommel_result *r)
{
    trommel_str reason = record_get_str(r->record.p, r->record.n, "outcome.reason");
    const char *words = reason_words(reason);
    int level = x->manifest ? LOG_DEBUG : LOG_INFO;

    if (r->outcome == TROMMEL_OUT_QUARANTINED)
        quarantined_tell(name, r->record);
    else if (r->outcome == TROMMEL_OUT_FAILED)
        log_error("%s: failed: %.*s%s%s", name, (int)reason.n, reason.p ? reason.p : "", *words ? ": " : "",
                  words);
    else if (r->outcome != TROMMEL_OUT_OK)
        log_line(level, "%s: %s: %.*s%s%s", name,
                 r->outcome == TROMMEL_OUT_DROPPED ? "dropped" : "no content", (int)reason.n,
                 reason.p ? reason.p : "", *words ? ": " : "", words);
}

static void on_record(void *arg, void *user, const trommel_result *r)
{
    struct extract *x = arg;
    struct window_slot *slot = user;

    x->outcomes[r->outcome]++;
    outcome_tell(x, window_name(slot), r);
    window_fill(&x->window, slot, r->record);
}

static void on_log(void *arg, int level, const char *line)
{
    log_line(level, "%s", line);
}

/* The record of a page that never reached the chain. */
static void page_failed(struct extract *x, const struct page *page, struct window_slot *slot,
                        const char *reason, const char *message)
{
    const struct source *s = &x->source;
    trommel_str of = page->id ? str_of(page->id) : s->url.n ? s->url : str_of(page->path);
    struct record_head h = { .fetched_ms = clock_wall_ms(),
                             .outcome = OUTCOME_FAILED,
                             .reason = str_of(reason),
                             .id_text = str_of(page->id),
                             .url = s->url,
                             .final_url = s->final_url,
                             .status = (uint16_t)s->status,
                             .fetch = s->fetch };
    struct buf record = BUF_INIT(LIMIT_RECORD_BYTES);
    XXH128_canonical_t id;
    uint32_t n;

    XXH128_canonicalFromHash(&id, XXH3_128bits(of.n ? of.p : "", of.n));
    memcpy(h.id, &id, sizeof h.id);
    record_begin(&record, &h, &n);
    record_end(&record, n);
    log_error("%s: %s", page->name, message);
    x->outcomes[TROMMEL_OUT_FAILED]++;
    window_fill(&x->window, slot, (trommel_str){ (const char *)record.data, record.len });
    buf_release(&record);
}

static int fatal(struct extract *x, int code, const char *text)
{
    return x->err.code ? x->err.code : err_set(&x->err, code, "%s", text);
}

/* Lets records come for up to timeout_ms and writes those whose turn it is. */
static int pump(struct extract *x, int timeout_ms)
{
    trommel_error te = { .struct_size = sizeof te };
    int rc = trommel_dispatch(x->pipeline, timeout_ms, &te);

    if (rc < 0 && rc != TROMMEL_AGAIN)
        return fatal(x, rc, te.text);
    if (window_drain(&x->window) < 0)
        return fatal(x, ERR_IO, x->window.failed.text);
    progress_beat(x);
    return 0;
}

static trommel_input input_of(struct extract *x, const struct page *page)
{
    const struct source *s = &x->source;
    const char *type = page->content_type ? page->content_type : x->args->type;

    return (trommel_input){
        .struct_size = sizeof(trommel_input),
        .status = (uint16_t)s->status,
        .id = str_of(page->id),
        .url = s->url.n ? s->url : str_of(page->url),
        .final_url = s->final_url,
        .content_type = type ? str_of(type) : s->content_type,
        .content_encoding = s->content_encoding,
        .headers = s->headers,
        .body = { (const char *)s->body.data, s->body.len },
        .fetch = s->fetch,
    };
}

/* Hands the source's bytes over, waiting for room.  A page that is refused fails; other errors end the run.
 */
static int page_submit(struct extract *x, const struct page *page, struct window_slot *slot)
{
    trommel_input in = input_of(x, page);
    trommel_error te = { .struct_size = sizeof te };
    int rc;

    while ((rc = trommel_submit(x->pipeline, &in, slot, &te)) == TROMMEL_FULL)
        if (pump(x, WAIT_MS) < 0)
            return x->err.code;
    if (rc == ERR_INVALID || rc == ERR_UNSUPPORTED || rc == ERR_LIMIT) {
        page_failed(x, page, slot, rc == ERR_LIMIT ? "too_large" : "invalid_input", te.text);
        rc = 0;
    }
    return rc < 0 ? fatal(x, rc, te.text) : 0;
}

static int page_run(struct extract *x, const struct page *page)
{
    while (window_full(&x->window))
        if (pump(x, WAIT_MS) < 0)
            return x->err.code;
    struct window_slot *slot = window_open(&x->window, page->name);
    source_clear(&x->source);
    if (!x->manifest && is_web_url(page->path))
        source_web(&x->source, x->web, page->path);
    else
        source_file(&x->source, page->path);
    if (x->source.reason) {
        page_failed(x, page, slot, x->source.reason, x->source.message);
        return pump(x, 0);
    }
    int rc = page_submit(x, page, slot);
    return rc < 0 ? rc : pump(x, 0);
}

/* ---- where pages are named ---- */

static int pages_run(struct extract *x)
{
    const struct extract_args *a = x->args;
    int rc = 0;

    for (size_t i = 0; i < a->n_pages && rc == 0; i++) {
        const char *path = a->pages[i];
        struct page page = { .name = strcmp(path, "-") ? path : "standard input",
                             .path = path,
                             .url = a->url };
        /* Many files: each is told apart by its name, even if two hold the same bytes. */
        if (a->n_pages > 1 && !is_web_url(path) &&
            utf8_valid((const unsigned char *)path, strlen(path)) == strlen(path))
            page.id = path;
        rc = page_run(x, &page);
    }
    return rc;
}

/* A line that is no page: with an id it still has a record, without it is only told. */
static int line_lost(struct extract *x, const struct manifest_line *line, const struct err *why)
{
    struct page page = { .id = line->id, .path = "" };
    char name[300];

    if (!line->id) {
        log_error("%s", why->text);
        x->lost_lines++;
        return 0;
    }
    while (window_full(&x->window))
        if (pump(x, WAIT_MS) < 0)
            return x->err.code;
    snprintf(name, sizeof name, "%.200s", line->id);
    page.name = name;
    source_clear(&x->source);
    page_failed(x, &page, window_open(&x->window, name), "bad_line", why->text);
    return pump(x, 0);
}

static int line_run(struct extract *x, const struct manifest_line *line)
{
    char name[600];
    struct page page = {
        .id = line->id, .path = line->path, .url = line->url, .content_type = line->content_type
    };

    snprintf(name, sizeof name, "%.200s (%.380s)", line->id, line->path);
    page.name = name;
    if (line->again)
        log_warn("%s:%llu: the id \"%.200s\" was there before; both have a record", x->args->manifest,
                 (unsigned long long)line->number, line->id);
    return page_run(x, &page);
}

static int manifest_run(struct extract *x)
{
    struct manifest_line line = { 0 };
    int rc;

    for (;;) {
        struct err why = { 0 };
        rc = manifest_next(x->manifest, &line, &why);
        if (rc == ERR_INVALID)
            rc = line_lost(x, &line, &why);
        else if (rc == 1)
            rc = line_run(x, &line);
        else
            return rc < 0 ? fatal(x, rc, why.text) : 0;
        if (rc < 0)
            return rc;
    }
}

/* ---- begin and end ---- */

static int pipeline_open(struct extract *x)
{
    const struct extract_args *a = x->args;
    trommel_options opt = extract_options(a);
    trommel_error te = { .struct_size = sizeof te };

    opt.on_record = on_record;
    opt.on_log = on_log;
    opt.arg = x;
    opt.ordered = 1;
    if (!opt.workers && !a->manifest && a->n_pages == 1) /* one page needs no more */
        opt.workers = 1;
    int rc = trommel_open(&opt, &x->pipeline, &te);
    return rc < 0 ? fatal(x, rc, te.text) : 0;
}

static int out_open(struct extract *x)
{
    const struct extract_args *a = x->args;

    x->out = a->out ? fopen(a->out, "wbe") : stdout;
    if (!x->out)
        return err_set(&x->err, ERR_IO, "%s: cannot be opened for writing: %s", a->out, strerror(errno));
    window_init(&x->window, x->out, a->out ? a->out : "standard output", a->format);
    return 0;
}

static int web_open(struct extract *x)
{
    const struct extract_args *a = x->args;
    struct web_options opt = { .user_agent = a->user_agent ? a->user_agent : "Trommel/" TROMMEL_VERSION,
                               .allow_private = a->allow_private,
                               .insecure = a->insecure };

    for (size_t i = 0; i < a->n_pages && !x->web; i++)
        if (is_web_url(a->pages[i])) {
            int rc = web_new(&opt, &x->web, &x->err);
            if (rc < 0)
                return rc;
        }
    return 0;
}

static void progress_start(struct extract *x)
{
    const struct extract_args *a = x->args;
    int many = a->manifest || a->n_pages > 1, beside = !a->out && isatty(STDOUT_FILENO);

    x->started_ms = x->drawn_ms = clock_mono_ms();
    x->progress = many && !beside && !a->no_progress && isatty(STDERR_FILENO);
    if (x->progress)
        log_above(line_clear, x);
}

static void summary_print(const struct extract *x)
{
    const uint64_t *n = x->outcomes;
    double s = (double)(clock_mono_ms() - x->started_ms) / 1000.0;

    if (!x->manifest)
        return;
    log_info("%llu pages in %.1f s (%.1f pages/s): %llu ok, %llu without content, %llu dropped, %llu failed, "
             "%llu quarantined",
             (unsigned long long)pages_done(x), s, s > 0 ? (double)pages_done(x) / s : 0,
             (unsigned long long)n[TROMMEL_OUT_OK], (unsigned long long)n[TROMMEL_OUT_NO_CONTENT],
             (unsigned long long)n[TROMMEL_OUT_DROPPED], (unsigned long long)n[TROMMEL_OUT_FAILED],
             (unsigned long long)n[TROMMEL_OUT_QUARANTINED]);
    if (x->lost_lines)
        log_info("%llu lines of %s name no page and have no record", (unsigned long long)x->lost_lines,
                 x->args->manifest);
}

static int run(struct extract *x)
{
    progress_start(x);
    int rc = x->manifest ? manifest_run(x) : pages_run(x);

    while (rc == 0 && trommel_pending(x->pipeline))
        rc = pump(x, WAIT_MS);
    if (rc == 0)
        rc = pump(x, 0);
    line_clear(x);
    log_above(NULL, NULL);
    if (rc == 0 && x->args->out && fclose(x->out) != 0) /* a full disk may be told only here */
        rc = err_set(&x->err, ERR_IO, "%s: cannot be written: %s", x->args->out, strerror(errno));
    if (x->args->out && rc == 0)
        x->out = NULL;
    if (rc < 0)
        return 3;
    summary_print(x);
    return x->lost_lines || x->outcomes[TROMMEL_OUT_FAILED] || x->outcomes[TROMMEL_OUT_QUARANTINED] ? 1 : 0;
}

static int extract_all(const struct extract_args *a)
{
    struct extract x = { .args = a };
    int status = 3;

    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write, told with its name */
    source_init(&x.source);
    int rc = a->out ? 0 : extract_stdout_check(&x.err);
    if (rc == 0 && a->manifest)
        rc = manifest_open(a->manifest, &x.manifest, &x.err);
    if (rc == 0)
        rc = web_open(&x);
    if (rc == 0)
        rc = pipeline_open(&x);
    if (rc == 0) /* last: a wrong option must not empty a file */
        rc = out_open(&x);
    if (rc == 0)
        status = run(&x);
    else if (extract_is_usage(rc))
        status = 2;
    if (x.err.code)
        log_error("%s", x.err.text);
    trommel_close(x.pipeline);
    window_release(&x.window);
    if (a->out && x.out)
        fclose(x.out);
    manifest_close(x.manifest);
    web_free(x.web);
    source_release(&x.source);
    return status;
}

static int extract(int argc, char **argv)
{
    struct extract_args a = { .format = FORMAT_JSON };
    struct err err = { 0 };
    int status = 2;

    a.sets = calloc((size_t)argc, sizeof *a.sets);
    a.pages = calloc((size_t)argc, sizeof *a.pages);
    if (!a.sets || !a.pages)
        abort();
    if (extract_arguments(&a, argc, argv, &err) < 0) {
        log_error("%s", err.text);
    } else {
        if (a.verbose)
            log_init("trommel", a.verbose > 1 ? LOG_TRACE : LOG_DEBUG);
        status = a.stream ? stream_run(&a) : extract_all(&a);
    }
    free(a.sets);
    free(a.pages);
    return status;
}

const struct command command_extract = {
    .name = "extract",
    .summary = "files, single URLs or a manifest of pages; records as JSON lines",
    .usage = extract_usage,
    .run = extract,
};
