/* journal: see journal.h. */
#include "index/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "plugin/stage/dedupe/sketch.h"

#define MAGIC       "TRMDEDU1"
#define HEAD        8 /* bytes of length and checksum */
#define FIXED       64
#define ENTRY_MAX   (FIXED + SKETCH_BYTES_MAX)
#define WAITING_MAX (64u * MIB)
#define READ_BYTES  (1u * MIB)

struct journal {
    int fd;
    char *path;
    uint64_t end; /* what is whole */
    struct buf waiting;
};

static void put(unsigned char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

static void entry_write(unsigned char *p, const struct journal_entry *e)
{
    uint64_t bits;

    memset(p, 0, FIXED);
    memcpy(p, e->id, 16);
    memcpy(p + 16, e->verdict.cluster, 16);
    memcpy(p + 32, e->verdict.of, 16);
    memcpy(&bits, &e->verdict.similarity, 8);
    put(p + 48, bits, 8);
    p[56] = (unsigned char)e->verdict.relation;
    memcpy(p + FIXED, e->sketch.p, e->sketch.n);
}

static int entry_read(const unsigned char *p, size_t n, struct journal_entry *e)
{
    uint64_t bits = sketch_number(p + 48, 8);

    memset(e, 0, sizeof *e);
    memcpy(e->id, p, 16);
    memcpy(e->verdict.cluster, p + 16, 16);
    memcpy(e->verdict.of, p + 32, 16);
    memcpy(&e->verdict.similarity, &bits, 8);
    if (p[56] > DEDUPE_PART || !(e->verdict.similarity >= 0 && e->verdict.similarity <= 1))
        return ERR_CORRUPT;
    e->verdict.relation = (enum dedupe_relation)p[56];
    e->sketch = (trommel_str){ (const char *)p + FIXED, n - FIXED };
    return 0;
}

static int read_whole(int fd, struct buf *b)
{
    for (;;) {
        unsigned char *room = buf_room(b, READ_BYTES);
        if (!room)
            return b->err;
        ssize_t k = read(fd, room, READ_BYTES);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k ? ERR_IO : 0;
        b->len += (size_t)k;
        if (b->len >= 2 * READ_BYTES)
            return 1;
    }
}

/* Gives out the whole entries of b and consumes them.  Sets *stop when what follows can't be an entry. */
static int entries_take(struct journal *j, struct buf *b, int (*fn)(void *, const struct journal_entry *),
                        void *arg, int *stop)
{
    size_t at = 0;
    int rc = 0;

    while (rc == 0 && b->len - at >= HEAD) {
        uint64_t n = sketch_number(b->data + at, 4);
        const unsigned char *p = b->data + at + HEAD;
        struct journal_entry e;

        if (n < FIXED || n > ENTRY_MAX) {
            *stop = 1;
            break;
        }
        if (b->len - at - HEAD < n)
            break;
        if (crc32_z(0, p, (size_t)n) != sketch_number(b->data + at + 4, 4) ||
            entry_read(p, (size_t)n, &e) < 0)
            log_warn("%s: the entry at byte %llu is damaged and left out", j->path,
                     (unsigned long long)(j->end + at));
        else
            rc = fn(arg, &e);
        at += HEAD + (size_t)n;
    }
    j->end += at;
    buf_consume(b, at);
    return rc;
}

static int replay(struct journal *j, int (*fn)(void *, const struct journal_entry *), void *arg,
                  struct err *err)
{
    struct buf b = BUF_INIT(4 * READ_BYTES);
    int more, stop = 0, rc = 0;

    do {
        more = read_whole(j->fd, &b);
        if (more >= 0)
            rc = entries_take(j, &b, fn, arg, &stop);
    } while (more > 0 && rc == 0 && !stop);
    if (more < 0)
        rc = err_set(err, more, "%s: cannot be read (%s)", j->path,
                     more == ERR_IO ? strerror(errno) : err_text(more));
    else if (rc < 0)
        err_set(err, rc, "%s: %s", j->path, err_text(rc));
    buf_release(&b);
    return rc;
}

static int tail_cut(struct journal *j, struct err *err)
{
    off_t size = lseek(j->fd, 0, SEEK_END);

    if (size >= 0 && (uint64_t)size > j->end)
        log_warn("%s: cut off %lld bytes that a crash had left unfinished", j->path,
                 (long long)size - (long long)j->end);
    if (size < 0 || ((uint64_t)size > j->end && ftruncate(j->fd, (off_t)j->end) < 0))
        return err_set(err, ERR_IO, "%s: its torn tail cannot be cut off (%s)", j->path, strerror(errno));
    return 0;
}

static int head_check(struct journal *j, struct err *err)
{
    char magic[8];
    ssize_t n = pread(j->fd, magic, sizeof magic, 0);

    if (n < 0)
        return err_set(err, ERR_IO, "%s: cannot be read (%s)", j->path, strerror(errno));
    if (n == 8 && memcmp(magic, MAGIC, 8))
        return err_set(err, ERR_CORRUPT,
                       "%s: is no dedupe index of this version; move it away to begin a new one", j->path);
    if (n < 8 && (ftruncate(j->fd, 0) < 0 || pwrite(j->fd, MAGIC, 8, 0) != 8))
        return err_set(err, ERR_IO, "%s: cannot write (%s); free space there", j->path, strerror(errno));
    j->end = 8;
    lseek(j->fd, 8, SEEK_SET);
    return 0;
}

int journal_open(const char *path, int (*fn)(void *arg, const struct journal_entry *e), void *arg,
                 struct journal **ret, struct err *err)
{
    struct journal *j = calloc(1, sizeof *j);
    int rc;

    *ret = NULL;
    if (!j || !(j->path = strdup(path))) {
        free(j);
        return err_set(err, ERR_NOMEM, "%s: out of memory", path);
    }
    buf_init(&j->waiting, WAITING_MAX);
    j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (j->fd < 0)
        rc = err_set(err, ERR_IO, "%s: cannot be opened (%s)", path, strerror(errno));
    else if ((rc = head_check(j, err)) == 0 && (rc = replay(j, fn, arg, err)) == 0)
        rc = tail_cut(j, err);
    if (rc < 0) {
        journal_close(j);
        return rc;
    }
    *ret = j;
    return 0;
}

int journal_add(struct journal *j, const struct journal_entry *e)
{
    size_t n = FIXED + e->sketch.n;

    if (e->sketch.n > SKETCH_BYTES_MAX)
        return ERR_INVALID;
    unsigned char *p = buf_room(&j->waiting, HEAD + n);
    if (!p) {
        int rc = j->waiting.err;
        j->waiting.err = 0;
        return rc;
    }
    entry_write(p + HEAD, e);
    put(p, n, 4);
    put(p + 4, crc32_z(0, p + HEAD, n), 4);
    j->waiting.len += HEAD + n;
    return 0;
}

int journal_sync(struct journal *j)
{
    const unsigned char *p = j->waiting.data;
    size_t left = j->waiting.len;
    uint64_t at = j->end;

    while (left) {
        ssize_t k = pwrite(j->fd, p, left, (off_t)at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            int code = k ? errno : ENOSPC;
            if (ftruncate(j->fd, (off_t)j->end) < 0)
                log_debug("%s: cannot be cut (%s)", j->path, strerror(errno));
            errno = code;
            return ERR_IO;
        }
        p += k;
        left -= (size_t)k;
        at += (uint64_t)k;
    }
    j->end = at;
    buf_clear(&j->waiting);
    return 0;
}

void journal_leave(struct journal *j)
{
    close(j->fd);
    j->fd = -1;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    if (j->fd >= 0) {
        if (journal_sync(j) < 0)
            log_warn("%s: cannot write (%s); some pages will not be known again", j->path, strerror(errno));
        close(j->fd);
    }
    buf_release(&j->waiting);
    free(j->path);
    free(j);
}
