/* The file sink through its contract: crashes at every byte, rotation, full disks, two writers. */
#include "tests/unit/deliver/sink_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#define SO "sink/file.so"

static int setup(void **state)
{
    *state = folder_new();
    return 0;
}

static int teardown(void **state)
{
    folder_free(*state);
    return 0;
}

/* Opens, puts records from..to-1 and waits for their acknowledgements. */
static void write_records(struct host *h, const char *dir, const char *options, int from, int to,
                          size_t bytes)
{
    if (host_open(h, SO, dir, options) != TROMMEL_OK)
        fail_msg("%s", h->fail);
    for (int i = from; i < to; i++)
        while (host_put(h, i, bytes) == 0) { /* full: let it write */
            struct pollfd p = { .fd = h->sink->fd(h->self), .events = POLLIN };
            poll(&p, 1, 5);
            h->sink->poll(h->self);
        }
    h->sink->flush(h->self);
    host_wait(h, to - from);
    assert_int_equal(h->done, to - from);
}

/* The same in a process that then dies without a word; commits the first `committed`. */
static void crash(const char *dir, const char *options, int from, int to, size_t bytes, int committed)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct host h;
        write_records(&h, dir, options, from, to, bytes);
        host_commit(&h, from, from + committed);
        h.sink->poll(h.self);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_a_record_is_not_written_once_and_acknowledged_once(void **state)
{
    struct host h;

    write_records(&h, *state, NULL, 0, 100, 500);
    assert_int_equal(folder_count(*state, ".open"), 1);
    host_close(&h);
    assert_int_equal(folder_count(*state, ".open"), 0);
    assert_int_equal(folder_count(*state, "000001.msgpack"), 1);
    assert_each_once(*state, 100);
}

