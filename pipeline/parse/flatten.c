/* flatten: see flatten.h.
 *
 * One walk over lexbor's tree in document order.  A node's place follows from its depth alone: `open`
 * holds the node that is open at each depth, a new one at depth d closes all from d on and has the one at
 * d - 1 as its parent.  So nodes below the depth limit become siblings there without more ado.
 *
 * The three arrays grow in the arena by copying; first sizes come from what the tree builder counted, so
 * that copying is rare. */
#include "parse/flatten.h"

#include <string.h>
#include <trommel/names.h>

#include "base/err.h"
#include "base/limits.h"

enum { ATTR_NAME_MAX = 1024, ATTRS_MOST = 16 * 1024, DEPTH_MOST = 4096,
       STRS_MOST = 64 * MIB, NAME_CUT = 16 };

struct flat {
    struct flattener *f;
    struct arena *a;
    trommel_node *node;
    trommel_attr *attr;
    char *strs;
    uint32_t n_nodes, n_attrs, n_strs, node_cap, attr_cap, strs_cap;
    uint32_t nodes_max, depth_max, top; /* top: depth of the deepest open node */
    int err, clamped;
    uint32_t open[DEPTH_MOST + 1];
};

/* ---- arrays that grow -------------------------------------------------------------------------- */

static void *array_grow(struct flat *x, const void *old, size_t size, uint32_t n, uint32_t need,
                        uint32_t *cap)
{
    uint64_t want = (uint64_t)*cap * 2 > (uint64_t)n + need ? (uint64_t)*cap * 2 : (uint64_t)n + need;

    if (x->err)
        return NULL;
    if (want >= UINT32_MAX) {
        x->err = ERR_LIMIT;
        return NULL;
    }
    void *p = arena_alloc(x->a, want * size, 0);
    if (!p) {
        x->err = ERR_LIMIT;
        return NULL;
    }
    if (n)
        memcpy(p, old, n * size);
    *cap = (uint32_t)want;
    return p;
}

static int strs_room(struct flat *x, size_t n)
{
    if (n <= x->strs_cap - x->n_strs)
        return 1;
    if (n >= UINT32_MAX / 2) {
        x->err = ERR_LIMIT;
        return 0;
    }
    char *p = array_grow(x, x->strs, 1, x->n_strs, (uint32_t)n, &x->strs_cap);
    if (!p)
        return 0;
    x->strs = p;
    return 1;
}

/* Attributes are copied with the formatting elements that are made anew, so little can become much. */
static int strs_over(struct flat *x, size_t n)
{
    if (n <= STRS_MOST && x->n_strs <= STRS_MOST - n)
        return 0;
    x->clamped = 1;
    return 1;
}

static uint32_t strs_add(struct flat *x, const void *p, size_t n)
{
    uint32_t at = x->n_strs;

    if (n == 0 || !strs_room(x, n))
        return at;
    memcpy(x->strs + at, p, n);
    x->n_strs += (uint32_t)n;
    return at;
}

static trommel_node *node_add(struct flat *x, uint32_t depth)
{
    if (x->n_nodes >= x->nodes_max) {
        x->clamped = 1;
        return NULL;
    }
    if (x->n_nodes == x->node_cap) {
        trommel_node *p = array_grow(x, x->node, sizeof *p, x->n_nodes, 1, &x->node_cap);
        if (!p)
            return NULL;
        x->node = p;
    }
    uint32_t id = x->n_nodes++;
    if (depth > x->depth_max) {
        depth = x->depth_max;
        x->clamped = 1;
    }
    while (id && x->top >= depth) { /* close what is open at this depth and below */
        trommel_node *closed = &x->node[x->open[x->top]];
        closed->end = id;
        if (x->top-- == depth)
            closed->next = id;
    }
    x->top = depth;
    x->open[depth] = id;
    trommel_node *node = &x->node[id];
    *node = (trommel_node){
        .parent = depth ? x->open[depth - 1] : TROMMEL_NONE,
        .next = TROMMEL_NONE,
        .attr = x->n_attrs,
        .depth = (uint16_t)depth,
    };
    return node;
}

static void flat_close(struct flat *x)
{
    for (uint32_t d = 0; x->n_nodes && d <= x->top; d++)
        x->node[x->open[d]].end = x->n_nodes;
}

