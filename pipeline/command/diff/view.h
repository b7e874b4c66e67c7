/* view: a comparison by words as it is shown: what changed with some words around it, in pieces. */
#ifndef TROMMEL_COMMAND_DIFF_VIEW_H
#define TROMMEL_COMMAND_DIFF_VIEW_H
#include "record/words_diff.h"

enum view_kind { VIEW_SAME, VIEW_GONE, VIEW_COME, VIEW_GAP /* words that are not shown */ };
struct view_piece {
    enum view_kind kind;
    trommel_str text; /* with the white space behind it; of GAP none */
    uint32_t words;
};
/* Other than 0 ends it. */
typedef int view_fn(void *arg, const struct view_piece *p);

/* Calls fn for each piece in order: `context` words around what changed, of one change 4000 bytes at most,
 * `bytes_max` together; a GAP stands for what is left out, also at the beginning and the end. */
void diff_view(const struct words_diff *d, uint32_t context, size_t bytes_max, view_fn *fn, void *arg);

/* The first `max` bytes of s or less, so that no character is cut. */
trommel_str view_cut(trommel_str s, size_t max);
#endif
