/* dates: when it was published, when changed.
 *
 * Candidates are days: all that the page declares or shows as the same day is one candidate, and of its
 * spellings the most precise is printed.  Ranked against "not said".  What can't be (more than two days after
 * the page was fetched, before 1990 unless declared) is left out. */
#include <string.h>

#include "plugin/stage/metadata/rank.h"
#include "plugin/stage/metadata/text.h"

/* clang-format off */
enum {
    D_LD_ARTICLE, D_LD_PAGE, D_LD_THING, D_LD_CREATED, D_META_BEST, D_META, D_META_WEAK, D_MICRO,
    D_TIME, D_TIME_PUB, D_CLASS, D_TEXT, D_DATA, D_URL, D_LD_MODIFIED, D_META_MODIFIED,
    D_SHOWN_MODIFIED, D_LABEL_PUB, D_LABEL_OTHER, D_WHOLE, D_IN_DATE, D_SENTENCE, D_FIRST, D_NEAR,
    D_MIDDLE, D_FAR, D_ABOVE_NEAR, D_ABOVE_FAR, D_NO_H1, D_MAIN, D_OUTSIDE, D_COMMENT, D_CARD, D_LINK,
    D_ONLY, D_CROWD, D_EARLIEST, D_LATEST, D_MONTH, D_YEAR, D_HAS_TIME, D_UNDECLARED, D_PAGE_ARTICLE,
    D_PAGE_THING, D_HOME, D_FORUM, D_AUTHOR_NEAR, D_VOTES_2, D_VOTES_3, D_POST, D_METABOX,
    D_ABOVE_TEXT, D_FORUM_FIRST, D_FETCHED, D_FOOT, D_MODIFIED_ONLY, D_HAS_PUB, D_FORUM_EARLIEST,
    D_TIME_FIRST, D_COUNT
};
/* clang-format on */
_Static_assert(D_COUNT <= RANK_BITS, "date bits");

static struct rank days;
static struct date dates[RANK_MAX];

static int days_possible(const struct meta *m, const struct date *d, int declared)
{
    if (d->y < (declared ? 1900 : 1990))
        return 0;
    if (m->fetched.y && date_days(d) > date_days(&m->fetched) + 2)
        return 0;
    return m->fetched.y || d->y <= 2100;
}

static void days_add(struct meta *m, const struct date *d, uint64_t bits, int how)
{
    struct rank *r = &days;
    int32_t number = date_number(d);

    for (uint32_t i = 0; i < r->n; i++) {
        if (r->c[i].number != number)
            continue;
        r->c[i].votes += (r->c[i].bits & bits & 0x1FFFF) == 0;
        r->c[i].bits |= bits;
        r->c[i].how = how < r->c[i].how ? (uint8_t)how : r->c[i].how; /* in the order of META_HOWS */
        int finer =
            d->precision > dates[i].precision ||
            (d->precision == dates[i].precision && dates[i].offset == DATE_LOCAL && d->offset != DATE_LOCAL);
        if (finer && how != HOW_URL)
            dates[i] = *d;
        return;
    }
    if (r->n == RANK_MAX)
        return;
    dates[r->n] = *d;
    struct rank_cand *c = &r->c[r->n++];
    c->number = number;
    c->bits = bits;
    c->votes = 1;
    c->how = (uint8_t)how;
    (void)m;
}

static uint64_t days_place(const struct meta *m, const struct find *f)
{
    uint64_t b = 0;

    if (f->node == TROMMEL_NONE)
        return 0;
    if (m->h1 == TROMMEL_NONE)
        b |= RANK(D_NO_H1);
    else if (f->node >= m->h1)
        b |= RANK(f->node - m->h1 <= 50 ? D_NEAR : f->node - m->h1 <= 200 ? D_MIDDLE : D_FAR);
    else
        b |= RANK(m->h1 - f->node <= 50 ? D_ABOVE_NEAR : D_ABOVE_FAR);
    if (m->first_p != TROMMEL_NONE && f->node < m->first_p)
        b |= RANK(D_ABOVE_TEXT);
    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *a = &m->finds[i];
        if (a->what == W_AUTHOR && a->node != TROMMEL_NONE &&
            (a->node > f->node ? a->node - f->node : f->node - a->node) <= 16) {
            b |= RANK(D_AUTHOR_NEAR);
            break;
        }
    }
    uint32_t g = f->region;
    return b | (g & (R_MAIN | R_ARTICLE) ? RANK(D_MAIN) : 0) | (g & R_OUTSIDE ? RANK(D_OUTSIDE) : 0) |
           (g & R_COMMENT ? RANK(D_COMMENT) : 0) | (g & R_CARD ? RANK(D_CARD) : 0) |
           (g & R_LINK ? RANK(D_LINK) : 0) | (g & R_DATE ? RANK(D_IN_DATE) : 0) |
           (g & R_SENTENCE ? RANK(D_SENTENCE) : 0) | (g & R_POST ? RANK(D_POST) : 0) |
           (g & R_META ? RANK(D_METABOX) : 0) | (g & R_COPY ? RANK(D_FOOT) : 0);
}

