/* Frames: fails when one is lost, cut or joined however the bytes come, when a limit is not kept, or when
 * what is no frame passes for one. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "command/stream/frame.h"

struct rig {
    int fds[2];
    struct stream_reader r;
    struct stream_frame frame;
    struct err err;
};

static void rig_open(struct rig *g)
{
    memset(g, 0, sizeof *g);
    assert_int_equal(pipe(g->fds), 0);
    stream_reader_init(&g->r, g->fds[0]);
}

static void rig_end_input(struct rig *g)
{
    close(g->fds[1]);
    g->fds[1] = -1;
}

static void rig_close(struct rig *g)
{
    free(g->frame.data);
    stream_reader_release(&g->r);
    close(g->fds[0]);
    if (g->fds[1] >= 0)
        close(g->fds[1]);
}

static void say(struct rig *g, const void *p, size_t n)
{
    assert_int_equal(write(g->fds[1], p, n), n);
}

static int next(struct rig *g)
{
    struct pollfd p = { .fd = g->r.fd, .events = POLLIN };

    free(g->frame.data);
    g->err = (struct err){ 0 };
    g->r.readable = poll(&p, 1, 0) > 0;
    return stream_reader_next(&g->r, &g->frame, &g->err);
}

/* … until there is something. */
static int next_or_end(struct rig *g)
{
    int rc;

    do
        rc = next(g);
    while (rc == ERR_AGAIN);
    return rc;
}

static void assert_frame(const struct rig *g, uint64_t number, const char *text)
{
    assert_true(g->frame.number == number);
    assert_int_equal(g->frame.n, strlen(text));
    assert_int_equal(g->frame.length, strlen(text));
    assert_memory_equal(g->frame.data, text, strlen(text));
}

static const char three[] = "\0\0\0\5apple\0\0\0\0\0\0\0\3fig";
enum { THREE = sizeof three - 1 };

static void test_all_at_once(void **state)
{
    struct rig g;

    rig_open(&g);
    say(&g, three, THREE);
    rig_end_input(&g);
    assert_int_equal(next(&g), 0);
    assert_frame(&g, 1, "apple");
    assert_int_equal(next(&g), 0);
    assert_frame(&g, 2, "");
    assert_int_equal(next(&g), 0);
    assert_frame(&g, 3, "fig");
    assert_int_equal(next(&g), ERR_CLOSED);
    assert_int_equal(next(&g), ERR_CLOSED);
    rig_close(&g);
}

static void test_byte_by_byte(void **state)
{
    static const char *const texts[] = { "apple", "", "fig" };
    struct rig g;
    unsigned n = 0;

    rig_open(&g);
    for (int i = 0; i < THREE; i++) {
        say(&g, three + i, 1);
        int rc = next(&g);
        if (rc == 0)
            assert_frame(&g, n + 1, texts[n]), n++;
        else
            assert_int_equal(rc, ERR_AGAIN);
    }
    assert_int_equal(n, 3);
    rig_close(&g);
}

/* Split in two at every place. */
static void test_cut_anywhere(void **state)
{
    for (int at = 0; at <= THREE; at++) {
        struct rig g;
        int n = 0;
        rig_open(&g);
        say(&g, three, (size_t)at);
        while (next(&g) == 0)
            n++;
        say(&g, three + at, (size_t)(THREE - at));
        while (next(&g) == 0)
            n++;
        assert_int_equal(n, 3);
        rig_close(&g);
    }
}

static void test_no_read_that_was_not_allowed(void **state)
{
    struct rig g;

    rig_open(&g); /* an empty pipe: a read would wait for ever */
    assert_int_equal(stream_reader_next(&g.r, &g.frame, &g.err), ERR_AGAIN);
    say(&g, three, 3);
    g.r.readable = 1; /* one read, and no second */
    assert_int_equal(stream_reader_next(&g.r, &g.frame, &g.err), ERR_AGAIN);
    rig_close(&g);
}

/* The frame's memory ends where no byte may be touched. */
static void test_nothing_beyond_its_end(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct rig g;

    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    rig_open(&g);
    say(&g, "\0\0\1\0", 4);
    assert_int_equal(next(&g), ERR_AGAIN);
    free(g.r.frame.data);
    g.r.frame.data = map + page - 256;
    unsigned char many[1000];
    memset(many, 'x', sizeof many);
    say(&g, many, 100);
    assert_int_equal(next(&g), ERR_AGAIN);
    say(&g, many, sizeof many);
    assert_int_equal(next(&g), 0);
    assert_int_equal(g.frame.n, 256);
    assert_int_equal(g.frame.data[255], 'x');
    g.frame.data = NULL;
    rig_close(&g);
    munmap(map, 2 * page);
}

