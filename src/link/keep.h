// Keeps what arrives for some ports from the kernel's own TCP and UDP.
#ifndef SOK_LINK_KEEP_H
#define SOK_LINK_KEEP_H

#include <stdint.h>

struct sok_keep {
    unsigned if_index;
    uint32_t addr; // IPv4, host byte order
    uint16_t first, last;
    const uint8_t *addr6; // IPv6; NULL: none
};
// A descriptor: until it is closed, by whomever, the kernel drops them. Or an error, and a line in err.
int sok_keep_open(const struct sok_keep *what, char *err);

#endif
