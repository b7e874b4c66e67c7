/* test_json: JSON as pages have it. */
#include "tests/unit/stage_metadata/stage.h"

static struct json_node nodes[4096];
static struct json j;

static void read_text(const char *s)
{
    page_begin();
    page_parse("text/html", "<p>x", 4);
    begin(&page_meta, NULL);
    j = (struct json){ .node = nodes, .max = 4096 };
    json_read(&j, str_z(s), META_JSON_DEPTH);
}

static const char *value(uint32_t o, const char *key)
{
    static char buf[1000];
    str s = json_text(&page_meta, &j, json_get(&j, o, key), 900);

    memcpy(buf, s.p, s.n);
    buf[s.n] = 0;
    return buf;
}

static void plain_json_is_misread(void **state)
{
    read_text("{\"a\":\"x\",\"b\":[1,2,{\"c\":true}],\"d\":{\"e\":-1.5e3},\"f\":null}");
    assert_int_equal(j.node[0].end, j.n);
    assert_string_equal(value(0, "a"), "x");
    assert_string_equal(value(json_get(&j, 0, "d"), "e"), "-1.5e3");
    assert_string_equal(value(0, "f"), "");
    assert_int_equal(json_get(&j, 0, "c"), TROMMEL_NONE); /* not of this object */
    uint32_t b = json_get(&j, 0, "b");
    assert_int_equal(j.node[b].type, JSON_ARRAY);
    assert_int_equal(j.node[b].end - b, 5);
}

static void what_browsers_forgive_is_lost(void **state)
{
    /* clang-format off */
    static const char *const texts[] = {
        "{\"headline\":\"Right\",}", "{\"x\":[1,2,],\"headline\":\"Right\"}",
        "/* note */ {\"headline\":\"Right\" // so\n}", "<![CDATA[{\"headline\":\"Right\"}]]>",
        "//<![CDATA[\n{\"headline\":\"Right\"}\n//]]>", "<!-- {\"headline\":\"Right\"} -->",
        "\xEF\xBB\xBF{\"headline\":\"Right\"};", "{\"a\":\"line\nbreak\",\"headline\":\"Right\"}",
        "{\"a\":\"he said \"no\" to it\",\"headline\":\"Right\"}", "{\"a\":1\n\"headline\":\"Right\"}",
        "{\"headline\":\"Right\"", "{\"headline\":\"Right", "{\"headline\":\"\\u0052ight\"}",
        "{\"headline\":\"R&#105;ght\"}", "{\"headline\":\"\tRight \x01 \"}",
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        read_text(texts[i]);
        assert_string_equal(value(0, "headline"), "Right");
    }
}

static void several_roots_are_one(void **state)
{
    read_text("{\"a\":\"1\"}{\"a\":\"2\"}\n[{\"a\":\"3\"}]");
    assert_string_equal(value(0, "a"), "1");
    assert_string_equal(value(j.node[0].end, "a"), "2");
}

static void escapes_are_left_in(void **state)
{
    read_text(
        "{\"a\":\"\\\"q\\\" \\\\ \\/ \\u00e9 \\ud83d\\ude00 \\ud83d x\",\"b\":\"R&amp;amp;D &amp; Co\"}");
    assert_string_equal(value(0, "a"), "\"q\" \\ / \xC3\xA9 \xF0\x9F\x98\x80 \xEF\xBF\xBD x");
    assert_string_equal(value(0, "b"), "R&D & Co");
}

static void depth_or_size_has_no_end(void **state)
{
    static char deep[200001];

    memset(deep, '[', 200000);
    read_text(deep);
    assert_true(j.n <= META_JSON_DEPTH);
    for (int i = 0; i < 200000; i += 2)
        memcpy(deep + i, "{}", 2);
    read_text(deep);
    assert_int_equal(j.n, j.max);
    for (uint32_t i = 0; i < j.n; i++)
        assert_true(j.node[i].end > i && j.node[i].end <= j.n);
}

static void random_text_breaks_the_tree(void **state)
{
    static const char some[] = "{}[]\",:\\u/*<!- 1a\n\xC3";
    uint32_t seed = 3;
    char buf[200];

    for (int round = 0; round < 20000; round++) {
        size_t n = (seed = seed * 1664525 + 1013904223) >> 25;
        for (size_t i = 0; i < n; i++)
            buf[i] = some[((seed = seed * 1664525 + 1013904223) >> 16) % (sizeof some - 1)];
        char *exact = malloc(n ? n : 1);
        memcpy(exact, buf, n);
        j = (struct json){ .node = nodes, .max = 100 };
        json_read(&j, (str){ exact, n }, 8);
        for (uint32_t i = 0; i < j.n; i++) {
            assert_true(j.node[i].end > i && j.node[i].end <= j.n);
            assert_true(j.node[i].parent == TROMMEL_NONE ||
                        (j.node[i].parent < i && j.node[j.node[i].parent].end >= j.node[i].end));
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_json_is_misread),    cmocka_unit_test(what_browsers_forgive_is_lost),
        cmocka_unit_test(several_roots_are_one),    cmocka_unit_test(escapes_are_left_in),
        cmocka_unit_test(depth_or_size_has_no_end), cmocka_unit_test(random_text_breaks_the_tree),
    };
    return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
