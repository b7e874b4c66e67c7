/* markdown: the kept blocks in GitHub's Markdown, by the same walk as the plain text.
 *
 * A block has a prefix for each of its lines (quotes, the indent of its list item) and one for its first
 * (heading, bullet).  Inline markers are written late: an opening one with the first character behind it, a
 * closing one before owed white space, so that "<b> x </b>" becomes " **x** " and empty ones vanish. */
#include "render.h"

#include <stdio.h>

#define OPEN_MAX   16  /* nested inline elements with a marker; deeper ones are plain */
#define PREFIX_MAX 128 /* bytes of a line's prefix */

struct open {
    uint32_t end;      /* the node where it closes */
    uint32_t node;
    char mark[3];      /* "**", "*", "`", "~~", "[" */
    uint8_t written;
};

struct writer {
    struct out *o;
    const struct resolver *r;
    struct open open[OPEN_MAX];
    unsigned n_open;
    int space;         /* owed */
    int line_start;    /* nothing stands on this line yet */
    int in_cell;       /* a table's cell: no line breaks, pipes escaped */
    char prefix[PREFIX_MAX];
    size_t prefix_n;
};

static void put(struct writer *w, const char *s)
{
    out_add(w->o, s, strlen(s));
}

/* ---- inline ------------------------------------------------------------------------------------ */

/* Before a character: owed space, then opening markers that wait. */
static void owed(struct writer *w)
{
    if (w->space && !w->line_start)
        put(w, " ");
    w->space = 0;
    w->line_start = 0;
    for (unsigned i = 0; i < w->n_open; i++)
        if (!w->open[i].written) {
            put(w, w->open[i].mark);
            w->open[i].written = 1;
        }
}

static int in_code(const struct writer *w)
{
    for (unsigned i = 0; i < w->n_open; i++)
        if (w->open[i].mark[0] == '`')
            return 1;
    return 0;
}

/* Characters that may need work: 1 white space or its first byte, 2 special anywhere, 3 at a line's start or
 * in a cell. */
static const uint8_t special[256] = {
    [0 ... ' '] = 1, [0xc2] = 1, [0xe2] = 1, [0xef] = 1,
    ['\\'] = 2, ['`'] = 2, ['*'] = 2, ['['] = 2, [']'] = 2, ['<'] = 2,
    ['_'] = 3, ['#'] = 3, ['>'] = 3, ['-'] = 3, ['+'] = 3, ['|'] = 3,
};

/* Does this character of class 2 or 3 need a backslash?  start: it begins a line. */
static int is_special(unsigned char c, unsigned char next, int start, int cell)
{
    switch (c) {
    case '_': case '#': case '>':
        return start;
    case '-': case '+':
        return start && next <= ' ';
    case '|':
        return cell;
    default:
        return 1;
    }
}

/* A run without white space: copied, with backslashes.  Gives its end. */
static const unsigned char *add_run(struct writer *w, const unsigned char *p, const unsigned char *end,
                                    int start, int code)
{
    const unsigned char *from = p;
    char *to = out_room(w->o, 2 * (size_t)(end - p)), *begin = to;

    if (!to)
        return end;
    for (; p < end; p++) {
        unsigned cls = special[*p];
        if (cls == 1 && render_space(p, end))
            break;
        if (cls > 1 && !code && is_special(*p, p + 1 < end ? p[1] : ' ', start && p == from, w->in_cell))
            *to++ = '\\';
        *to++ = (char)*p;
    }
    w->o->n += (size_t)(to - begin);
    return p;
}

static void add_text(struct writer *w, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + n;
    int code = in_code(w);

    while (p < end) {
        unsigned gap = special[*p] == 1 ? render_space(p, end) : 0;
        if (gap) {
            w->space = 1;
            p += gap;
            continue;
        }
        int start = w->line_start;
        if (w->space || start || w->n_open)
            owed(w);
        p = add_run(w, p, end, start, code);
    }
}

static void new_line(struct writer *w, const char *how)
{
    if (w->in_cell) {
        w->space = 1;
        return;
    }
    put(w, how);
    out_add(w->o, w->prefix, w->prefix_n);
    w->line_start = 1;
    w->space = 0;
}

static void add_url(struct writer *w, trommel_str ref)
{
    trommel_str url = w->r->resolve(w->r->arg, ref);
    int odd = 0;

    for (size_t i = 0; i < url.n; i++)
        odd |= url.p[i] == '(' || url.p[i] == ')';
    put(w, odd ? "(<" : "(");
    out_add(w->o, url.p, url.n);
    put(w, odd ? ">)" : ")");
}

