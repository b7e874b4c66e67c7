/* swap: see swap.h; its other files are named in swap_own.h.  Here: the calls, and the turn. */
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

/* ---- policies ---- */

struct swap_policy swap_policy_default(void)
{
    return (struct swap_policy){ .golden = 1,
                                 .slower_max = 4,
                                 .probation_pages = 200,
                                 .probation_ms = 10000,
                                 .worse_errors = 0.05,
                                 .crashes_max = 3,
                                 .worse_time = 4 };
}

void swap_policy_release(struct swap_policy *p)
{
    for (size_t i = 0; i < p->n_keep; i++)
        free((char *)(uintptr_t)p->keep[i]);
    free((void *)(uintptr_t)p->keep);
    *p = (struct swap_policy){ 0 };
}

int swap_policy_copy(const struct swap_policy *from, struct swap_policy *ret, struct err *err)
{
    const char **keep = calloc(from->n_keep + 1, sizeof *keep);

    if (!keep)
        abort();
    *ret = *from;
    ret->keep = keep;
    ret->n_keep = 0;
    if (from->n_keep > SWAP_KEEP_MAX) {
        swap_policy_release(ret);
        return err_set(err, ERR_LIMIT, "%zu fields are to be kept, at most %d can be named", from->n_keep,
                       SWAP_KEEP_MAX);
    }
    while (ret->n_keep < from->n_keep) {
        keep[ret->n_keep] = strdup(from->keep[ret->n_keep]);
        if (!keep[ret->n_keep++])
            abort();
    }
    return 0;
}

/* ---- requests ---- */

static int request_check(const struct swap *s, struct err *err)
{
    if (s->candidate)
        return err_set(err, ERR_AGAIN, "another change is under way (%s): wait until it is through",
                       s->candidate->what);
    if (s->heir || s->back.is_set)
        return err_set(err, ERR_AGAIN, "a rollback is under way: wait until it is through");
    return 0;
}

static int back_request(struct swap *s, const struct swap_change *change,
                        void (*done_fn)(void *, const struct swap_outcome *), void *arg, struct err *err)
{
    const char *by = change->by ? change->by : "";
    int rc;

    if (s->standby) {
        s->back.is_set = 1;
        s->back.done_fn = done_fn;
        s->back.arg = arg;
        s->back.asked_us = now_us();
        snprintf(s->back.by, sizeof s->back.by, "%s", by);
        return 0;
    }
    rc = swap_heir_start(s, "asked for", by, 0, err);
    if (rc)
        return rc;
    s->heir->done_fn = done_fn;
    s->heir->done_arg = arg;
    return 0;
}

/* A rollback to the generation that stands by. */
static void back_turn(struct swap *s)
{
    struct swap_gen *to = s->standby;
    char text[200];

    s->back.is_set = 0;
    if (to && !pool_gen_live(s->opt.pool, to->id)) {
        s->standby = NULL;
        to->asked_us = s->back.asked_us;
        swap_back_done(s, to, "asked for", s->back.by, 0);
        to->done_fn = s->back.done_fn;
        to->done_arg = s->back.arg;
        snprintf(text, sizeof text, "generation %u is live again", to->id);
        swap_answer_put(s, to, text);
    } else if (s->back.done_fn) {
        snprintf(text, sizeof text, "generation %u has changed meanwhile: ask again", s->live->id);
        s->back.done_fn(s->back.arg,
                        &(struct swap_outcome){ .code = ERR_AGAIN, .live = s->live->id, .message = text });
    }
}

static int candidate_start(struct swap *s, struct swap_gen *g, struct err *err)
{
    int rc = swap_gen_start(s, g, err);

    /* While its workers start: its number is not given again, whatever happens. */
    rc = rc ? rc : swap_kept_write(&s->kept, err);
    if (!rc && g->policy.golden)
        rc = swap_trial_start(s, g, err);
    if (rc && g->id)
        pool_gen_end(s->opt.pool, g->id);
    return rc;
}

