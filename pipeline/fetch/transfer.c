/* transfer: see transfer.h.  curl's callbacks of one transfer, and the reading of its end.
 *
 * The header callback keeps the lines of the last response only: a new status line begins anew, so that
 * interim responses (1xx) vanish; trailers are counted and dropped.  The body callback counts what really
 * arrives, whatever Content-Length says. */
#include "fetch/transfer.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fetch/guard.h"

/* ---- addresses ---- */

static void address_text(const struct curl_sockaddr *a, char *out, size_t n)
{
    const void *ip = a->family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)&a->addr)->sin6_addr
                                           : (const void *)&((const struct sockaddr_in *)&a->addr)->sin_addr;

    if (!inet_ntop(a->family, ip, out, (socklen_t)n))
        *out = 0;
}

/* Called for each address that curl is about to connect to. */
static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = user;
    const char *what = t->f->opt.allow_private ? NULL : guard_refuses(&a->addr);

    if (what) {
        t->refused++;
        t->refused_as = what;
        address_text(a, t->refused_ip, sizeof t->refused_ip);
        return CURL_SOCKET_BAD;
    }
    t->connected++;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- headers ---- */

/* curl names the TLS library's session; its own function tells the version ("TLSv1.3"). */
static const char *tls_version(CURL *easy)
{
    static const char *(*ssl_version)(const void *);
    static int looked;
    struct curl_tlssessioninfo *info = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info || !info->internals)
        return "";
    if (info->backend != CURLSSLBACKEND_OPENSSL)
        return "TLS";
    if (!looked) {
        looked = 1;
        *(void **)&ssl_version = dlsym(RTLD_DEFAULT, "SSL_get_version");
    }
    return ssl_version ? ssl_version(info->internals) : "TLS";
}

static void headers_complete(struct transfer *t)
{
    long status = 0;
    char *ip = NULL;

    t->in_headers = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return; /* interim: another status line follows */
    t->have_headers = 1;
    if (t->f->opt.as_received)
        received_headers(t);
    t->tls = tls_version(t->easy); /* known only while the connection is the transfer's */
    if (curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip)
        snprintf(t->ip, sizeof t->ip, "%s", ip);
}

/* One line without its end.  A line that begins with white space continues the one before (obs-fold). */
static void header_line(struct transfer *t, const char *p, size_t n)
{
    if ((*p == ' ' || *p == '\t') && t->headers.len >= 2) {
        t->headers.len -= 2;
        while (n && (*p == ' ' || *p == '\t'))
            p++, n--;
        buf_add_byte(&t->headers, ' ');
    }
    buf_add(&t->headers, p, n);
    buf_add(&t->headers, "\r\n", 2);
}

static size_t on_header(char *p, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t all = size * count, n = all;

    t->header_bytes += all;
    if (t->header_bytes > t->f->opt.header_bytes) {
        t->headers_too_large = 1;
        return 0;
    }
    while (n && (p[n - 1] == '\n' || p[n - 1] == '\r'))
        n--;
    if (t->have_headers)
        return all; /* a trailer */
    if (n >= 5 && !memcmp(p, "HTTP/", 5) && !t->in_headers) {
        t->in_headers = 1;
        buf_clear(&t->headers);
        buf_clear(&t->head);
    } else if (n) {
        header_line(t, p, n);
    } else {
        headers_complete(t);
    }
    if (t->f->opt.as_received)
        buf_add(&t->head, p, all);
    return all;
}

/* ---- body ---- */

/* Will the body surely be over its cap?  Not asked when the beginning is wanted anyway. */
static int announced_too_large(const struct transfer *t)
{
    curl_off_t announced = -1;

    if (t->req.body_bytes || t->body.len)
        return 0;
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    return announced > (curl_off_t)t->body_max;
}

uint64_t transfer_capacity(const struct transfer *t, size_t n)
{
    size_t need = t->body.len + n, cap = t->body.cap ? t->body.cap : 256;

    while (cap < need)
        cap = cap > t->body.max / 2 ? t->body.max : cap * 2;
    return cap;
}

static size_t on_body(char *p, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t n = size * count;

    if (t->chunked)
        return received_chunks(t, p, n);
    int over = n > t->body_max - t->body.len;

    if (over)
        n = t->body_max - t->body.len;
    if (announced_too_large(t)) {
        t->too_large = 1;
        return 0;
    }
    if (budget_grow(t->share, transfer_capacity(t, n)) < 0) {
        transfer_pause(t);
        return CURL_WRITEFUNC_PAUSE; /* curl keeps these bytes and brings them again */
    }
    if (buf_add(&t->body, p, n) < 0)
        return 0;
    t->too_large = over;
    return over ? 0 : n;
}

/* ---- asking ---- */

