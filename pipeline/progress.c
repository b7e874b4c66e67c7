/* progress: what a running crawl shows, and its summary.
 *
 * On a terminal one line that is redrawn four times a second; else a plain line every ten seconds.  All
 * of it goes to stderr.  summary.json in the job's folder holds every counter; they add up:
 * started = delivered + dropped + quarantined + redirected + retried + unfinished. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "job.h"
#include "job_archive.h"

#define SMOOTH_S 3.0
enum { REDRAW_MS = 250, PLAIN_MS = 10000, SAMPLE_MS = 250 };

struct progress {
    struct job *job;
    int terminal, drawn;
    uint64_t shown_ms;
    uint64_t last_ms, last_pages, last_bytes; /* when the rates were looked at */
    double pages_s, mb_s;                     /* smoothed */
};

uint64_t job_pages(const struct job *j)
{
    const struct job_counts *c = &j->counts;

    return c->ends[END_DELIVERED] + c->ends[END_DROPPED] + c->ends[END_QUARANTINED];
}

static void line_clear(void *arg)
{
    struct progress *p = arg;

    if (p->drawn && write(STDERR_FILENO, "\r\033[K", 4) == 4)
        p->drawn = 0;
}

struct progress *progress_new(struct job *j)
{
    struct progress *p = calloc(1, sizeof *p);

    if (!p)
        abort();
    p->job = j;
    p->terminal = isatty(STDERR_FILENO) && !j->opt.no_progress;
    p->last_ms = p->shown_ms = clock_mono_ms();
    if (p->terminal)
        log_above(line_clear, p);
    return p;
}

/* "dns 3, http_404 12": the most frequent first, as far as room goes. */
static void reasons_text(const struct job_counts *c, char *out, size_t cap)
{
    int used[JOB_REASONS] = { 0 };
    size_t len = 0;

    *out = 0;
    for (int shown = 0; shown < 4; shown++) {
        int best = -1;
        for (unsigned i = 0; i < c->n_reasons; i++)
            if (!used[i] && (best < 0 || c->reasons[i].n > c->reasons[best].n))
                best = (int)i;
        if (best < 0)
            return;
        used[best] = 1;
        int n = snprintf(out + len, cap - len, "%s%s %llu", len ? ", " : "", c->reasons[best].text,
                         (unsigned long long)c->reasons[best].n);
        if (n < 0 || (size_t)n >= cap - len) {
            out[len] = 0;
            return;
        }
        len += (size_t)n;
    }
}

static void rates(struct progress *p, uint64_t now)
{
    const struct job_counts *c = &p->job->counts;
    double s = (double)(now - p->last_ms) / 1000.0;
    uint64_t pages = job_pages(p->job);

    if (now - p->last_ms < SAMPLE_MS)
        return;
    double weight = p->last_pages ? 1 - exp(-s / SMOOTH_S) : 1.0;
    p->pages_s += weight * ((double)(pages - p->last_pages) / s - p->pages_s);
    p->mb_s += weight * ((double)(c->body_bytes - p->last_bytes) / 1e6 / s - p->mb_s);
    p->last_pages = pages;
    p->last_bytes = c->body_bytes;
    p->last_ms = now;
}

void progress_rates(const struct progress *p, double *ret_pages_s, double *ret_mb_s)
{
    *ret_pages_s = p->pages_s;
    *ret_mb_s = p->mb_s;
}

static int line_text(struct progress *p, char *out, size_t cap)
{
    struct job *j = p->job;
    struct frontier_counts f = frontier_counts(j->frontier);
    struct fetch_state t = fetch_state(j->fetch);
    const char *trouble = deliver_trouble(j->deliver);
    char why[160], chain[80] = "";

    reasons_text(&j->counts, why, sizeof why);
    if (j->changes)
        snprintf(chain, sizeof chain, "  generation %u after %llu changes", j->generation,
                 (unsigned long long)j->changes);
    return snprintf(out, cap, "%s%llu pages  %.1f pages/s  %.2f MB/s  queue %llu  fetching %u  in chain %zu  to sink %zu%s%s%s%s%s",
                    j->paused ? "PAUSED  " : "", (unsigned long long)job_pages(j), p->pages_s, p->mb_s,
                    (unsigned long long)f.queued, t.running, pool_pending(j->pool), deliver_pending(j->deliver), chain,
                    *why ? "  errors: " : "", why, trouble ? "  SINK: " : "", trouble ? trouble : "");
}

