/* sandbox: what the stages of a worker may do, and how the host learns what one of them tried.
 *
 * A stage is somebody's native code, and parses what strangers sent: the kernel, not the code, keeps it in.
 * The worker shuts itself in twice, by seccomp (libseccomp), Landlock and resource limits, for good:
 *
 *     what a stage does                        constructor, configure()     process(), close()
 *     read files "of its own" (see below)      yes                          only those that are open
 *     look files up (stat, readlink, access)   yes                          no
 *     map code, dlopen                         yes                          no
 *     allocate, map files that are open        to --worker-memory           to --worker-memory
 *     clocks, sleeping, random numbers         yes                          yes
 *     signals and handlers of its own          yes; SIGSYS is the sandbox's yes; SIGSYS is the sandbox's
 *     write to descriptors 1 and 2             yes: it is logged            yes: it is logged
 *     write, create, change, remove files      no                           no
 *     sockets, pipes, eventfds, timers         no                           no
 *     programs, processes, threads             no                           no
 *     trace, read, signal, limit others        no                           no
 *     any other system call                    no                           no
 *
 * Of its own are: the folder of its file (only the file, if that folder is /, the home folder, or one that
 * everybody may write), every file or folder that a value of an option names (TROMMEL_OPT_PATH; relative to
 * where the value was written), folders of system libraries and of their data (/lib, /usr/lib, /usr/share …),
 * folders in $LD_LIBRARY_PATH, what the C library asks of /proc and /sys about this process and the
 * processors, and /dev/null, zero, random, urandom, /etc/localtime and /etc/ld.so.cache.  All stages of a
 * chain are one process and share what is open.  An open that fails because there is no such file is no
 * violation.
 *
 * A stage that declares TROMMEL_F_NETWORK is refused, unless the host was told to let such stages run
 * (PROTO_NETWORK): then a child is forked that loads the chain in the sandbox only to see whether there is
 * one, and if so the worker stays outside of it, with all its stages; the host warns.  The constructor of
 * such a stage therefore must do with what others may.  TROMMEL_SANDBOX=off in the environment leaves all
 * workers outside, for debuggers.  So are builds with a sanitizer, whose runtime needs the forbidden.
 *
 * A violation ends the worker: the kernel refuses the call and raises SIGSYS; the handler (sandbox_trap.c)
 * notes in shared memory what was tried, and the process dies of SIGSYS.  A stage cannot take the handler
 * away, and blocks all signals but this one; those who get round that die of it unnamed.  Opening for reading
 * passes through the same handler while the chain is loaded: it tells files that are not the stage's own from
 * those that are, and so names them.
 *
 * What this is worth: the first filter and Landlock hold against hostile code, from the first constructor to
 * the end.  The second filter holds against hostile pages that take over an honest stage; hostile code that
 * was loaded could keep it from being set, and would then still be behind the first.  Without Landlock
 * (before Linux 5.13) files outside are refused by the handler alone, which hostile code can go round: it
 * could then read, but not write or send, what the user may read.  Memory is bounded by RLIMIT_AS, files by
 * RLIMIT_NOFILE and RLIMIT_FSIZE, CPU time by the host's watch; RLIMIT_CPU is the belt for a host that is
 * stopped. */
#ifndef TROMMEL_CHAIN_SANDBOX_H
#define TROMMEL_CHAIN_SANDBOX_H
#include "chain/load.h"
#include "chain/proto.h"

/* What was tried: the words for "it tried to …", and the mend. */
#define SANDBOX_ACT_MAP(X)                                                                                   \
    X(NONE, "", "")                                                                                          \
    X(SOCKET, "open a socket",                                                                               \
      "a stage that needs the network declares TROMMEL_F_NETWORK and runs with --allow-network-stages")      \
    X(OPEN, "open a file while pages run", "open it in configure()")                                         \
    X(LOOK, "look for a file while pages run", "do that in configure()")                                     \
    X(READ, "read a file that is not its own", "name the file in an option with TROMMEL_OPT_PATH")           \
    X(WRITE, "write a file", "a stage keeps nothing: put what it finds into the record")                     \
    X(CHANGE, "create, change or remove a file", "a stage leaves files as they are")                         \
    X(EXEC, "run a program", "call a library instead")                                                       \
    X(PROCESS, "start a process", "a stage is one process and one thread")                                   \
    X(THREAD, "start a thread", "a stage is one process and one thread; the chain runs once a core")         \
    X(TRACE, "trace or read another process", "a stage leaves other processes alone")                        \
    X(SIGNAL, "signal another process", "a stage leaves other processes alone")                              \
    X(CODE, "make memory executable while pages run", "compile in configure()")                              \
    X(HANDLER, "take the handler of SIGSYS", "that signal is the sandbox's")                                 \
    X(OTHER, "make a system call that stages do not need", "do without it")
enum sandbox_act {
#define X(name, text, mend) SANDBOX_##name,
    SANDBOX_ACT_MAP(X)
#undef X
        SANDBOX_ACTS
};

/* What a worker leaves behind, in the memory of its crumb: no more than a hint, for it can write there. */
struct sandbox_note {
    uint32_t act; /* SANDBOX_NONE: nothing was refused, or it is not known what */
    int32_t nr;   /* the system call's number */
    char path[512];
    char stage[72];      /* the id of the one that is configured */
    uint64_t base_bytes; /* address space in use before a stage was loaded */
};
_Static_assert(PROTO_NOTE_AT + sizeof(struct sandbox_note) <= PROTO_CRUMB_BYTES,
               "it lies behind the crash report");

/* ---- in the worker ---- */

/* How this worker stands: the host is told with READY. */
enum { SANDBOX_IN, SANDBOX_OUT_ENV, SANDBOX_OUT_NETWORK, SANDBOX_OUT_BUILD, SANDBOX_STATES };
#define SANDBOX_NO_LANDLOCK 0x100u

/* Before any file of the chain is loaded: resource limits and the first filter, or none of it (see above).
 * *ret_state as the enum says, and SANDBOX_NO_LANDLOCK.  ERR_REFUSED: the kernel has no seccomp; the message
 * says the mend.  note: mapped for as long as the process lives. */
int sandbox_load(const struct chain_config *config, const struct proto_config *head,
                 struct sandbox_note *note, unsigned *ret_state, struct err *err);
/* When the chain is loaded: no stage of it needs the network, or it may.  *ret: the first that does, or
 * SLOT_NONE. */
int sandbox_admit(const struct chain *chain, const struct proto_config *head, uint32_t *ret, struct err *err);
/* When it is configured: the second filter, if there is a first. */
int sandbox_serve(struct err *err);
/* Before a page: that much CPU time is used (us), and one page may have so much (ms).  Costs a system call
 * every minute of CPU time. */
void sandbox_page(uint64_t cpu_us, uint32_t page_ms);

/* ---- in the host ---- */

/* Copies a worker's note and makes it bounded and printable. */
void sandbox_note_read(const volatile void *where, struct sandbox_note *ret);
/* The sentence about a worker that died of SIGSYS: "it tried to …: mend". */
void sandbox_tell(const struct sandbox_note *note, char *to, size_t n);
/* What the host should say about a generation whose workers stand so; stage: which needs the network. Returns
 * the level of base/log.h, or -1: there is nothing to say. */
int sandbox_remark(unsigned state, const char *stage, char *to, size_t n);
#endif
