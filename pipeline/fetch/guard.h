/* guard: which addresses a crawl may connect to.  Judged on the address itself, at every hop. */
#ifndef TROMMEL_FETCH_GUARD_H
#define TROMMEL_FETCH_GUARD_H
struct sockaddr;
/* 0: public.  Else the class that refuses it: "loopback", "private", "link_local", … (IANA special-purpose
 * registries, RFC 6890; IPv4 in IPv6 is judged as IPv4). */
const char *guard_refuses(const struct sockaddr *sa);
#endif
