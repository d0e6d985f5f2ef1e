// What a datagram or raw socket hears of multicast (RFC 3376 section 2), and how it sends to groups.
#ifndef SOCKEYE_GROUP_H
#define SOCKEYE_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sockeye/api.h>
#include <sockeye/addr.h>

SOK_DECLS_BEGIN

// JOIN: all sources, but those of BLOCK_SOURCE until UNBLOCK_SOURCE. JOIN_SOURCE: that source alone, and the next;
// without any left the socket has left the group.
enum sok_group_op {
    SOK_GROUP_JOIN,
    SOK_GROUP_LEAVE,
    SOK_GROUP_JOIN_SOURCE,
    SOK_GROUP_LEAVE_SOURCE,
    SOK_GROUP_BLOCK_SOURCE,
    SOK_GROUP_UNBLOCK_SOURCE,
};
struct sok_group_change {
    enum sok_group_op op;
    int link; // as sok_host_link_add() gave it; -1: where datagrams to the group would go
    struct sok_addr group, source;
};

struct sok_multicast_opts {
    int link;               // of what is sent; -1: by the routes
    struct sok_addr source; // any: of the link
    uint8_t ttl;            // 0: not even on the wire
    bool loop;              // sockets of this host that have joined hear it, too
    bool all; // groups are heard that others here have joined, as with Linux's IP_MULTICAST_ALL
};
#define SOK_MULTICAST_OPTS_DEFAULT                                                                 \
    {                                                                                              \
        .link = -1, .ttl = 1, .loop = true, .all = true                                            \
    }

SOK_DECLS_END

#endif
