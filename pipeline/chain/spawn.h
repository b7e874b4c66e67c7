/* spawn: starts a worker process and reaps it.  Internal to chain/. */
#ifndef TROMMEL_CHAIN_SPAWN_H
#define TROMMEL_CHAIN_SPAWN_H
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "chain/exec.h"

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

/* ring, crumb: descriptors it inherits; borrowed.  plan: the programs of its exec stages (NULL: none), which are
 * started as well; end them with exec_end. */
int child_start(const char *path, int ring, int crumb, const struct exec_plan *plan, struct child *ret,
                struct exec_set *ret_programs, struct err *err);
/* Forgets it, closes all: it is the process's that this one was forked from. */
void child_leave(struct child *c);
/* Kills it if it lives, reaps it, closes all. */
struct child_end child_end(struct child *c);
/* CPU time so far, user and system; 0 if it cannot be told. */
uint64_t child_cpu_us(const struct child *c);

/* Starts a program with descriptors 0 to n - 1 from fds, in a process group of its own, all signals as by
 * default.  0 or errno. */
int spawn_program(const char *path, char *const argv[], char *const env[], const int *fds, unsigned n, pid_t *ret);
/* Moves a descriptor above those that an inheritor has; close-on-exec.  ERR_IO. */
int fd_lift(int *fd);
void fd_close(int *fd); /* it is -1 then */
#endif
