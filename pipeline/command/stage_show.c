/* stage show: what a stage's file says of itself, for people or as JSON. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "chain/describe.h"
#include "command/stage.h"

static const char usage[] =
    "usage: trommel stage show X.so|NAME [--json]\n"
    "\n"
    "Prints what a stage's file says of itself: its ELF note, and for each stage in it id, version, "
    "licence,\n"
    "flags, what it needs and provides, options, metrics, reasons.  NAME is that of a bundled stage.\n"
    "The note is judged before any of its code runs; the tables are read in a process of their own.\n"
    "\n"
    "      --json              as one JSON object\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 it is a stage, 1 it is none that this program can run (it says why), 2 wrong usage,\n"
    "3 could not run.\n";

static const char *str(const json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));

    return s ? s : "";
}

static int yes(const json_t *row, const char *key)
{
    return json_is_true(json_object_get(row, key));
}

/* ---- lists ---- */

static void print_flags(const json_t *flags)
{
    static const struct {
        const char *name, *words;
    } known[] = {
        { "pure", "pure (the same page and options give the same)" },
        { "extras", "extras (it writes keys of its own under x.ID)" },
        { "network",
          "network (it needs sockets or files: it runs outside the sandbox, if it is allowed to)" },
    };
    size_t i;
    json_t *flag;

    json_array_foreach(flags, i, flag)
    {
        const char *words = json_string_value(flag);
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (!strcmp(known[k].name, words))
                words = known[k].words;
        printf("  %-9s %s\n", i ? "" : "flags", words);
    }
    if (!json_array_size(flags))
        printf("  %-9s none\n", "flags");
}

static void print_ports(const char *what, const json_t *ports)
{
    size_t i;
    json_t *port;

    json_array_foreach(ports, i, port)
        printf("  %-9s %-24s %s%s%s\n", i ? "" : what, str(port, "name"), str(port, "type"),
               yes(port, "optional") ? ", optional" : "", yes(port, "record") ? ", in the record" : "");
    if (!json_array_size(ports))
        printf("  %-9s nothing\n", what);
}

static void print_number(const json_t *v)
{
    printf("%.15g", json_number_value(v));
}

/* "I64 from 1 to 6 ms, default 6" */
static void print_option_range(const json_t *o)
{
    printf("%s", str(o, "type"));
    if (*str(o, "choices"))
        printf(", one of %s", str(o, "choices"));
    if (json_is_number(json_object_get(o, "min"))) {
        printf(" from ");
        print_number(json_object_get(o, "min"));
        printf(" to ");
        print_number(json_object_get(o, "max"));
    }
    if (*str(o, "unit"))
        printf(" %s", str(o, "unit"));
    if (yes(o, "path"))
        printf(", a file");
    if (yes(o, "secret"))
        printf(", secret");
    if (json_is_string(json_object_get(o, "default")))
        printf(", default %s", *str(o, "default") ? str(o, "default") : "empty");
    else
        printf(", %s", yes(o, "required") ? "must be given" : "no default");
}

static void print_options(const json_t *options)
{
    size_t i;
    json_t *o;

    json_array_foreach(options, i, o)
    {
        printf("  %-9s %-24s ", i ? "" : "options", str(o, "key"));
        print_option_range(o);
        printf("\n");
        if (*str(o, "help"))
            printf("  %-9s   %s\n", "", str(o, "help"));
    }
}

static void print_metrics(const json_t *metrics)
{
    size_t i;
    json_t *m;

    json_array_foreach(metrics, i, m) printf("  %-9s %-24s %s%s%s\n", i ? "" : "metrics", str(m, "name"),
                                             str(m, "kind"), *str(m, "help") ? ": " : "", str(m, "help"));
}

static void print_reasons(const json_t *reasons)
{
    size_t i;
    json_t *r;

    json_array_foreach(reasons, i, r) printf("%s%s", i ? ", " : "  reasons   ", json_string_value(r));
    if (json_array_size(reasons))
        printf("\n");
}

static void print_stage(const json_t *s)
{
    printf("%s %s%s%s\n", str(s, "id"), *str(s, "version") ? str(s, "version") : "(no version)",
           *str(s, "summary") ? ": " : "", str(s, "summary"));
    printf("  %-9s %s\n", "licence", *str(s, "license") ? str(s, "license") : "not said");
    print_flags(json_object_get(s, "flags"));
    print_ports("needs", json_object_get(s, "needs"));
    print_ports("provides", json_object_get(s, "provides"));
    print_options(json_object_get(s, "options"));
    print_metrics(json_object_get(s, "metrics"));
    print_reasons(json_object_get(s, "reasons"));
}

static void print(const json_t *d)
{
    const json_t *note = json_object_get(d, "note");
    size_t i;
    json_t *s;

    printf("%s: a stage's file for %d-bit, ABI %d.%d, for hosts from %d.%d on\n", str(d, "file"),
           (int)json_integer_value(json_object_get(note, "pointer_bits")),
           (int)json_integer_value(json_object_get(note, "abi_major")),
           (int)json_integer_value(json_object_get(note, "abi_minor")),
           (int)json_integer_value(json_object_get(note, "abi_major")),
           (int)json_integer_value(json_object_get(note, "min_host_minor")));
    json_array_foreach(json_object_get(d, "stages"), i, s) print_stage(s);
}

/* ---- the command ---- */

static int run(int argc, char **argv)
{
    static const struct option longs[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
    struct err err = { 0 };
    json_t *d = NULL;
    char *path = NULL;
    int opt, as_json = 0, rc;

    opterr = 0;
    optind = 0;
    while ((opt = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (opt != 'j')
            return stage_usage(opt, argv, "show"), 2;
        as_json = 1;
    }
    if (argc - optind != 1) {
        log_error("stage show: give one file, or the name of a bundled stage");
        return 2;
    }
    rc = stage_file(argv[optind], &path, &err);
    rc = rc ? rc : describe_file(path, &d, &err);
    if (rc)
        log_error("%s", err.text);
    else if (as_json)
        rc = json_dumpf(d, stdout, JSON_COMPACT) ? ERR_IO : 0;
    else
        print(d);
    if (!rc && as_json)
        putchar('\n');
    if (!rc && fflush(stdout))
        rc = ERR_IO;
    json_decref(d);
    free(path);
    return stage_status(rc);
}

const struct command stage_show = {
    .name = "show",
    .summary = "what a stage's file says of itself",
    .usage = usage,
    .run = run,
};
