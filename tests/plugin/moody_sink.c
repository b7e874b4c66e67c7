/* moody_sink: a sink that behaves as its options say: full, broken, slow, refusing; for the tests of deliver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/sink.h>

enum { OPT_FAIL, OPT_AGAIN, OPT_TAKE, OPT_LATE, OPT_REFUSE, OPT_SILENT };
static const trommel_opt opts[] = {
    [OPT_FAIL] = { "fail", TROMMEL_T_I64, 0, "0", "So many calls of put fail first.", NULL, 0, 1000, NULL },
    [OPT_AGAIN] = { "again", TROMMEL_T_I64, 0, "0", "So many records are given back first.", NULL, 0, 1e6,
                    NULL },
    [OPT_TAKE] = { "take", TROMMEL_T_I64, 0, "1000", "Takes so many at a time.", NULL, 0, 1000, NULL },
    [OPT_LATE] = { "late", TROMMEL_T_BOOL, 0, "false", "Acknowledges from poll, not from put.", NULL, 0, 0,
                   NULL },
    [OPT_REFUSE] = { "refuse", TROMMEL_T_I64, 0, "0", "Refuses every such record.", NULL, 0, 1000, NULL },
    [OPT_SILENT] = { "silent", TROMMEL_T_BOOL, 0, "false", "Never acknowledges.", NULL, 0, 0, NULL },
};

struct moody {
    const trommel_sink_host *host;
    trommel_sink_ctx *ctx;
    int64_t fail, again, take, late, refuse, silent, n;
    uint8_t (*waiting)[16];
    size_t n_waiting;
};

static int64_t number(struct moody *m, uint32_t opt)
{
    trommel_val v = { 0 };

    m->host->opt(m->ctx, opt, &v);
    return v.u.i;
}

static int32_t open_sink(const trommel_sink_host *host, trommel_sink_ctx *ctx, void **ret_self)
{
    struct moody *m = calloc(1, sizeof *m);

    if (!m)
        return TROMMEL_E_FAIL;
    m->host = host;
    m->ctx = ctx;
    m->fail = number(m, OPT_FAIL);
    m->again = number(m, OPT_AGAIN);
    m->take = number(m, OPT_TAKE);
    m->late = number(m, OPT_LATE);
    m->refuse = number(m, OPT_REFUSE);
    m->silent = number(m, OPT_SILENT);
    if (!strcmp(host->target(ctx), "broken")) {
        host->fail(ctx, "moody: broken from the start", 28);
        free(m);
        return TROMMEL_E_FAIL;
    }
    *ret_self = m;
    return TROMMEL_OK;
}

static void answer(struct moody *m, const uint8_t *id)
{
    m->n++;
    if (m->silent)
        return;
    if (m->again > 0) {
        m->again--;
        m->host->ack(m->ctx, id, TROMMEL_ACK_AGAIN, "moody: not now", 14);
    } else if (m->refuse && m->n % m->refuse == 0) {
        m->host->ack(m->ctx, id, TROMMEL_ACK_REFUSED, "moody: never", 12);
    } else {
        m->host->ack(m->ctx, id, TROMMEL_ACK_DONE, NULL, 0);
    }
}

static int32_t put(void *self, const trommel_record *recs, uint32_t n)
{
    struct moody *m = self;

    if (m->fail > 0) {
        m->fail--;
        m->host->fail(m->ctx, "moody: it hurts; leave me alone", 31);
        return TROMMEL_E_FAIL;
    }
    if (n > m->take)
        n = (uint32_t)m->take;
    for (uint32_t i = 0; i < n; i++) {
        if (!m->late) {
            answer(m, recs[i].id);
            continue;
        }
        m->waiting = realloc(m->waiting, (m->n_waiting + 1) * 16);
        memcpy(m->waiting[m->n_waiting++], recs[i].id, 16);
    }
    return (int32_t)n;
}

static void poll_sink(void *self)
{
    struct moody *m = self;
    size_t n = m->n_waiting;

    m->n_waiting = 0;
    for (size_t i = n; i-- > 0;) /* backwards: order is nobody's right */
        answer(m, m->waiting[i]);
}

static void close_sink(void *self, uint32_t grace_ms)
{
    struct moody *m = self;

    (void)grace_ms;
    poll_sink(m);
    free(m->waiting);
    free(m);
}

TROMMEL_SINK = {
    TROMMEL_SINK_HEAD,
    .id = "moody",
    .version = "1.0.0",
    .summary = "Behaves as it is told.",
    .license = "MIT",
    .schemes = "moody|grumpy",
    .guarantee = TROMMEL_AT_LEAST_ONCE,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .open = open_sink,
    .put = put,
    .poll = poll_sink,
    .poll_ms = 5,
    .close = close_sink,
};
