// Options of raw sockets: which types of ICMP they hear, ICMP6_FILTER (RFC 3542 section 3.2) and Linux's ICMP_FILTER (raw(7)),
// a bit for each type that is kept away; where the checksum of an IPv6 protocol stands, IPV6_CHECKSUM (section 3.1).
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include "host/host.h"
#include "host/posix.h"

#define ICMP_FILTER_NAME 1 // <linux/icmp.h>, which cannot stand beside <netinet/ip_icmp.h>
_Static_assert(ICMP6_FILTER == ICMP_FILTER_NAME, "one number for both");

// Bytes of the filter that a socket has by this level; 0: none; or -errno.
static int filter_bytes(const struct sok_posix *p, const struct sok_socket *s, int level, int name)
{
    bool v4 = level == IPPROTO_RAW && p->domain == AF_INET;
    bool v6 = level == IPPROTO_ICMPV6 && p->domain == AF_INET6;
    if (!s || p->type != SOCK_RAW || !(v4 || v6) || name != ICMP6_FILTER)
        return 0;
    if (p->protocol != (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return -EOPNOTSUPP;
    return v4 ? 4 : 32;
}

// As in Linux the level may be that of raw sockets, too.
static bool is_sum(const struct sok_posix *p, const struct sok_socket *s, int level, int name)
{
    return s && p->type == SOCK_RAW && p->domain == AF_INET6 && name == IPV6_CHECKSUM &&
           (level == IPPROTO_IPV6 || level == IPPROTO_RAW);
}

// ICMPv6's stands where it stands.
static int set_sum(
    const struct sok_posix *p, struct sok_socket *s, const uint8_t *bytes, uint32_t len)
{
    int32_t at;
    if (len < sizeof(at) || p->protocol == IPPROTO_ICMPV6)
        return -EINVAL;
    memcpy(&at, bytes, sizeof(at));
    return -sok_errno(sok_socket_raw_checksum(s, at));
}

int sok_posix_raw_set(const struct sok_posix *p, struct sok_socket *s, int level, int name,
    const uint8_t *bytes, uint32_t len)
{
    uint32_t blocked[8];
    if (is_sum(p, s, level, name))
        return set_sum(p, s, bytes, len);
    int most = filter_bytes(p, s, level, name);
    if (most <= 0)
        return most < 0 ? most : -ENOPROTOOPT;
    sok_icmp_filter_get(s, blocked);
    memcpy(blocked, bytes, len < (uint32_t)most ? len : (uint32_t)most);
    return -sok_errno(sok_icmp_filter(s, blocked));
}

int sok_posix_raw_get(const struct sok_posix *p, const struct sok_socket *s, int level, int name,
    uint8_t *out, uint32_t want)
{
    uint32_t blocked[8];
    if (is_sum(p, s, level, name)) {
        int32_t at = sok_socket_raw_checksum_at(s);
        uint32_t n = want < sizeof(at) ? want : (uint32_t)sizeof(at);
        memcpy(out, &at, n);
        return (int)n;
    }
    int most = filter_bytes(p, s, level, name);
    if (most <= 0)
        return most < 0 ? most : -ENOPROTOOPT;
    uint32_t n = want < (uint32_t)most ? want : (uint32_t)most;
    sok_icmp_filter_get(s, blocked);
    memcpy(out, blocked, n);
    return (int)n;
}
