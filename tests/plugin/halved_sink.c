/* halved_sink: a sink without put; must be refused with the name of the function. */
#include <trommel/sink.h>

static int32_t open_sink(const trommel_sink_host *host, trommel_sink_ctx *ctx, void **ret_self)
{
    (void)host, (void)ctx, (void)ret_self;
    return TROMMEL_OK;
}

static void close_sink(void *self, uint32_t grace_ms)
{
    (void)self, (void)grace_ms;
}

TROMMEL_SINK = { TROMMEL_SINK_HEAD, .id = "halved", .schemes = "halved", .open = open_sink,
                 .close = close_sink };