static void close_one(struct writer *w)
{
    const struct open *x = &w->open[--w->n_open];

    if (!x->written)
        return;
    if (x->mark[0] != '[') {
        put(w, x->mark);
        return;
    }
    put(w, "]");
    add_url(w, sdk_attr_str(w->o->pg->dom, TROMMEL_NODE(w->o->pg->dom, x->node), TROMMEL_A_HREF));
}

static void close_to(struct writer *w, uint32_t node)
{
    while (w->n_open && w->open[w->n_open - 1].end <= node)
        close_one(w);
}

static const char *mark_of(const trommel_dom *d, const trommel_node *x)
{
    switch (x->tag) {
    case TROMMEL_TAG_STRONG: case TROMMEL_TAG_B:
        return "**";
    case TROMMEL_TAG_EM: case TROMMEL_TAG_I:
        return "*";
    case TROMMEL_TAG_CODE: case TROMMEL_TAG_KBD: case TROMMEL_TAG_SAMP: case TROMMEL_TAG_TT:
        return "`";
    case TROMMEL_TAG_DEL: case TROMMEL_TAG_S: case TROMMEL_TAG_STRIKE:
        return "~~";
    case TROMMEL_TAG_A: {
        trommel_str href = sdk_attr_str(d, x, TROMMEL_A_HREF);
        int script = href.n > 11 && !memcmp(href.p, "javascript:", 11);
        return href.n && href.p[0] != '#' && !script ? "[" : NULL;
    }
    default:
        return NULL;
    }
}

static void open_one(struct writer *w, uint32_t i, const trommel_node *x)
{
    const char *mark = mark_of(w->o->pg->dom, x);

    if (!mark || w->n_open == OPEN_MAX)
        return;
    for (unsigned k = 0; k < w->n_open; k++) /* no marker in code, none twice */
        if (w->open[k].mark[0] == '`' || !strcmp(w->open[k].mark, mark))
            return;
    struct open *o = &w->open[w->n_open++];
    *o = (struct open){ .end = x->end, .node = i };
    memcpy(o->mark, mark, strlen(mark) + 1);
}

static void add_image(struct writer *w, const trommel_node *x)
{
    const trommel_dom *d = w->o->pg->dom;
    static const uint32_t keys[] = { TROMMEL_A_SRC, TROMMEL_A_DATA_SRC, TROMMEL_A_DATA_ORIGINAL,
                                     TROMMEL_A_DATA_LAZY_SRC };
    trommel_str alt = sdk_attr_str(d, x, TROMMEL_A_ALT), src = { "", 0 };

    for (unsigned i = 0; i < 4 && !(src.n && (src.n < 5 || memcmp(src.p, "data:", 5))); i++)
        src = sdk_attr_str(d, x, keys[i]);
    if (!src.n || (src.n >= 5 && !memcmp(src.p, "data:", 5)) || in_code(w))
        return;
    owed(w);
    put(w, "![");
    int space = w->space;
    add_text(w, alt.p, alt.n);
    w->space = space;
    put(w, "]");
    add_url(w, src);
}

/* Inline elements between the block's element (or a link around it) and its first text. */
static void open_around(struct writer *w, const struct block *b)
{
    const trommel_dom *d = w->o->pg->dom;
    uint32_t chain[64], n = 0, el = w->o->pg->els[b->el].node;
    int above = (w->o->pg->els[b->el].inside & INSIDE_BIT(A)) != 0;
    uint32_t i = TROMMEL_NODE(d, b->first)->parent;

    for (; i != TROMMEL_NONE && i && n < 64 && (i > el || above); i = TROMMEL_NODE(d, i)->parent) {
        if (i > el || TROMMEL_NODE(d, i)->tag == TROMMEL_TAG_A)
            chain[n++] = i;
        above = above && !(i <= el && TROMMEL_NODE(d, i)->tag == TROMMEL_TAG_A);
    }
    while (n--)
        open_one(w, chain[n], TROMMEL_NODE(d, chain[n]));
}

