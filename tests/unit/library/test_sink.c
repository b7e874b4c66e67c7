/* The library with a sink: fails when a record is handed out before the sink has it, when the sink forgets an
 * id before the caller has had the record, or when a refusal or a sink in trouble is not told. */
#include "tests/unit/library/rig.h"

static char work[] = "/tmp/trommel-sink-XXXXXX", told[PATH_MAX], gate[PATH_MAX], sink[3 * PATH_MAX];

static int work_make(void **state)
{
    if (!mkdtemp(work))
        return -1;
    snprintf(told, sizeof told, "%s/told", work);
    snprintf(gate, sizeof gate, "%s/gate", work);
    return places(state);
}

static int work_remove(void **state)
{
    char command[200];

    snprintf(command, sizeof command, "rm -rf %s", work);
    return system(command) | forget(state);
}

/* How often a line stands in the file that the sink writes. */
static int said(const char *what, const uint8_t *id)
{
    FILE *f = fopen(told, "r");
    char line[100], want[100];
    int n = snprintf(want, sizeof want, "%s", what), count = 0;

    for (int i = 0; id && i < 8; i++)
        n += snprintf(want + n, sizeof want - (size_t)n, "%s%02x", i ? "" : " ", id[i]);
    while (f && fgets(line, sizeof line, f))
        count += !strncmp(line, want, strlen(want));
    if (f)
        fclose(f);
    return count;
}

static trommel *to(const char *out, trommel_options opt)
{
    opt.out = out;
    return pipeline_with(&opt);
}

static trommel *to_telling(const char *query, trommel_options opt)
{
    unlink(told);
    unlink(gate);
    snprintf(sink, sizeof sink, "%s/test/plugin/telling_sink.so:%s%s", build, told, query);
    return to(sink, opt);
}

static void put_pages(trommel *t, int from, int n)
{
    for (int i = from; i < from + n; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        trommel_input in = page_of(id, story);
        in.url = str_of("https://ost.example/lock");
        assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    }
}

