// ICMPv6's messages and the options of neighbour discovery as headers, under Scapy's names. Read first: icmp6.h, mld.h.
#include "wire/igmp.h"
#include "wire/ip6.h"
#include "wire/mld.h"
#include "wire/name.h"
#include "wire/parts.h"
#include "wire/show.h"

// ---- rows ----

// Scapy's names, too; a value may be written otherwise (value.h): "port-unreachable".
static const struct sok_value unreachable_codes[] = {{0, "No route to destination"},
    {1, "Communication with destination administratively prohibited"},
    {2, "Beyond scope of source address"}, {3, "Address unreachable"}, {4, "Port unreachable"},
    {0, NULL}};
static const struct sok_value exceeded_codes[] = {
    {0, "hop limit exceeded in transit"}, {1, "fragment reassembly time exceeded"}, {0, NULL}};
static const struct sok_value parameter_codes[] = {{0, "erroneous header field encountered"},
    {1, "unrecognized Next Header type encountered"}, {2, "unrecognized IPv6 option encountered"},
    {3, "first fragment has incomplete header chain"}, {0, NULL}};

#define UNKNOWN_FIELDS(N, B, P) SOK_ICMP6_HEAD(N, B, P, SOK_ICMP6_UNREACHABLE)
#define ECHO_FIELDS(N, B, P, type)                                                                 \
    SOK_ICMP6_HEAD(N, B, P, type)                                                                  \
    N(P, id, 16, HEX, SET, 0, NULL)                                                                \
    N(P, seq, 16, HEX, SET, 0, NULL)
#define REQUEST_FIELDS(N, B, P) ECHO_FIELDS(N, B, P, SOK_ICMP6_ECHO)
#define REPLY_FIELDS(N, B, P)   ECHO_FIELDS(N, B, P, SOK_ICMP6_ECHO_REPLY)
#define TOO_BIG_FIELDS(N, B, P)                                                                    \
    SOK_ICMP6_HEAD(N, B, P, SOK_ICMP6_TOO_BIG)                                                     \
    N(P, mtu, 32, DEC, SET, 1280, NULL)
#define PARAMETER_FIELDS(N, B, P)                                                                  \
    SOK_ICMP6_HEAD_OF(N, B, P, SOK_ICMP6_PARAMETER, parameter_codes)                               \
    N(P, ptr, 32, DEC, SET, 6, NULL)
// length: 64-bit words of the quote (RFC 4884).
#define ERROR_FIELDS(N, B, P, type, codes)                                                         \
    SOK_ICMP6_HEAD_OF(N, B, P, type, codes)                                                        \
    N(P, length, 8, DEC, SET, 0, NULL)                                                             \
    N(P, unused, 24, HEX, SET, 0, NULL)
#define UNREACHABLE_FIELDS(N, B, P) ERROR_FIELDS(N, B, P, SOK_ICMP6_UNREACHABLE, unreachable_codes)
#define EXCEEDED_FIELDS(N, B, P)    ERROR_FIELDS(N, B, P, SOK_ICMP6_TIME_EXCEEDED, exceeded_codes)
#define MLD_REPORT_FIELDS(N, B, P)  SOK_MLD_FIELDS_OF(N, B, P, SOK_ICMP6_MLD_REPORT, 0)
#define MLD_DONE_FIELDS(N, B, P)    SOK_MLD_FIELDS_OF(N, B, P, SOK_ICMP6_MLD_DONE, 0)

// An option with its head: kind, and units of 8 bytes.
#define OPTION_HEAD(N, B, P, kind, units)                                                          \
    N(P, type, 8, DEC, SET, kind, NULL)                                                            \
    N(P, len, 8, DEC, DERIVED, units, NULL)
#define OPT_ANY_FIELDS(N, B, P) OPTION_HEAD(N, B, P, 0, 1)
#define OPT_SOURCE_FIELDS(N, B, P)                                                                 \
    OPTION_HEAD(N, B, P, SOK_ND_OPT_SOURCE, 1)                                                     \
    SOK_ND_LINK_FIELDS(N, B, P)
