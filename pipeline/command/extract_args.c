/* extract_args: see extract_args.h. */
#include "command/extract_args.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "command/number.h"
#include "command/source.h"

const char extract_usage[] =
    "usage: trommel extract [OPTION]... FILE|URL|-...\n"
    "       trommel extract [OPTION]... --manifest M.jsonl\n"
    "       trommel extract [OPTION]... --stream\n"
    "\n"
    "Runs pages through the chain and prints one record for each, in the order in which they were named.\n"
    "\n"
    "      --url URL           the page's URL: links are resolved against it (one FILE or - only)\n"
    "      --type TYPE         its content type, as in an HTTP header; else the file name's ending says it,\n"
    "                          else it is sniffed\n"
    "      --manifest M.jsonl  many pages, one a line: {\"id\", \"path\"[, \"url\"][, \"content_type\"]}; "
    "paths are\n"
    "                          relative to M; - is standard input.  Files *.gz, *.br, *.zst are decoded\n"
    "      --format FORMAT     json (one a line), text, markdown, msgpack (json)\n"
    "      --out FILE          where records go (standard output)\n"
    "\n"
    "      --stream            pages come from another program on standard input and are answered on "
    "standard\n"
    "                          output, as frames: four bytes of length (big end first), then a msgpack map.  "
    "A\n"
    "                          page is {\"id\", \"url\", \"headers\", \"body\"}, of which only body must be "
    "there, and\n"
    "                          may have final_url, status, content_type, content_encoding, fetched_at, "
    "fetch,\n"
    "                          deadline_ms; the answer is its record.  Each frame has one answer, as it "
    "finishes; a\n"
    "                          bad one is answered with what is wrong.  No more is read while answers are "
    "not.\n"
    "                          plugin/embed/stream/README.md says it all, for any language\n"
    "      --ordered           of --stream: answers in the order of the pages\n"
    "      --out SINK          of --stream: records go to a folder or another SINK (as of `trommel crawl`); "
    "the answer\n"
    "                          is {\"id\", \"url\", \"outcome\"[, \"error\"]}, given when the sink has the "
    "record safe\n"
    "\n"
    "the chain\n"
    "  -c, --config FILE       YAML file with the chain\n"
    "      --chain CHAIN       instead: none (nothing is run, not even the parse), default, or stages parted by commas\n"
    "      --set STAGE.OPTION=VALUE   an option of a stage; repeatable\n"
    "      --workers N         worker processes; 0 one a core (0)\n"
    "      --page-budget MS    CPU time for one page (5000)\n"
    "      --stage-budget MS   CPU time for one stage on one page (1000)\n"
    "      --worker-memory BYTES   address space of one worker (1073741824)\n"
    "      --allow-network-stages   stages that need network or files run outside the sandbox\n"
    "\n"
    "URLs\n"
    "      --allow-private     connect to loopback and private addresses too\n"
    "      --insecure          do not check certificates\n"
    "      --user-agent S\n"
    "\n"
    "      --no-progress       no progress on standard error\n"
    "  -v, --verbose           more messages; twice, all of them\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all done, 1 some pages failed (they are listed), 2 wrong usage or configuration, 3 "
    "could\n"
    "not run or go on.\n";

enum kind { KIND_STR, KIND_FLAG, KIND_U32, KIND_U64, KIND_FORMAT, KIND_SET };

struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    double min, max;
    const char *unit;
};
#define AT(field) offsetof(struct extract_args, field)
static const struct row rows[] = {
    { "url", KIND_STR, AT(url), 0, 0, "a URL" },
    { "type", KIND_STR, AT(type), 0, 0, "a content type" },
    { "manifest", KIND_STR, AT(manifest), 0, 0, "a file of JSON lines" },
    { "config", KIND_STR, AT(config), 0, 0, "a file" },
    { "chain", KIND_STR, AT(chain), 0, 0, "none, default, or stages parted by commas" },
    { "out", KIND_STR, AT(out), 0, 0, "a file, or with --stream a sink" },
    { "user-agent", KIND_STR, AT(user_agent), 0, 0, "text" },
    { "format", KIND_FORMAT, AT(format), 0, 0, "json, text, markdown or msgpack" },
    { "set", KIND_SET, 0, 0, 0, "STAGE.OPTION=VALUE" },
    { "workers", KIND_U32, AT(workers), 0, 1024, "processes" },
    { "page-budget", KIND_U32, AT(page_ms), 1, 3600000, "ms" },
    { "stage-budget", KIND_U32, AT(stage_ms), 1, 3600000, "ms" },
    { "worker-memory", KIND_U64, AT(worker_bytes), 64.0 * MIB, 1e13, "bytes" },
    { "allow-private", KIND_FLAG, AT(allow_private), 0, 0, NULL },
    { "allow-network-stages", KIND_FLAG, AT(network_stages), 0, 0, NULL },
    { "insecure", KIND_FLAG, AT(insecure), 0, 0, NULL },
    { "stream", KIND_FLAG, AT(stream), 0, 0, NULL },
    { "ordered", KIND_FLAG, AT(ordered), 0, 0, NULL },
    { "no-progress", KIND_FLAG, AT(no_progress), 0, 0, NULL },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct row *row_find(const char *name, size_t n)
{
    for (int i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == n && !memcmp(rows[i].name, name, n))
            return &rows[i];
    return NULL;
}

static int format_parse(const char *text, enum window_format *ret)
{
    static const char *const names[] = { [FORMAT_JSON] = "json",
                                         [FORMAT_TEXT] = "text",
                                         [FORMAT_MARKDOWN] = "markdown",
                                         [FORMAT_MSGPACK] = "msgpack" };

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], text)) {
            *ret = (enum window_format)i;
            return 0;
        }
    return ERR_USAGE;
}

static int number_set(const struct row *row, const char *text, void *at, struct err *err)
{
    double v;

    if (number_parse(text, row->min, row->max, 1, &v) < 0)
        return err_set(err, ERR_USAGE, "--%s: \"%s\" must be a whole number from %.0f to %.0f (%s)",
                       row->name, text, row->min, row->max, row->unit);
    if (row->kind == KIND_U32)
        *(uint32_t *)at = (uint32_t)v;
    else
        *(uint64_t *)at = (uint64_t)v;
    return 0;
}

static int row_set(const struct row *row, const char *text, struct extract_args *a, struct err *err)
{
    void *at = (char *)a + row->offset;

    switch (row->kind) {
    case KIND_FLAG:
        *(int *)at = 1;
        return text ? err_set(err, ERR_USAGE, "--%s: takes no value", row->name) : 0;
    case KIND_STR:
        *(const char **)at = text;
        return *text ? 0 : err_set(err, ERR_USAGE, "--%s: is empty; give %s", row->name, row->unit);
    case KIND_SET:
        a->sets[a->n_sets++] = text;
        return 0;
    case KIND_FORMAT:
        a->format_said = 1;
        return format_parse(text, at) == 0
                   ? 0
                   : err_set(err, ERR_USAGE, "--%s: \"%s\" is no format; it must be %s", row->name, text,
                             row->unit);
    default:
        return number_set(row, text, at, err);
    }
}

/* One option of argv; *i moves behind its value. */
static int argument(struct extract_args *a, int argc, char **argv, int *i, struct err *err)
{
    const char *arg = argv[*i], *eq = strchr(arg, '=');
    size_t n = eq ? (size_t)(eq - arg) : strlen(arg);

    if (!strcmp(arg, "-v") || !strcmp(arg, "-vv") || !strcmp(arg, "--verbose")) {
        a->verbose += strcmp(arg, "-vv") ? 1 : 2;
        return 0;
    }
    const struct row *row = !strcmp(arg, "-c") ? row_find("config", 6)
                            : arg[1] == '-'    ? row_find(arg + 2, n - 2)
                                               : NULL;
    if (!row)
        return err_set(err, ERR_USAGE, "%.*s: unknown option; `trommel extract --help` lists them", (int)n,
                       arg);
    const char *value = eq ? eq + 1 : NULL;
    if (!value && row->kind != KIND_FLAG) {
        if (*i + 1 >= argc)
            return err_set(err, ERR_USAGE, "%s: needs a value: %s", arg, row->unit);
        value = argv[++*i];
    }
    return row_set(row, value, a, err);
}

