// Ethernet II (IEEE 802.3 clause 3).
#ifndef SOK_WIRE_ETH_H
#define SOK_WIRE_ETH_H

#include "base/event.h"
#include "wire/field.h"

#define SOK_ETH_HDR_LEN 14
#define SOK_ETH_FIELDS(N, B, P)                                                                    \
    B(P, dst, 6, MAC, HOP)                                                                         \
    B(P, src, 6, MAC, SOURCE)                                                                      \
    N(P, type, 16, NAME, DERIVED, 0x9000, sok_ethertypes)
SOK_HEADER(eth, SOK_ETH_FIELDS, SOK_ETH_HDR_LEN)

#define SOK_ETHERTYPE_IP4     0x0800
#define SOK_ETHERTYPE_ARP     0x0806
#define SOK_ETHERTYPE_IP6     0x86dd
#define SOK_ETHERTYPE_BRIDGED 0x6558 // an Ethernet frame within another protocol

extern const struct sok_proto sok_proto_eth;
extern const struct sok_value sok_ethertypes[];

static inline bool sok_mac_is_group(const uint8_t mac[6]) // multicast or broadcast
{
    return mac[0] & 1;
}

#endif
