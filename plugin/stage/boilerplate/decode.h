/* decode: from each block's probability of being content to the blocks that are kept.
 *
 * The set with the highest expected F1 keeps exactly the blocks whose probability is over half of that F1
 * (Lipton, Elkan & Naryanaswamy, ECML PKDD 2014), and Dinkelbach's iteration finds it without sorting: so
 * the cut follows each page, and nothing is tuned.  A page gives nothing where the chance that no block at
 * all is content is higher than the F1 to be expected. */
#ifndef TROMMEL_BOILERPLATE_DECODE_H
#define TROMMEL_BOILERPLATE_DECODE_H
#include <stdint.h>

#define DECODE_NOTHING 2.f /* a cut that keeps nothing */

/* The cut: keep block i if p[i] > cut.  size[i]: its words.  *ret_f1: the F1 to be expected. */
float decode_cut(const float *p, const uint32_t *size, uint32_t n, float *ret_f1);
/* 1 / (1 + e^-margin), in place. */
void decode_probabilities(float *margin, uint32_t n);
#endif
