/* author: who wrote it.
 *
 * Each source gives a list of names: all authors of one JSON-LD object, all meta of one kind, one byline, the
 * neighbouring links to people's pages.  Lists are cleaned, merged when they say the same, ranked against
 * "nobody".  A byline is cut at dates, roles and separators, and a part that can't be a name is dropped. */
#include <string.h>

#include "plugin/stage/metadata/rank.h"
#include "plugin/stage/metadata/text.h"
#include "plugin/stage/metadata/words.h"

/* clang-format off */
enum {
    A_LD_ARTICLE, A_LD_PAGE, A_LD_THING, A_LD_WEAK, A_META, A_META_ARTICLE, A_META_OTHER, A_MICRO,
    A_REL, A_PROFILE, A_BYLINE, A_USER, A_BY, A_BY_STRONG, A_WHOLE, A_PERSON, A_ONE_WORD, A_LONG,
    A_SITE, A_SITE_PART, A_STAFF, A_TWO, A_MANY, A_DIGITS, A_NEAR, A_MIDDLE, A_FAR, A_ABOVE_NEAR,
    A_ABOVE_FAR, A_NO_H1, A_MAIN, A_OUTSIDE, A_COMMENT, A_CARD, A_BIO, A_METABOX, A_FIRST, A_VOTES_2,
    A_VOTES_3, A_PAGE_ARTICLE, A_HOME, A_FORUM, A_CROWD, A_ALONE, A_UNDECLARED, A_PAGE_THING,
    A_FORUM_FIRST, A_FORUM_LD, A_LOWER, A_JOINED, A_BY_DATE, A_SENTENCE, A_TITLE, A_CAPS, A_FORUM_WORD,
    A_DATED, A_FIRST_USER, A_ABOVE_TEXT, A_POST, A_TEXT_ONLY, A_CONTAINED, A_CONTAINS, A_MICRO_NAME,
    A_COUNT
};
/* clang-format on */
_Static_assert(A_COUNT <= RANK_BITS, "author bits");

static struct rank bylines;

/* ---- names out of a byline ---- */

/* clang-format off */
static const char *const roles[] = {
    "writer", "editor", "reporter", "correspondent", "contributor", "contributing", "journalist",
    "staff writer", "manager", "director", "officer", "ceo", "cto", "cfo", "founder", "co-founder",
    "president", "specialist", "analyst", "author", "columnist", "producer", "phd", "ph.d", "ph.d.",
    "md", "m.d.", "mba", "rn", "rd", "dds", "jd", "cpa", "cfp", "esq", "jr", "sr", "expert",
    "consultant", "engineer", "professor", "head of", "chief", "vice president", "vp", "senior",
    "associate", "redakteur", "redaktion", "rédacteur", "redactor", "guest", "freelance", "updated",
    "published", "posted", "min read", "minutes", "views", "comments", "follow", "read more", "share",
    "subscribe", "reviewed", "fact", "medically", "photo", "photography", "illustration",
    "about the author", "view profile", "bio", NULL
};
/* clang-format on */

static int is_role(str part)
{
    for (const char *const *r = roles; *r; r++) {
        size_t k = strlen(*r);
        for (size_t i = 0; i + k <= part.n; i++)
            if ((i == 0 || part.p[i - 1] == ' ') &&
                (i + k == part.n || part.p[i + k] == ' ' || part.p[i + k] == ',') &&
                str_starts(str_cut(part, i, part.n), *r))
                return 1;
    }
    return 0;
}

/* Letters, words and oddities of a name. */
struct shape {
    uint32_t letters, digits, words, capitals, lowers;
    int bad; /* has what no name has */
};

static struct shape shape_of(str s)
{
    struct shape sh = { 0 };
    const char *p = s.p, *end = s.p + s.n;
    int start = 1;

    while (p < end) {
        uint32_t c = text_next(&p, end);
        if (text_is_space(c)) {
            start = 1;
            continue;
        }
        sh.digits += c >= '0' && c <= '9';
        int letter = text_is_word(c) && !(c >= '0' && c <= '9') && c != '_';
        sh.letters += (uint32_t)letter;
        if (start) {
            sh.words++;
            sh.capitals += letter && (text_lower(c) != c || c > 0x600);
            sh.lowers += letter && c >= 'a' && c <= 'z';
        }
        if (c < 0x80 && strchr("<>{}[]|\\=?!#%*^~", (int)c) && c)
            sh.bad = 1;
        if (c == ':' || c == '/')
            sh.bad = 1;
        start = 0;
    }
    return sh;
}

