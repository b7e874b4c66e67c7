/* slow_sink: takes four records at a time and acknowledges them late: `slow://FILE?ms=N`.  FILE gets a line of
 * hex id and bytes for each record that is acknowledged.  `held=FIFO`: closes only when somebody has opened the FIFO
 * for writing, and has closed it again. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/sink.h>
#include <unistd.h>

enum { HELD = 4 };

struct slow {
    const trommel_sink_host *host;
    trommel_sink_ctx *ctx;
    FILE *file;
    uint64_t due_ns, wait_ns;
    uint8_t ids[HELD][16];
    size_t bytes[HELD];
    unsigned n;
    char held[1000];
};

static const trommel_opt options[] = {
    { .key = "ms", .type = TROMMEL_T_I64, .dflt = "20", .help = "how late records are acknowledged", .min = 0,
      .max = 60000, .unit = "ms" },
    { .key = "held", .type = TROMMEL_T_STR, .dflt = "", .help = "a FIFO that closing waits for" },
};

static int32_t slow_open(const trommel_sink_host *host, trommel_sink_ctx *ctx, void **ret_self)
{
    struct slow *s = calloc(1, sizeof *s);
    trommel_val ms = { 0 }, held = { 0 };

    if (!s)
        return TROMMEL_E_FAIL;
    s->host = host;
    s->ctx = ctx;
    s->file = fopen(host->target(ctx), "a");
    if (!s->file || host->opt(ctx, 0, &ms) != TROMMEL_OK || host->opt(ctx, 1, &held) != TROMMEL_OK) {
        free(s);
        host->fail(ctx, "slow: cannot open its file", 26);
        return TROMMEL_E_FAIL;
    }
    snprintf(s->held, sizeof s->held, "%.*s", (int)held.n, (const char *)held.u.p);
    s->wait_ns = (uint64_t)ms.u.i * 1000000u;
    *ret_self = s;
    return TROMMEL_OK;
}

static int32_t slow_put(void *self, const trommel_record *recs, uint32_t n)
{
    struct slow *s = self;
    uint32_t took = 0;

    while (took < n && s->n < HELD) {
        memcpy(s->ids[s->n], recs[took].id, 16);
        s->bytes[s->n++] = recs[took++].data.n;
    }
    if (took)
        s->due_ns = s->host->now_ns(s->ctx) + s->wait_ns;
    return (int32_t)took;
}

static void acknowledge(struct slow *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        for (int k = 0; k < 16; k++)
            fprintf(s->file, "%02x", s->ids[i][k]);
        fprintf(s->file, " %zu\n", s->bytes[i]);
        s->host->ack(s->ctx, s->ids[i], TROMMEL_ACK_DONE, NULL, 0);
    }
    fflush(s->file);
    s->n = 0;
}

static void slow_poll(void *self)
{
    struct slow *s = self;

    if (s->n && s->host->now_ns(s->ctx) >= s->due_ns)
        acknowledge(s);
}

static void slow_close(void *self, uint32_t grace_ms)
{
    struct slow *s = self;
    int fd = s->held[0] ? open(s->held, O_RDONLY) : -1;
    char c;

    while (fd >= 0 && read(fd, &c, 1) > 0)
        ;
    if (fd >= 0)
        close(fd);
    fclose(s->file);
    free(s);
}

TROMMEL_SINK = {
    TROMMEL_SINK_HEAD,
    .id = "slow",
    .version = "1",
    .summary = "for tests: few at a time, late",
    .license = "MIT",
    .schemes = "slow",
    .guarantee = TROMMEL_AT_LEAST_ONCE,
    .opts = options,
    .n_opts = 2,
    .open = slow_open,
    .put = slow_put,
    .poll = slow_poll,
    .poll_ms = 5,
    .close = slow_close,
};
