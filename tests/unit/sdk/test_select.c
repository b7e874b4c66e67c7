/* select.h fails when it finds other elements than lexbor's selector engine does, on the bundled site and on
 * pages made to be awkward or random; or when asking about one element contradicts walking. */
#include "html.h"

#include <dirent.h>
#include <lexbor/css/css.h>
#include <lexbor/html/html.h>
#include <lexbor/selectors/selectors.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "tests/unit/effort.h"

static struct html the;
static struct sdk_select sel;

enum { ELEMENTS_MAX = 20000 };

/* ---- lexbor's answer: elements by their number in document order ---- */

static struct {
    lxb_html_document_t *doc;
    lxb_css_parser_t *css;
    lxb_css_selector_list_t *list;
    lxb_selectors_t *selectors;
    lxb_dom_node_t *nodes[ELEMENTS_MAX];
    uint32_t n_nodes;
    uint8_t hit[ELEMENTS_MAX];
} ref;

static void ref_number(lxb_dom_node_t *root)
{
    ref.n_nodes = 0;
    for (lxb_dom_node_t *n = root->first_child; n;) {
        if (n->type == LXB_DOM_NODE_TYPE_ELEMENT) {
            assert_true(ref.n_nodes < ELEMENTS_MAX);
            n->user = (void *)(uintptr_t)ref.n_nodes;
            ref.nodes[ref.n_nodes++] = n;
        }
        if (n->first_child) {
            n = n->first_child;
            continue;
        }
        while (n != root && !n->next)
            n = n->parent;
        n = n == root ? NULL : n->next;
    }
}

static lxb_status_t ref_hit(lxb_dom_node_t *node, lxb_css_selector_specificity_t spec, void *ctx)
{
    ref.hit[(uintptr_t)node->user] = 1;
    return LXB_STATUS_OK;
}

/* A new parser each time: lists are freed with the memory of the parser that made them. */
static void ref_parse(const char *text)
{
    ref.css = lxb_css_parser_create();
    assert_int_equal(lxb_css_parser_init(ref.css, NULL), LXB_STATUS_OK);
    ref.list = lxb_css_selectors_parse(ref.css, (const lxb_char_t *)text, strlen(text));
    if (ref.css->status != LXB_STATUS_OK || !ref.list)
        fail_msg("`%s` is no selector for lexbor", text);
}

static void ref_drop(void)
{
    lxb_css_selector_list_destroy_memory(ref.list);
    lxb_css_parser_destroy(ref.css, true);
    ref.list = NULL;
}

/* lexbor takes the doctype for a sibling before the element html, which is then no first child; ours takes
 * only elements for siblings, as the standard says.  So of html that is corrected. */
static void ref_find(lxb_dom_node_t *root)
{
    lxb_dom_node_t *html = ref.nodes[0], *doctype = html->prev;

    memset(ref.hit, 0, sizeof ref.hit);
    if (doctype)
        html->prev = NULL;
    assert_int_equal(lxb_selectors_find(ref.selectors, root, ref.list, ref_hit, NULL), LXB_STATUS_OK);
    html->prev = doctype;
}

/* ---- ours ---- */

/* Elements in the same order: what lies in templates is not counted. */
static uint32_t ours[ELEMENTS_MAX], n_ours;

static void ours_number(const trommel_dom *d)
{
    n_ours = 0;
    SDK_EACH_ELEMENT(d, 0, i)
        if (!(TROMMEL_NODE(d, i)->flags & TROMMEL_NODE_F_TEMPLATE))
            ours[n_ours++] = i;
}

static void page_load(const char *text, size_t n)
{
    html_parse(&the, text, n);
    ours_number(the.dom);
    lxb_html_document_clean(ref.doc);
    assert_int_equal(lxb_html_document_parse(ref.doc, (const lxb_char_t *)text, n), LXB_STATUS_OK);
    ref_number(lxb_dom_interface_node(ref.doc));
    assert_int_equal(n_ours, ref.n_nodes);
}

/* Our walk over root (element number k, or the document) against lexbor's hits; returns the number of
 * matches. */