static int is_name(str s)
{
    if (s.n < 2 || s.n > 70 || str_starts(s, "http") || str_starts(s, "www."))
        return 0;
    struct shape sh = shape_of(s);
    return sh.letters >= 1 && !sh.bad && sh.words <= 7 && sh.digits <= 6;
}

/* "PhD", "M.D.", "MS", "CFP": what stands behind a name and belongs to it. */
static int is_credential(str s)
{
    uint32_t upper = 0, lower = 0;

    for (size_t i = 0; i < s.n; i++) {
        upper += s.p[i] >= 'A' && s.p[i] <= 'Z';
        lower += s.p[i] >= 'a' && s.p[i] <= 'z';
        if ((unsigned char)s.p[i] >= 0x80 || (s.p[i] >= '0' && s.p[i] <= '9'))
            return 0;
    }
    return s.n >= 2 && s.n <= 12 && upper >= 2 && lower <= 2 && upper >= lower;
}

static void add_name(struct meta_list *l, str s)
{
    s = text_trim(s);
    while (s.n && strchr("@.,;-*(\"'~", s.p[0])) {
        s = text_trim(str_cut(s, 1, s.n));
    }
    while (s.n && strchr(",;-*)\"':(|", s.p[s.n - 1]))
        s = text_trim(str_cut(s, 0, s.n - 1));
    if (!is_name(s) || l->n == META_AUTHORS_MAX)
        return;
    for (uint32_t i = 0; i < l->n; i++)
        if (str_eq(l->item[i], s))
            return;
    l->item[l->n++] = s;
}

/* Where the names end: a date, a bar, a bullet, a dash with spaces, a bracket. */
static size_t names_end(str s)
{
    struct date d;
    size_t start, end = s.n;

    if (date_hint(s.p, s.n) && date_find(s.p, s.n, DATE_DAY_FIRST, &d, &start) && start > 0)
        end = start;
    for (size_t i = 1; i < end; i++) {
        const char *p = s.p + i;
        if ((*p & 0xC0) == 0x80)
            continue;
        uint32_t c = text_next(&p, s.p + s.n);
        if (c == '|' || c == 0x2022 || c == 0xB7 || c == '(' || c == '\n' || c == '[' || c == 0xBB ||
            c == 0x203A || c == '<' || ((c == '-' || c == 0x2013 || c == 0x2014) && s.p[i - 1] == ' '))
            return i;
    }
    static const char *const words[] = {
        " on ",     " in ",   " for ",    " at ",    " updated",        " published",
        " posted",  " last ", " from ",   " minute", " reviewed",       " medically",
        " is a ",   " has ",  " is the ", " follow", " contributor",    " staff writer",
        " senior ", " read ", " ago",     " said",   " wrote",          " fact",
        " am ",     " le ",   " el ",     " il ",    " veröffentlicht", " min ",
        " see ",    " view ", " editor",  " / ",     " author",         " via ",
        NULL
    };
    for (size_t i = 1; i < end; i++) {
        if (s.p[i] != ' ')
            continue;
        for (const char *const *w = words; *w; w++)
            if ((s.p[i + 1 < end ? i + 1 : i] | 32) == (*w)[1] && str_starts(str_cut(s, i, end), *w))
                return i;
    }
    return end;
}

void author_split(struct meta *m, str byline, struct meta_list *ret)
{
    int strong;
    str s = text_trim(byline);

    ret->n = 0;
    for (int twice = 0; twice < 2; twice++) {
        size_t k = words_by(s, &strong);
        if (k && k >= s.n)
            return;
        if (!k)
            break;
        s = text_trim(str_cut(s, k, s.n));
    }
    if (m)
        s = str_cut(s, 0, names_end(s));
    uint32_t seen = 0;
    for (size_t i = 0, from = 0; i <= s.n; i++) {
        size_t skip = 0;
        if (i == s.n || s.p[i] == ',' || s.p[i] == ';' || s.p[i] == '&' || s.p[i] == '+')
            skip = 1;
        else if (s.p[i] == ' ' &&
                 (str_starts(str_cut(s, i, s.n), " and ") || str_starts(str_cut(s, i, s.n), " und ") ||
                  str_starts(str_cut(s, i, s.n), " y ") || str_starts(str_cut(s, i, s.n), " et ")))
            skip = str_starts(str_cut(s, i, s.n), " y ") ? 3 : str_starts(str_cut(s, i, s.n), " et ") ? 4 : 5;
        else if (i + 3 <= s.n &&
                 (memcmp(s.p + i, "\xE3\x80\x81", 3) == 0 || memcmp(s.p + i, "\xEF\xBC\x8C", 3) == 0))
            skip = 3;
        if (!skip)
            continue;
        str part = text_trim(str_cut(s, from, i));
        if (str_starts(part, "and "))
            part = str_cut(part, 4, part.n);
        str *last = ret->n ? &ret->item[ret->n - 1] : NULL;
        if (last && from && s.p[from - 1] == ',' && is_credential(part) && part.p > last->p &&
            part.p - last->p < 60 && last->p + last->n < part.p && *(last->p + last->n) == ',')
            last->n = (size_t)(part.p - last->p) + part.n;
        else if (seen == 0 || !is_role(part))
            add_name(ret, part);
        seen += part.n > 0;
        from = i + skip;
        i = from - (i < s.n);
        if (i >= s.n)
            break;
    }
}

