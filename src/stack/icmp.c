// ICMPv4 (RFC 792, RFC 1122 section 3.2.2): echo, errors we send, errors we are told. An error is believed
// only when it quotes something of ours that is really on its way (RFC 5927); redirects, source quench,
// masks and timestamps are ignored.
#include "stack/internal.h"

#include <string.h>
#include "base/siphash.h"
#include "wire/csum.h"

// An error quotes as much as fits into this IP packet (RFC 1812 section 4.3.2.3).
#define ERROR_PACKET_MAX 576

static void seal(uint8_t *message, uint32_t len)
{
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add(&c, message, len);
    sok_put16(message + 2, sok_csum_final(&c));
}

// ---- errors we send ----

// At most one in icmp_interval to each host, and a random part of that later, so that the limit tells
// nobody what others asked. Hosts that share a place take it from each other.
bool sok_icmp_within_limit(struct sok_stack *s, const struct sok_addr *to, int64_t now)
{
    uint64_t hash = sok_siphash(s->hash_key, to->b, sizeof(to->b));
    struct sok_icmp_limit *l = &s->icmp_limits[hash % SOK_ICMP_LIMITS];
    int64_t interval = s->config.icmp_interval;
    if (sok_addr_eq(l->addr, *to) && now < l->next)
        return false;
    l->addr = *to;
    l->next = now + interval;
    if (interval > 1)
        l->next += (int64_t)(sok_stack_random(s) % (uint64_t)(interval / 2 + 1));
    return true;
}

// Whether the packet may be answered with an error: to and from a single host, and no error itself.
// Fragments end before.
static bool may_answer(const struct sok_in *in)
{
    if (!in->unicast || in->ip.src >> 24 == 0)
        return false;
    return in->proto != SOK_IPPROTO_ICMP || (in->len > 0 && !sok_icmp_is_error(in->data[0]));
}

void sok_icmp_answer(struct sok_stack *s, const struct sok_in *in, uint8_t type, uint8_t code,
    enum sok_reason reason)
{
    struct sok_endpoint to = {.addr = in->src};
    struct sok_tcp_path path;
    if (!may_answer(in) || sok_stack_route(s, &in->dst, &to, &path) < 0)
        return;
    if (!sok_icmp_within_limit(s, &in->src, in->now)) {
        sok_stack_drop(s, SOK_DROP_RATE);
        return;
    }
    uint32_t quote = in->header_len + in->len;
    if (quote > ERROR_PACKET_MAX - SOK_IP4_HDR_LEN - SOK_ICMP_HDR_LEN)
        quote = ERROR_PACKET_MAX - SOK_IP4_HDR_LEN - SOK_ICMP_HDR_LEN;
    uint8_t *message;
    struct sok_packet *p = sok_ip_new(s, &in->src, SOK_ICMP_HDR_LEN + quote, &message);
    if (!p)
        return;
    struct sok_icmp_hdr h = {.type = type, .code = code};
    sok_icmp_hdr_put(message, &h);
    memcpy(message + SOK_ICMP_HDR_LEN, in->packet, quote);
    seal(message, SOK_ICMP_HDR_LEN + quote);
    struct sok_ip_out o = {
        .src = in->dst, .dst = in->src, .proto = SOK_IPPROTO_ICMP, .reason = (uint8_t)reason};
    if (sok_ip_send(s, p, &o, &path, in->now) < 0)
        sok_stack_drop(s, SOK_DROP_OUT_QUEUE);
}

// ---- echo ----

static enum sok_drop echo_answer(struct sok_stack *s, struct sok_in *in)
{
    struct sok_endpoint to = {.addr = in->src};
    struct sok_tcp_path path;
    if (!in->unicast) // RFC 1122 section 3.2.2.6 lets us
        return SOK_DROP_ICMP_BROADCAST;
    if (sok_stack_route(s, &in->dst, &to, &path) < 0)
        return SOK_DROP_ICMP_NOBODY;
    uint8_t *message;
    struct sok_packet *p = sok_ip_new(s, &in->src, in->len, &message);
    if (!p)
        return SOK_DROP_NONE; // counted
    memcpy(message, in->data, in->len);
    message[0] = SOK_ICMP_ECHO_REPLY;
    sok_put16(message + 2, 0);
    seal(message, in->len);
    struct sok_ip_out o = {
        .src = in->dst,
        .dst = in->src,
        .proto = SOK_IPPROTO_ICMP,
        .tos = in->tos,
        .reason = SOK_REASON_ECHO_REPLY,
    };
    if (sok_ip_send(s, p, &o, &path, in->now) < 0)
        return SOK_DROP_OUT_QUEUE;
    in->out->effects |= SOK_EFFECT_ANSWERED;
    return SOK_DROP_NONE;
}

// ---- errors we are told ----

static int unreachable_err(uint8_t code)
{
    switch (code) {
    case SOK_ICMP_PORT:
        return SOK_EREFUSED;
    case SOK_ICMP_PROTOCOL:
    case 5: // source route failed
        return SOK_EOPNOTSUPP;
    case SOK_ICMP_FRAG_NEEDED: // only TCP forbids to cut
        return SOK_EMSGSIZE;
    case SOK_ICMP_NET:
    case 6: // network unknown
    case SOK_ICMP_NET_ADMIN:
    case 11: // network, for this type of service
        return SOK_ENETUNREACH;
    default:
        return SOK_EHOSTUNREACH;
    }
}

