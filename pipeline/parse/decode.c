/* decode: see decode.h.
 *
 * Each format is one step function (some input in, some output out); `pump` runs it, grows the output and
 * holds the cap: at the cap the step gets one spare byte, and if that is used the body is too large.
 * Whole gzip bodies go through libdeflate at once where the size in their trailer can be true. */
#include "parse/decode.h"

#include <brotli/decode.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "parse/sniff.h"

enum coding { CODING_GZIP, CODING_DEFLATE, CODING_BR, CODING_ZSTD };
enum flow_end { FLOW_ON, FLOW_DONE, FLOW_DAMAGED, FLOW_NOMEM };
/* How a coding ended: with all, cut off, over the cap, damaged. */
enum outcome { OUT_OK, OUT_OVER, OUT_DAMAGED, OUT_NOMEM };

enum { MISLABELLED_LEAST = 5 }; /* bytes; fewer may well be the start of packed data */
enum { OUT_STEP = 32 * 1024, KEEP_BYTES = 1024 * 1024, ZSTD_WINDOW_LOG_MAX = 23 };

struct flow {
    const uint8_t *in;
    size_t in_n;
    uint8_t *out;
    size_t out_n;
    void *state; /* brotli's */
    int zlib_bits, any;
};

int decoder_init(struct decoder *d)
{
    *d = (struct decoder){ 0 };
    d->whole = libdeflate_alloc_decompressor();
    d->zstd = ZSTD_createDCtx();
    d->stream_ready = inflateInit2(&d->stream, 15 + 16) == Z_OK;
    if (!d->whole || !d->zstd || !d->stream_ready)
        return ERR_NOMEM;
    return 0;
}

void decoder_release(struct decoder *d)
{
    if (!d)
        return;
    if (d->whole)
        libdeflate_free_decompressor(d->whole);
    if (d->stream_ready)
        inflateEnd(&d->stream);
    ZSTD_freeDCtx(d->zstd);
    buf_release(&d->out[0]);
    buf_release(&d->out[1]);
    *d = (struct decoder){ 0 };
}

/* ---- one step of each format ------------------------------------------------------------------- */

