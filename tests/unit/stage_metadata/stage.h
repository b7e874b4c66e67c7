/* stage: the metadata stage in a test's own program, with a host that remembers what was put.
 *
 * The stage's files are compiled in, but for its language detector, which is one word long here.  Pages go
 * through the pipeline's parser, so that a test writes HTML. */
#ifndef TEST_STAGE_METADATA_STAGE_H
#define TEST_STAGE_METADATA_STAGE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "parse/parse.h"
#include "plugin/stage/metadata/author.c"
#include "plugin/stage/metadata/date.c"
#include "plugin/stage/metadata/dates.c"
#include "plugin/stage/metadata/json.c"
#include "plugin/stage/metadata/jsonld.c"
#include "plugin/stage/metadata/metadata.c"
#include "plugin/stage/metadata/month.c"
#include "plugin/stage/metadata/pack.c"
#include "plugin/stage/metadata/plain.c"
#include "plugin/stage/metadata/rank.c"
#include "plugin/stage/metadata/scan.c"
#include "plugin/stage/metadata/scan_text.c"
#include "plugin/stage/metadata/tags.c"
#include "plugin/stage/metadata/text.c"
#include "plugin/stage/metadata/thing.c"
#include "plugin/stage/metadata/title.c"
#include "plugin/stage/metadata/words.c"

#define MAYBE_UNUSED __attribute__((unused)) /* not every program calls all of these */
#include <cmocka.h>                          /* last: its macros have names that the stage uses */

int lang_detect(const char *text, size_t n, char *ret)
{
    if (!memmem(text, n, " the ", 5))
        return 0;
    strcpy(ret, "en");
    return 1;
}

static struct {
    struct arena arena;
    struct parse *parse;
    struct parse_output out;
    trommel_str url, content, fetched;
    uint32_t allocs_left; /* 0: all succeed; n: the nth fails */
    uint32_t stop;
    trommel_val put[32]; /* strings are NUL-terminated copies; n 0: not put */
    char failed[200];
} the;

static void t_log(trommel_ctx *c, uint32_t level, const char *m, size_t n)
{
}
static void t_metric(trommel_ctx *c, uint32_t i, double v)
{
}
static void t_fail(trommel_ctx *c, uint32_t r, const char *m, size_t n)
{
    snprintf(the.failed, sizeof the.failed, "%.*s", (int)n, m);
}
static uint64_t t_now(trommel_ctx *c)
{
    return 0;
}
static int32_t t_opt(trommel_ctx *c, uint32_t o, trommel_val *v)
{
    return TROMMEL_E_ABSENT;
}
static const void *t_service(trommel_ctx *c, const char *id)
{
    return NULL;
}
static void *t_alloc(trommel_page *p, size_t n, size_t align)
{
    if (the.allocs_left && --the.allocs_left == 0) {
        the.allocs_left = 1; /* and all after it */
        return NULL;
    }
    return arena_alloc(&the.arena, n, align);
}
static const trommel_dom *t_dom(trommel_page *p)
{
    return &the.out.dom;
}
static int32_t t_meta(trommel_page *p, uint32_t what, trommel_str key, trommel_str *ret)
{
    *ret = what == TROMMEL_META_URL          ? the.url
           : what == TROMMEL_META_FETCHED_AT ? the.fetched
                                             : (trommel_str){ NULL, 0 };
    return ret->n ? TROMMEL_OK : TROMMEL_E_ABSENT;
}
static int32_t t_get(trommel_page *p, uint32_t need, trommel_val *v)
{
    if (need != NEED_TEXT || !the.content.n)
        return TROMMEL_E_ABSENT;
    *v = (trommel_val){ .type = TROMMEL_T_STR, .n = the.content.n, .u.p = the.content.p };
    return TROMMEL_OK;
}
static int32_t t_put(trommel_page *p, uint32_t i, const trommel_val *v)
{
    char *copy = arena_alloc(&the.arena, v->n + 1, 1);

    assert_non_null(copy);
    memcpy(copy, v->u.p, v->n);
    copy[v->n] = 0;
    the.put[i] = *v;
    the.put[i].u.p = copy;
    /* every text that leaves the stage is UTF-8 */
    for (const char *s = copy, *end = copy + v->n; v->type == TROMMEL_T_STR && s < end;) {
        const char *from = s;
        assert_false(text_next(&s, end) == 0xFFFD && s - from == 1);
    }
    return TROMMEL_OK;
}
static int32_t t_extra(trommel_page *p, trommel_str k, const trommel_val *v)
{
    return TROMMEL_E_NOSYS;
}
static uint32_t t_stop(trommel_page *p)
{
    return the.stop;
}

