/* run: one page through the chain, and the table of functions stages call; see run.h.
 *
 * Values lie in an array by slot; a stage's puts are staged by nothing more than the fact that each slot
 * has one provider: rolling a stage back is forgetting its slots and extras.  Text is checked for UTF-8,
 * msgpack for form and depth when it is put, so a bad value is the stage's error and not the record's. */
#include "chain/run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "parse/sniff.h"
#include "plugin/stage/exec/exec.h"

enum { PUT_MSGPACK_DEPTH = 16 };
#define ARENA_KEEP (16u * MIB) /* chunks kept from page to page */

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const struct stage *running(const trommel_page *p)
{
    return &p->run->chain->stages[p->stage];
}

/* ---- services at any time ---- */

static void host_log(trommel_ctx *c, uint32_t level, const char *msg, size_t n)
{
    if (c->log->log && level <= 4 && msg)
        c->log->log(c->log->arg, (int)level, c->chain->stages[c->index].d.id, msg, n);
}

static void host_metric(trommel_ctx *c, uint32_t metric, double v)
{
    (void)c, (void)metric, (void)v; /* nothing reads metrics yet; the call is part of the contract */
}

static void host_fail(trommel_ctx *c, uint32_t reason, const char *msg, size_t n)
{
    size_t from = 0;

    c->fail_reason = reason;
    c->fail_n = 0;
    if (!msg)
        return;
    n = n < FAIL_TEXT_MAX ? n : FAIL_TEXT_MAX;
    while (from < n) {
        size_t ok = utf8_valid((const unsigned char *)msg + from, n - from);
        memcpy(c->fail_text + c->fail_n, msg + from, ok);
        c->fail_n += (uint32_t)ok;
        from += ok;
        if (from < n) {
            c->fail_text[c->fail_n++] = '?';
            from++;
        }
    }
}

static uint64_t host_now_ns(trommel_ctx *c)
{
    (void)c;
    return clock_mono_ns();
}

static int32_t host_opt(trommel_ctx *c, uint32_t opt, trommel_val *ret)
{
    const struct stage *s = &c->chain->stages[c->index];

    if (opt >= s->d.n_opts)
        return TROMMEL_E_INVALID;
    if (!s->values[opt].text)
        return TROMMEL_E_ABSENT;
    *ret = s->values[opt].val;
    return TROMMEL_OK;
}

static int32_t url_service_resolve(trommel_page *p, trommel_str ref, trommel_str *ret)
{
    int rc = url_resolve(p->run->url, p->parsed->base_url, ref, &p->run->arena, ret);

    return !rc ? TROMMEL_OK : rc == ERR_LIMIT ? TROMMEL_E_LIMIT : TROMMEL_E_INVALID;
}

static const trommel_url_service url_service = { .struct_size = sizeof(trommel_url_service),
                                                 .resolve = url_service_resolve };

static const void *host_service(trommel_ctx *c, const char *id)
{
    (void)c;
    if (id && !strcmp(id, EXEC_SERVICE))
        return &chain_exec_service;
    return id && !strcmp(id, TROMMEL_SERVICE_URL) ? &url_service : NULL;
}

/* ---- services inside process() ---- */

static void *host_alloc(trommel_page *p, size_t n, size_t align)
{
    if (align > 64 || (align & (align - 1)))
        return NULL;
    return arena_alloc(&p->run->arena, n, align);
}

static const trommel_dom *host_dom(trommel_page *p)
{
    return &p->parsed->dom;
}

int header_find(trommel_str headers, trommel_str name, trommel_str *ret)
{
    const char *at = headers.p, *end = at + headers.n;

    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at)), *stop = eol ? eol : end,
                   *val = at + name.n + 1;
        if (name.n && (size_t)(stop - at) > name.n && at[name.n] == ':' && !strncasecmp(at, name.p, name.n)) {
            while (val < stop && (*val == ' ' || *val == '\t'))
                val++;
            while (stop > val && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
                stop--;
            *ret = (trommel_str){ val, (size_t)(stop - val) };
            return 0;
        }
        at = eol ? eol + 1 : end;
    }
    return ERR_ABSENT;
}

static int32_t give(trommel_str s, trommel_str *ret)
{
    if (!s.n)
        return TROMMEL_E_ABSENT;
    *ret = s;
    return TROMMEL_OK;
}

static int32_t meta_status(trommel_page *p, trommel_str *ret)
{
    int n = snprintf(p->status, sizeof p->status, "%u", p->in->head.status);

    return give((trommel_str){ p->status, (size_t)n }, ret);
}

