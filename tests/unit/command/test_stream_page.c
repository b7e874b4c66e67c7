/* A frame as a page: fails when a value is taken as another than it is, when what is wrong is not said with
 * its name, when the id of a bad frame is lost, or when a byte behind the frame is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command/stream/answer.h"
#include "command/stream/page.h"
#include "record/record.h"
#include "tests/unit/parse/guarded.h"

static struct stream_page page;
static struct buf frame;
static struct guarded guard;

static int setup(void **state)
{
    stream_page_init(&page);
    buf_init(&frame, 1 << 20);
    guard = guarded_new("", 0);
    return 0;
}

static int teardown(void **state)
{
    stream_page_release(&page);
    buf_release(&frame);
    guarded_free(&guard);
    return 0;
}

static int read_exact(const void *p, size_t n, int whole)
{
    guarded_free(&guard);
    guard = guarded_new(p, n);
    return stream_page_read(&page, guard.p, n, whole);
}

/* A page of n_pairs and a body, to which more is appended. */
static void begin(uint32_t n_pairs)
{
    buf_clear(&frame);
    mp_map(&frame, n_pairs + 1);
    mp_cstr(&frame, "body");
    mp_bin(&frame, "<p>x", 4);
}

static int done(void)
{
    assert_int_equal(frame.err, 0);
    return read_exact(frame.data, frame.len, 1);
}

#define assert_text(got, want) assert_text_is((got), (want), sizeof(want) - 1)
static void assert_text_is(trommel_str got, const char *want, size_t n)
{
    assert_int_equal(got.n, n);
    if (n)
        assert_memory_equal(got.p, want, n);
}

static void assert_wrong(int rc, const char *reason, const char *words)
{
    assert_int_equal(rc, ERR_INVALID);
    assert_string_equal(page.reason, reason);
    if (!strstr(page.why.text, words))
        fail_msg("\"%s\" does not say \"%s\"", page.why.text, words);
}

static void pair_text(const char *key, const char *value)
{
    mp_cstr(&frame, key);
    mp_cstr(&frame, value);
}

static void whole_page(void)
{
    begin(10);
    pair_text("id", "p1");
    pair_text("url", "http://a.example/");
    pair_text("final_url", "http://b.example/");
    mp_cstr(&frame, "status");
    mp_uint(&frame, 203);
    pair_text("headers", "content-type: text/html\r\nX: y\r\n");
    pair_text("content_type", "text/plain");
    pair_text("content_encoding", "br");
    pair_text("fetched_at", "2024-05-01T12:00:00Z");
    mp_cstr(&frame, "fetch");
    mp_map(&frame, 1);
    pair_text("ip", "192.0.2.1");
    mp_cstr(&frame, "deadline_ms");
    mp_uint(&frame, 1500);
}

static void test_every_key(void **state)
{
    whole_page();
    assert_int_equal(done(), 0);
    assert_text(page.input.body, "<p>x");
    assert_text(page.input.id, "p1");
    assert_text(page.input.url, "http://a.example/");
    assert_text(page.input.final_url, "http://b.example/");
    assert_int_equal(page.input.status, 203);
    assert_text(page.input.headers, "content-type: text/html\r\nX: y\r\n");
    assert_text(page.input.content_type, "text/plain");
    assert_text(page.input.content_encoding, "br");
    assert_true(page.input.fetched_ms == 1714564800000);
    assert_text(page.input.fetch, "\x81\xa2ip\xa9"
                                  "192.0.2.1");
    assert_int_equal(page.input.deadline_ms, 1500);
    begin(0); /* and nothing of it stays */
    assert_int_equal(done(), 0);
    assert_text(page.input.body, "<p>x");
    assert_true(!page.input.id.n && !page.input.url.n && !page.input.headers.n && !page.input.fetch.n);
    assert_true(!page.input.fetched_ms && !page.input.status && !page.input.deadline_ms);
}

/* However much of a page is there, it is read to its end and no further. */
static void test_cut_anywhere(void **state)
{
    whole_page();
    for (size_t n = 0; n < frame.len; n++)
        assert_wrong(read_exact(frame.data, n, 1), "bad_frame", n ? "begins no whole value" : "is empty");
    buf_add_byte(&frame, 0xc0);
    assert_wrong(done(), "bad_frame", "1 bytes follow its map");
}

