/* url: the normal form is lexbor's, whichever way a reference took; hostile references are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "tests/unit/effort.h"
#include "tests/unit/parse/guarded.h"
#include "tests/unit/parse/url_reference.h"

static struct url_parser *urls;
static lxb_url_parser_t *reference;
static struct arena arena;

static int setup(void **state)
{
    urls = url_parser_new();
    reference = lxb_url_parser_create();
    arena_init(&arena, MIB);
    return urls && reference && lxb_url_parser_init(reference, NULL) == LXB_STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    url_parser_free(urls);
    lxb_url_parser_memory_destroy(reference);
    lxb_url_parser_destroy(reference, true);
    arena_release(&arena);
    return 0;
}

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

static int resolve(const char *base, trommel_str ref, trommel_str *ret)
{
    arena_clear(&arena, MIB);
    return url_resolve(urls, str(base), ref, &arena, ret);
}

static void is_resolved(const char *base, const char *ref, const char *want)
{
    trommel_str got = { "", 0 };
    int err = resolve(base, str(ref), &got);

    if (err || got.n != strlen(want) || memcmp(got.p, want, got.n) != 0)
        fail_msg("%s + %s: %s %.*s, not %s", base, ref, err_name(err), (int)got.n, got.p, want);
}

static void the_normal_form_is_another(void **state)
{
    static const struct {
        const char *base, *ref, *want;
    } cases[] = {
        { "", "HTTP://Example.COM", "http://example.com/" },
        { "", "http://example.com:80/a/../b#f", "http://example.com/b" },
        { "", "https://example.com:443", "https://example.com/" },
        { "", "https://example.com:8443/", "https://example.com:8443/" },
        { "", " \n http://example.com/a b\t", "http://example.com/a%20b" },
        { "", "http://b\xc3\xbc" "cher.example/", "http://xn--bcher-kva.example/" },
        { "", "http://0x7f.1/", "http://127.0.0.1/" },
        { "", "http://[::1]:8080/x?y", "http://[::1]:8080/x?y" },
        { "", "http://user:secret@example.com/", "http://example.com/" },
        { "https://h.example/a/b?c#d", "", "https://h.example/a/b?c" },
        { "https://h.example/a/b?c", "#x", "https://h.example/a/b?c" },
        { "https://h.example/a/b?c", "?x=1", "https://h.example/a/b?x=1" },
        { "https://h.example/a/b?c", "x", "https://h.example/a/x" },
        { "https://h.example/a/b?c", "./x/../y", "https://h.example/a/y" },
        { "https://h.example/a/b?c", "../../../x", "https://h.example/x" },
        { "https://h.example/a/b?c", "/x", "https://h.example/x" },
        { "https://h.example/a/b?c", "//other.example/x", "https://other.example/x" },
        { "https://h.example/a/b?c", "http://other.example", "http://other.example/" },
        { "https://h.example/a/b?c", "%2e%2E/x", "https://h.example/x" },
        { "https://h.example/a/b?c", "x%2Fy", "https://h.example/a/x%2Fy" },
        { "https://h.example/a/b?c", "\xe7\x8c\xab", "https://h.example/a/%E7%8C%AB" },
        { "https://h.example/a/b?c", "\\x", "https://h.example/x" },
        { "https://h.example/a/b?c", "x'?y'", "https://h.example/a/x'?y%27" },
        { "https://h.example", "x", "https://h.example/x" },
        { "HTTPS://H.example/a/../b/", "x", "https://h.example/b/x" },
        { "https://h.example/a/b?c", "http:x", "http://x/" },
        { "https://h.example/a/b?c", "https:x", "https://h.example/a/x" },
        { "https://h.example/a/b?c", "https:/x", "https://h.example/x" },
        { "https://h.example/a/b?c", "https:\\\\x", "https://x/" },
        { "", "https://h.example//[/.../", "https://h.example//[/.../" },
        { "", "https://h.example/a//../b/./", "https://h.example/a/b/" },
        { "https://h.example/a/b?c", "^?^", "https://h.example/a/%5E?^" },
        { "https://h.example/a/b?c", "x/.?y", "https://h.example/a/x/?y" },
        { "https://h.example/a/b?c", "x/%2e%2E", "https://h.example/a/" },
        { "https://h.example/a/b?c", ".%2e/.%2e/.%2e/x/..", "https://h.example/" },
        { "https://h.example/a/b?c", "..\\x [/./y/../z", "https://h.example/x%20[/z" },
        { "https://h.example/a/b?c", ".../.x/x./..x/x..", "https://h.example/a/.../.x/x./..x/x.." },
        { "https://h.example/a/b?c", "%2e/1a.b[::1]/..", "https://h.example/a/" },
        { "https://h.example/a/b?c", "..#x", "https://h.example/" },
        { "https://h.example/a/b?c", "x?y #z ", "https://h.example/a/x?y%20" },
        { "https://h.example/a/b?c", "%#x", "https://h.example/a/%" },
        { "https://h.example/a/b?c", "100% sure/%/../%zz", "https://h.example/a/100%%20sure/%zz" },
        { "https://h.example/a%/b?%", "%?%/..", "https://h.example/a%/%?%/.." },
        { "https://h.example/a%\xc3\xa9/b", "?", "https://h.example/a%%C3%A9/b?" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is_resolved(cases[i].base, cases[i].ref, cases[i].want);
}

static void what_is_no_web_page_passes(void **state)
{
    static const struct {
        const char *base, *ref;
        int err;
    } cases[] = {
        { "https://h.example/", "javascript:void(0)", ERR_UNSUPPORTED },
        { "https://h.example/", "mailto:a@b", ERR_UNSUPPORTED },
        { "https://h.example/", "data:text/html,x", ERR_UNSUPPORTED },
        { "https://h.example/", "ftp://h/x", ERR_UNSUPPORTED },
        { "https://h.example/", "java\nscript:x", ERR_UNSUPPORTED },
        { "", "/x", ERR_INVALID },
        { "", "", ERR_INVALID },
        { "no url", "/x", ERR_INVALID },
        { "https://h.example/", "http://", ERR_INVALID },
        { "https://h.example/", "http://a b/", ERR_INVALID },
        { "https://h.example/", "http://h:99999/", ERR_INVALID },
        { "https://h.example/", "http://256.256.256.256/", ERR_INVALID },
    };
    trommel_str got;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int err = resolve(cases[i].base, str(cases[i].ref), &got);
        if (err != cases[i].err)
            fail_msg("%s: %s, not %s", cases[i].ref, err_name(err), err_name(cases[i].err));
    }
}

/* ---- against lexbor ---------------------------------------------------------------------------- */

