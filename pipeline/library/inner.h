/* inner: a pipeline as the files of the library see it.
 *
 *     open.c      opening, closing
 *     input.c     what is submitted, checked and made one block
 *     submit.c    handing over, the queue, room
 *     ticket.c    a page's trip through the library: the states, the only setter
 *     result.c    what workers say: dedupe, order, the sink, deadlines
 *     turn.c      everything that is due, done once, with the lock held
 *     dispatch.c  who may turn, waiting, handing out
 *     change.c    changing the chain
 *     lock.c      the lock; what is said while it is held
 *     fork.c      what a child of this process has of a pipeline: nothing
 *
 * One mutex guards all of it.  Callbacks are called without it, so what they are to be told lies ready in
 * lists: `done`, `released`, `said`.  Only the thread with the role of dispatcher takes from those. */
#ifndef TROMMEL_LIBRARY_INNER_H
#define TROMMEL_LIBRARY_INNER_H
#pragma GCC visibility push(default)
#include <trommel/sink.h>
#include <trommel/trommel.h>
#pragma GCC visibility pop

#include <pthread.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/log.h"
#include "chain/pool.h"
#include "chain/swap.h"
#include "deliver/deliver.h"
#include "index/dedupe.h"
#include "library/names.h"
#include "parse/url.h"

enum {
    KEPT_MOST = 4096,                   /* finished records that are not handed out yet … */
    KEPT_BYTES_MOST = 64 * 1024 * 1024, /* … and their bytes */
    QUEUE_DEFAULT = 64,
    QUEUE_MOST = 1 << 20,
    QUEUE_BYTES_MOST = 64 * 1024 * 1024, /* of pages that were copied to wait */
    SPARE_MOST = 16,                     /* blocks that are kept for the next pages … */
    SPARE_BYTES_MOST = 32 * 1024 * 1024, /* … and their bytes */
    SINK_PATIENCE_MS = 30000,
    FAILED_REASON_MOST = 63, /* of trommel_input.failed */
    SINK_CLOSE_MS = 2000,    /* for a sink to make safe what it has taken */
    COMMITTED_MOST = 64,
    SAID_MOST = 1000, /* lines of log that wait for their callback; more are lost */
    DEDUPE_SYNC_EVERY = 256,
};

#define TICKET_STATE_MAP(X)                                                                                  \
    X(NEW, "is not in the pipeline yet")                                                                     \
    X(QUEUED, "waits for room at a worker")                                                                  \
    X(RUNNING, "with a worker")                                                                              \
    X(LATE, "was over its deadline: what the worker says of it is thrown away")                              \
    X(FINISHED, "has its result; ordered: until those before it have theirs")                                \
    X(SINKING, "its record is with the sink")                                                                \
    X(READY, "nothing is missing; ordered: until those before it are handed out")                            \
    X(DONE, "to be handed out")                                                                              \
    X(GIVEN, "handed out")
enum ticket_state {
#define X(name, text) TICKET_##name,
    TICKET_STATE_MAP(X)
#undef X
};

/* A page whose worker has no room yet; its strings lie behind it, but for a body by reference. */
struct waiting {
    struct waiting *after; /* of the spare ones */
    struct pool_page page;
    size_t n, cap; /* of bytes */
    char bytes[];
};

/* A page handed in whose record has not been handed out. */
struct ticket {
    struct ticket *prev, *next; /* all that are pending, in the order of submission; LATE: those that are */
    struct ticket *after;       /* in `queue` or `done` */
    struct ticket *released_after;
    enum ticket_state state;
    void *user;
    struct record_head head; /* its strings lie in text */
    char *text;
    struct waiting *waiting; /* QUEUED */
    void (*release)(void *user);
    uint64_t deadline_ms; /* on the monotonic clock; 0: none */
    enum outcome outcome;
    uint64_t cpu_us;
    uint32_t generation;
    int is_claimed; /* in the dedupe index, not committed */
    int is_acked;   /* the sink has it, and remembers its id */
    struct buf record;
    size_t counted;   /* its bytes that are in kept_bytes */
    size_t sketch_at; /* FINISHED: the sketch lies behind the record from here on */
};

