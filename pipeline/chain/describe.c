/* describe: see describe.h.  The child writes JSON into a pipe; what comes out of it is bounded and parsed as
 * that of a stranger, which it is. */
#include "chain/describe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "chain/bring.h"

enum { TEXT_BYTES = 2000, CPU_MS = 10000, IDLE_MS = 60000 };
#define OUT_MAX (8u * MIB)

struct reading {
    struct chain_config config;
    struct reading_board { /* shared with the child */
        struct bring_board bring;
        int done;
    } * board;
};

/* ---- in the child: a table as JSON ---- */

/* A string of the stage's: at most TEXT_BYTES of it, U+FFFD for what is no UTF-8; null for NULL. */
static json_t *text(const char *p)
{
    struct buf out = BUF_INIT(4 * TEXT_BYTES);
    size_t n = p ? strnlen(p, TEXT_BYTES) : 0, at = 0;
    json_t *ret;

    if (!p)
        return json_null();
    while (at < n) {
        size_t good = utf8_valid(p + at, n - at);
        buf_add(&out, p + at, good);
        at += good;
        if (at < n) {
            buf_add_str(&out, "\xef\xbf\xbd");
            at += utf8_bad((const unsigned char *)p + at, n - at);
        }
    }
    ret = json_stringn(out.len ? (const char *)out.data : "", out.len);
    buf_release(&out);
    return ret;
}

static json_t *type(uint32_t t)
{
    return json_string(port_type_name(t));
}

static json_t *ports(const trommel_port *rows, unsigned n, uint32_t flag, const char *flag_name)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{so, so, sb}", "name", text(rows[i].name), "type",
                                              type(rows[i].type), flag_name, (rows[i].flags & flag) != 0));
    return list;
}

static json_t *number(uint32_t t, double v)
{
    return t == TROMMEL_T_I64 ? json_integer((json_int_t)v) : json_real(v);
}

static json_t *option(const trommel_opt *o)
{
    json_t *row =
        json_pack("{so, so, so, so, so, so, sb, sb, sb}", "key", text(o->key), "type", type(o->type),
                  "default", text(o->dflt), "choices", text(o->choices), "unit", text(o->unit), "help",
                  text(o->help), "required", !!(o->flags & TROMMEL_OPT_REQUIRED), "secret",
                  !!(o->flags & TROMMEL_OPT_SECRET), "path", !!(o->flags & TROMMEL_OPT_PATH));
    int ranged = (o->type == TROMMEL_T_I64 || o->type == TROMMEL_T_F64) && (o->min != 0 || o->max != 0);

    json_object_set_new(row, "min", ranged ? number(o->type, o->min) : json_null());
    json_object_set_new(row, "max", ranged ? number(o->type, o->max) : json_null());
    return row;
}

static json_t *options(const struct stage *s)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < s->d.n_opts; i++)
        json_array_append_new(list, option(&s->opts[i]));
    return list;
}

static json_t *metrics(const struct stage *s)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    json_t *list = json_array();

    for (unsigned i = 0; i < s->d.n_metrics; i++) {
        const trommel_metric *m = (const void *)((const char *)s->d.metrics + (size_t)i * s->d.metric_size);
        json_array_append_new(list, json_pack("{so, ss, so}", "name", text(m->name), "kind",
                                              m->kind <= TROMMEL_METRIC_HISTOGRAM ? kinds[m->kind] : "?",
                                              "help", text(m->help)));
    }
    return list;
}

static json_t *reasons(const struct stage *s)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < s->d.n_reasons; i++)
        json_array_append_new(list, text(s->d.reasons[i]));
    return list;
}

static json_t *flags(uint32_t f)
{
    static const char *const names[] = { "pure", "extras", "network" };
    json_t *list = json_array();
    char other[20];

    for (unsigned i = 0; i < 32; i++) {
        if (!(f >> i & 1))
            continue;
        snprintf(other, sizeof other, "bit %u", i);
        json_array_append_new(list, json_string(i < sizeof names / sizeof *names ? names[i] : other));
    }
    return list;
}

