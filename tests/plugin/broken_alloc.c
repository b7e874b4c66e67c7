/* broken_alloc: does not look at what alloc gives it. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    volatile int64_t *n = host->alloc(page, 64, 8);

    (void)self, (void)ctx;
    *n = elements(host->dom(page));
    return put_number(page, *n) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.alloc", "uses NULL when memory is out"), .configure = just_keep };
