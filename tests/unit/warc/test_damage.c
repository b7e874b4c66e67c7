/* damage: archives cut, with holes, and with flipped bits: every record that is intact is read, once and as
 * it was, and what is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/effort.h"
#include "tests/unit/warc/archive.h"

enum { RECORDS = 200, TRIES = 200, PIPE_TRIES = 40 };

enum damage { CUT, HOLE, FLIP, DAMAGES };

/* What becomes of the bytes: [from, to) is gone, or one bit at from is other.  Record i is intact if neither
 * touches it. */
struct harm {
    enum damage damage;
    size_t from, to;
};

static struct harm harm_make(const struct archive *a, uint64_t *random)
{
    struct harm h = { .damage = (enum damage)(archive_random(random) % DAMAGES) };

    h.from = archive_random(random) % a->bytes.len;
    h.to = h.damage == CUT    ? a->bytes.len
           : h.damage == HOLE ? h.from + 1 + archive_random(random) % 6000
                              : h.from + 1;
    if (h.to > a->bytes.len)
        h.to = a->bytes.len;
    return h;
}

static void harm_do(const struct harm *h, uint64_t *random, struct buf *b)
{
    if (h->damage == FLIP) {
        b->data[h->from] ^= (unsigned char)(1u << archive_random(random) % 8);
        return;
    }
    memmove(b->data + h->from, b->data + h->to, b->len - h->to);
    b->len -= h->to - h->from;
}

static void check(const struct archive *a, const struct harm *h, const struct archive_seen *s, int is_pipe)
{
    for (unsigned i = 0; i < a->n; i++) {
        int is_intact = a->end[i] <= h->from || a->start[i] >= h->to;
        if (is_intact ? s->times[i] != 1 : s->times[i] > 1)
            fail_msg(
                "form %d%s, damage %d at %zu to %zu: record %u (%zu to %zu) was read %u times; last said: %s",
                a->form, is_pipe ? " from a pipe" : "", h->damage, h->from, h->to, i, a->start[i], a->end[i],
                s->times[i], s->last);
    }
    assert_int_equal(s->rc, 0);
    if (a->form != ARCHIVE_PLAIN) /* there a sum says so */
        assert_int_equal(s->strange, 0);
    assert_true(s->damages <= 3);
}

static void tries(enum archive_form form, int n, int is_pipe)
{
    static struct archive a;
    static struct archive_seen s;
    uint64_t random = 20261124 + (uint64_t)form;

    archive_init(&a, form);
    archive_fill(&a, &random, RECORDS);
    for (int i = 0; i < n; i++) {
        struct buf b = BUF_INIT(1u << 30);
        struct harm h = harm_make(&a, &random);
        buf_add(&b, a.bytes.data, a.bytes.len);
        harm_do(&h, &random, &b);
        (is_pipe ? archive_read_pipe : archive_read)(&a, b.data, b.len, &s);
        check(&a, &h, &s, is_pipe);
        buf_release(&b);
    }
    buf_release(&a.bytes);
}

static void plain_damaged(void **state)
{
    tries(ARCHIVE_PLAIN, (int)effort(TRIES), 0);
}

static void gzip_damaged(void **state)
{
    tries(ARCHIVE_GZIP, (int)effort(TRIES), 0);
}

static void zstd_damaged(void **state)
{
    tries(ARCHIVE_ZSTD, (int)effort(TRIES), 0);
}

static void pipes_damaged(void **state)
{
    for (int form = 0; form < ARCHIVE_FORMS; form++)
        tries((enum archive_form)form, (int)effort(PIPE_TRIES), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_damaged),
        cmocka_unit_test(gzip_damaged),
        cmocka_unit_test(zstd_damaged),
        cmocka_unit_test(pipes_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
