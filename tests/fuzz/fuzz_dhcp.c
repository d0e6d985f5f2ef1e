// Any bytes as what a DHCP server says: to the reader, and to a client in each of its states. What was read is
// in bounds, and the stack stays sound: it has an address only when a lease was understood.
#include <string.h>
#include "base/bytes.h"
#include "stack/stack.h"
#include "tests/fuzz/must.h"
#include "wire/dhcp.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/udp.h"

#define HEAD   (SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN + SOK_UDP_HDR_LEN)
#define SERVER 0xc00002fe

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    static const uint8_t types[] = {SOK_DHCP_OFFER, SOK_DHCP_ACK, SOK_DHCP_NAK, SOK_DHCP_INFORM};
    struct sok_bootp_hdr h = sok_bootp_hdr_default();
    struct sok_dhcp_writer w;
    h.op = SOK_BOOTP_REPLY;
    h.yiaddr = 0xc0000207;
    memcpy(h.chaddr, mac, 6);
    memcpy(h.file, "\1\4\xff\xff\0\0\xff", 7);
    sok_dhcp_begin(&w, out, room < 400 ? room : 400, &h, types[seed & 3]);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_SERVER, SERVER);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_LEASE, (uint32_t)(seed >> 8 & 0xffff));
    sok_dhcp_put32(&w, SOK_DHCP_OPT_MASK, 0xffffff00);
    sok_dhcp_put32(&w, SOK_DHCP_OPT_ROUTER, SERVER);
    if (seed & 4)
        sok_dhcp_put(&w, SOK_DHCP_OPT_OVERLOAD, "\1", 1);
    if (seed & 8)
        sok_dhcp_put(&w, SOK_DHCP_OPT_SEARCH, "\3eng\7example\0\2hr\xc0\4", 18);
    sok_dhcp_put(&w, SOK_DHCP_OPT_DOMAIN, "example.org", 11);
    return sok_dhcp_end(&w);
}

static void check_reader(const uint8_t *data, size_t size)
{
    struct sok_bootp_hdr h;
    struct sok_dhcp_said s;
    if (!sok_dhcp_get(data, size, &h, &s))
        return;
    must(sok_dhcp_message_text(s.message));
    must(s.router_count <= SOK_DHCP_ADDRS_MAX && s.dns_count <= SOK_DHCP_ADDRS_MAX);
    must(s.search_count <= SOK_DHCP_SEARCH_MAX && s.prefix_len <= 32);
    must(memchr(s.domain, 0, sizeof(s.domain)));
    for (unsigned i = 0; i < s.search_count; i++)
        must(s.search[i][0] && memchr(s.search[i], 0, sizeof(s.search[i])));
}

// Pulls what the client sends; the transaction id of the last message.
static bool pull(struct sok_stack *stack, int64_t now, uint8_t xid[4])
{
    struct sok_frame_out out;
    bool any = false;
    for (unsigned i = 0; i < 64 && sok_stack_output(stack, 1, now, &out); i++) {
        const uint8_t *p = out.iov[0].base;
        if (out.len >= HEAD + SOK_BOOTP_HDR_LEN && sok_get16(p + 12) == SOK_ETHERTYPE_IP4) {
            memcpy(xid, p + HEAD + 4, 4);
            any = true;
        }
    }
    return any;
}

static void say(
    struct sok_stack *stack, int64_t now, const uint8_t *data, size_t size, const uint8_t xid[4])
{
    static uint8_t frame[HEAD + 2048];
    memset(frame, 0, HEAD);
    memcpy(frame, mac, 6);
    frame[6] = 2;
    sok_put16(frame + 12, SOK_ETHERTYPE_IP4);
    struct sok_ip4_hdr ip = sok_ip4_hdr_default();
    ip.len = (uint16_t)(SOK_IP4_HDR_LEN + SOK_UDP_HDR_LEN + size);
    ip.proto = SOK_IPPROTO_UDP;
    ip.src = SERVER;
    ip.dst = 0xc0000207;
    sok_ip4_hdr_put(frame + SOK_ETH_HDR_LEN, &ip);
    sok_ip4_seal(frame + SOK_ETH_HDR_LEN, SOK_IP4_HDR_LEN);
    struct sok_udp_hdr udp = {67, 68, (uint16_t)(SOK_UDP_HDR_LEN + size), 0};
    sok_udp_hdr_put(frame + SOK_ETH_HDR_LEN + SOK_IP4_HDR_LEN, &udp);
    memcpy(frame + HEAD, data, size);
    if (size >= 8)
        memcpy(frame + HEAD + 4, xid, 4); // nobody guesses it in the time of a test
    sok_stack_input_bytes(stack, 1, frame, HEAD + size, now);
}

static void check_client(const uint8_t *data, size_t size)
{
    struct sok_stack_config config;
    struct sok_link_info info = {.name = "fuzz", .mtu = 1500};
    struct sok_stack *stack;
    uint8_t xid[4] = {0};
    int64_t now = 0;
    memcpy(info.mac, mac, 6);
    sok_stack_config_default(&config);
    if (size % 2)
        info.caps = SOK_LINK_POINT;
    if (sok_stack_new(&config, &stack) < 0)
        return;
    sok_stack_link_add(stack, &info);
    sok_stack_dhcp_start(stack, 1, now);
    for (unsigned turn = 0; turn < 24; turn++) {
        int64_t due = sok_stack_deadline(stack);
        if (due != SOK_TIME_NEVER)
            now = due > now ? due : now;
        sok_stack_advance(stack, now);
        if (pull(stack, now, xid) || turn % 4 == 0)
            say(stack, now, data, size, xid);
        must(!sok_stack_check(stack));
        const struct sok_dhcp_lease *l = sok_stack_dhcp(stack, 1);
        must(l->dns_count <= SOK_LEASE_DNS_MAX && l->search_count <= SOK_LEASE_SEARCH_MAX);
        must(sok_stack_link(stack, 1)->mtu >= 68 && sok_stack_link(stack, 1)->mtu <= 1500);
    }
    sok_stack_dhcp_stop(stack, 1, now);
    must(!sok_stack_check(stack));
    sok_stack_free(stack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 2000)
        return 0;
    check_reader(data, size);
    check_client(data, size);
    return 0;
}
