/* check_dom: pages that are extreme in one way each, made up node by node; see check_inner.h.
 *
 * All keep what the contract promises of a page (offsets within bounds, subtrees nested, depth at most 512,
 * at most a million nodes); "invalid text" alone breaks a promise, that text is UTF-8, which a parser's fault
 * could break. */
#include <stdlib.h>
#include <string.h>
#include <trommel/names.h>

#include "chain/check_inner.h"

enum { DEEP = LIMIT_DOM_DEPTH, ATTRS_MOST = 65535 };

struct maker {
    trommel_node *nodes;
    trommel_attr *attrs;
    char *strs;
    size_t n_nodes, n_attrs, n_strs, node_cap, attr_cap, str_cap;
    uint32_t open[DEEP + 1], last[DEEP + 2]; /* last: the node before, at that depth under the same parent */
    uint32_t depth;                          /* of what is open */
};

static void *grown(void *rows, size_t n, size_t *cap, size_t size)
{
    void *more;

    if (n < *cap)
        return rows;
    *cap = n < 512 ? 1024 : 2 * n;
    more = realloc(rows, *cap * size);
    if (!more)
        abort(); /* a child of our own, which says so by dying */
    return more;
}

static uint32_t str_add(struct maker *m, const char *p, size_t n)
{
    uint32_t at = (uint32_t)m->n_strs;

    while (m->n_strs + n > m->str_cap)
        m->strs = grown(m->strs, m->str_cap, &m->str_cap, 1);
    if (n)
        memcpy(m->strs + at, p, n);
    m->n_strs += n;
    return at;
}

static trommel_node *node_add(struct maker *m, uint32_t kind, uint32_t depth)
{
    uint32_t id = (uint32_t)m->n_nodes;
    trommel_node *node;

    m->nodes = grown(m->nodes, m->n_nodes, &m->node_cap, sizeof *m->nodes);
    node = &m->nodes[m->n_nodes++];
    *node = (trommel_node){ .parent = depth ? m->open[depth - 1] : TROMMEL_NONE,
                            .next = TROMMEL_NONE,
                            .end = id + 1,
                            .attr = (uint32_t)m->n_attrs,
                            .depth = (uint16_t)depth,
                            .kind = (uint8_t)kind };
    if (m->last[depth] != TROMMEL_NONE)
        m->nodes[m->last[depth]].next = id;
    m->last[depth] = id;
    m->last[depth + 1] = TROMMEL_NONE;
    return node;
}

static void open_node(struct maker *m, uint32_t tag)
{
    uint32_t depth = m->n_nodes ? m->depth + 1 : 0;
    trommel_node *node = node_add(m, m->n_nodes ? TROMMEL_NODE_ELEMENT : TROMMEL_NODE_DOCUMENT, depth);

    node->tag = tag;
    m->open[depth] = (uint32_t)(node - m->nodes);
    m->depth = depth;
}

static void close_node(struct maker *m)
{
    m->nodes[m->open[m->depth]].end = (uint32_t)m->n_nodes;
    m->depth -= m->depth > 0;
}

static void text_n(struct maker *m, const char *p, size_t n)
{
    trommel_node *node = node_add(m, TROMMEL_NODE_TEXT, m->depth + 1);

    node->text = str_add(m, p, n);
    node->text_n = (uint32_t)n;
}

static void text(struct maker *m, const char *p)
{
    text_n(m, p, strlen(p));
}

/* Of the last node, which is an element without content yet. */
static void attr_n(struct maker *m, uint32_t key, const char *name, const char *val, size_t n)
{
    trommel_attr *a;

    m->attrs = grown(m->attrs, m->n_attrs, &m->attr_cap, sizeof *m->attrs);
    a = &m->attrs[m->n_attrs++];
    *a = (trommel_attr){ .key = key, .name_n = (uint32_t)strlen(name), .val_n = (uint32_t)n };
    a->name = str_add(m, name, strlen(name));
    a->val = str_add(m, val, n);
    m->nodes[m->n_nodes - 1].attr_n++;
}

