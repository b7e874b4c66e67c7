/* The dedupe index: relations, two phases, restarts, hostile sketches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/effort.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "index/dedupe.h"
#include "plugin/stage/dedupe/fold.c"
#include "plugin/stage/dedupe/sketch.c"
#include "tests/unit/stage_dedupe/texts.h"

static char *text; /* TEXT_BYTES */

struct claimed {
    int rc;
    enum dedupe_relation relation;
    int cluster, of; /* numbers of pages; of: -1 none */
    double similarity;
};

static void id_of(int i, uint8_t id[RECORD_ID_BYTES])
{
    memset(id, 0x5a, RECORD_ID_BYTES);
    memcpy(id, &i, sizeof i);
}

static struct claimed claim_text(struct dedupe *d, int i, const char *t)
{
    unsigned char bytes[SKETCH_BYTES_MAX];
    uint8_t id[RECORD_ID_BYTES], zero[RECORD_ID_BYTES] = { 0 };
    struct dedupe_verdict v;
    struct claimed c = { .of = -1 };

    id_of(i, id);
    c.rc = dedupe_claim(d, id, (trommel_str){ (char *)bytes, sketch_make(t, strlen(t), bytes) }, &v);
    if (c.rc < 0)
        return c;
    c.relation = v.relation;
    c.similarity = v.similarity;
    memcpy(&c.cluster, v.cluster, sizeof c.cluster);
    if (memcmp(v.of, zero, sizeof zero))
        memcpy(&c.of, v.of, sizeof c.of);
    assert_int_equal(v.relation == DEDUPE_UNIQUE, c.of == -1);
    return c;
}

/* Page i says text `seed`: so many words, every change-th another. */
static struct claimed claim(struct dedupe *d, int i, unsigned seed, unsigned words, unsigned change)
{
    text[0] = '\0';
    text_add(text, seed, 0, words, change);
    return claim_text(d, i, text);
}

static int commit(struct dedupe *d, int i)
{
    uint8_t id[RECORD_ID_BYTES];

    id_of(i, id);
    return dedupe_commit(d, id);
}

static void release(struct dedupe *d, int i)
{
    uint8_t id[RECORD_ID_BYTES];

    id_of(i, id);
    dedupe_release(d, id);
}

static struct dedupe *index_open(const char *path)
{
    struct dedupe *d;
    struct err err = { 0 };

    if (dedupe_open(path, &d, &err) < 0)
        fail_msg("%s", err.text);
    return d;
}

static void assert_is(struct claimed c, enum dedupe_relation r, int cluster, int of)
{
    assert_int_equal(c.rc, 0);
    assert_int_equal(c.relation, r);
    assert_int_equal(c.cluster, cluster);
    assert_int_equal(c.of, of);
}

static void test_distinct_pages_are_joined(void **state)
{
    struct dedupe *d = index_open(NULL);

    for (int i = 0; i < (int)effort(3000); i++)
        assert_is(claim(d, i, (unsigned)i + 1, 8 + (unsigned)i % 700, 0), DEDUPE_UNIQUE, i, -1);
    dedupe_close(d);
}

