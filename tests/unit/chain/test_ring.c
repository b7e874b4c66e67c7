/* The memory that carries pages: places in it, and what a worker cannot do to it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "chain/ring.h"

enum { BYTES = 64 * 1024 };

static void places_overlap(void **state)
{
    struct ring r;
    struct ring_place held[LIMIT_WORKER_QUEUE];
    unsigned n = 0;
    uint64_t seed = 7;

    (void)state;
    assert_int_equal(page_ring_init(&r, BYTES), 0);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t size = (uint32_t)(seed >> 40) % 20000 + 1, off;
        if ((seed >> 33) % 3 && n < LIMIT_WORKER_QUEUE && !page_ring_take(&r, size, &off)) {
            assert_true(off % 64 == 0 && off + size <= BYTES);
            for (unsigned k = 0; k < n; k++)
                assert_true(off + size <= held[k].off || held[k].off + held[k].n <= off);
            held[n++] = (struct ring_place){ off, size };
        } else if (n) {
            unsigned k = (unsigned)(seed >> 50) % n;
            page_ring_give(&r, held[k].off);
            held[k] = held[--n];
        }
    }
    while (n)
        page_ring_give(&r, held[--n].off);
    uint32_t off;
    assert_int_equal(page_ring_take(&r, BYTES, &off), 0);
    assert_int_equal(off, 0);
    page_ring_release(&r);
    page_ring_release(&r);
    page_ring_release(NULL);
}

static void more_is_given_than_there_is(void **state)
{
    struct ring r;
    uint32_t off;

    (void)state;
    assert_int_equal(page_ring_init(&r, BYTES), 0);
    assert_int_equal(page_ring_take(&r, BYTES + 1, &off), ERR_FULL);
    assert_int_equal(page_ring_take(&r, SIZE_MAX, &off), ERR_FULL);
    for (unsigned i = 0; i < LIMIT_WORKER_QUEUE + LIMIT_WORKER_GUESTS; i++)
        assert_int_equal(page_ring_take(&r, 1, &off), 0);
    assert_int_equal(page_ring_take(&r, 1, &off), ERR_FULL);
    page_ring_release(&r);
}

static void a_worker_can_write_or_cut_it(void **state)
{
    struct ring r;
    void *map;
    int fd;

    (void)state;
    assert_int_equal(page_ring_init(&r, BYTES), 0);
    r.map[5] = 'x';
    map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, r.fd, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(((char *)map)[5], 'x');
    assert_int_not_equal(mprotect(map, BYTES, PROT_READ | PROT_WRITE), 0);
    assert_true(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, 0) == MAP_FAILED);
    assert_int_not_equal(ftruncate(r.fd, 0), 0);
    assert_int_equal(pwrite(r.fd, "y", 1, 5), -1);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", r.fd);
    fd = open(path, O_RDWR); /* even where it can be opened for writing, the seals hold */
    if (fd >= 0) {
        assert_int_not_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, "y", 1, 5), -1);
        assert_true(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
        close(fd);
    }
    assert_int_equal(r.map[5], 'x');
    munmap(map, BYTES);
    page_ring_release(&r);
}

static void a_crumb_can_be_cut(void **state)
{
    char *map;
    int fd;

    (void)state;
    map = shared_map("test", 4096, 0, &fd);
    assert_non_null(map);
    assert_int_not_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, "y", 1, 5), 1);
    assert_int_equal(map[5], 'y');
    munmap(map, 4096);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_overlap),
        cmocka_unit_test(more_is_given_than_there_is),
        cmocka_unit_test(a_worker_can_write_or_cut_it),
        cmocka_unit_test(a_crumb_can_be_cut),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
