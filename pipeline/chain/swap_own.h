/* swap_own: what the files of swap share; see swap.h.  Internal to chain/.
 *
 *     swap.c         the calls, and the turn
 *     swap_gen.c     generations: from their start till they leave
 *     swap_make.c    a change becomes a chain: edited or read anew, its files judged and copied
 *     swap_try.c     the golden pages of a candidate, and of the live chain beside it
 *     swap_watch.c   probation, and what is rolled back after it
 *     swap_chain.c   a chain: its files, its name
 *     swap_state.c   chain.json
 *     swap_start.c   with what a job starts; opening and closing
 *     swap_tell.c    what people and programs are told */
#ifndef TROMMEL_CHAIN_SWAP_OWN_H
#define TROMMEL_CHAIN_SWAP_OWN_H
#include "chain/golden.h"
#include "chain/store.h"
#include "chain/swap.h"

#define SWAP_STATE_MAP(X)                                                                                    \
    X(LOADING, loading)     /* the candidate's workers start */                                              \
    X(GOLDEN, golden)       /* the candidate's golden pages run */                                           \
    X(PROBATION, probation) /* live, watched */                                                              \
    X(SETTLED, settled)     /* live */                                                                       \
    X(STANDBY, standby)     /* was live before the one on probation */                                       \
    X(OVER, over)
enum swap_state {
#define X(up, low) SWAP_##up,
    SWAP_STATE_MAP(X)
#undef X
};

enum {
    SWAP_EARLIER_MAX = 20,  /* chains that can be gone back to */
    SWAP_HISTORY_MAX = 200, /* rows */
    SWAP_LEAVING_MAX = 16,  /* generations whose end is timed */
    SWAP_KEEP_MAX = 256,    /* fields of a policy */
    SWAP_WHAT_MAX = 400,    /* bytes of a change in words */
    SWAP_CANDIDATE_MS = 60000,
};

/* ---- chains (swap_chain.c) ---- */

/* A chain that runs, ran, or is to run.  Shared: what is in it does not change once it runs. */
struct swap_chain {
    unsigned refs;
    struct chain_config config;    /* paths: of the copies */
    char (*sha)[STAGE_HASH_BYTES]; /* of each item's file; "": it was not copied */
    unsigned flags;                /* POOL_GEN_* */
    uint32_t generation;           /* in which it ran last; 0: not yet */
    char hash[33];                 /* empty until it has run */
};
/* Takes *config, with one reference; NULL: out of memory, and it is released. */
struct swap_chain *swap_chain_new(struct chain_config *config, unsigned flags);
struct swap_chain *swap_chain_ref(struct swap_chain *c);
void swap_chain_unref(struct swap_chain **c); /* NULL-safe; *c is NULL afterwards */
/* Copies the file of item i into the store; its path is the copy's then. */
int swap_chain_take(struct swap_chain *c, size_t i, struct stage_store *store, unsigned flags,
                    struct err *err);
/* Names the chain by its stages, options and the files that the user names; bundled ones count by name. */
void swap_chain_name(const struct swap_chain *c, char ret[STAGE_HASH_BYTES]);

/* ---- state (swap_state.c) ---- */

/* What outlives the process. */
struct swap_kept {
    char *path; /* JOB/chain.json; NULL: nothing is written down */
    uint32_t last_generation;
    char base[STAGE_HASH_BYTES]; /* name of the chain that the user's configuration gives */
    struct chain_config args;    /* no items: what was set on the command line, for SWAP_RELOAD */
    struct swap_chain *live;
    struct swap_chain *earlier[SWAP_EARLIER_MAX]; /* live before it, the latest last */
    unsigned n_earlier;
    json_t *history;
};
/* ERR_ABSENT; ERR_CORRUPT: *ret has the number and the history as far as they could be made out. */
int swap_kept_read(const char *path, struct swap_kept *ret, struct err *err);
/* On disk when it returns.  0 without a path. */
int swap_kept_write(const struct swap_kept *k, struct err *err);
void swap_kept_release(struct swap_kept *k);
void swap_kept_push(struct swap_kept *k, struct swap_chain *c); /* takes a reference of its own */
void swap_kept_pop(struct swap_kept *k);

struct swap_start {
    struct swap_kept kept;
    struct stage_store *store;
};

/* ---- generations ---- */

struct swap_rates {
    uint64_t pages, errors, crashes, cpu_us, wait_us; /* pages: also those that fell; errors: they are some */
};

struct swap_trial; /* golden pages on their way */
struct swap_known; /* results of the bundled ones */

struct swap_gen {
    uint32_t id;
    enum swap_state state;
    struct swap_chain *chain;
    struct swap_policy policy; /* `keep` is its own */
    json_t *row;               /* of the history */
    uint64_t asked_us;         /* monotonic */
    int64_t since_ms;          /* live since, on the wall clock */

    /* as a candidate */
    enum swap_kind kind;
    char what[SWAP_WHAT_MAX]; /* "replace price by ./price.so" */
    void (*done_fn)(void *arg, const struct swap_outcome *);
    void *done_arg;
    int despite_block, is_ready;
    uint64_t load_us, golden_us, live_us; /* since asked_us */
    struct err failed;                    /* code: its workers are gone */
    struct swap_trial *trial;
    json_t *golden; /* report */
    struct swap_known *known;

    /* as an heir */
    char why[400], by[80];
    int block;

