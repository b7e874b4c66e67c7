/* date: dates as people and machines write them.  See date.h.
 *
 * A text becomes at most TOKENS_MAX tokens (numbers, words looked up in one table, punctuation); the forms
 * are tried at each of them in turn.  No state between calls but the table, which is constant. */
#include <string.h>

#include "plugin/stage/metadata/month.h"
#include "plugin/stage/metadata/text.h"

#define TOKENS_MAX 64
#define TEXT_MAX   600 /* bytes of a text that are looked at */

struct token {
    char kind;      /* '0' number, 'a' word, else the ASCII punctuation itself; '?' other */
    uint8_t digits; /* of a number */
    uint8_t word;   /* of a word: month 1 to 12, or WORD_* */
    uint8_t space;  /* white space before it */
    uint32_t value;
    uint16_t start, end;
};

struct tokens {
    uint32_t n;
    struct token t[TOKENS_MAX + 1]; /* a final one of kind 0 */
};

static int tokens_read(struct tokens *ts, const char *p, size_t n)
{
    const char *s = p, *end = p + (n < TEXT_MAX ? n : TEXT_MAX);
    uint8_t space = 0;

    ts->n = 0;
    while (s < end && ts->n < TOKENS_MAX) {
        const char *from = s;
        uint32_t c = text_next(&s, end);
        struct token *t = &ts->t[ts->n];
        if (text_is_space(c)) {
            space = 1;
            continue;
        }
        *t = (struct token){ .kind = '?', .space = space, .start = (uint16_t)(from - p) };
        space = 0;
        if (c >= '0' && c <= '9') {
            t->kind = '0';
            t->value = c - '0';
            t->digits = 1;
            while (s < end && *s >= '0' && *s <= '9') {
                t->value = t->digits < 9 ? t->value * 10 + (uint32_t)(*s - '0') : t->value;
                t->digits += t->digits < 200;
                s++;
            }
        } else if (c < 0x80 && !text_is_word(c)) {
            t->kind = (char)c;
        } else if (c == 0x2013 || c == 0x2014 || c == 0x2010 || c == 0x2011) {
            t->kind = '-';
        } else if (text_is_word(c)) {
            char low[64];
            size_t k = 0;
            t->kind = 'a';
            /* Chinese and its neighbours put no space: 年, 月, 日 and the like are words of their own */
            if (month_sign(c)) {
                t->word = month_sign(c);
            } else {
                k += text_put(text_lower(c), low);
                while (s < end) {
                    const char *q = s;
                    c = text_next(&q, end);
                    if (!text_is_word(c) || (c >= '0' && c <= '9') || month_sign(c))
                        break;
                    if (k < sizeof low - 4)
                        k += text_put(text_lower(c), low + k);
                    s = q;
                }
                t->word = month_word(low, k);
            }
        }
        t->end = (uint16_t)(s - p);
        ts->n++;
    }
    ts->t[ts->n] = (struct token){ 0 };
    return ts->n > 0;
}

static int month_days(int y, int mo)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return mo == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0) ? 29 : days[mo - 1];
}

/* Fills year to day when they can be; day 0: month precision. */
static int set_day(struct date *d, uint32_t y, uint32_t mo, uint32_t day)
{
    if (y < 1000 || y > 2999 || mo < 1 || mo > 12 || day > (uint32_t)month_days((int)y, (int)mo))
        return 0;
    *d = (struct date){ .y = (int16_t)y,
                        .mo = (int8_t)mo,
                        .d = (int8_t)day,
                        .offset = DATE_LOCAL,
                        .precision = day ? DATE_DAY : DATE_MONTH };
    return 1;
}

static int is_num(const struct token *t, int least, int most)
{
    return t->kind == '0' && t->digits >= least && t->digits <= most;
}

static int is_year(const struct token *t)
{
    return is_num(t, 4, 4) && t->value >= 1000 && t->value <= 2100;
}

static int is_month(const struct token *t)
{
    return t->kind == 'a' && t->word >= 1 && t->word <= 12;
}

static int is_word(const struct token *t, int word)
{
    return t->kind == 'a' && t->word == word;
}

