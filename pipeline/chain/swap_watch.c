/* swap_watch: is the live generation worse than the one before it?  See swap_own.h.
 *
 * Rates are counted since it is live, and compared with a window of what the old one did last.
 *
 *     crashes   deaths of workers; at once, when there are crashes_max more than the old one's rate would
 *               give.  Pages that kill the old generation as well are not the new one's fault
 *     errors    quarantined pages and those that fell to the old one; from PAGES_LEAST pages on, when the
 *               share is larger by worse_errors and by three standard errors
 *     time      CPU time a page, from PAGES_LEAST pages of both on, above TIME_FLOOR_US in all; the same
 *               with what a page waited, above WAIT_FLOOR_US a page: what answers soon is no harm
 *
 * Over when its pages and its time are over; or after WAIT_FACTOR times its time, when pages do not come.
 * After that only one thing is looked at: a generation that keeps crashing, LATE_CRASHES deaths and one page
 * in LATE_SHARE within a window. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/swap_own.h"

enum {
    PAGES_LEAST = 50,
    TIME_FLOOR_US = 100000, /* workers are cold at first */
    WAIT_FLOOR_US = 20000,
    WAIT_FACTOR = 10,
    WINDOW_PAGES = 250, /* a window is once to twice as long */
    LATE_CRASHES = 10,
    LATE_SHARE = 20,
    WHY_MAX = 400,
};

struct swap_rates swap_rates_of(const struct swap *s, const struct swap_gen *g)
{
    struct pool_gen_stats st;

    if (pool_gen_stats(s->opt.pool, g->id, &st))
        return (struct swap_rates){ 0 };
    return (struct swap_rates){ st.pages + st.fallbacks, st.errors + st.fallbacks, st.crashes, st.cpu_us,
                                st.wait_us };
}

struct swap_rates swap_rates_since(struct swap_rates now, struct swap_rates then)
{
    return (struct swap_rates){ now.pages - then.pages, now.errors - then.errors, now.crashes - then.crashes,
                                now.cpu_us - then.cpu_us, now.wait_us - then.wait_us };
}

struct swap_rates swap_rates_lately(const struct swap *s, const struct swap_gen *g)
{
    struct swap_rates r = swap_rates_since(swap_rates_of(s, g), g->mark[0]);

    if (r.pages < WINDOW_PAGES) { /* new itself: what was before it counts, too */
        r.pages += g->before.pages;
        r.errors += g->before.errors;
        r.crashes += g->before.crashes;
        r.cpu_us += g->before.cpu_us;
        r.wait_us += g->before.wait_us;
    }
    return r;
}

static void window_move(struct swap_gen *g, struct swap_rates now)
{
    if (now.pages - g->mark[1].pages < WINDOW_PAGES)
        return;
    g->mark[0] = g->mark[1];
    g->mark[1] = now;
}

/* ---- worse? ---- */

static double crashes_expected(const struct swap_gen *g, uint64_t pages)
{
    return g->before.pages ? (double)g->before.crashes / (double)g->before.pages * (double)pages : 0;
}

static int crashes_worse(const struct swap *s, const struct swap_gen *g, struct swap_rates now,
                         char why[WHY_MAX])
{
    uint64_t behind = s->standby ? swap_rates_of(s, s->standby).crashes - g->behind_crashes : 0;
    uint64_t deaths = now.crashes > behind ? now.crashes - behind : 0;
    double expected = crashes_expected(g, now.pages);
    struct pool_gen_stats st;

    if (!g->policy.crashes_max || (double)deaths < g->policy.crashes_max + expected + 3 * sqrt(expected))
        return 0;
    pool_gen_stats(s->opt.pool, g->id, &st);
    snprintf(why, WHY_MAX, "%llu workers died within %llu pages, the last one in stage `%s`; %u are too many",
             (unsigned long long)deaths, (unsigned long long)now.pages, st.crash_stage,
             g->policy.crashes_max);
    return 1;
}

