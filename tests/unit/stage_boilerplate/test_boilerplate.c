/* The boilerplate stage: blocks, rendering, decoder, plain text, links, model, and hostile pages.  The
 * stage's files are taken in whole, so that their parts can be called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* a slot of the host's table */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "parse/parse.h"
#include "plugin/stage/boilerplate/boilerplate.c"
#include "plugin/stage/boilerplate/decode.c"
#include "plugin/stage/boilerplate/features.c"
#include "plugin/stage/boilerplate/links.c"
#include "plugin/stage/boilerplate/markdown.c"
#include "plugin/stage/boilerplate/model.c"
#include "plugin/stage/boilerplate/page.c"
#include "plugin/stage/boilerplate/plain.c"
#include "plugin/stage/boilerplate/render.c"
#include "plugin/stage/boilerplate/rules.c"
#include "plugin/stage/boilerplate/train/host.c"
#include "tests/unit/stage_boilerplate/margins.h"

static struct parse *parser;
static struct arena arena;
static struct class_words words;

static int group_setup(void **state)
{
    struct parse_limits limits = PARSE_LIMITS_DEFAULT;

    parser = parse_new(&limits);
    arena_init(&arena, LIMIT_ARENA_BYTES);
    class_words_init(&words);
    return parser ? 0 : -1;
}

static int group_teardown(void **state)
{
    parse_free(parser);
    arena_release(&arena);
    return 0;
}

static int clear(void **state)
{
    arena_clear(&arena, 0);
    return 0;
}

static void *test_alloc(void *arg, size_t n)
{
    return arena_alloc(&arena, n, 16);
}

static const struct page_mem mem = { test_alloc, NULL, NULL };

static struct parse_output *parsed(const char *text, const char *type)
{
    static struct parse_output out;
    struct parse_input in = { .url = { "http://example.com/a/b.html", 27 },
                              .content_type = { type, strlen(type) },
                              .body = { text, strlen(text) } };

    assert_int_equal(parse_page(parser, &in, &arena, &out), 0);
    assert_int_not_equal(out.kind, PARSE_NONE);
    return &out;
}

static struct page *page_of(const char *html)
{
    static struct page pg;
    uint8_t *rows;

    assert_int_equal(page_read(&pg, &parsed(html, "text/html; charset=utf-8")->dom, &mem, &words), 0);
    assert_int_equal(features_make(&pg, &rows), 0);
    return &pg;
}

static const char *all_text(const char *html)
{
    struct page *pg = page_of(html);
    uint8_t *keep = test_alloc(NULL, pg->n_blocks + 1);
    struct out o;

    memset(keep, 1, pg->n_blocks);
    assert_int_equal(render_text(pg, keep, 0, &o), 0);
    out_add(&o, "", 1);
    return o.p;
}

static trommel_str as_is(void *arg, trommel_str ref)
{
    return ref;
}

static const char *all_markdown(const char *html)
{
    static const struct resolver r = { as_is, NULL };
    struct page *pg = page_of(html);
    uint8_t *keep = test_alloc(NULL, pg->n_blocks + 1);
    struct out o;

    memset(keep, 1, pg->n_blocks);
    assert_int_equal(render_markdown(pg, keep, &r, &o), 0);
    out_add(&o, "", 1);
    return o.p;
}

/* ---- text -------------------------------------------------------------------------------------- */

static void text_fails_when_words_are_glued_or_torn(void **state)
{
    assert_string_equal(all_text("<p>one<b>two</b> three<i> four</i></p>"), "onetwo three four");
    assert_string_equal(all_text("<div>one<p>two</p>three<div>four</div></div>"),
                        "one\n\ntwo\n\nthree\n\nfour");
    assert_string_equal(all_text("<p>a<script>x</script>b <style>y</style>c</p>"), "ab c");
    assert_string_equal(all_text("<p>  a \n\t b&nbsp;&nbsp;c\xe2\x80\x8b </p>"), "a b c");
    assert_string_equal(all_text("<my-card>one</my-card><x-y>two</x-y>"), "one\n\ntwo");
}

