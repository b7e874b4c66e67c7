/* received: what an archive wants to know of a transfer: what was sent, and the body with its transfer
 * coding.
 *
 * curl leaves the chunked coding on (and still finds the body's end by it); here it is read only to count
 * what is payload, so that the limits are the same as without an archive. */
#include <string.h>
#include <strings.h>

#include "fetch/transfer.h"

/* What curl sends; of a request that it sends again on another connection, the last. */
static int on_debug(CURL *e, curl_infotype type, char *p, size_t n, void *user)
{
    struct transfer *t = user;

    if (type != CURLINFO_HEADER_OUT)
        return 0;
    if (n > 4 && !memcmp(p, "GET ", 4))
        buf_clear(&t->request);
    buf_add(&t->request, p, n);
    return 0;
}

void received_set_up(struct transfer *t)
{
    CURL *e = t->easy;

    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_HTTP_TRANSFER_DECODING, 0L);
    curl_easy_setopt(e, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(e, CURLOPT_DEBUGDATA, t);
    curl_easy_setopt(e, CURLOPT_VERBOSE, 1L); /* else the debug function is not called */
}

/* Is "chunked" one of the transfer codings?  There is room for the framing then: chunks of a few bytes could
 * make a body many times as large as its payload. */
void received_headers(struct transfer *t)
{
    trommel_str name, value;

    for (size_t at = 0; transfer_header_next(t, &at, &name, &value);)
        if (name.n == 17 && !strncasecmp(name.p, "transfer-encoding", 17))
            for (size_t i = 0; i + 7 <= value.n; i++)
                t->chunked |= !strncasecmp(value.p + i, "chunked", 7);
    if (t->chunked)
        t->body.max = FETCH_RECEIVED_BYTES(t->body_max);
}

size_t received_chunks(struct transfer *t, const char *p, size_t n)
{
    size_t payload;

    if (budget_grow(t->share, transfer_capacity(t, n)) < 0) {
        transfer_pause(t);
        return CURL_WRITEFUNC_PAUSE;
    }
    long taken = chunked_read(&t->chunks, p, n, NULL, &payload);
    t->payload_bytes += payload;
    if (taken < 0) {
        t->bad_chunks = 1;
        return 0;
    }
    t->too_large = buf_add(&t->body, p, (size_t)taken) < 0 || t->payload_bytes > t->body_max;
    return t->too_large ? 0 : n;
}
