/* features: see features.h.  Sums go up the tree, lines and class distances down, then a row a block. */
#include "features.h"

#include <stdio.h>

#include "trees.h"

#define NEAR_STRIDE ((CLASS_GROUPS_N + 15) / 16 * 16)

/* Blocks on one path. */
struct path {
    uint64_t key;
    uint32_t blocks, words, chars, link_chars;
};

/* Blocks with one text. */
struct copy {
    uint64_t key;
    uint32_t n;
};

struct maker {
    struct page *pg;
    struct path *paths;
    struct copy *copies;
    uint32_t n_slots;       /* of both tables */
    uint32_t *words, *link; /* running sums before block k; link: words times link share */
    uint8_t *near;          /* NEAR_STRIDE bytes an element: levels up to the nearest class word of a group */
    uint8_t (*sub)[SUBTREE_VALUES + 1]; /* an element's subtree as features; last byte: made */
    uint32_t root, longest; /* an element, a block */
    int64_t h1;             /* words before the first h1's block; -1: none */
    uint8_t page_row[FEATURE_STRIDE];
    uint8_t tags[256];
};

/* ---- tables ------------------------------------------------------------------------------------ */

static uint32_t path_find(struct maker *m, uint64_t key)
{
    uint32_t at = (uint32_t)(key >> 20) & (m->n_slots - 1);

    key |= 1;
    while (m->paths[at].key && m->paths[at].key != key)
        at = (at + 1) & (m->n_slots - 1);
    m->paths[at].key = key;
    return at;
}

static struct copy *copy_find(struct maker *m, uint64_t key)
{
    uint32_t at = (uint32_t)(key >> 20) & (m->n_slots - 1);

    key |= 1;
    while (m->copies[at].key && m->copies[at].key != key)
        at = (at + 1) & (m->n_slots - 1);
    m->copies[at].key = key;
    return &m->copies[at];
}

static uint32_t link_chars(const struct block *b)
{
    return b->link_chars < b->t.chars ? b->link_chars : b->t.chars;
}

static void tables_fill(struct maker *m)
{
    struct page *pg = m->pg;

    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        struct block *b = &pg->blocks[k];
        struct path *p = &m->paths[b->path_slot = path_find(m, pg->els[b->el].path)];
        p->blocks++;
        p->words += b->size;
        p->chars += b->t.chars;
        p->link_chars += link_chars(b);
        b->copy = copy_find(m, b->key)->n++;
    }
    for (uint32_t k = 0; k < pg->n_blocks; k++)
        pg->blocks[k].copies = copy_find(m, pg->blocks[k].key)->n;
}

/* ---- the tree ---------------------------------------------------------------------------------- */

static void block_sums(struct page *pg, const struct block *b)
{
    struct el *e = &pg->els[b->el];
    struct sums *s = &e->sums;

    s->words += b->size;
    s->chars += b->t.chars;
    s->link_chars += link_chars(b);
    s->blocks++;
    s->sents += b->t.sents;
    s->commas += b->t.commas;
    if (e->tag == TROMMEL_TAG_P || e->tag == TROMMEL_TAG_BLOCKQUOTE || e->tag == TROMMEL_TAG_PRE)
        s->p_words += b->size;
}

/* Prose votes for five elements above it, the farther the less. */
static void block_votes(struct page *pg, const struct block *b)
{
    static const float fade[] = { 1, 1 / 2.f, 1 / 3.f, 1 / 5.f, 1 / 8.f };
    float chars = (float)b->t.chars / 100;
    float free = 1 - (float)link_chars(b) / (float)(b->t.chars + !b->t.chars);
    uint32_t e = b->el;

    if (b->size < 8)
        return;
    float vote = (1 + (float)b->t.commas + (chars < 3 ? chars : 3)) * free;
    for (int k = 0; k < 5 && e; k++) {
        e = pg->els[e].parent;
        pg->els[e].vote += vote * fade[k];
    }
}

static void sums_up(struct page *pg)
{
    for (uint32_t e = pg->n_els; e-- > 1;) {
        const uint32_t *from = (const uint32_t *)&pg->els[e].sums;
        uint32_t *to = (uint32_t *)&pg->els[pg->els[e].parent].sums;
        for (size_t i = 0; i < sizeof(struct sums) / sizeof(uint32_t); i++)
            to[i] += from[i];
    }
}

