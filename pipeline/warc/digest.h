/* digest: SHA-1 as archives write it: "sha1:" and Base32 (RFC 4648).
 *
 * Not a matter of security: it is what every other tool of the field compares. */
#ifndef TROMMEL_WARC_DIGEST_H
#define TROMMEL_WARC_DIGEST_H
#include <trommel/stage.h>

enum { DIGEST_BYTES = 20, DIGEST_TEXT = 5 + 32 + 1 };

void digest_of(const void *p, size_t n, uint8_t ret[DIGEST_BYTES]);
/* Of the payload of a chunked body: without its framing.  A body that ends early counts as far as it goes. */
void digest_of_chunked(const void *p, size_t n, uint8_t ret[DIGEST_BYTES]);
void digest_text(const uint8_t digest[DIGEST_BYTES], char ret[DIGEST_TEXT]);
#endif
