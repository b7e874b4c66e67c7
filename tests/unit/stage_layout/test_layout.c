/* The layout stage: what it reads off a page, its model, types, and fingerprints of templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* a slot of the host's table */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "parse/parse.h"
#include "plugin/stage/boilerplate/train/host.c"
#include "plugin/stage/layout/features.c"
#include "plugin/stage/layout/fingerprint.c"
#include "plugin/stage/layout/layout.c"
#include "plugin/stage/layout/model.c"
#include "tests/unit/stage_layout/margins.h"

static struct parse *parser;
static struct arena arena;
static struct layout_tables tables;

static int group_setup(void **state)
{
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;

    parser = parse_new(&limits);
    arena_init(&arena, LIMIT_ARENA_BYTES);
    layout_tables_init(&tables);
    return parser ? 0 : -1;
}

static int group_teardown(void **state)
{
    parse_free(parser);
    arena_release(&arena);
    return 0;
}

static int clear(void **state)
{
    arena_clear(&arena, 0);
    return 0;
}

static struct parse_output *parsed(const char *text, const char *type)
{
    static struct parse_output out;
    struct parse_input in = { .content_type = { type, strlen(type) }, .body = { text, strlen(text) } };

    assert_int_equal(parse_page(parser, &in, &arena, &out), 0);
    assert_int_not_equal(out.kind, PARSE_NONE);
    return &out;
}

static struct layout_result *read_page(const char *html, const char *url)
{
    static struct layout_result r;

    memset(&r, 0xaa, sizeof r);
    assert_int_equal(layout_read(&tables, &parsed(html, "text/html")->dom,
                                 (trommel_str){ url, strlen(url) }, NULL, NULL, &r), 0);
    return &r;
}

/* ---- features ---------------------------------------------------------------------------------- */

static void features_fail_when_marks_are_missed(void **state)
{
    const uint8_t *row = read_page(
        "<head><meta property=og:type content=product.item><meta name=generator content='Docusaurus 2'>"
        "<script type='application/ld+json'>{\"@type\":\"Product\",\"offers\":{ \"@type\" : "
        "[\"Offer\"]}}</script></head>"
        "<body><div itemscope itemtype='https://schema.org/BreadcrumbList'>x</div><p>$12</p><p>&euro; "
        "5</p><p>7</p>"
        "<img alt=a><img alt=''></body>", "")->row;
    assert_int_equal(row[L_MARK_product], 1);
    assert_int_equal(row[L_MARK_offer], 1);
    assert_int_equal(row[L_MARK_crumbs], 1);
    assert_int_equal(row[L_MARK_article], 0);
    assert_int_equal(row[L_og], 3);
    assert_int_equal(row[L_generator], 5);
    assert_int_equal(row[L_prices], sdk_log(2));
    assert_int_equal(row[L_numbers], sdk_log(3));
    assert_int_equal(row[L_images_alt], 100);
    assert_int_equal(row[L_TAG_P], sdk_log(3));
}

static void features_fail_when_urls_are_misread(void **state)
{
    const uint8_t *row = read_page("<p>x",
                                   "https://docs.example.com/blog/2024/05/a-long-title-77?x=product")->row;
    assert_int_equal(row[L_u_segments], 4);
    assert_int_equal(row[L_u_dashes], 3);
    assert_int_equal(row[L_u_digits], 2);
    assert_int_equal(row[L_u_year], 1);
    assert_int_equal(row[L_u_query], 1);
    assert_int_equal(row[L_URL_docs], 4);
    assert_int_equal(row[L_URL_blog], 2);
    assert_int_equal(row[L_URL_product], 0);
    row = read_page("<p>x", "http://example.com/")->row;
    assert_int_equal(row[L_u_root], 1);
    row = read_page("<p>x", "")->row;
    assert_int_equal(row[L_u_root], 0);
}

static void features_fail_when_records_are_not_seen(void **state)
{
    const uint8_t *row =
        read_page("<div class=list><div class=card>a</div><div class=card>b</div><div class=card>c</div>"
                                   "<div class=card>d</div><div class=card>e</div></div><div "
                                   "class=other>f</div>", "")->row;
    assert_int_equal(row[L_run_max], sdk_log(5));
    assert_int_equal(row[L_runs], sdk_log(1));
    assert_int_equal(row[L_CLASS + CLASS_CARD], sdk_log(5));
}

