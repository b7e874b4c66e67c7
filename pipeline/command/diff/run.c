/* run: see run.h. */
#include "command/diff/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "command/diff/index.h"
#include "command/diff/rank.h"
#include "deliver/segment.h"
#include "record/record.h"

struct only {
    struct place list[DIFF_TOP];
    uint32_t n;
};
struct diff_run {
    const struct diff_args *args;
    char *old;
    struct diff_store *store;
    struct diff_index *index;
    struct diff_rank *rank;
    struct words_diff words;
    struct buf old_record, new_record; /* what was read last */
    struct diff_counts counts;
    struct diff_read old_read, new_read;
    uint64_t failed; /* records that could not be compared */
    uint64_t order;
    struct only only_old, only_new;
    struct diff_field_count *fields; /* sorted by path until the end; the last one is that of all others */
    uint32_t n_fields;
    int is_whole;
    /* of the record that is being compared */
    double magnitude;
    uint32_t parts;
};

/* ---- opening ---- */

struct old_read {
    struct diff_run *run;
    struct err *err;
};

static int on_old(void *arg, trommel_str record, const struct place *at)
{
    struct old_read *o = arg;
    struct place own;
    int rc = at ? 0 : diff_store_put(o->run->store, record, &own, o->err);

    return rc ? rc : diff_index_add(o->run->index, record, at ? at : &own, o->err);
}

int diff_run_open(const char *old, const struct diff_args *args, struct diff_run **ret, struct err *err)
{
    struct diff_run *r = calloc(1, sizeof *r);

    *ret = r;
    if (!r || !(r->old = strdup(old)) || !(r->fields = calloc(DIFF_FIELDS_MAX + 1, sizeof *r->fields)))
        abort();
    r->args = args;
    r->store = diff_store_new();
    r->index = diff_index_new(r->store);
    r->rank = diff_rank_new(args->top);
    buf_init(&r->old_record, SEGMENT_RECORD_MAX);
    buf_init(&r->new_record, SEGMENT_RECORD_MAX);
    struct old_read o = { r, err };
    int rc = diff_read(old, r->store, on_old, &o, &r->old_read, err);
    if (rc == 0)
        diff_index_seal(r->index);
    return rc;
}

void diff_run_free(struct diff_run *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i <= DIFF_FIELDS_MAX; i++)
        free(r->fields[i].path);
    free(r->fields);
    free(r->old);
    words_diff_release(&r->words);
    diff_rank_free(r->rank);
    diff_index_free(r->index);
    diff_store_free(r->store);
    buf_release(&r->old_record);
    buf_release(&r->new_record);
    free(r);
}

/* ---- two records ---- */

struct parts {
    const struct diff_args *args;
    struct words_diff *words;
    diff_part_fn *fn;
    void *arg;
};

/* JSON has bytes as hexadecimal text. */
static int is_hex_of(trommel_str raw, trommel_str other_raw)
{
    const unsigned char *at = (const unsigned char *)raw.p;
    trommel_str text = diff_str(other_raw);
    struct mp_value v;

    if (!text.p || mp_read(&at, at + raw.n, &v) < 0 || v.type != MP_BIN || text.n != 2 * v.len)
        return 0;
    for (size_t i = 0; i < v.len; i++) {
        char hex[3];
        snprintf(hex, sizeof hex, "%02x", v.p[i]);
        if (memcmp(hex, text.p + 2 * i, 2))
            return 0;
    }
    return 1;
}

static int on_field(void *arg, const struct diff_field *f)
{
    struct parts *p = arg;

    if (f->kind == DIFF_EQUAL || !diff_is_compared(p->args, f->path))
        return 0;
    if (f->kind == DIFF_DIFFERS && (is_hex_of(f->old_raw, f->new_raw) || is_hex_of(f->new_raw, f->old_raw)))
        return 0;
    struct diff_part part = { .field = f, .row = diff_row_of(f->path) };
    part.share = diff_share(f, part.row, p->words);
    return p->fn(p->arg, &part);
}

