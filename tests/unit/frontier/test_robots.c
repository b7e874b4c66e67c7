/* robots.txt by RFC 9309: the cases follow its text; each name ends "fails when …". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "frontier/robots.h"

static const char AGENT[] = "Trommel/0.1 (+https://example.org/bot)";

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

static int allows(const char *body, const char *target)
{
    struct robots *r = robots_parse(str(body), str(AGENT));
    int ret = robots_allows(r, str(target));

    robots_free(r);
    return ret;
}

static void groups_are_not_chosen_or_merged(void **state)
{
    const char *file = "User-agent: *\nDisallow: /all\n"
                       "User-agent: other\nDisallow: /other\n"
                       "User-agent: TROMMEL\nDisallow: /one\n"
                       "User-agent: other\nUser-agent: trommel/2.0 beta\nDisallow: /two\n";

    assert_int_equal(allows(file, "/one/x"), 0);
    assert_int_equal(allows(file, "/two"), 0);
    assert_int_equal(allows(file, "/all"), 1);
    assert_int_equal(allows(file, "/other"), 1);
    /* several groups for everybody are one as well */
    file = "User-agent: *\nDisallow: /a\nUser-agent: x\nDisallow: /x\nUser-agent: *\nDisallow: /b\n";
    assert_int_equal(allows(file, "/a"), 0);
    assert_int_equal(allows(file, "/b"), 0);
    assert_int_equal(allows(file, "/x"), 1);
    /* a group of ours without rules frees us from that for everybody */
    assert_int_equal(allows("User-agent: *\nDisallow: /\nUser-agent: trommel\n", "/a"), 1);
}

static void names_are_compared_in_part(void **state)
{
    assert_int_equal(allows("User-agent: Trom\nDisallow: /\n", "/a"), 1);
    assert_int_equal(allows("User-agent: Trommel-News\nDisallow: /\n", "/a"), 1);
    assert_int_equal(allows("User-agent: Trommel News\nDisallow: /\n", "/a"), 0);
    assert_int_equal(allows("User-agent: *x\nDisallow: /\n", "/a"), 1);
    assert_int_equal(allows("User-agent: * x\nDisallow: /\n", "/a"), 0);
}

static void lines_of_other_kinds_end_a_group(void **state)
{
    const char *file = "User-agent: trommel\nSitemap: https://e.org/s.xml\nFoo: bar\n\n"
                       "User-agent: b\nDisallow: /x\n";

    assert_int_equal(allows(file, "/x"), 0);
    /* rules before any group */
    assert_int_equal(allows("Disallow: /x\nUser-agent: *\nDisallow: /y\n", "/x"), 1);
}

