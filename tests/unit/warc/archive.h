/* archive: WARC files made for the tests: plain, gzip or zstd, a member a record, with every record's place
 * known. */
#ifndef TROMMEL_TEST_ARCHIVE_H
#define TROMMEL_TEST_ARCHIVE_H
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "warc/read.h"

enum archive_form { ARCHIVE_PLAIN, ARCHIVE_GZIP, ARCHIVE_ZSTD, ARCHIVE_FORMS };
#define ARCHIVE_MOST 4096u

struct archive {
    enum archive_form form;
    struct buf bytes;
    size_t start[ARCHIVE_MOST], end[ARCHIVE_MOST]; /* of record i in the file */
    uint64_t block[ARCHIVE_MOST];                  /* hash of its block */
    unsigned n;
    const void *dict; /* zstd; may be NULL */
    size_t dict_n;
};

static inline void archive_init(struct archive *a, enum archive_form form)
{
    memset(a, 0, sizeof *a);
    a->form = form;
    buf_init(&a->bytes, 1u << 30);
}

static inline void archive_gzip(struct buf *to, const void *p, size_t n)
{
    z_stream z = { 0 };
    size_t room = n + n / 100 + 1024;

    deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)(uintptr_t)p;
    z.avail_in = (unsigned)n;
    z.next_out = buf_room(to, room);
    z.avail_out = (unsigned)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    to->len += room - z.avail_out;
    deflateEnd(&z);
}

static inline void archive_zstd(struct buf *to, const void *p, size_t n, const void *dict, size_t dict_n)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(n), got;

    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    if (dict)
        ZSTD_CCtx_loadDictionary(c, dict, dict_n);
    got = ZSTD_compress2(c, buf_room(to, room), room, p, n);
    if (ZSTD_isError(got))
        abort();
    to->len += got;
    ZSTD_freeCCtx(c);
}

static inline void archive_pack(const struct archive *a, struct buf *to, const void *p, size_t n)
{
    if (a->form == ARCHIVE_GZIP)
        archive_gzip(to, p, n);
    else if (a->form == ARCHIVE_ZSTD)
        archive_zstd(to, p, n, a->dict, a->dict_n);
    else
        buf_add(to, p, n);
}

/* Bytes as they are, as one record of the archive. */
static inline void archive_add_raw(struct archive *a, const void *p, size_t n, uint64_t block_hash)
{
    a->start[a->n] = a->bytes.len;
    archive_pack(a, &a->bytes, p, n);
    a->block[a->n] = block_hash;
    a->end[a->n++] = a->bytes.len;
}

/* A record of `type` whose URL ends in its number. */
static inline void archive_add(struct archive *a, const char *type, const char *content_type,
                               const void *block, size_t n)
{
    struct buf b = BUF_INIT(64u << 20);

    buf_printf(&b,
               "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Record-ID: <urn:uuid:%08u-0000>\r\nWARC-Date: "
               "2026-11-24T17:04:27Z\r\nWARC-Target-URI: http://site.example/page/%u\r\nContent-Type: %s\r\n"
               "Content-Length: %zu\r\n\r\n",
               type, a->n, a->n, content_type, n);
    buf_add(&b, block, n);
    buf_add(&b, "\r\n\r\n", 4);
    archive_add_raw(a, b.data, b.len, XXH3_64bits(block, n));
    buf_release(&b);
}

static inline uint32_t archive_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* A response with a page of about `size` bytes, different for each number. */
static inline void archive_add_page(struct archive *a, uint64_t *random, size_t size)
{
    struct buf b = BUF_INIT(64u << 20);

    buf_printf(&b, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>%u</title><p>", a->n);
    while (b.len < size)
        buf_printf(&b, "%08x%s", archive_random(random), b.len % 7 ? " and so on " : "\r\n\r\n");
    archive_add(a, "response", "application/http; msgtype=response", b.data, b.len);
    buf_release(&b);
}

static inline void archive_fill(struct archive *a, uint64_t *random, unsigned n)
{
    static const char info[] = "software: a test\r\n";

    archive_add(a, "warcinfo", "application/warc-fields", info, sizeof info - 1);
    while (a->n < n)
        archive_add_page(a, random, 200 + archive_random(random) % 4000);
}

/* ---- reading it ---- */

struct archive_seen {
    unsigned n;                   /* records given */
    unsigned times[ARCHIVE_MOST]; /* record i, with its own block */
    unsigned strange;             /* with a block that is not its own, or of no number */
    unsigned damages;
    char last[1100]; /* what was said last */
    int rc;
};

static inline void archive_damage(void *arg, const struct warc_place *place, const char *text)
{
    struct archive_seen *s = arg;

    s->damages++;
    snprintf(s->last, sizeof s->last, "%llu+%llu: %s", (unsigned long long)place->offset,
             (unsigned long long)place->inner, text);
}

static inline int archive_fd(const void *p, size_t n)
{
    int fd = memfd_create("archive", 0);

    if (fd < 0 || write(fd, p, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET))
        abort();
    return fd;
}

static inline void archive_note(struct archive_seen *s, const struct archive *a, const struct warc_record *r)
{
    unsigned i = ARCHIVE_MOST;

    s->n++;
    if (r->head.id.n > 9)
        i = (unsigned)strtoul(r->head.id.p + 9, NULL, 10);
    if (i < a->n && r->is_whole && XXH3_64bits(r->block, r->block_n) == a->block[i])
        s->times[i]++;
    else
        s->strange++;
}

static inline void archive_read_fd(const struct archive *a, int fd, struct archive_seen *s)
{
    struct warc_options opt = { .on_damage = archive_damage, .arg = s };
    struct warc_record r;
    struct err err = { 0 };
    struct warc *w;

    memset(s, 0, sizeof *s);
    if (warc_open(fd, &opt, &w) < 0)
        abort();
    while ((s->rc = warc_next(w, &r, &err)) == 1)
        archive_note(s, a, &r);
    warc_close(w);
    close(fd);
}

static inline void archive_read(const struct archive *a, const void *p, size_t n, struct archive_seen *s)
{
    archive_read_fd(a, archive_fd(p, n), s);
}

struct archive_pipe {
    const char *p;
    size_t n;
    int fd;
};

static inline void *archive_write(void *arg)
{
    struct archive_pipe *w = arg;
    ssize_t got;

    while (w->n && (got = write(w->fd, w->p, w->n)) > 0) {
        w->p += got;
        w->n -= (size_t)got;
    }
    close(w->fd);
    return NULL;
}

/* The same through a pipe. */
static inline void archive_read_pipe(const struct archive *a, const void *p, size_t n, struct archive_seen *s)
{
    struct archive_pipe w = { p, n, -1 };
    pthread_t thread;
    int fds[2];

    if (pipe(fds) < 0)
        abort();
    w.fd = fds[1];
    if (pthread_create(&thread, NULL, archive_write, &w))
        abort();
    archive_read_fd(a, fds[0], s);
    pthread_join(thread, NULL);
}
#endif
