// For the unit tests of src/stack: a stack on one link under virtual time, with memory counted, and the
// frames a neighbour would send. The stack is 192.0.2.1/24, mac 02::1; the neighbour 192.0.2.2, mac 02::2.
#ifndef SOK_STACK_TESTING_H
#define SOK_STACK_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/bytes.h"
#include "stack/stack.h"
#include "wire/arp.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/split.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define LAB_US            0xc0000201u
#define LAB_PEER          0xc0000202u
#define LAB_NET_BROADCAST 0xc00002ffu

static const uint8_t lab_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t lab_peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t lab_all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct lab {
    struct sok_mem_counter memory;
    struct sok_stack *stack;
    uint8_t link;
    int64_t now;
    uint8_t frame[66000]; // the last one out
    uint32_t len;
    struct sok_frame_meta meta;
};

static inline void lab_config(struct sok_stack_config *config, struct lab *lab)
{
    sok_stack_config_default(config);
    lab->memory = (struct sok_mem_counter){.under = sok_mem_libc()};
    config->mem = sok_mem_counting(&lab->memory);
    memset(config->seed, 7, sizeof(config->seed));
}

static inline void lab_start(struct lab *lab, const struct sok_stack_config *config, uint32_t caps)
{
    struct sok_link_info info = {.name = "lab", .mtu = 1500, .caps = caps};
    memcpy(info.mac, lab_mac, 6);
    lab->now = 1000 * SOK_S;
    assert_int_equal(sok_stack_new(config, &lab->stack), 0);
    int link = sok_stack_link_add(lab->stack, &info);
    assert_int_equal(link, 1);
    lab->link = (uint8_t)link;
    assert_int_equal(sok_stack_addr_add(lab->stack, lab->link, sok_addr_v4(LAB_US), 24), 0);
}

static inline void lab_open(struct lab *lab)
{
    struct sok_stack_config config;
    lab_config(&config, lab);
    lab_start(lab, &config, 0);
}

static inline void lab_close(struct lab *lab)
{
    assert_null(sok_stack_check(lab->stack));
    sok_stack_free(lab->stack);
    assert_int_equal(lab->memory.blocks, 0);
    assert_int_equal(lab->memory.bytes, 0);
}

static inline void lab_know_peer(struct lab *lab)
{
    assert_int_equal(
        sok_stack_neighbour_add(lab->stack, lab->link, sok_addr_v4(LAB_PEER), lab_peer_mac), 0);
}

// The next frame out, in lab->frame; false: none.
static inline bool lab_out(struct lab *lab)
{
    struct sok_frame_out out;
    lab->len = 0;
    if (!sok_stack_output(lab->stack, lab->link, lab->now, &out))
        return false;
    assert_true(out.iov_count >= 1 && out.iov_count <= SOK_OUT_IOV_MAX);
    lab->len = sok_frame_gather(&out, lab->frame, sizeof(lab->frame));
    assert_int_equal(lab->len, out.len);
    lab->meta = out.meta;
    return true;
}

static inline void lab_in(struct lab *lab, const uint8_t *frame, size_t len)
{
    assert_int_equal(sok_stack_input_bytes(lab->stack, lab->link, frame, len, lab->now), 0);
}

static inline void lab_run_to(struct lab *lab, int64_t until)
{
    int64_t due;
    while ((due = sok_stack_deadline(lab->stack)) <= until) {
        lab->now = due > lab->now ? due : lab->now;
        sok_stack_advance(lab->stack, lab->now);
    }
    lab->now = until;
}

static inline uint64_t lab_drops(const struct lab *lab, enum sok_drop why)
{
    static struct sok_tcp_counts counts;
    sok_stack_counts(lab->stack, &counts);
    return counts.drops[why];
}

// ---- frames of the neighbour ----

static inline size_t lab_eth(uint8_t *p, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
    memcpy(p, dst, 6);
    memcpy(p + 6, src, 6);
    sok_put16(p + 12, type);
    return 14;
}

static inline size_t lab_arp(uint8_t *p, const uint8_t dst[6], uint16_t op, const uint8_t hwsrc[6],
    uint32_t psrc, uint32_t pdst)
{
    struct sok_arp_hdr h = sok_arp_hdr_default();
    h.op = op;
    memcpy(h.hwsrc, hwsrc, 6);
    h.psrc = psrc;
    h.pdst = pdst;
    lab_eth(p, dst, hwsrc, SOK_ETHERTYPE_ARP);
    sok_arp_hdr_put(p + 14, &h);
    return 14 + SOK_ARP_HDR_LEN;
}

// An IPv4 packet from the peer to us, its payload behind the 34 bytes already in place.
static inline size_t lab_ip4(uint8_t *p, uint8_t proto, size_t payload_len)
{
    struct sok_ip4_hdr h = sok_ip4_hdr_default();
    h.len = (uint16_t)(SOK_IP4_HDR_LEN + payload_len);
    h.proto = proto;
    h.src = LAB_PEER;
    h.dst = LAB_US;
    lab_eth(p, lab_mac, lab_peer_mac, SOK_ETHERTYPE_IP4);
    sok_ip4_hdr_put(p + 14, &h);
    sok_ip4_seal(p + 14, SOK_IP4_HDR_LEN);
    return 34 + payload_len;
}