static int has_gzip_magic(const uint8_t *p, size_t n)
{
    return n >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

static enum flow_end zlib_step(struct decoder *d, struct flow *f)
{
    z_stream *z = &d->stream;
    uInt in_n = f->in_n < MIB ? (uInt)f->in_n : MIB, out_n = f->out_n < MIB ? (uInt)f->out_n : MIB;

    z->next_in = (Bytef *)(uintptr_t)f->in;
    z->avail_in = in_n;
    z->next_out = f->out;
    z->avail_out = out_n;
    int r = inflate(z, Z_NO_FLUSH);
    f->in = z->next_in;
    f->in_n -= in_n - z->avail_in;
    f->out = z->next_out;
    f->out_n -= out_n - z->avail_out;
    if (r == Z_STREAM_END) {
        if (f->zlib_bits != 15 + 16 || !has_gzip_magic(f->in, f->in_n))
            return FLOW_DONE; /* what follows the last member is no part of it */
        inflateReset(z);
        return FLOW_ON;
    }
    if (r == Z_MEM_ERROR)
        return FLOW_NOMEM;
    return r == Z_OK || r == Z_BUF_ERROR ? FLOW_ON : FLOW_DAMAGED;
}

static enum flow_end brotli_step(struct decoder *d, struct flow *f)
{
    BrotliDecoderResult r =
        BrotliDecoderDecompressStream(f->state, &f->in_n, &f->in, &f->out_n, &f->out, NULL);

    if (r == BROTLI_DECODER_RESULT_SUCCESS)
        return FLOW_DONE;
    return r == BROTLI_DECODER_RESULT_ERROR ? FLOW_DAMAGED : FLOW_ON;
}

static enum flow_end zstd_step(struct decoder *d, struct flow *f)
{
    ZSTD_inBuffer in = { f->in, f->in_n, 0 };
    ZSTD_outBuffer out = { f->out, f->out_n, 0 };
    size_t r = ZSTD_decompressStream(d->zstd, &out, &in);

    f->in += in.pos;
    f->in_n -= in.pos;
    f->out += out.pos;
    f->out_n -= out.pos;
    if (ZSTD_isError(r))
        return FLOW_DAMAGED;
    return r == 0 && f->in_n == 0 ? FLOW_DONE : FLOW_ON; /* frames may follow one another */
}

/* ---- running one ------------------------------------------------------------------------------- */

static enum outcome pump(struct decoder *d, enum flow_end (*step)(struct decoder *, struct flow *),
                         struct flow *f, struct buf *out)
{
    for (;;) {
        uint8_t spare[1];
        size_t room = out->max - out->len, in_before = f->in_n;
        int last = room == 0;
        if (!last) {
            size_t want = out->len > OUT_STEP ? out->len : OUT_STEP;
            room = room < want ? room : want;
            f->out = buf_room(out, room);
            if (!f->out)
                return OUT_NOMEM;
        } else {
            f->out = spare;
            room = sizeof spare;
        }
        f->out_n = room;
        enum flow_end end = step(d, f);
        size_t made = room - f->out_n;
        if (made && last)
            return OUT_OVER;
        out->len += made;
        if (end == FLOW_NOMEM)
            return OUT_NOMEM;
        if (end == FLOW_DAMAGED)
            return OUT_DAMAGED;
        if (end == FLOW_DONE)
            return OUT_OK;
        if (made == 0 && f->in_n == in_before) /* cut off: what there is must do */
            return out->len ? OUT_OK : OUT_DAMAGED;
    }
}

static enum outcome zlib_run(struct decoder *d, int bits, trommel_str in, struct buf *out)
{
    struct flow f = { .in = (const uint8_t *)in.p, .in_n = in.n, .zlib_bits = bits };

    if (inflateReset2(&d->stream, bits) != Z_OK)
        return OUT_NOMEM;
    return pump(d, zlib_step, &f, out);
}

/* 1: done, all of it.  0: not this way. */
static int gzip_whole(struct decoder *d, trommel_str in, struct buf *out)
{
    const uint8_t *p = (const uint8_t *)in.p;
    size_t in_used = 0, made = 0;

    if (in.n < 18)
        return 0;
    uint32_t size = (uint32_t)p[in.n - 4] | (uint32_t)p[in.n - 3] << 8 | (uint32_t)p[in.n - 2] << 16 |
                    (uint32_t)p[in.n - 1] << 24;
    /* deflate cannot do better than 1032 : 1, so a larger size is a lie. */
    if (size == 0 || size > out->max || size / 1032 > in.n)
        return 0;
    unsigned char *room = buf_room(out, size);
    if (!room)
        return 0;
    enum libdeflate_result r = libdeflate_gzip_decompress_ex(d->whole, p, in.n, room, size, &in_used, &made);
    if (r != LIBDEFLATE_SUCCESS || has_gzip_magic(p + in_used, in.n - in_used))
        return 0;
    out->len = made;
    return 1;
}

static enum outcome gzip_run(struct decoder *d, trommel_str in, struct buf *out)
{
    if (!has_gzip_magic((const uint8_t *)in.p, in.n))
        return OUT_DAMAGED;
    if (gzip_whole(d, in, out))
        return OUT_OK;
    buf_clear(out);
    return zlib_run(d, 15 + 16, in, out);
}

/* "deflate" is zlib's format by the standard and raw deflate by some servers. */
static enum outcome deflate_run(struct decoder *d, trommel_str in, struct buf *out)
{
    const uint8_t *p = (const uint8_t *)in.p;

    if (in.n >= 2 && (p[0] & 15) == 8 && (p[0] << 8 | p[1]) % 31 == 0) {
        enum outcome got = zlib_run(d, 15, in, out);
        if (got != OUT_DAMAGED || out->len)
            return got;
        buf_clear(out);
    }
    return zlib_run(d, -15, in, out);
}

static enum outcome brotli_run(struct decoder *d, trommel_str in, struct buf *out)
{
    struct flow f = { .in = (const uint8_t *)in.p, .in_n = in.n };

    f.state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    if (!f.state)
        return OUT_NOMEM;
    enum outcome got = pump(d, brotli_step, &f, out);
    BrotliDecoderDestroyInstance(f.state);
    return got;
}

static enum outcome zstd_run(struct decoder *d, trommel_str in, struct buf *out)
{
    struct flow f = { .in = (const uint8_t *)in.p, .in_n = in.n };

    ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_and_parameters);
    ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    return pump(d, zstd_step, &f, out);
}

