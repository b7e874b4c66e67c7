/* cat: records of segments as JSON lines, msgpack or a table.
 *
 * Reads a job's folder (its records/), a folder of segments in the order in which they were written, single
 * files with or without checksums, compressed or not, and standard input.  What is whole is printed; what is
 * not is said with file and place, and reading goes on behind it.  A segment that is being written may be
 * read. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "command/cat_table.h"
#include "command/command.h"
#include "command/letters.h"
#include "command/segments.h"
#include "deliver/segment.h"
#include "record/record.h"

static const char usage[] =
    "usage: trommel cat [OPTION]... FILE|JOB|FOLDER...\n"
    "\n"
    "Prints the records of segment files, of a job's folder or of any folder with segments, as JSON lines.\n"
    "FILE - is standard input.\n"
    "\n"
    "      --table             a table instead: URL, layout, title, date, relation, spam\n"
    "      --format FORMAT     json (one record a line) or msgpack (one behind the other)\n"
    "      --fields A,B,...    these fields only, each by its path (meta.title)\n"
    "      --id ID             the record with this id (hexadecimal, or as a manifest gave it)\n"
    "      --limit N           the first N records\n"
    "      --count             how many there are, nothing else\n"
    "      --dead              the dead letters of a job's folder instead of its records: of each page the last\n"
    "                          one, and none of those that `trommel replay --dead` has settled\n"
    "      --all               with --dead: every letter there ever was\n"
    "      --raw               with the bodies that dead letters hold (hexadecimal in JSON); without it JSON\n"
    "                          says only how long they are\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all was whole (half a record at the end of a segment that is being written is only\n"
    "said), 1 something was damaged or missing (it is named), 2 wrong usage, 3 could not write.\n";

enum format { FORMAT_JSON, FORMAT_MSGPACK, FORMAT_TABLE, FORMAT_COUNT };
#define FIELDS_MAX 100

struct cat {
    enum format format;
    int dead, all, raw;
    struct letters *letters; /* of the folder that is being read; NULL: every record counts */
    const char *id;
    char *fields[FIELDS_MAX], *fields_text; /* they lie in it */
    size_t n_fields;
    uint64_t limit, n;
    int bad;    /* something was damaged or missing */
    int failed; /* writing */
    struct buf out, picked;
    struct cat_table *table;
};

/* ---- one record --------------------------------------------------------------------------------- */

static int id_matches(const struct cat *c, const void *p, size_t n)
{
    struct mp_value v;
    size_t k = strlen(c->id);

    if (record_get(p, n, "id", &v) < 0)
        return 0;
    if (v.type == MP_STR)
        return v.len == k && !memcmp(v.p, c->id, k);
    if (v.type != MP_BIN || v.len * 2 != k)
        return 0;
    for (size_t i = 0; i < v.len; i++) {
        char hex[3];
        snprintf(hex, sizeof hex, "%02x", v.p[i]);
        if (tolower((unsigned char)c->id[2 * i]) != hex[0] ||
            tolower((unsigned char)c->id[2 * i + 1]) != hex[1])
            return 0;
    }
    return 1;
}

/* The bytes of the value at a path of map keys; 0 if it is not there. */
static size_t value_at(const unsigned char *p, const unsigned char *end, const char *path,
                       const unsigned char **ret)
{
    while (*path) {
        size_t k = strcspn(path, ".");
        struct mp_value v, key;
        uint32_t i;

        if (mp_read(&p, end, &v) < 0 || v.type != MP_MAP)
            return 0;
        for (i = 0; i < v.u.n; i++) {
            if (mp_read(&p, end, &key) < 0)
                return 0;
            if (key.type == MP_STR && key.len == k && !memcmp(key.p, path, k))
                break;
            if (key.type == MP_ARRAY || key.type == MP_MAP || mp_skip(&p, end) < 0)
                return 0;
        }
        if (i == v.u.n)
            return 0;
        path += k + (path[k] == '.');
    }
    *ret = p;
    return mp_skip(&p, end) < 0 ? 0 : (size_t)(p - *ret);
}

/* The fields asked for, as a map by their paths; what a record does not have is left out. */
static void fields_pick(struct cat *c, const unsigned char *p, size_t n)
{
    const unsigned char *at[FIELDS_MAX];
    size_t len[FIELDS_MAX];
    uint32_t there = 0;

    for (size_t i = 0; i < c->n_fields; i++)
        there += (len[i] = value_at(p, p + n, c->fields[i], &at[i])) > 0;
    buf_clear(&c->picked);
    mp_map(&c->picked, there);
    for (size_t i = 0; i < c->n_fields; i++)
        if (len[i]) {
            mp_cstr(&c->picked, c->fields[i]);
            buf_add(&c->picked, at[i], len[i]);
        }
}

static void out_flush(struct cat *c)
{
    if (c->out.len && fwrite(c->out.data, 1, c->out.len, stdout) != c->out.len)
        c->failed = 1;
    buf_clear(&c->out);
}

