/* job_control: what may be asked of a crawl that runs, and told to it, over its control socket
 * (control/control.h).
 *
 * The commands and their fields; `trommel ctl` sends these.  Any other field is an error.
 *
 *     status      {job, pid, version, state, since, uptime_s, pages, pages_s, mb_s, counts, queue,
 *                 fetching, waiting, in_chain, sink, budget, memory, chain, generations}
 *     pause       no URL is taken any more; what is under way finishes.  It lasts until `resume`; a
 *                 crawl that is started again is not paused
 *     resume
 *     stop        as SIGTERM; `grace`: seconds for what is under way, instead of --grace.  With `wait`
 *                 the answer comes when the job's folder is free again
 *
 * The last three answer {state, changed}: `running`, `paused`, `stopping` or `ended`; was it another before?
 *
 *     changes of the chain, `stages`, `history`: job_change.h; shadow runs: job_shadow.h
 *
 * Host, on its loop. */
#ifndef TROMMEL_JOB_CONTROL_H
#define TROMMEL_JOB_CONTROL_H
#include "job.h"

/* Opens the socket; sets j->control.  ERR_EXISTS: something is in the way there.  Where no socket can be made
 * it warns, and the crawl runs without one. */
int job_control_open(struct job *j, struct err *err);
/* Call it after every pool_dispatch, and on every beat. */
void job_control_turn(struct job *j);
/* The loop is about to stop: nothing more is heard. */
void job_control_quiet(struct job *j);
/* The folder is free again: tells those who wait for that, and closes; runs the loop for it. */
void job_control_close(struct job *j);
#endif
