/* exec: a program in any language as a stage: each page to its standard input, its answer from its
 * standard output.
 *
 * The host starts the program and hands the worker the pipes (pipeline/chain/exec.h); README.md beside
 * this file has the whole protocol.  One page is at the program at a time.  What it says about a page is
 * that page's business (drop, error, retry, a bad answer); when it dies, is late or out of step, it cannot
 * be used any longer and this worker ends with it.  Output goes under x.<id>; no record field is the
 * program's to set. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/stage/exec/answer.h"
#include "plugin/stage/exec/channel.h"
#include "plugin/stage/exec/parts.h"

enum { OUT_KEEP_BYTES = 4 << 20 }; /* of the memory for a page that was sent */
enum { REASON_ERROR, REASON_ANSWER, REASON_LARGE, REASON_LOST, REASON_RETRY, REASON_DROPPED };
static const char *const reasons[] = {
    [REASON_ERROR] = "program_error", [REASON_ANSWER] = "bad_answer",   [REASON_LARGE] = "too_large",
    [REASON_LOST] = "exec_lost",      [REASON_RETRY] = "program_retry", [REASON_DROPPED] = "dropped",
};

struct exec {
    const exec_service *service;
    struct channel channel;
    struct parts parts;
    msgpack_sbuffer out;
    msgpack_unpacked in;
    char *command, *send;
    char id[80], shown[100]; /* the command, cut, for messages */
    uint32_t deadline_ms, start_ms;
    struct hello hello;
    uint64_t n; /* pages sent */
};

static const trommel_host *host;

/* ---- words ---- */

__attribute__((format(printf, 3, 4))) static uint32_t verdict(trommel_ctx *ctx, uint32_t v, const char *fmt,
                                                              ...)
{
    char text[500];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    host->fail(ctx, v >> 8, text, strlen(text));
    return v;
}

/* Ends the worker; where there is none, the verdict that does. */
__attribute__((format(printf, 5, 6))) static uint32_t lost(struct exec *e, trommel_ctx *ctx, uint32_t how,
                                                           uint32_t is_begun, const char *fmt, ...)
{
    char text[500];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    e->service->lost(ctx, how, is_begun, text, strlen(text));
    return verdict(ctx, TROMMEL_VERDICT(TROMMEL_FATAL, REASON_LOST), "%s", text);
}

/* The beginning of what it said, to be shown: "said `Loading mo…`". */
static void show_head(const struct channel *c, char *to, size_t n)
{
    trommel_str head = channel_head(c);
    size_t at = 0;

    for (size_t i = 0; i < head.n && at + 1 < n; i++)
        to[at++] = head.p[i] >= 0x20 && head.p[i] < 0x7f ? head.p[i] : '.';
    to[at] = 0;
}

/* The exchange did not give an answer. */
static uint32_t channel_lost(struct exec *e, trommel_ctx *ctx, enum channel_end end, uint32_t ms,
                             const char *what)
{
    char head[50];

    switch (end) {
    case CHANNEL_GONE_BEFORE:
        return lost(e, ctx, EXEC_LOST_DIED, 0, "`%s` ended while it had nothing to do", e->shown);
    case CHANNEL_GONE:
        return lost(e, ctx, EXEC_LOST_DIED, 1, "`%s` ended, or closed its standard output, before its %s",
                    e->shown, what);
    case CHANNEL_LATE:
        return lost(e, ctx, EXEC_LOST_TIMEOUT, 1, "`%s` gave no %s within %u ms", e->shown, what, ms);
    case CHANNEL_STOPPED:
        return lost(e, ctx, EXEC_LOST_TIMEOUT, 1, "`%s` gave no %s within the stage's time", e->shown, what);
    case CHANNEL_TOO_LONG:
        show_head(&e->channel, head, sizeof head);
        return lost(
            e, ctx, EXEC_LOST_PROTOCOL, 1,
            "`%s` said `%s`, which begins no frame of at most %d bytes: its standard output is for frames "
            "only, words go to standard error",
            e->shown, head, EXEC_ANSWER_MAX);
    default:
        return lost(e, ctx, EXEC_LOST_PROTOCOL, 1, "`%s`: out of memory for its %s", e->shown, what);
    }
}

/* ---- starting ---- */

static trommel_val opt_of(trommel_ctx *ctx, uint32_t opt)
{
    trommel_val v = { 0 };

    host->opt(ctx, opt, &v);
    return v;
}

static char *opt_text(trommel_ctx *ctx, uint32_t opt)
{
    trommel_val v = opt_of(ctx, opt);

    return strndup(v.u.p ? v.u.p : "", v.u.p ? v.n : 0);
}

