/* journal: the append-only file of the dedupe index; internal to index/.
 *
 *     "TRMDEDU1", then entries: u32 bytes, u32 CRC-32 of them, the bytes (numbers little-endian)
 *     an entry: id 16, cluster 16, of 16, similarity f64, relation u8, 7 zero, the sketch
 *
 * Safe against kill -9, not against power loss: what is lost then makes a page unique that is not. */
#ifndef TROMMEL_INDEX_JOURNAL_H
#define TROMMEL_INDEX_JOURNAL_H
#include "index/dedupe.h"

struct journal_entry {
    uint8_t id[RECORD_ID_BYTES];
    struct dedupe_verdict verdict;
    trommel_str sketch;
};

struct journal;
/* Opens or makes the file and gives every whole entry to fn; a torn tail is cut, a damaged entry is left out
 * and said.  fn returns 0 or an error, which ends it. */
int journal_open(const char *path, int (*fn)(void *arg, const struct journal_entry *e), void *arg,
                 struct journal **ret, struct err *err);
/* Buffers an entry.  ERR_LIMIT when too much waits (the disk has been full for long). */
int journal_add(struct journal *j, const struct journal_entry *e);
/* Writes what is buffered, whole or not at all. */
int journal_sync(struct journal *j);
/* Closes the file without writing; only journal_close may follow. */
void journal_leave(struct journal *j);
void journal_close(struct journal *j); /* NULL-safe; writes what it can */
#endif
