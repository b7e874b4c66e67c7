/* guard: each special-purpose range at both of its edges, and the public addresses beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/un.h>

#include "fetch/guard.h"

static const char *judge(const char *text)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return guard_refuses((struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return guard_refuses((struct sockaddr *)&in6);
}

struct expected {
    const char *address, *what;
};

static void check(const struct expected *rows)
{
    for (; rows->address; rows++) {
        const char *what = judge(rows->address);
        if (!what != !rows->what || (what && strcmp(what, rows->what)))
            fail_msg("%s: %s instead of %s", rows->address, what ? what : "public",
                     rows->what ? rows->what : "public");
    }
}

static void test_a_special_ipv4_address_is_let_through(void **state)
{
    check((struct expected[]){
        { "0.0.0.0", "this_network" }, { "0.255.255.255", "this_network" }, { "1.0.0.0", NULL },
        { "9.255.255.255", NULL }, { "10.0.0.0", "private" }, { "10.255.255.255", "private" },
        { "11.0.0.0", NULL },
        { "100.63.255.255", NULL }, { "100.64.0.0", "shared" }, { "100.127.255.255", "shared" },
        { "100.128.0.0", NULL },
        { "126.255.255.255", NULL }, { "127.0.0.1", "loopback" }, { "127.255.255.255", "loopback" },
        { "128.0.0.0", NULL },
        { "169.253.255.255", NULL }, { "169.254.169.254", "link_local" }, { "169.255.0.0", NULL },
        { "172.15.255.255", NULL }, { "172.16.0.0", "private" }, { "172.31.255.255", "private" },
        { "172.32.0.0", NULL },
        { "192.0.0.8", "reserved" }, { "192.0.1.0", NULL }, { "192.0.2.1", "documentation" },
        { "192.0.3.0", NULL },
        { "192.88.99.1", "reserved" }, { "192.167.255.255", NULL }, { "192.168.0.0", "private" },
        { "192.168.255.255", "private" }, { "192.169.0.0", NULL }, { "198.17.255.255", NULL },
        { "198.18.0.0", "benchmarking" }, { "198.19.255.255", "benchmarking" }, { "198.20.0.0", NULL },
        { "198.51.100.7", "documentation" }, { "203.0.113.255", "documentation" }, { "203.0.114.0", NULL },
        { "223.255.255.255", NULL }, { "224.0.0.1", "multicast" }, { "239.255.255.255", "multicast" },
        { "240.0.0.1", "reserved" }, { "255.255.255.254", "reserved" }, { "255.255.255.255", "broadcast" },
        { "8.8.8.8", NULL }, { NULL, NULL } });
}

static void test_a_special_ipv6_address_is_let_through(void **state)
{
    check((struct expected[]){
        { "::", "unspecified" }, { "::1", "loopback" }, { "100::1", "discard" },
        { "2001:2::1", "benchmarking" },
        { "2001:10::1", "reserved" }, { "2001:1ff:ffff::1", "reserved" }, { "2001:200::1", NULL },
        { "2001:db8::1", "documentation" }, { "2001:db9::1", NULL }, { "3fff:fff::1", "documentation" },
        { "3fff:1000::1", NULL }, { "2606:4700::1111", NULL }, { "4000::1", "reserved" },
        { "5f00::1", "reserved" },
        { "fc00::1", "private" }, { "fdff:ffff::1", "private" }, { "fe00::1", "reserved" },
        { "fe80::1", "link_local" },
        { "febf::1", "link_local" }, { "fec0::1", "private" }, { "ff02::1", "multicast" },
        { "64:ff9b:1::1", "private" },
        { NULL, NULL } });
}

static void test_ipv4_hidden_in_ipv6_is_let_through(void **state)
{
    check((struct expected[]){
        { "::ffff:127.0.0.1", "loopback" }, { "::ffff:8.8.8.8", NULL }, { "::ffff:0:10.0.0.1", "private" },
        { "::10.1.2.3", "private" }, { "64:ff9b::192.168.1.1", "private" }, { "64:ff9b::8.8.8.8", NULL },
        { "64:ff9b::a9fe:a9fe", "link_local" }, { "2002:7f00:1::1", "loopback" },
        { "2002:0a00:1::", "private" },
        { "2002:0808:0808::1", NULL },
        { "2001:0:0808:0808:0:0:f5ff:fffe", "private" },          /* Teredo, client 10.0.0.1 */
        { "2001:0:7f00:0001:0:0:f7f7:f7f7", "loopback" },         /* server 127.0.0.1 */
        { "2001:0:0808:0808:0:0:f7f7:f7f7", NULL }, { NULL, NULL } });
}

static void test_a_socket_of_another_family_is_let_through(void **state)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    assert_string_equal(guard_refuses((struct sockaddr *)&un), "no_internet_address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_special_ipv4_address_is_let_through),
        cmocka_unit_test(test_a_special_ipv6_address_is_let_through),
        cmocka_unit_test(test_ipv4_hidden_in_ipv6_is_let_through),
        cmocka_unit_test(test_a_socket_of_another_family_is_let_through),
    };

    return cmocka_run_group_tests_name("fetch/guard fails when", tests, NULL, NULL);
}
