/* Shadow runs: a candidate beside the live chain.  What is sampled, what is compared, what is shed, what is kept. */
#include "built.h"

#include "base/clock.h"
#include "chain/shadow.h"

enum { WAIT_MS = 300000, PAGES = 40 };

struct world {
    struct pool *pool;
    struct shadow *shadow;
    struct shadow_pair *pairs[PAGES];
    unsigned live_results, sampled;
    int keep_pairs; /* live results are not passed on */
    char log[2000];
};

/* ---- the world ---- */

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct world *w = arg;

    w->live_results++;
    if (!w->keep_pairs)
        shadow_live(&w->pairs[(uintptr_t)user], r);
}

static void on_log(void *arg, int level, const char *line)
{
    struct world *w = arg;

    (void)level;
    if (strlen(w->log) + strlen(line) + 2 < sizeof w->log)
        strcat(strcat(w->log, line), "\n");
}

static void on_generation(void *arg, uint32_t generation, enum pool_gen_state state, const struct err *why)
{
    struct world *w = arg;

    if (w->shadow)
        shadow_on_generation(w->shadow, generation, state, why);
}

/* A chain of one test stage, or of none. */
static struct chain_config chain_of(const char *stage, const char *set)
{
    struct chain_config c = { 0 };
    struct err err = { 0 };

    c.items = calloc(2, sizeof *c.items);
    if (stage)
        c.items[c.n_items++].ref = built(stage);
    if (set)
        assert_int_equal(chain_config_set(&c, set, &err), 0);
    if (chain_config_find(&c, "/nonexistent", &err))
        fail_msg("%s", err.text);
    return c;
}

static struct world *world_new(const char *stage)
{
    struct world *w = calloc(1, sizeof *w);
    struct chain_config c = chain_of(stage, NULL);
    char *worker = built("trommel-worker");
    struct pool_options opt = { .workers = 1,
                                .worker_path = worker,
                                .stage_ms = 60000,
                                .page_ms = 60000,
                                .worker_bytes = 1u << 30,
                                .on_result = on_result,
                                .on_log = on_log,
                                .on_generation = on_generation,
                                .arg = w };
    struct err err = { 0 };

    if (pool_open(&opt, &c, &w->pool, &err))
        fail_msg("%s", err.text);
    free(worker);
    return w;
}

static int start_shadow(struct world *w, const char *stage, const char *set, double sample, struct err *err)
{
    struct shadow_options opt = { .pool = w->pool, .sample = sample, .what = "add a stage", .on_log = on_log, .arg = w };
    struct chain_config c = chain_of(stage, set);

    return shadow_start(&opt, &c, &w->shadow, err);
}

static void turn(struct world *w)
{
    struct err err = { 0 };

    if (pool_dispatch(w->pool, 100, &err) < 0)
        fail_msg("%s", err.text);
}

static json_int_t number(const struct world *w, const char *key)
{
    json_t *report = shadow_report(w->shadow);
    json_int_t n;

    assert_non_null(report);
    n = json_integer_value(json_object_get(report, key));
    json_decref(report);
    return n;
}

static void wait_state(struct world *w, const char *want)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;

    for (;;) {
        json_t *report = shadow_report(w->shadow);
        const char *state = json_string_value(json_object_get(report, "state"));
        int is = !strcmp(state, want);
        json_decref(report);
        if (is)
            return;
        assert_true(clock_mono_ms() < until);
        turn(w);
    }
}

static void submit(struct world *w, unsigned i, const char *text, int is_busy)
{
    char url[100], html[600];
    struct pool_page page = { .head = { .status = 200, .fetched_ms = 1764000000000 } };
    int rc;

    page.head.url = page.head.final_url =
        (trommel_str){ url, (size_t)snprintf(url, sizeof url, "http://example.org/%u", i) };
    page.content_type = (trommel_str){ "text/html", 9 };
    page.body = (trommel_str){ html, (size_t)snprintf(html, sizeof html, "<title>Page %u</title><p>%s</p>", i, text) };
    memcpy(page.head.id, &i, sizeof i);
    while ((rc = pool_submit(w->pool, &page, (void *)(uintptr_t)i)) == ERR_FULL)
        turn(w);
    assert_int_equal(rc, 0);
    w->pairs[i] = shadow_page(w->shadow, &page, is_busy);
    w->sampled += w->pairs[i] != NULL;
}

