#include "wire/ip4_options.h"

#include "wire/parts.h"

static const struct sok_value classes[] = {
    {0, "control"}, {1, "reserved1"}, {2, "debug"}, {3, "reserved3"}, {0, NULL}};
static const struct sok_value names[] = {{0, "end_of_list"}, {1, "nop"}, {2, "security"},
    {3, "loose_source_route"}, {4, "timestamp"}, {5, "extended_security"},
    {6, "commercial_security"}, {7, "record_route"}, {8, "stream_id"}, {9, "strict_source_route"},
    {10, "experimental_measurement"}, {11, "mtu_probe"}, {12, "mtu_reply"}, {13, "flow_control"},
    {14, "access_control"}, {15, "encode"}, {16, "imi_traffic_descriptor"}, {17, "extended_IP"},
    {18, "traceroute"}, {19, "address_extension"}, {20, "router_alert"},
    {21, "selective_directed_broadcast_mode"}, {23, "dynamic_packet_state"},
    {24, "upstream_multicast_packet"}, {25, "quick_start"}, {30, "rfc4727_experiment"}, {0, NULL}};
static const struct sok_value stamps[] = {
    {0, "timestamp_only"}, {1, "timestamp_and_ip_addr"}, {3, "prespecified_ip_addr"}, {0, NULL}};
static const struct sok_value alerts[] = {{0, "router_shall_examine_packet"}, {0, NULL}};

#define KIND_FIELDS(N, B, P, copy, class, number)                                                  \
    N(P, copy_flag, 1, DEC, SET, copy, NULL)                                                       \
    N(P, optclass, 2, NAME, SET, class, classes)                                                   \
    N(P, option, 5, NAME, SET, number, names)
#define HEAD_FIELDS(N, B, P, copy, class, number)                                                  \
    KIND_FIELDS(N, B, P, copy, class, number)                                                      \
    N(P, length, 8, DEC, DERIVED, 2, NULL)
#define ROUTE_FIELDS(N, B, P, copy, number)                                                        \
    HEAD_FIELDS(N, B, P, copy, 0, number)                                                          \
    N(P, pointer, 8, DEC, SET, 4, NULL)

#define EOL_FIELDS(N, B, P)  KIND_FIELDS(N, B, P, 0, 0, 0)
#define NOP_FIELDS(N, B, P)  KIND_FIELDS(N, B, P, 0, 0, 1)
#define ANY_FIELDS(N, B, P)  HEAD_FIELDS(N, B, P, 0, 2, 5)
#define RR_FIELDS(N, B, P)   ROUTE_FIELDS(N, B, P, 0, 7)
#define LSRR_FIELDS(N, B, P) ROUTE_FIELDS(N, B, P, 1, 3)
#define SSRR_FIELDS(N, B, P) ROUTE_FIELDS(N, B, P, 1, 9)
#define SDBM_FIELDS(N, B, P) HEAD_FIELDS(N, B, P, 1, 0, 21)
#define SECURITY_FIELDS(N, B, P)                                                                   \
    HEAD_FIELDS(N, B, P, 1, 0, 2)                                                                  \
    N(P, security, 16, DEC, SET, 0, NULL)                                                          \
    N(P, compartment, 16, DEC, SET, 0, NULL)                                                       \
    N(P, handling_restrictions, 16, DEC, SET, 0, NULL)                                             \
    B(P, transmission_control_code, 3, TEXT, SET)
#define STREAM_FIELDS(N, B, P)                                                                     \
    HEAD_FIELDS(N, B, P, 1, 0, 8)                                                                  \
    N(P, security, 16, DEC, SET, 0, NULL)
#define PROBE_FIELDS(N, B, P)                                                                      \
    HEAD_FIELDS(N, B, P, 0, 0, 11)                                                                 \
    N(P, mtu, 16, DEC, SET, 0, NULL)
#define REPLY_FIELDS(N, B, P)                                                                      \
    HEAD_FIELDS(N, B, P, 0, 0, 12)                                                                 \
    N(P, mtu, 16, DEC, SET, 0, NULL)
