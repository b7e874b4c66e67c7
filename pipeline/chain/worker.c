/* worker: the process in which stages run; see proto.h for what passes between it and the host.
 *
 *     prepare            descriptors; the host's death is ours
 *     before_load        the last moment at which no foreign code has run: into the sandbox
 *     load … configure   stages come in, may open their files
 *     after_configure    from here on nothing needs to be opened: the sandbox is closed
 *     serve              one page after the other
 *
 * Each result is sent as soon as it is made, so that a later page's crash cannot reach it.  When anything
 * about the channel is odd the process ends: the host replaces it. */
#include "chain/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "chain/crash.h"
#include "chain/exec.h"
#include "chain/run.h"
#include "chain/waited.h"
#include "chain/sandbox.h"
#include "chain/wire.h"

enum { LOG_BURST = 200, LOG_A_SECOND = 50 };

struct worker_state {
    struct buf in; /* what came from the host and is not handled yet */
    const unsigned char *ring;
    struct crumb *crumb;
    struct sandbox_note *note; /* behind it */
    struct chain_config config;
    struct proto_config head;
    struct chain *chain;
    struct run run;
    unsigned sandbox;   /* as sandbox_load says */
    uint32_t networked; /* as sandbox_admit says */
    uint64_t log_ms, cpu_us; /* since when tokens were counted; CPU time at the last result */
    unsigned log_tokens;
    struct waited waited;
};

/* ---- the channel ---- */

static int send_all(const struct iovec *iov, int n)
{
    struct iovec v[4];
    struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)n };

    memcpy(v, iov, (size_t)n * sizeof *v);
    while (m.msg_iovlen) {
        ssize_t sent = sendmsg(PROTO_FD_SOCKET, &m, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return ERR_CLOSED;
        while (m.msg_iovlen && (size_t)sent >= m.msg_iov->iov_len) {
            sent -= (ssize_t)m.msg_iov->iov_len;
            m.msg_iov++;
            m.msg_iovlen--;
        }
        if (m.msg_iovlen) {
            m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + sent;
            m.msg_iov->iov_len -= (size_t)sent;
        }
    }
    return 0;
}

static int send_frame(uint32_t type, uint64_t seq, const void *a, size_t a_n, const void *b, size_t b_n)
{
    struct proto_head h = { .magic = PROTO_MAGIC, .type = type, .n = (uint32_t)(a_n + b_n), .seq = seq };
    struct iovec v[3] = { { &h, sizeof h }, { (void *)(uintptr_t)a, a_n }, { (void *)(uintptr_t)b, b_n } };

    return send_all(v, 3);
}

/* One whole frame at the front of w->in.  ERR_CLOSED at the host's end. */
static int frame_wait(struct worker_state *w, struct proto_head *h)
{
    for (;;) {
        if (w->in.len >= sizeof *h) {
            memcpy(h, w->in.data, sizeof *h);
            if (h->magic != PROTO_MAGIC || h->n > PROTO_CONFIG_MAX)
                return ERR_CORRUPT;
            if (w->in.len - sizeof *h >= h->n)
                return 0;
        }
        unsigned char *room = buf_room(&w->in, 16 * KIB);
        ssize_t n = room ? recv(PROTO_FD_SOCKET, room, 16 * KIB, 0) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_CLOSED;
        w->in.len += (size_t)n;
    }
}

/* Stages' words go to the host as frames, in moderation: a stage that logs each node of each page must not
 * make the host its slave. */
