/* member: see member.h. */
#include "warc/member.h"

#include <stdlib.h>
#include <string.h>

#define WHOLE_IN_BYTES (1u * MIB)  /* packed bytes read ahead, so that most members are there as a whole */
#define LOOK_BYTES     (64u * KIB) /* a member's beginning */
#define ROOM_BYTES     (64u * KIB) /* unpacked at a time, at least, when it is streamed */
#define VAIN_MOST      (64u * MIB) /* packed bytes gone through again behind damaged members */
#define ZSTD_MAGIC     0xfd2fb528u
#define SKIP_MAGIC     0x184d2a50u /* and the 15 above it */
#define DICT_MAGIC     0x184d2a5du

static uint32_t le32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int is_gzip(const unsigned char *p, size_t n)
{
    return n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

static int is_frame(const unsigned char *p, size_t n)
{
    return n >= 4 && le32(p) == ZSTD_MAGIC;
}

static int is_skippable(const unsigned char *p, size_t n)
{
    return n >= 8 && (le32(p) & ~15u) == SKIP_MAGIC;
}

static int begins(const unsigned char *p, size_t n, const char *with)
{
    size_t with_n = strlen(with);

    return n >= with_n && !memcmp(p, with, with_n);
}

/* What archives begin with; packed: and what a record of an ARC file does. */
static int is_archive(const unsigned char *p, size_t n, int packed)
{
    return begins(p, n, "WARC/") || begins(p, n, "filedesc:") ||
           (packed && (begins(p, n, "http://") || begins(p, n, "https://")));
}

int member_init(struct member *m, int fd, int stop_fd)
{
    *m = (struct member){ .is_over = 1 };
    m->whole = libdeflate_alloc_decompressor();
    m->zstd = ZSTD_createDCtx();
    m->out = malloc(MEMBER_BUF_BYTES); /* what is never written is never there */
    m->gz_ready = inflateInit2(&m->gz, 15 + 16) == Z_OK;
    return inlet_init(&m->in, fd, stop_fd) == 0 && m->whole && m->zstd && m->out && m->gz_ready ? 0
                                                                                                : ERR_NOMEM;
}

void member_release(struct member *m)
{
    if (!m)
        return;
    inlet_release(&m->in);
    if (m->whole)
        libdeflate_free_decompressor(m->whole);
    if (m->gz_ready)
        inflateEnd(&m->gz);
    ZSTD_freeDCtx(m->zstd);
    ZSTD_freeDDict(m->dict);
    free(m->out);
    *m = (struct member){ 0 };
}

/* ---- the file's beginning ---- */

/* The dictionary in front of the frames, itself packed or not. */
static int dict_take(struct member *m, const unsigned char *p, size_t n, struct err *err)
{
    size_t out_n = n;
    void *out = NULL;

    if (is_frame(p, n)) {
        unsigned long long size = ZSTD_getFrameContentSize(p, n);
        size_t cap = size < MEMBER_DICT_MOST ? (size_t)size : MEMBER_DICT_MOST; /* also when it is unknown */
        out = malloc(cap + 1);
        out_n = out ? ZSTD_decompressDCtx(m->zstd, out, cap, p, n) : 0;
        if (!out || ZSTD_isError(out_n)) {
            free(out);
            return err_set(err, ERR_CORRUPT,
                           "its dictionary cannot be unpacked; records that need it are lost");
        }
    }
    ZSTD_freeDDict(m->dict);
    m->dict = ZSTD_createDDict(out ? out : p, out_n);
    free(out);
    if (!m->dict || ZSTD_isError(ZSTD_DCtx_refDDict(m->zstd, m->dict)))
        return err_set(err, ERR_CORRUPT, "its dictionary is damaged; records that need it are lost");
    return 0;
}

/* Skippable frames: the one with the dictionary is taken, others are passed over. */
static int skippables_take(struct member *m, struct err *err)
{
    int rc = 0;

    for (;;) {
        size_t have = inlet_need(&m->in, 8);
        const unsigned char *p = inlet_at(&m->in);
        if (rc || !is_skippable(p, have))
            return rc;
        uint32_t magic = le32(p), n = le32(p + 4);
        inlet_take(&m->in, 8);
        if (magic == DICT_MAGIC && n <= MEMBER_DICT_MOST && inlet_need(&m->in, n) >= n)
            rc = dict_take(m, inlet_at(&m->in), n, err);
        else if (magic == DICT_MAGIC)
            rc = err_set(err, ERR_CORRUPT, "its dictionary is cut off, or is larger than %u bytes",
                         MEMBER_DICT_MOST);
        while (n && inlet_need(&m->in, 1)) {
            size_t some = inlet_left(&m->in) < n ? inlet_left(&m->in) : n;
            inlet_take(&m->in, some);
            n -= (uint32_t)some;
        }
    }
}

static int detect(struct member *m, struct err *err)
{
    size_t n = inlet_need(&m->in, 16);
    const unsigned char *p = inlet_at(&m->in);

    if (m->form != MEMBER_UNKNOWN)
        return 0;
    if (is_gzip(p, n))
        m->form = MEMBER_GZIP;
    else if (is_frame(p, n) || is_skippable(p, n))
        m->form = MEMBER_ZSTD;
    else if (is_archive(p, n, 0))
        m->form = MEMBER_PLAIN;
    else
        return err_set(err, ERR_CORRUPT,
                       "does not begin as a WARC or ARC file does (packed with gzip or zstd, or not)");
    return 0;
}

/* ---- one at one go ---- */

/* The whole member from the inlet into an empty buffer; 0: it must be streamed. */
static int gzip_whole(struct member *m)
{
    size_t n = inlet_need(&m->in, WHOLE_IN_BYTES), used, out_n;

    if (libdeflate_gzip_decompress_ex(m->whole, inlet_at(&m->in), n, m->out, MEMBER_HELD_MOST, &used, &out_n))
        return 0;
    inlet_take(&m->in, used);
    m->len = out_n;
    return 1;
}

static int zstd_whole(struct member *m)
{
    size_t n = inlet_need(&m->in, WHOLE_IN_BYTES);
    size_t frame = ZSTD_findFrameCompressedSize(inlet_at(&m->in), n);

    if (ZSTD_isError(frame))
        return 0;
    size_t out_n = ZSTD_decompressDCtx(m->zstd, m->out, MEMBER_HELD_MOST, inlet_at(&m->in), frame);
    if (ZSTD_isError(out_n))
        return 0;
    inlet_take(&m->in, frame);
    m->len = out_n;
    return 1;
}

/* ---- streamed ---- */

static int damaged(struct member *m, const char *what, const char *how, struct err *err)
{
    m->is_open = 0;
    if (m->in.io_errno)
        return err_set(err, ERR_IO, "%s", strerror(m->in.io_errno));
    if (m->in.is_end && !inlet_left(&m->in))
        return err_set(err, ERR_CORRUPT, "the file ends within a %s", what);
    return err_set(err, ERR_CORRUPT, "a damaged %s (%s)", what, how ? how : "its bytes make no sense");
}

/* 1: some bytes more; 0: the end, and it was sound. */
static int gzip_some(struct member *m, struct err *err)
{
    size_t room = MEMBER_BUF_BYTES - m->len;
    int rc;

    inlet_need(&m->in, 1);
    m->gz.next_in = (unsigned char *)(uintptr_t)inlet_at(&m->in);
    m->gz.avail_in = (unsigned)inlet_left(&m->in);
    m->gz.next_out = m->out + m->len;
    m->gz.avail_out = (unsigned)room;
    rc = inflate(&m->gz, Z_NO_FLUSH);
    inlet_take(&m->in, inlet_left(&m->in) - m->gz.avail_in);
    m->len += room - m->gz.avail_out;
    if (rc == Z_STREAM_END)
        return 0;
    return rc == Z_OK ? 1 : damaged(m, "gzip member", m->gz.msg, err);
}

static int zstd_some(struct member *m, struct err *err)
{
    size_t n = inlet_need(&m->in, 1);
    ZSTD_inBuffer in = { inlet_at(&m->in), n, 0 };
    ZSTD_outBuffer out = { m->out, MEMBER_BUF_BYTES, m->len };
    size_t rc = ZSTD_decompressStream(m->zstd, &out, &in), before = m->len;

    inlet_take(&m->in, in.pos);
    m->len = out.pos;
    if (ZSTD_isError(rc))
        return damaged(m, "zstd frame", ZSTD_getErrorName(rc), err);
    if (rc == 0)
        return 0;
    return in.pos || out.pos > before ? 1 : damaged(m, "zstd frame", NULL, err);
}

static void make_room(struct member *m)
{
    if (MEMBER_BUF_BYTES - m->len >= ROOM_BYTES)
        return;
    memmove(m->out, m->out + m->at, m->len - m->at);
    m->len -= m->at;
    m->at = 0;
}

int member_need(struct member *m, size_t n, struct err *err)
{
    if (m->form == MEMBER_PLAIN) {
        if (inlet_need(&m->in, n) >= n)
            return 1;
        return m->in.io_errno ? err_set(err, ERR_IO, "%s", strerror(m->in.io_errno)) : 0;
    }
    while (m->len - m->at < n && !m->is_over) {
        make_room(m);
        if (!m->is_open)
            return err_set(err, m->why.code ? m->why.code : ERR_CORRUPT, "%s", m->why.text);
        int rc = m->form == MEMBER_GZIP ? gzip_some(m, &m->why) : zstd_some(m, &m->why);
        m->is_over = rc == 0; /* damaged: what was unpacked before is there all the same */
    }
    return m->len - m->at >= n;
}

/* ---- from one to the next ---- */

static int plain_next(struct member *m)
{
    if (m->is_open)
        return 0;
    m->is_open = 1;
    m->start = m->in.offset;
    m->inner = 0;
    return inlet_need(&m->in, 1) > 0;
}

/* Behind the last one some writers leave zeros. */
static int only_zeros(struct member *m)
{
    for (;;) {
        size_t n = inlet_need(&m->in, 1), i = 0;
        while (i < n && !inlet_at(&m->in)[i])
            i++;
        if (i < n || !n)
            return !n;
        inlet_take(&m->in, n);
    }
}

static int begin_streamed(struct member *m)
{
    m->is_open = 1;
    m->is_over = 0;
    if (m->form == MEMBER_GZIP)
        return inflateReset(&m->gz) == Z_OK ? 1 : ERR_NOMEM;
    ZSTD_DCtx_reset(m->zstd, ZSTD_reset_session_only);
    return 1;
}

int member_next(struct member *m, struct err *err)
{
    int rc = 0;

    if (!inlet_need(&m->in, 1))
        return m->in.io_errno ? err_set(err, ERR_IO, "%s", strerror(m->in.io_errno)) : 0;
    m->start = m->in.hold = m->in.offset;
    if ((rc = detect(m, err)) < 0 || (m->form == MEMBER_ZSTD && (rc = skippables_take(m, err)) < 0))
        return rc;
    if (m->form == MEMBER_PLAIN)
        return plain_next(m);
    m->start = m->in.hold = m->in.offset;
    m->inner = 0 - (uint64_t)(m->len - m->at);
    m->is_open = m->is_over = 0;
    m->why = (struct err){ 0 };
    if (m->at == m->len)
        m->at = m->len = 0;
    size_t n = inlet_need(&m->in, 4);
    if (!n)
        return 0;
    if (m->form == MEMBER_GZIP ? !is_gzip(inlet_at(&m->in), n) : !is_frame(inlet_at(&m->in), n))
        return !inlet_at(&m->in)[0] && only_zeros(m)
                   ? 0
                   : err_set(err, ERR_CORRUPT, "here should begin a %s, and does not",
                             m->form == MEMBER_GZIP ? "gzip member" : "zstd frame");
    if (!m->len && (m->form == MEMBER_GZIP ? gzip_whole(m) : zstd_whole(m))) {
        m->is_open = m->is_over = 1;
        return 1;
    }
    return begin_streamed(m);
}

/* ---- behind damage ---- */

/* Where in these bytes a member may begin; n: nowhere. */
static size_t candidate(const struct member *m, const unsigned char *p, size_t n)
{
    static const struct {
        enum member_form form;
        const char *magic;
    } rows[] = { { MEMBER_GZIP, "\x1f\x8b\x08" },
                 { MEMBER_ZSTD, "\x28\xb5\x2f\xfd" },
                 { MEMBER_PLAIN, "WARC/1." } };
    size_t first = n;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (m->form != MEMBER_UNKNOWN && m->form != rows[i].form)
            continue;
        const unsigned char *at = memmem(p, n, rows[i].magic, strlen(rows[i].magic));
        if (at && (size_t)(at - p) < first)
            first = (size_t)(at - p);
    }
    return first;
}