static void text_fails_when_line_breaks_are_lost(void **state)
{
    assert_string_equal(all_text("<p>one<br>two<br/> three</p>"), "one\ntwo\nthree");
    assert_string_equal(all_text("<p>one<br><br>two</p>"), "one\n\ntwo");
    assert_string_equal(all_text("<pre>a\n  b\n\n    c </pre>"), "a\n  b\n\n    c");
}

static void text_fails_when_cells_and_rows_are_not_parted(void **state)
{
    assert_string_equal(all_text("<table><tr><th>a</th><th>b "
                                 "c</th></tr><tr><td>1</td><td><p>2</p></td></tr></table>"),
                        "a\tb c\n1\t2");
    assert_string_equal(all_text("<p>x</p><table><tr><td>a</td></tr></table>"
                                 "<table><tr><td>b</td></tr></table>"),
                        "x\n\na\n\nb");
}

static void text_fails_when_items_run_together(void **state)
{
    assert_string_equal(all_text("<ul><li>a<li>b<ul><li>c</ul><li>d</ul><p>e</p>"), "a\nb\nc\nd\n\ne");
    assert_string_equal(all_text("<dl><dt>a<dd>b<dt>c<dd>d</dl>"), "a\nb\nc\nd");
}

static void text_fails_when_form_choices_or_drawings_are_text(void **state)
{
    assert_string_equal(all_text("<p>a</p><select><option>b</option></select><svg><text>c</text></svg>"
                                 "<textarea>d</textarea><iframe>e</iframe>"), "a");
}

/* ---- Markdown ---------------------------------------------------------------------------------- */

static void markdown_fails_when_structure_is_lost(void **state)
{
    assert_string_equal(all_markdown("<h2>T</h2><p>a <b>b</b> <a href='/x'>c d</a></p>"),
                        "## T\n\na **b** [c d](/x)");
    assert_string_equal(all_markdown("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><ol><li>d<li>e</ol>"),
                        "- a\n- b\n    - c\n1. d\n2. e");
    assert_string_equal(all_markdown("<blockquote><p>q</p></blockquote><p>r<br>s</p>"), "> q\n\nr  \ns");
    assert_string_equal(all_markdown("<pre>a `b`\n c</pre>"), "```\na `b`\n c\n```");
    assert_string_equal(all_markdown("<pre>```x</pre>"), "````\n```x\n````");
    assert_string_equal(all_markdown("<table><tr><th>a</th><th>b</th></tr>"
                                     "<tr><td>1|2</td><td>3</td></tr></table><p>x"),
                        "| a | b |\n| --- | --- |\n| 1\\|2 | 3 |\n\nx");
    assert_string_equal(all_markdown("<p>see <img alt='a b' src='i.png'> it</p>"), "see ![a b](i.png) it");
    assert_string_equal(all_markdown("<p>one</p><img alt='pic' src='p.png'><p>two</p>"),
                        "one\n\n![pic](p.png)\n\ntwo");
}

static void markdown_fails_when_markers_are_broken(void **state)
{
    assert_string_equal(all_markdown("<p>a<b> b </b>c <i></i><em> </em>d</p>"), "a **b** c d");
    assert_string_equal(all_markdown("<p>2 * 3 [x] `y` &lt;z></p>"), "2 \\* 3 \\[x\\] \\`y\\` \\<z>");
    assert_string_equal(all_markdown("<p># no heading</p><p>- no item</p>"), "\\# no heading\n\n\\- no item");
    assert_string_equal(all_markdown("<p><code>a*b</code> <a href='javascript:x()'>c</a><a "
                                     "href='#d'>d</a></p>"),
                        "`a*b` cd");
    assert_string_equal(all_markdown("<p><a href='/a(b)'>c</a></p>"), "[c](</a(b)>)");
}

/* ---- counting ---------------------------------------------------------------------------------- */

static struct text_stats stats_of(const char *s)
{
    struct text_stats t = { 0 };

