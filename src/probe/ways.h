// The way to an address as the kernel would go: through which interface, from which address of ours, by which
// next hop with which MAC. Asked over netlink, packet by packet, with the latest answers kept.
#ifndef SOK_PROBE_WAYS_H
#define SOK_PROBE_WAYS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/err.h"
#include "base/mem.h"
#include "craft/packet.h"

#define SOK_PROBE_ERR_MAX 256

struct sok_way {
    unsigned if_index;
    char if_name[16];
    uint32_t mtu;
    struct sok_addr source; // any: this family has none there
    struct sok_addr hop;    // the destination itself when it is on the link
    bool local;             // an address of this machine: through the loopback device
    bool to_many;           // broadcast or multicast
    bool ethernet;
    uint8_t mac[6]; // of the interface
};

struct sok_ways;
// `interface` (NULL: whichever the route says) is where everything leaves. 0, or an error and a line in err
// (SOK_PROBE_ERR_MAX).
int sok_ways_open(
    const struct sok_mem *mem, const char *interface, struct sok_ways **out, char *err);
void sok_ways_close(struct sok_ways *w);
unsigned sok_ways_interface(
    const struct sok_ways *w); // the index of the one it was opened with; 0: none
// Nothing of what was found so far is known any more: routes and neighbours change.
void sok_ways_forget(struct sok_ways *w);
// SOK_ENETUNREACH: no route.
int sok_ways_find(struct sok_ways *w, struct sok_addr dst, struct sok_way *out, char *err);

// The MAC that a packet for dst goes to. Known to the kernel already, or (wait_ms above 0) the kernel is made
// to ask for it, and has that long. SOK_EHOSTUNREACH: nobody answered. SOK_EOPNOTSUPP: no Ethernet there.
int sok_ways_hop_mac(
    struct sok_ways *w, struct sok_addr dst, unsigned wait_ms, uint8_t mac[6], char *err);

// A line about the first next hop that was waited for and did not say its MAC; NULL: all did.
const char *sok_ways_silence(const struct sok_ways *w);

// For building packets: sources and MACs from the kernel's tables. wait_ms as above. *out refers to w.
void sok_ways_world(struct sok_ways *w, unsigned wait_ms, struct sok_craft_world *out);

#endif