static void wait_done(struct world *w, unsigned pages)
{
    uint64_t until = clock_mono_ms() + WAIT_MS;

    while (w->live_results < pages || number(w, "pending")) {
        assert_true(clock_mono_ms() < until);
        turn(w);
    }
}

static void world_free(struct world *w)
{
    pool_close(w->pool);
    shadow_free(w->shadow);
    free(w);
}

/* ---- the claims ---- */

static void equal_chains_differ(void **state)
{
    struct world *w = world_new("test/plugin/bad.so");

    (void)state;
    assert_int_equal(start_shadow(w, "test/plugin/bad.so", NULL, 1, &(struct err){ 0 }), 0);
    wait_state(w, "running");
    for (unsigned i = 0; i < 10; i++)
        submit(w, i, "the same", 0);
    wait_done(w, 10);
    assert_int_equal(number(w, "pages") + number(w, "shed"), 10);
    assert_int_equal(number(w, "equal"), number(w, "pages"));
    assert_true(number(w, "pages") > 0);
    world_free(w);
}

static void what_a_stage_adds_is_not_named(void **state)
{
    struct world *w = world_new(NULL);
    json_t *report, *fields, *worst;

    (void)state;
    assert_int_equal(start_shadow(w, "test/plugin/bad.so", NULL, 1, &(struct err){ 0 }), 0);
    wait_state(w, "running");
    submit(w, 1, "words", 0);
    submit(w, 2, "words MARK-ERROR", 0);
    wait_done(w, 2);
    report = shadow_report(w->shadow);
    fields = json_object_get(report, "fields");
    worst = json_object_get(report, "worst");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(fields, "meta.title"), "extra")), 1);
    assert_int_equal(json_integer_value(json_object_get(report, "failed")), 1);
    assert_int_equal(json_integer_value(json_object_get(report, "failed_live")), 0);
    assert_int_equal(json_array_size(worst), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(worst, 0), "url")), "http://example.org/2");
    assert_string_equal(json_string_value(json_object_get(json_array_get(worst, 0), "outcome")), "quarantined");
    json_decref(report);
    world_free(w);
}

/* Which pages are looked at depends on their ids and on nothing else. */
static void the_sample_is_by_chance(void **state)
{
    char first[PAGES], again[PAGES];
    unsigned n = 0;

    (void)state;
    for (int round = 0; round < 2; round++) {
        struct world *w = world_new(NULL);
        assert_int_equal(start_shadow(w, NULL, NULL, 0.3, &(struct err){ 0 }), 0);
        wait_state(w, "running");
        for (unsigned i = 0; i < PAGES; i++) {
            json_int_t before = number(w, "sampled");
            submit(w, i, "words", 1);
            (round ? again : first)[i] = (char)(number(w, "sampled") - before);
        }
        assert_int_equal(number(w, "seen"), PAGES);
        n = (unsigned)number(w, "sampled");
        wait_done(w, PAGES);
        world_free(w);
    }
    assert_memory_equal(first, again, sizeof first);
    assert_in_range(n, 1, PAGES - 1);
}

static void load_is_added_to_load(void **state)
{
    struct world *w = world_new(NULL);

    (void)state;
    assert_int_equal(start_shadow(w, NULL, NULL, 1, &(struct err){ 0 }), 0);
    wait_state(w, "running");
    for (unsigned i = 0; i < 5; i++)
        submit(w, i, "words", 1);
    assert_int_equal(w->sampled, 0);
    assert_int_equal(number(w, "shed"), 5);
    submit(w, 6, "words", 0);
    assert_int_equal(w->sampled, 1);
    wait_done(w, 6);
    assert_int_equal(number(w, "pages"), 1);
    world_free(w);
}

/* Its queue is full: the live pages go on, all of them, and what was shed is counted.  The candidate is stopped, so it
 * is full for certain. */
static void a_slow_candidate_holds_live_pages(void **state)
{
    struct world *w = world_new(NULL);

    (void)state;
    assert_int_equal(start_shadow(w, "test/plugin/bad.so", NULL, 1, &(struct err){ 0 }), 0);
    wait_state(w, "running");
    for (unsigned i = 0; i < PAGES; i++)
        submit(w, i, "MARK-SLEEP", 0); /* the first one never returns */
    while (w->live_results < PAGES)
        turn(w);
    assert_int_equal(number(w, "pages"), 0);
    assert_int_equal(number(w, "sampled"), PAGES);
    assert_int_equal(number(w, "shed") + number(w, "pending"), PAGES);
    assert_true(number(w, "shed") > 0);
    shadow_stop(w->shadow);
    assert_false(shadow_is_over(w->shadow));
    world_free(w);
}

