// IPv4 (RFC 791). Addresses are numbers in host order; base/addr.h makes a sok_addr of them.
#ifndef SOK_WIRE_IP4_H
#define SOK_WIRE_IP4_H

#include "base/addr.h"
#include "base/event.h"
#include "wire/field.h"

#define SOK_IP4_HDR_LEN     20
#define SOK_IP4_HDR_LEN_MAX 60
#define SOK_IP4_PACKET_MAX  65535
#define SOK_IP4_FIELDS(N, B, P)                                                                    \
    N(P, version, 4, DEC, SET, 4, NULL)                                                            \
    N(P, ihl, 4, DEC, DERIVED, 5, NULL)                                                            \
    N(P, tos, 8, HEX, SET, 0, NULL)                                                                \
    N(P, len, 16, DEC, DERIVED, 20, NULL)                                                          \
    N(P, id, 16, DEC, SET, 1, NULL)                                                                \
    N(P, flags, 3, FLAGS, SET, 0, ip4_flags)                                                       \
    N(P, frag, 13, DEC, SET, 0, NULL)                                                              \
    N(P, ttl, 8, DEC, SET, 64, NULL)                                                               \
    N(P, proto, 8, NAME, DERIVED, 0, ip4_protos)                                                   \
    N(P, chksum, 16, HEX, DERIVED, 0, NULL)                                                        \
    N(P, src, 32, IP4, SOURCE, 0, NULL)                                                            \
    N(P, dst, 32, IP4, TARGET, 0x7f000001, NULL)
SOK_HEADER(ip4, SOK_IP4_FIELDS, SOK_IP4_HDR_LEN)

#define SOK_IP4_MF 1 // in flags
#define SOK_IP4_DF 2

#define SOK_IPPROTO_ICMP 1
#define SOK_IPPROTO_TCP  6
#define SOK_IPPROTO_UDP  17
#define SOK_IPPROTO_RAW  255 // reserved (IANA): for sockets that send whatever header they are given

extern const struct sok_proto sok_proto_ip4;

// Version and lengths, against what is there (bytes from the IP header on, which may include padding).
// SOK_DROP_NONE, or IP_VERSION, IP_HEADER_LENGTH, IP_TOTAL_LENGTH.
enum sok_drop sok_ip4_check(const struct sok_ip4_hdr *h, size_t there);
// The header checksum over ihl * 4 bytes, which sok_ip4_check() said are there.
bool sok_ip4_verify(const uint8_t *p, size_t header_len);
// Computes and stores the header checksum.
void sok_ip4_seal(uint8_t *p, size_t header_len);
// Options: well-formed as far as this stack looks at them (bounded; nothing is followed).
// SOK_DROP_NONE or IP_OPTION.
enum sok_drop sok_ip4_options_check(const uint8_t *p, size_t len);

#endif
