/* record: head, end, appending and looking up; see record.h.
 *
 * The outer map is always 0xde (map16) and its count, so that record_end and record_append can set the
 * count in place. */
#include "record/record.h"

#include <string.h>

#include "base/clock.h"

enum { MAP16 = 0xde, MAP16_BYTES = 3 };

static const char *const outcome_names[OUTCOME_COUNT] = {
#define X(up, low) #low,
    OUTCOME_MAP(X)
#undef X
};

const char *outcome_name(enum outcome o)
{
    return (unsigned)o < OUTCOME_COUNT ? outcome_names[o] : "?";
}

int outcome_from_name(trommel_str s)
{
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (strlen(outcome_names[i]) == s.n && !memcmp(outcome_names[i], s.p, s.n))
            return i;
    return -1;
}

/* ---- building ---- */

static void str_or_nil(struct buf *b, trommel_str s)
{
    if (s.n)
        mp_str(b, s.p, s.n);
    else
        mp_nil(b);
}

static void field_str(struct buf *b, const char *key, trommel_str value, uint32_t *n)
{
    mp_cstr(b, key);
    str_or_nil(b, value);
    ++*n;
}

static void field_uint(struct buf *b, const char *key, uint64_t value, uint32_t *n)
{
    mp_cstr(b, key);
    mp_uint(b, value);
    ++*n;
}

static void field_id(struct buf *b, const struct record_head *h, uint32_t *n)
{
    mp_cstr(b, "id");
    if (h->id_text.n)
        mp_str(b, h->id_text.p, h->id_text.n);
    else
        mp_bin(b, h->id, sizeof h->id);
    ++*n;
}

void record_begin(struct buf *b, const struct record_head *h, uint32_t *n_fields)
{
    static const unsigned char head[MAP16_BYTES] = { MAP16, 0, 0 };
    char when[CLOCK_RFC3339_BYTES];
    unsigned when_n = clock_rfc3339(h->fetched_ms, when);

    *n_fields = 0;
    buf_add(b, head, sizeof head);
    field_uint(b, "v", RECORD_VERSION, n_fields);
    field_str(b, "kind", (trommel_str){ "page", 4 }, n_fields);
    field_id(b, h, n_fields);
    field_str(b, "url", h->url, n_fields);
    field_str(b, "final_url", h->final_url, n_fields);
    field_str(b, "fetched_at", (trommel_str){ when, when_n }, n_fields);
    field_uint(b, "status", h->status, n_fields);
    field_str(b, "content_type", h->content_type, n_fields);
    field_str(b, "charset", h->charset, n_fields);
    field_uint(b, "bytes", h->bytes, n_fields);
    mp_cstr(b, "outcome");
    mp_map(b, 2);
    mp_cstr(b, "code");
    mp_cstr(b, outcome_name(h->outcome));
    mp_cstr(b, "reason");
    str_or_nil(b, h->reason);
    mp_cstr(b, "fetch");
    if (h->fetch.n)
        buf_add(b, h->fetch.p, h->fetch.n);
    else
        mp_nil(b);
    *n_fields += 2;
}

static int count_set(struct buf *b, uint32_t n)
{
    if (n > UINT16_MAX)
        return ERR_LIMIT;
    b->data[1] = (unsigned char)(n >> 8);
    b->data[2] = (unsigned char)n;
    return 0;
}

void record_end(struct buf *b, uint32_t n_fields)
{
    if (!b->err && b->len >= MAP16_BYTES)
        b->err = count_set(b, n_fields);
}

void record_put_error(struct buf *b, const struct record_error *e, uint32_t *n_fields)
{
    uint32_t n = 0;

    mp_cstr(b, "error");
    mp_map(b, 3 + (e->signal != 0) + (e->n_backtrace != 0));
    field_str(b, "stage", e->stage, &n);
    field_str(b, "reason", e->reason, &n);
    field_str(b, "message", e->message, &n);
    if (e->signal) {
        mp_cstr(b, "signal");
        mp_int(b, e->signal);
    }
    if (e->n_backtrace) {
        mp_cstr(b, "backtrace");
        mp_array(b, (uint32_t)e->n_backtrace);
    }
    for (size_t i = 0; i < e->n_backtrace; i++)
        mp_cstr(b, e->backtrace[i]);
    ++*n_fields;
}