static void a_candidate_that_cannot_load_goes_unsaid(void **state)
{
    struct world *w = world_new(NULL);
    struct err err = { 0 };
    json_t *report;

    (void)state;
    assert_int_equal(start_shadow(w, "test/plugin/bad.so", "bad.refuse=true", 1, &err), 0);
    wait_state(w, "failed");
    report = shadow_report(w->shadow);
    assert_non_null(strstr(json_string_value(json_object_get(report, "message")), "option refuse"));
    json_decref(report);
    assert_non_null(strstr(w->log, "option refuse"));
    assert_true(shadow_is_over(w->shadow));
    world_free(w);
}

static void a_candidate_that_dies_costs_a_live_page(void **state)
{
    struct world *w = world_new(NULL);

    (void)state;
    assert_int_equal(start_shadow(w, "test/plugin/bad.so", NULL, 1, &(struct err){ 0 }), 0);
    wait_state(w, "running");
    submit(w, 0, "MARK-NULL", 0);
    submit(w, 1, "words", 0);
    wait_done(w, 2);
    assert_int_equal(w->live_results, 2);
    assert_int_equal(number(w, "failed"), 1);
    assert_int_equal(number(w, "pages"), 2);
    world_free(w);
}

static void stopping_forgets_pages(void **state)
{
    struct world *w = world_new(NULL);

    (void)state;
    assert_int_equal(start_shadow(w, NULL, NULL, 1, &(struct err){ 0 }), 0);
    wait_state(w, "running");
    submit(w, 0, "words", 0);
    shadow_stop(w->shadow);
    submit(w, 1, "words", 0);
    wait_done(w, 2);
    assert_int_equal(number(w, "pages"), 1);
    assert_int_equal(number(w, "seen"), 1);
    while (!shadow_is_over(w->shadow))
        turn(w);
    world_free(w);
}

static void it_goes_on_beside_another_chain(void **state)
{
    struct world *w = world_new(NULL);
    struct chain_config c = chain_of("test/plugin/bad.so", NULL);
    struct pool_gen_stats stats = { 0 };
    uint32_t other;

    (void)state;
    assert_int_equal(start_shadow(w, NULL, NULL, 1, &(struct err){ 0 }), 0);
    wait_state(w, "running");
    submit(w, 0, "words", 0);
    assert_int_equal(pool_gen_start(w->pool, &c, &(struct pool_gen_options){ 0 }, &other, &(struct err){ 0 }), 0);
    while (stats.state != POOL_GEN_READY) {
        turn(w);
        assert_int_equal(pool_gen_stats(w->pool, other, &stats), 0);
    }
    assert_int_equal(pool_gen_live(w->pool, other), 0);
    submit(w, 1, "words", 0);
    wait_state(w, "stopped");
    wait_done(w, 2);
    assert_int_equal(number(w, "pages"), 1);
    assert_int_equal(number(w, "seen"), 1);
    world_free(w);
}

static void a_share_that_is_none_is_taken(void **state)
{
    static const double bad[] = { 0, -1, 1.5 };
    struct world *w = world_new(NULL);

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct err err = { 0 };
        assert_int_equal(start_shadow(w, NULL, NULL, bad[i], &err), ERR_USAGE);
        assert_non_null(strstr(err.text, "at most 1"));
        assert_null(w->shadow);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_chains_differ),
        cmocka_unit_test(what_a_stage_adds_is_not_named),
        cmocka_unit_test(the_sample_is_by_chance),
        cmocka_unit_test(load_is_added_to_load),
        cmocka_unit_test(a_slow_candidate_holds_live_pages),
        cmocka_unit_test(a_candidate_that_cannot_load_goes_unsaid),
        cmocka_unit_test(a_candidate_that_dies_costs_a_live_page),
        cmocka_unit_test(stopping_forgets_pages),
        cmocka_unit_test(it_goes_on_beside_another_chain),
        cmocka_unit_test(a_share_that_is_none_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
