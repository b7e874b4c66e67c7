/* index: the records of OLD by what they are matched by, without the records: 40 bytes each.
 *
 * A record is matched by its URL, or by its id where it has none.  Of several captures of one URL the one
 * that was fetched at the same time is taken, else the earliest that is left; each is taken once. */
#ifndef TROMMEL_COMMAND_DIFF_INDEX_H
#define TROMMEL_COMMAND_DIFF_INDEX_H
#include "command/diff/store.h"

struct diff_index;
struct diff_index *diff_index_new(struct diff_store *store);
void diff_index_free(struct diff_index *ix); /* NULL-safe */
/* ERR_LIMIT: more than DIFF_INDEX_MAX; ERR_NOMEM. */
enum { DIFF_INDEX_MAX = 1 << 30 };
int diff_index_add(struct diff_index *ix, trommel_str record, const struct place *at, struct err *err);
/* Behind the last one, before the first is taken. */
void diff_index_seal(struct diff_index *ix);
/* The record that `record` is to be compared with is read into `into`.  1; 0: there is none (left); ERR_IO:
 * it can no longer be read, and counts as taken. */
int diff_index_take(struct diff_index *ix, trommel_str record, struct buf *into, struct place *ret,
                    struct err *err);
/* Steps over what was taken, since the beginning: a measure of the work. */
uint64_t diff_index_hops(const struct diff_index *ix);
/* What was not taken: how many, and the first `max` of them in the order in which they were added.  Nothing
 * is taken any more afterwards. */
uint64_t diff_index_left(struct diff_index *ix, struct place *ret, uint32_t max, uint32_t *ret_n);
#endif
