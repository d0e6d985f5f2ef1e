// IPv4 (RFC 791, RFC 1122 section 3.2.1) both ways, with the checks in the order of the RFC. This is a
// host: nothing is forwarded. Only TCP sets DF (RFC 1191), and its identifications need not be unique (RFC
// 6864 section 4.1); what others send is cut when it is too large for its path. Identifications count up
// for each destination and protocol, from a number nobody knows.
#include "stack/internal.h"

#include <string.h>
#include "base/bytes.h"
#include "wire/igmp.h"

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

static void tcp_input(struct sok_stack *s, struct sok_in *in)
{
    const struct sok_frame *f = in->frame;
    struct sok_tcp_arrival arrival = {
        .from = {.addr = in->src},
        .to = {.addr = in->dst},
        .segment = {f->buf, (uint32_t)(in->data - f->buf->data), in->len},
        .gso_size = f->meta.gso ? f->meta.gso_size : 0,
        .link = in->link,
        .tos = in->ip.tos,
        .csum_valid = f->meta.csum_valid,
        .unicast = in->unicast,
    };
    in->counted = true;
    sok_tcp_input(s->tcp, &arrival, in->now, in->out);
}

// What became of a datagram that is for raw sockets alone.
static void taken_raw(struct sok_in *in, const struct sok_raw_taken *raw)
{
    in->counted = true;
    in->out->conn = raw->conn;
    in->out->drop = raw->conn ? SOK_DROP_NONE : raw->drop;
    if (raw->conn)
        in->out->effects |= SOK_EFFECT_DELIVERED;
}

// Messages of which the stack itself makes nothing.
static bool is_no_news(enum sok_drop drop)
{
    return drop == SOK_DROP_ICMP_TYPE || drop == SOK_DROP_ICMP_QUOTE || drop == SOK_DROP_ICMP_MTU ||
           drop == SOK_DROP_ICMP_NOBODY;
}

static void deliver(struct sok_stack *s, struct sok_in *in)
{
    struct sok_raw_taken raw = {0};
    if (s->raws)
        raw = sok_raw_input(s, in);
    switch (in->ip.proto) {
    case SOK_IPPROTO_TCP:
        tcp_input(s, in);
        break;
    case SOK_IPPROTO_UDP:
        sok_udp_input(s, in);
        break;
    case SOK_IPPROTO_IGMP:
        sok_igmp_input(s, in);
        if (raw.wanted && in->out->drop == SOK_DROP_IGMP_NOT_US)
            taken_raw(in, &raw);
        break;
    case SOK_IPPROTO_ICMP:
        sok_icmp_input(s, in);
        if (raw.wanted && is_no_news(in->out->drop))
            taken_raw(in, &raw);
        break;
    default:
        if (raw.wanted) {
            taken_raw(in, &raw);
            break;
        }
        in->out->drop = SOK_DROP_IP_PROTOCOL;
        sok_icmp_answer(s, in, SOK_ICMP_UNREACHABLE, SOK_ICMP_PROTOCOL, SOK_REASON_ICMP_PROTO);
        break;
    }
}

