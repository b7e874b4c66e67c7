/* A dead letter gives back the page that was put into it, byte for byte, and is read with care. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "chain/letter.h"
#include "tests/unit/effort.h"

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

/* A map, as `fetch` is. */
static void fetch_make(struct buf *b, unsigned depth)
{
    mp_map(b, 2);
    mp_cstr(b, "ip");
    mp_cstr(b, "192.0.2.1");
    mp_cstr(b, "depth");
    mp_uint(b, depth);
}

static struct pool_page page_make(const struct buf *fetch)
{
    struct pool_page page = {
        .head = { .url = str("http://t.test/a"),
                  .final_url = str("http://t.test/b"),
                  .fetched_ms = 1764000000123,
                  .status = 203,
                  .content_type = str("text/html"),
                  .bytes = 9,
                  .outcome = OUTCOME_QUARANTINED,
                  .reason = str("crash"),
                  .fetch = { (const char *)fetch->data, fetch->len } },
        .content_type = str("text/html; charset=latin1"),
        .headers = str("server: Zo\xeb\r\n"), /* no UTF-8 */
        .body = { "<p>\0\xff\r\nx", 9 },
    };

    memset(page.head.id, 0xa7, sizeof page.head.id);
    return page;
}

static void record_make(struct buf *b, const struct pool_page *page)
{
    struct record_error e = {
        .stage = str("price"), .reason = str("crash"), .message = str("it died"), .signal = 11
    };
    uint32_t n;

    record_begin(b, &page->head, &n);
    record_put_error(b, &e, &n);
    record_end(b, n);
}

static void check_same(const char *what, trommel_str got, trommel_str want)
{
    if (got.n != want.n || (want.n && memcmp(got.p, want.p, want.n) != 0))
        fail_msg("%s: %zu bytes, %zu were meant", what, got.n, want.n);
}

static void a_page_is_not_given_back(void **state)
{
    struct buf fetch = BUF_INIT(1000), b = BUF_INIT(LIMIT_RECORD_BYTES);
    struct pool_page page;
    struct letter l;
    struct err err = { 0 };

    fetch_make(&fetch, 7);
    page = page_make(&fetch);
    record_make(&b, &page);
    assert_int_equal(letter_read(b.data, b.len, &l), 0);
    assert_false(l.has_page);
    assert_int_equal(letter_make(&b, &page), 0);
    if (record_check(b.data, b.len, &err))
        fail_msg("%s", err.text);
    assert_int_equal(letter_make(&b, &page), ERR_EXISTS);
    assert_int_equal(letter_read(b.data, b.len, &l), 0);
    assert_true(l.has_page);
    assert_int_equal(l.depth, 7);
    check_same("stage", l.stage, str("price"));
    check_same("reason", l.reason, str("crash"));
    check_same("url", l.page.head.url, page.head.url);
    check_same("final_url", l.page.head.final_url, page.head.final_url);
    check_same("fetch", l.page.head.fetch, page.head.fetch);
    check_same("type", l.page.content_type, page.content_type);
    check_same("encoding", l.page.content_encoding, (trommel_str){ 0 });
    check_same("headers", l.page.headers, page.headers);
    check_same("body", l.page.body, page.body);
    assert_memory_equal(l.page.head.id, page.head.id, sizeof page.head.id);
    assert_int_equal(l.page.head.fetched_ms, 1764000000123);
    assert_int_equal(l.page.head.status, 203);
    assert_int_equal(l.page.head.bytes, 9);
    buf_release(&b);
    buf_release(&fetch);
}

/* A record that leaves the page no room stays as it was. */
static void a_letter_is_over_the_limit(void **state)
{
    struct buf b = BUF_INIT(LIMIT_RECORD_BYTES + MIB), value = BUF_INIT(LIMIT_RECORD_BYTES),
               none = BUF_INIT(1);
    char *big = calloc(1, LIMIT_BODY_BYTES);
    struct pool_page page = page_make(&none);
    struct letter l;

    assert_non_null(big);
    page.body = (trommel_str){ big, LIMIT_BODY_BYTES };
    record_make(&b, &page);
    assert_int_equal(letter_make(&b, &page), 0);
    assert_int_equal(letter_read(b.data, b.len, &l), 0);
    assert_int_equal(l.page.body.n, LIMIT_BODY_BYTES);
    buf_clear(&b);
    record_make(&b, &page);
    mp_bin(&value, big, LIMIT_BODY_BYTES);
    assert_int_equal(record_append(&b, "large", value.data, value.len), 0);
    size_t n = b.len;
    assert_int_equal(letter_make(&b, &page), ERR_LIMIT);
    assert_int_equal(b.len, n);
    buf_release(&b);
    buf_release(&value);
    free(big);
}

