/* The checks of stages: the hostile pages are what they are said to be, words are right, and results come in
 * order. Whether faults are found is tests/e2e/54-stage-check.sh's. */
#include "built.h"

#include "base/utf8.h"
#include "chain/check_inner.h"
#include "chain/describe.h"

#include "../parse/dom_check.h"

/* ---- hostile pages ---- */

static const struct dom_made *dom_named(const char *name)
{
    static struct dom_made made;

    dom_made_release(&made);
    for (size_t i = 0; !dom_make(i, &made); i++) {
        if (!strcmp(made.name, name))
            return &made;
        dom_made_release(&made);
    }
    fail_msg("there is no page \"%s\"", name);
    return NULL;
}

static void a_hostile_page_breaks_more_than_it_says(void **state)
{
    static const struct {
        const char *name, *broken; /* the one promise that it breaks */
    } pages[] = {
        { "no nodes", "number of nodes" },
        { "the document alone", NULL },
        { "a million elements", NULL },
        { "half a million texts", NULL },
        { "512 levels deep", NULL },
        { "deep and wide", NULL },
        { "65,535 attributes", NULL },
        { "attributes everywhere", NULL },
        { "empty texts", "text node with children or without text" },
        { "invalid text", "text not UTF-8" },
        { "control characters", NULL },
        { "one long word", NULL },
        { "JSON without an end", NULL },
        { "one text of 8 MiB", NULL },
        { "unknown names", "tag unknown" },
    };
    struct dom_made made;

    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        const struct dom_made *d = dom_named(pages[i].name);
        const char *bad = dom_check(&d->dom, LIMIT_DOM_NODES, LIMIT_DOM_DEPTH);
        if (!bad != !pages[i].broken || (bad && strcmp(bad, pages[i].broken)))
            fail_msg("%s: %s", pages[i].name, bad ? bad : "nothing is broken");
    }
    assert_int_equal(dom_make(sizeof pages / sizeof *pages, &made), ERR_ABSENT);
}

static unsigned deepest(const trommel_dom *d)
{
    unsigned most = 0;

    for (uint32_t i = 0; i < d->n_nodes; i++)
        most = TROMMEL_NODE(d, i)->depth > most ? TROMMEL_NODE(d, i)->depth : most;
    return most;
}

static unsigned most_attributes(const trommel_dom *d)
{
    unsigned most = 0;

    for (uint32_t i = 0; i < d->n_nodes; i++)
        most = TROMMEL_NODE(d, i)->attr_n > most ? TROMMEL_NODE(d, i)->attr_n : most;
    return most;
}

static void a_hostile_page_is_not_extreme(void **state)
{
    (void)state;
    assert_int_equal(dom_named("no nodes")->dom.n_nodes, 0);
    assert_int_equal(dom_named("the document alone")->dom.n_nodes, 1);
    assert_int_equal(dom_named("a million elements")->dom.n_nodes, 1000000);
    assert_int_equal(deepest(&dom_named("512 levels deep")->dom), 512);
    assert_int_equal(most_attributes(&dom_named("65,535 attributes")->dom), 65535);
    assert_true(dom_named("one text of 8 MiB")->dom.n_strs > 8u * MIB - 200);
}

/* ---- words ---- */

static struct check check_of(struct check_board *board)
{
    static json_t *stage;

    if (!stage)
        stage = json_pack("{s[{ss}], s[{ss}, {ss}]}", "needs", "name", "content.text", "provides", "name",
                          "meta.title", "name", "meta.lang");
    return (struct check){ .stage = stage, .board = board };
}

static void where(struct check_board *b, int in_call, const char *want)
{
    struct check k = check_of(b);
    char out[900];

    assert_string_equal(say_where(&k, in_call, out), want);
}

static void a_place_is_said_wrongly(void **state)
{
    struct check_board b = { .at = AT_PROCESS, .page = "article" };

    (void)state;
    where(&b, 0, "on page \"article\", before its first call: ");
    b.call = (struct check_call){ .kind = CALL_PUT, .index = 1, .n = 17 };
    where(&b, 0, "on page \"article\", after call 17 (put meta.lang): ");
    where(&b, 1, "on page \"article\", at call 17 (put meta.lang): ");
    b.broken = b.call;
    where(&b, 0, "on page \"article\", at call 17 (put meta.lang), which was made to fail: ");
    b.broken = (struct check_call){ .kind = CALL_ALLOC, .bytes = 64, .n = 3 };
    where(&b, 0,
          "on page \"article\", after call 17 (put meta.lang), when call 3 (alloc of 64 bytes) had been made "
          "to "
          "fail: ");
    b.call = (struct check_call){ .kind = 12345, .n = 1 };
    b.broken = (struct check_call){ 0 };
    where(&b, 0, "on page \"article\", before its first call: ");
    b.at = AT_CLOSE;
    where(&b, 0, "in close, before its first call: ");
    b.at = AT_NOTHING;
    where(&b, 0, "");
}

