/* read: see read.h. */
#include "command/diff/read.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "command/segments.h"
#include "record/record.h"

#define BLANKS         " \t\r\n\xef\xbb\xbf"       /* and a byte order mark, as some editors write */
#define LINE_MAX_BYTES (6ull * LIMIT_RECORD_BYTES) /* six bytes for one is JSON's worst */

struct reading {
    struct diff_store *store;
    diff_read_fn *fn;
    void *arg;
    struct diff_read *counts;
    struct err *err;
    const char *path; /* of the file that is being read */
    uint32_t file;    /* its number in the store; 0: none yet */
    struct buf packed;
};

static int record_give(struct reading *r, trommel_str record, const struct place *at)
{
    r->counts->records++;
    return r->fn(r->arg, record, at);
}

/* ---- segments ---- */

static void damage_say(struct reading *r, const struct segment_item *it, int is_torn)
{
    if (is_torn && segment_is_open(r->path))
        return; /* it is being written */
    log_warn("%s: at byte %llu: %s; %llu bytes are left out", r->path, (unsigned long long)it->offset,
             it->what, (unsigned long long)it->lost);
    r->counts->damaged++;
}

/* What the reader of the file r->path has found.  is_plain: it->offset is the record's own place. */
static int segment_event(struct reading *r, enum segment_event e, const struct segment_item *it, int is_plain)
{
    if (e == SEGMENT_FAILED)
        return err_set(r->err, ERR_IO, "%s: cannot be read: %s", r->path, strerror(errno));
    if (e != SEGMENT_RECORD) {
        damage_say(r, it, e == SEGMENT_TORN);
        return 0;
    }
    if (mp_check(it->record, it->n, LIMIT_RECORD_DEPTH, NULL) < 0) {
        log_warn("%s: at byte %llu: no record; %zu bytes are left out", r->path,
                 (unsigned long long)it->offset, it->n);
        r->counts->damaged++;
        return 0;
    }
    if (is_plain && !r->file)
        r->file = diff_store_file(r->store, r->path);
    struct place at = { it->offset, (uint32_t)it->n, r->file };
    return record_give(r, (trommel_str){ (const char *)it->record, it->n }, is_plain ? &at : NULL);
}

static int fd_read(struct reading *r, int fd, int is_lasting)
{
    struct segment *s = segment_new(fd, 0, !segment_is_open(r->path));
    enum segment_event e = SEGMENT_RECORD;
    struct segment_item it;
    int rc = 0;

    if (!s)
        return err_set(r->err, ERR_NOMEM, "%s: out of memory", r->path);
    while (rc == 0 && (e = segment_next(s, &it)) != SEGMENT_END)
        rc = segment_event(r, e, &it, is_lasting && !segment_is_zstd(s));
    segment_free(s);
    return rc;
}

/* ---- JSON lines ---- */

static int line_read(struct reading *r, const struct buf *line, uint64_t number)
{
    json_error_t what = { .text = "longer than any record" };
    json_t *j = line->err ? NULL : json_loadb((const char *)line->data, line->len, JSON_ALLOW_NUL, &what);
    int rc = 0;

    buf_clear(&r->packed);
    if (json_is_object(j))
        mp_json(&r->packed, j);
    if (!json_is_object(j) || r->packed.err ||
        mp_check(r->packed.data, r->packed.len, LIMIT_RECORD_DEPTH, NULL) < 0) {
        log_warn("%s:%llu: no record as a JSON object (%s); the line is left out", r->path,
                 (unsigned long long)number, what.text[0] ? what.text : "another value");
        r->counts->damaged++;
    } else {
        rc = record_give(r, (trommel_str){ (const char *)r->packed.data, r->packed.len }, NULL);
    }
    json_decref(j);
    return rc;
}

/* The next line without its end; what is longer than any record is read over and leaves line->err.  0: none.
 */
static int line_next(FILE *f, struct buf *line)
{
    int c = getc_unlocked(f);

    buf_clear(line);
    if (c == EOF)
        return 0;
    for (; c != EOF && c != '\n'; c = getc_unlocked(f))
        buf_add_byte(line, (unsigned)c);
    return 1;
}

static int is_blank(const struct buf *line)
{
    size_t n = 0;

    while (n < line->len && line->data[n] && strchr(BLANKS, line->data[n]))
        n++;
    return n == line->len && !line->err;
}

static int lines_read(struct reading *r, FILE *f)
{
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    uint64_t number = 0;
    int rc = 0;

    while (rc == 0 && line_next(f, &line)) {
        number++;
        if (!is_blank(&line))
            rc = line_read(r, &line, number);
    }
    if (rc == 0 && ferror(f))
        rc = err_set(r->err, ERR_IO, "%s: cannot be read: %s", r->path, strerror(errno));
    buf_release(&line);
    return rc;
}

