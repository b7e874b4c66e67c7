/* server: the HTTP/1.1 server that tests and benches crawl.
 *
 * Serves a folder, a generated site of any size, and misbehaviour on demand, on a free loopback port (its
 * first line on stdout says `listening 127.0.0.1 PORT`).  With --any all of 127.0.0.0/8 answers, so that
 * thousands of hosts need no set-up; peers that are not loopback are turned away.  One libuv loop; waits are
 * timers.  --log FILE tells what happened, a line each, times in ms of the monotonic clock:
 *     O ms conn                      a connection was opened
 *     R ms conn host method target   a request is complete
 *     E ms conn host status target   its answer is complete, or the connection is gone
 *     C ms conn                      the connection was closed
 *
 * /t/slow?ms=&bytes=&chunk=   drips chunk bytes every ms       /t/hang         never answers
 * /t/status/NNN?retry=        that status, Retry-After         /t/cut?chunked= sends half of what it said
 * /t/redirect?to=&n=          n hops to itself, then to `to`   /t/loop         a redirect to itself, for ever
 * /t/huge?bytes=&cl=          streams; cl=1 says how much      /t/reset        resets the connection
 * /t/headers?bytes=&line=     a flood; line=1 in one line      /t/close        closes without a word
 * /t/gzbomb?bytes=            gzip of so many zeros            /t/empty        a body of no bytes
 * /t/type?type=&gz=           a small page of that type        /t/echo         the request's head, as text
 * /t/interim                  103 with headers, then 200       /t/garbage      is no HTTP
 * /t/flaky?n=                 503 for the first n requests of this target, then a page
 * …&gate=NAME                 any target: no answer until the gate lets it through; pages of /t/gen hand the gate on
 * /t/open?gate=NAME&n=        lets n of them through, those that wait first; without n all, from now on
 * /t/gen?site=&page=&links=&pages=&bytes=&ms=   page number `page` of a site of `pages` pages, a tree in
 *                             which each links to `links` children, the first page and the one before
 *
 * With --raw DIR whatever that folder has an answer for (server_raw.h) is answered so, robots.txt too.
 *
 * robots.txt, by the host's address: 127.0.0.2 forbids /private/ and the site `forbidden`; 127.0.0.3
 * answers 500; 127.0.0.4 forbids all; 127.0.0.5 asks for a Crawl-delay of 1; 127.0.0.6 redirects to
 * 127.0.0.2; 127.0.0.7 hangs; 127.0.0.8 sends 600 KiB of comments; others: the folder's, or 404. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

#include "server_raw.h"

enum { CONNS_MAX = 20000, HEAD_MAX = 16384, CHUNK = 65536, FLAKY_MAX = 256, GATES_MAX = 16 };

struct conn {
    uv_tcp_t tcp;
    uv_timer_t timer;
    unsigned id;
    int closing, handles, busy, keep; /* busy: an answer is under way */
    char in[HEAD_MAX + 1];
    size_t in_n;
    char host[256], method[8], target[4096]; /* of the request that is answered */
    char path[4096];                         /* target, cut at its query and decoded */
    char *query;
    int status, is_head;
    /* what is still to be sent, from a pattern of bytes */
    uint64_t left, chunk_bytes, wait_ms;
    int chunked, close_after;
    char *pending; /* an answer that waits for its time */
    size_t pending_n;
    struct conn *gate_next; /* of those that wait at a gate */
    struct gate *gate;      /* it waits there */
};

/* Requests that wait, in the order in which they came, and how many more may pass without waiting. */
struct gate {
    char name[64];
    uint64_t passes; /* UINT64_MAX: it stands open */
    struct conn *first, **last;
};

struct send {
    uv_write_t req;
    struct conn *c;
    char *data;
};

static uv_loop_t *loop;
static uv_tcp_t listener;
static uv_signal_t sig_term, sig_int;
static const char *root, *raw_dir, *log_path;
static int log_fd = -1, any_address;
static unsigned n_conns, next_id;
static uint64_t base_ms;
static char pattern[CHUNK];

static uint64_t mono_ms(void)
{
    return uv_hrtime() / 1000000;
}

