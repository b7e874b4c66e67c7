/* candidate: what nobody wants in a crawl, in the way that its option `how` says.  For tests only.
 *
 *     crash    dies on one page in `every`, chosen by its URL
 *     loop     never returns from such a page
 *     leak     keeps 4 MiB of every page
 *     slow     takes many times as long as a page takes
 *     refuse   configure fails
 *     error    such a page fails by verdict */
#include <stdlib.h>
#include <string.h>
#include <trommel/stage.h>

static const trommel_host *host;
static trommel_val how, every, length;
static const trommel_opt opts[] = {
    { .key = "how", .type = TROMMEL_T_STR, .dflt = "error", .choices = "crash|loop|leak|slow|refuse|error", .help = "In which way." },
    { .key = "every", .type = TROMMEL_T_I64, .dflt = "1", .min = 1, .max = 1e9, .help = "One page in so many." },
    { .key = "slow_us", .type = TROMMEL_T_I64, .dflt = "50000", .min = 1, .max = 1e9, .help = "How long it takes.", .unit = "us" },
};
static const char *const reasons[] = { "not_liked" };

static int is(const char *word)
{
    return how.n == strlen(word) && !memcmp(how.u.p, word, how.n);
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    (void)self;
    host = h;
    if (h->opt(ctx, 0, &how) || h->opt(ctx, 1, &every) || h->opt(ctx, 2, &length))
        return TROMMEL_E_FAIL;
    if (!is("refuse"))
        return TROMMEL_OK;
    h->fail(ctx, 0, "option how: it says refuse, so this fails", 41);
    return TROMMEL_E_INVALID;
}

static int is_chosen(trommel_page *page)
{
    trommel_str url = { 0 };
    uint64_t hash = 14695981039346656037u;

    if (host->meta(page, TROMMEL_META_URL, (trommel_str){ NULL, 0 }, &url))
        return every.u.i == 1;
    for (size_t i = 0; i < url.n; i++)
        hash = (hash ^ (unsigned char)url.p[i]) * 1099511628211u;
    return (hash >> 20) % (uint64_t)every.u.i == 0;
}

static void leak(void)
{
    size_t n = 4u << 20;
    volatile char *p = malloc(n);

    if (!p)
        abort();
    for (size_t i = 0; i < n; i += 4096)
        p[i] = 1;
}

static void burn(trommel_ctx *ctx)
{
    uint64_t until = host->now_ns(ctx) + (uint64_t)length.u.i * 1000u;

    while (host->now_ns(ctx) < until)
        ;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    volatile int *volatile nowhere = NULL;

    (void)self;
    if (is("leak"))
        leak();
    if (is("slow"))
        burn(ctx);
    if (!is_chosen(page))
        return TROMMEL_CONTINUE;
    if (is("crash"))
        *nowhere = 1;
    while (is("loop"))
        ;
    return is("error") ? TROMMEL_VERDICT(TROMMEL_ERROR, 0) : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "candidate",
    .version = "1",
    .summary = "misbehaves as it is told",
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .configure = configure,
    .process = process,
};
