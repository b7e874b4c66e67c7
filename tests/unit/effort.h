/* effort: how many rounds a long loop makes.  Under valgrind a process runs some thirty times slower, and a tenth of the
 * rounds shows the same bad memory; tests/sanitize.sh says so. */
#ifndef TROMMEL_TESTS_EFFORT_H
#define TROMMEL_TESTS_EFFORT_H
#include <stdlib.h>

static inline unsigned effort(unsigned rounds)
{
    return getenv("TROMMEL_VALGRIND") ? rounds / 10 + 1 : rounds;
}
#endif
