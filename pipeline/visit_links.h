/* visit_links: the links of a record as the frontier takes them. */
#ifndef TROMMEL_VISIT_LINKS_H
#define TROMMEL_VISIT_LINKS_H
#include "base/buf.h"
#include "base/limits.h"
#include "frontier/frontier.h"

/* Room for all links that a page may have. */
enum { LINKS_LIST_BYTES = LIMIT_LINKS * (LIMIT_URL_BYTES + 2) };
/* Adds the URLs of the record's links to *list: each with a byte before it (1: nofollow) and NUL-ended. Those
 * that say nofollow only if they are followed. */
void links_take(struct buf *list, trommel_str record, int follow_nofollow);
/* The list for the frontier: malloc'd, URLs borrowed from the buffer.  NULL with 0 if there is none. */
struct frontier_link *links_list(const struct buf *list, size_t *ret_n);
#endif
