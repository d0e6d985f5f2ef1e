// Questions and records of DNS as headers: a name, and what follows it. Read first: dns.h.
#include "wire/dns.h"
#include "wire/parts.h"
#include "wire/text.h"
#include "wire/value.h"

const struct sok_value sok_dns_types[] = {{0, "ANY"}, {1, "A"}, {2, "NS"}, {3, "MD"}, {4, "MF"},
    {5, "CNAME"}, {6, "SOA"}, {7, "MB"}, {8, "MG"}, {9, "MR"}, {10, "NULL"}, {11, "WKS"},
    {12, "PTR"}, {13, "HINFO"}, {14, "MINFO"}, {15, "MX"}, {16, "TXT"}, {17, "RP"}, {18, "AFSDB"},
    {24, "SIG"}, {25, "KEY"}, {28, "AAAA"}, {29, "LOC"}, {33, "SRV"}, {35, "NAPTR"}, {36, "KX"},
    {37, "CERT"}, {38, "A6"}, {39, "DNAME"}, {41, "OPT"}, {42, "APL"}, {43, "DS"}, {44, "SSHFP"},
    {45, "IPSECKEY"}, {46, "RRSIG"}, {47, "NSEC"}, {48, "DNSKEY"}, {49, "DHCID"}, {50, "NSEC3"},
    {51, "NSEC3PARAM"}, {52, "TLSA"}, {53, "SMIMEA"}, {55, "HIP"}, {59, "CDS"}, {60, "CDNSKEY"},
    {61, "OPENPGPKEY"}, {62, "CSYNC"}, {63, "ZONEMD"}, {64, "SVCB"}, {65, "HTTPS"}, {99, "SPF"},
    {249, "TKEY"}, {250, "TSIG"}, {251, "IXFR"}, {252, "AXFR"}, {255, "ALL"}, {256, "URI"},
    {257, "CAA"}, {32769, "DLV"}, {0, NULL}};
static const struct sok_value classes[] = {
    {1, "IN"}, {2, "CS"}, {3, "CH"}, {4, "HS"}, {254, "NONE"}, {255, "ANY"}, {0, NULL}};

#define QR_FIELDS(N, B, P)                                                                         \
    N(P, qtype, 16, NAME, SET, SOK_DNS_A, sok_dns_types)                                           \
    N(P, qclass, 16, NAME, SET, 1, classes)
#define HEAD(N, B, P, kind)                                                                        \
    N(P, type, 16, NAME, SET, kind, sok_dns_types)                                                 \
    N(P, rclass, 16, NAME, SET, 1, classes)                                                        \
    N(P, ttl, 32, DEC, SET, 0, NULL)                                                               \
    N(P, rdlen, 16, DEC, DERIVED, 0, NULL)
#define RR_FIELDS(N, B, P) HEAD(N, B, P, SOK_DNS_A)
#define MX_FIELDS(N, B, P)                                                                         \
    HEAD(N, B, P, SOK_DNS_MX)                                                                      \
    N(P, preference, 16, DEC, SET, 0, NULL)
#define SOA_FIELDS(N, B, P)                                                                        \
    HEAD(N, B, P, SOK_DNS_SOA)                                                                     \
    N(P, serial, 32, DEC, SET, 0, NULL)                                                            \
    N(P, refresh, 32, DEC, SET, 0, NULL)                                                           \
    N(P, retry, 32, DEC, SET, 0, NULL)                                                             \
    N(P, expire, 32, DEC, SET, 0, NULL)                                                            \
    N(P, minimum, 32, DEC, SET, 0, NULL)
#define SRV_FIELDS(N, B, P)                                                                        \
    HEAD(N, B, P, SOK_DNS_SRV)                                                                     \
    N(P, priority, 16, DEC, SET, 0, NULL)                                                          \
    N(P, weight, 16, DEC, SET, 0, NULL)                                                            \
    N(P, port, 16, DEC, SET, 0, NULL)
