/* args: see args.h. */
#include "command/diff/args.h"

#include <stdio.h>
#include <string.h>

#include "command/number.h"

static const char *const left_out[] = { "chain", "id", "fetched_at", "fetch", "dedupe" };

static void rule_add(struct diff_args *a, const char *path, int is_in)
{
    a->rules[a->n_rules++] = (struct diff_rule){ path, is_in };
}

void diff_args_init(struct diff_args *a)
{
    *a = (struct diff_args){ .top = UINT32_MAX };
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
        rule_add(a, left_out[i], 0);
}

void diff_args_end(struct diff_args *a)
{
    if (a->top == UINT32_MAX)
        a->top = a->is_json ? 0 : DIFF_TOP;
}

/* ---- options ---- */

enum option { OPTION_NONE, OPTION_HTML, OPTION_JSON, OPTION_TOP, OPTION_IGNORE, OPTION_WITH, OPTION_ONLY };

static enum option option_find(const char *name, size_t n)
{
    static const char *const names[] = {
        [OPTION_HTML] = "html",     [OPTION_JSON] = "json", [OPTION_TOP] = "top",
        [OPTION_IGNORE] = "ignore", [OPTION_WITH] = "with", [OPTION_ONLY] = "only"
    };

    for (size_t i = OPTION_HTML; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n && !memcmp(names[i], name, n))
            return (enum option)i;
    return OPTION_NONE;
}

int diff_option_is(const char *name, size_t n)
{
    enum option o = option_find(name, n);

    return o == OPTION_NONE ? 0 : o == OPTION_JSON ? 2 : 1;
}

static int path_set(struct diff_args *a, enum option o, const char *path, struct err *err)
{
    static const char *const names[] = {
        [OPTION_IGNORE] = "ignore", [OPTION_WITH] = "with", [OPTION_ONLY] = "only"
    };
    size_t n = strlen(path);

    if (!n || path[0] == '.' || path[n - 1] == '.' || strstr(path, ".."))
        return err_set(err, ERR_USAGE, "--%s: \"%s\" is no path of a field; write it as meta.title", names[o],
                       path);
    if (a->n_rules == DIFF_RULES_MAX)
        return err_set(err, ERR_USAGE, "--%s: more than %d paths; name what they have in common", names[o],
                       DIFF_RULES_MAX - (int)(sizeof left_out / sizeof left_out[0]));
    a->is_only |= o == OPTION_ONLY;
    rule_add(a, path, o != OPTION_IGNORE);
    return 0;
}

int diff_option_set(struct diff_args *a, const char *name, size_t n, const char *value, struct err *err)
{
    enum option o = option_find(name, n);
    double v;

    switch (o) {
    case OPTION_NONE:
        return err_set(err, ERR_USAGE, "--%.*s: unknown option", (int)n, name);
    case OPTION_JSON:
        a->is_json = 1;
        return value ? err_set(err, ERR_USAGE, "--json: takes no value") : 0;
    case OPTION_HTML:
        a->html = value;
        return *value ? 0 : err_set(err, ERR_USAGE, "--html: is empty; give the name of a file");
    case OPTION_TOP:
        if (number_parse(value, 1, DIFF_TOP_MAX, 1, &v) < 0)
            return err_set(err, ERR_USAGE, "--top: \"%s\" must be a whole number from 1 to %d", value,
                           DIFF_TOP_MAX);
        a->top = (uint32_t)v;
        return 0;
    default:
        return path_set(a, o, value, err);
    }
}

/* ---- fields ---- */

int diff_is_compared(const struct diff_args *a, trommel_str path)
{
    int is_in = !a->is_only;
    size_t best = 0;

    for (uint32_t i = 0; i < a->n_rules; i++) {
        size_t n = strlen(a->rules[i].path);
        if (n < best || n > path.n || memcmp(path.p, a->rules[i].path, n) || (n < path.n && path.p[n] != '.'))
            continue;
        best = n;
        is_in = a->rules[i].is_in;
    }
    return is_in;
}

void diff_left_out(const struct diff_args *a, char *ret, size_t n)
{
    size_t at = 0;

    ret[0] = '\0';
    for (uint32_t i = 0; i < a->n_rules && at < n; i++) {
        trommel_str path = { a->rules[i].path, strlen(a->rules[i].path) };
        if (!a->rules[i].is_in && !diff_is_compared(a, path))
            at += (size_t)snprintf(ret + at, n - at, "%s%s", at ? ", " : "", path.p);
    }
    if (a->is_only && at < n)
        snprintf(ret + at, n - at, "%sall that --only does not name", at ? ", " : "");
}
