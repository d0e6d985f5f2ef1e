#include "wire/registry.h"

#include "base/str.h"
#include "wire/arp.h"
#include "wire/dhcp.h"
#include "wire/dhcp6.h"
#include "wire/dns.h"
#include "wire/eth.h"
#include "wire/gre.h"
#include "wire/http.h"
#include "wire/icmp.h"
#include "wire/icmp6.h"
#include "wire/igmp.h"
#include "wire/ip4.h"
#include "wire/ip4_options.h"
#include "wire/ip6.h"
#include "wire/llc.h"
#include "wire/mpls.h"
#include "wire/ntp.h"
#include "wire/ppp.h"
#include "wire/raw.h"
#include "wire/rip.h"
#include "wire/sll.h"
#include "wire/tcp.h"
#include "wire/tls.h"
#include "wire/udp.h"
#include "wire/vlan.h"
#include "wire/vxlan.h"

static const struct sok_proto *const protos[] = {
    &sok_proto_eth,
    &sok_proto_vlan,
    &sok_proto_arp,
    &sok_proto_ip4,
    &sok_proto_ip6,
    &sok_proto_ip6_hop,
    &sok_proto_ip6_routing,
    &sok_proto_ip6_dest,
    &sok_proto_ip6_frag,
    &sok_proto_icmp,
    &sok_proto_icmp6,
    &sok_proto_igmp,
    &sok_proto_udp,
    &sok_proto_tcp,
    &sok_proto_dot3,
    &sok_proto_llc,
    &sok_proto_snap,
    &sok_proto_stp,
    &sok_proto_sll,
    &sok_proto_sll2,
    &sok_proto_loopback,
    &sok_proto_gre,
    &sok_proto_mpls,
    &sok_proto_eomcw,
    &sok_proto_vxlan,
    &sok_proto_pppoe,
    &sok_proto_pppoed,
    &sok_proto_ppp,
    &sok_proto_hdlc,
    &sok_proto_bootp,
    &sok_proto_dhcp,
    &sok_proto_dhcp6,
    &sok_proto_ntp,
    &sok_proto_rip,
    &sok_proto_rip_entry,
    &sok_proto_dns,
    &sok_proto_dns_tcp,
    &sok_proto_http,
    &sok_proto_tls,
    &sok_proto_tls_hello,
    &sok_proto_raw,
    &sok_proto_padding,
};

// Headers that others lead to, not binds.
static const struct {
    const struct sok_proto *protos;
    unsigned count;
} families[] = {
    {sok_ip4_option_protos, SOK_IP4_OPTION_PROTOS},
    {sok_ip6_option_protos, SOK_IP6_OPTION_PROTOS},
    {sok_icmp6_protos, SOK_ICMP6_PROTOS},
    {sok_nd_option_protos, SOK_ND_OPTION_PROTOS},
    {&sok_proto_mld2_record, 1},
    {sok_igmp3_protos, SOK_IGMP3_PROTOS},
    {sok_dns_record_protos, SOK_DNS_RECORD_PROTOS},
    {sok_http_protos, SOK_HTTP_PROTOS},
    {sok_dhcp6_protos, SOK_DHCP6_PROTOS},
    {sok_pppoe_protos, SOK_PPPOE_PROTOS},
};

const struct sok_proto *sok_proto_at(unsigned i)
{
    if (i < SOK_COUNT_OF(protos))
        return protos[i];
    i -= (unsigned)SOK_COUNT_OF(protos);
    for (unsigned k = 0; k < SOK_COUNT_OF(families); i -= families[k++].count) {
        if (i < families[k].count)
            return &families[k].protos[i];
    }
    return NULL;
}

const struct sok_proto *sok_proto_find(const char *name)
{
    const struct sok_proto *proto;
    for (unsigned i = 0; (proto = sok_proto_at(i)) != NULL; i++) {
        if (sok_str_eq(proto->name, name))
            return proto;
    }
    return NULL;
}

