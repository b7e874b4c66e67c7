/* page: one pass down the node array, with a stack by depth instead of a pointer to the parent. */
#include "page.h"

/* What a node hands to its children. */
struct level {
    uint32_t el;     /* nearest block-level element */
    uint32_t kids;   /* child elements seen so far */
    uint64_t mask;   /* class words of inline elements between el and here */
    uint64_t inside; /* likewise INSIDE_* bits */
    uint8_t link;    /* in a link */
    uint8_t tag;     /* the node's own */
};

struct reader {
    struct page *pg;
    const trommel_dom *dom;
    struct block *cur;      /* the open block, or NULL */
    uint32_t cur_links_node; /* last link element that counted for it */
    unsigned breaks;        /* <br> in a row */
    uint32_t link_node;     /* nearest link element */
    uint32_t *slots, *alike; /* (parent, sig) -> number of siblings */
    uint32_t n_slots;
    struct level level[PAGE_DEPTH_MAX + 2];
};

static const uint8_t inside_of[TROMMEL_TAG_COUNT_] = {
#define X_(t) [TROMMEL_TAG_##t] = INSIDE_##t + 1,
    INSIDE_MAP(X_)
#undef X_
    [TROMMEL_TAG_TH] = INSIDE_TD + 1, [TROMMEL_TAG_DIR] = INSIDE_UL + 1,
};

static uint64_t inside_bit(uint32_t tag)
{
    unsigned b = tag < TROMMEL_TAG_COUNT_ ? inside_of[tag] : 0;

    return b ? 1ull << (b - 1) : 0;
}

/* ---- the document's head ----------------------------------------------------------------------- */

static int is_description(trommel_str name)
{
    static const char *const names[] = { "description", "og:description", "twitter:description" };

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (name.n == strlen(names[i]) && sdk_has_word(name, names[i]))
            return 1;
    return 0;
}

static void read_title(struct page *pg, const trommel_dom *d, uint32_t i)
{
    const trommel_node *text = i + 1 < d->n_nodes ? TROMMEL_NODE(d, i + 1) : NULL;
    struct text_stats t = { 0 };

    if (!text || text->kind != TROMMEL_NODE_TEXT || text->parent != i || pg->title.n)
        return;
    uint32_t n = text->text_n < 1024 ? text->text_n : 1024;
    text_set_add(&pg->title, d->strs + text->text, n);
    text_stats_add(&t, d->strs + text->text, n, NULL, NULL);
    text_stats_end(&t, NULL, NULL);
    pg->title_key = t.hash;
}

static void read_meta(struct page *pg, const trommel_dom *d, const trommel_node *x)
{
    trommel_str name = sdk_attr_str(d, x, TROMMEL_A_PROPERTY);
    trommel_str content = sdk_attr_str(d, x, TROMMEL_A_CONTENT);

    if (!name.n)
        name = sdk_attr_str(d, x, TROMMEL_A_NAME);
    if (is_description(name))
        text_set_add(&pg->desc, content.p, content.n);
    else if (name.n == 8 && sdk_has_word(name, "og:title"))
        text_set_add(&pg->title, content.p, content.n);
}

/* ---- counting beforehand ----------------------------------------------------------------------- */

static uint32_t capped(uint32_t n, uint32_t max)
{
    return n < max ? n : max;
}

/* Sizes the lists; reads title and descriptions, wherever they stand. */
static void survey(struct page *pg, const trommel_dom *d)
{
    uint32_t els = 1, texts = 0, links = 0, images = 0;

    for (uint32_t i = 0; i < d->n_nodes; i++) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        if (x->kind == TROMMEL_NODE_TEXT) {
            texts += !(x->flags & TROMMEL_NODE_F_SPACE);
            continue;
        }
        els += (sdk_props(d, x) & SDK_BLOCK) != 0;
        if (x->ns != TROMMEL_NS_HTML)
            continue;
        links += x->tag == TROMMEL_TAG_A || x->tag == TROMMEL_TAG_AREA;
        images += x->tag == TROMMEL_TAG_IMG;
        if (x->tag == TROMMEL_TAG_TITLE)
            read_title(pg, d, i);
        else if (x->tag == TROMMEL_TAG_META)
            read_meta(pg, d, x);
    }
    pg->max_els = capped(els, PAGE_ELS_MAX);
    pg->max_blocks = capped(texts, PAGE_BLOCKS_MAX);
    pg->max_links = capped(links, PAGE_LINKS_MAX);
    pg->max_images = capped(images, PAGE_LINKS_MAX);
}