/* What lexbor 3.0 has wrong in a path: any "%" is taken for an escape, a dot segment for none if a slow byte
 * or a query comes behind it; where either may be, only the outcome is compared, ... */
static int has_dots_or_escape(trommel_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '%' ||
            (s.p[i] == '.' && (i == 0 || !strchr("abcdefghijklmnopqrstuvwxyz123", s.p[i - 1]))))
            return 1;
    return 0;
}

/* ... "^" is not escaped, ... */
static trommel_str caret_back(trommel_str s, char *room)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        int caret = s.n - i >= 3 && memcmp(s.p + i, "%5E", 3) == 0;
        room[n++] = caret ? '^' : s.p[i];
        i += caret ? 2 : 0;
    }
    return (trommel_str){ room, n };
}

/* ... and an empty first segment is lost. */
static int has_empty_segment(trommel_str s)
{
    const char *path = s.n > 8 ? memchr(s.p + 8, '/', s.n - 8) : NULL;

    return path && memmem(path, (size_t)(s.p + s.n - path), "//", 2) != NULL;
}

static void stays(trommel_str url)
{
    struct url_parts parts;
    struct arena a;
    trommel_str again;

    if (url_split(url, &parts) != 0)
        fail_msg("%.*s cannot be split", (int)url.n, url.p);
    arena_init(&a, 4096);
    int err = url_resolve(urls, str(""), url, &a, &again);
    if (err || again.n != url.n || memcmp(again.p, url.p, url.n) != 0)
        fail_msg("%.*s does not stay: %s %.*s", (int)url.n, url.p, err_name(err), err ? 0 : (int)again.n,
                 again.p);
    arena_release(&a);
}

