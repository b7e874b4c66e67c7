/* letters: see letters.h. */
#include "command/letters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "command/segments.h"

enum { ENTRY_BYTES = RECORD_ID_BYTES + 4, ENTRIES_READ = 512, PAGES_MAX = 1 << 26 };

struct mark { /* of a page */
    uint8_t id[RECORD_ID_BYTES];
    uint32_t n, seen; /* its letters: in the folder, asked for so far */
    uint8_t is_used, is_settled;
};

struct letters {
    char *path; /* of `settled` */
    int fd;     /* the same, for adding to it; -1: not opened yet */
    struct mark *marks;
    size_t n, cap;
};

/* ---- the table ---- */

static struct mark *mark_seek(struct mark *marks, size_t cap, const uint8_t *id)
{
    uint64_t h;

    memcpy(&h, id, sizeof h);
    for (size_t i = (h * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);; i = (i + 1) & (cap - 1))
        if (!marks[i].is_used || !memcmp(marks[i].id, id, RECORD_ID_BYTES))
            return &marks[i];
}

static struct mark *mark_find(const struct letters *l, const uint8_t *id)
{
    struct mark *m = l->cap ? mark_seek(l->marks, l->cap, id) : NULL;

    return m && m->is_used ? m : NULL;
}

static int table_grow(struct letters *l)
{
    size_t cap = l->cap ? l->cap * 2 : 256;
    struct mark *marks;

    if (l->n < l->cap / 2)
        return 0;
    marks = l->n < PAGES_MAX ? calloc(cap, sizeof *marks) : NULL;
    if (!marks)
        return ERR_NOMEM;
    for (size_t i = 0; i < l->cap; i++)
        if (l->marks[i].is_used)
            *mark_seek(marks, cap, l->marks[i].id) = l->marks[i];
    free(l->marks);
    l->marks = marks;
    l->cap = cap;
    return 0;
}

/* Found or made; NULL: out of memory. */
static struct mark *mark_get(struct letters *l, const uint8_t *id)
{
    struct mark *m = mark_find(l, id);

    if (m || table_grow(l) < 0)
        return m;
    m = mark_seek(l->marks, l->cap, id);
    memcpy(m->id, id, sizeof m->id);
    m->is_used = 1;
    l->n++;
    return m;
}

/* ---- the folder ---- */

static int folder_read(struct letters *l, const char *dir, struct err *err)
{
    struct segments *s = segments_open(dir);
    struct segment_item it;
    enum segment_event e;
    struct mark *m;
    int rc = 0;

    if (!s)
        return err_set(err, ERR_IO, "%s: cannot be read (%s)", dir, strerror(errno));
    while (rc == 0 && (e = segments_next(s, &it)) != SEGMENT_END) {
        if (e != SEGMENT_RECORD)
            continue;
        m = mark_get(l, it.id);
        if (m)
            m->n++;
        else
            rc = err_set(err, ERR_NOMEM, "%s: more letters than there is memory for", dir);
    }
    segments_close(s);
    return rc;
}

static uint32_t entry_sum(const uint8_t *id)
{
    return (uint32_t)crc32_z(0, id, RECORD_ID_BYTES);
}

static int entry_ok(const uint8_t entry[ENTRY_BYTES])
{
    const uint8_t *sum = entry + RECORD_ID_BYTES;

    return entry_sum(entry) ==
           ((uint32_t)sum[0] | (uint32_t)sum[1] << 8 | (uint32_t)sum[2] << 16 | (uint32_t)sum[3] << 24);
}

static int settled_read(struct letters *l, struct err *err)
{
    uint8_t some[ENTRIES_READ][ENTRY_BYTES];
    FILE *f = fopen(l->path, "re");
    struct mark *m;
    int rc = 0;
    size_t n;

    if (!f)
        return errno == ENOENT ? 0
                               : err_set(err, ERR_IO, "%s: cannot be read (%s)", l->path, strerror(errno));
    while (rc == 0 && (n = fread(some, ENTRY_BYTES, ENTRIES_READ, f)) > 0)
        for (size_t i = 0; i < n && rc == 0; i++) {
            if (!entry_ok(some[i]))
                continue;
            m = mark_get(l, some[i]);
            if (m)
                m->is_settled = 1;
            else
                rc = err_set(err, ERR_NOMEM, "%s: more pages than there is memory for", l->path);
        }
    if (rc == 0 && ferror(f))
        rc = err_set(err, ERR_IO, "%s: cannot be read (%s)", l->path, strerror(errno));
    fclose(f);
    return rc;
}

