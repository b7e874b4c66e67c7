/* clock: time.  Monotonic for pace and budgets, wall for what a record says. */
#ifndef TROMMEL_BASE_CLOCK_H
#define TROMMEL_BASE_CLOCK_H
#include <stddef.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_mono_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000u;
}

static inline int64_t clock_wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The wall clock's ms of year, month (from 1), day, hour, minute, second of UTC. */
int64_t clock_utc_ms(const int part[6]);

#define CLOCK_RFC3339_BYTES 32
/* "2026-11-24T17:04:27.123Z" (RFC 3339, UTC); returns its length. */
unsigned clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_BYTES]);
/* Reads back what it makes, and nothing else: 0 or ERR_INVALID. */
int clock_rfc3339_read(const char *p, size_t n, int64_t *ret_wall_ms);
/* Any date and time of RFC 3339 (`T` or a space, any fraction, Z or an offset), as others write them; the
 * years 1 to 9999.  0 or ERR_INVALID. */
int clock_rfc3339_parse(const char *p, size_t n, int64_t *ret_wall_ms);
#endif