#define OPT_TARGET_FIELDS(N, B, P)                                                                 \
    OPTION_HEAD(N, B, P, SOK_ND_OPT_TARGET, 1)                                                     \
    SOK_ND_LINK_FIELDS(N, B, P)
#define OPT_PREFIX_FIELDS(N, B, P)                                                                 \
    OPTION_HEAD(N, B, P, SOK_ND_OPT_PREFIX, 4)                                                     \
    SOK_ND_PREFIX_FIELDS(N, B, P)
#define OPT_REDIRECTED_FIELDS(N, B, P)                                                             \
    OPTION_HEAD(N, B, P, SOK_ND_OPT_REDIRECTED, 1)                                                 \
    SOK_ND_REDIRECTED_FIELDS(N, B, P)
#define OPT_MTU_FIELDS(N, B, P)                                                                    \
    OPTION_HEAD(N, B, P, SOK_ND_OPT_MTU, 1)                                                        \
    SOK_ND_MTU_FIELDS(N, B, P)
#define OPT_ROUTE_FIELDS(N, B, P)                                                                  \
    OPTION_HEAD(N, B, P, SOK_ND_OPT_ROUTE, 1)                                                      \
    SOK_ND_ROUTE_FIELDS(N, B, P)
#define OPT_RDNSS_FIELDS(N, B, P)                                                                  \
    OPTION_HEAD(N, B, P, SOK_ND_OPT_RDNSS, 1)                                                      \
    SOK_ND_DNS_FIELDS(N, B, P)
#define OPT_DNSSL_FIELDS(N, B, P)                                                                  \
    OPTION_HEAD(N, B, P, SOK_ND_OPT_DNSSL, 1)                                                      \
    SOK_ND_DNS_FIELDS(N, B, P)
#define OPT_INTERVAL_FIELDS(N, B, P)                                                               \
    OPTION_HEAD(N, B, P, 7, 1)                                                                     \
    N(P, res, 16, DEC, SET, 0, NULL)                                                               \
    N(P, advint, 32, DEC, SET, 0, NULL)

#define ALL(X)                                                                                     \
    X(i6_unknown, UNKNOWN_FIELDS, 4)                                                               \
    X(i6_request, REQUEST_FIELDS, 8)                                                               \
    X(i6_reply, REPLY_FIELDS, 8)                                                                   \
    X(i6_too_big, TOO_BIG_FIELDS, 8)                                                               \
    X(i6_parameter, PARAMETER_FIELDS, 8)                                                           \
    X(i6_unreachable, UNREACHABLE_FIELDS, 8)                                                       \
    X(i6_exceeded, EXCEEDED_FIELDS, 8)                                                             \
    X(i6_mld_report, MLD_REPORT_FIELDS, SOK_MLD_LEN)                                               \
    X(i6_mld_done, MLD_DONE_FIELDS, SOK_MLD_LEN)                                                   \
    X(i6_any, OPT_ANY_FIELDS, 2)                                                                   \
    X(i6_source, OPT_SOURCE_FIELDS, 8)                                                             \
    X(i6_target, OPT_TARGET_FIELDS, 8)                                                             \
    X(i6_prefix, OPT_PREFIX_FIELDS, 32)                                                            \
    X(i6_redirected, OPT_REDIRECTED_FIELDS, 8)                                                     \
    X(i6_mtu, OPT_MTU_FIELDS, 8)                                                                   \
    X(i6_route, OPT_ROUTE_FIELDS, 8)                                                               \
    X(i6_rdnss, OPT_RDNSS_FIELDS, 8)                                                               \
    X(i6_dnssl, OPT_DNSSL_FIELDS, 8)                                                               \
    X(i6_interval, OPT_INTERVAL_FIELDS, 8)
