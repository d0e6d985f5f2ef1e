// Multicast as POSIX and Linux name it (ip(7), ipv6(7), RFC 3678): options whose value is a structure, onto
// sockeye/group.h. An interface is its number in the list that programs see (link + 1), or one of its addresses.
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include "host/host.h"
#include "host/posix.h"

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29 // <linux/in6.h>
#endif

#define SOURCES_MAX 64

static struct sok_addr addr4(struct in_addr a)
{
    return sok_addr_v4(ntohl(a.s_addr));
}

static struct sok_addr addr6(const struct in6_addr *a)
{
    struct sok_addr out;
    memcpy(out.b, a, 16);
    return out;
}

static int link_of_index(int64_t index)
{
    return index > 0 ? (int)(index - 1) : -1;
}

// The link that has an address; -1: any will do; SOK_ENODEV.
static int link_of_addr(const struct sok_socket *s, struct sok_addr addr)
{
    const struct sok_stack *stack = s->host->stack;
    struct sok_addr first;
    unsigned bits;
    if (sok_addr_is_any(addr))
        return -1;
    for (uint8_t i = 0; sok_stack_link(stack, i); i++)
        if (sok_stack_addr_first(stack, i, &first, &bits) && sok_addr_eq(first, addr))
            return i;
    return SOK_ENODEV;
}

// ---- memberships ----

static int change(struct sok_socket *s, enum sok_group_op op, int link, struct sok_addr group,
    struct sok_addr source)
{
    struct sok_group_change c = {.op = op, .link = link, .group = group, .source = source};
    if (link < -1)
        return -sok_errno(link);
    return -sok_errno(sok_group(s, &c));
}

// struct ip_mreq or ip_mreqn.
static int change4(struct sok_socket *s, enum sok_group_op op, const uint8_t *bytes, uint32_t len)
{
    struct ip_mreqn r = {.imr_ifindex = 0};
    struct sok_addr none = {{0}};
    if (len < sizeof(struct ip_mreq))
        return -EINVAL;
    memcpy(&r, bytes, len < sizeof(r) ? sizeof(struct ip_mreq) : sizeof(r));
    int link = r.imr_ifindex ? link_of_index(r.imr_ifindex) : link_of_addr(s, addr4(r.imr_address));
    return change(s, op, link, addr4(r.imr_multiaddr), none);
}

static int change4_source(
    struct sok_socket *s, enum sok_group_op op, const uint8_t *bytes, uint32_t len)
{
    struct ip_mreq_source r;
    if (len != sizeof(r))
        return -EINVAL;
    memcpy(&r, bytes, sizeof(r));
    return change(s, op, link_of_addr(s, addr4(r.imr_interface)), addr4(r.imr_multiaddr),
        addr4(r.imr_sourceaddr));
}

static int change6(struct sok_socket *s, enum sok_group_op op, const uint8_t *bytes, uint32_t len)
{
    struct ipv6_mreq r;
    struct sok_addr none = {{0}};
    if (len < sizeof(r))
        return -EINVAL;
    memcpy(&r, bytes, sizeof(r));
    struct sok_addr group = addr6(&r.ipv6mr_multiaddr);
    if (sok_addr_is_v4(group))
        return -EINVAL;
    return change(s, op, link_of_index(r.ipv6mr_interface), group, none);
}

// An address of either family, of the socket's level.
static bool stored_addr(int level, const struct sockaddr_storage *a, struct sok_addr *out)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)a;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
    if (a->ss_family != (level == IPPROTO_IP ? AF_INET : AF_INET6))
        return false;
    *out = level == IPPROTO_IP ? addr4(in->sin_addr) : addr6(&in6->sin6_addr);
    return true;
}

static int change_any(
    struct sok_socket *s, enum sok_group_op op, int level, const uint8_t *bytes, uint32_t len)
{
    struct group_source_req r;
    bool sourced = op != SOK_GROUP_JOIN && op != SOK_GROUP_LEAVE;
    struct sok_addr group, source = {{0}};
    size_t need = sourced ? sizeof(r) : offsetof(struct group_source_req, gsr_source);
    if (len < need)
        return -EINVAL;
    memcpy(&r, bytes, need);
    if (!stored_addr(level, &r.gsr_group, &group) ||
        (sourced && !stored_addr(level, &r.gsr_source, &source)))
        return -EINVAL;
    return change(s, op, link_of_index(r.gsr_interface), group, source);
}

// ---- whole filters ----

