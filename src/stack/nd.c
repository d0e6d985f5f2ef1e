// Neighbour discovery between hosts (RFC 4861 section 7): what is asked, answered and believed. Who is known is in
// neighbour.c, whether an address is somebody's in dad.c. A message counts only with hop limit 255, so that no
// router has handed it on, and never in fragments (RFC 6980).
#include "stack/internal.h"

#include <string.h>
#include "base/bytes.h"
#include "stack/dad.h"
#include "wire/ip6.h"

#define ND_HOP_LIMIT 255

static const struct sok_addr all_nodes = {{0xff, 2, [15] = 1}};

// ---- out ----

// A message with room for its options, behind the headers of Ethernet and IPv6. NULL: there is no room for it.
static struct sok_packet *begin(struct sok_stack *s, uint8_t link, uint32_t len, uint8_t **message)
{
    if (s->links[link]->arp.count >= (uint64_t)s->config.out_queue_max) {
        sok_stack_drop(s, SOK_DROP_OUT_QUEUE);
        return NULL;
    }
    struct sok_packet *p = sok_outgoing_new(s, SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN + len);
    if (!p) {
        sok_stack_drop(s, SOK_DROP_NO_MEMORY);
        return NULL;
    }
    p->link = link;
    *message = p->frame + SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN;
    return p;
}

// len: of the message. mac NULL: that of the group, or found by the table of neighbours.
static void finish(struct sok_stack *s, struct sok_packet *p, uint32_t len,
    const struct sok_addr *src, const struct sok_addr *dst, const uint8_t *mac,
    enum sok_reason reason)
{
    struct sok_stack_link *l = s->links[p->link];
    struct sok_eth_hdr eth = {.type = SOK_ETHERTYPE_IP6};
    struct sok_ip6_hdr ip = {
        .version = 6, .plen = (uint16_t)len, .nh = SOK_IPPROTO_ICMP6, .hlim = ND_HOP_LIMIT};
    memcpy(ip.src, src->b, 16);
    memcpy(ip.dst, dst->b, 16);
    p->len = SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN + len;
    p->reason = (uint8_t)reason;
    p->next_hop = *dst;
    sok_icmp6_seal(p->frame + SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN, len, src, dst);
    sok_ip6_hdr_put(p->frame + SOK_ETH_HDR_LEN, &ip);
    memcpy(eth.src, l->info.mac, 6);
    if (mac) {
        memcpy(eth.dst, mac, 6);
    } else if (sok_addr_is_multicast(*dst)) {
        sok_group_mac(dst, eth.dst);
    }
    sok_eth_hdr_put(p->frame, &eth);
    if (mac || sok_addr_is_multicast(*dst) || !sok_link_has_stations(l))
        sok_outgoing_push(&l->arp, p);
    else
        sok_neighbour_send(s, p, s->now);
}

// An option with our own link address, where the link has such.
static uint32_t put_mac(const struct sok_stack *s, uint8_t link, uint8_t *p, uint8_t kind)
{
    const struct sok_stack_link *l = s->links[link];
    return sok_link_has_stations(l) ? (uint32_t)sok_nd_put_link(p, kind, l->info.mac) : 0;
}

static uint32_t put_solicitation(uint8_t *message, const struct sok_addr *target)
{
    struct sok_nd_ns_hdr h = {.type = SOK_ICMP6_NS};
    memcpy(h.tgt, target->b, 16);
    sok_nd_ns_hdr_put(message, &h);
    return SOK_ND_NS_LEN;
}

void sok_nd_ask(struct sok_stack *s, uint8_t link, const struct sok_addr *addr, const uint8_t *mac,
    enum sok_reason reason)
{
    struct sok_addr source = sok_source_for(s, link, addr), group = sok_addr_solicited(addr);
    uint8_t *message;
    if (sok_addr_is_any(source)) // our address is gone: without one this would be a probe
        return;
    struct sok_packet *p = begin(s, link, SOK_ND_NS_LEN + SOK_ND_OPT_LINK_LEN, &message);
    if (!p)
        return;
    uint32_t len = put_solicitation(message, addr);
    len += put_mac(s, link, message + len, SOK_ND_OPT_SOURCE);
    finish(s, p, len, &source, mac ? addr : &group, mac, reason);
}

// dst any: all nodes; mac NULL: as finish() says. Not a router; overrides what others think (our addresses are
// nobody else's).
static void advertise(struct sok_stack *s, uint8_t link, const struct sok_addr *addr,
    const struct sok_addr *dst, const uint8_t *mac, enum sok_reason reason)
{
    bool solicited = !sok_addr_is_any(*dst);
    struct sok_nd_na_hdr h = {.type = SOK_ICMP6_NA, .S = solicited, .O = 1};
    uint8_t *message;
    struct sok_packet *p = begin(s, link, SOK_ND_NA_LEN + SOK_ND_OPT_LINK_LEN, &message);
    if (!p)
        return;
    memcpy(h.tgt, addr->b, 16);
    sok_nd_na_hdr_put(message, &h);
    uint32_t len = SOK_ND_NA_LEN;
    len += put_mac(s, link, message + len, SOK_ND_OPT_TARGET);
    finish(s, p, len, addr, solicited ? dst : &all_nodes, mac, reason);
}

