#include "wire/ip4.h"
#include "wire/carrier.h"
#include "wire/mpls.h"
#include "wire/ppp.h"

#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4_options.h"
#include "wire/options.h"
#include "wire/show.h"
#include "wire/vlan.h"

static const struct sok_value ip4_flags[] = {{0, "MF"}, {1, "DF"}, {2, "evil"}, {0, NULL}};
static const struct sok_value ip4_protos[] = {{1, "ICMP"}, {2, "IGMP"}, {4, "IP"}, {6, "TCP"},
    {17, "UDP"}, {41, "IPv6"}, {47, "GRE"}, {50, "ESP"}, {51, "AH"}, {132, "SCTP"}, {112, "VRRP"},
    {137, "mpls_in_ip"}, {0, NULL}};
SOK_HEADER_ROWS(ip4, SOK_IP4_FIELDS)

enum sok_drop sok_ip4_check(const struct sok_ip4_hdr *h, size_t there)
{
    size_t header = 4u * h->ihl;
    if (h->version != 4)
        return SOK_DROP_IP_VERSION;
    if (header < SOK_IP4_HDR_LEN || header > there)
        return SOK_DROP_IP_HEADER_LENGTH;
    if (h->len < header || h->len > there)
        return SOK_DROP_IP_TOTAL_LENGTH;
    return SOK_DROP_NONE;
}

bool sok_ip4_verify(const uint8_t *p, size_t header_len)
{
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add(&sum, p, header_len);
    return sok_csum_final(&sum) == 0;
}

void sok_ip4_seal(uint8_t *p, size_t header_len)
{
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_put16(p + 10, 0);
    sok_csum_add(&sum, p, header_len);
    sok_put16(p + 10, sok_csum_final(&sum));
}

enum sok_drop sok_ip4_options_check(const uint8_t *p, size_t len)
{
    struct sok_options options = sok_options(p, len);
    struct sok_option opt;
    while (sok_option_next(&options, &opt))
        ;
    return options.malformed ? SOK_DROP_IP_OPTION : SOK_DROP_NONE;
}

static void ip4_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    struct sok_ip4_hdr h;
    sok_ip4_hdr_get(p, &h);
    size_t header = 4u * h.ihl;
    if (h.version != 4 || header < SOK_IP4_HDR_LEN || h.len < header) {
        out->malformed = true;
        return;
    }
    out->cut = h.len > len;
    out->header = header < len ? header : len;
    out->payload = (out->cut ? len : h.len) - out->header;
    out->opaque = h.frag != 0;
}

static void ip4_line(const struct sok_show *l)
{
    struct sok_ip4_hdr h;
    const struct sok_layer *layer = sok_show_layer(l);
    sok_ip4_hdr_get(sok_show_header(l), &h);
    sok_text_add_str(l->text, "IP ");
    if (sok_show_next(l))
        return;
    sok_text_add_ip4(l->text, h.src);
    sok_text_add_str(l->text, " > ");
    sok_text_add_ip4(l->text, h.dst);
    if (layer->malformed) {
        sok_text_add(l->text, ": malformed, version %u, header %u, total length %u of %u",
            h.version, 4u * h.ihl, h.len, layer->header + layer->payload);
        return;
    }
    const char *name = sok_value_text(ip4_protos, h.proto);
    if (name)
        sok_text_add(l->text, ": %s", name);
    else
        sok_text_add(l->text, ": ip-proto-%u", h.proto);
    if (h.frag)
        sok_text_add(
            l->text, ", fragment %u at %u%s", h.id, h.frag * 8u, h.flags & SOK_IP4_MF ? "+" : "");
    sok_text_add(l->text, ", length %u", layer->payload);
}

