/* @ID@: counts the page's headings and puts the number under x.@ID@.
 *
 * What a stage may do, and when, is said in include/trommel/stage.h.  Change process() first. */
#include <trommel/names.h> /* TROMMEL_TAG_* */
#include <trommel/stage.h>

static const trommel_host *host; /* what the pipeline offers; one instance a process: a static is fine */
static int64_t deepest;          /* the option `levels` */

/* Options, in the order of the rows: `trommel stage run @NAME@.so PAGE --set levels=2` */
enum { OPT_LEVELS };
static const trommel_opt opts[] = {
    [OPT_LEVELS] = { .key = "levels", .type = TROMMEL_T_I64, .dflt = "6", .min = 1, .max = 6,
                     .help = "Headings down to this level are counted." },
};

/* Once a process, before pages come. */
static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **ret_self)
{
    trommel_val levels;

    (void)ret_self;
    host = h;
    if (h->opt(ctx, OPT_LEVELS, &levels))
        return TROMMEL_E_INVALID;
    deepest = levels.u.i;
    return TROMMEL_OK;
}

/* Once a page. */
static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);
    trommel_val headings = { .type = TROMMEL_T_I64 };

    (void)self, (void)ctx;
    for (uint32_t i = 0; i < dom->n_nodes; i++) {
        const trommel_node *node = TROMMEL_NODE(dom, i);
        if (node->kind == TROMMEL_NODE_ELEMENT && node->tag >= TROMMEL_TAG_H1 &&
            node->tag < TROMMEL_TAG_H1 + (uint32_t)deepest)
            headings.u.i++;
    }
    if (host->put_extra(page, (trommel_str){ "headings", 8 }, &headings))
        return TROMMEL_ERROR; /* no room in the record: the page is put aside under this stage's name */
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "@ID@",
    .version = "0.1.0",
    .summary = "Counts the page's headings.",
    .license = "MIT",
    .flags = TROMMEL_F_PURE | TROMMEL_F_EXTRAS, /* the same page gives the same; it writes under x.@ID@ */
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .configure = configure,
    .process = process,
};
