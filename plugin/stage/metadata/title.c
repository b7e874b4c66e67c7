/* title: the site's name, words stuffed in front of the title, and the title itself.
 *
 * The site's name comes from what the page declares, else from a part of <title> that the logo, the footer
 * or the host name confirms.  An injection is "WORDS|Real title" where every copy of the headline begins
 * with the same words and something else betrays them: they are the only keyword declared, or stand
 * glued into the running text.  Titles are candidates from all sources, with the site's name and the
 * injection taken off, ranked. */
#include <string.h>

#include "plugin/stage/metadata/rank.h"
#include "plugin/stage/metadata/text.h"

/* ---- separators between the parts of a title ---- */

/* Bytes of a separator character at p, 0: none.  *ret_tight: it parts words even without spaces. */
static size_t separator(const char *p, const char *end, int *ret_tight)
{
    const char *q = p;
    uint32_t c = text_next(&q, end);

    *ret_tight = c == '|' || c == 0xFF5C || c == 0xB7 || c == 0x2022 || c == 0x2502 || c == 0xBB || c == 0xAB;
    if (*ret_tight || c == '-' || c == 0x2013 || c == 0x2014 || c == ':' || c == '<' || c == '>' ||
        c == '~' || c == '/' || c == 0x2015 || c == '_' || c == '*' || c == ',' || c == '@' || c == 0x203A ||
        c == 0x2039)
        return (size_t)(q - p);
    return 0;
}

struct cut {
    size_t left, right; /* the part before ends at left, the part behind begins at right */
    int weak;           /* colons, commas, slashes: parts of a title more often than not */
};

static uint32_t cuts_find(str t, struct cut *cuts, uint32_t max)
{
    uint32_t n = 0;

    for (size_t i = 1; i < t.n && n < max; i++) {
        int tight;
        size_t k = separator(t.p + i, t.p + t.n, &tight);
        if (!k)
            continue;
        size_t end = i + k;
        while (end < t.n && t.p[end] == t.p[i]) /* "::", "--" */
            end++;
        int left = t.p[i - 1] == ' ', right = end < t.n && t.p[end] == ' ';
        char c = t.p[i];
        int glued = c == ':' || c == ',';
        if (end < t.n && (tight || left || (glued && right))) {
            str before = text_trim(str_cut(t, 0, i)), after = text_trim(str_cut(t, end, t.n));
            if (before.n && after.n)
                cuts[n++] =
                    (struct cut){ before.n + (size_t)(before.p - t.p), (size_t)(after.p - t.p),
                                  ((glued && end == i + 1) || c == '/' || c == '@' || c == '*' || c == '_') ||
                                      (!tight && !(left && right)) };
        }
        i = end - 1;
    }
    return n;
}

/* ---- the site's name ---- */

/* Without spaces, for comparing with a host's label; returns its length. */
static size_t squeeze(str norm, char *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < norm.n && n < max; i++)
        if (norm.p[i] != ' ' && norm.p[i] != '\'' && norm.p[i] != '_')
            out[n++] = norm.p[i];
    return n;
}

/* The host's own label: "example" of www.example.co.uk. */
static str host_label(const struct meta *m)
{
    str h = m->host_name;
    size_t dots[8], n = 0;

    if (str_starts(h, "www."))
        h = str_cut(h, 4, h.n);
    for (size_t i = 0; i < h.n && n < 8; i++)
        if (h.p[i] == '.')
            dots[n++] = i;
    if (n == 0)
        return h;
    size_t end = dots[n - 1];
    if (n >= 2 && dots[n - 1] - dots[n - 2] - 1 <= 3 && h.n - dots[n - 1] - 1 == 2) { /* co.uk, com.au */
        end = dots[n - 2];
        return str_cut(h, n >= 3 ? dots[n - 3] + 1 : 0, end);
    }
    return str_cut(h, n >= 2 ? dots[n - 2] + 1 : 0, end);
}

