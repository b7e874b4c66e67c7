/* page: one dead letter's trip; see dead.c.
 *
 *     letter ─► chain ─► sink ─► settled
 *                 └────► dead letters, if it says something new
 *
 * One that came out well is settled when the sink has acknowledged its record: first in the frontier, in one
 * batch with its links, then in the letters' own list, and then the sink is told that the id is done.  Killed
 * before the first step, the page runs again with the same id, and the file sink knows it; killed behind it,
 * the frontier says that it is settled, and the list catches up.
 *
 * Only pages that the frontier knows as dead are run: the visit of any other has not ended, so the crawl will
 * come to it again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "command/replay/inner.h"
#include "parse/url.h"
#include "visit_links.h"
#include <trommel/sink.h> /* TROMMEL_ACK_* */

enum {
    SINK_PAGES = 256,      /* letters on their way at a time … */
    SINK_BYTES = 64 * MIB, /* … and bytes of records with the sinks */
};

struct page { /* a letter on its way */
    struct replay *r;
    struct page *prev, *next; /* all under way */
    uint8_t id[RECORD_ID_BYTES];
    char *url;
    uint32_t depth;
    unsigned char *error; /* of the letter: a new one is written only if it says something else */
    size_t error_n;
    struct buf links; /* visit_links.h */
    int is_claimed;   /* in the dedupe index */
    size_t bytes;     /* of its record, while it is with a sink */
};

/* ---- a page's end ---- */

static void page_free(struct page *p)
{
    if (p->prev)
        p->prev->next = p->next;
    else
        p->r->all = p->next;
    if (p->next)
        p->next->prev = p->prev;
    p->r->n_pages--;
    p->r->bytes -= p->bytes;
    buf_release(&p->links);
    free(p->url);
    free(p->error);
    free(p);
}

/* It stays a dead letter. */
__attribute__((format(printf, 3, 4))) static void stays(struct replay *r, const char *url, const char *fmt,
                                                        ...)
{
    char why[700];
    va_list ap;

    if (r->counts.listed++ >= REPLAY_LISTED)
        return;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    log_warn("%s: %s", url, why);
}

void replay_commit(struct replay *r)
{
    if (r->committed.n && r->out)
        deliver_committed(r->out, (const uint8_t(*)[RECORD_ID_BYTES])r->committed.ids, r->committed.n);
    if (r->dead_committed.n && r->dead)
        deliver_committed(r->dead, (const uint8_t(*)[RECORD_ID_BYTES])r->dead_committed.ids,
                          r->dead_committed.n);
    r->committed.n = r->dead_committed.n = 0;
    if (!r->is_dirty)
        return;
    r->is_dirty = 0;
    int rc = dedupe_sync(r->dedupe);
    if (rc < 0)
        replay_stop(r, 1, "%s/dedupe.log: cannot write (%s); free space there and run the same command again",
                    r->args->job.dir, err_text(rc));
}

static void commit_note(struct replay *r, struct committed *c, const uint8_t *id)
{
    memcpy(c->ids[c->n++], id, RECORD_ID_BYTES);
    if (c->n == REPLAY_COMMITS)
        replay_commit(r);
}

static void list_settled(struct replay *r, const uint8_t *id)
{
    if (letters_settle(r->letters, id) < 0)
        replay_stop(
            r, 1,
            "%s/dead-letters/settled: cannot write (%s); free space there and run the same command again",
            r->args->job.dir, strerror(errno));
}

/* It came out well, and its record is safe (or it was dropped).  An error: it is not settled. */
static int settle(struct page *p)
{
    struct replay *r = p->r;
    size_t n;
    struct frontier_link *links = links_list(&p->links, &n);
    int rc = frontier_settle(r->frontier, p->id, (trommel_str){ p->url, strlen(p->url) }, p->depth, links, n);

    free(links);
    if (rc < 0) {
        replay_stop(r, 1,
                    "frontier in %s: cannot write (%s); free space there and run the same command again",
                    r->args->job.dir, err_text(rc));
        return rc;
    }
    list_settled(r, p->id);
    r->counts.well++;
    return 0;
}

/* ---- the sinks ---- */

void replay_on_ack(void *replay, void *page, int how, const char *message)
{
    struct page *p = page;
    struct replay *r = replay;

    if (how == TROMMEL_ACK_REFUSED) {
        if (p->is_claimed)
            dedupe_release(r->dedupe, p->id);
        r->counts.stay++;
        stays(r, p->url, "the sink refused its record: %s", message ? message : "");
        page_free(p);
        return;
    }
    if (p->is_claimed) {
        dedupe_commit(r->dedupe, p->id);
        r->is_dirty = 1;
    }
    if (settle(p) == 0)
        commit_note(r, &r->committed, p->id);
    page_free(p);
}

