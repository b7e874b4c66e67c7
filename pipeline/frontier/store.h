/* store: what the frontier keeps on disk; the only file that includes RocksDB is store.c.
 *
 * Five tables (column families) and one pending batch.  A batch is written whole or not at all, and what
 * store_commit has written survives kill -9; store_sync makes it survive a loss of power too.
 * Single-threaded; RocksDB's own threads flush and compact. */
#ifndef TROMMEL_FRONTIER_STORE_H
#define TROMMEL_FRONTIER_STORE_H
#include <trommel/stage.h>

#include "base/buf.h"
#include "base/err.h"

enum store_table {
    STORE_META,   /* format, counters, scope's roots */
    STORE_SEEN,   /* hash of a URL that is known; with Bloom filters */
    STORE_QUEUE,  /* URLs not yet ended: origin's hash, depth, number */
    STORE_FLIGHT, /* queue keys that were given out under a limit of pages */
    STORE_ROBOTS, /* robots.txt by origin */
    STORE_TABLES
};

struct store;
/* Makes the folder if need be (its parent must exist). */
int store_open(const char *dir, struct store **ret, struct err *err);
void store_close(struct store *s); /* NULL-safe; drops the pending batch */

/* Committed values only.  0; ERR_ABSENT; ERR_IO, ERR_CORRUPT.  *ret is cleared first. */
int store_get(struct store *s, enum store_table t, trommel_str key, struct buf *ret);
/* 1, 0, or an error. */
int store_has(struct store *s, enum store_table t, trommel_str key);
/* Rows with from <= key < to (to empty: the table's end), in order, until fn returns other than 0; that is
 * returned if negative.  Borrowed during fn. */
typedef int store_row_fn(void *arg, trommel_str key, trommel_str value);
int store_scan(struct store *s, enum store_table t, trommel_str from, trommel_str to, store_row_fn *fn,
               void *arg);

/* The pending batch. */
void store_put(struct store *s, enum store_table t, trommel_str key, trommel_str value);
void store_delete(struct store *s, enum store_table t, trommel_str key);
int store_commit(struct store *s); /* the batch is empty afterwards, also on error */
void store_drop(struct store *s);  /* forgets the batch */
int store_sync(struct store *s);
#endif
