/* spawn: starts a worker process and reaps it.  Internal to chain/. */
#ifndef TROMMEL_CHAIN_SPAWN_H
#define TROMMEL_CHAIN_SPAWN_H
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct child {
    pid_t pid;     /* 0: none */
    int pidfd;     /* readable when it has died; -1: the kernel has none */
    int sock, log; /* its socket; what it writes to stderr */
    int life;      /* closed by our death: the kernel then kills it */
};

struct child_end {
    int known; /* 0: somebody else reaped it */
    int signal, status;
    uint64_t cpu_us, peak_bytes;
};

/* ring, crumb: descriptors it inherits; borrowed. */
int child_start(const char *path, int ring, int crumb, struct child *ret, struct err *err);
/* Kills it if it lives, reaps it, closes all. */
struct child_end child_end(struct child *c);
/* CPU time so far, user and system; 0 if it cannot be told. */
uint64_t child_cpu_us(const struct child *c);
#endif
