/* The library over fork: fails when a child is let into its parent's pipeline, harms its workers or its
 * files, or keeps them alive. */
#include "tests/unit/library/rig.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

static size_t count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Runs it in a child; its status is what is returned. */
static int in_child(int (*fn)(void *), void *arg)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(fn(arg));
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define NEED(what)                                                                                           \
    do {                                                                                                     \
        if (!(what))                                                                                         \
            return __LINE__ % 250 + 1;                                                                       \
    } while (0)

static void no_release(void *user)
{
}

static int all_is_refused(void *arg)
{
    trommel *t = arg;
    trommel_input in = page_of("child", story);
    trommel_result r = { .struct_size = sizeof r };
    trommel_error err = { .struct_size = sizeof err };
    trommel_change change = { .struct_size = sizeof change, .kind = TROMMEL_CHANGE_ROLLBACK };

    NEED(trommel_submit(t, &in, NULL, &err) == TROMMEL_FORKED);
    NEED(strstr(err.text, "a child of the one that opened the pipeline"));
    NEED(trommel_submit_wait(t, &in, NULL, -1, &err) == TROMMEL_FORKED);
    NEED(trommel_submit_ref(t, &in, NULL, no_release, &err) == TROMMEL_FORKED);
    NEED(trommel_dispatch(t, -1, &err) == TROMMEL_FORKED);
    NEED(trommel_flush(t, -1, &err) == TROMMEL_FORKED);
    NEED(trommel_next(t, -1, &r, &err) == TROMMEL_FORKED);
    NEED(trommel_change_chain(t, &change, NULL, NULL, &err) == TROMMEL_FORKED);
    NEED(!trommel_chain_json(t) && !trommel_history_json(t));
    NEED(trommel_fd(t) == -1 && trommel_room(t) == 0 && trommel_pending(t) == 0);
    trommel_close(t);
    return 0;
}

/* One of its own works. */
static int own_pipeline(void *arg)
{
    trommel_options opt = options(1);
    trommel_input in = page_of("child", story);
    trommel_error err = { .struct_size = sizeof err };
    trommel *t;

    kept_clear();
    NEED(trommel_open(&opt, &t, &err) == 0);
    NEED(trommel_submit(t, &in, NULL, &err) == 0);
    NEED(trommel_flush(t, -1, &err) == 0);
    NEED(kept.n == 1 && kept.outcome[0] == TROMMEL_OUT_OK);
    trommel_close(t);
    trommel_close(arg);
    return 0;
}

static size_t fds_before; /* the pipeline was opened */

static int descriptors_are_gone(void *arg)
{
    trommel_close(arg);
    NEED(count_fds() <= fds_before);
    return 0;
}

static void parent_goes_on(trommel *t)
{
    trommel_input in = page_of("parent", story);

    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    assert_int_equal(kept.outcome[kept_at("parent")], TROMMEL_OUT_OK);
}

static void test_a_child_is_refused_and_leaves_the_parents_pipeline_alone(void **state)
{
    char log[] = "/tmp/trommel-fork-XXXXXX";
    trommel_options opt = options(2);
    trommel_input in = page_of("before", story);

    close(mkstemp(log));
    opt.dedupe_log = log;
    fds_before = count_fds();
    trommel *t = pipeline_with(&opt);
    trommel_free(trommel_chain_json(t));                     /* with a folder for its stages */
    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0); /* on its way while the child is there */
    assert_int_equal(in_child(all_is_refused, t), 0);
    assert_int_equal(in_child(own_pipeline, t), 0);
    assert_int_equal(in_child(descriptors_are_gone, t), 0);
    parent_goes_on(t);
    assert_int_equal(kept.n, 2);
    char *json = trommel_history_json(t);
    assert_non_null(json);
    trommel_free(json);
    trommel_close(t);
    unlink(log);
}

/* Others are in the middle of calls while it forks. */
static void *submit_much(void *arg)
{
    trommel_input in = page_of("much", story);

    for (int i = 0; i < 200; i++)
        if (trommel_submit_wait(arg, &in, NULL, -1, NULL) != 0)
            return "not taken";
    return NULL;
}

static void on_much(void *arg, void *user, const trommel_result *r)
{
}

static void test_a_fork_amid_calls_of_other_threads_is_safe(void **state)
{
    trommel_options opt = options(1);
    pthread_t threads[2];
    void *failed;

    opt.on_record = on_much;
    opt.out = "null:";
    trommel *t = pipeline_with(&opt);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_much, t), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(in_child(all_is_refused, t), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    trommel_close(t);
}

static int forked_to; /* the pipe's end that tells how the child ended */

static void on_record_fork(void *arg, void *user, const trommel_result *r)
{
    pid_t pid = fork();
    int status;

    keep(r);
    if (pid == 0) {
        forked_to = 1;
        return;
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_a_callback_that_forks_ends_in_both(void **state)
{
    trommel_options opt = options(1);
    trommel_input in = page_of("a", story);

    opt.on_record = on_record_fork;
    trommel *t = pipeline_with(&opt);
    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    int rc = trommel_flush(t, -1, NULL);
    if (forked_to) { /* this is the child */
        trommel_close(t);
        _exit(rc == TROMMEL_FORKED ? 7 : 1);
    }
    assert_int_equal(rc, 0);
    trommel_close(t);
}

/* A parent that is killed while its child lives: the child holds nothing that keeps a worker. */
static void test_workers_end_with_a_parent_whose_child_lives(void **state)
{
    int tells[2], stays[2], status;
    pid_t worker_of = 0, host;
    char c;

    assert_int_equal(pipe(tells) | pipe(stays), 0);
    host = fork();
    if (host == 0) {
        trommel *t = pipeline(1);
        char path[64], line[64] = "";
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        FILE *f = fopen(path, "r");
        if (!f || !fgets(line, sizeof line, f))
            _exit(1);
        worker_of = atoi(line);
        if (fork() == 0) { /* outlives its parent, with the pipeline not closed */
            close(tells[1]);
            close(stays[1]);
            (void)!read(stays[0], &c, 1);
            _exit(0);
        }
        (void)!write(tells[1], &worker_of, sizeof worker_of);
        (void)t;
        raise(SIGKILL);
    }
    close(tells[1]);
    close(stays[0]);
    assert_int_equal(read(tells[0], &worker_of, sizeof worker_of), sizeof worker_of);
    assert_int_equal(waitpid(host, &status, 0), host);
    while (kill(worker_of, 0) == 0) { /* for ever, if the child held it: the test would time out */
        char path[64], line[300] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", (int)worker_of);
        FILE *f = fopen(path, "r");
        if (!f || !fgets(line, sizeof line, f) || strstr(line, ") Z ")) {
            if (f)
                fclose(f);
            break; /* nobody has reaped it yet */
        }
        fclose(f);
        sched_yield();
    }
    close(stays[1]);
    close(tells[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_is_refused_and_leaves_the_parents_pipeline_alone),
        cmocka_unit_test(test_a_fork_amid_calls_of_other_threads_is_safe),
        cmocka_unit_test(test_a_callback_that_forks_ends_in_both),
        cmocka_unit_test(test_workers_end_with_a_parent_whose_child_lives),
    };

    return cmocka_run_group_tests(tests, places, forget);
}
