/* tree: see tree.h.
 *
 * What is bounded, and why it must be here and not later:
 *  - depth: the builder scans its stack of open elements for many tokens, so time is quadratic in depth;
 *  - nodes: counted by the allocations of the document's pool, since one token can make many nodes
 *    (formatting elements are made anew in each block);
 *  - bytes: those elements copy their attributes, so a long attribute multiplies;
 *  - the list of active formatting elements: each new one is compared with all of them, attribute by
 *    attribute; the standard limits equal ones only;
 *  - attributes of a tag: each is looked up among the ones before it;
 *  - different names: lexbor's tables of names do not grow, so look-ups become lists; ours widens them;
 *  - one text node's length: pieces are appended to it, and each may copy the whole;
 *  - work: tokens that make no node, times what is scanned for each.
 * Left out: a crafted collision of lexbor's name hash costs time up to the page's budget. */
#include "parse/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"

enum {
    CHUNK_BYTES = 64 * 1024,       /* fed at a time; between two, the tables are looked after */
    ATTRS_MAX = 256,               /* of one tag; the rest is dropped */
    ATTRS_FORMAT_MAX = 16,         /* of a formatting element other than `a` */
    ROOT_TAGS_MAX = 16,            /* repeated <html> and <body>, each of which may add attributes */
    FORMAT_MAX = 32, FORMAT_KEEP = 16, /* active formatting elements */
    TEXT_PIECES_FROM = 16 * 1024,  /* a text node this long is closed and another begun */
    NAMES_WIDEN = 4,               /* names a table slot before it is widened */
    NAMES_TABLE_MOST = 64 * 1024, NAMES_MAX = 256 * 1024,
};
#define TREE_BYTES_MAX (384ull * MIB)
#define TREE_WORK_MAX 700000000ull

/* The builder calls one of these when an element of that tag is closed; lexbor's own table makes copies
 * of options, which multiplies. */
static const lxb_html_document_open_elements_pop_f no_pop[LXB_TAG__LAST_ENTRY];

/* ---- names ------------------------------------------------------------------------------------ */

static int names_widen(lexbor_hash_t *h, size_t size)
{
    lexbor_hash_entry_t **table = lexbor_calloc(size, sizeof *table);

    if (!table)
        return ERR_NOMEM;
    for (size_t i = 0; i < h->table_size; i++) {
        for (lexbor_hash_entry_t *e = h->table[i], *next; e; e = next) {
            next = e->next;
            size_t at = lexbor_hash_make_id(lexbor_hash_entry_str(e), e->length) % size;
            e->next = table[at];
            table[at] = e;
        }
    }
    lexbor_free(h->table);
    h->table = table;
    h->table_size = size;
    return 0;
}

static int names_watch(struct tree *t, lexbor_hash_t *h)
{
    size_t n = lexbor_dobject_allocated(h->entries);

    if (n > NAMES_MAX)
        t->over = t->clamped = 1;
    if (n < h->table_size * NAMES_WIDEN || h->table_size >= NAMES_TABLE_MOST)
        return 0;
    return names_widen(h, h->table_size * 8 < NAMES_TABLE_MOST ? h->table_size * 8 : NAMES_TABLE_MOST);
}

/* A wide table would be cleared for every page that follows. */
static int names_narrow(lexbor_hash_t *h)
{
    return h->table_size > 1024 ? names_widen(h, 128) : 0;
}

/* ---- limits on one token ----------------------------------------------------------------------- */

static int is_format(lxb_tag_id_t tag)
{
    switch (tag) {
    case LXB_TAG_B: case LXB_TAG_BIG: case LXB_TAG_CODE: case LXB_TAG_EM: case LXB_TAG_FONT: case LXB_TAG_I:
    case LXB_TAG_S:
    case LXB_TAG_SMALL:
    case LXB_TAG_STRIKE:
    case LXB_TAG_STRONG:
    case LXB_TAG_TT:
    case LXB_TAG_U:
        return 1;
    default:
        return 0;
    }
}

