/* spawn: see spawn.h.
 *
 * posix_spawn (vfork and exec inside), because a fork of a large host costs milliseconds.  Every descriptor
 * of ours is close-on-exec; the worker closes what an embedding program leaked.  It gets a process group of
 * its own, so that the terminal's ^C reaches the host alone, which then drains. */
#include "chain/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chain/proto.h"

extern char **environ;

/* glibc by default gives the heap's top back after every page and takes it again: 40 % of a parse. */
static const char *const worker_env[] = {
    "MALLOC_TRIM_THRESHOLD_=268435456",
    "MALLOC_TOP_PAD_=16777216",
    "MALLOC_MMAP_THRESHOLD_=33554432",
    "MALLOC_ARENA_MAX=1",
};
enum { ENV_ROWS = sizeof worker_env / sizeof worker_env[0], FD_SAFE = 64 };
_Static_assert(FD_SAFE >= PROTO_FD_END + EXEC_FDS, "what is inherited lies below what is lifted");

static int is_ours(const char *entry)
{
    for (int i = 0; i < ENV_ROWS; i++)
        if (!strncmp(entry, worker_env[i], strcspn(worker_env[i], "=") + 1))
            return 1;
    return 0;
}

/* environ with ours in it; the array alone is malloc'd. */
static char **env_make(void)
{
    size_t n = 0, at = 0;
    char **env;

    while (environ && environ[n])
        n++;
    env = malloc((n + ENV_ROWS + 1) * sizeof *env);
    if (!env)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!is_ours(environ[i]))
            env[at++] = environ[i];
    for (int i = 0; i < ENV_ROWS; i++)
        env[at++] = (char *)(uintptr_t)worker_env[i];
    env[at] = NULL;
    return env;
}

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int fd_lift(int *fd)
{
    int up = *fd < 0 ? -1 : fcntl(*fd, F_DUPFD_CLOEXEC, FD_SAFE);

    fd_close(fd);
    *fd = up;
    return up < 0 ? ERR_IO : 0;
}

static int spawn_attr(posix_spawnattr_t *attr)
{
    sigset_t none, all;

    if (posix_spawnattr_init(attr))
        return ERR_NOMEM;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setpgroup(attr, 0);
    posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return 0;
}

int spawn_program(const char *path, char *const argv[], char *const env[], const int *fds, unsigned n,
                  pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int rc = 0;

    if (posix_spawn_file_actions_init(&actions))
        return ENOMEM;
    for (unsigned i = 0; !rc && i < n; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, fds[i], (int)i);
    if (!rc && !(rc = spawn_attr(&attr) ? ENOMEM : 0)) {
        rc = posix_spawn(ret, path, &actions, &attr, argv, env);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

struct ends { /* the worker's */
    int null, log, sock, ring, crumb, life;
};

static int make_ends(struct child *c, struct ends *e, int ring, int crumb)
{
    int sock[2] = { -1, -1 }, log[2] = { -1, -1 }, life[2] = { -1, -1 };

    int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) || pipe2(log, O_CLOEXEC) ||
             pipe2(life, O_CLOEXEC);

    c->sock = sock[0];
    e->sock = sock[1];
    c->log = log[0];
    e->log = log[1];
    c->life = life[1];
    e->life = life[0];
    e->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    e->ring = fcntl(ring, F_DUPFD_CLOEXEC, FD_SAFE);
    e->crumb = fcntl(crumb, F_DUPFD_CLOEXEC, FD_SAFE);
    if (rc || e->ring < 0 || e->crumb < 0 || fd_lift(&e->sock) || fd_lift(&e->log) || fd_lift(&e->life) ||
        fd_lift(&e->null))
        return ERR_IO;
    return fcntl(c->sock, F_SETFL, O_NONBLOCK) || fcntl(c->log, F_SETFL, O_NONBLOCK) ? ERR_IO : 0;
}

static void close_ends(struct ends *e)
{
    fd_close(&e->null);
    fd_close(&e->log);
    fd_close(&e->sock);
    fd_close(&e->ring);
    fd_close(&e->crumb);
    fd_close(&e->life);
}

void child_leave(struct child *c)
{
    fd_close(&c->pidfd);
    fd_close(&c->sock);
    fd_close(&c->log);
    fd_close(&c->life);
    c->pid = 0;
}

/* 0 is null, 1 and 2 the log; then those of proto.h in their order; then its programs'. */
static int worker_spawn(const char *path, const struct ends *e, const struct exec_set *programs, pid_t *ret)
{
    int fds[PROTO_FD_END + EXEC_FDS] = { e->null, e->log, e->log, e->sock, e->ring, e->crumb, e->life };
    char *argv[] = { (char *)(uintptr_t) "trommel-worker", NULL };
    char **env = env_make();
    int rc = ENOMEM;

    memcpy(fds + PROTO_FD_END, programs->fds, 2 * programs->n * sizeof fds[0]);
    if (env)
        rc = spawn_program(path, argv, env, fds, PROTO_FD_END + 2 * programs->n, ret);
    free(env);
    return rc;
}

int child_start(const char *path, int ring, int crumb, const struct exec_plan *plan, struct child *ret,
                struct exec_set *ret_programs, struct err *err)
{
    struct ends e = { -1, -1, -1, -1, -1, -1 };
    int rc;

    *ret = (struct child){ .pidfd = -1, .sock = -1, .log = -1, .life = -1 };
    ret_programs->n = 0;
    if (make_ends(ret, &e, ring, crumb))
        rc = err_set(err, ERR_IO, "a worker cannot be started: %s: allow more open files (ulimit -n)",
                     strerror(errno));
    else
        rc = exec_start(plan, path, e.log, ret_programs, err);
    if (!rc && (rc = worker_spawn(path, &e, ret_programs, &ret->pid))) {
        ret->pid = 0;
        rc = err_set(err, ERR_IO, "the worker program %s cannot be started: %s", path, strerror(rc));
    }
    exec_handed(ret_programs);
    close_ends(&e);
    if (rc) {
        exec_end(ret_programs);
        child_leave(ret);
        return rc;
    }
    ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
    return 0;
}

struct child_end child_end(struct child *c)
{
    struct child_end end = { 0 };
    struct rusage use;
    int status;
    pid_t got;

    if (!c->pid)
        return end;
    /* By pidfd: if somebody else reaped it, the number may be another process's by now. */
    if (c->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
    else
        kill(c->pid, SIGKILL);
    do
        got = wait4(c->pid, &status, 0, &use);
    while (got < 0 && errno == EINTR);
    if (got == c->pid) {
        end.known = 1;
        end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        end.cpu_us = (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000u +
                     (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
        end.peak_bytes = (uint64_t)use.ru_maxrss * 1024u;
    }
    child_leave(c);
    return end;
}

uint64_t child_cpu_us(const struct child *c)
{
    struct timespec t;
    clockid_t id;

    if (!c->pid || clock_getcpuclockid(c->pid, &id) || clock_gettime(id, &t))
        return 0;
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}