// The packet a fragment completed, in place of the fragment. Its checksums have yet to be verified.
static void deliver_whole(struct sok_stack *s, struct sok_in *in, struct sok_buf *whole)
{
    const struct sok_frame *fragment = in->frame;
    struct sok_frame frame = {.buf = whole, .len = whole->cap};
    in->frame = &frame;
    in->packet = whole->data;
    sok_ip4_hdr_get(in->packet, &in->ip);
    in->header_len = 4u * in->ip.ihl;
    in->data = in->packet + in->header_len;
    in->len = in->ip.len - in->header_len;
    deliver(s, in);
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
        deliver(s, in);
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

struct sok_packet *sok_ip4_new(struct sok_stack *s, uint32_t len, uint8_t **data)
{
    uint32_t head = SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN;
    struct sok_packet *p = sok_packet_new(s, head + len);
    if (!p) {
        sok_stack_drop(s, SOK_DROP_NO_MEMORY);
        return NULL;
    }
    *data = p->frame + head;
    return p;
}

static void put_link_header(struct sok_stack *s, struct sok_packet *p)
{
    struct sok_eth_hdr eth = {.type = SOK_ETHERTYPE_IP4};
    memcpy(eth.src, s->links[p->link]->info.mac, 6);
    sok_eth_hdr_put(p->frame, &eth);
}

static void put_ip_header(struct sok_stack *s, struct sok_packet *p, const struct sok_ip4_out *o)
{
    struct sok_ip4_hdr ip = {
        .version = 4,
        .ihl = SOK_IP4_HDR_LEN / 4,
        .tos = o->tos,
        .len = (uint16_t)(p->len - SOK_ETH_HDR_LEN),
        .id = sok_ip4_id(s, &o->dst, o->proto, 1),
        .ttl = o->ttl ? o->ttl : (uint8_t)s->config.ttl,
        .proto = o->proto,
        .src = sok_addr_to_v4(o->src),
        .dst = sok_addr_to_v4(o->dst),
    };
    sok_ip4_hdr_put(p->frame + SOK_ETH_HDR_LEN, &ip);
    sok_ip4_seal(p->frame + SOK_ETH_HDR_LEN, SOK_IP4_HDR_LEN);
}

// The Ethernet address of a destination that needs no asking (RFC 1112 section 6.4); false: it does.
static bool known_mac(
    const struct sok_stack *s, uint8_t link, const struct sok_addr *dst, uint8_t mac[6])
{
    uint32_t v4 = sok_addr_to_v4(*dst);
    enum sok_dst_kind kind = sok_dst_kind4(s, v4);
    if (link == SOK_STACK_LOCAL) {
        memcpy(mac, s->links[link]->info.mac, 6);
    } else if (kind == SOK_DST_BROADCAST) {
        memset(mac, 0xff, 6);
    } else if (kind == SOK_DST_MULTICAST) {
        sok_put24(mac, 0x01005e);
        sok_put24(mac + 3, v4 & 0x7fffff);
    } else {
        return false;
    }
    return true;
}

static void leave(
    struct sok_stack *s, struct sok_packet *p, const struct sok_addr *dst, int64_t now)
{
    struct sok_stack_link *l = s->links[p->link];
    if (!sok_link_has_stations(l) || known_mac(s, p->link, dst, p->frame))
        sok_packet_push(&l->packets, p);
    else
        sok_neighbour_send(s, p, now);
}

// Bytes of data in each fragment but the last.
static uint32_t fragment_len(uint32_t mtu)
{
    return (mtu - SOK_IP4_HDR_LEN) & ~7u;
}

// One fragment of `whole`, whose headers are complete. NULL: no memory.
static struct sok_packet *fragment_of(
    struct sok_stack *s, const struct sok_packet *whole, uint32_t at, uint32_t len)
{
    uint32_t head = SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN;
    struct sok_packet *p = sok_packet_new(s, head + len);
    if (!p)
        return NULL;
    p->link = whole->link;
    p->next_hop = whole->next_hop;
    p->reason = whole->reason;
    p->conn = whole->conn;
    memcpy(p->frame, whole->frame, head);
    memcpy(p->frame + head, whole->frame + head + at, len);
    uint8_t *ip = p->frame + SOK_ETH_HDR_LEN;
    bool more = head + at + len < whole->len;
    sok_put16(ip + 2, (uint16_t)(SOK_IP4_HDR_LEN + len));
    sok_put16(ip + 6, (uint16_t)((more ? SOK_IP4_MF << 13 : 0) | at / 8));
    sok_ip4_seal(ip, SOK_IP4_HDR_LEN);
    return p;
}

// RFC 791 section 3.2. Without memory some fragments are missing, as if lost on the wire.
static void leave_in_fragments(struct sok_stack *s, struct sok_packet *p,
    const struct sok_addr *dst, uint32_t mtu, int64_t now)
{
    uint32_t data = p->len - SOK_ETH_HDR_LEN - SOK_IP4_HDR_LEN, each = fragment_len(mtu);
    for (uint32_t at = 0; at < data; at += each) {
        struct sok_packet *f = fragment_of(s, p, at, data - at < each ? data - at : each);
        if (f)
            leave(s, f, dst, now);
        else
            sok_stack_drop(s, SOK_DROP_NO_MEMORY);
    }
    sok_packet_free(s, p);
}

// What p needs before its IP header; a packet that is refused is freed.
static int begin(struct sok_stack *s, struct sok_packet *p, const struct sok_ip4_out *o,
    const struct sok_tcp_path *path, int refused)
{
    if (refused < 0) {
        sok_packet_free(s, p);
        return refused;
    }
    p->link = path->link;
    p->next_hop = path->next_hop;
    p->reason = o->reason;
    p->conn = o->conn;
    put_link_header(s, p);
    return 0;
}

int sok_ip4_send(struct sok_stack *s, struct sok_packet *p, const struct sok_ip4_out *o,
    const struct sok_tcp_path *path, int64_t now)
{
    struct sok_stack_link *l = s->links[path->link];
    uint32_t len = p->len - SOK_ETH_HDR_LEN, mtu = sok_tcp_path_mtu(path), count = 1;
    uint64_t max = (uint64_t)s->config.out_queue_max;
    int result = 0;
    if (len > mtu)
        count = (len - SOK_IP4_HDR_LEN + fragment_len(mtu) - 1) / fragment_len(mtu);
    if (len > SOK_IP4_PACKET_MAX || count > max)
        result = SOK_EMSGSIZE;
    else if (l->packets.count + count > max)
        result = SOK_EAGAIN;
    result = begin(s, p, o, path, result);
    if (result < 0)
        return result;
    put_ip_header(s, p, o);
    if (count > 1)
        leave_in_fragments(s, p, &o->dst, mtu, now);
    else
        leave(s, p, &o->dst, now);
    return 0;
}

int sok_ip4_send_given(struct sok_stack *s, struct sok_packet *p, const struct sok_ip4_out *o,
    const struct sok_tcp_path *path, int64_t now)
{
    bool full = s->links[path->link]->packets.count >= (uint64_t)s->config.out_queue_max;
    int result = begin(s, p, o, path, full ? SOK_EAGAIN : 0);
    if (result < 0)
        return result;
    p->given = true;
    leave(s, p, &o->dst, now);
    return 0;
}
