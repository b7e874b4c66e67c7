/* chunked: the first byte says how the rest is cut into pieces.  No input may crash, read past its end, give
 * more bytes than came, or give others when it is cut differently. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parse/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static long read_all(const uint8_t *p, size_t n, size_t step, uint8_t *out, size_t *ret_n)
{
    struct chunked c;
    size_t at = 0;
    long rc = 0;

    chunked_init(&c);
    *ret_n = 0;
    while (at < n && rc >= 0 && !chunked_done(&c)) {
        size_t k = n - at < step ? n - at : step, got;
        rc = chunked_read(&c, p + at, k, out + *ret_n, &got);
        *ret_n += got;
        at += rc > 0 ? (size_t)rc : 0;
    }
    return rc < 0 ? rc : (long)at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    size_t step = data[0] ? data[0] : 1, whole_n, cut_n;
    uint8_t *whole = malloc(n), *cut = malloc(n);

    if (!whole || !cut)
        abort();
    long rc = read_all(data + 1, n - 1, n, whole, &whole_n);
    if (rc != read_all(data + 1, n - 1, step, cut, &cut_n) || whole_n != cut_n || whole_n >= n ||
        memcmp(whole, cut, whole_n))
        abort();
    free(whole);
    free(cut);
    return 0;
}
