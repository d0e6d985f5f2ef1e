// ICMPv6 (RFC 4443): echo, errors we send, errors we are told. As in icmp.c an error is believed only when it
// quotes something of ours (RFC 5927 for TCP). Neighbour discovery, routers and groups are messages of ICMPv6, too,
// and go on to nd.c, router.c and mld.c.
#include "stack/internal.h"

#include <string.h>
#include "stack/router.h"
#include "wire/icmp6.h"
#include "wire/ip6.h"

// ---- errors we send ----

// What the packet is, with its extension headers passed over: no error answers an error or a redirect (section
// 2.4 e). Of a fragment that does not begin with the message nobody knows.
static bool is_error_itself(const uint8_t *packet, size_t len)
{
    struct sok_ip6_walk w = sok_ip6_walk(packet, len);
    struct sok_ip6_ext ext;
    while (sok_ip6_next(&w, &ext))
        ;
    if (w.cut || w.next != SOK_IPPROTO_ICMP6)
        return false;
    if ((w.fragment && w.frag.offset > 0) || w.at >= len)
        return true;
    return sok_icmp6_is_error(packet[w.at]) || packet[w.at] == SOK_ICMP6_REDIRECT;
}

// Section 2.4 (e): to a single host about what was sent to a single host. What was sent to a group is answered where
// the sender would otherwise never learn of it.
static bool may_answer(const struct sok_in *in, size_t len, uint8_t type, uint8_t code)
{
    bool of_groups =
        type == SOK_ICMP6_TOO_BIG || (type == SOK_ICMP6_PARAMETER && code == SOK_ICMP6_OPTION);
    if (sok_addr_is_any(in->src) || sok_addr_is_multicast(in->src))
        return false;
    return (in->unicast || of_groups) && !is_error_itself(in->packet, len);
}

static bool find_way(struct sok_stack *s, const struct sok_in *in, struct sok_tcp_path *path)
{
    struct sok_endpoint to = sok_scoped(&in->src, in->link, 0);
    struct sok_addr any = {{0}};
    return sok_stack_route(s, in->unicast ? &in->dst : &any, &to, path) == 0;
}

void sok_icmp6_answer(struct sok_stack *s, const struct sok_in *in, uint8_t type, uint8_t code,
    uint32_t word, enum sok_reason reason)
{
    uint32_t len = SOK_IP6_HDR_LEN + sok_get16(in->packet + 4);
    uint32_t quote = SOK_IP6_MTU_MIN - SOK_IP6_HDR_LEN - SOK_ICMP6_HDR_LEN;
    struct sok_tcp_path path;
    if (!may_answer(in, len, type, code) || !find_way(s, in, &path))
        return;
    if (!sok_icmp_within_limit(s, &in->src, in->now)) {
        sok_stack_drop(s, SOK_DROP_RATE);
        return;
    }
    quote = len < quote ? len : quote;
    uint8_t *message;
    struct sok_packet *p = sok_ip_new(s, &in->src, SOK_ICMP6_HDR_LEN + quote, &message);
    if (!p)
        return;
    struct sok_icmp6_hdr h = {
        .type = type, .code = code, .id = (uint16_t)(word >> 16), .seq = (uint16_t)word};
    sok_icmp6_hdr_put(message, &h);
    memcpy(message + SOK_ICMP6_HDR_LEN, in->packet, quote);
    sok_icmp6_seal(message, SOK_ICMP6_HDR_LEN + quote, &path.source, &in->src);
    struct sok_ip_out o = {
        .src = path.source, .dst = in->src, .proto = SOK_IPPROTO_ICMP6, .reason = (uint8_t)reason};
    if (sok_ip_send(s, p, &o, &path, in->now) < 0)
        sok_stack_drop(s, SOK_DROP_OUT_QUEUE);
}

// ---- echo ----

// Also of a group (section 4.2), from an address of ours; that is limited like errors, as one request makes many
// answer.
static enum sok_drop echo_answer(struct sok_stack *s, struct sok_in *in)
{
    struct sok_tcp_path path;
    if (sok_addr_is_any(in->src) || !find_way(s, in, &path))
        return SOK_DROP_ICMP_NOBODY;
    if (!in->unicast && !sok_icmp_within_limit(s, &in->src, in->now))
        return SOK_DROP_RATE;
    uint8_t *message;
    struct sok_packet *p = sok_ip_new(s, &in->src, in->len, &message);
    if (!p)
        return SOK_DROP_NONE; // counted
    memcpy(message, in->data, in->len);
    message[0] = SOK_ICMP6_ECHO_REPLY;
    sok_icmp6_seal(message, in->len, &path.source, &in->src);
    struct sok_ip_out o = {
        .src = path.source,
        .dst = in->src,
        .proto = SOK_IPPROTO_ICMP6,
        .tos = in->tos,
        .reason = SOK_REASON_ECHO_REPLY,
    };
    if (sok_ip_send(s, p, &o, &path, in->now) < 0)
        return SOK_DROP_OUT_QUEUE;
    in->out->effects |= SOK_EFFECT_ANSWERED;
    return SOK_DROP_NONE;
}

static enum sok_drop echo_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_icmp6_hdr *h)
{
    if (s->echo_handed && sok_dst_kind(s, in->link, &in->dst) != SOK_DST_OURS)
        return sok_echo_hand_over(s, in, h->id, h->seq);
    return echo_answer(s, in);
}

