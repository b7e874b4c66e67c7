/* swap_state: chain.json, what a job knows of its chains when it goes on; see swap_own.h.
 *
 *     {"v": 1, "last_generation": 7, "base": HASH, "args": [SET …],
 *      "live": CHAIN, "earlier": [CHAIN …], "history": [ROW …]}
 *     CHAIN  {"generation", "hash", "network", "items": [{"ref", "file", "sha"}], "sets": [SET …]}
 *     SET    {"stage", "option", "value", "dir", "item", "soft"}
 *
 * `file` is a name within stages/, so that the folder can be moved.  A text that is not UTF-8 (a path may be
 * such) is {"hex": …}.  Written beside, synced, renamed.  People may have edited it: all of it is checked. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "chain/store_inner.h"
#include "chain/swap_own.h"

#define STATE_BYTES_MAX (16u * MIB)
enum { TEXT_MAX = 65536 };

/* ---- texts ---- */

static json_t *text_json(const char *s)
{
    json_t *t = s ? json_string(s) : json_null();
    char *hex;

    if (t || strlen(s) > TEXT_MAX)
        return t;
    hex = calloc(strlen(s) + 1, 2);
    if (!hex)
        return NULL;
    for (size_t i = 0; s[i]; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)s[i]);
    t = json_pack("{s:s}", "hex", hex);
    free(hex);
    return t;
}

static char *hex_read(const char *hex)
{
    size_t n = strlen(hex) / 2;
    char *s = n ? calloc(n + 1, 1) : NULL;
    unsigned byte;

    for (size_t i = 0; s && i < n; i++) {
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1 || !byte) {
            free(s);
            return NULL;
        }
        s[i] = (char)byte;
    }
    return s;
}

/* malloc'd; NULL: it is none. */
static char *text_read(const json_t *t)
{
    const char *hex = json_string_value(json_object_get(t, "hex"));

    if (json_is_string(t))
        return strdup(json_string_value(t));
    return hex ? hex_read(hex) : NULL;
}

/* ---- writing ---- */

static json_t *sets_json(const struct chain_config *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->n_sets; i++) {
        const struct chain_set *s = &c->sets[i];
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:o, s:o, s:I, s:b}", "stage", text_json(s->stage),
                                        "option", text_json(s->option), "value", text_json(s->value), "dir",
                                        text_json(s->dir), "item", (json_int_t)s->item, "soft", s->soft));
    }
    return list;
}

static json_t *chain_json(const struct swap_chain *c)
{
    json_t *items = json_array();

    if (!c)
        return json_null();
    for (size_t i = 0; i < c->config.n_items; i++) {
        const struct chain_item *item = &c->config.items[i];
        const char *slash = item->path ? strrchr(item->path, '/') : NULL;
        int is_copy = c->sha[i][0] && slash;
        json_array_append_new(items,
                              json_pack("{s:o, s:o, s:s}", "ref", text_json(item->ref), "file",
                                        text_json(is_copy ? slash + 1 : item->path), "sha", c->sha[i]));
    }
    return json_pack("{s:I, s:s, s:b, s:b, s:o, s:o}", "generation", (json_int_t)c->generation, "hash", c->hash,
                     "network", (c->flags & POOL_GEN_NETWORK) != 0, "none", c->config.is_none, "items", items,
                     "sets", sets_json(&c->config));
}

static json_t *kept_json(const struct swap_kept *k)
{
    json_t *earlier = json_array();

    for (unsigned i = 0; i < k->n_earlier; i++)
        json_array_append_new(earlier, chain_json(k->earlier[i]));
    return json_pack("{s:i, s:I, s:s, s:o, s:o, s:o, s:O}", "v", 1, "last_generation",
                     (json_int_t)k->last_generation, "base", k->base, "args", sets_json(&k->args), "live",
                     chain_json(k->live), "earlier", earlier, "history", k->history);
}

static int folder_sync(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = fd < 0 || fsync(fd) ? ERR_IO : 0;

    if (fd >= 0)
        close(fd);
    free(dir);
    return rc;
}

/* Made in memory first: json_dumpfd makes a system call of every word. */
static int json_write(const json_t *root, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), rc;
    char *text = json_dumps(root, JSON_INDENT(1));

    rc = fd < 0 || !text || store_write(fd, text, strlen(text)) || store_write(fd, "\n", 1) || fsync(fd);
    free(text);
    if (fd >= 0)
        rc = close(fd) || rc;
    return rc ? ERR_IO : 0;
}

