// The scripted peer: what it has seen of our side, and `in` lines made into frames. Numbers in a line are
// relative to the initial ones; what a line leaves out is what a peer would say next.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "base/seq.h"
#include "host/drill_internal.h"
#include "wire/arp.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

#define PEER_FIRST_PORT 40001

// ---- connections ----

static struct drill_conn *conn_new(struct drill *d, const char *tag)
{
    if (d->conn_count == DRILL_CONNS_MAX)
        return NULL;
    struct drill_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    snprintf(c->tag, sizeof c->tag, "%s", tag);
    d->tags += *tag != 0;
    d->conns[d->conn_count++] = c;
    return c;
}

struct drill_conn *drill_conn_of_tag(struct drill *d, const char *tag, bool make)
{
    if (!*tag)
        tag = "1";
    for (unsigned i = 0; i < d->conn_count; i++) {
        if (strcmp(d->conns[i]->tag, tag) == 0)
            return d->conns[i];
    }
    return make ? conn_new(d, tag) : NULL;
}

struct drill_conn *drill_conn_of_id(struct drill *d, uint32_t id)
{
    for (unsigned i = 0; id && i < d->conn_count; i++) {
        struct drill_conn *c = d->conns[i];
        if (c->tcp_id == id || c->listener_id == id || c->udp_id == id || c->echo_id == id)
            return c;
    }
    return NULL;
}

static bool endpoint_eq(const struct sok_endpoint *a, const struct sok_endpoint *b)
{
    return a->port == b->port && sok_addr_eq(a->addr, b->addr);
}

static struct drill_conn *conn_of_ends(
    struct drill *d, const struct sok_endpoint *local, const struct sok_endpoint *remote)
{
    for (unsigned i = d->conn_count; i-- > 0;) {
        struct drill_conn *c = d->conns[i];
        if (c->has_ends && endpoint_eq(&c->local, local) && endpoint_eq(&c->remote, remote))
            return c;
    }
    return NULL;
}

// Without ends in the line: to the port that listens, from a port of the peer's own.
static void default_ends(struct drill *d, struct drill_conn *c)
{
    c->local.addr = d->addr;
    c->local.port = 80;
    for (unsigned i = 0; i < d->conn_count; i++) {
        if (d->conns[i]->listener)
            c->local.port = sok_tcp_listener_local(d->conns[i]->listener).port;
    }
    c->remote.addr = d->peer;
    unsigned index = 0;
    while (d->conns[index] != c)
        index++;
    c->remote.port = (uint16_t)(PEER_FIRST_PORT + index);
    c->has_ends = true;
}

struct drill_conn *drill_conn_of_in(struct drill *d, const struct drill_step *step)
{
    const struct sok_line *l = step->line;
    struct drill_conn *c = NULL;
    bool ends = (l->has & SOK_HAS(ENDS)) && l->head == SOK_HEAD_TCP;
    if (ends && !l->tag[0])
        c = conn_of_ends(d, &l->dst, &l->src);
    if (!c) {
        // The first connection may be the one of lines without a tag; a stranger may not.
        struct drill_conn *first = drill_conn_of_tag(d, l->tag, false);
        bool stranger = ends && !l->tag[0] && first && first->has_ends;
        c = stranger ? conn_new(d, "") : first ? first : drill_conn_of_tag(d, l->tag, true);
    }
    if (!c) {
        drill_fail(d, step, "too many connections (%d at most)", DRILL_CONNS_MAX);
        return NULL;
    }
    if (l->head != SOK_HEAD_TCP && !(l->head == SOK_HEAD_ICMP && (l->has & SOK_HAS(QUOTE))))
        return c;
    if (ends && !c->has_ends) {
        c->local = l->dst;
        c->remote = l->src;
        c->has_ends = true;
    }
    if (!c->has_ends)
        default_ends(d, c);
    return c;
}

void drill_conns_free(struct drill *d)
{
    for (unsigned i = 0; i < d->conn_count; i++) {
        struct drill_conn *c = d->conns[i];
        free(c->sent.p);
        free(c->sent.known);
        free(c->received.p);
        free(c->received.known);
        free(c);
    }
    d->conn_count = 0;
}

