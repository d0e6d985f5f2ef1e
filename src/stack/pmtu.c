// What routers said the ways to other hosts take (RFC 1191). Written only for what quotes a segment that is
// on its way (tcp/mtu.c). The table is of fixed size: hosts that share a place take it from each other, and
// what is forgotten will be said again.
#include "stack/internal.h"

#include "base/siphash.h"

static uint64_t place_of(const struct sok_stack *s, const struct sok_addr *addr)
{
    return sok_siphash(s->hash_key, addr->b, sizeof(addr->b)) % SOK_PMTUS;
}

struct sok_path_mtu sok_pmtu_find(const struct sok_stack *s, const struct sok_addr *to)
{
    const struct sok_pmtu *p = &s->pmtus[place_of(s, to)];
    if (p->known.mtu && s->now < p->known.until && sok_addr_eq(p->addr, *to))
        return p->known;
    return (struct sok_path_mtu){0};
}

// A router from before RFC 1191 says no MTU: the next smaller one of those that are common (section 7.1).
static uint16_t common_mtu(uint16_t len)
{
    static const uint16_t common[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
    for (unsigned i = 0; i < SOK_COUNT_OF(common); i++)
        if (common[i] < len)
            return common[i];
    return 68;
}

enum sok_tcp_mtu sok_pmtu_said(
    struct sok_stack *s, const struct sok_icmp_news *n, uint16_t mtu, uint32_t *conn, int64_t now)
{
    uint16_t least = (uint16_t)s->config.pmtu_min;
    if (mtu == 0)
        mtu = common_mtu(n->quote->ip.len);
    // A lower one costs too much to be taken on anybody's word (CVE-2005-0067): then routers may cut.
    struct sok_path_mtu said = {
        .mtu = mtu < least ? least : mtu,
        .may_cut = mtu < least,
        .until = now + s->config.pmtu_age,
    };
    enum sok_tcp_mtu r =
        sok_tcp_mtu(s->tcp, &n->local, &n->remote, n->quote->seq, &said, conn, now);
    if (r == SOK_TCP_MTU_LOWER)
        s->pmtus[place_of(s, &n->remote.addr)] = (struct sok_pmtu){n->remote.addr, said};
    return r;
}