static uint32_t walk_check(const char *text, const char *page, uint32_t root)
{
    uint32_t found = 0, k = 0;

    SDK_EACH_MATCH(&sel, the.dom, root, i) {
        while (k < n_ours && ours[k] < i)
            if (ref.hit[k++])
                fail_msg("%s: `%s` finds no element %u below %u", page, text, k - 1, root);
        if (k == n_ours || ours[k] != i || !ref.hit[k++])
            fail_msg("%s: `%s` finds node %u below %u", page, text, i, root);
        found++;
    }
    for (; k < n_ours; k++)
        if (ref.hit[k])
            fail_msg("%s: `%s` finds no element %u below %u", page, text, k, root);
    return found;
}

/* One selector on the page that is loaded: from the document, from some elements, and asked one by one.
 * theirs: the same for lexbor. */
static uint32_t selector_check(const char *text, const char *theirs, const char *page)
{
    uint32_t found, walked = 0;

    if (sdk_select_compile(&sel, text, strlen(text)) != TROMMEL_OK)
        fail_msg("`%s` at %u: %s", text, sel.error_at, sel.error);
    ref_parse(theirs);
    ref_find(lxb_dom_interface_node(ref.doc));
    found = walk_check(text, page, 0);
    for (uint32_t k = 0; k < n_ours; k++)
        assert_int_equal(sdk_select_is(&sel, the.dom, ours[k]), ref.hit[k]);
    for (uint32_t k = 0; k < n_ours; k += 1 + n_ours / 8) {
        ref_find(ref.nodes[k]);
        walked += walk_check(text, page, ours[k]);
    }
    ref_drop();
    assert_true(found || !walked);
    assert_int_equal(sdk_select_first(&sel, the.dom, 0) != TROMMEL_NONE, found > 0);
    return found;
}

/* ---- the pages ---- */

/* clang-format off */
static const char *const on_the_site[] = {
    "a", "A", "*", "p, li", "body > *", "nav a", "ul li a", "main h1", "main > h1", ".price",
    ".product-page .price", "div.price", "#main", "[href]", "a[href^='/']", "a[href$='.html']",
    "a[href*=\"/news/\"]", "a[href^=http]:not([rel])", "meta[name=description]", "meta[property='og:type']",
    "[rel~=nofollow]", "html[lang|=en]", "[lang|='e']", "[class~=logo]", "[class='logo']",
    "[class='LOGO' i]", "[class='LOGO' s]", "[class='LOGO']", "[class]", "[class='']", "[href^='']",
    "[class~='']", "[title]", "li:first-child", "li:last-child", "li:only-child", "li:nth-child(2)",
    "li:nth-child(odd)", "li:nth-child(even)", "li:nth-child(2n+1)", "li:nth-child(-n+2)",
    "li:nth-child(n+3)", "li:nth-child(3n-1)", "li:nth-child( 2n + 1 )", "li:nth-last-child(1)",
    "li:nth-last-child(2)", "li:nth-last-child(odd)", ":nth-child(1)", ":nth-last-child(-n+2)",
    "tr:nth-child(2) > td", "th + td", "th ~ td", "h1 + div", "h1 ~ *", "p ~ p", "p + p", "head ~ body p",
    "html > body > main", "html body main > * > p:first-child", ":root", ":root > head > title",
    "html:root > body", "body :not(p)", ":not(*)", "a:not(.logo)", "a:not(nav a)",
    "li:not(:first-child):not(:last-child)", ":is(h1, h2, h3)", "main :is(p, li) a", ":where(h1, h2) + p",
    ":not(:is(html, head, head *, body))", ":empty", "td:empty", "*:not(:empty)", "link:empty",
    "p:first-of-type", "p:last-of-type", "p:only-of-type", "p:nth-of-type(2)", "p:nth-last-of-type(2)",
    "li:nth-of-type(odd)", "div p:nth-of-type(n+2)", "h2:first-of-type ~ p", "time[datetime]", "article p",
    "article > p:nth-child(n+2)", "section p, article p, main p", "body.gazette", "body.gazette.product",
    "body.product.gazette .price", "div div", "div div div", "div > div > div", "div p a", "nosuchtag",
    "nav li + li > a", "nav li ~ li > a", "header ~ main > h1 ~ p", "header + main h1",
    "main + footer p a[rel]", "/* c */ a /* d */ , /**/ li/* e */", "a:not([href^='/'], [href^='http'])",
    "p:is(:first-child, :last-child)", "table td:last-child", "table.specs tr:nth-child(2) td", "[data-x]",
    "script[type='application/ld+json']", "\\61", "\\000061 , p", "#m\\61in", ".site\\-header > .logo",
    "a:not(:not(nav a))", "*:is(a, li):not(:is(li, nav a))",
};
/* clang-format on */

