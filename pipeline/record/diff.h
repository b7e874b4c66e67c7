/* diff: two records of one page, compared field by field.
 *
 * A field is a leaf of the tree: a scalar, an array as a whole, or an empty map; its path is its keys
 * joined by dots ("meta.title", "x.org.example.price.value").  Maps are matched by key, in whatever order
 * they come; so are maps within arrays.  nil counts as not being there.  1 and 1.0 are equal.
 *
 * For records that were checked (record_check), but holds against any bytes: depth, work and paths are
 * bounded. Nothing is allocated; time is linear where both have their keys in the same
 * order.  Thread-safe. */
#ifndef TROMMEL_RECORD_DIFF_H
#define TROMMEL_RECORD_DIFF_H
#include "record/record.h"

#define DIFF_KIND_MAP(X)                                                                                     \
    X(EQUAL, equal)                                                                                          \
    X(DIFFERS, differs) /* both have it, and not the same */                                                 \
    X(MISSING, missing) /* only the old one has it */                                                        \
    X(EXTRA, extra)     /* only the new one */
enum diff_kind {
#define X(up, low) DIFF_##up,
    DIFF_KIND_MAP(X)
#undef X
    DIFF_KINDS
};
const char *diff_kind_name(enum diff_kind k); /* "missing" */

enum { DIFF_PATH_MAX = 512 }; /* bytes; longer ones are cut */

/* One field.  Borrowed during the call.  Where it is a map in one record and something else in the other,
 * the field is the map as a whole, and differs. */
struct diff_field {
    enum diff_kind kind;
    trommel_str path;            /* NUL-terminated as well */
    trommel_str old_raw, new_raw; /* its msgpack; empty where it is not */
};
/* Other than 0 ends the comparison, and is returned. */
typedef int diff_fn(void *arg, const struct diff_field *f);

/* Paths that are left out, each with all that lies under it ("chain", "x"). */
struct diff_ignore {
    const char *const *paths;
    size_t n;
};
/* What differs between two runs of the same page for no fault of its chain: chain, id, fetched_at, dedupe. */
extern const struct diff_ignore diff_ignore_run;

/* Calls fn (may be NULL) for every field of either, in the order of the old record, then within each map
 * what is extra. ignore may be NULL.  counts (may be NULL) gets the number of each kind. 0; what fn
 * returned; ERR_INVALID: one of them is no map, or no whole msgpack; ERR_LIMIT: deeper than
 * LIMIT_RECORD_DEPTH, or keys in such disorder that it would take too long.  *err may be NULL. */
int diff_records(trommel_str old_record, trommel_str new_record, const struct diff_ignore *ignore,
                 diff_fn *fn, void *arg, uint64_t counts[DIFF_KINDS], struct err *err);
/* Do both hold the same value?  1, 0, or an error as above. */
int diff_equal(trommel_str a, trommel_str b);
#endif
