/* slot: one place for a worker process in the pool, which outlives the processes in it.  Internal to chain/.
 *
 * The pages on their way to the worker stay in the slot's ring until their results are there, so a
 * replacement gets them again without a copy.  Which page a dead worker was at is known from the order of
 * results; its crumb only adds the stage.
 *
 *     slot.c       states, pages, starting, the watch
 *     answer.c     what comes from a worker, all of it checked
 *     blame.c      what a death costs and whom
 *     generation.h whose slot it is */
#ifndef TROMMEL_CHAIN_SLOT_H
#define TROMMEL_CHAIN_SLOT_H
#include <stdarg.h>

#include "chain/exec.h"
#include "chain/pool.h"
#include "chain/proto.h"
#include "chain/ring.h"
#include "chain/spawn.h"

#define SLOT_STATE_MAP(X)                                                                                    \
    X(DOWN, "down: to be started at restart_ms")                                                             \
    X(STARTING, "started, has not said that its chain is ready")                                             \
    X(READY, "takes pages")                                                                                  \
    X(CLOSING, "was told to end; killed at restart_ms")
enum slot_state {
#define X(name, text) SLOT_##name,
    SLOT_STATE_MAP(X)
#undef X
};

enum { EV_SOCK, EV_PID, EV_LOG }; /* what an event is of */
enum { STAGE_NAME_BYTES = 65 };   /* an id and its NUL */

struct crash_trace;
struct pool;
struct generation;

typedef void (*result_fn)(void *arg, void *user, const struct pool_result *r);

struct flight { /* a page on its way */
    uint64_t seq;
    void *user;
    result_fn guest_fn; /* a guest (pool_submit_to): who gets the result; NULL: a page of the crawl */
    void *guest_arg;
    uint32_t off, n;
    unsigned deaths; /* workers that died with it at the front */
    int has_fallen;  /* it is here because another generation died of it */
};

struct watch { /* the page and stage the worker was at when looked at last, and since when */
    uint64_t seq, page_cpu_us, page_ms, at_cpu_us, at_ms;
    uint32_t phase, index;
    int is_set;
};

struct log_bucket {
    uint64_t ms;
    unsigned tokens, lost;
};

struct slot_proc {
    struct pool *pool;
    struct generation *gen;
    unsigned index; /* in the pool's table */
    uint32_t life; /* counts the processes; old events are told by it */
    enum slot_state state;
    struct child child;
    struct exec_set programs; /* of its exec stages: started and ended with it */
    struct ring ring;
    volatile struct crumb *crumb;
    int crumb_fd;
    struct flight flights[LIMIT_WORKER_QUEUE + LIMIT_WORKER_GUESTS];
    unsigned n_flights, n_sent; /* the oldest first; sent to this process */
    unsigned n_guests;
    size_t flight_bytes;
    struct buf in, out;
    uint64_t served;   /* results of this process */
    unsigned failures; /* processes in a row that died before they were of use */
    uint64_t restart_ms, started_ms;
    int says_fatal; /* its last result said that it will end */
    int wants_out;  /* EPOLLOUT is asked for */
    struct watch watch;
    struct log_bucket log;
    struct buf log_line;
};

/* Why a slot's process ends. */
struct death {
    const char *reason; /* "crash" "timeout" "out_of_memory" "sandbox" "protocol" "exec_died" "exec_protocol" */
    char message[900];
    const struct crash_trace *trace; /* where it was; NULL or empty: not known */
    const struct sandbox_note *note; /* what the sandbox knows; NULL: not known */
    int is_lost;      /* a program of its exec stages is: no stage crashed */
    int died;         /* … by itself, it seems */
    unsigned program; /* … which of them */
    int not_begun;    /* the page at the front had not been begun with */
};

/* Is there a place for one more of its kind?  Guests have places of their own: neither kind waits for the other. */
static inline int slot_has_place(const struct slot_proc *s, int is_guest)
{
    return is_guest ? s->n_guests < LIMIT_WORKER_GUESTS : s->n_flights - s->n_guests < LIMIT_WORKER_QUEUE;
}

/* slot.c */
int slot_init(struct slot_proc *s, struct generation *g, unsigned index);
void slot_release(struct slot_proc *s);
int slot_start(struct slot_proc *s, struct err *err);
/* Takes a page's bytes; f says whose it is.  ERR_FULL. */
int slot_put(struct slot_proc *s, const struct pool_page *page, const struct flight *f);
/* The same for bytes that lay in another slot. */
int slot_put_bytes(struct slot_proc *s, const unsigned char *bytes, const struct flight *f);
/* Moves a page from a slot that is down to one that works. */
int slot_move(struct slot_proc *from, struct slot_proc *to);
void slot_flight_end(struct slot_proc *s); /* the oldest is done with */
/* Gives the result of the oldest page, which is over, to whom it is for. */
void slot_result(struct slot_proc *s, const struct pool_result *r);
void slot_feed(struct slot_proc *s);       /* sends what is not sent */
void slot_flush(struct slot_proc *s);
void slot_watch(struct slot_proc *s, uint64_t now_ms);
void slot_state_set(struct slot_proc *s, enum slot_state state);
struct crumb slot_crumb(const struct slot_proc *s); /* a copy, bounded */
/* The stage of a crumb: its id, "parse", or "record". */
const char *crumb_stage(const struct generation *g, const struct crumb *c);
/* It has no page: its end of file, and time to close its stages; then it is DOWN. */
void slot_close(struct slot_proc *s, uint64_t until_ms);
void slot_close_end(struct slot_proc *s); /* kills what is left of it */
/* Ends its process and programs, counts their time. */
struct child_end slot_end(struct slot_proc *s);
/* Reads a page's fixed parts and strings back from the ring. */
void slot_page(const struct slot_proc *s, const struct flight *f, struct pool_page *ret);

/* answer.c: handles all that has come; ends the process (blame) on end of file or nonsense, and when it is
 * known to be dead behind the last byte. */
void slot_read(struct slot_proc *s, int is_dead);
void slot_read_log(struct slot_proc *s);
/* Control characters and broken UTF-8 become '?': a page's text must not reach a terminal as it is.  to has room
 * for n + 1. */
void make_printable(char *to, const char *p, size_t n);
void pool_log(struct slot_proc *s, int level, const char *p, size_t n);
void pool_say(struct pool *p, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* blame.c */
void slot_died(struct slot_proc *s, struct death *d); /* d->reason NULL: find out */
/* The oldest page gets a record that says so. */
void slot_quarantine(struct slot_proc *s, const char *stage, const struct death *d, int signal);
#endif
