/* exec: which programs a configuration asks for, found and judged before any is started; see exec.h. */
#include "chain/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "chain/exec_plan.h"
#include "chain/place.h"
#include "chain/proto.h"
#include "chain/store.h"

extern char **environ;

/* ---- which items ---- */

const char *exec_id(const char *ref)
{
    return ref && !strncmp(ref, "exec", 4) && (!ref[4] || (ref[4] == '.' && ref[5])) && !strchr(ref, '/') &&
                   strcmp(ref, "exec.so") != 0
               ? ref
               : NULL;
}

unsigned exec_count(const struct chain_config *c)
{
    unsigned n = 0;

    for (size_t i = 0; i < c->n_items; i++)
        n += exec_id(c->items[i].ref) != NULL;
    return n;
}

int exec_fd(const struct chain_config *c, size_t item)
{
    int at = PROTO_FD_END;

    if (item >= c->n_items || !exec_id(c->items[item].ref))
        return -1;
    for (size_t i = 0; i < item; i++)
        at += exec_id(c->items[i].ref) ? 2 : 0;
    return at;
}

/* ---- options ---- */

/* What was set for an option of the item: the last one wins, as in the worker. */
static const struct chain_set *set_find(const struct chain_config *c, size_t item, const char *option)
{
    const struct chain_set *found = NULL;

    for (size_t i = 0; i < c->n_sets; i++) {
        const struct chain_set *s = &c->sets[i];
        if ((s->item ? s->item == item + 1 : !strcmp(s->stage, c->items[item].ref)) &&
            !strcmp(s->option, option))
            found = s;
    }
    return found;
}

static int option_of(const struct chain_config *c, size_t item, unsigned opt, trommel_val *ret,
                     struct err *err)
{
    const struct chain_set *set = set_find(c, item, exec_opts[opt].key);
    const char *id = c->items[item].ref, *text = set ? set->value : exec_opts[opt].dflt;

    if (!text)
        return err_set(err, ERR_USAGE,
                       "stage `%s`: option `%s` must be given (%s): set: {command: ./words.py}, or "
                       "--set %s.%s=./words.py",
                       id, exec_opts[opt].key, exec_opts[opt].help, id, exec_opts[opt].key);
    if (option_parse(&exec_opts[opt], text, ret, err)) {
        err_prefix(err, "stage `%s`", id);
        return ERR_USAGE;
    }
    return 0;
}

/* ---- words ---- */

/* Takes one word off *at, its quotes resolved in place.  NULL: no more; *bad: a quote is open. */
static char *word_take(char **at, int *bad)
{
    char *from, *to, quote = 0;

    *at += strspn(*at, " \t\n");
    if (!**at)
        return NULL;
    for (from = to = *at; *from && (quote || !strchr(" \t\n", *from)); from++) {
        if (*from == '\\' && from[1] && quote != '\'')
            *to++ = *++from;
        else if (quote ? *from == quote : *from == '"' || *from == '\'')
            quote = quote ? 0 : *from;
        else
            *to++ = *from;
    }
    *bad = quote != 0;
    char *word = *at;
    *at = *from ? from + 1 : from;
    *to = 0;
    return word;
}

static int words_make(struct exec_program *p, const char *command, struct err *err)
{
    char *at, *word;
    int bad = 0;

    if (strlen(command) > EXEC_COMMAND_BYTES)
        return err_set(err, ERR_USAGE, "stage `%s`: option `command` is longer than %d bytes", p->id,
                       EXEC_COMMAND_BYTES);
    p->text = strdup(command);
    if (!p->text)
        return err_set(err, ERR_NOMEM, "out of memory");
    at = p->text;
    while ((word = word_take(&at, &bad))) {
        if (bad)
            return err_set(err, ERR_USAGE,
                           "stage `%s`: option `command`: a quote is open in `%.200s`: close it", p->id,
                           command);
        if (p->n_words == EXEC_WORDS_MAX)
            return err_set(err, ERR_USAGE,
                           "stage `%s`: option `command` has more than %d words: put them into a script",
                           p->id, EXEC_WORDS_MAX);
        p->words[p->n_words++] = word;
    }
    return p->n_words && *p->words[0] ? 0
                                      : err_set(err, ERR_USAGE,
                                                "stage `%s`: option `command` names no program: write "
                                                "command: ./words.py",
                                                p->id);
}

/* ---- the program ---- */

static int dir_make(struct exec_program *p, const struct chain_set *set, struct err *err)
{
    const char *dir = set && set->dir && *set->dir ? set->dir : ".";

    p->dir = realpath(dir, NULL);
    return p->dir ? 0
                  : err_set(err, ERR_USAGE, "stage `%s`: the folder %s of its command: %s", p->id, dir,
                            strerror(errno));
}

