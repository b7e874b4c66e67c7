/* walk.h fails when a loop leaves its subtree, misses a node or takes one twice, or an attribute or class is
 * found that is not there. */
#include "html.h"

static struct html the;

static const char page[] = "<!doctype html><title>T</title><body class=\" a  bc \" id=top><ul "
                           "id=list><li>one<li data-x=1 data-foo=2>two <b>t"
                           "</b><li class=c>three</ul><p>after<svg><a href=x>s</a></svg><a href=y>h</a>";

static const trommel_dom *load(void)
{
    return html_parse(&the, page, sizeof page - 1);
}

static uint32_t must_id(const trommel_dom *d, const char *id)
{
    uint32_t i = sdk_by_id(d, 0, id);

    assert_int_not_equal(i, TROMMEL_NONE);
    return i;
}

static void test_loops_stay_inside(void **state)
{
    const trommel_dom *d = load();
    uint32_t list = must_id(d, "list"), n[6] = { 0 };
    char text[64] = "";

    SDK_EACH_ELEMENT(d, list, i) {
        n[0]++;
        assert_in_range(i, list + 1, sdk_last(d, list));
    }
    SDK_EACH_TAG(d, list, TROMMEL_TAG_LI, i)
        n[1]++;
    SDK_EACH_CHILD_ELEMENT(d, list, i)
        n[2]++;
    SDK_EACH_TEXT(d, list, i) {
        trommel_str s = sdk_text_of(d, i);
        strncat(text, s.p, s.n);
    }
    SDK_EACH_CHILD(d, list, i)
        n[3]++;
    SDK_EACH_ANCESTOR(d, list, i) /* body, html, document */
        n[4]++;
    SDK_EACH_ELEMENT(d, list, i) { /* the subtree of each li left out: b is not seen */
        n[5]++;
        i = sdk_last(d, i);
    }
    assert_int_equal(n[0], 4);
    assert_int_equal(n[1], 3);
    assert_int_equal(n[2], 3);
    assert_int_equal(n[3], 3);
    assert_int_equal(n[4], 3);
    assert_int_equal(n[5], 3);
    assert_string_equal(text, "onetwo tthree");
}

/* Over every root: what the loops give is what a plain search over the whole page gives. */
static void test_loops_agree_with_a_search(void **state)
{
    const trommel_dom *d = load();

    for (uint32_t root = 0; root < d->n_nodes; root++) {
        uint32_t elements = 0, texts = 0, children = 0, i = root;
        for (uint32_t k = root + 1; k < TROMMEL_NODE(d, root)->end; k++) {
            elements += TROMMEL_NODE(d, k)->kind == TROMMEL_NODE_ELEMENT;
            texts += TROMMEL_NODE(d, k)->kind == TROMMEL_NODE_TEXT;
            children += TROMMEL_NODE(d, k)->parent == root;
        }
        while ((i = sdk_next(d, root, i, TROMMEL_NODE_ELEMENT)) != TROMMEL_NONE)
            elements--;
        SDK_EACH_TEXT(d, root, k)
            texts--;
        SDK_EACH_CHILD(d, root, k)
            children--;
        assert_int_equal(elements, 0);
        assert_int_equal(texts, 0);
        assert_int_equal(children, 0);
    }
}

static void test_attributes(void **state)
{
    const trommel_dom *d = load();
    uint32_t body = must_id(d, "top"), li = sdk_next_tag(d, 0, 0, TROMMEL_TAG_LI);
    trommel_str s;

    assert_int_equal(sdk_attr_get(d, body, TROMMEL_A_ID, &s), 1);
    assert_true(sdk_str_is(s, "top", 3));
    assert_int_equal(sdk_attr_get(d, body, TROMMEL_A_HREF, &s), 0);
    assert_int_equal(s.n, 0);
    assert_int_equal(sdk_attr_named(d, li, "data-x", &s), 0);
    li = sdk_sibling_element(d, li);
    assert_int_equal(sdk_attr_named(d, li, "data-x", &s), 1);
    assert_true(sdk_str_is(s, "1", 1));
    assert_int_equal(sdk_attr_named(d, li, "data-foo", &s), 1);
    assert_true(sdk_str_is(s, "2", 1));
    assert_int_equal(sdk_attr_named(d, li, "data-fo", &s), 0);
    assert_int_equal(sdk_attr_get(d, sdk_child(d, li), TROMMEL_A_ID, &s), 0); /* of a text node */
}

static void test_classes(void **state)
{
    const trommel_dom *d = load();
    uint32_t body = must_id(d, "top");

    assert_true(sdk_has_class(d, body, "a"));
    assert_true(sdk_has_class(d, body, "bc"));
    assert_false(sdk_has_class(d, body, "b"));
    assert_false(sdk_has_class(d, body, "c"));
    assert_false(sdk_has_class(d, body, "A"));
    assert_false(sdk_has_class(d, body, ""));
    assert_false(sdk_has_class(d, must_id(d, "list"), "a"));
}

