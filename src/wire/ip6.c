#include "wire/ip6.h"
#include "wire/carrier.h"
#include "wire/mpls.h"
#include "wire/ppp.h"

#include "wire/eth.h"
#include "wire/icmp6.h"
#include "wire/ip4.h"
#include "wire/parts.h"
#include "wire/show.h"
#include "wire/vlan.h"

static const struct sok_value ip6_nexts[] = {{0, "hop-by-hop"}, {4, "IP"}, {6, "TCP"}, {17, "UDP"},
    {41, "IPv6"}, {43, "routing"}, {44, "fragment"}, {47, "GRE"}, {50, "ESP"}, {51, "AH"},
    {58, "ICMPv6"}, {59, "none"}, {60, "destination"}, {132, "SCTP"}, {0, NULL}};
SOK_HEADER_ROWS(ip6, SOK_IP6_FIELDS)
SOK_HEADER_ROWS(ip6_ext, SOK_IP6_EXT_FIELDS)
SOK_HEADER_ROWS(ip6_routing, SOK_IP6_ROUTING_FIELDS)
SOK_HEADER_ROWS(ip6_frag, SOK_IP6_FRAG_FIELDS)

enum sok_drop sok_ip6_check(const struct sok_ip6_hdr *h, size_t there)
{
    if (there < SOK_IP6_HDR_LEN)
        return SOK_DROP_IP_SHORT;
    if (h->version != 6)
        return SOK_DROP_IP_VERSION;
    return (size_t)h->plen + SOK_IP6_HDR_LEN > there ? SOK_DROP_IP_TOTAL_LENGTH : SOK_DROP_NONE;
}

bool sok_ip6_next(struct sok_ip6_walk *w, struct sok_ip6_ext *out)
{
    bool frag = w->next == SOK_IP6_FRAG;
    if ((!frag && w->next != SOK_IP6_HOP && w->next != SOK_IP6_ROUTING &&
            w->next != SOK_IP6_DEST) ||
        (w->fragment && w->frag.offset > 0))
        return false;
    size_t left = w->len - w->at;
    size_t len = left < SOK_IP6_EXT_LEN ? 0 : frag ? SOK_IP6_FRAG_LEN : 8 + 8u * w->p[w->at + 1];
    if (len == 0 || len > left) {
        w->cut = true;
        return false;
    }
    *out = (struct sok_ip6_ext){.kind = w->next, .at = w->at, .len = len};
    if (frag) {
        sok_ip6_frag_hdr_get(w->p + w->at, &w->frag);
        w->fragment = w->frag.offset > 0 || w->frag.m; // else atomic (RFC 6946)
    }
    w->next = w->p[w->at];
    w->before = w->field;
    w->field = w->at;
    w->at += len;
    return true;
}

// ---- text ----

static void ip6_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    struct sok_ip6_hdr h;
    sok_ip6_hdr_get(p, &h);
    if (h.version != 6) {
        out->malformed = true;
        return;
    }
    size_t there = len - SOK_IP6_HDR_LEN;
    out->cut = h.plen > there;
    out->payload = out->cut ? there : h.plen;
}

static void ext_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t header = SOK_IP6_EXT_LEN + 8u * p[1];
    out->cut = header > len;
    out->header = out->cut ? len : header;
    out->payload = len - out->header;
}

static void frag_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    struct sok_ip6_frag_hdr h;
    sok_ip6_frag_hdr_get(p, &h);
    out->payload = len - SOK_IP6_FRAG_LEN;
    out->opaque = h.offset != 0;
}

static void add_next(struct sok_text *t, uint8_t nh)
{
    const char *name = sok_value_text(ip6_nexts, nh);
    if (name)
        sok_text_add_str(t, name);
    else
        sok_text_add(t, "ip-proto-%u", nh);
}

static void ip6_line(const struct sok_show *l)
{
    struct sok_ip6_hdr h;
    const struct sok_layer *layer = sok_show_layer(l);
    sok_ip6_hdr_get(sok_show_header(l), &h);
    sok_text_add_str(l->text, "IP6 ");
    if (sok_show_next(l))
        return;
    sok_text_add_ip6(l->text, h.src);
    sok_text_add_str(l->text, " > ");
    sok_text_add_ip6(l->text, h.dst);
    if (layer->malformed) {
        sok_text_add(l->text, ": malformed, version %u", h.version);
        return;
    }
    sok_text_add_str(l->text, ": ");
    add_next(l->text, h.nh);
    sok_text_add(l->text, ", length %u", layer->payload);
}

static void ext_line(const struct sok_show *l)
{
    if (sok_show_next(l))
        return;
    sok_show_ends(l, false, 0, 0);
    add_next(l->text, sok_show_header(l)[0]);
    sok_text_add(l->text, ", length %u", sok_show_layer(l)->payload);
}

static void frag_line(const struct sok_show *l)
{
    struct sok_ip6_frag_hdr h;
    sok_ip6_frag_hdr_get(sok_show_header(l), &h);
    sok_show_ends(l, false, 0, 0);
    add_next(l->text, h.nh);
    sok_text_add(l->text, ", fragment 0x%08x at %u%s, length %u", h.id, h.offset * 8u,
        h.m ? "+" : "", sok_show_layer(l)->payload);
}

