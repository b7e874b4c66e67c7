/* What a death costs: how often a page is tried, what its record says, and that the page itself comes back.
 */
#include <signal.h>

#include "tests/unit/chain/built.h"

#include "base/clock.h"
#include "base/limits.h"
#include "chain/pool.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* a crash is an exit with a report of its own */
#else
#define SANITIZED 0
#endif
enum { PAGES = 64, WAIT_MS = 300000 };

struct got {
    unsigned times;
    enum outcome outcome;
    char reason[40], stage[80], trace[4000];
    char *body; /* of the page that came back; malloc'd */
    char type[80], headers[80], url[80];
    int64_t status;
};
struct seen {
    struct got pages[PAGES];
    struct pool
        *refill; /* pages are submitted from inside the callback, over the place of the one that came back */
    unsigned next;
};

static void text(char *to, size_t n, trommel_str s)
{
    snprintf(to, n, "%.*s", (int)s.n, s.n ? s.p : "");
}

static int submit(struct pool *p, unsigned i, const char *mark)
{
    char url[40], html[200];
    struct pool_page page = { .head = { .status = 203, .fetched_ms = 1764000000000 },
                              .content_type = { "text/html; charset=utf-8", 24 },
                              .headers = { "x-a: b\r\n", 8 } };

    page.body = (trommel_str){ html, (size_t)snprintf(html, sizeof html, "<p>Page %u %s</p>", i, mark) };
    page.head.url = page.head.final_url =
        (trommel_str){ url, (size_t)snprintf(url, sizeof url, "http://t.test/%u", i) };
    memcpy(page.head.id, &i, sizeof i);
    return pool_submit(p, &page, (void *)(uintptr_t)i);
}

/* A worker that died without use is not started at once. */
static void submit_wait(struct pool *p, unsigned i, const char *mark)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;
    struct err err = { 0 };
    int rc;

    while ((rc = submit(p, i, mark)) == ERR_FULL && clock_mono_ms() < until)
        if (pool_dispatch(p, 1000, &err) < 0)
            fail_msg("%s", err.text);
    assert_int_equal(rc, 0);
}

static void trace_take(struct got *g, trommel_str record)
{
    const unsigned char *at, *end = (const unsigned char *)record.p + record.n;
    struct mp_value list, v;

    if (record_get(record.p, record.n, "error.backtrace", &list) < 0)
        return;
    at = list.p;
    for (uint32_t i = 0; i < list.u.n && mp_read(&at, end, &v) == 0; i++)
        snprintf(g->trace + strlen(g->trace), sizeof g->trace - strlen(g->trace), "%.*s\n", (int)v.len, v.p);
}

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct seen *seen = arg;
    struct got *g = &seen->pages[(uintptr_t)user];
    struct err why = { 0 };

    g->times++;
    g->outcome = r->outcome;
    text(g->reason, sizeof g->reason, r->reason);
    text(g->stage, sizeof g->stage, r->stage);
    trace_take(g, r->record);
    if (record_check(r->record.p, r->record.n, &why))
        fail_msg("%s", why.text);
    assert_int_equal(r->page != NULL, r->outcome == OUTCOME_QUARANTINED);
    while (seen->refill && seen->next < PAGES && submit(seen->refill, seen->next, "another text") == 0)
        seen->next++;
    if (!r->page)
        return;
    g->body = strndup(r->page->body.p, r->page->body.n);
    text(g->type, sizeof g->type, r->page->content_type);
    text(g->headers, sizeof g->headers, r->page->headers);
    text(g->url, sizeof g->url, r->page->head.url);
    g->status = r->page->head.status;
}

/* Generous with time but where that is what is tried. */
static int open_pool(struct seen *seen, const char *set, uint32_t stage_ms, struct pool **ret,
                     struct err *err)
{
    char *worker = built("trommel-worker");
    struct pool_options opt = { .workers = 1,
                                .worker_path = worker,
                                .stage_ms = stage_ms,
                                .page_ms = 60000,
                                .on_result = on_result,
                                .arg = seen };
    struct chain_config c = { .n_items = 1 };
    int rc;

    c.items = calloc(1, sizeof *c.items);
    assert_non_null(c.items);
    c.items[0].ref = built("test/plugin/crasher.so");
    assert_int_equal(set ? chain_config_set(&c, set, err) : 0, 0);
    assert_int_equal(chain_config_find(&c, NULL, err), 0);
    rc = pool_open(&opt, &c, ret, err);
    free(worker);
    return rc;
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

static void release(struct seen *seen, struct pool *p)
{
    pool_close(p);
    for (unsigned i = 0; i < PAGES; i++)
        free(seen->pages[i].body);
    free(seen);
}

static struct pool_gen_stats stats(const struct pool *p)
{
    struct pool_gen_stats s;

