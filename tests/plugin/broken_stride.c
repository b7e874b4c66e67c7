/* broken_stride: takes the rows of nodes for an array of the struct it knows. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);
    const trommel_node *nodes = dom->nodes;
    int64_t n = 0;

    (void)self, (void)ctx;
    for (uint32_t i = 0; i < dom->n_nodes; i++)
        n += nodes[i].kind == TROMMEL_NODE_ELEMENT;
    return put_number(page, n) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.stride", "ignores node_size"), .configure = just_keep };
