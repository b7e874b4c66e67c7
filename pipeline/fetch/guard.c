/* guard: see guard.h.  Two tables of prefixes after IANA's special-purpose address registries (RFC 6890 and
 * what was added since), most special first; the first row that fits decides.
 *
 * IPv6 addresses that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) are judged by the
 * address they carry, since that is where the packets end.  Of IPv6 only 2000::/3 is given out as global
 * unicast; everything outside of it is refused.
 *
 * Omits: NAT64 under a network's own prefix, which cannot be told from the address. */
#include "fetch/guard.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct v4_row {
    uint32_t net;
    unsigned bits;
    const char *what;
};
#define V4(a, b, c, d) (((uint32_t)(a) << 24) | ((b) << 16) | ((c) << 8) | (d))

static const struct v4_row v4_rows[] = {
    { V4(0, 0, 0, 0), 8, "this_network" },
    { V4(10, 0, 0, 0), 8, "private" },
    { V4(100, 64, 0, 0), 10, "shared" }, /* carrier-grade NAT, RFC 6598 */
    { V4(127, 0, 0, 0), 8, "loopback" },
    { V4(169, 254, 0, 0), 16, "link_local" },
    { V4(172, 16, 0, 0), 12, "private" },
    { V4(192, 0, 0, 0), 24, "reserved" }, /* IETF protocol assignments */
    { V4(192, 0, 2, 0), 24, "documentation" },
    { V4(192, 88, 99, 0), 24, "reserved" }, /* 6to4 relays, withdrawn */
    { V4(192, 168, 0, 0), 16, "private" },
    { V4(198, 18, 0, 0), 15, "benchmarking" },
    { V4(198, 51, 100, 0), 24, "documentation" },
    { V4(203, 0, 113, 0), 24, "documentation" },
    { V4(224, 0, 0, 0), 4, "multicast" },
    { V4(255, 255, 255, 255), 32, "broadcast" },
    { V4(240, 0, 0, 0), 4, "reserved" },
};

/* Where in the 16 bytes an IPv4 address lies; NOT_V4 if none. */
enum { NOT_V4 = -1, V4_LAST = 12, V4_6TO4 = 2, V4_TEREDO = 100 };

struct v6_row {
    uint16_t net[8];
    unsigned bits;
    const char *what; /* NULL: public, if the address within is */
    int v4_at;
};

static const struct v6_row v6_rows[] = {
    { { 0 }, 128, "unspecified", NOT_V4 },
    { { 0, 0, 0, 0, 0, 0, 0, 1 }, 128, "loopback", NOT_V4 },
    { { 0, 0, 0, 0, 0, 0xffff }, 96, NULL, V4_LAST }, /* mapped */
    { { 0, 0, 0, 0, 0xffff, 0 }, 96, NULL, V4_LAST }, /* translated, RFC 2765 */
    { { 0 }, 96, NULL, V4_LAST },                     /* compatible, deprecated */
    { { 0x64, 0xff9b }, 96, NULL, V4_LAST },          /* NAT64 */
    { { 0x64, 0xff9b, 1 }, 48, "private", NOT_V4 },   /* NAT64 for local use */
    { { 0x100 }, 64, "discard", NOT_V4 },
    { { 0x2001, 0 }, 32, NULL, V4_TEREDO },
    { { 0x2001, 2, 0 }, 48, "benchmarking", NOT_V4 },
    { { 0x2001, 0 }, 23, "reserved", NOT_V4 }, /* IETF protocol assignments */
    { { 0x2001, 0xdb8 }, 32, "documentation", NOT_V4 },
    { { 0x2002 }, 16, NULL, V4_6TO4 },
    { { 0x3fff, 0 }, 20, "documentation", NOT_V4 },
    { { 0x2000 }, 3, NULL, NOT_V4 }, /* global unicast */
    { { 0xfc00 }, 7, "private", NOT_V4 },
    { { 0xfe80 }, 10, "link_local", NOT_V4 },
    { { 0xfec0 }, 10, "private", NOT_V4 }, /* site-local, deprecated */
    { { 0xff00 }, 8, "multicast", NOT_V4 },
    { { 0 }, 0, "reserved", NOT_V4 },
};

static const char *v4_refuses(uint32_t ip)
{
    for (size_t i = 0; i < sizeof v4_rows / sizeof v4_rows[0]; i++)
        if (!((ip ^ v4_rows[i].net) >> (32 - v4_rows[i].bits)))
            return v4_rows[i].what;
    return NULL;
}

static uint32_t v4_in(const uint8_t *p)
{
    return V4(p[0], p[1], p[2], p[3]);
}

static int v6_matches(const uint8_t ip[16], const struct v6_row *row)
{
    for (unsigned bit = 0; bit < row->bits; bit++) {
        unsigned net = row->net[bit / 16] >> (15 - bit % 16) & 1;
        if (net != (ip[bit / 8] >> (7 - bit % 8) & 1u))
            return 0;
    }
    return 1;
}

static const char *v6_refuses(const uint8_t ip[16])
{
    const struct v6_row *row = v6_rows;

    while (!v6_matches(ip, row)) /* the last row matches all */
        row++;
    if (row->v4_at == NOT_V4)
        return row->what;
    if (row->v4_at == V4_TEREDO) { /* the server's address, and the client's with its bits turned */
        const char *server = v4_refuses(v4_in(ip + 4));
        return server ? server : v4_refuses(~v4_in(ip + 12));
    }
    return v4_refuses(v4_in(ip + row->v4_at));
}

const char *guard_refuses(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        return v4_refuses(ntohl(in.sin_addr.s_addr));
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        return v6_refuses(in6.sin6_addr.s6_addr);
    }
    return "no_internet_address";
}
