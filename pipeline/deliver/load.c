/* load: see load.h.  A scheme is looked for in SCHEME.so first, then in every other sink of the folder. */
#include "deliver/load.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/chain.h"
#include "chain/place.h"

#define SINKS_MAX 256
#define OPTS_MAX 256

/* ---- SINK in its parts -------------------------------------------------------------------------- */

struct parts {
    char *scheme; /* or NULL: path is set */
    char *path;   /* of a .so */
    char *target, *query;
};

static void parts_release(struct parts *p)
{
    free(p->scheme);
    free(p->path);
    free(p->target);
    free(p->query);
}

/* Bytes of a scheme at the start, without its colon; 0: there is none, it is a folder. */
static size_t scheme_length(const char *s)
{
    size_t n = 0;

    if (!islower((unsigned char)s[0]))
        return 0;
    while (islower((unsigned char)s[n]) || isdigit((unsigned char)s[n]) || (s[n] && strchr("+.-", s[n])))
        n++;
    return s[n] == ':' ? n : 0;
}

/* "./my.so:target": bytes of the path, or 0. */
static size_t path_length(const char *s)
{
    const char *so = strstr(s, ".so:");

    return so && memchr(s, '/', (size_t)(so - s)) ? (size_t)(so - s) + 3 : 0;
}

static int parts_parse(const char *text, struct parts *p)
{
    size_t n = path_length(text), k;

    *p = (struct parts){ 0 };
    if (n) {
        p->path = strndup(text, n);
    } else if ((n = scheme_length(text))) {
        p->scheme = strndup(text, n);
    } else {
        p->scheme = strdup("file");
        p->target = strdup(text);
        return p->scheme && p->target ? 0 : ERR_NOMEM;
    }
    text += n + 1;
    if (text[0] == '/' && text[1] == '/')
        text += 2;
    k = strcspn(text, "?");
    p->target = strndup(text, k);
    p->query = text[k] ? strdup(text + k + 1) : NULL;
    return (p->scheme || p->path) && p->target && (!text[k] || p->query) ? 0 : ERR_NOMEM;
}

/* ---- where sinks lie ---------------------------------------------------------------------------- */

