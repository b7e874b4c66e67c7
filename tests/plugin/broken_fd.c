/* broken_fd: the file that configure opens is never closed. */
#include <fcntl.h>

#include "broken.h"

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **ret_self)
{
    (void)ctx, (void)ret_self;
    host = h;
    return open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 ? TROMMEL_E_FAIL : TROMMEL_OK;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx;
    return put_number(page, elements(host->dom(page))) ? TROMMEL_ERROR : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.fd", "leaks descriptors"), .configure = configure };