    assert_int_equal(pool_gen_stats(p, pool_chain(p).generation, &s), 0);
    return s;
}

/* The pages between are good: the second and the fourth die in a process that has served others before. */
static void a_crash_is_not_tried_exactly_once_more(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    static const char *const marks[] = { "MARK-NULL", "", "MARK-ABORT", "", "MARK-DEEP", "MARK-CRUMB", "" };
    static const unsigned deaths[] = { 2, 0, 2, 0, 2, 3, 0 }; /* a damaged crumb does not say where it was */
    struct err err = { 0 };
    unsigned sum = 0;
    struct pool *p;

    assert_int_equal(open_pool(seen, NULL, 60000, &p, &err), 0);
    for (unsigned i = 0; i < 7; i++) {
        submit_wait(p, i, marks[i]);
        drain(p);
        sum += deaths[i];
        assert_int_equal(stats(p).crashes, sum);
        assert_int_equal(seen->pages[i].times, 1);
        assert_int_equal(seen->pages[i].outcome, deaths[i] ? OUTCOME_QUARANTINED : OUTCOME_OK);
    }
    assert_int_equal(stats(p).errors, 4);
    release(seen, p);
}

static void a_page_over_its_time_is_tried_again(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct err err = { 0 };
    struct pool *p;

    assert_int_equal(open_pool(seen, "crasher.hold=true", 60, &p, &err), 0);
    submit_wait(p, 0, "MARK-HOLD");
    drain(p);
    assert_string_equal(seen->pages[0].reason, "timeout");
    assert_int_equal(stats(p).crashes, 1);
    release(seen, p);
}

static void a_crash_does_not_say_where(void **state)
{
    static const struct {
        const char *mark, *function;
    } rows[] = { { "MARK-NULL", "price_of_nothing" },
                 { "MARK-ABORT", "give_up" },
                 { "MARK-DEEP", "fall_deeper" },
                 { "MARK-JUMP", "jump_to_nothing" },
                 { "MARK-DIVIDE", "share_among" } };
    struct seen *seen = calloc(1, sizeof *seen);
    struct err err = { 0 };
    struct pool *p;

    if (SANITIZED) {
        free(seen);
        skip();
    }
    assert_int_equal(open_pool(seen, NULL, 60000, &p, &err), 0);
    for (unsigned i = 0; i < 5; i++)
        submit_wait(p, i, rows[i].mark);
    drain(p);
    for (unsigned i = 0; i < 5; i++) {
        char line[100];
        snprintf(line, sizeof line, "crasher.so!%s+0x", rows[i].function);
        if (!strstr(seen->pages[i].trace, line))
            fail_msg("%s: %s is not in %s", rows[i].mark, line, seen->pages[i].trace);
    }
    assert_non_null(strstr(seen->pages[0].trace, "crasher.so!judge+0x"));
    assert_non_null(strstr(seen->pages[0].trace, "trommel-worker!run_page+0x"));
    release(seen, p);
}

static void a_refusal_does_not_say_where(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct err err = { 0 };
    struct pool *p;

    assert_int_equal(open_pool(seen, "crasher.configure=true", 60000, &p, &err), ERR_REFUSED);
    assert_null(p);
    if (!strstr(err.text, "while it was being configured") ||
        (!SANITIZED && !strstr(err.text, " in crasher.so!price_of_nothing+0x")))
        fail_msg("%s", err.text);
    free(seen);
}

static void a_page_that_failed_does_not_come_back(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    static const char *const marks[] = { "MARK-NULL", "MARK-ERROR" };
    struct err err = { 0 };
    struct pool *p;

    assert_int_equal(open_pool(seen, NULL, 60000, &p, &err), 0);
    seen->next = 2;
    seen->refill = p;
    for (unsigned i = 0; i < 2; i++)
        submit_wait(p, i, marks[i]);
    drain(p);
    for (unsigned i = 0; i < 2; i++) {
        struct got *g = &seen->pages[i];
        char body[80], url[80];
        snprintf(body, sizeof body, "<p>Page %u %s</p>", i, marks[i]);
        snprintf(url, sizeof url, "http://t.test/%u", i);
        assert_non_null(g->body);
        assert_string_equal(g->body, body);
        assert_string_equal(g->url, url);
        assert_string_equal(g->type, "text/html; charset=utf-8");
        assert_string_equal(g->headers, "x-a: b\r\n");
        assert_int_equal(g->status, 203);
        assert_string_equal(g->stage, "crasher");
    }
    assert_string_equal(seen->pages[1].reason, "unreadable");
    release(seen, p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_is_not_tried_exactly_once_more),
        cmocka_unit_test(a_page_over_its_time_is_tried_again),
        cmocka_unit_test(a_crash_does_not_say_where),
        cmocka_unit_test(a_refusal_does_not_say_where),
        cmocka_unit_test(a_page_that_failed_does_not_come_back),
    };

    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
