/* block: which files and chains are not to be tried again; see store.h.
 *
 * One JSON file that people can read, written beside and renamed, on disk (file and folder) before a call
 * returns. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "chain/store_inner.h"

enum { BLOCKED_FILE_MAX = 8 << 20 };
#define BLOCKED "blocked.json"

static const char *field(const json_t *block, const char *key)
{
    return json_string_value(json_object_get(block, key));
}

static int blocks_are_sound(const json_t *blocks)
{
    const json_t *block;
    size_t i;

    if (!json_is_array(blocks))
        return 0;
    json_array_foreach(blocks, i, block) {
        const char *hash = field(block, "hash");
        if (!hash || !store_is_hash(hash, strlen(hash)) || !field(block, "at") || !field(block, "why"))
            return 0;
    }
    return 1;
}

int blocks_read(struct stage_store *s, struct err *err)
{
    char *path = store_path(s, BLOCKED);
    json_error_t why = { .line = 0 };
    struct stat st;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1, rc = 0;

    if (fd < 0) {
        s->blocks = path && errno == ENOENT ? json_array() : NULL;
        rc = s->blocks ? 0 : store_failed(path ? path : s->dir, "cannot be read", err);
    } else {
        if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= BLOCKED_FILE_MAX)
            s->blocks = json_loadfd(fd, 0, &why);
        close(fd);
        if (!blocks_are_sound(s->blocks))
            rc = err_set(err, ERR_CORRUPT,
                         "%s:%d: not a list of blocked stages ([{\"hash\", \"at\", \"why\"}, …]): mend it, "
                         "or remove it to block none",
                         path, why.line > 0 ? why.line : 1);
    }
    free(path);
    return rc;
}

static int json_write(const json_t *json, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    char *text = json_dumps(json, JSON_INDENT(1));
    int rc = fd < 0 || !text || store_write(fd, text, strlen(text)) || store_write(fd, "\n", 1) || fsync(fd);

    if (fd >= 0)
        rc = close(fd) || rc;
    free(text);
    return rc ? ERR_IO : 0;
}

static int blocks_write(struct stage_store *s, struct err *err)
{
    char *path = store_path(s, BLOCKED), *beside = store_path(s, BLOCKED ".new");
    int rc = path && beside ? 0 : ERR_NOMEM;

    if (!rc && (json_write(s->blocks, beside) || rename(beside, path) || store_sync_dir(s)))
        rc = store_failed(path, "cannot be written: what is blocked now holds until this process ends", err);
    free(path);
    free(beside);
    return rc;
}

/* Its index; the length of the list if it is not there. */
static size_t block_find(const struct stage_store *s, const char *hash)
{
    size_t i = 0, n = json_array_size(s->blocks);

    while (i < n && strcmp(field(json_array_get(s->blocks, i), "hash"), hash) != 0)
        i++;
    return i;
}

int stage_store_block(struct stage_store *s, const char *hash, const char *why, struct err *err)
{
    char at[CLOCK_RFC3339_BYTES];
    size_t n = strnlen(why, STAGE_WHY_MAX);
    json_t *block;

    if (!store_is_hash(hash, strlen(hash)))
        return err_set(err, ERR_INVALID, "`%.80s` is no hash: it has %d hexadecimal digits", hash,
                       STAGE_HASH_BYTES - 1);
    clock_rfc3339(clock_wall_ms(), at);
    block = json_pack("{s:s, s:s, s:o}", "hash", hash, "at", at, "why",
                      json_stringn(why, utf8_valid(why, n)));
    json_array_remove(s->blocks, block_find(s, hash));
    if (!block || json_array_append_new(s->blocks, block))
        return err_set(err, ERR_NOMEM, "out of memory");
    if (json_array_size(s->blocks) > STAGE_BLOCKS_MAX)
        json_array_remove(s->blocks, 0);
    return blocks_write(s, err);
}

static int not_blocked(const struct stage_store *s, const char *hash, struct err *err)
{
    char list[600] = "none";
    size_t n = json_array_size(s->blocks), len = 0;

    for (size_t i = n; i-- > 0 && len + 2 * STAGE_HASH_BYTES < sizeof list;)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "",
                                field(json_array_get(s->blocks, i), "hash"));
    return err_set(err, ERR_ABSENT, "`%.80s` is not blocked; blocked: %s", hash, list);
}

int stage_store_unblock(struct stage_store *s, const char *hash, struct err *err)
{
    size_t i = block_find(s, hash);

    if (i == json_array_size(s->blocks))
        return not_blocked(s, hash, err);
    json_array_remove(s->blocks, i);
    return blocks_write(s, err);
}

const char *stage_store_blocked(const struct stage_store *s, const char *hash)
{
    return field(json_array_get(s->blocks, block_find(s, hash)), "why");
}

json_t *stage_store_blocks(const struct stage_store *s)
{
    return json_deep_copy(s->blocks);
}

int blocks_judge(const struct stage_store *s, const char *path, const char *hash, struct err *err)
{
    const json_t *block = json_array_get(s->blocks, block_find(s, hash));

    if (!block)
        return 0;
    return err_set(err, ERR_REFUSED,
                   "%s: this very file (hash %s) was blocked at %s: %s: mend the stage and build it again, "
                   "or unblock the hash",
                   path, hash, field(block, "at"), field(block, "why"));
}