    text_stats_add(&t, s, strlen(s), NULL, NULL);
    text_stats_end(&t, NULL, NULL);
    return t;
}

static void counts_fail_when_text_is_misread(void **state)
{
    struct text_stats t = stats_of("It's 3 words, or 5. Na\xc3\xafve? $12 on 2024-01-02 a@b http://x");
    assert_int_equal(t.words, 16);
    assert_int_equal(t.sents, 2);
    assert_int_equal(t.commas, 1);
    assert_true(t.price && t.date && t.at && t.url);
    t = stats_of("\xe4\xbb\x8a\xe6\x97\xa5\xe3\x81\xaf\xe3\x80\x82");
    assert_int_equal(t.alone, 3);
    assert_int_equal(text_size(&t), 2);
    assert_true(t.sents >= 1);
    t = stats_of("\xff\xfe\xc3 ok \xf0\x9f\x98\x80");
    assert_int_equal(t.words, 1);
    assert_true(stats_of("Some Words here").hash == stats_of("some  words, HERE!").hash);
    assert_true(stats_of("some words").hash != stats_of("words some").hash);
}

static void class_words_fail_when_words_are_cut_wrong(void **state)
{
    struct { const char *s; uint64_t want; } cases[] = {
        { "postBody-2 x", CLASS_BIT(CONT) }, { "site_navbar", CLASS_BIT(NAV) }, { "FOOTER", CLASS_BIT(FOOT) },
        { "navy footage", 0 }, { "", 0 }, { "user-comments__list", CLASS_BIT(AUTH) | CLASS_BIT(COMM)
                                            | CLASS_BIT(LIST) },
    };
    for (int again = 0; again < 2; again++) /* the second time from the cache */
        for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
            assert_int_equal(class_words_mask(&words, (trommel_str){ cases[i].s, strlen(cases[i].s) }, NULL,
                                              NULL),
                             cases[i].want);
}

/* ---- decoder and model ------------------------------------------------------------------------- */

/* The best expected F1 over all sets, by trying every set. */
static double best_of_all(const float *p, const uint32_t *size, unsigned n)
{
    double content = 0, best = 0;

    for (unsigned i = 0; i < n; i++)
        content += (double)p[i] * size[i];
    for (unsigned set = 1; set < 1u << n; set++) {
        double hit = 0, kept = 0;
        for (unsigned i = 0; i < n; i++)
            if (set >> i & 1) {
                hit += (double)p[i] * size[i];
                kept += size[i];
            }
        double f = 2 * hit / (kept + content);
        best = f > best ? f : best;
    }
    return best;
}

static void decoder_fails_when_another_set_is_better(void **state)
{
    unsigned seed = 1;

    for (int round = 0; round < 200; round++) {
        float p[10], f;
        uint32_t size[10];
        for (int i = 0; i < 10; i++) {
            p[i] = (float)(rand_r(&seed) % 1000) / 1000;
            size[i] = 1 + (uint32_t)rand_r(&seed) % 50;
        }
        decode_cut(p, size, 10, &f);
        assert_true(fabs((double)f - best_of_all(p, size, 10)) < 1e-5);
    }
}

static void decoder_fails_when_an_empty_page_gives_text(void **state)
{
    float none[3] = { 0.02f, 0.01f, 0.03f }, some[3] = { 0.02f, 0.9f, 0.03f }, f;
    uint32_t size[3] = { 10, 10, 10 };

    assert_true(decode_cut(none, size, 3, &f) > 1);
    assert_true(decode_cut(some, size, 3, &f) < 0.9f);
    assert_true(decode_cut(some, size, 0, &f) > 1);
}

