/* trommel/trommel.h: the pipeline as a library.
 *
 * Open with a chain, submit pages, get their records.  The library starts worker processes of its own,
 * installs no signal handlers, prints nothing, never exits, and leaves nothing running after close.
 *
 *     trommel *t;
 *     trommel_error err = { .struct_size = sizeof err };
 *     trommel_options opt = { .struct_size = sizeof opt, .on_record = got };
 *     if (trommel_open(&opt, &t, &err)) …
 *     trommel_submit(t, &page, user, &err);
 *     trommel_flush(t, -1, &err);
 *     trommel_close(t);
 *
 * Records come one of three ways:
 *     by callback     on_record, called from within trommel_dispatch and trommel_flush
 *     by descriptor   watch trommel_fd for reading in any loop, then trommel_dispatch(t, 0, …)
 *     by waiting      without on_record: trommel_next gives one record after the other
 * With `out` they go to a sink as well (a folder, a queue), and are handed out when it has acknowledged them.
 *
 * Back-pressure: trommel_submit returns TROMMEL_FULL when so many pages are on their way that one more would
 * only wait; nothing was taken.  Dispatch until a record comes, and submit again; or let trommel_submit_wait
 * do so; trommel_room says how many pages there is room for.
 *
 * Threads: each function says who may call it.  *Any thread*: at any time, also while another is in a call
 * with the same trommel.  *One thread at a time*: the caller sees to it; which one may change.  Pipelines are
 * independent of each other.  Callbacks come in the thread that dispatches, without any lock held; they may
 * call what says "any thread", but not wait for another thread that calls this pipeline.
 *
 * fork: a child has none of the pipelines of its parent.  There every call but trommel_close returns
 * TROMMEL_FORKED (trommel_fd -1, counts 0, JSON NULL), and trommel_close frees memory and descriptors, leaves the
 * parent's workers alone and calls nothing back.  A child may open pipelines of its own.  What leads to the parent's
 * workers is closed in the child at once, so that they end when the parent does.
 *
 * Structs may grow at their end: struct_size says which the caller knows.  Fields that a smaller one has not are
 * taken as 0; one that is larger than the library's, with anything set behind what the library knows, is refused.
 *
 * Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_H
#define TROMMEL_H
#include <trommel/stage.h> /* trommel_str */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct trommel trommel;

/* Errors of the library: negative, as returned; trommel_strerror gives the text.  Others than these are errors
 * of the call's input or of the system; trommel_error.text says what and the mend. */
enum {
    TROMMEL_FULL = -7,  /* no room now: dispatch until a record came, then submit again */
    TROMMEL_AGAIN = -8, /* nothing happened within the time given */
    TROMMEL_BUSY = -17, /* another thread is in it: a call for one thread at a time; or a change is under way */
    TROMMEL_FORKED = -18, /* this process is a child of the one that opened the pipeline */
};
const char *trommel_strerror(int code); /* any thread */
const char *trommel_version(void);      /* any thread */

typedef struct trommel_error {
    uint32_t struct_size, rsv;
    int code;
    char text[1000]; /* the thing, what was wrong, the mend */
} trommel_error;

/* What became of a page. */
typedef struct trommel_result {
    uint32_t struct_size;
    uint32_t outcome;   /* TROMMEL_OUT_* */
    trommel_str record; /* msgpack, borrowed: dies when the callback returns */
    trommel_str id;     /* the id submitted, borrowed */
    uint64_t cpu_us;    /* CPU time in the worker */
    trommel_str url;    /* as submitted, normalised; borrowed */
    void *user;         /* as given to trommel_submit */
    uint32_t generation, rsv; /* of the chain that ran; 0: none did */
} trommel_result;
enum {
    TROMMEL_OUT_OK,
    TROMMEL_OUT_NO_CONTENT,
    TROMMEL_OUT_DROPPED,
    TROMMEL_OUT_FAILED,      /* no page was to be had (status, empty body, decoding), or it was over its deadline */
    TROMMEL_OUT_QUARANTINED, /* a stage failed on it, or the sink refused it; the record says which */
};

