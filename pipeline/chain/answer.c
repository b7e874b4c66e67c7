/* answer: what comes from a worker, believed only after it was checked; see slot.h.
 *
 * Results must come in the order of the pages, within bounds, and the record must be well-formed, of the
 * promised shape, and about the page that was sent: its id and URLs are compared with the host's own
 * copy.  The first thing that is wrong ends the worker. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "chain/generation.h"
#include "chain/load.h"
#include "chain/sandbox.h"
#include "chain/wire.h"
#include "base/utf8.h"
#include "plugin/stage/exec/exec.h"

enum { LOG_A_SECOND = 50, LOG_BURST = 200, READS_MAX = 64 };

/* ---- words ---- */

void pool_say(struct pool *p, int level, const char *fmt, ...)
{
    char line[PROTO_LOG_MAX];
    va_list ap;

    if (!p->opt.on_log)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    p->opt.on_log(p->opt.arg, level, line);
}

void make_printable(char *to, const char *p, size_t n)
{
    size_t at = 0;

    while (at < n) {
        size_t ok = utf8_valid((const unsigned char *)p + at, n - at);
        for (size_t i = 0; i < ok; i++)
            to[at + i] = (unsigned char)p[at + i] < 0x20 || p[at + i] == 0x7f ? '?' : p[at + i];
        at += ok;
        if (at < n)
            to[at++] = '?';
    }
    to[n] = 0;
}

/* One line of a stage or worker, within its rate. */
void pool_log(struct slot_proc *s, int level, const char *p, size_t n)
{
    struct log_bucket *b = &s->log;
    uint64_t now = clock_mono_ms();
    char line[PROTO_LOG_MAX + 1];

    if (now - b->ms >= 1000) {
        uint64_t more = (now - b->ms) / 1000 * LOG_A_SECOND;
        b->tokens = b->tokens + more > LOG_BURST ? LOG_BURST : b->tokens + (unsigned)more;
        b->ms = now;
        if (b->lost)
            pool_say(s->pool, LOG_WARN, "worker %u: %u messages left out, it says too much", s->index,
                     b->lost);
        b->lost = 0;
    }
    if (!b->tokens) {
        b->lost++;
        return;
    }
    b->tokens--;
    make_printable(line, p, n < PROTO_LOG_MAX ? n : PROTO_LOG_MAX);
    if (s->pool->opt.on_log)
        s->pool->opt.on_log(s->pool->opt.arg, level, line);
}

static void log_line_end(struct slot_proc *s)
{
    if (s->log_line.len)
        pool_log(s, LOG_WARN, (const char *)s->log_line.data, s->log_line.len);
    buf_clear(&s->log_line);
}

void slot_read_log(struct slot_proc *s)
{
    char piece[4096];

    for (int i = 0; i < READS_MAX && s->child.log >= 0; i++) {
        ssize_t n = read(s->child.log, piece, sizeof piece);
        if (n <= 0) {
            if (!n) { /* every end is closed; the pidfd or the socket tells of the death */
                close(s->child.log);
                s->child.log = -1;
            }
            break;
        }
        for (ssize_t k = 0; k < n; k++) {
            if (piece[k] == '\n' || s->log_line.len == s->log_line.max)
                log_line_end(s);
            if (piece[k] != '\n')
                buf_add_byte(&s->log_line, (unsigned char)piece[k]);
        }
    }
}

/* ---- frames ---- */

__attribute__((format(printf, 2, 3))) static int nonsense(struct death *d, const char *fmt, ...)
{
    va_list ap;

    d->reason = "protocol";
    va_start(ap, fmt);
    vsnprintf(d->message, sizeof d->message, fmt, ap);
    va_end(ap);
    return ERR_CORRUPT;
}

