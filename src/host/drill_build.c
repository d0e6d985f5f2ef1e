// `in` lines made into frames. Numbers in a line are relative to the initial ones; what a line leaves out is
// what a peer would say next.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "host/drill_internal.h"
#include "wire/arp.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

#define PAYLOAD_MAX (65535u - 20 - SOK_TCP_HDR_LEN_MAX) // whatever the headers are

static void put_eth(struct drill *d, uint16_t type, const uint8_t *src)
{
    struct sok_eth_hdr h = {.type = type};
    memcpy(h.dst, d->link.mac, 6);
    memcpy(h.src, src, 6);
    sok_eth_hdr_put(d->frame, &h);
}

// Where the payload of IP begins, in the frame of a line between these ends.
static uint8_t *body(struct drill *d, const struct sok_line *l, struct sok_addr dst)
{
    uint32_t head = sok_addr_is_v4(dst) ? SOK_IP4_HDR_LEN : sok_drill_ip6_len(l);
    return d->frame + SOK_ETH_HDR_LEN + head;
}

static void put_ip4(struct drill *d, const struct sok_line *l, uint8_t proto, struct sok_addr src,
    struct sok_addr dst, uint32_t len)
{
    uint8_t *p = d->frame + SOK_ETH_HDR_LEN;
    struct sok_ip4_hdr h = {
        .version = 4,
        .ihl = 5,
        .tos = l->has & SOK_HAS(TOS) ? (uint8_t)l->tos : 0,
        .len = (uint16_t)(SOK_IP4_HDR_LEN + len),
        .id = l->head == SOK_HEAD_IP ? (uint16_t)l->id : 0,
        .flags = l->has & SOK_HAS(DF)     ? (l->df ? SOK_IP4_DF : 0)
                 : l->head == SOK_HEAD_IP ? 0
                                          : SOK_IP4_DF,
        .frag = (uint16_t)(l->off / 8),
        .ttl = l->has & SOK_HAS(TTL) ? (uint8_t)l->ttl : 64,
        .proto = proto,
        .src = sok_addr_to_v4(src),
        .dst = sok_addr_to_v4(dst),
    };
    if (l->more)
        h.flags |= SOK_IP4_MF;
    sok_ip4_hdr_put(p, &h);
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add(&sum, p, SOK_IP4_HDR_LEN);
    sok_put16(p + 10, sok_csum_final(&sum) ^ (l->badipsum ? 0x5555 : 0));
    put_eth(d, SOK_ETHERTYPE_IP4, d->peer_mac);
    d->frame_len = SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN + len;
}

// The IP header for len bytes of payload that are in place already.
static void put_ip(struct drill *d, const struct sok_line *l, uint8_t proto, struct sok_addr src,
    struct sok_addr dst, uint32_t len)
{
    if (sok_addr_is_v4(dst)) {
        put_ip4(d, l, proto, src, dst, len);
        return;
    }
    put_eth(d, SOK_ETHERTYPE_IP6, d->peer_mac);
    if (sok_addr_is_multicast(dst)) { // RFC 2464 section 7
        sok_put16(d->frame, 0x3333);
        memcpy(d->frame + 2, dst.b + 12, 4);
    }
    uint8_t *p = d->frame + SOK_ETH_HDR_LEN;
    d->frame_len = SOK_ETH_HDR_LEN + sok_drill_ip6_put(p, l, proto, &src, &dst, len) + len;
}

static void put_sum(const struct sok_line *l, uint8_t *at, const uint8_t *p, uint32_t len,
    uint8_t proto, const struct sok_addr *src, const struct sok_addr *dst)
{
    struct sok_csum sum;
    sok_csum_init(&sum);
    if (proto != SOK_IPPROTO_ICMP)
        sok_csum_add_pseudo(&sum, src, dst, proto, len);
    sok_csum_add(&sum, p, len);
    uint16_t v = sok_csum_final(&sum);
    if (proto == SOK_IPPROTO_UDP && v == 0)
        v = 0xffff;
    sok_put16(at, v ^ (l->badsum ? 0x5555 : 0));
}

// len bytes that begin at stream offset off: the line's text first. A text that goes on, goes on in the
// next line, as where it was cut.
static void put_payload(const struct sok_line *l, uint8_t *p, uint32_t len, uint64_t off)
{
    for (uint32_t i = 0; i < len; i++)
        p[i] = i < l->text_len ? l->text[i] : sok_drill_pattern(off + i);
    if (l->text_more && l->text_len < len)
        p[l->text_len] = '\n';
}

