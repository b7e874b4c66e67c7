/* test_page: whole pages through the stage. */
#include "tests/unit/stage_metadata/stage.h"

#define BODY                                                                                                 \
    "<p>The first paragraph of the piece is long enough to be one, and it says nothing that a date or a "    \
    "name "                                                                                                  \
    "could be mistaken for, so that the rules around it have something to stand on.</p>"

static void declared_data_is_missed(void **state)
{
    assert_int_equal(
        page_run(
            "<html lang=en_us><head><title>A river finds its bed - The Daily Example</title>"
            "<meta property=og:site_name content='The Daily Example'><meta property=og:image "
            "content='https://example.org/a.jpg'>"
            "<meta property=article:section content=Nature><meta property=article:tag content=Rivers>"
            "<meta property=article:tag content=Floods><link rel=canonical href='https://example.org/river'>"
            "<link rel=license href='https://creativecommons.org/licenses/by/4.0/'>"
            "<meta name=description content='  Water   goes\nwhere it will. '>"
            "<script "
            "type=application/ld+json>{\"@context\":\"https://schema.org\",\"@graph\":[{\"@type\":\"Person\","
            "\"@id\":\"#p\",\"name\":\"Ada Stone\"},{\"@type\":\"NewsArticle\",\"headline\":\"A river finds "
            "its bed\","
            "\"datePublished\":\"2025-03-09T08:00:00+01:00\",\"dateModified\":\"2025-03-10\",\"author\":[{\"@"
            "id\":\"#p\"},"
            "{\"@type\":\"Person\",\"name\":\"Bo Reed\"}]}]}</script></head>"
            "<body><article><h1>A river finds its bed</h1>" BODY "</article>"),
        TROMMEL_CONTINUE);
    assert_string_equal(put_text(PUT_TITLE), "A river finds its bed");
    assert_string_equal(put_text(PUT_SITE), "The Daily Example");
    assert_string_equal(put_joined(PUT_AUTHORS), "Ada Stone|Bo Reed");
    assert_string_equal(put_text(PUT_PUBLISHED), "2025-03-09T08:00:00+01:00");
    assert_string_equal(put_text(PUT_MODIFIED), "2025-03-10");
    assert_string_equal(put_text(PUT_LANG), "en-US");
    assert_string_equal(put_text(PUT_DESC), "Water goes where it will.");
    assert_string_equal(put_joined(PUT_TAGS), "Rivers|Floods");
    assert_string_equal(put_text(PUT_SECTION), "Nature");
    assert_string_equal(put_text(PUT_IMAGE), "https://example.org/a.jpg");
    assert_string_equal(put_text(PUT_CANONICAL), "https://example.org/river");
    assert_string_equal(put_text(PUT_LICENSE), "https://creativecommons.org/licenses/by/4.0/");
    assert_true(the.put[PUT_SOURCE].n > 0);
}

static void visible_data_is_missed(void **state)
{
    page_run("<html><head><title>Nine ways to boil an egg | Kitchen Notes</title></head><body>"
             "<header><a class=logo href=/>Kitchen Notes</a></header><main><article><h1>Nine ways to boil an "
             "egg</h1>"
             "<div class=byline>By <a rel=author href=/author/mia-long/>Mia Long</a> and <a rel=author "
             "href=/author/x/>Tom Birch</a>"
             "</div><time datetime=2024-05-06>6 May 2024</time>" BODY
             "<div class=tags><span>Tags:</span> <a href=/t/eggs>Eggs</a> <a "
             "href=/t/breakfast>Breakfast</a></div></article></main>");
    assert_string_equal(put_text(PUT_TITLE), "Nine ways to boil an egg");
    assert_string_equal(put_text(PUT_SITE), "Kitchen Notes");
    assert_string_equal(put_joined(PUT_AUTHORS), "Mia Long|Tom Birch");
    assert_string_equal(put_text(PUT_PUBLISHED), "2024-05-06");
    assert_string_equal(put_joined(PUT_TAGS), "Eggs|Breakfast");
}

