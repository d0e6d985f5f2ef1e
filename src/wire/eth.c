#include "wire/eth.h"

#include "wire/gre.h"
#include "wire/llc.h"
#include "wire/mpls.h"
#include "wire/show.h"

#define LENGTH_MAX 1500 // in place of a type: IEEE 802.3 length, LLC follows

const struct sok_value sok_ethertypes[] = {{0x0800, "IPv4"}, {0x0806, "ARP"}, {0x6558, "TEB"},
    {0x8100, "VLAN"}, {0x86dd, "IPv6"}, {0x8847, "MPLS"}, {0x8848, "MPLS_MULTI"},
    {0x8863, "PPP_DISC"}, {0x8864, "PPP_SES"}, {0x8870, "LLC"}, {0x88cc, "LLDP"}, {0x9000, "LOOP"},
    {0, NULL}};
SOK_HEADER_ROWS(eth, SOK_ETH_FIELDS)

static void eth_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    uint16_t type = sok_get16(p + 12);
    (void)len;
    if (type > LENGTH_MAX)
        return;
    out->opaque = true;
    out->cut = type > out->payload;
    if (type < out->payload)
        out->payload = type;
}

// A length where the type is: another header, of the same size.
static const struct sok_proto *eth_variant(const uint8_t *p, size_t len)
{
    bool dot3 = len >= SOK_ETH_HDR_LEN && sok_get16(p + 12) <= LENGTH_MAX;
    return dot3 ? &sok_proto_dot3 : &sok_proto_eth;
}

static void eth_line(const struct sok_show *l)
{
    if (sok_show_next(l))
        return;
    struct sok_eth_hdr h;
    sok_eth_hdr_get(sok_show_header(l), &h);
    sok_text_add_mac(l->text, h.src);
    sok_text_add_str(l->text, " > ");
    sok_text_add_mac(l->text, h.dst);
    sok_text_add(l->text, ", ethertype 0x%04x, length %u", h.type, sok_show_layer(l)->payload);
}

static const struct sok_bind eth_binds[] = {
    {&sok_proto_gre, SOK_AT_gre_proto, SOK_ETHERTYPE_BRIDGED},
    {&sok_proto_eomcw, SOK_AT_eomcw_zero | SOK_BIND_WRITE, 0},
};

static const uint16_t eth_links[] = {1};

const struct sok_proto sok_proto_eth = {
    .name = "Ether",
    .title = "Ethernet II",
    .summary = "%src% > %dst% (%type%)",
    .fields = eth_rows,
    .field_count = SOK_COUNT_OF(eth_rows),
    .hdr_len = SOK_ETH_HDR_LEN,
    .measure = eth_measure,
    .variant = eth_variant,
    .binds = eth_binds,
    .bind_count = SOK_COUNT_OF(eth_binds),
    .line = eth_line,
    .linktypes = eth_links,
    .linktype_count = SOK_COUNT_OF(eth_links),
};
