/* The pool with real workers: good pages among those that crash, loop, eat memory and lie. */
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "chain/pool.h"

#include "built.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
enum { PAGES_MAX = 600, WAIT_MS = 300000 };

/* ---- what came ---- */

struct got {
    unsigned times;
    enum outcome outcome;
    int retry;
    char reason[80], stage[80], title[80], url[200], message[400];
    int64_t signal;
    size_t links;
};
struct seen {
    struct got pages[PAGES_MAX];
    unsigned results, logs;
    char log[4000];
    struct pool *resubmit; /* submits page `next` from inside the callback */
    unsigned next;
};

static void copy(char *to, size_t n, trommel_str s)
{
    snprintf(to, n, "%.*s", (int)s.n, s.n ? s.p : "");
}

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct seen *seen = arg;
    struct got *g = &seen->pages[(uintptr_t)user];
    struct err why = { 0 };
    struct mp_value v;

    g->times++;
    seen->results++;
    g->outcome = r->outcome;
    g->retry = r->retry;
    copy(g->reason, sizeof g->reason, r->reason);
    copy(g->stage, sizeof g->stage, r->stage);
    if (record_check(r->record.p, r->record.n, &why))
        fail_msg("page %zu: %s", (size_t)(uintptr_t)user, why.text);
    copy(g->title, sizeof g->title, record_get_str(r->record.p, r->record.n, "meta.title"));
    copy(g->url, sizeof g->url, record_get_str(r->record.p, r->record.n, "url"));
    copy(g->message, sizeof g->message, record_get_str(r->record.p, r->record.n, "error.message"));
    if (!record_get(r->record.p, r->record.n, "error.signal", &v))
        g->signal = v.u.i;
    if (!record_get(r->record.p, r->record.n, "links", &v))
        g->links = v.u.n;
}

static void on_log(void *arg, int level, const char *line)
{
    struct seen *seen = arg;

    (void)level;
    seen->logs++;
    if (strlen(seen->log) + strlen(line) + 2 < sizeof seen->log)
        strcat(strcat(seen->log, line), "\n");
}

/* ---- places ---- */

/* Opens a pool over these stages (paths in the build folder, NULL at the end) and options. */
static int open_pool(struct seen *seen, unsigned workers, const char *const *stages, const char *set,
                     struct pool **ret, struct err *err)
{
    struct chain_config c = { 0 };
    char *worker = built("trommel-worker");
    struct pool_options opt = {
        .workers = workers,
        .worker_path = worker,
        .page_ms = 2000,
        .stage_ms = 300,
        .worker_bytes = 160u << 20,
        .on_result = on_result,
        .on_log = on_log,
        .arg = seen,
    };
    int rc = 0;

    *ret = NULL;
    c.items = calloc(8, sizeof *c.items);
    for (; stages[c.n_items]; c.n_items++)
        c.items[c.n_items].ref = built(stages[c.n_items]);
    if (set)
        rc = chain_config_set(&c, set, err);
    rc = rc ? rc : chain_config_find(&c, "/nonexistent", err);
    if (rc)
        chain_config_release(&c);
    else
        rc = pool_open(&opt, &c, ret, err);
    assert_null(c.items);
    free(worker);
    return rc;
}

static const char *const bad_chain[] = { "test/plugin/bad.so", NULL };
static const char *const no_chain[] = { NULL };

static int submit(struct pool *p, unsigned i, const char *mark)
{
    char url[100], html[600];
    struct pool_page page = { .head = { .status = 200, .fetched_ms = 1764000000000 } };
    int n =
        snprintf(html, sizeof html,
                 "<html><head><title>Page %u</title></head><body><p>Text %u %s</p><a href='/link/%u'>next</a>"
                 "</body></html>",
                 i, i, mark, i);

    page.body = (trommel_str){ html, (size_t)n };
    page.head.url = page.head.final_url =
        (trommel_str){ url, (size_t)snprintf(url, sizeof url, "http://t.test/%u", i) };
    page.content_type = (trommel_str){ "text/html; charset=utf-8", 24 };
    memcpy(page.head.id, &i, sizeof i);
    return pool_submit(p, &page, (void *)(uintptr_t)i);
}

