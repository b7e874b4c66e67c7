/* Changes of the chain of a running pool: each kind, each refusal, probation, rollbacks, and what a job that
 * goes on knows of them. */
#include "crawl.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "chain/swap.h"
#include "tests/unit/frontier/folder.h"

static const char *const empty[] = { NULL };

/* ---- a crawl whose chain can be changed ---- */

struct told {
    unsigned times;
    int code;
    uint32_t generation, live;
    char message[1000];
    json_t *golden;
};
struct world {
    struct swap *swap;
    struct told told; /* of the change asked for last */
    struct swap_policy policy;
};

static struct world *world_of(struct crawl *c)
{
    return c->more;
}

static void on_generation(struct crawl *c, uint32_t generation, enum pool_gen_state state,
                          const struct err *why)
{
    if (world_of(c) && world_of(c)->swap)
        swap_on_generation(world_of(c)->swap, generation, state, why);
}

static void on_turn(struct crawl *c)
{
    swap_turn(world_of(c)->swap);
}

static void on_page(struct crawl *c, const struct pool_page *page)
{
    swap_page_seen(world_of(c)->swap, page);
}

static void on_done(void *arg, const struct swap_outcome *o)
{
    struct told *t = arg;

    t->times++;
    t->code = o->code;
    t->generation = o->generation;
    t->live = o->live;
    snprintf(t->message, sizeof t->message, "%s", o->message);
    json_decref(t->golden);
    t->golden = json_deep_copy(o->golden);
}

/* No probation, unless a test asks for one. */
static struct swap_policy policy_plain(void)
{
    struct swap_policy p = swap_policy_default();

    p.probation_pages = 0;
    p.probation_ms = 0;
    p.slower_max = 1000; /* the machine may be busy */
    p.worse_time = 0;
    return p;
}

/* dir NULL: without a state. */
static struct crawl *open_world(const char *dir, const char *const *files, const char *const *sets,
                                struct swap_options *with)
{
    struct crawl *c = crawl_make();
    struct world *w = calloc(1, sizeof *w);
    char *worker = built("trommel-worker");
    struct pool_options opt = crawl_options(c, 2, worker);
    struct chain_config config = crawl_chain(files, sets);
    struct swap_options sw = with ? *with : (struct swap_options){ .policy = policy_plain() };
    struct swap_start *start = NULL;
    struct err err = { 0 };

    if (dir && swap_resume(dir, "/nonexistent", &config, &opt, &start, &err))
        fail_msg("%s", err.text);
    c->on_generation = on_generation;
    if (pool_open(&opt, &config, &c->pool, &err))
        fail_msg("%s", err.text);
    sw.pool = c->pool;
    sw.start = &start;
    sw.on_log = crawl_log;
    sw.arg = c;
    if (swap_open(&sw, &w->swap, &err))
        fail_msg("%s", err.text);
    assert_null(start);
    w->policy = sw.policy;
    c->more = w;
    c->on_turn = on_turn;
    c->on_page = on_page;
    free(worker);
    return c;
}

static void close_world(struct crawl *c)
{
    struct world *w = c->more;

    swap_close(w->swap);
    json_decref(w->told.golden);
    free(w);
    crawl_free(c);
}

static int is_told(struct crawl *c)
{
    return world_of(c)->told.times > 0;
}

static void told_clear(struct world *w)
{
    json_decref(w->told.golden);
    w->told = (struct told){ 0 };
}

/* Asks, and waits for the answer: its code. */
static int change_by(struct crawl *c, struct swap_change ch)
{
    struct world *w = c->more;
    struct err err = { 0 };
    int rc;

    told_clear(w);
    rc = swap_request(w->swap, &ch, on_done, &w->told, &err);
    if (rc) {
        assert_string_not_equal(err.text, "");
        snprintf(w->told.message, sizeof w->told.message, "%s", err.text);
        return rc;
    }
    crawl_until(c, is_told, "the answer");
    assert_int_equal(w->told.times, 1);
    return w->told.code;
}

static void change(struct crawl *c, struct swap_change ch)
{
    if (change_by(c, ch))
        fail_msg("%s\n%s", world_of(c)->told.message, c->log);
}

static void refused(struct crawl *c, struct swap_change ch, int code, const char *part, const char *part2)
{
    const char *text = world_of(c)->told.message;
    int rc = change_by(c, ch);

    if (rc != code || !strstr(text, part) || !strstr(text, part2))
        fail_msg("code %d (wanted %d), message: %s\n%s", rc, code, text, c->log);
}

/* "marked:value=x other": the stages and what is set for them. */
static const char *stages_text(struct crawl *c)
{
    static char text[2000];
    json_t *all = swap_stages(world_of(c)->swap), *stage, *val;
    const char *key;
    size_t i;

    text[0] = 0;
    assert_non_null(all);
    json_array_foreach(json_object_get(all, "stages"), i, stage)
    {
        sprintf(text + strlen(text), "%s%s", i ? " " : "", json_string_value(json_object_get(stage, "id")));
        json_object_foreach(json_object_get(stage, "options"), key, val)
            sprintf(text + strlen(text), ":%s=%s", key, json_string_value(val));
    }
    json_decref(all);
    return text;
}

static const char *state_text(struct crawl *c)
{
    static char text[40];
    json_t *all = swap_stages(world_of(c)->swap);

    snprintf(text, sizeof text, "%s", json_string_value(json_object_get(all, "state")));
    json_decref(all);
    return text;
}