static int is_page(const char *name)
{
    size_t n = strlen(name);

    return n > 5 && !strcmp(name + n - 5, ".html");
}

static unsigned file_check(const char *path, uint32_t *found)
{
    static char text[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;

    assert_true(n && n < sizeof text);
    fclose(f);
    page_load(text, n);
    for (size_t k = 0; k < sizeof on_the_site / sizeof on_the_site[0]; k++)
        found[k] += selector_check(on_the_site[k], on_the_site[k], path);
    return 1;
}

static unsigned folder_check(const char *path, uint32_t *found)
{
    DIR *dir = opendir(path);
    unsigned pages = 0;

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char sub[1024];
        struct stat st;
        snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        if (e->d_name[0] == '.' || stat(sub, &st))
            continue;
        pages += S_ISDIR(st.st_mode) ? folder_check(sub, found) : is_page(sub) ? file_check(sub, found) : 0;
    }
    closedir(dir);
    return pages;
}

static void test_bundled_site(void **state)
{
    uint32_t found[sizeof on_the_site / sizeof on_the_site[0]] = { 0 }, some = 0;

    assert_true(folder_check("tests/site", found) >= 10);
    for (size_t k = 0; k < sizeof found / sizeof found[0]; k++)
        some += found[k] > 0;
    assert_true(some > 80); /* most of the list is about something that is there */
}

static const char awkward[] =
    "<!doctype html><html lang=en-GB><body class='a  b\tc' id='x y'><div id=d class=b><div class=a>"
    "<div class=b><p>1<p class=a>2</div><span class='B-'></span></div>text<p class='b a'> <p><!-- c -->"
    "</p><x-y class=b z='q-r s'>t</x-y></div><section><b></b><i></i><b></b>t<i><b></b></i></section>"
    "<ul><li><li class=a><li>x<ul><li><li class=b><li></ul><li></ul><template class=t><b class=a></b>"
    "<template><i></i></template></template><svg viewBox='0 0 1 1'><a class=a></a><foreignObject>"
    "<p class=b></p></foreignObject><textPath></textPath></svg><math><mi class=a></mi></math><table>"
    "<tr><td class=a><td></table><noscript><p class=a>n</noscript>"
    "<p id='\xc3\xa9' class='\xe2\x82\xac 1st'>";

/* clang-format off */
static const char *const on_the_awkward[] = {
    ".a .b", ".b .a", ".a .b p", ".b > .a > .b > p", ".a .b > .a", ".b .a .b .a", "div div > p + p",
    "div ~ p", "div + p", "div ~ .a ~ x-y", "p ~ x-y", "p + p", "p + p + x-y", "x-y", "X-Y", "x-y[z|=q]",
    "x-y[z|='q-r s']", "[z~=s]", "[z$=' s']", "[z*='-r ']", "[Z]", ".B-", ".b", "#d > *", "[id='x y']",
    "#x\\ y", ".\\31st", "#\xc3\xa9", ".\xe2\x82\xac", "#\\e9 ", "b:first-of-type", "b:last-of-type",
    "i:only-of-type", "b:nth-of-type(2)", "b:nth-last-of-type(2)", "section > :not(b)", "section > b ~ i",
    "section > b + i ~ b + i", "section b:only-child", "li li", "li > ul > li:nth-child(2)", "li:empty",
    "li.a ~ li", "li:not(.a, .b)", "ul ul li:last-child", "ul > li:last-child", "ul li:nth-last-child(2)",
    "template", ".t", ":empty", "p:empty", "svg a", "svg > a.a", "svg p", "svg:not(:empty)", "math .a",
    "td:empty", "td + td", "tbody", "table > tr", "table tr > td:first-child", "noscript p",
    "html[lang|=en]", "body.a.b.c", "body.a > div.b", ":root.a", ".a:not(.b .a)", ".a:not(.b > .a)",
    ":is(.a .b, .b .a) p", ":not(.a):not(.b) > p", "body *:not(:is(div, div *)):nth-child(odd)",
    ":is(:is(:is(:is(p))))", "p:not(:not(:not(.a)))", "p:nth-child(0n+1)", "p:nth-child(n)",
    "p:nth-child(-n)", "p:nth-child(+3)", "p:nth-child(-2n+5)", "*:nth-child(+n+2)",
};
/* clang-format on */