/* ---- candidates ---- */

static void author_add(struct meta *m, const struct meta_list *names, uint64_t bits, int how)
{
    struct rank *r = &bylines;
    char *key = meta_take(m, names->n * (size_t)80 + 8);
    size_t n = 0;

    if (!names->n || !key)
        return;
    for (uint32_t i = 0; i < names->n; i++) {
        str norm = text_norm(m, names->item[i]);
        if (norm.n > 78)
            norm.n = 78;
        memcpy(key + n, norm.p, norm.n);
        n += norm.n;
        key[n++] = ';';
    }
    str norm = { key, n };
    for (uint32_t i = 0; i < r->n; i++) {
        if (str_eq(r->c[i].norm, norm)) {
            r->c[i].votes += ((r->c[i].bits ^ bits) & bits & 0x3FFF) != 0; /* a source that had not said it */
            r->c[i].bits |= bits;
            r->c[i].how = how < r->c[i].how ? (uint8_t)how : r->c[i].how; /* in the order of META_HOWS */
            return;
        }
    }
    if (r->n == RANK_MAX)
        return;
    struct rank_cand *c = &r->c[r->n++];
    c->text = names->item[0];
    c->names.n = names->n;
    memcpy(c->names.item, names->item, names->n * sizeof *names->item);
    c->norm = norm;
    c->bits = bits;
    c->votes = 1;
    c->how = (uint8_t)how;
}

static uint64_t author_place(const struct meta *m, const struct find *f, uint32_t order)
{
    uint64_t b = 0;

    if (f->node == TROMMEL_NONE)
        return 0;
    if (m->h1 == TROMMEL_NONE)
        b |= RANK(A_NO_H1);
    else if (f->node >= m->h1)
        b |= RANK(f->node - m->h1 <= 50 ? A_NEAR : f->node - m->h1 <= 200 ? A_MIDDLE : A_FAR);
    else
        b |= RANK(m->h1 - f->node <= 50 ? A_ABOVE_NEAR : A_ABOVE_FAR);
    if (m->first_p != TROMMEL_NONE && f->node < m->first_p)
        b |= RANK(A_ABOVE_TEXT);
    b |= order == 0 ? RANK(A_FIRST) : 0;
    return b | (f->region & (R_MAIN | R_ARTICLE) ? RANK(A_MAIN) : 0) |
           (f->region & R_OUTSIDE ? RANK(A_OUTSIDE) : 0) | (f->region & R_COMMENT ? RANK(A_COMMENT) : 0) |
           (f->region & R_CARD ? RANK(A_CARD) : 0) | (f->region & R_BIO ? RANK(A_BIO) : 0) |
           (f->region & R_META ? RANK(A_METABOX) : 0) | (f->region & R_POST ? RANK(A_POST) : 0);
}

static uint64_t author_source(const struct find *f)
{
    uint64_t b = f->bits & B_WHOLE ? RANK(A_WHOLE) : 0;

    switch (f->how) {
    case HOW_JSON_LD:
        return (f->bits & B_ARTICLE ? RANK(A_LD_ARTICLE)
                : f->bits & B_PAGE  ? RANK(A_LD_PAGE)
                                    : RANK(A_LD_THING)) |
               (f->bits & B_WEAK ? RANK(A_LD_WEAK) : 0);
    case HOW_META:
    case HOW_TWITTER:
        return RANK(f->bits & B_MAIN_KEY ? A_META : A_META_OTHER);
    case HOW_OPENGRAPH:
        return RANK(A_META_ARTICLE);
    case HOW_MICRODATA:
        return b | (f->node == TROMMEL_NONE ? RANK(A_META_OTHER) : RANK(A_MICRO)) |
               (f->bits & B_MAIN_KEY ? RANK(A_MICRO_NAME) : 0);
    case HOW_REL:
        return b | RANK(A_PROFILE) | (f->bits & B_REL ? RANK(A_REL) : 0) |
               (f->region & R_AUTHOR ? RANK(A_BYLINE) : 0);
    case HOW_TEXT:
        return b | RANK(A_BY) | (f->bits & B_MAIN_KEY ? RANK(A_BY_STRONG) : 0) |
               (f->region & R_AUTHOR ? RANK(A_BYLINE) : 0);
    case HOW_CLASS:
        return b | RANK(A_USER);
    case HOW_DATA: /* the first post's user, in data for scripts */
        return b | RANK(A_LD_ARTICLE) | RANK(A_USER);
    default:
        return b | RANK(A_BYLINE) | (f->region & R_USER ? RANK(A_USER) : 0);
    }
}

