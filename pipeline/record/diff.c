/* diff: see diff.h.
 *
 * Both records are walked together, map by map.  Where a key is sought in the other map is remembered, so
 * that keys in the same order are found at once; only what is out of order is searched for.  Every value
 * read counts as a step, and steps are bounded by the bytes, since the worst order would take their
 * square.  Recursion is as deep as the values are nested: LIMIT_RECORD_DEPTH at most. */
#include "record/diff.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

enum { STEPS_A_BYTE = 2, STEPS_FREE = 10000000, STOP = 1 };

static const char *const run_paths[] = { "chain", "id", "fetched_at", "dedupe" };
const struct diff_ignore diff_ignore_run = { run_paths, sizeof run_paths / sizeof run_paths[0] };

const char *diff_kind_name(enum diff_kind k)
{
    static const char *const names[DIFF_KINDS] = {
#define X(up, low) #low,
        DIFF_KIND_MAP(X)
#undef X
    };

    return (unsigned)k < DIFF_KINDS ? names[k] : "?";
}

struct diff {
    const struct diff_ignore *ignore;
    diff_fn *fn;
    void *arg;
    int is_quiet; /* only whether anything differs is wanted: STOP as soon as it does */
    uint64_t counts[DIFF_KINDS];
    uint64_t steps; /* left */
    size_t path_n;
    char path[DIFF_PATH_MAX + 1];
    struct err *err;
};

/* A value with the bytes it was read from; raw.p NULL: there is none. */
struct item {
    struct mp_value v;
    trommel_str raw;
};

/* An open map, and where the next key is expected. */
struct map {
    const unsigned char *first, *end; /* end: of the record */
    uint32_t n;
    const unsigned char *at;
    uint32_t index;
};

static int not_whole(struct diff *d)
{
    return err_set(d->err, ERR_INVALID, "to be compared: no whole msgpack map with strings as keys");
}

static int too_deep(struct diff *d)
{
    return err_set(d->err, ERR_LIMIT, "to be compared: nested deeper than %u", LIMIT_RECORD_DEPTH);
}

/* ---- reading ---- */

static int skip(struct diff *d, const unsigned char **at, const unsigned char *end)
{
    struct mp_value v;

    for (uint64_t open = 1; open; open--) {
        if (!d->steps--) {
            d->steps = 0;
            return err_set(d->err, ERR_LIMIT, "to be compared: keys in too great disorder");
        }
        if (mp_read(at, end, &v) < 0)
            return not_whole(d);
        if (v.type == MP_ARRAY)
            open += v.u.n;
        else if (v.type == MP_MAP)
            open += 2 * (uint64_t)v.u.n;
    }
    return 0;
}

static int item_read(struct diff *d, const unsigned char **at, const unsigned char *end, struct item *ret)
{
    const unsigned char *start = *at, *p = *at;
    int rc = skip(d, at, end);

    if (rc)
        return rc;
    mp_read(&p, end, &ret->v);
    ret->raw = (trommel_str){ (const char *)start, (size_t)(*at - start) };
    return 0;
}

static struct map map_of(const struct item *i)
{
    const unsigned char *end = (const unsigned char *)i->raw.p + i->raw.n;

    return i->raw.p ? (struct map){ i->v.p, end, i->v.u.n, i->v.p, 0 } : (struct map){ .n = 0 };
}

/* The next key and its value; the caller knows that there is one. */
static int map_next(struct diff *d, struct map *m, struct item *key, struct item *val)
{
    int rc = item_read(d, &m->at, m->end, key);

    if (!rc && key->v.type != MP_STR)
        rc = not_whole(d);
    m->index++;
    return rc ? rc : item_read(d, &m->at, m->end, val);
}

/* Is there `key`?  1 and *val, or 0, or an error.  Begins where the last one was found; *ret_wrapped is
 * set if it lay before that. */
static int map_find(struct diff *d, struct map *m, const struct item *key, struct item *val, int *ret_wrapped)
{
    struct map before = *m;
    int wrapped = 0;
    struct item k;

    for (uint32_t tries = 0; tries < m->n; tries++) {
        if (m->index == m->n) {
            m->index = 0;
            m->at = m->first;
            wrapped = 1;
        }
        int rc = map_next(d, m, &k, val);
        if (rc)
            return rc;
        if (k.v.len == key->v.len && !memcmp(k.v.p, key->v.p, k.v.len)) {
            *ret_wrapped |= wrapped;
            return 1;
        }
    }
    *m = before;
    return 0;
}

/* nil is nothing. */
static int is_there(const struct item *i)
{
    return i->raw.p && i->v.type != MP_NIL;
}