/* A word without a slash: the first such program of $PATH, malloc'd, or NULL. */
static char *path_search(const char *name)
{
    const char *at = getenv("PATH");
    struct stat st;

    for (at = at && *at ? at : "/usr/bin:/bin"; *at;) {
        size_t n = strcspn(at, ":");
        char *path;
        if (n && *at == '/' && asprintf(&path, "%.*s/%s", (int)n, at, name) >= 0) {
            if (!stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK))
                return path;
            free(path);
        }
        at += n + (at[n] == ':');
    }
    return NULL;
}

static int program_find(struct exec_program *p, struct err *err)
{
    const char *name = p->words[0];
    struct stat st;

    p->path = strchr(name, '/') ? path_join(p->dir, name) : path_search(name);
    if (!p->path)
        return err_set(
            err, ERR_USAGE,
            "stage `%s`: no program `%s` in PATH: install it, or, if it lies beside the configuration, write "
            "./%s",
            p->id, name, name);
    if (stat(p->path, &st))
        return err_set(err, ERR_USAGE, "stage `%s`: the program %s: %s: correct option `command`", p->id,
                       p->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_USAGE, "stage `%s`: the program %s is no file: correct option `command`",
                       p->id, p->path);
    if (access(p->path, X_OK))
        return err_set(
            err, ERR_USAGE,
            "stage `%s`: the program %s may not be executed: chmod +x it, or name its interpreter (python3 "
            "%s)",
            p->id, p->path, name);
    return 0;
}

/* What is in the files that the command names by a path, and the command; empty if one cannot be read. */
int exec_digest(const struct exec_program *p, char ret[EXEC_DIGEST_BYTES])
{
    XXH3_state_t *h = XXH3_createState();
    unsigned char piece[64 * 1024];
    XXH128_canonical_t canon;

    ret[0] = 0;
    if (!h)
        return ERR_NOMEM;
    XXH3_128bits_reset(h);
    for (unsigned i = 0; i < p->n_words; i++) {
        char *path = strchr(p->words[i], '/') ? path_join(p->dir, p->words[i]) : NULL;
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
        off_t left = EXEC_FILES_BYTES;
        struct stat st;
        ssize_t n;
        if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
            XXH3_128bits_update(h, &st.st_size, sizeof st.st_size);
            while (left > 0 && (n = read(fd, piece, sizeof piece)) > 0) {
                XXH3_128bits_update(h, piece, (size_t)n);
                left -= n;
            }
        }
        if (fd >= 0)
            close(fd);
        free(path);
    }
    XXH128_canonicalFromHash(&canon, XXH3_128bits_digest(h));
    for (int i = 0; i < 16; i++)
        snprintf(ret + 2 * i, 3, "%02x", canon.digest[i]);
    XXH3_freeState(h);
    return 0;
}

/* ---- its environment ---- */

static int is_kept(const char *entry, const char *more)
{
    static const char *const names[] = { "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR" };
    size_t n = strcspn(entry, "=");

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n && !memcmp(names[i], entry, n))
            return 1;
    if (n > 3 && !memcmp(entry, "LC_", 3))
        return 1;
    while (*more) {
        size_t len;
        more += strspn(more, " ,\t\n");
        len = strcspn(more, " ,\t\n");
        if (len == n && n && !memcmp(more, entry, n))
            return 1;
        more += len;
    }
    return 0;
}

