/* job_shadow: the shadow run of a crawl (chain/shadow.h), one at a time.
 *
 * The commands of the control socket and their fields:
 *
 *     shadow          file, sample (the share of the pages, 0 to 1), replace or after (ids), set,
 *                     network: the live chain with that file in it runs beside it; the answer comes
 *                     when its worker is ready
 *     shadow.report   of the run that is, or that was last
 *     shadow.stop
 *
 * Each answers with the report, as shadow_report.  Host, on its loop. */
#ifndef TROMMEL_JOB_SHADOW_H
#define TROMMEL_JOB_SHADOW_H
#include "chain/shadow.h"
#include "control/control.h"
#include "job.h"

/* A page that was just handed to the live chain: NULL, or what to tell its result to. */
struct shadow_pair *job_shadow_page(struct job *j, const struct pool_page *page);
/* 1: it was news of the shadow's generation. */
int job_shadow_on_generation(struct job *j, uint32_t generation, enum pool_gen_state state,
                             const struct err *why);
/* Now and then: a candidate that does not come up is given up. */
void job_shadow_turn(struct job *j);
/* After the pool was closed. */
void job_shadow_close(struct job *j);

/* ---- for job_control.c ---- */
void job_shadow_ask(struct job *j, struct control_call *call, const json_t *request);
void job_shadow_report(struct job *j, struct control_call *call, const json_t *request);
void job_shadow_stop(struct job *j, struct control_call *call, const json_t *request);
#endif
