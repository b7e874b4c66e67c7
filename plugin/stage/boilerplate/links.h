/* links: what each link of the page is for. */
#ifndef TROMMEL_BOILERPLATE_LINKS_H
#define TROMMEL_BOILERPLATE_LINKS_H
#include "page.h"

/* kind: TROMMEL_LINK_* a node, zeroed by the caller; content: 1 for nodes whose text is content. */
void links_judge(const struct page *pg, const uint8_t *content, uint8_t *kind);
#endif
