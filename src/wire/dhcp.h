// BOOTP and DHCP (RFC 951, RFC 2131; the options: RFC 2132). Two headers, as Scapy has them: BOOTP with the
// magic cookie as its last field, and behind it DHCP, which is options alone.
//
// Read first: RFC 2131 section 2 (the message) and 4.1; RFC 3396 (long options), RFC 3397 (search list).
#ifndef SOK_WIRE_DHCP_H
#define SOK_WIRE_DHCP_H

#include "base/addr.h"
#include "base/event.h"
#include "wire/field.h"

#define SOK_BOOTP_HDR_LEN 240
#define SOK_BOOTP_FIELDS(N, B, P)                                                                  \
    N(P, op, 8, NAME, SET, 1, bootp_ops)                                                           \
    N(P, htype, 8, DEC, SET, 1, NULL)                                                              \
    N(P, hlen, 8, DEC, SET, 6, NULL)                                                               \
    N(P, hops, 8, DEC, SET, 0, NULL)                                                               \
    N(P, xid, 32, HEX, SET, 0, NULL)                                                               \
    N(P, secs, 16, DEC, SET, 0, NULL)                                                              \
    N(P, flags, 16, FLAGS, SET, 0, bootp_flags)                                                    \
    N(P, ciaddr, 32, IP4, SET, 0, NULL)                                                            \
    N(P, yiaddr, 32, IP4, SET, 0, NULL)                                                            \
    N(P, siaddr, 32, IP4, SET, 0, NULL)                                                            \
    N(P, giaddr, 32, IP4, SET, 0, NULL)                                                            \
    B(P, chaddr, 16, MAC, SET)                                                                     \
    B(P, sname, 64, TEXT, SET)                                                                     \
    B(P, file, 128, TEXT, SET)                                                                     \
    N(P, options, 32, HEX, DERIVED, SOK_DHCP_COOKIE, NULL)
#define SOK_DHCP_COOKIE 0x63825363
SOK_HEADER(bootp, SOK_BOOTP_FIELDS, SOK_BOOTP_HDR_LEN)

#define SOK_BOOTP_REQUEST   1
#define SOK_BOOTP_REPLY     2
#define SOK_BOOTP_BROADCAST 0x8000 // in flags
#define SOK_DHCP_SERVER     67     // ports
#define SOK_DHCP_CLIENT     68

extern const struct sok_proto sok_proto_bootp, sok_proto_dhcp;

// X(name, number, text)
#define SOK_DHCP_MESSAGES(X)                                                                       \
    X(DISCOVER, 1, "discover")                                                                     \
    X(OFFER, 2, "offer")                                                                           \
    X(REQUEST, 3, "request")                                                                       \
    X(DECLINE, 4, "decline")                                                                       \
    X(ACK, 5, "ack")                                                                               \
    X(NAK, 6, "nak")                                                                               \
    X(RELEASE, 7, "release")                                                                       \
    X(INFORM, 8, "inform")

enum sok_dhcp_message {
#define SOK_X(name, number, text) SOK_DHCP_##name = number,
    SOK_DHCP_MESSAGES(SOK_X)
#undef SOK_X
};
const char *sok_dhcp_message_text(unsigned message); // NULL: none of these

enum sok_dhcp_option {
    SOK_DHCP_OPT_PAD = 0,
    SOK_DHCP_OPT_MASK = 1,
    SOK_DHCP_OPT_ROUTER = 3,
    SOK_DHCP_OPT_DNS = 6,
    SOK_DHCP_OPT_HOSTNAME = 12,
    SOK_DHCP_OPT_DOMAIN = 15,
    SOK_DHCP_OPT_MTU = 26,
    SOK_DHCP_OPT_BROADCAST = 28,
    SOK_DHCP_OPT_REQUESTED = 50,
    SOK_DHCP_OPT_LEASE = 51,
    SOK_DHCP_OPT_OVERLOAD = 52,
    SOK_DHCP_OPT_TYPE = 53,
    SOK_DHCP_OPT_SERVER = 54,
    SOK_DHCP_OPT_WANTED = 55,
    SOK_DHCP_OPT_MESSAGE = 56,
    SOK_DHCP_OPT_MAX_SIZE = 57,
    SOK_DHCP_OPT_T1 = 58,
    SOK_DHCP_OPT_T2 = 59,
    SOK_DHCP_OPT_CLIENT_ID = 61,
    SOK_DHCP_OPT_SEARCH = 119,
    SOK_DHCP_OPT_END = 255,
};

// All the options that have names: Scapy's.
#define SOK_DHCP_KINDS 72
extern const struct sok_option_kind sok_dhcp_kinds[SOK_DHCP_KINDS];

// What the options of a message say; what they do not say is 0. Bounded: what is over a limit is left out.
#define SOK_DHCP_ADDRS_MAX  4
#define SOK_DHCP_SEARCH_MAX 6
#define SOK_DHCP_NAME_MAX   254 // with its NUL
struct sok_dhcp_said {
    uint8_t message; // enum sok_dhcp_message
    bool has_lease, has_t1, has_t2, has_mask;
    uint32_t lease, t1, t2; // seconds
    uint32_t server, requested;
    uint8_t prefix_len; // of the mask
    uint16_t mtu;
    uint8_t router_count, dns_count, search_count;
    uint32_t router[SOK_DHCP_ADDRS_MAX], dns[SOK_DHCP_ADDRS_MAX];
    char domain[SOK_DHCP_NAME_MAX];
    char search[SOK_DHCP_SEARCH_MAX][SOK_DHCP_NAME_MAX];
};

// Reads a whole message: its fixed part and all options, those in `file` and `sname` too (RFC 2131 section
// 4.1). False: malformed, an option of a wrong length or form among others; nothing of it may be used.
bool sok_dhcp_get(
    const uint8_t *p, size_t len, struct sok_bootp_hdr *h, struct sok_dhcp_said *said);

// Builds one: begin, options, end. What does not fit is left out and end() gives 0.
struct sok_dhcp_writer {
    uint8_t *p;
    size_t len, room;
    bool full;
};
void sok_dhcp_begin(struct sok_dhcp_writer *w, uint8_t *p, size_t room,
    const struct sok_bootp_hdr *h, enum sok_dhcp_message message);
void sok_dhcp_put(struct sok_dhcp_writer *w, uint8_t option, const void *value, size_t len);
void sok_dhcp_put16(struct sok_dhcp_writer *w, uint8_t option, uint16_t value);
void sok_dhcp_put32(struct sok_dhcp_writer *w, uint8_t option, uint32_t value);
// The length of the message, padded to the 300 bytes that BOOTP relays expect (RFC 1542 section 2.1).
size_t sok_dhcp_end(struct sok_dhcp_writer *w);

// A lease of so many seconds for people: "1h", "90s", "for ever" (UINT32_MAX).
#define SOK_DHCP_LEASE_TEXT_MAX 16
const char *sok_dhcp_lease_text(uint32_t seconds, char out[SOK_DHCP_LEASE_TEXT_MAX]);

#endif