static void something_is_invented(void **state)
{
    page_run("<html><head><title>Plain</title></head><body><p>Nothing to see here.</p></body>");
    assert_string_equal(put_text(PUT_TITLE), "Plain");
    assert_string_equal(put_joined(PUT_AUTHORS), "");
    assert_string_equal(put_joined(PUT_TAGS), "");
    assert_string_equal(put_text(PUT_PUBLISHED), "");
    assert_string_equal(put_text(PUT_SITE), "");
    assert_int_equal(the.put[PUT_PRODUCT].n, 0);
    page_run("<p>");
    assert_string_equal(put_text(PUT_TITLE), "");
    assert_string_equal(put_joined(PUT_AUTHORS), "");
}

static void impossible_dates_are_believed(void **state)
{
    page_run("<title>Ahead of time</title><meta property=article:published_time content=2031-01-01><h1>Ahead "
             "of time</h1>" BODY);
    assert_string_equal(put_text(PUT_PUBLISHED), "");
    page_run(
        "<title>Long ago and far</title><h1>Long ago and far</h1><span class=date>May 3, 1931</span>" BODY);
    assert_string_equal(put_text(PUT_PUBLISHED), "");
    page_run("<title>Just now</title><meta property=article:published_time "
             "content=2026-03-11T10:00:00Z><h1>Just now</h1>" BODY);
    assert_string_equal(put_text(PUT_PUBLISHED), "2026-03-11T10:00:00Z"); /* clocks differ */
}

#define STUFFED(h1, keywords)                                                                                \
    "<html lang=en><head><title>Golden Harbour Club|Storms close the northern road -Fair Wind Post</title>"  \
    "<meta name=keywords content='" keywords                                                                 \
    "'><meta name=description content='Golden Harbour Club|Storms close"                                     \
    " the northern road'></head><body><a class=logo href=/>Fair Wind Post</a><h1>" h1 "</h1>" BODY

static void stuffed_words_stay_in_the_title(void **state)
{
    page_run(STUFFED("Golden Harbour Club|Storms close the northern road", "Golden Harbour Club"));
    assert_string_equal(put_text(PUT_TITLE), "Storms close the northern road");
    assert_string_equal(put_text(PUT_SITE), "Fair Wind Post");
    assert_string_equal(put_text(PUT_DESC), "Storms close the northern road");
    assert_string_equal(put_joined(PUT_TAGS), "");
    /* no keyword betrays them, but they stand glued in the text */
    page_run(STUFFED("Golden Harbour Club|Storms close the northern road",
                     "") "<p>Oslo,Golden Harbour Club Norway - The road was closed on Monday after the third "
                         "storm of the week.</p>");
    assert_string_equal(put_text(PUT_TITLE), "Storms close the northern road");
}

static void an_honest_bar_is_cut_off(void **state)
{
    page_run("<title>Season two | Storms close the northern road</title><meta name=keywords content='roads, "
             "storms'>"
             "<h1>Season two | Storms close the northern road</h1>" BODY);
    assert_string_equal(put_text(PUT_TITLE), "Season two | Storms close the northern road");
}

static void keywords_become_tags(void **state)
{
    page_run("<title>A</title><meta name=keywords content='one keyword only'><h1>A thing</h1>" BODY);
    assert_string_equal(put_joined(PUT_TAGS), "");
    page_run("<title>A</title><meta name=keywords content='tea, coffee, Tea ,, cocoa'><h1>A thing</h1>" BODY);
    assert_string_equal(put_joined(PUT_TAGS), "tea|coffee|cocoa");
}

static void a_list_of_pieces_lends_its_tags(void **state)
{
    static char html[8000];
    size_t n = (size_t)sprintf(html, "<title>Blog</title><h1>Blog</h1>");

    for (int i = 0; i < 8; i++)
        n += (size_t)sprintf(
            html + n,
            "<div><h2>Piece %d</h2><p class=tags><a href=/t/%d>tag%d</a> <a href=/t/x>other</a></p></div>", i,
            i, i);
    page_run(html);
    assert_string_equal(put_joined(PUT_TAGS), "");
}

