/* telling_sink: `telling:FILE?held=GATE`.  FILE gets a line for everything that happens to a record: put,
 * acked, committed, and the first 8 bytes of its id in hexadecimal; and `closed`.  Acknowledges from poll,
 * later than put; with `held`, only once the file GATE is there.  For tests of who is told what, and when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/sink.h>
#include <unistd.h>

enum { MOST = 64 };

struct telling {
    const trommel_sink_host *host;
    trommel_sink_ctx *ctx;
    FILE *file;
    char gate[1000];
    uint8_t ids[MOST][16];
    unsigned n;
};

static const trommel_opt opts[] = {
    { .key = "held", .type = TROMMEL_T_STR, .dflt = "", .help = "a file; acknowledges when it is there" },
};

static void tell(struct telling *s, const char *what, const uint8_t *id)
{
    fprintf(s->file, "%s ", what);
    for (int i = 0; i < 8; i++)
        fprintf(s->file, "%02x", id[i]);
    fprintf(s->file, "\n");
    fflush(s->file);
}

static int32_t open_sink(const trommel_sink_host *host, trommel_sink_ctx *ctx, void **ret_self)
{
    struct telling *s = calloc(1, sizeof *s);
    trommel_val held = { 0 };

    if (!s || !(s->file = fopen(host->target(ctx), "ae"))) {
        host->fail(ctx, "telling: cannot open its file", 29);
        free(s);
        return TROMMEL_E_FAIL;
    }
    host->opt(ctx, 0, &held);
    snprintf(s->gate, sizeof s->gate, "%.*s", (int)held.n, (const char *)held.u.p);
    s->host = host;
    s->ctx = ctx;
    *ret_self = s;
    return TROMMEL_OK;
}

static int32_t put(void *self, const trommel_record *recs, uint32_t n)
{
    struct telling *s = self;
    uint32_t took = 0;

    for (; took < n && s->n < MOST; took++) {
        memcpy(s->ids[s->n++], recs[took].id, 16);
        tell(s, "put", recs[took].id);
    }
    return (int32_t)took;
}

static void committed(void *self, const uint8_t (*ids)[16], uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        tell(self, "committed", ids[i]);
}

static void poll_sink(void *self)
{
    struct telling *s = self;
    unsigned n = s->n;

    if (s->gate[0] && access(s->gate, F_OK))
        return;
    s->n = 0;
    for (unsigned i = n; i-- > 0;) { /* backwards: order is nobody's right */
        tell(s, "acked", s->ids[i]);
        s->host->ack(s->ctx, s->ids[i], TROMMEL_ACK_DONE, NULL, 0);
    }
}

static void close_sink(void *self, uint32_t grace_ms)
{
    struct telling *s = self;

    (void)grace_ms;
    fprintf(s->file, "closed\n");
    fclose(s->file);
    free(s);
}

TROMMEL_SINK = {
    TROMMEL_SINK_HEAD,
    .id = "telling",
    .version = "1.0.0",
    .summary = "Tells what happens to records.",
    .license = "MIT",
    .schemes = "telling",
    .guarantee = TROMMEL_AT_LEAST_ONCE,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .open = open_sink,
    .put = put,
    .committed = committed,
    .poll = poll_sink,
    .poll_ms = 2,
    .close = close_sink,
};
