#include "wire/vlan.h"
#include "wire/carrier.h"

#include "wire/show.h"

SOK_HEADER_ROWS(vlan, SOK_VLAN_FIELDS)

static void vlan_line(const struct sok_show *l)
{
    if (sok_show_next(l))
        return;
    struct sok_vlan_hdr h;
    sok_vlan_hdr_get(sok_show_header(l), &h);
    sok_text_add(l->text, "vlan %u, ethertype 0x%04x, length %u", h.vlan, h.type,
        sok_show_layer(l)->payload);
}

static const struct sok_bind vlan_binds[] = {
    SOK_BINDS_ETHERTYPE(SOK_ETHERTYPE_VLAN),
};

const struct sok_proto sok_proto_vlan = {
    .name = "Dot1Q",
    .title = "802.1Q VLAN",
    .summary = "802.1q %<src% > %<dst% (%type%) vlan %vlan%|802.1q (%type%) vlan %vlan%",
    .fields = vlan_rows,
    .field_count = SOK_COUNT_OF(vlan_rows),
    .hdr_len = SOK_VLAN_HDR_LEN,
    .binds = vlan_binds,
    .bind_count = SOK_COUNT_OF(vlan_binds),
    .line = vlan_line,
};
