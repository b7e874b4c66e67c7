/* features: a row of bytes for every block, all from structure: no list of natural-language words.
 *
 * Two passes over the elements (one up, one down), a few over the blocks; then every feature is O(1) or
 * O(depth).  The trainer reads rows made by this code, so trainer and stage cannot differ. */
#ifndef TROMMEL_BOILERPLATE_FEATURES_H
#define TROMMEL_BOILERPLATE_FEATURES_H
#include "page.h"

#define FEATURE_MAP(X)                                                                                    \
    /* the text itself */                                                                                 \
    X(words) X(chars) X(word_len) X(link_share) X(links) X(all_link) X(upper) X(digits) X(sents)          \
    X(commas) X(sent_share) X(last) X(first) X(price) X(date) X(url) X(seps) X(breaks) X(high) X(leaves)  \
    /* its place in the tree */                                                                           \
    X(tag) X(parent_tag) X(grand_tag) X(leaf_tag) X(depth) X(sib) X(kids) X(hidden)                       \
    /* repetition */                                                                                      \
    X(alike0) X(alike1) X(alike2) X(alike3) X(alike4) X(alike_max)                              \
    X(path_blocks) X(path_share) X(path_mean) X(path_link) X(copies) X(copy)                              \
    /* the best root, the longest block */                                                                \
    X(in_root) X(root_up) X(root_down) X(root_words) X(root_share) X(long_rel) X(long_after) X(long_steps) \
    /* position */                                                                                        \
    X(block_pos) X(block_no) X(word_pos) X(words_before) X(words_after) X(h1_rel) X(h1_dist) X(heading)   \
    X(since_heading)                                                                                      \
    /* neighbours */                                                                                      \
    X(b4_link) X(b10_link) X(n1_words) X(n1_link) X(n4_words) X(n4_link) X(n10_words) X(n10_link)         \
    /* words shared with title and description */                                                         \
    X(title_of) X(title_share) X(desc_of)                                                                 \
    /* the page */                                                                                        \
    X(pg_words) X(pg_blocks) X(pg_link) X(pg_p_share) X(pg_long) X(pg_a) X(pg_p) X(pg_li) X(pg_h2)        \
    X(pg_h3) X(pg_img) X(pg_form) X(pg_input) X(pg_button) X(pg_article) X(pg_section) X(pg_table)        \
    X(pg_code) X(pg_main) X(pg_h1) X(pg_prices) X(pg_alike) X(pg_nodes) X(pg_dates) X(pg_video)

#define SUBTREE_LEVELS 7
#define SUBTREE_VALUES 7

enum {
#define X_(name) F_##name,
    FEATURE_MAP(X_)
#undef X_
    F_INSIDE,
    F_CLASS = F_INSIDE + INSIDE_N,
    F_SUBTREE = F_CLASS + CLASS_GROUPS_N,
    FEATURES_N = F_SUBTREE + SUBTREE_LEVELS * SUBTREE_VALUES,
    FEATURE_STRIDE = (FEATURES_N + 15) / 16 * 16,
};

/* Makes the rows of all blocks: FEATURE_STRIDE bytes each, room for TREES_ROWS more at the end (zeroed).
 * 0, TROMMEL_E_LIMIT or TROMMEL_E_FAIL. */
int features_make(struct page *pg, uint8_t **ret_rows);

/* Name of a feature into buf (32 bytes are enough). */
void feature_name(unsigned i, char *buf, size_t n);
#endif
