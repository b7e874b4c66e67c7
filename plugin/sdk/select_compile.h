/* select_compile: from a selector's text to struct sdk_select; see select.h, which includes this.
 *
 * One pass by recursive descent.  A nested list is done before the compound it stands in, so that matching
 * needs no recursion: a compound's tests refer to compounds of smaller number only. */
#ifndef TROMMEL_SDK_SELECT_COMPILE_H
#define TROMMEL_SDK_SELECT_COMPILE_H

/* ---- tests ---- */

SDK_INLINE int sdk_compile_attr(struct sdk_compiler *c, struct sdk_test *t)
{
    char op;

    c->at++;
    sdk_compile_space(c);
    if (!sdk_compile_name(c, 1, &t->name, &t->name_n))
        return 0;
    t->kind = SDK_TEST_ATTR;
    t->key = sdk_name_number(1, c->sel->strs + t->name, t->name_n);
    sdk_compile_space(c);
    op = sdk_compile_peek(c, 0);
    if (op == ']') {
        c->at++;
        return 1;
    }
    if (op != '=' && (!op || !strchr("~|^$*", op) || sdk_compile_peek(c, 1) != '='))
        return sdk_compile_fail(c, c->at,
                                op == '|' ? "namespaces are not known here: leave it out"
                                          : "] or one of = ~= |= ^= $= *= is wanted here");
    t->op = (uint8_t)op;
    c->at += op == '=' ? 1 : 2;
    sdk_compile_space(c);
    if (!sdk_compile_value(c, &t->val, &t->val_n))
        return 0;
    sdk_compile_space(c);
    op = (char)sdk_lower(sdk_compile_peek(c, 0));
    if ((op == 'i' || op == 's') && !sdk_name_byte(sdk_compile_peek(c, 1))) {
        t->loose = op == 'i';
        c->at++;
        sdk_compile_space(c);
    }
    if (sdk_compile_peek(c, 0) != ']')
        return sdk_compile_fail(c, c->at, "] is wanted here");
    c->at++;
    return 1;
}

/* Digits; 0 if there are none or too many. */
SDK_INLINE int sdk_compile_digits(struct sdk_compiler *c, int32_t *ret)
{
    size_t from = c->at;

    *ret = 0;
    for (; c->at < c->n && c->p[c->at] >= '0' && c->p[c->at] <= '9' && c->at - from < 9; c->at++)
        *ret = *ret * 10 + (c->p[c->at] - '0');
    return c->at > from && !(sdk_compile_peek(c, 0) >= '0' && sdk_compile_peek(c, 0) <= '9');
}

/* A word that stands here whole, in any case. */
SDK_INLINE int sdk_compile_word(struct sdk_compiler *c, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i < n; i++)
        if (sdk_lower(sdk_compile_peek(c, i)) != word[i])
            return 0;
    if (sdk_name_byte(sdk_compile_peek(c, n)))
        return 0;
    c->at += n;
    return 1;
}

/* b of an + b, behind n. */
SDK_INLINE int sdk_compile_offset(struct sdk_compiler *c, int32_t *ret)
{
    char sign;
    size_t from;

    *ret = 0;
    sdk_compile_space(c);
    sign = sdk_compile_peek(c, 0);
    if (sign != '+' && sign != '-')
        return 1;
    from = c->at++;
    sdk_compile_space(c);
    if (!sdk_compile_digits(c, ret))
        return sdk_compile_fail(c, from, "a number of at most nine digits is wanted behind the sign");
    if (sign == '-')
        *ret = -*ret;
    return 1;
}

/* odd, even, 3, -n+3, 2n + 1 … up to the bracket. */
SDK_INLINE int sdk_compile_nth(struct sdk_compiler *c, struct sdk_test *t)
{
    size_t from;
    int32_t sign = 1;
    int digits;

    sdk_compile_space(c);
    from = c->at;
    t->a = 2;
    if (sdk_compile_word(c, "odd")) {
        t->b = 1;
    } else if (sdk_compile_word(c, "even")) {
        t->b = 0;
    } else {
        if (sdk_compile_peek(c, 0) == '+' || sdk_compile_peek(c, 0) == '-')
            sign = c->p[c->at++] == '-' ? -1 : 1;
        digits = sdk_compile_digits(c, &t->b);
        t->a = 0;
        t->b *= sign;
        if (sdk_lower(sdk_compile_peek(c, 0)) == 'n') {
            c->at++;
            t->a = digits ? t->b : sign;
            if (!sdk_compile_offset(c, &t->b))
                return 0;
        } else if (!digits) {
            return sdk_compile_fail(c, from, "odd, even, a number or an+b is wanted here");
        }
    }
    sdk_compile_space(c);
    from = c->at;
    if (sdk_compile_word(c, "of"))
        return sdk_compile_fail(c, from, "`of` is not known here: leave it out");
    if (sdk_compile_peek(c, 0) != ')')
        return sdk_compile_fail(c, from, "odd, even, a number or an+b is wanted here, then )");
    c->at++;
    return 1;
}

