/* load: brings stages into this process and checks what they say of themselves; see load.h.
 *
 * A stage's table is copied row by row into structs of this program's size, so that an older stage's
 * shorter rows and a newer one's longer rows read alike afterwards (R4 of stage.h).  The table's memory is
 * the stage's own, mapped in this process: a lying pointer crashes this worker and nothing else.
 * Omitted: dlclose; a file once loaded stays until the process ends. */
#include "chain/exec.h"
#include "chain/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "chain/place.h"

/* What version 1.0 of the header had: nothing shorter is taken. */
#define STAGE_SIZE_1_0  (offsetof(trommel_stage, close) + sizeof(((trommel_stage *)0)->close))
#define PORT_SIZE_1_0   (offsetof(trommel_port, flags) + sizeof(uint32_t))
#define OPT_SIZE_1_0    (offsetof(trommel_opt, unit) + sizeof(char *))
#define METRIC_SIZE_1_0 (offsetof(trommel_metric, rsv) + sizeof(uint32_t))
enum { NAME_MAX_BYTES = 128, STAGES_A_FILE = 16 };

struct chain *chain_new(void)
{
    struct chain *c = calloc(1, sizeof *c);

    if (c)
        c->slot_text = c->slot_kind = c->slot_sketch = SLOT_NONE;
    return c;
}

static void stage_release(struct stage *s)
{
    for (size_t i = 0; s->values && i < s->d.n_opts; i++)
        free(s->values[i].text);
    free(s->path);
    free(s->own_id);
    free(s->needs);
    free(s->provides);
    free(s->opts);
    free(s->values);
    free(s->need_slot);
    free(s->provide_slot);
    free(s->ctx);
}

void chain_free(struct chain *c)
{
    if (!c)
        return;
    for (size_t i = c->n_stages; i-- > 0;) {
        struct stage *s = &c->stages[i];
        if (s->is_configured && s->d.close)
            s->d.close(s->self, s->ctx);
        stage_release(s);
    }
    for (size_t i = 0; i < c->n_fields; i++)
        free(c->fields[i].key);
    free(c->stages);
    free(c->slots);
    free(c->fields);
    free(c);
}

/* ---- one table ---- */

/* Only these characters, first and last no dot, 1 to max bytes. */
static int name_ok(const char *p, const char *extra, size_t max)
{
    size_t n = p ? strnlen(p, max + 1) : 0;

    if (!n || n > max || p[0] == '.' || p[n - 1] == '.')
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!(p[i] >= 'a' && p[i] <= 'z') && !(p[i] >= '0' && p[i] <= '9') && !strchr(extra, p[i]))
            return 0;
    return 1;
}

struct check {
    const trommel_stage *t;
    const char *who; /* file or id, for messages */
    struct err *err;
};

#define REFUSE(k, ...) err_set((k)->err, ERR_REFUSED, __VA_ARGS__)

static int check_head(struct check *k)
{
    const trommel_stage *t = k->t;

    if (t->struct_size < STAGE_SIZE_1_0)
        return REFUSE(
            k, "%s: struct_size is %u, at least %zu is wanted: begin the table with TROMMEL_STAGE_HEAD",
            k->who, t->struct_size, STAGE_SIZE_1_0);
    if (t->abi_major != TROMMEL_ABI_MAJOR)
        return REFUSE(k, "%s: abi_major is %u, this program's is %u: build it against this program's headers",
                      k->who, t->abi_major, TROMMEL_ABI_MAJOR);
    if (t->min_host_minor > TROMMEL_ABI_MINOR)
        return REFUSE(k, "%s: min_host_minor is %u, this program's abi_minor is %u: update this program",
                      k->who, t->min_host_minor, TROMMEL_ABI_MINOR);
    if (!name_ok(t->id, ".-", STAGE_ID_MAX))
        return REFUSE(
            k, "%s: id is `%.80s`, it must be 1 to %d of a-z 0-9 . - (reverse DNS for what is published)",
            k->who, t->id ? t->id : "(NULL)", STAGE_ID_MAX);
    if (!t->process)
        return REFUSE(k, "%s: stage `%s`: process is NULL: give the function that handles a page", k->who,
                      t->id);
    return 0;
}

static int check_stride(struct check *k, const char *field, unsigned n, unsigned stride, size_t least,
                        const void *rows)
{
    if (n > STAGE_TABLE_MAX)
        return REFUSE(k, "%s: stage `%s`: n_%s is %u, at most %d are taken", k->who, k->t->id, field, n,
                      STAGE_TABLE_MAX);
    if (n && !rows)
        return REFUSE(k, "%s: stage `%s`: n_%s is %u, but %s is NULL", k->who, k->t->id, field, n, field);
    if (n && stride < least)
        return REFUSE(k,
                      "%s: stage `%s`: %s rows are %u bytes, at least %zu are wanted: begin the table with "
                      "TROMMEL_STAGE_HEAD",
                      k->who, k->t->id, field, stride, least);
    return 0;
}

