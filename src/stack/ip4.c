// IPv4 (RFC 791, RFC 1122 section 3.2.1) both ways, with the checks in the order of the RFC. This is a
// host: nothing is forwarded. Packets are sent with DF set, so identifications need not be unique (RFC
// 6864 section 4.1); they count up for each destination, which receivers that coalesce like to see.
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
    enum sok_dst_kind kind = sok_dst_kind(s, src);
    return kind == SOK_DST_BROADCAST || (kind == SOK_DST_OURS && in->link != SOK_STACK_LOCAL);
}

// Whether it is for us, and for us alone (in->unicast).
static bool is_for_us(const struct sok_stack *s, struct sok_in *in)
{
    uint32_t dst = in->ip.dst;
    switch (sok_dst_kind(s, dst)) {
    case SOK_DST_OURS:
        in->unicast = true;
        // Not when sent to all stations (RFC 1122 section 3.3.6), nor loopback from a wire.
        return in->link == SOK_STACK_LOCAL || (in->link_unicast && dst >> 24 != 127);
    case SOK_DST_BROADCAST:
        return true;
    case SOK_DST_MULTICAST:
        return dst == 0xe0000001; // all hosts (RFC 1112 section 4)
    default:
        return false;
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
    if (bad != SOK_DROP_NONE)
        return bad;
    if (in->ip.frag != 0 || in->ip.flags & SOK_IP4_MF)
        return SOK_DROP_IP_FRAGMENT;
    return SOK_DROP_NONE;
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
    sok_tcp_input(s->tcp, &arrival, in->now, in->out);
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
    switch (in->ip.proto) {
    case SOK_IPPROTO_TCP:
        tcp_input(s, in);
        break;
    case SOK_IPPROTO_UDP:
        sok_udp_input(s, in);
        break;
    case SOK_IPPROTO_ICMP:
        sok_icmp_input(s, in);
        break;
    default:
        in->out->drop = SOK_DROP_IP_PROTOCOL;
        sok_icmp_answer(s, in, SOK_ICMP_UNREACHABLE, SOK_ICMP_PROTOCOL, SOK_REASON_ICMP_PROTO);
        break;
    }
}

// ---- out ----

uint16_t sok_ip4_id(struct sok_stack *s, const struct sok_addr *dst, unsigned count)
{
    uint16_t *id = &s->ids[(sok_addr_to_v4(*dst) * s->id_key) >> 56];
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

static void put_headers(struct sok_stack *s, struct sok_packet *p, const struct sok_ip4_out *o)
{
    struct sok_eth_hdr eth = {.type = SOK_ETHERTYPE_IP4};
    memcpy(eth.src, s->links[p->link]->info.mac, 6);
    sok_eth_hdr_put(p->frame, &eth);
    struct sok_ip4_hdr ip = {
        .version = 4,
        .ihl = SOK_IP4_HDR_LEN / 4,
        .tos = o->tos,
        .len = (uint16_t)(p->len - SOK_ETH_HDR_LEN),
        .id = sok_ip4_id(s, &o->dst, 1),
        .flags = SOK_IP4_DF,
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
    enum sok_dst_kind kind = sok_dst_kind(s, v4);
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

int sok_ip4_send(struct sok_stack *s, struct sok_packet *p, const struct sok_ip4_out *o,
    const struct sok_tcp_path *path, int64_t now)
{
    struct sok_stack_link *l = s->links[path->link];
    int result = 0;
    if (p->len - SOK_ETH_HDR_LEN > path->mtu)
        result = SOK_EMSGSIZE;
    else if (l->packets.count >= (uint64_t)s->config.out_queue_max)
        result = SOK_EAGAIN;
    if (result < 0) {
        sok_packet_free(s, p);
        return result;
    }
    p->link = path->link;
    p->next_hop = path->next_hop;
    p->reason = o->reason;
    p->conn = o->conn;
    put_headers(s, p, o);
    if (known_mac(s, p->link, &o->dst, p->frame))
        sok_packet_push(&l->packets, p);
    else
        sok_neighbour_send(s, p, now);
    return 0;
}
