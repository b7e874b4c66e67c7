/* needy: needs a value that no stage provides, so that no chain with it may start. */
#include <trommel/stage.h>

static const trommel_port needs[] = { { "price.amount", TROMMEL_T_F64, 0 } };

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx, (void)page;
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "needy",
    .version = "1.0.0",
    .summary = "Needs what nobody provides.",
    .license = "MIT",
    .n_needs = TROMMEL_COUNT(needs),
    .needs = needs,
    .process = process,
};