static int env_make(struct exec_program *p, const char *more, struct err *err)
{
    size_t n = 0, at = 0;

    while (environ && environ[n])
        n++;
    p->env = calloc(n + 2, sizeof *p->env);
    if (!p->env)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        if (is_kept(environ[i], more) && (p->env[at] = strdup(environ[i])))
            at++;
    if (asprintf(&p->env[at], "TROMMEL_STAGE=%s", p->id) < 0)
        p->env[at] = NULL;
    return p->env[at] ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* ---- the plan ---- */

static int program_make(struct exec_program *p, const struct chain_config *c, size_t item, struct err *err)
{
    trommel_val command, memory, file, env;
    int rc;

    p->id = strdup(c->items[item].ref);
    rc = p->id ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    rc = rc ? rc : option_of(c, item, EXEC_COMMAND, &command, err);
    rc = rc ? rc : option_of(c, item, EXEC_MEMORY, &memory, err);
    rc = rc ? rc : option_of(c, item, EXEC_FILE, &file, err);
    rc = rc ? rc : option_of(c, item, EXEC_ENV, &env, err);
    if (rc)
        return rc;
    p->memory_bytes = (uint64_t)memory.u.i * MIB;
    p->file_bytes = (uint64_t)file.u.i * MIB;
    rc = words_make(p, command.u.p, err);
    rc = rc ? rc : dir_make(p, set_find(c, item, exec_opts[EXEC_COMMAND].key), err);
    rc = rc ? rc : program_find(p, err);
    rc = rc ? rc : env_make(p, env.u.p, err);
    rc = rc ? rc : exec_digest(p, p->digest);
    return rc;
}

/* The option `digest` of a stage becomes what it is now; what stood there before goes. */
static int digest_set(struct chain_config *c, size_t item, const char *digest, struct err *err)
{
    const char *key = exec_opts[EXEC_DIGEST].key;
    char text[300];
    size_t to = 0;

    for (size_t i = 0; i < c->n_sets; i++) {
        struct chain_set *s = &c->sets[i];
        if ((s->item ? s->item == item + 1 : !strcmp(s->stage, c->items[item].ref)) &&
            !strcmp(s->option, key)) {
            free(s->stage);
            free(s->option);
            free(s->value);
            free(s->dir);
        } else {
            c->sets[to++] = *s;
        }
    }
    c->n_sets = to;
    snprintf(text, sizeof text, "%.200s.%s=%s", c->items[item].ref, key, digest);
    return chain_config_set(c, text, err);
}

/* Too many, or two of one name? */
static int check_names(const struct chain_config *c, struct err *err)
{
    if (exec_count(c) > EXEC_MAX)
        return err_set(err, ERR_USAGE, "chain: more than %d exec stages: let one program do the work of two",
                       EXEC_MAX);
    for (size_t i = 0; i < c->n_items; i++)
        for (size_t k = 0; k < i; k++)
            if (exec_id(c->items[i].ref) && !strcmp(c->items[i].ref, c->items[k].ref))
                return err_set(err, ERR_USAGE, "chain: stage `%s` is there twice: name one of them exec.NAME",
                               c->items[i].ref);
    return 0;
}

static int plan_make(const struct chain_config *c, struct exec_plan **ret, struct err *err)
{
    struct exec_plan *plan;
    int rc = check_names(c, err);

    *ret = NULL;
    if (rc || !exec_count(c))
        return rc;
    plan = calloc(1, sizeof *plan);
    if (!plan)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; !rc && i < c->n_items; i++)
        if (exec_id(c->items[i].ref))
            rc = program_make(&plan->programs[plan->n++], c, i, err);
    if (rc) {
        exec_plan_free(plan);
        return rc;
    }
    *ret = plan;
    return 0;
}

int exec_plan_make(struct chain_config *c, struct exec_plan **ret, struct err *err)
{
    unsigned at = 0;
    int rc = plan_make(c, ret, err);

    for (size_t i = 0; !rc && i < c->n_items; i++)
        if (exec_id(c->items[i].ref))
            rc = digest_set(c, i, (*ret)->programs[at++].digest, err);
    if (rc) {
        exec_plan_free(*ret);
        *ret = NULL;
    }
    return rc;
}

static int program_judge(const struct exec_program *p, struct err *err)
{
    int rc = stage_file_judge(p->path, err);

    for (unsigned i = 1; !rc && i < p->n_words; i++) {
        char *path = strchr(p->words[i], '/') ? path_join(p->dir, p->words[i]) : NULL;
        struct stat st;
        if (path && !stat(path, &st) && S_ISREG(st.st_mode))
            rc = stage_file_judge(path, err);
        free(path);
    }
    if (rc)
        err_prefix(err, "stage `%s`", p->id);
    return rc;
}

static int is_same(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

/* Does `live` have a stage of this name with this command? */
static int is_known(const struct chain_config *c, size_t item, const struct chain_config *live)
{
    const char *key = exec_opts[EXEC_COMMAND].key;
    const struct chain_set *now = set_find(c, item, key), *was;

    for (size_t i = 0; live && now && i < live->n_items; i++)
        if (!strcmp(live->items[i].ref, c->items[item].ref) && (was = set_find(live, i, key)))
            return is_same(now->value, was->value) && is_same(now->dir, was->dir);
    return 0;
}

int exec_judge(const struct chain_config *c, const struct chain_config *live, struct err *err)
{
    struct exec_plan *plan;
    unsigned at = 0;
    int rc = plan_make(c, &plan, err);

    for (size_t i = 0; !rc && plan && i < c->n_items; i++) {
        if (!exec_id(c->items[i].ref))
            continue;
        if (!is_known(c, i, live))
            rc = program_judge(&plan->programs[at], err);
        at++;
    }
    exec_plan_free(plan);
    return rc;
}

void exec_plan_free(struct exec_plan *plan)
{
    for (unsigned i = 0; plan && i < plan->n; i++) {
        struct exec_program *p = &plan->programs[i];
        for (char **e = p->env; e && *e; e++)
            free(*e);
        free(p->env);
        free(p->id);
        free(p->text);
        free(p->dir);
        free(p->path);
    }
    free(plan);
}
