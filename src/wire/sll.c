#include "wire/sll.h"

#include "wire/ip4.h"
#include "wire/ip6.h"

static const struct sok_value sll_types[] = {{0, "unicast"}, {1, "broadcast"}, {2, "multicast"},
    {3, "unicast-to-another-host"}, {4, "sent-by-us"}, {0, NULL}};
// Each system has its own number for IPv6: Linux, BSD, FreeBSD, Darwin.
static const struct sok_value families[] = {
    {2, "IPv4"}, {10, "IPv6"}, {24, "IPv6"}, {28, "IPv6"}, {30, "IPv6"}, {0, NULL}};
SOK_HEADER_ROWS(sll, SOK_SLL_FIELDS)
SOK_HEADER_ROWS(sll2, SOK_SLL2_FIELDS)
SOK_HEADER_ROWS(loopback, SOK_LOOPBACK_FIELDS)

// Captured where the highest byte comes first.
#define SWAPPED_FIELDS(N, B, P)                                                                    \
    N(P, reserved, 24, DEC, SET, 0, NULL)                                                          \
    N(P, type, 8, NAME, DERIVED, 2, families)
SOK_HEADER_STRUCT(loopback_swapped, SWAPPED_FIELDS, SOK_LOOPBACK_HDR_LEN)
SOK_HEADER_ROWS(loopback_swapped, SWAPPED_FIELDS)

static bool is_swapped(const uint8_t *p)
{
    return p[0] == 0 && p[3] != 0;
}

static const struct sok_field *loopback_view(const uint8_t *p, size_t len, unsigned *count)
{
    *count = SOK_COUNT_OF(loopback_rows);
    return len >= SOK_LOOPBACK_HDR_LEN && is_swapped(p) ? loopback_swapped_rows : loopback_rows;
}

static const struct sok_proto *loopback_next(const uint8_t *p, size_t header, size_t len)
{
    (void)header;
    (void)len;
    switch (is_swapped(p) ? p[3] : p[0]) {
    case 2:
        return &sok_proto_ip4;
    case 10:
    case 24:
    case 28:
    case 30:
        return &sok_proto_ip6;
    default:
        return NULL;
    }
}

static const uint16_t sll_links[] = {113};

const struct sok_proto sok_proto_sll = {
    .name = "CookedLinux",
    .title = "Linux cooked capture",
    .fields = sll_rows,
    .field_count = SOK_COUNT_OF(sll_rows),
    .hdr_len = SOK_SLL_HDR_LEN,
    .linktypes = sll_links,
    .linktype_count = SOK_COUNT_OF(sll_links),
};

static const uint16_t sll2_links[] = {276};

const struct sok_proto sok_proto_sll2 = {
    .name = "CookedLinuxV2",
    .title = "Linux cooked capture, version 2",
    .fields = sll2_rows,
    .field_count = SOK_COUNT_OF(sll2_rows),
    .hdr_len = SOK_SLL2_HDR_LEN,
    .linktypes = sll2_links,
    .linktype_count = SOK_COUNT_OF(sll2_links),
};

static const uint16_t loopback_links[] = {0, 108};

const struct sok_proto sok_proto_loopback = {
    .name = "Loopback",
    .title = "BSD loopback",
    .fields = loopback_rows,
    .field_count = SOK_COUNT_OF(loopback_rows),
    .hdr_len = SOK_LOOPBACK_HDR_LEN,
    .view = loopback_view,
    .next = loopback_next,
    .linktypes = loopback_links,
    .linktype_count = SOK_COUNT_OF(loopback_links),
};
