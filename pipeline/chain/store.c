/* store: see store.h.
 *
 * A copy is written under a name that begins with a dot, synced, then renamed: a name with a hash is always a
 * whole file.  Who could have written a file is judged in owner.c; what is blocked is kept in block.c. */
#include "chain/store_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <trommel/stage.h>
#include <unistd.h>
#include <xxhash.h>

#include "chain/chain.h"

enum { HASH_DIGITS = STAGE_HASH_BYTES - 1, NAME_MAX_BYTES = 100, CHUNK = 64 * 1024 };
#define UNDONE  ".taking-"

/* ---- the folder ---- */

char *store_path(const struct stage_store *s, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", s->dir, name) < 0 ? NULL : path;
}

int store_failed(const char *path, const char *what, struct err *err)
{
    return err_set(err, ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* A rename or removal in the folder is on disk. */
int store_sync_dir(const struct stage_store *s)
{
    int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = fd < 0 || fsync(fd) ? ERR_IO : 0;

    if (fd >= 0)
        close(fd);
    return rc;
}

int store_is_hash(const char *p, size_t n)
{
    return n == HASH_DIGITS && strspn(p, "0123456789abcdef") >= HASH_DIGITS;
}

int store_write(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return ERR_IO;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

/* "price-<hash>.so"?  Then where the "-" is. */
static const char *copy_dash(const char *name)
{
    size_t n = strlen(name), tail = 1 + HASH_DIGITS + 3;
    const char *dash = n > tail ? name + n - tail : NULL;

    if (!dash || *dash != '-' || strcmp(name + n - 3, ".so") != 0)
        return NULL;
    return strspn(dash + 1, "0123456789abcdef") == HASH_DIGITS ? dash : NULL;
}

static int is_kept(const char *name, const char *const *keep, size_t n_keep)
{
    for (size_t i = 0; i < n_keep; i++) {
        const char *slash = strrchr(keep[i], '/');
        if (!strcmp(slash ? slash + 1 : keep[i], name))
            return 1;
    }
    return 0;
}

/* Removes what was not finished; and, if `copies`, all copies but those of `keep`. */
static void clean(struct stage_store *s, int copies, const char *const *keep, size_t n_keep)
{
    DIR *d = opendir(s->dir);
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (!strncmp(e->d_name, UNDONE, strlen(UNDONE)) ||
            (copies && copy_dash(e->d_name) && !is_kept(e->d_name, keep, n_keep)))
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

void stage_store_sweep(struct stage_store *s, const char *const *keep, size_t n_keep)
{
    clean(s, 1, keep, n_keep);
}

/* ---- opening ---- */

int stage_store_open(const char *dir, struct stage_store **ret, struct err *err)
{
    struct stage_store *s = calloc(1, sizeof *s);
    int rc = 0;

    *ret = NULL;
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (mkdir(dir, 0700) && errno != EEXIST)
        rc = store_failed(dir, "cannot be made", err);
    else if (!(s->dir = realpath(dir, NULL)))
        rc = store_failed(dir, "cannot be opened", err);
    rc = rc ? rc : blocks_read(s, err);
    if (rc) {
        stage_store_close(s);
        return rc;
    }
    clean(s, 0, NULL, 0);
    *ret = s;
    return 0;
}

void stage_store_close(struct stage_store *s)
{
    if (!s)
        return;
    json_decref(s->blocks);
    free(s->dir);
    free(s);
}

/* ---- copies ---- */

void stage_copy_release(struct stage_copy *c)
{
    if (!c)
        return;
    free(c->path);
    *c = (struct stage_copy){ 0 };
}

struct taking {
    struct stage_store *s;
    const char *path; /* as given */
    int from, to;     /* descriptors; -1 */
    char *undone;     /* of `to` */
    struct stage_copy copy;
    struct err *err;
};

/* All that is in `from`, hashed, and written to `to` unless that is -1. */
static int pour(int from, int to, char hash[STAGE_HASH_BYTES], uint64_t *ret_bytes)
{
    static char chunk[CHUNK];
    XXH3_state_t *h = XXH3_createState();
    XXH128_canonical_t canon;
    uint64_t bytes = 0;
    ssize_t n = 0;
    int rc = h ? 0 : ERR_NOMEM;

    if (h)
        XXH3_128bits_reset(h);
    while (!rc && (n = pread(from, chunk, sizeof chunk, (off_t)bytes)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        rc = n < 0 ? ERR_IO : bytes + (uint64_t)n > STAGE_FILE_MAX ? ERR_LIMIT : 0;
        if (rc)
            break;
        XXH3_128bits_update(h, chunk, (size_t)n);
        rc = to < 0 ? 0 : store_write(to, chunk, (size_t)n);
        bytes += (uint64_t)n;
    }
    if (!rc) {
        XXH128_canonicalFromHash(&canon, XXH3_128bits_digest(h));
        for (int i = 0; i < HASH_DIGITS / 2; i++)
            snprintf(hash + 2 * i, 3, "%02x", canon.digest[i]);
        *ret_bytes = bytes;
    }
    XXH3_freeState(h);
    return rc;
}

/* The bytes into a file without a name yet.  A file that is being written by a linker would be half a
 * stage. */
static int take_bytes(struct taking *t)
{
    struct stat before, after;
    int rc;

    t->undone = store_path(t->s, UNDONE "XXXXXX");
    t->to = t->undone ? mkostemp(t->undone, O_CLOEXEC) : -1;
    if (t->to < 0)
        return store_failed(t->s->dir, "a stage's file cannot be copied there", t->err);
    if (fstat(t->from, &before))
        return store_failed(t->path, "cannot be read", t->err);
    rc = pour(t->from, t->to, t->copy.hash, &t->copy.bytes);
    if (rc == ERR_LIMIT)
        return err_set(t->err, ERR_LIMIT, "%s: larger than %d bytes, too large for a stage: strip it", t->path,
                       STAGE_FILE_MAX);
    if (rc || fchmod(t->to, 0500) || fsync(t->to))
        return store_failed(t->path, "cannot be copied", t->err);
    if (fstat(t->from, &after) || after.st_size != before.st_size ||
        memcmp(&after.st_mtim, &before.st_mtim, sizeof after.st_mtim) != 0)
        return err_set(t->err, ERR_AGAIN, "%s: was written while it was read: ask again when it is whole",
                       t->path);
    return 0;
}

/* "price" of ./price.so, and of a copy price-<hash>.so. */
static void stem_of(const char *path, char out[NAME_MAX_BYTES + 1])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dash = copy_dash(name);
    size_t n = dash ? (size_t)(dash - name) : strlen(name);

    if (!dash && n > 3 && !strcmp(name + n - 3, ".so"))
        n -= 3;
    n = n > NAME_MAX_BYTES ? NAME_MAX_BYTES : n;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        int fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '-' || (c == '.' && i);
        out[i] = fine ? c : '_';
    }
    out[n] = 0;
}

/* A copy of that name that is what its name says, and could not be written since. */
static int is_there(const struct stage_copy *c)
{
    int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), same = 0;
    char hash[STAGE_HASH_BYTES];
    struct stat st;
    uint64_t bytes;

    if (fd < 0)
        return 0;
    same = !fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0500 && st.st_uid == geteuid() &&
           !pour(fd, -1, hash, &bytes) && bytes == c->bytes && !strcmp(hash, c->hash);
    close(fd);
    return same;
}

static int take_name(struct taking *t)
{
    char stem[NAME_MAX_BYTES + 1];

    stem_of(t->path, stem);
    if (asprintf(&t->copy.path, "%s/%s-%s.so", t->s->dir, stem, t->copy.hash) < 0) {
        t->copy.path = NULL;
        return err_set(t->err, ERR_NOMEM, "out of memory");
    }
    if (is_there(&t->copy))
        return 0;
    if (rename(t->undone, t->copy.path) || store_sync_dir(t->s))
        return store_failed(t->copy.path, "cannot be written", t->err);
    return 0;
}

/* Can code be loaded from the folder, and could nobody else exchange what lies there? */
static int judge_dir(const struct taking *t, unsigned flags)
{
    struct statvfs fs;

    if (!statvfs(t->s->dir, &fs) && (fs.f_flag & ST_NOEXEC))
        return err_set(t->err, ERR_REFUSED,
                       "%s lies on a file system that is mounted noexec, from which no stage can be loaded: "
                       "put the job's folder elsewhere",
                       t->s->dir);
    return flags & STAGE_STORE_ANYONE ? 0 : stage_file_judge(t->s->dir, t->err);
}

int stage_store_take(struct stage_store *s, const char *path, unsigned flags, struct stage_copy *ret,
                     struct err *err)
{
    struct taking t = { .s = s, .path = path, .from = -1, .to = -1, .err = err };
    int rc = judge_dir(&t, flags);

    *ret = (struct stage_copy){ 0 };
    if (!rc)
        t.from = rc = stage_file_open(path, (flags & STAGE_STORE_ANYONE) != 0, err);
    rc = rc < 0 ? rc : note_judge_fd(t.from, path, TROMMEL_NOTE_STAGE, NULL, err);
    rc = rc ? rc : take_bytes(&t);
    rc = rc || (flags & STAGE_STORE_BLOCKED) ? rc : blocks_judge(s, path, t.copy.hash, err);
    rc = rc ? rc : take_name(&t);
    if (t.from >= 0)
        close(t.from);
    if (t.to >= 0) {
        close(t.to);
        unlink(t.undone); /* not there if it got its name */
    }
    free(t.undone);
    if (rc)
        stage_copy_release(&t.copy);
    else
        *ret = t.copy;
    return rc;
}
