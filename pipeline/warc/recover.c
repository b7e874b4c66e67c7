/* recover: see recover.h.  The file is mapped; a record at a time is decoded into memory. */
#include "warc/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/log.h"
#include "warc/cdxj.h"
#include "warc/write.h"

enum { PATH_BYTES = 4400, LINE_BYTES = 64 * 1024, FIRST_BYTES = 256 * 1024 };

/* ---- one member ---- */

struct scan {
    enum warc_coding coding;
    const unsigned char *p;
    size_t n, at;
    struct libdeflate_decompressor *gzip;
    ZSTD_DCtx *zstd;
    struct buf room;
};

/* Decodes the gzip member at s->at; its bytes there, or 0. */
static size_t member_gzip(struct scan *s, trommel_str *ret)
{
    size_t in, out;
    enum libdeflate_result rc;

    buf_clear(&s->room);
    if (!buf_room(&s->room, FIRST_BYTES))
        return 0;
    for (;;) {
        rc = libdeflate_gzip_decompress_ex(s->gzip, s->p + s->at, s->n - s->at, s->room.data, s->room.cap,
                                           &in, &out);
        if (rc != LIBDEFLATE_INSUFFICIENT_SPACE)
            break;
        if (s->room.cap == s->room.max || !buf_room(&s->room, s->room.cap + 1))
            return 0;
    }
    *ret = (trommel_str){ (char *)s->room.data, out };
    return rc == LIBDEFLATE_SUCCESS ? in : 0;
}

static size_t member_zstd(struct scan *s, trommel_str *ret)
{
    const unsigned char *p = s->p + s->at;
    size_t in = ZSTD_findFrameCompressedSize(p, s->n - s->at);
    unsigned long long size = ZSTD_isError(in) ? ZSTD_CONTENTSIZE_ERROR : ZSTD_getFrameContentSize(p, in);

    buf_clear(&s->room);
    if (size > WARC_RECORD_MAX || !buf_room(&s->room, (size_t)size + 1))
        return 0;
    size_t out = ZSTD_decompressDCtx(s->zstd, s->room.data, (size_t)size + 1, p, in);
    *ret = (trommel_str){ (char *)s->room.data, out };
    return ZSTD_isError(out) ? 0 : in;
}

/* ---- one record ---- */

static int name_is(const char *p, size_t n, const char *name)
{
    return strlen(name) == n && !strncasecmp(p, name, n);
}

struct head {
    struct warc_seen seen;
    trommel_str block_digest;
    uint64_t length;
    int has_length;
};

static void head_field(struct head *h, const char *name, size_t n, trommel_str value)
{
    if (name_is(name, n, "WARC-Type"))
        h->seen.type = value;
    else if (name_is(name, n, "WARC-Target-URI"))
        h->seen.url = value;
    else if (name_is(name, n, "WARC-Date"))
        h->seen.date = value;
    else if (name_is(name, n, "WARC-Payload-Digest"))
        h->seen.digest = value;
    else if (name_is(name, n, "WARC-Block-Digest"))
        h->block_digest = value;
    else if (name_is(name, n, "Content-Length")) {
        h->length = 0;
        h->has_length = value.n > 0 && value.n < 12;
        for (size_t i = 0; i < value.n && h->has_length; i++) {
            h->has_length = value.p[i] >= '0' && value.p[i] <= '9';
            h->length = h->length * 10 + (uint64_t)(value.p[i] - '0');
        }
    }
}

/* The head of a record as we write it: "Name: value", lines with CRLF, an empty one.  Its bytes, or 0. */
static size_t head_read(trommel_str s, struct head *ret)
{
    static const char version[] = "WARC/1.1\r\n";
    size_t at = sizeof version - 1;

    *ret = (struct head){ 0 };
    if (s.n < at || memcmp(s.p, version, at))
        return 0;
    for (;;) {
        const char *p = s.p + at, *end = memmem(p, s.n - at, "\r\n", 2);
        if (!end)
            return 0;
        at += (size_t)(end - p) + 2;
        if (end == p)
            return at;
        const char *colon = memchr(p, ':', (size_t)(end - p));
        if (!colon || end - colon < 2)
            return 0;
        head_field(ret, p, (size_t)(colon - p), (trommel_str){ colon + 2, (size_t)(end - colon - 2) });
    }
}

