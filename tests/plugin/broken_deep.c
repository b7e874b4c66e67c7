/* broken_deep: recurses into the page, with 32 KiB a level. */
#include "broken.h"

static int64_t below(const trommel_dom *dom, uint32_t i)
{
    volatile char name[32 * 1024];
    const trommel_node *node = TROMMEL_NODE(dom, i);
    int64_t n = node->kind == TROMMEL_NODE_ELEMENT;

    name[0] = name[sizeof name - 1] = (char)node->depth;
    for (uint32_t c = i + 1; c < node->end; c = TROMMEL_NODE(dom, c)->end)
        n += below(dom, c);
    return n + (name[0] != name[sizeof name - 1]);
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);

    (void)self, (void)ctx;
    return put_number(page, dom->n_nodes ? below(dom, 0) : 0) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.deep", "recurses without bound"), .configure = just_keep };
