/* tree and flatten: hostile pages cost little, pass no limit, and what comes out keeps its promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "parse/parse.h"
#include "tests/unit/parse/dom_check.h"
#include "tests/unit/effort.h"
#include "tests/unit/parse/guarded.h"

enum { BYTES = 8 * 1024 * 1024, WHOLE = 6 /* repetitions tried at full length */ };

#if defined(__SANITIZE_ADDRESS__)
enum { SECONDS_MOST = 40 };
#else
enum { SECONDS_MOST = 4 }; /* measured: 1.5 at most; shared machines are slow */
#endif

static struct parse *parser;
static struct parse_limits limits = PARSE_LIMITS_DEFAULT;
static struct arena arena;
static struct parse_output out;

static int setup(void **state)
{
    parser = parse_new(&limits);
    arena_init(&arena, LIMIT_ARENA_BYTES);
    return parser ? 0 : -1;
}

static int teardown(void **state)
{
    parse_free(parser);
    arena_release(&arena);
    return 0;
}

static int parse(const char *p, size_t n)
{
    struct parse_input in = { .content_type = { "text/html", 9 }, .body = { p, n } };

    arena_clear(&arena, 16 * MIB);
    int err = parse_page(parser, &in, &arena, &out);
    if (!err && out.kind == PARSE_HTML) {
        const char *bad = dom_check(&out.dom, limits.nodes, limits.depth);
        if (bad)
            fail_msg("%s: %.60s", bad, p);
    }
    return err;
}

static void page(const char *html)
{
    struct guarded g = guarded_new(html, strlen(html));

    assert_int_equal(parse(g.p, strlen(html)), 0);
    assert_int_equal(out.kind, PARSE_HTML);
    guarded_free(&g);
}

/* The tree as text: tags in brackets, text as it is. */
static void is_tree(const char *html, const char *want)
{
    char got[2048] = "";
    size_t n = 0;

    page(html);
    for (uint32_t i = 1; i < out.dom.n_nodes && n < sizeof got - 200; i++) {
        const trommel_node *x = TROMMEL_NODE(&out.dom, i);
        static const char *const names[TROMMEL_TAG_COUNT_] = {
#define X(number, upper, text) [number] = text,
            TROMMEL_TAG_MAP(X)
#undef X
        };
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%u", n ? " " : "", x->depth);
        if (x->kind == TROMMEL_NODE_ELEMENT && x->tag)
            n += (size_t)snprintf(got + n, sizeof got - n, "<%s>", names[x->tag]);
        else
            n += (size_t)snprintf(got + n, sizeof got - n,
                                  x->kind == TROMMEL_NODE_ELEMENT ? "<?%.*s>" : "%.*s",
                                  (int)(x->text_n < 50 ? x->text_n : 50), out.dom.strs + x->text);
    }
    assert_string_equal(got, want);
}

static void the_tree_is_another(void **state)
{
    is_tree("<title>t</title><p>a<b>b", "1<html> 2<head> 3<title> 4t 2<body> 3<p> 4a 4<b> 5b");
    is_tree("<p>a<!-- c -->b<p>c", "1<html> 2<head> 2<body> 3<p> 4ab 3<p> 4c");
    is_tree("<table><td>x", "1<html> 2<head> 2<body> 3<table> 4<tbody> 5<tr> 6<td> 7x");
    is_tree("<my-tag>x</my-tag>", "1<html> 2<head> 2<body> 3<?my-tag> 4x");
    is_tree("<CENTER>x<FONT>y", "1<html> 2<head> 2<body> 3<center> 4x 4<font> 5y");
    is_tree("<template><p>x</template>y", "1<html> 2<head> 3<template> 4<p> 5x 2<body> 3y");
    is_tree("<body><noscript><p>x</noscript>", "1<html> 2<head> 2<body> 3<noscript> 4<p> 5x");
    is_tree("<b><p>x</b>y", "1<html> 2<head> 2<body> 3<b> 3<p> 4<b> 5x 4y");
    is_tree("<svg><linearGradient/></svg>", "1<html> 2<head> 2<body> 3<svg> 4<lineargradient>");
}

static const trommel_node *first(uint32_t tag)
{
    for (uint32_t i = 0; i < out.dom.n_nodes; i++)
        if (TROMMEL_NODE(&out.dom, i)->tag == tag)
            return TROMMEL_NODE(&out.dom, i);
    fail_msg("no element with tag %u", tag);
    return NULL;
}

