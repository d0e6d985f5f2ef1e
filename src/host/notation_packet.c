// Packets as lines: the first bytes that an event carries, read with wire/, in relative numbers.
// Nothing here trusts the bytes: what cannot be read is shown as hex.
#include <stdio.h>
#include <string.h>
#include "base/bytes.h"
#include "host/notation_flow.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/udp.h"
#include "wire/vlan.h"

const struct sok_icmp_name sok_icmp_names[] = {
    {8, 0, "echo request"},
    {0, 0, "echo reply"},
    {3, 0, "net unreachable"},
    {3, 1, "host unreachable"},
    {3, 2, "protocol unreachable"},
    {3, 3, "port unreachable"},
    {3, 4, "fragmentation needed"},
    {3, 5, "source route failed"},
    {3, 9, "net prohibited"},
    {3, 10, "host prohibited"},
    {3, 13, "admin prohibited"},
    {4, 0, "source quench"},
    {5, 0, "redirect net"},
    {5, 1, "redirect host"},
    {11, 0, "time exceeded"},
    {11, 1, "reassembly time exceeded"},
    {12, 0, "parameter problem"},
    {13, 0, "timestamp request"},
    {14, 0, "timestamp reply"},
    {0, 0, NULL},
};

static struct sok_endpoint endpoint(uint32_t v4, uint16_t port)
{
    return (struct sok_endpoint){.addr = sok_addr_v4(v4), .port = port};
}

// A frame that broke a rule of reading would not be the same again if its fields were shown.
static bool drop_is_malformed(uint8_t drop)
{
    switch (drop) {
    case SOK_DROP_ETH_SHORT:
    case SOK_DROP_ARP_MALFORMED:
    case SOK_DROP_IP_SHORT:
    case SOK_DROP_IP_VERSION:
    case SOK_DROP_IP_HEADER_LENGTH:
    case SOK_DROP_IP_TOTAL_LENGTH:
    case SOK_DROP_IP_OPTION:
    case SOK_DROP_ICMP_SHORT:
    case SOK_DROP_UDP_SHORT:
    case SOK_DROP_UDP_LENGTH:
    case SOK_DROP_TCP_SHORT:
    case SOK_DROP_TCP_OFFSET:
        return true;
    default:
        return false;
    }
}

static void line_of_hex(const struct sok_event_packet *p, struct sok_line *l)
{
    l->head = SOK_HEAD_HEX;
    l->has = SOK_HAS(HEX) | SOK_HAS(LEN);
    l->len = p->len;
    l->hex_len = p->snap_len;
    memcpy(l->hex, p->snap, p->snap_len);
}

static void line_of_arp(struct sok_bytes b, struct sok_line *l)
{
    struct sok_arp_hdr h;
    sok_arp_hdr_get(b.p, &h);
    l->head = SOK_HEAD_ARP;
    if (h.op == 1) {
        l->arp_op = 1;
        l->arp_about = sok_addr_v4(h.pdst);
        l->arp_tell = sok_addr_v4(h.psrc);
    } else {
        l->arp_op = 2;
        l->arp_about = sok_addr_v4(h.psrc);
        memcpy(l->arp_mac, h.hwsrc, 6);
    }
    l->has = SOK_HAS(ARP);
}

void sok_notation_text(struct sok_line *l, struct sok_bytes b, uint32_t len)
{
    uint32_t have = b.have < len ? b.have : len;
    if (have > SOK_LINE_TEXT_MAX)
        have = SOK_LINE_TEXT_MAX;
    uint32_t show = 0;
    // The first line of it, if that can be read.
    while (show < have && b.p[show] >= 0x20 && b.p[show] < 0x7f)
        show++;
    bool ends = show == have || b.p[show] == '\n' || b.p[show] == '\r' || b.p[show] == '\t';
    if (show == 0 || !ends)
        return;
    // A line that is all there is, is shown with its end.
    uint32_t rest = show;
    while (rest < have && (b.p[rest] == '\r' || b.p[rest] == '\n'))
        rest++;
    if (rest == len)
        show = rest;
    else if (show > 40)
        show = 40;
    memcpy(l->text, b.p, show);
    l->text_len = show;
    l->text_more = show < len;
    l->has |= SOK_HAS(TEXT);
}

