/* links: the page's links, collected by the core whatever the chain is; see run.h.
 *
 * a and area with href; link with rel next, canonical or alternate.  Resolved against the page's base,
 * normalised, each URL once: the first place counts, a later one may only give it a text.  Bounds: links,
 * candidates looked at, and nodes walked for texts, so that no page makes this quadratic.
 * Omitted: links in templates, and those that only point into the page itself ("#…"). */
#include <string.h>
#include <strings.h>
#include <trommel/names.h>
#include <xxhash.h>

#include "base/limits.h"
#include "chain/run.h"

enum { CANDIDATES_MAX = 20000, WALK_MAX = 2000000 };

struct collect {
    struct trommel_page *page;
    const trommel_dom *dom;
    struct links *out;
    const uint8_t *kinds; /* one a node, or NULL */
    uint32_t candidates, walk;
};

static int is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static trommel_str attr_val(const trommel_dom *d, const trommel_node *n, uint32_t key)
{
    for (uint32_t i = 0; i < n->attr_n; i++) {
        const trommel_attr *a = TROMMEL_ATTR(d, n->attr + i);
        if (a->key == key)
            return (trommel_str){ d->strs + a->val, a->val_n };
    }
    return (trommel_str){ 0 };
}

/* Is the word in the list (parted by white space or commas), in any case? */
static int has_word(trommel_str list, const char *word)
{
    size_t n = strlen(word), at = 0;

    while (at < list.n) {
        size_t from;
        while (at < list.n && (is_space((unsigned char)list.p[at]) || list.p[at] == ','))
            at++;
        from = at;
        while (at < list.n && !is_space((unsigned char)list.p[at]) && list.p[at] != ',')
            at++;
        if (at - from == n && !strncasecmp(list.p + from, word, n))
            return 1;
    }
    return 0;
}

