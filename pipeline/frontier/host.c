/* host: see inner.h.  Who may go, and when.
 *
 * A host that may go is in the ring `ready`; one that must wait is in the heap `waiting` by its time; one
 * with all its connections in use, or with nothing but what is in flight, is in neither and comes back
 * when something ends.  The same holds for the sites of a host.  Rings make it fair: who has been served
 * goes to the end.  Each step is O(log n). */
#include "frontier/inner.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- finding and making ---- */

static struct host *host_get(struct frontier *f, trommel_str name)
{
    name = scope_host(name);
    uint64_t hash = XXH3_64bits(name.p, name.n);

    for (struct table_node *node = table_chain(&f->hosts, hash); node; node = node->next) {
        struct host *h = CONTAINER(node, struct host, node);
        if (node->hash == hash && strlen(h->name) == name.n && !memcmp(h->name, name.p, name.n))
            return h;
    }
    struct host *h = must_alloc(sizeof *h + name.n + 1);
    memcpy(h->name, name.p, name.n);
    h->delay_ms = f->opt.delay_ms;
    ring_init(&h->ready);
    table_put(&f->hosts, &h->node, hash);
    return h;
}

void site_key(uint8_t key[SITE_KEY], const struct url_parts *url)
{
    XXH128_canonicalFromHash((XXH128_canonical_t *)key, XXH3_128bits(url->origin.p, url->origin.n));
}

struct site *site_get(struct frontier *f, const struct url_parts *url)
{
    uint8_t key[SITE_KEY];
    uint64_t hash;

    site_key(key, url);
    memcpy(&hash, key, sizeof hash);
    for (struct table_node *node = table_chain(&f->sites, hash); node; node = node->next) {
        struct site *s = CONTAINER(node, struct site, node);
        if (!memcmp(s->key, key, SITE_KEY))
            return s;
    }
    struct site *s = must_alloc(sizeof *s + url->origin.n + 1);
    memcpy(s->origin, url->origin.p, url->origin.n);
    memcpy(s->key, key, SITE_KEY);
    s->host = host_get(f, url->host);
    s->host->n_sites++;
    table_put(&f->sites, &s->node, hash);
    return s;
}

/* ---- forgetting ---- */

static void host_unlink(struct frontier *f, struct host *h)
{
    ring_remove(&h->turn);
    heap_remove(h->leaving ? &f->leaving : &f->waiting, &h->wait);
    h->leaving = 0;
}

static void host_free(struct frontier *f, struct host *h)
{
    host_unlink(f, h);
    table_remove(&f->hosts, &h->node);
    heap_release(&h->waiting);
    free(h);
}

static void site_unlink(struct site *s)
{
    ring_remove(&s->turn);
    ring_remove(&s->parked);
    heap_remove(&s->host->waiting, &s->wait);
}

void site_drop(struct frontier *f, struct site *s)
{
    struct entry *e;

    rules_drop(f, s);
    while ((e = queue_pop(f, s)))
        busy_end(f, e);
    while ((e = retry_pop(f, s)))
        busy_end(f, e);
    site_unlink(s);
    table_remove(&f->sites, &s->node);
    s->host->n_sites--;
    heap_release(&s->retries);
    free(s->window);
    free(s);
}

/* ---- where they belong ---- */

static uint64_t host_next_ms(const struct host *h)
{
    return h->begun ? h->started_ms + h->delay_ms : 0;
}

static void host_wait(struct heap *heap, struct host *h, uint64_t at)
{
    if (h->wait.pos && h->wait.at == at)
        return;
    heap_remove(heap, &h->wait);
    heap_push(heap, &h->wait, at);
}