static int stages_take(struct generation *g, const unsigned char *at, const unsigned char *end,
                       const struct proto_ready *r)
{
    generation_stages_drop(g);
    g->stage_ids = calloc(r->n_stages + 1, sizeof *g->stage_ids);
    g->stage_versions = calloc(r->n_stages + 1, sizeof *g->stage_versions);
    if (!g->stage_ids || !g->stage_versions)
        return ERR_NOMEM;
    for (; g->n_stages < r->n_stages; g->n_stages++) {
        const char *id, *version;
        if (wire_take(&at, end, &id) || !id || strlen(id) > STAGE_ID_MAX || wire_take(&at, end, &version) ||
            r->item[g->n_stages] >= g->config.n_items)
            return ERR_CORRUPT;
        g->stage_items[g->n_stages] = r->item[g->n_stages];
        g->stage_ids[g->n_stages] = strdup(id);
        g->stage_versions[g->n_stages] = strdup(version ? version : "");
        if (!g->stage_ids[g->n_stages] || !g->stage_versions[g->n_stages])
            return ERR_NOMEM;
    }
    return 0;
}

/* How its first worker stands to the sandbox; what holds for every generation is said once. */
static void say_sandbox(struct generation *g, const struct proto_ready *r)
{
    char text[400];
    int level = sandbox_remark(r->sandbox, r->networked < g->n_stages ? g->stage_ids[r->networked] : "?", text,
                               sizeof text);

    if (level < 0 || g->pool->sandbox_said == r->sandbox + 1)
        return;
    g->pool->sandbox_said = (r->sandbox & 0xff) == SANDBOX_OUT_NETWORK ? 0 : r->sandbox + 1;
    pool_say(g->pool, level, "%s", text);
}

/* The first worker's chain is the generation's; a later one must be the same: a file that was replaced
 * meanwhile would change the records without a word. */
static int take_ready(struct slot_proc *s, const unsigned char *p, uint32_t n, struct death *d)
{
    struct generation *g = s->gen;
    struct proto_ready r;

    if (s->state != SLOT_STARTING || n < sizeof r)
        return nonsense(d, "it said READY out of turn");
    memcpy(&r, p, sizeof r);
    r.hash[32] = 0;
    if (strspn(r.hash, "0123456789abcdef") != 32 || r.n_stages > LIMIT_STAGES)
        return nonsense(d, "it said READY with damaged fields");
    if (g->have_chain && strcmp(r.hash, g->hash)) {
        nonsense(d,
                 "chain.hash is %s now, it was %s when this chain was loaded first: a stage's file was replaced; "
                 "put it back or start anew",
                 r.hash, g->hash);
        return ERR_CORRUPT;
    }
    if (!g->have_chain && stages_take(g, p + sizeof r, p + n, &r))
        return nonsense(d, "it said READY with damaged stages");
    if (!g->have_chain)
        say_sandbox(g, &r);
    memcpy(g->hash, r.hash, sizeof g->hash);
    g->have_chain = 1;
    slot_state_set(s, SLOT_READY);
    slot_feed(s);
    return 0;
}

static int take_refused(struct slot_proc *s, const unsigned char *p, uint32_t n, struct death *d)
{
    char text[sizeof s->gen->broken.text];
    size_t len = n - sizeof(struct proto_refused);
    struct proto_refused r;

    if (s->state != SLOT_STARTING || n < sizeof r)
        return nonsense(d, "it said REFUSED out of turn");
    memcpy(&r, p, sizeof r);
    make_printable(text, (const char *)p + sizeof r, len < sizeof text - 1 ? len : sizeof text - 1);
    chain_config_names(&s->gen->config, text, sizeof text);
    d->reason = "refused";
    snprintf(d->message, sizeof d->message, "%.890s", text);
    if (s->gen->state == POOL_GEN_STARTING && !s->gen->broken.code)
        err_set(&s->gen->broken, r.code < 0 && r.code > -64 ? r.code : ERR_REFUSED, "%s", text);
    return ERR_REFUSED;
}

