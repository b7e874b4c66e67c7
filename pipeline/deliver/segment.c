/* segment: see segment.h.
 *
 * Two layers: fill() gets plain bytes into a window (through zstd where the file is compressed), and
 * segment_next() tries to find a record at the window's start.  A compressed file is decoded frame by frame,
 * so at any time the window's bytes belong to the frame that began last. */
#include "deliver/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define RAW_BYTES (256u * 1024)
#define RAW_HEAD 4
#define WINDOW_MIN (256u * 1024)
#define WINDOW_MAX (SEGMENT_RECORD_MAX + 64u * 1024)
#define WALK_MAX (1ull << 31) /* bytes looked through in search of the next record, all tries together */

enum fill { FILL_MORE, FILL_END, FILL_FULL, FILL_FRAME, FILL_FAILED };
enum try { TRY_WHOLE, TRY_SHORT, TRY_NONE, TRY_CRC };

struct segment {
    int fd, bare, sniffed, zstd;
    int at_end;          /* read() gave its last byte */
    /* compressed bytes */
    ZSTD_DCtx *dctx;
    unsigned char *raw;
    size_t raw_at, raw_len;
    uint64_t raw_end;    /* file offset behind raw[raw_len] */
    int in_frame;        /* the decoder is inside a frame … */
    int frame_output;    /* … and has given bytes */
    int held;            /* the decoder may have more for a window that was full */
    uint64_t frame_at;   /* file offset of the last frame begun */
    /* plain bytes */
    unsigned char *window;
    size_t at, len, cap;
    uint64_t window_off; /* plain offset of window[0] */
    uint64_t walked;
};

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t checksum(const void *record, size_t n, const uint8_t *id)
{
    uLong c = crc32_z(crc32_z(0, NULL, 0), record, n);

    return (uint32_t)crc32_z(c, id, SEGMENT_ID_BYTES);
}

void segment_trailer(const void *record, size_t n, const uint8_t id[SEGMENT_ID_BYTES],
                     unsigned char out[SEGMENT_TRAILER])
{
    uint32_t c = checksum(record, n, id);

    out[0] = 0xc7; /* ext 8 */
    out[1] = 4 + SEGMENT_ID_BYTES;
    out[2] = SEGMENT_EXT;
    for (int i = 0; i < 4; i++)
        out[3 + i] = (unsigned char)(c >> (24 - 8 * i));
    memcpy(out + 7, id, SEGMENT_ID_BYTES);
}

/* ---- msgpack, its lengths only ------------------------------------------------------------------ */

/* Bytes of head, of payload behind it, and objects that follow, by the first byte from 0xc0 on; a head of
 * 0 is no msgpack.  size: bytes of a length that stands behind the first byte. */
struct shape {
    uint8_t size, fixed, per; /* per: 0 payload bytes, 1 objects, 2 pairs */
};
static const struct shape shapes[32] = {
    [0x00] = { 0, 0, 0 },                                             /* nil */
    [0x02] = { 0, 0, 0 }, [0x03] = { 0, 0, 0 },                       /* bool */
    [0x04] = { 1, 0, 0 }, [0x05] = { 2, 0, 0 }, [0x06] = { 4, 0, 0 }, /* bin */
    [0x07] = { 1, 1, 0 }, [0x08] = { 2, 1, 0 }, [0x09] = { 4, 1, 0 }, /* ext */
    [0x0a] = { 0, 4, 0 }, [0x0b] = { 0, 8, 0 },                       /* float */
    [0x0c] = { 0, 1, 0 }, [0x0d] = { 0, 2, 0 }, [0x0e] = { 0, 4, 0 }, [0x0f] = { 0, 8, 0 },
    [0x10] = { 0, 1, 0 }, [0x11] = { 0, 2, 0 }, [0x12] = { 0, 4, 0 }, [0x13] = { 0, 8, 0 },
    [0x14] = { 0, 2, 0 }, [0x15] = { 0, 3, 0 }, [0x16] = { 0, 5, 0 }, [0x17] = { 0, 9, 0 },
    [0x18] = { 0, 17, 0 },                                            /* fixext */
    [0x19] = { 1, 0, 0 }, [0x1a] = { 2, 0, 0 }, [0x1b] = { 4, 0, 0 }, /* str */
    [0x1c] = { 2, 0, 1 }, [0x1d] = { 4, 0, 1 },                       /* array */
    [0x1e] = { 2, 0, 2 }, [0x1f] = { 4, 0, 2 },                       /* map */
};

