/* queue: rows of the queue on disk, and the part of it that is in memory.
 *
 * A row's key is site, depth, number; its number only grows, so a site's queue is breadth first and, within
 * a depth, first in first out.  A row stays until its URL has ended: what was in flight when the process
 * died is simply still there.  The window holds the first rows of a site; it is read on from `pos`, so the
 * tombstones of ended rows, which lie before it, are not walked again.  Rows behind `pos` may be busy
 * (shallower links have moved `pos` back before them): reading skips those. */
#include "frontier/inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

enum { ROW_FORMAT = 1, ROW_HEAD = 10 };

/* ---- entries ---- */

struct entry *entry_new(trommel_str url, trommel_str via)
{
    struct entry *e = must_alloc(sizeof *e + url.n + via.n + 2);

    e->attempt = 1;
    e->visit = 1;
    e->url_n = (uint16_t)url.n;
    e->via_n = (uint16_t)via.n;
    memcpy(e->text, url.p, url.n);
    if (via.n)
        memcpy(e->text + url.n + 1, via.p, via.n);
    return e;
}

size_t entry_bytes(const struct entry *e)
{
    return sizeof *e + e->url_n + e->via_n + 2;
}

trommel_str entry_url(const struct entry *e)
{
    return (trommel_str){ e->text, e->url_n };
}

trommel_str entry_via(const struct entry *e)
{
    return (trommel_str){ e->text + e->url_n + 1, e->via_n };
}

static int entry_before(const struct entry *e, uint32_t depth, uint64_t seq)
{
    return e->depth != depth ? e->depth < depth : e->seq < seq;
}

/* ---- rows ---- */

static void be_put(uint8_t *p, uint64_t v, unsigned n)
{
    while (n--) {
        p[n] = (uint8_t)v;
        v >>= 8;
    }
}

static uint64_t be_get(const void *from, unsigned n)
{
    const uint8_t *p = from;
    uint64_t v = 0;

    while (n--)
        v = v << 8 | *p++;
    return v;
}

static void key_make(uint8_t key[QUEUE_KEY], const uint8_t site[SITE_KEY], uint32_t depth, uint64_t seq)
{
    memcpy(key, site, SITE_KEY);
    be_put(key + SITE_KEY, depth, 4);
    be_put(key + SITE_KEY + 4, seq, 8);
}

void queue_key(uint8_t key[QUEUE_KEY], const struct site *s, const struct entry *e)
{
    key_make(key, s->key, e->depth, e->seq);
}

void row_put(struct frontier *f, const uint8_t site[SITE_KEY], const struct entry *e)
{
    uint8_t key[QUEUE_KEY], row[ROW_HEAD + 2 * (LIMIT_URL_BYTES + 1)];

    key_make(key, site, e->depth, e->seq);
    row[0] = ROW_FORMAT;
    row[1] = e->redirects;
    be_put(row + 2, e->attempt, 2);
    be_put(row + 4, e->visit, 4);
    be_put(row + 8, e->url_n, 2);
    memcpy(row + ROW_HEAD, e->text, e->url_n);
    memcpy(row + ROW_HEAD + e->url_n, e->text + e->url_n + 1, e->via_n);
    store_put(f->store, STORE_QUEUE, str_bytes(key, sizeof key),
              str_bytes(row, ROW_HEAD + e->url_n + e->via_n));
}

void row_delete(struct frontier *f, const struct site *s, const struct entry *e)
{
    uint8_t key[QUEUE_KEY];

    queue_key(key, s, e);
    store_delete(f->store, STORE_QUEUE, str_bytes(key, sizeof key));
    if (e->counted)
        store_delete(f->store, STORE_FLIGHT, str_bytes(key, sizeof key));
}