static void model_fails_when_margins_differ_from_the_trainers(void **state)
{
    for (unsigned i = 0; i < sizeof margins / sizeof margins[0]; i++) {
        uint8_t row[LAYOUT_FEATURES_N];
        uint32_t each = layout_model.n_trees / LAYOUT_TYPES;
        assert_int_equal(strlen(margins[i].hex), 2 * LAYOUT_FEATURES_N);
        for (unsigned k = 0; k < LAYOUT_FEATURES_N; k++) {
            unsigned v;
            sscanf(margins[i].hex + 2 * k, "%2x", &v);
            row[k] = (uint8_t)v;
        }
        for (unsigned t = 0; t < LAYOUT_TYPES; t++) {
            float sum = 0;
            for (uint32_t k = 0; k < each; k++)
                sum += trees_leaf(&layout_model, t * each + k, row);
            assert_true(fabsf(sum - margins[i].margin[t]) < 1e-4f);
        }
    }
}

/* ---- fingerprints ------------------------------------------------------------------------------ */

/* A page of a made-up template: items of a list, paragraphs and ids differ from page to page. */
static uint64_t template_a(int n)
{
    char html[8192];
    size_t at = (size_t)snprintf(html, sizeof html,
                                 "<body class='single postid-%d'><div id=page><header class=top><div "
                                 "class='wrap w%d'><a href=/>x</a></div></header><div class='main-%d cols'>"
                                 "<article id=post-%d class='post post-%d'>", n, n, n * 7, n, n);

    for (int i = 0; i <= n; i++)
        at += (size_t)snprintf(html + at, sizeof html - at, "<div class=x%c><p>Paragraph %d</p></div>", 'a'
                               + i % 20, i);
    at += (size_t)snprintf(html + at, sizeof html - at, "</article><aside class=side>");
    for (int i = 0; i <= 3 * n; i++)
        at += (size_t)snprintf(html + at, sizeof html - at, "<div class=item><a href=/%d>Item %d</a></div>",
                               i, i);
    snprintf(html + at, sizeof html - at, "</aside></div><footer class=foot>F</footer></div></body>");
    return read_page(html, "")->fingerprint;
}

static void fingerprint_fails_when_pages_of_a_template_differ(void **state)
{
    uint64_t first = template_a(1);

    for (int n = 2; n < 12; n++)
        assert_true(template_a(n) == first);
}

static void fingerprint_fails_when_templates_are_equal(void **state)
{
    const char *others[] = {
        "<body><div id=site><div class=top></div><div class=cols><article>x</article></div></div>",
        "<body><div id=page><header class=top><div class=wrap></div></header><div class=content></div></div>",
        "<body><table><tr><td class=left>a</td><td>b</td></tr></table>",
        "<body><table><tr><td class=right>a</td><td>b</td></tr></table>",
        "<body><div><div>x</div></div>", "<body><div>x</div>", "<body>x",
    };
    uint64_t got[8] = { template_a(3) };

    for (unsigned i = 0; i < 7; i++) {
        got[i + 1] = read_page(others[i], "")->fingerprint;
        for (unsigned k = 0; k <= i; k++)
            assert_true(got[k] != got[i + 1]);
    }
}

/* ---- the stage --------------------------------------------------------------------------------- */

static struct trommel_page *stage_page(const trommel_dom *dom, const char *url, uint32_t want)
{
    static struct trommel_page page;
    static struct trommel_ctx ctx;

    page = (struct trommel_page){ .arena = &arena, .dom = dom, .url = { url, strlen(url) } };
    assert_int_equal(host_open(&ctx, trommel_stage_entry(TROMMEL_ABI_MAJOR, 0), ""), 0);
    assert_int_equal(host_run(&ctx, &page) & 0xff, want);
    return &page;
}