// ---- streams ----

// Bytes nobody chose: none of them is printable, and a shift by one is noticed.
uint8_t drill_pattern(uint64_t off)
{
    return (uint8_t)(0x80 | (off ^ off >> 7) % 127);
}

// over false: what is known already stays.
int drill_bytes_put(struct drill_bytes *b, uint64_t off, const uint8_t *p, size_t len, bool over)
{
    if (off + len > DRILL_STREAM_MAX)
        return -1;
    size_t end = (size_t)off + len;
    if (end > b->cap) {
        size_t cap = b->cap ? b->cap : 4096;
        while (cap < end)
            cap *= 2;
        uint8_t *bytes = realloc(b->p, cap), *known = bytes ? realloc(b->known, cap) : NULL;
        b->p = bytes ? bytes : b->p;
        if (!known)
            return -1;
        b->known = known;
        memset(known + b->cap, 0, cap - b->cap);
        b->cap = cap;
    }
    for (size_t i = 0; i < len; i++) {
        if (!over && b->known[off + i])
            continue;
        b->p[off + i] = p[i];
        b->known[off + i] = 1;
    }
    if (end > b->end)
        b->end = end;
    return 0;
}

// ---- frames from lines ----

static void put_eth(struct drill *d, uint16_t type, const uint8_t *src)
{
    struct sok_eth_hdr h = {.type = type};
    memcpy(h.dst, d->link.mac, 6);
    memcpy(h.src, src, 6);
    sok_eth_hdr_put(d->frame, &h);
}

// The IP header for len bytes of payload that are in place already.
static void put_ip(struct drill *d, const struct sok_line *l, uint8_t proto, struct sok_addr src,
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

// len bytes that begin at stream offset off: the line's text first.
static void put_payload(const struct sok_line *l, uint8_t *p, uint32_t len, uint64_t off)
{
    for (uint32_t i = 0; i < len; i++)
        p[i] = i < l->text_len ? l->text[i] : drill_pattern(off + i);
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
        return drill_fail(d, step,
            "win %u cannot be said: the peer's scale is %u (multiples of %u up to %u)", win, shift,
            1u << shift, 65535u << shift);
    win >>= shift;
    *out = (uint16_t)(win > 65535 ? 65535 : win);
    return 0;
}

static uint32_t line_seq(const struct sok_line *l, const struct drill_conn *c)
{
    if (l->has & SOK_HAS(SEQ))
        return l->seq;
    return l->flags & SOK_TCP_SYN ? 0 : c->said_syn ? c->peer_next : 0;
}

static uint32_t line_len(const struct sok_line *l)
{
    return l->has & SOK_HAS(LEN) ? l->len : l->has & SOK_HAS(TEXT) ? l->text_len : 0;
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
        return drill_fail(d, step,
            "options are eol nop mss sackOK TS wscale sack, KIND or KIND:LENGTH, "
            "with commas, 40 bytes at most");
    uint32_t seq = line_seq(l, c), len = line_len(l);
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
    if (SOK_IP4_HDR_LEN + head + len > 65535)
        return drill_fail(d, step, "len %u does not fit into a packet", len);
    uint8_t *p = d->frame + SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN;
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
        src = (struct sok_endpoint){.addr = d->peer, .port = PEER_FIRST_PORT};
        dst.addr = d->addr;
    }
    if (c->udp)
        dst.port = sok_udp_local(c->udp).port;
    ends_or(l, &src, &dst);
    uint32_t len = line_len(l);
    uint8_t *p = d->frame + SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN;
    struct sok_udp_hdr h = {
        .sport = src.port, .dport = dst.port, .len = (uint16_t)(SOK_UDP_HDR_LEN + len)};
    sok_udp_hdr_put(p, &h);
    put_payload(l, p + SOK_UDP_HDR_LEN, len, 0);
    put_sum(l, p + 6, p, SOK_UDP_HDR_LEN + len, SOK_IPPROTO_UDP, &src.addr, &dst.addr);
    put_ip(d, l, SOK_IPPROTO_UDP, src.addr, dst.addr, SOK_UDP_HDR_LEN + len);
    return 0;
}

