/* swap_gen: the generations of swap, from the start of their workers till they leave; see swap_own.h.
 *
 * At most three are held at a time beside those that are leaving: the live one, the one that stands by while
 * that is on probation, and a candidate; or an heir, which is the chain before the live one started anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/edit.h"
#include "chain/swap_own.h"

static uint64_t now_us(void)
{
    return clock_mono_ns() / 1000;
}

/* ---- generations ---- */

void swap_gen_set(struct swap *s, struct swap_gen *g, enum swap_state state)
{
    if (g->state != state)
        log_trace("swap: generation %u: %s -> %s", g->id, swap_state_names[g->state],
                  swap_state_names[state]);
    g->state = state;
}

struct swap_gen *swap_gen_new(struct swap_chain *chain)
{
    struct swap_gen *g = calloc(1, sizeof *g);

    if (!g)
        abort();
    g->chain = swap_chain_ref(chain);
    g->known = swap_known_new();
    g->asked_us = now_us();
    return g;
}

/* The pool may still have it; its row stays in the history. */
void swap_gen_free(struct swap *s, struct swap_gen **at)
{
    struct swap_gen *g = *at;

    *at = NULL;
    if (!g)
        return;
    swap_trial_end(s, g);
    swap_chain_unref(&g->chain);
    swap_policy_release(&g->policy);
    swap_known_free(g->known);
    json_decref(g->golden);
    json_decref(g->row);
    free(g);
}

int swap_gen_start(struct swap *s, struct swap_gen *g, struct err *err)
{
    const struct pool_gen_options opt = { .flags = g->chain->flags };
    struct chain_config config;
    int rc = chain_config_copy(&g->chain->config, &config, err);

    rc = rc ? rc : pool_gen_start(s->opt.pool, &config, &opt, &g->id, err);
    if (rc)
        return rc;
    swap_gen_set(s, g, SWAP_LOADING);
    s->kept.last_generation = g->id;
    return 0;
}

/* Its end is timed from the request that made it leave. */
static void leaving_add(struct swap *s, uint32_t id, json_t *row, uint64_t asked_us)
{
    for (int i = 0; i < SWAP_LEAVING_MAX; i++)
        if (!s->leaving[i].id) {
            s->leaving[i].id = id;
            s->leaving[i].row = json_incref(row);
            s->leaving[i].asked_us = asked_us;
            return;
        }
}

void swap_leaving_done(struct swap *s, uint32_t id)
{
    for (int i = 0; i < SWAP_LEAVING_MAX; i++)
        if (s->leaving[i].id == id) {
            if (s->leaving[i].asked_us)
                swap_row_ms(s->leaving[i].row, "old_gone_ms", now_us() - s->leaving[i].asked_us);
            json_decref(s->leaving[i].row);
            s->leaving[i].id = 0;
            s->leaving[i].row = NULL;
        }
}

/* It ends, and is swap's no more.  `next`: what it makes room for. */
void swap_gen_leave(struct swap *s, struct swap_gen **at, struct swap_gen *next)
{
    swap_gen_set(s, *at, SWAP_OVER);
    if (next && next->row)
        leaving_add(s, (*at)->id, next->row, next->asked_us);
    pool_gen_discard(s->opt.pool, (*at)->id); /* golden pages that it still has are of no use */
    swap_gen_free(s, at);
    s->must_sweep = 1;
}

/* ---- going live ---- */

/* `g` takes the pages now; what was live before is *ret_old, the caller's to end or to keep. */
static void live_set(struct swap *s, struct swap_gen *g, enum swap_state state, struct swap_gen **ret_old)
{
    struct swap_gen *old = s->live;

    s->live = g;
    g->since_ms = clock_wall_ms();
    g->live_ms = clock_mono_ms();
    g->live_us = now_us() - g->asked_us;
    g->gave_up = 0;
    swap_gen_set(s, g, state);
    *ret_old = old;
}

static void kept_move(struct swap *s, struct swap_gen *g)
{
    swap_kept_push(&s->kept, s->live->chain);
    swap_chain_unref(&s->kept.live);
    s->kept.live = swap_chain_ref(g->chain);
    g->chain->generation = g->id;
    s->must_write = 1;
}

