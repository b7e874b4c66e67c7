/* The library with real workers: every page submitted gives one record, whatever it holds; what cannot be
 * submitted is refused with its name.  The chain: boilerplate, dedupe. */
#include "tests/unit/library/rig.h"

static void test_pages_become_records(void **state)
{
    trommel *t = pipeline(2);
    trommel_input in = page_of("story", story);
    trommel_error err = { .struct_size = sizeof err };
    struct err why;

    in.url = str_of("HTTPS://Ost.Example:443/a/../lock#top");
    in.content_type = str_of("text/html");
    assert_int_equal(trommel_submit(t, &in, &in, &err), 0);
    assert_int_equal(trommel_pending(t), 1);
    assert_int_equal(trommel_flush(t, 20000, &err), 0);
    assert_int_equal(trommel_pending(t), 0);
    assert_int_equal(kept.n, 1);
    assert_int_equal(kept.outcome[0], TROMMEL_OUT_OK);
    assert_ptr_equal(kept.user[0], &in);
    if (record_check(kept.record[0].data, kept.record[0].len, &why) < 0)
        fail_msg("%s", why.text);
    field_is("story", "url", "https://ost.example/lock");
    field_is("story", "id", "story");
    field_is("story", "dedupe.relation", "unique");
    assert_int_equal(trommel_dispatch(t, 0, &err), TROMMEL_AGAIN);
    trommel_close(t);
}

static void test_duplicates_are_told_by_the_callers_ids(void **state)
{
    trommel *t = pipeline(1);
    trommel_input first = page_of("first", story), second = page_of("second", story);

    assert_int_equal(trommel_submit(t, &first, NULL, NULL), 0);
    assert_int_equal(trommel_flush(t, 20000, NULL), 0);
    assert_int_equal(trommel_submit(t, &second, NULL, NULL), 0);
    assert_int_equal(trommel_flush(t, 20000, NULL), 0);
    field_is("first", "dedupe.relation", "unique");
    field_is("second", "dedupe.relation", "exact");
    field_is("second", "dedupe.of", "first");
    field_is("second", "dedupe.cluster", "first");
    trommel_close(t);
}

static void refused(trommel *t, trommel_input in, const char *words)
{
    trommel_error err = { .struct_size = sizeof err };

    assert_true(trommel_submit(t, &in, NULL, &err) < 0);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" has no \"%s\"", err.text, words);
    assert_int_equal(trommel_pending(t), 0);
}

static void test_what_cannot_be_submitted_is_named(void **state)
{
    trommel *t = pipeline(1);
    trommel_input in = page_of("a", "<p>x");
    static char big[LIMIT_BODY_BYTES + 1];

    in.url = str_of("not a url");
    refused(t, in, "\"not a url\": is no absolute URL");
    in.url = str_of("ftp://ost.example/");
    refused(t, in, "neither http nor https");
    in = page_of("a\xff", "<p>x");
    refused(t, in, "id: is no valid UTF-8");
    in = page_of("a", "<p>x");
    in.id.n = 2; /* with its NUL */
    refused(t, in, "NUL");
    in = page_of("a", "<p>x");
    in.fetch = (trommel_str){ "\x91\x01", 2 };
    refused(t, in, "fetch: is no msgpack map");
    in = page_of("a", NULL);
    in.body = (trommel_str){ big, sizeof big };
    refused(t, in, "body: 8388609 bytes are over the limit");
    in.struct_size = 4;
    refused(t, in, "");
    assert_int_equal(trommel_flush(t, 0, NULL), 0);
    assert_int_equal(kept.n, 0);
    trommel_close(t);
}

