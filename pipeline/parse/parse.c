/* parse: see parse.h.  The steps in order: content encoding, kind, charset, tree, flat page, base. */
#include "parse/parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "parse/charset.h"
#include "parse/decode.h"
#include "parse/flatten.h"
#include "parse/sniff.h"
#include "parse/tree.h"
#include "parse/url.h"

enum { KEEP_BYTES = 1024 * 1024, TREE_KEEP_BYTES = 8 * 1024 * 1024 };

struct parse {
    struct parse_limits limits;
    struct decoder decoder;
    struct tree tree;
    struct flattener flattener;
    struct url_parser *url;
    struct buf text; /* the page in UTF-8, where it was not */
    char type[TYPE_MAX];
};

struct parse *parse_new(const struct parse_limits *limits)
{
    struct parse *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->limits = *limits;
    flattener_init(&p->flattener);
    p->url = url_parser_new();
    if (!p->url || decoder_init(&p->decoder) || tree_init(&p->tree, limits->nodes, limits->depth)) {
        parse_free(p);
        return NULL;
    }
    return p;
}

void parse_free(struct parse *p)
{
    if (!p)
        return;
    decoder_release(&p->decoder);
    tree_release(&p->tree);
    url_parser_free(p->url);
    buf_release(&p->text);
    free(p);
}

static int parse_none(struct parse_output *ret, const char *reason, int failed)
{
    ret->kind = PARSE_NONE;
    ret->reason = reason;
    ret->failed = failed;
    ret->charset = (trommel_str){ "", 0 };
    ret->charset_how = "default";
    ret->text = (trommel_str){ "", 0 };
    memset(&ret->dom, 0, sizeof ret->dom);
    return 0;
}

/* Zero bytes are for the HTML tokenizer to judge; plain text has none. */
static int zeros_replace(struct buf *room, trommel_str *text)
{
    if (!text->n || !memchr(text->p, 0, text->n))
        return 0;
    struct buf out = BUF_INIT(room->max);
    for (size_t at = 0; at < text->n;) {
        const char *zero = memchr(text->p + at, 0, text->n - at);
        size_t n = zero ? (size_t)(zero - text->p) - at : text->n - at;
        buf_add(&out, text->p + at, n);
        if (zero)
            buf_add(&out, "\xef\xbf\xbd", 3);
        at += n + (zero != NULL);
    }
    int err = out.err;
    buf_release(room);
    *room = out;
    *text = (trommel_str){ (const char *)out.data, out.len };
    return err;
}

static int text_make(struct parse *p, const struct parse_input *in, trommel_str body,
                     struct parse_output *ret)
{
    struct charset c = charset_find(in->content_type, body, ret->kind == PARSE_HTML);

    if (p->text.cap > KEEP_BYTES)
        buf_release(&p->text);
    buf_clear(&p->text);
    p->text.max = (size_t)p->limits.body_bytes * 4 + 64;
    ret->charset = (trommel_str){ c.name, strlen(c.name) };
    ret->charset_how = c.how;
    int err = charset_convert(c, body, &p->text, &ret->text);
    if (!err && ret->kind == PARSE_PLAIN)
        err = zeros_replace(&p->text, &ret->text);
    return err;
}

static void base_find(struct parse *p, const struct parse_input *in, struct arena *a,
                      struct parse_output *ret)
{
    uint32_t at = ret->kind == PARSE_HTML ? flat_base(&ret->dom) : TROMMEL_NONE;
    trommel_str url;

    ret->base_url = in->url;
    if (at == TROMMEL_NONE)
        return;
    const trommel_attr *href = TROMMEL_ATTR(&ret->dom, at);
    trommel_str ref = { ret->dom.strs + href->val, href->val_n };
    if (url_resolve(p->url, in->url, ref, a, &url) == 0) /* a base that is no URL says nothing */
        ret->base_url = url;
}

static int dom_make(struct parse *p, struct arena *a, struct parse_output *ret)
{
    if (ret->kind == PARSE_PLAIN)
        return flatten_plain(ret->text, p->limits.nodes, a, &ret->dom);
    int err = tree_parse(&p->tree, ret->text.p, ret->text.n);
    if (err)
        return err;
    err = flatten_tree(&p->flattener, &p->tree, (uint32_t)ret->text.n, a, &ret->dom);
    if (p->tree.bytes > TREE_KEEP_BYTES) /* the stages need the room */
        tree_clear(&p->tree);
    return err;
}

int parse_page(struct parse *p, const struct parse_input *in, struct arena *a, struct parse_output *ret)
{
    trommel_str body;
    const char *reason;

    *ret = (struct parse_output){ .base_url = in->url, .charset_how = "default" };
    int err = decode_body(&p->decoder, &p->limits, in->content_encoding, in->body, &body, &reason);
    if (err)
        return err;
    ret->kind = sniff_kind(in->content_type, body, p->type);
    ret->content_type = (trommel_str){ p->type, strlen(p->type) };
    if (reason)
        return parse_none(ret, reason, 1);
    if (body.n == 0)
        return parse_none(ret, "empty_body", 0);
    if (ret->kind == PARSE_NONE)
        return parse_none(ret, "unsupported_type", 0);
    err = text_make(p, in, body, ret);
    if (!err)
        err = dom_make(p, a, ret);
    if (err == ERR_FAIL)
        return parse_none(ret, "too_complex", 1);
    if (err)
        return err;
    base_find(p, in, a, ret);
    return 0;
}