static void model_fails_when_margins_differ_from_the_trainers(void **state)
{
    enum { N = sizeof margins / sizeof margins[0] };
    static uint8_t rows[(N + TREES_ROWS) * FEATURE_STRIDE];
    float got[N];

    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(strlen(margins[i].hex), 2 * FEATURES_N);
        for (unsigned k = 0; k < FEATURES_N; k++) {
            unsigned v;
            sscanf(margins[i].hex + 2 * k, "%2x", &v);
            rows[i * FEATURE_STRIDE + k] = (uint8_t)v;
        }
    }
    trees_margins(&block_model, rows, N, FEATURE_STRIDE, got);
    for (unsigned i = 0; i < N; i++) {
        float one = block_model.base;
        for (uint32_t t = 0; t < block_model.n_trees; t++)
            one += trees_leaf(&block_model, t, rows + i * FEATURE_STRIDE);
        assert_true(fabsf(got[i] - margins[i].margin[0]) < 1e-4f);
        assert_true(fabsf(got[i] - one) < 1e-5f);
    }
}

/* The rules that fit the block with this text: t title, e teaser, g tags, w elsewhere, h heading. */
static const char *rules_of(const struct page *pg, const char *text)
{
    static char ret[8];
    size_t n = 0;

    for (uint32_t k = 0; k < pg->n_blocks; k++) {
        const trommel_node *x = TROMMEL_NODE(pg->dom, pg->blocks[k].first);
        if (x->text_n != strlen(text) || memcmp(pg->dom->strs + x->text, text, x->text_n))
            continue;
        if (rule_title(pg, k))
            ret[n++] = 't';
        if (rule_teaser(pg, k))
            ret[n++] = 'e';
        if (rule_tags(pg, k))
            ret[n++] = 'g';
        if (rule_elsewhere(pg, k))
            ret[n++] = 'w';
        if (rule_heading(pg, k))
            ret[n++] = 'h';
        ret[n] = 0;
        return ret;
    }
    return "no such block";
}

static void rules_fail_when_they_fit_the_wrong_block(void **state)
{
    struct page *pg = page_of(
        "<title>A day at the sea | Site</title><div><div class=text><h1>A day at the sea</h1><p>One, two, "
        "three, four, five, six, seven, eight and nine.</p><ul><li><a href=/t>Teaser of another</a></li></ul>"
        "<p>And one, two, three, four, five, six, seven, eight.</p><h2>What came next</h2><p>Ten, eleven, "
        "twelve, and so on and on and on.</p><ul><li>plain item</li><li><a href=/l>linked item</a></li></ul>"
        "<ul class=tags><li>In:</li><li><a href=/s>Seaside</a></li><li><a href=/d>Day trips</a></li></ul>"
        "</div></div><div class=box><ul><li><a href=/1>Other one</a></li><li><a href=/2>Other two</a></li>"
        "<li><a href=/3>Other three</a></li></ul></div>");

    assert_string_equal(rules_of(pg, "A day at the sea"), "t");
    assert_string_equal(rules_of(pg, "Teaser of another"), "e");
    assert_string_equal(rules_of(pg, "What came next"), "h");
    assert_string_equal(rules_of(pg, "plain item"), "");
    assert_string_equal(rules_of(pg, "linked item"), "");
    assert_string_equal(rules_of(pg, "In:"), "g");
    assert_string_equal(rules_of(pg, "Seaside"), "g");
    assert_string_equal(rules_of(pg, "Other two"), "w");
}

/* ---- plain text -------------------------------------------------------------------------------- */

#define PROSE1                                                                             \
    "The council met on Monday evening to talk about the bridge, which has been closed "   \
    "since the spring floods."
#define PROSE2                                                                             \
    "Engineers told the members that the piers are sound, but that the deck must be "      \
    "replaced before winter comes."
#define PROSE3                                                                             \
    "A vote on the money will be held next week, and the work could begin as soon as the " \
    "river falls again."

static char *plain_kept(const char *text)
{
    struct page pg;
    struct out o;
    int wrapped;

    assert_int_equal(page_read(&pg, &parsed(text, "text/plain; charset=utf-8")->dom, &mem, &words), 0);
    uint8_t *keep = test_alloc(NULL, pg.n_blocks + 1);
    plain_keep(&pg, keep, &wrapped);
    assert_int_equal(render_text(&pg, keep, wrapped, &o), 0);
    out_add(&o, "", 1);
    return o.p;
}

