#include "wire/vxlan.h"

#include "wire/carrier.h"
#include "wire/udp.h"

#define EXTENSION 0x04 // flags: another protocol than Ethernet may come
#define POLICY    0x80 // a group's number is there

static const struct sok_value vxlan_flags[] = {{0, "OAM"}, {1, "R"}, {2, "NextProtocol"},
    {3, "Instance"}, {4, "V1"}, {5, "V2"}, {6, "R"}, {7, "G"}, {0, NULL}};
static const struct sok_value vxlan_protos[] = {
    {0, "NotDefined"}, {1, "IPv4"}, {2, "IPv6"}, {3, "Ethernet"}, {4, "NSH"}, {0, NULL}};
static const struct sok_value policy_flags[] = {{3, "A"}, {6, "D"}, {0, NULL}};

#define EXTENSION_FIELDS(N, B, P)                                                                  \
    N(P, flags, 8, FLAGS, SET, 8, vxlan_flags)                                                     \
    N(P, reserved0, 16, DEC, SET, 0, NULL)                                                         \
    N(P, NextProtocol, 8, NAME, SET, 0, vxlan_protos)                                              \
    N(P, vni, 24, HEX, SET, 0, NULL)                                                               \
    N(P, reserved2, 8, HEX, SET, 0, NULL)
#define POLICY_FIELDS(N, B, P)                                                                     \
    N(P, flags, 8, FLAGS, SET, 8, vxlan_flags)                                                     \
    N(P, gpflags, 8, FLAGS, SET, 0, policy_flags)                                                  \
    N(P, gpid, 16, DEC, SET, 0, NULL)                                                              \
    N(P, vni, 24, HEX, SET, 0, NULL)                                                               \
    N(P, reserved2, 8, HEX, SET, 0, NULL)
SOK_HEADER_STRUCT(vxlan_gpe, EXTENSION_FIELDS, SOK_VXLAN_HDR_LEN)
SOK_HEADER_STRUCT(vxlan_gbp, POLICY_FIELDS, SOK_VXLAN_HDR_LEN)
SOK_HEADER_ROWS(vxlan, SOK_VXLAN_FIELDS)
SOK_HEADER_ROWS(vxlan_gpe, EXTENSION_FIELDS)
SOK_HEADER_ROWS(vxlan_gbp, POLICY_FIELDS)

// Both flags at once contradict each other: the same bits would say two things.
static const struct sok_field *vxlan_view(const uint8_t *p, size_t len, unsigned *count)
{
    (void)len;
    *count = SOK_COUNT_OF(vxlan_gpe_rows);
    if (p[0] & EXTENSION)
        return vxlan_gpe_rows;
    *count = p[0] & POLICY ? SOK_COUNT_OF(vxlan_gbp_rows) : SOK_COUNT_OF(vxlan_rows);
    return p[0] & POLICY ? vxlan_gbp_rows : vxlan_rows;
}

static const struct sok_proto *vxlan_next(const uint8_t *p, size_t header, size_t len)
{
    (void)header;
    (void)len;
    switch (p[0] & EXTENSION ? p[3] : 3) {
    case 0:
    case 3:
        return &sok_proto_eth;
    case 1:
        return &sok_proto_ip4;
    case 2:
        return &sok_proto_ip6;
    default:
        return NULL;
    }
}

static const struct sok_bind vxlan_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_dport, SOK_PORT_VXLAN},
    {&sok_proto_udp, SOK_AT_udp_sport, SOK_PORT_VXLAN},
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_READ, SOK_PORT_VXLAN_LINUX},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_READ, SOK_PORT_VXLAN_LINUX},
};

const struct sok_proto sok_proto_vxlan = {
    .name = "VXLAN",
    .title = "Virtual eXtensible Local Area Network",
    .summary = "VXLAN (vni=%vni% gpid=%#gpid%)|VXLAN (vni=%vni%)",
    .fields = vxlan_rows,
    .field_count = SOK_COUNT_OF(vxlan_rows),
    .hdr_len = SOK_VXLAN_HDR_LEN,
    .view = vxlan_view,
    .next = vxlan_next,
    .binds = vxlan_binds,
    .bind_count = SOK_COUNT_OF(vxlan_binds),
};