static void submit_wait(struct pool *p, unsigned i, const char *mark)
{
    struct err err = { 0 };
    int rc;

    while ((rc = submit(p, i, mark)) == ERR_FULL)
        if (pool_dispatch(p, WAIT_MS, &err) < 0)
            fail_msg("%s", err.text);
    assert_int_equal(rc, 0);
}

static void drain(struct pool *p)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;
    struct err err = { 0 };

    while (pool_pending(p)) {
        if (pool_dispatch(p, 1000, &err) < 0)
            fail_msg("%s", err.text);
        if (clock_mono_ms() > until)
            fail_msg("pages are missing");
    }
}

static void check_good(const struct seen *seen, unsigned i)
{
    const struct got *g = &seen->pages[i];
    char title[40], url[60];

    snprintf(title, sizeof title, "Page %u", i);
    snprintf(url, sizeof url, "http://t.test/%u", i);
    if (g->times != 1 || g->outcome != OUTCOME_OK || strcmp(g->title, title) || strcmp(g->url, url) ||
        g->links != 1)
        fail_msg("page %u: %u times, outcome %s, reason %s, title `%s`, url `%s`, %zu links: %s", i, g->times,
                 outcome_name(g->outcome), g->reason, g->title, g->url, g->links, g->message);
}

/* ---- tests ---- */

static void an_empty_chain_gives_no_links(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    assert_int_equal(open_pool(&seen, 1, no_chain, NULL, &p, &err), 0);
    submit_wait(p, 3, "");
    drain(p);
    assert_int_equal(seen.pages[3].times, 1);
    assert_int_equal(seen.pages[3].outcome, OUTCOME_OK);
    assert_int_equal(seen.pages[3].links, 1);
    assert_int_equal(strlen(pool_chain(p).hash), 32);
    assert_true(pool_cpu_us(p) > 0);
    pool_close(p);
}

static const struct bad {
    unsigned page;
    const char *mark, *reason;
    int signal;
} bads[] = {
    { 17, "MARK-NULL", "crash", SIGSEGV },   { 30, "MARK-LOOP", "timeout", 0 },
    { 43, "MARK-ALLOC", NULL, 0 },           { 60, "MARK-VERDICT", "bad_verdict", 0 },
    { 75, "MARK-SCRIBBLE", "*", 0 },         { 90, "MARK-EXIT", "crash", 0 },
    { 105, "MARK-CLOSE", "crash", 0 },       { 120, "MARK-TALK", "protocol", 0 },
    { 135, "MARK-FATAL", "broken_page", 0 }, { 150, "MARK-ERROR", "broken_page", 0 },
    { 151, "MARK-NULL", "crash", SIGSEGV },  { 152, "MARK-NULL", "crash", SIGSEGV },
    { 160, "MARK-FORGE", "protocol", 0 },    { 162, "MARK-LIE", "protocol", 0 },
    { 164, "MARK-THIN", "protocol", 0 },
    { 165, "MARK-STOP", "timeout", 0 },      { 180, "MARK-SLEEP", "timeout", 0 },
};
enum { BADS = sizeof bads / sizeof bads[0] };

static const struct bad *bad_of(unsigned i)
{
    for (unsigned k = 0; k < BADS; k++)
        if (bads[k].page == i && (bads[k].reason || !SANITIZED))
            return &bads[k];
    return NULL;
}