static uint64_t days_source(const struct find *f)
{
    int modified = f->what == W_MODIFIED;

    switch (f->how) {
    case HOW_JSON_LD:
        if (modified)
            return RANK(D_LD_MODIFIED);
        return (f->bits & B_MAIN_KEY ? 0 : RANK(D_LD_CREATED)) | RANK(f->bits & B_ARTICLE ? D_LD_ARTICLE
                                                                      : f->bits & B_PAGE  ? D_LD_PAGE
                                                                                          : D_LD_THING);
    case HOW_META:
    case HOW_OPENGRAPH:
    case HOW_TWITTER:
        return RANK(modified               ? D_META_MODIFIED
                    : f->bits & B_MAIN_KEY ? D_META_BEST
                    : f->bits & B_WEAK     ? D_META_WEAK
                                           : D_META);
    case HOW_MICRODATA:
        if (modified)
            return RANK(D_META_MODIFIED);
        return RANK(D_MICRO);
    case HOW_TIME:
        return modified
                   ? RANK(D_SHOWN_MODIFIED)
                   : RANK(D_TIME) | ((f->bits & B_MAIN_KEY) || (f->region & R_PUB) ? RANK(D_TIME_PUB) : 0);
    case HOW_CLASS:
        return RANK(modified ? D_SHOWN_MODIFIED : D_CLASS);
    case HOW_DATA:
        return RANK(modified ? D_SHOWN_MODIFIED : D_DATA);
    default:
        return RANK(modified ? D_SHOWN_MODIFIED : D_TEXT);
    }
}

static int is_declared(const struct find *f)
{
    return f->node == TROMMEL_NONE;
}

static void add_url(struct meta *m)
{
    struct date d;
    str p = m->path;

    for (size_t i = 0; i + 8 <= p.n; i++) { /* /2025/04/07/, /2025-04-07- */
        if (p.p[i] != '/' || !date_hint(p.p + i + 1, 4))
            continue;
        size_t start, n = p.n - i - 1 < 10 ? p.n - i - 1 : 10;
        if (date_find(p.p + i + 1, n, DATE_DAY_FIRST, &d, &start) && start == 0 && d.precision >= DATE_DAY &&
            days_possible(m, &d, 0))
            days_add(m, &d, RANK(D_URL), HOW_URL);
        return;
    }
}

static void add_finds(struct meta *m)
{
    struct date d;
    uint32_t shown = 0, times = 0;

    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if ((f->what != W_PUBLISHED && f->what != W_MODIFIED) ||
            !date_parse(f->val.p, f->val.n, m->order, &d) || !days_possible(m, &d, is_declared(f)))
            continue;
        if (d.precision < DATE_MONTH && !is_declared(f))
            continue;
        uint64_t bits = days_source(f) | days_place(m, f);
        if (f->bits & B_LABEL_PUB)
            bits |= RANK(D_LABEL_PUB);
        if (f->bits & B_LABEL_OTHER)
            bits |= RANK(D_LABEL_OTHER);
        if (f->bits & B_WHOLE)
            bits |= RANK(D_WHOLE);
        if (!is_declared(f) && f->what == W_PUBLISHED && !(f->region & R_OUTSIDE)) {
            if (shown++ == 0)
                bits |= RANK(D_FIRST);
            if (f->how == HOW_TIME && times++ == 0)
                bits |= RANK(D_TIME_FIRST);
        }
        days_add(m, &d, bits, f->how == HOW_CLASS || f->how == HOW_DATA ? HOW_TEXT : f->how);
    }
    add_url(m);
}

