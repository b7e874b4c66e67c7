/* The sandbox from both of its sides: how workers stand in it, what gets past it and what does not, and what
 * the host says.  The matrix of acts and moments is in e2e/51-sandbox.sh. */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/chain/built.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "chain/pool.h"
#include "chain/sandbox_own.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
enum { WAIT_MS = 300000 };

/* Builds with a sanitizer run outside: what is inside cannot be tested there. */
#define NEEDS_SANDBOX()                                                                                      \
    do {                                                                                                     \
        (void)state;                                                                                         \
        if (SANITIZED)                                                                                       \
            skip();                                                                                          \
    } while (0)

/* ---- a worker with one stage, one page ---- */

struct seen {
    unsigned results;
    enum outcome outcome;
    int64_t signal;
    char reason[40], stage[80], message[900], log[4000];
};

static void text(char *to, size_t n, trommel_str s)
{
    snprintf(to, n, "%.*s", (int)s.n, s.n ? s.p : "");
}

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct seen *seen = arg;
    struct mp_value v;

    (void)user;
    seen->results++;
    seen->outcome = r->outcome;
    text(seen->reason, sizeof seen->reason, r->reason);
    text(seen->stage, sizeof seen->stage, r->stage);
    text(seen->message, sizeof seen->message, record_get_str(r->record.p, r->record.n, "error.message"));
    if (!record_get(r->record.p, r->record.n, "error.signal", &v))
        seen->signal = v.u.i;
}

static void on_log(void *arg, int level, const char *line)
{
    struct seen *seen = arg;
    size_t n = strlen(seen->log);

    snprintf(seen->log + n, sizeof seen->log - n, "%d: %s\n", level, line);
}

static int open_pool(struct seen *seen, const char *stage, unsigned flags, const char *const *sets,
                     struct pool **ret, struct err *err)
{
    struct chain_config c = { 0 };
    char *worker = built("trommel-worker");
    struct pool_options opt = { .workers = 1,
                                .worker_path = worker,
                                .worker_bytes = 200u << 20,
                                .flags = flags,
                                .on_result = on_result,
                                .on_log = on_log,
                                .arg = seen };
    int rc = 0;

    *ret = NULL;
    c.items = calloc(1, sizeof *c.items);
    c.items[c.n_items++].ref = built(stage);
    for (; sets && *sets && !rc; sets++)
        rc = chain_config_set(&c, *sets, err);
    rc = rc ? rc : chain_config_find(&c, "/nonexistent", err);
    rc = rc ? rc : pool_open(&opt, &c, ret, err);
    chain_config_release(&c);
    free(worker);
    return rc;
}

static void submit(struct pool *p)
{
    struct pool_page page = { .head = { .status = 200, .fetched_ms = 1764000000000 },
                              .content_type = { "text/html", 9 },
                              .body = { "<p>A page with a MARK", 21 } };

    assert_int_equal(pool_submit(p, &page, NULL), 0);
}

static void drain(struct pool *p)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;
    struct err err = { 0 };

    while (pool_pending(p)) {
        if (pool_dispatch(p, 1000, &err) < 0)
            fail_msg("%s", err.text);
        if (clock_mono_ms() > until)
            fail_msg("the page does not come back");
    }
}

/* One page, on which the stage tries `what`. */
static struct seen in_process(const char *what)
{
    char set[80];
    const char *const sets[] = { set, "violate.when=process", NULL };
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    snprintf(set, sizeof set, "violate.what=%s", what);
    if (open_pool(&seen, "test/plugin/violate.so", 0, sets, &p, &err))
        fail_msg("%s", err.text);
    submit(p);
    drain(p);
    pool_close(p);
    assert_int_equal(seen.results, 1);
    assert_int_equal(seen.outcome, OUTCOME_QUARANTINED);
    assert_string_equal(seen.stage, "violate");
    return seen;
}

static void expect(const char *what, const char *reason, const char *part)
{
    struct seen seen = in_process(what);

    if (strcmp(seen.reason, reason) || !strstr(seen.message, part) ||
        (!strcmp(reason, "sandbox") && seen.signal != SIGSYS))
        fail_msg("%s: %s, signal %d: %s", what, seen.reason, (int)seen.signal, seen.message);
}

