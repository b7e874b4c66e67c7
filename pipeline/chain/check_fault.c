/* check_fault: the host's table as the stage that is checked gets it; see check_inner.h.
 *
 * Each call is written onto the board before it is made, so that a crash can be told by it.  Those that the
 * contract lets fail are counted, and fail on purpose when it is their turn; all else goes on to the real
 * table.  A value that the real table refuses is the stage's error, unless the page gives it reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chain/check_inner.h"

enum { EACH_UP_TO = 48, POLLS_YES_MAX = 10000, STOP_MS = 5000 };

struct fault fault;
trommel_host fault_host;

static const int can_fail[] = {
#define X(up, low, can) can,
    CALL_MAP(X)
#undef X
};

static void key_set(struct check_call *c, const char *p, size_t n)
{
    size_t max = sizeof c->key - 1;

    n = !p ? 0 : n < max ? n : max;
    if (n)
        memcpy(c->key, p, n);
    c->key[n] = 0;
}

/* Writes the call down; 1: it must fail. */
static int call(uint32_t kind, uint32_t index, uint64_t bytes, trommel_str key)
{
    struct check_board *b = fault.k->board;
    int must;

    if (fault.mode == FAULT_OFF)
        return 0;
    fault.all++;
    fault.calls += (uint64_t)can_fail[kind];
    fault.allocs += kind == CALL_ALLOC;
    b->call.kind = kind;
    b->call.index = index;
    b->call.n = fault.all;
    b->call.bytes = bytes;
    key_set(&b->call, key.p, key.n);
    must = (fault.mode == FAULT_ONE && can_fail[kind] && fault.calls == fault.at) ||
           (fault.mode == FAULT_FROM && can_fail[kind] && fault.calls >= fault.at) ||
           (fault.mode == FAULT_ARENA && kind == CALL_ALLOC && fault.allocs >= fault.at) ||
           /* what is put is copied into the arena */
           (fault.mode == FAULT_ARENA && fault.fired &&
            (kind == CALL_PUT || kind == CALL_EXTRA || kind == CALL_RESOLVE));
    if (must && !fault.fired)
        b->broken = b->call;
    fault.fired |= must;
    return must;
}

/* The real table has refused a value. */
static void refused(const trommel_page *p, uint32_t type, const trommel_val *v, int32_t rc)
{
    char why[200];

    if (fault.mode == FAULT_OFF || (rc == TROMMEL_E_LIMIT && (fault.traits & PAGE_HOSTILE)) ||
        (rc == TROMMEL_E_INVALID && (fault.traits & PAGE_BAD_TEXT)))
        return;
    check_fail(fault.k, "what it handed over was refused: %s", say_refusal(p, type, v, rc, why));
}

static const trommel_str no_key;

/* ---- the table ---- */

static void *f_alloc(trommel_page *p, size_t n, size_t align)
{
    void *got = call(CALL_ALLOC, 0, n, no_key) ? NULL : run_host.alloc(p, n, align);

    if (got && fault.mode != FAULT_OFF)
        memset(got, fault.fill, n); /* the contract does not say that it is zero */
    return got;
}

static int32_t f_opt(trommel_ctx *c, uint32_t opt, trommel_val *ret)
{
    return call(CALL_OPT, opt, 0, no_key) ? TROMMEL_E_ABSENT : run_host.opt(c, opt, ret);
}

static int32_t f_meta(trommel_page *p, uint32_t what, trommel_str key, trommel_str *ret)
{
    if (call(CALL_META, what, 0, what == TROMMEL_META_HEADER ? key : no_key))
        return TROMMEL_E_ABSENT;
    return run_host.meta(p, what, key, ret);
}

static int32_t f_get(trommel_page *p, uint32_t need, trommel_val *ret)
{
    return call(CALL_GET, need, 0, no_key) ? TROMMEL_E_ABSENT : run_host.get(p, need, ret);
}

static int32_t f_put(trommel_page *p, uint32_t provide, const trommel_val *v)
{
    const struct stage *s = &p->run->chain->stages[p->stage];
    int32_t rc;

    if (call(CALL_PUT, provide, v ? v->n : 0, no_key))
        return TROMMEL_E_LIMIT;
    rc = run_host.put(p, provide, v);
    if (rc && provide >= s->d.n_provides && fault.mode != FAULT_OFF)
        check_fail(fault.k, "put number %u, it provides %u", provide, s->d.n_provides);
    if (rc)
        refused(p, s->provides[provide].type, v, rc);
    return rc;
}

