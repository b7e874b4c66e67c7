/* number: see number.h. */
#include "command/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"

int number_parse(const char *text, double min, double max, int whole, double *ret)
{
    char *end;

    errno = 0;
    *ret = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(*ret) || *ret < min || *ret > max)
        return ERR_USAGE;
    return whole && *ret != floor(*ret) ? ERR_USAGE : 0;
}