int letters_open(const char *dir, struct letters **ret, struct err *err)
{
    struct letters *l = calloc(1, sizeof *l);
    int rc;

    *ret = NULL;
    if (!l)
        return err_set(err, ERR_NOMEM, "%s: out of memory", dir);
    l->fd = -1;
    if (asprintf(&l->path, "%s/settled", dir) < 0) {
        l->path = NULL;
        rc = err_set(err, ERR_NOMEM, "%s: out of memory", dir);
    } else if ((rc = settled_read(l, err)) == 0) {
        rc = folder_read(l, dir, err);
    }
    if (rc < 0) {
        letters_close(l);
        return rc;
    }
    *ret = l;
    return 0;
}

int letters_count(struct letters *l, const uint8_t id[RECORD_ID_BYTES])
{
    struct mark *m = mark_find(l, id);

    if (!m)
        return 1;
    m->seen++;
    return !m->is_settled && m->seen >= m->n;
}

uint64_t letters_pages(const struct letters *l)
{
    uint64_t n = 0;

    for (size_t i = 0; i < l->cap; i++)
        n += l->marks[i].n && !l->marks[i].is_settled;
    return n;
}

int letters_is_settled(const struct letters *l, const uint8_t id[RECORD_ID_BYTES])
{
    const struct mark *m = mark_find(l, id);

    return m && m->is_settled;
}

/* ---- settling ---- */

/* A torn tail is cut, so that what follows is read. */
static int settled_open(struct letters *l)
{
    struct stat st;

    if (l->fd >= 0)
        return 0;
    l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (l->fd < 0 || fstat(l->fd, &st) < 0)
        return ERR_IO;
    return st.st_size % ENTRY_BYTES && ftruncate(l->fd, st.st_size - st.st_size % ENTRY_BYTES) < 0 ? ERR_IO
                                                                                                   : 0;
}

int letters_settle(struct letters *l, const uint8_t id[RECORD_ID_BYTES])
{
    uint8_t entry[ENTRY_BYTES];
    uint32_t sum = entry_sum(id);
    struct mark *m = mark_get(l, id);
    ssize_t n;

    if (!m)
        errno = ENOMEM;
    if (!m || settled_open(l) < 0)
        return ERR_IO;
    memcpy(entry, id, RECORD_ID_BYTES);
    for (int i = 0; i < 4; i++)
        entry[RECORD_ID_BYTES + i] = (uint8_t)(sum >> (8 * i));
    n = write(l->fd, entry, sizeof entry);
    if (n != (ssize_t)sizeof entry) {
        errno = n < 0 ? errno : ENOSPC;
        close(l->fd); /* what is there of it is cut off when it is opened again */
        l->fd = -1;
        return ERR_IO;
    }
    m->is_settled = 1;
    return 0;
}

void letters_close(struct letters *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    free(l->marks);
    free(l->path);
    free(l);
}

/* ---- the view ---- */

/* The map at p without one of its keys, which is there. */
static void map_thin(struct buf *to, const unsigned char *p, const unsigned char *end, const char *key)
{
    struct mp_value map, name;

    if (mp_read(&p, end, &map) < 0)
        return;
    mp_map(to, map.u.n - 1);
    for (uint32_t i = 0; i < map.u.n; i++) {
        const unsigned char *pair = p;
        if (mp_read(&p, end, &name) < 0 || mp_skip(&p, end) < 0)
            return;
        if (name.type != MP_STR || name.len != strlen(key) || memcmp(name.p, key, name.len) != 0)
            buf_add(to, pair, (size_t)(p - pair));
    }
}

void letter_without_body(struct buf *to, const void *record, size_t n)
{
    const unsigned char *p = record, *end = p + n;
    struct mp_value outer, name;

    if (mp_read(&p, end, &outer) < 0)
        return;
    mp_map(to, outer.u.n);
    for (uint32_t i = 0; i < outer.u.n; i++) {
        const unsigned char *pair = p, *value;
        if (mp_read(&p, end, &name) < 0 || (value = p, mp_skip(&p, end)) < 0)
            return;
        int is_page = name.type == MP_STR && name.len == 4 && !memcmp(name.p, "page", 4);
        buf_add(to, pair, (size_t)((is_page ? value : p) - pair));
        if (is_page)
            map_thin(to, value, p, "body");
    }
}
