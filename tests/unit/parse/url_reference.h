/* url_reference: what lexbor alone makes of a reference, for comparing url_resolve with. */
#ifndef TROMMEL_TESTS_URL_REFERENCE_H
#define TROMMEL_TESTS_URL_REFERENCE_H
#include <lexbor/url/url.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "parse/url.h"

struct url_text {
    char p[LIMIT_URL_BYTES * 2];
    size_t n;
};

static inline lxb_status_t url_text_add(const lxb_char_t *p, size_t n, void *ctx)
{
    struct url_text *t = ctx;

    for (size_t i = 0; i < n; i++) {
        if (sizeof t->p - t->n < 4)
            return LXB_STATUS_STOP;
        /* As the standard has it; lexbor leaves some behind a stray "%". */
        if (p[i] <= ' ' || p[i] >= 0x7f)
            t->n += (size_t)snprintf(t->p + t->n, 4, "%%%02X", p[i]);
        else
            t->p[t->n++] = (char)p[i];
    }
    return LXB_STATUS_OK;
}

/* 1 and its text, or 0 if it is no http or https URL. */
static inline int url_reference(lxb_url_parser_t *parser, trommel_str base, trommel_str ref,
                                struct url_text *ret)
{
    lxb_url_t *b = NULL, *u;
    int ok = 0;

    ret->n = 0;
    if (base.n) {
        lxb_url_parser_clean(parser);
        b = lxb_url_parse(parser, NULL, (const lxb_char_t *)base.p, base.n);
    }
    lxb_url_parser_clean(parser);
    u = lxb_url_parse(parser, b, (const lxb_char_t *)ref.p, ref.n);
    if (u && (u->scheme.type == LXB_URL_SCHEMEL_TYPE_HTTP || u->scheme.type == LXB_URL_SCHEMEL_TYPE_HTTPS)) {
        u->username.length = u->password.length = 0;
        ok = lxb_url_serialize(u, url_text_add, ret, true) == LXB_STATUS_OK;
    }
    char *host = ok ? memmem(ret->p, ret->n, "://", 3) : NULL; /* "%41" in a host */
    for (size_t i = host ? (size_t)(host - ret->p) + 3 : ret->n; i < ret->n && ret->p[i] != '/'; i++)
        if (ret->p[i] >= 'A' && ret->p[i] <= 'Z')
            ret->p[i] |= 0x20;
    lexbor_mraw_clean(parser->mraw);
    return ok;
}
#endif
