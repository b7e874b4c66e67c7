/* stage check: conformance of a stage, a line a test; see chain/check.h. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "chain/check.h"
#include "chain/describe.h"
#include "command/number.h"
#include "command/stage.h"

static const char usage[] =
    "usage: trommel stage check X.so|NAME [OPTION]...\n"
    "       trommel stage check --list\n"
    "\n"
    "Does to a stage on purpose what crawls do to stages by chance, each test in a process of its own: a\n"
    "thousand times configured and closed, the same page twice, every call of the host failing once, the\n"
    "arena spent at every allocation, hostile pages, told to stop …  Says which call on which page it was.\n"
    "Bundled stages that provide what it needs come before it.\n"
    "\n"
    "      --list              the tests\n"
    "      --only TEST         this test only; repeatable\n"
    "      --set OPTION=VALUE  an option of the stage, or STAGE.OPTION=VALUE of one before it; repeatable\n"
    "      --with Y.so         a stage that comes before it as well; repeatable\n"
    "      --thorough          every call is made to fail; else, where there are many, a sample\n"
    "      --call-budget MS    CPU time one call of the stage may take (30000)\n"
    "      --json              the results as one JSON object\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 nothing was found, 1 something was (it is said), 2 wrong usage, 3 could not run.\n";

struct checking {
    const char *named;
    const char *sets[STAGE_SETS_MAX], *with[STAGE_WITH_MAX], *only[64];
    size_t n_sets, n_with, n_only;
    int thorough, as_json, list;
    uint32_t call_ms;
    const char *stage; /* whose results are being printed */
    unsigned passed, failed, skipped, notes;
    json_t *results;
    struct err err;
};

/* ---- results ---- */

static void result_print(struct checking *c, const struct check_result *r)
{
    static const char *const words[] = { [CHECK_OK] = "ok", [CHECK_FAILED] = "FAIL", [CHECK_SKIPPED] = "-" };

    if (!c->stage || strcmp(c->stage, r->stage))
        printf("%s (%s)\n", r->stage, c->named);
    c->stage = r->stage;
    printf("%-4s  %-8s  %s\n", words[r->state], r->test, r->text);
    for (unsigned i = 0; i < r->n_notes; i++)
        printf("note  %-8s  %s\n", r->test, r->notes[i]);
    fflush(stdout); /* it takes seconds: people watch */
}

static json_t *times_json(const struct check_times *t)
{
    return json_pack("{sI, sf, sf, sf, sI, sI, sI, sI}", "pages", (json_int_t)t->pages, "p50_us",
                     (double)t->ns[0] / 1e3, "p90_us", (double)t->ns[1] / 1e3, "p99_us",
                     (double)t->ns[2] / 1e3, "arena_p50_bytes", (json_int_t)t->arena[0], "arena_p90_bytes",
                     (json_int_t)t->arena[1], "arena_p99_bytes", (json_int_t)t->arena[2], "heap_bytes",
                     (json_int_t)t->heap_bytes);
}

static void result_keep(struct checking *c, const struct check_result *r)
{
    static const char *const words[] = {
        [CHECK_OK] = "ok", [CHECK_FAILED] = "failed", [CHECK_SKIPPED] = "skipped"
    };
    json_t *notes = json_array();
    json_t *row =
        json_pack("{ss, ss, ss, ss, so, sI}", "stage", r->stage, "test", r->test, "result", words[r->state],
                  "text", r->text, "notes", notes, "cpu_us", (json_int_t)r->cpu_us);

    for (unsigned i = 0; i < r->n_notes; i++)
        json_array_append_new(notes, json_string(r->notes[i]));
    if (row && r->times.pages)
        json_object_set_new(row, "times", times_json(&r->times));
    if (row)
        json_array_append_new(c->results, row);
}

static void on_result(void *arg, const struct check_result *r)
{
    struct checking *c = arg;

    c->passed += r->state == CHECK_OK;
    c->failed += r->state == CHECK_FAILED;
    c->skipped += r->state == CHECK_SKIPPED;
    c->notes += r->n_notes;
    if (c->as_json)
        result_keep(c, r);
    else
        result_print(c, r);
}

static int summary_print(struct checking *c)
{
    json_t *all;
    int rc;

    if (!c->as_json) {
        printf("%u passed, %u failed", c->passed, c->failed);
        if (c->skipped)
            printf(", %u not tried", c->skipped);
        printf(c->notes ? ", %u notes\n" : "\n", c->notes);
        return fflush(stdout) ? ERR_IO : 0;
    }
    all = json_pack("{ss, sI, sI, sI, sO}", "file", c->named, "passed", (json_int_t)c->passed, "failed",
                    (json_int_t)c->failed, "skipped", (json_int_t)c->skipped, "tests", c->results);
    rc = !all || json_dumpf(all, stdout, JSON_COMPACT) ? ERR_IO : 0;
    putchar('\n');
    json_decref(all);
    return rc || fflush(stdout) ? ERR_IO : 0;
}

