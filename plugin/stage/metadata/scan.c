/* scan: one pass over the nodes, noting what the page declares and shows.
 *
 * Keeps for each open depth what surrounds it (R_*: navigation, footer, comment, byline …), from tags, roles
 * and the words of class and id.  Big elements don't count as bylines and the like, nor nearly the whole page
 * as a sidebar.  Texts go to scan_text.c. */
#include <string.h>

#include "plugin/stage/metadata/scan.h"
#include "plugin/stage/metadata/text.h"
#include "plugin/stage/metadata/words.h"

/* The attributes that are read, fetched in one go. */
struct attrs {
    str cls, id, href, rel, itemprop, itemtype, content, property, name, datetime, role, type, date, lang,
        title, alt;
    int hidden;
};

static void attrs_read(const trommel_dom *dom, const trommel_node *x, struct attrs *a)
{
    memset(a, 0, sizeof *a);
    for (uint32_t i = 0; i < x->attr_n; i++) {
        const trommel_attr *at = TROMMEL_ATTR(dom, x->attr + i);
        str v = { dom->strs + at->val, at->val_n };
        switch (at->key) {
        case TROMMEL_A_CLASS:
            a->cls = v;
            break;
        case TROMMEL_A_ID:
            a->id = v;
            break;
        case TROMMEL_A_HREF:
            a->href = v;
            break;
        case TROMMEL_A_REL:
            a->rel = v;
            break;
        case TROMMEL_A_ITEMPROP:
            a->itemprop = v;
            break;
        case TROMMEL_A_ITEMTYPE:
            a->itemtype = v;
            break;
        case TROMMEL_A_CONTENT:
            a->content = v;
            break;
        case TROMMEL_A_PROPERTY:
            a->property = v;
            break;
        case TROMMEL_A_NAME:
            a->name = v;
            break;
        case TROMMEL_A_HTTP_EQUIV:
            if (!a->name.n)
                a->name = v;
            break;
        case TROMMEL_A_DATETIME:
            a->datetime = v;
            break;
        case TROMMEL_A_ROLE:
            a->role = v;
            break;
        case TROMMEL_A_TYPE:
            a->type = v;
            break;
        case TROMMEL_A_LANG:
        case TROMMEL_A_XML_LANG:
            if (!a->lang.n)
                a->lang = v;
            break;
        case TROMMEL_A_TITLE:
            a->title = v;
            break;
        case TROMMEL_A_ALT:
            a->alt = v;
            break;
        case TROMMEL_A_DATA_DATE:
        case TROMMEL_A_DATA_TIME:
        case TROMMEL_A_DATA_TIMESTAMP:
        case TROMMEL_A_DATA_PUBLISHED:
        case TROMMEL_A_DATA_DATETIME:
        case TROMMEL_A_DATA_PUBDATE:
        case TROMMEL_A_DATA_UTIME:
            a->date = v;
            break;
        case TROMMEL_A_HIDDEN:
            a->hidden = 1;
            break;
        default:
            break;
        }
    }
}

static uint32_t tag_region(uint32_t tag)
{
    switch (tag) {
    case TROMMEL_TAG_NAV:
        return R_NAV;
    case TROMMEL_TAG_ASIDE:
        return R_ASIDE;
    case TROMMEL_TAG_FOOTER:
        return R_FOOTER;
    case TROMMEL_TAG_HEADER:
        return R_HEADER;
    case TROMMEL_TAG_ARTICLE:
        return R_ARTICLE;
    case TROMMEL_TAG_MAIN:
        return R_MAIN;
    case TROMMEL_TAG_A:
        return R_LINK;
    case TROMMEL_TAG_ADDRESS:
        return R_META;
    default:
        return 0;
    }
}

/* words_class with a memory: on most pages a few class attributes stand again and again. */
static uint32_t class_region(struct scan *s, str cls)
{
    uint32_t mid = (unsigned char)cls.p[cls.n / 2], last = (unsigned char)cls.p[cls.n - 1];
    uint32_t slot = ((uint32_t)cls.n * 31 + mid * 7 + last * 131 + (unsigned char)cls.p[0]) % CLASSES_KEPT;
    struct class_kept *k = &s->kept[slot];

    if (!str_eq(k->cls, cls)) {
        k->cls = cls;
        k->region = words_class(cls);
    }
    return k->region;
}

