// For the unit tests of what IPv6 does by itself, beside testing.h: a link with a stack, and what its routers say.
#ifndef SOK_STACK_TESTING_NET_H
#define SOK_STACK_TESTING_NET_H

#include "stack/testing.h"
#include "stack/internal.h"
#include "wire/icmp6.h"
#include "wire/ip6.h"

static const uint8_t net_router_mac[6] = {2, 0, 0, 0, 0, 0xfe};

static inline struct sok_addr net_addr(const char *text)
{
    struct sok_addr a;
    assert_true(sok_addr_parse(text, &a));
    return a;
}

struct net {
    struct lab lab;
    uint8_t message[1400]; // the next of a router
    size_t len;
    struct sok_addr from, to;
    uint8_t hops;
};

static inline void net_open_with(
    struct net *n, const struct sok_stack_config *config, uint32_t caps)
{
    struct sok_link_info info = {.name = "lab", .mtu = 1500, .caps = caps};
    memcpy(info.mac, lab_mac, 6);
    n->lab.now = 1000 * SOK_S;
    assert_int_equal(sok_stack_new(config, &n->lab.stack), 0);
    n->lab.link = (uint8_t)sok_stack_link_add(n->lab.stack, &info);
    n->from = net_addr("fe80::fe");
    n->to = net_addr("ff02::1");
    n->hops = 255;
}

static inline void net_open(struct net *n, uint32_t caps)
{
    struct sok_stack_config config;
    memset(n, 0, sizeof(*n));
    lab_config(&config, &n->lab);
    config.slaac_temporary = 0;
    net_open_with(n, &config, caps);
}

static inline const struct sok_slaac_info *net_info(struct net *n)
{
    return sok_stack_slaac(n->lab.stack, n->lab.link);
}

// ---- frames ----

static inline enum sok_drop net_deliver(struct net *n, const uint8_t *message, size_t len)
{
    static const uint8_t all[6] = {0x33, 0x33, 0, 0, 0, 1};
    uint8_t f[1600];
    struct sok_ip6_hdr ip = sok_ip6_hdr_default();
    struct sok_addr dst = n->to;
    uint64_t before[SOK_DROP_COUNT];
    static struct sok_tcp_counts counts;
    sok_stack_counts(n->lab.stack, &counts);
    memcpy(before, counts.drops, sizeof(before));
    lab_eth(f, all, net_router_mac, SOK_ETHERTYPE_IP6);
    ip.plen = (uint16_t)len;
    ip.nh = SOK_IPPROTO_ICMP6;
    ip.hlim = n->hops;
    memcpy(ip.src, n->from.b, 16);
    memcpy(ip.dst, dst.b, 16);
    sok_ip6_hdr_put(f + 14, &ip);
    memcpy(f + 54, message, len);
    sok_icmp6_seal(f + 54, len, &n->from, &dst);
    lab_in(&n->lab, f, 54 + len);
    sok_stack_counts(n->lab.stack, &counts);
    for (unsigned i = 1; i < SOK_DROP_COUNT; i++)
        if (counts.drops[i] > before[i])
            return (enum sok_drop)i;
    return SOK_DROP_NONE;
}

static inline void net_ra_begin(struct net *n, uint16_t lifetime)
{
    struct sok_nd_ra_hdr h = {
        .type = SOK_ICMP6_RA, .chlim = 61, .routerlifetime = lifetime, .reachabletime = 20000};
    sok_nd_ra_hdr_put(n->message, &h);
    n->len = SOK_ND_RA_LEN;
}

static inline void net_ra_prefix(struct net *n, const char *net, uint32_t valid, uint32_t preferred)
{
    struct sok_nd_prefix_hdr h = sok_nd_prefix_hdr_default();
    struct sok_addr a = net_addr(net);
    h.validlifetime = valid;
    h.preferredlifetime = preferred;
    memcpy(h.prefix, a.b, 16);
    n->len += sok_nd_put_prefix(n->message + n->len, &h);
}

static inline enum sok_drop net_ra_send(struct net *n)
{
    return net_deliver(n, n->message, n->len);
}

static inline enum sok_drop net_advertise(
    struct net *n, const char *net, uint32_t valid, uint32_t preferred)
{
    net_ra_begin(n, 1800);
    net_ra_prefix(n, net, valid, preferred);
    return net_ra_send(n);
}

// The next ICMPv6 message of a type; the time passes up to `within`. False: none.
static inline bool net_next(struct net *n, uint8_t type, int64_t within)
{
    struct lab *lab = &n->lab;
    int64_t until = lab->now + within;
    for (;;) {
        while (lab_out(lab)) {
            if (lab_type(lab) != SOK_ETHERTYPE_IP6 || lab->frame[20] != SOK_IPPROTO_ICMP6)
                continue;
            struct sok_addr src, dst;
            memcpy(src.b, lab->frame + 22, 16);
            memcpy(dst.b, lab->frame + 38, 16);
            assert_true(sok_icmp6_verify(lab->frame + 54, lab->len - 54, &src, &dst));
            assert_int_equal(lab->frame[21], 255);
            assert_true(sok_nd_check(lab->frame + 54, lab->len - 54));
            if (lab->frame[54] == type)
                return true;
        }
        int64_t due = sok_stack_deadline(lab->stack);
        if (due > until) {
            lab->now = until;
            return false;
        }
        lab_run_to(lab, due > lab->now ? due : lab->now);
    }
}

static inline void net_settle(struct net *n, int64_t time)
{
    while (net_next(n, 0, time))
        ;
}

static inline void net_start(struct net *n)
{
    assert_int_equal(sok_stack_slaac_start(n->lab.stack, n->lab.link, n->lab.now), 0);
    net_settle(n, 2 * SOK_S);
    assert_false(sok_addr_is_any(net_info(n)->local));
}

static inline bool net_reaches(
    struct net *n, const char *to, struct sok_addr *hop, struct sok_addr *source)
{
    struct sok_endpoint dst = {.addr = net_addr(to)};
    struct sok_addr any = {{0}};
    struct sok_tcp_path path;
    if (sok_stack_route(n->lab.stack, &any, &dst, &path) < 0)
        return false;
    *hop = path.next_hop;
    *source = path.source;
    return true;
}

static inline void net_expect_hop(struct net *n, const char *to, const char *hop)
{
    struct sok_addr next = {{0}}, source, want = hop ? net_addr(hop) : next;
    assert_int_equal(net_reaches(n, to, &next, &source), hop != NULL);
    assert_true(!hop || sok_addr_eq(next, want));
}

static inline int64_t net_valid_for(struct net *n, const struct sok_addr *a)
{
    const struct sok_stack_addr *e = sok_addr_entry(n->lab.stack, n->lab.link, a);
    assert_non_null(e);
    return e->valid_until == SOK_TIME_NEVER ? -1 : (e->valid_until - n->lab.now) / SOK_S;
}

#endif
