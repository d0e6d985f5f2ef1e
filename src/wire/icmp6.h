// ICMPv6 (RFC 4443) and the messages of neighbour discovery in it (RFC 4861; router preferences and route information
// RFC 4191, name servers RFC 8106, nonces RFC 3971). What the second word means depends on the type: id and seq
// of an echo, or one of the views below. A message of neighbour discovery is a fixed part, from the type on, and
// options whose length counts units of 8 bytes; those of group membership are in mld.h.
#ifndef SOK_WIRE_ICMP6_H
#define SOK_WIRE_ICMP6_H

#include "base/addr.h"
#include "wire/field.h"
#include "wire/ip6.h"
#include "wire/options.h"

#define SOK_IPPROTO_ICMP6 58

#define SOK_ICMP6_HDR_LEN 8
#define SOK_ICMP6_HEAD_OF(N, B, P, initial, codes)                                                 \
    N(P, type, 8, NAME, SET, initial, sok_icmp6_types)                                             \
    N(P, code, 8, NAME, SET, 0, codes)                                                             \
    N(P, cksum, 16, HEX, DERIVED, 0, NULL)
#define SOK_ICMP6_HEAD(N, B, P, initial) SOK_ICMP6_HEAD_OF(N, B, P, initial, NULL)
#define SOK_ICMP6_FIELDS(N, B, P)                                                                  \
    SOK_ICMP6_HEAD(N, B, P, 128)                                                                   \
    N(P, id, 16, DEC, SET, 0, NULL)                                                                \
    N(P, seq, 16, DEC, SET, 0, NULL)
SOK_HEADER(icmp6, SOK_ICMP6_FIELDS, SOK_ICMP6_HDR_LEN)

#define SOK_ICMP6_UNREACHABLE   1
#define SOK_ICMP6_TOO_BIG       2
#define SOK_ICMP6_TIME_EXCEEDED 3
#define SOK_ICMP6_PARAMETER     4
#define SOK_ICMP6_ECHO          128
#define SOK_ICMP6_ECHO_REPLY    129
#define SOK_ICMP6_MLD_QUERY     130
#define SOK_ICMP6_MLD_REPORT    131
#define SOK_ICMP6_MLD_DONE      132
#define SOK_ICMP6_RS            133
#define SOK_ICMP6_RA            134
#define SOK_ICMP6_NS            135
#define SOK_ICMP6_NA            136
#define SOK_ICMP6_REDIRECT      137
#define SOK_ICMP6_MLD2_REPORT   143

// Codes of SOK_ICMP6_UNREACHABLE.
#define SOK_ICMP6_NO_ROUTE     0
#define SOK_ICMP6_ADMIN        1
#define SOK_ICMP6_BEYOND_SCOPE 2
#define SOK_ICMP6_ADDRESS      3
#define SOK_ICMP6_PORT         4
#define SOK_ICMP6_POLICY       5 // of the source address
#define SOK_ICMP6_REJECT       6 // the route

// Codes of SOK_ICMP6_TIME_EXCEEDED and SOK_ICMP6_PARAMETER.
#define SOK_ICMP6_HOPS       0
#define SOK_ICMP6_REASSEMBLY 1
#define SOK_ICMP6_FIELD      0
#define SOK_ICMP6_NEXT       1 // unknown next header
#define SOK_ICMP6_OPTION     2

// The family, found by next header 58; its messages (icmp6_protos.c) are headers of their own: ICMPv6EchoRequest, ...
extern const struct sok_proto sok_proto_icmp6;
#define SOK_ICMP6_PROTOS 17
extern const struct sok_proto sok_icmp6_protos[SOK_ICMP6_PROTOS];
// And the options of neighbour discovery, which follow each other.
#define SOK_ND_OPTION_PROTOS 10
extern const struct sok_proto sok_nd_option_protos[SOK_ND_OPTION_PROTOS];
// A listener's record in a report (mld.h).
extern const struct sok_proto sok_proto_mld2_record;

