/* pool: the workers, seen from the host: pages in, records out.
 *
 * Each worker is a process of its own, started by exec, with one chain instance; up to LIMIT_WORKER_QUEUE
 * pages are on their way to it.  Bodies go through shared memory that the worker can only read; records
 * come back through a socket, so what was sent cannot be changed afterwards; only a breadcrumb (page,
 * stage, since when) lies in memory that the worker can write, and it is copied before it is believed.
 * A worker that crashes, overruns its budget or sends nonsense costs the page it was at; pages behind
 * that one go to another worker; it is replaced (at once, then 10 ms doubling to 10 s).
 *
 * Not bound to an event loop: watch pool_fd for reading and call pool_dispatch.  No signal handlers.
 * One thread. */
#ifndef TROMMEL_CHAIN_POOL_H
#define TROMMEL_CHAIN_POOL_H
#include "chain/chain.h"
#include "record/record.h"

struct pool;
struct pool_result;

struct pool_options {
    unsigned workers;        /* 0: one a core */
    const char *worker_path; /* NULL: found beside the program or library, or $TROMMEL_WORKER */
    uint32_t page_ms, stage_ms;
    uint64_t worker_bytes; /* address space */
    /* Called from pool_dispatch for every page handed in, once.  r and all in it die on return. */
    void (*on_result)(void *arg, void *user, const struct pool_result *r);
    void *arg;
    void (*on_log)(void *arg, int level, const char *line); /* what stages and workers say */
};

/* One page for the chain.  Borrowed during pool_submit. */
struct pool_page {
    struct record_head head;                    /* outcome, reason, charset are the worker's to say */
    trommel_str content_type, content_encoding; /* header values as received */
    trommel_str headers;                        /* "name: value\r\n" lines, or empty */
    trommel_str body;                           /* as received */
};

struct pool_result {
    enum outcome outcome;
    trommel_str record; /* finished msgpack, checked, without `dedupe`; for quarantined pages with `error` */
    trommel_str sketch; /* what the stage gave as `dedupe.sketch`, or empty */
    trommel_str reason; /* of the outcome, or empty */
    trommel_str stage;  /* quarantined, dropped: whose doing; or empty */
    int retry;          /* the stage asked for the page to be tried again later */
    uint64_t cpu_us;
};

/* Starts the workers and waits until each has loaded and linked its chain; a chain that does not link or
 * configure is an error here, with the worker's message (file, field, values, mend).  Takes *config. */
int pool_open(const struct pool_options *opt, struct chain_config *config, struct pool **ret,
              struct err *err);
/* 0; ERR_FULL (come again after a result); ERR_LIMIT (body over the cap). */
int pool_submit(struct pool *p, const struct pool_page *page, void *user);
/* Room for how many more pages? */
size_t pool_room(const struct pool *p);
size_t pool_pending(const struct pool *p);
int pool_fd(const struct pool *p); /* readable: call pool_dispatch */
/* Waits up to timeout_ms (0 not at all, -1 for ever), then handles what is there.  Returns the number of
 * results given out, or an error when no worker can be kept alive. */
int pool_dispatch(struct pool *p, int timeout_ms, struct err *err);
/* CPU time of all workers that ever ran, for the bench and the summary. */
uint64_t pool_cpu_us(const struct pool *p);
/* The chain as each record will name it. */
struct pool_chain {
    uint32_t generation;
    char hash[33];
};
struct pool_chain pool_chain(const struct pool *p);
/* Ends the workers; pages pending get no result.  NULL-safe. */
void pool_close(struct pool *p);
#endif
