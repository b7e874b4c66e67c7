/* pages: see pages.h. */
#include "pages.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "base/limits.h"

double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int is_page(const struct dirent *d)
{
    return strstr(d->d_name, ".html") != NULL;
}

static int body_read(const char *path, struct page_file *f)
{
    gzFile in = gzopen(path, "rb");
    size_t cap = 1 << 20;
    int got = 0;

    f->body = in ? malloc(cap) : NULL;
    f->body_n = 0;
    while (f->body && (got = gzread(in, f->body + f->body_n, (unsigned)(cap - f->body_n))) > 0) {
        f->body_n += (size_t)got;
        if (f->body_n == cap)
            f->body = realloc(f->body, cap *= 2);
    }
    if (in)
        gzclose(in);
    return f->body && !got ? 0 : -1;
}

static void url_read(const char *dir, struct page_file *f)
{
    char path[4096];
    json_t *truth, *url;

    snprintf(path, sizeof path, "%s/ground-truth/%s.json", dir, f->id);
    truth = json_load_file(path, 0, NULL);
    url = json_object_get(truth, "url");
    snprintf(f->url, sizeof f->url, "%s", json_is_string(url) ? json_string_value(url) : "");
    json_decref(truth);
}

int pages_each(const char *dir, page_fn *each, void *arg)
{
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;
    struct parse *parse = parse_new(&limits);
    struct dirent **names;
    struct arena arena;
    char path[4096];
    int n, done = 0;

    snprintf(path, sizeof path, "%s/html", dir);
    n = scandir(path, &names, is_page, alphasort);
    if (n < 0 || !parse) {
        fprintf(stderr, "%s: no folder of pages: it must hold html/ID.html.gz\n", path);
        return -1;
    }
    arena_init(&arena, LIMIT_ARENA_BYTES);
    for (int i = 0; i < n; i++) {
        struct page_file f = { .url = "" };
        snprintf(f.id, sizeof f.id, "%.*s", (int)(strstr(names[i]->d_name, ".html") - names[i]->d_name),
                 names[i]->d_name);
        snprintf(path, sizeof path, "%s/html/%s", dir, names[i]->d_name);
        url_read(dir, &f);
        if (body_read(path, &f) == 0) {
            struct parse_input in = { .url = { f.url, strlen(f.url) }, .content_type = { "text/html", 9 },
                                      .body = { f.body, f.body_n } };
            double from = cpu_ns();
            if (parse_page(parse, &in, &arena, &f.parsed) == 0 && f.parsed.kind != PARSE_NONE) {
                each(&f, &arena, cpu_ns() - from, arg);
                done++;
            } else {
                fprintf(stderr, "%s: not parsed (%s)\n", f.id, f.parsed.reason ? f.parsed.reason : "memory");
            }
        }
        free(f.body);
        arena_clear(&arena, 64 * MIB);
        free(names[i]);
    }
    free(names);
    arena_release(&arena);
    parse_free(parse);
    return done;
}

FILE *pages_out(const char *prefix, const char *ext)
{
    char path[4096];

    snprintf(path, sizeof path, "%s.%s", prefix, ext);
    FILE *f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(3);
    }
    return f;
}
