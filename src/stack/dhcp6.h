// Stateless DHCPv6 (RFC 8415 section 6.1): what a router says that addresses do not come from, name servers and search
// list, is asked for once and again when its time is over. Their places are slaac.c's, beside those of routers.
#ifndef SOK_STACK_DHCP6_H
#define SOK_STACK_DHCP6_H

#include <stdbool.h>
#include <stdint.h>

struct sok_stack;
struct sok_in;

struct sok_dhcp6 {
    bool wanted;
    bool answered;      // at least once
    uint32_t xid;       // 24 bits
    uint32_t tries;     // of this exchange; 0: none goes on
    int64_t began, due; // SOK_TIME_NEVER: nothing to do
    int64_t wait, wait_max;
};

// A router says that there is more to be known: asks, unless it is asked or known already.
void sok_dhcp6_ask(struct sok_stack *s, uint8_t link, int64_t now);
// Whether this link's servers were asked and none has answered yet.
bool sok_dhcp6_asking(const struct sok_stack *s, uint8_t link);
// Takes what came for port 546, from behind the UDP header. False: nobody asked on this link.
bool sok_dhcp6_input(struct sok_stack *s, struct sok_in *in, const uint8_t *p, uint32_t len);
void sok_dhcp6_advance(struct sok_stack *s, int64_t now);
int64_t sok_dhcp6_deadline(const struct sok_stack *s);

#endif
