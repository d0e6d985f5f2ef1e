// Packets as lines: the first bytes that an event carries, read with wire/, in relative numbers.
// Nothing here trusts the bytes: what cannot be read is shown as hex.
#include <stdio.h>
#include <string.h>
#include "base/seq.h"
#include "host/notation_flow.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
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

// The bytes of one packet, on the way down its headers.
struct bytes {
    const uint8_t *p;
    uint32_t have; // of these in the snap
    uint32_t len;  // of these in the packet
};

static struct bytes bytes_skip(struct bytes b, uint32_t n)
{
    uint32_t s = n < b.have ? n : b.have, t = n < b.len ? n : b.len;
    return (struct bytes){b.p + s, b.have - s, b.len - t};
}

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

static void line_of_arp(struct bytes b, struct sok_line *l)
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

static void line_add_text(struct sok_line *l, struct bytes b, uint32_t len)
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

static void line_of_udp(struct bytes b, struct sok_line *l)
{
    struct sok_udp_hdr h;
    sok_udp_hdr_get(b.p, &h);
    l->head = SOK_HEAD_UDP;
    l->src.port = h.sport;
    l->dst.port = h.dport;
    l->no_port = false;
    l->has |= SOK_HAS(LEN);
    l->len = b.len - SOK_UDP_HDR_LEN;
    line_add_text(l, bytes_skip(b, SOK_UDP_HDR_LEN), l->len);
}

// The packet an ICMP error quotes (RFC 792): at least the IP header and 8 bytes.
static void line_add_quote(struct sok_notation *n, struct sok_line *l, struct bytes b, bool ours)
{
    struct sok_ip4_hdr ip;
    if (b.have < SOK_IP4_HDR_LEN)
        return;
    sok_ip4_hdr_get(b.p, &ip);
    struct bytes in = bytes_skip(b, ip.ihl * 4u);
    if (ip.ihl < 5 || in.have < 8 ||
        (ip.proto != SOK_IPPROTO_TCP && ip.proto != SOK_IPPROTO_UDP &&
            ip.proto != SOK_IPPROTO_ICMP))
        return;
    l->has |= SOK_HAS(QUOTE);
    l->quote.proto = ip.proto;
    l->quote.has_ends = true;
    l->quote.src = endpoint(ip.src, 0);
    l->quote.dst = endpoint(ip.dst, 0);
    if (ip.proto == SOK_IPPROTO_ICMP)
        return;
    l->quote.src.port = (uint16_t)(in.p[0] << 8 | in.p[1]);
    l->quote.dst.port = (uint16_t)(in.p[2] << 8 | in.p[3]);
    if (ip.proto != SOK_IPPROTO_TCP)
        return;
    l->quote.has_seq = true;
    l->quote.seq =
        (uint32_t)in.p[4] << 24 | (uint32_t)in.p[5] << 16 | (uint32_t)in.p[6] << 8 | in.p[7];
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

static void line_of_icmp(struct sok_notation *n, struct bytes b, struct sok_line *l)
{
    struct sok_icmp_hdr h;
    sok_icmp_hdr_get(b.p, &h);
    l->head = SOK_HEAD_ICMP;
    l->type = h.type;
    l->code = h.code;
    l->has |= SOK_HAS(TYPE) | SOK_HAS(CODE);
    struct bytes rest = bytes_skip(b, SOK_ICMP_HDR_LEN);
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
        line_add_quote(n, l, rest, l->kind == SOK_LINE_IN);
    } else {
        l->len = rest.len;
        l->has |= SOK_HAS(LEN);
    }
}

static void side_see_base(struct sok_flow *f, unsigned from, const struct sok_event_packet *p,
    const struct sok_tcp_hdr *h)
{
    struct sok_flow_side *s = &f->side[from], *other = &f->side[!from];
    if (p->has_base && p->drop == SOK_DROP_NONE) {
        s->base = p->seq_base;
        s->has_base = true;
        if (h->flags & SOK_TCP_ACK) {
            other->base = p->ack_base;
            other->has_base = true;
        }
    } else if (!s->has_base && (h->flags & SOK_TCP_SYN)) {
        s->base = h->seq;
        s->has_base = true;
    }
}