static void test_ids(void **state)
{
    begin(1);
    mp_cstr(&frame, "id");
    mp_uint(&frame, UINT64_MAX);
    assert_int_equal(done(), 0);
    assert_text(page.input.id, "18446744073709551615");
    begin(1);
    mp_cstr(&frame, "id");
    mp_int(&frame, -7);
    assert_int_equal(done(), 0);
    assert_text(page.input.id, "-7");
    begin(1);
    mp_cstr(&frame, "id");
    mp_bin(&frame, "\x00\x9f\xff", 3);
    assert_int_equal(done(), 0);
    assert_text(page.input.id, "009fff");
    begin(1);
    mp_cstr(&frame, "id");
    mp_nil(&frame);
    assert_int_equal(done(), 0);
    assert_text(page.input.id, "");
    begin(1);
    mp_cstr(&frame, "id");
    mp_f64(&frame, 1.5);
    assert_wrong(done(), "bad_field",
                 "\"id\": is a fraction; it must be text, a whole number, or at most 2048 bytes");
    begin(1);
    mp_cstr(&frame, "id");
    static const char many[2049];
    mp_bin(&frame, many, 2049);
    assert_wrong(done(), "bad_field", "\"id\": is bytes; it must be text");
}

static void test_bodies(void **state)
{
    buf_clear(&frame);
    mp_map(&frame, 1);
    pair_text("body", "\xff no UTF-8");
    assert_int_equal(done(), 0);
    assert_text(page.input.body, "\xff no UTF-8");
    buf_clear(&frame);
    mp_map(&frame, 0);
    assert_wrong(done(), "bad_field", "\"body\": is missing; it must be bytes or text");
    buf_clear(&frame);
    mp_map(&frame, 1);
    mp_cstr(&frame, "body");
    mp_nil(&frame);
    assert_wrong(done(), "bad_field", "\"body\": is nil; it must be bytes or text");
}

static void test_no_page(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *reason, *words;
    } rows[] = {
        { "\xc1", 1, "bad_frame", "byte 0 begins no whole value" },
        { "\xc0", 1, "bad_frame", "is nil; a frame is one msgpack map" },
        { "\x92\x81", 2, "bad_frame", "byte 0 begins no whole value" },
        { "\x91\xc0", 2, "bad_frame", "is an array" },
        { "{\"body\":1}", 10, "bad_frame", "is a whole number" },
        { "\xdf\xff\xff\xff\xff", 5, "bad_frame", "byte 0 begins no whole value" },
        { "\x82\xa4"
          "body\xa1x\x01\x02",
          10, "bad_frame", "a key of its map is a whole number; keys are text" },
        { "\x82\xa4"
          "body\xa1x\x91\x01\x02",
          11, "bad_frame", "a key of its map is an array" },
        { "\x82\xa4"
          "body\xa1x\xa4"
          "body\xa1y",
          15, "bad_field", "\"body\": is there twice" },
        { "\x82\xa4"
          "body\xa1x\xa4"
          "Body\xa1y",
          15, "bad_field", "\"Body\": is no key of a page; these are: body " },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_wrong(read_exact(rows[i].bytes, rows[i].n, 1), rows[i].reason, rows[i].words);
}

static void test_wrong_values(void **state)
{
    static const struct {
        const char *key, *value, *words;
    } rows[] = {
        { "url", "\xc3", "\"url\": is a truth value; it must be text: https://host/path" },
        { "final_url", "\x2a", "\"final_url\": is 42; it must be text" },
        { "content_type", "\x80", "\"content_type\": is a map" },
        { "content_encoding", "\x90", "\"content_encoding\": is an array" },
        { "status", "\xcd\x03\xe8", "\"status\": is 1000; it must be a whole number from 100 to 999" },
        { "status", "\x63", "\"status\": is 99;" },
        { "status", "\xff", "\"status\": is a negative number;" },
        { "status",
          "\xa3"
          "200",
          "\"status\": is \"200\";" },
        { "headers", "\x05", "\"headers\": is 5; it must be lines of text" },
        { "fetched_at", "\xa4soon", "\"fetched_at\": is \"soon\"; it must be a time of RFC 3339" },
        { "fetched_at", "\xff", "\"fetched_at\": is a negative number" },
        { "fetched_at", "\xd4\xff\x01", "\"fetched_at\": is an extension type" },
        { "fetched_at", "\xd6\x01\0\0\0\0", "\"fetched_at\": is an extension type" },
        { "fetch", "\xa1x", "\"fetch\": is \"x\"; it must be a map" },
        { "deadline_ms", "\xa1x", "\"deadline_ms\": is \"x\"; it must be a whole number of milliseconds" },
        { "deadline_ms", "\xcf\0\0\0\1\0\0\0\0", "\"deadline_ms\": is 4294967296;" },
    };
    static const size_t sizes[] = { 1, 1, 1, 1, 3, 1, 1, 4, 1, 5, 1, 3, 6, 2, 2, 9 };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(2);
        mp_cstr(&frame, rows[i].key);
        buf_add(&frame, rows[i].value, sizes[i]);
        pair_text("id", "behind it");
        assert_wrong(done(), "bad_field", rows[i].words);
        assert_text(page.input.id, "behind it");
    }
}

