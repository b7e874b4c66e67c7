/* gated: is not configured before somebody has its option `gate`, a FIFO, open for writing: so a test holds a
 * change of the chain where it is for as long as it needs.  For tests only. */
#include <fcntl.h>
#include <string.h>
#include <trommel/stage.h>

static const trommel_host *host;
static trommel_val gate, tag;
static const trommel_opt opts[] = {
    { .key = "gate",
      .type = TROMMEL_T_STR,
      .flags = TROMMEL_OPT_PATH | TROMMEL_OPT_REQUIRED,
      .help = "A FIFO." },
    { .key = "tag", .type = TROMMEL_T_STR, .dflt = "none", .help = "What is written." },
};

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    char path[4096] = "";

    (void)self;
    host = h;
    if (h->opt(ctx, 0, &gate) || h->opt(ctx, 1, &tag) || gate.n >= sizeof path)
        return TROMMEL_E_FAIL;
    memcpy(path, gate.u.p, gate.n);
    return open(path, O_RDONLY | O_CLOEXEC) < 0 ? TROMMEL_E_FAIL : TROMMEL_OK;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return host->put_extra(page, (trommel_str){ "tag", 3 }, &tag) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "gated",
    .version = "1",
    .summary = "waits to be let in",
    .flags = TROMMEL_F_PURE | TROMMEL_F_EXTRAS,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .configure = configure,
    .process = process,
};