static void test_odd_pages_have_their_records(void **state)
{
    trommel *t = pipeline(2);
    trommel_input empty = page_of("empty", ""), nul = page_of("nul", NULL),
                  cut = page_of("cut", "\x1f\x8b\x08zz");
    trommel_input image = page_of("image", "\x89PNG\r\n\x1a\n");

    nul.body = (trommel_str){ "<p>a\0b</p>", 10 };
    cut.content_encoding = str_of("gzip");
    image.content_type = str_of("image/png");
    assert_int_equal(trommel_submit(t, &empty, NULL, NULL), 0);
    assert_int_equal(trommel_submit(t, &nul, NULL, NULL), 0);
    assert_int_equal(trommel_submit(t, &cut, NULL, NULL), 0);
    assert_int_equal(trommel_submit(t, &image, NULL, NULL), 0);
    assert_int_equal(trommel_flush(t, 20000, NULL), 0);
    assert_int_equal(kept.n, 4);
    field_is("empty", "outcome.code", "no_content");
    field_is("empty", "outcome.reason", "empty_body");
    field_is("cut", "outcome.code", "failed");
    field_is("cut", "outcome.reason", "bad_encoding");
    field_is("image", "outcome.reason", "unsupported_type");
    assert_int_equal(kept.outcome[kept_at("cut")], TROMMEL_OUT_FAILED);
    assert_int_equal(kept.outcome[kept_at("image")], TROMMEL_OUT_NO_CONTENT);
    trommel_close(t);
}

static void test_what_could_not_be_had_is_a_record(void **state)
{
    trommel *t = pipeline(1);
    trommel_input in = page_of("late", NULL), bad = page_of("bad", NULL);

    in.status = 500;
    in.failed = str_of("too_large");
    bad.failed = str_of("Too large");
    refused(t, bad, "short name");
    assert_int_equal(trommel_submit(t, &in, &in, NULL), 0);
    assert_int_equal(trommel_flush(t, 20000, NULL), 0);
    assert_int_equal(kept.n, 1);
    assert_int_equal(kept.outcome[0], TROMMEL_OUT_FAILED);
    assert_ptr_equal(kept.user[0], &in);
    field_is("late", "outcome.code", "failed");
    field_is("late", "outcome.reason", "too_large");
    trommel_close(t);
}

static void test_an_id_is_made_of_what_is_given(void **state)
{
    trommel *t = pipeline(1);
    trommel_input in = page_of(NULL, story);
    struct mp_value id[3];

    in.id = (trommel_str){ 0 };
    in.url = str_of("http://ost.example/");
    for (int i = 0; i < 3; i++) {
        in.made_of = str_of(i == 1 ? "another capture" : "one capture");
        assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
        assert_int_equal(trommel_flush(t, 20000, NULL), 0);
        assert_int_equal(record_get(kept.record[i].data, kept.record[i].len, "id", &id[i]), 0);
        assert_int_equal(id[i].type, MP_BIN);
    }
    assert_memory_not_equal(id[0].p, id[1].p, RECORD_ID_BYTES);
    assert_memory_equal(id[0].p, id[2].p, RECORD_ID_BYTES);
    trommel_close(t);
}

static void test_full_is_told_and_passes(void **state)
{
    trommel_options opt = options(1);
    opt.queue = 2;
    trommel *t = pipeline_with(&opt);
    trommel_error err = { .struct_size = sizeof err };
    int full = 0;

    for (int i = 0; i < KEEP - 1; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%d", i);
        trommel_input in = page_of(id, story);
        int rc;
        while ((rc = trommel_submit(t, &in, NULL, &err)) == TROMMEL_FULL) {
            full = 1;
            assert_non_null(
                strstr(err.text, "18 pages are on their way (16 with workers, 2 waiting): come again"));
            assert_int_equal(trommel_room(t), 0);
            assert_true(trommel_dispatch(t, 20000, NULL) > 0);
        }
        assert_int_equal(rc, 0);
    }
    assert_true(full);
    submitter = t;
    assert_int_equal(trommel_flush(t, 20000, NULL), 0);
    assert_int_equal(kept.n, KEEP);
    kept_at("more");
    trommel_close(t);
}

static void test_the_descriptor_tells(void **state)
{
    trommel *t = pipeline(1);
    trommel_input in = page_of("a", story);

    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    while (kept.n == 0) {
        struct pollfd p = { .fd = trommel_fd(t), .events = POLLIN };
        assert_int_equal(poll(&p, 1, 20000), 1);
        int rc = trommel_dispatch(t, 0, NULL);
        assert_true(rc > 0 || rc == TROMMEL_AGAIN);
    }
    trommel_close(t);
}

