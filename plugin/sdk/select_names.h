/* select_names: reading the characters of a selector: white space, names, values, escapes; see select.h,
 * which includes this.  Names and values land in sdk_select.strs, with escapes resolved. */
#ifndef TROMMEL_SDK_SELECT_NAMES_H
#define TROMMEL_SDK_SELECT_NAMES_H

struct sdk_compiler {
    const char *p;
    size_t n, at;
    struct sdk_select *sel;
};

/* The first mistake stays. */
SDK_INLINE int sdk_compile_fail(struct sdk_compiler *c, size_t at, const char *what)
{
    if (!c->sel->error) {
        c->sel->error = what;
        c->sel->error_at = (uint16_t)at;
    }
    return 0;
}

SDK_INLINE char sdk_compile_peek(const struct sdk_compiler *c, size_t ahead)
{
    return c->at + ahead < c->n ? c->p[c->at + ahead] : '\0';
}

/* White space and comments; 1 if there was any. */
SDK_INLINE int sdk_compile_space(struct sdk_compiler *c)
{
    size_t from = c->at;

    while (c->at < c->n) {
        if (sdk_is_space(c->p[c->at])) {
            c->at++;
        } else if (c->p[c->at] == '/' && sdk_compile_peek(c, 1) == '*') {
            for (c->at += 2; c->at < c->n && !(c->p[c->at] == '*' && sdk_compile_peek(c, 1) == '/');)
                c->at++;
            c->at = c->n - c->at < 2 ? c->n : c->at + 2;
        } else {
            break;
        }
    }
    return c->at > from;
}

/* ---- names and strings ---- */

SDK_INLINE int sdk_compile_byte(struct sdk_compiler *c, char b)
{
    if (c->sel->n_strs == SDK_SELECT_STRS)
        return sdk_compile_fail(c, c->at, "the names and values in it are too long: make them shorter");
    c->sel->strs[c->sel->n_strs++] = b;
    return 1;
}

SDK_INLINE int sdk_compile_utf8(struct sdk_compiler *c, uint32_t u)
{
    if (!u || u > 0x10ffff || (u >= 0xd800 && u < 0xe000))
        u = 0xfffd;
    if (u < 0x80)
        return sdk_compile_byte(c, (char)u);
    if (u >= 0x10000 &&
        !(sdk_compile_byte(c, (char)(0xf0 | u >> 18)) && sdk_compile_byte(c, (char)(0x80 | (u >> 12 & 63)))))
        return 0;
    if (u >= 0x800 && u < 0x10000 && !sdk_compile_byte(c, (char)(0xe0 | u >> 12)))
        return 0;
    if (!sdk_compile_byte(c, (char)(u < 0x800 ? 0xc0 | u >> 6 : 0x80 | (u >> 6 & 63))))
        return 0;
    return sdk_compile_byte(c, (char)(0x80 | (u & 63)));
}

SDK_INLINE int sdk_hex(char c)
{
    return c >= '0' && c <= '9'                         ? c - '0'
           : sdk_lower(c) >= 'a' && sdk_lower(c) <= 'f' ? sdk_lower(c) - 'a' + 10
                                                        : -1;
}

/* What follows a backslash. */
SDK_INLINE int sdk_compile_escape(struct sdk_compiler *c)
{
    uint32_t u = 0;
    int digits = 0;

    c->at++;
    if (c->at >= c->n || sdk_compile_peek(c, 0) == '\n')
        return sdk_compile_fail(c, c->at, "a backslash with nothing behind it: \\\\ is the backslash itself");
    for (; digits < 6 && sdk_hex(sdk_compile_peek(c, 0)) >= 0; digits++)
        u = u << 4 | (uint32_t)sdk_hex(c->p[c->at++]);
    if (!digits)
        return sdk_compile_byte(c, c->p[c->at++]);
    if (c->at < c->n && sdk_is_space(c->p[c->at]))
        c->at++;
    return sdk_compile_utf8(c, u);
}

SDK_INLINE int sdk_name_first(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || ch == '\\' ||
           (unsigned char)ch >= 0x80;
}

SDK_INLINE int sdk_name_byte(char ch)
{
    return sdk_name_first(ch) || (ch >= '0' && ch <= '9') || ch == '-';
}

/* Does a name begin here? */
SDK_INLINE int sdk_compile_at_name(const struct sdk_compiler *c)
{
    char ch = sdk_compile_peek(c, 0);

    return sdk_name_first(ch) ||
           (ch == '-' && (sdk_name_first(sdk_compile_peek(c, 1)) || sdk_compile_peek(c, 1) == '-'));
}

/* A name into strs; lower: in lower case. */
SDK_INLINE int sdk_compile_name(struct sdk_compiler *c, int lower, uint16_t *ret, uint16_t *ret_n)
{
    *ret = c->sel->n_strs;
    if (!sdk_compile_at_name(c))
        return sdk_compile_fail(
            c, c->at, "a name is wanted here: letters, digits, - and _, no digit first (\\31 is 1)");
    while (sdk_name_byte(sdk_compile_peek(c, 0))) {
        if (c->p[c->at] == '\\' ? !sdk_compile_escape(c) : !sdk_compile_byte(c, c->p[c->at++]))
            return 0;
    }
    *ret_n = (uint16_t)(c->sel->n_strs - *ret);
    for (uint16_t i = 0; lower && i < *ret_n; i++)
        c->sel->strs[*ret + i] = (char)sdk_lower(c->sel->strs[*ret + i]);
    return 1;
}

/* A quoted string or a name into strs. */
SDK_INLINE int sdk_compile_value(struct sdk_compiler *c, uint16_t *ret, uint16_t *ret_n)
{
    char quote = sdk_compile_peek(c, 0);
    size_t from = c->at;

    if (quote != '"' && quote != '\'')
        return sdk_compile_at_name(c)
                   ? sdk_compile_name(c, 0, ret, ret_n)
                   : sdk_compile_fail(c, c->at, "a value is wanted here: put it in quotes");
    *ret = c->sel->n_strs;
    for (c->at++; c->at < c->n && c->p[c->at] != quote && c->p[c->at] != '\n';) {
        if (c->p[c->at] == '\\' && sdk_compile_peek(c, 1) == '\n')
            c->at += 2;
        else if (c->p[c->at] == '\\' ? !sdk_compile_escape(c) : !sdk_compile_byte(c, c->p[c->at++]))
            return 0;
    }
    if (c->at >= c->n || c->p[c->at] != quote)
        return sdk_compile_fail(c, from, "a quote that is not closed");
    c->at++;
    *ret_n = (uint16_t)(c->sel->n_strs - *ret);
    return 1;
}

struct sdk_name_row {
    uint16_t number;
    char name[20];
};

/* The number of a tag (attribute) by its name in lower case, or 0. */
SDK_INLINE uint16_t sdk_name_number(int is_attr, const char *p, size_t n)
{
#define SDK_ROW_(number, upper, name) { number, name },
    static const struct sdk_name_row tags[] = { TROMMEL_TAG_MAP(SDK_ROW_){ 0, "" } };
    static const struct sdk_name_row attrs[] = { TROMMEL_ATTR_MAP(SDK_ROW_){ 0, "" } };
#undef SDK_ROW_

    for (const struct sdk_name_row *row = is_attr ? attrs : tags; row->number; row++)
        if (row->name[0] == p[0] && strlen(row->name) == n && !memcmp(row->name, p, n))
            return row->number;
    return 0;
}
#endif