/* One head at p: its bytes with payload, and how many objects it opens.  1, 0 (short), -1 (none). */
static int object_head(const unsigned char *p, size_t n, uint64_t *ret_bytes, uint64_t *ret_objects)
{
    unsigned c = p[0];
    const struct shape *s = &shapes[c & 0x1f];
    uint64_t v = 0;

    *ret_bytes = 1;
    *ret_objects = 0;
    if (c < 0x80 || c >= 0xe0)
        return 1;
    if (c < 0xa0) {
        *ret_objects = c < 0x90 ? 2 * (c & 15u) : c & 15u;
        return 1;
    }
    if (c < 0xc0) {
        *ret_bytes = 1 + (c & 31u);
        return 1;
    }
    if (c == 0xc1)
        return -1;
    if (n < 1u + s->size)
        return 0;
    for (unsigned i = 0; i < s->size; i++)
        v = v << 8 | p[1 + i];
    *ret_bytes = 1 + s->size + s->fixed + (s->per ? 0 : v);
    *ret_objects = v * s->per;
    return 1;
}

long segment_object(const unsigned char *p, size_t n)
{
    uint64_t at = 0, left = 1;

    while (left) {
        uint64_t bytes, objects;

        if (at >= n)
            return at > SEGMENT_RECORD_MAX ? -1 : 0;
        int rc = object_head(p + at, n - at, &bytes, &objects);
        if (rc <= 0)
            return rc;
        at += bytes;
        left += objects - 1;
        if (at + left > SEGMENT_RECORD_MAX)
            return -1;
    }
    return at > n ? 0 : (long)at;
}

static int is_map(unsigned c)
{
    return (c & 0xf0) == 0x80 || c == 0xde || c == 0xdf;
}

/* Is there a record with its checksum at p? */
static enum try record_try(const unsigned char *p, size_t n, size_t *ret_n)
{
    static const unsigned char head[3] = { 0xc7, 4 + SEGMENT_ID_BYTES, SEGMENT_EXT };

    if (n == 0)
        return TRY_SHORT;
    if (!is_map(p[0]))
        return TRY_NONE;
    long k = segment_object(p, n);
    if (k <= 0)
        return k ? TRY_NONE : TRY_SHORT;
    size_t rest = n - (size_t)k;
    if (memcmp(p + k, head, rest < 3 ? rest : 3))
        return TRY_NONE;
    if (rest < SEGMENT_TRAILER)
        return TRY_SHORT;
    *ret_n = (size_t)k;
    return be32(p + k + 3) == checksum(p, (size_t)k, p + k + 7) ? TRY_WHOLE : TRY_CRC;
}

/* ---- bytes into the window ---------------------------------------------------------------------- */

static uint64_t plain_offset(const struct segment *s)
{
    return s->window_off + s->at;
}

/* Where damage is reported: the place in the file. */
static uint64_t file_offset(const struct segment *s)
{
    return s->zstd ? s->frame_at : plain_offset(s);
}

