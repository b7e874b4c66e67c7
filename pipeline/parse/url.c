/* url: see url.h.
 *
 * The standard's parser for its special schemes http and https, which is small: scheme, authority, path
 * with its dot segments, query.  Hosts that are not plain lower-case names (capitals, IDNA, addresses,
 * ports, escapes) go through lexbor's URL module; paths do not, since lexbor 3.0 loses an empty first
 * segment, takes a stray "%" for an escape and does not escape "^".
 *
 * The base is normalised once and kept: a page's links share it.  Nothing is allocated but the result;
 * lexbor's memory is one pool, emptied for each host. */
#include "parse/url.h"

#include <lexbor/url/url.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/limits.h"

enum { REF_BYTES_MAX = 16 * 1024, POOL_BYTES = 16 * 1024, HOST_BYTES_MAX = 1024 };

/* What is written; one that is full stays full. */
struct sink {
    char text[LIMIT_URL_BYTES];
    size_t n;
    int over;
};

struct url_parser {
    lxb_url_parser_t parser; /* for hosts */
    lexbor_mraw_t *pool;
    char base_given[LIMIT_URL_BYTES];
    size_t base_given_n;
    int base_ok;             /* base and parts hold what was given, in normal form */
    struct sink base;
    struct url_parts parts;
};

/* ---- bytes ------------------------------------------------------------------------------------- */

enum { C_PATH = 1, C_QUERY = 2, C_HOST = 4, C_ALPHA = 8, C_SCHEME = 16, C_CUT = 32 };

/* C_PATH, C_QUERY: stands there as it is; C_HOST: of a plain host; C_CUT: tab and newlines, which go. */
static uint8_t class_of[256];

static int is(char c, int what)
{
    return class_of[(unsigned char)c] & what;
}

static void class_init(void)
{
    for (int c = 0x21; c < 0x7f; c++) {
        int letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', digit = c >= '0' && c <= '9';
        class_of[c] =
            (uint8_t)((strchr("\"#<>?^`{}/\\", c) ? 0 : C_PATH) | (strchr("\"#<>'", c) ? 0 : C_QUERY) |
                      ((letter && c >= 'a') || digit || c == '-' || c == '.' ? C_HOST : 0) |
                      (letter ? C_ALPHA : 0) |
                      (letter || digit || c == '+' || c == '-' || c == '.' ? C_SCHEME : 0));
    }
    class_of['\t'] = class_of['\n'] = class_of['\r'] = C_CUT;
}

static int is_slash(char c)
{
    return c == '/' || c == '\\';
}

static void sink_add(struct sink *s, const char *p, size_t n)
{
    if (s->over || n > sizeof s->text - s->n) {
        s->over = 1;
        return;
    }
    if (n)
        memcpy(s->text + s->n, p, n);
    s->n += n;
}

/* Escapes what does not stand as it is. */
static void sink_escape(struct sink *s, const char *p, size_t n, int plain)
{
    for (size_t i = 0; i < n && !s->over;) {
        size_t from = i;
        while (i < n && is(p[i], plain))
            i++;
        sink_add(s, p + from, i - from);
        if (i < n) {
            unsigned char c = (unsigned char)p[i++];
            char hex[3] = { '%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15] };
            sink_add(s, hex, 3);
        }
    }
}

/* ---- life -------------------------------------------------------------------------------------- */

struct url_parser *url_parser_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct url_parser *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    pthread_once(&once, class_init);
    u->pool = lexbor_mraw_create();
    if (!u->pool || lexbor_mraw_init(u->pool, POOL_BYTES) != LXB_STATUS_OK ||
        lxb_url_parser_init(&u->parser, u->pool) != LXB_STATUS_OK) {
        url_parser_free(u);
        return NULL;
    }
    return u;
}

void url_parser_free(struct url_parser *u)
{
    if (!u)
        return;
    lxb_url_parser_destroy(&u->parser, false);
    if (u->pool)
        lexbor_mraw_destroy(u->pool, true);
    free(u);
}

