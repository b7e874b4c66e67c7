/* The sketch of the dedupe stage: what is the same, what is sampled, what bytes may come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/effort.h"

#include "plugin/stage/dedupe/fold.c"
#include "plugin/stage/dedupe/sketch.c"
#include "tests/unit/stage_dedupe/texts.h"

static struct sketch sketch_of(const char *text)
{
    /* the text and the output each against the end of their memory */
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    unsigned char *out = malloc(SKETCH_BYTES_MAX);
    struct sketch s;

    memcpy(copy, text, n);
    fold_init();
    size_t used = sketch_make(copy, n, out);
    assert_in_range(used, SKETCH_HEAD_BYTES, SKETCH_BYTES_MAX);
    assert_int_equal(sketch_read(out, used, &s), 0);
    free(copy);
    free(out);
    return s;
}

static void same(const char *a, const char *b)
{
    struct sketch x = sketch_of(a), y = sketch_of(b);

    if (memcmp(x.exact, y.exact, 16) || x.words != y.words)
        fail_msg("`%s` (%u words) and `%s` (%u words)", a, x.words, b, y.words);
}

static void differ(const char *a, const char *b)
{
    struct sketch x = sketch_of(a), y = sketch_of(b);

    if (!memcmp(x.exact, y.exact, 16))
        fail_msg("`%s` and `%s`", a, b);
}

static void test_spelling_alone_makes_a_difference(void **state)
{
    same("The Tide Mill, re-opened!", "the tide  mill\nRE opened");
    same("ÄRGER Ελλάς ЩУКА Ք", "ärger ελλάσ щука ք");
    same("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth");
    same("ＡＢＣ１２", "abc12");
    same("a \U0001f600 b", "a b");
    same("", "  \t\n—…!?");
}

static void test_different_words_are_the_same(void **state)
{
    differ("one two", "two one");
    differ("onetwo", "one two");
    differ("a", "");
    differ("1,000", "1000");
    differ("resume", "résumé");
}

static void test_scripts_without_spaces_are_one_word(void **state)
{
    assert_int_equal(sketch_of("東京都は日本の首都").words, 9);
    assert_int_equal(sketch_of("ภาษาไทย").words, 7);
    assert_int_equal(sketch_of("서울은 수도이다").words, 2);
    assert_int_equal(sketch_of("中a国").words, 3);
}

static void test_bad_bytes_are_read_past_their_end(void **state)
{
    static const char *const bad[] = { "\xff",       "\xc3",     "a\xe2\x82",    "\xf0\x9f\x98",
                                       "\x80\x80 b", "\xc0\xaf", "\xed\xa0\x80x" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        sketch_of(bad[i]);
    uint64_t random = 7;
    for (int i = 0; i < (int)effort(3000); i++) {
        char text[60];
        size_t n = text_random(&random) % sizeof text;
        for (size_t k = 0; k < n; k++)
            text[k] = (char)(1 + text_random(&random) % 255);
        text[n < sizeof text ? n : n - 1] = '\0';
        sketch_of(text);
    }
}

static void test_words_without_end_overrun_the_buffer(void **state)
{
    char *text = malloc(TEXT_BYTES + 1);

    for (unsigned ascii = 1; ascii < 260; ascii += 261 / effort(260)) { /* runs of every length between wide letters */
        size_t n = 0;
        while (n + ascii + 4 < TEXT_BYTES) {
            memset(text + n, 'x', ascii);
            n += ascii;
            n += (size_t)(stpcpy(text + n, ascii % 3 ? "é" : "\U00020bb7") - (text + n));
        }
        text[n] = '\0';
        sketch_of(text);
    }
    memset(text, 'y', TEXT_BYTES);
    text[TEXT_BYTES] = '\0';
    assert_in_range(sketch_of(text).words, TEXT_BYTES / 256, TEXT_BYTES / 128 + 1);
    free(text);
}

static void test_sections_are_not_there_by_the_number_of_words(void **state)
{
    static const struct { unsigned words, wide, narrow;
    } rows[] = {
        { 1, 0, 0 },  { 7, 0, 0 },   { 8, 0, 1 },   { 63, 0, 1 },
        { 64, 1, 1 }, { 199, 1, 1 }, { 200, 1, 0 }, { 5000, 1, 0 },
    };
    char *text = malloc(TEXT_BYTES);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        text[0] = '\0';
        text_add(text, 1, 0, rows[i].words, 0);
        struct sketch s = sketch_of(text);
        assert_int_equal(s.words, rows[i].words);
        assert_int_equal(sketch_find(&s, SKETCH_WIDE) != NULL, rows[i].wide);
        assert_int_equal(sketch_find(&s, SKETCH_NARROW) != NULL, rows[i].narrow);
    }
    free(text);
}

