/* segments: see segments.h. */
#include "command/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct segments {
    struct dirent **names;
    size_t n, at; /* at: the next one to be opened */
    char *dir, *path;
    int fd;
    struct segment *reader; /* of the one that is open */
};

static int is_segment(const struct dirent *e)
{
    const char *at = strstr(e->d_name, ".msgpack");

    return e->d_name[0] != '.' && at &&
           (!at[8] || !strcmp(at + 8, ".zst") || !strcmp(at + 8, SEGMENT_OPEN) ||
            !strcmp(at + 8, ".zst" SEGMENT_OPEN));
}

int segment_is_open(const char *name)
{
    size_t n = strlen(name), k = strlen(SEGMENT_OPEN);

    return n >= k && !strcmp(name + n - k, SEGMENT_OPEN);
}

int segment_file_open(char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT || !segment_is_open(path))
        return fd;
    path[strlen(path) - strlen(SEGMENT_OPEN)] = 0;
    return open(path, O_RDONLY | O_CLOEXEC);
}

struct segments *segments_open(const char *dir)
{
    struct segments *s = calloc(1, sizeof *s);
    int n;

    if (!s)
        return NULL;
    s->fd = -1;
    n = scandir(dir, &s->names, is_segment, versionsort);
    s->n = n > 0 ? (size_t)n : 0;
    if (n < 0 || !(s->dir = strdup(dir))) {
        int code = errno;
        segments_close(s);
        errno = code;
        return NULL;
    }
    return s;
}

size_t segments_count(const struct segments *s)
{
    return s->n;
}

const char *segments_path(const struct segments *s)
{
    return s->path ? s->path : s->dir;
}

int segments_is_zstd(const struct segments *s)
{
    return s->reader && segment_is_zstd(s->reader);
}

static void one_close(struct segments *s)
{
    segment_free(s->reader);
    s->reader = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static int one_open(struct segments *s)
{
    free(s->path);
    if (asprintf(&s->path, "%s/%s", s->dir, s->names[s->at++]->d_name) < 0) {
        s->path = NULL;
        errno = ENOMEM;
        return -1;
    }
    s->fd = segment_file_open(s->path);
    if (s->fd < 0)
        return -1;
    s->reader = segment_new(s->fd, 0, !segment_is_open(s->path));
    if (s->reader)
        return 0;
    errno = ENOMEM;
    return -1;
}

enum segment_event segments_next(struct segments *s, struct segment_item *ret)
{
    enum segment_event e = SEGMENT_END;

    for (;;) {
        if (s->reader)
            e = segment_next(s->reader, ret);
        if (e == SEGMENT_FAILED) {
            int code = errno;
            one_close(s);
            errno = code;
        }
        if (e != SEGMENT_END)
            return e;
        one_close(s);
        if (s->at == s->n)
            return SEGMENT_END;
        if (one_open(s) < 0)
            e = SEGMENT_FAILED;
    }
}

void segments_close(struct segments *s)
{
    if (!s)
        return;
    one_close(s);
    for (size_t i = 0; i < s->n; i++)
        free(s->names[i]);
    free(s->names);
    free(s->dir);
    free(s->path);
    free(s);
}
