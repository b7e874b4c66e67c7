/* sdk_amount fails when it reads another amount than people do, or one where it ought to abstain; or when it
 * reads past the text's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <trommel/sdk/amount.h>

#include "tests/unit/parse/guarded.h"

/* "1299.00 EUR", "1299 -" without a code, "absent", "unclear", "limit". */
static const char *amount_of(const char *text, size_t n)
{
    static char out[40];
    struct sdk_money m;
    struct guarded g = guarded_new(text, n);
    int32_t rc = sdk_amount(sdk_str(g.p, n), &m);

    guarded_free(&g);
    snprintf(out, sizeof out, "%s %s", m.value, m.currency[0] ? m.currency : "-");
    if (rc != TROMMEL_OK)
        assert_true(!m.value[0] && !m.currency[0]);
    return rc == TROMMEL_OK          ? out
           : rc == TROMMEL_E_ABSENT  ? "absent"
           : rc == TROMMEL_E_INVALID ? "unclear"
           : rc == TROMMEL_E_LIMIT   ? "limit"
                                     : "?";
}

struct row {
    const char *text, *want;
};

static void rows_check(const struct row *rows, size_t n)
{
    size_t bad = 0;

    for (size_t i = 0; i < n; i++) {
        const char *got = amount_of(rows[i].text, strlen(rows[i].text));
        if (!strcmp(got, rows[i].want))
            continue;
        print_message("# `%s`: %s, not %s\n", rows[i].text, got, rows[i].want);
        bad++;
    }
    assert_int_equal(bad, 0);
}

#define CHECK(rows) rows_check(rows, sizeof rows / sizeof rows[0])

static void test_formats(void **state)
{
    static const struct row rows[] = {
        { "$1,299.00", "1299.00 -" },
        { "1.299,00 €", "1299.00 EUR" },
        { "CHF 12.-", "12 CHF" },
        { "68.00 EUR", "68.00 EUR" },
        { "EUR68", "68 EUR" },
        { "€1,299", "1299 EUR" },
        { "1.299 €", "1299 EUR" },
        { "1'299.50 SFr.", "1299.50 CHF" },
        { "1’299.– CHF", "1299 CHF" },
        { "2 299 kr", "2299 -" },
        { "2\xc2\xa0"
          "299,90\xc2\xa0zł",
          "2299.90 PLN" },
        { "99:-", "99 -" },
        { "12,-- €", "12 EUR" },
        { "₹1,00,000.00", "100000.00 INR" },
        { "¥12,800", "12800 -" },
        { "12,800円", "12800 JPY" },
        { "R$ 1.299,90", "1299.90 BRL" },
        { "US$ 12 USD", "12 USD" },
        { "$12 CAD", "12 CAD" },
        { "CA$15.25", "15.25 CAD" },
        { "AU$15", "15 AUD" },
        { "HK$ 1,280.00", "1280.00 HKD" },
        { "KWD 12.500", "12.500 KWD" },
        { "Rp 1.250.000", "1250000 IDR" },
        { "£0.99", "0.99 GBP" },
        { "0,995 €", "0.995 EUR" },
        { "3,5 €", "3.5 EUR" },
        { "1234567.89 USD", "1234567.89 USD" },
        { "1299", "1299 -" },
        { "  68.00 ", "68.00 -" },
        { "12 €/kg", "12 EUR" },
        { "Our price: £12.50 each", "12.50 GBP" },
        { "450 руб.", "450 -" },
        { "1 234,56 грн", "1234.56 UAH" },
        { "10.00€.", "10.00 EUR" },
    };

    CHECK(rows);
}

static void test_other_numbers_beside(void **state)
{
    static const struct row rows[] = {
        { "Size 42: $89.00", "89.00 -" },
        { "Qty 1 $12.00", "12.00 -" },
        { "4.5 stars (120) 12,00 €", "12.00 EUR" },
        { "Save 20% now £80", "80 GBP" },
        { "$12.99$12.99", "12.99 -" },
        { "$12 (12.00 USD)", "12 USD" },
        { "HB-204 €68", "68 EUR" },
        { "USB 3.0 cable, EUR 7.90", "7.90 EUR" },
    };

    CHECK(rows);
}

static void test_abstains(void **state)
{
    static const struct row rows[] = {
        { "", "absent" },
        { "no price", "absent" },
        { "€", "absent" },
        { "20%", "absent" },
        { "Model 300", "absent" },
        { "TOP 10", "absent" },
        { "ALL 12", "absent" },
        { "HB204", "absent" },
        { "was $20 now $15", "unclear" },
        { "$10 - $20", "unclear" },
        { "$10-20", "unclear" },
        { "10–20 €", "unclear" },
        { "10 - 20 €", "unclear" },
        { "-$5", "unclear" },
        { "$-5", "unclear" },
        { "−5 €", "unclear" },
        { "$1.299", "unclear" },
        { "1.299", "unclear" },
        { "1,299", "unclear" },
        { "KWD 12,500", "unclear" },
        { "$12 99", "unclear" },
        { "12 99 €", "unclear" },
        { "5€99", "unclear" },
        { "$1.5k", "unclear" },
        { "$2 million", "unclear" },
        { "$12.03.2024", "unclear" },
        { "€ 12:30", "unclear" },
        { "€ 1/2", "unclear" },
        { "1,23,45 €", "unclear" },
        { "$.99", "unclear" },
        { "12 EUR 15", "unclear" },
        { "€12 USD", "unclear" },
        { "10,00 € (12,10 € incl. VAT)", "unclear" },
        { "€ 007", "unclear" },
        { "€ 1234567890123456789", "unclear" },
        { "€ 1.2.3.4.5.6.7.8.9.10", "unclear" },
    };

    CHECK(rows);
}

static void test_bounds(void **state)
{
    static char text[SDK_AMOUNT_TEXT + 1];

    memset(text, ' ', sizeof text);
    memcpy(text, "12 EUR", 6);
    assert_string_equal(amount_of(text, SDK_AMOUNT_TEXT), "12 EUR");
    assert_string_equal(amount_of(text, SDK_AMOUNT_TEXT + 1), "limit");
    for (size_t i = 0; i < SDK_AMOUNT_NUMBERS; i++)
        memcpy(text + 3 * i, "1; ", 3);
    assert_string_equal(amount_of(text, 3 * SDK_AMOUNT_NUMBERS), "absent");
    text[3 * SDK_AMOUNT_NUMBERS] = '1';
    assert_string_equal(amount_of(text, 3 * SDK_AMOUNT_NUMBERS + 1), "limit");
}

/* Every cut of a text full of characters of several bytes: nothing past its end is read. */
static void test_cuts(void **state)
{
    static const char text[] = "\xe2\x88\x92 1’299.– SFr. – 12\xc2\xa0"
                               "299,50 \xe2\x82\xac\xe2\x80\xaf"
                               "3 Mio. руб.\xef\xbb\xbf US-$ 7 \xff\xc2";

    for (size_t from = 0; from < sizeof text; from++)
        for (size_t to = from; to < sizeof text; to++)
            amount_of(text + from, to - from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),  cmocka_unit_test(test_other_numbers_beside),
        cmocka_unit_test(test_abstains), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
