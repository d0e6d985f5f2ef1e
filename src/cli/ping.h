// sockeye ping --kernel: echo requests through a socket of the kernel's (icmp(7), IPPROTO_ICMP or
// IPPROTO_ICMPV6 with SOCK_DGRAM), which needs no privileges where net.ipv4.ping_group_range says so.
#ifndef SOK_CLI_PING_H
#define SOK_CLI_PING_H

#include "cli/kernel.h"

struct sok_ping_kernel;

// Looks the name up in a family (4, 6; 0: either) and makes the socket: 0, or an exit code after a message.
int sok_ping_kernel_open(struct sok_host *host, const char *name, unsigned family,
    struct sok_endpoint *to, struct sok_ping_kernel **out);
void sok_ping_kernel_close(struct sok_ping_kernel *k); // NULL is allowed
// As sok_ping_sendto and sok_ping_recv, but for rtt_ns.
int sok_ping_kernel_send(struct sok_ping_kernel *k, const struct sok_endpoint *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl);
int sok_ping_kernel_recv(struct sok_ping_kernel *k, struct sok_ping_reply *out);

#endif
