/* exec: the programs of a chain's `exec` stages: found, judged, started, restarted and ended by the host.
 *
 * A worker never starts a process.  For every `exec` item of its chain the host makes two pipes and starts
 * a keeper (the worker program in another role, exec_keeper.c), which starts the user's
 * program with its limits; the worker inherits the other ends of the pipes at numbers that follow from the
 * configuration (exec_fd).  So each worker has programs of its own, and talks to them with read and write
 * only.
 *
 *     host ──┬── worker ═══ two pipes ═══╗
 *            └── keeper ──── the program ╝ ── whatever it starts
 *
 * A worker and its programs live and die together: a program that dies, is late, or is out of step with
 * its worker takes the worker with it (PROTO_LOST), a worker that dies takes its programs, and the host
 * starts all of them anew with new pipes.  That is the whole of resynchronisation: no byte of an old
 * conversation can reach a new one, and what a death costs is decided in one place (blame.c): the page at
 * hand is run again if others had been served before, else quarantined with the stage's name.
 *
 * Nothing stays behind.  The keeper adopts every orphan of what it started (PR_SET_CHILD_SUBREAPER) and
 * ends only when wait(2) says that it has no child left; it begins to kill when its program ends, when the
 * host says so, and when the host is gone (the end of its life line, a socket).  If the keeper itself is
 * killed by hand, the kernel kills the program (PR_SET_PDEATHSIG); only then what the program started may
 * stay.
 *
 * The program's standard error goes to the log, each line with the stage's id before it.  It may use the
 * network and read what the user may: it is the user's own, unlike a page.
 *
 * Internal to chain/. */
#ifndef TROMMEL_CHAIN_EXEC_H
#define TROMMEL_CHAIN_EXEC_H
#include <stdint.h>
#include <sys/types.h>

#include "chain/chain.h"

enum {
    EXEC_MAX = 8,            /* exec stages in a chain */
    EXEC_FDS = 2 * EXEC_MAX, /* descriptors of a worker: for each, its program's standard input and output */
    EXEC_WORDS_MAX = 64,     /* of a command */
    EXEC_COMMAND_BYTES = 4096,
    EXEC_FILES_BYTES = 64 << 20, /* of each file of a command, read for the digest */
    EXEC_NOFILE = 256            /* open files of a program */
};

/* ---- which items are exec stages: the same answers in host and worker ---- */

/* The stage's id if `ref` is `exec` or `exec.NAME`, which is ref itself; NULL if it is another stage. */
const char *exec_id(const char *ref);
unsigned exec_count(const struct chain_config *c);
/* The descriptor in a worker that writes to the program of this item; the next one reads from it.  -1: no
 * exec. */
int exec_fd(const struct chain_config *c, size_t item);

/* ---- host: what is to be started for a configuration ---- */

struct exec_plan;
/* Reads the options of the exec stages, finds their programs, sets each one's option `digest` in *c.  NULL
 * in *ret if there is no such stage.  ERR_USAGE, ERR_REFUSED: the message names the stage, what is wrong
 * and the mend. */
int exec_plan_make(struct chain_config *c, struct exec_plan **ret, struct err *err);
void exec_plan_free(struct exec_plan *plan); /* NULL-safe */
/* Could others have written the programs, or the files that their commands name (store.h: stage_file_judge)?
 * For changes that are asked for while a crawl runs; commands that `live` (NULL: none) has as well are not
 * asked about again.  ERR_REFUSED, and what exec_plan_make says. */
int exec_judge(const struct chain_config *c, const struct chain_config *live, struct err *err);

/* ---- host: the programs of one worker ---- */

/* What a keeper says last, over its life line. */
struct exec_report {
    int32_t status;    /* the program's, as wait gave it */
    int32_t by_itself; /* it had ended before the keeper ended it, as far as the keeper knew */
};
struct exec_one {
    pid_t pid; /* of the keeper; 0: none */
    int pidfd; /* -1: the kernel has none */
    int life;  /* shut: it ends all that it keeps */
    int has_report;
    struct exec_report report; /* after exec_end */
};
struct exec_set {
    struct exec_one ones[EXEC_MAX];
    unsigned n;
    int fds[EXEC_FDS]; /* the worker's, to be inherited: 2 * n, each above all that exec_fd gives */
};
/* Starts all of a plan (NULL: none).  log: what they say goes there; borrowed.  On error nothing is left.
 * ERR_REFUSED: a program's bytes are not those of exec_plan_make. */
int exec_start(const struct exec_plan *plan, const char *worker_path, int log, struct exec_set *ret,
               struct err *err);
/* The worker has its descriptors. */
void exec_handed(struct exec_set *s);
/* Ends all of them with everything that they started, and waits for that; returns the CPU time of all. */
uint64_t exec_end(struct exec_set *s);
/* Forgets them, closes all: they are the process's that this one was forked from. */
void exec_leave(struct exec_set *s);
/* After exec_end: how one ended by itself: " (status 3)", " (signal 11, Segmentation fault)"; "" if it had
 * to be ended, or that is not known. */
void exec_how(const struct exec_set *s, unsigned index, char *to, size_t n);
/* CPU time of the programs so far; of what they started only when it has ended. */
uint64_t exec_cpu_us(const struct exec_set *s);

/* ---- the keeper's process ---- */

/* argv: "keep", the stage's id, the folder, bytes of address space, bytes of a file, the program's path,
 * its words.  Descriptors: 0 and 1 the program's, 2 the log, 3 the life line. */
int exec_keeper(int argc, char **argv);
#define EXEC_KEEPER "keep"
enum { EXEC_LIFE_FD = 3 };
#endif
