// IPv6 (RFC 8200): the header, its extension headers, fragments. Addresses are 16 bytes, as in sok_addr.
#ifndef SOK_WIRE_IP6_H
#define SOK_WIRE_IP6_H

#include "base/addr.h"
#include "base/event.h"
#include "wire/field.h"

#define SOK_IP6_HDR_LEN 40
#define SOK_IP6_MTU_MIN 1280 // what every link carries (section 5)
#define SOK_IP6_FIELDS(N, B, P)                                                                    \
    N(P, version, 4, DEC, SET, 6, NULL)                                                            \
    N(P, tc, 8, HEX, SET, 0, NULL)                                                                 \
    N(P, fl, 20, HEX, SET, 0, NULL)                                                                \
    N(P, plen, 16, DEC, DERIVED, 0, NULL)                                                          \
    N(P, nh, 8, NAME, DERIVED, 59, ip6_nexts)                                                      \
    N(P, hlim, 8, DEC, SET, 64, NULL)                                                              \
    B(P, src, 16, IP6, SOURCE)                                                                     \
    B(P, dst, 16, IP6, TARGET)
SOK_HEADER(ip6, SOK_IP6_FIELDS, SOK_IP6_HDR_LEN)

// Hop-by-hop options, routing and destination options begin alike; len counts 8 bytes, without the first 8, which
// are always there.
#define SOK_IP6_EXT_LEN  8
#define SOK_IP6_EXT_HEAD 2
#define SOK_IP6_EXT_FIELDS(N, B, P)                                                                \
    N(P, nh, 8, NAME, DERIVED, 59, ip6_nexts)                                                      \
    N(P, len, 8, DEC, DERIVED, 0, NULL)
SOK_HEADER(ip6_ext, SOK_IP6_EXT_FIELDS, SOK_IP6_EXT_HEAD)

#define SOK_IP6_ROUTING_FIELDS(N, B, P)                                                            \
    SOK_IP6_EXT_FIELDS(N, B, P)                                                                    \
    N(P, type, 8, DEC, SET, 0, NULL)                                                               \
    N(P, segleft, 8, DEC, DERIVED, 0, NULL)                                                        \
    N(P, reserved, 32, HEX, SET, 0, NULL)
SOK_HEADER(ip6_routing, SOK_IP6_ROUTING_FIELDS, SOK_IP6_EXT_LEN)

// The options of hop-by-hop and destination options headers (section 4.2), each a header of its own.
#define SOK_IP6_OPTION_PROTOS 6
extern const struct sok_proto sok_ip6_option_protos[SOK_IP6_OPTION_PROTOS];
extern const struct sok_part sok_ip6_option_parts[1];

// offset: in 8 bytes.
#define SOK_IP6_FRAG_LEN 8
#define SOK_IP6_FRAG_FIELDS(N, B, P)                                                               \
    N(P, nh, 8, NAME, DERIVED, 59, ip6_nexts)                                                      \
    N(P, res1, 8, HEX, SET, 0, NULL)                                                               \
    N(P, offset, 13, DEC, SET, 0, NULL)                                                            \
    N(P, res2, 2, DEC, SET, 0, NULL)                                                               \
    N(P, m, 1, DEC, SET, 0, NULL)                                                                  \
    N(P, id, 32, HEX, SET, 0, NULL)
SOK_HEADER(ip6_frag, SOK_IP6_FRAG_FIELDS, SOK_IP6_FRAG_LEN)

// Next header: of extension headers, and 59, behind which is nothing. Others are those of IPv4.
#define SOK_IP6_HOP     0
#define SOK_IP6_ROUTING 43
#define SOK_IP6_FRAG    44
#define SOK_IP6_NONE    59
#define SOK_IP6_DEST    60

extern const struct sok_proto sok_proto_ip6;
extern const struct sok_proto sok_proto_ip6_hop;
extern const struct sok_proto sok_proto_ip6_routing;
extern const struct sok_proto sok_proto_ip6_dest;
extern const struct sok_proto sok_proto_ip6_frag;

// Version and length, against what is there (bytes from the header on, which may include padding).
// SOK_DROP_NONE, or IP_SHORT, IP_VERSION, IP_TOTAL_LENGTH.
enum sok_drop sok_ip6_check(const struct sok_ip6_hdr *h, size_t there);

static inline struct sok_addr sok_ip6_src(const struct sok_ip6_hdr *h)
{
    struct sok_addr a;
    memcpy(a.b, h->src, sizeof a.b);
    return a;
}
static inline struct sok_addr sok_ip6_dst(const struct sok_ip6_hdr *h)
{
    struct sok_addr a;
    memcpy(a.b, h->dst, sizeof a.b);
    return a;
}

// A walk over the extension headers: bounded by the packet, and stops behind a fragment header that is not of a
// first fragment, where no header follows.
struct sok_ip6_walk {
    const uint8_t *p; // the packet, from its IPv6 header on
    size_t len;       // bytes of it that are there, at least SOK_IP6_HDR_LEN
    size_t at;        // where the header called `next` begins
    size_t field;     // where the number of it stands: what a parameter problem points at
    size_t before;    // the same of the header that was passed last
    uint8_t next;
    bool cut;      // the header called `next` is not all there
    bool fragment; // a fragment header was passed, that is not all of its packet:
    struct sok_ip6_frag_hdr frag;
};
struct sok_ip6_ext {
    uint8_t kind;
    size_t at, len;
};

static inline struct sok_ip6_walk sok_ip6_walk(const uint8_t *p, size_t len)
{
    return (struct sok_ip6_walk){
        .p = p, .len = len, .at = SOK_IP6_HDR_LEN, .field = 6, .next = p[6]};
}
// The next extension header. False: `next` is none of these, or none can follow, or it is cut.
bool sok_ip6_next(struct sok_ip6_walk *w, struct sok_ip6_ext *out);

#endif