static void test_the_same_words_are_not_exact(void **state)
{
    struct dedupe *d = index_open(NULL);

    for (int i = 0; i < 6; i++) {
        static const unsigned words[] = { 1, 5, 20, 100, 300, 3000 };
        struct claimed c;
        claim(d, 2 * i, 77 + (unsigned)i, words[i], 0);
        for (char *p = text; *p; p++)
            *p = *p == ' ' ? '\n' : (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        c = claim_text(d, 2 * i + 1, text);
        assert_is(c, DEDUPE_EXACT, 2 * i, 2 * i);
        assert_float_equal(c.similarity, 1, 0);
    }
    dedupe_close(d);
}

static void test_edited_copies_are_not_near(void **state)
{
    struct dedupe *d = index_open(NULL);

    for (int i = 0; i < (int)effort(300); i++) {
        unsigned words = 100 + (unsigned)i * 9;
        claim(d, 2 * i, (unsigned)i + 1, words, 0);
        struct claimed c = claim(d, 2 * i + 1, (unsigned)i + 1, words, 40);
        assert_is(c, DEDUPE_NEAR, 2 * i, 2 * i);
        assert_in_range((unsigned)(c.similarity * 100), 50, 100);
    }
    dedupe_close(d);
}

static void test_a_body_in_a_large_template_is_not_part(void **state)
{
    struct dedupe *d = index_open(NULL);
    int part = 0;

    for (int i = 0; i < 100; i++) {
        unsigned seed = 1000 + 2 * (unsigned)i;
        claim(d, 2 * i, seed, 400, 0);
        text[0] = '\0';
        text_add(text, seed + 1, 0, 400, 0);
        text_add(text, seed, 0, 400, 0);
        text_add(text, seed + 1, 400, 400, 0);
        struct claimed c = claim_text(d, 2 * i + 1, text);
        part += c.relation == DEDUPE_PART && c.of == 2 * i && c.similarity >= 0.6;
    }
    assert_in_range(part, 95, 100); /* of a sample: a few have too few in common */
    dedupe_close(d);
}

static void test_short_pages_join_by_chance(void **state)
{
    struct dedupe *d = index_open(NULL);

    assert_is(claim(d, 0, 1, 6, 0), DEDUPE_UNIQUE, 0, -1);
    assert_is(claim(d, 1, 1, 6, 5), DEDUPE_UNIQUE, 1, -1);
    assert_is(claim(d, 2, 2, 12, 0), DEDUPE_UNIQUE, 2, -1);
    assert_is(claim(d, 3, 2, 12, 10), DEDUPE_UNIQUE, 3, -1);
    assert_is(claim(d, 4, 3, 60, 0), DEDUPE_UNIQUE, 4, -1);
    assert_is(claim(d, 5, 3, 60, 59), DEDUPE_NEAR, 4, 4);
    assert_is(claim(d, 6, 3, 60, 6), DEDUPE_UNIQUE, 6, -1);
    assert_is(claim(d, 7, 3, 30, 0), DEDUPE_UNIQUE, 7, -1); /* the half of a short text is no part */
    dedupe_close(d);
}

static void test_pages_either_side_of_a_border_do_not_meet(void **state)
{
    static const unsigned sizes[][2] = { { 63, 64 }, { 64, 63 }, { 199, 200 }, { 200, 199 }, { 190, 210 } };
    struct dedupe *d = index_open(NULL);

    for (int i = 0; i < 5; i++) {
        claim(d, 2 * i, (unsigned)i + 1, sizes[i][0], 0);
        assert_is(claim(d, 2 * i + 1, (unsigned)i + 1, sizes[i][1], 0), DEDUPE_NEAR, 2 * i, 2 * i);
    }
    dedupe_close(d);
}

static void test_a_common_phrase_joins(void **state)
{
    struct dedupe *d = index_open(NULL);

    for (int i = 0; i < 400; i++) {
        text[0] = '\0';
        text_add(text, 9999, 0, 60, 0);
        text_add(text, (unsigned)i + 1, 0, 240, 0);
        assert_is(claim_text(d, i, text), DEDUPE_UNIQUE, i, -1);
    }
    assert_is(claim(d, 500, 3, 240, 0), DEDUPE_NEAR, 2, 2);
    dedupe_close(d);
}

static void test_no_words_repeat_no_words(void **state)
{
    struct dedupe *d = index_open(NULL);

    assert_is(claim_text(d, 0, " - "), DEDUPE_UNIQUE, 0, -1);
    assert_is(claim_text(d, 1, "..."), DEDUPE_UNIQUE, 1, -1);
    dedupe_close(d);
}

static void test_a_retry_is_its_own_duplicate(void **state)
{
    struct dedupe *d = index_open(NULL);

    for (int round = 0; round < 3; round++) {
        assert_is(claim(d, 0, 1, 300, 0), DEDUPE_UNIQUE, 0, -1);
        assert_is(claim(d, 1, 1, 300, 30), DEDUPE_NEAR, 0, 0);
        assert_is(claim(d, 2, 1, 300, 30), DEDUPE_EXACT, 0, 1);
        if (round == 1)
            assert_int_equal(commit(d, 0) | commit(d, 1) | commit(d, 2), 0);
    }
    assert_int_equal(commit(d, 7), ERR_ABSENT);
    dedupe_close(d);
}

static void test_a_released_page_is_still_seen(void **state)
{
    struct dedupe *d = index_open(NULL);

    claim(d, 0, 1, 300, 0);
    release(d, 0);
    assert_is(claim(d, 1, 1, 300, 0), DEDUPE_UNIQUE, 1, -1);
    release(d, 0); /* unknown by now */
    assert_int_equal(commit(d, 1), 0);
    release(d, 1); /* too late */
    assert_is(claim(d, 2, 1, 300, 0), DEDUPE_EXACT, 1, 1);
    dedupe_close(d);
}

static void test_a_cluster_falls_apart_when_its_first_is_released(void **state)
{
    struct dedupe *d = index_open(NULL);

    claim(d, 0, 1, 300, 0);
    assert_is(claim(d, 1, 1, 300, 30), DEDUPE_NEAR, 0, 0);
    release(d, 0);
    assert_is(claim(d, 2, 1, 300, 31), DEDUPE_NEAR, 0, 0);
    assert_is(claim(d, 0, 1, 300, 0), DEDUPE_UNIQUE, 0, -1);
    /* when nobody is left, it is forgotten */
    release(d, 0);
    release(d, 2);
    release(d, 1);
    assert_is(claim(d, 3, 1, 300, 0), DEDUPE_UNIQUE, 3, -1);
    dedupe_close(d);
}

static void test_many_claims_and_releases_leave_something(void **state)
{
    struct dedupe *d = index_open(NULL);
    uint64_t random = 11;
    char is_claimed[400] = { 0 };

    for (int step = 0; step < (int)effort(20000); step++) {
        int i = (int)(text_random(&random) % 400);
        if (is_claimed[i])
            release(d, i);
        else /* four variants of each of a hundred texts */
            assert_int_equal(claim(d, i, (unsigned)i / 4 + 1, 120, i % 4 < 2 ? 0 : 30).rc, 0);
        is_claimed[i] ^= 1;
    }
    for (int i = 0; i < 400; i++)
        release(d, i);
    for (int i = 0; i < 100; i++)
        assert_is(claim(d, 1000 + i, (unsigned)i + 1, 120, 0), DEDUPE_UNIQUE, 1000 + i, -1);
    dedupe_close(d);
}

static void test_a_malformed_sketch_is_claimed(void **state)
{
    struct dedupe *d = index_open(NULL);
    unsigned char bytes[SKETCH_BYTES_MAX + 10];
    struct dedupe_verdict v;
    uint8_t id[RECORD_ID_BYTES] = { 1 };
    uint64_t random = 3;

    for (size_t n = 0; n < sizeof bytes; n++) {
        for (size_t k = 0; k < n; k++)
            bytes[k] = (unsigned char)text_random(&random);
        assert_int_equal(dedupe_claim(d, id, (trommel_str){ (char *)bytes, n }, &v), ERR_INVALID);
    }
    dedupe_close(d);
}

/* ---- restarts ---- */

static int make_folder(void **state)
{
    *state = strdup("/tmp/trommel-dedupe-XXXXXX");
    return mkdtemp(*state) ? 0 : -1;
}

static const char *log_of(void **state)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/dedupe.log", (char *)*state);
    return path;
}

