/* sandbox_own: the parts of the sandbox in the worker; see sandbox.h.  Internal to sandbox*.c. */
#ifndef TROMMEL_CHAIN_SANDBOX_OWN_H
#define TROMMEL_CHAIN_SANDBOX_OWN_H
#include <seccomp.h>

#include "chain/sandbox.h"

/* The sixth argument of those calls of openat and rt_sigprocmask that are the handler's and let through.  It
 * is no secret and holds nothing back but honest code, which is how the handler gets to judge and name: what
 * must hold, holds without it. */
#define SANDBOX_COOKIE 0x74726f6d6d656c31u
/* Bits of open's flags that make it more than reading. */
#define SANDBOX_OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC)

/* ---- sandbox_rules.c ---- */
enum { RULES_LOADING = 1, RULES_SERVING = 2 };
/* A filter, not in force yet; NULL: out of memory or no such machine. */
scmp_filter_ctx rules_make(unsigned phase);
/* In force from here on; frees it.  A negative errno. */
int rules_load(scmp_filter_ctx *rules);

/* ---- sandbox_paths.c ---- */
struct paths {
    char **real; /* files and folders, symbolic links resolved */
    size_t n;
};
/* What the chain may read.  ERR_NOMEM. */
int paths_make(struct paths *p, const struct chain_config *config);
void paths_release(struct paths *p);
/* Is that path, which has no symbolic links in it, one of them or below one? */
int paths_hold(const struct paths *p, const char *real);
/* Landlock: only these can be read from here on.  1: the kernel has none.  0, or a negative errno. */
int paths_lock(const struct paths *p);

/* ---- sandbox_trap.c ---- */
/* Installs the handler.  paths: until trap_serve. */
int trap_set(struct sandbox_note *note, const struct paths *paths);
/* From now on nothing may be opened. */
void trap_serve(void);
/* What a system call is, as far as its number says. */
enum sandbox_act trap_act(int nr, int *ret_path);
#endif
