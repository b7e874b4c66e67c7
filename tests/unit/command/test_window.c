/* The window: records come out in the order in which their pages were named, in every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command/window.h"
#include "record/record.h"

static char *printed;
static size_t printed_n;

static void window_start(struct window *w, enum window_format format)
{
    FILE *out = open_memstream(&printed, &printed_n);

    assert_non_null(out);
    window_init(w, out, "the output", format);
}

static void window_stop(struct window *w)
{
    FILE *out = w->out;

    window_release(w);
    fclose(out);
    free(printed);
}

static void fill(struct window *w, struct window_slot *slot, const char *text, const char *markdown)
{
    struct buf b = BUF_INIT(1000);

    mp_map(&b, 1);
    mp_cstr(&b, "content");
    mp_map(&b, markdown ? 2 : 1);
    mp_cstr(&b, "text");
    mp_cstr(&b, text);
    if (markdown) {
        mp_cstr(&b, "markdown");
        mp_cstr(&b, markdown);
    }
    window_fill(w, slot, (trommel_str){ (const char *)b.data, b.len });
    buf_release(&b);
}

static void test_order_is_kept(void **state)
{
    struct window w;
    struct window_slot *slots[3];

    window_start(&w, FORMAT_TEXT);
    for (int i = 0; i < 3; i++)
        slots[i] = window_open(&w, "page");
    fill(&w, slots[2], "three", NULL);
    assert_int_equal(window_drain(&w), 0);
    assert_int_equal(printed_n, 0);
    fill(&w, slots[0], "one", NULL);
    assert_int_equal(window_drain(&w), 0);
    assert_string_equal(printed, "one\n");
    fill(&w, slots[1], "two", NULL);
    assert_int_equal(window_drain(&w), 0);
    assert_string_equal(printed, "one\ntwo\nthree\n");
    assert_int_equal(w.n, 0);
    assert_int_equal(w.bytes, 0);
    window_stop(&w);
}

static void print_one(enum window_format format, const char *text, const char *markdown, const char *want)
{
    struct window w;

    window_start(&w, format);
    fill(&w, window_open(&w, "page"), text, markdown);
    assert_int_equal(window_drain(&w), 0);
    assert_int_equal(printed_n, strlen(want));
    assert_memory_equal(printed, want, printed_n);
    window_stop(&w);
}

static void test_formats(void **state)
{
    print_one(FORMAT_JSON, "a\nb", NULL, "{\"content\":{\"text\":\"a\\nb\"}}\n");
    print_one(FORMAT_TEXT, "a", "# a", "a\n");
    print_one(FORMAT_MARKDOWN, "a", "# a", "# a\n");
    print_one(FORMAT_MARKDOWN, "a", NULL, "a\n");
    print_one(FORMAT_TEXT, "", NULL, "");
    print_one(FORMAT_MSGPACK, "a", NULL,
              "\x81\xa7"
              "content\x81\xa4text\xa1"
              "a");
}

static void test_it_gets_full(void **state)
{
    struct window w;

    window_start(&w, FORMAT_TEXT);
    struct window_slot *first = window_open(&w, "slow");
    for (unsigned i = 1; i < WINDOW_SLOTS; i++) {
        assert_false(window_full(&w));
        fill(&w, window_open(&w, "page"), "x", NULL);
    }
    assert_true(window_full(&w));
    fill(&w, first, "x", NULL);
    assert_int_equal(window_drain(&w), 0);
    assert_false(window_full(&w));
    window_open(&w, "left over"); /* freed with the window */
    window_stop(&w);
}

static void test_a_full_disk_is_told(void **state)
{
    FILE *out = fopen("/dev/full", "wb");
    struct window w;

    assert_non_null(out);
    window_init(&w, out, "/dev/full", FORMAT_TEXT);
    fill(&w, window_open(&w, "page"), "x", NULL);
    assert_int_equal(window_drain(&w), ERR_IO);
    assert_non_null(strstr(w.failed.text, "/dev/full: cannot be written"));
    window_release(&w);
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_kept),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_it_gets_full),
        cmocka_unit_test(test_a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
