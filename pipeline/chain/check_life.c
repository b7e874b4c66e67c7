/* check_life: what a stage holds on to: configured and closed a thousand times, a thousand pages; see
 * check_inner.h. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/check_inner.h"

enum { ROUNDS = 1000, WARM = 100, FDS_LOOKED_AT = 4096, HEAP_A_ROUND = 8, PAGES = 1000 };
#define VIRTUAL_SLACK (2u << 20) /* the heap's own steps are smaller; a page mapped each time is more */

/* ---- what the process holds ---- */

static int stat_fd = -1;

void footprint_open(void)
{
    stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
}

/* Fields 20 (threads) and 23 (bytes of address space) of /proc/self/stat. */
static void stat_read(struct footprint *f)
{
    char text[1024], *at;
    ssize_t n = pread(stat_fd, text, sizeof text - 1, 0);
    unsigned long long v = 0;

    text[n > 0 ? n : 0] = 0;
    at = strrchr(text, ')');
    for (int field = 3; at && field <= 23; field++) {
        at = strchr(at + 1, ' ');
        if (at)
            v = strtoull(at + 1, NULL, 10);
        if (field == 20)
            f->threads = (unsigned)v;
        if (field == 23)
            f->virtual_bytes = v;
    }
}

/* What AddressSanitizer's malloc has given out, where there is one. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

void footprint_take(struct footprint *ret)
{
    *ret = (struct footprint){ 0 };
    stat_read(ret);
    for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
        ret->fds += fcntl(fd, F_GETFD) >= 0;
    if (__sanitizer_get_current_allocated_bytes) {
        ret->heap_bytes = __sanitizer_get_current_allocated_bytes();
    } else {
        struct mallinfo2 m = mallinfo2();
        ret->heap_bytes = m.uordblks + m.hblkhd;
    }
}

/* ---- reopen ---- */

static void grown_judge(const struct rig *r, const struct footprint *a, const struct footprint *b,
                        unsigned rounds, const char *what)
{
    if (b->fds > a->fds)
        check_fail(r->k, "%u times %s leave %u descriptors open", rounds, what, b->fds - a->fds);
    if (b->threads > a->threads)
        check_fail(r->k, "%u times %s leave %u threads running", rounds, what, b->threads - a->threads);
    if (b->heap_bytes > a->heap_bytes + (uint64_t)rounds * HEAP_A_ROUND)
        check_fail(r->k, "%u times %s leave %llu bytes of the heap allocated, %.1f a time", rounds, what,
                   (unsigned long long)(b->heap_bytes - a->heap_bytes),
                   (double)(b->heap_bytes - a->heap_bytes) / rounds);
    if (b->virtual_bytes > a->virtual_bytes + VIRTUAL_SLACK)
        check_fail(r->k, "%u times %s leave %llu bytes mapped", rounds, what,
                   (unsigned long long)(b->virtual_bytes - a->virtual_bytes));
}

void test_reopen(struct rig *r)
{
    struct footprint warm, end;

    for (int i = 0; i < ROUNDS; i++) {
        if (i == WARM)
            footprint_take(&warm);
        rig_close(r);
        if (rig_configure(r))
            check_fail(r->k, "configure() fails the %dth time: %.*s", i + 2, (int)r->stage->ctx->fail_n,
                       r->stage->ctx->fail_text);
    }
    footprint_take(&end);
    grown_judge(r, &warm, &end, ROUNDS - WARM, "close and configure");
    check_say(r->k, "%d times closed and configured, nothing left behind", ROUNDS);
}

/* ---- time, and what pages leave behind ---- */

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Sorts; those at 50, 90 and 99 of 100. */
static void percentiles(uint64_t *v, size_t n, uint64_t ret[3])
{
    qsort(v, n, sizeof *v, by_size);
    ret[0] = v[n / 2];
    ret[1] = v[n * 9 / 10];
    ret[2] = v[n * 99 / 100];
}

static void times_say(const struct rig *r, const struct check_times *t)
{
    check_say(r->k,
              "%llu pages at 50, 90, 99 of 100: %.1f, %.1f, %.1f us of CPU time; %.1f, %.1f, %.1f KiB of the "
              "page's "
              "arena; %.1f KiB of its own heap",
              (unsigned long long)t->pages, (double)t->ns[0] / 1e3, (double)t->ns[1] / 1e3,
              (double)t->ns[2] / 1e3, (double)t->arena[0] / 1024, (double)t->arena[1] / 1024,
              (double)t->arena[2] / 1024, (double)t->heap_bytes / 1024);
}

void test_time(struct rig *r)
{
    static uint64_t ns[PAGES], arena[PAGES];
    struct check_times *t = &r->k->board->result.times;
    struct footprint warm, end, closed;

    rig_pages(r);
    for (int i = 0; i < PAGES; i++) {
        if (i == WARM)
            footprint_take(&warm);
        rig_call(r, &r->pages[(size_t)i % r->n_pages]);
        ns[i] = r->call_ns;
        arena[i] = r->run.arena.used;
    }
    footprint_take(&end);
    grown_judge(r, &warm, &end, PAGES - WARM, "a page");
    rig_close(r);
    footprint_take(&closed);
    t->pages = PAGES;
    t->heap_bytes = end.heap_bytes > closed.heap_bytes ? end.heap_bytes - closed.heap_bytes : 0;
    percentiles(ns, PAGES, t->ns);
    percentiles(arena, PAGES, t->arena);
    times_say(r, t);
}