    /* live */
    uint64_t live_ms;          /* monotonic */
    int has_first;             /* its first page has come */
    int gave_up;               /* it should be rolled back and cannot be */
    int is_dead;               /* its workers cannot be kept alive */
    struct swap_rates before;  /* of what was live before it */
    struct swap_rates mark[2]; /* of itself, some time ago and lately: a window */
    uint64_t behind_crashes;   /* of the standby, when it became that */
};

struct swap_answer { /* to be given once it is on disk */
    void (*done_fn)(void *arg, const struct swap_outcome *);
    void *arg;
    int is_set;
    struct swap_outcome outcome;
    char text[300];
};

struct swap {
    struct swap_options opt;
    struct swap_policy policy; /* opt's, `keep` is its own */
    char *tmp_dir;             /* to be removed; or NULL */
    struct stage_store *store;
    struct swap_kept kept;
    struct golden_ring *ring;
    struct swap_gen *live, *standby, *candidate;
    struct swap_gen *heir;     /* a chain that was live before, started anew to be gone back to */
    struct swap_trial *trials; /* all that still get results */
    struct {                   /* a rollback that was asked for, to the generation that stands by */
        void (*done_fn)(void *arg, const struct swap_outcome *);
        void *arg;
        uint64_t asked_us;
        int is_set;
        char by[80];
    } back;
    struct {
        uint32_t id;
        json_t *row;
        uint64_t asked_us;
    } leaving[SWAP_LEAVING_MAX];
    struct swap_chain *draft; /* its files are kept */
    char doing[120];
    struct swap_answer answer;
    int must_sweep, must_write;
    int is_left; /* swap_leave */
};

/* ---- swap.c ---- */
int swap_policy_copy(const struct swap_policy *from, struct swap_policy *ret, struct err *err);
void swap_policy_release(struct swap_policy *p);

/* ---- swap_gen.c ---- */
void swap_gen_set(struct swap *s, struct swap_gen *g, enum swap_state state);
struct swap_gen *swap_gen_new(struct swap_chain *chain); /* with a reference of its own */
void swap_gen_free(struct swap *s, struct swap_gen **g); /* NULL-safe; the pool may still have it */
int swap_gen_start(struct swap *s, struct swap_gen *g, struct err *err);
/* It ends, and is freed.  next: what took its place, in whose row the time is noted when it is gone; or NULL.
 */
void swap_gen_leave(struct swap *s, struct swap_gen **g, struct swap_gen *next);
void swap_leaving_done(struct swap *s, uint32_t id);
void swap_outcome_tell(struct swap *s, const struct swap_gen *g, int code, const char *message);
/* It is done; whoever asked hears it once that is on disk. */
void swap_answer_put(struct swap *s, struct swap_gen *g, const char *text);
void swap_answer_give(struct swap *s);
void swap_candidate_live(struct swap *s);
/* The candidate is not to be: *why says it.  Tells who asked. */
void swap_refuse(struct swap *s, const struct err *why);
void swap_settle(struct swap *s, uint64_t pages, uint64_t ms); /* its probation is over */
/* From the live generation back to the one before it.  block: what the change brought is not to be tried
 * again. */
void swap_back(struct swap *s, const char *why, int block);
/* `to` is live in the pool: the books follow. */
void swap_back_done(struct swap *s, struct swap_gen *to, const char *why, const char *by, int block);
/* The chain before the live one, started anew.  ERR_ABSENT: there is none. */
int swap_heir_start(struct swap *s, const char *why, const char *by, int block, struct err *err);
void swap_heir_turn(struct swap *s);
void swap_heir_failed(struct swap *s);
void swap_live_failed(struct swap *s, const struct err *why);

/* ---- swap_make.c ---- */
int swap_make(struct swap *s, const struct swap_change *change, struct swap_chain **ret, struct err *err);

/* ---- swap_try.c ---- */
/* Begins: the live side at once, the candidate's when it is READY. */
int swap_trial_start(struct swap *s, struct swap_gen *g, struct err *err);
/* Hands on as many pages as there is room for.  1: all is known; *verdict is 0 or what breaks the policy. */
int swap_trial_turn(struct swap *s, struct swap_gen *g, struct err *verdict);
void swap_trial_end(struct swap *s, struct swap_gen *g); /* results that still come are dropped */
void swap_trial_say(const struct swap_trial *t, char *to, size_t n);
void swap_trials_free(struct swap *s);
struct swap_known *swap_known_new(void);
void swap_known_free(struct swap_known *k); /* NULL-safe */

/* ---- swap_watch.c ---- */
struct swap_rates swap_rates_of(const struct swap *s, const struct swap_gen *g);
/* What it did of late; with what was before it, where it is new. */
struct swap_rates swap_rates_lately(const struct swap *s, const struct swap_gen *g);
struct swap_rates swap_rates_since(struct swap_rates now, struct swap_rates then);
/* Looks at the live generation: settles it, or rolls it back. */
void swap_watch(struct swap *s);
int swap_watch_ms(const struct swap *s);

/* ---- swap_tell.c ---- */
extern const char *const swap_state_names[];
void swap_say(const struct swap *s, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The change in words. */
void swap_words(const struct swap_change *c, char *to, size_t n);
/* A new row at the history's end; borrowed. */
json_t *swap_row_add(struct swap_kept *k, uint32_t generation, const char *what, const char *by,
                     const char *result);
void swap_row_put(json_t *row, const char *result, const char *message); /* NULL: as it is */
void swap_row_ms(json_t *row, const char *key, uint64_t us);
#endif
