// An interface of this machine, with a MAC and addresses of our own on it, by AF_PACKET.
#ifndef SOK_LINK_PACKET_H
#define SOK_LINK_PACKET_H

#include "link/link.h"
#include "link/packet_filter.h"

struct sok_packet_options {
    const char *name; // the interface
    uint16_t mtu;     // 0: the interface's; never above it
    uint8_t mac[6];   // all zero: a random, locally administered one
    bool offload;     // super-frames and checksums left to the device on the way out
    // What is to be heard; NULL: all that is for mac or for everybody, from a promiscuous interface.
    const struct sok_packet_filter *filter;
};
int sok_link_packet(const struct sok_mem *mem, const struct sok_packet_options *o,
    struct sok_link **out, char *err);

#endif
