/* title: copies the document's <title> into the record. */
#include <trommel/names.h> /* TROMMEL_TAG_TITLE */
#include <trommel/stage.h>

static const trommel_host *host; /* one instance a process: a static is fine */

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    (void)ctx, (void)self;
    host = h;
    return TROMMEL_OK;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);

    (void)self, (void)ctx;
    for (uint32_t i = 0; i < dom->n_nodes; i++) {
        const trommel_node *node = TROMMEL_NODE(dom, i);
        if (node->tag != TROMMEL_TAG_TITLE || node->ns != TROMMEL_NS_HTML || node->end == i + 1)
            continue;
        const trommel_node *text = TROMMEL_NODE(dom, i + 1);
        trommel_val val = { .type = TROMMEL_T_STR, .n = text->text_n, .u.p = dom->strs + text->text };
        host->put_extra(page, (trommel_str){ "title", 5 }, &val);
        break;
    }
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,     .id = "org.example.title",
    .version = "1",         .summary = "copies the document's <title> to x.org.example.title.title",
    .license = "MIT",       .flags = TROMMEL_F_PURE | TROMMEL_F_EXTRAS,
    .configure = configure, .process = process,
};
