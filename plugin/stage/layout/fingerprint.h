/* fingerprint: one number for a page's template.
 *
 * The set of containers near the root, each as the path of its tags with id and first class.  Digits are
 * left out (post-123), repetition does not count, and what lies below main and article is the page's own,
 * not its template's.  So pages of one template are equal, and the host plays no part. */
#ifndef TROMMEL_LAYOUT_FINGERPRINT_H
#define TROMMEL_LAYOUT_FINGERPRINT_H
#include "dom.h"

#define FINGERPRINT_LEVELS 6u   /* depth of the deepest container that counts; html is 1 */
#define FINGERPRINT_MAX    512u /* containers that count */

struct fingerprint {
    uint64_t seen[2 * FINGERPRINT_MAX]; /* hashes of paths, open addressing; 0: free */
    uint64_t path[FINGERPRINT_LEVELS + 1]; /* path of the open element by depth; 0: not below it */
    uint64_t sum;
    unsigned n;
};

/* Takes up the page's elements in order.  Only those up to FINGERPRINT_LEVELS deep matter. */
void fingerprint_add(struct fingerprint *f, const trommel_dom *d, const trommel_node *x);
uint64_t fingerprint_get(const struct fingerprint *f);
#endif
