/* config: the chain as the user writes it; see chain.h.
 *
 * The YAML is read by libfyaml, which keeps the place of every node, so each complaint names file, line
 * and column.  Only the key `chain` is looked at.  Which options a stage has is known only when it is
 * loaded; what is read here are names and texts.  Omitted: anchors shared between files, includes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "chain/chain.h"
#include "chain/exec.h"
#include "chain/place.h"

static const char *const bundled[] = { "layout", "boilerplate", "metadata", "dedupe" };

void chain_config_release(struct chain_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_items; i++) {
        free(c->items[i].ref);
        free(c->items[i].path);
    }
    for (size_t i = 0; i < c->n_sets; i++) {
        free(c->sets[i].stage);
        free(c->sets[i].option);
        free(c->sets[i].value);
        free(c->sets[i].dir);
    }
    free(c->items);
    free(c->sets);
    *c = (struct chain_config){ 0 };
}

static int item_add(struct chain_config *c, char *ref, struct err *err)
{
    struct chain_item *items;

    if (c->n_items == LIMIT_STAGES || !ref) {
        free(ref);
        return ref ? err_set(err, ERR_USAGE, "chain: more than %u stages: take some out", LIMIT_STAGES)
                   : err_set(err, ERR_NOMEM, "out of memory");
    }
    items = realloc(c->items, (c->n_items + 1) * sizeof *items);
    if (!items) {
        free(ref);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    c->items = items;
    c->items[c->n_items++] = (struct chain_item){ .ref = ref };
    return 0;
}

/* Takes the strings of `set`, also when it fails. */
static int set_add(struct chain_config *c, struct chain_set *set, struct err *err)
{
    struct chain_set *sets = NULL;

    if (c->n_sets < LIMIT_SETS && set->stage && set->option && set->value)
        sets = realloc(c->sets, (c->n_sets + 1) * sizeof *sets);
    if (!sets) {
        free(set->stage);
        free(set->option);
        free(set->value);
        free(set->dir);
        return c->n_sets < LIMIT_SETS
                   ? err_set(err, ERR_NOMEM, "out of memory")
                   : err_set(err, ERR_USAGE, "options of stages: more than %u are set", LIMIT_SETS);
    }
    c->sets = sets;
    c->sets[c->n_sets++] = *set;
    return 0;
}

int chain_config_add(struct chain_config *c, const char *ref, struct err *err)
{
    if (c->is_none || (!strcmp(ref, "none") && c->n_items))
        return err_set(err, ERR_USAGE, "chain: `none` stands alone: it is a chain that runs nothing at all");
    c->is_none = !strcmp(ref, "none");
    return c->is_none ? 0 : item_add(c, strdup(ref), err);
}

int chain_config_set_last(struct chain_config *c, const char *assignment, struct err *err)
{
    const char *eq = strchrnul(assignment, '=');
    struct chain_set set = { .item = c->n_items };

    set.stage = strdup(c->items[c->n_items - 1].ref);
    set.option = strndup(assignment, (size_t)(eq - assignment));
    set.value = strdup(*eq ? eq + 1 : "");
    return set_add(c, &set, err);
}

int chain_config_default(struct chain_config *c, struct err *err)
{
    int rc = 0;

    *c = (struct chain_config){ 0 };
    for (size_t i = 0; i < sizeof bundled / sizeof bundled[0] && !rc; i++)
        rc = item_add(c, strdup(bundled[i]), err);
    if (rc)
        chain_config_release(c);
    return rc;
}

int chain_config_named(struct chain_config *c, const char *text, struct err *err)
{
    int rc = 0;

    *c = (struct chain_config){ 0 };
    if (!strcmp(text, "default"))
        return chain_config_default(c, err);
    for (const char *at = text; !rc; at++) {
        size_t n = strcspn(at, ",");
        char *ref = n ? strndup(at, n) : NULL;
        rc = ref ? chain_config_add(c, ref, err)
                 : err_set(err, ERR_USAGE, "--chain %s: write none, default, or stages parted by commas", text);
        free(ref);
        at += n;
        if (!*at)
            break;
    }
    if (rc)
        chain_config_release(c);
    return rc;
}

