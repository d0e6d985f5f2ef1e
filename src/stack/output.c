// The next frame for a link: what ARP has to say, then packets that wait, then TCP, which is asked only when
// there is room for a segment. A segment's payload is not copied: the frame points into the send buffer.
#include "stack/internal.h"

#include <string.h>
#include "wire/csum.h"
#include "wire/tcp.h"

void sok_link_free(struct sok_stack *s, struct sok_stack_link *l)
{
    sok_outgoing_free_all(s, &l->arp);
    sok_outgoing_free_all(s, &l->packets);
    sok_outgoing_free(s, l->leaving);
    sok_mem_free(sok_stack_mem(s), l->payload, l->payload ? SOK_PAYLOAD_MAX : 0);
    sok_mem_free(sok_stack_mem(s), l, sizeof(*l));
}

// ---- the event ----

static void snap(struct sok_event_packet *p, const struct sok_frame_out *f)
{
    size_t at = 0;
    for (unsigned i = 0; i < f->iov_count && at < SOK_EVENT_SNAP; i++) {
        size_t n = SOK_EVENT_SNAP - at;
        if (n > f->iov[i].len)
            n = f->iov[i].len;
        memcpy(p->snap + at, f->iov[i].base, n);
        at += n;
    }
    p->snap_len = (uint16_t)at;
}

static struct sok_event_packet *tell(struct sok_stack *s, uint8_t link,
    const struct sok_frame_out *f, enum sok_reason reason, uint32_t conn)
{
    struct sok_event *e = sok_events_push(&s->events, SOK_EVENT_OUT, s->now, conn);
    if (!e)
        return NULL;
    e->packet.link = link;
    e->packet.bare = !sok_link_has_stations(s->links[link]);
    e->packet.reason = (uint8_t)reason;
    e->packet.len = f->len;
    e->packet.csum_partial = f->meta.csum_partial;
    e->packet.gso_size = f->meta.gso ? f->meta.gso_size : 0;
    snap(&e->packet, f);
    return &e->packet;
}

static void tell_segment(
    struct sok_stack *s, const struct sok_tcp_segment *seg, const struct sok_frame_out *f)
{
    struct sok_event_packet *p = tell(s, seg->link, f, (enum sok_reason)seg->reason, seg->conn);
    if (!p)
        return;
    p->win_shift = seg->win_shift;
    p->has_base = seg->has_base;
    p->seq_base = seg->seq_base;
    p->ack_base = seg->ack_base;
}

// ---- what a link has in front of an IP packet ----

// Ethernet with the link's tag, from a plain Ethernet header (which may overlap the end of `to`). Bytes put.
static uint32_t put_tagged(uint16_t vlan, const uint8_t *eth, uint8_t *to)
{
    struct sok_vlan_hdr tag = {.vlan = vlan, .type = sok_get16(eth + 12)};
    memmove(to, eth, 12);
    sok_put16(to + 12, SOK_ETHERTYPE_VLAN);
    sok_vlan_hdr_put(to + SOK_ETH_HDR_LEN, &tag);
    return SOK_ETH_HDR_LEN + SOK_VLAN_HDR_LEN;
}

static uint32_t put_link_header(
    const struct sok_stack_link *l, uint8_t *p, const uint8_t mac[6], uint16_t type)
{
    uint8_t plain[SOK_ETH_HDR_LEN];
    struct sok_eth_hdr eth = {.type = type};
    if (!sok_link_has_stations(l))
        return 0;
    memcpy(eth.dst, mac, 6);
    memcpy(eth.src, l->info.mac, 6);
    sok_eth_hdr_put(plain, &eth);
    if (l->info.vlan)
        return put_tagged(l->info.vlan, plain, p);
    memcpy(p, plain, sizeof(plain));
    return sizeof(plain);
}

// Gives a packet, which has a plain Ethernet header so far, what its link has.
static void fit_to_link(const struct sok_stack_link *l, struct sok_packet *p)
{
    if (!sok_link_has_stations(l)) {
        p->frame += SOK_ETH_HDR_LEN;
        p->len -= SOK_ETH_HDR_LEN;
    } else if (l->info.vlan) {
        p->frame -= SOK_VLAN_HDR_LEN;
        p->len += SOK_VLAN_HDR_LEN;
        put_tagged(l->info.vlan, p->frame + SOK_VLAN_HDR_LEN, p->frame);
    }
}

// ---- packets that wait ----

static bool packet_out(
    struct sok_stack *s, uint8_t link, struct sok_packet *p, struct sok_frame_out *out)
{
    s->links[link]->leaving = p;
    fit_to_link(s->links[link], p);
    *out = (struct sok_frame_out){.iov = {{p->frame, p->len}}, .iov_count = 1, .len = p->len};
    tell(s, link, out, (enum sok_reason)p->reason, p->conn);
    return true;
}

