/* warc: `trommel replay FILE…`: archives through the chain, without any network.
 *
 *     replay_files    which archives
 *     replay_journal  what of them is done
 *     replay_feed     reads them in a thread: records, HTTP messages, what becomes a page (replay_judge)
 *     replay_warc     hands the pages to the library, and its records to their sink, the journal, the
 * comparison replay_tell     progress and summary */
#ifndef TROMMEL_COMMAND_REPLAY_WARC_H
#define TROMMEL_COMMAND_REPLAY_WARC_H
#include "command/diff/args.h"
#include "job.h"

struct replay_warc_args {
    const struct job_options *job; /* dir, out, name, the chain's limits */
    const char *config;            /* file with the chain; NULL */
    const char *const *sets;
    size_t n_sets;
    const char *chain; /* none, default, or names parted by commas; NULL: as the file says */
    char *const *files;
    size_t n_files;
    const char *follow; /* folder; NULL */
    const char *diff;   /* what the records are compared with; NULL: nothing */
    struct diff_args *diff_args;
};
/* Returns the exit status: 0 all done and well, 1 some pages failed, or files or places in them could not be
 * read, or it was stopped (with a comparison: something changed), 2 usage, 3 could not run or go on (*err
 * says why). */
int replay_warc(const struct replay_warc_args *args, struct err *err);
#endif