__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
    char line[8192];
    va_list ap;

    if (log_fd < 0)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof line)
        n = sizeof line - 1;
    line[n - 1] = '\n';
    if (write(log_fd, line, (size_t)n) < 0)
        perror(log_path);
}

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- gates ---- */

static struct gate gates[GATES_MAX];

static struct gate *gate_find(const char *name)
{
    unsigned i = 0;

    while (i < GATES_MAX - 1 && *gates[i].name && strcmp(gates[i].name, name))
        i++;
    if (!*gates[i].name)
        gates[i].last = &gates[i].first;
    snprintf(gates[i].name, sizeof gates[i].name, "%s", name);
    return &gates[i];
}

static int gate_pass(struct gate *g)
{
    if (!g->passes)
        return 0;
    g->passes -= g->passes != UINT64_MAX;
    return 1;
}

static void gate_wait(struct gate *g, struct conn *c)
{
    c->gate = g;
    c->gate_next = NULL;
    *g->last = c;
    g->last = &c->gate_next;
}

static void gate_leave(struct conn *c)
{
    struct gate *g = c->gate;
    struct conn **at = &g->first;

    while (*at != c)
        at = &(*at)->gate_next;
    *at = c->gate_next;
    if (g->last == &c->gate_next)
        g->last = at;
    c->gate = NULL;
}

/* ---- a connection's life ---- */

static void on_request_bytes(struct conn *c);
static void stream_next(struct conn *c);

static void answer_ended(struct conn *c)
{
    if (c->busy)
        note("E %llu %u %s %d %s\n", (unsigned long long)mono_ms(), c->id, c->host, c->status, c->target);
    c->busy = 0;
    free(c->pending);
    c->pending = NULL;
}

static void on_handle_closed(uv_handle_t *h)
{
    struct conn *c = h->data;

    if (--c->handles)
        return;
    n_conns--;
    free(c);
}

static void conn_close(struct conn *c)
{
    if (c->closing)
        return;
    c->closing = 1;
    if (c->gate)
        gate_leave(c);
    answer_ended(c);
    note("C %llu %u\n", (unsigned long long)mono_ms(), c->id);
    uv_close((uv_handle_t *)&c->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

static void answer_done(struct conn *c)
{
    answer_ended(c);
    if (!c->keep || c->close_after) {
        conn_close(c);
        return;
    }
    on_request_bytes(c); /* the next one may be here already */
}

static void on_sent(uv_write_t *req, int status)
{
    struct send *s = req->data;
    struct conn *c = s->c;

    free(s->data);
    free(s);
    if (status < 0)
        conn_close(c);
    if (c->closing)
        return;
    if (c->left || c->chunked)
        stream_next(c);
    else
        answer_done(c);
}

/* Takes data (malloc). */
static void conn_send(struct conn *c, char *data, size_t n)
{
    struct send *s = need(malloc(sizeof *s));
    uv_buf_t buf = uv_buf_init(data, (unsigned)n);

    *s = (struct send){ .c = c, .data = data };
    s->req.data = s;
    if (uv_write(&s->req, (uv_stream_t *)&c->tcp, &buf, 1, on_sent) < 0) {
        free(data);
        free(s);
        conn_close(c);
    }
}

/* ---- answers ---- */

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 429: return "Too Many Requests";
    case 503: return "Service Unavailable";
    default: return "Status";
    }
}

static void on_send_time(uv_timer_t *t)
{
    struct conn *c = t->data;
    char *data = c->pending;

    c->pending = NULL;
    conn_send(c, data, c->pending_n);
}

static void send_after(struct conn *c, char *data, size_t n, uint64_t ms)
{
    if (!ms) {
        conn_send(c, data, n);
        return;
    }
    c->pending = data;
    c->pending_n = n;
    uv_timer_start(&c->timer, on_send_time, ms, 0);
}

/* A whole answer.  more: header lines, each with its end. */
static void answer(struct conn *c, int status, const char *type, const char *more, const void *body, size_t n,
                   uint64_t wait_ms)
{
    char *out = need(malloc(1024 + strlen(more) + n));
    int head = sprintf(out, "HTTP/1.1 %d %s\r\nServer: trommel-test\r\nContent-Type: %.200s\r\n"
                       "Content-Length: %zu\r\n%sConnection: %s\r\n\r\n", status, status_text(status), type,
                       n, more, c->keep ? "keep-alive" : "close");

    c->status = status;
    if (!c->is_head && n)
        memcpy(out + head, body, n);
    send_after(c, out, (size_t)head + (c->is_head ? 0 : n), base_ms + wait_ms);
}

