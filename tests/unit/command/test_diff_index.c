/* Which record of OLD a record of NEW is compared with. */
#include "diff_fixture.h"

#include <unistd.h>

#include "command/diff/index.h"

#include "../effort.h"

static struct diff_store *store;
static struct diff_index *ix;
static struct buf found = BUF_INIT(1 << 20);

static int setup(void **state)
{
    store = diff_store_new();
    ix = diff_index_new(store);
    return 0;
}

static int teardown(void **state)
{
    diff_index_free(ix);
    diff_store_free(store);
    buf_release(&found);
    return 0;
}

static void add(const char *id, const char *url, const char *at, unsigned n)
{
    struct buf b = record_make(id, url, at, n);
    struct place p;
    struct err err = { 0 };

    assert_int_equal(diff_store_put(store, record_of_buf(&b), &p, &err), 0);
    assert_int_equal(diff_index_add(ix, record_of_buf(&b), &p, &err), 0);
    buf_release(&b);
}

/* The n of the record found; -1: none. */
static int take(const char *id, const char *url, const char *at)
{
    struct buf b = record_make(id, url, at, 0);
    struct err err = { 0 };
    struct place p;
    struct mp_value v;
    int rc = diff_index_take(ix, record_of_buf(&b), &found, &p, &err);

    buf_release(&b);
    assert_true(rc >= 0);
    if (!rc)
        return -1;
    assert_int_equal(record_get(found.data, found.len, "n", &v), 0);
    return (int)v.u.u;
}

static void test_a_record_is_not_found_by_its_url(void **state)
{
    add("1", "http://a/", NULL, 1);
    add("2", "http://b/", NULL, 2);
    diff_index_seal(ix);
    assert_int_equal(take("9", "http://b/", NULL), 2);
    assert_int_equal(take("1", "http://c/", NULL), -1); /* a URL beats an id */
    assert_int_equal(take("9", "http://a/", NULL), 1);
    assert_int_equal(take("9", "http://a/", NULL), -1); /* each once */
}

static void test_a_record_without_url_is_not_found_by_its_id(void **state)
{
    struct err err = { 0 };
    struct buf b = BUF_INIT(1000);
    struct place p;

    add("00ff", NULL, NULL, 1);
    add("http://a/", NULL, NULL, 2);
    add(NULL, NULL, NULL, 3);
    diff_index_seal(ix);
    assert_int_equal(take(NULL, "http://a/", NULL), -1); /* an id is no URL */
    assert_int_equal(take(NULL, NULL, NULL), -1);
    mp_map(&b, 1);
    mp_cstr(&b, "id");
    mp_bin(&b, "\0\xff", 2); /* the same id, as JSON has it */
    assert_int_equal(diff_index_take(ix, record_of_buf(&b), &found, &p, &err), 1);
    buf_release(&b);
}

static void test_captures_of_one_url_are_mixed_up(void **state)
{
    add(NULL, "u", "2026-01-03T00:00:00Z", 3);
    add(NULL, "u", "2026-01-01T00:00:00Z", 1);
    add(NULL, "u", "2026-01-02T00:00:00.000Z", 2);
    add(NULL, "u", NULL, 0);
    add(NULL, "other", "2026-01-02T00:00:00Z", 7);
    diff_index_seal(ix);
    assert_int_equal(take(NULL, "u", "2026-01-02T00:00:00Z"), 2); /* the same time */
    assert_int_equal(take(NULL, "u", "2026-05-05T00:00:00Z"), 0); /* another: the earliest left */
    assert_int_equal(take(NULL, "u", "2026-01-02T00:00:00Z"), 1);
    assert_int_equal(take(NULL, "u", NULL), 3);
    assert_int_equal(take(NULL, "u", NULL), -1);
    assert_int_equal(take(NULL, "other", NULL), 7);
}

static void test_what_is_left_is_wrong(void **state)
{
    struct place left[3];
    uint32_t n;
    char url[20];

    for (unsigned i = 0; i < 10; i++) {
        snprintf(url, sizeof url, "u%u", i);
        add(NULL, url, NULL, i);
    }
    diff_index_seal(ix);
    for (unsigned i = 0; i < 10; i += 2) {
        snprintf(url, sizeof url, "u%u", i);
        assert_int_equal(take(NULL, url, NULL), i);
    }
    assert_int_equal(diff_index_left(ix, left, 3, &n), 5);
    assert_int_equal(n, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct err err = { 0 };
        struct mp_value v;
        assert_int_equal(diff_store_get(store, &left[i], &found, &err), 0);
        assert_int_equal(record_get(found.data, found.len, "n", &v), 0);
        assert_int_equal(v.u.u, 2 * i + 1); /* in the order of OLD */
    }
}

/* A search through all that were taken would be n * n / 2 steps. */
static void test_many_captures_of_one_url_take_for_ever(void **state)
{
    unsigned n = effort(50000);

    for (unsigned i = 0; i < n; i++)
        add(NULL, "u", "2026-01-01T00:00:00Z", i);
    diff_index_seal(ix);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(take(NULL, "u", i & 1 ? "2026-01-01T00:00:00Z" : NULL), i);
    assert_int_equal(take(NULL, "u", NULL), -1);
    assert_true(diff_index_hops(ix) < 20ull * n);
}

static void test_a_file_that_changed_is_believed(void **state)
{
    char path[] = "/tmp/trommel-diff-test.XXXXXX";
    int fd = mkstemp(path);
    struct buf b = record_make("1", "u", NULL, 5);
    struct err err = { 0 };
    struct place at = { 3, (uint32_t)b.len, diff_store_file(store, path) };

    assert_int_equal(pwrite(fd, b.data, b.len, 3), b.len);
    assert_int_equal(diff_store_get(store, &at, &found, &err), 0);
    assert_memory_equal(found.data, b.data, b.len);
    assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, 3), 4);
    assert_int_equal(diff_store_get(store, &at, &found, &err), ERR_IO);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(ftruncate(fd, 4), 0);
    assert_int_equal(diff_store_get(store, &at, &found, &err), ERR_IO);
    assert_int_equal(diff_index_add(ix, record_of_buf(&b), &at, &err), 0);
    diff_index_seal(ix);
    assert_int_equal(diff_index_take(ix, record_of_buf(&b), &found, &at, &err), ERR_IO);
    assert_int_equal(diff_index_take(ix, record_of_buf(&b), &found, &at, &err), 0); /* said once */
    close(fd);
    unlink(path);
    buf_release(&b);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_record_is_not_found_by_its_url),
        CASE(test_a_record_without_url_is_not_found_by_its_id),
        CASE(test_captures_of_one_url_are_mixed_up),
        CASE(test_what_is_left_is_wrong),
        CASE(test_many_captures_of_one_url_take_for_ever),
        CASE(test_a_file_that_changed_is_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