static int gzip_probe(struct member *m, const unsigned char *p, size_t n)
{
    unsigned char out[16];

    if (inflateReset(&m->gz) != Z_OK)
        return 0;
    m->gz.next_in = (unsigned char *)(uintptr_t)p;
    m->gz.avail_in = (unsigned)n;
    m->gz.next_out = out;
    m->gz.avail_out = sizeof out;
    int rc = inflate(&m->gz, Z_SYNC_FLUSH);
    return (rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR) &&
           is_archive(out, sizeof out - m->gz.avail_out, 1);
}

static int zstd_probe(struct member *m, const unsigned char *p, size_t n)
{
    unsigned char out[16];
    ZSTD_inBuffer ib = { p, n, 0 };
    ZSTD_outBuffer ob = { out, sizeof out, 0 };
    size_t rc = 1;

    ZSTD_DCtx_reset(m->zstd, ZSTD_reset_session_only);
    while (ib.pos < n && ob.pos < sizeof out && rc && !ZSTD_isError(rc))
        rc = ZSTD_decompressStream(m->zstd, &ob, &ib);
    return !ZSTD_isError(rc) && is_archive(out, ob.pos, 1);
}

/* Does what begins here unpack to an archive's beginning?  Its form then. */
static enum member_form probe(struct member *m)
{
    size_t n = inlet_need(&m->in, 2 * LOOK_BYTES);
    const unsigned char *p = inlet_at(&m->in);

