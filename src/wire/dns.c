#include "wire/dns.h"

#include "wire/name.h"
#include "wire/parts.h"
#include "wire/show.h"
#include "wire/tcp.h"
#include "wire/udp.h"
#include "wire/value.h"

#define RECORDS_MAX 1024 // of a section that is read

static const struct sok_value dns_opcodes[] = {
    {0, "QUERY"}, {1, "IQUERY"}, {2, "STATUS"}, {4, "NOTIFY"}, {5, "UPDATE"}, {0, NULL}};
static const struct sok_value dns_rcodes[] = {{0, "ok"}, {1, "format-error"}, {2, "server-failure"},
    {3, "name-error"}, {4, "not-implemented"}, {5, "refused"}, {0, NULL}};
SOK_HEADER_ROWS(dns, SOK_DNS_FIELDS)
SOK_HEADER_ROWS(dns_tcp, SOK_DNS_TCP_FIELDS)

// ---- sections ----

#define COUNTS_AT 4 // in the message: four counts

// Of a part: which section, and the bytes in front of the message in the header.
struct section {
    bool question;
    uint8_t front;
};
#define TCP_FRONT 2

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

#define SECTION_MEASURE(name, counts, which)                                                       \
    static size_t name(const uint8_t *fixed, const uint8_t *p, size_t there)                       \
    {                                                                                              \
        bool bad = false;                                                                          \
        return section_size(                                                                       \
            p, there, sok_get16(fixed + (counts) + 2 * (which)), (which) == 0, &bad);              \
    }
SECTION_MEASURE(qd_measure, COUNTS_AT, 0)
SECTION_MEASURE(an_measure, COUNTS_AT, 1)
SECTION_MEASURE(ns_measure, COUNTS_AT, 2)
SECTION_MEASURE(ar_measure, COUNTS_AT, 3)
SECTION_MEASURE(qd_tcp_measure, TCP_FRONT + COUNTS_AT, 0)
SECTION_MEASURE(an_tcp_measure, TCP_FRONT + COUNTS_AT, 1)
SECTION_MEASURE(ns_tcp_measure, TCP_FRONT + COUNTS_AT, 2)
SECTION_MEASURE(ar_tcp_measure, TCP_FRONT + COUNTS_AT, 3)

static size_t message_size(const uint8_t *p, size_t len, bool *bad)
{
    size_t at = SOK_DNS_HDR_LEN;
    for (unsigned i = 0; i < 4 && !*bad; i++) {
        unsigned count = sok_get16(p + COUNTS_AT + 2 * i);
        at += section_size(p + at, len - at, count, i == 0, bad);
    }
    return at;
}

static void dns_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    out->header = message_size(p, len, &out->malformed);
    out->payload = len - out->header;
}

// All that its length says.
static void dns_tcp_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t said = sok_get16(p), there = len - TCP_FRONT;
    out->malformed = said < SOK_DNS_HDR_LEN;
    out->cut = said > there;
    said = out->cut ? there : said;
    if (!out->malformed) {
        (void)message_size(p + TCP_FRONT, said, &out->malformed);
        out->header = TCP_FRONT + said;
    }
    out->payload = len - out->header;
}

// A segment may begin in the middle of a message, or end there: those are bytes.
static const struct sok_proto *dns_tcp_variant(const uint8_t *p, size_t len)
{
    bool whole = len >= SOK_DNS_TCP_HDR_LEN && sok_get16(p) >= SOK_DNS_HDR_LEN &&
                 sok_get16(p) <= len - TCP_FRONT;
    return whole ? &sok_proto_dns_tcp : NULL;
}

static const struct sok_proto *dns_tcp_next(const uint8_t *p, size_t header, size_t len)
{
    return len > header ? dns_tcp_variant(p + header, len - header) : NULL;
}

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

