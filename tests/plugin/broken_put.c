/* broken_put: takes it for granted that a put is taken. */
#include "broken.h"

enum { TITLE };
static const trommel_port provides[] = { [TITLE] = { "meta.title", TROMMEL_T_STR, TROMMEL_PORT_RECORD } };

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    trommel_val v = { .type = TROMMEL_T_STR, .n = 5, .u.p = "title" };

    (void)self, (void)ctx;
    if (put_number(page, elements(host->dom(page))))
        return TROMMEL_ERROR;
    if (host->put(page, TITLE, &v))
        abort();
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = { BROKEN("broken.put", "dies when a put fails"), .configure = just_keep, .provides = provides,
                  .n_provides = TROMMEL_COUNT(provides) };
