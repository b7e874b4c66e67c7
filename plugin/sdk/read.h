/* read: the text of a subtree as people read it, for stage authors.
 *
 *     trommel_str s;
 *     sdk_read(host, page, node, 4096, &s);      s lives in the page's arena
 *
 * What a browser would show with its default style sheet, as plain text:
 *   - White space is collapsed to one space and taken off the ends of lines.  The spaces of Unicode count,
 *     the no-break ones too; soft hyphens and zero-width spaces are left out.
 *   - Where a block begins or ends there is a line break, around p an empty line.  br is a line break.
 *     There is never more than one empty line.
 *   - Rows of a table are lines, their cells are parted by tabs, so empty cells keep their place.
 *   - pre, listing and xmp are verbatim.
 *   - Left out: script, style, head, template, noscript (what stands there is for those who have no
 *     scripts), svg, frames, form choices, players, canvas, a dialog that is not open, what has the
 *     attribute `hidden`, and what its own style attribute sets to display:none or visibility:hidden.  Style
 *     sheets are not read.
 *   - No words are glued: images, buttons, labels, fields and custom elements part words as a space does,
 *     and sub or sup part digits (10<sup>5</sup> is "10 5").
 * root itself is always read, whatever it is: so the text of a title or a script can be had.
 *
 * Time and memory go with the size of the subtree.  Nothing recurses.
 *
 * Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_SDK_READ_H
#define TROMMEL_SDK_READ_H
#include "walk.h"

/* What an element does to the text around it and in it. */
enum {
    SDK_READ_LINE = 1,     /* a line break before and behind */
    SDK_READ_EMPTY = 2,    /* … an empty line */
    SDK_READ_GAP = 4,      /* a space */
    SDK_READ_SKIP = 8,     /* its content is left out */
    SDK_READ_PRE = 16,     /* its content is verbatim */
    SDK_READ_BREAK = 32,   /* one more line break where it begins */
    SDK_READ_CELL = 64,    /* parted from the cell before by a tab */
    SDK_READ_DIGITS = 128, /* parts digits */
};

/* SDK_READ_* of an HTML element of that number, but for its attributes. */
SDK_INLINE unsigned sdk_read_tag(uint32_t tag)
{
    switch (tag) {
    case TROMMEL_TAG_P:
        return SDK_READ_LINE | SDK_READ_EMPTY;
    case TROMMEL_TAG_PRE:
    case TROMMEL_TAG_LISTING:
    case TROMMEL_TAG_XMP:
    case TROMMEL_TAG_PLAINTEXT:
        return SDK_READ_LINE | SDK_READ_PRE;
    case TROMMEL_TAG_BR:
        return SDK_READ_BREAK;
    case TROMMEL_TAG_TD:
    case TROMMEL_TAG_TH:
        return SDK_READ_CELL;
    case TROMMEL_TAG_SUB:
    case TROMMEL_TAG_SUP:
        return SDK_READ_DIGITS;
    case TROMMEL_TAG_IMG:
    case TROMMEL_TAG_INPUT:
    case TROMMEL_TAG_BUTTON:
    case TROMMEL_TAG_LABEL:
    case TROMMEL_TAG_OBJECT:
        return SDK_READ_GAP;
    case TROMMEL_TAG_SELECT:
    case TROMMEL_TAG_DATALIST:
    case TROMMEL_TAG_TEXTAREA:
    case TROMMEL_TAG_CANVAS:
    case TROMMEL_TAG_VIDEO:
    case TROMMEL_TAG_AUDIO:
    case TROMMEL_TAG_IFRAME:
    case TROMMEL_TAG_SVG:
        return SDK_READ_GAP | SDK_READ_SKIP;
    case TROMMEL_TAG_SCRIPT:
    case TROMMEL_TAG_STYLE:
    case TROMMEL_TAG_HEAD:
    case TROMMEL_TAG_TITLE:
    case TROMMEL_TAG_TEMPLATE:
    case TROMMEL_TAG_NOSCRIPT:
    case TROMMEL_TAG_NOFRAMES:
    case TROMMEL_TAG_NOEMBED:
        return SDK_READ_SKIP;
    case TROMMEL_TAG_OPTGROUP:
    case TROMMEL_TAG_OPTION: /* of a select that is read by itself */
        return SDK_READ_LINE;
    default:
        return sdk_tag_props(tag) & SDK_BLOCK ? SDK_READ_LINE : 0;
    }
}