static void count_tag(struct page_counts *c, uint32_t tag)
{
    switch (tag) {
    case TROMMEL_TAG_A: c->a++; break;
    case TROMMEL_TAG_P: c->p++; break;
    case TROMMEL_TAG_LI: c->li++; break;
    case TROMMEL_TAG_H1: c->h1++; break;
    case TROMMEL_TAG_H2: c->h2++; break;
    case TROMMEL_TAG_H3: c->h3++; break;
    case TROMMEL_TAG_IMG: c->img++; break;
    case TROMMEL_TAG_FORM: c->form++; break;
    case TROMMEL_TAG_INPUT: c->input++; break;
    case TROMMEL_TAG_BUTTON: c->button++; break;
    case TROMMEL_TAG_ARTICLE: c->article++; break;
    case TROMMEL_TAG_SECTION: c->section++; break;
    case TROMMEL_TAG_TABLE: c->table++; break;
    case TROMMEL_TAG_PRE:
    case TROMMEL_TAG_CODE: c->code++; break;
    case TROMMEL_TAG_MAIN: c->main++; break;
    case TROMMEL_TAG_VIDEO: c->video++; break;
    default: break;
    }
}

/* ---- elements ---------------------------------------------------------------------------------- */

static int has_text(trommel_str s, const char *what)
{
    size_t n = strlen(what);

    for (size_t i = 0; i + n <= s.n; i++)
        if (!memcmp(s.p + i, what, n))
            return 1;
    return 0;
}

static uint8_t style_hides(trommel_str s)
{
    if (s.n > 500)
        s.n = 500;
    return has_text(s, "display:none") || has_text(s, "display: none") || has_text(s, "visibility:hidden")
                   || has_text(s, "visibility: hidden") ? HIDDEN_STYLE : 0;
}

/* What an element's attributes say. */
struct said {
    uint64_t mask, first, key; /* class words; hashes of its first class and of all of class */
    uint8_t hidden;
};

static void attrs_read(struct class_words *w, const trommel_dom *d, const trommel_node *x, struct said *ret)
{
    *ret = (struct said){ 0 };
    for (uint32_t i = 0; i < x->attr_n; i++) {
        const trommel_attr *a = TROMMEL_ATTR(d, x->attr + i);
        trommel_str val = { d->strs + a->val, a->val_n };
        switch (a->key) {
        case TROMMEL_A_CLASS:
            ret->mask |= class_words_mask(w, val, &ret->first, &ret->key);
            break;
        case TROMMEL_A_ID:
        case TROMMEL_A_ROLE:
        case TROMMEL_A_ITEMPROP:
        case TROMMEL_A_DATA_TESTID:
        case TROMMEL_A_DATA_COMPONENT:
            if (val.n)
                ret->mask |= class_words_mask(w, val, NULL, NULL);
            break;
        case TROMMEL_A_HIDDEN:
            ret->hidden |= HIDDEN_ATTR;
            break;
        case TROMMEL_A_ARIA_HIDDEN:
            ret->hidden |= val.n == 4 && !memcmp(val.p, "true", 4) ? HIDDEN_ARIA : 0;
            break;
        case TROMMEL_A_STYLE:
            ret->hidden |= style_hides(val);
            break;
        default:
            break;
        }
    }
    if (!x->tag)
        ret->mask |= class_words_mask(w, (trommel_str){ d->strs + x->text, x->text_n }, NULL, NULL);
}

/* The slot that counts an element's look-alike siblings. */
static uint32_t alike_slot(struct reader *r, uint32_t parent, uint64_t sig)
{
    uint64_t h = sdk_mix(sig + parent * 0x9E3779B97F4A7C15u);
    uint32_t at = (uint32_t)(h >> 32) & (r->n_slots - 1);

    for (;; at = (at + 1) & (r->n_slots - 1)) {
        uint32_t e = r->slots[at];
        if (!e)
            r->slots[at] = r->pg->n_els; /* the element that is being added */
        else if (r->pg->els[e].sig != sig || r->pg->els[e].parent != parent)
            continue;
        return r->slots[at];
    }
}

