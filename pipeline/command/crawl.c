/* crawl: the main job.  Options are rows of one table, which the command line and the configuration file
 * share; a value is checked by its row, wherever it was said.  The command line wins. */
#include <errno.h>
#include <libfyaml.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/log.h"
#include "command/command.h"
#include "command/crawl_options.h"
#include "command/number.h"
#include "job.h"
#include "warc/pack.h"

static const char usage[] =
    "usage: trommel crawl [OPTION]... [SEED]...\n"
    "\n"
    "Crawls from the seeds; every page runs through the chain and becomes one msgpack record.\n"
    "The same job folder again goes on where it was; nothing is lost when anything is killed.\n"
    "\n"
    "  -c, --config FILE       YAML file: the chain, and any option below by its long name\n"
    "      --job DIR           folder of the job (trommel-job)\n"
    "      --out SINK          where records go: DIR (JOB/records), stdout:, null:\n"
    "      --seeds FILE        one URL a line, - for standard input\n"
    "      --chain CHAIN       instead of the file's: none (nothing is run, not even the parse), default, or stages\n"
    "                          parted by commas\n"
    "      --set STAGE.OPTION=VALUE   an option of a stage; repeatable\n"
    "\n"
    "what is crawled\n"
    "      --max-pages N       visits at the most; 0 no limit (0)\n"
    "      --depth N           links away from a seed (no limit)\n"
    "      --scope WHAT        host, domain (registrable), prefix (of the seed's path), any (host)\n"
    "      --follow-nofollow   follow links that say nofollow too\n"
    "      --ignore-robots     do not ask robots.txt; for one's own sites only\n"
    "\n"
    "manners and limits\n"
    "      --delay SECONDS     between two starts on one host (1)\n"
    "      --per-host N        connections to one host at a time (1)\n"
    "      --connections N     transfers at a time (1000)\n"
    "      --user-agent S      its first word is looked up in robots.txt\n"
    "      --allow-private     connect to loopback and private addresses too\n"
    "      --insecure          do not check certificates\n"
    "      --timeout SECONDS   for one transfer (30)\n"
    "      --connect-timeout SECONDS   (10)\n"
    "      --max-body BYTES    of one page (8388608)\n"
    "      --budget BYTES      memory of all pages between fetch and acknowledgement (268435456)\n"
    "\n"
    "the chain\n"
    "      --workers N         worker processes; 0 one a core (0)\n"
    "      --page-budget MS    CPU time for one page (5000)\n"
    "      --stage-budget MS   CPU time for one stage on one page (1000)\n"
    "      --worker-memory BYTES   address space of one worker (1073741824)\n"
    "      --allow-network-stages   stages that need network or files run outside the sandbox\n"
    "\n"
    "the archive\n"
    "      --warc[=DIR]        keep what was sent and received as WARC 1.1 files (JOB/warc); asks with\n"
    "                          HTTP/1.1; a page's record is acknowledged when its WARC record is on disk\n"
    "      --warc-compression HOW   gzip, zstd or none, each record by itself (gzip)\n"
    "      --warc-size BYTES   of one file, about (1000000000)\n"
    "      --warc-prefix NAME  files are NAME-TIMESTAMP-SERIAL-HOST.warc.gz, with .open while they are\n"
    "                          written, and beside each its CDXJ index (trommel)\n"
    "      --warc-operator WHO whom to ask about the crawl; stands in each file\n"
    "\n"
    "the run\n"
    "      --name NAME         part of every record's id (the folder's name)\n"
    "      --grace SECONDS     after an interrupt, for what is under way (10)\n"
    "      --sink-patience SECONDS   how long a sink may be in trouble before the job stops (30)\n"
    "      --no-progress       no progress on standard error\n"
    "      --no-control        no control socket: `trommel ctl` does not reach this crawl\n"
    "  -v, --verbose           more messages; twice, all of them\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all done, 1 some pages failed (they are listed) or the job was stopped, 2 wrong usage\n"
    "or configuration, 3 could not run or go on.\n";

enum kind { KIND_STR, KIND_FLAG, KIND_UNSIGNED, KIND_U64, KIND_F64, KIND_MS, KIND_SCOPE, KIND_WARC, KIND_CODING };

struct crawl_args {
    struct job_options job;
    const char *config, *chain;
    int verbose;
    const char **sets;
    size_t n_sets;
    struct fy_document *doc; /* owns strings of the configuration file */
};

struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    double min, max;
    const char *unit;
};
#define AT(field) offsetof(struct job_options, field)
static const struct row rows[] = {
    { "job", KIND_STR, AT(dir), 0, 0, "a folder" },
    { "out", KIND_STR, AT(out), 0, 0, "a sink" },
    { "seeds", KIND_STR, AT(seed_file), 0, 0, "a file" },
    { "name", KIND_STR, AT(name), 0, 0, "a name" },
    { "user-agent", KIND_STR, AT(user_agent), 0, 0, "text" },
    { "max-pages", KIND_U64, AT(max_pages), 0, 1e15, "pages" },
    { "depth", KIND_UNSIGNED, AT(depth), 0, 1e6, "links" },
    { "scope", KIND_SCOPE, AT(scope), 0, 0, "host, domain, prefix or any" },
    { "delay", KIND_F64, AT(delay_s), 0, 86400, "seconds" },
    { "per-host", KIND_UNSIGNED, AT(per_host), 1, 1000, "connections" },
    { "connections", KIND_UNSIGNED, AT(connections), 1, 100000, "transfers" },
    { "timeout", KIND_MS, AT(timeout_ms), 0.001, 86400, "seconds" },
    { "connect-timeout", KIND_MS, AT(connect_ms), 0.001, 3600, "seconds" },
    { "max-body", KIND_UNSIGNED, AT(body_bytes), 1, LIMIT_BODY_BYTES, "bytes" },
    { "budget", KIND_U64, AT(budget_bytes), LIMIT_RESERVE_BYTES, 1e13, "bytes" },
    { "workers", KIND_UNSIGNED, AT(workers), 0, 1024, "processes" },
    { "page-budget", KIND_UNSIGNED, AT(page_ms), 1, 3600000, "ms" },
    { "stage-budget", KIND_UNSIGNED, AT(stage_ms), 1, 3600000, "ms" },
    { "worker-memory", KIND_U64, AT(worker_bytes), 64.0 * MIB, 1e13, "bytes" },
    { "grace", KIND_F64, AT(grace_s), 0, 86400, "seconds" },
    { "sink-patience", KIND_F64, AT(sink_patience_s), 0, 1e7, "seconds" },
    { "warc", KIND_WARC, AT(warc), 0, 0, "a folder" },
    { "warc-compression", KIND_CODING, AT(warc_coding), 0, 0, "gzip, zstd or none" },
    { "warc-size", KIND_U64, AT(warc_bytes), 1, 1e15, "bytes" },
    { "warc-prefix", KIND_STR, AT(warc_prefix), 0, 0, "a name" },
    { "warc-operator", KIND_STR, AT(warc_operator), 0, 0, "a name or address" },
    { "allow-private", KIND_FLAG, AT(allow_private), 0, 0, NULL },
    { "allow-network-stages", KIND_FLAG, AT(network_stages), 0, 0, NULL },
    { "insecure", KIND_FLAG, AT(insecure), 0, 0, NULL },
    { "ignore-robots", KIND_FLAG, AT(ignore_robots), 0, 0, NULL },
    { "follow-nofollow", KIND_FLAG, AT(follow_nofollow), 0, 0, NULL },
    { "no-progress", KIND_FLAG, AT(no_progress), 0, 0, NULL },
    { "no-control", KIND_FLAG, AT(no_control), 0, 0, NULL },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct row *row_find(const char *name, size_t n)
{
    for (int i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == n && !memcmp(rows[i].name, name, n))
            return &rows[i];
    return NULL;
}

/* May stand alone on the command line. */
static int value_optional(const struct row *row)
{
    return row->kind == KIND_FLAG || row->kind == KIND_WARC;
}

static int scope_parse(const char *text, enum frontier_scope *ret)
{
    static const char *const names[] = { [SCOPE_HOST] = "host", [SCOPE_DOMAIN] = "domain", [SCOPE_PREFIX] = "prefix", [SCOPE_ANY] = "any" };

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(names[i], text)) {
            *ret = (enum frontier_scope)i;
            return 0;
        }
    return ERR_USAGE;
}

static int flag_parse(const char *text, int *ret)
{
    if (!text || !strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "1"))
        *ret = 1;
    else if (!strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "0"))
        *ret = 0;
    else
        return ERR_USAGE;
    return 0;
}

static int coding_parse(const char *text, int *ret)
{
    for (int i = 0; i < WARC_CODINGS; i++)
        if (!strcmp(warc_coding_names[i], text)) {
            *ret = i;
            return 0;
        }
    return ERR_USAGE;
}

/* A folder, or only whether there is to be an archive. */
static const char *warc_parse(const char *text)
{
    int on = 1;

    return flag_parse(text, &on) < 0 ? text : on ? "" : NULL;
}