static void test_awkward_page(void **state)
{
    uint32_t some = 0;

    page_load(awkward, sizeof awkward - 1);
    for (size_t k = 0; k < sizeof on_the_awkward / sizeof on_the_awkward[0]; k++)
        some += selector_check(on_the_awkward[k], on_the_awkward[k], "awkward") > 0;
    assert_true(some > 55);
}

/* lexbor looks for what is left of a combinator only at the nearest place when there is a list in it, so it
 * gets these selectors written out. */
static const char *const written_out[][2] = {
    { ":is(header, footer) a", "header a, footer a" },
    { ":is(.b .a) p", ".b .a p" },
    { "div:not(.a) p", "div.b p, div:not(.a):not(.b) p" },
    { ":is(div, li) ~ *", "div ~ *, li ~ *" },
    { ":is(ul, section, body) :is(li, b, p) ~ :is(li, b, p)",
      "ul li ~ li, section b ~ b, body li ~ li, body b ~ b, body p ~ p" },
    { ":where(ul > li) li, :not(*) p", "ul > li li" },
};

static void test_lists_left_of_combinators(void **state)
{
    page_load(awkward, sizeof awkward - 1);
    for (size_t k = 0; k < sizeof written_out / sizeof written_out[0]; k++)
        selector_check(written_out[k][0], written_out[k][1], "awkward");
}

/* ---- random trees and selectors ---- */

static uint32_t random_state = 12345;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

static void random_page(struct buf *b)
{
    static const char *const tags[] = { "div", "b-x", "section", "i-y" }, *const classes[] = { "a", "b", "c",
                                                                                               "a b" };
    uint32_t open[64], n = 0;

    buf_clear(b);
    buf_printf(b, "<!doctype html><body>");
    for (int k = 0; k < 40; k++) {
        if (n && random_below(3) == 0) {
            buf_printf(b, "</%s>", tags[open[--n]]);
        } else {
            open[n] = random_below(4);
            buf_printf(b, "<%s class='%s'>%s", tags[open[n]], classes[random_below(4)],
                       random_below(2) ? "t" : "");
            n++;
        }
    }
}

static void random_selector(struct buf *b)
{
    static const char *const parts[] = {
        "div",    "b-x",           "section",         "*",           ".a",
        ".b.a",   "div.c",         ":first-child",    ":last-child", "[class='a b']",
        ":empty", ":nth-child(2)", ":nth-child(odd)", ".c",          ".b"
    };
    static const char *const combs[] = { " ", " ", " > ", "+", " ~ ", ", " };

    buf_clear(b);
    for (uint32_t k = 1 + random_below(4); k--;)
        buf_printf(b, "%s%s", parts[random_below(15)], k ? combs[random_below(6)] : "");
}

static void test_random(void **state)
{
    struct buf page = BUF_INIT(1 << 16), text = BUF_INIT(1 << 12);
    uint32_t found = 0;

    for (unsigned k = effort(300); k--;) {
        random_page(&page);
        page_load((const char *)page.data, page.len);
        for (int s = 0; s < 8; s++) {
            random_selector(&text);
            found += selector_check(buf_cstr(&text), buf_cstr(&text), buf_cstr(&page)) > 0;
        }
    }
    assert_true(found > effort(300));
    buf_release(&page);
    buf_release(&text);
}

static int begin(void **state)
{
    ref.doc = lxb_html_document_create();
    ref.selectors = lxb_selectors_create();
    return !ref.doc || !ref.selectors || lxb_selectors_init(ref.selectors) != LXB_STATUS_OK;
}

static int end(void **state)
{
    html_release(&the);
    lxb_selectors_destroy(ref.selectors, true);
    lxb_html_document_destroy(ref.doc);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundled_site),
        cmocka_unit_test(test_awkward_page),
        cmocka_unit_test(test_lists_left_of_combinators),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