/* One stage of a chain made in code. */
typedef struct trommel_stage_ref {
    uint32_t struct_size, n_set;
    const char *stage;      /* a bundled one's name, or the path of a .so */
    const char *const *set; /* "OPTION=VALUE" each */
} trommel_stage_ref;

/* Borrowed during trommel_open, but for the callbacks and arg. */
typedef struct trommel_options {
    uint32_t struct_size;
    uint32_t workers;          /* 0: one a core */
    const char *config;        /* YAML file with the chain; NULL: the default chain */
    const char *const *set;    /* "STAGE.OPTION=VALUE" each; override the file */
    size_t n_set;
    const char *worker;        /* path of the worker program; NULL: found beside the library */
    const char *stage_dir;     /* where bundled stages lie; NULL: found beside the library */
    uint32_t page_timeout_ms;  /* 0: 5000 */
    uint32_t stage_timeout_ms; /* 0: 1000 */
    uint64_t worker_bytes;     /* address space of a worker; 0: 1 GiB */
    const char *dedupe_log;    /* file that keeps the dedupe index between runs; NULL: this run only */
    /* Called from trommel_dispatch, _flush and _submit_wait for every page submitted, in the order in which
     * they finish (but see ordered).  It may submit; it must not close. */
    void (*on_record)(void *arg, void *user, const trommel_result *);
    /* Warnings and what stages log; NULL: thrown away.  Called from trommel_open, _close and where on_record
     * is. */
    void (*on_log)(void *arg, int level, const char *line);
    void *arg;
    /* Not 0: records are handed out in the order in which their pages were submitted, and `dedupe` is settled
     * in that order, so that two runs over the same pages say the same.  Up to 64 MiB of finished records
     * are kept for it. */
    uint32_t ordered;
    /* Not 0: stages that declare TROMMEL_F_NETWORK run, and then the whole chain runs outside the sandbox; 0:
     * they are refused. */
    uint32_t network_stages;
    /* The chain from code instead of `config`: all of it, in order.  n_chain 0 and chain not NULL: an empty
     * one.  NULL: as `config` says. */
    const trommel_stage_ref *chain;
    size_t n_chain;
    /* SINK of the command line (DIR, file:DIR, stdout:, null:, …): records are delivered there, and handed out
     * when it has acknowledged them.  NULL: they are only handed out.  A record it refuses for good is handed
     * out as TROMMEL_OUT_QUARANTINED, its reason sink_refused; one of a dropped page is handed out and not
     * delivered.  A sink that is in trouble for longer than sink_patience_ms (0: 30000) ends the pipeline:
     * dispatch returns the error, and pages whose records it has not acknowledged stay pending.  A record
     * counts as committed (sink.h) when on_record has returned, so what on_record writes down of it is there
     * before the sink forgets its id.  Ids of pages on their way must differ: to a sink that guarantees
     * exactly once, two of one id are one record. */
    const char *out;
    const char *sink_dir;      /* where sinks lie; NULL: found beside the library */
    uint32_t sink_patience_ms;
    uint32_t queue;            /* pages taken beyond those that the workers hold; 0: 64 */
} trommel_options;

