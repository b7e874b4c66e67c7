/* tags: what the piece is filed under.
 *
 * In this order: tags declared for this piece (article:tag, JSON-LD keywords), the box of tags beside the
 * text, other declared tags, links with rel=tag, meta keywords that look like tags.  Several boxes of the
 * same kind mean a list of pieces, whose tags are not this page's. */
#include <string.h>

#include "plugin/stage/metadata/text.h"
#include "plugin/stage/metadata/words.h"

#define TAG_BYTES 80
#define TAG_WORDS 8

void tags_add(struct meta_list *l, str tag)
{
    tag = text_trim(tag);
    while (tag.n && strchr("#,;-", tag.p[0]))
        tag = text_trim(str_cut(tag, 1, tag.n));
    while (tag.n && strchr(",;", tag.p[tag.n - 1]))
        tag = text_trim(str_cut(tag, 0, tag.n - 1));
    if (tag.n < 2 || tag.n > TAG_BYTES || l->n == META_TAGS_MAX || words_tag_label(tag) == tag.n ||
        str_starts(tag, "http"))
        return;
    uint32_t words = 1;
    for (size_t i = 0; i < tag.n; i++)
        words += tag.p[i] == ' ';
    if (words > TAG_WORDS)
        return;
    for (uint32_t i = 0; i < l->n; i++)
        if (l->item[i].n == tag.n && strncasecmp(l->item[i].p, tag.p, tag.n) == 0)
            return;
    l->item[l->n++] = tag;
}

/* "a, b; c" */
static void add_several(struct meta_list *l, str s)
{
    const char *seps = memchr(s.p, ',', s.n) ? "," : memchr(s.p, ';', s.n) ? ";" : "|";

    for (size_t i = 0, from = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != *seps)
            continue;
        tags_add(l, str_cut(s, from, i));
        from = i + 1;
    }
}

static void take_declared(struct meta *m, int how, int micro)
{
    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if (f->what != W_TAG || f->how != how || (f->node != TROMMEL_NONE && !micro))
            continue;
        add_several(&m->tags, f->val);
    }
    if (m->tags.n)
        m->how[W_TAG] = (uint8_t)how;
}

/* Is the box at this node one of several alike, as in a list of pieces? */
static uint32_t boxes(const struct meta *m, int how)
{
    uint32_t n = 0, last = TROMMEL_NONE;

    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if (f->what == W_TAG && f->how == how && f->node != TROMMEL_NONE && f->node != last) {
            n++;
            last = f->node;
        }
    }
    return n;
}

static int usable(const struct find *f)
{
    return !(f->region & (R_NAV | R_ASIDE | R_FOOTER | R_COMMENT | R_CARD | R_AD | R_RELATED));
}

/* The fullest box; of links with rel=tag all that share a parent. */
static void take_box(struct meta *m, int how)
{
    uint32_t best = TROMMEL_NONE, best_n = 0;

    if (boxes(m, how) > 4)
        return;
    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        uint32_t n = 0;
        if (f->what != W_TAG || f->how != how || f->node == TROMMEL_NONE || f->node == best || !usable(f))
            continue;
        for (uint32_t k = i; k < m->n_finds; k++)
            n += m->finds[k].what == W_TAG && m->finds[k].how == how && m->finds[k].node == f->node &&
                 !(m->finds[k].bits & B_WEAK);
        if (n > best_n && n <= 40) {
            best = f->node;
            best_n = n;
        }
    }
    for (uint32_t i = 0; best_n && i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        if (f->what == W_TAG && f->how == how && f->node == best && !(f->bits & B_WEAK))
            tags_add(&m->tags, f->val);
    }
    if (m->tags.n)
        m->how[W_TAG] = (uint8_t)how;
}

/* Several short ones, and not the words stuffed in front of the title. */
static void take_keywords(struct meta *m)
{
    for (uint32_t i = 0; i < m->n_finds; i++) {
        const struct find *f = &m->finds[i];
        struct meta_list l = { 0 };
        if (f->what != W_KEYWORDS)
            continue;
        add_several(&l, f->val);
        size_t bytes = 0;
        for (uint32_t k = 0; k < l.n; k++)
            bytes += l.item[k].n;
        if (l.n < 2 || l.n > 20 || bytes / l.n > 30)
            continue;
        m->tags = l;
        m->how[W_TAG] = HOW_META;
        return;
    }
}

void tags_choose(struct meta *m)
{
    m->tags.n = 0;
    take_declared(m, HOW_OPENGRAPH, 0);
    if (!m->tags.n)
        take_declared(m, HOW_JSON_LD, 0);
    if (!m->tags.n)
        take_box(m, HOW_TEXT);
    if (!m->tags.n)
        take_box(m, HOW_CLASS);
    if (!m->tags.n)
        take_box(m, HOW_REL);
    if (!m->tags.n)
        take_declared(m, HOW_MICRODATA, 1);
    if (!m->tags.n)
        take_declared(m, HOW_META, 0);
    if (!m->tags.n)
        take_keywords(m);
    for (uint32_t i = 0; i < m->tags.n; i++)
        m->tags.item[i] = text_clean(m, m->tags.item[i], TAG_BYTES, 0);
}
