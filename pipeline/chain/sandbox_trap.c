/* sandbox_trap: the handler of SIGSYS, by which refused system calls are judged and named; see sandbox.h.
 *
 * It runs on the stack that crash.h made, in the midst of anything: no locks, no memory, no formatting. While
 * the chain is loaded it also makes the stages' opens for them, with the cookie that the filter wants, after
 * a look at where the path leads.  All else ends the process. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "chain/crash.h"
#include "chain/sandbox_own.h"

enum { REAL_MAX = 4096 };

static struct {
    struct sandbox_note *note;
    const struct paths *paths; /* NULL: pages run */
} trap;

/* ---- what a call is ---- */

/* path: which argument names a file, counted from 1; 0 none. */
static const struct {
    int nr, path;
    enum sandbox_act act;
} acts[] = {
    { SCMP_SYS(socket), 0, SANDBOX_SOCKET },
    { SCMP_SYS(socketpair), 0, SANDBOX_SOCKET },
    { SCMP_SYS(connect), 0, SANDBOX_SOCKET },
    { SCMP_SYS(bind), 0, SANDBOX_SOCKET },
    { SCMP_SYS(listen), 0, SANDBOX_SOCKET },
    { SCMP_SYS(accept), 0, SANDBOX_SOCKET },
    { SCMP_SYS(accept4), 0, SANDBOX_SOCKET },
    { SCMP_SYS(open), 1, SANDBOX_OPEN },
    { SCMP_SYS(openat), 2, SANDBOX_OPEN },
    { SCMP_SYS(openat2), 2, SANDBOX_OPEN },
    { SCMP_SYS(stat), 1, SANDBOX_LOOK },
    { SCMP_SYS(lstat), 1, SANDBOX_LOOK },
    { SCMP_SYS(newfstatat), 2, SANDBOX_LOOK },
    { SCMP_SYS(statx), 2, SANDBOX_LOOK },
    { SCMP_SYS(access), 1, SANDBOX_LOOK },
    { SCMP_SYS(faccessat), 2, SANDBOX_LOOK },
    { SCMP_SYS(faccessat2), 2, SANDBOX_LOOK },
    { SCMP_SYS(readlink), 1, SANDBOX_LOOK },
    { SCMP_SYS(readlinkat), 2, SANDBOX_LOOK },
    { SCMP_SYS(getdents64), 0, SANDBOX_LOOK },
    { SCMP_SYS(getcwd), 0, SANDBOX_LOOK },
    { SCMP_SYS(creat), 1, SANDBOX_WRITE },
    { SCMP_SYS(truncate), 1, SANDBOX_WRITE },
    { SCMP_SYS(ftruncate), 0, SANDBOX_WRITE },
    { SCMP_SYS(fallocate), 0, SANDBOX_WRITE },
    { SCMP_SYS(pwrite64), 0, SANDBOX_WRITE },
    { SCMP_SYS(unlink), 1, SANDBOX_CHANGE },
    { SCMP_SYS(unlinkat), 2, SANDBOX_CHANGE },
    { SCMP_SYS(rename), 1, SANDBOX_CHANGE },
    { SCMP_SYS(renameat), 2, SANDBOX_CHANGE },
    { SCMP_SYS(renameat2), 2, SANDBOX_CHANGE },
    { SCMP_SYS(mkdir), 1, SANDBOX_CHANGE },
    { SCMP_SYS(mkdirat), 2, SANDBOX_CHANGE },
    { SCMP_SYS(rmdir), 1, SANDBOX_CHANGE },
    { SCMP_SYS(link), 2, SANDBOX_CHANGE },
    { SCMP_SYS(linkat), 4, SANDBOX_CHANGE },
    { SCMP_SYS(symlink), 2, SANDBOX_CHANGE },
    { SCMP_SYS(symlinkat), 3, SANDBOX_CHANGE },
    { SCMP_SYS(chmod), 1, SANDBOX_CHANGE },
    { SCMP_SYS(fchmod), 0, SANDBOX_CHANGE },
    { SCMP_SYS(fchmodat), 2, SANDBOX_CHANGE },
    { SCMP_SYS(chown), 1, SANDBOX_CHANGE },
    { SCMP_SYS(fchown), 0, SANDBOX_CHANGE },
    { SCMP_SYS(fchownat), 2, SANDBOX_CHANGE },
    { SCMP_SYS(mknod), 1, SANDBOX_CHANGE },
    { SCMP_SYS(mknodat), 2, SANDBOX_CHANGE },
    { SCMP_SYS(utimensat), 2, SANDBOX_CHANGE },
    { SCMP_SYS(setxattr), 1, SANDBOX_CHANGE },
    { SCMP_SYS(execve), 1, SANDBOX_EXEC },
    { SCMP_SYS(execveat), 2, SANDBOX_EXEC },
    { SCMP_SYS(fork), 0, SANDBOX_PROCESS },
    { SCMP_SYS(vfork), 0, SANDBOX_PROCESS },
    { SCMP_SYS(clone), 0, SANDBOX_PROCESS },
    { SCMP_SYS(clone3), 0, SANDBOX_PROCESS },
    { SCMP_SYS(ptrace), 0, SANDBOX_TRACE },
    { SCMP_SYS(process_vm_readv), 0, SANDBOX_TRACE },
    { SCMP_SYS(process_vm_writev), 0, SANDBOX_TRACE },
    { SCMP_SYS(kcmp), 0, SANDBOX_TRACE },
    { SCMP_SYS(pidfd_open), 0, SANDBOX_TRACE },
    { SCMP_SYS(pidfd_getfd), 0, SANDBOX_TRACE },
    { SCMP_SYS(kill), 0, SANDBOX_SIGNAL },
    { SCMP_SYS(tkill), 0, SANDBOX_SIGNAL },
    { SCMP_SYS(tgkill), 0, SANDBOX_SIGNAL },
    { SCMP_SYS(rt_sigqueueinfo), 0, SANDBOX_SIGNAL },
    { SCMP_SYS(rt_tgsigqueueinfo), 0, SANDBOX_SIGNAL },
    { SCMP_SYS(pidfd_send_signal), 0, SANDBOX_SIGNAL },
    { SCMP_SYS(mmap), 0, SANDBOX_CODE },
    { SCMP_SYS(mprotect), 0, SANDBOX_CODE },
    { SCMP_SYS(pkey_mprotect), 0, SANDBOX_CODE },
    { SCMP_SYS(rt_sigaction), 0, SANDBOX_HANDLER },
    { SCMP_SYS(sigaltstack), 0, SANDBOX_HANDLER },
};

