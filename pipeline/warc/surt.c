/* surt: see surt.h.  A URL is taken apart into host, port, path and query, each is made canonical in a buffer
 * of its own, and the key is put together.  Escapes are undone until nothing changes and then made anew, so
 * that %2541 and A are the same.  Fragments, user names and schemes are not part of a key. */
#include "warc/surt.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

enum {
    URL_BYTES = 8192,           /* longer ones are their own key */
    PART_BYTES = 4 * URL_BYTES, /* escaped */
    ARGS = URL_BYTES / 2 + 1,
};

struct parts {
    trommel_str scheme, host, path, query;
    long port; /* -1: none */
};

/* ---- taking apart ---- */

static int is_space(unsigned c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The URL without white space at its ends and without line ends and tabs in it. */
static trommel_str url_clean(trommel_str url, char *out)
{
    size_t n = 0;

    while (url.n && is_space((unsigned char)url.p[0]))
        url.p++, url.n--;
    while (url.n && is_space((unsigned char)url.p[url.n - 1]))
        url.n--;
    for (size_t i = 0; i < url.n; i++)
        if (!strchr("\t\r\n", url.p[i]) || !url.p[i])
            out[n++] = url.p[i];
    return (trommel_str){ out, n };
}

static size_t protocol_length(trommel_str s)
{
    return s.n >= 7 && !memcmp(s.p, "http://", 7) ? 7 : s.n >= 8 && !memcmp(s.p, "https://", 8) ? 8 : 0;
}

/* "http://https://host/" is what somebody meant by the last of them. */
static trommel_str protocols_collapse(trommel_str s)
{
    for (size_t n = protocol_length(s), more; n; n = more) {
        trommel_str rest = { s.p + n, s.n - n };
        more = protocol_length(rest);
        if (!more)
            break;
        s = rest;
    }
    return s;
}

static trommel_str cut_at(trommel_str *s, const char *any)
{
    size_t n = 0;

    while (n < s->n && !(s->p[n] && strchr(any, s->p[n])))
        n++;
    trommel_str head = { s->p, n };
    *s = (trommel_str){ s->p + n, s->n - n };
    return head;
}

static int scheme_split(trommel_str *s, trommel_str *ret)
{
    size_t n = 0;

    while (n < s->n && (isalnum((unsigned char)s->p[n]) || (s->p[n] && strchr("+-.", s->p[n]))))
        n++;
    if (!n || n == s->n || s->p[n] != ':' || !isalpha((unsigned char)s->p[0]))
        return ERR_INVALID;
    *ret = (trommel_str){ s->p, n };
    *s = (trommel_str){ s->p + n + 1, s->n - n - 1 };
    return 0;
}

static int port_read(trommel_str s, long *ret)
{
    *ret = -1;
    if (!s.n)
        return 0;
    long port = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]) || port > 65535)
            return ERR_INVALID;
        port = port * 10 + (s.p[i] - '0');
    }
    if (port > 65535)
        return ERR_INVALID;
    *ret = port ? port : -1;
    return 0;
}

/* "user@host:port" or "[address]:port". */
static int authority_split(trommel_str s, struct parts *ret)
{
    const char *at = s.n ? memrchr(s.p, '@', s.n) : NULL;

    if (at)
        s = (trommel_str){ at + 1, s.n - (size_t)(at + 1 - s.p) };
    while (s.n && s.p[s.n - 1] == ':')
        s.n--;
    if (s.n && memchr(s.p, '[', s.n)) {
        cut_at(&s, "[");
        s.p++, s.n--;
        ret->host = cut_at(&s, "]");
    } else {
        ret->host = cut_at(&s, ":");
    }
    cut_at(&s, ":");
    return port_read((trommel_str){ s.p + (s.n > 0), s.n - (s.n > 0) }, &ret->port);
}

static int url_take_apart(trommel_str url, struct parts *ret)
{
    trommel_str authority = { 0 };

    *ret = (struct parts){ .port = -1 };
    if (scheme_split(&url, &ret->scheme) < 0)
        return ERR_INVALID;
    if (url.n >= 2 && url.p[0] == '/' && url.p[1] == '/') {
        url = (trommel_str){ url.p + 2, url.n - 2 };
        authority = cut_at(&url, "/?#");
    }
    ret->path = cut_at(&url, "?#");
    if (url.n && *url.p == '?') {
        url = (trommel_str){ url.p + 1, url.n - 1 };
        ret->query = cut_at(&url, "#");
    }
    return authority_split(authority, ret);
}

/* ---- escapes ---- */

