#include "wire/split.h"

#include <string.h>
#include "base/bytes.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"
#include "wire/vlan.h"

#define ETHERTYPE_QINQ 0x88a8
#define IP6_HDR_LEN    40
#define IP4_LEN_OFFSET 2
#define IP4_ID_OFFSET  4
#define IP6_LEN_OFFSET 4
#define IP_PACKET_MAX  65535
#define TCP_DATAOFS_AT 12
#define ONLY_ON_LAST   (SOK_TCP_FIN | SOK_TCP_PSH)
#define ONLY_ON_FIRST  SOK_TCP_CWR

// ---- checksum completion ----

bool sok_frame_csum_inside(const struct sok_frame_meta *meta, uint32_t len)
{
    return (uint32_t)meta->csum_start + meta->csum_offset + 2 <= len;
}

// `sum` covers everything from csum_start on, the pseudo header's sum in its field included.
static void store_csum(
    uint8_t *field, const struct sok_frame_meta *meta, const struct sok_csum *sum)
{
    uint16_t v = sok_csum_final(sum);
    if (v == 0 && meta->csum_offset == SOK_UDP_CSUM_OFFSET)
        v = 0xffff; // 0 would say "no checksum" (RFC 768)
    sok_put16(field, v);
}

void sok_frame_complete(uint8_t *frame, uint32_t len, struct sok_frame_meta *meta)
{
    struct sok_csum sum;
    if (!meta->csum_partial || !sok_frame_csum_inside(meta, len))
        return;
    sok_csum_init(&sum);
    sok_csum_add(&sum, frame + meta->csum_start, len - meta->csum_start);
    store_csum(frame + meta->csum_start + meta->csum_offset, meta, &sum);
    meta->csum_partial = false;
}

uint32_t sok_frame_gather(const struct sok_frame_out *frame, uint8_t *dst, uint32_t room)
{
    uint32_t used = 0;
    for (unsigned i = 0; i < frame->iov_count && used < room; i++) {
        size_t n = frame->iov[i].len < room - used ? frame->iov[i].len : room - used;
        memcpy(dst + used, frame->iov[i].base, n);
        used += (uint32_t)n;
    }
    return used;
}

// One frame, its headers copied so that the checksum can be stored. False: it cannot be done (metadata that
// contradicts the frame, or no gather element left); the frame is then given as it is.
static bool complete(struct sok_split *s, struct sok_frame_out *out)
{
    const struct sok_frame_out *f = s->super;
    const struct sok_frame_meta *meta = &f->meta;
    if (f->iov_count == 0 || !sok_frame_csum_inside(meta, (uint32_t)f->iov[0].len))
        return false;
    size_t copied = f->iov[0].len;
    if (copied > SOK_SPLIT_HDR_MAX)
        copied = (size_t)meta->csum_start + meta->csum_offset + 2;
    size_t rest = f->iov[0].len - copied;
    if (copied > SOK_SPLIT_HDR_MAX || f->iov_count + (rest > 0) > SOK_OUT_IOV_MAX)
        return false;
    memcpy(s->hdr, f->iov[0].base, copied);
    out->iov[0] = (struct sok_iov){s->hdr, copied};
    out->iov_count = 1;
    if (rest > 0)
        out->iov[out->iov_count++] = (struct sok_iov){f->iov[0].base + copied, rest};
    for (unsigned i = 1; i < f->iov_count; i++)
        out->iov[out->iov_count++] = f->iov[i];
    out->len = f->len;
    out->meta = *meta;
    out->meta.csum_partial = false;
    struct sok_csum sum;
    sok_csum_init(&sum);
    sok_csum_add(&sum, s->hdr + meta->csum_start, copied - meta->csum_start);
    for (unsigned i = 1; i < out->iov_count; i++)
        sok_csum_add(&sum, out->iov[i].base, out->iov[i].len);
    store_csum(s->hdr + meta->csum_start + meta->csum_offset, meta, &sum);
    return true;
}

// ---- segmentation ----