static void one_bad_page_harms_another(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    if (open_pool(seen, 2, bad_chain, NULL, &p, &err))
        fail_msg("%s", err.text);
    for (unsigned i = 0; i < 200; i++)
        submit_wait(p, i, bad_of(i) ? bad_of(i)->mark : "");
    drain(p);
    for (unsigned i = 0; i < 200; i++) {
        const struct bad *b = bad_of(i);
        const struct got *g = &seen->pages[i];
        if (!b) {
            check_good(seen, i);
            continue;
        }
        assert_int_equal(g->times, 1);
        if (b->reason && !strcmp(b->reason, "*"))
            continue;
        /* A damaged channel is seen some time later: the worker may be elsewhere by then. */
        int late = strstr("MARK-TALK MARK-CLOSE MARK-FORGE MARK-LIE MARK-THIN", b->mark) != NULL;
        int named = !strcmp(g->stage, "bad") || (late && strstr("record worker", g->stage));
        if (g->outcome != OUTCOME_QUARANTINED || !named ||
            (b->reason ? strcmp(g->reason, b->reason) : !strstr("crash out_of_memory", g->reason)) ||
            (b->signal && g->signal != b->signal && !SANITIZED))
            fail_msg("%s: outcome %s, stage `%s`, reason `%s`, signal %d, %s", b->mark,
                     outcome_name(g->outcome), g->stage, g->reason, (int)g->signal, g->message);
    }
    assert_int_equal(seen->results, 200);
    pool_close(p);
    free(seen);
}

static void a_verdict_is_taken_for_another(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    assert_int_equal(open_pool(&seen, 1, bad_chain, NULL, &p, &err), 0);
    submit_wait(p, 0, "MARK-DROP");
    submit_wait(p, 1, "MARK-RETRY");
    submit_wait(p, 2, "MARK-UTF8");
    drain(p);
    assert_int_equal(seen.pages[0].outcome, OUTCOME_DROPPED);
    assert_string_equal(seen.pages[0].reason, "not_wanted");
    assert_string_equal(seen.pages[0].stage, "bad");
    assert_string_equal(seen.pages[0].title, "Page 0");
    assert_int_equal(seen.pages[1].retry, 1);
    assert_string_equal(seen.pages[1].title, "");
    check_good(&seen, 2);
    pool_close(p);
}

static void words_of_a_stage_are_lost_or_flood(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    assert_int_equal(open_pool(&seen, 1, bad_chain, NULL, &p, &err), 0);
    submit_wait(p, 0, "MARK-STDERR");
    drain(p);
    while (!strstr(seen.log, "a line on stderr\n") && pool_dispatch(p, 5000, &err) == 0)
        ;
    assert_non_null(strstr(seen.log, "a line on stderr\n"));
    submit_wait(p, 1, "MARK-LOG");
    drain(p);
    assert_non_null(strstr(seen.log, "bad: again ?[31m and again"));
    assert_in_range(seen.logs, 10, 400);
    pool_close(p);
}

static void a_stage_is_sought_in_another_file(void **state)
{
    static const char *const chain[] = { "test/plugin/bad.so", "test/plugin/pair.so", NULL };
    static const struct {
        const char *id;
        size_t item;
    } want[] = { { "bad", 0 }, { "pair.one", 1 }, { "pair.two", 1 } };
    struct seen *seen = calloc(1, sizeof *seen);
    struct pool *p;
    struct err err = { 0 };

    (void)state;
    if (open_pool(seen, 1, chain, "pair.two.n=3", &p, &err))
        fail_msg("%s", err.text);
    uint32_t live = pool_chain(p).generation;
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(pool_gen_stage(p, live, i), want[i].id);
        assert_int_equal(pool_gen_item(p, live, i), want[i].item);
    }
    assert_null(pool_gen_stage(p, live, 3));
    assert_true(pool_gen_item(p, live, 3) == SIZE_MAX);
    assert_true(pool_gen_item(p, live + 1, 0) == SIZE_MAX);
    pool_close(p);
    free(seen);
}

static void expect_refusal(const char *const *stages, const char *set, int code, const char *part,
                           const char *part2)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;
    int rc = open_pool(&seen, 2, stages, set, &p, &err);

    assert_null(p);
    if (rc != code || !strstr(err.text, part) || !strstr(err.text, part2))
        fail_msg("code %d, message: %s", rc, err.text);
}