static int is_space(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != ' ' && p[i] != '\n' && p[i] != '\t' && p[i] != '\r' && p[i] != '\f')
            return 0;
    return 1;
}

/* ---- names and attributes ---------------------------------------------------------------------- */

static void lower_copy(char *to, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 0x20) : p[i];
}

/* The name's bytes are written once a page, or once more after another name took its cache slot. */
static const struct flat_name *attr_name(struct flat *x, const lxb_dom_attr_t *attr)
{
    /* A prefixed name (xlink:href) is known by its whole name; else the local name is in lower case. */
    uintptr_t id = attr->node.prefix && attr->qualified_name ? attr->qualified_name : attr->node.local_name;
    struct flat_name *name = &x->f->cache[(id ^ id >> 6 ^ id >> 15) % FLAT_CACHE];

    if (name->id == id && name->page == x->f->page)
        return name;
    const lxb_dom_attr_data_t *data = lxb_dom_attr_data_by_id(NULL, id);
    if (!data || data->entry.length > ATTR_NAME_MAX || strs_over(x, data->entry.length) ||
        !strs_room(x, data->entry.length))
        return NULL;
    char *at = x->strs + x->n_strs;
    lower_copy(at, (const char *)lexbor_hash_entry_str(&data->entry), data->entry.length);
    *name = (struct flat_name){
        .id = id,
        .page = x->f->page,
        .name = x->n_strs,
        .name_n = (uint32_t)data->entry.length,
    };
    name->key = id < LXB_DOM_ATTR__LAST_ENTRY ? x->f->names.attr_of[id]
                                              : names_attr(&x->f->names, at, name->name_n);
    x->n_strs += name->name_n;
    return name;
}

static void attr_add(struct flat *x, trommel_node *node, const lxb_dom_attr_t *attr)
{
    const struct flat_name *name = attr_name(x, attr);

    if (!name)
        return;
    if (x->n_attrs == x->attr_cap) {
        trommel_attr *p = array_grow(x, x->attr, sizeof *p, x->n_attrs, 1, &x->attr_cap);
        if (!p)
            return;
        x->attr = p;
    }
    size_t n = attr->value && attr->value->data ? attr->value->length : 0;
    if (strs_over(x, n))
        n = 0;
    uint32_t val = strs_add(x, n ? attr->value->data : NULL, n);
    if (x->err)
        return;
    x->attr[x->n_attrs++] = (trommel_attr){
        .key = name->key, .name = name->name, .name_n = name->name_n, .val = val, .val_n = (uint32_t)n
    };
    node->attr_n++;
}

static uint8_t ns_of(const lxb_dom_node_t *n)
{
    return n->ns == LXB_NS_HTML ? TROMMEL_NS_HTML
         : n->ns == LXB_NS_SVG  ? TROMMEL_NS_SVG
         : n->ns == LXB_NS_MATH ? TROMMEL_NS_MATH
                                : TROMMEL_NS_OTHER;
}