/* Room at the window's end: moves what is left to its start, grows it. */
static enum fill window_room(struct segment *s)
{
    if (s->at > 0 && s->at == s->len) {
        s->window_off += s->at;
        s->at = s->len = 0;
    }
    if (s->len < s->cap)
        return FILL_MORE;
    if (s->at > 0) {
        memmove(s->window, s->window + s->at, s->len - s->at);
        s->window_off += s->at;
        s->len -= s->at;
        s->at = 0;
        if (s->len < s->cap - s->cap / 4)
            return FILL_MORE;
    }
    if (s->cap >= WINDOW_MAX)
        return s->len < s->cap ? FILL_MORE : FILL_FULL;
    size_t cap = s->cap ? s->cap * 2 : WINDOW_MIN;
    if (cap > WINDOW_MAX)
        cap = WINDOW_MAX;
    unsigned char *w = realloc(s->window, cap);
    if (!w)
        return FILL_FAILED;
    s->window = w;
    s->cap = cap;
    return FILL_MORE;
}

static ssize_t read_some(struct segment *s, unsigned char *p, size_t n)
{
    ssize_t k;

    do
        k = read(s->fd, p, n);
    while (k < 0 && errno == EINTR);
    if (k == 0)
        s->at_end = 1;
    return k;
}

static enum fill raw_more(struct segment *s)
{
    if (s->raw_at < s->raw_len)
        return FILL_MORE;
    if (s->at_end)
        return FILL_END;
    ssize_t k = read_some(s, s->raw + RAW_HEAD, RAW_BYTES);
    if (k < 0)
        return FILL_FAILED;
    s->raw_at = RAW_HEAD;
    s->raw_len = RAW_HEAD + (size_t)k;
    s->raw_end += (size_t)k;
    return k ? FILL_MORE : FILL_END;
}

static uint64_t raw_offset(const struct segment *s)
{
    return s->raw_end - (s->raw_len - s->raw_at);
}

static enum fill fill_zstd(struct segment *s)
{
    size_t had = s->len;

    for (;;) {
        enum fill f = s->held ? FILL_MORE : raw_more(s);
        if (f != FILL_MORE)
            return s->len > had ? FILL_MORE : f;
        if (!s->in_frame) {
            if (s->len > had)
                return FILL_MORE;
            s->frame_at = raw_offset(s);
            s->in_frame = 1;
            s->frame_output = 0;
        }
        ZSTD_inBuffer in = { s->raw, s->raw_len, s->raw_at };
        ZSTD_outBuffer out = { s->window, s->cap, s->len };
        size_t rc = ZSTD_decompressStream(s->dctx, &out, &in);
        if (ZSTD_isError(rc))
            return s->len > had ? FILL_MORE : FILL_FRAME;
        s->frame_output |= out.pos > s->len;
        s->raw_at = in.pos;
        s->len = out.pos;
        s->in_frame = rc != 0;
        s->held = rc != 0 && s->len == s->cap;
        if (s->len == s->cap)
            return FILL_MORE;
    }
}

/* Zstandard's magic number, at the start of every frame. */
static int is_magic(const unsigned char *p)
{
    return p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd;
}

static enum fill fill(struct segment *s)
{
    enum fill f = window_room(s);

    if (f != FILL_MORE)
        return f;
    if (s->zstd)
        return fill_zstd(s);
    if (s->at_end)
        return FILL_END;
    ssize_t k = read_some(s, s->window + s->len, s->cap - s->len);
    if (k < 0)
        return FILL_FAILED;
    s->len += (size_t)k;
    return k ? FILL_MORE : FILL_END;
}

/* Looks at the first bytes, and makes the decoder if they begin a frame. */
static int sniff(struct segment *s)
{
    s->sniffed = 1;
    s->window_off = s->raw_end;
    while (s->len < 4) {
        enum fill f = fill(s);
        if (f == FILL_END)
            return 0;
        if (f == FILL_FAILED)
            return -1;
    }
    if (!is_magic(s->window))
        return 0;
    s->raw = malloc(RAW_HEAD + (s->len > RAW_BYTES ? s->len : RAW_BYTES));
    s->dctx = ZSTD_createDCtx();
    if (!s->raw || !s->dctx) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(s->raw + RAW_HEAD, s->window, s->len);
    s->raw_at = RAW_HEAD;
    s->raw_len = RAW_HEAD + s->len;
    s->raw_end += s->len;
    s->frame_at = s->window_off;
    s->window_off = 0;
    s->len = 0;
    s->zstd = 1;
    return 0;
}

