/* Generations of a pool: they start beside each other, take over, end, fail, and run pages for one another.
 */
#include "crawl.h"

#include <dirent.h>
#include <sys/stat.h>

#include "base/log.h"

static const char *const marked[] = { "test/plugin/marked.so", NULL };

/* ---- news ---- */

struct news {
    unsigned n[POOL_GEN_GONE + 1][1000]; /* how often told, by state and number */
    struct err why;
    uint32_t heir;         /* live when the live one fails */
    const char *heir_file; /* … or this one, started then */
    struct {
        unsigned times[200];
        enum outcome outcomes[200];
        unsigned generations[200];
        char reasons[200][40];
    } guests;
};

static struct news *news_of(struct crawl *c)
{
    return c->more;
}

static uint32_t start(struct crawl *c, const char *file, const char *const *sets)
{
    const char *const files[] = { file ? file : marked[0], NULL };
    struct chain_config config = crawl_chain(files, sets);
    struct err err = { 0 };
    uint32_t id = 0;

    if (pool_gen_start(c->pool, &config, &(struct pool_gen_options){ 0 }, &id, &err))
        fail_msg("%s", err.text);
    assert_null(config.items);
    return id;
}

static void on_generation(struct crawl *c, uint32_t generation, enum pool_gen_state state,
                          const struct err *why)
{
    struct news *n = c->more;

    assert_true(generation < 1000);
    n->n[state][generation]++;
    if (state != POOL_GEN_FAILED)
        return;
    n->why = *why;
    if (n->heir)
        assert_int_equal(pool_gen_live(c->pool, n->heir), 0);
    if (n->heir_file) {
        n->heir = start(c, n->heir_file, NULL);
        assert_int_equal(pool_gen_live(c->pool, n->heir), 0);
        n->heir_file = NULL;
    }
}

static struct crawl *open_crawl(unsigned workers, const char *const *sets)
{
    struct crawl *c = crawl_new(workers, marked, sets);

    c->more = calloc(1, sizeof(struct news));
    c->on_generation = on_generation;
    return c;
}

static void close_crawl(struct crawl *c)
{
    free(c->more);
    crawl_free(c);
}

static void wait_news(struct crawl *c, uint32_t generation, enum pool_gen_state state)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;

    while (!news_of(c)->n[state][generation]) {
        if (clock_mono_ms() > until)
            fail_msg("generation %u never came into state %d\n%s", generation, (int)state, c->log);
        crawl_turn(c);
    }
    assert_int_equal(news_of(c)->n[state][generation], 1);
}

static struct pool_gen_stats stats(struct crawl *c, uint32_t generation)
{
    struct pool_gen_stats st;

    assert_int_equal(pool_gen_stats(c->pool, generation, &st), 0);
    return st;
}

static void check(const struct crawl *c, unsigned first, unsigned end, uint32_t generation, const char *value)
{
    for (unsigned i = first; i < end; i++)
        if (c->pages[i].outcome != OUTCOME_OK || c->pages[i].generation != generation ||
            strcmp(c->pages[i].value, value) != 0)
            fail_msg("page %u: %s in generation %u, value `%s`; wanted generation %u, `%s`\n%s", i,
                     outcome_name(c->pages[i].outcome), c->pages[i].generation, c->pages[i].value, generation,
                     value, c->log);
}

/* ---- tests ---- */

static const char *const two[] = { "marked.value=two", NULL };

