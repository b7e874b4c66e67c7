/* edit: see edit.h.
 *
 * A change is first made a plan (which item comes where, which of them is new, what becomes of the
 * options), from which the new configuration is written in one go.  Nothing of the old one is shared. */
#include "chain/edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* What the new configuration will be. */
struct plan {
    size_t order[LIMIT_STAGES + 1]; /* the item each was, or NEW */
    size_t n;
    size_t gone, replaced; /* old items whose options go, or become soft; NONE */
    const char *set_id;    /* new options are for this stage; NULL: for the new item */
};
enum { LIST_MAX = 8192 }; /* bytes of names for a message: all of them fit */
#define NONE SIZE_MAX
#define NEW  (SIZE_MAX - 1)

struct edit {
    const struct chain_config *from;
    const struct edit_stage *stages;
    size_t n_stages;
    const struct swap_change *change;
    struct plan plan;
    struct err *err;
};

#define USAGE(e, ...) err_set((e)->err, ERR_USAGE, __VA_ARGS__)

/* ---- names ---- */

/* "a, b": the ids of an item's stages (NONE: of all), but for one. */
static const char *list_ids(const struct edit *e, size_t item, const char *but, struct buf *out)
{
    for (size_t i = 0; i < e->n_stages; i++)
        if ((item == NONE || e->stages[i].item == item) && (!but || strcmp(e->stages[i].id, but) != 0))
            buf_printf(out, "%s%s", out->len ? ", " : "", e->stages[i].id);
    return out->len ? buf_cstr(out) : "none";
}

static size_t stage_find(const struct edit *e, const char *id)
{
    for (size_t i = 0; i < e->n_stages; i++)
        if (!strcmp(e->stages[i].id, id))
            return i;
    return NONE;
}

static int stage_unknown(const struct edit *e, const char *id)
{
    struct buf list = BUF_INIT(LIST_MAX);
    int rc = USAGE(e, "no stage `%.80s` in the chain; there: %s", id,
                   list_ids(e, NONE, NULL, &list));

    buf_release(&list);
    return rc;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static size_t item_stages(const struct edit *e, size_t item)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n_stages; i++)
        n += e->stages[i].item == item;
    return n;
}

/* The item of the one file that goes by this name; NONE if there is none, or more than one. */
static size_t item_by_file(const struct edit *e, const char *name)
{
    size_t found = NONE;

    for (size_t i = 0; i < e->from->n_items; i++) {
        const struct chain_item *item = &e->from->items[i];
        if (!strcmp(item->ref, name) || (item->path && !strcmp(item->path, name)))
            return i;
        if (strcmp(base_name(item->ref), name) != 0)
            continue;
        if (found != NONE)
            return NONE;
        found = i;
    }
    return found;
}

/* The item meant by a stage's id or a file's name; *ret_id is NULL for a file. */
static int item_find(const struct edit *e, const char *name, size_t *ret, const char **ret_id)
{
    size_t stage = name ? stage_find(e, name) : NONE;

    if (!name)
        return USAGE(e, "which stage?  Name it by its id");
    *ret_id = stage == NONE ? NULL : e->stages[stage].id;
    *ret = stage == NONE ? item_by_file(e, name) : e->stages[stage].item;
    return *ret == NONE ? stage_unknown(e, name) : 0;
}

/* ---- plans ---- */

static int plan_add(struct edit *e)
{
    const struct swap_change *c = e->change;
    size_t stage = c->after ? stage_find(e, c->after) : NONE, at = e->from->n_items;

    if (!c->file)
        return USAGE(e, "which file is to be added?  Name a bundled stage or a .so");
    if (c->after && stage == NONE)
        return stage_unknown(e, c->after);
    if (c->after && stage + 1 < e->n_stages && e->stages[stage + 1].item == e->stages[stage].item)
        return USAGE(e,
                     "stage `%s` is followed by `%s` of the same file (%s), and nothing fits between them: "
                     "name the last of them",
                     c->after, e->stages[stage + 1].id, e->from->items[e->stages[stage].item].ref);
    if (e->from->n_items >= LIMIT_STAGES)
        return err_set(e->err, ERR_LIMIT, "more than %u stages in the chain: take some out", LIMIT_STAGES);
    if (c->after)
        at = e->stages[stage].item + 1;
    for (size_t i = 0; i < at; i++)
        e->plan.order[e->plan.n++] = i;
    e->plan.order[e->plan.n++] = NEW;
    for (size_t i = at; i < e->from->n_items; i++)
        e->plan.order[e->plan.n++] = i;
    return 0;
}

