/* recover: the folder as an earlier run left it.
 *
 * Segments are numbered; the one being written ends in ".open".  `.checkpoint` names a place in this row:
 * every record before it is committed, but for the ids listed in the file.  So after a crash only what was
 * written since is read: its ids, together with the list, are those the host may put again.  Some of them
 * are committed already (the crash came before the next checkpoint); they stay in the list, at most HELD_MAX,
 * the oldest go first.  A missing or damaged checkpoint costs time only: everything is read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "deliver/segment.h"
#include "plugin/sink/file/file.h"

/* ---- the folder --------------------------------------------------------------------------------- */

static int make_path(const char *dir)
{
    char path[4096];
    size_t n = strlen(dir);

    if (n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, dir, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        char c = path[i];
        path[i] = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return -1;
        path[i] = c;
    }
    return 0;
}

int folder_open(const char *dir, int *ret_dir_fd, int *ret_lock_fd, struct fault *f)
{
    char pid[32] = "";

    if (make_path(dir) < 0)
        return fault_set(f, errno, "%s: cannot make the folder (%s); give another --out", dir,
                         strerror(errno));
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return fault_set(f, errno, "%s: %s; give a folder as --out", dir, strerror(errno));
    int fd = openat(dir_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        int code = errno;
        close(dir_fd);
        return fault_set(f, code,
                         "%s/.lock: cannot make it (%s); make the folder writable, or give another --out",
                         dir, strerror(code));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int code = errno;
        ssize_t k = pread(fd, pid, sizeof pid - 1, 0);
        pid[k > 0 ? k : 0] = '\0';
        pid[strspn(pid, "0123456789")] = '\0';
        close(fd);
        close(dir_fd);
        return fault_set(f, code,
                         "%s: another job writes there (process %s); wait for its end, or give another --out",
                         dir, pid[0] ? pid : "unknown");
    }
    int k = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)k, 0) < 0)
        pid[0] = '\0'; /* who holds it is a courtesy */
    *ret_dir_fd = dir_fd;
    *ret_lock_fd = fd;
    return 0;
}

/* ---- checkpoint --------------------------------------------------------------------------------- */

static const char magic[8] = "TRMCKPT1";
#define CHECKPOINT_HEAD 32 /* magic, number, offset, ids */