/* What was handed to the old one stays there; what comes after goes to the new one. */
static void a_generation_does_not_take_over(void **state)
{
    struct crawl *c = open_crawl(2, NULL);
    uint32_t id = start(c, NULL, two);

    (void)state;
    assert_int_equal(id, 2);
    assert_int_equal(stats(c, 2).state, POOL_GEN_STARTING);
    assert_int_equal(pool_gen_live(c->pool, 2), ERR_ABSENT); /* not yet */
    wait_news(c, 2, POOL_GEN_READY);
    assert_int_equal(stats(c, 2).workers_ready, 2);
    assert_string_equal(pool_gen_stage(c->pool, 2, 0), "marked");
    assert_string_equal(pool_gen_version(c->pool, 2, 0), "1");
    assert_int_equal(pool_gen_item(c->pool, 2, 0), 0);
    assert_null(pool_gen_stage(c->pool, 2, 1));
    assert_int_equal(pool_gen_live(c->pool, 3), ERR_ABSENT);
    crawl_puts(c, 20, "");
    assert_int_equal(pool_gen_live(c->pool, 2), 0);
    assert_int_equal(pool_chain(c->pool).generation, 2);
    crawl_puts(c, 20, "");
    pool_gen_end(c->pool, 2); /* not the live one */
    pool_gen_end(c->pool, 1);
    crawl_drain(c);
    check(c, 0, 20, 1, "none");
    check(c, 20, 40, 2, "two");
    wait_news(c, 1, POOL_GEN_GONE);
    assert_int_equal(pool_gen_stats(c->pool, 1, &(struct pool_gen_stats){ 0 }), ERR_ABSENT);
    assert_int_equal(stats(c, 2).pages, 20);
    assert_int_equal(stats(c, 2).errors, 0);
    assert_true(stats(c, 2).cpu_us > 0);
    close_crawl(c);
}

static void a_generation_that_does_not_load_harms_the_live_one(void **state)
{
    static const struct {
        const char *file, *set, *why;
    } cases[] = { { "test/plugin/ctor.so", NULL, "while it was being loaded" },
                  { "test/plugin/needy.so", NULL, "needs `price.amount`" },
                  { NULL, "marked.how=refuse", "it says refuse" },
                  { NULL, "marked.how=die", "while it was being configured" } };
    struct crawl *c = open_crawl(2, NULL);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const char *const sets[] = { cases[i].set, NULL };
        uint32_t id = start(c, cases[i].file, sets);
        assert_int_equal(id, i + 2);
        crawl_puts(c, 10, "");
        wait_news(c, id, POOL_GEN_FAILED);
        if (!strstr(news_of(c)->why.text, cases[i].why))
            fail_msg("%s", news_of(c)->why.text);
        assert_int_equal(pool_gen_live(c->pool, id), ERR_ABSENT);
    }
    crawl_drain(c);
    check(c, 0, 40, 1, "none");
    close_crawl(c);
}

/* Pages that kill the new one, or run over its time. */
static void a_fallback_runs_a_page_twice_or_never(void **state)
{
    static const char *const hows[] = { "marked.how=crash", "marked.how=loop" };

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        const char *const sets[] = { hows[k], "marked.value=two", NULL };
        struct crawl *c = open_crawl(2, NULL);
        struct pool_gen_stats st;
        start(c, NULL, sets);
        wait_news(c, 2, POOL_GEN_READY);
        assert_int_equal(pool_gen_live(c->pool, 2), 0);
        pool_gen_fallback(c->pool, 2, 1);
        for (unsigned i = 0; i < 20; i++)
            crawl_put(c, i % 10 == 5 ? "MARK" : "");
        crawl_drain(c);
        for (unsigned i = 0; i < 20; i++)
            check(c, i, i + 1, i % 10 == 5 ? 1 : 2, i % 10 == 5 ? "none" : "two");
        st = stats(c, 2);
        assert_int_equal(st.fallbacks, 2);
        assert_int_equal(st.errors, 0);
        assert_int_equal(st.pages, 18);
        assert_in_range(st.crashes, 2, 6);
        assert_string_equal(st.crash_stage, "marked");
        assert_int_equal(stats(c, 1).pages, 2);
        pool_gen_fallback(c->pool, 2, 0); /* no longer */
        crawl_put(c, "MARK");
        crawl_drain(c);
        assert_int_equal(c->pages[20].outcome, OUTCOME_QUARANTINED);
        assert_int_equal(c->pages[20].generation, 2);
        assert_int_equal(stats(c, 2).errors, 1);
        close_crawl(c);
    }
}

