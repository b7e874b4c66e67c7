/* ctl_args: see ctl_args.h.  Commands and options are rows; an option's row says to which commands it belongs
 * and where in the request its value goes.  Paths become absolute here: the crawl runs in another folder. */
#include "command/ctl_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/number.h"

enum { FOR_ADD = 1, FOR_REPLACE = 2, FOR_CHANGE = 4, FOR_SHADOW = 8, FOR_STOP = 16 };

/* args: I an id, F a file or a bundled stage's name, C a file, S option=value; + one or more, ? or none. */
static const struct command {
    const char *words, *cmd, *args;
    unsigned is;
} commands[] = {
    { "status", "status", "", 0 },
    { "stages", "stages", "", 0 },
    { "stage add", "stage.add", "F", FOR_ADD | FOR_CHANGE },
    { "stage remove", "stage.remove", "I", FOR_CHANGE },
    { "stage replace", "stage.replace", "IF", FOR_REPLACE | FOR_CHANGE },
    { "stage set", "stage.set", "IS+", FOR_CHANGE },
    { "reorder", "reorder", "I+", FOR_CHANGE },
    { "reload", "reload", "C?", FOR_CHANGE },
    { "rollback", "rollback", "", FOR_CHANGE },
    { "history", "history", "", 0 },
    { "pause", "pause", "", 0 },
    { "resume", "resume", "", 0 },
    { "stop", "stop", "", FOR_STOP },
    { "shadow report", "shadow.report", "", 0 },
    { "shadow stop", "shadow.stop", "", 0 },
    { "shadow", "shadow", "F", FOR_SHADOW },
};

enum kind { KIND_FLAG, KIND_NO, KIND_TEXT, KIND_SETS, KIND_NAMES, KIND_NUMBER, KIND_PERCENT, KIND_PROBATION };
static const struct option {
    const char *name;
    enum kind kind;
    unsigned is; /* of which commands; 0: of all, and not part of the request */
    const char *key;
    int in_policy;
    double min, max;
} options[] = {
    { "job", KIND_TEXT, 0, NULL, 0, 0, 0 },
    { "json", KIND_FLAG, 0, NULL, 0, 0, 0 },
    { "timeout", KIND_NUMBER, 0, NULL, 0, 0, 1e6 },
    { "after", KIND_TEXT, FOR_ADD | FOR_SHADOW, "after", 0, 0, 0 },
    { "set", KIND_SETS, FOR_ADD | FOR_REPLACE | FOR_SHADOW, "set", 0, 0, 0 },
    { "replace", KIND_TEXT, FOR_SHADOW, "replace", 0, 0, 0 },
    { "sample", KIND_PERCENT, FOR_SHADOW, "sample", 0, 0.0001, 100 },
    { "grace", KIND_NUMBER, FOR_STOP, "grace", 0, 0, 86400 },
    { "wait", KIND_FLAG, FOR_STOP | FOR_CHANGE, "wait", 0, 0, 0 },
    { "allow-network-stages", KIND_FLAG, FOR_CHANGE | FOR_SHADOW, "network", 0, 0, 0 },
    { "settle", KIND_FLAG, FOR_CHANGE, "settle", 0, 0, 0 },
    { "despite-block", KIND_FLAG, FOR_CHANGE, "despite_block", 0, 0, 0 },
    { "no-golden", KIND_NO, FOR_CHANGE, "golden", 1, 0, 0 },
    { "keep", KIND_NAMES, FOR_CHANGE, "keep", 1, 0, 0 },
    { "max-errors", KIND_PERCENT, FOR_CHANGE, "errors_max", 1, 0, 100 },
    { "max-slower", KIND_NUMBER, FOR_CHANGE, "slower_max", 1, 0.01, 1e6 },
    { "probation", KIND_PROBATION, FOR_CHANGE, "probation", 1, 0, 1e9 },
};

