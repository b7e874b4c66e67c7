/* broken_verdict: drops pages for a reason that its table does not have. */
#include "broken.h"

static const char *const reasons[] = { "too_small" };

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return elements(host->dom(page)) < 100000 ? TROMMEL_VERDICT(TROMMEL_DROP, 1) : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.verdict", "has no such reason"), .configure = just_keep, .reasons = reasons,
                  .n_reasons = TROMMEL_COUNT(reasons) };
