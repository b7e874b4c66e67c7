/* select.h fails where lexbor is no reference: letter case, templates, loops left early, pages deep and wide,
 * mistakes and their places, maxima. */
#include "html.h"

#include "base/buf.h"
#include "tests/unit/effort.h"
#include "tests/unit/parse/guarded.h"

static struct html the;
static struct sdk_select sel;

/* ---- ways of our own ---- */

struct row {
    const char *text, *ids; /* of the elements that match */
};

static void test_our_own_ways(void **state)
{
    static const char page[] = "<!doctype html><html id=h><body id=b><p id=P class=Up></p><template id=t><p "
                               "id=in class=up></p></template>"
                               "<svg id=s><textPath id=tp></textPath></svg><input id=i type=TEXT><p id=q "
                               "class=up>x</p></body></html>";
    static const struct row rows[] = {
        { ".up", "q" },
        { ".Up", "P" },
        { "#P", "P" },
        { "#p", "" },
        { "[type=text]", "" },
        { "[type=text i]", "i" },
        { "textpath", "tp" },
        { "TEXTPATH", "tp" },
        { "html:first-child", "h" },
        { ":root:last-child", "h" },
        { "template:empty", "t" },
        { "template > p", "" },
        { "p", "P q" },
        { "body > :not(p)", "t s i" },
    };
    const trommel_dom *d = html_parse(&the, page, sizeof page - 1);
    trommel_str id;

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        char got[64] = "";
        assert_int_equal(sdk_select_compile(&sel, rows[k].text, strlen(rows[k].text)), TROMMEL_OK);
        SDK_EACH_MATCH(&sel, d, 0, i)
            if (sdk_attr_get(d, i, TROMMEL_A_ID, &id))
                snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", *got ? " " : "", (int)id.n,
                         id.p);
        if (strcmp(got, rows[k].ids))
            fail_msg("`%s`: %s, not %s", rows[k].text, got, rows[k].ids);
    }
    /* from within a template its content is seen */
    sdk_select_compile(&sel, "template > p", 12);
    assert_int_not_equal(sdk_select_first(&sel, d, sdk_by_id(d, 0, "t")), TROMMEL_NONE);
    SDK_EACH_MATCH(&sel, d, 0, i)
        fail_msg("node %u of a template is seen from outside", i);
}

/* Leaving the loop early, loops within loops. */
static void test_loops(void **state)
{
    static const char page[] = "<ul><li>1<li>2<li>3</ul><ul><li>4</ul>";
    static struct sdk_select lists, items;
    const trommel_dom *d = html_parse(&the, page, sizeof page - 1);
    unsigned n = 0, lists_n = 0;

    sdk_select_compile(&lists, "ul", 2);
    sdk_select_compile(&items, "li", 2);
    SDK_EACH_MATCH(&lists, d, 0, list) {
        lists_n++;
        SDK_EACH_MATCH(&items, d, list, item) {
            n++;
            if (n == 2)
                break;
        }
    }
    assert_int_equal(lists_n, 2);
    assert_int_equal(n, 3);
}

/* ---- mistakes ---- */

struct mistake {
    const char *text;
    unsigned at;
    const char *what; /* a part of the message */
};

