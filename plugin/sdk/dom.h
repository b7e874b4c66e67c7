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

static const uint8_t sdk_tag_props[TROMMEL_TAG_COUNT_] = {
#define B_(t) [TROMMEL_TAG_##t] = SDK_BLOCK
    B_(HTML), B_(BODY), B_(ADDRESS), B_(ARTICLE), B_(ASIDE), B_(BLOCKQUOTE), B_(CANVAS), B_(DD), B_(DIV),
    B_(DL), B_(DT), B_(FIELDSET), B_(FIGCAPTION), B_(FIGURE), B_(FOOTER), B_(FORM), B_(HEADER), B_(LI),
    B_(MAIN), B_(NAV), B_(NOSCRIPT), B_(OL), B_(P), B_(PRE), B_(SECTION), B_(TABLE), B_(TFOOT), B_(THEAD),
    B_(TBODY), B_(TR), B_(TD), B_(TH), B_(CAPTION), B_(UL), B_(VIDEO), B_(AUDIO), B_(DETAILS), B_(SUMMARY),
    B_(DIALOG), B_(CENTER), B_(LEGEND), B_(MENU), B_(DIR), B_(SEARCH), B_(HGROUP), B_(BUTTON), B_(LABEL),
    B_(OBJECT), B_(FRAMESET), B_(TEMPLATE), B_(LISTING), B_(XMP), B_(PLAINTEXT), B_(MARQUEE),
#undef B_
    [TROMMEL_TAG_HR] = SDK_BLOCK | SDK_VOID,
    [TROMMEL_TAG_H1] = SDK_BLOCK | SDK_HEADING, [TROMMEL_TAG_H2] = SDK_BLOCK | SDK_HEADING,
    [TROMMEL_TAG_H3] = SDK_BLOCK | SDK_HEADING, [TROMMEL_TAG_H4] = SDK_BLOCK | SDK_HEADING,
    [TROMMEL_TAG_H5] = SDK_BLOCK | SDK_HEADING, [TROMMEL_TAG_H6] = SDK_BLOCK | SDK_HEADING,
    [TROMMEL_TAG_SCRIPT] = SDK_SKIP, [TROMMEL_TAG_STYLE] = SDK_SKIP, [TROMMEL_TAG_HEAD] = SDK_SKIP,
    [TROMMEL_TAG_SVG] = SDK_SKIP, [TROMMEL_TAG_MATH] = SDK_SKIP, [TROMMEL_TAG_IFRAME] = SDK_SKIP,
    [TROMMEL_TAG_NOFRAMES] = SDK_SKIP, [TROMMEL_TAG_NOEMBED] = SDK_SKIP, [TROMMEL_TAG_TITLE] = SDK_SKIP,
    [TROMMEL_TAG_SELECT] = SDK_SKIP | SDK_CHOICE, [TROMMEL_TAG_DATALIST] = SDK_SKIP | SDK_CHOICE,
    [TROMMEL_TAG_TEXTAREA] = SDK_SKIP | SDK_CHOICE, [TROMMEL_TAG_OPTION] = SDK_SKIP | SDK_CHOICE,
    [TROMMEL_TAG_BR] = SDK_VOID, [TROMMEL_TAG_IMG] = SDK_VOID, [TROMMEL_TAG_INPUT] = SDK_VOID,
    [TROMMEL_TAG_WBR] = SDK_VOID, [TROMMEL_TAG_META] = SDK_VOID, [TROMMEL_TAG_LINK] = SDK_VOID,
    [TROMMEL_TAG_SOURCE] = SDK_VOID, [TROMMEL_TAG_AREA] = SDK_VOID, [TROMMEL_TAG_COL] = SDK_VOID,
};

/* SDK_* bits of an element.  A custom element (its name has a dash) is block-level; what is not HTML is
 * skipped. */
SDK_INLINE unsigned sdk_props(const trommel_dom *d, const trommel_node *x)
{
    if (x->ns != TROMMEL_NS_HTML)
        return SDK_SKIP;
    if (x->tag && x->tag < TROMMEL_TAG_COUNT_)
        return sdk_tag_props[x->tag];
    return !x->tag && memchr(d->strs + x->text, '-', x->text_n) ? SDK_BLOCK : 0;
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

    return a ? (trommel_str){ d->strs + a->val, a->val_n } : (trommel_str){ "", 0 };
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