static void damaged_bytes_do_harm(void **state)
{
    struct buf fetch = BUF_INIT(1000), b = BUF_INIT(LIMIT_RECORD_BYTES);
    struct pool_page page;
    struct letter l;

    fetch_make(&fetch, 1);
    page = page_make(&fetch);
    record_make(&b, &page);
    assert_int_equal(letter_make(&b, &page), 0);
    for (size_t cut = 0; cut < b.len; cut++) {
        unsigned char *p = malloc(cut + 1); /* of its own, so that a byte too far is seen */
        memcpy(p + 1, b.data, cut);
        assert_int_equal(letter_read(p + 1, cut, &l), ERR_INVALID);
        free(p);
    }
    srand(4711);
    for (unsigned round = effort(20000); round; round--) {
        unsigned char *p = malloc(b.len);
        memcpy(p, b.data, b.len);
        for (int i = 0; i < 3; i++)
            p[(size_t)rand() % b.len] = (unsigned char)rand();
        if (letter_read(p, b.len, &l) == 0 && l.has_page)
            assert_true(l.page.body.n <= b.len && l.page.body.p >= (char *)p &&
                        l.page.body.p <= (char *)p + b.len);
        free(p);
    }
    buf_release(&b);
    buf_release(&fetch);
}

static struct buf error_of(const char *stage, const char *message, int signal, const char *call)
{
    struct record_error e = { .stage = str(stage),
                              .reason = str("crash"),
                              .message = str(message),
                              .signal = signal,
                              .backtrace = &call,
                              .n_backtrace = call != NULL };
    struct buf b = BUF_INIT(1000);
    uint32_t n = 0;

    record_put_error(&b, &e, &n);
    buf_consume(&b, 6); /* its key */
    return b;
}

static void another_error_is_taken_for_the_same(void **state)
{
    static const struct {
        const char *stage, *message, *call;
        int signal, is_same;
    } rows[] = {
        { "price", "died at +0xe", "p.so!f+0xe", 11, 1 }, { "price", "died at +0x12", "p.so!f+0x12", 11, 1 },
        { "other", "died at +0xe", "p.so!f+0xe", 11, 0 }, { "price", "died at +0xe", "p.so!g+0xe", 11, 0 },
        { "price", "died at +0xe", "p.so!f+0xe", 6, 0 },  { "price", "died at +0xe", NULL, 11, 0 },
    };
    struct buf first = error_of("price", "died at +0xe", 11, "p.so!f+0xe"), a, b;
    trommel_str x = { (const char *)first.data, first.len };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        a = error_of(rows[i].stage, rows[i].message, rows[i].signal, rows[i].call);
        assert_int_equal(letter_error_same(x, (trommel_str){ (const char *)a.data, a.len }), rows[i].is_same);
        assert_int_equal(letter_error_same((trommel_str){ (const char *)a.data, a.len }, x), rows[i].is_same);
        for (size_t cut = 0; cut < a.len; cut++) {
            unsigned char *p = malloc(cut + 1);
            memcpy(p + 1, a.data, cut);
            letter_error_same(x, (trommel_str){ (const char *)p + 1, cut }); /* stays in its bounds */
            free(p);
        }
        buf_release(&a);
    }
    a = error_of("price", "cannot read it", 0, NULL);
    b = error_of("price", "cannot read that", 0, NULL);
    assert_true(letter_error_same((trommel_str){ (const char *)a.data, a.len },
                                  (trommel_str){ (const char *)a.data, a.len }));
    assert_false(letter_error_same((trommel_str){ (const char *)a.data, a.len },
                                   (trommel_str){ (const char *)b.data, b.len }));
    assert_false(letter_error_same((trommel_str){ 0 }, (trommel_str){ 0 }));
    buf_release(&a);
    buf_release(&b);
    buf_release(&first);
}

static void a_time_is_not_read_back(void **state)
{
    static const int64_t times[] = { 0, 1, 951782399999, 951782400000, 1764000000123, 4102444799999 };
    static const char *const wrong[] = { "",
                                         "2026-03-01T12:30:45.678",
                                         "2026-03-01T12:30:45.678+",
                                         "2026-03-01 12:30:45.678Z",
                                         "2026-3-001T12:30:45.678Z",
                                         "-026-03-01T12:30:45.678Z" };
    char text[CLOCK_RFC3339_BYTES];
    int64_t got;

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        unsigned n = clock_rfc3339(times[i], text);
        assert_int_equal(clock_rfc3339_read(text, n, &got), 0);
        assert_true(got == times[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(clock_rfc3339_read(wrong[i], strlen(wrong[i]), &got), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_not_given_back), cmocka_unit_test(a_letter_is_over_the_limit),
        cmocka_unit_test(damaged_bytes_do_harm),    cmocka_unit_test(another_error_is_taken_for_the_same),
        cmocka_unit_test(a_time_is_not_read_back),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
