/* run: records compared with those of OLD: counts, a table of fields, the records that changed most.
 *
 * OLD is read once for its index (index.h); NEW comes record by record, in any order.  Of what changed
 * only the places are kept (store.h): memory is 40 bytes a record of OLD, 64 a record that is shown, and
 * one pair of records. */
#ifndef TROMMEL_COMMAND_DIFF_RUN_H
#define TROMMEL_COMMAND_DIFF_RUN_H
#include "command/diff/args.h"
#include "command/diff/read.h"
#include "command/diff/weigh.h"

enum { DIFF_FIELDS_MAX = 500 /* of the table; what comes later is counted together */ };

struct diff_field_count {
    char *path;
    uint64_t records, gained, lost, changed; /* records: the sum of the three */
    double shares, magnitudes;               /* sums */
};
/* A record that changed. */
struct diff_changed {
    double magnitude;
    uint64_t order; /* in NEW */
    struct place old_at, new_at;
};
struct diff_counts {
    uint64_t equal, changed, only_old, only_new;
};

struct diff_run;
/* Reads OLD.  args (borrowed until diff_run_free) is ended.  0, ERR_USAGE (there is nothing to read), ERR_IO.
 */
int diff_run_open(const char *old, const struct diff_args *args, struct diff_run **ret, struct err *err);
void diff_run_free(struct diff_run *r); /* NULL-safe */
/* A record of NEW: mp_check holds; `at`: as in diff_read_fn.  ERR_IO: it could not be written down. */
int diff_run_record(struct diff_run *r, trommel_str record, const struct place *at, struct err *err);
/* Reads NEW from where records lie. */
int diff_run_read(struct diff_run *r, const char *path, struct err *err);
/* No more records come.  is_whole: what of OLD did not come is only in OLD; else nothing can be said of it.
 */
void diff_run_end(struct diff_run *r, int is_whole);

/* ---- behind the end ---- */
struct diff_counts diff_run_counts(const struct diff_run *r);
/* Places of OLD and NEW that were damaged, and records that could not be compared; each was said. */
uint64_t diff_run_damaged(const struct diff_run *r);
int diff_run_is_whole(const struct diff_run *r);
const struct diff_args *diff_run_args(const struct diff_run *r);
const char *diff_run_old(const struct diff_run *r); /* its name */
/* Records of OLD. */
uint64_t diff_run_old_count(const struct diff_run *r);
/* The fields that changed, in most records first. */
const struct diff_field_count *diff_run_fields(const struct diff_run *r, uint32_t *ret_n);
/* The records to be shown, the one that changed most first. */
const struct diff_changed *diff_run_changed(const struct diff_run *r, uint32_t *ret_n);
/* Up to `top` (DIFF_TOP at most) records that only one of them has. */
const struct place *diff_run_only(const struct diff_run *r, int in_new, uint32_t *ret_n);

/* A record that changed, read again.  Both die with the next call.  ERR_IO. */
int diff_run_load(struct diff_run *r, const struct diff_changed *c, trommel_str *ret_old,
                  trommel_str *ret_new, struct err *err);
/* A record of diff_run_only. */
int diff_run_load_one(struct diff_run *r, const struct place *at, trommel_str *ret, struct err *err);
/* What of two records counts: share and row; words is left from the comparison of a field by words. */
struct diff_part {
    const struct diff_field *field;
    const struct diff_row *row;
    double share;
};
typedef int diff_part_fn(void *arg, const struct diff_part *p);
int diff_parts(const struct diff_args *args, trommel_str old_record, trommel_str new_record,
               struct words_diff *words, diff_part_fn *fn, void *arg, struct err *err);
/* How a record is called: its URL, else its id (hexadecimal), else "(no URL)".  name holds it if need be. */
enum { DIFF_NAME_MAX = 140 };
trommel_str diff_name(trommel_str record, char name[DIFF_NAME_MAX]);
#endif
