// Addresses are part of the public interface, declared in include/sockeye/addr.h; what only the stack asks about
// them is here.
#ifndef SOK_BASE_ADDR_H
#define SOK_BASE_ADDR_H

#include <sockeye/addr.h>

// How an address and port are bound.
enum sok_bind_flag {
    SOK_BIND_SHARED = 1,      // others that say so too may have the same
    SOK_BIND_V6ONLY = 2,      // :: is not every address of IPv4 too
    SOK_BIND_DEVICE = 0xff00, // its bits are a device: the number of a link + 1; 0: every link
};
static inline uint8_t sok_bind_device(unsigned flags)
{
    return (uint8_t)(flags >> 8 & 0xff);
}
static inline unsigned sok_bind_on(unsigned flags, uint8_t device)
{
    return (flags & ~(unsigned)SOK_BIND_DEVICE) | (unsigned)device << 8;
}
// Each is bound to a device of its own: nothing that comes is for both.
static inline bool sok_bind_apart(unsigned a, unsigned b)
{
    return sok_bind_device(a) && sok_bind_device(b) && sok_bind_device(a) != sok_bind_device(b);
}

// Whether a socket bound to `local` hears what is sent to `to`: an address hears its own, 0.0.0.0 all of IPv4, and
// :: all of both families, with v6only of IPv6 alone (RFC 3493 section 5.3).
bool sok_addr_hears(struct sok_addr local, bool v6only, struct sok_addr to);
// How well a socket that hears it is meant by it: its own address before all of its family, that before all of both.
unsigned sok_addr_nearness(struct sok_addr local);
// Whether something could be sent that sockets bound to these would both hear.
bool sok_addr_overlaps(struct sok_addr a, bool a_v6only, struct sok_addr b, bool b_v6only);

#endif