    if (is_gzip(p, n) && gzip_probe(m, p, n))
        return MEMBER_GZIP;
    if (is_frame(p, n) && zstd_probe(m, p, n))
        return MEMBER_ZSTD;
    return m->form == MEMBER_UNKNOWN && is_archive(p, n, 0) ? MEMBER_PLAIN : MEMBER_UNKNOWN;
}

/* Where to look from: behind the start of the damaged one, because it may have swallowed others; but what was
 * gone through too often is not gone through again. */
static uint64_t find_from(struct member *m)
{
    uint64_t from = m->start + 1, end = m->in.offset;

    m->furthest = end > m->furthest ? end : m->furthest;
    m->vain += end > from ? end - from : 0;
    if (m->vain > VAIN_MOST && m->furthest > from)
        from = m->furthest;
    return from > inlet_first(&m->in) ? from : inlet_first(&m->in);
}

int member_find(struct member *m)
{
    if (m->form == MEMBER_PLAIN || inlet_seek(&m->in, find_from(m)) < 0)
        return 0;
    m->in.hold = UINT64_MAX;
    m->at = m->len = 0;
    m->is_open = 0;
    m->is_over = 1;
    for (;;) {
        size_t n = inlet_need(&m->in, LOOK_BYTES), at = candidate(m, inlet_at(&m->in), n);
        if (at == n) {
            if (m->in.is_end)
                return 0;
            inlet_take(&m->in, n - 6);
            continue;
        }
        inlet_take(&m->in, at);
        enum member_form form = probe(m);
        if (form != MEMBER_UNKNOWN) {
            m->form = form;
            return 1;
        }
        inlet_take(&m->in, 1);
    }
}

/* ---- going back ---- */

int member_seek(struct member *m, uint64_t start, uint64_t inner)
{
    struct err err = { 0 };
    int rc = 0;

    if (m->form == MEMBER_UNKNOWN && (rc = detect(m, &err)) == 0 && m->form == MEMBER_ZSTD)
        rc = skippables_take(m, &err);
    if (rc < 0)
        return rc;
    m->at = m->len = 0;
    m->is_open = 0;
    if (m->form == MEMBER_PLAIN) {
        rc = inlet_seek(&m->in, start + inner);
        m->start = start;
        m->inner = inner;
        m->is_open = 1;
        return rc;
    }
    if ((rc = inlet_seek(&m->in, start)) < 0)
        return rc;
    if (member_next(m, &err) != 1)
        return ERR_CORRUPT;
    while (inner) {
        size_t n = inner < MIB ? (size_t)inner : MIB;
        if (member_need(m, n, &err) != 1)
            return ERR_CORRUPT;
        member_take(m, n);
        inner -= n;
    }
    return 0;
}