static const trommel_host t_host = {
    sizeof t_host, TROMMEL_ABI_MINOR, t_log,   t_metric, t_fail, t_now,
    t_opt,         t_service,         t_alloc, t_dom,    t_meta, t_get,
    t_put,         t_extra,           t_stop,
};

MAYBE_UNUSED static int stage_setup(void **state)
{
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;
    void *self;

    arena_init(&the.arena, 64u << 20);
    the.parse = parse_new(&limits);
    return !the.parse || configure(&t_host, NULL, &self);
}

MAYBE_UNUSED static int stage_teardown(void **state)
{
    parse_free(the.parse);
    arena_release(&the.arena);
    return 0;
}

/* Before each page. */
static void page_begin(void)
{
    arena_clear(&the.arena, 1u << 20);
    memset(the.put, 0, sizeof the.put);
    the.url = (trommel_str){ "https://www.example.org/news/1.html", 35 };
    the.fetched = (trommel_str){ "2026-03-10T12:00:00Z", 20 };
    the.content = (trommel_str){ NULL, 0 };
    the.allocs_left = the.stop = 0;
    the.failed[0] = 0;
}

static void page_parse(const char *type, const char *body, size_t n)
{
    struct parse_input in = { .url = the.url, .content_type = str_z(type), .body = { body, n } };

    assert_int_equal(parse_page(the.parse, &in, &the.arena, &the.out), 0);
    assert_int_not_equal(the.out.kind, PARSE_NONE);
}

MAYBE_UNUSED static uint32_t page_run(const char *html)
{
    page_begin();
    page_parse("text/html; charset=utf-8", html, strlen(html));
    return process(NULL, NULL, NULL);
}

MAYBE_UNUSED static uint32_t plain_run(const char *text)
{
    page_begin();
    the.url.n = 0;
    page_parse("text/plain; charset=utf-8", text, strlen(text));
    return process(NULL, NULL, NULL);
}

/* What was put as a string; "" for nothing. */
MAYBE_UNUSED static const char *put_text(uint32_t port)
{
    return the.put[port].u.p ? the.put[port].u.p : "";
}

/* An array of strings joined with '|'; "-" if it was not put. */
MAYBE_UNUSED static const char *put_joined(uint32_t port)
{
    static char buf[8192];
    const unsigned char *p = the.put[port].u.p, *end = p + the.put[port].n;
    size_t n = 0;

    if (!p)
        return "-";
    uint32_t count = *p == 0xDC ? (uint32_t)p[1] << 8 | p[2] : *p & 15u;
    p += *p == 0xDC ? 3 : 1;
    for (uint32_t i = 0; i < count; i++) {
        size_t k = *p == 0xD9 ? p[1] : *p == 0xDA ? (size_t)p[1] << 8 | p[2] : *p & 31u;
        p += *p == 0xD9 ? 2 : *p == 0xDA ? 3 : 1;
        assert_true(p + k <= end && n + k + 2 < sizeof buf);
        if (i)
            buf[n++] = '|';
        memcpy(buf + n, p, k);
        n += k;
        p += k;
    }
    assert_ptr_equal(p, end);
    buf[n] = 0;
    return buf;
}
#endif