void sok_notation_udp(struct sok_bytes b, struct sok_line *l)
{
    struct sok_udp_hdr h;
    sok_udp_hdr_get(b.p, &h);
    l->head = SOK_HEAD_UDP;
    l->src.port = h.sport;
    l->dst.port = h.dport;
    l->no_port = false;
    l->has |= SOK_HAS(LEN);
    l->len = b.len - SOK_UDP_HDR_LEN;
    sok_notation_text(l, sok_bytes_skip(b, SOK_UDP_HDR_LEN), l->len);
}

// Behind the headers of IP: what it carries, and the ends. False: too little, or no first fragment.
static bool quoted(struct sok_line *l, struct sok_bytes *b)
{
    struct sok_ip4_hdr ip;
    struct sok_ip6_hdr ip6;
    if (b->have >= SOK_IP6_HDR_LEN && b->p[0] >> 4 == 6) {
        struct sok_ip6_walk w = sok_ip6_walk(b->p, b->have);
        struct sok_ip6_ext e;
        while (sok_ip6_next(&w, &e))
            continue;
        sok_ip6_hdr_get(b->p, &ip6);
        l->quote.proto = w.next;
        l->quote.src = (struct sok_endpoint){.addr = sok_ip6_src(&ip6)};
        l->quote.dst = (struct sok_endpoint){.addr = sok_ip6_dst(&ip6)};
        *b = sok_bytes_skip(*b, (uint32_t)w.at);
        return !w.cut && b->have >= 8 && (!w.fragment || w.frag.offset == 0);
    }
    if (b->have < SOK_IP4_HDR_LEN)
        return false;
    sok_ip4_hdr_get(b->p, &ip);
    l->quote.proto = ip.proto;
    l->quote.src = endpoint(ip.src, 0);
    l->quote.dst = endpoint(ip.dst, 0);
    *b = sok_bytes_skip(*b, ip.ihl * 4u);
    return ip.ihl >= 5 && b->have >= 8;
}

void sok_notation_quote(struct sok_notation *n, struct sok_line *l, struct sok_bytes b, bool ours)
{
    if (!quoted(l, &b) ||
        (l->quote.proto != SOK_IPPROTO_TCP && l->quote.proto != SOK_IPPROTO_UDP &&
            l->quote.proto != SOK_IPPROTO_ICMP && l->quote.proto != SOK_IPPROTO_ICMP6)) {
        memset(&l->quote, 0, sizeof l->quote);
        return;
    }
    l->has |= SOK_HAS(QUOTE);
    l->quote.has_ends = true;
    if (l->quote.proto == SOK_IPPROTO_ICMP || l->quote.proto == SOK_IPPROTO_ICMP6)
        return;
    l->quote.src.port = sok_get16(b.p);
    l->quote.dst.port = sok_get16(b.p + 2);
    if (l->quote.proto != SOK_IPPROTO_TCP)
        return;
    l->quote.has_seq = true;
    l->quote.seq = sok_get32(b.p + 4);
    const struct sok_endpoint *local = ours ? &l->quote.src : &l->quote.dst;
    const struct sok_endpoint *remote = ours ? &l->quote.dst : &l->quote.src;
    struct sok_flow *f = sok_notation_flow_of_ends(n, local, remote);
    if (!f)
        return;
    if (f->side[!ours].has_base)
        l->quote.seq -= f->side[!ours].base;
    if (f->tag && ours) {
        snprintf(l->tag, sizeof l->tag, "%u", f->tag);
        l->quote.has_ends = false;
        l->quote.proto = 0;
    }
}

static void line_of_icmp(struct sok_notation *n, struct sok_bytes b, struct sok_line *l)
{
    struct sok_icmp_hdr h;
    sok_icmp_hdr_get(b.p, &h);
    l->head = SOK_HEAD_ICMP;
    l->type = h.type;
    l->code = h.code;
    l->has |= SOK_HAS(TYPE) | SOK_HAS(CODE);
    struct sok_bytes rest = sok_bytes_skip(b, SOK_ICMP_HDR_LEN);
    if (h.type == 0 || h.type == 8) {
        l->id = h.id;
        l->seq = h.seq;
        l->len = rest.len;
        l->has |= SOK_HAS(ID) | SOK_HAS(SEQ) | SOK_HAS(LEN);
        return;
    }
    if (h.type == 3 && h.code == 4) {
        l->mtu = h.seq;
        l->has |= SOK_HAS(MTU);
    }
    if (h.type == 3 || h.type == 4 || h.type == 5 || h.type == 11 || h.type == 12) {
        sok_notation_quote(n, l, rest, l->kind == SOK_LINE_IN);
    } else {
        l->len = rest.len;
        l->has |= SOK_HAS(LEN);
    }
}

