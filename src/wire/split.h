// What a device does where there is none: cutting a super-frame into frames, completing a checksum.
// Used for links without the capability, by impairment (which is to see what a wire sees) and by
// the recorder.
//
//   sok_split_begin(&s, &frame, caps);
//   while (sok_split_next(&s, &out))
//       ... out is valid until the next call; it refers to the frame and to s
//
// `caps` also tells, by SOK_LINK_IP, that frames begin with the IP header. A frame whose metadata contradicts its bytes is passed on as it is: nothing is read or written outside of
// it. Headers (iov[0] up to hdr_len, or up to csum_start + csum_offset + 2) are copied, payload is referenced.
#ifndef SOK_WIRE_SPLIT_H
#define SOK_WIRE_SPLIT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/frame.h"

// Ethernet with two VLAN tags, IPv4 or IPv6 with some extension headers, TCP at its longest.
#define SOK_SPLIT_HDR_MAX 256

struct sok_split {
    const struct sok_frame_out *super;
    uint32_t caps;
    bool cut; // this is a super-frame that must be cut
    bool done;
    uint32_t at;  // payload bytes given so far
    unsigned iov; // the next payload byte: index and offset in super->iov
    size_t iov_off;
    uint16_t l3, l4, hdr_len; // where IP and TCP begin, and the payload
    uint16_t id;              // the super-frame's own header values
    uint32_t seq;
    uint8_t flags;
    uint8_t hdr[SOK_SPLIT_HDR_MAX];
};

void sok_split_begin(struct sok_split *s, const struct sok_frame_out *super, uint32_t caps);
bool sok_split_next(struct sok_split *s, struct sok_frame_out *out);

// Gathers `frame` into `dst` (room for frame->len); gives the bytes copied.
uint32_t sok_frame_gather(const struct sok_frame_out *frame, uint8_t *dst, uint32_t room);
// Completes csum_partial in place in a frame that is one run of bytes, and clears it. A super-frame
// gets one checksum over all of it: right for a recording.
void sok_frame_complete(uint8_t *frame, uint32_t len, struct sok_frame_meta *meta);
// Whether csum_start and csum_offset lie inside a frame of this length.
bool sok_frame_csum_inside(const struct sok_frame_meta *meta, uint32_t len);

#endif
