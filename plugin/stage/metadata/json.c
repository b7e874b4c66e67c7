/* json: JSON as it is found on pages.  See json.h.
 *
 * One loop with a stack of open containers.  A quote ends a string when what follows could follow a
 * string; else it is taken for part of the text, as writers who forget to escape mean it. */
#include <string.h>

#include "plugin/stage/metadata/json.h"
#include "plugin/stage/metadata/text.h"

struct reader {
    const char *p, *end;
};

static int at(const struct reader *r, const char *z)
{
    size_t n = strlen(z);

    return (size_t)(r->end - r->p) >= n && memcmp(r->p, z, n) == 0;
}

static void skip_to(struct reader *r, const char *z)
{
    const char *hit = memmem(r->p, (size_t)(r->end - r->p), z, strlen(z));

    r->p = hit ? hit + strlen(z) : r->end;
}

/* White space, comments and wrappers. */
static void skip_blank(struct reader *r)
{
    while (r->p < r->end) {
        unsigned char c = (unsigned char)*r->p;
        if (c <= ' ' || c == 0x7F)
            r->p++;
        else if (c == 0xC2 && r->p + 1 < r->end && (unsigned char)r->p[1] == 0xA0)
            r->p += 2;
        else if (at(r, "\xEF\xBB\xBF"))
            r->p += 3;
        else if (at(r, "/*"))
            skip_to(r, "*/");
        else if (at(r, "//<![CDATA[") || at(r, "//]]>"))
            r->p += r->p[2] == '<' ? 11 : 5;
        else if (at(r, "//"))
            skip_to(r, "\n");
        else if (at(r, "<![CDATA["))
            r->p += 9;
        else if (at(r, "]]>"))
            r->p += 3;
        else if (at(r, "<!--"))
            r->p += 4;
        else if (at(r, "-->"))
            r->p += 3;
        else
            return;
    }
}

/* Does a quote here end its string? */
static int closes(const char *q, const char *end)
{
    int line = 0;

    for (q++; q < end && (unsigned char)*q <= ' '; q++)
        line |= *q == '\n';
    return q == end || strchr(",:}]/", *q) || (*q == '"' && line);
}

/* At the opening quote. */
static str read_string(struct reader *r)
{
    const char *from = ++r->p;

    while (r->p < r->end) {
        const char *q = r->p;
        while (q < r->end && *q != '"' && *q != '\\')
            q++;
        if (q == r->end) {
            r->p = q;
            return (str){ from, (size_t)(q - from) };
        }
        if (*q == '\\') {
            r->p = q + 2 < r->end ? q + 2 : r->end;
            continue;
        }
        r->p = q + 1;
        if (closes(q, r->end))
            return (str){ from, (size_t)(q - from) };
    }
    return (str){ from, (size_t)(r->end - from) };
}

static struct json_node *json_add(struct json *j, int type, uint32_t parent, uint32_t depth, str key, str val)
{
    if (j->n == j->max)
        return NULL;
    struct json_node *x = &j->node[j->n];
    *x = (struct json_node){ .type = (uint8_t)type,
                             .depth = (uint8_t)depth,
                             .parent = parent,
                             .end = j->n + 1,
                             .key = key,
                             .val = val };
    j->n++;
    return x;
}

