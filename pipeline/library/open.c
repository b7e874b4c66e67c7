/* trommel: the pipeline as a library; see trommel.h.
 *
 * What it adds to the pool of workers: inputs are checked and normalised where they enter, ids are made,
 * `dedupe` is settled (one pipeline is one scope: pages are claimed in the order in which they are handed
 * out and committed at once), and public structs may be older or newer than this file (struct_size first).
 * A stage that asks for a retry gets none here: the caller has the page and may submit it again. */
#pragma GCC visibility push(default)
#include <trommel/trommel.h>
#pragma GCC visibility pop

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/limits.h"
#include "chain/pool.h"
#include "index/dedupe.h"
#include "library/names.h"
#include "parse/url.h"
#include "record/record.h"

_Static_assert((int)TROMMEL_FULL == (int)ERR_FULL && (int)TROMMEL_AGAIN == (int)ERR_AGAIN,
               "trommel.h says the numbers");

enum { ID_BYTES_MAX = 4096, HEADER_VALUE_MAX = 8192, DEDUPE_SYNC_EVERY = 256 };
enum { HELD_MOST = 4096, HELD_BYTES_MOST = 64 * 1024 * 1024 }; /* finished, waiting for their turn */

/* A page handed in whose record has not been handed out. */
struct ticket {
    struct ticket *prev, *next;
    void *user;
    uint8_t id[RECORD_ID_BYTES];
    /* finished before its turn (ordered): its record and sketch, one block of memory */
    char *held;
    size_t record_n, sketch_n;
    enum outcome outcome;
    uint64_t cpu_us;
    size_t text_n;
    char text[]; /* the id submitted */
};

struct trommel {
    struct trommel_options opt;
    struct pool *pool;
    struct dedupe *dedupe;
    struct names names;
    struct url_parser *urls;
    struct arena arena; /* of one submit */
    struct buf record;
    struct ticket *first, *last; /* in the order of submission */
    size_t pending, handed_out, held, held_bytes;
    unsigned unsynced;
    struct err failed; /* of the dedupe log; ends the pipeline at the next dispatch */
};

const char *trommel_strerror(int code)
{
    return code >= 0 ? "no error" : err_text(code);
}

const char *trommel_version(void)
{
    return TROMMEL_VERSION;
}

static int error_out(trommel_error *to, const struct err *from, int code)
{
    size_t head = offsetof(trommel_error, text);

    if (to && to->struct_size > head + 1) {
        size_t room = to->struct_size - head;
        if (room > sizeof to->text)
            room = sizeof to->text;
        to->code = code;
        snprintf(to->text, room, "%s", from->code ? from->text : err_text(code));
    }
    return code;
}

/* ---- opening ---- */

static int chain_read(const struct trommel_options *opt, struct chain_config *chain, struct err *err)
{
    int rc = opt->config ? chain_config_read(opt->config, chain, err) : chain_config_default(chain, err);

    for (size_t i = 0; rc == 0 && i < opt->n_set; i++)
        rc = chain_config_set(chain, opt->set[i], err);
    return rc == 0 ? chain_config_find(chain, opt->stage_dir, err) : rc;
}

static void ticket_drop(struct trommel *t, struct ticket *k)
{
    if (k->prev)
        k->prev->next = k->next;
    else
        t->first = k->next;
    if (k->next)
        k->next->prev = k->prev;
    else
        t->last = k->prev;
    t->pending--;
    if (k->held) {
        t->held--;
        t->held_bytes -= k->record_n + k->sketch_n;
    }
    free(k->held);
    free(k);
}

/* A log that cannot be written is no reason to lose the records at hand, but to stop soon. */
static void dedupe_write(struct trommel *t)
{
    t->unsynced = 0;
    int rc = dedupe_sync(t->dedupe);
    if (rc < 0 && !t->failed.code)
        err_set(&t->failed, rc, "%s: cannot write the dedupe log (%s); free space there", t->opt.dedupe_log,
                err_text(rc));
}

static int settle(struct trommel *t, const struct ticket *k, const struct pool_result *r)
{
    struct dedupe_verdict verdict;

    if (r->outcome != OUTCOME_OK || !r->sketch.n || dedupe_claim(t->dedupe, k->id, r->sketch, &verdict) < 0)
        return ERR_ABSENT; /* a malformed sketch is a worker's: the record goes without */
    names_put(&t->names, k->id, (trommel_str){ k->text, k->text_n });
    dedupe_commit(t->dedupe, k->id);
    if (t->opt.dedupe_log && ++t->unsynced >= DEDUPE_SYNC_EVERY)
        dedupe_write(t);
    buf_clear(&t->record);
    buf_add(&t->record, r->record.p, r->record.n);
    return names_settle(&t->names, &t->record, &verdict, r->sketch);
}

