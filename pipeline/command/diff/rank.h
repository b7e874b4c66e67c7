/* rank: the records that changed most, a bounded number of them. */
#ifndef TROMMEL_COMMAND_DIFF_RANK_H
#define TROMMEL_COMMAND_DIFF_RANK_H
#include "command/diff/run.h"

struct diff_rank;
/* max: how many are kept; 0: all. */
struct diff_rank *diff_rank_new(uint32_t max);
void diff_rank_free(struct diff_rank *r); /* NULL-safe */
/* Would a record of this magnitude be kept now?  Of equal ones those that came first are. */
int diff_rank_wants(const struct diff_rank *r, double magnitude);
void diff_rank_add(struct diff_rank *r, const struct diff_changed *c);
/* The one that changed most to the front; nothing is added any more. */
void diff_rank_sort(struct diff_rank *r);
const struct diff_changed *diff_rank_list(const struct diff_rank *r, uint32_t *ret_n);
#endif
