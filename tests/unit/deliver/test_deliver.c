/* deliver: every record is answered exactly once, whatever the sink's mood; SINK strings and their refusals.
 */
#include "tests/unit/deliver/sink_fixture.h"

#include "base/log.h"
#include "deliver/deliver.h"

struct owner {
    uv_loop_t loop;
    uv_timer_t guard;
    struct deliver *d;
    int acked[HOST_ACKS], done, refused, closed, more, in_put, timed_out;
    char logged[8000], message[200];
};

static void on_ack(void *arg, void *user, int how, const char *message)
{
    struct owner *o = arg;
    int i = (int)(intptr_t)user;

    assert_false(o->in_put);
    o->acked[i]++;
    o->done += how == TROMMEL_ACK_DONE;
    o->refused += how == TROMMEL_ACK_REFUSED;
    if (message[0])
        snprintf(o->message, sizeof o->message, "%s", message);
    if (o->more > 0) { /* an owner that puts more from its callback */
        int next = 110 - o->more--;
        struct buf b = record_of(next, 10);
        uint8_t id[16];
        id_of(next, id);
        assert_int_equal(deliver_put(o->d, id, &b, (trommel_str){ 0 }, (void *)(intptr_t)next), 0);
        assert_int_equal(b.len, 0);
    }
}

static void on_log(void *arg, int level, const char *line)
{
    struct owner *o = arg;
    size_t at = strlen(o->logged);

    snprintf(o->logged + at, sizeof o->logged - at, "%s\n", line);
}

static void on_guard(uv_timer_t *t)
{
    ((struct owner *)t->data)->timed_out = 1;
}

static int owner_open(struct owner *o, const char *sink, const char *sink_dir, struct err *err)
{
    struct deliver_options opt = { .sink = sink, .sink_dir = sink_dir, .on_ack = on_ack, .arg = o };

    memset(o, 0, sizeof *o);
    uv_loop_init(&o->loop);
    uv_timer_init(&o->loop, &o->guard);
    o->guard.data = o;
    log_to(on_log, o);
    int rc = deliver_open(&o->loop, &opt, &o->d, err);
    if (rc < 0) {
        uv_close((uv_handle_t *)&o->guard, NULL);
        uv_run(&o->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&o->loop), 0);
        log_to(NULL, NULL);
    }
    return rc;
}

static void owner_put(struct owner *o, int from, int to)
{
    for (int i = from; i < to; i++) {
        struct buf b = record_of(i, 50);
        uint8_t id[16];

        id_of(i, id);
        o->in_put = 1;
        assert_int_equal(deliver_put(o->d, id, &b, (trommel_str){ "host.example", 12 }, (void *)(intptr_t)i),
                         0);
        o->in_put = 0;
        assert_null(b.data);
    }
}

/* Runs the loop until so many are answered. */
static void owner_wait(struct owner *o, int n)
{
    uv_timer_start(&o->guard, on_guard, 20000, 0);
    while (o->done + o->refused < n && !o->timed_out)
        uv_run(&o->loop, UV_RUN_ONCE);
    uv_timer_stop(&o->guard);
    assert_int_equal(o->done + o->refused, n);
    assert_int_equal(deliver_pending(o->d), 0);
    for (int i = 0; i < n; i++)
        assert_int_equal(o->acked[i], 1);
}

static void on_closed(void *arg)
{
    ((struct owner *)arg)->closed++;
}

static void owner_close(struct owner *o)
{
    deliver_close(o->d, 500, on_closed, o);
    uv_close((uv_handle_t *)&o->guard, NULL);
    uv_run(&o->loop, UV_RUN_DEFAULT);
    assert_int_equal(o->closed, 1);
    assert_int_equal(uv_loop_close(&o->loop), 0);
    log_to(NULL, NULL);
}