/* Is it what the host is called, perhaps with its top-level domain? */
static int is_host(const struct meta *m, str norm)
{
    char buf[80];
    size_t n = squeeze(norm, buf, sizeof buf);
    str label = host_label(m);
    char name[80];
    size_t k = 0;

    for (size_t i = 0; i < label.n && k < sizeof name; i++)
        if (label.p[i] != '-')
            name[k++] = label.p[i];
    if (k < 3 || n < 3)
        return 0;
    if (n > 3 && memcmp(buf, "the", 3) == 0 && n - 3 == k && memcmp(buf + 3, name, k) == 0)
        return 1;
    if (n == k && memcmp(buf, name, k) == 0)
        return 1;
    return n > k && n <= k + 6 && memcmp(buf, name, k) == 0 &&
           memmem(m->host_name.p, m->host_name.n, label.p, label.n) &&
           label.p + label.n < m->host_name.p + m->host_name.n && label.p[label.n] == '.' &&
           memcmp(buf + k, label.p + label.n + 1, n - k) == 0;
}

/* What the page elsewhere calls its site: declared, logo, footer. */
static struct {
    str norm;
    int foot; /* a line that has the name among other words */
} called[48];
static uint32_t n_called;

static void called_collect(struct meta *m)
{
    n_called = 0;
    for (uint32_t i = 0; i < m->n_finds && n_called < 48; i++) {
        const struct find *f = &m->finds[i];
        if (f->what != W_SITE && f->what != W_LOGO && f->what != W_FOOT)
            continue;
        str norm = text_norm(m, f->val);
        if (!norm.n)
            continue;
        called[n_called].norm = norm;
        called[n_called++].foot = f->what == W_FOOT;
    }
}

static int is_confirmed(struct meta *m, str norm)
{
    if (!norm.n || norm.n > 100)
        return 0;
    if (is_host(m, norm))
        return 1;
    uint32_t words = text_words(norm);
    for (uint32_t i = 0; i < n_called; i++)
        if (str_eq(called[i].norm, norm) ||
            (called[i].foot && norm.n >= 4 && words <= 6 && text_has_words(called[i].norm, norm)))
            return 1;
    return 0;
}

static int sane_site(str s)
{
    return s.n >= 2 && s.n <= 100 && !str_starts(s, "http") && !str_starts(s, "@");
}

static str title_of(const struct meta *m)
{
    for (uint32_t i = 0; i < m->n_finds; i++)
        if (m->finds[i].what == W_TITLE && m->finds[i].how == HOW_TITLE)
            return m->finds[i].val;
    return (str){ "", 0 };
}

void site_choose(struct meta *m)
{
    static const struct {
        uint8_t how;
        uint32_t with, without;
    } order[] = { { HOW_OPENGRAPH, B_MAIN_KEY, 0 },
                  { HOW_JSON_LD, B_MAIN_KEY, 0 },
                  { HOW_JSON_LD, 0, B_MAIN_KEY },
                  { HOW_META, 0, B_WEAK } };
    str title = title_of(m);

    called_collect(m);
    for (size_t o = 0; o < sizeof order / sizeof *order; o++) {
        for (uint32_t i = 0; i < m->n_finds; i++) {
            const struct find *f = &m->finds[i];
            if (f->what == W_SITE && f->how == order[o].how && (f->bits & order[o].with) == order[o].with &&
                !(f->bits & order[o].without) && sane_site(f->val)) {
                m->site = f->val;
                m->how[W_SITE] = f->how;
                return;
            }
        }
    }
    struct cut cuts[16];
    uint32_t n = cuts_find(title, cuts, 16);
    if (n) {
        str last = str_cut(title, cuts[n - 1].right, title.n), first = str_cut(title, 0, cuts[0].left);
        if (sane_site(last) && is_confirmed(m, text_norm(m, last)))
            m->site = last;
        else if (sane_site(first) && !cuts[0].weak && is_confirmed(m, text_norm(m, first)))
            m->site = first;
        if (m->site.n)
            m->how[W_SITE] = HOW_TITLE;
    }
    for (uint32_t i = 0; !m->site.n && i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if ((f->what == W_SITE && sane_site(f->val) && is_confirmed(m, text_norm(m, f->val)) &&
             f->how == HOW_META) ||
            (f->what == W_LOGO && sane_site(f->val) && is_host(m, text_norm(m, f->val)))) {
            m->site = f->val;
            m->how[W_SITE] = f->how;
        }
    }
}