// A small fragment's bytes: not worth showing, but with them the line can be played again.
void sok_notation_bytes(struct sok_line *l, struct sok_bytes b)
{
    if (b.len == 0 || b.len > SOK_LINE_TEXT_MAX || b.len > b.have)
        return;
    memcpy(l->text, b.p, b.len);
    l->text_len = b.len;
    l->has |= SOK_HAS(TEXT);
    l->plain |= SOK_HAS(TEXT);
}

static void line_of_ip(
    struct sok_notation *n, const struct sok_event *e, struct sok_bytes b, struct sok_line *l)
{
    struct sok_ip4_hdr h;
    sok_ip4_hdr_get(b.p, &h);
    l->head = SOK_HEAD_IP;
    l->no_port = true;
    l->src = endpoint(h.src, 0);
    l->dst = endpoint(h.dst, 0);
    l->ttl = h.ttl;
    l->tos = h.tos;
    l->df = !!(h.flags & SOK_IP4_DF);
    l->proto = h.proto;
    l->id = h.id;
    l->off = h.frag * 8u;
    l->more = !!(h.flags & SOK_IP4_MF);
    l->has = SOK_HAS(ENDS) | SOK_HAS(TTL) | SOK_HAS(TOS) | SOK_HAS(DF);
    l->plain = SOK_HAS(TTL) | SOK_HAS(TOS) | SOK_HAS(DF);
    // The frame may be padded (Ethernet) and the length of a super-frame may say nothing.
    if (h.len >= h.ihl * 4u && h.len < b.len && !e->packet.gso_size)
        b.len = h.len;
    b = sok_bytes_skip(b, h.ihl * 4u);
    bool whole = !l->more && l->off == 0;
    if (whole && h.proto == SOK_IPPROTO_TCP && b.have >= SOK_TCP_HDR_LEN && b.p[12] >> 4 >= 5 &&
        (b.p[12] >> 4) * 4u <= b.len) {
        sok_notation_tcp(n, e, b, l);
    } else if (whole && h.proto == SOK_IPPROTO_UDP && b.have >= SOK_UDP_HDR_LEN) {
        sok_notation_udp(b, l);
    } else if (whole && h.proto == SOK_IPPROTO_ICMP && b.have >= SOK_ICMP_HDR_LEN) {
        line_of_icmp(n, b, l);
    } else {
        l->len = b.len;
        l->has |= SOK_HAS(PROTO) | SOK_HAS(LEN) | (whole ? 0 : SOK_HAS(ID) | SOK_HAS(OFF)) |
                  (l->more ? SOK_HAS(MORE) : 0);
        if (!whole)
            sok_notation_bytes(l, b);
    }
}

// Behind Ethernet and a VLAN's tag, if the frame has them: the type of what comes. False: too short.
static bool skip_link_header(const struct sok_event_packet *p, struct sok_bytes *b, uint16_t *type)
{
    struct sok_eth_hdr eth;
    struct sok_vlan_hdr tag;
    *type = SOK_ETHERTYPE_IP4;
    if (p->bare) {
        if (b->have && b->p[0] >> 4 == 6)
            *type = SOK_ETHERTYPE_IP6;
        return true;
    }
    if (b->have < SOK_ETH_HDR_LEN)
        return false;
    sok_eth_hdr_get(b->p, &eth);
    *b = sok_bytes_skip(*b, SOK_ETH_HDR_LEN);
    *type = eth.type;
    if (eth.type == SOK_ETHERTYPE_VLAN && b->have >= SOK_VLAN_HDR_LEN &&
        p->drop != SOK_DROP_ETH_VLAN) {
        sok_vlan_hdr_get(b->p, &tag);
        *b = sok_bytes_skip(*b, SOK_VLAN_HDR_LEN);
        *type = tag.type;
    }
    return true;
}

static bool drop_is_ethernet(uint8_t drop)
{
    return drop == SOK_DROP_ETH_TYPE || drop == SOK_DROP_ETH_NOT_US || drop == SOK_DROP_ETH_VLAN;
}

