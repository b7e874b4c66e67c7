/* broken_loop: never comes back from a page with very many nodes. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);

    (void)self, (void)ctx;
    for (volatile int on = dom->n_nodes > 900000; on;)
        ;
    return put_number(page, elements(dom)) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.loop", "loops on a large page"), .configure = just_keep };
