/* parse_page: kinds, reasons, plain text, base and charset, as the chain gets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/limits.h"
#include "parse/parse.h"
#include "tests/unit/parse/dom_check.h"
#include "tests/unit/parse/guarded.h"

static struct parse *parser;
static struct parse_limits limits = PARSE_LIMITS_DEFAULT;
static struct arena arena;
static struct parse_output out;
static struct guarded held;

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
    if (held.map)
        guarded_free(&held);
    return 0;
}

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

static void page(const char *url, const char *type, const char *encoding, const void *p, size_t n)
{
    struct parse_input in = { str(url), str(type), str(encoding), { "", 0 } };

    if (held.map)
        guarded_free(&held);
    held = guarded_new(p, n);
    in.body = (trommel_str){ held.p, n };
    arena_clear(&arena, 16 * MIB);
    assert_int_equal(parse_page(parser, &in, &arena, &out), 0);
    if (out.kind != PARSE_NONE)
        assert_null(dom_check(&out.dom, limits.nodes, limits.depth));
}

static void is_str(trommel_str got, const char *want)
{
    if (got.n != strlen(want) || memcmp(got.p, want, got.n) != 0)
        fail_msg("\"%.*s\", not \"%s\"", (int)got.n, got.p, want);
}

static void a_type_is_taken_for_another(void **state)
{
    static const struct {
        const char *type, *body;
        enum parse_kind kind;
        const char *found;
    } cases[] = {
        { "text/html", "x", PARSE_HTML, "text/html" },
        { " Text/HTML ; charset=utf-8", "x", PARSE_HTML, "text/html" },
        { "text/html,text/html", "x", PARSE_HTML, "text/html" },
        { "application/xhtml+xml", "<html/>", PARSE_HTML, "application/xhtml+xml" },
        { "text/plain", "x", PARSE_PLAIN, "text/plain" },
        { "text/markdown", "# x", PARSE_PLAIN, "text/markdown" },
        { "application/pdf", "%PDF-1.4", PARSE_NONE, "application/pdf" },
        { "image/png", "\x89PNG", PARSE_NONE, "image/png" },
        { "application/json", "{}", PARSE_NONE, "application/json" },
        { "text/html", "\x01\x02\x03\xff", PARSE_HTML, "text/html" },
        { "text/plain", "\x01\x02\x03\xff", PARSE_NONE, "text/plain" },
        { "", "<!doctype HTML><p>", PARSE_HTML, "text/html" },
        { "", "  \n<html>", PARSE_HTML, "text/html" },
        { "", "<!-- x -->", PARSE_HTML, "text/html" },
        { "", "\xef\xbb\xbf<P >", PARSE_HTML, "text/html" },
        { "", "<pp>", PARSE_PLAIN, "text/plain" },
        { "", "hello", PARSE_PLAIN, "text/plain" },
        { "", "<?xml version='1.0'?><rss>", PARSE_NONE, "text/xml" },
        { "", "<?xml version='1.0'?><!DOCTYPE html>", PARSE_HTML, "application/xhtml+xml" },
        { "", "%PDF-1.4", PARSE_NONE, "application/pdf" },
        { "", "\x89PNG\r\n\x1a\n\x01", PARSE_NONE, "application/octet-stream" },
        { "nonsense", "<html>", PARSE_HTML, "text/html" },
        { "*/*", "<html>", PARSE_HTML, "text/html" },
        { "application/unknown", "\x01", PARSE_NONE, "application/octet-stream" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        page("", cases[i].type, "", cases[i].body, strlen(cases[i].body));
        if (out.kind != cases[i].kind)
            fail_msg("%s \"%s\" is %d", cases[i].type, cases[i].body, out.kind);
        is_str(out.content_type, cases[i].found);
        if (out.kind == PARSE_NONE) {
            assert_string_equal(out.reason, "unsupported_type");
            assert_int_equal(out.failed, 0);
            assert_int_equal(out.charset.n, 0);
            assert_int_equal(out.dom.n_nodes, 0);
        }
    }
}

static void a_reason_is_another(void **state)
{
    page("", "text/html", "", "", 0);
    assert_string_equal(out.reason, "empty_body");
    assert_int_equal(out.failed, 0);
    page("", "text/html", "gzip", "", 0);
    assert_string_equal(out.reason, "empty_body");
    page("", "text/html", "gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff", 13);
    assert_string_equal(out.reason, "bad_encoding");
    assert_int_equal(out.failed, 1);
    page("", "text/html", "lzw", "<p>", 3);
    assert_string_equal(out.reason, "unknown_encoding");
    assert_int_equal(out.failed, 1);
    is_str(out.content_type, "text/html");
}

static void a_packed_page_is_lost(void **state)
{
    static const char html[] = "<meta charset=windows-1252><p>caf\xe9</p>";
    unsigned char packed[256];
    z_stream z = { 0 };

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)html;
    z.avail_in = sizeof html - 1;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    page("", "text/html", "gzip", packed, sizeof packed - z.avail_out);
    deflateEnd(&z);
    assert_int_equal(out.kind, PARSE_HTML);
    is_str(out.charset, "windows-1252");
    assert_string_equal(out.charset_how, "meta");
    is_str(out.text, "<meta charset=windows-1252><p>caf\xc3\xa9</p>");
}

