// The Routing Information Protocol, versions 1 and 2 (RFC 1058, RFC 2453 section 4): a header, then routes.
#ifndef SOK_WIRE_RIP_H
#define SOK_WIRE_RIP_H

#include "wire/field.h"

#define SOK_RIP_HDR_LEN 4
#define SOK_RIP_FIELDS(N, B, P)                                                                    \
    N(P, cmd, 8, NAME, SET, 1, rip_commands)                                                       \
    N(P, version, 8, DEC, SET, 1, NULL)                                                            \
    N(P, null, 16, DEC, SET, 0, NULL)
SOK_HEADER(rip, SOK_RIP_FIELDS, SOK_RIP_HDR_LEN)

#define SOK_RIP_ENTRY_LEN 20
#define SOK_RIP_ENTRY_FIELDS(N, B, P)                                                              \
    N(P, AF, 16, NAME, SET, 2, rip_families)                                                       \
    N(P, RouteTag, 16, DEC, SET, 0, NULL)                                                          \
    N(P, addr, 32, IP4, SET, 0, NULL)                                                              \
    N(P, mask, 32, IP4, SET, 0, NULL)                                                              \
    N(P, nextHop, 32, IP4, SET, 0, NULL)                                                           \
    N(P, metric, 32, NAME, SET, 1, rip_metrics)
SOK_HEADER(rip_entry, SOK_RIP_ENTRY_FIELDS, SOK_RIP_ENTRY_LEN)

#define SOK_PORT_RIP 520

extern const struct sok_proto sok_proto_rip, sok_proto_rip_entry;

#endif
