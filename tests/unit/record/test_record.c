/* Records: msgpack written and read back, lookups, appending, the check of what a worker sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "record/record.h"

/* A copy of p that ends where an unreadable page begins: one byte too far crashes. */
struct guarded {
    unsigned char *map, *p;
    size_t size;
};

static struct guarded guard(const void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (n + page) / page * page;
    struct guarded g = { .size = room + page };

    g.map = mmap(NULL, g.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map + room, page, PROT_NONE), 0);
    g.p = g.map + room - n;
    if (n)
        memcpy(g.p, p, n);
    return g;
}

static void unguard(struct guarded *g)
{
    munmap(g->map, g->size);
}

static struct record_head head(void)
{
    struct record_head h = { .url = { "https://example.org/", 20 },
                             .final_url = { "https://example.org/", 20 },
                             .fetched_ms = 1764000000123,
                             .status = 200,
                             .content_type = { "text/html", 9 },
                             .charset = { "utf-8", 5 },
                             .bytes = 1234,
                             .outcome = OUTCOME_OK };

    memset(h.id, 0xab, sizeof h.id);
    return h;
}

static void build(struct buf *b, const struct record_head *h)
{
    uint32_t n;

    buf_init(b, LIMIT_RECORD_BYTES);
    record_begin(b, h, &n);
    record_end(b, n);
    assert_int_equal(b->err, 0);
}

static void test_scalars_round_trip(void **state)
{
    static const uint64_t numbers[] = { 0,     1,     127,        128,        255,       256,
                                        65535, 65536, UINT32_MAX, 1ull << 32, UINT64_MAX };
    static const int64_t negatives[] = {
        -1, -32, -33, -128, -129, -32768, -32769, INT32_MIN, (int64_t)INT32_MIN - 1, INT64_MIN
    };
    struct buf b = BUF_INIT(1 << 20);
    struct mp_value v;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        mp_uint(&b, numbers[i]);
    for (size_t i = 0; i < sizeof negatives / sizeof *negatives; i++)
        mp_int(&b, negatives[i]);
    mp_f64(&b, -0.25);
    mp_bool(&b, 1);
    mp_nil(&b);
    struct guarded g = guard(b.data, b.len);
    const unsigned char *at = g.p, *end = g.p + b.len;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(mp_read(&at, end, &v), 0);
        assert_int_equal(v.type, MP_UINT);
        assert_true(v.u.u == numbers[i]);
    }
    for (size_t i = 0; i < sizeof negatives / sizeof *negatives; i++) {
        assert_int_equal(mp_read(&at, end, &v), 0);
        assert_int_equal(v.type, MP_INT);
        assert_true(v.u.i == negatives[i]);
    }
    assert_int_equal(mp_read(&at, end, &v), 0);
    assert_true(v.type == MP_F64 && v.u.d == -0.25);
    assert_int_equal(mp_read(&at, end, &v), 0);
    assert_true(v.type == MP_BOOL && v.u.u == 1);
    assert_int_equal(mp_read(&at, end, &v), 0);
    assert_int_equal(v.type, MP_NIL);
    assert_ptr_equal(at, end);
    assert_int_equal(mp_read(&at, end, &v), ERR_INVALID);
    unguard(&g);
    buf_release(&b);
}

static void test_strings_of_every_length_form(void **state)
{
    static const size_t lengths[] = { 0, 31, 32, 255, 256, 65535, 65536 };
    char *text = calloc(1, 65536);
    struct mp_value v;

    memset(text, 'a', 65536);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct buf b = BUF_INIT(1 << 20);
        mp_str(&b, text, lengths[i]);
        mp_bin(&b, text, lengths[i]);
        struct guarded g = guard(b.data, b.len);
        const unsigned char *at = g.p, *end = at + b.len;
        assert_int_equal(mp_read(&at, end, &v), 0);
        assert_true(v.type == MP_STR && v.len == lengths[i]);
        assert_int_equal(mp_read(&at, end, &v), 0);
        assert_true(v.type == MP_BIN && v.len == lengths[i]);
        assert_ptr_equal(at, end);
        /* every cut of it is an error, never a read beyond */
        for (size_t n = 0; n < b.len; n += n < 8 ? 1 : 4093) {
            struct guarded cut = guard(b.data, n);
            at = cut.p;
            while (mp_skip(&at, cut.p + n) == 0 && at < cut.p + n)
                ;
            unguard(&cut);
        }
        unguard(&g);
        buf_release(&b);
    }
    free(text);
}

