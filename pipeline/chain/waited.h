/* waited: how long a page kept its worker waiting (a stage that sleeps, or waits for a program of its own).
 * Internal to chain/; worker.
 *
 * What the wall clock says beyond the CPU time is not it: on a busy machine most of that is waiting for a
 * core.  It is taken for waiting only where the process gave its core away by itself (voluntary context
 * switches).  To ask for those costs a system call, so it is only asked for some pages after one that took
 * much longer than its CPU time. */
#ifndef TROMMEL_CHAIN_WAITED_H
#define TROMMEL_CHAIN_WAITED_H
#include <stdint.h>

struct waited {
    uint64_t wall_us;   /* when the page began */
    long switches;      /* voluntary ones till then */
    unsigned attention; /* pages that are still to be looked at */
    int is_counted;     /* of this page they are known */
};
void waited_begin(struct waited *w);
/* cpu_us: what the page took of it. */
uint64_t waited_end(struct waited *w, uint64_t cpu_us);
#endif
