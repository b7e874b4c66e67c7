/* broken_deaf: asks should_stop at every node, and goes on. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);
    int64_t n = 0;

    (void)self, (void)ctx;
    for (uint32_t i = 0; i < dom->n_nodes; i++) {
        host->should_stop(page);
        n += TROMMEL_NODE(dom, i)->kind == TROMMEL_NODE_ELEMENT;
    }
    return put_number(page, n) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.deaf", "ignores should_stop"), .configure = just_keep };
