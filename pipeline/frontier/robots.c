/* robots: see robots.h.
 *
 * Two passes over the text: the first finds whether a group names the crawler, the second keeps the rules of
 * the groups that count.  A pattern is kept normalised, cut at its stars into segments which are looked
 * for from left to right; the leftmost place for each is as good as any, so nothing is ever tried twice
 * and a look-up is linear in pattern and path.  Rules are sorted by length, so the first match decides. */
#include "frontier/robots.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/limits.h"
#include "frontier/heap.h"

enum {
    WORK_MAX = 4 * 1024 * 1024, /* bytes of a path looked at for one answer: a few milliseconds */
    TARGET_MAX = 3 * LIMIT_URL_BYTES + 1
};

struct rule {
    uint32_t at, n;       /* in text: the pattern, normalised, without a closing `$` */
    uint32_t octets;      /* how specific: length of the pattern as normalised, `$` included */
    uint8_t allow, whole; /* whole: ended in `$` */
};

struct robots {
    struct buf text;
    struct rule *rules;
    size_t n_rules, cap_rules;
    uint32_t delay_ms;
    struct {
        uint32_t at, n;
    } sitemaps[ROBOTS_SITEMAPS];
    size_t n_sitemaps;
};

/* ---- characters ---- */

static int is_token(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static int is_unreserved(unsigned char c)
{
    return is_token(c) || (c >= '0' && c <= '9') || c == '.' || c == '~';
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* One octet in the form in which paths are compared: unreserved plain, escaped as %XX, the rest as it is. */
static size_t octet_put(unsigned char *out, unsigned char c, int escaped)
{
    static const char digits[] = "0123456789ABCDEF";

    if (is_unreserved(c) || (!escaped && c > ' ' && c < 0x7f && !strchr("*$\"<>\\^`{|}", c))) {
        out[0] = c;
        return 1;
    }
    out[0] = '%';
    out[1] = (unsigned char)digits[c >> 4];
    out[2] = (unsigned char)digits[c & 15];
    return 3;
}

/* Writes at most 3 * s.n bytes.  In a pattern `*` stays a star. */
static size_t normalise(unsigned char *out, trommel_str s, int pattern)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        int hi = c == '%' && i + 2 < s.n ? hex_digit((unsigned char)s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit((unsigned char)s.p[i + 2]) : -1;
        if (lo >= 0) {
            n += octet_put(out + n, (unsigned char)(hi << 4 | lo), 1);
            i += 2;
        } else if (pattern && c == '*') {
            out[n++] = c;
        } else {
            n += octet_put(out + n, c, 0);
        }
    }
    return n;
}

/* ---- lines ---- */

static trommel_str trim(trommel_str s)
{
    while (s.n && is_blank(*s.p))
        s.p++, s.n--;
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The next `key: value`, comments cut; 0 at the end.  Lines end in CR, LF or both. */
static int line_next(trommel_str *rest, trommel_str *ret_key, trommel_str *ret_value)
{
    while (rest->n) {
        size_t n = 0;
        while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
            n++;
        trommel_str line = { rest->p, n };
        n += n < rest->n;
        rest->p += n;
        rest->n -= n;
        const char *hash = line.n ? memchr(line.p, '#', line.n) : NULL;
        if (hash)
            line.n = (size_t)(hash - line.p);
        const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
        if (!colon)
            continue;
        *ret_key = trim((trommel_str){ line.p, (size_t)(colon - line.p) });
        *ret_value = trim((trommel_str){ colon + 1, line.n - (size_t)(colon - line.p) - 1 });
        return 1;
    }
    return 0;
}

static int key_is(trommel_str key, const char *name)
{
    return key.n == strlen(name) && !strncasecmp(key.p, name, key.n);
}

static trommel_str token_of(trommel_str s)
{
    size_t n = 0;

    while (n < s.n && is_token((unsigned char)s.p[n]))
        n++;
    return (trommel_str){ s.p, n };
}

/* Whether a User-agent line means the crawler; an empty token means everybody. */
static int agent_is(trommel_str value, trommel_str token)
{
    if (!token.n)
        return value.n && value.p[0] == '*' && (value.n == 1 || is_blank(value.p[1]));
    value = token_of(value);
    return value.n == token.n && !strncasecmp(value.p, token.p, token.n);
}

static int file_names(trommel_str body, trommel_str token)
{
    trommel_str key, value;

    while (line_next(&body, &key, &value))
        if (key_is(key, "user-agent") && agent_is(value, token))
            return 1;
    return 0;
}

/* ---- rules ---- */

static void rule_add(struct robots *r, trommel_str pattern, int allow)
{
    if (!pattern.n) /* an empty Disallow forbids nothing */
        return;
    struct rule rule = { .at = (uint32_t)r->text.len, .allow = (uint8_t)allow };
    unsigned char *out = buf_room(&r->text, 3 * pattern.n);
    if (!out)
        abort();
    if (pattern.p[pattern.n - 1] == '$') {
        rule.whole = 1;
        pattern.n--;
    }
    rule.n = (uint32_t)normalise(out, pattern, 1);
    rule.octets = rule.n + rule.whole;
    r->text.len += rule.n;
    if (r->n_rules == r->cap_rules) {
        r->cap_rules = r->cap_rules ? r->cap_rules * 2 : 16;
        r->rules = must_resize(r->rules, r->cap_rules * sizeof *r->rules);
    }
    r->rules[r->n_rules++] = rule;
}

/* Seconds with a fraction; what is no number is ignored. */
static void delay_set(struct robots *r, trommel_str value)
{
    uint64_t ms = 0, unit = 100;
    size_t i = 0;

    for (; i < value.n && value.p[i] >= '0' && value.p[i] <= '9'; i++)
        ms = ms > ROBOTS_DELAY_MAX_MS ? ms : ms * 10 + (uint64_t)(value.p[i] - '0') * 1000;
    if (!i)
        return;
    if (i < value.n && value.p[i] == '.')
        for (i++; i < value.n && value.p[i] >= '0' && value.p[i] <= '9'; i++, unit /= 10)
            ms += (uint64_t)(value.p[i] - '0') * unit;
    if (ms > ROBOTS_DELAY_MAX_MS)
        ms = ROBOTS_DELAY_MAX_MS;
    if (ms > r->delay_ms)
        r->delay_ms = (uint32_t)ms;
}

static void sitemap_add(struct robots *r, trommel_str value)
{
    if (!value.n || value.n > LIMIT_URL_BYTES || r->n_sitemaps == ROBOTS_SITEMAPS)
        return;
    r->sitemaps[r->n_sitemaps].at = (uint32_t)r->text.len;
    r->sitemaps[r->n_sitemaps].n = (uint32_t)value.n;
    if (buf_add(&r->text, value.p, value.n) < 0)
        abort();
    r->n_sitemaps++;
}

static int rule_order(const void *a, const void *b)
{
    const struct rule *x = a, *y = b;

    if (x->octets != y->octets)
        return x->octets < y->octets ? 1 : -1;
    return y->allow - x->allow;
}

/* Lines of other kinds do not end a group's list of names (RFC 9309 2.2.4). */
static void groups_read(struct robots *r, trommel_str body, trommel_str token)
{
    trommel_str key, value;
    int ours = 0, in_rules = 0;

    while (line_next(&body, &key, &value)) {
        if (key_is(key, "user-agent")) {
            ours = (in_rules ? 0 : ours) | agent_is(value, token);
            in_rules = 0;
        } else if (key_is(key, "allow") || key_is(key, "disallow")) {
            in_rules = 1;
            if (ours)
                rule_add(r, value, key.n == 5);
        } else if (key_is(key, "crawl-delay")) {
            if (ours)
                delay_set(r, value);
        } else if (key_is(key, "sitemap")) {
            sitemap_add(r, value);
        }
    }
}

static trommel_str body_cut(trommel_str body)
{
    if (body.n > LIMIT_ROBOTS_BYTES)
        body.n = LIMIT_ROBOTS_BYTES;
    if (body.n == LIMIT_ROBOTS_BYTES) /* a rule that was cut says something else: leave it out */
        while (body.n && body.p[body.n - 1] != '\n' && body.p[body.n - 1] != '\r')
            body.n--;
    if (body.n >= 3 && !memcmp(body.p, "\xef\xbb\xbf", 3))
        body = (trommel_str){ body.p + 3, body.n - 3 };
    return body;
}

struct robots *robots_parse(trommel_str body, trommel_str user_agent)
{
    struct robots *r = must_alloc(sizeof *r);
    trommel_str token = token_of(user_agent);

    body = body_cut(body);
    buf_init(&r->text, 8 * (size_t)LIMIT_ROBOTS_BYTES);
    if (token.n && !file_names(body, token))
        token.n = 0;
    groups_read(r, body, token);
    if (r->n_rules)
        qsort(r->rules, r->n_rules, sizeof *r->rules, rule_order);
    return r;
}

void robots_free(struct robots *r)
{
    if (!r)
        return;
    buf_release(&r->text);
    free(r->rules);
    free(r);
}

/* ---- matching ---- */

/* Whether the target matches; *work goes down by what it cost. */
static int rule_matches(const unsigned char *text, const struct rule *rule, const unsigned char *target,
                        size_t n, int64_t *work)
{
    const unsigned char *at = text + rule->at, *end = at + rule->n;
    const unsigned char *star = rule->n ? memchr(at, '*', rule->n) : NULL;
    size_t head = (size_t)((star ? star : end) - at);

    *work -= (int64_t)head + 8;
    if (head > n || memcmp(at, target, head) != 0)
        return 0;
    if (!star)
        return !rule->whole || head == n;
    target += head;
    n -= head;
    for (at = star + 1; *work > 0; at = star + 1) {
        star = at < end ? memchr(at, '*', (size_t)(end - at)) : NULL;
        size_t len = (size_t)((star ? star : end) - at);
        if (!star && rule->whole) { /* the last one must end the path */
            *work -= (int64_t)len;
            return len <= n && !memcmp(at, target + n - len, len);
        }
        const unsigned char *hit = len ? memmem(target, n, at, len) : target;
        *work -= (int64_t)(hit ? (size_t)(hit - target) + len : n) + 8;
        if (!hit)
            return 0;
        if (!star)
            return 1;
        n -= (size_t)(hit - target) + len;
        target = hit + len;
    }
    return 0;
}

int robots_allows(const struct robots *r, trommel_str target)
{
    unsigned char path[TARGET_MAX];
    int64_t work = WORK_MAX;

    if (!r->n_rules || (target.n == 11 && !memcmp(target.p, "/robots.txt", 11)))
        return 1;
    if (target.n > LIMIT_URL_BYTES)
        return 0;
    size_t n = normalise(path, target, 0);
    for (size_t i = 0; i < r->n_rules; i++) {
        if (rule_matches(r->text.data, &r->rules[i], path, n, &work))
            return r->rules[i].allow;
        if (work <= 0)
            return 0;
    }
    return 1;
}

uint32_t robots_delay_ms(const struct robots *r)
{
    return r->delay_ms;
}

size_t robots_sitemaps(const struct robots *r)
{
    return r->n_sitemaps;
}

trommel_str robots_sitemap(const struct robots *r, size_t i)
{
    return (trommel_str){ (const char *)r->text.data + r->sitemaps[i].at, r->sitemaps[i].n };
}

size_t robots_bytes(const struct robots *r)
{
    return sizeof *r + r->text.cap + r->cap_rules * sizeof *r->rules;
}