/* ---- injections ---- */

/* Does the text begin with words and a bar?  Bytes up to and with the bar, else 0. */
static size_t starts_injected(str t, str words)
{
    if (t.n <= words.n || memcmp(t.p, words.p, words.n) != 0)
        return 0;
    size_t i = words.n;
    while (i < t.n && t.p[i] == ' ')
        i++;
    return i < t.n && t.p[i] == '|' ? i + 1 : 0;
}

/* The words stand in running text right behind a letter or comma, not as a headline. */
static int stands_glued(struct meta *m, str words)
{
    for (uint32_t i = 1; i < m->dom->n_nodes; i++) {
        const trommel_node *x = TROMMEL_NODE(m->dom, i);
        if (x->kind != TROMMEL_NODE_TEXT || x->text_n < words.n + 20)
            continue;
        const char *p = m->dom->strs + x->text, *end = p + x->text_n, *from = p;
        for (const char *hit; (hit = memmem(from, (size_t)(end - from), words.p, words.n)); from = hit + 1) {
            const char *after = hit + words.n;
            if (hit > p && !strchr(" \t\n\"'([|>", hit[-1]) && (unsigned char)hit[-1] < 0x80 &&
                !(after < end && *after == '|'))
                return 1;
        }
        if ((i & 4095) == 0 && meta_stop(m))
            return 0;
    }
    return 0;
}

static void injection_find(struct meta *m)
{
    str words = { NULL, 0 };
    uint32_t copies = 0, others = 0;
    int betrayed = 0;

    for (uint32_t i = 0; i < m->n_finds && !words.n; i++) {
        const struct find *f = &m->finds[i];
        if (f->what != W_TITLE || (f->how != HOW_H1 && f->how != HOW_OPENGRAPH && f->how != HOW_TITLE))
            continue;
        const char *bar = memchr(f->val.p, '|', f->val.n);
        if (bar)
            words = text_trim(str_cut(f->val, 0, (size_t)(bar - f->val.p)));
    }
    str norm = text_norm(m, words);
    if (words.n < 3 || words.n > 100 || text_words(norm) > 10 || is_confirmed(m, norm))
        return;
    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if (f->what == W_TITLE && (f->how == HOW_H1 || f->how == HOW_OPENGRAPH || f->how == HOW_TITLE)) {
            size_t k = starts_injected(f->val, words);
            copies += k > 0;
            others += k == 0 && f->how != HOW_H1;
            if (k && text_words(text_norm(m, str_cut(f->val, k, f->val.n))) < 3)
                return;
        } else if (f->what == W_KEYWORDS && str_eq(text_norm(m, f->val), norm)) {
            betrayed = 1;
        }
    }
    if (copies < 2 || others)
        return;
    if (betrayed || stands_glued(m, words))
        m->injected = words;
}

/* ---- candidates ---- */

/* clang-format off */
enum {
    T_H1_FIRST, T_H1_OTHER, T_H1_ONLY, T_OG, T_OG_STRIPPED, T_TWITTER, T_LD_HEADLINE, T_LD_NAME,
    T_LD_PAGE, T_LD_THING, T_META, T_MICRO_HEADLINE, T_MICRO_NAME, T_CLASS_FIRST, T_CLASS_OTHER, T_H2,
    T_FULL, T_FIRST, T_UPTO_LAST, T_LAST, T_AFTER_FIRST, T_LONGEST, T_STRIPPED, T_UNCUT, T_IS_SITE,
    T_HAS_SITE, T_WORDS_1, T_WORDS_2, T_WORDS_5, T_WORDS_12, T_WORDS_20, T_WORDS_MORE, T_SHARE_TITLE,
    T_SHARE_OG, T_ALL_TITLE, T_ALL_OG, T_NO_TITLE, T_OUTSIDE, T_HEADER, T_MAIN, T_HIDDEN, T_CARD,
    T_HOME_FULL, T_HOME_H1, T_HOME_OG, T_HOME_PART, T_HOME_SITE, T_ARTICLE_H1, T_ARTICLE_OG,
    T_ARTICLE_LD, T_ARTICLE_PART, T_THING_H1, T_THING_OG, T_ELLIPSIS, T_NO_H1_FULL, T_LONGER_THAN_H1,
    T_NO_H1_OG, T_NO_H1_PART, T_VOTES_2, T_VOTES_3, T_VOTES_4, T_H1_STRIPPED, T_FORUM_PART, T_FORUM_H1,
    T_COUNT
};
/* clang-format on */
_Static_assert(T_COUNT <= RANK_BITS, "title bits");

