/* The chain changed through the library: fails when pages are lost or run twice, when a change's end is not
 * told once, or when a second one is let in beside the first. */
#include "tests/unit/library/rig.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

static char work[] = "/tmp/trommel-change-XXXXXX", gate[PATH_MAX], gated[PATH_MAX];

static int work_make(void **state)
{
    if (!mkdtemp(work) || places(state) < 0)
        return -1;
    snprintf(gate, sizeof gate, "%s/gate", work);
    snprintf(gated, sizeof gated, "%.3000s/test/plugin/gated.so", build);
    return mkfifo(gate, 0600);
}

static int work_remove(void **state)
{
    char command[200];

    snprintf(command, sizeof command, "rm -rf %s", work);
    return system(command) | forget(state);
}

static struct told { /* how a change went */
    int n, code;
    uint32_t generation, live;
    char message[500];
} told;

static void on_change(void *arg, const trommel_change_result *r)
{
    assert_ptr_equal(arg, &told);
    told.n++;
    told.code = r->code;
    told.generation = r->generation;
    told.live = r->live;
    snprintf(told.message, sizeof told.message, "%s", r->message);
}

static trommel_change change_of(enum trommel_change_kind kind)
{
    memset(&told, 0, sizeof told);
    return (trommel_change){ .struct_size = sizeof(trommel_change), .kind = kind };
}

