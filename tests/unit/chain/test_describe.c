/* What a stage's file says of itself, and the chain in which it can run. */
#include "built.h"

#include "chain/describe.h"

static void stages_are_built(void)
{
    char *dir = built("stage");

    setenv("TROMMEL_STAGE_DIR", dir, 1);
    free(dir);
}

static json_t *described(const char *name)
{
    char *path = built(name);
    struct err err = { 0 };
    json_t *d;

    if (describe_file(path, &d, &err))
        fail_msg("%s", err.text);
    free(path);
    return d;
}

static const char *str(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static void a_row_of_a_table_is_lost(void **state)
{
    json_t *d = described("test/plugin/bad.so"), *s, *o;

    (void)state;
    assert_int_equal(json_array_size(json_object_get(d, "stages")), 1);
    s = json_array_get(json_object_get(d, "stages"), 0);
    assert_string_equal(str(s, "id"), "bad");
    assert_string_equal(str(s, "version"), "1");
    assert_true(json_is_null(json_object_get(s, "license")));
    assert_int_equal(json_array_size(json_object_get(s, "flags")), 0);
    assert_int_equal(json_array_size(json_object_get(s, "provides")), 2);
    assert_string_equal(str(json_array_get(json_object_get(s, "provides"), 1), "name"), "content.text");
    assert_string_equal(str(json_array_get(json_object_get(s, "provides"), 1), "type"), "STR");
    assert_string_equal(json_string_value(json_array_get(json_object_get(s, "reasons"), 1)), "not_wanted");
    o = json_array_get(json_object_get(s, "options"), 2);
    assert_string_equal(str(o, "key"), "level");
    assert_string_equal(str(o, "default"), "3");
    assert_int_equal(json_integer_value(json_object_get(o, "max")), 9);
    json_decref(d);
}

static void refused(const char *name, int code, const char *part)
{
    char *path = built(name);
    struct err err = { 0 };
    json_t *d;
    int rc = describe_file(path, &d, &err);

    if (rc != code || d || !strstr(err.text, part))
        fail_msg("%s: wanted %d and `%s`: %d %s", name, code, part, rc, err.text);
    free(path);
}

static void a_bad_file_is_described(void **state)
{
    (void)state;
    refused("test/plugin/ctor.so", ERR_CRASHED, "while it was being loaded it ");
    refused("test/plugin/broken_table.so", ERR_REFUSED, "n_opts is 1000, at most 256 are taken");
    refused("test/plugin/other_major.so", ERR_REFUSED, "abi_major");
    refused("sink/null.so", ERR_REFUSED, "is a sink");
    refused("trommel", ERR_REFUSED, "no Trommel stage");
    refused("nothing.so", ERR_ABSENT, "nothing.so");
}

/* The last parts of the files' names, in order. */
static const char *chain_of(const char *name, const char *with)
{
    static char out[1000];
    char *path = built(name), *before = with ? built(with) : NULL;
    const char *list[] = { before };
    struct chain_config c;
    struct err err = { 0 };
    json_t *d = described(name);

    out[0] = 0;
    if (describe_chain(d, path, list, with != NULL, &c, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < c.n_items; i++) {
        strcat(out, i ? " " : "");
        strcat(out, strrchr(c.items[i].path, '/') + 1);
    }
    chain_config_release(&c);
    json_decref(d);
    free(path);
    free(before);
    return out;
}

static void a_stage_that_is_needed_is_left_out(void **state)
{
    (void)state;
    stages_are_built();
    assert_string_equal(chain_of("stage/layout.so", NULL), "layout.so");
    assert_string_equal(chain_of("stage/boilerplate.so", NULL), "layout.so boilerplate.so");
    assert_string_equal(chain_of("stage/dedupe.so", NULL), "layout.so boilerplate.so dedupe.so");
    assert_string_equal(chain_of("test/plugin/broken_put.so", NULL), "broken_put.so");
}

static void what_is_given_is_not_preferred(void **state)
{
    (void)state;
    stages_are_built();
    /* bad.so provides content.text itself, so boilerplate cannot be in the chain as well */
    assert_string_equal(chain_of("stage/dedupe.so", "test/plugin/bad.so"), "bad.so dedupe.so");
}

static void an_option_is_set_elsewhere(void **state)
{
    struct chain_config c = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(chain_config_add(&c, "./a.so", &err), 0);
    assert_int_equal(chain_config_add(&c, "./b.so", &err), 0);
    assert_int_equal(describe_set(&c, "level=3=4", &err), 0);
    assert_int_equal(c.sets[0].item, 2);
    assert_string_equal(c.sets[0].option, "level");
    assert_string_equal(c.sets[0].value, "3=4");
    assert_int_equal(describe_set(&c, "org.a.level=1.5", &err), 0);
    assert_int_equal(c.sets[1].item, 0);
    assert_string_equal(c.sets[1].stage, "org.a");
    assert_int_equal(describe_set(&c, "level", &err), ERR_USAGE);
    assert_int_equal(describe_set(&c, "=1", &err), ERR_USAGE);
    chain_config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_a_table_is_lost),
        cmocka_unit_test(a_bad_file_is_described),
        cmocka_unit_test(a_stage_that_is_needed_is_left_out),
        cmocka_unit_test(what_is_given_is_not_preferred),
        cmocka_unit_test(an_option_is_set_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