// Where the IP header begins: behind Ethernet and at most two VLAN tags, or at once. False: not there.
static bool find_l3(const struct sok_split *s, const uint8_t *p, size_t len, size_t *at)
{
    uint16_t wanted = s->super->meta.gso == SOK_GSO_TCP4 ? SOK_ETHERTYPE_IP4 : SOK_ETHERTYPE_IP6;
    *at = 0;
    if (s->caps & SOK_LINK_IP)
        return true;
    *at = SOK_ETH_HDR_LEN;
    for (unsigned tags = 0; tags < 3 && *at <= len; tags++, *at += SOK_VLAN_HDR_LEN) {
        uint16_t type = sok_get16(p + *at - 2);
        if (type != SOK_ETHERTYPE_VLAN && type != ETHERTYPE_QINQ)
            return type == wanted;
    }
    return false;
}

// The headers of a super-frame lie in iov[0]; finds them. False: this cannot be cut.
static bool find_headers(struct sok_split *s)
{
    const struct sok_frame_out *f = s->super;
    if (f->iov_count == 0 || f->meta.gso_size == 0)
        return false;
    const uint8_t *p = f->iov[0].base;
    size_t len = f->iov[0].len < SOK_SPLIT_HDR_MAX ? f->iov[0].len : SOK_SPLIT_HDR_MAX;
    size_t l3, l4;
    if (!find_l3(s, p, len, &l3))
        return false;
    if (f->meta.gso == SOK_GSO_TCP4) {
        if (l3 + SOK_IP4_HDR_LEN > len || p[l3] >> 4 != 4 || (p[l3] & 15) < 5 ||
            p[l3 + 9] != SOK_IPPROTO_TCP)
            return false;
        l4 = l3 + 4u * (p[l3] & 15);
    } else {
        // Extension headers may stand between; the metadata knows where TCP begins.
        if (l3 + IP6_HDR_LEN > len || p[l3] >> 4 != 6)
            return false;
        l4 = f->meta.csum_partial ? f->meta.csum_start : l3 + IP6_HDR_LEN;
        if (l4 < l3 + IP6_HDR_LEN)
            return false;
    }
    if (l4 + SOK_TCP_HDR_LEN > len)
        return false;
    size_t header = 4u * (p[l4 + TCP_DATAOFS_AT] >> 4);
    if (header < SOK_TCP_HDR_LEN || l4 + header > len || l4 + header > f->len)
        return false;
    s->l3 = (uint16_t)l3;
    s->l4 = (uint16_t)l4;
    s->hdr_len = (uint16_t)(l4 + header);
    return true;
}

// Whether the gather list is as long as it says, and a cut frame fits into an IP packet.
static bool is_sane(const struct sok_split *s)
{
    size_t sum = 0;
    for (unsigned i = 0; i < s->super->iov_count; i++)
        sum += s->super->iov[i].len;
    return sum == s->super->len &&
           s->hdr_len - s->l3 + (size_t)s->super->meta.gso_size <= IP_PACKET_MAX;
}

void sok_split_begin(struct sok_split *s, const struct sok_frame_out *super, uint32_t caps)
{
    s->super = super;
    s->caps = caps & SOK_LINK_TSO ? caps | SOK_LINK_CSUM : caps;
    s->done = false;
    s->at = 0;
    s->cut =
        super->meta.gso != SOK_GSO_NONE && !(caps & SOK_LINK_TSO) && find_headers(s) && is_sane(s);
    if (!s->cut)
        return;
    memcpy(s->hdr, super->iov[0].base, s->hdr_len);
    s->iov = 0;
    s->iov_off = s->hdr_len;
    s->id = sok_get16(s->hdr + s->l3 + IP4_ID_OFFSET);
    s->seq = sok_get32(s->hdr + s->l4 + SOK_TCP_SEQ_OFFSET);
    s->flags = s->hdr[s->l4 + SOK_TCP_FLAGS_OFFSET];
}

// References the next payload bytes; gives how many (fewer than asked for when the gather list is full).
static uint32_t take_payload(struct sok_split *s, uint32_t want, struct sok_frame_out *out)
{
    const struct sok_frame_out *f = s->super;
    uint32_t taken = 0;
    while (taken < want && out->iov_count < SOK_OUT_IOV_MAX) {
        const struct sok_iov *from = &f->iov[s->iov];
        size_t n = from->len - s->iov_off;
        if (n > want - taken)
            n = want - taken;
        if (n > 0)
            out->iov[out->iov_count++] = (struct sok_iov){from->base + s->iov_off, n};
        taken += (uint32_t)n;
        s->iov_off += n;
        if (s->iov_off == from->len) {
            s->iov++;
            s->iov_off = 0;
        }
    }
    return taken;
}

