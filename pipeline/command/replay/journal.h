/* journal: which records of which archives are done, in JOB/replay.journal, so that a replay that was
 * interrupted goes on where it was.
 *
 * A line a record, written before its sink may forget it; and for each archive what tells it from others: its
 * size and hashes of its ends, so that one that was moved is known and one that was replaced is not; one that
 * has grown goes on where it ended.  Records of an archive are done in their order: the last one stands for
 * those before it. Opening it makes it short again: two lines an archive.  Safe against kill -9.  One thread.
 */
#ifndef TROMMEL_COMMAND_REPLAY_JOURNAL_H
#define TROMMEL_COMMAND_REPLAY_JOURNAL_H
#include "base/err.h"
#include "warc/read.h"

enum { JOURNAL_ENDS_BYTES = 4096 }; /* of an archive, hashed at each end */

struct journal_file {          /* one archive, as the journal knows it */
    uint64_t size, head, tail; /* of standard input: 0, 0, 0 */
    uint64_t dev, ino;
    uint64_t records;       /* done */
    struct warc_place last; /* of the last of them … */
    uint64_t key;           /* … and what tells it from another at that place */
    uint64_t first_key;     /* of the first of them: is it the same input? */
    int is_ended;           /* there are no more */
    unsigned number;
};

struct replay_journal;
/* Opens or makes it; the job's folder is there.  job NULL: it begins empty, and nothing is written down.
 * ERR_REFUSED: another replay of this job runs. */
int replay_journal_open(const char *job, struct replay_journal **ret, struct err *err);
void replay_journal_close(struct replay_journal *j); /* NULL-safe */
/* What is known of the archive open at fd; a new one if it is not.  -1: standard input, whatever comes there.
 * Borrowed. */
struct journal_file *replay_journal_file(struct replay_journal *j, int fd, struct err *err);
/* A record of it is done; all records are.  ERR_IO. */
int replay_journal_done(struct replay_journal *j, struct journal_file *f, const struct warc_place *place,
                        uint64_t key, struct err *err);
int replay_journal_end(struct replay_journal *j, struct journal_file *f, struct err *err);
#endif
