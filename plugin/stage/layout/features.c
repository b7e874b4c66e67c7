/* features: see features.h.  Text is measured in bytes, so that no text has to be read but short ones. */
#include "features.h"

#include <stdio.h>

#include "fingerprint.h"

#define LONG_BYTES   120   /* a text node that is prose */
#define SHORT_BYTES  24    /* a text node that may be a price or a number */
#define RUN_MIN      4     /* siblings alike in a row that make a run */
#define LD_BYTES_MAX 65536 /* of a script of JSON-LD */

enum { IN_LINK = 1, IN_P = 2, IN_LI = 4, IN_HEADING = 8, IN_CELL = 16, IN_CODE = 32, IN_MAIN = 64,
       IN_ARTICLE = 128, IN_RUN = 256, IN_H1 = 512 };

struct level {
    uint64_t sig;   /* of the last child */
    uint32_t run;   /* children like it in a row */
    uint16_t in;    /* IN_* */
};

struct reader {
    struct layout_tables *t;
    const trommel_dom *d;
    struct layout_result *ret;
    uint32_t tags[TROMMEL_TAG_COUNT_], class[CLASS_GROUPS_N], marks[32];
    uint64_t bytes, link_bytes, p_bytes, li_bytes, heading_bytes, cell_bytes, code_bytes, long_bytes,
        run_bytes, main_bytes, article_bytes, h1_bytes;
    uint32_t long_texts, longest, texts, prices, numbers, questions, ends, run_max, runs, run_items,
        run_links, images_alt, p_long, depth_max, links;
    uint8_t og, generator;
    struct fingerprint fp;
    struct level level[LAYOUT_DEPTH_MAX + 2];
};

/* ---- tables ------------------------------------------------------------------------------------ */

static void marks_add(struct layout_tables *t, const char *words, unsigned mark)
{
    for (const char *p = words; *p; p += *p == ' ') {
        size_t n = strcspn(p, " ");
        uint32_t h = class_hash(p, n), at = h;
        while (t->mark[at % 256].hash && t->mark[at % 256].hash != h)
            at++;
        t->mark[at % 256].hash = h;
        t->mark[at % 256].mark = (uint8_t)(mark + 1);
        p += n;
    }
}

static void url_words_add(struct layout_tables *t, const char *words, unsigned group)
{
    for (const char *p = words; *p; p += *p == ' ') {
        size_t n = strcspn(p, " ");
        uint32_t h = class_hash(p, n), at = h;
        while (t->url[at % 512].hash && t->url[at % 512].hash != h)
            at++;
        t->url[at % 512].hash = h;
        t->url[at % 512].mask |= (uint16_t)(1u << group);
        p += n;
    }
}

void layout_tables_init(struct layout_tables *t)
{
    class_words_init(&t->words);
#define X_(name, list) marks_add(t, list, L_MARK_##name - L_MARK_article);
    LAYOUT_MARK_MAP(X_)
#undef X_
#define X_(name, list) url_words_add(t, list, L_URL_##name - L_URL_blog);
    LAYOUT_URL_MAP(X_)
#undef X_
}

/* ---- what the page declares -------------------------------------------------------------------- */

static void mark_count(struct reader *r, const char *p, size_t n)
{
    uint32_t h, at;

    if (n < 3 || n > 32)
        return;
    h = class_hash(p, n);
    for (at = h; r->t->mark[at % 256].hash; at++)
        if (r->t->mark[at % 256].hash == h) {
            r->marks[r->t->mark[at % 256].mark - 1]++;
            return;
        }
}

