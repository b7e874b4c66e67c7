/* features: what one pass over the nodes tells about a whole page, as a row of bytes. */
#ifndef TROMMEL_LAYOUT_FEATURES_H
#define TROMMEL_LAYOUT_FEATURES_H
#include <trommel/stage.h>

#include "class_words.h"

/* Element counts, each on a logarithmic scale. */
#define LAYOUT_TAG_MAP(X)                                                                                 \
    X(A) X(P) X(LI) X(H1) X(H2) X(H3) X(H4) X(IMG) X(FORM) X(INPUT) X(BUTTON) X(ARTICLE) X(SECTION)       \
    X(TABLE) X(TR) X(PRE) X(CODE) X(MAIN) X(NAV) X(VIDEO) X(IFRAME) X(TIME) X(BLOCKQUOTE) X(DL) X(SELECT) \
    X(OPTION) X(ASIDE) X(FIGURE) X(DETAILS) X(LABEL) X(TEXTAREA) X(SVG) X(SCRIPT) X(STRONG) X(DIV) X(SPAN) \
    X(BR) X(UL) X(KBD) X(SUP)

/* What the page declares itself to be: schema.org types in JSON-LD and microdata, og:type, generator. */
#define LAYOUT_MARK_MAP(X)                                                                                \
    X(article, "Article NewsArticle BlogPosting ReportageNewsArticle ScholarlyArticle OpinionNewsArticle") \
    X(tech, "TechArticle APIReference HowTo LearningResource Course")                                     \
    X(product, "Product ProductGroup IndividualProduct Vehicle Book")                                     \
    X(offer, "Offer AggregateOffer")                                                                      \
    X(list, "ItemList CollectionPage OfferCatalog SearchResultsPage")                                     \
    X(item, "ListItem")                                                                                   \
    X(forum, "DiscussionForumPosting QAPage Question Answer Comment UserComments")                        \
    X(faq, "FAQPage")                                                                                     \
    X(service, "Service SoftwareApplication WebApplication LocalBusiness ProfessionalService Corporation "   \
               "MobileApplication FinancialService MedicalBusiness")                                      \
    X(crumbs, "BreadcrumbList")                                                                           \
    X(webpage, "WebPage WebSite AboutPage ContactPage")                                                   \
    X(org, "Organization")                                                                                \
    X(person, "Person ProfilePage")                                                                       \
    X(rating, "AggregateRating Review Rating")                                                            \
    X(video, "VideoObject")                                                                               \
    X(recipe, "Recipe")                                                                                   \
    X(event, "Event JobPosting Place")

/* Words of the URL: of its path, and of its host but the registrable domain's. */
#define LAYOUT_URL_MAP(X)                                                                                 \
    X(blog, "blog blogs news article articles post posts story stories opinion magazine press journal")   \
    X(product, "product products dp p pd item items sku gp buy prod")                                     \
    X(collection, "collection collections category categories c cat shop browse department store catalog " \
                  "catalogue")                                                                            \
    X(listing, "list listing listings search jobs events directory browse best top archive archives tag " \
               "tags topics index recipes resources projects tools")                                      \
    X(forum, "forum forums thread threads topic t community discuss discussion discussions question "     \
             "questions viewtopic showthread comments r qa board boards answers")                         \
    X(docs, "docs doc documentation reference api wiki manual guide guides tutorial tutorials man help "  \
            "developer developers dev learn learning sdk support kb handbook library")                    \
    X(service, "service services solution solutions pricing feature features platform product industries " \
               "about contact company consulting plans enterprise software use")                          \
    X(html, "html htm php aspx jsp asp")

#define LAYOUT_OTHER_MAP(X)                                                                               \
    X(bytes) X(link_bytes) X(p_bytes) X(li_bytes) X(heading_bytes) X(cell_bytes) X(code_bytes)            \
    X(long_texts) X(long_bytes) X(longest) X(texts) X(text_mean) X(prices) X(run_max) X(runs)             \
    X(run_links) X(run_bytes) X(run_mean) X(depth_max) X(nodes) X(og) X(generator) X(u_segments)          \
    X(u_last) X(u_dashes) X(u_digits) X(u_query) X(u_year) X(u_root) X(numbers) X(questions) X(h1_bytes)  \
    X(main_bytes) X(article_bytes) X(images_alt) X(p_long) X(p_mean) X(link_mean) X(ends)

enum {
#define X_(t) L_##t,
    LAYOUT_OTHER_MAP(X_)
#undef X_
#define X_(t) L_TAG_##t,
    LAYOUT_TAG_MAP(X_)
#undef X_
#define X_(t, words) L_MARK_##t,
    LAYOUT_MARK_MAP(X_)
#undef X_
#define X_(t, words) L_URL_##t,
    LAYOUT_URL_MAP(X_)
#undef X_
    L_CLASS,
    LAYOUT_FEATURES_N = L_CLASS + CLASS_GROUPS_N
};
_Static_assert(LAYOUT_FEATURES_N <= 255, "a node of a tree holds the feature's number in a byte");

#define LAYOUT_DEPTH_MAX 1024u

/* Tables that are made once. */
struct layout_tables {
    struct class_words words;
    struct {
        uint32_t hash;
        uint8_t mark; /* number + 1 */
    } mark[256];
    struct {
        uint32_t hash;
        uint16_t mask;
    } url[512];
};
void layout_tables_init(struct layout_tables *t); /* on zeroed memory */

struct layout_result {
    uint8_t row[LAYOUT_FEATURES_N];
    uint64_t fingerprint; /* of the page's template */
    uint64_t bytes;       /* of text */
};

/* stop: polled now and then, may be NULL.  0 or TROMMEL_E_FAIL (stopped). */
int layout_read(struct layout_tables *t, const trommel_dom *dom, trommel_str url, int (*stop)(void *),
                void *arg, struct layout_result *ret);
void layout_feature_name(unsigned i, char *buf, size_t n);
#endif
