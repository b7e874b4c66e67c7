/* job_change: see job_change.h.
 *
 * One change is under way at a time.  Those who said `wait` stand in a line behind it; each is asked for when
 * its turn comes, so a change is made in the chain as it is then.  Whoever has gone away leaves the line. */
#include "job_change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/fields.h"
#include "job_shadow.h"

enum { WATCH_MS = 50 };

/* A change that was asked for, and who wants to know what becomes of it. */
struct asked {
    struct asked *next;
    struct job_change *change;
    struct control_call *call;
    const json_t *request; /* the call's */
    enum swap_kind kind;
    json_t *result; /* it is live, and shall settle */
    uint32_t generation;
};

struct job_change {
    struct job *job;
    struct asked *running, *waiting, *settling;
    char doing[200];     /* what was said of it last */
    uint64_t watched_ms; /* when the history was looked at for those that settle */
};

/* ---- a request as swap.h wants it ---- */

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static double number_of(const json_t *o, const char *key, double or_else)
{
    const json_t *v = json_object_get(o, key);

    return v ? json_number_value(v) : or_else;
}

static int policy_read(const json_t *o, struct swap_policy *p, struct err *err)
{
    static const struct field rows[] = {
        { "golden", FIELD_FLAG, 0, 0, 0 },           { "keep", FIELD_STRS, 0, 0, 0 },
        { "errors_max", FIELD_NUM, 0, 0, 1 },        { "slower_max", FIELD_NUM, 0, 0.01, 1e6 },
        { "probation_pages", FIELD_NUM, 0, 0, 1e9 }, { "probation_ms", FIELD_NUM, 0, 0, 1e9 },
        { "worse_errors", FIELD_NUM, 0, 0, 1 },      { "crashes_max", FIELD_NUM, 0, 1, 1e6 },
        { "worse_time", FIELD_NUM, 0, 0.01, 1e6 },
    };
    int rc = o ? fields_check("policy", o, rows, sizeof rows / sizeof rows[0], err) : 0;

    if (rc < 0)
        return rc;
    *p = swap_policy_default();
    p->golden = !json_is_false(json_object_get(o, "golden"));
    p->keep = fields_texts(o, "keep", &p->n_keep);
    p->errors_max = number_of(o, "errors_max", p->errors_max);
    p->slower_max = number_of(o, "slower_max", p->slower_max);
    p->probation_pages = (uint64_t)number_of(o, "probation_pages", (double)p->probation_pages);
    p->probation_ms = (uint32_t)number_of(o, "probation_ms", p->probation_ms);
    p->worse_errors = number_of(o, "worse_errors", p->worse_errors);
    p->crashes_max = (uint32_t)number_of(o, "crashes_max", p->crashes_max);
    p->worse_time = number_of(o, "worse_time", p->worse_time);
    return 0;
}

/* ---- answers ---- */

static json_t *outcome_json(const struct swap_outcome *o)
{
    return json_pack("{s:I,s:I,s:o,s:O?,s:I,s:I,s:I}", "generation", (json_int_t)o->generation, "live",
                     (json_int_t)o->live, "message", control_text(o->message), "golden", o->golden, "load_us",
                     (json_int_t)o->load_us, "golden_us", (json_int_t)o->golden_us, "live_us",
                     (json_int_t)o->live_us);
}

static void asked_fail(struct asked *a, int code, const char *text, json_t *detail)
{
    struct err why = { .code = code };

    snprintf(why.text, sizeof why.text, "%s", text);
    control_fail(a->call, &why, detail);
    json_decref(a->result);
    free(a);
}

static void asked_done(void *arg, const struct swap_outcome *o)
{
    struct asked *a = arg;
    struct job_change *c = a->change;

    assert(c->running == a);
    c->running = NULL;
    json_t *result = outcome_json(o);
    if (o->code < 0) {
        json_object_del(result, "message"); /* it is the error's text */
        asked_fail(a, o->code, o->message, result);
        return;
    }
    if (json_is_true(json_object_get(a->request, "settle")) && !control_gone(a->call)) {
        a->result = result;
        a->generation = o->generation;
        a->next = c->settling;
        c->settling = a;
        return;
    }
    control_answer(a->call, result);
    free(a);
}

static int request_give(struct asked *a, struct err *err)
{
    struct control_peer peer = control_peer(a->call);
    struct swap_policy policy;
    struct swap_change change = { .kind = a->kind,
                                  .id = text_of(a->request, "id"),
                                  .file = text_of(a->request, "file"),
                                  .after = text_of(a->request, "after"),
                                  .network = json_is_true(json_object_get(a->request, "network")),
                                  .despite_block = json_is_true(json_object_get(a->request, "despite_block")),
                                  .policy = &policy };
    char by[80];
    int rc = policy_read(json_object_get(a->request, "policy"), &policy, err);

    if (rc < 0)
        return rc;
    snprintf(by, sizeof by, "user %u, process %d", peer.uid, (int)peer.pid);
    change.by = by;
    change.sets = fields_texts(a->request, "set", &change.n_sets);
    change.ids = fields_texts(a->request, "ids", &change.n_ids);
    rc = swap_request(a->change->job->swap, &change, asked_done, a, err);
    if (rc == 0) /* its end is told later, never within the request */
        a->change->running = a;
    free((void *)change.sets);
    free((void *)change.ids);
    free((void *)policy.keep);
    return rc;
}

/* ---- the line ---- */

