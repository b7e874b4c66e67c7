/* crasher: dies in named functions on pages whose bytes have a mark, until it is mended.  For tests only.
 *
 * MARK-NULL, MARK-ABORT, MARK-DEEP, MARK-JUMP, MARK-DIVIDE and MARK-CRUMB die until then, MARK-ALWAYS also
 * afterwards, MARK-WORSE only then.  MARK-ERROR is an error of the stage's own; MARK-HOLD waits for ever
 * while `hold` is set. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/names.h>
#include <trommel/stage.h>
#include <unistd.h>

#include "chain/run.h" /* where the crumb lies */

#if __has_attribute(noclone) /* gcc's; a clone has another name */
#define NAMED __attribute__((noinline, noclone)) static
#else
#define NAMED __attribute__((noinline)) static
#endif

static const trommel_host *host;
static int mended, hold;

static const trommel_port provides[] = { { "meta.title", TROMMEL_T_STR, TROMMEL_PORT_RECORD } };
static const char *const reasons[] = { "unreadable" };
static const trommel_opt opts[] = {
    { .key = "mended", .type = TROMMEL_T_BOOL, .dflt = "false", .help = "Whether it behaves." },
    { .key = "hold",
      .type = TROMMEL_T_BOOL,
      .dflt = "false",
      .help = "Whether marked pages are held for ever." },
    { .key = "configure", .type = TROMMEL_T_BOOL, .dflt = "false", .help = "Whether configure crashes." },
};

static volatile int sink;

NAMED void price_of_nothing(void)
{
    volatile int *volatile nowhere = NULL;

    *nowhere = 1;
    sink = 1; /* so that no call is the last thing in a function */
}

NAMED void give_up(void)
{
    abort();
}

NAMED int fall_deeper(volatile char *above)
{
    volatile char here[512];

    here[0] = *above;
    here[511] = here[0];
    return here[511] ? fall_deeper(here) + here[511] : 0; /* it is never 0 */
}

NAMED void jump_to_nothing(void)
{
    void (*volatile nothing)(void) = NULL;

    nothing();
    sink = 2;
}

NAMED int share_among(volatile int nobody)
{
    return 7 / nobody;
}

/* Random bytes over the crumb and what lies behind it, as if this were a report of the signal it then dies
 * of. */
NAMED void crumble(const trommel_page *page)
{
    volatile unsigned char *at = (unsigned char *)page->run->crumb;
    uint32_t forged = SIGSEGV;
    unsigned long seed = 4711;

    signal(SIGSEGV, SIG_DFL);
    for (unsigned i = 0; i < PROTO_CRUMB_BYTES; i++) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        at[i] = (unsigned char)(seed >> 33);
    }
    memcpy((unsigned char *)page->run->crumb + PROTO_CRASH_AT, &forged, sizeof forged);
    price_of_nothing();
}

static int has(trommel_str text, const char *mark)
{
    return text.p && memmem(text.p, text.n, mark, strlen(mark)) != NULL;
}

NAMED void judge(const trommel_page *page, trommel_str text)
{
    volatile char top = 1;

    if (has(text, "MARK-ALWAYS"))
        price_of_nothing();
    if (hold && has(text, "MARK-HOLD"))
        for (;;)
            pause();
    if (mended && has(text, "MARK-WORSE"))
        give_up();
    if (mended)
        return;
    if (has(text, "MARK-NULL"))
        price_of_nothing();
    if (has(text, "MARK-ABORT"))
        give_up();
    if (has(text, "MARK-DEEP"))
        sink = fall_deeper(&top);
    if (has(text, "MARK-JUMP"))
        jump_to_nothing();
    if (has(text, "MARK-DIVIDE"))
        sink = share_among(0);
    if (has(text, "MARK-CRUMB"))
        crumble(page);
    sink = 4;
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    trommel_val v;

    (void)self;
    host = h;
    mended = !h->opt(ctx, 0, &v) && v.u.i;
    hold = !h->opt(ctx, 1, &v) && v.u.i;
    if (!h->opt(ctx, 2, &v) && v.u.i)
        price_of_nothing();
    return TROMMEL_OK;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    trommel_str body = { 0 };

    (void)self;
    host->meta(page, TROMMEL_META_BODY, (trommel_str){ NULL, 0 }, &body);
    judge(page, body);
    if (!mended && has(body, "MARK-ERROR")) {
        host->fail(ctx, 0, "cannot read it", 14);
        return TROMMEL_VERDICT(TROMMEL_ERROR, 0);
    }
    host->put(page, 0, &(trommel_val){ .type = TROMMEL_T_STR, .n = 4, .u.p = "seen" });
    return TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "crasher",
    .version = "1",
    .summary = "dies on marked pages",
    .n_provides = TROMMEL_COUNT(provides),
    .provides = provides,
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .configure = configure,
    .process = process,
};
