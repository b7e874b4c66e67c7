/* replay: pages that were fetched before, through the chain again.  This file reads the arguments; the work
 * is in replay/dead.c and replay/warc.c. */
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "command/command.h"
#include "command/crawl_options.h"
#include "command/replay.h"
#include "command/replay/warc.h"

static const char usage[] =
    "usage: trommel replay [OPTION]... FILE|DIR|-...\n"
    "       trommel replay [OPTION]... --follow DIR\n"
    "       trommel replay --dead [OPTION]...\n"
    "\n"
    "Runs pages that were fetched before through the chain, all workers, no network.\n"
    "\n"
    "archives: WARC (0.17 to 1.1) and ARC, plain, gzip or zstd, of any writer\n"
    "  FILE, DIR, -            an archive; all that lie in a folder; standard input\n"
    "      --follow DIR        archives that a running crawler finishes there, as they are closed or get "
    "their\n"
    "                          names; those that are there too.  Until it is told to stop (SIGTERM, SIGINT)\n"
    "      --chain CHAIN       none (nothing is run, not even the parse), default, or stages parted by "
    "commas\n"
    "      --name NAME         part of every record's id (the folder's name)\n"
    "      --diff OLD          compares the records with those of OLD (as `trommel diff` does) and reports.\n"
    "                          Nothing is kept or written, --job does not count, and the same can be run "
    "again;\n"
    "                          but with --out records are delivered as well, and what was done before is "
    "not\n"
    "                          compared\n" DIFF_ARGS_USAGE "\n"
    "Every response and resource of http and https is a page; redirects have none (where they lead to "
    "does),\n"
    "nor has robots.txt; a revisit is one with the payload it refers to, if that was read before it.  "
    "Damaged\n"
    "places are named, with file and offset, and every intact record behind them is read.  Interrupted or\n"
    "killed, the same command goes on where it was, and nothing is done twice (JOB/replay.journal).  To do "
    "it\n"
    "all again, name another --job.\n"
    "\n"
    "dead letters: pages that had crashed a stage, were over its time, or that it had called an error\n"
    "      --dead              those of a job, after a stage was mended.  What comes out well is delivered "
    "as the\n"
    "                          crawl would have delivered it, with the same id, and counts as settled: it is "
    "not\n"
    "                          run again, and `trommel cat --dead` no longer lists it.  Its links reach the\n"
    "                          frontier: the next crawl of the job follows them.  What fails again stays, "
    "with\n"
    "                          the new reason.  The job must not be running.  Killed at any point, the same\n"
    "                          command goes on: no page is lost, and none is delivered twice (by the file "
    "sink;\n"
    "                          other sinks may get the last few again)\n"
    "      --stage ID          only letters that this stage is named in\n"
    "      --reason WORD       only letters with this reason (crash, timeout, out_of_memory, …)\n"
    "      --dry-run           run them and say how they come out; deliver nothing, write nothing down\n"
    "      --scope WHAT, --depth N, --follow-nofollow   of their links, as in `trommel crawl`\n"
    "\n"
    "both\n"
    "      --job DIR           folder of the job (trommel-job)\n"
    "      --out SINK          where records go (as the configuration says, else JOB/records)\n"
    "  -c, --config FILE       the job's YAML file: the chain, and options of `trommel crawl`.  For dead "
    "letters\n"
    "                          the chain is as `trommel ctl` changed it last, if the file is that of the "
    "job's\n"
    "                          start\n"
    "      --set STAGE.OPTION=VALUE   an option of a stage; repeatable\n"
    "      --workers N         worker processes; 0 one a core (0)\n"
    "      --page-budget MS    CPU time for one page (5000)\n"
    "      --stage-budget MS   CPU time for one stage on one page (1000)\n"
    "      --worker-memory BYTES   address space of one worker (1073741824)\n"
    "      --allow-network-stages   stages that need network or files run outside the sandbox\n"
    "      --grace SECONDS     after an interrupt, for what is under way (10)\n"
    "      --sink-patience SECONDS   how long a sink may be in trouble before it ends (30)\n"
    "      --no-progress       no progress on standard error\n"
    "  -v, --verbose           more messages; twice, all of them\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all came out well, 1 some did not (they are listed), an archive is damaged, or it was\n"
    "stopped, 2 wrong usage or configuration, 3 could not run or go on.  With --diff as `trommel diff`.\n";

