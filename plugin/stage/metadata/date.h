/* date: dates as people and machines write them, read without inventing anything.
 *
 * Knows ISO 8601 and its relatives, RFC 2822, numeric dates, month names of some thirty languages, the
 * Chinese, Japanese and Korean forms, a time of day and an offset behind a date.  Precision is kept: what
 * the page does not say is not filled in.  Two-digit years, relative dates ("3 days ago") and named zones
 * other than UTC are left alone. */
#ifndef TROMMEL_STAGE_METADATA_DATE_H
#define TROMMEL_STAGE_METADATA_DATE_H
#include <stddef.h>
#include <stdint.h>

enum date_precision { DATE_NONE, DATE_YEAR, DATE_MONTH, DATE_DAY, DATE_MINUTE, DATE_SECOND };
enum date_order { DATE_DAY_FIRST, DATE_MONTH_FIRST }; /* what 04/07/2025 means */

struct date {
    int16_t y, offset; /* offset in minutes; DATE_LOCAL: none given; DATE_Z: "Z" */
    int8_t mo, d, h, mi, s;
    int8_t precision;
};
#define DATE_LOCAL INT16_MAX
#define DATE_Z     (INT16_MAX - 1)
#define DATE_TEXT  32 /* bytes that date_print needs */

/* A value that is meant to be a date (attribute, JSON): also 20250407, seconds or milliseconds since 1970.
 * 1 if it is one. */
int date_parse(const char *p, size_t n, enum date_order order, struct date *ret);
/* The first date of at least month precision in running text.  Returns one past its end, 0 if there is
 * none; *ret_start is where it begins. */
size_t date_find(const char *p, size_t n, enum date_order order, struct date *ret, size_t *ret_start);
/* Could there be a date in it?  Cheap: four digits of a plausible year. */
int date_hint(const char *p, size_t n);
/* ISO 8601 as precise as it is; returns the length. */
size_t date_print(const struct date *d, char ret[DATE_TEXT]);
/* Days since 1970-01-01; a missing month or day counts as the first. */
int32_t date_days(const struct date *d);
/* Year, month and day alone: 20250407; 20250400 without a day. */
int32_t date_number(const struct date *d);
#endif