static void test_mistakes(void **state)
{
    static const struct mistake rows[] = {
        { "", 0, "a selector is wanted" },
        { "  ", 2, "a selector is wanted" },
        { "a,", 2, "a selector is wanted" },
        { ",a", 0, "a selector is wanted" },
        { "a >", 3, "a selector is wanted" },
        { "a > > b", 4, "a selector is wanted" },
        { "> a", 0, "a selector is wanted" },
        { "a$", 1, "cannot stand here" },
        { "a)", 1, "cannot stand here" },
        { "a $", 2, "a selector is wanted" },
        { "#", 1, "a name is wanted" },
        { "#1a", 1, "a name is wanted" },
        { ".", 1, "a name is wanted" },
        { ". a", 1, "a name is wanted" },
        { "a.-1", 2, "a name is wanted" },
        { "[", 1, "a name is wanted" },
        { "[a", 2, "] or one of" },
        { "[a=", 3, "a value is wanted" },
        { "[a=1]", 3, "put it in quotes" },
        { "[a='x]", 3, "quote that is not closed" },
        { "[a=x", 4, "] is wanted" },
        { "[a=x q]", 5, "] is wanted" },
        { "[a!=x]", 2, "] or one of" },
        { "[a|b]", 2, "namespaces" },
        { "svg|a", 3, "namespaces" },
        { "*|a", 1, "namespaces" },
        { "a::before", 1, "pseudo-elements" },
        { "a:hover", 1, "not known here" },
        { "a:has(b)", 1, "not known here" },
        { "a:not", 5, "( is wanted" },
        { "a:not(", 6, "a selector is wanted" },
        { "a:not()", 6, "a selector is wanted" },
        { "a:not(b", 7, ") is wanted" },
        { "a:not(b,)", 8, "a selector is wanted" },
        { "a:empty()", 7, "no bracket" },
        { ":nth-child", 10, "( is wanted" },
        { ":nth-child()", 11, "an+b" },
        { ":nth-child(x)", 11, "an+b" },
        { ":nth-child(2 n)", 13, "an+b" },
        { ":nth-child(2n+)", 13, "nine digits" },
        { ":nth-child(2n+-1)", 13, "nine digits" },
        { ":nth-child(1234567890)", 11, "an+b" },
        { ":nth-child(2 of .a)", 13, "`of` is not known" },
        { ":first-of-type", 0, "a known tag is wanted" },
        { "x-y:first-of-type", 3, "a known tag is wanted" },
        { "a\\", 2, "a backslash with nothing" },
        { "a:is(a:is(a:is(a:is(a:is(a:is(a:is(a:is(a:is(b)))))))))", 45, "too many brackets" },
        { "a:not(b:is(c)):x", 14, "not known here" },
    };

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        struct guarded g = guarded_new(rows[k].text, strlen(rows[k].text));
        assert_int_equal(sdk_select_compile(&sel, g.p, strlen(rows[k].text)), TROMMEL_E_INVALID);
        guarded_free(&g);
        if (sel.error_at != rows[k].at || !strstr(sel.error, rows[k].what))
            fail_msg("`%s`: byte %u: %s", rows[k].text, sel.error_at, sel.error);
        assert_int_equal(sel.ends, 0);
    }
}

static void test_maxima(void **state)
{
    static char text[SDK_SELECT_TEXT + 8];
    struct buf b = BUF_INIT(1 << 16);

    memset(text, 'a', sizeof text);
    assert_int_equal(sdk_select_compile(&sel, text, SDK_SELECT_STRS), TROMMEL_OK);
    assert_int_equal(sdk_select_compile(&sel, text, SDK_SELECT_STRS + 1), TROMMEL_E_INVALID);
    memset(text, ' ', sizeof text);
    text[0] = 'a';
    assert_int_equal(sdk_select_compile(&sel, text, SDK_SELECT_TEXT), TROMMEL_OK);
    assert_int_equal(sdk_select_compile(&sel, text, SDK_SELECT_TEXT + 1), TROMMEL_E_INVALID);
    for (unsigned n = 1; n <= SDK_SELECT_COMPOUNDS; n++) {
        buf_printf(&b, n > 1 ? " p" : "p");
        assert_int_equal(sdk_select_compile(&sel, buf_cstr(&b), b.len), TROMMEL_OK);
    }
    buf_printf(&b, " p");
    assert_int_equal(sdk_select_compile(&sel, buf_cstr(&b), b.len), TROMMEL_E_INVALID);
    assert_non_null(strstr(sel.error, "too long"));
    buf_clear(&b);
    for (unsigned n = 0; n <= SDK_COMPOUND_TESTS; n++)
        buf_printf(&b, ".c");
    assert_int_equal(sdk_select_compile(&sel, buf_cstr(&b), b.len), TROMMEL_E_INVALID);
    assert_int_equal(sel.error_at, 2 * SDK_COMPOUND_TESTS);
    buf_clear(&b);
    buf_printf(&b, "p:first-of-type, b:first-of-type, i:first-of-type, a:first-of-type");
    assert_int_equal(sdk_select_compile(&sel, buf_cstr(&b), b.len), TROMMEL_OK);
    buf_printf(&b, ", u:first-of-type");
    assert_int_equal(sdk_select_compile(&sel, buf_cstr(&b), b.len), TROMMEL_E_INVALID);
    buf_release(&b);
}