/* The first of those who wait, if its turn has come. */
static void waiting_try(struct job_change *c)
{
    struct asked *a;
    struct err err = { 0 };

    while ((a = c->waiting) && !c->running) {
        int rc = control_gone(a->call) ? ERR_CLOSED : request_give(a, &err);
        if (rc == ERR_AGAIN)
            return;
        c->waiting = a->next;
        a->next = NULL;
        if (rc < 0)
            asked_fail(a, rc, err.text, NULL);
    }
}

/* What the history says of a generation. */
static const json_t *history_find(const json_t *history, uint32_t generation)
{
    for (size_t i = json_array_size(history); i-- > 0;) {
        const json_t *entry = json_array_get(history, i);
        if (json_integer_value(json_object_get(entry, "generation")) == generation)
            return entry;
    }
    return NULL;
}

/* 1: its fate is known, and it was told; a is gone then. */
static int settling_try(struct asked *a, const json_t *history)
{
    const json_t *entry = history_find(history, a->generation);
    const char *result = text_of(entry, "result"), *message = text_of(entry, "message");

    if (result && !strcmp(result, "live") && !control_gone(a->call))
        return 0;
    if (result && !strcmp(result, "rolled_back")) {
        asked_fail(a, ERR_REFUSED, message ? message : "rolled back", json_incref(a->result));
        return 1;
    }
    if (message)
        json_object_set_new(a->result, "message", control_text(message));
    control_answer(a->call, a->result);
    free(a);
    return 1;
}

static void settling_watch(struct job_change *c)
{
    uint64_t now = uv_now(&c->job->loop);

    if (!c->settling || now - c->watched_ms < WATCH_MS)
        return;
    json_t *history = swap_history(c->job->swap);
    c->watched_ms = now;
    for (struct asked **at = &c->settling, *a; (a = *at);) {
        struct asked *next = a->next;
        if (settling_try(a, history))
            *at = next;
        else
            at = &a->next;
    }
    json_decref(history);
}

/* Says to the one whose change is under way what it is at. */
static void doing_tell(struct job_change *c)
{
    const char *doing = c->running ? swap_doing(c->job->swap) : NULL;

    if (!doing || !strncmp(doing, c->doing, sizeof c->doing - 1))
        return;
    snprintf(c->doing, sizeof c->doing, "%s", doing);
    control_progress(c->running->call, c->doing);
}

void job_change_turn(struct job *j)
{
    struct job_change *c = j->change;

    swap_turn(j->swap);
    settling_watch(c);
    waiting_try(c);
    doing_tell(c);
}

int job_change_wait_ms(const struct job *j)
{
    return swap_wait_ms(j->swap);
}

/* ---- the commands ---- */

void job_change_stages(struct job *j, struct control_call *call, const json_t *request)
{
    json_t *o = swap_stages(j->swap);

    json_object_set_new(o, "doing", control_text(swap_doing(j->swap)));
    control_answer(call, o);
}

void job_change_history(struct job *j, struct control_call *call, const json_t *request)
{
    control_answer(call, swap_history(j->swap));
}

void job_change_ask(struct job *j, struct control_call *call, const json_t *request, enum swap_kind kind)
{
    struct job_change *c = j->change;
    struct asked *a = calloc(1, sizeof *a), **end = &c->waiting;
    struct err err = { 0 };

    if (!a)
        abort();
    *a = (struct asked){ .change = c, .call = call, .request = request, .kind = kind };
    c->doing[0] = 0;
    int may_wait = json_is_true(json_object_get(request, "wait"));
    int rc = j->stopping ? err_set(&err, ERR_REFUSED, "the crawl is stopping")
             : c->waiting
                 ? err_set(&err, ERR_AGAIN, "other changes wait already: say --wait to stand behind them")
                 : request_give(a, &err);
    if (rc == 0)
        return;
    if (rc != ERR_AGAIN || !may_wait) {
        asked_fail(a, rc, err.text, NULL);
        return;
    }
    while (*end) { /* those who have gone make room */
        struct asked *old = *end;
        if (!control_gone(old->call)) {
            end = &old->next;
            continue;
        }
        *end = old->next;
        asked_fail(old, ERR_CLOSED, "", NULL);
    }
    *end = a;
    control_progress(call, "waiting for the change that is under way");
}

/* ---- its life ---- */

static void on_log(void *arg, int level, const char *line)
{
    log_line(level, "%s", line);
}

int job_change_open(struct job *j, struct swap_start **start, struct err *err)
{
    struct swap_options opt = {
        .pool = j->pool,
        .start = start,
        .config_path = j->opt.config_path,
        .policy = swap_policy_default(),
        .on_log = on_log,
    };
    struct job_change *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    c->job = j;
    int rc = swap_open(&opt, &j->swap, err);
    if (rc < 0)
        free(c);
    else
        j->change = c;
    return rc;
}

void job_change_on_generation(void *arg, uint32_t generation, enum pool_gen_state state,
                              const struct err *why)
{
    struct job *j = arg;

    if (!job_shadow_on_generation(j, generation, state, why) && j->swap)
        swap_on_generation(j->swap, generation, state, why);
}

void job_change_close(struct job *j)
{
    struct job_change *c = j->change;
    struct asked *a;

    if (!c)
        return;
    swap_close(j->swap); /* ends the one that is under way */
    j->swap = NULL;
    assert(!c->running);
    for (; (a = c->waiting); asked_fail(a, ERR_CLOSED, "the crawl has ended", NULL))
        c->waiting = a->next;
    for (; (a = c->settling);) {
        c->settling = a->next;
        asked_fail(a, ERR_CLOSED, "it went live, but the crawl ended before its probation",
                   json_incref(a->result));
    }
    free(c);
    j->change = NULL;
}
