/* http: see http.h. */
#include "warc/http.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/limits.h"
#include "parse/chunked.h"
#include "warc/head.h"

static int is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; also HTTP/2 without a minor version, and a status without words. */
static int status_read(const unsigned char *p, size_t n, struct http_message *m)
{
    size_t at = 5;

    if (n < 9 || strncasecmp((const char *)p, "HTTP/", 5) != 0)
        return ERR_INVALID;
    while (at < n && (is_digit(p[at]) || p[at] == '.'))
        at++;
    m->protocol = (trommel_str){ (const char *)p, at };
    while (at < n && p[at] == ' ')
        at++;
    if (at + 3 > n || !is_digit(p[at]) || !is_digit(p[at + 1]) || !is_digit(p[at + 2]))
        return ERR_INVALID;
    m->status = (p[at] - '0') * 100 + (p[at + 1] - '0') * 10 + (p[at + 2] - '0');
    return 0;
}

static void header_take(trommel_str name, trommel_str value, struct http_message *m, trommel_str *transfer)
{
    const struct {
        const char *name;
        trommel_str *to;
    } rows[] = { { "content-type", &m->content_type },
                 { "content-encoding", &m->content_encoding },
                 { "location", &m->location },
                 { "transfer-encoding", transfer } };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (name.n == strlen(rows[i].name) && !strncasecmp(name.p, rows[i].name, name.n) && !rows[i].to->p)
            *rows[i].to = value;
}

/* The end of the line at p, its LF; a line that goes on in the next is joined with it.  NULL: there is none.
 */
static unsigned char *line_end(unsigned char *p, unsigned char *end)
{
    unsigned char *lf = memchr(p, '\n', (size_t)(end - p)), *next = lf;

    while (next && lf + 1 < end && (lf[1] == ' ' || lf[1] == '\t') &&
           (next = memchr(lf + 1, '\n', (size_t)(end - lf - 1)))) {
        if (lf > p && lf[-1] == '\r')
            lf[-1] = ' ';
        *lf = ' ';
        lf = next;
    }
    return lf;
}

/* The headers from p on; returns where the body begins, or NULL: there is no empty line. */
static unsigned char *headers_read(unsigned char *p, unsigned char *end, struct http_message *m,
                                   trommel_str *transfer)
{
    unsigned char *line = p, *lf;

    while (line < end && (lf = line_end(line, end))) {
        if (lf == line || (lf == line + 1 && *line == '\r')) {
            m->headers = (trommel_str){ (const char *)p, (size_t)(line - p) };
            return lf + 1;
        }
        for (unsigned char *nul = line; (nul = memchr(nul, 0, (size_t)(lf - nul)));)
            *nul = ' ';
        unsigned char *colon = memchr(line, ':', (size_t)(lf - line));
        if (colon)
            header_take(head_trim(line, colon), head_trim(colon + 1, lf), m, transfer);
        line = lf + 1;
    }
    m->headers = (trommel_str){ (const char *)p, (size_t)(line - p) };
    return NULL;
}

static int says_chunked(trommel_str value)
{
    return value.n >= 7 && !strncasecmp(value.p + value.n - 7, "chunked", 7);
}

/* Is it what it says?  Judged before a byte is moved, because a body that is not chunked must stay as it is.
 */
static int is_chunked(const unsigned char *p, size_t n)
{
    struct chunked c;
    size_t payload;

    chunked_init(&c);
    return n > 0 && chunked_read(&c, p, n, NULL, &payload) >= 0 && (chunked_done(&c) || payload > 0);
}

static void unchunk(unsigned char *p, size_t n, struct http_message *m)
{
    struct chunked c;
    size_t payload;

    chunked_init(&c);
    chunked_read(&c, p, n, p, &payload);
    m->body.n = payload;
    m->is_cut = !chunked_done(&c);
}

int http_read(unsigned char *block, size_t n, int is_whole, struct http_message *ret)
{
    unsigned char *end = block + n, *lf = memchr(block, '\n', n < 4 * KIB ? n : 4 * KIB), *body;
    trommel_str transfer = { 0 };

    *ret = (struct http_message){ 0 };
    if (status_read(block, n, ret) < 0 || (!lf && n >= 4 * KIB))
        return ERR_INVALID;
    body = lf ? headers_read(lf + 1, end, ret, &transfer) : NULL;
    if (ret->headers.n > LIMIT_HEADER_BYTES || (!is_whole && !body))
        return ERR_LIMIT;
    if (!body)
        body = end;
    ret->body = (trommel_str){ (const char *)body, (size_t)(end - body) };
    if (says_chunked(transfer) && is_chunked(body, ret->body.n))
        unchunk(body, ret->body.n, ret);
    return 0;
}
