/* postings: from a shingle's hash to the pages that have it; internal to index/.
 *
 * One open-addressed table of {fingerprint, page}, 8 bytes a posting; equal fingerprints stand side by side.
 * A fingerprint with POSTINGS_HOT pages is a common phrase: it takes no more and is not looked up.  Chance
 * hits of the 32-bit fingerprints are for the caller to see through. */
#ifndef TROMMEL_INDEX_POSTINGS_H
#define TROMMEL_INDEX_POSTINGS_H
#include <stddef.h>
#include <stdint.h>

#define POSTINGS_HOT 64

struct posting {
    uint32_t key, page; /* page: its number plus 1; 0: empty */
};
struct postings {
    struct posting *slots;
    size_t n;
    unsigned bits;
};
/* ERR_NOMEM or 0. */
int postings_add(struct postings *p, uint64_t hash, unsigned width, uint32_t page);
void postings_remove(struct postings *p, uint64_t hash, unsigned width, uint32_t page);
/* The pages with this hash; 0 if it is hot. */
unsigned postings_get(const struct postings *p, uint64_t hash, unsigned width, uint32_t pages[POSTINGS_HOT]);
void postings_release(struct postings *p);
#endif