struct ticket_list { /* by `after` */
    struct ticket *first, **end;
    size_t n;
};

struct changed; /* a change that somebody asked for */

struct said { /* a line of log */
    struct said *after;
    int level;
    char line[];
};

enum role {
    ROLE_NONE,
    ROLE_OWNER,
    ROLE_HELPER
}; /* of the dispatcher: a call for it, or trommel_submit_wait */

struct trommel {
    struct trommel_options opt; /* callbacks, numbers and flags; its strings are gone */
    int epfd, timer, bell;      /* what trommel_fd is of: pool, sink, and these two */

    struct trommel *all_next; /* fork.c's */
    pid_t pid;                /* of the process that opened it */

    pthread_mutex_t mutex;
    pthread_cond_t turned;     /* a turn was made, or the role of dispatcher is free */
    struct log_target log_was; /* of the thread that has the lock */

    /* who dispatches */
    enum role role;
    pthread_t dispatcher;
    unsigned wanted, waiters; /* threads that want the role of a helper; that wait for a turn */

    /* the parts */
    struct pool *pool;
    struct dedupe *dedupe;
    struct deliver *deliver; /* NULL: no sink */
    struct url_parser *urls;
    struct names names;
    struct arena arena; /* of one submit */
    char *dedupe_log;

    /* changing the chain; swap is NULL until something of it is asked for */
    struct swap *swap;
    char *config, *stage_dir; /* as given; or NULL */
    char **sets;
    size_t n_sets;
    struct changed *changed; /* whose end is to be told */
    size_t n_changing;       /* whose end is not there yet */

    uint64_t timer_ms; /* when the timer fires; 0: not armed */
    int is_closing;
    struct err failed; /* ends the pipeline: dispatch says it */

    /* pages */
    struct ticket *first, *last, *late;
    struct ticket *to_deliver, *to_ready; /* ordered: whose turn it is; NULL: of the next that is submitted */
    struct ticket_list queue, done;
    struct ticket *released; /* by released_after: whose body is the caller's again */
    struct ticket *current;  /* what trommel_next gave last */
    struct ticket *in_hand;  /* what on_record has */
    struct waiting
        *spare; /* blocks for pages that will wait: mapping them anew for each costs more than the copy */
    size_t n_spare, spare_bytes;
    size_t pending, in_workers, kept, kept_bytes, queue_bytes;
    size_t came;          /* that were ever done */
    uint64_t deadline_ms; /* no deadline is before; 0: there is none */
    uint64_t trouble_ms;  /* since when the sink is in trouble; 0: it is not */
    unsigned unsynced;    /* commits that the dedupe log does not have */
    uint8_t committed[COMMITTED_MOST][RECORD_ID_BYTES];
    uint32_t n_committed;

    struct said *said, **said_end;
    size_t n_said;
};

/* ---- lock.c ---- */
/* Takes the lock; what is logged in this thread is kept for on_log. */
void lock(struct trommel *t);
void unlock(struct trommel *t);
void say(void *t, int level, const char *line); /* keeps a line for on_log */
void said_give(struct trommel *t);              /* the lines to on_log; the lock is given up meanwhile */
void said_drop(struct trommel *t);
void released_give(struct trommel *t); /* the same of bodies by reference that were released */
/* Wakes whoever waits for trommel_fd. */
void bell_ring(struct trommel *t);
void bell_still(struct trommel *t);

/* ---- fork.c ---- */
void fork_watch(struct trommel *t);
void fork_unwatch(struct trommel *t);
int is_forked(const struct trommel *t); /* this process is a child of its */
int forked_say(trommel_error *to);
void fork_close(struct trommel *t); /* all that is the child's */

