/* trees: boosted trees over rows of bytes, eight rows at a time.
 *
 * Every tree is filled up to a perfect binary tree of one depth, stored as a heap: node i has the
 * children 2i + 1 and 2i + 2, so a step is two loads, a compare and no branch, and eight rows walk side
 * by side to hide the loads.  Features are bytes, so a node is two bytes.  A node goes right when
 * row[feature] >= threshold; filled-up nodes have threshold 0 and the same leaf on both sides. */
#ifndef TROMMEL_SDK_TREES_H
#define TROMMEL_SDK_TREES_H
#include <stddef.h>
#include <stdint.h>

struct trees_node {
    uint8_t feature, threshold;
};

struct trees {
    uint32_t n_trees, depth, n_features;
    const struct trees_node *nodes; /* n_trees times (2^depth - 1) */
    const float *leaves;            /* n_trees times 2^depth */
    float base;                     /* added to every margin */
};

/* Tree t's leaf for one row. */
static inline __attribute__((unused)) float trees_leaf(const struct trees *m, uint32_t t, const uint8_t *row)
{
    uint32_t inner = (1u << m->depth) - 1, at = 0;
    const struct trees_node *node = m->nodes + (size_t)t * inner;

    while (at < inner)
        at = 2 * at + 1 + (row[node[at].feature] >= node[at].threshold);
    return m->leaves[((size_t)t << m->depth) + at - inner];
}

#define TREES_LANES 8

/* Adds tree t's leaves of eight rows to sum. */
static inline __attribute__((unused)) void trees_step(const struct trees *m, uint32_t t, const uint8_t *rows,
                                                      size_t stride, float *sum)
{
    const struct trees_node *node = m->nodes + (size_t)t * ((1u << m->depth) - 1);
    const float *leaf = m->leaves + ((size_t)t << m->depth);
    uint32_t at[TREES_LANES] = { 0 };

    for (uint32_t d = 0; d < m->depth; d++)
        for (int k = 0; k < TREES_LANES; k++) {
            struct trees_node x = node[at[k]];
            at[k] = 2 * at[k] + 1 + (rows[(size_t)k * stride + x.feature] >= x.threshold);
        }
    for (int k = 0; k < TREES_LANES; k++)
        sum[k] += leaf[at[k] - ((1u << m->depth) - 1)];
}

/* Margins of n rows.  The caller's rows have room for n rounded up to a multiple of TREES_LANES (what
 * stands there is read, its result dropped). */
static inline __attribute__((unused)) void trees_margins(const struct trees *m, const uint8_t *rows, size_t n,
                                                         size_t stride, float *margin)
{
    for (size_t i = 0; i < n; i += TREES_LANES) {
        float sum[TREES_LANES];
        for (int k = 0; k < TREES_LANES; k++)
            sum[k] = m->base;
        for (uint32_t t = 0; t < m->n_trees; t++)
            trees_step(m, t, rows + i * stride, stride, sum);
        for (size_t k = 0; k < TREES_LANES && i + k < n; k++)
            margin[i + k] = sum[k];
    }
}
#endif
