/* change: the chain is changed while pages run, by the calls that a crawl uses (chain/swap.h); see trommel.h.
 *
 * Nothing of it is there until it is asked for: a pipeline that is never changed makes no copies of its
 * stages. */
#include <stdlib.h>
#include <string.h>

#include "library/inner.h"

_Static_assert((int)TROMMEL_CHANGE_ADD == (int)SWAP_ADD && (int)TROMMEL_CHANGE_REMOVE == (int)SWAP_REMOVE &&
                   (int)TROMMEL_CHANGE_REPLACE == (int)SWAP_REPLACE &&
                   (int)TROMMEL_CHANGE_SET == (int)SWAP_SET &&
                   (int)TROMMEL_CHANGE_REORDER == (int)SWAP_REORDER &&
                   (int)TROMMEL_CHANGE_RELOAD == (int)SWAP_RELOAD &&
                   (int)TROMMEL_CHANGE_ROLLBACK == (int)SWAP_ROLLBACK,
               "one kind, one number");

struct changed {
    struct changed *after;
    struct trommel *pipeline;
    void (*done)(void *arg, const trommel_change_result *);
    void *arg;
    trommel_change_result result; /* its texts are malloc'd */
};

/* ---- what a reload needs ---- */

static char *text_copy(const char *s, int *ret_failed)
{
    char *copy = s ? strdup(s) : NULL;

    *ret_failed |= s && !copy;
    return copy;
}

int config_keep(struct trommel *t)
{
    int failed = 0;

    t->config = text_copy(t->opt.config, &failed);
    t->stage_dir = text_copy(t->opt.stage_dir, &failed);
    t->sets = calloc(t->opt.n_set + 1, sizeof *t->sets);
    for (; t->sets && !failed && t->n_sets < t->opt.n_set; t->n_sets++)
        t->sets[t->n_sets] = text_copy(t->opt.set[t->n_sets], &failed);
    return failed || !t->sets ? ERR_NOMEM : 0;
}

void config_forget(struct trommel *t)
{
    for (size_t i = 0; i < t->n_sets; i++)
        free(t->sets[i]);
    free(t->sets);
    free(t->config);
    free(t->stage_dir);
}

/* ---- how a change went ---- */

static void changed_free(struct changed *c)
{
    if (!c)
        return;
    free((char *)(uintptr_t)c->result.message);
    free((char *)(uintptr_t)c->result.golden);
    free(c);
}

/* Called from within swap, with the lock held: what was said is kept until it is given up. */
static void on_change(void *arg, const struct swap_outcome *o)
{
    struct changed *c = arg, **end = &c->pipeline->changed;

    c->result = (trommel_change_result){
        .struct_size = sizeof c->result,
        .code = o->code == ERR_AGAIN ? ERR_BUSY : o->code,
        .generation = o->generation,
        .live = o->live,
        .message = o->message ? strdup(o->message) : NULL,
        .golden = o->golden ? json_dumps(o->golden, JSON_COMPACT) : NULL,
        .load_us = o->load_us,
        .golden_us = o->golden_us,
        .live_us = o->live_us,
    };
    while (*end)
        end = &(*end)->after;
    *end = c;
    c->pipeline->n_changing--;
}

void changed_give(struct trommel *t)
{
    struct changed *c;

    while ((c = t->changed)) {
        t->changed = c->after;
        if (!c->result.message)
            c->result.message = strdup("");
        unlock(t);
        if (c->done)
            c->done(c->arg, &c->result);
        changed_free(c);
        lock(t);
    }
}

void changed_drop(struct trommel *t)
{
    while (t->changed) {
        struct changed *c = t->changed;
        t->changed = c->after;
        changed_free(c);
    }
}

/* ---- the machinery ---- */

static int swap_ready(struct trommel *t, struct err *err)
{
    struct swap_options opt = { .pool = t->pool,
                                .config_path = t->config,
                                .sets = (const char *const *)t->sets,
                                .n_sets = t->n_sets,
                                .stage_dir = t->stage_dir,
                                .policy = swap_policy_default(),
                                .flags = t->opt.network_stages ? POOL_GEN_NETWORK : 0,
                                .on_log = say,
                                .arg = t };

    return t->swap ? 0 : swap_open(&opt, &t->swap, err);
}

void changes_turn(struct trommel *t)
{
    if (t->swap)
        swap_turn(t->swap);
}

int changes_wait_ms(const struct trommel *t)
{
    return t->swap ? swap_wait_ms(t->swap) : -1;
}

void on_generation(void *arg, uint32_t generation, enum pool_gen_state state, const struct err *why)
{
    struct trommel *t = arg;

    if (t->swap)
        swap_on_generation(t->swap, generation, state, why);
}