static void a_chain_that_cannot_work_is_opened(void **state)
{
    const char *const needy[] = { "test/plugin/needy.so", NULL }, *const ctor[] = { "test/plugin/ctor.so",
                                                                                    NULL };
    const char *const twice[] = { "test/plugin/bad.so", "test/plugin/bad.so", NULL };
    const char *const none[] = { "trommel-worker", NULL };

    (void)state;
    expect_refusal(needy, NULL, ERR_USAGE, "`needy` needs `price.amount`", "no stage");
    expect_refusal(ctor, NULL, ERR_REFUSED, "ctor.so", "while it was being loaded");
    expect_refusal(twice, NULL, ERR_USAGE, "`bad` is in the chain already", "take one out");
    expect_refusal(none, NULL, ERR_REFUSED, "trommel-worker", "ELF");
    expect_refusal(bad_chain, "bad.refuse=true", ERR_REFUSED, "`bad`",
                   "option refuse: it is true, say false");
    expect_refusal(bad_chain, "bad.die=true", ERR_REFUSED, "bad.so", "while it was being configured");
    expect_refusal(bad_chain, "bad.level=12", ERR_USAGE, "`level`", "from 1 to 9");
    expect_refusal(bad_chain, "bad.levle=2", ERR_USAGE, "`levle`", "refuse, die, level");
    expect_refusal(bad_chain, "worse.level=2", ERR_USAGE, "`worse`", "there: bad");
    expect_refusal(bad_chain, "level=2", ERR_USAGE, "STAGE.OPTION=VALUE", "level=2");
}

static void pages_behind_a_dead_worker_are_lost(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    assert_int_equal(open_pool(seen, 1, bad_chain, NULL, &p, &err), 0);
    for (unsigned i = 0; i < 12; i++)
        submit_wait(p, i, i < 4 ? "MARK-FATAL" : i == 6 || i == 7 ? "MARK-EXIT" : "");
    drain(p);
    for (unsigned i = 0; i < 12; i++) {
        if (i < 4 || i == 6 || i == 7)
            assert_int_equal(seen->pages[i].outcome, OUTCOME_QUARANTINED);
        else
            check_good(seen, i);
    }
    pool_close(p);
    free(seen);
}

/* Somebody kills workers at random while pages run: none is lost, none comes twice. */
static void a_worker_killed_from_outside_loses_pages(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct err err = { 0 };
    char path[64], line[64];
    struct pool *p;

    (void)state;
    assert_int_equal(open_pool(seen, 2, bad_chain, NULL, &p, &err), 0);
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    for (unsigned i = 0; i < 300; i++) {
        submit_wait(p, i, "");
        FILE *f = i % 40 == 20 ? fopen(path, "r") : NULL;
        if (f && fgets(line, sizeof line, f))
            kill(atoi(line), SIGKILL);
        if (f)
            fclose(f);
    }
    drain(p);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(seen->pages[i].times, 1);
    pool_close(p);
    free(seen);
}

static void on_result_again(void *arg, void *user, const struct pool_result *r)
{
    struct seen *seen = arg;

    on_result(arg, user, r);
    if (seen->next < 200)
        submit(seen->resubmit, seen->next, seen->next % 50 == 49 ? "MARK-NULL" : "");
    seen->next++;
}

static void the_callback_cannot_submit(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    char *worker = built("trommel-worker");
    struct pool_options opt = {
        .workers = 1, .worker_path = worker, .on_result = on_result_again, .arg = seen
    };
    struct chain_config c = { 0 };
    struct err err = { 0 };

    (void)state;
    c.items = calloc(1, sizeof *c.items);
    c.n_items = 1;
    c.items[0].ref = built("test/plugin/bad.so");
    assert_int_equal(chain_config_find(&c, NULL, &err), 0);
    assert_int_equal(pool_open(&opt, &c, &seen->resubmit, &err), 0);
    seen->next = 8;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(submit(seen->resubmit, i, ""), 0);
    drain(seen->resubmit);
    assert_int_equal(seen->results, 200);
    for (unsigned i = 0; i < 200; i++)
        if (i < 8 || i % 50 != 49)
            check_good(seen, i);
    pool_close(seen->resubmit);
    free(worker);
    free(seen);
}