#define STRUCT(P, FIELDS, LEN) SOK_HEADER_STRUCT(P, FIELDS, LEN)
#define ROWS(P, FIELDS, LEN)   SOK_HEADER_ROWS(P, FIELDS)
ALL(STRUCT)
ALL(ROWS)
SOK_HEADER_ROWS(icmp6, SOK_ICMP6_FIELDS)
SOK_HEADER_ROWS(nd_rs, SOK_ND_RS_FIELDS)
SOK_HEADER_ROWS(nd_ra, SOK_ND_RA_FIELDS)
SOK_HEADER_ROWS(nd_ns, SOK_ND_NS_FIELDS)
SOK_HEADER_ROWS(nd_na, SOK_ND_NA_FIELDS)
SOK_HEADER_ROWS(nd_redirect, SOK_ND_REDIRECT_FIELDS)
SOK_HEADER_ROWS(mld, SOK_MLD_FIELDS)
SOK_HEADER_ROWS(mld2_query, SOK_MLD2_QUERY_FIELDS)
SOK_HEADER_ROWS(mld2_report, SOK_MLD2_REPORT_FIELDS)

SOK_HEADER_ROWS(mld2_record, SOK_MLD2_RECORD_FIELDS)

// ---- what follows from the rest ----

#define CKSUM_ROW 2

static void message_finish(const struct sok_finish *f)
{
    if (sok_finish_free(f, CKSUM_ROW))
        sok_finish_checksum(f, SOK_IPPROTO_ICMP6, 2);
}

static void query_finish(const struct sok_finish *f)
{
    size_t sources = (f->layers[f->at].header - SOK_MLD2_QUERY_LEN) / 16;
    sok_finish_number(f, SOK_AT_mld2_query_sources_number, 0, sources);
    message_finish(f);
}

static size_t record_size(const uint8_t *p, size_t len)
{
    return len < SOK_MLD2_RECORD_LEN ? 0 : SOK_MLD2_RECORD_LEN + 16u * sok_get16(p + 2) + 4u * p[1];
}

static void record_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t size = record_size(p, len);
    out->cut = size > len;
    out->header = out->cut ? len : size;
    out->payload = len - out->header;
}

static void record_finish(const struct sok_finish *f)
{
    const struct sok_built *b = &f->layers[f->at];
    sok_finish_number(f, SOK_AT_mld2_record_auxdata_len, 0, (b->part[1] + 3) / 4);
    sok_finish_number(f, SOK_AT_mld2_record_sources_number, 0, b->part[0] / 16);
}

static size_t record_sources(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    (void)p;
    (void)there;
    return 16u * sok_get16(fixed + 2);
}

static const struct sok_part record_parts[] = {
    {.name = "sources",
        .at = SOK_MLD2_RECORD_LEN,
        .measure = record_sources,
        .get = sok_ip6s_get,
        .put = sok_ip6s_put},
    {.name = "auxdata", .at = SOK_MLD2_RECORD_LEN},
};

const struct sok_proto sok_proto_mld2_record = {
    .name = "ICMPv6MLDMultAddrRec",
    .title = "MLDv2 Multicast Address Record",
    .fields = mld2_record_rows,
    .field_count = SOK_COUNT_OF(mld2_record_rows),
    .hdr_len = SOK_MLD2_RECORD_LEN,
    .measure = record_measure,
    .finish = record_finish,
    .parts = record_parts,
    .part_count = SOK_COUNT_OF(record_parts),
};

static const struct sok_proto *record_at(const uint8_t *p, size_t len)
{
    (void)p;
    (void)len;
    return &sok_proto_mld2_record;
}

static const struct sok_packets records = {
    .which = record_at, .what = "records (ICMPv6MLDMultAddrRec)"};

static void report_finish(const struct sok_finish *f)
{
    uint8_t *p = sok_finish_header(f);
    if (sok_finish_free(f, SOK_AT_mld2_report_records_number))
        sok_finish_number(f, SOK_AT_mld2_report_records_number, 0,
            sok_packets_count(
                &records, p + SOK_MLD2_REPORT_LEN, f->layers[f->at].header - SOK_MLD2_REPORT_LEN));
    message_finish(f);
}

// ---- how long they are, and what follows ----

static void whole_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    (void)p;
    out->header = len;
    out->payload = 0;
}

static void query_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t size = SOK_MLD2_QUERY_LEN + 16u * sok_get16(p + 26);
    out->cut = size > len;
    out->header = out->cut ? len : size;
    out->payload = len - out->header;
}

static const struct sok_proto *quoted_next(const uint8_t *p, size_t header, size_t len)
{
    (void)p;
    return len > header ? &sok_proto_ip6 : NULL;
}

