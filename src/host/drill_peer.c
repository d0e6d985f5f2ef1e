// The scripted peer: what it has sent and what it has seen of our side.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "base/seq.h"
#include "host/drill_internal.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

// ---- any frame ----

static bool sum_holds(uint8_t proto, const uint8_t *p, uint32_t len, const struct sok_addr *src,
    const struct sok_addr *dst)
{
    switch (proto) {
    case SOK_IPPROTO_TCP:
        return sok_tcp_verify(p, len, src, dst);
    case SOK_IPPROTO_UDP: // a sum must be there over IPv6 (RFC 8200 section 8.1)
        return sok_udp_verify(p, len, src, dst) && (sok_addr_is_v4(*dst) || sok_get16(p + 6) != 0);
    case SOK_IPPROTO_ICMP:
        return sok_icmp_verify(p, len);
    case SOK_IPPROTO_ICMP6:
        return sok_icmp6_verify(p, len, src, dst);
    default:
        return true;
    }
}

static bool sums_hold_ip6(const uint8_t *p, uint32_t there)
{
    struct sok_ip6_hdr ip;
    struct sok_ip6_ext e;
    if (there < SOK_IP6_HDR_LEN)
        return true;
    sok_ip6_hdr_get(p, &ip);
    if (sok_ip6_check(&ip, there) != SOK_DROP_NONE)
        return false;
    uint32_t len = SOK_IP6_HDR_LEN + (uint32_t)ip.plen;
    struct sok_ip6_walk w = sok_ip6_walk(p, len);
    while (sok_ip6_next(&w, &e))
        continue;
    if (w.cut)
        return false;
    struct sok_addr src = sok_ip6_src(&ip), dst = sok_ip6_dst(&ip);
    return w.fragment || sum_holds(w.next, p + w.at, len - (uint32_t)w.at, &src, &dst);
}

bool sok_drill_sums_hold(const struct drill *d)
{
    struct sok_ip4_hdr ip;
    const uint8_t *p = d->frame + SOK_ETH_HDR_LEN;
    if (d->frame_len >= SOK_ETH_HDR_LEN && sok_get16(d->frame + 12) == SOK_ETHERTYPE_IP6)
        return sums_hold_ip6(p, d->frame_len - SOK_ETH_HDR_LEN);
    if (d->frame_len < SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN ||
        sok_get16(d->frame + 12) != SOK_ETHERTYPE_IP4)
        return true;
    uint32_t there = d->frame_len - SOK_ETH_HDR_LEN;
    sok_ip4_hdr_get(p, &ip);
    uint32_t header = 4u * ip.ihl, len = ip.len - header;
    if (header < SOK_IP4_HDR_LEN || ip.len < header || ip.len > there || !sok_ip4_verify(p, header))
        return false;
    if (ip.frag > 0 || (ip.flags & SOK_IP4_MF))
        return true;
    struct sok_addr src = sok_addr_v4(ip.src), dst = sok_addr_v4(ip.dst);
    return sum_holds(ip.proto, p + header, len, &src, &dst);
}

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

struct drill_conn *sok_drill_conn_of_tag(struct drill *d, const char *tag, bool make)
{
    if (!*tag)
        tag = "1";
    for (unsigned i = 0; i < d->conn_count; i++) {
        if (strcmp(d->conns[i]->tag, tag) == 0)
            return d->conns[i];
    }
    return make ? conn_new(d, tag) : NULL;
}

struct drill_conn *sok_drill_conn_of_id(struct drill *d, uint32_t id)
{
    for (unsigned i = 0; id && i < d->conn_count; i++) {
        struct drill_conn *c = d->conns[i];
        if (c->tcp_id == id || c->listener_id == id || c->udp_id == id || c->raw_id == id ||
            c->echo_id == id)
            return c;
    }
    return NULL;
}

static bool endpoint_eq(const struct sok_endpoint *a, const struct sok_endpoint *b)
{
    return a->port == b->port && sok_addr_eq(a->addr, b->addr);
}

struct drill_conn *sok_drill_conn_of_ends(
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
    c->remote.port = (uint16_t)(DRILL_PEER_PORT + index);
    c->has_ends = true;
}

