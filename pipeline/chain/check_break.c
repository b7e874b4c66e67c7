/* check_break: every call that may fail fails, alone and with all that follow it, and the arena is spent at
 * every allocation; see check_inner.h.
 *
 * After each such page an ordinary one must give what it always gave: a failed page must not spoil the next.
 */
#include <stdio.h>
#include <string.h>

#include "chain/check_inner.h"

struct breaking {
    uint64_t done, of;
};

/* Breaks calls of one page; `total`: how many there are of that kind when none is broken. */
static void page_break(struct rig *r, struct rig_page *pg, enum fault_mode mode, uint64_t total,
                       struct breaking *b)
{
    b->of += total;
    for (uint64_t n = 1; n <= total; n = fault_next(r->k, n)) {
        fault.mode = mode;
        fault.at = n;
        rig_call(r, pg);
        b->done++;
        fault.mode = FAULT_COUNT;
        rig_again(r, pg, "after a page on which a call had failed");
    }
}

static void break_all(struct rig *r, enum fault_mode mode, struct breaking *b)
{
    for (size_t i = 0; i < r->n_pages; i++) {
        rig_again(r, &r->pages[i], "the second time");
        page_break(r, &r->pages[i], mode, mode == FAULT_ARENA ? fault.allocs : fault.calls, b);
    }
}

/* Breaks calls of configure(), which may succeed or fail; then it must run, or be configured again. */
static void configure_break(struct rig *r, struct breaking *b)
{
    uint64_t calls;

    rig_close(r);
    fault_reset(0);
    rig_configure(r);
    calls = fault.calls;
    for (uint64_t n = 1; n <= calls; n = fault_next(r->k, n)) {
        rig_close(r);
        fault_reset(0);
        fault.mode = FAULT_ONE;
        fault.at = n;
        if (!rig_configure(r)) {
            fault.mode = FAULT_COUNT;
            rig_call(r, &r->pages[0]);
        }
        fault.mode = FAULT_COUNT;
        b->done++;
    }
    b->of += calls;
    rig_close(r);
    if (rig_configure(r))
        check_fail(r->k, "it cannot be configured after a configure() in which a call had failed");
    rig_again(r, &r->pages[0], "after a configure() in which a call had failed");
}

static void say_done(const struct rig *r, const struct breaking *b, const char *what)
{
    if (!b->of)
        check_say(r->k, "it makes no such calls");
    else if (b->done == b->of)
        check_say(r->k, "%llu %s on %zu pages", (unsigned long long)b->done, what, r->n_pages);
    else
        check_say(r->k, "%llu of %llu %s on %zu pages (--thorough does all)", (unsigned long long)b->done,
                  (unsigned long long)b->of, what, r->n_pages);
}

void test_fault(struct rig *r)
{
    struct breaking b = { 0 };

    rig_pages(r);
    configure_break(r, &b);
    break_all(r, FAULT_ONE, &b);
    break_all(r, FAULT_FROM, &b);
    say_done(r, &b, "calls failed, alone or with all that follow,");
}

void test_arena(struct rig *r)
{
    struct breaking b = { 0 };

    rig_pages(r);
    break_all(r, FAULT_ARENA, &b);
    say_done(r, &b, "allocations from which on the arena was spent,");
}
