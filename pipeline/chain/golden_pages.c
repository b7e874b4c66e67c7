/* golden_pages: the bundled pages, which lie in golden/ and are compiled in; see golden.h.
 *
 * The assembler takes the files as they are (.incbin), since they are in several encodings and hold
 * bytes that no C string should.  Their paths are those from the project's folder, where make runs; the
 * Makefile knows that this object depends on them. */
#include <assert.h>
#include <string.h>

#include "chain/golden.h"

#define PAGE_MAP(X)                                                                                          \
    X(article, "article.html", "text/html; charset=utf-8")                                                   \
    X(product, "product.html", "text/html; charset=utf-8")                                                   \
    X(forum, "forum.html", "text/html")                                                                      \
    X(listing, "listing.html", "text/html; charset=iso-8859-1")                                              \
    X(documentation, "documentation.html", "text/html; charset=utf-8")                                       \
    X(service, "service.html", "text/html; charset=utf-8")                                                   \
    X(collection, "collection.html", "text/html")                                                            \
    X(event, "event.html", "text/html;charset=UTF-8")                                                        \
    X(russian, "russian.html", "text/html")                                                                  \
    X(japanese, "japanese.html", "text/html")                                                                \
    X(notes, "notes.txt", "text/plain; charset=utf-8")                                                       \
    X(empty, "empty.html", "text/html")                                                                      \
    X(deep, "deep.html", "text/html")                                                                        \
    X(broken, "broken.html", "text/html; charset=utf-8")

#define X(name, file, type)                                                                                  \
    __asm__(".pushsection .rodata.golden, \"a\"\n"                                                           \
            ".global golden_" #name "_begin, golden_" #name "_end\n"                                         \
            ".hidden golden_" #name "_begin, golden_" #name "_end\n"                                         \
            "golden_" #name "_begin: .incbin \"pipeline/chain/golden/" file "\"\n"                           \
            "golden_" #name "_end: .byte 0\n"                                                                \
            ".popsection\n");                                                                                \
    extern const char golden_##name##_begin[] __attribute__((visibility("hidden")));                         \
    extern const char golden_##name##_end[] __attribute__((visibility("hidden")));
PAGE_MAP(X)
#undef X

static const struct {
    const char *name, *url, *type, *begin, *end;
} pages[] = {
#define X(name, file, type)                                                                                  \
    { #name, "https://golden.example/" file, type, golden_##name##_begin, golden_##name##_end },
    PAGE_MAP(X)
#undef X
};
enum { COUNT = sizeof pages / sizeof pages[0] };
#define FETCHED_MS 1735689600000 /* 2025-01-01 */

static trommel_str str_of(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

size_t golden_bundled_count(void)
{
    return COUNT;
}

const char *golden_bundled_name(size_t i)
{
    assert(i < COUNT);
    return pages[i].name;
}

void golden_bundled(size_t i, struct pool_page *ret)
{
    assert(i < COUNT);
    *ret = (struct pool_page){
        .head = { .id_text = str_of(pages[i].name),
                  .url = str_of(pages[i].url),
                  .final_url = str_of(pages[i].url),
                  .fetched_ms = FETCHED_MS,
                  .status = 200,
                  .bytes = (uint64_t)(pages[i].end - pages[i].begin) },
        .content_type = str_of(pages[i].type),
        .body = { pages[i].begin, (size_t)(pages[i].end - pages[i].begin) },
    };
}
