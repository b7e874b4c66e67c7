/* network: declares that it needs the network, and says of each page whether it gets a socket.  For tests
 * only. */
#include <sys/socket.h>
#include <trommel/stage.h>
#include <unistd.h>

static const trommel_host *host;

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    (void)ctx, (void)self;
    host = h;
    return TROMMEL_OK;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    trommel_val val = { .type = TROMMEL_T_BOOL, .u.i = fd >= 0 };

    (void)self, (void)ctx;
    host->put_extra(page, (trommel_str){ "socket", 6 }, &val);
    close(fd);
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,     .id = "network",    .flags = TROMMEL_F_NETWORK | TROMMEL_F_EXTRAS,
    .configure = configure, .process = process,
};