void changes_close(struct trommel *t)
{
    swap_close(t->swap);
    t->swap = NULL;
}

/* ---- asking for one ---- */

static double or_else(double given, double usual)
{
    return given != 0 ? given : usual;
}

static struct swap_policy policy_of(const trommel_change *c)
{
    struct swap_policy p = swap_policy_default();

    p.golden = !c->no_golden;
    p.keep = c->keep;
    p.n_keep = c->n_keep;
    p.errors_max = c->errors_max;
    p.slower_max = or_else(c->slower_max, p.slower_max);
    p.worse_errors = or_else(c->worse_errors, p.worse_errors);
    p.worse_time = or_else(c->worse_time, p.worse_time);
    p.crashes_max = c->crashes_max ? c->crashes_max : p.crashes_max;
    p.probation_pages = c->no_probation ? 0 : c->probation_pages ? c->probation_pages : p.probation_pages;
    p.probation_ms = c->no_probation ? 0 : c->probation_ms ? c->probation_ms : p.probation_ms;
    return p;
}

/* The lock is held. */
static int request(struct trommel *t, const trommel_change *c, struct changed *asked, struct err *err)
{
    struct swap_policy policy = policy_of(c);
    struct swap_change change = { .kind = (enum swap_kind)c->kind,
                                  .id = c->id,
                                  .file = c->file,
                                  .after = c->after,
                                  .sets = c->sets,
                                  .n_sets = c->n_sets,
                                  .ids = c->ids,
                                  .n_ids = c->n_ids,
                                  .despite_block = c->despite_block != 0,
                                  .network = c->network != 0,
                                  .policy = &policy,
                                  .by = c->by };
    int rc = swap_ready(t, err);

    rc = rc ? rc : swap_request(t->swap, &change, on_change, asked, err);
    if (rc == ERR_AGAIN)
        rc = err->code = ERR_BUSY;
    if (rc < 0)
        return rc;
    t->n_changing++;
    bell_ring(t); /* whoever waits for the descriptor is to turn */
    return 0;
}

static int change_check(const trommel_change *c, struct err *err)
{
    int is_add = c->kind == TROMMEL_CHANGE_ADD;
    int has_id = c->kind == TROMMEL_CHANGE_REMOVE || c->kind == TROMMEL_CHANGE_REPLACE ||
                 c->kind == TROMMEL_CHANGE_SET;

    if (c->kind > TROMMEL_CHANGE_ROLLBACK)
        return err_set(err, ERR_INVALID, "change: there is no kind %u", c->kind);
    if ((is_add || c->kind == TROMMEL_CHANGE_REPLACE) && !c->file)
        return err_set(err, ERR_USAGE,
                       "change: no file is given: name a bundled stage, or the path of a .so");
    if (has_id && !c->id)
        return err_set(err, ERR_USAGE, "change: no id is given: name a stage of the chain");
    return 0;
}

int trommel_change_chain(trommel *t, const trommel_change *change,
                         void (*done)(void *arg, const trommel_change_result *), void *arg,
                         trommel_error *error)
{
    struct changed *asked = NULL;
    struct err err = { 0 };
    trommel_change c;
    int rc;

    if (is_forked(t))
        return forked_say(error);
    rc = struct_in("change", &c, sizeof c, offsetof(trommel_change, file), change, &err);
    rc = rc ? rc : change_check(&c, &err);
    if (rc == 0 && !(asked = calloc(1, sizeof *asked)))
        rc = ERR_NOMEM;
    if (rc == 0) {
        asked->pipeline = t;
        asked->done = done;
        asked->arg = arg;
        lock(t);
        rc = request(t, &c, asked, &err);
        unlock(t);
    }
    if (rc < 0)
        free(asked);
    return rc < 0 ? error_out(error, &err, rc) : 0;
}

/* ---- asking about it ---- */

static char *json_text(json_t *o)
{
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    return text;
}

char *trommel_chain_json(trommel *t)
{
    struct err err = { 0 };
    char *text = NULL;

    if (is_forked(t))
        return NULL;
    lock(t);
    if (swap_ready(t, &err) == 0) {
        const char *doing = swap_doing(t->swap);
        json_t *o = swap_stages(t->swap);
        if (o)
            json_object_set_new(o, "doing", doing ? json_string(doing) : json_null());
        text = json_text(o);
    }
    unlock(t);
    return text;
}

char *trommel_history_json(trommel *t)
{
    struct err err = { 0 };
    char *text = NULL;

    if (is_forked(t))
        return NULL;
    lock(t);
    if (swap_ready(t, &err) == 0)
        text = json_text(swap_history(t->swap));
    unlock(t);
    return text;
}

void trommel_free(void *p)
{
    free(p);
}
