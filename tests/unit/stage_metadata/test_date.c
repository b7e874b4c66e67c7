/* test_date: what is read as a date, and what is not. */
#include "tests/unit/stage_metadata/stage.h"

static const char *parsed(const char *s, enum date_order order)
{
    static char buf[DATE_TEXT + 1];
    struct date d;

    if (!date_parse(s, strlen(s), order, &d))
        return "";
    buf[date_print(&d, buf)] = 0;
    return buf;
}

static const char *found(const char *s, enum date_order order)
{
    static char buf[DATE_TEXT + 1];
    struct date d;
    size_t start;

    if (!date_find(s, strlen(s), order, &d, &start))
        return "";
    buf[date_print(&d, buf)] = 0;
    return buf;
}

static void machine_forms_lose_precision(void **state)
{
    static const char *const rows[][2] = {
        { "2025-04-07", "2025-04-07" },
        { "2025-04", "2025-04" },
        { "2025", "2025" },
        { "2025-04-07T23:23", "2025-04-07T23:23" },
        { "2025-04-07T23:23:47", "2025-04-07T23:23:47" },
        { "2025-04-07 23:23:47", "2025-04-07T23:23:47" },
        { "2025-04-07T23:23:47Z", "2025-04-07T23:23:47Z" },
        { "2025-04-07T23:23:47.123456Z", "2025-04-07T23:23:47Z" },
        { "2025-04-07T23:23:47.123+02:00", "2025-04-07T23:23:47+02:00" },
        { "2025-04-07T23:23:47-0400", "2025-04-07T23:23:47-04:00" },
        { "2025-04-07T23:23:47+05:30", "2025-04-07T23:23:47+05:30" },
        { "20250407", "2025-04-07" },
        { "20250407T232347Z", "2025-04-07T23:23:47Z" },
        { "1744068227", "2025-04-07T23:23:47Z" },
        { "1744068227000", "2025-04-07T23:23:47Z" },
        { "Mon, 07 Apr 2025 23:23:47 +0000", "2025-04-07T23:23:47+00:00" },
        { "Mon, 07 Apr 2025 23:23:47 GMT", "2025-04-07T23:23:47Z" },
        { "2025/4/7", "2025-04-07" },
        { "April 7, 2025", "2025-04-07" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(parsed(rows[i][0], DATE_DAY_FIRST), rows[i][1]);
}

static void written_dates_are_missed(void **state)
{
    static const char *const rows[][2] = {
        { "Published on April 7, 2025 by somebody", "2025-04-07" },
        { "Apr. 7th, 2025", "2025-04-07" },
        { "7th of April, 2025", "2025-04-07" },
        { "April 7, 2025 at 3:45 pm", "2025-04-07T15:45" },
        { "April 7, 2025, 12:05 a.m. EDT", "2025-04-07T00:05" },
        { "7. April 2025 um 15:45 Uhr", "2025-04-07T15:45" },
        { "Stand: 07.04.2025", "2025-04-07" },
        { "le 7 avril 2025 à 15h45", "2025-04-07T15:45" },
        { "7 de abril de 2025", "2025-04-07" },
        { "7 aprile 2025", "2025-04-07" },
        { "7 de março de 2025", "2025-03-07" },
        { "7 kwietnia 2025", "2025-04-07" },
        { "7 апреля 2025 г.", "2025-04-07" },
        { "7 квітня 2025", "2025-04-07" },
        { "2025年4月7日 15:45", "2025-04-07T15:45" },
        { "2025년 4월 7일", "2025-04-07" },
        { "2025. április 7.", "2025-04-07" },
        { "7 Nisan 2025", "2025-04-07" },
        { "7 tháng 4, 2025", "2025-04-07" },
        { "7 أبريل 2025", "2025-04-07" },
        { "7 Απριλίου 2025", "2025-04-07" },
        { "07-Apr-2025", "2025-04-07" },
        { "April 2025", "2025-04" },
        { "Date:2025-04-07 23:23:47", "2025-04-07T23:23:47" },
        { "2025-04-07 - 5 min read", "2025-04-07" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(found(rows[i][0], DATE_DAY_FIRST), rows[i][1]);
}

static void order_of_day_and_month_is_guessed_wrongly(void **state)
{
    assert_string_equal(found("04/07/2025", DATE_MONTH_FIRST), "2025-04-07");
    assert_string_equal(found("04/07/2025", DATE_DAY_FIRST), "2025-07-04");
    assert_string_equal(found("25/12/2025", DATE_MONTH_FIRST),
                        "2025-12-25"); /* only one reading is possible */
    assert_string_equal(found("12/25/2025", DATE_DAY_FIRST), "2025-12-25");
    assert_string_equal(found("04.07.2025", DATE_MONTH_FIRST), "2025-07-04"); /* dots: day first everywhere */
}

static void something_else_is_taken_for_a_date(void **state)
{
    /* clang-format off */
    static const char *const none[] = {
        "", "yesterday", "3 days ago", "2025-13-01", "2025-02-30", "31 April 2025", "00/00/2025",
        "2025-00-10", "version 1.2.2024.7", "call 555-2025", "in 2025 we", "$2025", "2025-04-0712",
        "04/07/25", "May the 4th",
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_string_equal(found(none[i], DATE_MONTH_FIRST), "");
    assert_string_equal(parsed("2025-02-29", DATE_DAY_FIRST), "");
    assert_string_equal(parsed("2024-02-29", DATE_DAY_FIRST), "2024-02-29");
    assert_string_equal(parsed("12", DATE_DAY_FIRST), "");
    assert_string_equal(parsed("25:00", DATE_DAY_FIRST), "");
}

static void impossible_time_is_kept(void **state)
{
    assert_string_equal(parsed("2025-04-07T25:10", DATE_DAY_FIRST), "2025-04-07");
    assert_string_equal(found("April 7, 2025 at 13:00 pm", DATE_DAY_FIRST), "2025-04-07");
    assert_string_equal(parsed("2025-04-07T23:99", DATE_DAY_FIRST), "2025-04-07");
}

static void days_are_miscounted(void **state)
{
    struct date d = { .y = 1970, .mo = 1, .d = 1, .precision = DATE_DAY };

    assert_int_equal(date_days(&d), 0);
    d = (struct date){ .y = 2025, .mo = 4, .d = 7, .precision = DATE_DAY };
    assert_int_equal(date_days(&d), 20185);
    assert_int_equal(date_number(&d), 20250407);
}

static void random_bytes_are_read_past_their_end(void **state)
{
    uint32_t seed = 7;
    char buf[80];
    struct date d;
    size_t start;
    static const char some[] = "2025-04/:. TAprilmay年月日0123456789+Z\xC3\xFF";

    for (int round = 0; round < 20000; round++) {
        size_t n = (seed = seed * 1664525 + 1013904223) >> 26;
        for (size_t i = 0; i < n; i++)
            buf[i] = some[((seed = seed * 1664525 + 1013904223) >> 16) % (sizeof some - 1)];
        char *exact = malloc(n ? n : 1); /* the sanitizer watches the end */
        memcpy(exact, buf, n);
        char text[DATE_TEXT];
        if (date_find(exact, n, DATE_DAY_FIRST, &d, &start))
            assert_true(start < n && date_print(&d, text) <= DATE_TEXT);
        if (date_parse(exact, n, DATE_MONTH_FIRST, &d))
            assert_true(date_print(&d, text) <= DATE_TEXT);
        date_hint(exact, n);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_forms_lose_precision),
        cmocka_unit_test(written_dates_are_missed),
        cmocka_unit_test(order_of_day_and_month_is_guessed_wrongly),
        cmocka_unit_test(something_else_is_taken_for_a_date),
        cmocka_unit_test(impossible_time_is_kept),
        cmocka_unit_test(days_are_miscounted),
        cmocka_unit_test(random_bytes_are_read_past_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
