/* null: takes every record, keeps none; for measuring the rest of the pipeline. */
#include <stdlib.h>
#include <trommel/sink.h>

struct nowhere {
    const trommel_sink_host *host;
    trommel_sink_ctx *ctx;
};

static int32_t open_sink(const trommel_sink_host *host, trommel_sink_ctx *ctx, void **ret_self)
{
    struct nowhere *s = malloc(sizeof *s);

    if (!s)
        return TROMMEL_E_FAIL;
    *s = (struct nowhere){ host, ctx };
    *ret_self = s;
    return TROMMEL_OK;
}

static int32_t put(void *self, const trommel_record *recs, uint32_t n)
{
    struct nowhere *s = self;

    for (uint32_t i = 0; i < n; i++)
        s->host->ack(s->ctx, recs[i].id, TROMMEL_ACK_DONE, NULL, 0);
    return (int32_t)n;
}

static void close_sink(void *self, uint32_t grace_ms)
{
    free(self);
}

TROMMEL_SINK = {
    TROMMEL_SINK_HEAD,
    .id = "null",
    .version = "1.0.0",
    .summary = "Takes every record and keeps none.",
    .license = "MIT",
    .schemes = "null",
    .guarantee = TROMMEL_AT_LEAST_ONCE,
    .open = open_sink,
    .put = put,
    .close = close_sink,
};
