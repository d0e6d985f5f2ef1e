// ARP (RFC 826): what comes in, and what is asked. Who is known is in neighbour.c.
//
// A claim about an address is believed as little as possible: a reply that nobody asked for changes only
// what is already known, never what is being asked for; a new neighbour is learned from a request to us.
#include "stack/internal.h"

#include <string.h>

static const uint8_t broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void arp_send(struct sok_stack *s, uint8_t link, const uint8_t dst[6],
    const struct sok_arp_hdr *h, enum sok_reason reason)
{
    struct sok_stack_link *l = s->links[link];
    if (l->arp.count >= (uint64_t)s->config.out_queue_max) {
        sok_stack_drop(s, SOK_DROP_OUT_QUEUE);
        return;
    }
    struct sok_packet *p = sok_outgoing_new(s, SOK_ETH_HDR_LEN + SOK_ARP_HDR_LEN);
    if (!p) {
        sok_stack_drop(s, SOK_DROP_NO_MEMORY);
        return;
    }
    struct sok_eth_hdr eth = {.type = SOK_ETHERTYPE_ARP};
    memcpy(eth.dst, dst, 6);
    memcpy(eth.src, l->info.mac, 6);
    sok_eth_hdr_put(p->frame, &eth);
    sok_arp_hdr_put(p->frame + SOK_ETH_HDR_LEN, h);
    p->link = link;
    p->reason = (uint8_t)reason;
    sok_outgoing_push(&l->arp, p);
}

void sok_arp_ask(struct sok_stack *s, uint8_t link, const struct sok_addr *addr, const uint8_t *mac,
    enum sok_reason reason)
{
    struct sok_arp_hdr h = sok_arp_hdr_default();
    struct sok_addr source = sok_source_for(s, link, addr);
    if (sok_addr_is_any(source)) // our address is gone: without one this would be a probe
        return;
    h.op = SOK_ARP_REQUEST;
    memcpy(h.hwsrc, s->links[link]->info.mac, 6);
    h.psrc = sok_addr_to_v4(source);
    h.pdst = sok_addr_to_v4(*addr);
    arp_send(s, link, mac ? mac : broadcast_mac, &h, reason);
}

void sok_arp_probe(struct sok_stack *s, uint8_t link, const struct sok_addr *addr)
{
    struct sok_arp_hdr h = sok_arp_hdr_default();
    h.op = SOK_ARP_REQUEST;
    memcpy(h.hwsrc, s->links[link]->info.mac, 6);
    h.pdst = sok_addr_to_v4(*addr);
    arp_send(s, link, broadcast_mac, &h, SOK_REASON_ARP_PROBE);
}

void sok_arp_announce(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, enum sok_reason reason)
{
    struct sok_arp_hdr h = sok_arp_hdr_default();
    h.op = SOK_ARP_REQUEST;
    memcpy(h.hwsrc, s->links[link]->info.mac, 6);
    h.psrc = h.pdst = sok_addr_to_v4(*addr);
    arp_send(s, link, broadcast_mac, &h, reason);
}

static void arp_answer(struct sok_stack *s, struct sok_in *in, const struct sok_arp_hdr *asked)
{
    struct sok_arp_hdr h = sok_arp_hdr_default();
    h.op = SOK_ARP_REPLY;
    memcpy(h.hwsrc, s->links[in->link]->info.mac, 6);
    h.psrc = asked->pdst;
    memcpy(h.hwdst, asked->hwsrc, 6);
    h.pdst = asked->psrc;
    arp_send(s, in->link, asked->hwsrc, &h, SOK_REASON_ARP_REPLY);
    in->out->effects |= SOK_EFFECT_ANSWERED;
}

// A hardware address that can be one station's.
static bool is_station(const struct sok_stack *s, uint8_t link, const uint8_t mac[6])
{
    static const uint8_t none[6];
    return !sok_mac_is_group(mac) && memcmp(mac, none, 6) != 0 &&
           memcmp(mac, s->links[link]->info.mac, 6) != 0;
}

// Addresses are answered on the link they are on only, so that nobody learns of other networks.
static bool is_ours_here(const struct sok_stack *s, uint8_t link, uint32_t v4)
{
    for (unsigned i = 0; i < s->addr_count; i++)
        if (s->addrs[i].link == link && sok_addr_to_v4(s->addrs[i].addr) == v4)
            return true;
    return false;
}

static enum sok_drop arp_take(struct sok_stack *s, struct sok_in *in, const struct sok_arp_hdr *h)
{
    if (!is_station(s, in->link, h->hwsrc))
        return SOK_DROP_ARP_MALFORMED;
    if (sok_acd_heard(s, in, h))
        return SOK_DROP_ARP_CONFLICT;
    if (h->psrc != 0 && sok_dst_kind4(s, h->psrc) == SOK_DST_OURS)
        return SOK_DROP_ARP_CONFLICT;
    bool to_us = is_ours_here(s, in->link, h->pdst);
    bool request = h->op == SOK_ARP_REQUEST;
    struct sok_addr psrc = sok_addr_v4(h->psrc);
    // A probe (RFC 5227) has no sender address, and there is nothing to learn from it.
    if (h->psrc != 0) {
        if (sok_dst_kind4(s, h->psrc) != SOK_DST_OTHER)
            return SOK_DROP_ARP_MALFORMED;
        enum sok_neighbour_how how = !to_us             ? SOK_NEIGHBOUR_HEARD
                                     : request          ? SOK_NEIGHBOUR_ASKED_US
                                     : in->link_unicast ? SOK_NEIGHBOUR_ANSWERED
                                                        : SOK_NEIGHBOUR_HEARD;
        if (sok_addr_on_link(s, in->link, &psrc) &&
            sok_neighbour_learn(s, in->link, &psrc, h->hwsrc, how, in->now))
            in->out->effects |= SOK_EFFECT_LEARNED;
    }
    if (to_us && request)
        arp_answer(s, in, h);
    return in->out->effects ? SOK_DROP_NONE : SOK_DROP_ARP_NOT_US;
}

void sok_arp_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len)
{
    struct sok_arp_hdr h;
    if (in->link == SOK_STACK_LOCAL || !sok_arp_get(p, len, &h))
        in->out->drop = SOK_DROP_ARP_MALFORMED;
    else
        in->out->drop = sok_arp_check(&h);
    if (in->out->drop == SOK_DROP_NONE)
        in->out->drop = arp_take(s, in, &h);
}