int diff_parts(const struct diff_args *args, trommel_str old_record, trommel_str new_record,
               struct words_diff *words, diff_part_fn *fn, void *arg, struct err *err)
{
    struct parts p = { args, words, fn, arg };

    return diff_records(old_record, new_record, NULL, on_field, &p, NULL, err);
}

/* The field's row of the table; it is made if there is room, else it is the one of all others. */
static struct diff_field_count *field_count(struct diff_run *r, trommel_str path)
{
    uint32_t low = 0, high = r->n_fields;

    while (low < high) {
        uint32_t mid = (low + high) / 2;
        int rc = strcmp(r->fields[mid].path, path.p);
        if (rc == 0)
            return &r->fields[mid];
        if (rc < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (r->n_fields == DIFF_FIELDS_MAX)
        return &r->fields[DIFF_FIELDS_MAX];
    memmove(&r->fields[low + 1], &r->fields[low], (r->n_fields - low) * sizeof *r->fields);
    r->n_fields++;
    r->fields[low] = (struct diff_field_count){ .path = strdup(path.p) };
    if (!r->fields[low].path)
        abort();
    return &r->fields[low];
}

static int on_part(void *arg, const struct diff_part *p)
{
    struct diff_run *r = arg;
    struct diff_field_count *f = field_count(r, p->field->path);

    f->records++;
    f->gained += p->field->kind == DIFF_EXTRA;
    f->lost += p->field->kind == DIFF_MISSING;
    f->changed += p->field->kind == DIFF_DIFFERS;
    f->shares += p->share;
    f->magnitudes += p->share * p->row->weight;
    r->magnitude += p->share * p->row->weight;
    r->parts++;
    return 0;
}

/* ---- NEW ---- */

static void uncompared_say(struct diff_run *r, trommel_str record, const struct err *err)
{
    char name[DIFF_NAME_MAX];
    trommel_str s = diff_name(record, name);

    log_warn("%.*s: cannot be compared: %s", (int)(s.n < 500 ? s.n : 500), s.p, err->text);
    r->failed++;
}

/* Keeps a place for the record, if it is one of those to be shown. */
static int changed_keep(struct diff_run *r, trommel_str record, const struct place *old_at,
                        const struct place *at, struct err *err)
{
    struct diff_changed c = { .magnitude = r->magnitude, .order = r->order, .old_at = *old_at };

    if (!diff_rank_wants(r->rank, r->magnitude))
        return 0;
    int rc = at ? 0 : diff_store_put(r->store, record, &c.new_at, err);
    if (at)
        c.new_at = *at;
    if (rc == 0)
        diff_rank_add(r->rank, &c);
    return rc;
}

static int only_new_keep(struct diff_run *r, trommel_str record, const struct place *at, struct err *err)
{
    struct only *o = &r->only_new;

    r->counts.only_new++;
    if (o->n == DIFF_TOP || r->args->is_json)
        return 0;
    int rc = at ? 0 : diff_store_put(r->store, record, &o->list[o->n], err);
    if (at)
        o->list[o->n] = *at;
    o->n += rc == 0;
    return rc;
}

int diff_run_record(struct diff_run *r, trommel_str record, const struct place *at, struct err *err)
{
    struct err why = { 0 };
    struct place old_at;
    int rc = diff_index_take(r->index, record, &r->old_record, &old_at, &why);

    r->order++;
    if (rc == 0)
        return only_new_keep(r, record, at, err);
    if (rc == 1) {
        trommel_str old_record = { (const char *)r->old_record.data, r->old_record.len };
        r->magnitude = 0;
        r->parts = 0;
        rc = diff_parts(r->args, old_record, record, &r->words, on_part, r, &why);
    }
    if (rc < 0) {
        uncompared_say(r, record, &why);
        return 0;
    }
    if (!r->parts) {
        r->counts.equal++;
        return 0;
    }
    r->counts.changed++;
    return changed_keep(r, record, &old_at, at, err);
}

struct new_read {
    struct diff_run *run;
    struct err *err;
};

static int on_new(void *arg, trommel_str record, const struct place *at)
{
    struct new_read *n = arg;

    return diff_run_record(n->run, record, at, n->err);
}

int diff_run_read(struct diff_run *r, const char *path, struct err *err)
{
    struct new_read n = { r, err };

    return diff_read(path, r->store, on_new, &n, &r->new_read, err);
}

/* ---- the end ---- */

static int field_compare(const void *pa, const void *pb)
{
    const struct diff_field_count *a = pa, *b = pb;

    if (a->records != b->records)
        return a->records < b->records ? 1 : -1;
    return strcmp(a->path, b->path);
}

void diff_run_end(struct diff_run *r, int is_whole)
{
    r->is_whole = is_whole;
    if (is_whole)
        r->counts.only_old = diff_index_left(r->index, r->only_old.list, DIFF_TOP, &r->only_old.n);
    qsort(r->fields, r->n_fields, sizeof *r->fields, field_compare);
    if (r->fields[DIFF_FIELDS_MAX].records && (r->fields[DIFF_FIELDS_MAX].path = strdup("(other fields)")))
        r->n_fields++;
    diff_rank_sort(r->rank);
}

struct diff_counts diff_run_counts(const struct diff_run *r)
{
    return r->counts;
}

uint64_t diff_run_damaged(const struct diff_run *r)
{
    return r->old_read.damaged + r->new_read.damaged + r->failed;
}

int diff_run_is_whole(const struct diff_run *r)
{
    return r->is_whole;
}

const struct diff_args *diff_run_args(const struct diff_run *r)
{
    return r->args;
}

const char *diff_run_old(const struct diff_run *r)
{
    return r->old;
}

uint64_t diff_run_old_count(const struct diff_run *r)
{
    return r->old_read.records;
}

const struct diff_field_count *diff_run_fields(const struct diff_run *r, uint32_t *ret_n)
{
    *ret_n = r->n_fields;
    return r->fields;
}

const struct diff_changed *diff_run_changed(const struct diff_run *r, uint32_t *ret_n)
{
    return diff_rank_list(r->rank, ret_n);
}

const struct place *diff_run_only(const struct diff_run *r, int in_new, uint32_t *ret_n)
{
    const struct only *o = in_new ? &r->only_new : &r->only_old;

    *ret_n = o->n < r->args->top ? o->n : r->args->top;
    return o->list;
}

static int load(struct diff_run *r, const struct place *at, struct buf *into, trommel_str *ret,
                struct err *err)
{
    int rc = diff_store_get(r->store, at, into, err);

    *ret = (trommel_str){ (const char *)into->data, into->len };
    return rc;
}

int diff_run_load(struct diff_run *r, const struct diff_changed *c, trommel_str *ret_old,
                  trommel_str *ret_new, struct err *err)
{
    int rc = load(r, &c->old_at, &r->old_record, ret_old, err);

    return rc ? rc : load(r, &c->new_at, &r->new_record, ret_new, err);
}

int diff_run_load_one(struct diff_run *r, const struct place *at, trommel_str *ret, struct err *err)
{
    return load(r, at, &r->old_record, ret, err);
}

trommel_str diff_name(trommel_str record, char name[DIFF_NAME_MAX])
{
    trommel_str s = record_get_str(record.p, record.n, "url");
    struct mp_value id;

    if (s.n)
        return s;
    s = record_get_str(record.p, record.n, "id");
    if (s.n)
        return s;
    if (record_get(record.p, record.n, "id", &id) < 0 || id.type != MP_BIN || id.len > DIFF_NAME_MAX / 2 - 1)
        return (trommel_str){ "(no URL)", 8 };
    for (size_t i = 0; i < id.len; i++)
        snprintf(name + 2 * i, 3, "%02x", id.p[i]);
    return (trommel_str){ name, 2 * id.len };
}