int chain_config_set(struct chain_config *c, const char *assignment, struct err *err)
{
    const char *eq = strchr(assignment, '='), *dot = NULL;
    struct chain_set set = { 0 };

    for (const char *p = assignment; eq && p < eq; p++)
        if (*p == '.')
            dot = p;
    if (!dot || dot == assignment || dot + 1 == eq)
        return err_set(err, ERR_USAGE,
                       "--set %s: not of the form STAGE.OPTION=VALUE (as in boilerplate.model=FILE)",
                       assignment);
    set.stage = strndup(assignment, (size_t)(dot - assignment));
    set.option = strndup(dot + 1, (size_t)(eq - dot - 1));
    set.value = strdup(eq + 1);
    return set_add(c, &set, err);
}

/* ---- the file ---- */

struct reader {
    const char *path;
    char *dir;
    struct fy_diag *diag;
    struct chain_config *c;
    struct err *err;
};

/* "FILE:LINE:COLUMN: message".  A node's place is known only to libfyaml's own reports: one is made, and
 * read back from what the diag collected. */
__attribute__((format(printf, 3, 4))) static int complain(struct reader *r, struct fy_node *n,
                                                          const char *fmt, ...)
{
    struct fy_diag_error *e, *last = NULL;
    void *iter = NULL;
    char text[700];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n)
        fy_node_report(n, FYET_ERROR, "%s", text);
    while ((e = fy_diag_errors_iterate(r->diag, &iter)))
        last = e;
    if (!n || !last || last->line <= 0)
        return err_set(r->err, ERR_USAGE, "%s: %s", r->path, text);
    return err_set(r->err, ERR_USAGE, "%s:%d:%d: %s", r->path, last->line, last->column, text);
}

/* A scalar's text, malloc'd; NULL if it is none, has a NUL in it, or memory is out. */
static char *scalar_dup(struct fy_node *n)
{
    size_t len = 0;
    const char *p = n && fy_node_is_scalar(n) ? fy_node_get_scalar(n, &len) : NULL;

    if (!p && n && fy_node_is_scalar(n))
        return strdup("");
    return p && !memchr(p, 0, len) ? strndup(p, len) : NULL;
}

int chain_ref_is_path(const char *ref)
{
    size_t n = strlen(ref);

    return strchr(ref, '/') || (n > 3 && !strcmp(ref + n - 3, ".so"));
}

static int read_set(struct reader *r, struct fy_node *map)
{
    void *iter = NULL;
    struct fy_node_pair *pair;

    if (!fy_node_is_mapping(map))
        return complain(r, map, "chain: `set` must be a map of options: write set: {OPTION: VALUE}");
    while ((pair = fy_node_mapping_iterate(map, &iter))) {
        struct fy_node *key = fy_node_pair_key(pair), *val = fy_node_pair_value(pair);
        struct chain_set set = { .option = scalar_dup(key), .item = r->c->n_items };
        if (!set.option || !*set.option || !val || !fy_node_is_scalar(val)) {
            int rc = complain(r, val ? val : key,
                              "chain: option `%s` of stage `%s` must be one plain value, not a "
                              "list or map",
                              set.option ? set.option : "?", r->c->items[r->c->n_items - 1].ref);
            free(set.option);
            return rc;
        }
        set.value = scalar_dup(val);
        set.stage = strdup(r->c->items[r->c->n_items - 1].ref);
        set.dir = strdup(r->dir);
        if (set_add(r->c, &set, r->err))
            return complain(r, val,
                            "chain: an option's value cannot be taken (a NUL in it, or too many options)");
    }
    return 0;
}

static int read_ref(struct reader *r, struct fy_node *n)
{
    char *ref = scalar_dup(n), *path;

    if (!ref || !*ref) {
        free(ref);
        return complain(r, n, "chain: entry %zu must be a bundled stage's name or the path of a .so file",
                        r->c->n_items + 1);
    }
    if (chain_ref_is_path(ref)) {
        path = path_join(r->dir, ref);
        free(ref);
        ref = path;
    }
    if (item_add(r->c, ref, r->err))
        return complain(r, n, "chain: more than %u stages: take some out", LIMIT_STAGES);
    return 0;
}