/* ---- running ---- */

static int check_all(struct checking *c, const json_t *described, const char *path)
{
    struct chain_config chain;
    struct check_options opt = { .described = described,
                                 .only = c->only,
                                 .n_only = c->n_only,
                                 .thorough = c->thorough,
                                 .call_ms = c->call_ms,
                                 .on_result = on_result,
                                 .arg = c };
    int rc = describe_chain(described, path, c->with, c->n_with, &chain, &c->err);

    opt.chain = &chain;
    for (size_t i = 0; !rc && i < c->n_sets; i++)
        rc = describe_set(&chain, c->sets[i], &c->err);
    rc = rc ? rc : check_run(&opt, &c->err);
    rc = rc ? rc : summary_print(c);
    chain_config_release(&chain);
    return rc;
}

static int check_file(struct checking *c)
{
    json_t *described = NULL;
    char *path;
    int rc = stage_file(c->named, &path, &c->err);

    c->results = json_array();
    rc = rc ? rc : stage_describe(path, &described, &c->err);
    rc = rc ? rc : check_all(c, described, path);
    json_decref(described);
    json_decref(c->results);
    free(path);
    return rc;
}

/* ---- the command ---- */

static int only_add(struct checking *c, const char *name)
{
    const struct check_about *a;

    for (size_t i = 0; (a = check_about(i)); i++)
        if (!strcmp(a->name, name) && c->n_only < sizeof c->only / sizeof *c->only) {
            c->only[c->n_only++] = a->name;
            return 0;
        }
    log_error("--only %s: there is no such test; `trommel stage check --list` says which there are", name);
    return ERR_USAGE;
}

static int budget_parse(struct checking *c, const char *text)
{
    double v;

    if (number_parse(text, 1, 3600000, 1, &v)) {
        log_error("--call-budget: \"%s\" must be a whole number from 1 to 3600000 (ms)", text);
        return ERR_USAGE;
    }
    c->call_ms = (uint32_t)v;
    return 0;
}

static int option_take(struct checking *c, int opt, char **argv)
{
    switch (opt) {
    case 's':
        return stage_list_add(c->sets, &c->n_sets, STAGE_SETS_MAX, optarg, "set");
    case 'w':
        return stage_list_add(c->with, &c->n_with, STAGE_WITH_MAX, optarg, "with");
    case 'o':
        return only_add(c, optarg);
    case 'b':
        return budget_parse(c, optarg);
    case 't':
        return c->thorough = 1, 0;
    case 'j':
        return c->as_json = 1, 0;
    case 'l':
        return c->list = 1, 0;
    default:
        return stage_usage(opt, argv, "check");
    }
}

static int args_parse(struct checking *c, int argc, char **argv)
{
    static const struct option longs[] = {
        { "list", no_argument, NULL, 'l' },      { "only", required_argument, NULL, 'o' },
        { "set", required_argument, NULL, 's' }, { "with", required_argument, NULL, 'w' },
        { "thorough", no_argument, NULL, 't' },  { "call-budget", required_argument, NULL, 'b' },
        { "json", no_argument, NULL, 'j' },      { 0 },
    };
    int opt, rc = 0;

    opterr = 0;
    optind = 0;
    while (!rc && (opt = getopt_long(argc, argv, ":", longs, NULL)) != -1)
        rc = option_take(c, opt, argv);
    if (!rc && !c->list && argc - optind != 1) {
        log_error("stage check: give one file, or the name of a bundled stage");
        rc = ERR_USAGE;
    }
    c->named = rc || c->list ? NULL : argv[optind];
    return rc;
}

static int run(int argc, char **argv)
{
    static struct checking c;
    const struct check_about *a;
    int rc;

    if (args_parse(&c, argc, argv))
        return 2;
    for (size_t i = 0; c.list && (a = check_about(i)); i++)
        printf("%-8s  %s\n", a->name, a->about);
    if (c.list)
        return 0;
    rc = check_file(&c);
    if (rc)
        log_error("%s", c.err.code ? c.err.text : err_text(rc));
    return rc ? stage_status(rc) : c.failed > 0;
}

const struct command stage_check = {
    .name = "check",
    .summary = "conformance of a stage",
    .usage = usage,
    .run = run,
};
