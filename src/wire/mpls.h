// A label of MPLS (RFC 3032), and the control word in front of an Ethernet frame behind labels (RFC 4448).
#ifndef SOK_WIRE_MPLS_H
#define SOK_WIRE_MPLS_H

#include "wire/eth.h"

#define SOK_MPLS_HDR_LEN 4
#define SOK_MPLS_FIELDS(N, B, P)                                                                   \
    N(P, label, 20, DEC, DERIVED, 3, NULL)                                                         \
    N(P, cos, 3, DEC, SET, 0, NULL)                                                                \
    N(P, s, 1, DEC, DERIVED, 1, NULL)                                                              \
    N(P, ttl, 8, DEC, SET, 0, NULL)
SOK_HEADER(mpls, SOK_MPLS_FIELDS, SOK_MPLS_HDR_LEN)

#define SOK_EOMCW_HDR_LEN 4
#define SOK_EOMCW_FIELDS(N, B, P)                                                                  \
    N(P, zero, 4, DEC, DERIVED, 0, NULL)                                                           \
    N(P, reserved, 12, DEC, SET, 0, NULL)                                                          \
    N(P, seq, 16, DEC, SET, 0, NULL)
SOK_HEADER(eomcw, SOK_EOMCW_FIELDS, SOK_EOMCW_HDR_LEN)

#define SOK_ETHERTYPE_MPLS 0x8847
#define SOK_IPPROTO_MPLS   137
#define SOK_PORT_MPLS      6635

extern const struct sok_proto sok_proto_mpls, sok_proto_eomcw;

#endif