static int drop_folder(void **state)
{
    unlink(log_of(state));
    rmdir(*state);
    free(*state);
    return 0;
}

static void test_a_restart_forgets_what_is_committed_or_knows_the_rest(void **state)
{
    struct dedupe *d = index_open(log_of(state));

    claim(d, 0, 1, 300, 0);
    claim(d, 1, 1, 300, 30);
    claim(d, 2, 2, 300, 0);
    claim(d, 3, 3, 300, 0);
    claim(d, 4, 3, 300, 30);
    assert_int_equal(commit(d, 0) | commit(d, 1) | commit(d, 4) | commit(d, 1), 0);
    dedupe_close(d);
    d = index_open(log_of(state));
    assert_is(claim(d, 1, 1, 300, 30), DEDUPE_NEAR, 0, 0);
    assert_is(claim(d, 0, 1, 300, 0), DEDUPE_UNIQUE, 0, -1);
    assert_is(claim(d, 10, 1, 300, 30), DEDUPE_EXACT, 0, 1);
    assert_is(claim(d, 11, 1, 300, 31), DEDUPE_NEAR, 0, 0);
    assert_is(claim(d, 12, 2, 300, 0), DEDUPE_UNIQUE, 12, -1);
    /* the first of its cluster never was delivered: the copy stands for it */
    assert_is(claim(d, 13, 3, 300, 0), DEDUPE_NEAR, 3, 4);
    dedupe_close(d);
}