static const char *option_word(uint8_t kind)
{
    static const char *const known[] = {[0] = "eol",
        [1] = "nop",
        [2] = "mss",
        [3] = "wscale",
        [4] = "sackOK",
        [5] = "sack",
        [8] = "TS",
        [34] = "tfo"};
    return kind < sizeof known / sizeof *known ? known[kind] : NULL;
}

// The options in their order: words, and KIND:LENGTH for what has none.
static void line_add_options(struct sok_line *l, const uint8_t *p, size_t len)
{
    size_t used = 0;
    l->options[0] = 0;
    for (size_t i = 0; i < len;) {
        char word[16];
        bool one = p[i] <= 1;
        unsigned step = one ? 1 : i + 1 < len ? p[i + 1] : 0;
        snprintf(word, sizeof word, "%u:%u", p[i], step);
        const char *w = option_word(p[i]);
        int n = snprintf(
            l->options + used, sizeof l->options - used, "%s%s", used ? "," : "", w ? w : word);
        if (n < 0 || used + (size_t)n >= sizeof l->options)
            break;
        used += (size_t)n;
        if (p[i] == 0 || step < 1 || (!one && step < 2) || i + step > len)
            break; // the end, or malformed from here on
        i += step;
    }
    if (!len)
        snprintf(l->options, sizeof l->options, "none");
    l->has |= SOK_HAS(OPTIONS);
}

// The usual order and padding goes without saying.
static bool options_usual(const struct sok_tcp_opts *o, const uint8_t *p, size_t len)
{
    uint8_t again[40];
    struct sok_tcp_opts zero = *o;
    size_t n = sok_tcp_opts_put(again, &zero);
    return !o->unknown && n == len && memcmp(again, p, len) == 0;
}

// A clock of milliseconds that began with the first timestamp would say about this.
static bool ts_as_clock(const struct sok_flow_side *s, uint32_t tsval, int64_t time)
{
    int64_t apart = (int64_t)(tsval - s->ts_base) - (time - s->ts_start) / 1000000;
    return apart >= -10 && apart <= 10;
}

static void line_of_options(
    struct sok_line *l, struct sok_flow *f, unsigned from, struct bytes b, uint32_t len)
{
    struct sok_tcp_opts o;
    memset(&o, 0, sizeof o);
    if (len > b.have)
        len = b.have;
    sok_tcp_opts_get(b.p, len, &o);
    line_add_options(l, b.p, len);
    if (options_usual(&o, b.p, len))
        l->plain |= SOK_HAS(OPTIONS);
    l->mss = o.mss;
    l->wscale = o.wscale;
    l->sackok = o.sack_ok;
    for (unsigned i = 0; i < o.cookie_len; i++)
        snprintf(l->tfo + 2 * i, 3, "%02x", o.cookie[i]);
    if (o.has_cookie && o.cookie_len == 0)
        snprintf(l->tfo, sizeof l->tfo, "ask");
    l->has |= o.has_cookie ? SOK_HAS(TFO) : 0;
    l->has |= (o.has_mss ? SOK_HAS(MSS) : 0) | (o.has_wscale ? SOK_HAS(WSCALE) : 0) |
              (o.sack_ok ? SOK_HAS(SACKOK) : 0) | (o.sack_count ? SOK_HAS(SACK) : 0);
    struct sok_flow_side *s = f ? &f->side[from] : NULL, *other = f ? &f->side[!from] : NULL;
    l->sack_count = o.sack_count;
    for (unsigned i = 0; i < o.sack_count; i++) {
        uint32_t base = other && other->has_base ? other->base : 0;
        l->sack[i].start = o.sack[i].start - base;
        l->sack[i].end = o.sack[i].end - base;
    }
    if (!o.has_ts)
        return;
    l->has |= SOK_HAS(TS);
    l->tsval = o.tsval;
    l->tsecr = o.tsecr;
    if (!s)
        return;
    if (!s->has_ts) {
        s->has_ts = true;
        s->ts_base = s->ts_last = o.tsval;
        s->ts_start = l->time;
    }
    l->tsval -= s->ts_base;
    if (other->has_ts && (l->flags & SOK_TCP_ACK))
        l->tsecr -= other->ts_base;
    if (!(l->flags & SOK_TCP_SYN) && !l->dropped && ts_as_clock(s, o.tsval, l->time) &&
        (o.tsecr == other->ts_last || l->kind == SOK_LINE_OUT))
        l->plain |= SOK_HAS(TS);
    if (!l->dropped && sok_seq_gt(o.tsval, s->ts_last))
        s->ts_last = o.tsval;
}

