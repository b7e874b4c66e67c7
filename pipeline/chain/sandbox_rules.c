/* sandbox_rules: the system calls a worker may make, as two filters; see sandbox.h.
 *
 * What is not named here is refused by SIGSYS (SCMP_ACT_TRAP), so that it can be named; calls of another
 * architecture (int 0x80, x32) end the process.  The calls that every page makes stand without conditions:
 * the kernel keeps those in a bitmap and does not run the filter for them.  Numbers are libseccomp's, which
 * are negative, and never match, where a machine has no such call. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "chain/sandbox_own.h"

#define BOTH (RULES_LOADING | RULES_SERVING)

/* Allowed without conditions: always, and while the chain is loaded. */
static const int always[] = {
    /* the channel, and files that are open */
    SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(shutdown), SCMP_SYS(read),
    SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek),
    SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(fadvise64), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
    SCMP_SYS(pselect6),
    /* memory */
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    /* clocks */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times),
    SCMP_SYS(getrusage), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(pause),
    /* this process */
    SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(sysinfo), SCMP_SYS(uname),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(exit), SCMP_SYS(exit_group)
};
static const int loading[] = {
    /* code; looking for files; the second filter */
    SCMP_SYS(mmap),       SCMP_SYS(mprotect), SCMP_SYS(newfstatat), SCMP_SYS(stat),
    SCMP_SYS(lstat),      SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),     SCMP_SYS(statfs),   SCMP_SYS(fstatfs),    SCMP_SYS(dup),
    SCMP_SYS(seccomp)
};

struct row_if {
    int nr;
    unsigned phases;
    struct scmp_arg_cmp cmp[2]; /* all of them, as many as are given */
};
#define IS(i, value)                                                                                         \
    {                                                                                                        \
        .arg = (i), .op = SCMP_CMP_EQ, .datum_a = (value)                                                    \
    }
#define BITS(i, mask, value)                                                                                 \
    {                                                                                                        \
        .arg = (i), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value)                          \
    }
static const struct row_if conditional[] = {
    { SCMP_SYS(mmap), RULES_SERVING, { BITS(2, PROT_EXEC, 0) } },
    { SCMP_SYS(mprotect), RULES_SERVING, { BITS(2, PROT_EXEC, 0) } },
    /* fstat() of the C library: with a path it tells what stat would, and no more */
    { SCMP_SYS(newfstatat), RULES_SERVING, { BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH) } },
    { SCMP_SYS(openat), RULES_LOADING, { IS(5, SANDBOX_COOKIE), BITS(2, SANDBOX_OPEN_WRITES, 0) } },
    { SCMP_SYS(fcntl), BOTH, { IS(1, F_GETFD) } },
    { SCMP_SYS(fcntl), BOTH, { IS(1, F_SETFD) } },
    { SCMP_SYS(fcntl), BOTH, { IS(1, F_GETFL) } },
    { SCMP_SYS(ioctl), BOTH, { IS(1, TCGETS) } },
    { SCMP_SYS(prlimit64), BOTH, { IS(0, 0) } },
    { SCMP_SYS(prctl), BOTH, { IS(0, PR_SET_NAME) } },
    { SCMP_SYS(prctl), BOTH, { IS(0, PR_SET_VMA) } },
    /* else the handler does it, without SIGSYS */
    { SCMP_SYS(rt_sigprocmask), BOTH, { IS(0, SIG_UNBLOCK) } },
    { SCMP_SYS(rt_sigprocmask), BOTH, { IS(1, 0) } },
    { SCMP_SYS(rt_sigprocmask), BOTH, { IS(5, SANDBOX_COOKIE) } },
    /* every signal but SIGSYS, 31: a bit of the lower five is not set, or the sixth is */
    { SCMP_SYS(rt_sigaction), BOTH, { BITS(0, 1, 0) } },
    { SCMP_SYS(rt_sigaction), BOTH, { BITS(0, 2, 0) } },
    { SCMP_SYS(rt_sigaction), BOTH, { BITS(0, 4, 0) } },
    { SCMP_SYS(rt_sigaction), BOTH, { BITS(0, 8, 0) } },
    { SCMP_SYS(rt_sigaction), BOTH, { BITS(0, 16, 0) } },
    { SCMP_SYS(rt_sigaction), BOTH, { BITS(0, 32, 32) } },
};
_Static_assert(SIGSYS == 31, "the bits above are those of another number");

/* raise() and abort(): signals to this process only. */
static int rules_add_own(scmp_filter_ctx f)
{
    static const int calls[] = { SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(tgkill) };
    const struct scmp_arg_cmp own = IS(0, (scmp_datum_t)getpid());
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof calls / sizeof calls[0]; i++)
        rc = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, calls[i], 1, &own);
    return rc;
}

static int rules_add(scmp_filter_ctx f, unsigned phase)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof always / sizeof always[0]; i++)
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, always[i], 0);
    for (size_t i = 0; !rc && phase == RULES_LOADING && i < sizeof loading / sizeof loading[0]; i++)
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, loading[i], 0);
    for (size_t i = 0; !rc && i < sizeof conditional / sizeof conditional[0]; i++)
        if (conditional[i].phases & phase)
            rc = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, conditional[i].nr,
                                        conditional[i].cmp[1].op ? 2 : 1, conditional[i].cmp);
    return rc ? rc : rules_add_own(f);
}

scmp_filter_ctx rules_make(unsigned phase)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_TRAP);

    if (!f)
        return NULL;
    /* no_new_privs is set already.  Speculation: a worker has nothing to hide from itself, and closing that
     * costs what older kernels would take from every page. */
    if (seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) ||
        seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0) || seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) ||
        rules_add(f, phase)) {
        seccomp_release(f);
        return NULL;
    }
    seccomp_attr_set(f, SCMP_FLTATR_CTL_SSB, 1); /* not in older kernels */
    return f;
}

int rules_load(scmp_filter_ctx *rules)
{
    int rc = seccomp_load(*rules);

    seccomp_release(*rules);
    *rules = NULL;
    return rc;
}