static void attr(struct maker *m, uint32_t key, const char *name, const char *val)
{
    attr_n(m, key, name, val, strlen(val));
}

static void element(struct maker *m, uint32_t tag, const char *words)
{
    open_node(m, tag);
    text(m, words);
    close_node(m);
}

static const char words[] =
    "The ferry leaves the old harbour at seven, and comes back in the evening with the mail, "
    "the bread and whoever was in town that day. ";

/* document, html, head with a title, body; body stays open */
static void page_open(struct maker *m)
{
    m->last[0] = TROMMEL_NONE;
    open_node(m, 0);
    open_node(m, TROMMEL_TAG_HTML);
    open_node(m, TROMMEL_TAG_HEAD);
    element(m, TROMMEL_TAG_TITLE, "A page");
    close_node(m);
    open_node(m, TROMMEL_TAG_BODY);
}

static void page_close(struct maker *m)
{
    while (m->depth)
        close_node(m);
    close_node(m);
}

/* ---- one after the other ---- */

static void no_nodes(struct maker *m)
{
    (void)m;
}

static void document_alone(struct maker *m)
{
    m->last[0] = TROMMEL_NONE;
    open_node(m, 0);
    close_node(m);
}

static void million_elements(struct maker *m)
{
    page_open(m);
    while (m->n_nodes < LIMIT_DOM_NODES) {
        open_node(m, TROMMEL_TAG_P);
        close_node(m);
    }
    page_close(m);
}

static void million_texts(struct maker *m)
{
    page_open(m);
    while (m->n_nodes + 2 <= LIMIT_DOM_NODES)
        element(m, TROMMEL_TAG_P, "a word or two");
    page_close(m);
}

/* As many levels as there may be, of all kinds of tags that a renderer gives a meaning to. */
static void deep(struct maker *m)
{
    static const uint32_t tags[] = { TROMMEL_TAG_DIV,        TROMMEL_TAG_UL,      TROMMEL_TAG_LI,
                                     TROMMEL_TAG_BLOCKQUOTE, TROMMEL_TAG_OL,      TROMMEL_TAG_LI,
                                     TROMMEL_TAG_A,          TROMMEL_TAG_EM,      TROMMEL_TAG_B,
                                     TROMMEL_TAG_TABLE,      TROMMEL_TAG_TR,      TROMMEL_TAG_TD,
                                     TROMMEL_TAG_PRE,        TROMMEL_TAG_ARTICLE, TROMMEL_TAG_H2,
                                     TROMMEL_TAG_P };

    page_open(m);
    for (unsigned i = 0; m->depth + 1 < DEEP; i++) {
        text(m, words);
        open_node(m, tags[i % (sizeof tags / sizeof *tags)]);
    }
    text(m, words);
    page_close(m);
}

static void deep_and_wide(struct maker *m)
{
    page_open(m);
    while (m->depth + 2 < DEEP) {
        for (int i = 0; i < 200; i++)
            element(m, TROMMEL_TAG_P, words);
        open_node(m, TROMMEL_TAG_DIV);
    }
    page_close(m);
}

static void many_attributes(struct maker *m)
{
    page_open(m);
    open_node(m, TROMMEL_TAG_A);
    attr(m, TROMMEL_A_HREF, "href", "/somewhere");
    for (int i = 1; i < ATTRS_MOST; i++)
        attr(m, i % 3 ? 0 : TROMMEL_A_CLASS, i % 3 ? "data-x" : "class", "one two three");
    text(m, words);
    close_node(m);
    page_close(m);
}

