/* job_archive: see job_archive.h.
 *
 *     put ─► pack (several at a time) ─► ready ─► commit (a batch at a time) ─► visit_answered */
#include "job_archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "parse/chunked.h"
#include "visit_inner.h"

enum {
    PENDING_MOST = 512, /* visits that wait for the disk before nothing more is fetched */
    BATCH_MOST = 256,   /* of one commit */
};

/* A visit's answer while it is written. */
struct archive_item {
    uv_work_t work;
    struct archive *archive;
    struct archive_item *next;
    struct visit *v;
    struct fetch_answer answer; /* its strings lie in `text` */
    struct buf body, text;
    struct budget_share *share;
    size_t body_max; /* of its payload */
    struct warc_exchange exchange;
    struct warc_pack pack;
    int rc;
};

struct archive {
    struct job *job;
    struct warc_writer *writer;
    struct revisit *known;
    struct warc_counts counts;
    enum warc_coding coding;
    size_t pending;
    int closing, failed;
    struct archive_item *ready, **ready_last;
    /* the commit that runs */
    uv_work_t work;
    int busy;
    struct archive_item *items[BATCH_MOST];
    size_t n_items;
    struct err err;
    uv_mutex_t lock; /* of the tools */
    struct warc_tool *tools[64];
    size_t n_tools;
};

/* ---- what is kept of an answer ---- */

static void keep(struct buf *text, trommel_str *s)
{
    size_t at = text->len;

    buf_add(text, s->p, s->n);
    s->p = (const char *)at; /* a place until all is there: the buffer moves */
}

static void keep_cstr(struct buf *text, const char **s)
{
    size_t at = text->len;

    buf_add(text, *s ? *s : "", *s ? strlen(*s) + 1 : 1);
    *s = (const char *)at;
}

/* Copies the answer's strings, which die with the callback. */
static void answer_keep(struct archive_item *it)
{
    struct fetch_answer *a = &it->answer;
    trommel_str *const parts[] = { &a->content_type, &a->content_encoding, &a->location, &a->retry_after,
                                   &a->headers,      &a->request,          &a->head };
    const char **const words[] = { &a->message, &a->ip, &a->protocol, &a->tls };

    buf_init(&it->text, 4 * (size_t)LIMIT_HEADER_BYTES + 65536);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        keep(&it->text, parts[i]);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        keep_cstr(&it->text, words[i]);
    if (it->text.err)
        abort(); /* out of memory: a head is bounded */
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        parts[i]->p = (const char *)it->text.data + (size_t)parts[i]->p;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        *words[i] = (const char *)it->text.data + (size_t)*words[i];
}

static const char *truncated_as(enum fetch_error e)
{
    switch (e) {
    case FETCH_OK:
        return NULL;
    case FETCH_TOO_LARGE:
        return "length";
    case FETCH_TIMEOUT:
        return "time";
    case FETCH_CUT:
        return "disconnect";
    default:
        return "unspecified";
    }
}

static void exchange_set(struct archive_item *it)
{
    const struct frontier_item *item = it->v->item;
    const struct fetch_answer *a = &it->answer;
    uint32_t ms = (uint32_t)(a->wall_us / 1000);

    it->exchange = (struct warc_exchange){
        .url = str_of(it->v->url),
        .request = a->request,
        .head = a->head,
        .body = { (const char *)it->body.data, it->body.len },
        .chunked = a->chunked,
        .ip = a->ip,
        .date_ms = clock_wall_ms() - ms,
        .status = a->status,
        .truncated = truncated_as(a->error),
        .via = item->via,
        .depth = item->depth,
        .redirects = item->redirects,
        .is_robots = item->is_robots,
        .fetch_ms = ms,
        .error = fetch_error_name(a->error),
    };
    memcpy(it->exchange.record_id, item->id, sizeof item->id);
}

