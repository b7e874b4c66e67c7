/* files: see files.h. */
#include "command/replay/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

enum { DEPTH_MOST = 16, PATH_MOST = 4096 };

static int is_archive(const char *name)
{
    static const char *const ends[] = { ".warc", ".warc.gz", ".warc.zst", ".arc", ".arc.gz" };
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (name[0] != '.' && n > strlen(ends[i]) && !strcmp(name + n - strlen(ends[i]), ends[i]))
            return 1;
    return 0;
}

/* ---- what is there ---- */

struct list {
    replay_file_fn fn;
    void *arg;
    struct err *err;
    size_t n; /* archives found */
};

static int dir_list(struct list *l, const char *dir, int depth);

static int entry_list(struct list *l, const char *dir, const char *name, int depth)
{
    char path[PATH_MOST];
    struct stat st;

    if (name[0] == '.' || snprintf(path, sizeof path, "%s/%s", dir, name) >= PATH_MOST || stat(path, &st))
        return 0;
    if (S_ISDIR(st.st_mode))
        return depth < DEPTH_MOST ? dir_list(l, path, depth + 1) : 0;
    if (!S_ISREG(st.st_mode) || !is_archive(name))
        return 0;
    l->n++;
    return l->fn(l->arg, path, l->err);
}

static int dir_list(struct list *l, const char *dir, int depth)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort), rc = 0;

    if (n < 0)
        return err_set(l->err, ERR_USAGE, "%s: cannot be read: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        rc = rc ? rc : entry_list(l, dir, names[i]->d_name, depth);
        free(names[i]);
    }
    free(names);
    return rc;
}

int replay_files_list(char *const *paths, size_t n, replay_file_fn fn, void *arg, struct err *err)
{
    struct list l = { fn, arg, err, 0 };
    struct stat st;
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t before = l.n;
        if (strcmp(paths[i], "-") != 0 && (stat(paths[i], &st) || access(paths[i], R_OK)))
            return err_set(err, ERR_USAGE,
                           "%s: %s; name archives that are there (.warc, .warc.gz, .warc.zst, .arc)",
                           paths[i], strerror(errno));
        if (strcmp(paths[i], "-") != 0 && S_ISDIR(st.st_mode)) {
            rc = dir_list(&l, paths[i], 0);
            if (rc == 0 && l.n == before)
                rc = err_set(err, ERR_USAGE, "%s: has no archives in it (.warc, .warc.gz, .warc.zst, .arc)",
                             paths[i]);
        } else {
            rc = fn(arg, paths[i], err);
        }
    }
    return rc;
}

/* ---- what comes ---- */

struct replay_follow {
    char *dir;
    int fd;
    int is_listed; /* what was there at the start, or since events were lost, is known */
};

int replay_follow_open(const char *dir, struct replay_follow **ret, struct err *err)
{
    struct replay_follow *f = *ret = calloc(1, sizeof *f);

    if (!f || !(f->dir = strdup(dir)))
        abort();
    f->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (f->fd >= 0 && inotify_add_watch(f->fd, dir, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR) >= 0)
        return 0;
    err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_USAGE : ERR_IO,
            "%s: cannot be followed: %s; name the folder that a crawler writes archives to", dir,
            strerror(errno));
    replay_follow_close(f);
    *ret = NULL;
    return err->code;
}

void replay_follow_close(struct replay_follow *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f->dir);
    free(f);
}

int replay_follow_fd(const struct replay_follow *f)
{
    return f->fd;
}

/* Has some process the file open for writing?  A lease for reading is refused then. */
static int is_written(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int busy = fd >= 0 && fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;

    if (fd >= 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        close(fd);
    }
    return busy;
}

struct finished {
    replay_file_fn fn;
    void *arg;
};

static int finished_only(void *arg, const char *path, struct err *err)
{
    struct finished *f = arg;

    return is_written(path) ? 0 : f->fn(f->arg, path, err);
}

static int there(const struct replay_follow *f, replay_file_fn fn, void *arg, struct err *err)
{
    struct finished finished = { fn, arg };
    struct list l = { finished_only, &finished, err, 0 };

    return dir_list(&l, f->dir, DEPTH_MOST); /* not below it */
}

static int event(struct replay_follow *f, const struct inotify_event *e, replay_file_fn fn, void *arg,
                 struct err *err)
{
    char path[PATH_MOST];

    if (e->mask & IN_Q_OVERFLOW)
        f->is_listed = 0;
    if (!e->len || (e->mask & IN_ISDIR) || !is_archive(e->name) ||
        snprintf(path, sizeof path, "%s/%s", f->dir, e->name) >= PATH_MOST)
        return 0;
    return access(path, R_OK) ? 0 : fn(arg, path, err);
}

int replay_follow_read(struct replay_follow *f, replay_file_fn fn, void *arg, struct err *err)
{
    char bytes[8192] __attribute__((aligned(8)));
    ssize_t n;
    int rc = 0;

    while (rc == 0 && (n = read(f->fd, bytes, sizeof bytes)) > 0)
        for (char *at = bytes; rc == 0 && at < bytes + n;) {
            const struct inotify_event *e = (const struct inotify_event *)(const void *)at;
            at += sizeof *e + e->len;
            rc = event(f, e, fn, arg, err);
        }
    if (rc == 0 && !f->is_listed) {
        f->is_listed = 1;
        rc = there(f, fn, arg, err);
    }
    return rc;
}