static void time_is(const char *bytes, size_t n, int64_t ms)
{
    begin(1);
    mp_cstr(&frame, "fetched_at");
    buf_add(&frame, bytes, n);
    assert_int_equal(done(), 0);
    assert_true(page.input.fetched_ms == ms);
}

static void test_times(void **state)
{
    time_is("\xcf\0\0\1\x8f\x34\xc3\xd8\x7b", 9, 0x18f34c3d87b);
    time_is("\xd6\xff\x66\x32\x2f\x40", 6, 1714564928000);
    time_is("\xd7\xff\x1d\xcd\x65\x00\x66\x32\x2f\x40", 10, 1714564928125); /* 125,000,000 ns << 34 */
    time_is("\xc7\x0c\xff\x07\x73\x59\x40\xff\xff\xff\xff\xff\xff\xff\xff", 15, -1000 + 125);
    time_is("\xb9"
            "2024-05-01T14:00:00+02:00",
            26, 1714564800000);
}

static void lines_are(const char *lines)
{
    assert_int_equal(done(), 0);
    assert_text_is(page.input.headers, lines, strlen(lines));
}

static void test_headers(void **state)
{
    begin(1);
    mp_cstr(&frame, "headers");
    mp_map(&frame, 4);
    pair_text("Content-Type", "text/html; charset=koi8-r");
    mp_cstr(&frame, "set-cookie");
    mp_array(&frame, 2);
    mp_cstr(&frame, "a=b");
    mp_bin(&frame, "c\r\nd\0e", 6);
    mp_cstr(&frame, "content-length");
    mp_uint(&frame, 17);
    pair_text(":status", "200");
    lines_are("Content-Type: text/html; charset=koi8-r\r\nset-cookie: a=b\r\nset-cookie: c  d e\r\n"
              "content-length: 17\r\n");
    assert_text(page.input.content_type, "text/html; charset=koi8-r");

    begin(1);
    mp_cstr(&frame, "headers");
    mp_array(&frame, 4);
    for (int i = 0; i < 2; i++) {
        mp_array(&frame, 2);
        mp_bin(&frame, "CONTENT-ENCODING", 16);
        mp_cstr(&frame, i ? "gzip" : "br");
    }
    mp_array(&frame, 2);
    mp_cstr(&frame, "x");
    mp_nil(&frame);
    mp_array(&frame, 2);
    pair_text("content-type", "");
    lines_are("CONTENT-ENCODING: br\r\nCONTENT-ENCODING: gzip\r\ncontent-type: \r\n");
    assert_text(page.input.content_encoding, "br, gzip");
    assert_text(page.input.content_type, "");

    begin(2); /* the last type; a page that is decoded already */
    pair_text("headers", "Content-Type: a/b\nContent-Type:\tc/d \r\nContent-Encoding: gzip\r\nContent-Type:");
    pair_text("content_encoding", "");
    assert_int_equal(done(), 0);
    assert_text(page.input.content_type, "c/d");
    assert_text(page.input.content_encoding, "");
}

