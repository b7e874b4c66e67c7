/* The segment reader: whole files, torn tails, damage, hostile bytes. */
#include "tests/unit/deliver/sink_fixture.h"

#include <zstd.h>

static struct buf segment_of(int n, size_t bytes)
{
    struct buf all = BUF_INIT(64u << 20);

    for (int i = 0; i < n; i++) {
        struct buf r = record_of(i, bytes);
        unsigned char trailer[SEGMENT_TRAILER];
        uint8_t id[16];

        id_of(i, id);
        segment_trailer(r.data, r.len, id, trailer);
        buf_add(&all, r.data, r.len);
        buf_add(&all, trailer, sizeof trailer);
        buf_release(&r);
    }
    return all;
}

struct seen {
    int records, damage, torn, last;
    uint64_t torn_at, lost;
};

static struct seen read_all(const void *p, size_t n, int bare)
{
    FILE *f = tmpfile();
    struct segment_item item;
    struct seen seen = { .last = -1 };
    enum segment_event e;

    assert_int_equal(fwrite(p, 1, n, f), n);
    fflush(f);
    assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
    struct segment *s = segment_new(fileno(f), 0, bare);
    while ((e = segment_next(s, &item)) != SEGMENT_END) {
        assert_int_not_equal(e, SEGMENT_FAILED);
        if (e == SEGMENT_RECORD) {
            seen.records++;
            memcpy(&seen.last, item.id, sizeof seen.last);
        } else {
            seen.lost += item.lost;
            seen.damage += e == SEGMENT_DAMAGE;
            seen.torn += e == SEGMENT_TORN;
            if (e == SEGMENT_TORN)
                seen.torn_at = item.offset;
        }
    }
    segment_free(s);
    fclose(f);
    return seen;
}

static void test_a_whole_file_is_not_read_whole(void **state)
{
    struct buf b = segment_of(500, 1000);
    struct seen seen = read_all(b.data, b.len, 0);

    assert_int_equal(seen.records, 500);
    assert_int_equal(seen.last, 499);
    assert_int_equal(seen.damage + seen.torn, 0);
    buf_release(&b);
}

static void test_an_empty_file_is_more_than_nothing(void **state)
{
    struct seen seen = read_all("", 0, 0);

    assert_int_equal(seen.records + seen.damage + seen.torn, 0);
}

static void test_a_cut_at_any_byte_is_not_a_torn_tail(void **state)
{
    struct buf b = segment_of(3, 40);
    size_t one = b.len / 3;

    for (size_t n = 1; n < b.len; n++) {
        struct seen seen = read_all(b.data, n, 0);
        assert_int_equal(seen.records, n / one);
        assert_int_equal(seen.damage, 0);
        assert_int_equal(seen.torn, n % one != 0);
        if (seen.torn)
            assert_int_equal(seen.torn_at, n / one * one);
    }
    buf_release(&b);
}

static void test_any_wrong_byte_loses_more_than_its_record(void **state)
{
    struct buf b = segment_of(3, 40);
    size_t one = b.len / 3;

    for (size_t i = one; i < 2 * one; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b.data[i] ^= (unsigned char)(1 << bit);
            struct seen seen = read_all(b.data, b.len, 0);
            b.data[i] ^= (unsigned char)(1 << bit);
            assert_int_equal(seen.records, 2);
            assert_int_equal(seen.last, 2);
            assert_int_equal(seen.damage, 1);
            assert_int_equal(seen.torn, 0);
        }
    }
    buf_release(&b);
}

static void test_garbage_behind_the_last_record_is_not_torn(void **state)
{
    struct buf b = segment_of(2, 40);
    size_t whole = b.len;

    for (int i = 0; i < 5000; i++)
        buf_add_byte(&b, 0);
    struct seen seen = read_all(b.data, b.len, 0);
    assert_int_equal(seen.records, 2);
    assert_int_equal(seen.torn, 1);
    assert_int_equal(seen.torn_at, whole);
    assert_int_equal(seen.lost, 5000);
    buf_release(&b);
}

static void test_a_length_without_bounds_is_believed(void **state)
{
    static const unsigned char huge[] = { 0x81, 0xa1, 'x', 0xdb, 0xff, 0xff, 0xff, 0xff, 'y' };
    static const unsigned char many[] = { 0xdf, 0xff, 0xff, 0xff, 0xff, 0x01, 0x02 };
    unsigned char *deep = malloc(1 << 20);

    assert_int_equal(segment_object(huge, sizeof huge), -1);
    assert_int_equal(segment_object(many, sizeof many), -1);
    memset(deep, 0x91, 1 << 20); /* arrays in arrays: no recursion */
    assert_int_equal(segment_object(deep, 1 << 20), 0);
    deep[(1 << 20) - 1] = 0xc0;
    assert_int_equal(segment_object(deep, 1 << 20), 1 << 20);
    struct seen seen = read_all(deep, 1 << 20, 1);
    assert_int_equal(seen.records, 0);
    free(deep);
}

