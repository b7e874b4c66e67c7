/* pool: see pool.h.  One epoll descriptor holds every worker's socket, pidfd and log pipe, and a timer that
 * is armed only while a page is on its way or a worker is to be started.  The work is done per slot
 * (slot.c, answer.c, blame.c), and per chain (generation.c); here pages are given to slots and time is kept.
 */
#include "chain/pool.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/generation.h"
#include "chain/place.h"
#include "base/utf8.h"

enum { WORKERS_MAX = 256, EVENTS = 64, EV_TIMER = 0xff, CLOSE_WAIT_MS = 1000 };

/* ---- time ---- */

static void timer_arm(struct pool *p, uint64_t at_ms, uint64_t now_ms)
{
    uint64_t wait = at_ms > now_ms ? at_ms - now_ms : 1;
    struct itimerspec t = { .it_value = { (time_t)(wait / 1000), (long)(wait % 1000) * 1000000 } };

    if (p->timer_ms &&
        p->timer_ms <= at_ms) /* also when it is due: putting it off again and again would starve it */
        return;
    p->timer_ms = at_ms > now_ms ? at_ms : now_ms + 1;
    timerfd_settime(p->timer, 0, &t, NULL);
}

/* Arms the timer for the next thing that time must bring about. */
static void timer_plan(struct pool *p)
{
    uint64_t now = clock_mono_ms();

    for (unsigned i = 0; i < p->n_slots; i++) {
        const struct slot_proc *s = p->slots[i];
        if (!s || (s->state == SLOT_DOWN && generation_is_over(s->gen)))
            continue;
        if (s->state == SLOT_DOWN || s->state == SLOT_CLOSING)
            timer_arm(p, s->restart_ms, now);
        else if (s->n_flights || s->state == SLOT_STARTING)
            timer_arm(p, now + p->tick_ms, now);
    }
}

static void slots_restart(struct pool *p)
{
    uint64_t now = clock_mono_ms();

    for (unsigned i = 0; i < p->n_slots; i++) {
        struct slot_proc *s = p->slots[i];
        struct death d = { .reason = "start" };
        struct err err = { 0 };
        if (!s || s->state != SLOT_DOWN || s->restart_ms > now || generation_is_over(s->gen))
            continue;
        if (!slot_start(s, &err))
            continue;
        snprintf(d.message, sizeof d.message, "%.290s", err.text);
        s->state = SLOT_STARTING; /* the failure is counted as that of a start */
        slot_died(s, &d);
    }
}

static void timer_fired(struct pool *p)
{
    uint64_t n, now = clock_mono_ms();

    if (read(p->timer, &n, sizeof n) < 0 && errno != EAGAIN)
        log_debug("pool: timer: %s", strerror(errno));
    p->timer_ms = 0;
    for (unsigned i = 0; i < p->n_slots; i++)
        if (p->slots[i])
            slot_watch(p->slots[i], now);
}

/* ---- opening, closing ---- */

static unsigned cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static int pool_init(struct pool *p, const struct pool_options *opt, struct err *err)
{
    uint32_t least;
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = EV_TIMER };

    p->opt = *opt;
    p->opt.page_ms = opt->page_ms ? opt->page_ms : LIMIT_PAGE_MS;
    p->opt.stage_ms = opt->stage_ms ? opt->stage_ms : LIMIT_STAGE_MS;
    p->opt.worker_bytes = opt->worker_bytes ? opt->worker_bytes : LIMIT_WORKER_BYTES;
    p->opt.workers = opt->workers ? opt->workers : cores();
    if (p->opt.workers > WORKERS_MAX)
        p->opt.workers = WORKERS_MAX;
    least = p->opt.page_ms < p->opt.stage_ms ? p->opt.page_ms : p->opt.stage_ms;
    p->tick_ms = least / 8 < 5 ? 5 : least / 8 > 100 ? 100 : least / 8;
    p->next_seq = 1;
    p->last_generation = opt->first_generation ? opt->first_generation - 1 : 0;
    p->epfd = epoll_create1(EPOLL_CLOEXEC);
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (p->epfd < 0 || p->timer < 0 || epoll_ctl(p->epfd, EPOLL_CTL_ADD, p->timer, &e))
        return err_set(err, ERR_IO,
                       "the pool of workers cannot be made: %s: allow more open files (ulimit -n)",
                       strerror(errno));
    return place_worker(opt->worker_path, &p->worker_path, err);
}

