/* apart: see apart.h.
 *
 * The end of the pipe tells that the child is gone; a grandchild may hold it open, so the child itself is
 * asked after in every turn as well.  CPU time is read from the child's own clock: a busy machine makes
 * nobody late. */
#include "chain/apart.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* reserves terabytes of address space */
#else
#define SANITIZED 0
#endif

enum { TURN_MS = 20, FD_OUT = 3, FD_SAFE = 20 };
#define STACK_BYTES (8ull * MIB) /* what a worker's first thread has by default */

struct apart {
    const struct apart_options *opt;
    struct apart_end *end;
    pid_t pid;
    int out;     /* our end of the pipe; -1: it is closed */
    int said[3]; /* our ends of what it has as 0 to 2; -1: closed */
    int theirs[3];
    uint64_t cpu_ns, busy_ns; /* its CPU time when last looked, and when that was (monotonic) */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- the child ---- */

static void limit(int what, uint64_t most)
{
    struct rlimit r;

    if (getrlimit(what, &r))
        return;
    r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max > most ? most : r.rlim_max;
    if (what != RLIMIT_STACK) /* the stack's hard limit also decides where mappings lie */
        r.rlim_max = r.rlim_cur;
    setrlimit(what, &r);
}

static void signals_reset(void)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        sigaction(s, &dfl, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child(const struct apart *a, int out, pid_t parent)
{
    int up = fcntl(out, F_DUPFD, FD_SAFE);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || up < 0)
        _exit(127);
    for (int i = 0; i < 3; i++)
        if (dup2(a->theirs[i], i) < 0)
            _exit(127);
    if (dup2(up, FD_OUT) < 0 || close_range(FD_OUT + 1, ~0u, 0))
        _exit(127);
    signals_reset();
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_STACK, STACK_BYTES);
    if (a->opt->memory_bytes && !SANITIZED)
        limit(RLIMIT_AS, a->opt->memory_bytes);
    a->opt->run(a->opt->arg, FD_OUT);
    fflush(stdout);
    fflush(stderr);
    _exit(0);
}

/* ---- the parent ---- */

/* Reading from 0 gives the end of a file; writing there is heard, as it would not be of /dev/null.  None is a
 * file of ours: in the sandbox the child may write to pipes and sockets only. */