struct reading {
    struct ctl_args *args;
    const struct command *command;
    const char **words; /* that are no options */
    size_t n_words;
    struct err *err;
};

static int text_set(json_t *o, const char *key, const char *text, struct err *err)
{
    json_t *s = json_string(text);

    if (!s)
        return err_set(err, ERR_USAGE, "%s: \"%s\" is no UTF-8: give it another name", key, text);
    return json_object_set_new(o, key, s);
}

static int text_append(json_t *o, const char *key, const char *text, size_t n, struct err *err)
{
    json_t *list = json_object_get(o, key), *s = json_stringn(text, n);

    if (!s)
        return err_set(err, ERR_USAGE, "%s: \"%.*s\" is no UTF-8", key, (int)n, text);
    if (!list)
        json_object_set_new(o, key, list = json_array());
    return json_array_append_new(list, s);
}

/* The path as it is seen from any folder, malloc'd. */
static char *path_absolute(const char *path)
{
    char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0), *out = NULL;

    while (cwd && path[0] == '.' && path[1] == '/')
        path += 2;
    if (asprintf(&out, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", path) < 0)
        abort();
    free(cwd);
    return out;
}

static int is_path(const char *ref)
{
    size_t n = strlen(ref);

    return strchr(ref, '/') || (n > 3 && !strcmp(ref + n - 3, ".so"));
}

/* "option=value"; a value that begins with ./ or ../ is a path, seen from here. */
static int assignment_append(json_t *o, const char *text, struct err *err)
{
    const char *eq = strchr(text, '=');

    if (!eq || eq == text)
        return err_set(err, ERR_USAGE, "%s: not of the form OPTION=VALUE (as in mode=precision)", text);
    if (strncmp(eq + 1, "./", 2) && strncmp(eq + 1, "../", 3))
        return text_append(o, "set", text, strlen(text), err);
    char *path = path_absolute(eq + 1), *whole;
    if (asprintf(&whole, "%.*s=%s", (int)(eq - text), text, path) < 0)
        abort();
    int rc = text_append(o, "set", whole, strlen(whole), err);
    free(path);
    free(whole);
    return rc;
}

/* ---- options ---- */

static const struct option *option_find(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strlen(options[i].name) == n && !memcmp(options[i].name, name, n))
            return &options[i];
    return NULL;
}

/* "a,b,c" */
static int names_set(json_t *o, const struct option *row, const char *text, struct err *err)
{
    int rc = 0;

    for (const char *p = text; rc == 0 && *p;) {
        size_t n = strcspn(p, ",");
        if (n)
            rc = text_append(o, row->key, p, n, err);
        p += n + (p[n] == ',');
    }
    return rc;
}

static int number_set(json_t *o, const struct option *row, const char *text, struct err *err)
{
    double scale = row->kind == KIND_PERCENT ? 100 : 1, v;
    char *copy = strdup(text);
    size_t n = strlen(text);

    if (!copy)
        abort();
    if (scale > 1 && n && copy[n - 1] == '%')
        copy[n - 1] = 0;
    int rc = number_parse(copy, row->min, row->max, 0, &v);
    free(copy);
    if (rc < 0)
        return err_set(err, ERR_USAGE, "--%s: \"%s\" must be a number from %g to %g%s", row->name, text,
                       row->min, row->max, scale > 1 ? " (per cent)" : "");
    return json_object_set_new(o, row->key, json_real(v / scale));
}

/* PAGES,SECONDS */
static int probation_set(json_t *o, const struct option *row, const char *text, struct err *err)
{
    char pages_text[40];
    double pages, s;
    size_t n = strcspn(text, ",");

    snprintf(pages_text, sizeof pages_text, "%.*s", (int)n, text);
    if (text[n] != ',' || n >= sizeof pages_text || number_parse(pages_text, 0, row->max, 1, &pages) < 0 ||
        number_parse(text + n + 1, 0, 1e6, 0, &s) < 0)
        return err_set(err, ERR_USAGE, "--%s: \"%s\" must be PAGES,SECONDS (as in 500,30)", row->name, text);
    json_object_set_new(o, "probation_pages", json_integer((json_int_t)pages));
    return json_object_set_new(o, "probation_ms", json_integer((json_int_t)(s * 1000)));
}