/* Is this an outer map16, whole, and without `key`?  Its number of fields. */
static int appendable(const struct buf *rec, const char *key, uint32_t *ret_n)
{
    const unsigned char *at = rec->data, *end = at + rec->len;
    struct mp_value outer, name;

    if (rec->err)
        return rec->err;
    if (rec->len < MAP16_BYTES || at[0] != MAP16 || mp_read(&at, end, &outer) < 0)
        return ERR_INVALID;
    for (uint32_t i = 0; i < outer.u.n; i++) {
        if (mp_read(&at, end, &name) < 0 || name.type != MP_STR || mp_skip(&at, end) < 0)
            return ERR_INVALID;
        if (name.len == strlen(key) && !memcmp(name.p, key, name.len))
            return ERR_EXISTS;
    }
    *ret_n = outer.u.n;
    return at == end ? 0 : ERR_INVALID;
}

int record_append(struct buf *rec, const char *key, const void *value, size_t n)
{
    const unsigned char *at = value;
    uint32_t fields = 0;
    int rc = appendable(rec, key, &fields);

    if (rc < 0)
        return rc;
    if (mp_skip(&at, at + n) < 0 || at != (const unsigned char *)value + n)
        return ERR_INVALID;
    size_t len = rec->len;
    mp_cstr(rec, key);
    buf_add(rec, value, n);
    rc = rec->err ? rec->err : count_set(rec, fields + 1);
    if (rc < 0) { /* as it was before */
        rec->len = len;
        rec->err = 0;
    }
    return rc;
}

/* ---- looking up ---- */

/* The value of `key` in the map v; ERR_ABSENT. */
static int map_find(const struct mp_value *map, const unsigned char *end, const char *key, size_t key_n,
                    struct mp_value *ret)
{
    const unsigned char *at = map->p;
    struct mp_value name;

    for (uint32_t i = 0; i < map->u.n; i++) {
        const unsigned char *key_at = at;
        if (mp_skip(&at, end) < 0)
            return ERR_INVALID;
        if (mp_read(&key_at, end, &name) == 0 && name.type == MP_STR && name.len == key_n &&
            !memcmp(name.p, key, key_n))
            return mp_read(&at, end, ret);
        if (mp_skip(&at, end) < 0)
            return ERR_INVALID;
    }
    return ERR_ABSENT;
}

int record_get(const void *p, size_t n, const char *path, struct mp_value *ret)
{
    const unsigned char *at = p, *end = at + n;
    struct mp_value v;

    if (mp_read(&at, end, &v) < 0)
        return ERR_INVALID;
    for (;;) {
        size_t key_n = strcspn(path, ".");
        if (v.type != MP_MAP)
            return ERR_ABSENT;
        struct mp_value map = v;
        int rc = map_find(&map, end, path, key_n, &v);
        if (rc < 0)
            return rc;
        if (!path[key_n])
            break;
        path += key_n + 1;
    }
    *ret = v;
    return 0;
}

trommel_str record_get_str(const void *p, size_t n, const char *path)
{
    struct mp_value v;

    if (record_get(p, n, path, &v) < 0 || v.type != MP_STR)
        return (trommel_str){ 0 };
    return (trommel_str){ (const char *)v.p, v.len };
}

trommel_str record_field(const void *p, size_t n, const char *key)
{
    const unsigned char *at = p, *end = at + n, *value;
    struct mp_value outer, name;

    if (mp_read(&at, end, &outer) < 0 || outer.type != MP_MAP)
        return (trommel_str){ 0 };
    for (uint32_t i = 0; i < outer.u.n; i++) {
        if (mp_read(&at, end, &name) < 0 || name.type != MP_STR)
            break;
        value = at;
        if (mp_skip(&at, end) < 0)
            break;
        if (name.len == strlen(key) && !memcmp(name.p, key, name.len))
            return (trommel_str){ (const char *)value, (size_t)(at - value) };
    }
    return (trommel_str){ 0 };
}