/* ---- finding the next record -------------------------------------------------------------------- */

static enum segment_event lost(struct segment_item *ret, enum segment_event e, uint64_t from, uint64_t to,
                               const char *what)
{
    *ret = (struct segment_item){ .offset = from, .lost = to - from, .what = what };
    return e;
}

/* A frame that can't be decoded: goes to the next magic number. */
static enum segment_event frame_skip(struct segment *s, struct segment_item *ret)
{
    uint64_t from = s->frame_at;
    unsigned char last[4] = { 0 };

    s->at = s->len; /* what the frame gave of a record that never ends */
    ZSTD_DCtx_reset(s->dctx, ZSTD_reset_session_only);
    s->in_frame = s->held = 0;
    s->raw_at += raw_offset(s) == from; /* not this one again */
    for (;;) {
        enum fill f = raw_more(s);
        if (f == FILL_FAILED)
            return SEGMENT_FAILED;
        if (f == FILL_END)
            return lost(ret, s->frame_output ? SEGMENT_DAMAGE : SEGMENT_TORN, from, s->raw_end,
                        "a zstd frame that cannot be decoded");
        memmove(last, last + 1, 3);
        last[3] = s->raw[s->raw_at++];
        if (is_magic(last))
            break;
    }
    s->raw_at -= 4; /* it may lie across two reads: the buffer has headroom */
    memcpy(s->raw + s->raw_at, last, 4);
    return lost(ret, SEGMENT_DAMAGE, from, raw_offset(s), "a zstd frame that cannot be decoded");
}

/* The file's end inside a record or frame, or nothing but bytes that are no record up to there.  whole: it
 * begins with something that was written to its end, so it is no torn write. */
static enum segment_event tail(struct segment *s, struct segment_item *ret, uint64_t from, const char *what,
                               int whole)
{
    uint64_t end = s->zstd ? s->raw_end : s->window_off + s->len;

    s->at = s->len;
    if (s->zstd && s->in_frame) {
        s->in_frame = 0;
        return lost(ret, SEGMENT_TORN, s->frame_at, end, "a zstd frame that was not written to its end");
    }
    return lost(ret, s->zstd || whole ? SEGMENT_DAMAGE : SEGMENT_TORN, from, end, what);
}

/* Where a record may begin, seen from p with at least SEGMENT_TRAILER bytes: at p, if the map's first key is
 * "v" as in all of ours; behind p, if a checksum stands there; -1: not here. */
static long record_guess(const unsigned char *p)
{
    size_t head = p[0] == 0xde ? 3 : p[0] == 0xdf ? 5 : 1;

    if (p[0] == 0xc7 && p[1] == 4 + SEGMENT_ID_BYTES && p[2] == SEGMENT_EXT)
        return SEGMENT_TRAILER;
    return is_map(p[0]) && p[head] == 0xa1 && p[head + 1] == 'v' ? 0 : -1;
}

/* Walks on until a whole record lies at s->at (TRY_WHOLE), or more bytes are needed (TRY_SHORT). */
static enum try record_search(struct segment *s)
{
    for (; s->len - s->at >= SEGMENT_TRAILER; s->at++) {
        const unsigned char *p = s->window + s->at;
        long skip = s->walked > WALK_MAX ? -1 : record_guess(p);
        size_t n, left = s->len - s->at - (skip > 0 ? (size_t)skip : 0);

        if (skip < 0)
            continue;
        enum try t = record_try(p + skip, left, &n);
        if (t == TRY_WHOLE)
            s->at += (size_t)skip;
        if (t == TRY_WHOLE || t == TRY_SHORT)
            return t;
        s->walked += left;
    }
    return TRY_SHORT;
}

/* From a place that is no good record: looks for the next one.  Lengths are not believed: a wrong bit in a
 * count may make a record swallow the next. */
