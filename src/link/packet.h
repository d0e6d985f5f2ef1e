// An interface of this machine, with a MAC and addresses of our own on it, by AF_PACKET.
#ifndef SOK_LINK_PACKET_H
#define SOK_LINK_PACKET_H

#include <linux/filter.h>
#include "link/link.h"

struct sok_packet_options {
    const char *name; // the interface
    uint16_t mtu;     // 0: the interface's; never above it
    uint8_t mac[6];   // all zero: a random, locally administered one
    bool offload;     // super-frames and checksums left to the device on the way out
    // What is to be heard of it (an array of filter_len); NULL: all that is for mac, from a promiscuous
    // interface.
    const struct sock_filter *filter;
    uint16_t filter_len;
};
int sok_link_packet(const struct sok_mem *mem, const struct sok_packet_options *o,
    struct sok_link **out, char *err);

#endif