/* As deep as pages get; and so many siblings that counting them anew for each would not end in a test's time.
 */
static void test_deep_and_wide(void **state)
{
    static const char counts[] = "p:nth-last-child(odd), p ~ p ~ p ~ p:last-of-type, p:nth-last-of-type(2)";
    struct buf b = BUF_INIT(8 << 20);
    uint32_t last = TROMMEL_NONE, n = 0;

    for (int k = 0; k < 700; k++)
        buf_printf(&b, "<div>");
    html_parse(&the, (const char *)b.data, b.len);
    sdk_select_compile(&sel, "div div", 7);
    SDK_EACH_MATCH(&sel, the.dom, 0, i)
        last = i;
    assert_int_not_equal(last, TROMMEL_NONE);
    assert_in_range(TROMMEL_NODE(the.dom, last)->depth, SDK_SELECT_DEPTH - 1, SDK_SELECT_DEPTH);
    assert_true(sdk_select_is(&sel, the.dom, last));
    buf_clear(&b);
    for (unsigned k = effort(100000); k--;)
        buf_printf(&b, "<p></p>x");
    html_parse(&the, (const char *)b.data, b.len);
    assert_int_equal(sdk_select_compile(&sel, counts, sizeof counts - 1), TROMMEL_OK);
    SDK_EACH_MATCH(&sel, the.dom, 0, i)
        n++, last = i;
    assert_int_equal(n, (effort(100000) + 1) / 2 + 1);
    buf_release(&b);
}

static void test_no_nodes(void **state)
{
    trommel_dom none = { .struct_size = sizeof none,
                         .node_size = sizeof(trommel_node),
                         .attr_size = sizeof(trommel_attr) };

    sdk_select_compile(&sel, "*", 1);
    assert_int_equal(sdk_select_first(&sel, &none, 0), TROMMEL_NONE);
    assert_int_equal(sdk_select_is(&sel, &none, 0), 0);
    html_parse(&the, "<p>x", 4);
    assert_int_equal(sdk_select_first(&sel, the.dom, TROMMEL_NONE), TROMMEL_NONE);
    assert_int_equal(sdk_select_is(&sel, the.dom, the.dom->n_nodes - 1), 0); /* a text node */
    assert_int_equal(sdk_select_first(&sel, the.dom, the.dom->n_nodes - 1), TROMMEL_NONE);
}

/* ---- an option ---- */

static struct {
    const char *value; /* NULL: absent */
    char failed[512];
} option;

static int32_t option_get(trommel_ctx *c, uint32_t opt, trommel_val *ret)
{
    assert_int_equal(opt, 3);
    if (!option.value)
        return TROMMEL_E_ABSENT;
    *ret = sdk_val_str(sdk_str(option.value, strlen(option.value)));
    return TROMMEL_OK;
}

static void option_fail(trommel_ctx *c, uint32_t reason, const char *msg, size_t n)
{
    snprintf(option.failed, sizeof option.failed, "%.*s", (int)n, msg);
}

static void test_option(void **state)
{
    static const trommel_host host = { .struct_size = sizeof host, .opt = option_get, .fail = option_fail };

    option.value = "p > .a";
    assert_int_equal(sdk_select_opt(&host, NULL, 3, &sel), TROMMEL_OK);
    assert_string_equal(option.failed, "");
    option.value = "p >> .a";
    assert_int_equal(sdk_select_opt(&host, NULL, 3, &sel), TROMMEL_E_INVALID);
    assert_string_equal(option.failed,
                        "selector `p >> .a` byte 3: a selector is wanted here: a tag, * or one of # . [ :");
    option.value = NULL;
    assert_int_equal(sdk_select_opt(&host, NULL, 3, &sel), TROMMEL_E_ABSENT);
    html_parse(&the, "<p>x", 4);
    assert_int_equal(sdk_select_first(&sel, the.dom, 0), TROMMEL_NONE);
}

static int end(void **state)
{
    html_release(&the);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_own_ways),  cmocka_unit_test(test_loops),
        cmocka_unit_test(test_mistakes),      cmocka_unit_test(test_maxima),
        cmocka_unit_test(test_deep_and_wide), cmocka_unit_test(test_no_nodes),
        cmocka_unit_test(test_option),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