static void a_page_that_kills_both_goes_round(void **state)
{
    static const char *const crash[] = { "marked.how=crash", NULL };
    struct crawl *c = open_crawl(1, crash);

    (void)state;
    start(c, NULL, crash);
    wait_news(c, 2, POOL_GEN_READY);
    assert_int_equal(pool_gen_live(c->pool, 2), 0);
    pool_gen_fallback(c->pool, 2, 1);
    pool_gen_fallback(c->pool, 1, 2);
    for (unsigned i = 0; i < 12; i++)
        crawl_put(c, i % 4 == 1 ? "MARK" : "");
    crawl_drain(c);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(c->pages[i].outcome, i % 4 == 1 ? OUTCOME_QUARANTINED : OUTCOME_OK);
        assert_int_equal(c->pages[i].generation, i % 4 == 1 ? 1 : 2);
    }
    assert_int_equal(stats(c, 2).fallbacks, 3);
    assert_int_equal(stats(c, 1).errors, 3);
    close_crawl(c);
}

/* ---- a generation that cannot be kept alive ---- */

/* A file of its own, which is removed once it is loaded. */
static char *file_copy(void)
{
    char *from = built("test/plugin/marked.so"), *to, buf[65536];
    const char *tmp = getenv("TMPDIR");
    size_t n;
    int fd;

    assert_true(asprintf(&to, "%s/test-gen-XXXXXX.so", tmp && *tmp ? tmp : "/tmp") > 0);
    fd = mkstemps(to, 3);
    FILE *in = fopen(from, "rb");
    assert_true(fd >= 0 && in);
    while ((n = fread(buf, 1, sizeof buf, in)) > 0)
        assert_int_equal(write(fd, buf, n), n);
    fclose(in);
    close(fd);
    free(from);
    return to;
}

/* Generation 2 is live, and dies of the next page with the mark, for good. */
static struct crawl *open_doomed(void)
{
    static const char *const sets[] = { "marked.how=crash", "marked.value=two", NULL };
    char *file = file_copy();
    struct crawl *c = open_crawl(2, NULL);

    start(c, file, sets);
    wait_news(c, 2, POOL_GEN_READY);
    assert_int_equal(pool_gen_live(c->pool, 2), 0);
    assert_int_equal(unlink(file), 0);
    free(file);
    return c;
}

static void pages_of_a_failed_generation_are_lost(void **state)
{
    (void)state;
    for (int heir_starts = 0; heir_starts < 2; heir_starts++) {
        struct crawl *c = open_doomed();
        unsigned bad = 0, first = heir_starts ? 3 : 1;
        if (heir_starts)
            news_of(c)->heir_file = marked[0];
        else
            news_of(c)->heir = 1;
        crawl_puts(c, 5, "");
        crawl_puts(c, 2, "MARK");
        crawl_puts(c, 60, "");
        crawl_drain(c);
        assert_int_equal(news_of(c)->n[POOL_GEN_FAILED][2], 1);
        assert_non_null(strstr(news_of(c)->why.text, "no worker can be kept alive"));
        for (unsigned i = 0; i < c->next; i++) {
            bad += c->pages[i].outcome == OUTCOME_QUARANTINED;
            assert_true(c->pages[i].generation == 2 || c->pages[i].generation == first);
        }
        assert_in_range(bad, 0, 2);
        assert_int_equal(c->pages[c->next - 1].generation, first);
        assert_int_equal(pool_chain(c->pool).generation, first);
        assert_int_equal(strlen(pool_chain(c->pool).hash), 32);
        assert_int_equal(stats(c, first).state, POOL_GEN_LIVE);
        close_crawl(c);
    }
}

static void a_pool_without_a_heir_waits_for_ever(void **state)
{
    struct crawl *c = open_doomed();
    uint64_t until = clock_mono_ms() + WAIT_MS;
    struct err err = { 0 };
    int rc = 0;

    (void)state;
    crawl_puts(c, 4, "MARK");
    while (rc >= 0 && clock_mono_ms() < until)
        rc = pool_dispatch(c->pool, 50, &err);
    assert_int_equal(rc, ERR_CRASHED);
    assert_non_null(strstr(err.text, "no worker can be kept alive"));
    close_crawl(c);
}

/* ---- guests ---- */

static void guest_result(void *arg, void *user, const struct pool_result *r)
{
    struct news *n = arg;
    unsigned i = (unsigned)(uintptr_t)user;

    n->guests.times[i]++;
    n->guests.outcomes[i] = r->outcome;
    n->guests.generations[i] = r->generation;
    text_copy(n->guests.reasons[i], sizeof n->guests.reasons[i], r->reason);
}

