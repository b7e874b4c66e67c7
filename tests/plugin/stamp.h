/* stamp: writes its option `tag` into every record, so that a record shows which configuration made it.  Of each
 * there are two, which are given the same tag: a page that ran half in one generation and half in another would carry
 * two.  For tests only. */
#include <trommel/stage.h>

static const trommel_host *host;
static trommel_val tag;
static const trommel_opt opts[] = {
    { .key = "tag", .type = TROMMEL_T_STR, .dflt = "none", .help = "What is written." },
};

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    (void)self;
    host = h;
    return h->opt(ctx, 0, &tag);
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return host->put_extra(page, (trommel_str){ "tag", 3 }, &tag) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = STAMP_ID,
    .version = "1",
    .summary = "writes its tag",
    .flags = TROMMEL_F_PURE | TROMMEL_F_EXTRAS,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .configure = configure,
    .process = process,
};
