/* weigh: see weigh.h. */
#include "command/diff/weigh.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const struct diff_row rows[] = {
#define X(path, weight, how) { path, weight, DIFF_##how },
#include "command/diff/weigh.def"
#undef X
};
enum { ROWS = sizeof rows / sizeof rows[0] };

const struct diff_row *diff_row_of(trommel_str path)
{
    const struct diff_row *best = &rows[ROWS - 1];

    for (int i = 0; i < ROWS; i++) {
        size_t n = strlen(rows[i].path);
        if (n > strlen(best->path) && n <= path.n && !memcmp(path.p, rows[i].path, n) &&
            (n == path.n || path.p[n] == '.'))
            best = &rows[i];
    }
    return best;
}

static int value_read(trommel_str raw, struct mp_value *ret)
{
    const unsigned char *at = (const unsigned char *)raw.p;

    return raw.n ? mp_read(&at, at + raw.n, ret) : ERR_ABSENT;
}

trommel_str diff_str(trommel_str raw)
{
    struct mp_value v;

    if (value_read(raw, &v) < 0 || v.type != MP_STR)
        return (trommel_str){ NULL, 0 };
    return (trommel_str){ (const char *)v.p, v.len };
}

/* ---- lists ---- */

struct element {
    XXH128_hash_t hash;
    uint32_t index;
    trommel_str raw;
};

static int element_compare(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    int rc = XXH128_cmp(&x->hash, &y->hash);

    return rc ? rc : x->index < y->index ? -1 : x->index > y->index;
}

static struct element *elements_of(trommel_str raw, uint32_t *ret_n, int *ret_error)
{
    struct mp_value v;
    int rc = value_read(raw, &v);

    if (rc < 0 || v.type != MP_ARRAY || v.u.n > DIFF_LIST_MAX) {
        *ret_error = rc < 0 || v.type != MP_ARRAY ? ERR_INVALID : ERR_LIMIT;
        return NULL;
    }
    const unsigned char *at = v.p, *end = (const unsigned char *)raw.p + raw.n;
    struct element *all = calloc(v.u.n + (size_t)1, sizeof *all);
    if (!all)
        abort();
    for (*ret_n = 0; *ret_n < v.u.n; ++*ret_n) {
        const unsigned char *from = at;
        if (mp_skip(&at, end) < 0)
            break;
        size_t n = (size_t)(at - from);
        all[*ret_n] = (struct element){ XXH3_128bits(from, n), *ret_n, { (const char *)from, n } };
    }
    qsort(all, *ret_n, sizeof *all, element_compare);
    return all;
}

static int by_address(const void *a, const void *b)
{
    const trommel_str *x = a, *y = b;

    return x->p < y->p ? -1 : x->p > y->p;
}

static trommel_str *strs_new(size_t n)
{
    trommel_str *p = calloc(n + 1, sizeof *p);

    if (!p)
        abort();
    return p;
}

static void list_fill(struct diff_list *l, const struct element *a, const struct element *b)
{
    uint32_t i = 0, j = 0;

    l->gone = strs_new(l->n_old);
    l->come = strs_new(l->n_new);
    while (i < l->n_old || j < l->n_new) {
        int rc = i == l->n_old ? 1 : j == l->n_new ? -1 : XXH128_cmp(&a[i].hash, &b[j].hash);
        if (rc < 0)
            l->gone[l->n_gone++] = a[i].raw;
        else if (rc > 0)
            l->come[l->n_come++] = b[j].raw;
        i += rc <= 0;
        j += rc >= 0;
    }
    qsort(l->gone, l->n_gone, sizeof *l->gone, by_address); /* as they stood */
    qsort(l->come, l->n_come, sizeof *l->come, by_address);
}

int diff_list(trommel_str old_raw, trommel_str new_raw, struct diff_list *ret)
{
    int rc = 0;

    *ret = (struct diff_list){ .n_old = 0 };
    struct element *a = elements_of(old_raw, &ret->n_old, &rc), *b = elements_of(new_raw, &ret->n_new, &rc);
    if (a && b)
        list_fill(ret, a, b);
    free(a);
    free(b);
    return rc;
}

void diff_list_release(struct diff_list *l)
{
    free(l->gone);
    free(l->come);
    *l = (struct diff_list){ .n_old = 0 };
}

/* ---- shares ---- */

static double share_of_words(trommel_str old_raw, trommel_str new_raw, struct words_diff *words)
{
    trommel_str a = diff_str(old_raw), b = diff_str(new_raw);

    if (!a.p || !b.p)
        return 1;
    words_diff(words, a, b);
    return words_diff_share(words);
}

static int number_of(trommel_str raw, double *ret)
{
    struct mp_value v;

    if (value_read(raw, &v) < 0)
        return 0;
    *ret = v.type == MP_UINT ? (double)v.u.u : v.type == MP_INT ? (double)v.u.i : v.u.d;
    return v.type == MP_UINT || v.type == MP_INT || v.type == MP_F64;
}

static double share_of_numbers(trommel_str old_raw, trommel_str new_raw)
{
    double a, b;

    if (!number_of(old_raw, &a) || !number_of(new_raw, &b))
        return 1;
    double share = fabs(a - b) / fmax(fmax(fabs(a), fabs(b)), 1);
    return share <= 1 ? share : 1; /* also what is no number */
}

static double share_of_lists(trommel_str old_raw, trommel_str new_raw)
{
    struct diff_list l;
    double share = 1;

    if (diff_list(old_raw, new_raw, &l) == 0 && l.n_old + l.n_new)
        share = (double)(l.n_gone + l.n_come) / (double)(l.n_old + l.n_new);
    diff_list_release(&l);
    return share;
}

double diff_share(const struct diff_field *f, const struct diff_row *row, struct words_diff *words)
{
    double share = 1;

    if (f->kind != DIFF_DIFFERS)
        return 1;
    if (row->how == DIFF_WORDS)
        share = share_of_words(f->old_raw, f->new_raw, words);
    else if (row->how == DIFF_NUMBER)
        share = share_of_numbers(f->old_raw, f->new_raw);
    else if (row->how == DIFF_LIST)
        share = share_of_lists(f->old_raw, f->new_raw);
    return share > DIFF_SHARE_LEAST ? share : DIFF_SHARE_LEAST;
}