static void agrees(const char *base, trommel_str ref)
{
    struct url_text want;
    trommel_str got = { "", 0 };
    int err = resolve(base, ref, &got), ok = url_reference(reference, str(base), ref, &want);

    if (ok && want.n > LIMIT_URL_BYTES)
        ok = 0;
    if (!err)
        stays(got);
    if (ok == (err == 0) && (has_dots_or_escape(ref) || (!err && has_empty_segment(got))))
        return;
    char room[LIMIT_URL_BYTES];
    if (!err)
        got = caret_back(got, room);
    if ((err == 0) != ok || (ok && (got.n != want.n || memcmp(got.p, want.p, got.n) != 0)))
        fail_msg("%s + %.*s: %s %.*s, lexbor says %.*s", base, (int)ref.n, ref.p, err_name(err), (int)got.n,
                 got.p, ok ? (int)want.n : 0, want.p);
}

static uint32_t seed = 1;

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static const char *const bases[] = {
    "https://www.example.com/a/b.html?q=1",
    "http://example.org/",
    "https://h.example",
    "https://h.example/x/y/",
    "http://192.0.2.7:8080/p",
    "https://h.example/?",
    "https://h.example/a?b?c",
};

/* Every byte in each place of a plain URL. */
static void a_byte_is_taken_for_plain(void **state)
{
    static const char *const forms[] = { "https://host.example/pa_th/x?q_q=1#f",
                                         "/pa_th/x?q_",
                                         "pa_th",
                                         "?a_b",
                                         "#_",
                                         "http://ho_st.example/",
                                         "http://h._/",
                                         "_",
                                         "//h/_.",
                                         "x/._",
                                         "x/_.",
                                         "_x",
                                         "http://h.example_",
                                         "http://h.example/_%2e/y",
                                         "https://_" };
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        for (unsigned c = 1; c < 256; c++) {
            char ref[64];
            snprintf(ref, sizeof ref, "%s", forms[k]);
            for (char *at; (at = strchr(ref, '_'));)
                *at = (char)c == '_' ? '-' : (char)c;
            if (c < 0x80) /* other bytes alone are not UTF-8 */
                for (size_t b = 0; b < sizeof bases / sizeof *bases; b++)
                    agrees(bases[b], str(ref));
        }
    }
}

static void the_result_differs_from_lexbor(void **state)
{
    static const char *const parts[] = {
        "http://",
        "https://",
        "HTTP://",
        "http:",
        "https:/",
        "//",
        "/",
        "/",
        "/",
        ".",
        "..",
        "./",
        "../",
        "/.",
        "/..",
        "/.../",
        "%2e",
        "%2E%2e",
        "%",
        "%4",
        "%41",
        "?",
        "?",
        "#",
        "&",
        "=",
        "a",
        "b",
        "index",
        ".html",
        "foo",
        "x1",
        "-",
        "--",
        "xn--",
        "xn--a",
        "www.",
        "example.com",
        "EXAMPLE",
        "1",
        "1.2.3.4",
        "0x1",
        ":",
        ":80",
        ":443",
        ":8080",
        "@",
        "u:p@",
        "[",
        "]",
        "[::1]",
        " ",
        "\t",
        "\n",
        "\\",
        "|",
        "^",
        "`",
        "{",
        "}",
        "<",
        ">",
        "\"",
        "'",
        "~",
        "!",
        "$",
        "*",
        "+",
        ",",
        ";",
        "_",
        "\xc3\xa9",
        "\xe7\x8c\xab",
        "\xf0\x9f\x98\x80",
        "\x7f",
        "a.b",
        "..b",
    };
    for (uint32_t i = 0; i < effort(300000); i++) {
        char ref[256];
        size_t n = 0;
        for (uint32_t k = 1 + below(7); k; k--) {
            const char *p = parts[below(sizeof parts / sizeof *parts)];
            memcpy(ref + n, p, strlen(p));
            n += strlen(p);
        }
        agrees(bases[below(sizeof bases / sizeof *bases)], (trommel_str){ ref, n });
    }
}

