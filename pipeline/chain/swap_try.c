/* swap_try: golden pages through a candidate and through the live chain, side by side; see swap_own.h.
 *
 * They are guests of both generations (pool_submit_to), as many at a time as there is room for.  The live
 * side begins while the candidate is still being loaded.  Its results for the bundled pages are kept: they
 * cannot change while that generation lives.  A trial that was given up lives on until its last result has
 * come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/swap_own.h"

enum { NAME_MAX_BYTES = 200 };

/* A result, kept. */
struct swap_known {
    int is_set;
    enum outcome outcome;
    uint64_t cpu_us;
    struct buf record, reason, stage;
};

struct swap_trial {
    struct swap_trial *next;
    struct swap *swap;
    int is_over; /* what still comes is dropped */
    struct golden_compare *compare;
    size_t n, n_bundled;
    uint32_t generation[GOLDEN_SIDES];
    size_t sent[GOLDEN_SIDES], come[GOLDEN_SIDES];
    size_t pending;
    struct {
        unsigned char has[GOLDEN_SIDES], fails[GOLDEN_SIDES];
    } pages[GOLDEN_PAGES_MAX];
    size_t n_worse; /* pages that fail with the candidate, and not with the live chain */
    struct swap_known *known[GOLDEN_SIDES]; /* of the two generations */
};

/* ---- results that are kept ---- */

struct swap_known *swap_known_new(void)
{
    struct swap_known *k = calloc(golden_bundled_count(), sizeof *k);

    if (!k)
        abort();
    for (size_t i = 0; i < golden_bundled_count(); i++) {
        buf_init(&k[i].record, LIMIT_RECORD_BYTES);
        buf_init(&k[i].reason, 4 * KIB);
        buf_init(&k[i].stage, 4 * KIB);
    }
    return k;
}

void swap_known_free(struct swap_known *k)
{
    for (size_t i = 0; k && i < golden_bundled_count(); i++) {
        buf_release(&k[i].record);
        buf_release(&k[i].reason);
        buf_release(&k[i].stage);
    }
    free(k);
}

static void known_put(struct swap_known *k, const struct pool_result *r)
{
    if (k->is_set)
        return;
    buf_add(&k->record, r->record.p, r->record.n);
    buf_add(&k->reason, r->reason.p, r->reason.n);
    buf_add(&k->stage, r->stage.p, r->stage.n);
    k->outcome = r->outcome;
    k->cpu_us = r->cpu_us;
    k->is_set = !k->record.err && !k->reason.err && !k->stage.err;
}

static trommel_str str_of(const struct buf *b)
{
    return (trommel_str){ (const char *)b->data, b->len };
}

/* ---- results ---- */

static void page_of(const struct swap_trial *t, size_t i, struct pool_page *page, char name[NAME_MAX_BYTES])
{
    if (i < t->n_bundled) {
        golden_bundled(i, page);
        snprintf(name, NAME_MAX_BYTES, "golden/%s", golden_bundled_name(i));
        return;
    }
    golden_ring_page(t->swap->ring, i - t->n_bundled, page);
    snprintf(name, NAME_MAX_BYTES, "%.*s", (int)page->head.url.n, page->head.url.n ? page->head.url.p : "");
}

static void put(struct swap_trial *t, size_t i, enum golden_side side, const struct pool_result *r)
{
    char name[NAME_MAX_BYTES];
    struct pool_page page;

    page_of(t, i, &page, name);
    golden_compare_put(t->compare, i, side, name, r);
    t->come[side]++;
    t->pages[i].has[side] = 1;
    t->pages[i].fails[side] = r->outcome == OUTCOME_QUARANTINED;
    if (t->pages[i].has[!side] && t->pages[i].fails[GOLDEN_CANDIDATE] && !t->pages[i].fails[GOLDEN_LIVE])
        t->n_worse++;
}

static void trial_free(struct swap_trial *t)
{
    struct swap_trial **at = &t->swap->trials;

    while (*at && *at != t)
        at = &(*at)->next;
    if (*at)
        *at = t->next;
    golden_compare_free(t->compare);
    free(t);
}

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct swap_trial *t = arg;
    size_t i = (uintptr_t)user / GOLDEN_SIDES;
    enum golden_side side = (uintptr_t)user % GOLDEN_SIDES;

    t->pending--;
    if (!t->is_over) {
        put(t, i, side, r);
        if (i < t->n_bundled)
            known_put(&t->known[side][i], r);
    } else if (!t->pending) {
        trial_free(t);
    }
}

