/* plain: a page made from text/plain, where lines are all there is.
 *
 * The headline is a line among the first that stands again inside another one (a breadcrumb, a repeated
 * title), else the first line that looks like one.  What follows the headline where it stands again, behind a
 * dash or a bar, is the site's name.  A date counts on a line of its own or behind a label near the headline;
 * a byline only with its opening; tags in a labelled run of list lines. */
#include <string.h>

#include "plugin/stage/metadata/text.h"
#include "plugin/stage/metadata/words.h"

#define LINES_MAX  4000
#define HEAD_LINES 25 /* headline, date, byline lie among these */

static struct {
    uint32_t n;
    str line[LINES_MAX];
} lines;

static void lines_read(struct meta *m)
{
    lines.n = 0;
    for (uint32_t i = 1; i < m->dom->n_nodes && lines.n < LINES_MAX; i++) {
        const trommel_node *x = TROMMEL_NODE(m->dom, i);
        if (x->kind != TROMMEL_NODE_TEXT)
            continue;
        str t = text_trim(node_str(m->dom, x));
        if (t.n)
            lines.line[lines.n++] = t;
        if ((i & 4095) == 0 && meta_stop(m))
            return;
    }
}

static str without_bullet(str s)
{
    if (s.n > 2 && (s.p[0] == '-' || s.p[0] == '*') && s.p[1] == ' ')
        return text_trim(str_cut(s, 2, s.n));
    if (s.n > 4 && memcmp(s.p, "\xE2\x80\xA2", 3) == 0)
        return text_trim(str_cut(s, 3, s.n));
    return s;
}

static int is_bulleted(str s)
{
    return without_bullet(s).n != s.n;
}

static int is_headline(str s)
{
    uint32_t words = 1;

    for (size_t i = 0; i < s.n; i++)
        words += s.p[i] == ' ';
    char last = s.n ? s.p[s.n - 1] : 0;
    return s.n >= 8 && s.n <= 300 && words >= 2 && words <= 45 && last != ':' && !is_bulleted(s);
}

/* The separator and name behind a repeated headline: " -Some Site". */
static str tail_name(str s)
{
    size_t i = 0;
    int sep = 0;

    while (i < s.n) {
        const char *p = s.p + i;
        uint32_t c = text_next(&p, s.p + s.n);
        if (c == '-' || c == '|' || c == 0x2013 || c == 0x2014 || c == 0xB7 || c == 0xBB)
            sep = 1;
        else if (!text_is_space(c))
            break;
        i = (size_t)(p - s.p);
    }
    str name = text_trim(str_cut(s, i, s.n));
    return sep && name.n >= 2 && name.n <= 60 ? name : (str){ "", 0 };
}

/* Finds the headline; returns its line, or lines.n. */
static uint32_t headline_find(struct meta *m)
{
    uint32_t head = lines.n < HEAD_LINES ? lines.n : HEAD_LINES;

    for (uint32_t i = 0; i < head; i++) {
        str h = lines.line[i];
        if (!is_headline(h))
            continue;
        for (uint32_t k = 0; k < head; k++) {
            str other = lines.line[k];
            if (k == i || other.n <= h.n)
                continue;
            const char *hit = memmem(other.p, other.n, h.p, h.n);
            if (!hit)
                continue;
            m->title = h;
            m->how[W_TITLE] = HOW_TEXT;
            str site = tail_name(str_cut(other, (size_t)(hit - other.p) + h.n, other.n));
            if (site.n) {
                m->site = site;
                m->how[W_SITE] = HOW_TEXT;
            }
            return i;
        }
    }
    for (uint32_t i = 0; i < head && i < 3; i++) {
        str h = lines.line[i];
        if (!is_headline(h) || h.n > 200 || h.p[h.n - 1] == '.')
            continue;
        m->title = h;
        m->how[W_TITLE] = HOW_TEXT;
        return i;
    }
    return lines.n;
}

