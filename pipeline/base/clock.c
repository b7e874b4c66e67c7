/* clock: see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

unsigned clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_BYTES])
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    int n = snprintf(out, CLOCK_RFC3339_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
    return n > 0 ? (unsigned)n : 0;
}

int clock_rfc3339_read(const char *p, size_t n, int64_t *ret_wall_ms)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    int part[7] = { 0 }, at = 0;

    if (n != sizeof form - 1)
        return ERR_INVALID;
    for (size_t i = 0; i < n; i++) {
        int is_digit = p[i] >= '0' && p[i] <= '9';
        if (form[i] == '0' ? !is_digit : p[i] != form[i])
            return ERR_INVALID;
        if (is_digit)
            part[at] = part[at] * 10 + (p[i] - '0');
        else
            at++;
    }
    struct tm tm = { .tm_year = part[0] - 1900, .tm_mon = part[1] - 1, .tm_mday = part[2], .tm_hour = part[3],
                     .tm_min = part[4], .tm_sec = part[5] };
    *ret_wall_ms = (int64_t)timegm(&tm) * 1000 + part[6];
    return 0;
}
