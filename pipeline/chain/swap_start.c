/* swap_start: with which chain a job starts: that of its configuration, or the one it had come to; see
 * swap.h. */
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/edit.h"
#include "chain/swap_own.h"

struct starting {
    struct swap_start *start;
    const char *stage_dir;
    const struct pool_options *pool; /* who hears it */
    struct swap_chain *configured;
};

__attribute__((format(printf, 3, 4))) static void say(const struct starting *b, int level, const char *fmt,
                                                      ...)
{
    char line[1400];
    va_list ap;

    if (!b->pool->on_log)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    b->pool->on_log(b->pool->arg, level, line);
}

static char *path_in(const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        abort();
    return path;
}

static int parts_open(struct starting *b, const char *dir, struct err *err)
{
    struct swap_kept *k = &b->start->kept;
    char *stages = path_in(dir, "stages"), *path = path_in(dir, "chain.json"), *aside;
    int rc = stage_store_open(stages, &b->start->store, err);

    free(stages);
    if (!rc && swap_kept_read(path, k, err) == ERR_CORRUPT) {
        aside = path_in(dir, "chain.json.damaged");
        say(b, LOG_WARN,
            "%s: the chain is that of the configuration, and its generations are numbered from %u on; the "
            "damaged file is kept as %s",
            err->text, k->last_generation + 1, rename(path, aside) ? path : aside);
        free(aside);
    }
    free(path);
    return rc;
}

/* A chain's files are copied.  One that cannot be runs from where it lies: the job is not kept from starting.
 */
static void files_take(const struct starting *b, struct swap_chain *c)
{
    for (size_t i = 0; i < c->config.n_items; i++) {
        const char *path = c->config.items[i].path;
        struct err err = { 0 };
        if (swap_chain_take(c, i, b->start->store, STAGE_STORE_ANYONE | STAGE_STORE_BLOCKED, &err) &&
            !note_judge(path, TROMMEL_NOTE_STAGE, NULL, NULL)) /* else the pool will say it */
            say(b, LOG_WARN, "%s; it is used where it lies: leave it there as it is while the job runs",
                err.text);
    }
}

/* The files of a chain that ran: copies that are still there; bundled stages as they are today. */
static int files_find(const struct starting *b, struct swap_chain *c, struct err *err)
{
    struct chain_item *item = c->config.items;
    int rc = 0;

    for (size_t i = 0; !rc && i < c->config.n_items; i++, item++) {
        struct chain_config one = { .items = item, .n_items = 1 };
        if (chain_ref_is_path(item->ref)) {
            if (access(item->path, R_OK))
                rc = err_set(err, ERR_ABSENT, "%s: %s", item->path, strerror(errno));
            continue;
        }
        rc = chain_config_find(&one, b->stage_dir, err);
        rc = rc ? rc : swap_chain_take(c, i, b->start->store, STAGE_STORE_ANYONE | STAGE_STORE_BLOCKED, err);
    }
    return rc;
}

/* Which of the two; *ret is borrowed from either. */
static struct swap_chain *choose(const struct starting *b, const char *base)
{
    struct swap_kept *k = &b->start->kept;
    char was[STAGE_HASH_BYTES];
    struct err err = { 0 };

    if (!k->live)
        return b->configured;
    if (strcmp(k->base, base) != 0) {
        say(b, LOG_INFO,
            "the configuration is not the one that this job was started with: it is taken, and what was "
            "changed "
            "since (generation %u) is not; a rollback goes back to that",
            k->live->generation);
        swap_kept_push(k, k->live);
        return b->configured;
    }
    swap_chain_name(k->live, was);
    if (files_find(b, k->live, &err)) {
        say(b, LOG_WARN,
            "the chain that ran last (generation %u) is not there any more: %s; that of the "
            "configuration is taken",
            k->live->generation, err.text);
        return b->configured;
    }
    if (strcmp(was, base) != 0)
        say(b, LOG_INFO,
            "the chain goes on as it was changed last (generation %u); remove %s to have that of the "
            "configuration",
            k->live->generation, k->path);
    return k->live;
}

