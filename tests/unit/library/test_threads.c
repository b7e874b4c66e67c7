/* The library from many threads: fails when a page is lost or comes twice, when two threads are let into what
 * is for one, when a callback is called with a lock held, or when somebody waits for ever.  ThreadSanitizer
 * runs it, too. */
#include "tests/unit/library/rig.h"

#include "base/clock.h"

enum { THREADS = 8, PAGES = 40 };

static struct {
    trommel *t;
    unsigned char times[THREADS * PAGES]; /* that a page's record came; of whoever dispatches */
    size_t came;
    int is_over; /* atomic: all have submitted */
} many;

static void on_many(void *arg, void *user, const trommel_result *r)
{
    size_t i = (size_t)(uintptr_t)user;

    assert_true(i < THREADS * PAGES);
    assert_int_equal(r->outcome, TROMMEL_OUT_OK);
    many.times[i]++;
    many.came++;
    trommel_room(many.t); /* no lock is held here */
    trommel_pending(many.t);
}

static trommel_input many_page(char id[16], size_t i)
{
    snprintf(id, 16, "%zu", i);
    return page_of(id, story);
}

static void *submit_many(void *arg)
{
    size_t from = (size_t)(uintptr_t)arg * PAGES;
    trommel_error err = { .struct_size = sizeof err };
    char id[16];

    for (size_t i = from; i < from + PAGES; i++) {
        trommel_input in = many_page(id, i);
        int rc = i % 2 ? trommel_submit_wait(many.t, &in, (void *)(uintptr_t)i, -1, &err)
                       : trommel_submit(many.t, &in, (void *)(uintptr_t)i, &err);
        if (rc == TROMMEL_FULL && i % 2 == 0)
            rc = trommel_submit_wait(many.t, &in, (void *)(uintptr_t)i, -1, &err);
        if (rc)
            return strdup(err.text);
    }
    return NULL;
}

static void many_open(void)
{
    trommel_options opt = options(2);

    opt.on_record = on_many;
    opt.queue = 1;
    memset(&many, 0, sizeof many);
    many.t = pipeline_with(&opt);
}

static void threads_start(pthread_t *threads)
{
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, (void *)i), 0);
}

static void threads_join(pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        pthread_join(threads[i], &failure);
        if (failure)
            fail_msg("%s", (char *)failure);
    }
}

static void many_close(void)
{
    assert_int_equal(trommel_flush(many.t, -1, NULL), 0);
    assert_int_equal(many.came, THREADS * PAGES);
    for (size_t i = 0; i < THREADS * PAGES; i++)
        assert_int_equal(many.times[i], 1);
    trommel_close(many.t);
}

static void *dispatch_many(void *arg)
{
    int rc = 0;

    while (!__atomic_load_n(&many.is_over, __ATOMIC_ACQUIRE) && (rc >= 0 || rc == TROMMEL_AGAIN))
        rc = trommel_dispatch(many.t, 20, NULL);
    return (void *)(intptr_t)(rc >= 0 || rc == TROMMEL_AGAIN ? 0 : rc);
}

static void test_pages_of_eight_threads_come_once_while_one_dispatches(void **state)
{
    pthread_t threads[THREADS], dispatcher;
    void *rc;

    many_open();
    assert_int_equal(pthread_create(&dispatcher, NULL, dispatch_many, NULL), 0);
    threads_start(threads);
    threads_join(threads);
    __atomic_store_n(&many.is_over, 1, __ATOMIC_RELEASE);
    pthread_join(dispatcher, &rc);
    assert_null(rc);
    many_close();
}

static void test_who_waits_dispatches_where_nobody_does(void **state)
{
    pthread_t threads[THREADS];

    many_open();
    threads_start(threads);
    threads_join(threads);
    many_close();
}

/* ---- a pipeline each ---- */

static void on_own(void *arg, void *user, const trommel_result *r)
{
    ++*(size_t *)arg;
}

