/* The library's queue, deadlines, records one by one, chains from code, structs of other versions: fails when
 * a body by reference is not given back once, when a late page has no record or two, or when what is wrong is
 * not named. */
#include "tests/unit/library/rig.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>

#include "base/clock.h"

/* The only worker of a pipeline of this process: its number. */
static pid_t worker_pid(void)
{
    DIR *tasks = opendir("/proc/self/task");
    char path[300], line[300];
    struct dirent *e;
    pid_t pid = 0;

    while (tasks && (e = readdir(tasks))) {
        snprintf(path, sizeof path, "/proc/self/task/%s/children", e->d_name);
        FILE *f = isdigit(e->d_name[0]) ? fopen(path, "r") : NULL;
        if (f && fgets(line, sizeof line, f))
            pid = atoi(line);
        if (f)
            fclose(f);
    }
    closedir(tasks);
    assert_true(pid > 0);
    return pid;
}

static void submit(trommel *t, const char *id, uint32_t deadline_ms)
{
    trommel_input in = page_of(id, story);
    trommel_error err = { .struct_size = sizeof err };

    in.deadline_ms = deadline_ms;
    in.url = str_of("https://ost.example/lock");
    if (trommel_submit(t, &in, NULL, &err) < 0)
        fail_msg("%s", err.text);
}

static trommel *pipeline_of(unsigned queue, int ordered)
{
    trommel_options opt = options(1);

    opt.queue = queue;
    opt.ordered = (uint32_t)ordered;
    return pipeline_with(&opt);
}

/* ---- deadlines ---- */

