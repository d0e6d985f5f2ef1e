// DNS (RFC 1035): a header and four sections. A question or record is a header of its own: as a value of a section it has
// its names written out, whatever they refer to in the message.
#ifndef SOK_WIRE_DNS_H
#define SOK_WIRE_DNS_H

#include "wire/field.h"

#define SOK_DNS_HDR_LEN 12
#define SOK_DNS_FIELDS(N, B, P)                                                                    \
    N(P, id, 16, DEC, SET, 0, NULL)                                                                \
    N(P, qr, 1, DEC, SET, 0, NULL)                                                                 \
    N(P, opcode, 4, NAME, SET, 0, dns_opcodes)                                                     \
    N(P, aa, 1, DEC, SET, 0, NULL)                                                                 \
    N(P, tc, 1, DEC, SET, 0, NULL)                                                                 \
    N(P, rd, 1, DEC, SET, 1, NULL)                                                                 \
    N(P, ra, 1, DEC, SET, 0, NULL)                                                                 \
    N(P, z, 1, DEC, SET, 0, NULL)                                                                  \
    N(P, ad, 1, DEC, SET, 0, NULL)                                                                 \
    N(P, cd, 1, DEC, SET, 0, NULL)                                                                 \
    N(P, rcode, 4, NAME, SET, 0, dns_rcodes)                                                       \
    N(P, qdcount, 16, DEC, DERIVED, 1, NULL)                                                       \
    N(P, ancount, 16, DEC, DERIVED, 0, NULL)                                                       \
    N(P, nscount, 16, DEC, DERIVED, 0, NULL)                                                       \
    N(P, arcount, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(dns, SOK_DNS_FIELDS, SOK_DNS_HDR_LEN)

// Over TCP: its length in front (RFC 1035 section 4.2.2).
#define SOK_DNS_TCP_HDR_LEN 14
#define SOK_DNS_TCP_FIELDS(N, B, P)                                                                \
    N(P, length, 16, DEC, DERIVED, 0, NULL)                                                        \
    SOK_DNS_FIELDS(N, B, P)
SOK_HEADER(dns_tcp, SOK_DNS_TCP_FIELDS, SOK_DNS_TCP_HDR_LEN)

#define SOK_DNS_PORT 53

// What follows a record's name.
#define SOK_DNS_RR_LEN         10
#define SOK_DNS_TYPE_OF(fixed) sok_get16(fixed)

enum sok_dns_type {
    SOK_DNS_A = 1,
    SOK_DNS_NS = 2,
    SOK_DNS_CNAME = 5,
    SOK_DNS_SOA = 6,
    SOK_DNS_PTR = 12,
    SOK_DNS_MX = 15,
    SOK_DNS_TXT = 16,
    SOK_DNS_AAAA = 28,
    SOK_DNS_SRV = 33,
    SOK_DNS_OPT = 41,
};

extern const struct sok_proto sok_proto_dns, sok_proto_dns_tcp;
// DNSQR, DNSRR, and the types that have fields of their own.
#define SOK_DNS_RECORD_PROTOS 10
extern const struct sok_proto sok_dns_record_protos[SOK_DNS_RECORD_PROTOS];
const struct sok_proto *sok_dns_question_proto(void);
const struct sok_proto *sok_dns_record_proto(uint16_t type);
extern const struct sok_value sok_dns_types[];

// ---- names (RFC 1035 section 4.1.4) ----

// Bytes of the name at p as it stands there; 0: it is not all there.
size_t sok_dns_name_size(const uint8_t *p, size_t len);
// Writes out the name at `at` of a message. Pointers go backwards only, so this ends. False: malformed.
bool sok_dns_name_expand(const uint8_t *message, size_t len, size_t at, struct sok_sink *out);
// The same as text, "www.example.com.", for a part that is a name.
bool sok_dns_name_get(const struct sok_part *part, const struct sok_span *span,
    struct sok_items *to, struct sok_item *out);
bool sok_dns_name_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why);
size_t sok_dns_name_measure(const uint8_t *fixed, const uint8_t *p, size_t there);

// A message with its names as short as references make them (section 4.1.4; in the data of the types of RFC 1035 alone,
// RFC 3597 section 4). False: it is malformed, or `out` too small.
bool sok_dns_compress(const uint8_t *message, size_t len, struct sok_sink *out);

// A record (`question`: without ttl and data) at `at` with its names written out. Its end in the message; 0: malformed.
size_t sok_dns_record_expand(
    const uint8_t *message, size_t len, size_t at, bool question, struct sok_sink *out);
// Its bytes as they stand there; 0: they are not all there.
size_t sok_dns_record_size(const uint8_t *p, size_t len, bool question);

#endif
