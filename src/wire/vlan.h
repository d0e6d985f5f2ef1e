// The tag of a VLAN (IEEE 802.1Q), as what follows an Ethernet header of type 0x8100: two bytes of tag, and
// the type of what comes then.
#ifndef SOK_WIRE_VLAN_H
#define SOK_WIRE_VLAN_H

#include "wire/eth.h"

#define SOK_VLAN_HDR_LEN 4
#define SOK_VLAN_FIELDS(N, B, P)                                                                   \
    N(P, prio, 3, DEC, SET, 0, NULL)                                                               \
    N(P, id, 1, DEC, SET, 0, NULL)                                                                 \
    N(P, vlan, 12, DEC, SET, 1, NULL)                                                              \
    N(P, type, 16, NAME, DERIVED, 0, sok_ethertypes)
SOK_HEADER(vlan, SOK_VLAN_FIELDS, SOK_VLAN_HDR_LEN)

#define SOK_ETHERTYPE_VLAN 0x8100
#define SOK_VLAN_MAX       4094

extern const struct sok_proto sok_proto_vlan;

#endif
