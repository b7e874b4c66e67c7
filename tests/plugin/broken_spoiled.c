/* broken_spoiled: a page on which a put failed spoils the next one. */
#include "broken.h"

static int64_t pending;

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    pending += elements(host->dom(page));
    if (put_number(page, pending))
        return TROMMEL_ERROR;
    pending = 0;
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.spoiled", "keeps state over a failure"), .configure = just_keep };
