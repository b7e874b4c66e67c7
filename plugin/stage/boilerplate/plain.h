/* plain: which lines of a plain text are its prose.  Rules, since a plain text has no structure to learn
 * from: where prose begins and ends, and which runs of short lines or bullets inside it are text. */
#ifndef TROMMEL_BOILERPLATE_PLAIN_H
#define TROMMEL_BOILERPLATE_PLAIN_H
#include "page.h"

/* Sets keep (a byte a block) for a page made of plain text, where a block is a line.  *ret_wrapped: lines
 * are broken at a column, so they belong together.  Returns how sure it is, 0 to 1. */
float plain_keep(const struct page *pg, uint8_t *keep, int *ret_wrapped);
#endif