static void answer_text(struct conn *c, int status, const char *more, const char *text)
{
    answer(c, status, "text/plain; charset=utf-8", more, text, strlen(text), 0);
}

static void stream_next(struct conn *c);

static void on_drip(uv_timer_t *t)
{
    struct conn *c = t->data;
    uint64_t n = c->left < c->chunk_bytes ? c->left : c->chunk_bytes;
    char *out = need(malloc((size_t)n + 64));
    size_t len = c->chunked ? (size_t)sprintf(out, "%llx\r\n", (unsigned long long)n) : 0;

    memcpy(out + len, pattern, (size_t)n);
    len += (size_t)n;
    if (c->chunked) {
        memcpy(out + len, "\r\n", 2);
        len += 2;
    }
    c->left -= n;
    conn_send(c, out, len);
}

static void stream_next(struct conn *c)
{
    if (!c->left) {
        c->chunked = 0;
        if (c->close_after)
            answer_done(c); /* without the last chunk */
        else
            conn_send(c, need(strdup("0\r\n\r\n")), 5);
        return;
    }
    if (c->wait_ms)
        uv_timer_start(&c->timer, on_drip, c->wait_ms, 0);
    else
        on_drip(&c->timer);
}

/* Streams `bytes` of text; said: what Content-Length says, 0 for chunks. */
static void answer_stream(struct conn *c, uint64_t bytes, uint64_t said, uint64_t chunk, uint64_t wait_ms)
{
    char *out = need(malloc(512));
    char length[64] = "Transfer-Encoding: chunked\r\n";

    if (said)
        snprintf(length, sizeof length, "Content-Length: %llu\r\n", (unsigned long long)said);
    c->status = 200;
    c->left = bytes;
    c->chunked = !said;
    c->chunk_bytes = !chunk || chunk > CHUNK ? CHUNK : chunk;
    c->wait_ms = wait_ms;
    conn_send(c, out, (size_t)sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n%s\r\n", length));
}

/* ---- a request's parts ---- */

static int hex(int ch)
{
    return isdigit(ch) ? ch - '0' : isxdigit(ch) ? tolower(ch) - 'a' + 10 : -1;
}

/* Decodes %XX in place; 0, or -1 for a NUL. */
static int unescape(char *s)
{
    char *out = s;

    for (; *s; s++) {
        int hi, lo;
        if (*s == '%' && (hi = hex((unsigned char)s[1])) >= 0 && (lo = hex((unsigned char)s[2])) >= 0) {
            if (!hi && !lo)
                return -1;
            *out++ = (char)(hi * 16 + lo);
            s += 2;
        } else {
            *out++ = *s;
        }
    }
    *out = 0;
    return 0;
}

/* The value of one query parameter, decoded, in buf; dflt if absent. */
static const char *param(const struct conn *c, const char *key, const char *dflt, char *buf, size_t cap)
{
    size_t n = strlen(key);

    for (const char *at = c->query; at && *at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL)
        if (!strncmp(at, key, n) && at[n] == '=') {
            snprintf(buf, cap, "%.*s", (int)strcspn(at + n + 1, "&"), at + n + 1);
            return unescape(buf) == 0 ? buf : dflt;
        }
    return dflt;
}

static uint64_t number(const struct conn *c, const char *key, uint64_t dflt, uint64_t most)
{
    char buf[32];
    const char *text = param(c, key, NULL, buf, sizeof buf);
    uint64_t v = text ? strtoull(text, NULL, 10) : dflt;

    return v > most ? most : v;
}

/* ---- the generated site ---- */

struct text {
    char *p;
    size_t n, cap;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;

    if (t->cap - t->n < 5000)
        t->p = need(realloc(t->p, t->cap = t->cap * 2 + 16384));
    va_start(ap, fmt);
    t->n += (size_t)vsnprintf(t->p + t->n, t->cap - t->n, fmt, ap);
    va_end(ap);
}

static uint64_t mix(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static void put_words(struct text *t, uint64_t *state, unsigned n)
{
    static const char *const syllables[] = { "ka", "lo", "mi", "ter", "ban", "so", "re", "vin",
                                             "du", "pal", "ne", "gar", "fo", "lis", "tem", "ora" };

    for (unsigned i = 0; i < n; i++) {
        uint64_t r = mix(state);
        unsigned parts = 1 + (unsigned)(r & 3);
        for (unsigned k = 0; k < parts; k++)
            put(t, "%s", syllables[r >> (4 + 4 * k) & 15]);
        put(t, "%s", i + 1 < n ? " " : ".");
    }
}

static void put_link(struct text *t, const char *site, uint64_t page, const char *more)
{
    unsigned long long nr = page;

    put(t, "<li><a href=\"/t/gen?site=%s&amp;page=%llu%s\">%s page %llu</a></li>\n", site, nr, more, site,
        nr);
}

static void gen(struct conn *c)
{
    char site_buf[64], gate_buf[64], more[300];
    const char *site = param(c, "site", "s", site_buf, sizeof site_buf);
    uint64_t page = number(c, "page", 0, UINT64_MAX / 4), links = number(c, "links", 10, 1000);
    uint64_t pages = number(c, "pages", 100, UINT64_MAX / 4), bytes = number(c, "bytes", 3000, 8 << 20);
    uint64_t ms = number(c, "ms", 0, 600000), state = page * 1000003 + strlen(site);
    const char *gate = param(c, "gate", NULL, gate_buf, sizeof gate_buf);
    struct text t = { 0 };

    for (const char *s = site; *s; s++) {
        if (!isalnum((unsigned char)*s) && *s != '-')
            goto bad;
        state = state * 31 + (unsigned char)*s;
    }
    if (page >= pages)
        goto bad;
    snprintf(more, sizeof more, "&amp;links=%llu&amp;pages=%llu&amp;bytes=%llu&amp;ms=%llu%s%s",
             (unsigned long long)links, (unsigned long long)pages, (unsigned long long)bytes,
             (unsigned long long)ms, gate ? "&amp;gate=" : "", gate ? gate : "");
    put(&t, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<title>%s page %llu</title></head>\n<body><nav><ul>\n", site, (unsigned long long)page);
    put_link(&t, site, 0, more);
    if (page)
        put_link(&t, site, page - 1, more);
    put(&t, "</ul></nav>\n<main><article><h1>%s page %llu</h1>\n", site, (unsigned long long)page);
    while (t.n < bytes) {
        put(&t, "<p>");
        put_words(&t, &state, 30);
        put(&t, "</p>\n");
    }
    put(&t, "</article></main>\n<ul>\n");
    for (uint64_t k = 1; k <= links && page * links + k < pages; k++)
        put_link(&t, site, page * links + k, more);
    put(&t, "</ul>\n</body></html>\n");
    answer(c, 200, "text/html; charset=utf-8", "", t.p, t.n, ms);
    free(t.p);
    return;
bad:
    answer_text(c, 404, "", "no such page\n");
}

/* ---- files ---- */

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        { ".html", "text/html; charset=utf-8" }, { ".htm", "text/html" }, { ".css", "text/css" },
        { ".txt", "text/plain; charset=utf-8" }, { ".xml", "application/xml" }, { ".js", "text/javascript" },
        { ".json", "application/json" }, { ".png", "image/png" }, { ".jpg", "image/jpeg" },
        { ".svg", "image/svg+xml" }, { ".pdf", "application/pdf" }, { ".gz", "application/gzip" },
        { ".xhtml", "application/xhtml+xml" } };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(dot, types[i][0]))
            return types[i][1];
    return "application/octet-stream";
}