int swap_request(struct swap *s, const struct swap_change *change,
                 void (*done_fn)(void *arg, const struct swap_outcome *), void *arg, struct err *err)
{
    uint64_t asked_us = now_us();
    struct swap_chain *chain;
    struct swap_gen *g;
    int rc = request_check(s, err);

    if (rc || change->kind == SWAP_ROLLBACK)
        return rc ? rc : back_request(s, change, done_fn, arg, err);
    rc = swap_make(s, change, &chain, err);
    if (rc)
        return rc;
    g = swap_gen_new(chain);
    swap_chain_unref(&chain);
    g->kind = change->kind;
    g->asked_us = asked_us;
    g->despite_block = change->despite_block;
    swap_words(change, g->what, sizeof g->what);
    rc = swap_policy_copy(change->policy ? change->policy : &s->policy, &g->policy, err);
    rc = rc ? rc : candidate_start(s, g, err);
    if (rc) {
        swap_gen_free(s, &g);
        return rc;
    }
    g->done_fn = done_fn;
    g->done_arg = arg;
    g->row = json_incref(swap_row_add(&s->kept, g->id, g->what, change->by, "trying"));
    s->candidate = g;
    swap_say(s, LOG_INFO, "generation %u (%s): its workers start%s", g->id, g->what,
             g->policy.golden ? "" : "; no golden pages: it is not tried");
    return 0;
}

int swap_draft(struct swap *s, const struct swap_change *change, struct chain_config *ret,
               unsigned *ret_flags, struct err *err)
{
    struct swap_chain *chain;
    int rc;

    *ret = (struct chain_config){ 0 };
    if (change->kind == SWAP_ROLLBACK)
        return err_set(err, ERR_USAGE, "a rollback cannot be drafted: it is no new chain");
    rc = swap_make(s, change, &chain, err);
    rc = rc ? rc : chain_config_copy(&chain->config, ret, err);
    if (rc)
        return rc;
    *ret_flags = chain->flags;
    swap_chain_unref(&s->draft);
    s->draft = chain;
    return 0;
}

/* ---- the turn ---- */

int swap_on_generation(struct swap *s, uint32_t generation, enum pool_gen_state state, const struct err *why)
{
    struct swap_gen *g = s->candidate && s->candidate->id == generation ? s->candidate
                         : s->heir && s->heir->id == generation         ? s->heir
                                                                        : NULL;

    if (g && state == POOL_GEN_READY) {
        struct pool_gen_stats st;
        g->is_ready = 1;
        g->load_us = now_us() - g->asked_us;
        if (!pool_gen_stats(s->opt.pool, g->id, &st))
            memcpy(g->chain->hash, st.hash, sizeof g->chain->hash);
    } else if (g && !g->failed.code) {
        g->failed = *why;
        if (!g->failed.code)
            err_set(&g->failed, ERR_CRASHED, "its workers are gone");
        swap_heir_failed(s);
    } else if (s->live->id == generation && state == POOL_GEN_FAILED) {
        swap_live_failed(s, why);
    } else if (s->standby && s->standby->id == generation) {
        swap_say(s, LOG_WARN, "generation %u, which stood by, is gone: %s", generation, why->text);
        pool_gen_fallback(s->opt.pool, s->live->id, 0);
        swap_gen_leave(s, &s->standby, NULL);
    } else {
        swap_leaving_done(s, generation);
        return 0;
    }
    return 1;
}

static void candidate_late(struct swap *s, const struct swap_gen *g)
{
    double seconds = s->opt.candidate_ms / 1000.0;
    char at[80];
    struct err why;

    if (g->state == SWAP_LOADING) {
        err_set(&why, ERR_TIMEOUT,
                "its workers are not ready after %.3g s: does a constructor or `configure` of it ever end?",
                seconds);
    } else {
        swap_trial_say(g->trial, at, sizeof at);
        err_set(&why, ERR_TIMEOUT,
                "%s were through after %.3g s: it is too slow, or the crawl leaves no room", at, seconds);
    }
    swap_refuse(s, &why);
}

/* Its workers are ready: is it a chain that was blocked? */
static int candidate_loaded(struct swap *s, struct swap_gen *g)
{
    const char *hash = g->chain->hash, *blocked = stage_store_blocked(s->store, hash);
    struct err err = { 0 };

    if (blocked && !g->despite_block) {
        err_set(&err, ERR_REFUSED,
                "this chain (%s) was rolled back before: %s; change it, or say that it is to be tried all "
                "the same",
                hash, blocked);
        swap_refuse(s, &err);
        return ERR_REFUSED;
    }
    if (blocked && stage_store_unblock(s->store, hash, &err))
        swap_say(s, LOG_WARN, "%s", err.text);
    swap_say(s, LOG_INFO, "generation %u: its workers are ready after %.0f ms", g->id,
             (double)g->load_us / 1000);
    swap_gen_set(s, g, SWAP_GOLDEN);
    return 0;
}

