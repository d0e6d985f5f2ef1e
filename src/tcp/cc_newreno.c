// Congestion avoidance and the threshold after a loss (RFC 5681 sections 3.1 and 3.2, with byte counting by
// RFC 3465 where a receiver acknowledges many segments at once).
#include "tcp/cc.h"

static void acked(struct sok_tcp_conn *c, const struct sok_tcp_cc_ack *a)
{
    struct sok_tcp_newreno *s = &c->cc_state.newreno;
    uint32_t mss = sok_tcp_send_mss(c);
    s->counted += sok_tcp_slow_start(c, a);
    uint32_t usable = c->cwnd - c->cwnd % mss; // only whole segments are sent
    if (s->counted >= usable) {                // a window's worth: one segment more each round trip
        s->counted -= usable;
        c->cwnd += mss;
    }
}

static uint32_t ssthresh(struct sok_tcp_conn *c, uint32_t flight, int64_t now)
{
    uint32_t least = 2u * sok_tcp_send_mss(c);
    (void)now;
    c->cc_state.newreno.counted = 0;
    return flight / 2 > least ? flight / 2 : least; // equation 4
}

static void undo(struct sok_tcp_conn *c)
{
    (void)c;
}

static void paused(struct sok_tcp_conn *c, int64_t now)
{
    (void)c;
    (void)now;
}

const struct sok_tcp_cc sok_tcp_cc_newreno = {"newreno", acked, ssthresh, undo, paused};
