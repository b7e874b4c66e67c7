/* dom: small helpers over the flat page, for stages.  All static; nothing allocates.
 *
 * What is block-level, what holds no text of the page, an element's attribute by number, and hashes of
 * short byte strings.  Tag questions are looked up in tables that the compiler makes. */
#ifndef TROMMEL_SDK_DOM_H
#define TROMMEL_SDK_DOM_H
#include <string.h>

#include <trommel/names.h>
#include <trommel/stage.h>

#define SDK_INLINE static inline __attribute__((unused))

enum { /* properties of tags */
    SDK_BLOCK = 1,   /* starts a block of text of its own */
    SDK_SKIP = 2,    /* what it holds is no text of the page */
    SDK_VOID = 4,    /* has no content */
    SDK_HEADING = 8, /* h1 to h6 */
    SDK_CHOICE = 16, /* form choices: text, but never prose */
};

#define SDK_TAGS_BLOCK(X) \
    X(HTML) X(BODY) X(ADDRESS) X(ARTICLE) X(ASIDE) X(BLOCKQUOTE) X(CANVAS) X(DD) X(DIV) X(DL) X(DT) \
    X(FIELDSET) X(FIGCAPTION) X(FIGURE) X(FOOTER) X(FORM) X(HEADER) X(LI) X(MAIN) X(NAV) X(NOSCRIPT) \
    X(OL) X(P) X(PRE) X(SECTION) X(TABLE) X(TFOOT) X(THEAD) X(TBODY) X(TR) X(TD) X(TH) X(CAPTION) \
    X(UL) X(VIDEO) X(AUDIO) X(DETAILS) X(SUMMARY) X(DIALOG) X(CENTER) X(LEGEND) X(MENU) X(DIR) \
    X(SEARCH) X(HGROUP) X(BUTTON) X(LABEL) X(OBJECT) X(FRAMESET) X(TEMPLATE) X(LISTING) X(XMP) \
    X(PLAINTEXT) X(MARQUEE)
#define SDK_TAGS_HEADING(X) X(H1) X(H2) X(H3) X(H4) X(H5) X(H6)
#define SDK_TAGS_SKIP(X) \
    X(SCRIPT) X(STYLE) X(HEAD) X(SVG) X(MATH) X(IFRAME) X(NOFRAMES) X(NOEMBED) X(TITLE)
#define SDK_TAGS_CHOICE(X) X(SELECT) X(DATALIST) X(TEXTAREA) X(OPTION)
#define SDK_TAGS_VOID(X) X(BR) X(IMG) X(INPUT) X(WBR) X(META) X(LINK) X(SOURCE) X(AREA) X(COL)

/* SDK_* bits of a number of TROMMEL_TAG_*.  The compiler makes a table of it. */
SDK_INLINE unsigned sdk_tag_props(uint32_t tag)
{
#define SDK_CASE_(t) case TROMMEL_TAG_##t:
    switch (tag) {
        SDK_TAGS_BLOCK(SDK_CASE_)
        return SDK_BLOCK;
        SDK_TAGS_HEADING(SDK_CASE_)
        return SDK_BLOCK | SDK_HEADING;
        SDK_TAGS_SKIP(SDK_CASE_)
        return SDK_SKIP;
        SDK_TAGS_CHOICE(SDK_CASE_)
        return SDK_SKIP | SDK_CHOICE;
        SDK_TAGS_VOID(SDK_CASE_)
        return SDK_VOID;
    case TROMMEL_TAG_HR:
        return SDK_BLOCK | SDK_VOID;
    default:
        return 0;
    }
#undef SDK_CASE_
}

/* SDK_* bits of an element.  A custom element (its name has a dash) is block-level; what is not HTML is
 * skipped. */
SDK_INLINE unsigned sdk_props(const trommel_dom *d, const trommel_node *x)
{
    if (x->ns != TROMMEL_NS_HTML)
        return SDK_SKIP;
    if (x->tag)
        return sdk_tag_props(x->tag);
    return memchr(d->strs + x->text, '-', x->text_n) ? SDK_BLOCK : 0;
}

SDK_INLINE trommel_str sdk_str(const char *p, size_t n)
{
    trommel_str s = { p, n };

    return s;
}

SDK_INLINE const trommel_attr *sdk_attr(const trommel_dom *d, const trommel_node *x, uint32_t key)
{
    for (uint32_t i = 0; i < x->attr_n; i++) {
        const trommel_attr *a = TROMMEL_ATTR(d, x->attr + i);
        if (a->key == key)
            return a;
    }
    return NULL;
}

/* The attribute's value; empty if there is none. */
SDK_INLINE trommel_str sdk_attr_str(const trommel_dom *d, const trommel_node *x, uint32_t key)
{
    const trommel_attr *a = sdk_attr(d, x, key);

    return a ? sdk_str(d->strs + a->val, a->val_n) : sdk_str("", 0);
}

SDK_INLINE int sdk_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Is `word` (lower case) a space-separated word of s? */
SDK_INLINE int sdk_has_word(trommel_str s, const char *word)
{
    size_t n = strlen(word), i = 0;

    while (i < s.n) {
        while (i < s.n && (unsigned char)s.p[i] <= ' ')
            i++;
        size_t from = i, same = 0;
        for (; i < s.n && (unsigned char)s.p[i] > ' '; i++)
            same += i - from < n && sdk_lower((unsigned char)s.p[i]) == word[i - from];
        if (i - from == n && same == n)
            return 1;
    }
    return 0;
}

SDK_INLINE uint64_t sdk_mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0x9E3779B97F4A7C15u;
    return h ^ (h >> 29);
}

/* Quick 64-bit hash for tables that live as long as a page; no defence against chosen collisions, so
 * whatever uses it must stay right (if worse) when two strings share one. */
SDK_INLINE uint64_t sdk_hash(const char *p, size_t n, uint64_t seed)
{
    uint64_t h = seed ^ (n * 0xD6E8FEB86659FD93u), w;

    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        h = sdk_mix(h ^ w);
    }
    if (n) {
        w = 0;
        memcpy(&w, p, n);
        h = sdk_mix(h ^ w);
    }
    return sdk_mix(h + 0x94D049BB133111EBu);
}

/* A count on a scale of eight steps a doubling: 0 for 0, 255 for 2^31 and more. */
SDK_INLINE uint8_t sdk_log(uint64_t n)
{
    if (n >= 0x7fffffffu)
        return 255;
    uint32_t v = (uint32_t)n + 1, e = 31u - (uint32_t)__builtin_clz(v);
    uint32_t frac = e >= 3 ? v >> (e - 3) & 7 : v << (3 - e) & 7;
    return (uint8_t)(e * 8 + frac);
}

/* a of b, 0 to 200. */
SDK_INLINE uint8_t sdk_share(uint64_t a, uint64_t b)
{
    return (uint8_t)(!b ? 0 : a >= b ? 200 : a * 200 / b);
}

SDK_INLINE uint8_t sdk_cap(uint64_t n)
{
    return (uint8_t)(n > 255 ? 255 : n);
}
#endif
