/* example_sink: the smallest sink: appends each record to one file, plain msgpack.
 *
 *     cc -shared -fPIC -o example_sink.so example_sink.c
 *     trommel crawl --out ./example_sink.so:records.msgpack SEED
 *
 * It writes at once and acknowledges at once, so it has nothing to flush, to watch or to remember. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/sink.h>

struct example {
    const trommel_sink_host *host;
    trommel_sink_ctx *ctx;
    FILE *file;
};

static int32_t broken(struct example *e)
{
    const char *why = strerror(errno);

    e->host->fail(e->ctx, why, strlen(why));
    return TROMMEL_E_FAIL;
}

static int32_t open_sink(const trommel_sink_host *host, trommel_sink_ctx *ctx, void **ret_self)
{
    struct example *e = malloc(sizeof *e);

    if (!e)
        return TROMMEL_E_FAIL;
    *e = (struct example){ host, ctx, fopen(host->target(ctx), "abe") };
    if (!e->file) {
        broken(e);
        free(e);
        return TROMMEL_E_FAIL;
    }
    *ret_self = e;
    return TROMMEL_OK;
}

static int32_t put(void *self, const trommel_record *recs, uint32_t n)
{
    struct example *e = self;

    for (uint32_t i = 0; i < n; i++) {
        if (fwrite(recs[i].data.p, 1, recs[i].data.n, e->file) != recs[i].data.n || fflush(e->file))
            return i ? (int32_t)i : broken(e);
        e->host->ack(e->ctx, recs[i].id, TROMMEL_ACK_DONE, NULL, 0);
    }
    return (int32_t)n;
}

static void close_sink(void *self, uint32_t grace_ms)
{
    struct example *e = self;

    (void)grace_ms;
    fclose(e->file);
    free(e);
}

TROMMEL_SINK = {
    TROMMEL_SINK_HEAD,
    .id = "org.example.sink",
    .version = "1.0.0",
    .summary = "Appends records to one file.",
    .license = "MIT",
    .schemes = "example",
    .guarantee = TROMMEL_AT_LEAST_ONCE,
    .open = open_sink,
    .put = put,
    .close = close_sink,
};