struct sok_show;
void sok_icmp6_line(const struct sok_show *l); // of any message
extern const struct sok_value sok_icmp6_types[];
extern const struct sok_value sok_nd_prfs[];

// The second word of TOO_BIG (an MTU) and PARAMETER (where).
static inline uint32_t sok_icmp6_word(const struct sok_icmp6_hdr *h)
{
    return (uint32_t)h->id << 16 | h->seq;
}

// Errors quote the packet they are about; nobody answers them (RFC 4443 section 2.4).
static inline bool sok_icmp6_is_error(uint8_t type)
{
    return type < 128;
}

// p: the whole message. The sum covers the pseudo header (RFC 4443 section 2.3).
bool sok_icmp6_verify(
    const uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst);
void sok_icmp6_seal(uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst);

// What an error quotes: an IPv6 header, what is there of its extension headers, and at least 8 bytes of what TCP,
// UDP or ICMPv6 put behind them.
struct sok_icmp6_quote {
    struct sok_addr src, dst;
    uint8_t proto;              // of what the extension headers lead to
    uint16_t sport, dport;      // TCP and UDP; else 0
    uint32_t seq;               // TCP; else 0
    uint16_t echo_id, echo_seq; // an ICMPv6 echo request; else 0
    uint8_t icmp_type;          // ICMPv6
    const uint8_t *data; // behind the quoted headers; at least 8 bytes for TCP, UDP and ICMPv6
    size_t len;
};
// p: what follows the error's 8 bytes. False: too short, not IPv6, headers that are cut, or a fragment that does
// not begin with the transport header.
bool sok_icmp6_quote_get(const uint8_t *p, size_t len, struct sok_icmp6_quote *out);

// ---- neighbour discovery: fixed parts ----

#define SOK_ND_RS_LEN 8
#define SOK_ND_RS_FIELDS(N, B, P)                                                                  \
    SOK_ICMP6_HEAD(N, B, P, SOK_ICMP6_RS)                                                          \
    N(P, res, 32, HEX, SET, 0, NULL)
SOK_HEADER(nd_rs, SOK_ND_RS_FIELDS, SOK_ND_RS_LEN)

// prf: enum sok_nd_prf. routerlifetime in seconds, the others in milliseconds; 0: not said.
#define SOK_ND_RA_LEN 16
#define SOK_ND_RA_FIELDS(N, B, X)                                                                  \
    SOK_ICMP6_HEAD(N, B, X, SOK_ICMP6_RA)                                                          \
    N(X, chlim, 8, DEC, SET, 0, NULL)                                                              \
    N(X, M, 1, DEC, SET, 0, NULL)                                                                  \
    N(X, O, 1, DEC, SET, 0, NULL)                                                                  \
    N(X, H, 1, DEC, SET, 0, NULL)                                                                  \
    N(X, prf, 2, NAME, SET, 1, sok_nd_prfs)                                                        \
    N(X, P, 1, DEC, SET, 0, NULL)                                                                  \
    N(X, res, 2, DEC, SET, 0, NULL)                                                                \
    N(X, routerlifetime, 16, DEC, SET, 1800, NULL)                                                 \
    N(X, reachabletime, 32, DEC, SET, 0, NULL)                                                     \
    N(X, retranstimer, 32, DEC, SET, 0, NULL)
SOK_HEADER(nd_ra, SOK_ND_RA_FIELDS, SOK_ND_RA_LEN)

#define SOK_ND_NS_LEN 24
#define SOK_ND_NS_FIELDS(N, B, P)                                                                  \
    SOK_ICMP6_HEAD(N, B, P, SOK_ICMP6_NS)                                                          \
    N(P, res, 32, HEX, SET, 0, NULL)                                                               \
    B(P, tgt, 16, IP6, SET)
SOK_HEADER(nd_ns, SOK_ND_NS_FIELDS, SOK_ND_NS_LEN)