/* Finds that belong together are one list: the same declaration, or links side by side. */
static int same_list(const struct find *a, const struct find *b)
{
    if (a->how != b->how)
        return 0;
    if (a->node == TROMMEL_NONE)
        return b->node == TROMMEL_NONE && ((a->bits ^ b->bits) & ~(uint32_t)B_WEAK) == 0;
    return b->node != TROMMEL_NONE && a->how == HOW_REL && b->node - a->node <= 12 && a->region == b->region;
}

static int is_text_of(const struct find *f)
{
    return f->node != TROMMEL_NONE;
}

static int by_date(const struct meta *m, uint32_t node)
{
    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if ((f->what == W_PUBLISHED || f->what == W_MODIFIED) && f->node != TROMMEL_NONE &&
            node != TROMMEL_NONE && (f->node > node ? f->node - node : node - f->node) <= 16)
            return 1;
    }
    return 0;
}

static void add_lists(struct meta *m)
{
    uint32_t shown = 0, users = 0;

    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if (f->what != W_AUTHOR)
            continue;
        uint64_t bits = author_source(f);
        if (is_text_of(f)) {
            uint32_t order = f->region & (R_OUTSIDE | R_COMMENT) ? 9 : shown++;
            bits |= author_place(m, f, order);
            if (f->how == HOW_CLASS && users++ == 0)
                bits |= RANK(A_FIRST_USER);
            if (by_date(m, f->node))
                bits |= RANK(A_BY_DATE);
        }
        struct meta_list one, all;
        author_split(m, f->val, &one);
        if (is_text_of(f))
            author_add(m, &one, bits, f->how == HOW_MICRODATA || f->how == HOW_REL ? f->how : HOW_BYLINE);
        int first = 1;
        for (uint32_t k = 0; k < i && first; k++) /* the list was made at its first member */
            first = !(m->finds[k].what == W_AUTHOR && same_list(&m->finds[k], f));
        if (!first)
            continue;
        all = one;
        const struct find *last = f;
        for (uint32_t k = i + 1; k < m->n_finds; k++) {
            const struct find *g = &m->finds[k];
            if (g->what != W_AUTHOR || !same_list(last, g))
                continue;
            author_split(m, g->val, &one);
            for (uint32_t t = 0; t < one.n; t++)
                add_name(&all, one.item[t]);
            last = g;
        }
        if (!is_text_of(f) || all.n > one.n)
            author_add(m, &all, bits, f->how);
    }
}

static int is_staff(str norm)
{
    static const char *const words[] = { "admin",        "administrator", "staff", "team",     "editor",
                                         "editors",      "editorial",     "desk",  "newsroom", "redaktion",
                                         "redazione",    "webmaster",     "guest", "user",     "contributor",
                                         "contributors", "group",         "inc",   "llc",      "company",
                                         "support",      "marketing",     "news",  "agency",   "bureau",
                                         "magazine",     "blog",          NULL };

    for (const char *const *w = words; *w; w++)
        if (text_has_words(norm, str_z(*w)))
            return 1;
    return 0;
}

