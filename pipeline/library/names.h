/* names: which text id stands behind which 16-byte id.
 *
 * The dedupe index knows ids of 16 bytes.  A caller's own ids are hashed for it; so that a record says
 * which page it repeats in the caller's words, the words are kept.  Grows with the pages that were
 * claimed, up to NAMES_MAX; later ones are named by their hash.  One thread. */
#ifndef TROMMEL_LIBRARY_NAMES_H
#define TROMMEL_LIBRARY_NAMES_H
#include <trommel/stage.h>

#include "index/dedupe.h"

enum { NAMES_MAX = 1 << 24 };

struct names {
    struct name *slots; /* open addressing; a power of two, at most half full */
    size_t n, cap;
};
/* Remembers; a full table or no memory is no error, the name is then unknown. */
void names_put(struct names *t, const uint8_t id[RECORD_ID_BYTES], trommel_str text);
trommel_str names_get(const struct names *t, const uint8_t id[RECORD_ID_BYTES]); /* empty: unknown */
void names_release(struct names *t);

/* dedupe_settle, with `cluster` and `of` in the caller's words where they are known. */
int names_settle(const struct names *t, struct buf *record, const struct dedupe_verdict *v,
                 trommel_str sketch);
#endif
