/* broken_scribble: cleans the page's text up where it lies. */
#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);

    (void)self, (void)ctx;
    if (dom->n_strs)
        ((volatile char *)(uintptr_t)dom->strs)[0] = ' ';
    return put_number(page, elements(dom)) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.scribble", "writes into the page"), .configure = just_keep };
