/* take: which URL is next, and what robots.txt says to it.
 *
 * A site's robots.txt comes first: from the store while it is fresh (24 hours), else as an item of its own.
 * One that cannot be had (no answer, 5xx) forbids everything; it is asked for LIMIT_ATTEMPTS times, 1 s and
 * 4 s apart, while the pages wait.  Then an older copy counts, or if there is none what is queued is ended
 * as refused, and the site is not asked again for ten minutes: a crawl must be able to end. */
#include "frontier/inner.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "base/limits.h"

enum {
    RULES_FORMAT = 1,
    RULES_HEAD = 10, /* format, kind, when it expires */
    FRESH_MS = 24 * 3600 * 1000,
    UNREACHABLE_MS = 10 * 60 * 1000,
    ROBOTS_RETRY_MS = 1000 /* times four each time */
};
enum rules_kind { RULES_TEXT, RULES_NONE, RULES_UNREACHABLE };

/* ---- flights ---- */

/* The id of a record: XXH3-128 of the job's hash (8 bytes, little-endian), the URL, and the visit's number
 * (4 bytes, little-endian; 1 for the first), in canonical byte order. */
static void record_id(uint8_t id[RECORD_ID_BYTES], uint64_t job, trommel_str url, uint32_t visit)
{
    XXH3_state_t state;
    uint8_t number[8];

    XXH3_128bits_reset(&state);
    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(job >> 8 * i);
    XXH3_128bits_update(&state, number, 8);
    XXH3_128bits_update(&state, url.p, url.n);
    for (int i = 0; i < 4; i++)
        number[i] = (uint8_t)(visit >> 8 * i);
    XXH3_128bits_update(&state, number, 4);
    XXH128_canonicalFromHash((XXH128_canonical_t *)id, XXH3_128bits_digest(&state));
}

static struct frontier_item item_of(const struct frontier *f, struct site *s, const struct entry *e)
{
    struct frontier_item item = {
        .url = entry_url(e),
        .depth = e->depth,
        .attempt = e->attempt,
        .via = entry_via(e),
        .redirects = e->redirects,
        .host = s,
    };

    record_id(item.id, f->opt.job, item.url, e->visit);
    return item;
}

static void flight_begin(struct frontier *f, struct flight *fl, struct site *s, struct frontier_item **ret)
{
    fl->site = s;
    s->n_flights++;
    f->n_flights++;
    f->n_pages += fl->entry != NULL;
    ring_push(&f->flights, &fl->all);
    host_began(f, s->host);
    *ret = &fl->item;
}

void flight_end(struct frontier *f, struct flight *fl)
{
    ring_remove(&fl->all);
    fl->site->n_flights--;
    f->n_flights--;
    f->n_pages -= fl->entry != NULL;
    free(fl);
}

void flight_landed(struct frontier *f, struct flight *fl)
{
    if (fl->transferred)
        return;
    fl->transferred = 1;
    host_ended(f, fl->site->host);
}

/* ---- rules ---- */

void rules_drop(struct frontier *f, struct site *s)
{
    if (!s->robots)
        return;
    f->rules_bytes -= robots_bytes(s->robots);
    ring_remove(&s->lru);
    robots_free(s->robots);
    s->robots = NULL;
}

static void rules_keep(struct frontier *f, struct site *s, struct robots *rules)
{
    rules_drop(f, s);
    s->robots = rules;
    f->rules_bytes += robots_bytes(rules);
    ring_push(&f->rules, &s->lru);
    while (f->rules_bytes > ROBOTS_MEMORY && ring_first(&f->rules) != &s->lru)
        rules_drop(f, CONTAINER(ring_first(&f->rules), struct site, lru));
    host_delay(s->host, robots_delay_ms(rules));
}

static void rules_set(struct frontier *f, struct site *s, enum rules_kind kind, int64_t expires,
                      trommel_str body)
{
    s->robots_state = ROBOTS_KNOWN;
    s->robots_tries = 0;
    s->robots_expires = expires;
    s->unreachable = kind == RULES_UNREACHABLE;
    s->allow_all = kind == RULES_NONE;
    if (kind == RULES_TEXT)
        rules_keep(f, s, robots_parse(body, str_c(f->user_agent)));
    else
        rules_drop(f, s);
}

static int rules_write(struct frontier *f, struct site *s, enum rules_kind kind, int64_t expires,
                       trommel_str body)
{
    struct buf *b = &f->scratch;

    buf_clear(b);
    buf_add_byte(b, RULES_FORMAT);
    buf_add_byte(b, kind);
    for (int i = 0; i < 8; i++)
        buf_add_byte(b, (unsigned)(expires >> 8 * i) & 0xff);
    buf_add(b, body.p, body.n);
    store_put(f->store, STORE_ROBOTS, str_c(s->origin), str_bytes(b->data, b->len));
    return store_commit(f->store);
}