static int filter4(struct sok_socket *s, const uint8_t *bytes, uint32_t len)
{
    struct ip_msfilter f;
    struct sok_addr sources[SOURCES_MAX];
    size_t head = offsetof(struct ip_msfilter, imsf_slist);
    if (len < head)
        return -EINVAL;
    memcpy(&f, bytes, head);
    if (f.imsf_numsrc > SOURCES_MAX)
        return -ENOBUFS;
    if (len < head + f.imsf_numsrc * sizeof(struct in_addr) ||
        (f.imsf_fmode != MCAST_INCLUDE && f.imsf_fmode != MCAST_EXCLUDE))
        return -EINVAL;
    for (uint32_t i = 0; i < f.imsf_numsrc; i++) {
        struct in_addr a;
        memcpy(&a, bytes + head + i * sizeof(a), sizeof(a));
        sources[i] = addr4(a);
    }
    struct sok_addr group = addr4(f.imsf_multiaddr);
    int link = link_of_addr(s, addr4(f.imsf_interface));
    if (link < -1)
        return -sok_errno(link);
    return -sok_errno(
        sok_group_filter(s, link, &group, f.imsf_fmode == MCAST_EXCLUDE, sources, f.imsf_numsrc));
}

static int filter_any(struct sok_socket *s, int level, const uint8_t *bytes, uint32_t len)
{
    struct group_filter f;
    struct sok_addr group, sources[SOURCES_MAX];
    size_t head = offsetof(struct group_filter, gf_slist);
    if (len < head)
        return -EINVAL;
    memcpy(&f, bytes, head);
    if (f.gf_numsrc > SOURCES_MAX)
        return -ENOBUFS;
    if (len < head + f.gf_numsrc * sizeof(struct sockaddr_storage) ||
        (f.gf_fmode != MCAST_INCLUDE && f.gf_fmode != MCAST_EXCLUDE) ||
        !stored_addr(level, &f.gf_group, &group))
        return -EINVAL;
    for (uint32_t i = 0; i < f.gf_numsrc; i++) {
        struct sockaddr_storage a;
        memcpy(&a, bytes + head + i * sizeof(a), sizeof(a));
        if (!stored_addr(level, &a, &sources[i]))
            return -EINVAL;
    }
    return -sok_errno(sok_group_filter(s, link_of_index(f.gf_interface), &group,
        f.gf_fmode == MCAST_EXCLUDE, sources, f.gf_numsrc));
}

// What is asked is in `out` already (a socket option both ways, RFC 3678 section 4.1.3). As many sources as were asked
// for are told, and how many there are.
static int get_filter4(const struct sok_socket *s, uint8_t *out, uint32_t want)
{
    struct ip_msfilter f;
    struct sok_addr sources[SOURCES_MAX];
    unsigned count = SOURCES_MAX;
    bool exclude;
    size_t head = offsetof(struct ip_msfilter, imsf_slist);
    if (want < head)
        return -EINVAL;
    memcpy(&f, out, head);
    struct sok_addr group = addr4(f.imsf_multiaddr);
    int link = link_of_addr(s, addr4(f.imsf_interface));
    int err = link < -1 ? link : sok_group_filter_get(s, link, &group, &exclude, sources, &count);
    if (err < 0)
        return -sok_errno(err);
    uint32_t told = f.imsf_numsrc < count ? f.imsf_numsrc : count;
    if (told > SOURCES_MAX || want < head + told * sizeof(struct in_addr))
        return -EINVAL;
    f.imsf_fmode = exclude ? MCAST_EXCLUDE : MCAST_INCLUDE;
    f.imsf_numsrc = count;
    memcpy(out, &f, head);
    for (uint32_t i = 0; i < told; i++) {
        struct in_addr a = {htonl(sok_addr_to_v4(sources[i]))};
        memcpy(out + head + i * sizeof(a), &a, sizeof(a));
    }
    return (int)(head + told * sizeof(struct in_addr));
}