static struct rank titles;

static int has_lower(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] >= 'a' && s.p[i] <= 'z') || (unsigned char)s.p[i] >= 0x80)
            return 1;
    return 0;
}

static void title_add(struct meta *m, str text, uint64_t bits, int how)
{
    struct rank *r = &titles;

    text = text_trim(text);
    if (m->injected.n) {
        size_t k = starts_injected(text, m->injected);
        text = text_trim(str_cut(text, k, text.n));
    }
    str norm = text_norm(m, text);
    if (!norm.n)
        return;
    for (uint32_t i = 0; i < r->n; i++) {
        if (str_eq(r->c[i].norm, norm)) {
            r->c[i].votes += (r->c[i].bits & bits) == 0;
            r->c[i].bits |= bits;
            if (how == HOW_H1 || r->c[i].how == HOW_TITLE || (how < r->c[i].how && r->c[i].how != HOW_H1))
                r->c[i].how = (uint8_t)how;       /* the headline on the page, else what is declared */
            if (how == HOW_H1 && has_lower(text)) /* as the page writes it, unless it shouts */
                r->c[i].text = text;
            return;
        }
    }
    if (r->n == RANK_MAX)
        return;
    struct rank_cand *c = &r->c[r->n++];
    c->text = text;
    c->norm = norm;
    c->bits = bits;
    c->votes = 1;
    c->how = (uint8_t)how;
}

/* The text without the site's name at either end. */
static str strip_site(struct meta *m, str t)
{
    str site = text_norm(m, m->site);

    for (int again = 0; again < 3; again++) { /* "Title - Section - Site", "Title | Site | Site" */
        struct cut cuts[16];
        uint32_t n = cuts_find(t, cuts, 16), i;
        for (i = 0; i < n; i++) {
            str norm = text_norm(m, str_cut(t, cuts[i].right, t.n));
            if ((site.n && str_eq(norm, site)) || is_confirmed(m, norm))
                break;
        }
        if (i == n)
            break;
        t = str_cut(t, 0, cuts[i].left);
    }
    struct cut cut;
    if (cuts_find(t, &cut, 1) && !cut.weak) {
        str norm = text_norm(m, str_cut(t, 0, cut.left));
        if ((site.n && str_eq(norm, site)) || is_confirmed(m, norm))
            t = str_cut(t, cut.right, t.n);
    }
    return t;
}

static void add_parts(struct meta *m, str t)
{
    struct cut cuts[16];
    uint32_t n = cuts_find(t, cuts, 16), strong = 0;
    str longest = { "", 0 };
    size_t from = 0;

    for (uint32_t i = 0; i < n; i++)
        if (!cuts[i].weak)
            cuts[strong++] = cuts[i];
    n = strong;
    title_add(m, t, RANK(T_FULL) | (n ? 0 : RANK(T_UNCUT)), HOW_TITLE);
    str stripped = strip_site(m, t);
    if (stripped.n != t.n)
        title_add(m, stripped, RANK(T_STRIPPED), HOW_TITLE);
    if (!n)
        return;
    title_add(m, str_cut(t, 0, cuts[0].left), RANK(T_FIRST), HOW_TITLE);
    title_add(m, str_cut(t, 0, cuts[n - 1].left), RANK(T_UPTO_LAST), HOW_TITLE);
    title_add(m, str_cut(t, cuts[n - 1].right, t.n), RANK(T_LAST), HOW_TITLE);
    title_add(m, str_cut(t, cuts[0].right, t.n), RANK(T_AFTER_FIRST), HOW_TITLE);
    for (uint32_t i = 0; i <= n; i++) {
        str part = str_cut(t, from, i < n ? cuts[i].left : t.n);
        if (part.n > longest.n)
            longest = part;
        if (i < n)
            from = cuts[i].right;
    }
    title_add(m, longest, RANK(T_LONGEST), HOW_TITLE);
}

