/* swap: changes of the chain of a pool that is running.
 *
 * Every change is one mechanism, a new generation:
 *
 *     edited      the live chain's configuration with the change made in it (edit.h); files are judged,
 *                 copied under a name of their own and hashed (store.h); a blocked hash is refused
 *     loading     its workers start: load, link, options, configure
 *     golden      bundled pages and the last pages of this crawl run through it and through the live
 *                 chain (golden.h); what differs is judged by the policy
 *     probation   it is live, takes every new page; the old generation finishes what it holds and stands
 *                 by.  It is watched for so many pages and seconds: errors, crashes, time.  If it is
 *                 worse than the old one, it is rolled back, and the file's hash is blocked.  A page
 *                 that kills it in this time is run by the old generation, and counts against the new
 *     settled     the old generation ends
 *
 * One change at a time, also while the chain before it is on probation: that one is taken as settled then,
 * and stands by for the new one.  A chain that settled and then keeps crashing, or whose workers cannot be
 * kept alive, is rolled back as well: the chain before it starts anew.
 *
 * What the job's folder keeps: stages/ (store.h), and chain.json: the last number of a generation, the
 * chain that runs and those before it, the last changes.  So a job goes on with the chain as it was changed
 * last (swap_resume).
 *
 * Lives on the host's loop, in one thread; nothing here blocks but the copying and syncing of files. */
#ifndef TROMMEL_CHAIN_SWAP_H
#define TROMMEL_CHAIN_SWAP_H
#include <jansson.h>

#include "chain/chain.h"
#include "chain/pool.h"

struct swap;

enum swap_kind {
    SWAP_ADD,      /* file, after (NULL: at the end), sets */
    SWAP_REMOVE,   /* id */
    SWAP_REPLACE,  /* id, file, sets: options the stage had stay set where the new one has them too */
    SWAP_SET,      /* id, sets ("k=v") */
    SWAP_REORDER,  /* ids, all of them */
    SWAP_RELOAD,   /* the whole configuration, from file, or from where it was read at the start */
    SWAP_ROLLBACK, /* to the chain before the live one */
};

/* What a new chain may do differently, and for how long it is watched.  Probation is over when its pages and
 * its time are; where pages do not come, after ten times its time.  Without both there is none.  Errors and
 * time are judged from 50 pages on, and errors only beyond what chance explains. */
struct swap_policy {
    int golden;              /* 0: the golden pages are left out (the operator's own risk; the log says so) */
    const char *const *keep; /* record fields that must not change or get lost ("meta.title") */
    size_t n_keep;
    double errors_max;        /* golden pages that may fail more than with the live chain, 0..1 of all (0) */
    double slower_max;        /* CPU time of the golden pages against the live chain's (4) */
    uint64_t probation_pages; /* … and both must be over (200) */
    uint32_t probation_ms;    /* (10000) */
    double worse_errors;      /* errors on probation beyond the old generation's rate, 0..1 (0.05) */
    uint32_t crashes_max;     /* deaths of workers on probation that are one too many (3); 0: not judged */
    double worse_time; /* a page's CPU time, and what it waited, against the old ones (4); 0: not judged */
};
struct swap_policy swap_policy_default(void);

/* Strings are borrowed during swap_request. */
struct swap_change {
    enum swap_kind kind;
    const char *id, *file, *after;
    const char *const *sets; /* "option=value" each */
    size_t n_sets;
    const char *const *ids;
    size_t n_ids;
    int despite_block; /* the operator takes a file that was blocked all the same; it is unblocked */
    int network;       /* the operator allows stages that need it to run outside the sandbox */
    const struct swap_policy *policy; /* NULL: that of swap_options */
    const char *by;                   /* who asked, for the history; NULL */
};

/* How a change went. */
struct swap_outcome {
    int code;                             /* 0: its generation is live; ERR_* */
    uint32_t generation;                  /* the one made for it; 0: none was */
    uint32_t live;                        /* the one that takes pages now */
    const char *message;                  /* what was wrong and the mend; or what was done */
    const json_t *golden;                 /* how the golden pages went (golden_compare_report), or NULL */
    uint64_t load_us, golden_us, live_us; /* from the request to: workers ready, golden pages done, live */
};

