/* revisit: what was added is found, by any key, over a restart; a torn journal keeps its whole entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/frontier/folder.h"
#include "warc/revisit.h"

enum { ENTRIES = 3000 };

static char *dir;
static char path[300];

static int setup(void **state)
{
    dir = folder_new();
    snprintf(path, sizeof path, "%s/journal", dir);
    return 0;
}

static int teardown(void **state)
{
    folder_remove(dir);
    return 0;
}

static struct revisit *opened(void)
{
    struct revisit *r = NULL;
    struct err err = { 0 };

    assert_int_equal(revisit_open(path, &r, &err), 0);
    return r;
}

static void key_of(unsigned i, uint8_t ret[DIGEST_BYTES])
{
    digest_of(&i, sizeof i, ret);
}

static void add(struct revisit *r, unsigned i)
{
    uint8_t key[DIGEST_BYTES];
    char url[100];
    struct warc_refers c = { .date_ms = 1000000000000 + i };

    key_of(i, key);
    memset(c.uuid, (int)i, sizeof c.uuid);
    memset(c.digest, (int)i + 1, sizeof c.digest);
    c.url = (trommel_str){ url, (size_t)snprintf(url, sizeof url, "http://h/%u", i) };
    revisit_add(r, key, &c);
}

/* Is number i there, whole? */
static int found(struct revisit *r, unsigned i)
{
    struct revisit_found f;
    uint8_t key[DIGEST_BYTES];
    char url[100];

    key_of(i, key);
    if (!revisit_find(r, key, &f))
        return 0;
    int n = snprintf(url, sizeof url, "http://h/%u", i);
    assert_int_equal(f.refers.date_ms, 1000000000000 + i);
    assert_int_equal(f.refers.uuid[15], i & 0xff);
    assert_int_equal(f.refers.digest[0], (i + 1) & 0xff);
    assert_int_equal(f.refers.url.n, n);
    assert_memory_equal(f.refers.url.p, url, n);
    return 1;
}

static void added_is_found(void **state)
{
    struct revisit *r = opened();

    for (unsigned i = 0; i < ENTRIES; i++) {
        add(r, i);
        assert_true(found(r, i)); /* before it is written as well */
        if (i % 7 == 0)
            assert_int_equal(revisit_sync(r), 0);
    }
    assert_false(found(r, ENTRIES));
    assert_int_equal(revisit_sync(r), 0);
    add(r, 5); /* known */
    assert_int_equal(revisit_count(r), ENTRIES);
    revisit_close(r);
    r = opened();
    assert_int_equal(revisit_count(r), ENTRIES);
    for (unsigned i = 0; i < ENTRIES; i++)
        assert_true(found(r, i));
    revisit_close(r);
}

static void unwritten_is_forgotten(void **state)
{
    struct revisit *r = opened();

    add(r, 1);
    revisit_close(r);
    r = opened();
    assert_false(found(r, 1));
    revisit_close(r);
}

static void torn(void **state)
{
    struct revisit *r = opened();
    struct stat st;

    for (unsigned i = 0; i < 3; i++)
        add(r, i);
    assert_int_equal(revisit_sync(r), 0);
    revisit_close(r);
    assert_int_equal(stat(path, &st), 0);
    size_t one = ((size_t)st.st_size - 8) / 3;
    for (off_t size = st.st_size - 1; size > st.st_size - (off_t)one; size -= 7) {
        assert_int_equal(truncate(path, size), 0);
        r = opened();
        assert_int_equal(revisit_count(r), 2);
        assert_true(found(r, 0) && found(r, 1));
        add(r, 7); /* goes behind the last whole one */
        assert_int_equal(revisit_sync(r), 0);
        revisit_close(r);
        r = opened();
        assert_int_equal(revisit_count(r), 3);
        assert_true(found(r, 7));
        revisit_close(r);
    }
}

static void foreign(void **state)
{
    struct revisit *r = NULL;
    struct err err = { 0 };
    FILE *f = fopen(path, "w");

    fputs("something else", f);
    fclose(f);
    assert_int_equal(revisit_open(path, &r, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "move it away"));
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(added_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(unwritten_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(torn, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign, setup, teardown),
    };

    return cmocka_run_group_tests_name("revisit", tests, NULL, NULL);
}