static void ask(trommel *t, const trommel_change *c)
{
    trommel_error err = { .struct_size = sizeof err };

    if (trommel_change_chain(t, c, on_change, &told, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(told.n, 0); /* never from within the call */
}

/* Dispatches with nothing pending, until it was told. */
static void await(trommel *t)
{
    while (!told.n)
        assert_int_equal(trommel_dispatch(t, -1, NULL), TROMMEL_AGAIN);
    assert_int_equal(told.n, 1);
}

static void page(trommel *t, const char *id)
{
    trommel_input in = page_of(id, story);

    assert_int_equal(trommel_submit_wait(t, &in, NULL, -1, NULL), 0);
}

static json_t *chain_of(trommel *t)
{
    char *text = trommel_chain_json(t);
    json_t *o = json_loads(text, 0, NULL);

    trommel_free(text);
    assert_non_null(o);
    return o;
}

static void chain_is(trommel *t, uint32_t generation, const char *ids)
{
    json_t *o = chain_of(t), *stage;
    char got[200] = "";
    size_t i;

    json_array_foreach(json_object_get(o, "stages"), i, stage)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "",
                 json_string_value(json_object_get(stage, "id")));
    assert_int_equal(json_integer_value(json_object_get(o, "generation")), generation);
    assert_string_equal(got, ids);
    json_decref(o);
}

static void has_field(const char *id, const char *path, int want)
{
    struct buf *b = &kept.record[kept_at(id)];
    struct mp_value v;

    assert_int_equal(record_get(b->data, b->len, path, &v) == 0, want);
}

static void test_a_chain_is_changed_and_changed_back(void **state)
{
    trommel_change c = change_of(TROMMEL_CHANGE_ADD);
    trommel *t = pipeline(1);

    chain_is(t, 1, "boilerplate dedupe");
    page(t, "before");
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    c.file = "metadata";
    c.after = "boilerplate";
    c.by = "the test";
    ask(t, &c);
    await(t);
    if (told.code)
        fail_msg("%s", told.message);
    assert_int_equal(told.live, told.generation);
    chain_is(t, told.live, "boilerplate metadata dedupe");
    page(t, "after");
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    has_field("before", "meta", 0);
    field_is("after", "meta.title", "The lock at Ost");
    field_is("after", "dedupe.of", "before"); /* the index goes on */

    c = change_of(TROMMEL_CHANGE_ROLLBACK);
    ask(t, &c);
    await(t);
    assert_int_equal(told.code, 0);
    page(t, "back");
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    has_field("back", "meta", 0);
    char *history = trommel_history_json(t);
    assert_non_null(strstr(history, "\"by\":\"the test\""));
    assert_non_null(strstr(history, "add metadata after boilerplate"));
    trommel_free(history);
    trommel_close(t);
}

static void test_a_reload_reads_the_file_and_keeps_what_was_set_over_it(void **state)
{
    static const char *const sets[] = { "boilerplate.markdown=false" };
    trommel_change c = change_of(TROMMEL_CHANGE_RELOAD);
    char path[PATH_MAX];
    FILE *f;

    snprintf(path, sizeof path, "%s/chain.yaml", work);
    f = fopen(path, "w");
    fprintf(f, "chain: [boilerplate]\n");
    fclose(f);
    trommel_options opt = options(1);
    opt.config = path;
    opt.set = sets;
    opt.n_set = 1;
    trommel *t = pipeline_with(&opt);
    f = fopen(path, "w");
    fprintf(f, "chain: [boilerplate, metadata]\n");
    fclose(f);
    ask(t, &c);
    await(t);
    assert_int_equal(told.code, 0);
    chain_is(t, told.live, "boilerplate metadata");
    page(t, "plain");
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    has_field("plain", "content.text", 1);
    has_field("plain", "content.markdown", 0);
    trommel_close(t);
}

static void test_what_is_wrong_with_a_change_is_named(void **state)
{
    trommel_error err = { .struct_size = sizeof err };
    trommel_options opt = options(1);
    static const trommel_stage_ref refs[] = { { sizeof *refs, 0, "layout", NULL } };
    static const char *const sets[] = { "no_such=1" };
    opt.config = NULL;
    opt.chain = refs;
    opt.n_chain = 1;
    trommel *t = pipeline_with(&opt);
    trommel_change c = change_of(TROMMEL_CHANGE_REMOVE);

    assert_int_equal(trommel_change_chain(t, &c, on_change, &told, &err), -14);
    assert_non_null(strstr(err.text, "no id is given"));
    c.id = "nobody";
    assert_int_equal(trommel_change_chain(t, &c, on_change, &told, &err), -14);
    assert_non_null(strstr(err.text, "nobody"));
    c = change_of(TROMMEL_CHANGE_ADD);
    assert_int_equal(trommel_change_chain(t, &c, on_change, &told, &err), -14);
    assert_non_null(strstr(err.text, "no file is given"));
    c = change_of(TROMMEL_CHANGE_RELOAD); /* the chain came from code */
    assert_int_equal(trommel_change_chain(t, &c, on_change, &told, &err), -14);
    assert_non_null(strstr(err.text, "without a configuration file"));
    c.kind = 99;
    assert_int_equal(trommel_change_chain(t, &c, on_change, &told, &err), -4);
    assert_non_null(strstr(err.text, "no kind 99"));
    assert_int_equal(told.n, 0);
    c = change_of(TROMMEL_CHANGE_SET); /* known only when its workers have loaded it */
    c.id = "layout";
    c.sets = sets;
    c.n_sets = 1;
    ask(t, &c);
    await(t);
    assert_true(told.code < 0);
    assert_non_null(strstr(told.message, "no_such"));
    assert_int_equal(told.live, 1);
    chain_is(t, 1, "layout");
    trommel_close(t);
}

/* The new chain is held where it is by a gate, so the order of things is ours. */
static void test_one_change_at_a_time_while_pages_run(void **state)
{
    trommel_error err = { .struct_size = sizeof err };
    trommel_change c = change_of(TROMMEL_CHANGE_ADD), other = c;
    char set[PATH_MAX + 10];
    const char *sets[] = { set, "tag=new" };
    trommel *t = pipeline(1);

    snprintf(set, sizeof set, "gate=%s", gate);
    c.file = gated;
    c.sets = sets;
    c.n_sets = 2;
    c.no_golden = 1;
    ask(t, &c);
    other.file = "metadata";
    assert_int_equal(trommel_change_chain(t, &other, on_change, &told, &err), TROMMEL_BUSY);
    assert_non_null(strstr(err.text, "another change is under way"));
    page(t, "held"); /* the old chain takes pages meanwhile */
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    assert_int_equal(told.n, 0);
    has_field("held", "x", 0);
    json_t *o = chain_of(t);
    assert_true(json_is_string(json_object_get(o, "doing")));
    json_decref(o);
    int fd = open(gate, O_WRONLY); /* waits until its worker is there */
    await(t);
    close(fd);
    if (told.code)
        fail_msg("%s", told.message);
    page(t, "new");
    assert_int_equal(trommel_flush(t, -1, NULL), 0);
    field_is("new", "x.gated.tag", "new");
    trommel_close(t);
}

static void test_closing_tells_of_a_change_under_way(void **state)
{
    trommel_change c = change_of(TROMMEL_CHANGE_ADD);
    char set[PATH_MAX + 10];
    const char *sets[] = { set };
    trommel *t = pipeline(1);

    snprintf(set, sizeof set, "gate=%s", gate);
    c.file = gated;
    c.sets = sets;
    c.n_sets = 1;
    ask(t, &c);
    trommel_close(t);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.code, -15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_is_changed_and_changed_back),
        cmocka_unit_test(test_a_reload_reads_the_file_and_keeps_what_was_set_over_it),
        cmocka_unit_test(test_what_is_wrong_with_a_change_is_named),
        cmocka_unit_test(test_one_change_at_a_time_while_pages_run),
        cmocka_unit_test(test_closing_tells_of_a_change_under_way),
    };

    return cmocka_run_group_tests(tests, work_make, work_remove);
}
