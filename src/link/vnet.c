#include "link/vnet.h"
#include "link/internal.h"

void sok_vnet_from_meta(const struct sok_frame_meta *m, struct virtio_net_hdr *h)
{
    *h = (struct virtio_net_hdr){0};
    if (m->csum_partial) {
        h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        h->csum_start = m->csum_start;
        h->csum_offset = m->csum_offset;
    }
    if (m->gso != SOK_GSO_NONE) {
        h->gso_type = m->gso == SOK_GSO_TCP6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
        if (m->gso_ecn)
            h->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
        h->gso_size = m->gso_size;
        h->hdr_len = m->hdr_len;
    }
}

// False: not to be believed. The kernel's hdr_len is only a hint (what it has in one piece), so the
// length of the headers is taken from TCP's own.
bool sok_vnet_to_meta(
    const struct virtio_net_hdr *h, const uint8_t *data, uint32_t len, struct sok_frame_meta *m)
{
    *m = (struct sok_frame_meta){0};
    if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        m->csum_partial = true;
        m->csum_valid = true; // it never was on a wire
        m->csum_start = h->csum_start;
        m->csum_offset = h->csum_offset;
    } else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        m->csum_valid = true;
    }
    switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        break;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        m->gso = SOK_GSO_TCP4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        m->gso = SOK_GSO_TCP6;
        break;
    default:
        return false;
    }
    if (m->gso != SOK_GSO_NONE) {
        m->gso_ecn = h->gso_type & VIRTIO_NET_HDR_GSO_ECN;
        m->gso_size = h->gso_size;
        if ((uint32_t)m->csum_start + 20 > len)
            return false;
        m->hdr_len = (uint16_t)(m->csum_start + 4 * (data[m->csum_start + 12] >> 4));
    }
    return sok_link_meta_ok(m, data, len);
}
