#include "wire/dhcp6.h"

#include "wire/udp.h"

const struct sok_value sok_dhcp6_types[] = {{1, "solicit"}, {2, "advertise"}, {3, "request"},
    {4, "confirm"}, {5, "renew"}, {6, "rebind"}, {7, "reply"}, {8, "release"}, {9, "decline"},
    {10, "reconfigure"}, {11, "information-request"}, {12, "relay-forward"}, {13, "relay-reply"},
    {0, NULL}};
SOK_HEADER_ROWS(dhcp6, SOK_DHCP6_FIELDS)

bool sok_dhcp6_next(struct sok_dhcp6_options *o, struct sok_dhcp6_option *out)
{
    if (o->left == 0)
        return false;
    size_t len = o->left >= SOK_DHCP6_OPT_LEN ? sok_get16(o->at + 2) : SIZE_MAX;
    if (len > o->left - SOK_DHCP6_OPT_LEN || o->left < SOK_DHCP6_OPT_LEN) {
        o->malformed = true;
        return false;
    }
    *out = (struct sok_dhcp6_option){
        .code = sok_get16(o->at), .len = (uint16_t)len, .data = o->at + SOK_DHCP6_OPT_LEN};
    o->at += SOK_DHCP6_OPT_LEN + len;
    o->left -= SOK_DHCP6_OPT_LEN + len;
    return true;
}

size_t sok_dhcp6_put(uint8_t *p, uint16_t code, const void *value, uint16_t len)
{
    sok_put16(p, code);
    sok_put16(p + 2, len);
    memcpy(p + SOK_DHCP6_OPT_LEN, value, len);
    return SOK_DHCP6_OPT_LEN + (size_t)len;
}

static const struct sok_bind dhcp6_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_dport, SOK_DHCP6_SERVER},
    {&sok_proto_udp, SOK_AT_udp_dport | SOK_BIND_READ, SOK_DHCP6_CLIENT},
    {&sok_proto_udp, SOK_AT_udp_sport | SOK_BIND_WRITE, SOK_DHCP6_CLIENT},
};

const struct sok_proto sok_proto_dhcp6 = {
    .name = "DHCP6",
    .title = "Dynamic Host Configuration Protocol for IPv6",
    .fields = dhcp6_rows,
    .field_count = SOK_COUNT_OF(dhcp6_rows),
    .hdr_len = SOK_DHCP6_HDR_LEN,
    .variant = sok_dhcp6_variant,
    .next = sok_dhcp6_option_next,
    .binds = dhcp6_binds,
    .bind_count = SOK_COUNT_OF(dhcp6_binds),
};