struct drill_conn *sok_drill_conn_of_in(struct drill *d, const struct drill_step *step)
{
    const struct sok_line *l = step->line;
    struct drill_conn *c = NULL;
    bool ends = (l->has & SOK_HAS(ENDS)) && l->head == SOK_HEAD_TCP;
    if (ends && !l->tag[0])
        c = sok_drill_conn_of_ends(d, &l->dst, &l->src);
    if (!c && ends && !sok_drill_conn_of_tag(d, l->tag, false)) {
        // A SYN that got a cookie had no tag yet.
        c = sok_drill_conn_of_ends(d, &l->dst, &l->src);
        c = c && !c->tcp_id ? c : NULL;
        if (c) {
            d->tags += !c->tag[0];
            snprintf(c->tag, sizeof c->tag, "%s", l->tag);
        }
    }
    if (!c) {
        // The first connection may be the one of lines without a tag; a stranger may not.
        struct drill_conn *first = sok_drill_conn_of_tag(d, l->tag, false);
        bool stranger = ends && !l->tag[0] && first && first->has_ends;
        c = stranger ? conn_new(d, "") : first ? first : sok_drill_conn_of_tag(d, l->tag, true);
    }
    if (!c) {
        sok_drill_fail(d, step, "too many connections (%d at most)", DRILL_CONNS_MAX);
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

void sok_drill_conns_free(struct drill *d)
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
uint8_t sok_drill_pattern(uint64_t off)
{
    return (uint8_t)(0x80 | (off ^ off >> 7) % 127);
}

// over false: what is known already stays.
int sok_drill_bytes_put(
    struct drill_bytes *b, uint64_t off, const uint8_t *p, size_t len, bool over)
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

// ---- frames that went in ----

uint32_t sok_drill_line_seq(const struct sok_line *l, const struct drill_conn *c)
{
    if (l->has & SOK_HAS(SEQ))
        return l->seq;
    return l->flags & SOK_TCP_SYN ? 0 : c->said_syn ? c->peer_next : 0;
}

uint32_t sok_drill_line_len(const struct sok_line *l)
{
    return l->has & SOK_HAS(LEN) ? l->len : l->has & SOK_HAS(TEXT) ? l->text_len : 0;
}

void sok_drill_peer_sent(
    struct drill *d, struct drill_conn *c, const struct sok_line *l, bool dropped)
{
    if (l->head != SOK_HEAD_TCP)
        return;
    c->has_isn = c->has_isn || l->flags & SOK_TCP_SYN;
    if (dropped)
        return;
    uint32_t seq = sok_drill_line_seq(l, c), len = sok_drill_line_len(l);
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
        sok_drill_bytes_put(&c->received, (uint64_t)seq + syn - 1, p, len, false);
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

// The headers of IP in the frame that came out: what is in it, and where. False: no IP, or no first fragment.
struct seen {
    struct sok_addr src, dst;
    const uint8_t *p;
    uint32_t len;
    uint8_t proto;
};

static bool see_ip(const struct drill *d, struct seen *s)
{
    const uint8_t *p = d->frame + SOK_ETH_HDR_LEN;
    uint32_t there = d->frame_len < SOK_ETH_HDR_LEN ? 0 : d->frame_len - SOK_ETH_HDR_LEN;
    uint16_t type = there ? sok_get16(d->frame + 12) : 0;
    if (type == SOK_ETHERTYPE_IP4 && there >= SOK_IP4_HDR_LEN) {
        struct sok_ip4_hdr ip;
        sok_ip4_hdr_get(p, &ip);
        uint32_t head = ip.ihl * 4u;
        *s = (struct seen){
            sok_addr_v4(ip.src), sok_addr_v4(ip.dst), p + head, there - head, ip.proto};
        return ip.frag == 0 && s->len >= 8;
    }
    if (type == SOK_ETHERTYPE_IP6 && there >= SOK_IP6_HDR_LEN) {
        struct sok_ip6_hdr ip;
        struct sok_ip6_ext e;
        sok_ip6_hdr_get(p, &ip);
        struct sok_ip6_walk w = sok_ip6_walk(p, there);
        while (sok_ip6_next(&w, &e))
            continue;
        *s = (struct seen){
            sok_ip6_src(&ip), sok_ip6_dst(&ip), p + w.at, there - (uint32_t)w.at, w.next};
        return !w.cut && (!w.fragment || w.frag.offset == 0) && s->len >= 8;
    }
    return false;
}

bool sok_drill_peer_sees(struct drill *d, uint32_t id)
{
    struct seen s;
    if (!see_ip(d, &s))
        return true;
    struct sok_endpoint local = {.addr = s.src, .port = sok_get16(s.p)};
    struct sok_endpoint remote = {.addr = s.dst, .port = sok_get16(s.p + 2)};
    struct drill_conn *c = sok_drill_conn_of_id(d, id);
    bool echo = (s.proto == SOK_IPPROTO_ICMP && s.p[0] == 8) ||
                (s.proto == SOK_IPPROTO_ICMP6 && s.p[0] == SOK_ICMP6_ECHO);
    if (echo && c) {
        c->echo_ident = sok_get16(s.p + 4);
        c->echo_seq = sok_get16(s.p + 6);
    }
    if (s.proto != SOK_IPPROTO_TCP && s.proto != SOK_IPPROTO_UDP)
        return true;
    if (!c)
        c = sok_drill_conn_of_ends(d, &local, &remote);
    if (!c)
        return true;
    c->local = local;
    c->remote = remote;
    c->has_ends = true;
    return s.proto == SOK_IPPROTO_UDP || sees_tcp(c, s.p, s.len);
}