/* 2025-04-07, 2025/04/07, 2025.04.07; 2025-04 only when structured. */
static uint32_t form_year_first(const struct token *t, struct date *d, int structured)
{
    char sep = t[1].kind;

    if (!is_year(t) || !(sep == '-' || sep == '/' || sep == '.') || !is_num(&t[2], 1, 2))
        return 0;
    if (t[3].kind == sep && is_num(&t[4], 1, 2) && set_day(d, t[0].value, t[2].value, t[4].value) &&
        t[4].value)
        return 5;
    if (structured && sep == '-' && t[3].kind == 0 && set_day(d, t[0].value, t[2].value, 0))
        return 3;
    return 0;
}

/* 07/04/2025 and 04/07/2025: dots mean day first, and so does what the page's language says. */
static uint32_t form_year_last(const struct token *t, struct date *d, enum date_order order)
{
    char sep = t[1].kind;

    if (!is_num(t, 1, 2) || !(sep == '/' || sep == '.' || sep == '-') || !is_num(&t[2], 1, 2) ||
        t[3].kind != sep || !is_year(&t[4]))
        return 0;
    uint32_t a = t[0].value, b = t[2].value, y = t[4].value;
    int month_first = b > 12 || (order == DATE_MONTH_FIRST && a <= 12 && sep != '.');
    if (a == 0 || b == 0 || !(month_first ? set_day(d, y, a, b) : set_day(d, y, b, a)))
        return 0;
    return 5;
}

/* 2025年4月7日, 2025년 4월 7일 */
static uint32_t form_signs(const struct token *t, struct date *d)
{
    if (!is_year(t) || !is_word(&t[1], WORD_YEAR_SIGN) || !is_num(&t[2], 1, 2) ||
        !is_word(&t[3], WORD_MONTH_SIGN))
        return 0;
    if (is_num(&t[4], 1, 2) && is_word(&t[5], WORD_DAY_SIGN) && t[4].value &&
        set_day(d, t[0].value, t[2].value, t[4].value))
        return 6;
    return set_day(d, t[0].value, t[2].value, 0) ? 4 : 0;
}

static uint32_t skip(const struct token *t, uint32_t i, const char *punct, int words)
{
    for (int k = 0; k < 3; k++, i++) {
        if (t[i].kind == 'a' && words && t[i].word == WORD_OF)
            continue;
        if (t[i].kind && t[i].kind != 'a' && t[i].kind != '0' && strchr(punct, t[i].kind))
            continue;
        break;
    }
    return i;
}

/* April 7, 2025; Apr. 7th 2025; April 2025 */
static uint32_t form_month_day(const struct token *t, struct date *d)
{
    uint32_t mo = t[0].word, i;

    if (!is_month(t))
        return 0;
    i = skip(t, 1, ".,-", 1);
    if (is_num(&t[i], 1, 2)) {
        uint32_t day = t[i].value;
        i++;
        if (is_word(&t[i], WORD_ORDINAL) && !t[i].space)
            i++;
        i = skip(t, i, ".,-/'", 1);
        if (is_year(&t[i]) && day && set_day(d, t[i].value, mo, day))
            return i + 1;
        return 0;
    }
    /* a bare month may be short for a person or a verb: "may 2025" only where the year follows */
    if (is_year(&t[i]) && set_day(d, t[i].value, mo, 0))
        return i + 1;
    return 0;
}

/* 7 April 2025; 7th of April, 2025; 7. April 2025; 7-Apr-2025; 7 de abril de 2025; 7 thang 4, 2025 */
static uint32_t form_day_month(const struct token *t, struct date *d)
{
    uint32_t i = 1, mo;

    if (!is_num(t, 1, 2) || t[0].value == 0)
        return 0;
    if (is_word(&t[i], WORD_ORDINAL) && !t[i].space)
        i++;
    i = skip(t, i, ".,-/", 1);
    if (is_word(&t[i], WORD_MONTH_NOUN) && is_num(&t[i + 1], 1, 2)) {
        mo = t[i + 1].value;
        i++;
    } else if (is_month(&t[i])) {
        mo = t[i].word;
    } else {
        return 0;
    }
    i = skip(t, i + 1, ".,-/'", 1);
    return is_year(&t[i]) && set_day(d, t[i].value, mo, t[0].value) ? i + 1 : 0;
}