static void test_what_is_put_at_close_is_lost(void **state)
{
    struct host h;

    assert_int_equal(host_open(&h, SO, *state, "linger_ms=60000"), TROMMEL_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(host_put(&h, i, 10), 1);
    host_close(&h);
    assert_int_equal(h.done, 10);
    assert_each_once(*state, 10);
}

static void test_nothing_put_leaves_a_segment(void **state)
{
    struct host h;

    assert_int_equal(host_open(&h, SO, *state, NULL), TROMMEL_OK);
    host_close(&h);
    assert_int_equal(folder_count(*state, ""), 0);
}

/* Whatever the last byte of the file is when the machine stops: nothing twice, nothing missing. */
static void cut_everywhere(const char *dir, const char *options, const char *name)
{
    unsigned char *bytes;
    struct host h;

    crash(dir, options, 0, 3, 30, 0);
    size_t n = file_read(in(dir, name), &bytes);
    for (size_t cut = 0; cut <= n; cut++) {
        char *again = folder_new();
        file_write(in(again, name), bytes, cut);
        write_records(&h, again, options, 0, 3, 30);
        if (cut > 0 && cut < n && n % cut && !strstr(h.logged, "cut off") && cut != n / 3 &&
            cut != 2 * (n / 3))
            fail_msg("cut at %zu of %zu and nothing said", cut, n);
        host_close(&h);
        assert_each_once(again, 3);
        folder_free(again);
    }
    free(bytes);
}

static void test_a_tail_torn_at_any_byte_gives_a_record_twice_or_never(void **state)
{
    cut_everywhere(*state, "sync=none&linger_ms=0&batch_bytes=1", "records-000001.msgpack.open");
}

static void test_a_frame_torn_at_any_byte_gives_a_record_twice_or_never(void **state)
{
    cut_everywhere(*state, "sync=none&compress=zstd", "records-000001.msgpack.zst.open");
}

static void test_a_crash_before_the_commit_writes_again(void **state)
{
    struct host h;

    crash(*state, NULL, 0, 50, 100, 0);
    write_records(&h, *state, NULL, 0, 60, 100);
    host_close(&h);
    assert_each_once(*state, 60);
}

static void test_rotation_forgets_what_is_not_committed(void **state)
{
    const char *options = "sync=none&rotate_bytes=2000&batch_bytes=1";
    struct host h;

    crash(*state, options, 0, 50, 300, 20);
    assert_true(folder_count(*state, ".msgpack") > 3);
    write_records(&h, *state, options, 20, 60, 300);
    host_close(&h);
    assert_each_once(*state, 60);
}

static void test_many_crashes_in_a_row_lose_or_repeat_one(void **state)
{
    const char *options[] = { "sync=none&rotate_bytes=3000", "sync=none&compress=zstd&rotate_bytes=1500",
                              "sync=none" };
    struct host h;

    for (int run = 0; run < 12; run++) /* each puts again five that the last one wrote */
        crash(*state, options[run % 3], run ? run * 10 - 5 : 0, run * 10 + 10, 200, 7);
    write_records(&h, *state, NULL, 0, 120, 200);
    host_close(&h);
    int count[HOST_ACKS];
    folder_records(*state, count, 120);
    /* those committed may be written again, for this host broke its word; the others not */
    for (int run = 0; run < 12; run++)
        for (int i = run * 10 + 7; i < run * 10 + 10; i++)
            assert_int_equal(count[i], 1);
}

static void test_a_clean_end_forgets_what_is_not_committed(void **state)
{
    struct host h;

    write_records(&h, *state, NULL, 0, 30, 100);
    host_commit(&h, 0, 10);
    host_close(&h);
    write_records(&h, *state, NULL, 10, 40, 100);
    host_close(&h);
    assert_each_once(*state, 40);
}

static void test_recovery_reads_what_lies_before_the_checkpoint(void **state)
{
    struct host h;
    unsigned char *bytes;

    write_records(&h, *state, NULL, 0, 30, 100);
    host_commit(&h, 0, 30);
    host_close(&h);
    size_t n = file_read(in(*state, "records-000001.msgpack"), &bytes);
    bytes[n / 2] ^= 1;
    file_write(in(*state, "records-000001.msgpack"), bytes, n);
    assert_int_equal(host_open(&h, SO, *state, NULL), TROMMEL_OK);
    assert_string_equal(h.logged, "");
    host_close(&h);
    /* without it everything is read, and the damage is said */
    file_write(in(*state, ".checkpoint"), "TRMCKPT1 and no more", 20);
    assert_int_equal(host_open(&h, SO, *state, NULL), TROMMEL_OK);
    assert_non_null(strstr(h.logged, "records-000001.msgpack: at byte "));
    host_close(&h);
    free(bytes);
}

static void test_damage_in_the_middle_cuts_what_follows(void **state)
{
    const char *name = "records-000001.msgpack.open";
    struct host h;
    unsigned char *bytes;
    int fd, records = 0, damage = 0;

    crash(*state, "sync=none", 0, 30, 100, 0);
    size_t n = file_read(in(*state, name), &bytes);
    bytes[n / 2] ^= 1;
    file_write(in(*state, name), bytes, n);
    free(bytes);
    unlink(in(*state, ".checkpoint"));
    write_records(&h, *state, NULL, 30, 31, 100);
    host_close(&h);
    fd = open(in(*state, "records-000001.msgpack"), O_RDONLY);
    struct segment *s = segment_new(fd, 0, 0);
    struct segment_item item;
    for (enum segment_event e; (e = segment_next(s, &item)) != SEGMENT_END;) {
        records += e == SEGMENT_RECORD;
        damage += e == SEGMENT_DAMAGE;
    }
    segment_free(s);
    close(fd);
    assert_int_equal(records, 30);
    assert_int_equal(damage, 1);
}

static void test_the_same_id_twice_in_a_batch_is_written_twice(void **state)
{
    struct host h;

    assert_int_equal(host_open(&h, SO, *state, "linger_ms=60000"), TROMMEL_OK);
    assert_int_equal(host_put(&h, 0, 10) + host_put(&h, 0, 10) + host_put(&h, 1, 10), 3);
    h.sink->flush(h.self);
    host_wait(&h, 3);
    assert_int_equal(host_put(&h, 0, 20), 1);
    assert_int_equal(h.done, 4);
    host_close(&h);
    assert_each_once(*state, 2);
}

static void test_a_second_writer_gets_in(void **state)
{
    struct host a, b;

    assert_int_equal(host_open(&a, SO, *state, NULL), TROMMEL_OK);
    assert_int_equal(host_open(&b, SO, *state, NULL), TROMMEL_E_FAIL);
    assert_non_null(strstr(b.fail, "another job writes there (process "));
    host_close(&a);
    assert_int_equal(host_open(&b, SO, *state, NULL), TROMMEL_OK);
    host_close(&b);
}

static void test_age_does_not_rotate(void **state)
{
    struct host h;

    write_records(&h, *state, "rotate_seconds=60", 0, 1, 10);
    h.sink->poll(h.self);
    assert_int_equal(folder_count(*state, ".msgpack"), 0);
    h.ahead_ns = UINT64_C(61000000000);
    for (int i = 0; i < 2000 && !folder_count(*state, ".msgpack"); i++) {
        h.sink->poll(h.self);
        poll(NULL, 0, 5);
    }
    assert_int_equal(folder_count(*state, ".msgpack"), 1);
    assert_int_equal(host_put(&h, 1, 10), 1);
    host_close(&h);
    assert_int_equal(folder_count(*state, ".msgpack"), 2);
    assert_each_once(*state, 2);
}

static void test_another_compression_breaks_the_old_segment(void **state)
{
    struct host h;

    crash(*state, "sync=none", 0, 5, 100, 0);
    crash(*state, "sync=none&compress=zstd", 3, 8, 100, 0);
    write_records(&h, *state, NULL, 6, 10, 100);
    host_close(&h);
    assert_int_equal(folder_count(*state, "000001.msgpack"), 1);
    assert_int_equal(folder_count(*state, "000002.msgpack.zst"), 1);
    assert_int_equal(folder_count(*state, "000003.msgpack"), 1);
    assert_each_once(*state, 10);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit r = { bytes, RLIM_INFINITY };

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void test_no_room_leaves_half_a_record_or_never_ends(void **state)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct host h;
        if (host_open(&h, SO, *state, "batch_bytes=1&sync=none") != TROMMEL_OK)
            _exit(1);
        host_put(&h, 0, 3000);
        h.sink->flush(h.self);
        host_wait(&h, 1);
        limit_files(5000);
        host_put(&h, 1, 3000); /* the first 2 KB of it fit */
        h.sink->flush(h.self);
        host_wait(&h, 2);
        struct stat st;
        if (h.agained != 1 ||
            !strstr(h.again, "records-000001.msgpack.open: cannot write (File too large); raise"))
            _exit(2);
        if (stat(in(*state, "records-000001.msgpack.open"), &st) != 0 || st.st_size > 3200)
            _exit(3);
        limit_files(RLIM_INFINITY);
        host_put(&h, 1, 3000);
        h.sink->flush(h.self);
        host_wait(&h, 3);
        host_close(&h);
        _exit(h.done == 2 ? 0 : 4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_each_once(*state, 2);
}

static void test_a_folder_that_cannot_be_is_not_named(void **state)
{
    struct host h;

    file_write(in(*state, "file"), "x", 1);
    assert_int_equal(host_open(&h, SO, in(*state, "file"), NULL), TROMMEL_E_FAIL);
    assert_non_null(strstr(h.fail, "/file: "));
    assert_int_equal(host_open(&h, SO, in(*state, "file/below"), NULL), TROMMEL_E_FAIL);
    assert_non_null(strstr(h.fail, "cannot make the folder"));
    assert_int_equal(host_open(&h, SO, "", NULL), TROMMEL_E_FAIL);
    assert_non_null(strstr(h.fail, "no folder is named"));
}

static void test_a_slow_disk_fills_memory(void **state)
{
    struct host h;
    int put = 0;

    assert_int_equal(host_open(&h, SO, *state, "batch_bytes=10000&linger_ms=60000"), TROMMEL_OK);
    while (put < 1000) { /* without poll() only what waits is held */
        int32_t took = host_put(&h, put, 1000);
        assert_in_range(took, 0, 1);
        if (!took)
            break;
        put++;
    }
    assert_in_range(put, 40, 999);
    h.sink->flush(h.self);
    h.ahead_ns = UINT64_C(100000000000);
    host_wait(&h, put);
    assert_int_equal(host_put(&h, put, 1000), 1);
    host_close(&h);
    assert_each_once(*state, put + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_record_is_not_written_once_and_acknowledged_once),
        T(test_what_is_put_at_close_is_lost),
        T(test_nothing_put_leaves_a_segment),
        T(test_a_tail_torn_at_any_byte_gives_a_record_twice_or_never),
        T(test_a_frame_torn_at_any_byte_gives_a_record_twice_or_never),
        T(test_a_crash_before_the_commit_writes_again),
        T(test_rotation_forgets_what_is_not_committed),
        T(test_many_crashes_in_a_row_lose_or_repeat_one),
        T(test_a_clean_end_forgets_what_is_not_committed),
        T(test_recovery_reads_what_lies_before_the_checkpoint),
        T(test_damage_in_the_middle_cuts_what_follows),
        T(test_the_same_id_twice_in_a_batch_is_written_twice),
        T(test_a_second_writer_gets_in),
        T(test_age_does_not_rotate),
        T(test_another_compression_breaks_the_old_segment),
        T(test_no_room_leaves_half_a_record_or_never_ends),
        T(test_a_folder_that_cannot_be_is_not_named),
        T(test_a_slow_disk_fills_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