static json_t *stage(const struct stage *s)
{
    return json_pack("{so, so, so, so, so, so, so, so, so, so}", "id", text(s->d.id), "version",
                     text(s->d.version), "summary", text(s->d.summary), "license", text(s->d.license),
                     "flags", flags(s->d.flags), "needs",
                     ports(s->needs, s->d.n_needs, TROMMEL_PORT_OPTIONAL, "optional"), "provides",
                     ports(s->provides, s->d.n_provides, TROMMEL_PORT_RECORD, "record"), "options",
                     options(s), "metrics", metrics(s), "reasons", reasons(s));
}

/* Runs in the child. */
static void read_tables(void *arg, int out)
{
    struct reading *r = arg;
    json_t *list = json_array();
    struct chain *c;

    bring_begin(&r->board->bring);
    if (bring_load(&r->config, &r->board->bring, 0, &c))
        return;
    for (size_t i = 0; i < c->n_stages; i++)
        json_array_append_new(list, stage(&c->stages[i]));
    r->board->done = json_dumpfd(list, out, JSON_COMPACT) == 0;
}

/* ---- in the parent ---- */

static int reading_failed(const struct reading *r, const char *path, const struct apart_end *end,
                          struct err *err)
{
    int rc = bring_failed(&r->board->bring, end, &r->config, err);
    char how[1000];

    if (rc || (end->how == APART_EXITED && r->board->done))
        return rc;
    bring_words(&r->board->bring, end, &r->config, how);
    return err_set(err, ERR_CRASHED,
                   "%s: while its table was being read it %s: a pointer or a count in it is wrong", path,
                   how);
}

static int tables(struct reading *r, const char *path, json_t **ret, struct err *err)
{
    struct apart_options opt = { .run = read_tables,
                                 .arg = r,
                                 .out_max = OUT_MAX,
                                 .memory_bytes = LIMIT_WORKER_BYTES,
                                 .cpu_ms = CPU_MS,
                                 .idle_ms = IDLE_MS };
    struct apart_end end;
    int rc = apart_run(&opt, &end, err);

    *ret = NULL;
    rc = rc ? rc : reading_failed(r, path, &end, err);
    if (!rc && !(*ret = json_loadb((const char *)end.out.data, end.out.len, 0, NULL)))
        rc = err_set(err, ERR_CORRUPT, "%s: its table cannot be read", path);
    apart_end_release(&end);
    return rc;
}

int describe_file(const char *path, json_t **ret, struct err *err)
{
    struct trommel_note note;
    struct reading r = { 0 };
    json_t *stages = NULL;
    char *whole;
    int rc = note_judge(path, TROMMEL_NOTE_STAGE, &note, err);

    *ret = NULL;
    if (rc)
        return rc;
    r.board = mmap(NULL, sizeof *r.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r.board == MAP_FAILED)
        return err_set(err, ERR_NOMEM, "out of memory");
    whole = realpath(path, NULL);
    rc = whole ? chain_config_add(&r.config, whole, err)
               : err_set(err, ERR_ABSENT, "%s: %s", path, strerror(errno));
    rc = rc ? rc : chain_config_find(&r.config, NULL, err);
    rc = rc ? rc : tables(&r, path, &stages, err);
    if (!rc)
        *ret = json_pack("{so, s{si, si, si, si}, so}", "file", text(whole), "note", "abi_major",
                         (int)note.major, "abi_minor", (int)note.minor, "min_host_minor",
                         (int)note.min_host_minor, "pointer_bits", (int)note.ptr_bits, "stages", stages);
    chain_config_release(&r.config);
    munmap(r.board, sizeof *r.board);
    free(whole);
    return rc || *ret ? rc : err_set(err, ERR_NOMEM, "out of memory");
}

/* ---- the chain it can run in ---- */

/* Do rows of a list ("needs", "provides") of any of the stages have this name? */
static int has_port(const json_t *described, const char *list, const char *name)
{
    size_t i, k;
    json_t *s, *port;

    json_array_foreach(json_object_get(described, "stages"), i, s) json_array_foreach(
        json_object_get(s, list), k,
        port) if (!strcmp(json_string_value(json_object_get(port, "name")), name)) return 1;
    return 0;
}

