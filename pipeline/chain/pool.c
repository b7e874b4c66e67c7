/* pool: see pool.h.  One epoll descriptor holds every worker's socket, pidfd and log pipe, and a timer that
 * is armed only while a page is on its way or a worker is to be started.  The work is done per slot
 * (slot.c, answer.c, blame.c); here pages are given to slots and time is kept. */
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
#include "chain/place.h"
#include "chain/slot.h"
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
        const struct slot_proc *s = &p->slots[i];
        if (s->state == SLOT_DOWN)
            timer_arm(p, s->restart_ms, now);
        else if (s->n_flights || s->state == SLOT_STARTING)
            timer_arm(p, now + p->tick_ms, now);
    }
}

static void slots_restart(struct pool *p)
{
    uint64_t now = clock_mono_ms();

    for (unsigned i = 0; i < p->n_slots; i++) {
        struct slot_proc *s = &p->slots[i];
        struct death d = { .reason = "start" };
        struct err err = { 0 };
        if (s->state != SLOT_DOWN || s->restart_ms > now || p->broken.code)
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
        slot_watch(&p->slots[i], now);
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
    p->head = (struct proto_config){ .page_ms = p->opt.page_ms,
                                     .stage_ms = p->opt.stage_ms,
                                     .generation = 1,
                                     .worker_bytes = p->opt.worker_bytes };
    snprintf(p->head.version, sizeof p->head.version, "%s", TROMMEL_VERSION);
    p->epfd = epoll_create1(EPOLL_CLOEXEC);
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (p->epfd < 0 || p->timer < 0 || epoll_ctl(p->epfd, EPOLL_CTL_ADD, p->timer, &e))
        return err_set(err, ERR_IO,
                       "the pool of workers cannot be made: %s: allow more open files (ulimit -n)",
                       strerror(errno));
    return place_worker(opt->worker_path, &p->worker_path, err);
}

static int slots_make(struct pool *p, struct err *err)
{
    int rc = 0;

    p->slots = calloc(p->opt.workers, sizeof *p->slots);
    if (!p->slots)
        return err_set(err, ERR_NOMEM, "out of memory");
    while (!rc && p->n_slots < p->opt.workers) {
        rc = slot_init(&p->slots[p->n_slots], p, p->n_slots);
        p->n_slots++;
    }
    if (rc)
        return err_set(err, rc,
                       "shared memory for a worker cannot be made: %s: allow more open files or memory",
                       strerror(errno));
    for (unsigned i = 0; !rc && i < p->n_slots; i++)
        rc = slot_start(&p->slots[i], err);
    return rc;
}

static int all_ready(const struct pool *p)
{
    for (unsigned i = 0; i < p->n_slots; i++)
        if (p->slots[i].state != SLOT_READY)
            return 0;
    return 1;
}

int pool_open(const struct pool_options *opt, struct chain_config *config, struct pool **ret, struct err *err)
{
    struct pool *p = calloc(1, sizeof *p);
    int rc;

    *ret = NULL;
    if (!p) {
        chain_config_release(config);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    p->epfd = p->timer = -1;
    p->config = *config;
    *config = (struct chain_config){ 0 };
    p->is_opening = 1;
    rc = pool_init(p, opt, err);
    rc = rc ? rc : slots_make(p, err);
    while (!rc && !all_ready(p))
        rc = pool_dispatch(p, -1, err);
    p->is_opening = 0;
    if (rc < 0) {
        pool_close(p);
        return rc;
    }
    *ret = p;
    return 0;
}

/* Gives idle workers the time to close their stages; those with pages are killed. */
static void slot_close(struct slot_proc *s, uint64_t until_ms)
{
    struct pollfd fd = { .fd = s->child.pidfd, .events = POLLIN };
    uint64_t now = clock_mono_ms();

    if (s->state == SLOT_READY && !s->n_flights && s->child.pidfd >= 0 && until_ms > now)
        poll(&fd, 1, (int)(until_ms - now));
    slot_release(s);
}

void pool_close(struct pool *p)
{
    uint64_t until = clock_mono_ms() + CLOSE_WAIT_MS;

    if (!p)
        return;
    for (unsigned i = 0; i < p->n_slots; i++) { /* all at once: their end of file */
        if (p->slots[i].child.sock >= 0)
            close(p->slots[i].child.sock);
        p->slots[i].child.sock = -1;
    }
    for (unsigned i = 0; i < p->n_slots; i++)
        slot_close(&p->slots[i], until);
    for (uint32_t i = 0; i < p->n_stages; i++)
        free(p->stage_ids[i]);
    free(p->stage_ids);
    free(p->slots);
    free(p->worker_path);
    chain_config_release(&p->config);
    if (p->timer >= 0)
        close(p->timer);
    if (p->epfd >= 0)
        close(p->epfd);
    free(p);
}

/* ---- pages ---- */

static int takes_pages(const struct slot_proc *s)
{
    return s->n_flights < LIMIT_WORKER_QUEUE && (s->state != SLOT_DOWN || !s->failures);
}

/* The slot with the fewest bytes before it (a page counts at least 4 KiB); workers that run first. */
static struct slot_proc *slot_choose(struct pool *p, size_t bytes)
{
    struct slot_proc *best = NULL;
    size_t best_load = 0;

    for (unsigned i = 0; i < p->n_slots; i++) {
        struct slot_proc *s = &p->slots[i];
        size_t load =
            s->flight_bytes + s->n_flights * 4 * KIB + (s->state == SLOT_READY ? 0 : PROTO_RING_BYTES);
        if (!takes_pages(s) || s->flight_bytes + bytes > PROTO_RING_BYTES || (best && load >= best_load))
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

int pool_submit(struct pool *p, const struct pool_page *page, void *user)
{
    struct slot_proc *s;
    size_t bytes = 0;
    int rc = page_ok(page, &bytes);

    if (rc)
        return rc;
    s = slot_choose(p, bytes);
    rc = s ? slot_put(s, page, p->next_seq, user) : ERR_FULL;
    if (rc)
        return rc;
    p->next_seq++;
    slot_feed(s);
    timer_plan(p);
    return 0;
}

size_t pool_room(const struct pool *p)
{
    size_t room = 0;

    for (unsigned i = 0; i < p->n_slots; i++)
        if (takes_pages(&p->slots[i]))
            room += LIMIT_WORKER_QUEUE - p->slots[i].n_flights;
    return room;
}

size_t pool_pending(const struct pool *p)
{
    size_t n = 0;

    for (unsigned i = 0; i < p->n_slots; i++)
        n += p->slots[i].n_flights;
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
        sum += child_cpu_us(&p->slots[i].child);
    return sum;
}

struct pool_chain pool_chain(const struct pool *p)
{
    struct pool_chain c = { .generation = p->head.generation };

    memcpy(c.hash, p->hash, sizeof c.hash);
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
    s = &p->slots[index];
    if (s->life != (uint32_t)(e->data.u64 >> 32) || s->state == SLOT_DOWN)
        return; /* of a process that is gone */
    if (kind == EV_LOG)
        slot_read_log(s);
    if (kind == EV_SOCK && (e->events & EPOLLOUT))
        slot_flush(s);
    if ((kind == EV_SOCK && (e->events & ~(uint32_t)EPOLLOUT)) || kind == EV_PID)
        slot_read(s, kind == EV_PID);
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
    do {
        slots_restart(p);
        timer_plan(p);
        if (p->broken.code)
            break;
        n = epoll_wait(p->epfd, events, EVENTS, p->results ? 0 : wait_ms(timeout_ms, until));
        if (n < 0 && errno != EINTR)
            return err_set(err, ERR_IO, "waiting for workers: %s", strerror(errno));
        for (int i = 0; i < n; i++)
            event_handle(p, &events[i]);
        slots_restart(p);
        timer_plan(p);
        if (p->is_opening && all_ready(p))
            break;
    } while (!p->results && !p->broken.code && timeout_ms && (timeout_ms < 0 || clock_mono_ms() < until));
    if (p->broken.code && !p->results)
        return err_set(err, p->broken.code, "%s", p->broken.text);
    return p->results > INT32_MAX ? INT32_MAX : (int)p->results;
}