/* At most n bytes, and no part of a character. */
static size_t cut_length(const lxb_char_t *p, size_t n)
{
    while (n && (p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void element_add(struct flat *x, const lxb_dom_node_t *n, uint32_t depth, uint8_t flags)
{
    trommel_node *node = node_add(x, depth);

    if (!node)
        return;
    node->kind = TROMMEL_NODE_ELEMENT;
    node->ns = ns_of(n);
    node->flags = flags;
    node->tag = n->local_name < LXB_TAG__LAST_ENTRY ? x->f->names.tag_of[n->local_name] : 0;
    if (node->tag == 0) {
        size_t len = 0;
        const lxb_char_t *name = lxb_tag_name_by_id(n->local_name, &len);
        if (n->local_name >= LXB_TAG__LAST_ENTRY && name)
            node->tag = names_tag(&x->f->names, (const char *)name, len);
        if (node->tag == 0 && name) {
            size_t most = strs_over(x, len) ? NAME_CUT : ATTR_NAME_MAX;
            node->text = strs_add(x, name, len < most ? len : cut_length(name, most));
            node->text_n = x->n_strs - node->text;
        }
    }
    for (const lxb_dom_attr_t *at = ((const lxb_dom_element_t *)n)->first_attr; at; at = at->next) {
        if (x->err || node->attr_n == ATTRS_MOST)
            break;
        attr_add(x, node, at);
    }
}

static void text_add(struct flat *x, const lxb_dom_node_t *n, uint32_t depth, uint8_t flags)
{
    const lexbor_str_t *s = &((const lxb_dom_character_data_t *)n)->data;

    if (s->length == 0 || strs_over(x, s->length))
        return;
    trommel_node *last = x->n_nodes ? &x->node[x->n_nodes - 1] : NULL;
    int space = is_space((const char *)s->data, s->length);
    if (last && last->kind == TROMMEL_NODE_TEXT &&
        last->depth == (depth < x->depth_max ? depth : x->depth_max) && n->prev &&
        last->text + last->text_n == x->n_strs) {
        strs_add(x, s->data, s->length); /* only a comment was between the two */
        last->text_n = x->n_strs - last->text;
        if (!space)
            last->flags &= (uint8_t)~TROMMEL_NODE_F_SPACE;
        return;
    }
    trommel_node *node = node_add(x, depth);
    if (!node)
        return;
    node->kind = TROMMEL_NODE_TEXT;
    node->flags = (uint8_t)(flags | (space ? TROMMEL_NODE_F_SPACE : 0));
    node->text = strs_add(x, s->data, s->length);
    node->text_n = x->n_strs - node->text;
}

/* ---- the walk ---------------------------------------------------------------------------------- */

static int is_template(const lxb_dom_node_t *n)
{
    return n->type == LXB_DOM_NODE_TYPE_ELEMENT && n->local_name == LXB_TAG_TEMPLATE && n->ns == LXB_NS_HTML;
}

static lxb_dom_node_t *first_child(lxb_dom_node_t *n)
{
    if (is_template(n)) {
        lxb_dom_document_fragment_t *content = lxb_html_interface_template(n)->content;
        if (content && content->node.first_child)
            return content->node.first_child;
    }
    return n->first_child;
}

/* What a parent hands down to its children. */
static uint8_t flags_below(const lxb_dom_node_t *n, uint8_t flags)
{
    if (is_template(n))
        flags |= TROMMEL_NODE_F_TEMPLATE;
    if (n->type == LXB_DOM_NODE_TYPE_ELEMENT && n->local_name == LXB_TAG_NOSCRIPT)
        flags |= TROMMEL_NODE_F_NOSCRIPT;
    return flags;
}

static lxb_dom_node_t *parent_of(lxb_dom_node_t *n)
{
    lxb_dom_node_t *parent = n->parent;

    if (parent && parent->type == LXB_DOM_NODE_TYPE_DOCUMENT_FRAGMENT)
        return lxb_dom_interface_node(((lxb_dom_document_fragment_t *)parent)->host);
    return parent;
}

static void walk(struct flat *x, lxb_dom_node_t *root)
{
    uint8_t flags[DEPTH_MOST + 1]; /* of the children, by depth; below the limit they share one entry */
    uint32_t depth = 0;

    flags[0] = 0;
    for (lxb_dom_node_t *n = first_child(root); n;) {
        uint32_t above = depth < x->depth_max ? depth : x->depth_max;
        uint8_t f = flags[above];
        lxb_dom_node_t *child = NULL;
        if (n->type == LXB_DOM_NODE_TYPE_ELEMENT) {
            element_add(x, n, depth + 1, f);
            child = first_child(n);
        } else if (n->type == LXB_DOM_NODE_TYPE_TEXT || n->type == LXB_DOM_NODE_TYPE_CDATA_SECTION) {
            text_add(x, n, depth + 1, f);
        }
        if (x->err || (x->clamped && x->n_nodes >= x->nodes_max))
            return;
        if (child) {
            depth++;
            if (depth < x->depth_max)
                flags[depth] = flags_below(n, f);
            else
                flags[x->depth_max] = flags_below(n, f);
            n = child;
            continue;
        }
        while (n && !n->next) {
            n = parent_of(n);
            if (!n || n == root)
                return;
            depth--;
        }
        n = n->next;
    }
}

static int flat_begin(struct flat *x, uint32_t nodes, uint32_t attrs, uint32_t strs)
{
    x->node = array_grow(x, NULL, sizeof *x->node, 0, nodes, &x->node_cap);
    x->attr = array_grow(x, NULL, sizeof *x->attr, 0, attrs, &x->attr_cap);
    x->strs = array_grow(x, NULL, 1, 0, strs, &x->strs_cap);
    if (x->err)
        return x->err;
    trommel_node *node = node_add(x, 0);
    if (node)
        node->kind = TROMMEL_NODE_DOCUMENT;
    return x->err;
}

static int flat_end(struct flat *x, uint32_t flags, trommel_dom *ret)
{
    if (x->err)
        return x->err;
    flat_close(x);
    *ret = (trommel_dom){
        .struct_size = sizeof *ret,
        .node_size = sizeof(trommel_node),
        .attr_size = sizeof(trommel_attr),
        .n_nodes = x->n_nodes,
        .n_attrs = x->n_attrs,
        .n_strs = x->n_strs,
        .flags = flags | (x->clamped ? TROMMEL_DOM_CLAMPED : 0),
        .nodes = x->node,
        .attrs = x->attr,
        .strs = x->strs,
    };
    return 0;
}

void flattener_init(struct flattener *f)
{
    memset(f, 0, sizeof *f);
    names_init(&f->names);
}

static void flat_setup(struct flat *x, struct arena *a, uint32_t nodes_max, uint32_t depth_max)
{
    memset(x, 0, offsetof(struct flat, open));
    x->a = a;
    x->nodes_max = nodes_max ? nodes_max : 1;
    x->depth_max = depth_max < DEPTH_MOST ? depth_max : DEPTH_MOST;
}

int flatten_tree(struct flattener *f, const struct tree *t, uint32_t text_bytes, struct arena *a,
                 trommel_dom *ret)
{
    struct flat x;

    flat_setup(&x, a, t->nodes_max, t->depth_max);
    x.f = f;
    x.clamped = t->clamped;
    if (++f->page == 0) { /* wrapped: old entries would look new */
        memset(f->cache, 0, sizeof f->cache);
        f->page = 1;
    }
    int err = flat_begin(&x, t->nodes + 16, t->attrs + 16, text_bytes + 4096);
    if (err)
        return err;
    walk(&x, lxb_dom_interface_node(t->doc));
    return flat_end(&x, 0, ret);
}

uint32_t flat_base(const trommel_dom *dom)
{
    for (uint32_t i = 0; i < dom->n_nodes; i++) {
        const trommel_node *n = TROMMEL_NODE(dom, i);
        if (n->tag != TROMMEL_TAG_BASE || n->ns != TROMMEL_NS_HTML || (n->flags & TROMMEL_NODE_F_TEMPLATE))
            continue;
        for (uint32_t k = n->attr; k < n->attr + n->attr_n; k++)
            if (TROMMEL_ATTR(dom, k)->key == TROMMEL_A_HREF)
                return k;
    }
    return TROMMEL_NONE;
}

/* ---- plain text -------------------------------------------------------------------------------- */

static void plain_element(struct flat *x, uint32_t tag, uint32_t depth)
{
    trommel_node *node = node_add(x, depth);

    if (!node)
        return;
    node->kind = TROMMEL_NODE_ELEMENT;
    node->tag = tag;
}

static void plain_line(struct flat *x, const char *p, size_t n)
{
    while (n && is_space(p + n - 1, 1))
        n--;
    if (n == 0)
        return;
    plain_element(x, TROMMEL_TAG_P, 3);
    trommel_node *node = node_add(x, 4);
    if (!node)
        return;
    node->kind = TROMMEL_NODE_TEXT;
    node->text = strs_add(x, p, n);
    node->text_n = x->n_strs - node->text;
}

int flatten_plain(trommel_str text, uint32_t nodes_max, struct arena *a, trommel_dom *ret)
{
    struct flat x;
    const char *end = text.p + text.n;

    flat_setup(&x, a, nodes_max, 8);
    int err = flat_begin(&x, 256, 1, (uint32_t)text.n + 1);
    if (err)
        return err;
    plain_element(&x, TROMMEL_TAG_HTML, 1);
    plain_element(&x, TROMMEL_TAG_BODY, 2);
    for (const char *p = text.p; p < end && !x.err && !(x.clamped && x.n_nodes >= x.nodes_max);) {
        const char *eol = p;
        while (eol < end && *eol != '\n' && *eol != '\r' && *eol != '\f')
            eol++;
        plain_line(&x, p, (size_t)(eol - p));
        p = eol + 1;
    }
    return flat_end(&x, TROMMEL_DOM_PLAIN, ret);
}