static enum outcome coding_run(struct decoder *d, enum coding c, trommel_str in, struct buf *out)
{
    switch (c) {
    case CODING_GZIP:
        return gzip_run(d, in, out);
    case CODING_DEFLATE:
        return deflate_run(d, in, out);
    case CODING_BR:
        return brotli_run(d, in, out);
    case CODING_ZSTD:
        return zstd_run(d, in, out);
    }
    return OUT_DAMAGED;
}

/* ---- the header -------------------------------------------------------------------------------- */

static int token_is(trommel_str t, const char *name)
{
    return t.n == strlen(name) && strncasecmp(t.p, name, t.n) == 0;
}

/* 1 a coding, 0 none at all, -1 unknown. */
static int coding_of(trommel_str t, enum coding *ret)
{
    static const struct {
        const char *name;
        int coding; /* -1: says nothing; sent by mistake */
    } known[] = { { "gzip", CODING_GZIP }, { "x-gzip", CODING_GZIP }, { "deflate", CODING_DEFLATE },
                  { "br", CODING_BR },     { "zstd", CODING_ZSTD },   { "identity", -1 },
                  { "none", -1 },          { "utf-8", -1 },           { "utf8", -1 },
                  { "binary", -1 },        { "8bit", -1 },            { "7bit", -1 },
                  { "text/html", -1 },     { "aws-chunked", -1 } };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!token_is(t, known[i].name))
            continue;
        if (known[i].coding < 0)
            return 0;
        *ret = (enum coding)known[i].coding;
        return 1;
    }
    return t.n ? -1 : 0;
}

/* The codings in the order in which they were applied; their number, or -1. */
static int codings_parse(trommel_str header, enum coding ret[LIMIT_ENCODINGS])
{
    unsigned n = 0;

    for (size_t at = 0; at < header.n;) {
        size_t end = at;
        while (end < header.n && header.p[end] != ',')
            end++;
        trommel_str t = { header.p + at, end - at };
        while (t.n && (t.p[0] == ' ' || t.p[0] == '\t'))
            t.p++, t.n--;
        while (t.n && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
            t.n--;
        enum coding c = CODING_GZIP;
        int known = coding_of(t, &c);
        if (known < 0 || (known && n == LIMIT_ENCODINGS))
            return -1;
        if (known)
            ret[n++] = c;
        at = end + 1;
    }
    return (int)n;
}

static size_t cap_of(const struct parse_limits *l, size_t received, int *ret_by_ratio)
{
    uint64_t by_ratio = (uint64_t)received * l->ratio;

    if (by_ratio < l->ratio_free_bytes)
        by_ratio = l->ratio_free_bytes;
    *ret_by_ratio = by_ratio < l->body_bytes;
    return *ret_by_ratio ? (size_t)by_ratio : l->body_bytes;
}

/* A large page's memory is not kept for ever. */
static void out_clear(struct buf *b, size_t max)
{
    if (b->cap > KEEP_BYTES)
        buf_release(b);
    buf_clear(b);
    b->max = max;
}

static const char *reason_of(enum outcome got, int by_ratio)
{
    if (got == OUT_OVER)
        return by_ratio ? "decode_ratio" : "too_large";
    return got == OUT_DAMAGED ? "bad_encoding" : NULL;
}

int decode_body(struct decoder *d, const struct parse_limits *limits, trommel_str encoding, trommel_str body,
                trommel_str *ret_body, const char **ret_reason)
{
    enum coding codings[LIMIT_ENCODINGS];
    int by_ratio, n = codings_parse(encoding, codings);
    size_t cap = cap_of(limits, body.n, &by_ratio);

    *ret_reason = n < 0 ? "unknown_encoding" : NULL;
    *ret_body = body;
    out_clear(&d->out[0], cap);
    out_clear(&d->out[1], cap);
    for (int i = n; !*ret_reason && i-- > 0 && ret_body->n;) {
        struct buf *out = &d->out[ret_body->p == (const char *)d->out[0].data];
        buf_clear(out);
        enum outcome got = coding_run(d, codings[i], *ret_body, out);
        if (got == OUT_NOMEM)
            return ERR_NOMEM;
        if (got == OUT_DAMAGED && ret_body->n >= MISLABELLED_LEAST && sniff_is_text(*ret_body))
            continue; /* the label is wrong */
        *ret_reason = reason_of(got, by_ratio);
        *ret_body = (trommel_str){ (const char *)out->data, out->len };
    }
    if (!*ret_reason && ret_body->n > limits->body_bytes)
        *ret_reason = "too_large";
    return 0;
}
