/* boilerplate: finds the main content of a page and gives it as text and Markdown.
 *
 * The page becomes blocks of text (page.c), each block a row of features (features.c), each row a
 * probability of being content (model.c: boosted trees), and the blocks with the highest expected F1 are
 * kept (decode.c).  What was kept is written out (render.c, markdown.c), and every link gets a kind
 * (links.c).  Plain text has rules of its own (plain.c).  One instance a worker. */
#include <trommel/names.h>
#include <trommel/stage.h>

#include "decode.h"
#include "features.h"
#include "links.h"
#include "model.h"
#include "plain.h"
#include "render.h"
#include "rules.h"

#define REPEAT_WORDS 6     /* exact repeats of so many words come out once */
#define PRECISE_CUT  0.6f  /* mode=precision: least probability of a kept block */
#define HEADING_P    0.1f  /* least probability of a heading that its neighbours keep */
#define PROSE_PERCENT 40   /* of the kept words that stand in one place: the page is about them */
#define LAST_LINK_WORDS 12
#define PROSE_WORDS   25 /* words of a first paragraph, at least */
#define FIRST_PART   6     /* one in so many trees comes first … */
#define FIRST_CUT    -2.f  /* … and settles what has a margin below this … */
#define SETTLED      -5.f  /* … to this one, which is usual for such blocks */
#define STEP_ROWS    1024u /* blocks between two looks at the time */

enum { NEED_LAYOUT };
static const trommel_port needs[] = {
    [NEED_LAYOUT] = { "layout.type", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
};

enum { PUT_TEXT, PUT_MARKDOWN, PUT_CONFIDENCE, PUT_WORDS, PUT_BLOCKS, PUT_NODES, PUT_KINDS };
static const trommel_port provides[] = {
    [PUT_TEXT] = { "content.text", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    [PUT_MARKDOWN] = { "content.markdown", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    [PUT_CONFIDENCE] = { "content.confidence", TROMMEL_T_F64, TROMMEL_PORT_RECORD },
    [PUT_WORDS] = { "content.words", TROMMEL_T_I64, TROMMEL_PORT_RECORD },
    [PUT_BLOCKS] = { "content.blocks", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    [PUT_NODES] = { "content.nodes", TROMMEL_T_NODE_U8, 0 },
    [PUT_KINDS] = { "links.kind", TROMMEL_T_NODE_U8, 0 },
};

enum { OPT_MODE, OPT_MARKDOWN, OPT_BLOCKS };
static const trommel_opt opts[] = {
    [OPT_MODE] = { "mode", TROMMEL_T_STR, 0, "default",
                   "What to weigh higher: both alike, or that nothing wrong is kept.",
                   "default|precision", 0, 0, NULL },
    [OPT_MARKDOWN] = { "markdown", TROMMEL_T_BOOL, 0, "true", "Also give the content as Markdown.",
                       NULL, 0, 0, NULL },
    [OPT_BLOCKS] = { "blocks", TROMMEL_T_BOOL, 0, "false",
                     "Also give the kept blocks one by one, with their probability.", NULL, 0, 0, NULL },
};

static struct {
    const trommel_host *host;
    const trommel_url_service *url;
    int precise, markdown, blocks;
    struct class_words words;
} stage;

/* One page's work. */
struct work {
    trommel_page *page;
    struct page pg;
    uint8_t *keep;      /* a byte a block */
    float *p;           /* a probability a block */
    uint8_t *content, *kind; /* a byte a node */
    trommel_str origin; /* of the base URL: "https://host" */
    float confidence;
    uint64_t words;
    int wrapped;        /* plain text broken at a column */
};

static void *page_mem_alloc(void *arg, size_t n)
{
    return stage.host->alloc(arg, n, 16);
}

static int page_mem_stop(void *arg)
{
    return stage.host->should_stop(arg) != 0;
}

/* ---- what is kept ------------------------------------------------------------------------------ */

static int repeats_drop(struct work *w)
{
    const struct page *pg = &w->pg;
    uint32_t n = 16;
    uint64_t *seen;

    while (n < 2 * pg->n_blocks)
        n *= 2;
    if (!(seen = page_alloc(pg, n, sizeof *seen)))
        return TROMMEL_E_LIMIT;
    memset(seen, 0, n * sizeof *seen);
    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        uint64_t key = pg->blocks[k].key | 1;
        uint32_t at = (uint32_t)(key >> 20) & (n - 1);
        if (!w->keep[k] || pg->blocks[k].size < REPEAT_WORDS)
            continue;
        while (seen[at] && seen[at] != key)
            at = (at + 1) & (n - 1);
        if (seen[at] == key)
            w->keep[k] = 0;
        seen[at] = key;
    }
    return 0;
}

/* Margins of all blocks.  A part of the trees settles the blocks that are furthest from content, which is
 * half of them; only the others see all trees. */
static int margins_make(struct work *w, uint8_t *rows)
{
    struct page *pg = &w->pg;
    struct trees first = block_model;
    uint32_t *left = page_alloc(pg, pg->n_blocks, sizeof *left), n = 0;
    float *margin = page_alloc(pg, pg->n_blocks, sizeof *margin);

    if (!left || !margin)
        return TROMMEL_E_LIMIT;
    first.n_trees = block_model.n_trees / FIRST_PART;
    trees_margins(&first, rows, pg->n_blocks, FEATURE_STRIDE, w->p);
    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        if (w->p[k] < FIRST_CUT) {
            w->p[k] = SETTLED;
            continue;
        }
        if (n != k)
            memcpy(rows + (size_t)n * FEATURE_STRIDE, rows + (size_t)k * FEATURE_STRIDE, FEATURE_STRIDE);
        left[n++] = k;
    }
    for (uint32_t k = 0; k < n; k += STEP_ROWS) {
        if (page_stop(pg))
            return TROMMEL_E_FAIL;
        trees_margins(&block_model, rows + (size_t)k * FEATURE_STRIDE, n - k < STEP_ROWS ? n - k : STEP_ROWS,
                      FEATURE_STRIDE, margin + k);
    }
    for (uint32_t k = 0; k < n; k++)
        w->p[left[k]] = margin[k];
    return 0;
}

static int is_article(struct work *w)
{
    trommel_val type;

    return stage.host->get(w->page, NEED_LAYOUT, &type) == TROMMEL_OK && type.type == TROMMEL_T_STR
           && type.n == 7 && !memcmp(type.u.p, "article", 7);
}

/* An article with its prose in one place has no content in runs of links elsewhere. */
static void elsewhere_drop(struct work *w)
{
    const struct page *pg = &w->pg;
    uint64_t all = 0, prose = 0;

    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        const struct block *b = &pg->blocks[k];
        if (!w->keep[k])
            continue;
        all += b->size;
        if (b->el >= pg->root && b->el < pg->els[pg->root].end)
            prose += b->size;
    }
    if (prose * 100 < all * PROSE_PERCENT)
        return;
    for (uint32_t k = 0; k < pg->n_blocks; k++)
        w->keep[k] = w->keep[k] && !rule_elsewhere(pg, k);
}

/* An article begins with its first paragraph: names and dates before it are not its text. */
static void bylines_drop(struct work *w)
{
    const struct page *pg = &w->pg;

    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        if (w->keep[k] && pg->blocks[k].size >= PROSE_WORDS)
            return;
        w->keep[k] = w->keep[k] && !rule_byline(pg, k);
    }
}