static trommel_str trim(trommel_str s)
{
    while (s.n && is_space((unsigned char)s.p[0]))
        s.p++, s.n--;
    while (s.n && is_space((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

/* ---- text ---- */

struct text {
    char p[LIMIT_LINK_TEXT];
    size_t n;
    int gap, full; /* white space is owed before the next byte; no more fits */
};

/* Adds bytes with white space (NBSP as well) collapsed; cuts between characters. */
static void text_add(struct text *t, const char *p, size_t n)
{
    for (size_t i = 0; i < n && !t->full;) {
        unsigned char c = (unsigned char)p[i];
        size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (len > n - i)
            return;
        if (is_space(c) || (c == 0xc2 && (unsigned char)p[i + 1] == 0xa0)) {
            t->gap = t->n > 0;
        } else if (t->n + len + (size_t)t->gap > sizeof t->p) {
            t->full = 1;
        } else {
            if (t->gap)
                t->p[t->n++] = ' ';
            t->gap = 0;
            memcpy(t->p + t->n, p + i, len);
            t->n += len;
        }
        i += len;
    }
}

static int text_hidden(const trommel_dom *d, const trommel_node *n)
{
    const trommel_node *parent;

    if (n->parent >= d->n_nodes)
        return 0;
    parent = TROMMEL_NODE(d, n->parent);
    return (n->flags & TROMMEL_NODE_F_TEMPLATE) || parent->tag == TROMMEL_TAG_SCRIPT ||
           parent->tag == TROMMEL_TAG_STYLE;
}

/* What the link says: its text, else the alternatives of its images. */
static void text_of(struct collect *c, uint32_t i, struct text *t)
{
    const trommel_node *n = TROMMEL_NODE(c->dom, i);
    struct text alt;

    t->n = 0;
    t->gap = t->full = 0;
    alt.n = 0;
    alt.gap = alt.full = 0;
    for (uint32_t k = i + 1; k < n->end && !t->full && c->walk < WALK_MAX; k++, c->walk++) {
        const trommel_node *in = TROMMEL_NODE(c->dom, k);
        if (in->kind == TROMMEL_NODE_TEXT && !text_hidden(c->dom, in)) {
            text_add(t, c->dom->strs + in->text, in->text_n);
        } else if (in->kind == TROMMEL_NODE_ELEMENT) {
            trommel_str a = in->tag == TROMMEL_TAG_IMG ? attr_val(c->dom, in, TROMMEL_A_ALT) : (trommel_str){ 0 };
            text_add(&alt, a.p, a.n);
            if (in->tag == TROMMEL_TAG_BR || in->tag == TROMMEL_TAG_DIV || in->tag == TROMMEL_TAG_P)
                t->gap = t->n > 0;
        }
    }
    if (!t->n) {
        memcpy(t->p, alt.p, alt.n);
        t->n = alt.n;
    }
}

static trommel_str link_text(struct collect *c, uint32_t i)
{
    const trommel_node *n = TROMMEL_NODE(c->dom, i);
    trommel_str s = { 0 };
    struct text t;
    char *copy;

    if (n->tag == TROMMEL_TAG_A) {
        text_of(c, i, &t);
    } else {
        s = attr_val(c->dom, n, n->tag == TROMMEL_TAG_AREA ? TROMMEL_A_ALT : TROMMEL_A_TITLE);
        t.n = 0;
        t.gap = t.full = 0;
        text_add(&t, s.p, s.n);
    }
    copy = t.n ? arena_strndup(&c->page->run->arena, t.p, t.n) : NULL;
    return copy ? (trommel_str){ copy, t.n } : (trommel_str){ 0 };
}

/* ---- which links ---- */

static uint8_t element_kind(const trommel_node *n, trommel_str rel)
{
    if (n->tag != TROMMEL_TAG_LINK)
        return TROMMEL_LINK_UNKNOWN;
    if (has_word(rel, "canonical"))
        return TROMMEL_LINK_CANONICAL;
    return has_word(rel, "next") ? TROMMEL_LINK_PAGINATION : TROMMEL_LINK_ALTERNATE;
}

static uint8_t link_kind(const struct collect *c, uint32_t i, trommel_str rel)
{
    uint8_t kind = c->kinds ? c->kinds[i] : TROMMEL_LINK_UNKNOWN;

    if (kind == TROMMEL_LINK_UNKNOWN || kind > TROMMEL_LINK_ALTERNATE)
        kind = element_kind(TROMMEL_NODE(c->dom, i), rel);
    return kind;
}

static int wanted(const trommel_dom *d, const trommel_node *n, trommel_str *href, trommel_str *rel)
{
    if (n->ns != TROMMEL_NS_HTML || (n->flags & TROMMEL_NODE_F_TEMPLATE))
        return 0;
    *rel = trim(attr_val(d, n, TROMMEL_A_REL));
    if (n->tag == TROMMEL_TAG_LINK && !has_word(*rel, "next") && !has_word(*rel, "canonical") &&
        !has_word(*rel, "alternate"))
        return 0;
    if (n->tag == TROMMEL_TAG_LINK && has_word(*rel, "stylesheet")) /* rel="alternate stylesheet" */
        return 0;
    *href = trim(attr_val(d, n, TROMMEL_A_HREF));
    return href->n && href->p[0] != '#';
}

/* Where `key` is in a table of index + 1, or the free place for it.  eq: compares with row `index`. */
static uint16_t *table_at(uint16_t *table, const struct links *l, trommel_str key, int by_href)
{
    uint64_t h = XXH3_64bits(key.p, key.n);

    for (uint32_t i = 0;; i++) {
        uint16_t *at = &table[(h + i) & (LINK_HASH - 1)];
        const struct link *row = *at ? &l->rows[*at - 1] : NULL;
        if (!row || (!by_href && row->url.n == key.n && !memcmp(row->url.p, key.p, key.n)) ||
            (by_href && row->href.n == key.n && !memcmp(row->href.p, key.p, key.n)))
            return at;
    }
}

/* The row of a URL seen before gets a text if it had none. */
static void link_again(struct collect *c, struct link *row, uint32_t i)
{
    if (!row->text.n)
        row->text = link_text(c, i);
}

static void link_take(struct collect *c, uint32_t i, trommel_str href, trommel_str rel)
{
    struct run *r = c->page->run;
    struct links *l = c->out;
    uint16_t *by_href = table_at(r->href_hash, l, href, 1), *by_url;
    trommel_str url;

    if (*by_href) {
        link_again(c, &l->rows[*by_href - 1], i);
        return;
    }
    int rc = url_resolve(r->url, c->page->parsed->base_url, href, &r->arena, &url);
    if (rc == ERR_INVALID && !c->page->parsed->base_url.n && href.n && href.n <= LIMIT_URL_BYTES)
        url = href; /* a page without an address: its relative links stay as they are written */
    else if (rc)
        return;
    by_url = table_at(r->link_hash, l, url, 0);
    if (*by_url) {
        link_again(c, &l->rows[*by_url - 1], i);
        return;
    }
    if (l->n == LIMIT_LINKS)
        return;
    l->rows[l->n] = (struct link){ .url = url, .href = href, .rel = rel, .node = i, .kind = link_kind(c, i, rel),
                                   .nofollow = (uint8_t)has_word(rel, "nofollow") };
    l->rows[l->n].text = link_text(c, i);
    *by_href = *by_url = (uint16_t)++l->n;
}

static int says_nofollow(trommel_str directives)
{
    return has_word(directives, "nofollow") || has_word(directives, "none");
}

static void robots_meta(struct collect *c, const trommel_node *n)
{
    trommel_str name = trim(attr_val(c->dom, n, TROMMEL_A_NAME));

    if (name.n == 6 && !strncasecmp(name.p, "robots", 6) && says_nofollow(attr_val(c->dom, n, TROMMEL_A_CONTENT)))
        c->out->nofollow = 1;
}

void links_collect(struct trommel_page *p, struct links *ret)
{
    const struct chain *chain = p->run->chain;
    struct collect c = { .page = p, .dom = &p->parsed->dom, .out = ret };
    trommel_str tag, href, rel;

    *ret = (struct links){ 0 };
    ret->rows = arena_alloc(&p->run->arena, LIMIT_LINKS * sizeof *ret->rows, 8);
    if (!ret->rows)
        return;
    memset(p->run->link_hash, 0, sizeof p->run->link_hash);
    memset(p->run->href_hash, 0, sizeof p->run->href_hash);
    if (chain->slot_kind != SLOT_NONE && p->is_set[chain->slot_kind])
        c.kinds = p->vals[chain->slot_kind].u.p;
    if (!header_find(p->in->headers, (trommel_str){ "x-robots-tag", 12 }, &tag) && says_nofollow(tag))
        ret->nofollow = 1; /* "otherbot: nofollow" counts as well: rather too polite than not */
    for (uint32_t i = 0; i < c.dom->n_nodes && ret->n < LIMIT_LINKS && c.candidates < CANDIDATES_MAX; i++) {
        const trommel_node *n = TROMMEL_NODE(c.dom, i);
        if (n->tag == TROMMEL_TAG_META)
            robots_meta(&c, n);
        if (n->tag != TROMMEL_TAG_A && n->tag != TROMMEL_TAG_AREA && n->tag != TROMMEL_TAG_LINK)
            continue;
        if (n->kind != TROMMEL_NODE_ELEMENT || !wanted(c.dom, n, &href, &rel))
            continue;
        c.candidates++;
        link_take(&c, i, href, rel);
    }
}
