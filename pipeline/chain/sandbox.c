/* sandbox: see sandbox.h.  Here in the worker: whether, and in which order, it shuts itself in. */
#include "chain/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chain/sandbox_own.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* opens /proc, forks a leak checker, reserves terabytes of address space */
#else
#define SANITIZED 0
#endif

enum { FILES_MAX = 256, CPU_STEP_S = 60 };

static struct {
    struct paths paths;
    scmp_filter_ctx serving; /* the second filter, made before any stranger's code has run */
    uint64_t cpu_limit_s;    /* 0: outside */
} box;

/* ---- resource limits ---- */

/* At most that, or what it was if that is less. */
static int limit(int resource, uint64_t most)
{
    struct rlimit r;

    if (getrlimit(resource, &r))
        return -errno;
    r.rlim_max = most < r.rlim_max ? most : r.rlim_max;
    r.rlim_cur = r.rlim_max;
    return setrlimit(resource, &r) ? -errno : 0;
}

/* Address space in use. */
static uint64_t space_now(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    if (f && fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* For workers outside as well: what a stage may use of the machine is no question of trust. */
static void limit_always(const struct proto_config *head, struct sandbox_note *note)
{
    note->base_bytes = space_now();
    limit(RLIMIT_CORE, 0);
    if (head->worker_bytes && !SANITIZED)
        limit(RLIMIT_AS, head->worker_bytes);
}

void sandbox_page(uint64_t cpu_us, uint32_t page_ms)
{
    uint64_t need = (cpu_us / 1000 + page_ms) / 1000 + 2;
    struct rlimit r;

    if (!box.cpu_limit_s || need <= box.cpu_limit_s || getrlimit(RLIMIT_CPU, &r))
        return;
    box.cpu_limit_s = need + CPU_STEP_S;
    r.rlim_cur = box.cpu_limit_s < r.rlim_max ? box.cpu_limit_s : r.rlim_max;
    setrlimit(RLIMIT_CPU, &r);
}

/* ---- in ---- */

static int cannot(struct err *err, const char *what, int rc)
{
    return err_set(
        err, ERR_REFUSED,
        "the sandbox of the workers cannot be set up: %s: %s: run it on a kernel that has it, or say "
        "TROMMEL_SANDBOX=off in the environment to trust all stages and pages",
        what, strerror(-rc));
}

/* The first of both.  In this order: what each step needs, the next forbids. */
static int shut(const struct chain_config *config, struct sandbox_note *note, unsigned *state,
                struct err *err)
{
    scmp_filter_ctx loading = rules_make(RULES_LOADING);
    int rc;

    box.serving = rules_make(RULES_SERVING);
    if (!loading || !box.serving || paths_make(&box.paths, config)) {
        seccomp_release(loading);
        return err_set(err, ERR_NOMEM, "the sandbox of the workers cannot be set up: out of memory");
    }
    rc = limit(RLIMIT_NOFILE, FILES_MAX);
    rc = rc ? rc : limit(RLIMIT_FSIZE, 0);
    rc = rc ? rc : trap_set(note, &box.paths);
    if (rc) {
        seccomp_release(loading);
        return cannot(err, "resource limits", rc);
    }
    rc = paths_lock(&box.paths);
    *state |= rc == 1 ? SANDBOX_NO_LANDLOCK : 0;
    if (rc < 0) {
        seccomp_release(loading);
        return cannot(err, "Landlock", rc);
    }
    rc = rules_load(&loading);
    if (rc)
        return cannot(err, "seccomp", rc);
    box.cpu_limit_s = 1; /* the first page sets it */
    return 0;
}

/* Is there a stage that needs the network?  Asked in a child, in the sandbox, since files must be loaded to
 * know and what is loaded cannot be sent back.  If the child dies of it, so will this process, by the same
 * way and with a report. */
static int needs_network(const struct chain_config *config, struct sandbox_note *note)
{
    pid_t child = fork(), got;
    unsigned state = 0;
    int status = 0;

    if (child == 0) {
        struct chain *c = chain_new();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!c || shut(config, note, &state, NULL) || chain_load(c, config, NULL, NULL, NULL))
            _exit(0);
        for (size_t i = 0; i < c->n_stages; i++)
            if (c->stages[i].d.flags & TROMMEL_F_NETWORK)
                _exit(1);
        _exit(0);
    }
    do
        got = child > 0 ? waitpid(child, &status, 0) : -1;
    while (got < 0 && errno == EINTR && child > 0);
    note->act = SANDBOX_NONE;
    note->path[0] = 0;
    return got == child && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

int sandbox_load(const struct chain_config *config, const struct proto_config *head,
                 struct sandbox_note *note, unsigned *ret_state, struct err *err)
{
    const char *said = getenv("TROMMEL_SANDBOX");

    *ret_state = SANDBOX_IN;
    limit_always(head, note);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (said && *said && strcmp(said, "off") && strcmp(said, "on"))
        return err_set(err, ERR_USAGE, "TROMMEL_SANDBOX is \"%.40s\" in the environment: it may be on or off",
                       said);
    if (said && !strcmp(said, "off"))
        *ret_state = SANDBOX_OUT_ENV;
    else if (SANITIZED)
        *ret_state = SANDBOX_OUT_BUILD;
    else if ((head->flags & PROTO_NETWORK) && needs_network(config, note))
        *ret_state = SANDBOX_OUT_NETWORK;
    return *ret_state == SANDBOX_IN ? shut(config, note, ret_state, err) : 0;
}

int sandbox_admit(const struct chain *chain, const struct proto_config *head, uint32_t *ret, struct err *err)
{
    const struct stage *s = chain->stages, *end = s + chain->n_stages;

    while (s < end && !(s->d.flags & TROMMEL_F_NETWORK))
        s++;
    *ret = s < end ? (uint32_t)(s - chain->stages) : SLOT_NONE;
    if (s == end || (head->flags & PROTO_NETWORK))
        return 0;
    return err_set(
        err, ERR_REFUSED,
        "%s: stage `%s` declares that it needs network or files (TROMMEL_F_NETWORK), so its workers would "
        "run outside the sandbox: let them with --allow-network-stages, or take it out",
        s->path ? s->path : "a table", s->d.id);
}

/* Local time would look for its file with every call if $TZ were not set. */
static void settle_time(void)
{
    setenv("TZ", ":/etc/localtime", 0);
    tzset();
}

int sandbox_serve(struct err *err)
{
    int free_fd, rc;

    if (!box.serving)
        return 0;
    settle_time();
    free_fd = dup(STDERR_FILENO);
    if (free_fd >= 0) {
        close(free_fd);
        limit(RLIMIT_NOFILE, (uint64_t)free_fd); /* no number is left for another file */
    }
    trap_serve();
    paths_release(&box.paths);
    rc = rules_load(&box.serving);
    return rc ? cannot(err, "seccomp", rc) : 0;
}