/* … and ends with its last: a lone link behind it leads elsewhere. */
static void last_link_drop(struct work *w)
{
    const struct page *pg = &w->pg;
    uint32_t k = pg->n_blocks;

    while (k > 0 && !w->keep[k - 1])
        k--;
    if (k > 1 && pg->blocks[k - 1].size <= LAST_LINK_WORDS && pg->blocks[k - 1].link_chars >= pg->blocks[k - 1].t.chars)
        w->keep[k - 1] = 0;
}

static int blocks_judge(struct work *w)
{
    struct page *pg = &w->pg;
    uint32_t *size = page_alloc(pg, pg->n_blocks, sizeof *size);
    int err = size ? 0 : TROMMEL_E_LIMIT, title = 0;
    uint8_t *rows;

    if (err || (err = features_make(pg, &rows)) || (err = margins_make(w, rows)))
        return err;
    for (uint32_t k = 0; k < pg->n_blocks; k++)
        size[k] = pg->blocks[k].size;
    decode_probabilities(w->p, pg->n_blocks);
    float cut = decode_cut(w->p, size, pg->n_blocks, &w->confidence);
    if (stage.precise && cut < PRECISE_CUT)
        cut = PRECISE_CUT;
    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        w->keep[k] = w->p[k] > cut && !rule_teaser(pg, k) && !rule_tags(pg, k);
        if (w->keep[k] && !title && rule_title(pg, k)) {
            w->keep[k] = 0;
            title = 1;
        }
    }
    for (uint32_t k = 1; k + 1 < pg->n_blocks; k++)
        if (!w->keep[k] && w->keep[k - 1] && w->keep[k + 1] && w->p[k] >= HEADING_P && rule_heading(pg, k))
            w->keep[k] = 1;
    if (is_article(w)) {
        elsewhere_drop(w);
        bylines_drop(w);
        last_link_drop(w);
    }
    return repeats_drop(w);
}