static bool waiting_out(struct sok_stack *s, uint8_t link, struct sok_frame_out *out)
{
    struct sok_stack_link *l = s->links[link];
    struct sok_packet *p = sok_outgoing_pop(&l->arp);
    if (p)
        return packet_out(s, link, p, out);
    p = sok_outgoing_pop(&l->packets);
    if (!p)
        return false;
    if (l->blocked && l->packets.count <= (uint64_t)s->config.out_queue_max / 2) {
        l->blocked = false;
        sok_udp_room(s);
        sok_raw_room(s);
        sok_frames_room(s);
    }
    return packet_out(s, link, p, out);
}

// ---- TCP ----

// Takes the next segment of somebody whose neighbour is known; the others are parked on the way.
static bool next_segment(
    struct sok_stack *s, uint8_t link, int64_t now, struct sok_tcp_segment *seg, uint8_t mac[6])
{
    struct sok_addr next_hop;
    while (sok_tcp_ready(s->tcp, link, now, &next_hop)) {
        const uint8_t *known = s->links[link]->info.mac;
        if (link != SOK_STACK_LOCAL && sok_link_has_stations(s->links[link]))
            known = sok_neighbour_mac(s, link, &next_hop, true, now);
        if (!known)
            continue;
        memcpy(mac, known, 6);
        if (sok_tcp_output(s->tcp, link, now, seg))
            return true;
    }
    return false;
}

// Each puts the IP header of a segment; bytes put.
static uint32_t put_ip4(struct sok_stack *s, const struct sok_tcp_segment *seg, uint8_t *p)
{
    unsigned frames = 1;
    if (seg->gso_size && seg->data_len > seg->gso_size)
        frames = (seg->data_len + seg->gso_size - 1) / seg->gso_size;
    struct sok_ip4_hdr ip = {
        .version = 4,
        .ihl = SOK_IP4_HDR_LEN / 4,
        .tos = seg->tos,
        .len = (uint16_t)(SOK_IP4_HDR_LEN + seg->head_len + seg->data_len),
        .id = sok_ip4_id(s, &seg->to.addr, SOK_IPPROTO_TCP, frames),
        .flags = seg->may_cut ? 0 : SOK_IP4_DF,
        .ttl = seg->ttl ? seg->ttl : (uint8_t)s->config.ttl,
        .proto = SOK_IPPROTO_TCP,
        .src = sok_addr_to_v4(seg->from.addr),
        .dst = sok_addr_to_v4(seg->to.addr),
    };
    sok_ip4_hdr_put(p, &ip);
    sok_ip4_seal(p, SOK_IP4_HDR_LEN);
    return SOK_IP4_HDR_LEN;
}

static uint32_t put_ip6(struct sok_stack *s, const struct sok_tcp_segment *seg, uint8_t *p)
{
    struct sok_ip6_hdr ip = {
        .version = 6,
        .tc = seg->tos,
        .fl = sok_ip6_label(s, &seg->from, &seg->to, SOK_IPPROTO_TCP),
        .plen = (uint16_t)(seg->head_len + seg->data_len),
        .nh = SOK_IPPROTO_TCP,
        .hlim = seg->ttl ? seg->ttl : sok_ip6_hops(s, seg->link),
    };
    memcpy(ip.src, seg->from.addr.b, 16);
    memcpy(ip.dst, seg->to.addr.b, 16);
    sok_ip6_hdr_put(p, &ip);
    return SOK_IP6_HDR_LEN;
}

// The link's and IP's headers before TCP's, and the sum of the pseudo header in its checksum field. Gives
// where TCP begins.
static uint32_t put_headers(struct sok_stack *s, struct sok_stack_link *l,
    const struct sok_tcp_segment *seg, const uint8_t mac[6])
{
    bool v4 = sok_addr_is_v4(seg->to.addr);
    uint8_t *p =
        l->head + put_link_header(l, l->head, mac, v4 ? SOK_ETHERTYPE_IP4 : SOK_ETHERTYPE_IP6);
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo(
        &c, &seg->from.addr, &seg->to.addr, SOK_IPPROTO_TCP, seg->head_len + seg->data_len);
    p += v4 ? put_ip4(s, seg, p) : put_ip6(s, seg, p);
    memcpy(p, seg->head, seg->head_len);
    sok_put16(p + SOK_TCP_CSUM_OFFSET, sok_csum_fold(&c));
    return (uint32_t)(p - l->head);
}