#define OPT_FIELDS(N, B, P)                                                                        \
    N(P, type, 16, NAME, SET, SOK_DNS_OPT, sok_dns_types)                                          \
    N(P, rclass, 16, DEC, SET, 4096, NULL)                                                         \
    N(P, extrcode, 8, DEC, SET, 0, NULL)                                                           \
    N(P, version, 8, DEC, SET, 0, NULL)                                                            \
    N(P, z, 16, HEX, SET, 0x8000, NULL)                                                            \
    N(P, rdlen, 16, DEC, DERIVED, 0, NULL)
#define DS_FIELDS(N, B, P)                                                                         \
    HEAD(N, B, P, 43)                                                                              \
    N(P, keytag, 16, DEC, SET, 0, NULL)                                                            \
    N(P, algorithm, 8, DEC, SET, 5, NULL)                                                          \
    N(P, digesttype, 8, DEC, SET, 5, NULL)
#define DNSKEY_FIELDS(N, B, P)                                                                     \
    HEAD(N, B, P, 48)                                                                              \
    N(P, flags, 16, HEX, SET, 256, NULL)                                                           \
    N(P, protocol, 8, DEC, SET, 3, NULL)                                                           \
    N(P, algorithm, 8, DEC, SET, 5, NULL)
#define RRSIG_FIELDS(N, B, P)                                                                      \
    HEAD(N, B, P, 46)                                                                              \
    N(P, typecovered, 16, NAME, SET, 1, sok_dns_types)                                             \
    N(P, algorithm, 8, DEC, SET, 5, NULL)                                                          \
    N(P, labels, 8, DEC, SET, 0, NULL)                                                             \
    N(P, originalttl, 32, DEC, SET, 0, NULL)                                                       \
    N(P, expiration, 32, DEC, SET, 0, NULL)                                                        \
    N(P, inception, 32, DEC, SET, 0, NULL)                                                         \
    N(P, keytag, 16, DEC, SET, 0, NULL)
#define NSEC_FIELDS(N, B, P) HEAD(N, B, P, 47)

#define ALL(X)                                                                                     \
    X(qr, QR_FIELDS, 4)                                                                            \
    X(rr, RR_FIELDS, 10)                                                                           \
    X(mx, MX_FIELDS, 12)                                                                           \
    X(soa, SOA_FIELDS, 30)                                                                         \
    X(srv, SRV_FIELDS, 16)                                                                         \
    X(opt, OPT_FIELDS, 10)                                                                         \
    X(ds, DS_FIELDS, 14)                                                                           \
    X(dnskey, DNSKEY_FIELDS, 14)                                                                   \
    X(rrsig, RRSIG_FIELDS, 28)                                                                     \
    X(nsec, NSEC_FIELDS, 10)
#define STRUCT(P, FIELDS, LEN) SOK_HEADER_STRUCT(dns_##P, FIELDS, LEN)
#define ROWS(P, FIELDS, LEN)   SOK_HEADER_ROWS(dns_##P, FIELDS)
ALL(STRUCT)
ALL(ROWS)

// ---- the data of a record ----

static bool is_name(uint16_t type)
{
    return type == SOK_DNS_NS || type == 3 || type == 4 || type == SOK_DNS_CNAME ||
           type == SOK_DNS_PTR || type == 39;
}

static bool get_texts(const struct sok_span *span, struct sok_items *to, struct sok_item *out)
{
    const uint8_t *p = span->header + span->off;
    unsigned count = 0;
    for (size_t at = 0; at < span->len; at += 1u + p[at], count++) {
        if (p[at] >= span->len - at)
            return false;
    }
    struct sok_item *list = sok_items_list(to, count);
    for (size_t at = 0, i = 0; list && at < span->len; at += 1u + p[at])
        list[i++] = sok_item_bytes(p + at + 1, p[at]);
    *out = sok_item_list(list, count);
    return list != NULL;
}