static void flushed(trommel *t)
{
    trommel_error err = { .struct_size = sizeof err };

    if (trommel_flush(t, 60000, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(trommel_pending(t), 0);
}

static void on_record_after_ack(void *arg, void *user, const trommel_result *r)
{
    int acked = said("acked", NULL), committed = said("committed", NULL);

    assert_true(acked > (int)kept.n);
    assert_true(committed <= (int)kept.n);
    keep(r);
}

static void test_records_are_handed_out_when_acknowledged_and_committed_after_it(void **state)
{
    trommel_options opt = options(2);

    opt.on_record = on_record_after_ack;
    trommel *t = to_telling("", opt);
    put_pages(t, 0, 20);
    flushed(t);
    assert_int_equal(kept.n, 20);
    assert_int_equal(said("put", NULL), 20);
    trommel_close(t);
    assert_int_equal(said("committed", NULL), 20);
    assert_int_equal(said("closed", NULL), 1);
}

static void test_what_the_sink_has_not_acknowledged_stays_pending(void **state)
{
    char query[PATH_MAX + 10];

    snprintf(query, sizeof query, "?held=%s", gate);
    trommel *t = to_telling(query, options(1));
    put_pages(t, 0, 3);
    while (said("put", NULL) < 3) {
        struct pollfd p = { .fd = trommel_fd(t), .events = POLLIN };
        assert_int_equal(poll(&p, 1, 20000), 1); /* the library's own timers wake it */
        assert_int_equal(trommel_dispatch(t, 0, NULL), TROMMEL_AGAIN);
    }
    assert_int_equal(trommel_flush(t, 400, NULL), TROMMEL_AGAIN); /* the workers' own timers are through */
    assert_int_equal(trommel_pending(t), 3);
    assert_int_equal(kept.n, 0);
    fclose(fopen(gate, "w"));
    while (kept.n < 3) {
        struct pollfd p = { .fd = trommel_fd(t), .events = POLLIN };
        assert_int_equal(poll(&p, 1, 20000), 1);
        trommel_dispatch(t, 0, NULL);
    }
    trommel_close(t);
}

static void test_order_is_kept_behind_a_sink(void **state)
{
    trommel_options opt = options(2);

    opt.ordered = 1;
    trommel *t = to_telling("", opt);
    put_pages(t, 0, 20); /* acknowledged backwards */
    flushed(t);
    for (size_t i = 0; i < kept.n; i++)
        assert_int_equal(atoi(kept.id[i]), (int)i);
    field_is("0", "dedupe.relation", "unique");
    field_is("19", "dedupe.of", "0");
    trommel_close(t);
}

static void test_a_refused_record_is_quarantined(void **state)
{
    trommel_options opt = options(1);

    snprintf(sink, sizeof sink, "%s/test/plugin/moody_sink.so:x?refuse=2", build);
    opt.ordered = 1;
    trommel *t = to(sink, opt);
    put_pages(t, 0, 4);
    flushed(t);
    for (int i = 0; i < 4; i++)
        assert_int_equal(kept.outcome[i], i % 2 ? TROMMEL_OUT_QUARANTINED : TROMMEL_OUT_OK);
    field_is("1", "outcome.reason", "sink_refused");
    field_is("1", "error.stage", "sink");
    field_is("1", "error.message", "moody: never");
    field_is("1", "url", "https://ost.example/lock");
    assert_string_equal(kept.url[1], "https://ost.example/lock");
    field_is("2", "dedupe.of", "0");
    struct err why;
    if (record_check(kept.record[1].data, kept.record[1].len, &why) < 0)
        fail_msg("%s", why.text);
    trommel_close(t);
}

static void test_a_sink_in_trouble_ends_the_pipeline(void **state)
{
    trommel_error err = { .struct_size = sizeof err };
    trommel_options opt = options(1);
    trommel_input in = page_of("late", story);

    snprintf(sink, sizeof sink, "%s/test/plugin/moody_sink.so:x?fail=1000", build);
    opt.sink_patience_ms = 10;
    trommel *t = to(sink, opt);
    put_pages(t, 0, 3);
    assert_int_equal(trommel_flush(t, -1, &err), -6);
    assert_non_null(strstr(err.text, "the sink is in trouble since"));
    assert_non_null(strstr(err.text, "it hurts; leave me alone"));
    assert_int_equal(trommel_pending(t), 3);
    assert_int_equal(kept.n, 0);
    assert_int_equal(trommel_dispatch(t, -1, &err), -6);
    assert_int_equal(trommel_submit(t, &in, NULL, &err), -6);
    assert_non_null(strstr(kept.log, "records wait")); /* and not on stderr */
    trommel_close(t);
}

static void test_trouble_that_passes_loses_nothing(void **state)
{
    snprintf(sink, sizeof sink, "%s/test/plugin/moody_sink.so:x?again=3&take=2&late=true", build);
    trommel *t = to(sink, options(1));
    put_pages(t, 0, 10);
    flushed(t);
    assert_int_equal(kept.n, 10);
    trommel_close(t);
}

static void test_a_folder_is_a_sink(void **state)
{
    char dir[PATH_MAX], command[3 * PATH_MAX], line[50];

    snprintf(dir, sizeof dir, "%s/records", work);
    for (int run = 0; run < 2; run++) { /* what was committed may be put again */
        trommel *t = to(dir, options(1));
        put_pages(t, 0, 5);
        flushed(t);
        trommel_close(t);
    }
    snprintf(command, sizeof command, "%s/trommel cat %s | wc -l", build, dir);
    FILE *f = popen(command, "r");
    assert_non_null(fgets(line, sizeof line, f));
    assert_int_equal(atoi(line), 10);
    pclose(f);
}

static void open_fails(const char *out, const char *words)
{
    trommel_error err = { .struct_size = sizeof err };
    trommel_options opt = options(1);
    trommel *t;

    opt.out = out;
    assert_true(trommel_open(&opt, &t, &err) < 0);
    assert_null(t);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" has no \"%s\"", err.text, words);
}

static void test_a_sink_that_cannot_be_opened_is_named(void **state)
{
    open_fails("none://here", "no sink for none: is installed; there are:");
    open_fails("file:/tmp/x?nonsense=1", "has no option nonsense");
    snprintf(sink, sizeof sink, "%s/test/plugin/moody_sink.so:broken", build);
    open_fails(sink, "moody: broken from the start");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_handed_out_when_acknowledged_and_committed_after_it),
        cmocka_unit_test(test_what_the_sink_has_not_acknowledged_stays_pending),
        cmocka_unit_test(test_order_is_kept_behind_a_sink),
        cmocka_unit_test(test_a_refused_record_is_quarantined),
        cmocka_unit_test(test_a_sink_in_trouble_ends_the_pipeline),
        cmocka_unit_test(test_trouble_that_passes_loses_nothing),
        cmocka_unit_test(test_a_folder_is_a_sink),
        cmocka_unit_test(test_a_sink_that_cannot_be_opened_is_named),
    };

    return cmocka_run_group_tests(tests, work_make, work_remove);
}
