/* once: one page through one chain in a process apart, and what each stage of its last file did.  Internal to
 * chain/ and to the commands. */
#ifndef TROMMEL_CHAIN_ONCE_H
#define TROMMEL_CHAIN_ONCE_H
#include "chain/chain.h"
#include "chain/pool.h"

struct once_options {
    const struct chain_config *chain; /* the stage that is asked about is the last item */
    const struct pool_page *page;
    uint32_t page_ms, stage_ms;
};
/* Appends to *ret the page's record, then for each stage of the last file a msgpack map
 *     {id, version, verdict, reason, message, us, put: {name: value}}
 * verdict: continue, drop, retry, error, fatal, not_run (an earlier stage ended the page: reason says which).
 * What it put is empty when its verdict takes that back.  What stages log goes to standard error.
 * ERR_CRASHED: a stage died, or was over its time; *err says which and how.  Others: the chain did not come
 * up. */
int once_run(const struct once_options *opt, struct buf *ret, struct err *err);
#endif
