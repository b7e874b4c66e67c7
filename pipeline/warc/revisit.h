/* revisit: which payloads are in the archive already, and where.
 *
 * A journal holds an entry for each; memory holds 32 bytes for each, at most REVISIT_MOST (what comes after
 * is archived in full).  An entry is added when its capture is on disk, so whatever is found can be referred
 * to; one that a crash loses makes one more full copy.  revisit_find may be called from any thread, the
 * others from one at a time. */
#ifndef TROMMEL_WARC_REVISIT_H
#define TROMMEL_WARC_REVISIT_H
#include "base/err.h"
#include "base/limits.h"
#include "warc/build.h"

enum { REVISIT_MOST = 1 << 21 };

struct revisit;
struct revisit_found {
    struct warc_refers refers; /* its url lies in the text */
    char url[LIMIT_URL_BYTES];
};

/* Opens or makes the journal; a torn tail is cut. */
int revisit_open(const char *path, struct revisit **ret, struct err *err);
void revisit_close(struct revisit *r); /* NULL-safe */
/* key: of the payload without its transfer coding.  1 found, 0 not. */
int revisit_find(struct revisit *r, const uint8_t key[DIGEST_BYTES], struct revisit_found *ret);
/* Remembers a capture, unless its key is known already. */
void revisit_add(struct revisit *r, const uint8_t key[DIGEST_BYTES], const struct warc_refers *capture);
/* Writes what was added.  An error leaves it to be written the next time. */
int revisit_sync(struct revisit *r);
uint32_t revisit_count(const struct revisit *r);
#endif
