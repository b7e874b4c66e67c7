/* warc_make: a WARC of N pages, a gzip member a record, from the pages given, over and over, each time under
 * another URL.
 *
 *     warc_make N FILE... >OUT.warc.gz */
#include <libdeflate.h>

#include "bench/bench.h"

static void put(struct libdeflate_compressor *c, const char *record, size_t n)
{
    size_t room = libdeflate_gzip_compress_bound(c, n);
    char *out = malloc(room);
    size_t packed = libdeflate_gzip_compress(c, record, n, out, room);

    if (!packed || fwrite(out, 1, packed, stdout) != packed) {
        fprintf(stderr, "bench: the archive cannot be written\n");
        exit(3);
    }
    free(out);
}

static void put_page(struct libdeflate_compressor *c, const struct bench_page *page, size_t i)
{
    static const char http[] = "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 17:04:27 GMT\r\nServer: bench\r\n"
                               "Content-Type: text/html; charset=utf-8\r\nVary: Accept-Encoding\r\n\r\n";
    size_t block = sizeof http - 1 + page->n;
    char *record = malloc(block + 1000);
    int n = snprintf(
        record, 1000,
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:%08zx-0000-4000-8000-000000000000>\r\n"
        "WARC-Date: 2026-11-24T17:04:27Z\r\nWARC-Target-URI: http://h%zu.example/page/%zu\r\n"
        "WARC-IP-Address: 10.0.0.1\r\nContent-Type: application/http; msgtype=response\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        i, i % 50, i, block, http);

    memcpy(record + n, page->data, page->n);
    memcpy(record + n + page->n, "\r\n\r\n", 4);
    put(c, record, (size_t)n + page->n + 4);
    free(record);
}

int main(int argc, char **argv)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);
    size_t n = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;

    if (!n || !c) {
        fprintf(stderr, "usage: warc_make N FILE... >OUT.warc.gz\n");
        return 2;
    }
    struct bench_pages pages = bench_read_all(argv + 2, argc - 2);
    for (size_t i = 0; i < n; i++)
        put_page(c, &pages.at[i % pages.n], i);
    libdeflate_free_compressor(c);
    return fflush(stdout) ? 3 : 0;
}