static void plain_fails_when_furniture_stays(void **state)
{
    const char *got = plain_kept("Home > News > Bridge\nBridge stays closed\nDate: 2024-05-06\n" PROSE1 "\n"
                                 "- Another story about something else\n" PROSE2 "\n" PROSE3
                                 "\nAll agreed to it.\n"
                                 "Tags\n- Bridge\n- River\nRelated\n- Mayor opens new library in the town\n"
                                 "- Is the river rising? What experts say\n- School wins prize for its "
                                 "garden\n"
                                 "Ferry timetable changes in the summer\nMost read\n");
    assert_string_equal(got, PROSE1 "\n\n" PROSE2 "\n\n" PROSE3 "\n\nAll agreed to it.");
}

static void plain_fails_when_text_is_lost(void **state)
{
    const char *lists = PROSE1 "\nYou will need:\n- flour\n- sugar\n- two eggs\n" PROSE2 "\n" PROSE3
                        "\nIt comes with:\n- a box\n- a lid";
    char *got = plain_kept(lists);
    assert_non_null(strstr(got, "- sugar"));
    assert_non_null(strstr(got, "You will need:"));
    assert_non_null(strstr(got, "- a lid"));
    assert_string_equal(plain_kept("My title\n" PROSE1 "\n" PROSE2 "\n" PROSE3 "\n" PROSE1 " " PROSE2),
                        "My title\n\n" PROSE1 "\n\n" PROSE2 "\n\n" PROSE3 "\n\n" PROSE1 " " PROSE2);
    got = plain_kept("This text is broken at a column, so that none of its lines is\na sentence of its own "
                     "and every one"
                     " of them goes on in the line\nbelow it, as it was usual for letters and for notes "
                     "that were\n"
                     "sent by post or by wire, and read on narrow screens.\nEnd of note");
    assert_non_null(strstr(got, "wire"));
    assert_non_null(strstr(got, "End of note"));
    assert_string_equal(plain_kept("alpha\nbeta\ngamma"), "alpha\n\nbeta\n\ngamma");
}

/* ---- the stage --------------------------------------------------------------------------------- */

#define P(n) "<p>" PROSE1 " " PROSE2 " Part " #n " of the story, which goes on. " PROSE3 "</p>"
static const char article[] =
    "<html><head><title>Bridge stays closed over the winter - The Paper</title><link rel=canonical href=/b>"
    "<link rel=alternate href=/feed></head><body><nav class=menu><ul><li><a href=/>Home</a><li><a "
    "href=/n>News</a>"
    "<li><a href=/s>Sport</a></ul></nav><div class=wrap><article class=post><h1>Bridge stays closed over "
    "the winter</h1>"
    "<div class=content>" P(1) P(2) "<p>See <a href=/plan>the plan for the bridge</a> for what comes next "
                                    "in the work, "
    "and when.</p><ul class=more><li><a href=/t>Ferry takes cars across until spring</a></ul>" P(3) P(4)
    "<ul class=tags><li><a href=/t/b>Bridge</a><li><a href=/t/r>River</a></ul></div></article>"
    "<div class=related><h3>Related</h3><ul><li><a href=/1>Mayor opens the new library in town</a><li>"
    "<a href=/2>School wins a prize for its garden</a><li><a href=/3>Rain is coming back on "
    "Friday</a></ul></div>"
    "<div class=pagination><a href=/p1>1</a> <a href=/p2>2</a> <a rel=next href=/p2>more</a></div></div>"
    "<footer class=footer>Copyright 2024 The Paper <a href=/imprint>Imprint</a></footer></body></html>";

static struct trommel_page *stage_page(const char *text, const char *type, const char *options)
{
    static struct trommel_page page;
    static struct trommel_ctx ctx;

