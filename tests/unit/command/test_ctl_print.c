/* ctl_print: fails when an answer is printed in another form, when something is missing in it that is not
 * there, or when what a stage says writes on the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command/ctl_print.h"

/* What is printed for the answer `json`, until the next call. */
static const char *printed(const char *cmd, const char *json)
{
    static char *text;
    size_t n;
    json_error_t at;
    json_t *o = json_loads(json, 0, &at);

    if (!o)
        fail_msg("%s", at.text);
    free(text);
    FILE *f = open_memstream(&text, &n);
    ctl_print(f, cmd, o);
    fclose(f);
    json_decref(o);
    return text;
}

static void test_status(void **state)
{
    static const char json[] =
        "{\"job\":\"/data/job\",\"pid\":7,\"version\":\"0.1.0\",\"state\":\"paused\",\"uptime_s\":93784.5,"
        "\"pages\":12,\"pages_s\":3.25,\"mb_s\":0.5,\"counts\":{\"outcomes\":{\"ok\":9,\"failed\":3}},"
        "\"queue\":{\"queued\":5,\"in_flight\":2,\"done\":12,\"hosts\":1},\"fetching\":2,\"waiting\":1,\"in_"
        "chain\":4,"
        "\"sink\":{\"out\":\"/data/job/records\",\"pending\":6,\"trouble\":\"disk full\"},"
        "\"budget\":{\"total\":268435456,\"used\":1000000,\"peak\":2000000},"
        "\"memory\":{\"resident\":30000000,\"peak\":31000000},"
        "\"chain\":{\"generation\":2,\"hash\":\"abcd\",\"since\":\"2026-11-24T17:04:27.123Z\",\"changes\":1,"
        "\"doing\":\"golden pages: 1 of 9\"},"
        "\"generations\":[{\"generation\":1,\"state\":\"ready\",\"workers\":2,\"workers_ready\":2,\"pages\":"
        "100,"
        "\"errors\":0,\"crashes\":0,\"fallbacks\":0,\"pending\":0},{\"generation\":2,\"state\":\"live\","
        "\"workers\":2,"
        "\"workers_ready\":1,\"pages\":7,\"errors\":1,\"crashes\":1,\"fallbacks\":1,\"pending\":16}]}";

    assert_string_equal(
        printed("status", json),
        "job         /data/job (process 7, Trommel 0.1.0)\n"
        "state       paused, for 1 d 2 h\n"
        "pages       12 (3.2 pages/s, 0.50 MB/s): 9 ok, 0 without content, 3 failed, 0 dropped, 0 "
        "quarantined\n"
        "queue       5 queued, 2 under way, 12 done, on 1 hosts\n"
        "under way   2 fetching, 1 waiting for the chain, 4 in it, 6 to the sink\n"
        "sink        /data/job/records: TROUBLE: disk full\n"
        "budget      1.0 of 268.4 MB, at most 2.0 so far\n"
        "memory      30.0 MB without the workers, at most 31.0 so far\n"
        "chain       generation 2 since 2026-11-24T17:04:27.123Z, hash abcd; 1 changes so far\n"
        "change      under way: golden pages: 1 of 9\n"
        "\n"
        "GENERATION  STATE  WORKERS  READY  PAGES  ERRORS  CRASHES  FALLBACKS  PENDING\n"
        "1           ready  2        2      100    0       0        0          0\n"
        "2           live   2        1      7      1       1        1          16\n");
}

static void test_stages(void **state)
{
    assert_string_equal(
        printed("stages", "{\"generation\":3,\"hash\":\"h\",\"state\":\"probation\",\"since\":\"now\","
                          "\"probation\":{\"pages\":5,\"of_pages\":200,\"ms\":2400,\"of_ms\":10000},"
                          "\"behind\":2,\"doing\":\"golden pages: 1 of 9\","
                          "\"stages\":[{\"id\":\"layout\",\"version\":\"1.0\",\"file\":\"/x/layout.so\","
                          "\"sha\":\"00ff\",\"options\":{}},{\"id\":\"price\",\"version\":\"2\",\"file\":"
                          "\"/y/price.so\",\"sha\":\"11\",\"options\":{\"depth\":\"3\"}}]}"),
        "generation 3, probation since now, hash h\n"
        "probation: 5 of 200 pages, 2.4 of 10.0 s; generation 2 stands by\n"
        "a change is under way: golden pages: 1 of 9\n"
        "\n"
        "STAGE   VERSION  HASH  FILE          OPTIONS\n"
        "layout  1.0      00ff  /x/layout.so  {}\n"
        "price   2        11    /y/price.so   {\"depth\":\"3\"}\n");
}

static void test_change(void **state)
{
    assert_string_equal(
        printed("stage.add",
                "{\"generation\":2,\"live\":2,\"message\":\"price added\",\"golden\":{\"pages\":36,"
                "\"equal\":30,\"differ\":6,\"failed\":1,\"failed_live\":0,\"slower\":1.25,\"fields\":"
                "{\"x.price\":6},\"missing\":{},\"extra\":{\"x.price\":6}},\"load_us\":1500,"
                "\"golden_us\":20500,\"live_us\":21000}"),
        "price added\n"
        "generation  2 is live\n"
        "golden      36 pages: 30 equal, 6 differ, 1 failed (0 with the chain before), CPU time 1.25 times\n"
        "differ      x.price 6\n"
        "extra       x.price 6\n"
        "took        21.0 ms: loaded after 1.5, golden pages done after 20.5\n");
    assert_string_equal(printed("rollback", "{\"generation\":0,\"live\":1,\"golden\":null}"),
                        "generation  1 is live, as before\n");
    assert_string_equal(printed("history", "[]"), "no change so far\n");
    assert_string_equal(printed("history",
                                "[{\"generation\":2,\"at\":\"t\",\"change\":\"add price\",\"by\":\"user 0\","
                                "\"result\":\"rolled back\",\"message\":\"3 crashes\"}]"),
                        "GENERATION  AT  CHANGE     BY      RESULT       MESSAGE\n"
                        "2           t   add price  user 0  rolled back  3 crashes\n");
}

