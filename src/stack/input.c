// A frame arrives: Ethernet (RFC 894, IEEE 802.1Q), the event it becomes, and the way to ARP, IPv4 and IPv6.
#include "stack/internal.h"

#include <string.h>

static const uint8_t broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// Takes the tag off a frame of our VLAN, or of priority alone (IEEE 802.1Q 9.6: VLAN 0 is none). False:
// another VLAN's.
static bool untag(uint16_t vlan, const uint8_t **p, uint32_t *len, uint16_t *type)
{
    struct sok_vlan_hdr tag = {0};
    if (*type == SOK_ETHERTYPE_VLAN && *len >= SOK_VLAN_HDR_LEN) {
        sok_vlan_hdr_get(*p, &tag);
        *type = tag.type;
        *p += SOK_VLAN_HDR_LEN;
        *len -= SOK_VLAN_HDR_LEN;
    }
    return tag.vlan == vlan;
}

static void demux(struct sok_stack *s, struct sok_in *in)
{
    const uint8_t *p = in->frame->buf->data + in->frame->off;
    uint32_t len = in->frame->len;
    const struct sok_stack_link *l = s->links[in->link];
    const uint8_t *mac = l->info.mac;
    struct sok_eth_hdr h;
    if (!sok_link_has_stations(l)) {
        in->link_unicast = true;
        if (len > 0 && p[0] >> 4 == 6)
            sok_ip6_input(s, in, p, len);
        else
            sok_ip4_input(s, in, p, len);
        return;
    }
    if (!sok_eth_get(p, len, &h)) {
        in->out->drop = SOK_DROP_ETH_SHORT;
        return;
    }
    in->link_unicast = memcmp(h.dst, mac, 6) == 0;
    // Multicast for groups nobody here has joined ends in ip4.c or ip6.c.
    if (!in->link_unicast && memcmp(h.dst, broadcast_mac, 6) != 0 && !sok_mac_is_group(h.dst)) {
        in->out->drop = SOK_DROP_ETH_NOT_US;
        return;
    }
    p += SOK_ETH_HDR_LEN;
    len -= SOK_ETH_HDR_LEN;
    if (!untag(l->info.vlan, &p, &len, &h.type))
        in->out->drop = SOK_DROP_ETH_VLAN;
    else if (h.type == SOK_ETHERTYPE_IP4)
        sok_ip4_input(s, in, p, len);
    else if (h.type == SOK_ETHERTYPE_IP6)
        sok_ip6_input(s, in, p, len);
    else if (h.type == SOK_ETHERTYPE_ARP)
        sok_arp_input(s, in, p, len);
    else
        in->out->drop = SOK_DROP_ETH_TYPE;
}

static struct sok_event *push_event(struct sok_stack *s, const struct sok_in *in)
{
    struct sok_event *e = sok_events_push(&s->events, SOK_EVENT_IN, in->now, 0);
    if (!e)
        return NULL;
    const struct sok_frame *f = in->frame;
    struct sok_event_packet *p = &e->packet;
    p->link = in->link;
    p->bare = !sok_link_has_stations(s->links[in->link]);
    p->len = f->len;
    p->csum_partial = f->meta.csum_partial;
    p->gso_size = f->meta.gso ? f->meta.gso_size : 0;
    p->snap_len = (uint16_t)(f->len < SOK_EVENT_SNAP ? f->len : SOK_EVENT_SNAP);
    memcpy(p->snap, f->buf->data + f->off, p->snap_len);
    return e == &s->events.spare ? NULL : e;
}

static void fill_event(struct sok_event *e, const struct sok_tcp_outcome *o)
{
    e->conn = o->conn;
    e->packet.drop = (uint8_t)o->drop;
    e->packet.effects = o->effects;
    e->packet.acked = o->acked;
    e->packet.data = o->data;
    e->packet.window = o->window;
    e->packet.win_shift = o->win_shift;
    e->packet.has_base = o->has_base;
    e->packet.seq_base = o->seq_base;
    e->packet.ack_base = o->ack_base;
}

void sok_stack_input(
    struct sok_stack *stack, uint8_t link, const struct sok_frame *frame, int64_t now)
{
    if (link >= stack->link_count)
        return;
    stack->now = now;
    if (stack->frames)
        sok_frames_see_in(stack, link, frame);
    struct sok_tcp_outcome outcome = {0};
    struct sok_in in = {.link = link, .frame = frame, .now = now, .out = &outcome};
    in.group_link = stack->looping ? stack->looping : link;
    // The event comes before those of its consequences, and is completed when they are known.
    bool told = push_event(stack, &in) != NULL;
    uint64_t position = sok_events_next(&stack->events) - 1;
    demux(stack, &in);
    struct sok_event *e = told ? sok_events_at(&stack->events, position) : NULL;
    if (e)
        fill_event(e, &outcome);
    if (outcome.drop != SOK_DROP_NONE && !in.counted)
        sok_stack_drop(stack, outcome.drop);
}

int sok_stack_input_bytes(
    struct sok_stack *stack, uint8_t link, const void *data, size_t len, int64_t now)
{
    if (len > SOK_PAYLOAD_MAX + SOK_TCP_FRAME_HEAD_MAX)
        return SOK_EMSGSIZE;
    struct sok_buf *buf = sok_buf_new(sok_stack_mem(stack), (uint32_t)len);
    if (!buf)
        return SOK_ENOMEM;
    if (len > 0)
        memcpy(buf->data, data, len);
    struct sok_frame frame = {.buf = buf, .len = (uint32_t)len};
    sok_stack_input(stack, link, &frame, now);
    sok_buf_unref(buf);
    return 0;
}