static int get_filter_any(
    const struct sok_posix *p, const struct sok_socket *s, int level, uint8_t *out, uint32_t want)
{
    struct group_filter f;
    struct sok_addr group, sources[SOURCES_MAX];
    unsigned count = SOURCES_MAX;
    bool exclude;
    size_t head = offsetof(struct group_filter, gf_slist), each = sizeof(struct sockaddr_storage);
    if (want < head)
        return -EINVAL;
    memcpy(&f, out, head);
    if (!stored_addr(level, &f.gf_group, &group))
        return -EINVAL;
    int err =
        sok_group_filter_get(s, link_of_index(f.gf_interface), &group, &exclude, sources, &count);
    if (err < 0)
        return -sok_errno(err);
    uint32_t told = f.gf_numsrc < count ? f.gf_numsrc : count;
    if (told > SOURCES_MAX || want < head + told * each)
        return -EINVAL;
    f.gf_fmode = exclude ? MCAST_EXCLUDE : MCAST_INCLUDE;
    f.gf_numsrc = count;
    memcpy(out, &f, head);
    memset(out + head, 0, told * each);
    for (uint32_t i = 0; i < told; i++) {
        struct sok_endpoint source = {.addr = sources[i]};
        sok_sockaddr_put(p->domain, &source, out + head + i * each);
    }
    return (int)(head + told * each);
}

// ---- how groups are sent to ----

// struct in_addr, ip_mreq or ip_mreqn; IPv6: a number.
static int interface_of(
    const struct sok_socket *s, int level, const uint8_t *bytes, uint32_t len, int *link)
{
    struct ip_mreqn r = {.imr_ifindex = 0};
    int index;
    if (level == IPPROTO_IPV6) {
        if (len < sizeof(index))
            return -EINVAL;
        memcpy(&index, bytes, sizeof(index));
        *link = link_of_index(index);
        return index < 0 ? -ENODEV : 0;
    }
    if (len >= sizeof(r))
        memcpy(&r, bytes, sizeof(r));
    else if (len >= sizeof(struct ip_mreq))
        memcpy(&r, bytes, sizeof(struct ip_mreq));
    else if (len >= sizeof(struct in_addr))
        memcpy(&r.imr_address, bytes, sizeof(struct in_addr));
    else
        return -EINVAL;
    *link = r.imr_ifindex ? link_of_index(r.imr_ifindex) : link_of_addr(s, addr4(r.imr_address));
    return *link < -1 ? -EADDRNOTAVAIL : 0;
}

// Numbers of a byte are allowed on IPv4 (ip(7)).
static bool number_of(int level, const uint8_t *bytes, uint32_t len, int *value)
{
    if (len >= sizeof(*value))
        memcpy(value, bytes, sizeof(*value));
    else if (len >= 1 && level == IPPROTO_IP)
        *value = bytes[0];
    else
        return false;
    return true;
}

enum sending { NOTHING, INTERFACE, TTL, LOOP, ALL };

static enum sending sending_option(int level, int name)
{
    bool v4 = level == IPPROTO_IP;
    if (name == (v4 ? IP_MULTICAST_IF : IPV6_MULTICAST_IF))
        return INTERFACE;
    if (name == (v4 ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS))
        return TTL;
    if (name == (v4 ? IP_MULTICAST_LOOP : IPV6_MULTICAST_LOOP))
        return LOOP;
    return name == (v4 ? IP_MULTICAST_ALL : IPV6_MULTICAST_ALL) ? ALL : NOTHING;
}

static int set_sending(
    struct sok_socket *s, enum sending what, int level, const uint8_t *bytes, uint32_t len)
{
    struct sok_multicast_opts o;
    int value = 0, err = sok_multicast_get(s, &o);
    if (err < 0)
        return -EINVAL; // a stream
    if (what == INTERFACE) {
        int64_t device = -1;
        err = interface_of(s, level, bytes, len, &o.link);
        sok_getsockopt(s, SOK_OPT_BINDTODEVICE, &device);
        if (err == 0 && device >= 0 && o.link >= 0 && o.link != device)
            return -EINVAL;
        return err < 0 ? err : -sok_errno(sok_multicast_set(s, &o));
    }
    if (!number_of(level, bytes, len, &value))
        return -EINVAL;
    bool v6 = level == IPPROTO_IPV6;
    if (what == TTL && (value < -1 || value > 255))
        return -EINVAL;
    if ((what == ALL || (v6 && what == LOOP)) && value != 0 && value != 1)
        return -EINVAL;
    if (what == TTL)
        o.ttl = value < 0 ? 1 : (uint8_t)value;
    else if (what == LOOP)
        o.loop = value != 0;
    else
        o.all = value != 0;
    return -sok_errno(sok_multicast_set(s, &o));
}

// ---- both ----

static int group_op(int name)
{
    switch (name) {
    case MCAST_JOIN_GROUP:
        return SOK_GROUP_JOIN;
    case MCAST_LEAVE_GROUP:
        return SOK_GROUP_LEAVE;
    case MCAST_JOIN_SOURCE_GROUP:
        return SOK_GROUP_JOIN_SOURCE;
    case MCAST_LEAVE_SOURCE_GROUP:
        return SOK_GROUP_LEAVE_SOURCE;
    case MCAST_BLOCK_SOURCE:
        return SOK_GROUP_BLOCK_SOURCE;
    case MCAST_UNBLOCK_SOURCE:
        return SOK_GROUP_UNBLOCK_SOURCE;
    default:
        return -1;
    }
}

