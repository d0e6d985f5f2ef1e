// IPv6 (RFC 8200) both ways. In: the checks in the order of the RFC, the extension headers, then as IPv4 (ip.c). A
// packet put together from fragments has its extension headers looked at again, those behind the fragment header
// for the first time. Out: only the source cuts a packet that is too large for its way (section 4.5); no way takes less than
// 1280 bytes whole (section 5).
#include "stack/internal.h"

#include <string.h>
#include "base/bytes.h"
#include "base/siphash.h"

// Extension headers of one packet that are looked at; who sends more wants to keep us busy (RFC 8504 section 5.3).
#define EXTENSIONS_MAX 8

// ---- in ----

static void refuse(
    struct sok_stack *s, const struct sok_in *in, uint8_t type, uint8_t code, uint32_t at)
{
    sok_icmp6_answer(s, in, type, code, at, SOK_REASON_ICMP_PARAMETER);
}

static bool is_v4_mapped(const struct sok_addr *a)
{
    return sok_addr_is_v4(*a);
}

// RFC 4291 sections 2.5.3, 2.5.5.2 and 2.7; ours, from a wire, can only be made up.
static bool impossible_source(const struct sok_stack *s, const struct sok_in *in)
{
    const struct sok_addr *src = &in->src;
    if (sok_addr_is_multicast(*src) || is_v4_mapped(src))
        return true;
    if (in->link == SOK_STACK_LOCAL)
        return false;
    return (sok_addr_is_loopback(*src) && !s->loopback_out) ||
           (!sok_addr_is_any(*src) && sok_dst_kind(s, in->link, src) == SOK_DST_OURS);
}

// Groups of scope 0 are no groups, those of scope 1 never leave a node (RFC 4291 section 2.7). All nodes is joined
// by everybody.
static bool hears_group(const struct sok_stack *s, const struct sok_in *in)
{
    static const struct sok_addr all_nodes = {{0xff, 2, [15] = 1}};
    uint8_t scope = in->dst.b[1] & 15;
    if (scope == 0 || (scope == 1 && in->link != SOK_STACK_LOCAL))
        return false;
    return sok_addr_eq(in->dst, all_nodes) || sok_group_has(s, in->group_link, &in->dst);
}

static bool is_for_us(const struct sok_stack *s, struct sok_in *in)
{
    if (is_v4_mapped(&in->dst) || sok_addr_is_any(in->dst))
        return false;
    switch (sok_dst_kind(s, in->link, &in->dst)) {
    case SOK_DST_OURS:
        in->unicast = true;
        return in->link == SOK_STACK_LOCAL || (in->link_unicast && !sok_addr_is_loopback(in->dst));
    case SOK_DST_MULTICAST:
        return hears_group(s, in);
    default:
        in->unicast = s->any;
        return s->any && in->link_unicast;
    }
}

static enum sok_drop header_check(const struct sok_stack *s, struct sok_in *in, uint32_t len)
{
    struct sok_ip6_hdr h;
    if (!sok_ip6_get(in->packet, len, &h))
        return SOK_DROP_IP_SHORT;
    enum sok_drop bad = sok_ip6_check(&h, len);
    if (bad != SOK_DROP_NONE)
        return bad;
    in->v6 = true;
    in->src = sok_ip6_src(&h);
    in->dst = sok_ip6_dst(&h);
    in->tos = h.tc;
    in->ttl = h.hlim;
    in->header_len = SOK_IP6_HDR_LEN;
    in->data = in->packet + SOK_IP6_HDR_LEN;
    in->len = h.plen; // what follows is the link's padding
    if (impossible_source(s, in))
        return SOK_DROP_IP_SOURCE;
    return is_for_us(s, in) ? SOK_DROP_NONE : SOK_DROP_IP_NOT_US;
}