/* An answer that lies in the folder of --raw; 0 if there is none for this target. */
static int serve_raw(struct conn *c)
{
    size_t n;
    char *data = raw_dir ? raw_answer(raw_dir, c->path, c->query, &n) : NULL;

    if (!data)
        return 0;
    c->status = raw_status(data, n);
    c->close_after = raw_closes(data, n);
    conn_send(c, data, c->is_head ? raw_head(data, n) : n);
    return 1;
}

static void serve_file(struct conn *c)
{
    char path[9000], gz[9010], buf[8];
    size_t n = 0, len = strlen(c->path);
    const char *tail = len && c->path[len - 1] == '/' ? "index.html" : "";
    int want_gz = *param(c, "gz", "", buf, sizeof buf) == '1';

    if (!root || strstr(c->path, "..")) {
        answer_text(c, 404, "", "no such page\n");
        return;
    }
    snprintf(path, sizeof path, "%s%s%s", root, c->path, tail);
    snprintf(gz, sizeof gz, "%s.gz", path);
    char *data = want_gz ? file_read(gz, &n) : file_read(path, &n);
    int coded = want_gz && data;
    if (!data) {
        data = want_gz ? file_read(path, &n) : file_read(gz, &n);
        coded = data && !want_gz;
    }
    if (data)
        answer(c, 200, type_of(path), coded ? "Content-Encoding: gzip\r\n" : "", data, n, 0);
    else
        answer_text(c, 404, "", "no such page\n");
    free(data);
}