/* What an element says of its inside. */
static uint32_t own_region(struct scan *s, const trommel_node *x, uint32_t i, const struct attrs *a)
{
    uint32_t r = tag_region(x->tag), size = x->end - i, n = s->dom->n_nodes;

    if (x->tag == TROMMEL_TAG_HTML || x->tag == TROMMEL_TAG_BODY || x->tag == TROMMEL_TAG_HEAD)
        return 0;
    if (a->cls.n)
        r |= class_region(s, a->cls);
    if (a->id.n)
        r |= words_class(a->id);
    if (a->role.n && str_ieq(a->role, "navigation"))
        r |= R_NAV;
    if (a->itemprop.n) {
        if (str_has(a->itemprop, "author"))
            r |= R_AUTHOR;
        if (str_is(a->itemprop, "comment"))
            r |= R_COMMENT;
    }
    if (a->hidden)
        r |= R_HIDDEN;
    if (x->tag == TROMMEL_TAG_ARTICLE || x->tag == TROMMEL_TAG_MAIN)
        r &= ~(R_DATE | R_TAGS | R_TITLE | R_AUTHOR | R_USER | R_META | R_CRUMB | R_LOGO | R_BIO | R_PUB |
               R_UPDATED | R_COPY | R_HEADER | R_NAV | R_ASIDE | R_FOOTER | R_AD);
    if (size > 60)
        r &= ~(R_AUTHOR | R_DATE | R_TITLE | R_META | R_LOGO | R_CRUMB | R_COPY | R_USER | R_PUB | R_UPDATED |
               R_BIO | R_SITE);
    if (size > 300)
        r &= ~R_TAGS;
    if (size > n / 2 && n > 200)
        r &= ~(R_RELATED | R_COMMENT | R_NAV | R_ASIDE | R_CARD | R_FOOTER | R_HEADER | R_AD);
    return r;
}

static str attr_clean(struct scan *s, str v, size_t max)
{
    return text_clean(s->m, v, max, memchr(v.p ? v.p : "", '&', v.n) != NULL);
}

static void on_meta(struct scan *s, const struct attrs *a)
{
    str keys[3] = { a->property, a->name, a->itemprop };

    if (!a->content.n)
        return;
    for (int k = 0; k < 3; k++) {
        const struct words_key *row = words_meta(keys[k]);
        if (!row)
            continue;
        size_t max = row->what == W_DESC || row->what == W_TAG || row->what == W_KEYWORDS ? META_DESC_MAX
                     : row->what == W_TITLE                                               ? META_TITLE_MAX
                                                                                          : META_URL_MAX;
        if (row->what == W_COUNT) {
            if (row->bits & B_ARTICLE)
                s->m->og_article |= str_ieq(a->content, "article") || str_has(a->content, "news");
            return;
        }
        str v = attr_clean(s, a->content, max);
        if (v.n)
            meta_note(s->m, row->what, k == 2 ? HOW_MICRODATA : row->how, row->bits, TROMMEL_NONE, v);
        return;
    }
    if (str_starts(a->name, "twitter:label")) {
        s->data_is_author = str_has(a->content, "written by") || str_ieq(a->content, "author");
        return;
    }
    if (str_starts(a->name, "twitter:data")) {
        if (s->data_is_author)
            meta_note(s->m, W_AUTHOR, HOW_TWITTER, 0, TROMMEL_NONE, attr_clean(s, a->content, META_NAME_MAX));
        s->data_is_author = 0;
        return;
    }
    if (str_ieq(a->name, "generator") &&
        (str_has(a->content, "discourse") || str_has(a->content, "phpbb") ||
         str_has(a->content, "vbulletin") || str_has(a->content, "xenforo") || str_has(a->content, "smf") ||
         str_has(a->content, "mybb") || str_has(a->content, "nodebb") || str_has(a->content, "flarum") ||
         str_has(a->content, "invision")))
        s->m->forum = 1;
    else if (str_ieq(a->itemprop, "name"))
        return;
}

