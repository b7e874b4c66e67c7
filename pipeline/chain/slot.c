/* slot: see slot.h. */
#include "chain/slot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/generation.h"
#include "chain/wire.h"

enum { START_MAX_MS = 60000, WALL_FACTOR = 10, LOW_NICE = 10 };

void slot_state_set(struct slot_proc *s, enum slot_state state)
{
    static const char *const names[] = {
#define X(name, text) #name,
        SLOT_STATE_MAP(X)
#undef X
    };

    if (s->state != state)
        log_trace("worker %u (pid %d): %s -> %s", s->index, (int)s->child.pid, names[s->state], names[state]);
    s->state = state;
}

int slot_init(struct slot_proc *s, struct generation *g, unsigned index)
{
    *s = (struct slot_proc){ .pool = g->pool,
                             .gen = g,
                             .index = index,
                             .crumb_fd = -1,
                             .child = { .pidfd = -1, .sock = -1, .log = -1, .life = -1 } };
    buf_init(&s->in, PROTO_RESULT_MAX + sizeof(struct proto_head) + 64 * KIB);
    buf_init(&s->out, PROTO_CONFIG_MAX + 64 * KIB);
    buf_init(&s->log_line, PROTO_LOG_MAX);
    s->log = (struct log_bucket){ clock_mono_ms(), 200, 0 };
    if (page_ring_init(&s->ring, PROTO_RING_BYTES))
        return ERR_IO;
    s->crumb = shared_map("trommel-crumb", PROTO_CRUMB_BYTES, 0, &s->crumb_fd);
    return s->crumb ? 0 : ERR_IO;
}

struct child_end slot_end(struct slot_proc *s)
{
    struct child_end end = child_end(&s->child);

    s->pool->dead_cpu_us += end.cpu_us + exec_end(&s->programs);
    return end;
}

void slot_release(struct slot_proc *s)
{
    slot_end(s);
    if (s->crumb)
        munmap((void *)(uintptr_t)s->crumb, PROTO_CRUMB_BYTES);
    if (s->crumb_fd >= 0)
        close(s->crumb_fd);
    page_ring_release(&s->ring);
    buf_release(&s->in);
    buf_release(&s->out);
    buf_release(&s->log_line);
}

/* ---- starting ---- */

static int watch_fd(struct slot_proc *s, int fd, unsigned kind, uint32_t events)
{
    struct epoll_event e = { .events = events,
                             .data.u64 = (uint64_t)s->life << 32 | (uint64_t)s->index << 8 | kind };

    if (fd < 0)
        return 0;
    return epoll_ctl(s->pool->epfd, EPOLL_CTL_ADD, fd, &e) ? ERR_IO : 0;
}

int slot_start(struct slot_proc *s, struct err *err)
{
    struct pool *p = s->pool;
    int rc;

    memset((void *)(uintptr_t)s->crumb, 0, PROTO_CRUMB_BYTES);
    buf_clear(&s->in);
    buf_clear(&s->out);
    buf_clear(&s->log_line);
    s->life = ++p->last_life;
    s->n_sent = 0;
    s->served = 0;
    s->says_fatal = s->wants_out = 0;
    s->watch.is_set = 0;
    rc = child_start(p->worker_path, s->ring.fd, s->crumb_fd, s->gen->programs, &s->child, &s->programs, err);
    if (rc)
        return rc;
    if (watch_fd(s, s->child.sock, EV_SOCK, EPOLLIN) || watch_fd(s, s->child.pidfd, EV_PID, EPOLLIN) ||
        watch_fd(s, s->child.log, EV_LOG, EPOLLIN) || wire_config(&s->out, &s->gen->head, &s->gen->config)) {
        slot_end(s);
        return err_set(err, ERR_IO,
                       "a worker cannot be started: its configuration is too large, or no memory");
    }
    if (s->gen->flags & POOL_GEN_LOW)
        setpriority(PRIO_PROCESS, (id_t)s->child.pid, LOW_NICE);
    s->started_ms = clock_mono_ms();
    slot_state_set(s, SLOT_STARTING);
    slot_flush(s);
    return 0;
}

/* ---- pages ---- */

static size_t page_bytes(const struct pool_page *page, struct proto_page *ret)
{
    const trommel_str *const strs[PAGE_STRS] = {
        [PAGE_ID_TEXT] = &page->head.id_text,     [PAGE_URL] = &page->head.url,
        [PAGE_FINAL_URL] = &page->head.final_url, [PAGE_FETCH] = &page->head.fetch,
        [PAGE_TYPE] = &page->content_type,        [PAGE_ENCODING] = &page->content_encoding,
        [PAGE_HEADERS] = &page->headers,          [PAGE_BODY] = &page->body,
    };
    size_t n = sizeof *ret;

    *ret = (struct proto_page){ .fetched_ms = page->head.fetched_ms,
                                .bytes = page->head.bytes ? page->head.bytes : page->body.n,
                                .status = page->head.status };
    memcpy(ret->id, page->head.id, sizeof ret->id);
    for (int i = 0; i < PAGE_STRS; i++) {
        ret->str_n[i] = (uint32_t)strs[i]->n;
        n += strs[i]->n;
    }
    return n;
}