static void draw(struct progress *p)
{
    char text[600], line[700];
    struct winsize ws = { 0 };
    int n = line_text(p, text, sizeof text);
    int cols = ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 20 ? ws.ws_col : 80;

    if (n > cols - 1)
        n = cols - 1;
    if (n >= (int)sizeof text)
        n = sizeof text - 1;
    int len = snprintf(line, sizeof line, "\r%.*s\033[K", n, text);
    p->drawn = write(STDERR_FILENO, line, (size_t)len) > 0;
}

void progress_beat(struct progress *p)
{
    uint64_t now = clock_mono_ms();
    char text[600];

    rates(p, now);
    if (p->job->opt.no_progress || now - p->shown_ms < (p->terminal ? REDRAW_MS : PLAIN_MS))
        return;
    p->shown_ms = now;
    if (p->terminal) {
        draw(p);
        return;
    }
    line_text(p, text, sizeof text);
    log_info("%s", text);
}

void progress_end(struct progress *p)
{
    if (!p)
        return;
    line_clear(p);
    log_above(NULL, NULL);
    free(p);
}

static void failures_print(const struct job *j)
{
    uint64_t shown = j->n_failures < JOB_FAILURES ? j->n_failures : JOB_FAILURES;

    for (uint64_t i = 0; i < shown; i++)
        log_warn("%s: %s", j->failures[i].url, j->failures[i].reason);
    if (j->n_failures > shown)
        log_warn("and %llu more; `trommel cat %s` has a record of each", (unsigned long long)(j->n_failures - shown),
                 j->dir);
}

static void archive_print(const struct job *j)
{
    struct warc_counts w;

    if (job_archive_counts(j, &w))
        log_info("archive: %s: %llu captures, %llu of them revisits, %.1f MB in %llu files", j->warc_dir,
                 (unsigned long long)w.captures, (unsigned long long)w.revisits, (double)w.bytes / 1e6,
                 (unsigned long long)w.files);
}

void summary_print(struct job *j)
{
    const struct job_counts *c = &j->counts;
    struct frontier_counts f = frontier_counts(j->frontier);
    double s = (double)(clock_mono_ms() - j->started_ms) / 1000.0;
    char why[400];

    failures_print(j);
    log_info("%llu pages in %.1f s (%.1f pages/s, %.1f MB): %llu ok, %llu without content, %llu failed, %llu dropped, "
             "%llu quarantined",
             (unsigned long long)job_pages(j), s, s > 0 ? (double)job_pages(j) / s : 0, (double)c->body_bytes / 1e6,
             (unsigned long long)c->outcomes[OUTCOME_OK], (unsigned long long)c->outcomes[OUTCOME_NO_CONTENT],
             (unsigned long long)c->outcomes[OUTCOME_FAILED], (unsigned long long)c->outcomes[OUTCOME_DROPPED],
             (unsigned long long)c->outcomes[OUTCOME_QUARANTINED]);
    log_info("%llu redirects, %llu retries, %llu robots.txt read, %llu URLs it forbids; %llu URLs known, %llu still queued",
             (unsigned long long)c->ends[END_REDIRECTED], (unsigned long long)c->ends[END_RETRIED],
             (unsigned long long)c->robots_fetched, (unsigned long long)c->robots_refused, (unsigned long long)f.known,
             (unsigned long long)(f.queued + f.in_flight));
    reasons_text(c, why, sizeof why);
    if (*why)
        log_info("reasons: %s", why);
    log_info("records: %s", j->out);
    archive_print(j);
    if (c->ends[END_QUARANTINED])
        log_info("dead letters: %s/dead-letters (trommel cat --dead %s; after a fix: trommel replay --dead --job %s)",
                 j->dir, j->dir, j->dir);
    if (j->stopping && !j->failed)
        log_info("%s; the same command goes on where it was", j->stop_reason);
}

