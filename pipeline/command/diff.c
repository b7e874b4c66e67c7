/* diff: which records changed from one run to another, field by field.  This file reads the arguments; the
 * comparison is diff/run.c, the reports diff/text.c, diff/json.c and diff/html.c. */
#include "command/diff.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "command/command.h"

static const char usage[] =
    "usage: trommel diff [OPTION]... OLD NEW\n"
    "\n"
    "Compares the records of two runs, field by field: is a new stage better, and where?  OLD and NEW are "
    "each\n"
    "a segment file, a folder of segments, the folder of a job, or a file of records as JSON lines or "
    "msgpack;\n"
    "one of them may be - for standard input.\n"
    "\n"
    "Records belong together by their URL, by their id where they have none; of several captures of one URL\n"
    "those that were fetched at the same time, else in the order of time.  Printed are how many changed, a\n"
    "table of the fields that did, and the records that changed most, with the words that are gone [-so-] "
    "and\n"
    "have come {+so+}.\n"
    "\n"
    "Left out, since they differ from run to run: chain, id, fetched_at, fetch, dedupe.\n"
    "\n" DIFF_ARGS_USAGE "  -h, --help\n"
    "\n"
    "How much a record changed is a sum over its fields: what of the field changed (of a text, words gone "
    "and\n"
    "come as a part of the words of both; of a list, its elements; of a number, the difference as a part of "
    "it;\n"
    "else all), times what the field counts (content.text 100, outcome.code 80, meta.title 30, "
    "meta.published\n"
    "20, links 20, …; the table is in diff/weigh.def of the sources).\n"
    "\n"
    "Exit status: 0 nothing changed, 1 there are differences, 2 wrong usage or nothing to read, 3 could not "
    "run,\n"
    "or something was damaged (it is named; what is whole was compared).\n";

struct command_line {
    struct diff_args args;
    const char *paths[2];
    int n_paths;
};

static int option(struct command_line *c, int argc, char **argv, int *i, struct err *err)
{
    const char *arg = argv[*i], *eq = strchr(arg, '='), *value = eq ? eq + 1 : NULL;
    size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
    int what = !strncmp(arg, "--", 2) ? diff_option_is(arg + 2, n - 2) : 0;

    if (!what)
        return err_set(err, ERR_USAGE, "%.*s: unknown option; `trommel diff --help` lists them", (int)n, arg);
    if (what == 1 && !value) {
        if (*i + 1 >= argc)
            return err_set(err, ERR_USAGE, "%s: needs a value; `trommel diff --help` tells which", arg);
        value = argv[++*i];
    }
    return diff_option_set(&c->args, arg + 2, n - 2, value, err);
}

static int arguments(struct command_line *c, int argc, char **argv, struct err *err)
{
    int rc = 0, plain = 0;

    for (int i = 1; i < argc && rc == 0; i++) {
        if (!plain && !strcmp(argv[i], "--"))
            plain = 1;
        else if (!plain && argv[i][0] == '-' && argv[i][1])
            rc = option(c, argc, argv, &i, err);
        else if (c->n_paths == 2)
            rc = err_set(err, ERR_USAGE, "%s: a third path; two are compared: OLD NEW", argv[i]);
        else
            c->paths[c->n_paths++] = argv[i];
    }
    if (rc == 0 && c->n_paths < 2)
        rc = err_set(err, ERR_USAGE, "two paths are compared: trommel diff OLD NEW");
    if (rc == 0 && !strcmp(c->paths[0], "-") && !strcmp(c->paths[1], "-"))
        rc = err_set(err, ERR_USAGE, "-: only one of both can be standard input");
    return rc;
}

static int status_of(int rc)
{
    return rc == ERR_USAGE ? 2 : 3;
}

static int run(int argc, char **argv)
{
    struct command_line c = { .n_paths = 0 };
    struct replay_diff *d = NULL;
    struct err err = { 0 };

    diff_args_init(&c.args);
    int rc = arguments(&c, argc, argv, &err);
    rc = rc ? rc : replay_diff_open(c.paths[0], c.paths[1], &c.args, &d, &err);
    rc = rc ? rc : replay_diff_read(d, c.paths[1], &err);
    int status = rc < 0 ? status_of(rc) : replay_diff_end(d, 1, &err);
    if (err.code)
        log_error("%s", err.text);
    replay_diff_free(d);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "which records changed from one run to another, and how",
    .usage = usage,
    .run = run,
};
