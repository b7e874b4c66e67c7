/* inner: what dead.c and page.c share.  Nobody else includes this. */
#ifndef TROMMEL_COMMAND_REPLAY_INNER_H
#define TROMMEL_COMMAND_REPLAY_INNER_H
#include "base/limits.h"
#include "chain/letter.h"
#include "command/letters.h"
#include "command/replay.h"
#include "command/segments.h"

enum { REPLAY_LISTED = 50 /* pages named that did not come out well */, REPLAY_COMMITS = 64 };

struct page; /* a letter on its way */
struct counts {
    uint64_t run, well, stay, without_page, left, listed;
};

struct committed {
    uint8_t ids[REPLAY_COMMITS][RECORD_ID_BYTES];
    uint32_t n;
};

struct replay {
    const struct replay_args *args;
    uv_loop_t loop;
    uv_poll_t pool_poll;
    uv_prepare_t prepare;
    uv_timer_t beat;
    uv_signal_t signals[2];
    struct frontier *frontier;
    struct dedupe *dedupe;
    struct pool *pool;
    struct deliver *out, *dead;
    struct letters *letters;
    struct segments *segments;
    struct segment_item item;
    struct letter letter; /* of `item` */
    int is_held;          /* it waits for room */
    int is_read;          /* there are no more */
    struct page *all;
    size_t n_pages, bytes;
    uint64_t total; /* letters that count */
    struct counts counts;
    struct committed committed, dead_committed;
    int is_stopping, has_failed, is_damaged, is_dirty;
    uint64_t started_ms, stop_ms, trouble_ms, drawn_ms;
    int shows_progress, is_drawn;
    char stop_reason[1200];
};

/* ---- dead.c ---- */
/* Nothing more is begun; has_failed: and it ends at once, with this as the error. */
void replay_stop(struct replay *r, int has_failed, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- page.c: callbacks of the pool and the sinks, and what comes between ---- */
/* Hands letters to the pool as there is room. */
void replay_feed(struct replay *r);
/* Tells the sinks which ids are written down. */
void replay_commit(struct replay *r);
void replay_on_result(void *replay, void *page, const struct pool_result *res);
void replay_on_ack(void *replay, void *page, int how, const char *message);
void replay_on_dead_ack(void *replay, void *page, int how, const char *message);
/* Forgets what is under way: no callback comes any more. */
void replay_abandon(struct replay *r);
#endif