static int check_tables(struct check *k)
{
    const trommel_stage *t = k->t;
    int rc = check_stride(k, "needs", t->n_needs, t->port_size, PORT_SIZE_1_0, t->needs);

    rc = rc ? rc : check_stride(k, "provides", t->n_provides, t->port_size, PORT_SIZE_1_0, t->provides);
    rc = rc ? rc : check_stride(k, "opts", t->n_opts, t->opt_size, OPT_SIZE_1_0, t->opts);
    rc = rc ? rc : check_stride(k, "metrics", t->n_metrics, t->metric_size, METRIC_SIZE_1_0, t->metrics);
    rc = rc ? rc : check_stride(k, "reasons", t->n_reasons, sizeof(char *), sizeof(char *), t->reasons);
    for (unsigned i = 0; !rc && i < t->n_reasons; i++)
        if (!name_ok(t->reasons[i], "_", REASON_MAX))
            rc = REFUSE(k, "%s: stage `%s`: reasons[%u] is `%.80s`, it must be 1 to %d of a-z 0-9 _", k->who,
                        t->id, i, t->reasons[i] ? t->reasons[i] : "(NULL)", REASON_MAX);
    return rc;
}

/* n rows of `stride` bytes into rows of `size`; what is not there is zero. */
static void *rows_copy(const void *rows, size_t n, size_t stride, size_t size)
{
    char *to = calloc(n + 1, size);

    for (size_t i = 0; to && i < n; i++)
        memcpy(to + i * size, (const char *)rows + i * stride, stride < size ? stride : size);
    return to;
}

static int check_ports(struct check *k, const char *field, const trommel_port *ports, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (!name_ok(ports[i].name, "._-", NAME_MAX_BYTES))
            return REFUSE(k, "%s: stage `%s`: %s[%u].name is `%.80s`, it must be 1 to %d of a-z 0-9 . _ -",
                          k->who, k->t->id, field, i, ports[i].name ? ports[i].name : "(NULL)",
                          NAME_MAX_BYTES);
        if (ports[i].type == TROMMEL_T_NIL || ports[i].type > TROMMEL_T_NODE_F32)
            return REFUSE(k,
                          "%s: stage `%s`: %s[%u] (`%s`) has type %u, it must be one of TROMMEL_T_BOOL to "
                          "TROMMEL_T_NODE_F32",
                          k->who, k->t->id, field, i, ports[i].name, ports[i].type);
    }
    return 0;
}

static int check_opts(struct check *k, const struct stage *s)
{
    for (unsigned i = 0; i < s->d.n_opts; i++) {
        const trommel_opt *o = &s->opts[i];
        trommel_val val;
        struct err why = { 0 };
        if (!name_ok(o->key, "_", NAME_MAX_BYTES))
            return REFUSE(k, "%s: stage `%s`: opts[%u].key is `%.80s`, it must be 1 to %d of a-z 0-9 _",
                          k->who, s->d.id, i, o->key ? o->key : "(NULL)", NAME_MAX_BYTES);
        for (unsigned j = 0; j < i; j++)
            if (!strcmp(s->opts[j].key, o->key))
                return REFUSE(k, "%s: stage `%s`: option `%s` is there twice", k->who, s->d.id, o->key);
        if (o->type < TROMMEL_T_BOOL || o->type > TROMMEL_T_STR)
            return REFUSE(k, "%s: stage `%s`: option `%s` has type %u, it must be BOOL, I64, F64 or STR",
                          k->who, s->d.id, o->key, o->type);
        if (o->dflt && option_parse(o, o->dflt, &val, &why))
            return REFUSE(k, "%s: stage `%s`: its own default is wrong: %s", k->who, s->d.id, why.text);
    }
    return 0;
}

