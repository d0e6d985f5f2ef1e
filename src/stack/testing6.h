// IPv6 for the unit tests of src/stack, beside testing.h: the stack is also 2001:db8::1/64, the neighbour
// 2001:db8::2.
#ifndef SOK_STACK_TESTING6_H
#define SOK_STACK_TESTING6_H

#include "stack/testing.h"
#include "wire/icmp6.h"
#include "wire/ip6.h"

#define LAB6_AT     (14 + SOK_IP6_HDR_LEN) // what the IPv6 header carries
#define LAB6_PREFIX 0x20, 1, 0xd, 0xb8

static const struct sok_addr lab6_us = {{LAB6_PREFIX, [15] = 1}};
static const struct sok_addr lab6_peer = {{LAB6_PREFIX, [15] = 2}};
static const struct sok_addr lab6_all_nodes = {{0xff, 2, [15] = 1}};
static const struct sok_addr lab6_any = {{0}};

// The next frame out that is no report of groups.
static inline bool lab6_out(struct lab *lab)
{
    bool some;
    do {
        some = lab_out(lab);
    } while (some && lab_type(lab) == SOK_ETHERTYPE_IP6 && lab->frame[14 + 6] == SOK_IP6_HOP);
    return some;
}

static inline void lab6_open_with(
    struct lab *lab, const struct sok_stack_config *config, uint32_t caps)
{
    lab_start(lab, config, caps);
    assert_int_equal(sok_stack_addr_add(lab->stack, lab->link, lab6_us, 64), 0);
    assert_false(lab6_out(lab));
}

static inline void lab6_open(struct lab *lab)
{
    struct sok_stack_config config;
    lab_config(&config, lab);
    lab6_open_with(lab, &config, 0);
}

static inline void lab6_know_peer(struct lab *lab)
{
    assert_int_equal(sok_stack_neighbour_add(lab->stack, lab->link, lab6_peer, lab_peer_mac), 0);
}

// A packet whose `len` bytes behind the IPv6 header are there already. Its length.
static inline size_t lab6_ip(uint8_t *p, const struct sok_addr *src, const struct sok_addr *dst,
    uint8_t next, uint8_t hops, size_t len)
{
    struct sok_ip6_hdr h = {.version = 6, .plen = (uint16_t)len, .nh = next, .hlim = hops};
    memcpy(h.src, src->b, 16);
    memcpy(h.dst, dst->b, 16);
    lab_eth(p, lab_mac, lab_peer_mac, SOK_ETHERTYPE_IP6);
    sok_ip6_hdr_put(p + 14, &h);
    return LAB6_AT + len;
}

// The same for an ICMPv6 message, whose sum is put right.
static inline size_t lab6_message(
    uint8_t *p, const struct sok_addr *src, const struct sok_addr *dst, uint8_t hops, size_t len)
{
    sok_icmp6_seal(p + LAB6_AT, len, src, dst);
    return lab6_ip(p, src, dst, SOK_IPPROTO_ICMP6, hops, len);
}

static inline size_t lab6_icmp(uint8_t *p, const struct sok_addr *src, const struct sok_addr *dst,
    const struct sok_icmp6_hdr *h, const void *data, size_t len)
{
    sok_icmp6_hdr_put(p + LAB6_AT, h);
    if (len > 0)
        memcpy(p + LAB6_AT + 8, data, len);
    return lab6_message(p, src, dst, 64, 8 + len);
}

static inline size_t lab6_udp(
    uint8_t *p, uint16_t sport, uint16_t dport, const void *data, size_t len)
{
    struct sok_udp_hdr h = {.sport = sport, .dport = dport, .len = (uint16_t)(8 + len)};
    struct sok_csum c;
    sok_udp_hdr_put(p + LAB6_AT, &h);
    memcpy(p + LAB6_AT + 8, data, len);
    sok_csum_init(&c);
    sok_csum_add_pseudo(&c, &lab6_peer, &lab6_us, SOK_IPPROTO_UDP, h.len);
    sok_csum_add(&c, p + LAB6_AT, h.len);
    sok_put16(p + LAB6_AT + 6, sok_csum_final(&c));
    return lab6_ip(p, &lab6_peer, &lab6_us, SOK_IPPROTO_UDP, 64, h.len);
}

// The IPv6 header of what came out: complete, and of this protocol.
static inline struct sok_ip6_hdr lab6_ip_out(const struct lab *lab, uint8_t next)
{
    struct sok_ip6_hdr h = {0};
    assert_int_equal(lab_type(lab), SOK_ETHERTYPE_IP6);
    assert_true(sok_ip6_get(lab->frame + 14, lab->len - 14, &h));
    assert_int_equal(h.plen, lab->len - LAB6_AT);
    assert_int_equal(h.nh, next);
    assert_memory_equal(lab->frame + 6, lab_mac, 6);
    return h;
}

static inline struct sok_icmp6_hdr lab6_icmp_out(const struct lab *lab)
{
    struct sok_ip6_hdr ip = lab6_ip_out(lab, SOK_IPPROTO_ICMP6);
    struct sok_addr src = sok_ip6_src(&ip), dst = sok_ip6_dst(&ip);
    struct sok_icmp6_hdr h = {0};
    assert_true(sok_icmp6_get(lab->frame + LAB6_AT, lab->len - LAB6_AT, &h));
    assert_true(sok_icmp6_verify(lab->frame + LAB6_AT, lab->len - LAB6_AT, &src, &dst));
    return h;
}

#endif
