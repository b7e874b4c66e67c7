/* job_shadow: see job_shadow.h. */
#include "job_shadow.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "chain/swap.h"
#include "control/fields.h"

enum { START_MS = 60000 }; /* for its worker to be ready */

static void on_log(void *arg, int level, const char *line)
{
    log_line(level, "%s", line);
}

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* Whoever began the run learns that it runs, or why it does not. */
static void began_tell(struct job *j)
{
    json_t *report = j->shadow_call ? shadow_report(j->shadow) : NULL;
    const char *state = text_of(report, "state"), *message = text_of(report, "message");
    struct err why = { .code = ERR_REFUSED };

    if (!report || !state || !strcmp(state, "starting")) {
        json_decref(report);
        return;
    }
    struct control_call *call = j->shadow_call;
    j->shadow_call = NULL;
    if (!strcmp(state, "running")) {
        control_answer(call, report);
        return;
    }
    err_set(&why, ERR_REFUSED, "%s",
            message && *message ? message : "it was stopped before its worker was ready");
    control_fail(call, &why, report);
}

/* The live chain with the file in it. */
static int draft(struct job *j, const json_t *request, struct chain_config *ret, unsigned *ret_flags,
                 struct err *err)
{
    const char *replace = text_of(request, "replace");
    struct swap_change change = { .kind = replace ? SWAP_REPLACE : SWAP_ADD,
                                  .id = replace,
                                  .file = text_of(request, "file"),
                                  .after = text_of(request, "after"),
                                  .network = json_is_true(json_object_get(request, "network")) };

    if (replace && change.after)
        return err_set(err, ERR_USAGE, "shadow: give \"replace\" or \"after\", not both");
    change.sets = fields_texts(request, "set", &change.n_sets);
    int rc = swap_draft(j->swap, &change, ret, ret_flags, err);
    free((void *)change.sets);
    return rc;
}

static int begin(struct job *j, const json_t *request, struct err *err)
{
    struct shadow_options opt = { .pool = j->pool, .on_log = on_log };
    const char *replace = text_of(request, "replace"), *after = text_of(request, "after");
    struct chain_config config = { 0 };
    char what[400];

    if (j->stopping)
        return err_set(err, ERR_REFUSED, "the crawl is stopping");
    if (j->shadow && !shadow_is_over(j->shadow))
        return err_set(err, ERR_AGAIN, "a shadow run is under way: end it with `trommel ctl shadow stop`");
    int rc = draft(j, request, &config, &opt.flags, err);
    if (rc < 0)
        return rc;
    snprintf(what, sizeof what, "%s%s%s%s%s", replace ? "replace " : "add ",
             replace ? replace : text_of(request, "file"), replace ? " by " : "",
             replace ? text_of(request, "file") : "", after ? ", after " : "");
    if (after)
        snprintf(what + strlen(what), sizeof what - strlen(what), "%s", after);
    opt.what = what;
    opt.sample = json_number_value(json_object_get(request, "sample"));
    shadow_free(j->shadow);
    return shadow_start(&opt, &config, &j->shadow, err);
}

void job_shadow_ask(struct job *j, struct control_call *call, const json_t *request)
{
    struct err err = { 0 };

    if (begin(j, request, &err) < 0) {
        control_fail(call, &err, NULL);
        return;
    }
    j->shadow_call = call;
    j->shadow_ms = uv_now(&j->loop);
    began_tell(j);
}

void job_shadow_turn(struct job *j)
{
    if (!j->shadow_call || uv_now(&j->loop) - j->shadow_ms < START_MS)
        return;
    shadow_stop(j->shadow);
    control_fail(j->shadow_call,
                 &(struct err){ ERR_TIMEOUT,
                                "its worker was not ready in time: does a constructor or `configure` of it "
                                "ever end?" },
                 shadow_report(j->shadow));
    j->shadow_call = NULL;
}

void job_shadow_report(struct job *j, struct control_call *call, const json_t *request)
{
    if (j->shadow)
        control_answer(call, shadow_report(j->shadow));
    else
        control_fail(call,
                     &(struct err){ ERR_ABSENT,
                                    "no shadow run so far: begin one with `trommel ctl shadow X.so "
                                    "--sample 5%`" },
                     NULL);
}

void job_shadow_stop(struct job *j, struct control_call *call, const json_t *request)
{
    if (j->shadow)
        shadow_stop(j->shadow);
    began_tell(j);
    job_shadow_report(j, call, request);
}

struct shadow_pair *job_shadow_page(struct job *j, const struct pool_page *page)
{
    return j->shadow ? shadow_page(j->shadow, page, j->n_waiting > 1) : NULL; /* it still waits itself */
}

int job_shadow_on_generation(struct job *j, uint32_t generation, enum pool_gen_state state,
                             const struct err *why)
{
    if (!j->shadow || !shadow_on_generation(j->shadow, generation, state, why))
        return 0;
    began_tell(j);
    return 1;
}

void job_shadow_close(struct job *j)
{
    if (j->shadow_call)
        control_fail(j->shadow_call, &(struct err){ ERR_CLOSED, "the crawl has ended" }, NULL);
    j->shadow_call = NULL;
    shadow_free(j->shadow);
    j->shadow = NULL;
}
