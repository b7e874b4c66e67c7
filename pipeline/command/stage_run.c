/* stage run: one page through a stage and what must come before it; what the stage put, or the whole record.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/describe.h"
#include "chain/once.h"
#include "command/source.h"
#include "command/stage.h"

static const char usage[] =
    "usage: trommel stage run X.so|NAME PAGE [OPTION]...\n"
    "\n"
    "Runs one page through a stage and prints what it put, its verdict and its time.  Bundled stages that\n"
    "provide what it needs come before it.  PAGE is a file (also .gz, .br, .zst) or - for standard input.\n"
    "What the stage logs goes to standard error.  It runs in a process of its own.\n"
    "\n"
    "      --url URL           the page's URL\n"
    "      --type TYPE         its content type; else the file name's ending says it, else it is sniffed\n"
    "      --set OPTION=VALUE  an option of the stage, or STAGE.OPTION=VALUE of one before it; repeatable\n"
    "      --with Y.so         a stage that comes before it as well; repeatable\n"
    "      --format FORMAT     json (one line), text (NAME: VALUE a line) or msgpack (json)\n"
    "      --record            the page's whole record instead\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 the page went on, or was dropped by the stage, 1 the stage failed or died, 2 wrong "
    "usage,\n"
    "3 could not run.\n";

enum format { FORMAT_JSON, FORMAT_TEXT, FORMAT_MSGPACK };
static const char *const formats[] = { "json", "text", "msgpack" };

struct
try {
    const char *named, *page, *url, *type;
    const char *sets[STAGE_SETS_MAX], *with[STAGE_WITH_MAX];
    size_t n_sets, n_with;
    enum format format;
    int record;
    int failed; /* a stage's verdict was an error */
    struct err err;
};

/* ---- printing ---- */

/* One line: strings as they are but for their line ends, all else as JSON. */
static void print_value(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *from = *at;
    struct buf line = BUF_INIT(LIMIT_RECORD_BYTES);
    struct mp_value v;

    mp_read(at, end, &v);
    *at = from;
    mp_skip(at, end);
    if (v.type == MP_STR)
        for (size_t i = 0; i < v.len; i++)
            buf_add_byte(&line, v.p[i] < 0x20 || v.p[i] == 0x7f ? ' ' : v.p[i]);
    else
        record_json(from, (size_t)(*at - from), &line);
    printf("%s\n", buf_cstr(&line));
    buf_release(&line);
}

static void print_map(const unsigned char *at, const unsigned char *end, const char *except)
{
    struct mp_value map, key;

    if (mp_read(&at, end, &map) < 0 || map.type != MP_MAP)
        return;
    for (uint32_t i = 0; i < map.u.n; i++) {
        if (mp_read(&at, end, &key) < 0 || key.type != MP_STR)
            return;
        if (except && key.len == strlen(except) && !memcmp(key.p, except, key.len)) {
            mp_skip(&at, end);
            continue;
        }
        printf("%.*s: ", (int)key.len, (const char *)key.p);
        print_value(&at, end);
    }
}

static void print_text(const struct try *t, const unsigned char *p, size_t n)
{
    struct mp_value put;

    print_map(p, p + n, t->record ? NULL : "put");
    if (!t->record && !record_get(p, n, "put", &put)) {
        struct buf map =
            BUF_INIT(LIMIT_RECORD_BYTES); /* the value's head was read over: it is written again */
        mp_map(&map, put.u.n);
        buf_add(&map, put.p, (size_t)(p + n - put.p));
        print_map(map.data, map.data + map.len, NULL);
        buf_release(&map);
    }
}

static int print_one(const struct try *t, const unsigned char *p, size_t n)
{
    struct buf line = BUF_INIT(4u * LIMIT_RECORD_BYTES);
    int rc = 0;

    if (t->format == FORMAT_TEXT)
        print_text(t, p, n);
    else if (t->format == FORMAT_MSGPACK)
        rc = fwrite(p, 1, n, stdout) == n ? 0 : ERR_IO;
    else
        rc = record_json(p, n, &line);
    if (!rc && t->format == FORMAT_JSON)
        printf("%s\n", buf_cstr(&line));
    buf_release(&line);
    return rc;
}

static int is_bad(const unsigned char *p, size_t n)
{
    trommel_str verdict = record_get_str(p, n, "verdict");

    return verdict.n && memcmp(verdict.p, "continue", verdict.n < 8 ? verdict.n : 8) != 0 &&
           !(verdict.n == 4 && !memcmp(verdict.p, "drop", 4));
}

/* The record is the first object, then comes one for each stage. */
static int print_all(struct try *t, const struct buf *out)
{
    const unsigned char *at = out->data, *end = at + out->len;
    int rc = 0;

    for (int first = 1; !rc && at < end; first = 0) {
        const unsigned char *from = at;
        if (mp_skip(&at, end) || mp_check(from, (size_t)(at - from), LIMIT_RECORD_DEPTH, &t->err))
            return err_set(&t->err, ERR_CORRUPT, "%s: what it gave cannot be read", t->named);
        if (!first && is_bad(from, (size_t)(at - from)))
            t->failed = 1;
        if (first == t->record)
            rc = print_one(t, from, (size_t)(at - from));
    }
    if (!rc && fflush(stdout))
        rc = err_set(&t->err, ERR_IO, "standard output: cannot be written");
    return rc;
}