/* What was set for stages by their ids, on the command line: it holds for a configuration that is read again,
 * too. */
static int args_keep(struct swap_kept *k, const struct chain_config *c, struct err *err)
{
    char *text;
    int rc = 0;

    chain_config_release(&k->args);
    for (size_t i = 0; !rc && i < c->n_sets; i++) {
        const struct chain_set *s = &c->sets[i];
        if (s->item)
            continue;
        if (asprintf(&text, "%s.%s=%s", s->stage, s->option, s->value) < 0)
            abort();
        rc = chain_config_set(&k->args, text, err);
        free(text);
    }
    return rc;
}

static int start_make(struct starting *b, const char *dir, struct chain_config *config,
                      struct pool_options *pool, struct err *err)
{
    struct swap_kept *k = &b->start->kept;
    struct swap_chain *chosen;
    int rc = parts_open(b, dir, err);

    rc = rc ? rc : args_keep(k, config, err);
    if (rc)
        return rc;
    b->configured = swap_chain_new(config, pool->flags & POOL_GEN_NETWORK);
    if (!b->configured)
        return err_set(err, ERR_NOMEM, "out of memory");
    files_take(b, b->configured);
    char base[STAGE_HASH_BYTES];
    swap_chain_name(b->configured, base);
    chosen = choose(b, base);
    memcpy(k->base, base, sizeof k->base);
    chosen = swap_chain_ref(chosen);
    swap_chain_unref(&k->live);
    k->live = chosen;
    return chain_config_copy(&chosen->config, config, err);
}

int swap_resume(const char *dir, const char *stage_dir, struct chain_config *config,
                struct pool_options *pool, struct swap_start **ret, struct err *err)
{
    struct starting b = { calloc(1, sizeof *b.start), stage_dir, pool, NULL };
    int rc;

    *ret = NULL;
    if (!b.start)
        abort();
    rc = start_make(&b, dir, config, pool, err);
    swap_chain_unref(&b.configured);
    if (rc) {
        swap_start_free(b.start);
        chain_config_release(config);
        return rc;
    }
    pool->first_generation = b.start->kept.last_generation + 1;
    pool->flags |= b.start->kept.live->flags;
    *ret = b.start;
    if (err) /* that there was no state, or none that can be used, was told as a warning */
        *err = (struct err){ 0 };
    return 0;
}

void swap_start_free(struct swap_start *start)
{
    if (!start)
        return;
    swap_kept_release(&start->kept);
    stage_store_close(start->store);
    free(start);
}

/* ---- opening, closing ---- */

