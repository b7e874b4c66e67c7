/* price: puts the price that stands where a CSS selector says into x.org.example.price. */
#include <trommel/sdk/amount.h>
#include <trommel/sdk/put.h>
#include <trommel/sdk/read.h>
#include <trommel/sdk/select.h>

enum { OPT_SELECTOR, OPT_CURRENCY };
static const trommel_opt opts[] = {
    { .key = "selector", .type = TROMMEL_T_STR, .dflt = "[itemprop=price], .price, #price",
      .help = "CSS selector of the elements that may hold the price; the first clear one counts" },
    { .key = "currency", .type = TROMMEL_T_STR,
      .help = "ISO code for amounts whose currency the page leaves open ($, kr)" },
};

static const trommel_host *host; /* one instance a process: statics are fine */
static struct sdk_select where;
static trommel_str currency;

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    trommel_val v;

    (void)self;
    host = h;
    if (host->opt(ctx, OPT_CURRENCY, &v) == TROMMEL_OK)
        currency = sdk_str(v.u.p, v.n);
    return sdk_select_opt(host, ctx, OPT_SELECTOR, &where);
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);
    struct sdk_money price;
    trommel_str text;

    (void)self, (void)ctx;
    SDK_EACH_MATCH(&where, dom, 0, node) {
        /* <meta itemprop=price content="68.00"> has it in an attribute, <b class=price>68,00 €</b> as text */
        if (!sdk_attr_get(dom, node, TROMMEL_A_CONTENT, &text))
            sdk_read(host, page, node, 200, &text);
        if (sdk_amount(text, &price) != TROMMEL_OK)
            continue; /* none, or two: unclear */
        text = price.currency[0] ? sdk_str(price.currency, 3) : currency;
        sdk_extra_str(host, page, "amount", sdk_str(price.value, strlen(price.value)));
        if (text.n)
            sdk_extra_str(host, page, "currency", text);
        break;
    }
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,     .id = "org.example.price",
    .version = "1",         .summary = "puts the price at a CSS selector into x.org.example.price",
    .license = "MIT",       .flags = TROMMEL_F_PURE | TROMMEL_F_EXTRAS,
    .opts = opts,           .n_opts = TROMMEL_COUNT(opts),
    .configure = configure, .process = process,
};
