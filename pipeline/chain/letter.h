/* letter: a record of the dead letters: that of a page that failed, with the page in it (field `page`), so
 * that it can be run again. */
#ifndef TROMMEL_CHAIN_LETTER_H
#define TROMMEL_CHAIN_LETTER_H
#include "chain/pool.h"

/* Adds the page's parts to the finished record of it.  ERR_LIMIT: both together would be over what a record
 * may have; the record is as it was then. */
int letter_make(struct buf *record, const struct pool_page *page);

struct letter {
    struct pool_page page;     /* as it was handed to the pool */
    trommel_str stage, reason; /* of its `error`, or empty */
    trommel_str error;         /* all of it, msgpack; or empty */
    uint32_t depth;            /* links away from a seed */
    int has_page;
};
/* Reads a record of the dead letters, which may be damaged.  Borrows its bytes.  0, also if it has no page
 * (it was made by an older version, or there never was one); ERR_INVALID: it is no record of a page. */
int letter_read(const void *record, size_t n, struct letter *ret);
/* Do two `error`s of one page say the same: stage, reason, signal, and the function it crashed in, or the
 * message? May be hostile; an empty one is like no other. */
int letter_error_same(trommel_str a, trommel_str b);
#endif
