/* broken_rows: the same reason twice. */
#include "broken.h"

static const char *const reasons[] = { "too_small", "too_large", "too_small" };

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return put_number(page, elements(host->dom(page))) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.rows", "has a reason twice"), .configure = just_keep, .reasons = reasons,
                  .n_reasons = TROMMEL_COUNT(reasons) };
