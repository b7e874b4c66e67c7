/* letter: see letter.h.  What a server sent is no UTF-8 for sure, and a string of a record must be: such
 * values are kept as bytes. */
#include "chain/letter.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"

/* ---- writing ---- */

static void put_text(struct buf *b, const char *key, trommel_str s)
{
    mp_cstr(b, key);
    if (!s.n)
        mp_nil(b);
    else if (utf8_valid(s.p, s.n) == s.n)
        mp_str(b, s.p, s.n);
    else
        mp_bin(b, s.p, s.n);
}

int letter_make(struct buf *record, const struct pool_page *page)
{
    struct buf b = BUF_INIT(LIMIT_RECORD_BYTES);
    int rc;

    mp_map(&b, 5);
    put_text(&b, "content_type", page->content_type);
    put_text(&b, "content_encoding", page->content_encoding);
    put_text(&b, "headers", page->headers);
    mp_cstr(&b, "bytes");
    mp_uint(&b, page->body.n);
    mp_cstr(&b, "body");
    mp_bin(&b, page->body.p, page->body.n);
    rc = b.err                                           ? b.err
         : record->len + b.len + 64 > LIMIT_RECORD_BYTES ? ERR_LIMIT
                                                         : record_append(record, "page", b.data, b.len);
    buf_release(&b);
    return rc;
}

/* ---- reading ---- */

/* A string or bytes; empty else. */
static trommel_str text_at(const void *p, size_t n, const char *path)
{
    struct mp_value v;

    if (record_get(p, n, path, &v) < 0 || (v.type != MP_STR && v.type != MP_BIN))
        return (trommel_str){ 0 };
    return (trommel_str){ (const char *)v.p, v.len };
}

static uint64_t number_at(const void *p, size_t n, const char *path)
{
    struct mp_value v;

    return record_get(p, n, path, &v) == 0 && v.type == MP_UINT ? v.u.u : 0;
}

/* The bytes of a field that is a map; empty else. */
static trommel_str map_at(const void *p, size_t n, const char *key)
{
    struct mp_value v;

    if (record_get(p, n, key, &v) < 0 || v.type != MP_MAP)
        return (trommel_str){ 0 };
    return record_field(p, n, key);
}

static int id_read(const void *p, size_t n, struct record_head *h)
{
    struct mp_value v;

    if (record_get(p, n, "id", &v) < 0)
        return ERR_INVALID;
    if (v.type == MP_STR)
        h->id_text = (trommel_str){ (const char *)v.p, v.len };
    else if (v.type == MP_BIN && v.len == sizeof h->id)
        memcpy(h->id, v.p, sizeof h->id);
    else
        return ERR_INVALID;
    return 0;
}

int letter_read(const void *record, size_t n, struct letter *ret)
{
    struct record_head *h = &ret->page.head;
    trommel_str when = record_get_str(record, n, "fetched_at");
    uint64_t status = number_at(record, n, "status"), depth = number_at(record, n, "fetch.depth");
    struct mp_value body;

    *ret = (struct letter){ 0 };
    if (record_check(record, n, NULL) < 0 || id_read(record, n, h) < 0 ||
        clock_rfc3339_read(when.p, when.n, &h->fetched_ms) < 0)
        return ERR_INVALID;
    h->url = record_get_str(record, n, "url");
    h->final_url = record_get_str(record, n, "final_url");
    h->status = status < UINT16_MAX ? (uint16_t)status : 0;
    h->bytes = number_at(record, n, "bytes");
    h->fetch = map_at(record, n, "fetch");
    ret->depth = depth < UINT32_MAX ? (uint32_t)depth : UINT32_MAX;
    ret->error = map_at(record, n, "error");
    ret->stage = record_get_str(record, n, "error.stage");
    ret->reason = record_get_str(record, n, "error.reason");
    if (record_get(record, n, "page.body", &body) < 0 || body.type != MP_BIN)
        return 0;
    ret->has_page = 1;
    ret->page.body = (trommel_str){ (const char *)body.p, body.len };
    ret->page.content_type = text_at(record, n, "page.content_type");
    ret->page.content_encoding = text_at(record, n, "page.content_encoding");
    ret->page.headers = text_at(record, n, "page.headers");
    return 0;
}

/* ---- comparing ---- */

static int is_same(trommel_str a, trommel_str b)
{
    return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

/* The innermost call of an `error`, without its offset, which is not the same each time a stack overflows. */
static trommel_str innermost(trommel_str error)
{
    const unsigned char *end = (const unsigned char *)error.p + error.n;
    struct mp_value list, call;
    const char *plus;

    if (record_get(error.p, error.n, "backtrace", &list) < 0 || list.type != MP_ARRAY || !list.u.n ||
        mp_read(&list.p, end, &call) < 0 || call.type != MP_STR)
        return (trommel_str){ 0 };
    plus = memrchr(call.p, '+', call.len);
    return (trommel_str){ (const char *)call.p, plus ? (size_t)(plus - (const char *)call.p) : call.len };
}

int letter_error_same(trommel_str a, trommel_str b)
{
    struct mp_value x = { 0 }, y = { 0 };
    trommel_str call = innermost(a);

    record_get(a.p, a.n, "signal", &x);
    record_get(b.p, b.n, "signal", &y);
    /* where there are calls, the message repeats one of them */
    return a.n && b.n && x.u.u == y.u.u &&
           is_same(record_get_str(a.p, a.n, "stage"), record_get_str(b.p, b.n, "stage")) &&
           is_same(record_get_str(a.p, a.n, "reason"), record_get_str(b.p, b.n, "reason")) &&
           is_same(call, innermost(b)) &&
           (call.n || is_same(record_get_str(a.p, a.n, "message"), record_get_str(b.p, b.n, "message")));
}