static uint32_t root_find(const struct page *pg)
{
    uint32_t best = 0;
    float best_vote = 0;

    for (uint32_t e = 1; e < pg->n_els; e++) {
        const struct el *x = &pg->els[e];
        if (x->vote <= 0)
            continue;
        float vote = x->vote * (1 - (float)x->sums.link_chars / (float)(x->sums.chars + !x->sums.chars));
        if (vote > best_vote) {
            best = e;
            best_vote = vote;
        }
    }
    return best;
}

static int holds(const struct page *pg, uint32_t outer, uint32_t e)
{
    return e >= outer && e < pg->els[outer].end;
}

/* What elements take from above: class words near, where they leave two lines. */
static void pass_down(struct maker *m)
{
    struct page *pg = m->pg;
    uint32_t long_el = pg->n_blocks ? pg->blocks[m->longest].el : 0;

    memset(m->near, 0xff, NEAR_STRIDE);
    for (uint32_t e = 1; e < pg->n_els; e++) {
        struct el *x = &pg->els[e], *up = &pg->els[x->parent];
        uint8_t *own = m->near + (size_t)e * NEAR_STRIDE;
        const uint8_t *from = m->near + (size_t)x->parent * NEAR_STRIDE;
        for (int i = 0; i < NEAR_STRIDE; i += TREES_LANES) {
            trees_lanes v;
            memcpy(&v, from + i, sizeof v);
            v -= (trees_lanes)(v != 0xff); /* one more where it is not the end of the scale */
            memcpy(own + i, &v, sizeof v);
        }
        for (uint64_t mask = x->mask; mask; mask &= mask - 1)
            own[__builtin_ctzll(mask)] = 0;
        x->on_root = holds(pg, e, m->root) ? x->depth : up->on_root;
        x->on_long = holds(pg, e, long_el) ? x->depth : up->on_long;
    }
}

static void longest_find(struct maker *m)
{
    const struct page *pg = m->pg;
    uint64_t best = 0;

    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        const struct block *b = &pg->blocks[k];
        uint64_t v = (uint64_t)b->size * (200u - sdk_share(b->link_chars, b->t.chars));
        if (v > best) {
            best = v;
            m->longest = k;
        }
    }
}

static void running_sums(struct maker *m)
{
    const struct page *pg = m->pg;
    uint32_t words = 0, link = 0;

    m->h1 = -1;
    for (uint32_t k = 0; k <= pg->n_blocks; k++) {
        m->words[k] = words;
        m->link[k] = link;
        if (k == pg->n_blocks)
            break;
        const struct block *b = &pg->blocks[k];
        if (m->h1 < 0 && pg->els[b->el].tag == TROMMEL_TAG_H1)
            m->h1 = words;
        words += b->size;
        link += b->size * sdk_share(b->link_chars, b->t.chars);
    }
}

/* ---- rows -------------------------------------------------------------------------------------- */

static void row_text(uint8_t *row, const struct block *b, const struct page *pg)
{
    const struct text_stats *t = &b->t;
    uint32_t size = b->size + !b->size;

    row[F_words] = sdk_log(b->size);
    row[F_chars] = sdk_log(t->chars);
    row[F_word_len] = sdk_cap((uint64_t)t->chars * 8 / size);
    row[F_link_share] = sdk_share(b->link_chars, t->chars);
    row[F_links] = sdk_cap(b->links);
    row[F_all_link] = b->link_chars >= t->chars;
    row[F_upper] = sdk_share(t->upper, t->letters);
    row[F_digits] = sdk_share(t->digits, t->chars);
    row[F_sents] = sdk_cap(t->sents);
    row[F_commas] = sdk_cap(t->commas);
    row[F_sent_share] = sdk_share(t->sents, size);
    row[F_last] = t->last;
    row[F_first] = t->first;
    row[F_price] = t->price;
    row[F_date] = t->date;
    row[F_url] = (uint8_t)(t->url + 2 * t->at);
    row[F_seps] = sdk_share((uint64_t)t->seps * 8, t->chars);
    row[F_breaks] = sdk_cap(b->breaks);
    row[F_high] = sdk_share(t->high, t->chars);
    row[F_leaves] = sdk_cap(b->leaves);
    row[F_title_of] = sdk_share(t->in_title, size);
    row[F_title_share] = sdk_share(t->in_title, pg->title.n);
    row[F_desc_of] = sdk_share(t->in_desc, size);
}