static uint64_t title_place(uint32_t region)
{
    return (region & R_OUTSIDE ? RANK(T_OUTSIDE) : 0) | (region & (R_HEADER | R_LOGO) ? RANK(T_HEADER) : 0) |
           (region & (R_MAIN | R_ARTICLE) ? RANK(T_MAIN) : 0) | (region & R_HIDDEN ? RANK(T_HIDDEN) : 0) |
           (region & (R_CARD | R_COMMENT | R_AD) ? RANK(T_CARD) : 0);
}

static void add_find(struct meta *m, const struct find *f, uint32_t *h1s, uint32_t *classes)
{
    uint64_t bits;

    switch (f->how) {
    case HOW_H1:
        bits = RANK(f->node == m->h1 || (m->h1 == TROMMEL_NONE && *h1s == 0) ? T_H1_FIRST : T_H1_OTHER);
        bits |= m->n_h1 == 1 ? RANK(T_H1_ONLY) : 0;
        (*h1s)++;
        str s = strip_site(m, f->val);
        title_add(m, f->val, bits | title_place(f->region), HOW_H1);
        if (s.n != f->val.n)
            title_add(m, s, RANK(T_H1_STRIPPED), HOW_H1);
        return;
    case HOW_OPENGRAPH:
        title_add(m, f->val, RANK(T_OG), HOW_OPENGRAPH);
        title_add(m, strip_site(m, f->val), RANK(T_OG_STRIPPED), HOW_OPENGRAPH);
        return;
    case HOW_TWITTER:
        title_add(m, strip_site(m, f->val), RANK(T_TWITTER), HOW_TWITTER);
        return;
    case HOW_JSON_LD:
        bits = f->bits & B_ARTICLE ? RANK(f->bits & B_MAIN_KEY ? T_LD_HEADLINE : T_LD_NAME)
                                   : RANK(f->bits & B_PAGE ? T_LD_PAGE : T_LD_THING);
        title_add(m, f->bits & B_PAGE ? strip_site(m, f->val) : f->val, bits, HOW_JSON_LD);
        return;
    case HOW_MICRODATA:
        title_add(m, f->val,
                  RANK(f->bits & B_MAIN_KEY ? T_MICRO_HEADLINE : T_MICRO_NAME) | title_place(f->region),
                  HOW_MICRODATA);
        return;
    case HOW_CLASS:
        title_add(m, f->val, RANK(*classes ? T_CLASS_OTHER : T_CLASS_FIRST) | title_place(f->region),
                  HOW_CLASS);
        (*classes)++;
        return;
    case HOW_H2:
        title_add(m, f->val, RANK(T_H2) | title_place(f->region), HOW_H2);
        return;
    case HOW_TITLE:
        add_parts(m, f->val);
        return;
    default:
        title_add(m, strip_site(m, f->val), RANK(T_META), f->how);
    }
}

