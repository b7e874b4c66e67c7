/* sandbox_paths: which files a chain may read, as a list of real paths and as a Landlock domain; see
 * sandbox.h.
 *
 * The list is made before any stage is loaded, so which options are paths is not known yet: every value that
 * names a file or folder counts, since the operator wrote it for this chain.  Landlock is spoken to by system
 * calls and by numbers of our own: the C library has no functions for it, and headers are older than kernels.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chain/place.h"
#include "chain/sandbox_own.h"

enum { LIBRARY_DIRS_MAX = 64 }; /* of $LD_LIBRARY_PATH */

/* What the C library, the loader and libraries of every kind read, where it is there. */
static const char *const system_paths[] = {
    "/lib",           "/lib64",           "/usr/lib",         "/usr/lib64",         "/usr/local/lib",
    "/usr/share",     "/usr/local/share", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime",
    "/dev/null",      "/dev/zero",        "/dev/random",      "/dev/urandom",       "/proc/self",
    "/proc/cpuinfo",  "/proc/meminfo",    "/proc/stat",       "/proc/sys/vm",       "/sys/devices/system/cpu",
    "/sys/kernel/mm",
};

/* ---- the list ---- */

int paths_hold(const struct paths *p, const char *real)
{
    for (size_t i = 0; i < p->n; i++) {
        size_t n = strlen(p->real[i]);
        if (!strncmp(real, p->real[i], n) && (!real[n] || real[n] == '/'))
            return 1;
    }
    return 0;
}

/* What is not there, or is all there is, is left out. */
static int path_add(struct paths *p, const char *path)
{
    char *real = realpath(path, NULL), **more;

    if (!real || !strcmp(real, "/") || paths_hold(p, real)) {
        free(real);
        return 0;
    }
    more = realloc(p->real, (p->n + 1) * sizeof *more);
    if (!more) {
        free(real);
        return ERR_NOMEM;
    }
    p->real = more;
    p->real[p->n++] = real;
    return 0;
}

/* Is a file's folder its own: not the home folder, and not one in which everybody leaves files? */
static int is_own_dir(const char *dir)
{
    const char *home = getenv("HOME");
    char *real = home ? realpath(home, NULL) : NULL;
    int is_home = real && !strcmp(real, dir);
    struct stat st;

    free(real);
    return !is_home && !stat(dir, &st) && !(st.st_mode & (S_ISVTX | S_IWOTH));
}

static int stage_add(struct paths *p, const char *path)
{
    char *real = realpath(path, NULL), *dir = real ? strdup(real) : NULL;
    int rc = path_add(p, path);

    if (!rc && dir && is_own_dir(dirname(dir)))
        rc = path_add(p, dir);
    free(real);
    free(dir);
    return rc;
}

static int value_add(struct paths *p, const struct chain_set *set)
{
    char *path = set->value && set->value[0] ? path_join(set->dir, set->value) : NULL;
    int rc = path ? path_add(p, path) : 0;

    free(path);
    return rc;
}

static int libraries_add(struct paths *p)
{
    const char *list = getenv("LD_LIBRARY_PATH");
    char *copy = list ? strdup(list) : NULL, *rest = copy, *dir;
    int rc = list && !copy ? ERR_NOMEM : 0;

    for (int i = 0; !rc && i < LIBRARY_DIRS_MAX && (dir = strsep(&rest, ":;")); i++)
        if (*dir)
            rc = path_add(p, dir);
    free(copy);
    return rc;
}

/* Where the libraries of this program lie, another one's of a stage may: not every system has them in
 * /usr/lib. */
static int loaded_add(struct dl_phdr_info *info, size_t size, void *arg)
{
    char *dir = info->dlpi_name && info->dlpi_name[0] == '/' ? strdup(info->dlpi_name) : NULL;
    int rc = dir ? path_add(arg, dirname(dir)) : 0;

    (void)size;
    free(dir);
    return rc;
}

int paths_make(struct paths *p, const struct chain_config *config)
{
    int rc = 0;

    *p = (struct paths){ 0 };
    for (size_t i = 0; !rc && i < sizeof system_paths / sizeof system_paths[0]; i++)
        rc = path_add(p, system_paths[i]);
    rc = rc ? rc : libraries_add(p);
    rc = rc ? rc : dl_iterate_phdr(loaded_add, p);
    for (size_t i = 0; !rc && i < config->n_items; i++)
        rc = stage_add(p, config->items[i].path);
    for (size_t i = 0; !rc && i < config->n_sets; i++)
        rc = value_add(p, &config->sets[i]);
    if (rc)
        paths_release(p);
    return rc;
}

void paths_release(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->real[i]);
    free(p->real);
    *p = (struct paths){ 0 };
}

/* ---- Landlock ---- */

struct ruleset { /* grows with the ABI; a kernel takes as much as it knows */
    uint64_t fs, net, scoped;
};
struct __attribute__((packed)) path_beneath {
    uint64_t allowed;
    int32_t fd;
};
enum { ASK_VERSION = 1, RULE_PATH_BENEATH = 1 };
#define FS_READ_FILE (1u << 2)
#define FS_READ_DIR  (1u << 3)
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

/* Everything that a kernel of that ABI can forbid. */
static int ruleset_make(long abi)
{
    struct ruleset r = { .fs = (1u << 13) - 1 }; /* 1: execute, read, write, remove, make … */
    size_t size = abi >= 6 ? sizeof r : abi >= 4 ? 2 * sizeof r.fs : sizeof r.fs;

    r.fs |= abi >= 2 ? 1u << 13 : 0; /* link and rename across folders */
    r.fs |= abi >= 3 ? 1u << 14 : 0; /* truncate */
    r.fs |= abi >= 5 ? 1u << 15 : 0; /* ioctl of devices */
    r.net = 3;                       /* bind and connect TCP */
    r.scoped = 3;                    /* abstract sockets and signals, to processes outside */
    return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

static int rule_add(int ruleset, const char *real)
{
    int fd = open(real, O_PATH | O_CLOEXEC);
    struct path_beneath rule = { .allowed = FS_READ_FILE, .fd = fd };
    struct stat st;
    int rc = 0;

    if (fd < 0)
        return 0; /* it is gone: then nobody reads it */
    if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
        rule.allowed |= FS_READ_DIR;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0))
        rc = -errno;
    close(fd);
    return rc;
}

int paths_lock(const struct paths *p)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
    int fd, rc = 0;

    if (abi < 1) /* an old kernel, or it was not chosen at its start */
        return 1;
    fd = ruleset_make(abi);
    if (fd < 0)
        return -errno;
    for (size_t i = 0; !rc && i < p->n; i++)
        rc = rule_add(fd, p->real[i]);
    if (!rc && syscall(SYS_landlock_restrict_self, fd, 0))
        rc = -errno;
    close(fd);
    return rc;
}