static int32_t meta_id(trommel_page *p, trommel_str *ret)
{
    if (p->in->head.id_text.n)
        return give(p->in->head.id_text, ret);
    for (int i = 0; i < RECORD_ID_BYTES; i++)
        snprintf(p->id + 2 * i, 3, "%02x", p->in->head.id[i]);
    return give((trommel_str){ p->id, 2 * RECORD_ID_BYTES }, ret);
}

static int32_t meta_fetched_at(trommel_page *p, trommel_str *ret)
{
    if (!p->fetched_at_n)
        p->fetched_at_n = clock_rfc3339(p->in->head.fetched_ms, p->fetched_at);
    return give((trommel_str){ p->fetched_at, p->fetched_at_n }, ret);
}

static int32_t host_meta(trommel_page *p, uint32_t what, trommel_str key, trommel_str *ret)
{
    const struct record_head *h = &p->in->head;

    switch (what) {
    case TROMMEL_META_URL:
        return give(h->url, ret);
    case TROMMEL_META_FINAL_URL:
        return give(h->final_url.n ? h->final_url : h->url, ret);
    case TROMMEL_META_BASE_URL:
        return give(p->parsed->base_url, ret);
    case TROMMEL_META_STATUS:
        return meta_status(p, ret);
    case TROMMEL_META_CONTENT_TYPE:
        return give(p->parsed->content_type, ret);
    case TROMMEL_META_CHARSET:
        return give(p->parsed->charset, ret);
    case TROMMEL_META_HEADER:
        return header_find(p->in->headers, key, ret) ? TROMMEL_E_ABSENT : TROMMEL_OK;
    case TROMMEL_META_BODY:
        return give(p->parsed->text, ret);
    case TROMMEL_META_ID:
        return meta_id(p, ret);
    case TROMMEL_META_FETCHED_AT:
        return meta_fetched_at(p, ret);
    default:
        return TROMMEL_E_INVALID;
    }
}

static int32_t host_get(trommel_page *p, uint32_t need, trommel_val *ret)
{
    const struct stage *s = running(p);
    uint32_t slot;

    if (need >= s->d.n_needs)
        return TROMMEL_E_INVALID;
    slot = s->need_slot[need];
    if (slot == SLOT_NONE || !p->is_set[slot])
        return TROMMEL_E_ABSENT;
    *ret = p->vals[slot];
    return TROMMEL_OK;
}

/* ---- values a stage hands over ---- */

static int nodes_valid(const uint32_t *idx, uint64_t n, uint32_t n_nodes)
{
    for (uint64_t i = 0; i < n; i++)
        if (idx[i] >= n_nodes)
            return 0;
    return 1;
}

/* Bytes behind u.p, or an error.  What is there is checked in the copy, not here. */
static int32_t value_bytes(const trommel_page *p, const trommel_val *v, uint64_t *bytes)
{
    uint32_t n_nodes = p->parsed->dom.n_nodes;

    *bytes = 0;
    switch (v->type) {
    case TROMMEL_T_BOOL:
        return v->u.i == 0 || v->u.i == 1 ? TROMMEL_OK : TROMMEL_E_INVALID;
    case TROMMEL_T_I64:
        return TROMMEL_OK;
    case TROMMEL_T_F64:
        return isfinite(v->u.d) ? TROMMEL_OK : TROMMEL_E_INVALID;
    case TROMMEL_T_STR:
    case TROMMEL_T_BYTES:
    case TROMMEL_T_MSGPACK:
        *bytes = v->n;
        break;
    case TROMMEL_T_NODES:
        if (v->n > n_nodes)
            return TROMMEL_E_LIMIT;
        *bytes = v->n * sizeof(uint32_t);
        break;
    case TROMMEL_T_NODE_U8:
    case TROMMEL_T_NODE_F32:
        if (v->n != n_nodes)
            return TROMMEL_E_INVALID;
        *bytes = v->n * (v->type == TROMMEL_T_NODE_U8 ? 1 : sizeof(float));
        break;
    default:
        return TROMMEL_E_TYPE;
    }
    if (*bytes > LIMIT_RECORD_BYTES)
        return TROMMEL_E_LIMIT;
    return *bytes && !v->u.p ? TROMMEL_E_INVALID : TROMMEL_OK;
}

