/* Which dead letters count: the last one of each page that is not settled; also when `settled` is torn. */
#include "tests/unit/deliver/sink_fixture.h"

#include "base/err.h"
#include "command/letters.h"
#include "command/segments.h"

static char *dir;

static int setup(void **state)
{
    dir = folder_new();
    return 0;
}

static int teardown(void **state)
{
    folder_free(dir);
    return 0;
}

/* A segment with the letters of these pages, -1 at the end. */
static void segment_write(const char *name, const int *pages)
{
    unsigned char trailer[SEGMENT_TRAILER];
    struct buf all = BUF_INIT(1 << 20);
    uint8_t id[16];

    for (; *pages >= 0; pages++) {
        struct buf r = record_of(*pages, 10);
        id_of(*pages, id);
        segment_trailer(r.data, r.len, id, trailer);
        buf_add(&all, r.data, r.len);
        buf_add(&all, trailer, sizeof trailer);
        buf_release(&r);
    }
    file_write(in(dir, name), all.data, all.len);
    buf_release(&all);
}

static struct letters *letters_of(void)
{
    struct letters *l;
    struct err err = { 0 };

    if (letters_open(dir, &l, &err) < 0)
        fail_msg("%s", err.text);
    return l;
}

/* The places, from 0, of the letters that count, as text. */
static const char *counting(void)
{
    struct letters *l = letters_of();
    struct segments *s = segments_open(dir);
    struct segment_item it;
    static char text[200];
    size_t n = 0;

    assert_non_null(s);
    text[0] = 0;
    for (int at = 0; segments_next(s, &it) == SEGMENT_RECORD; at++)
        if (letters_count(l, it.id))
            n += (size_t)snprintf(text + n, sizeof text - n, "%d ", at);
    segments_close(s);
    letters_close(l);
    return text;
}

static void settle(int page)
{
    struct letters *l = letters_of();
    uint8_t id[16];

    id_of(page, id);
    assert_int_equal(letters_settle(l, id), 0);
    assert_true(letters_is_settled(l, id));
    letters_close(l);
}

static void an_older_letter_counts(void **state)
{
    struct letters *l;

    segment_write("records-000001.msgpack", (const int[]){ 1, 2, 3, 1, -1 });
    segment_write("records-000002.msgpack.open", (const int[]){ 2, 4, 2, -1 });
    assert_string_equal(counting(), "2 3 5 6 ");
    l = letters_of();
    assert_int_equal(letters_pages(l), 4);
    letters_close(l);
}

static void a_settled_letter_counts(void **state)
{
    struct letters *l;
    uint8_t id[16];

    segment_write("records-000001.msgpack", (const int[]){ 1, 2, 3, 1, -1 });
    settle(1);
    assert_string_equal(counting(), "1 2 ");
    settle(3);
    settle(3);
    assert_string_equal(counting(), "1 ");
    l = letters_of();
    assert_int_equal(letters_pages(l), 1);
    id_of(2, id);
    assert_false(letters_is_settled(l, id));
    id_of(77, id); /* came while it is read */
    assert_true(letters_count(l, id));
    letters_close(l);
}

/* What a crash leaves of an entry counts for nothing, and what is written behind it counts. */
static void a_torn_entry_hides_the_next(void **state)
{
    static const unsigned char junk[20] = "an entry, but none";

    segment_write("records-000001.msgpack", (const int[]){ 1, 2, 3, -1 });
    settle(1);
    struct stat st;
    assert_int_equal(stat(in(dir, "settled"), &st), 0);
    assert_int_equal(st.st_size, 20);
    FILE *f = fopen(in(dir, "settled"), "a");
    assert_non_null(f);
    assert_int_equal(fwrite(junk, 1, 20, f), 20);
    assert_int_equal(fwrite(junk, 1, 13, f), 13);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(counting(), "1 2 ");
    settle(2);
    assert_string_equal(counting(), "2 ");
}

static void many_pages_are_mixed_up(void **state)
{
    int pages[3001];
    struct letters *l;

    for (int i = 0; i < 3000; i++)
        pages[i] = i % 2000;
    pages[3000] = -1;
    segment_write("records-000001.msgpack", pages);
    l = letters_of();
    assert_int_equal(letters_pages(l), 2000);
    for (int i = 0; i < 3000; i++) {
        uint8_t id[16];
        id_of(pages[i], id);
        assert_int_equal(letters_count(l, id), i >= 1000);
    }
    letters_close(l);
}

static void a_folder_that_is_not_there_is_read(void **state)
{
    struct letters *l;
    struct err err = { 0 };

    assert_int_equal(letters_open(in(dir, "nowhere"), &l, &err), ERR_IO);
    assert_non_null(strstr(err.text, "nowhere"));
    assert_null(l);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_older_letter_counts),
        T(a_settled_letter_counts),
        T(a_torn_entry_hides_the_next),
        T(many_pages_are_mixed_up),
        T(a_folder_that_is_not_there_is_read),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
