#include "wire/arp.h"
#include "wire/carrier.h"

#include "wire/eth.h"
#include "wire/show.h"
#include "wire/vlan.h"

#define HWTYPE_ETHERNET 1

static const struct sok_value arp_ops[] = {{SOK_ARP_REQUEST, "who-has"}, {SOK_ARP_REPLY, "is-at"},
    {3, "RARP-req"}, {4, "RARP-rep"}, {0, NULL}};
SOK_HEADER_ROWS(arp, SOK_ARP_FIELDS)

enum sok_drop sok_arp_check(const struct sok_arp_hdr *h)
{
    bool ok = h->hwtype == HWTYPE_ETHERNET && h->ptype == SOK_ETHERTYPE_IP4 && h->hwlen == 6 &&
              h->plen == 4 && (h->op == SOK_ARP_REQUEST || h->op == SOK_ARP_REPLY);
    return ok ? SOK_DROP_NONE : SOK_DROP_ARP_MALFORMED;
}

static void arp_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    (void)len;
    out->payload = 0; // what follows is padding
    out->malformed = sok_get16(p) == HWTYPE_ETHERNET && (p[4] != 6 || p[5] != 4);
}

static void arp_line(const struct sok_show *l)
{
    struct sok_arp_hdr h;
    sok_arp_hdr_get(sok_show_header(l), &h);
    if (sok_arp_check(&h) != SOK_DROP_NONE) {
        sok_text_add(l->text, "ARP, op %u, hardware %u/%u, protocol 0x%04x/%u", h.op, h.hwtype,
            h.hwlen, h.ptype, h.plen);
        return;
    }
    if (h.op == SOK_ARP_REQUEST) {
        sok_text_add_str(l->text, "ARP, Request who-has ");
        sok_text_add_ip4(l->text, h.pdst);
        sok_text_add_str(l->text, " tell ");
        sok_text_add_ip4(l->text, h.psrc);
    } else {
        sok_text_add_str(l->text, "ARP, Reply ");
        sok_text_add_ip4(l->text, h.psrc);
        sok_text_add_str(l->text, " is-at ");
        sok_text_add_mac(l->text, h.hwsrc);
    }
    sok_text_add(l->text, ", length %u", SOK_ARP_HDR_LEN);
}

static const struct sok_bind arp_binds[] = {
    SOK_BINDS_ETHERTYPE(SOK_ETHERTYPE_ARP),
};

const struct sok_proto sok_proto_arp = {
    .name = "ARP",
    .title = "Address Resolution Protocol",
    .summary = "%op=1%ARP who has %pdst% says %psrc%|%op=2%ARP is at %hwsrc% says %psrc%|"
               "ARP %op% %psrc% > %pdst%",
    .fields = arp_rows,
    .field_count = SOK_COUNT_OF(arp_rows),
    .hdr_len = SOK_ARP_HDR_LEN,
    .measure = arp_measure,
    .binds = arp_binds,
    .bind_count = SOK_COUNT_OF(arp_binds),
    .line = arp_line,
};
