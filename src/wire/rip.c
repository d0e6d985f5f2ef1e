#include "wire/rip.h"

#include "wire/udp.h"

#define FAMILY_AUTH 0xffff // no route: a password or a digest

static const struct sok_value rip_commands[] = {{1, "req"}, {2, "resp"}, {3, "traceOn"},
    {4, "traceOff"}, {5, "sun"}, {6, "trigReq"}, {7, "trigResp"}, {8, "trigAck"}, {9, "updateReq"},
    {10, "updateResp"}, {11, "updateAck"}, {0, NULL}};
static const struct sok_value rip_families[] = {{2, "IP"}, {0, NULL}};
static const struct sok_value rip_metrics[] = {{16, "Unreach"}, {0, NULL}};
SOK_HEADER_ROWS(rip, SOK_RIP_FIELDS)
SOK_HEADER_ROWS(rip_entry, SOK_RIP_ENTRY_FIELDS)

static const struct sok_proto *route_next(const uint8_t *p, size_t header, size_t len)
{
    bool auth = len >= header + 2 && sok_get16(p + header) == FAMILY_AUTH;
    return auth ? NULL : &sok_proto_rip_entry;
}

static const struct sok_bind rip_binds[] = {
    {&sok_proto_udp, SOK_AT_udp_dport, SOK_PORT_RIP},
    {&sok_proto_udp, SOK_AT_udp_sport, SOK_PORT_RIP},
};

const struct sok_proto sok_proto_rip = {
    .name = "RIP",
    .title = "Routing Information Protocol",
    .fields = rip_rows,
    .field_count = SOK_COUNT_OF(rip_rows),
    .hdr_len = SOK_RIP_HDR_LEN,
    .next = route_next,
    .binds = rip_binds,
    .bind_count = SOK_COUNT_OF(rip_binds),
};

const struct sok_proto sok_proto_rip_entry = {
    .name = "RIPEntry",
    .title = "RIP Route",
    .fields = rip_entry_rows,
    .field_count = SOK_COUNT_OF(rip_entry_rows),
    .hdr_len = SOK_RIP_ENTRY_LEN,
    .next = route_next,
};
