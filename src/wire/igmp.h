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
    N(P, type, 8, NAME, SET, initial, igmp_types)                                                  \
    N(P, mrcode, 8, DEC, SET, 100, NULL)                                                           \
    N(P, chksum, 16, HEX, DERIVED, 0, NULL)
// mrcode: tenths of a second; of version 3 a code (sok_igmp_delay_ms).
#define SOK_IGMP_FIELDS(N, B, P)                                                                   \
    SOK_IGMP_HEAD(N, B, P, SOK_IGMP_QUERY)                                                         \
    N(P, gaddr, 32, IP4, SET, 0, NULL)
SOK_HEADER(igmp, SOK_IGMP_FIELDS, SOK_IGMP_HDR_LEN)

// A query of version 3; the sources follow.
#define SOK_IGMP3_QUERY_LEN 12
#define SOK_IGMP3_QUERY_FIELDS(N, B, P)                                                            \
    SOK_IGMP_FIELDS(N, B, P)                                                                       \
    N(P, resv, 4, HEX, SET, 0, NULL)                                                               \
    N(P, s, 1, DEC, SET, 0, NULL)                                                                  \
    N(P, qrv, 3, DEC, SET, 2, NULL)                                                                \
    N(P, qqic, 8, DEC, SET, 125, NULL)                                                             \
    N(P, numsrc, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(igmp3_query, SOK_IGMP3_QUERY_FIELDS, SOK_IGMP3_QUERY_LEN)

// Records follow.
#define SOK_IGMP3_REPORT_LEN 8
#define SOK_IGMP3_REPORT_FIELDS(N, B, P)                                                           \
    SOK_IGMP_HEAD(N, B, P, SOK_IGMP_REPORT3)                                                       \
    N(P, res, 16, HEX, SET, 0, NULL)                                                               \
    N(P, numgrp, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(igmp3_report, SOK_IGMP3_REPORT_FIELDS, SOK_IGMP3_REPORT_LEN)

// A record: its sources, 4 bytes each, and auxiliary data (32-bit words, always none) follow.
#define SOK_IGMP3_RECORD_LEN 8
#define SOK_IGMP3_RECORD_FIELDS(N, B, P)                                                           \
    N(P, rtype, 8, NAME, SET, 1, group_record_types)                                               \
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

extern const struct sok_proto sok_proto_igmp;

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
