#include "wire/icmp6.h"

#include "wire/csum.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/mld.h"
#include "wire/show.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define OPTION_UNIT 8

const struct sok_value sok_icmp6_types[] = {{1, "dest-unreach"}, {2, "packet-too-big"},
    {3, "time-exceeded"}, {4, "parameter-problem"}, {128, "echo-request"}, {129, "echo-reply"},
    {130, "listener-query"}, {131, "listener-report"}, {132, "listener-done"},
    {133, "router-solicitation"}, {134, "router-advertisement"}, {135, "neighbor-solicitation"},
    {136, "neighbor-advertisement"}, {137, "redirect"}, {143, "listener-report-v2"}, {0, NULL}};
const struct sok_value sok_nd_prfs[] = {{SOK_ND_PRF_MEDIUM, "medium"}, {SOK_ND_PRF_HIGH, "high"},
    {SOK_ND_PRF_RESERVED, "reserved"}, {SOK_ND_PRF_LOW, "low"}, {0, NULL}};

// ---- checksum ----

static uint16_t sum_of(
    const uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst)
{
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, src, dst, SOK_IPPROTO_ICMP6, (uint32_t)len);
    sok_csum_add(&c, p, len);
    return sok_csum_final(&c);
}

bool sok_icmp6_verify(
    const uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst)
{
    return sum_of(p, len, src, dst) == 0;
}

void sok_icmp6_seal(uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst)
{
    sok_put16(p + 2, 0);
    sok_put16(p + 2, sum_of(p, len, src, dst));
}

// ---- quotes ----

#define QUOTED_LEAST 8

static void quote_transport(struct sok_icmp6_quote *q, const uint8_t *p, size_t len)
{
    if (q->proto == SOK_IPPROTO_TCP || q->proto == SOK_IPPROTO_UDP) {
        q->sport = sok_get16(p);
        q->dport = sok_get16(p + 2);
    }
    if (q->proto == SOK_IPPROTO_TCP)
        q->seq = sok_get32(p + SOK_TCP_SEQ_OFFSET);
    if (q->proto == SOK_IPPROTO_ICMP6)
        q->icmp_type = p[0];
    if (q->proto == SOK_IPPROTO_ICMP6 && q->icmp_type == SOK_ICMP6_ECHO && len >= QUOTED_LEAST) {
        q->echo_id = sok_get16(p + 4);
        q->echo_seq = sok_get16(p + 6);
    }
}

bool sok_icmp6_quote_get(const uint8_t *p, size_t len, struct sok_icmp6_quote *out)
{
    struct sok_ip6_hdr ip;
    if (!sok_ip6_get(p, len, &ip) || ip.version != 6)
        return false;
    struct sok_ip6_walk w = sok_ip6_walk(p, len);
    struct sok_ip6_ext ext;
    while (sok_ip6_next(&w, &ext))
        ;
    bool known =
        w.next == SOK_IPPROTO_TCP || w.next == SOK_IPPROTO_UDP || w.next == SOK_IPPROTO_ICMP6;
    if (w.cut || (w.fragment && w.frag.offset > 0) || (known && len - w.at < QUOTED_LEAST))
        return false;
    *out =
        (struct sok_icmp6_quote){.src = sok_ip6_src(&ip), .dst = sok_ip6_dst(&ip), .proto = w.next};
    out->data = p + w.at;
    out->len = len - w.at;
    quote_transport(out, p + w.at, len - w.at);
    return true;
}

// ---- neighbour discovery ----

size_t sok_nd_fixed(uint8_t type)
{
    switch (type) {
    case SOK_ICMP6_RS:
        return SOK_ND_RS_LEN;
    case SOK_ICMP6_RA:
        return SOK_ND_RA_LEN;
    case SOK_ICMP6_NS:
        return SOK_ND_NS_LEN;
    case SOK_ICMP6_NA:
        return SOK_ND_NA_LEN;
    case SOK_ICMP6_REDIRECT:
        return SOK_ND_REDIRECT_LEN;
    default:
        return 0;
    }
}

static struct sok_options nd_walk(const uint8_t *p, size_t len)
{
    struct sok_options o = sok_options(p, len);
    o.unit = OPTION_UNIT;
    return o;
}

struct sok_options sok_nd_options(const uint8_t *message, size_t len)
{
    size_t fixed = sok_nd_fixed(message[0]);
    return nd_walk(message + fixed, len - fixed);
}

bool sok_nd_check(const uint8_t *message, size_t len)
{
    struct sok_option opt;
    if (len < SOK_ICMP6_HDR_LEN || len < sok_nd_fixed(message[0]) || message[1] != 0)
        return false;
    struct sok_options o = sok_nd_options(message, len);
    while (sok_option_next(&o, &opt))
        ;
    return !o.malformed;
}

const uint8_t *sok_nd_option(
    const uint8_t *message, size_t len, uint8_t kind, size_t least, size_t *value_len)
{
    struct sok_options o = sok_nd_options(message, len);
    for (struct sok_option opt; sok_option_next(&o, &opt);) {
        if (opt.kind != kind || opt.len < least)
            continue;
        if (value_len)
            *value_len = opt.len;
        return opt.data;
    }
    return NULL;
}

