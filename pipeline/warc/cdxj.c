/* cdxj: see cdxj.h.  Headers are read as warcio reads them: a line is UTF-8, or else Latin-1; white space is
 * what Python's is; the first header of a name counts. */
#include "warc/cdxj.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "warc/surt.h"

/* ---- text, a character at a time ---- */

struct text {
    const unsigned char *p, *end;
    int utf8;
};

static struct text text_of(trommel_str line)
{
    const unsigned char *p = (const unsigned char *)line.p;

    return (struct text){ p, p + line.n, utf8_valid(line.p, line.n) == line.n };
}

/* The next character; -1 at the end. */
static int32_t text_next(struct text *t)
{
    if (t->p == t->end)
        return -1;
    uint32_t c = *t->p++;
    if (!t->utf8 || c < 0x80)
        return (int32_t)c;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    c &= 0x3fu >> more;
    while (more--)
        c = c << 6 | (*t->p++ & 0x3fu);
    return (int32_t)c;
}

static int is_space(int32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

/* Without white space at its end, and at its beginning if that is wanted too. */
static struct text text_strip(struct text t, int front)
{
    struct text at = t, end = t;
    int32_t c;

    for (struct text s = at; front && is_space(text_next(&s)); at = s)
        ;
    end.end = at.p;
    for (struct text s = at; (c = text_next(&s)) >= 0;)
        if (!is_space(c))
            end.end = s.p;
    end.p = at.p;
    return end;
}

/* Up to the first character of white space, or the first that is `stop`. */
static struct text text_cut(struct text t, int32_t stop, int spaces)
{
    struct text at = t;

    for (struct text s = t; s.p < s.end; at = s) {
        int32_t c = text_next(&s);
        if (c == stop || (spaces && is_space(c)))
            break;
    }
    return (struct text){ t.p, at.p, t.utf8 };
}

static void json_escaped(struct buf *out, int32_t c)
{
    static const char names[] = "btnvfr"; /* of 8 to 13; \v has none in JSON */

    if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", (int)c);
    else if (c >= 8 && c <= 13 && c != 11)
        buf_printf(out, "\\%c", names[c - 8]);
    else if (c > 0xffff)
        buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
    else
        buf_printf(out, "\\u%04x", c);
}

static void json_text(struct buf *out, struct text t)
{
    int32_t c;

    buf_add_byte(out, '"');
    while ((c = text_next(&t)) >= 0)
        if (c < 0x20 || c == '"' || c == '\\' || c > 0x7e)
            json_escaped(out, c);
        else
            buf_add_byte(out, (unsigned)c);
    buf_add_byte(out, '"');
}

/* ---- the response's head ---- */

static int line_next(trommel_str *head, trommel_str *ret)
{
    const char *end = head->n ? memchr(head->p, '\n', head->n) : NULL;
    size_t n = end ? (size_t)(end - head->p) + 1 : head->n;

    *ret = (trommel_str){ head->p, n };
    *head = (trommel_str){ head->p + n, head->n - n };
    return n > 0;
}

/* "HTTP/1.1 200 OK": 200, or nothing. */
static struct text status_of(trommel_str line)
{
    struct text t = text_strip(text_of(line), 0), version = text_cut(t, ' ', 0);

    t.p = version.end < t.end ? version.end + 1 : t.end;
    return text_cut(text_strip(t, 1), ' ', 0);
}

static int line_is_type(trommel_str line, struct text *ret)
{
    static const char name[] = "content-type";
    const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
    size_t n = colon ? (size_t)(colon - line.p) : 0;

    while (n && (line.p[n - 1] == ' ' || line.p[n - 1] == '\t'))
        n--;
    if (n != sizeof name - 1 || strncasecmp(line.p, name, n))
        return 0;
    *ret = text_strip(text_of(line), 0);
    ret->p = (const unsigned char *)colon + 1;
    *ret = ret->p < ret->end ? text_strip(*ret, 1) : (struct text){ ret->end, ret->end, ret->utf8 };
    return 1;
}

/* The media type without its parameters.  0: no Content-Type.  A value that begins on the line after its name
 * has white space before it, and so no type. */
static int type_of(trommel_str head, struct text *ret)
{
    trommel_str line;

    while (line_next(&head, &line)) {
        struct text t = text_strip(text_of(line), 0);
        if (t.p == t.end)
            return 0;
        if (!line_is_type(line, ret))
            continue;
        *ret = text_cut(*ret, ';', 1);
        return 1;
    }
    return 0;
}

/* ---- a line ---- */

static void field(struct buf *out, const char *name, struct text value)
{
    buf_printf(out, "\"%s\": ", name);
    json_text(out, value);
    buf_add_str(out, ", ");
}

/* "2026-12-01T03:12:38.123Z" as 20261201031238. */
static void timestamp(struct buf *out, trommel_str date)
{
    size_t n = 0;

    for (size_t i = 0; i < date.n && n < 14; i++)
        if (date.p[i] >= '0' && date.p[i] <= '9') {
            buf_add_byte(out, (unsigned char)date.p[i]);
            n++;
        }
}

int cdxj_begin(const struct cdxj_capture *c, struct buf *line)
{
    trommel_str head = c->head, first;
    struct text type;

    surt_key(c->url, line);
    buf_add_byte(line, ' ');
    timestamp(line, c->date);
    buf_add_str(line, " {");
    field(line, "url", text_of(c->url));
    if (!line_next(&head, &first))
        first = (trommel_str){ 0 };
    if (c->revisit)
        field(line, "mime", text_of((trommel_str){ "warc/revisit", 12 }));
    else if (type_of(head, &type))
        field(line, "mime", type);
    field(line, "status", status_of(first));
    field(line, "digest", text_of(c->digest));
    return line->err;
}

int cdxj_end(struct buf *line, uint64_t length, uint64_t offset, const char *filename)
{
    buf_printf(line, "\"length\": \"%llu\", \"offset\": \"%llu\", \"filename\": ", (unsigned long long)length,
               (unsigned long long)offset);
    json_text(line, text_of((trommel_str){ filename, strlen(filename) }));
    return buf_add_str(line, "}\n");
}

/* ---- sorting ---- */

struct lines {
    const char *map, *end;
    size_t size, n;
    const char **at;
};

static int line_compare(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;

    while (*x == *y && *x != '\n')
        x++, y++;
    /* the end of a line is before everything */
    return *x == '\n'                              ? (*y == '\n' ? 0 : -1)
           : *y == '\n'                            ? 1
           : (unsigned char)*x < (unsigned char)*y ? -1
                                                   : 1;
}

static int lines_map(const char *path, struct lines *ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *ret = (struct lines){ 0 };
    if (fd < 0 || fstat(fd, &st) < 0) {
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    ret->size = (size_t)st.st_size;
    ret->map = ret->size ? mmap(NULL, ret->size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (ret->map == MAP_FAILED)
        return ERR_NOMEM;
    ret->end = ret->map ? ret->map + ret->size : NULL;
    for (const char *p = ret->map; p && p < ret->end && (p = memchr(p, '\n', (size_t)(ret->end - p))); p++)
        ret->n++;
    ret->at = malloc((ret->n + 1) * sizeof *ret->at);
    if (!ret->at)
        abort();
    const char *p = ret->map;
    for (size_t i = 0; i < ret->n; i++) {
        ret->at[i] = p;
        p = (const char *)memchr(p, '\n', (size_t)(ret->end - p)) + 1;
    }
    return 0;
}

static void lines_release(struct lines *l)
{
    free(l->at);
    if (l->map && l->size)
        munmap((void *)l->map, l->size);
}

static int lines_write(const struct lines *l, const char *path)
{
    FILE *f = fopen(path, "we");
    int bad = !f;

    for (size_t i = 0; !bad && i < l->n; i++) {
        size_t n = (size_t)((const char *)memchr(l->at[i], '\n', (size_t)(l->end - l->at[i])) - l->at[i]) + 1;
        bad = fwrite(l->at[i], 1, n, f) != n;
    }
    bad = bad || fflush(f) || fsync(fileno(f));
    int code = errno;
    if (f && fclose(f) && !bad) {
        code = errno;
        bad = 1;
    }
    errno = code;
    return bad ? ERR_IO : 0;
}

int cdxj_sort(const char *from, const char *to, struct err *err)
{
    struct lines l;
    int rc = lines_map(from, &l);

    if (rc < 0)
        return err_set(err, rc, "%s: cannot read (%s)", from, strerror(errno));
    qsort(l.at, l.n, sizeof l.at[0], line_compare);
    rc = lines_write(&l, to);
    if (rc < 0)
        err_set(err, rc, "%s: cannot write (%s); free space there and run the same command again", to,
                strerror(errno));
    lines_release(&l);
    return rc;
}