SDK_INLINE int sdk_compile_list(struct sdk_compiler *c, unsigned nested, uint64_t *ret);

SDK_INLINE int sdk_compile_nested(struct sdk_compiler *c, unsigned nested, struct sdk_test *t)
{
    if (nested == SDK_SELECT_NESTED)
        return sdk_compile_fail(c, c->at, "too many brackets within brackets");
    if (!sdk_compile_list(c, nested + 1, &t->set))
        return 0;
    if (sdk_compile_peek(c, 0) != ')')
        return sdk_compile_fail(c, c->at, ") is wanted here");
    c->at++;
    return 1;
}

/* Which of the counted types the compound's tag is; -1: it has none, or there are too many. */
SDK_INLINE int sdk_compile_type(struct sdk_compiler *c, const struct sdk_compound *x, size_t at)
{
    struct sdk_select *sel = c->sel;
    unsigned k = 0;

    if (x->any || !x->tag) {
        sdk_compile_fail(c, at, "a known tag is wanted before :…-of-type, as in p:first-of-type");
        return -1;
    }
    while (k < sel->n_types && sel->types[k] != x->tag)
        k++;
    if (k == SDK_SELECT_TYPES) {
        sdk_compile_fail(c, at, "too many different tags before :…-of-type");
        return -1;
    }
    if (k == sel->n_types)
        sel->types[sel->n_types++] = x->tag;
    return (int)k;
}

enum {
    SDK_PSEUDO_NTH = 1,
    SDK_PSEUDO_TYPE = 2,
    SDK_PSEUDO_LAST = 4,
    SDK_PSEUDO_FIXED = 8,
    SDK_PSEUDO_ONLY = 16,
    SDK_PSEUDO_LIST = 32
};

struct sdk_pseudo {
    char name[20];
    uint8_t flags, kind;
};

SDK_INLINE const struct sdk_pseudo *sdk_pseudo_find(const char *p, size_t n)
{
    enum {
        NTH = SDK_PSEUDO_NTH,
        TYPE = SDK_PSEUDO_TYPE,
        LAST = SDK_PSEUDO_LAST,
        FIXED = SDK_PSEUDO_FIXED,
        ONLY = SDK_PSEUDO_ONLY
    };
    static const struct sdk_pseudo rows[] = {
        { "not", SDK_PSEUDO_LIST, SDK_TEST_NONE_OF },
        { "is", SDK_PSEUDO_LIST, SDK_TEST_ANY },
        { "where", SDK_PSEUDO_LIST, SDK_TEST_ANY },
        { "root", FIXED, SDK_TEST_ROOT },
        { "empty", FIXED, SDK_TEST_EMPTY },
        { "first-child", FIXED | NTH, SDK_TEST_NTH },
        { "last-child", FIXED | NTH | LAST, SDK_TEST_NTH },
        { "only-child", FIXED | NTH | ONLY, SDK_TEST_NTH },
        { "nth-child", NTH, SDK_TEST_NTH },
        { "nth-last-child", NTH | LAST, SDK_TEST_NTH },
        { "first-of-type", FIXED | NTH | TYPE, SDK_TEST_NTH },
        { "last-of-type", FIXED | NTH | TYPE | LAST, SDK_TEST_NTH },
        { "only-of-type", FIXED | NTH | TYPE | ONLY, SDK_TEST_NTH },
        { "nth-of-type", NTH | TYPE, SDK_TEST_NTH },
        { "nth-last-of-type", NTH | TYPE | LAST, SDK_TEST_NTH },
    };

    for (unsigned k = 0; k < sizeof rows / sizeof rows[0]; k++)
        if (strlen(rows[k].name) == n && !memcmp(rows[k].name, p, n))
            return &rows[k];
    return NULL;
}

/* From the name behind the colon on.  *ret_only: the same test is wanted from the end as well. */
SDK_INLINE int sdk_compile_pseudo(struct sdk_compiler *c, const struct sdk_compound *x, unsigned nested,
                                  struct sdk_test *t, int *ret_only)
{
    size_t from = c->at;
    uint16_t name, name_n, strs = c->sel->n_strs;
    const struct sdk_pseudo *row;