#define TRACE_FIELDS(N, B, P)                                                                      \
    HEAD_FIELDS(N, B, P, 0, 0, 18)                                                                 \
    N(P, id, 16, DEC, SET, 0, NULL)                                                                \
    N(P, outbound_hops, 16, DEC, SET, 0, NULL)                                                     \
    N(P, return_hops, 16, DEC, SET, 0, NULL)                                                       \
    N(P, originator_ip, 32, IP4, SET, 0, NULL)
#define EXTENSION_FIELDS(N, B, P)                                                                  \
    HEAD_FIELDS(N, B, P, 1, 0, 19)                                                                 \
    N(P, src_ext, 32, IP4, SET, 0, NULL)                                                           \
    N(P, dst_ext, 32, IP4, SET, 0, NULL)
#define ALERT_FIELDS(N, B, P)                                                                      \
    HEAD_FIELDS(N, B, P, 1, 0, 20)                                                                 \
    N(P, alert, 16, NAME, SET, 0, alerts)
#define STAMP_HEAD(N, B, P)                                                                        \
    HEAD_FIELDS(N, B, P, 0, 2, 4)                                                                  \
    N(P, pointer, 8, DEC, SET, 9, NULL)                                                            \
    N(P, oflw, 4, DEC, SET, 0, NULL)                                                               \
    N(P, flg, 4, NAME, SET, 1, stamps)
#define STAMP_FIELDS(N, B, P)                                                                      \
    STAMP_HEAD(N, B, P)                                                                            \
    N(P, timestamp, 32, DEC, SET, 0, NULL)
#define STAMP_ADDR_FIELDS(N, B, P)                                                                 \
    STAMP_HEAD(N, B, P)                                                                            \
    N(P, internet_address, 32, IP4, SET, 0, NULL)                                                  \
    N(P, timestamp, 32, DEC, SET, 0, NULL)

#define ALL(X)                                                                                     \
    X(eol, EOL_FIELDS, 1)                                                                          \
    X(nop, NOP_FIELDS, 1)                                                                          \
    X(any, ANY_FIELDS, 2)                                                                          \
    X(rr, RR_FIELDS, 3)                                                                            \
    X(lsrr, LSRR_FIELDS, 3)                                                                        \
    X(ssrr, SSRR_FIELDS, 3)                                                                        \
    X(sdbm, SDBM_FIELDS, 2)                                                                        \
    X(security, SECURITY_FIELDS, 11)                                                               \
    X(stream, STREAM_FIELDS, 4)                                                                    \
    X(probe, PROBE_FIELDS, 4)                                                                      \
    X(reply, REPLY_FIELDS, 4)                                                                      \
    X(trace, TRACE_FIELDS, 12)                                                                     \
    X(extension, EXTENSION_FIELDS, 10)                                                             \
    X(alert, ALERT_FIELDS, 4)                                                                      \
    X(stamp, STAMP_FIELDS, 8)                                                                      \
    X(stamp_addr, STAMP_ADDR_FIELDS, 12)
#define STRUCT(P, FIELDS, LEN) SOK_HEADER_STRUCT(opt_##P, FIELDS, LEN)
#define ROWS(P, FIELDS, LEN)   SOK_HEADER_ROWS(opt_##P, FIELDS)
ALL(STRUCT)
ALL(ROWS)

// What the length says, as far as it is there; an option of known form has at least that.
static void option_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    out->malformed = p[1] < out->header;
    out->cut = p[1] > len;
    if (!out->malformed)
        out->header = out->cut ? len : p[1];
    out->payload = len - out->header;
}

#define FLG 3 // of the byte at 3: the low four bits

static const struct sok_field *stamp_view(const uint8_t *p, size_t len, unsigned *count)
{
    bool addr = len >= 12 && (p[FLG] & 15) != 0;
    *count = addr ? SOK_COUNT_OF(opt_stamp_addr_rows) : SOK_COUNT_OF(opt_stamp_rows);
    return addr ? opt_stamp_addr_rows : opt_stamp_rows;
}

#define LENGTH_ROW 3

static void option_finish(const struct sok_finish *f)
{
    sok_finish_number(f, LENGTH_ROW, 0, f->layers[f->at].header);
}

static const struct sok_part value_parts[] = {{.name = "value", .at = 2}};
static const struct sok_part router_parts[] = {
    {.name = "routers", .at = 3, .get = sok_ip4s_get, .put = sok_ip4s_put}};