static int set4(struct sok_socket *s, int name, const uint8_t *bytes, uint32_t len)
{
    switch (name) {
    case IP_ADD_MEMBERSHIP:
        return change4(s, SOK_GROUP_JOIN, bytes, len);
    case IP_DROP_MEMBERSHIP:
        return change4(s, SOK_GROUP_LEAVE, bytes, len);
    case IP_ADD_SOURCE_MEMBERSHIP:
        return change4_source(s, SOK_GROUP_JOIN_SOURCE, bytes, len);
    case IP_DROP_SOURCE_MEMBERSHIP:
        return change4_source(s, SOK_GROUP_LEAVE_SOURCE, bytes, len);
    case IP_BLOCK_SOURCE:
        return change4_source(s, SOK_GROUP_BLOCK_SOURCE, bytes, len);
    case IP_UNBLOCK_SOURCE:
        return change4_source(s, SOK_GROUP_UNBLOCK_SOURCE, bytes, len);
    case IP_MSFILTER:
        return filter4(s, bytes, len);
    default:
        return -ENOPROTOOPT;
    }
}

int sok_posix_group_set(const struct sok_posix *p, struct sok_socket *s, int level, int name,
    const uint8_t *bytes, uint32_t len)
{
    bool v6 = level == IPPROTO_IPV6 && p->domain == AF_INET6;
    if (!s || (level != IPPROTO_IP && !v6))
        return -ENOPROTOOPT;
    enum sending what = sending_option(level, name);
    bool changes = group_op(name) >= 0 || name == MCAST_MSFILTER ||
                   (v6 ? name == IPV6_JOIN_GROUP || name == IPV6_LEAVE_GROUP
                       : name >= IP_ADD_MEMBERSHIP && name <= IP_MSFILTER);
    if (what == NOTHING && !changes)
        return -ENOPROTOOPT;
    if (what != NOTHING)
        return set_sending(s, what, level, bytes, len);
    if (p->type == SOCK_STREAM)
        return v6 ? -ENOPROTOOPT : -EPROTO; // as Linux has it
    if (group_op(name) >= 0)
        return change_any(s, (enum sok_group_op)group_op(name), level, bytes, len);
    if (name == MCAST_MSFILTER)
        return filter_any(s, level, bytes, len);
    if (v6)
        return change6(s, name == IPV6_JOIN_GROUP ? SOK_GROUP_JOIN : SOK_GROUP_LEAVE, bytes, len);
    return set4(s, name, bytes, len);
}

int sok_posix_group_get(const struct sok_posix *p, const struct sok_socket *s, int level, int name,
    uint8_t *out, uint32_t want)
{
    struct sok_multicast_opts o;
    bool v6 = level == IPPROTO_IPV6 && p->domain == AF_INET6;
    enum sending what = level == IPPROTO_IP || v6 ? sending_option(level, name) : NOTHING;
    if (s && p->type != SOCK_STREAM && level == IPPROTO_IP && name == IP_MSFILTER)
        return get_filter4(s, out, want);
    if (s && p->type != SOCK_STREAM && (level == IPPROTO_IP || v6) && name == MCAST_MSFILTER)
        return get_filter_any(p, s, level, out, want);
    if (!s || what == NOTHING)
        return -ENOPROTOOPT;
    if (sok_multicast_get(s, &o) < 0)
        o = (struct sok_multicast_opts)SOK_MULTICAST_OPTS_DEFAULT;
    int value = what == TTL ? o.ttl : what == LOOP ? o.loop : what == ALL ? o.all : o.link + 1;
    if (what == INTERFACE && !v6) {
        struct sok_addr first = sok_addr_v4(0);
        unsigned bits;
        if (o.link >= 0)
            sok_stack_addr_first(s->host->stack, (uint8_t)o.link, &first, &bits);
        value = (int)htonl(sok_addr_to_v4(first));
    }
    uint32_t n = want < sizeof(value) ? want : (uint32_t)sizeof(value);
    if (n > 0 && n < sizeof(value) && what != INTERFACE) {
        out[0] = (uint8_t)value; // one byte is all that fits
        return 1;
    }
    memcpy(out, &value, n);
    return (int)n;
}