static void archive_json(const struct job *j, json_t *o)
{
    struct warc_counts w;

    if (job_archive_counts(j, &w))
        json_object_set_new(o, "warc", json_pack("{sssIsIsIsI}", "folder", j->warc_dir, "captures", (json_int_t)w.captures,
                                                 "revisits", (json_int_t)w.revisits, "files", (json_int_t)w.files,
                                                 "bytes", (json_int_t)w.bytes));
}

json_t *summary_json(struct job *j)
{
    const struct job_counts *c = &j->counts;
    struct frontier_counts f = frontier_counts(j->frontier);
    json_t *o = json_object(), *ends = json_object(), *outcomes = json_object(), *reasons = json_object();

    json_object_set_new(o, "started", json_integer((json_int_t)c->started));
    for (int i = 0; i < END_COUNT; i++)
        json_object_set_new(ends, visit_end_names[i], json_integer((json_int_t)c->ends[i]));
    json_object_set_new(o, "ends", ends);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        json_object_set_new(outcomes, outcome_name((enum outcome)i), json_integer((json_int_t)c->outcomes[i]));
    json_object_set_new(o, "outcomes", outcomes);
    for (unsigned i = 0; i < c->n_reasons; i++)
        json_object_set_new(reasons, c->reasons[i].text, json_integer((json_int_t)c->reasons[i].n));
    json_object_set_new(o, "reasons", reasons);
    json_object_set_new(o, "robots_fetched", json_integer((json_int_t)c->robots_fetched));
    json_object_set_new(o, "robots_unreachable", json_integer((json_int_t)c->robots_unreachable));
    json_object_set_new(o, "robots_refused", json_integer((json_int_t)c->robots_refused));
    json_object_set_new(o, "sink_refused", json_integer((json_int_t)c->sink_refused));
    json_object_set_new(o, "body_bytes", json_integer((json_int_t)c->body_bytes));
    json_object_set_new(o, "urls_known", json_integer((json_int_t)f.known));
    json_object_set_new(o, "urls_queued", json_integer((json_int_t)(f.queued + f.in_flight)));
    json_object_set_new(o, "urls_done", json_integer((json_int_t)f.done));
    json_object_set_new(o, "worker_cpu_us", json_integer((json_int_t)pool_cpu_us(j->pool)));
    struct budget_state b = budget_state(j->budget);
    json_object_set_new(o, "budget_total", json_integer((json_int_t)b.total));
    json_object_set_new(o, "budget_used", json_integer((json_int_t)b.used));
    json_object_set_new(o, "budget_refused", json_integer((json_int_t)b.refused));
    json_object_set_new(o, "budget_peak", json_integer((json_int_t)b.peak));
    archive_json(j, o);
    json_object_set_new(o, "generation", json_integer(j->generation));
    json_object_set_new(o, "changes", json_integer((json_int_t)j->changes));
    json_object_set_new(o, "seconds", json_real((double)(clock_mono_ms() - j->started_ms) / 1000.0));
    json_object_set_new(o, "finished", json_boolean(j->finished));
    if (j->stopping)
        json_object_set_new(o, "stopped", json_string(j->stop_reason));
    return o;
}

/* Whole or not at all: the one of the last run stays if there is no room for a new one. */
int summary_write(struct job *j, const char *path)
{
    json_t *o = summary_json(j);
    char *text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    char part[4200];
    int rc = ERR_IO;

    snprintf(part, sizeof part, "%s.part", path);
    FILE *f = text ? fopen(part, "w") : NULL;
    if (f) {
        int bad = fputs(text, f) < 0 || fputc('\n', f) < 0;
        bad |= fclose(f) != 0;
        rc = bad || rename(part, path) < 0 ? ERR_IO : 0;
    }
    if (rc < 0) {
        unlink(part);
        log_warn("%s: cannot write the summary; the crawl's records are not affected", path);
    }
    free(text);
    json_decref(o);
    return rc;
}
