// The link `user`: no privileges at all. On its other side is a gateway inside the process, a stack that
// answers for every address, ends each connection, and goes on through the kernel's sockets: TCP, UDP and,
// where the kernel lets this user have them, ping sockets. What becomes of that comes back as what it was:
// a SYN,ACK when the kernel's connect has succeeded, a reset for a refusal, ICMP for what cannot be
// reached, silence while nothing is known. 127.0.0.0/8 is this machine's own, if the host sends it here
// (sok_stack_loopback_out).
#ifndef SOK_LINK_USER_H
#define SOK_LINK_USER_H

#include "link/link.h"

#define SOK_USER_GATEWAY      "198.18.0.1" // RFC 2544's block: nobody's on the outside
#define SOK_USER_CLIENT_CIDR  "198.18.0.2/24"
#define SOK_USER_GATEWAY6     "2001:2::1" // RFC 5180's
#define SOK_USER_CLIENT_CIDR6 "2001:2::2/64"

struct sok_user_options {
    uint16_t mtu;   // 0: 1500
    uint8_t mac[6]; // all zero: random
    bool offload;   // super-frames both ways
};
int sok_link_user(
    const struct sok_mem *mem, const struct sok_user_options *o, struct sok_link **out, char *err);

// Whether the kernel has a way to other hosts over IPv6, or at least itself (::1).
bool sok_link_user_has_v6(void);
bool sok_link_user_loops_v6(void);

// Whether the kernel gives this user ping sockets (net.ipv4.ping_group_range).
bool sok_link_user_can_ping(void);

#endif