/* ---- one path ---- */

static int is_json(int fd)
{
    unsigned char head[64];
    ssize_t n = pread(fd, head, sizeof head, 0);

    for (ssize_t i = 0; i < n; i++)
        if (!head[i] || !strchr(BLANKS, head[i]))
            return head[i] == '{';
    return 0;
}

/* The file at the start of fd, which it takes. */
static int file_read(struct reading *r, int fd, int is_lasting)
{
    FILE *f = is_json(fd) ? fdopen(fd, "r") : NULL;
    int rc = f ? lines_read(r, f) : fd_read(r, fd, is_lasting);

    if (f)
        fclose(f);
    else
        close(fd);
    return rc;
}

/* What comes through a pipe is written down first: it may be of any form.  -1 with errno. */
static int pipe_copy(int from, FILE *f)
{
    char bytes[64 * 1024];
    ssize_t n;

    while ((n = read(from, bytes, sizeof bytes)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || fwrite(bytes, 1, (size_t)n, f) != (size_t)n)
            return -1;
    }
    return fflush(f);
}

static int pipe_read(struct reading *r, int from)
{
    FILE *f = diff_store_tmp(r->err);
    int fd = f && pipe_copy(from, f) == 0 ? dup(fileno(f)) : -1, code = errno;

    if (f)
        fclose(f);
    if (!f)
        return ERR_IO;
    if (fd < 0)
        return err_set(r->err, ERR_IO, "%s: cannot be written down: %s", r->path, strerror(code));
    lseek(fd, 0, SEEK_SET);
    return file_read(r, fd, 0);
}

/* A file by its name, which may also be a pipe. */
static int named_read(struct reading *r, const char *path)
{
    char *name = strdup(path);
    int fd = name ? segment_file_open(name) : -1, rc;
    struct stat st;

    r->path = name;
    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = err_set(r->err, ERR_USAGE,
                     "%s: %s; give a segment, the folder of a job or of segments, or JSON lines", path,
                     strerror(errno));
    } else if (S_ISREG(st.st_mode)) {
        rc = file_read(r, fd, 1);
    } else {
        rc = pipe_read(r, fd);
        close(fd);
    }
    free(name);
    return rc;
}

static int folder_read(struct reading *r, const char *dir)
{
    struct segments *s = segments_open(dir);
    enum segment_event e;
    struct segment_item it;
    char *last = NULL;
    int rc = 0;

    if (!s)
        return err_set(r->err, ERR_USAGE, "%s: %s", dir, strerror(errno));
    while (rc == 0 && (e = segments_next(s, &it)) != SEGMENT_END) {
        r->path = segments_path(s);
        if (!last || strcmp(last, r->path)) {
            free(last);
            last = strdup(r->path);
            r->file = 0;
        }
        rc = segment_event(r, e, &it, !segments_is_zstd(s));
    }
    free(last);
    segments_close(s);
    return rc;
}

static int is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A folder, of a job or of segments. */
static int any_folder_read(struct reading *r, const char *path)
{
    char sub[4200];
    struct segments *s;

    snprintf(sub, sizeof sub, "%.4000s/records", path);
    if (is_folder(sub))
        return folder_read(r, sub);
    s = segments_open(path);
    size_t n = s ? segments_count(s) : 0;
    segments_close(s);
    if (!n)
        return err_set(
            r->err, ERR_USAGE,
            "%s: has neither segments (NAME.msgpack) nor a folder records; give the folder of a job or "
            "of its records",
            path);
    return folder_read(r, path);
}

int diff_read(const char *path, struct diff_store *store, diff_read_fn *fn, void *arg,
              struct diff_read *counts, struct err *err)
{
    struct reading r = { .store = store, .fn = fn, .arg = arg, .counts = counts, .err = err, .path = path };
    int rc;

    buf_init(&r.packed, LIMIT_RECORD_BYTES + MIB);
    if (!strncmp(path, "file:", 5) && access(path, F_OK) != 0) /* as --out names it */
        r.path = path += strncmp(path, "file://", 7) ? 5 : 7;
    if (!strcmp(path, "-")) {
        r.path = "standard input";
        rc = pipe_read(&r, STDIN_FILENO);
    } else if (is_folder(path)) {
        rc = any_folder_read(&r, path);
    } else {
        rc = named_read(&r, path);
    }
    buf_release(&r.packed);
    return rc;
}
