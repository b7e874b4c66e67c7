/* head: see head.h. */
#include "warc/head.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"

static const char *const type_names[WARC_TYPES] = {
    [WARC_INFO] = "warcinfo",         [WARC_RESPONSE] = "response",         [WARC_RESOURCE] = "resource",
    [WARC_REQUEST] = "request",       [WARC_METADATA] = "metadata",         [WARC_REVISIT] = "revisit",
    [WARC_CONVERSION] = "conversion", [WARC_CONTINUATION] = "continuation", [WARC_OTHER] = "other",
};

size_t warc_head_size(const unsigned char *p, size_t n, size_t known)
{
    const unsigned char *at = p + (known > 3 ? known - 3 : 0),
                        *end = p + (n < WARC_HEAD_MOST ? n : WARC_HEAD_MOST);

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if (at < end && *at == '\n')
            return (size_t)(at + 1 - p);
        if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
            return (size_t)(at + 2 - p);
    }
    return 0;
}

static trommel_str unbracket(trommel_str s)
{
    return s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>' ? (trommel_str){ s.p + 1, s.n - 2 } : s;
}

/* The first n digits of s as a number; -1. */
static int digits(const char *s, unsigned n)
{
    int v = 0;

    for (unsigned i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

/* "2026-11-24T17:04:27[.123456]Z", cut anywhere behind the year (WARC 1.1), or "20261124170427" (ARC). */
static int64_t date_read(trommel_str s)
{
    int part[6] = { 0, 1, 1, 0, 0, 0 }; /* year … second */
    size_t at = 4;
    int64_t ms = 0;

    if (s.n < 4 || (part[0] = digits(s.p, 4)) < 1900)
        return 0;
    for (int i = 1; i < 6; i++) {
        if (at < s.n && memchr("-T: ", s.p[at], 4))
            at++;
        if (at + 2 > s.n || digits(s.p + at, 2) < 0)
            break;
        part[i] = digits(s.p + at, 2);
        at += 2;
    }
    if (at < s.n && s.p[at] == '.')
        for (int i = 0, scale = 100; i < 3 && ++at < s.n && digits(s.p + at, 1) >= 0; i++, scale /= 10)
            ms += digits(s.p + at, 1) * scale;
    return part[1] > 12 || part[2] > 31 || part[3] > 24 || part[4] > 60 || part[5] > 61
               ? 0
               : clock_utc_ms(part) + ms;
}

static int is_name(trommel_str s, const char *name)
{
    return s.n == strlen(name) && !strncasecmp(s.p, name, s.n);
}

static enum warc_type type_read(trommel_str s)
{
    for (int i = 0; i < WARC_OTHER; i++)
        if (is_name(s, type_names[i]))
            return (enum warc_type)i;
    return WARC_OTHER;
}

static int length_read(trommel_str s, uint64_t *ret)
{
    *ret = 0;
    if (!s.n || s.n > 18)
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        *ret = *ret * 10 + (uint64_t)(s.p[i] - '0');
    }
    return 1;
}

struct seen {
    int type, length;
};

static void field_take(trommel_str name, trommel_str value, struct warc_head *h, struct seen *seen)
{
    const struct {
        const char *name;
        trommel_str *to;
    } rows[] = { { "WARC-Record-ID", &h->id },     { "WARC-Target-URI", &h->url },
                 { "WARC-Date", &h->date },        { "Content-Type", &h->content_type },
                 { "WARC-IP-Address", &h->ip },    { "WARC-Truncated", &h->truncated },
                 { "WARC-Refers-To", &h->refers }, { "WARC-Payload-Digest", &h->digest },
                 { "WARC-Profile", &h->profile } };

    if (is_name(name, "Content-Length")) {
        seen->length = length_read(value, &h->length);
    } else if (is_name(name, "WARC-Type")) {
        h->type = type_read(value);
        seen->type = 1;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is_name(name, rows[i].name))
            *rows[i].to = unbracket(value);
}

/* The end of the line at p, behind its LF; lines that go on in the next are joined. */
static unsigned char *line_end(unsigned char *p, unsigned char *end)
{
    for (;;) {
        unsigned char *lf = memchr(p, '\n', (size_t)(end - p));
        if (!lf)
            return end;
        if (lf + 1 >= end || (lf[1] != ' ' && lf[1] != '\t'))
            return lf + 1;
        *lf = ' ';
        if (lf[-1] == '\r')
            lf[-1] = ' ';
        p = lf + 1;
    }
}

static int is_version(const unsigned char *p, size_t n)
{
    return n >= 8 && !memcmp(p, "WARC/", 5) && digits((const char *)p + 5, 1) >= 0 && p[6] == '.';
}

const char *warc_head_read(unsigned char *p, size_t n, struct warc_head *ret)
{
    unsigned char *end = p + n, *lf = memchr(p, '\n', n);
    struct seen seen = { 0 };

    *ret = (struct warc_head){ .type = WARC_OTHER };
    if (!is_version(p, n) || !lf || lf - p > 16)
        return "it does not begin with WARC/ and a version";
    for (p = lf + 1; p < end;) {
        if (is_version(p, (size_t)(end - p)))
            return "another begins within its head";
        unsigned char *eol = line_end(p, end), *colon = memchr(p, ':', (size_t)(eol - p));
        if (colon)
            field_take(head_trim(p, colon), head_trim(colon + 1, eol), ret, &seen);
        p = eol;
    }
    ret->date_ms = date_read(ret->date);
    if (!seen.length)
        return "its head has no Content-Length, or one that is no number";
    if (!seen.type)
        return "its head has no WARC-Type";
    return ret->id.n || ret->date.n ? NULL : "its head has neither WARC-Record-ID nor WARC-Date";
}

const char *arc_head_read(unsigned char *p, size_t n, struct warc_head *ret)
{
    trommel_str word[10], line = head_trim(p, p + n);
    size_t n_words = 0, at = 0;

    *ret = (struct warc_head){ .type = WARC_RESPONSE };
    while (at < line.n && n_words < 10) {
        size_t len = 0;
        while (at + len < line.n && line.p[at + len] != ' ')
            len++;
        word[n_words++] = (trommel_str){ line.p + at, len };
        at += len + 1;
    }
    if (n_words < 5 || at < line.n || !memchr(word[0].p, ':', word[0].n) ||
        !length_read(word[n_words - 1], &ret->length))
        return "it does not begin with the line of an ARC record (URL, address, date, type, …, length)";
    ret->url = word[0];
    ret->ip = word[1];
    ret->date = word[2];
    ret->content_type = word[3];
    ret->date_ms = date_read(ret->date);
    if (ret->url.n > 9 && !memcmp(ret->url.p, "filedesc:", 9))
        ret->type = WARC_INFO;
    return ret->date_ms ? NULL : "its date is none";
}
