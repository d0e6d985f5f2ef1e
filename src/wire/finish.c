// What the derived fields of several protocols share (field.h: sok_finish).
#include "base/addr.h"
#include "wire/csum.h"
#include "wire/field.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

// The nearest layer below that has addresses; NULL: none.
static const struct sok_built *net_below(const struct sok_finish *f)
{
    for (unsigned i = f->at; i-- > 0;) {
        if (f->layers[i].proto == &sok_proto_ip4 || f->layers[i].proto == &sok_proto_ip6)
            return &f->layers[i];
    }
    return NULL;
}

// A routing header between says where the packet ends (RFC 8200 section 8.1), while segments are left.
static void final_destination(
    const struct sok_finish *f, const struct sok_built *net, struct sok_addr *dst)
{
    for (const struct sok_built *b = net + 1; b < &f->layers[f->at]; b++) {
        const uint8_t *p = f->packet + b->off;
        if (b->proto == &sok_proto_ip6_routing && b->header >= 24 && p[3] > 0)
            memcpy(dst->b, p + b->header - 16, 16);
    }
}

void sok_finish_checksum(const struct sok_finish *f, uint8_t proto, size_t at)
{
    const struct sok_built *net = net_below(f);
    if (!net)
        return;
    const uint8_t *p = f->packet + net->off;
    size_t len = sok_finish_len(f);
    struct sok_addr src, dst;
    if (net->proto == &sok_proto_ip4) {
        src = sok_addr_v4(sok_get32(p + 12));
        dst = sok_addr_v4(sok_get32(p + 16));
    } else {
        memcpy(src.b, p + 8, 16);
        memcpy(dst.b, p + 24, 16);
        final_destination(f, net, &dst);
    }
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add_pseudo(&sum, &src, &dst, proto, (uint32_t)len);
    sok_csum_add(&sum, sok_finish_header(f), len);
    sok_put16(sok_finish_header(f) + at, sok_csum_final(&sum));
}
