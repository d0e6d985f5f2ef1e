// Who carries what an Ethernet type or an IP protocol number says: the binds of a protocol that has such a number.
#ifndef SOK_WIRE_CARRIER_H
#define SOK_WIRE_CARRIER_H

#include "wire/eth.h"
#include "wire/gre.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/llc.h"
#include "wire/sll.h"
#include "wire/vlan.h"

// clang-format off
#define SOK_BINDS_ETHERTYPE(number)                                                                \
    {&sok_proto_eth, SOK_AT_eth_type, number},                                                     \
    {&sok_proto_vlan, SOK_AT_vlan_type, number},                                                   \
    {&sok_proto_sll, SOK_AT_sll_proto, number},                                                    \
    {&sok_proto_sll2, SOK_AT_sll2_proto, number},                                                  \
    {&sok_proto_gre, SOK_AT_gre_proto, number},                                                    \
    {&sok_proto_snap, SOK_AT_snap_code, number}

#define SOK_BINDS_IPPROTO6(number)                                                                 \
    {&sok_proto_ip6, SOK_AT_ip6_nh, number},                                                       \
    {&sok_proto_ip6_hop, SOK_AT_ip6_ext_nh, number},                                               \
    {&sok_proto_ip6_routing, SOK_AT_ip6_ext_nh, number},                                           \
    {&sok_proto_ip6_dest, SOK_AT_ip6_ext_nh, number},                                              \
    {&sok_proto_ip6_frag, SOK_AT_ip6_frag_nh, number}

#define SOK_BINDS_IPPROTO(number)                                                                  \
    {&sok_proto_ip4, SOK_AT_ip4_proto, number}, SOK_BINDS_IPPROTO6(number)
// clang-format on

#endif