static const struct sok_part address_parts[] = {
    {.name = "addresses", .at = 2, .get = sok_ip4s_get, .put = sok_ip4s_put}};

#define ALONE(name_, title_, P)                                                                    \
    {                                                                                              \
        .name = name_, .title = title_, .fields = opt_##P##_rows,                                  \
        .field_count = SOK_COUNT_OF(opt_##P##_rows), .hdr_len = 1                                  \
    }
#define FORM(name_, title_, P, len_)                                                               \
    .name = name_, .title = title_, .fields = opt_##P##_rows,                                      \
    .field_count = SOK_COUNT_OF(opt_##P##_rows), .hdr_len = len_, .measure = option_measure,       \
    .finish = option_finish
#define PARTS(list) .parts = list, .part_count = SOK_COUNT_OF(list)

enum {
    ANY,
    EOL,
    NOP,
    SECURITY,
    LSRR,
    STAMP,
    RR,
    STREAM,
    SSRR,
    PROBE,
    REPLY,
    TRACE,
    EXTENSION,
    ALERT,
    SDBM
};

const struct sok_proto sok_ip4_option_protos[SOK_IP4_OPTION_PROTOS] = {
    [ANY] = {FORM("IPOption", "IP Option", any, 2), PARTS(value_parts)},
    [EOL] = ALONE("IPOption_EOL", "IP Option End of Options List", eol),
    [NOP] = ALONE("IPOption_NOP", "IP Option No Operation", nop),
    [SECURITY] = {FORM("IPOption_Security", "IP Option Security", security, 11)},
    [LSRR] = {FORM("IPOption_LSRR", "IP Option Loose Source and Record Route", lsrr, 3),
        PARTS(router_parts)},
    [STAMP] = {FORM("IPOption_Timestamp", "IP Option Timestamp", stamp, 8), .view = stamp_view},
    [RR] = {FORM("IPOption_RR", "IP Option Record Route", rr, 3), PARTS(router_parts)},
    [STREAM] = {FORM("IPOption_Stream_Id", "IP Option Stream ID", stream, 4)},
    [SSRR] = {FORM("IPOption_SSRR", "IP Option Strict Source and Record Route", ssrr, 3),
        PARTS(router_parts)},
    [PROBE] = {FORM("IPOption_MTU_Probe", "IP Option MTU Probe", probe, 4)},
    [REPLY] = {FORM("IPOption_MTU_Reply", "IP Option MTU Reply", reply, 4)},
    [TRACE] = {FORM("IPOption_Traceroute", "IP Option Traceroute", trace, 12)},
    [EXTENSION] = {FORM(
        "IPOption_Address_Extension", "IP Option Address Extension", extension, 10)},
    [ALERT] = {FORM("IPOption_Router_Alert", "IP Option Router Alert", alert, 4)},
    [SDBM] = {FORM("IPOption_SDBM", "IP Option Selective Directed Broadcast Mode", sdbm, 2),
        PARTS(address_parts)},
};

// By the number alone, as Scapy has it: copy_flag and optclass may be anything.
static const struct sok_proto *option_proto(uint8_t kind)
{
    static const uint8_t which[32] = {[0] = EOL,
        [1] = NOP,
        [2] = SECURITY,
        [3] = LSRR,
        [4] = STAMP,
        [7] = RR,
        [8] = STREAM,
        [9] = SSRR,
        [11] = PROBE,
        [12] = REPLY,
        [18] = TRACE,
        [19] = EXTENSION,
        [20] = ALERT,
        [21] = SDBM};
    return &sok_ip4_option_protos[which[kind & 31]];
}

// {"RR", ...} instead of a header: these names.
static const struct sok_option_kind kinds[] = {
    {.kind = 0, .name = "EOL"},
    {.kind = 1, .name = "NOP"},
    {.kind = 7, .name = "RR"},
    {.kind = 68, .name = "Timestamp"},
    {.kind = 130, .name = "Security"},
    {.kind = 131, .name = "LSRR"},
    {.kind = 137, .name = "SSRR"},
    {.kind = 148, .name = "RouterAlert"},
};
const struct sok_option_table sok_ip4_option_table = {
    .kinds = kinds, .count = SOK_COUNT_OF(kinds), .pad = 4, .protos = option_proto};