void replay_on_dead_ack(void *replay, void *page, int how, const char *message)
{
    struct page *p = page;
    struct replay *r = replay;

    if (how == TROMMEL_ACK_REFUSED)
        replay_stop(r, 1, "%s/dead-letters: refused a record: %s", r->args->job.dir, message ? message : "");
    else
        commit_note(r, &r->dead_committed, p->id);
    page_free(p);
}

static void put(struct page *p, struct deliver *to, struct buf *record)
{
    struct url_parts parts = { 0 };
    trommel_str host = { 0 };

    if (url_split((trommel_str){ p->url, strlen(p->url) }, &parts) == 0)
        host = parts.host;
    p->bytes = record->len;
    p->r->bytes += p->bytes;
    int rc = deliver_put(to, p->id, record, host, p);
    if (rc == 0)
        return;
    replay_stop(p->r, 1, "%s: the record could not be handed to the sink: %s", p->url, err_text(rc));
    page_free(p);
}

/* ---- the chain ---- */

static void claim(struct page *p, const struct pool_result *res, struct buf *record)
{
    struct dedupe_verdict verdict;

    if (!res->sketch.n || dedupe_claim(p->r->dedupe, p->id, res->sketch, &verdict) < 0)
        return;
    p->is_claimed = 1;
    dedupe_settle(record, &verdict, res->sketch);
}

/* Failed again.  A letter that would say what the last one says is not written. */
static void result_bad(struct page *p, const struct pool_result *res, struct buf *record)
{
    struct replay *r = p->r;
    trommel_str message = record_get_str(res->record.p, res->record.n, "error.message");
    trommel_str error = record_field(res->record.p, res->record.n, "error");

    r->counts.stay++;
    stays(r, p->url, "still quarantined: stage %.*s: %.*s: %.*s", (int)res->stage.n, res->stage.p,
          (int)res->reason.n, res->reason.p, (int)message.n, message.p);
    int is_known = letter_error_same(error, (trommel_str){ (const char *)p->error, p->error_n });
    if (r->args->is_dry || is_known || !res->page || letter_make(record, res->page) < 0) {
        page_free(p);
        return;
    }
    /* the frontier has the older letter written down, so the sink need not know it any more */
    deliver_committed(r->dead, (const uint8_t(*)[RECORD_ID_BYTES])p->id, 1);
    put(p, r->dead, record);
}

static void result_well(struct page *p, const struct pool_result *res, struct buf *record)
{
    struct replay *r = p->r;

    if (r->args->is_dry) {
        r->counts.well++;
        log_info("%s: would come out as %s%s%.*s", p->url, outcome_name(res->outcome),
                 res->reason.n ? ": " : "", (int)res->reason.n, res->reason.p);
        page_free(p);
        return;
    }
    links_take(&p->links, res->record, r->args->job.follow_nofollow);
    if (res->outcome == OUTCOME_DROPPED) {
        settle(p);
        page_free(p);
        return;
    }
    if (res->outcome == OUTCOME_OK)
        claim(p, res, record);
    put(p, r->out, record);
}

void replay_on_result(void *replay, void *page, const struct pool_result *res)
{
    struct page *p = page;
    struct replay *r = replay;
    struct buf record = BUF_INIT(LIMIT_RECORD_BYTES + 64 * KIB);

    r->counts.run++;
    buf_add(&record, res->record.p, res->record.n);
    if (res->outcome == OUTCOME_QUARANTINED) {
        result_bad(p, res, &record);
    } else if (res->retry) {
        r->counts.stay++;
        stays(r, p->url, "a stage asks for it to be tried again later");
        page_free(p);
    } else {
        result_well(p, res, &record);
    }
    buf_release(&record);
}

/* ---- letters to the chain ---- */

static void damage_say(struct replay *r, enum segment_event e)
{
    if (e == SEGMENT_TORN && segment_is_open(segments_path(r->segments)))
        return; /* of a dry run: what a crash left; nothing else lies behind it */
    if (e == SEGMENT_FAILED)
        log_warn("%s: cannot be read (%s)", segments_path(r->segments), strerror(errno));
    else
        log_warn("%s: at byte %llu: %s; %llu bytes are left out", segments_path(r->segments),
                 (unsigned long long)r->item.offset, r->item.what, (unsigned long long)r->item.lost);
    r->is_damaged = 1;
}

