/* surt: the keys are those of the Python package surt 0.3.1, by which pywb's and cdxj-indexer's lines are
 * sorted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "warc/surt.h"
#include "tests/unit/parse/guarded.h"

/* clang-format off */
static const char *const rows[][2] = {
    { "http://example.org/",
      "org,example)/" },
    { "http://www.example.org/",
      "org,example)/" },
    { "http://www2.Example.ORG:80/A/b/",
      "org,example)/a/b" },
    { "https://example.org:443/x?b=2&a=1",
      "org,example)/x?a=1&b=2" },
    { "http://example.org:443/x",
      "org,example:443)/x" },
    { "https://example.org:8443/x/?",
      "org,example:8443)/x" },
    { "http://user:pw@example.org/a#frag",
      "org,example)/a" },
    { "http://127.0.0.1:8080/t/gen?site=s&page=1",
      "1,0,0,127:8080)/t/gen?page=1&site=s" },
    { "http://[::1]:8080/a",
      "::1:8080)/a" },
    { "http://[2001:db8::1]/",
      "2001:db8::1)/" },
    { "http://2130706433/",
      "1,0,0,127)/" },
    { "http://0x7f.1/",
      "1,0x7f)/" },
    { "http://0177.0.0.1/",
      "1,0,0,127)/" },
    { "http://10.1/",
      "1,0,0,10)/" },
    { "http://1.2.3.4.5/",
      "5,4,3,2,1)/" },
    { "http://example.org..//a//b/../c/./d",
      "org,example)/a/c/d" },
    { "http://.example.org./",
      "org,example)/" },
    { "http://example.org/a/b/..",
      "org,example)/a" },
    { "http://example.org/a/.",
      "org,example)/a" },
    { "http://example.org/../../x",
      "org,example)/x" },
    { "http://example.org/a%2Fb%252Fc",
      "org,example)/a/b/c" },
    { "http://example.org/%7Ejoe/%41%zz%",
      "org,example)/~joe/a%25zz%25" },
    { "http://example.org/a b",
      "org,example)/a%20b" },
    { "http://example.org/caf%C3%A9?q=%C3%89t%C3%A9",
      "org,example)/caf%c3%a9?q=%c3%89t%c3%a9" },
    { "http://example.org/?a=1&&b",
      "org,example)/?&a=1&b" },
    { "http://example.org/?&",
      "org,example)/?&" },
    { "http://example.org/?a=&a&A=0&a=b=c",
      "org,example)/?a&a=&a=0&a=b=c" },
    { "http://example.org/?b&a=2&a=10&=x",
      "org,example)/?=x&a=10&a=2&b" },
    { "http://example.org/?x#y",
      "org,example)/?x" },
    { "http://example.org?x=1",
      "org,example)/?x=1" },
    { "http://example.org/?sid=9682993c8daa2c5497996114facdc805&foo=bar",
      "org,example)/?foo=bar" },
    { "http://example.org/?foo=bar&sid=9682993c8daa2c5497996114facdc805",
      "org,example)/?&foo=bar" },
    { "http://example.org/?jsessionid=0123456789abcdefABCDEF0123456789",
      "org,example)/" },
    { "http://example.org/?x=1&PHPSESSID=0123456789abcdef0123456789abcdef&y=2",
      "org,example)/?x=1&y=2" },
    { "http://example.org/?ASPSESSIONIDABCDEFGH=ABCDEFGHIJKLMNOPQRSTUVWX&z=1",
      "org,example)/?z=1" },
    { "http://example.org/?cfid=1&cftoken=2&a=b",
      "org,example)/?a=b" },
    { "http://example.org/?a=b&cfid=1&cftoken=2",
      "org,example)/?&a=b" },
    { "http://example.org/(S(4hqa0555fwsecu455xqckv45))/mileg.aspx",
      "org,example)/mileg.aspx" },
    { "http://example.org/(4hqa0555fwsecu455xqckv45)/mileg.aspx?page=1",
      "org,example)/mileg.aspx?page=1" },
    { "http://example.org/(a(4hqa0555fwsecu455xqckv45)S(4hqa0555fwsecu455xqckv45)f(4hqa0555fwsecu455xqckv45))/mileg.aspx?page=sessionschedules",
      "org,example)/mileg.aspx?page=sessionschedules" },
    { "http://example.org/x;jsessionid=0123456789abcdef0123456789abcdef",
      "org,example)/x;jsessionid=0123456789abcdef0123456789abcdef" },
    { "http://http://example.org/y",
      "org,example)/y" },
    { "http://https://example.org/y",
      "org,example)/y" },
    { "http://www.com/",
      "com)/" },
    { "http://www12foo.example.org/",
      "org,example,www12foo)/" },
    { "http://example.org:/x",
      "org,example)/x" },
    { "http://example.org:0/x",
      "org,example)/x" },
    { "http://example.org:99999/x",
      "http://example.org:99999/x" },
    { "http://example.org:8a/x",
      "http://example.org:8a/x" },
    { "http://example.org/`\"<>{}|\\^[]'(),;!$*+@:=~",
      "org,example)/`\"<>{}|\\^[]'(),;!$*+@:=~" },
    { "http://example.org/?`\"<>{}|\\^[]'(),;!$*+@:=~%23%25",
      "org,example)/?`\"<>{}|\\^[]'(),;!$*+@:=~%23%25" },
    { "http://xn--bcher-kva.example/B%C3%BCcher",
      "example,xn--bcher-kva)/b%c3%bccher" },
    { "http://example.org/a/?",
      "org,example)/a" },
    { "http://a.b.c.example.co.uk/%2E%2E/x",
      "uk,co,example,c,b,a)/../x" },
    { "http://example.org/%00",
      "org,example)/%00" },
    { "http://example.org/a//",
      "org,example)/a" },
    { "http://example.org//",
      "org,example)/" },
    { "  http://example.org/sp",
      "org,example)/sp" },
};
/* clang-format on */

static void keys(void **state)
{
    struct buf key;

    buf_init(&key, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct guarded g = guarded_new(rows[i][0], strlen(rows[i][0]));
        buf_clear(&key);
        assert_int_equal(surt_key((trommel_str){ g.p, strlen(rows[i][0]) }, &key), 0);
        guarded_free(&g);
        if (strcmp(buf_cstr(&key), rows[i][1]))
            fail_msg("%s: %s, not %s", rows[i][0], buf_cstr(&key), rows[i][1]);
    }
    buf_release(&key);
}

/* It is added behind what is there, and one that has none is its own key. */
static void own_key(void **state)
{
    struct buf key;
    char *url = malloc(20000);

    assert_non_null(url);
    memset(url, 'a', 20000);
    memcpy(url, "http://h/", 9);
    buf_init(&key, 65536);
    buf_add_str(&key, "x ");
    assert_int_equal(surt_key((trommel_str){ "nonsense", 8 }, &key), 0);
    assert_string_equal(buf_cstr(&key), "x nonsense");
    buf_clear(&key);
    assert_int_equal(surt_key((trommel_str){ url, 20000 }, &key), 0);
    assert_int_equal(key.len, 20000);
    free(url);
    buf_release(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(own_key),
    };

    return cmocka_run_group_tests_name("surt", tests, NULL, NULL);
}