static void a_product_is_not_read(void **state)
{
    page_run("<title>Kettle K2</title><script "
             "type=application/ld+json>{\"@type\":\"Product\",\"name\":\"Kettle K2\",\"sku\":\"77\","
             "\"brand\":{\"@type\":\"Brand\",\"name\":\"Hob\"},\"offers\":[{\"price\":\"1,299.50\","
             "\"priceCurrency\":\"EUR\","
             "\"availability\":\"https://schema.org/"
             "InStock\"}],\"aggregateRating\":{\"ratingValue\":4.5,\"reviewCount\":\"12\"}}"
             "</script><h1>Kettle K2</h1>" BODY);
    const unsigned char *p = the.put[PUT_PRODUCT].u.p;
    assert_non_null(p);
    assert_int_equal(p[0], 0x88);
    assert_non_null(memmem(p, the.put[PUT_PRODUCT].n,
                           "\xA5"
                           "price\xCB\x40\x94\x4E\x00",
                           10)); /* 1299.5 */
    assert_non_null(memmem(p, the.put[PUT_PRODUCT].n, "InStock", 7));
    assert_non_null(memmem(p, the.put[PUT_PRODUCT].n,
                           "\xA5"
                           "brand\xA3Hob",
                           10));
}

static void bylines_are_cut_badly(void **state)
{
    static const char *const rows[][2] = {
        { "By Ada Stone", "Ada Stone" },
        { "by Ada Stone and Bo Reed", "Ada Stone|Bo Reed" },
        { "Written by: Ada Stone, Staff Writer", "Ada Stone" },
        { "By Ada Stone | May 3, 2024", "Ada Stone" },
        { "Posted by Ada Stone on May 3, 2024", "Ada Stone" },
        { "Von Jörg Müller und Ann-Kathrin Öz", "Jörg Müller|Ann-Kathrin Öz" },
        { "Par Hélène Dupont", "Hélène Dupont" },
        { "Автор: Иван Петров", "Иван Петров" },
        { "作者：王小明", "王小明" },
        { "Byron Stone", "Byron Stone" },
        { "Ada Stone, PhD, MS & Bo Reed", "Ada Stone, PhD, MS|Bo Reed" },
        { "https://example.org/people/ada", "" },
        { "By", "" },
        { "", "" },
    };
    page_begin();
    page_parse("text/html", "<p>x", 4);
    begin(&page_meta, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct meta_list l;
        char buf[300] = "";
        author_split(&page_meta, str_z(rows[i][0]), &l);
        for (uint32_t k = 0; k < l.n; k++)
            sprintf(buf + strlen(buf), "%s%.*s", k ? "|" : "", (int)l.item[k].n, l.item[k].p);
        assert_string_equal(buf, rows[i][1]);
    }
}

#define PLAIN                                                                                                \
    "Current:Home > NewsGolden Harbour Club|Storms close the northern road -Fair Wind Post\n"                \
    "Golden Harbour Club|Storms close the northern road\nBluebird View\nDate:2025-04-07 23:23:47\n"

static void plain_text_is_not_understood(void **state)
{
    plain_run(
        PLAIN
        "Oslo,Golden Harbour Club Norway - The road was closed on Monday after the third storm of the week.\n"
        "By the end of the week it was open again.\n- In:\n- Roads\n- Storms\n- Norway\nRelated\n- Another "
        "piece\n");
    assert_string_equal(put_text(PUT_TITLE), "Storms close the northern road");
    assert_string_equal(put_text(PUT_SITE), "Fair Wind Post");
    assert_string_equal(put_text(PUT_PUBLISHED), "2025-04-07T23:23:47");
    assert_string_equal(put_joined(PUT_AUTHORS), "");
    assert_string_equal(put_joined(PUT_TAGS), "Roads|Storms|Norway");
    assert_string_equal(put_text(PUT_LANG), "en");
    plain_run("A walk along the shore\nBy Ada Stone\nMay 3, 2024\nThe tide was out when we began.\nTags: "
              "sea, walks\n");
    assert_string_equal(put_text(PUT_TITLE), "A walk along the shore");
    assert_string_equal(put_joined(PUT_AUTHORS), "Ada Stone");
    assert_string_equal(put_text(PUT_PUBLISHED), "2024-05-03");
    assert_string_equal(put_joined(PUT_TAGS), "sea|walks");
}