/* 0, or an error if the bytes are no record that can be printed. */
static int record_print(struct cat *c, const unsigned char *p, size_t n)
{
    struct err err = { 0 };
    struct mp_value body;
    int rc = mp_check(p, n, LIMIT_RECORD_DEPTH, &err);

    if (rc < 0)
        return rc;
    if (c->id && !id_matches(c, p, n))
        return 0;
    c->n++;
    if (c->format == FORMAT_COUNT)
        return 0;
    if (c->format == FORMAT_TABLE) {
        cat_table_add(c->table, p, n);
        return 0;
    }
    if (c->n_fields) {
        fields_pick(c, p, n);
        p = c->picked.data;
        n = c->picked.len;
    }
    if (c->format == FORMAT_JSON && !c->raw && !c->n_fields && record_get(p, n, "page.body", &body) == 0) {
        buf_clear(&c->picked);
        letter_without_body(&c->picked, p, n);
        p = c->picked.data;
        n = c->picked.len;
    }
    if (c->format == FORMAT_JSON) {
        rc = record_json(p, n, &c->out);
        buf_add_byte(&c->out, '\n');
    } else {
        rc = buf_add(&c->out, p, n);
    }
    if (rc < 0 || c->out.err)
        buf_clear(&c->out);
    else
        out_flush(c);
    return rc;
}

/* ---- one file ----------------------------------------------------------------------------------- */

static int cat_done(const struct cat *c)
{
    return c->failed || (c->limit && c->n >= c->limit);
}

static void lost_say(struct cat *c, const char *name, const struct segment_item *it, int torn)
{
    if (torn && segment_is_open(name)) {
        log_info("%s: the last %llu bytes are %s; they are left out", name, (unsigned long long)it->lost,
                 it->what);
        return;
    }
    log_warn("%s: at byte %llu: %s; %llu bytes are left out%s", name, (unsigned long long)it->offset,
             it->what, (unsigned long long)it->lost, torn ? ", nothing follows" : "");
    c->bad = 1;
}

/* What the reader has found in the file `name`; errno is its own. */
static void cat_event(struct cat *c, const char *name, enum segment_event e, const struct segment_item *it)
{
    if (e == SEGMENT_FAILED) {
        log_error("%s: cannot be read (%s)", name, strerror(errno));
        c->bad = 1;
    } else if (e != SEGMENT_RECORD) {
        lost_say(c, name, it, e == SEGMENT_TORN);
    } else if ((!c->letters || letters_count(c->letters, it->id)) && record_print(c, it->record, it->n) < 0) {
        log_warn("%s: at byte %llu: no record that can be printed; %zu bytes are left out", name,
                 (unsigned long long)it->offset, it->n);
        c->bad = 1;
    }
}

static void cat_fd(struct cat *c, int fd, const char *name)
{
    struct segment *s = segment_new(fd, 0, !segment_is_open(name));
    enum segment_event e = SEGMENT_RECORD;
    struct segment_item it;

    while (s && e != SEGMENT_FAILED && !cat_done(c)) {
        e = segment_next(s, &it);
        if (e == SEGMENT_END)
            break;
        cat_event(c, name, e, &it);
    }
    if (!s)
        log_error("%s: out of memory", name);
    segment_free(s);
}

static void cat_file(struct cat *c, const char *given)
{
    char *path = strdup(given);
    int fd = path ? segment_file_open(path) : -1;

    if (fd < 0) {
        log_error("%s: %s; give a segment, a job's folder or a folder of segments", given, strerror(errno));
        c->bad = 1;
    } else {
        cat_fd(c, fd, path);
        close(fd);
    }
    free(path);
}

/* ---- folders ------------------------------------------------------------------------------------ */

static int is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void cat_folder(struct cat *c, const char *dir, int in_job)
{
    struct segments *s = segments_open(dir);
    struct segment_item it;
    enum segment_event e;

    if (!s) {
        log_error("%s: %s", dir, strerror(errno));
        c->bad = 1;
        return;
    }
    if (segments_count(s) == 0 && !in_job) {
        log_error("%s: has neither segments (NAME.msgpack) nor a folder records; give the folder of a "
                  "job or of its records",
                  dir);
        c->bad = 1;
    }
    while (!cat_done(c) && (e = segments_next(s, &it)) != SEGMENT_END)
        cat_event(c, segments_path(s), e, &it);
    segments_close(s);
}

static void cat_dead(struct cat *c, const char *dir)
{
    struct err err = { 0 };

    if (!c->all && letters_open(dir, &c->letters, &err) < 0) {
        log_error("%s", err.text);
        c->bad = 1;
        return;
    }
    cat_folder(c, dir, 1);
    letters_close(c->letters);
    c->letters = NULL;
}

/* A job's folder has its records in a folder of its own. */
static void cat_path(struct cat *c, const char *path)
{
    static const char *const parts[] = { "records", "dead-letters" };
    char sub[4200];

    if (!strcmp(path, "-")) {
        cat_fd(c, STDIN_FILENO, "standard input");
        return;
    }
    if (!strncmp(path, "file:", 5) && access(path, F_OK) != 0) /* as --out names it */
        path += strncmp(path, "file://", 7) ? 5 : 7;
    snprintf(sub, sizeof sub, "%.4000s/%s", path, parts[c->dead]);
    if (is_folder(sub) && c->dead) {
        cat_dead(c, sub);
    } else if (is_folder(sub)) {
        cat_folder(c, sub, 1);
    } else if (c->dead) {
        log_error("%s: has no %s; --dead goes with the folder of a job", path, parts[1]);
        c->bad = 1;
    } else if (is_folder(path)) {
        cat_folder(c, path, 0);
    } else {
        cat_file(c, path);
    }
}