static void moody(struct owner *o, const char *options)
{
    char sink[PATH_MAX + 100];
    struct err err = { 0 };

    snprintf(sink, sizeof sink, "%s:%s", built("test/plugin/moody_sink.so"), options);
    if (owner_open(o, sink, NULL, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_a_willing_sink_gets_not_every_record(void **state)
{
    struct owner o;

    moody(&o, "x");
    owner_put(&o, 0, 1000);
    assert_int_equal(o.done, 0);
    owner_wait(&o, 1000);
    owner_close(&o);
}

static void test_acknowledgements_that_come_late_and_backwards_are_lost(void **state)
{
    struct owner o;

    moody(&o, "x?late=true&take=7");
    owner_put(&o, 0, 300);
    owner_wait(&o, 300);
    owner_close(&o);
}

static void test_records_put_from_the_callback_are_lost(void **state)
{
    struct owner o;

    moody(&o, "x?take=3");
    o.more = 100;
    owner_put(&o, 0, 10);
    owner_wait(&o, 110);
    owner_close(&o);
}

static void test_a_broken_sink_loses_or_is_not_said_once(void **state)
{
    struct owner o;

    moody(&o, "x?fail=2");
    owner_put(&o, 0, 200);
    while (!deliver_trouble(o.d))
        uv_run(&o.loop, UV_RUN_ONCE);
    assert_non_null(strstr(deliver_trouble(o.d), "it hurts; leave me alone"));
    assert_int_equal(deliver_pending(o.d), 200);
    owner_put(&o, 200, 250);
    owner_wait(&o, 250);
    assert_null(deliver_trouble(o.d));
    char *first = strstr(o.logged, "it hurts");
    assert_non_null(first);
    assert_null(strstr(first + 1, "it hurts"));
    assert_non_null(strstr(first, "takes records again"));
    owner_close(&o);
}

static void test_records_given_back_are_lost(void **state)
{
    struct owner o;

    moody(&o, "x?again=130");
    owner_put(&o, 0, 300);
    owner_wait(&o, 300);
    assert_int_equal(o.done, 300);
    assert_non_null(strstr(o.logged, "moody: not now; 300 records wait"));
    owner_close(&o);
}

static void test_a_refusal_is_not_told(void **state)
{
    struct owner o;

    moody(&o, "x?refuse=10");
    owner_put(&o, 0, 100);
    owner_wait(&o, 100);
    assert_int_equal(o.refused, 10);
    assert_string_equal(o.message, "moody: never");
    owner_close(&o);
}

static void test_what_is_not_acknowledged_is_told_or_kept_at_close(void **state)
{
    struct owner o;

    moody(&o, "x?silent=true");
    owner_put(&o, 0, 100);
    for (int i = 0; i < 5; i++)
        uv_run(&o.loop, UV_RUN_ONCE);
    assert_int_equal(deliver_pending(o.d), 100);
    owner_close(&o);
    assert_int_equal(o.done + o.refused, 0);
}

static void test_a_close_loses_what_the_sink_acknowledges_in_it(void **state)
{
    struct owner o;

    moody(&o, "x?late=true");
    owner_put(&o, 0, 100);
    deliver_flush(o.d);
    owner_close(&o);
    assert_int_equal(o.done, 100);
}

static void test_the_file_sink_does_not_keep_every_record(void **state)
{
    char *dir = folder_new(), *sink_dir = strdup(built("sink"));
    struct owner o;
    struct err err = { 0 };

    if (owner_open(&o, dir, sink_dir, &err) < 0)
        fail_msg("%s", err.text);
    owner_put(&o, 0, 500);
    owner_wait(&o, 500);
    uint8_t id[1][RECORD_ID_BYTES];
    id_of(3, id[0]);
    deliver_committed(o.d, (const uint8_t (*)[RECORD_ID_BYTES])id, 1);
    owner_close(&o);
    assert_each_once(dir, 500);
    folder_free(dir);
    free(sink_dir);
}

static void refused(const char *sink, const char *sink_dir, const char *part1, const char *part2)
{
    struct owner o;
    struct err err = { 0 };

    assert_true(owner_open(&o, sink, sink_dir, &err) < 0);
    if (!strstr(err.text, part1) || !strstr(err.text, part2))
        fail_msg("%s: %s", sink, err.text);
}

static void test_a_sink_that_is_not_there_is_not_named_with_those_that_are(void **state)
{
    char *dir = strdup(built("sink"));

    refused("kafka://localhost:9092/pages", dir,
            "no sink for kafka: is installed; there are: ", "file, null, stdout");
    refused("file:/tmp/x", "/no/such/folder", "no sink for file: is installed", "/no/such/folder");
    refused("", dir, "no sink is named", "");
    free(dir);
}

static void test_wrong_options_are_not_named(void **state)
{
    char *dir = strdup(built("sink"));

    refused("file:/tmp/none?colour=red", dir,
            "file:/tmp/none: has no option colour; its options: rotate_bytes", "linger_ms");
    refused("file:/tmp/none?level=99", dir, "file:/tmp/none: option `level`: 99", "from 1 to 19");
    refused("file:/tmp/none?compress=zip", dir, "`zip` is not one of none|zstd", "file:/tmp/none");
    refused("file:/tmp/none?level", dir, "level: has no value", "level=VALUE");
    free(dir);
}

static void test_a_file_that_is_no_sink_is_loaded(void **state)
{
    char sink[PATH_MAX + 20];
    char *dir = folder_new();

    snprintf(sink, sizeof sink, "%s:x", built("test/plugin/other_major_sink.so"));
    refused(sink, NULL, "other_major_sink.so", "8");
    snprintf(sink, sizeof sink, "%s:x", built("test/plugin/halved_sink.so"));
    refused(sink, NULL, "halved_sink.so: the function put is not set", "mend the sink");
    snprintf(sink, sizeof sink, "%s:x", built("test/plugin/needy.so"));
    refused(sink, NULL, "needy.so", "sink");
    file_write(in(dir, "text.so"), "no object at all", 16);
    snprintf(sink, sizeof sink, "%s:x", in(dir, "text.so"));
    refused(sink, NULL, "text.so", "");
    refused("text:x", dir, "text.so", "");
    snprintf(sink, sizeof sink, "%s:x", in(dir, "none.so"));
    refused(sink, NULL, "none.so", "");
    folder_free(dir);
}

static void test_the_sinks_own_words_are_not_passed_on(void **state)
{
    char sink[PATH_MAX + 20], *dir = strdup(built("test/plugin"));

    snprintf(sink, sizeof sink, "%s/moody_sink.so:broken", dir);
    refused(sink, NULL, "moody: broken from the start", "");
    refused("grumpy:broken", dir, "moody: broken from the start", "");
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_willing_sink_gets_not_every_record),
        cmocka_unit_test(test_acknowledgements_that_come_late_and_backwards_are_lost),
        cmocka_unit_test(test_records_put_from_the_callback_are_lost),
        cmocka_unit_test(test_a_broken_sink_loses_or_is_not_said_once),
        cmocka_unit_test(test_records_given_back_are_lost),
        cmocka_unit_test(test_a_refusal_is_not_told),
        cmocka_unit_test(test_what_is_not_acknowledged_is_told_or_kept_at_close),
        cmocka_unit_test(test_a_close_loses_what_the_sink_acknowledges_in_it),
        cmocka_unit_test(test_the_file_sink_does_not_keep_every_record),
        cmocka_unit_test(test_a_sink_that_is_not_there_is_not_named_with_those_that_are),
        cmocka_unit_test(test_wrong_options_are_not_named),
        cmocka_unit_test(test_a_file_that_is_no_sink_is_loaded),
        cmocka_unit_test(test_the_sinks_own_words_are_not_passed_on),
    };

    log_init("test", LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
