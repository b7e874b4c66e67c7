/* swap_tell: what people and programs are told of chains: log lines, history, stages; see swap_own.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "chain/swap_own.h"

const char *const swap_state_names[] = {
#define X(up, low) #low,
    SWAP_STATE_MAP(X)
#undef X
};

void swap_say(const struct swap *s, int level, const char *fmt, ...)
{
    char line[1400];
    va_list ap;

    if (!s->opt.on_log)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    s->opt.on_log(s->opt.arg, level, line);
}

/* ---- a change in words ---- */

static const char *or_none(const char *s)
{
    return s ? s : "?";
}

static void add_list(struct buf *b, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s%s", i ? " " : "", list[i]);
}

void swap_words(const struct swap_change *c, char *to, size_t n)
{
    struct buf b = BUF_INIT(64 * 1024);

    switch (c->kind) {
    case SWAP_ADD:
        buf_printf(&b, "add %s", or_none(c->file));
        if (c->after)
            buf_printf(&b, " after %s", c->after);
        break;
    case SWAP_REMOVE:
        buf_printf(&b, "remove %s", or_none(c->id));
        break;
    case SWAP_REPLACE:
        buf_printf(&b, "replace %s by %s", or_none(c->id), or_none(c->file));
        break;
    case SWAP_SET:
        buf_printf(&b, "set %s", or_none(c->id));
        break;
    case SWAP_REORDER:
        buf_add_str(&b, "reorder ");
        add_list(&b, c->ids, c->n_ids);
        break;
    case SWAP_RELOAD:
        buf_printf(&b, "reload%s%s", c->file ? " " : "", c->file ? c->file : "");
        break;
    case SWAP_ROLLBACK:
        buf_add_str(&b, "rollback");
        break;
    }
    if (c->n_sets && (c->kind == SWAP_ADD || c->kind == SWAP_REPLACE || c->kind == SWAP_SET)) {
        buf_add_str(&b, " ");
        add_list(&b, c->sets, c->n_sets);
    }
    snprintf(to, n, "%s", buf_cstr(&b));
    buf_release(&b);
}

/* ---- the history ---- */

/* Text for people: what is no UTF-8 in it becomes '?'. */
static json_t *text_json(const char *s)
{
    size_t n = strlen(s), at = 0;
    char *clean = strdup(s);
    json_t *t;

    if (!clean)
        abort();
    while ((at += utf8_valid((const unsigned char *)clean + at, n - at)) < n)
        clean[at] = '?';
    t = json_string(clean);
    free(clean);
    return t;
}

json_t *swap_row_add(struct swap_kept *k, uint32_t generation, const char *what, const char *by,
                     const char *result)
{
    char at[CLOCK_RFC3339_BYTES];
    json_t *row;

    clock_rfc3339(clock_wall_ms(), at);
    row =
        json_pack("{s:I, s:s, s:o, s:o, s:s, s:s}", "generation", (json_int_t)generation, "at", at, "change",
                  text_json(what), "by", by ? text_json(by) : json_null(), "result", result, "message", "");
    if (!row || json_array_append_new(k->history, row))
        abort();
    while (json_array_size(k->history) > SWAP_HISTORY_MAX)
        json_array_remove(k->history, 0);
    return row;
}

void swap_row_put(json_t *row, const char *result, const char *message)
{
    if (result)
        json_object_set_new(row, "result", json_string(result));
    if (message)
        json_object_set_new(row, "message", text_json(message));
}

void swap_row_ms(json_t *row, const char *key, uint64_t us)
{
    json_object_set_new(row, key, json_integer((json_int_t)((us + 500) / 1000)));
}

json_t *swap_history(const struct swap *s)
{
    return json_deep_copy(s->kept.history);
}

/* ---- the stages ---- */

/* What is set for a stage: by its id, or beside its item. */
static json_t *options_json(const struct chain_config *c, const char *id, size_t item)
{
    json_t *options = json_object();

    for (size_t i = 0; i < c->n_sets; i++) {
        const struct chain_set *set = &c->sets[i];
        json_t *value;
        if (set->item ? set->item - 1 != item : strcmp(set->stage, id) != 0)
            continue;
        value = text_json(set->value);
        if (json_object_set_new(options, set->option, value)) /* later ones win */
            continue;
    }
    return options;
}

static json_t *stage_json(const struct swap *s, unsigned i)
{
    const struct swap_chain *c = s->live->chain;
    const char *id = pool_gen_stage(s->opt.pool, s->live->id, i);
    size_t item = pool_gen_item(s->opt.pool, s->live->id, i);

    if (item >= c->config.n_items)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:s, s:o}", "id", text_json(id), "version",
                     text_json(pool_gen_version(s->opt.pool, s->live->id, i)), "file",
                     text_json(c->config.items[item].ref), "sha", c->sha[item], "options",
                     options_json(&c->config, id, item));
}

static json_t *probation_json(const struct swap *s)
{
    const struct swap_gen *g = s->live;

    if (g->state != SWAP_PROBATION)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I}", "pages", (json_int_t)swap_rates_of(s, g).pages, "of_pages",
                     (json_int_t)g->policy.probation_pages, "ms", (json_int_t)(clock_mono_ms() - g->live_ms),
                     "of_ms", (json_int_t)g->policy.probation_ms);
}

json_t *swap_stages(const struct swap *s)
{
    char since[CLOCK_RFC3339_BYTES];
    json_t *stages = json_array();

    clock_rfc3339(s->live->since_ms, since);
    for (unsigned i = 0; pool_gen_stage(s->opt.pool, s->live->id, i); i++)
        json_array_append_new(stages, stage_json(s, i));
    return json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:o}", "generation", (json_int_t)s->live->id, "hash",
                     s->live->chain->hash, "state", swap_state_names[s->live->state], "since", since,
                     "stages", stages, "probation", probation_json(s), "behind",
                     s->standby ? json_integer(s->standby->id) : json_null());
}
