/* manifest: see manifest.h. */
#include "command/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/limits.h"

enum { CHUNK_BYTES = 64 * 1024, SEEN_MAX = 1 << 23 };

struct manifest {
    char *name;   /* for messages */
    char *folder; /* "" for the current one, else with "/" at its end */
    int fd, ended;
    char chunk[CHUNK_BYTES];
    size_t chunk_at, chunk_n;
    uint64_t line, read_bytes, size;
    struct buf text; /* the line */
    struct buf path; /* its path, made whole */
    char number[24]; /* an id that is a number */
    json_t *json;    /* owns the line's strings */
    uint64_t *seen;  /* hashes of ids; open addressing, 0: free */
    size_t seen_n, seen_cap;
};

/* ---- opening ---- */

static char *folder_of(const char *path)
{
    const char *slash = strcmp(path, "-") ? strrchr(path, '/') : NULL;

    return strndup(path, slash ? (size_t)(slash + 1 - path) : 0);
}

int manifest_open(const char *path, struct manifest **ret, struct err *err)
{
    int from_stdin = !strcmp(path, "-");
    int fd = from_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *ret = NULL;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, ERR_USAGE, "%s: the manifest cannot be opened: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_USAGE, "%s: is a folder; the manifest is a file of JSON lines", path);
    }
    struct manifest *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->fd = fd;
    m->name = strdup(from_stdin ? "standard input" : path);
    m->folder = folder_of(path);
    if (!m->name || !m->folder)
        abort();
    m->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    buf_init(&m->text, LIMIT_MANIFEST_LINE);
    buf_init(&m->path, LIMIT_MANIFEST_LINE + strlen(m->folder) + 1);
    *ret = m;
    return 0;
}

double manifest_share(const struct manifest *m)
{
    if (!m->size)
        return -1;
    double share = (double)(m->read_bytes - (m->chunk_n - m->chunk_at)) / (double)m->size;
    return share > 1 ? 1 : share;
}

void manifest_close(struct manifest *m)
{
    if (!m)
        return;
    json_decref(m->json);
    close(m->fd);
    buf_release(&m->text);
    buf_release(&m->path);
    free(m->name);
    free(m->folder);
    free(m->seen);
    free(m);
}

/* ---- lines ---- */

static int chunk_fill(struct manifest *m, struct err *err)
{
    ssize_t n;

    do
        n = read(m->fd, m->chunk, sizeof m->chunk);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set(err, ERR_IO, "%s: cannot be read behind line %llu: %s", m->name,
                       (unsigned long long)m->line, strerror(errno));
    m->chunk_at = 0;
    m->chunk_n = (size_t)n;
    m->read_bytes += (uint64_t)n;
    m->ended = n == 0;
    return 0;
}

/* The next line into m->text, without its end; an over-long one is read to its end and leaves
 * m->text.err.  1, 0 at the end, ERR_IO. */
static int line_read(struct manifest *m, struct err *err)
{
    int any = 0, whole = 0;

    buf_clear(&m->text);
    while (!whole) {
        if (m->chunk_at == m->chunk_n) {
            int rc = m->ended ? 0 : chunk_fill(m, err);
            if (rc < 0)
                return rc;
            if (m->ended)
                break;
        }
        const char *from = m->chunk + m->chunk_at;
        size_t left = m->chunk_n - m->chunk_at;
        const char *end = memchr(from, '\n', left);
        size_t n = end ? (size_t)(end - from) : left;
        buf_add(&m->text, from, n);
        m->chunk_at += n + (end ? 1 : 0);
        whole = end != NULL;
        any = 1;
    }
    m->line += (uint64_t)any;
    return any;
}

static int is_blank(const struct buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (!strchr(" \t\r", text->data[i]) || !text->data[i])
            return 0;
    return 1;
}