/* Sets one option from text.  `where` names the place for the message ("--depth", "job.yaml: depth"). */
static int row_set(const struct row *row, const char *text, const char *where, struct job_options *opt, struct err *err)
{
    char *at = (char *)opt + row->offset;
    double number = 0;

    switch (row->kind) {
    case KIND_STR:
        if (!*text)
            return err_set(err, ERR_USAGE, "%s: is empty; give %s", where, row->unit);
        *(const char **)at = text;
        return 0;
    case KIND_FLAG:
        return flag_parse(text, (int *)at) == 0 ? 0
               : err_set(err, ERR_USAGE, "%s: \"%s\" is neither true nor false", where, text);
    case KIND_SCOPE:
        return scope_parse(text, (enum frontier_scope *)at) == 0 ? 0
               : err_set(err, ERR_USAGE, "%s: \"%s\" is no scope; it must be %s", where, text, row->unit);
    case KIND_CODING:
        return coding_parse(text, (int *)at) == 0 ? 0
               : err_set(err, ERR_USAGE, "%s: \"%s\" is no compression; it must be %s", where, text, row->unit);
    case KIND_WARC:
        if (text && !*text)
            return err_set(err, ERR_USAGE, "%s: is empty; give %s, or leave the = out", where, row->unit);
        *(const char **)at = warc_parse(text);
        return 0;
    default:
        break;
    }
    int whole = row->kind != KIND_F64 && row->kind != KIND_MS;
    if (number_parse(text, row->min, row->max, whole, &number) < 0)
        return err_set(err, ERR_USAGE, "%s: \"%s\" must be %s from %g to %g (%s)", where, text,
                       whole ? "a whole number" : "a number", row->min, row->max, row->unit);
    if (row->kind == KIND_UNSIGNED)
        *(unsigned *)at = (unsigned)number;
    else if (row->kind == KIND_U64)
        *(uint64_t *)at = (uint64_t)number;
    else if (row->kind == KIND_MS)
        *(uint32_t *)at = (uint32_t)(number * 1000);
    else
        *(double *)at = number;
    return 0;
}

int crawl_option_set(const char *name, size_t n, const char *text, struct job_options *opt, struct err *err)
{
    const struct row *row = row_find(name, n);
    char where[80];

    if (!row)
        return ERR_ABSENT;
    snprintf(where, sizeof where, "--%.*s", (int)n, name);
    if (!text && !value_optional(row))
        return err_set(err, ERR_USAGE, "%s: needs a value: %s", where, row->unit);
    return row_set(row, text, where, opt, err);
}

/* ---- the configuration file ---- */

static int config_key(struct job_options *opt, const char *path, struct fy_node_pair *pair, struct err *err)
{
    struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
    const char *name = fy_node_get_scalar0(key);
    char where[600];

    if (!name)
        return err_set(err, ERR_USAGE, "%s: a key is no plain word; give options as `name: value`", path);
    if (!strcmp(name, "chain")) /* chain_config_read takes it */
        return 0;
    const struct row *row = row_find(name, strlen(name));
    if (!row)
        return err_set(err, ERR_USAGE, "%s: unknown option \"%.60s\"; `trommel crawl --help` lists them", path, name);
    const char *text = value && fy_node_is_scalar(value) ? fy_node_get_scalar0(value) : NULL;
    if (!text)
        return err_set(err, ERR_USAGE, "%s: %s: must be one plain value", path, name);
    snprintf(where, sizeof where, "%s: %s", path, name);
    return row_set(row, text, where, opt, err);
}