// The record at `at` of the message, of which `end` bytes are there.
static size_t get_record(const uint8_t *message, size_t end, size_t at, bool question,
    struct sok_items *to, struct sok_item *out)
{
    struct sok_sink sizing = sok_sink(NULL, 0);
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
    const struct section *own = (const struct section *)part->more;
    unsigned count = count_in(span->header + span->off, span->len, own->question);
    struct sok_item *list = sok_items_list(to, count);
    // A part on its own has its names written out.
    size_t front = span->off < own->front ? 0 : own->front, at = span->off - front;
    size_t end = at + span->len;
    if (!list)
        return false;
    for (unsigned i = 0; i < count; i++) {
        at = get_record(span->header + front, end, at, own->question, to, &list[i]);
        if (at == 0)
            return false;
    }
    *out = sok_item_list(list, count);
    return at == end;
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
            sok_text_add(why, " where %s belongs",
                ((const struct section *)part->more)->question ? "a DNSQR" : "a DNSRR");
            return false;
        }
    }
    return true;
}

// Counts of what the sections hold; `row` is that of the first.
static void count_sections(const struct sok_finish *f, unsigned row, size_t at)
{
    const struct sok_built *b = &f->layers[f->at];
    const uint8_t *p = sok_finish_header(f);
    for (unsigned i = 0; i < 4; at += b->part[i++]) {
        if (sok_finish_free(f, row + i))
            sok_finish_number(f, row + i, 0, count_in(p + at, b->part[i], i == 0));
    }
}

static void dns_finish(const struct sok_finish *f)
{
    count_sections(f, SOK_AT_dns_qdcount, SOK_DNS_HDR_LEN);
}

static void dns_tcp_finish(const struct sok_finish *f)
{
    count_sections(f, SOK_AT_dns_tcp_qdcount, SOK_DNS_TCP_HDR_LEN);
    sok_finish_number(f, SOK_AT_dns_tcp_length, 0, f->layers[f->at].header - TCP_FRONT);
}

static bool dns_tcp_compress(const uint8_t *p, size_t len, struct sok_sink *out)
{
    size_t front = out->used;
    sok_sink_zeros(out, TCP_FRONT);
    struct sok_sink message = sok_sink(out->out + out->used, out->size - out->used);
    if (out->used > out->size || len < TCP_FRONT ||
        !sok_dns_compress(p + TCP_FRONT, len - TCP_FRONT, &message))
        return false;
    sok_sink_number_at(out, front, message.used, TCP_FRONT);
    out->used += message.used;
    return true;
}

// ---- text ----

// tcpdump's way: "12345+ A? www.example.com. (33)".
static void message_line(struct sok_text *t, const uint8_t *p, size_t len, size_t total)
{
    struct sok_dns_hdr h;
    uint8_t memory[2048];
    struct sok_items items = sok_items(memory, sizeof memory);
    struct sok_item name;
    struct sok_span span = {p, len, SOK_DNS_HDR_LEN, 0, p};
    sok_dns_hdr_get(p, &h);
    sok_text_add(t, "DNS %u%s", h.id, h.rd && !h.qr ? "+" : h.aa && h.qr ? "*" : "");
    if (h.qr && h.rcode) {
        const char *what = sok_value_text(dns_rcodes, h.rcode);
        sok_text_add(t, " %s", what ? what : "error");
    }
    if (h.qr)
        sok_text_add(t, " %u/%u/%u", h.ancount, h.nscount, h.arcount);
    span.len = sok_dns_name_size(p + SOK_DNS_HDR_LEN, len - SOK_DNS_HDR_LEN);
    size_t type = SOK_DNS_HDR_LEN + span.len;
    if (h.qdcount && span.len && type + 4 <= len && sok_dns_name_get(NULL, &span, &items, &name)) {
        const char *kind = sok_value_text(sok_dns_types, sok_get16(p + type));
        if (kind)
            sok_text_add(t, " %s? ", kind);
        else
            sok_text_add(t, " Type%u? ", sok_get16(p + type));
        sok_text_add_bytes(t, (const char *)name.bytes, name.count);
    }
    sok_text_add(t, ", length %u", (unsigned)total);
}

static void dns_line(const struct sok_show *l)
{
    const struct sok_layer *layer = sok_show_layer(l);
    message_line(l->text, sok_show_header(l), layer->header, layer->header + layer->payload);
}