/* ---- equal? ---- */

static int walk(struct diff *d, const struct item *a, const struct item *b, unsigned depth);

static int number_equal(const struct mp_value *whole, double d)
{
    if (whole->type == MP_INT)
        return d >= -0x1p63 && d < 0 && (double)(int64_t)d == d && (int64_t)d == whole->u.i;
    return d >= 0 && d < 0x1p64 && (double)(uint64_t)d == d && (uint64_t)d == whole->u.u;
}

static int is_whole(const struct mp_value *v)
{
    return v->type == MP_INT || v->type == MP_UINT;
}

static int scalar_equal(const struct mp_value *a, const struct mp_value *b)
{
    if (is_whole(a) && b->type == MP_F64)
        return number_equal(a, b->u.d);
    if (is_whole(b) && a->type == MP_F64)
        return number_equal(b, a->u.d);
    if (a->type != b->type)
        return 0;
    switch (a->type) {
    case MP_NIL:
        return 1;
    case MP_F64:
        return a->u.d == b->u.d || (isnan(a->u.d) && isnan(b->u.d));
    case MP_STR:
    case MP_BIN:
        return a->len == b->len && !memcmp(a->p, b->p, a->len);
    case MP_EXT:
        return a->u.i == b->u.i && a->len == b->len && !memcmp(a->p, b->p, a->len);
    default:
        return a->u.u == b->u.u;
    }
}

static int item_equal(struct diff *d, const struct item *a, const struct item *b, unsigned depth);

static int array_equal(struct diff *d, const struct item *a, const struct item *b, unsigned depth)
{
    const unsigned char *pa = a->v.p, *pb = b->v.p, *ea = (const unsigned char *)a->raw.p + a->raw.n,
                        *eb = (const unsigned char *)b->raw.p + b->raw.n;
    int same = depth > LIMIT_RECORD_DEPTH ? too_deep(d) : a->v.u.n == b->v.u.n;

    for (uint32_t i = 0; same == 1 && i < a->v.u.n; i++) {
        struct item x, y;
        int rc = item_read(d, &pa, ea, &x);
        rc = rc ? rc : item_read(d, &pb, eb, &y);
        same = rc ? rc : item_equal(d, &x, &y, depth);
    }
    return same;
}

static int map_equal(struct diff *d, const struct item *a, const struct item *b, unsigned depth)
{
    struct diff quiet = { .is_quiet = 1, .steps = d->steps, .err = d->err };
    int rc = walk(&quiet, a, b, depth);

    d->steps = quiet.steps;
    return rc < 0 ? rc : rc != STOP;
}

/* 1, 0, or an error. */
static int item_equal(struct diff *d, const struct item *a, const struct item *b, unsigned depth)
{
    if (a->raw.n == b->raw.n && !memcmp(a->raw.p, b->raw.p, a->raw.n))
        return 1;
    if (a->v.type == MP_ARRAY && b->v.type == MP_ARRAY)
        return array_equal(d, a, b, depth + 1);
    if (a->v.type == MP_MAP && b->v.type == MP_MAP)
        return map_equal(d, a, b, depth + 1);
    return scalar_equal(&a->v, &b->v);
}

/* ---- fields ---- */

/* Adds a key to the path; gives the length it had. */
static size_t path_push(struct diff *d, const struct item *key)
{
    size_t before = d->path_n, room;

    if (before && before < DIFF_PATH_MAX)
        d->path[d->path_n++] = '.';
    room = DIFF_PATH_MAX - d->path_n;
    size_t n = key->v.len <= room ? key->v.len : utf8_valid(key->v.p, room);
    memcpy(d->path + d->path_n, key->v.p, n);
    d->path_n += n;
    d->path[d->path_n] = 0;
    return before;
}

static void path_pop(struct diff *d, size_t before)
{
    d->path_n = before;
    d->path[before] = 0;
}

static int is_ignored(const struct diff *d)
{
    for (size_t i = 0; d->ignore && i < d->ignore->n; i++)
        if (strlen(d->ignore->paths[i]) == d->path_n && !memcmp(d->ignore->paths[i], d->path, d->path_n))
            return 1;
    return 0;
}

static int say(struct diff *d, enum diff_kind kind, const struct item *a, const struct item *b)
{
    struct diff_field f = { kind, { d->path, d->path_n }, { NULL, 0 }, { NULL, 0 } };

    d->counts[kind]++;
    if (d->is_quiet)
        return kind == DIFF_EQUAL ? 0 : STOP;
    if (!d->fn)
        return 0;
    if (is_there(a))
        f.old_raw = a->raw;
    if (is_there(b))
        f.new_raw = b->raw;
    return d->fn(d->arg, &f);
}