static int stage_copy(struct stage *s, const trommel_stage *t, const char *path)
{
    size_t size = t->struct_size < sizeof s->d ? t->struct_size : sizeof s->d;

    memcpy(&s->d, t, size);
    s->path = path ? strdup(path) : NULL;
    s->needs = rows_copy(t->needs, t->n_needs, t->port_size, sizeof *s->needs);
    s->provides = rows_copy(t->provides, t->n_provides, t->port_size, sizeof *s->provides);
    s->opts = rows_copy(t->opts, t->n_opts, t->opt_size, sizeof *s->opts);
    s->values = calloc(t->n_opts + 1u, sizeof *s->values);
    s->need_slot = calloc(t->n_needs + 1u, sizeof *s->need_slot);
    s->provide_slot = calloc(t->n_provides + 1u, sizeof *s->provide_slot);
    s->ctx = calloc(1, sizeof *s->ctx);
    if (!s->needs || !s->provides || !s->opts || !s->values || !s->need_slot || !s->provide_slot || !s->ctx ||
        (path && !s->path))
        return ERR_NOMEM;
    return 0;
}

static int check_unique(struct check *k, const struct chain *c)
{
    for (size_t i = 0; i < c->n_stages; i++) {
        const struct stage *other = &c->stages[i];
        if (!strcmp(other->d.id, k->t->id))
            return err_set(k->err, ERR_USAGE,
                           "%s: stage `%s` is in the chain already (from %s): take one out", k->who, k->t->id,
                           other->path ? other->path : "a table");
    }
    if (c->n_stages == LIMIT_STAGES)
        return err_set(k->err, ERR_USAGE, "%s: more than %u stages in the chain: take some out", k->who,
                       LIMIT_STAGES);
    return 0;
}

int chain_add(struct chain *c, const trommel_stage *table, const char *path, size_t item, struct err *err)
{
    struct check k = { table, path ? path : "stage table", err };
    struct stage *stages, *s;
    int rc = check_head(&k);

    rc = rc ? rc : check_tables(&k);
    rc = rc ? rc : check_unique(&k, c);
    if (rc)
        return rc;
    stages = realloc(c->stages, (c->n_stages + 1) * sizeof *stages);
    if (!stages)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->stages = stages;
    s = &stages[c->n_stages];
    *s = (struct stage){ .item = item, .channel = -1 };
    rc = stage_copy(s, table, path) ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    rc = rc ? rc : check_ports(&k, "needs", s->needs, s->d.n_needs);
    rc = rc ? rc : check_ports(&k, "provides", s->provides, s->d.n_provides);
    rc = rc ? rc : check_opts(&k, s);
    if (rc) {
        stage_release(s);
        return rc;
    }
    *s->ctx = (struct trommel_ctx){ .chain = c, .index = (uint32_t)c->n_stages, .log = &c->log };
    c->n_stages++;
    return 0;
}

/* ---- files ---- */

typedef const trommel_stage *(*entry_fn)(uint32_t, uint32_t);

/* The bundled stage `exec` may be there several times: as exec.NAME, which then is its id. */
static int add_stage(struct chain *c, const trommel_stage *table, const struct chain_config *config, size_t item,
                     struct err *err)
{
    trommel_stage named = { 0 };
    char *id;
    int rc;

    if (!exec_id(config->items[item].ref))
        return chain_add(c, table, config->items[item].path, item, err);
    id = strdup(config->items[item].ref);
    if (!id)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(&named, table, table->struct_size < sizeof named ? table->struct_size : sizeof named);
    named.id = id;
    rc = chain_add(c, &named, config->items[item].path, item, err);
    if (rc) {
        free(id);
        return rc;
    }
    c->stages[c->n_stages - 1].own_id = id;
    c->stages[c->n_stages - 1].channel = exec_fd(config, item);
    return 0;
}

static int load_file(struct chain *c, const struct chain_config *config, size_t item, struct err *err)
{
    const char *path = config->items[item].path;
    const trommel_stage *table;
    entry_fn entry;
    uint32_t index = 0;
    void *dl;
    int rc = note_judge(path, TROMMEL_NOTE_STAGE, NULL, err);

    if (rc)
        return rc;
    errno = 0; /* as before any call of a stage, see run.c */
    dl = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!dl)
        return err_set(err, ERR_REFUSED,
                       "%s: cannot be loaded: %s: link it with what it uses (-Wl,-z,defs shows it)", path,
                       dlerror());
    entry = (entry_fn)(uintptr_t)dlsym(dl, "trommel_stage_entry");
    if (!entry)
        return err_set(err, ERR_REFUSED,
                       "%s: no symbol trommel_stage_entry: define the stage with TROMMEL_STAGE", path);
    for (; !rc && index <= STAGES_A_FILE && (table = entry(TROMMEL_ABI_MAJOR, index)); index++)
        rc = index == STAGES_A_FILE ? err_set(err, ERR_REFUSED,
                                              "%s: more than %d stages in one file (does "
                                              "trommel_stage_entry ever return NULL?)",
                                              path, STAGES_A_FILE)
                                    : add_stage(c, table, config, item, err);
    if (!rc && !index)
        return err_set(err, ERR_REFUSED, "%s: trommel_stage_entry(%u, 0) gives no stage", path,
                       TROMMEL_ABI_MAJOR);
    return rc;
}