static void candidate_golden(struct swap *s, struct swap_gen *g)
{
    struct err verdict = { 0 };

    if (g->trial && !swap_trial_turn(s, g, &verdict))
        return;
    if (g->trial)
        g->golden_us = now_us() - g->asked_us;
    swap_trial_end(s, g);
    if (verdict.code)
        swap_refuse(s, &verdict);
    else
        swap_candidate_live(s);
}

static void candidate_turn(struct swap *s)
{
    struct swap_gen *g = s->candidate;

    if (g->failed.code)
        swap_refuse(s, &g->failed);
    else if (now_us() - g->asked_us >= (uint64_t)s->opt.candidate_ms * 1000)
        candidate_late(s, g);
    else if (g->is_ready && g->state == SWAP_LOADING && candidate_loaded(s, g))
        return;
    else if (g->is_ready)
        candidate_golden(s, g);
    else if (g->trial)
        swap_trial_turn(s, g, &(struct err){ 0 }); /* the live side of it */
}

static size_t paths_of(const struct swap_chain *c, const char **paths, size_t n)
{
    for (size_t i = 0; c && i < c->config.n_items; i++)
        paths[n++] = c->config.items[i].path;
    return n;
}

/* Copies of stages that nothing needs any more. */
static void sweep(struct swap *s)
{
    const char *paths[(SWAP_EARLIER_MAX + 3) * LIMIT_STAGES];
    size_t n = paths_of(s->live->chain, paths, 0);

    for (int i = 0; i < SWAP_LEAVING_MAX; i++)
        if (s->leaving[i].id)
            return; /* its workers may have to be replaced */
    if (s->candidate || s->heir)
        return;
    n = paths_of(s->standby ? s->standby->chain : NULL, paths, n);
    n = paths_of(s->draft, paths, n);
    for (unsigned i = 0; i < s->kept.n_earlier; i++)
        n = paths_of(s->kept.earlier[i], paths, n);
    stage_store_sweep(s->store, paths, n);
    s->must_sweep = 0;
}

/* What has changed in the last turn; the new generation is at its first pages meanwhile. */
static void write_down(struct swap *s)
{
    struct err err = { 0 };

    s->must_write = 0;
    if (swap_kept_write(&s->kept, &err))
        swap_say(s, LOG_WARN, "%s: a crawl that is started again will not know of the last change", err.text);
}

void swap_turn(struct swap *s)
{
    if (s->must_write)
        write_down(s);
    if (s->answer.is_set)
        swap_answer_give(s);
    if (s->back.is_set)
        back_turn(s);
    if (s->heir)
        swap_heir_turn(s);
    if (s->candidate)
        candidate_turn(s);
    swap_watch(s);
    if (s->must_sweep)
        sweep(s);
}

int swap_wait_ms(const struct swap *s)
{
    int ms = swap_watch_ms(s);
    uint64_t gone_ms;

    if (s->back.is_set || s->must_write)
        return 0;
    if (!s->candidate)
        return ms;
    gone_ms = (now_us() - s->candidate->asked_us) / 1000;
    if (gone_ms >= s->opt.candidate_ms)
        return 0;
    return ms >= 0 && (uint32_t)ms < s->opt.candidate_ms - gone_ms ? ms
                                                                   : (int)(s->opt.candidate_ms - gone_ms);
}

const char *swap_doing(struct swap *s)
{
    const struct swap_gen *g = s->candidate ? s->candidate : s->heir;

    if (!g)
        return NULL;
    if (g->state == SWAP_GOLDEN && g->trial)
        swap_trial_say(g->trial, s->doing, sizeof s->doing);
    else
        snprintf(s->doing, sizeof s->doing, "generation %u: its workers start", g->id);
    return s->doing;
}

void swap_page_seen(struct swap *s, const struct pool_page *page)
{
    golden_ring_see(s->ring, page);
}