/* One page.  Borrowed during trommel_submit: the library copies what it needs. */
typedef struct trommel_input {
    uint32_t struct_size;
    uint16_t status;          /* HTTP status; 0: 200 */
    uint16_t rsv;
    trommel_str id;           /* printed as the record's id; empty: made from the URL or the body */
    trommel_str url;          /* empty: none; relative links then stay as they are written */
    trommel_str final_url;    /* empty: as url */
    trommel_str content_type; /* as in the header; empty: sniffed */
    trommel_str content_encoding; /* "gzip", "br, gzip", …; empty: as is */
    trommel_str headers;      /* "Name: value\r\n" lines, or empty */
    trommel_str body;
    int64_t fetched_ms;       /* ms since 1970; 0: now */
    trommel_str fetch;        /* the record's `fetch`: one msgpack map, or empty */
    uint32_t deadline_ms;     /* from submit until its record is made; 0: none.  Over it, it is handed out as failed,
                               * `deadline`, whatever its worker still does */
    uint32_t rsv2;
    trommel_str made_of; /* id is empty: the record's id is made from this instead of the URL */
    /* Not empty: there is no page to be had, and this is why: [a-z0-9_], at most 63 bytes.  No worker sees it; its
     * record has the outcome failed and this reason. */
    trommel_str failed;
    uint64_t bytes; /* length of the body as received, for the record, if it was decoded since; 0: body.n */
} trommel_input;

/* Starts the workers, loads and checks the chain.  0, or an error with *err saying what and the mend.
 * Any thread. */
int trommel_open(const trommel_options *, trommel **ret, trommel_error *err);
/* Hands a page over.  0, TROMMEL_FULL, or an error for this page (then there will be no record).
 * Any thread. */
int trommel_submit(trommel *, const trommel_input *, void *user, trommel_error *err);
/* As trommel_submit, but a body that has to wait for a worker is not copied: it stays the caller's, untouched,
 * until `release(user)` is called, which happens once: inside this call, or from a dispatch, before its record is
 * handed out, or in trommel_close.  On an error it is not called.  Any thread. */
int trommel_submit_ref(trommel *, const trommel_input *, void *user, void (*release)(void *user),
                       trommel_error *err);
/* As trommel_submit, but waits up to timeout_ms (-1: for ever) for room while another thread dispatches; where
 * none does, it dispatches itself.  TROMMEL_FULL: there was none in time.  Within a callback it does not wait.
 * Any thread. */
int trommel_submit_wait(trommel *, const trommel_input *, void *user, int timeout_ms, trommel_error *err);
/* How many pages there is room for: more than 0, and the next trommel_submit is not TROMMEL_FULL, unless other
 * threads submit meanwhile.  Any thread. */
size_t trommel_room(const trommel *);
/* Pages submitted whose record has not been handed out.  Any thread. */
size_t trommel_pending(const trommel *);
/* A descriptor that is readable when trommel_dispatch has something to do; for poll, epoll, libuv.  The same for
 * the pipeline's life.  Any thread. */
int trommel_fd(const trommel *);
/* Waits up to timeout_ms (-1: for ever, 0: not at all) and hands out what finished.  Returns the number of
 * records handed out (without on_record: ready for trommel_next), TROMMEL_AGAIN for none, or an error that ends the
 * pipeline.  With -1 it is TROMMEL_AGAIN at once if nothing is pending.  One thread at a time; TROMMEL_BUSY:
 * another one, or this one further up (from a callback), is in it, in trommel_next or trommel_flush. */
int trommel_dispatch(trommel *, int timeout_ms, trommel_error *err);
/* Without on_record: waits for the next record, which is *ret's until the next call.  1: there is one;
 * TROMMEL_AGAIN: none in time; 0: nothing is pending.  One thread at a time. */
int trommel_next(trommel *, int timeout_ms, trommel_result *ret, trommel_error *err);
/* Dispatches until nothing is pending (without on_record: until all of it is ready for trommel_next) or
 * timeout_ms is over (TROMMEL_AGAIN); makes the dedupe log safe.  One thread at a time. */
int trommel_flush(trommel *, int timeout_ms, trommel_error *err);
/* Ends the workers and frees everything; pending pages get no record.  NULL-safe.  Any thread, once, when no
 * other call is under way. */
void trommel_close(trommel *);

/* ---- changing the chain while pages run: what `trommel ctl stage …` does ----
 *
 * The new chain starts beside the old one, proves itself on golden pages, then takes new pages and is watched for a
 * while (its probation); if it does worse than the old one it is rolled back, which on_log and the history say.  No
 * page is lost or run twice.  Copies of the stages lie in a folder under $TMPDIR (/tmp) that goes with the pipeline. */