static void test_every_type_has_another_length_than_msgpack_says(void **state)
{
    static const struct { unsigned char head[6]; size_t n;
    } rows[] = {
        { { 0x00 }, 1 },    { { 0x7f }, 1 },       { { 0xff }, 1 },
        { { 0xc0 }, 1 },    { { 0xc2 }, 1 },       { { 0xa3 }, 4 },
        { { 0xc4, 3 }, 5 }, { { 0xc5, 0, 3 }, 6 }, { { 0xc6, 0, 0, 0, 3 }, 8 },
        { { 0xc7, 2 }, 5 }, { { 0xc8, 0, 2 }, 6 }, { { 0xc9, 0, 0, 0, 2 }, 8 },
        { { 0xca }, 5 },    { { 0xcb }, 9 },       { { 0xcc }, 2 },
        { { 0xcd }, 3 },    { { 0xce }, 5 },       { { 0xcf }, 9 },
        { { 0xd0 }, 2 },    { { 0xd1 }, 3 },       { { 0xd2 }, 5 },
        { { 0xd3 }, 9 },    { { 0xd4 }, 3 },       { { 0xd5 }, 4 },
        { { 0xd6 }, 6 },    { { 0xd7 }, 10 },      { { 0xd8 }, 18 },
        { { 0xd9, 2 }, 4 }, { { 0xda, 0, 2 }, 5 }, { { 0xdb, 0, 0, 0, 2 }, 7 },
        { { 0x92 }, 3 },    { { 0xdc, 0, 2 }, 5 }, { { 0xdd, 0, 0, 0, 2 }, 7 },
        { { 0x82 }, 5 },    { { 0xde, 0, 1 }, 5 }, { { 0xdf, 0, 0, 0, 1 }, 7 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char p[40] = { 0 };
        memcpy(p, rows[i].head, sizeof rows[i].head);
        assert_int_equal(segment_object(p, sizeof p), rows[i].n);
        assert_int_equal(segment_object(p, rows[i].n - 1), 0);
    }
    assert_int_equal(segment_object((const unsigned char *)"\xc1", 1), -1);
}

static void test_a_bare_file_is_refused(void **state)
{
    struct buf all = BUF_INIT(1 << 20);

    for (int i = 0; i < 3; i++) {
        struct buf r = record_of(i, 100);
        buf_add(&all, r.data, r.len);
        buf_release(&r);
        struct seen seen = read_all(all.data, all.len, 1);
        assert_int_equal(seen.records, i + 1);
        assert_int_equal(seen.damage + seen.torn, 0);
        assert_int_equal(read_all(all.data, all.len, 0).records, 0);
    }
    assert_int_equal(read_all(all.data, all.len - 1, 1).records, 2);
    buf_release(&all);
}

/* Three frames of two records each. */
static struct buf frames_of(size_t ends[4])
{
    struct buf all = BUF_INIT(1 << 20), plain = segment_of(6, 300);
    size_t third = plain.len / 3;

    ends[0] = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t n = ZSTD_compressBound(third);
        all.len += ZSTD_compress(buf_room(&all, n), n, plain.data + i * third, third, 3);
        ends[i + 1] = all.len;
    }
    buf_release(&plain);
    return all;
}

static void test_a_frame_cut_at_any_byte_is_not_torn_at_its_start(void **state)
{
    size_t ends[4];
    struct buf b = frames_of(ends);

    assert_int_equal(read_all(b.data, b.len, 0).records, 6);
    for (size_t n = ends[2] + 1; n < b.len; n++) {
        struct seen seen = read_all(b.data, n, 0);
        assert_int_equal(seen.torn, 1);
        assert_int_equal(seen.torn_at, ends[2]);
        assert_in_range(seen.records, 4, 6);
    }
    buf_release(&b);
}

static void test_a_damaged_frame_takes_others_with_it(void **state)
{
    size_t ends[4];
    struct buf b = frames_of(ends);

    for (size_t i = ends[1]; i < ends[2]; i++) {
        b.data[i] ^= 0x55;
        struct seen seen = read_all(b.data, b.len, 0);
        b.data[i] ^= 0x55;
        assert_int_equal(seen.last, 5);
        assert_in_range(seen.records, 4, 6);
    }
    buf_release(&b);
}

static void test_a_frame_larger_than_the_window_is_not_read(void **state)
{
    struct buf plain = segment_of(40, 900000), z = BUF_INIT(64u << 20);
    size_t n = ZSTD_compressBound(plain.len);

    z.len = ZSTD_compress(buf_room(&z, n), n, plain.data, plain.len, 1);
    struct seen seen = read_all(z.data, z.len, 0);
    assert_int_equal(seen.records, 40);
    assert_int_equal(seen.damage + seen.torn, 0);
    buf_release(&plain);
    buf_release(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_file_is_not_read_whole),
        cmocka_unit_test(test_an_empty_file_is_more_than_nothing),
        cmocka_unit_test(test_a_cut_at_any_byte_is_not_a_torn_tail),
        cmocka_unit_test(test_any_wrong_byte_loses_more_than_its_record),
        cmocka_unit_test(test_garbage_behind_the_last_record_is_not_torn),
        cmocka_unit_test(test_a_length_without_bounds_is_believed),
        cmocka_unit_test(test_every_type_has_another_length_than_msgpack_says),
        cmocka_unit_test(test_a_bare_file_is_refused),
        cmocka_unit_test(test_a_frame_cut_at_any_byte_is_not_torn_at_its_start),
        cmocka_unit_test(test_a_damaged_frame_takes_others_with_it),
        cmocka_unit_test(test_a_frame_larger_than_the_window_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