/* ---- host -------------------------------------------------------------------------------------- */

/* A plain domain name in normal form: nothing to map, no punycode to check, no address. */
static int host_is_plain(const char *p, size_t n)
{
    size_t label = 0;

    for (size_t i = 0; i <= n; i++) {
        if (i < n && !is(p[i], C_HOST))
            return 0;
        if (i < n && p[i] != '.')
            continue;
        if (i == label || (i - label > 3 && p[label + 2] == '-' && p[label + 3] == '-'))
            return 0;
        if (i < n)
            label = i + 1;
    }
    return n <= 253 && is(p[label], C_ALPHA); /* a last label of digits makes an address */
}

static lxb_status_t lexbor_add(const lxb_char_t *p, size_t n, void *ctx)
{
    sink_add(ctx, (const char *)p, n);
    return LXB_STATUS_OK;
}

static int host_by_lexbor(struct url_parser *u, const char *scheme, trommel_str host, struct sink *s)
{
    char text[HOST_BYTES_MAX + 16];

    if (host.n > HOST_BYTES_MAX)
        return ERR_LIMIT;
    size_t n = (size_t)snprintf(text, sizeof text, "%s://%.*s/", scheme, (int)host.n, host.p);
    lxb_url_parser_clean(&u->parser);
    lexbor_mraw_clean(u->pool);
    lxb_url_t *url = lxb_url_parse(&u->parser, NULL, (const lxb_char_t *)text, n);
    if (!url)
        return ERR_INVALID;
    size_t from = s->n;
    if (lxb_url_serialize(url, lexbor_add, s, true) != LXB_STATUS_OK || s->n - from < 9)
        return s->over ? ERR_LIMIT : ERR_INVALID;
    s->n--; /* the path's slash */
    for (size_t i = from; i < s->n; i++) {
        if (s->text[i] >= 'A' && s->text[i] <= 'Z')
            s->text[i] |= 0x20; /* lexbor leaves capitals that were escaped ("%41") */
        if ((unsigned char)s->text[i] <= ' ' || (unsigned char)s->text[i] >= 0x7f)
            return ERR_INVALID;
    }
    return 0;
}

/* Scheme and authority of `rest`, which begins behind the slashes; *ret_used: its bytes.  Names and
 * passwords are no part of what is crawled. */
static int authority_add(struct url_parser *u, const char *scheme, trommel_str rest, struct sink *s,
                         size_t *ret_used)
{
    size_t end = 0, from = 0;

    for (; end < rest.n && !is_slash(rest.p[end]) && rest.p[end] != '?'; end++)
        if (rest.p[end] == '@')
            from = end + 1;
    trommel_str host = { rest.p + from, end - from };
    *ret_used = end;
    if (host.n == 0 || memchr(host.p, 0, host.n))
        return ERR_INVALID;
    if (!host_is_plain(host.p, host.n))
        return host_by_lexbor(u, scheme, host, s);
    sink_add(s, scheme, strlen(scheme));
    sink_add(s, "://", 3);
    sink_add(s, host.p, host.n);
    return 0;
}

/* ---- path and query ---------------------------------------------------------------------------- */

/* 1 for ".", 2 for "..", also escaped; 0 else. */
static int dots(const char *p, size_t n)
{
    int count = 0;

    if (n == 0 || n > 6)
        return 0;
    for (size_t i = 0; i < n; count++) {
        if (p[i] == '.')
            i++;
        else if (n - i >= 3 && p[i] == '%' && p[i + 1] == '2' && (p[i + 2] | 0x20) == 'e')
            i += 3;
        else
            return 0;
    }
    return count <= 2 ? count : 0;
}