void json_read(struct json *j, str text, uint32_t depth_max)
{
    struct reader r = { text.p, text.p + text.n };
    uint32_t open[256], depth = 0, parent = TROMMEL_NONE;
    str none = { "", 0 }, key = none;
    int have_key = 0;

    if (depth_max > 255)
        depth_max = 255;
    for (;;) {
        skip_blank(&r);
        if (r.p >= r.end)
            break;
        int in_object = depth && j->node[parent].type == JSON_OBJECT;
        char c = *r.p;
        if (c == '{' || c == '[') {
            if (depth == depth_max ||
                !json_add(j, c == '{' ? JSON_OBJECT : JSON_ARRAY, parent, depth, key, none))
                break;
            open[depth++] = parent = j->n - 1;
            key = none;
            have_key = 0;
            r.p++;
        } else if (c == '}' || c == ']') {
            r.p++;
            if (depth) {
                j->node[parent].end = j->n;
                depth--;
                parent = depth ? open[depth - 1] : TROMMEL_NONE;
            }
            key = none;
            have_key = 0;
        } else if (c == '"') {
            str s = read_string(&r);
            skip_blank(&r);
            if (in_object && !have_key && r.p < r.end && *r.p == ':') {
                key = s;
                have_key = 1;
                r.p++;
                continue;
            }
            if (depth && !json_add(j, JSON_STRING, parent, depth, key, s))
                break;
            key = none;
            have_key = 0;
        } else if (strchr(",:;", c)) {
            r.p++;
            if (c == ',') {
                key = none;
                have_key = 0;
            }
        } else {
            const char *from = r.p;
            while (r.p < r.end && (unsigned char)*r.p > ' ' && !strchr(",:{}[]\"", *r.p))
                r.p++;
            if (r.p == from)
                r.p++;
            if (depth && (have_key || !in_object) &&
                !json_add(j, JSON_LITERAL, parent, depth, key, (str){ from, (size_t)(r.p - from) }))
                break;
            key = none;
            have_key = 0;
        }
    }
    while (depth) { /* cut off */
        j->node[open[--depth]].end = j->n;
    }
}

uint32_t json_get(const struct json *j, uint32_t i, const char *key)
{
    if (i >= j->n || j->node[i].type != JSON_OBJECT)
        return TROMMEL_NONE;
    size_t n = strlen(key);
    for (uint32_t k = i + 1; k < j->node[i].end; k = j->node[k].end)
        if (j->node[k].key.n == n && memcmp(j->node[k].key.p, key, n) == 0)
            return k;
    return TROMMEL_NONE;
}

static uint32_t hex4(const char *p, const char *end)
{
    uint32_t v = 0;

    if (end - p < 4)
        return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : -1;
        if (d < 0)
            return UINT32_MAX;
        v = v << 4 | (uint32_t)d;
    }
    return v;
}

/* Escapes decoded; out has room for s.n bytes. */
static size_t unescape(str s, char *out)
{
    const char *p = s.p, *end = s.p + s.n;
    size_t n = 0;

    while (p < end) {
        if (*p != '\\' || p + 1 == end) {
            out[n++] = *p++;
            continue;
        }
        char c = p[1];
        p += 2;
        if (c != 'u') {
            out[n++] = strchr("nrtbf", c) && c ? ' ' : c;
            continue;
        }
        uint32_t u = hex4(p, end);
        if (u == UINT32_MAX)
            continue;
        p += 4;
        if (u >= 0xD800 && u < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
            uint32_t low = hex4(p + 2, end);
            if (low >= 0xDC00 && low < 0xE000) {
                u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
                p += 6;
            }
        }
        if (u >= 0xD800 && u < 0xE000)
            u = 0xFFFD;
        n += text_put(u, out + n); /* at most 4 bytes for 6 */
    }
    return n;
}

str json_text(struct meta *m, const struct json *j, uint32_t i, size_t max)
{
    str none = { "", 0 };

    if (i >= j->n || j->node[i].type < JSON_STRING)
        return none;
    str s = j->node[i].val;
    if (j->node[i].type == JSON_LITERAL)
        return s.n && ((*s.p >= '0' && *s.p <= '9') || *s.p == '-') ? text_clean(m, s, max, 0) : none;
    if (s.n > max * 6)
        s.n = max * 6;
    if (memchr(s.p, '\\', s.n)) {
        char *out = meta_take(m, s.n + 4);
        if (!out)
            return none;
        s = (str){ out, unescape(s, out) };
    }
    return text_clean(m, s, max, 1);
}
