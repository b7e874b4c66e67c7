/* Clock: fails when a time that RFC 3339 allows is not read as the instant it names, or another text passes
 * for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"

/* From a block of exactly its size: one byte too far is seen. */
static int parse(const char *text, int64_t *ret)
{
    size_t n = strlen(text);
    char *exact = malloc(n ? n : 1);

    assert_non_null(exact);
    memcpy(exact, text, n);
    int rc = clock_rfc3339_parse(exact, n, ret);
    free(exact);
    return rc;
}

static void test_times_of_others(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1985-04-12T23:20:50.52Z", 482196050520 },   /* RFC 3339, 5.8 */
        { "1996-12-19T16:39:57-08:00", 851042397000 }, /* RFC 3339, 5.8 */
        { "1990-12-31T23:59:60Z", 662688000000 },      /* a leap second */
        { "1937-01-01T12:00:27.87+00:20", -1041337172130 },
        { "2024-02-29t10:00:00.1234567z", 1709200800123 },
        { "2024-02-29 10:00:00.5+02:00", 1709193600500 },
        { "0001-01-01T00:00:00Z", -62135596800000 },
        { "9999-12-31T23:59:59.999Z", 253402300799999 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = 1;
        assert_int_equal(parse(rows[i].text, &ms), 0);
        assert_true(ms == rows[i].ms);
    }
}

static void test_no_times(void **state)
{
    static const char *const texts[] = {
        "",
        "2024",
        "2024-02-29",
        "2023-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z",
        "2024-13-01T10:00:00Z",
        "2024-00-01T10:00:00Z",
        "2024-04-31T10:00:00Z",
        "2024-04-00T10:00:00Z",
        "0000-04-01T10:00:00Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T10:60:00Z",
        "2024-02-29T10:00:61Z",
        "2024-02-29T10:00:00",
        "2024-02-29T10:00:00.",
        "2024-02-29T10:00:00.Z",
        "2024-02-29T10:00:00+0200",
        "2024-02-29T10:00:00+24:00",
        "2024-02-29T10:00:00+02:60",
        "2024-02-29T10:00:00Z ",
        "2024-2-29T10:00:00Z",
        "Thu, 29 Feb 2024 10:00:00 GMT",
    };
    int64_t ms = 1;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (parse(texts[i], &ms) != ERR_INVALID)
            fail_msg("\"%s\" passed", texts[i]);
    assert_int_equal(clock_rfc3339_parse("2024-02-29T10:00:00\0", 20, &ms), ERR_INVALID);
    assert_true(ms == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_of_others),
        cmocka_unit_test(test_no_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
