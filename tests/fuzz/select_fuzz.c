/* select_fuzz: the first line of an input is a selector, the rest a page.  Compiling gives a selector or a
 * mistake with its place; what a walk finds is what asking element by element finds, from every root; the
 * text of what is found is bounded and, like sdk_amount over it, reads nothing that is not there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <trommel/sdk/amount.h>
#include <trommel/sdk/read.h>
#include <trommel/sdk/select.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "parse/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ROOTS = 16, TEXT_MAX = 512 };

static struct {
    struct parse *parse;
    struct arena arena;
    struct parse_output out;
} the;

static void *page_alloc(trommel_page *p, size_t n, size_t align)
{
    (void)p;
    return arena_alloc(&the.arena, n, align);
}

static const trommel_dom *page_dom(trommel_page *p)
{
    (void)p;
    return &the.out.dom;
}

static const trommel_host host = { .struct_size = sizeof host, .alloc = page_alloc, .dom = page_dom };

static void must(int ok)
{
    if (!ok)
        abort();
}

static void text_check(uint32_t i)
{
    struct sdk_money m;
    trommel_str s;
    int32_t rc = sdk_read(&host, NULL, i, TEXT_MAX, &s);

    must((rc == TROMMEL_OK || rc == TROMMEL_E_LIMIT) && s.n <= TEXT_MAX);
    must(utf8_valid((const unsigned char *)s.p, s.n) == s.n);
    rc = sdk_amount(s, &m);
    must((rc == TROMMEL_OK) == (m.value[0] != 0));
}

/* From one root: in document order, inside it, and each once. */
static void walk_check(const struct sdk_select *sel, uint32_t root, int ask)
{
    const trommel_dom *d = &the.out.dom;
    uint32_t at = root;

    SDK_EACH_MATCH(sel, d, root, i) {
        must(i > at && i < TROMMEL_NODE(d, root)->end && TROMMEL_NODE(d, i)->kind == TROMMEL_NODE_ELEMENT);
        for (at++; ask && at < i; at++)
            must(TROMMEL_NODE(d, at)->flags & TROMMEL_NODE_F_TEMPLATE || !sdk_select_is(sel, d, at));
        must(!ask || sdk_select_is(sel, d, i));
        at = i;
        text_check(i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct parse_limits limits = { 64 * KIB, LIMIT_DECODE_RATIO, LIMIT_DECODE_FREE, 2000, 64 };
    static struct sdk_select sel;
    const uint8_t *line = n ? memchr(data, '\n', n) : NULL;
    size_t head = line ? (size_t)(line - data) : n, body = line ? n - head - 1 : 0;
    struct parse_input in = { .content_type = { "text/html;charset=utf-8", 23 } };

    if (sdk_select_compile(&sel, (const char *)data, head) != TROMMEL_OK) {
        must(sel.error && sel.error_at <= head && !sel.ends);
        return 0;
    }
    must(!sel.error && sel.ends && sel.n_compounds);
    if (!the.parse)
        must((the.parse = parse_new(&limits)) != NULL);
    arena_init(&the.arena, 64 * MIB);
    in.body = (trommel_str){ (const char *)data + n - body, body };
    must(parse_page(the.parse, &in, &the.arena, &the.out) == 0);
    for (uint32_t root = 0; root < the.out.dom.n_nodes; root += 1 + the.out.dom.n_nodes / ROOTS)
        walk_check(&sel, root, the.out.dom.n_nodes < 500);
    arena_release(&the.arena);
    return 0;
}
