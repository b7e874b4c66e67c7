/* shadow: see shadow.h. */
#include "chain/shadow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "record/diff.h"

enum { WHAT_MAX = 300, PATH_MAX_BYTES = 128, MESSAGE_MAX = 1000 };

enum shadow_state { SHADOW_STARTING, SHADOW_RUNNING, SHADOW_STOPPED, SHADOW_FAILED };
static const char *const state_names[] = { "starting", "running", "stopped", "failed" };

struct side { /* of a page: a result, copied */
    int is_there;
    enum outcome outcome;
    int retry;
    uint64_t cpu_us;
    char *record;
    size_t record_n;
};

struct shadow_pair {
    struct shadow *shadow;
    struct shadow_pair *prev, *next;
    int is_live_over, is_guest_over; /* its result came, or never will */
    struct side live, guest;
};

struct field_count {
    char path[PATH_MAX_BYTES];
    uint64_t n[DIFF_KINDS];
};

struct worst {
    unsigned n; /* fields that are not equal */
    json_t *row;
};

struct shadow {
    struct pool *pool;
    enum shadow_state state;
    uint32_t generation, beside;
    uint64_t below; /* hashes of ids below it are in the sample */
    double sample;
    int64_t since_ms;
    char what[WHAT_MAX], message[MESSAGE_MAX];
    void (*on_log)(void *arg, int level, const char *line);
    void *arg;
    struct shadow_pair *first;
    unsigned pairs;
    size_t held;
    uint64_t seen, sampled, shed, uncompared, pages, equal, kinds[DIFF_KINDS], failed, failed_live, cpu_us, cpu_us_live;
    struct field_count *fields;
    unsigned n_fields;
    struct worst worst[SHADOW_WORST_MAX]; /* the worst first */
    unsigned n_worst;
};

__attribute__((format(printf, 3, 4))) static void say(const struct shadow *s, int level, const char *fmt, ...)
{
    char line[MESSAGE_MAX + 100];
    va_list ap;

    if (!s->on_log)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    s->on_log(s->arg, level, line);
}

/* ---- beginning and end ---- */

