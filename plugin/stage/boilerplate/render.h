/* render: the kept blocks as plain text and as Markdown. */
#ifndef TROMMEL_BOILERPLATE_RENDER_H
#define TROMMEL_BOILERPLATE_RENDER_H
#include "page.h"

/* A text that grows in the page's memory.  After an error (err) nothing more is added. */
struct out {
    const struct page *pg;
    char *p;
    size_t n, cap;
    int err;
};
void out_add(struct out *o, const char *p, size_t n);
/* Room for n more bytes at o->p + o->n; NULL after an error.  The caller adds what it used to o->n. */
char *out_room(struct out *o, size_t n);

/* Length of white space at p, 0 if there is none: ASCII's, no-break space, zero-width space and BOM. */
static inline __attribute__((unused)) unsigned render_space(const unsigned char *p, const unsigned char *end)
{
    if (*p <= ' ')
        return 1;
    if (*p == 0xc2 && end - p >= 2 && p[1] == 0xa0)
        return 2;
    if (*p == 0xe2 && end - p >= 3 && p[1] == 0x80 && p[2] == 0x8b)
        return 3;
    return *p == 0xef && end - p >= 3 && p[1] == 0xbb && p[2] == 0xbf ? 3 : 0;
}

/* keep: one byte a block; lines: every block is a line (plain text broken at a column).  Blocks are parted
 * by blank lines, rows of a table by newlines, its cells by tabs, items of a list by newlines; white space
 * is collapsed but in pre.  0 or TROMMEL_E_LIMIT. */
int render_text(const struct page *pg, const uint8_t *keep, int lines, struct out *ret);

/* Makes a URL absolute; nothing (n 0) if it can't be.  */
struct resolver {
    trommel_str (*resolve)(void *arg, trommel_str ref);
    void *arg;
};
/* GitHub's Markdown: headings, lists, links, images, tables, code, quotes, emphasis. */
int render_markdown(const struct page *pg, const uint8_t *keep, const struct resolver *r, struct out *ret);

/* How two kept blocks that follow each other hang together. */
enum join { JOIN_NONE, JOIN_CELL, JOIN_ROW, JOIN_SAME_CELL, JOIN_ITEM };
enum join render_join(const struct page *pg, const struct block *a, const struct block *b);

/* The nearest element at or above e with this tag; 0 if there is none. */
uint32_t render_above(const struct page *pg, uint32_t e, uint32_t tag);
#endif