static void segment_frame(struct sok_stack *s, struct sok_stack_link *l,
    const struct sok_tcp_segment *seg, const uint8_t mac[6], struct sok_frame_out *out)
{
    uint32_t tcp_at = put_headers(s, l, seg, mac), head_len = tcp_at + seg->head_len;
    out->iov_count = 1 + seg->data_count; // the array is large: only what counts is written
    out->len = head_len + seg->data_len;
    out->iov[0] = (struct sok_iov){l->head, head_len};
    for (unsigned i = 0; i < seg->data_count; i++)
        out->iov[1 + i] = seg->data[i];
    out->meta = (struct sok_frame_meta){
        .csum_partial = true,
        .csum_start = (uint16_t)tcp_at,
        .csum_offset = SOK_TCP_CSUM_OFFSET,
        .hdr_len = (uint16_t)head_len,
    };
    if (seg->gso_size && seg->data_len > seg->gso_size) {
        out->meta.gso = sok_addr_is_v4(seg->to.addr) ? SOK_GSO_TCP4 : SOK_GSO_TCP6;
        out->meta.gso_size = seg->gso_size;
        out->meta.gso_ecn = seg->head[13] & SOK_TCP_CWR; // the flags of the first 8
    }
}

// Copies the payload of a super-frame that is to be cut (see struct sok_stack_link). False: no memory.
static bool keep_payload(struct sok_stack *s, struct sok_stack_link *l)
{
    struct sok_frame_out *f = &l->super;
    uint32_t len = f->len - (uint32_t)f->iov[0].len, at = 0;
    if (!l->payload)
        l->payload = sok_mem_alloc(sok_stack_mem(s), SOK_PAYLOAD_MAX);
    if (!l->payload || len > SOK_PAYLOAD_MAX)
        return false;
    for (unsigned i = 1; i < f->iov_count; i++) {
        memcpy(l->payload + at, f->iov[i].base, f->iov[i].len);
        at += (uint32_t)f->iov[i].len;
    }
    f->iov[1] = (struct sok_iov){l->payload, len};
    f->iov_count = 2;
    return true;
}

static bool cut_out(struct sok_stack *s, struct sok_stack_link *l, struct sok_frame_out *out)
{
    l->cutting = sok_split_next(&l->split, out);
    if (l->cutting)
        tell_segment(s, &l->segment, out);
    return l->cutting;
}

static bool segment_out(struct sok_stack *s, uint8_t link, int64_t now, struct sok_frame_out *out)
{
    struct sok_stack_link *l = s->links[link];
    uint8_t mac[6];
    while (next_segment(s, link, now, &l->segment, mac)) {
        if (s->routes_failed > 0)
            sok_gateway_wanted(s, link, &l->segment.to.addr, &l->segment.next_hop, now);
        segment_frame(s, l, &l->segment, mac, out);
        bool super = out->meta.gso != SOK_GSO_NONE;
        uint32_t need = super ? SOK_LINK_TSO : SOK_LINK_CSUM | SOK_LINK_TSO;
        if (l->info.caps & need) {
            tell_segment(s, &l->segment, out);
            return true;
        }
        l->super.iov_count = out->iov_count;
        l->super.len = out->len;
        l->super.meta = out->meta;
        memcpy(l->super.iov, out->iov, out->iov_count * sizeof(out->iov[0]));
        if (super && !keep_payload(s, l)) {
            sok_stack_drop(s, SOK_DROP_NO_MEMORY); // as if lost on the wire
            continue;
        }
        sok_split_begin(&l->split, &l->super, l->info.caps);
        if (cut_out(s, l, out))
            return true;
    }
    return false;
}

static bool next_frame(
    struct sok_stack *stack, uint8_t link, int64_t now, struct sok_frame_out *out)
{
    struct sok_stack_link *l = stack->links[link];
    sok_outgoing_free(stack, l->leaving);
    l->leaving = NULL;
    if (l->cutting && cut_out(stack, l, out))
        return true;
    if (waiting_out(stack, link, out) || segment_out(stack, link, now, out))
        return true;
    if (waiting_out(stack, link, out)) // TCP's neighbours are asked for
        return true;
    sok_mem_free(sok_stack_mem(stack), l->payload, l->payload ? SOK_PAYLOAD_MAX : 0);
    l->payload = NULL;
    return false;
}

bool sok_stack_output(struct sok_stack *stack, uint8_t link, int64_t now, struct sok_frame_out *out)
{
    if (link >= stack->link_count)
        return false;
    stack->now = now;
    if (!next_frame(stack, link, now, out))
        return false;
    if (stack->frames)
        sok_frames_see_out(stack, link, out);
    return true;
}
