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
    int n =
        snprintf(out, CLOCK_RFC3339_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
    return n > 0 ? (unsigned)n : 0;
}

int64_t clock_utc_ms(const int part[6])
{
    struct tm tm = { .tm_year = part[0] - 1900,
                     .tm_mon = part[1] - 1,
                     .tm_mday = part[2],
                     .tm_hour = part[3],
                     .tm_min = part[4],
                     .tm_sec = part[5] };

    return (int64_t)timegm(&tm) * 1000;
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
    *ret_wall_ms = clock_utc_ms(part) + part[6];
    return 0;
}

/* ---- what others write ---- */

struct text {
    const char *p, *end;
};

/* Exactly n digits, from min to max; -1: no such number. */
static int number(struct text *t, int n, int min, int max)
{
    int v = 0;

    for (; n; n--, t->p++) {
        if (t->p == t->end || *t->p < '0' || *t->p > '9')
            return -1;
        v = v * 10 + (*t->p - '0');
    }
    return v < min || v > max ? -1 : v;
}

static int one_of(struct text *t, const char *set)
{
    if (t->p == t->end || !*t->p || !strchr(set, *t->p))
        return 0;
    return (unsigned char)*t->p++;
}

/* Milliseconds of ".123456"; the rest is cut off.  0 without a fraction, -1 for a dot without digits. */
static int fraction(struct text *t)
{
    int ms = 0, n = 0;

    if (!one_of(t, "."))
        return 0;
    for (; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++, n++)
        if (n < 3)
            ms = ms * 10 + (*t->p - '0');
    for (int i = n; i < 3; i++)
        ms *= 10;
    return n ? ms : -1;
}

/* Minutes to the east of UTC; 0 or ERR_INVALID. */
static int offset(struct text *t, int *ret_minutes)
{
    int sign = one_of(t, "Zz+-");

    *ret_minutes = 0;
    if (sign == 'Z' || sign == 'z')
        return 0;
    int h = sign ? number(t, 2, 0, 23) : -1;
    int m = h >= 0 && one_of(t, ":") ? number(t, 2, 0, 59) : -1;
    if (m < 0)
        return ERR_INVALID;
    *ret_minutes = (h * 60 + m) * (sign == '-' ? -1 : 1);
    return 0;
}

static int days_of(int year, int month)
{
    static const char days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && is_leap);
}

static int date(struct text *t, struct tm *tm)
{
    int year = number(t, 4, 1, 9999);
    int month = year > 0 && one_of(t, "-") ? number(t, 2, 1, 12) : -1;
    int day = month > 0 && one_of(t, "-") ? number(t, 2, 1, days_of(year, month)) : -1;

    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return day > 0 ? 0 : ERR_INVALID;
}

static int time_of_day(struct text *t, struct tm *tm)
{
    tm->tm_hour = number(t, 2, 0, 23);
    tm->tm_min = tm->tm_hour >= 0 && one_of(t, ":") ? number(t, 2, 0, 59) : -1;
    tm->tm_sec = tm->tm_min >= 0 && one_of(t, ":") ? number(t, 2, 0, 60) : -1; /* 60: a leap second */
    return tm->tm_sec >= 0 ? 0 : ERR_INVALID;
}

int clock_rfc3339_parse(const char *p, size_t n, int64_t *ret_wall_ms)
{
    struct text t = { p, p + n };
    struct tm tm = { 0 };
    int ms, east;

    if (date(&t, &tm) < 0 || !one_of(&t, "Tt ") || time_of_day(&t, &tm) < 0 || (ms = fraction(&t)) < 0 ||
        offset(&t, &east) < 0 || t.p != t.end)
        return ERR_INVALID;
    *ret_wall_ms = ((int64_t)timegm(&tm) - (int64_t)east * 60) * 1000 + ms;
    return 0;
}