/* Does a style attribute hide the element?  Declarations are read as they come, without comments. */
SDK_INLINE int sdk_style_hides(trommel_str style)
{
    static const char *const hides[] = { "display:none", "visibility:hidden", "visibility:collapse" };
    char word[24];
    size_t n = 0, at = 0;

    for (; at <= style.n; at++) {
        char c = at < style.n ? style.p[at] : ';';
        if (c == ';' || c == '!') {
            for (unsigned k = 0; k < 3; k++)
                if (n == strlen(hides[k]) && !memcmp(word, hides[k], n))
                    return 1;
            n = c == ';' ? 0 : sizeof word;
        } else if (!sdk_is_space(c) && n < sizeof word) {
            word[n++] = (char)sdk_lower(c); /* full: too long to be one of these */
        }
    }
    return 0;
}

SDK_INLINE int sdk_is_hidden(const trommel_dom *d, uint32_t i)
{
    const trommel_node *x = TROMMEL_NODE(d, i);
    int open = 0;

    for (uint32_t k = 0; k < x->attr_n; k++) {
        const trommel_attr *a = TROMMEL_ATTR(d, x->attr + k);
        if (a->key == TROMMEL_A_HIDDEN ||
            (a->key == TROMMEL_A_STYLE && sdk_style_hides(sdk_str(d->strs + a->val, a->val_n))))
            return 1;
        open |= a->key == TROMMEL_A_OPEN;
    }
    return !open && sdk_is(d, i, TROMMEL_TAG_DIALOG);
}

/* SDK_READ_* of an element, but for its attributes. */
SDK_INLINE unsigned sdk_read_props(const trommel_dom *d, uint32_t i)
{
    const trommel_node *x = TROMMEL_NODE(d, i);

    if (x->ns == TROMMEL_NS_SVG)
        return SDK_READ_GAP | SDK_READ_SKIP;
    if (x->ns != TROMMEL_NS_HTML) /* formulas are read, their source beside them is not */
        return x->tag == TROMMEL_TAG_ANNOTATION || x->tag == TROMMEL_TAG_ANNOTATION_XML ? SDK_READ_SKIP : 0;
    if (x->tag)
        return sdk_read_tag(x->tag);
    return sdk_props(d, x) & SDK_BLOCK ? SDK_READ_GAP : 0;
}

struct sdk_reader {
    const trommel_dom *d;
    char *out;
    size_t n, max;
    unsigned lines, tabs, space, digits; /* what stands before the next character that is seen */
    unsigned pre;                        /* open elements that are verbatim */
    int fresh;                           /* a cell has begun and nothing was seen in it */
    uint32_t seen;                       /* the last text node that gave something */
    uint32_t skipped;                    /* the last element whose content was left out … */
    unsigned skipped_props;              /* … and what it does all the same */
    int cut;
};

/* Writes bytes that belong together, or none of them. */
SDK_INLINE void sdk_reader_put(struct sdk_reader *r, const char *p, size_t n)
{
    if (r->cut || n > r->max - r->n) {
        r->cut = 1;
        return;
    }
    memcpy(r->out + r->n, p, n);
    r->n += n;
}