static int take_log(struct slot_proc *s, const unsigned char *p, uint32_t n, struct death *d)
{
    struct proto_log head;

    if (n < sizeof head || n > PROTO_LOG_MAX)
        return nonsense(d, "a log line of %u bytes", n);
    memcpy(&head, p, sizeof head);
    pool_log(s, head.level >= 0 && head.level <= 4 ? head.level : LOG_WARN, (const char *)p + sizeof head,
             n - sizeof head);
    return 0;
}

/* How the program ended is known when it has been ended (blame.c). */
static int take_lost(struct slot_proc *s, const unsigned char *p, uint32_t n, struct death *d)
{
    static const char *const reasons[EXEC_LOSTS] = { [EXEC_LOST_DIED] = "exec_died",
                                                     [EXEC_LOST_TIMEOUT] = "timeout",
                                                     [EXEC_LOST_PROTOCOL] = "exec_protocol" };
    struct proto_lost lost;
    size_t len = n - sizeof lost, max = sizeof d->message - 80; /* room for how it ended */

    if (n < sizeof lost)
        return nonsense(d, "it said LOST with damaged fields");
    memcpy(&lost, p, sizeof lost);
    if (lost.how >= EXEC_LOSTS || lost.program >= s->programs.n)
        return nonsense(d, "it said LOST with damaged fields");
    make_printable(d->message, (const char *)p + sizeof lost, len < max ? len : max);
    d->reason = reasons[lost.how];
    d->is_lost = 1;
    d->died = lost.how == EXEC_LOST_DIED;
    d->program = lost.program;
    d->not_begun = !lost.is_begun;
    return ERR_CLOSED;
}

static int same_str(trommel_str record, const char *path, trommel_str want)
{
    trommel_str got = record_get_str(record.p, record.n, path);

    return got.n == want.n && (!got.n || !memcmp(got.p, want.p, got.n));
}

/* Is the record about the page that was sent, and does it say what the result says? */
static int is_about(trommel_str record, const struct pool_page *page, const struct proto_result *r)
{
    const char *code = outcome_name((enum outcome)r->outcome);
    struct mp_value id;

    if (record_get(record.p, record.n, "id", &id))
        return 0;
    if (page->head.id_text.n) {
        if (id.type != MP_STR || id.len != page->head.id_text.n || memcmp(id.p, page->head.id_text.p, id.len))
            return 0;
    } else if (id.type != MP_BIN || id.len != RECORD_ID_BYTES || memcmp(id.p, page->head.id, id.len)) {
        return 0;
    }
    return same_str(record, "url", page->head.url) && same_str(record, "final_url", page->head.final_url) &&
           same_str(record, "outcome.code", (trommel_str){ code, strlen(code) });
}

static int reason_ok(trommel_str r)
{
    if (r.n > REASON_MAX)
        return 0;
    for (size_t i = 0; i < r.n; i++)
        if (!(r.p[i] >= 'a' && r.p[i] <= 'z') && !(r.p[i] >= '0' && r.p[i] <= '9') && r.p[i] != '_')
            return 0;
    return 1;
}

/* Sizes add up and every field is within its range. */
static int result_parts(const struct generation *g, const unsigned char *p, uint32_t n, struct proto_result *r,
                        struct pool_result *ret)
{
    const char *at = (const char *)p + sizeof *r;

    if (n < sizeof *r)
        return ERR_CORRUPT;
    memcpy(r, p, sizeof *r);
    if (r->reason_n > REASON_MAX || r->sketch_n > PROTO_SKETCH_MAX || r->record_n > LIMIT_RECORD_BYTES ||
        (uint64_t)sizeof *r + r->reason_n + r->sketch_n + r->record_n != n || r->outcome >= OUTCOME_COUNT ||
        (r->stage != SLOT_NONE && r->stage >= g->n_stages))
        return ERR_CORRUPT;
    *ret = (struct pool_result){ .outcome = (enum outcome)r->outcome,
                                 .retry = r->retry == 1,
                                 .cpu_us = r->cpu_us,
                                 .wait_us = r->wait_us,
                                 .generation = g->id };
    ret->reason = (trommel_str){ at, r->reason_n };
    ret->sketch = (trommel_str){ at + r->reason_n, r->sketch_n };
    ret->record = (trommel_str){ at + r->reason_n + r->sketch_n, r->record_n };
    if (r->stage != SLOT_NONE)
        ret->stage = (trommel_str){ g->stage_ids[r->stage], strlen(g->stage_ids[r->stage]) };
    return reason_ok(ret->reason) ? 0 : ERR_CORRUPT;
}