static void attributes_everywhere(struct maker *m)
{
    page_open(m);
    for (int i = 0; i < 100000; i++) {
        open_node(m, i & 1 ? TROMMEL_TAG_A : TROMMEL_TAG_DIV);
        attr(m, TROMMEL_A_CLASS, "class", "content main sidebar nav ad share");
        attr(m, TROMMEL_A_ID, "id", "an-id");
        attr(m, TROMMEL_A_HREF, "href", "../a/./b/../c?d=e#f");
        attr(m, TROMMEL_A_STYLE, "style", "display: none");
        text(m, "word");
        close_node(m);
    }
    page_close(m);
}

static void metadata(struct maker *m, const char *p, size_t n)
{
    static const char *const names[] = { "og:title", "article:published_time", "author", "keywords",
                                         "description" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        open_node(m, TROMMEL_TAG_META);
        attr(m, i < 2 ? TROMMEL_A_PROPERTY : TROMMEL_A_NAME, i < 2 ? "property" : "name", names[i]);
        attr_n(m, TROMMEL_A_CONTENT, "content", p, n);
        close_node(m);
    }
    open_node(m, TROMMEL_TAG_LINK);
    attr(m, TROMMEL_A_REL, "rel", "canonical");
    attr_n(m, TROMMEL_A_HREF, "href", p, n);
    close_node(m);
    open_node(m, TROMMEL_TAG_SCRIPT);
    attr(m, TROMMEL_A_TYPE, "type", "application/ld+json");
    text_n(m, p, n);
    close_node(m);
}

/* The same bytes wherever a page has text. */
static void everywhere(struct maker *m, const char *p, size_t n, int times)
{
    static const uint32_t tags[] = { TROMMEL_TAG_H1,   TROMMEL_TAG_P,      TROMMEL_TAG_A,
                                     TROMMEL_TAG_TIME, TROMMEL_TAG_LI,     TROMMEL_TAG_TD,
                                     TROMMEL_TAG_PRE,  TROMMEL_TAG_OPTION, TROMMEL_TAG_TEXTAREA };

    m->last[0] = TROMMEL_NONE;
    open_node(m, 0);
    open_node(m, TROMMEL_TAG_HTML);
    attr_n(m, TROMMEL_A_LANG, "lang", p, n);
    open_node(m, TROMMEL_TAG_HEAD);
    open_node(m, TROMMEL_TAG_TITLE);
    text_n(m, p, n);
    close_node(m);
    metadata(m, p, n);
    close_node(m);
    open_node(m, TROMMEL_TAG_BODY);
    for (int i = 0; i < times; i++) {
        open_node(m, tags[(size_t)i % (sizeof tags / sizeof *tags)]);
        attr_n(m, TROMMEL_A_HREF, "href", p, n);
        attr_n(m, TROMMEL_A_CLASS, "class", p, n);
        attr_n(m, TROMMEL_A_DATETIME, "datetime", p, n);
        text_n(m, p, n);
        close_node(m);
    }
    page_close(m);
}

static void empty_texts(struct maker *m)
{
    everywhere(m, "", 0, 200);
}

static void invalid_text(struct maker *m)
{
    static const char bad[] = "a\x80 \xff\xfe \xc3( \xed\xa0\x80 \xf4\x90\x80\x80 words and \xe2\x82";

    everywhere(m, bad, sizeof bad - 1, 200);
}

static void control_characters(struct maker *m)
{
    char all[32 + 4];

    for (int i = 0; i < 32; i++)
        all[i] = (char)i;
    memcpy(all + 32, "word", 4);
    everywhere(m, all, sizeof all, 200);
}

/* One word without end, JSON without a value. */
static void one_long(struct maker *m, int c, size_t n, const char *before)
{
    size_t k = strlen(before);
    char *p = malloc(n + k);

    if (!p)
        abort();
    memcpy(p, before, k);
    memset(p + k, c, n);
    everywhere(m, p, n + k, 9);
    free(p);
}

static void long_word(struct maker *m)
{
    one_long(m, 'w', 256 * 1024, "");
}

static void deep_json(struct maker *m)
{
    one_long(m, '[', 100 * 1024, "{\"@type\": \"NewsArticle\", \"headline\": ");
}

