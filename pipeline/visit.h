/* visit: one URL's trip through the job, from the frontier to its end.
 *
 *     QUEUED ─► FETCHING ─► (ARCHIVING ─►) WAITING ─► CHAIN ─► DELIVERING ─► ended
 *
 * The states are one list; visit_move is the only setter and traces each move.  A visit is done only
 * when its record is acknowledged, or it was dropped with a reason, or quarantined; what is interrupted
 * earlier is still queued in the frontier. */
#ifndef TROMMEL_VISIT_H
#define TROMMEL_VISIT_H
#include "job.h"

#define VISIT_STATE_MAP(X)                                                           \
    X(TAKEN, taken)           /* out of the frontier; no credits yet */              \
    X(FETCHING, fetching)     /* a transfer runs; holds credits */                   \
    X(ARCHIVING, archiving)   /* its WARC record is not on disk yet */               \
    X(WAITING, waiting)       /* body is whole; no room in the pool yet */           \
    X(CHAIN, chain)           /* with a worker */                                    \
    X(DELIVERING, delivering) /* with the sink or the dead letters */                \
    X(ENDED, ended)
enum visit_state {
#define X(up, low) VISIT_##up,
    VISIT_STATE_MAP(X)
#undef X
};

/* Starts what may be started: takes URLs, starts fetches, hands pages to workers. */
void visit_pump(struct job *j);
/* Callbacks that the job wires to the parts. */
void visit_on_result(void *job, void *user, const struct pool_result *r);
void visit_on_ack(void *job, void *user, int how, const char *message);
void visit_on_dead_ack(void *job, void *user, int how, const char *message);
void visit_on_refused(void *job, const struct frontier_item *item);
/* Ends everything under way as unfinished: the job is being closed, no callback comes any more. */
void visit_abandon(struct job *j);
/* Tells the sinks which ids are written down. */
void visit_commit(struct job *j);
#endif