/* Segments behind the path that begins at `root` and may be empty; p is behind a slash. */
static void path_add(struct sink *s, size_t root, const char *p, size_t n)
{
    for (size_t at = 0;; at++) {
        size_t from = at;
        while (at < n && !is_slash(p[at]))
            at++;
        int up = dots(p + from, at - from);
        if (up == 2)
            while (s->n > root && s->text[--s->n] != '/')
                ;
        if (up == 0 || at >= n)
            sink_add(s, "/", 1);
        if (up == 0)
            sink_escape(s, p + from, at - from, C_PATH);
        if (at >= n)
            return;
    }
}

/* Path and query of `rest`. */
static void target_add(struct sink *s, size_t root, trommel_str rest)
{
    const char *mark = rest.n ? memchr(rest.p, '?', rest.n) : NULL;
    size_t path = mark ? (size_t)(mark - rest.p) : rest.n;

    if (path && is_slash(rest.p[0]))
        path_add(s, root, rest.p + 1, path - 1);
    else if (path || s->n == root)
        path_add(s, root, rest.p, path);
    if (!mark)
        return;
    sink_add(s, "?", 1);
    sink_escape(s, mark + 1, rest.n - path - 1, C_QUERY);
}

/* ---- together ---------------------------------------------------------------------------------- */

static int absolute(struct url_parser *u, const char *scheme, trommel_str rest, struct sink *s)
{
    size_t used = 0;

    while (rest.n && is_slash(rest.p[0]))
        rest.p++, rest.n--;
    int err = authority_add(u, scheme, rest, s, &used);
    if (err)
        return err;
    target_add(s, s->n, (trommel_str){ rest.p + used, rest.n - used });
    return 0;
}

static int relative(struct url_parser *u, trommel_str rest, struct sink *s)
{
    const struct url_parts *b = &u->parts;

    if (!u->base_ok)
        return ERR_INVALID;
    if (rest.n > 1 && is_slash(rest.p[0]) && is_slash(rest.p[1]))
        return absolute(u, b->scheme.n == 5 ? "https" : "http", rest, s);
    sink_add(s, b->origin.p, b->origin.n);
    size_t root = s->n;
    if (rest.n == 0) {
        sink_add(s, b->target.p, b->target.n);
    } else if (rest.p[0] == '?') {
        sink_add(s, b->path.p, b->path.n);
        target_add(s, root, rest);
    } else if (is_slash(rest.p[0])) {
        target_add(s, root, rest);
    } else {
        size_t dir = b->path.n; /* its last segment goes, and the slash before it */
        while (dir && b->path.p[dir - 1] != '/')
            dir--;
        sink_add(s, b->path.p, dir ? dir - 1 : 0);
        target_add(s, root, rest);
    }
    return 0;
}

/* The length of a scheme and its colon at the beginning; 0: none. */
static size_t scheme_length(trommel_str ref)
{
    size_t i = 0;

    if (ref.n == 0 || !is(ref.p[0], C_ALPHA))
        return 0;
    while (i < ref.n && is(ref.p[i], C_SCHEME))
        i++;
    return i < ref.n && ref.p[i] == ':' ? i + 1 : 0;
}

/* The web's schemes, in lower case; n: with the colon. */
static const char *web_scheme(trommel_str ref, size_t n)
{
    if (n == 5 && strncasecmp(ref.p, "http", 4) == 0)
        return "http";
    return n == 6 && strncasecmp(ref.p, "https", 5) == 0 ? "https" : NULL;
}

static int resolve(struct url_parser *u, int has_base, trommel_str ref, struct sink *s)
{
    size_t n = scheme_length(ref);
    const char *scheme = web_scheme(ref, n);

    s->n = 0;
    s->over = 0;
    if (n && !scheme)
        return ERR_UNSUPPORTED;
    if (n == 0 && !has_base)
        return ERR_INVALID;
    trommel_str rest = { ref.p + n, ref.n - n };
    int slashes = rest.n > 1 && rest.p[0] == '/' && rest.p[1] == '/';
    /* "http:x" is relative to a base of the same scheme. */
    int is_relative = n == 0 || (has_base && u->base_ok && !slashes && u->parts.scheme.n == n - 1);
    int err = is_relative ? relative(u, rest, s) : absolute(u, scheme, rest, s);
    return err ? err : s->over ? ERR_LIMIT : 0;
}