static void test_wrong_headers(void **state)
{
    static const struct {
        const char *value;
        size_t n;
        const char *words;
    } rows[] = {
        { "\x81\xa0\xa1x", 4, "a name is empty, no text, or has a colon" },
        { "\x81\xa3"
          "a:b\xa1x",
          7, "a name is empty, no text, or has a colon" },
        { "\x81\xa3"
          "a\nb\xa1x",
          7, "a name is empty, no text, or has a colon" },
        { "\x81\x01\xa1x", 4, "a name is empty, no text, or has a colon" },
        { "\x81\xa1"
          "a\x80",
          4, "the value of \"a\" is neither text, bytes nor a whole number" },
        { "\x81\xa1"
          "a\x91\x91\xa1x",
          7, "the value of \"a\" is neither text, bytes nor a whole number" },
        { "\x91\xa1"
          "a",
          3, "element 0 of the array is no [name, value]" },
        { "\x92\x92\xa1"
          "a\xa1x\x91\xa1"
          "b",
          9, "element 1 of the array is no [name, value]" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(1);
        mp_cstr(&frame, "headers");
        buf_add(&frame, rows[i].value, rows[i].n);
        assert_wrong(done(), "bad_field", rows[i].words);
    }
    begin(1);
    mp_cstr(&frame, "headers");
    mp_map(&frame, 2);
    static char many[200000];
    memset(many, 'v', sizeof many);
    for (int i = 0; i < 2; i++) {
        mp_cstr(&frame, i ? "a" : "b");
        mp_str(&frame, many, sizeof many);
    }
    assert_wrong(done(), "bad_field", "\"headers\": are over the limit of 262144 bytes");
}

/* Of a frame that was passed over, its first bytes. */
static void test_only_its_head(void **state)
{
    buf_clear(&frame);
    mp_map(&frame, 3);
    pair_text("id", "large");
    pair_text("url", "http://a.example/");
    mp_cstr(&frame, "body");
    buf_add(&frame, "\xc6\2\0\0\0<p>", 8);
    assert_int_equal(read_exact(frame.data, frame.len, 0), 0);
    assert_text(page.input.id, "large");
    assert_text(page.input.url, "http://a.example/");
    assert_null(page.reason);
    assert_int_equal(read_exact("", 0, 0), 0);
    assert_text(page.input.id, "");
}

/* ---- answers ---- */

static struct buf answer = BUF_INIT(1 << 16);

static trommel_str say(const char *path)
{
    return record_get_str(answer.data, answer.len, path);
}

static void test_the_record_of_a_bad_frame(void **state)
{
    struct err err;

    begin(3);
    pair_text("id", "p1");
    pair_text("url", "http://a.example/");
    pair_text("status", "x");
    assert_wrong(done(), "bad_field", "status");
    answer_error(&answer, &page, 17, page.reason, "frame 17: it quotes \xe2\x82 and \xff");
    assert_int_equal(record_check(answer.data, answer.len, &err), 0);
    assert_text(say("id"), "p1");
    assert_text(say("url"), "http://a.example/");
    assert_text(say("outcome.code"), "failed");
    assert_text(say("outcome.reason"), "bad_field");
    assert_text(say("error.stage"), "stream");
    assert_text(say("error.reason"), "bad_field");
    assert_text(say("error.message"), "frame 17: it quotes ? and ?");
}

static void test_what_may_not_be_said_back(void **state)
{
    struct mp_value id;
    struct err err;

    begin(2);
    pair_text("id", "\xff");
    pair_text("url", "http://\xc0/");
    assert_int_equal(done(), 0);
    answer_error(&answer, &page, 3, "invalid_input", "no");
    assert_int_equal(record_check(answer.data, answer.len, &err), 0);
    assert_int_equal(record_get(answer.data, answer.len, "id", &id), 0);
    assert_int_equal(id.type, MP_BIN);
    assert_int_equal(id.len, RECORD_ID_BYTES);
    assert_text(say("url"), "");
}

static void test_the_short_answer(void **state)
{
    struct buf shortened = BUF_INIT(1 << 16);

    begin(1);
    pair_text("id", "p1");
    assert_int_equal(done(), 0);
    answer_error(&answer, &page, 1, "too_large", "m");
    answer_short(&shortened, (trommel_str){ (const char *)answer.data, answer.len });
    assert_int_equal(mp_check(shortened.data, shortened.len, 3, NULL), 0);
    static const char want[] = "\x84\xa2id\xa2p1\xa3url\xc0\xa7outcome\x82\xa4"
                               "code\xa6"
                               "failed\xa6reason\xa9too_large\xa5"
                               "error\x83\xa5stage\xa6stream\xa6reason\xa9too_large\xa7message\xa1m";
    assert_int_equal(shortened.len, sizeof want - 1);
    assert_memory_equal(shortened.data, want, shortened.len);
    buf_release(&shortened);
}

static int release(void **state)
{
    buf_release(&answer);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_key),
        TEST(test_cut_anywhere),
        TEST(test_ids),
        TEST(test_bodies),
        TEST(test_no_page),
        TEST(test_wrong_values),
        TEST(test_times),
        TEST(test_headers),
        TEST(test_wrong_headers),
        TEST(test_only_its_head),
        TEST(test_the_record_of_a_bad_frame),
        TEST(test_what_may_not_be_said_back),
        TEST(test_the_short_answer),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
