#include "wire/dns.h"

#include "wire/name.h"
#include "wire/parts.h"
#include "wire/show.h"
#include "wire/udp.h"
#include "wire/value.h"

#define RECORDS_MAX 1024 // of a section that is read

static const struct sok_value dns_opcodes[] = {
    {0, "QUERY"}, {1, "IQUERY"}, {2, "STATUS"}, {4, "NOTIFY"}, {5, "UPDATE"}, {0, NULL}};
static const struct sok_value dns_rcodes[] = {{0, "ok"}, {1, "format-error"}, {2, "server-failure"},
    {3, "name-error"}, {4, "not-implemented"}, {5, "refused"}, {0, NULL}};
SOK_HEADER_ROWS(dns, SOK_DNS_FIELDS)

// ---- sections ----

#define COUNTS_AT 4 // in the header: four counts

// Bytes of a section; what is malformed is the last of it.
static size_t section_size(const uint8_t *p, size_t len, unsigned count, bool question, bool *bad)
{
    size_t at = 0;
    for (; count > 0; count--) {
        size_t own = sok_dns_record_size(p + at, len - at, question);
        if (own == 0) {
            *bad = true;
            return len;
        }
        at += own;
    }
    return at;
}

#define SECTION_MEASURE(name, which)                                                               \
    static size_t name(const uint8_t *fixed, const uint8_t *p, size_t there)                       \
    {                                                                                              \
        bool bad = false;                                                                          \
        return section_size(                                                                       \
            p, there, sok_get16(fixed + COUNTS_AT + 2 * (which)), (which) == 0, &bad);             \
    }
SECTION_MEASURE(qd_measure, 0)
SECTION_MEASURE(an_measure, 1)
SECTION_MEASURE(ns_measure, 2)
SECTION_MEASURE(ar_measure, 3)

static void dns_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t at = SOK_DNS_HDR_LEN;
    for (unsigned i = 0; i < 4 && !out->malformed; i++) {
        unsigned count = sok_get16(p + COUNTS_AT + 2 * i);
        at += section_size(p + at, len - at, count, i == 0, &out->malformed);
    }
    out->header = at;
    out->payload = len - at;
}

static const uint8_t is_question; // in `more` of the part that has questions

static unsigned count_in(const uint8_t *p, size_t len, bool question)
{
    unsigned count = 0;
    for (size_t at = 0, own; at < len && count < RECORDS_MAX; at += own, count++) {
        own = sok_dns_record_size(p + at, len - at, question);
        if (own == 0)
            break;
    }
    return count;
}

static size_t get_record(const struct sok_span *span, size_t at, bool question,
    struct sok_items *to, struct sok_item *out)
{
    struct sok_sink sizing = sok_sink(NULL, 0);
    const uint8_t *message = span->header;
    size_t end = span->off + span->len;
    if (sok_dns_record_expand(message, end, at, question, &sizing) == 0)
        return 0;
    uint8_t *p = sok_items_bytes(to, sizing.used);
    if (!p)
        return 0;
    struct sok_sink whole = sok_sink(p, sizing.used);
    size_t next = sok_dns_record_expand(message, end, at, question, &whole);
    size_t name = sok_dns_name_size(p, sizing.used);
    const struct sok_proto *proto =
        question ? sok_dns_question_proto() : sok_dns_record_proto(sok_get16(p + name));
    *out = sok_item_packet(proto, p, sizing.used);
    return next;
}

static bool section_get(const struct sok_part *part, const struct sok_span *span,
    struct sok_items *to, struct sok_item *out)
{
    bool question = part->more == &is_question;
    unsigned count = count_in(span->header + span->off, span->len, question);
    struct sok_item *list = sok_items_list(to, count);
    size_t at = span->off;
    if (!list)
        return false;
    for (unsigned i = 0; i < count; i++) {
        at = get_record(span, at, question, to, &list[i]);
        if (at == 0)
            return false;
    }
    *out = sok_item_list(list, count);
    return at == span->off + span->len;
}

