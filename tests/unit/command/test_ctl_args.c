/* ctl_args: fails when a command line becomes another request than it stands for, or when a wrong one is not
 * refused with the thing and the mend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "command/ctl_args.h"

enum { WORDS_MAX = 24 };

/* Splits at blanks: "stage add x.so"; `text` is changed. */
static int split(char *text, char **argv)
{
    int argc = 0;

    argv[argc++] = (char *)"ctl";
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return argc;
}

/* The line stands for `want` (besides v and cmd). */
static void stands_for(const char *line, const char *cmd, const char *want)
{
    char text[500], *argv[WORDS_MAX];
    struct ctl_args a;
    struct err err = { 0 };

    snprintf(text, sizeof text, "%s", line);
    int argc = split(text, argv);
    if (ctl_args_read(argc, argv, &a, &err) < 0)
        fail_msg("%s: %s", line, err.text);
    assert_string_equal(a.cmd, cmd);
    assert_string_equal(json_string_value(json_object_get(a.request, "cmd")), cmd);
    assert_int_equal(json_integer_value(json_object_get(a.request, "v")), 1);
    json_object_del(a.request, "cmd");
    json_object_del(a.request, "v");
    json_t *o = json_loads(want, 0, NULL);
    assert_non_null(o);
    if (!json_equal(o, a.request)) {
        char *got = json_dumps(a.request, JSON_COMPACT);
        fail_msg("%s: %s", line, got);
    }
    json_decref(o);
    json_decref(a.request);
}

static void is_refused(const char *line, const char *part)
{
    char text[500], *argv[WORDS_MAX];
    struct ctl_args a;
    struct err err = { 0 };

    snprintf(text, sizeof text, "%s", line);
    int argc = split(text, argv);
    int rc = ctl_args_read(argc, argv, &a, &err);
    assert_int_equal(rc, ERR_USAGE);
    assert_null(a.request);
    if (!strstr(err.text, part))
        fail_msg("%s: %s", line, err.text);
}

static void test_commands(void **state)
{
    stands_for("status", "status", "{}");
    stands_for("stages", "stages", "{}");
    stands_for("history", "history", "{}");
    stands_for("pause", "pause", "{}");
    stands_for("resume", "resume", "{}");
    stands_for("stop", "stop", "{}");
    stands_for("stop --grace 0.5 --wait", "stop", "{\"grace\":0.5,\"wait\":true}");
    stands_for("stage remove price", "stage.remove", "{\"id\":\"price\"}");
    stands_for("stage add layout", "stage.add", "{\"file\":\"layout\"}");
    stands_for("stage add /a/x.so --after org.example.price --set a=b --set=c=d=e", "stage.add",
               "{\"file\":\"/a/x.so\",\"after\":\"org.example.price\",\"set\":[\"a=b\",\"c=d=e\"]}");
    stands_for("stage replace price /a/x.so", "stage.replace", "{\"id\":\"price\",\"file\":\"/a/x.so\"}");
    stands_for("stage set price a=b c=", "stage.set", "{\"id\":\"price\",\"set\":[\"a=b\",\"c=\"]}");
    stands_for("reorder b a c", "reorder", "{\"ids\":[\"b\",\"a\",\"c\"]}");
    stands_for("reload", "reload", "{}");
    stands_for("reload /a/job.yaml", "reload", "{\"file\":\"/a/job.yaml\"}");
    stands_for("rollback --wait", "rollback", "{\"wait\":true}");
    stands_for("shadow /a/x.so --sample 5% --replace price", "shadow",
               "{\"file\":\"/a/x.so\",\"sample\":0.05,\"replace\":\"price\"}");
    stands_for("shadow report", "shadow.report", "{}");
    stands_for("shadow stop", "shadow.stop", "{}");
    stands_for("reorder -- --odd", "reorder", "{\"ids\":[\"--odd\"]}");
}