/* Bits that depend on all candidates together. */
static void relate(struct meta *m)
{
    struct rank *r = &days;
    uint64_t declared =
        RANK(D_LD_ARTICLE) | RANK(D_LD_PAGE) | RANK(D_META_BEST) | RANK(D_META) | RANK(D_MICRO);
    uint64_t changed = RANK(D_LD_MODIFIED) | RANK(D_META_MODIFIED) | RANK(D_SHOWN_MODIFIED);
    uint64_t pubs = declared | RANK(D_TIME) | RANK(D_TEXT) | RANK(D_CLASS) | RANK(D_DATA) | RANK(D_URL) |
                    RANK(D_LD_THING) | RANK(D_META_WEAK);
    uint64_t any = 0, page;
    int32_t least = INT32_MAX, most = 0;
    int32_t fetched = m->fetched.y ? date_number(&m->fetched) : 0;

    for (uint32_t i = 0; i < r->n; i++) {
        any |= r->c[i].bits;
        least = r->c[i].number < least ? r->c[i].number : least;
        most = r->c[i].number > most ? r->c[i].number : most;
    }
    page = (m->og_article || m->ld_article ? RANK(D_PAGE_ARTICLE)
            : m->ld_thing                  ? RANK(D_PAGE_THING)
                                           : 0) |
           (m->path.n <= 1 && m->url.n ? RANK(D_HOME) : 0) | (m->forum ? RANK(D_FORUM) : 0) |
           (any & declared ? RANK(D_HAS_PUB) : RANK(D_UNDECLARED)) | (r->n > 5 ? RANK(D_CROWD) : 0) |
           (r->n == 1 ? RANK(D_ONLY) : 0);
    for (uint32_t i = 0; i < r->n; i++) {
        struct rank_cand *c = &r->c[i];
        const struct date *d = &dates[i];
        c->bits |=
            page | (c->number == least ? RANK(D_EARLIEST) : 0) | (c->number == most ? RANK(D_LATEST) : 0) |
            (d->precision == DATE_MONTH  ? RANK(D_MONTH)
             : d->precision == DATE_YEAR ? RANK(D_YEAR)
                                         : 0) |
            (d->precision >= DATE_MINUTE ? RANK(D_HAS_TIME) : 0) | (c->votes >= 2 ? RANK(D_VOTES_2) : 0) |
            (c->votes >= 3 ? RANK(D_VOTES_3) : 0) | (fetched && c->number == fetched ? RANK(D_FETCHED) : 0);
        if ((c->bits & changed) && !(c->bits & pubs))
            c->bits |= RANK(D_MODIFIED_ONLY);
        if (m->forum)
            c->bits |= (c->bits & RANK(D_FIRST) ? RANK(D_FORUM_FIRST) : 0) |
                       (c->number == least ? RANK(D_FORUM_EARLIEST) : 0);
    }
}

static str days_print(struct meta *m, const struct date *d)
{
    char *text = meta_take(m, DATE_TEXT);

    return text ? (str){ text, date_print(d, text) } : (str){ "", 0 };
}

static void choose_modified(struct meta *m, const struct date *published)
{
    struct date d, best = { 0 };
    int rank = 0;

    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if (f->what != W_MODIFIED || (f->region & (R_OUTSIDE | R_COMMENT | R_CARD)) ||
            !date_parse(f->val.p, f->val.n, m->order, &d) || !days_possible(m, &d, is_declared(f)))
            continue;
        if (published && date_days(&d) < date_days(published))
            continue;
        int how = f->how == HOW_JSON_LD ? (f->bits & B_ARTICLE ? 5 : 4)
                  : is_declared(f)      ? 3
                  : f->how == HOW_TIME  ? 2
                                        : 1;
        if (how > rank || (how == rank && !best.y)) {
            rank = how;
            best = d;
            m->how[W_MODIFIED] = f->how == HOW_CLASS || f->how == HOW_DATA ? HOW_TEXT : f->how;
        }
    }
    if (best.y)
        m->modified = days_print(m, &best);
}

void dates_choose(struct meta *m)
{
    struct rank *r = &days;

    r->kind = "date";
    r->n = 0;
    add_finds(m);
    relate(m);
    if (rank_trace) {
        for (uint32_t i = 0; i < r->n; i++)
            r->c[i].text = days_print(m, &dates[i]);
        rank_trace(m, r);
    }
    const struct rank_cand *best = rank_choose(r, rank_date_weights, RANK(D_LD_ARTICLE));
    const struct date *d = best ? &dates[best - r->c] : NULL;
    if (d) {
        m->published = days_print(m, d);
        m->how[W_PUBLISHED] = best->how;
    }
    choose_modified(m, d);
}
