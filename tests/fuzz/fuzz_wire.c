// Any bytes as a frame: taken apart, checked and shown. Nothing outside is read, layers lie inside each other,
// text fits, and the rows read what the structs read.
#include <string.h>
#include "tests/fuzz/must.h"
#include "tests/fuzz/sample.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/show.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"

// Longer text than this has no frame of the sizes tried here: hex of the payload, a line of it for 16 bytes.
#define TEXT_MAX (1 << 20)

size_t fuzz_sample(uint64_t seed, uint8_t *out, size_t room)
{
    return sample_frame(seed, out, room);
}

static void check_ip4(const uint8_t *p, size_t len)
{
    struct sok_ip4_hdr h;
    if (!sok_ip4_get(p, len, &h) || sok_ip4_check(&h, len) != SOK_DROP_NONE)
        return;
    must(h.ihl * 4u <= h.len && h.len <= len);
    sok_ip4_verify(p, h.ihl * 4u);
    sok_ip4_options_check(p + SOK_IP4_HDR_LEN, h.ihl * 4u - SOK_IP4_HDR_LEN);
    struct sok_addr src = sok_addr_v4(h.src), dst = sok_addr_v4(h.dst);
    const uint8_t *l4 = p + h.ihl * 4u;
    size_t left = h.len - h.ihl * 4u;
    struct sok_udp_hdr udp;
    struct sok_tcp_hdr tcp;
    struct sok_tcp_opts opts;
    if (sok_udp_get(l4, left, &udp) && sok_udp_check(&udp, left) == SOK_DROP_NONE)
        sok_udp_verify(l4, udp.len, &src, &dst);
    if (sok_tcp_get(l4, left, &tcp) && sok_tcp_check(&tcp, left) == SOK_DROP_NONE) {
        sok_tcp_verify(l4, left, &src, &dst);
        sok_tcp_opts_get(l4 + SOK_TCP_HDR_LEN, tcp.dataofs * 4u - SOK_TCP_HDR_LEN, &opts);
    }
    sok_icmp_verify(l4, left);
}

static void check_quote(const uint8_t *p, size_t len)
{
    struct sok_icmp_quote q;
    if (!sok_icmp_quote_get(p, len, &q))
        return;
    must(q.data >= p + SOK_IP4_HDR_LEN && q.len >= 8 && q.data + q.len == p + len);
    touch(q.data, q.len);
}

static void check_layers(const uint8_t *data, size_t size)
{
    struct sok_layer layers[SOK_LAYERS_MAX];
    unsigned count = sok_dissect(&sok_proto_eth, data, size, layers);
    uint32_t end = (uint32_t)size;
    must(count >= 1 && count <= SOK_LAYERS_MAX);
    for (unsigned i = 0; i < count; i++) {
        const struct sok_layer *l = &layers[i];
        must(l->off + l->header + l->payload <= end);
        must(i == 0 || l->off == layers[i - 1].off + layers[i - 1].header);
        must(i == 0 || l->header + l->payload <= layers[i - 1].payload);
        must(l->proto || i + 1 == count);
        must(!l->proto || l->truncated || l->header >= l->proto->hdr_len);
        touch(data + l->off, l->header + l->payload);
        end = l->off + l->header + l->payload;
    }
}

static void check_text(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX], part[TEXT_MAX];
    size_t (*const show[])(char *, size_t, const uint8_t *, size_t) = {
        sok_show_line, sok_show_tree};
    for (unsigned i = 0; i < 2; i++) {
        size_t used = show[i](text, sizeof(text), data, size);
        must(used < sizeof(text));
        must(strlen(text) == used);
        must(show[i](NULL, 0, data, size) == used);
        size_t room = 1 + size * 13 % (used + 1);
        must(show[i](part, room, data, size) == used);
        must(strlen(part) == room - 1 && memcmp(part, text, room - 1) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sok_arp_hdr arp;
    if (size > 70000)
        return 0;
    check_layers(data, size);
    check_text(data, size);
    check_ip4(data, size);
    if (size >= SOK_ETH_HDR_LEN)
        check_ip4(data + SOK_ETH_HDR_LEN, size - SOK_ETH_HDR_LEN);
    check_quote(data, size);
    if (sok_arp_get(data, size, &arp))
        sok_arp_check(&arp);
    return 0;
}