static int guest_put(struct crawl *c, unsigned i, uint32_t generation, const char *mark)
{
    char url[100];
    struct pool_page page = crawl_page(i, mark, url);

    return pool_submit_to(c->pool, generation, &page, guest_result, c->more, (void *)(uintptr_t)i);
}

static void guests_wait(struct crawl *c, unsigned n)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;
    unsigned come = 0;

    while (come < n) {
        if (clock_mono_ms() > until)
            fail_msg("%u of %u guests came\n%s", come, n, c->log);
        crawl_turn(c);
        come = 0;
        for (unsigned i = 0; i < n; i++)
            come += news_of(c)->guests.times[i] > 0;
    }
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(news_of(c)->guests.times[i], 1);
}

/* In a generation that is not live, beside the crawl; some of them kill a worker. */
static void a_guest_gets_none_or_two_results(void **state)
{
    static const char *const sets[] = { "marked.how=crash", NULL };
    struct crawl *c = open_crawl(2, NULL);

    (void)state;
    start(c, NULL, sets);
    assert_int_equal(guest_put(c, 0, 2, ""), ERR_ABSENT); /* not yet */
    wait_news(c, 2, POOL_GEN_READY);
    pool_gen_fallback(c->pool, 2, 1); /* is not for guests */
    for (unsigned i = 0; i < 60; i++) {
        int rc;
        crawl_put(c, "");
        while ((rc = guest_put(c, i, 2, i % 10 == 5 ? "MARK" : "")) == ERR_FULL)
            crawl_turn(c);
        assert_int_equal(rc, 0);
    }
    guests_wait(c, 60);
    crawl_drain(c);
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(news_of(c)->guests.outcomes[i], i % 10 == 5 ? OUTCOME_QUARANTINED : OUTCOME_OK);
        assert_int_equal(news_of(c)->guests.generations[i], 2);
    }
    check(c, 0, 60, 1, "none");
    assert_int_equal(stats(c, 2).pages + stats(c, 2).errors + stats(c, 2).crashes,
                     0); /* guests are nobody's */
    close_crawl(c);
}

/* … when their generation is given up, while one of them loops. */
static void a_guest_of_a_discarded_generation_is_waited_for(void **state)
{
    static const char *const sets[] = { "marked.how=loop", NULL };
    struct crawl *c = open_crawl(1, NULL);

    (void)state;
    start(c, NULL, sets);
    wait_news(c, 2, POOL_GEN_READY);
    for (unsigned i = 0; i < LIMIT_WORKER_GUESTS; i++)
        assert_int_equal(guest_put(c, i, 2, "MARK"), 0);
    pool_gen_discard(c->pool, 2);
    guests_wait(c, LIMIT_WORKER_GUESTS);
    for (unsigned i = 0; i < LIMIT_WORKER_GUESTS; i++)
        assert_string_equal(news_of(c)->guests.reasons[i], "discarded");
    wait_news(c, 2, POOL_GEN_GONE);
    crawl_put(c, "");
    crawl_drain(c);
    close_crawl(c);
}

/* … when its workers cannot be kept alive. */
static void a_guest_of_a_failed_generation_is_lost(void **state)
{
    struct crawl *c = open_doomed();
    unsigned n = 0;

    (void)state;
    news_of(c)->heir = 1;
    for (unsigned i = 0; i < 2 * LIMIT_WORKER_GUESTS; i++)
        n += guest_put(c, i, 2, "MARK") == 0;
    assert_int_equal(n, 2 * LIMIT_WORKER_GUESTS);
    crawl_puts(c, 20, "");
    guests_wait(c, n);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(news_of(c)->guests.generations[i], 2); /* none of them ran elsewhere */
    crawl_drain(c);
    close_crawl(c);
}

/* A full queue of the crawl's pages does not keep guests out, nor they the crawl's. */
static void guests_and_pages_take_each_others_places(void **state)
{
    struct crawl *c = open_crawl(1, NULL);
    char url[100];
    unsigned guests = 0;

    (void)state;
    while (guest_put(c, guests, 1, "") == 0)
        guests++;
    assert_int_equal(guests, LIMIT_WORKER_GUESTS);
    assert_int_equal(pool_room(c->pool), LIMIT_WORKER_QUEUE);
    for (unsigned i = 0; i < LIMIT_WORKER_QUEUE; i++) {
        struct pool_page page = crawl_page(i, "", url);
        assert_int_equal(pool_submit(c->pool, &page, (void *)(uintptr_t)c->next++), 0);
    }
    assert_int_equal(pool_room(c->pool), 0);
    assert_int_equal(pool_pending(c->pool), LIMIT_WORKER_QUEUE);
    crawl_drain(c);
    guests_wait(c, guests);
    close_crawl(c);
}

