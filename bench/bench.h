/* bench: what the legs share: reading pages, CPU time, medians. */
#ifndef TROMMEL_BENCH_H
#define TROMMEL_BENCH_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

struct bench_page {
    char *data;
    size_t n;
};
struct bench_pages {
    struct bench_page *at;
    size_t n, bytes;
};

/* Reads a page, gunzipped if it is gzip; exits with a message if it can't. */
static inline struct bench_page bench_read(const char *path)
{
    struct bench_page p = { NULL, 0 };
    size_t cap = 1 << 16;
    gzFile f = gzopen(path, "rb");
    int got = 0;

    p.data = malloc(cap);
    while (f && p.data && (got = gzread(f, p.data + p.n, (unsigned)(cap - p.n))) > 0) {
        p.n += (size_t)got;
        if (p.n == cap)
            p.data = realloc(p.data, cap *= 2);
    }
    if (!f || !p.data || got < 0) {
        fprintf(stderr, "bench: %s: cannot be read; name files that are there\n", path);
        exit(3);
    }
    gzclose(f);
    return p;
}

static inline struct bench_pages bench_read_all(char **paths, int n)
{
    struct bench_pages all = { calloc((size_t)n + 1, sizeof *all.at), (size_t)n, 0 };

    for (int i = 0; i < n; i++) {
        all.at[i] = bench_read(paths[i]);
        all.bytes += all.at[i].n;
    }
    return all;
}

static inline double bench_seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* User and system time of `who` (RUSAGE_SELF, RUSAGE_CHILDREN), seconds. */
static inline double bench_cpu(int who)
{
    struct rusage r;

    getrusage(who, &r);
    return bench_seconds(r.ru_utime) + bench_seconds(r.ru_stime);
}

static inline int bench_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static inline double bench_median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, bench_order);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
#endif
