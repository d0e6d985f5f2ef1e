#include "wire/raw.h"

static const struct sok_part load_parts[] = {{.name = "load"}};

static void all_header(const uint8_t *p, size_t len, struct sok_extent *out)
{
    (void)p;
    out->header = len;
    out->payload = 0;
}

const struct sok_proto sok_proto_raw = {
    .name = "Raw",
    .title = "Bytes",
    .measure = all_header,
    .parts = load_parts,
    .part_count = SOK_COUNT_OF(load_parts),
};

const struct sok_proto sok_proto_padding = {
    .name = "Padding",
    .title = "Bytes behind the packet",
    .measure = all_header,
    .parts = load_parts,
    .part_count = SOK_COUNT_OF(load_parts),
};
