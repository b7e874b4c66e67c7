/* apart: runs a function in a process of its own, and says how that went.
 *
 * For whatever runs a stage's code outside the pool's workers: reading its table, trying it on one page,
 * checking it. The child is a fork without exec, so the caller must have one thread.  It has a process group
 * of its own, which is killed when it ends: nothing that a stage started outlives it.  Internal to chain/. */
#ifndef TROMMEL_CHAIN_APART_H
#define TROMMEL_CHAIN_APART_H
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct apart_options {
    /* In the child.  What it writes to `out` comes back; when it returns, the child ends with status 0. */
    void (*run)(void *arg, int out);
    void *arg;
    size_t out_max;           /* more is the end of it */
    uint64_t memory_bytes;    /* address space; 0: as it is; not under a sanitizer */
    unsigned cpu_ms, idle_ms; /* CPU time it may take; time that passes without its using any; 0: any */
    int listen; /* 1: what is written to descriptors 0 to 2 is told; 0: it goes to our standard error.  There
                 * is nothing to read from 0 either way */
    /* Every few milliseconds, with the CPU time used so far: why it must be killed, or NULL.  May be NULL. */
    const char *(*watch)(void *arg, uint64_t cpu_ns);
};

#define APART_MAP(X)                                                                                         \
    X(EXITED)  /* status */                                                                                  \
    X(SIGNAL)  /* signal */                                                                                  \
    X(CPU)     /* over cpu_ms */                                                                             \
    X(IDLE)    /* over idle_ms */                                                                            \
    X(WATCHED) /* why */                                                                                     \
    X(FLOOD)   /* out_max */
enum apart_how {
#define X(name) APART_##name,
    APART_MAP(X)
#undef X
};

struct apart_end {
    enum apart_how how;
    int status, signal;
    const char *why;
    uint64_t cpu_us, peak_bytes;
    struct buf out;
    struct apart_said { /* on descriptors 0 to 2 */
        uint64_t n;
        char text[100]; /* how it begins, printable, NUL-terminated */
    } said[3];
};

/* 0 whatever the child did; an error if there could be none.  *ret is to be released. */
int apart_run(const struct apart_options *opt, struct apart_end *ret, struct err *err);
void apart_end_release(struct apart_end *e); /* NULL-safe */
/* "died of signal 11 (Segmentation fault)", "used no CPU time for 30 s": how it ended, for people. */
const char *apart_words(const struct apart_end *e, char out[200]);
#endif
