/* html: a page made of HTML by the pipeline's parser, and as much of a host as the SDK calls. */
#ifndef TEST_SDK_HTML_H
#define TEST_SDK_HTML_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trommel/sdk/put.h>
#include <trommel/sdk/read.h>
#include <trommel/sdk/select.h>

#include "base/limits.h"
#include "parse/parse.h"

#include <cmocka.h> /* last: its macros have names that the host's table uses */

struct html {
    struct parse *parse;
    struct arena arena;
    struct parse_output out;
    const trommel_dom *dom; /* of the page, or one that the test made */
    int alloc_fails;
};

static inline void *html_alloc(trommel_page *p, size_t n, size_t align)
{
    struct html *h = (struct html *)p;

    return h->alloc_fails ? NULL : arena_alloc(&h->arena, n, align);
}

static inline const trommel_dom *html_dom(trommel_page *p)
{
    return ((struct html *)p)->dom;
}

static const trommel_host html_host __attribute__((unused)) = {
    .struct_size = sizeof(trommel_host),
    .abi_minor = TROMMEL_ABI_MINOR,
    .alloc = html_alloc,
    .dom = html_dom,
};

static inline trommel_page *html_page(struct html *h)
{
    return (trommel_page *)h;
}

/* Parses; what was there before is dead.  Zeroed the first time. */
static inline const trommel_dom *html_parse(struct html *h, const char *text, size_t n)
{
    static const struct parse_limits limits = PARSE_LIMITS_DEFAULT;
    struct parse_input in = { .url = { "https://h.example/", 18 },
                              .content_type = { "text/html;charset=utf-8", 23 } };

    in.body = (trommel_str){ text, n };
    if (!h->parse) {
        h->parse = parse_new(&limits);
        assert_non_null(h->parse);
        arena_init(&h->arena, LIMIT_ARENA_BYTES);
    }
    arena_clear(&h->arena, 1 << 20);
    h->out = (struct parse_output){ 0 };
    assert_int_equal(parse_page(h->parse, &in, &h->arena, &h->out), 0);
    h->dom = &h->out.dom;
    return h->dom;
}

static inline void html_release(struct html *h)
{
    if (h->parse)
        arena_release(&h->arena);
    parse_free(h->parse);
    *h = (struct html){ 0 };
}
#endif
