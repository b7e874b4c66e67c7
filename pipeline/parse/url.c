/* url: see url.h.
 *
 * lexbor's module does the work.  Its memory is one pool, emptied for every URL; the base is parsed once
 * and kept in a pool of its own, since a page's links have the same base.  In front of it stands a fast
 * path for references that are in normal form already (resolve_fast): what it takes, it must answer as
 * lexbor would; anything doubtful it leaves. */
#include "parse/url.h"

#include <lexbor/url/url.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/limits.h"

enum { REF_BYTES_MAX = 16 * 1024, POOL_BYTES = 16 * 1024 };

struct url_parser {
    lxb_url_parser_t parser, base_parser;
    lexbor_mraw_t *pool, *base_pool;
    lxb_url_t *base;                 /* parsed from base_text; NULL: it is none */
    char base_text[LIMIT_URL_BYTES]; /* as given */
    size_t base_n;
    int base_normal;                 /* base_text is in normal form */
    struct url_parts base_parts;     /* of base_text, if so */
};

enum { C_PATH = 1, C_QUERY = 2, C_HOST = 4, C_ALPHA = 8, C_SCHEME = 16 };

/* C_PATH, C_QUERY: printable ASCII that the standard leaves as it is there; C_HOST: lower case letters,
 * digits, "-" and ".". */
static uint8_t class_of[256];

static void class_init(void)
{
    for (int c = 0x21; c < 0x7f; c++) {
        int letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', digit = c >= '0' && c <= '9';
        if (letter || digit || strchr("-_~!$&()*+,;=:@%./", c))
            class_of[c] |= C_PATH;
        if (letter || digit || strchr("-_~!$&()*+,;=:@%./?[]|`{}^\\", c))
            class_of[c] |= C_QUERY;
        if ((letter && c >= 'a') || digit || c == '-' || c == '.')
            class_of[c] |= C_HOST;
        if (letter)
            class_of[c] |= C_ALPHA;
        if (letter || digit || c == '+' || c == '-' || c == '.')
            class_of[c] |= C_SCHEME;
    }
}

/* ---- life -------------------------------------------------------------------------------------- */

