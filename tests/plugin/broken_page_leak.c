/* broken_page_leak: every page leaves a little memory behind. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    char *volatile lost = malloc(40);

    (void)self, (void)ctx, (void)lost;
    return put_number(page, elements(host->dom(page))) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.page-leak", "leaks memory a page"), .configure = just_keep };