static const struct sok_proto *option_at(uint8_t kind)
{
    for (unsigned i = 1; i < SOK_ND_OPTION_PROTOS; i++) {
        if (sok_nd_option_protos[i].fields[0].initial == kind)
            return &sok_nd_option_protos[i];
    }
    return &sok_nd_option_protos[0];
}

static const struct sok_proto *option_next(const uint8_t *p, size_t header, size_t len)
{
    return len > header + 1 ? option_at(p[header]) : NULL;
}

static void option_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    const struct sok_proto *proto = option_at(p[0]);
    size_t size = 8u * p[1];
    out->malformed = size < proto->hdr_len || (!proto->part_count && size != proto->hdr_len);
    out->cut = size > len;
    if (!out->malformed)
        out->header = out->cut ? len : size;
    out->payload = len - out->header;
}

static void option_finish(const struct sok_finish *f)
{
    sok_finish_number(f, 1, 0, (f->layers[f->at].header + 7) / 8);
}

// The prefix has as many bits as there are bytes of it. Another header may have this type, and no such row.
static void route_finish(const struct sok_finish *f)
{
    option_finish(f);
    sok_finish_number(f, 2, 0, 8 * (f->layers[f->at].header - 8));
}

static const struct sok_proto *message_variant(const uint8_t *p, size_t len)
{
    unsigned least = 1;
    if (len == 0)
        return &sok_icmp6_protos[0];
    if (p[0] == SOK_ICMP6_MLD_QUERY && len >= SOK_MLD2_QUERY_LEN)
        least = 2; // the longer of the two
    for (unsigned i = least; i < SOK_ICMP6_PROTOS; i++) {
        if (sok_icmp6_protos[i].fields[0].initial == p[0])
            return &sok_icmp6_protos[i];
    }
    return &sok_icmp6_protos[0];
}

// ---- parts ----

static const struct sok_part body_parts[] = {{.name = "msgbody", .at = 4}};
static const struct sok_part data_parts[] = {{.name = "data", .at = 8}};
static const struct sok_part source_parts[] = {
    {.name = "sources", .at = SOK_MLD2_QUERY_LEN, .get = sok_ip6s_get, .put = sok_ip6s_put}};
static const struct sok_part report_parts[] = {{.name = "records",
    .at = SOK_MLD2_REPORT_LEN,
    .get = sok_packets_get,
    .put = sok_packets_put,
    .more = &records}};
static const struct sok_part option_data_parts[] = {{.name = "data", .at = 2}};
static const struct sok_part server_parts[] = {
    {.name = "dns", .at = 8, .get = sok_ip6s_get, .put = sok_ip6s_put}};
static const struct sok_part search_parts[] = {
    {.name = "searchlist", .at = 8, .get = sok_names_get, .put = sok_names_put}};
static const struct sok_part prefix_parts[] = {
    {.name = "prefix", .at = 8, .get = sok_ip6_prefix_get, .put = sok_ip6_prefix_put}};
static const struct sok_part quote_parts[] = {{.name = "pkt", .at = 8}};

// ---- the protocols ----

#define ALL_NODES   1 // ff02::1, ...
#define ALL_ROUTERS 2
#define ALL_MLD2    0x16
#define HOPS(n)                                                                                    \
    {                                                                                              \
        &sok_proto_ip6, SOK_AT_ip6_hlim | SOK_BIND_WRITE, n                                        \
    }
#define TO(n)                                                                                      \
    {                                                                                              \
        &sok_proto_ip6, SOK_AT_ip6_dst | SOK_BIND_WRITE, n                                         \
    }

static const struct sok_bind nodes_binds[] = {HOPS(255), TO(ALL_NODES)};
static const struct sok_bind routers_binds[] = {HOPS(255), TO(ALL_ROUTERS)};
static const struct sok_bind query_binds[] = {HOPS(1), TO(ALL_NODES)};
static const struct sok_bind leave_binds[] = {HOPS(1), TO(ALL_ROUTERS)};
static const struct sok_bind report_binds[] = {HOPS(1)};
static const struct sok_bind report2_binds[] = {HOPS(1), TO(ALL_MLD2)};