int row_read(trommel_str key, trommel_str value, struct entry **ret)
{
    if (key.n != QUEUE_KEY || value.n < ROW_HEAD || value.p[0] != ROW_FORMAT)
        return ERR_CORRUPT;
    size_t url_n = (size_t)be_get(value.p + 8, 2);
    if (url_n > LIMIT_URL_BYTES || url_n > value.n - ROW_HEAD || value.n - ROW_HEAD - url_n > LIMIT_URL_BYTES)
        return ERR_CORRUPT;
    struct entry *e = entry_new((trommel_str){ value.p + ROW_HEAD, url_n },
                                (trommel_str){ value.p + ROW_HEAD + url_n, value.n - ROW_HEAD - url_n });
    e->redirects = (uint8_t)value.p[1];
    e->attempt = (uint32_t)be_get(value.p + 2, 2);
    e->visit = (uint32_t)be_get(value.p + 4, 4);
    e->depth = (uint32_t)be_get(key.p + SITE_KEY, 4);
    e->seq = be_get(key.p + SITE_KEY + 4, 8);
    *ret = e;
    return 0;
}

/* ---- busy: out of the window, not ended ---- */

static int is_busy(const struct frontier *f, uint64_t seq)
{
    for (struct table_node *node = table_chain(&f->busy, seq); node; node = node->next)
        if (node->hash == seq)
            return 1;
    return 0;
}

void busy_end(struct frontier *f, struct entry *e)
{
    table_remove(&f->busy, &e->busy);
    free(e);
}

/* ---- the window ---- */

static unsigned window_cap(const struct frontier *f)
{
    return f->window_bytes > WINDOWS_BYTES ? WINDOW_SMALL : WINDOW;
}

static void window_insert(struct frontier *f, struct site *s, struct entry *e)
{
    if (!s->window)
        s->window = must_alloc((WINDOW + 1) * sizeof *s->window);
    if (s->first + s->n > WINDOW) {
        memmove(s->window, s->window + s->first, s->n * sizeof *s->window);
        s->first = 0;
    }
    unsigned i = s->first + s->n;
    for (; i > s->first && entry_before(e, s->window[i - 1]->depth, s->window[i - 1]->seq); i--)
        s->window[i] = s->window[i - 1];
    s->window[i] = e;
    s->n++;
    f->window_bytes += entry_bytes(e);
}

static void window_cut(struct frontier *f, struct site *s)
{
    struct entry *last = s->window[s->first + --s->n];

    f->window_bytes -= entry_bytes(last);
    free(last);
}

static void window_mark(struct site *s)
{
    const struct entry *last = s->window[s->first + s->n - 1];

    s->more = 1;
    s->pos_depth = last->depth;
    s->pos_seq = last->seq;
}

void queue_add(struct frontier *f, struct site *s, struct entry *e)
{
    if (s->more && !entry_before(e, s->pos_depth, s->pos_seq)) {
        free(e); /* on disk, behind what has been read */
        return;
    }
    window_insert(f, s, e);
    if (s->n > window_cap(f) && s->n > 1) {
        window_cut(f, s);
        window_mark(s);
    }
}

struct entry *queue_pop(struct frontier *f, struct site *s)
{
    if (!s->n)
        return NULL;
    struct entry *e = s->window[s->first++];
    f->window_bytes -= entry_bytes(e);
    if (--s->n == 0) {
        free(s->window); /* a site with nothing in memory takes little of it */
        s->window = NULL;
        s->first = 0;
    }
    table_put(&f->busy, &e->busy, e->seq);
    return e;
}

struct fill {
    struct frontier *f;
    struct site *site;
    unsigned room;
};

static int fill_row(void *arg, trommel_str key, trommel_str value)
{
    struct fill *fill = arg;
    struct entry *e;

    if (!fill->room) {
        fill->site->more = 1;
        return 1;
    }
    int rc = row_read(key, value, &e);
    if (rc < 0)
        return rc;
    fill->site->pos_depth = e->depth;
    fill->site->pos_seq = e->seq;
    if (is_busy(fill->f, e->seq)) {
        free(e);
        return 0;
    }
    window_insert(fill->f, fill->site, e);
    fill->room--;
    return 0;
}

/* The first key behind all that begin with `key`; its length, 0 if there is none. */
static size_t key_after(uint8_t key[SITE_KEY])
{
    for (size_t i = SITE_KEY; i-- > 0;)
        if (++key[i])
            return SITE_KEY;
    return 0;
}