// Options as the line gives them, in the usual order.
static void options_of_line(
    struct drill *d, const struct sok_line *l, struct drill_conn *c, struct sok_tcp_opts *o)
{
    memset(o, 0, sizeof *o);
    o->has_mss = l->has & SOK_HAS(MSS);
    o->mss = (uint16_t)l->mss;
    o->has_wscale = l->has & SOK_HAS(WSCALE);
    o->wscale = (uint8_t)l->wscale;
    o->sack_ok = l->has & SOK_HAS(SACKOK);
    o->has_cookie = l->has & SOK_HAS(TFO);
    for (unsigned i = 0; i < SOK_TCP_COOKIE_MAX; i++) {
        unsigned byte;
        if (strcmp(l->tfo, "ask") == 0 || sscanf(l->tfo + 2 * i, "%2x", &byte) != 1)
            break;
        o->cookie[o->cookie_len++] = (uint8_t)byte;
    }
    o->sack_count = l->sack_count;
    for (unsigned i = 0; i < l->sack_count; i++) {
        o->sack[i].start = c->iss + l->sack[i].start;
        o->sack[i].end = c->iss + l->sack[i].end;
    }
    bool syn = l->flags & SOK_TCP_SYN, ack = l->flags & SOK_TCP_ACK;
    bool usual = !syn && c->peer_ts && c->our_ts && !(l->has & SOK_HAS(OPTIONS));
    if (!(l->has & SOK_HAS(TS)) && !usual)
        return;
    o->has_ts = true;
    if (l->has & SOK_HAS(TS)) {
        o->tsval = d->peer_ts + l->tsval;
        o->tsecr = ack ? c->our_ts_base + l->tsecr : l->tsecr;
    } else {
        o->tsval = d->peer_ts + (uint32_t)((d->now - c->peer_ts_start) / SOK_MS);
        o->tsecr = ack ? c->our_ts_last : 0;
    }
}

// Options in the order the line spells out, with whatever padding it says. Numbers are unknown options
// without data.
static int options_spelled(const struct sok_line *l, const struct sok_tcp_opts *o, uint8_t out[40])
{
    char text[SOK_LINE_WORD_MAX];
    memcpy(text, l->options, sizeof text);
    size_t n = 0;
    for (char *save, *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        uint8_t one[40] = {0};
        size_t len = 0;
        if (strcmp(w, "none") == 0)
            continue;
        if (strcmp(w, "eol") == 0 || strcmp(w, "nop") == 0) {
            one[0] = w[0] == 'n';
            len = 1;
        } else if (strcmp(w, "mss") == 0) {
            one[0] = 2;
            one[1] = (uint8_t)(len = 4);
            sok_put16(one + 2, o->mss);
        } else if (strcmp(w, "wscale") == 0) {
            one[0] = 3;
            one[1] = (uint8_t)(len = 3);
            one[2] = o->wscale;
        } else if (strcmp(w, "tfo") == 0) {
            one[0] = SOK_TCP_OPT_COOKIE;
            one[1] = (uint8_t)(len = 2u + o->cookie_len);
            memcpy(one + 2, o->cookie, o->cookie_len);
        } else if (strcmp(w, "sackOK") == 0) {
            one[0] = 4;
            one[1] = (uint8_t)(len = 2);
        } else if (strcmp(w, "TS") == 0) {
            one[0] = 8;
            one[1] = (uint8_t)(len = 10);
            sok_put32(one + 2, o->tsval);
            sok_put32(one + 6, o->tsecr);
        } else if (strcmp(w, "sack") == 0) {
            one[0] = 5;
            one[1] = (uint8_t)(len = 2 + 8u * o->sack_count);
            for (unsigned i = 0; i < o->sack_count; i++) {
                sok_put32(one + 2 + 8 * i, o->sack[i].start);
                sok_put32(one + 6 + 8 * i, o->sack[i].end);
            }
        } else {
            // KIND or KIND:LENGTH, where the length may be a lie.
            char *end;
            unsigned long kind = strtoul(w, &end, 10), length = 2;
            bool lie = *end == ':';
            if (lie)
                length = strtoul(end + 1, &end, 10);
            if (*end || end == w || kind > 255 || length > 255)
                return -1;
            one[0] = (uint8_t)kind;
            one[1] = (uint8_t)length;
            len = length < 2 || length > 38 ? 2 : length;
        }
        if (n + len > 40)
            return -1;
        memcpy(out + n, one, len);
        n += len;
    }
    while (n % 4)
        out[n++] = 0;
    return (int)n;
}

