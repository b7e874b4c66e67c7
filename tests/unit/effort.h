/* effort: how many rounds a long loop makes.  Under valgrind a process runs some thirty times slower, under
 * AddressSanitizer three times, and a part of the rounds shows the same bad memory; tests/sanitize.sh says how small
 * a part (TROMMEL_EFFORT=10: a tenth). */
#ifndef TROMMEL_TESTS_EFFORT_H
#define TROMMEL_TESTS_EFFORT_H
#include <stdlib.h>

static inline unsigned effort(unsigned rounds)
{
    const char *part = getenv("TROMMEL_EFFORT");

    return part ? rounds / (unsigned)atoi(part) + 1 : rounds;
}
#endif
