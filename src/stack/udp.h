// A UDP socket from inside, for udp.c (opening, what comes in, receiving) and udp_send.c (sending).
#ifndef SOK_STACK_UDP_H
#define SOK_STACK_UDP_H

#include "stack/internal.h"

struct sok_datagram;

struct sok_udp {
    struct sok_sock sock;
    struct sok_stack *stack;
    struct sok_map_node node; // in stack->udp, by local port; 0 is every port
    struct sok_endpoint local, remote;
    bool connected;
    bool blocked;   // waits for room in a link's queue
    int error;      // pending
    bool spread;    // of those that share it, each sender goes to one
    unsigned flags; // enum sok_bind_flag
    struct sok_dgram_opts opts;
    struct sok_multicast_opts multicast;
    struct sok_memberships groups;
    struct sok_datagram *first, *last;
    size_t queued; // bytes of memory in the queue
    struct sok_errqueue errors;
};

// What the socket is ready for, after anything of that has changed.
void sok_udp_update(struct sok_udp *u);
// All addresses of one family are no source for the other.
bool sok_udp_other_family(const struct sok_udp *u, const struct sok_addr *to);

#endif
