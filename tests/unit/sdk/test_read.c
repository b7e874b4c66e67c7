/* sdk_read fails when words are glued or parted otherwise than on the screen, what is hidden is read, or the
 * bound on bytes is passed. */
#include "html.h"

static struct html the;

struct row {
    const char *html, *want;
};

static const char *text_of(uint32_t root, size_t max, int32_t want_rc)
{
    static char out[4096];
    trommel_str s = { 0 };

    assert_int_equal(sdk_read(&html_host, html_page(&the), root, max, &s), want_rc);
    assert_true(s.n <= max && s.n < sizeof out);
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return out;
}

static void rows_check(const struct row *rows, size_t n)
{
    size_t bad = 0;

    for (size_t i = 0; i < n; i++) {
        html_parse(&the, rows[i].html, strlen(rows[i].html));
        const char *got = text_of(0, 4000, TROMMEL_OK);
        if (!strcmp(got, rows[i].want))
            continue;
        print_message("# `%s`: `%s`, not `%s`\n", rows[i].html, got, rows[i].want);
        bad++;
    }
    assert_int_equal(bad, 0);
}

#define CHECK(rows) rows_check(rows, sizeof rows / sizeof rows[0])

static void test_space(void **state)
{
    static const struct row rows[] = {
        { "a", "a" },
        { "  a \n\t b  ", "a b" },
        { "a<b> b</b>", "a b" },
        { "a<b>b</b> <i> c</i>", "ab c" },
        { "a&nbsp;&nbsp;b&#x202f;c&#x3000;d", "a b c d" },
        { "soft&shy;ware zero&#x200b;width", "software zerowidth" },
        { "<p> a </p>", "a" },
        { "", "" },
        { " &nbsp; ", "" },
    };

    CHECK(rows);
}

static void test_blocks(void **state)
{
    static const struct row rows[] = {
        { "<div>a</div><div>b</div>", "a\nb" },
        { "a<div>b</div>c", "a\nb\nc" },
        { "<div><div><div>a</div></div></div><section>b</section>", "a\nb" },
        { "<p>a</p><p>b</p>", "a\n\nb" },
        { "<h1>a</h1><p>b</p>c", "a\n\nb\n\nc" },
        { "a<br>b<br><br>c<br><br><br>d", "a\nb\n\nc\n\nd" },
        { "<div>a<br></div>b", "a\nb" },
        { "<ul><li>a<li> b <b>c</b><li></ul>d", "a\nb c\nd" },
        { "<dl><dt>a<dd>b</dl>", "a\nb" },
        { "<div></div>a<div></div><div></div>b", "a\nb" },
        { "a<hr>b", "a\nb" },
        { "<p>a<span>b<p>c", "ab\n\nc" },
    };

    CHECK(rows);
}

static void test_tables(void **state)
{
    static const struct row rows[] = {
        { "<table><tr><td>a<td>b<tr><td>c<td>d</table>e", "a\tb\nc\td\ne" },
        { "<table><tr> <th>a</th> <td> b </td> </tr> <tr><td></td><td>d</td><td></td></tr></table>",
          "a\tb\n\td" },
        { "<table><tr><td>a<td><td>c</table>", "a\t\tc" },
        { "<table><tr><td><div>a</div><td><p>b</p><tr><td><p>c<p>d<td><div>e</div></table>",
          "a\tb\nc\n\nd\te" },
        { "<table><caption>t</caption><thead><tr><th>a<tbody><tr><td>b</table>", "t\na\nb" },
        { "<table><tr><td>a<td><table><tr><td>b<td>c</table></table>d", "a\tb\tc\nd" },
        { "<table><tr><td><td></tr></table>x", "x" },
        { "<table><tr><td><br>a<td>b</table>", "a\tb" },
    };

    CHECK(rows);
}

static void test_pre(void **state)
{
    static const struct row rows[] = {
        { "<p>a</p><pre>x\n  y <b> z</b>\n</pre>b", "a\n\nx\n  y  z\nb" },
        { "<pre>\n\n  x</pre>", "\n  x" },
        { "a<pre>b</pre>c", "a\nb\nc" },
        { "<pre>a&nbsp;&nbsp;b\tc</pre>", "a\xc2\xa0\xc2\xa0"
                                          "b\tc" },
    };

    CHECK(rows);
}

static void test_left_out(void **state)
{
    static const struct row rows[] = {
        { "<title>t</title><style>s</style>a<script>j</script><noscript>n</noscript>b", "ab" },
        { "a<template>t</template><p hidden>h</p><div hidden=until-found>h</div>b", "ab" },
        { "a<i style='color:red; Display : None'>h</i><i style=visibility:hidden>h</i>b", "ab" },
        { "a<i style='display:none!important'>h</i><i style='content:none;display:inline'>s</i>b", "asb" },
        { "a<i style='xdisplay:none'>s</i><i style='display:nonexistent-display-value'>s</i>b", "assb" },
        { "<dialog>no</dialog><dialog open>yes</dialog>", "yes" },
        { "a<svg><title>t</title><text>t</text></svg>b", "a b" },
        { "a<select><option>o</select><textarea>t</textarea>b", "a b" },
        { "a<iframe>f</iframe><video>v</video><canvas>c</canvas>b", "a b" },
        { "<math><semantics><mi>x</mi><mo>=</mo><mn>1</mn><annotation>x=1</annotation></semantics></math>",
          "x=1" },
        { "<ruby>k<rp>(</rp><rt>r</rt><rp>)</rp></ruby>", "k(r)" },
    };

    CHECK(rows);
}

