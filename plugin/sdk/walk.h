/* walk: ways through the flat page, for stage authors.  All static; nothing allocates.
 *
 *     const trommel_dom *d = host->dom(page);
 *     SDK_EACH_ELEMENT(d, 0, i)
 *         if (sdk_is(d, i, TROMMEL_TAG_A) && sdk_attr_get(d, i, TROMMEL_A_HREF, &href))
 *             …
 *
 * A node is named by its index, a uint32_t; TROMMEL_NONE stands for none.  0 is the document.  "Inside root"
 * means the nodes of root's subtree, root itself left out, in document order; root may be any node, and a
 * page without nodes has nothing inside.  Loops cost one step a node.  To leave the subtree of i out, set i
 * to sdk_last(d, i) in the loop.
 *
 * Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_SDK_WALK_H
#define TROMMEL_SDK_WALK_H
#include "dom.h"

/* ---- steps ---- */

/* One past the last node inside root. */
SDK_INLINE uint32_t sdk_end(const trommel_dom *d, uint32_t root)
{
    return root < d->n_nodes ? TROMMEL_NODE(d, root)->end : 0;
}

/* The last node inside i, or i itself. */
SDK_INLINE uint32_t sdk_last(const trommel_dom *d, uint32_t i)
{
    return TROMMEL_NODE(d, i)->end - 1;
}

SDK_INLINE uint32_t sdk_parent(const trommel_dom *d, uint32_t i)
{
    return i < d->n_nodes ? TROMMEL_NODE(d, i)->parent : TROMMEL_NONE;
}

/* First child and following sibling, of any kind. */
SDK_INLINE uint32_t sdk_child(const trommel_dom *d, uint32_t i)
{
    return i < d->n_nodes && TROMMEL_NODE(d, i)->end > i + 1 ? i + 1 : TROMMEL_NONE;
}

SDK_INLINE uint32_t sdk_sibling(const trommel_dom *d, uint32_t i)
{
    return i < d->n_nodes ? TROMMEL_NODE(d, i)->next : TROMMEL_NONE;
}

/* i, or its first following sibling that is an element.  i may be TROMMEL_NONE. */
SDK_INLINE uint32_t sdk_element_from(const trommel_dom *d, uint32_t i)
{
    while (i < d->n_nodes && TROMMEL_NODE(d, i)->kind != TROMMEL_NODE_ELEMENT)
        i = TROMMEL_NODE(d, i)->next;
    return i < d->n_nodes ? i : TROMMEL_NONE;
}

/* First child element and following sibling element. */
SDK_INLINE uint32_t sdk_child_element(const trommel_dom *d, uint32_t i)
{
    return sdk_element_from(d, sdk_child(d, i));
}

SDK_INLINE uint32_t sdk_sibling_element(const trommel_dom *d, uint32_t i)
{
    return sdk_element_from(d, sdk_sibling(d, i));
}

/* The next node of that kind (TROMMEL_NODE_*) inside root, behind `after`; begin with after = root. */
SDK_INLINE uint32_t sdk_next(const trommel_dom *d, uint32_t root, uint32_t after, unsigned kind)
{
    uint32_t end = sdk_end(d, root);

    for (uint32_t i = after + 1; i < end; i++)
        if (TROMMEL_NODE(d, i)->kind == kind)
            return i;
    return TROMMEL_NONE;
}

/* Is i an HTML element of that number? */
SDK_INLINE int sdk_is(const trommel_dom *d, uint32_t i, uint32_t tag)
{
    const trommel_node *x = TROMMEL_NODE(d, i);

    return x->tag == tag && x->kind == TROMMEL_NODE_ELEMENT && x->ns == TROMMEL_NS_HTML;
}

/* The next HTML element of that number inside root, behind `after`; begin with after = root. */
SDK_INLINE uint32_t sdk_next_tag(const trommel_dom *d, uint32_t root, uint32_t after, uint32_t tag)
{
    uint32_t end = sdk_end(d, root);

    for (uint32_t i = after + 1; i < end; i++)
        if (TROMMEL_NODE(d, i)->tag == tag && sdk_is(d, i, tag))
            return i;
    return TROMMEL_NONE;
}

/* The nearest ancestor that is an HTML element of that number. */
SDK_INLINE uint32_t sdk_ancestor_tag(const trommel_dom *d, uint32_t i, uint32_t tag)
{
    for (i = sdk_parent(d, i); i < d->n_nodes; i = TROMMEL_NODE(d, i)->parent)
        if (sdk_is(d, i, tag))
            return i;
    return TROMMEL_NONE;
}

/* ---- loops: each declares i, a uint32_t ---- */

#define SDK_EACH_KIND_(d, root, i, kind)                                                                     \
    for (uint32_t i = sdk_next(d, root, root, kind); i != TROMMEL_NONE; i = sdk_next(d, root, i, kind))

/* Elements inside root; text nodes inside root. */
#define SDK_EACH_ELEMENT(d, root, i) SDK_EACH_KIND_(d, root, i, TROMMEL_NODE_ELEMENT)
#define SDK_EACH_TEXT(d, root, i)    SDK_EACH_KIND_(d, root, i, TROMMEL_NODE_TEXT)
/* HTML elements of one number inside root. */
#define SDK_EACH_TAG(d, root, tag, i)                                                                        \
    for (uint32_t i = sdk_next_tag(d, root, root, tag); i != TROMMEL_NONE; i = sdk_next_tag(d, root, i, tag))
