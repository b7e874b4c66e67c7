/* job_change: changes of the chain of a crawl that runs, and what may be asked about them (chain/swap.h).
 *
 * The commands of the control socket and their fields:
 *
 *     stages         as swap_stages, and doing: what the change under way is at, or null
 *     history        as swap_history
 *     stage.add      file (an absolute path, or the name of a bundled stage), after, set
 *     stage.remove   id
 *     stage.replace  id, file, set
 *     stage.set      id, set: ["option=value", …]
 *     reorder        ids
 *     reload         file: of the configuration; without it the one that the crawl was started with
 *     rollback
 *
 * All from stage.add on change the chain, and may have: `network` and `despite_block` (true: as the operator
 * says, see swap.h), `policy` ({golden, keep, errors_max, slower_max, probation_pages, probation_ms,
 * worse_errors, crashes_max, worse_time}), `wait` (true: behind the change that is under way, instead of
 * error AGAIN), `settle` (true: the answer comes when its probation is over).  The answer is {generation,
 * live, message, golden, load_us, golden_us, live_us}; `error` has the same keys.
 *
 * Host, on its loop. */
#ifndef TROMMEL_JOB_CHANGE_H
#define TROMMEL_JOB_CHANGE_H
#include "chain/swap.h"
#include "control/control.h"
#include "job.h"

/* Sets j->change and j->swap; after the pool was opened.  Takes *start. */
int job_change_open(struct job *j, struct swap_start **start, struct err *err);
/* For pool_options.on_generation; arg is the job. */
void job_change_on_generation(void *arg, uint32_t generation, enum pool_gen_state state,
                              const struct err *why);
void job_change_turn(struct job *j);
/* When it wants another turn, in ms; -1: at the next event. */
int job_change_wait_ms(const struct job *j);
/* Ends what is under way with ERR_CLOSED.  Before the pool and the control socket are closed. */
void job_change_close(struct job *j);

/* ---- for job_control.c ---- */
void job_change_stages(struct job *j, struct control_call *call, const json_t *request);
void job_change_history(struct job *j, struct control_call *call, const json_t *request);
/* stage.add … rollback: `kind` says which. */
void job_change_ask(struct job *j, struct control_call *call, const json_t *request, enum swap_kind kind);
#endif
