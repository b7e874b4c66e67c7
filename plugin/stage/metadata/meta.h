/* meta: what the files of the metadata stage share.
 *
 * A page's way: scan (one pass over the nodes) and jsonld fill `finds`, a flat list of what the page
 * declares or shows, each with how it was said and where.  title, author, date, tags choose from it;
 * metadata.c puts the choices.  plain does the same for pages made from text/plain, where there is no
 * markup to read.  All text handed on is clean: UTF-8, no control characters, single spaces. */
#ifndef TROMMEL_STAGE_METADATA_META_H
#define TROMMEL_STAGE_METADATA_META_H
#include <trommel/names.h>
#include <trommel/stage.h>

#include "plugin/stage/metadata/date.h"

typedef trommel_str str;

/* ---- maxima, together ---- */
#define META_FINDS_MAX   768  /* things noted on one page; the rest is left out */
#define META_TITLE_MAX   1000 /* bytes of a title */
#define META_DESC_MAX    2000 /* bytes of a description */
#define META_NAME_MAX    300  /* bytes of any other short value */
#define META_URL_MAX     2083
#define META_AUTHORS_MAX 50
#define META_TAGS_MAX    100
#define META_MEM_MAX     (8u << 20) /* page memory of this stage */
#define META_JSON_BYTES  (1u << 20) /* JSON-LD read on one page, all scripts together */
#define META_JSON_NODES  60000
#define META_JSON_DEPTH  64
#define META_LANG_BYTES  1600 /* text given to the language detector … */
#define META_LANG_AGAIN  6000 /* … and where that did not settle it */
#define META_DEPTH_MAX   1024 /* deeper nodes are read without their surroundings */

/* What a find is about. */
/* clang-format off */
enum {
    W_TITLE, W_AUTHOR, W_PUBLISHED, W_MODIFIED, W_SITE, W_DESC, W_TAG, W_KEYWORDS, W_SECTION, W_IMAGE,
    W_URL, W_LANG, W_LICENSE, W_LOGO, W_FOOT, W_COUNT
};
/* clang-format on */

/* How it was said; the texts go into meta.source. */
#define META_HOWS(X)                                                                                         \
    X(JSON_LD, "json-ld")                                                                                    \
    X(OPENGRAPH, "opengraph")                                                                                \
    X(META, "meta")                                                                                          \
    X(MICRODATA, "microdata")                                                                                \
    X(TIME, "time")                                                                                          \
    X(BYLINE, "byline")                                                                                      \
    X(TITLE, "title")                                                                                        \
    X(H1, "h1") X(TEXT, "text") X(HTML_LANG, "html-lang") X(DETECTED, "detected") X(LINK, "link")            \
        X(REL, "rel") X(CLASS, "class") X(URL, "url") X(HEADER, "header") X(H2, "h2") X(TWITTER, "twitter")  \
            X(DATA, "data")
enum meta_how {
#define X(name, text) HOW_##name,
    META_HOWS(X)
#undef X
        HOW_COUNT
};
extern const char *const meta_how_text[HOW_COUNT];

/* Where on the page: inherited from the elements around.  Also what a class or id says. */
enum {
    R_NAV = 1u << 0,
    R_ASIDE = 1u << 1,
    R_FOOTER = 1u << 2,
    R_HEADER = 1u << 3,
    R_ARTICLE = 1u << 4,
    R_MAIN = 1u << 5,
    R_COMMENT = 1u << 6,
    R_RELATED = 1u << 7,
    R_AUTHOR = 1u << 8,
    R_DATE = 1u << 9,
    R_TAGS = 1u << 10,
    R_LOGO = 1u << 11,
    R_CRUMB = 1u << 12,
    R_TITLE = 1u << 13,
    R_COPY = 1u << 14,
    R_CARD = 1u << 15,
    R_BIO = 1u << 16,
    R_LINK = 1u << 17,
    R_HIDDEN = 1u << 18,
    R_META = 1u << 19,
    R_POST = 1u << 20,
    R_USER = 1u << 21,
    R_UPDATED = 1u << 22,
    R_PUB = 1u << 23,
    R_SITE = 1u << 24,
    R_SENTENCE = 1u << 25,
    R_AD = 1u << 26
};
#define R_OUTSIDE (R_NAV | R_ASIDE | R_FOOTER | R_RELATED)