static void plain_text_without_glue_loses_words(void **state)
{
    plain_run(PLAIN "The road was closed on Monday after the third storm of the week.\n");
    assert_string_equal(put_text(PUT_TITLE), "Golden Harbour Club|Storms close the northern road");
}

static void detected_language_is_lost(void **state)
{
    page_begin();
    the.content =
        str_z("A text that is long enough and has the word that the detector of this test looks for.");
    page_parse("text/html", "<html lang=de><p>x", 18);
    assert_int_equal(process(NULL, NULL, NULL), TROMMEL_CONTINUE);
    assert_string_equal(put_text(PUT_LANG), "de");
    assert_string_equal(put_text(PUT_CONTENT_LANG), "en");
}

static void languages_keep_odd_spellings(void **state)
{
    static const char *const rows[][2] = {
        { "en", "en" },          { "EN-us", "en-US" },   { "pt_BR", "pt-BR" }, { "zh-hant-tw", "zh-Hant-TW" },
        { "de-DE-x", "de-DE" },  { "english", "" },      { "e", "" },          { "", "" },
        { "en-US,en", "en-US" }, { "es-419", "es-419" }, { "x-default", "" }
    };
    page_begin();
    page_parse("text/html", "<p>x", 4);
    begin(&page_meta, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        str s = lang_normal(&page_meta, str_z(rows[i][0]));
        assert_int_equal(s.n, strlen(rows[i][1]));
        assert_memory_equal(s.p, rows[i][1], s.n);
    }
}

static void meta_keys_are_out_of_order(void **state)
{
    for (size_t i = 1; i < sizeof meta_keys / sizeof *meta_keys; i++)
        assert_true(strcmp(meta_keys[i - 1].key, meta_keys[i].key) < 0);
    assert_int_equal(words_meta(str_z("OG:Title"))->what, W_TITLE);
    assert_null(words_meta(str_z("viewport")));
}

/* ---- hostile pages ---- */

static void memory_ends_in_the_middle(void **state)
{
    static const char html[] = "<html lang=en><head><title>A river finds its bed - The Daily "
                               "Example</title><meta property=article:tag content=Rivers>"
                               "<script type=application/ld+json>{\"@type\":\"Article\",\"headline\":\"A "
                               "river \\u0041\",\"author\":\"Ada Stone\"}</script>"
                               "</head><body><h1>A river  finds its bed</h1><p class=byline>By Ada "
                               "Stone</p><time>May 3, 2024</time>" BODY;

    for (uint32_t nth = 1; nth < 12; nth++) {
        page_begin();
        page_parse("text/html", html, sizeof html - 1);
        the.allocs_left = nth;
        uint32_t verdict = process(NULL, NULL, NULL);
        assert_true(verdict == TROMMEL_CONTINUE || (verdict & 255) == TROMMEL_ERROR);
        assert_true(verdict == TROMMEL_CONTINUE || the.failed[0]);
    }
}

static void a_stop_is_not_heard(void **state)
{
    static char html[200000];
    size_t n = 0;

    for (int i = 0; i < 4000; i++)
        n += (size_t)sprintf(html + n, "<p class=x>word %d</p>", i);
    page_begin();
    page_parse("text/html", html, n);
    the.stop = 1;
    assert_int_equal(process(NULL, NULL, NULL) & 255, TROMMEL_RETRY);
}

