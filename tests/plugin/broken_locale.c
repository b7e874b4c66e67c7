/* broken_locale: numbers as its author writes them. */
#include <locale.h>

#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    setlocale(LC_ALL, "C.UTF-8");
    return put_number(page, elements(host->dom(page))) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.locale", "changes the locale"), .configure = just_keep };