static void test_no_words_glued(void **state)
{
    static const struct row rows[] = {
        { "a<img alt=x>b", "a b" },
        { "a<button>b</button>c", "a b c" },
        { "Price<label>net</label>5", "Price net 5" },
        { "a<x-price>5</x-price>b", "a 5 b" },
        { "$12<sup>99</sup>", "$12 99" },
        { "10<sup>5</sup>, H<sub>2</sub>O, x<sup>2</sup>3", "10 5, H2O, x2 3" },
        { "un<b>believ</b>able", "unbelievable" },
        { "wo<wbr>rd", "word" },
        { "a <span hidden>x</span> b", "a b" },
        { "a<button hidden>x</button>b<img hidden>c", "abc" },
    };

    CHECK(rows);
}

/* root is read whatever it is, and nothing beside it. */
static void test_roots(void **state)
{
    static const char page[] =
        "<title> the  title </title><body><script>var x = 1;</script><pre>q<b id=b>x  y</b></pre>"
        "<p id=p>one<b> two</b></p><select id=s><option>r<option>g</select><div hidden id=h>z";
    const trommel_dom *d = html_parse(&the, page, sizeof page - 1);

    assert_string_equal(text_of(sdk_next_tag(d, 0, 0, TROMMEL_TAG_TITLE), 100, TROMMEL_OK), "the title");
    assert_string_equal(text_of(sdk_next_tag(d, 0, 0, TROMMEL_TAG_SCRIPT), 100, TROMMEL_OK), "var x = 1;");
    assert_string_equal(text_of(sdk_by_id(d, 0, "b"), 100, TROMMEL_OK), "x  y");
    assert_string_equal(text_of(sdk_child(d, sdk_by_id(d, 0, "b")), 100, TROMMEL_OK), "x  y");
    assert_string_equal(text_of(sdk_by_id(d, 0, "p"), 100, TROMMEL_OK), "one two");
    assert_string_equal(text_of(sdk_child(d, sdk_by_id(d, 0, "p")), 100, TROMMEL_OK), "one");
    assert_string_equal(text_of(sdk_by_id(d, 0, "s"), 100, TROMMEL_OK), "r\ng");
    assert_string_equal(text_of(sdk_by_id(d, 0, "h"), 100, TROMMEL_OK), "z");
    assert_string_equal(text_of(TROMMEL_NONE, 100, TROMMEL_OK), "");
}

/* What of want is left within max bytes: whole characters, no white space at the cut. */
static size_t left_of(const char *want, size_t max)
{
    while (max && (want[max] & 0xc0) == 0x80)
        max--;
    while (max && (want[max - 1] == '\n' || want[max - 1] == ' '))
        max--;
    return max;
}

static void test_bounds(void **state)
{
    static const char page[] = "<p>ab c</p><p>\xc3\xa9\xe2\x82\xac</p><pre>x\n\xe2\x82\xac</pre>";
    static const char want[] = "ab c\n\n\xc3\xa9\xe2\x82\xac\n\nx\n\xe2\x82\xac";
    trommel_str s;

    html_parse(&the, page, sizeof page - 1);
    for (size_t max = 0; max < sizeof want + 4; max++) {
        size_t whole = sizeof want - 1;
        int32_t rc = sdk_read(&html_host, html_page(&the), 0, max, &s);
        assert_int_equal(rc, max < whole ? TROMMEL_E_LIMIT : TROMMEL_OK);
        assert_int_equal(s.n, max < whole ? left_of(want, max) : whole);
        assert_memory_equal(s.p, want, s.n);
    }
    the.alloc_fails = 1;
    assert_int_equal(sdk_read(&html_host, html_page(&the), 0, 100, &s), TROMMEL_E_LIMIT);
    assert_int_equal(s.n, 0);
    the.alloc_fails = 0;
}

/* Text that is no UTF-8 passes through; nothing is read or written out of bounds (the sanitizers look). */
static void test_broken_text(void **state)
{
    static const char strs[] = "a\xff \xe2\x80 \xc2";
    trommel_node nodes[2] = {
        { .kind = TROMMEL_NODE_DOCUMENT, .parent = TROMMEL_NONE, .next = TROMMEL_NONE, .end = 2 },
        { .kind = TROMMEL_NODE_TEXT, .next = TROMMEL_NONE, .end = 2, .depth = 1 }
    };
    trommel_dom d = { .struct_size = sizeof d,
                      .node_size = sizeof(trommel_node),
                      .attr_size = sizeof(trommel_attr),
                      .n_nodes = 2,
                      .n_strs = sizeof strs - 1,
                      .nodes = nodes,
                      .strs = strs };

    html_parse(&the, "", 0);
    the.dom = &d;
    for (uint32_t from = 0; from < sizeof strs; from++)
        for (uint32_t n = 0; from + n < sizeof strs; n++) {
            nodes[1].text = from;
            nodes[1].text_n = n;
            text_of(0, 100, TROMMEL_OK);
        }
    d.n_nodes = 0;
    assert_string_equal(text_of(0, 100, TROMMEL_OK), "");
}

static int end(void **state)
{
    html_release(&the);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_space), cmocka_unit_test(test_blocks),   cmocka_unit_test(test_tables),
        cmocka_unit_test(test_pre),   cmocka_unit_test(test_left_out), cmocka_unit_test(test_no_words_glued),
        cmocka_unit_test(test_roots), cmocka_unit_test(test_bounds),   cmocka_unit_test(test_broken_text),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
