/* input: what is submitted, checked where it enters, normalised, and given an id. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "library/inner.h"
#include "record/record.h"

enum { ID_BYTES_MAX = 4096, HEADER_VALUE_MAX = 8192 };

static int text_check(const char *what, trommel_str s, size_t max, struct err *err)
{
    if (s.n > max)
        return err_set(err, ERR_LIMIT, "%s: %zu bytes are over the limit of %zu", what, s.n, max);
    if (s.n && (!s.p || memchr(s.p, 0, s.n)))
        return err_set(err, ERR_INVALID, "%s: has a NUL byte in it; give plain text", what);
    return 0;
}

/* An id and `fetch` go into the record as they are, so they must be what a record may hold. */
static int id_check(trommel_str id, struct err *err)
{
    struct buf b = BUF_INIT(ID_BYTES_MAX + 8);

    int rc = text_check("id", id, ID_BYTES_MAX, err);
    mp_str(&b, id.p ? id.p : "", rc == 0 ? id.n : 0);
    if (rc == 0 && mp_check(b.data, b.len, 1, NULL) < 0)
        rc = err_set(err, ERR_INVALID, "id: is no valid UTF-8; give it as UTF-8 text");
    buf_release(&b);
    return rc;
}

static int fetch_check(trommel_str fetch, struct err *err)
{
    const unsigned char *p = (const unsigned char *)fetch.p;

    if (!fetch.n)
        return 0;
    int is_map = (p[0] & 0xf0) == 0x80 || p[0] == 0xde || p[0] == 0xdf;
    if (fetch.n > LIMIT_HEADER_BYTES || !is_map || mp_check(p, fetch.n, LIMIT_RECORD_DEPTH - 1, NULL) < 0)
        return err_set(err, ERR_INVALID, "fetch: is no msgpack map of at most %u bytes", LIMIT_HEADER_BYTES);
    return 0;
}

static int url_in(struct trommel *t, const char *what, trommel_str url, trommel_str *ret, struct err *err)
{
    if (!url.n) {
        *ret = (trommel_str){ 0 };
        return 0;
    }
    int rc = url_resolve(t->urls, (trommel_str){ 0 }, url, &t->arena, ret);
    int n = url.n < 200 ? (int)url.n : 200;
    if (rc == ERR_UNSUPPORTED)
        return err_set(err, rc, "%s \"%.*s\": is neither http nor https; give such a URL or none", what, n,
                       url.p);
    if (rc == ERR_LIMIT)
        return err_set(err, rc, "%s \"%.*s…\": is longer than %u bytes", what, n, url.p, LIMIT_URL_BYTES);
    if (rc < 0)
        return err_set(err, rc, "%s \"%.*s\": is no absolute URL; give one as https://host/path, or none",
                       what, n, url.p);
    return 0;
}

static const char reason_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

/* All that can be wrong with an input, but for its body, which the worker judges. */
static int input_check(struct trommel *t, const trommel_input *in, struct pool_page *page, struct err *err)
{
    int rc;

    if ((rc = id_check(in->id, err)) < 0 || (rc = fetch_check(in->fetch, err)) < 0 ||
        (rc = text_check("content_type", in->content_type, HEADER_VALUE_MAX, err)) < 0 ||
        (rc = text_check("content_encoding", in->content_encoding, HEADER_VALUE_MAX, err)) < 0 ||
        (rc = text_check("headers", in->headers, LIMIT_HEADER_BYTES, err)) < 0 ||
        (rc = url_in(t, "url", in->url, &page->head.url, err)) < 0 ||
        (rc = url_in(t, "final_url", in->final_url, &page->head.final_url, err)) < 0)
        return rc;
    for (size_t i = 0; i < in->failed.n; i++)
        if (in->failed.n > FAILED_REASON_MOST ||
            !memchr(reason_bytes, in->failed.p[i], sizeof reason_bytes - 1))
            return err_set(err, ERR_INVALID, "failed: give a short name of a-z, 0-9 and _, as \"too_large\"");
    if (in->body.n > LIMIT_BODY_BYTES)
        return err_set(err, ERR_LIMIT, "body: %zu bytes are over the limit of %u", in->body.n,
                       LIMIT_BODY_BYTES);
    return 0;
}

static void id_make(const trommel_input *in, struct pool_page *page)
{
    trommel_str of = in->id.n           ? in->id
                     : in->made_of.n    ? in->made_of
                     : page->head.url.n ? page->head.url
                                        : in->body;
    XXH128_canonical_t id;

    XXH128_canonicalFromHash(&id, XXH3_128bits(of.n ? of.p : "", of.n));
    _Static_assert(sizeof id == RECORD_ID_BYTES, "an id is one hash");
    memcpy(page->head.id, &id, sizeof id);
    page->head.id_text = in->id;
}

int input_page(struct trommel *t, const trommel_input *in, struct pool_page *page, struct err *err)
{
    *page = (struct pool_page){ .content_type = in->content_type,
                                .content_encoding = in->content_encoding,
                                .headers = in->headers,
                                .body = in->body };
    int rc = input_check(t, in, page, err);

    if (rc < 0)
        return rc;
    if (!page->head.final_url.n)
        page->head.final_url = page->head.url;
    page->head.status = in->status ? in->status : 200;
    page->head.fetched_ms = in->fetched_ms ? in->fetched_ms : clock_wall_ms();
    page->head.bytes = in->bytes ? in->bytes : in->body.n;
    page->head.fetch = in->fetch;
    id_make(in, page);
    return 0;
}
