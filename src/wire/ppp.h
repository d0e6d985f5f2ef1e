// PPP (RFC 1661), in HDLC-like frames (RFC 1662) and over Ethernet (RFC 2516).
#ifndef SOK_WIRE_PPP_H
#define SOK_WIRE_PPP_H

#include "wire/field.h"

// A protocol may be said in one byte where that is odd; built are two.
#define SOK_PPP_HDR_LEN         2
#define SOK_PPP_FIELDS(N, B, P) N(P, proto, 16, NAME, DERIVED, 0x0021, ppp_protos)
SOK_HEADER(ppp, SOK_PPP_FIELDS, SOK_PPP_HDR_LEN)

#define SOK_HDLC_HDR_LEN 2
#define SOK_HDLC_FIELDS(N, B, P)                                                                   \
    N(P, address, 8, HEX, SET, 0xff, NULL)                                                         \
    N(P, control, 8, HEX, SET, 0x03, NULL)
SOK_HEADER(hdlc, SOK_HDLC_FIELDS, SOK_HDLC_HDR_LEN)

#define SOK_PPPOE_HDR_LEN 6
#define SOK_PPPOE_FIELDS(N, B, P)                                                                  \
    N(P, version, 4, DEC, SET, 1, NULL)                                                            \
    N(P, type, 4, DEC, SET, 1, NULL)                                                               \
    N(P, code, 8, NAME, SET, 0, pppoe_codes)                                                       \
    N(P, sessionid, 16, HEX, SET, 0, NULL)                                                         \
    N(P, len, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(pppoe, SOK_PPPOE_FIELDS, SOK_PPPOE_HDR_LEN)

#define SOK_PPPOED_FIELDS(N, B, P)                                                                 \
    N(P, version, 4, DEC, SET, 1, NULL)                                                            \
    N(P, type, 4, DEC, SET, 1, NULL)                                                               \
    N(P, code, 8, NAME, SET, 9, discovery_codes)                                                   \
    N(P, sessionid, 16, HEX, SET, 0, NULL)                                                         \
    N(P, len, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(pppoed, SOK_PPPOED_FIELDS, SOK_PPPOE_HDR_LEN)

#define SOK_PPPOE_TAG_LEN 4
#define SOK_PPPOE_TAG_FIELDS(N, B, P)                                                              \
    N(P, tag_type, 16, NAME, SET, 0, tag_types)                                                    \
    N(P, tag_len, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(pppoe_tag, SOK_PPPOE_TAG_FIELDS, SOK_PPPOE_TAG_LEN)

#define SOK_ETHERTYPE_PPPOED 0x8863
#define SOK_ETHERTYPE_PPPOE  0x8864

enum { SOK_PPPOE_TAGS, SOK_PPPOE_TAG, SOK_PPPOE_PROTOS };
extern const struct sok_proto sok_proto_ppp, sok_proto_hdlc, sok_proto_pppoe, sok_proto_pppoed;
extern const struct sok_proto sok_pppoe_protos[SOK_PPPOE_PROTOS];

#endif
