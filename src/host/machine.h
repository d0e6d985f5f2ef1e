// Facts of the machine this runs on, as its kernel tells them over netlink: interfaces, addresses, routes
// of the main table. A snapshot; nothing is changed and no privilege is needed.
#ifndef SOK_HOST_MACHINE_H
#define SOK_HOST_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"

#define SOK_MACHINE_ROUTES_MAX 4096 // a router may have a million: the first are kept

struct sok_machine_if {
    unsigned index;
    char name[16];
    uint32_t mtu;
    uint8_t mac[6]; // all zero without Ethernet
    bool ethernet, up, running;
};

struct sok_machine_addr {
    unsigned if_index;
    struct sok_addr addr;
    uint8_t prefix_len;
    bool global;    // of use outside of its link
    bool unusable;  // IPv6: not ours yet, or being given up
    bool temporary; // not the interface's first (secondary, or by RFC 8981)
};

struct sok_machine_route {
    struct sok_addr net, gateway; // gateway any: on-link
    uint8_t prefix_len;
    unsigned if_index;
    uint32_t metric;
};

struct sok_machine {
    struct sok_machine_if *ifs;
    struct sok_machine_addr *addrs;
    struct sok_machine_route *routes;
    unsigned if_count, addr_count, route_count;
};

// 0, or a negative error and a line in err (SOK_HOST_ERR_MAX bytes, may be NULL).
int sok_machine_read(struct sok_machine *out, char *err);
void sok_machine_free(struct sok_machine *m);

const struct sok_machine_if *sok_machine_if_named(const struct sok_machine *m, const char *name);
const struct sok_machine_if *sok_machine_if_at(const struct sok_machine *m, unsigned index);
// The route of a family to everything else, the one of the least metric; on this interface alone unless
// if_index is 0. NULL: there is none.
const struct sok_machine_route *sok_machine_default(
    const struct sok_machine *m, bool v6, unsigned if_index);
// The interface's first address of a family of use outside; NULL: it has none.
const struct sok_machine_addr *sok_machine_addr_on(
    const struct sok_machine *m, bool v6, unsigned if_index);

#endif