static int is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folder of the sinks that came with the program; ret is PATH_MAX. */
static void dir_find(const char *given, char *ret)
{
    char exe[PATH_MAX], *beside;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *env = getenv("TROMMEL_SINK_DIR");

    if (given || (env && *env)) {
        snprintf(ret, PATH_MAX, "%s", given ? given : env);
        return;
    }
    if ((beside = place_beside("sink"))) {
        snprintf(ret, PATH_MAX, "%s", beside);
        free(beside);
        return;
    }
    exe[n > 0 ? n : 0] = '\0';
    snprintf(ret, PATH_MAX, "%.4000s/../sink", dirname(exe)); /* of a program in a folder of the build's */
    if (!is_folder(ret))
        snprintf(ret, PATH_MAX, "%s/lib/trommel/sink", TROMMEL_PREFIX);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the folder's sinks without ".so", sorted. */
static size_t dir_list(const char *dir, char *names[SINKS_MAX])
{
    DIR *d = opendir(dir);
    struct dirent *e;
    size_t n = 0;

    while (d && n < SINKS_MAX && (e = readdir(d))) {
        size_t len = strlen(e->d_name);
        if (len > 3 && !strcmp(e->d_name + len - 3, ".so") && (names[n] = strndup(e->d_name, len - 3)))
            n++;
    }
    if (d)
        closedir(d);
    if (n)
        qsort(names, n, sizeof *names, by_name);
    return n;
}

/* ---- one file ----------------------------------------------------------------------------------- */

static int has_scheme(const char *list, const char *scheme)
{
    size_t n = strlen(scheme);

    for (const char *p = list; p && *p;) {
        size_t k = strcspn(p, "|");
        if (k == n && !memcmp(p, scheme, n))
            return 1;
        p += k + (p[k] == '|');
    }
    return 0;
}

static int table_check(const char *path, const trommel_sink *t, struct err *err)
{
    size_t least = offsetof(trommel_sink, close) + sizeof t->close;

    if (t->struct_size < least)
        return err_set(err, ERR_REFUSED,
                       "%s: struct_size is %u, this program needs at least %zu; compile the sink against "
                       "this program's headers",
                       path, t->struct_size, least);
    if (t->abi_major != TROMMEL_SINK_ABI_MAJOR)
        return err_set(err, ERR_REFUSED,
                       "%s: abi_major is %u, this program speaks %u; compile the sink against this "
                       "program's headers",
                       path, t->abi_major, TROMMEL_SINK_ABI_MAJOR);
    if (t->min_host_minor > TROMMEL_SINK_ABI_MINOR)
        return err_set(err, ERR_REFUSED, "%s: min_host_minor is %u, this program has %u; use a newer program",
                       path, t->min_host_minor, TROMMEL_SINK_ABI_MINOR);
    if (!t->id || !t->schemes)
        return err_set(err, ERR_REFUSED, "%s: %s is not set; mend the sink", path, t->id ? "schemes" : "id");
    if (!t->open || !t->put || !t->close)
        return err_set(err, ERR_REFUSED, "%s: the function %s is not set; mend the sink", path,
                       !t->open ? "open" : !t->put ? "put" : "close");
    if (t->n_opts && (!t->opts || t->opt_size < sizeof(trommel_opt) || t->n_opts > OPTS_MAX))
        return err_set(err, ERR_REFUSED,
                       "%s: opt_size is %u and n_opts %u, this program needs at least %zu and at most %d; "
                       "compile the sink against this program's headers",
                       path, t->opt_size, t->n_opts, sizeof(trommel_opt), OPTS_MAX);
    return 0;
}

static int table_get(const char *path, const trommel_sink **ret, struct err *err)
{
    const trommel_sink *(*entry)(uint32_t);
    struct trommel_note note;
    int rc = note_judge(path, TROMMEL_NOTE_SINK, &note, err);

    if (rc < 0)
        return rc;
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so)
        return err_set(err, ERR_REFUSED, "%s: cannot be loaded (%s)", path, dlerror());
    *(void **)&entry = dlsym(so, "trommel_sink_entry");
    if (!entry)
        return err_set(err, ERR_REFUSED, "%s: has no trommel_sink_entry; end it with TROMMEL_SINK = { … }",
                       path);
    *ret = entry(TROMMEL_SINK_ABI_MAJOR);
    if (!*ret)
        return err_set(err, ERR_REFUSED,
                       "%s: does not speak major %u of the contract of sinks; compile it against this "
                       "program's headers",
                       path, TROMMEL_SINK_ABI_MAJOR);
    return table_check(path, *ret, err);
}

static int try_file(const char *dir, const char *name, const char *scheme, const trommel_sink **ret,
                    struct err *err)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s.so", dir, name);
    if (access(path, F_OK) != 0)
        return ERR_ABSENT;
    int rc = table_get(path, ret, err);
    if (rc == 0 && !has_scheme((*ret)->schemes, scheme))
        return ERR_ABSENT;
    return rc;
}

static int scheme_find(const struct parts *p, const char *text, const char *dir, const trommel_sink **ret,
                       struct err *err)
{
    char *names[SINKS_MAX], list[600] = "";
    int rc = try_file(dir, p->scheme, p->scheme, ret, err);
    size_t n, at = 0;

    if (rc != ERR_ABSENT)
        return rc;
    n = dir_list(dir, names);
    for (size_t i = 0; i < n; i++) {
        if (rc == ERR_ABSENT && strcmp(names[i], p->scheme) &&
            try_file(dir, names[i], p->scheme, ret, NULL) == 0)
            rc = 0;
        if (at + strlen(names[i]) + 3 < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "", names[i]);
        free(names[i]);
    }
    if (rc == 0)
        return 0;
    if (!n)
        return err_set(err, ERR_USAGE,
                       "no sink for %s: is installed; there is none in %s: build or install them", p->scheme,
                       dir);
    return err_set(err, ERR_USAGE, "no sink for %s: is installed; there are: %s%s%.200s%s", p->scheme, list,
                   is_folder(text) ? " (for the folder write file:" : "", is_folder(text) ? text : "",
                   is_folder(text) ? ")" : "");
}

/* ---- options ------------------------------------------------------------------------------------ */

static const trommel_opt *opt_row(const trommel_sink *t, unsigned i)
{
    return (const trommel_opt *)((const char *)t->opts + (size_t)i * t->opt_size);
}

