/* visit: see visit.h.  This file alone knows the whole way; the parts know nothing of each other.  What the
 * network says is read in visit_fetch.c. */
#include "visit_inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "chain/letter.h"
#include "chain/swap.h"
#include "job_archive.h"
#include "job_shadow.h"
#include "parse/url.h"
#include "visit_links.h"
#include <trommel/sink.h> /* TROMMEL_ACK_* */

enum {
    WAITING_LEAST = 32, /* pages that wait for the chain before nothing more is fetched */
};

const char *const visit_end_names[END_COUNT] = {
#define X(up, low) #low,
    VISIT_END_MAP(X)
#undef X
};

static const char *const state_names[] = {
#define X(up, low) #low,
    VISIT_STATE_MAP(X)
#undef X
};

void visit_move(struct visit *v, enum visit_state to)
{
    log_trace("visit %s: %s -> %s", v->url, state_names[v->state], state_names[to]);
    v->state = to;
}

char *visit_strdup(trommel_str s)
{
    char *copy = malloc(s.n + 1);

    if (!copy)
        abort();
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    return copy;
}

/* ---- a visit's beginning and end ---- */

static struct visit *visit_new(struct job *j, struct frontier_item *item)
{
    struct visit *v = calloc(1, sizeof *v);

    if (!v)
        abort();
    v->job = j;
    v->item = item;
    v->url = visit_strdup(item->url);
    buf_init(&v->body, LIMIT_BODY_BYTES);
    buf_init(&v->headers, LIMIT_HEADER_BYTES);
    buf_init(&v->fetch, LIMIT_HEADER_BYTES);
    buf_init(&v->links, LINKS_LIST_BYTES);
    v->next = j->all;
    if (v->next)
        v->next->prev = v;
    j->all = v;
    j->n_visits++;
    return v;
}

void visit_free(struct visit *v)
{
    struct job *j = v->job;

    if (v->prev)
        v->prev->next = v->next;
    else
        j->all = v->next;
    if (v->next)
        v->next->prev = v->prev;
    j->n_visits--;
    shadow_forget(&v->shadow);
    budget_end(&v->share);
    buf_release(&v->body);
    buf_release(&v->headers);
    buf_release(&v->fetch);
    buf_release(&v->links);
    free(v->content_type);
    free(v->content_encoding);
    free(v->url);
    free(v);
}

int visit_done(struct visit *v, enum visit_end how, const struct frontier_link *links, size_t n_links,
               uint32_t retry_ms)
{
    struct job *j = v->job;
    enum frontier_end end = how == END_RETRIED       ? FRONTIER_RETRY
                            : how == END_REDIRECTED  ? FRONTIER_REDIRECT
                            : how == END_QUARANTINED ? FRONTIER_DEAD
                                                     : FRONTIER_DONE;

    int rc = frontier_done(j->frontier, &v->item, end, retry_ms, links, n_links);
    if (rc < 0) /* what could not be written down is not done: it will be fetched again */
        job_stop(j, 1, "frontier in %s: cannot write (%s); free space there and run the same command again",
                 j->dir, err_text(rc));
    j->counts.ends[rc < 0 ? END_UNFINISHED : how]++;
    visit_move(v, VISIT_ENDED);
    visit_free(v);
    return rc;
}

static void commit_note(uint8_t (*ids)[RECORD_ID_BYTES], uint32_t *n, const uint8_t *id)
{
    memcpy(ids[(*n)++], id, RECORD_ID_BYTES);
}

void visit_commit(struct job *j)
{
    if (j->n_committed && j->deliver)
        deliver_committed(j->deliver, (const uint8_t (*)[RECORD_ID_BYTES])j->committed, j->n_committed);
    if (j->n_dead_committed && j->dead)
        deliver_committed(j->dead, (const uint8_t (*)[RECORD_ID_BYTES])j->dead_committed,
                          j->n_dead_committed);
    j->n_committed = j->n_dead_committed = 0;
    if (j->dedupe_dirty) {
        int rc = dedupe_sync(j->dedupe);
        if (rc < 0 && !j->stopping)
            job_stop(j, 1, "%s/dedupe.log: cannot write (%s); free space there and run the same command "
                     "again", j->dir, err_text(rc));
        j->dedupe_dirty = 0;
    }
}

/* ---- the record of a page that never reaches the chain ---- */

