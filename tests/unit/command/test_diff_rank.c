/* How much a record changed, which changed most, which fields count, and what of them is shown. */
#include "diff_fixture.h"

#include "command/diff/args.h"
#include "command/diff/rank.h"
#include "command/diff/view.h"
#include "command/diff/weigh.h"
#include "command/html.h"

#include "../effort.h"

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

/* ---- the list ---- */

static void test_the_list_is_not_those_that_changed_most(void **state)
{
    for (uint32_t max = 0; max < 40; max += 13) {
        enum { N = 500 };
        struct diff_rank *r = diff_rank_new(max);
        uint32_t n, seen[N] = { 0 };
        for (uint32_t i = 0; i < N; i++) {
            struct diff_changed c = { .magnitude = i * 7919 % 101, .order = i };
            int wants = diff_rank_wants(r, c.magnitude);
            diff_rank_list(r, &n);
            assert_true(wants || (max && n == max)); /* only a full list wants none */
            if (wants)
                diff_rank_add(r, &c);
        }
        diff_rank_sort(r);
        const struct diff_changed *list = diff_rank_list(r, &n);
        assert_int_equal(n, max ? max : N);
        for (uint32_t i = 0; i < n; i++) {
            seen[list[i].order]++;
            assert_true(!i || list[i - 1].magnitude > list[i].magnitude ||
                        (list[i - 1].magnitude == list[i].magnitude && list[i - 1].order < list[i].order));
        }
        for (uint32_t i = 0; i < N; i++) { /* what is not in it changed no more than the last one */
            double m = i * 7919 % 101;
            assert_true(seen[i] || m < list[n - 1].magnitude ||
                        (m == list[n - 1].magnitude && i > list[n - 1].order));
        }
        diff_rank_free(r);
    }
}

/* ---- weights and shares ---- */

static void test_a_field_has_the_row_of_another(void **state)
{
    assert_string_equal(diff_row_of(str("content.text"))->path, "content.text");
    assert_string_equal(diff_row_of(str("content.texture"))->path, "content");
    assert_string_equal(diff_row_of(str("meta.product.name"))->path, "meta");
    assert_string_equal(diff_row_of(str("meta.source.title"))->path, "meta.source");
    assert_string_equal(diff_row_of(str("x.org.example.price.value"))->path, "x");
    assert_string_equal(diff_row_of(str("xy"))->path, "");
    assert_true(diff_row_of(str("content.text"))->weight > diff_row_of(str("content.markdown"))->weight);
}

/* The share of a field whose values are msgpack. */
static double share(const char *path, const char *a, size_t n, const char *b, size_t m)
{
    struct words_diff words = { .ops = NULL };
    struct diff_field f = { DIFF_DIFFERS, str(path), { a, n }, { b, m } };
    double s = diff_share(&f, diff_row_of(f.path), &words);

    words_diff_release(&words);
    return s;
}
#define SHARE(path, a, b) share(path, a, sizeof a - 1, b, sizeof b - 1)

static void test_a_share_is_wrong(void **state)
{
    assert_true(SHARE("content.text",
                      "\xa7"
                      "a b c d",
                      "\xa7"
                      "a b c e") == 0.25);
    assert_true(SHARE("content.text",
                      "\xa3"
                      "a b",
                      "\xa4"
                      "a  b") == DIFF_SHARE_LEAST);
    assert_true(SHARE("content.text",
                      "\xa3"
                      "a b",
                      "\x07") == 1);
    assert_true(SHARE("meta.title",
                      "\xa7"
                      "a b c d",
                      "\xa7"
                      "a b c e") == 1);
    assert_true(SHARE("content.words", "\x64", "\x4b") == 0.25);
    assert_true(SHARE("content.words", "\x64", "\xa1x") == 1);
    assert_true(SHARE("content.confidence", "\x01", "\xcb\x3f\xe0\0\0\0\0\0\0") == 0.5);
    assert_true(SHARE("content.confidence", "\x01", "\xcb\x7f\xf8\0\0\0\0\0\0") == 1); /* no number */
    assert_true(SHARE("links", "\x94\x01\x02\x02\x03", "\x94\x02\x03\x04\x02") == 0.25);
    assert_true(SHARE("links", "\x92\x01\x02", "\x92\x02\x01") == DIFF_SHARE_LEAST);
    assert_true(SHARE("links", "\x90", "\x01") == 1);
}