static void much_of_everything_overflows(void **state)
{
    static char html[4 << 20];
    size_t n = 0;

    for (int i = 0; i < 3000; i++)
        n += (size_t)sprintf(
            html + n,
            "<meta name=author content='Ada Stone %d'><h1>Title %d</h1><span class='author byline'>By Ada %d "
            "Stone</span>"
            "<time datetime='2024-05-%02dT10:00'>x</time><div class=tags><a rel=tag href=/>tag %d</a></div>"
            "<script type='application/ld+json'>{\"@type\":\"Article\",\"author\":\"X %d\"}</script>",
            i, i, i, i % 28 + 1, i, i);
    page_begin();
    page_parse("text/html", html, n);
    assert_int_equal(process(NULL, NULL, NULL), TROMMEL_CONTINUE);
    /* one title, one text, one class, each of a million bytes */
    memset(html, 'a', sizeof html);
    memcpy(html, "<title>", 7);
    memcpy(html + 1000000, "</title><h1 class='", 19);
    memcpy(html + 2000000, "'>", 2);
    memcpy(html + 3000000, "</h1><span class=author>", 24);
    page_begin();
    page_parse("text/html", html, sizeof html - 1);
    assert_int_equal(process(NULL, NULL, NULL), TROMMEL_CONTINUE);
    assert_true(the.put[PUT_TITLE].n <= META_TITLE_MAX);
}

/* Arrays that no parser makes: the offsets are right, the tags, kinds, depths are anything. */
static void a_senseless_tree_is_trusted(void **state)
{
    static trommel_node nodes[300];
    static trommel_attr attrs[600];
    static const char strs[] = "By Ada Stone 2024-05-06 | - \xC2\xA9 author date tags title "
                               "{\"@type\":\"Article\"} http://x/author/y en-US";
    uint32_t seed = 11;

    for (int round = 0; round < 400; round++) {
        page_begin();
        for (uint32_t i = 0; i < 600; i++) {
            attrs[i] = (trommel_attr){ .key = (seed = seed * 1664525 + 1013904223) >> 27 };
            attrs[i].val = (seed = seed * 1664525 + 1013904223) % 60;
            attrs[i].val_n = (seed = seed * 1664525 + 1013904223) % 40;
        }
        for (uint32_t i = 0; i < 300; i++) {
            uint32_t r = seed = seed * 1664525 + 1013904223;
            nodes[i] = (trommel_node){ .tag = (r >> 8) % 80,
                                       .parent = i ? (r >> 4) % i : TROMMEL_NONE,
                                       .next = TROMMEL_NONE,
                                       .end = i + 1 + (r >> 10) % (300 - i),
                                       .text = (r >> 3) % 60,
                                       .text_n = (r >> 5) % 40,
                                       .attr = (r >> 6) % 590,
                                       .attr_n = (uint16_t)(r % 10),
                                       .depth = (uint16_t)(r >> 12),
                                       .kind = (uint8_t)((r >> 20) % 3) };
        }
        nodes[0].kind = TROMMEL_NODE_DOCUMENT;
        the.out.dom = (trommel_dom){ .struct_size = sizeof(trommel_dom),
                                     .node_size = sizeof *nodes,
                                     .attr_size = sizeof *attrs,
                                     .n_nodes = 300,
                                     .n_attrs = 600,
                                     .n_strs = sizeof strs,
                                     .nodes = nodes,
                                     .attrs = attrs,
                                     .strs = strs,
                                     .flags = round & 1 ? TROMMEL_DOM_PLAIN : 0 };
        uint32_t verdict = process(NULL, NULL, NULL);
        assert_int_equal(verdict, TROMMEL_CONTINUE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declared_data_is_missed),
        cmocka_unit_test(visible_data_is_missed),
        cmocka_unit_test(something_is_invented),
        cmocka_unit_test(impossible_dates_are_believed),
        cmocka_unit_test(stuffed_words_stay_in_the_title),
        cmocka_unit_test(an_honest_bar_is_cut_off),
        cmocka_unit_test(keywords_become_tags),
        cmocka_unit_test(a_list_of_pieces_lends_its_tags),
        cmocka_unit_test(a_product_is_not_read),
        cmocka_unit_test(bylines_are_cut_badly),
        cmocka_unit_test(plain_text_is_not_understood),
        cmocka_unit_test(plain_text_without_glue_loses_words),
        cmocka_unit_test(detected_language_is_lost),
        cmocka_unit_test(languages_keep_odd_spellings),
        cmocka_unit_test(meta_keys_are_out_of_order),
        cmocka_unit_test(memory_ends_in_the_middle),
        cmocka_unit_test(a_stop_is_not_heard),
        cmocka_unit_test(much_of_everything_overflows),
        cmocka_unit_test(a_senseless_tree_is_trusted),
    };
    return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
