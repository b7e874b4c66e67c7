/* visit_inner: what visit.c and visit_fetch.c share.  Nobody else includes this. */
#ifndef TROMMEL_VISIT_INNER_H
#define TROMMEL_VISIT_INNER_H
#include <string.h>

#include "visit.h"
#include "warc/pack.h"

struct visit {
    struct job *job;
    struct visit *prev, *next;   /* all visits under way */
    struct visit *wait_next;     /* WAITING, or held for a fetch */
    enum visit_state state;
    struct frontier_item *item;
    char *url;                   /* what is fetched: the item's, or where its robots.txt moved to */
    unsigned robots_hops;
    struct budget_share *share;
    /* the answer, while it waits for the chain */
    struct buf body, headers, fetch;
    char *content_type, *content_encoding;
    int status;
    int64_t fetched_ms;
    uint64_t bytes;              /* of the body, as received; it is given to the pool and not kept */
    struct shadow_pair *shadow;  /* its page runs in a shadow chain as well */
    /* the result, while it waits for the sink */
    enum outcome outcome;
    int claimed;                 /* in the dedupe index */
    struct buf links;            /* normalised URLs, each with a byte before it (1: nofollow), NUL-ended */
};

static inline trommel_str str_of(const char *s)
{
    return (trommel_str){ s, s ? strlen(s) : 0 };
}

/* ---- visit.c ---- */
void visit_move(struct visit *v, enum visit_state to); /* the only setter */
char *visit_strdup(trommel_str s);
/* Frees v.  An error: the end could not be written down (the job stops), and the URL is still queued. */
int visit_done(struct visit *v, enum visit_end how, const struct frontier_link *links, size_t n_links,
               uint32_t retry_ms);
void visit_free(struct visit *v);
/* There is no page: its record says why. */
void visit_failed(struct visit *v, const char *reason, const char *message);
/* There is one: it waits for the chain.  Takes the body. */
void visit_to_chain(struct visit *v, struct fetch_answer *answer);

/* ---- visit_fetch.c ---- */
/* Starts its transfer; 0, or as fetch_start. */
int visit_fetch(struct visit *v);
/* Waits until there is room to fetch. */
void visit_hold(struct visit *v);
/* The same URL again, later: as Retry-After says, or after a delay that doubles. */
void visit_retry(struct visit *v, trommel_str retry_after);
/* The host's robots.txt is there, or status 0: it cannot be had.  Frees v. */
void visit_robots_end(struct visit *v, int status, trommel_str body);
/* Writes the record's field `fetch`.  copy: in the archive; NULL: none. */
void visit_fetch_field(struct visit *v, const struct fetch_answer *a, const struct warc_pack *copy);
/* The transfer has ended, and its copy, if one is made, is on disk: a page, a redirect, a failure, again
 * later; or robots.txt.  May free v. */
void visit_answered(struct visit *v, struct fetch_answer *answer, const struct warc_pack *copy);
#endif
