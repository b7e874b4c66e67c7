/* The library's life: fails when anything is left of pipelines that were opened and closed (descriptors,
 * processes, threads, memory, files), or when a host's signals are touched. */
#include "tests/unit/library/rig.h"

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/effort.h"

#if defined(__SANITIZE_ADDRESS__)
enum { ROUNDS = 40 };
#else
enum { ROUNDS = 1000 };
#endif

static char tmp[] = "/tmp/trommel-life-XXXXXX";

static size_t count_in(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static struct left {
    size_t fds, threads, files, bytes;
} look(void)
{
    struct left l = { count_in("/proc/self/fd"), count_in("/proc/self/task"), count_in(tmp), 0 };

    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child, not even one that is gone */
    l.bytes = mallinfo2().uordblks;
    return l;
}

static void round_once(unsigned i)
{
    static const trommel_stage_ref none[1];
    trommel_options opt = options(1);
    trommel_input in = page_of("p", "<p>One page.");

    opt.config = NULL;
    opt.chain = none;
    opt.out = i % 2 ? NULL : "null:";
    trommel *t = pipeline_with(&opt);
    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    if (i % 4 == 0) /* a quarter is closed with the page on its way */
        assert_int_equal(trommel_flush(t, -1, NULL), 0);
    if (i % 100 == 0)
        trommel_free(trommel_chain_json(t));
    trommel_close(t);
    kept_clear();
}

static void test_nothing_is_left_of_a_thousand_pipelines(void **state)
{
    for (unsigned i = 0; i < 100; i += 4) /* what is made once in a process is there then */
        round_once(i);
    struct left before = look();
    for (unsigned i = 0; i < effort(ROUNDS); i++)
        round_once(i);
    struct left after = look();
    assert_int_equal(after.fds, before.fds);
    assert_int_equal(after.threads, before.threads);
    assert_int_equal(after.files, before.files);
    assert_in_range(after.bytes, 0, before.bytes + 16 * ROUNDS); /* the smallest block a round is 32 */
}

struct signals { /* what happens on each, as far as it can be asked for, and whether it is blocked */
    void (*handlers[NSIG])(int);
    int flags[NSIG], blocked[NSIG];
};

static void signals_are(struct signals *ret)
{
    sigset_t mask;

    memset(ret, 0, sizeof *ret);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int s = 1; s < NSIG; s++) {
        struct sigaction is = { 0 };
        sigaction(s, NULL, &is);
        ret->handlers[s] = is.sa_handler;
        ret->flags[s] = is.sa_flags;
        ret->blocked[s] = sigismember(&mask, s);
    }
}

static void test_signals_are_left_alone_and_nothing_is_printed(void **state)
{
    struct signals before, after;
    char out[PATH_MAX], printed[200] = "", dir[PATH_MAX];
    int old[2] = { dup(1), dup(2) };

    snprintf(out, sizeof out, "%s/printed", tmp);
    snprintf(dir, sizeof dir, "%s/records", tmp);
    assert_non_null(freopen(out, "w", stdout));
    assert_true(dup2(1, 2) == 2);
    signals_are(&before);
    trommel_options opt = options(1);
    opt.out = dir;
    opt.on_log = NULL;
    trommel *t = pipeline_with(&opt);
    trommel_input in = page_of("p", story);
    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    trommel_close(t);
    snprintf(dir, sizeof dir, "%.3000s/test/plugin/moody_sink.so:x?again=1", build);
    t = pipeline_with(&opt); /* says that it is in trouble */
    assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    trommel_close(t);
    signals_are(&after);
    fflush(stdout);
    dup2(old[0], 1);
    dup2(old[1], 2);
    close(old[0]);
    close(old[1]);
    assert_memory_equal(&before, &after, sizeof before);
    FILE *f = fopen(out, "r");
    assert_null(fgets(printed, sizeof printed, f));
    fclose(f);
}

/* A worker that dies while pages are written to it: SIGPIPE would end this process. */
static void test_a_dead_worker_is_no_signal_to_the_host(void **state)
{
    trommel_options opt = options(1);
    trommel_input in = page_of("p", story);
    char path[64], line[64];

    trommel *t = pipeline_with(&opt);
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    siginfo_t info;
    assert_int_equal(kill(atoi(line), SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)atoi(line), &info, WEXITED | WNOWAIT), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(trommel_submit(t, &in, NULL, NULL), 0);
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    assert_int_equal(kept.n, 10);
    trommel_close(t);
}

static int tmp_make(void **state)
{
    return mkdtemp(tmp) ? setenv("TMPDIR", tmp, 1) | places(state) : -1;
}

static int tmp_remove(void **state)
{
    char command[200];

    snprintf(command, sizeof command, "rm -rf %s", tmp);
    return system(command) | forget(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left_of_a_thousand_pipelines),
        cmocka_unit_test(test_signals_are_left_alone_and_nothing_is_printed),
        cmocka_unit_test(test_a_dead_worker_is_no_signal_to_the_host),
    };

    return cmocka_run_group_tests(tests, tmp_make, tmp_remove);
}