static int content_find(struct work *w)
{
    struct page *pg = &w->pg;

    w->keep = page_alloc(pg, pg->n_blocks, 1);
    w->p = page_alloc(pg, (size_t)pg->n_blocks + 1, sizeof *w->p);
    if (!w->keep || !w->p)
        return TROMMEL_E_LIMIT;
    if (pg->dom->flags & TROMMEL_DOM_PLAIN) {
        w->confidence = plain_keep(pg, w->keep, &w->wrapped);
        for (uint32_t k = 0; k < pg->n_blocks; k++)
            w->p[k] = w->keep[k] ? w->confidence : 1 - w->confidence;
        return 0;
    }
    return blocks_judge(w);
}

/* ---- what later stages take -------------------------------------------------------------------- */

static int nodes_mark(struct work *w)
{
    const struct page *pg = &w->pg;
    uint32_t n = pg->dom->n_nodes;

    w->content = page_alloc(pg, n, 1);
    w->kind = page_alloc(pg, n, 1);
    if (!w->content || !w->kind)
        return TROMMEL_E_LIMIT;
    memset(w->content, 0, n);
    memset(w->kind, 0, n);
    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        const struct block *b = &pg->blocks[k];
        if (!w->keep[k])
            continue;
        w->words += b->size;
        for (uint32_t i = b->first; i <= b->last; i++) {
            const trommel_node *x = TROMMEL_NODE(pg->dom, i);
            if (x->kind == TROMMEL_NODE_ELEMENT && sdk_props(pg->dom, x) & SDK_SKIP)
                i = x->end - 1;
            else
                w->content[i] = 1;
        }
    }
    links_judge(pg, w->content, w->kind);
    return 0;
}

/* ---- URLs in Markdown -------------------------------------------------------------------------- */

/* A URL whose characters need no work, so that the parser is asked about odd ones only. */
static int is_plain_url(trommel_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7f || strchr("\\\"<>`{}", c) || (c == '.' && i && s.p[i - 1] == '/'))
            return 0;
    }
    return 1;
}

static trommel_str url_resolve(void *arg, trommel_str ref)
{
    struct work *w = arg;
    trommel_str ret = { "", 0 };

    if (is_plain_url(ref)) {
        if (ref.n > 8 && (!memcmp(ref.p, "https://", 8) || !memcmp(ref.p, "http://", 7)))
            return ref;
        if (w->origin.n && ref.n && ref.p[0] == '/' && !(ref.n > 1 && ref.p[1] == '/')) {
            char *p = page_alloc(&w->pg, w->origin.n + ref.n, 1);
            if (!p)
                return ref;
            memcpy(p, w->origin.p, w->origin.n);
            memcpy(p + w->origin.n, ref.p, ref.n);
            return (trommel_str){ p, w->origin.n + ref.n };
        }
    }
    if (!stage.url || stage.url->resolve(w->page, ref, &ret) != TROMMEL_OK)
        return is_plain_url(ref) ? ref : (trommel_str){ "", 0 };
    return ret;
}

static trommel_str url_origin(trommel_str base)
{
    const char *p = base.n > 8 ? memchr(base.p + 8, '/', base.n - 8) : NULL;

    if (base.n <= 8 || memcmp(base.p, "http", 4))
        return (trommel_str){ "", 0 };
    return (trommel_str){ base.p, p ? (size_t)(p - base.p) : base.n };
}

/* ---- what goes into the record ----------------------------------------------------------------- */

static void pack_head(struct out *o, unsigned char kind, uint32_t n)
{
    unsigned char b[5] = { kind, (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
                           (unsigned char)n };
    out_add(o, (const char *)b, 5);
}

/* [[first node, words, probability in thousandths], …] of the kept blocks. */
static int blocks_put(struct work *w)
{
    const struct page *pg = &w->pg;
    struct out o = { .pg = pg };
    uint32_t n = 0;

    for (uint32_t k = 0; k < pg->n_blocks; k++)
        n += w->keep[k];
    pack_head(&o, 0xdd, n); /* array 32 */
    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        if (!w->keep[k])
            continue;
        out_add(&o, "\x93", 1); /* array of 3 */
        pack_head(&o, 0xce, pg->blocks[k].first);
        pack_head(&o, 0xce, pg->blocks[k].size);
        pack_head(&o, 0xce, (uint32_t)(w->p[k] * 1000));
    }
    trommel_val val = { .type = TROMMEL_T_MSGPACK, .n = o.n, .u.p = o.p };
    return o.err ? o.err : stage.host->put(w->page, PUT_BLOCKS, &val);
}

