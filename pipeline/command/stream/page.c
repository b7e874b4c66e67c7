/* page: see page.h.
 *
 * The first error sticks and reading goes on: the id may come behind what is wrong. */
#include "command/stream/page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "command/stream/headers.h"
#include "record/record.h"

static const char *const type_names[] = {
    [MP_NIL] = "nil",
    [MP_BOOL] = "a truth value",
    [MP_INT] = "a negative number",
    [MP_UINT] = "a whole number",
    [MP_F64] = "a fraction",
    [MP_STR] = "text",
    [MP_BIN] = "bytes",
    [MP_ARRAY] = "an array",
    [MP_MAP] = "a map",
    [MP_EXT] = "an extension type",
};

static void bad(struct stream_page *p, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void bad(struct stream_page *p, const char *reason, const char *fmt, ...)
{
    va_list ap;

    if (p->reason)
        return;
    p->reason = reason;
    p->why.code = ERR_INVALID;
    va_start(ap, fmt);
    vsnprintf(p->why.text, sizeof p->why.text, fmt, ap);
    va_end(ap);
}

/* ---- values ---- */

/* A key's value: as read, and its bytes. */
struct value {
    struct mp_value v;
    const unsigned char *p, *end;
};

struct row {
    const char *key;
    /* 0, or ERR_INVALID: it is none that `must` says. */
    int (*take)(struct stream_page *p, const struct row *row, const struct value *v);
    size_t at; /* in the input, where it is text */
    const char *must;
};

static trommel_str bytes_of(const struct value *v)
{
    return (trommel_str){ (const char *)v->v.p, v->v.len };
}

static int take_text(struct stream_page *p, const struct row *row, const struct value *v)
{
    if (v->v.type != MP_STR && v->v.type != MP_BIN)
        return ERR_INVALID;
    *(trommel_str *)((char *)&p->input + row->at) = bytes_of(v);
    return 0;
}

static int take_id(struct stream_page *p, const struct row *row, const struct value *v)
{
    static const char digits[] = "0123456789abcdef";

    buf_clear(&p->id);
    if (v->v.type == MP_STR) {
        p->input.id = bytes_of(v);
        return 0;
    }
    if (v->v.type == MP_UINT)
        buf_printf(&p->id, "%" PRIu64, v->v.u.u);
    else if (v->v.type == MP_INT)
        buf_printf(&p->id, "%" PRId64, v->v.u.i);
    else if (v->v.type == MP_BIN && v->v.len <= STREAM_ID_BYTES / 2)
        for (size_t i = 0; i < v->v.len; i++) {
            buf_add_byte(&p->id, (unsigned char)digits[v->v.p[i] >> 4]);
            buf_add_byte(&p->id, (unsigned char)digits[v->v.p[i] & 15]);
        }
    else
        return ERR_INVALID;
    p->input.id = (trommel_str){ (const char *)p->id.data, p->id.len };
    return 0;
}

static int take_number(const struct value *v, uint64_t min, uint64_t max)
{
    return v->v.type == MP_UINT && v->v.u.u >= min && v->v.u.u <= max ? 0 : ERR_INVALID;
}

static int take_status(struct stream_page *p, const struct row *row, const struct value *v)
{
    if (take_number(v, 100, 999) < 0)
        return ERR_INVALID;
    p->input.status = (uint16_t)v->v.u.u;
    return 0;
}

static int take_deadline(struct stream_page *p, const struct row *row, const struct value *v)
{
    if (take_number(v, 0, UINT32_MAX) < 0)
        return ERR_INVALID;
    p->input.deadline_ms = (uint32_t)v->v.u.u;
    return 0;
}

static uint64_t big_endian(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* msgpack's own type for a time: seconds in 4 bytes; 30 bits of nanoseconds and 34 of seconds; 4 and 8 bytes.
 */
static int timestamp(const struct mp_value *v, int64_t *ret_ms)
{
    uint64_t nano = 0;
    int64_t s;

    if (v->len == 4) {
        s = (int64_t)big_endian(v->p, 4);
    } else if (v->len == 8) {
        uint64_t both = big_endian(v->p, 8);
        nano = both >> 34;
        s = (int64_t)(both & 0x3ffffffff);
    } else if (v->len == 12) {
        nano = big_endian(v->p, 4);
        s = (int64_t)big_endian(v->p + 4, 8);
    } else {
        return ERR_INVALID;
    }
    if (nano > 999999999 || s < -62135596800 || s > 253402300799) /* the years 1 to 9999 */
        return ERR_INVALID;
    *ret_ms = s * 1000 + (int64_t)(nano / 1000000);
    return 0;
}

static int take_time(struct stream_page *p, const struct row *row, const struct value *v)
{
    if (v->v.type == MP_STR || v->v.type == MP_BIN)
        return clock_rfc3339_parse((const char *)v->v.p, v->v.len, &p->input.fetched_ms);
    if (v->v.type == MP_EXT && v->v.u.i == -1)
        return timestamp(&v->v, &p->input.fetched_ms);
    if (take_number(v, 0, 253402300799999) < 0)
        return ERR_INVALID;
    p->input.fetched_ms = v->v.u.i;
    return 0;
}

static int take_fetch(struct stream_page *p, const struct row *row, const struct value *v)
{
    if (v->v.type != MP_MAP)
        return ERR_INVALID;
    p->input.fetch = (trommel_str){ (const char *)v->p, (size_t)(v->end - v->p) };
    return 0;
}

static int take_headers(struct stream_page *p, const struct row *row, const struct value *v)
{
    struct err why = { 0 };

    if (v->v.type == MP_STR || v->v.type == MP_BIN) {
        p->input.headers = bytes_of(v);
        return 0;
    }
    if (v->v.type != MP_MAP && v->v.type != MP_ARRAY)
        return ERR_INVALID;
    buf_clear(&p->headers);
    if (headers_lines(v->p, v->end, &p->headers, &why) < 0)
        bad(p, "bad_field", "%s", why.text);
    p->input.headers = (trommel_str){ (const char *)p->headers.data, p->headers.len };
    return 0;
}

#define AT(field) offsetof(trommel_input, field)
enum { ROW_BODY, ROW_TYPE, ROW_ENCODING };
static const struct row rows[] = {
    [ROW_BODY] = { "body", take_text, AT(body), "bytes or text: the page as received" },
    [ROW_TYPE] = { "content_type", take_text, AT(content_type), "text, as in the header" },
    [ROW_ENCODING] = { "content_encoding", take_text, AT(content_encoding),
                       "text, as in the header; \"\" for a body that is decoded already" },
    { "id", take_id, 0, "text, a whole number, or at most 2048 bytes" },
    { "url", take_text, AT(url), "text: https://host/path" },
    { "final_url", take_text, AT(final_url), "text: https://host/path" },
    { "status", take_status, 0, "a whole number from 100 to 999" },
    { "headers", take_headers, 0,
      "lines of text (Name: value), a map of name to value or values, or an array of [name, value]" },
    { "fetched_at", take_time, 0,
      "a time of RFC 3339 (2024-05-01T12:00:00Z), milliseconds since 1970, or msgpack's timestamp" },
    { "fetch", take_fetch, 0, "a map" },
    { "deadline_ms", take_deadline, 0, "a whole number of milliseconds; 0 for none" },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static unsigned row_bit(const struct row *row)
{
    return 1u << (row - rows);
}

/* ---- the map ---- */

static const struct row *row_find(const struct mp_value *key)
{
    for (int i = 0; i < ROWS; i++)
        if (strlen(rows[i].key) == key->len && !memcmp(rows[i].key, key->p, key->len))
            return &rows[i];
    return NULL;
}

static void unknown_key(struct stream_page *p, const struct mp_value *key)
{
    char known[200] = "";
    size_t n = 0;

    for (int i = 0; i < ROWS; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? " " : "", rows[i].key);
    bad(p, "bad_field", "\"%.*s\": is no key of a page; these are: %s", key->len < 60 ? (int)key->len : 60,
        (const char *)key->p, known);
}

/* A value, as a message shows it. */
static const char *value_words(const struct mp_value *v, char out[64])
{
    if (v->type == MP_UINT)
        snprintf(out, 64, "%" PRIu64, v->u.u);
    else if (v->type == MP_STR)
        snprintf(out, 64, "\"%.*s\"", v->len < 40 ? (int)v->len : 40, (const char *)v->p);
    else
        snprintf(out, 64, "%s", type_names[v->type]);
    return out;
}

static void pair_take(struct stream_page *p, const struct mp_value *key, const struct value *v)
{
    char words[64];

    if (key->type != MP_STR && key->type != MP_BIN) {
        bad(p, "bad_frame", "a key of its map is %s; keys are text", type_names[key->type]);
        return;
    }
    const struct row *row = row_find(key);
    if (!row) {
        unknown_key(p, key);
        return;
    }
    if (p->seen & row_bit(row)) {
        bad(p, "bad_field", "\"%s\": is there twice", row->key);
        return;
    }
    if (v->v.type == MP_NIL && row != &rows[ROW_BODY])
        return; /* as if it were not there */
    p->seen |= row_bit(row);
    if (row->take(p, row, v) < 0)
        bad(p, "bad_field", "\"%s\": is %s; it must be %s", row->key, value_words(&v->v, words), row->must);
}

/* One key and its value; ERR_INVALID: there is none that is whole. */
static int pair_read(struct stream_page *p, const unsigned char **at, const unsigned char *end)
{
    struct mp_value key;
    struct value v = { .p = NULL };

    const unsigned char *key_at = *at;
    if (mp_read(at, end, &key) < 0)
        return ERR_INVALID;
    if (key.type == MP_ARRAY || key.type == MP_MAP) {
        *at = key_at;
        if (mp_skip(at, end) < 0)
            return ERR_INVALID;
    }
    v.p = v.end = *at;
    const unsigned char *behind = *at;
    if (mp_skip(&v.end, end) < 0 || mp_read(&behind, end, &v.v) < 0)
        return ERR_INVALID;
    *at = v.end;
    pair_take(p, &key, &v);
    return 0;
}

static void map_read(struct stream_page *p, const unsigned char *data, size_t n)
{
    const unsigned char *at = data, *end = data + n;
    struct mp_value map = { .type = MP_NIL };

    if (!n) {
        bad(p, "bad_frame", "is empty; a frame is one msgpack map with a page's keys");
        return;
    }
    int rc = mp_read(&at, end, &map);
    if (rc == 0 && map.type != MP_MAP) {
        bad(p, "bad_frame", "is %s; a frame is one msgpack map with a page's keys", type_names[map.type]);
        return;
    }
    for (uint32_t i = 0; rc == 0 && i < map.u.n; i++)
        rc = pair_read(p, &at, end);
    if (rc < 0)
        bad(p, "bad_frame", "is no msgpack: byte %zu begins no whole value", (size_t)(at - data));
    else if (at != end)
        bad(p, "bad_frame", "%zu bytes follow its map; a frame is one msgpack map", (size_t)(end - at));
    else if (!(p->seen & row_bit(&rows[ROW_BODY])))
        bad(p, "bad_field", "\"body\": is missing; it must be %s", rows[ROW_BODY].must);
}

/* What the headers say of the body, unless the page itself does. */
static void headers_use(struct stream_page *p)
{
    if (!(p->seen & row_bit(&rows[ROW_TYPE])))
        p->input.content_type = headers_last(p->input.headers, "content-type");
    buf_clear(&p->encoding);
    if (!(p->seen & row_bit(&rows[ROW_ENCODING])))
        p->input.content_encoding = headers_joined(p->input.headers, "content-encoding", &p->encoding);
}

void stream_page_init(struct stream_page *p)
{
    memset(p, 0, sizeof *p);
    buf_init(&p->id, 2 * STREAM_ID_BYTES);
    buf_init(&p->headers, LIMIT_HEADER_BYTES);
    buf_init(&p->encoding, LIMIT_HEADER_BYTES);
}

void stream_page_release(struct stream_page *p)
{
    buf_release(&p->id);
    buf_release(&p->headers);
    buf_release(&p->encoding);
}

int stream_page_read(struct stream_page *p, const void *data, size_t n, int whole)
{
    p->input = (trommel_input){ .struct_size = sizeof p->input };
    p->seen = 0;
    p->reason = NULL;
    p->why = (struct err){ 0 };
    map_read(p, data, n);
    headers_use(p);
    if (!whole)
        p->reason = NULL;
    return p->reason ? ERR_INVALID : 0;
}