static json_t *option_home(json_t *request, const struct option *row)
{
    json_t *policy = json_object_get(request, "policy");

    if (!row->in_policy)
        return request;
    if (!policy)
        json_object_set_new(request, "policy", policy = json_object());
    return policy;
}

static int option_set(struct reading *r, const struct option *row, const char *value)
{
    json_t *o = option_home(r->args->request, row);

    switch (row->kind) {
    case KIND_FLAG:
    case KIND_NO:
        if (!strcmp(row->name, "wait"))
            r->args->wait = 1;
        return json_object_set_new(o, row->key, json_boolean(row->kind == KIND_FLAG));
    case KIND_TEXT:
        return text_set(o, row->key, value, r->err);
    case KIND_SETS:
        return assignment_append(o, value, r->err);
    case KIND_NAMES:
        return names_set(o, row, value, r->err);
    case KIND_PROBATION:
        return probation_set(o, row, value, r->err);
    default:
        return number_set(o, row, value, r->err);
    }
}

/* Those that all commands have. */
static int general_set(struct reading *r, const struct option *row, const char *value)
{
    if (!strcmp(row->name, "json"))
        r->args->json = 1;
    else if (!strcmp(row->name, "job"))
        r->args->job = value;
    else if (number_parse(value, row->min, row->max, 0, &r->args->timeout_s) < 0)
        return err_set(r->err, ERR_USAGE, "--%s: \"%s\" must be a number from %g to %g (seconds)", row->name,
                       value, row->min, row->max);
    return 0;
}

/* One option at argv[*i].  The first pass, without a command yet, takes what all commands have. */
static int option_read(struct reading *r, int argc, char **argv, int *i)
{
    const char *arg = argv[*i], *eq = strchr(arg, '='), *value = eq ? eq + 1 : NULL;
    size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
    const struct option *row = n > 2 && arg[1] == '-' ? option_find(arg + 2, n - 2) : NULL;

    if (!row)
        return err_set(r->err, ERR_USAGE, "%.*s: unknown option; `trommel ctl --help` lists them", (int)n,
                       arg);
    int is_flag = row->kind == KIND_FLAG || row->kind == KIND_NO;
    if (is_flag && value)
        return err_set(r->err, ERR_USAGE, "%.*s: takes no value", (int)n, arg);
    if (!is_flag && !value && *i + 1 >= argc)
        return err_set(r->err, ERR_USAGE, "%s: needs a value", arg);
    if (!is_flag && !value)
        value = argv[++*i];
    if (value && !*value)
        return err_set(r->err, ERR_USAGE, "%.*s: is empty", (int)n, arg);
    if (!r->command)
        return row->is ? 0 : general_set(r, row, value);
    if (!row->is)
        return 0;
    if (!(row->is & r->command->is))
        return err_set(r->err, ERR_USAGE, "--%s: is no option of `%s`; `trommel ctl --help` lists them",
                       row->name, r->command->words);
    return option_set(r, row, value);
}

/* ---- words ---- */

/* How many words the command's name has, if these begin with it; else 0. */
static size_t words_match(const char *name, const char *const *words, size_t n)
{
    size_t count = 0;

    for (; *name; count++) {
        size_t len = strcspn(name, " ");
        if (count == n || strlen(words[count]) != len || memcmp(words[count], name, len))
            return 0;
        name += len + (name[len] == ' ');
    }
    return count;
}

