/* parse_fuzz: any bytes, as a page with any type, encoding and charset, make a flat page that keeps its
 * promises, or a reason.  The first two bytes of an input choose the headers, the rest is the body.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... tests/fuzz/parse_fuzz.c    fuzzes
 *     gcc ... tests/fuzz/parse_fuzz.c tests/fuzz/replay.c                      replays a corpus */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "parse/parse.h"
#include "parse/url.h"
#include "tests/unit/parse/dom_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = { "text/html",           "",        "text/plain", "application/xhtml+xml",
                                     "text/html;charset=x", "nonsense" };
static const char *const charsets[] = { "",           "utf-8",    "windows-1252", "shift_jis",
                                        "euc-jp",     "gb18030",  "big5",         "euc-kr",
                                        "utf-16le",   "utf-16be", "iso-2022-jp",  "koi8-r",
                                        "replacement" };
static const char *const encodings[] = { "", "", "", "gzip", "deflate", "br", "zstd", "br, gzip" };

#define PICK(list, n) list[(n) % (sizeof list / sizeof *list)]

static void bad(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static void links_check(const trommel_dom *dom, trommel_str base)
{
    static struct url_parser *urls;
    struct arena a;

    if (!urls)
        urls = url_parser_new();
    arena_init(&a, 8 * MIB);
    for (uint32_t k = 0; k < dom->n_attrs && k < 1000; k++) {
        const trommel_attr *at = TROMMEL_ATTR(dom, k);
        trommel_str url, again, ref = { dom->strs + at->val, at->val_n }, none = { "", 0 };
        struct url_parts parts;
        if (url_resolve(urls, base, ref, &a, &url) != 0)
            continue;
        if (url.n > LIMIT_URL_BYTES || url_split(url, &parts) != 0)
            bad("a resolved URL cannot be split");
        if (url_resolve(urls, none, url, &a, &again) != 0 || again.n != url.n ||
            memcmp(again.p, url.p, url.n) != 0)
            bad("a resolved URL does not stay as it is");
    }
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct parse_limits limits = { 2 * MIB, LIMIT_DECODE_RATIO, LIMIT_DECODE_FREE, 5000, 64 };
    static struct parse *parser;
    struct parse_output out;
    struct arena a;
    char type[80];

    if (size < 2)
        return 0;
    if (!parser)
        parser = parse_new(&limits);
    if (!parser)
        abort();
    const char *charset = PICK(charsets, data[0] / 6);
    snprintf(type, sizeof type, "%s%s%s", PICK(types, data[0]), *charset ? "; charset=" : "", charset);
    struct parse_input in = { .url = { "https://h.example/a/b?c", 23 } };
    in.content_type = (trommel_str){ type, strlen(type) };
    in.content_encoding.p = PICK(encodings, data[1]);
    in.content_encoding.n = strlen(in.content_encoding.p);
    in.body = (trommel_str){ (const char *)data + 2, size - 2 };
    arena_init(&a, 64 * MIB);
    int err = parse_page(parser, &in, &a, &out);
    if (err)
        bad("parse_page failed");
    if (out.kind == PARSE_NONE ? !out.reason || out.dom.n_nodes : out.reason != NULL)
        bad("kind and reason do not fit");
    if (out.kind != PARSE_NONE) {
        const char *wrong = dom_check(&out.dom, limits.nodes, limits.depth);
        if (wrong)
            bad(wrong);
        if (utf8_valid(out.text.p, out.text.n) != out.text.n)
            bad("text is not UTF-8");
        links_check(&out.dom, out.base_url);
    }
    arena_release(&a);
    return 0;
}