// R: from a router; S: asked for; O: override what is known.
#define SOK_ND_NA_LEN 24
#define SOK_ND_NA_FIELDS(N, B, P)                                                                  \
    SOK_ICMP6_HEAD(N, B, P, SOK_ICMP6_NA)                                                          \
    N(P, R, 1, DEC, SET, 1, NULL)                                                                  \
    N(P, S, 1, DEC, SET, 0, NULL)                                                                  \
    N(P, O, 1, DEC, SET, 1, NULL)                                                                  \
    N(P, res, 29, HEX, SET, 0, NULL)                                                               \
    B(P, tgt, 16, IP6, SET)
SOK_HEADER(nd_na, SOK_ND_NA_FIELDS, SOK_ND_NA_LEN)

#define SOK_ND_REDIRECT_LEN 40
#define SOK_ND_REDIRECT_FIELDS(N, B, P)                                                            \
    SOK_ICMP6_HEAD(N, B, P, SOK_ICMP6_REDIRECT)                                                    \
    N(P, res, 32, HEX, SET, 0, NULL)                                                               \
    B(P, tgt, 16, IP6, SET)                                                                        \
    B(P, dst, 16, IP6, SET)
SOK_HEADER(nd_redirect, SOK_ND_REDIRECT_FIELDS, SOK_ND_REDIRECT_LEN)

// RFC 4191 section 2.1; the reserved value counts as medium for a router and as nothing in an option.
enum sok_nd_prf {
    SOK_ND_PRF_MEDIUM = 0,
    SOK_ND_PRF_HIGH = 1,
    SOK_ND_PRF_RESERVED = 2,
    SOK_ND_PRF_LOW = 3,
};

// ---- neighbour discovery: options, from behind kind and length ----

#define SOK_ND_OPT_SOURCE     1 // the link's address of who sends
#define SOK_ND_OPT_TARGET     2 // and of the target
#define SOK_ND_OPT_PREFIX     3
#define SOK_ND_OPT_REDIRECTED 4
#define SOK_ND_OPT_MTU        5
#define SOK_ND_OPT_NONCE      14 // RFC 3971 section 5.3.2, RFC 7527
#define SOK_ND_OPT_ROUTE      24 // RFC 4191
#define SOK_ND_OPT_RDNSS      25 // RFC 8106
#define SOK_ND_OPT_DNSSL      31

#define SOK_ND_LIFE_EVER UINT32_MAX

#define SOK_ND_LINK_LEN             6
#define SOK_ND_LINK_FIELDS(N, B, P) B(P, lladdr, 6, MAC, SET)
SOK_HEADER(nd_link, SOK_ND_LINK_FIELDS, SOK_ND_LINK_LEN)

#define SOK_ND_PREFIX_LEN 30
#define SOK_ND_PREFIX_FIELDS(N, B, P)                                                              \
    N(P, prefixlen, 8, DEC, SET, 64, NULL)                                                         \
    N(P, L, 1, DEC, SET, 1, NULL)                                                                  \
    N(P, A, 1, DEC, SET, 1, NULL)                                                                  \
    N(P, R, 1, DEC, SET, 0, NULL)                                                                  \
    N(P, res1, 5, HEX, SET, 0, NULL)                                                               \
    N(P, validlifetime, 32, DEC, SET, SOK_ND_LIFE_EVER, NULL)                                      \
    N(P, preferredlifetime, 32, DEC, SET, SOK_ND_LIFE_EVER, NULL)                                  \
    N(P, res2, 32, HEX, SET, 0, NULL)                                                              \
    B(P, prefix, 16, IP6, SET)
SOK_HEADER(nd_prefix, SOK_ND_PREFIX_FIELDS, SOK_ND_PREFIX_LEN)

// The head of the packet that was redirected follows.
#define SOK_ND_REDIRECTED_LEN             6
#define SOK_ND_REDIRECTED_FIELDS(N, B, P) N(P, res, 48, HEX, SET, 0, NULL)
SOK_HEADER(nd_redirected, SOK_ND_REDIRECTED_FIELDS, SOK_ND_REDIRECTED_LEN)