static int tmp_make(struct swap *s, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char *stages;
    int rc;

    if (asprintf(&s->tmp_dir, "%s/trommel-XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
        abort();
    if (!mkdtemp(s->tmp_dir)) {
        rc = err_set(err, ERR_IO, "%s: a folder for copies of stages cannot be made there: set TMPDIR",
                     s->tmp_dir);
        free(s->tmp_dir);
        s->tmp_dir = NULL;
        return rc;
    }
    if (asprintf(&stages, "%s/stages", s->tmp_dir) < 0)
        abort();
    rc = stage_store_open(stages, &s->store, err);
    free(stages);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

/* Without a state: the chain as the pool has it.  A file that cannot be copied is used where it lies. */
static int kept_make(struct swap *s, struct err *err)
{
    struct chain_config config;
    int rc = tmp_make(s, err);

    rc = rc ? rc
            : chain_config_copy(pool_gen_config(s->opt.pool, pool_chain(s->opt.pool).generation), &config,
                                err);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < s->opt.n_sets; i++)
        rc = chain_config_set(&s->kept.args, s->opt.sets[i], err);
    if (rc) {
        chain_config_release(&config);
        return rc;
    }
    s->kept.live = swap_chain_new(&config, s->opt.flags);
    s->kept.history = json_array();
    if (!s->kept.live || !s->kept.history)
        abort();
    for (size_t i = 0; i < s->kept.live->config.n_items; i++)
        if (swap_chain_take(s->kept.live, i, s->store, STAGE_STORE_ANYONE | STAGE_STORE_BLOCKED, err))
            swap_say(s, LOG_WARN, "%s", err->text);
    return 0;
}

/* What was under way when the process before this one ended. */
static void history_close(json_t *history)
{
    json_t *row;
    size_t i;

    json_array_foreach(history, i, row)
    {
        const char *result = json_string_value(json_object_get(row, "result"));
        if (result && !strcmp(result, "trying"))
            swap_row_put(row, "refused", "the job ended before it was through");
        if (result && !strcmp(result, "live"))
            swap_row_put(row, "settled", "the job ended while it was on probation");
    }
}

static int live_make(struct swap *s, struct err *err)
{
    struct pool_chain chain = pool_chain(s->opt.pool);
    struct swap_gen *g = swap_gen_new(s->kept.live);
    const char *what = json_array_size(s->kept.history) ? "the job goes on" : "start";

    g->id = s->kept.last_generation = g->chain->generation = chain.generation;
    memcpy(g->chain->hash, chain.hash, sizeof g->chain->hash);
    history_close(s->kept.history);
    g->since_ms = clock_wall_ms();
    g->live_ms = clock_mono_ms();
    g->asked_us = 0;
    g->row = json_incref(swap_row_add(&s->kept, g->id, what, NULL, "settled"));
    swap_gen_set(s, g, SWAP_SETTLED);
    s->live = g;
    s->must_sweep = 1;
    return swap_kept_write(&s->kept, err);
}

int swap_open(const struct swap_options *opt, struct swap **ret, struct err *err)
{
    struct swap *s = calloc(1, sizeof *s);
    int rc;

    *ret = NULL;
    if (!s)
        abort();
    s->opt = *opt;
    s->opt.candidate_ms = opt->candidate_ms ? opt->candidate_ms : SWAP_CANDIDATE_MS;
    if (opt->start && *opt->start) {
        s->kept = (*opt->start)->kept;
        s->store = (*opt->start)->store;
        free(*opt->start);
        *opt->start = NULL;
    }
    s->ring = golden_ring_new();
    if (!s->ring)
        abort();
    rc = swap_policy_copy(&opt->policy, &s->policy, err);
    rc = rc || s->store ? rc : kept_make(s, err);
    rc = rc ? rc : live_make(s, err);
    if (rc)
        swap_close(s);
    else
        *ret = s;
    return rc;
}

static void closed_tell(struct swap *s, struct swap_gen *g)
{
    static const char text[] = "this was closed before the change was through: it has not been made";

    if (!g)
        return;
    if (g->row)
        swap_row_put(g->row, "refused", text);
    swap_outcome_tell(s, g, ERR_CLOSED, text);
    s->must_write = 1;
}

void swap_leave(struct swap *s)
{
    s->is_left = 1;
    free(s->tmp_dir);
    s->tmp_dir = NULL;
}

static void end_tell(struct swap *s)
{
    closed_tell(s, s->candidate);
    closed_tell(s, s->heir);
    if (s->back.is_set && s->back.done_fn)
        s->back.done_fn(s->back.arg, &(struct swap_outcome){
                                         .code = ERR_CLOSED, .live = s->live->id, .message = "closed" });
    if (s->must_write)
        swap_kept_write(&s->kept, NULL);
    if (s->answer.is_set)
        swap_answer_give(s);
}

void swap_close(struct swap *s)
{
    if (!s)
        return;
    if (!s->is_left)
        end_tell(s);
    swap_gen_free(s, &s->candidate);
    swap_gen_free(s, &s->heir);
    swap_gen_free(s, &s->standby);
    swap_gen_free(s, &s->live);
    swap_trials_free(s);
    for (int i = 0; i < SWAP_LEAVING_MAX; i++)
        json_decref(s->leaving[i].row);
    golden_ring_free(s->ring);
    swap_chain_unref(&s->draft);
    swap_kept_release(&s->kept);
    stage_store_close(s->store);
    swap_policy_release(&s->policy);
    if (s->tmp_dir)
        nftw(s->tmp_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(s->tmp_dir);
    free(s);
}
