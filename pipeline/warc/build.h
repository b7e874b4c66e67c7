/* build: the records of one exchange with a server, as WARC 1.1 (ISO 28500:2017) writes them.
 *
 * The block of a response is what was received, byte for byte: status line, headers, body with its content
 * and transfer codings.  WARC-Payload-Digest is the digest of the block behind the headers: so compute it
 * warcio, wget and pywb, who do not take the transfer coding off. */
#ifndef TROMMEL_WARC_BUILD_H
#define TROMMEL_WARC_BUILD_H
#include <trommel/stage.h>

#include "base/buf.h"
#include "record/record.h"
#include "warc/digest.h"

enum {
    WARC_UUID_BYTES = 16,
    WARC_UUID_TEXT = 9 + 36 + 1,        /* "urn:uuid:…" */
    WARC_RECORD_MAX = 64 * 1024 * 1024, /* of ours; a body may have twice its limit as chunks */
};

/* One request and the response that came; all borrowed. */
struct warc_exchange {
    trommel_str url, request, head, body; /* head: from status line to blank line */
    int chunked;                          /* the body still has its transfer coding */
    const char *ip;                       /* "" if not known */
    int64_t date_ms;                      /* when it was asked for */
    int status;
    const char *truncated; /* length, time, disconnect; NULL: it is whole */
    /* for people and statistics */
    trommel_str via;
    unsigned depth, redirects;
    int is_robots;
    uint32_t fetch_ms;
    const char *error; /* fetch_error_name; "" */
    uint8_t record_id[RECORD_ID_BYTES];
};

/* An earlier capture of the same payload. */
struct warc_refers {
    uint8_t uuid[WARC_UUID_BYTES], digest[DIGEST_BYTES];
    int64_t date_ms;
    trommel_str url;
};

/* What a file says of itself. */
struct warc_about {
    const char *software, *user_agent, *robots, *job, *host, *operator_name; /* NULL: not said */
};

void warc_uuid_new(uint8_t ret[WARC_UUID_BYTES]);
void warc_uuid_text(const uint8_t uuid[WARC_UUID_BYTES], char ret[WARC_UUID_TEXT]);

/* Each adds one record with the blank lines behind it; uuid is its own, of: the capture's. */
void warc_build_info(const struct warc_about *a, const char *filename, int64_t date_ms, struct buf *out);
void warc_build_response(const struct warc_exchange *x, const uint8_t uuid[WARC_UUID_BYTES],
                         const uint8_t digest[DIGEST_BYTES], struct buf *out);
/* refers NULL: the server said that it was not modified. */
void warc_build_revisit(const struct warc_exchange *x, const uint8_t uuid[WARC_UUID_BYTES],
                        const struct warc_refers *refers, struct buf *out);
void warc_build_request(const struct warc_exchange *x, const uint8_t of[WARC_UUID_BYTES], struct buf *out);
void warc_build_metadata(const struct warc_exchange *x, const uint8_t of[WARC_UUID_BYTES], struct buf *out);
#endif