/* {verdict: v}, {key: n} */
static struct buf result(const char *v, const char *key, int64_t n)
{
    struct buf b = BUF_INIT(1000);

    mp_map(&b, 1);
    mp_cstr(&b, "its verdict");
    mp_cstr(&b, v);
    mp_map(&b, key != NULL);
    if (key) {
        mp_cstr(&b, key);
        mp_int(&b, n);
    }
    return b;
}

static void differ(struct buf a, struct buf b, const char *want)
{
    char out[400];

    assert_string_equal(say_difference(&a, &b, out), want);
    buf_release(&a);
    buf_release(&b);
}

static void a_difference_is_said_wrongly(void **state)
{
    (void)state;
    differ(result("CONTINUE", "x.a.n", 1), result("CONTINUE", "x.a.n", 2), "x.a.n was 1, now it is 2");
    differ(result("CONTINUE", "x.a.n", 1), result("CONTINUE", NULL, 0), "x.a.n was 1, now it is not there");
    differ(result("CONTINUE", NULL, 0), result("CONTINUE", "x.a.n", 1), "x.a.n was not there, now it is 1");
    differ(result("DROP", "a", 1), result("RETRY", "a", 2), "its verdict was \"DROP\", now it is \"RETRY\"");
}

static void calls_are_left_out(void **state)
{
    struct check_options opt = { .thorough = 1 };
    struct check k = { .opt = &opt };
    uint64_t n = 1, times = 0;

    (void)state;
    for (; n <= 1000; n = fault_next(&k, n))
        times++;
    assert_int_equal(times, 1000);
    opt.thorough = 0;
    for (n = 1; n <= 48; n = fault_next(&k, n)) /* the first are never left out */
        assert_int_equal(fault_next(&k, n), n < 48 ? n + 1 : 54);
    for (times = 0, n = 1; n <= 1000000; n = fault_next(&k, n))
        times++;
    assert_in_range(times, 100, 200);
}

/* ---- all of it ---- */

struct seen {
    char tests[500];
    enum check_state worst;
    char text[CHECK_TEXT];
};

static void see(void *arg, const struct check_result *r)
{
    struct seen *s = arg;

    strcat(s->tests, s->tests[0] ? " " : "");
    strcat(s->tests, r->test);
    if (r->state > s->worst)
        s->worst = r->state;
    if (r->state == CHECK_FAILED)
        snprintf(s->text, sizeof s->text, "%s", r->text);
}

static void stages_are_built(void)
{
    char *dir = built("stage");

    setenv("TROMMEL_STAGE_DIR", dir, 1);
    free(dir);
}

static struct seen check_of_file(const char *name, const char *const *only, size_t n_only)
{
    struct seen seen = { 0 };
    struct chain_config c;
    struct err err = { 0 };
    char *path = built(name);
    json_t *d;
    struct check_options opt = {
        .chain = &c, .only = only, .n_only = n_only, .on_result = see, .arg = &seen
    };

    stages_are_built();
    if (describe_file(path, &d, &err) || describe_chain(d, path, NULL, 0, &c, &err))
        fail_msg("%s", err.text);
    opt.described = d;
    if (check_run(&opt, &err))
        fail_msg("%s", err.text);
    chain_config_release(&c);
    json_decref(d);
    free(path);
    return seen;
}

static void a_good_stage_fails(void **state)
{
    static const char *const only[] = { "fault", "table", "pages", "rows", "stop" };
    struct seen s = check_of_file("stage/boilerplate.so", only, 5);

    (void)state;
    assert_string_equal(s.text, "");
    assert_int_equal(s.worst, CHECK_OK);
    assert_string_equal(s.tests, "table pages rows fault stop");
}

static void a_bad_stage_passes(void **state)
{
    static const char *const only[] = { "fault" };
    struct seen s = check_of_file("test/plugin/broken_put.so", only, 1);

    (void)state;
    assert_int_equal(s.worst, CHECK_FAILED);
    assert_non_null(
        strstr(s.text, "at call 3 (put meta.title), which was made to fail: it died of signal 6"));
}

static void tests_go_on_over_broken_pages(void **state)
{
    static const char *const only[] = { "pages", "same", "table" };
    struct seen s = check_of_file("test/plugin/broken_verdict.so", only, 3);

    (void)state;
    assert_string_equal(s.tests, "table pages same");
    assert_int_equal(s.worst, CHECK_SKIPPED);
    assert_non_null(strstr(s.text, "it returned 0x101"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hostile_page_breaks_more_than_it_says),
        cmocka_unit_test(a_hostile_page_is_not_extreme),
        cmocka_unit_test(a_place_is_said_wrongly),
        cmocka_unit_test(a_difference_is_said_wrongly),
        cmocka_unit_test(calls_are_left_out),
        cmocka_unit_test(a_good_stage_fails),
        cmocka_unit_test(a_bad_stage_passes),
        cmocka_unit_test(tests_go_on_over_broken_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