// What an ICMP error quotes: the IP header and 8 bytes of a packet of ours.
static uint32_t put_quote(
    struct drill *d, const struct sok_line *l, struct drill_conn *c, uint8_t *p)
{
    struct sok_endpoint src = c->local, dst = c->remote;
    uint8_t proto = l->quote.proto ? l->quote.proto : c->udp ? SOK_IPPROTO_UDP : SOK_IPPROTO_TCP;
    if (proto == SOK_IPPROTO_ICMP && !l->quote.has_ends)
        dst.addr = d->peer;
    if (l->quote.has_ends) {
        src = l->quote.src;
        dst = l->quote.dst;
    }
    if (sok_addr_is_any(src.addr))
        src.addr = d->addr;
    struct sok_ip4_hdr ip = {.version = 4,
        .ihl = 5,
        .len = 60,
        .flags = SOK_IP4_DF,
        .ttl = 63,
        .proto = proto,
        .src = sok_addr_to_v4(src.addr),
        .dst = sok_addr_to_v4(dst.addr)};
    sok_ip4_hdr_put(p, &ip);
    uint8_t *q = p + SOK_IP4_HDR_LEN;
    memset(q, 0, 8);
    if (proto == SOK_IPPROTO_ICMP) {
        q[0] = 8;
        sok_put16(q + 4, c->echo_ident);
        sok_put16(q + 6, c->echo_seq);
        return SOK_IP4_HDR_LEN + 8;
    }
    sok_put16(q, src.port);
    sok_put16(q + 2, dst.port);
    if (proto == SOK_IPPROTO_TCP)
        sok_put32(q + 4, c->iss + (l->quote.has_seq ? l->quote.seq : c->our_next));
    else
        sok_put16(q + 4, 40);
    return SOK_IP4_HDR_LEN + 8;
}