static struct record_head head_of(const struct visit *v)
{
    struct record_head h = {
        .url = v->item->url,
        .final_url = v->item->url,
        .fetched_ms = v->fetched_ms,
        .status = (uint16_t)v->status,
        .content_type = str_of(v->content_type),
        .bytes = v->bytes,
        .fetch = { (const char *)v->fetch.data, v->fetch.len },
    };

    memcpy(h.id, v->item->id, sizeof h.id);
    return h;
}

static trommel_str host_key(trommel_str url)
{
    struct url_parts parts;

    return url_split(url, &parts) == 0 ? parts.host : (trommel_str){ 0 };
}

static void visit_deliver(struct visit *v, struct buf *record)
{
    struct job *j = v->job;
    struct deliver *to = v->outcome == OUTCOME_QUARANTINED ? j->dead : j->deliver;

    budget_settle(v->share, record->len + v->links.len);
    visit_move(v, VISIT_DELIVERING);
    int rc = deliver_put(to, v->item->id, record, host_key(v->item->url), v);
    if (rc < 0)
        job_stop(j, 1, "%s: the record could not be handed to the sink: %s", v->url, err_text(rc));
}

/* Its record says why there is no page. */
void visit_failed(struct visit *v, const char *reason, const char *message)
{
    struct record_head h = head_of(v);
    struct buf record;
    uint32_t n = 0;

    buf_init(&record, LIMIT_RECORD_BYTES);
    h.outcome = v->outcome = OUTCOME_FAILED;
    h.reason = str_of(reason);
    record_begin(&record, &h, &n);
    record_end(&record, n);
    log_debug("%s: %s%s%s", v->url, reason, message && *message ? ": " : "", message ? message : "");
    job_count_reason(v->job, reason, strlen(reason));
    job_failure(v->job, v->item->url, reason, strlen(reason));
    buf_release(&v->body);
    visit_deliver(v, &record);
    buf_release(&record);
}

/* ---- the chain ---- */

static int visit_submit(struct visit *v)
{
    struct pool_page page = {
        .head = head_of(v),
        .content_type = str_of(v->content_type),
        .content_encoding = str_of(v->content_encoding),
        .headers = { (const char *)v->headers.data, v->headers.len },
        .body = { (const char *)v->body.data, v->body.len },
    };

    int rc = pool_submit(v->job->pool, &page, v);

    if (rc == 0) {
        swap_page_seen(v->job->swap, &page);
        v->shadow = job_shadow_page(v->job, &page);
    }
    return rc;
}

static void pool_feed(struct job *j)
{
    while (j->wait_first) {
        struct visit *v = j->wait_first;
        int rc = visit_submit(v);
        if (rc == ERR_FULL)
            return;
        j->wait_first = v->wait_next;
        if (!j->wait_first)
            j->wait_last = NULL;
        v->wait_next = NULL;
        j->n_waiting--;
        if (rc < 0) {
            visit_failed(v, rc == ERR_LIMIT ? "too_large" : "pool", err_text(rc));
            continue;
        }
        visit_move(v, VISIT_CHAIN);
        buf_release(&v->headers); /* the pool has its own copy of all of it */
        buf_release(&v->body);
    }
}

void visit_to_chain(struct visit *v, struct fetch_answer *answer)
{
    struct job *j = v->job;

    struct buf empty = BUF_INIT(v->body.max);
    buf_release(&v->body);
    v->body = *answer->body;
    *answer->body = empty;
    v->content_type = visit_strdup(answer->content_type);
    v->content_encoding = visit_strdup(answer->content_encoding);
    buf_add(&v->headers, answer->headers.p, answer->headers.n);
    visit_move(v, VISIT_WAITING);
    if (j->wait_last)
        j->wait_last->wait_next = v;
    else
        j->wait_first = v;
    j->wait_last = v;
    j->n_waiting++;
    pool_feed(j);
}

static void visit_dropped(struct visit *v, trommel_str reason)
{
    struct job *j = v->job;
    size_t n;
    struct frontier_link *links = links_list(&v->links, &n);

    job_count_reason(j, reason.n ? reason.p : "dropped", reason.n ? reason.n : 7);
    if (visit_done(v, END_DROPPED, links, n, 0) == 0)
        j->counts.outcomes[OUTCOME_DROPPED]++;
    free(links);
}

