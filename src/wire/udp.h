// UDP (RFC 768).
#ifndef SOK_WIRE_UDP_H
#define SOK_WIRE_UDP_H

#include "base/addr.h"
#include "base/event.h"
#include "wire/field.h"

#define SOK_UDP_HDR_LEN 8
#define SOK_UDP_FIELDS(N, B, P)                                                                    \
    N(P, sport, 16, DEC, SET, 53, sok_services)                                                    \
    N(P, dport, 16, DEC, SET, 53, sok_services)                                                    \
    N(P, len, 16, DEC, DERIVED, 8, NULL)                                                           \
    N(P, chksum, 16, HEX, DERIVED, 0, NULL)
SOK_HEADER(udp, SOK_UDP_FIELDS, SOK_UDP_HDR_LEN)

#define SOK_UDP_CSUM_OFFSET 6

extern const struct sok_proto sok_proto_udp;

// The length field against the bytes there: SOK_DROP_NONE or UDP_LENGTH. Then only h->len bytes count.
enum sok_drop sok_udp_check(const struct sok_udp_hdr *h, size_t there);
// p: h.len bytes. A checksum of 0 says "none" and is right over IPv4 only (RFC 768, RFC 8200 8.1).
bool sok_udp_verify(
    const uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst);

#endif
