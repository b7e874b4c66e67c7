/* golden: pages over which a new chain is tried before it takes any, and what is made of the results.
 *
 *     bundled    a dozen small invented pages, within the program: layouts, languages, encodings, broken ones
 *     ring       the last pages of this very crawl, copied: one in GOLDEN_EVERY, at most GOLDEN_RING_PAGES
 *     compare    each page's result in the live chain beside that in the candidate; then judged by a policy
 *
 * Runs nothing itself: the caller hands the pages to the pool.  Host, one thread. */
#ifndef TROMMEL_CHAIN_GOLDEN_H
#define TROMMEL_CHAIN_GOLDEN_H
#include <jansson.h>

#include "base/limits.h"
#include "chain/pool.h"
#include "chain/swap.h"

/* ---- bundled ---- */

size_t golden_bundled_count(void);
/* Page i < golden_bundled_count().  All of it is static. */
void golden_bundled(size_t i, struct pool_page *ret);
const char *golden_bundled_name(size_t i); /* "article" */

/* ---- the ring ---- */

enum {
    GOLDEN_EVERY = 8, /* once it is full; till then every page is kept */
    GOLDEN_RING_PAGES = 24,
};
#define GOLDEN_RING_BYTES (4u * MIB)
#define GOLDEN_PAGE_BYTES (512u * KIB) /* larger ones are not kept */

struct golden_ring;
struct golden_ring *golden_ring_new(void); /* NULL: out of memory */
void golden_ring_free(struct golden_ring *); /* NULL-safe */
/* A page that the crawl hands to its chain; it is copied if it is to be kept.  Which ones are depends on
 * the order of the calls alone. */
void golden_ring_see(struct golden_ring *, const struct pool_page *);
size_t golden_ring_count(const struct golden_ring *);
/* Page i < count, the oldest first.  Borrowed until the next golden_ring_see. */
void golden_ring_page(const struct golden_ring *, size_t i, struct pool_page *ret);
/* While it is held no page comes or goes: for a caller that hands them out piece by piece. */
void golden_ring_hold(struct golden_ring *, int held);

/* ---- comparing ---- */

enum golden_side { GOLDEN_LIVE, GOLDEN_CANDIDATE, GOLDEN_SIDES };
enum {
    GOLDEN_PAGES_MAX = 256,  /* pages of one comparison */
    GOLDEN_NAMES_MAX = 48, /* names in each list of a report, … */
    GOLDEN_NAME_BYTES = 100, /* … and how long one may be; what is beyond goes under "…" */
    GOLDEN_FIELDS_MAX = 512, /* different fields counted by name; what is beyond goes under "…" */
    GOLDEN_SLOW_FLOOR_US = 20000, /* CPU time below this is not judged; so much more is always allowed */
};
/* Records waiting for their other side; a page beyond that is not compared. */
#define GOLDEN_HELD_BYTES (64u * MIB)

struct golden_compare;
struct golden_compare *golden_compare_new(size_t n_pages); /* at most GOLDEN_PAGES_MAX; NULL: out of memory */
void golden_compare_free(struct golden_compare *);         /* NULL-safe */
/* The result of page i on one side, in any order, each once; copied.  `name` says which page it is, for
 * messages. */
void golden_compare_put(struct golden_compare *, size_t i, enum golden_side side, const char *name,
                        const struct pool_result *);
/* Have all pages both results? */
int golden_compare_is_done(const struct golden_compare *);
/* 0, or ERR_REFUSED with all that breaks the policy and the first page on which it does:
 *     "meta.title is lost on 3 of 36 pages (first: golden/article); it must be kept"
 *     "4 of 36 pages fail with the candidate and not with the live chain (first: …, stage price: crash)"
 *     "the candidate takes 9.1 times the CPU time of the live chain; at most 4 are allowed"
 * A page fails when it is quarantined.  A field of `keep` stands for all that lies under it.  Fields are
 * compared on pages that fail on neither side.  Time is the sum over all pages that fail on neither side,
 * above a floor. */
int golden_compare_judge(const struct golden_compare *, const struct swap_policy *, struct err *err);
/* {pages, equal, differ, uncompared, failed, failed_live, cpu_us, cpu_us_live, slower, fields: {name:
 * pages on which it differs, is missing or extra}, missing: {name: pages}, extra: {name: pages}}; a new
 * object, the caller's. */
json_t *golden_compare_report(const struct golden_compare *);
#endif
