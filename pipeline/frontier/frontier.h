/* frontier: which URLs are known, which wait, and which may be fetched now.
 *
 * On disk (RocksDB), so that kill -9 loses nothing: a URL that was taken and not finished is queued again
 * when the job is opened.  Memory holds the hosts and a window of each host's queue.  Politeness: so many
 * connections and such a delay a host; robots.txt (RFC 9309) fetched before a host's first page.
 * Does no network and knows no records. */
#ifndef TROMMEL_FRONTIER_FRONTIER_H
#define TROMMEL_FRONTIER_FRONTIER_H
#include <trommel/stage.h>

#include "base/err.h"
#include "record/record.h"

struct frontier;
enum frontier_scope { SCOPE_HOST, SCOPE_DOMAIN, SCOPE_PREFIX, SCOPE_ANY };

struct frontier_options {
    enum frontier_scope scope; /* judged against the seeds; domain: registrable, by the public suffix list */
    unsigned depth_max;        /* links from a seed */
    uint64_t pages_max;        /* 0: no limit; visits that are given out */
    uint32_t delay_ms;         /* between two starts on one host (robots Crawl-delay may raise it) */
    unsigned per_host;         /* transfers at a time on one host */
    const char *user_agent;    /* its product token is matched against robots.txt */
    int ignore_robots;         /* only for tests and one's own sites */
    uint64_t job;              /* hash of the job, part of every record id */
};

/* A URL given out.  Owned by the frontier until frontier_done. */
struct frontier_item {
    trommel_str url;
    uint8_t id[RECORD_ID_BYTES]; /* hash of job, URL and visit number */
    uint32_t depth, attempt;     /* attempt: 1 for the first */
    trommel_str via;             /* the page that linked here, or empty */
    int is_robots;               /* this is a host's robots.txt: end it with frontier_robots */
    unsigned redirects;          /* hops behind it */
    int host_last;               /* nothing else is queued for this host: do not keep the connection */
    const char *refused;         /* for frontier_on_refused: "robots" or "robots_unreachable"; else NULL */
    void *host;                  /* the frontier's */
};
struct frontier_link {
    trommel_str url; /* normalised */
    int nofollow;
};

int frontier_open(const char *dir, const struct frontier_options *opt, struct frontier **ret,
                  struct err *err);
void frontier_close(struct frontier *f); /* NULL-safe; items given out are queued again at the next open */

/* 0 also when it is known already; ERR_INVALID with a message for what is no http(s) URL. */
int frontier_seed(struct frontier *f, const char *url, struct err *err);

/* The next URL that may be fetched now.  0; ERR_AGAIN with *ret_wait_ms until one may (UINT64_MAX: only
 * after something in flight has ended); ERR_CLOSED: nothing queued and nothing in flight, or pages_max. */
int frontier_take(struct frontier *f, uint64_t now_ms, struct frontier_item **ret, uint64_t *ret_wait_ms);

/* How a visit ended.  Written in one batch: the URL's end and its links.  Takes *item. */
enum frontier_end {
    FRONTIER_DONE,  /* record acknowledged, or dropped */
    FRONTIER_DEAD,  /* quarantined: done, and its record lies in the dead letters until frontier_settle */
    FRONTIER_RETRY, /* again, not before retry_ms; after LIMIT_ATTEMPTS the caller must end it */
    FRONTIER_REDIRECT, /* done; links[0] is where it goes, at the same depth, as its own visit */
};
int frontier_done(struct frontier *f, struct frontier_item **item, enum frontier_end how, uint32_t retry_ms,
                  const struct frontier_link *links, size_t n_links);
/* The transfer is over, the visit is not (chain, sink): the host may get its next one. */
void frontier_transferred(struct frontier *f, struct frontier_item *item, uint64_t now_ms);
/* robots.txt of the item's host arrived: status 0 for no answer (RFC 9309 2.3.1: unreachable is complete
 * disallow, asked again later; 4xx is allow all).  Takes *item. */
int frontier_robots(struct frontier *f, struct frontier_item **item, int status, trommel_str body,
                    uint64_t now_ms);

/* What is known of a page of the dead letters by its id: 1 its record lies there; 0 it was settled;
 * ERR_ABSENT its visit has not ended like that: the URL is still queued, or was delivered since; or an
 * error. */
int frontier_dead(struct frontier *f, const uint8_t id[RECORD_ID_BYTES]);
/* A page of the dead letters came out well after all.  Written in one batch: that it is settled, and its
 * links, as those of a page at `url` so deep.  0 also if it was settled already (nothing is written then). */
int frontier_settle(struct frontier *f, const uint8_t id[RECORD_ID_BYTES], trommel_str url, uint32_t depth,
                    const struct frontier_link *links, size_t n_links);

struct frontier_counts {
    uint64_t known, queued, in_flight, done, refused_robots, out_of_scope, too_deep, hosts;
};
struct frontier_counts frontier_counts(const struct frontier *f);
/* Visits that robots.txt forbids are ended inside take; each is told here, to be counted and recorded. */
void frontier_on_refused(struct frontier *f, void (*fn)(void *arg, const struct frontier_item *), void *arg);
/* Makes the end of visits durable against power loss too (kill -9 needs no call). */
int frontier_sync(struct frontier *f);
#endif
