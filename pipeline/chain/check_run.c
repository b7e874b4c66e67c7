/* check_run: one process a test, and what its end means; see check.h. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "chain/check_inner.h"

enum { TEST_CPU_MS = 600000, TEST_IDLE_MS = 60000 };

static const struct check_test tests[] = {
    { { "table", "what the file and its table say: names, rows, options, symbols, stack" },
      test_table,
      0,
      0 },
    { { "pages", "each bundled page once, in the sandbox: legal verdicts, values that are taken" },
      test_pages,
      0,
      0 },
    { { "same", "the same page gives the same, whatever came before and whatever lies in memory" },
      test_same,
      1,
      0 },
    { { "rows", "rows of nodes and attributes that are longer, as a later host's may be" }, test_rows, 1, 0 },
    { { "reopen", "configured and closed a thousand times without growth" }, test_reopen, 1, 1 },
    { { "fault", "every call of the host that may fail fails, alone and with all that follow it" },
      test_fault,
      1,
      0 },
    { { "arena", "the page's arena is spent at every allocation" }, test_arena, 1, 0 },
    { { "hostile", "no nodes, a million, 512 levels, empty and invalid text, 65,535 attributes …" },
      test_hostile,
      1,
      0 },
    { { "stop", "should_stop says yes from its nth asking on" }, test_stop, 1, 0 },
    { { "manners", "signals, threads, locale, umask, folder … are left as they are" }, test_manners, 1, 1 },
    { { "time", "a thousand pages: time and memory, and none that stays allocated" }, test_time, 1, 0 },
};
enum { TESTS = sizeof tests / sizeof *tests };

const struct check_about *check_about(size_t i)
{
    return i < TESTS ? &tests[i].about : NULL;
}

/* ---- what an end means ---- */

