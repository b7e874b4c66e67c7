/* select_match: walks with a compiled selector; see select.h, which includes this.
 *
 * Selectors are matched from left to right while the page is walked: at each element a word of bits says
 * which compounds match there, their left sides included.  What a compound needs of the left is known by
 * then: the bits of the parent, of all ancestors, of the sibling before and of all siblings before are kept
 * for each open depth. */
#ifndef TROMMEL_SDK_SELECT_MATCH_H
#define TROMMEL_SDK_SELECT_MATCH_H

/* At one depth, below the element that is open at the depth above. */
struct sdk_level {
    uint64_t here;         /* of the element that was visited last */
    uint64_t above;        /* of it or any of its ancestors */
    uint64_t before;       /* of any of its siblings up to it */
    uint32_t index, total; /* children that are elements: visited, all (0: not counted yet) */
    uint32_t type_index[SDK_SELECT_TYPES], type_total[SDK_SELECT_TYPES];
};

struct sdk_matches {
    const struct sdk_select *sel;
    const trommel_dom *d;
    uint32_t at, end; /* the node visited last; where the walk ends */
    int in_template;
    struct sdk_level level[SDK_SELECT_DEPTH + 2];
};

/* ---- one test ---- */

SDK_INLINE int sdk_bytes_same(const char *a, const char *b, size_t n, int loose)
{
    if (!loose)
        return !n || !memcmp(a, b, n);
    for (size_t i = 0; i < n; i++)
        if (sdk_lower((unsigned char)a[i]) != sdk_lower((unsigned char)b[i]))
            return 0;
    return 1;
}

SDK_INLINE int sdk_word_in(trommel_str s, const char *word, size_t n, int loose)
{
    for (size_t at = 0, end; at < s.n; at = end + 1) {
        for (end = at; end < s.n && !sdk_is_space(s.p[end]);)
            end++;
        if (end - at == n && n && sdk_bytes_same(s.p + at, word, n, loose))
            return 1;
    }
    return 0;
}

SDK_INLINE int sdk_bytes_in(trommel_str s, const char *p, size_t n, int loose)
{
    for (size_t at = 0; n <= s.n && at <= s.n - n; at++)
        if (sdk_bytes_same(s.p + at, p, n, loose))
            return 1;
    return 0;
}

SDK_INLINE int sdk_test_value(const struct sdk_test *t, trommel_str s, const char *val)
{
    size_t n = t->val_n;
    int loose = t->loose;

    switch (t->op) {
    case 0:
        return 1;
    case '=':
        return s.n == n && sdk_bytes_same(s.p, val, n, loose);
    case '~':
        return sdk_word_in(s, val, n, loose);
    case '|':
        return s.n >= n && sdk_bytes_same(s.p, val, n, loose) && (s.n == n || s.p[n] == '-');
    case '^':
        return n && s.n >= n && sdk_bytes_same(s.p, val, n, loose);
    case '$':
        return n && s.n >= n && sdk_bytes_same(s.p + s.n - n, val, n, loose);
    default:
        return n && sdk_bytes_in(s, val, n, loose);
    }
}

SDK_INLINE int sdk_test_attr(const struct sdk_select *sel, const struct sdk_test *t, const trommel_dom *d,
                             const trommel_node *x)
{
    const char *name = sel->strs + t->name;

    for (uint32_t k = 0; k < x->attr_n; k++) {
        const trommel_attr *a = TROMMEL_ATTR(d, x->attr + k);
        if (t->key ? a->key == t->key : a->name_n == t->name_n && !memcmp(d->strs + a->name, name, t->name_n))
            return sdk_test_value(t, sdk_str(d->strs + a->val, a->val_n), sel->strs + t->val);
    }
    return 0;
}

/* Children of the parent of i that are elements, all and by type; counted once a parent. */
SDK_INLINE void sdk_level_count(const struct sdk_matches *m, struct sdk_level *at, uint32_t i)
{
    const struct sdk_select *sel = m->sel;

    if (at->total)
        return;
    memset(at->type_total, 0, sizeof at->type_total);
    SDK_EACH_CHILD_ELEMENT(m->d, sdk_parent(m->d, i), k) {
        at->total++;
        for (unsigned s = 0; s < sel->n_types; s++)
            at->type_total[s] += sdk_is(m->d, k, sel->types[s]);
    }
}

