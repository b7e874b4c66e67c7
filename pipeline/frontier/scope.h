/* scope: which links belong to the crawl, judged against the seeds.
 *
 * A root is a seed's host and its path up to the last slash.  Scheme and port never matter.
 *   host    the same host name as a root's
 *   domain  the same registrable domain (public suffix list); an address, or a name without one: the host
 *   prefix  the same host, and a path that begins with the root's
 *   any     everything
 * Roots are kept as hashes: eight bytes each, however many seeds there are. */
#ifndef TROMMEL_FRONTIER_SCOPE_H
#define TROMMEL_FRONTIER_SCOPE_H
#include "frontier/frontier.h"

struct scope;
struct scope *scope_new(enum frontier_scope kind);
void scope_free(struct scope *s); /* NULL-safe */
/* host and path as url_split gives them. */
void scope_add(struct scope *s, trommel_str host, trommel_str path);
int scope_has(const struct scope *s, trommel_str host, trommel_str path);
/* The part of a path that counts: up to and with its last slash. */
trommel_str scope_prefix(trommel_str path);
/* "example.com." is "example.com". */
trommel_str scope_host(trommel_str host);
#endif