/* Children of any kind; children that are elements. */
#define SDK_EACH_CHILD(d, parent, i)                                                                         \
    for (uint32_t i = sdk_child(d, parent); i != TROMMEL_NONE; i = sdk_sibling(d, i))
#define SDK_EACH_CHILD_ELEMENT(d, parent, i)                                                                 \
    for (uint32_t i = sdk_child_element(d, parent); i != TROMMEL_NONE; i = sdk_sibling_element(d, i))
/* From the parent upwards; the document is the last. */
#define SDK_EACH_ANCESTOR(d, node, i)                                                                        \
    for (uint32_t i = sdk_parent(d, node); i != TROMMEL_NONE; i = sdk_parent(d, i))

/* ---- texts and attributes: views into the page, never copies ---- */

/* A text node's bytes, as they stand in the page with entities decoded. */
SDK_INLINE trommel_str sdk_text_of(const trommel_dom *d, uint32_t i)
{
    const trommel_node *x = TROMMEL_NODE(d, i);

    return x->kind == TROMMEL_NODE_TEXT ? sdk_str(d->strs + x->text, x->text_n) : sdk_str("", 0);
}

/* The attribute of that number (TROMMEL_A_*): 1 and *ret (perhaps empty), or 0 and *ret empty. */
SDK_INLINE int sdk_attr_get(const trommel_dom *d, uint32_t i, uint32_t key, trommel_str *ret)
{
    const trommel_attr *a = sdk_attr(d, TROMMEL_NODE(d, i), key);

    *ret = a ? sdk_str(d->strs + a->val, a->val_n) : sdk_str("", 0);
    return a != NULL;
}

/* The same by name, for attributes that have no number.  name: in lower case, as the flat page has it. */
SDK_INLINE int sdk_attr_named(const trommel_dom *d, uint32_t i, const char *name, trommel_str *ret)
{
    const trommel_node *x = TROMMEL_NODE(d, i);
    size_t n = strlen(name);

    for (uint32_t k = 0; k < x->attr_n; k++) {
        const trommel_attr *a = TROMMEL_ATTR(d, x->attr + k);
        if (a->name_n == n && !memcmp(d->strs + a->name, name, n)) {
            *ret = sdk_str(d->strs + a->val, a->val_n);
            return 1;
        }
    }
    *ret = sdk_str("", 0);
    return 0;
}

/* White space as HTML has it. */
SDK_INLINE int sdk_is_space(char c)
{
    return c <= ' ' && (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f');
}

/* Bytes of white space at p (n > 0 bytes left), that of Unicode too, or 0.  *ret_drop: it is a character that
 * is never seen (soft hyphen, zero-width space, byte order mark). */
SDK_INLINE size_t sdk_space_at(const char *p, size_t n, int *ret_drop)
{
    unsigned char a = (unsigned char)p[0], b, c;

    *ret_drop = 0;
    if (a < 0x80)
        return sdk_is_space(p[0]);
    if (n < 2 || (a != 0xc2 && a != 0xe1 && a != 0xe2 && a != 0xe3 && a != 0xef))
        return 0;
    b = (unsigned char)p[1];
    if (a == 0xc2) { /* no-break space; soft hyphen */
        *ret_drop = b == 0xad;
        return b == 0xa0 || b == 0xad ? 2 : 0;
    }
    c = n > 2 ? (unsigned char)p[2] : 0;
    if ((a == 0xe2 && b == 0x80 && c == 0x8b) || (a == 0xef && b == 0xbb && c == 0xbf)) {
        *ret_drop = 1; /* zero-width space, byte order mark */
        return 3;
    }
    return (a == 0xe2 && b == 0x80 && ((c >= 0x80 && c <= 0x8a) || c == 0xa8 || c == 0xa9 || c == 0xaf)) ||
                   (a == 0xe2 && b == 0x81 && c == 0x9f) || (a == 0xe3 && b == 0x80 && c == 0x80) ||
                   (a == 0xe1 && b == 0x9a && c == 0x80)
               ? 3
               : 0;
}

SDK_INLINE int sdk_str_is(trommel_str s, const char *p, size_t n)
{
    return s.n == n && (!n || !memcmp(s.p, p, n));
}

/* s without white space at its ends. */
SDK_INLINE trommel_str sdk_trim(trommel_str s)
{
    while (s.n && sdk_is_space(s.p[s.n - 1]))
        s.n--;
    while (s.n && sdk_is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    return s;
}

/* Does the element have this class?  Case counts. */
SDK_INLINE int sdk_has_class(const trommel_dom *d, uint32_t i, const char *name)
{
    trommel_str s;
    size_t n = strlen(name), at = 0;

    sdk_attr_get(d, i, TROMMEL_A_CLASS, &s);
    while (at < s.n) {
        size_t from = at;
        while (at < s.n && !sdk_is_space(s.p[at]))
            at++;
        if (n && sdk_str_is(sdk_str(s.p + from, at - from), name, n))
            return 1;
        at++;
    }
    return 0;
}

/* The first element inside root with this id, or TROMMEL_NONE. */
SDK_INLINE uint32_t sdk_by_id(const trommel_dom *d, uint32_t root, const char *id)
{
    size_t n = strlen(id);
    trommel_str s;

    SDK_EACH_ELEMENT(d, root, i)
        if (sdk_attr_get(d, i, TROMMEL_A_ID, &s) && sdk_str_is(s, id, n))
            return i;
    return TROMMEL_NONE;
}
#endif
