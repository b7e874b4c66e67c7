/* parse_alone: what decoding, charset, parsing and flattening cost together, as a ratio to lexbor's parse alone of
 * the same bytes in the same process.
 *
 *     parse_alone [-n ROUNDS] FILE...
 *
 * Bodies as an HTTP response without content coding would give them, with the charset named.  Both keep one parser
 * and their memory from page to page, as a worker does; in turn, page by page, so that neither has the caches to
 * itself.  CPU time; medians over the rounds; one JSON line. */
#include <lexbor/html/html.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "bench/bench.h"
#include "parse/parse.h"

enum { ROUNDS_MOST = 25, ARENA_KEEP = 16 * 1024 * 1024 };

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double parse_bare(lxb_html_document_t *doc, const struct bench_page *p)
{
    double begin = cpu_ms();

    lxb_html_document_parse(doc, (const lxb_char_t *)p->data, p->n);
    lxb_html_document_clean(doc);
    return cpu_ms() - begin;
}

static double parse_ours(struct parse *parse, struct arena *a, const struct bench_page *p)
{
    struct parse_input in = { .content_type = { "text/html; charset=utf-8", 24 }, .body = { p->data, p->n } };
    struct parse_output out;
    double begin = cpu_ms();

    parse_page(parse, &in, a, &out);
    arena_clear(a, ARENA_KEEP);
    return cpu_ms() - begin;
}

int main(int argc, char **argv)
{
    double bare[ROUNDS_MOST] = { 0 }, ours[ROUNDS_MOST] = { 0 }, ratio[ROUNDS_MOST];
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;
    struct arena arena;
    int rounds = 3, c;

    while ((c = getopt(argc, argv, "n:")) != -1) {
        if (c != 'n')
            return 2;
        rounds = atoi(optarg);
    }
    if (optind == argc || rounds < 1 || rounds > ROUNDS_MOST) {
        fprintf(stderr, "usage: parse_alone [-n ROUNDS (1 to %d)] FILE...\n", ROUNDS_MOST);
        return 2;
    }
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    struct bench_pages pages = bench_read_all(argv + optind, argc - optind);
    lxb_html_document_t *doc = lxb_html_document_create();
    struct parse *parse = parse_new(&limits);
    arena_init(&arena, LIMIT_ARENA_BYTES);
    for (int r = -1; r < rounds; r++) /* the first round warms up */
        for (size_t i = 0; i < pages.n; i++) {
            double x = parse_bare(doc, &pages.at[i]), y = parse_ours(parse, &arena, &pages.at[i]);
            if (r >= 0)
                bare[r] += x, ours[r] += y;
        }
    for (int r = 0; r < rounds; r++)
        ratio[r] = ours[r] / bare[r];
    double n = (double)pages.n;
    printf("{\"leg\":\"parse\",\"pages\":%zu,\"bytes\":%zu,\"rounds\":%d,\"parse_ms\":%.4f,\"ms\":%.4f,\"ratio\":%.3f}\n", pages.n,
           pages.bytes, rounds, bench_median(bare, rounds) / n, bench_median(ours, rounds) / n, bench_median(ratio, rounds));
    parse_free(parse);
    lxb_html_document_destroy(doc);
    arena_release(&arena);
    return 0;
}
