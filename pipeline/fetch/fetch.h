/* fetch: HTTP transfers on a libuv loop with curl's multi socket interface.
 *
 * Never queues: a transfer that is started starts.  Content is not decoded here (the worker does), but
 * Accept-Encoding is sent.  Redirects are not followed: they come back as an answer with a location.
 * Addresses are judged on what is connected to (guard.h).  Size and time caps hold for what really
 * arrives.  Only this folder includes curl. */
#ifndef TROMMEL_FETCH_FETCH_H
#define TROMMEL_FETCH_FETCH_H
#include <trommel/stage.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "page/budget.h"

struct fetch;
struct fetch_options {
    const char *user_agent;
    int allow_private;            /* loopback, private, link-local addresses */
    uint32_t connect_ms, total_ms;
    uint32_t slow_bytes, slow_ms; /* fewer than slow_bytes in slow_ms (10 s): given up */
    uint32_t body_bytes, header_bytes;
    unsigned connections;         /* at a time */
    struct budget *budget;
    int insecure;                 /* certificates are not checked; only by the user's word */
    int as_received;              /* for an archive: HTTP/1.1, and the answer has all that was sent and came */
};

#define FETCH_ERROR_MAP(X)                                                              \
    X(OK, "") X(DNS, "dns") X(CONNECT, "connect") X(TLS, "tls") X(TIMEOUT, "timeout")   \
    X(PRIVATE, "private_address") X(TOO_LARGE, "too_large") X(HEADERS, "headers_too_large") \
    X(PROTOCOL, "protocol") X(CUT, "truncated") X(ABORTED, "aborted") X(OTHER, "other")
enum fetch_error {
#define X(name, text) FETCH_##name,
    FETCH_ERROR_MAP(X)
#undef X
};
const char *fetch_error_name(enum fetch_error e); /* "connect"; "" for OK */

/* What came.  All borrowed: dies when the callback returns, but for the body, which may be taken
 * (swap it out of *body). */
struct fetch_answer {
    enum fetch_error error;
    const char *message;          /* curl's words for people; "" if none */
    int status;                   /* 0: none */
    trommel_str content_type, content_encoding, location, retry_after;
    trommel_str headers;          /* "name: value\r\n", names as received; last response only */
    struct buf *body;             /* as received (transfer coding removed, content coding not) */
    /* with as_received: */
    trommel_str request;          /* as sent */
    trommel_str head;             /* from the final status line to the blank line, byte for byte */
    int chunked;                  /* the body still has its transfer coding */
    struct budget_share **share;  /* the page's credits; may be taken, else given back */
    const char *ip;               /* connected to, or "" */
    const char *protocol;         /* "http/1.1" */
    const char *tls;              /* "TLSv1.3" or "" */
    int transient;                /* worth trying again */
    uint64_t wall_us;
};

/* The most that is held of a body whose payload may have so many bytes, with as_received. */
#define FETCH_RECEIVED_BYTES(body_bytes) (2 * (uint64_t)(body_bytes) + 65536)

int fetch_new(uv_loop_t *loop, const struct fetch_options *opt, struct fetch **ret, struct err *err);
/* Aborts what runs (its callbacks come with FETCH_ABORTED) and closes; done_fn when all handles are closed. */
void fetch_close(struct fetch *f, void (*done_fn)(void *arg), void *arg);
/* Starts a GET.  0; ERR_FULL (connections or budget spent: come again when one has ended); else the URL
 * is refused at once.  The callback comes from the loop, once, never inside this call.
 * fresh: do not keep the connection (the host has nothing else queued). */
struct fetch_request {
    trommel_str url;
    int fresh;
    int identity;        /* ask for no content coding (robots.txt is read in the host) */
    uint32_t body_bytes; /* 0: the option's */
    uint32_t total_ms;   /* 0: the option's */
    void (*done)(void *arg, struct fetch_answer *answer);
    void *arg;
};
int fetch_start(struct fetch *f, const struct fetch_request *req);
/* Would fetch_start find a connection and credits now?  Asked before a URL is taken from its queue. */
int fetch_room(const struct fetch *f);
struct fetch_state { unsigned running, paused; uint64_t bytes, requests; };
struct fetch_state fetch_state(const struct fetch *f);
#endif