/* From the store.  1: in s; 0: not there, or too old unless old_too; or an error. */
static int rules_load(struct frontier *f, struct site *s, int old_too)
{
    int rc = store_get(f->store, STORE_ROBOTS, str_c(s->origin), &f->scratch);
    const unsigned char *row = f->scratch.data;
    int64_t expires = 0;

    if (rc == ERR_ABSENT)
        return 0;
    if (rc < 0)
        return rc;
    if (f->scratch.len < RULES_HEAD || row[0] != RULES_FORMAT || row[1] > RULES_UNREACHABLE)
        return 0; /* asked for again */
    for (int i = 7; i >= 0; i--)
        expires = (int64_t)((uint64_t)expires << 8 | row[2 + i]);
    int64_t left = expires - clock_wall_ms();
    if (!old_too && (left <= 0 || left > FRESH_MS)) /* or the clock went back */
        return 0;
    rules_set(f, s, (enum rules_kind)row[1], expires,
              str_bytes(row + RULES_HEAD, f->scratch.len - RULES_HEAD));
    return 1;
}

/* 1: the site's rules are known; 0: its robots.txt must be fetched; or an error. */
static int rules_ready(struct frontier *f, struct site *s)
{
    if (f->opt.ignore_robots)
        return 1;
    if (s->robots_state == ROBOTS_LATER)
        return 0;
    if (s->robots_state == ROBOTS_KNOWN && s->robots_expires > clock_wall_ms()) {
        if (s->robots) { /* used last */
            ring_remove(&s->lru);
            ring_push(&f->rules, &s->lru);
        }
        if (s->robots || s->allow_all || s->unreachable)
            return 1;
    }
    rules_drop(f, s);
    s->robots_state = ROBOTS_UNKNOWN;
    return rules_load(f, s, 0);
}

static int rules_allow(const struct frontier *f, const struct site *s, const struct entry *e)
{
    struct url_parts parts;

    if (f->opt.ignore_robots || s->allow_all)
        return 1;
    if (s->unreachable || url_split(entry_url(e), &parts) < 0)
        return 0;
    return robots_allows(s->robots, parts.target);
}

/* ---- robots.txt as an item ---- */

static int robots_give(struct frontier *f, struct site *s, struct frontier_item **ret)
{
    static const char path[] = "/robots.txt";
    size_t n = strlen(s->origin);
    struct flight *fl = must_alloc(sizeof *fl + n + sizeof path);

    memcpy(fl->robots_url, s->origin, n);
    memcpy(fl->robots_url + n, path, sizeof path);
    fl->item.url = (trommel_str){ fl->robots_url, n + sizeof path - 1 };
    fl->item.attempt = s->robots_tries + 1;
    fl->item.is_robots = 1;
    fl->item.host = s;
    record_id(fl->item.id, f->opt.job, fl->item.url, 0);
    s->robots_state = ROBOTS_FETCHING;
    flight_begin(f, fl, s, ret);
    return 0;
}

static int robots_unreachable(struct frontier *f, struct site *s)
{
    unsigned tries = ++s->robots_tries;
    int64_t again = clock_wall_ms() + UNREACHABLE_MS;

    if (tries < LIMIT_ATTEMPTS) {
        s->robots_state = ROBOTS_LATER;
        s->robots_at = f->now_ms + ((uint64_t)ROBOTS_RETRY_MS << 2 * (tries - 1));
        return 0;
    }
    int rc = rules_load(f, s, 1);
    if (rc == 1 && !s->unreachable) { /* RFC 9309 2.4: then an old copy may be used */
        s->robots_expires = again;
        return 0;
    }
    rules_set(f, s, RULES_UNREACHABLE, again, (trommel_str){ 0 });
    return rules_write(f, s, RULES_UNREACHABLE, again, (trommel_str){ 0 });
}

static int robots_arrived(struct frontier *f, struct site *s, int status, trommel_str body)
{
    enum rules_kind kind = status >= 200 && status <= 299 ? RULES_TEXT : RULES_NONE;
    int64_t expires = clock_wall_ms() + FRESH_MS;

    if (kind == RULES_NONE)
        body.n = 0;
    if (body.n > LIMIT_ROBOTS_BYTES)
        body.n = LIMIT_ROBOTS_BYTES;
    rules_set(f, s, kind, expires, body);
    return rules_write(f, s, kind, expires, body);
}

int frontier_robots(struct frontier *f, struct frontier_item **item, int status, trommel_str body,
                    uint64_t now_ms)
{
    struct flight *fl = flight_of(*item);
    struct site *s = fl->site;

    *item = NULL;
    clock_set(f, now_ms);
    int rc = status <= 0 || status >= 500 ? robots_unreachable(f, s) : robots_arrived(f, s, status, body);
    flight_landed(f, fl);
    flight_end(f, fl);
    site_settle(f, s);
    return rc;
}

