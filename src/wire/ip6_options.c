// The options inside of IPv6's extension headers (RFC 8200 section 4.2): Pad1, PadN, Router Alert (RFC 2711), Jumbo
// (RFC 2675), Home Address (RFC 6275 section 6.3), and any other.
#include "wire/ip6.h"
#include "wire/parts.h"

#define PAD1  0
#define PADN  1
#define ALERT 5
#define JUMBO 0xc2
#define HOME  0xc9

static const struct sok_value types[] = {{PAD1, "Pad1"}, {PADN, "PadN"},
    {4, "Tunnel Encapsulation Limit"}, {ALERT, "Router Alert"}, {JUMBO, "Jumbo Payload"},
    {HOME, "Home Address Option"}, {0, NULL}};
static const struct sok_value alerts[] = {
    {0, "MLD"}, {1, "RSVP"}, {2, "Active Network"}, {0, NULL}};

#define HEAD(N, B, P, number, length)                                                              \
    N(P, otype, 8, NAME, SET, number, types)                                                       \
    N(P, optlen, 8, DEC, DERIVED, length, NULL)
#define PAD1_FIELDS(N, B, P) N(P, otype, 8, NAME, SET, PAD1, types)
#define ANY_FIELDS(N, B, P)  HEAD(N, B, P, PADN, 0)
#define ALERT_FIELDS(N, B, P)                                                                      \
    HEAD(N, B, P, ALERT, 2)                                                                        \
    N(P, value, 16, NAME, SET, 0, alerts)
#define JUMBO_FIELDS(N, B, P)                                                                      \
    HEAD(N, B, P, JUMBO, 4)                                                                        \
    N(P, jumboplen, 32, DEC, SET, 0, NULL)
#define HOME_FIELDS(N, B, P)                                                                       \
    HEAD(N, B, P, HOME, 16)                                                                        \
    B(P, hoa, 16, IP6, SET)
SOK_HEADER_STRUCT(opt_pad1, PAD1_FIELDS, 1)
SOK_HEADER_STRUCT(opt_any, ANY_FIELDS, 2)
SOK_HEADER_STRUCT(opt_alert, ALERT_FIELDS, 4)
SOK_HEADER_STRUCT(opt_jumbo, JUMBO_FIELDS, 6)
SOK_HEADER_STRUCT(opt_home, HOME_FIELDS, 18)
SOK_HEADER_ROWS(opt_pad1, PAD1_FIELDS)
SOK_HEADER_ROWS(opt_any, ANY_FIELDS)
SOK_HEADER_ROWS(opt_alert, ALERT_FIELDS)
SOK_HEADER_ROWS(opt_jumbo, JUMBO_FIELDS)
SOK_HEADER_ROWS(opt_home, HOME_FIELDS)

#define LENGTH_ROW 1

static void option_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t header = 2u + p[1];
    out->malformed = header < out->header;
    out->cut = header > len;
    if (!out->malformed)
        out->header = out->cut ? len : header;
    out->payload = len - out->header;
}

static void option_finish(const struct sok_finish *f)
{
    sok_finish_number(f, LENGTH_ROW, 0, f->layers[f->at].header - 2);
}

static const struct sok_part data_parts[] = {{.name = "optdata", .at = 2}};

#define FORM(name_, title_, P, len_)                                                               \
    .name = name_, .title = title_, .fields = opt_##P##_rows,                                      \
    .field_count = SOK_COUNT_OF(opt_##P##_rows), .hdr_len = len_
#define FRAMED .measure = option_measure, .finish = option_finish

enum { I_ANY, I_PAD1, I_PADN, I_ALERT, I_JUMBO, I_HOME };

const struct sok_proto sok_ip6_option_protos[SOK_IP6_OPTION_PROTOS] = {
    [I_ANY] = {FORM("HBHOptUnknown", "IPv6 Option", any, 2), FRAMED, .parts = data_parts,
        .part_count = 1},
    [I_PAD1] = {FORM("Pad1", "IPv6 Option Pad1", pad1, 1)},
    [I_PADN] = {FORM("PadN", "IPv6 Option PadN", any, 2), FRAMED, .parts = data_parts,
        .part_count = 1},
    [I_ALERT] = {FORM("RouterAlert", "IPv6 Option Router Alert", alert, 4), FRAMED},
    [I_JUMBO] = {FORM("Jumbo", "IPv6 Option Jumbo Payload", jumbo, 6), FRAMED},
    [I_HOME] = {FORM("HAO", "IPv6 Option Home Address", home, 18), FRAMED},
};

static const struct sok_proto *which(const uint8_t *p, size_t len)
{
    (void)len;
    switch (p[0]) {
    case PAD1:
        return &sok_ip6_option_protos[I_PAD1];
    case PADN:
        return &sok_ip6_option_protos[I_PADN];
    case ALERT:
        return &sok_ip6_option_protos[I_ALERT];
    case JUMBO:
        return &sok_ip6_option_protos[I_JUMBO];
    case HOME:
        return &sok_ip6_option_protos[I_HOME];
    default:
        return &sok_ip6_option_protos[I_ANY];
    }
}

static const struct sok_packets kinds = {
    .which = which, .what = "options (PadN, RouterAlert, ...)"};

static void pad(struct sok_sink *out, size_t count)
{
    if (count == 1) {
        sok_sink_number(out, PAD1, 1);
    } else if (count > 1) {
        sok_sink_number(out, PADN, 1);
        sok_sink_number(out, count - 2, 1);
        sok_sink_zeros(out, count - 2);
    }
}

// Where an option wants to begin: at `offset` behind a multiple of `unit` (RFC 8200 appendix A).
static size_t gap_before(uint8_t type, size_t at)
{
    size_t unit = type == ALERT ? 2 : type == JUMBO ? 4 : type == HOME ? 8 : 1;
    size_t offset = type == JUMBO ? 2 : type == HOME ? 6 : 0;
    return (unit - (at + unit - offset) % unit) % unit;
}

// Each where it wants to begin, and the whole header a multiple of 8 bytes.
static bool options_put(const struct sok_part *part, const struct sok_item *value,
    struct sok_sink *out, struct sok_text *why)
{
    const struct sok_item *list = value->type == SOK_ITEM_LIST ? value->list : value;
    uint32_t count = value->type == SOK_ITEM_LIST ? value->count : 1;
    size_t start = out->used;
    for (uint32_t i = 0; i < count; i++) {
        size_t at = out->used - start + part->at;
        if (list[i].type == SOK_ITEM_PACKET && list[i].count > 0)
            pad(out, gap_before(list[i].bytes[0], at));
        if (!sok_packets_put(part, &list[i], out, why))
            return false;
    }
    pad(out, (8 - (out->used - start + part->at) % 8) % 8);
    return true;
}

static const uint8_t six_bytes[6] = {PADN, 4};
static const struct sok_item nothing = {
    .type = SOK_ITEM_BYTES, .count = sizeof six_bytes, {.bytes = six_bytes}};

const struct sok_part sok_ip6_option_parts[1] = {{.name = "options",
    .at = SOK_IP6_EXT_HEAD,
    .initial = &nothing,
    .get = sok_packets_get,
    .put = options_put,
    .more = &kinds}};
