// What of an interface's traffic a packet socket is to copy: classic BPF, run by the kernel. Frames come to it
// from their Ethernet header on, without the VLAN's tag.
#ifndef SOK_LINK_PACKET_FILTER_H
#define SOK_LINK_PACKET_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

#define SOK_PACKET_FILTER_MAX 80

struct sok_packet_filter {
    struct sock_filter code[SOK_PACKET_FILTER_MAX];
    uint16_t len;
};

// What is for this station, or for a group of them.
void sok_packet_filter_mac(struct sok_packet_filter *f, const uint8_t mac[6]);

// What is for these ports of this address (IPv4, host byte order), ICMP that answers or concerns something (the
// stack knows what is its own), ARP replies, and fragments behind a first one, which end with the first when
// that did not pass. So there is nothing that the stack would answer in the kernel's place.
// With addr6 (NULL: none) the same of an IPv6 address: ICMPv6 errors and echo replies to it, and of neighbour discovery the
// advertisements that answer us; what is asked, and what routers say to all, is the kernel's. Packets with extension
// headers other than of fragments are left to it.
void sok_packet_filter_ports(struct sok_packet_filter *f, uint32_t addr, const uint8_t addr6[16],
    uint16_t first, uint16_t last);

#endif
