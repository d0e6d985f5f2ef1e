// IPv6 and ICMPv6 as lines. An atomic fragment's header (RFC 6946) is one of the extension headers; of a fragment that
// others must join, id, off and more are said as of IPv4's.
#include <stdio.h>
#include <string.h>
#include "host/notation_flow.h"
#include "host/notation_icmp6.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/text.h"
#include "wire/udp.h"

const struct sok_icmp_name sok_icmp6_names[] = {
    {SOK_ICMP6_ECHO, 0, "echo request"},
    {SOK_ICMP6_ECHO_REPLY, 0, "echo reply"},
    {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_NO_ROUTE, "no route"},
    {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_ADMIN, "admin prohibited"},
    {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_BEYOND_SCOPE, "beyond scope"},
    {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_ADDRESS, "address unreachable"},
    {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_PORT, "port unreachable"},
    {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_POLICY, "source prohibited"},
    {SOK_ICMP6_UNREACHABLE, SOK_ICMP6_REJECT, "route rejected"},
    {SOK_ICMP6_TOO_BIG, 0, "packet too big"},
    {SOK_ICMP6_TIME_EXCEEDED, SOK_ICMP6_HOPS, "time exceeded"},
    {SOK_ICMP6_TIME_EXCEEDED, SOK_ICMP6_REASSEMBLY, "reassembly time exceeded"},
    {SOK_ICMP6_PARAMETER, SOK_ICMP6_FIELD, "parameter problem"},
    {SOK_ICMP6_PARAMETER, SOK_ICMP6_NEXT, "unknown next header"},
    {SOK_ICMP6_PARAMETER, SOK_ICMP6_OPTION, "unknown option"},
    {SOK_ICMP6_MLD_QUERY, 0, "listener query"},
    {SOK_ICMP6_MLD2_REPORT, 0, "listener report v2"},
    {SOK_ICMP6_MLD_REPORT, 0, "listener report"},
    {SOK_ICMP6_MLD_DONE, 0, "listener done"},
    {SOK_ICMP6_RS, 0, "router solicitation"},
    {SOK_ICMP6_RA, 0, "router advertisement"},
    {SOK_ICMP6_NS, 0, "neighbour solicitation"},
    {SOK_ICMP6_NA, 0, "neighbour advertisement"},
    {SOK_ICMP6_REDIRECT, 0, "redirect"},
    {0, 0, NULL},
};

static void icmp6_items(struct sok_line *l, struct sok_bytes b)
{
    if (sok_icmp6_has_target((uint8_t)l->type) && b.have >= SOK_ND_NS_LEN) {
        memcpy(l->target.addr.b, b.p + SOK_ICMP6_HDR_LEN, 16);
        l->has |= SOK_HAS(TARGET);
    }
    if (b.have < b.len || !sok_icmp6_items(b.p, b.have, l->with)) {
        l->len = b.len - SOK_ICMP6_HDR_LEN;
        l->has |= SOK_HAS(LEN);
    } else if (l->with[0]) {
        l->has |= SOK_HAS(WITH);
    }
}

static void line_of_icmp6(struct sok_notation *n, struct sok_bytes b, struct sok_line *l)
{
    struct sok_icmp6_hdr h;
    sok_icmp6_hdr_get(b.p, &h);
    l->head = SOK_HEAD_ICMP6;
    l->type = h.type;
    l->code = h.code;
    l->has |= SOK_HAS(TYPE) | SOK_HAS(CODE);
    if (sok_nd_fixed(h.type) && l->ttl != 255) // not valid for that alone
        l->plain &= ~SOK_HAS(TTL);
    struct sok_bytes rest = sok_bytes_skip(b, SOK_ICMP6_HDR_LEN);
    if (h.type == SOK_ICMP6_TOO_BIG) {
        l->mtu = sok_icmp6_word(&h);
        l->has |= SOK_HAS(MTU);
    } else if (h.type == SOK_ICMP6_PARAMETER) {
        l->pointer = sok_icmp6_word(&h);
        l->has |= SOK_HAS(POINTER);
    }
    if (sok_icmp6_has_items(h.type) && h.code == 0) {
        icmp6_items(l, b);
    } else if (h.type == SOK_ICMP6_ECHO || h.type == SOK_ICMP6_ECHO_REPLY) {
        l->id = h.id;
        l->seq = h.seq;
        l->len = rest.len;
        l->has |= SOK_HAS(ID) | SOK_HAS(SEQ) | SOK_HAS(LEN);
    } else if (h.type >= SOK_ICMP6_UNREACHABLE && h.type <= SOK_ICMP6_PARAMETER) {
        sok_notation_quote(n, l, rest, l->kind == SOK_LINE_IN);
    } else {
        l->len = rest.len;
        l->has |= SOK_HAS(LEN);
    }
}