static uint32_t attrs_cut(struct tree *t, lxb_html_token_t *token, uint32_t most)
{
    uint32_t n = 0;

    for (lxb_html_token_attr_t *a = token->attr_first; a; a = a->next) {
        if (++n < most || !a->next)
            continue;
        /* The ones behind are pool memory: leaving them is enough. */
        a->next = NULL;
        token->attr_last = a;
        t->clamped = 1;
        break;
    }
    return n;
}

static uint32_t attrs_bound(struct tree *t, lxb_html_token_t *token)
{
    if (!token->attr_first)
        return 0;
    if (token->tag_id == LXB_TAG_HTML || token->tag_id == LXB_TAG_BODY) {
        if (++t->root_tags > ROOT_TAGS_MAX) {
            token->attr_first = token->attr_last = NULL;
            t->clamped = 1;
            return 0;
        }
    }
    return attrs_cut(t, token, is_format(token->tag_id) ? ATTRS_FORMAT_MAX : ATTRS_MAX);
}

static int is_table_part(const lxb_dom_node_t *node)
{
    switch (node->local_name) {
    case LXB_TAG_TABLE:
    case LXB_TAG_TBODY:
    case LXB_TAG_THEAD:
    case LXB_TAG_TFOOT:
    case LXB_TAG_TR:
    case LXB_TAG_TD:
    case LXB_TAG_TH: case LXB_TAG_CAPTION: case LXB_TAG_COLGROUP: case LXB_TAG_TEMPLATE: case LXB_TAG_SELECT:
    case LXB_TAG_FRAMESET:
        return node->ns == LXB_NS_HTML;
    default:
        return 0;
    }
}

/* The modes of templates that are no longer open. */
static void modes_bound(struct tree *t)
{
    size_t templates = 0;

    if (t->builder->template_insertion_modes->length == 0)
        return;
    for (size_t i = 0; i < t->builder->open_elements->length; i++)
        templates += lxb_html_tree_node_is(t->builder->open_elements->list[i], LXB_TAG_TEMPLATE);
    if (t->builder->template_insertion_modes->length > templates)
        t->builder->template_insertion_modes->length = templates;
}

/* Pops elements so that the next one is within the depth limit. */
static void depth_bound(struct tree *t)
{
    lexbor_array_t *open = t->builder->open_elements;
    int modal = 0;

    if (open->length < t->open_max)
        return;
    t->clamped = 1;
    for (size_t i = t->open_max - 1; i < open->length; i++)
        modal |= is_table_part(open->list[i]);
    open->length = t->open_max - 1;
    modes_bound(t);
    /* The insertion mode must fit what is left on the stack. */
    if (modal && t->builder->mode != lxb_html_tree_insertion_mode_in_table_text)
        lxb_html_tree_reset_insertion_mode_appropriately(t->builder);
}

static void format_bound(struct tree *t)
{
    lexbor_array_t *list = t->builder->active_formatting;

    if (list->length < FORMAT_MAX)
        return;
    t->clamped = 1;
    memmove(list->list, list->list + (list->length - FORMAT_KEEP), FORMAT_KEEP * sizeof *list->list);
    list->length = FORMAT_KEEP;
}

static int is_long_text(const lxb_dom_node_t *node)
{
    return node && node->local_name == LXB_TAG__TEXT &&
           ((const lxb_dom_character_data_t *)node)->data.length > TEXT_PIECES_FROM;
}

/* Where the text would be appended to a long text node, a comment is put behind that one; the flat page
 * leaves comments out and joins the texts. */
