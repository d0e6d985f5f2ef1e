// The sockets of c-ares: each is one of this host's.
#ifndef SOK_HOST_NAMES_SOCKETS_H
#define SOK_HOST_NAMES_SOCKETS_H

#include <ares.h>
#include <sockeye/host.h>
#include <sockeye/socket.h>

#define SOK_NAMES_SOCKETS_MAX 64

// Its place in the table, from 1, is what c-ares takes for a descriptor.
struct sok_names_socket {
    struct sok_socket *s; // NULL: free
    struct sok_endpoint remote;
    bool stream;
    bool may_write;  // said since the last pump
    uint8_t mask[2]; // names_sockets.c
};

// A server with a link-local address, which c-ares knows without its zone.
struct sok_names_near {
    struct sok_addr addr;
    uint32_t zone;
};
#define SOK_NAMES_NEAR_MAX 8 // more are left out

struct sok_names_sockets {
    struct sok_host *host;
    struct sok_names_near near[SOK_NAMES_NEAR_MAX];
    unsigned near_count;
    bool nobody; // there is no server
    int error;   // the last of a socket to a server; 0: none
    struct sok_names_socket all[SOK_NAMES_SOCKETS_MAX];
};

// Their context is the struct above.
extern const struct ares_socket_functions sok_names_sockets_functions;
// Lets the channel take what arrived; how much was done.
unsigned sok_names_sockets_pump(struct sok_names_sockets *n, ares_channel channel);

#endif