static void test_a_list_is_compared_wrongly(void **state)
{
    static const char a[] = "\x95\xa1"
                            "a\xa1"
                            "b\xa1"
                            "a\xa1"
                            "z\xa1"
                            "c",
                      b[] = "\x93\xa1"
                            "c\xa1"
                            "a\xa1"
                            "x";
    struct diff_list l;

    assert_int_equal(diff_list((trommel_str){ a, sizeof a - 1 }, (trommel_str){ b, sizeof b - 1 }, &l), 0);
    assert_true(l.n_gone == 3 && l.n_come == 1 && l.n_old == 5 && l.n_new == 3);
    assert_memory_equal(l.gone[0].p,
                        "\xa1"
                        "b",
                        2); /* in their order */
    assert_memory_equal(l.gone[2].p, "\xa1z", 2);
    assert_memory_equal(l.come[0].p, "\xa1x", 2);
    diff_list_release(&l);
    assert_int_equal(diff_list(str("\x01"), str("\x90"), &l), ERR_INVALID);
    diff_list_release(&l);
}

/* ---- fields ---- */

static void set(struct diff_args *a, const char *name, const char *value)
{
    struct err err = { 0 };

    assert_int_equal(diff_option_set(a, name, strlen(name), value, &err), 0);
}

static void test_a_field_is_compared_that_should_not_be(void **state)
{
    struct diff_args a;
    char left[200];

    diff_args_init(&a);
    assert_true(diff_is_compared(&a, str("meta.title")) && diff_is_compared(&a, str("fetched")));
    assert_false(diff_is_compared(&a, str("fetch.ip")) || diff_is_compared(&a, str("id")));
    set(&a, "with", "meta.title"); /* the longer path decides, not the order */
    set(&a, "ignore", "meta");
    set(&a, "with", "fetch.ip");
    assert_true(diff_is_compared(&a, str("meta.title")) && diff_is_compared(&a, str("fetch.ip")));
    assert_false(diff_is_compared(&a, str("meta.tags")) || diff_is_compared(&a, str("fetch.tls")));
    set(&a, "with", "dedupe");
    diff_left_out(&a, left, sizeof left);
    assert_string_equal(left, "chain, id, fetched_at, fetch, meta");
    diff_args_init(&a);
    set(&a, "only", "chain");
    set(&a, "only", "content");
    set(&a, "ignore", "content.words");
    assert_true(diff_is_compared(&a, str("chain.hash")) && diff_is_compared(&a, str("content.text")));
    assert_false(diff_is_compared(&a, str("content.words")) || diff_is_compared(&a, str("meta.title")));
}

static void test_a_wrong_option_is_taken(void **state)
{
    static const char *const wrong[][2] = { { "top", "0" },   { "top", "x" },     { "ignore", "" },
                                            { "only", "." },  { "with", "a..b" }, { "html", "" },
                                            { "bottom", "1" } };
    struct diff_args a;

    diff_args_init(&a);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct err err = { 0 };
        assert_int_equal(diff_option_set(&a, wrong[i][0], strlen(wrong[i][0]), wrong[i][1], &err), ERR_USAGE);
        assert_non_null(strstr(err.text, wrong[i][0]));
    }
    for (int i = 0; i < DIFF_RULES_MAX; i++)
        diff_option_set(&a, "ignore", 6, "a", NULL);
    assert_int_equal(a.n_rules, DIFF_RULES_MAX);
}

/* ---- what is shown ---- */

static void html_is(const char *text, size_t n, const char *want)
{
    struct buf b = BUF_INIT(10000);

    html_text(&b, (trommel_str){ text, n });
    assert_string_equal(buf_cstr(&b), want);
    buf_release(&b);
}
#define HTML(text, want) html_is(text, sizeof text - 1, want)

