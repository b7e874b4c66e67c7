/* once: see once.h. */
#include "chain/once.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "chain/bring.h"
#include "chain/given.h"

enum { IDLE_MS = 60000, LOAD_MS = 30000 };
#define OUT_MAX (2 * LIMIT_RECORD_BYTES)

struct once {
    const struct once_options *opt;
    struct once_board { /* shared with the child */
        struct bring_board bring;
        char ids[LIMIT_STAGES][STAGE_ID_MAX + 1]; /* of the chain's stages */
        int done;
    } * board;
};

/* ---- in the child ---- */

static void log_out(void *arg, int level, const char *who, const char *msg, size_t n)
{
    (void)arg;
    log_line(level > LOG_INFO ? LOG_INFO : level, "%s: %s%.*s", who, level > LOG_INFO ? "debug: " : "",
             (int)(n < 1500 ? n : 1500), msg);
}

static const char *verdict_name(const struct run_result *res, uint32_t index)
{
    if (res->stage == SLOT_NONE || index < res->stage)
        return "continue";
    if (index > res->stage)
        return "not_run";
    return res->outcome == OUTCOME_DROPPED ? "drop" : res->retry ? "retry" : res->fatal ? "fatal" : "error";
}

static void put_text(struct buf *b, const char *key, trommel_str s)
{
    mp_cstr(b, key);
    if (s.n)
        mp_str(b, s.p, s.n);
    else
        mp_nil(b);
}

static void pack_stage(const struct run *r, uint32_t index, const struct run_result *res, struct buf *b)
{
    const struct stage *s = &r->chain->stages[index];
    const char *verdict = verdict_name(res, index), *version = s->d.version ? s->d.version : "";
    int its_doing = index == res->stage, reached = strcmp(verdict, "not_run") != 0;
    const char *by = reached ? "" : r->chain->stages[res->stage].d.id;

    mp_map(b, 7);
    put_text(b, "id", (trommel_str){ s->d.id, strlen(s->d.id) });
    put_text(b, "version", (trommel_str){ version, strnlen(version, 100) });
    put_text(b, "verdict", (trommel_str){ verdict, strlen(verdict) });
    put_text(b, "reason", its_doing ? res->reason : (trommel_str){ by, strlen(by) });
    put_text(b, "message", its_doing ? res->message : (trommel_str){ 0 });
    mp_cstr(b, "us");
    mp_uint(b, r->page.us[index]);
    mp_cstr(b, "put");
    if (reached)
        given_pack(&r->page, index, GIVEN_VIEW, b);
    else
        mp_map(b, 0);
}

static void send(struct once *o, int out, const struct buf *b)
{
    size_t done = 0;
    ssize_t n = 0;

    while (done < b->len && (n = write(out, b->data + done, b->len - done)) > 0)
        done += (size_t)n;
    o->board->done = !b->err && done == b->len;
}

static int chain_make(struct once *o, struct chain **ret)
{
    int rc;

    bring_begin(&o->board->bring);
    rc = bring_load(o->opt->chain, &o->board->bring, 0, ret);
    if (rc)
        return rc;
    (*ret)->log = (struct log_sink){ log_out, NULL };
    for (size_t i = 0; i < (*ret)->n_stages; i++)
        snprintf(o->board->ids[i], sizeof o->board->ids[i], "%s", (*ret)->stages[i].d.id);
    return bring_up(*ret, o->opt->chain, &o->board->bring, &run_host);
}

static void run(void *arg, int out)
{
    static struct run r;
    struct once *o = arg;
    struct buf b = BUF_INIT(OUT_MAX);
    struct run_result res;
    struct chain *c;

    if (chain_make(o, &c) || run_init(&r, c, &o->board->bring.crumb, o->opt->page_ms, o->opt->stage_ms, 1) ||
        bring_serve(&o->board->bring) || run_page(&r, o->opt->page, &res))
        return;
    buf_add(&b, res.record.p, res.record.n);
    for (uint32_t i = 0; i < c->n_stages; i++)
        if (c->stages[i].item + 1 == o->opt->chain->n_items)
            pack_stage(&r, i, &res, &b);
    crumb_at(&r, CRUMB_IDLE, 0);
    chain_free(c); /* close() is the stages' code, too */
    send(o, out, &b);
}

/* ---- in the parent ---- */

static int run_failed(const struct once *o, const struct apart_end *end, struct err *err)
{
    int rc = bring_failed(&o->board->bring, end, o->opt->chain, err);
    struct crumb at = o->board->bring.crumb;
    char how[1000];

    if (rc || (end->how == APART_EXITED && o->board->done))
        return rc;
    bring_words(&o->board->bring, end, o->opt->chain, how);
    if (at.phase == CRUMB_STAGE && at.index < LIMIT_STAGES)
        return err_set(err, ERR_CRASHED, "stage `%.*s`: on this page it %s", STAGE_ID_MAX,
                       o->board->ids[at.index], how);
    return err_set(err, ERR_CRASHED, "the process that ran the chain %s %s", how,
                   at.phase == CRUMB_IDLE ? "in a stage's close()" : "outside of the stages");
}

int once_run(const struct once_options *opt, struct buf *ret, struct err *err)
{
    struct once o = { .opt = opt };
    struct apart_options ao = { .run = run,
                                .arg = &o,
                                .out_max = OUT_MAX,
                                .memory_bytes = LIMIT_WORKER_BYTES,
                                .cpu_ms = LOAD_MS + opt->page_ms,
                                .idle_ms = IDLE_MS };
    struct apart_end end;
    int rc;

    o.board = mmap(NULL, sizeof *o.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (o.board == MAP_FAILED)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = apart_run(&ao, &end, err);
    rc = rc ? rc : run_failed(&o, &end, err);
    if (!rc)
        rc = buf_add(ret, end.out.data, end.out.len);
    apart_end_release(&end);
    munmap(o.board, sizeof *o.board);
    return rc;
}
