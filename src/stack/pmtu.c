// What routers said the ways to other hosts take (RFC 1191, RFC 8201). Written only for what quotes a segment that
// is on its way (tcp/mtu.c) or a datagram of a socket that forbids others to cut it, as all of IPv6 does. The table is of fixed size: hosts that share a place take it from each other, and
// what is forgotten will be said again.
#include "stack/internal.h"

#include "base/siphash.h"
#include "wire/ip6.h"

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

// IPv4. A lower one than pmtu_min costs too much to be taken on anybody's word (CVE-2005-0067): then routers may cut.
static struct sok_path_mtu believed(
    const struct sok_stack *s, const struct sok_icmp_news *n, uint32_t mtu, int64_t now)
{
    uint16_t least = (uint16_t)s->config.pmtu_min;
    if (mtu == 0)
        mtu = common_mtu(n->len);
    return (struct sok_path_mtu){
        .mtu = mtu < least ? least : (uint16_t)mtu,
        .may_cut = mtu < least,
        .until = now + s->config.pmtu_age,
    };
}

// IPv6: what says less than every link takes is no news at all (RFC 8201 section 4).
static struct sok_path_mtu believed6(const struct sok_stack *s, uint32_t mtu, int64_t now)
{
    if (mtu < SOK_IP6_MTU_MIN)
        return (struct sok_path_mtu){0};
    return (struct sok_path_mtu){
        .mtu = mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu,
        .until = now + s->config.pmtu_age,
    };
}

// Whether a socket of ours may have sent the datagram. Gives its number, or 0.
static uint32_t sender_of(struct sok_stack *s, const struct sok_icmp_news *n, int64_t now)
{
    if (n->echo)
        return sok_echo_news(s, n, now);
    if (n->proto == SOK_IPPROTO_UDP)
        return sok_udp_sender(s, n);
    return s->raws ? sok_raw_sender(s, n) : 0;
}

static enum sok_tcp_mtu of_datagram(struct sok_stack *s, const struct sok_icmp_news *n,
    const struct sok_path_mtu *said, uint32_t *conn, int64_t now)
{
    struct sok_tcp_path path;
    uint32_t sender = sender_of(s, n, now);
    if (!sender || sok_stack_route(s, &n->local.addr, &n->remote, &path) < 0)
        return SOK_TCP_MTU_NOBODY;
    *conn = sender;
    if (said->mtu >= sok_tcp_path_mtu(&path))
        return SOK_TCP_MTU_KNOWN;
    sok_tcp_mtu_changed(s->tcp); // who goes the same way looks again
    return SOK_TCP_MTU_LOWER;
}

static enum sok_tcp_mtu take(
    struct sok_stack *s, const struct sok_icmp_news *n, uint32_t mtu, uint32_t *conn, int64_t now)
{
    bool v4 = sok_addr_is_v4(n->remote.addr);
    struct sok_path_mtu said = v4 ? believed(s, n, mtu, now) : believed6(s, mtu, now);
    if (said.mtu == 0)
        return SOK_TCP_MTU_KNOWN;
    enum sok_tcp_mtu r = n->proto == SOK_IPPROTO_TCP
                             ? sok_tcp_mtu(s->tcp, &n->local, &n->remote, n->seq, &said, conn, now)
                             : of_datagram(s, n, &said, conn, now);
    if (r == SOK_TCP_MTU_LOWER)
        s->pmtus[place_of(s, &n->remote.addr)] = (struct sok_pmtu){n->remote.addr, said};
    return r;
}

enum sok_drop sok_pmtu_input(
    struct sok_stack *s, struct sok_in *in, const struct sok_icmp_news *n, uint32_t mtu)
{
    bool v4 = sok_addr_is_v4(n->remote.addr);
    if (n->proto == SOK_IPPROTO_UDP)
        sok_udp_too_big(s, n);
    if (s->raws) // whose header may have forbidden to cut it
        in->out->conn = sok_raw_news(s, n);
    if (in->out->conn)
        in->out->effects |= SOK_EFFECT_SOFT_ERROR;
    if (v4 && n->echo) // which routers may cut
        return in->out->conn ? SOK_DROP_NONE : SOK_DROP_ICMP_QUOTE;
    switch (take(s, n, mtu, &in->out->conn, in->now)) {
    case SOK_TCP_MTU_LOWER:
        in->out->effects |= SOK_EFFECT_PATH_MTU;
        return SOK_DROP_NONE;
    case SOK_TCP_MTU_KNOWN:
        return SOK_DROP_ICMP_MTU;
    default: // a raw socket may have heard it
        return v4 && n->proto != SOK_IPPROTO_TCP && in->out->conn ? SOK_DROP_NONE
                                                                  : SOK_DROP_ICMP_QUOTE;
    }
}
