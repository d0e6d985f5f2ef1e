// Some ports of this machine's own address: an interface's MAC and address are shared with the kernel,
// which goes on using them. What comes for the ports is ours and, by an nftables table that goes when the
// process does, not the kernel's; the ports are bound in the kernel too, so that it gives them to nobody.
// ARP requests and what neighbours and routers
// ask and say over IPv6 are the kernel's alone.
#ifndef SOK_LINK_SHARE_H
#define SOK_LINK_SHARE_H

#include "link/link.h"

#define SOK_SHARE_PORTS 64

struct sok_share_options {
    const char *name;      // the interface
    uint32_t addr;         // its address, IPv4, host byte order
    const uint8_t *addr6;  // and one of IPv6; NULL: none
    uint8_t mac[6];        // its MAC address
    uint16_t first, count; // the ports; count 0: SOK_SHARE_PORTS that are free
    uint16_t mtu;          // 0: the interface's
    bool offload;
};
struct sok_share_ports {
    uint16_t first, count;
};
int sok_link_share(const struct sok_mem *mem, const struct sok_share_options *o,
    struct sok_share_ports *ports, struct sok_link **out, char *err);

#endif