static bool data_get(const struct sok_part *part, const struct sok_span *span, struct sok_items *to,
    struct sok_item *out)
{
    uint16_t type = span->fixed ? SOK_DNS_TYPE_OF(span->fixed) : 0;
    const uint8_t *p = span->header + span->off;
    if (type == SOK_DNS_A && span->len == 4)
        *out = sok_items_ip4(to, sok_get32(p));
    else if (type == SOK_DNS_AAAA && span->len == 16)
        *out = sok_items_ip6(to, p);
    else if (is_name(type))
        return sok_dns_name_get(part, span, to, out);
    else if (type == SOK_DNS_TXT)
        return get_texts(span, to, out);
    else
        *out = sok_item_bytes(p, span->len);
    return !to->full;
}

#define STRING_MAX 255

// Each a string of its own; one that is too long in pieces.
static bool put_texts(const struct sok_item *value, struct sok_sink *out, struct sok_text *why)
{
    uint32_t count = value->type == SOK_ITEM_LIST ? value->count : 1;
    const struct sok_item *list = value->type == SOK_ITEM_LIST ? value->list : value;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].type != SOK_ITEM_BYTES) {
            sok_value_quote(why, &list[i]);
            sok_text_add_str(why, " where text belongs");
            return false;
        }
        uint32_t at = 0;
        do {
            uint32_t n = list[i].count - at < STRING_MAX ? list[i].count - at : STRING_MAX;
            sok_sink_number(out, n, 1);
            sok_sink_put(out, list[i].bytes + at, n);
            at += n;
        } while (at < list[i].count);
    }
    return true;
}

// By the record's type; what is no address, name or text is the bytes.
static bool data_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    uint16_t type = out->fixed ? SOK_DNS_TYPE_OF(out->fixed) : 0;
    bool raw = value->type == SOK_ITEM_BYTES;
    if (value->type == SOK_ITEM_NONE)
        return true;
    if (type == SOK_DNS_A && !(raw && value->count == 4))
        return sok_ip4s_put(part, value, out, why);
    if (type == SOK_DNS_AAAA && !(raw && value->count == 16))
        return sok_ip6s_put(part, value, out, why);
    if (is_name(type))
        return sok_dns_name_put(part, value, out, why);
    if (type == SOK_DNS_TXT)
        return put_texts(value, out, why);
    if (raw)
        sok_sink_put(out, value->bytes, value->count);
    else
        sok_text_add_str(why, "bytes are wanted");
    return raw;
}

// ---- lengths ----

// Up to the end of its data. The fixed part stands behind the name.
static void record_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t size = sok_dns_record_size(p, len, false);
    out->malformed = size == 0 || size < out->header;
    out->header = out->malformed ? len : size;
    out->payload = len - out->header;
}

static void question_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t size = sok_dns_record_size(p, len, true);
    out->malformed = size == 0;
    out->header = size == 0 ? len : size;
    out->payload = len - out->header;
}

#define RDLEN_ROW     3
#define RDLEN_ROW_OPT 5

static void record_finish(const struct sok_finish *f)
{
    const struct sok_built *b = &f->layers[f->at];
    size_t name = b->part[0];
    unsigned row = b->proto->fields[RDLEN_ROW].bit == 64 ? RDLEN_ROW : RDLEN_ROW_OPT;
    sok_finish_number(f, row, name, b->header - name - SOK_DNS_RR_LEN);
}

// ---- the protocols ----

static const struct sok_item root_item = {
    .type = SOK_ITEM_BYTES, .count = 1, {.bytes = (const uint8_t *)"."}};
static const struct sok_item example = {.type = SOK_ITEM_BYTES,
    .count = sizeof "www.example.com." - 1,
    {.bytes = (const uint8_t *)"www.example.com."}};
static const struct sok_item address = {
    .type = SOK_ITEM_BYTES, .count = sizeof "0.0.0.0" - 1, {.bytes = (const uint8_t *)"0.0.0.0"}};