static void row_place(uint8_t *row, const struct maker *m, const struct block *b)
{
    const struct page *pg = m->pg;
    const struct el *e = &pg->els[b->el], *up = &pg->els[e->parent], *grand = &pg->els[up->parent];

    row[F_tag] = m->tags[e->tag];
    row[F_parent_tag] = m->tags[up->tag];
    row[F_grand_tag] = m->tags[grand->tag];
    row[F_leaf_tag] = m->tags[b->leaf_tag];
    row[F_depth] = sdk_cap(e->depth);
    row[F_sib] = sdk_cap(e->sib);
    row[F_kids] = sdk_cap(e->kids);
    row[F_hidden] = e->hidden;
    for (unsigned i = 0; i < INSIDE_N; i++)
        row[F_INSIDE + i] = b->inside >> i & 1;
    memcpy(row + F_CLASS, m->near + (size_t)b->el * NEAR_STRIDE, CLASS_GROUPS_N);
    for (uint64_t mask = b->mask; mask; mask &= mask - 1)
        row[F_CLASS + __builtin_ctzll(mask)] = 0;
}

static const uint8_t *subtree_of(struct maker *m, uint32_t e)
{
    const struct el *x = &m->pg->els[e];
    const struct sums *s = &x->sums;
    uint8_t *v = m->sub[e];

    if (v[SUBTREE_VALUES])
        return v;
    uint32_t blocks = s->blocks + !s->blocks;
    v[0] = sdk_log(s->words);
    v[1] = sdk_share(s->link_chars, s->chars);
    v[2] = sdk_log((uint64_t)s->words * 4 / blocks);
    v[3] = sdk_log(((uint64_t)s->words << 16) / (m->pg->words_total + !m->pg->words_total));
    v[4] = sdk_cap((uint64_t)s->sents * 16 / blocks);
    v[5] = sdk_share(s->p_words, s->words);
    v[6] = sdk_log((uint64_t)s->chars * 4 / (s->tags + !s->tags));
    v[SUBTREE_VALUES] = 1;
    return v;
}

static void row_above(uint8_t *row, struct maker *m, const struct block *b)
{
    static const uint8_t level[SUBTREE_LEVELS] = { 0, 1, 2, 3, 4, 6, 8 };
    const struct page *pg = m->pg;
    uint32_t e = b->el, up = 0, max = 0;

    for (unsigned i = 0; i < SUBTREE_LEVELS; i++) {
        for (; up < level[i] && e; up++)
            e = pg->els[e].parent;
        memcpy(row + F_SUBTREE + i * SUBTREE_VALUES, subtree_of(m, e), SUBTREE_VALUES);
    }
    e = b->el;
    for (unsigned i = 0; i < 5 && e; i++, e = pg->els[e].parent) {
        row[F_alike0 + i] = sdk_log(pg->els[e].alike);
        max = pg->els[e].alike > max ? pg->els[e].alike : max;
    }
    row[F_alike_max] = sdk_log(max);
}

static void row_repeats(uint8_t *row, const struct maker *m, const struct block *b)
{
    const struct path *p = &m->paths[b->path_slot];

    row[F_path_blocks] = sdk_log(p->blocks);
    row[F_path_share] = sdk_log(((uint64_t)p->words << 16) / (m->pg->words_total + !m->pg->words_total));
    row[F_path_mean] = sdk_log((uint64_t)p->words * 4 / p->blocks);
    row[F_path_link] = sdk_share(p->link_chars, p->chars);
    row[F_copies] = sdk_cap(b->copies);
    row[F_copy] = sdk_cap(b->copy);
}