#define MESSAGE(name_, title_, P, len_)                                                            \
    .name = name_, .title = title_, .fields = P##_rows, .field_count = SOK_COUNT_OF(P##_rows),     \
    .hdr_len = len_, .family = &sok_proto_icmp6, .line = sok_icmp6_line
#define PARTS(list) .parts = list, .part_count = SOK_COUNT_OF(list)
#define BINDS(list) .binds = list, .bind_count = SOK_COUNT_OF(list)
#define DISCOVERY   .next = option_next, .finish = message_finish
#define QUOTING     .next = quoted_next, .finish = message_finish

const struct sok_proto sok_icmp6_protos[SOK_ICMP6_PROTOS] = {
    {MESSAGE("ICMPv6Unknown", "ICMPv6", i6_unknown, 4), PARTS(body_parts), .measure = whole_measure,
        .finish = message_finish},
    {MESSAGE("ICMPv6MLQuery", "MLD Query", mld, SOK_MLD_LEN), BINDS(query_binds),
        .finish = message_finish},
    {MESSAGE("ICMPv6MLQuery2", "MLDv2 Query", mld2_query, SOK_MLD2_QUERY_LEN), PARTS(source_parts),
        BINDS(query_binds), .measure = query_measure, .finish = query_finish},
    {MESSAGE("ICMPv6MLReport", "MLD Report", i6_mld_report, SOK_MLD_LEN), BINDS(report_binds),
        .finish = message_finish},
    {MESSAGE("ICMPv6MLDone", "MLD Done", i6_mld_done, SOK_MLD_LEN), BINDS(leave_binds),
        .finish = message_finish},
    {MESSAGE("ICMPv6MLReport2", "MLDv2 Report", mld2_report, SOK_MLD2_REPORT_LEN),
        PARTS(report_parts), BINDS(report2_binds), .measure = whole_measure,
        .finish = report_finish},
    {MESSAGE("ICMPv6DestUnreach", "ICMPv6 Destination Unreachable", i6_unreachable, 8), QUOTING},
    {MESSAGE("ICMPv6PacketTooBig", "ICMPv6 Packet Too Big", i6_too_big, 8), QUOTING},
    {MESSAGE("ICMPv6TimeExceeded", "ICMPv6 Time Exceeded", i6_exceeded, 8), QUOTING},
    {MESSAGE("ICMPv6ParamProblem", "ICMPv6 Parameter Problem", i6_parameter, 8), QUOTING},
    {MESSAGE("ICMPv6EchoRequest", "ICMPv6 Echo Request", i6_request, 8),
        .summary = "ICMPv6 Echo Request (id: %id% seq: %seq%)", PARTS(data_parts),
        .measure = whole_measure, .finish = message_finish},
    {MESSAGE("ICMPv6EchoReply", "ICMPv6 Echo Reply", i6_reply, 8),
        .summary = "ICMPv6 Echo Reply (id: %id% seq: %seq%)", PARTS(data_parts),
        .measure = whole_measure, .finish = message_finish},
    {MESSAGE("ICMPv6ND_RS", "Router Solicitation", nd_rs, SOK_ND_RS_LEN), BINDS(routers_binds),
        DISCOVERY},
    {MESSAGE("ICMPv6ND_RA", "Router Advertisement", nd_ra, SOK_ND_RA_LEN),
        .summary = "ICMPv6 Neighbor Discovery - Router Advertisement Lifetime %routerlifetime% "
                   "Hop Limit %chlim% Preference %prf% Managed %M% Other %O% Home %H%",
        BINDS(nodes_binds), DISCOVERY},
    {MESSAGE("ICMPv6ND_NS", "Neighbor Solicitation", nd_ns, SOK_ND_NS_LEN),
        .summary = "ICMPv6 Neighbor Discovery - Neighbor Solicitation (tgt: %tgt%)",
        BINDS(nodes_binds), DISCOVERY},
    {MESSAGE("ICMPv6ND_NA", "Neighbor Advertisement", nd_na, SOK_ND_NA_LEN),
        .summary = "ICMPv6 Neighbor Discovery - Neighbor Advertisement (tgt: %tgt%)",
        BINDS(nodes_binds), DISCOVERY},
    {MESSAGE("ICMPv6ND_Redirect", "Redirect", nd_redirect, SOK_ND_REDIRECT_LEN), BINDS(nodes_binds),
        DISCOVERY},
};