static void test_policy(void **state)
{
    stands_for("stage set a b=c --settle --despite-block", "stage.set",
               "{\"id\":\"a\",\"set\":[\"b=c\"],\"settle\":true,\"despite_block\":true}");
    stands_for("stage add /x.so --no-golden --keep meta.title,content.text --keep url --max-errors 2.5% "
               "--max-slower 1.5 "
               "--probation 500,30 --allow-network-stages --wait",
               "stage.add",
               "{\"file\":\"/x.so\",\"network\":true,\"wait\":true,\"policy\":{\"golden\":false,\"keep\":"
               "[\"meta.title\",\"content.text\",\"url\"],\"errors_max\":0.025,\"slower_max\":1.5,"
               "\"probation_pages\":500,\"probation_ms\":30000}}");
}

static void test_general(void **state)
{
    char *argv[] = { (char *)"ctl",    (char *)"--timeout", (char *)"2.5",
                     (char *)"status", (char *)"--job=dir", (char *)"--json" };
    struct ctl_args a;

    assert_int_equal(ctl_args_read(6, argv, &a, NULL), 0);
    assert_string_equal(a.job, "dir");
    assert_true(a.json);
    assert_true(a.timeout_s == 2.5);
    json_decref(a.request);
    assert_int_equal(ctl_args_read(1, &argv[0], &a, NULL), ERR_USAGE);
    char *one[] = { (char *)"ctl", (char *)"status" };
    assert_int_equal(ctl_args_read(2, one, &a, NULL), 0);
    assert_string_equal(a.job, "trommel-job");
    json_decref(a.request);
}

/* The crawl runs elsewhere: what is relative here is said whole. */
static void test_paths(void **state)
{
    char dir[] = "/tmp/trommel-ctl.XXXXXX", *old = getcwd(NULL, 0), want[300];

    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    snprintf(want, sizeof want, "{\"file\":\"%s/x.so\"}", dir);
    stands_for("stage add x.so", "stage.add", want);
    stands_for("stage add ./x.so", "stage.add", want);
    stands_for("reload x.so", "reload", want);
    snprintf(want, sizeof want,
             "{\"file\":\"%s/sub/../x\",\"id\":\"a\",\"set\":[\"model=%s/../m\",\"mode=fast\"]}", dir, dir);
    stands_for("stage replace a sub/../x --set model=../m --set mode=fast", "stage.replace", want);
    assert_int_equal(chdir(old), 0);
    assert_int_equal(rmdir(dir), 0);
    free(old);
}

static void test_wrong(void **state)
{
    is_refused("", "--help");
    is_refused("frob", "frob: no such command");
    is_refused("stage", "add, remove, replace, set");
    is_refused("stage frob", "stage frob: must be one of add");
    is_refused("stage add", "needs a file");
    is_refused("stage remove", "needs a stage's id");
    is_refused("stage replace a", "needs a file");
    is_refused("stage set a", "needs OPTION=VALUE");
    is_refused("stage set a b", "b: not of the form");
    is_refused("stage set a =b", "not of the form");
    is_refused("stage add x.so --set b", "not of the form");
    is_refused("reorder", "needs a stage's id");
    is_refused("status now", "\"now\"");
    is_refused("status --colour", "--colour: unknown option");
    is_refused("status -x", "-x: unknown option");
    is_refused("status --wait", "--wait: is no option of `status`");
    is_refused("stage remove a --after b", "--after: is no option of `stage remove`");
    is_refused("status --job", "--job: needs a value");
    is_refused("status --job=", "--job: is empty");
    is_refused("status --json=1", "--json: takes no value");
    is_refused("status --timeout soon", "--timeout: \"soon\"");
    is_refused("status --timeout -1", "from 0");
    is_refused("stage add x.so --max-errors 101", "per cent");
    is_refused("stage add x.so --max-slower 0", "--max-slower");
    is_refused("stage add x.so --probation 5", "PAGES,SECONDS");
    is_refused("stage add x.so --probation 5.5,1", "PAGES,SECONDS");
    is_refused("stage add x.so --probation 5,x", "PAGES,SECONDS");
    is_refused("stage add \xff.so", "UTF-8");
    is_refused("reorder a\xff", "UTF-8");
    is_refused("shadow x.so", "--sample");
    is_refused("shadow x.so --sample 0", "--sample");
    is_refused("shadow x.so --sample 101%", "--sample");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands), cmocka_unit_test(test_policy), cmocka_unit_test(test_general),
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