/* 2025. április 7., 2025 Apr 7 */
static uint32_t form_year_month(const struct token *t, struct date *d)
{
    uint32_t i;

    if (!is_year(t))
        return 0;
    i = skip(t, 1, ".,-", 1);
    if (!is_month(&t[i]) || i == 0)
        return 0;
    uint32_t mo = t[i].word;
    i = skip(t, i + 1, ".-", 0);
    return is_num(&t[i], 1, 2) && t[i].value && set_day(d, t[0].value, mo, t[i].value) ? i + 1 : 0;
}

/* Z, UTC, +02:00, +0200, GMT+2 behind a time */
static uint32_t read_offset(const struct token *t, struct date *d)
{
    uint32_t i = 0;
    int utc = 0;

    if (is_word(&t[0], WORD_UTC)) {
        utc = 1;
        i = 1;
    }
    if ((t[i].kind == '+' || t[i].kind == '-') && t[i + 1].kind == '0' && !t[i + 1].space &&
        (utc || !t[i].space || t[i + 1].digits == 4)) {
        const struct token *h = &t[i + 1];
        int hours = -1, minutes = 0;
        uint32_t used = 0;
        if (h->digits == 4) {
            hours = (int)(h->value / 100);
            minutes = (int)(h->value % 100);
            used = 2;
        } else if (h->digits <= 2 && t[i + 2].kind == ':' && is_num(&t[i + 3], 2, 2)) {
            hours = (int)h->value;
            minutes = (int)t[i + 3].value;
            used = 4;
        } else if (h->digits == 2 || (utc && h->digits == 1)) {
            hours = (int)h->value;
            used = 2;
        }
        if (used && hours <= 14 && minutes < 60) {
            d->offset = (int16_t)((t[i].kind == '-' ? -1 : 1) * (hours * 60 + minutes));
            return i + used;
        }
    }
    if (utc)
        d->offset = DATE_Z;
    return i;
}

/* A time of day behind the date; 0: none. */
static uint32_t read_time(const struct token *t, struct date *d)
{
    uint32_t i = 0;

    for (int k = 0; k < 4; k++) { /* "T", "at", "um", "|", "-", "(" … */
        if (t[i].kind == 'a' && (t[i].word == WORD_AT || t[i].word == WORD_DAY_NAME || t[i].word == WORD_OF))
            i++;
        else if (t[i].kind && strchr(",-|/@(.", t[i].kind))
            i++;
        else
            break;
    }
    if (!is_num(&t[i], 1, 2) || t[i].value > 24)
        return 0;
    int h = (int)t[i].value, mi = 0, s = -1, half = 0;
    uint32_t j = i + 1;
    if ((t[j].kind == ':' || is_word(&t[j], WORD_HOUR)) && !t[j].space && is_num(&t[j + 1], 2, 2) &&
        t[j + 1].value < 60) {
        mi = (int)t[j + 1].value;
        j += 2;
        if (t[j].kind == ':' && is_num(&t[j + 1], 2, 2) && t[j + 1].value < 61) {
            s = (int)t[j + 1].value;
            j += 2;
            if ((t[j].kind == '.' || t[j].kind == ',') && !t[j].space && t[j + 1].kind == '0' &&
                !t[j + 1].space)
                j += 2; /* fractions */
        }
        half = 1;
    }
    if (t[j].kind == 'a' && (t[j].word == WORD_AM || t[j].word == WORD_PM)) {
        if (h < 1 || h > 12)
            return 0;
        h = h % 12 + (t[j].word == WORD_PM ? 12 : 0);
        j++;
        if (t[j].kind == '.' && t[j + 1].kind != 'a')
            j++;
        half = 1;
    } else if (t[j].kind == 'a' && (t[j].word == WORD_A || t[j].word == WORD_P) && t[j + 1].kind == '.' &&
               is_word(&t[j + 2], WORD_M)) {
        if (h < 1 || h > 12)
            return 0;
        h = h % 12 + (t[j].word == WORD_P ? 12 : 0);
        j += 3;
        half = 1;
    }
    if (!half || h > 23)
        return 0;
    d->h = (int8_t)h;
    d->mi = (int8_t)mi;
    d->s = (int8_t)(s < 0 ? 0 : s > 59 ? 59 : s);
    d->precision = s < 0 ? DATE_MINUTE : DATE_SECOND;
    return j + read_offset(&t[j], d);
}

