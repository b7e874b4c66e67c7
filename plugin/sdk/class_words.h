/* class_words: what the words of class, id, role and the like say about an element, as a 64-bit mask.
 *
 * Words are cut at anything that is no letter and at camelCase ("postBody-2" has post and body), and
 * looked up in a table of some 260 words in 42 groups.  These words are web authors' jargon, English in
 * pages of all languages.  A value's mask is remembered in a small table, since values repeat. */
#ifndef TROMMEL_SDK_CLASS_WORDS_H
#define TROMMEL_SDK_CLASS_WORDS_H
#include "dom.h"

#define CLASS_GROUPS(X)                                                                                   \
    X(NAV, "nav navigation navbar menu submenu megamenu topbar sitemap")                                  \
    X(FOOT, "footer foot colophon bottom contentinfo")                                                    \
    X(HEAD, "header masthead topbar banner")                                                              \
    X(SIDE, "sidebar aside rail complementary widget widgets secondary")                                  \
    X(COMM, "comment comments disqus respond")                                                            \
    X(SHARE, "share sharing social addtoany sharedaddy follow")                                           \
    X(REL, "related recommend recommended recommendations similar more also upsell crosssell "            \
           "suggestions trending popular recirc readnext")                                                \
    X(PROMO, "promo promotion ad ads advert advertisement sponsored sponsor dfp banner cta")              \
    X(COOKIE, "cookie cookies consent gdpr onetrust privacy")                                             \
    X(NEWS, "newsletter subscribe subscription signup optin email mailchimp")                             \
    X(MODAL, "modal popup overlay dialog lightbox drawer offcanvas tooltip toast")                        \
    X(CRUMB, "breadcrumb breadcrumbs crumb crumbs")                                                       \
    X(PAGE, "pagination pager paging paginate prevnext")                                                  \
    X(META, "meta byline info details timestamp date time posted published")                              \
    X(AUTH, "author avatar bio user username profile")                                                    \
    X(TAG, "tag tags category categories topics labels")                                                  \
    X(SEARCH, "search filter filters facet facets sort refine")                                           \
    X(LOGIN, "login signin account register cart basket checkout minicart wishlist")                      \
    X(PRICE, "price prices pricing cost amount sale")                                                     \
    X(RATE, "rating ratings review reviews stars star")                                                   \
    X(PROD, "product products pdp sku item buy")                                                          \
    X(DESC, "description desc summary excerpt overview about intro lead")                                 \
    X(CONT, "content contents article body story text richtext rte prose wysiwyg copy markdown entry post") \
    X(MAIN, "main primary container page")                                                                \
    X(TITLE, "title heading headline hed name")                                                           \
    X(FORUM, "thread message messages reply replies topic discussion answer answers question questions "  \
             "cooked quote signature")                                                                    \
    X(FAQ, "faq faqs accordion qa")                                                                       \
    X(SPEC, "spec specs specification specifications features feature attributes")                        \
    X(TOC, "toc contents outline")                                                                        \
    X(HERO, "hero jumbotron intro splash")                                                                \
    X(CARD, "card cards tile tiles grid teaser")                                                          \
    X(LIST, "list listing results result items feed")                                                     \
    X(CARO, "carousel slider slick swiper slide gallery")                                                 \
    X(CAP, "caption figcaption credit")                                                                   \
    X(VID, "video player audio podcast")                                                                  \
    X(HID, "hidden hide sr visually screenreader collapse collapsed invisible")                           \
    X(TAB, "tab tabs tabpanel panel")                                                                     \
    X(LANG, "language lang locale country region currency")                                               \
    X(SKIP, "skip skiplink")                                                                              \
    X(BTN, "btn button buttons")                                                                          \
    X(LEGAL, "copyright legal disclaimer terms")                                                          \
    X(NEXT, "next prev previous older newer")

enum {
#define X_(name, words) CLASS_##name,
    CLASS_GROUPS(X_)
#undef X_
    CLASS_GROUPS_N
};
#define CLASS_BIT(g) (1ull << CLASS_##g)

#define CLASS_BITS       8192u /* of a first look, which turns most words away within a kilobyte */
#define CLASS_SLOTS      1024u /* of words; a power of two, well over their number */
#define CLASS_CACHE      1024u /* of values */
#define CLASS_VALUE_MAX  300u  /* bytes of a value that are looked at */