static void add_header(struct sok_text *t, const uint8_t *p, const struct sok_ip6_ext *e)
{
    const char *name = e->kind == SOK_IP6_HOP       ? "hop"
                       : e->kind == SOK_IP6_ROUTING ? "routing"
                       : e->kind == SOK_IP6_DEST    ? "dest"
                                                    : "frag";
    if (t->used)
        sok_text_add_char(t, ',');
    sok_text_add_str(t, name);
    sok_text_add_char(t, '=');
    // Without the next header; the length follows from the digits.
    sok_text_add_hex(t, p + e->at + 2, e->len - 2);
}

// The extension headers. Gives the offset of what follows; `l` has what they say.
static struct sok_ip6_walk headers(const struct sok_bytes *b, struct sok_line *l)
{
    struct sok_ip6_walk w = sok_ip6_walk(b->p, b->have);
    struct sok_text t = sok_text(l->headers, sizeof l->headers);
    struct sok_ip6_ext e;
    while (sok_ip6_next(&w, &e)) {
        if (e.kind != SOK_IP6_FRAG || !w.fragment)
            add_header(&t, b->p, &e);
    }
    if (t.used && t.used < sizeof l->headers)
        l->has |= SOK_HAS(HEADERS);
    if (w.fragment) {
        l->id = w.frag.id;
        l->off = w.frag.offset * 8u;
        l->more = w.frag.m;
        l->has |= SOK_HAS(ID) | SOK_HAS(OFF) | (l->more ? SOK_HAS(MORE) : 0);
    }
    return w;
}

void sok_notation_ip6(
    struct sok_notation *n, const struct sok_event *e, struct sok_bytes b, struct sok_line *l)
{
    struct sok_ip6_hdr h;
    sok_ip6_hdr_get(b.p, &h);
    l->head = SOK_HEAD_IP;
    l->no_port = true;
    l->src = (struct sok_endpoint){.addr = sok_ip6_src(&h)};
    l->dst = (struct sok_endpoint){.addr = sok_ip6_dst(&h)};
    l->ttl = h.hlim;
    l->tos = h.tc;
    l->flow = h.fl;
    l->has = SOK_HAS(ENDS) | SOK_HAS(TTL) | SOK_HAS(TOS) | SOK_HAS(FLOW);
    l->plain = SOK_HAS(TTL) | SOK_HAS(TOS) | SOK_HAS(FLOW);
    uint32_t end = SOK_IP6_HDR_LEN + (uint32_t)h.plen;
    if (end < b.len && !e->packet.gso_size)
        b.len = end;
    if (b.have > b.len)
        b.have = b.len;
    struct sok_ip6_walk w = headers(&b, l);
    b = sok_bytes_skip(b, (uint32_t)w.at);
    bool whole = !w.fragment && !w.cut;
    l->proto = w.next;
    if (whole && w.next == SOK_IPPROTO_TCP && b.have >= SOK_TCP_HDR_LEN && b.p[12] >> 4 >= 5 &&
        (b.p[12] >> 4) * 4u <= b.len) {
        sok_notation_tcp(n, e, b, l);
    } else if (whole && w.next == SOK_IPPROTO_UDP && b.have >= SOK_UDP_HDR_LEN) {
        sok_notation_udp(b, l);
    } else if (whole && w.next == SOK_IPPROTO_ICMP6 && b.have >= SOK_ICMP6_HDR_LEN) {
        line_of_icmp6(n, b, l);
    } else {
        l->len = b.len;
        l->has |= SOK_HAS(PROTO) | SOK_HAS(LEN);
        if (w.fragment)
            sok_notation_bytes(l, b);
    }
}