/* ---- running ---- */

static int page_read(struct try *t, struct source *s, struct pool_page *ret)
{
    XXH128_canonical_t id;
    trommel_str of;

    source_file(s, t->page);
    if (s->reason)
        return err_set(&t->err, ERR_USAGE, "%s: %s", strcmp(t->page, "-") ? t->page : "standard input",
                       s->message);
    *ret = (struct pool_page){
        .head = { .fetched_ms = clock_wall_ms(),
                  .status = 200,
                  .url = { t->url, t->url ? strlen(t->url) : 0 } },
        .content_type = t->type ? (trommel_str){ t->type, strlen(t->type) } : s->content_type,
        .content_encoding = s->content_encoding,
        .body = { (const char *)s->body.data, s->body.len },
    };
    of = ret->head.url.n ? ret->head.url : ret->body;
    XXH128_canonicalFromHash(&id, XXH3_128bits(of.n ? of.p : "", of.n));
    memcpy(ret->head.id, &id, sizeof ret->head.id);
    return 0;
}

static int chain_make(struct try *t, struct chain_config *ret)
{
    json_t *described = NULL;
    char *path;
    int rc = stage_file(t->named, &path, &t->err);

    *ret = (struct chain_config){ 0 };
    rc = rc ? rc : stage_describe(path, &described, &t->err);
    rc = rc ? rc : describe_chain(described, path, t->with, t->n_with, ret, &t->err);
    for (size_t i = 0; !rc && i < t->n_sets; i++)
        rc = describe_set(ret, t->sets[i], &t->err);
    json_decref(described);
    free(path);
    return rc;
}

static int page_run(struct try *t, const struct pool_page *page)
{
    struct once_options opt = { .page = page, .page_ms = LIMIT_PAGE_MS, .stage_ms = LIMIT_STAGE_MS };
    struct buf out = BUF_INIT(4u * LIMIT_RECORD_BYTES);
    struct chain_config chain;
    int rc = chain_make(t, &chain);

    opt.chain = &chain;
    rc = rc ? rc : once_run(&opt, &out, &t->err);
    rc = rc ? rc : print_all(t, &out);
    buf_release(&out);
    chain_config_release(&chain);
    return rc;
}

/* ---- the command ---- */

static int format_parse(struct try *t, const char *text)
{
    for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(formats[i], text)) {
            t->format = (enum format)i;
            return 0;
        }
    log_error("--format: \"%s\" must be json, text or msgpack", text);
    return ERR_USAGE;
}

static int args_parse(struct try *t, int argc, char **argv)
{
    static const struct option longs[] = {
        { "url", required_argument, NULL, 'u' },
        { "type", required_argument, NULL, 't' },
        { "set", required_argument, NULL, 's' },
        { "with", required_argument, NULL, 'w' },
        { "format", required_argument, NULL, 'f' },
        { "record", no_argument, NULL, 'r' },
        { 0 },
    };
    int opt, rc = 0;

    opterr = 0;
    optind = 0;
    while (!rc && (opt = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        switch (opt) {
        case 'u':
            t->url = optarg;
            break;
        case 't':
            t->type = optarg;
            break;
        case 's':
            rc = stage_list_add(t->sets, &t->n_sets, STAGE_SETS_MAX, optarg, "set");
            break;
        case 'w':
            rc = stage_list_add(t->with, &t->n_with, STAGE_WITH_MAX, optarg, "with");
            break;
        case 'f':
            rc = format_parse(t, optarg);
            break;
        case 'r':
            t->record = 1;
            break;
        default:
            rc = stage_usage(opt, argv, "run");
        }
    }
    if (!rc && argc - optind != 2) {
        log_error("stage run: give a stage's file and one PAGE (a file, or - for standard input)");
        rc = ERR_USAGE;
    }
    if (!rc && t->url && !is_url(t->url)) {
        log_error("--url: \"%.200s\" is no URL; give it as https://host/path", t->url);
        rc = ERR_USAGE;
    }
    t->named = rc ? NULL : argv[optind];
    t->page = rc ? NULL : argv[optind + 1];
    return rc;
}

static int run(int argc, char **argv)
{
    static struct try t;
    struct source s;
    struct pool_page page;
    int rc;

    if (args_parse(&t, argc, argv))
        return 2;
    source_init(&s);
    rc = page_read(&t, &s, &page);
    rc = rc ? rc : page_run(&t, &page);
    source_release(&s);
    if (rc)
        log_error("%s", t.err.text);
    return rc ? stage_status(rc) : t.failed;
}

const struct command stage_run = {
    .name = "run",
    .summary = "one page through a stage",
    .usage = usage,
    .run = run,
};