// What the error means; 0: nothing we act on.
static int news_err(const struct sok_icmp_hdr *h)
{
    switch (h->type) {
    case SOK_ICMP_UNREACHABLE:
        return h->code <= 15 ? unreachable_err(h->code) : 0;
    case SOK_ICMP_TIME_EXCEEDED:
        return SOK_EHOSTUNREACH;
    case SOK_ICMP_PARAMETER:
        return SOK_EPROTO;
    default:
        return 0;
    }
}

static void set_quoted(struct sok_icmp_news *n, const struct sok_icmp_quote *q)
{
    n->proto = q->ip.proto;
    n->len = q->ip.len;
    n->seq = q->seq;
    n->echo = q->ip.proto == SOK_IPPROTO_ICMP && q->icmp_type == SOK_ICMP_ECHO;
    n->echo_id = q->echo_id;
    n->echo_seq = q->echo_seq;
    n->local = (struct sok_endpoint){.addr = sok_addr_v4(q->ip.src), .port = q->sport};
    n->remote = (struct sok_endpoint){.addr = sok_addr_v4(q->ip.dst), .port = q->dport};
    n->data = q->data;
    n->data_len = (uint32_t)q->len;
}

static uint32_t tell_owner(struct sok_stack *s, const struct sok_icmp_news *n, int64_t now)
{
    uint32_t conn = 0;
    if (n->echo)
        return sok_echo_news(s, n, now);
    switch (n->proto) {
    case SOK_IPPROTO_TCP:
        sok_tcp_icmp(s->tcp, &n->local, &n->remote, n->seq, n->err, n->hard, &conn, now);
        return conn;
    case SOK_IPPROTO_UDP:
        return sok_udp_news(s, n);
    default:
        return 0;
    }
}

uint32_t sok_icmp_deliver(struct sok_stack *s, const struct sok_icmp_news *n, int64_t now)
{
    uint32_t raw = s->raws ? sok_raw_news(s, n) : 0, owner = tell_owner(s, n, now);
    return owner ? owner : raw;
}

static enum sok_drop error_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_icmp_hdr *h)
{
    struct sok_icmp_quote quote;
    int err = news_err(h);
    if (err == 0)
        return SOK_DROP_ICMP_TYPE;
    if (!in->unicast ||
        !sok_icmp_quote_get(in->data + SOK_ICMP_HDR_LEN, in->len - SOK_ICMP_HDR_LEN, &quote) ||
        sok_dst_kind4(s, quote.ip.src) != SOK_DST_OURS)
        return SOK_DROP_ICMP_QUOTE;
    struct sok_icmp_news n = {
        .from = in->src,
        .err = err,
        .hard = err == SOK_EREFUSED || err == SOK_EOPNOTSUPP,
        .type = h->type,
        .code = h->code,
    };
    set_quoted(&n, &quote);
    n.mtu = err == SOK_EMSGSIZE ? sok_icmp_nexthopmtu(h) : 0;
    if (err == SOK_EMSGSIZE)
        return sok_pmtu_input(s, in, &n, n.mtu);
    in->out->conn = sok_icmp_deliver(s, &n, in->now);
    if (in->out->conn == 0)
        return SOK_DROP_ICMP_QUOTE;
    in->out->effects |= SOK_EFFECT_SOFT_ERROR;
    return SOK_DROP_NONE;
}

void sok_icmp_undelivered(struct sok_stack *s, const struct sok_packet *p, int err, int64_t now)
{
    struct sok_icmp_quote quote;
    if (p->len > SOK_ETH_HDR_LEN && p->frame[SOK_ETH_HDR_LEN] >> 4 == 6) {
        sok_icmp6_undelivered(s, p, err, now);
        return;
    }
    if (p->len < SOK_ETH_HDR_LEN ||
        !sok_icmp_quote_get(p->frame + SOK_ETH_HDR_LEN, p->len - SOK_ETH_HDR_LEN, &quote))
        return;
    struct sok_icmp_news n = {
        .from = sok_addr_v4(quote.ip.src),
        .err = err,
        .type = SOK_ICMP_UNREACHABLE,
        .code = SOK_ICMP_HOST,
    };
    set_quoted(&n, &quote);
    sok_icmp_deliver(s, &n, now);
}

// ---- in ----

static enum sok_drop reply_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_icmp_hdr *h)
{
    in->out->conn = sok_echo_reply_input(s, in, h->type, h->id, h->seq);
    if (in->out->conn == 0)
        return SOK_DROP_ICMP_NOBODY;
    in->out->effects |= SOK_EFFECT_DELIVERED;
    return SOK_DROP_NONE;
}

static enum sok_drop message_input(struct sok_stack *s, struct sok_in *in)
{
    struct sok_icmp_hdr h;
    if (!sok_icmp_get(in->data, in->len, &h))
        return SOK_DROP_ICMP_SHORT;
    if (!in->frame->meta.csum_valid && !sok_icmp_verify(in->data, in->len))
        return SOK_DROP_ICMP_CHECKSUM;
    if (h.type == SOK_ICMP_ECHO && s->echo_handed && sok_dst_kind4(s, in->ip.dst) != SOK_DST_OURS)
        return sok_echo_hand_over(s, in, h.id, h.seq);
    if (h.type == SOK_ICMP_ECHO)
        return echo_answer(s, in);
    if (h.type == SOK_ICMP_ECHO_REPLY)
        return reply_input(s, in, &h);
    return error_input(s, in, &h);
}

void sok_icmp_input(struct sok_stack *s, struct sok_in *in)
{
    in->out->drop = message_input(s, in);
}