/* ---- the command -------------------------------------------------------------------------------- */

static int fields_parse(struct cat *c, const char *text)
{
    char *at, *one;

    free(c->fields_text);
    c->n_fields = 0;
    at = c->fields_text = strdup(text);
    while ((one = strsep(&at, ","))) {
        if (!*one || one[0] == '.' || strstr(one, "..") || c->n_fields == FIELDS_MAX) {
            log_error("--fields: \"%s\" is no path of a field; write FIELD,FIELD.PART,… (at most %d)", one,
                      FIELDS_MAX);
            return ERR_USAGE;
        }
        c->fields[c->n_fields++] = one;
    }
    return 0;
}

static int limit_parse(struct cat *c, const char *text)
{
    char *end;

    errno = 0;
    c->limit = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || c->limit == 0) {
        log_error("--limit: \"%s\" must be a whole number from 1 on", text);
        return ERR_USAGE;
    }
    return 0;
}

static int format_parse(struct cat *c, const char *text)
{
    if (strcmp(text, "json") && strcmp(text, "msgpack")) {
        log_error("--format: \"%s\" must be json or msgpack", text);
        return ERR_USAGE;
    }
    c->format = text[0] == 'j' ? FORMAT_JSON : FORMAT_MSGPACK;
    return 0;
}

static int args_parse(struct cat *c, int argc, char **argv)
{
    static const struct option longs[] = {
        { "table", no_argument, NULL, 't' },        { "format", required_argument, NULL, 'f' },
        { "fields", required_argument, NULL, 'F' }, { "id", required_argument, NULL, 'i' },
        { "limit", required_argument, NULL, 'l' },  { "count", no_argument, NULL, 'c' },
        { "dead", no_argument, NULL, 'd' },         { "all", no_argument, NULL, 'a' },
        { "raw", no_argument, NULL, 'r' },          { 0 },
    };
    int opt, rc = 0;

    opterr = 0;
    optind = 0; /* from the start, also when it was used before */
    while (rc == 0 && (opt = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        switch (opt) {
        case 't': c->format = FORMAT_TABLE; break;
        case 'c': c->format = FORMAT_COUNT; break;
        case 'd': c->dead = 1; break;
        case 'a': c->all = 1; break;
        case 'r': c->raw = 1; break;
        case 'i': c->id = optarg; break;
        case 'f': rc = format_parse(c, optarg); break;
        case 'F': rc = fields_parse(c, optarg); break;
        case 'l': rc = limit_parse(c, optarg); break;
        case ':':
            log_error("%s: needs a value; `trommel cat --help` tells which", argv[optind - 1]);
            return ERR_USAGE;
        default:
            log_error("%s: no such option; `trommel cat --help` lists them", argv[optind - 1]);
            return ERR_USAGE;
        }
    }
    if (rc == 0 && optind == argc) {
        log_error("nothing to read; name a segment, the folder of a job, or - for standard input");
        return ERR_USAGE;
    }
    if (rc == 0 && c->all && !c->dead) {
        log_error("--all: goes with --dead only; leave it out");
        return ERR_USAGE;
    }
    if (rc == 0 && c->n_fields && (c->format == FORMAT_TABLE || c->format == FORMAT_COUNT)) {
        log_error("--fields: goes with JSON and msgpack only; leave out --table and --count");
        return ERR_USAGE;
    }
    return rc;
}

static int run(int argc, char **argv)
{
    struct cat c = { .format = FORMAT_JSON };

    if (args_parse(&c, argc, argv) < 0) {
        free(c.fields_text);
        return 2;
    }
    buf_init(&c.out, 8 * (size_t)LIMIT_RECORD_BYTES);
    buf_init(&c.picked, LIMIT_RECORD_BYTES + MIB);
    if (c.format == FORMAT_TABLE && !(c.table = cat_table_new(stdout, 0))) {
        log_error("out of memory");
        return 3;
    }
    for (int i = optind; i < argc && !cat_done(&c); i++)
        cat_path(&c, argv[i]);
    cat_table_free(c.table);
    if (c.format == FORMAT_COUNT)
        printf("%llu\n", (unsigned long long)c.n);
    if (fflush(stdout) != 0 || ferror(stdout))
        c.failed = 1;
    buf_release(&c.out);
    buf_release(&c.picked);
    free(c.fields_text);
    if (c.failed) {
        log_error("standard output: cannot write (%s)", strerror(errno));
        return 3;
    }
    return c.bad ? 1 : 0;
}

const struct command command_cat = {
    .name = "cat",
    .summary = "prints records as JSON lines or as a table",
    .usage = usage,
    .run = run,
};
