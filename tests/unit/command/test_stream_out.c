/* Answers: fails when one is lost, torn or out of order, when writing waits for a reader, when the host's own
 * descriptor is changed, or when a reader that has gone is not told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "command/stream/out.h"

enum { BIG = 300000 };

struct rig {
    int fds[2]; /* what is read, what is written */
    struct stream_out o;
};

static void rig_open(struct rig *g, int is_socket, int ordered)
{
    assert_int_equal(is_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, g->fds) : pipe(g->fds), 0);
    stream_out_init(&g->o, g->fds[1], ordered);
}

static void rig_close(struct rig *g)
{
    stream_out_release(&g->o);
    close(g->fds[0]);
    close(g->fds[1]);
}

static struct stream_slot *answer(struct rig *g, const char *text)
{
    struct stream_slot *slot = stream_out_open(&g->o);

    if (text)
        stream_out_fill(&g->o, slot, text, strlen(text));
    return slot;
}

static void assert_read(struct rig *g, const char *want, size_t n)
{
    char got[200];

    assert_true(n <= sizeof got);
    assert_int_equal(read(g->fds[0], got, sizeof got), n);
    assert_memory_equal(got, want, n);
}

static void test_in_order_of_finish(void **state)
{
    struct rig g;

    rig_open(&g, 0, 0);
    struct stream_slot *slow = answer(&g, NULL);
    answer(&g, "two");
    assert_int_equal(g.o.bytes, 7);
    assert_int_equal(stream_out_write(&g.o), 0);
    assert_read(&g, "\0\0\0\3two", 7);
    assert_false(stream_out_ready(&g.o));
    assert_int_equal(g.o.bytes, 0);
    stream_out_fill(&g.o, slow, "", 0);
    assert_int_equal(stream_out_write(&g.o), 0);
    assert_read(&g, "\0\0\0\0", 4);
    answer(&g, NULL); /* freed with the rest */
    rig_close(&g);
}

static void test_in_order_of_input(void **state)
{
    struct rig g;

    rig_open(&g, 0, 1);
    struct stream_slot *one = answer(&g, NULL);
    answer(&g, "two");
    struct stream_slot *three = answer(&g, NULL);
    answer(&g, "four");
    assert_false(stream_out_ready(&g.o));
    stream_out_fill(&g.o, one, "one", 3);
    assert_int_equal(stream_out_write(&g.o), 0);
    assert_read(&g, "\0\0\0\3one\0\0\0\3two", 14);
    assert_false(stream_out_ready(&g.o));
    stream_out_fill(&g.o, three, "three", 5);
    assert_int_equal(stream_out_write(&g.o), 0);
    assert_read(&g, "\0\0\0\5three\0\0\0\4four", 17);
    answer(&g, NULL);
    rig_close(&g);
}

/* Far more than the pipe holds: what is written then ends, and every byte comes when it is read. */
static void never_waits(int is_socket, size_t write_max)
{
    char *block = malloc(BIG);
    unsigned char got[5000];
    size_t n = 0;
    struct rig g;

    assert_non_null(block);
    rig_open(&g, is_socket, 0);
    if (write_max)
        g.o.write_max = write_max;
    assert_int_equal(fcntl(g.fds[1], F_GETFL) & O_NONBLOCK, 0); /* the host's is as it was */
    for (int i = 0; i < 5; i++) {
        memset(block, 'a' + i, BIG);
        stream_out_fill(&g.o, stream_out_open(&g.o), block, BIG);
    }
    while (n < 5 * (BIG + 4)) {
        assert_int_equal(stream_out_write(&g.o), 0);
        ssize_t got_n = read(g.fds[0], got, sizeof got);
        assert_true(got_n > 0);
        for (ssize_t i = 0; i < got_n; i++, n++) {
            size_t at = n % (BIG + 4);
            unsigned want = at < 4 ? (BIG >> (24 - 8 * at)) & 255 : 'a' + (unsigned)(n / (BIG + 4));
            if (got[i] != want)
                fail_msg("byte %zu is %u, not %u", n, got[i], want);
        }
    }
    assert_false(stream_out_ready(&g.o));
    rig_close(&g);
    free(block);
}

static void test_never_waits(void **state)
{
    never_waits(0, 0);
    never_waits(1, 0);
}

/* Where the pipe cannot be opened once more, PIPE_BUF bytes a time, after poll: here it can, and pieces are
 * small. */
static void test_small_pieces(void **state)
{
    never_waits(0, 4096);
}

static void test_a_reader_that_went_away(void **state)
{
    for (int is_socket = 0; is_socket < 2; is_socket++) {
        struct rig g;
        rig_open(&g, is_socket, 0);
        close(g.fds[0]);
        answer(&g, "one");
        assert_int_equal(stream_out_write(&g.o), ERR_CLOSED);
        assert_string_equal(g.o.failed.text,
                            "standard output: whoever read it has gone; 7 bytes of answers are not written");
        answer(&g, "two");
        assert_int_equal(stream_out_write(&g.o), ERR_CLOSED);
        stream_out_give_up(&g.o);
        assert_int_equal(g.o.bytes, 0);
        g.fds[0] = dup(g.fds[1]);
        rig_close(&g);
    }
}

static void test_a_full_disk(void **state)
{
    struct stream_out o;
    int fd = open("/dev/full", O_WRONLY);

    assert_true(fd >= 0);
    stream_out_init(&o, fd, 0);
    stream_out_fill(&o, stream_out_open(&o), "x", 1);
    assert_int_equal(stream_out_write(&o), ERR_IO);
    assert_non_null(strstr(o.failed.text, "standard output: cannot be written: No space"));
    stream_out_release(&o);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_of_finish), cmocka_unit_test(test_in_order_of_input),
        cmocka_unit_test(test_never_waits),        cmocka_unit_test(test_small_pieces),
        cmocka_unit_test(test_a_full_disk),        cmocka_unit_test(test_a_reader_that_went_away),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
