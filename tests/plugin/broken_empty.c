/* broken_empty: takes it for granted that a page has a document. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);

    (void)self, (void)ctx;
    return put_number(page, TROMMEL_NODE(dom, 0)->end) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.empty", "needs at least one node"), .configure = just_keep };
