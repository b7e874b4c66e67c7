/* exec_keeper: a small process between the host and one program of an `exec` stage; see exec.h.
 *
 * It gives the program its limits, hands its standard error on, line by line with the stage's id before
 * it, and sees to its end: when the program ends, or the host shuts the life line or dies, everything that
 * the program has started is killed, until wait says that nobody is left.  Its last word to the host is
 * how the program ended.  One thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain/exec.h"

enum {
    ARG_ID = 2,
    ARG_DIR,
    ARG_MEMORY,
    ARG_FILE,
    ARG_PATH,
    ARG_WORDS,
    LINE_BYTES = 1000,
    CANNOT_START = 127
};

struct keeper {
    const char *id;
    pid_t pid;  /* the program, and its process group */
    int status; /* as wait gave it */
    int has_ended, is_reaped, by_itself;
    int err, signal;  /* its standard error; signalfd of SIGCHLD */
    char chunk[4096]; /* of its standard error */
    size_t chunk_at, chunk_n;
    char line[LINE_BYTES + 80];
    size_t prefix, n; /* of line: "ID: "; all */
    int is_pending;   /* the line waits for room in the log */
};

/* ---- the program ---- */

static void limit(int what, uint64_t most)
{
    struct rlimit r = { most, most }, old;

    if (!getrlimit(what, &old) && old.rlim_max < most)
        r.rlim_max = r.rlim_cur = old.rlim_max;
    setrlimit(what, &r);
}

/* Everything that the program is to have, and nothing else. */
__attribute__((noreturn)) static void program_run(char **argv, int err, pid_t keeper)
{
    uint64_t memory = strtoull(argv[ARG_MEMORY], NULL, 10);
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper)
        _exit(CANNOT_START);
    dup2(err, STDERR_FILENO);
    close_range(EXEC_LIFE_FD, ~0u, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, strtoull(argv[ARG_FILE], NULL, 10));
    limit(RLIMIT_NOFILE, EXEC_NOFILE);
    signal(SIGXFSZ, SIG_IGN); /* a file too large is an error of write, not a death */
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (memory)
        limit(RLIMIT_AS, memory);
    if (!chdir(argv[ARG_DIR]))
        execv(argv[ARG_PATH], argv + ARG_WORDS);
    dprintf(STDERR_FILENO, "%s cannot be started in %s: %s%s\n", argv[ARG_PATH], argv[ARG_DIR],
            strerror(errno), errno == ENOENT ? " (is there the interpreter that its first line names?)" : "");
    _exit(CANNOT_START);
}

static int program_start(struct keeper *k, char **argv)
{
    pid_t self = getpid();
    int err[2];

    if (pipe2(err, O_CLOEXEC))
        return ERR_IO;
    k->pid = fork();
    if (k->pid == 0)
        program_run(argv, err[1], self);
    setpgid(k->pid, k->pid); /* whoever of the two comes first */
    close(err[1]);
    k->err = err[0];
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    return k->pid < 0 || fcntl(k->err, F_SETFL, O_NONBLOCK) ? ERR_IO : 0;
}

/* ---- its words ---- */

/* The log is a pipe of others, too: one write a line, and only when there is room. */
static void line_write(struct keeper *k)
{
    struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

    k->is_pending = 1;
    if (poll(&fd, 1, 0) != 1)
        return;
    k->line[k->n++] = '\n';
    if (write(STDERR_FILENO, k->line, k->n) < 0)
        k->n = 0; /* nobody listens any longer */
    k->n = k->prefix;
    k->is_pending = 0;
}

/* Takes bytes until there are none, or a line waits.  ERR_CLOSED at their end. */
static int words_take(struct keeper *k)
{
    while (!k->is_pending) {
        if (k->chunk_at == k->chunk_n) {
            ssize_t n = read(k->err, k->chunk, sizeof k->chunk);
            if (n <= 0)
                return n == 0 ? ERR_CLOSED : 0;
            k->chunk_n = (size_t)n;
            k->chunk_at = 0;
        }
        char c = k->chunk[k->chunk_at++];
        if (c != '\n')
            k->line[k->n++] = c;
        if (k->n > k->prefix && (c == '\n' || k->n == k->prefix + LINE_BYTES))
            line_write(k);
    }
    return 0;
}

/* What still lies there when all are dead; a log without room loses it. */
static void words_end(struct keeper *k)
{
    if (k->is_pending)
        line_write(k);
    words_take(k);
    if (!k->is_pending && k->n > k->prefix)
        line_write(k);
}

/* ---- the end ---- */

/* Orphans of the program are our children by now, and are let go.  The program itself stays a zombie, so
 * that its process group's number is nobody else's. */
static void reap(struct keeper *k)
{
    struct signalfd_siginfo signal;

    while (read(k->signal, &signal, sizeof signal) > 0)
        ;
    while (!k->has_ended) {
        siginfo_t info = { 0 };
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
            return;
        if (info.si_pid == k->pid)
            k->has_ended = 1;
        else
            waitpid(info.si_pid, NULL, 0);
    }
}

static void children_kill(void)
{
    char path[64];
    int pid;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "re");
    while (f && fscanf(f, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    if (f)
        fclose(f);
}

/* A killed process leaves its children to us: so it goes on until there are none. */
static void end_all(struct keeper *k)
{
    pid_t pid;
    int status;

    do {
        if (!k->is_reaped) {
            kill(k->pid, SIGKILL);
            kill(-k->pid, SIGKILL);
        }
        children_kill();
        while ((pid = waitpid(-1, &status, 0)) < 0 && errno == EINTR)
            ;
        if (pid == k->pid) {
            k->status = status;
            k->is_reaped = 1;
        }
    } while (pid > 0);
}

static void report(const struct keeper *k)
{
    struct exec_report r = { k->status, k->by_itself };

    if (write(EXEC_LIFE_FD, &r, sizeof r) < 0)
        return; /* the host is gone */
}

/* ---- */

static int keeper_prepare(struct keeper *k, const char *id)
{
    sigset_t chld;

    k->id = id;
    k->n = k->prefix = (size_t)snprintf(k->line, 80, "%.70s: ", id);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    limit(RLIMIT_CORE, 0);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    k->signal = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    return k->signal < 0 ? ERR_IO : 0;
}

int exec_keeper(int argc, char **argv)
{
    static struct keeper k;

    close_range(EXEC_LIFE_FD + 1, ~0u, 0);
    if (argc <= ARG_WORDS || keeper_prepare(&k, argv[ARG_ID]) || program_start(&k, argv)) {
        dprintf(STDERR_FILENO, "trommel-worker: a program cannot be kept: %s\n", strerror(errno));
        return CANNOT_START;
    }
    while (!k.has_ended) {
        struct pollfd fds[] = { { .fd = EXEC_LIFE_FD, .events = POLLIN },
                                { .fd = k.signal, .events = POLLIN },
                                { .fd = k.is_pending ? -1 : k.err, .events = POLLIN },
                                { .fd = k.is_pending ? STDERR_FILENO : -1, .events = POLLOUT } };
        if (poll(fds, 4, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            break; /* nothing is ever sent there: the host is done with us, or gone */
        if (fds[1].revents)
            reap(&k);
        if (fds[2].revents && words_take(&k)) {
            close(k.err);
            k.err = -1;
        }
        if (fds[3].revents)
            line_write(&k);
    }
    reap(&k);
    k.by_itself = k.has_ended;
    end_all(&k);
    words_end(&k);
    report(&k);
    return 0;
}