/* What is known of the live side already. */
static void put_known(struct swap_trial *t)
{
    for (size_t i = 0; i < t->n_bundled; i++) {
        const struct swap_known *k = &t->known[GOLDEN_LIVE][i];
        if (!k->is_set)
            continue;
        put(t, i, GOLDEN_LIVE,
            &(struct pool_result){ .outcome = k->outcome,
                                   .record = str_of(&k->record),
                                   .reason = str_of(&k->reason),
                                   .stage = str_of(&k->stage),
                                   .cpu_us = k->cpu_us,
                                   .generation = t->generation[GOLDEN_LIVE] });
    }
}

/* ---- the run ---- */

int swap_trial_start(struct swap *s, struct swap_gen *g, struct err *err)
{
    struct swap_trial *t = calloc(1, sizeof *t);

    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->n_bundled = golden_bundled_count();
    t->n = t->n_bundled + golden_ring_count(s->ring);
    if (t->n > GOLDEN_PAGES_MAX)
        t->n = GOLDEN_PAGES_MAX;
    t->compare = golden_compare_new(t->n);
    if (!t->compare) {
        free(t);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    t->swap = s;
    t->generation[GOLDEN_LIVE] = s->live->id;
    t->generation[GOLDEN_CANDIDATE] = g->id;
    t->known[GOLDEN_LIVE] = s->live->known;
    t->known[GOLDEN_CANDIDATE] = g->known;
    t->next = s->trials;
    s->trials = g->trial = t;
    golden_ring_hold(s->ring, 1);
    put_known(t);
    return 0;
}

/* Hands on pages while there is room. */
static int side_feed(struct swap_trial *t, enum golden_side side)
{
    int rc = 0;

    while (t->sent[side] < t->n) {
        size_t i = t->sent[side];
        char name[NAME_MAX_BYTES];
        struct pool_page page;
        if (!t->pages[i].has[side]) {
            page_of(t, i, &page, name);
            rc = pool_submit_to(t->swap->opt.pool, t->generation[side], &page, on_result, t,
                                (void *)(uintptr_t)(i * GOLDEN_SIDES + side));
            if (rc)
                break;
            t->pending++;
        }
        t->sent[side]++;
    }
    return rc == ERR_FULL ? 0 : rc;
}

int swap_trial_turn(struct swap *s, struct swap_gen *g, struct err *verdict)
{
    struct swap_trial *t = g->trial;
    int rc = side_feed(t, GOLDEN_LIVE);

    if (g->is_ready)
        rc = rc ? rc : side_feed(t, GOLDEN_CANDIDATE);
    if (rc) {
        err_set(verdict, rc, "golden pages cannot be run: %s", err_text(rc));
        return 1;
    }
    int is_bad = (double)t->n_worse > g->policy.errors_max * (double)t->n; /* whatever the rest will do */
    if (!is_bad && !golden_compare_is_done(t->compare))
        return 0;
    g->golden = golden_compare_report(t->compare);
    if (!golden_compare_judge(t->compare, &g->policy, verdict) && is_bad)
        err_set(verdict, ERR_REFUSED,
                "%zu of %zu golden pages fail with the candidate, and not with the live chain", t->n_worse,
                t->n);
    return 1;
}

void swap_trial_end(struct swap *s, struct swap_gen *g)
{
    struct swap_trial *t = g->trial;

    g->trial = NULL;
    if (!t)
        return;
    golden_ring_hold(s->ring, 0);
    t->is_over = 1;
    if (!t->pending)
        trial_free(t);
}

void swap_trials_free(struct swap *s)
{
    while (s->trials)
        trial_free(s->trials);
}

void swap_trial_say(const struct swap_trial *t, char *to, size_t n)
{
    size_t come =
        t->come[GOLDEN_LIVE] < t->come[GOLDEN_CANDIDATE] ? t->come[GOLDEN_LIVE] : t->come[GOLDEN_CANDIDATE];

    snprintf(to, n, "golden pages: %zu of %zu", come, t->n);
}