static void hand_out(struct trommel *t, struct ticket *k, const struct pool_result *r)
{
    static const uint32_t outcomes[OUTCOME_COUNT] = {
        [OUTCOME_OK] = TROMMEL_OUT_OK,
        [OUTCOME_UNCHANGED] = TROMMEL_OUT_OK,
        [OUTCOME_NO_CONTENT] = TROMMEL_OUT_NO_CONTENT,
        [OUTCOME_DROPPED] = TROMMEL_OUT_DROPPED,
        [OUTCOME_FAILED] = TROMMEL_OUT_FAILED,
        [OUTCOME_QUARANTINED] = TROMMEL_OUT_QUARANTINED,
    };
    trommel_result out = { .struct_size = sizeof out,
                           .outcome = outcomes[r->outcome],
                           .record = r->record,
                           .id = { k->text, k->text_n },
                           .cpu_us = r->cpu_us };
    struct buf record = BUF_INIT(0);

    if (settle(t, k, r) == 0) {
        record = t->record; /* the callback may submit, and so may finish other pages */
        buf_init(&t->record, record.max);
        out.record = (trommel_str){ (const char *)record.data, record.len };
    }
    t->handed_out++;
    void *caller = k->user;
    if (t->opt.on_record)
        t->opt.on_record(t->opt.arg, caller, &out);
    ticket_drop(t, k);
    if (record.data && !t->record.data)
        t->record = record; /* keep the memory for the next */
    else
        buf_release(&record);
}

/* It finished before its turn: kept until those before it have been handed out. */
static int hold(struct trommel *t, struct ticket *k, const struct pool_result *r)
{
    k->held = malloc(r->record.n + r->sketch.n + 1);
    if (!k->held)
        return ERR_NOMEM;
    memcpy(k->held, r->record.p, r->record.n);
    if (r->sketch.n)
        memcpy(k->held + r->record.n, r->sketch.p, r->sketch.n);
    k->record_n = r->record.n;
    k->sketch_n = r->sketch.n;
    k->outcome = r->outcome;
    k->cpu_us = r->cpu_us;
    t->held++;
    t->held_bytes += k->record_n + k->sketch_n;
    return 0;
}

static void hand_out_held(struct trommel *t)
{
    while (t->first && t->first->held) {
        struct ticket *k = t->first;
        struct pool_result r = { .outcome = k->outcome,
                                 .record = { k->held, k->record_n },
                                 .sketch = { k->held + k->record_n, k->sketch_n },
                                 .cpu_us = k->cpu_us };
        hand_out(t, k, &r);
    }
}

static void on_result(void *arg, void *user, const struct pool_result *r)
{
    struct trommel *t = arg;
    struct ticket *k = user;

    if (t->opt.ordered && k != t->first && hold(t, k, r) == 0)
        return;
    hand_out(t, k, r);
    hand_out_held(t);
}

static void on_log(void *arg, int level, const char *line)
{
    struct trommel *t = arg;

    if (t->opt.on_log)
        t->opt.on_log(t->opt.arg, level, line);
}

static int start(struct trommel *t, struct err *err)
{
    struct chain_config chain = { 0 };
    struct pool_options pool = {
        .workers = t->opt.workers,
        .worker_path = t->opt.worker,
        .page_ms = t->opt.page_timeout_ms ? t->opt.page_timeout_ms : LIMIT_PAGE_MS,
        .stage_ms = t->opt.stage_timeout_ms ? t->opt.stage_timeout_ms : LIMIT_STAGE_MS,
        .worker_bytes = t->opt.worker_bytes ? t->opt.worker_bytes : LIMIT_WORKER_BYTES,
        .flags = t->opt.network_stages ? POOL_GEN_NETWORK : 0,
        .on_result = on_result,
        .arg = t,
        .on_log = on_log,
    };
    int rc = chain_read(&t->opt, &chain, err);

    if (rc == 0)
        rc = dedupe_open(t->opt.dedupe_log, &t->dedupe, err);
    if (rc == 0)
        rc = pool_open(&pool, &chain, &t->pool, err);
    chain_config_release(&chain);
    return rc;
}