struct command_line {
    struct replay_args args;
    const char *config;
    const char **sets;
    size_t n_sets;
    int is_dead, verbose, has_diff_option;
    struct fy_document *doc; /* owns strings of the configuration file */
    struct diff_args diff;
    struct replay_warc_args warc;
    char **files;
    size_t n_files;
};

/* Options of the job that mean something here. */
static const char *const job_names[] = { "job",           "out",          "workers",
                                         "page-budget",   "stage-budget", "worker-memory",
                                         "scope",         "depth",        "follow-nofollow",
                                         "sink-patience", "no-progress",  "allow-network-stages",
                                         "name",          "grace" };
static const char *const job_flags[] = { "follow-nofollow", "no-progress", "allow-network-stages" };

static int is_among(const char *const *names, size_t n_names, const char *name, size_t n)
{
    for (size_t i = 0; i < n_names; i++)
        if (strlen(names[i]) == n && !memcmp(names[i], name, n))
            return 1;
    return 0;
}
#define IS_AMONG(names, name, n) is_among(names, sizeof names / sizeof names[0], name, n)

static int flag(struct command_line *c, const char *arg)
{
    if (!strcmp(arg, "--dead"))
        c->is_dead = 1;
    else if (!strcmp(arg, "--dry-run"))
        c->args.is_dry = 1;
    else if (!strcmp(arg, "-v") || !strcmp(arg, "--verbose"))
        c->verbose++;
    else if (!strcmp(arg, "-vv"))
        c->verbose += 2;
    else
        return 0;
    return 1;
}

/* Where the value of one of our own options goes; NULL: it is none. */
static const char **own_value(struct command_line *c, const char *name, size_t n)
{
    static const struct {
        const char *name;
        size_t offset;
    } rows[] = { { "config", offsetof(struct command_line, config) },
                 { "stage", offsetof(struct command_line, args.stage) },
                 { "reason", offsetof(struct command_line, args.reason) },
                 { "follow", offsetof(struct command_line, warc.follow) },
                 { "chain", offsetof(struct command_line, warc.chain) },
                 { "diff", offsetof(struct command_line, warc.diff) } };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strlen(rows[i].name) == n && !memcmp(rows[i].name, name, n))
            return (const char **)(void *)((char *)c + rows[i].offset);
    return n == 3 && !memcmp(name, "set", 3) ? &c->sets[c->n_sets++] : NULL;
}

static int value_need(int argc, char **argv, int *i, const char **value, struct err *err)
{
    if (*value)
        return 0;
    if (*i + 1 >= argc)
        return err_set(err, ERR_USAGE, "%s: needs a value", argv[*i]);
    *value = argv[++*i];
    return 0;
}

/* An option; *i moves behind its value. */
static int option(struct command_line *c, int argc, char **argv, int *i, struct err *err)
{
    const char *arg = argv[*i], *eq = strchr(arg, '='), *value = eq ? eq + 1 : NULL;
    size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
    const char *name = strcmp(arg, "-c") ? arg + 2 : "config";
    size_t name_n = strcmp(arg, "-c") ? n - 2 : 6;
    int is_known = !strcmp(arg, "-c") || !strncmp(arg, "--", 2);
    int is_job = is_known && IS_AMONG(job_names, name, name_n);
    int of_diff = is_known && !is_job ? diff_option_is(name, name_n) : 0;
    const char **own = is_known && !is_job && !of_diff ? own_value(c, name, name_n) : NULL;
    int is_flag = (is_job && IS_AMONG(job_flags, name, name_n)) || of_diff == 2;

    if (!is_job && !own && !of_diff)
        return err_set(err, ERR_USAGE, "%.*s: unknown option; `trommel replay --help` lists them", (int)n,
                       arg);
    if (!is_flag && value_need(argc, argv, i, &value, err) < 0)
        return err->code;
    if (is_job)
        return crawl_option_set(name, name_n, value, &c->args.job, err);
    if (of_diff) {
        c->has_diff_option = 1;
        return diff_option_set(&c->diff, name, name_n, value, err);
    }
    *own = value;
    return 0;
}