static void item_free(struct archive_item *it)
{
    it->archive->pending--;
    buf_release(&it->body);
    buf_release(&it->text);
    budget_end(&it->share);
    warc_pack_release(&it->pack);
    free(it);
}

/* ---- in libuv's threads ---- */

static struct warc_tool *tool_take(struct archive *a)
{
    uv_mutex_lock(&a->lock);
    struct warc_tool *t = a->n_tools ? a->tools[--a->n_tools] : NULL;
    uv_mutex_unlock(&a->lock);
    return t ? t : warc_tool_new(a->coding);
}

static void tool_put(struct archive *a, struct warc_tool *t)
{
    uv_mutex_lock(&a->lock);
    int room = a->n_tools < sizeof a->tools / sizeof a->tools[0];
    if (room)
        a->tools[a->n_tools++] = t;
    uv_mutex_unlock(&a->lock);
    if (!room)
        warc_tool_free(t);
}

/* The chain and robots.txt want the payload alone.  What of it is over its limit was archived, and is cut. */
static void body_unchunk(struct archive_item *it)
{
    struct chunked c;
    size_t n = 0;

    chunked_init(&c);
    if (it->body.len)
        chunked_read(&c, it->body.data, it->body.len, it->body.data, &n);
    it->body.len = n < it->body_max ? n : it->body_max;
}

static void pack_work(uv_work_t *req)
{
    struct archive_item *it = req->data;
    struct warc_tool *tool = tool_take(it->archive);

    it->rc = warc_pack_make(tool, it->archive->known, &it->exchange, &it->pack);
    tool_put(it->archive, tool);
    if (it->answer.chunked)
        body_unchunk(it);
}

static void commit_work(uv_work_t *req)
{
    struct archive *a = req->data;
    struct warc_pack *packs[BATCH_MOST];

    for (size_t i = 0; i < a->n_items; i++)
        packs[i] = &a->items[i]->pack;
    warc_append(a->writer, packs, a->n_items, &a->err);
}

/* ---- on the loop ---- */

static void commit_start(struct archive *a);

/* It is on disk: its visit goes on. */
static void item_written(struct archive_item *it)
{
    struct visit *v = it->v;
    struct fetch_answer *a = &it->answer;

    a->body = &it->body;
    a->share = &it->share;
    budget_settle(it->share, it->body.len);
    visit_answered(v, a, &it->pack);
    item_free(it);
}

static void commit_done(uv_work_t *req, int status)
{
    struct archive *a = req->data;
    size_t n = a->n_items;

    a->busy = 0;
    a->counts = warc_writer_counts(a->writer);
    if (a->err.code && !a->failed) {
        a->failed = 1;
        job_stop(a->job, 1, "%s", a->err.text);
    }
    for (size_t i = 0; i < n; i++)
        if (a->failed || a->closing)
            item_free(a->items[i]);
        else
            item_written(a->items[i]);
    commit_start(a);
}

static void commit_start(struct archive *a)
{
    while (a->ready && (a->failed || a->closing)) {
        struct archive_item *it = a->ready;
        a->ready = it->next;
        item_free(it);
    }
    if (a->busy || !a->ready)
        return;
    for (a->n_items = 0; a->ready && a->n_items < BATCH_MOST; a->ready = a->ready->next)
        a->items[a->n_items++] = a->ready;
    if (!a->ready)
        a->ready_last = &a->ready;
    a->busy = 1;
    a->work.data = a;
    uv_queue_work(&a->job->loop, &a->work, commit_work, commit_done);
}

static void pack_done(uv_work_t *req, int status)
{
    struct archive_item *it = req->data;
    struct archive *a = it->archive;

    if (it->rc < 0 && !a->failed) {
        a->failed = 1;
        job_stop(a->job, 1, "%s: its WARC record cannot be made: %s", it->v->url, err_text(it->rc));
    }
    it->next = NULL;
    if (!a->ready)
        a->ready_last = &a->ready;
    *a->ready_last = it;
    a->ready_last = &it->next;
    commit_start(a);
}