/* "result: message" of the history's row of a generation, the last one. */
static const char *row_text(struct crawl *c, uint32_t generation)
{
    static char text[1500];
    json_t *rows = swap_history(world_of(c)->swap), *row;
    size_t i;

    text[0] = 0;
    json_array_foreach(rows, i, row) if (json_integer_value(json_object_get(row, "generation")) == generation)
        snprintf(text, sizeof text, "%s: %s", json_string_value(json_object_get(row, "result")),
                 json_string_value(json_object_get(row, "message")));
    json_decref(rows);
    return text;
}

static uint32_t live(struct crawl *c)
{
    return pool_chain(c->pool).generation;
}

/* Pages from here on, all of which must be ok, with this value. */
static void check_pages(struct crawl *c, unsigned n, uint32_t generation, const char *value)
{
    unsigned first = c->next;

    crawl_puts(c, n, "");
    crawl_drain(c);
    for (unsigned i = first; i < c->next; i++)
        if (c->pages[i].outcome != OUTCOME_OK || c->pages[i].generation != generation ||
            strcmp(c->pages[i].value, value) != 0)
            fail_msg("page %u: %s in generation %u, value `%s`; wanted generation %u, `%s`\n%s", i,
                     outcome_name(c->pages[i].outcome), c->pages[i].generation, c->pages[i].value, generation,
                     value, c->log);
}

/* ---- files ---- */

/* A stage's file of its own: another hash, the same code. */
static char *another(const char *dir, const char *name, const char *of, const char *tail)
{
    char *from = built(of), *to, buf[65536];
    FILE *in = fopen(from, "rb"), *out;
    size_t n;

    assert_true(asprintf(&to, "%s/%s", dir, name) > 0);
    out = fopen(to, "wb");
    assert_true(in && out);
    while ((n = fread(buf, 1, sizeof buf, in)) > 0)
        assert_int_equal(fwrite(buf, 1, n, out), n);
    fputs(tail, out);
    fclose(in);
    assert_int_equal(fclose(out), 0);
    chmod(to, 0700);
    free(from);
    return to;
}

/* ---- kinds of changes ---- */

#define SETS(...)                                                                                            \
    .sets = (const char *const[]){ __VA_ARGS__ },                                                            \
    .n_sets = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)

static void a_change_is_not_made(void **state)
{
    struct crawl *c = open_world(NULL, empty, NULL, NULL);
    char *dir = folder_new(), *a = another(dir, "marked.so", "test/plugin/marked.so", "a");
    char *b = another(dir, "other.so", "test/plugin/marked.so", "b");
    char *stamp = another(dir, "stamp.so", "test/plugin/stamp_a.so", "");

    (void)state;
    check_pages(c, 3, 1, "");
    change(c, (struct swap_change){ .kind = SWAP_ADD, .file = a, SETS("value=one") });
    assert_string_equal(stages_text(c), "marked:value=one");
    check_pages(c, 3, 2, "one");
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=two") });
    assert_string_equal(stages_text(c), "marked:value=two");
    check_pages(c, 3, 3, "two");
    change(c, (struct swap_change){ .kind = SWAP_REPLACE, .id = "marked", .file = b });
    check_pages(c, 3, 4, "two");
    change(c, (struct swap_change){ .kind = SWAP_ADD, .file = stamp, SETS("tag=t") });
    assert_string_equal(stages_text(c), "marked:value=two stamp-a:tag=t");
    change(c, (struct swap_change){
                  .kind = SWAP_REORDER, .ids = (const char *const[]){ "stamp-a", "marked" }, .n_ids = 2 });
    assert_string_equal(stages_text(c), "stamp-a:tag=t marked:value=two");
    change(c, (struct swap_change){ .kind = SWAP_REMOVE, .id = "marked" });
    assert_string_equal(stages_text(c), "stamp-a:tag=t");
    check_pages(c, 3, 7, "");
    change(c, (struct swap_change){ .kind = SWAP_ROLLBACK });
    assert_string_equal(stages_text(c), "stamp-a:tag=t marked:value=two");
    check_pages(c, 3, 8, "two");
    close_world(c);
    free(a);
    free(b);
    free(stamp);
    folder_remove(dir);
}

/* ---- refusals ---- */

static void a_change_that_is_none_is_begun(void **state)
{
    char *stages = built("stage");
    struct swap_options opt = { .policy = policy_plain(), .stage_dir = stages };
    struct crawl *c = open_world(NULL, (const char *const[]){ "test/plugin/marked.so", NULL }, NULL, &opt);
    char *dir = folder_new(), *open_file = another(dir, "open.so", "test/plugin/stamp_a.so", "");
    char *major = another(dir, "major.so", "test/plugin/other_major.so", ""), *command;

    (void)state;
    chmod(open_file, 0777);
    assert_true(asprintf(&command, "command=/bin/sh %s", open_file) > 0);
    refused(c, (struct swap_change){ .kind = SWAP_REMOVE, .id = "price" }, ERR_USAGE, "no stage `price`",
            "marked");
    refused(c, (struct swap_change){ .kind = SWAP_ADD }, ERR_USAGE, "which file", "");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = "/nowhere.so" }, ERR_USAGE, "/nowhere.so",
            "correct the path");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = open_file }, ERR_REFUSED, "open.so", "0777");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = major }, ERR_REFUSED, "major.so", "major");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = "exec.x", SETS(command) }, ERR_REFUSED,
            "stage `exec.x`", "0777");
    refused(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked" }, ERR_USAGE, "marked", "OPTION=VALUE");
    refused(c, (struct swap_change){ .kind = SWAP_RELOAD }, ERR_USAGE, "without a configuration file",
            "name one");
    refused(c, (struct swap_change){ .kind = SWAP_ROLLBACK }, ERR_ABSENT, "no chain before generation 1", "");
    check_pages(c, 3, 1, "none");
    assert_int_equal(world_of(c)->told.times, 0);
    close_world(c);
    free(open_file);
    free(major);
    free(command);
    free(stages);
    folder_remove(dir);
}

