// IGMP version 3 (RFC 3376) as headers: IGMPv3, then IGMPv3mq or IGMPv3mr.
#include "wire/igmp.h"
#include "wire/ip4.h"
#include "wire/parts.h"

SOK_HEADER_ROWS(igmp3, SOK_IGMP3_FIELDS)
SOK_HEADER_ROWS(igmp3_asked, SOK_IGMP3_ASKED_FIELDS)
SOK_HEADER_ROWS(igmp3_report, SOK_IGMP3_REPORT_FIELDS)
SOK_HEADER_ROWS(igmp3_record, SOK_IGMP3_RECORD_FIELDS)

enum { HEAD, QUERY, REPORT, RECORD };

static const struct sok_proto *head_next(const uint8_t *p, size_t header, size_t len)
{
    (void)header;
    (void)len;
    return p[0] == SOK_IGMP_QUERY     ? &sok_igmp3_protos[QUERY]
           : p[0] == SOK_IGMP_REPORT3 ? &sok_igmp3_protos[REPORT]
                                      : NULL;
}

static void head_finish(const struct sok_finish *f)
{
    if (sok_finish_free(f, SOK_AT_igmp3_chksum))
        sok_finish_sum(f, 2);
}

// So many sources, as far as they are there.
static void sources_measure(size_t sources, size_t len, struct sok_extent *out)
{
    size_t size = out->header + 4 * sources;
    out->cut = size > len;
    out->header = out->cut ? len : size;
    out->payload = len - out->header;
}

static void query_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    sources_measure(sok_get16(p + 6), len, out);
}

static void record_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    sources_measure(sok_get16(p + 2) + p[1], len, out); // auxiliary data, in words, is behind them
}

static void query_finish(const struct sok_finish *f)
{
    sok_finish_number(f, SOK_AT_igmp3_asked_numsrc, 0, f->layers[f->at].part[0] / 4);
}

static size_t record_sources(const uint8_t *fixed, const uint8_t *p, size_t there)
{
    (void)p;
    (void)there;
    return 4u * sok_get16(fixed + 2);
}

static void record_finish(const struct sok_finish *f)
{
    sok_finish_number(f, SOK_AT_igmp3_record_numsrc, 0, f->layers[f->at].part[0] / 4);
}

static void whole_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    (void)p;
    out->header = len;
    out->payload = 0;
}

static const struct sok_proto *record_at(const uint8_t *p, size_t len)
{
    (void)p;
    (void)len;
    return &sok_igmp3_protos[RECORD];
}
static const struct sok_packets records = {.which = record_at, .what = "records (IGMPv3gr)"};

static void report_finish(const struct sok_finish *f)
{
    uint8_t *p = sok_finish_header(f);
    if (sok_finish_free(f, SOK_AT_igmp3_report_numgrp))
        sok_finish_number(f, SOK_AT_igmp3_report_numgrp, 0,
            sok_packets_count(&records, p + SOK_IGMP3_REPORT_REST, f->layers[f->at].part[0]));
}

static const struct sok_part query_parts[] = {
    {.name = "srcaddrs", .at = SOK_IGMP3_ASKED_LEN, .get = sok_ip4s_get, .put = sok_ip4s_put}};
static const struct sok_part report_parts[] = {{.name = "records",
    .at = SOK_IGMP3_REPORT_REST,
    .get = sok_packets_get,
    .put = sok_packets_put,
    .more = &records}};
static const struct sok_part record_parts[] = {{.name = "srcaddrs",
    .at = SOK_IGMP3_RECORD_LEN,
    .measure = record_sources,
    .get = sok_ip4s_get,
    .put = sok_ip4s_put}};

#define PRECEDENCE 0xc0 // RFC 3376 section 4

static const struct sok_bind head_binds[] = {
    {&sok_proto_ip4, SOK_AT_ip4_tos | SOK_BIND_WRITE, PRECEDENCE}};
static const struct sok_bind query_binds[] = {
    {&sok_igmp3_protos[HEAD], SOK_AT_igmp3_type | SOK_BIND_WRITE, SOK_IGMP_QUERY}};
static const struct sok_bind report_binds[] = {
    {&sok_igmp3_protos[HEAD], SOK_AT_igmp3_type | SOK_BIND_WRITE, SOK_IGMP_REPORT3},
    {&sok_igmp3_protos[HEAD], SOK_AT_igmp3_mrcode | SOK_BIND_WRITE, 0}};

#define FORM(name_, title_, P, len_)                                                               \
    .name = name_, .title = title_, .fields = P##_rows, .field_count = SOK_COUNT_OF(P##_rows),     \
    .hdr_len = len_
#define PARTS(list) .parts = list, .part_count = SOK_COUNT_OF(list)
#define BINDS(list) .binds = list, .bind_count = SOK_COUNT_OF(list)

const struct sok_proto sok_igmp3_protos[SOK_IGMP3_PROTOS] = {
    [HEAD] = {FORM("IGMPv3", "IGMPv3", igmp3, SOK_IGMP3_HDR_LEN), BINDS(head_binds),
        .summary = "IGMPv3: %<src% > %<dst% %type%|IGMPv3 %type%", .family = &sok_proto_igmp,
        .next = head_next, .finish = head_finish, .line = sok_igmp_line},
    [QUERY] = {FORM("IGMPv3mq", "IGMPv3 Membership Query", igmp3_asked, SOK_IGMP3_ASKED_LEN),
        PARTS(query_parts), BINDS(query_binds), .measure = query_measure, .finish = query_finish},
    [REPORT] = {FORM("IGMPv3mr", "IGMPv3 Membership Report", igmp3_report, SOK_IGMP3_REPORT_REST),
        PARTS(report_parts), BINDS(report_binds), .measure = whole_measure,
        .finish = report_finish},
    [RECORD] = {FORM("IGMPv3gr", "IGMPv3 Group Record", igmp3_record, SOK_IGMP3_RECORD_LEN),
        PARTS(record_parts), .summary = "IGMPv3 Group Record %type% %maddr%",
        .measure = record_measure, .finish = record_finish},
};
