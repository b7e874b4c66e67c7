/* Words and their differences: the edit is held against both texts, its length against all there is (small
 * texts), and its work against the bounds (texts made to be hard). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/words_diff.h"

#include "../effort.h"
#include "../parse/guarded.h"

static uint64_t seed = 1;

static uint32_t roll(uint32_t n) /* 0 … n-1 */
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

/* ---- words ---- */

static void cut_is(const char *text, const char *want)
{
    struct words_book *book = words_book_new();
    struct words w = { .list = NULL };
    char got[500] = "";
    struct guarded g = guarded_new(text, strlen(text));

    words_cut(&w, (trommel_str){ g.p, strlen(text) }, book);
    for (uint32_t i = 0; i < w.n; i++) {
        size_t at = strlen(got);
        if (w.list[i].number == WORD_BREAK)
            snprintf(got + at, sizeof got - at, "%s¶", at ? "|" : "");
        else
            snprintf(got + at, sizeof got - at, "%s%.*s", at ? "|" : "", (int)w.list[i].n,
                     g.p + w.list[i].at);
    }
    assert_string_equal(got, want);
    words_release(&w);
    words_book_free(book);
    guarded_free(&g);
}

static void test_a_text_is_cut_wrongly(void **state)
{
    cut_is("", "");
    cut_is("  \n ", "");
    cut_is("one  two\tthree\n", "one|two|three");
    cut_is("one\n\ntwo\n \nthree\n\n", "one|¶|two|¶|three");
    cut_is("\n\none\ntwo", "one|two");
    cut_is("Don't stop, it’s 3.14 or 1,000; a.b 'so'.", "Don't|stop|,|it’s|3.14|or|1,000|;|a|.|b|'|so|'|.");
    cut_is("naïve Straße Москва", "naïve|Straße|Москва");
    cut_is("東京は cafe「x」カナ。", "東|京|は|cafe|「|x|」|カ|ナ|。");
    cut_is("a\u00a0b\u2003c\u3000d", "a|b|c|d");
    cut_is("x\xff\xc3y", "x\xff\xc3y"); /* no UTF-8 is letters */
    cut_is("don'", "don|'");
    cut_is("3.", "3|.");
}

static void test_the_same_word_has_two_numbers(void **state)
{
    struct words_book *book = words_book_new();
    struct words a = { .list = NULL }, b = { .list = NULL };
    char *text = malloc(20000 * 8), *p = text;

    for (int i = 0; i < 20000; i++)
        p += sprintf(p, "w%d ", i % 10000);
    words_cut(&a, (trommel_str){ text, (size_t)(p - text) }, book);
    words_cut(&b, (trommel_str){ text, (size_t)(p - text) }, book);
    assert_int_equal(words_book_count(book), 10001);
    for (uint32_t i = 0; i < a.n; i++)
        assert_true(a.list[i].number == b.list[i].number && a.list[i].number == a.list[i % 10000].number);
    words_release(&a);
    words_release(&b);
    words_book_free(book);
    free(text);
}

/* ---- the edit ---- */

/* The ops are all words of both, in order; what is the same is the same; as bytes they are both texts. */
static void edit_tiles(const struct words_diff *d, uint64_t words[3])
{
    uint32_t x = 0, y = 0;
    size_t old_bytes = 0, new_bytes = 0;

    for (uint32_t i = 0; i < d->n_ops; i++) {
        const struct words_op *op = &d->ops[i];
        assert_true(op->old_from == x && op->new_from == y);
        assert_true(op->old_to >= x && op->new_to >= y && op->old_to + op->new_to > x + y);
        assert_true(op->kind != WORDS_GONE || op->new_to == y);
        assert_true(op->kind != WORDS_COME || op->old_to == x);
        if (op->kind == WORDS_SAME) {
            assert_int_equal(op->old_to - x, op->new_to - y);
            for (uint32_t k = 0; k < op->old_to - x; k++)
                assert_int_equal(d->old_words.list[x + k].number, d->new_words.list[y + k].number);
        }
        if (op->kind != WORDS_COME)
            old_bytes += words_offset(&d->old_words, op->old_to) - words_offset(&d->old_words, x);
        if (op->kind != WORDS_GONE) {
            trommel_str s = words_diff_text(d, op);
            assert_true(s.p == d->new_words.text.p + new_bytes); /* applied, it gives the new text */
            new_bytes += s.n;
        }
        words[op->kind] += op->kind == WORDS_GONE ? op->old_to - x : op->new_to - y;
        x = op->old_to;
        y = op->new_to;
    }
    assert_true(x == d->old_words.n && y == d->new_words.n);
    assert_true(!d->old_words.n || old_bytes == d->old_words.text.n);
    assert_true(!d->new_words.n || new_bytes == d->new_words.text.n);
}

