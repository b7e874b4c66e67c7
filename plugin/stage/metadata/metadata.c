/* metadata: what a page says of itself: title, authors, dates, site, tags, language and the like.
 *
 * Reads the page in one pass (scan.c, jsonld.c; plain.c for text/plain), chooses per field (title.c,
 * author.c, dates.c, tags.c, here the simple ones) and puts each field with, in meta.source, how it was
 * found.  Promises: values are clean UTF-8 and bounded; a date is as precise as the page says; what the page
 * does not say is absent, except authors and tags, which are always arrays.  Leaves out: anything that needs
 * other pages, pictures or scripts. */
#include <string.h>

#include "plugin/stage/metadata/pack.h"
#include "plugin/stage/metadata/text.h"

enum { NEED_TEXT, NEED_NODES, NEED_LAYOUT };
static const trommel_port needs[] = {
    { "content.text", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
    { "content.nodes", TROMMEL_T_NODE_U8, TROMMEL_PORT_OPTIONAL },
    { "layout.type", TROMMEL_T_STR, TROMMEL_PORT_OPTIONAL },
};

/* clang-format off */
enum {
    PUT_TITLE, PUT_AUTHORS, PUT_PUBLISHED, PUT_MODIFIED, PUT_SITE, PUT_DESC, PUT_TAGS, PUT_SECTION,
    PUT_IMAGE, PUT_CANONICAL, PUT_LANG, PUT_LICENSE, PUT_PRODUCT, PUT_RECIPE, PUT_EVENT, PUT_JOB,
    PUT_VIDEO, PUT_SOURCE, PUT_CONTENT_LANG
};
/* clang-format on */
static const trommel_port provides[] = {
    { "meta.title", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.authors", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    { "meta.published", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.modified", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.site_name", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.description", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.tags", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    { "meta.section", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.image", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.canonical", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.lang", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.license", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
    { "meta.product", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    { "meta.recipe", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    { "meta.event", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    { "meta.job", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    { "meta.video", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    { "meta.source", TROMMEL_T_MSGPACK, TROMMEL_PORT_RECORD },
    { "content.lang", TROMMEL_T_STR, TROMMEL_PORT_RECORD },
};

static const char *const reasons[] = { "out_of_memory" };

const char *const meta_how_text[HOW_COUNT] = {
#define X(name, text) text,
    META_HOWS(X)
#undef X
};

static struct meta page_meta; /* one instance a process, one page at a time */
static const trommel_host *the_host;
static const trommel_url_service *url_service;

#define CHUNK (64u << 10)

void *meta_take(struct meta *m, size_t n)
{
    n = (n + 7) & ~(size_t)7;
    if (n > m->mem_left) {
        if (n > META_MEM_MAX - m->mem_used)
            return NULL;
        size_t want = n > CHUNK / 4 ? n : CHUNK;
        if (want > META_MEM_MAX - m->mem_used)
            want = n;
        char *p = m->host->alloc(m->page, want, 8);
        if (!p)
            return NULL;
        m->mem_used += want;
        if (want == n && n > CHUNK / 4) /* a large piece of its own; the open chunk stays */
            return p;
        m->mem = p;
        m->mem_left = want;
    }
    void *ret = m->mem;
    m->mem += n;
    m->mem_left -= n;
    return ret;
}

struct find *meta_note(struct meta *m, int what, int how, uint32_t bits, uint32_t node, str val)
{
    if (m->n_finds == META_FINDS_MAX || !val.n)
        return NULL;
    struct find *f = &m->finds[m->n_finds++];
    *f = (struct find){ .what = (uint8_t)what, .how = (uint8_t)how, .bits = bits, .node = node, .val = val };
    return f;
}

const struct find *meta_first(const struct meta *m, int what)
{
    for (uint32_t i = 0; i < m->n_finds; i++)
        if (m->finds[i].what == what)
            return &m->finds[i];
    return NULL;
}

int meta_stop(struct meta *m)
{
    if (!m->stopped && m->host->should_stop(m->page))
        m->stopped = 1;
    return m->stopped;
}

/* ---- the simple fields ---- */

/* The best find of a kind by a list of (how, bits); first wins. */
static str pick(struct meta *m, int what, const uint8_t *hows, size_t max)
{
    for (; *hows != HOW_COUNT; hows++) {
        for (uint32_t i = 0; i < m->n_finds; i++) {
            const struct find *f = &m->finds[i];
            if (f->what != what || f->how != *hows)
                continue;
            str s = text_clean(m, f->val, max, 0);
            if (s.n) {
                m->how[what] = f->how;
                return s;
            }
        }
    }
    return (str){ "", 0 };
}

static str pick_url(struct meta *m, int what, const uint8_t *hows)
{
    str s = pick(m, what, hows, META_URL_MAX), abs;

    if (s.n && url_service && url_service->resolve(m->page, s, &abs) == TROMMEL_OK)
        return abs;
    return str_starts(s, "http://") || str_starts(s, "https://") ? s : (str){ "", 0 };
}

/* "en_us", "EN", "de-de", "en-US,en" to BCP 47 case; empty if it is none. */
static str lang_normal(struct meta *m, str s)
{
    char *out = meta_take(m, 16);
    size_t n = 0, part = 0, parts = 0;

    s = text_trim(s);
    if (!out)
        return (str){ "", 0 };
    for (size_t i = 0; i <= s.n && n < 12; i++) {
        char c = i < s.n ? s.p[i] : 0;
        int letter = (c | 32) >= 'a' && (c | 32) <= 'z', digit = c >= '0' && c <= '9';
        if (letter || (digit && parts)) {
            out[n++] = (char)(letter ? c | 32 : c);
            part++;
            continue;
        }
        if (parts == 0 && (part < 2 || part > 3))
            return (str){ "", 0 };
        if (parts && part == 2)
            for (size_t k = n - 2; k < n; k++)
                out[k] = (char)(out[k] >= 'a' ? out[k] - 32 : out[k]);
        else if (parts && part == 4)
            out[n - 4] = (char)(out[n - 4] >= 'a' ? out[n - 4] - 32 : out[n - 4]);
        else if (parts && part != 3) {
            n -= part + 1; /* not ours: cut there */
            break;
        }
        parts++;
        part = 0;
        if ((c != '-' && c != '_') || parts == 3)
            break;
        out[n++] = '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    return (str){ out, n };
}

/* A sample of the page's text where there is no content.text: the longer text nodes. */
static str sample_text(struct meta *m)
{
    char *out = meta_take(m, META_LANG_AGAIN);
    size_t n = 0;

    if (!out)
        return (str){ "", 0 };
    for (uint32_t i = 1; i < m->dom->n_nodes && n < META_LANG_AGAIN - 1; i++) {
        const trommel_node *x = TROMMEL_NODE(m->dom, i);
        if (x->kind == TROMMEL_NODE_ELEMENT && (x->tag == TROMMEL_TAG_SCRIPT || x->tag == TROMMEL_TAG_STYLE ||
                                                x->tag == TROMMEL_TAG_HEAD || x->ns != TROMMEL_NS_HTML)) {
            i = x->end > i ? x->end - 1 : i;
            continue;
        }
        if (x->kind != TROMMEL_NODE_TEXT || x->text_n < 40)
            continue;
        size_t k = x->text_n < META_LANG_AGAIN - 1 - n ? x->text_n : META_LANG_AGAIN - 1 - n;
        memcpy(out + n, m->dom->strs + x->text, k);
        n += k;
        out[n++] = ' ';
    }
    return (str){ out, n };
}

static str cut_to_char(str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max && (s.p[max] & 0xC0) == 0x80)
        max--;
    return str_cut(s, 0, max);
}

static void languages(struct meta *m, str *ret_content)
{
    static const uint8_t hows[] = {
        HOW_HTML_LANG, HOW_META, HOW_HEADER, HOW_JSON_LD, HOW_OPENGRAPH, HOW_COUNT
    };
    char code[16];
    int given = m->content.n > 0;
    str sample = given ? m->content : sample_text(m), declared = { "", 0 };

    *ret_content = (str){ "", 0 };
    for (const uint8_t *h = hows; *h != HOW_COUNT && !declared.n; h++) {
        for (uint32_t i = 0; i < m->n_finds && !declared.n; i++) {
            if (m->finds[i].what != W_LANG || m->finds[i].how != *h)
                continue;
            declared = lang_normal(m, m->finds[i].val);
            m->how[W_LANG] = *h;
        }
    }
    m->lang = declared;
    if (declared.n && !given)
        return;
    str head = cut_to_char(sample, META_LANG_BYTES), more = cut_to_char(sample, META_LANG_AGAIN);
    if (head.n < 40 ||
        (!lang_detect(head.p, head.n, code) && (more.n == head.n || !lang_detect(more.p, more.n, code))))
        return;
    size_t n = strlen(code);
    char *out = meta_take(m, n);
    if (!out)
        return;
    memcpy(out, code, n);
    if (given)
        *ret_content = (str){ out, n };
    if (!m->lang.n) {
        m->lang = (str){ out, n };
        m->how[W_LANG] = HOW_DETECTED;
    }
}

static void simple_fields(struct meta *m)
{
    static const uint8_t desc[] = { HOW_OPENGRAPH, HOW_META,      HOW_JSON_LD,
                                    HOW_TWITTER,   HOW_MICRODATA, HOW_COUNT };
    static const uint8_t section[] = { HOW_OPENGRAPH, HOW_JSON_LD, HOW_META, HOW_MICRODATA, HOW_COUNT };
    static const uint8_t image[] = { HOW_OPENGRAPH, HOW_TWITTER, HOW_JSON_LD, HOW_META,
                                     HOW_MICRODATA, HOW_LINK,    HOW_COUNT };
    static const uint8_t canonical[] = { HOW_LINK, HOW_OPENGRAPH, HOW_COUNT };
    static const uint8_t license[] = { HOW_LINK, HOW_REL, HOW_META, HOW_JSON_LD, HOW_COUNT };

    m->desc = pick(m, W_DESC, desc, META_DESC_MAX);
    if (m->injected.n && m->desc.n > m->injected.n && memcmp(m->desc.p, m->injected.p, m->injected.n) == 0) {
        str rest = text_trim(str_cut(m->desc, m->injected.n, m->desc.n));
        if (rest.n && rest.p[0] == '|')
            m->desc = text_trim(str_cut(rest, 1, rest.n));
    }
    m->section = pick(m, W_SECTION, section, META_NAME_MAX);
    m->image = pick_url(m, W_IMAGE, image);
    m->canonical = pick_url(m, W_URL, canonical);
    m->license = pick_url(m, W_LICENSE, license);
    if (!m->license.n)
        m->how[W_LICENSE] = 0;
}

/* Day or month first in 04/07/2025: the language and the country of the host tell. */
static enum date_order order_of(struct meta *m)
{
    static const char *const day_first[] = { ".uk", ".au", ".nz", ".ie", ".in", ".za", ".sg", ".my",
                                             ".eu", ".de", ".fr", ".es", ".it", ".nl", ".br", ".mx",
                                             ".ar", ".pt", ".pl", ".ru", ".be", ".ch", ".at", ".dk",
                                             ".no", ".fi", ".gr", ".tr", NULL };

    for (const char *const *d = day_first; *d; d++) {
        size_t k = strlen(*d);
        if (m->host_name.n > k && memcmp(m->host_name.p + m->host_name.n - k, *d, k) == 0)
            return DATE_DAY_FIRST;
    }
    /* the html element comes first on every page */
    for (uint32_t i = 1; i < m->dom->n_nodes && i < 4; i++) {
        const trommel_node *x = TROMMEL_NODE(m->dom, i);
        if (x->kind != TROMMEL_NODE_ELEMENT || x->tag != TROMMEL_TAG_HTML)
            continue;
        str lang = node_attr(m->dom, x, TROMMEL_A_LANG);
        if (lang.p && lang.n &&
            !(str_starts(lang, "en") && !str_starts(lang, "en-gb") && !str_starts(lang, "en-au") &&
              !str_starts(lang, "en-in") && !str_starts(lang, "en-ie") && !str_starts(lang, "en-nz") &&
              !str_starts(lang, "en-za") && !str_starts(lang, "en_gb")))
            return DATE_DAY_FIRST;
    }
    return DATE_MONTH_FIRST;
}

/* ---- the page ---- */

static void read_url(struct meta *m)
{
    str none = { NULL, 0 };

    if (m->host->meta(m->page, TROMMEL_META_FINAL_URL, none, &m->url) != TROMMEL_OK || !m->url.n)
        if (m->host->meta(m->page, TROMMEL_META_URL, none, &m->url) != TROMMEL_OK)
            m->url = (str){ "", 0 };
    size_t i = 0;
    while (i + 3 <= m->url.n && memcmp(m->url.p + i, "://", 3) != 0)
        i++;
    if (i + 3 > m->url.n)
        return;
    size_t end = i += 3;
    while (end < m->url.n && m->url.p[end] != '/' && m->url.p[end] != ':' && m->url.p[end] != '?')
        end++;
    m->host_name = str_cut(m->url, i, end);
    size_t path = end;
    while (path < m->url.n && m->url.p[path] != '/')
        path++;
    end = path;
    while (end < m->url.n && m->url.p[end] != '?' && m->url.p[end] != '#')
        end++;
    m->path = str_cut(m->url, path, end);
}

static void begin(struct meta *m, trommel_page *page)
{
    trommel_val v;
    str s;

    /* the arrays need no clearing: their counts do */
    memset(m, 0, offsetof(struct meta, finds));
    memset((char *)m + offsetof(struct meta, h1), 0, sizeof *m - offsetof(struct meta, h1));
    m->host = the_host;
    m->page = page;
    m->dom = the_host->dom(page);
    m->h1 = m->first_p = TROMMEL_NONE;
    m->url_service = url_service;
    read_url(m);
    if (the_host->meta(page, TROMMEL_META_FETCHED_AT, (str){ NULL, 0 }, &s) != TROMMEL_OK ||
        !date_parse(s.p, s.n, DATE_DAY_FIRST, &m->fetched))
        m->fetched.y = 0;
    if (the_host->get(page, NEED_TEXT, &v) == TROMMEL_OK && v.type == TROMMEL_T_STR)
        m->content = (str){ v.u.p, (size_t)v.n };
    if (the_host->get(page, NEED_NODES, &v) == TROMMEL_OK && v.type == TROMMEL_T_NODE_U8 &&
        v.n == m->dom->n_nodes)
        m->content_node = v.u.p;
    m->order = order_of(m);
    if (the_host->meta(page, TROMMEL_META_HEADER, str_z("content-language"), &s) == TROMMEL_OK && s.n < 40)
        meta_note(m, W_LANG, HOW_HEADER, 0, TROMMEL_NONE, s);
}

static void put_str(struct meta *m, uint32_t port, str s)
{
    trommel_val v = { .type = TROMMEL_T_STR, .n = s.n, .u.p = s.p };

    if (s.n)
        m->host->put(m->page, port, &v);
}

static void put_pack(struct meta *m, uint32_t port, str s)
{
    trommel_val v = { .type = TROMMEL_T_MSGPACK, .n = s.n, .u.p = s.p };

    if (s.n)
        m->host->put(m->page, port, &v);
}

static int put_list(struct meta *m, uint32_t port, const struct meta_list *l)
{
    size_t max = 8;

    for (uint32_t i = 0; i < l->n; i++)
        max += l->item[i].n + 5;
    struct pack k = { .p = meta_take(m, max), .max = max };
    if (!k.p)
        return 0;
    pack_list(&k, l);
    put_pack(m, port, (str){ (const char *)k.p, k.n });
    return 1;
}

static void put_source(struct meta *m)
{
    const struct {
        const char *field;
        int what, there;
    } rows[] = {
        { "title", W_TITLE, m->title.n > 0 },
        { "authors", W_AUTHOR, m->authors.n > 0 },
        { "published", W_PUBLISHED, m->published.n > 0 },
        { "modified", W_MODIFIED, m->modified.n > 0 },
        { "site_name", W_SITE, m->site.n > 0 },
        { "description", W_DESC, m->desc.n > 0 },
        { "tags", W_TAG, m->tags.n > 0 },
        { "section", W_SECTION, m->section.n > 0 },
        { "image", W_IMAGE, m->image.n > 0 },
        { "canonical", W_URL, m->canonical.n > 0 },
        { "lang", W_LANG, m->lang.n > 0 },
        { "license", W_LICENSE, m->license.n > 0 },
    };
    unsigned char buf[512];
    struct pack k = { .p = buf, .max = sizeof buf };
    uint32_t n = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        n += rows[i].there != 0;
    pack_map(&k, n);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].there)
            pack_pair(&k, rows[i].field, str_z(meta_how_text[m->how[rows[i].what]]));
    if (n && !k.over)
        put_pack(m, PUT_SOURCE, (str){ (const char *)buf, k.n });
}

static int put_all(struct meta *m, str content_lang)
{
    put_str(m, PUT_TITLE, m->title);
    put_str(m, PUT_PUBLISHED, m->published);
    put_str(m, PUT_MODIFIED, m->modified);
    put_str(m, PUT_SITE, text_clean(m, m->site, META_NAME_MAX, 0));
    put_str(m, PUT_DESC, m->desc);
    put_str(m, PUT_SECTION, m->section);
    put_str(m, PUT_IMAGE, m->image);
    put_str(m, PUT_CANONICAL, m->canonical);
    put_str(m, PUT_LANG, m->lang);
    put_str(m, PUT_LICENSE, m->license);
    put_str(m, PUT_CONTENT_LANG, content_lang);
    put_pack(m, PUT_PRODUCT, m->product);
    put_pack(m, PUT_RECIPE, m->recipe);
    put_pack(m, PUT_EVENT, m->event);
    put_pack(m, PUT_JOB, m->job);
    put_pack(m, PUT_VIDEO, m->video);
    put_source(m);
    return put_list(m, PUT_AUTHORS, &m->authors) && put_list(m, PUT_TAGS, &m->tags);
}

static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)
{
    struct meta *m = &page_meta;
    str content_lang;

    begin(m, page);
    if (m->dom->flags & TROMMEL_DOM_PLAIN) {
        plain_read(m);
    } else {
        scan_page(m);
        site_choose(m);
        title_choose(m);
        dates_choose(m);
        author_choose(m);
        tags_choose(m);
        simple_fields(m);
    }
    languages(m, &content_lang);
    if (m->stopped)
        return TROMMEL_RETRY;
    if (!put_all(m, content_lang)) {
        static const char what[] = "no page memory for the lists of authors and tags; raise the page's cap";
        the_host->fail(ctx, 0, what, sizeof what - 1);
        return TROMMEL_VERDICT(TROMMEL_ERROR, 0);
    }
    return TROMMEL_CONTINUE;
}

static int32_t configure(const trommel_host *host, trommel_ctx *ctx, void **ret_self)
{
    the_host = host;
    url_service = host->service(ctx, TROMMEL_SERVICE_URL);
    *ret_self = NULL;
    return TROMMEL_OK;
}

TROMMEL_STAGE = {
    TROMMEL_STAGE_HEAD,
    .id = "metadata",
    .version = "1",
    .summary = "title, authors, dates, site, tags, language and other things a page says of itself",
    .license = "MIT",
    .flags = TROMMEL_F_PURE,
    .n_needs = TROMMEL_COUNT(needs),
    .needs = needs,
    .n_provides = TROMMEL_COUNT(provides),
    .provides = provides,
    .n_reasons = TROMMEL_COUNT(reasons),
    .reasons = reasons,
    .configure = configure,
    .process = process,
};
