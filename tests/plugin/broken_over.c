/* broken_over: takes the page's strings for C strings. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);
    int64_t n = 0;

    (void)self, (void)ctx;
    for (uint32_t i = 0; i < dom->n_nodes; i++)
        if (TROMMEL_NODE(dom, i)->kind == TROMMEL_NODE_TEXT)
            n += (int64_t)strlen(dom->strs + TROMMEL_NODE(dom, i)->text);
    return put_number(page, n) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.over", "reads past the end"), .configure = just_keep };