static void percent_decode(char *s)
{
    char *o = s;

    for (; *s; s++) {
        if (s[0] == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
            char hex[3] = { s[1], s[2], 0 };
            *o++ = (char)strtol(hex, NULL, 16);
            s += 2;
        } else {
            *o++ = *s;
        }
    }
    *o = '\0';
}

static int opt_unknown(const struct sink *s, const char *key, struct err *err)
{
    char list[500] = "none";
    size_t at = 0;

    for (unsigned i = 0; i < s->table->n_opts; i++) {
        const char *k = opt_row(s->table, i)->key;
        if (at + strlen(k) + 3 < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "", k);
    }
    return err_set(err, ERR_USAGE, "%s: has no option %s; its options: %s", s->name, key, list);
}

static int opt_set(struct sink *s, const char *key, const char *text, struct err *err)
{
    for (unsigned i = 0; i < s->table->n_opts; i++) {
        const trommel_opt *row = opt_row(s->table, i);
        if (strcmp(row->key, key))
            continue;
        int rc = option_parse(row, text, &s->values[i], err);
        if (rc < 0)
            err_prefix(err, "%s", s->name);
        s->has[i] = rc == 0;
        return rc;
    }
    return opt_unknown(s, key, err);
}

static int opts_default(struct sink *s, struct err *err)
{
    for (unsigned i = 0; i < s->table->n_opts; i++) {
        const trommel_opt *row = opt_row(s->table, i);
        if (s->has[i])
            continue;
        if (row->flags & TROMMEL_OPT_REQUIRED)
            return err_set(err, ERR_USAGE, "%s: the option %s must be given: ?%s=… (%s)", s->name, row->key,
                           row->key, row->help ? row->help : "");
        if (!row->dflt)
            continue;
        int rc = option_parse(row, row->dflt, &s->values[i], err);
        if (rc < 0) {
            err_prefix(err, "%s: the sink's own default", s->name);
            return rc;
        }
        s->has[i] = 1;
    }
    return 0;
}

static int opts_parse(struct sink *s, struct err *err)
{
    char *at = s->query, *pair;
    int rc = 0;

    s->values = calloc(s->table->n_opts + 1u, sizeof *s->values);
    s->has = calloc(s->table->n_opts + 1u, 1);
    if (!s->values || !s->has)
        return err_set(err, ERR_NOMEM, "%s: out of memory", s->name);
    while (rc == 0 && (pair = strsep(&at, "&"))) {
        char *value = strchr(pair, '=');
        if (!*pair)
            continue;
        if (!value)
            return err_set(err, ERR_USAGE, "%s: %s: has no value; write %s=VALUE", s->name, pair, pair);
        *value++ = '\0';
        percent_decode(value);
        rc = opt_set(s, pair, value, err);
    }
    return rc < 0 ? rc : opts_default(s, err);
}

/* ---- all of it ---------------------------------------------------------------------------------- */

int sink_load(const char *text, const char *sink_dir, struct sink *ret, struct err *err)
{
    struct parts p;
    char dir[PATH_MAX];
    int rc = ERR_USAGE;

    *ret = (struct sink){ 0 };
    if (!text || !*text)
        return err_set(err, ERR_USAGE, "no sink is named; write a folder, stdout: or null:");
    if (parts_parse(text, &p) < 0) {
        rc = err_set(err, ERR_NOMEM, "%s: out of memory", text);
        goto out;
    }
    dir_find(sink_dir, dir);
    rc = p.path ? table_get(p.path, &ret->table, err) : scheme_find(&p, text, dir, &ret->table, err);
    if (rc < 0)
        goto out;
    ret->name = strndup(text, p.query ? strcspn(text, "?") : strlen(text));
    ret->target = p.target;
    ret->query = p.query;
    p.target = p.query = NULL;
    rc = ret->name ? opts_parse(ret, err) : ERR_NOMEM;
out:
    parts_release(&p);
    if (rc < 0)
        sink_release(ret);
    return rc;
}

void sink_release(struct sink *s)
{
    if (!s)
        return;
    free(s->name);
    free(s->target);
    free(s->query);
    free(s->values);
    free(s->has);
    *s = (struct sink){ 0 };
}