static void on_link(struct scan *s, const struct attrs *a)
{
    if (!a->href.n || a->href.n > META_URL_MAX)
        return;
    if (str_ieq(a->rel, "canonical"))
        meta_note(s->m, W_URL, HOW_LINK, B_MAIN_KEY, TROMMEL_NONE, a->href);
    else if (str_ieq(a->rel, "license"))
        meta_note(s->m, W_LICENSE, HOW_LINK, B_MAIN_KEY, TROMMEL_NONE, a->href);
    else if (str_ieq(a->rel, "image_src"))
        meta_note(s->m, W_IMAGE, HOW_LINK, 0, TROMMEL_NONE, a->href);
}

static void on_script(struct scan *s, const trommel_node *x, uint32_t i, const struct attrs *a)
{
    if (!str_has(a->type, "ld+json") || s->n_ld == SCRIPTS_MAX || x->end <= i + 1)
        return;
    const trommel_node *t = TROMMEL_NODE(s->dom, i + 1);
    if (t->kind != TROMMEL_NODE_TEXT || t->text_n > META_JSON_BYTES - s->ld_bytes)
        return;
    s->ld[s->n_ld++] = node_str(s->dom, t);
    s->ld_bytes += t->text_n;
}

/* Links that lead to a person's page: by one segment of the path, or a query key. */
static int is_profile(str href)
{
    if (href.n < 4 || href.n > 300)
        return 0;
    for (size_t i = 0; i + 2 < href.n; i++) {
        if (href.p[i] != '/' && href.p[i] != '?' && href.p[i] != ';')
            continue;
        size_t end = ++i;
        while (end < href.n && href.p[end] != '/' && href.p[end] != '?' && href.p[end] != ';' &&
               href.p[end] != '=')
            end++;
        str part = str_cut(href, i, end < href.n && href.p[end] == '=' ? end + 1 : end);
        i = end - 1;
        if (end == href.n || part.n > 16)
            continue;
        if (words_person_part(part))
            return 1;
    }
    return 0;
}

struct find *scan_note(struct scan *s, int what, int how, uint32_t bits, uint32_t node, uint32_t region,
                       str val)
{
    struct find *f = val.n ? meta_note(s->m, what, how, bits, node, val) : NULL;

    if (f)
        f->region = region;
    return f;
}

void scan_date(struct scan *s, int how, uint32_t bits, uint32_t node, uint32_t region, str v)
{
    if (!v.n || v.n > 100 || s->n_text_dates >= 120)
        return;
    s->n_text_dates++;
    int what = (region & R_UPDATED) && !(region & R_PUB) ? W_MODIFIED : W_PUBLISHED;
    if (bits & B_LABEL_MOD && !(bits & B_LABEL_PUB))
        what = W_MODIFIED;
    scan_note(s, what, how, bits, node, region, text_clean(s->m, v, 100, 0));
}

static void on_time(struct scan *s, uint32_t i, uint32_t region, const struct attrs *a)
{
    uint32_t bits = words_date_label(s->before);
    str v = a->datetime.n ? a->datetime : a->content.n ? a->content : a->date;

    if (str_has(a->itemprop, "datepublished"))
        bits |= B_MAIN_KEY;
    else if (str_has(a->itemprop, "datemodified"))
        bits = (bits & ~(uint32_t)B_LABEL_PUB) | B_LABEL_MOD;
    if (!v.n)
        v = text_of(s->m, i, 100);
    scan_date(s, HOW_TIME, bits, i, region, v);
}