static uint64_t author_shape(struct meta *m, const struct rank_cand *c, str site, str title)
{
    uint64_t b = 0;
    int person = 1;

    for (uint32_t i = 0; i < c->names.n; i++) {
        struct shape sh = shape_of(c->names.item[i]);
        str norm = text_norm(m, c->names.item[i]);
        person &= sh.words >= 2 && sh.words <= 4 && sh.digits == 0 && sh.capitals + 1 >= sh.words &&
                  sh.capitals >= 2;
        b |= (sh.words == 1 ? RANK(A_ONE_WORD) : 0) | (sh.words > 4 ? RANK(A_LONG) : 0) |
             (sh.digits ? RANK(A_DIGITS) : 0) | (sh.lowers == sh.words ? RANK(A_LOWER) : 0) |
             (is_staff(norm) ? RANK(A_STAFF) : 0);
        if (sh.words > 1 && sh.lowers >= 2)
            b |= RANK(A_SENTENCE);
        if (site.n && (str_eq(site, norm)))
            b |= RANK(A_SITE);
        else if (site.n && (text_has_words(norm, site) || text_has_words(site, norm)))
            b |= RANK(A_SITE_PART);
        if (title.n && text_has_words(title, norm))
            b |= RANK(A_TITLE);
        int caps = 0;
        for (size_t k = 0; k < c->names.item[i].n; k++)
            caps |= c->names.item[i].p[k] >= 'a' || (unsigned char)c->names.item[i].p[k] >= 0x80;
        b |= caps ? 0 : RANK(A_CAPS);
    }
    return b | (person ? RANK(A_PERSON) : 0) | (c->names.n == 2 ? RANK(A_TWO) : 0) |
           (c->names.n > 2 ? RANK(A_MANY) : 0);
}

static uint64_t page_bits(const struct meta *m)
{
    return (m->og_article || m->ld_article ? RANK(A_PAGE_ARTICLE)
            : m->ld_thing                  ? RANK(A_PAGE_THING)
                                           : 0) |
           (m->path.n <= 1 && m->url.n ? RANK(A_HOME) : 0) | (m->forum ? RANK(A_FORUM) : 0) |
           (meta_first(m, W_PUBLISHED) ? RANK(A_DATED) : 0);
}

void author_choose(struct meta *m)
{
    struct rank *r = &bylines;
    uint64_t declared =
        RANK(A_LD_ARTICLE) | RANK(A_META) | RANK(A_META_ARTICLE) | RANK(A_META_OTHER) | RANK(A_LD_PAGE);
    uint32_t visible = 0;
    int any_declared = 0;

    r->kind = "author";
    r->n = 0;
    add_lists(m);
    str site = text_norm(m, m->site), title = text_norm(m, m->title);
    for (uint32_t i = 0; i < r->n; i++) {
        visible += !(r->c[i].bits & declared);
        any_declared |= (r->c[i].bits & declared) != 0;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        struct rank_cand *c = &r->c[i];
        c->bits |= author_shape(m, c, site, title) | page_bits(m);
        c->bits |= (c->votes >= 2 ? RANK(A_VOTES_2) : 0) | (c->votes >= 3 ? RANK(A_VOTES_3) : 0) |
                   (visible > 6 ? RANK(A_CROWD) : 0) | (r->n == 1 ? RANK(A_ALONE) : 0) |
                   (any_declared ? 0 : RANK(A_UNDECLARED));
        if (m->forum)
            c->bits |= (c->bits & (RANK(A_FIRST) | RANK(A_FIRST_USER)) ? RANK(A_FORUM_FIRST) : 0) |
                       (c->bits & RANK(A_LD_ARTICLE) ? RANK(A_FORUM_LD) : 0) |
                       (c->bits & RANK(A_ONE_WORD) ? RANK(A_FORUM_WORD) : 0);
        if (c->names.n > 1 && c->votes > 1 && (c->bits & RANK(A_PERSON)))
            c->bits |= RANK(A_JOINED);
        if ((c->bits & RANK(A_BY)) &&
            !(c->bits & (RANK(A_BYLINE) | RANK(A_PROFILE) | RANK(A_MICRO) | declared)))
            c->bits |= RANK(A_TEXT_ONLY);
        for (uint32_t k = 0; k < r->n; k++) {
            if (k == i || r->c[k].norm.n == c->norm.n)
                continue;
            if (memmem(r->c[k].norm.p, r->c[k].norm.n, c->norm.p, c->norm.n - 1))
                c->bits |= RANK(A_CONTAINED);
            if (memmem(c->norm.p, c->norm.n, r->c[k].norm.p, r->c[k].norm.n - 1))
                c->bits |= RANK(A_CONTAINS);
        }
    }
    if (rank_trace)
        rank_trace(m, r);
    const struct rank_cand *best = rank_choose(r, rank_author_weights, 0);
    if (!best)
        return;
    for (uint32_t i = 0; i < r->n;
         i++) { /* a link to one of several people, whom the byline names together */
        const struct rank_cand *c = &r->c[i];
        if ((c->bits & RANK(A_JOINED)) && best->names.n == 1 && c->norm.n > best->norm.n &&
            memcmp(c->norm.p, best->norm.p, best->norm.n) == 0)
            best = c;
    }
    for (uint32_t i = 0; i < best->names.n; i++)
        m->authors.item[m->authors.n++] = text_clean(m, best->names.item[i], META_NAME_MAX, 0);
    m->how[W_AUTHOR] = best->how;
}
