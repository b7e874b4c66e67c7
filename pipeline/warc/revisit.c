/* revisit: see revisit.h.
 *
 *     "TRMWARC1", then entries: u32 CRC-32 of what follows, u16 bytes of the URL, key 20, digest 20, uuid 16,
 *     date i64, the URL (numbers little-endian)
 *
 * Memory holds an open-addressed table of the key's first eight bytes and the entry's place. */
#include "warc/revisit.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
    MAGIC_BYTES = 8,
    ENTRY_HEAD = 4 + 2 + 2 * DIGEST_BYTES + WARC_UUID_BYTES + 8,
    ENTRY_MOST = ENTRY_HEAD + LIMIT_URL_BYTES,
    SLOTS_FIRST = 1024,
    WAITING_BYTES = 16 * 1024 * 1024, /* of a journal that cannot be written for long */
};
static const char magic[MAGIC_BYTES + 1] = "TRMWARC1";

struct slot {
    uint64_t key, at; /* at 0: free */
};
struct revisit {
    pthread_mutex_t lock; /* of all but the file */
    int fd;
    struct slot *slots;
    uint32_t n, cap; /* cap: a power of two */
    uint64_t end;    /* of the file, as far as it is written */
    struct buf waiting;
};

struct entry {
    uint8_t key[DIGEST_BYTES];
    struct warc_refers refers;
};

/* ---- the table ---- */

static uint64_t key_word(const uint8_t key[DIGEST_BYTES])
{
    uint64_t w;

    memcpy(&w, key, sizeof w);
    return w;
}

static void slot_put(struct slot *slots, uint32_t cap, uint64_t key, uint64_t at)
{
    uint32_t i = (uint32_t)key & (cap - 1);

    while (slots[i].at)
        i = (i + 1) & (cap - 1);
    slots[i] = (struct slot){ key, at };
}

static uint64_t slot_find(const struct revisit *r, uint64_t key)
{
    uint32_t i = (uint32_t)key & (r->cap - 1);

    while (r->slots[i].at && r->slots[i].key != key)
        i = (i + 1) & (r->cap - 1);
    return r->slots[i].at;
}

static void table_grow(struct revisit *r)
{
    uint32_t cap = r->cap ? r->cap * 2 : SLOTS_FIRST;
    struct slot *slots = calloc(cap, sizeof *slots);

    if (!slots)
        abort();
    for (uint32_t i = 0; i < r->cap; i++)
        if (r->slots[i].at)
            slot_put(slots, cap, r->slots[i].key, r->slots[i].at);
    free(r->slots);
    r->slots = slots;
    r->cap = cap;
}

/* 0: it is known, or there are enough. */
static int table_add(struct revisit *r, const uint8_t key[DIGEST_BYTES], uint64_t at)
{
    if (r->n >= REVISIT_MOST || slot_find(r, key_word(key)))
        return 0;
    if (r->n >= r->cap / 2)
        table_grow(r);
    slot_put(r->slots, r->cap, key_word(key), at);
    r->n++;
    return 1;
}

/* ---- entries ---- */

static size_t entry_write(unsigned char *p, const uint8_t key[DIGEST_BYTES], const struct warc_refers *e)
{
    uint16_t url_n = htole16((uint16_t)e->url.n);
    int64_t date = (int64_t)htole64((uint64_t)e->date_ms);
    size_t n = ENTRY_HEAD + e->url.n;

    memcpy(p + 4, &url_n, 2);
    memcpy(p + 6, key, DIGEST_BYTES);
    memcpy(p + 26, e->digest, DIGEST_BYTES);
    memcpy(p + 46, e->uuid, WARC_UUID_BYTES);
    memcpy(p + 62, &date, 8);
    memcpy(p + ENTRY_HEAD, e->url.p, e->url.n);
    uint32_t crc = htole32((uint32_t)crc32_z(0, p + 4, n - 4));
    memcpy(p, &crc, 4);
    return n;
}

/* The entry at p; its bytes, or 0: there is no whole one.  The URL is borrowed from there. */
static size_t entry_read(const unsigned char *p, size_t n, struct entry *ret)
{
    uint16_t url_n;
    uint32_t crc;
    int64_t date;

    if (n < ENTRY_HEAD)
        return 0;
    memcpy(&crc, p, 4);
    memcpy(&url_n, p + 4, 2);
    url_n = le16toh(url_n);
    if (url_n > LIMIT_URL_BYTES || n - ENTRY_HEAD < url_n)
        return 0;
    if (le32toh(crc) != (uint32_t)crc32_z(0, p + 4, ENTRY_HEAD - 4 + url_n))
        return 0;
    memcpy(ret->key, p + 6, DIGEST_BYTES);
    memcpy(ret->refers.digest, p + 26, DIGEST_BYTES);
    memcpy(ret->refers.uuid, p + 46, WARC_UUID_BYTES);
    memcpy(&date, p + 62, 8);
    ret->refers.date_ms = (int64_t)le64toh((uint64_t)date);
    ret->refers.url = (trommel_str){ (const char *)p + ENTRY_HEAD, url_n };
    return ENTRY_HEAD + url_n;
}