static void test_a_page_says_more_than_text(void **state)
{
    HTML("<script>\"'&amp;</script>", "&lt;script&gt;&quot;&#39;&amp;amp;&lt;/script&gt;");
    HTML("a\u202eb\u2066c", "a<b class=\"u\">U+202E</b>b<b class=\"u\">U+2066</b>c");
    HTML("\x1b[31m\0x\x7f",
         "<b class=\"u\">U+001B</b>[31m<b class=\"u\">U+0000</b>x<b class=\"u\">U+007F</b>");
    HTML("\u200b\ufeff\xc2\x85\U000e0041", "<b class=\"u\">U+200B</b><b class=\"u\">U+FEFF</b><b "
                                           "class=\"u\">U+0085</b><b class=\"u\">U+E0041</b>");
    HTML("tab\tline\né東\U0001f600", "tab\tline\né東\U0001f600");
    HTML("\xff<\xe2\x80", "\xef\xbf\xbd&lt;\xef\xbf\xbd");
}

struct shown {
    char text[4000];
    size_t bytes;
    uint64_t words[4];
};

static int on_piece(void *arg, const struct view_piece *p)
{
    static const char *const marks[] = { "=", "-", "+" };
    struct shown *s = arg;
    size_t at = strlen(s->text);

    if (p->kind == VIEW_GAP)
        snprintf(s->text + at, sizeof s->text - at, "(%u)", p->words);
    else
        snprintf(s->text + at, sizeof s->text - at, "%s%.*s", marks[p->kind],
                 (int)(p->text.n < 500 ? p->text.n : 500), p->text.p);
    s->bytes += p->text.n;
    s->words[p->kind] += p->words;
    return 0;
}

static void test_a_view_leaves_out_too_much(void **state)
{
    struct words_diff d = { .ops = NULL };
    struct shown s = { .bytes = 0 };

    words_diff(&d, str("1 2 3 4 5 6 old 7 8 9 10 11 12 13 14 x"),
               str("1 2 3 4 5 6 new 7 8 9 10 11 12 13 14"));
    diff_view(&d, 2, 1000, on_piece, &s);
    assert_string_equal(s.text, "(4)=5 6 -old +new =7 8 (4)=13 14-x");
    s = (struct shown){ .bytes = 0 };
    words_diff(&d, str("a b"), str("a b c"));
    diff_view(&d, 2, 1000, on_piece, &s);
    assert_string_equal(s.text, "=a b +c");
    words_diff_release(&d);
}

static void test_a_view_is_larger_than_it_may_be(void **state)
{
    struct words_diff d = { .ops = NULL };
    size_t n = 300000;
    char *a = malloc(n), *b = malloc(n);

    for (size_t i = 0; i < n; i++) {
        a[i] = i % 6 == 5 ? ' ' : "abcde"[i / 7 % 5];
        b[i] = i % 6 == 5 ? ' ' : "vwxyz"[i / 7 % 5];
    }
    words_diff(&d, (trommel_str){ a, n }, (trommel_str){ b, n });
    struct shown s = { .bytes = 0 };
    diff_view(&d, 5, 6000, on_piece, &s);
    assert_true(s.bytes <= 6000 && s.bytes > 5900);
    assert_int_equal(s.words[VIEW_GONE] + s.words[VIEW_COME] + s.words[VIEW_GAP],
                     100000); /* all are counted */
    memset(a, 'a', n);        /* one giant word */
    words_diff(&d, (trommel_str){ a, n }, (trommel_str){ b, n });
    s = (struct shown){ .bytes = 0 };
    diff_view(&d, 5, 10000, on_piece, &s);
    assert_true(s.bytes <= 10000 && s.words[VIEW_GONE] == 1);
    words_diff_release(&d);
    free(a);
    free(b);
}

static void test_a_character_is_cut(void **state)
{
    assert_int_equal(view_cut(str("aé"), 2).n, 1);
    assert_int_equal(view_cut(str("aé"), 3).n, 3);
    assert_int_equal(view_cut(str("東京"), 5).n, 3);
    assert_int_equal(view_cut(str("\x80\x80"), 1).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_list_is_not_those_that_changed_most),
        cmocka_unit_test(test_a_field_has_the_row_of_another),
        cmocka_unit_test(test_a_share_is_wrong),
        cmocka_unit_test(test_a_list_is_compared_wrongly),
        cmocka_unit_test(test_a_field_is_compared_that_should_not_be),
        cmocka_unit_test(test_a_wrong_option_is_taken),
        cmocka_unit_test(test_a_page_says_more_than_text),
        cmocka_unit_test(test_a_view_leaves_out_too_much),
        cmocka_unit_test(test_a_view_is_larger_than_it_may_be),
        cmocka_unit_test(test_a_character_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
