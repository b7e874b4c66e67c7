/* broken_part: stops when it is told to, and hands over what it has as if it were all. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);
    int64_t n = 0;

    (void)self, (void)ctx;
    for (uint32_t i = 0; i < dom->n_nodes && !host->should_stop(page); i++)
        n += TROMMEL_NODE(dom, i)->kind == TROMMEL_NODE_ELEMENT;
    return put_number(page, n) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.part", "gives half a result"), .configure = just_keep };