static void test_closing_leaves_pending_pages(void **state)
{
    trommel *t = pipeline(1);
    trommel_input in = page_of("a", story);

    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    trommel_close(t);
    assert_int_equal(kept.n, 0);
    trommel_close(NULL);
}

static void open_fails(trommel_options opt, const char *words)
{
    trommel_error err = { .struct_size = sizeof err };
    trommel *t = (trommel *)&err;

    opt.struct_size = sizeof opt;
    assert_true(trommel_open(&opt, &t, &err) < 0);
    assert_null(t);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" has no \"%s\"", err.text, words);
}

static void test_what_cannot_be_opened_is_named(void **state)
{
    static const char *const bad[] = { "boilerplate.no_such=1" }, *const odd[] = { "nonsense" };

    open_fails((trommel_options){ .worker = "/nowhere/worker", .stage_dir = stages, .config = chain },
               "/nowhere/worker");
    open_fails((trommel_options){ .worker = worker, .stage_dir = "/nowhere/stages" }, "/nowhere/stages");
    open_fails((trommel_options){ .worker = worker, .stage_dir = stages, .config = "/nowhere.yaml" },
               "/nowhere.yaml");
    open_fails(
        (trommel_options){ .worker = worker, .stage_dir = stages, .config = chain, .set = bad, .n_set = 1 },
        "no_such");
    open_fails(
        (trommel_options){ .worker = worker, .stage_dir = stages, .config = chain, .set = odd, .n_set = 1 },
        "nonsense");
}

static void test_two_pipelines_do_not_share(void **state)
{
    trommel *a = pipeline(1), *b = pipeline(1);
    trommel_input in = page_of("one", story), other = page_of("two", story);

    assert_int_equal(trommel_submit(a, &in, NULL, NULL), 0);
    assert_int_equal(trommel_submit(b, &other, NULL, NULL), 0);
    assert_int_equal(trommel_flush(a, 20000, NULL), 0);
    assert_int_equal(trommel_flush(b, 20000, NULL), 0);
    field_is("one", "dedupe.relation", "unique");
    field_is("two", "dedupe.relation", "unique");
    trommel_close(a);
    trommel_close(b);
}

/* The first page is large and finishes last; the small ones behind it say the same, and repeat it. */
static void test_order_is_kept_on_request(void **state)
{
    static const char text[] =
        "<p>The harbour wall was painted again this spring, and the ferry lay still for a week.";
    trommel_options opt = options(3);
    opt.ordered = 1;
    trommel *t = pipeline_with(&opt);
    struct buf large = BUF_INIT(LIMIT_BODY_BYTES);
    char id[16];

    buf_add_str(&large, text);
    for (int i = 0; i < 100000; i++)
        buf_add_str(&large, "<i></i>");
    trommel_input in = page_of("0", "");
    in.body = (trommel_str){ (const char *)large.data, large.len };
    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    for (int i = 1; i < 12; i++) {
        snprintf(id, sizeof id, "%d", i);
        in = page_of(id, text);
        assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    }
    assert_int_equal(trommel_flush(t, 60000, NULL), 0);
    assert_int_equal(kept.n, 12);
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "%d", i);
        assert_string_equal(kept.id[i], id);
        field_is(id, "dedupe.relation", i == 0 ? "unique" : "exact");
    }
    kept_clear();
    buf_release(&large);
    trommel_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_become_records),
        cmocka_unit_test(test_duplicates_are_told_by_the_callers_ids),
        cmocka_unit_test(test_what_cannot_be_submitted_is_named),
        cmocka_unit_test(test_odd_pages_have_their_records),
        cmocka_unit_test(test_what_could_not_be_had_is_a_record),
        cmocka_unit_test(test_an_id_is_made_of_what_is_given),
        cmocka_unit_test(test_full_is_told_and_passes),
        cmocka_unit_test(test_the_descriptor_tells),
        cmocka_unit_test(test_closing_leaves_pending_pages),
        cmocka_unit_test(test_what_cannot_be_opened_is_named),
        cmocka_unit_test(test_two_pipelines_do_not_share),
        cmocka_unit_test(test_order_is_kept_on_request),
    };

    return cmocka_run_group_tests(tests, places, forget);
}