static void el_add(struct reader *r, uint32_t i, const trommel_node *x, const struct level *up, uint32_t sib,
                   const struct said *said)
{
    struct page *pg = r->pg;
    struct el *e = &pg->els[pg->n_els], *parent = &pg->els[up->el];

    memset(e, 0, sizeof *e);
    e->node = i;
    e->parent = up->el;
    e->sib = sib;
    e->mask = said->mask | up->mask;
    e->inside = parent->inside | up->inside | inside_bit(x->tag);
    e->sig = sdk_mix(said->key * 31 + x->tag);
    e->path = sdk_mix(parent->path ^ (said->first + x->tag * 0xD6E8FEB86659FD93u));
    e->depth = parent->depth + 1;
    e->hidden = parent->hidden | said->hidden;
    e->tag = (uint8_t)(x->tag < 256 ? x->tag : 0);
    e->sums.tags = 1;
    e->alike = alike_slot(r, up->el, e->sig);
    r->alike[e->alike]++;
    pg->n_els++;
}

/* ---- blocks ------------------------------------------------------------------------------------ */

static void block_close(struct reader *r)
{
    struct page *pg = r->pg;
    struct block *b = r->cur;

    r->cur = NULL;
    if (!b)
        return;
    text_stats_end(&b->t, &pg->title, &pg->desc);
    b->size = text_size(&b->t);
    b->key = b->t.hash;
    if (b->size)
        pg->n_blocks++;
}

static void block_open(struct reader *r, uint32_t node, const struct level *up)
{
    struct block *b = &r->pg->blocks[r->pg->n_blocks];

    memset(b, 0, sizeof *b);
    b->el = up->el;
    b->first = node;
    b->inside = r->pg->els[up->el].inside;
    b->leaf_tag = up->tag;
    r->cur = b;
    r->cur_links_node = TROMMEL_NONE;
}

static void text_add(struct reader *r, uint32_t node, const trommel_node *x, const struct level *up)
{
    struct page *pg = r->pg;

    if (x->flags & TROMMEL_NODE_F_SPACE) {
        if (r->cur)
            text_stats_add(&r->cur->t, " ", 1, &pg->title, &pg->desc);
        return;
    }
    r->breaks = 0;
    if (r->cur && r->cur->el != up->el)
        block_close(r);
    if (!r->cur) {
        if (pg->n_blocks == pg->max_blocks)
            return;
        block_open(r, node, up);
    }
    struct block *b = r->cur;
    uint32_t before = b->t.chars;
    text_stats_add(&b->t, r->dom->strs + x->text, x->text_n, &pg->title, &pg->desc);
    b->last = node;
    b->leaves++;
    b->mask |= up->mask;
    b->inside |= up->inside;
    if (up->link) {
        b->link_chars += b->t.chars - before;
        b->links += r->link_node != r->cur_links_node;
        r->cur_links_node = r->link_node;
    }
}

static void void_add(struct reader *r, uint32_t node, uint32_t tag)
{
    struct page *pg = r->pg;

    if (tag == TROMMEL_TAG_BR) {
        r->breaks++;
        if (r->cur) {
            text_stats_add(&r->cur->t, "\n", 1, &pg->title, &pg->desc);
            r->cur->breaks++;
        }
        if (r->breaks >= 2)
            block_close(r);
    } else if (tag == TROMMEL_TAG_IMG && pg->n_images < pg->max_images) {
        pg->images[2 * pg->n_images] = node;
        pg->images[2 * pg->n_images++ + 1] = pg->n_blocks + (r->cur != NULL);
    }
}

static void link_add(struct reader *r, uint32_t node, uint32_t el)
{
    struct page *pg = r->pg;

    r->link_node = node;
    if (pg->n_links == pg->max_links)
        return;
    pg->links[pg->n_links++] = (struct link){ node, el, pg->n_blocks };
}

/* ---- the pass ---------------------------------------------------------------------------------- */