static void add_inline(struct writer *w, const struct block *b)
{
    const trommel_dom *d = w->o->pg->dom;

    open_around(w, b);
    for (uint32_t i = b->first; i <= b->last && !w->o->err; i++) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        close_to(w, i);
        if (x->kind == TROMMEL_NODE_TEXT)
            add_text(w, d->strs + x->text, x->text_n);
        else if (sdk_props(d, x) & SDK_SKIP)
            i = x->end - 1;
        else if (x->tag == TROMMEL_TAG_BR && !w->line_start && !w->n_open)
            new_line(w, "  \n");
        else if (x->tag == TROMMEL_TAG_BR)
            w->space = 1;
        else if (x->tag == TROMMEL_TAG_IMG)
            add_image(w, x);
        else
            open_one(w, i, x);
    }
    while (w->n_open)
        close_one(w);
    w->space = 0;
}

/* ---- code -------------------------------------------------------------------------------------- */

/* A fence longer than any run of backticks in the text. */
static unsigned fence_length(const trommel_dom *d, const struct block *b)
{
    unsigned run = 0, longest = 2;

    for (uint32_t i = b->first; i <= b->last; i++) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        for (uint32_t k = 0; x->kind == TROMMEL_NODE_TEXT && k < x->text_n; k++) {
            run = d->strs[x->text + k] == '`' ? run + 1 : 0;
            longest = run > longest ? run : longest;
        }
    }
    return longest + 1 < 100 ? longest + 1 : 100;
}

static void add_code_text(struct writer *w, const char *s, size_t n)
{
    while (n) {
        const char *nl = memchr(s, '\n', n);
        size_t len = nl ? (size_t)(nl - s) : n;
        out_add(w->o, s, len);
        if (!nl)
            return;
        put(w, "\n");
        out_add(w->o, w->prefix, w->prefix_n);
        s += len + 1;
        n -= len + 1;
    }
}

static void add_code(struct writer *w, const struct block *b)
{
    const trommel_dom *d = w->o->pg->dom;
    unsigned fence = fence_length(d, b);
    char ticks[101];

    memset(ticks, '`', fence);
    ticks[fence] = 0;
    put(w, ticks);
    put(w, "\n");
    out_add(w->o, w->prefix, w->prefix_n);
    size_t from = w->o->n;
    for (uint32_t i = b->first; i <= b->last; i++) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        if (x->kind == TROMMEL_NODE_TEXT)
            add_code_text(w, d->strs + x->text, x->text_n);
        else if (x->tag == TROMMEL_TAG_BR)
            add_code_text(w, "\n", 1);
    }
    while (w->o->n > from && (unsigned char)w->o->p[w->o->n - 1] <= ' ')
        w->o->n--;
    put(w, "\n");
    out_add(w->o, w->prefix, w->prefix_n);
    put(w, ticks);
}

/* ---- blocks ------------------------------------------------------------------------------------ */

static void prefix_add(struct writer *w, const char *s)
{
    size_t n = strlen(s);

    if (w->prefix_n + n < PREFIX_MAX) {
        memcpy(w->prefix + w->prefix_n, s, n);
        w->prefix_n += n;
    }
}

/* An item's number in its ordered list, by look-alike: children before it. */
static uint32_t item_number(const struct page *pg, uint32_t li)
{
    return pg->els[li].sib + 1;
}

/* Sets w->prefix and writes what stands before the block's first character. */
static void add_prefix(struct writer *w, const struct block *b, uint32_t *last_item)
{
    const struct page *pg = w->o->pg;
    uint32_t quotes = 0, lists = 0, item = 0;
    char first[16] = "";

    w->prefix_n = 0;
    for (uint32_t e = b->el; e; e = pg->els[e].parent) {
        uint8_t tag = pg->els[e].tag;
        quotes += tag == TROMMEL_TAG_BLOCKQUOTE;
        lists += tag == TROMMEL_TAG_UL || tag == TROMMEL_TAG_OL;
        if (!item && tag == TROMMEL_TAG_LI)
            item = e;
    }
    for (uint32_t i = 0; i < quotes && i < 8; i++)
        prefix_add(w, "> ");
    for (uint32_t i = 1; i < lists && i < 12 && item; i++)
        prefix_add(w, "    ");
    out_add(w->o, w->prefix, w->prefix_n);
    if (item && lists) {
        if (item != *last_item && pg->els[pg->els[item].parent].tag == TROMMEL_TAG_OL)
            snprintf(first, sizeof first, "%u. ", item_number(pg, item));
        else
            snprintf(first, sizeof first, "%s", item != *last_item ? "- " : "    ");
        put(w, first);
        prefix_add(w, "    ");
    }
    *last_item = item;
    unsigned h = b->inside & INSIDE_HEADINGS
                     ? 1 + (unsigned)__builtin_ctzll((b->inside & INSIDE_HEADINGS) >> INSIDE_H1) : 0;
    for (unsigned i = 0; i < h; i++)
        put(w, "#");
    if (h)
        put(w, " ");
}

