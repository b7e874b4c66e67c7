/* amount: reads an amount of money out of a short text, for stage authors.
 *
 *     struct sdk_money m;
 *     if (sdk_amount(text, &m) == TROMMEL_OK) …      m.value "1299.00", m.currency "EUR" or ""
 *
 * Read: "$1,299.00", "1.299,00 €", "CHF 12.-", "2 299 kr", "1'299.50 SFr.", "₹1,00,000", "99:-".  The text
 * should be that of one element (sdk_read), not of a page.  It abstains rather than guesses:
 *   - Two different amounts (an old price and a new one, a range, net and gross), or a negative one.
 *   - "$1.299": a thousand or three decimals?  A single separator before three digits parts thousands where
 *     the currency's users write it so ("1.299 €", "$1,299"), and is unclear elsewhere.
 *   - "$12 99", "5€99", "$1.5k", "€ 12:30", "$12.03.2024".
 *   - A number without a currency, unless there is nothing else in the text.
 * A space before three digits parts thousands.  What the amount is for (each, from, a month) is not judged.
 * The currency is an ISO 4217 code where the text names one; $, ¥, kr, Rs, lei and the like are those of
 * several countries, so the code stays empty.
 *
 * Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_SDK_AMOUNT_H
#define TROMMEL_SDK_AMOUNT_H
#include "units.h"

enum { SDK_AMOUNT_TEXT = 4096, SDK_AMOUNT_NUMBERS = 64, SDK_AMOUNT_GROUPS = 8, SDK_AMOUNT_DIGITS = 18 };

struct sdk_money {
    char value[SDK_AMOUNT_DIGITS + 2]; /* decimal, "1299" or "1299.00": as many decimals as the text has */
    char currency[4];                  /* ISO 4217, or "" */
};

/* ---- reading along the text ---- */

SDK_INLINE int sdk_is_digit(trommel_str s, size_t at)
{
    return at < s.n && s.p[at] >= '0' && s.p[at] <= '9';
}

/* Where the white space that begins at `at` ends. */
SDK_INLINE size_t sdk_space_over(trommel_str s, size_t at)
{
    int drop;
    size_t n;

    while (at < s.n && (n = sdk_space_at(s.p + at, s.n - at, &drop)))
        at += n;
    return at;
}

/* Where the white space that ends at `at` begins. */
SDK_INLINE size_t sdk_space_back(trommel_str s, size_t at)
{
    int drop, more = 1;

    while (more) {
        more = 0;
        for (size_t n = 1; n <= 3 && n <= at && !more; n++)
            if (sdk_space_at(s.p + at - n, n, &drop) == n) {
                at -= n;
                more = 1;
            }
    }
    return at;
}

/* Bytes of a dash at `at`: hyphen, en and em dash, minus; or 0. */
SDK_INLINE size_t sdk_dash_at(trommel_str s, size_t at)
{
    if (at < s.n && s.p[at] == '-')
        return 1;
    if (s.n - (at < s.n ? at : s.n) < 3)
        return 0;
    return !memcmp(s.p + at, "\xe2\x80\x93", 3) || !memcmp(s.p + at, "\xe2\x80\x94", 3) ||
                   !memcmp(s.p + at, "\xe2\x88\x92", 3)
               ? 3
               : 0;
}

SDK_INLINE size_t sdk_dash_back(trommel_str s, size_t at)
{
    return at && sdk_dash_at(sdk_str(s.p, at), at - 1)       ? 1
           : at > 2 && sdk_dash_at(sdk_str(s.p, at), at - 3) ? 3
                                                             : 0;
}

