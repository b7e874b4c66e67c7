/* clock: see clock.h. */
#include "base/clock.h"

#include <stdio.h>

unsigned clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_BYTES])
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    int n = snprintf(out, CLOCK_RFC3339_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
    return n > 0 ? (unsigned)n : 0;
}
