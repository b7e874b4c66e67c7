/* store: where the records of a comparison lie, so that they need not lie in memory.
 *
 * A record of a plain segment stays where it is; any other (compressed, JSON, from a pipe) is written to a
 * file without a name, which is gone when the store is.  Records are read back one at a time. */
#ifndef TROMMEL_COMMAND_DIFF_STORE_H
#define TROMMEL_COMMAND_DIFF_STORE_H
#include <stdio.h>
#include <trommel/stage.h>

#include "base/buf.h"
#include "base/err.h"

struct place {
    uint64_t offset;
    uint32_t n, file; /* file 0: the one without a name */
};

/* A file without a name, in the folder that TMPDIR names, else in /tmp.  NULL with *err. */
FILE *diff_store_tmp(struct err *err);

struct diff_store;
struct diff_store *diff_store_new(void);
void diff_store_free(struct diff_store *s); /* NULL-safe */
/* A number for the file, which is opened again when a record is read. */
uint32_t diff_store_file(struct diff_store *s, const char *path);
/* Writes a record down.  ERR_IO with the reason. */
int diff_store_put(struct diff_store *s, trommel_str record, struct place *ret, struct err *err);
/* Reads it into `into` (cleared before).  ERR_IO, also if the file is not what it was. */
int diff_store_get(struct diff_store *s, const struct place *at, struct buf *into, struct err *err);
#endif