static void test_claimed_lengths_are_not_believed(void **state)
{
    static const char *const hostile[] = {
        "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff",
        "\xc9\xff\xff\xff\xff", "\xdf\x80\xff\xff\xff", "\xc1\x01\x02\x03\x04", "\x95\x01\x02\x03\x04",
        "\xc7\x7f\x01\x02\x03", "\xd8\x01\x02\x03\x04",
    };

    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct guarded g = guard(hostile[i], 5);
        const unsigned char *at = g.p;
        struct buf out = BUF_INIT(1 << 20);
        assert_int_equal(mp_skip(&at, g.p + 5), ERR_INVALID);
        assert_ptr_equal(at, g.p);
        assert_int_equal(mp_check(g.p, 5, 32, NULL), ERR_INVALID);
        assert_true(record_json(g.p, 5, &out) < 0);
        buf_release(&out);
        unguard(&g);
    }
}

static void test_depth_is_bounded(void **state)
{
    unsigned char deep[1000];
    struct err err = { 0 };
    struct buf out = BUF_INIT(1 << 20);

    memset(deep, 0x91, sizeof deep);
    deep[sizeof deep - 1] = 0xc0;
    assert_int_equal(mp_check(deep, sizeof deep, 32, &err), ERR_LIMIT);
    assert_int_equal(record_json(deep, sizeof deep, &out), ERR_LIMIT);
    const unsigned char *at = deep;
    assert_int_equal(mp_skip(&at, deep + sizeof deep), 0);
    assert_int_equal(mp_check(deep + sizeof deep - 33, 33, 32, &err), 0);
    assert_int_equal(mp_check(deep + sizeof deep - 34, 34, 32, &err), ERR_LIMIT);
    out.err = 0;
    out.len = 0;
    assert_int_equal(record_json(deep + sizeof deep - 33, 33, &out), 0);
    buf_release(&out);
}

static void test_check_wants_one_value_and_utf8(void **state)
{
    assert_int_equal(mp_check("\xc0", 1, 4, NULL), 0);
    assert_int_equal(mp_check("\xc0\xc0", 2, 4, NULL), ERR_INVALID);
    assert_int_equal(mp_check("", 0, 4, NULL), ERR_INVALID);
    assert_int_equal(mp_check("\xa3\xe2\x82\xac", 4, 4, NULL), 0);
    assert_int_equal(mp_check("\xa2\xe2\x82", 3, 4, NULL), ERR_INVALID);
    assert_int_equal(mp_check("\xa3\xed\xa0\x80", 4, 4, NULL), ERR_INVALID); /* a surrogate */
    assert_int_equal(mp_check("\xa2\xc0\x80", 3, 4, NULL), ERR_INVALID);     /* overlong */
    assert_int_equal(mp_check("\xa4\xf4\x90\x80\x80", 5, 4, NULL), ERR_INVALID);
    assert_int_equal(mp_check("\xc4\x02\xc0\x80", 4, 4, NULL), 0); /* bytes are free */
}

static void test_head_is_a_valid_record(void **state)
{
    struct record_head h = head();
    struct err err = { 0 };
    struct mp_value v;
    struct buf b;

    build(&b, &h);
    struct guarded g = guard(b.data, b.len);
    assert_int_equal(record_check(g.p, b.len, &err), 0);
    trommel_str s = record_get_str(g.p, b.len, "outcome.code");
    assert_int_equal(s.n, 2);
    assert_memory_equal(s.p, "ok", 2);
    assert_int_equal(record_get(g.p, b.len, "id", &v), 0);
    assert_true(v.type == MP_BIN && v.len == 16 && v.p[0] == 0xab);
    assert_int_equal(record_get(g.p, b.len, "bytes", &v), 0);
    assert_true(v.u.u == 1234);
    assert_int_equal(record_get(g.p, b.len, "outcome.nothing", &v), ERR_ABSENT);
    assert_int_equal(record_get(g.p, b.len, "url.x", &v), ERR_ABSENT);
    assert_int_equal(record_get(g.p, b.len, "", &v), ERR_ABSENT);
    assert_int_equal(record_get_str(g.p, b.len, "outcome").n, 0);
    for (size_t cut = 0; cut < b.len; cut++) {
        struct guarded c = guard(b.data, cut);
        assert_true(record_check(c.p, cut, NULL) < 0);
        unguard(&c);
    }
    unguard(&g);
    buf_release(&b);
}

