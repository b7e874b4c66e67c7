/* generation: see generation.h. */
#include "chain/generation.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { GENERATIONS_MAX = 16, SLOTS_MORE = 16, CLOSE_WAIT_MS = 1000 };

static const char *const state_names[] = {
#define X(up, low) #low,
    POOL_GEN_MAP(X)
#undef X
};

struct generation *generation_find(const struct pool *p, uint32_t id)
{
    struct generation *g = p->gens;

    while (g && g->id != id)
        g = g->next;
    return g;
}

int generation_is_over(const struct generation *g)
{
    return g->broken.code || g->is_closing;
}

static void state_set(struct generation *g, enum pool_gen_state state)
{
    log_trace("generation %u: %s -> %s", g->id, state_names[g->state], state_names[state]);
    g->state = state;
    g->is_told = 0;
}

/* Whoever asked for it knows it. */
static void state_set_known(struct generation *g, enum pool_gen_state state)
{
    if (g->state != state)
        state_set(g, state);
    g->is_told = 1;
}

/* ---- starting ---- */

/* A free place in the pool's table of slots. */
static int place_find(struct pool *p, unsigned *ret)
{
    struct slot_proc **more;

    for (*ret = 0; *ret < p->n_slots; (*ret)++)
        if (!p->slots[*ret])
            return 0;
    more = realloc(p->slots, (p->n_slots + SLOTS_MORE) * sizeof(struct slot_proc *));
    if (!more)
        return ERR_NOMEM;
    memset(more + p->n_slots, 0, SLOTS_MORE * sizeof(struct slot_proc *));
    p->slots = more;
    p->n_slots += SLOTS_MORE;
    return 0;
}

