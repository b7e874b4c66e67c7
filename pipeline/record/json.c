/* json: a record as one line of JSON.
 *
 * The same tree: bytes and ext values become lower-case hex, invalid UTF-8 becomes U+FFFD, NaN and
 * infinities null, integers are exact.  Keys that are no strings become strings.  Does not recurse; a
 * value nested deeper than LIMIT_RECORD_DEPTH is an error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "record/record.h"
#include "base/utf8.h"

static const char hex[] = "0123456789abcdef";

static void json_escape(struct buf *out, unsigned char c)
{
    static const char short_names[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    const char *s = c ? strchr(short_names, c) : NULL;
    char text[8] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

    if (s)
        buf_add(out, (char[]){ '\\', letters[s - short_names] }, 2);
    else
        buf_add(out, text, 6);
}

/* Valid UTF-8, escaped where JSON wants it. */
static void json_run(struct buf *out, const unsigned char *p, size_t n)
{
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
            continue;
        buf_add(out, p + from, i - from);
        json_escape(out, p[i]);
        from = i + 1;
    }
    buf_add(out, p + from, n - from);
}

static void json_str(struct buf *out, const unsigned char *p, size_t n)
{
    buf_add_byte(out, '"');
    while (n) {
        size_t ok = utf8_valid(p, n);
        json_run(out, p, ok);
        if (ok < n) {
            buf_add(out, "\xef\xbf\xbd", 3);
            ok += utf8_bad(p + ok, n - ok);
        }
        p += ok;
        n -= ok;
    }
    buf_add_byte(out, '"');
}

static void json_hex(struct buf *out, const unsigned char *p, size_t n)
{
    buf_add_byte(out, '"');
    unsigned char *room = n > SIZE_MAX / 4 ? NULL : buf_room(out, 2 * n);
    for (size_t i = 0; room && i < n; i++) {
        room[2 * i] = (unsigned char)hex[p[i] >> 4];
        room[2 * i + 1] = (unsigned char)hex[p[i] & 15];
    }
    if (room)
        out->len += 2 * n;
    buf_add_byte(out, '"');
}

/* The shortest of 15 to 17 digits that reads back the same. */
static void json_f64(struct buf *out, double d)
{
    char text[40];
    int n = 0;

    if (!isfinite(d)) {
        buf_add_str(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof text - 2, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    int plain = 1;
    for (int i = 0; i < n; i++) {
        if (!strchr("+-0123456789e", text[i]))
            text[i] = '.'; /* the embedding program's locale may say ',' */
        plain = plain && text[i] != '.' && text[i] != 'e';
    }
    buf_add(out, text, (size_t)n);
    if (plain)
        buf_add_str(out, ".0");
}

static void json_int(struct buf *out, const struct mp_value *v)
{
    char text[24];
    int n = v->type == MP_INT ? snprintf(text, sizeof text, "%lld", (long long)v->u.i)
                              : snprintf(text, sizeof text, "%llu", (unsigned long long)v->u.u);

    buf_add(out, text, (size_t)n);
}

static void json_scalar(struct buf *out, const struct mp_value *v)
{
    switch (v->type) {
    case MP_BOOL:
        buf_add_str(out, v->u.u ? "true" : "false");
        break;
    case MP_INT:
    case MP_UINT:
        json_int(out, v);
        break;
    case MP_F64:
        json_f64(out, v->u.d);
        break;
    case MP_STR:
        json_str(out, v->p, v->len);
        break;
    case MP_BIN:
    case MP_EXT:
        json_hex(out, v->p, v->len);
        break;
    default:
        buf_add_str(out, "null");
    }
}

static int json_key(struct buf *out, const struct mp_value *v)
{
    int quoted = v->type == MP_STR || v->type == MP_BIN || v->type == MP_EXT;

    if (v->type == MP_ARRAY || v->type == MP_MAP)
        return ERR_INVALID;
    if (!quoted)
        buf_add_byte(out, '"');
    json_scalar(out, v);
    buf_add_str(out, quoted ? ":" : "\":");
    return 0;
}

struct level {
    uint32_t left;
    int is_map, first;
};

int record_json(const void *p, size_t n, struct buf *out)
{
    const unsigned char *at = p, *end = at + n;
    struct level levels[LIMIT_RECORD_DEPTH + 1] = { { .left = 1, .first = 1 } };
    unsigned depth = 0;
    struct mp_value v;

    while (!out->err) {
        struct level *l = &levels[depth];
        if (!l->left) {
            if (!depth)
                return at == end ? 0 : ERR_INVALID;
            buf_add_byte(out, l->is_map ? '}' : ']');
            depth--;
            continue;
        }
        l->left--;
        if (!l->first)
            buf_add_byte(out, ',');
        l->first = 0;
        if (l->is_map && (mp_read(&at, end, &v) < 0 || json_key(out, &v) < 0))
            return ERR_INVALID;
        if (mp_read(&at, end, &v) < 0)
            return ERR_INVALID;
        if (v.type != MP_ARRAY && v.type != MP_MAP) {
            json_scalar(out, &v);
            continue;
        }
        if (depth >= LIMIT_RECORD_DEPTH)
            return ERR_LIMIT;
        buf_add_byte(out, v.type == MP_MAP ? '{' : '[');
        levels[++depth] = (struct level){ .left = v.u.n, .is_map = v.type == MP_MAP, .first = 1 };
    }
    return out->err;
}