void host_settle(struct frontier *f, struct host *h)
{
    uint64_t at = host_next_ms(h);

    if (h->n_sites == 0) { /* forgotten, but not before its delay is over */
        host_unlink(f, h);
        if (at <= f->now_ms && !h->active) {
            host_free(f, h);
            return;
        }
        h->leaving = 1;
        host_wait(&f->leaving, h, at);
        return;
    }
    if (h->leaving)
        host_unlink(f, h);
    if (!ring_first(&h->ready) && h->waiting.n && heap_top(&h->waiting)->at > at)
        at = heap_top(&h->waiting)->at;
    if (h->active >= f->opt.per_host || (!ring_first(&h->ready) && !h->waiting.n)) {
        host_unlink(f, h);
    } else if (at <= f->now_ms) {
        heap_remove(&f->waiting, &h->wait);
        ring_push(&f->ready, &h->turn); /* keeps its place if it has one */
    } else {
        ring_remove(&h->turn);
        host_wait(&f->waiting, h, at);
    }
}

/* When the site may go by its own queue; UINT64_MAX: only after something else has happened. */
static uint64_t site_next_ms(struct frontier *f, struct site *s)
{
    int fresh = (s->n || s->more) && s->retries.n < RETRIES;
    uint64_t at = s->retries.n ? heap_top(&s->retries)->at : UINT64_MAX;

    if (s->robots_state == ROBOTS_FETCHING)
        return UINT64_MAX;
    if (fresh && limit_reached(f))
        ring_push(&f->parked, &s->parked);
    else if (fresh)
        at = 0;
    if (s->robots_state == ROBOTS_LATER && at < s->robots_at)
        at = s->robots_at;
    return at;
}

void site_settle(struct frontier *f, struct site *s)
{
    struct host *h = s->host;

    if (!s->n && !s->more && !s->retries.n && !s->n_flights) {
        site_drop(f, s);
        host_settle(f, h);
        return;
    }
    ring_remove(&s->parked);
    uint64_t at = site_next_ms(f, s);
    heap_remove(&h->waiting, &s->wait);
    if (at <= f->now_ms) {
        ring_push(&h->ready, &s->turn);
    } else {
        ring_remove(&s->turn);
        if (at != UINT64_MAX)
            heap_push(&h->waiting, &s->wait, at);
    }
    host_settle(f, h);
}

/* ---- what happens ---- */

void host_began(struct frontier *f, struct host *h)
{
    h->active++;
    h->begun = 1;
    h->started_ms = f->now_ms;
}

void host_ended(struct frontier *f, struct host *h)
{
    h->active--;
    host_settle(f, h);
}

void host_delay(struct host *h, uint32_t delay_ms)
{
    if (h->delay_ms < delay_ms)
        h->delay_ms = delay_ms;
}

void host_due(struct frontier *f, struct host *h)
{
    for (struct heap_node *top; (top = heap_top(&h->waiting)) && top->at <= f->now_ms;) {
        heap_remove(&h->waiting, top);
        ring_push(&h->ready, &CONTAINER(top, struct site, wait)->turn);
    }
}

void hosts_due(struct frontier *f)
{
    for (struct heap_node *top; (top = heap_top(&f->waiting)) && top->at <= f->now_ms;) {
        heap_remove(&f->waiting, top);
        ring_push(&f->ready, &CONTAINER(top, struct host, wait)->turn);
    }
    for (struct heap_node *top; (top = heap_top(&f->leaving)) && top->at <= f->now_ms;)
        host_free(f, CONTAINER(top, struct host, wait));
}

void parked_wake(struct frontier *f)
{
    struct ring_node woken, *node;

    ring_init(&woken);
    while ((node = ring_first(&f->parked))) { /* settling may park again: only those of now are looked at */
        ring_remove(node);
        ring_push(&woken, node);
    }
    while ((node = ring_first(&woken))) {
        ring_remove(node);
        site_settle(f, CONTAINER(node, struct site, parked));
    }
}

void hosts_release(struct frontier *f)
{
    for (size_t i = 0; i < f->sites.n_slots; i++)
        while (f->sites.slots[i])
            site_drop(f, CONTAINER(f->sites.slots[i], struct site, node));
    for (size_t i = 0; i < f->hosts.n_slots; i++)
        while (f->hosts.slots[i])
            host_free(f, CONTAINER(f->hosts.slots[i], struct host, node));
    table_release(&f->sites);
    table_release(&f->hosts);
    table_release(&f->busy);
    heap_release(&f->waiting);
    heap_release(&f->leaving);
}
