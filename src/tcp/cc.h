// Congestion control behind a small table of calls: one file for each algorithm. It decides about cwnd
// and ssthresh; loss.c decides what is lost, output.c what is sent.
#ifndef SOK_TCP_CC_H
#define SOK_TCP_CC_H

#include "tcp/internal.h"

struct sok_tcp_cc {
    const char *name;
    // Bytes were acknowledged outside recovery, and cwnd was what limited sending.
    void (*acked)(struct sok_tcp_conn *c, uint32_t bytes, int64_t now);
    // The slow-start threshold after a loss; flight is what was on the way (RFC 5681 equation 4).
    uint32_t (*ssthresh)(struct sok_tcp_conn *c, uint32_t flight, int64_t now);
};

extern const struct sok_tcp_cc sok_tcp_cc_newreno;

#endif
