// Multicast listener discovery in ICMPv6: version 1 (RFC 2710) and 2 (RFC 3810). A query of version 2 goes on behind
// that of version 1; a report of version 2 is a count and records.
#ifndef SOK_WIRE_MLD_H
#define SOK_WIRE_MLD_H

#include "wire/icmp6.h"

// A query, report or done of version 1. mrd: milliseconds; of version 2 a code (sok_mld_delay_ms).
#define SOK_MLD_LEN 24
#define SOK_MLD_FIELDS_OF(N, B, P, type, delay)                                                    \
    SOK_ICMP6_HEAD(N, B, P, type)                                                                  \
    N(P, mrd, 16, DEC, SET, delay, NULL)                                                           \
    N(P, reserved, 16, HEX, SET, 0, NULL)                                                          \
    B(P, mladdr, 16, IP6, SET)
#define SOK_MLD_FIELDS(N, B, P) SOK_MLD_FIELDS_OF(N, B, P, SOK_ICMP6_MLD_QUERY, 10000)
SOK_HEADER(mld, SOK_MLD_FIELDS, SOK_MLD_LEN)

// A query of version 2; the sources follow.
#define SOK_MLD2_QUERY_LEN 28
#define SOK_MLD2_QUERY_FIELDS(N, B, P)                                                             \
    SOK_MLD_FIELDS(N, B, P)                                                                        \
    N(P, Resv, 4, HEX, SET, 0, NULL)                                                               \
    N(P, S, 1, DEC, SET, 0, NULL)                                                                  \
    N(P, QRV, 3, DEC, SET, 0, NULL)                                                                \
    N(P, QQIC, 8, DEC, SET, 0, NULL)                                                               \
    N(P, sources_number, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(mld2_query, SOK_MLD2_QUERY_FIELDS, SOK_MLD2_QUERY_LEN)

// Records follow.
#define SOK_MLD2_REPORT_LEN 8
#define SOK_MLD2_REPORT_FIELDS(N, B, P)                                                            \
    N(P, type, 8, NAME, SET, SOK_ICMP6_MLD2_REPORT, sok_icmp6_types)                               \
    N(P, res, 8, DEC, SET, 0, NULL)                                                                \
    N(P, cksum, 16, HEX, DERIVED, 0, NULL)                                                         \
    N(P, reserved, 16, HEX, SET, 0, NULL)                                                          \
    N(P, records_number, 16, DEC, DERIVED, 0, NULL)
SOK_HEADER(mld2_report, SOK_MLD2_REPORT_FIELDS, SOK_MLD2_REPORT_LEN)

// A record: its sources, 16 bytes each, and auxiliary data (32-bit words, always none) follow.
#define SOK_MLD2_RECORD_LEN 20
#define SOK_MLD2_RECORD_FIELDS(N, B, P)                                                            \
    N(P, rtype, 8, NAME, SET, 4, sok_group_record_types)                                           \
    N(P, auxdata_len, 8, DEC, DERIVED, 0, NULL)                                                    \
    N(P, sources_number, 16, DEC, DERIVED, 0, NULL)                                                \
    B(P, dst, 16, IP6, SET)
SOK_HEADER(mld2_record, SOK_MLD2_RECORD_FIELDS, SOK_MLD2_RECORD_LEN)

// The maximum response code of a query of version 2 as milliseconds (RFC 3810 section 5.1.3).
uint32_t sok_mld_delay_ms(uint16_t code);

#endif
