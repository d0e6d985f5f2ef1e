#include "wire/ntp.h"

#include "wire/udp.h"

#define STRATUM_SERVER 2 // from here on another server is followed, not a clock

static const struct sok_value ntp_leaps[] = {{0, "no warning"},
    {1, "last minute of the day has 61 seconds"}, {2, "last minute of the day has 59 seconds"},
    {3, "unknown (clock unsynchronized)"}, {0, NULL}};
static const struct sok_value ntp_modes[] = {{0, "reserved"}, {1, "symmetric active"},
    {2, "symmetric passive"}, {3, "client"}, {4, "server"}, {5, "broadcast"},
    {6, "NTP control message"}, {7, "reserved for private use"}, {0, NULL}};

// A clock, or why there is no time (a kiss code), in four letters.
#define CLOCK_FIELDS(N, B, P)                                                                      \
    SOK_NTP_HEAD_FIELDS(N, B, P)                                                                   \
    B(P, ref_id, 4, TEXT, SET)                                                                     \
    SOK_NTP_TIME_FIELDS(N, B, P)
SOK_HEADER_STRUCT(ntp_clock, CLOCK_FIELDS, SOK_NTP_HDR_LEN)
SOK_HEADER_ROWS(ntp, SOK_NTP_FIELDS)
SOK_HEADER_ROWS(ntp_clock, CLOCK_FIELDS)

static const struct sok_field *ntp_view(const uint8_t *p, size_t len, unsigned *count)
{
    *count = SOK_COUNT_OF(ntp_rows);
    return len > 1 && p[1] < STRATUM_SERVER ? ntp_clock_rows : ntp_rows;
}

static const struct sok_bind ntp_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_dport, SOK_PORT_NTP},
    {&sok_proto_udp, SOK_AT_udp_sport, SOK_PORT_NTP},
};

const struct sok_proto sok_proto_ntp = {
    .name = "NTP",
    .title = "Network Time Protocol",
    .summary = "NTP v%version%, %mode%",
    .fields = ntp_rows,
    .field_count = SOK_COUNT_OF(ntp_rows),
    .hdr_len = SOK_NTP_HDR_LEN,
    .view = ntp_view,
    .binds = ntp_binds,
    .bind_count = SOK_COUNT_OF(ntp_binds),
};
