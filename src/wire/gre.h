// Generic Routing Encapsulation (RFC 2784, RFC 2890). Its first bits say which of the optional fields are there.
#ifndef SOK_WIRE_GRE_H
#define SOK_WIRE_GRE_H

#include "wire/eth.h"

#define SOK_GRE_HDR_LEN 4
#define SOK_GRE_FIELDS(N, B, P)                                                                    \
    N(P, chksum_present, 1, DEC, SET, 0, NULL)                                                     \
    N(P, routing_present, 1, DEC, SET, 0, NULL)                                                    \
    N(P, key_present, 1, DEC, SET, 0, NULL)                                                        \
    N(P, seqnum_present, 1, DEC, SET, 0, NULL)                                                     \
    N(P, strict_route_source, 1, DEC, SET, 0, NULL)                                                \
    N(P, recursion_control, 3, DEC, SET, 0, NULL)                                                  \
    N(P, flags, 5, DEC, SET, 0, NULL)                                                              \
    N(P, version, 3, DEC, SET, 0, NULL)                                                            \
    N(P, proto, 16, NAME, DERIVED, 0, sok_ethertypes)
SOK_HEADER(gre, SOK_GRE_FIELDS, SOK_GRE_HDR_LEN)

#define SOK_IPPROTO_GRE 47

extern const struct sok_proto sok_proto_gre;

#endif
