/* scan_text: the texts of a page, each looked at once: for dates, openings of bylines, labels of tags,
 * copyright lines.
 *
 * Only short texts can be any of these; in long ones nothing is looked for.  A label in one text node speaks
 * for the next one, as labels and values mostly lie in elements of their own. */
#include <string.h>

#include "plugin/stage/metadata/scan.h"
#include "plugin/stage/metadata/text.h"
#include "plugin/stage/metadata/words.h"

static void text_date(struct scan *s, uint32_t i, uint32_t region, str t)
{
    struct date d;
    size_t start, end;

    if (s->n_text_dates >= 120 || !date_hint(t.p, t.n))
        return;
    end = date_find(t.p, t.n, s->m->order, &d, &start);
    if (!end)
        return;
    str before = str_cut(t, 0, start);
    uint32_t bits = words_date_label(text_trim(before).n ? before : s->before);
    if (text_trim(before).n == 0 && text_trim(str_cut(t, end, t.n)).n == 0)
        bits |= B_WHOLE;
    if (t.n > 160 || (start > 60 && !bits))
        region |= R_SENTENCE;
    if (memmem(t.p, t.n, "\xC2\xA9", 2) || str_has(t, "copyright"))
        bits |= B_LABEL_OTHER;
    scan_date(s, HOW_TEXT, bits, i, region, str_cut(t, start, end));
}

static void text_byline(struct scan *s, const trommel_node *x, uint32_t i, uint32_t region, str t)
{
    int strong = 0;
    size_t n = t.n <= 300 ? words_by(t, &strong) : 0;

    if (n) {
        str rest = text_trim(str_cut(t, n, t.n));
        uint32_t bits = B_BY | (strong ? B_MAIN_KEY : 0);
        const trommel_node *up = TROMMEL_NODE(s->dom, x->parent);
        int lower = rest.n && rest.p[0] >= 'a' && rest.p[0] <= 'z'; /* "by joining our list" */
        if (rest.n && rest.n <= 160 && (strong || !lower || s->m->forum || (region & (R_AUTHOR | R_USER))))
            scan_note(s, W_AUTHOR, HOW_TEXT, bits, i, region, text_clean(s->m, rest, 240, 0));
        if (x->parent && up->end - x->parent <= 24 &&
            up->end - x->parent > 2) { /* names in elements beside it */
            str all = text_of(s->m, x->parent, 240);
            int again;
            size_t k = words_by(all, &again);
            if (k && all.n < 236 && all.n - k > rest.n + 1)
                scan_note(s, W_AUTHOR, HOW_TEXT, bits | B_PROFILE, i, region, str_cut(all, k, all.n));
        }
        if (!rest.n) {
            s->by_node = i;
            s->by_strong = strong;
        }
    } else if (s->by_node != TROMMEL_NONE) {
        if (i - s->by_node <= 10 && t.n <= 100)
            scan_note(s, W_AUTHOR, HOW_TEXT, B_BY | (s->by_strong ? (uint32_t)B_MAIN_KEY : 0), i, region,
                      text_clean(s->m, t, 240, 0));
        s->by_node = TROMMEL_NONE;
    }
}

static void text_tag_label(struct scan *s, const trommel_node *x, uint32_t i, uint32_t region, str t)
{
    size_t n = t.n <= 60 ? words_tag_label(t) : 0;
    uint32_t box = x->parent;

    if (!n || n < t.n || (region & R_TAGS))
        return;
    for (int up = 0; up < 3 && box; up++, box = TROMMEL_NODE(s->dom, box)->parent) {
        const trommel_node *b = TROMMEL_NODE(s->dom, box);
        if (b->end - box > 150)
            return;
        for (uint32_t k = i; k < b->end; k++) {
            const trommel_node *y = TROMMEL_NODE(s->dom, k);
            if (y->kind == TROMMEL_NODE_ELEMENT && y->tag == TROMMEL_TAG_A) {
                scan_tags_box(s, b, box, region, HOW_TEXT);
                return;
            }
        }
    }
}

void scan_text(struct scan *s, const trommel_node *x, uint32_t i, uint32_t region)
{
    str t = text_trim(node_str(s->dom, x));

    if (!t.n)
        return;
    if (t.n > 80 && s->m->first_p == TROMMEL_NONE && !(region & (R_OUTSIDE | R_HEADER | R_AD)) &&
        (s->m->h1 == TROMMEL_NONE || i > s->m->h1 + 2))
        s->m->first_p = i;
    if (t.n <= 400) {
        text_byline(s, x, i, region, t);
        text_date(s, i, region, t);
        text_tag_label(s, x, i, region, t);
        if (t.n <= 250 && (region & (R_FOOTER | R_COPY) || i > s->dom->n_nodes - s->dom->n_nodes / 8) &&
            (memmem(t.p, t.n, "\xC2\xA9", 2) || str_has(t, "copyright") || str_has(t, "powered by")))
            scan_note(s, W_FOOT, HOW_TEXT, 0, i, region, text_clean(s->m, t, 250, 0));
    } else {
        s->by_node = TROMMEL_NONE;
    }
    s->before = t;
}
