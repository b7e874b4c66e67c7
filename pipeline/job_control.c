/* job_control: see job_control.h.  One row a command. */
#include "job_control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/control.h"
#include "control/fields.h"
#include "job_change.h"
#include "job_shadow.h"

enum { GRACE_MAX_S = 86400 };

/* Who waits for the end of the job. */
struct leaving {
    struct leaving *next;
    struct control_call *call;
};

struct job_control {
    struct control *control; /* NULL: there is no socket */
    struct leaving *leaving;
};

/* ---- status ---- */

static json_t *time_json(int64_t wall_ms)
{
    char text[CLOCK_RFC3339_BYTES];

    clock_rfc3339(wall_ms, text);
    return json_string(text);
}

static json_t *whole(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static const char *state_name(const struct job *j)
{
    return j->stopping ? "stopping" : j->paused ? "paused" : "running";
}

static json_t *queue_json(const struct job *j)
{
    struct frontier_counts f = frontier_counts(j->frontier);

    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "known", whole(f.known), "queued", whole(f.queued), "in_flight",
                     whole(f.in_flight), "done", whole(f.done), "hosts", whole(f.hosts));
}

static json_t *sink_json(const struct job *j)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "out", control_text(j->out), "pending",
                     whole(deliver_pending(j->deliver)), "trouble", control_text(deliver_trouble(j->deliver)),
                     "dead_letters_trouble", control_text(deliver_trouble(j->dead)));
}

static json_t *budget_json(const struct job *j)
{
    struct budget_state b = budget_state(j->budget);

    return json_pack("{s:o,s:o,s:o}", "total", whole(b.total), "used", whole(b.used), "peak", whole(b.peak));
}

