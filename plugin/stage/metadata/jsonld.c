/* jsonld: what a page says of itself in JSON-LD, as finds.
 *
 * Every object of every script is looked at by its type, wherever it lies (@graph, arrays, mainEntity);
 * what belongs to something else on the page (comments, reviews, list items, related pieces) is passed
 * over.  References by @id are followed once. */
#include <string.h>

#include "plugin/stage/metadata/jsonld.h"
#include "plugin/stage/metadata/text.h"

static int type_is(str s, const char *z)
{
    for (size_t i = s.n; i-- > 0;) {
        if (s.p[i] == '/' || s.p[i] == ':' || s.p[i] == '#') {
            s = str_cut(s, i + 1, s.n);
            break;
        }
    }
    return str_is(s, z);
}

int jsonld_is(const struct json *j, uint32_t i, const char *z)
{
    uint32_t t = json_get(j, i, "@type");

    if (t == TROMMEL_NONE)
        return 0;
    if (j->node[t].type == JSON_STRING)
        return type_is(j->node[t].val, z);
    for (uint32_t k = t + 1; k < j->node[t].end; k = j->node[k].end)
        if (j->node[k].type == JSON_STRING && type_is(j->node[k].val, z))
            return 1;
    return 0;
}

static int is_any(const struct json *j, uint32_t i, const char *const *names)
{
    for (; *names; names++)
        if (jsonld_is(j, i, *names))
            return 1;
    return 0;
}

uint32_t jsonld_resolve(const struct json *j, uint32_t i)
{
    if (i >= j->n || j->node[i].type != JSON_OBJECT)
        return i;
    uint32_t id = json_get(j, i, "@id");
    if (id == TROMMEL_NONE || json_get(j, i, "name") != TROMMEL_NONE || j->node[id].type != JSON_STRING)
        return i;
    str want = j->node[id].val;
    uint32_t looked = 0;
    for (uint32_t k = 0; k < j->n && looked < 4000; k++) {
        if (j->node[k].type != JSON_STRING || j->node[k].key.n != 3 ||
            memcmp(j->node[k].key.p, "@id", 3) != 0)
            continue;
        looked++;
        uint32_t o = j->node[k].parent;
        if (o != i && str_eq(j->node[k].val, want) && json_get(j, o, "name") != TROMMEL_NONE)
            return o;
    }
    return i;
}

str jsonld_name(struct meta *m, const struct json *j, uint32_t i, size_t max)
{
    for (int hops = 0; hops < 4 && i < j->n; hops++) {
        i = jsonld_resolve(j, i);
        if (j->node[i].type == JSON_OBJECT) {
            uint32_t next = json_get(j, i, "name");
            if (next == TROMMEL_NONE)
                next = json_get(j, i, "@value");
            if (next == TROMMEL_NONE)
                next = json_get(j, i, "url");
            i = next;
        } else if (j->node[i].type == JSON_ARRAY) {
            i = i + 1 < j->node[i].end ? i + 1 : TROMMEL_NONE;
        } else {
            return json_text(m, j, i, max);
        }
    }
    return (str){ "", 0 };
}

/* clang-format off */
static const char *const articles[] = {
    "Article", "NewsArticle", "BlogPosting", "TechArticle", "ScholarlyArticle", "Report",
    "LiveBlogPosting", "SocialMediaPosting", "DiscussionForumPosting", "AnalysisNewsArticle",
    "OpinionNewsArticle", "ReportageNewsArticle", "BackgroundNewsArticle", "ReviewNewsArticle",
    "AdvertiserContentArticle", "SatiricalArticle", "MedicalScholarlyArticle", "Question",
    "CreativeWork", "HowTo", "Blog Posting", "Guide", "APIReference", "LearningResource", "Chapter",
    "Book", NULL
};
/* clang-format on */
static const char *const pages[] = { "WebPage",        "CollectionPage",    "ItemPage",     "AboutPage",
                                     "ContactPage",    "FAQPage",           "QAPage",       "ProfilePage",
                                     "MedicalWebPage", "SearchResultsPage", "CheckoutPage", NULL };
