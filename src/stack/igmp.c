// IGMP both ways (RFC 3376, RFC 2236, RFC 1112): queries become a struct sok_group_query, reports an IPv4 packet with
// TTL 1 and the Router Alert option. When is listener.c's.
#include "wire/igmp.h"

#include <string.h>
#include "stack/group.h"
#include "stack/internal.h"
#include "stack/listener.h"

#define ALL_ROUTERS  0xe0000002
#define HEADER_LEN   (SOK_IP4_HDR_LEN + SOK_IP4_ALERT_LEN)
#define TOS_NETWORK  0xc0         // Internetwork Control (RFC 3376 section 4)
#define V1_DELAY     (10 * SOK_S) // section 7.2.1
#define TENTHS(code) ((code)*100 * SOK_MS)

// ---- in ----

// What kind of query it is (RFC 3376 section 7.1). False: none, to be ignored.
static bool read_query(const struct sok_in *in, struct sok_group_query *q)
{
    struct sok_igmp_hdr h;
    struct sok_igmp3_query_hdr h3;
    sok_igmp_hdr_get(in->data, &h);
    *q = (struct sok_group_query){.group = sok_addr_v4(h.gaddr), .version = 3};
    if (in->len == SOK_IGMP_HDR_LEN) {
        q->version = h.mrcode == 0 ? 1 : 2;
        q->delay = h.mrcode == 0 ? V1_DELAY : TENTHS(h.mrcode);
        return true;
    }
    if (!sok_igmp3_query_get(in->data, in->len, &h3) ||
        h3.numsrc > (in->len - SOK_IGMP3_QUERY_LEN) / 4)
        return false;
    q->delay = sok_igmp_delay_ms(h3.mrcode) * SOK_MS;
    q->robustness = h3.qrv;
    q->interval_s = sok_igmp_interval_s(h3.qqic);
    q->sources = in->data + SOK_IGMP3_QUERY_LEN;
    q->source_count = h3.numsrc;
    return h.gaddr != 0 || h3.numsrc == 0;
}

// A general query is for all systems, another for its group (section 4.1.12).
static enum sok_drop query_input(struct sok_stack *s, struct sok_in *in)
{
    struct sok_group_query q;
    if (!read_query(in, &q))
        return SOK_DROP_IGMP_MALFORMED;
    bool general = sok_addr_is_any(q.group);
    if (!general && !sok_addr_is_multicast(q.group))
        return SOK_DROP_IGMP_MALFORMED;
    if (in->unicast || (general && sok_addr_to_v4(in->dst) != 0xe0000001))
        return SOK_DROP_IGMP_NOT_US;
    in->out->effects |= SOK_EFFECT_QUERY;
    sok_listener_query(s, in->link, false, &q, in->now);
    return SOK_DROP_NONE;
}

static enum sok_drop message_input(struct sok_stack *s, struct sok_in *in)
{
    struct sok_igmp_hdr h;
    if (!sok_igmp_get(in->data, in->len, &h))
        return SOK_DROP_IGMP_MALFORMED;
    if (!sok_igmp_verify(in->data, in->len))
        return SOK_DROP_IGMP_CHECKSUM;
    if (in->link == SOK_STACK_LOCAL)
        return SOK_DROP_IGMP_NOT_US;
    if (h.type == SOK_IGMP_QUERY)
        return query_input(s, in);
    struct sok_addr group = sok_addr_v4(h.gaddr);
    if (h.type == SOK_IGMP_REPORT1 || h.type == SOK_IGMP_REPORT2)
        sok_listener_heard(s, in->link, &group);
    return SOK_DROP_IGMP_NOT_US; // others' reports
}

void sok_igmp_input(struct sok_stack *s, struct sok_in *in)
{
    in->out->drop = message_input(s, in);
}

// ---- out ----

void sok_igmp_send(struct sok_stack *s, uint8_t link, uint32_t dst, uint8_t *p, size_t len)
{
    struct sok_addr to = sok_addr_v4(dst);
    struct sok_packet *packet = sok_outgoing_new(s, SOK_ETH_HDR_LEN + HEADER_LEN + (uint32_t)len);
    if (!packet) {
        sok_stack_drop(s, SOK_DROP_NO_MEMORY);
        return;
    }
    struct sok_ip4_hdr ip = {
        .version = 4,
        .ihl = HEADER_LEN / 4,
        .tos = TOS_NETWORK,
        .len = (uint16_t)(HEADER_LEN + len),
        .id = sok_ip4_id(s, &to, SOK_IPPROTO_IGMP, 1),
        .ttl = 1,
        .proto = SOK_IPPROTO_IGMP,
        .src = sok_addr_to_v4(sok_source_for(s, link, &to)),
        .dst = dst,
    };
    uint8_t *at = packet->frame + SOK_ETH_HDR_LEN;
    sok_ip4_hdr_put(at, &ip);
    memcpy(at + SOK_IP4_HDR_LEN, sok_ip4_alert, SOK_IP4_ALERT_LEN);
    sok_ip4_seal(at, HEADER_LEN);
    sok_igmp_seal(p, len);
    memcpy(at + HEADER_LEN, p, len);
    sok_group_send(s, link, packet, &to, SOK_REASON_GROUPS);
}

void sok_igmp_tell(struct sok_stack *s, const struct sok_group *g, unsigned version, bool leave)
{
    uint8_t p[SOK_IGMP_HDR_LEN];
    uint32_t group = sok_addr_to_v4(g->addr);
    struct sok_igmp_hdr h = {
        .type = leave          ? SOK_IGMP_LEAVE
                : version == 1 ? SOK_IGMP_REPORT1
                               : SOK_IGMP_REPORT2,
        .gaddr = group,
    };
    sok_igmp_hdr_put(p, &h);
    sok_igmp_send(s, g->link, leave ? ALL_ROUTERS : group, p, sizeof(p));
}
