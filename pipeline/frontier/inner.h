/* inner: what the files of the frontier share.  Nobody else includes this.
 *
 * A site is an origin (scheme, host, port): it has a robots.txt and a queue.  A host is a name: it has the
 * pace (connections, delay) for all of its sites.  Both are in memory only while something of theirs is
 * queued or in flight (a host also until its delay is over).
 *
 *     frontier.c  open, seed, done: what is written in one batch
 *     take.c      which URL is next; robots.txt
 *     host.c      hosts and sites: who may go, and when
 *     queue.c     rows of the queue, and the part of it that is in memory
 *     dead.c      pages whose records lie in the dead letters
 */
#ifndef TROMMEL_FRONTIER_INNER_H
#define TROMMEL_FRONTIER_INNER_H
#include "base/buf.h"
#include "frontier/frontier.h"
#include "frontier/heap.h"
#include "frontier/robots.h"
#include "frontier/scope.h"
#include "frontier/store.h"
#include "parse/url.h"

enum {
    SITE_KEY = 16,               /* XXH3-128 of the origin */
    QUEUE_KEY = SITE_KEY + 4 + 8, /* site, depth, number: a range of a site is its queue, breadth first */
    URL_KEY = 16,                /* XXH3-128 of the URL */
    WINDOW = 64,                 /* queued URLs of a site in memory … */
    WINDOW_SMALL = 4,            /* … and when all windows together are over … */
    WINDOWS_BYTES = 32 * 1024 * 1024,
    RETRIES = 64,                /* waiting retries with which a site gets no new URL */
    REFUSED_A_TAKE = 256,        /* URLs ended in one take before the caller gets its turn */
    ROBOTS_MEMORY = 32 * 1024 * 1024,
    SIEVE = 128 * 1024,          /* URLs known for sure without asking the store */
};

/* A URL of the queue while it is in memory. */
struct entry {
    struct table_node busy; /* out of the window: in flight or waiting for its retry; hashed by seq */
    struct heap_node due;   /* in site->retries */
    uint64_t seq;
    uint32_t depth, attempt, visit;
    uint16_t url_n, via_n;
    uint8_t redirects, counted; /* counted: under a limit of pages, it has its place */
    char text[];                /* URL, NUL, via, NUL */
};

enum site_robots { ROBOTS_UNKNOWN, ROBOTS_FETCHING, ROBOTS_LATER, ROBOTS_KNOWN };

struct host;
struct site {
    struct table_node node;  /* frontier's sites, by key */
    struct ring_node turn;   /* host->ready */
    struct ring_node parked; /* frontier's: has URLs, but no page may be begun any more */
    struct heap_node wait;   /* host->waiting */
    struct ring_node lru;    /* frontier's, while rules are in memory */
    struct host *host;
    uint8_t key[SITE_KEY];
    /* the queue: `window` holds its first rows; if `more`, rows behind pos are on disk only */
    struct entry **window;
    unsigned first, n;
    int more;
    uint32_t pos_depth;
    uint64_t pos_seq;
    struct heap retries;
    size_t n_flights;
    /* robots.txt */
    enum site_robots robots_state;
    unsigned robots_tries;
    uint64_t robots_at;      /* LATER */
    int64_t robots_expires;  /* wall clock */
    int unreachable;         /* KNOWN: everything is forbidden */
    int allow_all;           /* KNOWN: there is no robots.txt */
    struct robots *robots;   /* KNOWN and neither; NULL when it made room for others */
    char origin[];
};

struct host {
    struct table_node node;
    struct ring_node turn;   /* frontier's ready */
    struct heap_node wait;   /* frontier's waiting, or leaving */
    struct ring_node ready;  /* sites that may go */
    struct heap waiting;     /* sites that may go later */
    size_t n_sites;
    unsigned active;
    uint32_t delay_ms;
    uint64_t started_ms;     /* the last start */
    int begun, leaving;
    char name[];
};

struct flight {
    struct frontier_item item;
    struct ring_node all;
    struct site *site;
    struct entry *entry; /* NULL: robots.txt */
    int transferred;
    char robots_url[]; /* if it is that */
};

/* Written with every batch. */
struct tally {
    uint64_t seq, known, rows, done, refused, out_of_scope, too_deep, pages;
};