static void eight_mib(struct maker *m)
{
    size_t n = sizeof words - 1, times = 8u * MIB / n;
    char *p = malloc(n * times);

    if (!p)
        abort();
    for (size_t i = 0; i < times; i++)
        memcpy(p + i * n, words, n);
    page_open(m);
    open_node(m, TROMMEL_TAG_P);
    text_n(m, p, n * times);
    page_close(m);
    free(p);
}

/* Names that a later host may have, namespaces and flags as well. */
static void unknown_names(struct maker *m)
{
    static const char name[] = "x-unheard-of";

    page_open(m);
    for (uint32_t i = 0; i < 500; i++) {
        open_node(m, i & 1 ? TROMMEL_TAG_COUNT_ + i : 0);
        if (!(i & 1)) {
            uint32_t at = str_add(m, name, sizeof name - 1);
            m->nodes[m->n_nodes - 1].text = at;
            m->nodes[m->n_nodes - 1].text_n = sizeof name - 1;
        }
        m->nodes[m->n_nodes - 1].ns = (uint8_t)(i % 7);
        m->nodes[m->n_nodes - 1].flags = (uint8_t)(i & 1 ? 0xff : 0);
        attr(m, TROMMEL_A_COUNT_ + i, "unheard", words);
        text(m, words);
        close_node(m);
    }
    page_close(m);
}

static const struct {
    const char *name;
    unsigned traits;
    void (*make)(struct maker *);
} pages[] = {
    { "no nodes", 0, no_nodes },
    { "the document alone", 0, document_alone },
    { "a million elements", 0, million_elements },
    { "half a million texts", 0, million_texts },
    { "512 levels deep", 0, deep },
    { "deep and wide", 0, deep_and_wide },
    { "65,535 attributes", 0, many_attributes },
    { "attributes everywhere", 0, attributes_everywhere },
    { "empty texts", 0, empty_texts },
    { "invalid text", PAGE_BAD_TEXT, invalid_text },
    { "control characters", 0, control_characters },
    { "one long word", 0, long_word },
    { "JSON without an end", 0, deep_json },
    { "one text of 8 MiB", 0, eight_mib },
    { "unknown names", 0, unknown_names },
};

static void made_fill(struct maker *m, const char *name, unsigned traits, struct dom_made *ret)
{
    *ret = (struct dom_made){ .name = name, .traits = traits };
    ret->dom = (trommel_dom){ .struct_size = sizeof(trommel_dom),
                              .node_size = sizeof(trommel_node),
                              .attr_size = sizeof(trommel_attr),
                              .n_nodes = (uint32_t)m->n_nodes,
                              .n_attrs = (uint32_t)m->n_attrs,
                              .n_strs = (uint32_t)m->n_strs,
                              .nodes = m->nodes,
                              .attrs = m->attrs,
                              .strs = m->strs };
}

int dom_make(size_t i, struct dom_made *ret)
{
    struct maker *m;

    if (i >= sizeof pages / sizeof *pages)
        return ERR_ABSENT;
    m = calloc(1, sizeof *m);
    if (!m)
        abort();
    pages[i].make(m);
    made_fill(m, pages[i].name, pages[i].traits, ret);
    free(m);
    return 0;
}

void dom_make_large(unsigned paragraphs, struct dom_made *ret)
{
    struct maker *m = calloc(1, sizeof *m);

    if (!m)
        abort();
    page_open(m);
    element(m, TROMMEL_TAG_H1, "A long page");
    for (unsigned i = 0; i < paragraphs; i++)
        element(m, TROMMEL_TAG_P, words);
    page_close(m);
    made_fill(m, "a long page", 0, ret);
    free(m);
}

void dom_made_release(struct dom_made *d)
{
    free((void *)(uintptr_t)d->dom.nodes);
    free((void *)(uintptr_t)d->dom.attrs);
    free((void *)(uintptr_t)d->dom.strs);
    *d = (struct dom_made){ 0 };
}
