// Filters of packets as programs attach them to sockets: the classic machine of "The BSD Packet Filter" (McCanne and
// Jacobson, 1993) with the loads that Linux added to it (<linux/filter.h>). A program is checked once; then it runs to an
// end whatever the packet is: there are no jumps back, and what is not in the packet ends it with 0.
#ifndef SOK_BASE_BPF_H
#define SOK_BASE_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

#define SOK_BPF_MOST 4096 // instructions

// As struct sock_filter.
struct sok_bpf_insn {
    uint16_t code;
    uint8_t jump_true, jump_false;
    uint32_t k;
};

// A packet in pieces, as it is seen: `cut_len` bytes at `cut` are passed over (a tag that is taken off), and what the filter
// counts from is `start`.
struct sok_bpf_packet {
    const struct sok_iov *iov;
    unsigned count;
    uint32_t len; // of all pieces
    uint32_t cut, cut_len;
    uint32_t start; // from here on all is without what is cut
    uint32_t net;   // where the link's header ends
    // What Linux lets a filter ask for besides.
    uint16_t type;
    uint8_t kind;
    uint32_t index;
    uint32_t hardware;
};

// False: Linux would not take it (EINVAL).
bool sok_bpf_check(const struct sok_bpf_insn *program, unsigned count);
// How many bytes of the packet are wanted; 0: none. The program was checked.
uint32_t sok_bpf_run(const struct sok_bpf_insn *program, const struct sok_bpf_packet *packet);

#endif