static int put_str(struct work *w, uint32_t port, const struct out *o)
{
    trommel_val val = { .type = TROMMEL_T_STR, .n = o->n, .u.p = o->p ? o->p : "" };

    return stage.host->put(w->page, port, &val);
}

static int put_nodes(struct work *w, uint32_t port, const uint8_t *bytes)
{
    trommel_val val = { .type = TROMMEL_T_NODE_U8, .n = w->pg.dom->n_nodes, .u.p = bytes };

    return stage.host->put(w->page, port, &val);
}

static int results_put(struct work *w)
{
    struct resolver r = { url_resolve, w };
    trommel_val confidence = { .type = TROMMEL_T_F64, .u.d = (double)w->confidence };
    trommel_val words = { .type = TROMMEL_T_I64, .u.i = (int64_t)w->words };
    struct out text, md;
    int err;

    if ((err = render_text(&w->pg, w->keep, w->wrapped, &text)) || (err = put_str(w, PUT_TEXT, &text)))
        return err;
    if (stage.markdown
        && ((err = render_markdown(&w->pg, w->keep, &r, &md)) || (err = put_str(w, PUT_MARKDOWN, &md))))
        return err;
    if (stage.blocks && (err = blocks_put(w)))
        return err;
    if ((err = stage.host->put(w->page, PUT_CONFIDENCE, &confidence))
        || (err = stage.host->put(w->page, PUT_WORDS, &words)) || (err = put_nodes(w, PUT_NODES, w->content)))
        return err;
    return put_nodes(w, PUT_KINDS, w->kind);
}

/* ---- the stage --------------------------------------------------------------------------------- */

enum { REASON_LIMIT };
static const char *const reasons[] = { [REASON_LIMIT] = "page_too_large" };

static int is_opt(trommel_ctx *ctx, uint32_t opt, const char *what)
{
    trommel_val val;

    if (stage.host->opt(ctx, opt, &val) != TROMMEL_OK)
        return 0;
    if (!what)
        return val.u.i != 0;
    return val.type == TROMMEL_T_STR && val.n == strlen(what) && !memcmp(val.u.p, what, val.n);
}

static int32_t configure(const trommel_host *h, trommel_ctx *ctx, void **ret_self)
{
    stage.host = h;
    stage.url = h->service ? h->service(ctx, TROMMEL_SERVICE_URL) : NULL;
    stage.precise = is_opt(ctx, OPT_MODE, "precision");
    stage.markdown = is_opt(ctx, OPT_MARKDOWN, NULL);
    stage.blocks = is_opt(ctx, OPT_BLOCKS, NULL);
    memset(&stage.words, 0, sizeof stage.words);
    class_words_init(&stage.words);
    return TROMMEL_OK;
}

static trommel_str page_meta(trommel_page *page, uint32_t what)
{
    trommel_str s;

    if (stage.host->meta(page, what, (trommel_str){ NULL, 0 }, &s) != TROMMEL_OK)
        s = (trommel_str){ "", 0 };
    return s;
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    struct page_mem mem = { page_mem_alloc, page_mem_stop, page };
    struct work w = { .page = page, .origin = url_origin(page_meta(page, TROMMEL_META_BASE_URL)) };
    const trommel_dom *dom = stage.host->dom(page);
    int err;

    if (!dom)
        return TROMMEL_CONTINUE;
    if ((err = page_read(&w.pg, dom, &mem, &stage.words)) == 0
        && (err = content_find(&w)) == 0 && (err = nodes_mark(&w)) == 0)
        err = results_put(&w);
    if (!err)
        return TROMMEL_CONTINUE;
    if (stage.host->should_stop(page))
        return TROMMEL_RETRY;
    static const char msg[] = "the page does not fit: its content is over the arena or a cap of the record";
    stage.host->fail(ctx, REASON_LIMIT, msg, sizeof msg - 1);
    return TROMMEL_VERDICT(TROMMEL_ERROR, REASON_LIMIT);
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "boilerplate",
    .version = "1.0.0",
    .summary = "Keeps a page's main content, as text and Markdown, and says what its links are for.",
    .license = "MIT",
    .flags = TROMMEL_F_PURE,
    .n_needs = TROMMEL_COUNT(needs),
    .needs = needs,
    .n_provides = TROMMEL_COUNT(provides),
    .provides = provides,
    .n_opts = TROMMEL_COUNT(opts),
    .opts = opts,
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .configure = configure,
    .process = process,
};
