/* fields: fails when a request is taken whose fields are of another kind than their rows say, or lack what is
 * needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/fields.h"

static const struct field rows[] = {
    { "id", FIELD_STR, 1, 0, 0 },    { "set", FIELD_STRS, 0, 0, 0 },   { "grace", FIELD_NUM, 0, 0.5, 10 },
    { "wait", FIELD_FLAG, 0, 0, 0 }, { "policy", FIELD_MAP, 0, 0, 0 },
};

static int check(const char *json, struct err *err)
{
    json_t *o = json_loads(json, 0, NULL);
    int rc;

    assert_non_null(o);
    *err = (struct err){ 0 };
    rc = fields_check("stage.set", o, rows, sizeof rows / sizeof rows[0], err);
    json_decref(o);
    return rc;
}

static void test_taken(void **state)
{
    static const char *const good[] = {
        "{\"id\":\"a\"}",
        ("{\"v\":1,\"cmd\":\"x\",\"id\":\"a\",\"set\":[\"b=c\",\"d=\"],\"grace\":0.5,\"wait\":true,"
         "\"policy\":"
         "{}}"),
        "{\"id\":\"a\",\"grace\":10,\"wait\":false}",
    };
    struct err err;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (check(good[i], &err) < 0)
            fail_msg("%s: %s", good[i], err.text);
}

static void test_refused(void **state)
{
    static const char *const bad[][2] = {
        { "{}", "\"id\" is missing" },
        { "{\"id\":\"\"}", "\"id\" must be text" },
        { "{\"id\":7}", "\"id\" must be text" },
        { "{\"id\":null}", "\"id\" must be text" },
        { "{\"id\":\"a\",\"ids\":[]}", "no field \"ids\"" },
        { "{\"id\":\"a\",\"set\":\"b=c\"}", "\"set\" must be a list" },
        { "{\"id\":\"a\",\"set\":[]}", "\"set\" must be a list" },
        { "{\"id\":\"a\",\"set\":[\"b=c\",7]}", "\"set\" must be a list" },
        { "{\"id\":\"a\",\"set\":[\"b=c\",\"\"]}", "\"set\" must be a list" },
        { "{\"id\":\"a\",\"grace\":\"1\"}", "\"grace\" must be a number from 0.5 to 10" },
        { "{\"id\":\"a\",\"grace\":0.4}", "from 0.5 to 10" },
        { "{\"id\":\"a\",\"grace\":11}", "from 0.5 to 10" },
        { "{\"id\":\"a\",\"wait\":1}", "\"wait\" must be true or false" },
        { "{\"id\":\"a\",\"policy\":[]}", "\"policy\" must be an object" },
    };
    struct err err;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(check(bad[i][0], &err), ERR_USAGE);
        assert_int_equal(strncmp(err.text, "stage.set: ", 11), 0);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.text);
    }
}

static void test_bounds(void **state)
{
    json_t *o = json_pack("{s:s,s:[]}", "id", "a", "set"), *list = json_object_get(o, "set");
    struct err err = { 0 };
    size_t n;

    for (int i = 0; i < FIELD_STRS_MAX; i++)
        json_array_append_new(list, json_string("b=c"));
    assert_int_equal(fields_check("x", o, rows, 5, &err), 0);
    const char **texts = fields_texts(o, "set", &n);
    assert_int_equal(n, FIELD_STRS_MAX);
    assert_string_equal(texts[n - 1], "b=c");
    free((void *)texts);
    assert_null(fields_texts(o, "none", &n));
    assert_int_equal(n, 0);
    json_array_append_new(list, json_string("b=c"));
    assert_int_equal(fields_check("x", o, rows, 5, &err), ERR_USAGE);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