static void *pipeline_of_own(void *arg)
{
    size_t came = 0;
    trommel_options opt = options(1);
    trommel_error err = { .struct_size = sizeof err };
    trommel *t = NULL;
    char id[16];

    opt.on_record = on_own;
    opt.on_log = NULL;
    opt.arg = &came;
    opt.out = "null:";
    int rc = trommel_open(&opt, &t, &err);
    for (size_t i = 0; i < PAGES && rc == 0; i++) {
        trommel_input in = many_page(id, i);
        rc = trommel_submit_wait(t, &in, NULL, -1, &err);
    }
    if (rc == 0)
        rc = trommel_flush(t, -1, &err);
    trommel_close(t);
    return rc < 0 ? strdup(err.text) : came == PAGES ? NULL : strdup("records are missing");
}

static void test_eight_pipelines_in_eight_threads_do_not_meet(void **state)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pipeline_of_own, NULL), 0);
    threads_join(threads);
}

/* ---- one thread at a time ---- */

static trommel *busy;

static void on_busy(void *arg, void *user, const trommel_result *r)
{
    trommel_input in = page_of("more", story);
    trommel_result other = { .struct_size = sizeof other };
    trommel_error err = { .struct_size = sizeof err };
    int rc;

    keep(r);
    assert_int_equal(trommel_dispatch(busy, 0, NULL), TROMMEL_BUSY);
    assert_int_equal(trommel_flush(busy, -1, &err), TROMMEL_BUSY);
    assert_string_equal(err.text, "another thread is in it");
    assert_int_equal(trommel_next(busy, 0, &other, NULL), -14); /* with on_record never */
    while (kept.n == 1 && (rc = trommel_submit_wait(busy, &in, NULL, -1, NULL)) != TROMMEL_FULL)
        assert_int_equal(rc, 0); /* within a callback it does not wait */
}

static void test_a_callback_is_not_let_into_dispatch(void **state)
{
    trommel_options opt = options(1);
    trommel_input in = page_of("first", story);

    opt.on_record = on_busy;
    opt.queue = 1;
    busy = pipeline_with(&opt);
    assert_int_equal(trommel_submit(busy, &in, NULL, NULL), 0);
    assert_int_equal(trommel_flush(busy, -1, NULL), 0);
    assert_int_equal(kept.n, 18); /* 16 at the worker, one behind them */
    trommel_close(busy);
}

static void *submit_waiting(void *arg)
{
    trommel_input in = page_of("waited", story);

    return (void *)(intptr_t)trommel_submit_wait(busy, &in, NULL, -1, NULL);
}

/* It is at its work when the other asks, or has not begun, or is through: whichever, both get on. */
static void test_who_dispatches_takes_over_from_who_waits(void **state)
{
    trommel_options opt = options(1);
    trommel_input in = page_of("first", story);
    pthread_t waiter;
    void *rc;

    opt.queue = 1;
    for (int round = 0; round < 20; round++) {
        busy = pipeline_with(&opt);
        while (trommel_submit(busy, &in, NULL, NULL) == 0)
            ;
        assert_int_equal(pthread_create(&waiter, NULL, submit_waiting, NULL), 0);
        while (trommel_pending(busy)) {
            int n = trommel_dispatch(busy, round % 3, NULL);
            assert_true(n > 0 || n == TROMMEL_AGAIN);
        }
        pthread_join(waiter, &rc);
        assert_null(rc);
        assert_int_equal(trommel_flush(busy, -1, NULL), 0);
        assert_int_equal(kept.n, 18);
        trommel_close(busy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_of_eight_threads_come_once_while_one_dispatches),
        cmocka_unit_test(test_who_waits_dispatches_where_nobody_does),
        cmocka_unit_test(test_eight_pipelines_in_eight_threads_do_not_meet),
        cmocka_unit_test(test_a_callback_is_not_let_into_dispatch),
        cmocka_unit_test(test_who_dispatches_takes_over_from_who_waits),
    };

    return cmocka_run_group_tests(tests, places, forget);
}