bool sok_nd_link_addr(const uint8_t *message, size_t len, uint8_t kind, uint8_t mac[6])
{
    size_t value_len;
    const uint8_t *value = sok_nd_option(message, len, kind, SOK_ND_LINK_LEN, &value_len);
    if (!value || value_len != SOK_ND_LINK_LEN)
        return false;
    memcpy(mac, value, SOK_ND_LINK_LEN);
    return true;
}

static size_t put_head(uint8_t *p, uint8_t kind, size_t len)
{
    p[0] = kind;
    p[1] = (uint8_t)(len / OPTION_UNIT);
    return len;
}

size_t sok_nd_put_link(uint8_t *p, uint8_t kind, const uint8_t mac[6])
{
    memcpy(p + 2, mac, SOK_ND_LINK_LEN);
    return put_head(p, kind, SOK_ND_OPT_LINK_LEN);
}

size_t sok_nd_put_nonce(uint8_t *p, const uint8_t nonce[SOK_ND_NONCE_LEN])
{
    memcpy(p + 2, nonce, SOK_ND_NONCE_LEN);
    return put_head(p, SOK_ND_OPT_NONCE, SOK_ND_OPT_NONCE_LEN);
}

size_t sok_nd_put_prefix(uint8_t *p, const struct sok_nd_prefix_hdr *h)
{
    sok_nd_prefix_hdr_put(p + 2, h);
    return put_head(p, SOK_ND_OPT_PREFIX, SOK_ND_OPT_PREFIX_LEN);
}

size_t sok_nd_put_mtu(uint8_t *p, uint32_t mtu)
{
    struct sok_nd_mtu_hdr h = {.mtu = mtu};
    sok_nd_mtu_hdr_put(p + 2, &h);
    return put_head(p, SOK_ND_OPT_MTU, SOK_ND_OPT_MTU_LEN);
}

size_t sok_nd_put_route(uint8_t *p, const struct sok_nd_route_hdr *h, const struct sok_addr *prefix)
{
    size_t bytes = h->plen == 0 ? 0 : h->plen <= 64 ? 8 : 16;
    sok_nd_route_hdr_put(p + 2, h);
    memcpy(p + 2 + SOK_ND_ROUTE_LEN, prefix->b, bytes);
    return put_head(p, SOK_ND_OPT_ROUTE, 8 + bytes);
}

size_t sok_nd_put_rdnss(
    uint8_t *p, uint32_t lifetime, const struct sok_addr *servers, unsigned count)
{
    struct sok_nd_dns_hdr h = {.lifetime = lifetime};
    sok_nd_dns_hdr_put(p + 2, &h);
    for (unsigned i = 0; i < count; i++)
        memcpy(p + 2 + SOK_ND_DNS_LEN + 16 * i, servers[i].b, 16);
    return put_head(p, SOK_ND_OPT_RDNSS, 8 + 16 * (size_t)count);
}

// ---- text ----

static void line_target(struct sok_text *t, const char *what, const uint8_t *tgt)
{
    sok_text_add_str(t, what);
    sok_text_add_ip6(t, tgt);
}

static void line_known(struct sok_text *t, const uint8_t *p, const struct sok_icmp6_hdr *h)
{
    switch (h->type) {
    case SOK_ICMP6_ECHO:
    case SOK_ICMP6_ECHO_REPLY:
        sok_text_add(t, "echo %s, id %u, seq %u", h->type == SOK_ICMP6_ECHO ? "request" : "reply",
            h->id, h->seq);
        break;
    case SOK_ICMP6_TOO_BIG:
        sok_text_add(t, "packet too big, mtu %u", sok_icmp6_word(h));
        break;
    case SOK_ICMP6_NS:
        line_target(t, "neighbor solicitation, who has ", p + 8);
        break;
    case SOK_ICMP6_NA:
        line_target(t, "neighbor advertisement, tgt is ", p + 8);
        break;
    case SOK_ICMP6_REDIRECT:
        line_target(t, "redirect, ", p + 24);
        line_target(t, " to ", p + 8);
        break;
    case SOK_ICMP6_MLD_QUERY:
    case SOK_ICMP6_MLD_REPORT:
    case SOK_ICMP6_MLD_DONE:
        line_target(t, sok_value_text(sok_icmp6_types, h->type), p + 8);
        break;
    default:
        sok_text_add(t, "%s, code %u", sok_value_text(sok_icmp6_types, h->type), h->code);
        break;
    }
}

void sok_icmp6_line(const struct sok_show *l)
{
    const struct sok_layer *layer = sok_show_layer(l);
    const uint8_t *p = sok_show_header(l);
    uint8_t head[SOK_ICMP6_HDR_LEN] = {0}; // a message of an unknown type may be shorter
    struct sok_icmp6_hdr h;
    memcpy(head, p, layer->header < sizeof head ? layer->header : sizeof head);
    sok_icmp6_hdr_get(head, &h);
    sok_show_ends(l, false, 0, 0);
    sok_text_add_str(l->text, "ICMP6, ");
    if (sok_value_text(sok_icmp6_types, h.type) && !layer->malformed)
        line_known(l->text, p, &h);
    else
        sok_text_add(l->text, "type %u, code %u", h.type, h.code);
    sok_text_add(l->text, ", length %u", layer->header + layer->payload);
}