    page = (struct trommel_page){ .arena = &arena, .dom = &parsed(text, type)->dom,
                                  .url = { "http://example.com/a/b.html", 27 } };
    assert_int_equal(host_open(&ctx, trommel_stage_entry(TROMMEL_ABI_MAJOR, 0), options), 0);
    assert_int_equal(host_run(&ctx, &page), TROMMEL_CONTINUE);
    return &page;
}

static const char *str_of(const struct trommel_page *page, const char *name)
{
    const trommel_val *v = host_value(page, name);

    assert_non_null(v);
    char *s = test_alloc(NULL, v->n + 1);
    memcpy(s, v->u.p, v->n);
    s[v->n] = 0;
    return s;
}

static void stage_fails_when_an_article_is_not_kept(void **state)
{
    struct trommel_page *page = stage_page(article, "text/html", "");
    const char *text = str_of(page, "content.text"), *md = str_of(page, "content.markdown");

    for (int i = 1; i <= 4; i++) {
        char part[32];
        snprintf(part, sizeof part, "Part %d", i);
        assert_non_null(strstr(text, part));
    }
    assert_null(strstr(text, "Ferry"));
    assert_null(strstr(text, "River"));
    assert_null(strstr(text, "Mayor"));
    assert_null(strstr(text, "Copyright"));
    assert_null(strstr(text, "Bridge stays closed over the winter"));
    assert_non_null(strstr(md, "[the plan for the bridge](http://example.com/plan)"));
    assert_true(host_value(page, "content.confidence")->u.d > 0.5);
    assert_true(host_value(page, "content.words")->u.i > 100);
    assert_null(host_value(page, "content.blocks"));
    assert_int_equal(host_value(page, "content.nodes")->n, page->dom->n_nodes);
}

static uint8_t kind_of(const struct trommel_page *page, const char *href)
{
    for (uint32_t i = 0; i < page->dom->n_nodes; i++) {
        const trommel_node *x = TROMMEL_NODE(page->dom, i);
        trommel_str s = x->kind == TROMMEL_NODE_ELEMENT ? sdk_attr_str(page->dom, x, TROMMEL_A_HREF)
            : (trommel_str){ "", 0 };
        if (s.n == strlen(href) && !memcmp(s.p, href, s.n))
            return ((const uint8_t *)host_value(page, "links.kind")->u.p)[i];
    }
    print_error("no link to %s\n", href);
    return 255;
}

static void links_fail_when_their_kind_is_wrong(void **state)
{
    struct trommel_page *page = stage_page(article, "text/html", "");

    assert_int_equal(kind_of(page, "/plan"), TROMMEL_LINK_CONTENT);
    assert_int_equal(kind_of(page, "/n"), TROMMEL_LINK_NAVIGATION);
    assert_int_equal(kind_of(page, "/imprint"), TROMMEL_LINK_NAVIGATION);
    assert_int_equal(kind_of(page, "/1"), TROMMEL_LINK_RELATED);
    assert_int_equal(kind_of(page, "/t"), TROMMEL_LINK_RELATED);
    assert_int_equal(kind_of(page, "/p1"), TROMMEL_LINK_PAGINATION);
    assert_int_equal(kind_of(page, "/b"), TROMMEL_LINK_CANONICAL);
    assert_int_equal(kind_of(page, "/feed"), TROMMEL_LINK_ALTERNATE);
}

static void stage_fails_when_options_do_nothing(void **state)
{
    struct trommel_page *page = stage_page(article, "text/html", "markdown=false blocks=true mode=precision");
    const trommel_val *blocks = host_value(page, "content.blocks");

    assert_null(host_value(page, "content.markdown"));
    assert_non_null(blocks);
    assert_int_equal(((const uint8_t *)blocks->u.p)[0], 0xdd);
    assert_non_null(strstr(str_of(page, "content.text"), "Part 1"));
}

static void stage_fails_when_repeats_come_out_twice(void **state)
{
    char html[4096];

    snprintf(html, sizeof html, "<body><article>%s%s%s</article></body>", P(1) P(2), P(1), P(3));
    const char *text = str_of(stage_page(html, "text/html", ""), "content.text");
    const char *first = strstr(text, "Part 1");
    assert_non_null(first);
    assert_null(strstr(first + 1, "Part 1"));
}