static void test_a_long_text_keeps_too_few_or_too_many(void **state)
{
    char *text = malloc(TEXT_BYTES);

    for (unsigned seed = 1; seed < effort(60); seed++) {
        text[0] = '\0';
        text_add(text, seed, 0, 200 + seed * 150, 0);
        struct sketch s = sketch_of(text);
        const struct sketch_section *wide = sketch_find(&s, SKETCH_WIDE);
        assert_in_range(wide->n, 16, SKETCH_HASHES); /* halved from 65: 24 as a rule, by chance a few less */
    }
    free(text);
}

static void test_samples_are_not_nested(void **state)
{
    char *text = malloc(TEXT_BYTES);

    text[0] = '\0';
    text_add(text, 5, 0, 300, 0);
    struct sketch part = sketch_of(text);
    text_add(text, 6, 0, 6000, 0);
    struct sketch whole = sketch_of(text);
    const struct sketch_section *a = sketch_find(&part, SKETCH_WIDE), *b = sketch_find(&whole, SKETCH_WIDE);
    unsigned n = sketch_count(a, b->e), found = 0;
    assert_true(b->e > a->e);
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < b->n; k++)
            found += a->hashes[i] == b->hashes[k];
    assert_int_equal(found, n);
    free(text);
}

static void test_a_malformed_sketch_is_taken(void **state)
{
    unsigned char good[SKETCH_BYTES_MAX], bad[SKETCH_BYTES_MAX + 1];
    struct sketch s;
    char text[4000] = "";

    text_add(text, 9, 0, 100, 0);
    size_t n = sketch_make(text, strlen(text), good);
    for (size_t k = 0; k < n; k++) { /* in memory of just that size */
        unsigned char *cut = malloc(k ? k : 1);
        memcpy(cut, good, k);
        assert_int_equal(sketch_read(cut, k, &s), -1);
        free(cut);
    }
    memcpy(bad, good, n);
    bad[n] = 0;
    assert_int_equal(sketch_read(bad, n + 1, &s), -1);
    for (size_t at = 0; at < SKETCH_HEAD_BYTES + SKETCH_SECTION_HEAD; at++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(bad, good, n);
            bad[at] ^= (unsigned char)(1 << bit);
            int rc = sketch_read(bad, n, &s);
            if (rc == 0) /* what can't be known: another number of words, another hash, a coarser sample */
                assert_true((at >= 4 && at < SKETCH_HEAD_BYTES) || at == SKETCH_HEAD_BYTES + 1);
        }
    memcpy(bad, good, n); /* hashes out of order */
    memcpy(bad + SKETCH_HEAD_BYTES + SKETCH_SECTION_HEAD, good + SKETCH_HEAD_BYTES + SKETCH_SECTION_HEAD + 8,
           8);
    assert_int_equal(sketch_read(bad, n, &s), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spelling_alone_makes_a_difference),
        cmocka_unit_test(test_different_words_are_the_same),
        cmocka_unit_test(test_scripts_without_spaces_are_one_word),
        cmocka_unit_test(test_bad_bytes_are_read_past_their_end),
        cmocka_unit_test(test_words_without_end_overrun_the_buffer),
        cmocka_unit_test(test_sections_are_not_there_by_the_number_of_words),
        cmocka_unit_test(test_a_long_text_keeps_too_few_or_too_many),
        cmocka_unit_test(test_samples_are_not_nested),
        cmocka_unit_test(test_a_malformed_sketch_is_taken),
    };

    fold_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
