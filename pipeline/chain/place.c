/* place: see place.h.  The folders looked in are that of this object (dladdr: the library when there is
 * one), that of the program (/proc/self/exe), and PREFIX; each as a build folder and as an installed
 * tree.  Names nothing that is not there: the error lists where it looked. */
#include "chain/place.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#ifndef TROMMEL_PREFIX
#define TROMMEL_PREFIX "/usr/local"
#endif

char *path_join(const char *dir, const char *name)
{
    char *path;

    if (!dir || !*dir || name[0] == '/')
        return strdup(name);
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static void own_dir(char out[PATH_MAX])
{
    char path[PATH_MAX];
    Dl_info info;

    out[0] = 0;
    if (!dladdr((void *)(uintptr_t)own_dir, &info) || !info.dli_fname || !realpath(info.dli_fname, path))
        return;
    snprintf(out, PATH_MAX, "%s", dirname(path));
}

static void exe_dir(char out[PATH_MAX])
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    out[0] = 0;
    if (n <= 0)
        return;
    path[n] = 0;
    snprintf(out, PATH_MAX, "%s", dirname(path));
}

static int is_there(const char *path, int want_dir)
{
    struct stat st;

    if (stat(path, &st))
        return 0;
    return want_dir ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* First place that has `name`, or NULL; `looked` gets the list of those that have not. */
static char *place_search(const char *name, int want_dir, struct buf *looked)
{
    static const char *const under[] = { "", "/trommel", "/../lib/trommel" };
    char dirs[3][PATH_MAX], *path;

    own_dir(dirs[0]);
    exe_dir(dirs[1]);
    snprintf(dirs[2], PATH_MAX, "%s/lib/trommel", TROMMEL_PREFIX);
    for (int d = 0; d < 3; d++) {
        for (int u = 0; u < (d < 2 ? 3 : 1); u++) {
            if (!dirs[d][0] || (d == 1 && !strcmp(dirs[0], dirs[1])))
                continue;
            if (asprintf(&path, "%s%s/%s", dirs[d], under[u], name) < 0)
                return NULL;
            if (is_there(path, want_dir))
                return path;
            buf_printf(looked, "%s%s", looked->len ? ", " : "", path);
            free(path);
        }
    }
    return NULL;
}

static int place_find(const char *given, const char *env, const char *name, int want_dir, char **ret,
                      struct err *err)
{
    const char *said = given ? given : secure_getenv(env);
    struct buf looked = BUF_INIT(64 * 1024);

    *ret = NULL;
    if (said && *said) {
        if (!is_there(said, want_dir))
            return err_set(err, ERR_USAGE, "%s: no such %s (given by %s): correct it or leave it out", said,
                           want_dir ? "folder" : "program", given ? "an option" : env);
        *ret = strdup(said);
        return *ret ? 0 : ERR_NOMEM;
    }
    *ret = place_search(name, want_dir, &looked);
    if (!*ret)
        err_set(err, ERR_ABSENT, "%s not found (looked for %s): install it there or set %s",
                want_dir ? "the folder of the bundled stages" : "the worker program", buf_cstr(&looked), env);
    buf_release(&looked);
    return *ret ? 0 : ERR_ABSENT;
}

char *place_beside(const char *name)
{
    struct buf looked = BUF_INIT(64 * 1024);
    char *path = place_search(name, 1, &looked);

    buf_release(&looked);
    return path;
}

int place_worker(const char *given, char **ret, struct err *err)
{
    return place_find(given, "TROMMEL_WORKER", "trommel-worker", 0, ret, err);
}

int place_stage_dir(const char *given, char **ret, struct err *err)
{
    return place_find(given, "TROMMEL_STAGE_DIR", "stage", 1, ret, err);
}
