// What the derived fields of several protocols share (field.h: sok_finish).
#include "base/addr.h"
#include "wire/csum.h"
#include "wire/field.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/options.h"

// Numbers of options, in the low five bits of their kind.
#define LSRR   3
#define SSRR   9
#define NUMBER 31

void sok_finish_number(const struct sok_finish *f, unsigned field, size_t before, uint64_t value)
{
    const struct sok_proto *proto = f->layers[f->at].proto;
    const struct sok_field *row = &proto->fields[field];
    if (!sok_finish_free(f, field))
        return;
    if (value > sok_bits_mask(row->bits) && !f->over->row)
        *f->over = (struct sok_over){.proto = proto, .row = row, .value = value};
    sok_field_set(row, sok_finish_header(f) + before, value);
}

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
        if (b->proto == &sok_proto_ip6_routing && b->header >= 24 &&
            (p[3] > 0 || !(b->set >> SOK_AT_ip6_routing_segleft & 1)))
            memcpy(dst->b, p + b->header - 16, 16);
    }
}

// A source route ends at the last address in it (RFC 1122 section 3.2.1.8), where there is one such option.
static void routed_destination(const struct sok_built *net, const uint8_t *p, struct sok_addr *dst)
{
    if (net->header <= SOK_IP4_HDR_LEN)
        return;
    struct sok_options options = sok_options(p + SOK_IP4_HDR_LEN, net->header - SOK_IP4_HDR_LEN);
    struct sok_option opt;
    unsigned found = 0;
    uint32_t last = 0;
    while (sok_option_next(&options, &opt)) {
        unsigned number = opt.kind & NUMBER;
        if (number != LSRR && number != SSRR)
            continue;
        last = opt.len >= 5 ? sok_get32(opt.data + opt.len - 4) : 0;
        found++;
    }
    if (found == 1 && last)
        *dst = sok_addr_v4(last);
}

// What the pseudo header says of the length: a total length that somebody gave counts, a wrong one too.
static size_t pseudo_len(const struct sok_finish *f, const struct sok_built *net)
{
    const uint8_t *p = f->packet + net->off;
    if (net->proto != &sok_proto_ip4 || !(net->set >> SOK_AT_ip4_len & 1))
        return sok_finish_len(f);
    size_t header = net->set >> SOK_AT_ip4_ihl & 1 ? 4u * (p[0] & 15) : net->header;
    return sok_get16(p + 2) > header ? sok_get16(p + 2) - header : 0;
}

bool sok_finish_checksum(const struct sok_finish *f, uint8_t proto, size_t at)
{
    const struct sok_built *net = net_below(f);
    if (!net)
        return false;
    const uint8_t *p = f->packet + net->off;
    size_t len = sok_finish_len(f);
    struct sok_addr src, dst;
    if (net->proto == &sok_proto_ip4) {
        src = sok_addr_v4(sok_get32(p + 12));
        dst = sok_addr_v4(sok_get32(p + 16));
        routed_destination(net, p, &dst);
    } else {
        memcpy(src.b, p + 8, 16);
        memcpy(dst.b, p + 24, 16);
        final_destination(f, net, &dst);
    }
    struct sok_csum sum;
    sok_put16(sok_finish_header(f) + at, 0);
    sok_csum_init(&sum);
    sok_csum_add_pseudo(&sum, &src, &dst, proto, (uint32_t)pseudo_len(f, net));
    sok_csum_add(&sum, sok_finish_header(f), len);
    sok_put16(sok_finish_header(f) + at, sok_csum_final(&sum));
    return true;
}

void sok_finish_sum(const struct sok_finish *f, size_t at)
{
    struct sok_csum sum;
    sok_put16(sok_finish_header(f) + at, 0);
    sok_csum_init(&sum);
    sok_csum_add(&sum, sok_finish_header(f), sok_finish_len(f));
    sok_put16(sok_finish_header(f) + at, sok_csum_final(&sum));
}