static void text_bound(struct tree *t)
{
    lexbor_array_t *open = t->builder->open_elements;
    lxb_dom_node_t *at = open->length ? open->list[open->length - 1] : NULL;
    lxb_dom_node_t *before = NULL;

    if (!at)
        return;
    if (at->local_name == LXB_TAG_TEMPLATE && at->ns == LXB_NS_HTML)
        at = lxb_dom_interface_node(lxb_html_interface_template(at)->content);
    if (is_table_part(at)) {
        for (size_t i = open->length; i-- && !before;)
            if (lxb_html_tree_node_is(open->list[i], LXB_TAG_TABLE))
                before = open->list[i];
        if (before && !(before->parent && is_long_text(before->prev)))
            before = NULL;
    }
    if (!before && !is_long_text(at->last_child))
        return;
    lxb_dom_comment_t *gap =
        lxb_dom_document_create_comment(&t->doc->dom_document, (const lxb_char_t *)"", 0);
    if (gap && before)
        lxb_dom_node_insert_before_wo_events(before, lxb_dom_interface_node(gap));
    else if (gap)
        lxb_dom_node_insert_child_wo_events(at, lxb_dom_interface_node(gap));
}

/* ---- counting ---------------------------------------------------------------------------------- */

static uint64_t chunks_count(lexbor_mem_t *mem, lexbor_mem_chunk_t **seen)
{
    uint64_t bytes = 0;

    while (*seen != mem->chunk && (*seen)->next) {
        *seen = (*seen)->next;
        bytes += (*seen)->size;
    }
    return bytes;
}

static void made_count(struct tree *t, size_t allocs, uint32_t attrs)
{
    /* An attribute is two allocations, itself and its value; a copied one counts as nodes. */
    uint32_t known = attrs * 2;

    t->nodes += allocs > known ? (uint32_t)(allocs - known) : allocs ? 1 : 0;
    t->attrs += attrs;
    if (t->doc->dom_document.mraw->mem->chunk != t->node_chunk)
        t->bytes += chunks_count(t->doc->dom_document.mraw->mem, &t->node_chunk);
    if (t->doc->dom_document.text->mem->chunk != t->text_chunk)
        t->bytes += chunks_count(t->doc->dom_document.text->mem, &t->text_chunk);
    t->work += 8 + t->builder->open_elements->length;
    if (t->nodes >= t->nodes_max || t->bytes > TREE_BYTES_MAX || t->work > TREE_WORK_MAX)
        t->over = t->clamped = 1;
}

/* Comments are; but in a table one ends the text that is held back, which would pile up. */
static int is_dropped(const struct tree *t, const lxb_html_token_t *token)
{
    return token->tag_id == LXB_TAG__EM_COMMENT &&
           t->builder->mode != lxb_html_tree_insertion_mode_in_table_text;
}

static lxb_html_token_t *token_done(lxb_html_tokenizer_t *tokenizer, lxb_html_token_t *token, void *ctx)
{
    struct tree *t = ctx;
    uint32_t attrs = 0;

    if (token->tag_id == LXB_TAG__END_OF_FILE)
        return t->inner(tokenizer, token, t->inner_ctx);
    if (t->over || is_dropped(t, token))
        return token;
    if (token->tag_id == LXB_TAG__TEXT) {
        text_bound(t);
    } else if ((token->type & LXB_HTML_TOKEN_TYPE_CLOSE) == 0) {
        attrs = attrs_bound(t, token);
        depth_bound(t);
        format_bound(t);
    }
    size_t before = t->doc->dom_document.mraw->ref_count;
    token = t->inner(tokenizer, token, t->inner_ctx);
    size_t after = t->doc->dom_document.mraw->ref_count;
    made_count(t, after > before ? after - before : 0, attrs);
    return token;
}

/* ---- a page ------------------------------------------------------------------------------------ */

