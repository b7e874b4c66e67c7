/* chunked: what clients take is read, however it is cut into pieces; what is no chunked coding is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "parse/chunked.h"
#include "tests/unit/parse/guarded.h"

struct sample {
    const char *in, *out;
    size_t behind; /* bytes behind its end */
    int rc;        /* 0: ended; 1: more is wanted; else the error */
};
static const struct sample samples[] = {
    { "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", 0, 0 },
    { "0\r\n\r\n", "", 0, 0 },
    { "5\nhello\n0\n\n", "hello", 0, 0 },
    { "00000000000000000000005 ; name=\"a;b\" \r\nhello\r\n0;last\r\nX-Trailer: 1\r\nY: 2\r\n\r\nHTTP/1.1",
      "hello", 8, 0 },
    { "A\r\n0123456789\r\n", "0123456789", 0, 1 },
    { "5\r\nhel", "hel", 0, 1 },
    { "5\r\nhello\r\n0\r\nX: y\r\n", "hello", 0, 1 },
    { "", "", 0, 1 },
    { "hello", "", 0, ERR_INVALID },
    { "\r\n5\r\nhello", "", 0, ERR_INVALID },
    { "5\r\nhelloX\r\n", "hello", 0, ERR_INVALID },
    { "5\r\nhello\r\rX", "hello", 0, ERR_INVALID },
    { "-5\r\nhello", "", 0, ERR_INVALID },
    { "8000000000000000\r\nx", "", 0, ERR_LIMIT },
};

/* Reads n bytes at p in pieces of `step`. */
static int read_in_steps(const char *p, size_t n, size_t step, char *out, size_t *ret_n, size_t *ret_read)
{
    struct chunked c;
    long rc = 0;

    chunked_init(&c);
    *ret_n = *ret_read = 0;
    while (*ret_read < n && !chunked_done(&c)) {
        size_t k = n - *ret_read < step ? n - *ret_read : step, got;
        struct guarded g = guarded_new(p + *ret_read, k);
        rc = chunked_read(&c, g.p, k, out + *ret_n, &got);
        guarded_free(&g);
        *ret_n += got;
        if (rc < 0)
            return (int)rc;
        *ret_read += (size_t)rc;
        if ((size_t)rc < k && !chunked_done(&c))
            return ERR_FAIL;
    }
    return !chunked_done(&c);
}

static void samples_read(void **state)
{
    char out[256];
    size_t n, taken;

    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        for (size_t step = 1; step <= strlen(samples[i].in) + 1; step++) {
            const struct sample *s = &samples[i];
            assert_int_equal(read_in_steps(s->in, strlen(s->in), step, out, &n, &taken), s->rc);
            assert_int_equal(n, strlen(s->out));
            assert_memory_equal(out, s->out, n);
            if (s->rc == 0)
                assert_int_equal(strlen(s->in) - taken, s->behind);
        }
}

static void in_place(void **state)
{
    char text[] = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    struct chunked c;
    size_t n;

    chunked_init(&c);
    assert_int_equal(chunked_read(&c, text, strlen(text), text, &n), (long)strlen(text));
    assert_int_equal(n, 11);
    assert_memory_equal(text, "hello world", 11);
    chunked_init(&c);
    memcpy(text, "3\r\nabc\r\n0\r\n\r\n", 13);
    assert_int_equal(chunked_read(&c, text, 13, NULL, &n), 13);
    assert_int_equal(n, 3);
    assert_memory_equal(text, "3\r\nabc", 6); /* counted only */
}

/* An extension and trailers without an end. */
static void endless(void **state)
{
    size_t n, room = CHUNKED_TRAILER_BYTES + 100;
    char *text = malloc(room);
    struct chunked c;

    assert_non_null(text);
    memset(text, 'x', room);
    memcpy(text, "5;", 2);
    chunked_init(&c);
    assert_int_equal(chunked_read(&c, text, CHUNKED_LINE_BYTES, NULL, &n), CHUNKED_LINE_BYTES);
    assert_int_equal(chunked_read(&c, text, 1, NULL, &n), ERR_LIMIT);
    assert_int_equal(chunked_read(&c, "\r\n", 2, NULL, &n), ERR_LIMIT); /* it sticks */
    memcpy(text, "0\r\n", 3);
    chunked_init(&c);
    assert_int_equal(chunked_read(&c, text, 3 + CHUNKED_TRAILER_BYTES, NULL, &n), 3 + CHUNKED_TRAILER_BYTES);
    assert_int_equal(chunked_read(&c, "x", 1, NULL, &n), ERR_LIMIT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_read),
        cmocka_unit_test(in_place),
        cmocka_unit_test(endless),
    };

    return cmocka_run_group_tests_name("chunked", tests, NULL, NULL);
}
