/* diff: two records of any bytes, compared.  The input is 4 bytes (big-endian) with the length of the first, then both.
 * A record is equal to itself; what is missing one way is extra the other way; what differs and what is equal is so
 * both ways; the callback is called once for each that is counted; nothing reads past the end or runs for ever. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "record/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct seen {
    uint64_t fields;
};

static int on_field(void *arg, const struct diff_field *f)
{
    struct seen *s = arg;

    s->fields++;
    if (f->path.n > DIFF_PATH_MAX || f->path.p[f->path.n] || (!f->old_raw.n && !f->new_raw.n))
        abort();
    if ((f->kind == DIFF_MISSING) != (f->old_raw.n && !f->new_raw.n))
        abort();
    if ((f->kind == DIFF_EXTRA) != (!f->old_raw.n && f->new_raw.n))
        abort();
    if (f->kind == DIFF_EQUAL && diff_equal(f->old_raw, f->new_raw) != 1)
        abort();
    return 0;
}

/* No map in it has a key twice, or more keys than are looked at?  Which of two is compared depends on the side. */
static int keys_are_single(const unsigned char **at, const unsigned char *end)
{
    struct mp_value v, key[64];

    if (mp_read(at, end, &v) < 0)
        return 0;
    if (v.type == MP_MAP && v.u.n > 64)
        return 0;
    for (uint32_t i = 0; v.type == MP_MAP && i < v.u.n; i++) {
        if (mp_read(at, end, &key[i]) < 0 || !keys_are_single(at, end))
            return 0;
        for (uint32_t k = 0; k < i; k++)
            if (key[k].len == key[i].len && !memcmp(key[k].p, key[i].p, key[i].len))
                return 0;
    }
    for (uint32_t i = 0; v.type == MP_ARRAY && i < v.u.n; i++)
        if (!keys_are_single(at, end))
            return 0;
    return 1;
}

static int is_single(trommel_str s)
{
    const unsigned char *at = (const unsigned char *)s.p;

    return mp_check(s.p, s.n, LIMIT_RECORD_DEPTH, NULL) == 0 && keys_are_single(&at, at + s.n);
}

static void both_ways(trommel_str a, trommel_str b)
{
    uint64_t there[DIFF_KINDS], back[DIFF_KINDS];
    struct seen seen = { 0 };
    struct err err = { 0 };
    int rc = diff_records(a, b, NULL, on_field, &seen, there, &err);

    if ((rc < 0) != (err.text[0] != 0) || rc > 0)
        abort();
    if (seen.fields != there[DIFF_EQUAL] + there[DIFF_DIFFERS] + there[DIFF_MISSING] + there[DIFF_EXTRA])
        abort();
    if (rc < 0 || diff_records(b, a, NULL, NULL, NULL, back, NULL) < 0 || !is_single(a) || !is_single(b))
        return;
    if (there[DIFF_MISSING] != back[DIFF_EXTRA] || there[DIFF_EXTRA] != back[DIFF_MISSING] ||
        there[DIFF_EQUAL] != back[DIFF_EQUAL] || there[DIFF_DIFFERS] != back[DIFF_DIFFERS])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint64_t same[DIFF_KINDS];

    if (n < 4)
        return 0;
    size_t first = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    data += 4;
    n -= 4;
    first = first > n ? n : first;
    /* blocks of their own: one byte too far is seen */
    char *p = malloc(first + 1), *q = malloc(n - first + 1);
    if (!p || !q)
        abort();
    memcpy(p + 1, data, first);
    memcpy(q + 1, data + first, n - first);
    trommel_str a = { p + 1, first }, b = { q + 1, n - first };
    both_ways(a, b);
    diff_records(a, b, &diff_ignore_run, NULL, NULL, NULL, NULL);
    if (is_single(a) && diff_records(a, a, NULL, NULL, NULL, same, NULL) == 0 &&
        (same[DIFF_DIFFERS] || same[DIFF_MISSING] || same[DIFF_EXTRA]))
        abort();
    free(p);
    free(q);
    return 0;
}