static int options_read(struct exec *e, trommel_ctx *ctx)
{
    char list[700];
    trommel_str bad;

    e->command = opt_text(ctx, EXEC_COMMAND);
    e->send = opt_text(ctx, EXEC_SEND);
    snprintf(e->shown, sizeof e->shown, "%.90s%s", e->command ? e->command : "",
             e->command && strlen(e->command) > 90 ? "…" : "");
    e->deadline_ms = (uint32_t)opt_of(ctx, EXEC_DEADLINE).u.i;
    e->start_ms = (uint32_t)opt_of(ctx, EXEC_START).u.i;
    if (!e->command || !e->send) {
        verdict(ctx, 0, "out of memory");
        return TROMMEL_E_FAIL;
    }
    if (!parts_read((trommel_str){ e->send, strlen(e->send) }, &e->parts, &bad))
        return TROMMEL_OK;
    parts_list(list, sizeof list);
    verdict(ctx, 0, "option `send`: `%.*s` is unknown, or the %dth: there are %s",
            (int)(bad.n < 40 ? bad.n : 40), bad.p, EXEC_PARTS_MAX + 1, list);
    return TROMMEL_E_INVALID;
}

static int channel_get(struct exec *e, trommel_ctx *ctx)
{
    exec_channel c;

    e->service = host->service(ctx, EXEC_SERVICE);
    if (!e->service || e->service->channel(ctx, &c)) {
        verdict(
            ctx, 0,
            "no program was started for it: only the host can, for a stage that the chain names `exec` or "
            "`exec.NAME`, not by the path of a file");
        return TROMMEL_E_FAIL;
    }
    e->channel.in = c.in;
    e->channel.out = c.out;
    snprintf(e->id, sizeof e->id, "%s", c.id);
    return TROMMEL_OK;
}

/* Both say hello: so a program that speaks something else is told before pages come. */
static int hello_exchange(struct exec *e, trommel_ctx *ctx)
{
    struct channel_wait w = { host, ctx, NULL, e->start_ms };
    char why[ANSWER_WHY_BYTES], line[300];
    enum channel_end end;
    trommel_str frame;
    int n;

    if (parts_hello(&e->parts, e->id, e->deadline_ms, &e->out)) {
        verdict(ctx, 0, "out of memory");
        return TROMMEL_E_FAIL;
    }
    end = channel_exchange(&e->channel, e->out.data, e->out.size, &w, &frame);
    if (end != CHANNEL_OK) {
        channel_lost(e, ctx, end == CHANNEL_GONE_BEFORE ? CHANNEL_GONE : end, e->start_ms, "hello");
        return TROMMEL_E_FAIL;
    }
    if (hello_read(frame, &e->in, &e->hello, why)) {
        verdict(ctx, 0, "`%s`: %s", e->shown, why);
        return TROMMEL_E_FAIL;
    }
    n = snprintf(line, sizeof line, "`%s` is ready: %.*s %.*s", e->shown,
                 (int)(e->hello.name.n < 60 ? e->hello.name.n : 60), e->hello.name.p,
                 (int)(e->hello.version.n < 60 ? e->hello.version.n : 60), e->hello.version.p);
    host->log(ctx, 3, line, (size_t)n);
    return TROMMEL_OK;
}

static void exec_free(struct exec *e)
{
    msgpack_sbuffer_destroy(&e->out);
    msgpack_unpacked_destroy(&e->in);
    free(e->hello.reasons);
    free(e->command);
    free(e->send);
    free(e);
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    struct exec *e = calloc(1, sizeof *e);
    int32_t rc;

    host = h;
    if (!e)
        return TROMMEL_E_FAIL;
    msgpack_sbuffer_init(&e->out);
    msgpack_unpacked_init(&e->in);
    rc = options_read(e, ctx);
    rc = rc ? rc : channel_get(e, ctx);
    rc = rc ? rc : hello_exchange(e, ctx);
    if (rc) {
        free(e->channel.data);
        exec_free(e);
    } else {
        *self = e;
    }
    return rc;
}

static void exec_close(void *self, trommel_ctx *ctx)
{
    struct exec *e = self;

    channel_close(&e->channel, EXEC_CLOSE_MS);
    exec_free(e);
}

/* ---- a page ---- */

/* One pair of `put` under x.<id>; what may go there is for the host to judge. */
static int pair_put(struct exec *e, trommel_page *page, const msgpack_object_kv *kv)
{
    trommel_val v = { .type = TROMMEL_T_MSGPACK };
    msgpack_packer pk;

    if (kv->key.type != MSGPACK_OBJECT_STR)
        return TROMMEL_E_INVALID;
    if (kv->val.type == MSGPACK_OBJECT_NIL)
        return TROMMEL_OK; /* nothing to say */
    msgpack_sbuffer_clear(&e->out);
    msgpack_packer_init(&pk, &e->out, msgpack_sbuffer_write);
    if (msgpack_pack_object(&pk, kv->val))
        return TROMMEL_E_LIMIT;
    v.u.p = e->out.data;
    v.n = e->out.size;
    return host->put_extra(page, (trommel_str){ kv->key.via.str.ptr, kv->key.via.str.size }, &v);
}