static void expect_when_configured(const char *what, const char *part)
{
    char set[80];
    const char *const sets[] = { set, "violate.when=configure", NULL };
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;
    int rc;

    snprintf(set, sizeof set, "violate.what=%s", what);
    rc = open_pool(&seen, "test/plugin/violate.so", 0, sets, &p, &err);
    if (rc != ERR_REFUSED || !strstr(err.text, part) || !strstr(err.text, "violate.so"))
        fail_msg("%s: %d: %s", what, rc, err.text);
    assert_null(p);
}

/* ---- tests ---- */

static void another_act_is_let_or_not_named(void **state)
{
    NEEDS_SANDBOX();
    expect("cookie-write", "sandbox", "tried to write a file (openat /");
    expect("mkdir", "sandbox", "tried to create, change or remove a file (mkdir /");
    expect("unlink", "sandbox", "tried to create, change or remove a file (unlink /");
    expect("thread", "sandbox", "tried to start a thread (clone3)");
    expect("system", "sandbox", "tried to start a process (clone");
    expect("setown", "sandbox", "(fcntl)");
    expect("limit", "sandbox", "(prlimit64)");
    expect("stat", "sandbox", "tried to look for a file while pages run (newfstatat /etc/passwd)");
    expect("cookie-read", "sandbox", "tried to open a file while pages run (openat /etc/passwd)");
    expect("wild-path", "sandbox", "tried to write a file (openat)");
    expect_when_configured("cookie-write", "tried to write a file (openat /");
    expect_when_configured("thread", "tried to start a thread (clone3)");
    expect_when_configured("wild-path", "tried to write a file (openat)");
}

static void the_handler_can_be_taken_away(void **state)
{
    NEEDS_SANDBOX();
    expect("handler", "sandbox", "tried to take the handler of SIGSYS (rt_sigaction)");
    expect("handler-high-bits", "sandbox", "tried to take the handler of SIGSYS (rt_sigaction)");
    expect("blocked", "sandbox", "tried to open a socket (socket)"); /* it is not blocked for all that */
    expect("cookie-blocked", "sandbox", "which one is not told");
#if defined(__x86_64__)
    expect("32-bit", "sandbox", "which one is not told");
#endif
    expect_when_configured("handler", "tried to take the handler of SIGSYS");
    expect_when_configured("cookie-blocked", "which one is not told");
}

static void memory_becomes_code_while_pages_run(void **state)
{
    NEEDS_SANDBOX();
    expect("code", "sandbox", "tried to make memory executable while pages run (mmap)");
    expect("late-code", "sandbox", "tried to make memory executable while pages run (mprotect)");
    expect_when_configured("code", "let: 0"); /* compilers are welcome there */
}

static void what_is_harmless_is_refused(void **state)
{
    NEEDS_SANDBOX();
    expect("libc", "was_let", "let: 0");
    expect("mask", "was_let", "let: 0");
    expect_when_configured("stat", "let: 0");
    expect_when_configured("absent", "let: 0");
    expect_when_configured("beside", "let: 0");
    expect_when_configured("files", "let: 0");
    expect_when_configured("mask", "let: 0");
}

static void want_of_memory_is_told_as_a_crash(void **state)
{
    NEEDS_SANDBOX();
    expect("memory", "out_of_memory", "memory was refused to it");
    expect("huge", "out_of_memory", "memory was refused to it");
    expect_when_configured("huge", "memory was refused to it");
}

/* The number behind the key in a file of /proc; -1: none. */
static long number_in(const char *path, const char *key)
{
    FILE *f = fopen(path, "r");
    char line[256];
    long value = -1;

    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *at = line + strlen(key), *end;
        if (strncmp(line, key, strlen(key)))
            continue;
        value = strtol(at, &end, 10);
        value = end == at ? -1 : value;
    }
    fclose(f);
    return value;
}

/* The same in a file of the one child there is. */
static long child_number(const char *file, const char *key)
{
    char path[64];
    long child = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld", &child), 1);
    fclose(f);
    snprintf(path, sizeof path, "/proc/%ld/%s", child, file);
    return number_in(path, key);
}

/* Filters that the child has and we have not: a container may have its own.  Linux before 5.9 does not tell.
 */
