// IEEE 802.3 with a length in place of the type, 802.2 (LLC), its extension by Ethernet types (SNAP), and the spanning
// tree's messages (IEEE 802.1D clause 9.3).
#ifndef SOK_WIRE_LLC_H
#define SOK_WIRE_LLC_H

#include "wire/eth.h"

#define SOK_DOT3_HDR_LEN 14
#define SOK_DOT3_FIELDS(N, B, P)                                                                   \
    B(P, dst, 6, MAC, HOP)                                                                         \
    B(P, src, 6, MAC, SOURCE)                                                                      \
    N(P, len, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(dot3, SOK_DOT3_FIELDS, SOK_DOT3_HDR_LEN)

#define SOK_LLC_HDR_LEN 3
#define SOK_LLC_FIELDS(N, B, P)                                                                    \
    N(P, dsap, 8, HEX, DERIVED, 0, NULL)                                                           \
    N(P, ssap, 8, HEX, DERIVED, 0, NULL)                                                           \
    N(P, ctrl, 8, DEC, DERIVED, 0, NULL)
SOK_HEADER(llc, SOK_LLC_FIELDS, SOK_LLC_HDR_LEN)

#define SOK_SNAP_HDR_LEN 5
#define SOK_SNAP_FIELDS(N, B, P)                                                                   \
    N(P, OUI, 24, HEX, SET, 0, NULL)                                                               \
    N(P, code, 16, NAME, DERIVED, 0, sok_ethertypes)
SOK_HEADER(snap, SOK_SNAP_FIELDS, SOK_SNAP_HDR_LEN)

// Times in 1/256 seconds.
#define SOK_STP_HDR_LEN 35
#define SOK_STP_FIELDS(N, B, P)                                                                    \
    N(P, proto, 16, DEC, SET, 0, NULL)                                                             \
    N(P, version, 8, DEC, SET, 0, NULL)                                                            \
    N(P, bpdutype, 8, DEC, SET, 0, NULL)                                                           \
    N(P, bpduflags, 8, DEC, SET, 0, NULL)                                                          \
    N(P, rootid, 16, DEC, SET, 0, NULL)                                                            \
    B(P, rootmac, 6, MAC, SET)                                                                     \
    N(P, pathcost, 32, DEC, SET, 0, NULL)                                                          \
    N(P, bridgeid, 16, DEC, SET, 0, NULL)                                                          \
    B(P, bridgemac, 6, MAC, SET)                                                                   \
    N(P, portid, 16, DEC, SET, 0, NULL)                                                            \
    N(P, age, 16, FIXED, SET, 1 << 8, NULL)                                                        \
    N(P, maxage, 16, FIXED, SET, 20 << 8, NULL)                                                    \
    N(P, hellotime, 16, FIXED, SET, 2 << 8, NULL)                                                  \
    N(P, fwddelay, 16, FIXED, SET, 15 << 8, NULL)
SOK_HEADER(stp, SOK_STP_FIELDS, SOK_STP_HDR_LEN)

extern const struct sok_proto sok_proto_dot3, sok_proto_llc, sok_proto_snap, sok_proto_stp;

#endif
