/* names: from element and attribute names to our numbers (trommel/names.h), and from lexbor's ids to both.
 *
 * lexbor's ids of known names are small integers that shift between its releases; those of other names
 * are pointers that live as long as a page.  So the small ones are mapped once, by name. */
#ifndef TROMMEL_PARSE_NAMES_H
#define TROMMEL_PARSE_NAMES_H
#include <lexbor/dom/dom.h>
#include <lexbor/tag/tag.h>
#include <stddef.h>
#include <stdint.h>

enum { NAMES_SLOTS = 2048 }; /* a power of two, several times the number of names */

struct names {
    uint16_t tag_slot[NAMES_SLOTS], attr_slot[NAMES_SLOTS];
    uint16_t tag_of[LXB_TAG__LAST_ENTRY];
    uint16_t attr_of[LXB_DOM_ATTR__LAST_ENTRY];
};

void names_init(struct names *t);
/* The number of a name in lower case; 0: not in the table. */
uint32_t names_tag(const struct names *t, const char *name, size_t n);
uint32_t names_attr(const struct names *t, const char *name, size_t n);
#endif
