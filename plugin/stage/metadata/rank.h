/* rank: choosing among candidates by a sum of weights, one for each thing that is so (a bit).
 *
 * The weights are learned by train/rank.py (softmax over a page's candidates and "none", whose score is 0)
 * and lie in rank_weights.h.  Candidates that mean the same are one; what holds for either holds for it. */
#ifndef TROMMEL_STAGE_METADATA_RANK_H
#define TROMMEL_STAGE_METADATA_RANK_H
#include "plugin/stage/metadata/meta.h"

#define RANK_MAX  96
#define RANK_BITS 64

struct rank_cand {
    str text, norm;
    int32_t number; /* a date's day, as date_number */
    uint64_t bits;
    uint32_t votes; /* sources that gave it */
    uint8_t how;
    struct meta_list names; /* authors only */
};

struct rank {
    const char *kind; /* "title", "author", "date" */
    uint32_t n;
    struct rank_cand c[RANK_MAX];
};

#define RANK(bit) ((uint64_t)1 << (bit))

/* The best candidate.  NULL when none beats "none": has a score above 0, or one of the `sure` bits. */
const struct rank_cand *rank_choose(const struct rank *r, const float weights[RANK_BITS], uint64_t sure);
extern const float rank_title_weights[RANK_BITS], rank_author_weights[RANK_BITS],
    rank_date_weights[RANK_BITS];
/* Training looks at candidates through this; NULL otherwise. */
extern void (*rank_trace)(const struct meta *, const struct rank *);
#endif