static void dedupe_field(struct visit *v, const struct pool_result *r, struct buf *record)
{
    struct dedupe_verdict verdict;
    struct job *j = v->job;

    if (!r->sketch.n || dedupe_claim(j->dedupe, v->item->id, r->sketch, &verdict) < 0)
        return;
    v->claimed = 1;
    dedupe_settle(record, &verdict, r->sketch);
}

void visit_on_result(void *job, void *user, const struct pool_result *r)
{
    struct job *j = job;
    struct visit *v = user;
    struct buf record;

    shadow_live(&v->shadow, r);
    if (r->retry && v->item->attempt < LIMIT_ATTEMPTS) {
        visit_retry(v, (trommel_str){ 0 });
        return;
    }
    v->outcome = r->outcome;
    links_take(&v->links, r->record, j->opt.follow_nofollow);
    if (r->outcome == OUTCOME_DROPPED) {
        visit_dropped(v, r->reason);
        return;
    }
    if (r->outcome != OUTCOME_OK) {
        job_count_reason(j, r->reason.p, r->reason.n);
        if (r->outcome == OUTCOME_QUARANTINED)
            log_warn("%s: quarantined: stage %.*s: %.*s", v->url, (int)r->stage.n, r->stage.p,
                     (int)r->reason.n, r->reason.p);
        if (r->outcome == OUTCOME_QUARANTINED || r->outcome == OUTCOME_FAILED)
            job_failure(j, v->item->url, r->reason.p, r->reason.n);
    }
    buf_init(&record, LIMIT_RECORD_BYTES + 64 * KIB);
    buf_add(&record, r->record.p, r->record.n);
    if (r->outcome == OUTCOME_OK)
        dedupe_field(v, r, &record);
    if (r->page && letter_make(&record, r->page) < 0)
        log_warn("%s: its dead letter is without the page, for which there is no room beside the record; "
                 "it cannot be replayed",
                 v->url);
    visit_deliver(v, &record);
    buf_release(&record);
}

/* ---- the sink ---- */

static void visit_acked(struct visit *v)
{
    struct job *j = v->job;
    int dead = v->outcome == OUTCOME_QUARANTINED;
    size_t n;
    struct frontier_link *links = links_list(&v->links, &n);
    uint8_t id[RECORD_ID_BYTES];

    memcpy(id, v->item->id, sizeof id);
    enum outcome outcome = v->outcome;

    j->last_ack_ms = uv_now(&j->loop);
    if (v->claimed) {
        dedupe_commit(j->dedupe, id);
        j->dedupe_dirty = 1;
    }
    int rc = visit_done(v, dead ? END_QUARANTINED : END_DELIVERED, links, n, 0);
    free(links);
    if (rc < 0)
        return; /* not written down: the sink must go on knowing it */
    j->counts.outcomes[outcome]++;
    if (dead)
        commit_note(j->dead_committed, &j->n_dead_committed, id);
    else
        commit_note(j->committed, &j->n_committed, id);
    if (j->n_committed == sizeof j->committed / sizeof j->committed[0] ||
        j->n_dead_committed == sizeof j->dead_committed / sizeof j->dead_committed[0])
        visit_commit(j);
}

/* The sink will never take this record: a short one that says so goes to the dead letters. */
static void visit_sink_refused(struct visit *v, const char *message)
{
    struct record_head h = head_of(v);
    struct record_error e = { .stage = str_of("sink"), .reason = str_of("sink_refused"),
                              .message = str_of(message) };
    struct buf record;
    uint32_t n = 0;

    v->job->counts.sink_refused++;
    if (v->claimed)
        dedupe_release(v->job->dedupe, v->item->id);
    v->claimed = 0;
    h.outcome = v->outcome = OUTCOME_QUARANTINED;
    h.reason = e.reason;
    job_count_reason(v->job, "sink_refused", 12);
    job_failure(v->job, v->item->url, "sink_refused", 12);
    log_warn("%s: the sink refused its record: %s; it goes to the dead letters", v->url,
             message ? message : "");
    buf_init(&record, LIMIT_RECORD_BYTES);
    record_begin(&record, &h, &n);
    record_put_error(&record, &e, &n);
    record_end(&record, n);
    visit_deliver(v, &record);
    buf_release(&record);
}