int trommel_open(const trommel_options *options, trommel **ret, trommel_error *error)
{
    struct err err = { 0 };

    *ret = NULL;
    if (!options || options->struct_size < offsetof(trommel_options, config))
        return error_out(error, &err, ERR_INVALID);
    struct trommel *t = calloc(1, sizeof *t);
    if (!t)
        return error_out(error, &err, ERR_NOMEM);
    memcpy(&t->opt, options, options->struct_size < sizeof t->opt ? options->struct_size : sizeof t->opt);
    buf_init(&t->record, LIMIT_RECORD_BYTES + 64 * KIB);
    arena_init(&t->arena, 1 * MIB);
    t->urls = url_parser_new();
    int rc = t->urls ? start(t, &err) : ERR_NOMEM;
    /* What opening borrowed may die now. */
    t->opt.config = t->opt.worker = t->opt.stage_dir = NULL;
    t->opt.set = NULL;
    if (rc == 0 && t->opt.dedupe_log && !(t->opt.dedupe_log = strdup(t->opt.dedupe_log)))
        rc = ERR_NOMEM;
    else if (rc < 0)
        t->opt.dedupe_log = NULL;
    if (rc < 0) {
        trommel_close(t);
        return error_out(error, &err, rc);
    }
    *ret = t;
    return 0;
}

/* ---- submitting ---- */

static int text_check(const char *what, trommel_str s, size_t max, struct err *err)
{
    if (s.n > max)
        return err_set(err, ERR_LIMIT, "%s: %zu bytes are over the limit of %zu", what, s.n, max);
    if (s.n && (!s.p || memchr(s.p, 0, s.n)))
        return err_set(err, ERR_INVALID, "%s: has a NUL byte in it; give plain text", what);
    return 0;
}

/* An id and `fetch` go into the record as they are, so they must be what a record may hold. */
static int id_check(trommel_str id, struct err *err)
{
    struct buf b = BUF_INIT(ID_BYTES_MAX + 8);

    int rc = text_check("id", id, ID_BYTES_MAX, err);
    mp_str(&b, id.p ? id.p : "", rc == 0 ? id.n : 0);
    if (rc == 0 && mp_check(b.data, b.len, 1, NULL) < 0)
        rc = err_set(err, ERR_INVALID, "id: is no valid UTF-8; give it as UTF-8 text");
    buf_release(&b);
    return rc;
}

static int fetch_check(trommel_str fetch, struct err *err)
{
    const unsigned char *p = (const unsigned char *)fetch.p;

    if (!fetch.n)
        return 0;
    int is_map = (p[0] & 0xf0) == 0x80 || p[0] == 0xde || p[0] == 0xdf;
    if (fetch.n > LIMIT_HEADER_BYTES || !is_map || mp_check(p, fetch.n, LIMIT_RECORD_DEPTH - 1, NULL) < 0)
        return err_set(err, ERR_INVALID, "fetch: is no msgpack map of at most %u bytes", LIMIT_HEADER_BYTES);
    return 0;
}

static int url_in(struct trommel *t, const char *what, trommel_str url, trommel_str *ret, struct err *err)
{
    if (!url.n) {
        *ret = (trommel_str){ 0 };
        return 0;
    }
    int rc = url_resolve(t->urls, (trommel_str){ 0 }, url, &t->arena, ret);
    int n = url.n < 200 ? (int)url.n : 200;
    if (rc == ERR_UNSUPPORTED)
        return err_set(err, rc, "%s \"%.*s\": is neither http nor https; give such a URL or none", what, n,
                       url.p);
    if (rc == ERR_LIMIT)
        return err_set(err, rc, "%s \"%.*s…\": is longer than %u bytes", what, n, url.p, LIMIT_URL_BYTES);
    if (rc < 0)
        return err_set(err, rc, "%s \"%.*s\": is no absolute URL; give one as https://host/path, or none",
                       what, n, url.p);
    return 0;
}

/* All that can be wrong with an input, but for its body, which the worker judges. */
static int input_check(struct trommel *t, const trommel_input *in, struct pool_page *page, struct err *err)
{
    int rc;

    if ((rc = id_check(in->id, err)) < 0 || (rc = fetch_check(in->fetch, err)) < 0 ||
        (rc = text_check("content_type", in->content_type, HEADER_VALUE_MAX, err)) < 0 ||
        (rc = text_check("content_encoding", in->content_encoding, HEADER_VALUE_MAX, err)) < 0 ||
        (rc = text_check("headers", in->headers, LIMIT_HEADER_BYTES, err)) < 0 ||
        (rc = url_in(t, "url", in->url, &page->head.url, err)) < 0 ||
        (rc = url_in(t, "final_url", in->final_url, &page->head.final_url, err)) < 0)
        return rc;
    if (in->body.n > LIMIT_BODY_BYTES)
        return err_set(err, ERR_LIMIT, "body: %zu bytes are over the limit of %u", in->body.n,
                       LIMIT_BODY_BYTES);
    return 0;
}

static void id_make(const trommel_input *in, struct pool_page *page)
{
    trommel_str of = in->id.n ? in->id : page->head.url.n ? page->head.url : in->body;
    XXH128_canonical_t id;

    XXH128_canonicalFromHash(&id, XXH3_128bits(of.n ? of.p : "", of.n));
    _Static_assert(sizeof id == RECORD_ID_BYTES, "an id is one hash");
    memcpy(page->head.id, &id, sizeof id);
    page->head.id_text = in->id;
}

