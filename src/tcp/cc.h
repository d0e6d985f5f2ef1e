// Congestion control behind a small table of calls: one file for each algorithm. It decides about cwnd and
// ssthresh; rack.c and dupack.c decide what is lost, recovery.c what a loss or a mark does, output.c what is
// sent. Slow start is the same for all (hystart.c).
#ifndef SOK_TCP_CC_H
#define SOK_TCP_CC_H

#include "tcp/internal.h"

// What an acknowledgment brought, outside fast recovery and when the window was used.
struct sok_tcp_cc_ack {
    uint32_t bytes; // newly acknowledged
    int64_t rtt;    // ns; 0: no sample
    int64_t now;
};

struct sok_tcp_cc {
    const char *name;
    void (*acked)(struct sok_tcp_conn *c, const struct sok_tcp_cc_ack *a); // cwnd may grow
    // The threshold after a loss or a mark (c->retries > 0: after a timeout); flight is what was on the way.
    uint32_t (*ssthresh)(struct sok_tcp_conn *c, uint32_t flight, int64_t now);
    void (*undo)(
        struct sok_tcp_conn *c); // the last reduction was for nothing; cwnd is restored already
    // The window was not used for a while, until now: time that does not count.
    void (*paused)(struct sok_tcp_conn *c, int64_t now);
};

// In the order of the setting `congestion`; NULL: there are no more.
const struct sok_tcp_cc *sok_tcp_cc_number(int64_t number);
int64_t sok_tcp_cc_number_of(const struct sok_tcp_cc *cc);
// Starts anew with an algorithm; cwnd and ssthresh stay.
void sok_tcp_cc_use(struct sok_tcp_conn *c, const struct sok_tcp_cc *cc);

extern const struct sok_tcp_cc sok_tcp_cc_cubic, sok_tcp_cc_newreno;

// ---- hystart.c: slow start, with RFC 9406 ----
// Grows cwnd, not beyond ssthresh; returns the bytes left over for congestion avoidance.
uint32_t sok_tcp_slow_start(struct sok_tcp_conn *c, const struct sok_tcp_cc_ack *a);

#endif
