// Group membership over IPv4: IGMP version 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376). A query of version 3 goes
// on behind that of the others; a report of version 3 is a count and records.
#ifndef SOK_WIRE_IGMP_H
#define SOK_WIRE_IGMP_H

#include "wire/field.h"

#define SOK_IPPROTO_IGMP 2

#define SOK_IGMP_QUERY   0x11
#define SOK_IGMP_REPORT1 0x12
#define SOK_IGMP_REPORT2 0x16
#define SOK_IGMP_LEAVE   0x17
#define SOK_IGMP_REPORT3 0x22

#define SOK_IGMP_HDR_LEN 8
#define SOK_IGMP_HEAD(N, B, P, initial)                                                            \
    N(P, type, 8, NAME, SET, initial, sok_igmp_types)                                              \
    N(P, mrcode, 8, DEC, SET, 20, NULL)                                                            \
    N(P, chksum, 16, HEX, DERIVED, 0, NULL)
// mrcode: tenths of a second; of version 3 a code (sok_igmp_delay_ms).
#define SOK_IGMP_FIELDS(N, B, P)                                                                   \
    SOK_IGMP_HEAD(N, B, P, SOK_IGMP_QUERY)                                                         \
    N(P, gaddr, 32, IP4, SET, 0, NULL)
SOK_HEADER(igmp, SOK_IGMP_FIELDS, SOK_IGMP_HDR_LEN)

// Version 3: type, mrcode and chksum, then what only a query or a report has.
#define SOK_IGMP3_HDR_LEN         4
#define SOK_IGMP3_FIELDS(N, B, P) SOK_IGMP_HEAD(N, B, P, SOK_IGMP_QUERY)
SOK_HEADER(igmp3, SOK_IGMP3_FIELDS, SOK_IGMP3_HDR_LEN)

// A query of version 3, and what of it is behind the checksum; the sources follow.
#define SOK_IGMP3_ASKED_LEN 8
#define SOK_IGMP3_ASKED_FIELDS(N, B, P)                                                            \
    N(P, gaddr, 32, IP4, SET, 0, NULL)                                                             \
    N(P, resv, 4, HEX, SET, 0, NULL)                                                               \
    N(P, s, 1, DEC, SET, 0, NULL)                                                                  \
    N(P, qrv, 3, DEC, SET, 0, NULL)                                                                \
    N(P, qqic, 8, DEC, SET, 0, NULL)                                                               \
    N(P, numsrc, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(igmp3_asked, SOK_IGMP3_ASKED_FIELDS, SOK_IGMP3_ASKED_LEN)
#define SOK_IGMP3_QUERY_LEN 12
#define SOK_IGMP3_QUERY_FIELDS(N, B, P)                                                            \
    SOK_IGMP3_FIELDS(N, B, P)                                                                      \
    SOK_IGMP3_ASKED_FIELDS(N, B, P)
SOK_HEADER(igmp3_query, SOK_IGMP3_QUERY_FIELDS, SOK_IGMP3_QUERY_LEN)

// Records follow.
#define SOK_IGMP3_REPORT_LEN  8
#define SOK_IGMP3_REPORT_REST 4
#define SOK_IGMP3_REPORT_FIELDS(N, B, P)                                                           \
    N(P, res2, 16, HEX, SET, 0, NULL)                                                              \
    N(P, numgrp, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(igmp3_report, SOK_IGMP3_REPORT_FIELDS, SOK_IGMP3_REPORT_REST)

// A record: its sources, 4 bytes each, and auxiliary data (32-bit words, always none) follow.
#define SOK_IGMP3_RECORD_LEN 8
#define SOK_IGMP3_RECORD_FIELDS(N, B, P)                                                           \
    N(P, rtype, 8, NAME, SET, 1, sok_group_record_types)                                           \
    N(P, auxdlen, 8, DEC, SET, 0, NULL)                                                            \
    N(P, numsrc, 16, DEC, DERIVED, 0, NULL)                                                        \
    N(P, maddr, 32, IP4, SET, 0, NULL)
SOK_HEADER(igmp3_record, SOK_IGMP3_RECORD_FIELDS, SOK_IGMP3_RECORD_LEN)

// What a record of a report says (RFC 3376 section 4.2.12, RFC 3810 section 5.2.12).
enum sok_group_record {
    SOK_GROUP_IS_INCLUDE = 1,
    SOK_GROUP_IS_EXCLUDE = 2,
    SOK_GROUP_TO_INCLUDE = 3,
    SOK_GROUP_TO_EXCLUDE = 4,
    SOK_GROUP_ALLOW = 5,
    SOK_GROUP_BLOCK = 6,
};
const char *sok_group_record_text(unsigned rtype); // NULL: none of these

// IGMP is also the family; version 3 is IGMPv3 and behind it IGMPv3mq or IGMPv3mr, which has records, IGMPv3gr.
extern const struct sok_proto sok_proto_igmp;
#define SOK_IGMP3_PROTOS 4
extern const struct sok_proto sok_igmp3_protos[SOK_IGMP3_PROTOS];
extern const struct sok_value sok_group_record_types[];
extern const struct sok_value sok_igmp_types[];
struct sok_show;
void sok_igmp_line(const struct sok_show *l);

// The Router Alert option (RFC 2113), which every message's IP header has.
#define SOK_IP4_ALERT_LEN 4
extern const uint8_t sok_ip4_alert[SOK_IP4_ALERT_LEN];

bool sok_igmp_verify(const uint8_t *p, size_t len);
void sok_igmp_seal(uint8_t *p, size_t len);
// The maximum response code of a query of version 3 as milliseconds (RFC 3376 section 4.1.1), and its querier's
// interval code as seconds (4.1.7; also MLD's).
uint32_t sok_igmp_delay_ms(uint8_t code);
uint32_t sok_igmp_interval_s(uint8_t code);

#endif
