// Frames made by hand: nothing of the stack's own wire formats is used, so a mistake there shows.
#ifndef TESTS_HOSTILE_CRAFT_H
#define TESTS_HOSTILE_CRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRAFT_MAX (14 + 65535 + 64)
#define ETH_LEN   14
#define IP_AT     ETH_LEN

enum {
    F_FIN = 1,
    F_SYN = 2,
    F_RST = 4,
    F_PSH = 8,
    F_ACK = 16,
    F_URG = 32,
    F_ECE = 64,
    F_CWR = 128
};

struct packet {
    size_t len;
    uint8_t b[CRAFT_MAX];
};

// Zero: what is usual (ttl 64, the proto of the maker).
struct ip_fields {
    uint32_t src, dst;
    uint16_t id, frag; // flags and offset as on the wire
    uint8_t ttl, tos;
    const uint8_t *options; // padded by the caller to 4
    size_t options_len;
};

struct tcp_fields {
    struct ip_fields ip;
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint16_t flags, window, urgent;
    const uint8_t *options; // padded by the caller to 4
    size_t options_len;
    const void *data; // NULL with a len: zeros
    size_t len;
};

void craft_tcp(struct packet *p, const struct tcp_fields *f);
void craft_udp(struct packet *p, const struct ip_fields *ip, uint16_t sport, uint16_t dport,
    const void *data, size_t len);
void craft_icmp(struct packet *p, const struct ip_fields *ip, uint8_t type, uint8_t code,
    uint32_t rest, const void *data, size_t len);
void craft_ip(
    struct packet *p, const struct ip_fields *ip, uint8_t proto, const void *data, size_t len);
void craft_arp(struct packet *p, uint16_t op, uint32_t from, uint32_t asks);

// Make the sums right again after a change: as a careless parser would see the packet (IHL and total
// length are believed as far as the frame goes).
void craft_ip_sum(struct packet *p);
void craft_sums(struct packet *p);

static inline void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}
static inline uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}
uint16_t craft_sum(const uint8_t *p, size_t len, uint32_t start); // the plain loop of RFC 1071
uint32_t craft_pseudo(const uint8_t *ip, uint8_t proto, size_t len);

#endif