static void attr_is(const trommel_node *n, uint32_t key, const char *name, const char *val)
{
    for (uint32_t k = n->attr; k < n->attr + n->attr_n; k++) {
        const trommel_attr *a = TROMMEL_ATTR(&out.dom, k);
        if (a->key != key || a->name_n != strlen(name) ||
            memcmp(out.dom.strs + a->name, name, a->name_n) != 0)
            continue;
        assert_int_equal(a->val_n, strlen(val));
        assert_memory_equal(out.dom.strs + a->val, val, a->val_n);
        return;
    }
    fail_msg("no attribute %s", name);
}

static void attributes_are_lost(void **state)
{
    page("<a HREF='x&amp;y' data-Foo=1 hidden Class=\"a b\" class=c xml:lang=de>t</a>"
         "<svg viewBox='0 0'><use xlink:href='#i'/></svg><p data-src=q onfoo>");
    const trommel_node *a = first(TROMMEL_TAG_A);
    assert_int_equal(a->attr_n, 5);
    attr_is(a, TROMMEL_A_HREF, "href", "x&y");
    attr_is(a, 0, "data-foo", "1");
    attr_is(a, TROMMEL_A_HIDDEN, "hidden", "");
    attr_is(a, TROMMEL_A_CLASS, "class", "a b");
    attr_is(a, TROMMEL_A_XML_LANG, "xml:lang", "de");
    assert_int_equal(first(TROMMEL_TAG_SVG)->ns, TROMMEL_NS_SVG);
    attr_is(first(TROMMEL_TAG_SVG), TROMMEL_A_VIEWBOX, "viewbox", "0 0");
    attr_is(first(TROMMEL_TAG_USE), TROMMEL_A_XLINK_HREF, "xlink:href", "#i");
    attr_is(first(TROMMEL_TAG_P), TROMMEL_A_DATA_SRC, "data-src", "q");
    attr_is(first(TROMMEL_TAG_P), 0, "onfoo", "");
}

static void flags_are_wrong(void **state)
{
    page("<template><p>x</p></template><body> <noscript>n <i>y</i></noscript>\n<p>z");
    for (uint32_t i = 0; i < out.dom.n_nodes; i++) {
        const trommel_node *n = TROMMEL_NODE(&out.dom, i);
        if (n->kind != TROMMEL_NODE_TEXT)
            continue;
        char c = out.dom.strs[n->text];
        assert_int_equal(n->flags, c == 'x'             ? TROMMEL_NODE_F_TEMPLATE
                                   : c == 'y' || c == 'n' ? TROMMEL_NODE_F_NOSCRIPT
                                   : c == 'z'             ? 0
                                                          : TROMMEL_NODE_F_SPACE);
    }
    assert_int_equal(first(TROMMEL_TAG_NOSCRIPT)->flags, 0);
    assert_int_equal(first(TROMMEL_TAG_TEMPLATE)->flags, 0);
    assert_int_equal(out.dom.flags, 0);
}

static void the_page_before_shows_through(void **state)
{
    struct { uint32_t nodes, attrs, strs; } was[2];

    for (int round = 0; round < 2; round++) {
        page("<p zzz=1><unknown-a zzz=2>x");
        was[round].nodes = out.dom.n_nodes;
        was[round].attrs = out.dom.n_attrs;
        was[round].strs = out.dom.n_strs;
        page("<!DOCTYPE html><table><frameset><unknown-b yyy=1><template><svg><plaintext>");
        page("<form><select><math><a><b><script>");
    }
    assert_memory_equal(&was[0], &was[1], sizeof was[0]);
    page("<p><table>");
    assert_int_equal(first(TROMMEL_TAG_TABLE)->depth, 4); /* no doctype: quirks, a table stays in its p */
    page("<!DOCTYPE html><p><table>");
    assert_int_equal(first(TROMMEL_TAG_TABLE)->depth, 3);
    page("<p><table>");
    assert_int_equal(first(TROMMEL_TAG_TABLE)->depth, 4);
}

/* ---- hostile ----------------------------------------------------------------------------------- */

static char *big;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void is_quick(const char *what, size_t n)
{
    double begin = cpu_seconds();
    int err = parse(big, n);
    double took = cpu_seconds() - begin;

    if (err || out.kind != PARSE_HTML)
        fail_msg("%s: %d %s", what, err, out.reason ? out.reason : "");
    if (took > SECONDS_MOST * (getenv("TROMMEL_SLOW_MACHINE") ? 30 : 1)) /* set under valgrind and sanitizers */
        fail_msg("%s took %.1f s", what, took);
}