int chain_load(struct chain *c, const struct chain_config *config, void (*at)(void *arg, uint32_t item),
               void *arg, struct err *err)
{
    int rc = 0;

    c->is_none = config->is_none;
    for (size_t i = 0; !rc && i < config->n_items; i++) {
        if (at)
            at(arg, (uint32_t)i);
        rc = load_file(c, config, i, err);
    }
    return rc;
}

/* ---- options ---- */

static void list_stages(const struct chain *c, struct buf *out)
{
    for (size_t i = 0; i < c->n_stages; i++)
        buf_printf(out, "%s%s", i ? ", " : "", c->stages[i].d.id);
}

static void list_options(const struct stage *s, struct buf *out)
{
    for (unsigned i = 0; i < s->d.n_opts; i++)
        buf_printf(out, "%s%s", i ? ", " : "", s->opts[i].key);
}

static int option_unknown(const struct chain *c, const struct stage *s, const struct chain_set *set,
                          struct err *err)
{
    struct buf list = BUF_INIT(8192);

    if (s)
        list_options(s, &list);
    else
        list_stages(c, &list);
    if (s)
        err_set(err, ERR_USAGE, "stage `%s` has no option `%s` (it has: %s): correct the name", s->d.id,
                set->option, list.len ? buf_cstr(&list) : "none");
    else
        err_set(err, ERR_USAGE,
                "option `%s.%s`: no stage `%s` in the chain (there: %s): correct the name or add it",
                set->stage, set->option, set->stage, list.len ? buf_cstr(&list) : "none");
    buf_release(&list);
    return ERR_USAGE;
}

static unsigned option_index(const struct stage *s, const char *key)
{
    unsigned i = 0;

    while (i < s->d.n_opts && strcmp(s->opts[i].key, key))
        i++;
    return i;
}

/* The value's text: as written, or a path made relative to the file it was written in. */
static char *option_text(const trommel_opt *row, const struct chain_set *set)
{
    if ((row->flags & TROMMEL_OPT_PATH) && set->dir && set->value[0])
        return path_join(set->dir, set->value);
    return strdup(set->value);
}

static int option_set(struct stage *s, unsigned i, const struct chain_set *set, struct err *err)
{
    char *text = option_text(&s->opts[i], set);
    trommel_val val;
    int rc;

    if (!text)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = option_parse(&s->opts[i], text, &val, err);
    if (rc) {
        free(text);
        err_prefix(err, "stage `%s`", s->d.id);
        return rc;
    }
    free(s->values[i].text);
    s->values[i] = (struct opt_value){ val, text };
    return 0;
}

static int set_apply(struct chain *c, const struct chain_set *set, struct err *err)
{
    const struct stage *named = NULL;

    for (size_t i = 0; i < c->n_stages; i++) {
        struct stage *s = &c->stages[i];
        unsigned o;
        if (set->item ? s->item + 1 != set->item : strcmp(s->d.id, set->stage) != 0)
            continue;
        named = s;
        o = option_index(s, set->option);
        if (o < s->d.n_opts)
            return option_set(s, o, set, err);
    }
    return set->soft ? 0 : option_unknown(c, named, set, err);
}

static int default_apply(struct stage *s, unsigned i, struct err *err)
{
    if (s->values[i].text)
        return 0;
    if (!s->opts[i].dflt && (s->opts[i].flags & TROMMEL_OPT_REQUIRED))
        return err_set(err, ERR_USAGE, "stage `%s`: option `%s` must be given (%.200s): --set %s.%s=VALUE",
                       s->d.id, s->opts[i].key, s->opts[i].help ? s->opts[i].help : "it has no default",
                       s->d.id, s->opts[i].key);
    if (!s->opts[i].dflt)
        return 0;
    s->values[i].text = strdup(s->opts[i].dflt);
    if (!s->values[i].text)
        return err_set(err, ERR_NOMEM, "out of memory");
    return option_parse(&s->opts[i], s->values[i].text, &s->values[i].val, err);
}

int chain_options(struct chain *c, const struct chain_config *config, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < config->n_sets; i++)
        rc = set_apply(c, &config->sets[i], err);
    for (size_t i = 0; !rc && i < c->n_stages; i++)
        for (unsigned o = 0; !rc && o < c->stages[i].d.n_opts; o++)
            rc = default_apply(&c->stages[i], o, err);
    return rc;
}