/* Each is refused by its workers, or on a golden page; the live chain goes on, and no number is left out. */
static void a_chain_that_cannot_work_goes_live(void **state)
{
    struct swap_options opt = { .policy = policy_plain(), .candidate_ms = 60000 };
    struct crawl *c = open_world(NULL, (const char *const[]){ "test/plugin/marked.so", NULL }, NULL, &opt);
    char *dir = folder_new(), *ctor = another(dir, "ctor.so", "test/plugin/ctor.so", "");
    char *needy = another(dir, "needy.so", "test/plugin/needy.so", "");
    const struct swap_change set = { .kind = SWAP_SET, .id = "marked" };
    struct swap_change ch;

    (void)state;
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = ctor }, ERR_REFUSED, ctor,
            "while it was being loaded");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = needy }, ERR_USAGE,
            "`needy` needs `price.amount`", "");
    ch = set;
#define HOW(...)                                                                                             \
    (ch.sets = (const char *const[]){ __VA_ARGS__ },                                                         \
     ch.n_sets = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), ch)
    refused(c, HOW("colour=red"), ERR_USAGE, "no option `colour`", "value, mark, how");
    refused(c, HOW("how=badly"), ERR_USAGE, "how", "badly");
    refused(c, HOW("how=refuse"), ERR_USAGE, "`marked`", "it says refuse");
    refused(c, HOW("how=die"), ERR_REFUSED, "marked.so", "while it was being configured");
    refused(c, HOW("how=crash", "mark=:"), ERR_REFUSED, "golden/", "marked");
    refused(c, HOW("how=loop", "mark=:"), ERR_REFUSED, "golden/", "marked");
    refused(c, HOW("how=error", "mark=:"), ERR_REFUSED, "golden/", "marked");
    check_pages(c, 3, 1, "none");
    assert_string_equal(stages_text(c), "marked");
    assert_int_equal(live(c), 1);
    change(c, HOW("value=good"));
    assert_int_equal(live(c), 11);
    assert_non_null(strstr(row_text(c, 11), "settled: "));
    assert_non_null(strstr(row_text(c, 2), "refused: "));
    check_pages(c, 3, 11, "good");
    close_world(c);
    free(ctor);
    free(needy);
    folder_remove(dir);
}

static void a_chain_that_never_loads_is_waited_for(void **state)
{
    struct swap_options opt = { .policy = policy_plain(), .candidate_ms = 300 };
    struct crawl *c = open_world(NULL, (const char *const[]){ "test/plugin/marked.so", NULL }, NULL, &opt);

    (void)state;
    refused(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=hang") }, ERR_TIMEOUT,
            "not ready", "");
    check_pages(c, 3, 1, "none");
    close_world(c);
}

static void two_changes_are_made_at_a_time(void **state)
{
    struct crawl *c = open_world(NULL, (const char *const[]){ "test/plugin/marked.so", NULL }, NULL, NULL);
    struct world *w = c->more;
    struct swap_change ch = { .kind = SWAP_SET, .id = "marked", SETS("value=first") };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(swap_request(w->swap, &ch, on_done, &w->told, &err), 0);
    assert_non_null(swap_doing(w->swap));
    assert_int_equal(swap_request(w->swap, &ch, on_done, &w->told, &err), ERR_AGAIN);
    assert_non_null(strstr(err.text, "set marked value=first"));
    assert_int_equal(
        swap_request(w->swap, &(struct swap_change){ .kind = SWAP_ROLLBACK }, on_done, &w->told, &err),
        ERR_AGAIN);
    crawl_until(c, is_told, "the answer");
    assert_int_equal(w->told.times, 1);
    assert_null(swap_doing(w->swap));
    check_pages(c, 3, 2, "first");
    close_world(c);
}

/* Whoever asked is told when everything ends. */
static void a_change_under_way_is_forgotten_at_the_end(void **state)
{
    struct crawl *c = open_world(NULL, (const char *const[]){ "test/plugin/marked.so", NULL }, NULL, NULL);
    struct world *w = c->more;
    struct told told = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(swap_request(w->swap,
                                  &(struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=x") },
                                  on_done, &told, &err),
                     0);
    close_world(c);
    assert_int_equal(told.times, 1);
    assert_int_equal(told.code, ERR_CLOSED);
}

/* ---- probation ---- */

static const char *const marked[] = { "test/plugin/marked.so", NULL };

static struct swap_options watched(uint64_t pages, uint32_t ms)
{
    struct swap_options opt = { .policy = policy_plain() };

    opt.policy.probation_pages = pages;
    opt.policy.probation_ms = ms;
    return opt;
}

static int is_settled(struct crawl *c)
{
    return !strcmp(state_text(c), "settled");
}

/* Pages with the mark until the history says so of the generation; none is quarantined unless `fails`. */
static void feed_until(struct crawl *c, uint32_t generation, const char *result, const char *mark)
{
    for (unsigned i = 0; strncmp(row_text(c, generation), result, strlen(result)) != 0; i++) {
        if (i == 400)
            fail_msg("generation %u is not %s after 400 pages: %s\n%s", generation, result,
                     row_text(c, generation), c->log);
        crawl_put(c, mark);
        crawl_turn_ms(c, 0);
    }
    crawl_drain(c);
}

static unsigned quarantined(const struct crawl *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->next; i++)
        n += c->pages[i].outcome == OUTCOME_QUARANTINED;
    return n;
}