/* The bytes at a place of the journal: written already, or waiting. */
static size_t journal_read(struct revisit *r, uint64_t at, unsigned char *out)
{
    if (at >= r->end) {
        size_t skip = (size_t)(at - r->end), n = r->waiting.len - skip;
        n = n < ENTRY_MOST ? n : ENTRY_MOST;
        memcpy(out, r->waiting.data + skip, n);
        return n;
    }
    ssize_t n = pread(r->fd, out, ENTRY_MOST, (off_t)at);
    return n > 0 ? (size_t)n : 0;
}

int revisit_find(struct revisit *r, const uint8_t key[DIGEST_BYTES], struct revisit_found *ret)
{
    unsigned char bytes[ENTRY_MOST];
    struct entry e;

    pthread_mutex_lock(&r->lock);
    uint64_t at = slot_find(r, key_word(key));
    size_t n = at ? journal_read(r, at, bytes) : 0;
    pthread_mutex_unlock(&r->lock);
    if (!n || !entry_read(bytes, n, &e) || memcmp(e.key, key, DIGEST_BYTES))
        return 0;
    ret->refers = e.refers;
    memcpy(ret->url, e.refers.url.p, e.refers.url.n);
    ret->refers.url.p = ret->url;
    return 1;
}

void revisit_add(struct revisit *r, const uint8_t key[DIGEST_BYTES], const struct warc_refers *capture)
{
    if (capture->url.n > LIMIT_URL_BYTES)
        return;
    pthread_mutex_lock(&r->lock);
    unsigned char *p = buf_room(&r->waiting, ENTRY_HEAD + capture->url.n);
    if (p && table_add(r, key, r->end + r->waiting.len))
        r->waiting.len += entry_write(p, key, capture);
    r->waiting.err = 0; /* full: not remembered */
    pthread_mutex_unlock(&r->lock);
}

int revisit_sync(struct revisit *r)
{
    int rc = 0;

    pthread_mutex_lock(&r->lock);
    while (r->waiting.len) {
        ssize_t k = pwrite(r->fd, r->waiting.data, r->waiting.len, (off_t)r->end);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            rc = ERR_IO;
            break;
        }
        r->end += (uint64_t)k;
        buf_consume(&r->waiting, (size_t)k);
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

uint32_t revisit_count(const struct revisit *r)
{
    return r->n;
}

/* ---- opening ---- */

/* Takes in all whole entries; r->end is behind the last. */
static int journal_load(struct revisit *r)
{
    unsigned char *bytes = malloc(1u << 20);
    size_t len = 0, at = 0;
    ssize_t k = 1;

    if (!bytes)
        abort();
    r->end = MAGIC_BYTES;
    while (k > 0) {
        memmove(bytes, bytes + at, len - at);
        len -= at;
        at = 0;
        k = pread(r->fd, bytes + len, (1u << 20) - len, (off_t)(r->end + len));
        len += k > 0 ? (size_t)k : 0;
        struct entry e;
        for (size_t n; (n = entry_read(bytes + at, len - at, &e)); at += n) {
            table_add(r, e.key, r->end);
            r->end += n;
        }
    }
    free(bytes);
    return k < 0 ? ERR_IO : 0;
}

static int journal_open(struct revisit *r, const char *path, struct err *err)
{
    char head[MAGIC_BYTES];

    r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (r->fd < 0)
        return err_set(err, ERR_IO, "%s: cannot open (%s)", path, strerror(errno));
    ssize_t n = pread(r->fd, head, sizeof head, 0);
    if (n == MAGIC_BYTES && memcmp(head, magic, MAGIC_BYTES))
        return err_set(err, ERR_CORRUPT, "%s: is no journal of archived payloads; move it away", path);
    if (n < MAGIC_BYTES && (n < 0 || pwrite(r->fd, magic, MAGIC_BYTES, 0) != MAGIC_BYTES))
        return err_set(err, ERR_IO, "%s: cannot write (%s); free space there", path, strerror(errno));
    if (journal_load(r) < 0 || ftruncate(r->fd, (off_t)r->end) < 0)
        return err_set(err, ERR_IO, "%s: cannot read (%s)", path, strerror(errno));
    return 0;
}

int revisit_open(const char *path, struct revisit **ret, struct err *err)
{
    struct revisit *r = calloc(1, sizeof *r);

    if (!r)
        abort();
    pthread_mutex_init(&r->lock, NULL);
    buf_init(&r->waiting, WAITING_BYTES);
    table_grow(r);
    int rc = journal_open(r, path, err);
    if (rc < 0) {
        revisit_close(r);
        return rc;
    }
    *ret = r;
    return 0;
}

void revisit_close(struct revisit *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    pthread_mutex_destroy(&r->lock);
    buf_release(&r->waiting);
    free(r->slots);
    free(r);
}
