/* headers: see headers.h. */
#include "command/stream/headers.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "record/record.h"

/* ---- made ---- */

static int is_bytes(const struct mp_value *v)
{
    return v->type == MP_STR || v->type == MP_BIN;
}

static int is_name(const struct mp_value *v)
{
    return is_bytes(v) && v->len && !memchr(v->p, '\r', v->len) && !memchr(v->p, '\n', v->len) &&
           !memchr(v->p, 0, v->len) && !memchr(v->p + 1, ':', v->len - 1);
}

static void value_add(struct buf *lines, const struct mp_value *v)
{
    size_t from = lines->len;

    buf_add(lines, v->p, v->len);
    for (size_t i = from; i < lines->len; i++)
        if (lines->data[i] == '\r' || lines->data[i] == '\n' || !lines->data[i])
            lines->data[i] = ' ';
}

static int line_add(const struct mp_value *name, const struct mp_value *v, struct buf *lines, struct err *err)
{
    if (v->type == MP_NIL || name->p[0] == ':')
        return 0;
    if (!is_bytes(v) && v->type != MP_UINT)
        return err_set(
            err, ERR_INVALID,
            "\"headers\": the value of \"%.*s\" is neither text, bytes nor a whole number; give it as text",
            name->len < 60 ? (int)name->len : 60, (const char *)name->p);
    buf_add(lines, name->p, name->len);
    buf_add_str(lines, ": ");
    if (v->type == MP_UINT)
        buf_printf(lines, "%" PRIu64, v->u.u);
    else
        value_add(lines, v);
    return buf_add_str(lines, "\r\n");
}

/* One value, or an array of them. */
static int lines_add(const struct mp_value *name, const unsigned char **at, const unsigned char *end,
                     struct buf *lines, struct err *err)
{
    struct mp_value v;

    if (!is_name(name))
        return err_set(err, ERR_INVALID,
                       "\"headers\": a name is empty, no text, or has a colon or a line break in it; "
                       "give names and values apart");
    if (mp_read(at, end, &v) < 0)
        return ERR_INVALID;
    if (v.type != MP_ARRAY)
        return line_add(name, &v, lines, err);
    for (uint32_t i = 0, n = v.u.n; i < n; i++) {
        int rc = mp_read(at, end, &v);
        if (rc == 0)
            rc = line_add(name, &v, lines, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int headers_lines(const unsigned char *p, const unsigned char *end, struct buf *lines, struct err *err)
{
    struct mp_value all, name;
    int rc = mp_read(&p, end, &all);

    for (uint32_t i = 0; rc == 0 && i < all.u.n; i++) {
        rc = mp_read(&p, end, &name);
        if (rc == 0 && all.type == MP_ARRAY) {
            if (name.type != MP_ARRAY || name.u.n != 2)
                return err_set(err, ERR_INVALID, "\"headers\": element %u of the array is no [name, value]",
                               i);
            rc = mp_read(&p, end, &name);
        }
        if (rc == 0)
            rc = lines_add(&name, &p, end, lines, err);
    }
    if (lines->err == ERR_LIMIT)
        return err_set(err, ERR_LIMIT, "\"headers\": are over the limit of %u bytes", LIMIT_HEADER_BYTES);
    return rc;
}

/* ---- looked up ---- */

/* The next line at *at of that name with a value; 0 when there is none, and *ret is then as it was. */
static int next_of(const char **at, const char *end, const char *name, trommel_str *ret)
{
    size_t n = strlen(name);

    while (*at < end) {
        const char *line = *at, *eol = memchr(line, '\n', (size_t)(end - line));
        const char *stop = eol ? eol : end, *from = line + n + 1;
        *at = eol ? eol + 1 : end;
        if ((size_t)(stop - line) <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
            continue;
        while (from < stop && (*from == ' ' || *from == '\t'))
            from++;
        while (stop > from && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if (stop == from)
            continue;
        *ret = (trommel_str){ from, (size_t)(stop - from) };
        return 1;
    }
    return 0;
}

trommel_str headers_last(trommel_str lines, const char *name)
{
    const char *at = lines.n ? lines.p : "", *end = at + lines.n;
    trommel_str value = { 0 };

    while (next_of(&at, end, name, &value))
        ;
    return value;
}

trommel_str headers_joined(trommel_str lines, const char *name, struct buf *scratch)
{
    const char *at = lines.n ? lines.p : "", *end = at + lines.n;
    trommel_str value, only = { 0 };
    int n = 0;

    while (next_of(&at, end, name, &value)) {
        buf_add(scratch, ", ", n ? 2 : 0);
        buf_add(scratch, value.p, value.n);
        only = value;
        n++;
    }
    return n > 1 ? (trommel_str){ (const char *)scratch->data, scratch->len } : only;
}
