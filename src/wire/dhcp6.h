// DHCPv6 (RFC 8415): the messages between clients and servers, and the options a client without addresses asks for.
#ifndef SOK_WIRE_DHCP6_H
#define SOK_WIRE_DHCP6_H

#include "base/addr.h"
#include "wire/field.h"
#include "wire/name.h"

#define SOK_DHCP6_HDR_LEN 4
#define SOK_DHCP6_FIELDS(N, B, P)                                                                  \
    N(P, msgtype, 8, NAME, SET, 0, sok_dhcp6_types)                                                \
    N(P, trid, 24, HEX, SET, 0, NULL)
SOK_HEADER(dhcp6, SOK_DHCP6_FIELDS, SOK_DHCP6_HDR_LEN)

#define SOK_DHCP6_CLIENT 546 // ports
#define SOK_DHCP6_SERVER 547

#define SOK_DHCP6_REPLY               7
#define SOK_DHCP6_INFORMATION_REQUEST 11

// An option: code, length, value.
#define SOK_DHCP6_OPT_LEN       4
#define SOK_DHCP6_OPT_CLIENT_ID 1
#define SOK_DHCP6_OPT_SERVER_ID 2
#define SOK_DHCP6_OPT_WANTED    6
#define SOK_DHCP6_OPT_ELAPSED   8
#define SOK_DHCP6_OPT_STATUS    13
#define SOK_DHCP6_OPT_DNS       23 // RFC 3646
#define SOK_DHCP6_OPT_DOMAINS   24
#define SOK_DHCP6_OPT_REFRESH   32 // section 21.23
#define SOK_DHCP6_OPT_MAX_RT    83 // of information requests (section 21.25)

extern const struct sok_proto sok_proto_dhcp6; // the family
extern const struct sok_value sok_dhcp6_types[];

// dhcp6_protos.c: the messages, then options, DUIDs and what lies in options.
#define SOK_DHCP6_MESSAGES 13
#define SOK_DHCP6_PROTOS   57
extern const struct sok_proto sok_dhcp6_protos[SOK_DHCP6_PROTOS];
const struct sok_proto *sok_dhcp6_variant(const uint8_t *p, size_t len);
const struct sok_proto *sok_dhcp6_option_next(const uint8_t *p, size_t header, size_t len);

struct sok_dhcp6_options {
    const uint8_t *at;
    size_t left;
    bool malformed; // a length past the end; the walk stopped there
};
struct sok_dhcp6_option {
    uint16_t code, len;
    const uint8_t *data;
};
static inline struct sok_dhcp6_options sok_dhcp6_options(const uint8_t *message, size_t len)
{
    return (struct sok_dhcp6_options){
        .at = message + SOK_DHCP6_HDR_LEN, .left = len - SOK_DHCP6_HDR_LEN};
}
bool sok_dhcp6_next(struct sok_dhcp6_options *o, struct sok_dhcp6_option *out);
// Writes an option at p, which has the room; its length.
size_t sok_dhcp6_put(uint8_t *p, uint16_t code, const void *value, uint16_t len);

#endif
