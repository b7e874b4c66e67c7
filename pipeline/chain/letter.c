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

/* The bytes of a map that is a field of the record. */
static trommel_str map_at(const unsigned char *p, size_t n, const char *key)
{
    const unsigned char *at = p, *end = p + n;
    struct mp_value outer, name, v;

    if (mp_read(&at, end, &outer) < 0 || outer.type != MP_MAP)
        return (trommel_str){ 0 };
    for (uint32_t i = 0; i < outer.u.n; i++) {
        const unsigned char *value;
        if (mp_read(&at, end, &name) < 0 || name.type != MP_STR)
            break;
        value = at;
        if (mp_skip(&at, end) < 0)
            break;
        const unsigned char *head = value;
        if (name.len == strlen(key) && !memcmp(name.p, key, name.len) && mp_read(&head, end, &v) == 0 &&
            v.type == MP_MAP)
            return (trommel_str){ (const char *)value, (size_t)(at - value) };
    }
    return (trommel_str){ 0 };
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
