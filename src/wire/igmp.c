#include "wire/igmp.h"

#include "wire/csum.h"
#include "wire/ip4.h"
#include "wire/mld.h"
#include "wire/show.h"

const uint8_t sok_ip4_alert[SOK_IP4_ALERT_LEN] = {0x94, 4, 0, 0};

const struct sok_value sok_igmp_types[] = {{SOK_IGMP_QUERY, "query"},
    {SOK_IGMP_REPORT1, "v1 report"}, {SOK_IGMP_REPORT2, "v2 report"}, {SOK_IGMP_LEAVE, "leave"},
    {SOK_IGMP_REPORT3, "v3 report"}, {0, NULL}};
const struct sok_value sok_group_record_types[] = {{SOK_GROUP_IS_INCLUDE, "is_in"},
    {SOK_GROUP_IS_EXCLUDE, "is_ex"}, {SOK_GROUP_TO_INCLUDE, "to_in"},
    {SOK_GROUP_TO_EXCLUDE, "to_ex"}, {SOK_GROUP_ALLOW, "allow"}, {SOK_GROUP_BLOCK, "block"},
    {0, NULL}};
SOK_HEADER_ROWS(igmp, SOK_IGMP_FIELDS)

const char *sok_group_record_text(unsigned rtype)
{
    return sok_value_text(sok_group_record_types, rtype);
}

bool sok_igmp_verify(const uint8_t *p, size_t len)
{
    struct sok_csum c;
    sok_csum_init(&c);
    sok_csum_add(&c, p, len);
    return sok_csum_final(&c) == 0;
}

void sok_igmp_seal(uint8_t *p, size_t len)
{
    struct sok_csum c;
    sok_put16(p + 2, 0);
    sok_csum_init(&c);
    sok_csum_add(&c, p, len);
    sok_put16(p + 2, sok_csum_final(&c));
}

// From 128 on a mantissa of four bits and an exponent of three.
static uint32_t code8(uint8_t code)
{
    return code < 128 ? code : (uint32_t)(16 | (code & 15)) << ((code >> 4 & 7) + 3);
}

uint32_t sok_igmp_delay_ms(uint8_t code)
{
    return 100 * code8(code);
}

uint32_t sok_igmp_interval_s(uint8_t code)
{
    return code8(code);
}

// From 32768 on a mantissa of twelve bits.
uint32_t sok_mld_delay_ms(uint16_t code)
{
    return code < 32768 ? code : (uint32_t)(0x1000 | (code & 0xfff)) << ((code >> 12 & 7) + 3);
}

void sok_igmp_line(const struct sok_show *l)
{
    const struct sok_layer *layer = sok_show_layer(l);
    struct sok_igmp_hdr h;
    sok_show_ends(l, false, 0, 0);
    if (!sok_igmp_get(sok_show_header(l), layer->header + layer->payload, &h)) {
        sok_text_add(l->text, "igmp, length %u", layer->header + layer->payload);
        return;
    }
    const char *name = sok_value_text(sok_igmp_types, h.type);
    sok_text_add(l->text, "igmp %s", name ? name : "type ");
    if (!name)
        sok_text_add_uint(l->text, h.type);
    else if (h.type == SOK_IGMP_REPORT3)
        sok_text_add(l->text, ", %u group record(s)", h.gaddr & 0xffff);
    else if (h.gaddr != 0) {
        sok_text_add_char(l->text, ' ');
        sok_text_add_ip4(l->text, h.gaddr);
    }
    sok_text_add(l->text, ", length %u", layer->header + layer->payload);
}

// Version 3 by what it is and how long (RFC 3376 section 7.1).
static const struct sok_proto *igmp_variant(const uint8_t *p, size_t len)
{
    bool query = len >= SOK_IGMP3_QUERY_LEN && p[0] == SOK_IGMP_QUERY;
    bool report = len >= SOK_IGMP3_REPORT_LEN && p[0] == SOK_IGMP_REPORT3;
    return query || report ? &sok_igmp3_protos[0] : &sok_proto_igmp;
}

static void igmp_finish(const struct sok_finish *f)
{
    if (sok_finish_free(f, SOK_AT_igmp_chksum))
        sok_finish_sum(f, 2);
}

static const struct sok_bind igmp_binds[] = {{&sok_proto_ip4, SOK_AT_ip4_proto, SOK_IPPROTO_IGMP},
    {&sok_proto_ip4, SOK_AT_ip4_ttl | SOK_BIND_WRITE, 1}};

const struct sok_proto sok_proto_igmp = {
    .name = "IGMP",
    .title = "Internet Group Management Protocol",
    .summary = "IGMP: %<src% > %<dst% %type% %gaddr%|IGMP %type% %gaddr%",
    .fields = igmp_rows,
    .field_count = SOK_COUNT_OF(igmp_rows),
    .hdr_len = SOK_IGMP_HDR_LEN,
    .variant = igmp_variant,
    .finish = igmp_finish,
    .binds = igmp_binds,
    .bind_count = SOK_COUNT_OF(igmp_binds),
    .line = sok_igmp_line,
};