static int has_id(const json_t *described, const json_t *other)
{
    size_t i, k;
    json_t *s, *o;

    json_array_foreach(json_object_get(described, "stages"), i, s)
        json_array_foreach(json_object_get(other, "stages"), k,
                           o) if (json_equal(json_object_get(s, "id"), json_object_get(o, "id"))) return 1;
    return 0;
}

/* Does `from` provide something that `to` needs? */
static int feeds(const json_t *from, const json_t *to)
{
    size_t i, k;
    json_t *s, *port;

    json_array_foreach(json_object_get(from, "stages"), i, s) json_array_foreach(
        json_object_get(s, "provides"), k,
        port) if (has_port(to, "needs", json_string_value(json_object_get(port, "name")))) return 1;
    return 0;
}

/* Can both be in one chain? */
static int clash(const json_t *a, const json_t *b)
{
    size_t i, k;
    json_t *s, *port;

    if (has_id(a, b))
        return 1;
    json_array_foreach(json_object_get(a, "stages"), i, s) json_array_foreach(
        json_object_get(s, "provides"), k,
        port) if (has_port(b, "provides", json_string_value(json_object_get(port, "name")))) return 1;
    return 0;
}

/* `given` are those that are in the chain for sure; a bundled stage comes in if one that is in it needs it.
 */
static int bundled_wanted(const json_t *given, const json_t *chosen, const json_t *bundled)
{
    size_t i;
    json_t *one;
    int wanted = 0;

    json_array_foreach(given, i, one)
    {
        if (clash(one, bundled))
            return 0;
        wanted |= feeds(bundled, one);
    }
    json_array_foreach(chosen, i, one) wanted |= feeds(bundled, one);
    return wanted;
}

static int bundled_choose(const json_t *given, json_t *chosen, struct err *err)
{
    struct chain_config all;
    int rc = chain_config_default(&all, err);

    rc = rc ? rc : chain_config_find(&all, NULL, err);
    for (size_t i = all.n_items;
         !rc && i-- > 0;) { /* the default chain is in order: one pass from its end will do */
        json_t *one;
        rc = describe_file(all.items[i].path, &one, err);
        if (!rc && bundled_wanted(given, chosen, one))
            json_array_insert(chosen, 0, one);
        if (!rc)
            json_decref(one);
    }
    chain_config_release(&all);
    return rc;
}

int describe_chain(const json_t *described, const char *path, const char *const *with, size_t n_with,
                   struct chain_config *ret, struct err *err)
{
    json_t *given = json_array(), *chosen = json_array(), *one;
    size_t at;
    int rc = 0;

    *ret = (struct chain_config){ 0 };
    for (size_t i = 0; !rc && i < n_with; i++) {
        rc = describe_file(with[i], &one, err);
        if (!rc)
            json_array_append_new(given, one);
    }
    json_array_append_new(given, json_deep_copy(described));
    rc = rc ? rc : bundled_choose(given, chosen, err);
    json_array_foreach(chosen, at, one) rc =
        rc ? rc : chain_config_add(ret, json_string_value(json_object_get(one, "file")), err);
    for (size_t i = 0; !rc && i < n_with; i++)
        rc = chain_config_add(ret, with[i], err);
    rc = rc ? rc : chain_config_add(ret, path, err);
    json_decref(given);
    json_decref(chosen);
    return rc ? rc : chain_config_find(ret, NULL, err);
}

int describe_set(struct chain_config *c, const char *assignment, struct err *err)
{
    size_t key = strcspn(assignment, "=");

    if (memchr(assignment, '.', key))
        return chain_config_set(c, assignment, err);
    if (!assignment[key] || !key)
        return err_set(err, ERR_USAGE, "--set %s: not of the form OPTION=VALUE, or STAGE.OPTION=VALUE",
                       assignment);
    return chain_config_set_last(c, assignment, err);
}
