/* pool: the workers, seen from the host: pages in, records out.
 *
 * Each worker is a process of its own, started by exec, with one chain instance; up to LIMIT_WORKER_QUEUE
 * pages are on their way to it.  Bodies go through shared memory that the worker can only read; records
 * come back through a socket, so what was sent cannot be changed afterwards; only a breadcrumb (page,
 * stage, since when) lies in memory that the worker can write, and it is copied before it is believed.
 * A worker that crashes, overruns its budget or sends nonsense costs the page it was at (tried once more in
 * another worker, unless it was over its time); pages behind that one go to another worker; it is replaced (at
 * once, then 10 ms doubling to 10 s).
 *
 * Not bound to an event loop: watch pool_fd for reading and call pool_dispatch.  No signal handlers.
 * One thread. */
#ifndef TROMMEL_CHAIN_POOL_H
#define TROMMEL_CHAIN_POOL_H
#include "chain/chain.h"
#include "record/record.h"

struct pool;
struct pool_result;

/* A generation: one chain and the workers that run it.  The pool has one that takes pages (LIVE), and may have
 * others beside it.  A page runs in one generation only. */
#define POOL_GEN_MAP(X)                                                                                      \
    X(STARTING, starting) /* its workers load the chain */                                                   \
    X(READY, ready)       /* takes the pages that are meant for it (pool_submit_to) */                       \
    X(LIVE, live)         /* takes every page */                                                             \
    X(DRAINING, draining) /* finishes what it holds, then its workers end */                                 \
    X(FAILED, failed)     /* its chain did not load, or its workers cannot be kept alive: its workers are gone */ \
    X(GONE, gone)
enum pool_gen_state {
#define X(up, low) POOL_GEN_##up,
    POOL_GEN_MAP(X)
#undef X
};
#define POOL_GEN_NETWORK 1u /* stages that need network or files run outside the sandbox; without it they are refused */
#define POOL_GEN_LOW     2u /* its workers give way to others (nice 10): for a shadow run */

struct pool_options {
    unsigned workers;        /* 0: one a core */
    const char *worker_path; /* NULL: found beside the program or library, or $TROMMEL_WORKER */
    uint32_t page_ms, stage_ms;
    uint64_t worker_bytes; /* address space */
    unsigned flags;        /* POOL_GEN_* of the first generation */
    uint32_t first_generation; /* its number; 0: 1.  Those that follow have the numbers above it */
    /* Called from pool_dispatch for every page handed in, once.  r and all in it die on return. */
    void (*on_result)(void *arg, void *user, const struct pool_result *r);
    void *arg;
    void (*on_log)(void *arg, int level, const char *line); /* what stages and workers say */
    /* Called from pool_dispatch when a generation has become READY, FAILED (why says it) or GONE.  It may use
     * every call of this header but pool_dispatch and pool_close.  May be NULL. */
    void (*on_generation)(void *arg, uint32_t generation, enum pool_gen_state state, const struct err *why);
};

/* One page for the chain.  Borrowed during pool_submit. */
struct pool_page {
    struct record_head head;                    /* outcome, reason, charset are the worker's to say */
    trommel_str content_type, content_encoding; /* header values as received */
    trommel_str headers;                        /* "name: value\r\n" lines, or empty */
    trommel_str body;                           /* as received */
};

struct pool_result {
    enum outcome outcome;
    trommel_str record; /* finished msgpack, checked, without `dedupe`; for quarantined pages with `error` */
    trommel_str sketch; /* what the stage gave as `dedupe.sketch`, or empty */
    trommel_str reason; /* of the outcome, or empty */
    trommel_str stage;  /* quarantined, dropped: whose doing; or empty */
    int retry;          /* the stage asked for the page to be tried again later */
    uint64_t cpu_us, wait_us; /* wait: a stage slept or waited for something (waited.h) */
    uint32_t generation; /* in which the page ran */
    const struct pool_page *page; /* quarantined: the page as it was handed in; else NULL, and if memory is out */
};

/* Starts the workers and waits until each has loaded and linked its chain; a chain that does not link or
 * configure is an error here, with the worker's message (file, field, values, mend).  Takes *config. */
int pool_open(const struct pool_options *opt, struct chain_config *config, struct pool **ret,
              struct err *err);
