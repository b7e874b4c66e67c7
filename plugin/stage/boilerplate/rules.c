/* rules: see rules.h.  They need the sums over subtrees, so they come after features_make. */
#include "rules.h"

#define TEASER_ITEMS_MAX 2
#define TAG_LEVELS       3  /* elements above a tag that may hold its list */
#define TAG_WORDS        4  /* mean words of a tag */
#define RUN_LEVELS       3  /* elements at and above a link that may repeat … */
#define RUN_MIN          3  /* … so often */
#define HEADING_WORDS    20
#define BYLINE_WORDS     16
#define BYLINE_LEVELS    2  /* elements at and above a byline that may say so in their class */
#define TAGS_WORDS_MAX   80 /* words of a list of tags */

int rule_title(const struct page *pg, uint32_t k)
{
    const struct block *b = &pg->blocks[k];

    return (b->inside & INSIDE_BIT(H1)) && b->size >= 3
           && (b->key == pg->title_key
               || (pg->title.n && b->t.in_title >= b->size && b->size * 10 >= pg->title.n * 6));
}

int rule_teaser(const struct page *pg, uint32_t k)
{
    const struct block *b = &pg->blocks[k];
    uint32_t list = b->el;

    if (b->link_chars < b->t.chars || !(b->inside & INSIDE_BIT(LI)) || k == 0)
        return 0;
    while (list && pg->els[list].tag != TROMMEL_TAG_UL && pg->els[list].tag != TROMMEL_TAG_OL)
        list = pg->els[list].parent;
    const struct el *e = &pg->els[list], *before = &pg->els[b[-1].el];
    if (!list || e->sums.link_chars < e->sums.chars || e->sums.blocks > TEASER_ITEMS_MAX)
        return 0;
    /* a paragraph before it, another behind it */
    for (uint32_t i = k; i > 0 && before->node > e->node; i--)
        before = &pg->els[pg->blocks[i - 1].el];
    return before->tag == TROMMEL_TAG_P && before->parent == e->parent && e->end < pg->n_els
           && pg->els[e->end].tag == TROMMEL_TAG_P && pg->els[e->end].parent == e->parent;
}

int rule_tags(const struct page *pg, uint32_t k)
{
    const struct block *b = &pg->blocks[k];
    uint32_t e = b->el;

    if (b->size > 8 && b->links < 2)
        return 0;
    for (int i = 0; i < TAG_LEVELS && e; i++, e = pg->els[e].parent) {
        const struct el *x = &pg->els[e];
        uint32_t items = x->sums.blocks > b->links ? x->sums.blocks : b->links;
        if (!(x->mask & CLASS_BIT(TAG)) || x->tag == TROMMEL_TAG_ARTICLE)
            continue;
        return items >= 2 && x->sums.words <= TAGS_WORDS_MAX && x->sums.words <= TAG_WORDS * items
               && x->sums.link_chars * 10 >= x->sums.chars * 7 && !x->sums.sents;
    }
    return 0;
}

int rule_byline(const struct page *pg, uint32_t k)
{
    const struct block *b = &pg->blocks[k];
    uint32_t e = b->el;
    uint64_t mask = b->mask;

    if (b->size > BYLINE_WORDS || b->t.sents || (b->inside & INSIDE_HEADINGS))
        return 0;
    for (int i = 0; i < BYLINE_LEVELS && e && pg->els[e].sums.words <= 2 * BYLINE_WORDS; i++, e = pg->els[e].parent)
        mask |= pg->els[e].mask;
    return (mask & (CLASS_BIT(META) | CLASS_BIT(AUTH))) != 0;
}

int rule_elsewhere(const struct page *pg, uint32_t k)
{
    const struct block *b = &pg->blocks[k];
    uint32_t e = b->el;

    if (b->link_chars < b->t.chars || !pg->root || (e >= pg->root && e < pg->els[pg->root].end))
        return 0;
    for (int i = 0; i < RUN_LEVELS && e; i++, e = pg->els[e].parent)
        if (pg->els[e].alike >= RUN_MIN)
            return 1;
    return 0;
}

int rule_heading(const struct page *pg, uint32_t k)
{
    const struct block *b = &pg->blocks[k];
    const uint64_t below_title = INSIDE_HEADINGS & ~INSIDE_BIT(H1);

    return (b->inside & below_title) && b->size <= HEADING_WORDS && b->el >= pg->root
           && b->el < pg->els[pg->root].end;
}