enum sandbox_act trap_act(int nr, int *ret_path)
{
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        if (acts[i].nr == nr) {
            *ret_path = acts[i].path;
            return acts[i].act;
        }
    *ret_path = 0;
    return SANDBOX_OTHER;
}

/* ---- registers ---- */

struct call {
    const siginfo_t *info;
    ucontext_t *context;
    int nr;
    unsigned long arg[6];
    unsigned long *result;
};

static void call_read(const siginfo_t *si, ucontext_t *uc, struct call *ret)
{
    *ret = (struct call){ .info = si, .context = uc, .nr = si->si_syscall };
#if defined(__x86_64__)
    static const int regs[6] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };
    for (int i = 0; i < 6; i++)
        ret->arg[i] = (unsigned long)uc->uc_mcontext.gregs[regs[i]];
    ret->result = (unsigned long *)&uc->uc_mcontext.gregs[REG_RAX];
#elif defined(__aarch64__)
    for (int i = 0; i < 6; i++)
        ret->arg[i] = uc->uc_mcontext.regs[i];
    ret->result = (unsigned long *)&uc->uc_mcontext.regs[0];
#else
#error "sandbox_trap: say which registers hold a system call's arguments and result on this machine"
#endif
}

/* Can the eight bytes around p be read?  The kernel looks at the new mask before it finds the first argument
 * wrong, and changes nothing. */
static int is_readable(const char *p)
{
    const void *word = (const void *)((uintptr_t)p & ~(uintptr_t)7);

    return syscall(SYS_rt_sigprocmask, ~0L, word, NULL, 8L, 0L, (unsigned long)SANDBOX_COOKIE) == 0 ||
           errno != EFAULT;
}

/* As much of a stranger's string as can be read. */
static void text_copy(char *to, size_t size, unsigned long from)
{
    const char *p = (const char *)from;
    size_t n = 0;

    while (n + 1 < size && ((n && (uintptr_t)(p + n) % 8) || is_readable(p + n)) && p[n]) {
        to[n] = p[n];
        n++;
    }
    to[n] = 0;
}

/* ---- the end ---- */

/* Does not return: with the signal blocked, as it is in its handler, the next refused call kills. */
static void refuse(const struct call *c, enum sandbox_act act, unsigned long path)
{
    struct sigaction dflt = { .sa_handler = SIG_DFL };

    trap.note->nr = c->nr;
    if (path)
        text_copy(trap.note->path, sizeof trap.note->path, path);
    __atomic_store_n(&trap.note->act, (uint32_t)act, __ATOMIC_RELEASE);
    crash_write(SIGSYS, c->info, c->context);
    sigaction(SIGSYS, &dflt, NULL);
    _exit(128 + SIGSYS); /* outside of any filter: a raised SIGSYS */
}

static enum sandbox_act act_of(const struct call *c, unsigned long *ret_path)
{
    int path;
    enum sandbox_act act = trap_act(c->nr, &path);

