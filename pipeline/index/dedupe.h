/* dedupe index: which pages of the run say the same.  One writer: the host.
 *
 * The stage makes a sketch of a page's content; the host claims it here in the order in which records
 * arrive, commits when the record is acknowledged, releases when it will not be delivered.  Until it is
 * committed a claim is seen by later pages of the same run (they are duplicates of a page in flight),
 * but it is not written down: after a crash it never was.  Method, thresholds and their sources: dedupe.c. */
#ifndef TROMMEL_INDEX_DEDUPE_H
#define TROMMEL_INDEX_DEDUPE_H
#include "record/record.h"

struct dedupe;
enum dedupe_relation { DEDUPE_UNIQUE, DEDUPE_EXACT, DEDUPE_NEAR, DEDUPE_PART };
struct dedupe_verdict {
    enum dedupe_relation relation;
    uint8_t cluster[RECORD_ID_BYTES]; /* id of the cluster's first page */
    uint8_t of[RECORD_ID_BYTES];      /* the page it repeats; zero if unique */
    double similarity;                /* 0..1; 1 for exact */
};

/* path: the log that keeps committed sketches between runs; NULL: memory only.  A torn tail is cut. */
int dedupe_open(const char *path, struct dedupe **ret, struct err *err);
/* ERR_INVALID if the sketch is malformed (it comes from a worker).  Claiming an id again gives the same
 * verdict as before (a retry is never its own duplicate). */
int dedupe_claim(struct dedupe *d, const uint8_t id[RECORD_ID_BYTES], trommel_str sketch,
                 struct dedupe_verdict *ret);
int dedupe_commit(struct dedupe *d, const uint8_t id[RECORD_ID_BYTES]);
void dedupe_release(struct dedupe *d, const uint8_t id[RECORD_ID_BYTES]);
/* Writes what is committed to the file; the caller says when (a batch). */
int dedupe_sync(struct dedupe *d);
/* This process is a child of the one that opened it: what has not been written is the parent's to write. */
void dedupe_leave(struct dedupe *d);
void dedupe_close(struct dedupe *d); /* NULL-safe */
/* Adds the field `dedupe` to a finished record: relation, cluster, of, similarity, sketch, scope. */
int dedupe_settle(struct buf *record, const struct dedupe_verdict *v, trommel_str sketch);
#endif
