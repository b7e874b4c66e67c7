/* shadow: a candidate chain beside the live one, on a sample of the pages, its records compared and thrown away.
 *
 * The candidate is a generation of its own, which never goes live; its workers run at a lower priority.  A page
 * is in the sample by its id alone, so two runs over the same pages look at the same ones.  Both records of a page
 * are compared field by field (record/diff.h) without what differs between any two runs, and without `dedupe`, which
 * the host settles.  The run ends when the live chain changes.  Load comes first: while pages wait for the live chain, or more is under way than the bounds
 * below allow, samples are shed and counted.
 *
 * Host, one thread, on the pool's events; nothing here blocks. */
#ifndef TROMMEL_CHAIN_SHADOW_H
#define TROMMEL_CHAIN_SHADOW_H
#include <jansson.h>

#include "chain/pool.h"

enum {
    SHADOW_PAIRS_MAX = 256,  /* pages under way */
    SHADOW_FIELDS_MAX = 512, /* fields counted by name; what is beyond goes under "other" */
    SHADOW_WORST_MAX = 20,   /* pages kept, those with the most fields that are not equal */
    SHADOW_SHOWN_MAX = 12,   /* fields of such a page, with both values … */
    SHADOW_VALUE_MAX = 160,  /* … cut to so many bytes */
};
#define SHADOW_HELD_BYTES (32u * MIB) /* records that wait for the other side's */

struct shadow;
struct shadow_pair; /* one page of the sample */

struct shadow_options {
    struct pool *pool;
    double sample;    /* 0 < sample <= 1, the share of pages */
    unsigned flags;   /* POOL_GEN_NETWORK or 0 */
    const char *what; /* for people: "replace price by ./price.so"; copied */
    void (*on_log)(void *arg, int level, const char *line);
    void *arg;
};
/* Starts the candidate's worker.  Takes *config.  Pages are sampled once it is READY. */
int shadow_start(const struct shadow_options *, struct chain_config *config, struct shadow **ret, struct err *err);
/* The pool's news: pass on all of it.  1: it was about this candidate. */
int shadow_on_generation(struct shadow *, uint32_t generation, enum pool_gen_state state, const struct err *why);
/* A page that has just been handed to the live chain.  is_busy: pages wait for it.  NULL: it is not looked at;
 * else exactly one of shadow_live and shadow_forget must follow. */
struct shadow_pair *shadow_page(struct shadow *, const struct pool_page *, int is_busy);
/* The live chain's result of that page.  *pair is NULL afterwards.  NULL-safe. */
void shadow_live(struct shadow_pair **pair, const struct pool_result *);
/* There will be none. */
void shadow_forget(struct shadow_pair **pair);
/* {state, what, generation, beside, sample, since (ms since 1970), seen, sampled, shed, uncompared, pages, equal, differs, missing, extra,
 *  failed, failed_live, slower, fields: {name: {differs, missing, extra}}, cpu_us, cpu_us_live, pending, worst: [{url, id, fields:
 *  [{path, kind, live, shadow}], outcome, outcome_live}], message}; new, the caller's.  pages: compared; equal: pages
 * without a difference; differs, missing, extra: fields over all pages; missing: the live record has it;
 * slower: CPU time of the candidate on the compared pages by the live chain's. */
json_t *shadow_report(const struct shadow *);
/* Its generation ends; the report stays.  Nothing more is sampled. */
void shadow_stop(struct shadow *);
int shadow_is_over(const struct shadow *); /* stopped or failed, and no page is under way */
/* Frees it.  It must be over, or the pool be closed, and no pair be held.  NULL-safe. */
void shadow_free(struct shadow *);
#endif
