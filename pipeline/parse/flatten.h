/* flatten: lexbor's tree, or lines of plain text, as the flat page of trommel/stage.h. */
#ifndef TROMMEL_PARSE_FLATTEN_H
#define TROMMEL_PARSE_FLATTEN_H
#include <trommel/stage.h>

#include "base/arena.h"
#include "parse/names.h"
#include "parse/tree.h"

enum { FLAT_CACHE = 512 };

/* Names seen on this page, by lexbor's id. */
struct flat_name {
    uintptr_t id;
    uint32_t page, key, name, name_n;
};

/* What is kept from page to page. */
struct flattener {
    struct names names;
    struct flat_name cache[FLAT_CACHE];
    uint32_t page;
};

void flattener_init(struct flattener *f);
/* 0 or ERR_LIMIT (arena spent).  Over nodes_max or depth_max: *ret says TROMMEL_DOM_CLAMPED. */
int flatten_tree(struct flattener *f, const struct tree *t, uint32_t text_bytes, struct arena *a,
                 trommel_dom *ret);
int flatten_plain(trommel_str text, uint32_t nodes_max, struct arena *a, trommel_dom *ret);
/* Where the first <base href> is, or TROMMEL_NONE: the attribute's index. */
uint32_t flat_base(const trommel_dom *dom);
#endif
