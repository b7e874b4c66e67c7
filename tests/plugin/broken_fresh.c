/* broken_fresh: takes memory of the page's arena for zeroed. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    int64_t *n = host->alloc(page, sizeof *n, 8);

    (void)self, (void)ctx;
    if (!n)
        return TROMMEL_ERROR;
    *n += elements(host->dom(page));
    return put_number(page, *n) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.fresh", "counts on zeroed memory"), .configure = just_keep };
