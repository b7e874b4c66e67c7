/* decode: see decode.h. */
#include "decode.h"

#include <math.h>

#define ROUNDS_MAX 50 /* three are usual; each raises the F1 or ends the search */

/* The best expected F1; content: words of content to be expected on the page. */
static double best_f1(const float *p, const uint32_t *size, uint32_t n, double content)
{
    double f = 0;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        double hit = 0, kept = 0;
        for (uint32_t i = 0; i < n; i++)
            if (p[i] > f / 2) {
                hit += (double)p[i] * size[i];
                kept += size[i];
            }
        double g = kept + content > 0 ? 2 * hit / (kept + content) : 0;
        if (g <= f)
            break;
        f = g;
    }
    return f;
}

float decode_cut(const float *p, const uint32_t *size, uint32_t n, float *ret_f1)
{
    double content = 0, none = 0, part = 1;

    for (uint32_t i = 0; i < n; i++) {
        content += (double)p[i] * size[i];
        part *= 1 - (p[i] < 0.9999999f ? (double)p[i] : 0.9999999);
        if (part < 1e-200) { /* a logarithm now and then instead of one a block */
            none += log(part);
            part = 1;
        }
    }
    none += log(part);
    double f = best_f1(p, size, n, content);
    *ret_f1 = (float)f;
    return !n || none > log(f > 1e-9 ? f : 1e-9) ? DECODE_NOTHING : (float)(f / 2);
}

void decode_probabilities(float *margin, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        margin[i] = 1 / (1 + expf(-margin[i]));
}