/* Shades of a source, for the choosers. */
enum {
    B_ARTICLE = 1u << 0, /* JSON-LD of an article, post or question */
    B_PAGE = 1u << 1,    /* JSON-LD of the page itself */
    B_THING = 1u << 2,   /* JSON-LD of a product, recipe, video … */
    B_LABEL_PUB = 1u << 3,
    B_LABEL_MOD = 1u << 4,
    B_LABEL_OTHER = 1u << 5,
    B_BY = 1u << 6,       /* stood behind "by" or its like */
    B_WHOLE = 1u << 7,    /* the date or name is all of its text */
    B_MAIN_KEY = 1u << 8, /* the best of several keys for the same thing */
    B_PROFILE = 1u << 9,  /* links to a person's page */
    B_REL = 1u << 10,
    B_LIST = 1u << 11, /* one of many of its kind in JSON-LD */
    B_WEAK = 1u << 12,
};

struct find {
    uint8_t what, how;
    uint32_t bits, region; /* B_*, R_* */
    uint32_t node;         /* where; TROMMEL_NONE: not on the page */
    str val;
};

struct meta_list {
    uint32_t n;
    str item[META_TAGS_MAX];
};

/* One page, while it is read. */
struct meta {
    /* the page; set before anything else */
    const trommel_host *host;
    trommel_page *page;
    const trommel_dom *dom;
    const trommel_url_service *url_service;
    str url, host_name, path;
    struct date fetched;         /* y 0: unknown */
    str content;                 /* content.text, or empty */
    const uint8_t *content_node; /* content.nodes, or NULL */
    /* memory */
    char *mem;
    size_t mem_left, mem_used;
    int stopped; /* should_stop said so */
    /* what was found */
    uint32_t n_finds;
    struct find finds[META_FINDS_MAX];
    uint32_t h1, n_h1; /* first h1 worth its name, or TROMMEL_NONE */
    uint32_t first_p;  /* first longer paragraph's node, or TROMMEL_NONE */
    int n_cards;       /* dated or signed pieces of lists */
    int og_article, ld_article, ld_thing;
    enum date_order order;
    uint32_t forum; /* markup of a forum was seen */
    /* what was chosen; n = 0: nothing */
    str title, published, modified, site, desc, section, image, canonical, lang, license;
    str injected; /* words somebody stuffed in front of the title */
    struct meta_list authors, tags;
    uint8_t how[W_COUNT];
    str product, recipe, event, job, video; /* msgpack */
};

/* Page memory; NULL when spent. */
void *meta_take(struct meta *m, size_t n);
/* Notes one thing; val must be clean or in dom->strs.  Full: it is left out. */
struct find *meta_note(struct meta *m, int what, int how, uint32_t bits, uint32_t node, str val);
/* The first find of this kind, or NULL. */
const struct find *meta_first(const struct meta *m, int what);
/* Asks the host now and then; non-zero: give up this page. */
int meta_stop(struct meta *m);

/* scan.c */
void scan_page(struct meta *m);
/* jsonld.c */
void jsonld_read(struct meta *m, str *scripts, uint32_t n);
/* title.c: m->site, m->injected, m->title */
void title_choose(struct meta *m);
void site_choose(struct meta *m);
/* author.c */
void author_choose(struct meta *m);
/* Cuts a byline into names, at most META_AUTHORS_MAX; leaves out what is none. */
void author_split(struct meta *m, str byline, struct meta_list *ret);
/* dates.c */
void dates_choose(struct meta *m);
/* tags.c */
void tags_choose(struct meta *m);
/* Adds one tag if it is one: short, not there yet. */
void tags_add(struct meta_list *l, str tag);
/* plain.c: all fields of a page made from text/plain */
void plain_read(struct meta *m);
/* lang.cc: the language of a text as BCP 47 in ret (at least 16 bytes); 0 if not sure */
#ifdef __cplusplus
extern "C"
#endif
    int
    lang_detect(const char *text, size_t n, char *ret);

static inline str str_z(const char *z)
{
    return (str){ z, __builtin_strlen(z) };
}
#endif