static int slot_add(struct generation *g, struct err *err)
{
    struct slot_proc *s = calloc(1, sizeof *s);
    unsigned at;

    if (!s || place_find(g->pool, &at)) {
        free(s);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    g->slots[g->n_slots++] = g->pool->slots[at] = s;
    if (slot_init(s, g, at))
        return err_set(err, ERR_IO,
                       "shared memory for a worker cannot be made: %s: allow more open files or memory",
                       strerror(errno));
    return slot_start(s, err);
}

static void slots_drop(struct generation *g)
{
    for (unsigned i = 0; i < g->n_slots; i++) {
        struct slot_proc *s = g->slots[i];
        g->pool->slots[s->index] = NULL;
        slot_release(s);
        free(s);
    }
    free(g->slots);
    g->slots = NULL;
    g->n_slots = 0;
}

void generation_stages_drop(struct generation *g)
{
    for (uint32_t i = 0; g->stage_ids && g->stage_ids[i]; i++)
        free(g->stage_ids[i]);
    for (uint32_t i = 0; g->stage_versions && g->stage_versions[i]; i++)
        free(g->stage_versions[i]);
    free(g->stage_ids);
    free(g->stage_versions);
    g->stage_ids = g->stage_versions = NULL;
    g->n_stages = 0;
}

static void generation_free(struct generation *g)
{
    struct generation **at = &g->pool->gens;

    while (*at && *at != g)
        at = &(*at)->next;
    if (*at)
        *at = g->next;
    slots_drop(g);
    generation_stages_drop(g);
    chain_config_release(&g->config);
    exec_plan_free(g->programs);
    free(g);
}

static unsigned generations_count(const struct pool *p)
{
    unsigned n = 0;

    for (const struct generation *g = p->gens; g; g = g->next)
        n++;
    return n;
}

static struct generation *generation_new(struct pool *p, struct chain_config *config,
                                         const struct pool_gen_options *opt)
{
    struct generation *g = calloc(1, sizeof *g);

    if (!g) {
        chain_config_release(config);
        return NULL;
    }
    g->pool = p;
    g->id = ++p->last_generation;
    g->flags = opt->flags;
    g->config = *config;
    *config = (struct chain_config){ 0 };
    g->head = (struct proto_config){ .page_ms = p->opt.page_ms,
                                     .stage_ms = p->opt.stage_ms,
                                     .generation = g->id,
                                     .flags = opt->flags & POOL_GEN_NETWORK ? PROTO_NETWORK : 0,
                                     .worker_bytes = p->opt.worker_bytes };
    snprintf(g->head.version, sizeof g->head.version, "%s", TROMMEL_VERSION);
    g->next = p->gens;
    p->gens = g;
    return g;
}

int pool_gen_start(struct pool *p, struct chain_config *config, const struct pool_gen_options *opt,
                   uint32_t *ret_generation, struct err *err)
{
    unsigned workers = opt->workers && opt->workers < p->opt.workers ? opt->workers : p->opt.workers;
    struct generation *g;
    int rc = 0;

    if (generations_count(p) >= GENERATIONS_MAX) {
        chain_config_release(config);
        return err_set(err, ERR_FULL, "%d generations are at work already: wait until an old one has ended",
                       GENERATIONS_MAX);
    }
    g = generation_new(p, config, opt);
    if (g)
        g->slots = calloc(workers, sizeof(struct slot_proc *));
    if (!g || !g->slots)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    rc = rc ? rc : exec_plan_make(&g->config, &g->programs, err);
    while (!rc && g->n_slots < workers)
        rc = slot_add(g, err);
    if (rc) {
        if (g)
            generation_free(g);
        return rc;
    }
    *ret_generation = g->id;
    return 0;
}

/* ---- what the owner asks for ---- */

int pool_gen_live(struct pool *p, uint32_t generation)
{
    struct generation *g = generation_find(p, generation);

    int is_heir = g && g->state == POOL_GEN_STARTING && p->live && p->live->state == POOL_GEN_FAILED;

    if (!g || g->broken.code || !(generation_runs(g) || is_heir))
        return ERR_ABSENT;
    if (p->live && p->live != g && p->live->state == POOL_GEN_LIVE)
        state_set_known(p->live, POOL_GEN_READY);
    p->live = g;
    if (!is_heir) /* else when it is READY */
        state_set_known(g, POOL_GEN_LIVE);
    return 0;
}

void pool_gen_end(struct pool *p, uint32_t generation)
{
    struct generation *g = generation_find(p, generation);

    if (g && g != p->live && (g->state == POOL_GEN_STARTING || g->state == POOL_GEN_READY))
        state_set(g, POOL_GEN_DRAINING);
}

void pool_gen_discard(struct pool *p, uint32_t generation)
{
    struct generation *g = generation_find(p, generation);

    pool_gen_end(p, generation);
    if (g && g->state == POOL_GEN_DRAINING)
        g->is_discarded = 1;
}

void pool_gen_fallback(struct pool *p, uint32_t generation, uint32_t behind)
{
    struct generation *g = generation_find(p, generation);

    if (g)
        g->behind = behind == generation ? 0 : behind;
}

int pool_gen_stats(const struct pool *p, uint32_t generation, struct pool_gen_stats *ret)
{
    const struct generation *g = generation_find(p, generation);

    if (!g)
        return ERR_ABSENT;
    *ret = (struct pool_gen_stats){ .state = g->state,
                                    .pages = g->pages,
                                    .errors = g->errors,
                                    .crashes = g->crashes,
                                    .fallbacks = g->fallbacks,
                                    .cpu_us = g->cpu_us,
                                    .wait_us = g->wait_us,
                                    .workers = g->n_slots };
    memcpy(ret->hash, g->hash, sizeof ret->hash);
    memcpy(ret->crash_stage, g->crash_stage, sizeof ret->crash_stage);
    for (unsigned i = 0; i < g->n_slots; i++) {
        ret->pending += g->slots[i]->n_flights;
        ret->workers_ready += g->slots[i]->state == SLOT_READY;
    }
    return 0;
}

uint32_t pool_gen_next(const struct pool *p, uint32_t after)
{
    uint32_t next = 0;

    for (const struct generation *g = p->gens; g; g = g->next)
        if (g->id > after && (!next || g->id < next))
            next = g->id;
    return next;
}

const struct chain_config *pool_gen_config(const struct pool *p, uint32_t generation)
{
    const struct generation *g = generation_find(p, generation);

    return g ? &g->config : NULL;
}

const char *pool_gen_stage(const struct pool *p, uint32_t generation, unsigned index)
{
    const struct generation *g = generation_find(p, generation);

    return g && index < g->n_stages ? g->stage_ids[index] : NULL;
}

const char *pool_gen_version(const struct pool *p, uint32_t generation, unsigned index)
{
    const struct generation *g = generation_find(p, generation);

    return g && index < g->n_stages ? g->stage_versions[index] : NULL;
}

size_t pool_gen_item(const struct pool *p, uint32_t generation, unsigned index)
{
    const struct generation *g = generation_find(p, generation);

    return g && index < g->n_stages ? g->stage_items[index] : SIZE_MAX;
}

/* ---- pages that their generation cannot run ---- */

int orphan_make(struct slot_proc *s, uint32_t want)
{
    const struct flight *f = &s->flights[0];
    struct orphan *o = malloc(sizeof *o + f->n);
    struct pool *p = s->pool;

    if (!o)
        return ERR_NOMEM;
    *o = (struct orphan){ .flight = *f, .generation = want };
    o->flight.has_fallen = 1;
    o->flight.deaths = 0;
    memcpy(o->bytes, s->ring.map + f->off, f->n);
    *p->orphans_end = o;
    p->orphans_end = &o->next;
    p->n_orphans++;
    slot_flight_end(s);
    return 0;
}

void orphans_place(struct pool *p)
{
    while (p->orphans && p->live && !p->live->broken.code) {
        struct orphan *o = p->orphans;
        struct generation *g = generation_find(p, o->generation);
        struct slot_proc *s;

        if (!g || g->broken.code || !generation_runs(g))
            g = p->live;
        s = pool_slot(g, o->flight.n, 0);
        if (!s || slot_put_bytes(s, o->bytes, &o->flight))
            return; /* a result will make room */
        slot_feed(s);
        p->orphans = o->next;
        if (!p->orphans)
            p->orphans_end = &p->orphans;
        p->n_orphans--;
        free(o);
    }
}

/* ---- ends ---- */

/* Its pages go where they can be run; guests are told that they cannot. */
static void pages_leave(struct generation *g)
{
    const struct death d = { .reason = "crash", .message = "the generation's workers cannot be kept alive" };

    for (unsigned i = 0; i < g->n_slots; i++)
        while (g->slots[i]->n_flights)
            if (g->slots[i]->flights[0].guest_fn || orphan_make(g->slots[i], g->behind))
                slot_quarantine(g->slots[i], "worker", &d, 0);
}

static void broken_turn(struct generation *g)
{
    struct pool *p = g->pool;

    if (g->state == POOL_GEN_FAILED || g->state == POOL_GEN_GONE)
        return;
    for (unsigned i = 0; i < g->n_slots; i++)
        slot_close_end(g->slots[i]);
    state_set(g, g->state == POOL_GEN_DRAINING ? POOL_GEN_GONE : POOL_GEN_FAILED);
    g->is_closing = 1;
    if (p->opt.on_generation && !p->is_opening) {
        g->is_told = p->has_told = 1;
        p->opt.on_generation(p->opt.arg, g->id, g->state, &g->broken); /* may make another one live */
    }
    if (p->live == g || (p->is_opening && !p->live)) {
        p->broken = g->broken; /* its pages stay where they are: nobody can run them */
        return;
    }
    pages_leave(g);
}

static int all_in(const struct generation *g, enum slot_state state)
{
    for (unsigned i = 0; i < g->n_slots; i++)
        if (g->slots[i]->state != state)
            return 0;
    return 1;
}

static int is_empty(const struct generation *g)
{
    for (unsigned i = 0; i < g->n_slots; i++)
        if (g->slots[i]->n_flights)
            return 0;
    return 1;
}

static int has_guests_only(const struct generation *g)
{
    for (unsigned i = 0; i < g->n_slots; i++)
        if (g->slots[i]->n_flights > g->slots[i]->n_guests)
            return 0;
    return 1;
}

/* Nothing is left to be run but what nobody waits for. */
static void close_workers(struct generation *g)
{
    const struct death d = { .reason = "discarded", .message = "its generation was given up before it was run" };

    g->is_closing = 1;
    for (unsigned i = 0; i < g->n_slots; i++) {
        struct slot_proc *s = g->slots[i];
        if (s->n_flights)
            slot_close_end(s);
        else
            slot_close(s, clock_mono_ms() + CLOSE_WAIT_MS);
        while (s->n_flights)
            slot_quarantine(s, "worker", &d, 0);
    }
}

/* Moves a generation to the state that has come about. */
static void state_turn(struct generation *g)
{
    struct pool *p = g->pool;

    if (g->broken.code)
        broken_turn(g);
    if (g->state == POOL_GEN_STARTING && all_in(g, SLOT_READY)) {
        state_set(g, POOL_GEN_READY);
        if (p->is_opening && !p->live)
            pool_gen_live(p, g->id);
    }
    if (g->state == POOL_GEN_DRAINING && !g->is_closing &&
        (is_empty(g) || (g->is_discarded && has_guests_only(g))))
        close_workers(g);
    if (g->state == POOL_GEN_DRAINING && g->is_closing && all_in(g, SLOT_DOWN))
        state_set(g, POOL_GEN_GONE);
}

static void tell(struct generation *g)
{
    struct pool *p = g->pool;

    if (g->is_told || (g->state != POOL_GEN_READY && g->state != POOL_GEN_GONE && g->state != POOL_GEN_FAILED))
        return;
    g->is_told = p->has_told = 1;
    if (p->opt.on_generation)
        p->opt.on_generation(p->opt.arg, g->id, g->state, &g->broken);
}

void generations_turn(struct pool *p)
{
    for (struct generation *g = p->gens; g; g = g->next) { /* new ones come in front: seen in the next turn */
        state_turn(g);
        tell(g);
        if (g == p->live && g->state == POOL_GEN_READY) /* the heir of one that failed */
            state_set_known(g, POOL_GEN_LIVE);
    }
    for (struct generation *g = p->gens, *next; g; g = next) {
        next = g->next;
        if (g != p->live && g->is_told && (g->state == POOL_GEN_GONE || g->state == POOL_GEN_FAILED) &&
            is_empty(g))
            generation_free(g);
    }
}

/* Idle workers get the time to close their stages, all at once; those with pages are killed. */
void generations_free(struct pool *p)
{
    uint64_t until = clock_mono_ms() + CLOSE_WAIT_MS;

    for (unsigned i = 0; i < p->n_slots; i++) {
        struct slot_proc *s = p->slots[i];
        if (s && s->state != SLOT_CLOSING && s->n_flights)
            slot_close_end(s);
        else if (s && s->state != SLOT_CLOSING)
            slot_close(s, until);
    }
    for (unsigned i = 0; i < p->n_slots; i++) {
        struct slot_proc *s = p->slots[i];
        struct pollfd fd = { .fd = s ? s->child.pidfd : -1, .events = POLLIN };
        uint64_t now = clock_mono_ms();
        if (s && s->state == SLOT_CLOSING && fd.fd >= 0 && until > now)
            poll(&fd, 1, (int)(until - now));
    }
    while (p->gens)
        generation_free(p->gens);
    while (p->orphans) {
        struct orphan *o = p->orphans;
        p->orphans = o->next;
        free(o);
    }
}