static int is_asked_for(const struct replay_args *a, const struct letter *l)
{
    return (!a->stage || (strlen(a->stage) == l->stage.n && !memcmp(a->stage, l->stage.p, l->stage.n))) &&
           (!a->reason || (strlen(a->reason) == l->reason.n && !memcmp(a->reason, l->reason.p, l->reason.n)));
}

/* Is the letter at hand to be run?  If not, it is counted. */
static int is_for_the_chain(struct replay *r)
{
    const struct letter *l = &r->letter;
    trommel_str url = l->page.head.url;

    if (!is_asked_for(r->args, l))
        return 0;
    int rc = frontier_dead(r->frontier, r->item.id);
    if (rc == ERR_ABSENT) {
        r->counts.left++;
        log_debug("%.*s: its visit has not ended; the crawl comes to it again", (int)url.n, url.p);
    } else if (rc < 0) {
        replay_stop(r, 1, "frontier in %s: cannot read (%s)", r->args->job.dir, err_text(rc));
    } else if (rc == 0 && !r->args->is_dry) { /* killed before it came into the list */
        list_settled(r, r->item.id);
    } else if (rc == 1 && !l->has_page) {
        char text[300];
        r->counts.without_page++;
        snprintf(text, sizeof text, "%.*s", (int)url.n, url.n ? url.p : "");
        stays(r, text, "its letter (%.*s) does not hold the page; it must be fetched again", (int)l->reason.n,
              l->reason.p);
    }
    return rc == 1 && l->has_page && !r->is_stopping;
}

/* The next letter that is to be run comes to hand; 0: there is none. */
static int letter_next(struct replay *r)
{
    while (!r->is_stopping) {
        enum segment_event e = segments_next(r->segments, &r->item);
        if (e == SEGMENT_END)
            return 0;
        if (e != SEGMENT_RECORD) {
            damage_say(r, e);
            continue;
        }
        if (!letters_count(r->letters, r->item.id))
            continue;
        if (letter_read(r->item.record, r->item.n, &r->letter) < 0 ||
            memcmp(r->letter.page.head.id, r->item.id, RECORD_ID_BYTES) != 0) {
            log_warn("%s: at byte %llu: is no letter of a page; it is left out", segments_path(r->segments),
                     (unsigned long long)r->item.offset);
            r->is_damaged = 1;
        } else if (is_for_the_chain(r)) {
            return 1;
        }
    }
    return 0;
}

static void *copy_of(const void *p, size_t n)
{
    char *copy = malloc(n + 1);

    if (!copy)
        abort();
    if (n)
        memcpy(copy, p, n);
    copy[n] = 0;
    return copy;
}

static struct page *page_new(struct replay *r)
{
    const struct letter *l = &r->letter;
    struct page *p = calloc(1, sizeof *p);

    if (!p)
        abort();
    p->r = r;
    memcpy(p->id, r->item.id, sizeof p->id);
    p->url = copy_of(l->page.head.url.p, l->page.head.url.n);
    p->depth = l->depth;
    p->error = copy_of(l->error.p, l->error.n);
    p->error_n = l->error.n;
    buf_init(&p->links, LINKS_LIST_BYTES);
    p->next = r->all;
    if (p->next)
        p->next->prev = p;
    r->all = p;
    r->n_pages++;
    return p;
}

/* The letter at hand goes to a worker.  ERR_FULL: later. */
static int letter_submit(struct replay *r)
{
    struct page *p = page_new(r);
    int rc = pool_submit(r->pool, &r->letter.page, p);

    if (rc < 0 && rc != ERR_FULL) {
        r->counts.stay++;
        stays(r, p->url, "cannot be handed to the chain: %s", err_text(rc));
    }
    if (rc < 0)
        page_free(p);
    return rc;
}

void replay_feed(struct replay *r)
{
    while (!r->is_stopping && !r->is_read && pool_room(r->pool) && r->n_pages < SINK_PAGES &&
           r->bytes < SINK_BYTES) {
        if (!r->is_held && !letter_next(r)) {
            r->is_read = 1;
            return;
        }
        r->is_held = letter_submit(r) == ERR_FULL;
        if (r->is_held)
            return;
    }
}

void replay_abandon(struct replay *r)
{
    while (r->all)
        page_free(r->all);
}