/* ---- the interface ---- */

int job_archive_takes(const struct job *j, const struct fetch_answer *a)
{
    return j->archive && a->error != FETCH_ABORTED && a->head.n > 0;
}

void job_archive_put(struct visit *v, struct fetch_answer *answer)
{
    struct archive *a = v->job->archive;
    struct archive_item *it = calloc(1, sizeof *it);
    struct buf empty = BUF_INIT(answer->body->max);

    if (!it)
        abort();
    it->archive = a;
    it->v = v;
    it->answer = *answer;
    it->body = *answer->body;
    *answer->body = empty;
    it->share = *answer->share;
    *answer->share = NULL;
    it->body_max = v->item->is_robots ? LIMIT_ROBOTS_BYTES : v->job->opt.body_bytes;
    answer_keep(it);
    exchange_set(it);
    /* the body, and as much again for its record */
    budget_settle(it->share, 2 * it->body.len + 2 * it->text.len);
    visit_move(v, VISIT_ARCHIVING);
    a->pending++;
    it->work.data = it;
    uv_queue_work(&v->job->loop, &it->work, pack_work, pack_done);
}

int job_archive_room(const struct job *j)
{
    return !j->archive || j->archive->pending < PENDING_MOST;
}

int job_archive_counts(const struct job *j, struct warc_counts *ret)
{
    if (!j->archive)
        return 0;
    *ret = j->archive->counts;
    return 1;
}

/* ---- opening and closing ---- */

static char *path_in(const struct job *j, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", j->dir, name) < 0)
        abort();
    return path;
}

int job_archive_open(struct job *j, struct err *err)
{
    const char *name = strrchr(j->dir, '/');
    struct warc_write_options opt = {
        .prefix = j->opt.warc_prefix,
        .coding = (enum warc_coding)j->opt.warc_coding,
        .size_max = j->opt.warc_bytes,
        .about = { .software = "Trommel/" TROMMEL_VERSION,
                   .user_agent = j->opt.user_agent,
                   .robots = j->opt.ignore_robots ? "ignore" : "obey",
                   .job = j->opt.name       ? j->opt.name
                          : name && name[1] ? name + 1
                                            : j->dir,
                   .operator_name = j->opt.warc_operator },
    };

    if (!j->opt.warc)
        return 0;
    struct archive *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->job = j;
    a->coding = opt.coding;
    a->ready_last = &a->ready;
    uv_mutex_init(&a->lock);
    j->warc_dir = *j->opt.warc ? strdup(j->opt.warc) : path_in(j, "warc");
    opt.dir = j->warc_dir;
    char *journal = path_in(j, "warc-payloads.log");
    int rc = revisit_open(journal, &a->known, err);
    free(journal);
    opt.known = a->known;
    rc = rc < 0 ? rc : warc_writer_open(&opt, &a->writer, err);
    j->archive = a;
    return rc;
}

void job_archive_close(struct job *j)
{
    struct archive *a = j->archive;
    struct err err = { 0 };

    if (!a)
        return;
    a->closing = 1;
    commit_start(a);
    while (a->pending && uv_run(&j->loop, UV_RUN_ONCE))
        ;
    if (a->writer) {
        a->counts = warc_writer_counts(a->writer);
        if (warc_writer_close(a->writer, &err) < 0)
            job_stop(j, 1, "%s", err.text);
    }
    a->writer = NULL;
    revisit_close(a->known);
    a->known = NULL;
    while (a->n_tools)
        warc_tool_free(a->tools[--a->n_tools]);
}

void job_archive_free(struct job *j)
{
    if (j->archive)
        uv_mutex_destroy(&j->archive->lock);
    free(j->archive);
    j->archive = NULL;
    free(j->warc_dir);
    j->warc_dir = NULL;
}