static int ears_open(struct apart *a, struct err *err)
{
    for (int i = 0; i < 3; i++) {
        int ends[2] = { -1, -1 }, rc;
        if (i)
            rc = pipe2(ends, O_CLOEXEC);
        else
            rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) || shutdown(ends[0], SHUT_WR);
        a->said[i] = ends[0];
        a->theirs[i] = ends[1];
        if (rc)
            return err_set(err, ERR_IO, "descriptor %d of a process: %s", i, strerror(errno));
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

/* CPU time of the child; what was seen last once it is gone. */
static uint64_t cpu_look(struct apart *a)
{
    struct timespec t;
    clockid_t clock;
    uint64_t now;

    if (clock_getcpuclockid(a->pid, &clock) || clock_gettime(clock, &t))
        return a->cpu_ns;
    now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    if (now > a->cpu_ns) {
        a->cpu_ns = now;
        a->busy_ns = clock_mono_ns();
    }
    return a->cpu_ns;
}

static void out_read(struct apart *a)
{
    unsigned char *room = buf_room(&a->end->out, 64 * KIB);
    ssize_t n = room ? read(a->out, room, 64 * KIB) : 0;

    if (!room)
        a->end->how = APART_FLOOD;
    if (n > 0)
        a->end->out.len += (size_t)n;
    else if (!room || n == 0 || (errno != EINTR && errno != EAGAIN))
        close_fd(&a->out);
}

static void said_add(struct apart_said *said, const char *piece, size_t n)
{
    size_t have = strlen(said->text), room = sizeof said->text - 1 - have;

    said->n += n;
    for (size_t i = 0; i < n && i < room; i++)
        said->text[have + i] = isprint((unsigned char)piece[i]) ? piece[i] : ' ';
}

static void pass_on(const char *piece, size_t n)
{
    while (n) {
        ssize_t done = write(STDERR_FILENO, piece, n);
        if (done < 0 && errno != EINTR)
            return;
        piece += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
}

static void said_read(struct apart *a, int i)
{
    char piece[4096];
    ssize_t n = a->said[i] < 0 ? 0 : read(a->said[i], piece, sizeof piece);

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        close_fd(&a->said[i]);
    if (n <= 0)
        return;
    said_add(&a->end->said[i], piece, (size_t)n);
    if (!a->opt->listen)
        pass_on(piece, (size_t)n);
}

/* Should it be killed?  Sets how and why. */
static int over(struct apart *a)
{
    const struct apart_options *o = a->opt;
    uint64_t cpu = cpu_look(a);

    if (a->end->how == APART_FLOOD)
        return 1;
    if (o->watch && (a->end->why = o->watch(o->arg, cpu)))
        a->end->how = APART_WATCHED;
    else if (o->cpu_ms && cpu / 1000000u > o->cpu_ms)
        a->end->how = APART_CPU;
    else if (o->idle_ms && (clock_mono_ns() - a->busy_ns) / 1000000u > o->idle_ms)
        a->end->how = APART_IDLE;
    return a->end->how != APART_EXITED;
}

/* Waits for something to read, not long, and reads it. */
static void turn(struct apart *a)
{
    struct pollfd p[4] = { { .fd = a->out, .events = POLLIN } };

    for (int i = 0; i < 3; i++)
        p[1 + i] = (struct pollfd){ .fd = a->said[i], .events = POLLIN };
    poll(p, 4, a->out >= 0 ? TURN_MS : 1);
    if (a->out >= 0 && p[0].revents)
        out_read(a);
    for (int i = 0; i < 3; i++)
        if (p[1 + i].revents)
            said_read(a, i);
}

/* What is left in the pipes; a process that could have written more is dead by now. */
static void drain(struct apart *a)
{
    for (size_t before = SIZE_MAX; a->out >= 0 && a->end->out.len != before;) {
        before = a->end->out.len;
        out_read(a);
    }
    for (int i = 0; i < 3; i++)
        for (uint64_t before = UINT64_MAX; a->said[i] >= 0 && a->end->said[i].n != before;) {
            before = a->end->said[i].n;
            said_read(a, i);
        }
}

/* Is it still there?  When it is not, its number is its own until it is waited for. */
static int is_alive(const struct apart *a)
{
    siginfo_t si = { 0 };
    int rc = waitid(P_PID, (id_t)a->pid, &si, WEXITED | WNOHANG | WNOWAIT);

    return rc ? errno == EINTR : si.si_pid == 0;
}

static void kill_all(const struct apart *a)
{
    kill(-a->pid, SIGKILL);
    kill(a->pid, SIGKILL); /* it may not have its group yet */
}

static void reap(struct apart *a, int killed)
{
    struct apart_end *e = a->end;
    struct rusage use = { 0 };
    int status = 0;

    while (wait4(a->pid, &status, 0, &use) < 0 && errno == EINTR)
        ;
    e->cpu_us = ((uint64_t)use.ru_utime.tv_sec + (uint64_t)use.ru_stime.tv_sec) * 1000000u +
                (uint64_t)use.ru_utime.tv_usec + (uint64_t)use.ru_stime.tv_usec;
    e->peak_bytes = (uint64_t)use.ru_maxrss * KIB;
    if (!killed && WIFSIGNALED(status))
        e->how = APART_SIGNAL;
    e->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    e->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

/* Until it has ended or must be killed; then ends all that it started. */
static void wait_end(struct apart *a)
{
    int killed = 0;

    a->busy_ns = clock_mono_ns();
    while (is_alive(a)) {
        turn(a);
        if (!killed && over(a)) {
            kill_all(a);
            killed = 1;
        }
    }
    kill_all(a);
    drain(a);
    reap(a, killed);
}

int apart_run(const struct apart_options *opt, struct apart_end *ret, struct err *err)
{
    struct apart a = { .opt = opt, .end = ret, .out = -1, .said = { -1, -1, -1 }, .theirs = { -1, -1, -1 } };
    int ends[2] = { -1, -1 }, rc;
    pid_t parent = getpid();

    *ret = (struct apart_end){ .how = APART_EXITED };
    buf_init(&ret->out, opt->out_max + 64 * KIB);
    rc = ears_open(&a, err);
    if (!rc && pipe2(ends, O_CLOEXEC))
        rc = err_set(err, ERR_IO, "no pipe to a process: %s", strerror(errno));
    if (!rc) {
        fflush(NULL); /* or what lies there would be written twice */
        a.pid = fork();
        if (!a.pid)
            child(&a, ends[1], parent);
        if (a.pid < 0)
            rc = err_set(err, ERR_IO, "no process can be started: %s", strerror(errno));
    }
    close_fd(&ends[1]);
    for (int i = 0; i < 3; i++)
        close_fd(&a.theirs[i]);
    a.out = ends[0];
    if (!rc) {
        fcntl(a.out, F_SETFL, O_NONBLOCK);
        wait_end(&a);
    }
    close_fd(&a.out);
    for (int i = 0; i < 3; i++)
        close_fd(&a.said[i]);
    return rc;
}

void apart_end_release(struct apart_end *e)
{
    if (e)
        buf_release(&e->out);
}

const char *apart_words(const struct apart_end *e, char out[200])
{
    switch (e->how) {
    case APART_EXITED:
        snprintf(out, 200, "ended with status %d", e->status);
        break;
    case APART_SIGNAL:
        snprintf(out, 200, "died of signal %d (%s)", e->signal, strsignal(e->signal));
        break;
    case APART_CPU:
        snprintf(out, 200, "was still running when its CPU time was over");
        break;
    case APART_IDLE:
        snprintf(out, 200, "waited without end and used no CPU time");
        break;
    case APART_WATCHED:
        snprintf(out, 200, "%s", e->why);
        break;
    case APART_FLOOD:
        snprintf(out, 200, "gave more than may be taken");
        break;
    }
    return out;
}