    c->at++;
    if (sdk_compile_peek(c, 0) == ':')
        return sdk_compile_fail(c, from, "pseudo-elements select nothing on a page at rest: leave it out");
    if (!sdk_compile_name(c, 1, &name, &name_n))
        return 0;
    row = sdk_pseudo_find(c->sel->strs + name, name_n);
    c->sel->n_strs = strs; /* its name is not needed */
    if (!row)
        return sdk_compile_fail(
            c, from, "this pseudo-class is not known here; <trommel/sdk/select.h> lists those that are");
    if (row->flags & SDK_PSEUDO_FIXED ? sdk_compile_peek(c, 0) == '(' : sdk_compile_peek(c, 0) != '(')
        return sdk_compile_fail(
            c, c->at, row->flags & SDK_PSEUDO_FIXED ? "no bracket is wanted here" : "( is wanted here");
    t->kind = row->kind;
    t->last = (row->flags & SDK_PSEUDO_LAST) != 0;
    t->type = -1;
    t->b = 1;
    *ret_only = (row->flags & SDK_PSEUDO_ONLY) != 0;
    if (row->flags & SDK_PSEUDO_NTH)
        c->sel->sideways = 1;
    if (row->flags & SDK_PSEUDO_TYPE && (t->type = (int8_t)sdk_compile_type(c, x, from)) < 0)
        return 0;
    if (row->flags & SDK_PSEUDO_FIXED)
        return 1;
    c->at++;
    return row->flags & SDK_PSEUDO_LIST ? sdk_compile_nested(c, nested, t) : sdk_compile_nth(c, t);
}

/* ---- compounds, selectors, lists ---- */

enum { SDK_COMPOUND_TESTS = 16 };

SDK_INLINE int sdk_compile_tag(struct sdk_compiler *c, struct sdk_compound *x)
{
    x->any = 1;
    if (sdk_compile_peek(c, 0) == '*') {
        c->at++;
    } else if (sdk_compile_at_name(c)) {
        uint16_t strs = c->sel->n_strs;
        if (!sdk_compile_name(c, 1, &x->name, &x->name_n))
            return 0;
        x->any = 0;
        x->tag = sdk_name_number(0, c->sel->strs + x->name, x->name_n);
        if (x->tag)
            c->sel->n_strs = strs;
    }
    if (sdk_compile_peek(c, 0) == '|')
        return sdk_compile_fail(c, c->at, "namespaces are not known here: leave it out");
    return 1;
}

/* The test at c->at into *t; 0 on a mistake. */
SDK_INLINE int sdk_compile_test(struct sdk_compiler *c, const struct sdk_compound *x, unsigned nested,
                                struct sdk_test *t, int *ret_only)
{
    char ch = sdk_compile_peek(c, 0);

    memset(t, 0, sizeof *t);
    if (ch == ':')
        return sdk_compile_pseudo(c, x, nested, t, ret_only);
    if (ch == '[')
        return sdk_compile_attr(c, t);
    c->at++;
    t->kind = ch == '#' ? SDK_TEST_ID : SDK_TEST_CLASS;
    return sdk_compile_name(c, 0, &t->val, &t->val_n);
}

/* One compound; *ret is its number. */
SDK_INLINE int sdk_compile_compound(struct sdk_compiler *c, unsigned nested, unsigned comb, unsigned left,
                                    unsigned *ret)
{
    struct sdk_test tests[SDK_COMPOUND_TESTS + 1];
    struct sdk_select *sel = c->sel;
    struct sdk_compound x;
    size_t from = c->at;
    int only = 0;

    memset(&x, 0, sizeof x);
    if (!sdk_compile_tag(c, &x))
        return 0;
    while (c->at < c->n && strchr("#.[:", c->p[c->at]) && c->p[c->at]) {
        only = 0;
        if (x.n >= SDK_COMPOUND_TESTS)
            return sdk_compile_fail(c, c->at, "too many conditions on one element");
        if (!sdk_compile_test(c, &x, nested, &tests[x.n], &only))
            return 0;
        if (only) {
            tests[x.n + 1] = tests[x.n];
            tests[++x.n].last = 1;
        }
        x.n++;
    }
    if (c->at == from)
        return sdk_compile_fail(c, c->at, "a selector is wanted here: a tag, * or one of # . [ :");
    if (sel->n_compounds == SDK_SELECT_COMPOUNDS || sel->n_tests + x.n > SDK_SELECT_TESTS)
        return sdk_compile_fail(c, from, "too long: take it apart into several selectors");
    x.comb = (uint8_t)comb;
    x.left = (uint8_t)left;
    x.first = sel->n_tests;
    if (x.n)
        memcpy(sel->tests + sel->n_tests, tests, x.n * sizeof tests[0]);
    sel->n_tests = (uint8_t)(sel->n_tests + x.n);
    if (comb == SDK_COMB_NEXT || comb == SDK_COMB_LATER)
        sel->sideways = 1;
    *ret = sel->n_compounds;
    sel->compounds[sel->n_compounds++] = x;
    return 1;
}

