/* broken_leak: what configure allocates is never freed. */
#include "broken.h"

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **ret_self)
{
    (void)ctx;
    host = h;
    *ret_self = calloc(1, 100);
    return *ret_self ? TROMMEL_OK : TROMMEL_E_FAIL;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return put_number(page, elements(host->dom(page))) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.leak", "leaks memory"), .configure = configure };