#define NAME_PART(name_, at_, initial_)                                                            \
    {                                                                                              \
        .name = name_, .at = at_, .initial = initial_, .measure = sok_dns_name_measure,            \
        .get = sok_dns_name_get, .put = sok_dns_name_put, .refers = true                           \
    }
static const struct sok_part qr_parts[] = {NAME_PART("qname", 0, &example)};
static const struct sok_part rr_parts[] = {
    NAME_PART("rrname", 0, &root_item), {.name = "rdata",
                                            .at = SOK_DNS_RR_LEN,
                                            .initial = &address,
                                            .get = data_get,
                                            .put = data_put,
                                            .refers = true}};
static const struct sok_part mx_parts[] = {
    NAME_PART("rrname", 0, &root_item), NAME_PART("exchange", 12, &root_item)};
static const struct sok_part soa_parts[] = {NAME_PART("rrname", 0, &root_item),
    NAME_PART("mname", 10, &root_item), NAME_PART("rname", 10, &root_item)};
static const struct sok_part srv_parts[] = {
    NAME_PART("rrname", 0, &root_item), NAME_PART("target", 16, &root_item)};
static const struct sok_part opt_parts[] = {
    NAME_PART("rrname", 0, &root_item), {.name = "rdata", .at = 10}};
static const struct sok_part ds_parts[] = {
    NAME_PART("rrname", 0, &root_item), {.name = "digest", .at = 14}};
static const struct sok_part dnskey_parts[] = {
    NAME_PART("rrname", 0, &root_item), {.name = "publickey", .at = 14}};
static const struct sok_part rrsig_parts[] = {NAME_PART("rrname", 0, &root_item),
    NAME_PART("signersname", 28, &root_item), {.name = "signature", .at = 28}};
static const struct sok_part nsec_parts[] = {NAME_PART("rrname", 0, &root_item),
    NAME_PART("nextname", 10, &root_item), {.name = "typebitmaps", .at = 10}};

#define FORM(name_, title_, P, len_)                                                               \
    .name = name_, .title = title_, .fields = dns_##P##_rows,                                      \
    .field_count = SOK_COUNT_OF(dns_##P##_rows), .hdr_len = len_, .parts = P##_parts,              \
    .part_count = SOK_COUNT_OF(P##_parts)
#define RECORD .measure = record_measure, .finish = record_finish

const struct sok_proto sok_dns_record_protos[SOK_DNS_RECORD_PROTOS] = {
    {FORM("DNSQR", "DNS Question", qr, 4), .measure = question_measure},
    {FORM("DNSRR", "DNS Resource Record", rr, 10), RECORD},
    {FORM("DNSRRMX", "DNS MX Record", mx, 12), RECORD},
    {FORM("DNSRRSOA", "DNS SOA Record", soa, 30), RECORD},
    {FORM("DNSRRSRV", "DNS SRV Record", srv, 16), RECORD},
    {FORM("DNSRROPT", "DNS OPT Record", opt, 10), RECORD},
    {FORM("DNSRRDS", "DNS DS Record", ds, 14), RECORD},
    {FORM("DNSRRDNSKEY", "DNS DNSKEY Record", dnskey, 14), RECORD},
    {FORM("DNSRRRSIG", "DNS RRSIG Record", rrsig, 28), RECORD},
    {FORM("DNSRRNSEC", "DNS NSEC Record", nsec, 10), RECORD},
};

const struct sok_proto *sok_dns_question_proto(void)
{
    return &sok_dns_record_protos[0];
}

const struct sok_proto *sok_dns_record_proto(uint16_t type)
{
    for (unsigned i = 2; i < SOK_DNS_RECORD_PROTOS; i++) {
        if (sok_dns_record_protos[i].fields[0].initial == type)
            return &sok_dns_record_protos[i];
    }
    return &sok_dns_record_protos[1];
}
