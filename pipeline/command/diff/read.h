/* read: the records of a segment, of a folder of segments, of a job, of a file of JSON lines or of
 * concatenated msgpack, one after the other.
 *
 * What is damaged is said with file and place, counted, and reading goes on behind it. */
#ifndef TROMMEL_COMMAND_DIFF_READ_H
#define TROMMEL_COMMAND_DIFF_READ_H
#include "command/diff/store.h"

/* A record that was checked (mp_check), borrowed during the call, and where it lies; it is written down
 * (diff_store_put) by whoever wants it later if `at` is NULL.  Other than 0 ends the reading and is returned.
 */
typedef int diff_read_fn(void *arg, trommel_str record, const struct place *at);

struct diff_read {
    uint64_t records, damaged; /* damaged: places */
};
/* path: "-" is standard input.  Adds to *counts.  0; what fn returned; ERR_USAGE: there is nothing that could
 * be read; ERR_IO. */
int diff_read(const char *path, struct diff_store *store, diff_read_fn *fn, void *arg,
              struct diff_read *counts, struct err *err);
#endif