static int32_t value_check(const trommel_page *p, const trommel_val *v)
{
    switch (v->type) {
    case TROMMEL_T_STR:
        return utf8_valid(v->u.p, v->n) == v->n ? TROMMEL_OK : TROMMEL_E_INVALID;
    case TROMMEL_T_MSGPACK:
        return mp_check(v->u.p, v->n, PUT_MSGPACK_DEPTH, NULL) ? TROMMEL_E_INVALID : TROMMEL_OK;
    case TROMMEL_T_NODES:
        return nodes_valid(v->u.p, v->n, p->parsed->dom.n_nodes) ? TROMMEL_OK : TROMMEL_E_INVALID;
    default:
        return TROMMEL_OK;
    }
}

/* Copies what v points to into the page's arena and checks the copy. */
static int32_t value_take(trommel_page *p, const trommel_val *v, trommel_val *ret, uint64_t *bytes)
{
    int32_t rc = value_bytes(p, v, bytes);
    void *copy;

    if (rc)
        return rc;
    *ret = (trommel_val){ .type = v->type, .n = v->n, .u = v->u };
    if (v->type <= TROMMEL_T_F64)
        return TROMMEL_OK;
    copy = arena_alloc(&p->run->arena, *bytes, 8);
    if (!copy)
        return TROMMEL_E_LIMIT;
    if (*bytes)
        memcpy(copy, v->u.p, *bytes);
    ret->u.p = copy;
    return value_check(p, ret);
}

static uint64_t slot_bytes(const trommel_page *p, uint32_t slot)
{
    const trommel_val *v = &p->vals[slot];

    if (!p->is_set[slot] || !p->run->chain->slots[slot].in_record)
        return 0;
    return v->type >= TROMMEL_T_STR && v->type <= TROMMEL_T_MSGPACK ? v->n : 0;
}

static int32_t host_put(trommel_page *p, uint32_t provide, const trommel_val *val)
{
    const struct stage *s = running(p);
    const struct slot *slot;
    trommel_val copy;
    uint64_t bytes, record;
    uint32_t index;
    int32_t rc;

    if (provide >= s->d.n_provides || !val)
        return TROMMEL_E_INVALID;
    index = s->provide_slot[provide];
    slot = &p->run->chain->slots[index];
    if (val->type != slot->type)
        return TROMMEL_E_TYPE;
    if (index == p->run->chain->slot_sketch && val->n > PROTO_SKETCH_MAX)
        return TROMMEL_E_LIMIT;
    rc = value_take(p, val, &copy, &bytes);
    if (rc)
        return rc;
    record = p->record_bytes - slot_bytes(p, index) + (slot->in_record ? bytes : 0);
    if (record > LIMIT_RECORD_BYTES)
        return TROMMEL_E_LIMIT;
    p->record_bytes = record;
    p->vals[index] = copy;
    p->is_set[index] = 1;
    return TROMMEL_OK;
}

/* The row for a key: the one that is there, or a new one; NULL over the cap. */
static struct extra *extra_row(trommel_page *p, struct extras *x, trommel_str key)
{
    for (uint32_t i = 0; i < x->n; i++)
        if (x->rows[i].key.n == key.n && !memcmp(x->rows[i].key.p, key.p, key.n))
            return &x->rows[i];
    if (x->n == x->cap) {
        uint32_t cap = x->cap ? 2 * x->cap : 8;
        struct extra *rows =
            cap <= EXTRA_KEYS_MAX ? arena_alloc(&p->run->arena, cap * sizeof *rows, 8) : NULL;
        if (!rows)
            return NULL;
        if (x->n)
            memcpy(rows, x->rows, x->n * sizeof *rows);
        x->rows = rows;
        x->cap = cap;
    }
    x->rows[x->n] = (struct extra){ { arena_strndup(&p->run->arena, key.p, key.n), key.n }, { 0 } };
    return x->rows[x->n].key.p ? &x->rows[x->n++] : NULL;
}

static int32_t host_put_extra(trommel_page *p, trommel_str key, const trommel_val *val)
{
    struct extras *x = &p->extras[p->stage];
    struct extra *row;
    trommel_val copy;
    uint64_t bytes;
    int32_t rc;

    if (!(running(p)->d.flags & TROMMEL_F_EXTRAS) || !val || !key.p || !key.n || key.n > 64 ||
        utf8_valid((const unsigned char *)key.p, key.n) != key.n)
        return TROMMEL_E_INVALID;
    if (val->type >= TROMMEL_T_NODES || val->type == TROMMEL_T_NIL)
        return TROMMEL_E_TYPE;
    rc = value_take(p, val, &copy, &bytes);
    if (rc)
        return rc;
    if (x->bytes + bytes + key.n + 16 > LIMIT_EXTRA_BYTES)
        return TROMMEL_E_LIMIT;
    row = extra_row(p, x, key);
    if (!row)
        return TROMMEL_E_LIMIT;
    x->bytes += bytes + key.n + 16;
    row->val = copy;
    return TROMMEL_OK;
}

