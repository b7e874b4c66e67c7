/* rules: blocks that look like content and by custom are none; judged by structure, after the trees. */
#ifndef TROMMEL_BOILERPLATE_RULES_H
#define TROMMEL_BOILERPLATE_RULES_H
#include "page.h"

/* The page's headline, when it only says the document's title again: that is `meta.title`. */
int rule_title(const struct page *pg, uint32_t k);
/* A short list of nothing but links, set between the paragraphs of a text. */
int rule_teaser(const struct page *pg, uint32_t k);
/* One of a text's tags: in a list of short links whose class says so. */
int rule_tags(const struct page *pg, uint32_t k);
/* Who wrote a text and when, in a line of its own before the first paragraph: `meta` says that. */
int rule_byline(const struct page *pg, uint32_t k);
/* One of a run of links that stands outside the element that holds the prose: other items' titles, if the
 * page is about that prose. */
int rule_elsewhere(const struct page *pg, uint32_t k);
/* A heading in the element that holds the prose: between two kept blocks it is kept, too. */
int rule_heading(const struct page *pg, uint32_t k);
#endif
