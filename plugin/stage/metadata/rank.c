/* rank: choosing among candidates by a sum of weights.  See rank.h. */
#include "plugin/stage/metadata/rank.h"
#include "plugin/stage/metadata/rank_weights.h"

void (*rank_trace)(const struct meta *, const struct rank *);

const struct rank_cand *rank_choose(const struct rank *r, const float weights[RANK_BITS], uint64_t sure)
{
    const struct rank_cand *best = NULL;
    float best_score = 0;

    for (uint32_t i = 0; i < r->n; i++) {
        float score = 0;
        for (uint64_t b = r->c[i].bits; b; b &= b - 1)
            score += weights[__builtin_ctzll(b)];
        if ((score > 0 || (r->c[i].bits & sure)) && (!best || score > best_score)) {
            best = &r->c[i];
            best_score = score;
        }
    }
    return best;
}