static const char *put_why(int rc)
{
    return rc == TROMMEL_E_LIMIT
               ? "over the limits (1 MiB and 1,024 keys a page)"
               : "keys are 1 to 64 bytes of UTF-8, text is UTF-8, values nest at most 16 deep";
}

static uint32_t put_all(struct exec *e, trommel_ctx *ctx, trommel_page *page, const msgpack_object_map *m)
{
    for (uint32_t i = 0; m && i < m->size; i++) {
        const msgpack_object *k = &m->ptr[i].key;
        int rc = pair_put(e, page, &m->ptr[i]);
        if (rc)
            return verdict(
                ctx, TROMMEL_VERDICT(TROMMEL_ERROR, REASON_ANSWER), "`put`: `%.*s` cannot be taken: %s",
                k->type == MSGPACK_OBJECT_STR ? (int)(k->via.str.size < 64 ? k->via.str.size : 64) : 1,
                k->type == MSGPACK_OBJECT_STR ? k->via.str.ptr : "?", put_why(rc));
    }
    return TROMMEL_CONTINUE;
}

static uint32_t drop(struct exec *e, trommel_ctx *ctx, trommel_str reason)
{
    for (uint32_t i = 0; i < e->hello.n_reasons; i++) {
        const char *name = e->hello.reasons[i];
        if (strlen(name) == reason.n && !memcmp(name, reason.p, reason.n) && !e->service->reason(ctx, reason))
            return TROMMEL_VERDICT(TROMMEL_DROP, REASON_DROPPED);
    }
    return verdict(ctx, TROMMEL_VERDICT(TROMMEL_ERROR, REASON_ANSWER),
                   "`drop`: `%.*s` is none of the reasons that its hello names",
                   (int)(reason.n < 64 ? reason.n : 64), reason.p);
}

/* The page was sent; a large one's memory goes back. */
static void out_clear(struct exec *e)
{
    if (e->out.alloc <= OUT_KEEP_BYTES)
        return;
    msgpack_sbuffer_destroy(&e->out);
    msgpack_sbuffer_init(&e->out);
}

static uint32_t answer_apply(struct exec *e, trommel_ctx *ctx, trommel_page *page, const struct answer *a)
{
    uint32_t v;

    if (a->error.n)
        return verdict(ctx, TROMMEL_VERDICT(TROMMEL_ERROR, REASON_ERROR), "%.*s",
                       (int)(a->error.n < 450 ? a->error.n : 450), a->error.p);
    if (a->retry)
        return TROMMEL_VERDICT(TROMMEL_RETRY, REASON_RETRY);
    v = put_all(e, ctx, page, a->put);
    return v == TROMMEL_CONTINUE && a->drop.n ? drop(e, ctx, a->drop) : v;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    struct exec *e = self;
    struct channel_wait w = { host, ctx, page, e->deadline_ms };
    char why[ANSWER_WHY_BYTES] = "";
    enum answer_state state;
    enum channel_end end;
    struct answer answer;
    trommel_str frame;

    if (parts_page(&e->parts, host, page, ++e->n, &e->out))
        return verdict(ctx, TROMMEL_VERDICT(TROMMEL_ERROR, REASON_LARGE),
                       "what is to be sent of it is over %d bytes: name less in option `send`",
                       EXEC_FRAME_MAX);
    end = channel_exchange(&e->channel, e->out.data, e->out.size, &w, &frame);
    out_clear(e);
    if (end != CHANNEL_OK)
        return channel_lost(e, ctx, end, e->deadline_ms, "answer");
    state = answer_read(frame, e->n, &e->in, &answer, why);
    if (state == ANSWER_NONE)
        return lost(e, ctx, EXEC_LOST_PROTOCOL, 1, "`%s` said %s", e->shown, why);
    if (state == ANSWER_BAD)
        return verdict(ctx, TROMMEL_VERDICT(TROMMEL_ERROR, REASON_ANSWER), "its answer has %s", why);
    return answer_apply(e, ctx, page, &answer);
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "exec",
    .version = "1.0.0",
    .summary = "Hands each page to a program of yours, in any language, and takes its answer.",
    .license = "MIT",
    .flags = TROMMEL_F_EXTRAS,
    .n_needs = EXEC_NEEDS,
    .needs = exec_needs,
    .n_opts = EXEC_OPTS,
    .opts = exec_opts,
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .configure = configure,
    .process = process,
    .close = exec_close,
};
