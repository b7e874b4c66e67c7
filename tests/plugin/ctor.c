/* ctor: crashes while it is loaded, before any of its functions is called.  For tests only. */
#include <trommel/stage.h>

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    (void)self, (void)ctx, (void)page;
    return TROMMEL_CONTINUE;
}

__attribute__((constructor)) static void crash(void)
{
    volatile int *volatile nowhere = NULL;

    *nowhere = 1;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "ctor",
    .process = process,
};
