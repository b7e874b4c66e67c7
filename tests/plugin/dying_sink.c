/* dying_sink: the file sink, in a process that is killed at a chosen moment.  For tests only.
 *
 *     dying_sink.so:DIR?file=PATH/file.so&at=put|ack|committed&after=N
 *
 * put: before the Nth call of put reaches the file sink; ack: when the file sink acknowledges the Nth record,
 * before the host hears of it; committed: when the host says for the Nth time what it has written down. */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/sink.h>
#include <unistd.h>

enum { OPT_FILE, OPT_AT, OPT_AFTER };
static const trommel_opt options[] = {
    { .key = "file", .type = TROMMEL_T_STR, .dflt = "", .help = "the file sink" },
    { .key = "at",
      .type = TROMMEL_T_STR,
      .dflt = "",
      .help = "when it is killed",
      .choices = "put|ack|committed" },
    { .key = "after", .type = TROMMEL_T_I64, .dflt = "1", .help = "at which of them", .min = 1, .max = 1e6 },
};

static const trommel_sink *file;
static const trommel_sink_host *host;
static trommel_sink_host between; /* what the file sink sees */
static char at[16];
static int64_t left;

static void happened(const char *what)
{
    if (!strcmp(what, at) && --left == 0)
        kill(getpid(), SIGKILL);
}

static void on_ack(trommel_sink_ctx *ctx, const uint8_t id[16], int32_t how, const char *msg, size_t n)
{
    happened("ack");
    host->ack(ctx, id, how, msg, n);
}

/* The file sink's options are what they are by default. */
static int32_t on_opt(trommel_sink_ctx *ctx, uint32_t opt, trommel_val *ret)
{
    const trommel_opt *row = &file->opts[opt];

    (void)ctx;
    *ret = (trommel_val){ .type = row->type };
    if (row->type == TROMMEL_T_I64) {
        ret->u.i = strtoll(row->dflt, NULL, 10);
    } else {
        ret->u.p = row->dflt;
        ret->n = (uint32_t)strlen(row->dflt);
    }
    return TROMMEL_OK;
}

static int32_t dying_open(const trommel_sink_host *h, trommel_sink_ctx *ctx, void **ret_self)
{
    trommel_val path, when, after;
    const trommel_sink *(*entry)(uint32_t);
    char name[4096];
    void *lib;

    host = h;
    if (h->opt(ctx, OPT_FILE, &path) || h->opt(ctx, OPT_AT, &when) || h->opt(ctx, OPT_AFTER, &after) ||
        path.n >= sizeof name || when.n >= sizeof at)
        return TROMMEL_E_FAIL;
    memcpy(name, path.u.p, path.n);
    name[path.n] = 0;
    memcpy(at, when.u.p, when.n);
    left = after.u.i;
    lib = dlopen(name, RTLD_NOW);
    if (!lib) {
        h->fail(ctx, dlerror(), 40);
        return TROMMEL_E_FAIL;
    }
    *(void **)&entry = dlsym(lib, "trommel_sink_entry");
    file = entry(TROMMEL_SINK_ABI_MAJOR);
    between = *h;
    between.ack = on_ack;
    between.opt = on_opt;
    return file->open(&between, ctx, ret_self);
}

static int32_t dying_put(void *self, const trommel_record *recs, uint32_t n)
{
    happened("put");
    return file->put(self, recs, n);
}

static void dying_committed(void *self, const uint8_t (*ids)[16], uint32_t n)
{
    happened("committed");
    file->committed(self, ids, n);
}

static int32_t dying_flush(void *self)
{
    return file->flush(self);
}

static int dying_fd(void *self)
{
    return file->fd(self);
}

static void dying_poll(void *self)
{
    file->poll(self);
}

static void dying_close(void *self, uint32_t grace_ms)
{
    file->close(self, grace_ms);
}

TROMMEL_SINK = {
    TROMMEL_SINK_HEAD,
    .id = "dying",
    .version = "1",
    .summary = "for tests: the file sink, killed",
    .license = "MIT",
    .schemes = "dying",
    .guarantee = TROMMEL_EXACTLY_ONCE,
    .opts = options,
    .n_opts = 3,
    .open = dying_open,
    .put = dying_put,
    .committed = dying_committed,
    .flush = dying_flush,
    .fd = dying_fd,
    .poll = dying_poll,
    .poll_ms = 20,
    .close = dying_close,
};