/* head, then `unit` again and again; "%x" in it is a number that differs each time. */
static size_t repeat_to(size_t most, const char *head, const char *unit)
{
    size_t n = (size_t)sprintf(big, "%s", head), len = strlen(unit);
    const char *mark = strstr(unit, "%x");

    for (unsigned i = 0; n + len + 16 < most; i++) {
        if (mark) {
            n += (size_t)sprintf(big + n, "%.*s%x%s", (int)(mark - unit), unit, i, mark + 2);
        } else {
            memcpy(big + n, unit, len);
            n += len;
        }
    }
    return n;
}

static size_t repeat(const char *head, const char *unit)
{
    return repeat_to(effort(effort(BYTES)), head, unit);
}

static void a_repetition_costs_too_much(void **state)
{
    static const char *const units[] = {
        "<div>",
        "<b>",
        "<a>",
        "<a href=x>",
        "<table>",
        "<p><b>",
        "<p>",
        "<span>",
        "<svg>",
        "<math><mi>",
        "<template>",
        "<select>",
        "<option>",
        "<button>",
        "<table><td>",
        "<table><tr>",
        "<li>",
        "<ul><li>",
        "<dd>",
        "<h1>",
        "<nobr>",
        "<marquee>",
        "<b><i><p></b></i>",
        "<b><div></b>",
        "<a><div>",
        "<b><i><u><em><s><tt><p>",
        "a</x>",
        "<!---->",
        "&amp;",
        "&nGt",
        "<",
        "</x>",
        "<!DOCTYPE>",
        "<font c=%x>",
        "<p><font c=%x>",
        "<q%x>",
        "<q%x></q%x>",
        "<a a%x=1>",
        "<html a%x=1>",
        "<body a%x=1>",
        "<a class=%x href=y><b id=%x>x",
        "<svg><foreignObject>",
        "<form>",
        "<frameset>",
        "<object>",
        "<ruby><rt>",
        "<dialog>",
        "<td>",
        "<caption>",
        "<noscript>",
        "<script>",
        "<textarea>",
        "<title>",
        "<plaintext>",
        "<table>x<b>",
        "<select><option>x<b>",
        "<i a b c d e f g h>x",
        "<option><b>x<select>",
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        is_quick(units[i], repeat_to(effort(effort(i < WHOLE ? BYTES : BYTES / 3)), "", units[i]));
}

static void a_long_beginning_costs_too_much(void **state)
{
    char head[32 * 600] = "";

    is_quick("attribute soup", repeat("<a ", "b "));
    is_quick("attribute names", repeat("<a ", "a%x "));
    is_quick("attribute values", repeat("<a ", "a%x='' "));
    is_quick("one name", repeat("<a", "a"));
    is_quick("one value", repeat("<a b='", "a"));
    is_quick("one comment", repeat("<!--", "-"));
    is_quick("table text", repeat("<table>", "a</x>"));
    is_quick("template text", repeat("<template>", "a</x>"));
    for (int i = 0; i < 600; i++)
        strcat(head, "<b>");
    is_quick("end tags in depth", repeat(head, "</x>"));
    head[0] = 0;
    for (int i = 0; i < 600; i++)
        strcat(head, "<div>");
    is_quick("end tags of p in depth", repeat(head, "</p>"));
    memset(head, 0, sizeof head);
    memcpy(head, "<p><b class=", 12);
    memset(head + 12, 'x', 16000);
    memcpy(head + 16012, "><p>", 5);
    is_quick("a copied attribute", repeat(head, "<p>x</p>"));
    is_quick("a select with copies", repeat("<select><button><selectedcontent></selectedcontent></button>",
                                            "<option>x<b>"));
}

static void random_markup_breaks_a_promise(void **state)
{
    static const char *const parts[] = {
        "div",
        "b",
        "a",
        "table",
        "p",
        "td",
        "tr",
        "svg",
        "math",
        "template",
        "select",
        "option",
        "button",
        "font",
        "i",
        "caption",
        "object",
        "form",
        "li",
        "ul",
        "frameset",
        "frame",
        "head",
        "body",
        "html",
        "title",
        "style",
        "script",
        "tbody",
        "colgroup",
        "col",
        "noscript",
        "foreignObject",
        "annotation-xml",
        "mi",
        "desc",
        "nobr",
        "textarea",
        "plaintext",
        "image",
        "isindex",
        "applet",
        "marquee",
        "rt",
        "rp",
        "dd",
        "dt",
        "h1",
        "h2",
        "br",
    };
    uint32_t seed = 7;

    for (int round = 0; round < (int)effort(400); round++) {
        size_t n = 0;
        uint32_t tags = round % 10 == 9 ? 60000 : 300, depth_bias = (uint32_t)round % 4;
        for (uint32_t i = 0; i < tags; i++) {
            seed = seed * 1664525u + 1013904223u;
            const char *tag = parts[(seed >> 8) % (sizeof parts / sizeof *parts - (round & 1 ? 0 : 30))];
            uint32_t what = (seed >> 20) % 8;
            n += (size_t)sprintf(big + n, what == 7            ? "x%s"
                                          : what > 2 + depth_bias ? "</%s>"
                                                                  : "<%s c=d>",
                                 tag);
        }
        assert_int_equal(parse(big, n), 0);
        assert_int_equal(out.kind, PARSE_HTML);
    }
}

/* Clamped where the tree is built, nothing behind the depth is lost; clamped later, the builder would have given up. */
static void what_is_nested_too_deep_is_lost(void **state)
{
    const unsigned nested = effort(300000);
    size_t n = repeat_to(nested * 5, "", "<div>");

    n += (size_t)sprintf(big + n, "<p>behind all of them");
    assert_int_equal(parse(big, n), 0);
    assert_true(out.dom.flags & TROMMEL_DOM_CLAMPED);
    assert_true(out.dom.n_nodes > nested - 100);
    const trommel_node *last = TROMMEL_NODE(&out.dom, out.dom.n_nodes - 1);
    assert_int_equal(last->kind, TROMMEL_NODE_TEXT);
    assert_memory_equal(out.dom.strs + last->text, "behind all of them", 18);
}

static void limits_are_passed(void **state)
{
    struct parse_limits small = { LIMIT_BODY_BYTES, 100, 65536, 100, 16 };
    struct parse *p = parse_new(&small);
    struct parse_input in = { .content_type = { "text/html", 9 } };

    assert_non_null(p);
    for (int k = 0; k < 2; k++) {
        size_t n = repeat("", k ? "<p>x" : "<div>x");
        in.body = (trommel_str){ big, n < 100000 ? n : 100000 };
        arena_clear(&arena, MIB);
        assert_int_equal(parse_page(p, &in, &arena, &out), 0);
        assert_null(dom_check(&out.dom, 100, 16));
        assert_int_equal(out.dom.flags & TROMMEL_DOM_CLAMPED, TROMMEL_DOM_CLAMPED);
        assert_true(out.dom.n_nodes > 90);
    }
    /* Just within. */
    in.body = (trommel_str){ "<div><div><div><div><div><div><div><div><div><div><div><div><div>x", 66 };
    arena_clear(&arena, MIB);
    assert_int_equal(parse_page(p, &in, &arena, &out), 0);
    assert_int_equal(out.dom.flags, 0);
    parse_free(p);
}

static void a_spent_arena_crashes(void **state)
{
    struct parse_input in = { .content_type = { "text/html", 9 } };
    int refused = 0, done = 0;

    in.body = (trommel_str){ big, repeat("<p class=a>x<i>y</i><q%x id=1>", "<p class=a%x>x<i>y</i>") / 200 };
    for (size_t max = 0; max < 4 * MIB; max = max * 5 / 4 + 64) {
        struct arena small;
        arena_init(&small, max);
        int err = parse_page(parser, &in, &small, &out);
        assert_true(err == 0 || err == ERR_LIMIT);
        refused += err != 0;
        done += err == 0;
        if (!err)
            assert_null(dom_check(&out.dom, limits.nodes, limits.depth));
        arena_release(&small);
    }
    assert_true(refused > 5 && done > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_is_another),
        cmocka_unit_test(attributes_are_lost),
        cmocka_unit_test(flags_are_wrong),
        cmocka_unit_test(the_page_before_shows_through),
        cmocka_unit_test(a_repetition_costs_too_much),
        cmocka_unit_test(a_long_beginning_costs_too_much),
        cmocka_unit_test(random_markup_breaks_a_promise),
        cmocka_unit_test(what_is_nested_too_deep_is_lost),
        cmocka_unit_test(limits_are_passed),
        cmocka_unit_test(a_spent_arena_crashes),
    };
    big = malloc(BYTES + 4096);
    if (!big)
        return 1;
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    free(big);
    return failed;
}