/* The wall clock is cheap and never behind the CPU clock of one thread: only when it is over is the CPU
 * clock asked, so that a busy machine stops no innocent stage. */
static uint32_t host_should_stop(trommel_page *p)
{
    uint64_t now = clock_mono_ns(), stage = (uint64_t)p->run->stage_ms * 1000000u;
    uint64_t page = (uint64_t)p->run->page_ms * 1000000u, cpu;

    if (now - p->stage_ns < stage && now - p->page_ns < page)
        return 0;
    cpu = cpu_ns();
    if ((int64_t)(cpu - p->stage_cpu_ns) >= (int64_t)stage ||
        (int64_t)(cpu - p->page_cpu_ns) >= (int64_t)page)
        p->over_budget = 1;
    return (uint32_t)p->over_budget;
}

const trommel_host run_host = {
    .struct_size = sizeof(trommel_host),
    .abi_minor = TROMMEL_ABI_MINOR,
    .log = host_log,
    .metric = host_metric,
    .fail = host_fail,
    .now_ns = host_now_ns,
    .opt = host_opt,
    .service = host_service,
    .alloc = host_alloc,
    .dom = host_dom,
    .meta = host_meta,
    .get = host_get,
    .put = host_put,
    .put_extra = host_put_extra,
    .should_stop = host_should_stop,
};

int chain_configure(struct chain *c, const trommel_host *host, struct err *err)
{
    for (uint32_t i = 0; i < c->n_stages; i++) {
        struct stage *s = &c->stages[i];
        int32_t rc;
        if (c->at)
            c->at(c->at_arg, i);
        s->ctx->fail_n = 0;
        errno = 0;
        rc = s->d.configure ? s->d.configure(host, s->ctx, &s->self) : TROMMEL_OK;
        if (rc)
            return err_set(err, rc == TROMMEL_E_INVALID ? ERR_USAGE : ERR_REFUSED,
                           "stage `%s` (%s) cannot be configured: %.*s", s->d.id, s->path ? s->path : "table",
                           s->ctx->fail_n ? (int)s->ctx->fail_n : 24,
                           s->ctx->fail_n ? s->ctx->fail_text : "it does not say what for");
        s->is_configured = 1;
    }
    return 0;
}

/* ---- the run ---- */

int run_init(struct run *r, const struct chain *chain, struct crumb *crumb, uint32_t page_ms,
             uint32_t stage_ms, uint32_t generation)
{
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;

    *r = (struct run){
        .chain = chain, .crumb = crumb, .page_ms = page_ms, .stage_ms = stage_ms, .generation = generation
    };
    arena_init(&r->arena, LIMIT_ARENA_BYTES);
    buf_init(&r->record, LIMIT_RECORD_BYTES);
    r->parse = parse_new(&limits);
    r->url = url_parser_new();
    r->page.vals = calloc(chain->n_slots + 1, sizeof *r->page.vals);
    r->page.is_set = calloc(chain->n_slots + 1, 1);
    r->page.extras = calloc(chain->n_stages + 1, sizeof *r->page.extras);
    r->page.us = calloc(chain->n_stages + 1, sizeof *r->page.us);
    if (!r->parse || !r->url || !r->page.vals || !r->page.is_set || !r->page.extras || !r->page.us) {
        run_release(r);
        return ERR_NOMEM;
    }
    return 0;
}

void run_release(struct run *r)
{
    if (!r)
        return;
    parse_free(r->parse);
    url_parser_free(r->url);
    arena_release(&r->arena);
    buf_release(&r->record);
    free(r->page.vals);
    free(r->page.is_set);
    free(r->page.extras);
    free(r->page.us);
    *r = (struct run){ 0 };
}

static void page_begin(struct run *r, const struct pool_page *in)
{
    struct trommel_page *p = &r->page;

    memset(p->is_set, 0, r->chain->n_slots);
    memset(p->extras, 0, r->chain->n_stages * sizeof *p->extras);
    memset(p->us, 0, r->chain->n_stages * sizeof *p->us);
    p->run = r;
    p->in = in;
    p->n_ran = 0;
    p->record_bytes = 0;
    p->fetched_at_n = 0;
    p->over_budget = 0;
    buf_clear(&r->record);
    if (r->record.cap > 4 * MIB)
        buf_release(&r->record);
}

