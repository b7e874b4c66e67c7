/* digest: see digest.h. */
#include "warc/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "parse/chunked.h"

enum { PIECE_BYTES = 16384 };

void digest_of(const void *p, size_t n, uint8_t ret[DIGEST_BYTES])
{
    if (EVP_Digest(p ? p : "", n, ret, NULL, EVP_sha1(), NULL) != 1)
        abort(); /* out of memory */
}

void digest_of_chunked(const void *p, size_t n, uint8_t ret[DIGEST_BYTES])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char piece[PIECE_BYTES];
    struct chunked c;
    size_t at = 0;
    long k = 0;

    chunked_init(&c);
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) != 1)
        abort();
    while (at < n && k >= 0 && !chunked_done(&c)) {
        size_t got;
        k = chunked_read(&c, (const char *)p + at, n - at < sizeof piece ? n - at : sizeof piece, piece,
                         &got);
        EVP_DigestUpdate(ctx, piece, got);
        at += k > 0 ? (size_t)k : 0;
    }
    EVP_DigestFinal_ex(ctx, ret, NULL);
    EVP_MD_CTX_free(ctx);
}

void digest_text(const uint8_t digest[DIGEST_BYTES], char ret[DIGEST_TEXT])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char *out = ret + 5;

    memcpy(ret, "sha1:", 5);
    for (int i = 0; i < DIGEST_BYTES; i += 5) {
        uint64_t v = 0;
        for (int k = 0; k < 5; k++)
            v = v << 8 | digest[i + k];
        for (int k = 35; k >= 0; k -= 5)
            *out++ = letters[v >> k & 31];
    }
    *out = 0;
}
