// IPv6 (RFC 8200). Only the source cuts a packet that is too large for its way (section 4.5); no way takes less than
// 1280 bytes whole (section 5).
#include "stack/internal.h"

#include <string.h>
#include "base/bytes.h"
#include "base/siphash.h"

// ---- out ----

uint32_t sok_ip6_label(const struct sok_stack *s, const struct sok_endpoint *from,
    const struct sok_endpoint *to, uint8_t proto)
{
    uint8_t key[37];
    memcpy(key, from->addr.b, 16);
    memcpy(key + 16, to->addr.b, 16);
    sok_put16(key + 32, from->port);
    sok_put16(key + 34, to->port);
    key[36] = proto;
    uint32_t label = (uint32_t)sok_siphash(s->hash_key, key, sizeof(key)) & 0xfffff;
    return label ? label : 1; // 0 would say that there is none
}

void sok_ip6_put(struct sok_stack *s, struct sok_packet *p, const struct sok_ip_out *o)
{
    struct sok_endpoint from = {.addr = o->src}, to = {.addr = o->dst};
    struct sok_ip6_hdr ip = {
        .version = 6,
        .tc = o->tos,
        .fl = sok_ip6_label(s, &from, &to, o->proto),
        .plen = (uint16_t)(p->len - SOK_ETH_HDR_LEN - SOK_IP6_HDR_LEN),
        .nh = o->proto,
        .hlim = o->ttl ? o->ttl : (uint8_t)s->config.ttl,
    };
    memcpy(ip.src, o->src.b, 16);
    memcpy(ip.dst, o->dst.b, 16);
    sok_ip6_hdr_put(p->frame + SOK_ETH_HDR_LEN, &ip);
}

uint32_t sok_ip6_fragment_len(uint32_t mtu)
{
    return (mtu - SOK_IP6_HDR_LEN - SOK_IP6_FRAG_LEN) & ~7u;
}

struct sok_packet *sok_ip6_fragment(
    struct sok_stack *s, const struct sok_packet *whole, uint32_t id, uint32_t at, uint32_t len)
{
    uint32_t head = SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN;
    struct sok_packet *p = sok_packet_new(s, head + SOK_IP6_FRAG_LEN + len);
    if (!p)
        return NULL;
    memcpy(p->frame, whole->frame, head);
    uint8_t *ip = p->frame + SOK_ETH_HDR_LEN;
    struct sok_ip6_frag_hdr h = {
        .nh = ip[6],
        .offset = (uint16_t)(at / 8),
        .m = head + at + len < whole->len,
        .id = id,
    };
    sok_put16(ip + 4, (uint16_t)(SOK_IP6_FRAG_LEN + len));
    ip[6] = SOK_IP6_FRAG;
    sok_ip6_frag_hdr_put(ip + SOK_IP6_HDR_LEN, &h);
    memcpy(ip + SOK_IP6_HDR_LEN + SOK_IP6_FRAG_LEN, whole->frame + head + at, len);
    return p;
}