void transfer_clear(struct transfer *t)
{
    buf_clear(&t->headers);
    buf_clear(&t->scratch);
    buf_init(&t->body, 0);
    buf_clear(&t->request);
    buf_clear(&t->head);
    chunked_init(&t->chunks);
    t->header_bytes = t->payload_bytes = 0;
    t->chunked = t->bad_chunks = 0;
    t->in_headers = t->have_headers = t->too_large = t->headers_too_large = 0;
    t->refused = t->connected = 0;
    t->refused_as = NULL;
    t->refused_ip[0] = t->ip[0] = t->message[0] = 0;
    t->tls = "";
    t->paused = t->resuming = t->clock_runs = 0;
    t->share = NULL;
}

static void protocols_limit(CURL *e)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_limits(struct transfer *t)
{
    const struct fetch_options *opt = &t->f->opt;
    CURL *e = t->easy;

    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* else the loop waits for a resolver that is given up */
#endif
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)opt->connect_ms);
    if (opt->slow_ms && opt->slow_bytes) {
        long seconds = (opt->slow_ms + 999) / 1000;
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, seconds);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)(opt->slow_bytes + seconds - 1) / seconds);
    }
    if (opt->insecure) {
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
}

int transfer_set_up(struct transfer *t, const struct fetch_request *req)
{
    const struct fetch_options *opt = &t->f->opt;
    char url[LIMIT_URL_BYTES + 1];
    CURL *e = t->easy;

    memcpy(url, req->url.p, req->url.n);
    url[req->url.n] = 0;
    t->req = *req;
    t->req.url = (trommel_str){ 0 };
    t->body_max = req->body_bytes ? req->body_bytes : opt->body_bytes;
    t->total_ms = req->total_ms ? req->total_ms : opt->total_ms;
    t->left_ms = t->total_ms;
    buf_init(&t->body, t->body_max);
    CURLcode rc = curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->message);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L); /* normalised already */
    curl_easy_setopt(e, CURLOPT_PROXY, "");      /* whatever the environment says */
    protocols_limit(e);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    curl_easy_setopt(e, CURLOPT_HTTP_TRANSFER_DECODING, 1L);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, req->identity ? t->f->ask_plain : t->f->ask_coded);
    curl_easy_setopt(e, CURLOPT_USERAGENT, t->f->user_agent);
    /* A connection that is there is used even by the last request; it is not kept after it. */
    curl_easy_setopt(e, CURLOPT_FORBID_REUSE, req->fresh ? 1L : 0L);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    if (opt->as_received)
        received_set_up(t);
    set_limits(t);
    return rc == CURLE_OK ? 0 : ERR_NOMEM;
}

/* ---- what came ---- */

struct judged {
    CURLcode code;
    enum fetch_error error;
    int transient;
};
static const struct judged judged[] = {
    { CURLE_OK, FETCH_OK, 0 },
    { CURLE_COULDNT_RESOLVE_HOST, FETCH_DNS, 1 },
    { CURLE_COULDNT_CONNECT, FETCH_CONNECT, 1 },
    { CURLE_OPERATION_TIMEDOUT, FETCH_TIMEOUT, 1 },
    { CURLE_SSL_CONNECT_ERROR, FETCH_TLS, 1 },
    { CURLE_PEER_FAILED_VERIFICATION, FETCH_TLS, 0 },
    { CURLE_SSL_CERTPROBLEM, FETCH_TLS, 0 },
    { CURLE_SSL_CIPHER, FETCH_TLS, 0 },
    { CURLE_SSL_CACERT_BADFILE, FETCH_TLS, 0 },
    { CURLE_SSL_ISSUER_ERROR, FETCH_TLS, 0 },
    { CURLE_SSL_INVALIDCERTSTATUS, FETCH_TLS, 0 },
    { CURLE_PARTIAL_FILE, FETCH_CUT, 1 },
    { CURLE_GOT_NOTHING, FETCH_CUT, 1 },
    { CURLE_UNSUPPORTED_PROTOCOL, FETCH_PROTOCOL, 0 }, /* HTTP/0.9 */
    { CURLE_WEIRD_SERVER_REPLY, FETCH_PROTOCOL, 0 },
    { CURLE_BAD_CONTENT_ENCODING, FETCH_PROTOCOL, 0 },
    { CURLE_HTTP2, FETCH_PROTOCOL, 1 },
    { CURLE_HTTP2_STREAM, FETCH_PROTOCOL, 1 },
    { CURLE_URL_MALFORMAT, FETCH_OTHER, 0 },
};

/* A connection that broke: before the response, within its headers, or within its body. */
static struct judged broke(const struct transfer *t, CURLcode code)
{
    int began = t->in_headers || t->have_headers;

    return (struct judged){ code, began ? FETCH_CUT : FETCH_CONNECT, 1 };
}