static int32_t f_put_extra(trommel_page *p, trommel_str key, const trommel_val *v)
{
    const struct stage *s = &p->run->chain->stages[p->stage];
    int32_t rc;

    if (call(CALL_EXTRA, 0, v ? v->n : 0, key))
        return TROMMEL_E_LIMIT;
    rc = run_host.put_extra(p, key, v);
    if (rc && !(s->d.flags & TROMMEL_F_EXTRAS) && fault.mode != FAULT_OFF)
        check_fail(fault.k, "put_extra is for stages that declare TROMMEL_F_EXTRAS");
    if (rc && (!key.n || key.n > 64) && fault.mode != FAULT_OFF)
        check_fail(fault.k, "put_extra: a key of %zu bytes, 1 to 64 are taken", key.n);
    if (rc)
        refused(p, v && v->type < TROMMEL_T_NODES ? v->type : TROMMEL_T_STR, v, rc);
    return rc;
}

static int32_t f_resolve(trommel_page *p, trommel_str ref, trommel_str *ret)
{
    const trommel_url_service *real = run_host.service(NULL, TROMMEL_SERVICE_URL);

    return call(CALL_RESOLVE, 0, ref.n, ref) ? TROMMEL_E_INVALID : real->resolve(p, ref, ret);
}

static const trommel_url_service f_url = { .struct_size = sizeof f_url, .resolve = f_resolve };

static const void *f_service(trommel_ctx *c, const char *id)
{
    if (call(CALL_SERVICE, 0, 0, (trommel_str){ id, id ? strnlen(id, 64) : 0 }))
        return NULL;
    return id && !strcmp(id, TROMMEL_SERVICE_URL) ? &f_url : run_host.service(c, id);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* From the first yes on the parent watches it more closely. */
static void stop_said(void)
{
    struct check_board *b = fault.k->board;

    if (!fault.polls_yes) {
        b->cpu_from_ns = cpu_ns();
        __atomic_store_n(&b->cpu_ms, STOP_MS, __ATOMIC_RELEASE);
        b->stop_said = 1;
    }
    if (++fault.polls_yes > POLLS_YES_MAX)
        check_fail(fault.k, "should_stop said yes at its asking %llu; it asked %d times more and went on",
                   (unsigned long long)fault.at, POLLS_YES_MAX);
}

static uint32_t f_should_stop(trommel_page *p)
{
    call(CALL_STOP, 0, 0, no_key);
    if (fault.mode == FAULT_OFF)
        return 0;
    fault.polls++;
    if (fault.mode == FAULT_STOP && fault.polls >= fault.at) {
        stop_said();
        return 1;
    }
    return fault.budget ? run_host.should_stop(p) : 0;
}

static const trommel_dom *f_dom(trommel_page *p)
{
    call(CALL_DOM, 0, 0, no_key);
    return run_host.dom(p);
}

static void f_log(trommel_ctx *c, uint32_t level, const char *msg, size_t n)
{
    call(CALL_LOG, level, n, no_key);
    if (fault.mode != FAULT_OFF && (level > 4 || (n && !msg)))
        check_fail(fault.k, "log: level %u, %s", level, msg ? "0 to 4 are known" : "the message is NULL");
    run_host.log(c, level, msg, n);
}

static void f_metric(trommel_ctx *c, uint32_t metric, double v)
{
    size_t n = json_array_size(json_object_get(fault.k->stage, "metrics"));

    call(CALL_METRIC, metric, 0, no_key);
    if (fault.mode != FAULT_OFF && metric >= n)
        check_fail(fault.k, "metric number %u, it declares %zu", metric, n);
    run_host.metric(c, metric, v);
}

static void f_fail(trommel_ctx *c, uint32_t reason, const char *msg, size_t n)
{
    call(CALL_FAIL, reason, n, no_key);
    run_host.fail(c, reason, msg, n);
}

static uint64_t f_now_ns(trommel_ctx *c)
{
    call(CALL_NOW, 0, 0, no_key);
    return run_host.now_ns(c);
}

/* ---- counting ---- */

void fault_init(const struct check *k)
{
    fault = (struct fault){ .k = k };
    fault_host = run_host; /* what is newer than this file stays as it is */
    fault_host.alloc = f_alloc;
    fault_host.opt = f_opt;
    fault_host.meta = f_meta;
    fault_host.get = f_get;
    fault_host.put = f_put;
    fault_host.put_extra = f_put_extra;
    fault_host.service = f_service;
    fault_host.should_stop = f_should_stop;
    fault_host.dom = f_dom;
    fault_host.log = f_log;
    fault_host.metric = f_metric;
    fault_host.fail = f_fail;
    fault_host.now_ns = f_now_ns;
}

void fault_reset(unsigned traits)
{
    struct check_board *b = fault.k->board;

    fault.traits = traits;
    fault.all = fault.calls = fault.allocs = fault.polls = fault.polls_yes = 0;
    fault.fired = 0;
    b->call = (struct check_call){ 0 };
    b->broken = (struct check_call){ 0 };
    b->stop_said = 0;
}

uint64_t fault_next(const struct check *k, uint64_t n)
{
    return n < EACH_UP_TO || k->opt->thorough ? n + 1 : n + n / 8;
}