/* The record that s begins with.  Its bytes with the blank lines behind it, or 0: it is not whole. */
static size_t record_read(trommel_str s, struct warc_seen *ret)
{
    struct head h;
    size_t at = head_read(s, &h);
    uint8_t digest[DIGEST_BYTES];
    char text[DIGEST_TEXT];

    if (!at || !h.has_length || h.length > s.n - at || s.n - at - h.length < 4)
        return 0;
    if (memcmp(s.p + at + h.length, "\r\n\r\n", 4))
        return 0;
    h.seen.block = (trommel_str){ s.p + at, (size_t)h.length };
    digest_of(h.seen.block.p, h.seen.block.n, digest);
    digest_text(digest, text);
    if (h.block_digest.n != DIGEST_TEXT - 1 || memcmp(h.block_digest.p, text, DIGEST_TEXT - 1))
        return 0;
    *ret = h.seen;
    return at + (size_t)h.length + 4;
}

/* The whole record at s->at; its bytes in the file, or 0. */
static size_t scan_one(struct scan *s, struct warc_seen *ret)
{
    trommel_str plain = { (const char *)s->p + s->at, s->n - s->at };
    size_t in = s->coding == WARC_GZIP   ? member_gzip(s, &plain)
                : s->coding == WARC_ZSTD ? member_zstd(s, &plain)
                                         : 0;
    size_t n = in || s->coding == WARC_NONE ? record_read(plain, ret) : 0;

    if (!n || (in && n != plain.n))
        return 0;
    ret->offset = s->at;
    ret->length = in ? in : n - 4;
    return in ? in : n;
}

size_t warc_scan(enum warc_coding coding, const void *p, size_t n,
                 int (*fn)(void *arg, const struct warc_seen *r), void *arg)
{
    struct scan s = { .coding = coding, .p = p, .n = n };
    struct warc_seen seen;

    buf_init(&s.room, WARC_RECORD_MAX + 1);
    s.gzip = libdeflate_alloc_decompressor();
    s.zstd = ZSTD_createDCtx();
    if (!s.gzip || !s.zstd)
        abort();
    for (size_t k; s.at < n && (k = scan_one(&s, &seen)) && fn(arg, &seen) == 0; s.at += k)
        ;
    libdeflate_free_decompressor(s.gzip);
    ZSTD_freeDCtx(s.zstd);
    buf_release(&s.room);
    return s.at;
}

/* ---- one file ---- */

struct recovery {
    const char *name; /* without .open */
    FILE *lines;
    uint64_t records, captures;
    struct buf line;
    int failed;
};

static int is(trommel_str s, const char *text)
{
    return s.n == strlen(text) && !memcmp(s.p, text, s.n);
}

/* The status line and headers of a response, with the blank line. */
static trommel_str http_head(trommel_str block)
{
    for (size_t i = 0; i + 1 < block.n; i++)
        if (block.p[i] == '\n' &&
            (block.p[i + 1] == '\n' || (i + 2 < block.n && !memcmp(block.p + i + 1, "\r\n", 2))))
            return (trommel_str){ block.p, i + 2 };
    return block;
}

static int on_record(void *arg, const struct warc_seen *r)
{
    struct recovery *rec = arg;
    int revisit = is(r->type, "revisit");
    struct cdxj_capture c = { .url = r->url, .date = r->date, .digest = r->digest, .revisit = revisit };

    if (!rec->records &&
        (!is(r->type, "warcinfo") || !memmem(r->block.p, r->block.n, "software: Trommel/", 18)))
        return 1; /* somebody else's */
    rec->records++;
    if (!revisit && !is(r->type, "response"))
        return 0;
    rec->captures++;
    c.head = http_head(r->block);
    buf_clear(&rec->line);
    cdxj_begin(&c, &rec->line);
    if (cdxj_end(&rec->line, r->length, r->offset, rec->name) < 0 ||
        fwrite(rec->line.data, 1, rec->line.len, rec->lines) != rec->line.len)
        rec->failed = 1;
    return 0;
}

static int file_scan(int fd, size_t size, enum warc_coding coding, struct recovery *r, size_t *ret_good)
{
    void *map = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;

    if (map == MAP_FAILED)
        return ERR_NOMEM;
    *ret_good = size ? warc_scan(coding, map, size, on_record, r) : 0;
    if (size)
        munmap(map, size);
    return fflush(r->lines) || r->failed ? ERR_IO : 0;
}

static int failed_at(struct err *err, const char *path)
{
    int code = errno;

    return err_set(err, ERR_IO,
                   "%s: cannot be recovered (%s); free space there and run the same command again", path,
                   strerror(code));
}