/* ---- misbehaviour ---- */

static void t_redirect(struct conn *c)
{
    char to_buf[2048], more[2400];
    uint64_t n = number(c, "n", 0, 1000000);
    const char *to = param(c, "to", "/", to_buf, sizeof to_buf);

    if (strpbrk(to, "\r\n"))
        to = "/";
    if (n)
        snprintf(more, sizeof more, "Location: /t/redirect?n=%llu&to=%s\r\n", (unsigned long long)n - 1, to);
    else
        snprintf(more, sizeof more, "Location: %s\r\n", to);
    answer_text(c, 302, more, "elsewhere\n");
}

static void t_headers(struct conn *c)
{
    uint64_t bytes = number(c, "bytes", 1 << 20, 64 << 20), one = number(c, "line", 0, 1);
    char *out = need(malloc((size_t)bytes * 2 + 1000));
    size_t n = (size_t)sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n");

    for (uint64_t left = bytes, nr = 0; left; nr++) {
        size_t width = one || left < 1000 ? (size_t)left : 1000;
        n += (size_t)sprintf(out + n, "X-Pad-%llu: ", (unsigned long long)nr);
        memset(out + n, 'x', width);
        n += width;
        n += (size_t)sprintf(out + n, "\r\n");
        left -= width;
    }
    n += (size_t)sprintf(out + n, "\r\nok");
    c->status = 200;
    conn_send(c, out, n);
}

static void t_gzbomb(struct conn *c)
{
    uint64_t bytes = number(c, "bytes", 100 << 20, 1 << 30);
    z_stream z = { 0 };
    static char zeros[CHUNK];
    size_t cap = (size_t)(bytes / 500 + 4096);
    char *out = need(malloc(cap));

    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    for (uint64_t left = bytes; left;) {
        z.avail_in = left < CHUNK ? (uInt)left : CHUNK;
        z.next_in = (Bytef *)zeros;
        left -= z.avail_in;
        deflate(&z, left ? Z_NO_FLUSH : Z_FINISH);
    }
    answer(c, 200, "text/html", "Content-Encoding: gzip\r\n", out, z.total_out, 0);
    deflateEnd(&z);
    free(out);
}

static void t_type(struct conn *c)
{
    char type_buf[200];
    const char *type = param(c, "type", "text/html", type_buf, sizeof type_buf);
    static const char page[] =
        "<!doctype html>\n<html lang=\"en\"><head><title>A small page</title></head><body><main><article>\n"
        "<h1>A small page</h1>\n<p>The harbour was quiet that morning, and the two boats that had come in during "
        "the night lay side by side at the old quay, their nets still wet.</p>\n<p>Nobody had expected them "
        "before Thursday, so there was no one to take the lines, and the first who saw them was the baker on his "
        "way home.</p>\n<p>He told it to everyone who came for bread, and by noon the whole town knew what they "
        "had brought.</p>\n</article></main></body></html>\n";
    uint64_t ms = number(c, "ms", 0, 600000);

    answer(c, 200, strpbrk(type, "\r\n") ? "text/html" : type, "", page, sizeof page - 1, ms);
}