static int hex_value(unsigned char c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* Undoes escapes in place until there are none; returns the new length. */
static size_t unescape_all(char *p, size_t n)
{
    for (size_t before = n + 1; n < before;) {
        size_t out = 0;
        before = n;
        for (size_t i = 0; i < n; i++) {
            int hi = i + 2 < n && p[i] == '%' ? hex_value((unsigned char)p[i + 1]) : -1;
            int lo = hi >= 0 ? hex_value((unsigned char)p[i + 2]) : -1;
            p[out++] = lo >= 0 ? (char)(hi * 16 + lo) : p[i];
            i += lo >= 0 ? 2 : 0;
        }
        n = out;
    }
    return n;
}

/* Escapes what is no plain character, and # and %.  A key is in lower case, so the escapes are as well. */
static size_t escape(const char *p, size_t n, char *out)
{
    static const char safe[] = "_.-~!\"$&'()*+,/:;<=>?@[\\]^`{|}";
    static const char hex[] = "0123456789abcdef";
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c && c < 0x80 && (isalnum(c) || strchr(safe, c))) {
            out[len++] = (char)tolower(c);
        } else {
            out[len++] = '%';
            out[len++] = hex[c >> 4];
            out[len++] = hex[c & 15];
        }
    }
    return len;
}

/* ---- host ---- */

static int all_digits(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s);
}

/* A host in the ways that an IPv4 address may be written. */
static void address_plain(char *host)
{
    struct in_addr a;

    if (all_digits(host)) {
        uint32_t v = 0;
        for (const char *s = host; *s; s++)
            v = v * 10 + (uint32_t)(*s - '0');
        a.s_addr = htonl(v);
    } else if (strspn(host, "0123456789.") != strlen(host) || !inet_aton(host, &a)) {
        return;
    }
    inet_ntop(AF_INET, &a, host, URL_BYTES);
}

static size_t dots_tidy(char *host, size_t n)
{
    size_t out = 0, first = 0;

    for (size_t i = 0; i < n; i++) {
        host[out++] = host[i];
        i += host[i] == '.' && i + 1 < n && host[i + 1] == '.';
    }
    while (out && host[out - 1] == '.')
        out--;
    while (first < out && host[first] == '.')
        first++;
    memmove(host, host + first, out - first);
    return out - first;
}

static char *www_skip(char *host)
{
    char *s = host;

    if (strncmp(s, "www", 3))
        return host;
    s += 3;
    s += strspn(s, "0123456789");
    return *s == '.' ? s + 1 : host;
}

/* Adds "org,example" for "www.example.org". */
static int host_put(trommel_str host, struct buf *out)
{
    char plain[URL_BYTES + 1], escaped[PART_BYTES + 1];

    memcpy(plain, host.p, host.n);
    size_t n = dots_tidy(plain, unescape_all(plain, host.n));
    plain[n] = 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)plain[i] >= 0x80 || !plain[i])
            return ERR_UNSUPPORTED;
    address_plain(plain);
    escaped[escape(plain, strlen(plain), escaped)] = 0;
    char *s = www_skip(escaped), *dot;
    while ((dot = strrchr(s, '.'))) {
        buf_add_str(out, dot + 1);
        buf_add_byte(out, ',');
        *dot = 0;
    }
    return buf_add_str(out, s);
}

/* ---- session ids ---- */

static const struct {
    const char *form, *hint;
    int head, tail; /* the groups that stay */
} sessions[] = {
    { "^(.*/)(\\(([a-z]\\([0-9a-z]{24}\\))+\\)/)([^?]+\\.aspx.*)$", ".aspx", 1, 4 },
    { "^(.*/)(\\([0-9a-z]{24}\\)/)([^?]+\\.aspx.*)$", ".aspx", 1, 3 },
    { "^(.*)jsessionid=[0-9a-zA-Z]{32}(&(.*))?$", "jsessionid=", 1, 3 },
    { "^(.*)phpsessid=[0-9a-zA-Z]{32}(&(.*))?$", "phpsessid=", 1, 3 },
    { "^(.*)sid=[0-9a-zA-Z]{32}(&(.*))?$", "sid=", 1, 3 },
    { "^(.*)ASPSESSIONID[a-zA-Z]{8}=[a-zA-Z]{24}(&(.*))?$", "aspsessionid", 1, 3 },
    { "^(.*)cfid=[^&]+&cftoken=[^&]+(&(.*))?$", "cftoken=", 1, 3 },
};
enum { SESSIONS = sizeof sessions / sizeof sessions[0], SESSIONS_PATH = 2 };
static regex_t forms[SESSIONS];
static pthread_once_t forms_once = PTHREAD_ONCE_INIT;

static void forms_make(void)
{
    for (int i = 0; i < SESSIONS; i++)
        if (regcomp(&forms[i], sessions[i].form, REG_EXTENDED | REG_ICASE))
            abort();
}