static int plan_remove(struct edit *e)
{
    const char *id;
    size_t item;
    int rc = item_find(e, e->change->id, &item, &id);

    if (rc)
        return rc;
    if (id && item_stages(e, item) > 1) {
        struct buf others = BUF_INIT(LIST_MAX);
        const char *ref = e->from->items[item].ref;
        rc = USAGE(e,
                   "stage `%s` lies in one file (%s) with %s, which would go too: to take them all out "
                   "name the file, or replace it by one without `%s`",
                   id, ref, list_ids(e, item, id, &others), id);
        buf_release(&others);
        return rc;
    }
    for (size_t i = 0; i < e->from->n_items; i++)
        if (i != item)
            e->plan.order[e->plan.n++] = i;
    e->plan.gone = item;
    return 0;
}

static int plan_replace(struct edit *e)
{
    const char *id;
    size_t item;
    int rc = item_find(e, e->change->id, &item, &id);

    if (rc)
        return rc;
    if (!e->change->file)
        return USAGE(e, "`%s` is to be replaced by which file?  Name a bundled stage or a .so",
                     e->change->id);
    for (size_t i = 0; i < e->from->n_items; i++)
        e->plan.order[e->plan.n++] = i == item ? NEW : i;
    e->plan.replaced = item;
    if (id && item_stages(e, item) > 1)
        e->plan.set_id = id;
    return 0;
}

static int plan_set(struct edit *e)
{
    const char *id = e->change->id;

    if (!id)
        return USAGE(e, "which stage?  Name it by its id");
    if (stage_find(e, id) == NONE)
        return stage_unknown(e, id);
    if (!e->change->n_sets)
        return USAGE(e, "stage `%s`: which option?  Give OPTION=VALUE", id);
    for (size_t i = 0; i < e->from->n_items; i++)
        e->plan.order[e->plan.n++] = i;
    e->plan.set_id = id;
    return 0;
}

/* The stages that were named, each once: index[k] is the k-th of the new order. */
static int order_read(struct edit *e, size_t index[LIMIT_STAGES])
{
    const struct swap_change *c = e->change;
    unsigned char seen[LIMIT_STAGES] = { 0 };
    struct buf missing = BUF_INIT(LIST_MAX);
    int rc;

    for (size_t k = 0; k < c->n_ids; k++) {
        size_t s = stage_find(e, c->ids[k]);
        if (s == NONE)
            return stage_unknown(e, c->ids[k]);
        if (seen[s]++)
            return USAGE(e, "stage `%s` is named twice: name each stage once, in the order wanted",
                         c->ids[k]);
        index[k] = s;
    }
    if (c->n_ids == e->n_stages)
        return 0;
    for (size_t s = 0; s < e->n_stages; s++)
        if (!seen[s])
            buf_printf(&missing, "%s%s", missing.len ? ", " : "", e->stages[s].id);
    rc = USAGE(e, "the new order lacks %s: name each stage once, in the order wanted",
               buf_cstr(&missing));
    buf_release(&missing);
    return rc;
}

static int plan_reorder(struct edit *e)
{
    size_t index[LIMIT_STAGES] = { 0 };
    int rc = order_read(e, index);

    for (size_t k = 0; !rc && k < e->n_stages; k++) {
        size_t s = index[k], item = e->stages[s].item;
        if (!s || e->stages[s - 1].item != item)
            e->plan.order[e->plan.n++] = item;
        else if (!k || index[k - 1] != s - 1)
            rc = USAGE(e, "stages `%s` and `%s` lie in one file (%s): they follow each other",
                       e->stages[s - 1].id, e->stages[s].id, e->from->items[item].ref);
    }
    return rc;
}