static uint64_t title_shape(struct meta *m, const struct rank_cand *c, str title, str og, str h1, str site)
{
    uint64_t b = 0;
    uint32_t w = text_words(c->norm);
    int h1s = (c->bits & (RANK(T_H1_FIRST) | RANK(T_H1_OTHER))) != 0, ogs = (c->bits & RANK(T_OG)) != 0;
    int full = (c->bits & RANK(T_FULL)) != 0;
    int part = (c->bits & (RANK(T_FIRST) | RANK(T_STRIPPED) | RANK(T_UPTO_LAST))) != 0 && !full;
    int home = m->path.n <= 1 && m->url.n;

    b |= RANK(w <= 1    ? T_WORDS_1
              : w == 2  ? T_WORDS_2
              : w <= 5  ? T_WORDS_5
              : w <= 12 ? T_WORDS_12
              : w <= 20 ? T_WORDS_20
                        : T_WORDS_MORE);
    double st = text_share(c->norm, title), so = text_share(c->norm, og);
    b |= (st >= 0.6 ? RANK(T_SHARE_TITLE) : 0) | (so >= 0.6 ? RANK(T_SHARE_OG) : 0) |
         (st == 1 ? RANK(T_ALL_TITLE) : 0) | (so == 1 ? RANK(T_ALL_OG) : 0) |
         (st == 0 ? RANK(T_NO_TITLE) : 0);
    int is_site = (site.n && str_eq(site, c->norm)) || is_host(m, c->norm);
    b |= is_site ? RANK(T_IS_SITE) : site.n && text_has_words(c->norm, site) ? RANK(T_HAS_SITE) : 0;
    if (home)
        b |= (full ? RANK(T_HOME_FULL) : 0) | (h1s ? RANK(T_HOME_H1) : 0) | (ogs ? RANK(T_HOME_OG) : 0) |
             (part ? RANK(T_HOME_PART) : 0) | (is_site ? RANK(T_HOME_SITE) : 0);
    if (m->og_article || m->ld_article)
        b |= (h1s ? RANK(T_ARTICLE_H1) : 0) | (ogs ? RANK(T_ARTICLE_OG) : 0) |
             (part ? RANK(T_ARTICLE_PART) : 0) | (c->bits & RANK(T_LD_HEADLINE) ? RANK(T_ARTICLE_LD) : 0);
    else if (m->ld_thing)
        b |= (h1s ? RANK(T_THING_H1) : 0) | (ogs ? RANK(T_THING_OG) : 0);
    if (m->forum)
        b |= (part ? RANK(T_FORUM_PART) : 0) | (h1s ? RANK(T_FORUM_H1) : 0);
    if ((c->text.n > 3 && memcmp(c->text.p + c->text.n - 3, "...", 3) == 0) ||
        (c->text.n > 3 && memcmp(c->text.p + c->text.n - 3, "\xE2\x80\xA6", 3) == 0))
        b |= RANK(T_ELLIPSIS);
    if (h1.n && c->norm.n > h1.n && text_has_words(c->norm, h1))
        b |= RANK(T_LONGER_THAN_H1);
    if (m->n_h1 == 0)
        b |= (ogs ? RANK(T_NO_H1_OG) : 0) | (part ? RANK(T_NO_H1_PART) : 0) | (full ? RANK(T_NO_H1_FULL) : 0);
    return b | (c->votes >= 2 ? RANK(T_VOTES_2) : 0) | (c->votes >= 3 ? RANK(T_VOTES_3) : 0) |
           (c->votes >= 4 ? RANK(T_VOTES_4) : 0);
}

void title_choose(struct meta *m)
{
    struct rank *r = &titles;
    uint32_t h1s = 0, classes = 0;
    str og = { "", 0 }, h1 = { "", 0 };

    injection_find(m);
    r->kind = "title";
    r->n = 0;
    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if (f->what != W_TITLE)
            continue;
        add_find(m, f, &h1s, &classes);
        if (f->how == HOW_OPENGRAPH && !og.n)
            og = text_norm(m, f->val);
        if (f->how == HOW_H1 && f->node == m->h1)
            h1 = text_norm(m, f->val);
    }
    str title = text_norm(m, title_of(m)), site = text_norm(m, m->site);
    for (uint32_t i = 0; i < r->n; i++)
        r->c[i].bits |= title_shape(m, &r->c[i], title, og, h1, site);
    if (rank_trace)
        rank_trace(m, r);
    const struct rank_cand *best = rank_choose(r, rank_title_weights, UINT64_MAX);
    if (best) {
        m->title = text_clean(m, best->text, META_TITLE_MAX, 0);
        m->how[W_TITLE] = best->how;
    }
}
