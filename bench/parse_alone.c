/* parse_alone: what a page's way through parse/ costs beside lexbor's parser alone.
 *
 * Files (gzip or plain) are read before the clock starts.  Each is parsed by lexbor into one document that
 * is kept, and by parse_page (no content encoding, type text/html), in turns in one process, so that both
 * meet the same machine.  CPU time; one JSON line.  usage: parse_alone [-r ROUNDS] FILE... */
#include <lexbor/html/html.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/limits.h"
#include "parse/parse.h"

struct file {
    char *data;
    size_t size;
};

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int file_read(const char *path, struct file *ret)
{
    gzFile f = gzopen(path, "rb"); /* reads plain files as they are */
    size_t room = 0, n = 0;
    int got;

    *ret = (struct file){ 0 };
    if (!f)
        return -1;
    do {
        if (n == room) {
            room = room ? room * 2 : 1 << 16;
            ret->data = realloc(ret->data, room);
            if (!ret->data)
                abort();
        }
        got = gzread(f, ret->data + n, (unsigned)(room - n));
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    gzclose(f);
    ret->size = n;
    return got;
}

static double lexbor_run(lxb_html_document_t *doc, const struct file *f)
{
    double begin = cpu_ms();

    lxb_html_document_clean(doc);
    if (lxb_html_document_parse(doc, (const lxb_char_t *)f->data, f->size) != LXB_STATUS_OK)
        abort();
    return cpu_ms() - begin;
}

static double ours_run(struct parse *p, struct arena *a, const struct file *f)
{
    struct parse_output out;
    struct parse_input in = { .content_type = { "text/html", 9 }, .body = { f->data, f->size } };
    double begin = cpu_ms();

    arena_clear(a, 16 * MIB);
    if (parse_page(p, &in, a, &out) != 0)
        abort();
    return cpu_ms() - begin;
}

int main(int argc, char **argv)
{
    int rounds = 3, first = 1;
    double lexbor = 0, ours = 0, bytes = 0, pages = 0;
    struct arena a;

    if (argc > 2 && strcmp(argv[1], "-r") == 0) {
        rounds = atoi(argv[2]);
        first = 3;
    }
    if (first >= argc || rounds < 1) {
        fprintf(stderr, "usage: %s [-r ROUNDS] FILE...\n", argv[0]);
        return 2;
    }
    mallopt(M_TRIM_THRESHOLD, 512 * (int)MIB);
    mallopt(M_MMAP_THRESHOLD, 32 * (int)MIB);
    struct file *files = calloc((size_t)(argc - first), sizeof *files);
    lxb_html_document_t *doc = lxb_html_document_create();
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;
    struct parse *p = parse_new(&limits);
    if (!files || !doc || !p)
        abort();
    arena_init(&a, LIMIT_ARENA_BYTES);
    for (int i = first; i < argc; i++) {
        if (file_read(argv[i], &files[i - first]) < 0) {
            fprintf(stderr, "%s: cannot be read as a plain or gzip file\n", argv[i]);
            return 3;
        }
    }
    for (int r = 0; r <= rounds; r++) {
        for (int i = 0; i < argc - first; i++) {
            double l = lexbor_run(doc, &files[i]), o = ours_run(p, &a, &files[i]);
            if (r == 0) /* the first round warms up */
                continue;
            lexbor += l;
            ours += o;
            bytes += (double)files[i].size;
            pages++;
        }
    }
    printf("{\"pages\": %.0f, \"mean_bytes\": %.0f, \"lexbor_ms\": %.4f, \"parse_page_ms\": %.4f, \"ratio\": "
           "%.3f}\n",
           pages / rounds, bytes / pages, lexbor / pages, ours / pages, ours / lexbor);
    lxb_html_document_destroy(doc);
    parse_free(p);
    arena_release(&a);
    for (int i = 0; i < argc - first; i++)
        free(files[i].data);
    free(files);
    return 0;
}
