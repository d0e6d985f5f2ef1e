// Any bytes as what routers and neighbours say of themselves: neighbour discovery, MLD and IGMP queries, DHCPv6, to a host
// that believes routers, is in groups, and asks DHCPv6. Headers and checksums are put right, so that what
// is inside is looked at. The stack stays sound and within its limits, whatever was said.
#include <string.h>
#include "base/bytes.h"
#include "stack/stack.h"
#include "tests/fuzz/must.h"
#include "wire/csum.h"
#include "wire/dhcp6.h"
#include "wire/eth.h"
#include "wire/icmp6.h"
#include "wire/igmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/mld.h"
#include "wire/udp.h"

#define MESSAGE_MAX 1200
#define HEAD6       (SOK_ETH_HDR_LEN + SOK_IP6_HDR_LEN)

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
static const struct sok_addr router = {{0xfe, 0x80, [15] = 0xfe}};
static const struct sok_addr group6 = {{0xff, 5, [15] = 9}};

enum kind { NEIGHBOURS, GROUPS6, GROUPS4, DHCP6, KINDS };

static size_t sample_ra(uint8_t *p)
{
    struct sok_nd_ra_hdr h = sok_nd_ra_hdr_default();
    struct sok_nd_prefix_hdr prefix = sok_nd_prefix_hdr_default();
    struct sok_nd_route_hdr route = {.plen = 48, .rtlifetime = 600};
    struct sok_addr net = {{0x20, 1, 0xd, 0xb8}}, dns = {{0x20, 1, 0xd, 0xb8, [15] = 0x53}};
    h.O = 1;
    memcpy(prefix.prefix, net.b, 16);
    sok_nd_ra_hdr_put(p, &h);
    size_t len = SOK_ND_RA_LEN;
    len += sok_nd_put_prefix(p + len, &prefix);
    len += sok_nd_put_mtu(p + len, 1400);
    len += sok_nd_put_route(p + len, &route, &net);
    len += sok_nd_put_rdnss(p + len, 100, &dns, 1);
    return len + sok_nd_put_link(p + len, SOK_ND_OPT_SOURCE, mac);
}

size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    struct sok_nd_redirect_hdr redirect = {.type = SOK_ICMP6_REDIRECT};
    struct sok_mld2_query_hdr mld = {.type = SOK_ICMP6_MLD_QUERY, .mrd = 100};
    struct sok_igmp3_query_hdr igmp = {.type = SOK_IGMP_QUERY, .mrcode = 10};
    if (room < 512)
        return 0;
    memset(out, 0, 256);
    out[0] = (uint8_t)(seed % KINDS);
    uint8_t *p = out + 1;
    if (out[0] == DHCP6) {
        p[0] = SOK_DHCP6_REPLY;
        size_t len = 4;
        len += sok_dhcp6_put(p + len, SOK_DHCP6_OPT_SERVER_ID, "\0\3\0\1server", 10);
        len += sok_dhcp6_put(p + len, SOK_DHCP6_OPT_DNS, router.b, 16);
        return 1 + len + sok_dhcp6_put(p + len, SOK_DHCP6_OPT_DOMAINS, "\7example\3org", 13);
    }
    if (out[0] == GROUPS4) {
        igmp.gaddr = seed & 16 ? 0xe9fc0001 : 0;
        sok_igmp3_query_hdr_put(p, &igmp);
        return 1 + (seed & 32 ? 8 : 12);
    }
    if (out[0] == GROUPS6) {
        memcpy(mld.mladdr, group6.b, seed & 16 ? 16 : 0);
        sok_mld2_query_hdr_put(p, &mld);
        return 1 + (seed & 32 ? 24 : 28);
    }
    if (seed & 16)
        return 1 + sample_ra(p);
    memcpy(redirect.tgt, router.b, 16);
    redirect.dst[0] = 0x20;
    sok_nd_redirect_hdr_put(p, &redirect);
    return 1 + SOK_ND_REDIRECT_LEN;
}

// ---- frames ----

static void say6(struct sok_stack *stack, int64_t now, uint8_t next, uint8_t hops,
    const uint8_t *message, size_t len)
{
    static uint8_t f[HEAD6 + SOK_UDP_HDR_LEN + MESSAGE_MAX];
    static const struct sok_addr all = {{0xff, 2, [15] = 1}};
    struct sok_ip6_hdr ip = {.version = 6, .plen = (uint16_t)len, .nh = next, .hlim = hops};
    memcpy(f, "\x33\x33\0\0\0\1\2\0\0\0\0\xfe\x86\xdd", 14);
    memcpy(ip.src, router.b, 16);
    memcpy(ip.dst, all.b, 16);
    sok_ip6_hdr_put(f + SOK_ETH_HDR_LEN, &ip);
    memcpy(f + HEAD6, message, len);
    if (next == SOK_IPPROTO_ICMP6 && len >= 4)
        sok_icmp6_seal(f + HEAD6, len, &router, &all);
    sok_stack_input_bytes(stack, 1, f, HEAD6 + len, now);
}

