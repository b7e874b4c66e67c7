/* broken_again: tries a put that failed once more, and counts on it then. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    int64_t n = elements(host->dom(page));

    (void)self, (void)ctx;
    if (put_number(page, n) && put_number(page, n))
        abort();
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.again", "cannot bear two failures"), .configure = just_keep };
