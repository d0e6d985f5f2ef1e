// Slow start, congestion avoidance and the threshold after a loss (RFC 5681 sections 3.1 and 3.2, with
// byte counting by RFC 3465 where a receiver acknowledges many segments at once).
#include "tcp/cc.h"

enum { COUNTED = 0 }; // cc_state: bytes acknowledged since cwnd last grew by a segment

static void acked(struct sok_tcp_conn *c, uint32_t bytes, int64_t now)
{
    (void)now;
    uint32_t mss = sok_tcp_send_mss(c);
    if (c->cwnd < c->ssthresh) { // slow start, not beyond ssthresh
        uint32_t grow = c->ssthresh - c->cwnd < bytes ? c->ssthresh - c->cwnd : bytes;
        c->cwnd += grow;
        bytes -= grow;
    }
    c->cc_state[COUNTED] += bytes;
    if (c->cc_state[COUNTED] >= c->cwnd) { // a window's worth: one segment more each round trip
        c->cc_state[COUNTED] -= c->cwnd;
        c->cwnd += mss;
    }
}

static uint32_t ssthresh(struct sok_tcp_conn *c, uint32_t flight, int64_t now)
{
    (void)now;
    uint32_t least = 2u * sok_tcp_send_mss(c);
    c->cc_state[COUNTED] = 0;
    return flight / 2 > least ? flight / 2 : least; // equation 4
}

const struct sok_tcp_cc sok_tcp_cc_newreno = {"newreno", acked, ssthresh};