/* 0; ERR_FULL (come again after a result); ERR_LIMIT (body over the cap). */
int pool_submit(struct pool *p, const struct pool_page *page, void *user);
/* Room for how many more pages? */
size_t pool_room(const struct pool *p);
size_t pool_pending(const struct pool *p);
int pool_fd(const struct pool *p); /* readable: call pool_dispatch */
/* Waits up to timeout_ms (0 not at all, -1 for ever) for a result or news of a generation, then handles what is
 * there.  Returns the number of results given out, or an error when no worker of the live generation can be kept
 * alive. */
int pool_dispatch(struct pool *p, int timeout_ms, struct err *err);
/* CPU time of all workers that ever ran, for the bench and the summary. */
uint64_t pool_cpu_us(const struct pool *p);
/* The chain as each record will name it. */
struct pool_chain {
    uint32_t generation;
    char hash[33];
};
struct pool_chain pool_chain(const struct pool *p);

/* ---- generations ---- */

struct pool_gen_options {
    unsigned workers; /* 0: as many as the pool was opened with */
    unsigned flags;   /* POOL_GEN_* */
};
/* What a generation has done so far. */
struct pool_gen_stats {
    enum pool_gen_state state;
    uint64_t pages;       /* results of all kinds, but those meant for it by pool_submit_to */
    uint64_t errors;      /* of them quarantined: by a stage's verdict, a crash, over its budget */
    uint64_t crashes;     /* workers that died at a page, and those ended for being over its budget */
    uint64_t fallbacks;   /* pages handed to the generation behind it (pool_gen_fallback) */
    uint64_t cpu_us;      /* of those pages, in the worker */
    uint64_t wait_us;     /* … and what they waited */
    uint64_t pending;     /* pages on their way, of both kinds */
    unsigned workers, workers_ready;
    char hash[33];        /* of the chain; empty until it is READY */
    char crash_stage[65]; /* the stage the last crash or timeout was in; empty: none */
};
/* Starts another generation.  Takes *config.  on_generation follows: READY or FAILED. */
int pool_gen_start(struct pool *p, struct chain_config *config, const struct pool_gen_options *opt,
                   uint32_t *ret_generation, struct err *err);
/* New pages go to it from now on; the one that was live becomes READY.  It must be READY; where the live one has
 * FAILED, it may be STARTING still: pages wait for its workers then. */
int pool_gen_live(struct pool *p, uint32_t generation);
/* It finishes what it holds; then GONE is told.  Not for the live one. */
void pool_gen_end(struct pool *p, uint32_t generation);
/* As pool_gen_end, but guests are not waited for: their results say that they were not run (quarantined, reason
 * `discarded`), and workers that are at them are killed. */
void pool_gen_discard(struct pool *p, uint32_t generation);
/* A page that `generation` would quarantine because a worker died of it or was over its time goes to `behind`
 * instead, once; 0: no longer.  One that is not live has the live one behind it.  For a new chain on probation. */
void pool_gen_fallback(struct pool *p, uint32_t generation, uint32_t behind);
/* ERR_ABSENT if there is none of that number (any more). */
int pool_gen_stats(const struct pool *p, uint32_t generation, struct pool_gen_stats *ret);
/* The lowest number above `after` of those there are; 0: none. */
uint32_t pool_gen_next(const struct pool *p, uint32_t after);
/* Borrowed, until it is GONE or FAILED; NULL if there is none. */
const struct chain_config *pool_gen_config(const struct pool *p, uint32_t generation);
/* The stages' ids, as their tables say; READY at least.  NULL past the last one. */
const char *pool_gen_stage(const struct pool *p, uint32_t generation, unsigned index);
const char *pool_gen_version(const struct pool *p, uint32_t generation, unsigned index); /* of that stage */
/* The item of its configuration that the stage's file is; SIZE_MAX past the last stage. */
size_t pool_gen_item(const struct pool *p, uint32_t generation, unsigned index);
/* As pool_submit, but in that generation (READY or LIVE), with a result function of its own.  Does not count in its
 * stats, never falls back, and there are at most LIMIT_WORKER_GUESTS of them at a worker. */
int pool_submit_to(struct pool *p, uint32_t generation, const struct pool_page *page,
                   void (*on_result)(void *arg, void *user, const struct pool_result *r), void *arg, void *user);

/* This process is a child of the one that opened it: closes what leads to the workers, which are the parent's, and
 * forgets them.  Only pool_close may follow; it frees the memory.  May be called between fork and exec. */
void pool_leave(struct pool *p);
/* Ends the workers; pages pending get no result.  NULL-safe. */
void pool_close(struct pool *p);
#endif
