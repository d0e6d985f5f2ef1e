#include "wire/udp.h"
#include "wire/carrier.h"

#include "wire/csum.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/services.h"
#include "wire/show.h"

SOK_HEADER_ROWS(udp, SOK_UDP_FIELDS)

enum sok_drop sok_udp_check(const struct sok_udp_hdr *h, size_t there)
{
    return h->len < SOK_UDP_HDR_LEN || h->len > there ? SOK_DROP_UDP_LENGTH : SOK_DROP_NONE;
}

bool sok_udp_verify(
    const uint8_t *p, size_t len, const struct sok_addr *src, const struct sok_addr *dst)
{
    if (sok_get16(p + SOK_UDP_CSUM_OFFSET) == 0)
        return sok_addr_is_v4(*src) && sok_addr_is_v4(*dst);
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add_pseudo(&sum, src, dst, SOK_IPPROTO_UDP, (uint32_t)len);
    sok_csum_add(&sum, p, len);
    return sok_csum_final(&sum) == 0;
}

static void udp_measure(const uint8_t *p, size_t len, struct sok_extent *out)
{
    size_t said = sok_get16(p + 4);
    out->malformed = said < SOK_UDP_HDR_LEN;
    out->cut = said > len;
    if (!out->malformed && said < len)
        out->payload = said - SOK_UDP_HDR_LEN;
}

static void udp_line(const struct sok_show *l)
{
    struct sok_udp_hdr h;
    sok_udp_hdr_get(sok_show_header(l), &h);
    sok_show_ends(l, true, h.sport, h.dport);
    if (h.len < SOK_UDP_HDR_LEN)
        sok_text_add(l->text, "UDP, malformed, length field %u", h.len);
    else if (!sok_show_next(l))
        sok_text_add(l->text, "UDP, length %u", h.len - SOK_UDP_HDR_LEN);
}

static void udp_finish(const struct sok_finish *f)
{
    uint8_t *p = sok_finish_header(f);
    sok_finish_number(f, SOK_AT_udp_len, 0, sok_finish_len(f));
    if (!sok_finish_free(f, SOK_AT_udp_chksum))
        return;
    bool summed = sok_finish_checksum(f, SOK_IPPROTO_UDP, SOK_UDP_CSUM_OFFSET);
    if (summed && sok_get16(p + SOK_UDP_CSUM_OFFSET) == 0)
        sok_put16(p + SOK_UDP_CSUM_OFFSET, 0xffff); // 0 says that there is none
}

static const struct sok_bind udp_binds[] = {SOK_BINDS_IPPROTO(SOK_IPPROTO_UDP)};

const struct sok_proto sok_proto_udp = {
    .name = "UDP",
    .title = "User Datagram Protocol",
    .summary = "UDP %<src%:%sport% > %<dst%:%dport%|UDP %sport% > %dport%",
    .quoted = "UDPerror",
    .fields = udp_rows,
    .field_count = SOK_COUNT_OF(udp_rows),
    .hdr_len = SOK_UDP_HDR_LEN,
    .measure = udp_measure,
    .binds = udp_binds,
    .bind_count = SOK_COUNT_OF(udp_binds),
    .finish = udp_finish,
    .line = udp_line,
};