static void stage_rollback(struct trommel_page *p, const struct stage *s)
{
    for (unsigned i = 0; i < s->d.n_provides; i++) {
        p->record_bytes -= slot_bytes(p, s->provide_slot[i]);
        p->is_set[s->provide_slot[i]] = 0;
    }
    p->extras[p->stage] = (struct extras){ 0 };
}

static void set_text(trommel_str *to, const char *text)
{
    *to = (trommel_str){ text, strlen(text) };
}

/* The reason a verdict names; fail() may have named it instead.  0 if there is none such. */
static const char *reason_of(const struct stage *s, uint32_t reason, const char *dflt)
{
    if (s->ctx->own_reason[0])
        return s->ctx->own_reason;
    if (!reason && s->ctx->fail_n)
        reason = s->ctx->fail_reason;
    if (!s->d.n_reasons && !reason)
        return dflt;
    return reason < s->d.n_reasons ? s->d.reasons[reason] : NULL;
}

const char *verdict_reason(const struct stage *s, uint32_t verdict)
{
    static const char *const names[] = { NULL, "dropped", "retry", "error", "fatal" };
    uint32_t v = verdict & 0xff;

    if (verdict == TROMMEL_CONTINUE)
        return "";
    return v != TROMMEL_CONTINUE && v <= TROMMEL_FATAL ? reason_of(s, verdict >> 8, names[v]) : NULL;
}

static void stage_ended(struct trommel_page *p, const struct stage *s, uint32_t verdict,
                        struct run_result *res)
{
    uint32_t v = verdict & 0xff;
    const char *reason = verdict_reason(s, verdict);

    res->stage = p->stage;
    res->message = (trommel_str){ s->ctx->fail_text, s->ctx->fail_n };
    if (!reason) {
        set_text(&res->message, "it returned a verdict or reason that does not exist");
        reason = "bad_verdict";
        v = TROMMEL_ERROR;
    }
    if (v == TROMMEL_RETRY && p->over_budget) { /* again would take as long again */
        reason = "timeout";
        set_text(&res->message, "over its time, and it stopped when told");
        v = TROMMEL_ERROR;
    }
    set_text(&res->reason, reason);
    res->outcome = v == TROMMEL_DROP ? OUTCOME_DROPPED : OUTCOME_QUARANTINED;
    res->retry = v == TROMMEL_RETRY;
    res->fatal = v == TROMMEL_FATAL;
    if (v != TROMMEL_DROP)
        stage_rollback(p, s);
}

/* Runs the stages in order; stops at the first that does not continue. */
static void chain_pass(struct trommel_page *p, struct run_result *res)
{
    const struct chain *c = p->run->chain;
    uint64_t cpu = p->page_cpu_ns + (clock_mono_ns() - p->page_ns);

    for (p->stage = 0; p->stage < c->n_stages; p->stage++) {
        const struct stage *s = &c->stages[p->stage];
        uint64_t start = clock_mono_ns();
        uint32_t verdict;
        crumb_at(p->run, CRUMB_STAGE, p->stage);
        p->stage_ns = start;
        p->stage_cpu_ns = cpu;
        s->ctx->fail_n = 0;
        s->ctx->fail_reason = 0;
        s->ctx->own_reason[0] = 0;
        errno = 0; /* a crash is told by it from one for want of memory */
        verdict = s->d.process(s->self, s->ctx, p);
        p->stage_ns = clock_mono_ns();
        p->us[p->stage] = (uint32_t)((p->stage_ns - start) / 1000);
        cpu += p->stage_ns - start; /* at most this much: errs for the stage; the host's watch is exact */
        p->n_ran = p->stage + 1;
        if (verdict != TROMMEL_CONTINUE) {
            stage_ended(p, s, verdict, res);
            return;
        }
    }
}

static void judge_text(struct trommel_page *p, struct run_result *res)
{
    uint32_t slot = p->run->chain->slot_text;

    if (slot == SLOT_NONE || res->outcome != OUTCOME_OK || (p->is_set[slot] && p->vals[slot].n))
        return;
    res->outcome = OUTCOME_NO_CONTENT;
    set_text(&res->reason, "no_text");
}

