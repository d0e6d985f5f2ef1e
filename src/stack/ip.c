// What IPv4 and IPv6 have in common: who gets a datagram that arrived whole (in), and the way of a packet from its
// header to the link's queue or to the neighbour it waits for (out). The headers are in ip4.c and ip6.c.
#include "stack/internal.h"

#include <string.h>
#include "base/bytes.h"
#include "wire/igmp.h"

// ---- in ----

static void tcp_input(struct sok_stack *s, struct sok_in *in)
{
    const struct sok_frame *f = in->frame;
    struct sok_tcp_arrival arrival = {
        .from = {.addr = in->src, .zone = sok_zone_of(&in->src, in->link)},
        .to = {.addr = in->dst},
        .segment = {f->buf, (uint32_t)(in->data - f->buf->data), in->len},
        .gso_size = f->meta.gso ? f->meta.gso_size : 0,
        .link = in->link,
        .tos = in->tos,
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
           drop == SOK_DROP_ICMP_NOBODY || drop == SOK_DROP_IGMP_NOT_US;
}

// False: it is of a protocol that the stack does not know.
static bool known_protocol(struct sok_stack *s, struct sok_in *in)
{
    bool v4 = !in->v6;
    if (in->proto == SOK_IPPROTO_TCP)
        tcp_input(s, in);
    else if (in->proto == SOK_IPPROTO_UDP)
        sok_udp_input(s, in);
    else if (v4 && in->proto == SOK_IPPROTO_IGMP)
        sok_igmp_input(s, in);
    else if (v4 && in->proto == SOK_IPPROTO_ICMP)
        sok_icmp_input(s, in);
    else if (in->v6 && in->proto == SOK_IPPROTO_ICMP6)
        sok_icmp6_input(s, in);
    else
        return false;
    return true;
}

void sok_ip_deliver(struct sok_stack *s, struct sok_in *in)
{
    struct sok_raw_taken raw = {0};
    if (s->raws)
        raw = sok_raw_input(s, in);
    bool known = known_protocol(s, in);
    if (raw.wanted && (!known || is_no_news(in->out->drop))) {
        taken_raw(in, &raw);
    } else if (!known) {
        in->out->drop = SOK_DROP_IP_PROTOCOL;
        if (in->v6) // RFC 8200 section 4
            sok_icmp6_answer(
                s, in, SOK_ICMP6_PARAMETER, SOK_ICMP6_NEXT, in->field, SOK_REASON_ICMP_PROTO);
        else
            sok_icmp_answer(s, in, SOK_ICMP_UNREACHABLE, SOK_ICMP_PROTOCOL, SOK_REASON_ICMP_PROTO);
    }
}

// ---- out ----

static uint32_t header_len(bool v6)
{
    return v6 ? SOK_IP6_HDR_LEN : SOK_IP4_HDR_LEN;
}

struct sok_packet *sok_ip_new(
    struct sok_stack *s, const struct sok_addr *dst, uint32_t len, uint8_t **data)
{
    uint32_t head = SOK_ETH_HDR_LEN + header_len(!sok_addr_is_v4(*dst));
    struct sok_packet *p = sok_outgoing_new(s, head + len);
    if (!p) {
        sok_stack_drop(s, SOK_DROP_NO_MEMORY);
        return NULL;
    }
    *data = p->frame + head;
    return p;
}

void sok_group_mac(const struct sok_addr *group, uint8_t mac[6])
{
    if (sok_addr_is_v4(*group)) { // RFC 1112 section 6.4
        sok_put24(mac, 0x01005e);
        sok_put24(mac + 3, sok_addr_to_v4(*group) & 0x7fffff);
    } else { // RFC 2464 section 7
        sok_put16(mac, 0x3333);
        memcpy(mac + 2, group->b + 12, 4);
    }
}

// The Ethernet address of a destination that needs no asking; false: it does.
static bool known_mac(
    const struct sok_stack *s, uint8_t link, const struct sok_addr *dst, uint8_t mac[6])
{
    if (link == SOK_STACK_LOCAL)
        memcpy(mac, s->links[link]->info.mac, 6);
    else if (sok_addr_is_multicast(*dst))
        sok_group_mac(dst, mac);
    else if (sok_dst_kind(s, link, dst) == SOK_DST_BROADCAST)
        memset(mac, 0xff, 6);
    else
        return false;
    return true;
}

static void leave(
    struct sok_stack *s, struct sok_packet *p, const struct sok_addr *dst, int64_t now)
{
    struct sok_stack_link *l = s->links[p->link];
    if (!sok_link_has_stations(l) || known_mac(s, p->link, dst, p->frame))
        sok_outgoing_push(&l->packets, p);
    else
        sok_neighbour_send(s, p, now);
}

// Without memory some fragments are missing, as if lost on the wire.
static void leave_in_fragments(struct sok_stack *s, struct sok_packet *p,
    const struct sok_addr *dst, uint32_t each, int64_t now)
{
    bool v6 = !sok_addr_is_v4(*dst);
    uint32_t data = p->len - SOK_ETH_HDR_LEN - header_len(v6);
    uint32_t id = v6 ? (uint32_t)sok_stack_random(s) : 0; // RFC 7739 section 5.3
    for (uint32_t at = 0; at < data; at += each) {
        uint32_t len = data - at < each ? data - at : each;
        struct sok_packet *f =
            v6 ? sok_ip6_fragment(s, p, id, at, len) : sok_ip4_fragment(s, p, at, len);
        if (!f) {
            sok_stack_drop(s, SOK_DROP_NO_MEMORY);
            continue;
        }
        f->link = p->link;
        f->next_hop = p->next_hop;
        f->reason = p->reason;
        f->conn = p->conn;
        leave(s, f, dst, now);
    }
    sok_outgoing_free(s, p);
}

// What p needs before its IP header; a packet that is refused is freed.
static int begin(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o,
    const struct sok_tcp_path *path, int refused, int64_t now)
{
    if (refused < 0) {
        sok_outgoing_free(s, p);
        return refused;
    }
    struct sok_eth_hdr eth = {
        .type = sok_addr_is_v4(o->dst) ? SOK_ETHERTYPE_IP4 : SOK_ETHERTYPE_IP6};
    p->link = path->link;
    p->next_hop = path->next_hop;
    p->reason = o->reason;
    p->conn = o->conn;
    memcpy(eth.src, s->links[p->link]->info.mac, 6);
    sok_eth_hdr_put(p->frame, &eth);
    if (s->routes_failed > 0)
        sok_gateway_wanted(s, p->link, &o->dst, &p->next_hop, now);
    return 0;
}

void sok_ip_discover(
    struct sok_ip_out *o, const struct sok_dgram_opts *opts, const struct sok_tcp_path *path)
{
    bool v6 = !sok_addr_is_v4(o->dst), may_cut = path->known.mtu && path->known.may_cut;
    enum sok_mtu_discover how = (enum sok_mtu_discover)(v6 ? opts->discover6 : opts->discover);
    o->df = how == SOK_MTU_DO || how == SOK_MTU_PROBE || (how == SOK_MTU_WANT && !may_cut);
    o->uncut = (how >= SOK_MTU_DO && how <= SOK_MTU_INTERFACE) || (v6 && opts->dontfrag);
    o->by_link = how >= SOK_MTU_PROBE;
}

bool sok_ip_heeds(const struct sok_dgram_opts *opts, const struct sok_addr *to)
{
    if (!sok_addr_is_v4(*to))
        return opts->discover6 < SOK_MTU_INTERFACE;
    return opts->discover >= SOK_MTU_WANT && opts->discover <= SOK_MTU_PROBE;
}

int sok_ip_send(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o,
    const struct sok_tcp_path *path, int64_t now)
{
    struct sok_stack_link *l = s->links[path->link];
    bool v6 = !sok_addr_is_v4(o->dst);
    uint32_t len = p->len - SOK_ETH_HDR_LEN, mtu = o->by_link ? path->mtu : sok_tcp_path_mtu(path);
    uint32_t count = 1;
    uint32_t each = v6 ? sok_ip6_fragment_len(mtu) : sok_ip4_fragment_len(mtu);
    uint64_t max = (uint64_t)s->config.out_queue_max;
    int result = 0;
    if (len > mtu)
        count = (len - header_len(v6) + each - 1) / each;
    if (len > sok_ip_packet_max(&o->dst) || count > max || (count > 1 && o->uncut))
        result = SOK_EMSGSIZE;
    else if (l->packets.count + count > max)
        result = SOK_EAGAIN;
    result = begin(s, p, o, path, result, now);
    if (result < 0)
        return result;
    if (v6)
        sok_ip6_put(s, p, o);
    else
        sok_ip4_put(s, p, o, count == 1);
    if (count > 1)
        leave_in_fragments(s, p, &o->dst, each, now);
    else
        leave(s, p, &o->dst, now);
    return 0;
}

int sok_ip_send_given(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o,
    const struct sok_tcp_path *path, int64_t now)
{
    bool full = s->links[path->link]->packets.count >= (uint64_t)s->config.out_queue_max;
    int result = begin(s, p, o, path, full ? SOK_EAGAIN : 0, now);
    if (result < 0)
        return result;
    p->given = true;
    leave(s, p, &o->dst, now);
    return 0;
}