static void edit_holds(const struct words_diff *d)
{
    uint64_t words[3] = { 0 };

    edit_tiles(d, words);
    assert_true(d->same <= words[WORDS_SAME] && d->gone <= words[WORDS_GONE] && d->come <= words[WORDS_COME]);
}

/* The most words that stand in both in the same order, by trying all. */
static uint32_t longest_common(const struct words_diff *d)
{
    enum { MAX = 64 };
    uint32_t t[MAX][MAX] = { { 0 } };

    for (uint32_t i = 1; i <= d->old_words.n; i++)
        for (uint32_t j = 1; j <= d->new_words.n; j++) {
            uint32_t best = t[i - 1][j] > t[i][j - 1] ? t[i - 1][j] : t[i][j - 1];
            if (d->old_words.list[i - 1].number == d->new_words.list[j - 1].number)
                best = t[i - 1][j - 1] + 1;
            t[i][j] = best;
        }
    return t[d->old_words.n][d->new_words.n];
}

static size_t text_make(char *to, uint32_t words, uint32_t different)
{
    size_t n = 0;

    for (uint32_t i = 0; i < words; i++)
        n += (size_t)sprintf(to + n, "w%u%s", roll(different), roll(8) ? " " : "\n\n");
    return n;
}

static void test_an_edit_is_longer_than_it_must_be(void **state)
{
    struct words_diff d = { .ops = NULL };
    char a[600], b[600];

    for (unsigned i = 0; i < effort(20000); i++) {
        uint32_t different = 1 + roll(6);
        size_t n = text_make(a, roll(25), different), m = text_make(b, roll(25), different);
        words_diff(&d, (trommel_str){ a, n }, (trommel_str){ b, m });
        edit_holds(&d);
        uint32_t same = 0;
        for (uint32_t k = 0; k < d.n_ops; k++)
            same += d.ops[k].kind == WORDS_SAME ? d.ops[k].new_to - d.ops[k].new_from : 0;
        assert_int_equal(same, longest_common(&d));
        assert_false(d.is_coarse);
        words_diff_tidy(&d);
        edit_tiles(&d, (uint64_t[3]){ 0 });
    }
    words_diff_release(&d);
}

static void diff_is(const char *a, const char *b, uint64_t gone, uint64_t come, uint64_t same)
{
    struct words_diff d = { .ops = NULL };

    words_diff(&d, str(a), str(b));
    edit_holds(&d);
    assert_true(d.gone == gone && d.come == come && d.same == same);
    words_diff_release(&d);
}

static void test_counts_are_wrong(void **state)
{
    diff_is("", "", 0, 0, 0);
    diff_is("", "one two", 0, 2, 0);
    diff_is("one two", "", 2, 0, 0);
    diff_is("the quick brown fox", "the quick red fox jumps", 1, 2, 3);
    diff_is("one two\n\nthree", "one two three", 0, 0, 3); /* a blank line is no word */
    diff_is("one  two", "one\ntwo", 0, 0, 2);
}

static void test_the_share_is_wrong(void **state)
{
    struct words_diff d = { .ops = NULL };

    words_diff(&d, str("a b c d"), str("a b c e"));
    assert_true(words_diff_share(&d) == 0.25);
    words_diff(&d, str("a b"), str("c d"));
    assert_true(words_diff_share(&d) == 1);
    words_diff(&d, str(""), str(""));
    assert_true(words_diff_share(&d) == 0);
    words_diff_release(&d);
}

static void test_a_stray_word_cuts_a_change_in_two(void **state)
{
    struct words_diff d = { .ops = NULL };

    words_diff(&d, str("a b c d the e f g h"), str("p q r s the t u v w"));
    assert_int_equal(d.n_ops, 5);
    words_diff_tidy(&d);
    edit_tiles(&d, (uint64_t[3]){ 0 });
    assert_int_equal(d.n_ops, 2);
    assert_int_equal(d.same, 1);
    words_diff(&d, str("start a b c d and e f g h end"), str("start p q r s t u v w end"));
    words_diff_tidy(&d);
    assert_int_equal(d.n_ops, 4); /* not what stands at the ends */
    words_diff_release(&d);
}

