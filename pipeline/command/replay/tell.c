/* tell: see tell.h. */
#include "command/replay/tell.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "record/record.h"

enum { REDRAW_MS = 250, LISTED_MOST = 50, LINE_BYTES = 240 };

static void line_clear(void *arg)
{
    struct replay_tell *t = arg;

    if (t->is_drawn && write(STDERR_FILENO, "\r\033[K", 4) == 4)
        t->is_drawn = 0;
}

void replay_tell_begin(struct replay_tell *t, int shows_progress)
{
    t->shows_progress = shows_progress;
    t->started_ms = t->drawn_ms = clock_mono_ms();
    if (shows_progress)
        log_above(line_clear, t);
}

void replay_tell_end(struct replay_tell *t)
{
    line_clear(t);
    log_above(NULL, NULL);
}

static uint64_t done_count(const struct replay_tell *t)
{
    uint64_t n = 0;

    for (unsigned i = 0; i <= TROMMEL_OUT_QUARANTINED; i++)
        n += t->outcomes[i];
    return n;
}

/* "1.4 GiB" */
static const char *bytes_text(uint64_t n, char text[24])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double v = (double)n;
    unsigned u = 0;

    while (v >= 1024 && u < 4) {
        v /= 1024;
        u++;
    }
    snprintf(text, 24, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return text;
}

/* How far it is, and how long it will take: by bytes. */
static void share_text(const struct replay_tell *t, uint64_t bytes, double s, char *text, size_t n)
{
    char total[24];

    if (t->bytes_total == UINT64_MAX || !t->bytes_total || bytes > t->bytes_total) {
        *text = 0;
        return;
    }
    double left = bytes ? (double)(t->bytes_total - bytes) * s / (double)bytes : 0;
    snprintf(text, n, " of %s (%.0f %%)  ETA %llu:%02u:%02u", bytes_text(t->bytes_total, total),
             (double)bytes * 100 / (double)t->bytes_total, (unsigned long long)left / 3600,
             (unsigned)left / 60 % 60, (unsigned)left % 60);
}

void replay_tell_progress(struct replay_tell *t, struct replay_feed *feed)
{
    uint64_t now = clock_mono_ms(), bytes = replay_feed_bytes(feed), counts[FEED_COUNTS],
             done = done_count(t);
    char line[LINE_BYTES], share[80], read[24];
    struct winsize ws = { 0 };

    if (!t->shows_progress || now - t->drawn_ms < REDRAW_MS)
        return;
    t->drawn_ms = now;
    replay_feed_counts(feed, counts);
    double s = (double)(now - t->started_ms) / 1000;
    share_text(t, bytes, s, share, sizeof share);
    int cols = ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 20 ? ws.ws_col : 80;
    int n =
        snprintf(line, sizeof line, "%llu pages  %.1f/s  %s%s  %llu failed  %llu damaged",
                 (unsigned long long)done, s > 0 ? (double)done / s : 0, bytes_text(bytes, read), share,
                 (unsigned long long)(t->outcomes[TROMMEL_OUT_FAILED] + t->outcomes[TROMMEL_OUT_QUARANTINED]),
                 (unsigned long long)counts[FEED_DAMAGES]);
    t->is_drawn = dprintf(STDERR_FILENO, "\r%.*s\033[K", n < cols ? n : cols - 1, line) > 0;
}

void replay_tell_page(struct replay_tell *t, const char *file, uint64_t offset, const trommel_result *r)
{
    const char *const fields[] = { "error.stage", "error.reason", "error.message" };
    char text[600];
    size_t n = 0;

    if (r->outcome != TROMMEL_OUT_FAILED && r->outcome != TROMMEL_OUT_QUARANTINED)
        return;
    if (t->n_listed++ >= LISTED_MOST)
        return;
    text[0] = 0;
    for (int i = 0; i < 3 && r->outcome == TROMMEL_OUT_QUARANTINED; i++) {
        trommel_str s = record_get_str(r->record.p, r->record.n, fields[i]);
        n += (size_t)snprintf(text + n, sizeof text - n, ": %.*s", (int)(s.n < 180 ? s.n : 180),
                              s.n ? s.p : "");
    }
    trommel_str reason = record_get_str(r->record.p, r->record.n, "outcome.reason");
    if (r->outcome == TROMMEL_OUT_FAILED)
        snprintf(text, sizeof text, ": %.*s", (int)reason.n, reason.n ? reason.p : "");
    log_warn("%.*s (%s, offset %llu): %s%s", (int)r->url.n, r->url.n ? r->url.p : "", file,
             (unsigned long long)offset, r->outcome == TROMMEL_OUT_FAILED ? "failed" : "quarantined", text);
}

/* What gave no page, by kinds. */
static void others_tell(const uint64_t counts[FEED_COUNTS])
{
    static const char *const names[FEED_COUNTS] = {
#define X(name, text) [FEED_##name] = text,
        FEED_COUNT_MAP(X)
#undef X
    };
    char line[600];
    size_t n = 0;

    for (int i = FEED_REDIRECTS; i < FEED_DAMAGES; i++)
        if (counts[i])
            n += (size_t)snprintf(line + n, sizeof line - n, "%s%llu %s", n ? ", " : "",
                                  (unsigned long long)counts[i], names[i]);
    if (n)
        log_info("other records: %s", line);
    if (counts[FEED_AGAIN])
        log_info("%llu pages were done before", (unsigned long long)counts[FEED_AGAIN]);
}

void replay_tell_summary(const struct replay_tell *t, struct replay_feed *feed, const char *where)
{
    const uint64_t *n = t->outcomes;
    uint64_t counts[FEED_COUNTS], done = done_count(t);
    double s = (double)(clock_mono_ms() - t->started_ms) / 1000;
    char read[24];

    replay_feed_counts(feed, counts);
    if (t->n_listed > LISTED_MOST)
        log_warn("and %llu more; their records say why", (unsigned long long)(t->n_listed - LISTED_MOST));
    log_info("%llu pages of %llu records in %llu files (%s) in %.1f s (%.1f pages/s): %llu ok, %llu without "
             "content, "
             "%llu dropped, %llu failed, %llu quarantined",
             (unsigned long long)done, (unsigned long long)counts[FEED_RECORDS],
             (unsigned long long)t->n_files, bytes_text(replay_feed_bytes(feed), read), s,
             s > 0 ? (double)done / s : 0, (unsigned long long)n[TROMMEL_OUT_OK],
             (unsigned long long)n[TROMMEL_OUT_NO_CONTENT], (unsigned long long)n[TROMMEL_OUT_DROPPED],
             (unsigned long long)n[TROMMEL_OUT_FAILED], (unsigned long long)n[TROMMEL_OUT_QUARANTINED]);
    others_tell(counts);
    if (t->n_refused)
        log_warn("%llu records could not be made pages of; they were named",
                 (unsigned long long)t->n_refused);
    if (counts[FEED_DAMAGES])
        log_warn("%llu damaged places; what is intact was read", (unsigned long long)counts[FEED_DAMAGES]);
    if (counts[FEED_BAD_FILES])
        log_warn("%llu files could not be read", (unsigned long long)counts[FEED_BAD_FILES]);
    if (where && done)
        log_info("records: %s", where);
}
