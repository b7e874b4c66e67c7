/* build: see build.h.  A record is written head first; the digest of its block is filled in when the block
 * stands behind it, so that nothing is copied twice. */
#include "warc/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define PROFILE "http://netpreserve.org/warc/1.1/revisit/"
enum { HOPS_MOST = 50 };

void warc_uuid_new(uint8_t ret[WARC_UUID_BYTES])
{
    if (getrandom(ret, WARC_UUID_BYTES, 0) != WARC_UUID_BYTES)
        abort();
    ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x40); /* version 4, RFC 9562 */
    ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80);
}

void warc_uuid_text(const uint8_t u[WARC_UUID_BYTES], char ret[WARC_UUID_TEXT])
{
    snprintf(ret, WARC_UUID_TEXT,
             "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* ---- a record's head ---- */

/* A line of a header or of warc-fields; what would end it early becomes a space. */
static void line(struct buf *out, const char *name, trommel_str value)
{
    buf_add_str(out, name);
    buf_add(out, ": ", 2);
    unsigned char *at = buf_room(out, value.n);
    for (size_t i = 0; at && i < value.n; i++)
        at[i] = (unsigned char)value.p[i] < 0x20 ? ' ' : (unsigned char)value.p[i];
    out->len += at ? value.n : 0;
    buf_add(out, "\r\n", 2);
}

static void text_line(struct buf *out, const char *name, const char *value)
{
    if (value && *value)
        line(out, name, (trommel_str){ value, strlen(value) });
}

static void uuid_line(struct buf *out, const char *name, const uint8_t uuid[WARC_UUID_BYTES])
{
    char text[WARC_UUID_TEXT];

    warc_uuid_text(uuid, text);
    buf_printf(out, "%s: <%s>\r\n", name, text);
}

static void date_line(struct buf *out, const char *name, int64_t date_ms)
{
    char date[CLOCK_RFC3339_BYTES];

    clock_rfc3339(date_ms, date);
    text_line(out, name, date);
}

static void digest_line(struct buf *out, const char *name, const uint8_t digest[DIGEST_BYTES])
{
    char text[DIGEST_TEXT];

    digest_text(digest, text);
    text_line(out, name, text);
}

static void record_head(struct buf *out, const char *type, const uint8_t uuid[WARC_UUID_BYTES],
                        int64_t date_ms)
{
    buf_add_str(out, "WARC/1.1\r\n");
    text_line(out, "WARC-Type", type);
    uuid_line(out, "WARC-Record-ID", uuid);
    date_line(out, "WARC-Date", date_ms);
}

static void exchange_head(struct buf *out, const char *type, const uint8_t uuid[WARC_UUID_BYTES],
                          const struct warc_exchange *x)
{
    record_head(out, type, uuid, x->date_ms);
    line(out, "WARC-Target-URI", x->url);
}

/* The rest of the head, and the block in two parts. */
static void record_block(struct buf *out, const char *content_type, trommel_str first, trommel_str second)
{
    uint8_t digest[DIGEST_BYTES] = { 0 };
    char text[DIGEST_TEXT];

    size_t at = out->len;
    digest_line(out, "WARC-Block-Digest", digest);
    text_line(out, "Content-Type", content_type);
    buf_printf(out, "Content-Length: %zu\r\n\r\n", first.n + second.n);
    size_t block = out->len;
    buf_add(out, first.p, first.n);
    buf_add(out, second.p, second.n);
    if (!out->err) {
        digest_of(out->data + block, out->len - block, digest);
        digest_text(digest, text);
        memcpy(out->data + at + strlen("WARC-Block-Digest: "), text, DIGEST_TEXT - 1);
    }
    buf_add_str(out, "\r\n\r\n");
}

/* ---- records ---- */

void warc_build_info(const struct warc_about *a, const char *filename, int64_t date_ms, struct buf *out)
{
    struct buf fields = BUF_INIT(65536);
    uint8_t uuid[WARC_UUID_BYTES];

    warc_uuid_new(uuid);
    text_line(&fields, "software", a->software);
    text_line(&fields, "format", "WARC File Format 1.1");
    text_line(&fields, "conformsTo",
              "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/");
    text_line(&fields, "operator", a->operator_name);
    text_line(&fields, "hostname", a->host);
    text_line(&fields, "isPartOf", a->job);
    text_line(&fields, "http-header-user-agent", a->user_agent);
    text_line(&fields, "robots", a->robots);
    record_head(out, "warcinfo", uuid, date_ms);
    text_line(out, "WARC-Filename", filename);
    record_block(out, "application/warc-fields", (trommel_str){ (const char *)fields.data, fields.len },
                 (trommel_str){ 0 });
    buf_release(&fields);
}

void warc_build_response(const struct warc_exchange *x, const uint8_t uuid[WARC_UUID_BYTES],
                         const uint8_t digest[DIGEST_BYTES], struct buf *out)
{
    exchange_head(out, "response", uuid, x);
    text_line(out, "WARC-IP-Address", x->ip);
    text_line(out, "WARC-Truncated", x->truncated);
    digest_line(out, "WARC-Payload-Digest", digest);
    record_block(out, "application/http;msgtype=response", x->head, x->body);
}

void warc_build_revisit(const struct warc_exchange *x, const uint8_t uuid[WARC_UUID_BYTES],
                        const struct warc_refers *refers, struct buf *out)
{
    exchange_head(out, "revisit", uuid, x);
    text_line(out, "WARC-IP-Address", x->ip);
    if (refers) {
        text_line(out, "WARC-Profile", PROFILE "identical-payload-digest");
        uuid_line(out, "WARC-Refers-To", refers->uuid);
        line(out, "WARC-Refers-To-Target-URI", refers->url);
        date_line(out, "WARC-Refers-To-Date", refers->date_ms);
        digest_line(out, "WARC-Payload-Digest", refers->digest);
    } else {
        uint8_t nothing[DIGEST_BYTES];
        digest_of("", 0, nothing);
        text_line(out, "WARC-Profile", PROFILE "server-not-modified");
        digest_line(out, "WARC-Payload-Digest", nothing);
    }
    record_block(out, "application/http;msgtype=response", x->head, (trommel_str){ 0 });
}

void warc_build_request(const struct warc_exchange *x, const uint8_t of[WARC_UUID_BYTES], struct buf *out)
{
    uint8_t uuid[WARC_UUID_BYTES];

    warc_uuid_new(uuid);
    exchange_head(out, "request", uuid, x);
    uuid_line(out, "WARC-Concurrent-To", of);
    record_block(out, "application/http;msgtype=request", x->request, (trommel_str){ 0 });
}

/* "LLR": the way from the seed, links first; what is over HOPS_MOST is a number, as Heritrix writes it. */
static void hops_line(struct buf *out, const struct warc_exchange *x)
{
    char hops[HOPS_MOST + 16];
    unsigned all = x->depth + x->redirects, over = all > HOPS_MOST ? all - HOPS_MOST : 0;
    int n = over ? snprintf(hops, sizeof hops, "%u+", over) : 0;

    for (unsigned i = over; i < all; i++)
        hops[n++] = i < x->depth ? 'L' : 'R';
    if (x->is_robots)
        n = snprintf(hops, sizeof hops, "P");
    if (n) /* a seed has none */
        line(out, "hopsFromSeed", (trommel_str){ hops, (size_t)n });
}

void warc_build_metadata(const struct warc_exchange *x, const uint8_t of[WARC_UUID_BYTES], struct buf *out)
{
    struct buf fields = BUF_INIT(65536);
    uint8_t uuid[WARC_UUID_BYTES];

    warc_uuid_new(uuid);
    if (x->via.n)
        line(&fields, "via", x->via);
    hops_line(&fields, x);
    buf_printf(&fields, "fetchTimeMs: %u\r\n", x->fetch_ms);
    text_line(&fields, "fetchError", x->error);
    if (!x->is_robots) { /* where its msgpack record is, if there is one */
        buf_add_str(&fields, "trommelRecord: ");
        for (int i = 0; i < RECORD_ID_BYTES; i++)
            buf_printf(&fields, "%02x", x->record_id[i]);
        buf_add_str(&fields, "\r\n");
    }
    exchange_head(out, "metadata", uuid, x);
    uuid_line(out, "WARC-Concurrent-To", of);
    record_block(out, "application/warc-fields", (trommel_str){ (const char *)fields.data, fields.len },
                 (trommel_str){ 0 });
    buf_release(&fields);
}
