/* job: a whole crawl: its options, its folder, the parts it drives, and its counters.
 *
 * The folder holds everything that must survive: frontier/, records/ (unless another sink is named),
 * dead-letters/, dedupe.log, summary.json.  The same folder again resumes. */
#ifndef TROMMEL_JOB_H
#define TROMMEL_JOB_H
#include <uv.h>

#include "base/err.h"
#include "chain/chain.h"
#include "deliver/deliver.h"
#include "fetch/fetch.h"
#include "frontier/frontier.h"
#include "index/dedupe.h"
#include "page/budget.h"
#include "chain/pool.h"
#include "record/record.h"

struct archive;
struct control_call;
struct job_change;
struct job_control;
struct shadow;
struct swap;
struct visit;

struct job_options {
    const char *dir;  /* the job's folder */
    const char *config_path; /* the file that the chain was read from; NULL: none */
    const char *name; /* part of every record id; NULL: the folder's own name */
    const char *out;  /* SINK; NULL: dir/records */
    enum frontier_scope scope;
    unsigned depth, per_host, workers, connections;
    uint64_t max_pages, budget_bytes;
    double delay_s, grace_s, sink_patience_s;
    const char *user_agent;
    int allow_private, insecure, ignore_robots, follow_nofollow, no_progress, no_control;
    int network_stages; /* those that need network or files may run, outside the sandbox */
    uint32_t timeout_ms, connect_ms, body_bytes, page_ms, stage_ms;
    uint64_t worker_bytes;
    const char *const *seeds;
    size_t n_seeds;
    const char *warc; /* folder of the archive; "": dir/warc; NULL: none is kept */
    const char *warc_prefix, *warc_operator;
    int warc_coding; /* enum warc_coding */
    uint64_t warc_bytes;
    const char *seed_file; /* one URL a line; "-": standard input; NULL: none */
};

/* Every visit that begins ends in exactly one of these; they add up to `started`. */
#define VISIT_END_MAP(X)                                                              \
    X(DELIVERED, delivered) /* its record was acknowledged (ok, no_content, failed, …) */ \
    X(DROPPED, dropped)         /* a stage filtered it; counted by reason */          \
    X(QUARANTINED, quarantined) /* its record lies in the dead letters */             \
    X(REDIRECTED, redirected)   /* its target is a visit of its own */                \
    X(RETRIED, retried)         /* queued again, to be tried later */                 \
    X(UNFINISHED, unfinished)   /* the job stopped first; still queued */
enum visit_end {
#define X(up, low) END_##up,
    VISIT_END_MAP(X)
#undef X
    END_COUNT
};
extern const char *const visit_end_names[END_COUNT];

enum { JOB_REASONS = 48, JOB_REASON_BYTES = 40, JOB_FAILURES = 50 };
struct job_reason {
    char text[JOB_REASON_BYTES];
    uint64_t n;
};
struct job_counts {
    uint64_t started, ends[END_COUNT];
    uint64_t outcomes[OUTCOME_COUNT]; /* of records acknowledged or quarantined, and of drops */
    uint64_t robots_fetched, robots_unreachable, robots_refused, sink_refused;
    uint64_t body_bytes;              /* received */
    struct job_reason reasons[JOB_REASONS]; /* why not ok; the last row takes what has no row */
    unsigned n_reasons;
};

struct job {
    struct job_options opt;
    char *dir, *out, *warc_dir;
    struct archive *archive; /* NULL: none is kept (job_archive.c) */
    uv_loop_t loop;
    uv_poll_t pool_poll;
    uv_timer_t wake, beat;
    uv_prepare_t prepare;
    uv_signal_t sig_int, sig_term, sig_hup;
    struct frontier *frontier;
    struct budget *budget;
    struct fetch *fetch;
    struct pool *pool;
    struct deliver *deliver, *dead;
    struct dedupe *dedupe;
    struct url_parser *urls;
    struct job_counts counts;
    /* visits */
    struct visit *all;                     /* doubly linked: whatever is under way */
    struct visit *wait_first, *wait_last;  /* fetched, no room in the pool */
    struct visit *held;                    /* to be fetched, no room yet; linked like those that wait */
    size_t n_visits, n_waiting;
    /* acknowledged and written down; told to the sink in batches */
    uint8_t committed[256][RECORD_ID_BYTES], dead_committed[64][RECORD_ID_BYTES];
    uint32_t n_committed, n_dead_committed;
    uint64_t dedupe_dirty, started_ms, stop_ms, last_ack_ms, sink_warned_ms;
    int stopping, failed, finished, signal, exhausted;
    char stop_reason[1200];
    struct {
        char *url;
        char reason[JOB_REASON_BYTES];
    } failures[JOB_FAILURES];
    uint64_t n_failures;
    void *progress;
    /* the control socket (job_control.c) */
    struct job_control *control;
    struct job_change *change;
    struct swap *swap;
    struct shadow *shadow;             /* the run that is, or was last; or NULL */
    struct control_call *shadow_call;  /* began it at shadow_ms, and waits till it runs */
    uint64_t shadow_ms;
    uv_timer_t turn;
    int paused;            /* no URL is taken */
    uint32_t generation;   /* the live one … */
    int64_t generation_ms; /* … since when, by the wall clock */
    uint64_t changes;      /* how often another one went live */
};

/* Runs the crawl to its end.  Takes *chain.  Returns the exit status of the command line: 0 all done, 1
 * some pages failed or it was stopped, 3 could not run (*err says why). */
int job_run(const struct job_options *opt, struct chain_config *chain, struct err *err);

/* Visits that ended with a record or a drop. */
uint64_t job_pages(const struct job *j);

/* For visit.c. */
void job_count_reason(struct job *j, const char *text, size_t n);
void job_failure(struct job *j, trommel_str url, const char *reason, size_t n);
void job_stop(struct job *j, int failed, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Looks again for a URL to start in `ms`. */
void job_wake_in(struct job *j, uint64_t ms);

/* progress.c: one line, redrawn, on a terminal; plain lines else. */
struct progress;
struct progress *progress_new(struct job *j);
void progress_beat(struct progress *p);
/* Pages and megabytes a second, smoothed over the last seconds. */
void progress_rates(const struct progress *p, double *ret_pages_s, double *ret_mb_s);
void progress_end(struct progress *p); /* clears the line; NULL-safe; frees */
/* The table at the end, and summary.json. */
void summary_print(struct job *j);
struct json_t *summary_json(struct job *j); /* what summary.json says; new, the caller's */
int summary_write(struct job *j, const char *path);
#endif
