/* warc_bare: the least that reading a WARC takes: each gzip member unpacked by libdeflate, the head of the
 * record and the HTTP message in it read line by line.  Prints pages and bytes of their bodies.
 *
 *     warc_bare FILE.warc.gz       against `trommel replay --chain none`
 *     warc_bare -c FILE.warc.gz    the default chain called in this process on each page as well: against
 * `trommel replay`
 *
 * Knows no damage, no streams, no members over 64 MiB, and trusts every length. */
#include <fcntl.h>
#include <libdeflate.h>

#include "bench/chain_call.h"

enum { IN_BYTES = 8 << 20, OUT_BYTES = 64 << 20 };

struct message {
    const char *url, *type, *body;
    size_t url_n, type_n, body_n;
    int status;
};

static int is_name(const char *p, size_t n, const char *name)
{
    return n == strlen(name) && !strncasecmp(p, name, n);
}

/* Reads lines up to an empty one; returns where what follows begins.  Values of two fields are kept. */
static const char *fields(const char *p, const char *end, const char *a, const char **a_at, size_t *a_n,
                          const char *b, const char **b_at, size_t *b_n)
{
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p)), *colon;
        if (!lf || lf - p <= 1)
            return lf ? lf + 1 : end;
        colon = memchr(p, ':', (size_t)(lf - p));
        if (colon && colon + 2 < lf) {
            const char *value = colon + 2, *stop = lf[-1] == '\r' ? lf - 1 : lf;
            if (is_name(p, (size_t)(colon - p), a)) {
                *a_at = value;
                *a_n = (size_t)(stop - value);
            } else if (is_name(p, (size_t)(colon - p), b)) {
                *b_at = value;
                *b_n = (size_t)(stop - value);
            }
        }
        p = lf + 1;
    }
    return end;
}

/* 1: the record is a page. */
static int page_read(const char *p, size_t n, struct message *m)
{
    const char *kind = NULL, *encoding = NULL;
    size_t kind_n = 0, encoding_n = 0;

    *m = (struct message){ 0 };
    p = fields(p, p + n, "WARC-Type", &kind, &kind_n, "WARC-Target-URI", &m->url, &m->url_n);
    if (kind_n != 8 || memcmp(kind, "response", 8) != 0 || strncmp(p, "HTTP/", 5) != 0)
        return 0;
    const char *end = strstr(p, " ");
    m->status = end ? atoi(end) : 0;
    m->body = fields(p, m->url + n, "Content-Type", &m->type, &m->type_n, "Transfer-Encoding", &encoding,
                     &encoding_n);
    return m->status >= 200 && m->status <= 299 && !encoding_n;
}

static void chain_call(struct bench_chain *chain, const struct message *m, size_t i)
{
    struct pool_page page = { .head = { .status = 200,
                                        .fetched_ms = 1764000000000,
                                        .bytes = m->body_n,
                                        .url = { m->url, m->url_n },
                                        .final_url = { m->url, m->url_n } },
                              .content_type = { m->type, m->type_n },
                              .body = { m->body, m->body_n } };

    memcpy(page.head.id, &i, sizeof i);
    bench_chain_page(chain, &page);
}

int main(int argc, char **argv)
{
    int with_chain = argc == 3 && !strcmp(argv[1], "-c"), fd = argc > 1 ? open(argv[argc - 1], O_RDONLY) : -1;
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    char *in = malloc(IN_BYTES), *out = malloc(OUT_BYTES + 1);
    size_t at = 0, len = 0, pages = 0, bytes = 0;
    struct bench_chain chain;
    ssize_t got = 1;

    if (fd < 0 || argc > 3 || !d || !in || !out) {
        fprintf(stderr, "usage: warc_bare [-c] FILE.warc.gz\n");
        return 2;
    }
    if (with_chain)
        bench_chain_open(&chain, NULL);
    while (got > 0 || at < len) {
        size_t used, n;
        struct message m;
        if (got > 0 && len - at < IN_BYTES / 2) {
            memmove(in, in + at, len -= at);
            at = 0;
            if ((got = read(fd, in + len, (size_t)(1 << 20) < IN_BYTES - len ? 1 << 20 : IN_BYTES - len)) > 0)
                len += (size_t)got;
            continue;
        }
        if (libdeflate_gzip_decompress_ex(d, in + at, len - at, out, OUT_BYTES, &used, &n))
            bench_fail("a member cannot be unpacked");
        at += used;
        out[n] = 0;
        if (!page_read(out, n, &m))
            continue;
        m.body_n = (size_t)(out + n - m.body) - 4; /* behind it are two line ends */
        pages++;
        bytes += m.body_n;
        if (with_chain)
            chain_call(&chain, &m, pages);
    }
    if (with_chain)
        bench_chain_close(&chain);
    printf("{\"pages\":%zu,\"bytes\":%zu}\n", pages, bytes);
    return 0;
}