static void stage_fails_when_an_empty_page_is_an_error(void **state)
{
    assert_string_equal(str_of(stage_page("<p> </p>", "text/html", ""), "content.text"), "");
    assert_string_equal(str_of(stage_page("<nav><a href=/>Home</a></nav>", "text/html", ""),
                               "content.text"), "");
    assert_non_null(strstr(str_of(stage_page(PROSE1 "\n" PROSE2, "text/plain", ""), "content.text"),
                           "bridge"));
}

/* ---- hostile pages ----------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* n nodes: html, body and then elements of one tag, each with a text, `deep` of them inside each other. */
static trommel_dom *dom_make(uint32_t n, uint32_t deep, uint32_t tag)
{
    static trommel_dom dom;
    trommel_node *x = calloc(n ? n : 1, sizeof *x);
    uint32_t i = 0, depth;

    dom = (trommel_dom){ .struct_size = sizeof dom, .node_size = sizeof *x, .attr_size = sizeof(trommel_attr),
                         .n_nodes = n, .nodes = x, .attrs = "", .strs = "some words here " };
    for (i = 0; i < n; i++) {
        depth = i < 3 ? i : 3 + (i - 3) % (deep + 1);
        x[i] = (trommel_node){ .kind = i == 0 ? TROMMEL_NODE_DOCUMENT : TROMMEL_NODE_ELEMENT,
                               .depth = (uint16_t)depth,
                               .tag = i == 1 ? TROMMEL_TAG_HTML : i == 2 ? TROMMEL_TAG_BODY : i ? tag : 0,
                               .end = i + 1, .next = TROMMEL_NONE };
        if (i >= 3 && depth == 3 + deep) {
            x[i].kind = TROMMEL_NODE_TEXT;
            x[i].tag = 0;
            x[i].text_n = 16;
        }
        if (i)
            for (uint32_t up = i - 1;; up = x[up].parent)
                if (x[up].depth < depth) {
                    x[i].parent = up;
                    break;
                }
    }
    for (i = n; i-- > 1;)
        if (x[x[i].parent].end < x[i].end)
            x[x[i].parent].end = x[i].end;
    return &dom;
}

static void stage_on(trommel_dom *dom, uint32_t want)
{
    struct trommel_page page = { .arena = &arena, .dom = dom, .url = { "", 0 } };
    struct trommel_ctx ctx;

    assert_int_equal(host_open(&ctx, trommel_stage_entry(TROMMEL_ABI_MAJOR, 0), ""), 0);
    assert_int_equal(host_run(&ctx, &page) & 0xff, want);
    free((void *)(uintptr_t)dom->nodes);
    arena_clear(&arena, 0);
}

static void stage_fails_when_hostile_trees_break_it(void **state)
{
    static const uint32_t tags[] = { TROMMEL_TAG_DIV, TROMMEL_TAG_A, TROMMEL_TAG_SPAN, TROMMEL_TAG_LI,
                                     TROMMEL_TAG_TD,
                                     TROMMEL_TAG_IMG, TROMMEL_TAG_H1, 0 };

    stage_on(dom_make(0, 1, 0), TROMMEL_CONTINUE);
    stage_on(dom_make(1, 1, 0), TROMMEL_CONTINUE);
    stage_on(dom_make(3, 1, 0), TROMMEL_CONTINUE);
    for (unsigned i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        stage_on(dom_make(2000, 508, tags[i]), TROMMEL_CONTINUE);
        stage_on(dom_make(3000, 1, tags[i]), TROMMEL_CONTINUE);
    }
}

