/* broken_signal: installs a handler of its own. */
#include <signal.h>

#include "broken.h"

static void on_signal(int signal)
{
    (void)signal;
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **ret_self)
{
    (void)ctx, (void)ret_self;
    host = h;
    signal(SIGUSR1, on_signal);
    return TROMMEL_OK;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return put_number(page, elements(host->dom(page))) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.signal", "handles signals"), .configure = configure };