static void worker_log(void *arg, int level, const char *who, const char *msg, size_t n)
{
    struct worker_state *w = arg;
    struct proto_log head = { .level = level };
    uint64_t now = clock_mono_ms();
    char line[PROTO_LOG_MAX - 64];
    int len;

    if (now - w->log_ms >= 1000) {
        uint64_t more = (now - w->log_ms) / 1000 * LOG_A_SECOND;
        w->log_tokens = more + w->log_tokens > LOG_BURST ? LOG_BURST : w->log_tokens + (unsigned)more;
        w->log_ms = now;
    }
    if (!w->log_tokens)
        return;
    w->log_tokens--;
    len = snprintf(line, sizeof line, "%s: %.*s", who, (int)(n < 1500 ? n : 1500), msg);
    send_frame(PROTO_LOG, 0, &head, sizeof head, line,
               (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

/* ---- prepare ---- */

/* The host's death ends this process even inside a stage that loops: the kernel signals the closed pipe.
 * (PR_SET_PDEATHSIG alone would fire when the thread that started us ends.) */
static void die_with_host(void)
{
    int flags = fcntl(PROTO_FD_LIFE, F_GETFL);

    if (fcntl(PROTO_FD_LIFE, F_SETOWN, getpid()) || fcntl(PROTO_FD_LIFE, F_SETSIG, SIGKILL) ||
        fcntl(PROTO_FD_LIFE, F_SETFL, flags | O_ASYNC | O_NONBLOCK))
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    char c;
    if (read(PROTO_FD_LIFE, &c, 1) == 0) /* end of file: it died before we asked */
        _exit(1);
}

static int prepare(struct worker_state *w)
{
    void *ring, *crumb;

    signal(SIGPIPE, SIG_IGN); /* a program that is gone is an error of write (exec.h) */
    die_with_host();
    ring = mmap(NULL, PROTO_RING_BYTES, PROT_READ, MAP_SHARED, PROTO_FD_RING, 0);
    crumb = mmap(NULL, PROTO_CRUMB_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, PROTO_FD_CRUMB, 0);
    if (ring == MAP_FAILED || crumb == MAP_FAILED)
        return ERR_IO;
    close(PROTO_FD_RING);
    close(PROTO_FD_CRUMB);
    w->ring = ring;
    w->crumb = crumb;
    w->note = (struct sandbox_note *)((char *)crumb + PROTO_NOTE_AT);
    crash_install((struct crash_report *)((char *)crumb + PROTO_CRASH_AT)); /* without it, crashes have no trace */
    buf_init(&w->in, PROTO_CONFIG_MAX + 64 * KIB);
    w->log_ms = clock_mono_ms();
    w->log_tokens = LOG_BURST;
    return 0;
}

/* ---- the phases of loading ---- */

/* The last moment before foreign code runs: dlopen runs constructors. */
static int before_load(struct worker_state *w, struct err *err)
{
    return sandbox_load(&w->config, &w->head, w->note, &w->sandbox, err);
}

/* All files are open: from here on a page's bytes are the only thing that comes in. */
static int after_configure(struct worker_state *w, struct err *err)
{
    chain_config_release(&w->config);
    return sandbox_serve(err);
}

static void crumb_set(struct worker_state *w, uint32_t phase, uint32_t index)
{
    __atomic_store_n(&w->crumb->index, index, __ATOMIC_RELAXED);
    __atomic_store_n(&w->crumb->phase, phase, __ATOMIC_RELEASE);
}

static void at_load(void *arg, uint32_t item)
{
    crumb_set(arg, CRUMB_LOAD, item);
}

static void at_configure(void *arg, uint32_t stage)
{
    struct worker_state *w = arg;

    snprintf(w->note->stage, sizeof w->note->stage, "%s", w->chain->stages[stage].d.id);
    crumb_set(w, CRUMB_CONFIGURE, (uint32_t)w->chain->stages[stage].item);
}

/* A program of an exec stage is lost, and this process with it: the host starts both anew. */
static void worker_lost(void *arg, uint32_t program, uint32_t how, uint32_t is_begun, const char *msg, size_t n)
{
    struct proto_lost head = { program, how, is_begun };

    (void)arg;
    send_frame(PROTO_LOST, 0, &head, sizeof head, msg, n < FAIL_TEXT_MAX ? n : FAIL_TEXT_MAX);
    _exit(0);
}

static int make_chain(struct worker_state *w, struct err *err)
{
    int rc;

    w->chain = chain_new();
    if (!w->chain)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->chain->log = (struct log_sink){ worker_log, w };
    w->chain->at = at_configure;
    w->chain->at_arg = w;
    w->chain->lost = worker_lost;
    rc = before_load(w, err);
    rc = rc ? rc : chain_load(w->chain, &w->config, at_load, w, err);
    crumb_set(w, CRUMB_START, 0);
    rc = rc ? rc : sandbox_admit(w->chain, &w->head, &w->networked, err);
    rc = rc ? rc : chain_options(w->chain, &w->config, err);
    rc = rc ? rc : chain_link(w->chain, err);
    rc = rc ? rc : chain_hash(w->chain, err);
    rc = rc ? rc : chain_configure(w->chain, &run_host, err);
    crumb_set(w, CRUMB_START, 0);
    if (!rc && run_init(&w->run, w->chain, w->crumb, w->head.page_ms, w->head.stage_ms, w->head.generation))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc ? rc : after_configure(w, err);
}

static int say_ready(struct worker_state *w)
{
    struct proto_ready head = { .n_stages = (uint32_t)w->chain->n_stages, .sandbox = w->sandbox,
                                .networked = w->networked };
    struct buf ids = BUF_INIT(PROTO_READY_MAX);
    char version[64];
    int rc;

    memcpy(head.hash, w->chain->hash, sizeof w->chain->hash);
    for (size_t i = 0; i < w->chain->n_stages; i++) {
        snprintf(version, sizeof version, "%s", w->chain->stages[i].d.version ? w->chain->stages[i].d.version : "");
        wire_str(&ids, w->chain->stages[i].d.id);
        wire_str(&ids, version);
        head.item[i] = (uint8_t)w->chain->stages[i].item;
    }
    rc = ids.err ? ids.err : send_frame(PROTO_READY, 0, &head, sizeof head, ids.data, ids.len);
    buf_release(&ids);
    return rc;
}

static int start(struct worker_state *w)
{
    struct proto_refused refused = { 0 };
    struct err err = { 0 };
    struct proto_head h;
    int rc = frame_wait(w, &h);

    if (rc || h.type != PROTO_CONFIG)
        return rc ? rc : ERR_CORRUPT;
    rc = wire_config_read(w->in.data + sizeof h, h.n, &w->head, &w->config, &err);
    buf_consume(&w->in, sizeof h + h.n);
    w->crumb->generation = w->head.generation;
    close_range((unsigned)PROTO_FD_END + 2 * exec_count(&w->config), ~0u, 0); /* what an embedding program leaked */
    rc = rc ? rc : make_chain(w, &err);
    if (!rc)
        return say_ready(w);
    refused.code = rc;
    send_frame(PROTO_REFUSED, 0, &refused, sizeof refused, err.text, strlen(err.text));
    return rc;
}

/* ---- pages ---- */

/* The page at a place of the ring.  The host wrote it; bounds are checked all the same, because what reads
 * them may have been scribbled upon. */
static int page_read(const struct worker_state *w, struct proto_place at, struct pool_page *ret)
{
    struct proto_page page;
    trommel_str *strs[PAGE_STRS] = {
        [PAGE_ID_TEXT] = &ret->head.id_text,     [PAGE_URL] = &ret->head.url,
        [PAGE_FINAL_URL] = &ret->head.final_url, [PAGE_FETCH] = &ret->head.fetch,
        [PAGE_TYPE] = &ret->content_type,        [PAGE_ENCODING] = &ret->content_encoding,
        [PAGE_HEADERS] = &ret->headers,          [PAGE_BODY] = &ret->body,
    };
    const unsigned char *p;
    size_t left;

    if (at.off > PROTO_RING_BYTES || at.n > PROTO_RING_BYTES - at.off || at.n < sizeof page)
        return ERR_CORRUPT;
    *ret = (struct pool_page){ 0 };
    memcpy(&page, w->ring + at.off, sizeof page);
    p = w->ring + at.off + sizeof page;
    left = at.n - sizeof page;
    for (int i = 0; i < PAGE_STRS; i++) {
        if (page.str_n[i] > left)
            return ERR_CORRUPT;
        *strs[i] = (trommel_str){ (const char *)p, page.str_n[i] };
        p += page.str_n[i];
        left -= page.str_n[i];
    }
    memcpy(ret->head.id, page.id, sizeof page.id);
    ret->head.fetched_ms = page.fetched_ms;
    ret->head.status = (uint16_t)page.status;
    ret->head.bytes = page.bytes;
    return 0;
}

static uint64_t cpu_us_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int send_result(struct worker_state *w, uint64_t seq, const struct run_result *res)
{
    uint64_t cpu = cpu_us_now(), cpu_us = cpu - w->cpu_us;
    struct proto_result r = {
        .outcome = res->outcome,
        .stage = res->stage,
        .retry = (uint32_t)res->retry,
        .fatal = (uint32_t)res->fatal,
        .reason_n = (uint32_t)res->reason.n,
        .sketch_n = (uint32_t)res->sketch.n,
        .record_n = (uint32_t)res->record.n,
        .cpu_us = cpu_us,
        .wait_us = waited_end(&w->waited, cpu_us),
    };
    unsigned char small[sizeof(struct proto_head) + sizeof r + REASON_MAX];
    struct proto_head h = { .magic = PROTO_MAGIC, .type = PROTO_RESULT, .seq = seq };
    size_t n = sizeof h + sizeof r + res->reason.n;

    if (res->reason.n > REASON_MAX)
        return ERR_LIMIT;
    h.n = (uint32_t)(n - sizeof h + res->sketch.n + res->record.n);
    memcpy(small, &h, sizeof h);
    memcpy(small + sizeof h, &r, sizeof r);
    if (res->reason.n)
        memcpy(small + sizeof h + sizeof r, res->reason.p, res->reason.n);
    w->cpu_us = cpu; /* the waiting between pages is part of the next one: it costs next to nothing */
    return send_all((struct iovec[]){ { small, n },
                                      { (void *)(uintptr_t)res->sketch.p, res->sketch.n },
                                      { (void *)(uintptr_t)res->record.p, res->record.n } },
                    3);
}

static int serve_page(struct worker_state *w, uint64_t seq, struct proto_place place)
{
    struct pool_page page;
    struct run_result res;
    int rc = page_read(w, place, &page);

    if (rc)
        return rc;
    __atomic_store_n(&w->crumb->seq, seq, __ATOMIC_RELAXED);
    sandbox_page(w->cpu_us, w->head.page_ms);
    waited_begin(&w->waited);
    rc = run_page(&w->run, &page, &res);
    rc = rc ? rc : send_result(w, seq, &res);
    crumb_set(w, CRUMB_IDLE, 0);
    return rc ? rc : res.fatal ? ERR_CLOSED : 0;
}

static int serve(struct worker_state *w)
{
    w->cpu_us = cpu_us_now();
    crumb_set(w, CRUMB_IDLE, 0);
    for (;;) {
        struct proto_head h;
        struct proto_place place;
        int rc = frame_wait(w, &h);
        if (rc)
            return rc;
        if (h.type != PROTO_PAGE || h.n != sizeof place)
            return ERR_CORRUPT;
        memcpy(&place, w->in.data + sizeof h, sizeof place);
        buf_consume(&w->in, sizeof h + h.n);
        rc = serve_page(w, h.seq, place);
        if (rc)
            return rc;
    }
}

int worker_serve(void)
{
    static struct worker_state w;
    int rc = prepare(&w);

    rc = rc ? rc : start(&w);
    rc = rc ? rc : serve(&w);
    shutdown(PROTO_FD_SOCKET, SHUT_RDWR); /* the host need not wait for what follows */
    run_release(&w.run);
    chain_free(w.chain);
    chain_config_release(&w.config);
    buf_release(&w.in);
    return rc == ERR_CLOSED ? 0 : 1;
}
