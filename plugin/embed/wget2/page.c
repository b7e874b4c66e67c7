/* page: see page.h. */
#include "page.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../common/pipe.h"

enum { PATH_MOST = 4096, COPIES_MOST = 9999, BODY_MOST = 32 << 20 };

struct body {
    const char *p; /* wget2's, or own */
    size_t n;
    char *own;
    char path[PATH_MOST]; /* wget2's file of it; empty: there is none */
};

/* ---- the file ---- */

static int is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Of the names that wget2 may have given the file, the one that was written last, and not before *last. */
static void consider(const char *path, struct body *b, struct timespec *last)
{
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || is_before(&st.st_ctim, last))
        return;
    *last = st.st_ctim;
    snprintf(b->path, sizeof b->path, "%s", path);
}

/* page, page.html and so on (--adjust-extension), page.1 and so on (one of that name was there).  Where the
 * server names the file it may be none of these (--content-disposition), but one of an earlier run. */
static void file_find(const char *name, const struct answer *a, struct body *b)
{
    static const char *const ends[] = { "", ".html", ".css", ".atom", ".rss" };
    struct timespec last = { 0 };
    char path[PATH_MOST];

    if (answer_header(a, "Content-Disposition").n)
        last = a->since;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", name, ends[i]);
        consider(path, b, &last);
        for (int copy = 1; copy <= COPIES_MOST; copy++) {
            snprintf(path, sizeof path, "%s%s.%d", name, ends[i], copy);
            if (access(path, F_OK) != 0)
                break;
            consider(path, b, &last);
        }
    }
}

/* NULL, or why there is no page. */
static const char *file_read(struct body *b)
{
    FILE *f = fopen(b->path, "rbe");
    const char *failed = "unreadable";
    struct stat st;

    if (!f)
        return failed;
    if (fstat(fileno(f), &st) == 0 && (uint64_t)st.st_size > BODY_MOST) {
        failed = "too_large";
    } else if ((b->own = malloc((size_t)st.st_size + 1))) {
        b->p = b->own;
        b->n = fread(b->own, 1, (size_t)st.st_size, f);
        failed = ferror(f) || b->n != (size_t)st.st_size ? failed : NULL;
    }
    fclose(f);
    return failed;
}

/* --save-headers: the file begins with the answer's status line and headers. */
static void headers_skip(struct body *b, const struct answer *a)
{
    const char *line = a && a->head && a->head->length > 2 && b->n > 5 && memcmp(b->p, "HTTP/", 5) == 0
                           ? memchr(b->p, '\n', b->n)
                           : NULL;
    size_t n = line ? a->head->length : 0; /* its last two bytes are a line's end */

    if (!line++ || b->n - (size_t)(line - b->p) < n + 2 || memcmp(line, a->head->data, n) != 0 ||
        memcmp(line + n, "\r\n", 2) != 0)
        return;
    b->n -= (size_t)(line - b->p) + n + 2;
    b->p = line + n + 2;
}

/* ---- the body ---- */

/* wget2's size of it is that of the body it has. */
static int is_plain(api_file *file, const struct answer *a)
{
    trommel_str coding = answer_header(a, "Content-Encoding");

    if (!a)
        return file->vtable->file_get_size(file) > 0;
    if (a->status == 206 || a->status == 416)
        return 1;
    return !answer_header(a, "Transfer-Encoding").n &&
           (!coding.n || (coding.n == 8 && !strncasecmp(coding.p, "identity", 8)));
}

/* NULL, or why there is no page.  find_file: the file's name is needed in any case. */
static const char *body_get(api_file *file, const struct answer *a, int find_file, struct body *b)
{
    const char *name = file->vtable->file_get_local_filename(file), *failed = NULL;
    const void *p = NULL;
    int has_it = is_plain(file, a) && file->vtable->file_get_contents(file, &p, &b->n) == 0 && (p || !b->n);

    if (name && (find_file || !has_it))
        file_find(name, a, b);
    if (has_it) {
        b->p = p;
    } else if (!b->path[0]) {
        pipe_warn_once(
            "with --spider, --delete-after, or -O and -r wget2 hands over no body that came compressed or "
            "in chunks; those pages are recorded as failed, no_body");
        return "no_body";
    } else {
        failed = file_read(b);
    }
    if (!failed)
        headers_skip(b, a);
    return failed;
}

