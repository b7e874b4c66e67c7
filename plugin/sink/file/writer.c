/* writer: appends batches to the open segment; whole or not at all.
 *
 * A failed write is cut back to the last whole batch, so a full disk never leaves half a record.  A failed
 * sync counts as a failed write: the kernel may have thrown the pages away, so they are written again. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deliver/segment.h"
#include "plugin/sink/file/file.h"

int fault_set(struct fault *f, int code, const char *fmt, ...)
{
    va_list ap;

    f->code = code ? code : EIO;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    return f->code;
}

void segment_name(char out[64], uint64_t number, int zstd)
{
    snprintf(out, 64, "records-%06llu.msgpack%s", (unsigned long long)number, zstd ? ".zst" : "");
}

static const char *mend(int code)
{
    switch (code) {
    case ENOSPC: case EDQUOT: return "free space there, or give another --out";
    case EFBIG: return "raise the limit on file sizes (ulimit -f), or give another --out";
    case EACCES: case EPERM: case EROFS: return "make the folder writable, or give another --out";
    case ENOENT: return "the folder is gone; make it again, or give another --out";
    default: return "see to the disk, or give another --out";
    }
}

static int writer_fault(const struct writer *w, struct fault *f, int code, const char *doing)
{
    return fault_set(f, code, "%s/%s" SEGMENT_OPEN ": cannot %s (%s); %s", w->dir, w->name, doing,
                     strerror(code), mend(code));
}

static uint64_t mono_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int segment_start(struct writer *w, struct fault *f)
{
    char path[80];

    for (int tries = 0; tries < 1000; tries++, w->number++) {
        segment_name(w->name, w->number, w->zstd);
        snprintf(path, sizeof path, "%s" SEGMENT_OPEN, w->name);
        if (faccessat(w->dir_fd, w->name, F_OK, 0) == 0)
            continue;
        w->fd = openat(w->dir_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (w->fd >= 0 || errno != EEXIST)
            break;
    }
    if (w->fd < 0)
        return writer_fault(w, f, errno, "make it");
    w->end = 0;
    w->dirty = 0;
    w->since_ns = mono_ns();
    if (w->sync)
        fsync(w->dir_fd);
    return 0;
}

static int compress(struct writer *w, const void **p, size_t *n, struct fault *f)
{
    size_t need = ZSTD_compressBound(*n);

    if (!w->cctx) {
        w->cctx = ZSTD_createCCtx();
        if (!w->cctx)
            return fault_set(f, ENOMEM, "%s: out of memory for compression", w->dir);
        ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_compressionLevel, w->level);
        ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_checksumFlag, 1);
    }
    if (need > w->out_cap) {
        free(w->out);
        w->out_cap = 0;
        w->out = malloc(need);
        if (!w->out)
            return fault_set(f, ENOMEM, "%s: out of memory for compression", w->dir);
        w->out_cap = need;
    }
    size_t k = ZSTD_compress2(w->cctx, w->out, w->out_cap, *p, *n);
    if (ZSTD_isError(k))
        return fault_set(f, EIO, "%s: compression failed (%s)", w->dir, ZSTD_getErrorName(k));
    *p = w->out;
    *n = k;
    return 0;
}

/* Cuts what lies behind the last whole batch. */
static void cut_back(struct writer *w)
{
    w->dirty = ftruncate(w->fd, (off_t)w->end) != 0;
}

static int write_all(struct writer *w, const unsigned char *p, size_t n, struct fault *f)
{
    uint64_t at = w->end;

    while (n) {
        ssize_t k = pwrite(w->fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return writer_fault(w, f, k ? errno : ENOSPC, "write");
        p += k;
        n -= (size_t)k;
        at += (size_t)k;
    }
    if (w->sync && fdatasync(w->fd) != 0)
        return writer_fault(w, f, errno, "sync");
    return 0;
}

int writer_write(struct writer *w, const void *p, size_t n, struct fault *f)
{
    int rc = w->zstd ? compress(w, &p, &n, f) : 0;

    if (rc || (w->fd < 0 && (rc = segment_start(w, f))))
        return rc;
    if (w->dirty)
        cut_back(w);
    if (w->dirty)
        return writer_fault(w, f, errno, "cut off half a record");
    rc = write_all(w, p, n, f);
    if (rc)
        cut_back(w);
    else
        w->end += n;
    return rc;
}

int writer_finish(struct writer *w, struct fault *f)
{
    char path[80];
    int rc;

    if (w->fd < 0)
        return 0;
    if (w->dirty)
        cut_back(w);
    snprintf(path, sizeof path, "%s" SEGMENT_OPEN, w->name);
    if (w->end == 0)
        rc = unlinkat(w->dir_fd, path, 0);
    else
        rc = renameat(w->dir_fd, path, w->dir_fd, w->name);
    rc = rc ? writer_fault(w, f, errno, "give it its final name") : 0;
    if (!rc && w->sync)
        fsync(w->dir_fd);
    close(w->fd);
    w->fd = -1;
    w->number++;
    w->end = 0;
    return rc;
}

void writer_release(struct writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    ZSTD_freeCCtx(w->cctx);
    free(w->out);
    w->cctx = NULL;
    w->out = NULL;
}