/* Where hardly a page ran before, nothing is taken for an error rate. */
static int errors_worse(const struct swap_gen *g, struct swap_rates now, char why[WHY_MAX])
{
    double n = (double)now.pages, n0 = (double)g->before.pages;
    double p = n ? (double)now.errors / n : 0, p0 = n0 ? (double)g->before.errors / n0 : 0, noise;

    if (now.pages < PAGES_LEAST)
        return 0;
    if (g->before.pages < PAGES_LEAST) {
        p0 = 0;
        noise = sqrt(p * (1 - p) / n);
    } else {
        double both = (double)(now.errors + g->before.errors) / (n + n0);
        noise = sqrt(both * (1 - both) * (1 / n + 1 / n0));
    }
    if (p - p0 <= g->policy.worse_errors + 3 * noise)
        return 0;
    snprintf(why, WHY_MAX,
             "%llu of %llu pages failed (%.1f %%), %.1f %% before; at most %.1f %% more are allowed",
             (unsigned long long)now.errors, (unsigned long long)now.pages, p * 100, p0 * 100,
             g->policy.worse_errors * 100);
    return 1;
}

/* More than so many times what it was, and more than the floor beyond that? */
static int is_longer(const struct swap_gen *g, uint64_t pages, uint64_t now_us, uint64_t before_us,
                     double floor_us, const char *what, char why[WHY_MAX])
{
    double before = (double)before_us / (double)g->before.pages;

    if ((double)now_us <= before * g->policy.worse_time * (double)pages + floor_us)
        return 0;
    snprintf(why, WHY_MAX, "a page takes %.2f ms of %s, %.2f ms before; at most %.3g times are allowed",
             (double)now_us / (double)pages / 1000, what, before / 1000, g->policy.worse_time);
    return 1;
}

static int time_worse(const struct swap_gen *g, struct swap_rates now, char why[WHY_MAX])
{
    const struct swap_rates *old = &g->before;

    if (g->policy.worse_time <= 0 || now.pages < PAGES_LEAST || old->pages < PAGES_LEAST)
        return 0;
    return is_longer(g, now.pages, now.cpu_us, old->cpu_us, TIME_FLOOR_US, "CPU time", why) ||
           is_longer(g, now.pages, now.cpu_us + now.wait_us, old->cpu_us + old->wait_us,
                     (double)now.pages * WAIT_FLOOR_US, "CPU time and waiting", why);
}

/* ---- the two watches ---- */

static int probation_is_over(const struct swap_gen *g, struct swap_rates now, uint64_t ms)
{
    if (now.pages >= g->policy.probation_pages)
        return ms >= g->policy.probation_ms;
    return g->policy.probation_ms && ms >= (uint64_t)g->policy.probation_ms * WAIT_FACTOR;
}

static void probation_watch(struct swap *s, struct swap_gen *g, struct swap_rates now)
{
    uint64_t ms = clock_mono_ms() - g->live_ms;
    char why[WHY_MAX];

    if (crashes_worse(s, g, now, why) || errors_worse(g, now, why) || time_worse(g, now, why))
        swap_back(s, why, 1);
    else if (probation_is_over(g, now, ms))
        swap_settle(s, now.pages, ms);
}

static void late_watch(struct swap *s, const struct swap_gen *g, struct swap_rates now)
{
    struct swap_rates w = swap_rates_since(now, g->mark[0]);
    double expected = crashes_expected(g, w.pages);
    struct pool_gen_stats st;
    char why[WHY_MAX];

    if (w.crashes < LATE_CRASHES || w.crashes * LATE_SHARE < w.pages || (double)w.crashes < 2 * expected ||
        pool_gen_stats(s->opt.pool, g->id, &st))
        return;
    snprintf(why, sizeof why,
             "it keeps crashing: %llu workers died within %llu pages, the last one in stage `%s`",
             (unsigned long long)w.crashes, (unsigned long long)w.pages, st.crash_stage);
    swap_back(s, why, 1);
}

void swap_watch(struct swap *s)
{
    struct swap_gen *g = s->live;
    struct swap_rates now = swap_rates_of(s, g);

    window_move(g, now);
    if (!g->has_first && now.pages) {
        g->has_first = 1;
        if (g->asked_us)
            swap_row_ms(g->row, "first_page_ms", clock_mono_ns() / 1000 - g->asked_us);
    }
    if (s->heir || g->gave_up)
        return;
    if (g->state == SWAP_PROBATION)
        probation_watch(s, g, now);
    else
        late_watch(s, g, now);
}

int swap_watch_ms(const struct swap *s)
{
    const struct swap_gen *g = s->live;
    uint64_t ms, end;

    if (g->state != SWAP_PROBATION || !g->policy.probation_ms)
        return -1;
    ms = clock_mono_ms() - g->live_ms;
    end = g->policy.probation_ms;
    if (ms >= end) /* pages are waited for */
        end *= WAIT_FACTOR;
    return ms < end ? (int)(end - ms < 3600000 ? end - ms : 3600000) : 0;
}
