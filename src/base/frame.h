// Frames and what is known about them beside their bytes. A "super-frame" is one TCP segment of up to
// 64 KB under a single header that a device (or wire/split.h) cuts into MTU-sized frames.
#ifndef SOK_BASE_FRAME_H
#define SOK_BASE_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

enum sok_gso {
    SOK_GSO_NONE,
    SOK_GSO_TCP4, // cut the TCP payload every gso_size bytes
    SOK_GSO_TCP6,
};

struct sok_frame_meta {
    uint8_t gso;       // enum sok_gso
    bool gso_ecn;      // CWR on the first frame only
    bool csum_partial; // the 16 bits at csum_start + csum_offset hold the sum of the pseudo header
                       // only; the sum from csum_start to the end is still to be completed
    bool csum_valid;   // received: the transport checksum has been verified by the link
    uint16_t gso_size; // payload bytes in each frame of a super-frame
    uint16_t hdr_len;  // Ethernet + IP + TCP headers of a super-frame
    uint16_t csum_start;  // from the start of the frame
    uint16_t csum_offset; // from csum_start
};

// A frame that arrived. The buffer's reference stays the caller's; who keeps data takes its own.
struct sok_frame {
    struct sok_buf *buf;
    uint32_t off; // where the link-layer header begins
    uint32_t len;
    struct sok_frame_meta meta;
};

// A frame to send, as gather list. Owned by who made it; valid until the next call there.
#define SOK_OUT_IOV_MAX 20
struct sok_frame_out {
    struct sok_iov iov[SOK_OUT_IOV_MAX]; // iov[0] holds at least all headers
    unsigned iov_count;
    uint32_t len; // sum of the iov lengths
    struct sok_frame_meta meta;
};

// What a link tells the stack about itself when it is added.
enum sok_link_cap {
    SOK_LINK_CSUM = 1,  // completes csum_partial on the way out
    SOK_LINK_TSO = 2,   // takes super-frames (implies CSUM)
    SOK_LINK_POINT = 4, // nobody else on it (a private TAP, mem, lan): no address probing
    SOK_LINK_IP = 8,    // frames begin with the IP header (tun): no Ethernet, no ARP, mac unused
};

#define SOK_LINK_NAME_MAX 32
struct sok_link_info {
    char name[SOK_LINK_NAME_MAX]; // for people: "tap0", "lan:a"
    uint8_t mac[6];
    uint16_t mtu;  // IP bytes in a frame; 68 to 65535
    uint16_t vlan; // 0: none; else the 802.1Q tag put on and expected, 1 to 4094
    uint32_t caps; // enum sok_link_cap, or'ed
};

#endif