#define FORM(name_, title_, P, len_)                                                               \
    .name = name_, .title = title_, .fields = i6_##P##_rows,                                       \
    .field_count = SOK_COUNT_OF(i6_##P##_rows), .hdr_len = len_, .measure = option_measure,        \
    .next = option_next
#define OPTION(name_, title_, P, len_) FORM(name_, title_, P, len_), .finish = option_finish

const struct sok_proto sok_nd_option_protos[SOK_ND_OPTION_PROTOS] = {
    {OPTION("ICMPv6NDOptUnknown", "ND Option", any, 2), PARTS(option_data_parts)},
    {OPTION("ICMPv6NDOptSrcLLAddr", "ND Option Source Link-Layer Address", source, 8),
        .summary = "ICMPv6 Neighbor Discovery Option - Source Link-Layer Address %lladdr%"},
    {OPTION("ICMPv6NDOptDstLLAddr", "ND Option Target Link-Layer Address", target, 8),
        .summary = "ICMPv6 Neighbor Discovery Option - Destination Link-Layer Address %lladdr%"},
    {OPTION("ICMPv6NDOptPrefixInfo", "ND Option Prefix Information", prefix, 32),
        .summary = "ICMPv6 Neighbor Discovery Option - Prefix Information %prefix%/%prefixlen% "
                   "On-link %L% Autonomous Address %A% Router Address %R%"},
    {OPTION("ICMPv6NDOptRedirectedHdr", "ND Option Redirected Header", redirected, 8),
        PARTS(quote_parts)},
    {OPTION("ICMPv6NDOptMTU", "ND Option MTU", mtu, 8),
        .summary = "ICMPv6 Neighbor Discovery Option - MTU %mtu%"},
    {OPTION("ICMPv6NDOptAdvInterval", "ND Option Advertisement Interval", interval, 8),
        .summary = "ICMPv6 Neighbor Discovery - Interval Advertisement %advint% milliseconds"},
    {FORM("ICMPv6NDOptRouteInfo", "ND Option Route Information", route, 8),
        .summary = "ICMPv6 Neighbor Discovery Option - Route Information Option %prefix%/%plen% "
                   "Preference %prf%",
        PARTS(prefix_parts), .finish = route_finish},
    {OPTION("ICMPv6NDOptRDNSS", "ND Option Recursive DNS Server", rdnss, 8),
        .summary = "ICMPv6 Neighbor Discovery Option - Recursive DNS Server Option %dns%",
        PARTS(server_parts)},
    {OPTION("ICMPv6NDOptDNSSL", "ND Option DNS Search List", dnssl, 8),
        .summary = "ICMPv6 Neighbor Discovery Option - DNS Search List Option %searchlist%",
        PARTS(search_parts)},
};

static const struct sok_bind icmp6_binds[] = {
    {&sok_proto_ip6, SOK_AT_ip6_nh, SOK_IPPROTO_ICMP6},
    {&sok_proto_ip6_hop, SOK_AT_ip6_ext_nh, SOK_IPPROTO_ICMP6},
    {&sok_proto_ip6_routing, SOK_AT_ip6_ext_nh, SOK_IPPROTO_ICMP6},
    {&sok_proto_ip6_dest, SOK_AT_ip6_ext_nh, SOK_IPPROTO_ICMP6},
    {&sok_proto_ip6_frag, SOK_AT_ip6_frag_nh, SOK_IPPROTO_ICMP6},
};

const struct sok_proto sok_proto_icmp6 = {
    .name = "ICMPv6",
    .title = "Internet Control Message Protocol version 6",
    .fields = icmp6_rows,
    .field_count = SOK_COUNT_OF(icmp6_rows),
    .hdr_len = SOK_ICMP6_HDR_LEN,
    BINDS(icmp6_binds),
    .variant = message_variant,
    .finish = message_finish,
    .line = sok_icmp6_line,
};