// Which fields follow from what was said before, and what is to be remembered for the next line.
static void tcp_remember(struct sok_line *l, struct sok_flow_side *s)
{
    bool bare = l->len == 0 && !(l->flags & (SOK_TCP_SYN | SOK_TCP_FIN | SOK_TCP_RST));
    uint32_t end = l->seq + l->len + !!(l->flags & SOK_TCP_SYN) + !!(l->flags & SOK_TCP_FIN);
    if (bare && s->has_next && l->seq == s->next)
        l->plain |= SOK_HAS(SEQ);
    if ((!s->has_next || sok_seq_gt(end, s->next)) && !l->dropped) {
        s->next = end;
        s->has_next = true;
    }
    if (l->len == 0)
        l->plain |= SOK_HAS(LEN);
    if (!(l->flags & SOK_TCP_SYN) && (s->has_win && s->win == l->win))
        l->plain |= SOK_HAS(WIN);
    if (l->flags & SOK_TCP_RST)
        l->plain |= SOK_HAS(WIN);
    else if (!l->dropped) {
        s->win = l->win;
        s->has_win = true;
    }
}

static void line_of_tcp(
    struct sok_notation *n, const struct sok_event *e, struct bytes b, struct sok_line *l)
{
    const struct sok_event_packet *p = &e->packet;
    bool out = l->kind == SOK_LINE_OUT;
    unsigned from = out ? 0 : 1;
    struct sok_tcp_hdr h;
    sok_tcp_hdr_get(b.p, &h);
    l->head = SOK_HEAD_TCP;
    l->no_port = false;
    l->src.port = h.sport;
    l->dst.port = h.dport;
    l->flags = h.flags;
    const struct sok_endpoint *local = out ? &l->src : &l->dst, *remote = out ? &l->dst : &l->src;
    bool by_cookie = (p->effects & SOK_EFFECT_COOKIE) && (h.flags & SOK_TCP_ACK);
    struct sok_flow *before = by_cookie ? sok_notation_flow_of_ends(n, local, remote) : NULL;
    struct sok_flow *f = sok_notation_flow(n, e->conn, local, remote);
    if (before && f && before != f) // nobody's until now: the stack kept nothing of its SYN
        memcpy(f->side, before->side, sizeof f->side);
    uint32_t seq_base = 0, ack_base = 0;
    if (f) {
        side_see_base(f, from, p, &h);
        seq_base = f->side[from].base; // 0 until known
        ack_base = f->side[!from].base;
        if (f->tag)
            snprintf(l->tag, sizeof l->tag, "%u", f->tag);
        if (f->introduced)
            l->plain |= SOK_HAS(ENDS);
        f->introduced = f->tag != 0;
    }
    // The reset of a closed port begins no numbers: its SEQ is 0 (RFC 9293 3.10.7.1).
    if (p->reason == SOK_REASON_RST_CLOSED && h.seq == 0)
        seq_base = 0;
    uint32_t head = h.dataofs * 4u;
    l->seq = h.seq - seq_base;
    l->ack = h.ack - ack_base;
    l->win = (uint32_t)h.window << p->win_shift;
    l->len = b.len > head ? b.len - head : 0;
    l->urg = h.urgptr;
    // A congestion mark is news (RFC 3168), and so is what a SYN came with.
    if ((l->tos & 3) == 3 || ((h.flags & SOK_TCP_SYN) && l->tos))
        l->plain &= ~SOK_HAS(TOS);
    l->has |= SOK_HAS(SEQ) | SOK_HAS(LEN) | SOK_HAS(WIN) |
              (h.flags & SOK_TCP_ACK ? SOK_HAS(ACK) : 0) |
              (h.flags & SOK_TCP_URG ? SOK_HAS(URG) : 0);
    if (p->gso_size && l->len > p->gso_size)
        l->per_frame = p->gso_size;
    line_of_options(l, f, from, bytes_skip(b, SOK_TCP_HDR_LEN), head - SOK_TCP_HDR_LEN);
    if (f)
        tcp_remember(l, &f->side[from]);
    line_add_text(l, bytes_skip(b, head), l->len);
    if (!f || l->len == 0)
        return;
    // The first words of a message tell something, those in the midst of it do not.
    if (f->side[from].amid)
        l->plain |= SOK_HAS(TEXT);
    f->side[from].amid = !(l->flags & SOK_TCP_PSH);
    f->side[!from].amid = false;
}