/* Every "@type": "X" of a JSON-LD script; of a list of types the first. */
static void json_ld_read(struct reader *r, const char *p, size_t n)
{
    const char *end = p + (n < LD_BYTES_MAX ? n : LD_BYTES_MAX), *at;

    while ((at = memchr(p, '@', (size_t)(end - p)))) {
        p = at + 1;
        if (end - p < 8 || memcmp(p, "type", 4))
            continue;
        for (p += 4; p < end && (*p == '"' || *p == ':' || *p == ' ' || *p == '[' || *p == '\n'); p++)
            ;
        const char *from = p;
        while (p < end && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')))
            p++;
        mark_count(r, from, (size_t)(p - from));
    }
}

static int starts_with(trommel_str s, const char *what)
{
    size_t n = strlen(what);

    if (s.n < n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (sdk_lower((unsigned char)s.p[i]) != what[i])
            return 0;
    return 1;
}

static uint8_t generator_of(trommel_str s)
{
    static const char *const blogs[] = { "wordpress", "ghost", "blogger", "medium", "drupal", "joomla",
                                         "typo3" };
    static const char *const shops[] = { "woocommerce", "shopify", "prestashop", "magento", "opencart",
                                         "shopware" };
    static const char *const forums[] = { "discourse", "phpbb", "vbulletin", "xenforo", "flarum", "smf",
                                          "vanilla" };
    static const char *const docs[] = {
        "docusaurus", "sphinx", "mkdocs", "gitbook", "vitepress", "docfx", "mdbook", "mediawiki", "antora",
        "javadoc", "doxygen", "hugo", "jekyll", "asciidoctor", "rustdoc", "mintlify", "starlight", "astro",
    };
    static const struct {
        const char *const *names;
        unsigned n;
    } groups[] = { { blogs, 7 }, { shops, 6 }, { forums, 7 }, { docs, 18 } };

    for (unsigned g = 0; g < 4; g++)
        for (unsigned i = 0; i < groups[g].n; i++)
            if (starts_with(s, groups[g].names[i]))
                return (uint8_t)(g + 2);
    return 1;
}

static void meta_read(struct reader *r, const trommel_node *x)
{
    trommel_str key = sdk_attr_str(r->d, x, TROMMEL_A_PROPERTY);
    trommel_str val = sdk_attr_str(r->d, x, TROMMEL_A_CONTENT);

    if (!key.n)
        key = sdk_attr_str(r->d, x, TROMMEL_A_NAME);
    if (key.n == 7 && !memcmp(key.p, "og:type", 7) && !r->og)
        r->og = starts_with(val, "article") || starts_with(val, "blog") || starts_with(val, "news") ? 4
              : starts_with(val, "product") || starts_with(val, "og:product") ? 3
              : starts_with(val, "website") ? 1 : 2;
    else if (key.n == 9 && starts_with(key, "generator"))
        r->generator = r->generator > 1 ? r->generator : generator_of(val);
}

static void itemtype_read(struct reader *r, const trommel_node *x)
{
    trommel_str s = sdk_attr_str(r->d, x, TROMMEL_A_ITEMTYPE);
    size_t from = s.n;

    while (from && s.p[from - 1] != '/')
        from--;
    mark_count(r, s.p + from, s.n - from);
}

/* ---- the pass ---------------------------------------------------------------------------------- */

/* Prices and bare numbers among short texts. */
static void short_read(struct reader *r, const unsigned char *p, size_t n)
{
    int digits = 0, letters = 0, money = 0;

    for (size_t i = 0; i < n; i++) {
        digits += p[i] >= '0' && p[i] <= '9';
        letters += (p[i] | 32) >= 'a' && (p[i] | 32) <= 'z';
        money |= p[i] == '$' || (p[i] == 0xa3 && i && p[i - 1] == 0xc2)
                 || (p[i] == 0xac && i > 1 && p[i - 1] == 0x82 && p[i - 2] == 0xe2);
    }
    r->prices += money && digits;
    r->numbers += digits && !letters;
}

static void text_read(struct reader *r, const trommel_node *x, unsigned in)
{
    uint32_t n = x->text_n;
    const char *p = r->d->strs + x->text;

    if (x->flags & TROMMEL_NODE_F_SPACE)
        return;
    while (n && (unsigned char)p[n - 1] <= ' ')
        n--;
    while (n && (unsigned char)*p <= ' ')
        p++, n--;
    if (!n)
        return;
    r->bytes += n;
    r->texts++;
    r->link_bytes += in & IN_LINK ? n : 0;
    r->p_bytes += in & IN_P ? n : 0;
    r->li_bytes += in & IN_LI ? n : 0;
    r->heading_bytes += in & IN_HEADING ? n : 0;
    r->h1_bytes += in & IN_H1 ? n : 0;
    r->cell_bytes += in & IN_CELL ? n : 0;
    r->code_bytes += in & IN_CODE ? n : 0;
    r->main_bytes += in & IN_MAIN ? n : 0;
    r->article_bytes += in & IN_ARTICLE ? n : 0;
    r->run_bytes += in & IN_RUN ? n : 0;
    r->questions += p[n - 1] == '?';
    r->ends += p[n - 1] == '.';
    if (n > r->longest)
        r->longest = n;
    if (n >= LONG_BYTES && !(in & IN_LINK)) {
        r->long_texts++;
        r->long_bytes += n;
        r->p_long += (in & IN_P) != 0;
    } else if (n <= SHORT_BYTES) {
        short_read(r, (const unsigned char *)p, n);
    }
}

static unsigned in_of(uint32_t tag)
{
    switch (tag) {
    case TROMMEL_TAG_A: return IN_LINK;
    case TROMMEL_TAG_P: return IN_P;
    case TROMMEL_TAG_LI: return IN_LI;
    case TROMMEL_TAG_H1: return IN_HEADING | IN_H1;
    case TROMMEL_TAG_H2: case TROMMEL_TAG_H3: case TROMMEL_TAG_H4: case TROMMEL_TAG_H5:
    case TROMMEL_TAG_H6: return IN_HEADING;
    case TROMMEL_TAG_TD: case TROMMEL_TAG_TH: return IN_CELL;
    case TROMMEL_TAG_PRE: case TROMMEL_TAG_CODE: return IN_CODE;
    case TROMMEL_TAG_MAIN: return IN_MAIN;
    case TROMMEL_TAG_ARTICLE: return IN_ARTICLE;
    default: return 0;
    }
}

/* Siblings alike in a row: records of a list. */
static unsigned run_step(struct reader *r, struct level *up, uint64_t sig, uint32_t tag)
{
    if (up->sig != sig) {
        up->sig = sig;
        up->run = 0;
    }
    up->run++;
    if (tag == TROMMEL_TAG_P || tag == TROMMEL_TAG_TD || tag == TROMMEL_TAG_TR || tag == TROMMEL_TAG_LI)
        return 0;
    r->runs += up->run == RUN_MIN;
    r->run_items += up->run >= RUN_MIN;
    r->run_max = up->run > r->run_max ? up->run : r->run_max;
    return up->run >= RUN_MIN ? IN_RUN : 0;
}

/* Takes up one element; returns whether its children are wanted. */
static int element_read(struct reader *r, uint32_t i, const trommel_node *x)
{
    struct level *up = &r->level[x->depth - 1], *own = &r->level[x->depth];
    unsigned props = sdk_props(r->d, x);

    if (x->tag < TROMMEL_TAG_COUNT_)
        r->tags[x->tag]++;
    r->depth_max = x->depth > r->depth_max ? x->depth : r->depth_max;
    fingerprint_add(&r->fp, r->d, x);
    if (x->tag == TROMMEL_TAG_SCRIPT && x->end > i + 1) {
        trommel_str type = sdk_attr_str(r->d, x, TROMMEL_A_TYPE);
        const trommel_node *text = TROMMEL_NODE(r->d, i + 1);
        if (type.n >= 7 && !memcmp(type.p + type.n - 7, "ld+json", 7) && text->kind == TROMMEL_NODE_TEXT)
            json_ld_read(r, r->d->strs + text->text, text->text_n);
        return 0;
    }
    if (x->tag == TROMMEL_TAG_META)
        meta_read(r, x);
    if (x->tag == TROMMEL_TAG_HEAD)
        props = 0;
    *own = (struct level){ .in = (uint16_t)(up->in | in_of(x->tag)) };
    if (props & (SDK_SKIP | SDK_VOID)) {
        if (x->tag == TROMMEL_TAG_IMG) {
            const trommel_attr *alt = sdk_attr(r->d, x, TROMMEL_A_ALT);
            r->images_alt += alt && alt->val_n;
        }
        return !(props & SDK_SKIP);
    }
    if (!(props & SDK_BLOCK))
        return 1;
    uint64_t key = 0, mask = 0;
    for (uint32_t k = 0; k < x->attr_n; k++) {
        const trommel_attr *a = TROMMEL_ATTR(r->d, x->attr + k);
        if (a->key == TROMMEL_A_CLASS)
            mask |= class_words_mask(&r->t->words, (trommel_str){ r->d->strs + a->val, a->val_n }, NULL,
                                     &key);
        else if (a->key == TROMMEL_A_ID)
            mask |= class_words_mask(&r->t->words, (trommel_str){ r->d->strs + a->val, a->val_n }, NULL,
                                     NULL);
        else if (a->key == TROMMEL_A_ITEMTYPE)
            itemtype_read(r, x);
    }
    for (; mask; mask &= mask - 1)
        r->class[__builtin_ctzll(mask)]++;
    own->in |= (uint16_t)run_step(r, up, key ^ x->tag, x->tag);
    return 1;
}

/* ---- the row ----------------------------------------------------------------------------------- */

static void row_url(struct reader *r, trommel_str url)
{
    uint8_t *row = r->ret->row;
    size_t n = url.n < 2083 ? url.n : 2083, from = 0;
    unsigned slashes = 0, segments = 0, last = 0, dashes = 0, digits = 0;

    if (!url.n) /* unknown, which is not a site's root */
        return;
    const char *query = memchr(url.p, '?', n);
    if (query) {
        row[L_u_query] = 1;
        n = (size_t)(query - url.p);
    }
    for (size_t i = 0; i <= n; i++) {
        char c = i < n ? url.p[i] : '/';
        int lower = sdk_lower((unsigned char)c);
        if (lower >= 'a' && lower <= 'z')
            goto next;
        if (i > from && i - from < 20 && slashes >= 2 && (slashes > 2 || c == '.')) {
            uint32_t h = class_hash(url.p + from, i - from), at = h;
            /* in the host, at the start of a segment, elsewhere */
            uint8_t where = slashes == 2 ? 4 : from && url.p[from - 1] == '/' ? 2 : 1;
            for (; r->t->url[at % 512].hash; at++)
                if (r->t->url[at % 512].hash == h) {
                    for (unsigned g = 0; g < 16; g++)
                        if (r->t->url[at % 512].mask >> g & 1)
                            row[L_URL_blog + g] |= where;
                    break;
                }
        }
        if (c >= '0' && c <= '9' && i + 4 < n && (i == 0 || url.p[i - 1] == '/') && url.p[i + 4] == '/'
            && (c == '1' || c == '2'))
            row[L_u_year] = 1;
        from = i + 1;
    next:
        if (c == '/') {
            segments += slashes >= 3 && last;
            slashes++;
            if (i < n)
                last = dashes = digits = 0;
        } else if (slashes >= 3) {
            last++;
            dashes += c == '-';
            digits += c >= '0' && c <= '9';
        }
    }
    row[L_u_segments] = sdk_cap(segments);
    row[L_u_last] = sdk_cap(last);
    row[L_u_dashes] = sdk_cap(dashes);
    row[L_u_digits] = sdk_cap(digits);
    row[L_u_root] = segments == 0;
}

static void row_text(struct reader *r)
{
    uint8_t *row = r->ret->row;

    row[L_bytes] = sdk_log(r->bytes);
    row[L_link_bytes] = sdk_share(r->link_bytes, r->bytes);
    row[L_p_bytes] = sdk_share(r->p_bytes, r->bytes);
    row[L_li_bytes] = sdk_share(r->li_bytes, r->bytes);
    row[L_heading_bytes] = sdk_share(r->heading_bytes, r->bytes);
    row[L_cell_bytes] = sdk_share(r->cell_bytes, r->bytes);
    row[L_code_bytes] = sdk_share(r->code_bytes, r->bytes);
    row[L_main_bytes] = sdk_share(r->main_bytes, r->bytes);
    row[L_article_bytes] = sdk_share(r->article_bytes, r->bytes);
    row[L_run_bytes] = sdk_share(r->run_bytes, r->bytes);
    row[L_h1_bytes] = sdk_log(r->h1_bytes);
    row[L_long_texts] = sdk_log(r->long_texts);
    row[L_long_bytes] = sdk_share(r->long_bytes, r->bytes);
    row[L_longest] = sdk_log(r->longest);
    row[L_texts] = sdk_log(r->texts);
    row[L_text_mean] = sdk_log(r->texts ? r->bytes * 4 / r->texts : 0);
    row[L_prices] = sdk_log(r->prices);
    row[L_numbers] = sdk_log(r->numbers);
    row[L_questions] = sdk_log(r->questions);
    row[L_ends] = sdk_log(r->ends);
    row[L_p_long] = sdk_log(r->p_long);
    row[L_p_mean] = sdk_log(r->tags[TROMMEL_TAG_P] ? r->p_bytes / r->tags[TROMMEL_TAG_P] : 0);
    row[L_link_mean] = sdk_log(r->tags[TROMMEL_TAG_A] ? r->link_bytes * 4 / r->tags[TROMMEL_TAG_A] : 0);
}

static void row_make(struct reader *r, trommel_str url)
{
    uint8_t *row = r->ret->row;

    memset(row, 0, LAYOUT_FEATURES_N);
    row_text(r);
    row[L_run_max] = sdk_log(r->run_max);
    row[L_runs] = sdk_log(r->runs);
    row[L_run_links] = sdk_log(r->run_items);
    row[L_run_mean] = sdk_log(r->run_items ? r->run_bytes / r->run_items : 0);
    row[L_depth_max] = sdk_cap(r->depth_max);
    row[L_nodes] = sdk_log(r->d->n_nodes);
    row[L_og] = r->og;
    row[L_generator] = r->generator;
    row[L_images_alt] = sdk_share(r->images_alt, r->tags[TROMMEL_TAG_IMG]);
#define X_(t) row[L_TAG_##t] = sdk_log(r->tags[TROMMEL_TAG_##t]);
    LAYOUT_TAG_MAP(X_)
#undef X_
    for (unsigned i = 0; i < L_URL_blog - L_MARK_article; i++)
        row[L_MARK_article + i] = sdk_cap(r->marks[i]);
    for (unsigned i = 0; i < CLASS_GROUPS_N; i++)
        row[L_CLASS + i] = sdk_log(r->class[i]);
    row_url(r, url);
}

int layout_read(struct layout_tables *t, const trommel_dom *dom, trommel_str url, int (*stop)(void *),
                void *arg, struct layout_result *ret)
{
    static struct reader reader; /* too large for the stack; one thread */
    struct reader *r = &reader;
    uint32_t i = 1;

    memset(r, 0, offsetof(struct reader, level));
    r->level[0] = (struct level){ 0 };
    r->t = t;
    r->d = dom;
    r->ret = ret;
    while (i < dom->n_nodes) {
        const trommel_node *x = TROMMEL_NODE(dom, i);
        if ((i & 0x3fff) == 0 && stop && stop(arg))
            return TROMMEL_E_FAIL;
        if (x->depth && x->depth <= LAYOUT_DEPTH_MAX && x->end > i) {
            if (x->kind == TROMMEL_NODE_TEXT) {
                if (TROMMEL_NODE(dom, x->parent)->tag != TROMMEL_TAG_TITLE)
                    text_read(r, x, r->level[x->depth - 1].in);
            } else if (!element_read(r, i, x)) {
                i = x->end;
                continue;
            }
        }
        i++;
    }
    row_make(r, url);
    ret->fingerprint = fingerprint_get(&r->fp);
    ret->bytes = r->bytes;
    return 0;
}

void layout_feature_name(unsigned i, char *buf, size_t n)
{
    static const char *const names[] = {
#define X_(t) #t,
        LAYOUT_OTHER_MAP(X_)
#undef X_
#define X_(t) "tag_" #t,
        LAYOUT_TAG_MAP(X_)
#undef X_
#define X_(t, words) "mark_" #t,
        LAYOUT_MARK_MAP(X_)
#undef X_
#define X_(t, words) "url_" #t,
        LAYOUT_URL_MAP(X_)
#undef X_
#define X_(t, words) "c_" #t,
        CLASS_GROUPS(X_)
#undef X_
    };
    snprintf(buf, n, "%s", names[i]);
}
