/* source: files and standard input; see source.h. */
#include "command/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/limits.h"
#include "parse/url.h"

enum { KEEP_BYTES = 64 * 1024, ARENA_BYTES = 4 * LIMIT_HEADER_BYTES };

void source_init(struct source *s)
{
    memset(s, 0, sizeof *s);
    buf_init(&s->body, LIMIT_BODY_BYTES + 1);
    arena_init(&s->arena, ARENA_BYTES);
}

void source_clear(struct source *s)
{
    struct buf body = s->body;
    struct arena arena = s->arena;

    buf_clear(&body);
    arena_clear(&arena, KEEP_BYTES);
    memset(s, 0, sizeof *s);
    s->body = body;
    s->arena = arena;
}

void source_release(struct source *s)
{
    buf_release(&s->body);
    arena_release(&s->arena);
}

/* What a name's ending says.  Others are sniffed. */
static const struct {
    const char *ending, *type;
} endings[] = {
    { "html", "text/html" },
    { "htm", "text/html" },
    { "shtml", "text/html" },
    { "xhtml", "application/xhtml+xml" },
    { "xht", "application/xhtml+xml" },
    { "txt", "text/plain" },
    { "text", "text/plain" },
    { "md", "text/plain" },
    { "markdown", "text/plain" },
    { "log", "text/plain" },
    { "xml", "application/xml" },
    { "json", "application/json" },
    { "pdf", "application/pdf" },
    { "css", "text/css" },
    { "js", "text/javascript" },
    { "png", "image/png" },
    { "jpg", "image/jpeg" },
    { "jpeg", "image/jpeg" },
    { "gif", "image/gif" },
    { "webp", "image/webp" },
    { "svg", "image/svg+xml" },
    { "zip", "application/zip" },
    { "mp4", "video/mp4" },
    { "mp3", "audio/mpeg" },
};
static const struct {
    const char *ending, *coding;
} codings[] = { { "gz", "gzip" }, { "br", "br" }, { "zst", "zstd" } };

static int ends_in(const char *name, size_t n, const char *ending)
{
    size_t k = strlen(ending);

    return n > k + 1 && name[n - k - 1] == '.' && !strncasecmp(name + n - k, ending, k);
}

static void type_from_name(struct source *s, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++)
        if (ends_in(name, n, codings[i].ending)) {
            s->content_encoding = (trommel_str){ codings[i].coding, strlen(codings[i].coding) };
            n -= strlen(codings[i].ending) + 1;
            break;
        }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_in(name, n, endings[i].ending))
            s->content_type = (trommel_str){ endings[i].type, strlen(endings[i].type) };
}

static void no_bytes(struct source *s, const char *reason, const char *message)
{
    s->reason = reason;
    snprintf(s->message, sizeof s->message, "%s", message);
}

static void unreadable(struct source *s, int error)
{
    no_bytes(s,
             error == ENOENT || error == ENOTDIR ? "not_found"
             : error == EISDIR                   ? "is_directory"
                                                 : "unreadable",
             error == EISDIR ? "is a directory; name the files in it" : strerror(error));
}

static void read_all(struct source *s, int fd)
{
    for (;;) {
        size_t step = s->body.len < 64 * KIB ? 64 * KIB : s->body.len;
        if (step > LIMIT_BODY_BYTES + 1 - s->body.len)
            step = LIMIT_BODY_BYTES + 1 - s->body.len;
        unsigned char *room = step ? buf_room(&s->body, step) : NULL;
        if (!room) {
            snprintf(s->message, sizeof s->message, "is over the limit of %u bytes for one page",
                     LIMIT_BODY_BYTES);
            s->reason = s->body.err == ERR_NOMEM ? "no_memory" : "too_large";
            buf_clear(&s->body);
            return;
        }
        ssize_t n = read(fd, room, step);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            unreadable(s, errno);
        if (n <= 0)
            return;
        s->body.len += (size_t)n;
    }
}

void source_file(struct source *s, const char *path)
{
    int from_stdin = !strcmp(path, "-");
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        unreadable(s, errno);
        return;
    }
    if (!from_stdin)
        type_from_name(s, path);
    read_all(s, fd);
    if (!from_stdin)
        close(fd);
}

int is_web_url(const char *text)
{
    return !strncasecmp(text, "http://", 7) || !strncasecmp(text, "https://", 8);
}

int is_url(const char *text)
{
    struct url_parser *u = url_parser_new();
    struct arena arena;
    trommel_str url;

    if (!u)
        abort();
    arena_init(&arena, 256 * KIB);
    int rc = url_resolve(u, (trommel_str){ 0 }, (trommel_str){ text, strlen(text) }, &arena, &url);
    arena_release(&arena);
    url_parser_free(u);
    return rc == 0;
}
