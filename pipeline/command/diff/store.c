/* store: see store.h. */
#include "command/diff/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "command/segments.h"
#include "record/record.h"

enum { OPEN_MAX = 16 }; /* files that are held open */

struct open_file {
    int fd;
    uint32_t file; /* 0: none */
};
struct diff_store {
    char **paths; /* of file 1 on */
    uint32_t n, cap;
    struct open_file open[OPEN_MAX];
    unsigned next; /* to be closed for another */
    FILE *own;     /* the file without a name; NULL: nothing was put yet */
    uint64_t own_bytes;
};

struct diff_store *diff_store_new(void)
{
    struct diff_store *s = calloc(1, sizeof *s);

    if (!s)
        abort();
    return s;
}

void diff_store_free(struct diff_store *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        free(s->paths[i]);
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (s->open[i].file)
            close(s->open[i].fd);
    if (s->own)
        fclose(s->own);
    free(s->paths);
    free(s);
}

uint32_t diff_store_file(struct diff_store *s, const char *path)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->paths = reallocarray(s->paths, s->cap, sizeof *s->paths);
        if (!s->paths)
            abort();
    }
    s->paths[s->n] = strdup(path);
    if (!s->paths[s->n])
        abort();
    return ++s->n;
}

/* ---- the file without a name ---- */

FILE *diff_store_tmp(struct err *err)
{
    const char *dir = getenv("TMPDIR");
    char path[4096];

    snprintf(path, sizeof path, "%.4000s/trommel-diff.XXXXXX", dir && *dir ? dir : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w+");
    if (!f) {
        err_set(err, ERR_IO, "%s: cannot be made: %s; TMPDIR names another folder for what is compared", path,
                strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    if (fd >= 0)
        unlink(path);
    return f;
}

int diff_store_put(struct diff_store *s, trommel_str record, struct place *ret, struct err *err)
{
    if (!s->own && !(s->own = diff_store_tmp(err)))
        return ERR_IO;
    *ret = (struct place){ s->own_bytes, (uint32_t)record.n, 0 };
    if (record.n && fwrite(record.p, 1, record.n, s->own) != record.n)
        return err_set(err, ERR_IO, "what is compared cannot be written down: %s; TMPDIR names the folder",
                       strerror(errno));
    s->own_bytes += record.n;
    return 0;
}

/* ---- reading ---- */

static int file_fd(struct diff_store *s, uint32_t file, struct err *err)
{
    if (!file)
        return s->own && fflush(s->own) == 0
                   ? fileno(s->own)
                   : err_set(err, ERR_IO, "what is compared cannot be written down: %s", strerror(errno));
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (s->open[i].file == file)
            return s->open[i].fd;
    struct open_file *o = &s->open[s->next++ % OPEN_MAX];
    if (o->file)
        close(o->fd);
    o->file = 0;
    o->fd = segment_file_open(s->paths[file - 1]);
    if (o->fd < 0)
        return err_set(err, ERR_IO, "%s: cannot be opened again: %s", s->paths[file - 1], strerror(errno));
    o->file = file;
    return o->fd;
}

static int read_whole(int fd, unsigned char *p, size_t n, uint64_t offset)
{
    while (n) {
        ssize_t k = pread(fd, p, n, (off_t)offset);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return ERR_IO;
        p += k;
        n -= (size_t)k;
        offset += (uint64_t)k;
    }
    return 0;
}

int diff_store_get(struct diff_store *s, const struct place *at, struct buf *into, struct err *err)
{
    int fd = file_fd(s, at->file, err);

    buf_clear(into);
    if (fd < 0)
        return ERR_IO;
    unsigned char *room = buf_room(into, at->n);
    if (!room)
        return err_set(err, ERR_NOMEM, "a record of %u bytes: out of memory", at->n);
    into->len = at->n;
    if (read_whole(fd, room, at->n, at->offset) < 0 || mp_check(room, at->n, LIMIT_RECORD_DEPTH, NULL) < 0)
        return err_set(err, ERR_IO, "%s: byte %llu: the record that was there is no longer",
                       at->file ? s->paths[at->file - 1] : "what was written down",
                       (unsigned long long)at->offset);
    return 0;
}
