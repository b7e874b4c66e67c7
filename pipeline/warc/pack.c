/* pack: see pack.h.
 *
 * libdeflate compresses whole members.  Its levels on 75 pages of WCXB (21 MB), of the size and of level 6's
 * time: 1: 0.173, 0.4; 2: 0.169, 0.6; 4: 0.161, 0.75; 6: 0.155, 1.  A page costs the chain about as much as
 * level 1, so that is it.  Most bodies come compressed and would not get smaller: they are stored. */
#include "warc/pack.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/clock.h"
#include "warc/cdxj.h"

enum {
    GZIP_LEVEL = 1,
    ZSTD_LEVEL = 3,
    LINE_BYTES = 64 * 1024,
    PLAIN_KEPT = 1024 * 1024, /* a larger buffer is given back */
    SAMPLE_BYTES = 4096,
};

const char *const warc_coding_names[WARC_CODINGS] = {
#define X(up, low, end) #low,
    WARC_CODING_MAP(X)
#undef X
};
const char *const warc_coding_ends[WARC_CODINGS] = {
#define X(up, low, end) end,
    WARC_CODING_MAP(X)
#undef X
};

/* ---- compressing ---- */

struct warc_tool {
    enum warc_coding coding;
    struct libdeflate_compressor *gzip, *store;
    ZSTD_CCtx *zstd;
    struct buf plain;
};

struct warc_tool *warc_tool_new(enum warc_coding coding)
{
    struct warc_tool *t = calloc(1, sizeof *t);

    if (!t)
        abort();
    t->coding = coding;
    buf_init(&t->plain, WARC_RECORD_MAX);
    if (coding == WARC_GZIP && !(t->gzip = libdeflate_alloc_compressor(GZIP_LEVEL)))
        abort();
    if (coding == WARC_GZIP && !(t->store = libdeflate_alloc_compressor(0)))
        abort();
    if (coding == WARC_ZSTD && !(t->zstd = ZSTD_createCCtx()))
        abort();
    if (t->zstd) {
        ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
        ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_checksumFlag, 1);
    }
    return t;
}

void warc_tool_free(struct warc_tool *t)
{
    if (!t)
        return;
    libdeflate_free_compressor(t->gzip);
    libdeflate_free_compressor(t->store);
    ZSTD_freeCCtx(t->zstd);
    buf_release(&t->plain);
    free(t);
}

struct buf *warc_tool_plain(struct warc_tool *t)
{
    if (t->plain.cap > PLAIN_KEPT)
        buf_release(&t->plain);
    buf_clear(&t->plain);
    return &t->plain;
}

/* Is it packed already?  By how evenly its bytes are spread, in a sample from its middle: of n random ones,
 * the squares of how often each value comes add up to about n + n * n / 256; Base64 has four times, a text
 * ten times as much. */
static int is_dense(const struct buf *plain)
{
    unsigned counts[256] = { 0 }, sum = 0;

    if (plain->len < 4 * SAMPLE_BYTES)
        return 0;
    const unsigned char *p = plain->data + plain->len / 2;
    for (int i = 0; i < SAMPLE_BYTES; i++)
        counts[p[i]]++;
    for (int i = 0; i < 256; i++)
        sum += counts[i] * counts[i];
    return sum < 2 * (SAMPLE_BYTES + SAMPLE_BYTES * (SAMPLE_BYTES / 256));
}

static int add_gzip(struct warc_tool *t, struct buf *out)
{
    struct libdeflate_compressor *with = is_dense(&t->plain) ? t->store : t->gzip;
    size_t bound = libdeflate_gzip_compress_bound(with, t->plain.len);
    unsigned char *room = buf_room(out, bound);

    if (room)
        out->len += libdeflate_gzip_compress(with, t->plain.data, t->plain.len, room, bound);
    return out->err;
}

static int add_zstd(struct warc_tool *t, struct buf *out)
{
    size_t bound = ZSTD_compressBound(t->plain.len);
    unsigned char *room = buf_room(out, bound);

    if (!room)
        return out->err;
    size_t n = ZSTD_compress2(t->zstd, room, bound, t->plain.data, t->plain.len);
    if (ZSTD_isError(n))
        return out->err = ERR_NOMEM;
    out->len += n;
    return 0;
}

int warc_tool_add(struct warc_tool *t, struct buf *out)
{
    if (t->plain.err)
        return t->plain.err;
    switch (t->coding) {
    case WARC_GZIP:
        return add_gzip(t, out);
    case WARC_ZSTD:
        return add_zstd(t, out);
    default:
        return buf_add(out, t->plain.data, t->plain.len);
    }
}

/* ---- an exchange ---- */

static int is_known(struct revisit *known, const struct warc_exchange *x, const struct warc_pack *p,
                    struct revisit_found *ret)
{
    return known && x->body.n && !x->truncated && revisit_find(known, p->key, ret);
}

static void capture_build(struct warc_tool *t, struct revisit *known, const struct warc_exchange *x,
                          struct warc_pack *p)
{
    struct buf *plain = warc_tool_plain(t);
    struct revisit_found found;

    p->revisit = 1;
    if (x->status == 304) {
        warc_build_revisit(x, p->uuid, NULL, plain);
        digest_of("", 0, p->digest);
    } else if (is_known(known, x, p, &found)) {
        warc_build_revisit(x, p->uuid, &found.refers, plain);
        memcpy(p->digest, found.refers.digest, DIGEST_BYTES);
    } else {
        p->revisit = 0;
        p->remember = x->body.n && !x->truncated;
        warc_build_response(x, p->uuid, p->digest, plain);
    }
}

static int index_line(const struct warc_exchange *x, struct warc_pack *p)
{
    char date[CLOCK_RFC3339_BYTES], digest[DIGEST_TEXT];
    struct cdxj_capture c = { .url = x->url, .head = x->head, .revisit = p->revisit };

    c.date = (trommel_str){ date, clock_rfc3339(x->date_ms, date) };
    digest_text(p->digest, digest);
    c.digest = (trommel_str){ digest, DIGEST_TEXT - 1 };
    return cdxj_begin(&c, &p->line);
}

int warc_pack_make(struct warc_tool *t, struct revisit *known, const struct warc_exchange *x,
                   struct warc_pack *p)
{
    *p = (struct warc_pack){ .date_ms = x->date_ms, .url = x->url };
    buf_init(&p->bytes, WARC_RECORD_MAX + 65536);
    buf_init(&p->line, LINE_BYTES);
    warc_uuid_new(p->uuid);
    digest_of(x->body.p, x->body.n, p->digest);
    if (x->chunked)
        digest_of_chunked(x->body.p, x->body.n, p->key);
    else
        memcpy(p->key, p->digest, DIGEST_BYTES);
    capture_build(t, known, x, p);
    int rc = warc_tool_add(t, &p->bytes);
    p->length = p->bytes.len - (t->coding == WARC_NONE ? 4 : 0); /* without the blank lines behind it */
    rc = rc < 0 ? rc : index_line(x, p);
    if (rc == 0 && x->request.n) {
        warc_build_request(x, p->uuid, warc_tool_plain(t));
        rc = warc_tool_add(t, &p->bytes);
    }
    if (rc == 0) {
        warc_build_metadata(x, p->uuid, warc_tool_plain(t));
        rc = warc_tool_add(t, &p->bytes);
    }
    return rc;
}

void warc_pack_release(struct warc_pack *p)
{
    buf_release(&p->bytes);
    buf_release(&p->line);
}
