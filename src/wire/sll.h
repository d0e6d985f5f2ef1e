// What Linux gives in place of a link's header when several links are captured together ("any"), versions 1 and 2
// (LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 of the registry at tcpdump.org), and BSD's loopback (LINKTYPE_NULL and
// LINKTYPE_LOOP).
#ifndef SOK_WIRE_SLL_H
#define SOK_WIRE_SLL_H

#include "wire/eth.h"

#define SOK_SLL_HDR_LEN 16
#define SOK_SLL_FIELDS(N, B, P)                                                                    \
    N(P, pkttype, 16, NAME, SET, 0, sll_types)                                                     \
    N(P, lladdrtype, 16, HEX, SET, 512, NULL)                                                      \
    N(P, lladdrlen, 16, DEC, SET, 0, NULL)                                                         \
    B(P, src, 8, BYTES, SET)                                                                       \
    N(P, proto, 16, NAME, DERIVED, 0x0800, sok_ethertypes)
SOK_HEADER(sll, SOK_SLL_FIELDS, SOK_SLL_HDR_LEN)

#define SOK_SLL2_HDR_LEN 20
#define SOK_SLL2_FIELDS(N, B, P)                                                                   \
    N(P, proto, 16, NAME, DERIVED, 0x0800, sok_ethertypes)                                         \
    N(P, reserved, 16, DEC, SET, 0, NULL)                                                          \
    N(P, ifindex, 32, DEC, SET, 0, NULL)                                                           \
    N(P, lladdrtype, 16, HEX, SET, 512, NULL)                                                      \
    N(P, pkttype, 8, NAME, SET, 0, sll_types)                                                      \
    N(P, lladdrlen, 8, DEC, SET, 0, NULL)                                                          \
    B(P, src, 8, BYTES, SET)
SOK_HEADER(sll2, SOK_SLL2_FIELDS, SOK_SLL2_HDR_LEN)

// The number of an address family in four bytes of the machine's order that captured; here with the first byte lowest.
#define SOK_LOOPBACK_HDR_LEN 4
#define SOK_LOOPBACK_FIELDS(N, B, P)                                                               \
    N(P, type, 8, NAME, DERIVED, 2, families)                                                      \
    N(P, reserved, 24, DEC, SET, 0, NULL)
SOK_HEADER(loopback, SOK_LOOPBACK_FIELDS, SOK_LOOPBACK_HDR_LEN)

extern const struct sok_proto sok_proto_sll, sok_proto_sll2, sok_proto_loopback;

#endif
