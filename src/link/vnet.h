// Frame metadata and the kernel's struct virtio_net_hdr, as TAP and AF_PACKET devices put it before each
// frame. Read first: the virtio specification section 5.1.6, include/linux/virtio_net.h of the kernel.
#ifndef SOK_LINK_VNET_H
#define SOK_LINK_VNET_H

#include <linux/virtio_net.h>
#include "link/link.h"

void sok_vnet_from_meta(const struct sok_frame_meta *m, struct virtio_net_hdr *h);
// False: not to be believed.
bool sok_vnet_to_meta(
    const struct virtio_net_hdr *h, const uint8_t *data, uint32_t len, struct sok_frame_meta *m);

#endif
