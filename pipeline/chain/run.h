/* run: one page through a linked and configured chain.  Internal to chain/; lives in the worker.
 *
 * A page's memory is one arena, cleared when the next page comes; what a stage puts is copied into it and
 * checked on the way.  Nothing here starts, watches or kills: a stage that never returns is the host's
 * business, to whom the crumb says where it is. */
#ifndef TROMMEL_CHAIN_RUN_H
#define TROMMEL_CHAIN_RUN_H
#include "base/arena.h"
#include "chain/load.h"
#include "chain/pool.h"
#include "chain/proto.h"
#include "parse/parse.h"
#include "parse/url.h"

struct extra {
    trommel_str key;
    trommel_val val;
};
struct extras { /* of one stage */
    struct extra *rows;
    uint32_t n, cap;
    size_t bytes;
};

struct link {
    trommel_str url, rel, text; /* n is 0 if there is none */
    trommel_str href;           /* as written, in the dom */
    uint32_t node;
    uint8_t kind, nofollow;
};
struct links {
    struct link *rows;
    uint32_t n;
    int nofollow; /* of the whole page */
};

/* What stages hold by its address; fields are the host side's. */
struct trommel_page {
    struct run *run;
    const struct pool_page *in;
    const struct parse_output *parsed;
    trommel_val *vals; /* one a slot; which are there: is_set */
    uint8_t *is_set;
    struct extras *extras;                                 /* one a stage */
    uint32_t *us;                                          /* one a stage, time it took */
    uint32_t n_ran;                                        /* stages that ran */
    uint32_t stage;                                        /* that runs now */
    uint64_t record_bytes;                                 /* of the values that will go into the record */
    uint64_t page_ns, page_cpu_ns, stage_ns, stage_cpu_ns; /* when it began */
    int over_budget;                                       /* should_stop said so */
    char status[8], id[2 * RECORD_ID_BYTES + 1], fetched_at[32];
    uint32_t fetched_at_n;
};

enum { LINK_HASH = 4096 };

struct run {
    const struct chain *chain;
    struct crumb *crumb;
    uint32_t page_ms, stage_ms, generation;
    struct arena arena;
    struct parse *parse;
    struct url_parser *url;
    struct buf record;
    struct trommel_page page;
    uint16_t link_hash[LINK_HASH]; /* of URLs: index + 1 */
    uint16_t href_hash[LINK_HASH]; /* of attribute values seen: index + 1 */
};

struct run_result { /* borrowed: dies with the next page */
    enum outcome outcome;
    trommel_str record, sketch, reason, message;
    uint32_t stage; /* whose doing, or SLOT_NONE */
    int retry, fatal;
};

extern const trommel_host run_host; /* the table stages get */

/* crumb: written as the run goes; borrowed. */
int run_init(struct run *r, const struct chain *chain, struct crumb *crumb, uint32_t page_ms,
             uint32_t stage_ms, uint32_t generation);
void run_release(struct run *r); /* NULL-safe */
/* Parses and runs one page.  Always gives a result; ERR_NOMEM only when not even that can be made. */
int run_page(struct run *r, const struct pool_page *in, struct run_result *ret);
/* The part behind the parser. */
int run_parsed(struct run *r, const struct pool_page *in, const struct parse_output *parsed,
               struct run_result *ret);

/* The reason that goes with what process() returned (or with its fail()), a name; NULL: that is no verdict, or the stage
 * declares no such reason. */
const char *verdict_reason(const struct stage *s, uint32_t verdict);

/* links.c: the page's links in document order; memory is the page's. */
void links_collect(struct trommel_page *p, struct links *ret);
/* compose.c: the record into r->record. */
int compose(struct trommel_page *p, const struct links *links, const struct run_result *res);
/* A value as the record has it; nil for those that never go there. */
void compose_value(struct buf *b, const trommel_val *v);
/* Writes `chain`; us: one a stage, the first n of them. */
void compose_chain(struct buf *b, uint32_t generation, const char *hash, int clamped);
/* The value of a header by its lower-case name; ERR_ABSENT. */
int header_find(trommel_str headers, trommel_str name, trommel_str *ret);

static inline void crumb_at(struct run *r, uint32_t phase, uint32_t index)
{
    __atomic_store_n(&r->crumb->index, index, __ATOMIC_RELAXED);
    __atomic_store_n(&r->crumb->phase, phase, __ATOMIC_RELEASE);
}
#endif
