/* json: JSON as it is found on pages, into a flat array.
 *
 * Forgives trailing and missing commas, comments, CDATA and HTML comment wrappers, several roots, control
 * characters and bare quotes in strings, an end cut off.  Nodes are in pre-order, so that a subtree is a
 * range; nothing recurses.  Depth, nodes and bytes are bounded; what is over is left out. */
#ifndef TROMMEL_STAGE_METADATA_JSON_H
#define TROMMEL_STAGE_METADATA_JSON_H
#include "plugin/stage/metadata/meta.h"

enum { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_LITERAL }; /* literal: number, true, false, null */

struct json_node {
    uint8_t type, depth;
    uint32_t parent, end; /* subtree: [i, end) */
    str key;              /* in an object: its name, as written; else empty */
    str val;              /* string: as written between the quotes; literal: its text */
};

struct json {
    uint32_t n, max;
    struct json_node *node;
};

/* Appends the roots of one text. */
void json_read(struct json *j, str text, uint32_t depth_max);
/* The value of a key in object i, or TROMMEL_NONE. */
uint32_t json_get(const struct json *j, uint32_t i, const char *key);
/* A string or number as clean text (escapes and entities decoded), at most max bytes; else empty. */
str json_text(struct meta *m, const struct json *j, uint32_t i, size_t max);
#endif