int tree_init(struct tree *t, uint32_t nodes_max, uint32_t depth_max)
{
    *t = (struct tree){ .nodes_max = nodes_max, .depth_max = depth_max < 8 ? 8 : depth_max };
    t->open_max = t->depth_max - 1;
    t->doc = lxb_html_document_create();
    if (!t->doc)
        return ERR_NOMEM;
    lxb_html_document_dom_opt_set(t->doc, LXB_DOM_DOCUMENT_OPT_WO_EVENTS);
    t->doc->open_pop = no_pop;
    if (lxb_html_document_parse_chunk_begin(t->doc) != LXB_STATUS_OK)
        return ERR_NOMEM;
    lxb_html_parser_t *parser = t->doc->dom_document.parser;
    t->tokenizer = parser->tkz;
    t->builder = parser->tree;
    t->inner = t->tokenizer->callback_token_done;
    t->inner_ctx = t->tokenizer->callback_token_ctx;
    /* The builder holds on to these arrays' memory while it adds to them: they must not move. */
    if (!lexbor_array_expand(t->builder->open_elements, t->depth_max + 2 * FORMAT_MAX + 64) ||
        !lexbor_array_expand(t->builder->active_formatting, 4 * FORMAT_MAX))
        return ERR_NOMEM;
    lxb_html_tokenizer_callback_token_done_set(t->tokenizer, token_done, t);
    return 0;
}

void tree_release(struct tree *t)
{
    if (!t)
        return;
    if (t->doc)
        lxb_html_document_destroy(t->doc);
    *t = (struct tree){ 0 };
}

void tree_clear(struct tree *t)
{
    lxb_html_document_clean(t->doc);
    t->doc->dom_document.compat_mode = LXB_DOM_DOCUMENT_CMODE_NO_QUIRKS;
    (void)names_narrow(t->doc->dom_document.tags); /* out of memory: it stays wide */
    (void)names_narrow(t->doc->dom_document.attrs);
}

/* Drops all attributes of the unfinished tag but the first ones and the one being read. */
static void unfinished_bound(struct tree *t)
{
    lxb_html_token_t *token = t->tokenizer->token;
    lxb_html_token_attr_t *a = token ? token->attr_first : NULL;

    for (uint32_t n = 1; a && n < ATTRS_MAX; n++)
        a = a->next;
    if (!a || !a->next || a->next == token->attr_last)
        return;
    t->clamped = 1;
    for (lxb_html_token_attr_t *drop = a->next, *next; drop != token->attr_last; drop = next) {
        next = drop->next;
        lxb_html_token_attr_delete(token, drop, t->tokenizer->dobj_token_attr);
    }
}

static int chunk_after(struct tree *t)
{
    lxb_dom_document_t *doc = &t->doc->dom_document;

    lexbor_array_obj_clean(t->tokenizer->parse_errors);
    lexbor_array_obj_clean(t->builder->parse_errors);
    unfinished_bound(t);
    int err = names_watch(t, doc->tags);
    return err ? err : names_watch(t, doc->attrs);
}

static int status_error(lxb_status_t status)
{
    return status == LXB_STATUS_ERROR_MEMORY_ALLOCATION ? ERR_NOMEM : ERR_FAIL;
}

int tree_parse(struct tree *t, const char *text, size_t n)
{
    tree_clear(t);
    t->bytes = t->work = 0;
    t->nodes = t->attrs = t->root_tags = 0;
    t->clamped = t->over = 0;
    lxb_status_t status = lxb_html_document_parse_chunk_begin(t->doc);
    if (status != LXB_STATUS_OK)
        return status_error(status);
    t->node_chunk = t->doc->dom_document.mraw->mem->chunk;
    t->text_chunk = t->doc->dom_document.text->mem->chunk;
    for (size_t at = 0; at < n && !t->over; at += CHUNK_BYTES) {
        size_t m = n - at < CHUNK_BYTES ? n - at : CHUNK_BYTES;
        status = lxb_html_document_parse_chunk(t->doc, (const lxb_char_t *)text + at, m);
        if (status != LXB_STATUS_OK)
            return status_error(status);
        int err = chunk_after(t);
        if (err)
            return err;
    }
    status = lxb_html_document_parse_chunk_end(t->doc);
    return status == LXB_STATUS_OK ? 0 : status_error(status);
}
