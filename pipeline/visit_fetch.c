/* visit_fetch: see visit.h.  The part of a visit's way that the network decides: its transfer, what an answer
 * means (a page, a redirect, a failure, again later), and robots.txt, which goes the same way but has no record. */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "job_archive.h"
#include "parse/url.h"
#include "visit_inner.h"

enum {
    RETRY_MS = 1000,
    RETRY_MOST_MS = 300000,
    WHY_BYTES = 400,
    WARNED_HOSTS = 20, /* after so many a dead host is no news */
};

static void warc_field(struct buf *b, const struct warc_pack *copy)
{
    char id[WARC_UUID_TEXT];

    mp_cstr(b, "warc");
    if (!copy) {
        mp_nil(b);
        return;
    }
    warc_uuid_text(copy->uuid, id);
    mp_map(b, 4);
    mp_cstr(b, "file");
    mp_cstr(b, copy->file);
    mp_cstr(b, "offset");
    mp_uint(b, copy->offset);
    mp_cstr(b, "length");
    mp_uint(b, copy->length);
    mp_cstr(b, "id");
    mp_cstr(b, id);
}

void visit_fetch_field(struct visit *v, const struct fetch_answer *a, const struct warc_pack *copy)
{
    struct buf *b = &v->fetch;
    const struct frontier_item *item = v->item;
    int redirected = item->redirects > 0 && item->via.n > 0;

    mp_map(b, 8);
    mp_cstr(b, "ip");
    a->ip && *a->ip ? mp_cstr(b, a->ip) : mp_nil(b);
    mp_cstr(b, "protocol");
    a->protocol && *a->protocol ? mp_cstr(b, a->protocol) : mp_nil(b);
    mp_cstr(b, "tls");
    a->tls && *a->tls ? mp_cstr(b, a->tls) : mp_nil(b);
    mp_cstr(b, "redirects");
    mp_array(b, redirected ? 1 : 0);
    if (redirected)
        mp_str(b, item->via.p, item->via.n);
    mp_cstr(b, "truncated");
    mp_bool(b, a->error == FETCH_CUT || a->error == FETCH_TOO_LARGE);
    mp_cstr(b, "via");
    item->via.n ? mp_str(b, item->via.p, item->via.n) : mp_nil(b);
    mp_cstr(b, "depth");
    mp_uint(b, item->depth);
    warc_field(b, copy);
}

/* ---- the answer ---- */

static uint32_t retry_after_ms(trommel_str value, uint32_t attempt)
{
    uint64_t ms = (uint64_t)RETRY_MS << (attempt < 8 ? attempt - 1 : 7);
    char text[16];

    if (value.n && value.n < sizeof text) {
        memcpy(text, value.p, value.n);
        text[value.n] = 0;
        char *end;
        unsigned long s = strtoul(text, &end, 10);
        if (end != text && !*end && s <= RETRY_MOST_MS / 1000) /* a date is left to the doubling delay */
            ms = s * 1000ull;
    }
    return ms > RETRY_MOST_MS ? RETRY_MOST_MS : (uint32_t)ms;
}

void visit_retry(struct visit *v, trommel_str retry_after)
{
    uint32_t ms = retry_after_ms(retry_after, v->item->attempt);

    log_debug("%s: again in %u ms", v->url, ms);
    visit_done(v, END_RETRIED, NULL, 0, ms);
}

/* Where a Location leads, normalised; 0 or an error. */
static int redirect_target(struct visit *v, trommel_str location, struct arena *a, trommel_str *ret)
{
    if (!location.n)
        return ERR_ABSENT;
    return url_resolve(v->job->urls, str_of(v->url), location, a, ret);
}

static void visit_redirect(struct visit *v, const struct fetch_answer *answer)
{
    struct arena a;
    trommel_str to;

    arena_init(&a, 64 * KIB);
    int rc = redirect_target(v, answer->location, &a, &to);
    if (rc < 0)
        visit_failed(v, "bad_redirect", "");
    else if (v->item->redirects >= LIMIT_REDIRECTS)
        visit_failed(v, "too_many_redirects", "");
    else
        visit_done(v, END_REDIRECTED, &(struct frontier_link){ to, 0 }, 1, 0);
    arena_release(&a);
}
static void page_answered(struct visit *v, struct fetch_answer *a)
{
    int again = v->item->attempt < LIMIT_ATTEMPTS;
    char reason[24];

    if (a->error != FETCH_OK) {
        if (a->transient && again)
            visit_retry(v, a->retry_after);
        else
            visit_failed(v, fetch_error_name(a->error), a->message);
    } else if ((a->status >= 301 && a->status <= 303) || a->status == 307 || a->status == 308) {
        visit_redirect(v, a);
    } else if (a->status >= 200 && a->status <= 299) {
        visit_to_chain(v, a);
    } else if ((a->status == 429 || a->status >= 500) && again) {
        visit_retry(v, a->retry_after);
    } else {
        v->content_type = visit_strdup(a->content_type);
        snprintf(reason, sizeof reason, "http_%d", a->status);
        visit_failed(v, reason, "");
    }
}

