/* exec_child: starts and ends the programs of one worker, each through a keeper; see exec.h.  Host. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chain/exec_plan.h"
#include "chain/spawn.h"

enum { END_WAIT_MS = 5000, KEEPER_WORDS = 7 };

/* ---- starting ---- */

struct ends { /* the program's, the keeper's, and the worker's */
    int in_read, in_write, out_read, out_write, life_read;
};

static int ends_make(struct ends *e, struct exec_one *one)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, life[2] = { -1, -1 };
    int rc = pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
             socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life);

    *e = (struct ends){ in[0], in[1], out[0], out[1], life[0] };
    one->life = life[1];
    if (rc || fd_lift(&e->in_read) || fd_lift(&e->in_write) || fd_lift(&e->out_read) ||
        fd_lift(&e->out_write) || fd_lift(&e->life_read))
        return ERR_IO;
    return fcntl(e->in_write, F_SETFL, O_NONBLOCK) || fcntl(e->out_read, F_SETFL, O_NONBLOCK) ? ERR_IO : 0;
}

static int keeper_spawn(const struct exec_program *p, const char *worker_path, const struct ends *e, int log,
                        pid_t *ret)
{
    const int fds[] = { e->in_read, e->out_write, log, e->life_read };
    char memory[24], file[24],
        *argv[KEEPER_WORDS + EXEC_WORDS_MAX + 1] = { (char *)(uintptr_t) "trommel-worker",
                                                     (char *)(uintptr_t)EXEC_KEEPER,
                                                     p->id,
                                                     p->dir,
                                                     memory,
                                                     file,
                                                     p->path };

    snprintf(memory, sizeof memory, "%llu", (unsigned long long)p->memory_bytes);
    snprintf(file, sizeof file, "%llu", (unsigned long long)p->file_bytes);
    for (unsigned i = 0; i < p->n_words; i++)
        argv[KEEPER_WORDS + i] = p->words[i];
    return spawn_program(worker_path, argv, p->env, fds, sizeof fds / sizeof fds[0], ret);
}

/* One generation, one program: what was changed on disk since the chain was loaded is not started. */
static int check_same(const struct exec_program *p, struct err *err)
{
    char now[EXEC_DIGEST_BYTES];

    if (exec_digest(p, now))
        return err_set(err, ERR_NOMEM, "out of memory");
    return !strcmp(now, p->digest) ? 0
                                   : err_set(err, ERR_REFUSED,
                                             "stage `%s`: the program %s (or a file its command names) was "
                                             "changed since this chain was "
                                             "loaded: put it back, or load the chain anew",
                                             p->id, p->path);
}

static int one_start(const struct exec_program *p, const char *worker_path, int log, struct exec_set *s,
                     struct err *err)
{
    struct exec_one *one = &s->ones[s->n];
    struct ends e = { -1, -1, -1, -1, -1 };
    int rc = check_same(p, err);

    if (rc)
        return rc;
    *one = (struct exec_one){ .pidfd = -1, .life = -1 };
    if (ends_make(&e, one))
        rc = err_set(err, ERR_IO,
                     "stage `%s`: its program cannot be started: %s: allow more open files (ulimit -n)",
                     p->id, strerror(errno));
    if (!rc && (rc = keeper_spawn(p, worker_path, &e, log, &one->pid))) {
        one->pid = 0;
        rc = err_set(err, ERR_IO, "stage `%s`: the worker program %s cannot be started: %s", p->id,
                     worker_path, strerror(rc));
    }
    if (!rc)
        one->pidfd = (int)syscall(SYS_pidfd_open, one->pid, 0);
    fd_close(&e.in_read);
    fd_close(&e.out_write);
    fd_close(&e.life_read);
    s->fds[2 * s->n] = e.in_write;
    s->fds[2 * s->n + 1] = e.out_read;
    s->n++; /* also a half-made one: exec_end knows what there is */
    return rc;
}

int exec_start(const struct exec_plan *plan, const char *worker_path, int log, struct exec_set *ret,
               struct err *err)
{
    int rc = 0;

    ret->n = 0;
    for (unsigned i = 0; plan && !rc && i < plan->n; i++)
        rc = one_start(&plan->programs[i], worker_path, log, ret, err);
    if (rc) {
        exec_handed(ret);
        exec_end(ret);
    }
    return rc;
}

void exec_handed(struct exec_set *s)
{
    for (unsigned i = 0; i < 2 * s->n; i++)
        fd_close(&s->fds[i]);
}

/* ---- ending ---- */

static uint64_t one_reap(struct exec_one *one)
{
    struct pollfd fd = { .fd = one->pidfd, .events = POLLIN };
    struct rusage use = { 0 };
    pid_t got = 0;

    if (one->pid && one->pidfd >= 0 && poll(&fd, 1, END_WAIT_MS) == 0)
        syscall(SYS_pidfd_send_signal, one->pidfd, SIGKILL, NULL, 0);
    while (one->pid && (got = wait4(one->pid, NULL, 0, &use)) < 0 && errno == EINTR)
        ;
    one->has_report = one->life >= 0 && recv(one->life, &one->report, sizeof one->report, MSG_DONTWAIT) ==
                                            (ssize_t)sizeof one->report;
    fd_close(&one->life);
    fd_close(&one->pidfd);
    one->pid = 0;
    if (got <= 0)
        return 0;
    return (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

uint64_t exec_end(struct exec_set *s)
{
    uint64_t cpu_us = 0;

    for (unsigned i = 0; i < s->n; i++) /* all at once */
        if (s->ones[i].pid)
            shutdown(s->ones[i].life, SHUT_WR);
    for (unsigned i = 0; i < s->n; i++)
        cpu_us += one_reap(&s->ones[i]);
    s->n = 0;
    return cpu_us;
}

void exec_leave(struct exec_set *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        fd_close(&s->ones[i].pidfd);
        fd_close(&s->ones[i].life);
    }
    s->n = 0;
}

/* One that was ending by itself when it was killed keeps its own status; a SIGKILL is then ours. */
void exec_how(const struct exec_set *s, unsigned index, char *to, size_t n)
{
    const struct exec_one *one = index < EXEC_MAX ? &s->ones[index] : NULL;
    int status = one ? one->report.status : 0, sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    *to = 0;
    if (!one || !one->has_report || (sig == SIGKILL && !one->report.by_itself))
        return;
    if (sig)
        snprintf(to, n, " (signal %d, %s)", sig, strsignal(sig));
    else
        snprintf(to, n, " (status %d)", WEXITSTATUS(status));
}

/* ---- CPU time ---- */

static uint64_t pid_cpu_us(pid_t pid)
{
    return child_cpu_us(&(struct child){ .pid = pid });
}

uint64_t exec_cpu_us(const struct exec_set *s)
{
    uint64_t sum = 0;
    char path[64];
    int pid;

    for (unsigned i = 0; i < s->n; i++) {
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)s->ones[i].pid, (int)s->ones[i].pid);
        FILE *f = s->ones[i].pid ? fopen(path, "re") : NULL;
        while (f && fscanf(f, "%d", &pid) == 1)
            sum += pid_cpu_us(pid);
        if (f)
            fclose(f);
        sum += pid_cpu_us(s->ones[i].pid);
    }
    return sum;
}