/* ---- the input ---- */

/* {protocol, truncated}, as msgpack. */
static trommel_str fetch_of(const struct answer *a, int is_cut)
{
    static const char *const maps[2][2] = {
        { "\x82\xa8protocol\xa8http/1.1\xa9truncated\xc2", "\x82\xa8protocol\xa8http/1.1\xa9truncated\xc3" },
        { "\x82\xa8protocol\xa2h2\xa9truncated\xc2", "\x82\xa8protocol\xa2h2\xa9truncated\xc3" },
    };

    if (!a)
        return (trommel_str){ 0 };
    const char *map = maps[a->is_h2][is_cut];
    return (trommel_str){ map, strlen(map) };
}

static trommel_input input_of(const char *url, const struct answer *a, int is_cut)
{
    return (trommel_input){
        .status = a && a->status != 416 ? (uint16_t)a->status : 200,
        .url = { url, strlen(url) },
        .content_type = answer_header(a, "Content-Type"),
        .headers = { a && a->head ? a->head->data : "", a && a->head ? a->head->length : 0 },
        .fetch = fetch_of(a, is_cut),
    };
}

/* The peer closed before all was sent.  wget2's size is what came, before it was decompressed. */
static int is_cut(api_file *file, const struct answer *a)
{
    trommel_str length = answer_header(a, "Content-Length");

    if (!a || a->status != 200)
        return 0;
    if (answer_header(a, "Transfer-Encoding").n || !length.n)
        return a->is_cut;
    return strtoull(length.p, NULL, 10) > file->vtable->file_get_size(file);
}

/* Length of the body as it was sent; 0: as it is now. */
static uint64_t bytes_sent(api_file *file, const struct answer *a)
{
    if (is_plain(file, a))
        return 0;
    return answer_header(a, "Transfer-Encoding").n ? a->chunk_bytes : file->vtable->file_get_size(file);
}

/* A coding that this wget2 does not know (zstd, before 2.0) stays on the body. */
static trommel_str coding_left(const struct answer *a, const struct body *b)
{
    trommel_str coding = answer_header(a, "Content-Encoding");
    int is_zstd = coding.n == 4 && strncasecmp(coding.p, "zstd", 4) == 0;

    return is_zstd && b->n > 4 && memcmp(b->p, "\x28\xb5\x2f\xfd", 4) == 0 ? coding : (trommel_str){ 0 };
}

void page_put(api_file *file, const char *url, const struct answer *a, int delete_file)
{
    struct body body = { 0 };
    int cut = is_cut(file, a);
    trommel_input in = input_of(url, a, cut);
    const char *failed = body_get(file, a, delete_file, &body);

    if (cut)
        failed = "truncated"; /* as in Trommel's own crawl */
    in.body = (trommel_str){ body.p, body.n };
    in.bytes = bytes_sent(file, a);
    in.content_encoding = coding_left(a, &body);
    if (failed)
        in.failed = (trommel_str){ failed, strlen(failed) };
    if (pipe_put(&in) == 0 && delete_file && body.path[0])
        unlink(body.path);
    free(body.own);
}

void page_put_none(const char *url, const struct answer *a)
{
    trommel_input in = input_of(url, a, a->is_cut);

    if (answer_header(a, "Transfer-Encoding").n)
        in.bytes = a->chunk_bytes;
    else if (!a->is_head && answer_header(a, "Content-Length").n)
        in.bytes = strtoull(answer_header(a, "Content-Length").p, NULL, 10);
    pipe_put(&in);
}