int swap_kept_write(const struct swap_kept *k, struct err *err)
{
    char *beside = NULL;
    json_t *root;
    int rc = 0;

    if (!k->path)
        return 0;
    root = kept_json(k);
    if (!root || asprintf(&beside, "%s.new", k->path) < 0)
        rc = err_set(err, ERR_NOMEM, "%s: cannot be made: out of memory, or a text in it is too long",
                     k->path);
    else if (json_write(root, beside) || rename(beside, k->path) || folder_sync(k->path))
        rc = err_set(err, ERR_IO, "%s: cannot be written: %s", k->path, strerror(errno));
    json_decref(root);
    free(beside);
    return rc;
}

/* ---- reading ---- */

static int set_read(const json_t *j, size_t n_items, struct chain_set *ret)
{
    json_int_t item = json_integer_value(json_object_get(j, "item"));

    *ret = (struct chain_set){ .stage = text_read(json_object_get(j, "stage")),
                               .option = text_read(json_object_get(j, "option")),
                               .value = text_read(json_object_get(j, "value")),
                               .dir = text_read(json_object_get(j, "dir")),
                               .item = item < 0 ? SIZE_MAX : (size_t)item,
                               .soft = json_is_true(json_object_get(j, "soft")) };
    return ret->stage && ret->option && ret->value && ret->item <= n_items ? 0 : ERR_CORRUPT;
}

static int sets_read(const json_t *list, struct chain_config *c)
{
    size_t n = json_array_size(list);
    int rc = 0;

    if (!json_is_array(list) || n > LIMIT_SETS)
        return ERR_CORRUPT;
    c->sets = calloc(n + 1, sizeof *c->sets);
    if (!c->sets)
        return ERR_NOMEM;
    for (; !rc && c->n_sets < n; c->n_sets++)
        rc = set_read(json_array_get(list, c->n_sets), c->n_items, &c->sets[c->n_sets]);
    return rc;
}

static int is_sha(const char *s)
{
    return s && (!*s || (strlen(s) == STAGE_HASH_BYTES - 1 && strspn(s, "0123456789abcdef") == strlen(s)));
}

/* A copy's name, within the folder; or the path of a file that was never copied. */
static char *item_path(const char *stages, const json_t *file, const char *sha)
{
    char *name = text_read(file), *path = NULL;

    if (name && !*sha)
        return name;
    if (name && !strchr(name, '/') && asprintf(&path, "%s/%s", stages, name) < 0)
        path = NULL;
    free(name);
    return path;
}

static int items_read(const json_t *list, const char *stages, struct chain_config *c,
                      char (**ret_sha)[STAGE_HASH_BYTES])
{
    size_t n = json_array_size(list);

    if (!json_is_array(list) || n > LIMIT_STAGES)
        return ERR_CORRUPT;
    c->items = calloc(n + 1, sizeof *c->items);
    *ret_sha = calloc(n + 1, sizeof **ret_sha);
    if (!c->items || !*ret_sha)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(list, i);
        const char *sha = json_string_value(json_object_get(j, "sha"));
        struct chain_item *item = &c->items[c->n_items++];
        if (!is_sha(sha))
            return ERR_CORRUPT;
        strcpy((*ret_sha)[i], sha);
        item->ref = text_read(json_object_get(j, "ref"));
        item->path = item_path(stages, json_object_get(j, "file"), sha);
        if (!item->ref || !item->path)
            return ERR_CORRUPT;
    }
    return 0;
}

static int chain_read(const json_t *j, const char *stages, struct swap_chain **ret)
{
    const char *hash = json_string_value(json_object_get(j, "hash"));
    json_int_t generation = json_integer_value(json_object_get(j, "generation"));
    struct chain_config config = { .is_none = json_is_true(json_object_get(j, "none")) };
    char(*sha)[STAGE_HASH_BYTES] = NULL;
    int rc = is_sha(hash) && generation >= 0 && generation < UINT32_MAX ? 0 : ERR_CORRUPT;

    rc = rc ? rc : items_read(json_object_get(j, "items"), stages, &config, &sha);
    rc = rc ? rc : sets_read(json_object_get(j, "sets"), &config);
    if (!rc) {
        *ret = swap_chain_new(&config, json_is_true(json_object_get(j, "network")) ? POOL_GEN_NETWORK : 0);
        rc = *ret ? 0 : ERR_NOMEM;
    }
    if (!rc) {
        memcpy((*ret)->sha, sha, (*ret)->config.n_items * sizeof *sha);
        (*ret)->generation = (uint32_t)generation;
        memcpy((*ret)->hash, hash, strlen(hash) + 1);
    }
    chain_config_release(&config);
    free(sha);
    return rc;
}

