/* waited: see waited.h. */
#include "chain/waited.h"

#include <sys/resource.h>

#include "base/clock.h"

enum { SUSPECT_US = 1000, ATTENTION_PAGES = 64 };

static long switches_now(void)
{
    struct rusage use;

    return getrusage(RUSAGE_SELF, &use) ? 0 : use.ru_nvcsw;
}

void waited_begin(struct waited *w)
{
    w->is_counted = w->attention > 0;
    if (w->is_counted)
        w->switches = switches_now();
    w->wall_us = clock_mono_ns() / 1000;
}

uint64_t waited_end(struct waited *w, uint64_t cpu_us)
{
    uint64_t wall_us = clock_mono_ns() / 1000 - w->wall_us, beyond = wall_us > cpu_us ? wall_us - cpu_us : 0;

    w->attention -= w->attention > 0;
    if (beyond < SUSPECT_US)
        return 0;
    w->attention = ATTENTION_PAGES;
    return w->is_counted && switches_now() > w->switches ? beyond : 0;
}
