#include "wire/icmp.h"

#include "wire/csum.h"
#include "wire/show.h"
#include "wire/tcp.h"
#include "wire/udp.h"

static const struct sok_value icmp_types[] = {{0, "echo-reply"}, {3, "dest-unreach"},
    {4, "source-quench"}, {5, "redirect"}, {8, "echo-request"}, {9, "router-advertisement"},
    {10, "router-solicitation"}, {11, "time-exceeded"}, {12, "parameter-problem"},
    {13, "timestamp-request"}, {14, "timestamp-reply"}, {15, "information-request"},
    {16, "information-response"}, {17, "address-mask-request"}, {18, "address-mask-reply"},
    {0, NULL}};
// What a code means depends on the type. NULL in a list of fields: no code of it has a name.
static const struct sok_value unreachable_codes[] = {{SOK_ICMP_NET, "network-unreachable"},
    {SOK_ICMP_HOST, "host-unreachable"}, {SOK_ICMP_PROTOCOL, "protocol-unreachable"},
    {SOK_ICMP_PORT, "port-unreachable"}, {SOK_ICMP_FRAG_NEEDED, "fragmentation-needed"},
    {5, "source-route-failed"}, {6, "network-unknown"}, {7, "host-unknown"},
    {SOK_ICMP_NET_ADMIN, "network-prohibited"}, {SOK_ICMP_HOST_ADMIN, "host-prohibited"},
    {11, "TOS-network-unreachable"}, {12, "TOS-host-unreachable"},
    {SOK_ICMP_ADMIN, "communication-prohibited"}, {14, "host-precedence-violation"},
    {15, "precedence-cutoff"}, {0, NULL}};
static const struct sok_value redirect_codes[] = {{0, "network-redirect"}, {1, "host-redirect"},
    {2, "TOS-network-redirect"}, {3, "TOS-host-redirect"}, {0, NULL}};
static const struct sok_value exceeded_codes[] = {{SOK_ICMP_TTL, "ttl-zero-during-transit"},
    {SOK_ICMP_REASSEMBLY, "ttl-zero-during-reassembly"}, {0, NULL}};
static const struct sok_value parameter_codes[] = {
    {0, "ip-header-bad"}, {1, "required-option-missing"}, {0, NULL}};
SOK_HEADER_ROWS(icmp, SOK_ICMP_FIELDS)

// The header by type, where it is not the echo's. length: 32-bit words of the quote (RFC 4884).
#define HEAD_FIELDS(N, B, P, codes)                                                                \
    N(P, type, 8, NAME, SET, 3, icmp_types)                                                        \
    N(P, code, 8, NAME, SET, 0, codes)                                                             \
    N(P, chksum, 16, HEX, DERIVED, 0, NULL)
#define UNREACHABLE_FIELDS(N, B, P)                                                                \
    HEAD_FIELDS(N, B, P, unreachable_codes)                                                        \
    N(P, reserved, 8, DEC, SET, 0, NULL)                                                           \
    N(P, length, 8, DEC, SET, 0, NULL)                                                             \
    N(P, nexthopmtu, 16, DEC, SET, 0, NULL)
#define REDIRECT_FIELDS(N, B, P)                                                                   \
    HEAD_FIELDS(N, B, P, redirect_codes)                                                           \
    N(P, gw, 32, IP4, SET, 0, NULL)
#define EXCEEDED_FIELDS(N, B, P)                                                                   \
    HEAD_FIELDS(N, B, P, exceeded_codes)                                                           \
    N(P, reserved, 8, DEC, SET, 0, NULL)                                                           \
    N(P, length, 8, DEC, SET, 0, NULL)                                                             \
    N(P, unused, 16, HEX, SET, 0, NULL)
#define PARAMETER_FIELDS(N, B, P)                                                                  \
    HEAD_FIELDS(N, B, P, parameter_codes)                                                          \
    N(P, ptr, 8, DEC, SET, 0, NULL)                                                                \
    N(P, length, 8, DEC, SET, 0, NULL)                                                             \
    N(P, unused, 16, HEX, SET, 0, NULL)
// Only where all of it is there; else they are bytes behind the first eight.
#define TIMES_FIELDS(N, B, P)                                                                      \
    SOK_ICMP_FIELDS(N, B, P)                                                                       \
    N(P, ts_ori, 32, DEC, SET, 0, NULL)                                                            \
    N(P, ts_rx, 32, DEC, SET, 0, NULL)                                                             \
    N(P, ts_tx, 32, DEC, SET, 0, NULL)