static void test_manifest_id_and_error(void **state)
{
    struct record_head h = head();
    const char *calls[] = { "price.so!amount_of+0x1c", "price.so+0x1139" };
    struct record_error e = {
        { "layout", 6 }, { "crashed", 7 }, { "signal 11", 9 }, .signal = 11, .backtrace = calls, .n_backtrace = 2
    };
    struct err err = { 0 };
    struct mp_value v;
    struct buf b;
    uint32_t n;

    h.id_text = (trommel_str){ "page-1", 6 };
    h.outcome = OUTCOME_QUARANTINED;
    buf_init(&b, LIMIT_RECORD_BYTES);
    record_begin(&b, &h, &n);
    record_put_error(&b, &e, &n);
    record_end(&b, n);
    assert_int_equal(record_check(b.data, b.len, &err), 0);
    assert_int_equal(record_get(b.data, b.len, "error.signal", &v), 0);
    assert_true(v.u.u == 11);
    assert_int_equal(record_get(b.data, b.len, "error.backtrace", &v), 0);
    assert_true(v.type == MP_ARRAY && v.u.n == 2);
    assert_memory_equal(record_get_str(b.data, b.len, "id").p, "page-1", 6);
    assert_memory_equal(record_get_str(b.data, b.len, "error.stage").p, "layout", 6);
    buf_release(&b);
}

static void test_append(void **state)
{
    struct record_head h = head();
    struct buf b, field = BUF_INIT(1000);

    build(&b, &h);
    mp_map(&field, 1);
    mp_cstr(&field, "relation");
    mp_cstr(&field, "unique");
    size_t len = b.len;
    assert_int_equal(record_append(&b, "dedupe", field.data, field.len - 1), ERR_INVALID);
    assert_int_equal(record_append(&b, "dedupe", field.data, 0), ERR_INVALID);
    assert_int_equal(b.len, len);
    assert_int_equal(record_append(&b, "dedupe", field.data, field.len), 0);
    assert_int_equal(record_check(b.data, b.len, NULL), 0);
    assert_memory_equal(record_get_str(b.data, b.len, "dedupe.relation").p, "unique", 6);
    assert_int_equal(record_append(&b, "dedupe", field.data, field.len), ERR_EXISTS);
    b.max = b.len + 4;
    len = b.len;
    assert_int_equal(record_append(&b, "more", field.data, field.len), ERR_LIMIT);
    assert_int_equal(b.len, len);
    assert_int_equal(record_check(b.data, b.len, NULL), 0);
    b.data[0] = 0x80;
    assert_int_equal(record_append(&b, "more", field.data, field.len), ERR_INVALID);
    buf_release(&b);
    buf_release(&field);
}

/* A record of the head and one more field must be refused, with a message that has the words. */
static void refuse(const char *key, const void *value, size_t n, const char *words)
{
    struct record_head h = head();
    struct err err = { 0 };
    struct buf b;
    uint32_t fields;

    buf_init(&b, LIMIT_RECORD_BYTES);
    record_begin(&b, &h, &fields);
    mp_cstr(&b, key);
    buf_add(&b, value, n);
    record_end(&b, fields + 1);
    assert_true(record_check(b.data, b.len, &err) < 0);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" has no \"%s\"", err.text, words);
    buf_release(&b);
}

static void test_check_names_what_is_wrong(void **state)
{
    refuse("links", "\x91\x81\xa3url\x01", 7, "links[].url is an integer");
    refuse("links", "\x91\x81\xa3rel\xa1x", 8, "links[].url is missing");
    refuse("links",
           "\x81\xa1"
           "a\x01",
           4, "links is a map");
    refuse("layout",
           "\x81\xaa"
           "confidence\xa1x",
           14, "layout.confidence is a string");
    refuse("url", "\xa1x", 2, "url is there twice");
    refuse("dedupe", "\x81\xa8relation\xa3odd", 14, "must be one of unique|exact|near|part");
    refuse("dedupe", "\x80", 1, "dedupe.relation is missing");
    refuse("x", "\x81\xa1s\x01", 4, "x.* is an integer");
    refuse("x", "\x81\xa1s\x81\x01\x02", 6, "as a key");
    refuse("free", "\xd4\x01\x02", 3, "ext value");
    refuse("meta",
           "\x81\xa7"
           "authors\x92\xa1"
           "a\xc2",
           13, "meta.authors[] is a boolean");
}

