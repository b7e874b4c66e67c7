/* budget: see budget.h.
 *
 * Shares that are still being fetched stand in one list, oldest first; those of them whose growth was
 * refused also stand in a second one, in the order of refusal.  Whoever gives bytes back wakes as many of
 * the second list as fit into the room, the oldest first.
 *
 * Promise: `used` is never above total + reserve.  It rests on three facts: a share that is not the oldest
 * grows only below total; the oldest grows to `reserve` at the most and stays the oldest until it is
 * settled; a settled share never waits for anything here.  So when nothing settles any more, the oldest
 * can still grow to a whole body, and ends.
 *
 * Omits: what a page costs inside a worker (its address space is capped there). */
#include "page/budget.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"

/* What a visit costs beside its bytes; no share is ever smaller. */
enum { LEAST_BYTES = 2048 };

struct link {
    struct budget_share *prev, *next;
};

struct budget_share {
    struct budget *budget;
    uint64_t held, wanted;
    void (*resume)(void *arg);
    void *arg;
    struct link fetching, waiting;
    int is_fetching, is_waiting;
};

struct list {
    struct budget_share *first, *last;
};

struct budget {
    uint64_t total, reserve, used, shares, refused, peak;
    struct list fetching, waiting;
};

static uint64_t step_up(uint64_t bytes)
{
    return (bytes + LIMIT_RESERVE_BYTES - 1) / LIMIT_RESERVE_BYTES * LIMIT_RESERVE_BYTES;
}

/* ---- the two lists ---- */

static void list_add(struct list *l, struct budget_share *s, size_t at)
{
    struct link *mine = (struct link *)((char *)s + at);

    *mine = (struct link){ l->last, NULL };
    if (l->last)
        ((struct link *)((char *)l->last + at))->next = s;
    else
        l->first = s;
    l->last = s;
}

static void list_cut(struct list *l, struct budget_share *s, size_t at)
{
    struct link *mine = (struct link *)((char *)s + at);

    if (mine->prev)
        ((struct link *)((char *)mine->prev + at))->next = mine->next;
    else
        l->first = mine->next;
    if (mine->next)
        ((struct link *)((char *)mine->next + at))->prev = mine->prev;
    else
        l->last = mine->prev;
}

static void fetching_add(struct budget_share *s)
{
    s->is_fetching = 1;
    list_add(&s->budget->fetching, s, offsetof(struct budget_share, fetching));
}

static void fetching_cut(struct budget_share *s)
{
    if (s->is_fetching)
        list_cut(&s->budget->fetching, s, offsetof(struct budget_share, fetching));
    s->is_fetching = 0;
}

static void waiting_add(struct budget_share *s)
{
    if (!s->is_waiting)
        list_add(&s->budget->waiting, s, offsetof(struct budget_share, waiting));
    s->is_waiting = 1;
}

static void waiting_cut(struct budget_share *s)
{
    if (s->is_waiting)
        list_cut(&s->budget->waiting, s, offsetof(struct budget_share, waiting));
    s->is_waiting = 0;
}

/* ---- taking and giving ---- */

static void use(struct budget *b, uint64_t bytes)
{
    b->used += bytes;
    if (b->used > b->peak)
        b->peak = b->used;
}

/* May this share hold `to` bytes now? */
static int fits(const struct budget_share *s, uint64_t to)
{
    const struct budget *b = s->budget;
    uint64_t more = to - s->held;

    if (b->used + more <= b->total)
        return 1;
    return b->fetching.first == s && to <= b->reserve && b->used + more <= b->total + b->reserve;
}

/* Room has come: calls those that wait and would fit, each once, the oldest fetch before all. */
static void wake(struct budget *b)
{
    uint64_t promised = 0;

    while (b->waiting.first) {
        struct budget_share *oldest = b->fetching.first;
        struct budget_share *s = oldest && oldest->is_waiting ? oldest : b->waiting.first;
        uint64_t more = s->wanted - s->held;
        if (!fits(s, s->wanted) || (s != oldest && b->used + promised + more > b->total))
            return;
        promised += more;
        waiting_cut(s);
        s->resume(s->arg);
    }
}

struct budget *budget_new(uint64_t total_bytes, uint64_t reserve_for_oldest)
{
    struct budget *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->total = total_bytes < LIMIT_RESERVE_BYTES ? LIMIT_RESERVE_BYTES : total_bytes;
    b->reserve = step_up(reserve_for_oldest);
    return b;
}

void budget_free(struct budget *b)
{
    free(b);
}

int budget_room(const struct budget *b)
{
    return b->used + LIMIT_RESERVE_BYTES <= b->total && !b->waiting.first;
}

struct budget_share *budget_start(struct budget *b, void (*resume)(void *arg), void *arg)
{
    struct budget_share *s;

    if (!budget_room(b)) {
        b->refused++; /* those that wait come before those that have not begun */
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->budget = b;
    s->resume = resume;
    s->arg = arg;
    s->held = LIMIT_RESERVE_BYTES;
    use(b, s->held);
    b->shares++;
    fetching_add(s);
    return s;
}

int budget_grow(struct budget_share *s, uint64_t bytes)
{
    struct budget *b = s->budget;
    uint64_t to = step_up(bytes);

    if (to <= s->held)
        return 0;
    if (!fits(s, to)) {
        b->refused++;
        s->wanted = to;
        waiting_add(s);
        return ERR_FULL;
    }
    waiting_cut(s);
    use(b, to - s->held);
    s->held = to;
    return 0;
}

void budget_settle(struct budget_share *s, uint64_t bytes)
{
    if (!s)
        return;
    struct budget *b = s->budget;
    uint64_t to = bytes < LEAST_BYTES ? LEAST_BYTES : bytes;

    waiting_cut(s);
    fetching_cut(s);
    if (to > s->held) { /* a record larger than its body: counted as far as the promise goes */
        uint64_t room = b->total + b->reserve - b->used;
        uint64_t more = to - s->held < room ? to - s->held : room;
        use(b, more);
        s->held += more;
    } else {
        b->used -= s->held - to;
        s->held = to;
    }
    wake(b);
}

void budget_end(struct budget_share **s)
{
    if (!*s)
        return;
    struct budget *b = (*s)->budget;

    waiting_cut(*s);
    fetching_cut(*s);
    b->used -= (*s)->held;
    b->shares--;
    free(*s);
    *s = NULL;
    wake(b);
}

struct budget_state budget_state(const struct budget *b)
{
    return (struct budget_state){ b->total, b->used, b->shares, b->refused, b->peak };
}
