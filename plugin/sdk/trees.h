/* trees: boosted trees over rows of bytes, sixteen rows at a time.
 *
 * Every tree is filled up to a perfect binary tree of one depth, stored as a heap: node i has the
 * children 2i + 1 and 2i + 2.  Features are bytes, so a node is two bytes and one vector instruction judges
 * it for sixteen rows; there is no branch on data anywhere.  A node goes right when
 * row[feature] >= threshold; filled-up nodes have threshold 0 and the same leaf on both sides. */
#ifndef TROMMEL_SDK_TREES_H
#define TROMMEL_SDK_TREES_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TREES_DEPTH_MAX  6 /* trees_margins knows depths 4 to 6 */
#define TREES_STRIDE_MAX 256u

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

#define TREES_INLINE static inline __attribute__((always_inline, unused))

#ifdef __clang__
#define TREES_HOT __attribute__((unused))
#else
#define TREES_HOT __attribute__((unused, optimize("O3"))) /* unrolls what -O2 leaves a loop */
#endif

#define TREES_LANES 16
#define TREES_ROWS  32 /* rows that are judged together */

typedef uint8_t trees_lanes __attribute__((vector_size(TREES_LANES)));
typedef uint32_t trees_words __attribute__((vector_size(TREES_LANES)));

/* The first or the last eight of two vectors, in turn. */
#define TREES_LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define TREES_HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* Sixteen rows of 16 bytes each as sixteen columns: four perfect shuffles. */
static inline __attribute__((unused)) void trees_transpose16(trees_lanes x[16])
{
    trees_lanes y[16];

    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            y[2 * i] = TREES_LOW(x[i], x[i + 8]);
            y[2 * i + 1] = TREES_HIGH(x[i], x[i + 8]);
        }
        memcpy(x, y, sizeof y);
    }
}

/* Sixteen rows as columns.  stride: a multiple of 16; columns: that many. */
static inline __attribute__((unused)) void trees_columns(const uint8_t *rows, size_t stride,
                                                         trees_lanes *columns)
{
    for (size_t f = 0; f < stride; f += 16) {
        for (size_t k = 0; k < 16; k++)
            memcpy(&columns[f + k], rows + k * stride + f, 16);
        trees_transpose16(columns + f);
    }
}

/* One bit a level out of the judgements of a tree's nodes: level by level those off a row's way fall out.
 * Gives the number of each row's leaf. */
TREES_INLINE trees_lanes trees_way(trees_lanes *right, const uint32_t depth)
{
    trees_lanes bit[TREES_DEPTH_MAX], at = right[0] & 1;

    bit[0] = right[0];
    for (uint32_t d = 1; d < depth; d++) {
        trees_lanes *level = right + ((1u << d) - 1);
        for (uint32_t k = 0; k < d; k++)
            for (uint32_t i = 0, half = 1u << (d - k - 1); i < half; i++)
                level[i] ^= (level[i] ^ level[i + half]) & bit[k];
        bit[d] = level[0];
        at = at + at + (level[0] & 1);
    }
    return at;
}

TREES_INLINE void trees_sum(const float *leaf, trees_lanes at, float *sum)
{
    uint8_t lane[TREES_LANES];

    memcpy(lane, &at, sizeof lane);
    for (int k = 0; k < TREES_LANES; k++)
        sum[k] += leaf[lane[k]];
}

/* Adds all trees' leaves of two tiles of sixteen rows to sum.  depth is a constant where this is used. */
TREES_INLINE void trees_tiles(const struct trees *m, const uint32_t depth, const trees_lanes *one,
                              const trees_lanes *two, float *sum)
{
    const uint32_t inner = (1u << depth) - 1;
    const struct trees_node *node = m->nodes;
    const float *leaf = m->leaves;
    trees_lanes a[(1u << TREES_DEPTH_MAX) - 1], b[(1u << TREES_DEPTH_MAX) - 1];

    for (uint32_t t = 0; t < m->n_trees; t++, node += inner, leaf += 1u << depth) {
        for (uint32_t i = 0; i < inner; i++) {
            uint32_t four = node[i].threshold * 0x01010101u;
            trees_lanes limit = (trees_lanes)(trees_words){ four, four, four, four };
            a[i] = (trees_lanes)(one[node[i].feature] >= limit);
            b[i] = (trees_lanes)(two[node[i].feature] >= limit);
        }
        trees_sum(leaf, trees_way(a, depth), sum);
        trees_sum(leaf, trees_way(b, depth), sum + TREES_LANES);
    }
}

/* Margins of n rows.  The rows have room for n rounded up to a multiple of TREES_ROWS (what stands there is
 * read, its result dropped) and a stride of at most TREES_STRIDE_MAX, a multiple of 16. */
TREES_HOT static void
trees_margins(const struct trees *m, const uint8_t *rows, size_t n, size_t stride, float *margin)
{
    trees_lanes one[TREES_STRIDE_MAX], two[TREES_STRIDE_MAX];

    for (size_t i = 0; i < n; i += TREES_ROWS) {
        float sum[TREES_ROWS];
        for (int k = 0; k < TREES_ROWS; k++)
            sum[k] = m->base;
        trees_columns(rows + i * stride, stride, one);
        trees_columns(rows + (i + TREES_LANES) * stride, stride, two);
        if (m->depth == 6)
            trees_tiles(m, 6, one, two, sum);
        else if (m->depth == 5)
            trees_tiles(m, 5, one, two, sum);
        else if (m->depth == 4)
            trees_tiles(m, 4, one, two, sum);
        for (size_t k = 0; k < TREES_ROWS && i + k < n; k++)
            margin[i + k] = sum[k];
    }
}
#endif