#define ROUTE_FIELDS(N, B, P) N(P, pointer, 8, DEC, DERIVED, 4, NULL)
#define ALERT_FIELDS(N, B, P) N(P, alert, 16, DEC, SET, 0, NULL)
SOK_HEADER_STRUCT(ip4_route, ROUTE_FIELDS, 1)
SOK_HEADER_STRUCT(ip4_alert, ALERT_FIELDS, 2)
SOK_HEADER_ROWS(ip4_route, ROUTE_FIELDS)
SOK_HEADER_ROWS(ip4_alert, ALERT_FIELDS)

static const struct sok_option_kind ip4_options[] = {
    {.kind = 0, .name = "EOL"},
    {.kind = 1, .name = "NOP"},
    {.kind = 7, .name = "RR", .fields = ip4_route_rows, .field_count = 1},
    {.kind = 68, .name = "Timestamp", .fields = ip4_route_rows, .field_count = 1},
    {.kind = 130, .name = "Security"},
    {.kind = 131, .name = "LSRR", .fields = ip4_route_rows, .field_count = 1},
    {.kind = 137, .name = "SSRR", .fields = ip4_route_rows, .field_count = 1},
    {.kind = 148, .name = "RouterAlert", .fields = ip4_alert_rows, .field_count = 1},
};

static const struct sok_part ip4_parts[] = {{.name = "options",
    .at = SOK_IP4_HDR_LEN,
    .get = sok_options_get,
    .put = sok_options_put,
    .more = &sok_ip4_option_table}};

static void ip4_finish(const struct sok_finish *f)
{
    uint8_t *p = sok_finish_header(f);
    size_t header = f->layers[f->at].header;
    sok_finish_number(f, SOK_AT_ip4_ihl, 0, header / 4);
    sok_finish_number(f, SOK_AT_ip4_len, 0, sok_finish_len(f));
    if (sok_finish_free(f, SOK_AT_ip4_chksum))
        sok_ip4_seal(p, header);
}

static const struct sok_bind ip4_binds[] = {
    SOK_BINDS_ETHERTYPE(SOK_ETHERTYPE_IP4),
    {&sok_proto_ip4, SOK_AT_ip4_proto, 4},
    {&sok_proto_ip6, SOK_AT_ip6_nh, 4},
    {&sok_proto_ppp, SOK_AT_ppp_proto, 0x21},
    {&sok_proto_mpls, SOK_AT_mpls_label | SOK_BIND_WRITE, 0},
    {&sok_proto_loopback, SOK_AT_loopback_type | SOK_BIND_WRITE, 2},
    {&sok_proto_icmp, SOK_AT_icmp_type | SOK_BIND_READ, SOK_ICMP_UNREACHABLE},
    {&sok_proto_icmp, SOK_AT_icmp_type | SOK_BIND_READ, SOK_ICMP_SOURCE_QUENCH},
    {&sok_proto_icmp, SOK_AT_icmp_type | SOK_BIND_READ, SOK_ICMP_REDIRECT},
    {&sok_proto_icmp, SOK_AT_icmp_type | SOK_BIND_READ, SOK_ICMP_TIME_EXCEEDED},
    {&sok_proto_icmp, SOK_AT_icmp_type | SOK_BIND_READ, SOK_ICMP_PARAMETER},
};

const struct sok_proto sok_proto_ip4 = {
    .name = "IP",
    .title = "Internet Protocol version 4",
    .summary = "%src% > %dst% %proto%%frag=0%|%src% > %dst% %proto% frag:%frag%",
    .quoted = "IPerror",
    .fields = ip4_rows,
    .field_count = SOK_COUNT_OF(ip4_rows),
    .hdr_len = SOK_IP4_HDR_LEN,
    .measure = ip4_measure,
    .options = ip4_options,
    .option_count = SOK_COUNT_OF(ip4_options),
    .parts = ip4_parts,
    .part_count = SOK_COUNT_OF(ip4_parts),
    .finish = ip4_finish,
    .binds = ip4_binds,
    .bind_count = SOK_COUNT_OF(ip4_binds),
    .line = ip4_line,
};