/* ---- taking ---- */

/* Ends e, which the rules forbid. */
static int refuse(struct frontier *f, struct site *s, struct entry *e)
{
    struct tally next = f->tally;

    row_delete(f, s, e);
    next.rows--;
    next.done++;
    next.refused++;
    int rc = tally_write(f, &next);
    if (rc == 0 && f->refused) {
        struct frontier_item item = item_of(f, s, e);
        item.refused = s->unreachable ? "robots_unreachable" : "robots";
        f->refused(f->refused_arg, &item);
    }
    counted_end(f, e);
    busy_end(f, e);
    return rc;
}

static int page_give(struct frontier *f, struct site *s, struct entry *e, struct frontier_item **ret)
{
    if (f->opt.pages_max && !e->counted) { /* noted, so that a resume begins with these and not with others */
        uint8_t key[QUEUE_KEY];
        queue_key(key, s, e);
        store_put(f->store, STORE_FLIGHT, str_bytes(key, sizeof key), (trommel_str){ 0 });
        int rc = store_commit(f->store);
        if (rc < 0) {
            busy_end(f, e);
            return rc;
        }
        e->counted = 1;
        f->n_counted++;
    }
    struct flight *fl = must_alloc(sizeof *fl + 1);
    fl->item = item_of(f, s, e);
    fl->entry = e;
    fl->item.host_last = !s->n && !s->more && !s->retries.n && !ring_first(&s->host->ready) &&
                         !s->host->waiting.n;
    flight_begin(f, fl, s, ret);
    return 0;
}

/* The site is out of its host's rings.  0; ERR_AGAIN: nothing of this site now; or an error. */
static int site_take(struct frontier *f, struct site *s, unsigned *refusals, struct frontier_item **ret)
{
    while (*refusals) {
        int rc = queue_fill(f, s);
        if (rc < 0)
            return rc;
        int retry = s->retries.n && heap_top(&s->retries)->at <= f->now_ms;
        if (!retry && (!s->n || limit_reached(f) || s->retries.n >= RETRIES))
            return ERR_AGAIN;
        rc = rules_ready(f, s);
        if (rc <= 0)
            return rc < 0 ? rc : robots_give(f, s, ret);
        struct entry *e = retry ? retry_pop(f, s) : queue_pop(f, s);
        rc = queue_fill(f, s); /* so that host_last is right */
        if (rc < 0) {
            busy_end(f, e);
            return rc;
        }
        if (rules_allow(f, s, e))
            return page_give(f, s, e, ret);
        rc = refuse(f, s, e);
        if (rc < 0)
            return rc;
        --*refusals;
    }
    return ERR_AGAIN;
}

static int host_take(struct frontier *f, struct host *h, unsigned *refusals, struct frontier_item **ret)
{
    ring_remove(&h->turn); /* it goes to the end of the ring, and so does the site */
    host_due(f, h);
    struct ring_node *node = ring_first(&h->ready);
    if (!node) {
        host_settle(f, h);
        return ERR_AGAIN;
    }
    struct site *s = CONTAINER(node, struct site, turn);
    ring_remove(&s->turn);
    ring_remove(&s->parked); /* a refusal may wake the parked; this one is settled below */
    int rc = site_take(f, s, refusals, ret);
    site_settle(f, s);
    return rc;
}

int frontier_take(struct frontier *f, uint64_t now_ms, struct frontier_item **ret, uint64_t *ret_wait_ms)
{
    unsigned refusals = REFUSED_A_TAKE;
    struct ring_node *node;

    *ret = NULL;
    *ret_wait_ms = UINT64_MAX;
    clock_set(f, now_ms);
    hosts_due(f);
    while ((node = ring_first(&f->ready)) && !(limit_reached(f) && !f->n_counted_waiting)) {
        int rc = host_take(f, CONTAINER(node, struct host, turn), &refusals, ret);
        if (rc != ERR_AGAIN)
            return rc;
        if (!refusals) {
            *ret_wait_ms = 0;
            return ERR_AGAIN;
        }
    }
    if (f->waiting.n && !(limit_reached(f) && !f->n_counted_waiting)) {
        *ret_wait_ms = heap_top(&f->waiting)->at - f->now_ms;
        return ERR_AGAIN;
    }
    return f->n_flights ? ERR_AGAIN : ERR_CLOSED;
}

void frontier_transferred(struct frontier *f, struct frontier_item *item, uint64_t now_ms)
{
    clock_set(f, now_ms);
    flight_landed(f, flight_of(item));
}