/* What a job in `dir` starts with: which chain, and which numbers.  Before pool_open.
 *
 * The files of *config (found already) are copied, and its paths are those of the copies from here on.  If
 * the job goes on and its configuration is what it was started with, *config becomes the chain that ran last;
 * if the user has changed the configuration, that one is taken; pool->on_log says which.  A state that cannot
 * be used is a warning, and the configuration is taken.  Sets pool->first_generation and pool->flags. */
struct swap_start;
int swap_resume(const char *dir, const char *stage_dir, struct chain_config *config,
                struct pool_options *pool, struct swap_start **ret, struct err *err);
void swap_start_free(struct swap_start *); /* where the pool could not be opened; NULL-safe */

struct swap_options {
    struct pool *pool;
    struct swap_start **start; /* of swap_resume; taken.  NULL: no state, and the copies of stages lie in a
                                * temporary folder that is removed at the end */
    const char *config_path;   /* the file the chain was read from; NULL: none */
    const char *const *sets;   /* without `start`: what was set over it, "STAGE.OPTION=VALUE" each; for a reload */
    size_t n_sets;
    const char *stage_dir;     /* of bundled stages; NULL: found */
    struct swap_policy policy; /* its `keep` is copied */
    unsigned flags;            /* without `start`: POOL_GEN_* of the pool's chain */
    uint32_t candidate_ms;     /* from the request of a change till it is live or refused; 0: a minute */
    void (*on_log)(void *arg, int level, const char *line); /* every step, rollbacks, blocked hashes */
    void *arg;
};
int swap_open(const struct swap_options *, struct swap **ret, struct err *err);
/* The pool's news: pass on all of it (pool_options.on_generation).  1: it was about one of these generations.
 */
int swap_on_generation(struct swap *, uint32_t generation, enum pool_gen_state state, const struct err *why);
/* ERR_AGAIN: another change is under way.  ERR_USAGE and others: *err says what is wrong with it, nothing has
 * happened.  0: done_fn is called once, later, from swap_turn: when the generation is live and that is on
 * disk, or when it will not be. */
int swap_request(struct swap *, const struct swap_change *,
                 void (*done_fn)(void *arg, const struct swap_outcome *), void *arg, struct err *err);
/* The chain with the change made in it, its files judged and copied; nothing is started: for a shadow run.
 * `rollback` is none.  The copies of the last draft stay until the next one.  *ret is the caller's, empty on
 * error. */
int swap_draft(struct swap *, const struct swap_change *, struct chain_config *ret, unsigned *ret_flags,
               struct err *err);
/* What the change that is under way is at ("golden pages: 12 of 40"), for people; NULL: none is. */
const char *swap_doing(struct swap *);
/* Call it after every pool_dispatch, before more pages are handed to the pool, and at least every
 * swap_wait_ms. */
void swap_turn(struct swap *);
/* -1: nothing is waited for by the clock. */
int swap_wait_ms(const struct swap *);
/* A page that the crawl hands to its chain: one in so many is kept for the golden ring (body copied,
 * bounded). */
void swap_page_seen(struct swap *, const struct pool_page *);
/* New objects, the caller's.
 * {generation, hash, state: settled | probation, since, stages: [{id, version, file, sha, options}],
 *  probation: {pages, of_pages, ms, of_ms} or null, behind: the generation that stands by, or null} */
json_t *swap_stages(const struct swap *);
/* [{generation, at, change, by, result, message, load_ms, golden_ms, live_ms, first_page_ms, old_gone_ms}],
 * the latest last; result: trying, refused, live, settled, rolled_back.  Times are from the request on. */
json_t *swap_history(const struct swap *);
/* This process is a child of the one that opened it: swap_close frees the memory then, and neither tells nor writes
 * nor removes anything. */
void swap_leave(struct swap *);
/* NULL-safe.  A change under way ends with ERR_CLOSED.  The pool is not dispatched any more, and closed after
 * it. */
void swap_close(struct swap *);
#endif