static int window_field(
    struct drill *d, const struct drill_step *step, struct drill_conn *c, uint16_t *out)
{
    const struct sok_line *l = step->line;
    unsigned shift =
        !(l->flags & SOK_TCP_SYN) && c->peer_wscale && c->our_wscale ? c->peer_shift : 0;
    uint32_t win = l->has & SOK_HAS(WIN) ? l->win : c->has_win ? c->win : 64240;
    if ((l->has & SOK_HAS(WIN)) && (win >> shift << shift != win || win >> shift > 65535))
        return sok_drill_fail(d, step,
            "win %u cannot be said: the peer's scale is %u (multiples of %u up to %u)", win, shift,
            1u << shift, 65535u << shift);
    win >>= shift;
    *out = (uint16_t)(win > 65535 ? 65535 : win);
    return 0;
}

static int build_tcp(struct drill *d, const struct drill_step *step, struct drill_conn *c)
{
    const struct sok_line *l = step->line;
    const struct sok_endpoint *src = l->has & SOK_HAS(ENDS) ? &l->src : &c->remote;
    const struct sok_endpoint *dst = l->has & SOK_HAS(ENDS) ? &l->dst : &c->local;
    struct sok_tcp_opts o;
    uint8_t options[44];
    options_of_line(d, l, c, &o);
    int n = l->has & SOK_HAS(OPTIONS) ? options_spelled(l, &o, options)
                                      : (int)sok_tcp_opts_put(options, &o);
    if (n < 0)
        return sok_drill_fail(d, step,
            "options are eol nop mss sackOK TS wscale tfo sack, KIND or KIND:LENGTH, "
            "with commas, 40 bytes at most");
    uint32_t seq = sok_drill_line_seq(l, c), len = sok_drill_line_len(l);
    uint32_t ack = l->has & SOK_HAS(ACK) ? l->ack : c->our_next;
    struct sok_tcp_hdr h = {
        .sport = src->port,
        .dport = dst->port,
        .seq = (c->has_isn || l->flags & SOK_TCP_SYN ? d->peer_isn : 0) + seq,
        .ack = l->flags & SOK_TCP_ACK || l->has & SOK_HAS(ACK) ? c->iss + ack : 0,
        .dataofs = (uint8_t)((SOK_TCP_HDR_LEN + (unsigned)n) / 4),
        .flags = l->flags,
        .urgptr = l->has & SOK_HAS(URG) ? (uint16_t)l->urg : 0,
    };
    if (window_field(d, step, c, &h.window))
        return -1;
    uint32_t head = SOK_TCP_HDR_LEN + (uint32_t)n;
    uint8_t *p = body(d, l, dst->addr);
    sok_tcp_hdr_put(p, &h);
    memcpy(p + SOK_TCP_HDR_LEN, options, (size_t)n);
    put_payload(l, p + head, len, (uint64_t)seq - !(l->flags & SOK_TCP_SYN));
    put_sum(l, p + 16, p, head + len, SOK_IPPROTO_TCP, &src->addr, &dst->addr);
    put_ip(d, l, SOK_IPPROTO_TCP, src->addr, dst->addr, head + len);
    return 0;
}

static void ends_or(const struct sok_line *l, struct sok_endpoint *src, struct sok_endpoint *dst)
{
    if (l->has & SOK_HAS(ENDS)) {
        *src = l->src;
        *dst = l->dst;
    }
}

static int build_udp(struct drill *d, const struct sok_line *l, struct drill_conn *c)
{
    struct sok_endpoint src = c->remote, dst = c->local;
    if (!c->has_ends) {
        src = (struct sok_endpoint){.addr = d->peer, .port = DRILL_PEER_PORT};
        dst.addr = d->addr;
    }
    if (c->udp)
        dst.port = sok_udp_local(c->udp).port;
    ends_or(l, &src, &dst);
    uint32_t len = sok_drill_line_len(l);
    uint8_t *p = body(d, l, dst.addr);
    struct sok_udp_hdr h = {
        .sport = src.port, .dport = dst.port, .len = (uint16_t)(SOK_UDP_HDR_LEN + len)};
    sok_udp_hdr_put(p, &h);
    put_payload(l, p + SOK_UDP_HDR_LEN, len, 0);
    put_sum(l, p + 6, p, SOK_UDP_HDR_LEN + len, SOK_IPPROTO_UDP, &src.addr, &dst.addr);
    put_ip(d, l, SOK_IPPROTO_UDP, src.addr, dst.addr, SOK_UDP_HDR_LEN + len);
    return 0;
}

