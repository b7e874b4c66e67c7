/* layout: says what kind of page this is, how sure that is, and which template made the page.
 *
 * One pass over the nodes (features.c) gives a row of bytes; boosted trees (model.c) give a margin a type,
 * their softmax is the confidence.  Pages without text, and those where no type is likelier than chance,
 * are `other`.  The template's fingerprint is fingerprint.c's.  One instance a worker. */
#include <math.h>

#include <trommel/stage.h>

#include "features.h"
#include "model.h"

#define TEXT_BYTES_MIN 40   /* less text than this has no layout */
#define CHANCE         0.2f /* a confidence that says nothing */

enum { PUT_TYPE, PUT_CONFIDENCE, PUT_TEMPLATE };
static const trommel_port provides[] = {
    [PUT_TYPE] = { "layout.type", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    [PUT_CONFIDENCE] = { "layout.confidence", TROMMEL_T_F64, TROMMEL_PORT_RECORD },
    [PUT_TEMPLATE] = { "layout.template", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
};

static const char *const types[LAYOUT_TYPES + 1] = {
    "article", "documentation", "service", "forum", "collection", "listing", "product", "other",
};
enum { ARTICLE = 0, OTHER = LAYOUT_TYPES };

static struct {
    const trommel_host *host;
    struct layout_tables tables;
} stage;

static int page_stop(void *arg)
{
    return stage.host->should_stop(arg) != 0;
}

/* Index into types; *ret_p: its probability. */
static unsigned type_find(const uint8_t *row, float *ret_p)
{
    uint32_t each = layout_model.n_trees / LAYOUT_TYPES;
    float margin[LAYOUT_TYPES], sum = 0;
    unsigned best = 0;

    for (unsigned t = 0; t < LAYOUT_TYPES; t++) {
        margin[t] = 0;
        for (uint32_t k = 0; k < each; k++)
            margin[t] += trees_leaf(&layout_model, t * each + k, row);
        if (margin[t] > margin[best])
            best = t;
    }
    for (unsigned t = 0; t < LAYOUT_TYPES; t++)
        sum += expf(margin[t] - margin[best]);
    *ret_p = 1 / sum;
    return best;
}

static void judge(const trommel_dom *dom, const struct layout_result *r, unsigned *ret_type, float *ret_p)
{
    if (r->bytes < TEXT_BYTES_MIN) {
        *ret_type = OTHER;
        *ret_p = 1;
        return;
    }
    if (dom->flags & TROMMEL_DOM_PLAIN) { /* a text has no structure to learn from */
        *ret_type = ARTICLE;
        *ret_p = 0.5f;
        return;
    }
    *ret_type = type_find(r->row, ret_p);
    if (*ret_p < CHANCE)
        *ret_type = OTHER;
}

static int32_t put_str(trommel_page *page, uint32_t port, const char *s, size_t n)
{
    trommel_val val = { .type = TROMMEL_T_STR, .n = n, .u.p = s };

    return stage.host->put(page, port, &val);
}

static void hex16(uint64_t v, char out[16])
{
    for (int i = 0; i < 16; i++)
        out[i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
}

enum { REASON_FULL };
static const char *const reasons[] = { [REASON_FULL] = "record_full" };

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = stage.host->dom(page);
    struct layout_result r;
    trommel_str url = { "", 0 };
    unsigned type;
    float p;
    char template[16];

    if (!dom)
        return TROMMEL_CONTINUE;
    if (stage.host->meta(page, TROMMEL_META_FINAL_URL, (trommel_str){ NULL, 0 }, &url) != TROMMEL_OK)
        url = (trommel_str){ "", 0 };
    if (layout_read(&stage.tables, dom, url, page_stop, page, &r))
        return TROMMEL_RETRY;
    judge(dom, &r, &type, &p);
    hex16(r.fingerprint, template);
    trommel_val confidence = { .type = TROMMEL_T_F64, .u.d = (double)p };
    if (put_str(page, PUT_TYPE, types[type], strlen(types[type]))
        || stage.host->put(page, PUT_CONFIDENCE, &confidence) || put_str(page, PUT_TEMPLATE, template, 16)) {
        static const char msg[] = "the record took no layout: it is over its cap of bytes";
        stage.host->fail(ctx, REASON_FULL, msg, sizeof msg - 1);
        return TROMMEL_VERDICT(TROMMEL_ERROR, REASON_FULL);
    }
    return TROMMEL_CONTINUE;
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **ret_self)
{
    stage.host = h;
    memset(&stage.tables, 0, sizeof stage.tables);
    layout_tables_init(&stage.tables);
    return TROMMEL_OK;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "layout",
    .version = "1.0.0",
    .summary = "Says what kind of page it is, how sure that is, and which template made it.",
    .license = "MIT",
    .flags = TROMMEL_F_PURE,
    .n_provides = TROMMEL_COUNT(provides),
    .provides = provides,
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .configure = configure,
    .process = process,
};