void swap_answer_give(struct swap *s)
{
    struct swap_answer a = s->answer;

    s->answer = (struct swap_answer){ 0 };
    a.outcome.live = s->live->id;
    a.outcome.message = a.text;
    if (a.done_fn)
        a.done_fn(a.arg, &a.outcome);
    json_decref((json_t *)(uintptr_t)a.outcome.golden);
}

void swap_answer_put(struct swap *s, struct swap_gen *g, const char *text)
{
    s->answer.outcome = (struct swap_outcome){ .generation = g->id,
                                               .golden = json_incref(g->golden),
                                               .load_us = g->load_us,
                                               .golden_us = g->golden_us,
                                               .live_us = g->live_us };
    s->answer.done_fn = g->done_fn;
    s->answer.arg = g->done_arg;
    s->answer.is_set = 1;
    snprintf(s->answer.text, sizeof s->answer.text, "%s", text);
    g->done_fn = NULL;
    s->must_write = 1;
}

void swap_outcome_tell(struct swap *s, const struct swap_gen *g, int code, const char *message)
{
    const struct swap_outcome o = { .code = code,
                                    .generation = g->id,
                                    .live = s->live->id,
                                    .message = message,
                                    .golden = g->golden,
                                    .load_us = g->load_us,
                                    .golden_us = g->golden_us,
                                    .live_us = g->live_us };

    if (g->done_fn)
        g->done_fn(g->done_arg, &o);
}

static void times_put(const struct swap_gen *g)
{
    if (g->load_us)
        swap_row_ms(g->row, "load_ms", g->load_us);
    if (g->golden_us)
        swap_row_ms(g->row, "golden_ms", g->golden_us);
    if (g->live_us)
        swap_row_ms(g->row, "live_ms", g->live_us);
    if (g->golden)
        json_object_set(g->row, "golden", g->golden);
}

static void probation_start(struct swap *s, struct swap_gen *g, struct swap_gen *old)
{
    if (s->standby)
        swap_gen_leave(s, &s->standby, g);
    g->behind_crashes = swap_rates_of(s, old).crashes;
    if (old->state == SWAP_PROBATION) {
        char text[80];
        snprintf(text, sizeof text, "settled early: generation %u took its place", g->id);
        swap_row_put(old->row, "settled", text);
    }
    pool_gen_fallback(s->opt.pool, old->id, 0);
    if (g->state == SWAP_PROBATION) {
        pool_gen_fallback(s->opt.pool, g->id, old->id);
        swap_gen_set(s, old, SWAP_STANDBY);
        s->standby = old;
    } else {
        swap_gen_leave(s, &old, g);
    }
}

void swap_candidate_live(struct swap *s)
{
    struct swap_gen *g = s->candidate, *old;
    int is_watched = g->policy.probation_pages || g->policy.probation_ms;
    char text[300];

    swap_row_put(g->row, is_watched ? "live" : "settled", "");
    g->live_us = now_us() - g->asked_us;
    times_put(g);
    kept_move(s, g);
    s->candidate = NULL;
    pool_gen_live(s->opt.pool, g->id);
    g->before = swap_rates_lately(s, s->live);
    live_set(s, g, is_watched ? SWAP_PROBATION : SWAP_SETTLED, &old);
    snprintf(text, sizeof text, "generation %u is live after %.0f ms", g->id, (double)g->live_us / 1000);
    if (is_watched)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 ", on probation for %llu pages and %.3g s; generation %u stands by",
                 (unsigned long long)g->policy.probation_pages, g->policy.probation_ms / 1000.0, old->id);
    probation_start(s, g, old);
    swap_row_put(g->row, NULL, text);
    swap_say(s, LOG_INFO, "%s: %s", g->what, text);
    swap_answer_put(s, g, text);
}