static void t_status(struct conn *c)
{
    char more[64] = "", buf[16];
    int status = atoi(c->path + strlen("/t/status/"));
    const char *retry = param(c, "retry", NULL, buf, sizeof buf);

    if (retry && !strpbrk(retry, "\r\n"))
        snprintf(more, sizeof more, "Retry-After: %s\r\n", retry);
    answer_text(c, status >= 200 && status <= 599 ? status : 500, more, "a status\n");
}

static void t_flaky(struct conn *c)
{
    static struct { char target[200]; uint64_t n; } seen[FLAKY_MAX];
    unsigned i = 0;

    while (i < FLAKY_MAX - 1 && *seen[i].target && strcmp(seen[i].target, c->target))
        i++;
    snprintf(seen[i].target, sizeof seen[i].target, "%.199s", c->target);
    if (seen[i].n++ < number(c, "n", 1, 1000))
        answer_text(c, 503, "Retry-After: 1\r\n", "not yet\n");
    else
        t_type(c);
}

static void t_interim(struct conn *c)
{
    static const char first[] = "HTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n"
                                "Content-Type: text/interim\r\n\r\n"
                                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Folded: one\r\n  two\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n";
    c->status = 200;
    conn_send(c, need(strdup(first)), sizeof first - 1);
}

static void t_raw(struct conn *c, const char *bytes)
{
    c->close_after = 1;
    c->status = 0;
    conn_send(c, need(strdup(bytes)), strlen(bytes));
}

static void t_reset(struct conn *c)
{
    int fd;
    struct linger now = { 1, 0 };

    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    conn_close(c);
}

static void t_cut(struct conn *c)
{
    c->close_after = 1;
    answer_stream(c, 5000, number(c, "chunked", 0, 1) ? 0 : 10000, 0, 0);
}

static void t_huge(struct conn *c)
{
    uint64_t bytes = number(c, "bytes", 100 << 20, UINT64_MAX / 4);

    answer_stream(c, bytes, number(c, "cl", 0, 1) ? bytes : 0, 0, 0);
}

static void t_slow(struct conn *c)
{
    uint64_t bytes = number(c, "bytes", 100, UINT64_MAX / 4), chunk = number(c, "chunk", 1, CHUNK);

    answer_stream(c, bytes, 0, chunk, number(c, "ms", 100, 600000));
}

static void t_echo(struct conn *c)
{
    answer_text(c, 200, "", c->in);
}

static void t_loop(struct conn *c)
{
    unsigned long long i = number(c, "i", 0, UINT64_MAX / 4);
    char more[128];

    snprintf(more, sizeof more, "Location: /t/loop?i=%llu\r\n", i + 1);
    answer_text(c, 302, more, "round and round\n");
}

static void t_hang(struct conn *c)
{
}

static void t_empty(struct conn *c)
{
    answer(c, 200, "text/html", "", "", 0, 0);
}

static void t_garbage(struct conn *c)
{
    t_raw(c, "SSH-2.0-not-http\r\n\r\nhello");
}

static const struct {
    const char *path;
    void (*run)(struct conn *);
} tricks[] = {
    { "/t/gen", gen }, { "/t/slow", t_slow }, { "/t/redirect", t_redirect }, { "/t/loop", t_loop },
    { "/t/hang", t_hang }, { "/t/cut", t_cut }, { "/t/huge", t_huge }, { "/t/headers", t_headers },
    { "/t/gzbomb", t_gzbomb }, { "/t/type", t_type }, { "/t/echo", t_echo },
    { "/t/interim", t_interim }, { "/t/reset", t_reset },
    { "/t/close", conn_close }, { "/t/empty", t_empty }, 
    { "/t/garbage", t_garbage }, { "/t/flaky", t_flaky } };

