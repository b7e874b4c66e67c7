/* broken: what the broken_*.c share: each is a stage that counts elements, with one fault that `trommel stage
 * check` must find.  A file may define its own `configure` and `stage_close`. */
#ifndef TROMMEL_TESTS_BROKEN_H
#define TROMMEL_TESTS_BROKEN_H
#include <stdlib.h>
#include <string.h>
#include <trommel/names.h>
#include <trommel/stage.h>

static const trommel_host *host;

__attribute__((unused)) static int32_t just_keep(const trommel_host *h, trommel_ctx *ctx, void **ret_self)
{
    (void)ctx, (void)ret_self;
    host = h;
    return TROMMEL_OK;
}

__attribute__((unused)) static int64_t elements(const trommel_dom *dom)
{
    int64_t n = 0;

    for (uint32_t i = 0; i < dom->n_nodes; i++)
        n += TROMMEL_NODE(dom, i)->kind == TROMMEL_NODE_ELEMENT;
    return n;
}

__attribute__((unused)) static int32_t put_number(trommel_page *page, int64_t n)
{
    trommel_val v = { .type = TROMMEL_T_I64, .u.i = n };

    return host->put_extra(page, (trommel_str){ "elements", 8 }, &v);
}

#define BROKEN(name, what)                                                                                   \
    TROMMEL_STAGE_HEAD, .id = name, .version = "1", .summary = what, .license = "MIT",                       \
                        .flags = TROMMEL_F_PURE | TROMMEL_F_EXTRAS, .process = process
#endif
