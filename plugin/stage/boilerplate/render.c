/* render: plain text of the kept blocks.  A block is a run of nodes without block-level elements in it, so
 * each is one walk over its nodes; how two of them are parted follows from their elements. */
#include "render.h"

#define CELL_BLOCKS_MAX 4   /* a cell with more blocks or words is layout, not data */
#define CELL_WORDS_MAX  120

static int out_grow(struct out *o, size_t n)
{
    size_t cap = o->cap ? o->cap * 2 : 4096;

    while (cap < o->n + n)
        cap *= 2;
    char *grown = page_alloc(o->pg, cap, 1);
    if (!grown)
        return o->err = TROMMEL_E_LIMIT;
    if (o->n)
        memcpy(grown, o->p, o->n);
    o->p = grown;
    o->cap = cap;
    return 0;
}

char *out_room(struct out *o, size_t n)
{
    if (o->err || (o->n + n > o->cap && out_grow(o, n)))
        return NULL;
    return o->p + o->n;
}

void out_add(struct out *o, const char *p, size_t n)
{
    char *to = out_room(o, n);

    if (!to)
        return;
    memcpy(to, p, n);
    o->n += n;
}

/* ---- how blocks hang together ------------------------------------------------------------------ */

uint32_t render_above(const struct page *pg, uint32_t e, uint32_t tag)
{
    while (e && pg->els[e].tag != tag)
        e = pg->els[e].parent;
    return e;
}

/* The data cell that a block stands in, or 0. */
static uint32_t cell_of(const struct page *pg, const struct block *b)
{
    uint32_t e = b->el;

    if (!(b->inside & INSIDE_BIT(TD)))
        return 0;
    while (e && pg->els[e].tag != TROMMEL_TAG_TD && pg->els[e].tag != TROMMEL_TAG_TH)
        e = pg->els[e].parent;
    return e && pg->els[e].sums.blocks <= CELL_BLOCKS_MAX && pg->els[e].sums.words <= CELL_WORDS_MAX ? e : 0;
}

static int is_item(uint8_t tag)
{
    return tag == TROMMEL_TAG_LI || tag == TROMMEL_TAG_DT || tag == TROMMEL_TAG_DD;
}

enum join render_join(const struct page *pg, const struct block *a, const struct block *b)
{
    uint32_t from = cell_of(pg, a), to = from ? cell_of(pg, b) : 0;

    if (to) {
        if (from == to)
            return JOIN_SAME_CELL;
        uint32_t row = render_above(pg, from, TROMMEL_TAG_TR), other = render_above(pg, to, TROMMEL_TAG_TR);
        if (row == other)
            return JOIN_CELL;
        return render_above(pg, row, TROMMEL_TAG_TABLE) == render_above(pg, other, TROMMEL_TAG_TABLE)
                   ? JOIN_ROW : JOIN_NONE;
    }
    if (a->el != b->el && is_item(pg->els[a->el].tag) && is_item(pg->els[b->el].tag))
        return JOIN_ITEM;
    return JOIN_NONE;
}

/* ---- text -------------------------------------------------------------------------------------- */

/* Adds a text with its white space collapsed.  *space: white space is owed; line: where this block's line
 * began, so that none leads. */
static void add_collapsed(struct out *o, const char *text, size_t n, int *space, size_t line)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + n;
    char *to = out_room(o, n + 1), *from = to;
    int owed = *space, begun = o->n > line && o->p[o->n - 1] != '\n';

    if (!to)
        return;
    while (p < end) {
        unsigned w = *p > ' ' && *p < 0xc2 ? 0 : render_space(p, end);
        if (w) {
            owed = 1;
            p += w;
            continue;
        }
        if (owed && (begun || to > from))
            *to++ = ' ';
        owed = 0;
        do
            *to++ = (char)*p++;
        while (p < end && *p > ' ' && *p < 0xc2);
    }
    *space = owed;
    o->n += (size_t)(to - from);
}

static void add_block(struct out *o, const struct block *b)
{
    const trommel_dom *d = o->pg->dom;
    int space = 0, pre = (b->inside & INSIDE_BIT(PRE)) != 0;
    size_t begin = o->n, line = begin;

    for (uint32_t i = b->first; i <= b->last; i++) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        if (x->kind == TROMMEL_NODE_TEXT) {
            if (pre)
                out_add(o, d->strs + x->text, x->text_n);
            else
                add_collapsed(o, d->strs + x->text, x->text_n, &space, line);
        } else if (sdk_props(d, x) & SDK_SKIP) {
            i = x->end - 1;
        } else if (x->tag == TROMMEL_TAG_BR && o->n > begin) {
            out_add(o, "\n", 1);
            line = o->n;
            space = 0;
        }
    }
    while (o->n > begin && (unsigned char)o->p[o->n - 1] <= ' ')
        o->n--;
}

int render_text(const struct page *pg, const uint8_t *keep, int lines, struct out *ret)
{
    static const char *const parted[] = {
        [JOIN_NONE] = "\n\n", [JOIN_CELL] = "\t", [JOIN_ROW] = "\n", [JOIN_SAME_CELL] = " ",
        [JOIN_ITEM] = "\n",
    };
    const struct block *last = NULL;

    *ret = (struct out){ .pg = pg };
    for (uint32_t k = 0; k < pg->n_blocks && !ret->err; k++) {
        const struct block *b = &pg->blocks[k];
        if (!keep[k])
            continue;
        if (last) {
            const char *s = lines ? "\n" : parted[render_join(pg, last, b)];
            out_add(ret, s, strlen(s));
        }
        add_block(ret, b);
        last = b;
    }
    return ret->err;
}