/* What is due before the next character, whose first byte is `next`. */
SDK_INLINE void sdk_reader_due(struct sdk_reader *r, char next)
{
    unsigned there = 0;

    if (r->n) {
        while (there < r->n && there < 2 && r->out[r->n - 1 - there] == '\n')
            there++;
        for (; there < r->lines; there++)
            sdk_reader_put(r, "\n", 1);
        if (r->digits && next >= '0' && next <= '9' && r->out[r->n - 1] >= '0' && r->out[r->n - 1] <= '9')
            r->space = 1;
    }
    for (unsigned k = 0; k < r->tabs; k++)
        sdk_reader_put(r, "\t", 1);
    if (r->space && r->n && !r->lines && !r->tabs)
        sdk_reader_put(r, " ", 1);
    r->lines = r->tabs = r->space = r->digits = 0;
    r->fresh = 0;
}

/* Writes what fits of p, to a border of characters. */
SDK_INLINE void sdk_reader_fit(struct sdk_reader *r, const char *p, size_t n)
{
    size_t room = r->max - r->n;

    if (n <= room) {
        sdk_reader_put(r, p, n);
        return;
    }
    while (room && ((unsigned char)p[room] & 0xc0) == 0x80)
        room--;
    sdk_reader_put(r, p, room);
    r->cut = 1;
}

/* Where words end that begin at `at` and have one space between each other. */
SDK_INLINE size_t sdk_words_over(trommel_str s, size_t at)
{
    int drop;

    for (;;) {
        while (at < s.n && s.p[at] > ' ') /* ASCII, most of all text */
            at++;
        if (at + 1 < s.n && s.p[at] == ' ' && s.p[at + 1] > ' ')
            at++;
        else if (at == s.n || sdk_space_at(s.p + at, s.n - at, &drop))
            return at;
        else
            at++;
    }
}

/* A piece of text with its white space collapsed. */
SDK_INLINE void sdk_reader_text(struct sdk_reader *r, uint32_t i, trommel_str s)
{
    size_t at = 0;

    while (at < s.n && !r->cut) {
        int drop;
        size_t from = at, space = sdk_space_at(s.p + at, s.n - at, &drop);
        if (space) {
            r->space |= !drop;
            at += space;
            continue;
        }
        at = sdk_words_over(s, at);
        sdk_reader_due(r, s.p[from]);
        sdk_reader_fit(r, s.p + from, at - from);
        r->seen = i;
    }
}

SDK_INLINE void sdk_reader_verbatim(struct sdk_reader *r, uint32_t i, trommel_str s)
{
    if (!s.n)
        return;
    sdk_reader_due(r, s.p[0]);
    sdk_reader_fit(r, s.p, s.n);
    r->seen = i;
}

SDK_INLINE void sdk_reader_border(struct sdk_reader *r, unsigned props)
{
    unsigned lines = props & SDK_READ_EMPTY ? 2 : props & SDK_READ_LINE ? 1 : 0;

    if (lines > r->lines && !r->fresh) /* a cell's first block begins where the cell does */
        r->lines = lines;
    if (props & SDK_READ_GAP)
        r->space = 1;
    if (props & SDK_READ_DIGITS)
        r->digits = 1;
}

SDK_INLINE void sdk_reader_open(struct sdk_reader *r, uint32_t i, unsigned props)
{
    uint32_t row = sdk_parent(r->d, i);

    sdk_reader_border(r, props);
    if (props & SDK_READ_BREAK && r->lines < 2 && !r->fresh)
        r->lines++;
    if (props & SDK_READ_PRE)
        r->pre++;
    if (!(props & SDK_READ_CELL))
        return;
    if (sdk_child_element(r->d, row) != i)
        r->tabs++;
    r->fresh = 1;
}

SDK_INLINE void sdk_reader_shut(struct sdk_reader *r, uint32_t i)
{
    unsigned props = i == r->skipped ? r->skipped_props : sdk_read_props(r->d, i);

    if (props & SDK_READ_CELL && r->seen != TROMMEL_NONE && r->seen > i)
        r->lines = 0; /* the row goes on behind the cell's last block */
    if (props & SDK_READ_CELL)
        r->fresh = 0;
    if (sdk_is(r->d, i, TROMMEL_TAG_TR))
        r->tabs = 0; /* of empty cells at its end */
    sdk_reader_border(r, props);
    if (props & SDK_READ_PRE)
        r->pre--;
}

