/* bad: copies the title like a good stage, and misbehaves on pages whose text has a mark: what a worker's
 * host must survive.  For tests only. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <trommel/names.h>
#include <trommel/stage.h>
#include <unistd.h>

#include "chain/proto.h"

static const trommel_host *host;
static FILE *maps; /* /proc/self/maps, which could not be opened later */

/* A record in full about another page. */
__asm__(".section .rodata\ngolden: .incbin \"schemas/golden/ok.msgpack\"\ngolden_end:\n.previous\n");
extern const unsigned char golden[] __attribute__((visibility("hidden")));
extern const unsigned char golden_end[] __attribute__((visibility("hidden")));

static const trommel_port provides[] = {
    { "meta.title", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "content.text", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
};
static const char *const reasons[] = { "broken_page", "not_wanted" };
static const trommel_opt opts[] = {
    { .key = "refuse", .type = TROMMEL_T_BOOL, .dflt = "false", .help = "Whether configure fails." },
    { .key = "die", .type = TROMMEL_T_BOOL, .dflt = "false", .help = "Whether configure crashes." },
    { .key = "level", .type = TROMMEL_T_I64, .dflt = "3", .help = "A number.", .min = 1, .max = 9 },
};

static void die(void)
{
    volatile int *volatile nowhere = NULL;

    *nowhere = 1;
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **self)
{
    trommel_val v;

    (void)self;
    host = h;
    maps = fopen("/proc/self/maps", "r");
    if (!h->opt(ctx, 1, &v) && v.u.i)
        die();
    if (!h->opt(ctx, 0, &v) && v.u.i) {
        h->fail(ctx, 0, "option refuse: it is true, say false", 36);
        return TROMMEL_E_FAIL;
    }
    return TROMMEL_OK;
}

static void allocate(void)
{
    for (;;) {
        volatile char *p = malloc(1 << 20);
        for (int i = 0; i < 1 << 20; i += 4096)
            p[i] = 1;
    }
}

/* Random bytes over everything this process can write. */
static void scribble(void)
{
    char line[512];
    FILE *f = maps;
    unsigned long from[512], to[512], seed = 12345;
    int n = 0;

    rewind(f);
    while (n < 512 && fgets(line, sizeof line, f)) {
        char perm[8];
        if (sscanf(line, "%lx-%lx %7s", &from[n], &to[n], perm) == 3 && perm[1] == 'w' &&
            !strstr(line, "[stack]"))
            n++;
    }
    for (int i = 0; i < n; i++) {
        for (unsigned long at = from[i]; at < to[i]; at += 16) {
            seed = seed * 6364136223846793005ul + 1442695040888963407ul;
            *(volatile unsigned char *)(at + (seed >> 60)) = (unsigned char)(seed >> 33);
        }
    }
}

static void talk_nonsense(void)
{
    char junk[300];

    memset(junk, 0x5a, sizeof junk);
    for (int fd = 3; fd < 64; fd++)
        send(fd, junk, sizeof junk, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The breadcrumb lies in the one memory file that the worker may write. */
static int crumb_find(struct crumb *ret)
{
    FILE *f = maps;
    unsigned long from, to;
    char line[512], perm[8];
    int found = 0;

    rewind(f);
    while (!found && fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, perm) == 3 && perm[1] == 'w' && strstr(line, "memfd:")) {
            memcpy(ret, (const void *)from, sizeof *ret);
            found = 1;
        }
    return found;
}

/* A result of its own for the page it is at, before the worker's: well-formed frames, a record that is none or that is
 * about another page. */
static void forge(const void *record, size_t n)
{
    static unsigned char frame[65536];
    struct crumb crumb = { 0 };
    struct proto_result result = { .stage = UINT32_MAX, .record_n = (uint32_t)n };
    struct proto_head head = { .magic = PROTO_MAGIC, .type = PROTO_RESULT, .n = (uint32_t)(sizeof result + n) };
    ssize_t sent;

    if (sizeof head + sizeof result + n > sizeof frame || !crumb_find(&crumb))
        die();
    head.seq = crumb.seq;
    memcpy(frame, &head, sizeof head);
    memcpy(frame + sizeof head, &result, sizeof result);
    memcpy(frame + sizeof head + sizeof result, record, n);
    sent = write(PROTO_FD_SOCKET, frame, sizeof head + sizeof result + n);
    (void)sent;
}

static unsigned char *put_str(unsigned char *at, const char *p, size_t n)
{
    *at++ = 0xd9; /* str 8 */
    *at++ = (unsigned char)n;
    memcpy(at, p, n);
    return at + n;
}

/* About the right page, but with hardly a field of a record. */
static void forge_thin(trommel_page *page)
{
    unsigned char record[512], *at = record;
    trommel_str id = { 0 }, url = { 0 };
    unsigned byte;

    host->meta(page, TROMMEL_META_ID, (trommel_str){ NULL, 0 }, &id);
    host->meta(page, TROMMEL_META_URL, (trommel_str){ NULL, 0 }, &url);
    if (id.n != 32 || url.n > 100)
        die();
    memcpy(at, "\xde\x00\x04", 3); /* map 16 of four */
    at = put_str(at + 3, "id", 2);
    memcpy(at, "\xc4\x10", 2); /* bin 8 of sixteen */
    at += 2;
    for (int i = 0; i < 16; i++, at++)
        *at = sscanf(id.p + 2 * i, "%2x", &byte) == 1 ? (unsigned char)byte : 0;
    at = put_str(put_str(at, "url", 3), url.p, url.n);
    at = put_str(put_str(at, "final_url", 9), url.p, url.n);
    at = put_str(at, "outcome", 7);
    *at++ = 0x81;
    at = put_str(put_str(at, "code", 4), "ok", 2);
    forge(record, (size_t)(at - record));
}

static int has(trommel_str text, const char *mark)
{
    return text.p && memmem(text.p, text.n, mark, strlen(mark)) != NULL;
}

static uint32_t misbehave(trommel_ctx *ctx, trommel_page *page, trommel_str text)
{
    trommel_val v = { .type = TROMMEL_T_STR,
                      .n = 3,
                      .u.p = "a\xff"
                             "b" };

    if (has(text, "MARK-NULL"))
        die();
    if (has(text, "MARK-LOOP"))
        for (volatile int i = 0;; i++)
            ;
    if (has(text, "MARK-SLEEP"))
        for (;;)
            pause();
    if (has(text, "MARK-ALLOC"))
        allocate();
    if (has(text, "MARK-VERDICT"))
        return 0xdeadbeef;
    if (has(text, "MARK-UTF8") && host->put(page, 0, &v) != TROMMEL_E_INVALID)
        die();
    if (has(text, "MARK-SCRIBBLE"))
        scribble();
    if (has(text, "MARK-EXIT"))
        exit(7);
    if (has(text, "MARK-CLOSE"))
        for (int fd = 0; fd < 1024; fd++)
            close(fd);
    if (has(text, "MARK-TALK"))
        talk_nonsense();
    if (has(text, "MARK-FORGE"))
        forge("\xc0", 1);
    if (has(text, "MARK-THIN"))
        forge_thin(page);
    if (has(text, "MARK-LIE"))
        forge(golden, (size_t)(golden_end - golden));
    if (has(text, "MARK-FATAL"))
        return TROMMEL_FATAL;
    if (has(text, "MARK-RETRY"))
        return TROMMEL_RETRY;
    if (has(text, "MARK-DROP"))
        return TROMMEL_VERDICT(TROMMEL_DROP, 1);
    if (has(text, "MARK-STOP")) {
        while (!host->should_stop(page))
            ;
        return TROMMEL_RETRY;
    }
    if (has(text, "MARK-ERROR")) {
        host->fail(ctx, 0, "cannot read it", 14);
        return TROMMEL_VERDICT(TROMMEL_ERROR, 0);
    }
    if (has(text, "MARK-LOG"))
        for (int i = 0; i < 5000; i++)
            host->log(ctx, 1, "again \x1b[31m and again", 21);
    if (has(text, "MARK-STDERR"))
        fputs("a line on stderr\n", stderr);
    return TROMMEL_CONTINUE;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    const trommel_dom *dom = host->dom(page);
    trommel_str body = { 0 };
    trommel_val val = { .type = TROMMEL_T_STR };

    (void)self;
    for (uint32_t i = 0; i + 1 < dom->n_nodes; i++) {
        const trommel_node *node = TROMMEL_NODE(dom, i), *text = TROMMEL_NODE(dom, i + 1);
        if ((node->tag != TROMMEL_TAG_TITLE && node->tag != TROMMEL_TAG_P) || node->end == i + 1)
            continue;
        val.n = text->text_n;
        val.u.p = dom->strs + text->text;
        host->put(page, node->tag == TROMMEL_TAG_P, &val);
    }
    host->meta(page, TROMMEL_META_BODY, (trommel_str){ NULL, 0 }, &body);
    return body.n ? misbehave(ctx, page, body) : TROMMEL_CONTINUE;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "bad",
    .version = "1",
    .summary = "misbehaves on marked pages",
    .n_provides = TROMMEL_COUNT(provides),
    .provides = provides,
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .configure = configure,
    .process = process,
};