static void test_a_page_over_its_deadline_has_one_record_that_says_so(void **state)
{
    trommel *t = pipeline_of(0, 0);
    pid_t pid = worker_pid();
    struct err why;

    assert_int_equal(kill(pid, SIGSTOP), 0); /* nothing comes out of it now */
    submit(t, "late", 1);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    assert_int_equal(kept.n, 1);
    assert_int_equal(kept.outcome[0], TROMMEL_OUT_FAILED);
    field_is("late", "outcome.code", "failed");
    field_is("late", "outcome.reason", "deadline");
    field_is("late", "url", "https://ost.example/lock");
    if (record_check(kept.record[0].data, kept.record[0].len, &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(kill(pid, SIGCONT), 0);
    submit(t, "next", 600000);
    assert_int_equal(trommel_flush(t, -1, NULL), 0); /* behind the late one, whose result is thrown away */
    assert_int_equal(kept.n, 2);
    assert_int_equal(kept.outcome[1], TROMMEL_OUT_OK);
    field_is("next", "dedupe.relation", "unique");
    trommel_close(t);
}

static void test_a_deadline_holds_in_the_queue_and_in_order(void **state)
{
    trommel *t = pipeline_of(4, 1);
    pid_t pid = worker_pid();
    char id[16];

    assert_int_equal(kill(pid, SIGSTOP), 0);
    for (int i = 0; i < 18; i++) { /* 16 at the worker */
        snprintf(id, sizeof id, "%d", i);
        submit(t, id, i == 0 || i == 17 ? 1 : 0);
    }
    assert_int_equal(trommel_dispatch(t, -1, NULL), 1); /* the first; the last waits for its turn */
    field_is("0", "outcome.reason", "deadline");
    for (uint64_t until = clock_mono_ms() + 2; clock_mono_ms() < until;)
        ; /* the last is late now, too */
    assert_int_equal(trommel_dispatch(t, 0, NULL), TROMMEL_AGAIN);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    assert_int_equal(kept.n, 18);
    for (int i = 0; i < 18; i++) {
        assert_int_equal(atoi(kept.id[i]), i);
        assert_int_equal(kept.outcome[i], i == 0 || i == 17 ? TROMMEL_OUT_FAILED : TROMMEL_OUT_OK);
    }
    trommel_close(t);
}

static void test_closing_ends_late_pages_too(void **state)
{
    trommel *t = pipeline_of(0, 0);

    assert_int_equal(kill(worker_pid(), SIGSTOP), 0);
    submit(t, "late", 1);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    trommel_close(t);
}

/* ---- bodies by reference ---- */

static unsigned char given_back[KEEP];

static void on_release(void *user)
{
    given_back[(uintptr_t)user]++;
}

static int submit_ref(trommel *t, uintptr_t i, const char *body)
{
    trommel_input in = page_of(NULL, body);
    char id[16];

    snprintf(id, sizeof id, "%d", (int)i);
    in.id = str_of(id);
    return trommel_submit_ref(t, &in, (void *)i, on_release, NULL);
}

static void on_record_given_back(void *arg, void *user, const trommel_result *r)
{
    assert_int_equal(given_back[(uintptr_t)user], 1);
    keep(r);
}

static void test_a_body_by_reference_is_given_back_once_before_its_record(void **state)
{
    trommel_options opt = options(1);
    char *bodies[20];

    memset(given_back, 0, sizeof given_back);
    opt.queue = 4;
    opt.on_record = on_record_given_back;
    trommel *t = pipeline_with(&opt);
    for (uintptr_t i = 0; i < 20; i++) {
        bodies[i] = strdup(story);
        assert_int_equal(submit_ref(t, i, bodies[i]), 0);
        assert_int_equal(given_back[i], i < 16); /* a worker has it */
        if (given_back[i])
            memset(bodies[i], 'x', strlen(bodies[i])); /* it is ours again */
    }
    assert_int_equal(submit_ref(t, 20, story), TROMMEL_FULL);
    assert_int_equal(given_back[20], 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    assert_int_equal(kept.n, 20);
    for (int i = 0; i < 20; i++) {
        trommel_str text = record_get_str(kept.record[i].data, kept.record[i].len, "content.text");
        assert_non_null(memmem(text.p, text.n, "the canal froze to its bed", 26));
        free(bodies[i]);
    }
    trommel_close(t);
}

static void test_closing_gives_bodies_back(void **state)
{
    trommel *t = pipeline_of(4, 0);

    memset(given_back, 0, sizeof given_back);
    for (uintptr_t i = 0; i < 18; i++)
        assert_int_equal(submit_ref(t, i, story), 0);
    trommel_close(t);
    for (int i = 0; i < 18; i++)
        assert_int_equal(given_back[i], 1);
}

static void test_room_is_what_can_be_submitted(void **state)
{
    trommel *t = pipeline_of(5, 0);
    size_t n = 0;

    while (trommel_room(t)) {
        assert_int_equal(trommel_room(t), 21 - n);
        submit(t, "p", 0);
        n++;
    }
    assert_int_equal(n, 21);
    trommel_input in = page_of("p", story);
    assert_int_equal(trommel_submit(t, &in, NULL, NULL), TROMMEL_FULL);
    trommel_close(t);
}

/* Large pages do not fit into a worker's memory at once: the queue takes them, and tells when it is full of
 * bytes. */
static void test_bytes_have_a_limit_too(void **state)
{
    trommel *t = pipeline_of(1000, 0);
    char *body = malloc(LIMIT_BODY_BYTES);
    trommel_input in = page_of("p", NULL);
    int rc, n = 0;

    memset(body, ' ', LIMIT_BODY_BYTES);
    in.body = (trommel_str){ body, LIMIT_BODY_BYTES };
    while ((rc = trommel_submit(t, &in, NULL, NULL)) == 0)
        n++;
    assert_int_equal(rc, TROMMEL_FULL);
    assert_int_equal(trommel_room(t), 0);
    assert_in_range(n, 9, 20); /* 64 MiB and what a worker holds */
    free(body);
    trommel_close(t);
}

/* ---- one after the other ---- */

static void test_records_come_one_by_one_without_a_callback(void **state)
{
    trommel_options opt = options(2);
    trommel_result r = { .struct_size = sizeof r };
    trommel_error err = { .struct_size = sizeof err };
    int rc, n = 0;

    opt.on_record = NULL;
    trommel *t = pipeline_with(&opt);
    assert_int_equal(trommel_next(t, -1, &r, NULL), 0);
    for (int i = 0; i < 10; i++)
        submit(t, "p", 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0); /* ready, not handed out */
    assert_int_equal(trommel_pending(t), 10);
    struct pollfd p = { .fd = trommel_fd(t), .events = POLLIN };
    assert_int_equal(poll(&p, 1, 0), 1); /* the descriptor says so */
    while ((rc = trommel_next(t, -1, &r, &err)) > 0) {
        struct err why;
        assert_int_equal(rc, 1);
        assert_int_equal(record_check(r.record.p, r.record.n, &why), 0);
        assert_int_equal(r.outcome, TROMMEL_OUT_OK);
        assert_int_equal(r.generation, 1);
        assert_int_equal(trommel_pending(t), 10 - ++n);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(n, 10);
    submit(t, "p", 0);
    assert_int_equal(trommel_next(t, -1, &r, &err), 1);
    r.struct_size = 0;
    assert_true(trommel_next(t, -1, &r, &err) < 0);
    assert_non_null(strstr(err.text, "struct_size is 0"));
    trommel_close(t); /* with a record in hand */
}

/* ---- chains from code ---- */

static trommel *with_chain(const trommel_stage_ref *refs, size_t n, trommel_error *err)
{
    trommel_options opt = options(1);
    trommel *t;

    opt.config = NULL;
    opt.chain = refs;
    opt.n_chain = n;
    kept_clear();
    trommel_open(&opt, &t, err);
    return t;
}

static void test_a_chain_is_made_in_code(void **state)
{
    static const char *const set[] = { "markdown=false" };
    const trommel_stage_ref refs[] = { { sizeof *refs, 0, "metadata", NULL },
                                       { sizeof *refs, 1, "boilerplate", set } };
    trommel_error err = { .struct_size = sizeof err };
    struct mp_value v;
    trommel *t = with_chain(refs, 2, &err);

    if (!t)
        fail_msg("%s", err.text);
    submit(t, "both", 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    field_is("both", "meta.title", "The lock at Ost");
    assert_int_equal(record_get(kept.record[0].data, kept.record[0].len, "content.text", &v), 0);
    assert_int_equal(record_get(kept.record[0].data, kept.record[0].len, "content.markdown", &v), -5);
    assert_int_equal(record_get(kept.record[0].data, kept.record[0].len, "dedupe", &v), -5);
    trommel_close(t);

    t = with_chain(refs, 0, &err); /* an empty one */
    submit(t, "none", 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    assert_int_equal(record_get(kept.record[0].data, kept.record[0].len, "content", &v), -5);
    trommel_close(t);
}

static void chain_fails(trommel_stage_ref ref, const char *words)
{
    trommel_error err = { .struct_size = sizeof err };

    ref.struct_size = ref.struct_size ? ref.struct_size : sizeof ref;
    assert_null(with_chain(&ref, 1, &err));
    if (!strstr(err.text, words))
        fail_msg("\"%s\" has no \"%s\"", err.text, words);
}

static void test_what_is_wrong_with_a_chain_in_code_is_named(void **state)
{
    static const char *const odd[] = { "nonsense" }, *const unknown[] = { "no_such=1" };
    trommel_error err = { .struct_size = sizeof err };
    trommel_options opt = options(1);
    trommel *t;

    chain_fails((trommel_stage_ref){ .stage = "no-such-stage" }, "no-such-stage");
    chain_fails((trommel_stage_ref){ .stage = "" }, "a stage has no name");
    chain_fails((trommel_stage_ref){ .stage = "boilerplate", .set = odd, .n_set = 1 },
                "boilerplate: \"nonsense\" is not of the form OPTION=VALUE");
    chain_fails((trommel_stage_ref){ .stage = "boilerplate", .set = unknown, .n_set = 1 }, "no_such");
    chain_fails((trommel_stage_ref){ .struct_size = 4, .stage = "boilerplate" }, "chain: struct_size is 4");
    opt.chain = &(trommel_stage_ref){ .struct_size = sizeof(trommel_stage_ref), .stage = "layout" };
    opt.n_chain = 1;
    assert_true(trommel_open(&opt, &t, &err) < 0);
    assert_non_null(strstr(err.text, "config and chain are both given"));
}

/* ---- structs of other versions ---- */

static void test_older_and_newer_structs_are_taken(void **state)
{
    struct {
        trommel_options opt;
        char more[16];
    } newer = { .opt = options(1) };
    struct {
        trommel_input in;
        char more[16];
    } page = { .in = page_of("newer", story) };
    struct {
        uint32_t struct_size, rsv;
        int code;
        char text[24];
    } small = { .struct_size = sizeof small };
    trommel_error err = { .struct_size = sizeof err };
    trommel *t;

    newer.opt.struct_size = sizeof newer;
    t = pipeline_with(&newer.opt); /* nothing is set there: as if it were not */
    page.in.struct_size = sizeof page;
    assert_int_equal(trommel_submit(t, &page.in, NULL, &err), 0);
    page.more[3] = 1;
    assert_int_equal(trommel_submit(t, &page.in, NULL, &err), -12);
    assert_non_null(strstr(err.text, "install a newer one"));
    assert_true(trommel_submit(t, &page.in, NULL, (trommel_error *)&small) < 0);
    assert_int_equal(strlen(small.text), sizeof small.text - 1); /* cut at its end */
    page.in = page_of("older", story);
    page.in.deadline_ms = 1; /* behind the end of the older struct */
    page.in.struct_size = offsetof(trommel_input, deadline_ms);
    pid_t pid = worker_pid();
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(trommel_submit(t, &page.in, NULL, &err), 0);
    uint64_t until = clock_mono_ms() + 3;
    while (clock_mono_ms() < until)
        trommel_dispatch(t, 1, NULL);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    assert_int_equal(kept.outcome[kept_at("older")], TROMMEL_OUT_OK);
    trommel_close(t);

    newer.more[0] = 1;
    assert_int_equal(trommel_open(&newer.opt, &t, &err), -12);
    trommel_options old = options(1);
    old.struct_size = offsetof(trommel_options, chain);
    old.out = "none://never/read";
    t = pipeline_with(&old);
    trommel_close(t);
    old.queue = 1u << 21;
    old.struct_size = sizeof old;
    assert_int_equal(trommel_open(&old, &t, &err), -3);
    assert_non_null(strstr(err.text, "queue: 2097152 pages are over the limit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_over_its_deadline_has_one_record_that_says_so),
        cmocka_unit_test(test_a_deadline_holds_in_the_queue_and_in_order),
        cmocka_unit_test(test_closing_ends_late_pages_too),
        cmocka_unit_test(test_a_body_by_reference_is_given_back_once_before_its_record),
        cmocka_unit_test(test_closing_gives_bodies_back),
        cmocka_unit_test(test_room_is_what_can_be_submitted),
        cmocka_unit_test(test_bytes_have_a_limit_too),
        cmocka_unit_test(test_records_come_one_by_one_without_a_callback),
        cmocka_unit_test(test_a_chain_is_made_in_code),
        cmocka_unit_test(test_what_is_wrong_with_a_chain_in_code_is_named),
        cmocka_unit_test(test_older_and_newer_structs_are_taken),
    };

    return cmocka_run_group_tests(tests, places, forget);
}