static void robots(struct conn *c)
{
    static const char rules[] = "User-agent: *\nDisallow: /private/\nDisallow: /t/gen?site=forbidden\n";
    unsigned last = 0;

    if (sscanf(c->host, "127.0.0.%u", &last) != 1)
        last = 0;
    switch (last) {
    case 2: answer_text(c, 200, "", rules); break;
    case 3: answer_text(c, 500, "", "broken\n"); break;
    case 4: answer_text(c, 200, "", "User-agent: *\nDisallow: /\n"); break;
    case 5: answer_text(c, 200, "", "User-agent: *\nCrawl-delay: 1\n"); break;
    case 6: {
        char more[128];
        struct sockaddr_in me;
        int n = sizeof me;
        uv_tcp_getsockname(&c->tcp, (struct sockaddr *)&me, &n);
        snprintf(more, sizeof more, "Location: http://127.0.0.2:%u/robots.txt\r\n", ntohs(me.sin_port));
        answer_text(c, 302, more, "");
        break;
    }
    case 7: break;
    case 8: {
        size_t n = 600 << 10;
        char *text = need(malloc(n));
        memset(text, '#', n);
        memcpy(text, rules, sizeof rules - 1);
        answer(c, 200, "text/plain", "", text, n, 0);
        free(text);
        break;
    }
    default: serve_file(c);
    }
}

/* ---- requests ---- */

static void serve(struct conn *c)
{
    if (strcmp(c->method, "GET") && strcmp(c->method, "HEAD")) {
        c->keep = 0; /* whatever body follows is not read */
        answer_text(c, 405, "Allow: GET, HEAD\r\n", "no\n");
        return;
    }
    if (serve_raw(c))
        return;
    if (!strcmp(c->path, "/robots.txt")) {
        robots(c);
        return;
    }
    if (!strncmp(c->path, "/t/status/", 10)) {
        t_status(c);
        return;
    }
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++)
        if (!strcmp(c->path, tricks[i].path)) {
            tricks[i].run(c);
            return;
        }
    serve_file(c);
}

static void t_open(struct conn *c)
{
    char name[64], text[64];
    struct gate *g = gate_find(param(c, "gate", "", name, sizeof name));
    uint64_t more = number(c, "n", UINT64_MAX, UINT64_MAX);
    unsigned n = 0;

    g->passes = more > UINT64_MAX - g->passes ? UINT64_MAX : g->passes + more;
    while (g->first && gate_pass(g)) {
        struct conn *next = g->first;
        gate_leave(next);
        n++;
        serve(next);
    }
    snprintf(text, sizeof text, "%u waited\n", n);
    answer_text(c, 200, "", text);
}

static void dispatch(struct conn *c)
{
    char name[64];
    const char *gate = param(c, "gate", NULL, name, sizeof name);

    if (!strcmp(c->path, "/t/open"))
        t_open(c);
    else if (gate && !gate_pass(gate_find(gate)))
        gate_wait(gate_find(gate), c);
    else
        serve(c);
}

static void host_read(struct conn *c, const char *head)
{
    const char *p = strcasestr(head, "\r\nhost:");

    c->host[0] = '-', c->host[1] = 0;
    if (!p)
        return;
    p += strlen("\r\nhost:");
    p += strspn(p, " \t");
    snprintf(c->host, sizeof c->host, "%.*s", (int)strcspn(p, ":\r\n \t"), p);
}

/* Answers one request if it is complete.  c->in then begins with its head, NUL-ended, while it runs. */
static void on_request_bytes(struct conn *c)
{
    char *end, version[10];

    if (c->busy || c->closing)
        return;
    c->in[c->in_n] = 0;
    end = strstr(c->in, "\r\n\r\n");
    if (!end) {
        if (c->in_n >= HEAD_MAX)
            conn_close(c);
        return;
    }
    static char rest[HEAD_MAX];
    size_t head_n = (size_t)(end + 4 - c->in), rest_n = c->in_n - head_n;
    memcpy(rest, end + 4, rest_n);
    end[2] = 0;
    if (sscanf(c->in, "%7s %4095s %9s", c->method, c->target, version) != 3 ||
        strncmp(version, "HTTP/1.", 7)) {
        conn_close(c);
        return;
    }
    host_read(c, c->in);
    c->busy = 1;
    c->status = 0;
    c->left = c->wait_ms = 0;
    c->chunked = c->close_after = 0;
    c->is_head = !strcmp(c->method, "HEAD");
    c->keep = !strcmp(version, "HTTP/1.1") && !strcasestr(c->in, "\r\nconnection: close");
    strcpy(c->path, c->target);
    c->query = strchr(c->path, '?');
    if (c->query)
        *c->query++ = 0;
    note("R %llu %u %s %s %s\n", (unsigned long long)mono_ms(), c->id, c->host, c->method, c->target);
    if (unescape(c->path) < 0)
        answer_text(c, 404, "", "no such page\n");
    else
        dispatch(c);
    if (c->closing)
        return;
    memcpy(c->in, rest, rest_n); /* answers are copies: the head is not needed any more */
    c->in_n = rest_n;
    c->in[rest_n] = 0;
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct conn *c = h->data;

    *buf = uv_buf_init(c->in + c->in_n, (unsigned)(HEAD_MAX - c->in_n));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = s->data;

    if (n < 0) { /* ENOBUFS as well: more was sent ahead than anyone should */
        conn_close(c);
        return;
    }
    c->in_n += (size_t)n;
    on_request_bytes(c);
}

