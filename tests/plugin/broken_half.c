/* broken_half: when the first of two puts fails and the second is taken, it gives up loudly. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    int64_t n = elements(host->dom(page));
    int first, second;

    (void)self, (void)ctx;
    first = put_number(page, n);
    second = put_number(page, n);
    if (first && !second)
        abort();
    return first ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.half", "cannot bear one failure among many calls"), .configure = just_keep };