static void the_longest_match_does_not_decide(void **state)
{
    const char *file = "User-agent: *\nAllow: /p\nDisallow: /\nAllow: /q/page\nDisallow: /q/page.html\n";

    assert_int_equal(allows(file, "/page"), 1);
    assert_int_equal(allows(file, "/"), 0);
    assert_int_equal(allows(file, "/q/page.htm"), 1);
    assert_int_equal(allows(file, "/q/page.html"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /same\nAllow: /same\n", "/same"), 1); /* a tie */
    assert_int_equal(allows("User-agent: *\nAllow: /page\nDisallow: /*.ph\n", "/page.ph"), 1);
    assert_int_equal(allows("User-agent: *\nAllow: /page\nDisallow: /*.php\n", "/page.php"), 0);
}

static void stars_and_ends_match_wrongly(void **state)
{
    assert_int_equal(allows("User-agent: *\nDisallow: *.gif$\n", "/a/b.gif"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: *.gif$\n", "/a/b.gif?x"), 1);
    assert_int_equal(allows("User-agent: *\nDisallow: /x*/end\n", "/xyz/a/end/more"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /x*/end\n", "/xyz/a/en"), 1);
    assert_int_equal(allows("User-agent: *\nDisallow: /a*b*ab$\n", "/aab"), 1);
    assert_int_equal(allows("User-agent: *\nDisallow: /a*b*ab$\n", "/abab"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /$\n", "/"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /$\n", "/a"), 1);
    assert_int_equal(allows("User-agent: *\nDisallow: /a$b\n", "/a$b"), 0); /* only the last one is an end */
    assert_int_equal(allows("User-agent: *\nDisallow: /a**b\n", "/ab"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /a*$\n", "/abc"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /a?b=*\n", "/a?b=1"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /a%2Ab\n", "/a*b"), 0); /* a star that means itself */
    assert_int_equal(allows("User-agent: *\nDisallow: /a%2Ab\n", "/axb"), 1);
    assert_int_equal(allows("User-agent: *\nDisallow: /a%24\n", "/a$"), 0);
}

/* The slow and sure way: tries every place for every star. */
static int matches(const char *pattern, const char *target)
{
    if (*pattern == '*')
        return matches(pattern + 1, target) || (*target && matches(pattern, target + 1));
    if (!strcmp(pattern, "$"))
        return !*target;
    return !*pattern || (*pattern == *target && matches(pattern + 1, target + 1));
}

static void the_quick_match_differs_from_the_sure_one(void **state)
{
    unsigned random = 1, hits = 0;

    for (int round = 0; round < 200000; round++) {
        char file[64] = "User-agent: *\nDisallow: ", target[16] = "/", *pattern = file + strlen(file);
        size_t n = 0, m = 1;
        while (n < 8 && (random = random * 1103515245 + 12345) >> 16 & 7)
            pattern[n++] = "/ab**ab/"[random >> 20 & 7];
        if (random >> 24 & 1)
            pattern[n++] = '$';
        while (m < 10 && (random = random * 1103515245 + 12345) >> 16 & 7)
            target[m++] = "ab/ab/ba"[random >> 20 & 7];
        int want = n && matches(pattern, target);
        if (allows(file, target) == want)
            fail_msg("%s, %s", pattern, target);
        hits += (unsigned)want;
    }
    assert_in_range(hits, 1000, 150000);
}

static void escapes_are_compared_as_bytes(void **state)
{
    assert_int_equal(allows("User-agent: *\nDisallow: /\xc3\xa4\n", "/%C3%A4"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /%c3%a4\n", "/%C3%A4x"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /%7Euser\n", "/~user"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /~user\n", "/%7euser"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /a/b\n", "/a%2Fb"), 1); /* a reserved one differs */
    assert_int_equal(allows("User-agent: *\nDisallow: /a%2fb\n", "/a%2Fb"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /100%\n", "/100%"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /100%zz\n", "/100%zz"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /a b\n", "/a%20b"), 0);
}

static void lines_are_read_wrongly(void **state)
{
    assert_int_equal(allows("\xef\xbb\xbfUser-agent: *\rDisallow: /a\rDisallow: /b\r", "/b"), 0);
    assert_int_equal(allows("user-AGENT:*\r\n  DISALLOW  :  /a  # why\r\n", "/a"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow: /a # why\n", "/a%20"), 0);
    assert_int_equal(allows("User-agent: * # all\nDisallow: /a", "/a"), 0);
    assert_int_equal(allows("User-agent: *\nDisallow:\n", "/a"), 1);
    assert_int_equal(allows("User-agent: *\nDisallow: /\nAllow:\n", "/a"), 0);
    assert_int_equal(allows("User-agent: *\n\n\nDisallow: /a\n", "/a"), 0); /* an empty line parts nothing */
    assert_int_equal(allows("", "/a"), 1);
    assert_int_equal(allows("<!doctype html><title>404</title>", "/a"), 1);
    assert_int_equal(allows("User-agent: *\nDisallow: /\n", "/robots.txt"), 1);
    static const char nul[] = "User-agent: *\nDisallow: /a\0b\nDisallow: /c";
    struct robots *r = robots_parse((trommel_str){ nul, sizeof nul - 1 }, str(AGENT));
    assert_int_equal(robots_allows(r, str("/c")), 0); /* behind a NUL */
    assert_int_equal(robots_allows(r, str("/a")), 1);
    robots_free(r);
}

static void delay_and_sitemaps_are_lost(void **state)
{
    struct robots *r = robots_parse(str("Sitemap: https://e.org/a.xml\nUser-agent: *\nCrawl-delay: 99\n"
                                        "User-agent: trommel\nCrawl-delay: 2.5\nDisallow: /x\n"
                                        "sitemap: https://e.org/b.xml#part\n"),
                                    str(AGENT));

    assert_int_equal(robots_delay_ms(r), 2500);
    assert_int_equal(robots_sitemaps(r), 2);
    trommel_str s = robots_sitemap(r, 1);
    assert_int_equal(s.n, 19);
    assert_memory_equal(s.p, "https://e.org/b.xml", s.n);
    robots_free(r);

    static const struct { const char *text; uint32_t ms; } rows[] = {
        { "0", 0 }, { "1", 1000 }, { ".5", 0 }, { "0.25", 250 }, { "61", 60000 }, { "-3", 0 }, { "soon", 0 },
        { "99999999999999999999999", 60000 }, { "3 seconds", 3000 }, { "0.12345678901234567890", 123 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char file[100] = "User-agent: *\nCrawl-delay: ";
        strcat(file, rows[i].text);
        r = robots_parse(str(file), str(AGENT));
        assert_int_equal(robots_delay_ms(r), rows[i].ms);
        robots_free(r);
    }
}

/* ---- hostile files ---- */

static char *repeated(const char *head, const char *part, size_t bytes, size_t *ret_n)
{
    size_t n = strlen(head), step = strlen(part);
    char *s = malloc(bytes + step + n);

    memcpy(s, head, n);
    for (; n < bytes; n += step)
        memcpy(s + n, part, step);
    *ret_n = n;
    return s;
}

static void answer_in_time(const char *head, const char *part, const char *target)
{
    size_t n;
    char *file = repeated(head, part, LIMIT_ROBOTS_BYTES - 100, &n);
    char path[LIMIT_URL_BYTES + 1];

    memset(path, 'a', sizeof path);
    path[0] = '/';
    memcpy(path + 1, target, strlen(target));
    uint64_t from = clock_mono_ms();
    struct robots *r = robots_parse((trommel_str){ file, n }, str(AGENT));
    for (int i = 0; i < 10; i++)
        robots_allows(r, (trommel_str){ path, LIMIT_URL_BYTES });
    print_message("%8.8s %llu ms, %zu KiB\n", part, (unsigned long long)(clock_mono_ms() - from),
                  robots_bytes(r) / 1024);
    assert_true(clock_mono_ms() - from < 30000); /* without bounds it takes hours */
    robots_free(r);
    free(file);
}

static void a_hostile_file_takes_for_ever(void **state)
{
    answer_in_time("User-agent: *\nDisallow: /", "*a", "");
    answer_in_time("User-agent: *\nDisallow: /", "*aaaaaaaab", "");
    answer_in_time("User-agent: *\n", "Allow:*zz\n", "");
    answer_in_time("User-agent: *\n", "Allow:/*a*a*a*a*a*a*a*b\n", "");
    answer_in_time("User-agent: *\n", "Allow:/a\n", "b");
    answer_in_time("User-agent: *\nDisallow: /", "\xff", "");
    answer_in_time("", "User-agent: *\n", "");
    answer_in_time("User-agent: *\n", "Sitemap: x\n", "");
    answer_in_time("", ":", "");
}

static void a_rule_that_was_cut_counts(void **state)
{
    size_t n;
    char *file = repeated("User-agent: *\nDisallow: /kept\n", "# filler\n", LIMIT_ROBOTS_BYTES + 100, &n);

    memcpy(file + LIMIT_ROBOTS_BYTES - 12, "\nDisallow: /a very long one", 27);
    struct robots *r = robots_parse((trommel_str){ file, n }, str(AGENT));
    assert_int_equal(robots_allows(r, str("/kept")), 0);
    assert_int_equal(robots_allows(r, str("/other")), 1);
    robots_free(r);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_not_chosen_or_merged),
        cmocka_unit_test(names_are_compared_in_part),
        cmocka_unit_test(lines_of_other_kinds_end_a_group),
        cmocka_unit_test(the_longest_match_does_not_decide),
        cmocka_unit_test(stars_and_ends_match_wrongly),
        cmocka_unit_test(the_quick_match_differs_from_the_sure_one),
        cmocka_unit_test(escapes_are_compared_as_bytes),
        cmocka_unit_test(lines_are_read_wrongly),
        cmocka_unit_test(delay_and_sitemaps_are_lost),
        cmocka_unit_test(a_hostile_file_takes_for_ever),
        cmocka_unit_test(a_rule_that_was_cut_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