static void a_long_reference_is_cut_or_kept(void **state)
{
    static char ref[70000];
    trommel_str got;

    memset(ref, 'a', sizeof ref);
    memcpy(ref, "https://h.example/", 18);
    assert_int_equal(resolve("", (trommel_str){ ref, LIMIT_URL_BYTES }, &got), 0);
    assert_int_equal(got.n, LIMIT_URL_BYTES);
    assert_int_equal(resolve("", (trommel_str){ ref, LIMIT_URL_BYTES + 1 }, &got), ERR_LIMIT);
    assert_int_equal(resolve("", (trommel_str){ ref, sizeof ref }, &got), ERR_LIMIT);
    ref[30] = ' '; /* the slow way */
    assert_int_equal(resolve("", (trommel_str){ ref, LIMIT_URL_BYTES }, &got), ERR_LIMIT);
    assert_int_equal(resolve("", (trommel_str){ ref, LIMIT_URL_BYTES - 2 }, &got), 0);
    assert_int_equal(resolve("", (trommel_str){ ref, 16000 }, &got), ERR_LIMIT);
    memcpy(ref, "data:text/html,xxx", 18);
    assert_int_equal(resolve("", (trommel_str){ ref, sizeof ref }, &got), ERR_UNSUPPORTED);
}

static void a_reference_is_read_too_far(void **state)
{
    static const char *const refs[] = {
        "https://h.example/%2e", "/a/.", "%2", "http://h.example:80", "?q", "#f", ".", "http://xn--", "https:"
    };
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
        for (size_t n = 0; n <= strlen(refs[i]); n++) {
            struct guarded g = guarded_new(refs[i], n);
            trommel_str got;
            resolve(bases[0], (trommel_str){ g.p, n }, &got);
            guarded_free(&g);
        }
    }
}

static void memory_grows_with_the_number_of_urls(void **state)
{
    trommel_str got;
    struct arena small;

    for (uint32_t i = 0; i < effort(200000); i++) {
        char base[64];
        snprintf(base, sizeof base, "https://h%u.example/", i & 7);
        assert_int_equal(resolve(base, str("/a b/../c"), &got), 0);
    }
    arena_init(&small, 8);
    assert_int_equal(url_resolve(urls, str(bases[0]), str("/x"), &small, &got), ERR_NOMEM);
    arena_release(&small);
}

/* ---- split ------------------------------------------------------------------------------------- */

static void part_is(trommel_str got, const char *want)
{
    if (got.n != strlen(want) || memcmp(got.p, want, got.n) != 0)
        fail_msg("%.*s, not %s", (int)got.n, got.p, want);
}

static void parts_are_cut_in_the_wrong_place(void **state)
{
    struct url_parts p;

    assert_int_equal(url_split(str("https://host.example:8443/a/b?c=/d?"), &p), 0);
    part_is(p.scheme, "https");
    part_is(p.origin, "https://host.example:8443");
    part_is(p.host, "host.example");
    part_is(p.port, "8443");
    part_is(p.path, "/a/b");
    part_is(p.query, "c=/d?");
    part_is(p.target, "/a/b?c=/d?");
    assert_int_equal(url_split(str("http://[2001:db8::1]/"), &p), 0);
    part_is(p.host, "[2001:db8::1]");
    part_is(p.port, "");
    part_is(p.path, "/");
    part_is(p.query, "");
    assert_int_equal(url_split(str("http://[::1]:81/?"), &p), 0);
    part_is(p.host, "[::1]");
    part_is(p.port, "81");
    static const char *const bad[] = {
        "",   "http://", "http:///x",  "http://h",    "HTTP://h/", "ftp://h/",
        "/x", "h/x",     "http://h/#", "http://u@h/", "http:/h/",  "http://h?x"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(url_split(str(bad[i]), &p), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_normal_form_is_another),
        cmocka_unit_test(what_is_no_web_page_passes),
        cmocka_unit_test(a_byte_is_taken_for_plain),
        cmocka_unit_test(the_result_differs_from_lexbor),
        cmocka_unit_test(a_long_reference_is_cut_or_kept),
        cmocka_unit_test(a_reference_is_read_too_far),
        cmocka_unit_test(memory_grows_with_the_number_of_urls),
        cmocka_unit_test(parts_are_cut_in_the_wrong_place),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