__attribute__((format(printf, 2, 3))) static void failed(struct check *k, const char *fmt, ...)
{
    struct check_result *res = &k->board->result;
    char where[900], what[CHECK_TEXT - 400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(res->text, sizeof res->text, "%.400s%s", say_where(k, 0, where), what);
    res->state = CHECK_FAILED;
}

static void died(struct check *k, const struct apart_end *end)
{
    struct check_board *b = k->board;
    char how[1000];

    b->crash[sizeof b->crash - 1] = 0;
    if (end->how == APART_EXITED)
        failed(k, "it ended the process with status %d: a stage never calls exit", end->status);
    else if (end->how == APART_WATCHED && b->stop_said)
        failed(k, "should_stop had said yes, and it %s", end->why);
    else {
        bring_words(&b->bring, end, k->opt->chain, how);
        failed(k, "it %s%s%s", how, b->crash[0] ? ": " : "", b->crash);
    }
}

static void wrote(struct check *k, const struct apart_end *end)
{
    static const char *const names[] = { "input", "output", "error" };

    for (int fd = 0; fd < 3 && !k->wrote; fd++)
        if (end->said[fd].n) {
            failed(k,
                   "it wrote %llu bytes to standard %s (\"%.60s\"): that is the host's; host->log is for "
                   "messages",
                   (unsigned long long)end->said[fd].n, names[fd], end->said[fd].text);
            k->wrote = 1;
        }
}

/* The chain did not come up: 1, and the result and *err say why. */
static int not_up(struct check *k, const struct apart_end *end, struct err *err)
{
    struct check_result *res = &k->board->result;

    if (!bring_failed(&k->board->bring, end, k->opt->chain, err))
        return 0;
    res->state = CHECK_FAILED;
    snprintf(res->text, sizeof res->text, "%.*s", CHECK_TEXT - 1, err->text);
    return 1;
}

static const char *watch(void *arg, uint64_t cpu_ns)
{
    static char why[100];
    const struct check *k = arg;
    uint64_t from = __atomic_load_n(&k->board->cpu_from_ns, __ATOMIC_RELAXED);
    uint32_t ms = __atomic_load_n(&k->board->cpu_ms, __ATOMIC_ACQUIRE);

    if (!ms || cpu_ns < from || (cpu_ns - from) / 1000000u < ms ||
        __atomic_load_n(&k->board->cpu_from_ns, __ATOMIC_ACQUIRE) != from)
        return NULL;
    snprintf(why, sizeof why, "was still running after %.1f s of CPU time", ms / 1e3);
    return why;
}

/* ---- the tests ---- */

static int is_wanted(const struct check_options *opt, const char *name)
{
    for (size_t i = 0; i < opt->n_only; i++)
        if (!strcmp(opt->only[i], name))
            return 1;
    return !opt->n_only;
}

/* The child can write to the board no more: one look at what it wrote. */
static void result_tell(struct check *k, uint64_t cpu_us)
{
    struct check_result *res = &k->board->result;

    res->text[CHECK_TEXT - 1] = 0;
    res->n_notes = res->n_notes < CHECK_NOTES ? res->n_notes : CHECK_NOTES;
    for (unsigned i = 0; i < res->n_notes; i++)
        res->notes[i][CHECK_TEXT - 1] = 0;
    res->stage = json_string_value(json_object_get(k->stage, "id"));
    res->test = k->test->about.name;
    res->cpu_us = cpu_us;
    k->opt->on_result(k->opt->arg, res);
}

/* *ret_up: could the chain be brought up? */
static int test_run(struct check *k, int *ret_up, struct err *err)
{
    struct apart_options ao = { .run = check_child,
                                .arg = k,
                                .out_max = 4096,
                                .memory_bytes = 2 * LIMIT_WORKER_BYTES, /* it holds pages twice */
                                .cpu_ms = TEST_CPU_MS,
                                .idle_ms = TEST_IDLE_MS,
                                .listen = 1,
                                .watch = watch };
    struct check_result *res = &k->board->result;
    struct apart_end end;
    int rc = apart_run(&ao, &end, err);

    if (rc)
        return rc;
    *ret_up = !not_up(k, &end, err);
    if (!*ret_up && err->code == ERR_USAGE) { /* an option, a missing stage: not the stage's fault */
        apart_end_release(&end);
        return err->code;
    }
    if (*ret_up && (end.how != APART_EXITED || !k->board->done))
        died(k, &end);
    if (res->state == CHECK_FAILED && k->test->run == test_pages)
        k->pages_failed = 1;
    if (res->state == CHECK_FAILED && k->test->run == test_same)
        k->unsteady = 1;
    if (res->state == CHECK_OK)
        wrote(k, &end);
    result_tell(k, end.cpu_us);
    apart_end_release(&end);
    return 0;
}

static int stage_check(struct check *k, struct err *err)
{
    int rc = 0, up = 1;

    k->wrote = k->pages_failed = k->unsteady = 0;
    for (size_t i = 0; !rc && up && i < TESTS; i++) {
        k->test = &tests[i];
        if (!is_wanted(k->opt, tests[i].about.name))
            continue;
        *k->board = (struct check_board){ 0 };
        if (k->pages_failed && k->test->needs_pages) {
            k->board->result.state = CHECK_SKIPPED;
            snprintf(k->board->result.text, CHECK_TEXT, "not tried: `pages` must pass first");
            result_tell(k, 0);
        } else {
            rc = test_run(k, &up, err);
        }
    }
    return rc;
}

int check_run(const struct check_options *opt, struct err *err)
{
    struct check k = { .opt = opt };
    size_t i;
    json_t *stage;
    int rc = 0;

    k.board = mmap(NULL, sizeof *k.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (k.board == MAP_FAILED)
        return err_set(err, ERR_NOMEM, "out of memory");
    json_array_foreach(json_object_get(opt->described, "stages"), i, stage)
    {
        k.stage = stage;
        k.nth = i;
        rc = rc ? rc : stage_check(&k, err);
    }
    munmap(k.board, sizeof *k.board);
    return rc;
}
