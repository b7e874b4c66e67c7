/* parts: see parts.h. */
#include "plugin/stage/exec/parts.h"

#include <stdio.h>
#include <string.h>

/* What earlier stages may have put; each is sent under this name if `send` says so. */
const trommel_port exec_needs[EXEC_NEEDS] = {
    { "content.text", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "content.markdown", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "content.lang", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "content.words", TROMMEL_T_I64, TROMMEL_PORT_OPTIONAL },
    { "content.confidence", TROMMEL_T_F64, TROMMEL_PORT_OPTIONAL },
    { "layout.type", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "layout.confidence", TROMMEL_T_F64, TROMMEL_PORT_OPTIONAL },
    { "meta.title", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.authors", TROMMEL_T_MSGPACK, TROMMEL_PORT_OPTIONAL },
    { "meta.published", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.modified", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.site_name", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.description", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.tags", TROMMEL_T_MSGPACK, TROMMEL_PORT_OPTIONAL },
    { "meta.section", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.image", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.canonical", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.lang", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.license", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "meta.product", TROMMEL_T_MSGPACK, TROMMEL_PORT_OPTIONAL },
    { "meta.recipe", TROMMEL_T_MSGPACK, TROMMEL_PORT_OPTIONAL },
    { "meta.event", TROMMEL_T_MSGPACK, TROMMEL_PORT_OPTIONAL },
    { "meta.job", TROMMEL_T_MSGPACK, TROMMEL_PORT_OPTIONAL },
    { "meta.video", TROMMEL_T_MSGPACK, TROMMEL_PORT_OPTIONAL },
    { "meta.source", TROMMEL_T_MSGPACK, TROMMEL_PORT_OPTIONAL },
};

static const struct {
    const char *name;
    uint32_t what;
} metas[] = {
    { "url", TROMMEL_META_URL },
    { "final_url", TROMMEL_META_FINAL_URL },
    { "base_url", TROMMEL_META_BASE_URL },
    { "status", TROMMEL_META_STATUS },
    { "content_type", TROMMEL_META_CONTENT_TYPE },
    { "charset", TROMMEL_META_CHARSET },
    { "fetched_at", TROMMEL_META_FETCHED_AT },
    { "body", TROMMEL_META_BODY },
};
enum { METAS = sizeof metas / sizeof metas[0] };
static const char header_prefix[] = "header.";
enum { HEADER_PREFIX = sizeof header_prefix - 1 };

/* ---- option `send` ---- */

static int is_same(trommel_str s, const char *text)
{
    return strlen(text) == s.n && !memcmp(text, s.p, s.n);
}

static int part_find(trommel_str name, struct part *ret)
{
    *ret = (struct part){ .name = name };
    for (uint32_t i = 0; i < METAS; i++) {
        if (is_same(name, metas[i].name)) {
            ret->what = metas[i].what;
            return 0;
        }
    }
    for (uint32_t i = 0; i < EXEC_NEEDS; i++) {
        if (is_same(name, exec_needs[i].name)) {
            ret->is_need = 1;
            ret->what = i;
            return 0;
        }
    }
    if (name.n <= HEADER_PREFIX || memcmp(name.p, header_prefix, HEADER_PREFIX))
        return -1;
    ret->what = TROMMEL_META_HEADER;
    ret->key = (trommel_str){ name.p + HEADER_PREFIX, name.n - HEADER_PREFIX };
    return 0;
}

static int is_named(const struct parts *parts, trommel_str name)
{
    for (uint32_t i = 0; i < parts->n; i++)
        if (parts->rows[i].name.n == name.n && !memcmp(parts->rows[i].name.p, name.p, name.n))
            return 1;
    return 0;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

int parts_read(trommel_str text, struct parts *ret, trommel_str *bad)
{
    const char *at = text.p, *end = text.p + text.n;

    ret->n = 0;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma ? comma : end;
        const char *next = comma ? comma + 1 : end;
        while (at < stop && is_space(*at))
            at++;
        while (stop > at && is_space(stop[-1]))
            stop--;
        *bad = (trommel_str){ at, (size_t)(stop - at) };
        at = next;
        if (!bad->n || is_named(ret, *bad))
            continue;
        if (ret->n == EXEC_PARTS_MAX || part_find(*bad, &ret->rows[ret->n]))
            return -1;
        ret->n++;
    }
    return 0;
}

void parts_list(char *to, size_t n)
{
    size_t at = 0;

    for (uint32_t i = 0; i < METAS && at < n; i++)
        at += (size_t)snprintf(to + at, n - at, "%s, ", metas[i].name);
    for (uint32_t i = 0; i < EXEC_NEEDS && at < n; i++)
        at += (size_t)snprintf(to + at, n - at, "%s, ", exec_needs[i].name);
    if (at < n)
        snprintf(to + at, n - at, "header.NAME");
}

/* ---- frames ---- */

static int pack_text(msgpack_packer *pk, const char *p, size_t n)
{
    return msgpack_pack_str(pk, n) || (n && msgpack_pack_str_body(pk, p, n));
}

static int pack_cstr(msgpack_packer *pk, const char *s)
{
    return pack_text(pk, s, strlen(s));
}

static int pack_value(msgpack_packer *pk, const trommel_val *v)
{
    switch (v->type) {
    case TROMMEL_T_BOOL:
        return v->u.i ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
    case TROMMEL_T_I64:
        return msgpack_pack_int64(pk, v->u.i);
    case TROMMEL_T_F64:
        return msgpack_pack_double(pk, v->u.d);
    case TROMMEL_T_STR:
        return pack_text(pk, v->u.p, v->n);
    case TROMMEL_T_MSGPACK:
        return pk->callback(pk->data, v->u.p, v->n);
    default:
        return msgpack_pack_nil(pk);
    }
}

int parts_hello(const struct parts *parts, const char *id, uint32_t deadline_ms, msgpack_sbuffer *out)
{
    msgpack_packer pk;
    int rc;

    msgpack_sbuffer_clear(out);
    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    rc = msgpack_pack_map(&pk, 5) || pack_cstr(&pk, "v") || msgpack_pack_int(&pk, EXEC_PROTOCOL) ||
         pack_cstr(&pk, "type") || pack_cstr(&pk, "hello") || pack_cstr(&pk, "stage") || pack_cstr(&pk, id) ||
         pack_cstr(&pk, "deadline_ms") || msgpack_pack_uint32(&pk, deadline_ms) || pack_cstr(&pk, "send") ||
         msgpack_pack_array(&pk, parts->n);
    for (uint32_t i = 0; !rc && i < parts->n; i++)
        rc = pack_text(&pk, parts->rows[i].name.p, parts->rows[i].name.n);
    return rc ? -1 : 0;
}

/* The part of this page; -1: it has none. */
static int part_value(const struct part *p, const trommel_host *host, trommel_page *page, trommel_val *ret)
{
    trommel_str s;

    if (p->is_need)
        return host->get(page, p->what, ret) ? -1 : 0;
    if (host->meta(page, p->what, p->key, &s))
        return -1;
    *ret = (trommel_val){ .type = TROMMEL_T_STR, .n = s.n, .u.p = s.p };
    if (p->what == TROMMEL_META_STATUS) {
        *ret = (trommel_val){ .type = TROMMEL_T_I64 };
        for (size_t i = 0; i < s.n; i++)
            ret->u.i = ret->u.i * 10 + (s.p[i] - '0');
    }
    return 0;
}

static int page_write(const struct parts *parts, const trommel_val *vals, const uint8_t *is_there,
                      uint32_t n_there, trommel_str id, uint64_t n, msgpack_sbuffer *out)
{
    msgpack_packer pk;
    int rc;

    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    rc = msgpack_pack_map(&pk, 3 + n_there) || pack_cstr(&pk, "type") || pack_cstr(&pk, "page") ||
         pack_cstr(&pk, "n") || msgpack_pack_uint64(&pk, n) || pack_cstr(&pk, "id") ||
         pack_text(&pk, id.p, id.n);
    for (uint32_t i = 0; !rc && i < parts->n; i++)
        if (is_there[i])
            rc = pack_text(&pk, parts->rows[i].name.p, parts->rows[i].name.n) || pack_value(&pk, &vals[i]);
    return rc ? -1 : 0;
}

int parts_page(const struct parts *parts, const trommel_host *host, trommel_page *page, uint64_t n,
               msgpack_sbuffer *out)
{
    trommel_val vals[EXEC_PARTS_MAX];
    uint8_t is_there[EXEC_PARTS_MAX];
    uint32_t n_there = 0;
    uint64_t bytes = 4096;
    trommel_str id = { 0 };

    msgpack_sbuffer_clear(out);
    host->meta(page, TROMMEL_META_ID, (trommel_str){ NULL, 0 }, &id);
    for (uint32_t i = 0; i < parts->n; i++) {
        is_there[i] = !part_value(&parts->rows[i], host, page, &vals[i]);
        n_there += is_there[i];
        bytes += parts->rows[i].name.n + (is_there[i] ? vals[i].n : 0) + 16;
    }
    if (bytes > EXEC_FRAME_MAX)
        return -1;
    return page_write(parts, vals, is_there, n_there, id, n, out);
}