// ---- the protocols ----

static void ip6_finish(const struct sok_finish *f)
{
    sok_finish_number(f, SOK_AT_ip6_plen, 0, sok_finish_len(f) - SOK_IP6_HDR_LEN);
}

static void ext_finish(const struct sok_finish *f)
{
    size_t header = f->layers[f->at].header;
    if (header >= SOK_IP6_EXT_LEN)
        sok_finish_number(f, SOK_AT_ip6_ext_len, 0, header / 8 - 1);
}

static void routing_finish(const struct sok_finish *f)
{
    ext_finish(f);
    sok_finish_number(
        f, SOK_AT_ip6_routing_segleft, 0, (f->layers[f->at].header - SOK_IP6_EXT_LEN) / 16);
}

static const struct sok_bind ip6_binds[] = {
    SOK_BINDS_ETHERTYPE(SOK_ETHERTYPE_IP6),
    {&sok_proto_ip4, SOK_AT_ip4_proto, 41},
    {&sok_proto_ip6, SOK_AT_ip6_nh, 41},
    {&sok_proto_ppp, SOK_AT_ppp_proto, 0x57},
    {&sok_proto_mpls, SOK_AT_mpls_label | SOK_BIND_WRITE, 2},
    {&sok_proto_loopback, SOK_AT_loopback_type | SOK_BIND_WRITE, 10},
};

const struct sok_proto sok_proto_ip6 = {
    .name = "IPv6",
    .title = "Internet Protocol version 6",
    .summary = "%src% > %dst% (%#nh%)",
    .quoted = "IPerror6",
    .fields = ip6_rows,
    .field_count = SOK_COUNT_OF(ip6_rows),
    .hdr_len = SOK_IP6_HDR_LEN,
    .measure = ip6_measure,
    .finish = ip6_finish,
    .binds = ip6_binds,
    .bind_count = SOK_COUNT_OF(ip6_binds),
    .line = ip6_line,
};

#define EXT_BINDS(name, number)                                                                    \
    static const struct sok_bind name[] = {{&sok_proto_ip6, SOK_AT_ip6_nh, number},                \
        {&sok_proto_ip6_hop, SOK_AT_ip6_ext_nh, number},                                           \
        {&sok_proto_ip6_routing, SOK_AT_ip6_ext_nh, number},                                       \
        {&sok_proto_ip6_dest, SOK_AT_ip6_ext_nh, number},                                          \
        {&sok_proto_ip6_frag, SOK_AT_ip6_frag_nh, number}};
EXT_BINDS(hop_binds, SOK_IP6_HOP)
EXT_BINDS(routing_binds, SOK_IP6_ROUTING)
EXT_BINDS(dest_binds, SOK_IP6_DEST)
EXT_BINDS(frag_binds, SOK_IP6_FRAG)

static const struct sok_part routing_parts[] = {
    {.name = "addresses", .at = SOK_IP6_EXT_LEN, .get = sok_ip6s_get, .put = sok_ip6s_put}};

#define EXT_PROTO(name_, title_, rows_, len_, parts_, binds_, finish_)                             \
    {                                                                                              \
        .name = name_, .title = title_, .fields = rows_, .field_count = SOK_COUNT_OF(rows_),       \
        .hdr_len = len_, .measure = ext_measure, .parts = parts_,                                  \
        .part_count = SOK_COUNT_OF(parts_), .binds = binds_, .bind_count = SOK_COUNT_OF(binds_),   \
        .finish = finish_, .line = ext_line                                                        \
    }
const struct sok_proto sok_proto_ip6_hop =
    EXT_PROTO("IPv6ExtHdrHopByHop", "IPv6 Hop-by-Hop Options", ip6_ext_rows, SOK_IP6_EXT_HEAD,
        sok_ip6_option_parts, hop_binds, ext_finish);
const struct sok_proto sok_proto_ip6_routing = EXT_PROTO("IPv6ExtHdrRouting", "IPv6 Routing Header",
    ip6_routing_rows, SOK_IP6_EXT_LEN, routing_parts, routing_binds, routing_finish);
const struct sok_proto sok_proto_ip6_dest =
    EXT_PROTO("IPv6ExtHdrDestOpt", "IPv6 Destination Options", ip6_ext_rows, SOK_IP6_EXT_HEAD,
        sok_ip6_option_parts, dest_binds, ext_finish);

const struct sok_proto sok_proto_ip6_frag = {
    .name = "IPv6ExtHdrFragment",
    .title = "IPv6 Fragment Header",
    .fields = ip6_frag_rows,
    .field_count = SOK_COUNT_OF(ip6_frag_rows),
    .hdr_len = SOK_IP6_FRAG_LEN,
    .measure = frag_measure,
    .binds = frag_binds,
    .bind_count = SOK_COUNT_OF(frag_binds),
    .line = frag_line,
};