int queue_fill(struct frontier *f, struct site *s)
{
    struct fill fill = { f, s, window_cap(f) };
    uint8_t from[QUEUE_KEY + 1], to[SITE_KEY];

    if (s->n || !s->more)
        return 0;
    key_make(from, s->key, s->pos_depth, s->pos_seq);
    from[QUEUE_KEY] = 0; /* behind pos itself */
    memcpy(to, s->key, SITE_KEY);
    s->more = 0;
    size_t to_n = key_after(to);
    int rc = store_scan(f->store, STORE_QUEUE, str_bytes(from, sizeof from), str_bytes(to, to_n), fill_row,
                        &fill);
    if (rc < 0)
        s->more = 1;
    return rc;
}

/* ---- retries ---- */

void retry_add(struct frontier *f, struct site *s, struct entry *e, uint64_t at_ms)
{
    heap_push(&s->retries, &e->due, at_ms);
    f->n_counted_waiting += e->counted;
}

struct entry *retry_pop(struct frontier *f, struct site *s)
{
    struct heap_node *top = heap_top(&s->retries);

    if (!top)
        return NULL;
    heap_remove(&s->retries, top);
    struct entry *e = CONTAINER(top, struct entry, due);
    f->n_counted_waiting -= e->counted;
    return e;
}

/* ---- opening ---- */

struct first {
    struct entry *entry;
    uint8_t site[SITE_KEY];
};

static int first_row(void *arg, trommel_str key, trommel_str value)
{
    struct first *first = arg;
    int rc = row_read(key, value, &first->entry);

    if (rc == 0)
        memcpy(first->site, key.p, SITE_KEY);
    return rc < 0 ? rc : 1;
}

static int site_of_row(struct frontier *f, const struct entry *e, struct site **ret)
{
    struct url_parts parts;

    if (url_split(entry_url(e), &parts) < 0)
        return ERR_CORRUPT;
    *ret = site_get(f, &parts);
    return 0;
}

int queues_open(struct frontier *f)
{
    struct first first = { 0 };
    trommel_str from = { 0 };
    struct site *s = NULL;

    for (;;) { /* one look a site, not one a row */
        first.entry = NULL;
        int rc = store_scan(f->store, STORE_QUEUE, from, (trommel_str){ 0 }, first_row, &first);
        if (rc == 0 && !first.entry)
            return 0;
        if (rc == 0)
            rc = site_of_row(f, first.entry, &s);
        free(first.entry);
        if (rc == 0 && memcmp(s->key, first.site, SITE_KEY) != 0)
            rc = ERR_CORRUPT;
        if (rc < 0)
            return rc;
        s->more = 1;
        site_settle(f, s);
        from = str_bytes(first.site, key_after(first.site));
        if (!from.n)
            return 0;
    }
}

static int flight_row(void *arg, trommel_str key, trommel_str value)
{
    struct frontier *f = arg;
    struct entry *e;
    struct site *s;

    int rc = store_get(f->store, STORE_QUEUE, key, &f->scratch);
    if (rc == ERR_ABSENT)
        return 0;
    if (rc == 0)
        rc = row_read(key, str_bytes(f->scratch.data, f->scratch.len), &e);
    if (rc < 0)
        return rc;
    rc = site_of_row(f, e, &s);
    if (rc < 0) {
        free(e);
        return rc;
    }
    e->counted = 1;
    f->n_counted++;
    table_put(&f->busy, &e->busy, e->seq);
    retry_add(f, s, e, 0);
    site_settle(f, s);
    return 0;
}

static int flight_forget(void *arg, trommel_str key, trommel_str value)
{
    struct frontier *f = arg;

    store_delete(f->store, STORE_FLIGHT, key);
    return 0;
}

/* What was given out under a limit of pages keeps its place; without a limit the marks mean nothing. */
int flights_open(struct frontier *f)
{
    trommel_str all = { 0 };

    if (f->opt.pages_max)
        return store_scan(f->store, STORE_FLIGHT, all, all, flight_row, f);
    int rc = store_scan(f->store, STORE_FLIGHT, all, all, flight_forget, f);
    return rc < 0 ? rc : store_commit(f->store);
}
