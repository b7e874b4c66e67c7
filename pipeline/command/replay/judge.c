/* judge: see judge.h. */
#include "command/replay/judge.h"

#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "base/utf8.h"
#include "record/record.h"

enum { VALUE_MOST = 8192 }; /* of a header, and of what is said of the archive */

static int begins(trommel_str s, const char *with)
{
    size_t n = strlen(with);

    return s.n >= n && !strncasecmp(s.p, with, n);
}

static int is_web(trommel_str url)
{
    return begins(url, "http://") || begins(url, "https://");
}

/* What a crawler asks for its own sake, and no page of the site. */
static int is_robots(trommel_str url)
{
    static const char path[] = "/robots.txt";
    const char *host = memmem(url.p, url.n, "//", 2), *end = url.p + url.n;
    const char *slash = host ? memchr(host + 2, '/', (size_t)(end - host - 2)) : NULL;

    return slash && (size_t)(end - slash) == sizeof path - 1 && !memcmp(slash, path, sizeof path - 1);
}

/* WAT: what was computed of each record, as JSON; archives have metadata of other types. */
static int is_wat(const struct warc_record *r)
{
    return begins(r->head.content_type, "application/json") &&
           memmem(r->block, r->block_n < 4096 ? r->block_n : 4096, "\"Envelope\"", 10) != NULL;
}

enum judged judge_head(const struct warc_record *r, int had_pages, enum feed_count *ret_count)
{
    static const enum feed_count counts[WARC_TYPES] = {
        [WARC_INFO] = FEED_INFO,        [WARC_REQUEST] = FEED_REQUESTS,   [WARC_METADATA] = FEED_METADATA,
        [WARC_CONVERSION] = FEED_OTHER, [WARC_CONTINUATION] = FEED_OTHER, [WARC_OTHER] = FEED_OTHER,
    };

    *ret_count = counts[r->head.type];
    switch (r->head.type) {
    case WARC_RESPONSE:
    case WARC_RESOURCE:
        *ret_count = is_web(r->head.url) ? FEED_ROBOTS : FEED_NO_HTTP;
        return is_web(r->head.url) && !is_robots(r->head.url) ? JUDGED_PAGE : JUDGED_NONE;
    case WARC_REVISIT:
        *ret_count = is_robots(r->head.url) ? FEED_ROBOTS : FEED_REVISITS;
        return is_web(r->head.url) && !is_robots(r->head.url) ? JUDGED_REVISIT : JUDGED_NONE;
    case WARC_CONVERSION:
        return !had_pages && begins(r->head.content_type, "text/plain") ? JUDGED_WET : JUDGED_NONE;
    case WARC_METADATA:
        return !had_pages && is_wat(r) ? JUDGED_WAT : JUDGED_NONE;
    default:
        return JUDGED_NONE;
    }
}

/* What tells a record from another at the same place. */
static uint64_t key_of(const struct warc_record *r)
{
    const trommel_str parts[] = { r->head.id, r->head.url, r->head.date };
    uint64_t key = r->place.offset * 31 + r->place.inner;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        key = XXH3_64bits_withSeed(parts[i].n ? parts[i].p : "", parts[i].n, key);
    return key;
}

/* Two captures of a URL are two records: the writer's id tells them apart, else time and place do. */
static void made_of(struct feed_item *item, const char *job)
{
    const struct warc_head *h = &item->record.head;
    struct buf *b = &item->made_of;

    buf_clear(b);
    buf_printf(b, "%s\n%.*s\n", job, (int)h->url.n, h->url.p);
    if (h->id.n)
        buf_add(b, h->id.p, h->id.n);
    else
        buf_printf(b, "%.*s\n%s\n%llu+%llu", (int)h->date.n, h->date.n ? h->date.p : "", item->file->name,
                   (unsigned long long)item->record.place.offset,
                   (unsigned long long)item->record.place.inner);
}

static void put_text(struct buf *b, const char *key, trommel_str s)
{
    mp_cstr(b, key);
    if (s.n && s.n <= VALUE_MOST && utf8_valid((const unsigned char *)s.p, s.n) == s.n)
        mp_str(b, s.p, s.n);
    else
        mp_nil(b);
}

static void put_place(struct buf *b, const struct feed_item *item)
{
    const struct warc_record *r = &item->record;
    const char *slash = strrchr(item->file->name, '/'), *name = slash ? slash + 1 : item->file->name;

    mp_cstr(b, "warc");
    mp_map(b, 3 + (r->place.inner > 0));
    put_text(b, "file", (trommel_str){ name, strlen(name) });
    mp_cstr(b, "offset");
    mp_uint(b, r->place.offset);
    if (r->place.inner) {
        mp_cstr(b, "inner");
        mp_uint(b, r->place.inner);
    }
    put_text(b, "id", r->head.id);
}

static void fetch(struct feed_item *item)
{
    struct buf *b = &item->fetch;

    buf_clear(b);
    mp_map(b, 7);
    put_text(b, "ip", item->record.head.ip);
    put_text(b, "protocol", item->http.protocol);
    mp_cstr(b, "tls");
    mp_nil(b);
    mp_cstr(b, "redirects");
    mp_array(b, 0);
    mp_cstr(b, "truncated");
    mp_bool(b, item->record.head.truncated.n || item->http.is_cut || item->failed != NULL);
    mp_cstr(b, "via");
    mp_nil(b);
    put_place(b, item);
}

static int is_redirect(int status)
{
    return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

/* A resource is the page itself. */
static void resource(struct feed_item *item)
{
    const struct warc_record *r = &item->record;

    item->http = (struct http_message){ .status = 200,
                                        .content_type = r->head.content_type,
                                        .body = { (const char *)r->block, r->block_n } };
}

enum judged judge_item(struct feed_item *item, const char *job, enum feed_count *ret_count)
{
    struct warc_record *r = &item->record;
    int rc = 0;

    item->failed = NULL;
    item->key = key_of(r);
    if (r->head.type == WARC_RESOURCE)
        resource(item);
    else
        rc = http_read(r->block, r->block_n, r->is_whole, &item->http);
    if (rc == ERR_INVALID) {
        *ret_count = FEED_NOT_READ;
        return JUDGED_NONE;
    }
    if (rc == 0 && is_redirect(item->http.status)) {
        *ret_count = FEED_REDIRECTS; /* the page that it leads to has a record of its own */
        return JUDGED_NONE;
    }
    if (rc < 0)
        item->failed = "headers_too_large";
    else if (!r->is_whole || item->http.body.n > LIMIT_BODY_BYTES)
        item->failed = "too_large";
    if (item->http.content_type.n > VALUE_MOST)
        item->http.content_type.n = 0;
    if (item->http.content_encoding.n > VALUE_MOST)
        item->http.content_encoding.n = 0;
    made_of(item, job);
    fetch(item);
    return JUDGED_PAGE;
}