static void on_microdata(struct scan *s, const trommel_node *x, uint32_t i, uint32_t region,
                         const struct attrs *a)
{
    str v = a->content.n ? attr_clean(s, a->content, META_TITLE_MAX) : (str){ NULL, 0 };
    str p = a->itemprop;

    if (str_has(p, "datepublished") || str_is(p, "dateCreated") || str_is(p, "uploadDate"))
        scan_date(s, HOW_MICRODATA, str_has(p, "datepublished") ? B_MAIN_KEY : 0, i, region,
                  v.n             ? v
                  : a->datetime.n ? a->datetime
                                  : text_of(s->m, i, 100));
    else if (str_has(p, "datemodified"))
        scan_date(s, HOW_MICRODATA, B_LABEL_MOD, i, region,
                  v.n             ? v
                  : a->datetime.n ? a->datetime
                                  : text_of(s->m, i, 100));
    else if ((str_is(p, "headline") || str_is(p, "name")) && x->tag != TROMMEL_TAG_H1 && s->n_class < 12 &&
             !(region & (R_AUTHOR | R_CRUMB | R_OUTSIDE | R_COMMENT | R_CARD))) {
        s->n_class++;
        scan_note(s, W_TITLE, HOW_MICRODATA, str_is(p, "headline") ? B_MAIN_KEY : 0, i, region,
                  v.n ? v : text_of(s->m, i, META_TITLE_MAX));
    } else if (str_is(p, "keywords")) {
        scan_note(s, W_TAG, HOW_MICRODATA, B_LIST, i, region, v.n ? v : text_of(s->m, i, META_NAME_MAX));
    } else if (str_is(p, "articleSection")) {
        scan_note(s, W_SECTION, HOW_MICRODATA, 0, i, region, v.n ? v : text_of(s->m, i, META_NAME_MAX));
    }
}

static void on_heading(struct scan *s, const trommel_node *x, uint32_t i, uint32_t region)
{
    struct meta *m = s->m;

    if (x->end - i > 200)
        return;
    if (x->tag == TROMMEL_TAG_H1 && m->n_h1 < 12) {
        str t = text_of(m, i, META_TITLE_MAX);
        if (!t.n) /* a logo: what its picture says */
            return;
        if (m->h1 == TROMMEL_NONE && !(region & (R_LOGO | R_NAV)))
            m->h1 = i;
        m->n_h1++;
        scan_note(s, W_TITLE, HOW_H1, 0, i, region, t);
    } else if (x->tag == TROMMEL_TAG_H2 && s->n_h2 < 3 && !(region & (R_NAV | R_FOOTER | R_AD))) {
        s->n_h2++;
        scan_note(s, W_TITLE, HOW_H2, 0, i, region, text_of(m, i, META_TITLE_MAX));
    }
}

static void on_logo(struct scan *s, const trommel_node *x, uint32_t i, const struct attrs *a, uint32_t region)
{
    if (s->n_logo >= 12)
        return;
    str t = x->tag == TROMMEL_TAG_IMG ? a->alt : text_of(s->m, i, 120);
    for (uint32_t k = i; !t.n && k < x->end && k < i + 12; k++) {
        const trommel_node *y = TROMMEL_NODE(s->dom, k);
        if (y->kind == TROMMEL_NODE_ELEMENT && y->tag == TROMMEL_TAG_IMG)
            t = node_attr(s->dom, y, TROMMEL_A_ALT);
    }
    if (!t.n)
        t = a->title;
    if (t.p && t.n) {
        s->n_logo++;
        scan_note(s, W_LOGO, HOW_CLASS, 0, i, region, text_clean(s->m, t, 120, 0));
    }
}

/* All links, else all list items, of a box of tags. */
void scan_tags_box(struct scan *s, const trommel_node *x, uint32_t i, uint32_t region, int how)
{
    uint32_t links = 0, items = 0, want;

    if (s->n_tags_boxes >= 24 || x->end - i > 300)
        return;
    for (uint32_t k = i; k < x->end; k++) {
        const trommel_node *y = TROMMEL_NODE(s->dom, k);
        links += y->kind == TROMMEL_NODE_ELEMENT && y->tag == TROMMEL_TAG_A;
        items += y->kind == TROMMEL_NODE_ELEMENT && y->tag == TROMMEL_TAG_LI;
    }
    want = links ? TROMMEL_TAG_A : items ? TROMMEL_TAG_LI : 0;
    if (!want)
        return;
    s->n_tags_boxes++;
    uint32_t n = 0;
    for (uint32_t k = i; k < x->end && n < META_TAGS_MAX; k++) {
        const trommel_node *y = TROMMEL_NODE(s->dom, k);
        if (y->kind != TROMMEL_NODE_ELEMENT || y->tag != want)
            continue;
        str t = text_of(s->m, k, 120);
        if (t.n) {
            struct find *f = scan_note(s, W_TAG, how, B_WHOLE, i, region, t);
            if (f && str_has(node_attr(s->dom, y, TROMMEL_A_REL), "category"))
                f->bits |= B_WEAK;
            n++;
        }
    }
}