/* Do they make sense together? */
static int together_stream(const struct extract_args *a, struct err *err)
{
    if (a->manifest || a->n_pages)
        return err_set(err, ERR_USAGE,
                       "%s: is named beside --stream, whose pages come on standard input; give one "
                       "or the other",
                       a->manifest ? "--manifest" : a->pages[0]);
    if (a->url || a->type)
        return err_set(err, ERR_USAGE, "--%s: is not for --stream; each page says its own",
                       a->url ? "url" : "type");
    if (a->format_said && a->format != FORMAT_MSGPACK)
        return err_set(err, ERR_USAGE, "--format: answers of --stream are msgpack; leave it out");
    if (a->out && !strncmp(a->out, "stdout:", 7))
        return err_set(err, ERR_USAGE,
                       "--out: %s: standard output is where --stream answers; without --out records "
                       "come there",
                       a->out);
    return 0;
}

static int together(const struct extract_args *a, struct err *err)
{
    if (a->stream)
        return together_stream(a, err);
    if (a->ordered)
        return err_set(err, ERR_USAGE, "--ordered: is for --stream; the other forms keep the order anyway");
    if (!a->manifest && !a->n_pages)
        return err_set(err, ERR_USAGE,
                       "nothing to extract: name a FILE, a URL, - for standard input, a --manifest, or "
                       "--stream");
    if (a->manifest && a->n_pages)
        return err_set(err, ERR_USAGE, "%s: is named beside --manifest; give one or the other", a->pages[0]);
    if (a->url && (a->manifest || a->n_pages > 1 || is_web_url(a->pages[0])))
        return err_set(err, ERR_USAGE,
                       "--url: is for one FILE or standard input; a manifest's lines have their own \"url\"");
    if (a->url && !is_url(a->url))
        return err_set(err, ERR_USAGE, "--url: \"%.200s\" is no URL; give it as https://host/path", a->url);
    return 0;
}

int extract_arguments(struct extract_args *a, int argc, char **argv, struct err *err)
{
    int plain = 0;

    for (int i = 1; i < argc; i++) {
        if (!plain && !strcmp(argv[i], "--")) {
            plain = 1;
        } else if (!plain && argv[i][0] == '-' && argv[i][1]) {
            int rc = argument(a, argc, argv, &i, err);
            if (rc < 0)
                return rc;
        } else {
            a->pages[a->n_pages++] = argv[i];
        }
    }
    if (a->chain && chain_list_read(&a->list, a->chain, err) < 0)
        return err->code;
    return together(a, err);
}

/* ---- what the forms share ---- */

trommel_options extract_options(const struct extract_args *a)
{
    trommel_options opt = { .struct_size = sizeof(trommel_options),
                              .workers = a->workers,
                              .config = a->config,
                              .set = a->sets,
                              .n_set = a->n_sets,
                              .page_timeout_ms = a->page_ms,
                              .stage_timeout_ms = a->stage_ms,
                              .worker_bytes = a->worker_bytes,
                              .network_stages = a->network_stages != 0 };

    if (a->chain)
        chain_list_set(&a->list, &opt);
    return opt;
}

int extract_is_usage(int rc)
{
    return rc == ERR_USAGE || rc == ERR_INVALID || rc == ERR_UNSUPPORTED || rc == ERR_REFUSED;
}

int extract_stdout_check(struct err *err)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return err_set(err, ERR_IO, "standard output: is closed; records would be lost, give --out FILE");
    return 0;
}
