// IPv4 (RFC 791, RFC 1122 section 3.2.1) both ways, with the checks in the order of the RFC. This is a
// host: nothing is forwarded. Only TCP sets DF (RFC 1191), and its identifications need not be unique (RFC
// 6864 section 4.1); what others send is cut when it is too large for its path. Identifications count up
// for each destination and protocol, from a number nobody knows.
#include "stack/internal.h"

#include <string.h>
#include "base/bytes.h"

// ---- in ----

// A source that cannot be a host's, or that is ours and came over a wire (RFC 1122 section 3.2.1.3).
static bool impossible_source(const struct sok_stack *s, const struct sok_in *in)
{
    uint32_t src = in->ip.src;
    if (src >> 24 == 0 || src >> 28 >= 14)
        return true;
    enum sok_dst_kind kind = sok_dst_kind4(s, src);
    return kind == SOK_DST_BROADCAST || (kind == SOK_DST_OURS && in->link != SOK_STACK_LOCAL);
}

static bool hears_group(const struct sok_stack *s, const struct sok_in *in)
{
    struct sok_addr group = sok_addr_v4(in->ip.dst);
    return sok_group_has(s, in->group_link, &group);
}

// Whether it is for us, and for us alone (in->unicast).
static bool is_for_us(const struct sok_stack *s, struct sok_in *in)
{
    uint32_t dst = in->ip.dst;
    switch (sok_dst_kind4(s, dst)) {
    case SOK_DST_OURS:
        in->unicast = true;
        // Not when sent to all stations (RFC 1122 section 3.3.6), nor loopback from a wire.
        return in->link == SOK_STACK_LOCAL || (in->link_unicast && dst >> 24 != 127);
    case SOK_DST_BROADCAST:
        return true;
    case SOK_DST_MULTICAST:
        // All hosts (RFC 1112 section 4), and what somebody here has joined.
        return dst == 0xe0000001 || hears_group(s, in);
    default:
        in->unicast = s->any;
        return (s->any && in->link_unicast) || sok_dhcp_expects(s, in, in->ip.len);
    }
}

static enum sok_drop header_check(const struct sok_stack *s, struct sok_in *in, uint32_t len)
{
    if (!sok_ip4_get(in->packet, len, &in->ip))
        return SOK_DROP_IP_SHORT;
    enum sok_drop bad = sok_ip4_check(&in->ip, len);
    if (bad != SOK_DROP_NONE)
        return bad;
    in->header_len = 4u * in->ip.ihl;
    in->proto = in->ip.proto;
    in->tos = in->ip.tos;
    in->ttl = in->ip.ttl;
    if (!sok_ip4_verify(in->packet, in->header_len))
        return SOK_DROP_IP_CHECKSUM;
    if (impossible_source(s, in))
        return SOK_DROP_IP_SOURCE;
    if (!is_for_us(s, in))
        return SOK_DROP_IP_NOT_US;
    if (in->header_len > SOK_IP4_HDR_LEN)
        bad = sok_ip4_options_check(in->packet + SOK_IP4_HDR_LEN, in->header_len - SOK_IP4_HDR_LEN);
    return bad;
}

// The packet a fragment completed, in place of the fragment. Its checksums have yet to be verified.
static void deliver_whole(struct sok_stack *s, struct sok_in *in, struct sok_buf *whole)
{
    const struct sok_frame *fragment = in->frame;
    struct sok_frame frame = {.buf = whole, .len = whole->cap};
    in->frame = &frame;
    in->whole = true;
    in->packet = whole->data;
    sok_ip4_hdr_get(in->packet, &in->ip);
    in->header_len = 4u * in->ip.ihl;
    in->data = in->packet + in->header_len;
    in->len = in->ip.len - in->header_len;
    sok_ip_deliver(s, in);
    in->frame = fragment;
    sok_buf_unref(whole);
}

void sok_ip4_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len)
{
    in->packet = p;
    in->out->drop = header_check(s, in, len);
    if (in->out->drop != SOK_DROP_NONE)
        return;
    in->src = sok_addr_v4(in->ip.src);
    in->dst = sok_addr_v4(in->ip.dst);
    in->data = p + in->header_len;
    in->len = in->ip.len - in->header_len; // what follows is the link's padding
    if (in->ip.frag == 0 && !(in->ip.flags & SOK_IP4_MF)) {
        sok_ip_deliver(s, in);
        return;
    }
    struct sok_buf *whole = sok_reassembly_input(s, in);
    if (whole)
        deliver_whole(s, in, whole);
}

// ---- out ----

uint16_t sok_ip4_id(struct sok_stack *s, const struct sok_addr *dst, uint8_t proto, unsigned count)
{
    uint64_t to = (uint64_t)sok_addr_to_v4(*dst) << 8 | proto;
    uint16_t *id = &s->ids[(to * s->id_key) >> 56];
    uint16_t first = *id;
    *id = (uint16_t)(first + count);
    return first;
}

// whole: it is not to be cut.
void sok_ip4_put(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o, bool whole)
{
    struct sok_ip4_hdr ip = {
        .version = 4,
        .ihl = SOK_IP4_HDR_LEN / 4,
        .tos = o->tos,
        .len = (uint16_t)(p->len - SOK_ETH_HDR_LEN),
        .id = sok_ip4_id(s, &o->dst, o->proto, 1),
        .flags = o->df && whole ? SOK_IP4_DF : 0,
        .ttl = o->ttl ? o->ttl : (uint8_t)s->config.ttl,
        .proto = o->proto,
        .src = sok_addr_to_v4(o->src),
        .dst = sok_addr_to_v4(o->dst),
    };
    sok_ip4_hdr_put(p->frame + SOK_ETH_HDR_LEN, &ip);
    sok_ip4_seal(p->frame + SOK_ETH_HDR_LEN, SOK_IP4_HDR_LEN);
}

// RFC 791 section 3.2.
uint32_t sok_ip4_fragment_len(uint32_t mtu)
{
    return (mtu - SOK_IP4_HDR_LEN) & ~7u;
}

struct sok_packet *sok_ip4_fragment(
    struct sok_stack *s, const struct sok_packet *whole, uint32_t at, uint32_t len)
{
    uint32_t head = SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN;
    struct sok_packet *p = sok_outgoing_new(s, head + len);
    if (!p)
        return NULL;
    memcpy(p->frame, whole->frame, head);
    memcpy(p->frame + head, whole->frame + head + at, len);
    uint8_t *ip = p->frame + SOK_ETH_HDR_LEN;
    bool more = head + at + len < whole->len;
    sok_put16(ip + 2, (uint16_t)(SOK_IP4_HDR_LEN + len));
    sok_put16(ip + 6, (uint16_t)((more ? SOK_IP4_MF << 13 : 0) | at / 8));
    sok_ip4_seal(ip, SOK_IP4_HDR_LEN);
    return p;
}
