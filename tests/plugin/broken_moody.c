/* broken_moody: says that the same page gives the same, and puts how many pages it has seen. */
#include "broken.h"

static int64_t seen;

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return put_number(page, ++seen) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.moody", "another result each time"), .configure = just_keep };
