/* replay: pages that were fetched before, through the chain again.  This file reads the arguments; the work
 * is in replay_dead.c. */
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "command/command.h"
#include "command/crawl_options.h"
#include "command/replay.h"

static const char usage[] =
    "usage: trommel replay --dead [OPTION]...\n"
    "\n"
    "Runs the dead letters of a job through the chain again, after a stage was mended: pages that had\n"
    "crashed it, were over its time, or that it had called an error.  Nothing is fetched.  What comes out\n"
    "well is delivered as the crawl would have delivered it, with the same id, and counts as settled: it is\n"
    "not run again, and `trommel cat --dead` no longer lists it.  Its links reach the frontier: the next\n"
    "crawl of the job follows them.  What fails again stays, with the new reason.  The job must not be\n"
    "running.  Killed at any point, the same command goes on: no page is lost, and none is delivered twice\n"
    "(by the file sink; other sinks may get the last few again).\n"
    "\n"
    "      --dead              the dead letters of a job\n"
    "      --job DIR           folder of the job (trommel-job)\n"
    "      --out SINK          where records go (as the configuration says, else JOB/records)\n"
    "      --stage ID          only letters that this stage is named in\n"
    "      --reason WORD       only letters with this reason (crash, timeout, out_of_memory, …)\n"
    "      --dry-run           run them and say how they come out; deliver nothing, write nothing down\n"
    "\n"
    "the chain: as `trommel ctl` changed it last, if the configuration is that of the job's start\n"
    "  -c, --config FILE       the job's YAML file: the chain, and options of `trommel crawl`\n"
    "      --set STAGE.OPTION=VALUE   an option of a stage; repeatable\n"
    "      --workers N         worker processes; 0 one a core (0)\n"
    "      --page-budget MS    CPU time for one page (5000)\n"
    "      --stage-budget MS   CPU time for one stage on one page (1000)\n"
    "      --worker-memory BYTES   address space of one worker (1073741824)\n"
    "      --allow-network-stages   stages that need network or files run outside the sandbox\n"
    "\n"
    "links, as in `trommel crawl`\n"
    "      --scope WHAT        host, domain, prefix, any (host)\n"
    "      --depth N           links away from a seed (no limit)\n"
    "      --follow-nofollow   follow links that say nofollow too\n"
    "\n"
    "      --sink-patience SECONDS   how long a sink may be in trouble before it ends (30)\n"
    "      --no-progress       no progress on standard error\n"
    "  -v, --verbose           more messages; twice, all of them\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all came out well, 1 some did not (they are listed) or it was stopped, 2 wrong usage or\n"
    "configuration, 3 could not run or go on.\n";

struct command_line {
    struct replay_args args;
    const char *config;
    const char **sets;
    size_t n_sets;
    int is_dead, verbose;
    struct fy_document *doc; /* owns strings of the configuration file */
};

/* Options of the job that mean something here. */
static const char *const job_names[] = { "job",           "out",          "workers",
                                         "page-budget",   "stage-budget", "worker-memory",
                                         "scope",         "depth",        "follow-nofollow",
                                         "sink-patience", "no-progress",  "allow-network-stages" };
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
                 { "reason", offsetof(struct command_line, args.reason) } };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strlen(rows[i].name) == n && !memcmp(rows[i].name, name, n))
            return (const char **)(void *)((char *)c + rows[i].offset);
    return n == 3 && !memcmp(name, "set", 3) ? &c->sets[c->n_sets++] : NULL;
}

/* One of argv; *i moves behind its value. */
static int argument(struct command_line *c, int argc, char **argv, int *i, struct err *err)
{
    const char *arg = argv[*i], *eq = strchr(arg, '='), *value = eq ? eq + 1 : NULL;
    size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
    const char *name = strcmp(arg, "-c") ? arg + 2 : "config";
    size_t name_n = strcmp(arg, "-c") ? n - 2 : 6;

    if (flag(c, arg))
        return 0;
    if (arg[0] != '-')
        return err_set(err, ERR_USAGE, "%s: no file is wanted here; name the folder of a job with --job",
                       arg);
    int is_known = !strcmp(arg, "-c") || !strncmp(arg, "--", 2),
        is_job = is_known && IS_AMONG(job_names, name, name_n);
    const char **own = is_known && !is_job ? own_value(c, name, name_n) : NULL;
    if (!is_job && !own)
        return err_set(err, ERR_USAGE, "%.*s: unknown option; `trommel replay --help` lists them", (int)n,
                       arg);
    if (!value && !IS_AMONG(job_flags, name, name_n)) {
        if (*i + 1 >= argc)
            return err_set(err, ERR_USAGE, "%s: needs a value", arg);
        value = argv[++*i];
    }
    if (is_job)
        return crawl_option_set(name, name_n, value, &c->args.job, err);
    *own = value;
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
    c->n_sets = 0;
    c->verbose = 0;
    return rc < 0 ? rc : arguments(c, argc, argv, err);
}

static int run(int argc, char **argv)
{
    struct command_line c = { .args.job = crawl_options_default() };
    struct chain_config chain = { 0 };
    struct err err = { 0 };
    int status = 2;

    c.sets = calloc((size_t)argc, sizeof *c.sets);
    if (!c.sets)
        abort();
    int rc = options_read(&c, argc, argv, &err);
    if (rc == 0 && !c.is_dead)
        rc = err_set(&err, ERR_USAGE, "nothing to replay; say --dead for the dead letters of a job");
    if (rc == 0 && c.verbose)
        log_init("trommel", c.verbose > 1 ? LOG_TRACE : LOG_DEBUG);
    if (rc == 0)
        rc = chain_read(&c, &chain, &err);
    if (rc == 0)
        status = replay_dead(&c.args, &chain, &err);
    if (err.code)
        log_error("%s", err.text);
    chain_config_release(&chain);
    free(c.sets);
    fy_document_destroy(c.doc);
    return status;
}

const struct command command_replay = {
    .name = "replay",
    .summary = "runs the dead letters of a job through the chain again",
    .usage = usage,
    .run = run,
};
