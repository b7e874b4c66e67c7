/* owner: who could have written a stage's file?  See store.h.
 *
 * Whoever can write a file, or rename in a folder above it, decides what runs in the workers.  The path
 * is walked from the root, folder by folder, each opened within the one before it and judged by its
 * descriptor: what is read afterwards is what was judged, whatever is renamed meanwhile.  Access lists
 * show in the group's bits of the mode (they are its mask).  Omitted: capabilities, mounts, and those who
 * are root. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/store.h"

struct walk {
    const char *given; /* as the operator named it */
    char *real;        /* where its links lead; cut off at the folder that is judged */
    int anyone;
    struct err *err;
};

/* "bob (uid 1000)" */
struct owner {
    char text[100];
};
static struct owner owner_of(uid_t uid)
{
    struct passwd pw, *found = NULL;
    struct owner o;
    char text[1024];

    if (!getpwuid_r(uid, &pw, text, sizeof text, &found) && found)
        snprintf(o.text, sizeof o.text, "%.60s (uid %u)", pw.pw_name, (unsigned)uid);
    else
        snprintf(o.text, sizeof o.text, "uid %u", (unsigned)uid);
    return o;
}

static int judge(const struct walk *w, const struct stat *st)
{
    const char *what = S_ISDIR(st->st_mode) ? "folder" : "file", *at = w->real[0] ? w->real : "/";
    unsigned mode = (unsigned)st->st_mode & 07777;

    if (st->st_uid != 0 && st->st_uid != geteuid())
        return err_set(w->err, ERR_REFUSED,
                       "%s: the %s %s (mode %04o) belongs to %s, not to root or to the user of this crawl "
                       "(uid %u), so others could exchange the stage: copy it into a folder of your own",
                       w->given, what, at, mode, owner_of(st->st_uid).text, (unsigned)geteuid());
    if ((mode & (S_IWGRP | S_IWOTH)) && !(S_ISDIR(st->st_mode) && (mode & S_ISVTX)))
        return err_set(w->err, ERR_REFUSED,
                       "%s: the %s %s (mode %04o, owner %s) can be written by %s, so others could exchange "
                       "the stage: chmod go-w %s",
                       w->given, what, at, mode, owner_of(st->st_uid).text,
                       mode & S_IWOTH ? "everybody" : "its group", at);
    return 0;
}

static int lost(const struct walk *w)
{
    int code = errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? ERR_ABSENT : ERR_IO;

    return err_set(w->err, code, "%s: cannot be opened: %s", w->given, strerror(errno));
}

/* Opens `name` within folder fd (which is closed if it is one), and judges it. */
static int step(const struct walk *w, int fd, const char *name, int flags)
{
    int next = openat(fd, name, flags | O_NOFOLLOW | O_CLOEXEC), rc = 0;
    struct stat st;

    if (next < 0 || fstat(next, &st))
        rc = lost(w);
    else if (!w->anyone)
        rc = judge(w, &st);
    if (fd >= 0)
        close(fd);
    if (rc && next >= 0)
        close(next);
    return rc ? rc : next;
}

static int walk(const struct walk *w)
{
    char *at = w->real;
    int fd = AT_FDCWD;

    *at = 0;
    fd = step(w, fd, "/", O_PATH | O_DIRECTORY);
    *at = '/';
    while (fd >= 0 && at[0] == '/' && at[1]) {
        char *name = at + 1, *slash = strchr(name, '/');
        if (slash)
            *slash = 0; /* what is judged is the path so far */
        fd = step(w, fd, name, slash ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (slash)
            *slash = '/';
        at = slash ? slash : name + strlen(name);
    }
    return fd;
}

int stage_file_open(const char *path, int anyone, struct err *err)
{
    struct walk w = { .given = path, .real = realpath(path, NULL), .anyone = anyone, .err = err };
    int fd = w.real ? walk(&w) : lost(&w);

    free(w.real);
    return fd;
}

int stage_file_judge(const char *path, struct err *err)
{
    int fd = stage_file_open(path, 0, err);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}