static void fetch_done(void *arg, struct fetch_answer *answer);

int visit_fetch(struct visit *v)
{
    struct fetch_request req = {
        .url = str_of(v->url),
        .fresh = v->item->host_last && !v->item->is_robots,
        .identity = v->item->is_robots,
        .body_bytes = v->item->is_robots ? LIMIT_ROBOTS_BYTES : 0,
        .done = fetch_done,
        .arg = v,
    };

    return fetch_start(v->job->fetch, &req);
}

void visit_hold(struct visit *v)
{
    v->wait_next = v->job->held;
    v->job->held = v;
    visit_move(v, VISIT_TAKEN);
}

/* robots.txt may move (RFC 9309 2.3.1.2: at least five hops); what is there then counts for this host. */
static int robots_moved(struct visit *v, const struct fetch_answer *a)
{
    struct arena arena;
    trommel_str to;
    int moved = 0;

    if (a->error != FETCH_OK || a->status < 301 || a->status > 308 || v->robots_hops >= LIMIT_REDIRECTS)
        return 0;
    arena_init(&arena, 64 * KIB);
    if (redirect_target(v, a->location, &arena, &to) == 0) {
        free(v->url);
        v->url = visit_strdup(to);
        v->robots_hops++;
        int rc = visit_fetch(v);
        if (rc == ERR_FULL)
            visit_hold(v);
        moved = rc == 0 || rc == ERR_FULL;
    }
    arena_release(&arena);
    return moved;
}

/* Nobody answers, or with an error: the host's pages must not be fetched.  The last try is told. */
static void robots_failed(struct visit *v, const struct fetch_answer *a, int status)
{
    struct job *j = v->job;
    char why[WHY_BYTES];

    if (status)
        snprintf(why, sizeof why, "HTTP status %d", status);
    else
        snprintf(why, sizeof why, "%s%s%s", fetch_error_name(a->error), a->message && *a->message ? ": " : "",
                 a->message ? a->message : "");
    if (v->item->attempt < LIMIT_ATTEMPTS)
        log_debug("%s: %s; asked again soon", v->url, why);
    else if (j->counts.robots_unreachable++ < WARNED_HOSTS)
        log_warn("%s: %s; nothing is fetched from a host whose robots.txt cannot be had", v->url, why);
}

void visit_robots_end(struct visit *v, int status, trommel_str body)
{
    struct job *j = v->job;
    int rc = frontier_robots(j->frontier, &v->item, status, body, uv_now(&j->loop));

    if (rc < 0)
        job_stop(j, 1, "frontier in %s: cannot write (%s); free space there and run the same command again",
                 j->dir, err_text(rc));
    visit_move(v, VISIT_ENDED);
    visit_free(v);
}

static void robots_answered(struct visit *v, struct fetch_answer *a)
{
    struct job *j = v->job;
    int cut = a->error == FETCH_TOO_LARGE; /* what is within the limit counts (RFC 9309 2.5) */
    int status = a->error == FETCH_OK || cut ? a->status : 0;
    trommel_str body = { (const char *)a->body->data, a->body->len };

    if (robots_moved(v, a))
        return;
    if (status >= 301 && status <= 308)
        status = 404; /* too many hops: as if there were none (RFC 9309 2.3.1.2) */
    j->counts.robots_fetched++;
    if (status == 0 || status >= 500)
        robots_failed(v, a, status);
    visit_robots_end(v, status, body);
}

static void fetch_done(void *arg, struct fetch_answer *answer)
{
    struct visit *v = arg;
    struct job *j = v->job;

    if (answer->error == FETCH_ABORTED) /* the job is closing; visit_abandon ends it */
        return;
    if (!v->item->is_robots)
        frontier_transferred(j->frontier, v->item, uv_now(&j->loop));
    if (job_archive_takes(j, answer))
        job_archive_put(v, answer);
    else
        visit_answered(v, answer, NULL);
}

void visit_answered(struct visit *v, struct fetch_answer *answer, const struct warc_pack *copy)
{
    struct job *j = v->job;

    if (v->item->is_robots) {
        robots_answered(v, answer);
        return;
    }
    v->share = *answer->share;
    *answer->share = NULL;
    budget_settle(v->share, answer->body->len);
    v->status = answer->status;
    v->bytes = answer->body->len;
    v->fetched_ms = clock_wall_ms();
    j->counts.body_bytes += answer->body->len;
    visit_fetch_field(v, answer, copy);
    page_answered(v, answer);
}