static void stage_fails_when_a_million_nodes_take_long(void **state)
{
    static const uint32_t tags[] = { TROMMEL_TAG_DIV, TROMMEL_TAG_A };

    for (unsigned i = 0; i < 2; i++)
        for (uint32_t deep = 1; deep <= 508; deep += 507) {
            double from = seconds();
            stage_on(dom_make(1000000, deep, tags[i]), TROMMEL_CONTINUE);
            assert_true(seconds() - from < 10); /* a tenth is usual; sanitizers and busy machines need more */
        }
}

static void stage_fails_when_it_does_not_stop(void **state)
{
    struct trommel_page page = { .arena = &arena, .dom = dom_make(100000, 1, TROMMEL_TAG_DIV), .stop = 1 };
    struct trommel_ctx ctx;

    host_open(&ctx, trommel_stage_entry(TROMMEL_ABI_MAJOR, 0), "");
    assert_int_equal(host_run(&ctx, &page), TROMMEL_RETRY);
    free((void *)(uintptr_t)page.dom->nodes);
}

/* Every allocation may be the one that is refused. */
static void stage_fails_when_a_spent_arena_crashes_it(void **state)
{
    struct parse_output *out = parsed(article, "text/html");
    struct trommel_ctx ctx;
    size_t used = arena.used, max = arena.max, room = 0;
    uint32_t verdict;

    host_open(&ctx, trommel_stage_entry(TROMMEL_ABI_MAJOR, 0), "blocks=true");
    do {
        struct trommel_page page = { .arena = &arena, .dom = &out->dom };
        arena.max = arena.used + room;
        room += 997;
        verdict = host_run(&ctx, &page) & 0xff;
        assert_true(verdict == TROMMEL_CONTINUE || (verdict == TROMMEL_ERROR && page.failed[0]));
    } while (verdict != TROMMEL_CONTINUE && room < 4000000);
    assert_int_equal(verdict, TROMMEL_CONTINUE);
    assert_true(arena.used > used);
    arena.max = max;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(text_fails_when_words_are_glued_or_torn, clear),
        cmocka_unit_test_teardown(text_fails_when_line_breaks_are_lost, clear),
        cmocka_unit_test_teardown(text_fails_when_cells_and_rows_are_not_parted, clear),
        cmocka_unit_test_teardown(text_fails_when_items_run_together, clear),
        cmocka_unit_test_teardown(text_fails_when_form_choices_or_drawings_are_text, clear),
        cmocka_unit_test_teardown(markdown_fails_when_structure_is_lost, clear),
        cmocka_unit_test_teardown(markdown_fails_when_markers_are_broken, clear),
        cmocka_unit_test_teardown(counts_fail_when_text_is_misread, clear),
        cmocka_unit_test_teardown(class_words_fail_when_words_are_cut_wrong, clear),
        cmocka_unit_test_teardown(decoder_fails_when_another_set_is_better, clear),
        cmocka_unit_test_teardown(decoder_fails_when_an_empty_page_gives_text, clear),
        cmocka_unit_test_teardown(model_fails_when_margins_differ_from_the_trainers, clear),
        cmocka_unit_test_teardown(rules_fail_when_they_fit_the_wrong_block, clear),
        cmocka_unit_test_teardown(plain_fails_when_furniture_stays, clear),
        cmocka_unit_test_teardown(plain_fails_when_text_is_lost, clear),
        cmocka_unit_test_teardown(stage_fails_when_an_article_is_not_kept, clear),
        cmocka_unit_test_teardown(links_fail_when_their_kind_is_wrong, clear),
        cmocka_unit_test_teardown(stage_fails_when_options_do_nothing, clear),
        cmocka_unit_test_teardown(stage_fails_when_repeats_come_out_twice, clear),
        cmocka_unit_test_teardown(stage_fails_when_an_empty_page_is_an_error, clear),
        cmocka_unit_test_teardown(stage_fails_when_hostile_trees_break_it, clear),
        cmocka_unit_test_teardown(stage_fails_when_a_million_nodes_take_long, clear),
        cmocka_unit_test_teardown(stage_fails_when_it_does_not_stop, clear),
        cmocka_unit_test_teardown(stage_fails_when_a_spent_arena_crashes_it, clear),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