static int build_icmp(struct drill *d, const struct sok_line *l, struct drill_conn *c)
{
    struct sok_endpoint src = {.addr = d->peer}, dst = {.addr = d->addr};
    ends_or(l, &src, &dst);
    uint8_t *p = d->frame + SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN;
    bool echo = l->type == 0 || l->type == 8;
    struct sok_icmp_hdr h = {.type = (uint8_t)l->type, .code = (uint8_t)l->code};
    uint32_t len = line_len(l);
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

int drill_build(struct drill *d, const struct drill_step *step, struct drill_conn *c)
{
    const struct sok_line *l = step->line;
    if (l->text_more && !(l->has & SOK_HAS(LEN)))
        return drill_fail(d, step, "a text that goes on needs len");
    switch ((enum sok_head)l->head) {
    case SOK_HEAD_TCP:
        return build_tcp(d, step, c);
    case SOK_HEAD_UDP:
        return build_udp(d, l, c);
    case SOK_HEAD_ICMP:
        return build_icmp(d, l, c);
    case SOK_HEAD_ARP:
        return build_arp(d, l);
    case SOK_HEAD_IP: {
        struct sok_endpoint src = {.addr = d->peer}, dst = {.addr = d->addr};
        ends_or(l, &src, &dst);
        put_payload(l, d->frame + SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN, l->len, 0);
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

void drill_peer_sent(struct drill *d, struct drill_conn *c, const struct sok_line *l, bool dropped)
{
    if (l->head != SOK_HEAD_TCP)
        return;
    c->has_isn = c->has_isn || l->flags & SOK_TCP_SYN;
    if (dropped)
        return;
    uint32_t seq = line_seq(l, c), len = line_len(l);
    bool syn = l->flags & SOK_TCP_SYN;
    uint32_t end = seq + len + syn + !!(l->flags & SOK_TCP_FIN);
    if (!c->said_syn || sok_seq_gt(end, c->peer_next))
        c->peer_next = end;
    c->said_syn = true;
    if (syn) {
        c->peer_wscale = l->has & SOK_HAS(WSCALE);
        c->peer_shift = (uint8_t)(l->wscale > 14 ? 14 : l->wscale);
        c->peer_ts = l->has & SOK_HAS(TS);
        c->peer_ts_start = d->now - (int64_t)(l->has & SOK_HAS(TS) ? l->tsval : 0) * SOK_MS;
    }
    if ((l->has & SOK_HAS(WIN)) && !(l->flags & SOK_TCP_RST)) {
        c->win = l->win;
        c->has_win = true;
    }
    uint8_t *p = d->frame + d->frame_len - len;
    if (len && seq + syn >= 1)
        drill_bytes_put(&c->received, (uint64_t)seq + syn - 1, p, len, false);
}

// ---- frames that came out ----

static bool sees_tcp(struct drill_conn *c, const uint8_t *p, uint32_t have)
{
    struct sok_tcp_hdr h;
    struct sok_tcp_opts o;
    sok_tcp_hdr_get(p, &h);
    uint32_t head = h.dataofs * 4u;
    memset(&o, 0, sizeof o);
    sok_tcp_opts_get(p + SOK_TCP_HDR_LEN, head - SOK_TCP_HDR_LEN, &o);
    if ((h.flags & SOK_TCP_SYN) && (!c->has_iss || c->iss != h.seq)) {
        c->has_iss = true;
        c->iss = h.seq;
        c->our_next = 0;
        c->our_wscale = o.has_wscale;
        c->our_shift = o.wscale;
        c->our_ts = o.has_ts;
        c->our_ts_base = c->our_ts_last = o.tsval;
    }
    uint32_t seq = h.seq - c->iss, len = have - head;
    uint32_t end = seq + len + !!(h.flags & SOK_TCP_SYN) + !!(h.flags & SOK_TCP_FIN);
    if (!(h.flags & SOK_TCP_RST) && sok_seq_gt(end, c->our_next))
        c->our_next = end;
    if (o.has_ts && sok_seq_gt(o.tsval, c->our_ts_last))
        c->our_ts_last = o.tsval;
    // Every byte must be what the application gave, wherever and however often it is sent. A keep-alive
    // or a window probe may carry one garbage byte that is old already.
    uint64_t off = (uint64_t)seq - 1;
    if (!len || !c->tcp_id || (h.flags & SOK_TCP_SYN) || seq == 0)
        return true;
    return off + len <= c->sent.end && memcmp(c->sent.p + off, p + head, len) == 0;
}

bool drill_peer_sees(struct drill *d, uint32_t id)
{
    const uint8_t *p = d->frame + SOK_ETH_HDR_LEN;
    if (d->frame_len < SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN ||
        sok_get16(d->frame + 12) != SOK_ETHERTYPE_IP4)
        return true;
    struct sok_ip4_hdr ip;
    sok_ip4_hdr_get(p, &ip);
    uint32_t head = ip.ihl * 4u, have = d->frame_len - SOK_ETH_HDR_LEN - head;
    p += head;
    struct sok_endpoint local = {.addr = sok_addr_v4(ip.src), .port = sok_get16(p)};
    struct sok_endpoint remote = {.addr = sok_addr_v4(ip.dst), .port = sok_get16(p + 2)};
    struct drill_conn *c = drill_conn_of_id(d, id);
    if (ip.proto == SOK_IPPROTO_ICMP && p[0] == 8 && c) {
        c->echo_ident = sok_get16(p + 4);
        c->echo_seq = sok_get16(p + 6);
    }
    if (ip.proto != SOK_IPPROTO_TCP && ip.proto != SOK_IPPROTO_UDP)
        return true;
    if (!c)
        c = conn_of_ends(d, &local, &remote);
    if (!c)
        return true;
    c->local = local;
    c->remote = remote;
    c->has_ends = true;
    return ip.proto == SOK_IPPROTO_UDP || sees_tcp(c, p, have);
}