static void give_sketch(struct trommel_page *p, struct run_result *res)
{
    uint32_t slot = p->run->chain->slot_sketch;

    if (slot != SLOT_NONE && p->is_set[slot] && res->outcome == OUTCOME_OK)
        res->sketch = (trommel_str){ p->vals[slot].u.p, p->vals[slot].n };
}

/* A record that says only that there is none: when the whole one cannot be made. */
static int compose_short(struct trommel_page *p, const char *reason, struct run_result *res)
{
    *res = (struct run_result){ .outcome = OUTCOME_QUARANTINED, .stage = SLOT_NONE };
    set_text(&res->reason, reason);
    set_text(&res->message, "the record could not be made");
    buf_clear(&p->run->record);
    memset(p->is_set, 0, p->run->chain->n_slots);
    memset(p->extras, 0, p->run->chain->n_stages * sizeof *p->extras);
    return compose(p, &(struct links){ 0 }, res);
}

static int page_finish(struct trommel_page *p, const struct links *links, struct run_result *res)
{
    int rc;

    crumb_at(p->run, CRUMB_COMPOSE, 0);
    rc = compose(p, links, res);
    if (rc)
        rc = compose_short(p, rc == ERR_LIMIT ? "record_too_large" : "out_of_memory", res);
    res->record = (trommel_str){ (const char *)p->run->record.data, p->run->record.len };
    return rc;
}

int run_parsed(struct run *r, const struct pool_page *in, const struct parse_output *parsed,
               struct run_result *ret)
{
    struct trommel_page *p = &r->page;
    struct links links = { 0 };

    *ret = (struct run_result){ .stage = SLOT_NONE };
    page_begin(r, in);
    p->parsed = parsed;
    if (parsed->kind == PARSE_NONE) {
        ret->outcome = in->head.status == 304 ? OUTCOME_UNCHANGED
                       : parsed->failed       ? OUTCOME_FAILED
                                              : OUTCOME_NO_CONTENT;
        set_text(&ret->reason, parsed->reason);
        return page_finish(p, &links, ret);
    }
    chain_pass(p, ret);
    judge_text(p, ret);
    give_sketch(p, ret);
    crumb_at(r, CRUMB_LINKS, 0);
    links_collect(p, &links);
    return page_finish(p, &links, ret);
}

/* An answer that is no page (404, 304 …) has a record that says so, whatever came with it. */
static int status_refuses(const struct pool_page *in, struct arena *arena, struct parse_output *ret)
{
    unsigned status = in->head.status;
    char *reason;

    if (!status || (status >= 200 && status <= 299))
        return 0;
    reason = arena_alloc(arena, sizeof "http_65535", 1);
    if (reason)
        sprintf(reason, "http_%u", status);
    *ret = (struct parse_output){
        .kind = PARSE_NONE, .failed = 1, .content_type = in->content_type, .reason = reason ? reason : "http"
    };
    return 1;
}

/* The chain `none`: what was known of the page beforehand, and that it is there. */
static int run_none(struct run *r, const struct pool_page *in, struct run_result *ret)
{
    struct parse_output out = { .kind = PARSE_NONE };
    char type[TYPE_MAX];

    *ret = (struct run_result){ .stage = SLOT_NONE };
    page_begin(r, in);
    if (in->content_type.n) {
        sniff_kind(in->content_type, in->body, type);
        set_text(&out.content_type, type);
    }
    r->page.parsed = &out;
    return page_finish(&r->page, &(struct links){ 0 }, ret);
}

int run_page(struct run *r, const struct pool_page *in, struct run_result *ret)
{
    struct parse_input pi = {
        .url = in->head.final_url.n ? in->head.final_url : in->head.url,
        .content_type = in->content_type,
        .content_encoding = in->content_encoding,
        .body = in->body,
    };
    struct parse_output out = { 0 };
    int rc;

    arena_clear(&r->arena, ARENA_KEEP);
    r->page.page_ns = clock_mono_ns();
    r->page.page_cpu_ns = cpu_ns();
    crumb_at(r, CRUMB_PARSE, 0);
    if (status_refuses(in, &r->arena, &out))
        return run_parsed(r, in, &out, ret);
    if (r->chain->is_none)
        return run_none(r, in, ret);
    rc = parse_page(r->parse, &pi, &r->arena, &out);
    if (rc)
        out = (struct parse_output){ .kind = PARSE_NONE,
                                     .failed = 1,
                                     .reason = rc == ERR_LIMIT ? "too_complex" : "out_of_memory" };
    return run_parsed(r, in, &out, ret);
}
