// ARP for IPv4 over Ethernet (RFC 826).
#ifndef SOK_WIRE_ARP_H
#define SOK_WIRE_ARP_H

#include "base/event.h"
#include "wire/field.h"

#define SOK_ARP_HDR_LEN 28
#define SOK_ARP_FIELDS(N, B, P)                                                                    \
    N(P, hwtype, 16, DEC, SET, 1, NULL)                                                            \
    N(P, ptype, 16, HEX, SET, 0x0800, NULL)                                                        \
    N(P, hwlen, 8, DEC, DERIVED, 6, NULL)                                                          \
    N(P, plen, 8, DEC, DERIVED, 4, NULL)                                                           \
    N(P, op, 16, NAME, SET, 1, arp_ops)                                                            \
    B(P, hwsrc, 6, MAC, SOURCE)                                                                    \
    N(P, psrc, 32, IP4, SOURCE, 0, NULL)                                                           \
    B(P, hwdst, 6, MAC, SET)                                                                       \
    N(P, pdst, 32, IP4, ASKED, 0, NULL)
SOK_HEADER(arp, SOK_ARP_FIELDS, SOK_ARP_HDR_LEN)

#define SOK_ARP_REQUEST 1
#define SOK_ARP_REPLY   2

extern const struct sok_proto sok_proto_arp;

// Types and lengths are those of IPv4 over Ethernet and op is known: SOK_DROP_NONE or ARP_MALFORMED.
enum sok_drop sok_arp_check(const struct sok_arp_hdr *h);

#endif