static uint32_t put_quoted_ip(
    uint8_t *p, uint8_t proto, const struct sok_addr *src, const struct sok_addr *dst)
{
    if (!sok_addr_is_v4(*dst)) {
        struct sok_ip6_hdr ip6 = {.version = 6, .plen = 40, .nh = proto, .hlim = 63};
        memcpy(ip6.src, src->b, 16);
        memcpy(ip6.dst, dst->b, 16);
        sok_ip6_hdr_put(p, &ip6);
        return SOK_IP6_HDR_LEN;
    }
    struct sok_ip4_hdr ip = {.version = 4,
        .ihl = 5,
        .len = 60,
        .flags = SOK_IP4_DF,
        .ttl = 63,
        .proto = proto,
        .src = sok_addr_to_v4(*src),
        .dst = sok_addr_to_v4(*dst)};
    sok_ip4_hdr_put(p, &ip);
    return SOK_IP4_HDR_LEN;
}

// What an ICMP error quotes: the IP header and 8 bytes of a packet of ours.
static uint32_t put_quote(
    struct drill *d, const struct sok_line *l, struct drill_conn *c, uint8_t *p)
{
    struct sok_endpoint src = c->local, dst = c->remote;
    uint8_t proto = l->quote.proto ? l->quote.proto : c->udp ? SOK_IPPROTO_UDP : SOK_IPPROTO_TCP;
    bool echo = proto == SOK_IPPROTO_ICMP || proto == SOK_IPPROTO_ICMP6;
    if (echo && !l->quote.has_ends)
        dst.addr = d->peer;
    if (l->quote.has_ends) {
        src = l->quote.src;
        dst = l->quote.dst;
    }
    if (sok_addr_is_any(src.addr))
        src.addr = d->addr;
    uint32_t head = put_quoted_ip(p, proto, &src.addr, &dst.addr);
    uint8_t *q = p + head;
    memset(q, 0, 8);
    if (echo) {
        q[0] = proto == SOK_IPPROTO_ICMP ? 8 : SOK_ICMP6_ECHO;
        sok_put16(q + 4, c->echo_ident);
        sok_put16(q + 6, c->echo_seq);
        return head + 8;
    }
    sok_put16(q, src.port);
    sok_put16(q + 2, dst.port);
    if (proto == SOK_IPPROTO_TCP)
        sok_put32(q + 4, c->iss + (l->quote.has_seq ? l->quote.seq : c->our_next));
    else
        sok_put16(q + 4, 40);
    return head + 8;
}

static int build_icmp(struct drill *d, const struct sok_line *l, struct drill_conn *c)
{
    struct sok_endpoint src = {.addr = d->peer}, dst = {.addr = d->addr};
    ends_or(l, &src, &dst);
    uint8_t *p = body(d, l, dst.addr);
    bool echo = l->type == 0 || l->type == 8;
    struct sok_icmp_hdr h = {.type = (uint8_t)l->type, .code = (uint8_t)l->code};
    uint32_t len = sok_drill_line_len(l);
    if (echo) {
        h.id = l->has & SOK_HAS(ID) ? (uint16_t)l->id : l->type == 0 ? c->echo_ident : 1;
        h.seq = l->has & SOK_HAS(SEQ) ? (uint16_t)l->seq : l->type == 0 ? c->echo_seq : 1;
        put_payload(l, p + SOK_ICMP_HDR_LEN, len, 0);
    } else {
        h.seq = l->has & SOK_HAS(MTU) ? (uint16_t)l->mtu : 0;
        if (l->has & SOK_HAS(QUOTE))
            len = put_quote(d, l, c, p + SOK_ICMP_HDR_LEN);
        else
            put_payload(l, p + SOK_ICMP_HDR_LEN, len, 0);
    }
    sok_icmp_hdr_put(p, &h);
    put_sum(l, p + 2, p, SOK_ICMP_HDR_LEN + len, SOK_IPPROTO_ICMP, &src.addr, &dst.addr);
    put_ip(d, l, SOK_IPPROTO_ICMP, src.addr, dst.addr, SOK_ICMP_HDR_LEN + len);
    return 0;
}

// What neighbour discovery and group membership say; the length, 0: it is not understood.
static uint32_t put_items(const struct sok_line *l, uint8_t *p)
{
    p[0] = (uint8_t)l->type;
    uint32_t len = (uint32_t)sok_icmp6_put_items(p, l->with);
    if (len && sok_icmp6_has_target(p[0]))
        memcpy(p + SOK_ICMP6_HDR_LEN, l->target.addr.b, 16);
    p[1] = (uint8_t)l->code;
    return len;
}