void swap_settle(struct swap *s, uint64_t pages, uint64_t ms)
{
    struct swap_gen *g = s->live;
    char text[200];

    snprintf(text, sizeof text, "settled after %llu pages and %.1f s", (unsigned long long)pages,
             (double)ms / 1000);
    swap_row_put(g->row, "settled", text);
    swap_say(s, LOG_INFO, "generation %u (%s): %s", g->id, g->what, text);
    pool_gen_fallback(s->opt.pool, g->id, 0);
    swap_gen_set(s, g, SWAP_SETTLED);
    if (s->standby)
        swap_gen_leave(s, &s->standby, g);
    s->must_write = 1;
}

/* ---- not going live ---- */

void swap_refuse(struct swap *s, const struct err *why)
{
    struct swap_gen *g = s->candidate;

    s->candidate = NULL;
    g->live_us = 0;
    swap_row_put(g->row, "refused", why->text);
    times_put(g);
    swap_say(s, LOG_WARN, "generation %u (%s) is refused, generation %u goes on: %s", g->id, g->what,
             s->live->id, why->text);
    swap_outcome_tell(s, g, why->code ? why->code : ERR_REFUSED, why->text);
    g->done_fn = NULL;
    swap_gen_leave(s, &g, NULL);
    s->must_write = 1;
}

/* ---- going back ---- */

/* What the live chain has and the one before it has not. */
static void brought_block(struct swap *s, const struct swap_chain *bad, const struct swap_chain *good,
                          const char *why)
{
    unsigned n = 0;

    for (size_t i = 0; i < bad->config.n_items; i++) {
        struct err err = { 0 };
        size_t k = 0;
        while (k < good->config.n_items && strcmp(good->sha[k], bad->sha[i]) != 0)
            k++;
        if (k < good->config.n_items || !bad->sha[i][0])
            continue;
        n++;
        if (stage_store_block(s->store, bad->sha[i], why, &err))
            swap_say(s, LOG_WARN, "%s", err.text);
        swap_say(s, LOG_WARN, "%s (%s) is blocked: build it anew, or say that it is to be tried all the same",
                 bad->config.items[i].ref, bad->sha[i]);
    }
    if (!n && bad->hash[0] && strcmp(bad->hash, good->hash) != 0) {
        struct err err = { 0 };
        if (stage_store_block(s->store, bad->hash, why, &err))
            swap_say(s, LOG_WARN, "%s", err.text);
        swap_say(s, LOG_WARN, "this chain (%s) is blocked: other options or stages make another one",
                 bad->hash);
    }
}

/* `to` is live in the pool: the books follow. */
void swap_back_done(struct swap *s, struct swap_gen *to, const char *why, const char *by, int block)
{
    struct swap_gen *bad;
    char text[700];

    pool_gen_fallback(s->opt.pool, to->id, 0);
    live_set(s, to, SWAP_SETTLED, &bad);
    pool_gen_fallback(s->opt.pool, bad->id, to->id); /* what it still holds */
    swap_kept_pop(&s->kept);
    swap_chain_unref(&s->kept.live);
    s->kept.live = swap_chain_ref(to->chain);
    snprintf(text, sizeof text, "rolled back to generation %u: %s", to->id, why);
    swap_row_put(bad->row, "rolled_back", text);
    swap_say(s, block ? LOG_ERROR : LOG_INFO, "generation %u%s%s%s is %s", bad->id, bad->what[0] ? " (" : "",
             bad->what, bad->what[0] ? ")" : "", text);
    json_decref(to->row);
    snprintf(text, sizeof text, "rollback from generation %u", bad->id);
    to->row = json_incref(swap_row_add(&s->kept, to->id, text, by, "settled"));
    swap_row_put(to->row, NULL, why);
    if (to->live_us)
        swap_row_ms(to->row, "live_ms", to->live_us);
    if (block)
        brought_block(s, bad->chain, to->chain, why);
    swap_gen_leave(s, &bad, to);
    s->must_write = 1;
}

/* Its golden pages are given up at once: their results are of a chain that is about to be forgotten. */
static void candidate_give_up(struct swap *s)
{
    if (s->candidate)
        swap_trial_end(s, s->candidate);
    if (s->candidate && !s->candidate->failed.code)
        err_set(
            &s->candidate->failed, ERR_REFUSED,
            "the chain it was made from (generation %u) was rolled back meanwhile: ask for the change again",
            s->live->id);
}

