/* frontier: see frontier.h.  What is written, each in one batch: a seed; the end of a visit and its links.
 *
 * Meaning of the counters: known = queued + in_flight + done, and done includes what robots.txt refused.
 * out_of_scope and too_deep count links as often as they are seen; such links are not remembered, so that a
 * later run with other options may still take them from pages that it visits.  A URL keeps the depth at
 * which it was first seen.
 *
 * A limit of pages counts over the job's whole life: a page has its place when it is first given out, and
 * gives it back if it turns out to be a redirect or is refused. */
#include "frontier/frontier.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/limits.h"
#include "frontier/inner.h"

static const char FORMAT[] = "1", KEY_FORMAT[] = "format", KEY_JOB[] = "job", KEY_TALLY[] = "tally";
static const char ROOT[] = "root/"; /* then host and path prefix */

enum { TALLY_FIELDS = sizeof(struct tally) / sizeof(uint64_t) };

/* ---- small rows ---- */

static void le_put(uint8_t p[8], uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t le_get(const uint8_t p[8])
{
    uint64_t v = 0;

    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

int tally_write(struct frontier *f, const struct tally *next)
{
    const uint64_t *field = (const uint64_t *)next;
    uint8_t row[sizeof *next];

    for (size_t i = 0; i < TALLY_FIELDS; i++)
        le_put(row + 8 * i, field[i]);
    store_put(f->store, STORE_META, str_c(KEY_TALLY), str_bytes(row, sizeof row));
    int rc = store_commit(f->store);
    if (rc == 0)
        f->tally = *next;
    return rc;
}

static int tally_read(struct frontier *f)
{
    uint64_t *field = (uint64_t *)&f->tally;
    int rc = store_get(f->store, STORE_META, str_c(KEY_TALLY), &f->scratch);

    if (rc < 0)
        return rc == ERR_ABSENT ? 0 : rc;
    if (f->scratch.len != sizeof f->tally)
        return ERR_CORRUPT;
    for (size_t i = 0; i < TALLY_FIELDS; i++)
        field[i] = le_get(f->scratch.data + 8 * i);
    return 0;
}

/* ---- the scope's roots ---- */

static void root_put(struct frontier *f, const struct url_parts *url)
{
    trommel_str prefix = scope_prefix(url->path), host = scope_host(url->host);

    scope_add(f->scope, url->host, url->path);
    buf_clear(&f->scratch);
    buf_add_str(&f->scratch, ROOT);
    buf_add(&f->scratch, host.p, host.n);
    buf_add(&f->scratch, prefix.p, prefix.n);
    store_put(f->store, STORE_META, str_bytes(f->scratch.data, f->scratch.len), (trommel_str){ 0 });
}

static int root_row(void *arg, trommel_str key, trommel_str value)
{
    struct frontier *f = arg;
    size_t head = sizeof ROOT - 1;
    const char *slash = memchr(key.p + head, '/', key.n - head);

    if (!slash)
        return ERR_CORRUPT;
    scope_add(f->scope, str_bytes(key.p + head, (size_t)(slash - key.p) - head),
              str_bytes(slash, key.n - (size_t)(slash - key.p)));
    return 0;
}

static int roots_open(struct frontier *f)
{
    return store_scan(f->store, STORE_META, str_c(ROOT), str_c("root0"), root_row, f); /* '0' follows '/' */
}

/* ---- opening ---- */

static int format_check(struct frontier *f, const char *dir, struct err *err)
{
    int rc = store_get(f->store, STORE_META, str_c(KEY_FORMAT), &f->scratch);

    if (rc == ERR_ABSENT) {
        uint8_t job[8];
        le_put(job, f->opt.job);
        store_put(f->store, STORE_META, str_c(KEY_FORMAT), str_c(FORMAT));
        store_put(f->store, STORE_META, str_c(KEY_JOB), str_bytes(job, sizeof job));
        return store_commit(f->store);
    }
    if (rc == 0 && (f->scratch.len != strlen(FORMAT) || memcmp(f->scratch.data, FORMAT, f->scratch.len) != 0))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: has format %.*s, this program reads format %s; use the version that wrote it, or "
                       "begin anew in another folder",
                       dir, (int)f->scratch.len, (const char *)f->scratch.data, FORMAT);
    if (rc == 0)
        rc = store_get(f->store, STORE_META, str_c(KEY_JOB), &f->scratch);
    if (rc == 0 && f->scratch.len == 8) /* a folder that was moved keeps its ids */
        f->opt.job = le_get(f->scratch.data);
    return rc;
}

static struct frontier *frontier_new(const struct frontier_options *opt)
{
    struct frontier *f = must_alloc(sizeof *f);
    size_t n = opt->user_agent ? strlen(opt->user_agent) : 0;

    f->opt = *opt;
    if (!f->opt.per_host)
        f->opt.per_host = 1;
    f->user_agent = must_alloc(n + 1);
    if (n)
        memcpy(f->user_agent, opt->user_agent, n);
    f->opt.user_agent = f->user_agent;
    buf_init(&f->scratch, LIMIT_ROBOTS_BYTES + 64 * KIB);
    f->sieve = must_alloc(SIEVE * sizeof *f->sieve);
    f->scope = scope_new(opt->scope);
    ring_init(&f->ready);
    ring_init(&f->parked);
    ring_init(&f->flights);
    ring_init(&f->rules);
    return f;
}

static int open_rest(struct frontier *f, const char *dir, struct err *err)
{
    int rc = format_check(f, dir, err);

    if (rc == ERR_UNSUPPORTED)
        return rc;
    if (rc < 0 || (rc = tally_read(f)) < 0 || (rc = roots_open(f)) < 0 || (rc = queues_open(f)) < 0 ||
        (rc = flights_open(f)) < 0)
        return err_set(err, rc,
                       "%s: cannot read the frontier (%s); put back a copy of the folder, or remove it to "
                       "begin anew",
                       dir, err_text(rc));
    return 0;
}

int frontier_open(const char *dir, const struct frontier_options *opt, struct frontier **ret, struct err *err)
{
    struct frontier *f = frontier_new(opt);
    int rc = 0;

    *ret = NULL;
    f->urls = url_parser_new();
    if (!f->urls)
        rc = err_set(err, ERR_NOMEM, "%s: cannot open the frontier: out of memory", dir);
    if (rc == 0)
        rc = store_open(dir, &f->store, err);
    if (rc == 0)
        rc = open_rest(f, dir, err);
    if (rc < 0) {
        frontier_close(f);
        return rc;
    }
    *ret = f;
    return 0;
}

static void flights_release(struct frontier *f)
{
    struct ring_node *node;

    while ((node = ring_first(&f->flights))) {
        struct flight *fl = CONTAINER(node, struct flight, all);
        struct entry *e = fl->entry;
        flight_end(f, fl);
        if (e)
            busy_end(f, e);
    }
}

void frontier_close(struct frontier *f)
{
    if (!f)
        return;
    flights_release(f);
    hosts_release(f);
    store_close(f->store);
    url_parser_free(f->urls);
    scope_free(f->scope);
    buf_release(&f->scratch);
    free(f->sieve);
    free(f->user_agent);
    free(f);
}

/* ---- a change: new URLs, all in the pending batch ---- */

struct fresh {
    struct entry *entry;
    uint8_t key[URL_KEY];
};

struct change {
    struct frontier *f;
    struct tally next;
    struct fresh *fresh;
    uint32_t *set; /* 1 + index into fresh, by key: a page may name a URL twice */
    size_t n, n_set; /* n_set: a power of two, or 0 for a single URL */
};

static void change_init(struct change *c, struct frontier *f, size_t links_max)
{
    *c = (struct change){ .f = f, .next = f->tally };
    if (links_max)
        c->fresh = must_alloc(links_max * sizeof *c->fresh);
    if (links_max > 1) {
        for (c->n_set = 4; c->n_set < 2 * links_max;)
            c->n_set *= 2;
        c->set = must_alloc(c->n_set * sizeof *c->set);
    }
}

static uint32_t *change_slot(const struct change *c, const uint8_t key[URL_KEY])
{
    uint64_t hash;

    memcpy(&hash, key, sizeof hash);
    for (size_t i = (size_t)hash & (c->n_set - 1);; i = (i + 1) & (c->n_set - 1))
        if (!c->set[i] || !memcmp(c->fresh[c->set[i] - 1].key, key, URL_KEY))
            return &c->set[i];
}

static uint8_t *sieve_slot(const struct frontier *f, const uint8_t key[URL_KEY])
{
    uint32_t hash;

    memcpy(&hash, key + 8, sizeof hash);
    return f->sieve[hash % SIEVE];
}

/* 1, 0, or an error. */
static int url_known(const struct change *c, const uint8_t key[URL_KEY])
{
    struct frontier *f = c->f;
    uint8_t *slot = sieve_slot(f, key);

    if (!memcmp(slot, key, URL_KEY) || (c->set && *change_slot(c, key)))
        return 1;
    int rc = store_has(f->store, STORE_SEEN, str_bytes(key, URL_KEY));
    if (rc == 1)
        memcpy(slot, key, URL_KEY);
    return rc;
}

/* Takes e.  0 also when the URL is known already. */
static int change_add(struct change *c, const struct url_parts *parts, struct entry *e)
{
    trommel_str url = entry_url(e);
    uint8_t key[URL_KEY], site[SITE_KEY];

    XXH128_canonicalFromHash((XXH128_canonical_t *)key, XXH3_128bits(url.p, url.n));
    int known = url_known(c, key);
    if (known) {
        free(e);
        return known < 0 ? known : 0;
    }
    e->seq = ++c->next.seq;
    site_key(site, parts);
    row_put(c->f, site, e);
    store_put(c->f->store, STORE_SEEN, str_bytes(key, sizeof key), (trommel_str){ 0 });
    c->next.known++;
    c->next.rows++;
    c->fresh[c->n].entry = e;
    memcpy(c->fresh[c->n].key, key, URL_KEY);
    c->n++;
    if (c->set)
        *change_slot(c, key) = (uint32_t)c->n;
    return 0;
}

static void fresh_queue(struct frontier *f, const struct fresh *fresh)
{
    struct url_parts parts;

    memcpy(sieve_slot(f, fresh->key), fresh->key, URL_KEY);
    url_split(entry_url(fresh->entry), &parts); /* it was split before */
    struct site *s = site_get(f, &parts);
    queue_add(f, s, fresh->entry);
    site_settle(f, s);
}

/* Writes the batch if rc is 0.  Memory follows only what is on disk. */
static int change_end(struct change *c, int rc)
{
    if (rc == 0)
        rc = tally_write(c->f, &c->next);
    else
        store_drop(c->f->store);
    for (size_t i = 0; i < c->n; i++) {
        if (rc == 0)
            fresh_queue(c->f, &c->fresh[i]);
        else
            free(c->fresh[i].entry);
    }
    free(c->fresh);
    free(c->set);
    return rc;
}

/* ---- seeds ---- */

static int seed_add(struct frontier *f, trommel_str url)
{
    struct url_parts parts;
    struct change c;

    int rc = url_split(url, &parts);
    if (rc < 0)
        return rc;
    change_init(&c, f, 1);
    root_put(f, &parts);
    rc = change_add(&c, &parts, entry_new(url, (trommel_str){ 0 }));
    return change_end(&c, rc);
}

int frontier_seed(struct frontier *f, const char *url, struct err *err)
{
    struct arena a;
    trommel_str normal;

    arena_init(&a, 64 * KIB);
    int rc = url_resolve(f->urls, (trommel_str){ 0 }, str_c(url), &a, &normal);
    if (rc == ERR_UNSUPPORTED)
        rc = err_set(err, ERR_INVALID, "%.200s: only http and https can be crawled", url);
    else if (rc == ERR_LIMIT)
        rc = err_set(err, ERR_INVALID, "%.200s…: longer than a URL may be (%u bytes)", url, LIMIT_URL_BYTES);
    else if (rc == ERR_INVALID)
        rc = err_set(err, ERR_INVALID, "%.200s: is no URL; write it whole, like https://example.com/", url);
    else if (rc == 0 && (rc = seed_add(f, normal)) < 0)
        rc = err_set(err, rc, "%.200s: cannot be added to the frontier (%s)", url, err_text(rc));
    else if (rc < 0)
        rc = err_set(err, rc, "%.200s: %s", url, err_text(rc));
    arena_release(&a);
    return rc;
}

/* ---- the end of a visit ---- */

/* A link of the page, or where it redirects to. */
static int link_add(struct change *c, const struct entry *from, const struct frontier_link *link,
                    int redirect)
{
    struct frontier *f = c->f;
    uint32_t depth = from->depth + !redirect;
    struct url_parts parts;

    if (link->url.n > LIMIT_URL_BYTES || url_split(link->url, &parts) < 0)
        return 0;
    if (!scope_has(f->scope, parts.host, parts.path)) {
        if (!redirect || from->depth > 0) {
            c->next.out_of_scope++;
            return 0;
        }
        root_put(f, &parts); /* a seed that moved means the place it moved to */
    }
    if (depth > f->opt.depth_max && !redirect) {
        c->next.too_deep++;
        return 0;
    }
    struct entry *e = entry_new(link->url, entry_url(from));
    e->depth = depth;
    e->redirects = redirect ? (uint8_t)(from->redirects + 1) : 0;
    if (url_split(entry_url(e), &parts) < 0)
        abort(); /* the same bytes were split above */
    return change_add(c, &parts, e);
}

int links_add(struct frontier *f, const struct entry *from, const struct frontier_link *links, size_t n_links)
{
    struct change c;
    int rc = 0;

    change_init(&c, f, n_links);
    for (size_t i = 0; i < n_links && rc == 0; i++)
        rc = link_add(&c, from, &links[i], 0);
    return change_end(&c, rc);
}

void counted_end(struct frontier *f, const struct entry *e)
{
    if (!e->counted)
        return;
    f->n_counted--;
    if (!limit_reached(f) && ring_first(&f->parked))
        parked_wake(f);
}

static int visit_ended(struct frontier *f, struct site *s, struct entry *e, enum frontier_end how,
                       const struct frontier_link *links, size_t n_links)
{
    struct change c;
    int rc = 0;

    if (how == FRONTIER_REDIRECT && n_links > 1)
        n_links = 1;
    change_init(&c, f, n_links);
    row_delete(f, s, e);
    c.next.rows--;
    c.next.done++;
    c.next.pages += how != FRONTIER_REDIRECT;
    for (size_t i = 0; i < n_links && rc == 0; i++)
        rc = link_add(&c, e, &links[i], how == FRONTIER_REDIRECT);
    rc = change_end(&c, rc);
    counted_end(f, e);
    busy_end(f, e);
    return rc;
}

static int visit_again(struct frontier *f, struct site *s, struct entry *e, uint32_t retry_ms)
{
    if (e->attempt < UINT16_MAX)
        e->attempt++;
    row_put(f, s->key, e);
    int rc = store_commit(f->store);
    retry_add(f, s, e, f->now_ms + retry_ms);
    return rc;
}

int frontier_done(struct frontier *f, struct frontier_item **item, enum frontier_end how, uint32_t retry_ms,
                  const struct frontier_link *links, size_t n_links)
{
    struct flight *fl = flight_of(*item);
    struct site *s = fl->site;
    struct entry *e = fl->entry;

    assert(e); /* robots.txt is ended with frontier_robots */
    *item = NULL;
    flight_landed(f, fl);
    if (how == FRONTIER_DEAD)
        dead_put(f, fl->item.id);
    int rc = how == FRONTIER_RETRY ? visit_again(f, s, e, retry_ms)
                                   : visit_ended(f, s, e, how, links, n_links);
    flight_end(f, fl); /* last, so that a site whose links lead to itself stays */
    site_settle(f, s);
    return rc;
}

/* ---- the rest ---- */

struct frontier_counts frontier_counts(const struct frontier *f)
{
    const struct tally *t = &f->tally;

    return (struct frontier_counts){
        .known = t->known,
        .queued = t->rows - f->n_pages,
        .in_flight = f->n_pages,
        .done = t->done,
        .refused_robots = t->refused,
        .out_of_scope = t->out_of_scope,
        .too_deep = t->too_deep,
        .hosts = f->hosts.n - f->leaving.n,
    };
}

void frontier_on_refused(struct frontier *f, void (*fn)(void *arg, const struct frontier_item *), void *arg)
{
    f->refused = fn;
    f->refused_arg = arg;
}

int frontier_sync(struct frontier *f)
{
    return store_sync(f->store);
}