int shadow_start(const struct shadow_options *opt, struct chain_config *config, struct shadow **ret, struct err *err)
{
    struct pool_gen_options gen = { .workers = 1, .flags = opt->flags | POOL_GEN_LOW };
    struct shadow *s = NULL;
    int rc;

    *ret = NULL;
    if (!(opt->sample > 0 && opt->sample <= 1)) {
        chain_config_release(config);
        return err_set(err, ERR_USAGE, "sample: %g is no share of the pages: more than 0 and at most 1 (or 100%%)",
                       opt->sample);
    }
    s = calloc(1, sizeof *s);
    if (s)
        s->fields = calloc(SHADOW_FIELDS_MAX + 1, sizeof *s->fields);
    if (!s || !s->fields) {
        chain_config_release(config);
        free(s);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    s->pool = opt->pool;
    s->sample = opt->sample;
    s->below = opt->sample >= 1 ? UINT64_MAX : (uint64_t)(opt->sample * 18446744073709551616.0);
    s->since_ms = clock_wall_ms();
    s->on_log = opt->on_log;
    s->arg = opt->arg;
    s->beside = pool_chain(opt->pool).generation;
    snprintf(s->what, sizeof s->what, "%s", opt->what ? opt->what : "");
    rc = pool_gen_start(opt->pool, config, &gen, &s->generation, err);
    if (rc) {
        free(s->fields);
        free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

static void end(struct shadow *s, enum shadow_state state, const char *message)
{
    if (s->state == SHADOW_STOPPED || s->state == SHADOW_FAILED)
        return;
    s->state = state;
    snprintf(s->message, sizeof s->message, "%s", message);
}

void shadow_stop(struct shadow *s)
{
    end(s, SHADOW_STOPPED, "");
    pool_gen_end(s->pool, s->generation);
}

int shadow_on_generation(struct shadow *s, uint32_t generation, enum pool_gen_state state, const struct err *why)
{
    if (generation != s->generation)
        return 0;
    if (state == POOL_GEN_READY && s->state == SHADOW_STARTING) {
        s->state = SHADOW_RUNNING;
        say(s, LOG_INFO, "shadow: generation %u (%s) sees %.3g%% of the pages beside generation %u", generation,
            s->what, s->sample * 100, s->beside);
    }
    if (state == POOL_GEN_FAILED) {
        end(s, SHADOW_FAILED, why ? why->text : "");
        say(s, LOG_WARN, "shadow: generation %u (%s) has ended: %s", generation, s->what, s->message);
    }
    return 1;
}

int shadow_is_over(const struct shadow *s)
{
    return (s->state == SHADOW_STOPPED || s->state == SHADOW_FAILED) && !s->pairs;
}

/* ---- a page's two results ---- */

static void side_release(struct shadow *s, struct side *side)
{
    s->held -= side->record ? side->record_n : 0;
    free(side->record);
    side->record = NULL;
}

static void side_take(struct shadow *s, struct side *side, const struct pool_result *r)
{
    side->is_there = 1;
    side->outcome = r->outcome;
    side->retry = r->retry;
    side->cpu_us = r->cpu_us;
    side->record_n = r->record.n;
    side->record = s->held + r->record.n <= SHADOW_HELD_BYTES ? malloc(r->record.n + 1) : NULL;
    if (!side->record)
        return; /* it will not be compared */
    s->held += r->record.n;
    if (r->record.n)
        memcpy(side->record, r->record.p, r->record.n);
}

static struct field_count *field_find(struct shadow *s, trommel_str path)
{
    struct field_count *f;

    for (unsigned i = 0; i < s->n_fields; i++)
        if (strlen(s->fields[i].path) == path.n && !memcmp(s->fields[i].path, path.p, path.n))
            return &s->fields[i];
    f = &s->fields[s->n_fields];
    if (s->n_fields == SHADOW_FIELDS_MAX || path.n >= sizeof f->path) {
        snprintf(s->fields[SHADOW_FIELDS_MAX].path, sizeof f->path, "other");
        return &s->fields[SHADOW_FIELDS_MAX];
    }
    memcpy(f->path, path.p, path.n);
    s->n_fields++;
    return f;
}

/* For people: a string as it is, anything else as JSON; cut. */
static json_t *value_shown(trommel_str raw)
{
    struct buf json = BUF_INIT(LIMIT_RECORD_BYTES);
    const unsigned char *at = (const unsigned char *)raw.p;
    struct mp_value v;
    json_t *shown;
    size_t n;

    if (!raw.n)
        return json_null();
    if (mp_read(&at, at + raw.n, &v) == 0 && v.type == MP_STR) {
        n = v.len < SHADOW_VALUE_MAX ? v.len : SHADOW_VALUE_MAX;
        shown = json_stringn((const char *)v.p, utf8_valid(v.p, n));
    } else {
        record_json(raw.p, raw.n, &json);
        n = json.len < SHADOW_VALUE_MAX ? json.len : SHADOW_VALUE_MAX;
        shown = json_stringn((const char *)json.data, n ? utf8_valid(json.data, n) : 0);
    }
    buf_release(&json);
    return shown;
}

struct compare {
    struct shadow *shadow;
    json_t *shown;
    unsigned n;
};

static int on_field(void *arg, const struct diff_field *f)
{
    struct compare *c = arg;

    if (f->kind == DIFF_EQUAL)
        return 0;
    c->n++;
    field_find(c->shadow, f->path)->n[f->kind]++;
    if (json_array_size(c->shown) < SHADOW_SHOWN_MAX)
        json_array_append_new(c->shown, json_pack("{s:s%,s:s,s:o,s:o}", "path", f->path.p, f->path.n, "kind",
                                                  diff_kind_name(f->kind), "live", value_shown(f->old_raw), "shadow",
                                                  value_shown(f->new_raw)));
    return 0;
}

/* Keeps the row if it is among the worst.  Takes it. */
static void worst_keep(struct shadow *s, unsigned n, json_t *row)
{
    unsigned at = s->n_worst;

    if (!row)
        return;
    while (at && s->worst[at - 1].n < n)
        at--;
    if (at == SHADOW_WORST_MAX) {
        json_decref(row);
        return;
    }
    if (s->n_worst == SHADOW_WORST_MAX)
        json_decref(s->worst[--s->n_worst].row);
    memmove(&s->worst[at + 1], &s->worst[at], (s->n_worst - at) * sizeof s->worst[0]);
    s->worst[at] = (struct worst){ n, row };
    s->n_worst++;
}

static json_t *string_of(const struct side *side, const char *path)
{
    struct mp_value v;

    if (record_get(side->record, side->record_n, path, &v))
        return json_null();
    if (v.type == MP_STR)
        return json_stringn((const char *)v.p, v.len);
    if (v.type == MP_BIN && v.len == RECORD_ID_BYTES) {
        char hex[2 * RECORD_ID_BYTES + 1];
        for (int i = 0; i < RECORD_ID_BYTES; i++)
            snprintf(hex + 2 * i, 3, "%02x", v.p[i]);
        return json_string(hex);
    }
    return json_null();
}

static void compare(struct shadow *s, const struct shadow_pair *p)
{
    const struct side *live = &p->live, *guest = &p->guest;
    struct compare c = { s, json_array(), 0 };
    uint64_t kinds[DIFF_KINDS] = { 0 };

    if (!live->record || !guest->record || live->retry || guest->retry ||
        diff_records((trommel_str){ live->record, live->record_n }, (trommel_str){ guest->record, guest->record_n },
                     &diff_ignore_run, on_field, &c, kinds, NULL)) {
        s->uncompared++;
        json_decref(c.shown);
        return;
    }
    s->pages++;
    s->equal += c.n == 0;
    for (int i = 0; i < DIFF_KINDS; i++)
        s->kinds[i] += kinds[i];
    s->failed += guest->outcome == OUTCOME_QUARANTINED && live->outcome != OUTCOME_QUARANTINED;
    s->failed_live += live->outcome == OUTCOME_QUARANTINED && guest->outcome != OUTCOME_QUARANTINED;
    s->cpu_us += guest->cpu_us;
    s->cpu_us_live += live->cpu_us;
    if (!c.n) {
        json_decref(c.shown);
        return;
    }
    worst_keep(s, c.n, json_pack("{s:o,s:o,s:i,s:s,s:s,s:o}", "url", string_of(live, "url"), "id",
                                 string_of(live, "id"), "n", (int)c.n, "outcome", outcome_name(guest->outcome),
                                 "outcome_live", outcome_name(live->outcome), "fields", c.shown));
}

static void pair_free(struct shadow_pair *p)
{
    struct shadow *s = p->shadow;

    if (p->prev)
        p->prev->next = p->next;
    else
        s->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    s->pairs--;
    side_release(s, &p->live);
    side_release(s, &p->guest);
    free(p);
}

/* Frees the pair when neither side can come any more. */
static void pair_turn(struct shadow_pair *p)
{
    struct shadow *s = p->shadow;

    if (!p->is_live_over || !p->is_guest_over)
        return;
    if (p->live.is_there && p->guest.is_there)
        compare(s, p);
    pair_free(p);
}

static void on_guest(void *arg, void *user, const struct pool_result *r)
{
    struct shadow_pair *p = user;

    (void)arg;
    p->is_guest_over = 1;
    side_take(p->shadow, &p->guest, r);
    pair_turn(p);
}

static int is_sampled(const struct shadow *s, const struct record_head *h)
{
    uint64_t hash = h->id_text.n ? XXH3_64bits(h->id_text.p, h->id_text.n) : XXH3_64bits(h->id, sizeof h->id);

    return hash <= s->below;
}

struct shadow_pair *shadow_page(struct shadow *s, const struct pool_page *page, int is_busy)
{
    struct shadow_pair *p;

    if (s->state == SHADOW_RUNNING && pool_chain(s->pool).generation != s->beside) {
        end(s, SHADOW_STOPPED, "the live chain is another one now: begin a new shadow run");
        say(s, LOG_INFO, "shadow: generation %u (%s) has ended: %s", s->generation, s->what, s->message);
        pool_gen_end(s->pool, s->generation);
    }
    if (s->state != SHADOW_RUNNING)
        return NULL;
    s->seen++;
    if (!is_sampled(s, &page->head))
        return NULL;
    s->sampled++;
    p = is_busy || s->pairs == SHADOW_PAIRS_MAX || s->held > SHADOW_HELD_BYTES / 2 ? NULL : calloc(1, sizeof *p);
    if (!p) {
        s->shed++;
        return NULL;
    }
    p->shadow = s;
    if (pool_submit_to(s->pool, s->generation, page, on_guest, s, p)) {
        s->shed++;
        free(p);
        return NULL;
    }
    p->next = s->first;
    if (p->next)
        p->next->prev = p;
    s->first = p;
    s->pairs++;
    return p;
}

void shadow_live(struct shadow_pair **pair, const struct pool_result *r)
{
    struct shadow_pair *p = *pair;

    *pair = NULL;
    if (!p)
        return;
    p->is_live_over = 1;
    if (r && r->generation == p->shadow->beside)
        side_take(p->shadow, &p->live, r);
    else
        p->shadow->uncompared++; /* another chain than the one that is compared with */
    pair_turn(p);
}

void shadow_forget(struct shadow_pair **pair)
{
    shadow_live(pair, NULL);
}

/* ---- the report ---- */

static json_t *fields_report(const struct shadow *s)
{
    json_t *all = json_object();

    for (unsigned i = 0; i <= SHADOW_FIELDS_MAX; i++) {
        const struct field_count *f = &s->fields[i];
        if (f->path[0] && (i < s->n_fields || i == SHADOW_FIELDS_MAX))
            json_object_set_new(all, f->path, json_pack("{s:I,s:I,s:I}", "differs", (json_int_t)f->n[DIFF_DIFFERS],
                                                        "missing", (json_int_t)f->n[DIFF_MISSING], "extra",
                                                        (json_int_t)f->n[DIFF_EXTRA]));
    }
    return all;
}

json_t *shadow_report(const struct shadow *s)
{
    json_t *worst = json_array();

    for (unsigned i = 0; i < s->n_worst; i++)
        json_array_append(worst, s->worst[i].row);
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:I,s:I,s:I,s:o,s:o}", "state",
                     state_names[s->state], "what", s->what, "message", s->message, "generation",
                     (json_int_t)s->generation, "beside", (json_int_t)s->beside, "sample", s->sample, "since",
                     (json_int_t)s->since_ms, "seen", (json_int_t)s->seen, "sampled", (json_int_t)s->sampled, "shed",
                     (json_int_t)s->shed, "uncompared", (json_int_t)s->uncompared, "pages", (json_int_t)s->pages, "equal",
                     (json_int_t)s->equal, "differs", (json_int_t)s->kinds[DIFF_DIFFERS], "missing",
                     (json_int_t)s->kinds[DIFF_MISSING], "extra", (json_int_t)s->kinds[DIFF_EXTRA], "failed",
                     (json_int_t)s->failed, "failed_live", (json_int_t)s->failed_live, "slower",
                     s->cpu_us_live ? (double)s->cpu_us / (double)s->cpu_us_live : 0.0, "cpu_us", (json_int_t)s->cpu_us,
                     "cpu_us_live", (json_int_t)s->cpu_us_live, "pending", (json_int_t)s->pairs, "fields",
                     fields_report(s), "worst", worst);
}

void shadow_free(struct shadow *s)
{
    if (!s)
        return;
    while (s->first)
        pair_free(s->first);
    for (unsigned i = 0; i < s->n_worst; i++)
        json_decref(s->worst[i].row);
    free(s->fields);
    free(s);
}
