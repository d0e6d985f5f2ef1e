// ICMPv4 (RFC 792, RFC 1191). What the second word means depends on the type: id and seq of an echo, or one
// of the views below.
#ifndef SOK_WIRE_ICMP_H
#define SOK_WIRE_ICMP_H

#include "wire/ip4.h"

#define SOK_ICMP_HDR_LEN 8
#define SOK_ICMP_FIELDS(N, B, P)                                                                   \
    N(P, type, 8, NAME, SET, 8, icmp_types)                                                        \
    N(P, code, 8, DEC, SET, 0, NULL)                                                               \
    N(P, chksum, 16, HEX, DERIVED, 0, NULL)                                                        \
    N(P, id, 16, DEC, SET, 0, NULL)                                                                \
    N(P, seq, 16, DEC, SET, 0, NULL)
SOK_HEADER(icmp, SOK_ICMP_FIELDS, SOK_ICMP_HDR_LEN)

#define SOK_ICMP_ECHO_REPLY        0
#define SOK_ICMP_UNREACHABLE       3
#define SOK_ICMP_SOURCE_QUENCH     4
#define SOK_ICMP_REDIRECT          5
#define SOK_ICMP_ECHO              8
#define SOK_ICMP_TIME_EXCEEDED     11
#define SOK_ICMP_PARAMETER         12
#define SOK_ICMP_TIMESTAMP         13
#define SOK_ICMP_TIMESTAMP_REPLY   14
#define SOK_ICMP_INFORMATION       15
#define SOK_ICMP_INFORMATION_REPLY 16
#define SOK_ICMP_MASK              17
#define SOK_ICMP_MASK_REPLY        18

// Codes of SOK_ICMP_UNREACHABLE.
#define SOK_ICMP_NET         0
#define SOK_ICMP_HOST        1
#define SOK_ICMP_PROTOCOL    2
#define SOK_ICMP_PORT        3
#define SOK_ICMP_FRAG_NEEDED 4
#define SOK_ICMP_NET_ADMIN   9
#define SOK_ICMP_HOST_ADMIN  10
#define SOK_ICMP_ADMIN       13

// Codes of SOK_ICMP_TIME_EXCEEDED.
#define SOK_ICMP_TTL        0
#define SOK_ICMP_REASSEMBLY 1

extern const struct sok_proto sok_proto_icmp;

// The second word of UNREACHABLE, FRAG_NEEDED.
static inline uint16_t sok_icmp_nexthopmtu(const struct sok_icmp_hdr *h)
{
    return h->seq;
}

// Errors quote the packet they are about; nobody answers them (RFC 1122 section 3.2.2).
static inline bool sok_icmp_is_error(uint8_t type)
{
    return type == SOK_ICMP_UNREACHABLE || type == SOK_ICMP_SOURCE_QUENCH ||
           type == SOK_ICMP_REDIRECT || type == SOK_ICMP_TIME_EXCEEDED ||
           type == SOK_ICMP_PARAMETER;
}

// p: the whole message.
bool sok_icmp_verify(const uint8_t *p, size_t len);

// What an error quotes: an IPv4 header and at least 8 bytes of what followed; less where no such header is
// known that would be looked at, since a datagram may be short.
struct sok_icmp_quote {
    struct sok_ip4_hdr ip;
    const uint8_t *data;        // after the quoted IP header with its options
    size_t len;                 // at least 8 for TCP, UDP and ICMP; may be the start of more
    uint16_t sport, dport;      // TCP and UDP; else 0
    uint32_t seq;               // TCP; else 0
    uint16_t echo_id, echo_seq; // an ICMP echo request; else 0
    uint8_t icmp_type;          // ICMP
};
// p: what follows the error's 8 bytes. False: too short, not IPv4, a lying header length, or a fragment
// that does not begin with the transport header.
bool sok_icmp_quote_get(const uint8_t *p, size_t len, struct sok_icmp_quote *out);

#endif