/* clang-format off */
static const char *const things[] = {
    "Product", "ProductGroup", "Recipe", "Event", "JobPosting", "VideoObject", "Course",
    "SoftwareApplication", "MobileApplication", "WebApplication", "Movie", "Service", "LocalBusiness",
    "Dataset", "PodcastEpisode", "MusicEvent", "Review", NULL
};
/* clang-format on */

/* Does the object lie in a part that speaks of something else? */
static int is_aside(const struct json *j, uint32_t i)
{
    /* clang-format off */
    static const char *const keys[] = {
        "comment", "review", "reviews", "itemListElement", "hasPart", "isRelatedTo", "isSimilarTo",
        "relatedLink", "mentions", "suggestedAnswer", "acceptedAnswer", "publisher", "isPartOf",
        "author", "blogPost", "citation", "about", "hasVariant", "step", "subjectOf",
        "potentialAction", "itemReviewed", "makesOffer", "recordedIn", "blogPosts", "hasOfferCatalog",
        "containsPlace", "partOfSeries", "sharedContent", "significantLink", "worksFor", "department",
        NULL
    };
    /* clang-format on */

    for (int up = 0; up < META_JSON_DEPTH && i < j->n; up++, i = j->node[i].parent) {
        str key = j->node[i].key;
        for (const char *const *k = keys; key.n && *k; k++)
            if (str_is(key, *k))
                return 1;
    }
    return 0;
}

static void note_value(struct meta *m, const struct json *j, uint32_t o, const char *key, int what,
                       uint32_t bits, size_t max)
{
    str s = jsonld_name(m, j, json_get(j, o, key), max);

    if (s.n)
        meta_note(m, what, HOW_JSON_LD, bits, TROMMEL_NONE, s);
}

/* author, creator: a string, an object, or several of either. */
static void note_authors(struct meta *m, const struct json *j, uint32_t v, uint32_t bits)
{
    if (v >= j->n)
        return;
    if (j->node[v].type != JSON_ARRAY) {
        str s = jsonld_name(m, j, v, META_NAME_MAX);
        uint32_t o = jsonld_resolve(j, v);
        if (o < j->n && j->node[o].type == JSON_OBJECT && jsonld_is(j, o, "Organization"))
            bits |= B_WEAK;
        if (s.n)
            meta_note(m, W_AUTHOR, HOW_JSON_LD, bits, TROMMEL_NONE, s);
        return;
    }
    uint32_t n = 0;
    for (uint32_t k = v + 1; k < j->node[v].end && n < META_AUTHORS_MAX; k = j->node[k].end, n++) {
        str s = jsonld_name(m, j, k, META_NAME_MAX);
        if (s.n)
            meta_note(m, W_AUTHOR, HOW_JSON_LD, bits, TROMMEL_NONE, s);
    }
}

static void note_keywords(struct meta *m, const struct json *j, uint32_t v)
{
    if (v >= j->n)
        return;
    if (j->node[v].type == JSON_STRING) {
        str s = json_text(m, j, v, META_DESC_MAX);
        if (s.n)
            meta_note(m, W_TAG, HOW_JSON_LD, B_LIST, TROMMEL_NONE, s);
        return;
    }
    uint32_t n = 0;
    for (uint32_t k = v + 1; j->node[v].type == JSON_ARRAY && k < j->node[v].end && n < META_TAGS_MAX;
         k = j->node[k].end, n++) {
        str s = jsonld_name(m, j, k, META_NAME_MAX);
        if (s.n)
            meta_note(m, W_TAG, HOW_JSON_LD, 0, TROMMEL_NONE, s);
    }
}