void visit_on_ack(void *job, void *user, int how, const char *message)
{
    if (how == TROMMEL_ACK_REFUSED)
        visit_sink_refused(user, message);
    else
        visit_acked(user);
}

void visit_on_dead_ack(void *job, void *user, int how, const char *message)
{
    struct visit *v = user;

    if (how == TROMMEL_ACK_REFUSED) {
        job_stop(job, 1, "%s/dead-letters: refused a record: %s", ((struct job *)job)->dir,
                 message ? message : "");
        return;
    }
    visit_acked(v);
}

void visit_on_refused(void *job, const struct frontier_item *item)
{
    struct job *j = job;

    const char *why = item->refused ? item->refused : "robots";

    j->counts.robots_refused++;
    job_count_reason(j, why, strlen(why));
    if (strcmp(why, "robots")) /* that it is forbidden is no failure; that nobody answers is */
        job_failure(j, item->url, why, strlen(why));
    log_debug("%.*s: %s", (int)item->url.n, item->url.p, why);
}

/* ---- starting ---- */

/* The next one to be fetched: one that was held, or a URL from the frontier. */
static int visit_next(struct job *j, struct visit **ret)
{
    struct frontier_item *item;
    uint64_t wait_ms = UINT64_MAX;

    *ret = j->held;
    if (*ret) {
        j->held = (*ret)->wait_next;
        (*ret)->wait_next = NULL;
        return 0;
    }
    int rc = frontier_take(j->frontier, uv_now(&j->loop), &item, &wait_ms);
    if (rc == ERR_AGAIN && wait_ms != UINT64_MAX)
        job_wake_in(j, wait_ms);
    else if (rc == ERR_CLOSED)
        j->exhausted = 1;
    else if (rc < 0 && rc != ERR_AGAIN)
        job_stop(j, 1, "frontier in %s: cannot read (%s)", j->dir, err_text(rc));
    if (rc < 0)
        return rc;
    *ret = visit_new(j, item);
    j->counts.started += !item->is_robots;
    return 0;
}

/* Nothing is gained by fetching further ahead of the workers than they have hands. */
static int intake_open(const struct job *j)
{
    size_t hands = pool_room(j->pool) + pool_pending(j->pool);

    return j->n_waiting < (hands > WAITING_LEAST ? hands : WAITING_LEAST) && fetch_room(j->fetch) &&
           job_archive_room(j);
}

/* Takes one URL and starts its fetch.  0 to go on; else there is nothing to start now.  Room is asked for
 * first: the pace of a host counts from when its URL is taken. */
static int visit_start(struct job *j)
{
    struct visit *v;
    int rc = intake_open(j) ? visit_next(j, &v) : ERR_FULL;

    if (rc < 0)
        return rc;
    rc = visit_fetch(v);
    if (rc == 0) {
        visit_move(v, VISIT_FETCHING);
    } else if (rc == ERR_FULL) {
        visit_hold(v);
        return rc;
    } else if (v->item->is_robots) {
        visit_robots_end(v, 0, (trommel_str){ 0 });
    } else {
        v->fetched_ms = clock_wall_ms();
        visit_fetch_field(v, &(struct fetch_answer){ .error = FETCH_OTHER }, NULL);
        frontier_transferred(j->frontier, v->item, uv_now(&j->loop));
        visit_failed(v, "bad_url", err_text(rc));
    }
    return 0;
}

static void visit_unfinished(struct visit *v)
{
    struct job *j = v->job;

    if (!v->item->is_robots)
        j->counts.ends[END_UNFINISHED]++;
    if (v->claimed)
        dedupe_release(j->dedupe, v->item->id);
    visit_free(v); /* its URL is the frontier's, and still queued there */
}

void visit_pump(struct job *j)
{
    pool_feed(j);
    j->exhausted = 0;
    while (j->stopping && j->held) {
        struct visit *v = j->held;
        j->held = v->wait_next;
        visit_unfinished(v);
    }
    if (j->stopping || j->paused)
        return;
    uv_update_time(&j->loop); /* the pace is kept by the clock, not by when the loop last looked at it */
    uv_timer_stop(&j->wake);
    while (visit_start(j) == 0 && !j->stopping)
        ;
}

void visit_abandon(struct job *j)
{
    j->wait_first = j->wait_last = j->held = NULL;
    j->n_waiting = 0;
    while (j->all)
        visit_unfinished(j->all);
}