static void test_unpromised_fields_are_free(void **state)
{
    struct record_head h = head();
    struct buf b;

    build(&b, &h);
    assert_int_equal(record_append(&b, "later", "\x92\x01\x81\xa1k\xc0", 6), 0);
    assert_int_equal(record_append(&b, "x", "\x81\xa5hello\x81\xa1k\xc4\x01z", 13), 0);
    assert_int_equal(record_append(&b, "meta", "\x81\xa5odder\x01", 8), 0);
    assert_int_equal(record_check(b.data, b.len, NULL), 0);
    buf_release(&b);
}

static void json_is(const void *p, size_t n, const char *want)
{
    struct guarded g = guard(p, n);
    struct buf out = BUF_INIT(1 << 16);

    assert_int_equal(record_json(g.p, n, &out), 0);
    assert_string_equal(buf_cstr(&out), want);
    buf_release(&out);
    unguard(&g);
}

static void test_json(void **state)
{
    struct buf b = BUF_INIT(1000);

    json_is("\xa6"
            "a\"\\\n\x01/",
            7, "\"a\\\"\\\\\\n\\u0001/\"");
    json_is("\xa5\xff"
            "a\xe2\x82z",
            6,
            "\"\xef\xbf\xbd"
            "a\xef\xbf\xbdz\"");
    json_is("\xc4\x03\x00\xab\xff", 5, "\"00abff\"");
    json_is("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "18446744073709551615");
    json_is("\xd3\x80\0\0\0\0\0\0\0", 9, "-9223372036854775808");
    json_is("\xcb\x7f\xf0\0\0\0\0\0\0", 9, "null");
    json_is("\xcb\x7f\xf8\0\0\0\0\0\0", 9, "null");
    json_is("\xca\x3f\x80\0\0", 5, "1.0");
    json_is("\x83\x01\x02\xc0\xc3\xa1k\x92\x90\x80", 10, "{\"1\":2,\"null\":true,\"k\":[[],{}]}");
    mp_f64(&b, 0.1);
    json_is(b.data, b.len, "0.1");
    buf_clear(&b);
    mp_f64(&b, 1.0 / 3);
    json_is(b.data, b.len, "0.3333333333333333");
    buf_clear(&b);
    mp_f64(&b, 1e300);
    json_is(b.data, b.len, "1e+300");
    buf_release(&b);
}

static void test_json_refuses(void **state)
{
    struct buf out = BUF_INIT(8);

    assert_int_equal(record_json("\xc0\xc0", 2, &out), ERR_INVALID);
    buf_clear(&out);
    assert_int_equal(record_json("\x81\x90\xc0", 3, &out), ERR_INVALID);
    buf_clear(&out);
    assert_int_equal(record_json("\xa9"
                                 "123456789",
                                 10, &out),
                     ERR_LIMIT);
    buf_release(&out);
}

static void test_outcomes(void **state)
{
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const char *name = outcome_name((enum outcome)i);
        assert_int_equal(outcome_from_name((trommel_str){ name, strlen(name) }), i);
    }
    assert_int_equal(outcome_from_name((trommel_str){ "o", 1 }), -1);
    assert_int_equal(outcome_from_name((trommel_str){ NULL, 0 }), -1);
}

static void test_builder_keeps_its_first_error(void **state)
{
    struct record_head h = head();
    struct buf whole;

    build(&whole, &h);
    for (size_t max = 0; max < whole.len; max++) {
        struct buf b;
        uint32_t n;
        buf_init(&b, max);
        record_begin(&b, &h, &n);
        record_end(&b, n);
        assert_int_equal(b.err, ERR_LIMIT);
        buf_release(&b);
    }
    buf_release(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars_round_trip),
        cmocka_unit_test(test_strings_of_every_length_form),
        cmocka_unit_test(test_claimed_lengths_are_not_believed),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_check_wants_one_value_and_utf8),
        cmocka_unit_test(test_head_is_a_valid_record),
        cmocka_unit_test(test_manifest_id_and_error),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_check_names_what_is_wrong),
        cmocka_unit_test(test_unpromised_fields_are_free),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_refuses),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_builder_keeps_its_first_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