    *ret_path = path ? c->arg[path - 1] : 0;
    if (c->nr == SCMP_SYS(clone) && (c->arg[0] & CLONE_THREAD))
        act = SANDBOX_THREAD;
    if (c->nr == SCMP_SYS(clone3) && is_readable((const char *)c->arg[0]) &&
        (*(const uint64_t *)c->arg[0] & CLONE_THREAD))
        act = SANDBOX_THREAD;
    if (c->nr == SCMP_SYS(openat) && (c->arg[2] & SANDBOX_OPEN_WRITES))
        act = SANDBOX_WRITE;
    if (c->nr == SCMP_SYS(open) && (c->arg[1] & SANDBOX_OPEN_WRITES))
        act = SANDBOX_WRITE;
    return act;
}

/* ---- opening while the chain is loaded ---- */

static long open_at(unsigned long dir, unsigned long path, unsigned long flags)
{
    long rc = syscall(SYS_openat, (int)dir, path, flags, 0L, 0L, (unsigned long)SANDBOX_COOKIE);

    return rc < 0 ? -errno : rc;
}

/* Where a descriptor leads; empty: it cannot be told, or it is no file in the tree (a pipe). */
static void real_of(long fd, char real[REAL_MAX])
{
    static const char dir[] = "/proc/self/fd/";
    char link[sizeof dir + 12], digits[12];
    size_t n = sizeof dir - 1, k = 0;
    ssize_t len;

    memcpy(link, dir, n);
    do
        digits[k++] = (char)('0' + fd % 10);
    while (fd /= 10);
    while (k)
        link[n++] = digits[--k];
    link[n] = 0;
    len = syscall(SYS_readlinkat, AT_FDCWD, link, real, (size_t)REAL_MAX - 1);
    real[len > 0 && real[0] == '/' ? len : 0] = 0;
}

/* Makes the call in the stage's place; a path that leads outside ends the process. */
static long open_judged(const struct call *c, unsigned long dir, unsigned long path, unsigned long flags)
{
    static char real[REAL_MAX];
    long fd = open_at(dir, path, (flags & O_NOFOLLOW) | O_PATH | O_CLOEXEC);

    if (fd < 0)
        return fd;
    real_of(fd, real);
    close((int)fd);
    if (real[0] && !paths_hold(trap.paths, real))
        refuse(c, SANDBOX_READ, (unsigned long)(uintptr_t)real);
    return open_at(dir, path, flags);
}

/* ---- blocking signals ---- */

/* The C library blocks all of them before it starts a thread or a program: then the refusal that follows
 * could not be named.  The mask is the one that is restored when the handler returns, and SIGSYS is never in
 * it. */
static long mask_set(const struct call *c)
{
    sigset_t *mask = &c->context->uc_sigmask;
    uint64_t now, set;

    if (c->arg[3] != sizeof now)
        return -EINVAL;
    if (!is_readable((const char *)c->arg[1]) || !is_readable((const char *)c->arg[1] + sizeof set - 1))
        return -EFAULT;
    memcpy(&now, mask, sizeof now);
    memcpy(&set, (const void *)c->arg[1], sizeof set);
    if (c->arg[2])
        memcpy((void *)c->arg[2], &now, sizeof now);
    if (c->arg[0] != SIG_BLOCK && c->arg[0] != SIG_SETMASK)
        return -EINVAL;
    now = c->arg[0] == SIG_BLOCK ? now | set : set;
    now &= ~((uint64_t)1 << (SIGSYS - 1));
    memcpy(mask, &now, sizeof now);
    return 0;
}

static void on_trap(int sig, siginfo_t *si, void *context)
{
    int saved = errno;
    unsigned long path;
    struct call c;
    enum sandbox_act act;

    (void)sig;
    call_read(si, context, &c);
    act = act_of(&c, &path);
    if (c.nr == SCMP_SYS(rt_sigprocmask)) {
        *c.result = (unsigned long)mask_set(&c);
        errno = saved;
        return;
    }
    if (act != SANDBOX_OPEN || !trap.paths || c.nr == SCMP_SYS(openat2))
        refuse(&c, act == SANDBOX_OPEN && trap.paths ? SANDBOX_OTHER : act, path);
    if (c.nr == SCMP_SYS(open))
        *c.result = (unsigned long)open_judged(&c, (unsigned long)AT_FDCWD, c.arg[0], c.arg[1]);
    else
        *c.result = (unsigned long)open_judged(&c, c.arg[0], c.arg[1], c.arg[2]);
    errno = saved;
}

int trap_set(struct sandbox_note *note, const struct paths *paths)
{
    struct sigaction on = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    trap.note = note;
    trap.paths = paths;
    return sigaction(SIGSYS, &on, NULL) ? -errno : 0;
}

void trap_serve(void)
{
    trap.paths = NULL;
}
