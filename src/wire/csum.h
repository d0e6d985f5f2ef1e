// The Internet checksum (RFC 1071) over pieces of any length and alignment.
#ifndef SOK_WIRE_CSUM_H
#define SOK_WIRE_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

struct sok_csum {
    uint64_t sum; // folded to 32 bits or less; in the machine's byte order
    bool odd;     // an odd number of bytes so far
};

static inline void sok_csum_init(struct sok_csum *c)
{
    *c = (struct sok_csum){0};
}
void sok_csum_add(struct sok_csum *c, const void *data, size_t len);
// The pseudo header of RFC 9293 section 3.1, or of RFC 8200 section 8.1 when both addresses are IPv6.
void sok_csum_add_pseudo(struct sok_csum *c, const struct sok_addr *src, const struct sok_addr *dst,
    uint8_t proto, uint32_t len);
// The same for IPv4 addresses as numbers.
void sok_csum_add_pseudo4(
    struct sok_csum *c, uint32_t src, uint32_t dst, uint8_t proto, uint32_t len);
uint16_t sok_csum_fold(const struct sok_csum *c);  // the sum, in host order: for csum_partial
uint16_t sok_csum_final(const struct sok_csum *c); // its complement, in host order: for sok_put16

#endif
