/* page: the flat page as block-level elements and blocks of text; what all of this stage works on.
 *
 * A block is the text between two borders: the start of a block-level or custom element, a change of the
 * nearest block-level element, or a second <br> in a row.  Text under script, style, head, svg and form
 * choices belongs to no block.  One pass down the node array makes both lists; everything later is O(1) or
 * O(depth) a block. */
#ifndef TROMMEL_BOILERPLATE_PAGE_H
#define TROMMEL_BOILERPLATE_PAGE_H
#include <trommel/stage.h>

#include "class_words.h"
#include "text.h"

#define PAGE_BLOCKS_MAX 50000u  /* blocks a page; the text behind them is not looked at */
#define PAGE_ELS_MAX    200000u /* block-level elements a page; more count as inline */
#define PAGE_LINKS_MAX  100000u
#define PAGE_DEPTH_MAX  1024u

/* Where a page's memory comes from: the host's arena, or a test's. */
struct page_mem {
    void *(*alloc)(void *arg, size_t n); /* not zeroed; NULL: over the cap */
    int (*stop)(void *arg);              /* out of time? may be NULL */
    void *arg;
};

/* Ancestors that matter: bits of el.inside and block.inside. */
#define INSIDE_MAP(X)                                                                                     \
    X(ARTICLE) X(MAIN) X(NAV) X(HEADER) X(FOOTER) X(ASIDE) X(FORM) X(UL) X(OL) X(LI) X(TABLE) X(TD)       \
    X(SECTION) X(FIGURE) X(FIGCAPTION) X(BLOCKQUOTE) X(PRE) X(BUTTON) X(A) X(LABEL) X(DETAILS) X(DIALOG)  \
    X(NOSCRIPT) X(TEMPLATE) X(DL) X(H1) X(H2) X(H3) X(H4) X(H5) X(H6) X(P) X(ADDRESS) X(MENU)
enum {
#define X_(t) INSIDE_##t,
    INSIDE_MAP(X_)
#undef X_
    INSIDE_N
};
#define INSIDE_BIT(t) (1ull << INSIDE_##t)
#define INSIDE_HEADINGS (0x3full << INSIDE_H1)

enum { HIDDEN_ATTR = 1, HIDDEN_ARIA = 2, HIDDEN_STYLE = 4 };

/* Sums over the blocks of a subtree. */
struct sums {
    uint32_t words, chars, link_chars, blocks, sents, commas, p_words, tags;
};

/* A block-level element, in document order; 0 is the document. */
struct el {
    uint32_t node, parent, end; /* parent, end: indexes of elements */
    uint32_t sib, kids;         /* which child element it is; child elements it has */
    uint32_t alike;             /* siblings with the same tag and class, itself included */
    uint64_t mask;              /* class words, those of inline wrappers around it included */
    uint64_t inside;            /* INSIDE_* of it and its ancestors */
    uint64_t path, sig;         /* hashes: tags and first classes from the root; tag and class */
    uint16_t depth;             /* block-level elements above it */
    uint8_t hidden, tag;        /* HIDDEN_*, also inherited; tag: TROMMEL_TAG_*, 0 for custom */
    uint16_t on_root, on_long;  /* depth at which its line leaves that of the best root, the longest block */
    float vote;
    struct sums sums;
};

struct block {
    uint32_t el, first, last;  /* last: last text node, so the block is nodes [first, last] */
    uint32_t size;             /* words (text_size) */
    uint32_t link_chars, leaves, links, breaks;
    uint64_t mask, inside;     /* of inline elements in it; el's and those of inline elements */
    uint64_t key;              /* hash of its words */
    uint8_t leaf_tag;          /* parent of its first text */
    struct text_stats t;
    /* by the features' passes */
    uint32_t path_slot, copy;  /* copy: how many blocks before have the same words */
    uint32_t copies;
};

struct link {
    uint32_t node, el, block; /* block: the one that was open, or that comes next */
};

/* Counts of the whole page for the page features. */
struct page_counts {
    uint32_t els, a, p, li, h1, h2, h3, img, form, input, button, article, section, table, code, main, video;
};

struct page {
    const trommel_dom *dom;
    struct page_mem mem;
    struct class_words *words;
    struct el *els;
    struct block *blocks;
    struct link *links;
    uint32_t *images;          /* pairs: img node, number of blocks before it */
    uint32_t n_els, n_blocks, n_links, n_images, max_els, max_blocks, max_links, max_images;
    struct page_counts count;
    struct text_set title, desc;
    uint64_t title_key;        /* hash of the document title's words */
    uint32_t words_total;
    uint32_t root;             /* the element that holds the prose, by features_make; 0: none */
};

/* Lists elements, blocks, links and images.  0, or TROMMEL_E_LIMIT (memory), TROMMEL_E_FAIL (out of time). */
int page_read(struct page *pg, const trommel_dom *dom, const struct page_mem *mem, struct class_words *words);

static inline __attribute__((unused)) void *page_alloc(const struct page *pg, size_t n, size_t size)
{
    if (n > (size_t)1 << 40 || size > (size_t)1 << 20)
        return NULL;
    return pg->mem.alloc(pg->mem.arg, n * size + 1);
}

static inline __attribute__((unused)) int page_stop(const struct page *pg)
{
    return pg->mem.stop && pg->mem.stop(pg->mem.arg);
}
#endif
