/* replay: what the parts of `trommel replay` share.
 *
 *     replay.c         the arguments, and which of the parts is meant
 *     replay/dead.c    the dead letters of a job through the chain again
 *     replay/page.c    what becomes of one of them */
#ifndef TROMMEL_COMMAND_REPLAY_H
#define TROMMEL_COMMAND_REPLAY_H
#include "chain/chain.h"
#include "job.h"

struct replay_args {
    struct job_options job;     /* dir, out, the chain's limits, what of its links the frontier gets */
    const char *stage, *reason; /* only letters with these; NULL: all */
    int is_dry;                 /* nothing is delivered or written down */
};
/* Takes *chain.  Returns the exit status: 0 every letter came out well, 1 some did not (they are listed) or
 * it was stopped, 2 there is no such job, 3 could not run or go on (*err says why). */
int replay_dead(const struct replay_args *args, struct chain_config *chain, struct err *err);
#endif
