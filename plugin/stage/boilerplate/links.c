/* links: a link in kept text is content; of the others, where they stand and how much they say tells
 * pages' numbers, the site's navigation and other items' titles apart. */
#include "links.h"

#define SCAN_NODES 64 /* of a link's subtree that are looked at */
#define LEVELS     5  /* elements above a link whose class words count */
#define TITLE_WORDS 3 /* a link with so many words names an item */

struct seen {
    uint32_t words;
    int content, image, digits; /* digits: nothing but a number or an arrow */
};

static void text_seen(const char *s, size_t n, struct seen *ret)
{
    struct text_stats t = { 0 };

    text_stats_add(&t, s, n < 256 ? n : 256, NULL, NULL);
    text_stats_end(&t, NULL, NULL);
    ret->words += text_size(&t);
    if (t.letters || t.alone)
        ret->digits = 0;
}

static struct seen link_look(const struct page *pg, const uint8_t *content, uint32_t node)
{
    const trommel_dom *d = pg->dom;
    struct seen s = { .digits = 1 };
    uint32_t end = TROMMEL_NODE(d, node)->end, stop = node + SCAN_NODES;

    for (uint32_t i = node + 1; i < end && i < stop; i++) {
        const trommel_node *x = TROMMEL_NODE(d, i);
        s.content |= content[i];
        if (x->kind == TROMMEL_NODE_TEXT && !(x->flags & TROMMEL_NODE_F_SPACE))
            text_seen(d->strs + x->text, x->text_n, &s);
        s.image |= x->kind == TROMMEL_NODE_ELEMENT && x->tag == TROMMEL_TAG_IMG;
    }
    s.digits = s.digits && s.words;
    return s;
}

static uint64_t near_words(const struct page *pg, uint32_t e)
{
    uint64_t mask = 0;

    for (int i = 0; i < LEVELS && e; i++, e = pg->els[e].parent)
        mask |= pg->els[e].mask;
    return mask;
}

static uint8_t head_link(const trommel_dom *d, const trommel_node *x)
{
    trommel_str rel = sdk_attr_str(d, x, TROMMEL_A_REL);

    return sdk_has_word(rel, "canonical") ? TROMMEL_LINK_CANONICAL
         : sdk_has_word(rel, "alternate") ? TROMMEL_LINK_ALTERNATE
         : sdk_has_word(rel, "next") || sdk_has_word(rel, "prev") ? TROMMEL_LINK_PAGINATION
         : TROMMEL_LINK_UNKNOWN;
}

static uint8_t link_judge(const struct page *pg, const uint8_t *content, const struct link *l)
{
    const uint64_t nav = CLASS_BIT(NAV) | CLASS_BIT(FOOT) | CLASS_BIT(HEAD) | CLASS_BIT(CRUMB)
                         | CLASS_BIT(LOGIN) | CLASS_BIT(LANG) | CLASS_BIT(SKIP) | CLASS_BIT(SHARE);
    const uint64_t nav_tags = INSIDE_BIT(NAV) | INSIDE_BIT(HEADER) | INSIDE_BIT(FOOTER) | INSIDE_BIT(MENU);
    const trommel_node *x = TROMMEL_NODE(pg->dom, l->node);
    trommel_str rel = sdk_attr_str(pg->dom, x, TROMMEL_A_REL);
    const struct el *e = &pg->els[l->el];
    struct seen s = link_look(pg, content, l->node);

    if (sdk_has_word(rel, "next") || sdk_has_word(rel, "prev"))
        return TROMMEL_LINK_PAGINATION;
    if (s.content)
        return TROMMEL_LINK_CONTENT;
    uint64_t words = near_words(pg, l->el);
    if ((words & CLASS_BIT(PAGE) && s.words <= TITLE_WORDS) || (s.digits && e->alike >= 3 && !s.image))
        return TROMMEL_LINK_PAGINATION;
    if ((e->inside & nav_tags) || (words & nav && !(words & CLASS_BIT(REL) && s.words >= TITLE_WORDS)))
        return TROMMEL_LINK_NAVIGATION;
    if (s.words >= TITLE_WORDS || (words & CLASS_BIT(REL))
        || (s.image && words & (CLASS_BIT(CARD) | CLASS_BIT(LIST))))
        return TROMMEL_LINK_RELATED;
    return e->inside & (INSIDE_BIT(LI) | INSIDE_BIT(ASIDE)) || e->alike >= 3 || s.words
               ? TROMMEL_LINK_NAVIGATION : TROMMEL_LINK_UNKNOWN;
}

void links_judge(const struct page *pg, const uint8_t *content, uint8_t *kind)
{
    for (uint32_t i = 0; i < pg->dom->n_nodes; i++) {
        const trommel_node *x = TROMMEL_NODE(pg->dom, i);
        if (x->tag == TROMMEL_TAG_LINK && x->kind == TROMMEL_NODE_ELEMENT)
            kind[i] = head_link(pg->dom, x);
    }
    for (uint32_t k = 0; k < pg->n_links; k++)
        kind[pg->links[k].node] = link_judge(pg, content, &pg->links[k]);
}