static void on_anchor(struct scan *s, const trommel_node *x, uint32_t i, const struct attrs *a,
                      uint32_t region, uint32_t above)
{
    if (str_has(a->rel, "tag") && !str_has(a->rel, "vantage") && !(above & R_TAGS) && x->end - i < 20) {
        struct find *f = scan_note(s, W_TAG, HOW_REL, B_WHOLE, x->parent, region, text_of(s->m, i, 120));
        if (f && str_has(a->rel, "category"))
            f->bits |= B_WEAK;
    } else if (a->rel.n && str_ieq(a->rel, "license") && a->href.n <= META_URL_MAX) {
        scan_note(s, W_LICENSE, HOW_REL, 0, i, region, a->href);
    }
    if (s->n_link_author < 40 && x->end - i < 20) {
        int rel = str_has(a->rel, "author");
        if (rel || is_profile(a->href)) {
            str t = text_of(s->m, i, 120);
            if (t.n) {
                s->n_link_author++;
                scan_note(s, W_AUTHOR, HOW_REL, (rel ? (uint32_t)B_REL : 0) | B_PROFILE, i, region, t);
            }
        }
    }
    if ((str_is(a->href, "/") || str_is(a->href, "./")) && s->n_logo < 12 && !(above & R_LOGO) &&
        !(region & R_CRUMB))
        on_logo(s, x, i, a, region | R_HEADER);
}

/* The first text of a byline that is more than its opening: the name, where a role or a date follows. */
static void first_name(struct scan *s, uint32_t node, uint32_t region)
{
    uint32_t end = TROMMEL_NODE(s->dom, node)->end;

    for (uint32_t i = node + 1; i < end; i++) {
        const trommel_node *x = TROMMEL_NODE(s->dom, i);
        int strong;
        if (x->kind == TROMMEL_NODE_ELEMENT &&
            (x->ns != TROMMEL_NS_HTML || x->tag == TROMMEL_TAG_SCRIPT || x->tag == TROMMEL_TAG_STYLE ||
             x->tag == TROMMEL_TAG_BUTTON)) {
            i = x->end > i ? x->end - 1 : i;
            continue;
        }
        if (x->kind != TROMMEL_NODE_TEXT || (x->flags & TROMMEL_NODE_F_SPACE))
            continue;
        str t = text_trim(node_str(s->dom, x));
        if (!t.n || words_by(t, &strong) == t.n)
            continue;
        if (t.n <= 80)
            scan_note(s, W_AUTHOR, HOW_BYLINE, B_WHOLE, i, region, text_clean(s->m, t, 120, 0));
        return;
    }
}

