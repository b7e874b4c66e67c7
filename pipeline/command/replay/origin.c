/* origin: see origin.h.  A table of hashes with open addressing, which doubles; a payload is
 * read again from its file when it is asked for. */
#include "command/replay/origin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

struct entry {
    uint64_t key; /* 0: free */
    uint64_t offset;
    uint32_t file;
    uint32_t inner; /* places beyond 4 GiB of one member are not kept */
};

struct replay_origin {
    struct entry *entries;
    size_t n, cap;
    const char **files;
    uint32_t n_files;
    struct warc *warc; /* of what was found last; its bytes are borrowed */
};

struct replay_origin *replay_origin_new(void)
{
    struct replay_origin *o = calloc(1, sizeof *o);

    if (!o)
        abort();
    return o;
}

void replay_origin_free(struct replay_origin *o)
{
    if (!o)
        return;
    warc_close(o->warc);
    free(o->entries);
    free(o->files);
    free(o);
}

static uint64_t key_of(trommel_str s, uint64_t seed)
{
    return s.n ? XXH3_64bits_withSeed(s.p, s.n, seed) | 1 : 0;
}

static struct entry *slot(struct entry *entries, size_t cap, uint64_t key)
{
    size_t i = key % cap;

    while (entries[i].key && entries[i].key != key)
        i = (i + 1) % cap;
    return &entries[i];
}

static void grow(struct replay_origin *o)
{
    size_t cap = o->cap ? 2 * o->cap : 4096;
    struct entry *more = calloc(cap, sizeof *more);

    if (!more)
        abort();
    for (size_t i = 0; i < o->cap; i++)
        if (o->entries[i].key)
            *slot(more, cap, o->entries[i].key) = o->entries[i];
    free(o->entries);
    o->entries = more;
    o->cap = cap;
}

static void entry_add(struct replay_origin *o, uint64_t key, const struct warc_place *place)
{
    struct entry *e;

    if (!key || o->n >= ORIGIN_MOST || place->inner > UINT32_MAX)
        return;
    if (o->n * 3 >= o->cap * 2)
        grow(o);
    e = slot(o->entries, o->cap, key);
    if (e->key) /* the first one stays */
        return;
    *e = (struct entry){ key, place->offset, o->n_files - 1, (uint32_t)place->inner };
    o->n++;
}

void replay_origin_add(struct replay_origin *o, const char *path, const struct warc_record *r)
{
    if (!o->n_files || o->files[o->n_files - 1] != path) {
        o->files = realloc(o->files, (o->n_files + 1) * sizeof *o->files);
        if (!o->files)
            abort();
        o->files[o->n_files++] = path;
    }
    entry_add(o, key_of(r->head.digest, 1), &r->place);
    entry_add(o, key_of(r->head.id, 2), &r->place);
}

static int payload_read(struct replay_origin *o, const struct entry *e, trommel_str *ret)
{
    struct warc_place place = { e->offset, e->inner };
    struct http_message m = { 0 };
    struct warc_record r;
    struct err err = { 0 };
    int fd = open(o->files[e->file], O_RDONLY | O_CLOEXEC);

    warc_close(o->warc);
    o->warc = NULL;
    if (fd < 0)
        return ERR_ABSENT;
    int rc = warc_open(fd, &(struct warc_options){ 0 }, &o->warc);
    rc = rc ? rc : warc_seek(o->warc, &place);
    rc = rc ? rc : warc_next(o->warc, &r, &err) == 1 && r.is_whole ? 0 : ERR_ABSENT;
    close(fd); /* what was found is held */
    if (rc == 0 && r.head.type == WARC_RESPONSE)
        rc = http_read(r.block, r.block_n, 1, &m);
    else if (rc == 0)
        m.body = (trommel_str){ (const char *)r.block, r.block_n };
    *ret = m.body;
    return rc;
}

int replay_origin_find(struct replay_origin *o, const struct warc_head *revisit, trommel_str *ret_body)
{
    const uint64_t keys[] = { key_of(revisit->digest, 1), key_of(revisit->refers, 2) };

    for (int i = 0; i < 2 && o->cap; i++) {
        const struct entry *e = keys[i] ? slot(o->entries, o->cap, keys[i]) : NULL;
        if (e && e->key && payload_read(o, e, ret_body) == 0)
            return 0;
    }
    return ERR_ABSENT;
}