/* The pages that kill it run in the old generation, and are delivered. */
static void a_chain_that_crashes_on_probation_stays(void **state)
{
    struct swap_options opt = watched(10000, 0);
    struct crawl *c = open_world(NULL, marked, NULL, &opt);
    char *dir = folder_new(), *other = another(dir, "other.so", "test/plugin/marked.so", "other");
    struct swap_change ch = {
        .kind = SWAP_REPLACE, .id = "marked", .file = other, SETS("how=crash", "value=new"), .by = "root"
    };

    (void)state;
    check_pages(c, 5, 1, "none");
    change(c, ch);
    assert_string_equal(state_text(c), "probation");
    check_pages(c, 5, 2, "new");
    feed_until(c, 2, "rolled_back: rolled back to generation 1", "MARK");
    assert_int_equal(live(c), 1);
    assert_true(is_settled(c));
    assert_int_equal(quarantined(c), 0);
    for (unsigned i = 10; i < c->next; i++)
        assert_string_equal(c->pages[i].value, "none");
    assert_non_null(strstr(row_text(c, 2), "workers died"));
    assert_non_null(strstr(row_text(c, 2), "stage `marked`"));
    assert_non_null(strstr(c->log, "other.so ("));
    check_pages(c, 5, 1, "none");
    refused(c, ch, ERR_REFUSED, "other.so", "block");
    ch.despite_block = 1;
    refused(c, ch, ERR_REFUSED, "golden pages",
            "/MARK, stage marked: crash"); /* one of the pages it died of */
    opt.policy.golden = 0;
    ch.policy = &opt.policy;
    change(c, ch);
    check_pages(c, 5, 4, "new");
    close_world(c);
    free(other);
    folder_remove(dir);
}

/* No file was brought: the chain itself is blocked. */
static void a_chain_that_fails_more_on_probation_stays(void **state)
{
    struct swap_options opt = watched(10000, 0);
    struct crawl *c = open_world(NULL, marked, NULL, &opt);
    struct swap_change ch = { .kind = SWAP_SET, .id = "marked", SETS("how=error") };

    (void)state;
    check_pages(c, 60, 1, "none");
    change(c, ch);
    feed_until(c, 2, "rolled_back", "MARK");
    assert_int_equal(live(c), 1);
    assert_non_null(strstr(row_text(c, 2), "pages failed (100.0 %), 0.0 % before"));
    for (unsigned i = 0; i < c->next; i++)
        assert_int_equal(c->pages[i].outcome == OUTCOME_QUARANTINED, c->pages[i].generation == 2);
    refused(c, ch, ERR_REFUSED, "rolled back before", "tried all the same");
    ch.sets = (const char *const[]){ "how=well" };
    change(c, ch);
    close_world(c);
}

/* Pages that fail with the old chain as well are no reason. */
static void a_chain_is_blamed_for_bad_pages(void **state)
{
    struct swap_options opt = watched(100, 0);
    struct crawl *c = open_world(NULL, marked, (const char *const[]){ "marked.how=error", NULL }, &opt);

    (void)state;
    crawl_puts(c, 60, "MARK");
    crawl_drain(c);
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=x") });
    feed_until(c, 2, "settled", "MARK");
    assert_int_equal(live(c), 2);
    close_world(c);
}

static void a_chain_that_is_slower_on_probation_stays(void **state)
{
    struct swap_options opt = watched(10000, 0);
    struct crawl *c = open_world(NULL, marked, NULL, &opt);

    (void)state;
    world_of(c)->policy.worse_time = 4;
    check_pages(c, 60, 1, "none");
    change(c, (struct swap_change){ .kind = SWAP_SET,
                                    .id = "marked",
                                    SETS("how=burn", "burn_us=8000"),
                                    .policy = &world_of(c)->policy });
    feed_until(c, 2, "rolled_back", "MARK");
    assert_non_null(strstr(row_text(c, 2), "ms of CPU time,"));
    assert_int_equal(live(c), 1);
    assert_int_equal(quarantined(c), 0);
    close_world(c);
}

/* It takes no CPU time, and waits. */
static void a_chain_that_waits_on_probation_stays(void **state)
{
    struct swap_options opt = watched(10000, 0);
    struct crawl *c = open_world(NULL, marked, NULL, &opt);

    (void)state;
    world_of(c)->policy.worse_time = 4;
    check_pages(c, 60, 1, "none");
    change(c, (struct swap_change){ .kind = SWAP_SET,
                                    .id = "marked",
                                    SETS("how=sleep", "burn_us=60000"),
                                    .policy = &world_of(c)->policy });
    feed_until(c, 2, "rolled_back", "MARK");
    assert_non_null(strstr(row_text(c, 2), "CPU time and waiting"));
    assert_int_equal(live(c), 1);
    close_world(c);
}

static int is_gone(struct crawl *c, uint32_t generation)
{
    struct pool_gen_stats st;

    return pool_gen_stats(c->pool, generation, &st) == ERR_ABSENT;
}

static int first_is_gone(struct crawl *c)
{
    return is_gone(c, 1);
}