static void dns_tcp_line(const struct sok_show *l)
{
    size_t len = sok_show_layer(l)->header - TCP_FRONT;
    message_line(l->text, sok_show_header(l) + TCP_FRONT, len, len);
}

// ---- the protocol ----

static const uint8_t first_question[] = {3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3,
    'c', 'o', 'm', 0, 0, SOK_DNS_A, 0, 1};
static const struct sok_item question = {
    .type = SOK_ITEM_BYTES, .count = sizeof first_question, {.bytes = first_question}};

static const struct section questions = {.question = true}, records = {.question = false},
                            tcp_questions = {.question = true, .front = TCP_FRONT},
                            tcp_records = {.front = TCP_FRONT};
#define SECTION(name_, at_, measure_, more_)                                                       \
    .name = name_, .at = at_, .measure = measure_, .get = section_get, .put = section_put,         \
    .refers = true, .more = &(more_)
static const struct sok_part dns_parts[] = {
    {SECTION("qd", SOK_DNS_HDR_LEN, qd_measure, questions), .initial = &question},
    {SECTION("an", SOK_DNS_HDR_LEN, an_measure, records)},
    {SECTION("ns", SOK_DNS_HDR_LEN, ns_measure, records)},
    {SECTION("ar", SOK_DNS_HDR_LEN, ar_measure, records)}};
static const struct sok_part dns_tcp_parts[] = {
    {SECTION("qd", SOK_DNS_TCP_HDR_LEN, qd_tcp_measure, tcp_questions), .initial = &question},
    {SECTION("an", SOK_DNS_TCP_HDR_LEN, an_tcp_measure, tcp_records)},
    {SECTION("ns", SOK_DNS_TCP_HDR_LEN, ns_tcp_measure, tcp_records)},
    {SECTION("ar", SOK_DNS_TCP_HDR_LEN, ar_tcp_measure, tcp_records)}};

static const struct sok_bind dns_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_dport, SOK_DNS_PORT},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_READ, SOK_DNS_PORT},
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_READ, 5353},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_READ, 5353},
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_READ, 5355},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_READ, 5355},
};
static const struct sok_bind dns_tcp_binds[] = {
    {&sok_proto_tcp, SOK_AT_tcp_dport, SOK_DNS_PORT},
    {&sok_proto_tcp, SOK_AT_tcp_sport, SOK_DNS_PORT},
};

#define DNS_SUMMARY                                                                                \
    "%qr=0%DNS Qry \"%qd.qname%\"|%qr=0%DNS Qry|%qr=1%DNS Ans \"%an.rdata%\"|DNS Ans"

const struct sok_proto sok_proto_dns = {
    .name = "DNS",
    .title = "Domain Name System",
    .summary = DNS_SUMMARY,
    .fields = dns_rows,
    .field_count = SOK_COUNT_OF(dns_rows),
    .hdr_len = SOK_DNS_HDR_LEN,
    .measure = dns_measure,
    .parts = dns_parts,
    .part_count = SOK_COUNT_OF(dns_parts),
    .behind = &sok_proto_tcp,
    .form = &sok_proto_dns_tcp,
    .finish = dns_finish,
    .compress = sok_dns_compress,
    .binds = dns_binds,
    .bind_count = SOK_COUNT_OF(dns_binds),
    .line = dns_line,
};

const struct sok_proto sok_proto_dns_tcp = {
    .name = "DNSTCP",
    .title = "Domain Name System, over TCP",
    .summary = DNS_SUMMARY,
    .fields = dns_tcp_rows,
    .field_count = SOK_COUNT_OF(dns_tcp_rows),
    .hdr_len = SOK_DNS_TCP_HDR_LEN,
    .family = &sok_proto_dns,
    .variant = dns_tcp_variant,
    .next = dns_tcp_next,
    .measure = dns_tcp_measure,
    .parts = dns_tcp_parts,
    .part_count = SOK_COUNT_OF(dns_tcp_parts),
    .finish = dns_tcp_finish,
    .compress = dns_tcp_compress,
    .binds = dns_tcp_binds,
    .bind_count = SOK_COUNT_OF(dns_tcp_binds),
    .line = dns_tcp_line,
};
