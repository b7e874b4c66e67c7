/* inner: a deliver as its own files see it.
 *
 *     deliver.c   records, the sink, trouble; knows no loop: only when it wants its next turn
 *     loop.c      the same on a libuv loop
 *
 * Internal to deliver/. */
#ifndef TROMMEL_DELIVER_INNER_H
#define TROMMEL_DELIVER_INNER_H
#include "deliver/deliver.h"
#include "deliver/load.h"

#define TROUBLE_BYTES 700

struct entry {
    struct entry *prev, *next; /* in its list */
    struct entry *bucket;      /* next of the same hash */
    uint8_t id[RECORD_ID_BYTES];
    enum { QUEUED, GIVEN, ACKED } state;
    int how;
    unsigned char *data;
    size_t n;
    char *key, *message;
    size_t key_n;
    void *user;
};

struct list {
    struct entry *first, *last;
    size_t n;
};

/* What drives it, where that is a loop. */
struct deliver_drive {
    void (*pump_in)(struct deliver *,
                    unsigned ms);      /* wants deliver_pump then, instead of what it wanted before */
    void (*unwatch)(struct deliver *); /* the sink is about to close its descriptor */
    void (*close)(struct deliver *);   /* the last call: deliver_end, at once or later */
};

struct deliver {
    struct deliver_options opt;
    struct sink sink;
    void *self;
    struct list queue, given, acked, again;
    struct entry **buckets;
    size_t n_buckets, n_entries;
    int calling; /* inside a call of the sink */
    int closing;
    char fail[TROUBLE_BYTES];    /* what fail() said last */
    char trouble[TROUBLE_BYTES]; /* "" when all is well */
    unsigned backoff_ms;
    int fd;                            /* the sink's; -1: it has none */
    uint64_t pump_ms, tick_ms;         /* when put or poll are due by the clock; 0: not */
    const struct deliver_drive *drive; /* NULL: the owner calls deliver_turn */
    void *drive_self;
    void (*done_fn)(void *arg);
    void *done_arg;
};

void deliver_pump(struct deliver *d); /* puts what waits */
void deliver_poll(struct deliver *d); /* the sink's poll, and what it acknowledges */
void deliver_end(struct deliver *d);  /* frees it; tells done_fn */
#endif