static int take_result(struct slot_proc *s, uint64_t seq, const unsigned char *p, uint32_t n, struct death *d)
{
    struct pool_result res;
    struct proto_result r;
    struct pool_page page;
    struct err why = { 0 };

    if (s->state != SLOT_READY || !s->n_sent || s->flights[0].seq != seq)
        return nonsense(d, "a result out of turn");
    if (result_parts(s->gen, p, n, &r, &res))
        return nonsense(d, "a result with damaged fields");
    if (record_check(res.record.p, res.record.n, &why))
        return nonsense(d, "a record that is none: %.200s", why.text);
    slot_page(s, &s->flights[0], &page);
    if (!is_about(res.record, &page, &r))
        return nonsense(d, "a record that is not about the page sent");
    s->served++;
    s->failures = 0;
    s->says_fatal = r.fatal == 1;
    slot_result(s, &res);
    return 0;
}

static int take_frame(struct slot_proc *s, const struct proto_head *h, const unsigned char *p,
                      struct death *d)
{
    switch (h->type) {
    case PROTO_READY:
        return take_ready(s, p, h->n, d);
    case PROTO_REFUSED:
        return take_refused(s, p, h->n, d);
    case PROTO_LOG:
        return take_log(s, p, h->n, d);
    case PROTO_RESULT:
        return take_result(s, h->seq, p, h->n, d);
    case PROTO_LOST:
        return take_lost(s, p, h->n, d);
    default:
        return nonsense(d, "a frame of unknown type %u", h->type);
    }
}

static uint32_t frame_max(uint32_t type)
{
    return type == PROTO_RESULT ? PROTO_RESULT_MAX : type == PROTO_READY ? PROTO_READY_MAX : 16 * KIB;
}

/* Handles the whole frames in s->in; ERR_* ends the worker, d says why. */
static int take_frames(struct slot_proc *s, struct death *d)
{
    size_t at = 0;
    int rc = 0;

    while (!rc && s->in.len - at >= sizeof(struct proto_head)) {
        struct proto_head h;
        memcpy(&h, s->in.data + at, sizeof h);
        if (h.magic != PROTO_MAGIC || h.n > frame_max(h.type)) {
            rc = nonsense(d, "bytes that are no frame");
            break;
        }
        if (s->in.len - at - sizeof h < h.n)
            break;
        rc = take_frame(s, &h, s->in.data + at + sizeof h, d);
        at += sizeof h + h.n;
    }
    if (!rc)
        buf_consume(&s->in, at);
    if (!rc && !s->in.len && s->in.cap > MIB)
        buf_release(&s->in);
    return rc;
}

void slot_read(struct slot_proc *s, int is_dead)
{
    struct death d = { 0 };
    uint32_t life = s->life;

    for (int i = 0; i < READS_MAX && s->state != SLOT_DOWN && s->life == life; i++) {
        unsigned char *room = buf_room(&s->in, 64 * KIB);
        ssize_t n = room ? recv(s->child.sock, room, 64 * KIB, MSG_DONTWAIT) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && !is_dead)
            return;
        if (n > 0)
            s->in.len += (size_t)n;
        if (n <= 0 || take_frames(s, &d)) {
            slot_died(s, &d);
            return;
        }
        if ((size_t)n < 64 * KIB && !is_dead)
            return;
    }
}