/* Writes n bytes of value c, reading frames meanwhile; the first result that is not ERR_AGAIN. */
static int flood(struct rig *g, size_t n, int c)
{
    char block[4096];
    int rc = ERR_AGAIN;

    memset(block, c, sizeof block);
    while (n && rc == ERR_AGAIN) {
        size_t now = n < sizeof block ? n : sizeof block;
        say(g, block, now);
        n -= now;
        rc = next(g);
    }
    assert_int_equal(n, 0);
    return rc;
}

static void test_too_long_is_passed_over(void **state)
{
    struct rig g;

    rig_open(&g);
    say(&g, "\1\0\0\1", 4); /* 16 MiB and one byte */
    assert_int_equal(next(&g), ERR_AGAIN);
    assert_int_equal(flood(&g, STREAM_FRAME_BYTES + 1, 'x'), ERR_LIMIT);
    assert_true(g.frame.number == 1);
    assert_int_equal(g.frame.length, STREAM_FRAME_BYTES + 1);
    assert_int_equal(g.frame.n, STREAM_HEAD_BYTES);
    assert_int_equal(g.frame.data[STREAM_HEAD_BYTES - 1], 'x');
    assert_non_null(strstr(g.err.text, "frame 1: its 16777217 bytes are over the limit of 16777216"));
    say(&g, three, THREE);
    assert_int_equal(next(&g), 0);
    assert_frame(&g, 2, "apple");
    rig_close(&g);
}

static void test_the_longest(void **state)
{
    struct rig g;

    rig_open(&g);
    say(&g, "\1\0\0\0", 4);
    assert_int_equal(next(&g), ERR_AGAIN);
    assert_int_equal(flood(&g, STREAM_FRAME_BYTES, 'y'), 0);
    assert_int_equal(g.frame.n, STREAM_FRAME_BYTES);
    assert_int_equal(g.frame.data[STREAM_FRAME_BYTES - 1], 'y');
    rig_close(&g);
}

static void test_no_length(void **state)
{
    static const char *const heads[] = { "\4\0\0\1", "<htm",       "{\"id",
                                         "\r\n\r\n", "\201\244bo", "\xff\xff\xff\xff" };

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct rig g;
        rig_open(&g);
        say(&g, three, 9);
        say(&g, heads[i], 4);
        assert_int_equal(next(&g), 0);
        assert_int_equal(next(&g), ERR_INVALID);
        assert_true(g.frame.number == 2);
        assert_null(g.frame.data);
        assert_non_null(strstr(g.err.text, "frame 2: begins with the bytes "));
        rig_close(&g);
    }
}

static void test_cut_off(void **state)
{
    struct rig g;

    rig_open(&g);
    say(&g, three, 9 + 2);
    rig_end_input(&g);
    assert_int_equal(next(&g), 0);
    assert_int_equal(next_or_end(&g), ERR_CORRUPT);
    assert_true(g.frame.number == 2);
    assert_string_equal(g.err.text, "frame 2: the input ends within its length, after 2 of 4 bytes");
    rig_close(&g);

    rig_open(&g);
    say(&g, "\0\0\0\5app", 7);
    rig_end_input(&g);
    assert_int_equal(next_or_end(&g), ERR_CORRUPT);
    assert_string_equal(g.err.text, "frame 1: the input ends after 3 of its 5 bytes");
    assert_int_equal(g.frame.n, 3);
    assert_memory_equal(g.frame.data, "app", 3);
    rig_close(&g);

    rig_open(&g); /* within what is passed over */
    say(&g, "\2\0\0\0", 4);
    assert_int_equal(next(&g), ERR_AGAIN);
    assert_int_equal(flood(&g, 100000, 'z'), ERR_AGAIN);
    rig_end_input(&g);
    assert_int_equal(next_or_end(&g), ERR_CORRUPT);
    assert_string_equal(g.err.text, "frame 1: the input ends after 100000 of its 33554432 bytes");
    assert_int_equal(g.frame.n, STREAM_HEAD_BYTES);
    rig_close(&g);
}

static void test_a_broken_input(void **state)
{
    struct rig g;

    rig_open(&g);
    g.r.fd = g.fds[1]; /* cannot be read */
    g.r.readable = 1;
    assert_int_equal(stream_reader_next(&g.r, &g.frame, &g.err), ERR_IO);
    assert_non_null(strstr(g.err.text, "standard input: cannot be read behind frame 0"));
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_no_read_that_was_not_allowed),
        cmocka_unit_test(test_nothing_beyond_its_end),
        cmocka_unit_test(test_too_long_is_passed_over),
        cmocka_unit_test(test_the_longest),
        cmocka_unit_test(test_no_length),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_a_broken_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