static void read_article(struct meta *m, const struct json *j, uint32_t o, uint32_t bits)
{
    note_value(m, j, o, "headline", W_TITLE, bits | B_MAIN_KEY, META_TITLE_MAX);
    note_value(m, j, o, "name", W_TITLE, bits, META_TITLE_MAX);
    note_value(m, j, o, "datePublished", W_PUBLISHED, bits | B_MAIN_KEY, 100);
    note_value(m, j, o, "dateCreated", W_PUBLISHED, bits, 100);
    note_value(m, j, o, "uploadDate", W_PUBLISHED, bits, 100);
    note_value(m, j, o, "dateModified", W_MODIFIED, bits, 100);
    note_value(m, j, o, "description", W_DESC, bits, META_DESC_MAX);
    note_value(m, j, o, "articleSection", W_SECTION, bits, META_NAME_MAX);
    note_value(m, j, o, "inLanguage", W_LANG, bits, 40);
    note_value(m, j, o, "license", W_LICENSE, bits, META_URL_MAX);
    note_authors(m, j, json_get(j, o, "author"), bits | B_MAIN_KEY);
    note_authors(m, j, json_get(j, o, "creator"), bits);
    note_keywords(m, j, json_get(j, o, "keywords"));
    uint32_t image = json_get(j, o, "image");
    if (image < j->n && j->node[image].type == JSON_ARRAY)
        image = image + 1 < j->node[image].end ? image + 1 : TROMMEL_NONE;
    if (image < j->n && j->node[image].type == JSON_OBJECT) {
        uint32_t url = json_get(j, image, "url");
        image = url == TROMMEL_NONE ? json_get(j, image, "contentUrl") : url;
    }
    str s = json_text(m, j, image, META_URL_MAX);
    if (s.n)
        meta_note(m, W_IMAGE, HOW_JSON_LD, bits, TROMMEL_NONE, s);
    uint32_t pub = json_get(j, o, "publisher");
    s = jsonld_name(m, j, pub, META_NAME_MAX);
    if (s.n && !str_starts(s, "http"))
        meta_note(m, W_SITE, HOW_JSON_LD, 0, TROMMEL_NONE, s);
}

static void read_object(struct meta *m, const struct json *j, uint32_t o)
{
    if (json_get(j, o, "@type") == TROMMEL_NONE)
        return;
    if (jsonld_is(j, o, "WebSite")) {
        note_value(m, j, o, "name", W_SITE, B_MAIN_KEY, META_NAME_MAX);
        return;
    }
    if (is_aside(j, o))
        return;
    if (is_any(j, o, articles)) {
        if (++m->ld_article <= 3)
            read_article(m, j, o, B_ARTICLE);
    } else if (is_any(j, o, pages)) {
        read_article(m, j, o, B_PAGE);
    } else if (is_any(j, o, things)) {
        m->ld_thing++;
        thing_read(m, j, o);
        if (!jsonld_is(j, o, "VideoObject") && !jsonld_is(j, o, "LocalBusiness"))
            read_article(m, j, o, B_THING | (jsonld_is(j, o, "Recipe") ? B_ARTICLE : 0));
    }
}

void jsonld_read(struct meta *m, str *scripts, uint32_t n)
{
    size_t bytes = 0;
    struct json j = { 0 };

    for (uint32_t i = 0; i < n; i++)
        bytes += scripts[i].n;
    if (bytes == 0)
        return;
    /* real data takes some fifteen bytes a node */
    j.max = bytes / 4 + 64 < META_JSON_NODES ? (uint32_t)(bytes / 4 + 64) : META_JSON_NODES;
    j.node = meta_take(m, j.max * sizeof *j.node);
    if (!j.node) {
        j.max = (META_MEM_MAX / 64) / sizeof *j.node;
        j.node = meta_take(m, j.max * sizeof *j.node);
    }
    if (!j.node)
        return;
    for (uint32_t i = 0; i < n; i++)
        json_read(&j, scripts[i], META_JSON_DEPTH);
    for (uint32_t i = 0; i < j.n; i++) {
        if (j.node[i].type == JSON_OBJECT)
            read_object(m, &j, i);
        if ((i & 255) == 255 && meta_stop(m))
            return;
    }
}