/* ---- many ---- */

static void numbers_begin_anew(void **state)
{
    struct crawl *c = crawl_make();
    char *worker = built("trommel-worker");
    struct pool_options opt = crawl_options(c, 1, worker);
    struct chain_config config = crawl_chain(marked, NULL);
    struct err err = { 0 };

    (void)state;
    c->more = calloc(1, sizeof(struct news));
    c->on_generation = on_generation;
    opt.first_generation = 700;
    assert_int_equal(pool_open(&opt, &config, &c->pool, &err), 0);
    assert_int_equal(pool_chain(c->pool).generation, 700);
    assert_int_equal(start(c, NULL, two), 701);
    crawl_put(c, "");
    crawl_drain(c);
    check(c, 0, 1, 700, "none");
    free(worker);
    close_crawl(c);
}

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void descriptors_or_pages_leak(void **state)
{
    struct crawl *c = open_crawl(2, NULL);
    unsigned before = descriptors();

    (void)state;
    for (uint32_t id = 2; id < 26; id++) {
        assert_int_equal(start(c, NULL, two), id);
        wait_news(c, id, POOL_GEN_READY);
        crawl_puts(c, 10, "");
        assert_int_equal(pool_gen_live(c->pool, id), 0);
        crawl_puts(c, 10, "");
        pool_gen_end(c->pool, id - 1);
    }
    crawl_drain(c);
    for (uint32_t id = 1; id < 25; id++)
        wait_news(c, id, POOL_GEN_GONE);
    assert_int_equal(descriptors(), before);
    close_crawl(c);
}

/* One that never becomes ready can be ended; more than there may be are refused. */
static void endless_candidates_pile_up(void **state)
{
    static const char *const hang[] = { "marked.how=hang", NULL };
    struct crawl *c = open_crawl(1, NULL);
    struct err err = { 0 };
    uint32_t id = 0, n = 1;
    int rc = 0;

    (void)state;
    while (rc == 0) {
        struct chain_config config = crawl_chain(marked, hang);
        rc = pool_gen_start(c->pool, &config, &(struct pool_gen_options){ .workers = 1 }, &id, &err);
        n += !rc;
        assert_true(n < 100);
    }
    assert_int_equal(rc, ERR_FULL);
    assert_non_null(strstr(err.text, "wait until an old one has ended"));
    for (uint32_t i = 2; i <= n; i++)
        pool_gen_end(c->pool, i);
    for (uint32_t i = 2; i <= n; i++)
        wait_news(c, i, POOL_GEN_GONE);
    crawl_put(c, "");
    crawl_drain(c);
    close_crawl(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_generation_does_not_take_over),
        cmocka_unit_test(a_generation_that_does_not_load_harms_the_live_one),
        cmocka_unit_test(a_fallback_runs_a_page_twice_or_never),
        cmocka_unit_test(a_page_that_kills_both_goes_round),
        cmocka_unit_test(pages_of_a_failed_generation_are_lost),
        cmocka_unit_test(a_pool_without_a_heir_waits_for_ever),
        cmocka_unit_test(a_guest_gets_none_or_two_results),
        cmocka_unit_test(a_guest_of_a_discarded_generation_is_waited_for),
        cmocka_unit_test(a_guest_of_a_failed_generation_is_lost),
        cmocka_unit_test(guests_and_pages_take_each_others_places),
        cmocka_unit_test(numbers_begin_anew),
        cmocka_unit_test(descriptors_or_pages_leak),
        cmocka_unit_test(endless_candidates_pile_up),
    };

    if (getenv("CRAWL_LOG"))
        log_init("test", LOG_TRACE);
    if (getenv("CMOCKA_TEST"))
        cmocka_set_test_filter(getenv("CMOCKA_TEST"));
    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