/* The combinator that comes, or NONE where the selector ends. */
SDK_INLINE unsigned sdk_compile_comb(struct sdk_compiler *c)
{
    int space = sdk_compile_space(c);
    char ch = sdk_compile_peek(c, 0);

    if (ch == '>' || ch == '+' || ch == '~') {
        c->at++;
        sdk_compile_space(c);
        return ch == '>' ? SDK_COMB_CHILD : ch == '+' ? SDK_COMB_NEXT : SDK_COMB_LATER;
    }
    return space && c->at < c->n && ch != ',' && ch != ')' ? SDK_COMB_DESCENDANT : SDK_COMB_NONE;
}

/* Selectors up to a closing bracket or the end; *ret: the compounds that end them. */
SDK_INLINE int sdk_compile_list(struct sdk_compiler *c, unsigned nested, uint64_t *ret)
{
    *ret = 0;
    do {
        unsigned comb = SDK_COMB_NONE, last = 0;
        sdk_compile_space(c);
        do {
            if (!sdk_compile_compound(c, nested, comb, last, &last))
                return 0;
            comb = sdk_compile_comb(c);
        } while (comb != SDK_COMB_NONE);
        *ret |= (uint64_t)1 << last;
    } while (sdk_compile_peek(c, 0) == ',' && ++c->at);
    return 1;
}

/* TROMMEL_OK, or TROMMEL_E_INVALID with sel->error and sel->error_at; then sel matches nothing. */
SDK_INLINE int32_t sdk_select_compile(struct sdk_select *sel, const char *text, size_t n)
{
    struct sdk_compiler c = { text, n, 0, sel };

    memset(sel, 0, offsetof(struct sdk_select, compounds));
    if (n > SDK_SELECT_TEXT)
        sdk_compile_fail(&c, SDK_SELECT_TEXT, "too long: at most 4096 bytes are taken");
    else if (sdk_compile_list(&c, 0, &sel->ends) && c.at < n)
        sdk_compile_fail(&c, c.at, "this cannot stand here");
    if (!sel->error)
        return TROMMEL_OK;
    sel->ends = 0;
    sel->n_compounds = 0;
    return TROMMEL_E_INVALID;
}

/* Appends to a message; what does not fit is left out. */
SDK_INLINE size_t sdk_message_add(char *to, size_t size, size_t at, const char *p, size_t n)
{
    n = n < size - at ? n : size - at;
    memcpy(to + at, p, n);
    return at + n;
}

/* In configure: compiles option `opt` (its index, of type STR).  TROMMEL_OK; TROMMEL_E_INVALID: configure
 * should return it, fail() has been told the mistake and its byte; TROMMEL_E_ABSENT: the option has no
 * value, and sel matches nothing. */
SDK_INLINE int32_t sdk_select_opt(const trommel_host *host, trommel_ctx *ctx, uint32_t opt,
                                  struct sdk_select *sel)
{
    trommel_val v;
    char text[400], digits[8];
    size_t n = 0, k = sizeof digits;

    memset(sel, 0, offsetof(struct sdk_select, compounds));
    if (host->opt(ctx, opt, &v) != TROMMEL_OK || v.type != TROMMEL_T_STR)
        return TROMMEL_E_ABSENT;
    if (sdk_select_compile(sel, (const char *)v.u.p, v.n) == TROMMEL_OK)
        return TROMMEL_OK;
    for (unsigned at = sel->error_at; k == sizeof digits || at; at /= 10)
        digits[--k] = (char)('0' + at % 10);
    n = sdk_message_add(text, sizeof text, n, "selector `", 10);
    n = sdk_message_add(text, sizeof text, n, (const char *)v.u.p, v.n < 200 ? v.n : 200);
    n = sdk_message_add(text, sizeof text, n, "` byte ", 7);
    n = sdk_message_add(text, sizeof text, n, digits + k, sizeof digits - k);
    n = sdk_message_add(text, sizeof text, n, ": ", 2);
    n = sdk_message_add(text, sizeof text, n, sel->error, strlen(sel->error));
    host->fail(ctx, 0, text, n);
    return TROMMEL_E_INVALID;
}
#endif