/* A date at t; tokens used. */
static uint32_t read_date(const struct token *t, struct date *d, enum date_order order, int structured)
{
    uint32_t n = 0;

    if (t->kind == '0') {
        (void)((n = form_year_first(t, d, structured)) || (n = form_year_last(t, d, order)) ||
               (n = form_signs(t, d)) || (n = form_day_month(t, d)) || (n = form_year_month(t, d)));
    } else if (t->kind == 'a') {
        n = form_month_day(t, d);
    }
    if (!n)
        return 0;
    if (t[n].kind == '0' && !t[n].space && d->precision == DATE_DAY && !structured &&
        !is_word(&t[n - 1], WORD_DAY_SIGN))
        return 0; /* 2025-04-0712: a number, no date */
    if (d->precision == DATE_DAY)
        n += read_time(&t[n], d);
    return n;
}

int date_hint(const char *p, size_t n)
{
    for (size_t i = 0; i + 4 <= n;) {
        if ((unsigned char)(p[i + 3] - '0') > 9) { /* no run of four digits has this byte */
            i += 4;
            continue;
        }
        if (((p[i] == '2' && p[i + 1] == '0') || (p[i] == '1' && p[i + 1] == '9')) &&
            (unsigned char)(p[i + 2] - '0') <= 9 && !(i + 4 < n && (unsigned char)(p[i + 4] - '0') <= 9) &&
            !(i && (unsigned char)(p[i - 1] - '0') <= 9))
            return 1;
        i++;
    }
    return 0;
}

size_t date_find(const char *p, size_t n, enum date_order order, struct date *ret, size_t *ret_start)
{
    struct tokens ts;

    if (!tokens_read(&ts, p, n))
        return 0;
    for (uint32_t i = 0; i < ts.n; i++) {
        const struct token *t = &ts.t[i];
        if (t->kind == '0' && i && !t->space && strchr("/.-:$#+", ts.t[i - 1].kind) && i >= 2 &&
            ts.t[i - 2].kind == '0')
            continue; /* the middle of a longer number, version or range */
        if (t->kind == '0' && i && !t->space && ts.t[i - 1].kind == '$')
            continue;
        uint32_t used = read_date(t, ret, order, 0);
        if (used && ret->precision == DATE_MONTH && t->kind == 'a' && i && is_num(&ts.t[i - 1], 1, 2))
            continue; /* "31 April 2025": a day that can't be, no month */
        const struct token *next = t + used;
        if (used && t->kind == '0' && ret->precision == DATE_DAY && next->kind && strchr("./-", next->kind) &&
            !next->space && next[1].kind == '0' && !next[1].space)
            continue; /* "1.2.2024.7": a version */
        if (used) {
            *ret_start = t->start;
            return ts.t[i + used - 1].end;
        }
    }
    return 0;
}

static int from_epoch(int64_t sec, struct date *d)
{
    int64_t days = sec / 86400, rest = sec % 86400, era, doe, yoe, doy, mp;

    if (sec < 315532800 || sec > 4102444800) /* 1980 to 2100 */
        return 0;
    days += 719468;
    era = days / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    int mo = (int)(mp < 10 ? mp + 3 : mp - 9);
    int y = (int)(yoe + era * 400 + (mo <= 2));
    *d = (struct date){ .y = (int16_t)y,
                        .mo = (int8_t)mo,
                        .d = (int8_t)(doy - (153 * mp + 2) / 5 + 1),
                        .h = (int8_t)(rest / 3600),
                        .mi = (int8_t)(rest / 60 % 60),
                        .s = (int8_t)(rest % 60),
                        .offset = DATE_Z,
                        .precision = DATE_SECOND };
    return 1;
}

