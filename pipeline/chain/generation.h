/* generation: one chain of the pool and the workers that run it; what pool.h promises of them.  Internal to chain/.
 *
 *     pool.c         the events, pages to slots, time
 *     generation.c   starting, going live, draining, ending; pages whose generation cannot run them
 *
 * Callbacks may ask for anything at any time, so nothing is freed where it is asked for: a generation that is to
 * end is marked, and generations_turn, at the end of a dispatch, does it. */
#ifndef TROMMEL_CHAIN_GENERATION_H
#define TROMMEL_CHAIN_GENERATION_H
#include "chain/pool.h"
#include "chain/slot.h"

struct generation {
    struct generation *next;
    struct pool *pool;
    uint32_t id, behind; /* behind: takes what this one dies of; 0: none */
    unsigned flags;
    enum pool_gen_state state;
    int is_told;     /* on_generation knows of this state */
    int is_discarded; /* DRAINING: guests are not waited for */
    int is_closing;  /* DRAINING: nothing is left, its workers were told to end; FAILED: they are gone */
    struct chain_config config;
    struct exec_plan *programs; /* NULL: no exec stages */
    struct proto_config head;
    struct slot_proc **slots;
    unsigned n_slots;
    char hash[33];
    char **stage_ids, **stage_versions;
    uint8_t stage_items[LIMIT_STAGES];
    uint32_t n_stages;
    int have_chain;    /* hash and stage_ids are known */
    struct err broken; /* code: no worker of it can be kept alive */
    uint64_t pages, errors, crashes, fallbacks, cpu_us, wait_us;
    char crash_stage[STAGE_NAME_BYTES];
};

/* A page without a slot: its generation cannot run it (any more).  It waits for room in another. */
struct orphan {
    struct orphan *next;
    struct flight flight; /* off and n: of bytes */
    uint32_t generation;  /* wanted; the live one if that is none that runs */
    unsigned char bytes[];
};

struct pool {
    struct pool_options opt;
    char *worker_path;
    struct generation *gens, *live;
    uint32_t last_generation, last_life;
    struct slot_proc **slots; /* all there are, by index; NULL: free */
    unsigned n_slots;
    struct orphan *orphans, **orphans_end;
    size_t n_orphans;
    int epfd, timer;
    uint64_t timer_ms; /* when the timer fires; 0: not armed */
    uint32_t tick_ms;
    uint64_t next_seq, dead_cpu_us;
    int is_opening;
    size_t results; /* given out in this dispatch */
    int has_told;   /* on_generation was called in it */
    uint32_t sandbox_said; /* of which state of the sandbox the log knows, + 1 */
    struct err broken; /* code: the live generation's workers cannot be kept alive */
};

static inline int generation_runs(const struct generation *g)
{
    return g->state == POOL_GEN_READY || g->state == POOL_GEN_LIVE;
}

/* ---- generation.c ---- */
struct generation *generation_find(const struct pool *p, uint32_t id);
/* States that have come about: READY, FAILED, GONE; tells them.  Frees what is gone. */
void generations_turn(struct pool *p);
/* Finds slots for pages that have none. */
void orphans_place(struct pool *p);
/* The oldest page of the slot becomes an orphan; want: the generation that is to run it. */
int orphan_make(struct slot_proc *s, uint32_t want);
void generations_free(struct pool *p);
void generation_stages_drop(struct generation *g); /* what is known of its chain */
/* All of it has been told, with nothing left to run: nothing more is to be started for it. */
int generation_is_over(const struct generation *g);

/* ---- pool.c ---- */
/* The slot of g with the fewest bytes before it; NULL: none has room. */
struct slot_proc *pool_slot(struct generation *g, size_t bytes, int is_guest);
#endif