/* What one of them is not, the other is as if it were an empty map. */
static int is_branch(const struct item *i)
{
    return !is_there(i) || i->v.type == MP_MAP;
}

static int is_full_map(const struct item *i)
{
    return is_there(i) && i->v.type == MP_MAP && i->v.u.n;
}

static int field(struct diff *d, const struct item *a, const struct item *b, unsigned depth)
{
    if (!is_there(a) && !is_there(b))
        return 0;
    if (is_branch(a) && is_branch(b) && (is_full_map(a) || is_full_map(b)))
        return walk(d, a, b, depth + 1);
    if (!is_there(a))
        return say(d, DIFF_EXTRA, a, b);
    if (!is_there(b))
        return say(d, DIFF_MISSING, a, b);
    int same = item_equal(d, a, b, depth);
    return same < 0 ? same : say(d, same ? DIFF_EQUAL : DIFF_DIFFERS, a, b);
}

static int field_of(struct diff *d, const struct item *key, const struct item *a, const struct item *b,
                    unsigned depth)
{
    size_t before = path_push(d, key);
    int rc = is_ignored(d) ? 0 : field(d, a, b, depth);

    path_pop(d, before);
    return rc;
}

/* What `from` has and `in` has not. */
static int extras(struct diff *d, struct map from, struct map in, unsigned depth)
{
    const struct item none = { .raw = { NULL, 0 } };
    int wrapped = 0;

    for (uint32_t i = 0; i < from.n; i++) {
        struct item key, val, other;
        int rc = map_next(d, &from, &key, &val);
        int found = rc ? rc : map_find(d, &in, &key, &other, &wrapped);
        if (!found)
            found = field_of(d, &key, &none, &val, depth);
        else if (found == 1)
            found = 0;
        if (found)
            return found;
    }
    return 0;
}

/* Two maps, or one and nothing. */
static int walk(struct diff *d, const struct item *a, const struct item *b, unsigned depth)
{
    const struct item none = { .raw = { NULL, 0 } };
    struct map old = map_of(is_there(a) ? a : &none), new = map_of(is_there(b) ? b : &none);
    struct map old_again = old, new_again = new;
    uint32_t found_n = 0;
    int wrapped = 0, rc = 0;

    if (depth > LIMIT_RECORD_DEPTH)
        return too_deep(d);
    for (uint32_t i = 0; i < old.n; i++) {
        struct item key, val, other = none;
        rc = map_next(d, &old, &key, &val);
        int found = rc ? rc : map_find(d, &new, &key, &other, &wrapped);
        if (found >= 0)
            rc = field_of(d, &key, &val, found ? &other : &none, depth);
        else
            rc = found;
        if (rc)
            return rc;
        found_n += found == 1;
    }
    /* found one behind the other, and as many as there are: nothing is left */
    return !wrapped && found_n == new.n ? 0 : extras(d, new_again, old_again, depth);
}

/* ---- the way in ---- */

static int record_read(struct diff *d, trommel_str record, struct item *ret)
{
    const unsigned char *at = (const unsigned char *)record.p, *end = at + record.n;
    int rc = record.n ? item_read(d, &at, end, ret) : not_whole(d);

    return rc ? rc : at == end ? 0 : not_whole(d);
}

static uint64_t steps_for(trommel_str a, trommel_str b)
{
    return STEPS_FREE + STEPS_A_BYTE * ((uint64_t)a.n + b.n);
}

int diff_records(trommel_str old_record, trommel_str new_record, const struct diff_ignore *ignore,
                 diff_fn *fn, void *arg, uint64_t counts[DIFF_KINDS], struct err *err)
{
    struct diff d = { .ignore = ignore, .fn = fn, .arg = arg, .err = err };
    struct item a, b;

    d.steps = steps_for(old_record, new_record);
    int rc = record_read(&d, old_record, &a);
    rc = rc ? rc : record_read(&d, new_record, &b);
    if (!rc && (a.v.type != MP_MAP || b.v.type != MP_MAP))
        rc = not_whole(&d);
    rc = rc ? rc : walk(&d, &a, &b, 1);
    if (counts)
        memcpy(counts, d.counts, sizeof d.counts);
    return rc;
}

int diff_equal(trommel_str a, trommel_str b)
{
    struct diff d = { .steps = steps_for(a, b) };
    struct item x, y;
    int rc = record_read(&d, a, &x);

    rc = rc ? rc : record_read(&d, b, &y);
    return rc ? rc : item_equal(&d, &x, &y, 0);
}
