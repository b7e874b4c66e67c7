/* whole: the chain's cost, from the bytes received to the finished record, all processes counted, as a ratio to
 * lexbor's parse alone of the same bytes in the same run.
 *
 *     whole [-c CHAIN.yaml] [-n ROUNDS] [-w WORKERS] [-l LEG] FILE...
 *
 * Both are measured in child processes of their own, in turn, ROUNDS times; the medians are printed as one JSON
 * line.  CPU time, not wall time.  The baseline keeps its memory (M_TRIM_THRESHOLD, as the workers do) and one
 * document for all pages. */
#include <lexbor/html/html.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <trommel/trommel.h>

#include "bench/bench.h"

enum { ROUNDS_MOST = 25 };

static void parse_all(const struct bench_pages *pages)
{
    lxb_html_document_t *doc = lxb_html_document_create();

    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_MMAP_THRESHOLD, 256 << 20);
    for (size_t i = 0; i < pages->n; i++) {
        lxb_html_document_parse(doc, (const lxb_char_t *)pages->at[i].data, pages->at[i].n);
        lxb_html_document_clean(doc);
    }
    lxb_html_document_destroy(doc);
}

static void drop_record(void *arg, void *user, const trommel_result *r)
{
    *(size_t *)arg += r->record.n > 0;
}

static void fail(const trommel_error *err)
{
    fprintf(stderr, "bench: %s\n", err->text);
    _exit(3);
}

static void chain_all(const struct bench_pages *pages, const char *config, unsigned workers)
{
    size_t records = 0;
    trommel_error err = { .struct_size = sizeof err };
    trommel_options opt = { .struct_size = sizeof opt, .workers = workers, .config = config, .on_record = drop_record, .arg = &records };
    trommel *t;

    if (trommel_open(&opt, &t, &err) < 0)
        fail(&err);
    for (size_t i = 0; i < pages->n; i++) {
        char id[32];
        int n = snprintf(id, sizeof id, "%zu", i);
        trommel_input in = {
            .struct_size = sizeof in,
            .id = { id, (size_t)n },
            .content_type = { "text/html; charset=utf-8", 24 },
            .body = { pages->at[i].data, pages->at[i].n },
        };
        int rc;
        while ((rc = trommel_submit(t, &in, NULL, &err)) == TROMMEL_FULL)
            if (trommel_dispatch(t, -1, &err) < 0)
                fail(&err);
        if (rc < 0)
            fail(&err);
    }
    if (trommel_flush(t, -1, &err) < 0)
        fail(&err);
    trommel_close(t);
    if (records != pages->n) {
        fprintf(stderr, "bench: %zu records of %zu pages\n", records, pages->n);
        _exit(3);
    }
}

/* CPU seconds of one round in a child: its own and its workers'. */
static double round_of(const struct bench_pages *pages, int whole, const char *config, unsigned workers)
{
    int status, fd[2];
    double cpu = -1;

    if (pipe(fd) < 0)
        exit(3);
    pid_t pid = fork();
    if (pid == 0) {
        double before = bench_cpu(RUSAGE_SELF);
        if (whole)
            chain_all(pages, config, workers);
        else
            parse_all(pages);
        cpu = bench_cpu(RUSAGE_SELF) - before + bench_cpu(RUSAGE_CHILDREN);
        _exit(write(fd[1], &cpu, sizeof cpu) != sizeof cpu);
    }
    close(fd[1]);
    if (read(fd[0], &cpu, sizeof cpu) != sizeof cpu || waitpid(pid, &status, 0) < 0 || status)
        exit(3);
    close(fd[0]);
    return cpu;
}

int main(int argc, char **argv)
{
    const char *config = NULL, *leg = "whole";
    int rounds = 5, c;
    unsigned workers = 1;
    double parse[ROUNDS_MOST], chain[ROUNDS_MOST], ratio[ROUNDS_MOST];

    while ((c = getopt(argc, argv, "c:n:w:l:")) != -1) {
        if (c == 'c')
            config = optarg;
        else if (c == 'n')
            rounds = atoi(optarg);
        else if (c == 'w')
            workers = (unsigned)atoi(optarg);
        else if (c == 'l')
            leg = optarg;
        else
            return 2;
    }
    if (optind == argc || rounds < 1 || rounds > ROUNDS_MOST) {
        fprintf(stderr, "usage: whole [-c CHAIN.yaml] [-n ROUNDS (1 to %d)] [-w WORKERS] [-l LEG] FILE...\n", ROUNDS_MOST);
        return 2;
    }
    struct bench_pages pages = bench_read_all(argv + optind, argc - optind);
    for (int i = 0; i < rounds; i++) {
        parse[i] = round_of(&pages, 0, NULL, 0);
        chain[i] = round_of(&pages, 1, config, workers);
        ratio[i] = chain[i] / parse[i];
    }
    double n = (double)pages.n;
    printf("{\"leg\":\"%s\",\"pages\":%zu,\"bytes\":%zu,\"rounds\":%d,\"parse_ms\":%.4f,\"ms\":%.4f,\"ratio\":%.3f}\n", leg,
           pages.n, pages.bytes, rounds, bench_median(parse, rounds) / n * 1e3, bench_median(chain, rounds) / n * 1e3,
           bench_median(ratio, rounds));
    return 0;
}