static void test_what_is_not_synced_is_there_after_a_crash(void **state)
{
    struct dedupe *d = index_open(log_of(state)), *again;

    claim(d, 0, 1, 300, 0);
    claim(d, 1, 2, 300, 0);
    commit(d, 0);
    assert_int_equal(dedupe_sync(d), 0);
    commit(d, 1);
    again = index_open(log_of(state)); /* as a crash would leave it */
    assert_is(claim(again, 5, 1, 300, 0), DEDUPE_EXACT, 0, 0);
    assert_is(claim(again, 6, 2, 300, 0), DEDUPE_UNIQUE, 6, -1);
    dedupe_close(again);
    dedupe_close(d);
}

static size_t log_size(void **state)
{
    struct stat st;

    assert_int_equal(stat(log_of(state), &st), 0);
    return (size_t)st.st_size;
}

static void test_a_tail_torn_at_any_byte_is_kept(void **state)
{
    struct dedupe *d = index_open(log_of(state));

    claim(d, 0, 1, 30, 0);
    commit(d, 0);
    assert_int_equal(dedupe_sync(d), 0);
    size_t first = log_size(state);
    claim(d, 1, 2, 30, 0);
    commit(d, 1);
    dedupe_close(d);
    size_t whole = log_size(state);
    for (size_t n = whole - 1; n > first; n--) {
        assert_int_equal(truncate(log_of(state), (off_t)n), 0);
        d = index_open(log_of(state));
        assert_int_equal(log_size(state), first);
        assert_is(claim(d, 5, 1, 30, 0), DEDUPE_EXACT, 0, 0);
        assert_is(claim(d, 1, 2, 30, 0), DEDUPE_UNIQUE, 1, -1);
        assert_int_equal(commit(d, 1), 0);
        dedupe_close(d);
        assert_int_equal(log_size(state), whole);
    }
}

static void test_a_damaged_entry_takes_others_with_it(void **state)
{
    struct dedupe *d = index_open(log_of(state));

    for (int i = 0; i < 3; i++) {
        claim(d, i, (unsigned)i + 1, 30, 0);
        commit(d, i);
    }
    dedupe_close(d);
    int fd = open(log_of(state), O_RDWR);
    off_t at = 8 + ((off_t)log_size(state) - 8) / 2;
    unsigned char byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
    d = index_open(log_of(state));
    assert_is(claim(d, 5, 1, 30, 0), DEDUPE_EXACT, 0, 0);
    assert_is(claim(d, 6, 2, 30, 0), DEDUPE_UNIQUE, 6, -1);
    assert_is(claim(d, 7, 3, 30, 0), DEDUPE_EXACT, 2, 2);
    dedupe_close(d);
}

