#include "tests/fuzz/sample.h"

#include <string.h>
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

static size_t put_tcp(uint64_t seed, uint8_t *p)
{
    struct sok_tcp_opts o = {.has_mss = seed & 1,
        .mss = 1460,
        .has_wscale = seed & 1,
        .wscale = 7,
        .sack_ok = seed >> 1 & 1,
        .has_ts = seed >> 2 & 1,
        .sack_count = seed & 3 ? 0 : seed >> 3 & 3};
    size_t options = sok_tcp_opts_put(p + SOK_TCP_HDR_LEN, &o);
    struct sok_tcp_hdr h = sok_tcp_hdr_default();
    h.flags = (uint16_t)(seed >> 8 & 0x1ff);
    h.seq = (uint32_t)(seed >> 20);
    h.dataofs = (uint8_t)((SOK_TCP_HDR_LEN + options) / 4);
    sok_tcp_hdr_put(p, &h);
    return SOK_TCP_HDR_LEN + options;
}

static size_t put_ip(uint8_t *p, uint8_t proto, size_t payload)
{
    struct sok_ip4_hdr h = sok_ip4_hdr_default();
    h.len = (uint16_t)(SOK_IP4_HDR_LEN + payload);
    h.proto = proto;
    h.src = 0xc0000201;
    h.dst = 0xc6336407;
    sok_ip4_hdr_put(p, &h);
    sok_ip4_seal(p, SOK_IP4_HDR_LEN);
    return SOK_IP4_HDR_LEN;
}

static size_t put_icmp(uint64_t seed, uint8_t *p)
{
    static const uint8_t types[] = {0, 3, 5, 8, 11, 12};
    struct sok_icmp_hdr h = {.type = types[seed % sizeof(types)], .code = seed >> 4 & 3, .id = 9};
    sok_icmp_hdr_put(p, &h);
    size_t at = SOK_ICMP_HDR_LEN;
    if (sok_icmp_is_error(h.type)) {
        at += put_ip(p + at, seed >> 6 & 1 ? SOK_IPPROTO_TCP : SOK_IPPROTO_UDP, 8);
        memset(p + at, 7, 8);
        at += 8;
    }
    return at;
}

size_t sample_frame(uint64_t seed, uint8_t *out, size_t room)
{
    uint8_t *ip = out + SOK_ETH_HDR_LEN, *l4 = ip + SOK_IP4_HDR_LEN;
    struct sok_eth_hdr eth = {
        .dst = {2, 0, 0, 0, 0, 1}, .src = {2, 0, 0, 0, 0, 2}, .type = SOK_ETHERTYPE_IP4};
    size_t payload = seed >> 32 & 63, len = 0;
    uint8_t proto = SOK_IPPROTO_TCP;
    memset(out, 0x41, room);
    switch (seed & 3) {
    case 0:
        proto = SOK_IPPROTO_UDP;
        sok_udp_hdr_put(l4, &(struct sok_udp_hdr){53, 53, (uint16_t)(8 + payload), 0});
        len = SOK_UDP_HDR_LEN;
        break;
    case 1:
        proto = SOK_IPPROTO_ICMP;
        len = put_icmp(seed >> 2, l4);
        break;
    default:
        len = put_tcp(seed >> 1, l4);
        break;
    }
    if ((seed & 0x1c) == 0) {
        struct sok_arp_hdr arp = sok_arp_hdr_default();
        eth.type = SOK_ETHERTYPE_ARP;
        sok_arp_hdr_put(ip, &arp);
        sok_eth_hdr_put(out, &eth);
        return SOK_ETH_HDR_LEN + SOK_ARP_HDR_LEN;
    }
    put_ip(ip, proto, len + payload);
    sok_eth_hdr_put(out, &eth);
    return SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN + len + payload;
}