static void test_state(void **state)
{
    assert_string_equal(printed("pause", "{\"state\":\"paused\",\"changed\":true}"), "paused\n");
    assert_string_equal(printed("resume", "{\"state\":\"running\",\"changed\":false}"),
                        "running, as before\n");
}

static void test_shadow(void **state)
{
    assert_string_equal(
        printed(
            "shadow.report",
            "{\"state\":\"running\",\"what\":\"replace price by ./price.so\",\"generation\":3,\"beside\":1,"
            "\"sample\":0.05,\"seen\":1000,\"sampled\":50,\"shed\":2,\"uncompared\":1,\"pages\":47,\"equal\":"
            "45,"
            "\"differs\":2,\"missing\":1,\"extra\":0,\"failed\":1,\"failed_live\":0,\"slower\":1.5,"
            "\"pending\":0,"
            "\"fields\":{\"meta.title\":{\"differs\":2,\"missing\":1,\"extra\":0}},\"worst\":[{\"url\":"
            "\"http://a/"
            "\",\"outcome\":\"ok\",\"outcome_live\":\"ok\",\"fields\":[{\"path\":\"meta.title\",\"kind\":"
            "\"differs\",\"live\":\"A\",\"shadow\":\"B\"}]}]}"),
        "shadow      running: replace price by ./price.so, generation 3 beside 1, 5 % of the pages\n"
        "pages       47 compared, 45 of them equal; 1000 seen, 50 sampled, 2 shed, 1 not compared, 0 under "
        "way\n"
        "fields      2 differ, 1 missing, 0 extra\n"
        "failed      1 pages, 0 in the live chain\n"
        "CPU time    1.50 times that of the live chain\n"
        "\n"
        "FIELD       DIFFERS  MISSING  EXTRA\n"
        "meta.title  2        1        0\n"
        "\n"
        "http://a/ (ok, live: ok)\n"
        "    meta.title differs: A -> B\n");
}

/* Escapes, controls of C1 and marks of direction; in any text of any form. */
static void test_clean(void **state)
{
    static const char *const cmds[] = { "status", "stages",        "stage.add", "history",
                                        "pause",  "shadow.report", "other" };
    static const char evil[] = "\\u001b[2J\\u0007\\u009b1m\\u202emoc\\u0000";
    char json[4000];

    for (size_t i = 0; i < sizeof cmds / sizeof cmds[0]; i++) {
        int list = !strcmp(cmds[i], "history");
        snprintf(json, sizeof json,
                 "%s{\"message\":\"%s\",\"state\":\"%s\",\"job\":\"%s\",\"what\":\"%s\",\"change\":\"%s\","
                 "\"stages\":[{"
                 "\"id\":\"%s\",\"options\":{\"%s\":1}}],\"fields\":{\"%s\":{\"differs\":1}}}%s",
                 list ? "[" : "", evil, evil, evil, evil, evil, evil, "\\u009b1m\\u202e", "\\u009b1m\\u202e",
                 list ? "]" : "");
        json_error_t at;
        json_t *o = json_loads(json, JSON_ALLOW_NUL, &at);
        char *text;
        size_t n;
        assert_non_null(o);
        FILE *f = open_memstream(&text, &n);
        ctl_print(f, cmds[i], o);
        fclose(f);
        assert_true(n > 0);
        for (size_t k = 0; k < n; k++)
            assert_true((unsigned char)text[k] >= 0x20 || text[k] == '\n');
        assert_null(memmem(text, n, "\xc2\x9b", 2));
        assert_null(memmem(text, n, "\xe2\x80\xae", 3));
        free(text);
        json_decref(o);
    }
}

/* Nothing that may be missing is needed, and nothing of a wrong type is believed. */
static void test_missing(void **state)
{
    static const char *const cmds[] = { "status", "stages",   "history", "pause",         "stage.add",
                                        "reload", "rollback", "shadow",  "shadow.report", "none" };
    static const char *const answers[] = { "{}", "[]", "[{}]",
                                           ("{\"generations\":7,\"stages\":{},\"golden\":[],"
                                            "\"fields\":3,\"worst\":{},\"chain\":\"x\"}") };

    for (size_t i = 0; i < sizeof cmds / sizeof cmds[0]; i++)
        for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++)
            assert_non_null(printed(cmds[i], answers[k]));
    assert_string_equal(printed("none", "{\"a\":[1]}"), "{\n \"a\": [\n  1\n ]\n}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),  cmocka_unit_test(test_stages), cmocka_unit_test(test_change),
        cmocka_unit_test(test_state),   cmocka_unit_test(test_shadow), cmocka_unit_test(test_clean),
        cmocka_unit_test(test_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