static inline void lab_set_addrs(uint8_t *p, uint32_t src, uint32_t dst)
{
    sok_put32(p + 26, src);
    sok_put32(p + 30, dst);
    sok_ip4_seal(p + 14, SOK_IP4_HDR_LEN);
}

static inline void lab_sum(
    uint8_t *p, size_t len, size_t at, uint8_t proto, uint32_t src, uint32_t dst)
{
    struct sok_csum c;
    sok_csum_init(&c);
    if (proto != SOK_IPPROTO_ICMP)
        sok_csum_add_pseudo4(&c, src, dst, proto, (uint32_t)len);
    sok_put16(p + at, 0);
    sok_csum_add(&c, p, len);
    sok_put16(p + at, sok_csum_final(&c));
}

static inline size_t lab_udp_from(uint8_t *p, uint32_t src, uint32_t dst, uint16_t sport,
    uint16_t dport, const void *data, size_t len)
{
    struct sok_udp_hdr h = {.sport = sport, .dport = dport, .len = (uint16_t)(8 + len)};
    sok_udp_hdr_put(p + 34, &h);
    memcpy(p + 42, data, len);
    lab_sum(p + 34, 8 + len, 6, SOK_IPPROTO_UDP, src, dst);
    size_t total = lab_ip4(p, SOK_IPPROTO_UDP, 8 + len);
    lab_set_addrs(p, src, dst);
    return total;
}

static inline size_t lab_udp(uint8_t *p, uint16_t sport, uint16_t dport, const char *text)
{
    return lab_udp_from(p, LAB_PEER, LAB_US, sport, dport, text, strlen(text));
}

static inline size_t lab_icmp(
    uint8_t *p, uint8_t type, uint8_t code, uint16_t id, uint16_t seq, const void *data, size_t len)
{
    struct sok_icmp_hdr h = {.type = type, .code = code, .id = id, .seq = seq};
    sok_icmp_hdr_put(p + 34, &h);
    memcpy(p + 42, data, len);
    lab_sum(p + 34, 8 + len, 2, SOK_IPPROTO_ICMP, 0, 0);
    return lab_ip4(p, SOK_IPPROTO_ICMP, 8 + len);
}

static inline size_t lab_tcp(uint8_t *p, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack,
    uint16_t flags, const void *data, size_t len)
{
    struct sok_tcp_hdr h = {.sport = sport,
        .dport = dport,
        .seq = seq,
        .ack = ack,
        .dataofs = 5,
        .flags = flags,
        .window = 65000};
    sok_tcp_hdr_put(p + 34, &h);
    memcpy(p + 54, data, len);
    lab_sum(p + 34, 20 + len, SOK_TCP_CSUM_OFFSET, SOK_IPPROTO_TCP, LAB_PEER, LAB_US);
    return lab_ip4(p, SOK_IPPROTO_TCP, 20 + len);
}

// ---- what came out ----

static inline uint16_t lab_type(const struct lab *lab)
{
    return lab->len >= 14 ? sok_get16(lab->frame + 12) : 0;
}

static inline struct sok_arp_hdr lab_arp_out(const struct lab *lab)
{
    struct sok_arp_hdr h = {0};
    assert_int_equal(lab_type(lab), SOK_ETHERTYPE_ARP);
    assert_true(sok_arp_get(lab->frame + 14, lab->len - 14, &h));
    return h;
}

// A packet of ours: everything in its IP header is as it must be.
static inline struct sok_ip4_hdr lab_ip4_out(const struct lab *lab)
{
    struct sok_ip4_hdr h = {0};
    assert_int_equal(lab_type(lab), SOK_ETHERTYPE_IP4);
    assert_memory_equal(lab->frame + 6, lab_mac, 6);
    assert_true(sok_ip4_get(lab->frame + 14, lab->len - 14, &h));
    assert_int_equal(sok_ip4_check(&h, lab->len - 14), SOK_DROP_NONE);
    assert_true(sok_ip4_verify(lab->frame + 14, 20));
    assert_int_equal(h.len, lab->len - 14);
    assert_int_equal(h.flags, h.proto == SOK_IPPROTO_TCP ? SOK_IP4_DF : 0);
    assert_int_equal(h.ttl, 64);
    return h;
}

static inline struct sok_icmp_hdr lab_icmp_out(const struct lab *lab)
{
    struct sok_icmp_hdr h = {0};
    assert_int_equal(lab_ip4_out(lab).proto, SOK_IPPROTO_ICMP);
    assert_true(sok_icmp_get(lab->frame + 34, lab->len - 34, &h));
    assert_true(sok_icmp_verify(lab->frame + 34, lab->len - 34));
    return h;
}

// Answers an ARP request that is in lab->frame.
static inline void lab_answer_arp(struct lab *lab, const uint8_t mac[6])
{
    uint8_t frame[64];
    struct sok_arp_hdr h = lab_arp_out(lab);
    assert_int_equal(h.op, SOK_ARP_REQUEST);
    lab_in(lab, frame, lab_arp(frame, lab_mac, SOK_ARP_REPLY, mac, h.pdst, h.psrc));
}

#endif
