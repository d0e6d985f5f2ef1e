#include "wire/mpls.h"

#include "wire/carrier.h"
#include "wire/udp.h"

#define LABEL_IP4 0 // labels that say what comes next (RFC 3032 section 2.1)
#define LABEL_IP6 2

SOK_HEADER_ROWS(mpls, SOK_MPLS_FIELDS)
SOK_HEADER_ROWS(eomcw, SOK_EOMCW_FIELDS)

// A label says nothing of what it stands before: behind the last, the payload's first bits do.
static const struct sok_proto *mpls_next(const uint8_t *p, size_t header, size_t len)
{
    if (!(p[2] & 1))
        return &sok_proto_mpls;
    if (len == header)
        return NULL;
    switch (p[header] >> 4) {
    case 4:
        return &sok_proto_ip4;
    case 6:
        return &sok_proto_ip6;
    case 0:
        return len >= header + 2 && sok_get16(p + header) == 0 ? &sok_proto_eomcw : &sok_proto_eth;
    default:
        return &sok_proto_eth;
    }
}

// The bit says that this is the last label: without it another belongs here.
static void mpls_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    out->cut = !(p[2] & 1) && len == SOK_MPLS_HDR_LEN;
}

static const struct sok_proto *eomcw_next(const uint8_t *p, size_t header, size_t len)
{
    (void)p;
    (void)header;
    (void)len;
    return &sok_proto_eth;
}

static const struct sok_bind mpls_binds[] = {
    {&sok_proto_eth, SOK_AT_eth_type, SOK_ETHERTYPE_MPLS},
    {&sok_proto_vlan, SOK_AT_vlan_type, SOK_ETHERTYPE_MPLS},
    {&sok_proto_sll, SOK_AT_sll_proto, SOK_ETHERTYPE_MPLS},
    {&sok_proto_sll2, SOK_AT_sll2_proto, SOK_ETHERTYPE_MPLS},
    {&sok_proto_gre, SOK_AT_gre_proto, SOK_ETHERTYPE_MPLS},
    {&sok_proto_mpls, SOK_AT_mpls_s | SOK_BIND_WRITE, 0},
    {&sok_proto_ip4, SOK_AT_ip4_proto, SOK_IPPROTO_MPLS},
    {&sok_proto_ip6, SOK_AT_ip6_nh, SOK_IPPROTO_MPLS},
    {&sok_proto_udp, SOK_AT_udp_dport, SOK_PORT_MPLS},
};

const struct sok_proto sok_proto_mpls = {
    .name = "MPLS",
    .title = "Multiprotocol Label Switching",
    .fields = mpls_rows,
    .field_count = SOK_COUNT_OF(mpls_rows),
    .hdr_len = SOK_MPLS_HDR_LEN,
    .measure = mpls_measure,
    .next = mpls_next,
    .binds = mpls_binds,
    .bind_count = SOK_COUNT_OF(mpls_binds),
};

const struct sok_proto sok_proto_eomcw = {
    .name = "EoMCW",
    .title = "Ethernet over MPLS control word",
    .fields = eomcw_rows,
    .field_count = SOK_COUNT_OF(eomcw_rows),
    .hdr_len = SOK_EOMCW_HDR_LEN,
    .next = eomcw_next,
};
