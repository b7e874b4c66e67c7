/* broken_utf8: cuts a text in the middle of a character. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    trommel_val v = { .type = TROMMEL_T_STR, .n = 5, .u.p = "caf\xc3\xa9s" };

    (void)self, (void)ctx;
    v.n = 4;
    host->put_extra(page, (trommel_str){ "word", 4 }, &v);
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.utf8", "puts bytes that are no UTF-8"), .configure = just_keep };