#define SOK_ND_MTU_LEN 6
#define SOK_ND_MTU_FIELDS(N, B, P)                                                                 \
    N(P, res, 16, HEX, SET, 0, NULL)                                                               \
    N(P, mtu, 32, DEC, SET, 1280, NULL)
SOK_HEADER(nd_mtu, SOK_ND_MTU_FIELDS, SOK_ND_MTU_LEN)

// 0, 8 or 16 bytes of the prefix follow.
#define SOK_ND_ROUTE_LEN 6
#define SOK_ND_ROUTE_FIELDS(N, B, P)                                                               \
    N(P, plen, 8, DEC, DERIVED, 0, NULL)                                                           \
    N(P, res1, 3, DEC, SET, 0, NULL)                                                               \
    N(P, prf, 2, NAME, SET, 0, sok_nd_prfs)                                                        \
    N(P, res2, 3, DEC, SET, 0, NULL)                                                               \
    N(P, rtlifetime, 32, DEC, SET, SOK_ND_LIFE_EVER, NULL)
SOK_HEADER(nd_route, SOK_ND_ROUTE_FIELDS, SOK_ND_ROUTE_LEN)

// RDNSS: addresses follow; DNSSL: names (name.h), then zeros.
#define SOK_ND_DNS_LEN 6
#define SOK_ND_DNS_FIELDS(N, B, P)                                                                 \
    N(P, res, 16, HEX, SET, 0, NULL)                                                               \
    N(P, lifetime, 32, DEC, SET, SOK_ND_LIFE_EVER, NULL)
SOK_HEADER(nd_dns, SOK_ND_DNS_FIELDS, SOK_ND_DNS_LEN)

// The fixed part of a type of neighbour discovery; 0: it is none of these.
size_t sok_nd_fixed(uint8_t type);
// Its options, of a message of `len` bytes. Walk them with sok_option_next().
struct sok_options sok_nd_options(const uint8_t *message, size_t len);
// Whether length and options are as every receiver must have them (RFC 4861 sections 6.1, 7.1 and 8.1): the fixed
// part is there, code 0, and no option has length 0 or goes past the end.
bool sok_nd_check(const uint8_t *message, size_t len);
// The value of its first option of a kind that has at least `least` bytes; NULL: none.
const uint8_t *sok_nd_option(
    const uint8_t *message, size_t len, uint8_t kind, size_t least, size_t *value_len);
// The link address in an option of this kind, which has to be of Ethernet's length; false: none.
bool sok_nd_link_addr(const uint8_t *message, size_t len, uint8_t kind, uint8_t mac[6]);

// Each writes a whole option at p, which has the room, and gives its length.
#define SOK_ND_OPT_LINK_LEN 8
size_t sok_nd_put_link(uint8_t *p, uint8_t kind, const uint8_t mac[6]);
#define SOK_ND_NONCE_LEN     6
#define SOK_ND_OPT_NONCE_LEN 8
size_t sok_nd_put_nonce(uint8_t *p, const uint8_t nonce[SOK_ND_NONCE_LEN]);
#define SOK_ND_OPT_PREFIX_LEN 32
size_t sok_nd_put_prefix(uint8_t *p, const struct sok_nd_prefix_hdr *h);
#define SOK_ND_OPT_MTU_LEN 8
size_t sok_nd_put_mtu(uint8_t *p, uint32_t mtu);
#define SOK_ND_OPT_ROUTE_LEN_MAX 24
size_t sok_nd_put_route(
    uint8_t *p, const struct sok_nd_route_hdr *h, const struct sok_addr *prefix);
size_t sok_nd_put_rdnss(
    uint8_t *p, uint32_t lifetime, const struct sok_addr *servers, unsigned count); // 8 + 16 each

#endif
