/* stage: the kit for stage authors: makes a stage's folder, shows what a file says of itself, runs it on one
 * page, checks it.  A stage's code never runs in this process. */
#include "command/stage.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/sink.h>
#include <unistd.h>

#include "base/log.h"
#include "chain/describe.h"

static const char usage[] =
    "usage: trommel stage new NAME [--cxx] [--dir D]\n"
    "       trommel stage show X.so [--json]\n"
    "       trommel stage run X.so PAGE [OPTION]...\n"
    "       trommel stage check X.so [OPTION]...\n"
    "\n"
    "For people who write a stage of their own.\n"
    "\n"
    "  new       makes a folder with a stage that builds, its test and its headers\n"
    "  show      what a stage's file says of itself: what it needs, provides, its options\n"
    "  run       one page through it: what it puts, its verdict, its time\n"
    "  check     conformance: what a crawl may do to it, done on purpose, in processes of its own\n"
    "\n"
    "`trommel stage PART --help` tells more.  Exit status: 0 fine, 1 something was found or failed, 2 wrong\n"
    "usage, 3 could not run.\n";

static const struct command *const parts[] = { &stage_new, &stage_show, &stage_run, &stage_check, NULL };

int stage_file(const char *named, char **ret, struct err *err)
{
    struct chain_config c = { 0 };
    int rc;

    *ret = NULL;
    if (access(named, F_OK) == 0 || strchr(named, '/')) {
        *ret = realpath(named, NULL);
        return *ret ? 0 : err_set(err, ERR_USAGE, "%s: there is no such file: correct the path", named);
    }
    rc = chain_config_add(&c, named, err);
    rc = rc ? rc : chain_config_find(&c, NULL, err);
    if (!rc && !(*ret = strdup(c.items[0].path)))
        rc = ERR_NOMEM;
    chain_config_release(&c);
    return rc;
}

static int is_exec(const json_t *described)
{
    const json_t *first = json_array_get(json_object_get(described, "stages"), 0);
    const char *id = json_string_value(json_object_get(first, "id"));

    return id && !strcmp(id, "exec");
}

int stage_describe(const char *path, json_t **ret, struct err *err)
{
    int rc;

    *ret = NULL;
    if (!note_judge(path, TROMMEL_NOTE_SINK, NULL, NULL))
        return err_set(err, ERR_USAGE, "%s: is a sink, and sinks are not checked yet: name a stage's file",
                       path);
    rc = describe_file(path, ret, err);
    if (rc || !is_exec(*ret))
        return rc;
    json_decref(*ret);
    *ret = NULL;
    return err_set(
        err, ERR_USAGE,
        "exec: its program is started by a crawl or by extract, not here: try it with `trommel extract -c "
        "FILE PAGE`, where FILE has a chain with exec in it");
}

int stage_status(int code)
{
    switch (code) {
    case 0:
        return 0;
    case ERR_USAGE:
    case ERR_ABSENT:
        return 2;
    case ERR_REFUSED:
    case ERR_CRASHED:
    case ERR_CORRUPT:
        return 1;
    default:
        return 3;
    }
}

int stage_usage(int opt, char **argv, const char *part)
{
    if (opt == ':')
        log_error("%s: needs a value; `trommel stage %s --help` says which", argv[optind - 1], part);
    else
        log_error("%s: unknown option; `trommel stage %s --help` lists them", argv[optind - 1], part);
    return ERR_USAGE;
}

int stage_list_add(const char **list, size_t *n, size_t max, const char *value, const char *option)
{
    if (*n == max) {
        log_error("--%s: given more than %zu times", option, max);
        return ERR_USAGE;
    }
    list[(*n)++] = value;
    return 0;
}

static int stage(int argc, char **argv)
{
    if (argc < 2) {
        log_error("stage: say what to do: new, show, run or check; `trommel stage --help` tells more");
        return 2;
    }
    for (int i = 0; parts[i]; i++)
        if (!strcmp(argv[1], parts[i]->name))
            return parts[i]->run(argc - 1, argv + 1);
    log_error("stage %s: no such command; it must be new, show, run or check", argv[1]);
    return 2;
}

const struct command command_stage = {
    .name = "stage",
    .summary = "for stage authors: new, show, run, check",
    .usage = usage,
    .parts = parts,
    .run = stage,
};