SDK_INLINE int sdk_test_nth(const struct sdk_matches *m, const struct sdk_test *t, struct sdk_level *at,
                            uint32_t i)
{
    int64_t index = t->type < 0 ? at->index : at->type_index[t->type], diff;

    if (t->last && t->type < 0 && !t->a && t->b == 1) /* :last-child needs no count */
        return sdk_sibling_element(m->d, i) == TROMMEL_NONE;
    if (t->last) {
        sdk_level_count(m, at, i);
        index = (t->type < 0 ? at->total : at->type_total[t->type]) - index + 1;
    }
    diff = index - t->b;
    return t->a ? diff % t->a == 0 && diff / t->a >= 0 : !diff;
}

/* here: the bits of i so far; those of lists within this compound are among them. */
SDK_INLINE int sdk_test_match(const struct sdk_matches *m, const struct sdk_test *t, struct sdk_level *at,
                              uint32_t i, uint64_t here)
{
    const trommel_node *x = TROMMEL_NODE(m->d, i);
    const char *val = m->sel->strs + t->val;
    trommel_str s;

    if (!x->attr_n && t->kind <= SDK_TEST_ATTR)
        return 0;
    switch (t->kind) {
    case SDK_TEST_ID:
        return sdk_attr_get(m->d, i, TROMMEL_A_ID, &s) && sdk_str_is(s, val, t->val_n);
    case SDK_TEST_CLASS:
        return sdk_attr_get(m->d, i, TROMMEL_A_CLASS, &s) && sdk_word_in(s, val, t->val_n, 0);
    case SDK_TEST_ATTR:
        return sdk_test_attr(m->sel, t, m->d, x);
    case SDK_TEST_ANY:
        return (here & t->set) != 0;
    case SDK_TEST_NONE_OF:
        return !(here & t->set);
    case SDK_TEST_NTH:
        return sdk_test_nth(m, t, at, i);
    case SDK_TEST_EMPTY: /* a template's content is not its child */
        return x->end == i + 1 || sdk_is(m->d, i, TROMMEL_TAG_TEMPLATE);
    default:
        return x->depth == 1;
    }
}

/* ---- one element ---- */

SDK_INLINE int sdk_compound_match(const struct sdk_matches *m, const struct sdk_compound *c,
                                  struct sdk_level *at, uint32_t i, uint64_t here)
{
    const trommel_node *x = TROMMEL_NODE(m->d, i);
    uint64_t left = (uint64_t)1 << c->left;

    if (!c->any && (x->tag != c->tag || (!c->tag && !sdk_str_is(sdk_str(m->d->strs + x->text, x->text_n),
                                                                m->sel->strs + c->name, c->name_n))))
        return 0;
    if ((c->comb == SDK_COMB_CHILD && !(at[-1].here & left)) ||
        (c->comb == SDK_COMB_DESCENDANT && !(at[-1].above & left)) ||
        (c->comb == SDK_COMB_NEXT && !(at->here & left)) ||
        (c->comb == SDK_COMB_LATER && !(at->before & left)))
        return 0;
    for (unsigned k = c->first; k < (unsigned)c->first + c->n; k++)
        if (!sdk_test_match(m, &m->sel->tests[k], at, i, here))
            return 0;
    return 1;
}

/* A depth has a new parent. */
SDK_INLINE void sdk_level_clear(struct sdk_level *at, const struct sdk_select *sel)
{
    at->here = at->before = 0;
    at->index = at->total = 0;
    if (sel->n_types)
        memset(at->type_index, 0, sizeof at->type_index);
}

/* The bits of element i; its siblings before and its ancestors have been visited.  0 if it is too deep. */
SDK_INLINE uint64_t sdk_matches_visit(struct sdk_matches *m, uint32_t i)
{
    const trommel_node *x = TROMMEL_NODE(m->d, i);
    const struct sdk_select *sel = m->sel;
    struct sdk_level *at = &m->level[x->depth < SDK_SELECT_DEPTH + 1 ? x->depth : 0];
    uint64_t here = 0;

    if (!x->depth || x->depth > SDK_SELECT_DEPTH)
        return 0;
    at->index++;
    for (unsigned s = 0; s < sel->n_types; s++)
        at->type_index[s] += sdk_is(m->d, i, sel->types[s]);
    for (unsigned k = 0; k < sel->n_compounds; k++)
        here |= (uint64_t)sdk_compound_match(m, &sel->compounds[k], at, i, here) << k;
    at->here = here;
    at->above = at[-1].above | here;
    at->before |= here;
    sdk_level_clear(at + 1, sel);
    return here;
}