static int build_icmp6(struct drill *d, const struct drill_step *step, struct drill_conn *c)
{
    const struct sok_line *l = step->line;
    struct sok_endpoint src = {.addr = d->peer}, dst = {.addr = d->addr};
    ends_or(l, &src, &dst);
    uint8_t *p = body(d, l, dst.addr);
    uint32_t len = sok_drill_line_len(l), head = SOK_ICMP6_HDR_LEN;
    struct sok_icmp6_hdr h = {.type = (uint8_t)l->type, .code = (uint8_t)l->code};
    bool reply = h.type == SOK_ICMP6_ECHO_REPLY;
    uint32_t word = l->has & SOK_HAS(MTU) ? l->mtu : l->pointer;
    if (sok_icmp6_has_items(h.type) && !(l->has & SOK_HAS(LEN))) {
        len = put_items(l, p);
        if (len == 0)
            return sok_drill_fail(
                d, step, "what it says is not understood (%s)", sok_icmp6_items_help);
        head = 0;
    } else if (reply || h.type == SOK_ICMP6_ECHO) {
        h.id = l->has & SOK_HAS(ID) ? (uint16_t)l->id : reply ? c->echo_ident : 1;
        h.seq = l->has & SOK_HAS(SEQ) ? (uint16_t)l->seq : reply ? c->echo_seq : 1;
    } else {
        h.id = (uint16_t)(word >> 16);
        h.seq = (uint16_t)word;
    }
    if (head) {
        sok_icmp6_hdr_put(p, &h);
        if (l->has & SOK_HAS(QUOTE))
            len = put_quote(d, l, c, p + head);
        else
            put_payload(l, p + head, len, 0);
    }
    put_sum(l, p + 2, p, head + len, SOK_IPPROTO_ICMP6, &src.addr, &dst.addr);
    put_ip(d, l, SOK_IPPROTO_ICMP6, src.addr, dst.addr, head + len);
    return 0;
}

static int build_arp(struct drill *d, const struct sok_line *l)
{
    struct sok_arp_hdr h = {
        .hwtype = 1, .ptype = SOK_ETHERTYPE_IP4, .hwlen = 6, .plen = 4, .op = l->arp_op};
    const uint8_t *mac = d->peer_mac;
    if (l->arp_op == 1) {
        h.pdst = sok_addr_to_v4(l->arp_about);
        h.psrc = sok_addr_to_v4(l->arp_tell);
    } else {
        mac = l->arp_mac;
        h.psrc = sok_addr_to_v4(l->arp_about);
        h.pdst = sok_addr_to_v4(d->addr);
        memcpy(h.hwdst, d->link.mac, 6);
    }
    memcpy(h.hwsrc, mac, 6);
    put_eth(d, SOK_ETHERTYPE_ARP, mac);
    sok_arp_hdr_put(d->frame + SOK_ETH_HDR_LEN, &h);
    d->frame_len = SOK_ETH_HDR_LEN + SOK_ARP_HDR_LEN;
    return 0;
}

int sok_drill_build(struct drill *d, const struct drill_step *step, struct drill_conn *c)
{
    const struct sok_line *l = step->line;
    if (l->text_more && !(l->has & SOK_HAS(LEN)))
        return sok_drill_fail(d, step, "a text that goes on needs len");
    if (sok_drill_line_len(l) > PAYLOAD_MAX)
        return sok_drill_fail(d, step, "len %u does not fit into a packet (at most %u)",
            sok_drill_line_len(l), PAYLOAD_MAX);
    switch ((enum sok_head)l->head) {
    case SOK_HEAD_TCP:
        return build_tcp(d, step, c);
    case SOK_HEAD_UDP:
        return build_udp(d, l, c);
    case SOK_HEAD_ICMP:
        return build_icmp(d, l, c);
    case SOK_HEAD_ICMP6:
        return build_icmp6(d, step, c);
    case SOK_HEAD_ARP:
        return build_arp(d, l);
    case SOK_HEAD_IP: {
        struct sok_endpoint src = {.addr = d->peer}, dst = {.addr = d->addr};
        ends_or(l, &src, &dst);
        put_payload(l, body(d, l, dst.addr), l->len, 0);
        put_ip(d, l, (uint8_t)l->proto, src.addr, dst.addr, l->len);
        return 0;
    }
    case SOK_HEAD_ETH:
        put_eth(d, (uint16_t)l->type, d->peer_mac);
        put_payload(l, d->frame + SOK_ETH_HDR_LEN, l->len, 0);
        d->frame_len = SOK_ETH_HDR_LEN + l->len;
        return 0;
    default:
        memset(d->frame, 0, l->len);
        memcpy(d->frame, l->hex, l->hex_len);
        d->frame_len = l->len > l->hex_len ? l->len : l->hex_len;
        return 0;
    }
}