/* Takes a session id out of a path (query 0) or a query, in place. */
static void session_strip(char *s, int query)
{
    pthread_once(&forms_once, forms_make);
    for (int i = query ? SESSIONS_PATH : 0; i < (query ? SESSIONS : SESSIONS_PATH); i++) {
        regmatch_t m[5];
        if (!strcasestr(s, sessions[i].hint) || regexec(&forms[i], s, 5, m, 0))
            continue;
        regmatch_t tail = m[sessions[i].tail];
        char *to = s + m[sessions[i].head].rm_eo;
        size_t n = tail.rm_so < 0 ? 0 : (size_t)(tail.rm_eo - tail.rm_so);
        memmove(to, s + (tail.rm_so < 0 ? 0 : tail.rm_so), n);
        to[n] = 0;
    }
}

/* ---- path ---- */

/* The path without "." and "..", and with single slashes; what came before its first slash is lost. */
static size_t path_tidy(char *p, size_t n, char *out)
{
    size_t starts[URL_BYTES], kept = 0, len = 0, at = 0;

    while (at < n && p[at] != '/')
        at++;
    out[len++] = '/';
    while (at < n) {
        size_t from = ++at;
        while (at < n && p[at] != '/')
            at++;
        size_t k = at - from;
        int last = at == n;
        if (k == 1 && p[from] == '.')
            continue;
        if (k == 2 && p[from] == '.' && p[from + 1] == '.' && kept) {
            len = starts[--kept];
            continue;
        }
        starts[kept++] = len;
        memmove(out + len, p + from, k);
        len += k;
        if (k && !last)
            out[len++] = '/';
    }
    return len;
}

static int path_put(trommel_str path, struct buf *out)
{
    char plain[URL_BYTES + 1], tidy[2 * URL_BYTES + 2], escaped[3 * sizeof tidy];

    memcpy(plain, path.n ? path.p : "", path.n);
    size_t n = path_tidy(plain, unescape_all(plain, path.n), tidy);
    n = escape(tidy, n, escaped);
    escaped[n] = 0;
    session_strip(escaped, 0);
    n = strlen(escaped);
    if (n > 1 && escaped[n - 1] == '/')
        n--;
    return buf_add(out, escaped, n);
}

/* ---- query ---- */

/* As Python compares (name,) and (name, value): the shorter one first. */
static int arg_compare(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t xn = strcspn(x, "="), yn = strcspn(y, "=");
    int c = memcmp(x, y, xn < yn ? xn : yn);

    if (c || xn != yn)
        return c ? c : xn < yn ? -1 : 1;
    if (!x[xn] || !y[yn])
        return (x[xn] != 0) - (y[yn] != 0);
    return strcmp(x + xn, y + yn);
}

static int query_put(trommel_str query, struct buf *out)
{
    char plain[URL_BYTES + 1], s[PART_BYTES + 1], *args[ARGS + 1];
    size_t n_args = 0;

    memcpy(plain, query.p, query.n);
    s[escape(plain, unescape_all(plain, query.n), s)] = 0;
    session_strip(s, 1);
    if (!*s)
        return 0;
    buf_add_byte(out, '?');
    if (!s[1])
        return buf_add_str(out, s);
    for (char *at = s, *end; at && n_args < ARGS; at = end ? end + 1 : NULL) {
        end = strchr(at, '&');
        if (end)
            *end = 0;
        args[n_args++] = at;
    }
    qsort(args, n_args, sizeof args[0], arg_compare);
    for (size_t i = 0; i < n_args; i++) {
        buf_add_str(out, i ? "&" : "");
        buf_add_str(out, args[i]);
    }
    return out->err;
}

/* ---- the key ---- */

static int port_is_usual(const struct parts *p)
{
    return (p->port == 80 && p->scheme.n == 4 && !strncasecmp(p->scheme.p, "http", 4)) ||
           (p->port == 443 && p->scheme.n == 5 && !strncasecmp(p->scheme.p, "https", 5));
}

int surt_key(trommel_str url, struct buf *out)
{
    char clean[URL_BYTES + 1];
    struct parts p;
    size_t before = out->len;

    if (url.n > URL_BYTES)
        return buf_add(out, url.p, url.n);
    trommel_str s = protocols_collapse(url_clean(url, clean));
    int rc = url_take_apart(s, &p);
    rc = rc < 0 || !p.host.n ? ERR_INVALID : host_put(p.host, out);
    if (rc < 0) {
        out->len = before;
        return buf_add(out, url.p, url.n);
    }
    if (p.port >= 0 && !port_is_usual(&p))
        buf_printf(out, ":%ld", p.port);
    buf_add_byte(out, ')');
    path_put(p.path, out);
    if (p.query.n)
        query_put(p.query, out);
    return out->err;
}
