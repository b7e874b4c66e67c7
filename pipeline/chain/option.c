/* option: one option's text by its row; see chain.h.  Numbers are decimal; a byte count may end in KiB,
 * MiB or GiB.  The message names the option, the value, what is allowed. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chain/chain.h"

static int option_bool(const trommel_opt *row, const char *text, trommel_val *val, struct err *err)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

    for (int i = 0; i < 8; i++) {
        if (!strcasecmp(text, words[i])) {
            val->u.i = i & 1;
            return 0;
        }
    }
    return err_set(err, ERR_USAGE, "option `%s`: `%.100s` is neither true nor false: write one of these",
                   row->key, text);
}

/* "1..10 ms", or "" when any will do. */
static void range_text(const trommel_opt *row, char out[120])
{
    const char *unit = row->unit ? row->unit : "";

    if (row->min == 0 && row->max == 0)
        snprintf(out, 120, "%s%.40s", *unit ? ", in " : "", unit);
    else
        snprintf(out, 120, " from %.15g to %.15g%s%.40s", row->min, row->max, *unit ? " " : "", unit);
}

static int in_range(const trommel_opt *row, double v)
{
    return (row->min == 0 && row->max == 0) || (v >= row->min && v <= row->max);
}

static int64_t suffix_factor(const trommel_opt *row, const char *end)
{
    if (!*end)
        return 1;
    if (!row->unit || strcmp(row->unit, "bytes"))
        return 0;
    return !strcmp(end, "KiB") ? 1 << 10 : !strcmp(end, "MiB") ? 1 << 20 : !strcmp(end, "GiB") ? 1 << 30 : 0;
}

static int option_i64(const trommel_opt *row, const char *text, trommel_val *val, struct err *err)
{
    int64_t factor;
    char *end, range[120];

    errno = 0;
    val->u.i = strtoll(text, &end, 10);
    factor = end == text || errno || strchr(" \t\n\v\f\r", text[0]) ? 0 : suffix_factor(row, end);
    range_text(row, range);
    if (!factor || __builtin_mul_overflow(val->u.i, factor, &val->u.i))
        return err_set(err, ERR_USAGE, "option `%s`: `%.100s` is no whole number: write one%s", row->key,
                       text, range);
    if (!in_range(row, (double)val->u.i))
        return err_set(err, ERR_USAGE, "option `%s`: %.100s is out of range: write a whole number%s",
                       row->key, text, range);
    return 0;
}

static int option_f64(const trommel_opt *row, const char *text, trommel_val *val, struct err *err)
{
    char *end, range[120];

    val->u.d = strtod(text, &end);
    range_text(row, range);
    if (end == text || *end || !isfinite(val->u.d) || strchr(" \t\n\v\f\r", text[0]))
        return err_set(err, ERR_USAGE, "option `%s`: `%.100s` is no number: write one%s", row->key, text,
                       range);
    if (!in_range(row, val->u.d))
        return err_set(err, ERR_USAGE, "option `%s`: %.100s is out of range: write a number%s", row->key,
                       text, range);
    return 0;
}

static int option_str(const trommel_opt *row, const char *text, trommel_val *val, struct err *err)
{
    size_t n = strlen(text);
    const char *p = row->choices;

    val->u.p = text;
    val->n = n;
    while (p) {
        const char *bar = strchrnul(p, '|');
        if ((size_t)(bar - p) == n && !memcmp(p, text, n))
            return 0;
        if (!*bar)
            return err_set(err, ERR_USAGE, "option `%s`: `%.100s` is not one of %.300s: write one of these",
                           row->key, text, row->choices);
        p = bar + 1;
    }
    return 0;
}

int option_parse(const trommel_opt *row, const char *text, trommel_val *val, struct err *err)
{
    *val = (trommel_val){ .type = row->type };
    if ((row->flags & TROMMEL_OPT_REQUIRED) && !*text)
        return err_set(err, ERR_USAGE, "option `%s`: empty, a value is required", row->key);
    switch (row->type) {
    case TROMMEL_T_BOOL:
        return option_bool(row, text, val, err);
    case TROMMEL_T_I64:
        return option_i64(row, text, val, err);
    case TROMMEL_T_F64:
        return option_f64(row, text, val, err);
    case TROMMEL_T_STR:
        return option_str(row, text, val, err);
    default:
        return err_set(err, ERR_INVALID,
                       "option `%s`: its row has type %u, an option is BOOL, I64, F64 or STR: "
                       "mend the stage",
                       row->key, row->type);
    }
}