static int plan_make(struct edit *e)
{
    switch (e->change->kind) {
    case SWAP_ADD:
        return plan_add(e);
    case SWAP_REMOVE:
        return plan_remove(e);
    case SWAP_REPLACE:
        return plan_replace(e);
    case SWAP_SET:
        return plan_set(e);
    case SWAP_REORDER:
        return plan_reorder(e);
    default:
        return err_set(e->err, ERR_UNSUPPORTED, "this change is not made by editing");
    }
}

/* ---- options ---- */

/* Does "k=v" set this option? */
static int assigns(const char *assignment, const char *option)
{
    size_t n = strlen(option);

    return !strncmp(assignment, option, n) && assignment[n] == '=';
}

static int is_assigned(const struct swap_change *c, size_t first, const char *option)
{
    for (size_t i = first; i < c->n_sets; i++)
        if (assigns(c->sets[i], option))
            return 1;
    return 0;
}

/* The item that an option is set for; NONE: no stage of that id (any more). */
static size_t set_owner(const struct edit *e, const struct chain_set *s)
{
    if (s->item)
        return s->item - 1;
    size_t stage = stage_find(e, s->stage);
    return stage == NONE ? NONE : e->stages[stage].item;
}

/* Is the option given anew by the change?  One set for an item of several stages may be another stage's. */
static int is_overridden(const struct edit *e, const struct chain_set *s, size_t owner)
{
    const struct plan *p = &e->plan;

    if (owner == NONE || !is_assigned(e->change, 0, s->option))
        return 0;
    if (p->set_id && !s->item)
        return !strcmp(s->stage, p->set_id);
    if (p->set_id)
        return owner == e->stages[stage_find(e, p->set_id)].item && item_stages(e, owner) == 1;
    return owner == p->replaced;
}

static int str_dup(const char *s, char **ret)
{
    *ret = s ? strdup(s) : NULL;
    return s && !*ret ? ERR_NOMEM : 0;
}

static int set_copy(const struct chain_set *from, struct chain_config *to)
{
    struct chain_set *s = &to->sets[to->n_sets++];
    int rc = str_dup(from->stage, &s->stage);

    rc = rc ? rc : str_dup(from->option, &s->option);
    rc = rc ? rc : str_dup(from->value, &s->value);
    rc = rc ? rc : str_dup(from->dir, &s->dir);
    s->item = from->item;
    s->soft = from->soft;
    return rc;
}

/* An option of before, in its new place. */
static int set_keep(const struct edit *e, const struct chain_set *old, const size_t new_index[],
                    struct chain_config *to)
{
    const struct plan *p = &e->plan;
    size_t owner = set_owner(e, old);
    struct chain_set s = *old;

    if (owner != NONE && (owner == p->gone || is_overridden(e, old, owner)))
        return 0;
    if (s.item)
        s.item = new_index[owner] + 1;
    if (owner != NONE && owner == p->replaced) {
        s.soft = 1;
        if (!s.item && item_stages(e, owner) == 1) /* the new stage may have another id */
            s.item = new_index[owner] + 1;
        if (s.item)
            s.stage = (char *)(uintptr_t)e->change->file;
    }
    return set_copy(&s, to);
}

/* One "k=v" of the change, for the stage or the item that is meant. */
static int set_new(const struct edit *e, const char *assignment, size_t item, struct chain_config *to)
{
    const char *eq = strchr(assignment, '=');
    struct chain_set *s = &to->sets[to->n_sets];
    int rc;

    if (!eq || eq == assignment)
        return USAGE(e, "`%.200s` is not of the form OPTION=VALUE (as in model=FILE)", assignment);
    to->n_sets++;
    rc = str_dup(e->plan.set_id ? e->plan.set_id : e->change->file, &s->stage);
    s->item = e->plan.set_id ? 0 : item + 1;
    s->option = strndup(assignment, (size_t)(eq - assignment));
    s->value = strdup(eq + 1);
    return rc || !s->option || !s->value ? ERR_NOMEM : 0;
}

static int sets_write(const struct edit *e, const size_t new_index[], size_t new_item,
                      struct chain_config *to)
{
    const struct swap_change *c = e->change;
    size_t n_new = c->kind == SWAP_REMOVE || c->kind == SWAP_REORDER ? 0 : c->n_sets;
    int rc = 0;