/* Of the host process; the workers have their own. */
static json_t *memory_json(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    struct rusage u;

    if (f && fscanf(f, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    getrusage(RUSAGE_SELF, &u);
    uint64_t bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE), peak = (uint64_t)u.ru_maxrss * 1024;
    return json_pack("{s:o,s:o}", "resident", whole(bytes), "peak", whole(bytes > peak ? bytes : peak));
}

static json_t *generation_json(const struct job *j, uint32_t generation)
{
    static const char *const names[] = {
#define X(up, low) #low,
        POOL_GEN_MAP(X)
#undef X
    };
    struct pool_gen_stats s;

    if (pool_gen_stats(j->pool, generation, &s) < 0)
        return json_null();
    return json_pack("{s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "generation", whole(generation),
                     "state", names[s.state], "hash", s.hash, "workers", whole(s.workers), "workers_ready",
                     whole(s.workers_ready), "pages", whole(s.pages), "errors", whole(s.errors), "crashes",
                     whole(s.crashes), "fallbacks", whole(s.fallbacks), "pending", whole(s.pending), "cpu_us",
                     whole(s.cpu_us));
}

static json_t *chain_json(const struct job *j)
{
    struct pool_chain c = pool_chain(j->pool);

    return json_pack("{s:o,s:s,s:o,s:o,s:o}", "generation", whole(c.generation), "hash", c.hash, "since",
                     time_json(j->generation_ms), "changes", whole(j->changes), "doing",
                     control_text(swap_doing(j->swap)));
}

static void status(struct job *j, struct control_call *call, const json_t *request)
{
    struct fetch_state fetching = fetch_state(j->fetch);
    double uptime_s = (double)(clock_mono_ms() - j->started_ms) / 1000, pages_s, mb_s;
    char *dir = realpath(j->dir, NULL);
    json_t *o = json_object(), *generations = json_array();

    progress_rates(j->progress, &pages_s, &mb_s);
    json_object_set_new(o, "job", control_text(dir));
    json_object_set_new(o, "pid", json_integer(getpid()));
    json_object_set_new(o, "version", json_string(TROMMEL_VERSION));
    json_object_set_new(o, "state", json_string(state_name(j)));
    if (j->stopping)
        json_object_set_new(o, "stopped", control_text(j->stop_reason));
    json_object_set_new(o, "since", time_json(clock_wall_ms() - (int64_t)(uptime_s * 1000)));
    json_object_set_new(o, "uptime_s", json_real(uptime_s));
    json_object_set_new(o, "pages", whole(job_pages(j)));
    json_object_set_new(o, "pages_s", json_real(pages_s));
    json_object_set_new(o, "mb_s", json_real(mb_s));
    json_object_set_new(o, "counts", summary_json(j));
    json_object_set_new(o, "queue", queue_json(j));
    json_object_set_new(o, "fetching", whole(fetching.running));
    json_object_set_new(o, "waiting", whole(j->n_waiting));
    json_object_set_new(o, "in_chain", whole(pool_pending(j->pool)));
    json_object_set_new(o, "sink", sink_json(j));
    json_object_set_new(o, "budget", budget_json(j));
    json_object_set_new(o, "memory", memory_json());
    json_object_set_new(o, "chain", chain_json(j));
    for (uint32_t g = 0; (g = pool_gen_next(j->pool, g));)
        json_array_append_new(generations, generation_json(j, g));
    json_object_set_new(o, "generations", generations);
    free(dir);
    control_answer(call, o);
}

/* ---- pause, resume, stop ---- */

static json_t *state_json(const char *state, int changed)
{
    return json_pack("{s:s,s:b}", "state", state, "changed", changed);
}

static void pause_set(struct job *j, struct control_call *call, int paused)
{
    struct control_peer peer = control_peer(call);
    int changed = j->paused != paused;

    if (j->stopping) {
        control_fail(call, &(struct err){ ERR_REFUSED, "the crawl is stopping" }, NULL);
        return;
    }
    j->paused = paused;
    if (changed)
        log_info("%s by process %d of user %u", paused ? "paused" : "resumed", (int)peer.pid, peer.uid);
    control_answer(call, state_json(state_name(j), changed));
}

static void do_pause(struct job *j, struct control_call *call, const json_t *request)
{
    pause_set(j, call, 1);
}

static void do_resume(struct job *j, struct control_call *call, const json_t *request)
{
    pause_set(j, call, 0);
}

/* Those who do not wait any more make room for others. */
static void leaving_add(struct job_control *c, struct control_call *call)
{
    struct leaving *l = calloc(1, sizeof *l);

    if (!l)
        abort();
    for (struct leaving **at = &c->leaving, *old; (old = *at);) {
        if (!control_gone(old->call)) {
            at = &old->next;
            continue;
        }
        *at = old->next;
        control_answer(old->call, json_null());
        free(old);
    }
    *l = (struct leaving){ c->leaving, call };
    c->leaving = l;
}

static void do_stop(struct job *j, struct control_call *call, const json_t *request)
{
    const json_t *grace = json_object_get(request, "grace");
    struct control_peer peer = control_peer(call);
    int changed = !j->stopping;

    if (grace)
        j->opt.grace_s = json_number_value(grace);
    job_stop(j, 0, "stopped by `trommel ctl stop` (process %d of user %u)", (int)peer.pid, peer.uid);
    log_info("stopping, as process %d of user %u said: what is under way may finish within %g s",
             (int)peer.pid, peer.uid, j->opt.grace_s);
    if (json_is_true(json_object_get(request, "wait")))
        leaving_add(j->control, call);
    else
        control_answer(call, state_json(state_name(j), changed));
}

/* ---- dispatch ---- */

enum { FIELDS_MAX = 9 };
/* What every change of the chain may have. */
#define CHANGE_FIELDS                                                                                        \
    { "policy", FIELD_MAP, 0, 0, 0 }, { "network", FIELD_FLAG, 0, 0, 0 },                                    \
        { "despite_block", FIELD_FLAG, 0, 0, 0 }, { "wait", FIELD_FLAG, 0, 0, 0 },                           \
    {                                                                                                        \
        "settle", FIELD_FLAG, 0, 0, 0                                                                        \
    }

static const struct command {
    const char *name;
    void (*run)(struct job *j, struct control_call *call,
                const json_t *request); /* NULL: a change of the chain */
    enum swap_kind kind;
    struct field fields[FIELDS_MAX];
} commands[] = {
    { "status", status, 0, { { 0 } } },
    { "pause", do_pause, 0, { { 0 } } },
    { "resume", do_resume, 0, { { 0 } } },
    { "stop", do_stop, 0, { { "grace", FIELD_NUM, 0, 0, GRACE_MAX_S }, { "wait", FIELD_FLAG, 0, 0, 0 } } },
    { "stages", job_change_stages, 0, { { 0 } } },
    { "history", job_change_history, 0, { { 0 } } },
    { "stage.add",
      NULL,
      SWAP_ADD,
      { { "file", FIELD_STR, 1, 0, 0 },
        { "after", FIELD_STR, 0, 0, 0 },
        { "set", FIELD_STRS, 0, 0, 0 },
        CHANGE_FIELDS } },
    { "stage.remove", NULL, SWAP_REMOVE, { { "id", FIELD_STR, 1, 0, 0 }, CHANGE_FIELDS } },
    { "stage.replace",
      NULL,
      SWAP_REPLACE,
      { { "id", FIELD_STR, 1, 0, 0 },
        { "file", FIELD_STR, 1, 0, 0 },
        { "set", FIELD_STRS, 0, 0, 0 },
        CHANGE_FIELDS } },
    { "stage.set",
      NULL,
      SWAP_SET,
      { { "id", FIELD_STR, 1, 0, 0 }, { "set", FIELD_STRS, 1, 0, 0 }, CHANGE_FIELDS } },
    { "reorder", NULL, SWAP_REORDER, { { "ids", FIELD_STRS, 1, 0, 0 }, CHANGE_FIELDS } },
    { "reload", NULL, SWAP_RELOAD, { { "file", FIELD_STR, 0, 0, 0 }, CHANGE_FIELDS } },
    { "rollback", NULL, SWAP_ROLLBACK, { CHANGE_FIELDS } },
    { "shadow",
      job_shadow_ask,
      0,
      { { "file", FIELD_STR, 1, 0, 0 },
        { "sample", FIELD_NUM, 1, 0, 1 },
        { "replace", FIELD_STR, 0, 0, 0 },
        { "after", FIELD_STR, 0, 0, 0 },
        { "set", FIELD_STRS, 0, 0, 0 },
        { "network", FIELD_FLAG, 0, 0, 0 } } },
    { "shadow.report", job_shadow_report, 0, { { 0 } } },
    { "shadow.stop", job_shadow_stop, 0, { { 0 } } },
};

static void on_command(void *arg, struct control_call *call, const char *cmd, const json_t *request)
{
    struct err err = { 0 };
    const struct command *c = NULL;
    size_t n = 0;

    for (size_t i = 0; i < sizeof commands / sizeof commands[0] && !c; i++)
        if (!strcmp(commands[i].name, cmd))
            c = &commands[i];
    while (c && n < FIELDS_MAX && c->fields[n].name)
        n++;
    if (!c)
        err_set(&err, ERR_UNSUPPORTED,
                "\"%.60s\": this crawl (Trommel " TROMMEL_VERSION ") has no such command", cmd);
    else if (fields_check(cmd, request, c->fields, n, &err) == 0) {
        if (c->run)
            c->run(arg, call, request);
        else
            job_change_ask(arg, call, request, c->kind);
        return;
    }
    control_fail(call, &err, NULL);
}

/* ---- its life ---- */

int job_control_open(struct job *j, struct err *err)
{
    struct control_options opt = { .dir = j->dir, .on_command = on_command, .arg = j };
    struct job_control *c = calloc(1, sizeof *c);
    struct err why = { 0 };

    if (!c)
        abort();
    j->control = c;
    uv_timer_init(&j->loop, &j->turn);
    j->turn.data = j;
    if (j->opt.no_control)
        return 0;
    int rc = control_open(&j->loop, &opt, &c->control, &why);
    if (rc == ERR_EXISTS)
        return err_set(err, rc, "%s", why.text);
    if (rc < 0)
        log_warn("%s; the crawl runs, but `trommel ctl` does not reach it", why.text);
    return 0;
}

/* Another generation may have become the live one. */
static void chain_watch(struct job *j)
{
    struct pool_chain c = pool_chain(j->pool);

    if (c.generation == j->generation)
        return;
    log_trace("job: generation %u -> %u", j->generation, c.generation);
    j->changes += j->generation != 0;
    j->generation = c.generation;
    j->generation_ms = clock_wall_ms();
}

static void on_turn(uv_timer_t *t)
{
    job_control_turn(t->data);
}

void job_control_turn(struct job *j)
{
    job_change_turn(j);
    job_shadow_turn(j);
    chain_watch(j);
    int ms = job_change_wait_ms(j);
    if (ms < 0)
        uv_timer_stop(&j->turn);
    else
        uv_timer_start(&j->turn, on_turn, ms ? (uint64_t)ms : 1, 0);
}

void job_control_quiet(struct job *j)
{
    uv_timer_stop(&j->turn);
    if (j->control && j->control->control)
        control_quiet(j->control->control);
}

static void on_closed(void *arg)
{
    *(int *)arg = 1;
}

void job_control_close(struct job *j)
{
    struct job_control *c = j->control;
    int closed = 0;

    if (!c)
        return;
    for (struct leaving *l; (l = c->leaving); free(l)) {
        c->leaving = l->next;
        control_answer(l->call, state_json("ended", 1));
    }
    if (c->control) {
        control_close(c->control, on_closed, &closed);
        while (!closed)
            uv_run(&j->loop, UV_RUN_ONCE);
    }
    free(c);
    j->control = NULL;
}
