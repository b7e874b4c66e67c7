/* broken_exit: gives up by ending the process. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    if (put_number(page, elements(host->dom(page))))
        exit(3);
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.exit", "calls exit"), .configure = just_keep };