/* Closes what ended between the node visited last and one whose parent is `up`. */
SDK_INLINE void sdk_reader_close(struct sdk_reader *r, uint32_t last, uint32_t up)
{
    for (uint32_t k = last; k != up; k = TROMMEL_NODE(r->d, k)->parent)
        if (TROMMEL_NODE(r->d, k)->kind == TROMMEL_NODE_ELEMENT)
            sdk_reader_shut(r, k);
}

SDK_INLINE void sdk_reader_walk(struct sdk_reader *r, uint32_t root)
{
    uint32_t end = sdk_end(r->d, root), last = root;

    for (uint32_t i = root + 1; i < end && !r->cut; i++) {
        const trommel_node *x = TROMMEL_NODE(r->d, i);
        sdk_reader_close(r, last, x->parent);
        last = i;
        if (x->kind == TROMMEL_NODE_TEXT) {
            if (r->pre)
                sdk_reader_verbatim(r, i, sdk_text_of(r->d, i));
            else
                sdk_reader_text(r, i, sdk_text_of(r->d, i));
            continue;
        }
        unsigned props = sdk_read_props(r->d, i);
        if (sdk_is_hidden(r->d, i))
            props = SDK_READ_SKIP;
        if (props & SDK_READ_SKIP) {
            props &= SDK_READ_GAP;
            r->skipped = i;
            r->skipped_props = props;
            i = sdk_last(r->d, i);
        }
        sdk_reader_open(r, last, props);
    }
}

/* At most so many bytes can come of it. */
SDK_INLINE size_t sdk_reader_most(const trommel_dom *d, uint32_t root)
{
    size_t most = 0;
    uint32_t end = sdk_end(d, root);

    for (uint32_t i = root; i < end; i++)
        most += TROMMEL_NODE(d, i)->kind == TROMMEL_NODE_TEXT ? TROMMEL_NODE(d, i)->text_n + 3u : 1u;
    return most;
}

/* The text of root's subtree (of a text node: its own), at most max bytes, in the page's arena.  TROMMEL_OK;
 * TROMMEL_E_LIMIT: there was more (or the arena is spent), *ret is the beginning.  An empty text has n = 0.
 */
SDK_INLINE int32_t sdk_read(const trommel_host *host, trommel_page *page, uint32_t root, size_t max,
                            trommel_str *ret)
{
    struct sdk_reader r;

    memset(&r, 0, sizeof r);
    *ret = sdk_str("", 0);
    r.d = host->dom(page);
    r.seen = r.skipped = TROMMEL_NONE;
    r.max = sdk_reader_most(r.d, root);
    if (r.max > max)
        r.max = max;
    if (root >= r.d->n_nodes || !r.max)
        return max ? TROMMEL_OK : TROMMEL_E_LIMIT;
    r.out = (char *)host->alloc(page, r.max, 1);
    if (!r.out)
        return TROMMEL_E_LIMIT;
    for (uint32_t k = root; k != TROMMEL_NONE; k = sdk_parent(r.d, k))
        if (TROMMEL_NODE(r.d, k)->kind == TROMMEL_NODE_ELEMENT && sdk_read_props(r.d, k) & SDK_READ_PRE)
            r.pre++;
    if (TROMMEL_NODE(r.d, root)->kind == TROMMEL_NODE_TEXT && r.pre)
        sdk_reader_verbatim(&r, root, sdk_text_of(r.d, root));
    else if (TROMMEL_NODE(r.d, root)->kind == TROMMEL_NODE_TEXT)
        sdk_reader_text(&r, root, sdk_text_of(r.d, root));
    else
        sdk_reader_walk(&r, root);
    while (r.cut && r.n && sdk_is_space(r.out[r.n - 1]))
        r.n--;
    *ret = sdk_str(r.out, r.n);
    return r.cut ? TROMMEL_E_LIMIT : TROMMEL_OK;
}
#endif