/* Was the id there before?  Ids past SEEN_MAX are not looked at any more. */
static int seen_add(struct manifest *m, const char *id)
{
    uint64_t hash = XXH3_64bits(id, strlen(id)) | 1;

    if (m->seen_n >= SEEN_MAX)
        return 0;
    if (2 * m->seen_n >= m->seen_cap) {
        size_t cap = m->seen_cap ? 2 * m->seen_cap : 1024;
        uint64_t *seen = calloc(cap, sizeof *seen);
        if (!seen)
            abort();
        for (size_t i = 0; i < m->seen_cap; i++) {
            size_t at = (m->seen[i] >> 1) & (cap - 1);
            while (m->seen[i] && seen[at])
                at = (at + 1) & (cap - 1);
            if (m->seen[i])
                seen[at] = m->seen[i];
        }
        free(m->seen);
        m->seen = seen;
        m->seen_cap = cap;
    }
    size_t at = (hash >> 1) & (m->seen_cap - 1);
    while (m->seen[at] && m->seen[at] != hash)
        at = (at + 1) & (m->seen_cap - 1);
    if (m->seen[at])
        return 1;
    m->seen[at] = hash;
    m->seen_n++;
    return 0;
}

static int line_error(struct manifest *m, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int line_error(struct manifest *m, struct err *err, const char *fmt, ...)
{
    char what[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return err_set(err, ERR_INVALID, "%s:%llu: %s", m->name, (unsigned long long)m->line, what);
}

/* A key's text: NULL if absent or null. */
static int text_of(struct manifest *m, const char *key, const char **ret, struct err *err)
{
    json_t *v = json_object_get(m->json, key);

    *ret = NULL;
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_string(v))
        return line_error(m, err, "\"%s\" is no string; write it in quotes", key);
    *ret = json_string_value(v);
    return 0;
}

static const char *id_of(struct manifest *m)
{
    json_t *v = json_object_get(m->json, "id");

    if (json_is_integer(v)) {
        snprintf(m->number, sizeof m->number, "%lld", (long long)json_integer_value(v));
        return m->number;
    }
    return json_is_string(v) && json_string_length(v) ? json_string_value(v) : NULL;
}

static int path_whole(struct manifest *m, struct manifest_line *line, struct err *err)
{
    if (!line->path || !*line->path)
        return line_error(m, err, "has no \"path\"; a line is {\"id\": \"…\", \"path\": \"…\"}");
    buf_clear(&m->path);
    if (*line->path != '/')
        buf_add_str(&m->path, m->folder);
    buf_add_str(&m->path, line->path);
    line->path = buf_cstr(&m->path);
    return m->path.err ? line_error(m, err, "the path is too long") : 0;
}

static int line_parse(struct manifest *m, struct manifest_line *line, struct err *err)
{
    json_error_t what;
    int rc;

    json_decref(m->json);
    m->json = NULL;
    if (m->text.err)
        return line_error(m, err, "is longer than %u bytes; a line names one page", LIMIT_MANIFEST_LINE);
    m->json = json_loadb((const char *)m->text.data, m->text.len, JSON_REJECT_DUPLICATES, &what);
    if (!m->json)
        return line_error(m, err, "is no JSON (column %d: %s); a line is {\"id\": \"…\", \"path\": \"…\"}",
                          what.column, what.text);
    if (!json_is_object(m->json))
        return line_error(m, err, "is no JSON object; a line is {\"id\": \"…\", \"path\": \"…\"}");
    line->id = id_of(m);
    if (!line->id)
        return line_error(m, err, "has no \"id\" (a string or a whole number); the record is named by it");
    line->again = seen_add(m, line->id);
    if ((rc = text_of(m, "path", &line->path, err)) < 0 || (rc = text_of(m, "url", &line->url, err)) < 0 ||
        (rc = text_of(m, "content_type", &line->content_type, err)) < 0)
        return rc;
    return path_whole(m, line, err);
}

int manifest_next(struct manifest *m, struct manifest_line *ret, struct err *err)
{
    int rc;

    do {
        rc = line_read(m, err);
        if (rc <= 0)
            return rc;
        if (m->line == 1 && m->text.len >= 3 && !memcmp(m->text.data, "\xef\xbb\xbf", 3))
            buf_consume(&m->text, 3); /* a byte order mark, as some editors write */
    } while (!m->text.err && is_blank(&m->text));
    *ret = (struct manifest_line){ .number = m->line };
    rc = line_parse(m, ret, err);
    return rc < 0 ? rc : 1;
}
