/* check_rig: the stage that is checked, set up in its own process: the chain in front of it, pages, one call,
 * its result; see check_inner.h.
 *
 * The stages in front run once for each page, and what they gave is kept; then only the checked stage runs,
 * as often as a test wants. */
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "chain/check_inner.h"
#include "chain/given.h"
#include "chain/golden.h"

#define RESULT_MAX (64u * MIB)

/* ---- the end of a test ---- */

void check_fail(const struct check *k, const char *fmt, ...)
{
    struct check_result *res = &k->board->result;
    char where[900], what[CHECK_TEXT - 400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(res->text, sizeof res->text, "%.400s%s", say_where(k, 1, where), what);
    res->state = CHECK_FAILED;
    k->board->at = AT_NOTHING;
    k->board->done = 1;
    _exit(0);
}

void check_note(const struct check *k, const char *fmt, ...)
{
    struct check_result *res = &k->board->result;
    va_list ap;

    if (res->n_notes >= CHECK_NOTES)
        return;
    va_start(ap, fmt);
    vsnprintf(res->notes[res->n_notes++], CHECK_TEXT, fmt, ap);
    va_end(ap);
}

void check_say(const struct check *k, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(k->board->result.text, CHECK_TEXT, fmt, ap);
    va_end(ap);
}

/* ---- calls ---- */

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* From here the stage's code runs, and the parent watches its time. */
static void enter(const struct check *k, enum check_at at)
{
    struct check_board *b = k->board;

    b->cpu_from_ns = cpu_ns();
    b->at = at;
    __atomic_store_n(&b->cpu_ms, k->opt->call_ms ? k->opt->call_ms : CHECK_CALL_MS, __ATOMIC_RELEASE);
}

static uint64_t leave(const struct check *k)
{
    uint64_t from = k->board->cpu_from_ns;

    k->board->cpu_ms = 0;
    k->board->at = AT_NOTHING;
    return cpu_ns() - from;
}

int32_t rig_configure(struct rig *r)
{
    int32_t rc = TROMMEL_OK;

    r->stage->ctx->fail_n = 0;
    r->stage->self = NULL;
    enter(r->k, AT_CONFIGURE);
    if (r->stage->d.configure)
        rc = r->stage->d.configure(&fault_host, r->stage->ctx, &r->stage->self);
    r->stage->is_configured = rc == TROMMEL_OK;
    leave(r->k);
    return rc;
}

void rig_close(struct rig *r)
{
    if (!r->stage->is_configured)
        return;
    enter(r->k, AT_CLOSE);
    if (r->stage->d.close)
        r->stage->d.close(r->stage->self, r->stage->ctx);
    leave(r->k);
    r->stage->is_configured = 0;
}

static void page_begin(struct run *run, const struct rig_page *pg)
{
    struct trommel_page *p = &run->page;

    arena_clear(&run->arena, 16u * MIB);
    p->run = run;
    p->in = &pg->in;
    p->parsed = &pg->parsed;
    memset(p->extras, 0, run->chain->n_stages * sizeof *p->extras);
    p->record_bytes = 0;
    p->fetched_at_n = 0;
    p->over_budget = 0;
    p->page_ns = p->stage_ns = clock_mono_ns();
    p->page_cpu_ns = p->stage_cpu_ns = cpu_ns();
}

static uint32_t stage_call(struct run *run, struct stage *s, uint32_t index)
{
    run->page.stage = index;
    s->ctx->fail_n = 0;
    s->ctx->fail_reason = 0;
    return s->d.process(s->self, s->ctx, &run->page);
}

/* {verdict, reason}, then a map of what it put, which is empty when the verdict takes that back. */
static void result_take(struct rig *r)
{
    static const char *const names[] = { "CONTINUE", "DROP", "RETRY", "ERROR", "FATAL" };
    uint32_t v = r->verdict & 0xff;

    buf_clear(&r->result);
    mp_map(&r->result, 2);
    mp_cstr(&r->result, "its verdict");
    mp_cstr(&r->result, names[v]);
    mp_cstr(&r->result, "its reason");
    mp_cstr(&r->result, v == TROMMEL_CONTINUE ? "" : verdict_reason(r->stage, r->verdict));
    if (v == TROMMEL_CONTINUE || v == TROMMEL_DROP)
        given_pack(&r->run.page, r->index, GIVEN_WHOLE, &r->result);
    else
        mp_map(&r->result, 0);
}

void rig_call(struct rig *r, struct rig_page *pg)
{
    struct check_board *b = r->k->board;

    snprintf(b->page, sizeof b->page, "%s", pg->name);
    page_begin(&r->run, pg);
    memcpy(r->run.page.vals, pg->vals, r->chain->n_slots * sizeof *pg->vals);
    memcpy(r->run.page.is_set, pg->is_set, r->chain->n_slots);
    fault_reset(pg->traits);
    enter(r->k, AT_PROCESS);
    r->verdict = stage_call(&r->run, r->stage, r->index);
    r->call_ns = leave(r->k);
    if (!verdict_reason(r->stage, r->verdict))
        check_fail(
            r->k,
            "on page \"%s\": it returned 0x%x, which is no verdict, or has a reason that it does not declare",
            pg->name, r->verdict);
    result_take(r);
}

int rig_is_pure(const struct rig *r)
{
    return (r->stage->d.flags & TROMMEL_F_PURE) != 0;
}

void rig_again(struct rig *r, struct rig_page *pg, const char *when)
{
    char how[400];

    rig_call(r, pg);
    if (r->k->unsteady ||
        (r->result.len == pg->base.len && !memcmp(r->result.data, pg->base.data, pg->base.len)))
        return;
    say_difference(&pg->base, &r->result, how);
    if (rig_is_pure(r))
        check_fail(r->k, "on page \"%s\", %s: another result: %s", pg->name, when, how);
    else if (!r->k->board->result.n_notes)
        check_note(r->k,
                   "on page \"%s\", %s: another result: %s; it does not declare TROMMEL_F_PURE, so it may",
                   pg->name, when, how);
}

/* ---- pages ---- */

static trommel_str guarded_str(const struct check *k, trommel_str s, enum guard_what what)
{
    return s.n ? (trommel_str){ guard_copy(k, s.p, s.n, what), s.n } : (trommel_str){ "", 0 };
}

static void guard_parsed(const struct check *k, struct parse_output *out)
{
    trommel_dom *d = &out->dom;

    out->text = guarded_str(k, out->text, GUARD_BODY);
    out->base_url = guarded_str(k, out->base_url, GUARD_URL);
    d->nodes = guard_copy(k, d->nodes, (size_t)d->n_nodes * d->node_size, GUARD_NODES);
    d->attrs = guard_copy(k, d->attrs, (size_t)d->n_attrs * d->attr_size, GUARD_ATTRS);
    d->strs = guard_copy(k, d->strs, d->n_strs, GUARD_STRS);
}

static void guard_value(const struct check *k, trommel_val *v)
{
    static const uint8_t width[] = {
        [TROMMEL_T_STR] = 1,   [TROMMEL_T_BYTES] = 1,   [TROMMEL_T_MSGPACK] = 1,
        [TROMMEL_T_NODES] = 4, [TROMMEL_T_NODE_U8] = 1, [TROMMEL_T_NODE_F32] = 4
    };

    if (v->type >= TROMMEL_T_STR && v->type <= TROMMEL_T_NODE_F32)
        v->u.p = guard_copy(k, v->u.p, v->n * width[v->type], GUARD_VALUE);
}

/* Runs the stages in front; what they gave is copied. */
static void before_run(struct rig *r, struct rig_page *pg)
{
    struct trommel_page *p = &r->before.page;
    size_t n = r->chain->n_slots;

    page_begin(&r->before, pg);
    memset(p->is_set, 0, n);
    fault.mode = FAULT_OFF;
    for (uint32_t i = 0; i < r->index; i++) {
        struct stage *s = &r->chain->stages[i];
        uint32_t v = stage_call(&r->before, s, i) & 0xff;
        for (unsigned o = 0; v != TROMMEL_CONTINUE && v != TROMMEL_DROP && o < s->d.n_provides; o++)
            p->is_set[s->provide_slot[o]] = 0;
    }
    fault.mode = FAULT_COUNT;
    pg->vals = calloc(n + 1, sizeof *pg->vals);
    pg->is_set = calloc(n + 1, 1);
    if (!pg->vals || !pg->is_set)
        check_fail(r->k, "no memory for a page");
    memcpy(pg->is_set, p->is_set, n);
    for (size_t i = 0; i < n; i++)
        if (pg->is_set[i]) {
            pg->vals[i] = p->vals[i];
            guard_value(r->k, &pg->vals[i]);
        }
}

void rig_page_init(struct rig *r, struct rig_page *pg, const char *name, unsigned traits)
{
    snprintf(pg->name, sizeof pg->name, "%s", name);
    pg->traits = traits;
    pg->mark = guard_mark();
    buf_init(&pg->base, RESULT_MAX);
    guard_parsed(r->k, &pg->parsed);
    before_run(r, pg);
}

void rig_page_release(struct rig_page *pg)
{
    guard_release(pg->mark);
    free(pg->vals);
    free(pg->is_set);
    buf_release(&pg->base);
    *pg = (struct rig_page){ 0 };
}

static int parse(struct rig *r, struct rig_page *pg)
{
    const struct pool_page *in = &pg->in;
    struct parse_input pi = { .url = in->head.final_url.n ? in->head.final_url : in->head.url,
                              .content_type = in->content_type,
                              .content_encoding = in->content_encoding,
                              .body = in->body };

    /* The parsed page is copied before the next one comes, but for what is static. */
    return parse_page(r->before.parse, &pi, &r->before.arena, &pg->parsed) || pg->parsed.kind == PARSE_NONE;
}

/* Short strings of the parser's live in its arena: they are kept. */
static trommel_str kept(const struct check *k, trommel_str s)
{
    char *p = malloc(s.n + 1);

    if (!p)
        check_fail(k, "no memory for a page");
    if (s.n)
        memcpy(p, s.p, s.n);
    return (trommel_str){ p, s.n };
}

void rig_pages(struct rig *r)
{
    size_t n = golden_bundled_count();

    r->pages = calloc(n, sizeof *r->pages);
    for (size_t i = 0; r->pages && i < n; i++) {
        struct rig_page *pg = &r->pages[r->n_pages];
        golden_bundled(i, &pg->in);
        if (parse(r, pg))
            continue; /* a page without a chain: broken on purpose */
        pg->parsed.content_type = kept(r->k, pg->parsed.content_type);
        pg->parsed.charset = kept(r->k, pg->parsed.charset);
        rig_page_init(r, pg, golden_bundled_name(i), 0);
        rig_call(r, pg);
        buf_add(&pg->base, r->result.data, r->result.len);
        pg->has_base = 1;
        r->n_pages++;
    }
    if (!r->n_pages)
        check_fail(r->k, "there are no bundled pages");
}

/* ---- the process ---- */

/* The nth stage of the last file. */
static void stage_find(struct rig *r)
{
    size_t nth = 0;

    for (size_t i = 0; i < r->chain->n_stages; i++)
        if (r->chain->stages[i].item + 1 == r->k->opt->chain->n_items && nth++ == r->k->nth)
            r->index = (uint32_t)i;
    r->stage = &r->chain->stages[r->index];
}

void check_child(void *arg, int out)
{
    static struct rig r;
    struct check *k = arg;
    struct bring_board *b = &k->board->bring;

    (void)out;
    r.k = k;
    bring_begin(b);
    guard_catch(k->board);
    fault_init(k);
    footprint_open();
    manners_open();
    if (bring_load(k->opt->chain, b, k->test->outside, &r.chain))
        return;
    stage_find(&r);
    if (bring_up(r.chain, k->opt->chain, b, &fault_host))
        return;
    buf_init(&r.result, RESULT_MAX);
    if (run_init(&r.before, r.chain, &b->crumb, LIMIT_PAGE_MS, LIMIT_STAGE_MS, 1) ||
        run_init(&r.run, r.chain, &b->crumb, LIMIT_PAGE_MS, LIMIT_STAGE_MS, 1))
        check_fail(k, "no memory for a page");
    fault.mode = FAULT_COUNT;
    k->test->run(&r);
    rig_close(&r);
    k->board->done = 1;
}
