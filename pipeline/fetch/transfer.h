/* transfer: one transfer as curl sees it: how it is asked for, what its callbacks keep, what came of it.
 * Private to fetch/. */
#ifndef TROMMEL_FETCH_TRANSFER_H
#define TROMMEL_FETCH_TRANSFER_H
#include <curl/curl.h>

#include "base/limits.h"
#include "fetch/fetch.h"
#include "parse/chunked.h"

struct transfer {
    struct fetch *f;
    struct transfer *prev, *next; /* active; next also in the spare list */
    CURL *easy;
    struct fetch_request req;     /* its url is not kept: curl has a copy */
    struct budget_share *share;
    struct buf body, headers, scratch;
    struct buf request, head;     /* for an archive, byte for byte */
    struct chunked chunks;        /* what the body's transfer coding has come to … */
    uint64_t payload_bytes;       /* … and how much of the body is payload */
    int chunked, bad_chunks;
    uint64_t header_bytes;        /* all that came, interim responses and trailers as well */
    uint32_t body_max, total_ms;
    int in_headers, have_headers; /* between status line and blank line; a final response's are complete */
    int too_large, headers_too_large;
    unsigned refused, connected;  /* addresses */
    const char *refused_as;
    char refused_ip[64], ip[64];
    const char *tls;
    char message[CURL_ERROR_SIZE + 64];
    /* time */
    uv_timer_t deadline;
    uint64_t started_ns, left_ms, clock_since_ms;
    int clock_runs, paused;
    struct transfer *resume_next; /* the budget has called */
    int resuming;
};

struct fetch {
    uv_loop_t *loop;
    CURLM *multi;
    struct fetch_options opt;
    char *user_agent;
    struct curl_slist *ask_coded, *ask_plain;
    uv_timer_t curl_timer, resume_timer;
    struct transfer *active, *spare, *resume;
    unsigned running, paused;
    uint64_t bytes, requests;
    unsigned handles; /* of the loop, not closed yet */
    int closing;
    void (*closed_fn)(void *arg);
    void *closed_arg;
};

/* Makes a used or new transfer ready for set_up. */
void transfer_clear(struct transfer *t);
/* Sets all of curl's options. */
int transfer_set_up(struct transfer *t, const struct fetch_request *req);
/* Fills the answer; before the handle is taken from curl.  forced: what we ended it for, or FETCH_OK. */
void transfer_answer(struct transfer *t, CURLcode code, enum fetch_error forced, struct fetch_answer *ret);
/* The next line of the headers from *at; name and value apart.  0 at the end. */
int transfer_header_next(const struct transfer *t, size_t *at, trommel_str *name, trommel_str *value);
/* What the body's buffer will hold once n more bytes are in: it doubles (base/buf.h), and the credits follow. */
uint64_t transfer_capacity(const struct transfer *t, size_t n);
/* received.c: for an archive (fetch_options.as_received).  After the other options are set; after the headers;
 * for each piece of a body that keeps its transfer coding, returning as curl's write function. */
void received_set_up(struct transfer *t);
void received_headers(struct transfer *t);
size_t received_chunks(struct transfer *t, const char *p, size_t n);
/* fetch.c: the budget has no room; stops the clock. */
void transfer_pause(struct transfer *t);
#endif