#define MASK_FIELDS(N, B, P)                                                                       \
    SOK_ICMP_FIELDS(N, B, P)                                                                       \
    N(P, addr_mask, 32, IP4, SET, 0, NULL)
#define TIMES_LEN 20
#define MASK_LEN  12
#define OTHER_FIELDS(N, B, P)                                                                      \
    HEAD_FIELDS(N, B, P, NULL)                                                                     \
    N(P, unused, 32, HEX, SET, 0, NULL)
SOK_HEADER_STRUCT(icmp_unreachable, UNREACHABLE_FIELDS, SOK_ICMP_HDR_LEN)
SOK_HEADER_STRUCT(icmp_redirect, REDIRECT_FIELDS, SOK_ICMP_HDR_LEN)
SOK_HEADER_STRUCT(icmp_exceeded, EXCEEDED_FIELDS, SOK_ICMP_HDR_LEN)
SOK_HEADER_STRUCT(icmp_parameter, PARAMETER_FIELDS, SOK_ICMP_HDR_LEN)
SOK_HEADER_STRUCT(icmp_times, TIMES_FIELDS, TIMES_LEN)
SOK_HEADER_STRUCT(icmp_mask, MASK_FIELDS, MASK_LEN)
SOK_HEADER_STRUCT(icmp_other, OTHER_FIELDS, SOK_ICMP_HDR_LEN)
SOK_HEADER_ROWS(icmp_unreachable, UNREACHABLE_FIELDS)
SOK_HEADER_ROWS(icmp_redirect, REDIRECT_FIELDS)
SOK_HEADER_ROWS(icmp_exceeded, EXCEEDED_FIELDS)
SOK_HEADER_ROWS(icmp_parameter, PARAMETER_FIELDS)
SOK_HEADER_ROWS(icmp_times, TIMES_FIELDS)
SOK_HEADER_ROWS(icmp_mask, MASK_FIELDS)
SOK_HEADER_ROWS(icmp_other, OTHER_FIELDS)

#define VIEW(rows) (*count = SOK_COUNT_OF(rows), rows)

static const struct sok_field *icmp_view(const uint8_t *p, size_t len, unsigned *count)
{
    switch (p[0]) {
    case SOK_ICMP_ECHO_REPLY:
    case SOK_ICMP_ECHO:
    case SOK_ICMP_INFORMATION:
    case SOK_ICMP_INFORMATION_REPLY:
        return VIEW(icmp_rows);
    case SOK_ICMP_TIMESTAMP:
    case SOK_ICMP_TIMESTAMP_REPLY:
        return len >= TIMES_LEN ? VIEW(icmp_times_rows) : VIEW(icmp_rows);
    case SOK_ICMP_MASK:
    case SOK_ICMP_MASK_REPLY:
        return len >= MASK_LEN ? VIEW(icmp_mask_rows) : VIEW(icmp_rows);
    case SOK_ICMP_UNREACHABLE:
        return VIEW(icmp_unreachable_rows);
    case SOK_ICMP_REDIRECT:
        return VIEW(icmp_redirect_rows);
    case SOK_ICMP_TIME_EXCEEDED:
        return VIEW(icmp_exceeded_rows);
    case SOK_ICMP_PARAMETER:
        return VIEW(icmp_parameter_rows);
    default:
        return VIEW(icmp_other_rows);
    }
}

static void icmp_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    unsigned count;
    const struct sok_field *rows = icmp_view(p, len, &count);
    out->header = sok_field_end(&rows[count - 1]);
    out->payload = len - out->header;
}

static void icmp_finish(const struct sok_finish *f)
{
    if (sok_finish_free(f, SOK_AT_icmp_chksum))
        sok_finish_sum(f, 2);
}

bool sok_icmp_verify(const uint8_t *p, size_t len)
{
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add(&sum, p, len);
    return sok_csum_final(&sum) == 0;
}

static size_t least_quoted(uint8_t proto)
{
    bool known = proto == SOK_IPPROTO_TCP || proto == SOK_IPPROTO_UDP || proto == SOK_IPPROTO_ICMP;
    return known ? 8 : 0;
}