/* A file without captures, or with a torn beginning, is gone. */
static int file_drop(const char *path, const char *lines, struct err *err)
{
    log_info("%s: holds no whole capture; removed", path);
    unlink(lines);
    return unlink(path) < 0 ? failed_at(err, path) : 0;
}

static int file_settle(const char *dir, const char *path, const char *lines, int fd, size_t size,
                       enum warc_coding coding, struct recovery *r, struct err *err)
{
    size_t good;

    if (file_scan(fd, size, coding, r, &good) < 0)
        return failed_at(err, path);
    if (!r->records && size > FIRST_BYTES) {
        log_warn("%s: does not begin with a warcinfo record of Trommel; it is left alone", path);
        unlink(lines);
        return 0;
    }
    if (!r->captures)
        return file_drop(path, lines, err);
    if (good < size && (ftruncate(fd, (off_t)good) < 0 || fdatasync(fd) < 0))
        return failed_at(err, path);
    log_info("%s: was not closed; %zu bytes behind its last whole record were cut off, and it is closed now",
             path, size - good);
    return warc_file_finish(dir, r->name, err);
}

static int file_recover(const char *dir, const char *name, enum warc_coding coding, struct err *err)
{
    char path[PATH_BYTES], lines[PATH_BYTES];
    struct recovery r = { .name = name, .line = BUF_INIT(LINE_BYTES) };
    struct stat st;

    snprintf(path, sizeof path, "%s/%s.open", dir, name);
    snprintf(lines, sizeof lines, "%s/%s.cdxj.open", dir, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int rc = fd < 0 || fstat(fd, &st) < 0 ? failed_at(err, path) : 0;
    if (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        log_info("%s: another crawl is writing it", path);
        close(fd);
        return 0;
    }
    if (rc == 0 && !(r.lines = fopen(lines, "we")))
        rc = failed_at(err, lines);
    if (rc == 0)
        rc = file_settle(dir, path, lines, fd, (size_t)st.st_size, coding, &r, err);
    if (r.lines)
        fclose(r.lines);
    if (fd >= 0)
        close(fd);
    buf_release(&r.line);
    return rc;
}

/* ---- the folder ---- */

/* Is it a file that was being written?  Its name without .open, and its coding. */
static int name_take(const char *entry, const char *prefix, char *ret, size_t cap,
                     enum warc_coding *ret_coding)
{
    size_t n = strlen(entry), pre = strlen(prefix);

    if (n < 5 || n >= cap || strcmp(entry + n - 5, ".open") || strncmp(entry, prefix, pre) ||
        entry[pre] != '-')
        return 0;
    memcpy(ret, entry, n - 5);
    ret[n - 5] = 0;
    for (int i = 0; i < WARC_CODINGS; i++) {
        size_t k = strlen(warc_coding_ends[i]);
        *ret_coding = (enum warc_coding)i;
        if (n - 5 > k && !strcmp(ret + n - 5 - k, warc_coding_ends[i]))
            return 1;
    }
    return 0;
}

/* Lines of an index that was made, but not taken away. */
static void lines_drop(const char *dir, const char *entry, const char *prefix)
{
    static const char end[] = ".cdxj.open";
    char path[PATH_BYTES];
    size_t n = strlen(entry), k = sizeof end - 1;

    if (n <= k || strcmp(entry + n - k, end) || strncmp(entry, prefix, strlen(prefix)))
        return;
    snprintf(path, sizeof path, "%s/%.*s.open", dir, (int)(n - k), entry);
    if (access(path, F_OK) == 0)
        return;
    snprintf(path, sizeof path, "%s/%s", dir, entry);
    unlink(path);
}

int warc_recover(const char *dir, const char *prefix, struct err *err)
{
    int folder = warc_folder_lock(dir), rc = 0;
    DIR *d = folder < 0 ? NULL : opendir(dir);

    if (!d)
        rc = err_set(err, ERR_IO, "%s: cannot read the folder (%s)", dir, strerror(errno));
    for (struct dirent *e; d && rc == 0 && (e = readdir(d));) {
        char name[256];
        enum warc_coding coding;
        if (name_take(e->d_name, prefix, name, sizeof name, &coding))
            rc = file_recover(dir, name, coding, err);
        else
            lines_drop(dir, e->d_name, prefix);
    }
    if (d)
        closedir(d);
    if (folder >= 0)
        close(folder);
    return rc;
}