// The IP header of one frame, and the sum of its pseudo header.
static void set_ip(struct sok_split *s, uint32_t tcp_len, struct sok_csum *pseudo)
{
    uint8_t *ip = s->hdr + s->l3;
    struct sok_addr src, dst;
    sok_csum_init(pseudo);
    if (s->super->meta.gso == SOK_GSO_TCP4) {
        sok_put16(ip + IP4_LEN_OFFSET, (uint16_t)((uint32_t)(s->l4 - s->l3) + tcp_len));
        sok_put16(ip + IP4_ID_OFFSET, s->id++);
        sok_ip4_seal(ip, (size_t)(s->l4 - s->l3));
        sok_csum_add_pseudo4(
            pseudo, sok_get32(ip + 12), sok_get32(ip + 16), SOK_IPPROTO_TCP, tcp_len);
    } else {
        sok_put16(
            ip + IP6_LEN_OFFSET, (uint16_t)((uint32_t)(s->l4 - s->l3) - IP6_HDR_LEN + tcp_len));
        memcpy(src.b, ip + 8, 16);
        memcpy(dst.b, ip + 24, 16);
        sok_csum_add_pseudo(pseudo, &src, &dst, SOK_IPPROTO_TCP, tcp_len);
    }
}

static void set_tcp(
    struct sok_split *s, bool first, bool last, struct sok_csum *pseudo, struct sok_frame_out *out)
{
    uint8_t *tcp = s->hdr + s->l4;
    uint8_t flags = s->flags;
    if (!first)
        flags &= (uint8_t)~ONLY_ON_FIRST;
    if (!last)
        flags &= (uint8_t)~ONLY_ON_LAST;
    tcp[SOK_TCP_FLAGS_OFFSET] = flags;
    sok_put32(tcp + SOK_TCP_SEQ_OFFSET, s->seq + s->at);
    out->meta = (struct sok_frame_meta){
        .csum_valid = s->super->meta.csum_valid,
        .csum_start = s->l4,
        .csum_offset = SOK_TCP_CSUM_OFFSET,
    };
    if (s->caps & SOK_LINK_CSUM) {
        out->meta.csum_partial = true;
        sok_put16(tcp + SOK_TCP_CSUM_OFFSET, sok_csum_fold(pseudo));
        return;
    }
    sok_put16(tcp + SOK_TCP_CSUM_OFFSET, 0);
    sok_csum_add(pseudo, tcp, (size_t)(s->hdr_len - s->l4));
    for (unsigned i = 1; i < out->iov_count; i++)
        sok_csum_add(pseudo, out->iov[i].base, out->iov[i].len);
    sok_put16(tcp + SOK_TCP_CSUM_OFFSET, sok_csum_final(pseudo));
}

static void cut_next(struct sok_split *s, struct sok_frame_out *out)
{
    uint32_t left = s->super->len - s->hdr_len - s->at;
    uint32_t want = left < s->super->meta.gso_size ? left : s->super->meta.gso_size;
    struct sok_csum pseudo;
    out->iov[0] = (struct sok_iov){s->hdr, s->hdr_len};
    out->iov_count = 1;
    uint32_t taken = take_payload(s, want, out);
    out->len = s->hdr_len + taken;
    set_ip(s, (uint32_t)(s->hdr_len - s->l4) + taken, &pseudo);
    set_tcp(s, s->at == 0, taken == left, &pseudo, out);
    s->at += taken;
    s->done = taken == left;
}

bool sok_split_next(struct sok_split *s, struct sok_frame_out *out)
{
    if (s->done)
        return false;
    if (s->cut) {
        cut_next(s, out);
        return true;
    }
    s->done = true;
    bool missing = s->super->meta.csum_partial && !(s->caps & SOK_LINK_CSUM);
    if (!missing || !complete(s, out))
        *out = *s->super;
    return true;
}