/* Does i lie in a template, or is it one? */
SDK_INLINE int sdk_in_template(const trommel_dom *d, uint32_t i)
{
    return i < d->n_nodes &&
           (TROMMEL_NODE(d, i)->flags & TROMMEL_NODE_F_TEMPLATE || sdk_is(d, i, TROMMEL_TAG_TEMPLATE));
}

/* Visits root's ancestors and root itself, and what stands before them if that matters. */
SDK_INLINE uint64_t sdk_matches_enter(struct sdk_matches *m, uint32_t root)
{
    uint32_t path[SDK_SELECT_DEPTH + 1];
    unsigned n = 0;
    uint64_t here = 0;

    m->level[0].here = m->level[0].above = 0;
    sdk_level_clear(&m->level[1], m->sel);
    for (uint32_t k = root; k != TROMMEL_NONE && TROMMEL_NODE(m->d, k)->depth; k = sdk_parent(m->d, k)) {
        if (n == SDK_SELECT_DEPTH + 1)
            return 0;
        path[n++] = k;
    }
    while (n--) {
        if (m->sel->sideways)
            for (uint32_t k = sdk_child_element(m->d, sdk_parent(m->d, path[n])); k < path[n];
                 k = sdk_sibling_element(m->d, k))
                sdk_matches_visit(m, k);
        here = TROMMEL_NODE(m->d, path[n])->kind == TROMMEL_NODE_ELEMENT ? sdk_matches_visit(m, path[n]) : 0;
    }
    return here;
}

/* ---- what stages call ---- */

/* Before sdk_match_next: the elements inside root, which may be any node. */
SDK_INLINE void sdk_match_begin(struct sdk_matches *m, const struct sdk_select *sel, const trommel_dom *d,
                                uint32_t root)
{
    m->sel = sel;
    m->d = d;
    m->at = root;
    m->end = sel->ends ? sdk_end(d, root) : 0;
    m->in_template = sdk_in_template(d, root);
    if (m->end)
        sdk_matches_enter(m, root);
}

/* The next element that matches, in document order, or TROMMEL_NONE. */
SDK_INLINE uint32_t sdk_match_next(struct sdk_matches *m)
{
    uint32_t i = m->at;

    while (++i < m->end) {
        uint64_t here;
        if (TROMMEL_NODE(m->d, i)->kind != TROMMEL_NODE_ELEMENT)
            continue;
        here = sdk_matches_visit(m, i);
        m->at = m->in_template || !sdk_is(m->d, i, TROMMEL_TAG_TEMPLATE) ? i : sdk_last(m->d, i);
        if (here & m->sel->ends)
            return i;
        i = m->at;
    }
    m->end = 0;
    return TROMMEL_NONE;
}

#define SDK_EACH_MATCH(sel, d, root, i)                                                                      \
    for (struct sdk_matches i##_walk, *i##_once = &i##_walk; i##_once; i##_once = NULL)                      \
        for (uint32_t i = (sdk_match_begin(&i##_walk, sel, d, root), sdk_match_next(&i##_walk));             \
             i != TROMMEL_NONE; i = sdk_match_next(&i##_walk))

/* The first element inside root that matches, or TROMMEL_NONE. */
SDK_INLINE uint32_t sdk_select_first(const struct sdk_select *sel, const trommel_dom *d, uint32_t root)
{
    struct sdk_matches m;

    sdk_match_begin(&m, sel, d, root);
    return sdk_match_next(&m);
}

/* Does element i match? */
SDK_INLINE int sdk_select_is(const struct sdk_select *sel, const trommel_dom *d, uint32_t i)
{
    struct sdk_matches m;

    if (i >= d->n_nodes || !sel->ends || TROMMEL_NODE(d, i)->kind != TROMMEL_NODE_ELEMENT)
        return 0;
    m.sel = sel;
    m.d = d;
    return (sdk_matches_enter(&m, i) & sel->ends) != 0;
}
#endif
