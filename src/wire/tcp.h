// The TCP header (RFC 9293 section 3.1). Options: wire/tcp_options.h.
#ifndef SOK_WIRE_TCP_H
#define SOK_WIRE_TCP_H

#include "base/addr.h"
#include "base/event.h"
#include "wire/field.h"

#define SOK_TCP_HDR_LEN     20
#define SOK_TCP_HDR_LEN_MAX 60
#define SOK_TCP_FIELDS(N, B, P)                                                                    \
    N(P, sport, 16, DEC, SET, 20, sok_services)                                                    \
    N(P, dport, 16, DEC, SET, 80, sok_services)                                                    \
    N(P, seq, 32, DEC, SET, 0, NULL)                                                               \
    N(P, ack, 32, DEC, SET, 0, NULL)                                                               \
    N(P, dataofs, 4, DEC, DERIVED, 5, NULL)                                                        \
    N(P, reserved, 3, DEC, SET, 0, NULL)                                                           \
    N(P, flags, 9, FLAGS, SET, 2, tcp_flags)                                                       \
    N(P, window, 16, DEC, SET, 8192, NULL)                                                         \
    N(P, chksum, 16, HEX, DERIVED, 0, NULL)                                                        \
    N(P, urgptr, 16, DEC, SET, 0, NULL)
SOK_HEADER(tcp, SOK_TCP_FIELDS, SOK_TCP_HDR_LEN)

enum sok_tcp_flag {
    SOK_TCP_FIN = 1,
    SOK_TCP_SYN = 2,
    SOK_TCP_RST = 4,
    SOK_TCP_PSH = 8,
    SOK_TCP_ACK = 16,
    SOK_TCP_URG = 32,
    SOK_TCP_ECE = 64,
    SOK_TCP_CWR = 128,
    SOK_TCP_AE = 256, // RFC 9768; formerly NS
};

#define SOK_TCP_SEQ_OFFSET   4
#define SOK_TCP_FLAGS_OFFSET 13 // the low eight of them
#define SOK_TCP_CSUM_OFFSET  16

extern const struct sok_proto sok_proto_tcp;

// The data offset against the bytes there: SOK_DROP_NONE or TCP_OFFSET.
enum sok_drop sok_tcp_check(const struct sok_tcp_hdr *h, size_t there);
bool sok_tcp_verify(
    const uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst);

#endif
