/* weigh: how much a field has changed: what of it (its share, 0 to 1), and what that counts (its
 * weight).
 *
 * A record's magnitude is the sum of weight times share over its fields.  Weights and how shares are measured
 * are rows of one table, weigh.def; the row whose path is longest counts.  What is gained or lost, and
 * what cannot be measured, has the share 1; what differs in nothing that is measured (the spaces between
 * words, the order of a list) has DIFF_SHARE_LEAST. */
#ifndef TROMMEL_COMMAND_DIFF_WEIGH_H
#define TROMMEL_COMMAND_DIFF_WEIGH_H
#include "record/diff.h"
#include "record/words_diff.h"

#define DIFF_SHARE_LEAST 0.001

enum diff_how {
    DIFF_EQUALITY, /* another value is another value */
    DIFF_WORDS,    /* strings: words gone and come, of those of both */
    DIFF_NUMBER,   /* numbers: the difference, as a part of the larger (of 1, if that is more) */
    DIFF_LIST,     /* arrays: elements gone and come, of those of both */
};
struct diff_row {
    const char *path; /* the field, and what lies under it */
    double weight;
    enum diff_how how;
};
/* Never NULL: the last row is that of fields that are not named. */
const struct diff_row *diff_row_of(trommel_str path);

/* Of two arrays: elements that only one of them has, as often as it has more of them. */
struct diff_list {
    trommel_str *gone, *come; /* msgpack; borrowed from the field */
    uint32_t n_gone, n_come, n_old, n_new;
};
/* 0; ERR_LIMIT: one has more than DIFF_LIST_MAX elements; ERR_INVALID: they are no arrays. */
enum { DIFF_LIST_MAX = 100000 };
int diff_list(trommel_str old_raw, trommel_str new_raw, struct diff_list *ret);
void diff_list_release(struct diff_list *l);

/* The text of a string; n = 0 and NULL if it is none. */
trommel_str diff_str(trommel_str raw);
/* The share of a field that is not equal.  words: what was compared word by word is left there. */
double diff_share(const struct diff_field *f, const struct diff_row *row, struct words_diff *words);
#endif