static unsigned char *put_bytes(unsigned char *to, trommel_str s)
{
    if (s.n)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

static unsigned char *flight_add(struct slot_proc *s, const struct flight *f, size_t n)
{
    struct flight *to = &s->flights[s->n_flights];
    uint32_t off;

    if (!slot_has_place(s, f->guest_fn != NULL) || page_ring_take(&s->ring, n, &off))
        return NULL;
    *to = *f;
    to->off = off;
    to->n = (uint32_t)n;
    s->n_flights++;
    s->n_guests += f->guest_fn != NULL;
    s->flight_bytes += n;
    return s->ring.map + off;
}

int slot_put(struct slot_proc *s, const struct pool_page *page, const struct flight *f)
{
    struct proto_page head;
    size_t n = page_bytes(page, &head);
    unsigned char *at = flight_add(s, f, n);

    if (!at)
        return ERR_FULL;
    memcpy(at, &head, sizeof head);
    at = put_bytes(at + sizeof head, page->head.id_text);
    at = put_bytes(at, page->head.url);
    at = put_bytes(at, page->head.final_url);
    at = put_bytes(at, page->head.fetch);
    at = put_bytes(at, page->content_type);
    at = put_bytes(at, page->content_encoding);
    at = put_bytes(at, page->headers);
    put_bytes(at, page->body);
    return 0;
}

int slot_put_bytes(struct slot_proc *s, const unsigned char *bytes, const struct flight *f)
{
    unsigned char *at = flight_add(s, f, f->n);

    if (!at)
        return ERR_FULL;
    memcpy(at, bytes, f->n);
    return 0;
}

/* Only the host ever wrote these bytes: no need to check them again. */
static void page_at(const unsigned char *at, struct pool_page *ret)
{
    struct proto_page head;

    memcpy(&head, at, sizeof head);
    *ret = (struct pool_page){
        .head = { .fetched_ms = head.fetched_ms, .bytes = head.bytes, .status = (uint16_t)head.status }
    };
    trommel_str *strs[PAGE_STRS] = {
        [PAGE_ID_TEXT] = &ret->head.id_text,     [PAGE_URL] = &ret->head.url,
        [PAGE_FINAL_URL] = &ret->head.final_url, [PAGE_FETCH] = &ret->head.fetch,
        [PAGE_TYPE] = &ret->content_type,        [PAGE_ENCODING] = &ret->content_encoding,
        [PAGE_HEADERS] = &ret->headers,          [PAGE_BODY] = &ret->body,
    };
    memcpy(ret->head.id, head.id, sizeof head.id);
    at += sizeof head;
    for (int i = 0; i < PAGE_STRS; i++) {
        *strs[i] = (trommel_str){ (const char *)at, head.str_n[i] };
        at += head.str_n[i];
    }
}

void slot_page(const struct slot_proc *s, const struct flight *f, struct pool_page *ret)
{
    page_at(s->ring.map + f->off, ret);
}

void slot_flight_end(struct slot_proc *s)
{
    page_ring_give(&s->ring, s->flights[0].off);
    s->flight_bytes -= s->flights[0].n;
    s->n_guests -= s->flights[0].guest_fn != NULL;
    s->n_flights--;
    s->n_sent -= s->n_sent > 0;
    memmove(&s->flights[0], &s->flights[1], s->n_flights * sizeof s->flights[0]);
}

/* The newest page goes: the older ones keep their order. */
int slot_move(struct slot_proc *from, struct slot_proc *to)
{
    const struct flight *f = &from->flights[from->n_flights - 1];

    if (slot_put_bytes(to, from->ring.map + f->off, f))
        return ERR_FULL;
    page_ring_give(&from->ring, f->off);
    from->flight_bytes -= f->n;
    from->n_guests -= f->guest_fn != NULL;
    from->n_flights--;
    return 0;
}

static void result_give(struct slot_proc *s, const struct flight *f, const struct pool_result *r)
{
    struct generation *g = s->gen;

    slot_flight_end(s);
    s->pool->results++;
    if (f->guest_fn) {
        f->guest_fn(f->guest_arg, f->user, r);
        return;
    }
    g->pages++; /* counted where it ran; a guest's is nobody's */
    g->errors += r->outcome == OUTCOME_QUARANTINED;
    g->cpu_us += r->cpu_us;
    g->wait_us += r->wait_us;
    s->pool->opt.on_result(s->pool->opt.arg, f->user, r);
}

/* A page that failed is handed back with its result, as a copy: who gets it may put others into its place. */
void slot_result(struct slot_proc *s, const struct pool_result *r)
{
    const struct flight f = s->flights[0];
    unsigned char *copy = r->outcome == OUTCOME_QUARANTINED ? malloc(f.n) : NULL;
    struct pool_result with_page = *r;
    struct pool_page page;

    if (!copy) {
        result_give(s, &f, r);
        return;
    }
    memcpy(copy, s->ring.map + f.off, f.n);
    page_at(copy, &page);
    with_page.page = &page;
    result_give(s, &f, &with_page);
    free(copy);
}

void slot_close_end(struct slot_proc *s)
{
    slot_read_log(s);
    slot_end(s);
    slot_state_set(s, SLOT_DOWN);
}

void slot_close(struct slot_proc *s, uint64_t until_ms)
{
    if (s->state != SLOT_READY || s->child.pidfd < 0) {
        slot_close_end(s);
        return;
    }
    if (s->child.sock >= 0)
        close(s->child.sock);
    s->child.sock = -1;
    s->restart_ms = until_ms;
    slot_state_set(s, SLOT_CLOSING);
}

void slot_feed(struct slot_proc *s)
{
    if (s->state != SLOT_READY)
        return;
    while (s->n_sent < s->n_flights) {
        const struct flight *f = &s->flights[s->n_sent];
        struct proto_place place = { f->off, f->n };
        wire_head(&s->out, PROTO_PAGE, sizeof place, f->seq);
        buf_add(&s->out, &place, sizeof place);
        s->n_sent++;
    }
    slot_flush(s);
}

/* What does not go now goes when the socket has room; a dead socket is seen by its end of file. */
void slot_flush(struct slot_proc *s)
{
    struct epoll_event e = { .events = EPOLLIN,
                             .data.u64 = (uint64_t)s->life << 32 | (uint64_t)s->index << 8 | EV_SOCK };

    while (s->out.len) {
        ssize_t n = send(s->child.sock, s->out.data, s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_consume(&s->out, (size_t)n);
    }
    if (s->wants_out == (s->out.len > 0))
        return;
    s->wants_out = s->out.len > 0;
    e.events |= s->wants_out ? EPOLLOUT : 0;
    epoll_ctl(s->pool->epfd, EPOLL_CTL_MOD, s->child.sock, &e);
}

/* ---- the watch ---- */

struct crumb slot_crumb(const struct slot_proc *s)
{
    struct crumb c = { s->crumb->seq, s->crumb->phase, s->crumb->index, s->crumb->generation, 0 };

    if (c.phase >= CRUMB_PHASES)
        c.phase = CRUMB_IDLE;
    return c;
}

const char *crumb_stage(const struct generation *g, const struct crumb *c)
{
    if (c->phase == CRUMB_STAGE && c->index < g->n_stages)
        return g->stage_ids[c->index];
    return c->phase == CRUMB_PARSE ? "parse" : "record";
}

/* Notes where the worker is; what has changed since the last look starts anew. */
static void watch_note(struct slot_proc *s, const struct crumb *c, uint64_t cpu_us, uint64_t now_ms)
{
    struct watch *w = &s->watch;

    if (!w->is_set || w->seq != s->flights[0].seq) {
        *w = (struct watch){ s->flights[0].seq, cpu_us, now_ms, cpu_us, now_ms, c->phase, c->index, 1 };
    } else if (w->phase != c->phase || w->index != c->index) {
        w->phase = c->phase;
        w->index = c->index;
        w->at_cpu_us = cpu_us;
        w->at_ms = now_ms;
    }
}

/* Over the budget, in CPU time; or ten times over on the wall clock (a stage that sleeps)? */
static int is_over(uint64_t cpu_us, uint64_t wall_ms, uint32_t budget_ms)
{
    return cpu_us >= (uint64_t)budget_ms * 1000u || wall_ms >= (uint64_t)budget_ms * WALL_FACTOR;
}

static void watch_pages(struct slot_proc *s, uint64_t now_ms)
{
    struct death d = { .reason = "timeout" };
    struct crumb c = slot_crumb(s);
    uint64_t cpu_us = child_cpu_us(&s->child);
    const struct watch *w = &s->watch;

    watch_note(s, &c, cpu_us, now_ms);
    if (c.phase == CRUMB_STAGE && is_over(cpu_us - w->at_cpu_us, now_ms - w->at_ms, s->pool->opt.stage_ms))
        snprintf(d.message, sizeof d.message, "the stage took more than its %u ms", s->pool->opt.stage_ms);
    else if (is_over(cpu_us - w->page_cpu_us, now_ms - w->page_ms, s->pool->opt.page_ms))
        snprintf(d.message, sizeof d.message, "the page took more than its %u ms", s->pool->opt.page_ms);
    else
        return;
    slot_died(s, &d);
}

void slot_watch(struct slot_proc *s, uint64_t now_ms)
{
    struct death d = { .reason = "timeout" };

    if (s->state == SLOT_CLOSING && now_ms >= s->restart_ms)
        slot_close_end(s);
    if (s->state == SLOT_STARTING && now_ms - s->started_ms > START_MAX_MS) {
        snprintf(d.message, sizeof d.message, "its chain was not ready after %d s", START_MAX_MS / 1000);
        slot_died(s, &d);
    }
    if (s->state != SLOT_READY || !s->n_sent)
        return;
    slot_read(s, 0); /* a result may lie there unread */
    if (s->state == SLOT_READY && s->n_sent)
        watch_pages(s, now_ms);
}
