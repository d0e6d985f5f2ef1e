// IPv4 addresses made without anybody's help (RFC 3927): one of 169.254.1.0 to 169.254.254.255, chosen by the MAC
// address so that it is the same the next time, probed and defended by acd.c (RFC 5227), and given up for another
// when it is somebody's.
#ifndef SOK_STACK_LINK_LOCAL_H
#define SOK_STACK_LINK_LOCAL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/event.h"

struct sok_stack;

// Of one link.
struct sok_link_local {
    bool on;
    struct sok_addr addr; // probed or in use
    uint32_t conflicts;   // addresses before it that were somebody's
    int64_t retry_at;     // SOK_TIME_NEVER: none
};

void sok_link_local_news(
    struct sok_stack *s, uint8_t link, const struct sok_addr *addr, enum sok_addr_news what);
void sok_link_locals_advance(struct sok_stack *s, int64_t now);
int64_t sok_link_locals_deadline(const struct sok_stack *s);

#endif
