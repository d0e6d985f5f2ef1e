// The Network Time Protocol's header (RFC 5905 section 7.3). Times are seconds since 1900, with their fraction.
#ifndef SOK_WIRE_NTP_H
#define SOK_WIRE_NTP_H

#include "wire/field.h"

#define SOK_NTP_HDR_LEN 48
#define SOK_NTP_HEAD_FIELDS(N, B, P)                                                               \
    N(P, leap, 2, NAME, SET, 0, ntp_leaps)                                                         \
    N(P, version, 3, DEC, SET, 4, NULL)                                                            \
    N(P, mode, 3, NAME, SET, 3, ntp_modes)                                                         \
    N(P, stratum, 8, DEC, SET, 2, NULL)                                                            \
    N(P, poll, 8, DEC, SET, 10, NULL)                                                              \
    N(P, precision, 8, DEC, SET, 0, NULL)                                                          \
    N(P, delay, 32, FIXED, SET, 0, NULL)                                                           \
    N(P, dispersion, 32, FIXED, SET, 0, NULL)
#define SOK_NTP_TIME_FIELDS(N, B, P)                                                               \
    N(P, ref, 64, FIXED, SET, 0, NULL)                                                             \
    N(P, orig, 64, FIXED, SET, 0, NULL)                                                            \
    N(P, recv, 64, FIXED, SET, 0, NULL)                                                            \
    N(P, sent, 64, FIXED, SET, 0, NULL)
#define SOK_NTP_FIELDS(N, B, P)                                                                    \
    SOK_NTP_HEAD_FIELDS(N, B, P)                                                                   \
    N(P, id, 32, IP4, SET, 0x7f000001, NULL)                                                       \
    SOK_NTP_TIME_FIELDS(N, B, P)
SOK_HEADER(ntp, SOK_NTP_FIELDS, SOK_NTP_HDR_LEN)

#define SOK_PORT_NTP 123

extern const struct sok_proto sok_proto_ntp;

#endif
