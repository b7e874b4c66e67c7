/* The HTTP message of a response record, as servers and writers of archives leave it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "tests/unit/parse/guarded.h"
#include "warc/http.h"

static struct http_message m;
static struct guarded g;

static int message(const char *text, size_t n)
{
    if (g.map)
        guarded_free(&g);
    g = guarded_new(text, n);
    return http_read((unsigned char *)g.p, n, 1, &m);
}
#define MESSAGE(text) message(text, sizeof text - 1)

static void is(trommel_str got, const char *want)
{
    if (got.n != strlen(want) || memcmp(got.p, want, got.n) != 0)
        fail_msg("\"%.*s\" is not \"%s\"", (int)got.n, got.p ? got.p : "", want);
}

static void messages_of_all_kinds(void **state)
{
    assert_int_equal(MESSAGE("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX: 1\r\n\r\nbody"), 0);
    assert_int_equal(m.status, 200);
    is(m.protocol, "HTTP/1.1");
    is(m.content_type, "text/html");
    is(m.headers, "Content-Type: text/html\r\nX: 1\r\n");
    is(m.body, "body");
    assert_int_equal(MESSAGE("HTTP/2 301\nlocation:/x\nLocation: /second\n\n"), 0);
    assert_int_equal(m.status, 301);
    is(m.location, "/x");
    is(m.body, "");
    assert_int_equal(MESSAGE("HTTP/1.0 404 Not\r\nContent-Encoding:\r\n gzip\r\nNo\0field\r\n\r\n\r\n"), 0);
    is(m.content_encoding, "gzip");
    assert_null(memchr(m.headers.p, 0, m.headers.n));
    is(m.body, "\r\n");
    assert_int_equal(MESSAGE("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"), 0);
    is(m.body, "");
    assert_int_equal(MESSAGE("HTTP/1.1 200"), 0);
    assert_int_equal(MESSAGE("HTTP/1.1 2"), ERR_INVALID);
    assert_int_equal(MESSAGE("<html>"), ERR_INVALID);
    assert_int_equal(MESSAGE(""), ERR_INVALID);
}

static void chunks_that_are_none(void **state)
{
#define HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
    assert_int_equal(MESSAGE(HEAD "4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\nTrailer: 1\r\n\r\n"), 0);
    is(m.body, "abcdefg");
    assert_false(m.is_cut);
    assert_int_equal(MESSAGE(HEAD "4\r\nabcd\r\n30\r\nefg"), 0);
    is(m.body, "abcdefg");
    assert_true(m.is_cut);
    assert_int_equal(MESSAGE(HEAD "<html>Decoded, and the header was left"), 0);
    is(m.body, "<html>Decoded, and the header was left");
    assert_int_equal(MESSAGE(HEAD "abc is a word, and no chunk's size\n"), 0);
    is(m.body, "abc is a word, and no chunk's size\n");
    assert_int_equal(MESSAGE(HEAD), 0);
    is(m.body, "");
    assert_int_equal(MESSAGE("HTTP/1.1 200 OK\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"), 0);
    is(m.body, "4\r\nabcd\r\n0\r\n\r\n");
}

static void headers_without_bounds(void **state)
{
    size_t n = 400000;
    char *text = malloc(n);

    memset(text, 'a', n);
    memcpy(text, "HTTP/1.1 200 OK\r\n", 17);
    text[n - 4] = text[n - 2] = '\r';
    text[n - 3] = text[n - 1] = '\n';
    assert_int_equal(message(text, n), ERR_LIMIT);
    assert_int_equal(http_read((unsigned char *)g.p, 1000, 0, &m),
                     ERR_LIMIT); /* only a part of them is there */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_all_kinds),
        cmocka_unit_test(chunks_that_are_none),
        cmocka_unit_test(headers_without_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
