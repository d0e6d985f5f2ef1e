// DHCP messages between us and Scapy (dhcp.py holds the other end).
//   golden_dhcp put SEED COUNT   random messages: "HEX name=value ..."
//   golden_dhcp get              reads hex of whole messages, prints what sok_dhcp_get() read
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/dhcp.h"

static uint64_t state;

static uint64_t rnd(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void print_read(const uint8_t *p, size_t len)
{
    struct sok_bootp_hdr h;
    struct sok_dhcp_said s;
    if (!sok_dhcp_get(p, len, &h, &s)) {
        printf("malformed\n");
        return;
    }
    printf("op=%u xid=%u secs=%u flags=%u ciaddr=%u yiaddr=%u giaddr=%u type=%u", h.op, h.xid,
        h.secs, h.flags, h.ciaddr, h.yiaddr, h.giaddr, s.message);
    if (s.has_mask)
        printf(" mask=%u", s.prefix_len);
    if (s.has_lease)
        printf(" lease=%u", s.lease);
    if (s.server)
        printf(" server=%u", s.server);
    if (s.mtu)
        printf(" mtu=%u", s.mtu);
    for (unsigned i = 0; i < s.router_count; i++)
        printf("%s%u", i ? "," : " router=", s.router[i]);
    for (unsigned i = 0; i < s.dns_count; i++)
        printf("%s%u", i ? "," : " dns=", s.dns[i]);
    if (s.domain[0])
        printf(" domain=%s", s.domain);
    printf("\n");
}

static void put_one(void)
{
    static const uint8_t types[] = {SOK_DHCP_DISCOVER, SOK_DHCP_REQUEST, SOK_DHCP_DECLINE};
    uint8_t p[548];
    struct sok_dhcp_writer w;
    struct sok_bootp_hdr h = sok_bootp_hdr_default();
    uint8_t type = types[rnd() % sizeof(types)];
    uint32_t requested = (uint32_t)rnd(), server = (uint32_t)rnd();
    uint16_t size = (uint16_t)(576 + rnd() % 1000);
    h.xid = (uint32_t)rnd();
    h.secs = (uint16_t)rnd();
    h.flags = rnd() & 1 ? SOK_BOOTP_BROADCAST : 0;
    h.ciaddr = (uint32_t)rnd();
    sok_dhcp_begin(&w, p, sizeof(p), &h, type);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_REQUESTED, requested);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_SERVER, server);
    sok_dhcp_put16(&w, SOK_DHCP_OPT_MAX_SIZE, size);
    size_t len = sok_dhcp_end(&w);
    for (size_t i = 0; i < len; i++)
        printf("%02x", p[i]);
    printf(" xid=%u secs=%u flags=%u ciaddr=%u type=%u requested_addr=%u server_id=%u size=%u\n",
        h.xid, h.secs, h.flags, h.ciaddr, type, requested, server, size);
}

int main(int argc, char **argv)
{
    static char line[4096];
    static uint8_t p[sizeof(line) / 2];
    if (argc > 3 && strcmp(argv[1], "put") == 0) {
        state = strtoull(argv[2], NULL, 10);
        for (unsigned long n = strtoul(argv[3], NULL, 10); n > 0; n--)
            put_one();
        return 0;
    }
    while (argc > 1 && fgets(line, sizeof(line), stdin)) {
        size_t len = 0;
        unsigned v;
        for (const char *at = line; len < sizeof(p) && sscanf(at, "%2x", &v) == 1; at += 2)
            p[len++] = (uint8_t)v;
        print_read(p, len);
    }
    return argc > 1 ? 0 : 2;
}