static void test_a_strange_file_is_overwritten(void **state)
{
    FILE *f = fopen(log_of(state), "w");
    struct dedupe *d;
    struct err err = { 0 };

    fputs("my dear diary, today", f);
    fclose(f);
    assert_int_equal(dedupe_open(log_of(state), &d, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "move it away"));
    assert_int_equal(log_size(state), 20);
    assert_int_equal(dedupe_open("/no/such/folder/log", &d, &err), ERR_IO);
}

static void test_a_log_longer_than_one_read_is_cut(void **state)
{
    struct dedupe *d = index_open(log_of(state));

    for (int i = 0; i < 12000; i++) {
        claim(d, i, (unsigned)i + 1, 200, 0);
        assert_int_equal(commit(d, i), 0);
        if (i % 1000 == 0)
            assert_int_equal(dedupe_sync(d), 0);
    }
    dedupe_close(d);
    assert_true(log_size(state) > 3 << 20);
    d = index_open(log_of(state));
    for (int i = 0; i < 12000; i += 37)
        assert_is(claim(d, 20000 + i, (unsigned)i + 1, 200, 0), DEDUPE_EXACT, i, i);
    dedupe_close(d);
}

/* ---- the field ---- */

static void test_the_field_is_wrong(void **state)
{
    struct record_head head = { .url = { "http://a/", 9 } };
    struct dedupe_verdict v = { .relation = DEDUPE_NEAR, .cluster = { 1 }, .of = { 2 }, .similarity = 0.75 };
    struct buf b = BUF_INIT(100000);
    struct mp_value got;
    struct err err = { 0 };
    uint32_t n;

    record_begin(&b, &head, &n);
    record_end(&b, n);
    assert_int_equal(dedupe_settle(&b, &v, (trommel_str){ "sketch", 6 }), 0);
    if (record_check(b.data, b.len, &err) < 0)
        fail_msg("%s", err.text);
    trommel_str s = record_get_str(b.data, b.len, "dedupe.relation");
    assert_int_equal(s.n, 4);
    assert_memory_equal(s.p, "near", 4);
    assert_int_equal(record_get(b.data, b.len, "dedupe.cluster", &got), 0);
    assert_int_equal(got.type, MP_BIN);
    assert_int_equal(got.p[0], 1);
    assert_int_equal(record_get(b.data, b.len, "dedupe.similarity", &got), 0);
    assert_float_equal(got.u.d, 0.75, 0);
    assert_int_equal(record_get(b.data, b.len, "dedupe.scope", &got), 0);
    buf_release(&b);
}

static void on_log(void *arg, int level, const char *line)
{
}

int main(void)
{
#define F(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distinct_pages_are_joined),
        cmocka_unit_test(test_the_same_words_are_not_exact),
        cmocka_unit_test(test_edited_copies_are_not_near),
        cmocka_unit_test(test_a_body_in_a_large_template_is_not_part),
        cmocka_unit_test(test_short_pages_join_by_chance),
        cmocka_unit_test(test_pages_either_side_of_a_border_do_not_meet),
        cmocka_unit_test(test_a_common_phrase_joins),
        cmocka_unit_test(test_no_words_repeat_no_words),
        cmocka_unit_test(test_a_retry_is_its_own_duplicate),
        cmocka_unit_test(test_a_released_page_is_still_seen),
        cmocka_unit_test(test_a_cluster_falls_apart_when_its_first_is_released),
        cmocka_unit_test(test_many_claims_and_releases_leave_something),
        cmocka_unit_test(test_a_malformed_sketch_is_claimed),
        F(test_a_restart_forgets_what_is_committed_or_knows_the_rest),
        F(test_what_is_not_synced_is_there_after_a_crash),
        F(test_a_tail_torn_at_any_byte_is_kept),
        F(test_a_damaged_entry_takes_others_with_it),
        F(test_a_strange_file_is_overwritten),
        F(test_a_log_longer_than_one_read_is_cut),
        cmocka_unit_test(test_the_field_is_wrong),
    };

    log_to(on_log, NULL);
    fold_init();
    text = malloc(TEXT_BYTES);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(text);
    return rc;
}