// An option that is not known: its two highest bits say what is to become of the packet (section 4.2).
static enum sok_drop unknown_option(
    struct sok_stack *s, const struct sok_in *in, uint8_t kind, uint32_t at)
{
    if (kind >> 6 == 0)
        return SOK_DROP_NONE;
    if (kind >> 6 == 2 || (kind >> 6 == 3 && !sok_addr_is_multicast(in->dst)))
        refuse(s, in, SOK_ICMP6_PARAMETER, SOK_ICMP6_OPTION, at);
    return SOK_DROP_IP_EXTENSION;
}

// Those in hop-by-hop and destination headers. Only padding and, hop by hop, the router alert (RFC 2711) are known:
// there are no jumbograms here (RFC 2675).
static enum sok_drop options_check(
    struct sok_stack *s, const struct sok_in *in, const struct sok_ip6_ext *e)
{
    enum { PAD1, PADN, ROUTER_ALERT = 5 };
    size_t at = e->at + 2, end = e->at + e->len;
    while (at < end) {
        const uint8_t *p = in->packet + at;
        if (p[0] == PAD1) {
            at++;
            continue;
        }
        if (end - at < 2 || p[1] + 2u > end - at)
            return SOK_DROP_IP_EXTENSION;
        bool known = p[0] == PADN || (p[0] == ROUTER_ALERT && e->kind == SOK_IP6_HOP);
        enum sok_drop bad = known ? SOK_DROP_NONE : unknown_option(s, in, p[0], (uint32_t)at);
        if (bad != SOK_DROP_NONE)
            return bad;
        at += p[1] + 2u;
    }
    return SOK_DROP_NONE;
}

// field: where the number of this header stands.
static enum sok_drop extension_check(
    struct sok_stack *s, const struct sok_in *in, const struct sok_ip6_ext *e, size_t field)
{
    switch (e->kind) {
    case SOK_IP6_HOP:
        if (e->at == SOK_IP6_HDR_LEN)
            return options_check(s, in, e);
        refuse(s, in, SOK_ICMP6_PARAMETER, SOK_ICMP6_NEXT, (uint32_t)field); // section 4.1
        return SOK_DROP_IP_EXTENSION;
    case SOK_IP6_DEST:
        return options_check(s, in, e);
    case SOK_IP6_ROUTING: // segments left: none is ours to pass on (section 4.4, RFC 5095)
        if (in->packet[e->at + 3] == 0)
            return SOK_DROP_NONE;
        refuse(s, in, SOK_ICMP6_PARAMETER, SOK_ICMP6_FIELD, (uint32_t)e->at + 2);
        return SOK_DROP_IP_EXTENSION;
    default:
        return SOK_DROP_NONE;
    }
}

// Passes the extension headers over. walk->fragment: what follows is a part only.
static enum sok_drop extensions_check(
    struct sok_stack *s, struct sok_in *in, struct sok_ip6_walk *walk)
{
    struct sok_ip6_ext e;
    for (unsigned count = 0; !walk->fragment && sok_ip6_next(walk, &e); count++) {
        enum sok_drop bad = count < EXTENSIONS_MAX ? extension_check(s, in, &e, walk->before)
                                                   : SOK_DROP_IP_EXTENSION;
        if (bad != SOK_DROP_NONE)
            return bad;
    }
    return walk->cut ? SOK_DROP_IP_EXTENSION : SOK_DROP_NONE;
}

static void packet_input(struct sok_stack *s, struct sok_in *in, uint32_t len);

// The packet a fragment completed, in place of the fragment. Its checksums have yet to be verified.
static void deliver_whole(struct sok_stack *s, struct sok_in *in, struct sok_buf *whole)
{
    const struct sok_frame *fragment = in->frame;
    struct sok_frame frame = {.buf = whole, .len = whole->cap};
    in->frame = &frame;
    in->whole = true;
    in->packet = whole->data;
    packet_input(s, in, whole->cap);
    in->frame = fragment;
    sok_buf_unref(whole);
}

