#include "wire/eth.h"

#include "wire/show.h"

#define LENGTH_MAX 1500 // in place of a type: IEEE 802.3 length, LLC follows

static const struct sok_value eth_types[] = {{0x0800, "IPv4"}, {0x0806, "ARP"}, {0x8100, "VLAN"},
    {0x86dd, "IPv6"}, {0x88cc, "LLDP"}, {0x9000, "LOOP"}, {0, NULL}};
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

const struct sok_proto sok_proto_eth = {
    .name = "Ether",
    .title = "Ethernet II",
    .summary = "%src% > %dst% (%type%)",
    .fields = eth_rows,
    .field_count = SOK_COUNT_OF(eth_rows),
    .hdr_len = SOK_ETH_HDR_LEN,
    .measure = eth_measure,
    .line = eth_line,
};