static bool section_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    uint32_t count = value->type == SOK_ITEM_LIST ? value->count : 1;
    const struct sok_item *list = value->type == SOK_ITEM_LIST ? value->list : value;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].type == SOK_ITEM_PACKET || list[i].type == SOK_ITEM_BYTES) {
            sok_sink_put(out, list[i].bytes, list[i].count);
        } else if (list[i].type != SOK_ITEM_NONE) {
            sok_value_quote(why, &list[i]);
            sok_text_add(why, " where %s belongs", part->more ? "a DNSQR" : "a DNSRR");
            return false;
        }
    }
    return true;
}

// Counts of what the sections hold.
static void dns_finish(const struct sok_finish *f)
{
    const struct sok_built *b = &f->layers[f->at];
    uint8_t *p = sok_finish_header(f);
    size_t at = SOK_DNS_HDR_LEN;
    for (unsigned i = 0; i < 4; at += b->part[i++]) {
        if (sok_finish_free(f, SOK_AT_dns_qdcount + i))
            sok_finish_number(f, SOK_AT_dns_qdcount + i, 0, count_in(p + at, b->part[i], i == 0));
    }
}

// ---- text ----

// tcpdump's way: "12345+ A? www.example.com. (33)".
static void dns_line(const struct sok_show *l)
{
    const struct sok_layer *layer = sok_show_layer(l);
    const uint8_t *p = sok_show_header(l);
    struct sok_text *t = l->text;
    struct sok_dns_hdr h;
    uint8_t memory[2048];
    struct sok_items items = sok_items(memory, sizeof memory);
    struct sok_item name;
    struct sok_span span = {p, layer->header, SOK_DNS_HDR_LEN, 0, p};
    sok_dns_hdr_get(p, &h);
    sok_text_add(t, "DNS %u%s", h.id, h.rd && !h.qr ? "+" : h.aa && h.qr ? "*" : "");
    if (h.qr && h.rcode) {
        const char *what = sok_value_text(dns_rcodes, h.rcode);
        sok_text_add(t, " %s", what ? what : "error");
    }
    if (h.qr)
        sok_text_add(t, " %u/%u/%u", h.ancount, h.nscount, h.arcount);
    span.len = sok_dns_name_size(p + SOK_DNS_HDR_LEN, layer->header - SOK_DNS_HDR_LEN);
    size_t type = SOK_DNS_HDR_LEN + span.len;
    if (h.qdcount && span.len && type + 4 <= layer->header &&
        sok_dns_name_get(NULL, &span, &items, &name)) {
        const char *kind = sok_value_text(sok_dns_types, sok_get16(p + type));
        if (kind)
            sok_text_add(t, " %s? ", kind);
        else
            sok_text_add(t, " Type%u? ", sok_get16(p + type));
        sok_text_add_bytes(t, (const char *)name.bytes, name.count);
    }
    sok_text_add(t, ", length %u", layer->header + layer->payload);
}

// ---- the protocol ----

static const uint8_t first_question[] = {3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3,
    'c', 'o', 'm', 0, 0, SOK_DNS_A, 0, 1};
static const struct sok_item question = {
    .type = SOK_ITEM_BYTES, .count = sizeof first_question, {.bytes = first_question}};

#define SECTION(name_, measure_)                                                                   \
    .name = name_, .at = SOK_DNS_HDR_LEN, .measure = measure_, .get = section_get,                 \
    .put = section_put, .refers = true
static const struct sok_part dns_parts[] = {
    {SECTION("qd", qd_measure), .initial = &question, .more = &is_question},
    {SECTION("an", an_measure)}, {SECTION("ns", ns_measure)}, {SECTION("ar", ar_measure)}};

static const struct sok_bind dns_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_dport, SOK_DNS_PORT},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_READ, SOK_DNS_PORT},
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_READ, 5353},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_READ, 5353},
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_READ, 5355},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_READ, 5355},
};

const struct sok_proto sok_proto_dns = {
    .name = "DNS",
    .title = "Domain Name System",
    .fields = dns_rows,
    .field_count = SOK_COUNT_OF(dns_rows),
    .hdr_len = SOK_DNS_HDR_LEN,
    .measure = dns_measure,
    .parts = dns_parts,
    .part_count = SOK_COUNT_OF(dns_parts),
    .finish = dns_finish,
    .binds = dns_binds,
    .bind_count = SOK_COUNT_OF(dns_binds),
    .line = dns_line,
};