struct frontier {
    struct frontier_options opt;
    char *user_agent;
    struct store *store;
    struct url_parser *urls;
    struct scope *scope;
    struct tally tally;
    uint64_t now_ms;
    /* who may go */
    struct table hosts, sites, busy;
    struct ring_node ready;       /* hosts */
    struct heap waiting, leaving; /* hosts by when they may go; empty hosts by when they are forgotten */
    struct ring_node parked;      /* sites */
    struct ring_node flights;
    size_t n_flights, n_pages; /* in flight: all, and without robots.txt */
    uint64_t n_counted, n_counted_waiting; /* entries that have their place: all, and waiting for a retry */
    size_t window_bytes;
    struct ring_node rules; /* sites whose rules are in memory, oldest use first */
    size_t rules_bytes;
    uint8_t (*sieve)[URL_KEY];
    struct buf scratch;
    void (*refused)(void *arg, const struct frontier_item *);
    void *refused_arg;
};

static inline trommel_str str_bytes(const void *p, size_t n)
{
    return (trommel_str){ p, n };
}

static inline trommel_str str_c(const char *s)
{
    return (trommel_str){ s, __builtin_strlen(s) };
}

static inline struct flight *flight_of(struct frontier_item *item)
{
    return CONTAINER(item, struct flight, item);
}

static inline void clock_set(struct frontier *f, uint64_t now_ms)
{
    if (now_ms > f->now_ms)
        f->now_ms = now_ms;
}

static inline int limit_reached(const struct frontier *f)
{
    return f->opt.pages_max && f->tally.pages + f->n_counted >= f->opt.pages_max;
}

/* ---- host.c ---- */
void site_key(uint8_t key[SITE_KEY], const struct url_parts *url);
/* The site of a URL; made if need be. */
struct site *site_get(struct frontier *f, const struct url_parts *url);
void site_drop(struct frontier *f, struct site *s); /* with its memory of the queue, and maybe its host */
void site_settle(struct frontier *f, struct site *s); /* puts site and host where they belong now */
void host_settle(struct frontier *f, struct host *h);
void host_began(struct frontier *f, struct host *h);  /* a transfer starts now */
void host_ended(struct frontier *f, struct host *h);
void host_delay(struct host *h, uint32_t delay_ms);   /* at least this much from now on */
void hosts_due(struct frontier *f);                   /* those whose time has come may go */
void host_due(struct frontier *f, struct host *h);    /* the same for its sites */
void parked_wake(struct frontier *f);
void hosts_release(struct frontier *f);

/* ---- queue.c ---- */
struct entry *entry_new(trommel_str url, trommel_str via);
size_t entry_bytes(const struct entry *e);
trommel_str entry_url(const struct entry *e);
trommel_str entry_via(const struct entry *e);
void queue_key(uint8_t key[QUEUE_KEY], const struct site *s, const struct entry *e);
void row_put(struct frontier *f, const uint8_t site[SITE_KEY], const struct entry *e); /* into the batch */
void row_delete(struct frontier *f, const struct site *s, const struct entry *e);
int row_read(trommel_str key, trommel_str value, struct entry **ret);
/* Takes e, whose row has been written. */
void queue_add(struct frontier *f, struct site *s, struct entry *e);
int queue_fill(struct frontier *f, struct site *s); /* so that n is 0 only if nothing is queued */
struct entry *queue_pop(struct frontier *f, struct site *s);
void retry_add(struct frontier *f, struct site *s, struct entry *e, uint64_t at_ms);
struct entry *retry_pop(struct frontier *f, struct site *s);
void busy_end(struct frontier *f, struct entry *e); /* frees */
/* Makes a site for everything that is queued on disk. */
int queues_open(struct frontier *f);
int flights_open(struct frontier *f);

/* ---- dead.c ---- */
void dead_put(struct frontier *f, const uint8_t id[RECORD_ID_BYTES]); /* into the batch */

/* ---- take.c ---- */
void flight_end(struct frontier *f, struct flight *fl); /* frees; the entry is the caller's */
void flight_landed(struct frontier *f, struct flight *fl); /* its transfer is over */
void rules_drop(struct frontier *f, struct site *s);

/* ---- frontier.c ---- */
/* e no longer holds a place under the limit of pages (it has ended, and counts among `pages` or not). */
void counted_end(struct frontier *f, const struct entry *e);
/* What the pending batch holds, and these links of a page that has ended: written, or nothing is. */
int links_add(struct frontier *f, const struct entry *from, const struct frontier_link *links,
              size_t n_links);
int tally_write(struct frontier *f, const struct tally *next); /* commits the batch with it */
#endif