static struct ticket *ticket_new(struct trommel *t, const struct pool_page *page, void *user)
{
    size_t n = page->head.id_text.n;
    struct ticket *k = calloc(1, sizeof *k + n);

    if (!k)
        return NULL;
    k->user = user;
    k->text_n = n;
    memcpy(k->id, page->head.id, sizeof k->id);
    if (n)
        memcpy(k->text, page->head.id_text.p, n);
    k->prev = t->last;
    if (k->prev)
        k->prev->next = k;
    else
        t->first = k;
    t->last = k;
    t->pending++;
    return k;
}

static int submit(struct trommel *t, const trommel_input *in, void *user, struct err *err)
{
    struct pool_page page = { .content_type = in->content_type,
                              .content_encoding = in->content_encoding,
                              .headers = in->headers,
                              .body = in->body };
    int rc = input_check(t, in, &page, err);

    if (rc < 0)
        return rc;
    if (!page.head.final_url.n)
        page.head.final_url = page.head.url;
    page.head.status = in->status ? in->status : 200;
    page.head.fetched_ms = in->fetched_ms ? in->fetched_ms : clock_wall_ms();
    page.head.bytes = in->body.n;
    page.head.fetch = in->fetch;
    id_make(in, &page);
    struct ticket *k = ticket_new(t, &page, user);
    if (!k)
        return ERR_NOMEM;
    rc = pool_submit(t->pool, &page, k);
    if (rc < 0)
        ticket_drop(t, k);
    return rc;
}

int trommel_submit(trommel *t, const trommel_input *input, void *user, trommel_error *error)
{
    trommel_input in = { 0 };
    struct err err = { 0 };

    if (input->struct_size < offsetof(trommel_input, id))
        return error_out(error, &err, ERR_INVALID);
    if (pool_room(t->pool) == 0 || t->held >= HELD_MOST || t->held_bytes >= HELD_BYTES_MOST)
        return error_out(error, &err, ERR_FULL);
    memcpy(&in, input, input->struct_size < sizeof in ? input->struct_size : sizeof in);
    int rc = submit(t, &in, user, &err);
    arena_clear(&t->arena, 64 * KIB);
    return rc < 0 ? error_out(error, &err, rc) : 0;
}

/* ---- results ---- */

int trommel_fd(const trommel *t)
{
    return pool_fd(t->pool);
}

size_t trommel_pending(const trommel *t)
{
    return t->pending;
}

int trommel_dispatch(trommel *t, int timeout_ms, trommel_error *error)
{
    uint64_t until = timeout_ms > 0 ? clock_mono_ms() + (uint64_t)timeout_ms : 0;
    struct err err = { 0 };

    t->handed_out = 0;
    for (;;) {
        int left = timeout_ms;
        if (timeout_ms > 0) {
            uint64_t now = clock_mono_ms();
            left = now < until ? (int)(until - now) : 0;
        }
        int rc = pool_dispatch(t->pool, t->pending ? left : 0, &err);
        if (rc < 0 && rc != ERR_AGAIN)
            return error_out(error, &err, rc);
        if (t->failed.code)
            return error_out(error, &t->failed, t->failed.code);
        if (t->handed_out)
            return t->handed_out > 0x7fffffff ? 0x7fffffff : (int)t->handed_out;
        if (!t->pending || !left)
            return TROMMEL_AGAIN;
    }
}

int trommel_flush(trommel *t, int timeout_ms, trommel_error *error)
{
    uint64_t until = clock_mono_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);

    while (t->pending) {
        uint64_t now = clock_mono_ms();
        int left = timeout_ms < 0 ? -1 : now < until ? (int)(until - now) : 0;
        int rc = trommel_dispatch(t, left, error);
        if (rc < 0 && rc != TROMMEL_AGAIN)
            return rc;
        if (rc == TROMMEL_AGAIN && left == 0)
            return TROMMEL_AGAIN;
    }
    if (t->opt.dedupe_log && t->unsynced)
        dedupe_write(t);
    return t->failed.code ? error_out(error, &t->failed, t->failed.code) : 0;
}

void trommel_close(trommel *t)
{
    if (!t)
        return;
    if (t->pool && t->unsynced)
        dedupe_write(t);
    pool_close(t->pool);
    while (t->first)
        ticket_drop(t, t->first);
    dedupe_close(t->dedupe);
    names_release(&t->names);
    url_parser_free(t->urls);
    arena_release(&t->arena);
    buf_release(&t->record);
    free((char *)t->opt.dedupe_log);
    free(t);
}
