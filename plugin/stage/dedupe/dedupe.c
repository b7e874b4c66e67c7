/* dedupe: makes the sketch by which the host tells whether a page says what another has said.
 *
 * The stage looks at one page only and keeps nothing between pages; who came first, and what a cluster
 * is, is decided by the index in the host (pipeline/index), which every worker's sketches meet.  The
 * host takes `dedupe.sketch` aside and settles the record's field `dedupe`.  A page without text gets
 * no sketch. */
#include <trommel/stage.h>

#include "plugin/stage/dedupe/words.h"

enum { NEED_TEXT };
static const trommel_port needs[] = {
    [NEED_TEXT] = { "content.text", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
};

enum { PROVIDE_SKETCH };
static const trommel_port provides[] = {
    [PROVIDE_SKETCH] = { "dedupe.sketch", TROMMEL_T_BYTES, 0 },
};

static const trommel_host *host;

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **ret_self)
{
    host = h;
    fold_init();
    return TROMMEL_OK;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    unsigned char bytes[SKETCH_BYTES_MAX];
    trommel_val text, sketch = { .type = TROMMEL_T_BYTES, .u.p = bytes };

    if (host->get(page, NEED_TEXT, &text) != TROMMEL_OK)
        return TROMMEL_CONTINUE;
    sketch.n = sketch_make(text.u.p, text.n, bytes);
    if (host->put(page, PROVIDE_SKETCH, &sketch) != TROMMEL_OK)
        return TROMMEL_ERROR;
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "dedupe",
    .version = "1.0.0",
    .summary = "Sketches the content, so that the host finds exact, near and partial copies.",
    .license = "MIT",
    .flags = TROMMEL_F_PURE,
    .n_needs = TROMMEL_COUNT(needs),
    .needs = needs,
    .n_provides = TROMMEL_COUNT(provides),
    .provides = provides,
    .configure = configure,
    .process = process,
};