    if (n_new > LIMIT_SETS)
        return err_set(e->err, ERR_LIMIT, "%zu options are given, at most %u are taken", n_new, LIMIT_SETS);
    to->sets = calloc(e->from->n_sets + n_new + 1, sizeof *to->sets);
    if (!to->sets)
        return ERR_NOMEM;
    for (size_t i = 0; !rc && i < e->from->n_sets; i++)
        rc = set_keep(e, &e->from->sets[i], new_index, to);
    for (size_t i = 0; !rc && i < n_new; i++)
        rc = set_new(e, c->sets[i], new_item, to);
    if (!rc && to->n_sets > LIMIT_SETS)
        return err_set(e->err, ERR_LIMIT, "options of stages: more than %u are set", LIMIT_SETS);
    return rc;
}

/* ---- all of it ---- */

static int item_copy(const struct chain_item *from, struct chain_config *to)
{
    struct chain_item *item = &to->items[to->n_items++];
    int rc = str_dup(from->ref, &item->ref);

    return rc ? rc : str_dup(from->path, &item->path);
}

static int plan_write(const struct edit *e, struct chain_config *to, size_t *ret_item)
{
    const struct plan *p = &e->plan;
    const struct chain_item new_item = { .ref = (char *)(uintptr_t)e->change->file };
    size_t new_index[LIMIT_STAGES] = { 0 };
    int rc = 0;

    to->items = calloc(p->n + 1, sizeof *to->items);
    if (!to->items)
        return ERR_NOMEM;
    for (size_t i = 0; !rc && i < p->n; i++) {
        size_t old = p->order[i] == NEW ? p->replaced : p->order[i];
        if (p->order[i] == NEW)
            *ret_item = i;
        if (old != NONE)
            new_index[old] = i;
        rc = item_copy(p->order[i] == NEW ? &new_item : &e->from->items[p->order[i]], to);
    }
    return rc ? rc : sets_write(e, new_index, *ret_item, to);
}

/* Each item has a stage, in the order of the stages; so much the workers have said, who may say anything. */
static int stages_check(const struct edit *e)
{
    int ok = e->from->n_items <= LIMIT_STAGES && e->n_stages <= LIMIT_STAGES;
    size_t next = 0;

    for (size_t i = 0; ok && i < e->n_stages; i++) {
        ok = e->stages[i].item == next || (next && e->stages[i].item == next - 1);
        next = e->stages[i].item + 1;
    }
    for (size_t i = 0; ok && i < e->from->n_sets; i++)
        ok = e->from->sets[i].item <= e->from->n_items;
    return ok && next == e->from->n_items
               ? 0
               : err_set(e->err, ERR_INVALID,
                         "which stages lie in which files of the chain is not known: reload it");
}

int edit_make(const struct chain_config *from, const struct edit_stage *stages, size_t n_stages,
              const struct swap_change *change, struct chain_config *ret, size_t *ret_item, struct err *err)
{
    struct edit e = { from, stages, n_stages, change, { .gone = NONE, .replaced = NONE }, err };
    size_t item = EDIT_NO_ITEM;
    int rc;

    *ret = (struct chain_config){ 0 };
    rc = stages_check(&e);
    rc = rc ? rc : plan_make(&e);
    rc = rc ? rc : plan_write(&e, ret, &item);
    if (rc == ERR_NOMEM)
        err_set(err, rc, "out of memory");
    if (rc)
        chain_config_release(ret);
    else if (ret_item)
        *ret_item = item;
    return rc;
}

int chain_config_copy(const struct chain_config *from, struct chain_config *ret, struct err *err)
{
    int rc = 0;

    *ret = (struct chain_config){ .is_none = from->is_none };
    ret->items = calloc(from->n_items + 1, sizeof *ret->items);
    ret->sets = calloc(from->n_sets + 1, sizeof *ret->sets);
    if (!ret->items || !ret->sets)
        rc = ERR_NOMEM;
    for (size_t i = 0; !rc && i < from->n_items; i++)
        rc = item_copy(&from->items[i], ret);
    for (size_t i = 0; !rc && i < from->n_sets; i++)
        rc = set_copy(&from->sets[i], ret);
    if (rc) {
        chain_config_release(ret);
        return err_set(err, rc, "out of memory");
    }
    return 0;
}