// len: of the packet, from its header on.
static void packet_input(struct sok_stack *s, struct sok_in *in, uint32_t len)
{
    struct sok_ip6_walk walk = sok_ip6_walk(in->packet, len);
    in->out->drop = extensions_check(s, in, &walk);
    if (in->out->drop != SOK_DROP_NONE)
        return;
    in->proto = walk.next;
    in->field = (uint32_t)walk.field;
    in->header_len = (uint32_t)walk.at;
    in->data = in->packet + walk.at;
    in->len = len - in->header_len;
    if (walk.fragment) {
        struct sok_buf *whole = sok_reassembly6_input(s, in, &walk);
        if (whole)
            deliver_whole(s, in, whole);
    } else if (in->proto == SOK_IP6_NONE) { // section 4.7
        in->out->drop = SOK_DROP_IP_EMPTY;
    } else {
        sok_ip_deliver(s, in);
    }
}

void sok_ip6_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len)
{
    in->packet = p;
    in->out->drop = header_check(s, in, len);
    if (in->out->drop == SOK_DROP_NONE)
        packet_input(s, in, SOK_IP6_HDR_LEN + in->len);
}

// ---- out ----

uint32_t sok_ip6_label(const struct sok_stack *s, const struct sok_endpoint *from,
    const struct sok_endpoint *to, uint8_t proto)
{
    uint8_t key[37];
    memcpy(key, from->addr.b, 16);
    memcpy(key + 16, to->addr.b, 16);
    sok_put16(key + 32, from->port);
    sok_put16(key + 34, to->port);
    key[36] = proto;
    uint32_t label = (uint32_t)sok_siphash(s->hash_key, key, sizeof(key)) & 0xfffff;
    return label ? label : 1; // 0 would say that there is none
}

uint8_t sok_ip6_hops(const struct sok_stack *s, uint8_t link)
{
    uint8_t said = s->links[link]->ip6_hop_limit;
    return said ? said : (uint8_t)s->config.ttl;
}

void sok_ip6_put(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o)
{
    struct sok_endpoint from = {.addr = o->src}, to = {.addr = o->dst};
    struct sok_ip6_hdr ip = {
        .version = 6,
        .tc = o->tos,
        .fl = sok_ip6_label(s, &from, &to, o->proto),
        .plen = (uint16_t)(p->len - SOK_ETH_HDR_LEN - SOK_IP6_HDR_LEN),
        .nh = o->proto,
        .hlim = o->ttl ? o->ttl : sok_ip6_hops(s, p->link),
    };
    memcpy(ip.src, o->src.b, 16);
    memcpy(ip.dst, o->dst.b, 16);
    sok_ip6_hdr_put(p->frame + SOK_ETH_HDR_LEN, &ip);
}

uint32_t sok_ip6_fragment_len(uint32_t mtu)
{
    return (mtu - SOK_IP6_HDR_LEN - SOK_IP6_FRAG_LEN) & ~7u;
}

struct sok_packet *sok_ip6_fragment(
    struct sok_stack *s, const struct sok_packet *whole, uint32_t id, uint32_t at, uint32_t len)
{
    uint32_t head = SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN;
    struct sok_packet *p = sok_outgoing_new(s, head + SOK_IP6_FRAG_LEN + len);
    if (!p)
        return NULL;
    memcpy(p->frame, whole->frame, head);
    uint8_t *ip = p->frame + SOK_ETH_HDR_LEN;
    struct sok_ip6_frag_hdr h = {
        .nh = ip[6],
        .offset = (uint16_t)(at / 8),
        .m = head + at + len < whole->len,
        .id = id,
    };
    sok_put16(ip + 4, (uint16_t)(SOK_IP6_FRAG_LEN + len));
    ip[6] = SOK_IP6_FRAG;
    sok_ip6_frag_hdr_put(ip + SOK_IP6_HDR_LEN, &h);
    memcpy(ip + SOK_IP6_HDR_LEN + SOK_IP6_FRAG_LEN, whole->frame + head + at, len);
    return p;
}
