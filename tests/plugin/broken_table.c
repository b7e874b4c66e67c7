/* broken_table: one row of options, and a table that says a thousand. */
#include "broken.h"

static const trommel_opt opts[] = {
    { .key = "one", .type = TROMMEL_T_I64, .dflt = "1", .help = "The only one." }
};

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return put_number(page, elements(host->dom(page))) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.table", "lies about its options"), .configure = just_keep, .opts = opts,
                  .n_opts = 1000 };