static void probation_never_ends(void **state)
{
    static const struct {
        uint64_t pages;
        uint32_t ms;
        unsigned fed;
    } cases[] = { { 30, 0, 30 }, { 0, 50, 0 }, { 30, 50, 30 }, { 1000, 20, 0 } };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct swap_options opt = watched(cases[i].pages, cases[i].ms);
        struct crawl *c = open_world(NULL, marked, NULL, &opt);
        change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=x") });
        assert_false(is_gone(c, 1));
        if (cases[i].fed)
            check_pages(c, cases[i].fed - 1, 2, "x");
        if (cases[i].fed && !cases[i].ms)
            assert_false(is_settled(c)); /* a page is wanting */
        check_pages(c, cases[i].fed > 0, 2, "x");
        assert_true(cases[i].ms == 0 || swap_wait_ms(world_of(c)->swap) >= 0 || is_settled(c));
        crawl_until(c, is_settled, "the end of the probation");
        crawl_until(c, first_is_gone, "the end of generation 1");
        assert_non_null(strstr(row_text(c, 2), "settled: settled after"));
        assert_int_equal(swap_wait_ms(world_of(c)->swap), -1);
        close_world(c);
    }
}

/* The one before is taken as settled, and stands by. */
static void a_change_on_probation_waits(void **state)
{
    struct swap_options opt = watched(10000, 0);
    struct crawl *c = open_world(NULL, marked, NULL, &opt);

    (void)state;
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=two") });
    check_pages(c, 5, 2, "two");
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=crash", "value=three") });
    assert_non_null(strstr(row_text(c, 2), "generation 3 took its place"));
    crawl_until(c, first_is_gone, "the end of generation 1");
    assert_false(is_gone(c, 2));
    check_pages(c, 5, 3, "three");
    feed_until(c, 3, "rolled_back: rolled back to generation 2", "MARK");
    check_pages(c, 5, 2, "two");
    assert_int_equal(quarantined(c), 0);
    change(c, (struct swap_change){ .kind = SWAP_ROLLBACK });
    check_pages(c, 5, 4, "none"); /* the chain of generation 1, anew */
    close_world(c);
}