static void put64(unsigned char *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get64(const unsigned char *p)
{
    uint64_t v = 0;

    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static int by_seq(const void *a, const void *b)
{
    const struct held_entry *x = *(const struct held_entry *const *)a,
                            *y = *(const struct held_entry *const *)b;

    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* The ids that are written and not committed, in the order of writing. */
static unsigned char *checkpoint_bytes(const struct place *at, const struct held *h, size_t *ret_n)
{
    const struct held_entry **order = malloc((h->n + 1) * sizeof *order);
    unsigned char *p = malloc(CHECKPOINT_HEAD + h->n * ID_BYTES + 4);
    size_t n = 0, len;

    if (!order || !p) {
        free(order);
        free(p);
        return NULL;
    }
    for (size_t i = 0; i < h->cap; i++)
        if (h->slots[i].used && !h->slots[i].owed)
            order[n++] = &h->slots[i];
    qsort(order, n, sizeof *order, by_seq);
    memcpy(p, magic, 8);
    put64(p + 8, at->number);
    put64(p + 16, at->offset);
    put64(p + 24, n);
    for (size_t i = 0; i < n; i++)
        memcpy(p + CHECKPOINT_HEAD + i * ID_BYTES, order[i]->id, ID_BYTES);
    len = CHECKPOINT_HEAD + n * ID_BYTES;
    uLong c = crc32_z(0, p, len);
    for (int i = 0; i < 4; i++)
        p[len + (size_t)i] = (unsigned char)(c >> (8 * i));
    *ret_n = len + 4;
    free(order);
    return p;
}

int checkpoint_write(int dir_fd, const struct place *at, const struct held *h)
{
    size_t n;
    unsigned char *p = checkpoint_bytes(at, h, &n);
    int fd = p ? openat(dir_fd, ".checkpoint.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    int rc = -1;

    if (fd >= 0) {
        rc = write(fd, p, n) == (ssize_t)n ? 0 : -1;
        rc |= close(fd);
        if (rc == 0)
            rc = renameat(dir_fd, ".checkpoint.new", dir_fd, ".checkpoint");
        else
            unlinkat(dir_fd, ".checkpoint.new", 0);
    }
    free(p);
    return rc;
}

/* Ids in the order of writing; only the newest HELD_MAX count. */
struct list {
    uint8_t (*ids)[ID_BYTES];
    size_t n, cap;
};

static int list_add(struct list *l, const uint8_t *id)
{
    if (l->n == 2 * (size_t)HELD_MAX) {
        memmove(l->ids, l->ids + HELD_MAX, (size_t)HELD_MAX * ID_BYTES);
        l->n = HELD_MAX;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1024;
        void *p = realloc(l->ids, cap * ID_BYTES);
        if (!p)
            return -1;
        l->ids = p;
        l->cap = cap;
    }
    memcpy(l->ids[l->n++], id, ID_BYTES);
    return 0;
}

static int checkpoint_parse(const unsigned char *p, size_t n, struct place *at, struct list *l)
{
    if (n < CHECKPOINT_HEAD + 4 || memcmp(p, magic, 8) || get64(p + 24) > 4 * (uint64_t)HELD_MAX)
        return -1;
    size_t ids = (size_t)get64(p + 24), len = CHECKPOINT_HEAD + ids * ID_BYTES;
    if (n != len + 4)
        return -1;
    uLong c = crc32_z(0, p, len);
    for (int i = 0; i < 4; i++)
        if (p[len + (size_t)i] != (unsigned char)(c >> (8 * i)))
            return -1;
    for (size_t i = 0; i < ids; i++)
        if (list_add(l, p + CHECKPOINT_HEAD + i * ID_BYTES) < 0)
            return -1;
    at->number = get64(p + 8);
    at->offset = get64(p + 16);
    return 0;
}

/* The place from which to read; the first of all without a checkpoint. */
static void checkpoint_read(int dir_fd, struct place *at, struct list *l)
{
    int fd = openat(dir_fd, ".checkpoint", O_RDONLY | O_CLOEXEC);
    struct stat st;

    *at = (struct place){ 0 };
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < 128 * 1024 * 1024) {
        unsigned char *p = malloc((size_t)st.st_size);
        if (p && read(fd, p, (size_t)st.st_size) == st.st_size &&
            checkpoint_parse(p, (size_t)st.st_size, at, l) < 0)
            *at = (struct place){ 0 };
        free(p);
    }
    close(fd);
}

/* ---- segments ----------------------------------------------------------------------------------- */

struct found {
    uint64_t number;
    int zstd, open;
};

/* "records-000001.msgpack[.zst][.open]" */
static int name_parse(const char *name, struct found *ret)
{
    char *end, again[80];

    if (strncmp(name, "records-", 8) || name[8] < '0' || name[8] > '9')
        return 0;
    errno = 0;
    ret->number = strtoull(name + 8, &end, 10);
    if (errno || strncmp(end, ".msgpack", 8))
        return 0;
    ret->zstd = !strncmp(end + 8, ".zst", 4);
    ret->open = !strcmp(end + 8 + (ret->zstd ? 4 : 0), SEGMENT_OPEN);
    segment_name(again, ret->number, ret->zstd);
    if (ret->open)
        strcat(again, SEGMENT_OPEN);
    return !strcmp(again, name);
}

static int by_number(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    return x->number != y->number ? (x->number < y->number ? -1 : 1) : x->open - y->open;
}

static int segments_list(int dir_fd, struct found **ret, size_t *ret_n)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct found *all = NULL, one;
    size_t n = 0, cap = 0;
    struct dirent *e;

    if (!d) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    while ((e = readdir(d))) {
        if (!name_parse(e->d_name, &one))
            continue;
        if (n == cap) {
            void *p = realloc(all, (cap = cap ? cap * 2 : 64) * sizeof *all);
            if (!p) {
                free(all);
                closedir(d);
                errno = ENOMEM;
                return -1;
            }
            all = p;
        }
        all[n++] = one;
    }
    closedir(d);
    if (n)
        qsort(all, n, sizeof *all, by_number);
    *ret = all;
    *ret_n = n;
    return 0;
}

struct scan {
    const char *path;
    uint64_t torn_at; /* UINT64_MAX: the tail is whole */
    int damaged;
};

static void say(const struct recovery *r, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(const struct recovery *r, int level, const char *fmt, ...)
{
    char line[700];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    r->say(r->arg, level, line);
}

/* Reads a segment from `from` on: its ids into l, and where its torn tail begins.  Ids of a batch that is
 * torn do not count: they are cut with it. */
static int segment_scan(int fd, uint64_t from, struct list *l, struct scan *sc, const struct recovery *r)
{
    struct segment *s = lseek(fd, (off_t)from, SEEK_SET) < 0 ? NULL : segment_new(fd, from, 0);
    struct segment_item item;
    enum segment_event e;
    size_t batch = l->n;
    uint64_t frame = UINT64_MAX;
    int rc = 0;

    if (!s)
        return -1;
    sc->torn_at = UINT64_MAX;
    sc->damaged = 0;
    while ((e = segment_next(s, &item)) != SEGMENT_END && rc == 0) {
        if (e == SEGMENT_FAILED) {
            rc = -1;
        } else if (e == SEGMENT_RECORD) {
            if (item.offset != frame)
                batch = l->n;
            frame = item.offset;
            size_t had = l->n;
            rc = list_add(l, item.id);
            if (l->n < had)
                batch = batch > HELD_MAX ? batch - HELD_MAX : 0;
            sc->damaged = 0;
        } else if (e == SEGMENT_TORN) {
            sc->torn_at = item.offset;
            if (item.offset == frame)
                l->n = batch;
        } else {
            sc->damaged = 1;
            say(r, 1,
                "%s: at byte %llu %s (%llu bytes); they stay where they are, records behind them are read",
                sc->path, (unsigned long long)item.offset, item.what, (unsigned long long)item.lost);
        }
    }
    segment_free(s);
    return rc;
}

static int tail_cut(int fd, const struct scan *sc, const struct recovery *r)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || ftruncate(fd, (off_t)sc->torn_at) < 0)
        return -1;
    say(r, 1, "%s: cut off %lld bytes of a write that a crash had left unfinished; its pages come again",
        sc->path, (long long)st.st_size - (long long)sc->torn_at);
    return 0;
}

/* An open segment becomes the one that is written on, or a closed one. */
static int segment_adopt(struct writer *w, const struct found *one, int fd, const struct scan *sc, int last,
                         struct fault *f)
{
    off_t end = lseek(fd, 0, SEEK_END);

    w->fd = fd;
    w->number = one->number;
    w->end = end > 0 ? (uint64_t)end : 0;
    w->dirty = 0;
    segment_name(w->name, one->number, one->zstd);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    w->since_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    if (!last || one->zstd != w->zstd || sc->damaged)
        return writer_finish(w, f);
    return 0;
}

static int segment_recover(struct writer *w, const struct found *one, int last, const struct place *from,
                           struct list *l, const struct recovery *r, struct fault *f)
{
    char name[80], path[4200];
    struct scan sc = { .path = path };
    struct stat st;

    segment_name(name, one->number, one->zstd);
    if (one->open)
        strcat(name, SEGMENT_OPEN);
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    if (one->number < from->number && !one->open)
        return 0;
    int fd = openat(w->dir_fd, name, (one->open ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        goto failed;
    uint64_t start = one->number == from->number && from->offset <= (uint64_t)st.st_size ? from->offset : 0;
    if (segment_scan(fd, start, l, &sc, r) < 0)
        goto failed;
    if (!one->open) {
        if (sc.torn_at != UINT64_MAX)
            say(r, 1, "%s: ends in half a record at byte %llu", path, (unsigned long long)sc.torn_at);
        close(fd);
        return 0;
    }
    if (sc.torn_at != UINT64_MAX && tail_cut(fd, &sc, r) < 0)
        goto failed;
    return segment_adopt(w, one, fd, &sc, last, f);
failed:
    fault_set(f, errno, "%s: cannot be recovered (%s); see to the disk, or give another --out", path,
              strerror(errno));
    if (fd >= 0)
        close(fd);
    return f->code;
}

int recover(struct writer *w, struct held *h, const struct recovery *r, struct fault *f)
{
    struct list l = { 0 };
    struct place from;
    struct found *all = NULL;
    size_t n = 0;
    int rc = 0;

    checkpoint_read(w->dir_fd, &from, &l);
    if (segments_list(w->dir_fd, &all, &n) < 0)
        rc = fault_set(f, errno, "%s: cannot list it (%s)", w->dir, strerror(errno));
    w->number = 1;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = segment_recover(w, &all[i], i + 1 == n, &from, &l, r, f);
        if (w->fd < 0 && w->number <= all[i].number)
            w->number = all[i].number + 1;
    }
    for (size_t i = l.n > HELD_MAX ? l.n - HELD_MAX : 0; i < l.n && !rc; i++)
        if (!held_add(h, l.ids[i]))
            rc = fault_set(f, ENOMEM, "%s: out of memory", w->dir);
    free(l.ids);
    free(all);
    return rc;
}
