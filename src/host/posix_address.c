// Addresses of programs: sockaddr_in and sockaddr_in6 to endpoints and back, sockaddr_ll to links' addresses. A
// socket of AF_INET6 sees IPv4 as ::ffff:a.b.c.d (RFC 3493 3.7). Interfaces have numbers as on a kernel: lo is 1, the
// links follow.
#include "host/posix.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>

static int from_in(const uint8_t *bytes, uint32_t len, struct sok_endpoint *out)
{
    struct sockaddr_in in;
    if (len < sizeof(in))
        return -EINVAL;
    memcpy(&in, bytes, sizeof(in));
    out->addr = sok_addr_v4(ntohl(in.sin_addr.s_addr));
    out->port = ntohs(in.sin_port);
    return 0;
}

static int from_in6(const uint8_t *bytes, uint32_t len, struct sok_endpoint *out, bool *v6)
{
    struct sockaddr_in6 in = {0};
    if (len < 24) // RFC 2133 had no scope
        return -EINVAL;
    memcpy(&in, bytes, len < sizeof(in) ? len : sizeof(in));
    memcpy(out->addr.b, in.sin6_addr.s6_addr, 16);
    out->port = ntohs(in.sin6_port);
    // Interfaces count from 1 (lo) on, as zones do from the stack's own link.
    bool of_link = (in.sin6_addr.s6_addr[0] == 0xfe && (in.sin6_addr.s6_addr[1] & 0xc0) == 0x80) ||
                   (in.sin6_addr.s6_addr[0] == 0xff && (in.sin6_addr.s6_addr[1] & 0x0f) <= 2);
    out->zone = of_link && len >= sizeof(in) ? in.sin6_scope_id : 0;
    *v6 = !sok_addr_is_v4(out->addr);
    return 0;
}

int sok_sockaddr_get(
    int domain, const uint8_t *bytes, uint32_t len, struct sok_endpoint *out, bool *v6)
{
    sa_family_t family;
    *out = (struct sok_endpoint){.port = 0};
    *v6 = false;
    if (len < sizeof(family))
        return -EINVAL;
    memcpy(&family, bytes, sizeof(family));
    if (domain == AF_INET6)
        return family == AF_INET6    ? from_in6(bytes, len, out, v6)
               : family == AF_UNSPEC ? -EAFNOSUPPORT
                                     : -EINVAL;
    if (family == AF_INET)
        return from_in(bytes, len, out);
    return -EAFNOSUPPORT;
}

// Linux: of a socket that is of IPv6 alone, a connect() says that the family is wrong, a send that no way leads there.
int sok_sockaddr_peer(const struct sok_posix *p, struct sok_socket *connects, const uint8_t *bytes,
    uint32_t len, struct sok_endpoint *out, bool *v6)
{
    sa_family_t family = AF_UNSPEC;
    int64_t only = 0;
    if (len >= sizeof(family))
        memcpy(&family, bytes, sizeof(family));
    if (p->domain != AF_INET6 || p->type != SOCK_DGRAM || family != AF_INET)
        return sok_sockaddr_get(p->domain, bytes, len, out, v6);
    *out = (struct sok_endpoint){.port = 0};
    *v6 = false;
    if (connects)
        sok_getsockopt(connects, SOK_OPT_V6ONLY, &only);
    return only ? -EAFNOSUPPORT : from_in(bytes, len, out);
}

uint32_t sok_sockaddr_put(int domain, const struct sok_endpoint *e, uint8_t out[SOK_POSIX_ADDR_MAX])
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
    if (domain != AF_INET6) {
        bool v4 = sok_addr_is_v4(e->addr); // not: a socket that has no address yet
        in.sin_addr.s_addr = htonl(v4 ? sok_addr_to_v4(e->addr) : 0);
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    }
    memcpy(in6.sin6_addr.s6_addr, e->addr.b, 16);
    in6.sin6_scope_id = sok_addr_is_v4(e->addr) ? 0 : e->zone;
    memcpy(out, &in6, sizeof(in6));
    return sizeof(in6);
}

// ---- packet sockets ----

int sok_ll_get(const uint8_t *bytes, uint32_t len, struct sok_packet_addr *out)
{
    struct sockaddr_ll ll;
    if (len < sizeof(ll))
        return -EINVAL;
    memcpy(&ll, bytes, sizeof(ll));
    if (ll.sll_family != AF_PACKET)
        return -EINVAL;
    *out = (struct sok_packet_addr){
        .link = ll.sll_ifindex - 1,
        .type = ntohs(ll.sll_protocol),
        .kind = ll.sll_pkttype,
    };
    memcpy(out->mac, ll.sll_addr, sizeof(out->mac));
    return 0;
}

uint32_t sok_ll_put(
    const struct sok_host *host, const struct sok_packet_addr *a, uint8_t out[SOK_POSIX_ADDR_MAX])
{
    struct sok_packet_link about;
    struct sockaddr_ll ll = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(a->type),
        .sll_ifindex = a->link + 1,
        .sll_pkttype = a->kind,
    };
    if (sok_packet_link(host, a->link, &about) == 0) {
        ll.sll_hatype = a->link == 0     ? ARPHRD_LOOPBACK
                        : about.ethernet ? ARPHRD_ETHER
                                         : ARPHRD_NONE;
        ll.sll_halen = about.ethernet ? sizeof(a->mac) : 0;
        memcpy(ll.sll_addr, a->mac, ll.sll_halen);
    }
    memcpy(out, &ll, sizeof(ll));
    return sizeof(ll);
}