static enum sok_drop reply_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_icmp6_hdr *h)
{
    in->out->conn = sok_echo_reply_input(s, in, h->type, h->id, h->seq);
    if (in->out->conn == 0)
        return SOK_DROP_ICMP_NOBODY;
    in->out->effects |= SOK_EFFECT_DELIVERED;
    return SOK_DROP_NONE;
}

// ---- errors we are told ----

static int unreachable_err(uint8_t code)
{
    switch (code) {
    case SOK_ICMP6_NO_ROUTE:
        return SOK_ENETUNREACH;
    case SOK_ICMP6_ADMIN:
    case SOK_ICMP6_POLICY:
    case SOK_ICMP6_REJECT:
        return SOK_EACCES;
    case SOK_ICMP6_PORT:
        return SOK_EREFUSED;
    default:
        return SOK_EHOSTUNREACH;
    }
}

// What the error means. Types that are not known are told as well (section 2.4 a).
static int news_err(const struct sok_icmp6_hdr *h)
{
    switch (h->type) {
    case SOK_ICMP6_UNREACHABLE:
        return unreachable_err(h->code);
    case SOK_ICMP6_TOO_BIG:
        return SOK_EMSGSIZE;
    case SOK_ICMP6_TIME_EXCEEDED:
        return SOK_EHOSTUNREACH;
    default:
        return SOK_EPROTO;
    }
}

static void set_quoted(struct sok_icmp_news *n, const struct sok_icmp6_quote *q, uint8_t link)
{
    n->proto = q->proto;
    n->seq = q->seq;
    n->echo = q->proto == SOK_IPPROTO_ICMP6 && q->icmp_type == SOK_ICMP6_ECHO;
    n->echo_id = q->echo_id;
    n->echo_seq = q->echo_seq;
    n->local = (struct sok_endpoint){.addr = q->src, .port = q->sport};
    n->remote = sok_scoped(&q->dst, link, q->dport);
    n->data = q->data;
    n->data_len = (uint32_t)q->len;
}

static enum sok_drop error_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_icmp6_hdr *h)
{
    struct sok_icmp6_quote quote;
    int err = news_err(h);
    if (!in->unicast ||
        !sok_icmp6_quote_get(in->data + SOK_ICMP6_HDR_LEN, in->len - SOK_ICMP6_HDR_LEN, &quote) ||
        sok_addr_is_v4(quote.src) || sok_addr_is_v4(quote.dst) ||
        sok_dst_kind(s, in->link, &quote.src) != SOK_DST_OURS)
        return SOK_DROP_ICMP_QUOTE;
    struct sok_icmp_news n = {
        .from = in->src,
        .err = err,
        .hard = err == SOK_EREFUSED || err == SOK_EACCES,
        .type = h->type,
        .code = h->code,
    };
    set_quoted(&n, &quote, in->link);
    n.mtu = h->type == SOK_ICMP6_TOO_BIG ? sok_icmp6_word(h) : 0;
    if (h->type == SOK_ICMP6_TOO_BIG)
        return sok_pmtu_input(s, in, &n, n.mtu);
    in->out->conn = sok_icmp_deliver(s, &n, in->now);
    if (in->out->conn == 0)
        return SOK_DROP_ICMP_QUOTE;
    in->out->effects |= SOK_EFFECT_SOFT_ERROR;
    return SOK_DROP_NONE;
}

void sok_icmp6_undelivered(struct sok_stack *s, const struct sok_packet *p, int err, int64_t now)
{
    struct sok_icmp6_quote quote;
    if (!sok_icmp6_quote_get(p->frame + SOK_ETH_HDR_LEN, p->len - SOK_ETH_HDR_LEN, &quote))
        return;
    struct sok_icmp_news n = {
        .from = quote.src,
        .err = err,
        .type = SOK_ICMP6_UNREACHABLE,
        .code = SOK_ICMP6_ADDRESS,
    };
    set_quoted(&n, &quote, p->link);
    sok_icmp_deliver(s, &n, now);
}

// ---- in ----

static enum sok_drop message_input(struct sok_stack *s, struct sok_in *in)
{
    struct sok_icmp6_hdr h;
    if (!sok_icmp6_get(in->data, in->len, &h))
        return SOK_DROP_ICMP_SHORT;
    if (!in->frame->meta.csum_valid && !sok_icmp6_verify(in->data, in->len, &in->src, &in->dst))
        return SOK_DROP_ICMP_CHECKSUM;
    switch (h.type) {
    case SOK_ICMP6_ECHO:
        return echo_input(s, in, &h);
    case SOK_ICMP6_ECHO_REPLY:
        return reply_input(s, in, &h);
    case SOK_ICMP6_MLD_QUERY:
    case SOK_ICMP6_MLD_REPORT:
    case SOK_ICMP6_MLD_DONE:
    case SOK_ICMP6_MLD2_REPORT:
        return sok_mld_input(s, in, in->ttl);
    case SOK_ICMP6_NS:
    case SOK_ICMP6_NA:
        return sok_nd_input(s, in);
    case SOK_ICMP6_RA:
        return sok_router_input(s, in, in->ttl);
    case SOK_ICMP6_REDIRECT:
        return sok_redirect_input(s, in, in->ttl);
    default:
        return sok_icmp6_is_error(h.type) ? error_input(s, in, &h) : SOK_DROP_ICMP_TYPE;
    }
}

void sok_icmp6_input(struct sok_stack *s, struct sok_in *in)
{
    in->out->drop = message_input(s, in);
}