static void say_dhcp6(struct sok_stack *stack, int64_t now, const uint8_t *data, size_t len,
    const struct sok_addr *to, const uint8_t *xid)
{
    static uint8_t f[HEAD6 + SOK_UDP_HDR_LEN + MESSAGE_MAX];
    uint16_t all = (uint16_t)(SOK_UDP_HDR_LEN + len);
    struct sok_ip6_hdr ip = {.version = 6, .plen = all, .nh = SOK_IPPROTO_UDP, .hlim = 64};
    struct sok_udp_hdr udp = {SOK_DHCP6_SERVER, SOK_DHCP6_CLIENT, all, 0};
    memcpy(f, mac, 6);
    memcpy(f + 6, "\2\0\0\0\0\xfe\x86\xdd", 8);
    memcpy(ip.src, router.b, 16);
    memcpy(ip.dst, to->b, 16);
    sok_ip6_hdr_put(f + SOK_ETH_HDR_LEN, &ip);
    sok_udp_hdr_put(f + HEAD6, &udp);
    memcpy(f + HEAD6 + SOK_UDP_HDR_LEN, data, len);
    if (len >= 4)
        memcpy(f + HEAD6 + SOK_UDP_HDR_LEN + 1, xid, 3); // nobody guesses it in the time of a test
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &router, to, SOK_IPPROTO_UDP, all);
    sok_csum_add(&c, f + HEAD6, all);
    sok_put16(f + HEAD6 + SOK_UDP_CSUM_OFFSET, sok_csum_final(&c));
    sok_stack_input_bytes(stack, 1, f, HEAD6 + all, now);
}

static void say4(struct sok_stack *stack, int64_t now, const uint8_t *message, size_t len)
{
    static uint8_t f[34 + MESSAGE_MAX];
    struct sok_ip4_hdr ip = sok_ip4_hdr_default();
    ip.len = (uint16_t)(20 + len);
    ip.proto = SOK_IPPROTO_IGMP;
    ip.src = 0xc00002fe;
    ip.dst = len >= 8 && sok_get32(message + 4) ? sok_get32(message + 4) : 0xe0000001;
    memcpy(f, "\1\0\x5e\0\0\1\2\0\0\0\0\xfe\x08\x00", 14);
    sok_ip4_hdr_put(f + 14, &ip);
    sok_ip4_seal(f + 14, 20);
    memcpy(f + 34, message, len);
    if (len >= 4)
        sok_igmp_seal(f + 34, len);
    sok_stack_input_bytes(stack, 1, f, 34 + len, now);
}

// ---- the host ----

static struct sok_udp *join(struct sok_stack *stack)
{
    struct sok_udp *u;
    struct sok_group_change v4 = {
        .op = SOK_GROUP_JOIN, .link = 1, .group = sok_addr_v4(0xe9fc0001)};
    struct sok_group_change v6 = {.op = SOK_GROUP_JOIN, .link = 1, .group = group6};
    if (sok_udp_open(stack, NULL, &u) < 0)
        return NULL;
    sok_udp_group(u, &v4, 0);
    sok_udp_group(u, &v6, 0);
    return u;
}

// Pulls what is sent; the transaction of the last DHCPv6 request and where it came from.
static void pull(struct sok_stack *stack, int64_t now, uint8_t xid[3], struct sok_addr *from)
{
    struct sok_frame_out out;
    for (unsigned i = 0; i < 64 && sok_stack_output(stack, 1, now, &out); i++) {
        const uint8_t *p = out.iov[0].base;
        if (out.len < HEAD6 + SOK_UDP_HDR_LEN + 4 || sok_get16(p + 12) != SOK_ETHERTYPE_IP6 ||
            p[20] != SOK_IPPROTO_UDP)
            continue;
        memcpy(xid, p + HEAD6 + SOK_UDP_HDR_LEN + 1, 3);
        memcpy(from->b, p + 22, 16);
    }
}

static void check(const struct sok_stack *stack)
{
    const struct sok_slaac_info *info = sok_stack_slaac(stack, 1);
    must(!sok_stack_check(stack));
    must(info->dns_count <= SOK_SLAAC_DNS_MAX && info->search_count <= SOK_SLAAC_SEARCH_MAX);
    must(info->mtu == 0 || (info->mtu >= SOK_IP6_MTU_MIN && info->mtu <= 1500));
    for (unsigned i = 0; i < info->search_count; i++)
        must(info->search[i][0] && memchr(info->search[i], 0, sizeof(info->search[i])));
}

static void run(struct sok_stack *stack, const uint8_t *data, size_t size)
{
    uint8_t xid[3] = {0};
    struct sok_addr from = {{0}};
    uint8_t ra[200];
    size_t ra_len = sample_ra(ra);
    int64_t now = 0;
    for (unsigned turn = 0; turn < 16; turn++) {
        int64_t due = sok_stack_deadline(stack);
        if (due != SOK_TIME_NEVER && due > now)
            now = due;
        sok_stack_advance(stack, now);
        pull(stack, now, xid, &from);
        if (turn == 2) // so that DHCPv6 is asked, and there is something to take away
            say6(stack, now, SOK_IPPROTO_ICMP6, 255, ra, ra_len);
        if (data[0] % KINDS == GROUPS4)
            say4(stack, now, data + 1, size - 1);
        else if (data[0] % KINDS == DHCP6)
            say_dhcp6(stack, now, data + 1, size - 1, &from, xid);
        else
            say6(stack, now, SOK_IPPROTO_ICMP6, data[0] % KINDS == GROUPS6 ? 1 : 255, data + 1,
                size - 1);
        check(stack);
    }
    sok_stack_slaac_stop(stack, 1, now);
    must(!sok_stack_check(stack));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "fuzz", .mtu = 1500};
    struct sok_stack *stack;
    if (size < 1 || size > MESSAGE_MAX)
        return 0;
    memcpy(info.mac, mac, 6);
    info.caps = data[0] & 0x80 ? SOK_LINK_POINT : 0;
    sok_stack_config_default(&config);
    if (sok_stack_new(&config, &stack) < 0)
        return 0;
    sok_stack_link_add(stack, &info);
    sok_stack_addr_add(stack, 1, sok_addr_v4(0xc0000201), 24);
    sok_stack_slaac_start(stack, 1, 0);
    struct sok_udp *u = join(stack);
    run(stack, data, size);
    if (u)
        sok_udp_close(u);
    sok_stack_free(stack);
    return 0;
}