/* WORDS|Headline, and the words stand glued into the running text. */
static void injection_strip(struct meta *m, uint32_t headline)
{
    const char *bar = m->title.n ? memchr(m->title.p, '|', m->title.n) : NULL;

    if (!bar)
        return;
    str words = text_trim(str_cut(m->title, 0, (size_t)(bar - m->title.p)));
    str rest = text_trim(str_cut(m->title, (size_t)(bar - m->title.p) + 1, m->title.n));
    if (words.n < 3 || words.n > 100 || rest.n < 8 || (m->site.n && str_eq(words, m->site)))
        return;
    for (uint32_t i = 0; i < lines.n; i++) {
        str t = lines.line[i];
        for (size_t from = 0; i != headline && from < t.n;) {
            const char *hit = memmem(t.p + from, t.n - from, words.p, words.n);
            if (!hit)
                break;
            size_t at = (size_t)(hit - t.p), end = at + words.n;
            if (at > 0 && !strchr(" \t\"'([|>", hit[-1]) && (unsigned char)hit[-1] < 0x80 &&
                (end == t.n || t.p[end] != '|')) {
                m->injected = words;
                m->title = rest;
                return;
            }
            from = at + 1;
        }
    }
}

static void date_read(struct meta *m, uint32_t headline)
{
    uint32_t from = headline < lines.n ? headline : 0;
    uint32_t end = from + 8 < lines.n ? from + 8 : lines.n;

    for (uint32_t i = from > 3 ? from - 3 : 0; i < end; i++) {
        str t = lines.line[i];
        struct date d;
        size_t start, stop;
        if (t.n > 120 || !date_hint(t.p, t.n) || !(stop = date_find(t.p, t.n, m->order, &d, &start)))
            continue;
        uint32_t label = words_date_label(str_cut(t, 0, start));
        int whole = text_trim(str_cut(t, 0, start)).n == 0 && t.n - stop < 12;
        if ((label & (B_LABEL_OTHER)) || (!(label & (B_LABEL_PUB | B_LABEL_MOD)) && !whole) || start > 40 ||
            d.precision < DATE_DAY)
            continue;
        if (m->fetched.y && date_days(&d) > date_days(&m->fetched) + 2)
            continue;
        if (d.y < 1990)
            continue;
        char *text = meta_take(m, DATE_TEXT);
        if (!text)
            return;
        str printed = { text, date_print(&d, text) };
        if (label & B_LABEL_MOD && !m->modified.n) {
            m->modified = printed;
            m->how[W_MODIFIED] = HOW_TEXT;
        } else if (!(label & B_LABEL_MOD) && !m->published.n) {
            m->published = printed;
            m->how[W_PUBLISHED] = HOW_TEXT;
        }
    }
}

static void byline_read(struct meta *m, uint32_t headline)
{
    uint32_t from = headline < lines.n ? headline + 1 : 0, end = from + 6 < lines.n ? from + 6 : lines.n;

    for (uint32_t i = from; i < end; i++) {
        int strong;
        str t = lines.line[i];
        if (t.n > 120 || !words_by(t, &strong))
            continue;
        author_split(m, t, &m->authors);
        if (m->authors.n) {
            m->how[W_AUTHOR] = HOW_BYLINE;
            return;
        }
    }
}

static void tags_read(struct meta *m)
{
    for (uint32_t i = 0; i < lines.n && !m->tags.n; i++) {
        str t = without_bullet(lines.line[i]);
        size_t k = t.n <= 600 ? words_tag_label(t) : 0;
        if (!k || t.p[k - 1] != ':') { /* "Tags: a, b" and "Tags:" with lines below */
            if (!k || k < t.n)
                continue;
        }
        str rest = text_trim(str_cut(t, k, t.n));
        if (rest.n) {
            for (size_t p = 0, from = 0; p <= rest.n; p++)
                if (p == rest.n || rest.p[p] == ',' || rest.p[p] == ';') {
                    tags_add(&m->tags, str_cut(rest, from, p));
                    from = p + 1;
                }
            continue;
        }
        for (uint32_t l = i + 1; l < lines.n && is_bulleted(lines.line[l]) && lines.line[l].n < 80; l++)
            tags_add(&m->tags, without_bullet(lines.line[l]));
    }
    if (m->tags.n)
        m->how[W_TAG] = HOW_TEXT;
}

void plain_read(struct meta *m)
{
    lines_read(m);
    uint32_t headline = headline_find(m);
    injection_strip(m, headline);
    date_read(m, headline);
    byline_read(m, headline);
    tags_read(m);
    m->title = text_clean(m, m->title, META_TITLE_MAX, 0);
    m->site = text_clean(m, m->site, META_NAME_MAX, 0);
    for (uint32_t i = 0; i < m->authors.n; i++)
        m->authors.item[i] = text_clean(m, m->authors.item[i], META_NAME_MAX, 0);
    for (uint32_t i = 0; i < m->tags.n; i++)
        m->tags.item[i] = text_clean(m, m->tags.item[i], META_NAME_MAX, 0);
}