/* Takes up one element; returns whether its children are wanted. */
static int element_add(struct reader *r, uint32_t i, const trommel_node *x)
{
    struct page *pg = r->pg;
    struct level *up = &r->level[x->depth - 1], *own = &r->level[x->depth];
    unsigned props = sdk_props(r->dom, x);
    uint32_t sib = up->kids++;
    struct said said;

    if (x->ns == TROMMEL_NS_HTML)
        count_tag(&pg->count, x->tag);
    if (props & SDK_SKIP)
        return 0;
    pg->els[up->el].sums.tags++;
    if ((props & SDK_VOID) && !(props & SDK_BLOCK)) {
        void_add(r, i, x->tag);
        if (x->tag == TROMMEL_TAG_AREA)
            link_add(r, i, up->el);
        return 0;
    }
    attrs_read(pg->words, r->dom, x, &said);
    *own = (struct level){ .el = up->el, .link = up->link, .tag = (uint8_t)x->tag };
    if (x->tag == TROMMEL_TAG_A) {
        own->link = 1;
    }
    if ((props & SDK_BLOCK) && pg->n_els < pg->max_els) {
        block_close(r);
        r->breaks = 0;
        el_add(r, i, x, up, sib, &said);
        own->el = pg->n_els - 1;
    } else {
        if (props & SDK_BLOCK)
            block_close(r);
        own->mask = up->mask | said.mask;
        own->inside = up->inside | inside_bit(x->tag);
    }
    if (x->tag == TROMMEL_TAG_A)
        link_add(r, i, own->el);
    return 1;
}

static void read_body(struct reader *r)
{
    const trommel_dom *d = r->dom;
    uint32_t i = 1;

    while (i < d->n_nodes) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        if ((i & 0x3fff) == 0 && page_stop(r->pg))
            return;
        if (!x->depth || x->depth > PAGE_DEPTH_MAX || x->end <= i) {
            i = x->end > i ? x->end : i + 1;
            continue;
        }
        if (x->kind == TROMMEL_NODE_TEXT)
            text_add(r, i, x, &r->level[x->depth - 1]);
        else if (x->kind == TROMMEL_NODE_ELEMENT && !element_add(r, i, x)) {
            i = x->end;
            continue;
        }
        i++;
    }
    block_close(r);
}

/* What the pass down leaves open: ends of elements, numbers of their children and look-alikes. */
static void els_finish(struct reader *r)
{
    struct page *pg = r->pg;

    for (uint32_t e = pg->n_els; e-- > 1;) {
        struct el *x = &pg->els[e], *parent = &pg->els[x->parent];
        if (x->end < e + 1)
            x->end = e + 1;
        if (parent->end < x->end)
            parent->end = x->end;
        if (x->sib >= parent->kids)
            parent->kids = x->sib + 1;
        x->alike = r->alike[x->alike];
    }
    if (!pg->els[0].end)
        pg->els[0].end = 1;
}

static int lists_make(struct reader *r)
{
    struct page *pg = r->pg;

    for (r->n_slots = 16; r->n_slots < 2 * pg->max_els; r->n_slots *= 2)
        ;
    pg->els = page_alloc(pg, pg->max_els, sizeof *pg->els);
    pg->blocks = page_alloc(pg, pg->max_blocks + 1, sizeof *pg->blocks);
    pg->links = page_alloc(pg, pg->max_links, sizeof *pg->links);
    pg->images = page_alloc(pg, pg->max_images, 2 * sizeof *pg->images);
    r->slots = page_alloc(pg, r->n_slots, sizeof *r->slots);
    r->alike = page_alloc(pg, pg->max_els, sizeof *r->alike);
    if (!pg->els || !pg->blocks || !pg->links || !pg->images || !r->slots || !r->alike)
        return TROMMEL_E_LIMIT;
    memset(r->slots, 0, r->n_slots * sizeof *r->slots);
    memset(r->alike, 0, pg->max_els * sizeof *r->alike);
    memset(pg->els, 0, sizeof *pg->els);
    pg->n_els = 1;
    return 0;
}

int page_read(struct page *pg, const trommel_dom *dom, const struct page_mem *mem, struct class_words *words)
{
    struct reader *r;

    *pg = (struct page){ .dom = dom, .mem = *mem, .words = words };
    survey(pg, dom);
    r = page_alloc(pg, 1, sizeof *r);
    if (!r)
        return TROMMEL_E_LIMIT;
    r->pg = pg;
    r->dom = dom;
    r->cur = NULL;
    r->breaks = 0;
    r->link_node = TROMMEL_NONE;
    r->level[0] = (struct level){ 0 };
    int err = lists_make(r);
    if (err)
        return err;
    read_body(r);
    if (page_stop(pg))
        return TROMMEL_E_FAIL;
    els_finish(r);
    for (uint32_t k = 0; k < pg->n_blocks; k++)
        pg->words_total += pg->blocks[k].size;
    return 0;
}