/* ---- change.c ---- */
void changes_turn(struct trommel *t);
int changes_wait_ms(const struct trommel *t); /* -1: nothing is waited for by the clock */
void changed_give(struct trommel *t);         /* tells how changes went; the lock is given up meanwhile */
void changes_close(struct trommel *t);        /* before the pool */
void changed_drop(struct trommel *t);
/* For pool_options. */
void on_generation(void *t, uint32_t generation, enum pool_gen_state state, const struct err *why);
void config_forget(struct trommel *t); /* config, stage_dir, sets */
int config_keep(struct trommel *t);    /* copies of them; ERR_NOMEM */

/* ---- ticket.c ---- */
struct ticket *ticket_new(const struct pool_page *page, void *user); /* NULL: out of memory */
void ticket_free(struct ticket *k);                                  /* NULL-safe; in no list any more */
void ticket_move(struct trommel *t, struct ticket *k, enum ticket_state to);
void ticket_count(struct trommel *t, struct ticket *k); /* its record has changed while it is kept */
void tickets_add(struct trommel *t, struct ticket *k);  /* the last of those that are pending */
void tickets_take(struct trommel *t, struct ticket *k); /* is pending no longer */
void list_push(struct ticket_list *l, struct ticket *k);
struct ticket *list_pop(struct ticket_list *l);
void list_take(struct ticket_list *l, struct ticket *k);
/* A page that runs is over its deadline: what is pending is a copy of its ticket from here on, and what the
 * worker has is LATE.  NULL: out of memory, nothing has changed. */
struct ticket *ticket_part(struct trommel *t, struct ticket *k);
/* Its body is the caller's again; told by the next released_give. */
void ticket_release(struct trommel *t, struct ticket *k);
/* NULL: out of memory. */
struct waiting *waiting_new(struct trommel *t, const struct pool_page *page, int by_reference);
void waiting_spares_free(struct trommel *t);

/* ---- input.c ---- */
/* Checks an input and makes it a page; strings are borrowed from it or lie in t->arena. */
int input_page(struct trommel *t, const trommel_input *in, struct pool_page *page, struct err *err);

/* ---- submit.c ---- */
void queue_feed(struct trommel *t); /* pages that wait to workers that have room */

/* ---- result.c ---- */
void on_result(void *t, void *ticket, const struct pool_result *r);
void on_ack(void *t, void *ticket, int how, const char *message);
/* It has no result of a worker: a record is made that says so. */
void ticket_fail(struct trommel *t, struct ticket *k, enum outcome outcome, const char *reason,
                 const char *message);
void deadlines_watch(struct trommel *t, uint64_t now_ms);
void dedupe_write(struct trommel *t); /* what is committed into its log */

/* ---- turn.c ---- */
/* Handles what has happened, without waiting; what is to be told lies in the lists then.  t->failed may be
 * set. */
void turn(struct trommel *t);
/* The caller has had the record: its id is committed in the next turn. */
void commit_note(struct trommel *t, const struct ticket *k);
void commit_tell(struct trommel *t);
void timer_plan(struct trommel *t);

/* ---- dispatch.c ---- */
int is_dispatcher(const struct trommel *t); /* this thread, further up */
/* Turns and hands out until records came, the time is over or, for a helper, another wants the role.  Returns
 * how many came (handed out, or ready for trommel_next), ERR_AGAIN, or an error. */
int dispatch(struct trommel *t, int timeout_ms, struct err *err);
/* Until a turn was made or the role is free; a condition's error. */
int turned_wait(struct trommel *t, uint64_t until_ms);
int role_take(struct trommel *t, enum role role);
void role_leave(struct trommel *t);
uint64_t time_until(int timeout_ms); /* on the monotonic clock; UINT64_MAX: for ever */
int time_left(uint64_t until_ms);

/* ---- open.c ---- */
void memory_free(struct trommel *t); /* the last of it */
int error_out(trommel_error *to, const struct err *from, int code);
/* Copies what the caller knows of a struct; 0, or an error when it has set what this library does not know.
 */
int struct_in(const char *what, void *to, size_t size, size_t least, const void *from, struct err *err);
#endif
