/* Changes of the chain of a running pool: each kind, each refusal, probation, rollbacks, and what a job that goes on
 * knows of them. */
#include "crawl.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/log.h"
#include "chain/swap.h"


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

static void on_generation(struct crawl *c, uint32_t generation, enum pool_gen_state state, const struct err *why)
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

/* Asks, and waits for the answer: its code. */
static int change_by(struct crawl *c, struct swap_change ch)
{
    struct world *w = c->more;
    struct err err = { 0 };
    int rc;

    json_decref(w->told.golden);
    w->told = (struct told){ 0 };
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
    json_array_foreach(json_object_get(all, "stages"), i, stage) {
        sprintf(text + strlen(text), "%s%s", i ? " " : "", json_string_value(json_object_get(stage, "id")));
        json_object_foreach(json_object_get(stage, "options"), key, val)
            sprintf(text + strlen(text), ":%s=%s", key, json_string_value(val));
    }
    json_decref(all);
    return text;
}

__attribute__((unused)) static const char *state_text(struct crawl *c)
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
    json_array_foreach(rows, i, row)
        if (json_integer_value(json_object_get(row, "generation")) == generation)
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
                     outcome_name(c->pages[i].outcome), c->pages[i].generation, c->pages[i].value, generation, value,
                     c->log);
}

/* ---- files ---- */

static char *folder_new(void)
{
    const char *tmp = getenv("TMPDIR");
    char *dir;

    assert_true(asprintf(&dir, "%s/test-swap-XXXXXX", tmp && *tmp ? tmp : "/tmp") > 0);
    assert_non_null(mkdtemp(dir));
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void folder_free(char *dir)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

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

#define SETS(...) .sets = (const char *const[]){ __VA_ARGS__ }, .n_sets = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)

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
    change(c, (struct swap_change){ .kind = SWAP_REORDER, .ids = (const char *const[]){ "stamp-a", "marked" }, .n_ids = 2 });
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
    folder_free(dir);
}

/* ---- refusals ---- */

static void a_change_that_is_none_is_begun(void **state)
{
    struct crawl *c = open_world(NULL, (const char *const[]){ "test/plugin/marked.so", NULL }, NULL, NULL);
    char *dir = folder_new(), *open_file = another(dir, "open.so", "test/plugin/stamp_a.so", "");
    char *major = another(dir, "major.so", "test/plugin/other_major.so", "");

    (void)state;
    chmod(open_file, 0777);
    refused(c, (struct swap_change){ .kind = SWAP_REMOVE, .id = "price" }, ERR_USAGE, "no stage `price`", "marked");
    refused(c, (struct swap_change){ .kind = SWAP_ADD }, ERR_USAGE, "which file", "");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = "/nowhere.so" }, ERR_USAGE, "/nowhere.so", "correct the path");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = open_file }, ERR_REFUSED, "open.so", "0777");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = major }, ERR_REFUSED, "major.so", "major");
    refused(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked" }, ERR_USAGE, "marked", "OPTION=VALUE");
    refused(c, (struct swap_change){ .kind = SWAP_RELOAD }, ERR_USAGE, "without a configuration file", "name one");
    refused(c, (struct swap_change){ .kind = SWAP_ROLLBACK }, ERR_ABSENT, "no chain before generation 1", "");
    check_pages(c, 3, 1, "none");
    assert_int_equal(world_of(c)->told.times, 0);
    close_world(c);
    free(open_file);
    free(major);
    folder_free(dir);
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
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = ctor }, ERR_REFUSED, ctor, "while it was being loaded");
    refused(c, (struct swap_change){ .kind = SWAP_ADD, .file = needy }, ERR_USAGE, "`needy` needs `price.amount`", "");
    ch = set;
#define HOW(...) (ch.sets = (const char *const[]){ __VA_ARGS__ }, ch.n_sets = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), ch)
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
    folder_free(dir);
}

static void a_chain_that_never_loads_is_waited_for(void **state)
{
    struct swap_options opt = { .policy = policy_plain(), .candidate_ms = 300 };
    struct crawl *c = open_world(NULL, (const char *const[]){ "test/plugin/marked.so", NULL }, NULL, &opt);

    (void)state;
    refused(c, (struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("how=hang") }, ERR_TIMEOUT, "not ready", "");
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
    assert_int_equal(swap_request(w->swap, &(struct swap_change){ .kind = SWAP_ROLLBACK }, on_done, &w->told, &err),
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
    assert_int_equal(swap_request(w->swap, &(struct swap_change){ .kind = SWAP_SET, .id = "marked", SETS("value=x") }, on_done,
                                  &told, &err),
                     0);
    close_world(c);
    assert_int_equal(told.times, 1);
    assert_int_equal(told.code, ERR_CLOSED);
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
    };

    if (getenv("CRAWL_LOG"))
        log_init("test", LOG_TRACE);
    return cmocka_run_group_tests_name("fails when", tests, NULL, NULL);
}
