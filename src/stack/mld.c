// MLD both ways (RFC 3810, RFC 2710): queries become a struct sok_group_query, reports an IPv6 packet with hop limit 1
// and a Router Alert (RFC 2711) in a hop-by-hop header. When is listener.c's.
#include "wire/mld.h"

#include <string.h>
#include "stack/group.h"
#include "stack/internal.h"
#include "stack/listener.h"
#include "wire/igmp.h"
#include "wire/ip6.h"

#define ALERT_LEN 8

static const struct sok_addr all_routers = {{0xff, 2, [15] = 2}};

// ---- in ----

// What kind of query it is (RFC 3810 section 8.1). False: none, to be ignored.
static bool read_query(const uint8_t *p, size_t len, struct sok_group_query *q)
{
    struct sok_mld_hdr h;
    struct sok_mld2_query_hdr h2;
    if (!sok_mld_get(p, len, &h))
        return false;
    *q = (struct sok_group_query){.version = 3};
    memcpy(q->group.b, h.mladdr, 16);
    if (len == SOK_MLD_LEN) {
        q->version = 2;
        q->delay = h.mrd * SOK_MS;
        return true;
    }
    if (!sok_mld2_query_get(p, len, &h2) || h2.sources_number > (len - SOK_MLD2_QUERY_LEN) / 16)
        return false;
    q->delay = sok_mld_delay_ms(h2.mrd) * SOK_MS;
    q->robustness = h2.QRV;
    q->interval_s = sok_igmp_interval_s(h2.QQIC);
    q->sources = p + SOK_MLD2_QUERY_LEN;
    q->source_count = h2.sources_number;
    return !sok_addr_is_any(q->group) || h2.sources_number == 0;
}

enum sok_drop sok_mld_input(struct sok_stack *s, struct sok_in *in, uint8_t hop_limit)
{
    struct sok_group_query q;
    // From the link itself alone (section 6.2).
    if (hop_limit != 1 || !sok_addr_is_near6(&in->src) || in->link == SOK_STACK_LOCAL)
        return SOK_DROP_MLD_MALFORMED;
    if (in->data[0] == SOK_ICMP6_MLD_REPORT && in->len >= SOK_MLD_LEN) {
        struct sok_addr group;
        memcpy(group.b, in->data + 8, 16);
        sok_listener_heard(s, in->link, &group);
    }
    if (in->data[0] != SOK_ICMP6_MLD_QUERY)
        return SOK_DROP_MLD_NOT_US;
    if (!read_query(in->data, in->len, &q))
        return SOK_DROP_MLD_MALFORMED;
    if (!sok_addr_is_any(q.group) && !sok_addr_is_multicast(q.group))
        return SOK_DROP_MLD_MALFORMED;
    in->out->effects |= SOK_EFFECT_QUERY;
    sok_listener_query(s, in->link, true, &q, in->now);
    return SOK_DROP_NONE;
}

// ---- out ----

struct sok_addr sok_addr_local6(const struct sok_stack *s, uint8_t link)
{
    for (unsigned i = 0; i < s->addr_count; i++)
        if (s->addrs[i].link == link && sok_addr_is_near6(&s->addrs[i].addr))
            return s->addrs[i].addr;
    return (struct sok_addr){{0}};
}

void sok_mld_send(
    struct sok_stack *s, uint8_t link, const struct sok_addr *dst, uint8_t *p, size_t len)
{
    static const uint8_t alert[ALERT_LEN] = {SOK_IPPROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0};
    struct sok_addr src = sok_addr_local6(s, link); // or of none while there is none (RFC 3590)
    uint8_t *at;
    struct sok_packet *packet = sok_group_new6(s,
        &(struct sok_group_out){.src = src, .dst = *dst, .next = SOK_IP6_HOP, .hops = 1},
        (uint32_t)(ALERT_LEN + len), &at);
    if (!packet)
        return;
    memcpy(at, alert, ALERT_LEN);
    sok_icmp6_seal(p, len, &src, dst);
    memcpy(at + ALERT_LEN, p, len);
    sok_group_send(s, link, packet, dst, SOK_REASON_GROUPS);
}

void sok_mld_tell(struct sok_stack *s, const struct sok_group *g, bool leave)
{
    uint8_t p[SOK_MLD_LEN];
    struct sok_mld_hdr h = {.type = leave ? SOK_ICMP6_MLD_DONE : SOK_ICMP6_MLD_REPORT};
    memcpy(h.mladdr, g->addr.b, 16);
    sok_mld_hdr_put(p, &h);
    sok_mld_send(s, g->link, leave ? &all_routers : &g->addr, p, sizeof(p));
}