void sok_nd_announce(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, enum sok_reason reason)
{
    struct sok_addr nobody = {{0}};
    advertise(s, link, addr, &nobody, NULL, reason);
}

// ---- in ----

// The link address in an option, which has to be one station's, and not our own. False: none that counts.
static bool station_in(
    const struct sok_stack *s, const struct sok_in *in, uint8_t kind, uint8_t mac[6])
{
    static const uint8_t none[6];
    return sok_nd_link_addr(in->data, in->len, kind, mac) && !sok_mac_is_group(mac) &&
           memcmp(mac, none, 6) != 0 && memcmp(mac, s->links[in->link]->info.mac, 6) != 0;
}

static bool is_ours_here(const struct sok_stack *s, uint8_t link, const struct sok_addr *a)
{
    for (unsigned i = 0; i < s->addr_count; i++)
        if (s->addrs[i].link == link && sok_addr_eq(s->addrs[i].addr, *a))
            return true;
    return false;
}

// Section 7.1.1: who has no address yet asks the group, and says no link address.
static bool is_valid_probe(const struct sok_in *in, const struct sok_addr *target)
{
    struct sok_addr group = sok_addr_solicited(target);
    uint8_t mac[6];
    return sok_addr_eq(in->dst, group) &&
           !sok_nd_link_addr(in->data, in->len, SOK_ND_OPT_SOURCE, mac);
}

// Section 7.2.3 and 7.2.4.
static enum sok_drop solicitation(
    struct sok_stack *s, struct sok_in *in, const struct sok_addr *target)
{
    uint8_t mac[6];
    bool probe = sok_addr_is_any(in->src);
    if (probe && !is_valid_probe(in, target))
        return SOK_DROP_ND_MALFORMED;
    if (!is_ours_here(s, in->link, target))
        return SOK_DROP_ND_NOT_US;
    bool has = !probe && station_in(s, in, SOK_ND_OPT_SOURCE, mac);
    if (has && sok_addr_on_link(s, in->link, &in->src) &&
        sok_neighbour_told(s, in->link, &in->src, mac, in->now))
        in->out->effects |= SOK_EFFECT_LEARNED;
    // Straight to who asks: an answer is no use of the neighbour, or a flood of them would push out those in use.
    advertise(s, in->link, target, &in->src, has ? mac : NULL, SOK_REASON_ARP_REPLY);
    in->out->effects |= SOK_EFFECT_ANSWERED;
    return SOK_DROP_NONE;
}

static enum sok_drop advertisement(
    struct sok_stack *s, struct sok_in *in, const struct sok_addr *target)
{
    struct sok_nd_na_hdr h;
    uint8_t mac[6];
    sok_nd_na_hdr_get(in->data, &h);
    if (h.S && sok_addr_is_multicast(in->dst)) // section 7.1.2
        return SOK_DROP_ND_MALFORMED;
    if (is_ours_here(s, in->link, target))
        return SOK_DROP_ND_CONFLICT;
    bool has = station_in(s, in, SOK_ND_OPT_TARGET, mac);
    if (!sok_neighbour_advertised(s, in->link, target, has ? mac : NULL, h.S, h.O, in->now))
        return SOK_DROP_ND_NOT_US;
    in->out->effects |= SOK_EFFECT_LEARNED;
    return SOK_DROP_NONE;
}

enum sok_drop sok_nd_input(struct sok_stack *s, struct sok_in *in)
{
    struct sok_nd_ns_hdr h; // begins as an advertisement does
    struct sok_addr target;
    if (in->ttl != ND_HOP_LIMIT || in->whole || in->link == SOK_STACK_LOCAL ||
        !sok_nd_check(in->data, in->len))
        return SOK_DROP_ND_MALFORMED;
    sok_nd_ns_hdr_get(in->data, &h);
    memcpy(target.b, h.tgt, 16);
    if (sok_addr_is_multicast(target) || sok_addr_is_any(target) || sok_addr_is_v4(target))
        return SOK_DROP_ND_MALFORMED;
    size_t nonce_len;
    const uint8_t *nonce =
        sok_nd_option(in->data, in->len, SOK_ND_OPT_NONCE, SOK_ND_NONCE_LEN, &nonce_len);
    if (sok_dad_heard(s, in, &target, h.type == SOK_ICMP6_NA, nonce))
        return SOK_DROP_ND_CONFLICT;
    return h.type == SOK_ICMP6_NS ? solicitation(s, in, &target) : advertisement(s, in, &target);
}