const struct sok_proto *sok_proto_of_linktype(uint16_t linktype)
{
    for (unsigned i = 0; i < SOK_COUNT_OF(protos); i++) {
        for (unsigned k = 0; k < protos[i]->linktype_count; k++) {
            if (protos[i]->linktypes[k] == linktype)
                return protos[i];
        }
    }
    return NULL;
}

static bool bind_holds(const struct sok_bind *b, const uint8_t *p, size_t len)
{
    const struct sok_field *f = &b->under->fields[sok_bind_field(b)];
    return !(b->field & SOK_BIND_WRITE) && sok_field_end(f) <= len &&
           sok_field_get(f, p) == b->value;
}

static const struct sok_proto *next_by_binds(
    const struct sok_proto *proto, const uint8_t *p, size_t len)
{
    for (unsigned i = 0; i < SOK_COUNT_OF(protos); i++) {
        for (unsigned k = 0; k < protos[i]->bind_count; k++) {
            const struct sok_bind *b = &protos[i]->binds[k];
            if (b->under == proto && bind_holds(b, p, len))
                return protos[i];
        }
    }
    return NULL;
}

const struct sok_proto *sok_proto_next(
    const struct sok_proto *proto, const uint8_t *p, size_t header, size_t len)
{
    const struct sok_proto *next = proto->next ? proto->next(p, header, len) : NULL;
    if (!next)
        next = next_by_binds(proto, p, header);
    return next && next->variant ? next->variant(p + header, len - header) : next;
}

const struct sok_proto *sok_proto_first(const struct sok_proto *proto, const uint8_t *p, size_t len)
{
    const struct sok_proto *found = proto && proto->variant ? proto->variant(p, len) : NULL;
    return found ? found : proto;
}

bool sok_layer_measure(
    const struct sok_proto *proto, const uint8_t *p, size_t len, struct sok_layer *layer)
{
    *layer = (struct sok_layer){.proto = proto};
    if (len < proto->hdr_len) {
        layer->truncated = true;
        layer->header = (uint32_t)len;
        return false;
    }
    struct sok_extent e = {.header = proto->hdr_len, .payload = len - proto->hdr_len};
    if (proto->measure) {
        proto->measure(p, len, &e);
    } else if (proto->part_count && proto->parts[0].sized != SOK_PART_MEASURED) {
        e.cut = !sok_parts_measure(proto, p, len, &e.header);
        e.payload = len - e.header;
    }
    layer->header = (uint32_t)(e.header < len ? e.header : len);
    layer->payload = (uint32_t)(e.payload < len - layer->header ? e.payload : len - layer->header);
    layer->malformed = e.malformed;
    layer->cut = e.cut;
    layer->opaque = e.opaque;
    return !e.malformed && !e.opaque && layer->payload;
}

const struct sok_proto *sok_layer_read(
    const struct sok_proto *proto, const uint8_t *p, size_t len, struct sok_layer *layer)
{
    if (!sok_layer_measure(proto, p, len, layer))
        return NULL;
    return sok_proto_next(proto, p, layer->header, layer->header + layer->payload);
}

unsigned sok_dissect(const struct sok_proto *first, const uint8_t *frame, size_t len,
    struct sok_layer layers[SOK_LAYERS_MAX])
{
    const struct sok_proto *proto = sok_proto_first(first, frame, len);
    unsigned count = 0;
    size_t off = 0;
    while (count < SOK_LAYERS_MAX && (len > 0 || count == 0)) {
        struct sok_layer *layer = &layers[count++];
        if (!proto || count == SOK_LAYERS_MAX) {
            *layer = (struct sok_layer){.off = (uint32_t)off, .header = (uint32_t)len};
            break;
        }
        proto = sok_layer_read(proto, frame + off, len, layer);
        layer->off = (uint32_t)off;
        off += layer->header;
        len = layer->payload;
    }
    return count;
}