static void expect_filters(long want)
{
    long got = child_number("status", "Seccomp_filters:");

    if (got >= 0)
        assert_int_equal(got, number_in("/proc/self/status", "Seccomp_filters:") + want);
}

static void a_worker_serves_outside(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    NEEDS_SANDBOX();
    if (open_pool(&seen, "test/plugin/violate.so", 0, NULL, &p, &err))
        fail_msg("%s", err.text);
    assert_int_equal(child_number("status", "NoNewPrivs:"), 1);
    assert_int_equal(child_number("status", "Seccomp:"), 2); /* filtered */
    expect_filters(2);
    submit(p);
    drain(p);
    assert_int_equal(seen.outcome, OUTCOME_OK);
    assert_string_equal(seen.log, strstr(seen.log, "Landlock") ? seen.log : "");
    pool_close(p);
}

static void a_limit_is_not_set(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    NEEDS_SANDBOX();
    if (open_pool(&seen, "test/plugin/violate.so", 0, NULL, &p, &err))
        fail_msg("%s", err.text);
    assert_int_equal(child_number("limits", "Max cpu time"), -1); /* the first page sets it */
    submit(p);
    drain(p);
    assert_in_range(child_number("limits", "Max cpu time"), 60, 200);
    assert_int_equal(child_number("limits", "Max file size"), 0);
    assert_int_equal(child_number("limits", "Max core file size"), 0);
    assert_int_equal(child_number("limits", "Max address space"), 200 << 20);
    assert_in_range(child_number("limits", "Max open files"), 4, 20);
    pool_close(p);
}

static void being_outside_is_not_said(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    setenv("TROMMEL_SANDBOX", "off", 1);
    if (open_pool(&seen, "test/plugin/violate.so", 0, NULL, &p, &err))
        fail_msg("%s", err.text);
    unsetenv("TROMMEL_SANDBOX");
    assert_string_equal(seen.log,
                        "1: workers run outside the sandbox: TROMMEL_SANDBOX=off is in the environment\n");
    expect_filters(0);
    pool_close(p);
}

static void a_stage_gets_the_network_unasked(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    assert_int_equal(open_pool(&seen, "test/plugin/network.so", 0, NULL, &p, &err), ERR_REFUSED);
    assert_non_null(strstr(err.text, "network.so: stage `network` declares"));
    assert_non_null(strstr(err.text, "--allow-network-stages"));
    if (open_pool(&seen, "test/plugin/network.so", POOL_GEN_NETWORK, NULL, &p, &err))
        fail_msg("%s", err.text);
    submit(p);
    drain(p);
    assert_int_equal(seen.outcome, OUTCOME_OK);
    if (!SANITIZED)
        assert_non_null(strstr(seen.log, "1: workers run outside the sandbox, with all stages of the chain: "
                                         "`network` declares"));
    pool_close(p);
}

/* ---- its parts ---- */

static void a_neighbour_is_held_for_inside(void **state)
{
    struct paths p = { .real = (char *[]){ "/usr/lib", "/etc/localtime" }, .n = 2 };

    (void)state;
    assert_true(paths_hold(&p, "/usr/lib"));
    assert_true(paths_hold(&p, "/usr/lib/x/y.so"));
    assert_true(paths_hold(&p, "/etc/localtime"));
    assert_false(paths_hold(&p, "/usr/library"));
    assert_false(paths_hold(&p, "/usr"));
    assert_false(paths_hold(&p, "/etc/passwd"));
    assert_false(paths_hold(&p, ""));
}

/* What a chain of one file there may read. */
static struct paths paths_of(const char *file, const char *value)
{
    struct chain_item item = { .path = (char *)(uintptr_t)file };
    struct chain_set set = { .value = (char *)(uintptr_t)value, .dir = (char *)(uintptr_t) "/" };
    struct chain_config c = { .items = &item, .sets = &set, .n_items = 1, .n_sets = value ? 1 : 0 };
    struct paths p;

    assert_int_equal(paths_make(&p, &c), 0);
    return p;
}