enum trommel_change_kind {
    TROMMEL_CHANGE_ADD,      /* file, after (NULL: at the end), sets */
    TROMMEL_CHANGE_REMOVE,   /* id */
    TROMMEL_CHANGE_REPLACE,  /* id, file, sets: options that were set stay where the new one has them too */
    TROMMEL_CHANGE_SET,      /* id, sets */
    TROMMEL_CHANGE_REORDER,  /* ids, all of them */
    TROMMEL_CHANGE_RELOAD,   /* the whole configuration, from file, or from where it was read at the start */
    TROMMEL_CHANGE_ROLLBACK, /* to the chain before the live one */
};

/* Borrowed during trommel_change_chain. */
typedef struct trommel_change {
    uint32_t struct_size, kind;
    const char *id;           /* of a stage that is there */
    const char *file;         /* a bundled stage's name, or the path of a .so */
    const char *after;        /* the id of a stage */
    const char *const *sets;  /* "OPTION=VALUE" each */
    size_t n_sets;
    const char *const *ids;
    size_t n_ids;
    uint32_t despite_block;   /* not 0: takes a file that was rolled back before all the same */
    uint32_t network;         /* not 0: stages that need it may run outside the sandbox */
    uint32_t no_golden;       /* not 0: without the golden pages, at your own risk */
    uint32_t no_probation;    /* not 0: settled when it is live; then the next two have no meaning */
    uint64_t probation_pages; /* probation is over when its pages … 0: 200 */
    uint32_t probation_ms;    /* … and its time are; 0: 10000 */
    uint32_t crashes_max;     /* deaths of workers on probation that are one too many; 0: 3 */
    double errors_max;        /* golden pages that may fail more than with the live chain, 0..1 of all */
    double slower_max;        /* CPU time of the golden pages against the live chain's; 0: 4 */
    double worse_errors;      /* errors on probation beyond the old chain's rate, 0..1; 0: 0.05 */
    double worse_time;        /* a page's time on probation against the old chain's; 0: 4 */
    const char *const *keep;  /* record fields that must not change or get lost ("meta.title") */
    size_t n_keep;
    const char *by;           /* who asked, for the history; NULL: nobody is named */
} trommel_change;

/* How a change went.  Borrowed: dies when the callback returns. */
typedef struct trommel_change_result {
    uint32_t struct_size;
    int code;            /* 0: its chain is live; or why not */
    uint32_t generation; /* the one made for it; 0: none was */
    uint32_t live;       /* the one that takes pages now */
    const char *message; /* what was wrong and the mend; or what was done */
    const char *golden;  /* JSON: how the golden pages went; NULL: they were not run */
    uint64_t load_us, golden_us, live_us; /* from the call to: workers ready, golden pages done, live */
} trommel_change_result;

/* 0: done (may be NULL) is called once, from where on_record is called or from trommel_close: when the chain is live,
 * or will not be.  TROMMEL_BUSY: another change is under way.  Other errors: err says what is wrong with it, nothing
 * has happened.  Any thread. */
int trommel_change_chain(trommel *, const trommel_change *,
                         void (*done)(void *arg, const trommel_change_result *), void *arg, trommel_error *err);
/* JSON text about the chain ({generation, hash, state, since, stages: [{id, version, file, sha, options}],
 * probation, behind, doing}) and its changes ([{generation, at, change, by, result, message, …}]), as `trommel ctl
 * stages --json` and `history` have it; the caller frees it with trommel_free.  NULL: no memory, or no folder for
 * copies of stages.  Any thread. */
char *trommel_chain_json(trommel *);
char *trommel_history_json(trommel *);
void trommel_free(void *); /* NULL-safe; any thread */

#ifdef __cplusplus
}
#endif
#endif