static void test_steps(void **state)
{
    const trommel_dom *d = load();
    uint32_t list = must_id(d, "list"), li = sdk_child_element(d, list),
             b = sdk_next_tag(d, 0, 0, TROMMEL_TAG_B);
    uint32_t a = sdk_next_tag(d, 0, 0, TROMMEL_TAG_A);
    trommel_str s;

    assert_int_equal(sdk_parent(d, li), list);
    assert_int_equal(sdk_ancestor_tag(d, b, TROMMEL_TAG_UL), list);
    assert_int_equal(sdk_ancestor_tag(d, b, TROMMEL_TAG_B), TROMMEL_NONE);
    assert_int_equal(sdk_parent(d, 0), TROMMEL_NONE);
    assert_int_equal(sdk_child(d, sdk_child(d, li)), TROMMEL_NONE);
    assert_int_equal(sdk_sibling_element(d, sdk_last(d, 0)), TROMMEL_NONE);
    /* the a of the svg has the same number, and is none of HTML */
    assert_true(sdk_attr_get(d, a, TROMMEL_A_HREF, &s) && sdk_str_is(s, "y", 1));
    assert_int_equal(sdk_next_tag(d, 0, a, TROMMEL_TAG_A), TROMMEL_NONE);
    assert_int_equal(sdk_by_id(d, list, "list"), TROMMEL_NONE); /* root is left out */
    assert_int_equal(sdk_by_id(d, list, "top"), TROMMEL_NONE);
    assert_true(sdk_str_is(sdk_trim(sdk_str(" \n x y\t", 7)), "x y", 3));
    assert_int_equal(sdk_trim(sdk_str(" \n", 2)).n, 0);
}

static void test_no_nodes(void **state)
{
    trommel_dom none = { .struct_size = sizeof none,
                         .node_size = sizeof(trommel_node),
                         .attr_size = sizeof(trommel_attr) };

    SDK_EACH_ELEMENT(&none, 0, i)
        fail_msg("node %u of none", i);
    SDK_EACH_CHILD(&none, 0, i)
        fail_msg("node %u of none", i);
    SDK_EACH_ANCESTOR(&none, 0, i)
        fail_msg("node %u of none", i);
    SDK_EACH_TEXT(&none, TROMMEL_NONE, i)
        fail_msg("node %u of none", i);
    assert_int_equal(sdk_by_id(&none, 0, "x"), TROMMEL_NONE);
    assert_int_equal(sdk_sibling_element(&none, 0), TROMMEL_NONE);
}

/* The drawing in the manual is what the parser makes of the line above it. */
static void draw(const trommel_dom *d, char *to, size_t size)
{
    static const char *const kinds[] = { "DOCUMENT", "ELEMENT", "TEXT" };
    static const char *const tags[TROMMEL_TAG_COUNT_] = {
        [TROMMEL_TAG_HTML] = "html", [TROMMEL_TAG_HEAD] = "head", [TROMMEL_TAG_BODY] = "body",
        [TROMMEL_TAG_P] = "p",       [TROMMEL_TAG_B] = "b",
    };
    size_t n = (size_t)snprintf(to, size, "index  kind      tag   parent  next  end  text and attributes\n");

    for (uint32_t i = 0; i < d->n_nodes; i++) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        trommel_str text = sdk_text_of(d, i), class;
        char parent[12] = "-", next[12] = "-", line[160];
        if (x->parent != TROMMEL_NONE)
            snprintf(parent, sizeof parent, "%u", x->parent);
        if (x->next != TROMMEL_NONE)
            snprintf(next, sizeof next, "%u", x->next);
        int len = snprintf(line, sizeof line, "%5u  %-8s  %-4s  %6s  %4s  %3u  ", i, kinds[x->kind],
                           tags[x->tag] ? tags[x->tag] : "", parent, next, x->end);
        if (text.n)
            len += snprintf(line + len, sizeof line - (size_t)len, "\"%.*s\"", (int)text.n, text.p);
        if (sdk_attr_get(d, i, TROMMEL_A_CLASS, &class))
            len += snprintf(line + len, sizeof line - (size_t)len, "class=\"%.*s\"", (int)class.n, class.p);
        while (len && line[len - 1] == ' ')
            len--;
        n += (size_t)snprintf(to + n, size - n, "%.*s\n", len, line);
    }
}

static void test_manual_drawing(void **state)
{
    static const char html[] = "<p class=a>one <b>two</b></p><p>three</p>";
    static char manual[1 << 17], drawing[4096];
    FILE *f = fopen("plugin/README.md", "r");

    assert_non_null(f);
    manual[fread(manual, 1, sizeof manual - 1, f)] = 0;
    fclose(f);
    draw(html_parse(&the, html, sizeof html - 1), drawing, sizeof drawing);
    const char *at = strstr(manual, html);
    assert_non_null(at);
    if (strncmp(at + sizeof html + 1, drawing, strlen(drawing)) != 0)
        fail_msg("the manual's drawing should be:\n%s", drawing);
}

static int end(void **state)
{
    html_release(&the);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loops_stay_inside),
        cmocka_unit_test(test_loops_agree_with_a_search),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_no_nodes),
        cmocka_unit_test(test_manual_drawing),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