static void a_chain_may_read_too_much(void **state)
{
    char dir[] = "/tmp/trommel-sandbox-XXXXXX", file[64], real[PATH_MAX], beside[PATH_MAX + 16];
    struct paths p;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_non_null(realpath(dir, real));
    snprintf(file, sizeof file, "%s/x.so", dir);
    snprintf(beside, sizeof beside, "%s/beside", real);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    p = paths_of(file, NULL);
    assert_true(paths_hold(&p, beside));
    paths_release(&p);

    assert_int_equal(chmod(dir, 01777), 0); /* where everybody leaves files */
    p = paths_of(file, NULL);
    assert_false(paths_hold(&p, beside));
    snprintf(beside, sizeof beside, "%s/x.so", real);
    assert_true(paths_hold(&p, beside));
    paths_release(&p);

    assert_int_equal(chmod(dir, 0700), 0);
    setenv("HOME", dir, 1);
    p = paths_of(file, "etc"); /* as an option's value */
    snprintf(beside, sizeof beside, "%s/beside", real);
    assert_false(paths_hold(&p, beside));
    assert_true(paths_hold(&p, "/etc/passwd"));
    paths_release(&p);

    p = paths_of(file, "/"); /* all there is, is nobody's own */
    assert_false(paths_hold(&p, "/etc/passwd"));
    paths_release(&p);
    unlink(file);
    rmdir(dir);
}

/* Landlock alone, in a child: what it forbids, it forbids without the handler. */
static void landlock_lets_strangers_read(void **state)
{
    int status;
    pid_t child;

    (void)state;
    child = fork();
    if (child == 0) {
        struct paths p = { .real = (char *[]){ "/etc/localtime", "/usr/share" }, .n = 2 };
        int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -1 : paths_lock(&p);
        if (rc == 1)
            _exit(77);
        if (rc || open("/etc/passwd", O_RDONLY) >= 0 || open("/usr/share", O_RDONLY | O_DIRECTORY) < 0 ||
            open("/tmp/trommel-landlock", O_CREAT | O_WRONLY, 0600) >= 0)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        return; /* this kernel has none */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_hostile_note_does_harm(void **state)
{
    struct sandbox_note raw, note;
    char said[900];

    (void)state;
    memset(&raw, 0xff, sizeof raw);
    sandbox_note_read(&raw, &note);
    assert_int_equal(note.act, SANDBOX_OTHER);
    assert_true(strlen(note.path) < sizeof note.path);
    assert_true(strlen(note.stage) < sizeof note.stage);
    assert_int_equal(strspn(note.path, "?"), strlen(note.path));
    sandbox_tell(&note, said, sizeof said);
    assert_non_null(strstr(said, "of an unknown number"));

    raw = (struct sandbox_note){ .act = SANDBOX_READ, .nr = SYS_openat, .path = "/a\x1b[31mb" };
    sandbox_note_read(&raw, &note);
    sandbox_tell(&note, said, sizeof said);
    assert_non_null(strstr(said, "it tried to read a file that is not its own (openat /a?[31mb), which"));
    sandbox_tell(&note, said, 20);
    assert_int_equal(strlen(said), 19);
}

static void an_act_is_without_words(void **state)
{
    struct sandbox_note note = { .nr = SYS_getpid };
    char said[900];

    (void)state;
    for (note.act = SANDBOX_NONE + 1; note.act < SANDBOX_ACTS; note.act++) {
        const char *mend;
        sandbox_tell(&note, said, sizeof said);
        mend = strstr(said, "(getpid), which the sandbox forbids: ");
        if (strncmp(said, "it tried to ", 12) || said[12] == '(' || !mend || !strchr(mend, ':')[2])
            fail_msg("act %u: %s", note.act, said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_act_is_let_or_not_named),
        cmocka_unit_test(the_handler_can_be_taken_away),
        cmocka_unit_test(memory_becomes_code_while_pages_run),
        cmocka_unit_test(what_is_harmless_is_refused),
        cmocka_unit_test(want_of_memory_is_told_as_a_crash),
        cmocka_unit_test(a_worker_serves_outside),
        cmocka_unit_test(a_limit_is_not_set),
        cmocka_unit_test(being_outside_is_not_said),
        cmocka_unit_test(a_stage_gets_the_network_unasked),
        cmocka_unit_test(a_neighbour_is_held_for_inside),
        cmocka_unit_test(a_chain_may_read_too_much),
        cmocka_unit_test(landlock_lets_strangers_read),
        cmocka_unit_test(a_hostile_note_does_harm),
        cmocka_unit_test(an_act_is_without_words),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
