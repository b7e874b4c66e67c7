/* marked: writes its option `value` into every record, and misbehaves, as `how` says, on pages whose URL
 * holds `mark`.  For tests only. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trommel/stage.h>

static const trommel_host *host;
static trommel_val value, mark, how, burn_us;
static const trommel_opt opts[] = {
    { .key = "value", .type = TROMMEL_T_STR, .dflt = "none", .help = "What is written." },
    { .key = "mark", .type = TROMMEL_T_STR, .dflt = "MARK", .help = "What is looked for in a page's URL." },
    { .key = "how",
      .type = TROMMEL_T_STR,
      .dflt = "well",
      .choices = "well|crash|error|loop|burn|sleep|refuse|die|hang",
      .help = "In which way." },
    { .key = "burn_us",
      .type = TROMMEL_T_I64,
      .dflt = "20000",
      .min = 1,
      .max = 1e9,
      .help = "How long `burn` and `sleep` take.",
      .unit = "us" },
};
static const char *const reasons[] = { "marked" };

static int is(const char *word)
{
    return how.n == strlen(word) && !memcmp(how.u.p, word, how.n);
}

static void die(void)
{
    volatile int *volatile nowhere = NULL;

    *nowhere = 1;
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    (void)self;
    host = h;
    if (h->opt(ctx, 0, &value) || h->opt(ctx, 1, &mark) || h->opt(ctx, 2, &how) || h->opt(ctx, 3, &burn_us))
        return TROMMEL_E_FAIL;
    if (is("die"))
        die();
    while (is("hang"))
        ;
    if (!is("refuse"))
        return TROMMEL_OK;
    h->fail(ctx, 0, "option how: it says refuse, so this fails", 41);
    return TROMMEL_E_INVALID;
}

static uint64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void burn(void)
{
    uint64_t until = cpu_us() + (uint64_t)burn_us.u.i;

    while (cpu_us() < until)
        ;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    trommel_str url = { 0 };

    (void)self;
    host->put_extra(page, (trommel_str){ "value", 5 }, &value);
    if (host->meta(page, TROMMEL_META_URL, (trommel_str){ NULL, 0 }, &url) ||
        !memmem(url.p, url.n, mark.u.p, mark.n))
        return TROMMEL_CONTINUE;
    if (is("crash"))
        die();
    while (is("loop"))
        ;
    if (is("burn"))
        burn();
    if (is("sleep"))
        poll(NULL, 0, (int)(burn_us.u.i / 1000));
    return is("error") ? TROMMEL_VERDICT(TROMMEL_ERROR, 0) : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "marked",
    .version = "1",
    .summary = "misbehaves on marked pages",
    .flags = TROMMEL_F_EXTRAS,
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .configure = configure,
    .process = process,
};