static void assert_type(const char *text, const char *mime, const char *url, const char *want)
{
    struct trommel_page *page = stage_page(&parsed(text, mime)->dom, url, TROMMEL_CONTINUE);
    const trommel_val *type = host_value(page, "layout.type"), *template =
        host_value(page, "layout.template");

    assert_non_null(type);
    assert_int_equal(type->n, strlen(want));
    assert_memory_equal(type->u.p, want, type->n);
    double confidence = host_value(page, "layout.confidence")->u.d;
    assert_true(confidence > 0 && confidence <= 1);
    assert_int_equal(template->n, 16);
}

#define S "The council met on Monday to talk about the bridge, closed since the floods in spring. "

static void stage_fails_when_types_are_wrong(void **state)
{
    assert_type("<head><meta property=og:type content=article></head><body><article class=post><h1>Bridge "
                "stays closed"
                "</h1><p>" S S "<p>" S S S "<p>" S S "<p>" S S "<p>" S S "</article>", "text/html",
                "https://example.com/news/2024/05/06/bridge-stays-closed", "article");
    assert_type("<div class=topic><div class=post><div class=author>a</div><p>How do I do this?</div><div "
                "class='post reply'>"
                "<p>Like this, I think.</div><div class='post reply'><p>Thanks for the help!</div><div "
                "class='post reply'>"
                "<p>You are welcome.</div></div>", "text/html", "https://forum.example.com/t/how-do-i/12",
                    "forum");
    assert_type(S "\n" S, "text/plain", "", "article");
    assert_type("<p>x</p>", "text/html", "https://example.com/a", "other");
    assert_type("<p> </p>", "text/html", "", "other");
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void stage_fails_when_hostile_trees_break_it(void **state)
{
    enum { N = 1000000 };
    trommel_node *x = calloc(N, sizeof *x);
    trommel_dom dom = { .struct_size = sizeof dom, .node_size = sizeof *x,
                        .attr_size = sizeof(trommel_attr), .nodes = x,
                        .attrs = "", .strs = "a price of $5 " };

    for (uint32_t i = 0; i < N; i++) /* chains of 510 elements with a text at each one's end */
        x[i] = (trommel_node){
            .kind = i == 0 ? TROMMEL_NODE_DOCUMENT : i % 510 == 0 ? TROMMEL_NODE_TEXT : TROMMEL_NODE_ELEMENT,
            .tag = i % 510 ? 1 + i % 228 : 0,
            .depth = (uint16_t)(i ? 1 + (i - 1) % 510 : 0),
            .parent = i % 510 == 1 || !i ? 0 : i - 1,
            .end = i + 1,
            .text_n = i % 510 ? 0 : 14,
        };
    for (uint32_t i = N; i-- > 1;)
        if (x[x[i].parent].end < x[i].end)
            x[x[i].parent].end = x[i].end;
    static const uint32_t sizes[] = { 0, 1, 2, 3, 600, N };
    for (unsigned i = 0; i < 6; i++) {
        double from = seconds();
        dom.n_nodes = sizes[i];
        for (uint32_t k = 0; k < dom.n_nodes && i < 5; k++)
            x[k].end = x[k].end > dom.n_nodes ? dom.n_nodes : x[k].end;
        if (i == 5)
            x[0].end = N;
        stage_page(&dom, "https://example.com/////////-------?", TROMMEL_CONTINUE);
        assert_true(seconds() - from < 5);
    }
    struct trommel_page page = { .arena = &arena, .dom = &dom, .stop = 1 };
    struct trommel_ctx ctx;
    host_open(&ctx, trommel_stage_entry(TROMMEL_ABI_MAJOR, 0), "");
    assert_int_equal(host_run(&ctx, &page), TROMMEL_RETRY);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(features_fail_when_marks_are_missed, clear),
        cmocka_unit_test_teardown(features_fail_when_urls_are_misread, clear),
        cmocka_unit_test_teardown(features_fail_when_records_are_not_seen, clear),
        cmocka_unit_test_teardown(model_fails_when_margins_differ_from_the_trainers, clear),
        cmocka_unit_test_teardown(fingerprint_fails_when_pages_of_a_template_differ, clear),
        cmocka_unit_test_teardown(fingerprint_fails_when_templates_are_equal, clear),
        cmocka_unit_test_teardown(stage_fails_when_types_are_wrong, clear),
        cmocka_unit_test_teardown(stage_fails_when_hostile_trees_break_it, clear),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
