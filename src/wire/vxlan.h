// VXLAN (RFC 7348), with the fields of its generic protocol extension and of its group policy, which flags announce.
#ifndef SOK_WIRE_VXLAN_H
#define SOK_WIRE_VXLAN_H

#include "wire/field.h"

#define SOK_VXLAN_HDR_LEN 8
#define SOK_VXLAN_FIELDS(N, B, P)                                                                  \
    N(P, flags, 8, FLAGS, SET, 8, vxlan_flags)                                                     \
    N(P, reserved1, 24, DEC, SET, 0, NULL)                                                         \
    N(P, vni, 24, HEX, SET, 0, NULL)                                                               \
    N(P, reserved2, 8, HEX, SET, 0, NULL)
SOK_HEADER(vxlan, SOK_VXLAN_FIELDS, SOK_VXLAN_HDR_LEN)

#define SOK_PORT_VXLAN       4789
#define SOK_PORT_VXLAN_LINUX 8472 // what Linux uses where nobody says another

extern const struct sok_proto sok_proto_vxlan;

#endif
