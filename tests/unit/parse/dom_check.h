/* dom_check: what every flat page promises (trommel/stage.h), whatever it was made from.  Used by the unit
 * tests and the fuzz target. */
#ifndef TROMMEL_TESTS_DOM_CHECK_H
#define TROMMEL_TESTS_DOM_CHECK_H
#include <string.h>
#include <trommel/names.h>
#include <trommel/stage.h>

#include "parse/charset.h"

static inline int range_ok(uint32_t at, uint32_t n, uint32_t total)
{
    return at <= total && n <= total - at;
}

static inline const char *attr_check(const trommel_dom *d, uint32_t k)
{
    const trommel_attr *a = TROMMEL_ATTR(d, k);

    if (!range_ok(a->name, a->name_n, d->n_strs) || a->name_n == 0)
        return "attribute name out of range";
    if (!range_ok(a->val, a->val_n, d->n_strs))
        return "attribute value out of range";
    if (a->key >= TROMMEL_A_COUNT_)
        return "attribute key unknown";
    for (uint32_t i = 0; i < a->name_n; i++)
        if (d->strs[a->name + i] >= 'A' && d->strs[a->name + i] <= 'Z')
            return "attribute name not in lower case";
    if (utf8_valid(d->strs + a->val, a->val_n) != a->val_n)
        return "attribute value not UTF-8";
    return NULL;
}

static inline const char *node_check(const trommel_dom *d, uint32_t i, uint32_t depth_max)
{
    const trommel_node *n = TROMMEL_NODE(d, i);

    if (n->end <= i || n->end > d->n_nodes)
        return "end out of range";
    if (n->depth > depth_max)
        return "too deep";
    if (i == 0)
        return n->kind == TROMMEL_NODE_DOCUMENT && n->parent == TROMMEL_NONE && n->end == d->n_nodes &&
                       n->depth == 0
                   ? NULL
                   : "node 0 is not the whole document";
    if (n->parent >= i)
        return "parent not before its child";
    const trommel_node *p = TROMMEL_NODE(d, n->parent);
    if (p->depth + 1 != n->depth || n->end > p->end || p->kind == TROMMEL_NODE_TEXT)
        return "not inside its parent";
    if (n->next != TROMMEL_NONE) {
        if (n->next != n->end || n->next >= p->end || TROMMEL_NODE(d, n->next)->parent != n->parent)
            return "next is no sibling";
    } else if (n->end != p->end) {
        return "a sibling is missing";
    }
    if (n->kind != TROMMEL_NODE_ELEMENT && n->kind != TROMMEL_NODE_TEXT)
        return "kind unknown";
    if (n->kind == TROMMEL_NODE_TEXT && (n->end != i + 1 || n->attr_n || n->text_n == 0))
        return "text node with children or without text";
    if (n->kind == TROMMEL_NODE_ELEMENT && n->tag == 0 && n->text_n == 0)
        return "element without a name";
    if (n->tag >= TROMMEL_TAG_COUNT_)
        return "tag unknown";
    if (!range_ok(n->text, n->text_n, d->n_strs))
        return "text out of range";
    if (utf8_valid(d->strs + n->text, n->text_n) != n->text_n)
        return "text not UTF-8";
    if (!range_ok(n->attr, n->attr_n, d->n_attrs))
        return "attributes out of range";
    return NULL;
}

/* NULL, or what is wrong. */
static inline const char *dom_check(const trommel_dom *d, uint32_t nodes_max, uint32_t depth_max)
{
    const char *bad = NULL;

    if (d->struct_size != sizeof *d || d->node_size != sizeof(trommel_node) ||
        d->attr_size != sizeof(trommel_attr))
        return "sizes";
    if (d->n_nodes == 0 || d->n_nodes > nodes_max)
        return "number of nodes";
    for (uint32_t i = 0; !bad && i < d->n_nodes; i++)
        bad = node_check(d, i, depth_max);
    for (uint32_t k = 0; !bad && k < d->n_attrs; k++)
        bad = attr_check(d, k);
    return bad;
}
#endif