struct url_parser *url_parser_new(void)
{
    struct url_parser *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    class_init();
    u->pool = lexbor_mraw_create();
    u->base_pool = lexbor_mraw_create();
    if (!u->pool || !u->base_pool || lexbor_mraw_init(u->pool, POOL_BYTES) != LXB_STATUS_OK ||
        lexbor_mraw_init(u->base_pool, POOL_BYTES) != LXB_STATUS_OK ||
        lxb_url_parser_init(&u->parser, u->pool) != LXB_STATUS_OK ||
        lxb_url_parser_init(&u->base_parser, u->base_pool) != LXB_STATUS_OK) {
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
    lxb_url_parser_destroy(&u->base_parser, false);
    if (u->pool)
        lexbor_mraw_destroy(u->pool, true);
    if (u->base_pool)
        lexbor_mraw_destroy(u->base_pool, true);
    free(u);
}

/* ---- the whole way, by lexbor ------------------------------------------------------------------ */

struct sink {
    char text[LIMIT_URL_BYTES + 1];
    size_t n;
    int over;
};

static lxb_status_t sink_add(const lxb_char_t *p, size_t n, void *ctx)
{
    struct sink *s = ctx;

    if (n > LIMIT_URL_BYTES - s->n) {
        s->over = 1;
        return LXB_STATUS_STOP;
    }
    memcpy(s->text + s->n, p, n);
    s->n += n;
    return LXB_STATUS_OK;
}

static int is_web(const lxb_url_t *url)
{
    return url->scheme.type == LXB_URL_SCHEMEL_TYPE_HTTP || url->scheme.type == LXB_URL_SCHEMEL_TYPE_HTTPS;
}

/* Names and passwords in a URL are not part of what is crawled. */
static int serialize(lxb_url_t *url, struct sink *s)
{
    s->n = 0;
    s->over = 0;
    url->username.length = url->password.length = 0;
    lxb_status_t status = lxb_url_serialize(url, sink_add, s, true);
    if (s->over)
        return ERR_LIMIT;
    if (status != LXB_STATUS_OK)
        return ERR_INVALID;
    for (size_t i = 0; i < s->n; i++)
        if ((unsigned char)s->text[i] <= ' ' || (unsigned char)s->text[i] >= 0x7f)
            return ERR_INVALID;
    return 0;
}

static void base_set(struct url_parser *u, trommel_str base)
{
    struct sink s;

    lxb_url_parser_clean(&u->base_parser);
    lexbor_mraw_clean(u->base_pool);
    memcpy(u->base_text, base.p, base.n);
    u->base_n = base.n;
    u->base_normal = 0;
    u->base = lxb_url_parse(&u->base_parser, NULL, (const lxb_char_t *)u->base_text, u->base_n);
    if (!u->base || !is_web(u->base) || serialize(u->base, &s) != 0)
        return;
    trommel_str whole = { u->base_text, u->base_n };
    u->base_normal = s.n == u->base_n && memcmp(s.text, u->base_text, s.n) == 0 &&
                     url_split(whole, &u->base_parts) == 0;
}

static int resolve_slow(struct url_parser *u, trommel_str base, trommel_str ref, struct sink *s)
{
    lxb_url_parser_clean(&u->parser);
    lexbor_mraw_clean(u->pool);
    if (base.n && !u->base)
        base.n = 0; /* no base is better than a wrong one */
    lxb_url_t *url = lxb_url_parse(&u->parser, base.n ? u->base : NULL, (const lxb_char_t *)ref.p, ref.n);
    if (!url)
        return ERR_INVALID;
    if (!is_web(url))
        return ERR_UNSUPPORTED;
    return serialize(url, s);
}

/* ---- the fast path ----------------------------------------------------------------------------- */

/* A segment that begins with a dot, plain or escaped, may be one of the two that are taken out. */
static int may_be_dots(const char *p, size_t n)
{
    return n && (p[0] == '.' || (n >= 3 && p[0] == '%' && p[1] == '2' && (p[2] | 0x20) == 'e'));
}

/* The length of path and query at p if they are in normal form, up to the fragment; 0: not. */
static size_t target_plain(const char *p, size_t n)
{
    size_t i = 0;

    for (; i < n && p[i] != '?' && p[i] != '#'; i++) {
        if (!(class_of[(unsigned char)p[i]] & C_PATH))
            return 0;
        if (p[i] == '/' && may_be_dots(p + i + 1, n - i - 1))
            return 0;
    }
    if (i == n || p[i] == '#')
        return i;
    size_t query = ++i;
    for (; i < n && p[i] != '#'; i++)
        if (!(class_of[(unsigned char)p[i]] & C_QUERY))
            return 0;
    return i > query ? i : 0;
}

/* The length of a host that is a plain domain name in normal form; 0: not. */
static size_t host_plain(const char *p, size_t n)
{
    size_t i = 0, label = 0;

    for (; i < n && (class_of[(unsigned char)p[i]] & C_HOST); i++) {
        if (p[i] != '.')
            continue;
        if (i == label || (i - label > 3 && p[label + 2] == '-' && p[label + 3] == '-'))
            return 0;
        label = i + 1;
    }
    if (i == label || i > 253 || (i - label > 3 && p[label + 2] == '-' && p[label + 3] == '-'))
        return 0;
    return class_of[(unsigned char)p[label]] & C_ALPHA ? i : 0; /* a last label of digits is an address */
}

static int put2(struct sink *s, const char *a, size_t a_n, const char *b, size_t b_n)
{
    if (a_n + b_n > LIMIT_URL_BYTES)
        return ERR_LIMIT;
    memcpy(s->text, a, a_n);
    memcpy(s->text + a_n, b, b_n);
    s->n = a_n + b_n;
    return 0;
}

static int fast_absolute(trommel_str ref, size_t scheme_n, struct sink *s)
{
    size_t host = host_plain(ref.p + scheme_n, ref.n - scheme_n), at = scheme_n + host;

    if (host == 0)
        return ERR_AGAIN;
    if (at == ref.n)
        return put2(s, ref.p, at, "/", 1);
    if (ref.p[at] != '/')
        return ERR_AGAIN;
    size_t target = target_plain(ref.p + at, ref.n - at);
    return target ? put2(s, ref.p, at + target, "", 0) : ERR_AGAIN;
}

/* ERR_AGAIN: not for the fast path. */
static int resolve_fast(const struct url_parser *u, trommel_str base, trommel_str ref, struct sink *s)
{
    const struct url_parts *b = &u->base_parts;

    if (ref.n > 8 && memcmp(ref.p, "https://", 8) == 0)
        return fast_absolute(ref, 8, s);
    if (ref.n > 7 && memcmp(ref.p, "http://", 7) == 0)
        return fast_absolute(ref, 7, s);
    if (base.n == 0 || !u->base_normal)
        return ERR_AGAIN;
    if (ref.n == 0 || ref.p[0] == '#') {
        for (size_t i = 1; i < ref.n; i++)
            if ((unsigned char)ref.p[i] < 0x20) /* tabs and newlines go, whatever follows them */
                return ERR_AGAIN;
        return put2(s, u->base_text, u->base_n, "", 0);
    }
    if (ref.p[0] == '/') {
        size_t target = ref.n > 1 && ref.p[1] == '/' ? 0 : target_plain(ref.p, ref.n);
        return target ? put2(s, b->origin.p, b->origin.n, ref.p, target) : ERR_AGAIN;
    }
    if (ref.p[0] == '?') {
        size_t target = target_plain(ref.p, ref.n);
        return target ? put2(s, u->base_text, b->origin.n + b->path.n, ref.p, target) : ERR_AGAIN;
    }
    if (may_be_dots(ref.p, ref.n))
        return ERR_AGAIN;
    size_t target = target_plain(ref.p, ref.n);
    if (target == 0 || memchr(ref.p, ':', target))
        return ERR_AGAIN;
    size_t dir = b->path.n;
    while (dir && b->path.p[dir - 1] != '/')
        dir--;
    return put2(s, u->base_text, b->origin.n + dir, ref.p, target);
}

/* ---- both -------------------------------------------------------------------------------------- */

/* Most links that are none ("javascript:", "data:", "tel:") are seen by their scheme. */
static int other_scheme(trommel_str ref)
{
    size_t i = 0;

    if (!ref.n || !(class_of[(unsigned char)ref.p[0]] & C_ALPHA))
        return 0;
    while (i < ref.n && (class_of[(unsigned char)ref.p[i]] & C_SCHEME))
        i++;
    if (i == ref.n || ref.p[i] != ':')
        return 0;
    return !((i == 4 && strncasecmp(ref.p, "http", 4) == 0) || (i == 5 && strncasecmp(ref.p, "https", 5) == 0));
}

int url_resolve(struct url_parser *u, trommel_str base, trommel_str ref, struct arena *a, trommel_str *ret)
{
    struct sink s;

    while (ref.n && (unsigned char)ref.p[0] <= ' ')
        ref.p++, ref.n--;
    while (ref.n && (unsigned char)ref.p[ref.n - 1] <= ' ')
        ref.n--;
    if (other_scheme(ref))
        return ERR_UNSUPPORTED;
    if (ref.n > REF_BYTES_MAX || base.n > LIMIT_URL_BYTES)
        return ERR_LIMIT;
    if (base.n && (base.n != u->base_n || memcmp(base.p, u->base_text, base.n) != 0))
        base_set(u, base);
    s.n = 0;
    s.over = 0;
    int err = resolve_fast(u, base, ref, &s);
    if (err == ERR_AGAIN)
        err = resolve_slow(u, base, ref, &s);
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