static int command_find(struct reading *r, size_t *ret_n)
{
    *ret_n = 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0] && !*ret_n; i++)
        if ((*ret_n = words_match(commands[i].words, r->words, r->n_words)))
            r->command = &commands[i];
    if (r->command)
        return 0;
    if (!r->n_words)
        return err_set(r->err, ERR_USAGE,
                       "what is to be done? `trommel ctl --help` lists the commands (status, …)");
    if (!strcmp(r->words[0], "stage"))
        return err_set(r->err, ERR_USAGE, "stage%s%s: must be one of add, remove, replace, set",
                       r->n_words > 1 ? " " : "", r->n_words > 1 ? r->words[1] : "");
    return err_set(r->err, ERR_USAGE, "%s: no such command; `trommel ctl --help` lists them", r->words[0]);
}

static int word_set(struct reading *r, int kind, int is_many, const char *word)
{
    json_t *o = r->args->request;

    if (kind == 'S')
        return assignment_append(o, word, r->err);
    if (kind == 'I')
        return is_many ? text_append(o, "ids", word, strlen(word), r->err) : text_set(o, "id", word, r->err);
    if (kind == 'F' && !is_path(word))
        return text_set(o, "file", word, r->err);
    char *path = path_absolute(word);
    int rc = text_set(o, "file", path, r->err);
    free(path);
    return rc;
}

/* The arguments of the command, by its row. */
static int words_read(struct reading *r, size_t at)
{
    static const char *const names[] = {
        ['I'] = "a stage's id", ['F'] = "a file", ['C'] = "a file", ['S'] = "OPTION=VALUE"
    };
    int rc = 0;

    for (const char *a = r->command->args; rc == 0 && *a; a++) {
        int kind = *a, is_many = a[1] == '+', is_free = a[1] == '?';
        if (at == r->n_words && !is_free)
            return err_set(r->err, ERR_USAGE, "%s: needs %s; `trommel ctl --help` says more",
                           r->command->words, names[kind]);
        a += is_many || is_free;
        do {
            if (at < r->n_words)
                rc = word_set(r, kind, is_many, r->words[at++]);
        } while (rc == 0 && is_many && at < r->n_words);
    }
    if (rc == 0 && at < r->n_words)
        return err_set(r->err, ERR_USAGE, "%s: what is \"%s\" for? It needs no more arguments",
                       r->command->words, r->words[at]);
    return rc;
}

/* ---- all of it ---- */

static int pass(struct reading *r, int argc, char **argv)
{
    int plain = 0, rc = 0;

    r->n_words = 0;
    for (int i = 1; rc == 0 && i < argc; i++) {
        if (!plain && !strcmp(argv[i], "--"))
            plain = 1;
        else if (!plain && argv[i][0] == '-' && argv[i][1])
            rc = option_read(r, argc, argv, &i);
        else
            r->words[r->n_words++] = argv[i];
    }
    return rc;
}

static int shadow_check(const struct reading *r)
{
    if (!(r->command->is & FOR_SHADOW))
        return 0;
    if (!json_object_get(r->args->request, "sample"))
        return err_set(r->err, ERR_USAGE,
                       "shadow: needs --sample, the share of the pages (as in --sample 5%%)");
    return 0;
}

int ctl_args_read(int argc, char **argv, struct ctl_args *ret, struct err *err)
{
    struct reading r = { .args = ret, .err = err, .words = calloc((size_t)argc, sizeof *r.words) };
    size_t n = 0;

    if (!r.words)
        abort();
    *ret = (struct ctl_args){ .job = "trommel-job", .timeout_s = 120, .request = json_object() };
    int rc = pass(&r, argc, argv);
    rc = rc ? rc : command_find(&r, &n);
    rc = rc ? rc : pass(&r, argc, argv);
    rc = rc ? rc : words_read(&r, n);
    rc = rc ? rc : shadow_check(&r);
    free(r.words);
    if (rc < 0) {
        json_decref(ret->request);
        ret->request = NULL;
        return rc;
    }
    ret->cmd = r.command->cmd;
    json_object_set_new(ret->request, "v", json_integer(1));
    json_object_set_new(ret->request, "cmd", json_string(ret->cmd));
    return 0;
}
