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
enum { ENV_ROWS = sizeof worker_env / sizeof worker_env[0], FD_SAFE = 20 };

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

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Moves a descriptor above those that dup2 will fill. */
static int fd_lift(int *fd)
{
    int up = *fd < 0 ? -1 : fcntl(*fd, F_DUPFD_CLOEXEC, FD_SAFE);

    close_fd(fd);
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

/* fds: what becomes 0 (null), 1 and 2 (log), then those of proto.h in their order. */
static int spawn_with(const char *path, const int fds[3 + PROTO_FD_END - PROTO_FD_SOCKET], pid_t *ret)
{
    char *argv[] = { (char *)(uintptr_t) "trommel-worker", NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char **env = env_make();
    int rc = env ? 0 : ENOMEM;

    if (posix_spawn_file_actions_init(&actions)) {
        free(env);
        return ENOMEM;
    }
    for (int i = 0; !rc && i < PROTO_FD_END; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    if (!rc && !(rc = spawn_attr(&attr) ? ENOMEM : 0)) {
        rc = posix_spawn(ret, path, &actions, &attr, argv, env);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    free(env);
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
    close_fd(&e->null);
    close_fd(&e->log);
    close_fd(&e->sock);
    close_fd(&e->ring);
    close_fd(&e->crumb);
    close_fd(&e->life);
}

static void child_close(struct child *c)
{
    close_fd(&c->pidfd);
    close_fd(&c->sock);
    close_fd(&c->log);
    close_fd(&c->life);
    c->pid = 0;
}

int child_start(const char *path, int ring, int crumb, struct child *ret, struct err *err)
{
    struct ends e = { -1, -1, -1, -1, -1, -1 };
    int rc;

    *ret = (struct child){ .pidfd = -1, .sock = -1, .log = -1, .life = -1 };
    if (make_ends(ret, &e, ring, crumb)) {
        rc = err_set(err, ERR_IO, "a worker cannot be started: %s: allow more open files (ulimit -n)",
                     strerror(errno));
    } else {
        rc = spawn_with(path, (int[]){ e.null, e.log, e.log, e.sock, e.ring, e.crumb, e.life }, &ret->pid);
        if (rc) {
            ret->pid = 0;
            rc = err_set(err, ERR_IO, "the worker program %s cannot be started: %s", path, strerror(rc));
        }
    }
    close_ends(&e);
    if (rc) {
        child_close(ret);
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
    child_close(c);
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