static int read_item_map(struct reader *r, struct fy_node *map)
{
    struct fy_node *stage = NULL, *set = NULL;
    struct fy_node_pair *pair;
    void *iter = NULL;
    int rc;

    while ((pair = fy_node_mapping_iterate(map, &iter))) {
        struct fy_node *key = fy_node_pair_key(pair);
        if (fy_node_compare_string(key, "stage", 5))
            stage = fy_node_pair_value(pair);
        else if (fy_node_compare_string(key, "set", 3))
            set = fy_node_pair_value(pair);
        else {
            char *name = scalar_dup(key);
            rc = complain(r, key, "chain: unknown key `%s` in a stage: it may have `stage` and `set`",
                          name ? name : "?");
            free(name);
            return rc;
        }
    }
    if (!stage)
        return complain(r, map,
                        "chain: this entry lacks the key `stage`: write stage: NAME or stage: FILE.so");
    rc = read_ref(r, stage);
    return rc || !set ? rc : read_set(r, set);
}

static int read_chain(struct reader *r, struct fy_node *root)
{
    struct fy_node *list, *item;
    void *iter = NULL;
    int rc = 0;

    if (!root || (fy_node_is_scalar(root) && !fy_node_is_mapping(root))) {
        char *text = root ? scalar_dup(root) : NULL;
        int blank = !text || !*text;
        free(text);
        return blank ? chain_config_default(r->c, r->err)
                     : complain(r, root, "the file must be a map of keys, such as `chain:`");
    }
    if (!fy_node_is_mapping(root))
        return complain(r, root, "the file must be a map of keys, such as `chain:`");
    list = fy_node_mapping_lookup_by_string(root, "chain", 5);
    if (!list)
        return chain_config_default(r->c, r->err);
    if (fy_node_compare_string(list, "none", 4)) {
        r->c->is_none = 1;
        return 0;
    }
    if (fy_node_compare_string(list, "default", 7))
        return chain_config_default(r->c, r->err);
    if (!fy_node_is_sequence(list))
        return complain(r, list,
                        "chain: must be a list of stages: one `- NAME` a line ([] for no stage, none for not "
                        "even the parse, default)");
    while (!rc && (item = fy_node_sequence_iterate(list, &iter)))
        rc = fy_node_is_mapping(item) ? read_item_map(r, item) : read_ref(r, item);
    return rc;
}

static int parse_failed(struct reader *r, struct fy_diag *diag)
{
    void *iter = NULL;
    struct fy_diag_error *e = fy_diag_errors_iterate(diag, &iter);

    if (!e)
        return err_set(r->err, ERR_USAGE, "%s: not valid YAML", r->path);
    return err_set(r->err, ERR_USAGE, "%s:%d:%d: not valid YAML: %s", r->path, e->line, e->column, e->msg);
}

/* Nothing but blanks and comments: libfyaml makes no document of that. */
static int is_blank(const char *p, size_t n)
{
    int comment = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n')
            comment = 0;
        else if (p[i] == '#')
            comment = 1;
        else if (!comment && p[i] != ' ' && p[i] != '\t' && p[i] != '\r')
            return 0;
    }
    return 1;
}

static int read_text(struct reader *r, const char *text, size_t n)
{
    struct fy_diag_cfg dcfg;
    struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_RESOLVE_DOCUMENT };
    struct fy_document *doc;
    int rc;

    if (is_blank(text, n))
        return chain_config_default(r->c, r->err);
    fy_diag_cfg_default(&dcfg);
    dcfg.fp = NULL;
    cfg.diag = fy_diag_create(&dcfg);
    if (!cfg.diag)
        return err_set(r->err, ERR_NOMEM, "out of memory");
    r->diag = cfg.diag;
    fy_diag_set_collect_errors(cfg.diag, true);
    doc = fy_document_build_from_string(&cfg, text, n);
    rc = doc ? read_chain(r, fy_document_root(doc)) : parse_failed(r, cfg.diag);
    fy_document_destroy(doc);
    fy_diag_destroy(cfg.diag);
    return rc;
}