/* A byline, a date, a box of tags, a title: by what the element's class says, once where nested. */
static void on_class(struct scan *s, const trommel_node *x, uint32_t i, const struct attrs *a, uint32_t own,
                     uint32_t above)
{
    uint32_t region = own | above, fresh = own & ~above, size = x->end - i;

    if (fresh & (R_AUTHOR | R_USER) && !(region & R_HIDDEN) && size <= 40) {
        str t = text_of_apart(s->m, i, 240);
        if (t.n && t.n < 236) {
            int micro = str_has(a->itemprop, "author") || str_is(a->itemprop, "creator");
            scan_note(s, W_AUTHOR,
                      micro            ? HOW_MICRODATA
                      : own & R_AUTHOR ? HOW_BYLINE
                                       : HOW_CLASS,
                      size == 2 ? B_WHOLE : 0, i, region, t);
        }
        if (size > 3)
            first_name(s, i, region);
    } else if ((own & R_AUTHOR) && size <= 6 && a->itemprop.n && str_is(a->itemprop, "name")) {
        scan_note(s, W_AUTHOR, HOW_MICRODATA, B_WHOLE, i, region, text_of(s->m, i, 240));
    }
    if ((above & R_AUTHOR) && str_is(a->itemprop, "name"))
        scan_note(s, W_AUTHOR, HOW_MICRODATA, B_WHOLE | B_MAIN_KEY, i, region,
                  a->content.n ? attr_clean(s, a->content, 240) : text_of(s->m, i, 240));
    if (fresh & R_DATE && size > 2 && size <= 14 && x->tag != TROMMEL_TAG_TIME) {
        str t = text_of(s->m, i, 90);
        if (date_hint(t.p, t.n))
            scan_date(s, HOW_CLASS, words_date_label(t), i, region, t);
    }
    if (fresh & R_TAGS && x->tag != TROMMEL_TAG_A && x->tag != TROMMEL_TAG_LI)
        scan_tags_box(s, x, i, region, HOW_CLASS);
    if (fresh & R_TITLE && s->n_class < 8 && x->tag != TROMMEL_TAG_H1 && size <= 40 &&
        !(region & (R_NAV | R_FOOTER | R_AD))) {
        str t = text_of(s->m, i, META_TITLE_MAX);
        s->n_class++;
        scan_note(s, W_TITLE, HOW_CLASS, 0, i, region, t);
    }
    if (fresh & R_LOGO && size <= 40 && !(region & R_CARD))
        on_logo(s, x, i, a, region);
}

/* Says nothing without attributes. */
static int is_quiet(uint32_t tag)
{
    switch (tag) {
    case TROMMEL_TAG_SCRIPT:
    case TROMMEL_TAG_TITLE:
    case TROMMEL_TAG_TIME:
    case TROMMEL_TAG_H1:
    case TROMMEL_TAG_H2:
    case TROMMEL_TAG_SELECT:
    case TROMMEL_TAG_TEXTAREA:
    case TROMMEL_TAG_IFRAME:
    case TROMMEL_TAG_OBJECT:
        return 0;
    default:
        return 1;
    }
}

/* A string's value behind key in JSON that lies escaped in a string of JSON. */
static str escaped_value(str s, const char *key)
{
    size_t k = strlen(key);
    const char *hit = memmem(s.p, s.n, key, k), *end = s.p + s.n, *q;

    if (!hit)
        return (str){ NULL, 0 };
    hit += k;
    q = memchr(hit, '\\', (size_t)(end - hit));
    return q && q - hit < 100 ? (str){ hit, (size_t)(q - hit) } : (str){ NULL, 0 };
}

/* Discourse sends a thread's first posts as JSON in an attribute, whether or not the page shows them. */
static void on_preloaded(struct scan *s, const trommel_node *x, uint32_t i)
{
    static const char posts[] = "post_stream\\\":{\\\"posts\\\":[{";

    for (uint32_t k = 0; k < x->attr_n; k++) {
        const trommel_attr *a = TROMMEL_ATTR(s->dom, x->attr + k);
        str name = { s->dom->strs + a->name, a->name_n }, v = { s->dom->strs + a->val, a->val_n };
        if (!str_is(name, "data-preloaded"))
            continue;
        const char *hit = memmem(v.p, v.n, posts, sizeof posts - 1);
        s->m->forum = 1;
        if (!hit)
            return;
        str first = str_cut(v, (size_t)(hit - v.p), v.n);
        if (first.n > 3000)
            first.n = 3000;
        str user = escaped_value(first, "\\\"username\\\":\\\""),
            date = escaped_value(first, "\\\"created_at\\\":\\\"");
        if (user.n)
            scan_note(s, W_AUTHOR, HOW_DATA, B_WHOLE | B_ARTICLE, TROMMEL_NONE, R_USER,
                      text_clean(s->m, user, 100, 0));
        if (date.n)
            scan_note(s, W_PUBLISHED, HOW_DATA, B_ARTICLE, TROMMEL_NONE, R_USER,
                      text_clean(s->m, date, 40, 0));
        return;
    }
}