/* The chain before the live one, started anew. */
int swap_heir_start(struct swap *s, const char *why, const char *by, int block, struct err *err)
{
    struct swap_chain *c = s->kept.n_earlier ? s->kept.earlier[s->kept.n_earlier - 1] : NULL;
    struct swap_gen *g;
    int rc;

    if (!c)
        return err_set(err, ERR_ABSENT, "there is no chain before generation %u to go back to", s->live->id);
    g = swap_gen_new(c);
    g->kind = SWAP_ROLLBACK;
    snprintf(g->what, sizeof g->what, "rollback to the chain of generation %u", c->generation);
    snprintf(g->why, sizeof g->why, "%s", why);
    snprintf(g->by, sizeof g->by, "%s", by);
    g->block = block;
    rc = swap_gen_start(s, g, err);
    if (rc) {
        swap_gen_free(s, &g);
        return rc;
    }
    s->heir = g;
    s->must_write = 1;
    swap_say(s, LOG_WARN, "generation %u: the chain of generation %u is started anew, to be gone back to: %s",
             g->id, c->generation, why);
    pool_gen_live(s->opt.pool, g->id); /* at once if the live one has failed; else when it is READY */
    return 0;
}

void swap_back(struct swap *s, const char *why, int block)
{
    struct swap_gen *to = s->standby;
    struct err err = { 0 };

    candidate_give_up(s);
    if (to && !pool_gen_live(s->opt.pool, to->id)) {
        s->standby = NULL;
        to->asked_us = now_us();
        swap_back_done(s, to, why, "trommel", block);
        return;
    }
    if (!s->heir && swap_heir_start(s, why, "trommel", block, &err)) {
        s->live->gave_up = 1;
        swap_say(s, LOG_ERROR, "the chain (generation %u) should be rolled back: %s; but %s", s->live->id,
                 why, err.text);
    }
}

/* The heir is READY, or cannot be. */
void swap_heir_turn(struct swap *s)
{
    struct swap_gen *g = s->heir;

    if (g->failed.code) {
        struct err why = g->failed;
        s->heir = NULL;
        s->live->gave_up = 1;
        swap_say(s, LOG_ERROR, "%s: %s; generation %u goes on", g->what, why.text, s->live->id);
        swap_outcome_tell(s, g, why.code, why.text);
        swap_gen_leave(s, &g, NULL);
    } else if (g->is_ready && !pool_gen_live(s->opt.pool, g->id)) {
        char text[200];
        s->heir = NULL;
        g->chain->generation = g->id;
        swap_back_done(s, g, g->why, g->by, g->block);
        snprintf(text, sizeof text, "generation %u is live, with the chain before", g->id);
        swap_answer_put(s, g, text);
    }
}

/* Called from within the pool.  Where the live one is gone as well, the chain before this one is next. */
void swap_heir_failed(struct swap *s)
{
    struct swap_gen *g = s->heir;
    struct err err = { 0 };

    if (!g || !s->live->is_dead)
        return;
    swap_say(s, LOG_ERROR, "%s: %s", g->what, g->failed.text);
    swap_kept_pop(&s->kept);
    s->heir = NULL;
    if (swap_heir_start(s, g->why, g->by, g->block, &err)) {
        swap_say(s, LOG_ERROR, "%s", err.text);
        s->heir = g;
        return;
    }
    s->heir->done_fn = g->done_fn;
    s->heir->done_arg = g->done_arg;
    g->done_fn = NULL;
    swap_gen_leave(s, &g, NULL);
}

/* The live generation's workers cannot be kept alive.  Called from within the pool. */
void swap_live_failed(struct swap *s, const struct err *why)
{
    char text[400];

    snprintf(text, sizeof text, "%.390s", why->text);
    s->live->is_dead = 1;
    if (s->heir)
        pool_gen_live(s->opt.pool, s->heir->id);
    else
        swap_back(s, text, 1);
}