/* Images that stand between two kept neighbours, each as a paragraph.  *at: the next image. */
static void add_images(struct writer *w, uint32_t k, int wanted, uint32_t *at)
{
    const struct page *pg = w->o->pg;

    for (; *at < pg->n_images && pg->images[2 * *at + 1] <= k; ++*at) {
        uint32_t node = pg->images[2 * *at];
        int inside = pg->images[2 * *at + 1] && node < pg->blocks[pg->images[2 * *at + 1] - 1].last;
        const trommel_node *x = TROMMEL_NODE(pg->dom, node);
        if (!wanted || inside || !sdk_attr_str(pg->dom, x, TROMMEL_A_ALT).n)
            continue;
        w->prefix_n = 0;
        size_t from = w->o->n;
        if (from)
            put(w, "\n\n");
        w->line_start = 1;
        size_t begin = w->o->n;
        add_image(w, x);
        if (w->o->n == begin)
            w->o->n = from;
    }
}

static uint32_t row_cells(const struct page *pg, const uint8_t *keep, uint32_t k)
{
    uint32_t n = 1;

    for (uint32_t i = k, last = k; i + 1 < pg->n_blocks && n < 64; i++) {
        if (!keep[i + 1])
            continue;
        enum join j = render_join(pg, &pg->blocks[last], &pg->blocks[i + 1]);
        if (j != JOIN_CELL && j != JOIN_SAME_CELL)
            break;
        n += j == JOIN_CELL;
        last = i + 1;
    }
    return n;
}

/* What parts a block from the one before; table: cells of its first row, 0 outside tables. */
static void add_border(struct writer *w, enum join join, uint32_t *table, int row_begins)
{
    switch (join) {
    case JOIN_CELL:
        put(w, " | ");
        break;
    case JOIN_SAME_CELL:
        put(w, " ");
        break;
    case JOIN_ROW:
        put(w, " |\n");
        if (*table) {
            for (uint32_t i = 0; i < *table; i++)
                put(w, i ? " --- |" : "| --- |");
            put(w, "\n");
            *table = 0;
        }
        put(w, "| ");
        break;
    default:
        if (w->in_cell)
            put(w, " |");
        if (w->o->n)
            put(w, join == JOIN_ITEM ? "\n" : "\n\n");
        if (row_begins)
            put(w, "| ");
    }
}

/* Does a data table with two cells or rows begin at block k? */
static int table_begins(const struct page *pg, const uint8_t *keep, uint32_t k)
{
    if (!(pg->blocks[k].inside & INSIDE_BIT(TD)))
        return 0;
    for (uint32_t i = k + 1; i < pg->n_blocks && i < k + 64; i++)
        if (keep[i]) {
            enum join j = render_join(pg, &pg->blocks[k], &pg->blocks[i]);
            return j == JOIN_CELL || j == JOIN_ROW;
        }
    return 0;
}

int render_markdown(const struct page *pg, const uint8_t *keep, const struct resolver *r, struct out *ret)
{
    struct writer w = { .o = ret, .r = r };
    uint32_t last = TROMMEL_NONE, item = 0, image = 0, table = 0;

    *ret = (struct out){ .pg = pg };
    for (uint32_t k = 0; k < pg->n_blocks && !ret->err; k++) {
        const struct block *b = &pg->blocks[k];
        add_images(&w, k, keep[k] && last != TROMMEL_NONE && last + 1 == k && !w.in_cell, &image);
        if (!keep[k])
            continue;
        enum join join = last == TROMMEL_NONE ? JOIN_NONE : render_join(pg, &pg->blocks[last], b);
        int in_table = w.in_cell && join != JOIN_NONE && join != JOIN_ITEM;
        int begins = !in_table && table_begins(pg, keep, k);
        if (begins)
            table = row_cells(pg, keep, k);
        add_border(&w, in_table || join == JOIN_ITEM ? join : JOIN_NONE, &table, begins);
        w.in_cell = in_table || begins;
        w.line_start = 1;
        w.prefix_n = 0;
        if (!w.in_cell)
            add_prefix(&w, b, &item);
        if ((b->inside & INSIDE_BIT(PRE)) && !w.in_cell)
            add_code(&w, b);
        else
            add_inline(&w, b);
        last = k;
    }
    if (w.in_cell)
        put(&w, " |");
    return ret->err;
}