static void line_of_frame(struct sok_notation *n, const struct sok_event *e, struct sok_line *l)
{
    const struct sok_event_packet *p = &e->packet;
    struct sok_bytes b = {p->snap, p->snap_len, p->len};
    uint16_t type;
    if (drop_is_malformed(p->drop) || !skip_link_header(p, &b, &type)) {
        line_of_hex(p, l);
    } else if (type == SOK_ETHERTYPE_ARP && b.have >= SOK_ARP_HDR_LEN) {
        line_of_arp(b, l);
    } else if (type == SOK_ETHERTYPE_IP4 && b.have >= SOK_IP4_HDR_LEN && b.p[0] >> 4 == 4 &&
               (b.p[0] & 15) >= 5 && (b.p[0] & 15) * 4u <= b.have) {
        line_of_ip(n, e, b, l);
    } else if (type == SOK_ETHERTYPE_IP6 && b.have >= SOK_IP6_HDR_LEN && b.p[0] >> 4 == 6) {
        sok_notation_ip6(n, e, b, l);
    } else if (drop_is_ethernet(p->drop)) {
        l->head = SOK_HEAD_ETH;
        l->type = type;
        l->len = b.len;
        l->has = SOK_HAS(TYPE) | SOK_HAS(LEN);
    } else {
        line_of_hex(p, l);
    }
}

static void reason_add(struct sok_line *l, const char *text)
{
    size_t used = strlen(l->reason);
    snprintf(l->reason + used, sizeof l->reason - used, "%s%s", used ? ", " : "", text);
}

// What a received frame did; or why it was not used.
static void reason_of_in(const struct sok_event_packet *p, struct sok_line *l)
{
    char text[80];
    if (p->drop != SOK_DROP_NONE) {
        snprintf(text, sizeof text, "dropped: %s", sok_drop_text(p->drop));
        reason_add(l, text);
    }
    for (unsigned bit = 0; bit < SOK_EFFECT_BIT_COUNT; bit++) {
        if (!(p->effects & 1u << bit))
            continue;
        uint32_t amount = p->data;
        if (bit == SOK_EFFECT_BIT_ACKED || bit == SOK_EFFECT_BIT_SACKED)
            amount = p->acked;
        else if (bit == SOK_EFFECT_BIT_WINDOW)
            amount = p->window;
        const char *format = sok_effect_text(bit), *mark = strstr(format, "%u");
        if (mark)
            snprintf(text, sizeof text, "%.*s%u%s", (int)(mark - format), format, amount, mark + 2);
        else
            snprintf(text, sizeof text, "%s", format);
        reason_add(l, text);
    }
}

static bool reason_is_again(uint8_t r)
{
    return r == SOK_REASON_RTO || r == SOK_REASON_FAST_RETRANSMIT || r == SOK_REASON_RECOVERY ||
           r == SOK_REASON_PATH_MTU || r == SOK_REASON_TAIL_PROBE || r == SOK_REASON_ARP_AGAIN;
}

void sok_notation_packet(struct sok_notation *n, const struct sok_event *e, struct sok_line *out)
{
    const struct sok_event_packet *p = &e->packet;
    out->dropped = out->kind == SOK_LINE_IN && p->drop != SOK_DROP_NONE;
    line_of_frame(n, e, out);
    if (!out->tag[0])
        sok_notation_tag(n, e->conn, out);
    if ((p->drop == SOK_DROP_TCP_CHECKSUM && out->head == SOK_HEAD_TCP) ||
        (p->drop == SOK_DROP_UDP_CHECKSUM && out->head == SOK_HEAD_UDP) ||
        (p->drop == SOK_DROP_ICMP_CHECKSUM &&
            (out->head == SOK_HEAD_ICMP || out->head == SOK_HEAD_ICMP6))) {
        out->badsum = 1;
        out->has |= SOK_HAS(BADSUM);
    } else if (p->drop == SOK_DROP_IP_CHECKSUM && (out->has & SOK_HAS(ENDS))) {
        out->badipsum = 1;
        out->has |= SOK_HAS(BADIPSUM);
    }
    if (out->kind == SOK_LINE_IN) {
        reason_of_in(p, out);
    } else {
        snprintf(out->reason, sizeof out->reason, "%s", sok_reason_text(p->reason));
        out->again = reason_is_again(p->reason);
    }
}