static int file_read(const char *path, char **ret, size_t *ret_n, struct err *err)
{
    char *text = NULL;
    struct stat st;
    size_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;

    if (fd < 0 || fstat(fd, &st))
        rc = err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = err_set(err, ERR_USAGE, "%s: not a file", path);
    else if (st.st_size > LIMIT_CONFIG_BYTES)
        rc = err_set(err, ERR_USAGE, "%s: larger than %u bytes, too large for a configuration", path,
                     LIMIT_CONFIG_BYTES);
    else if (!(text = malloc((size_t)st.st_size + 1)))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    while (!rc && n < (size_t)st.st_size) {
        ssize_t got = read(fd, text + n, (size_t)st.st_size - n);
        if (got < 0)
            rc = err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    if (rc) {
        free(text);
        return rc;
    }
    text[n] = 0;
    *ret = text;
    *ret_n = n;
    return 0;
}

int chain_config_read(const char *path, struct chain_config *c, struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct reader r = { .path = path, .c = c, .err = err };
    char *text;
    size_t n;
    int rc;

    *c = (struct chain_config){ 0 };
    rc = file_read(path, &text, &n, err);
    if (rc)
        return rc;
    r.dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    rc = r.dir ? read_text(&r, text, n) : err_set(err, ERR_NOMEM, "out of memory");
    free(r.dir);
    free(text);
    if (rc)
        chain_config_release(c);
    return rc;
}

/* ---- finding the files ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a, b, c": the stages in a folder, for a message. */
static void list_stages(const char *dir, struct buf *out)
{
    char *names[256];
    struct dirent *e;
    size_t n = 0;
    DIR *d = opendir(dir);

    while (d && n < 256 && (e = readdir(d))) {
        size_t len = strlen(e->d_name);
        if (len > 3 && !strcmp(e->d_name + len - 3, ".so") && (names[n] = strndup(e->d_name, len - 3)))
            n++;
    }
    if (d)
        closedir(d);
    qsort(names, n, sizeof names[0], by_name);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%s", i ? ", " : "", names[i]);
        free(names[i]);
    }
}

static int find_bundled(struct chain_item *item, const char *dir, struct err *err)
{
    struct buf have = BUF_INIT(8192);
    char name[300], *path;

    snprintf(name, sizeof name, "%.250s.so", exec_id(item->ref) ? "exec" : item->ref);
    path = path_join(dir, name);
    item->path = path ? realpath(path, NULL) : NULL;
    free(path);
    if (item->path)
        return 0;
    list_stages(dir, &have);
    err_set(err, ERR_USAGE,
            "stage `%s`: there is no %s in %s (there: %s): name one of these or give a path (./%s)",
            item->ref, name, dir, have.len ? buf_cstr(&have) : "none", name);
    buf_release(&have);
    return ERR_USAGE;
}

int chain_config_find(struct chain_config *c, const char *stage_dir, struct err *err)
{
    char *dir = NULL;
    int rc = 0;

    for (size_t i = 0; i < c->n_items && !rc; i++) {
        struct chain_item *item = &c->items[i];
        free(item->path);
        item->path = NULL;
        if (!chain_ref_is_path(item->ref)) {
            if (!dir)
                rc = place_stage_dir(stage_dir, &dir, err);
            rc = rc ? rc : find_bundled(item, dir, err);
            continue;
        }
        item->path = realpath(item->ref, NULL);
        if (!item->path)
            rc = err_set(err, ERR_USAGE, "stage %s: %s: correct the path", item->ref, strerror(errno));
    }
    free(dir);
    return rc;
}

/* Every `from` in text becomes `to`, as far as there is room. */
static void text_replace(char *text, size_t size, const char *from, const char *to)
{
    size_t from_n = strlen(from), to_n = strlen(to), len = strlen(text);
    char *at = text;

    while (from_n && (at = strstr(at, from)) != NULL) {
        size_t tail = len - (size_t)(at - text) - from_n;
        if (len - from_n + to_n >= size)
            return;
        memmove(at + to_n, at + from_n, tail + 1);
        memcpy(at, to, to_n);
        len += to_n - from_n;
        at += to_n;
    }
}

void chain_config_names(const struct chain_config *c, char *text, size_t size)
{
    for (size_t i = 0; i < c->n_items; i++)
        if (c->items[i].path)
            text_replace(text, size, c->items[i].path, c->items[i].ref);
}