/* a - b of `of`, around 128. */
static uint8_t relative(int64_t a, int64_t b, int64_t of)
{
    int64_t v = 128 + (a - b) * 100 / (of ? of : 1);

    return (uint8_t)(v < 1 ? 1 : v > 255 ? 255 : v);
}

static void row_position(uint8_t *row, const struct maker *m, uint32_t k)
{
    const struct page *pg = m->pg;
    const struct block *b = &pg->blocks[k];
    const struct el *e = &pg->els[b->el], *root = &pg->els[m->root];
    const struct el *far = &pg->els[pg->blocks[m->longest].el];
    uint32_t before = m->words[k], total = pg->words_total;

    row[F_in_root] = holds(pg, m->root, b->el);
    row[F_root_up] = sdk_cap((uint32_t)(root->depth - e->on_root));
    row[F_root_down] = sdk_cap((uint32_t)(e->depth - e->on_root));
    row[F_root_words] = sdk_log(root->sums.words);
    row[F_root_share] = sdk_share(root->sums.words, total);
    row[F_long_rel] = relative(k, m->longest, pg->n_blocks);
    row[F_long_after] = k >= m->longest;
    row[F_long_steps] = sdk_cap((uint32_t)(e->depth + far->depth - 2 * e->on_long));
    row[F_block_pos] = sdk_share(k, pg->n_blocks);
    row[F_block_no] = sdk_log(k);
    row[F_word_pos] = sdk_share(before, total);
    row[F_words_before] = sdk_log(before);
    row[F_words_after] = sdk_log(total - before);
    if (m->h1 < 0)
        return;
    row[F_h1_rel] = relative(before, m->h1, total);
    row[F_h1_dist] = before >= m->h1 ? 128 + sdk_log((uint64_t)(before - m->h1)) / 2
                                     : 127 - sdk_log((uint64_t)(m->h1 - before)) / 2;
}

/* Mean length of blocks [from, to), and the share of their words in links. */
static void window(const struct maker *m, uint32_t from, uint32_t to, uint8_t *ret_words, uint8_t *ret_link)
{
    uint32_t n = to > from ? to - from : 0, words = n ? m->words[to] - m->words[from] : 0;

    if (ret_words)
        *ret_words = n ? sdk_log((uint64_t)words * 4 / n) : 0;
    *ret_link = words ? (uint8_t)((m->link[to] - m->link[from]) / words) : 0;
}

static uint32_t back(uint32_t k, uint32_t n)
{
    return k > n ? k - n : 0;
}

static uint32_t ahead(uint32_t k, uint32_t n, uint32_t max)
{
    return k + n < max ? k + n : max;
}

static void row_neighbours(uint8_t *row, const struct maker *m, uint32_t k)
{
    uint32_t n = m->pg->n_blocks;

    window(m, back(k, 4), k, NULL, &row[F_b4_link]);
    window(m, back(k, 10), k, NULL, &row[F_b10_link]);
    window(m, k + 1, ahead(k, 2, n), &row[F_n1_words], &row[F_n1_link]);
    window(m, k + 1, ahead(k, 5, n), &row[F_n4_words], &row[F_n4_link]);
    window(m, k + 1, ahead(k, 11, n), &row[F_n10_words], &row[F_n10_link]);
}

/* ---- the page ---------------------------------------------------------------------------------- */

static void page_blocks(struct maker *m, uint8_t *row)
{
    const struct page *pg = m->pg;
    const struct sums *all = &pg->els[0].sums;
    uint32_t longs = 0, prices = 0, dates = 0, alike = 0;
    uint64_t p_words = 0;

    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        const struct block *b = &pg->blocks[k];
        longs += b->size >= 20;
        prices += b->t.price;
        dates += b->t.date;
        if (pg->els[b->el].tag == TROMMEL_TAG_P)
            p_words += b->size;
    }
    for (uint32_t e = 1; e < pg->n_els; e++)
        if (pg->els[e].tag != TROMMEL_TAG_P && pg->els[e].tag != TROMMEL_TAG_TR
            && pg->els[e].tag != TROMMEL_TAG_TD && pg->els[e].alike > alike)
            alike = pg->els[e].alike;
    row[F_pg_words] = sdk_log(pg->words_total);
    row[F_pg_blocks] = sdk_log(pg->n_blocks);
    row[F_pg_link] = sdk_share(all->link_chars, all->chars);
    row[F_pg_p_share] = sdk_share(p_words, pg->words_total);
    row[F_pg_long] = sdk_share(longs, pg->n_blocks);
    row[F_pg_prices] = sdk_log(prices);
    row[F_pg_dates] = sdk_log(dates);
    row[F_pg_alike] = sdk_log(alike);
    row[F_pg_nodes] = sdk_log(pg->dom->n_nodes);
}