bool sok_icmp_quote_get(const uint8_t *p, size_t len, struct sok_icmp_quote *out)
{
    *out = (struct sok_icmp_quote){0};
    if (!sok_ip4_get(p, len, &out->ip))
        return false;
    size_t header = 4u * out->ip.ihl;
    if (out->ip.version != 4 || header < SOK_IP4_HDR_LEN || out->ip.frag != 0 ||
        header + least_quoted(out->ip.proto) > len)
        return false;
    out->data = p + header;
    out->len = len - header;
    if (out->ip.proto == SOK_IPPROTO_TCP || out->ip.proto == SOK_IPPROTO_UDP) {
        out->sport = sok_get16(out->data);
        out->dport = sok_get16(out->data + 2);
    }
    if (out->ip.proto == SOK_IPPROTO_TCP)
        out->seq = sok_get32(out->data + SOK_TCP_SEQ_OFFSET);
    if (out->ip.proto == SOK_IPPROTO_ICMP) {
        out->icmp_type = out->data[0];
        if (out->icmp_type == SOK_ICMP_ECHO) {
            out->echo_id = sok_get16(out->data + 4);
            out->echo_seq = sok_get16(out->data + 6);
        }
    }
    return true;
}

static void line_unreachable(
    struct sok_text *t, const struct sok_icmp_hdr *h, const struct sok_icmp_quote *q)
{
    const char *proto = q->ip.proto == SOK_IPPROTO_TCP ? "tcp" : "udp";
    sok_text_add_str(t, "ICMP ");
    switch (h->code) {
    case SOK_ICMP_HOST:
    case SOK_ICMP_HOST_ADMIN:
        sok_text_add_str(t, "host ");
        sok_text_add_ip4(t, q->ip.dst);
        break;
    case SOK_ICMP_PROTOCOL:
        sok_text_add_ip4(t, q->ip.dst);
        sok_text_add(t, " protocol %u", q->ip.proto);
        break;
    case SOK_ICMP_PORT:
        sok_text_add_ip4(t, q->ip.dst);
        if (q->ip.proto == SOK_IPPROTO_TCP || q->ip.proto == SOK_IPPROTO_UDP)
            sok_text_add(t, " %s port %u", proto, q->dport);
        else
            sok_text_add(t, " protocol %u port", q->ip.proto);
        break;
    default:
        sok_text_add(t, h->code == SOK_ICMP_FRAG_NEEDED ? "" : "net ");
        sok_text_add_ip4(t, q->ip.dst);
        break;
    }
    sok_text_add_str(t, " unreachable");
    if (h->code == SOK_ICMP_FRAG_NEEDED)
        sok_text_add(t, " - need to frag (mtu %u)", sok_icmp_nexthopmtu(h));
    else if (h->code == SOK_ICMP_HOST_ADMIN || h->code == SOK_ICMP_NET_ADMIN ||
             h->code == SOK_ICMP_ADMIN)
        sok_text_add_str(t, " - admin prohibited");
}

static void icmp_line(const struct sok_show *l)
{
    const struct sok_layer *layer = sok_show_layer(l);
    struct sok_icmp_hdr h;
    struct sok_icmp_quote q;
    struct sok_text *t = l->text;
    sok_icmp_hdr_get(sok_show_header(l), &h);
    bool quotes = sok_icmp_is_error(h.type) &&
                  sok_icmp_quote_get(sok_show_header(l) + layer->header, layer->payload, &q);
    sok_show_ends(l, false, 0, 0);
    const char *name = sok_value_text(icmp_types, h.type);
    if (h.type == SOK_ICMP_ECHO || h.type == SOK_ICMP_ECHO_REPLY)
        sok_text_add(t, "ICMP echo %s, id %u, seq %u", h.type ? "request" : "reply", h.id, h.seq);
    else if (h.type == SOK_ICMP_UNREACHABLE && quotes)
        line_unreachable(t, &h, &q);
    else if (name)
        sok_text_add(t, "ICMP %s, code %u", name, h.code);
    else
        sok_text_add(t, "ICMP type %u, code %u", h.type, h.code);
    sok_text_add(t, ", length %u", layer->header + layer->payload);
}

static const struct sok_bind icmp_binds[] = {{&sok_proto_ip4, SOK_AT_ip4_proto, SOK_IPPROTO_ICMP}};

const struct sok_proto sok_proto_icmp = {
    .name = "ICMP",
    .title = "Internet Control Message Protocol",
    .summary = "ICMP %<src% > %<dst% %type% %code%|ICMP %type% %code%",
    .quoted = "ICMPerror",
    .fields = icmp_rows,
    .field_count = SOK_COUNT_OF(icmp_rows),
    .hdr_len = SOK_ICMP_HDR_LEN,
    .view = icmp_view,
    .measure = icmp_measure,
    .finish = icmp_finish,
    .binds = icmp_binds,
    .bind_count = SOK_COUNT_OF(icmp_binds),
    .line = icmp_line,
};