/* A letter, for the borders of words: what is not ASCII counts as one, but for white space and dashes. */
SDK_INLINE int sdk_letter_at(trommel_str s, size_t at)
{
    int drop;
    unsigned char c = at < s.n ? (unsigned char)s.p[at] : ' ';

    if (c >= 0x80)
        return !sdk_space_at(s.p + at, s.n - at, &drop) && !sdk_dash_at(s, at);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

SDK_INLINE int sdk_letter_back(trommel_str s, size_t at)
{
    unsigned char c = at ? (unsigned char)s.p[at - 1] : ' ';

    if (c >= 0x80)
        return sdk_space_back(s, at) == at && !sdk_dash_back(s, at);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

SDK_INLINE int sdk_unit_borders(trommel_str s, size_t from, size_t to, unsigned flags)
{
    return !(flags & SDK_UNIT_WORD) || (!(sdk_letter_at(s, from) && sdk_letter_back(s, from)) &&
                                        !(sdk_letter_back(s, to) && sdk_letter_at(s, to)));
}

/* The longest unit that begins (dir 1) or ends (dir -1) at `at`: its length, or 0. */
SDK_INLINE size_t sdk_unit_find(trommel_str s, size_t at, int dir, struct sdk_unit *ret)
{
    const struct sdk_unit *row;
    struct sdk_unit iso;
    size_t best = 0;

    for (unsigned k = 0; (row = sdk_unit_row(k)); k++) {
        size_t n = strlen(row->text), from = dir > 0 ? at : at - n;
        if (n <= best || (dir > 0 ? n > s.n - at : n > at) || memcmp(s.p + from, row->text, n) ||
            !sdk_unit_borders(s, from, from + n, row->flags))
            continue;
        best = n;
        *ret = *row;
    }
    if (best < 3 && (dir > 0 ? s.n - at >= 3 : at >= 3)) {
        size_t from = dir > 0 ? at : at - 3;
        if (sdk_unit_iso(s.p + from, &iso) && sdk_unit_borders(s, from, from + 3, iso.flags)) {
            best = 3;
            *ret = iso;
        }
    }
    return best;
}

/* ---- one number ---- */

struct sdk_number {
    size_t from, to; /* with separators, and with ".-" behind it */
    unsigned n_groups;
    size_t at[SDK_AMOUNT_GROUPS], len[SDK_AMOUNT_GROUPS]; /* runs of digits */
    char sep[SDK_AMOUNT_GROUPS];                          /* behind each: . , ' or space */
    int is_whole;                                         /* ".-" says so */
    int odd;                                              /* cannot be an amount as it stands there */
    int has_unit;
    struct sdk_unit unit;
};

/* A separator at `at` that a digit follows: its kind and length, or 0. */
SDK_INLINE char sdk_number_sep(trommel_str s, size_t at, size_t *ret_n)
{
    int drop;
    char kind = 0;
    size_t n = 1, to;

    if (at >= s.n)
        return 0;
    if (s.p[at] == '.' || s.p[at] == ',' || s.p[at] == '\'') {
        kind = s.p[at];
    } else if (s.n - at >= 3 && !memcmp(s.p + at, "\xe2\x80\x99", 3)) {
        kind = '\'';
        n = 3;
    } else if (s.p[at] != '\n' && s.p[at] != '\t' && (n = sdk_space_at(s.p + at, s.n - at, &drop)) && !drop) {
        kind = ' ';
    }
    for (to = at + n; sdk_is_digit(s, to);)
        to++;
    if (!kind || to == at + n || (kind == ' ' && to != at + n + 3))
        return 0;
    *ret_n = n;
    return kind;
}

/* The number whose first digit is at `at`. */
SDK_INLINE void sdk_number_read(trommel_str s, size_t at, struct sdk_number *x)
{
    size_t n = 0, dash;

    memset(x, 0, sizeof *x);
    x->from = at;
    x->odd = at && (s.p[at - 1] == '.' || s.p[at - 1] == ',');
    for (;;) {
        unsigned g = x->n_groups < SDK_AMOUNT_GROUPS ? x->n_groups++ : SDK_AMOUNT_GROUPS - 1;
        x->at[g] = at;
        while (sdk_is_digit(s, at))
            at++;
        x->len[g] = at - x->at[g];
        x->sep[g] = sdk_number_sep(s, at, &n);
        if (!x->sep[g])
            break;
        x->odd |= x->n_groups == SDK_AMOUNT_GROUPS;
        at += n;
    }
    if (at < s.n && (s.p[at] == '.' || s.p[at] == ',' || s.p[at] == ':') && sdk_dash_at(s, at + 1)) {
        for (at++; (dash = sdk_dash_at(s, at));)
            at += dash;
        x->is_whole = 1;
    }
    x->to = at;
    x->odd |= at < s.n && (s.p[at] == ':' || s.p[at] == '/') && sdk_is_digit(s, at + 1);
}

/* A dash and another number on one side of [from, to), or a minus before it. */
SDK_INLINE int sdk_number_dashed(trommel_str s, size_t from, size_t to)
{
    size_t at = sdk_space_back(s, from), dash = sdk_dash_back(s, at), before;

    if (dash) {
        before = sdk_space_back(s, at - dash);
        if (before && sdk_is_digit(s, before - 1))
            return 1;
        if (at == from && (before != at - dash || !before || !sdk_letter_back(s, before)))
            return 1;
    }
    at = sdk_space_over(s, to);
    dash = sdk_dash_at(s, at);
    at = sdk_space_over(s, at + dash);
    return dash && sdk_is_digit(s, at);
}

/* Words that multiply. */
SDK_INLINE int sdk_number_scaled(trommel_str s, size_t at)
{
    static const char words[][10] = { "million", "millions", "billion", "billions", "mio", "mrd",
                                      "mln",     "bn",       "k",       "m",        "mn",  "thousand",
                                      "tsd",     "lakh",     "crore",   "tys" };
    char word[10];
    size_t n = 0;

    for (at = sdk_space_over(s, at); at < s.n && n < sizeof word && sdk_letter_at(s, at); at++)
        word[n++] = (char)sdk_lower((unsigned char)s.p[at]);
    for (unsigned k = 0; k < sizeof words / sizeof words[0]; k++)
        if (n == strlen(words[k]) && !memcmp(word, words[k], n))
            return 1;
    return 0;
}

/* Two units of one amount ("US$ 12 USD"): 0 if they contradict each other. */
SDK_INLINE int sdk_unit_merge(struct sdk_unit *to, const struct sdk_unit *other)
{
    if (to->iso[0] && other->iso[0])
        return !memcmp(to->iso, other->iso, 4);
    if (!to->iso[0])
        *to = *other;
    return 1;
}

/* Finds the units around a number, and what else stands there. */
SDK_INLINE void sdk_number_around(trommel_str s, struct sdk_number *x)
{
    struct sdk_unit unit;
    size_t from = x->from, to = x->to, at = sdk_space_back(s, from), n = sdk_unit_find(s, at, -1, &unit);

    /* "12€ 15": the sign belongs to the number it touches */
    if (n && !(at < x->from && at > n && sdk_is_digit(s, at - n - 1))) {
        x->has_unit = 1;
        x->unit = unit;
        from = at - n;
    }
    if (!n && at && (s.p[at - 1] == '.' || sdk_dash_back(s, at)) && /* $.99, $-5 */
        sdk_unit_find(s, at - (s.p[at - 1] == '.' ? 1 : sdk_dash_back(s, at)), -1, &unit))
        x->has_unit = x->odd = 1;
    at = sdk_space_over(s, x->to);
    n = at < s.n ? sdk_unit_find(s, at, 1, &unit) : 0;
    if (n && !(at > x->to && sdk_is_digit(s, at + n))) {
        x->odd |= x->has_unit && !sdk_unit_merge(&x->unit, &unit);
        if (!x->has_unit)
            x->unit = unit;
        x->odd |= at == x->to && sdk_is_digit(s, at + n) && from == x->from; /* 5€99 */
        x->has_unit = 1;
        to = at + n;
    }
    x->odd |= sdk_number_dashed(s, from, to) || sdk_number_scaled(s, x->to) ||
              (to == x->to && sdk_letter_at(s, to)) || (from == x->from && sdk_letter_back(s, from));
    at = sdk_space_back(s, x->from);
    x->odd |= from == x->from && at < from && at && sdk_is_digit(s, at - 1);
    at = sdk_space_over(s, x->to);
    x->odd |= to == x->to && at > to && sdk_is_digit(s, at);
    if (at < s.n && s.p[at] == '%')
        x->has_unit = 0;
}

/* Are groups [0, n) thousands?  Also as in India: 1,00,000. */
SDK_INLINE int sdk_number_grouped(trommel_str s, const struct sdk_number *x, unsigned n)
{
    int threes = 1, twos = x->sep[0] == ',' && x->len[0] <= 2;

    if (n == 1)
        return x->len[0] == 1 || s.p[x->at[0]] != '0';
    for (unsigned g = 1; g < n; g++) {
        threes &= x->len[g] == 3;
        twos &= x->len[g] == (g + 1 < n ? 2u : 3u);
        if (g + 1 < n && x->sep[g] != x->sep[0])
            return 0;
    }
    return (threes || twos) && x->len[0] <= 3 && s.p[x->at[0]] != '0';
}

/* How many groups are before the decimals: all, or all but the last.  0: unclear. */
SDK_INLINE unsigned sdk_number_whole(trommel_str s, const struct sdk_number *x)
{
    unsigned n = x->n_groups, flags = x->has_unit ? x->unit.flags : 0;
    char last = n > 1 ? x->sep[n - 2] : 0;
    size_t len = x->len[n - 1];

    if (n == 1 || x->is_whole || (last != '.' && last != ','))
        return sdk_number_grouped(s, x, n) ? n : 0;
    if (n > 2 && x->sep[n - 3] == last)
        return sdk_number_grouped(s, x, n) ? n : 0;
    if (len < 3 || (flags & SDK_UNIT_MILLS && len == 3 && (n > 2 || last == '.')))
        return sdk_number_grouped(s, x, n - 1) ? n - 1 : 0;
    if (n > 2 || len != 3)
        return 0;
    if (x->len[0] == 1 && s.p[x->at[0]] == '0')
        return 1;
    if (!x->has_unit || flags & SDK_UNIT_MILLS || (last == '.' && flags & SDK_UNIT_DOT))
        return 0;
    return sdk_number_grouped(s, x, 2) ? 2 : 0;
}

SDK_INLINE int sdk_number_money(trommel_str s, const struct sdk_number *x, struct sdk_money *ret)
{
    unsigned whole = x->odd ? 0 : sdk_number_whole(s, x);
    size_t n = 0, digits = 0;

    for (unsigned g = 0; g < x->n_groups; g++)
        digits += x->len[g];
    if (!whole || digits > SDK_AMOUNT_DIGITS)
        return 0;
    memset(ret, 0, sizeof *ret);
    for (unsigned g = 0; g < x->n_groups; g++) {
        if (g == whole)
            ret->value[n++] = '.';
        memcpy(ret->value + n, s.p + x->at[g], x->len[g]);
        n += x->len[g];
    }
    if (x->has_unit)
        memcpy(ret->currency, x->unit.iso, sizeof ret->currency);
    return 1;
}

/* The same amount ("12", "12.00")?  Then *to has the better known currency of both. */
SDK_INLINE int sdk_money_same(struct sdk_money *to, const struct sdk_money *other)
{
    size_t n = strcspn(to->value, ".");
    const char *a = to->value + n, *b = other->value + n;

    if (n != strcspn(other->value, ".") || memcmp(to->value, other->value, n))
        return 0;
    a += *a == '.';
    b += *b == '.';
    for (; *a || *b; a += *a != 0, b += *b != 0)
        if ((*a ? *a : '0') != (*b ? *b : '0'))
            return 0;
    if (to->currency[0] && other->currency[0] && memcmp(to->currency, other->currency, 4))
        return 0;
    if (!to->currency[0])
        memcpy(to->currency, other->currency, sizeof to->currency);
    return 1;
}

/* TROMMEL_OK; TROMMEL_E_ABSENT: no amount in it; TROMMEL_E_INVALID: unclear; TROMMEL_E_LIMIT: the text is
 * longer than SDK_AMOUNT_TEXT or has more than SDK_AMOUNT_NUMBERS numbers. */
SDK_INLINE int32_t sdk_amount(trommel_str text, struct sdk_money *ret)
{
    struct sdk_number x;
    struct sdk_money m;
    unsigned numbers = 0, found = 0;

    memset(ret, 0, sizeof *ret);
    if (text.n > SDK_AMOUNT_TEXT)
        return TROMMEL_E_LIMIT;
    for (size_t at = 0; at < text.n;) {
        if (!sdk_is_digit(text, at)) {
            at++;
            continue;
        }
        if (++numbers > SDK_AMOUNT_NUMBERS)
            return TROMMEL_E_LIMIT;
        sdk_number_read(text, at, &x);
        sdk_number_around(text, &x);
        at = x.to;
        if (!x.has_unit && (sdk_space_back(text, x.from) || sdk_space_over(text, x.to) < text.n))
            continue;
        if (!sdk_number_money(text, &x, &m) || (found && !sdk_money_same(ret, &m))) {
            memset(ret, 0, sizeof *ret);
            return TROMMEL_E_INVALID;
        }
        if (!found++)
            *ret = m;
    }
    return found ? TROMMEL_OK : TROMMEL_E_ABSENT;
}
#endif
