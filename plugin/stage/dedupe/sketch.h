/* sketch: the few hundred bytes by which the index knows that two pages say the same.
 *
 * The stage makes a sketch in a worker; the host's index (pipeline/index) takes it apart again, so this
 * header is all the two share.  Method: word shingles (Broder 1997), sampled by their hash as in
 * FracMinHash (Irber et al. 2022): a page keeps every shingle whose 64-bit hash lies below 2^(64-e), e
 * chosen so that 24 to 64 remain.  Samples are nested: two sketches compare at the larger e of the two,
 * and one sample gives Jaccard as well as containment, whatever the pages' lengths.
 *
 * Bytes, all numbers little-endian:
 *     0  u8   version, 1
 *     1  u8   number of sections, 0 to 2
 *     2  u16  0
 *     4  u32  words
 *     8  16   XXH3-128 (canonical form) of the normalised text: words joined by one space
 *    24  the sections, wider shingles first, each
 *         0  u8   width: words in a shingle, 5 or 3
 *         1  u8   e
 *         2  u16  n, at most 64 (48 where there are two sections)
 *         4  u32  0
 *         8  n x u64, strictly ascending, each below 2^(64-e)
 * Width 5 is there from 64 words on, width 3 from 8 to 199 words, so that pages either side of a border
 * still meet; under 8 words only the exact hash counts. */
#ifndef TROMMEL_STAGE_DEDUPE_SKETCH_H
#define TROMMEL_STAGE_DEDUPE_SKETCH_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SKETCH_VERSION      1
#define SKETCH_SECTIONS     2
#define SKETCH_HEAD_BYTES   24
#define SKETCH_SECTION_HEAD 8
#define SKETCH_HASHES       64 /* in a section that stands alone */
#define SKETCH_HASHES_TWO   48 /* in each of two */
#define SKETCH_WORDS_MIN    8  /* fewer: exact only */
#define SKETCH_WORDS_WIDE   64 /* from here on shingles of five words */
#define SKETCH_WORDS_NARROW 200 /* below, shingles of three */
#define SKETCH_WIDE         5
#define SKETCH_NARROW       3
#define SKETCH_EXPONENT_MAX 56
#define SKETCH_BYTES_MAX                                                                          \
    (SKETCH_HEAD_BYTES + SKETCH_SECTIONS * (SKETCH_SECTION_HEAD + SKETCH_HASHES_TWO * 8))

struct sketch_section {
    uint8_t width, e;
    uint16_t n;
    uint64_t hashes[SKETCH_HASHES];
};

struct sketch {
    uint32_t words, n_sections;
    uint8_t exact[16];
    struct sketch_section sections[SKETCH_SECTIONS];
};

static inline uint64_t sketch_number(const unsigned char *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* The first hash value that exponent e does not keep; 0 stands for 2^64. */
static inline uint64_t sketch_limit(unsigned e)
{
    return e ? UINT64_C(1) << (64 - e) : 0;
}

/* How many of a section's hashes remain at exponent e (at least its own). */
static inline unsigned sketch_count(const struct sketch_section *s, unsigned e)
{
    uint64_t limit = sketch_limit(e);
    unsigned n = s->n;

    while (n > 0 && limit && s->hashes[n - 1] >= limit)
        n--;
    return n;
}

static inline const struct sketch_section *sketch_find(const struct sketch *s, unsigned width)
{
    for (uint32_t i = 0; i < s->n_sections; i++)
        if (s->sections[i].width == width)
            return &s->sections[i];
    return NULL;
}

/* Reads one section at p; returns its bytes, 0 if it is malformed. */
static inline size_t sketch_read_section(const unsigned char *p, size_t n, unsigned max,
                                         struct sketch_section *ret)
{
    if (n < SKETCH_SECTION_HEAD || sketch_number(p + 4, 4) != 0)
        return 0;
    ret->width = p[0];
    ret->e = p[1];
    ret->n = (uint16_t)sketch_number(p + 2, 2);
    if (ret->e > SKETCH_EXPONENT_MAX || ret->n > max ||
        n - SKETCH_SECTION_HEAD < (size_t)ret->n * 8)
        return 0;
    for (unsigned i = 0; i < ret->n; i++) {
        ret->hashes[i] = sketch_number(p + SKETCH_SECTION_HEAD + 8 * i, 8);
        if (i > 0 && ret->hashes[i] <= ret->hashes[i - 1])
            return 0;
    }
    if (sketch_count(ret, ret->e) != ret->n)
        return 0;
    return SKETCH_SECTION_HEAD + (size_t)ret->n * 8;
}

/* Takes a sketch apart and judges every byte (it comes from a worker, whom the host does not trust).
 * 0, or -1 if it is malformed. */
static inline int sketch_read(const void *bytes, size_t n, struct sketch *ret)
{
    const unsigned char *p = bytes;
    unsigned max;

    if (n < SKETCH_HEAD_BYTES || n > SKETCH_BYTES_MAX || p[0] != SKETCH_VERSION ||
        p[1] > SKETCH_SECTIONS || p[2] || p[3])
        return -1;
    ret->n_sections = p[1];
    ret->words = (uint32_t)sketch_number(p + 4, 4);
    memcpy(ret->exact, p + 8, 16);
    max = ret->n_sections > 1 ? SKETCH_HASHES_TWO : SKETCH_HASHES;
    p += SKETCH_HEAD_BYTES;
    n -= SKETCH_HEAD_BYTES;
    for (uint32_t i = 0; i < ret->n_sections; i++) {
        size_t used = sketch_read_section(p, n, max, &ret->sections[i]);
        unsigned width = ret->sections[i].width;

        if (!used || (width != SKETCH_WIDE && width != SKETCH_NARROW) ||
            (i > 0 && width >= ret->sections[i - 1].width))
            return -1;
        p += used;
        n -= used;
    }
    return n ? -1 : 0;
}
#endif
