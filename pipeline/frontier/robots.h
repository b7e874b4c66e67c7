/* robots: a robots.txt by RFC 9309, parsed for one crawler.
 *
 * Keeps the rules of the groups that name the crawler's product token (all of them merged), or, if none
 * does, those for `*`.  The longest matching pattern decides, Allow wins a tie, nothing matching allows.
 * Paths are compared with their percent-encoding made equal (RFC 9309 2.2.2).  Reads at most
 * LIMIT_ROBOTS_BYTES; the time of a look-up is bounded, and what would take longer is forbidden.
 * Crawl-delay and Sitemap, which the RFC leaves to others, are kept too. */
#ifndef TROMMEL_FRONTIER_ROBOTS_H
#define TROMMEL_FRONTIER_ROBOTS_H
#include <stdint.h>
#include <trommel/stage.h>

enum { ROBOTS_SITEMAPS = 256, ROBOTS_DELAY_MAX_MS = 60000 };

struct robots;
/* Copies what it needs of `body`.  user_agent: "name/version (…)"; its leading letters, `_` and `-` are the
 * product token.  Never fails: what is no robots.txt has no rules. */
struct robots *robots_parse(trommel_str body, trommel_str user_agent);
void robots_free(struct robots *r); /* NULL-safe */
/* target: path and query as in a normalised URL. */
int robots_allows(const struct robots *r, trommel_str target);
uint32_t robots_delay_ms(const struct robots *r); /* 0: none said; at most ROBOTS_DELAY_MAX_MS */
size_t robots_sitemaps(const struct robots *r);
trommel_str robots_sitemap(const struct robots *r, size_t i); /* as written */
size_t robots_bytes(const struct robots *r);                  /* memory it takes */
#endif