static struct judged judge(const struct transfer *t, CURLcode code, enum fetch_error forced)
{
    if (forced != FETCH_OK)
        return (struct judged){ code, forced, forced == FETCH_TIMEOUT };
    if (t->headers_too_large)
        return (struct judged){ code, FETCH_HEADERS, 0 };
    if (t->too_large)
        return (struct judged){ code, FETCH_TOO_LARGE, 0 };
    if (t->bad_chunks)
        return (struct judged){ code, FETCH_PROTOCOL, 0 };
    if (t->refused && !t->connected && code != CURLE_OK)
        return (struct judged){ code, FETCH_PRIVATE, 0 };
    if (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR)
        return broke(t, code);
    if ((code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM) && t->have_headers)
        return (struct judged){ code, FETCH_CUT, 1 };
    /* curl has a limit of its own for one header line, which it reports as memory that is out */
    if (t->in_headers && (code == CURLE_OUT_OF_MEMORY || (int)code == 100))
        return (struct judged){ code, FETCH_HEADERS, 0 };
    for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++)
        if (judged[i].code == code)
            return judged[i];
    return (struct judged){ code, FETCH_OTHER, 0 };
}

static const char *message_of(struct transfer *t, const struct judged *how, CURLcode code)
{
    switch (how->error) {
    case FETCH_OK:
        return "";
    case FETCH_PRIVATE:
        snprintf(t->message, sizeof t->message, "%s is a %s address; --allow-private lets it through",
                 t->refused_ip, t->refused_as);
        break;
    case FETCH_TOO_LARGE:
        snprintf(t->message, sizeof t->message, "the body is over %u bytes", t->body_max);
        break;
    case FETCH_HEADERS:
        snprintf(t->message, sizeof t->message, "the headers are over %u bytes", t->f->opt.header_bytes);
        break;
    default:
        if (!t->message[0])
            snprintf(t->message, sizeof t->message, "%s", curl_easy_strerror(code));
    }
    return t->message;
}

int transfer_header_next(const struct transfer *t, size_t *at, trommel_str *name, trommel_str *value)
{
    size_t left = t->headers.len - *at;

    if (!t->headers.data || !left)
        return 0;
    const char *p = (const char *)t->headers.data + *at;
    const char *end = memchr(p, '\n', left);
    if (!end || end == p) /* cannot be: each line was given CRLF */
        return 0;
    size_t n = (size_t)(end - p) - 1;
    const char *colon = memchr(p, ':', n);
    *at += n + 2;
    *name = (trommel_str){ p, colon ? (size_t)(colon - p) : n };
    *value = colon ? (trommel_str){ colon + 1, n - name->n - 1 } : (trommel_str){ 0 };
    while (value->n && (*value->p == ' ' || *value->p == '\t'))
        value->p++, value->n--;
    while (value->n && (value->p[value->n - 1] == ' ' || value->p[value->n - 1] == '\t'))
        value->n--;
    return 1;
}

static trommel_str header_find(const struct transfer *t, const char *wanted, int last)
{
    trommel_str name, value, found = { 0 };
    size_t at = 0, n = strlen(wanted);

    while (transfer_header_next(t, &at, &name, &value))
        if (name.n == n && !strncasecmp(name.p, wanted, n) && value.n) {
            found = value;
            if (!last)
                break;
        }
    return found;
}

/* All values of a list header, joined by commas in the order in which they came. */
static trommel_str header_join(struct transfer *t, const char *wanted)
{
    trommel_str name, value;
    size_t at = 0, n = strlen(wanted);

    while (transfer_header_next(t, &at, &name, &value))
        if (name.n == n && !strncasecmp(name.p, wanted, n) && value.n) {
            buf_add(&t->scratch, ", ", t->scratch.len ? 2 : 0);
            buf_add(&t->scratch, value.p, value.n);
        }
    return (trommel_str){ (const char *)t->scratch.data, t->scratch.len };
}

static const char *protocol_name(CURL *easy)
{
    long version = 0;

    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    switch (version) {
    case CURL_HTTP_VERSION_1_0: return "http/1.0";
    case CURL_HTTP_VERSION_1_1: return "http/1.1";
    case CURL_HTTP_VERSION_2_0: return "h2";
    default: return "";
    }
}

void transfer_answer(struct transfer *t, CURLcode code, enum fetch_error forced, struct fetch_answer *ret)
{
    struct judged how = judge(t, code, forced);
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->body.cap - t->body.len > 4096 && t->body.len) { /* what the doubling left over */
        unsigned char *fit = realloc(t->body.data, t->body.len);
        t->body.data = fit ? fit : t->body.data;
        t->body.cap = fit ? t->body.len : t->body.cap;
    }
    *ret = (struct fetch_answer){
        .error = how.error,
        .message = message_of(t, &how, code),
        .status = t->have_headers ? (int)status : 0,
        .content_type = header_find(t, "content-type", 1),
        .content_encoding = header_join(t, "content-encoding"),
        .location = header_find(t, "location", 0),
        .retry_after = header_find(t, "retry-after", 0),
        .headers = { (const char *)t->headers.data, t->have_headers ? t->headers.len : 0 },
        .body = &t->body,
        .request = { (const char *)t->request.data, t->request.len },
        .head = { (const char *)t->head.data, t->have_headers ? t->head.len : 0 },
        .chunked = t->chunked,
        .share = &t->share,
        .ip = t->ip[0] ? t->ip : t->refused_ip,
        .protocol = protocol_name(t->easy),
        .tls = t->tls,
        .transient = how.transient,
        .wall_us = (clock_mono_ns() - t->started_ns) / 1000,
    };
}