int pool_open(const struct pool_options *opt, struct chain_config *config, struct pool **ret, struct err *err)
{
    struct pool *p = calloc(1, sizeof *p);
    uint32_t first;
    int rc;

    *ret = NULL;
    if (!p) {
        chain_config_release(config);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    p->epfd = p->timer = -1;
    p->orphans_end = &p->orphans;
    p->is_opening = 1;
    rc = pool_init(p, opt, err);
    if (rc)
        chain_config_release(config);
    else
        rc = pool_gen_start(p, config, &(struct pool_gen_options){ .flags = opt->flags }, &first, err);
    while (!rc && !p->live)
        rc = pool_dispatch(p, -1, err);
    p->is_opening = 0;
    if (rc < 0) {
        pool_close(p);
        return rc;
    }
    *ret = p;
    return 0;
}

void pool_leave(struct pool *p)
{
    for (unsigned i = 0; i < p->n_slots; i++) {
        if (!p->slots[i])
            continue;
        child_leave(&p->slots[i]->child);
        exec_leave(&p->slots[i]->programs);
    }
    fd_close(&p->epfd);
    fd_close(&p->timer);
}

void pool_close(struct pool *p)
{
    if (!p)
        return;
    generations_free(p);
    free(p->slots);
    free(p->worker_path);
    if (p->timer >= 0)
        close(p->timer);
    if (p->epfd >= 0)
        close(p->epfd);
    free(p);
}

/* ---- pages ---- */

static int takes_pages(const struct slot_proc *s, int is_guest)
{
    return slot_has_place(s, is_guest) && (s->state != SLOT_DOWN || !s->failures);
}

/* A page counts at least 4 KiB; workers that run come first. */
struct slot_proc *pool_slot(struct generation *g, size_t bytes, int is_guest)
{
    struct slot_proc *best = NULL;
    size_t best_load = 0;

    for (unsigned i = 0; i < g->n_slots; i++) {
        struct slot_proc *s = g->slots[i];
        size_t load =
            s->flight_bytes + s->n_flights * 4 * KIB + (s->state == SLOT_READY ? 0 : PROTO_RING_BYTES);
        if (!takes_pages(s, is_guest) || s->flight_bytes + bytes > PROTO_RING_BYTES ||
            (best && load >= best_load))
            continue;
        best = s;
        best_load = load;
    }
    return best;
}

static int page_ok(const struct pool_page *page, size_t *bytes)
{
    const struct record_head *h = &page->head;
    const trommel_str texts[] = { h->id_text, h->url, h->final_url };

    if (page->body.n > LIMIT_BODY_BYTES || page->headers.n > LIMIT_HEADER_BYTES ||
        page->content_type.n > LIMIT_HEADER_BYTES || page->content_encoding.n > LIMIT_HEADER_BYTES ||
        h->fetch.n > LIMIT_HEADER_BYTES)
        return ERR_LIMIT;
    *bytes =
        page->body.n + page->headers.n + page->content_type.n + page->content_encoding.n + h->fetch.n + 4096;
    for (int i = 0; i < 3; i++) {
        if (texts[i].n > 64 * KIB)
            return ERR_LIMIT;
        if (texts[i].n && utf8_valid((const unsigned char *)texts[i].p, texts[i].n) != texts[i].n)
            return ERR_INVALID;
        *bytes += texts[i].n;
    }
    return 0;
}

static int submit(struct pool *p, struct generation *g, const struct pool_page *page, struct flight *f)
{
    struct slot_proc *s;
    size_t bytes = 0;
    int rc = page_ok(page, &bytes);

    if (rc)
        return rc;
    s = pool_slot(g, bytes, f->guest_fn != NULL);
    f->seq = p->next_seq;
    rc = s ? slot_put(s, page, f) : ERR_FULL;
    if (rc)
        return rc;
    p->next_seq++;
    slot_feed(s);
    timer_plan(p);
    return 0;
}

int pool_submit(struct pool *p, const struct pool_page *page, void *user)
{
    return submit(p, p->live, page, &(struct flight){ .user = user });
}

int pool_submit_to(struct pool *p, uint32_t generation, const struct pool_page *page, result_fn on_result,
                   void *arg, void *user)
{
    struct generation *g = generation_find(p, generation);

    if (!g || !generation_runs(g) || g->broken.code)
        return ERR_ABSENT;
    return submit(p, g, page, &(struct flight){ .user = user, .guest_fn = on_result, .guest_arg = arg });
}

size_t pool_room(const struct pool *p)
{
    const struct generation *g = p->live;
    size_t room = 0;

    for (unsigned i = 0; i < g->n_slots; i++)
        if (takes_pages(g->slots[i], 0))
            room += LIMIT_WORKER_QUEUE - (g->slots[i]->n_flights - g->slots[i]->n_guests);
    return room;
}

size_t pool_pending(const struct pool *p)
{
    size_t n = p->n_orphans;

    for (unsigned i = 0; i < p->n_slots; i++)
        if (p->slots[i])
            n += p->slots[i]->n_flights - p->slots[i]->n_guests;
    return n;
}

int pool_fd(const struct pool *p)
{
    return p->epfd;
}

uint64_t pool_cpu_us(const struct pool *p)
{
    uint64_t sum = p->dead_cpu_us;

    for (unsigned i = 0; i < p->n_slots; i++)
        if (p->slots[i])
            sum += child_cpu_us(&p->slots[i]->child) + exec_cpu_us(&p->slots[i]->programs);
    return sum;
}

struct pool_chain pool_chain(const struct pool *p)
{
    struct pool_chain c = { .generation = p->live->id };

    memcpy(c.hash, p->live->hash, sizeof c.hash);
    return c;
}

/* ---- events ---- */

static void event_handle(struct pool *p, const struct epoll_event *e)
{
    unsigned kind = (unsigned)(e->data.u64 & 0xff), index = (unsigned)(e->data.u64 >> 8 & 0xffffff);
    struct slot_proc *s;

    if (kind == EV_TIMER) {
        timer_fired(p);
        return;
    }
    s = index < p->n_slots ? p->slots[index] : NULL;
    if (!s || s->life != (uint32_t)(e->data.u64 >> 32) || s->state == SLOT_DOWN)
        return; /* of a process that is gone */
    if (kind == EV_LOG)
        slot_read_log(s);
    if (s->state == SLOT_CLOSING) {
        if (kind == EV_PID)
            slot_close_end(s);
        return;
    }
    if (kind == EV_SOCK && (e->events & EPOLLOUT))
        slot_flush(s);
    if ((kind == EV_SOCK && (e->events & ~(uint32_t)EPOLLOUT)) || kind == EV_PID)
        slot_read(s, kind == EV_PID);
}

/* What must be done however the dispatch was woken. */
static void turn(struct pool *p)
{
    slots_restart(p);
    generations_turn(p);
    orphans_place(p);
    timer_plan(p);
}

static int wait_ms(int timeout_ms, uint64_t until_ms)
{
    uint64_t now;

    if (timeout_ms <= 0)
        return timeout_ms;
    now = clock_mono_ms();
    return until_ms > now ? (int)(until_ms - now) : 0;
}

int pool_dispatch(struct pool *p, int timeout_ms, struct err *err)
{
    uint64_t until = clock_mono_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
    struct epoll_event events[EVENTS];
    int n;

    p->results = 0;
    p->has_told = 0;
    do {
        turn(p);
        if (p->broken.code || (p->is_opening && p->live))
            break;
        n = epoll_wait(p->epfd, events, EVENTS, p->results ? 0 : wait_ms(timeout_ms, until));
        if (n < 0 && errno != EINTR)
            return err_set(err, ERR_IO, "waiting for workers: %s", strerror(errno));
        for (int i = 0; i < n; i++)
            event_handle(p, &events[i]);
        turn(p);
        if (p->is_opening && p->live)
            break;
    } while (!p->results && !p->has_told && !p->broken.code && timeout_ms &&
             (timeout_ms < 0 || clock_mono_ms() < until));
    if (p->broken.code && !p->results)
        return err_set(err, p->broken.code, "%s", p->broken.text);
    return p->results > INT32_MAX ? INT32_MAX : (int)p->results;
}