static void a_page_over_the_caps_is_taken(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;
    char *big = malloc(LIMIT_BODY_BYTES + 1);
    struct pool_page page = { .body = { big, LIMIT_BODY_BYTES + 1 } };

    (void)state;
    memset(big, ' ', LIMIT_BODY_BYTES + 1);
    assert_int_equal(open_pool(&seen, 1, no_chain, NULL, &p, &err), 0);
    assert_int_equal(pool_submit(p, &page, NULL), ERR_LIMIT);
    page.body.n--;
    page.head.url = (trommel_str){ "http://a\xff/", 10 };
    assert_int_equal(pool_submit(p, &page, NULL), ERR_INVALID);
    page.head.url = (trommel_str){ 0 };
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pool_submit(p, &page, (void *)(uintptr_t)i), 0);
    assert_int_equal(pool_submit(p, &page, NULL), ERR_FULL); /* a ring holds three such bodies */
    assert_int_equal(pool_pending(p), 3);
    drain(p);
    assert_int_equal(seen.results, 3);
    pool_close(p);
    free(big);
}

static void closing_leaves_a_process(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    assert_int_equal(open_pool(&seen, 2, bad_chain, NULL, &p, &err), 0);
    submit_wait(p, 0, "MARK-LOOP");
    submit_wait(p, 1, "");
    pool_close(p);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    pool_close(NULL);
}

static int not_readable(int fd)
{
    struct pollfd f = { .fd = fd, .events = POLLIN };

    return poll(&f, 1, 60000) != 1;
}

static void the_descriptor_does_not_wake(void **state)
{
    struct seen seen = { 0 };
    struct err err = { 0 };
    struct pool *p;

    (void)state;
    assert_int_equal(open_pool(&seen, 1, bad_chain, NULL, &p, &err), 0);
    submit_wait(p, 0, "MARK-LOOP");
    while (!seen.results) {
        assert_false(not_readable(pool_fd(p)));
        assert_true(pool_dispatch(p, 0, &err) >= 0);
    }
    assert_string_equal(seen.pages[0].reason, "timeout");
    pool_close(p);
}

/* A host that dies by SIGKILL takes a worker with it that loops in a stage. */
static void a_worker_outlives_its_host(void **state)
{
    int report[2];
    char line[64] = "", path[64];
    pid_t host, worker;

    (void)state;
    assert_int_equal(pipe(report), 0);
    host = fork();
    if (host == 0) {
        struct seen seen = { 0 };
        struct err err = { 0 };
        struct pool *p;
        close(report[0]);
        if (open_pool(&seen, 1, bad_chain, NULL, &p, &err))
            _exit(1);
        submit(p, 0, "MARK-SLEEP");
        snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
        FILE *f = fopen(path, "r");
        if (!f || !fgets(line, sizeof line, f) || write(report[1], line, sizeof line) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    close(report[1]);
    assert_true(read(report[0], line, sizeof line) > 0);
    close(report[0]);
    worker = atoi(line);
    assert_true(worker > 0);
    kill(host, SIGKILL);
    waitpid(host, NULL, 0);
    for (int i = 0; i < 5000 && !kill(worker, 0); i++) { /* not our child: no event tells of its end */
        char stat[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", worker);
        FILE *f = fopen(path, "r");
        if (f && fgets(stat, sizeof stat, f) && strstr(stat, ") Z"))
            i = 5000;
        if (f)
            fclose(f);
        poll(NULL, 0, 1);
        assert_int_not_equal(i, 4999);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_chain_gives_no_links),
        cmocka_unit_test(one_bad_page_harms_another),
        cmocka_unit_test(a_verdict_is_taken_for_another),
        cmocka_unit_test(words_of_a_stage_are_lost_or_flood),
        cmocka_unit_test(a_stage_is_sought_in_another_file),
        cmocka_unit_test(a_chain_that_cannot_work_is_opened),
        cmocka_unit_test(pages_behind_a_dead_worker_are_lost),
        cmocka_unit_test(a_worker_killed_from_outside_loses_pages),
        cmocka_unit_test(the_callback_cannot_submit),
        cmocka_unit_test(a_page_over_the_caps_is_taken),
        cmocka_unit_test(closing_leaves_a_process),
        cmocka_unit_test(the_descriptor_does_not_wake),
        cmocka_unit_test(a_worker_outlives_its_host),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