/* What it was made from is no more. */
static void a_candidate_outlives_its_chain(void **state)
{
    struct swap_options opt = watched(10000, 0);
    struct crawl *c = open_world(NULL, marked, NULL, &opt);
    struct world *w = c->more;
    struct err err = { 0 };

    (void)state;
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=crash") });
    told_clear(w);
    assert_int_equal(swap_request(w->swap,
                                  &(struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=hang") },
                                  on_done, &w->told, &err),
                     0);
    feed_until(c, 2, "rolled_back", "MARK");
    crawl_until(c, is_told, "the answer");
    assert_int_equal(w->told.code, ERR_REFUSED);
    assert_non_null(strstr(w->told.message, "generation 2) was rolled back meanwhile"));
    check_pages(c, 5, 1, "none");
    close_world(c);
}

/* Golden pages that the live chain still holds when it is rolled back come after it is forgotten. */
static void golden_pages_outlive_their_chain(void **state)
{
    struct swap_options opt = watched(10000, 0);
    struct swap_policy blind = opt.policy; /* so that nothing is known of generation 2 and the golden pages */
    struct crawl *c = open_world(NULL, marked, NULL, &opt);
    struct pool_gen_stats st = { .crashes = 0 };
    struct world *w = c->more;
    struct err err = { 0 };

    (void)state;
    blind.golden = 0;
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=crash"), .policy = &blind });
    c->on_turn = NULL; /* it is bad, and nobody looks */
    while (st.crashes < 3 && !pool_gen_stats(c->pool, 2, &st)) {
        crawl_put(c, "MARK");
        crawl_drain(c);
    }
    json_decref(w->told.golden);
    told_clear(w);
    assert_int_equal(swap_request(w->swap,
                                  &(struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=x") },
                                  on_done, &w->told, &err),
                     0);
    swap_turn(w->swap); /* hands golden pages to generation 2, then goes back from it */
    assert_int_equal(live(c), 1);
    c->on_turn = on_turn;
    crawl_until(c, is_told, "the answer");
    assert_int_equal(w->told.code, ERR_REFUSED);
    assert_non_null(strstr(w->told.message, "generation 2) was rolled back meanwhile"));
    check_pages(c, 5, 1, "none");
    close_world(c);
}

/* ---- going back ---- */

static void a_rollback_does_not_go_back(void **state)
{
    struct swap_options opt = watched(10, 0);
    struct crawl *c = open_world(NULL, marked, NULL, &opt);
    const struct swap_change back = { .kind = SWAP_ROLLBACK, .by = "uid 7" };

    (void)state;
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=two") });
    change(c, back); /* on probation: the old generation is there still */
    check_pages(c, 3, 1, "none");
    assert_non_null(strstr(row_text(c, 2), "rolled_back: rolled back to generation 1: asked for"));
    refused(c, back, ERR_ABSENT, "no chain before", "");
    change(c,
           (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=two") }); /* is not blocked */
    check_pages(c, 20, 3, "two");
    crawl_until(c, is_settled, "the end of the probation");
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=four") });
    check_pages(c, 20, 4, "four");
    change(c, back);
    check_pages(c, 3, 5, "two");
    change(c, back);
    check_pages(c, 3, 6, "none");
    refused(c, back, ERR_ABSENT, "no chain before", "");
    close_world(c);
}

/* Long after its probation. */
static void a_settled_chain_that_keeps_crashing_stays(void **state)
{
    struct crawl *c = open_world(NULL, marked, NULL, NULL);

    (void)state;
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=crash", "value=two") });
    check_pages(c, 10, 2, "two");
    feed_until(c, 2, "rolled_back: rolled back to generation 3: it keeps crashing", "MARK");
    check_pages(c, 10, 3, "none");
    refused(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=crash", "value=two") },
            ERR_REFUSED, "rolled back before", "");
    close_world(c);
}

/* ---- a chain whose workers cannot be kept alive ---- */

/* The copies of a stage are gone: no worker of that generation can start again. */
static void copies_remove(const char *dir, const char *name)
{
    char path[600];
    struct dirent *e;
    unsigned n = 0;
    DIR *d;

    snprintf(path, sizeof path, "%s/stages", dir);
    d = opendir(path);
    assert_non_null(d);
    while ((e = readdir(d)))
        if (!strncmp(e->d_name, name, strlen(name)))
            n += !unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    assert_int_equal(n, 1);
}

static void pages_of_a_dead_chain_are_lost(void **state)
{
    const char *const with_tag[] = { "test/plugin/marked.so", "test/plugin/stamp_b.so", NULL };

    (void)state;
    for (int on_probation = 0; on_probation < 2; on_probation++) {
        struct swap_options opt = watched(on_probation ? 10000 : 0, 0);
        char *dir = folder_new(), *other = another(dir, "other.so", "test/plugin/marked.so", "other");
        struct crawl *c = open_world(dir, with_tag, NULL, &opt);
        unsigned first;
        opt.policy.crashes_max = 0; /* not what is tested here */
        change(c, (struct swap_change){ .kind = SWAP_REPLACE,
                                        .id = "marked",
                                        .file = other,
                                        SETS("how=crash", "value=new"),
                                        .policy = &opt.policy });
        check_pages(c, 4, 2, "new");
        copies_remove(dir, "other-");
        first = c->next;
        crawl_puts(c, 2, "MARK"); /* its workers die of these, and cannot be replaced */
        crawl_puts(c, 60, "");
        crawl_drain(c);
        assert_int_equal(live(c), on_probation ? 1 : 3);
        assert_non_null(strstr(row_text(c, 2), "rolled_back: "));
        assert_true(is_settled(c));
        for (unsigned i = first + 2; i < c->next; i++)
            assert_int_equal(c->pages[i].outcome, OUTCOME_OK);
        check_pages(c, 4, on_probation ? 1 : 3, "none");
        close_world(c);
        free(other);
        folder_remove(dir);
    }
}

/* ---- golden pages ---- */

/* The crawl's own pages are among them. */
static void a_chain_that_fails_on_the_last_pages_goes_live(void **state)
{
    struct crawl *c = open_world(NULL, marked, NULL, NULL);

    (void)state;
    check_pages(c, 12, 1, "none");
    refused(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=crash", "mark=/7/") },
            ERR_REFUSED, "1 of", "http://crawl.test/7/");
    refused(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=loop", "mark=/7/") },
            ERR_REFUSED, "http://crawl.test/7/", "timeout");
    check_pages(c, 12, 1, "none");
    close_world(c);
}

static void a_policy_is_not_kept(void **state)
{
    struct crawl *c = open_world(NULL, marked, NULL, NULL);
    const char *const keep[] = { "meta.title", "x.marked.value" };
    struct swap_policy p = policy_plain();
    struct swap_change ch = { .kind = SWAP_SET, .id = "marked", SETS("value=other"), .policy = &p };

    (void)state;
    p.keep = keep;
    p.n_keep = 2;
    refused(c, ch, ERR_REFUSED, "x.marked.value", "must be kept");
    assert_true(json_integer_value(json_object_get(world_of(c)->told.golden, "differ")) > 0);
    p.n_keep = 1;
    change(c, ch);
    assert_true(json_integer_value(json_object_get(world_of(c)->told.golden, "pages")) > 0);
    ch.sets = (const char *const[]){ "how=error", "mark=golden" };
    ch.n_sets = 2;
    p.errors_max = 1;
    p.golden = 0;
    ch.sets = (const char *const[]){ "how=error", "mark=:" };
    change(c, ch); /* nobody asked the golden pages */
    assert_null(world_of(c)->told.golden);
    close_world(c);
}

static void a_slow_chain_goes_live(void **state)
{
    struct crawl *c = open_world(NULL, marked, NULL, NULL);
    struct swap_policy p = policy_plain();

    (void)state;
    p.slower_max = 4;
    refused(c,
            (struct swap_change){
                .kind = SWAP_SET, .id = "marked", SETS("how=burn", "burn_us=30000", "mark=:"), .policy = &p },
            ERR_REFUSED, "CPU time", "at most 4");
    check_pages(c, 4, 1, "none");
    close_world(c);
}

/* ---- a job that goes on ---- */

static void a_job_that_goes_on_forgets(void **state)
{
    const char *const changed[] = { "marked.value=changed", NULL };
    char *dir = folder_new(), *state_path,
         *other = another(dir, "other.so", "test/plugin/marked.so", "other");
    struct crawl *c = open_world(dir, marked, NULL, NULL);

    (void)state;
    check_pages(c, 2, 1, "none");
    change(c, (struct swap_change){ .kind = SWAP_REPLACE, .id = "marked", .file = other, SETS("value=two") });
    refused(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=die") }, ERR_REFUSED,
            "configured", "");
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=four") });
    check_pages(c, 2, 4, "four");
    close_world(c);
    assert_int_equal(unlink(other), 0); /* the copy is enough */

    c = open_world(dir, marked, NULL, NULL);
    assert_non_null(strstr(c->log, "goes on as it was changed last (generation 4)"));
    check_pages(c, 2, 5, "four");
    assert_string_equal(stages_text(c), "marked:value=four");
    assert_non_null(strstr(row_text(c, 3), "refused: "));
    change(c, (struct swap_change){ .kind = SWAP_ROLLBACK });
    check_pages(c, 2, 6, "two");
    close_world(c);

    c = open_world(dir, marked, changed, NULL); /* the user wants another one now */
    assert_non_null(strstr(c->log, "the configuration is not the one"));
    check_pages(c, 2, 7, "changed");
    change(c, (struct swap_change){ .kind = SWAP_ROLLBACK });
    check_pages(c, 2, 8, "two");
    close_world(c);

    c = open_world(dir, marked, changed, NULL);
    check_pages(c, 2, 9, "two");
    close_world(c);
    assert_true(asprintf(&state_path, "%s/chain.json", dir) > 0);
    assert_int_equal(unlink(state_path), 0);
    c = open_world(dir, marked, NULL, NULL);
    check_pages(c, 2, 1, "none");
    close_world(c);
    free(state_path);
    free(other);
    folder_remove(dir);
}

/* It goes on with it, and does not watch it any more. */
static void a_job_stopped_on_probation_forgets(void **state)
{
    struct swap_options opt = watched(10000, 0);
    char *dir = folder_new();
    struct crawl *c = open_world(dir, marked, NULL, &opt);

    (void)state;
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=two") });
    check_pages(c, 2, 2, "two");
    close_world(c);
    c = open_world(dir, marked, NULL, &opt);
    assert_non_null(strstr(row_text(c, 2), "settled: the job ended while it was on probation"));
    assert_true(is_settled(c));
    check_pages(c, 2, 3, "two");
    close_world(c);
    folder_remove(dir);
}

static void write_file(const char *path, const char *mode, const char *text)
{
    FILE *f = fopen(path, mode);

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The configuration is taken, the warning names the file, numbers go on. */
static void a_damaged_state_stops_the_job(void **state)
{
    static const char *const damages[] = {
        "",
        "{",
        "[]",
        "{\"v\": 1, \"last_generation\": 41}",
        "{\"v\": 1, \"last_generation\": 41, \"live\": {\"items\": [{\"ref\": 7",
        "\xff\xfe"
    };
    char *dir = folder_new(), *path;

    (void)state;
    assert_true(asprintf(&path, "%s/chain.json", dir) > 0);
    for (unsigned i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct crawl *c;
        write_file(path, "w", damages[i]);
        c = open_world(dir, marked, NULL, NULL);
        assert_non_null(strstr(c->log, "chain.json:1: is damaged"));
        assert_non_null(strstr(c->log, "chain.json.damaged"));
        check_pages(c, 2, strstr(damages[i], "41") ? 42 : 1, "none");
        close_world(c);
    }
    free(path);
    folder_remove(dir);
}

/* A copy that is gone: the configuration is taken. */
static void a_lost_copy_stops_the_job(void **state)
{
    char *dir = folder_new(), *other = another(dir, "other.so", "test/plugin/marked.so", "other");
    struct crawl *c = open_world(dir, marked, NULL, NULL);

    (void)state;
    change(c, (struct swap_change){ .kind = SWAP_REPLACE, .id = "marked", .file = other, SETS("value=two") });
    close_world(c);
    copies_remove(dir, "other-");
    c = open_world(dir, marked, NULL, NULL);
    assert_non_null(strstr(c->log, "is not there any more"));
    check_pages(c, 2, 3, "none");
    close_world(c);
    free(other);
    folder_remove(dir);
}

static void a_reload_does_not_read_again(void **state)
{
    const char *const args[] = { "marked.value=arg", NULL };
    char *dir = folder_new(), *path, text[600],
         *stage = another(dir, "marked.so", "test/plugin/marked.so", "");
    struct swap_options opt = { .policy = policy_plain() };
    struct crawl *c;

    (void)state;
    assert_true(asprintf(&path, "%s/job.yaml", dir) > 0);
    opt.config_path = path;
    write_file(path, "w", "chain: []\n");
    c = open_world(dir, marked, args, &opt);
    refused(c, (struct swap_change){ .kind = SWAP_RELOAD }, ERR_USAGE, "`marked`",
            ""); /* an option without its stage */
    write_file(path, "w", "chain: [./marked.so\n");
    refused(c, (struct swap_change){ .kind = SWAP_RELOAD }, ERR_USAGE, "job.yaml:2:1", "YAML");
    snprintf(text, sizeof text, "chain:\n  - stage: ./marked.so\n    set: {value: file, mark: X}\n");
    write_file(path, "w", text);
    change(c, (struct swap_change){ .kind = SWAP_RELOAD });
    check_pages(c, 2, live(c), "arg"); /* the command line wins, as at the start */
    close_world(c);
    free(path);
    free(stage);
    folder_remove(dir);
}

/* ---- at large ---- */

static unsigned copies_count(const char *dir)
{
    char path[600];
    struct dirent *e;
    unsigned n = 0;
    DIR *d;

    snprintf(path, sizeof path, "%s/stages", dir);
    d = opendir(path);
    while (d && (e = readdir(d)))
        n += strstr(e->d_name, ".so") != NULL;
    closedir(d);
    return n;
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

/* Changes one after the other while pages run: none is lost, none comes twice, and what a record holds is of
 * the generation it names.  Files and descriptors do not pile up. */
static void pages_and_changes_get_mixed(void **state)
{
    enum { CHANGES = 26 };
    char *dir = folder_new(), *files[CHANGES], name[40], values[CHANGES + 2][24] = { "v0" };
    struct crawl *c = open_world(dir, marked, (const char *const[]){ "marked.value=v0", NULL }, NULL);
    struct world *w = c->more;
    unsigned fds = 0;

    (void)state;
    for (int i = 0; i < CHANGES; i++) {
        unsigned first = c->next;
        struct err err = { 0 };
        char set[40];
        snprintf(name, sizeof name, "f%d.so", i);
        files[i] = another(dir, name, "test/plugin/marked.so", name);
        snprintf(set, sizeof set, "value=v%d", i + 2);
        told_clear(w);
        assert_int_equal(swap_request(w->swap,
                                      &(struct swap_change){
                                          .kind = SWAP_REPLACE, .id = "marked", .file = files[i], SETS(set) },
                                      on_done, &w->told, &err),
                         0);
        while (!is_told(c) && c->next < first + 100)
            crawl_put(c, "");
        crawl_until(c, is_told, "the answer");
        assert_int_equal(w->told.code, 0);
        assert_int_equal(w->told.generation, i + 2);
        snprintf(values[i + 2], sizeof values[0], "v%d", i + 2);
        if (i == 4)
            fds = descriptors();
    }
    crawl_drain(c);
    for (unsigned i = 0; i < c->next; i++)
        if (strcmp(c->pages[i].value, c->pages[i].generation == 1 ? "v0" : values[c->pages[i].generation]) !=
            0)
            fail_msg("page %u ran in generation %u and has value %s", i, c->pages[i].generation,
                     c->pages[i].value);
    crawl_until(c, first_is_gone, "the end of generation 1");
    while (!is_gone(c, CHANGES))
        crawl_turn(c);
    assert_in_range(descriptors(), 1, fds + 40);
    crawl_turn(c);
    assert_in_range(copies_count(dir), 1, 22); /* what runs, and what can be gone back to */
    close_world(c);
    for (int i = 0; i < CHANGES; i++)
        free(files[i]);
    folder_remove(dir);
}

static void a_draft_is_more_than_a_draft(void **state)
{
    struct crawl *c = open_world(NULL, marked, NULL, NULL);
    char *dir = folder_new(), *stamp = another(dir, "stamp.so", "test/plugin/stamp_a.so", "");
    struct chain_config config;
    struct err err = { 0 };
    unsigned flags = 7;

    (void)state;
    assert_int_equal(swap_draft(world_of(c)->swap, &(struct swap_change){ .kind = SWAP_ADD, .file = stamp },
                                &config, &flags, &err),
                     0);
    assert_int_equal(config.n_items, 2);
    assert_int_equal(flags, 0);
    change(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=x") });
    crawl_until(c, first_is_gone, "the end of generation 1");
    crawl_turn(c);
    assert_int_equal(access(config.items[1].path, R_OK), 0); /* was not swept away */
    chain_config_release(&config);
    assert_int_equal(swap_draft(world_of(c)->swap, &(struct swap_change){ .kind = SWAP_REMOVE, .id = "none" },
                                &config, &flags, &err),
                     ERR_USAGE);
    assert_null(config.items);
    check_pages(c, 2, 2, "x");
    close_world(c);
    free(stamp);
    folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_not_made),
        cmocka_unit_test(a_change_that_is_none_is_begun),
        cmocka_unit_test(a_chain_that_cannot_work_goes_live),
        cmocka_unit_test(a_chain_that_never_loads_is_waited_for),
        cmocka_unit_test(two_changes_are_made_at_a_time),
        cmocka_unit_test(a_change_under_way_is_forgotten_at_the_end),
        cmocka_unit_test(a_chain_that_crashes_on_probation_stays),
        cmocka_unit_test(a_chain_that_fails_more_on_probation_stays),
        cmocka_unit_test(a_chain_is_blamed_for_bad_pages),
        cmocka_unit_test(a_chain_that_is_slower_on_probation_stays),
        cmocka_unit_test(a_chain_that_waits_on_probation_stays),
        cmocka_unit_test(probation_never_ends),
        cmocka_unit_test(a_change_on_probation_waits),
        cmocka_unit_test(a_candidate_outlives_its_chain),
        cmocka_unit_test(golden_pages_outlive_their_chain),
        cmocka_unit_test(a_rollback_does_not_go_back),
        cmocka_unit_test(a_settled_chain_that_keeps_crashing_stays),
        cmocka_unit_test(pages_of_a_dead_chain_are_lost),
        cmocka_unit_test(a_chain_that_fails_on_the_last_pages_goes_live),
        cmocka_unit_test(a_policy_is_not_kept),
        cmocka_unit_test(a_slow_chain_goes_live),
        cmocka_unit_test(a_job_that_goes_on_forgets),
        cmocka_unit_test(a_job_stopped_on_probation_forgets),
        cmocka_unit_test(a_damaged_state_stops_the_job),
        cmocka_unit_test(a_lost_copy_stops_the_job),
        cmocka_unit_test(a_reload_does_not_read_again),
        cmocka_unit_test(pages_and_changes_get_mixed),
        cmocka_unit_test(a_draft_is_more_than_a_draft),
    };

    if (getenv("CRAWL_LOG"))
        log_init("test", LOG_TRACE);
    if (getenv("CMOCKA_TEST"))
        cmocka_set_test_filter(getenv("CMOCKA_TEST"));
    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