// A small fragment's bytes: not worth showing, but with them the line can be played again.
static void line_keep_bytes(struct sok_line *l, struct bytes b)
{
    if (b.len == 0 || b.len > SOK_LINE_TEXT_MAX || b.len > b.have)
        return;
    memcpy(l->text, b.p, b.len);
    l->text_len = b.len;
    l->has |= SOK_HAS(TEXT);
    l->plain |= SOK_HAS(TEXT);
}

static void line_of_ip(
    struct sok_notation *n, const struct sok_event *e, struct bytes b, struct sok_line *l)
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
    b = bytes_skip(b, h.ihl * 4u);
    bool whole = !l->more && l->off == 0;
    if (whole && h.proto == SOK_IPPROTO_TCP && b.have >= SOK_TCP_HDR_LEN && b.p[12] >> 4 >= 5 &&
        (b.p[12] >> 4) * 4u <= b.len) {
        line_of_tcp(n, e, b, l);
    } else if (whole && h.proto == SOK_IPPROTO_UDP && b.have >= SOK_UDP_HDR_LEN) {
        line_of_udp(b, l);
    } else if (whole && h.proto == SOK_IPPROTO_ICMP && b.have >= SOK_ICMP_HDR_LEN) {
        line_of_icmp(n, b, l);
    } else {
        l->len = b.len;
        l->has |= SOK_HAS(PROTO) | SOK_HAS(LEN) | (whole ? 0 : SOK_HAS(ID) | SOK_HAS(OFF)) |
                  (l->more ? SOK_HAS(MORE) : 0);
        if (!whole)
            line_keep_bytes(l, b);
    }
}

// Behind Ethernet and a VLAN's tag, if the frame has them: the type of what comes. False: too short.
static bool skip_link_header(const struct sok_event_packet *p, struct bytes *b, uint16_t *type)
{
    struct sok_eth_hdr eth;
    struct sok_vlan_hdr tag;
    *type = SOK_ETHERTYPE_IP4;
    if (p->bare)
        return true;
    if (b->have < SOK_ETH_HDR_LEN)
        return false;
    sok_eth_hdr_get(b->p, &eth);
    *b = bytes_skip(*b, SOK_ETH_HDR_LEN);
    *type = eth.type;
    if (eth.type == SOK_ETHERTYPE_VLAN && b->have >= SOK_VLAN_HDR_LEN &&
        p->drop != SOK_DROP_ETH_VLAN) {
        sok_vlan_hdr_get(b->p, &tag);
        *b = bytes_skip(*b, SOK_VLAN_HDR_LEN);
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
    struct bytes b = {p->snap, p->snap_len, p->len};
    uint16_t type;
    if (drop_is_malformed(p->drop) || !skip_link_header(p, &b, &type)) {
        line_of_hex(p, l);
    } else if (type == SOK_ETHERTYPE_ARP && b.have >= SOK_ARP_HDR_LEN) {
        line_of_arp(b, l);
    } else if (type == SOK_ETHERTYPE_IP4 && b.have >= SOK_IP4_HDR_LEN && b.p[0] >> 4 == 4 &&
               (b.p[0] & 15) >= 5 && (b.p[0] & 15) * 4u <= b.have) {
        line_of_ip(n, e, b, l);
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
        (p->drop == SOK_DROP_ICMP_CHECKSUM && out->head == SOK_HEAD_ICMP)) {
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
