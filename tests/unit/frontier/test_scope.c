/* Scope: which links belong to the seeds.  Each name ends "fails when …". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "frontier/scope.h"

static trommel_str str(const char *s)
{
    return (trommel_str){ s, strlen(s) };
}

static int in_scope(enum frontier_scope kind, const char *host, const char *path, const char *link_host,
                    const char *link_path)
{
    struct scope *s = scope_new(kind);

    assert_int_equal(scope_has(s, str(link_host), str(link_path)), kind == SCOPE_ANY);
    scope_add(s, str(host), str(path));
    int ret = scope_has(s, str(link_host), str(link_path));
    scope_free(s);
    return ret;
}

static void host_lets_others_in(void **state)
{
    assert_int_equal(in_scope(SCOPE_HOST, "www.example.com", "/", "www.example.com", "/x"), 1);
    assert_int_equal(in_scope(SCOPE_HOST, "www.example.com", "/", "www.example.com.", "/x"), 1);
    assert_int_equal(in_scope(SCOPE_HOST, "www.example.com", "/", "example.com", "/x"), 0);
    assert_int_equal(in_scope(SCOPE_ANY, "www.example.com", "/", "example.org", "/x"), 1);
}

static void domain_is_not_the_registrable_one(void **state)
{
    assert_int_equal(in_scope(SCOPE_DOMAIN, "www.example.co.uk", "/", "shop.example.co.uk", "/"), 1);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "www.example.co.uk", "/", "other.co.uk", "/"), 0);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "example.com", "/", "a.b.example.com", "/"), 1);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "example.com", "/", "badexample.com", "/"), 0);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "a.github.io", "/", "b.github.io", "/"), 0);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "co.uk", "/", "example.co.uk", "/"), 0);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "localhost", "/", "localhost", "/"), 1);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "xn--bcher-kva.example.de", "/", "example.de", "/"), 1);
}

static void addresses_are_taken_for_names(void **state)
{
    assert_int_equal(in_scope(SCOPE_DOMAIN, "127.0.0.1", "/", "127.0.0.1", "/x"), 1);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "127.0.0.1", "/", "10.0.0.1", "/x"), 0);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "[::1]", "/", "[::2]", "/x"), 0);
    assert_int_equal(in_scope(SCOPE_DOMAIN, "[::1]", "/", "[::1]", "/x"), 1);
}

static void prefix_is_not_a_folder(void **state)
{
    assert_int_equal(in_scope(SCOPE_PREFIX, "e.org", "/docs/index.html", "e.org", "/docs/a/b"), 1);
    assert_int_equal(in_scope(SCOPE_PREFIX, "e.org", "/docs/index.html", "e.org", "/docs/"), 1);
    assert_int_equal(in_scope(SCOPE_PREFIX, "e.org", "/docs/index.html", "e.org", "/docs"), 0);
    assert_int_equal(in_scope(SCOPE_PREFIX, "e.org", "/docs/index.html", "e.org", "/docs2/a"), 0);
    assert_int_equal(in_scope(SCOPE_PREFIX, "e.org", "/docs", "e.org", "/anything"), 1);
    assert_int_equal(in_scope(SCOPE_PREFIX, "e.org", "/a/b/c/", "e.org", "/a/b/"), 0);
    assert_int_equal(in_scope(SCOPE_PREFIX, "e.org", "/docs/", "f.org", "/docs/"), 0);
}

static void many_roots_shadow_each_other(void **state)
{
    struct scope *s = scope_new(SCOPE_PREFIX);
    char host[32];

    for (int i = 0; i < 5000; i++) {
        snprintf(host, sizeof host, "h%d.example", i);
        scope_add(s, str(host), str(i % 2 ? "/a/" : "/a/b/c/x"));
        scope_add(s, str(host), str(i % 2 ? "/a/" : "/a/b/c/x"));
    }
    assert_int_equal(scope_has(s, str("h4998.example"), str("/a/b/c/y")), 1);
    assert_int_equal(scope_has(s, str("h4998.example"), str("/a/b/y")), 0);
    assert_int_equal(scope_has(s, str("h4999.example"), str("/a/b/y")), 1);
    scope_free(s);
    scope_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_lets_others_in),
        cmocka_unit_test(domain_is_not_the_registrable_one),
        cmocka_unit_test(addresses_are_taken_for_names),
        cmocka_unit_test(prefix_is_not_a_folder),
        cmocka_unit_test(many_roots_shadow_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