/* Returns the index of the last node dealt with. */
static uint32_t on_element(struct scan *s, const trommel_node *x, uint32_t i, uint32_t above,
                           uint32_t *ret_region)
{
    struct attrs a;
    uint32_t last = x->end > i ? x->end - 1 : i;

    *ret_region = above;
    if (x->ns != TROMMEL_NS_HTML || x->tag == TROMMEL_TAG_STYLE || x->tag == TROMMEL_TAG_TEMPLATE ||
        x->tag == TROMMEL_TAG_NOSCRIPT)
        return last;
    if (x->attr_n == 0 && is_quiet(x->tag)) {
        *ret_region = above | tag_region(x->tag);
        return i;
    }
    attrs_read(s->dom, x, &a);
    switch (x->tag) {
    case TROMMEL_TAG_SCRIPT:
        on_script(s, x, i, &a);
        return last;
    case TROMMEL_TAG_TITLE:
        if (!meta_first(s->m, W_TITLE) || meta_first(s->m, W_TITLE)->how != HOW_TITLE)
            scan_note(s, W_TITLE, HOW_TITLE, 0, TROMMEL_NONE, 0, text_of(s->m, i, META_TITLE_MAX));
        return last;
    case TROMMEL_TAG_META:
        on_meta(s, &a);
        if (a.itemprop.n)
            on_microdata(s, x, i, above, &a);
        return i;
    case TROMMEL_TAG_LINK:
        on_link(s, &a);
        return i;
    case TROMMEL_TAG_HTML:
        if (a.lang.n && a.lang.n < 40)
            meta_note(s->m, W_LANG, HOW_HTML_LANG, B_MAIN_KEY, TROMMEL_NONE, a.lang);
        if (str_is(a.id, "XF"))
            s->m->forum = 1;
        return i;
    case TROMMEL_TAG_SELECT:
    case TROMMEL_TAG_TEXTAREA:
    case TROMMEL_TAG_IFRAME:
    case TROMMEL_TAG_OBJECT:
        return last;
    default:
        break;
    }
    uint32_t own = own_region(s, x, i, &a), region = own | above;
    *ret_region = region;
    if (a.id.n && str_is(a.id, "data-preloaded"))
        on_preloaded(s, x, i);
    if (x->tag == TROMMEL_TAG_TIME)
        on_time(s, i, region, &a);
    else if (a.itemprop.n)
        on_microdata(s, x, i, region, &a);
    else if (a.date.n && date_hint(a.date.p, a.date.n))
        scan_date(s, HOW_DATA, 0, i, region, a.date);
    else if ((own & R_DATE) && a.title.n && date_hint(a.title.p, a.title.n))
        scan_date(s, HOW_DATA, words_date_label(s->before), i, region, a.title);
    if (x->tag == TROMMEL_TAG_H1 || x->tag == TROMMEL_TAG_H2)
        on_heading(s, x, i, region);
    else if (x->tag == TROMMEL_TAG_A && a.href.n)
        on_anchor(s, x, i, &a, region, above);
    if (own & (R_AUTHOR | R_USER | R_DATE | R_TAGS | R_TITLE | R_LOGO) ||
        ((above & R_AUTHOR) && a.itemprop.n))
        on_class(s, x, i, &a, own, above);
    return i;
}

void scan_page(struct meta *m)
{
    static struct scan scan; /* one page at a time */
    struct scan *s = &scan;
    const trommel_dom *dom = m->dom;

    memset(s, 0, sizeof *s);
    s->m = m;
    s->dom = dom;
    s->by_node = TROMMEL_NONE;
    for (uint32_t i = 1; i < dom->n_nodes; i++) {
        const trommel_node *x = TROMMEL_NODE(dom, i);
        uint32_t depth = x->depth < META_DEPTH_MAX ? x->depth : META_DEPTH_MAX - 1;
        uint32_t above = depth ? s->region[depth - 1] : 0;
        if (x->kind == TROMMEL_NODE_TEXT) {
            if (!(x->flags & TROMMEL_NODE_F_SPACE))
                scan_text(s, x, i, above);
        } else if (x->kind == TROMMEL_NODE_ELEMENT) {
            i = on_element(s, x, i, above, &s->region[depth]);
        }
        if ((i & 1023) == 0 && meta_stop(m))
            return;
    }
    jsonld_read(m, s->ld, s->n_ld);
}