/* 20250407, 20250407T232347Z, 1744068227, 1744068227000 */
static int parse_compact(const char *p, size_t n, struct date *ret)
{
    int64_t v = 0;
    size_t k = 0;

    for (; k < n && k < 14 && p[k] >= '0' && p[k] <= '9'; k++)
        v = v * 10 + (p[k] - '0');
    if (k == n && (k == 10 || k == 13))
        return from_epoch(k == 13 ? v / 1000 : v, ret);
    if ((k == 8 || (k == 14 && n == 14)) && (n == k || p[k] == 'T')) {
        int64_t day = k == 14 ? v / 1000000 : v, time = k == 14 ? v % 1000000 : 0;
        if (!set_day(ret, (uint32_t)(day / 10000), (uint32_t)(day / 100 % 100), (uint32_t)(day % 100)) ||
            !ret->d)
            return 0;
        if (k == 8 && n >= 15 && p[k] == 'T') {
            for (size_t i = 9; i < 15; i++) {
                if (p[i] < '0' || p[i] > '9')
                    return 1;
                time = time * 10 + (p[i] - '0');
            }
        } else if (k == 8) {
            return 1;
        }
        if (time / 10000 > 23 || time / 100 % 100 > 59 || time % 100 > 59)
            return 1;
        ret->h = (int8_t)(time / 10000);
        ret->mi = (int8_t)(time / 100 % 100);
        ret->s = (int8_t)(time % 100);
        ret->precision = DATE_SECOND;
        if (n == 16 && p[15] == 'Z')
            ret->offset = DATE_Z;
        return 1;
    }
    return 0;
}

int date_parse(const char *p, size_t n, enum date_order order, struct date *ret)
{
    struct tokens ts;
    str s = text_trim((str){ p, n });

    if (s.n < 4 || s.n > 200)
        return 0;
    if (parse_compact(s.p, s.n, ret))
        return 1;
    if (!tokens_read(&ts, s.p, s.n))
        return 0;
    if (ts.n == 1 && is_year(ts.t)) {
        *ret = (struct date){ .y = (int16_t)ts.t->value, .offset = DATE_LOCAL, .precision = DATE_YEAR };
        return 1;
    }
    for (uint32_t i = 0; i < ts.n && i < 12; i++)
        if (read_date(&ts.t[i], ret, order, 1))
            return 1;
    return 0;
}

static size_t put_number(char *ret, int v, int width)
{
    for (int i = width; i-- > 0; v /= 10)
        ret[i] = (char)('0' + v % 10);
    return (size_t)width;
}

size_t date_print(const struct date *d, char ret[DATE_TEXT])
{
    size_t n = put_number(ret, d->y, 4);

    if (d->precision >= DATE_MONTH) {
        ret[n++] = '-';
        n += put_number(ret + n, d->mo, 2);
    }
    if (d->precision >= DATE_DAY) {
        ret[n++] = '-';
        n += put_number(ret + n, d->d, 2);
    }
    if (d->precision < DATE_MINUTE)
        return n;
    ret[n++] = 'T';
    n += put_number(ret + n, d->h, 2);
    ret[n++] = ':';
    n += put_number(ret + n, d->mi, 2);
    if (d->precision >= DATE_SECOND) {
        ret[n++] = ':';
        n += put_number(ret + n, d->s, 2);
    }
    if (d->offset == DATE_Z) {
        ret[n++] = 'Z';
    } else if (d->offset != DATE_LOCAL) {
        int off = d->offset < 0 ? -d->offset : d->offset;
        ret[n++] = d->offset < 0 ? '-' : '+';
        n += put_number(ret + n, off / 60, 2);
        ret[n++] = ':';
        n += put_number(ret + n, off % 60, 2);
    }
    return n;
}

int32_t date_days(const struct date *d)
{
    int32_t y = d->y, mo = d->mo ? d->mo : 1, day = d->d ? d->d : 1;

    y -= mo <= 2;
    int32_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int32_t doy = (153 * (mo + (mo > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int32_t date_number(const struct date *d)
{
    return d->y * 10000 + d->mo * 100 + d->d;
}