/* ---- large texts ---- */

struct text {
    char *p;
    size_t n, cap;
};

static void text_add(struct text *t, const char *word, uint32_t number)
{
    if (t->n + 32 > t->cap)
        t->p = realloc(t->p, t->cap = t->cap ? 2 * t->cap : 1 << 16);
    t->n += (size_t)sprintf(t->p + t->n, "%s%u ", word, number);
}

static trommel_str view(const struct text *t)
{
    return (trommel_str){ t->p, t->n };
}

static void test_a_few_edits_in_a_long_text_are_not_found(void **state)
{
    struct words_diff d = { .ops = NULL };
    struct text a = { 0 }, b = { 0 };
    uint32_t edits = 0;

    for (uint32_t i = 0; i < 50000; i++) {
        uint32_t w = roll(2000);
        int edit = i % 1000 == 500 ? 1 + (int)roll(2) : 0;
        text_add(&a, "w", w);
        if (edit != 1)
            text_add(&b, "w", w);
        if (edit == 2)
            text_add(&b, "w", roll(2000));
        edits += edit != 0;
    }
    words_diff(&d, view(&a), view(&b));
    edit_holds(&d);
    assert_true(d.gone + d.come <= edits);
    assert_true(d.steps < 2000000);
    words_diff_release(&d);
    free(a.p);
    free(b.p);
}

/* Steps stay within the bound, and the edit holds. */
static void is_bounded(const struct text *a, const struct text *b, uint64_t steps_max, int is_coarse)
{
    struct words_diff d = { .ops = NULL };

    words_diff(&d, view(a), view(b));
    edit_holds(&d);
    assert_true(d.steps <= steps_max);
    assert_int_equal(d.is_coarse, is_coarse);
    words_diff_release(&d);
}

static void test_hostile_texts_take_for_ever(void **state)
{
    uint64_t most = WORDS_DIFF_STEPS + 2ull * WORDS_DIFF_COST * WORDS_DIFF_COST + 4000000;
    uint32_t n = effort(900000);
    struct text a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };

    for (uint32_t i = 0; i < n; i++) {
        text_add(&a, "old", i); /* 8 MiB of words that the other has not */
        text_add(&b, "new", i);
        text_add(&c, "w", i); /* the same words in another order */
        text_add(&d, "w", n - 1 - i);
    }
    assert_true(getenv("TROMMEL_EFFORT") || a.n > 8 << 20);
    is_bounded(&a, &b, 10, 0);
    if (!getenv("TROMMEL_EFFORT"))
        is_bounded(&c, &d, most, 1);
    c.n = d.n = 0;
    for (uint32_t i = 0; i < n / 4; i++) { /* few words, by chance */
        text_add(&c, "", roll(3));
        text_add(&d, "", roll(3));
    }
    is_bounded(&c, &d, most, getenv("TROMMEL_EFFORT") ? 0 : 1);
    free(a.p);
    free(b.p);
    free(c.p);
    free(d.p);
}

static void test_too_many_words_are_all_kept(void **state)
{
    size_t n = effort(2 * WORDS_MAX);
    char *text = malloc(n);
    struct words_book *book = words_book_new();
    struct words w = { .list = NULL };

    memset(text, '!', n);
    words_cut(&w, (trommel_str){ text, n }, book);
    if (n > WORDS_MAX) {
        assert_int_equal(w.n, WORDS_MAX + 1);
        assert_int_equal(w.list[WORDS_MAX].n, n - WORDS_MAX);
    }
    words_release(&w);
    words_book_free(book);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_text_is_cut_wrongly),
        cmocka_unit_test(test_the_same_word_has_two_numbers),
        cmocka_unit_test(test_an_edit_is_longer_than_it_must_be),
        cmocka_unit_test(test_counts_are_wrong),
        cmocka_unit_test(test_the_share_is_wrong),
        cmocka_unit_test(test_a_stray_word_cuts_a_change_in_two),
        cmocka_unit_test(test_a_few_edits_in_a_long_text_are_not_found),
        cmocka_unit_test(test_hostile_texts_take_for_ever),
        cmocka_unit_test(test_too_many_words_are_all_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
