/* tree: lexbor's HTML parser with every cost bounded while the tree grows.
 *
 * One document and one parser are kept from page to page.  The tokenizer's callback is wrapped: before the
 * tree builder sees a token, the stack of open elements is cut to the depth limit, the list of active
 * formatting elements and the token's attributes are cut, comments are dropped; after it, what was made
 * is counted.  When a limit of nodes, memory or work is reached the rest of the page is not read, and the
 * page is `clamped`.  Scripting is off: what a noscript element holds is parsed. */
#ifndef TROMMEL_PARSE_TREE_H
#define TROMMEL_PARSE_TREE_H
#include <lexbor/dom/dom.h>
#include <lexbor/html/html.h>
#include <stddef.h>
#include <stdint.h>

struct tree {
    lxb_html_document_t *doc;
    lxb_html_tokenizer_t *tokenizer; /* borrowed from the document's parser */
    lxb_html_tree_t *builder;        /* borrowed likewise */
    lxb_html_tokenizer_token_f inner; /* the tree builder's own callback and context */
    void *inner_ctx;
    uint32_t nodes_max, depth_max;
    uint32_t open_max; /* open elements: their children's depth is within depth_max */
    /* this page */
    lexbor_mem_chunk_t *node_chunk, *text_chunk; /* last ones counted */
    uint64_t bytes, work;
    uint32_t nodes, attrs, root_tags;
    int clamped, over; /* over: nothing more is read */
};

/* 0 or ERR_NOMEM.  tree_release takes half-made and zeroed ones. */
int tree_init(struct tree *t, uint32_t nodes_max, uint32_t depth_max);
void tree_release(struct tree *t);
/* 0, ERR_NOMEM, or ERR_FAIL (the builder gave up: the page is beyond it).  The tree lives until the next
 * call.  t->clamped tells whether something was cut. */
int tree_parse(struct tree *t, const char *text, size_t n);
/* Gives back memory that a large page took; what was parsed is dead. */
void tree_clear(struct tree *t);
#endif