static void page_tags(const struct page_counts *c, uint8_t *row)
{
    row[F_pg_a] = sdk_log(c->a);
    row[F_pg_p] = sdk_log(c->p);
    row[F_pg_li] = sdk_log(c->li);
    row[F_pg_h2] = sdk_log(c->h2);
    row[F_pg_h3] = sdk_log(c->h3);
    row[F_pg_img] = sdk_log(c->img);
    row[F_pg_form] = sdk_log(c->form);
    row[F_pg_input] = sdk_log(c->input);
    row[F_pg_button] = sdk_log(c->button);
    row[F_pg_article] = sdk_log(c->article);
    row[F_pg_section] = sdk_log(c->section);
    row[F_pg_table] = sdk_log(c->table);
    row[F_pg_code] = sdk_log(c->code);
    row[F_pg_main] = sdk_cap(c->main);
    row[F_pg_h1] = sdk_cap(c->h1);
    row[F_pg_video] = sdk_cap(c->video);
}

/* Tags as features: few numbers, alike ones side by side. */
static void tags_fill(uint8_t tags[256])
{
    static const uint8_t order[] = {
        TROMMEL_TAG_P, TROMMEL_TAG_BLOCKQUOTE, TROMMEL_TAG_PRE, TROMMEL_TAG_CODE, TROMMEL_TAG_H1,
        TROMMEL_TAG_H2, TROMMEL_TAG_H3, TROMMEL_TAG_H4, TROMMEL_TAG_H5, TROMMEL_TAG_H6, TROMMEL_TAG_DD,
        TROMMEL_TAG_DT, TROMMEL_TAG_DL, TROMMEL_TAG_LI, TROMMEL_TAG_UL, TROMMEL_TAG_OL, TROMMEL_TAG_TD,
        TROMMEL_TAG_TH, TROMMEL_TAG_TR, TROMMEL_TAG_TBODY, TROMMEL_TAG_TABLE, TROMMEL_TAG_FIGCAPTION,
        TROMMEL_TAG_FIGURE, TROMMEL_TAG_ARTICLE, TROMMEL_TAG_MAIN, TROMMEL_TAG_SECTION, TROMMEL_TAG_DIV,
        TROMMEL_TAG_STRONG, TROMMEL_TAG_B, TROMMEL_TAG_EM, TROMMEL_TAG_I, TROMMEL_TAG_FONT, TROMMEL_TAG_SPAN,
        TROMMEL_TAG_TIME, TROMMEL_TAG_SMALL, TROMMEL_TAG_SUMMARY, TROMMEL_TAG_DETAILS, TROMMEL_TAG_CAPTION,
        TROMMEL_TAG_ADDRESS, TROMMEL_TAG_HEADER, TROMMEL_TAG_A, TROMMEL_TAG_BUTTON, TROMMEL_TAG_LABEL,
        TROMMEL_TAG_LEGEND, TROMMEL_TAG_FORM, TROMMEL_TAG_ASIDE, TROMMEL_TAG_NAV, TROMMEL_TAG_FOOTER,
        TROMMEL_TAG_NOSCRIPT, TROMMEL_TAG_TEMPLATE, TROMMEL_TAG_BODY,
    };
    memset(tags, 99, 256);
    tags[0] = 60;
    for (unsigned i = 0; i < sizeof order; i++)
        tags[order[i]] = (uint8_t)(i + 1);
}

/* ---- all together ------------------------------------------------------------------------------ */