struct class_words {
    uint64_t maybe[CLASS_BITS / 64];
    struct {
        uint32_t hash;
        uint64_t mask;
    } word[CLASS_SLOTS];
    struct {
        uint64_t key, mask, first; /* first: hash of the first space-separated word */
    } cache[CLASS_CACHE];
};

SDK_INLINE uint32_t class_hash(const char *p, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint32_t)sdk_lower((unsigned char)p[i])) * 16777619u;
    h ^= h >> 15;
    return h ? h : 1;
}

SDK_INLINE uint64_t *class_slot(struct class_words *w, uint32_t hash, int make)
{
    for (uint32_t i = hash;; i++) {
        if (w->word[i % CLASS_SLOTS].hash == hash)
            return &w->word[i % CLASS_SLOTS].mask;
        if (w->word[i % CLASS_SLOTS].hash)
            continue;
        if (!make)
            return NULL;
        w->word[i % CLASS_SLOTS].hash = hash;
        return &w->word[i % CLASS_SLOTS].mask;
    }
}

/* Once, on zeroed memory. */
SDK_INLINE void class_words_init(struct class_words *w)
{
    static const char *const lists[] = {
#define X_(name, words) words,
        CLASS_GROUPS(X_)
#undef X_
    };
    for (unsigned g = 0; g < CLASS_GROUPS_N; g++)
        for (const char *p = lists[g]; *p; p += *p == ' ') {
            size_t n = strcspn(p, " ");
            uint32_t h = class_hash(p, n);
            *class_slot(w, h, 1) |= 1ull << g;
            w->maybe[h / 64 % (CLASS_BITS / 64)] |= 1ull << h % 64;
            p += n;
        }
}

/* Groups of one word, by its hash as class_hash makes it. */
SDK_INLINE uint64_t class_word_mask(struct class_words *w, uint32_t h)
{
    uint64_t *hit;

    h ^= h >> 15;
    if (!h)
        h = 1;
    if (!(w->maybe[h / 64 % (CLASS_BITS / 64)] >> h % 64 & 1))
        return 0;
    hit = class_slot(w, h, 0);
    return hit ? *hit : 0;
}

SDK_INLINE uint64_t class_mask_of(struct class_words *w, const char *p, size_t n)
{
    uint64_t mask = 0;
    size_t i = 0;

    while (i < n) {
        uint32_t h = 2166136261u;
        size_t from = i;
        while (i < n && (unsigned char)(p[i] - 'A') < 26)
            h = (h ^ (uint32_t)(p[i++] + 32)) * 16777619u;
        if (i - from < 2) /* a capital begins a word, a run of capitals is one */
            while (i < n && (unsigned char)(p[i] - 'a') < 26)
                h = (h ^ (uint32_t)p[i++]) * 16777619u;
        if (i - from > 1 && i - from < 20)
            mask |= class_word_mask(w, h);
        if (i == from)
            i++;
    }
    return mask;
}

/* Mask of an attribute's value; *ret_first (may be NULL) gets the hash of its first word, *ret_key that of
 * all of it. */
SDK_INLINE uint64_t class_words_mask(struct class_words *w, trommel_str s, uint64_t *ret_first,
                                     uint64_t *ret_key)
{
    size_t n = s.n < CLASS_VALUE_MAX ? s.n : CLASS_VALUE_MAX, from = 0, to;
    uint64_t key = sdk_hash(s.p, n, 7) | 1;
    unsigned at = (unsigned)(key >> 20) % CLASS_CACHE;

    if (w->cache[at].key != key) {
        while (from < n && (unsigned char)s.p[from] <= ' ')
            from++;
        for (to = from; to < n && (unsigned char)s.p[to] > ' '; to++)
            ;
        w->cache[at].key = key;
        w->cache[at].mask = class_mask_of(w, s.p, n);
        w->cache[at].first = to > from ? sdk_hash(s.p + from, to - from, 11) : 0;
    }
    if (ret_first)
        *ret_first = w->cache[at].first;
    if (ret_key)
        *ret_key = key;
    return w->cache[at].mask;
}
#endif