int crawl_config_read(const char *path, struct job_options *opt, struct fy_document **doc, struct err *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return err_set(err, ERR_USAGE, "%s: cannot read the configuration: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)LIMIT_CONFIG_BYTES)
        return err_set(err, ERR_USAGE, "%s: is no configuration file (a regular file of at most %u bytes)", path,
                       LIMIT_CONFIG_BYTES);
    struct fy_parse_cfg cfg = { .flags = FYPCF_DEFAULT_DOC };
    *doc = fy_document_build_from_file(&cfg, path);
    struct fy_node *root = *doc ? fy_document_root(*doc) : NULL;
    if (!root)
        return err_set(err, ERR_USAGE, "%s: is no YAML that can be read (the place is named above)", path);
    if (!fy_node_is_mapping(root))
        return err_set(err, ERR_USAGE, "%s: must be a map of options, such as `depth: 3`", path);
    void *at = NULL;
    for (struct fy_node_pair *p; (p = fy_node_mapping_iterate(root, &at));) {
        int rc = config_key(opt, path, p, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- the command line ---- */


/* One of argv; *i moves behind its value.  pass 0 looks for --config only, pass 1 takes all. */
static int argument(struct crawl_args *a, int argc, char **argv, int *i, int pass, struct err *err)
{
    char *arg = argv[*i];
    char *eq = strchr(arg, '=');
    size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
    const char *name = arg + 2;
    char where[80];

    if (!strcmp(arg, "-v") || !strcmp(arg, "-vv") || !strcmp(arg, "--verbose")) {
        a->verbose += pass ? (arg[1] == 'v' ? (int)strlen(arg + 1) : 1) : 0;
        return 0;
    }
    int is_config = !strcmp(arg, "-c") || (n == 8 && !memcmp(arg, "--config", 8));
    int is_set = n == 5 && !memcmp(arg, "--set", 5), is_chain = n == 7 && !memcmp(arg, "--chain", 7);
    const struct row *row = is_config || is_set || is_chain || arg[1] != '-' ? NULL : row_find(name, n - 2);
    if (!is_config && !is_set && !is_chain && !row)
        return err_set(err, ERR_USAGE, "%.*s: unknown option; `trommel crawl --help` lists them", (int)n, arg);
    const char *value = eq ? eq + 1 : NULL;
    if (!value && !(row && value_optional(row))) {
        if (*i + 1 >= argc)
            return err_set(err, ERR_USAGE, "%s: needs a value", arg);
        value = argv[++*i];
    }
    if (is_config && !pass)
        a->config = value;
    if (is_chain)
        a->chain = value;
    if (is_set && pass)
        a->sets[a->n_sets++] = value;
    snprintf(where, sizeof where, "%.*s", (int)n, arg);
    return row && pass ? row_set(row, value, where, &a->job, err) : 0;
}

static int arguments(struct crawl_args *a, int argc, char **argv, int pass, struct err *err)
{
    const char **seeds = (const char **)a->job.seeds;
    int plain = 0;

    for (int i = 1; i < argc; i++) {
        if (!plain && !strcmp(argv[i], "--")) {
            plain = 1;
        } else if (!plain && argv[i][0] == '-' && argv[i][1]) {
            int rc = argument(a, argc, argv, &i, pass, err);
            if (rc < 0)
                return rc;
        } else if (pass) {
            seeds[a->job.n_seeds++] = argv[i];
        }
    }
    return 0;
}

static int chain_read(struct crawl_args *a, struct chain_config *chain, struct err *err)
{
    int rc = a->chain    ? chain_config_named(chain, a->chain, err)
             : a->config ? chain_config_read(a->config, chain, err)
                         : chain_config_default(chain, err);

    for (size_t i = 0; rc == 0 && i < a->n_sets; i++)
        rc = chain_config_set(chain, a->sets[i], err);
    return rc == 0 ? chain_config_find(chain, NULL, err) : rc;
}

struct job_options crawl_options_default(void)
{
    return (struct job_options){
        .dir = "trommel-job",
        .scope = SCOPE_HOST,
        .depth = 1000000,
        .per_host = 1,
        .connections = LIMIT_CONNECTIONS,
        .budget_bytes = LIMIT_BUDGET_BYTES,
        .delay_s = 1,
        .grace_s = 10,
        .sink_patience_s = 30,
        .user_agent = "Trommel/" TROMMEL_VERSION,
        .warc_prefix = "trommel",
        .warc_bytes = 1000000000,
        .timeout_ms = 30000,
        .connect_ms = 10000,
        .body_bytes = LIMIT_BODY_BYTES,
        .page_ms = LIMIT_PAGE_MS,
        .stage_ms = LIMIT_STAGE_MS,
        .worker_bytes = LIMIT_WORKER_BYTES,
    };
}

static int crawl(int argc, char **argv)
{
    struct crawl_args a = { .job = crawl_options_default() };
    struct chain_config chain = { 0 };
    struct err err = { 0 };
    int status = 2;

    a.job.seeds = calloc((size_t)argc, sizeof *a.job.seeds);
    a.sets = calloc((size_t)argc, sizeof *a.sets);
    if (!a.job.seeds || !a.sets)
        abort();
    int rc = arguments(&a, argc, argv, 0, &err);
    if (rc == 0 && a.config)
        rc = crawl_config_read(a.config, &a.job, &a.doc, &err);
    if (rc == 0)
        rc = arguments(&a, argc, argv, 1, &err);
    if (rc == 0 && a.verbose)
        log_init("trommel", a.verbose > 1 ? LOG_TRACE : LOG_DEBUG);
    if (rc == 0)
        rc = chain_read(&a, &chain, &err);
    a.job.config_path = a.config;
    if (rc == 0)
        status = job_run(&a.job, &chain, &err);
    if (err.code)
        log_error("%s", err.text);
    chain_config_release(&chain);
    free((void *)a.job.seeds);
    free(a.sets);
    fy_document_destroy(a.doc);
    return status;
}

const struct command command_crawl = {
    .name = "crawl",
    .summary = "crawl from seeds; one msgpack record a page",
    .usage = usage,
    .run = crawl,
};
