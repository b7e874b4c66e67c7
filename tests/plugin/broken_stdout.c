/* broken_stdout: still prints what its author looked at. */
#include <stdio.h>

#include "broken.h"

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    int64_t n = elements(host->dom(page));

    (void)self, (void)ctx;
    printf("elements: %ld\n", (long)n);
    return put_number(page, n) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.stdout", "writes to standard output"), .configure = just_keep };