static int maker_lists(struct maker *m)
{
    struct page *pg = m->pg;

    for (m->n_slots = 16; m->n_slots < 2 * pg->n_blocks; m->n_slots *= 2)
        ;
    m->paths = page_alloc(pg, m->n_slots, sizeof *m->paths);
    m->copies = page_alloc(pg, m->n_slots, sizeof *m->copies);
    m->words = page_alloc(pg, pg->n_blocks + 1, sizeof *m->words);
    m->link = page_alloc(pg, pg->n_blocks + 1, sizeof *m->link);
    m->near = page_alloc(pg, pg->n_els, NEAR_STRIDE);
    m->sub = page_alloc(pg, pg->n_els, sizeof *m->sub);
    if (!m->paths || !m->copies || !m->words || !m->link || !m->near || !m->sub)
        return TROMMEL_E_LIMIT;
    memset(m->paths, 0, m->n_slots * sizeof *m->paths);
    memset(m->copies, 0, m->n_slots * sizeof *m->copies);
    memset(m->sub, 0, pg->n_els * sizeof *m->sub);
    return 0;
}

static void tree_read(struct maker *m)
{
    struct page *pg = m->pg;

    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        block_sums(pg, &pg->blocks[k]);
        block_votes(pg, &pg->blocks[k]);
    }
    sums_up(pg);
    tables_fill(m);
    running_sums(m);
    longest_find(m);
    m->root = pg->root = root_find(pg);
    pass_down(m);
}

int features_make(struct page *pg, uint8_t **ret_rows)
{
    struct maker m = { .pg = pg };
    uint32_t heading = 0, since = 0;
    uint8_t *rows = page_alloc(pg, (size_t)pg->n_blocks + TREES_ROWS, FEATURE_STRIDE);

    if (!rows || maker_lists(&m))
        return TROMMEL_E_LIMIT;
    tags_fill(m.tags);
    tree_read(&m);
    page_blocks(&m, m.page_row);
    page_tags(&pg->count, m.page_row);
    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        uint8_t *row = rows + (size_t)k * FEATURE_STRIDE;
        const struct block *b = &pg->blocks[k];
        if ((k & 0xfff) == 0 && page_stop(pg))
            return TROMMEL_E_FAIL;
        memcpy(row, m.page_row, FEATURE_STRIDE);
        row_text(row, b, pg);
        row_place(row, &m, b);
        row_above(row, &m, b);
        row_repeats(row, &m, b);
        row_position(row, &m, k);
        row_neighbours(row, &m, k);
        row[F_heading] = (uint8_t)heading;
        row[F_since_heading] = sdk_log(since);
        since += b->size;
        if (b->inside & INSIDE_HEADINGS) {
            heading = 1 + (uint32_t)__builtin_ctzll((b->inside & INSIDE_HEADINGS) >> INSIDE_H1);
            since = 0;
        }
    }
    memset(rows + (size_t)pg->n_blocks * FEATURE_STRIDE, 0, TREES_ROWS * FEATURE_STRIDE);
    *ret_rows = rows;
    return 0;
}

void feature_name(unsigned i, char *buf, size_t n)
{
    static const char *const names[] = {
#define X_(name) #name,
        FEATURE_MAP(X_)
#undef X_
    };
    static const char *const inside[] = {
#define X_(name) #name,
        INSIDE_MAP(X_)
#undef X_
    };
    static const char *const class[] = {
#define X_(name, words) #name,
        CLASS_GROUPS(X_)
#undef X_
    };
    static const char *const values[] = { "words", "link", "mean", "share", "sents", "p", "dense" };
    static const uint8_t level[SUBTREE_LEVELS] = { 0, 1, 2, 3, 4, 6, 8 };

    if (i < F_INSIDE)
        snprintf(buf, n, "%s", names[i]);
    else if (i < F_CLASS)
        snprintf(buf, n, "in_%s", inside[i - F_INSIDE]);
    else if (i < F_SUBTREE)
        snprintf(buf, n, "c_%s", class[i - F_CLASS]);
    else
        snprintf(buf, n, "s%u_%s", level[(i - F_SUBTREE) / SUBTREE_VALUES],
                 values[(i - F_SUBTREE) % SUBTREE_VALUES]);
}