/* Without the fragment, the white space around and the tabs and newlines within; in room if those were
 * there. */
static trommel_str reference_clean(trommel_str s, char *room)
{
    const char *hash = s.n ? memchr(s.p, '#', s.n) : NULL;
    size_t n = 0;

    if (hash)
        s.n = (size_t)(hash - s.p);
    while (s.n && (unsigned char)s.p[0] <= ' ')
        s.p++, s.n--;
    while (s.n && !hash && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    if (s.n > REF_BYTES_MAX)
        return s;
    for (size_t i = 0; i < s.n; i++)
        n += is(s.p[i], C_CUT) != 0;
    if (n == 0)
        return s;
    n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i], C_CUT))
            room[n++] = s.p[i];
    return (trommel_str){ room, n };
}

static void base_set(struct url_parser *u, trommel_str base)
{
    char room[REF_BYTES_MAX];

    memcpy(u->base_given, base.p, base.n);
    u->base_given_n = base.n;
    u->base_ok = resolve(u, 0, reference_clean(base, room), &u->base) == 0 &&
                 url_split((trommel_str){ u->base.text, u->base.n }, &u->parts) == 0;
}

int url_resolve(struct url_parser *u, trommel_str base, trommel_str ref, struct arena *a, trommel_str *ret)
{
    struct sink s;
    char room[REF_BYTES_MAX];

    ref = reference_clean(ref, room);
    if (ref.n > REF_BYTES_MAX) {
        size_t n = scheme_length(ref);
        return n && !web_scheme(ref, n) ? ERR_UNSUPPORTED : ERR_LIMIT;
    }
    if (base.n > LIMIT_URL_BYTES)
        return ERR_LIMIT;
    if (base.n && (base.n != u->base_given_n || memcmp(base.p, u->base_given, base.n) != 0))
        base_set(u, base);
    int err = resolve(u, base.n != 0, ref, &s);
    if (err)
        return err;
    char *out = arena_strndup(a, s.text, s.n);
    if (!out)
        return ERR_NOMEM;
    *ret = (trommel_str){ out, s.n };
    return 0;
}

int url_split(trommel_str url, struct url_parts *ret)
{
    size_t scheme = url.n > 8 && memcmp(url.p, "https://", 8) == 0  ? 5
                    : url.n > 7 && memcmp(url.p, "http://", 7) == 0 ? 4
                                                                    : 0;
    if (scheme == 0 || url.n > LIMIT_URL_BYTES)
        return ERR_INVALID;
    size_t host = scheme + 3, slash = host, colon, query;
    while (slash < url.n && url.p[slash] != '/')
        if (strchr("?#@\\", url.p[slash++]))
            return ERR_INVALID;
    colon = slash;
    while (colon > host && url.p[colon - 1] >= '0' && url.p[colon - 1] <= '9')
        colon--;
    int has_port = colon > host && colon < slash && url.p[colon - 1] == ':';
    size_t host_end = has_port ? colon - 1 : slash;
    if (slash == url.n || host_end == host || memchr(url.p, '#', url.n))
        return ERR_INVALID;
    const char *mark = memchr(url.p + slash, '?', url.n - slash);
    query = mark ? (size_t)(mark - url.p) : url.n;
    *ret = (struct url_parts){
        .scheme = { url.p, scheme },
        .origin = { url.p, slash },
        .host = { url.p + host, host_end - host },
        .port = { has_port ? url.p + colon : url.p + slash, has_port ? slash - colon : 0 },
        .path = { url.p + slash, query - slash },
        .query = { mark ? mark + 1 : url.p + url.n, mark ? url.n - query - 1 : 0 },
        .target = { url.p + slash, url.n - slash },
    };
    return 0;
}