static enum segment_event resync(struct segment *s, struct segment_item *ret, const char *what, int whole)
{
    uint64_t from = file_offset(s);

    s->at++;
    for (;;) {
        if (record_search(s) == TRY_WHOLE) {
            uint64_t to = file_offset(s);
            return lost(ret, SEGMENT_DAMAGE, from, to > from ? to : from, what);
        }
        switch (fill(s)) {
        case FILL_MORE: continue;
        case FILL_FULL: break; /* longer than any record: none */
        case FILL_FRAME: return frame_skip(s, ret);
        case FILL_FAILED: return SEGMENT_FAILED;
        case FILL_END:
            if (s->len - s->at < SEGMENT_TRAILER)
                return tail(s, ret, from, what, whole);
            break; /* cut short, so none either */
        }
        s->walked += s->len - s->at;
        s->at++;
    }
}

static enum segment_event give(struct segment *s, struct segment_item *ret, size_t n, size_t trailer)
{
    *ret = (struct segment_item){ .record = s->window + s->at, .n = n, .offset = file_offset(s) };
    if (trailer)
        memcpy(ret->id, ret->record + n + 7, SEGMENT_ID_BYTES);
    s->at += n + trailer;
    s->bare = trailer ? 0 : 2;
    return SEGMENT_RECORD;
}

/* A bare file: 1 is not known yet, 2 is one. */
static enum try bare_try(struct segment *s, size_t *ret_n)
{
    const unsigned char *p = s->window + s->at;
    size_t n = s->len - s->at;
    long k = n ? segment_object(p, n) : 0;

    if (n && (!is_map(p[0]) || k < 0))
        return TRY_NONE;
    if (k == 0)
        return TRY_SHORT;
    *ret_n = (size_t)k;
    if (s->bare == 1 && n == (size_t)k)
        return s->at_end ? TRY_WHOLE : TRY_SHORT; /* a checksum may still follow */
    return s->bare == 2 || is_map(p[k]) ? TRY_WHOLE : TRY_NONE;
}

enum segment_event segment_next(struct segment *s, struct segment_item *ret)
{
    if (!s->sniffed && sniff(s) < 0)
        return SEGMENT_FAILED;
    for (;;) {
        size_t n = 0;
        enum try t = s->bare == 2 ? bare_try(s, &n) : record_try(s->window + s->at, s->len - s->at, &n);

        if (t == TRY_WHOLE)
            return give(s, ret, n, s->bare == 2 ? 0 : SEGMENT_TRAILER);
        if (s->bare == 1 && t != TRY_CRC && bare_try(s, &n) == TRY_WHOLE)
            return give(s, ret, n, 0);
        if (t == TRY_CRC)
            return resync(s, ret, "a record whose checksum is wrong", 1);
        if (t == TRY_NONE)
            return resync(s, ret, "bytes that are no record", 0);
        switch (fill(s)) {
        case FILL_MORE: continue;
        case FILL_FULL: return resync(s, ret, "a record over the maximum of 17 MiB", 0);
        case FILL_FRAME: return frame_skip(s, ret);
        case FILL_FAILED: return SEGMENT_FAILED;
        case FILL_END: break;
        }
        if (s->at < s->len && s->bare == 1 && bare_try(s, &n) == TRY_WHOLE)
            return give(s, ret, n, 0);
        if (s->at < s->len)
            return resync(s, ret, "a record that was not written to its end", 0);
        return s->in_frame ? tail(s, ret, 0, "", 0) : SEGMENT_END;
    }
}

struct segment *segment_new(int fd, uint64_t offset, int bare)
{
    struct segment *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->fd = fd;
    s->bare = !!bare;
    s->raw_end = offset;
    return s;
}

int segment_is_zstd(const struct segment *s)
{
    return s->zstd;
}

void segment_free(struct segment *s)
{
    if (!s)
        return;
    ZSTD_freeDCtx(s->dctx);
    free(s->raw);
    free(s->window);
    free(s);
}