static int history_read(const json_t *list, struct swap_kept *k)
{
    json_t *row;
    size_t i;

    if (!json_is_array(list))
        return ERR_CORRUPT;
    json_array_foreach(list, i, row)
    {
        if (!json_is_object(row))
            return ERR_CORRUPT;
        if (json_array_size(list) - i <= SWAP_HISTORY_MAX)
            json_array_append(k->history, row);
    }
    return 0;
}

static int kept_read(const json_t *root, struct swap_kept *k)
{
    json_int_t last = json_integer_value(json_object_get(root, "last_generation"));
    const char *base = json_string_value(json_object_get(root, "base"));
    const json_t *earlier = json_object_get(root, "earlier");
    char *stages = NULL;
    int rc = last > 0 && last < UINT32_MAX ? 0 : ERR_CORRUPT;

    if (!rc)
        k->last_generation = (uint32_t)last;
    if (json_integer_value(json_object_get(root, "v")) != 1 || !is_sha(base) || !json_is_array(earlier) ||
        json_array_size(earlier) > SWAP_EARLIER_MAX)
        rc = ERR_CORRUPT;
    if (asprintf(&stages, "%.*s/stages", (int)(strrchr(k->path, '/') - k->path), k->path) < 0)
        abort();
    rc = rc ? rc : history_read(json_object_get(root, "history"), k);
    rc = rc ? rc : sets_read(json_object_get(root, "args"), &k->args);
    rc = rc ? rc : chain_read(json_object_get(root, "live"), stages, &k->live);
    for (size_t i = 0; !rc && i < json_array_size(earlier); i++) {
        rc = chain_read(json_array_get(earlier, i), stages, &k->earlier[k->n_earlier]);
        k->n_earlier += !rc;
    }
    if (!rc)
        memcpy(k->base, base, strlen(base) + 1);
    free(stages);
    return rc;
}

/* Of a file that is none any more: the highest number that stands in it. */
static uint32_t number_find(const char *text)
{
    unsigned long long most = 0, n;

    while ((text = strstr(text, "generation\"")) != NULL) {
        text += strlen("generation\"");
        if (sscanf(text, " : %llu", &n) == 1 && n < UINT32_MAX && n > most)
            most = n;
    }
    return (uint32_t)most;
}

static char *file_text(int fd, size_t n)
{
    char *text = calloc(n + 1, 1);
    size_t at = 0;
    ssize_t got;

    while (text && at < n && (got = read(fd, text + at, n - at)) > 0)
        at += (size_t)got;
    return text;
}

static int damaged(struct swap_kept *k, const char *text, int line, struct err *err)
{
    if (!k->last_generation && text)
        k->last_generation = number_find(text);
    swap_chain_unref(&k->live);
    while (k->n_earlier)
        swap_kept_pop(k);
    chain_config_release(&k->args);
    return err_set(err, ERR_CORRUPT, "%s:%d: is damaged", k->path, line > 0 ? line : 1);
}

int swap_kept_read(const char *path, struct swap_kept *ret, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
    json_error_t why = { .line = 0 };
    json_t *root = NULL;
    char *text = NULL;
    struct stat st;

    *ret = (struct swap_kept){ .path = strdup(path), .history = json_array() };
    if (!ret->path || !ret->history)
        abort();
    if (fd < 0)
        return errno == ENOENT ? err_set(err, ERR_ABSENT, "%s: there is none", path)
                               : err_set(err, ERR_CORRUPT, "%s: cannot be read: %s", path, strerror(errno));
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= STATE_BYTES_MAX)
        text = file_text(fd, (size_t)st.st_size);
    close(fd);
    root = text ? json_loads(text, JSON_REJECT_DUPLICATES, &why) : NULL;
    if (!root || kept_read(root, ret))
        rc = damaged(ret, text, why.line, err);
    json_decref(root);
    free(text);
    return rc;
}

/* ---- life ---- */

void swap_kept_release(struct swap_kept *k)
{
    while (k->n_earlier)
        swap_kept_pop(k);
    swap_chain_unref(&k->live);
    chain_config_release(&k->args);
    json_decref(k->history);
    free(k->path);
    *k = (struct swap_kept){ 0 };
}

void swap_kept_push(struct swap_kept *k, struct swap_chain *c)
{
    if (k->n_earlier == SWAP_EARLIER_MAX) {
        swap_chain_unref(&k->earlier[0]);
        memmove(&k->earlier[0], &k->earlier[1], (SWAP_EARLIER_MAX - 1) * sizeof k->earlier[0]);
        k->n_earlier--;
    }
    k->earlier[k->n_earlier++] = swap_chain_ref(c);
}

void swap_kept_pop(struct swap_kept *k)
{
    if (k->n_earlier)
        swap_chain_unref(&k->earlier[--k->n_earlier]);
}