/* Bytes of text in the flat page. */
static void is_text(const char *want)
{
    char got[512];
    size_t n = 0;

    for (uint32_t i = 0; i < out.dom.n_nodes; i++) {
        const trommel_node *x = TROMMEL_NODE(&out.dom, i);
        if (x->kind == TROMMEL_NODE_TEXT)
            n += (size_t)snprintf(got + n, sizeof got - n, "[%.*s]", (int)x->text_n, out.dom.strs + x->text);
    }
    got[n] = 0;
    assert_string_equal(got, want);
}

static void plain_text_loses_lines(void **state)
{
    static const char text[] = "\n  first <b>\r\n\r\n\t \nsecond & last\0x\r third";

    page("", "text/plain", "", text, sizeof text - 1);
    assert_int_equal(out.kind, PARSE_NONE); /* a zero byte among the first is no text */
    static const char marked[] = "\xef\xbb\xbf  first <b>\r\n\r\n\t \nsecond & last\r third";
    page("", "text/plain; charset=utf-8", "", marked, sizeof marked - 1);
    assert_int_equal(out.kind, PARSE_PLAIN);
    assert_int_equal(out.dom.flags, TROMMEL_DOM_PLAIN);
    is_text("[  first <b>][second & last][ third]");
    assert_int_equal(TROMMEL_NODE(&out.dom, 1)->tag, TROMMEL_TAG_HTML);
    assert_int_equal(TROMMEL_NODE(&out.dom, 2)->tag, TROMMEL_TAG_BODY);
    assert_int_equal(TROMMEL_NODE(&out.dom, 3)->tag, TROMMEL_TAG_P);
    assert_int_equal(out.dom.n_nodes, 9);
    page("", "text/plain", "", "   \n \r\n", 7);
    assert_int_equal(out.dom.n_nodes, 3);
}

static void a_zero_byte_stays_in_plain_text(void **state)
{
    static char text[4000];

    memset(text, 'a', sizeof text);
    text[3000] = 0;
    page("", "text/plain", "", text, sizeof text);
    assert_int_equal(out.kind, PARSE_PLAIN);
    assert_int_equal(out.text.n, sizeof text + 2);
    assert_null(memchr(out.text.p, 0, out.text.n));
    page("", "text/html", "", "<p>a\0b<a title='x\0y'>", 21);
    is_text("[ab]");
}

static void the_base_is_another(void **state)
{
    static const struct {
        const char *url, *html, *base;
    } cases[] = {
        { "https://h.example/a/b", "<p>", "https://h.example/a/b" },
        { "https://h.example/a/b", "<base href=/c/d?x#y>", "https://h.example/c/d?x" },
        { "https://h.example/a/b", "<base target=x><base href='http://o.example'><base href=/z>",
          "http://o.example/" },
        { "https://h.example/a/b", "<base href='javascript:x'>", "https://h.example/a/b" },
        { "https://h.example/a/b", "<base href='http://['>", "https://h.example/a/b" },
        { "https://h.example/a/b", "<template><base href=/z></template>", "https://h.example/a/b" },
        { "https://h.example/a/b", "<svg><base href=/z></svg>", "https://h.example/a/b" },
        { "", "<base href=/z>", "" },
        { "", "<base href=https://o.example/z>", "https://o.example/z" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        page(cases[i].url, "text/html", "", cases[i].html, strlen(cases[i].html));
        is_str(out.base_url, cases[i].base);
    }
}

static void utf16_is_decoded_twice(void **state)
{
    static const char html[] = "<meta charset=koi8-r><title>x</title><p>plain text in wide characters</p>";
    char wide[2 * sizeof html];

    for (int big = 0; big < 2; big++) {
        for (int type = 0; type < 2; type++) {
            for (size_t i = 0; i < sizeof html - 1; i++) {
                wide[2 * i + !big] = 0;
                wide[2 * i + big] = html[i];
            }
            page("", type ? "text/html" : "text/html;charset=nonsense", "", wide, 2 * (sizeof html - 1));
            is_str(out.charset, big ? "utf-16be" : "utf-16le");
            is_str(out.text, html);
            is_text("[x][plain text in wide characters]");
        }
    }
}

/* Whatever stood in a page must not show in the next one. */
static void pages_mix(void **state)
{
    char first[2048] = "", again[2048];

    for (int round = 0; round < 2; round++) {
        static const char mixed[] = "<base href=/x><p lang=de>\xc3\xa4</p><unknown x=y>";
        page("https://h.example/", "text/html", "", mixed, sizeof mixed - 1);
        snprintf(again, sizeof again, "%u %u %u %.*s %.*s %s", out.dom.n_nodes, out.dom.n_attrs,
                 out.dom.n_strs, (int)out.dom.n_strs, out.dom.strs, (int)out.base_url.n, out.base_url.p,
                 out.charset_how);
        if (round)
            assert_string_equal(again, first);
        strcpy(first, again);
        page("", "text/plain", "", "x\ny", 3);
        page("", "text/html", "deflate", "\x01\x02", 2);
        page("", "text/html; charset=shift_jis", "", "\x82\xa0<table><a>", 12);
        page("", "image/png", "", "x", 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_is_taken_for_another),
        cmocka_unit_test(a_reason_is_another),
        cmocka_unit_test(a_packed_page_is_lost),
        cmocka_unit_test(plain_text_loses_lines),
        cmocka_unit_test(a_zero_byte_stays_in_plain_text),
        cmocka_unit_test(the_base_is_another),
        cmocka_unit_test(utf16_is_decoded_twice),
        cmocka_unit_test(pages_mix),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