/* One of argv. */
static int argument(struct command_line *c, int argc, char **argv, int *i, struct err *err)
{
    if (flag(c, argv[*i]))
        return 0;
    if (argv[*i][0] == '-' && argv[*i][1])
        return option(c, argc, argv, i, err);
    c->files[c->n_files++] = argv[*i];
    return 0;
}

static int arguments(struct command_line *c, int argc, char **argv, struct err *err)
{
    int rc = 0;

    for (int i = 1; i < argc && rc == 0; i++)
        rc = argument(c, argc, argv, &i, err);
    return rc;
}

static int chain_read(const struct command_line *c, struct chain_config *chain, struct err *err)
{
    int rc = c->config ? chain_config_read(c->config, chain, err) : chain_config_default(chain, err);

    for (size_t i = 0; rc == 0 && i < c->n_sets; i++)
        rc = chain_config_set(chain, c->sets[i], err);
    return rc == 0 ? chain_config_find(chain, NULL, err) : rc;
}

/* The command line wins over the file, so it is read again behind it. */
static int options_read(struct command_line *c, int argc, char **argv, struct err *err)
{
    int rc = arguments(c, argc, argv, err);

    if (rc < 0 || !c->config)
        return rc;
    rc = crawl_config_read(c->config, &c->args.job, &c->doc, err);
    c->n_sets = c->n_files = 0;
    c->verbose = 0;
    diff_args_init(&c->diff);
    return rc < 0 ? rc : arguments(c, argc, argv, err);
}

/* Do they make sense together? */
static int together(const struct command_line *c, struct err *err)
{
    const struct replay_warc_args *w = &c->warc;

    if (c->is_dead && (c->n_files || w->follow || w->chain || w->diff))
        return err_set(err, ERR_USAGE, "%s: has no place beside --dead, whose pages are the job's letters",
                       c->n_files  ? c->files[0]
                       : w->follow ? "--follow"
                       : w->chain  ? "--chain"
                                   : "--diff");
    if (c->is_dead)
        return 0;
    if (c->args.stage || c->args.reason || c->args.is_dry)
        return err_set(err, ERR_USAGE, "%s: is for --dead only",
                       c->args.stage    ? "--stage"
                       : c->args.reason ? "--reason"
                                        : "--dry-run");
    if (!c->n_files && !w->follow)
        return err_set(err, ERR_USAGE,
                       "nothing to replay; name an archive (FILE, DIR, - for standard input), --follow "
                       "DIR, or --dead for the dead letters of a job");
    if (c->has_diff_option && !w->diff)
        return err_set(err, ERR_USAGE, "options of a comparison want --diff OLD beside them");
    return 0;
}

static int run_archives(struct command_line *c, struct err *err)
{
    c->warc.job = &c->args.job;
    c->warc.config = c->config;
    c->warc.sets = c->sets;
    c->warc.n_sets = c->n_sets;
    c->warc.files = c->files;
    c->warc.n_files = c->n_files;
    c->warc.diff_args = &c->diff;
    diff_args_end(&c->diff);
    return replay_warc(&c->warc, err);
}

static int run_dead(struct command_line *c, struct err *err)
{
    struct chain_config chain = { 0 };
    int status = chain_read(c, &chain, err) == 0 ? replay_dead(&c->args, &chain, err) : 2;

    chain_config_release(&chain);
    return status;
}

static int run(int argc, char **argv)
{
    struct command_line c = { .args.job = crawl_options_default() };
    struct err err = { 0 };
    int status = 2;

    c.sets = calloc((size_t)argc, sizeof *c.sets);
    c.files = calloc((size_t)argc, sizeof *c.files);
    if (!c.sets || !c.files)
        abort();
    diff_args_init(&c.diff);
    int rc = options_read(&c, argc, argv, &err);
    rc = rc ? rc : together(&c, &err);
    if (rc == 0 && c.verbose)
        log_init("trommel", c.verbose > 1 ? LOG_TRACE : LOG_DEBUG);
    if (rc == 0)
        status = c.is_dead ? run_dead(&c, &err) : run_archives(&c, &err);
    if (err.code)
        log_error("%s", err.text);
    free(c.sets);
    free(c.files);
    fy_document_destroy(c.doc);
    return status;
}

const struct command command_replay = {
    .name = "replay",
    .summary = "runs archives (WARC, ARC), or the dead letters of a job, through the chain",
    .usage = usage,
    .run = run,
};