static int is_loopback(const uv_tcp_t *tcp)
{
    struct sockaddr_storage peer;
    int n = sizeof peer;

    return uv_tcp_getpeername(tcp, (struct sockaddr *)&peer, &n) == 0 && peer.ss_family == AF_INET &&
           ntohl(((struct sockaddr_in *)&peer)->sin_addr.s_addr) >> 24 == 127;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct conn *c;

    if (status < 0)
        return;
    c = need(calloc(1, sizeof *c));
    c->id = ++next_id;
    c->handles = 2;
    n_conns++;
    uv_tcp_init(loop, &c->tcp);
    uv_timer_init(loop, &c->timer);
    c->tcp.data = c->timer.data = c;
    if (uv_accept(server, (uv_stream_t *)&c->tcp) < 0 || n_conns > CONNS_MAX || !is_loopback(&c->tcp)) {
        conn_close(c);
        return;
    }
    note("O %llu %u\n", (unsigned long long)mono_ms(), c->id);
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

/* ---- start and end ---- */

static void close_any(uv_handle_t *h, void *arg)
{
    if (uv_is_closing(h))
        return;
    if (h->data)
        conn_close(h->data);
    else
        uv_close(h, NULL);
}

static void on_signal(uv_signal_t *s, int signum)
{
    uv_walk(loop, close_any, NULL);
}

static int usage(void)
{
    fprintf(stderr, "usage: server [--root DIR] [--raw DIR] [--port N] [--any] [--log FILE] [--latency MS]\n");
    return 2;
}

static int listen_on(int port)
{
    struct sockaddr_in addr;
    int n = sizeof addr, rc;

    uv_ip4_addr(any_address ? "0.0.0.0" : "127.0.0.1", port, &addr);
    uv_tcp_init(loop, &listener);
    if ((rc = uv_tcp_bind(&listener, (struct sockaddr *)&addr, 0)) < 0 ||
        (rc = uv_listen((uv_stream_t *)&listener, 4096, on_connection)) < 0 ||
        (rc = uv_tcp_getsockname(&listener, (struct sockaddr *)&addr, &n)) < 0) {
        fprintf(stderr, "server: port %d: %s\n", port, uv_strerror(rc));
        return 3;
    }
    printf("listening 127.0.0.1 %u\n", ntohs(addr.sin_port));
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "root", 1, 0, 'r' }, { "port", 1, 0, 'p' },
                                             { "any", 0, 0, 'a' },  { "log", 1, 0, 'l' },
                                             { "latency", 1, 0, 'm' }, { "raw", 1, 0, 'w' }, { 0 } };
    struct rlimit files;
    int port = 0, o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (o) {
        case 'r': root = optarg; break;
        case 'w': raw_dir = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 'a': any_address = 1; break;
        case 'l': log_path = optarg; break;
        case 'm': base_ms = strtoull(optarg, NULL, 10); break;
        default: return usage();
        }
    }
    if (optind != argc)
        return usage();
    if (log_path && (log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) < 0) {
        perror(log_path);
        return 3;
    }
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 64 == 63 ? '\n' : i % 7 == 6 ? ' ' : (char)('a' + i % 23);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    uv_signal_init(loop, &sig_term);
    uv_signal_init(loop, &sig_int);
    uv_signal_start(&sig_term, on_signal, SIGTERM);
    uv_signal_start(&sig_int, on_signal, SIGINT);
    int rc = listen_on(port);
    if (rc)
        return rc;
    uv_run(loop, UV_RUN_DEFAULT);
    return uv_loop_close(loop) == 0 ? 0 : 3;
}
